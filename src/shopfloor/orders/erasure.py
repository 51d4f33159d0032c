"""Forgetting a person: name and contact go from orders, and by a fact from chat; what was bought, paid and said stays.

Orders that are not over need their contact: they keep it until they are, and lose it then (`finish`).
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from shopfloor.accounts import Actor, NotAllowed, Permission
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id
from shopfloor.orders.events import BuyerErased
from shopfloor.orders.refusals import NobodyToErase

# Shorter numbers are no telephone numbers, and could be many people's.
_SHORTEST_PHONE: Final = 6


@dataclass(frozen=True, slots=True)
class Subject:
    """One of these.  Everything of whoever placed such an order is meant, and of the browsers it was placed with.

    `exactly` means these orders and no other, with the names that `browsers` gave in chat: for who proved to be somebody.
    """

    order_id: UUID | None = None
    email: str | None = None
    phone: str | None = None
    shopper: UUID | None = None
    exactly: tuple[UUID, ...] | None = None
    browsers: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Erasure:
    """`erased`: orders without a contact now; `waiting`: numbers of orders that are not over, and lose it then."""

    id: UUID
    erased: int
    waiting: list[int]


@dataclass(frozen=True, slots=True)
class _Found:
    id: UUID
    number: int
    buyer: UUID
    contact_email: str
    contact_phone: str
    over: bool


async def erase(tx: Tx, *, actor: Actor | None, subject: Subject, shop_id: int | None = None) -> Erasure:
    """`actor` None, with `shop_id`: a customer asks for the own orders, and has proved that they are.

    Raises NotAllowed, NobodyToErase.
    """
    if actor is None:
        assert shop_id is not None, "a customer is one of a shop"
        assert subject.exactly is not None, "of others' orders nobody decides for them"
    else:
        shop_id = actor.shop_id
        if not actor.may(Permission.MEMBERS_MANAGE):
            raise NotAllowed(permission=Permission.MEMBERS_MANAGE)
    if subject.exactly is None:
        found = await _orders_of(tx, shop_id=shop_id, subject=subject)
        shoppers = sorted({each.buyer for each in found} | ({subject.shopper} if subject.shopper else set()))
        if not shoppers:
            raise NobodyToErase
    else:
        found = await by_ids(tx, shop_id=shop_id, ids=list(subject.exactly))
        shoppers = sorted(subject.browsers)
    erasure = Erasure(
        new_id(),
        await erase_contacts(tx, shop_id=shop_id, ids=[each.id for each in found if each.over]),
        sorted(each.number for each in found if not each.over),
    )
    await insert_erasure(
        tx,
        id=erasure.id,
        shop_id=shop_id,
        person_id=None if actor is None else actor.person_id,
        erased=erasure.erased,
        waiting=[each.id for each in found if not each.over],
    )
    await outbox.record(tx, BuyerErased(shop_id, erasure.id, shoppers, erasure.erased))
    return erasure


async def _orders_of(tx: Tx, *, shop_id: int, subject: Subject) -> list[_Found]:
    """The orders that are named, and all of the same browsers, telephone numbers and e-mail addresses."""
    digits = "".join(sign for sign in subject.phone or "" if sign in "0123456789")
    email = (subject.email or "").strip()
    known: dict[UUID, _Found] = {}
    buyers = {subject.shopper} if subject.shopper else set[UUID]()
    emails = {email.lower()} if "@" in email else set[str]()
    phones = {digits} if len(digits) >= _SHORTEST_PHONE else set[str]()
    if subject.order_id is not None:
        known |= {each.id: each for each in await by_id(tx, shop_id=shop_id, order_id=subject.order_id)}
    while True:
        for each in known.values():
            buyers.add(each.buyer)
            emails |= {each.contact_email.lower()} - {""}
            phone = "".join(sign for sign in each.contact_phone if sign in "0123456789")
            phones |= {phone} if len(phone) >= _SHORTEST_PHONE else set()
        more = await by_buyers(tx, shop_id=shop_id, buyers=sorted(buyers))
        for wanted in sorted(emails | phones):
            more += await by_contact(tx, shop_id=shop_id, wanted=wanted)
        fresh = {each.id: each for each in more if each.id not in known}
        if not fresh:
            return list(known.values())
        known |= fresh


async def finish(tx: Tx, *, limit: int = 100) -> int:
    """Contacts of orders that were not over when their erasure was asked for, and are by now.  Returns how many."""
    erased = 0
    for erasure_id, shop_id, ids in await lock_waiting(tx, limit=limit):
        over = await those_over(tx, shop_id=shop_id, ids=ids)
        if over:
            erased += await erase_contacts(tx, shop_id=shop_id, ids=over)
            await set_waiting(
                tx, id=erasure_id, waiting=[each for each in ids if each not in over], more=len(over)
            )
    return erased


async def waits_since(tx: Tx, *, shop_id: int, order_id: UUID) -> datetime | None:
    """When the erasure was asked for that this order waits for; None where there is none."""
    return await tx.value(
        """
        SELECT min(at) FROM orders.erasure
         WHERE waiting <> '{}' AND waiting @> ARRAY[%(order_id)s::uuid] AND shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
        order_id=order_id,
    )


