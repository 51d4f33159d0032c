"""Hide a replay and show it again; cut the film of each moment.

Films are cut once, by a job, when the show is over and its recording is whole; the same recording gives the same bytes.
A film goes from the key frame before the moment to the one after it, and never beyond the show.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from shopfloor import live, media, run_of_show
from shopfloor.kernel import jobs, outbox, storage
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now, video_ms
from shopfloor.replays import queries
from shopfloor.replays.events import ReplayHidden
from shopfloor.replays.models import Clip

# What was in view for less is a slip of the hand, no moment.
SHORTEST_MS: Final = 2_000


@dataclass(frozen=True, slots=True)
class OfShow:
    shop_id: int
    show_id: int


class NotWholeYet(jobs.NotYet):
    """The last rows of the recording are still on their way: the job tries again."""


CUT: Final = jobs.Job("replays.clips", asked=OfShow, attempts=6)


async def hide(tx: Tx, *, shop_id: int, show_id: int, hidden: bool = True, by: int | None = None) -> None:
    """Keep the recording of an ended show from everybody but the shop, or show it again; it is never deleted by this.

    Again the same changes nothing.  Raises UnknownShow, WrongStatus before the end.
    """
    show = await live.locked(tx, shop_id, show_id)
    if show.status != live.ShowStatus.ENDED:
        raise live.WrongStatus("Only a show that is over has a replay.", status=str(show.status))
    changed = (
        await queries.hide(tx, shop_id=shop_id, show_id=show_id, by=by)
        if hidden
        else await queries.unhide(tx, shop_id=shop_id, show_id=show_id)
    )
    if changed:
        await outbox.record(tx, ReplayHidden(shop_id, show_id, show.channel_id, hidden, by))


async def hidden_since(tx: Tx, *, show_id: int) -> datetime | None:
    """None: everybody may see the replay of this show."""
    return await queries.hidden_since(tx, show_id=show_id)


async def hidden_of(tx: Tx, *, show_ids: Sequence[int]) -> list[int]:
    """Which of these shows have a hidden replay."""
    return await queries.hidden_of(tx, show_ids=show_ids)


async def hidden_in(tx: Tx, *, shop_id: int) -> list[int]:
    """The shows of a shop that have a hidden replay: no list that is for everybody offers them."""
    return await queries.hidden_in(tx, shop_id=shop_id)


async def ask_clips(tx: Tx, *, shop_id: int, show_id: int) -> jobs.Ticket:
    return await jobs.ask(tx, CUT, OfShow(shop_id, show_id), key=f"{shop_id}/{show_id}", shop_id=shop_id)


async def clips(tx: Tx, *, shop_id: int, show_id: int) -> list[Clip]:
    """Those of a show, in order, also of one whose replay is hidden."""
    return await queries.clips(tx, shop_id=shop_id, show_id=show_id)


async def newest_clip(tx: Tx, *, shop_id: int, product_id: int) -> Clip | None:
    """The latest clip of a product that everybody may see."""
    return await queries.newest_clip(tx, shop_id=shop_id, product_id=product_id)


def bought_in(found: Sequence[Clip], at: datetime) -> dict[int, Clip]:
    """By product: the clip of the moment in which it was bought at this time, or of the last one before.  Pure."""
    ms = video_ms(at)
    return {
        each.product_id: each
        for each in sorted(found, key=lambda each: each.began_video)
        if each.began_video <= ms
    }


async def make_clips(run: jobs.Run, asked: OfShow, *, recordings: Path) -> None:
    """Raises NotWholeYet, BadMedia, OSError."""
    async with run.db.transaction() as tx:
        found = await live.show(tx, shop_id=asked.shop_id, show_id=asked.show_id)
        intervals = await run_of_show.featured_intervals(tx, shop_id=asked.shop_id, show_id=asked.show_id)
        offers = await run_of_show.offers(tx, shop_id=asked.shop_id, show_id=asked.show_id)
        products = {each.id: each.product_id for each in offers}
        recorded: list[tuple[media.Run, list[media.Segment]]] = []
        if found.channel_id is not None and found.started_at is not None:
            airtime = media.Airtime(found.id, found.shop_id, found.started_at, found.ended_at)
            recorded, _ = await media.recordings_of_show(tx, channel_id=found.channel_id, airtime=airtime)
    if found.status != live.ShowStatus.ENDED or any(each.ended_at is None for each, _ in recorded):
        raise NotWholeYet("the recording is not whole yet")
    count = 0
    for number, interval in enumerate(intervals):
        ended = interval.ended_video
        if found.channel_id is None or ended is None or ended - interval.began_video < SHORTEST_MS:
            continue
        part = media.within(recorded, interval.began_video, ended)
        if not part:
            continue
        await run.progress(number / len(intervals), "cutting", clip=number + 1, clips=len(intervals))
        path = recordings / media.clip_name(found.channel_id, found.id, interval.id)
        size, milliseconds, digest = await asyncio.to_thread(_cut, recordings, part, path)
        pictured = await asyncio.to_thread(media.take_picture, path, path.with_suffix(".jpg"))
        async with run.db.transaction() as tx:
            clip = Clip(
                interval.id, found.shop_id, found.id, found.channel_id, interval.offer_id, products[interval.offer_id],
                media.in_ms(part[0][1][0].pdt), milliseconds, size, digest, pictured,
            )  # fmt: skip
            await queries.save_clip(tx, clip)
        count += 1
    async with run.db.transaction() as tx:
        await run.done(tx, as_of=now(), result={"clips": count})


def _cut(
    recordings: Path, part: Sequence[tuple[media.Run, Sequence[media.Segment]]], path: Path
) -> tuple[int, int, bytes]:
    """The clip is whole under its name, or there is none."""
    pieces = [
        piece
        for each, segments in part
        for piece in media.pieces_of(recordings / each.file, each.init_length, segments)
    ]
    with storage.written(path) as out:
        film = media.write_film(pieces, out)
    with path.open("rb") as whole:
        digest = hashlib.file_digest(whole, "sha256").digest()
    return film.size, film.milliseconds, digest
