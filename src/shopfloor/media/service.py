"""Channels and keys; runs, segments, gaps and moments as they are written down; replays."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from shopfloor.kernel import outbox, paging, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Invalid
from shopfloor.kernel.values import whole_number
from shopfloor.media import queries
from shopfloor.media.access import END_TOLERANCE_MS, Airtime
from shopfloor.media.events import MediaEnded, MediaStarted
from shopfloor.media.models import (
    Admission,
    Channel,
    ChannelUnknown,
    Coverage,
    Gap,
    GapCause,
    Moment,
    Run,
    RunUnknown,
    Segment,
)
from shopfloor.media.stretches import Stretch, stretches_of

_NAME_LENGTH: Final = 120


class BadChannelName(Invalid):
    """A channel needs a name of at most 120 characters."""

    code = "media.bad_channel_name"


async def create_channel(tx: Tx, *, shop_id: int, name: str) -> tuple[Channel, str]:
    """A channel and its stream key, which is shown this once and cannot be read again."""
    try:
        name = text.name(name, field="name", longest=_NAME_LENGTH)
    except text.UnusableText as problem:
        raise BadChannelName from problem
    channel_id = await queries.insert_channel(tx, shop_id=shop_id, name=name)
    return await rotate_key(tx, shop_id=shop_id, channel_id=channel_id)


async def rotate_key(tx: Tx, *, shop_id: int, channel_id: int) -> tuple[Channel, str]:
    """A new stream key; the old one stops working, also for who is publishing with it (within seconds)."""
    key = f"{channel_id}-{secrets.token_urlsafe(24)}"
    channel = await queries.set_key(tx, shop_id=shop_id, channel_id=channel_id, key_hash=key_hash(key))
    if channel is None:
        raise ChannelUnknown(channel_id=channel_id)
    return channel, key


def key_hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def channel_of_key(key: str) -> int | None:
    """The channel that a stream key names; it says nothing about whether the key is right."""
    number, dash, _ = key.partition("-")
    return whole_number(number) if dash else None


def opens(admission: Admission, key: str) -> bool:
    """Whether `key` is the channel's, in time that does not tell how nearly."""
    return hmac.compare_digest(admission.key_hash, key_hash(key))


async def admissions(tx: Tx, *, channel_ids: Sequence[int] | None = None) -> list[Admission]:
    return await queries.admissions(tx, channel_ids=channel_ids)


async def channel(tx: Tx, *, shop_id: int, channel_id: int) -> Channel:
    found = await queries.channel(tx, shop_id=shop_id, channel_id=channel_id)
    if found is None:
        raise ChannelUnknown(channel_id=channel_id)
    return found


async def shop_of(tx: Tx, *, channel_id: int) -> int | None:
    """Whose channel this is; None where there is none."""
    found = await queries.admissions(tx, channel_ids=[channel_id])
    return found[0].shop_id if found else None


async def channels(tx: Tx, *, shop_id: int) -> list[Channel]:
    return await queries.channels(tx, shop_id=shop_id)


async def runs(tx: Tx, *, shop_id: int, channel_id: int) -> list[Run]:
    """What was published on a channel, oldest first."""
    await channel(tx, shop_id=shop_id, channel_id=channel_id)
    return await queries.runs(tx, channel_id=channel_id)


async def _count_runs(tx: Tx, *, shop_id: int, channel_id: int, before: UUID | None = None) -> paging.Counted:
    await channel(tx, shop_id=shop_id, channel_id=channel_id)
    return paging.capped(await queries.count_runs(tx, channel_id=channel_id, before=before))


