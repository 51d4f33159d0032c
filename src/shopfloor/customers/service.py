"""What a shop knows of who buys: customers are made of orders, and listed, noted about and erased."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from shopfloor import accounts, erasure, notifications, sms, stock
from shopfloor.accounts import Actor, NotAllowed, Permission
from shopfloor.customers import account_queries, order_queries, queries, signing_in_queries
from shopfloor.customers.models import (
    SHORTEST_PHONE,
    SHOWN_ORDERS,
    Bought,
    Consent,
    Customer,
    Erased,
    Listed,
    Profile,
    Spent,
    UnknownCustomer,
    Why,
    digits_of,
    normal_email,
)
from shopfloor.kernel import paging, phones, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import new_id

_LONGEST_NOTE: Final = 2000


async def note_order(tx: Tx, *, shop_id: int, order_id: UUID) -> None:
    """Whose an order is: of whoever was signed in, else of its address, else of its telephone number."""
    placed = await order_queries.placed(tx, shop_id=shop_id, order_id=order_id)
    if placed is None:
        return
    join = partial(order_queries.join, tx, shop_id=shop_id, order_id=order_id)
    signed_in = await signing_in_queries.signed_in_with(tx, shop_id=shop_id, shopper=placed.buyer)
    if signed_in is not None:
        await join(customer_id=signed_in, why=Why.SIGNED_IN)
        return
    email, phone = normal_email(placed.contact_email), digits_of(placed.contact_phone)
    owner = await _proven_owner(tx, shop_id=shop_id, email=email, phone=placed.contact_phone)
    if owner is not None:
        await join(customer_id=owner, why=Why.CONTACT)
        return
    name, locale = placed.contact_name[:120], placed.locale[:16]
    if email:
        customer_id = await queries.note_by_email(
            tx, customer_id=new_id(), shop_id=shop_id, email=email, name=name, phone=phone, locale=locale
        )
    elif len(phone) >= SHORTEST_PHONE:
        customer_id = await queries.note_by_phone(
            tx, customer_id=new_id(), shop_id=shop_id, name=name, phone=phone, locale=locale
        )
    else:
        return
    await join(customer_id=customer_id, why=Why.CONTACT)


async def _proven_owner(tx: Tx, *, shop_id: int, email: str, phone: str) -> UUID | None:
    """Who has proved the number of an order, where nobody has proved its address."""
    gateway = await sms.gateway(tx, shop_id=shop_id) if phone else None
    if gateway is None:
        return None
    by_mail = await queries.with_email(tx, shop_id=shop_id, email=email)
    full = phones.e164(phone, region=gateway.region)
    if not full or (by_mail is not None and by_mail.account_since is not None):
        return None
    owner = await queries.with_phone(tx, shop_id=shop_id, phone=full)
    return None if owner is None else owner.id


async def forget_erased(tx: Tx, *, shop_id: int, shoppers: Sequence[UUID]) -> int:
    """Customers whose orders have all lost their contact in an erasure.  Returns how many went."""
    return await queries.delete_nameless(tx, shop_id=shop_id, buyers=shoppers)


# What the shop sees


async def _count(tx: Tx, *, shop_id: int, search: str = "", before: UUID | None = None) -> paging.Counted:
    return paging.capped(
        await queries.count(
            tx, shop_id=shop_id, search=_wanted(search), before=before, most=paging.MOST_COUNTED
        )
    )


def _wanted(search: str) -> str:
    """What is looked for; a telephone number by its digits, however it is written."""
    wanted = text.looked_for(text.line(search, field="search", longest=100))
    digits = digits_of(wanted)
    is_number = bool(digits) and not any(sign.isalpha() or sign == "@" for sign in wanted)
    return digits if is_number else wanted.lower()


@paging.counted_by(_count)
async def customers(
    tx: Tx,
    *,
    shop_id: int,
    search: str = "",
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[Listed]:
    """A shop's customers, newest first.  `search`: part of a name or e-mail address, or digits of a telephone number.

    Raises UnusableText.
    """
    wanted = _wanted(search)
    shop = await accounts.shop(tx, shop_id)
    list_of = partial(queries.found, search=wanted) if wanted else queries.newest
    return await list_of(
        tx, shop_id=shop_id, currency=shop.currency, after=after, before=before, limit=max(1, min(limit, 201))
    )


async def customer(tx: Tx, *, shop_id: int, customer_id: UUID) -> Customer:
    """Raises UnknownCustomer."""
    found = await queries.customer(tx, shop_id=shop_id, customer_id=customer_id)
    if found is None:
        raise UnknownCustomer(customer_id=str(customer_id))
    return found


async def of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> UUID | None:
    """Whose order it is; None of somebody who left no contact, or was erased."""
    return await queries.customer_of_order(tx, shop_id=shop_id, order_id=order_id)


async def orders_of(tx: Tx, *, shop_id: int, customer_id: UUID) -> list[Bought]:
    """The last hundred, newest first."""
    return await order_queries.bought_by(tx, shop_id=shop_id, customer_id=customer_id, limit=SHOWN_ORDERS)


async def spent(tx: Tx, *, shop_id: int, customer_id: UUID) -> list[Spent]:
    """What was paid and given back, a row for each currency."""
    return await queries.spent(tx, shop_id=shop_id, customer_id=customer_id)


async def consents(tx: Tx, *, shop_id: int, customer_id: UUID) -> list[Consent]:
    """Each yes and no, newest first."""
    return await account_queries.consents(tx, shop_id=shop_id, customer_id=customer_id)


async def profile(tx: Tx, *, shop_id: int, customer_id: UUID) -> Profile:
    """Raises UnknownCustomer."""
    found = await customer(tx, shop_id=shop_id, customer_id=customer_id)
    return Profile(
        found,
        orders=await orders_of(tx, shop_id=shop_id, customer_id=customer_id),
        spent=await spent(tx, shop_id=shop_id, customer_id=customer_id),
        consents=await consents(tx, shop_id=shop_id, customer_id=customer_id),
        notes=await account_queries.notes(tx, shop_id=shop_id, customer_id=customer_id),
        addresses=await account_queries.addresses(tx, shop_id=shop_id, customer_id=customer_id),
    )


async def add_note(tx: Tx, *, actor: Actor, customer_id: UUID, words: str) -> None:
    """Raises UnknownCustomer, UnusableText."""
    found = await customer(tx, shop_id=actor.shop_id, customer_id=customer_id)
    kept = text.prose(words, field="note", longest=_LONGEST_NOTE).strip()
    if not kept:
        raise text.UnusableText(field="note", shortest=1)
    await account_queries.insert_note(
        tx,
        note_id=new_id(),
        shop_id=found.shop_id,
        customer_id=found.id,
        person_id=actor.person_id,
        text=kept,
    )


# Erasing


async def erase(tx: Tx, *, actor: Actor, customer_id: UUID) -> Erased:
    """Somebody of the shop erases a customer, and the contact on all of their orders.

    Raises NotAllowed, UnknownCustomer.
    """
    if not actor.may(Permission.MEMBERS_MANAGE):
        raise NotAllowed(permission=Permission.MEMBERS_MANAGE)
    found = await customer(tx, shop_id=actor.shop_id, customer_id=customer_id)
    return await forget(tx, customer=found, actor=actor)


async def forget(tx: Tx, *, customer: Customer, actor: Actor | None = None) -> Erased:
    """Account, addresses, consents and notes go at once; orders and messages lose who they were for.

    Only the orders that are theirs: nobody erases another's by naming a telephone number or sharing a browser.
    """
    shop_id = customer.shop_id
    joined = await order_queries.joined(tx, shop_id=shop_id, customer_id=customer.id)
    browsers = await signing_in_queries.browsers(tx, shop_id=shop_id, customer_id=customer.id)
    forgotten = await erasure.erase(
        tx,
        actor=actor,
        shop_id=shop_id,
        subject=erasure.Subject(
            exactly=tuple(each.order_id for each in joined),
            browsers=tuple(sorted({*browsers, *(each.buyer for each in joined)})),
        ),
    )
    if customer.email:
        await notifications.Reader(shop_id, customer.email).forget(tx)
        await signing_in_queries.forget_codes_to(tx, shop_id=shop_id, email=customer.email)
    if customer.proven_phone:
        await sms.forget_number(tx, shop_id=shop_id, phone=customer.proven_phone)
        await signing_in_queries.forget_codes_to(tx, shop_id=shop_id, email=customer.proven_phone)
    for browser in browsers:
        # Nothing says any longer that they are one customer's.
        await stock.paid(tx, shop_id=shop_id, hold_ids=[], buyers=[browser], account=new_id())
    await queries.delete_customer(tx, shop_id=shop_id, customer_id=customer.id)
    return Erased(forgotten.erased, forgotten.waiting)


def as_json(found: Customer) -> dict[str, Any]:
    """A customer as programs see one."""
    return {
        "id": str(found.id),
        "email": found.email,
        "phone": found.phone,
        "name": found.name,
        "locale": found.locale,
        "email_proven_at": None if found.proven_at is None else found.proven_at.isoformat(),
        "proven_phone": found.proven_phone,
        "phone_proven_at": None if found.phone_proven_at is None else found.phone_proven_at.isoformat(),
        "created_at": found.created_at.isoformat(),
    }
