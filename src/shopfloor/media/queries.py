"""SQL of media.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.paging import MOST_COUNTED
from shopfloor.media.models import Admission, Channel, Gap, Moment, Run, Segment


async def insert_channel(tx: Tx, *, shop_id: int, name: str) -> int:
    """A channel whose key nobody knows yet."""
    return await tx.value(
        """
        INSERT INTO media.channel (shop_id, name, key_hash)
        VALUES (%(shop_id)s, %(name)s, sha256(uuid_send(gen_random_uuid())))
        RETURNING id
        """,
        shop_id=shop_id,
        name=name,
    )


async def set_key(tx: Tx, *, shop_id: int, channel_id: int, key_hash: bytes) -> Channel | None:
    return await tx.first(
        Channel,
        """
        UPDATE media.channel SET key_hash = %(key_hash)s, key_changed_at = now()
         WHERE id = %(channel_id)s AND shop_id = %(shop_id)s
        RETURNING id, shop_id, name, created_at, key_changed_at
        """,
        shop_id=shop_id,
        channel_id=channel_id,
        key_hash=key_hash,
    )


async def channel(tx: Tx, *, shop_id: int, channel_id: int) -> Channel | None:
    return await tx.first(
        Channel,
        """
        SELECT id, shop_id, name, created_at, key_changed_at FROM media.channel
         WHERE id = %(channel_id)s AND shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
        channel_id=channel_id,
    )


async def channels(tx: Tx, *, shop_id: int) -> list[Channel]:
    return await tx.every(
        Channel,
        """
        SELECT id, shop_id, name, created_at, key_changed_at FROM media.channel
         WHERE shop_id = %(shop_id)s ORDER BY id
        """,
        shop_id=shop_id,
    )


async def admissions(tx: Tx, *, channel_ids: Sequence[int] | None) -> list[Admission]:
    """Of these channels, or of all."""
    return await tx.every(
        Admission,
        """
        SELECT id AS channel_id, shop_id, key_hash FROM media.channel
         WHERE %(channel_ids)s::bigint[] IS NULL OR id = ANY (%(channel_ids)s)
        """,
        channel_ids=None if channel_ids is None else list(channel_ids),
    )


async def insert_run(tx: Tx, run: Run) -> int:
    """Insert, unless it is there: then 0."""
    return await tx.run(
        """
        INSERT INTO media.run (id, channel_id, shop_id, anchor, codecs, width, height, target_duration,
                               init_sha256, init_length, file, chain)
        VALUES (%(id)s, %(channel_id)s, %(shop_id)s, %(anchor)s, %(codecs)s, %(width)s, %(height)s,
                %(target_duration)s, %(init_sha256)s, %(init_length)s, %(file)s, %(chain)s)
        ON CONFLICT (id) DO NOTHING
        """,
        id=run.id,
        channel_id=run.channel_id,
        shop_id=run.shop_id,
        anchor=run.anchor,
        codecs=run.codecs,
        width=run.width,
        height=run.height,
        target_duration=run.target_duration,
        init_sha256=run.init_sha256,
        init_length=run.init_length,
        file=run.file,
        chain=run.chain,
    )


async def end_run(tx: Tx, *, run_id: UUID, ended_at: datetime, cause: str) -> Run | None:
    """End a run that is open; None when it has ended already."""
    return await tx.first(
        Run,
        """
        UPDATE media.run SET ended_at = %(ended_at)s, end_cause = %(cause)s
         WHERE id = %(run_id)s AND ended_at IS NULL
        RETURNING id, channel_id, shop_id, anchor, ended_at, end_cause, codecs, width, height,
                  target_duration, init_sha256, init_length, file, chain
        """,
        run_id=run_id,
        ended_at=ended_at,
        cause=cause,
    )


async def insert_segment(tx: Tx, segment: Segment) -> int:
    """Insert, unless it is there: then 0."""
    return await tx.run(
        """
        INSERT INTO media.segment (run_id, msn, pdt, dts, duration, position, length, sha256, chain,
                                   independent, audio_end)
        VALUES (%(run_id)s, %(msn)s, %(pdt)s, %(dts)s, %(duration)s, %(position)s, %(length)s, %(sha256)s,
                %(chain)s, %(independent)s, %(audio_end)s)
        ON CONFLICT (run_id, msn) DO NOTHING
        """,
        run_id=segment.run_id,
        msn=segment.msn,
        pdt=segment.pdt,
        dts=segment.dts,
        duration=segment.duration,
        position=segment.position,
        length=segment.length,
        sha256=segment.sha256,
        chain=segment.chain,
        independent=segment.independent,
        audio_end=segment.audio_end,
    )


