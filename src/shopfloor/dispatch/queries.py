"""SQL of orders that stores send.  One function, one statement."""

from collections.abc import Sequence
from uuid import UUID

from shopfloor.dispatch.models import Task
from shopfloor.kernel.database import Tx


async def page(
    tx: Tx,
    *,
    shop_id: int,
    location_id: int | None,
    states: Sequence[str],
    accepted: bool | None,
    newest: bool,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> list[UUID]:
    """Parcels to be shipped from stores, in the order of their orders or against it; for `kernel.paging`."""
    cursor = await tx.connection.execute(
        """
        WITH wanted AS (
          SELECT p.id FROM fulfilment.v_parcel p JOIN stock.v_location l ON l.id = p.location_id AND l.kind = 'store'
           WHERE p.shop_id = %(shop_id)s AND p.delivery = 'ship' AND p.state = ANY(%(states)s::text[])
             AND (%(location_id)s::bigint IS NULL OR p.location_id = %(location_id)s)
             AND (%(accepted)s::boolean IS NULL
                  OR (p.accepted_at IS NOT NULL OR p.state <> 'to_pick') = %(accepted)s::boolean)
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
            "accepted": accepted,
            "down": newest is (before is None),
            "from": before or after,
            "limit": limit,
        },
    )
    return [row[0] for row in await cursor.fetchall()]


async def tasks(tx: Tx, *, ids: Sequence[UUID]) -> list[Task]:
    """What a row of the list shows, in the order of the ids given; parcels that are not sent from a store are left out."""
    return await tx.every(
        Task,
        """
        SELECT p.id AS parcel_id, p.order_id, p.order_number, p.position, p.location_id, p.state, p.accepted_by,
               p.accepted_at, p.created_at, o.contact_name, coalesce(o.address ->> 'city', '') AS city, o.paid,
               o.money_back, n.units, n.titles, n.pictures, w.accept_hours, s.why AS stuck, s.note AS stuck_note
          FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS a (id, at)
          JOIN fulfilment.v_parcel p ON p.id = a.id AND p.delivery = 'ship'
          JOIN stock.v_location l ON l.id = p.location_id AND l.kind = 'store'
          JOIN orders.v_recipient o ON o.order_id = p.order_id
          LEFT JOIN routing.v_place w ON w.location_id = p.location_id
          LEFT JOIN dispatch.stuck s ON s.parcel_id = p.id
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


async def counts(tx: Tx, *, shop_id: int, location_id: int | None, most: int) -> tuple[int, int]:
    """(not taken on, taken on and not sent), counted up to `most`."""
    cursor = await tx.connection.execute(
        """
        SELECT count(*) FILTER (WHERE is_new)::int, count(*) FILTER (WHERE NOT is_new)::int
          FROM (SELECT p.accepted_at IS NULL AND p.state = 'to_pick' AS is_new
                  FROM fulfilment.v_parcel p JOIN stock.v_location l ON l.id = p.location_id AND l.kind = 'store'
                 WHERE p.shop_id = %(shop_id)s AND p.delivery = 'ship' AND p.state IN ('to_pick', 'picked', 'packed')
                   AND (%(location_id)s::bigint IS NULL OR p.location_id = %(location_id)s)
                 LIMIT %(most)s) seen
        """,
        {"shop_id": shop_id, "location_id": location_id, "most": most},
    )
    found = await cursor.fetchone()
    assert found is not None, "an aggregate has a row"
    return found[0], found[1]


async def overdue(tx: Tx, *, limit: int) -> list[tuple[int, UUID]]:
    """(shop, parcel) of what nobody took on in time, in all shops; not what is stuck already."""
    cursor = await tx.connection.execute(
        """
        SELECT p.shop_id, p.id
          FROM routing.v_place w
          JOIN stock.v_location l ON l.id = w.location_id AND l.kind = 'store'
          JOIN fulfilment.v_parcel p ON p.shop_id = w.shop_id AND p.location_id = w.location_id AND p.state = 'to_pick'
                                    AND p.delivery = 'ship' AND p.accepted_at IS NULL
                                    AND p.created_at < now() - w.accept_hours * interval '1 hour'
         WHERE w.accept_hours IS NOT NULL AND NOT EXISTS (SELECT FROM dispatch.stuck s WHERE s.parcel_id = p.id)
         ORDER BY p.created_at LIMIT %(limit)s
        """,
        {"limit": limit},
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def mark_stuck(
    tx: Tx, *, parcel_id: UUID, shop_id: int, order_id: UUID, location_id: int, why: str, note: str
) -> None:
    await tx.run(
        """
        INSERT INTO dispatch.stuck (parcel_id, shop_id, order_id, location_id, why, note)
        VALUES (%(parcel_id)s, %(shop_id)s, %(order_id)s, %(location_id)s, %(why)s, %(note)s)
        ON CONFLICT (parcel_id) DO UPDATE SET why = excluded.why, note = excluded.note, at = now()
        """,
        parcel_id=parcel_id,
        shop_id=shop_id,
        order_id=order_id,
        location_id=location_id,
        why=why,
        note=note,
    )


async def unstick(tx: Tx, *, parcel_id: UUID) -> None:
    await tx.run("DELETE FROM dispatch.stuck WHERE parcel_id = %(id)s", id=parcel_id)
