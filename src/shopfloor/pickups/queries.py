"""SQL of pickups.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.pickups.models import Pickup

_PICKUP: Final[LiteralString] = """
        SELECT parcel_id, shop_id, order_id, location_id, code, state, ready_at, keep_until, reminded_at, overdue_at, tries,
               ended_at, ended_by, proof, note
          FROM pickups.pickup
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A parcel that is collected, as the store's list has it."""

    parcel_id: UUID
    order_id: UUID
    order_number: int
    location_id: int
    state: str
    accepted_by: str
    created_at: datetime
    contact_name: str
    paid: bool
    units: int
    titles: str
    pictures: list[str]
    ready_at: datetime | None
    keep_until: datetime | None
    overdue_at: datetime | None
    ended_at: datetime | None
    ended_by: str | None
    proof: str | None
    note: str | None


async def pickups(tx: Tx, *, shop_id: int, order_id: UUID) -> list[Pickup]:
    """Of an order, the first that was ready first."""
    return await tx.every(
        Pickup,
        _PICKUP
        + """
         WHERE order_id = %(order_id)s AND shop_id = %(shop_id)s ORDER BY ready_at, parcel_id
        """,
        order_id=order_id,
        shop_id=shop_id,
    )


async def ready_among(tx: Tx, *, shop_id: int, parcel_ids: Sequence[UUID]) -> list[UUID]:
    cursor = await tx.connection.execute(
        """
        SELECT parcel_id FROM pickups.pickup
         WHERE shop_id = %(shop_id)s AND parcel_id = ANY(%(ids)s::uuid[]) AND state = 'ready'
        """,
        {"shop_id": shop_id, "ids": list(parcel_ids)},
    )
    return [row[0] for row in await cursor.fetchall()]


async def pickup(tx: Tx, *, shop_id: int, parcel_id: UUID) -> Pickup | None:
    return await tx.first(
        Pickup,
        _PICKUP
        + """
         WHERE parcel_id = %(parcel_id)s AND shop_id = %(shop_id)s
        """,
        parcel_id=parcel_id,
        shop_id=shop_id,
    )


async def lock(tx: Tx, *, parcel_id: UUID) -> Pickup | None:
    """Locked after its order and its parcel, never before."""
    return await tx.first(
        Pickup,
        _PICKUP
        + """
         WHERE parcel_id = %(parcel_id)s FOR UPDATE
        """,
        parcel_id=parcel_id,
    )


async def by_code(tx: Tx, *, shop_id: int, code: str) -> list[Pickup]:
    return await tx.every(
        Pickup,
        _PICKUP
        + """
         WHERE shop_id = %(shop_id)s AND code = %(code)s AND state = 'ready' ORDER BY parcel_id
        """,
        shop_id=shop_id,
        code=code,
    )


async def begin(
    tx: Tx,
    *,
    parcel_id: UUID,
    shop_id: int,
    order_id: UUID,
    location_id: int,
    code: str,
    at: datetime,
    keep_until: datetime,
) -> int:
    """It waits from now on; 0 where it did so before, or is over."""
    return await tx.run(
        """
        INSERT INTO pickups.pickup AS p (parcel_id, shop_id, order_id, location_id, code, state, ready_at, keep_until)
        VALUES (%(parcel_id)s, %(shop_id)s, %(order_id)s, %(location_id)s, %(code)s, 'ready', %(at)s, %(keep_until)s)
        ON CONFLICT (parcel_id) DO UPDATE
           SET state = 'ready', location_id = excluded.location_id, ready_at = excluded.ready_at,
               keep_until = excluded.keep_until, reminded_at = NULL, overdue_at = NULL, tries = 0, ended_at = NULL,
               ended_by = ''
         WHERE p.state = 'withdrawn'
        """,
        parcel_id=parcel_id,
        shop_id=shop_id,
        order_id=order_id,
        location_id=location_id,
        code=code,
        at=at,
        keep_until=keep_until,
    )


async def end(
    tx: Tx, *, parcel_id: UUID, state: str, at: datetime, by: str, proof: str | None = None, note: str = ""
) -> int:
    """0 where it doesn't wait any longer."""
    return await tx.run(
        """
        UPDATE pickups.pickup SET state = %(state)s, ended_at = %(at)s, ended_by = %(by)s, proof = %(proof)s, note = %(note)s
         WHERE parcel_id = %(parcel_id)s AND state = 'ready'
        """,
        parcel_id=parcel_id,
        state=state,
        at=at,
        by=by,
        proof=proof,
        note=note,
    )