@paging.counted_by(_count_runs)
async def latest_runs(
    tx: Tx,
    *,
    shop_id: int,
    channel_id: int,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> list[Run]:
    """What was published on a channel, the latest first, a page of it (`kernel.paging`)."""
    await channel(tx, shop_id=shop_id, channel_id=channel_id)
    return await queries.latest_runs(tx, channel_id=channel_id, after=after, before=before, limit=limit)


async def segments(tx: Tx, *, shop_id: int, run_id: UUID) -> list[Segment]:
    return await queries.segments(tx, run_id=(await run(tx, shop_id=shop_id, run_id=run_id)).id)


async def gaps(tx: Tx, *, shop_id: int, run_id: UUID) -> list[Gap]:
    return await queries.gaps(tx, run_id=(await run(tx, shop_id=shop_id, run_id=run_id)).id)


async def run(tx: Tx, *, shop_id: int, run_id: UUID) -> Run:
    found = await queries.run(tx, run_id=run_id)
    if found is None or found.shop_id != shop_id:
        raise RunUnknown(run_id=str(run_id))
    return found


async def coverage(tx: Tx, *, shop_id: int, channel_id: int) -> Coverage:
    """Of everything published on a channel: what is recorded, what is missing, what came late."""
    total = recorded = missing = stalled = 0
    for each in await runs(tx, shop_id=shop_id, channel_id=channel_id):
        rows = await queries.segments(tx, run_id=each.id)
        recorded += sum(row.duration for row in rows) // 90
        holes = await queries.gaps(tx, run_id=each.id)
        missing += sum(hole.milliseconds for hole in holes if hole.cause == GapCause.DISK)
        stalled += sum(hole.milliseconds for hole in holes if hole.cause == GapCause.STALL)
        if each.ended_at is not None:
            total += round((each.ended_at - each.anchor) / timedelta(milliseconds=1))
    return Coverage(total, recorded, missing, stalled)


async def recording(
    tx: Tx, *, channel_id: int, run_id: UUID
) -> tuple[list[tuple[Run, list[Segment]]], list[Moment]]:
    """The run with this id on this channel, its segments, and the moments within it."""
    found = await queries.run(tx, run_id=run_id)
    if found is None or found.channel_id != channel_id:
        return [], []
    rows = await queries.segments(tx, run_id=run_id)
    moments = await queries.moments(tx, channel_id=channel_id, begin=found.anchor, end=found.ended_at)
    return [(found, rows)], moments


async def is_recorded(tx: Tx, *, channel_id: int, airtime: Airtime) -> bool:
    """Whether there is anything to see again of a show."""
    return await queries.any_segment(
        tx,
        channel_id=channel_id,
        shop_id=airtime.shop_id,
        begin=airtime.start,
        end=airtime.end,
        over_ms=END_TOLERANCE_MS,
    )


async def recordings_of_show(
    tx: Tx, *, channel_id: int, airtime: Airtime
) -> tuple[list[tuple[Run, list[Segment]]], list[Moment]]:
    """What is recorded of a show, segment by segment, and the moments within it."""
    end = None if airtime.end is None else airtime.end + timedelta(milliseconds=END_TOLERANCE_MS)
    found: list[tuple[Run, list[Segment]]] = []
    for each in await queries.runs_between(tx, channel_id=channel_id, begin=airtime.start, end=end):
        if each.shop_id == airtime.shop_id:
            rows = [row for row in await queries.segments(tx, run_id=each.id) if airtime.covers(row)]
            if rows:
                found.append((each, rows))
    return found, await queries.moments(tx, channel_id=channel_id, begin=airtime.start, end=end)


async def stretches(tx: Tx, *, channel_id: int, airtime: Airtime) -> tuple[Stretch, ...]:
    """Where in the replay of a show which moments of it are; () where nothing was recorded."""
    found, _ = await recordings_of_show(tx, channel_id=channel_id, airtime=airtime)
    return stretches_of([rows for _, rows in found])


# ── written down by the server while a show runs; each may be repeated after an unclear commit ────────────


async def open_run(tx: Tx, *, run: Run) -> None:
    if await queries.insert_run(tx, run):
        await outbox.record(tx, MediaStarted(run.shop_id, run.channel_id, run.id, run.anchor))


async def add_segment(tx: Tx, *, segment: Segment) -> None:
    if await queries.insert_segment(tx, segment):
        await queries.set_chain(tx, run_id=segment.run_id, chain=segment.chain)


async def end_run(tx: Tx, *, run_id: UUID, at: datetime, cause: str) -> None:
    ended = await queries.end_run(tx, run_id=run_id, ended_at=at, cause=cause)
    if ended is not None:
        await outbox.record(tx, MediaEnded(ended.shop_id, ended.channel_id, run_id, at, cause))


async def save_gap(tx: Tx, *, gap: Gap) -> None:
    await queries.save_gap(tx, replace(gap, milliseconds=max(gap.milliseconds, 0)))


async def save_moment(tx: Tx, *, moment: Moment) -> None:
    await queries.save_moment(tx, moment)
