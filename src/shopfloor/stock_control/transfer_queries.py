"""SQL of transfers.  One function, one statement."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from psycopg.types.json import Json

from shopfloor.kernel.database import Tx
from shopfloor.kernel.paging import MOST_COUNTED
from shopfloor.stock_control.models import Listed, Step, Transfer, TransferLine


async def next_number(tx: Tx, *, shop_id: int) -> int:
    return await tx.value(
        """
        INSERT INTO stock_control.numbers (shop_id, transfers) VALUES (%(shop_id)s, 1)
        ON CONFLICT (shop_id) DO UPDATE SET transfers = numbers.transfers + 1
        RETURNING transfers
        """,
        shop_id=shop_id,
    )


async def insert_transfer(
    tx: Tx,
    *,
    shop_id: int,
    number: int,
    source_id: int,
    target_id: int,
    expected_on: date | None,
    note: str,
    person_id: int | None,
) -> int:
    return await tx.value(
        """
        INSERT INTO stock_control.transfer (shop_id, number, source_id, target_id, expected_on, note, person_id)
        VALUES (%(shop_id)s, %(number)s, %(source_id)s, %(target_id)s, %(expected_on)s, %(note)s, %(person_id)s)
        RETURNING id
        """,
        shop_id=shop_id,
        number=number,
        source_id=source_id,
        target_id=target_id,
        expected_on=expected_on,
        note=note,
        person_id=person_id,
    )


async def lock_transfer(tx: Tx, *, shop_id: int, transfer_id: int) -> Transfer | None:
    return await tx.first(
        Transfer,
        """
        SELECT id, shop_id, number, source_id, target_id, state, expected_on, note, person_id, created_at, sent_at,
               closed_at
          FROM stock_control.transfer WHERE shop_id = %(shop_id)s AND id = %(transfer_id)s FOR NO KEY UPDATE
        """,
        shop_id=shop_id,
        transfer_id=transfer_id,
    )


async def transfer(tx: Tx, *, shop_id: int, transfer_id: int) -> Transfer | None:
    return await tx.first(
        Transfer,
        """
        SELECT id, shop_id, number, source_id, target_id, state, expected_on, note, person_id, created_at, sent_at,
               closed_at
          FROM stock_control.transfer WHERE shop_id = %(shop_id)s AND id = %(transfer_id)s
        """,
        shop_id=shop_id,
        transfer_id=transfer_id,
    )


async def set_state(tx: Tx, *, transfer_id: int, state: str) -> None:
    await tx.run(
        """
        UPDATE stock_control.transfer
           SET state = %(state)s,
               sent_at = CASE WHEN %(state)s = 'sent' THEN now() ELSE sent_at END,
               closed_at = CASE WHEN %(state)s IN ('closed', 'cancelled') THEN now() ELSE closed_at END
         WHERE id = %(transfer_id)s
        """,
        transfer_id=transfer_id,
        state=state,
    )


async def lines(tx: Tx, *, transfer_id: int) -> list[TransferLine]:
    return await tx.every(
        TransferLine,
        """
        SELECT transfer_id, variant_id, asked, sent, received, lost, damaged, miscounted, found
          FROM stock_control.transfer_line WHERE transfer_id = %(transfer_id)s ORDER BY variant_id
        """,
        transfer_id=transfer_id,
    )


async def delete_lines(tx: Tx, *, transfer_id: int) -> None:
    await tx.run(
        "DELETE FROM stock_control.transfer_line WHERE transfer_id = %(transfer_id)s", transfer_id=transfer_id
    )


async def insert_lines(tx: Tx, *, shop_id: int, transfer_id: int, units: Mapping[int, int]) -> None:
    await tx.run(
        """
        INSERT INTO stock_control.transfer_line (transfer_id, shop_id, variant_id, asked)
        SELECT %(transfer_id)s, %(shop_id)s, u.variant_id, u.units
          FROM unnest(%(variants)s::bigint[], %(units)s::int[]) AS u (variant_id, units)
        """,
        shop_id=shop_id,
        transfer_id=transfer_id,
        variants=list(units),
        units=list(units.values()),
    )


async def send_lines(tx: Tx, *, transfer_id: int) -> None:
    await tx.run(
        "UPDATE stock_control.transfer_line SET sent = asked WHERE transfer_id = %(transfer_id)s",
        transfer_id=transfer_id,
    )


async def add_to_lines(
    tx: Tx,
    *,
    shop_id: int,
    transfer_id: int,
    variants: Sequence[int],
    received: Sequence[int],
    lost: Sequence[int],
    damaged: Sequence[int],
    miscounted: Sequence[int],
    found: Sequence[int],
) -> None:
    """Add to what became of each line; what nobody sent becomes a line of its own."""
    await tx.run(
        """
        WITH told AS (
             SELECT * FROM unnest(%(variants)s::bigint[], %(received)s::int[], %(lost)s::int[], %(damaged)s::int[],
                                  %(miscounted)s::int[], %(found)s::int[])
                        AS u (variant_id, received, lost, damaged, miscounted, found)),
        changed AS (
             UPDATE stock_control.transfer_line AS l
                SET received = l.received + u.received, lost = l.lost + u.lost, damaged = l.damaged + u.damaged,
                    miscounted = l.miscounted + u.miscounted, found = l.found + u.found
               FROM told AS u WHERE l.transfer_id = %(transfer_id)s AND l.variant_id = u.variant_id
             RETURNING l.variant_id)
        INSERT INTO stock_control.transfer_line (transfer_id, shop_id, variant_id, asked, found)
        SELECT %(transfer_id)s, %(shop_id)s, u.variant_id, u.found, u.found
          FROM told AS u WHERE u.found > 0 AND u.variant_id NOT IN (SELECT variant_id FROM changed)
        """,
        shop_id=shop_id,
        transfer_id=transfer_id,
        variants=list(variants),
        received=list(received),
        lost=list(lost),
        damaged=list(damaged),
        miscounted=list(miscounted),
        found=list(found),
    )


async def insert_step(
    tx: Tx,
    *,
    shop_id: int,
    key: UUID,
    transfer_id: int,
    kind: str,
    content: Mapping[str, int],
    person_id: int | None,
) -> int:
    return await tx.run(
        """
        INSERT INTO stock_control.transfer_step (shop_id, key, transfer_id, kind, content, person_id)
        VALUES (%(shop_id)s, %(key)s, %(transfer_id)s, %(kind)s, %(content)s, %(person_id)s)
        ON CONFLICT DO NOTHING
        """,
        shop_id=shop_id,
        key=key,
        transfer_id=transfer_id,
        kind=kind,
        content=Json(dict(content)),
        person_id=person_id,
    )


async def step(tx: Tx, *, shop_id: int, key: UUID) -> Step | None:
    return await tx.first(
        Step,
        """
        SELECT key, transfer_id, kind, content, person_id, at FROM stock_control.transfer_step
         WHERE shop_id = %(shop_id)s AND key = %(key)s
        """,
        shop_id=shop_id,
        key=key,
    )


async def steps(tx: Tx, *, transfer_id: int) -> list[Step]:
    return await tx.every(
        Step,
        """
        SELECT key, transfer_id, kind, content, person_id, at FROM stock_control.transfer_step
         WHERE transfer_id = %(transfer_id)s ORDER BY at, key
        """,
        transfer_id=transfer_id,
    )


async def transfers(
    tx: Tx,
    *,
    shop_id: int,
    state: str | None,
    location_id: int | None,
    after: int | None,
    before: int | None,
    limit: int,
) -> list[Listed]:
    """Newest first, for `kernel.paging`.  State "open": what is under way."""
    return await tx.every(
        Listed,
        """
        SELECT t.id, t.number, t.source_id, t.target_id, t.state, t.expected_on, t.created_at, t.sent_at,
               coalesce(l.lines, 0)::int AS lines, coalesce(l.asked, 0)::int AS asked, coalesce(l.sent, 0)::int AS sent,
               coalesce(l.in_transit, 0)::int AS in_transit
          FROM stock_control.transfer AS t
          LEFT JOIN LATERAL (
               SELECT count(*) AS lines, sum(asked) AS asked, sum(sent) AS sent,
                      sum(sent - received - lost - damaged - miscounted) AS in_transit
                 FROM stock_control.transfer_line WHERE transfer_id = t.id) AS l ON true
         WHERE t.shop_id = %(shop_id)s
           AND (%(state)s::text IS NULL OR t.state = %(state)s
                OR (%(state)s = 'open' AND t.state IN ('sent', 'partly_received')))
           AND (%(location_id)s::bigint IS NULL OR %(location_id)s IN (t.source_id, t.target_id))
           AND (%(after)s::bigint IS NULL OR t.id < %(after)s)
           AND (%(before)s::bigint IS NULL OR t.id > %(before)s)
         ORDER BY CASE WHEN %(before)s::bigint IS NULL THEN t.id END DESC, t.id LIMIT %(limit)s
        """,
        shop_id=shop_id,
        state=state,
        location_id=location_id,
        after=after,
        before=before,
        limit=limit,
    )


async def count_transfers(
    tx: Tx, *, shop_id: int, state: str | None, location_id: int | None, before: int | None
) -> int:
    """At most one more than is counted (`kernel.paging`)."""
    return await tx.value(
        """
        SELECT count(*) FROM (
            SELECT FROM stock_control.transfer AS t
             WHERE t.shop_id = %(shop_id)s
               AND (%(state)s::text IS NULL OR t.state = %(state)s
                    OR (%(state)s = 'open' AND t.state IN ('sent', 'partly_received')))
               AND (%(location_id)s::bigint IS NULL OR %(location_id)s IN (t.source_id, t.target_id))
               AND (%(before)s::bigint IS NULL OR t.id > %(before)s)
             LIMIT %(most)s + 1) AS counted
        """,
        shop_id=shop_id,
        state=state,
        location_id=location_id,
        before=before,
        most=MOST_COUNTED,
    )