async def set_chain(tx: Tx, *, run_id: UUID, chain: bytes) -> None:
    await tx.run("UPDATE media.run SET chain = %(chain)s WHERE id = %(run_id)s", run_id=run_id, chain=chain)


async def save_gap(tx: Tx, gap: Gap) -> None:
    """Insert, or let a gap grow."""
    await tx.run(
        """
        INSERT INTO media.gap (id, channel_id, run_id, cause, started_at, milliseconds)
        VALUES (%(id)s, %(channel_id)s, %(run_id)s, %(cause)s, %(started_at)s, %(milliseconds)s)
        ON CONFLICT (id) DO UPDATE SET milliseconds = greatest(gap.milliseconds, excluded.milliseconds)
        """,
        id=gap.id,
        channel_id=gap.channel_id,
        run_id=gap.run_id,
        cause=str(gap.cause),
        started_at=gap.started_at,
        milliseconds=gap.milliseconds,
    )


async def save_moment(tx: Tx, moment: Moment) -> None:
    """Insert, or give a moment its end."""
    await tx.run(
        """
        INSERT INTO media.moment (channel_id, id, sku, start, "end")
        VALUES (%(channel_id)s, %(id)s, %(sku)s, %(start)s, %(end)s)
        ON CONFLICT (channel_id, id) DO UPDATE SET "end" = coalesce(moment."end", excluded."end")
        """,
        channel_id=moment.channel_id,
        id=moment.id,
        sku=moment.sku,
        start=moment.start,
        end=moment.end,
    )


async def moments(tx: Tx, *, channel_id: int, begin: datetime, end: datetime | None) -> list[Moment]:
    """Those that touch the stretch from `begin` to `end`, in order."""
    return await tx.every(
        Moment,
        """
        SELECT channel_id, id, sku, start, "end" FROM media.moment
         WHERE channel_id = %(channel_id)s
           AND (%(end)s::timestamptz IS NULL OR start < %(end)s)
           AND ("end" IS NULL OR "end" > %(begin)s)
         ORDER BY start, id
        """,
        channel_id=channel_id,
        begin=begin,
        end=end,
    )


async def runs(tx: Tx, *, channel_id: int) -> list[Run]:
    return await tx.every(
        Run,
        """
        SELECT id, channel_id, shop_id, anchor, ended_at, end_cause, codecs, width, height,
               target_duration, init_sha256, init_length, file, chain
          FROM media.run WHERE channel_id = %(channel_id)s ORDER BY anchor, id
        """,
        channel_id=channel_id,
    )


async def latest_runs(
    tx: Tx, *, channel_id: int, after: UUID | None, before: UUID | None, limit: int
) -> list[Run]:
    """The latest first, for `kernel.paging`."""
    return await tx.every(
        Run,
        """
        SELECT id, channel_id, shop_id, anchor, ended_at, end_cause, codecs, width, height,
               target_duration, init_sha256, init_length, file, chain
          FROM media.run
         WHERE channel_id = %(channel_id)s
           AND (%(after)s::uuid IS NULL OR (anchor, id) <
                (SELECT anchor, id FROM media.run WHERE id = %(after)s))
           AND (%(before)s::uuid IS NULL OR (anchor, id) >
                (SELECT anchor, id FROM media.run WHERE id = %(before)s))
         ORDER BY CASE WHEN %(before)s::uuid IS NULL THEN anchor END DESC,
                  CASE WHEN %(before)s::uuid IS NULL THEN id END DESC, anchor, id
         LIMIT %(limit)s
        """,
        channel_id=channel_id,
        after=after,
        before=before,
        limit=limit,
    )


