"""SQL of fulfilment.  One function, one statement."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.fulfilment.models import Carrier, Parcel, ParcelEvent, ParcelLine
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Stand:
    """Allocated units of a variant at a location that no open parcel has yet."""

    variant_id: int
    location_id: int
    units: int


async def stands(tx: Tx, *, order_id: UUID, hold_id: UUID) -> list[Stand]:
    return await tx.every(
        Stand,
        """
        SELECT h.variant_id, l.location_id, (sum(h.quantity) - coalesce(max(p.units), 0))::int AS units
          FROM stock.v_hold h
          JOIN stock.v_level l ON l.id = h.level_id
          LEFT JOIN (SELECT n.variant_id, p.location_id, sum(n.quantity) AS units
                       FROM fulfilment.parcel p JOIN fulfilment.parcel_line n ON n.parcel_id = p.id
                      WHERE p.order_id = %(order_id)s AND p.state IN ('to_pick', 'picked', 'packed', 'ready_to_collect')
                      GROUP BY 1, 2) p ON p.variant_id = h.variant_id AND p.location_id = l.location_id
         WHERE h.id = %(hold_id)s AND h.state = 'allocated'
         GROUP BY h.variant_id, l.location_id
         ORDER BY h.variant_id, l.location_id
        """,
        order_id=order_id,
        hold_id=hold_id,
    )


async def insert_parcel(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    shop_id: int,
    order_id: UUID,
    order_number: int,
    hold_id: UUID,
    location_id: int,
    show_id: int | None,
    delivery: str,
    ready_on: date | None,
) -> None:
    await tx.run(
        """
        INSERT INTO fulfilment.parcel (id, shop_id, order_id, order_number, position, hold_id, location_id, show_id,
                                       delivery, state, ready_on)
        SELECT %(id)s, %(shop_id)s, %(order_id)s, %(order_number)s, coalesce(max(position), 0) + 1, %(hold_id)s,
               %(location_id)s, %(show_id)s, %(delivery)s, 'to_pick', %(ready_on)s
          FROM fulfilment.parcel WHERE order_id = %(order_id)s
        """,
        id=id,
        shop_id=shop_id,
        order_id=order_id,
        order_number=order_number,
        hold_id=hold_id,
        location_id=location_id,
        show_id=show_id,
        delivery=delivery,
        ready_on=ready_on,
    )


async def add_lines(tx: Tx, *, parcel_id: UUID, lines: Sequence[ParcelLine]) -> None:
    await tx.many(
        """
        INSERT INTO fulfilment.parcel_line AS l (parcel_id, line_id, variant_id, quantity, picked)
        VALUES (%(parcel_id)s, %(line_id)s, %(variant_id)s, %(quantity)s, %(picked)s)
        ON CONFLICT (parcel_id, line_id) DO UPDATE SET quantity = l.quantity + excluded.quantity
        """,
        [
            {
                "parcel_id": parcel_id,
                "line_id": line.line_id,
                "variant_id": line.variant_id,
                "quantity": line.quantity,
                "picked": line.picked,
            }
            for line in lines
        ],
    )


async def set_ready(tx: Tx, *, parcel_id: UUID, ready_on: date | None) -> None:
    """The later of the two dates."""
    await tx.run(
        "UPDATE fulfilment.parcel SET ready_on = greatest(ready_on, %(ready_on)s) WHERE id = %(id)s",
        id=parcel_id,
        ready_on=ready_on,
    )


async def take_from_line(tx: Tx, *, parcel_id: UUID, line_id: int, quantity: int) -> None:
    """So many units fewer; a line without any goes."""
    await tx.run(
        """
        WITH gone AS (
            DELETE FROM fulfilment.parcel_line
             WHERE parcel_id = %(parcel_id)s AND line_id = %(line_id)s AND quantity <= %(quantity)s
        )
        UPDATE fulfilment.parcel_line
           SET quantity = quantity - %(quantity)s, picked = least(picked, quantity - %(quantity)s)
         WHERE parcel_id = %(parcel_id)s AND line_id = %(line_id)s AND quantity > %(quantity)s
        """,
        parcel_id=parcel_id,
        line_id=line_id,
        quantity=quantity,
    )


async def set_picked(tx: Tx, *, parcel_id: UUID, line_id: int, picked: int) -> None:
    await tx.run(
        "UPDATE fulfilment.parcel_line SET picked = %(picked)s WHERE parcel_id = %(parcel_id)s AND line_id = %(line_id)s",
        parcel_id=parcel_id,
        line_id=line_id,
        picked=picked,
    )


async def set_all_picked(tx: Tx, *, parcel_ids: Sequence[UUID], picked: bool) -> None:
    await tx.run(
        """
        UPDATE fulfilment.parcel_line SET picked = CASE WHEN %(picked)s THEN quantity ELSE 0 END
         WHERE parcel_id = ANY(%(ids)s::uuid[])
        """,
        ids=list(parcel_ids),
        picked=picked,
    )


async def order_of(tx: Tx, *, shop_id: int, parcel_id: UUID) -> UUID | None:
    return await tx.value(
        "SELECT order_id FROM fulfilment.parcel WHERE id = %(id)s AND shop_id = %(shop_id)s",
        id=parcel_id,
        shop_id=shop_id,
    )


async def lock(tx: Tx, *, shop_id: int, ids: Sequence[UUID]) -> list[Parcel]:
    """Those of this shop, locked in the one order in which parcels are locked; without their lines."""
    return await tx.every(
        Parcel,
        """
        SELECT id, shop_id, order_id, order_number, position, hold_id, location_id, show_id, delivery, state, ready_on,
               carrier, tracking, tracking_url, created_at, left_at, arrived_at, box_id, accepted_at, accepted_by
          FROM fulfilment.parcel WHERE shop_id = %(shop_id)s AND id = ANY(%(ids)s::uuid[])
         ORDER BY id FOR UPDATE
        """,
        shop_id=shop_id,
        ids=list(ids),
    )


async def parcels(tx: Tx, *, shop_id: int, ids: Sequence[UUID]) -> list[Parcel]:
    """Without their lines, in the order of orders."""
    return await tx.every(
        Parcel,
        """
        SELECT id, shop_id, order_id, order_number, position, hold_id, location_id, show_id, delivery, state, ready_on,
               carrier, tracking, tracking_url, created_at, left_at, arrived_at, box_id, accepted_at, accepted_by
          FROM fulfilment.parcel WHERE shop_id = %(shop_id)s AND id = ANY(%(ids)s::uuid[])
         ORDER BY order_number, position
        """,
        shop_id=shop_id,
        ids=list(ids),
    )


async def ids_of_orders(tx: Tx, *, shop_id: int, order_ids: Sequence[UUID]) -> list[UUID]:
    cursor = await tx.connection.execute(
        """
        SELECT id FROM fulfilment.parcel WHERE order_id = ANY(%(order_ids)s::uuid[]) AND shop_id = %(shop_id)s
         ORDER BY order_number, position
        """,
        {"order_ids": list(order_ids), "shop_id": shop_id},
    )
    return [row[0] for row in await cursor.fetchall()]


async def ids_by_number(tx: Tx, *, shop_id: int, order_number: int) -> list[UUID]:
    """Of one order, those that are not cancelled."""
    cursor = await tx.connection.execute(
        """
        SELECT id FROM fulfilment.parcel
         WHERE shop_id = %(shop_id)s AND order_number = %(number)s AND state <> 'cancelled' ORDER BY position
        """,
        {"shop_id": shop_id, "number": order_number},
    )
    return [row[0] for row in await cursor.fetchall()]


async def lines(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, list[ParcelLine]]:
    cursor = await tx.connection.execute(
        """
        SELECT parcel_id, line_id, variant_id, quantity, picked FROM fulfilment.parcel_line
         WHERE parcel_id = ANY(%(ids)s::uuid[]) ORDER BY parcel_id, line_id
        """,
        {"ids": list(ids)},
    )
    found: dict[UUID, list[ParcelLine]] = {}
    for parcel_id, *rest in await cursor.fetchall():
        found.setdefault(parcel_id, []).append(ParcelLine(*rest))
    return found


async def set_state(tx: Tx, *, ids: Sequence[UUID], state: str, at: datetime) -> None:
    """Locked parcels are at this step now; times of later steps go."""
    await tx.run(
        """
        UPDATE fulfilment.parcel
           SET state = %(state)s,
               picked_at = CASE WHEN %(state)s = 'to_pick' THEN NULL ELSE coalesce(picked_at, %(at)s) END,
               packed_at = CASE WHEN %(state)s IN ('to_pick', 'picked') THEN NULL ELSE coalesce(packed_at, %(at)s) END,
               left_at = CASE WHEN %(state)s IN ('shipped', 'delivered', 'collected') THEN coalesce(left_at, %(at)s) END,
               arrived_at = CASE WHEN %(state)s IN ('delivered', 'collected') THEN coalesce(arrived_at, %(at)s) END,
               cancelled_at = CASE WHEN %(state)s = 'cancelled' THEN coalesce(cancelled_at, %(at)s) END
         WHERE id = ANY(%(ids)s::uuid[])
        """,
        ids=list(ids),
        state=state,
        at=at,
    )


async def set_accepted(tx: Tx, *, parcel_id: UUID, at: datetime | None, by: str) -> None:
    await tx.run(
        "UPDATE fulfilment.parcel SET accepted_at = %(at)s, accepted_by = %(by)s WHERE id = %(id)s",
        id=parcel_id,
        at=at,
        by=by,
    )


async def set_tracking(tx: Tx, *, parcel_id: UUID, carrier: str, tracking: str, tracking_url: str) -> None:
    await tx.run(
        """
        UPDATE fulfilment.parcel SET carrier = %(carrier)s, tracking = %(tracking)s, tracking_url = %(tracking_url)s
         WHERE id = %(id)s
        """,
        id=parcel_id,
        carrier=carrier,
        tracking=tracking,
        tracking_url=tracking_url,
    )


async def ids_in_box(tx: Tx, *, shop_id: int, parcel_id: UUID) -> list[UUID]:
    """Of the box in which it lies, itself included."""
    cursor = await tx.connection.execute(
        """
        WITH box AS (
            SELECT coalesce(box_id, id) AS id FROM fulfilment.parcel WHERE id = %(id)s AND shop_id = %(shop_id)s
        )
        SELECT p.id FROM fulfilment.parcel p JOIN box b ON p.id = b.id OR p.box_id = b.id ORDER BY p.id
        """,
        {"id": parcel_id, "shop_id": shop_id},
    )
    return [row[0] for row in await cursor.fetchall()]


async def with_their_boxes(tx: Tx, *, shop_id: int, ids: Sequence[UUID]) -> list[UUID]:
    """These, and what lies in a box with one of them."""
    cursor = await tx.connection.execute(
        """
        SELECT p.id FROM fulfilment.parcel p
          JOIN (SELECT DISTINCT coalesce(box_id, id) AS id FROM fulfilment.parcel
                 WHERE shop_id = %(shop_id)s AND id = ANY(%(ids)s::uuid[])) b ON p.id = b.id OR p.box_id = b.id
        """,
        {"shop_id": shop_id, "ids": list(ids)},
    )
    return list(dict.fromkeys([*ids, *(row[0] for row in await cursor.fetchall())]))


async def set_box(tx: Tx, *, ids: Sequence[UUID], box_id: UUID | None) -> None:
    await tx.run(
        "UPDATE fulfilment.parcel SET box_id = %(box_id)s WHERE id = ANY(%(ids)s::uuid[])",
        ids=list(ids),
        box_id=box_id,
    )


async def leave_boxes(tx: Tx, *, ids: Sequence[UUID]) -> None:
    """These lie in no box with others any longer; a box that one of them gave its name has that of another."""
    await tx.run(
        """
        WITH heir AS (
            SELECT box_id, (array_agg(id ORDER BY id))[1] AS id FROM fulfilment.parcel
             WHERE box_id = ANY(%(ids)s::uuid[]) AND NOT id = ANY(%(ids)s::uuid[]) GROUP BY box_id
        )
        UPDATE fulfilment.parcel p
           SET box_id = CASE WHEN p.id = ANY(%(ids)s::uuid[]) THEN NULL
                             ELSE nullif((SELECT h.id FROM heir h WHERE h.box_id = p.box_id), p.id) END
         WHERE (p.id = ANY(%(ids)s::uuid[]) AND p.box_id IS NOT NULL) OR p.box_id = ANY(%(ids)s::uuid[])
        """,
        ids=list(ids),
    )


async def note(
    tx: Tx, *, shop_id: int, parcel_ids: Sequence[UUID], kind: str, actor: str, facts: Mapping[str, object]
) -> None:
    await tx.run(
        """
        INSERT INTO fulfilment.parcel_event (shop_id, parcel_id, kind, actor, facts)
        SELECT %(shop_id)s, id, %(kind)s, %(actor)s, %(facts)s FROM unnest(%(ids)s::uuid[]) AS t (id)
        """,
        shop_id=shop_id,
        ids=list(parcel_ids),
        kind=kind,
        actor=actor,
        facts=Jsonb(dict(facts)),
    )


async def history(tx: Tx, *, parcel_id: UUID) -> list[ParcelEvent]:
    return await tx.every(
        ParcelEvent,
        "SELECT at, kind, actor, facts FROM fulfilment.parcel_event WHERE parcel_id = %(id)s ORDER BY id",
        id=parcel_id,
    )


async def carriers(tx: Tx, *, shop_id: int) -> list[Carrier]:
    return await tx.every(
        Carrier,
        "SELECT name, tracking_url, id FROM fulfilment.carrier WHERE shop_id = %(shop_id)s ORDER BY name",
        shop_id=shop_id,
    )


async def insert_carrier(tx: Tx, *, shop_id: int, name: str, tracking_url: str) -> int | None:
    """None where there is one of that name."""
    return await tx.value(
        """
        INSERT INTO fulfilment.carrier (shop_id, name, tracking_url) VALUES (%(shop_id)s, %(name)s, %(tracking_url)s)
        ON CONFLICT (shop_id, name) DO NOTHING RETURNING id
        """,
        shop_id=shop_id,
        name=name,
        tracking_url=tracking_url,
    )


async def delete_carrier(tx: Tx, *, shop_id: int, carrier_id: int) -> int:
    return await tx.run(
        "DELETE FROM fulfilment.carrier WHERE shop_id = %(shop_id)s AND id = %(id)s",
        shop_id=shop_id,
        id=carrier_id,
    )
