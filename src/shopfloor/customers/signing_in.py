"""An account by a code that is sent by mail, or by SMS where the shop sends any: asking for one, proving an address or a
number with it, sessions.

Whoever proves an address or a number has the account with it, and a code is sent whether there is one or not: an answer tells
nobody who is a customer.  A code is good in the browser that asked for it and in no other, and so is the link in
the message: whoever opens it elsewhere sees the code and is not signed in.
"""

import secrets
from typing import Final
from uuid import UUID, uuid4

from shopfloor import embeds, notices, notifications, sms, stock
from shopfloor.accounts import Shop
from shopfloor.customers import basket_queries, contacts, queries, signing_in_queries
from shopfloor.customers.models import (
    BY_SHOP,
    CODE_DIGITS,
    CODE_LASTS,
    FROM_NETWORK,
    MOST_TRIES,
    QUARTER,
    SESSION_LASTS,
    TO_ADDRESS,
    Asked,
    CodeOver,
    Customer,
    NotAnEmail,
    Opened,
    Session,
    SignInFirst,
    TooManyCodes,
    Way,
    WrongCode,
    hashed,
    hashed_code,
    normal_email,
    typed_code,
    way_of,
)
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.values import new_id, now

_DEVICE_LETTERS: Final = 200


async def ask_code(
    tx: Tx,
    *,
    shop: Shop,
    contact: str,
    network: int | None,
    locale: str,
    box: Box,
    changes: Customer | None = None,
) -> Asked:
    """Send a code to this address or number; `changes`: the account whose contact it is to become.

    Raises NotAnEmail, TooManyCodes with `again_in` seconds; for a number NoSms, NotAPhone.
    """
    found = await reachable(tx, shop_id=shop.id, contact=contact)
    keys = {contact_key(shop.id, found), _key(f"network {network}"), _key(f"shop {shop.id}")}
    await signing_in_queries.lock_sending(tx, keys=sorted(keys))
    sent = await signing_in_queries.sent(
        tx, shop_id=shop.id, email=found, network=network, lately=QUARTER, most=BY_SHOP
    )
    if sent.to_lately >= TO_ADDRESS[0] or sent.from_lately >= FROM_NETWORK[0]:
        raise TooManyCodes(again_in=int(QUARTER.total_seconds()))
    if sent.to_today >= TO_ADDRESS[1] or sent.from_today >= FROM_NETWORK[1] or sent.by_shop >= BY_SHOP:
        raise TooManyCodes(again_in=86_400)
    by_phone = way_of(found) is Way.PHONE
    if by_phone and not await sms.has_room(tx, shop_id=shop.id):
        raise TooManyCodes(again_in=86_400)
    code_id, device = uuid4(), secrets.token_urlsafe(32)
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    await signing_in_queries.insert_code(
        tx,
        code_id=code_id,
        shop_id=shop.id,
        email=found,
        network=network,
        device=hashed(device) if not by_phone and changes is None else _newer(device),
        secret=hashed_code(code_id, device, code),
        lasts=CODE_LASTS,
    )
    if changes is not None:
        await signing_in_queries.insert_change(tx, code_id=code_id, shop_id=shop.id, customer_id=changes.id)
    kinds = notices.Kind
    await notices.tell(
        tx,
        notices.NewNotice(
            shop.id,
            new_id(),
            kinds.SIGN_IN_CODE if changes is None else kinds.CONTACT_CODE,
            found,
            locale,
            expires_at=now() + CODE_LASTS,
        ),
        box=box,
        secret=f"/s/{shop.slug}/account/code/{code}",
    )
    return Asked(device, found)


async def reachable(tx: Tx, *, shop_id: int, contact: str) -> str:
    """The address or number as it is compared.  Raises NotAnEmail; for a number NoSms, NotAPhone."""
    kind = notices.Kind.SIGN_IN_CODE
    gateway = await sms.sends(tx, shop_id=shop_id, kind=kind)
    if way_of(contact) is Way.PHONE and gateway is not None:
        return sms.number(gateway, contact)
    address = normal_email(contact)
    if not notifications.Reader(shop_id, address).can_be_reached:
        raise NotAnEmail(field="email")
    return address


def _newer(device: str) -> bytes:
    """Of codes that the release before phones could be signed in with does not know: it must not find them."""
    return hashed(f"contact {device}")


def _devices(device: str) -> list[bytes]:
    return [hashed(device), _newer(device)]


def contact_key(shop_id: int, contact: str) -> int:
    return _key(f"{shop_id} {contact}")


def _key(text: str) -> int:
    """An advisory lock of its own for each."""
    return int.from_bytes(hashed(f"customers.code {text}")[:8], signed=True)


async def waits_for(tx: Tx, *, shop_id: int, device: str | None, changes: UUID | None = None) -> str | None:
    """Where the code that this browser asked for went; None when it waits for none."""
    if not device:
        return None
    return await signing_in_queries.code_email(tx, shop_id=shop_id, devices=_devices(device), changes=changes)


async def proven(
    tx: Tx, *, shop_id: int, device: str | None, code: str, changes: UUID | None = None
) -> str | Refusal:
    """The address or number that this code proves.  A refusal is returned, not raised: what was tried must be counted.

    CodeOver where the browser waits for no code, it is over, or was tried too often; else WrongCode with `left`.
    """
    row = (
        None
        if not device
        else await signing_in_queries.lock_code(tx, shop_id=shop_id, devices=_devices(device))
    )
    if row is None or device is None or row.is_over or row.tries >= MOST_TRIES or row.changes != changes:
        return CodeOver()
    typed = typed_code(code)
    if not secrets.compare_digest(bytes(row.secret), hashed_code(row.id, device, typed)):
        await signing_in_queries.count_try(tx, code_id=row.id)
        left = MOST_TRIES - row.tries - 1
        return WrongCode(left=left, field="code") if left else CodeOver()
    await signing_in_queries.use_code(tx, code_id=row.id)
    # Two who prove one number at a time are one after the other.
    await signing_in_queries.lock_sending(tx, keys=[contact_key(shop_id, row.email)])
    return row.email


