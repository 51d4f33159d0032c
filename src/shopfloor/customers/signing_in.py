"""An account by a code that is sent by mail: asking for one, proving an address with it, sessions.

Whoever proves an address has the account with it, and a code is sent whether there is one or not: an answer tells
nobody who is a customer.  A code is good in the browser that asked for it and in no other, and so is the link in
the message: whoever opens it elsewhere sees the code and is not signed in.
"""

import secrets
from typing import Final
from uuid import UUID, uuid4

from shopfloor import notifications, stock
from shopfloor.accounts import Shop
from shopfloor.customers import queries
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
    WrongCode,
    hashed,
    hashed_code,
    normal_email,
    typed_code,
)
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.values import new_id, now

_DEVICE_LETTERS: Final = 200


async def ask_code(tx: Tx, *, shop: Shop, email: str, network: int | None, locale: str, box: Box) -> Asked:
    """Send a code to this address.  Raises NotAnEmail, TooManyCodes with `again_in` seconds."""
    address = normal_email(email)
    if not notifications.Reader(shop.id, address).can_be_reached:
        raise NotAnEmail(field="email")
    keys = {_key(f"{shop.id} {address}"), _key(f"network {network}"), _key(f"shop {shop.id}")}
    await queries.lock_sending(tx, keys=sorted(keys))
    sent = await queries.sent(
        tx, shop_id=shop.id, email=address, network=network, lately=QUARTER, most=BY_SHOP
    )
    if sent.to_lately >= TO_ADDRESS[0] or sent.from_lately >= FROM_NETWORK[0]:
        raise TooManyCodes(again_in=int(QUARTER.total_seconds()))
    if sent.to_today >= TO_ADDRESS[1] or sent.from_today >= FROM_NETWORK[1] or sent.by_shop >= BY_SHOP:
        raise TooManyCodes(again_in=86_400)
    code_id, device = uuid4(), secrets.token_urlsafe(32)
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    await queries.insert_code(
        tx,
        code_id=code_id,
        shop_id=shop.id,
        email=address,
        network=network,
        device=hashed(device),
        secret=hashed_code(code_id, device, code),
        lasts=CODE_LASTS,
    )
    await notifications.tell(
        tx,
        notifications.NewNotice(
            shop.id,
            new_id(),
            notifications.Kind.SIGN_IN_CODE,
            address,
            locale,
            expires_at=now() + CODE_LASTS,
        ),
        box=box,
        secret=f"/s/{shop.slug}/account/code/{code}",
    )
    return Asked(device, address)


def _key(text: str) -> int:
    """An advisory lock of its own for each."""
    return int.from_bytes(hashed(f"customers.code {text}")[:8], signed=True)


async def waits_for(tx: Tx, *, shop_id: int, device: str | None) -> str | None:
    """Where the code that this browser asked for went; None when it waits for none."""
    return None if not device else await queries.code_email(tx, shop_id=shop_id, device=hashed(device))


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
    """Sign in with a code.  A refusal is returned, not raised: what was tried must be counted.

    CodeOver where the browser waits for no code, it is over, or was tried too often; else WrongCode with `left`.
    """
    row = None if not device else await queries.lock_code(tx, shop_id=shop_id, device=hashed(device))
    if row is None or device is None or row.is_over or row.tries >= MOST_TRIES:
        return CodeOver()
    typed = typed_code(code)
    if not secrets.compare_digest(bytes(row.secret), hashed_code(row.id, device, typed)):
        await queries.count_try(tx, code_id=row.id)
        left = MOST_TRIES - row.tries - 1
        return WrongCode(left=left, field="code") if left else CodeOver()
    await queries.use_code(tx, code_id=row.id)
    return await sign_in(
        tx, shop_id=shop_id, email=row.email, shopper=shopper, browser=browser, locale=locale
    )


async def sign_in(
    tx: Tx, *, shop_id: int, email: str, shopper: UUID, browser: str = "", locale: str = ""
) -> Opened:
    """For somebody who has proved this address: their orders as a guest are in the account from now on."""
    customer = await queries.prove(
        tx, customer_id=new_id(), shop_id=shop_id, email=normal_email(email), locale=locale[:16]
    )
    token = secrets.token_urlsafe(32)
    # One account at a time in a browser.
    await queries.delete_sessions_of_browser(tx, shop_id=shop_id, shopper=shopper)
    await queries.insert_session(
        tx,
        token=hashed(token),
        shop_id=shop_id,
        customer_id=customer.id,
        shopper=shopper,
        device="".join(filter(str.isprintable, browser))[:_DEVICE_LETTERS],
        lasts=SESSION_LASTS,
    )
    await queries.insert_browser(tx, shop_id=shop_id, customer_id=customer.id, shopper=shopper)
    await stock.paid(tx, shop_id=shop_id, hold_id=None, buyer=shopper)
    return Opened(token, customer)


async def signed_in(tx: Tx, *, shop_id: int, token: str | None, shopper: UUID) -> Customer | None:
    """Whose session this is in this shop; None where there is none.  Using it moves its end on."""
    if not token:
        return None
    row = await queries.session(tx, shop_id=shop_id, token=hashed(token))
    if row is None:
        return None
    if row.stale or row.shopper != shopper:
        await queries.move_session_on(tx, token=hashed(token), shopper=shopper, lasts=SESSION_LASTS)
        await queries.insert_browser(tx, shop_id=shop_id, customer_id=row.customer_id, shopper=shopper)
        await stock.paid(tx, shop_id=shop_id, hold_id=None, buyer=shopper)
    return await queries.customer(tx, shop_id=shop_id, customer_id=row.customer_id)


async def others(tx: Tx, *, shop_id: int, token: str | None, shopper: UUID, key: str = "") -> list[UUID]:
    """The other browsers whose basket is this one's too: those signed in to its account, and those whose link to pay
    after a show was followed here (`key`, where it is followed just now).
    """
    if key:
        await queries.open_basket(tx, shop_id=shop_id, key=key, shopper=shopper)
    found = await queries.opened_baskets(tx, shop_id=shop_id, shopper=shopper)
    if token:
        found += await queries.shoppers_of_session(tx, shop_id=shop_id, token=hashed(token))
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
        row = await queries.session(tx, shop_id=shop_id, token=hashed(token))
        if row is not None:
            await queries.delete_sessions(tx, shop_id=shop_id, customer_id=row.customer_id)
    await queries.delete_session(tx, shop_id=shop_id, token=hashed(token))


async def sessions(tx: Tx, *, shop_id: int, customer_id: UUID, token: str = "") -> list[Session]:
    return await queries.sessions(tx, shop_id=shop_id, customer_id=customer_id, token=hashed(token))


async def forget_over(tx: Tx) -> None:
    """Codes, sessions and links to baskets that are over."""
    await queries.forget_codes(tx)
    await queries.delete_expired_sessions(tx)
    await queries.delete_baskets(tx)