async def wait_again(tx: Tx, *, parcel_id: UUID, at_least_until: datetime) -> int:
    """A hand-over was a mistake."""
    return await tx.run(
        """
        UPDATE pickups.pickup SET state = 'ready', proof = NULL, note = '', ended_at = NULL, ended_by = '', tries = 0,
               overdue_at = NULL, keep_until = greatest(keep_until, %(until)s)
         WHERE parcel_id = %(parcel_id)s AND state = 'handed_over'
        """,
        parcel_id=parcel_id,
        until=at_least_until,
    )


async def withdraw_parcel(tx: Tx, *, parcel_id: UUID, at: datetime) -> int:
    """It wasn't ready after all, whether it was said to wait or to be handed over."""
    return await tx.run(
        """
        UPDATE pickups.pickup SET state = 'withdrawn', proof = NULL, note = '', ended_at = %(at)s, ended_by = ''
         WHERE parcel_id = %(parcel_id)s AND state IN ('ready', 'handed_over')
        """,
        parcel_id=parcel_id,
        at=at,
    )


async def withdraw_order(tx: Tx, *, shop_id: int, order_id: UUID, at: datetime) -> int:
    return await tx.run(
        """
        UPDATE pickups.pickup SET state = 'withdrawn', ended_at = %(at)s
         WHERE order_id = %(order_id)s AND shop_id = %(shop_id)s AND state = 'ready'
        """,
        order_id=order_id,
        shop_id=shop_id,
        at=at,
    )


async def count_try(tx: Tx, *, parcel_id: UUID) -> None:
    await tx.run(
        "UPDATE pickups.pickup SET tries = tries + 1 WHERE parcel_id = %(parcel_id)s", parcel_id=parcel_id
    )


async def to_remind(tx: Tx, *, at: datetime, before: datetime, limit: int) -> list[Pickup]:
    """Those whose time is nearly over, of which nobody was told; not those that never wait longer than that."""
    return await tx.every(
        Pickup,
        _PICKUP
        + """
         WHERE state = 'ready' AND reminded_at IS NULL AND keep_until > %(at)s AND keep_until <= %(before)s
           AND keep_until - ready_at > interval '2 days'
         ORDER BY keep_until LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        """,
        at=at,
        before=before,
        limit=limit,
    )


async def mark_reminded(tx: Tx, *, parcel_ids: Sequence[UUID], at: datetime) -> None:
    await tx.run(
        "UPDATE pickups.pickup SET reminded_at = %(at)s WHERE parcel_id = ANY(%(ids)s::uuid[])",
        ids=list(parcel_ids),
        at=at,
    )


async def overdue(tx: Tx, *, at: datetime, limit: int) -> list[Pickup]:
    return await tx.every(
        Pickup,
        _PICKUP
        + """
         WHERE state = 'ready' AND overdue_at IS NULL AND keep_until <= %(at)s ORDER BY keep_until LIMIT %(limit)s
        """,
        at=at,
        limit=limit,
    )


async def mark_overdue(tx: Tx, *, parcel_id: UUID, at: datetime) -> None:
    await tx.run(
        """
        UPDATE pickups.pickup SET overdue_at = %(at)s
         WHERE parcel_id = %(parcel_id)s AND state = 'ready' AND overdue_at IS NULL
        """,
        parcel_id=parcel_id,
        at=at,
    )