async def open_account(
    tx: Tx,
    *,
    shop_id: int,
    device: str | None,
    code: str,
    shopper: UUID,
    browser: str = "",
    locale: str = "",
) -> Opened | Refusal:
    """Sign in with a code.  Returns what `proven` refuses."""
    contact = await proven(tx, shop_id=shop_id, device=device, code=code)
    if isinstance(contact, Refusal):
        return contact
    return await sign_in(
        tx, shop_id=shop_id, contact=contact, shopper=shopper, browser=browser, locale=locale
    )


async def change_contact(
    tx: Tx, *, shop: Shop, customer: Customer, device: str | None, code: str, token: str
) -> Refusal | None:
    """What the code proves becomes the account's.  Returns what `proven` refuses, and ContactTaken."""
    contact = await proven(tx, shop_id=shop.id, device=device, code=code, changes=customer.id)
    if isinstance(contact, Refusal):
        return contact
    return await contacts.change(tx, shop=shop, customer=customer, contact=contact, token=token)


async def sign_in(
    tx: Tx, *, shop_id: int, contact: str, shopper: UUID, browser: str = "", locale: str = ""
) -> Opened:
    """For somebody who has proved this address or number: their orders as a guest are in the account from now on."""
    if way_of(contact) is Way.PHONE:
        customer = await contacts.with_phone(tx, shop_id=shop_id, phone=contact, locale=locale[:16])
    else:
        customer = await queries.prove(
            tx, customer_id=new_id(), shop_id=shop_id, email=normal_email(contact), locale=locale[:16]
        )
    token = secrets.token_urlsafe(32)
    # One account at a time in a browser.
    await signing_in_queries.delete_sessions_of_browser(tx, shop_id=shop_id, shopper=shopper)
    await signing_in_queries.insert_session(
        tx,
        token=hashed(token),
        shop_id=shop_id,
        customer_id=customer.id,
        shopper=shopper,
        device="".join(filter(str.isprintable, browser))[:_DEVICE_LETTERS],
        lasts=SESSION_LASTS,
    )
    await signing_in_queries.insert_browser(tx, shop_id=shop_id, customer_id=customer.id, shopper=shopper)
    await stock.paid(tx, shop_id=shop_id, hold_ids=[], buyers=[shopper], account=customer.id)
    return Opened(token, customer)


async def signed_in(tx: Tx, *, shop_id: int, token: str | None, shopper: UUID) -> Customer | None:
    """Whose session this is in this shop; None where there is none.  Using it moves its end on."""
    if not token:
        return None
    row = await signing_in_queries.session(tx, shop_id=shop_id, token=hashed(token))
    if row is None:
        return None
    if row.stale or row.shopper != shopper:
        await signing_in_queries.move_session_on(
            tx, token=hashed(token), shopper=shopper, lasts=SESSION_LASTS
        )
        await signing_in_queries.insert_browser(
            tx, shop_id=shop_id, customer_id=row.customer_id, shopper=shopper
        )
        await stock.paid(tx, shop_id=shop_id, hold_ids=[], buyers=[shopper], account=row.customer_id)
    return await queries.customer(tx, shop_id=shop_id, customer_id=row.customer_id)


async def others(tx: Tx, *, shop_id: int, token: str | None, shopper: UUID, key: str = "") -> list[UUID]:
    """The other browsers whose basket is this one's too: those signed in to its account, and those whose link to pay
    after a show was followed here (`key`, where it is followed just now).
    """
    if key:
        await basket_queries.open_basket(tx, shop_id=shop_id, key=key, shopper=shopper)
    found = await basket_queries.opened_baskets(tx, shop_id=shop_id, shopper=shopper)
    if token:
        found += await signing_in_queries.shoppers_of_session(tx, shop_id=shop_id, token=hashed(token))
    return [each for each in dict.fromkeys(found) if each != shopper]


async def must_be_signed_in(tx: Tx, *, shop_id: int, token: str | None, shopper: UUID) -> Customer:
    """Raises SignInFirst."""
    found = await signed_in(tx, shop_id=shop_id, token=token, shopper=shopper)
    if found is None:
        raise SignInFirst
    return found


async def sign_out(tx: Tx, *, shop_id: int, token: str | None, everywhere: bool = False) -> None:
    """End this session, or all of its customer's.  Nothing happens where there is none."""
    if not token:
        return
    if everywhere:
        row = await signing_in_queries.session(tx, shop_id=shop_id, token=hashed(token))
        if row is not None:
            await signing_in_queries.delete_sessions(tx, shop_id=shop_id, customer_id=row.customer_id)
    await signing_in_queries.delete_session(tx, shop_id=shop_id, token=hashed(token))


async def sessions(tx: Tx, *, shop_id: int, customer_id: UUID, token: str = "") -> list[Session]:
    return await signing_in_queries.sessions(
        tx, shop_id=shop_id, customer_id=customer_id, token=hashed(token)
    )


async def forget_over(tx: Tx) -> None:
    """Codes, sessions, links to baskets and ways out of frames that are over."""
    await signing_in_queries.forget_codes(tx)
    await signing_in_queries.delete_expired_sessions(tx)
    await basket_queries.delete_baskets(tx)
    await embeds.forget_ways_out(tx)