async def count_runs(tx: Tx, *, channel_id: int, before: UUID | None) -> int:
    """At most one more than is counted (`kernel.paging`)."""
    return await tx.value(
        """
        SELECT count(*) FROM (
            SELECT FROM media.run
             WHERE channel_id = %(channel_id)s
               AND (%(before)s::uuid IS NULL OR (anchor, id) >
                    (SELECT anchor, id FROM media.run WHERE id = %(before)s))
             LIMIT %(most)s + 1) AS counted
        """,
        channel_id=channel_id,
        before=before,
        most=MOST_COUNTED,
    )


async def runs_between(tx: Tx, *, channel_id: int, begin: datetime, end: datetime | None) -> list[Run]:
    """Those that touch the stretch from `begin` to `end`, in order."""
    return await tx.every(
        Run,
        """
        SELECT id, channel_id, shop_id, anchor, ended_at, end_cause, codecs, width, height,
               target_duration, init_sha256, init_length, file, chain
          FROM media.run
         WHERE channel_id = %(channel_id)s
           AND (%(end)s::timestamptz IS NULL OR anchor < %(end)s)
           AND (ended_at IS NULL OR ended_at > %(begin)s)
         ORDER BY anchor, id
        """,
        channel_id=channel_id,
        begin=begin,
        end=end,
    )


async def run(tx: Tx, *, run_id: UUID) -> Run | None:
    return await tx.first(
        Run,
        """
        SELECT id, channel_id, shop_id, anchor, ended_at, end_cause, codecs, width, height,
               target_duration, init_sha256, init_length, file, chain
          FROM media.run WHERE id = %(run_id)s
        """,
        run_id=run_id,
    )


async def known_runs(tx: Tx, *, ids: Sequence[UUID]) -> list[UUID]:
    """Which of these ids have a row."""
    return await tx.value(
        "SELECT coalesce(array_agg(id), '{}') FROM media.run WHERE id = ANY (%(ids)s)", ids=list(ids)
    )


async def open_runs(tx: Tx) -> list[Run]:
    return await tx.every(
        Run,
        """
        SELECT id, channel_id, shop_id, anchor, ended_at, end_cause, codecs, width, height,
               target_duration, init_sha256, init_length, file, chain
          FROM media.run WHERE ended_at IS NULL ORDER BY anchor, id
        """,
    )


async def all_runs(tx: Tx) -> list[Run]:
    return await tx.every(
        Run,
        """
        SELECT id, channel_id, shop_id, anchor, ended_at, end_cause, codecs, width, height,
               target_duration, init_sha256, init_length, file, chain
          FROM media.run ORDER BY anchor, id
        """,
    )


async def segments(tx: Tx, *, run_id: UUID) -> list[Segment]:
    return await tx.every(
        Segment,
        """
        SELECT run_id, msn, pdt, dts, duration, position, length, sha256, chain, independent, audio_end
          FROM media.segment WHERE run_id = %(run_id)s ORDER BY msn
        """,
        run_id=run_id,
    )


async def any_segment(
    tx: Tx, *, channel_id: int, shop_id: int, begin: datetime, end: datetime | None, over_ms: int
) -> bool:
    """Whether a segment lies between `begin` and `end`, which it may be over by so many ms."""
    return await tx.value(
        """
        SELECT EXISTS (
          SELECT FROM media.run JOIN media.segment ON segment.run_id = run.id
           WHERE run.channel_id = %(channel_id)s AND run.shop_id = %(shop_id)s
             AND (%(end)s::timestamptz IS NULL OR run.anchor < %(end)s)
             AND (run.ended_at IS NULL OR run.ended_at > %(begin)s)
             AND segment.pdt >= %(begin)s
             AND (%(end)s::timestamptz IS NULL
                  OR (segment.pdt < %(end)s
                      AND segment.pdt + (segment.duration / 90 - %(over_ms)s) * interval '1 ms' <= %(end)s))
        )
        """,
        channel_id=channel_id,
        shop_id=shop_id,
        begin=begin,
        end=end,
        over_ms=over_ms,
    )


async def gaps(tx: Tx, *, run_id: UUID) -> list[Gap]:
    return await tx.every(
        Gap,
        """
        SELECT id, channel_id, run_id, cause, started_at, milliseconds
          FROM media.gap WHERE run_id = %(run_id)s ORDER BY started_at, id
        """,
        run_id=run_id,
    )