async def forget_notes(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> int:
    """What was noted when the orders of these buyers were handed over."""
    return await tx.run(
        """
        UPDATE pickups.pickup p SET note = ''
          FROM orders.v_contact o
         WHERE p.order_id = o.id AND p.shop_id = %(shop_id)s AND o.shop_id = %(shop_id)s AND p.note <> ''
           AND o.buyer = ANY(%(buyers)s::uuid[])
        """,
        shop_id=shop_id,
        buyers=list(buyers),
    )


async def page(
    tx: Tx,
    *,
    shop_id: int,
    location_id: int | None,
    states: Sequence[str],
    newest: bool,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> list[UUID]:
    """Parcels to be collected, in the order of their orders or against it; for `kernel.paging`."""
    cursor = await tx.connection.execute(
        """
        WITH wanted AS (
          SELECT id FROM fulfilment.v_parcel
           WHERE shop_id = %(shop_id)s AND delivery = 'pick_up' AND state = ANY(%(states)s::text[])
             AND (%(location_id)s::bigint IS NULL OR location_id = %(location_id)s)
        )
        (SELECT id FROM wanted WHERE NOT %(down)s AND (%(from)s::uuid IS NULL OR id > %(from)s)
          ORDER BY id LIMIT %(limit)s)
        UNION ALL
        (SELECT id FROM wanted WHERE %(down)s AND (%(from)s::uuid IS NULL OR id < %(from)s)
          ORDER BY id DESC LIMIT %(limit)s)
        """,
        {
            "shop_id": shop_id,
            "location_id": location_id,
            "states": list(states),
            "down": newest is (before is None),
            "from": before or after,
            "limit": limit,
        },
    )
    return [row[0] for row in await cursor.fetchall()]


async def waiting(tx: Tx, *, ids: Sequence[UUID]) -> list[Waiting]:
    """What a row of the list shows, in the order of the ids given."""
    return await tx.every(
        Waiting,
        """
        SELECT p.id AS parcel_id, p.order_id, p.order_number, p.location_id, p.state, p.accepted_by, p.created_at,
               o.contact_name, o.paid, n.units, n.titles, n.pictures, w.ready_at, w.keep_until, w.overdue_at, w.ended_at,
               w.ended_by, w.proof, w.note
          FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS a (id, at)
          JOIN fulfilment.v_parcel p ON p.id = a.id
          JOIN orders.v_recipient o ON o.order_id = p.order_id
          LEFT JOIN pickups.pickup w ON w.parcel_id = p.id
         CROSS JOIN LATERAL (
               SELECT coalesce(sum(i.quantity), 0)::int AS units,
                      coalesce(string_agg(i.quantity || ' × ' || concat_ws(' · ', t.title,
                                 nullif(array_to_string(array_remove(t.options, 'Default Title'), ' · '), '')),
                               ', ' ORDER BY t.position), '') AS titles,
                      coalesce(array_agg(t.picture_sha ORDER BY t.position) FILTER (WHERE t.picture_sha IS NOT NULL),
                               '{}') AS pictures
                 FROM fulfilment.v_parcel_line i JOIN orders.v_goods t ON t.line_id = i.line_id
                WHERE i.parcel_id = p.id) n
         ORDER BY a.at
        """,
        ids=list(ids),
    )


async def counts(tx: Tx, *, shop_id: int, location_id: int | None, most: int) -> dict[str, int]:
    """How many are at each step before they are handed over, counted up to `most`."""
    cursor = await tx.connection.execute(
        """
        SELECT s.state, n.found
          FROM unnest(ARRAY['to_pick', 'picked', 'ready_to_collect']) AS s (state)
         CROSS JOIN LATERAL (
               SELECT count(*)::int AS found FROM (
                 SELECT FROM fulfilment.v_parcel p
                  WHERE p.shop_id = %(shop_id)s AND p.state = s.state AND p.delivery = 'pick_up'
                    AND (%(location_id)s::bigint IS NULL OR p.location_id = %(location_id)s)
                  LIMIT %(most)s) seen) n
        """,
        {"shop_id": shop_id, "location_id": location_id, "most": most},
    )
    return dict(await cursor.fetchall())


async def by_number_or_name(tx: Tx, *, shop_id: int, number: int | None, name: str, limit: int) -> list[UUID]:
    """Parcels that are here to be collected: of the order of this number, or of who has this in their name."""
    cursor = await tx.connection.execute(
        """
        SELECT p.id
          FROM fulfilment.v_parcel p JOIN orders.v_recipient o ON o.order_id = p.order_id
         WHERE p.shop_id = %(shop_id)s AND p.delivery = 'pick_up'
           AND p.state IN ('to_pick', 'picked', 'ready_to_collect')
           AND (p.order_number = %(number)s
                OR (%(name)s <> '' AND strpos(lower(o.contact_name), lower(%(name)s)) > 0))
         ORDER BY (p.state = 'ready_to_collect') DESC, p.id LIMIT %(limit)s
        """,
        {"shop_id": shop_id, "number": number, "name": name, "limit": limit},
    )
    return [row[0] for row in await cursor.fetchall()]