async def by_id(tx: Tx, *, shop_id: int, order_id: UUID) -> list[_Found]:
    return await tx.every(
        _Found,
        """
        SELECT id, number, buyer, contact_email, contact_phone,
               status = 'delivered' OR (status = 'cancelled' AND refund_granted_minor = refunded_minor) AS over
          FROM orders.orders WHERE id = %(order_id)s AND shop_id = %(shop_id)s AND placed_at IS NOT NULL
        """,
        shop_id=shop_id,
        order_id=order_id,
    )


async def by_ids(tx: Tx, *, shop_id: int, ids: list[UUID]) -> list[_Found]:
    return await tx.every(
        _Found,
        """
        SELECT id, number, buyer, contact_email, contact_phone,
               status = 'delivered' OR (status = 'cancelled' AND refund_granted_minor = refunded_minor) AS over
          FROM orders.orders WHERE id = ANY(%(ids)s::uuid[]) AND shop_id = %(shop_id)s AND placed_at IS NOT NULL
        """,
        shop_id=shop_id,
        ids=ids,
    )


async def by_buyers(tx: Tx, *, shop_id: int, buyers: list[UUID]) -> list[_Found]:
    return await tx.every(
        _Found,
        """
        SELECT id, number, buyer, contact_email, contact_phone,
               status = 'delivered' OR (status = 'cancelled' AND refund_granted_minor = refunded_minor) AS over
          FROM orders.orders
         WHERE buyer = ANY(%(buyers)s::uuid[]) AND shop_id = %(shop_id)s AND placed_at IS NOT NULL
        """,
        shop_id=shop_id,
        buyers=buyers,
    )


async def by_contact(tx: Tx, *, shop_id: int, wanted: str) -> list[_Found]:
    """Exactly this e-mail address, or a telephone number of exactly these digits."""
    return await tx.every(
        _Found,
        """
        SELECT o.id, o.number, o.buyer, o.contact_email, o.contact_phone,
               o.status = 'delivered' OR (o.status = 'cancelled' AND o.refund_granted_minor = o.refunded_minor) AS over
          FROM orders.search s JOIN orders.orders o ON o.id = s.order_id
         WHERE orders.search_pieces(s.shop_id, s.text) @> orders.search_keys(%(shop_id)s::bigint, orders.search_folded(%(wanted)s))
           AND s.shop_id = %(shop_id)s
           AND (lower(o.contact_email) = lower(%(wanted)s)
                OR regexp_replace(o.contact_phone, '[^0-9]', '', 'g') = %(wanted)s)
        """,
        shop_id=shop_id,
        wanted=wanted,
    )


async def erase_contacts(tx: Tx, *, shop_id: int, ids: list[UUID]) -> int:
    """The hash of the form is of name and address too."""
    return await tx.run(
        """
        UPDATE orders.orders
           SET contact_name = '', contact_phone = '', contact_email = '', address = NULL, note = '', form_hash = ''
         WHERE id = ANY(%(ids)s::uuid[]) AND shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
        ids=ids,
    )


async def insert_erasure(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    shop_id: int,
    person_id: int | None,
    erased: int,
    waiting: list[UUID],
) -> None:
    await tx.run(
        """
        INSERT INTO orders.erasure (id, shop_id, person_id, erased, waiting)
        VALUES (%(id)s, %(shop_id)s, %(person_id)s, %(erased)s, %(waiting)s::uuid[])
        """,
        id=id,
        shop_id=shop_id,
        person_id=person_id,
        erased=erased,
        waiting=waiting,
    )


async def lock_waiting(tx: Tx, *, limit: int) -> list[tuple[UUID, int, list[UUID]]]:
    cursor = await tx.connection.execute(
        """
        SELECT id, shop_id, waiting FROM orders.erasure WHERE waiting <> '{}'
         ORDER BY random() LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        """,
        {"limit": limit},
    )
    return await cursor.fetchall()


async def those_over(tx: Tx, *, shop_id: int, ids: list[UUID]) -> list[UUID]:
    cursor = await tx.connection.execute(
        """
        SELECT id FROM orders.orders
         WHERE id = ANY(%(ids)s::uuid[]) AND shop_id = %(shop_id)s
           AND (status = 'delivered' OR (status = 'cancelled' AND refund_granted_minor = refunded_minor))
        """,
        {"ids": ids, "shop_id": shop_id},
    )
    return [row[0] for row in await cursor.fetchall()]


async def set_waiting(tx: Tx, *, id: UUID, waiting: list[UUID], more: int) -> None:  # noqa: A002
    await tx.run(
        "UPDATE orders.erasure SET waiting = %(waiting)s::uuid[], erased = erased + %(more)s WHERE id = %(id)s",
        id=id,
        waiting=waiting,
        more=more,
    )
