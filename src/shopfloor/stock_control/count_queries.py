"""SQL of counts.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.paging import MOST_COUNTED
from shopfloor.kernel.records import dataclass
from shopfloor.stock_control.models import Count, CountLine, CountListed, Variance

_COUNT: Final[LiteralString] = """
        SELECT id, shop_id, number, location_id, name, is_blind, state, reason, person_id, created_at, posted_at
          FROM stock_control.count
"""
_LINE: Final[LiteralString] = """
        SELECT count_id, variant_id, round, seen, counted, late, first_at, last_at, moved, left_out, applied, person_id
          FROM stock_control.count_line
"""


async def next_number(tx: Tx, *, shop_id: int) -> int:
    return await tx.value(
        """
        INSERT INTO stock_control.numbers (shop_id, counts) VALUES (%(shop_id)s, 1)
        ON CONFLICT (shop_id) DO UPDATE SET counts = numbers.counts + 1
        RETURNING counts
        """,
        shop_id=shop_id,
    )


async def insert_count(
    tx: Tx,
    *,
    shop_id: int,
    number: int,
    location_id: int,
    name: str,
    is_blind: bool,
    person_id: int | None,
) -> int:
    return await tx.value(
        """
        INSERT INTO stock_control.count (shop_id, number, location_id, name, is_blind, person_id)
        VALUES (%(shop_id)s, %(number)s, %(location_id)s, %(name)s, %(is_blind)s, %(person_id)s)
        RETURNING id
        """,
        shop_id=shop_id,
        number=number,
        location_id=location_id,
        name=name,
        is_blind=is_blind,
        person_id=person_id,
    )


async def count(tx: Tx, *, shop_id: int, count_id: int) -> Count | None:
    return await tx.first(
        Count,
        _COUNT + "WHERE shop_id = %(shop_id)s AND id = %(count_id)s",
        shop_id=shop_id,
        count_id=count_id,
    )


async def share_count(tx: Tx, *, shop_id: int, count_id: int) -> Count | None:
    """Kept in the state it is in until we are done."""
    return await tx.first(
        Count,
        _COUNT + "WHERE shop_id = %(shop_id)s AND id = %(count_id)s FOR SHARE",
        shop_id=shop_id,
        count_id=count_id,
    )


async def lock_count(tx: Tx, *, shop_id: int, count_id: int) -> Count | None:
    return await tx.first(
        Count,
        _COUNT + "WHERE shop_id = %(shop_id)s AND id = %(count_id)s FOR UPDATE",
        shop_id=shop_id,
        count_id=count_id,
    )


async def set_state(tx: Tx, *, count_id: int, state: str, reason: str, person_id: int | None) -> None:
    await tx.run(
        """
        UPDATE stock_control.count
           SET state = %(state)s, reason = CASE WHEN %(reason)s = '' THEN reason ELSE %(reason)s END,
               person_id = coalesce(%(person_id)s, person_id),
               posted_at = CASE WHEN %(state)s = 'posted' THEN now() ELSE posted_at END
         WHERE id = %(count_id)s
        """,
        count_id=count_id,
        state=state,
        reason=reason,
        person_id=person_id,
    )


async def is_listed(tx: Tx, *, count_id: int, variant_id: int) -> bool:
    return await tx.value(
        """
        SELECT EXISTS (SELECT FROM stock_control.count_line
                        WHERE count_id = %(count_id)s AND variant_id = %(variant_id)s)
        """,
        count_id=count_id,
        variant_id=variant_id,
    )


async def add_lines(tx: Tx, *, shop_id: int, count_id: int, variant_ids: Sequence[int]) -> None:
    await tx.run(
        """
        INSERT INTO stock_control.count_line (count_id, shop_id, variant_id)
        SELECT %(count_id)s, %(shop_id)s, unnest(%(variants)s::bigint[])
        ON CONFLICT DO NOTHING
        """,
        shop_id=shop_id,
        count_id=count_id,
        variants=list(variant_ids),
    )


async def lock_line(tx: Tx, *, count_id: int, variant_id: int) -> CountLine | None:
    return await tx.first(
        CountLine,
        _LINE
        + """
         WHERE count_id = %(count_id)s AND variant_id = %(variant_id)s
           FOR NO KEY UPDATE
        """,
        count_id=count_id,
        variant_id=variant_id,
    )


async def save_line(
    tx: Tx,
    *,
    count_id: int,
    variant_id: int,
    round: int,  # noqa: A002 -- of counting
    seen: int | None,
    counted: int | None,
    late: int,
    first_at: datetime | None,
    last_at: datetime | None,
    moved: bool,
    left_out: bool,
    person_id: int | None,
) -> None:
    await tx.run(
        """
        UPDATE stock_control.count_line
           SET round = %(round)s, seen = %(seen)s, counted = %(counted)s, late = %(late)s, first_at = %(first_at)s,
               last_at = %(last_at)s, moved = %(moved)s, left_out = %(left_out)s, person_id = %(person_id)s
         WHERE count_id = %(count_id)s AND variant_id = %(variant_id)s
        """,
        count_id=count_id,
        variant_id=variant_id,
        round=round,
        seen=seen,
        counted=counted,
        late=late,
        first_at=first_at,
        last_at=last_at,
        moved=moved,
        left_out=left_out,
        person_id=person_id,
    )


async def insert_entry(
    tx: Tx,
    *,
    shop_id: int,
    key: UUID,
    count_id: int,
    variant_id: int,
    round: int,  # noqa: A002 -- of counting
    units: int,
    person_id: int | None,
    at: datetime,
) -> int:
    return await tx.run(
        """
        INSERT INTO stock_control.count_entry (shop_id, key, count_id, variant_id, round, units, person_id, at)
        VALUES (%(shop_id)s, %(key)s, %(count_id)s, %(variant_id)s, %(round)s, %(units)s, %(person_id)s, %(at)s)
        ON CONFLICT DO NOTHING
        """,
        shop_id=shop_id,
        key=key,
        count_id=count_id,
        variant_id=variant_id,
        round=round,
        units=units,
        person_id=person_id,
        at=at,
    )


@dataclass(frozen=True, slots=True)
class Entry:
    count_id: int
    variant_id: int


async def entry(tx: Tx, *, shop_id: int, key: UUID) -> Entry | None:
    return await tx.first(
        Entry,
        "SELECT count_id, variant_id FROM stock_control.count_entry WHERE shop_id = %(shop_id)s AND key = %(key)s",
        shop_id=shop_id,
        key=key,
    )


async def lines(
    tx: Tx,
    *,
    shop_id: int,
    count_id: int,
    show: str,
    after: int | None,
    before: int | None,
    limit: int,
) -> list[CountLine]:
    """By variant, for `kernel.paging`; `show`: all, differing, moved, open (not counted yet) or scanned."""
    return await tx.every(
        CountLine,
        _LINE
        + """
         WHERE shop_id = %(shop_id)s AND count_id = %(count_id)s
           AND CASE %(show)s WHEN 'differing' THEN counted - seen + late <> 0 WHEN 'moved' THEN moved AND NOT left_out
                             WHEN 'open' THEN counted IS NULL WHEN 'scanned' THEN counted IS NOT NULL ELSE true END
           AND (%(after)s::bigint IS NULL OR variant_id > %(after)s)
           AND (%(before)s::bigint IS NULL OR variant_id < %(before)s)
         ORDER BY CASE WHEN %(before)s::bigint IS NULL THEN variant_id END, variant_id DESC LIMIT %(limit)s
        """,
        shop_id=shop_id,
        count_id=count_id,
        show=show,
        after=after,
        before=before,
        limit=limit,
    )


async def count_lines(tx: Tx, *, shop_id: int, count_id: int, show: str, before: int | None) -> int:
    """At most one more than is counted (`kernel.paging`)."""
    return await tx.value(
        """
        SELECT count(*) FROM (
            SELECT FROM stock_control.count_line
             WHERE shop_id = %(shop_id)s AND count_id = %(count_id)s
               AND CASE %(show)s WHEN 'differing' THEN counted - seen + late <> 0 WHEN 'moved' THEN moved AND NOT left_out
                                 WHEN 'open' THEN counted IS NULL WHEN 'scanned' THEN counted IS NOT NULL ELSE true END
               AND (%(before)s::bigint IS NULL OR variant_id < %(before)s)
             LIMIT %(most)s + 1) AS counted
        """,
        shop_id=shop_id,
        count_id=count_id,
        show=show,
        before=before,
        most=MOST_COUNTED,
    )


async def last_scanned(tx: Tx, *, count_id: int, limit: int) -> list[CountLine]:
    """The lines that were scanned last, newest first."""
    return await tx.every(
        CountLine,
        _LINE
        + """
         WHERE count_id = %(count_id)s AND counted IS NOT NULL ORDER BY last_at DESC, variant_id LIMIT %(limit)s
        """,
        count_id=count_id,
        limit=limit,
    )


async def variance(tx: Tx, *, shop_id: int, count_id: int) -> Variance:
    """What it comes to, or came to: lines that are left out do not count."""
    found = await tx.first(
        Variance,
        """
        SELECT count(*)::int AS lines, count(l.counted)::int AS counted,
               count(*) FILTER (WHERE d.by <> 0)::int AS differing,
               count(*) FILTER (WHERE l.moved AND NOT l.left_out)::int AS moved,
               coalesce(sum(d.by) FILTER (WHERE d.by > 0), 0)::bigint AS more,
               coalesce(-sum(d.by) FILTER (WHERE d.by < 0), 0)::bigint AS fewer,
               coalesce(sum(d.by * v.price_minor) FILTER (WHERE d.by > 0), 0)::bigint AS more_minor,
               coalesce(-sum(d.by * v.price_minor) FILTER (WHERE d.by < 0), 0)::bigint AS fewer_minor
          FROM stock_control.count_line AS l
          LEFT JOIN catalog.v_variant AS v ON v.id = l.variant_id
          CROSS JOIN LATERAL (SELECT CASE WHEN l.left_out THEN NULL
                                          ELSE coalesce(l.applied, l.counted - l.seen + l.late) END AS by) AS d
         WHERE l.shop_id = %(shop_id)s AND l.count_id = %(count_id)s
        """,
        shop_id=shop_id,
        count_id=count_id,
    )
    assert found is not None, "an aggregate has a row"
    return found


async def to_apply(tx: Tx, *, count_id: int, limit: int) -> list[int]:
    """Variants of lines that were counted and are not in the books yet."""
    rows = await tx.connection.execute(
        """
        SELECT variant_id FROM stock_control.count_line
         WHERE count_id = %(count_id)s AND counted IS NOT NULL AND NOT left_out AND applied IS NULL
         ORDER BY variant_id LIMIT %(limit)s
        """,
        {"count_id": count_id, "limit": limit},
    )
    return [row[0] for row in await rows.fetchall()]


async def lock_lines(tx: Tx, *, count_id: int, variant_ids: Sequence[int]) -> list[CountLine]:
    return await tx.every(
        CountLine,
        _LINE
        + """
         WHERE count_id = %(count_id)s AND variant_id = ANY(%(variants)s::bigint[]) AND applied IS NULL
         ORDER BY variant_id FOR NO KEY UPDATE
        """,
        count_id=count_id,
        variants=list(variant_ids),
    )


async def set_applied(tx: Tx, *, count_id: int, variants: Sequence[int], applied: Sequence[int]) -> None:
    await tx.run(
        """
        UPDATE stock_control.count_line AS l SET applied = a.applied
          FROM unnest(%(variants)s::bigint[], %(applied)s::int[]) AS a (variant_id, applied)
         WHERE l.count_id = %(count_id)s AND l.variant_id = a.variant_id
        """,
        count_id=count_id,
        variants=list(variants),
        applied=list(applied),
    )


@dataclass(frozen=True, slots=True)
class Other:
    """A counted line of some count at a location."""

    count_id: int
    variant_id: int
    first_at: datetime
    last_at: datetime
    is_applied: bool


async def lock_lines_at(
    tx: Tx, *, shop_id: int, location_id: int, variant_ids: Sequence[int], since: datetime | None
) -> list[Other]:
    """Counted lines of these variants at a location whose last unit was scanned after `since`, locked in one order.

    A line that is being scanned at this moment is waited for: whoever scans it saw the books as they were before us.
    """
    cursor = await tx.connection.execute(
        """
        SELECT l.count_id, l.variant_id, l.first_at, l.last_at, l.applied IS NOT NULL,
               l.counted IS NOT NULL AND NOT l.left_out
          FROM stock_control.count_line AS l JOIN stock_control.count AS c ON c.id = l.count_id
         WHERE c.shop_id = %(shop_id)s AND c.location_id = %(location_id)s AND c.state <> 'cancelled'
           AND l.variant_id = ANY(%(variants)s::bigint[])
           AND (c.state = 'open' OR NOT l.left_out AND l.counted IS NOT NULL
                AND (%(since)s::timestamptz IS NULL OR l.last_at > %(since)s))
         ORDER BY l.variant_id, l.count_id FOR NO KEY UPDATE OF l
        """,
        {"shop_id": shop_id, "location_id": location_id, "variants": list(variant_ids), "since": since},
    )
    return [
        Other(*row[:5]) for row in await cursor.fetchall() if row[5] and (since is None or row[3] > since)
    ]


async def may_have_lines_at(
    tx: Tx, *, shop_id: int, location_id: int, variant_ids: Sequence[int], since: datetime
) -> bool:
    """Whether `lock_lines_at` can find any, also once those who scan at this moment are done."""
    return await tx.value(
        """
        SELECT EXISTS (
            SELECT FROM stock_control.count_line AS l JOIN stock_control.count AS c ON c.id = l.count_id
             WHERE c.shop_id = %(shop_id)s AND c.location_id = %(location_id)s AND c.state <> 'cancelled'
               AND l.variant_id = ANY(%(variants)s::bigint[])
               AND (c.state = 'open' OR NOT l.left_out AND l.last_at > %(since)s))
        """,
        shop_id=shop_id,
        location_id=location_id,
        variants=list(variant_ids),
        since=since,
    )


async def add_late(
    tx: Tx, *, count_id: int, variant_id: int, late: int, applied: int = 0, moved: bool = False
) -> None:
    await tx.run(
        """
        UPDATE stock_control.count_line
           SET late = late + %(late)s, applied = applied + %(applied)s, moved = moved OR %(moved)s
         WHERE count_id = %(count_id)s AND variant_id = %(variant_id)s
        """,
        count_id=count_id,
        variant_id=variant_id,
        late=late,
        applied=applied,
        moved=moved,
    )


async def reset_lines(tx: Tx, *, count_id: int, variant_ids: Sequence[int] | None) -> int:
    """To be counted anew: these, or (None) all that differ or moved."""
    return await tx.run(
        """
        WITH due AS (
            SELECT variant_id FROM stock_control.count_line
             WHERE count_id = %(count_id)s AND counted IS NOT NULL
               AND (variant_id = ANY(%(variants)s::bigint[])
                    OR (%(variants)s::bigint[] IS NULL AND NOT left_out AND (moved OR counted - seen + late <> 0)))
             ORDER BY variant_id FOR NO KEY UPDATE)
        UPDATE stock_control.count_line AS l
           SET round = round + 1, seen = NULL, counted = NULL, late = 0, first_at = NULL, last_at = NULL, moved = false,
               left_out = false, person_id = NULL
          FROM due WHERE l.count_id = %(count_id)s AND l.variant_id = due.variant_id
        """,
        count_id=count_id,
        variants=None if variant_ids is None else list(variant_ids),
    )


async def any_posting(tx: Tx) -> Count | None:
    """A count of any shop whose posting was begun and not finished and at which nobody works, locked; each time another."""
    return await tx.first(
        Count,
        _COUNT + "WHERE state = 'posting' ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED",
    )


async def counts(
    tx: Tx,
    *,
    shop_id: int,
    state: str | None,
    location_id: int | None,
    after: int | None,
    before: int | None,
    limit: int,
) -> list[CountListed]:
    """Newest first, for `kernel.paging`."""
    return await tx.every(
        CountListed,
        """
        SELECT c.id, c.number, c.location_id, c.name, c.is_blind, c.state, c.created_at, c.posted_at,
               coalesce(l.lines, 0)::int AS lines, coalesce(l.counted, 0)::int AS counted,
               coalesce(l.differing, 0)::int AS differing
          FROM stock_control.count AS c
          LEFT JOIN LATERAL (
               SELECT count(*) AS lines, count(counted) AS counted,
                      count(*) FILTER (WHERE NOT left_out AND counted - seen + late <> 0) AS differing
                 FROM stock_control.count_line WHERE count_id = c.id) AS l ON true
         WHERE c.shop_id = %(shop_id)s
           AND (%(state)s::text IS NULL OR c.state = %(state)s)
           AND (%(location_id)s::bigint IS NULL OR c.location_id = %(location_id)s)
           AND (%(after)s::bigint IS NULL OR c.id < %(after)s)
           AND (%(before)s::bigint IS NULL OR c.id > %(before)s)
         ORDER BY CASE WHEN %(before)s::bigint IS NULL THEN c.id END DESC, c.id LIMIT %(limit)s
        """,
        shop_id=shop_id,
        state=state,
        location_id=location_id,
        after=after,
        before=before,
        limit=limit,
    )


async def count_counts(
    tx: Tx, *, shop_id: int, state: str | None, location_id: int | None, before: int | None
) -> int:
    """At most one more than is counted (`kernel.paging`)."""
    return await tx.value(
        """
        SELECT count(*) FROM (
            SELECT FROM stock_control.count AS c
             WHERE c.shop_id = %(shop_id)s
               AND (%(state)s::text IS NULL OR c.state = %(state)s)
               AND (%(location_id)s::bigint IS NULL OR c.location_id = %(location_id)s)
               AND (%(before)s::bigint IS NULL OR c.id > %(before)s)
             LIMIT %(most)s + 1) AS counted
        """,
        shop_id=shop_id,
        state=state,
        location_id=location_id,
        before=before,
        most=MOST_COUNTED,
    )
