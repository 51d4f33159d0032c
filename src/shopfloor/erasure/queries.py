"""SQL of erasures, and of the orders whose contacts they are about.  One function, one statement."""

from datetime import datetime
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    id: UUID
    number: int
    buyer: UUID
    contact_email: str
    contact_phone: str
    is_over: bool


async def by_id(tx: Tx, *, shop_id: int, order_id: UUID) -> list[Found]:
    return await tx.every(
        Found,
        """
        SELECT id, number, buyer, contact_email, contact_phone, is_over
          FROM orders.v_contact WHERE id = %(order_id)s AND shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
        order_id=order_id,
    )


async def by_ids(tx: Tx, *, shop_id: int, ids: list[UUID]) -> list[Found]:
    return await tx.every(
        Found,
        """
        SELECT id, number, buyer, contact_email, contact_phone, is_over
          FROM orders.v_contact WHERE id = ANY(%(ids)s::uuid[]) AND shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
        ids=ids,
    )


async def by_buyers(tx: Tx, *, shop_id: int, buyers: list[UUID]) -> list[Found]:
    return await tx.every(
        Found,
        """
        SELECT id, number, buyer, contact_email, contact_phone, is_over
          FROM orders.v_contact
         WHERE buyer = ANY(%(buyers)s::uuid[]) AND shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
        buyers=buyers,
    )


async def by_contact(tx: Tx, *, shop_id: int, wanted: str) -> list[Found]:
    """Exactly this e-mail address, or a telephone number of exactly these digits."""
    return await tx.every(
        Found,
        """
        SELECT o.id, o.number, o.buyer, o.contact_email, o.contact_phone, o.is_over
          FROM orders.v_search s JOIN orders.v_contact o ON o.id = s.order_id
         WHERE orders.search_pieces(s.shop_id, s.text) @> orders.search_keys(%(shop_id)s::bigint, orders.search_folded(%(wanted)s))
           AND s.shop_id = %(shop_id)s
           AND (lower(o.contact_email) = lower(%(wanted)s)
                OR regexp_replace(o.contact_phone, '[^0-9]', '', 'g') = %(wanted)s)
        """,
        shop_id=shop_id,
        wanted=wanted,
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
        SELECT id FROM orders.v_contact
         WHERE id = ANY(%(ids)s::uuid[]) AND shop_id = %(shop_id)s
           AND is_over
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


async def waits_since(tx: Tx, *, shop_id: int, order_id: UUID) -> datetime | None:
    return await tx.value(
        """
        SELECT min(at) FROM orders.erasure
         WHERE waiting <> '{}' AND waiting @> ARRAY[%(order_id)s::uuid] AND shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
        order_id=order_id,
    )
