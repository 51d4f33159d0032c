"""Look at a show with all detectors, and compute what is net.  Reads for a while: on threads, no transaction open."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from shopfloor import collector, metrics
from shopfloor.integrity import look_queries, sensing, service, sign_queries
from shopfloor.integrity.detecting import detect
from shopfloor.integrity.models import FIGURES, Subject
from shopfloor.integrity.watching import detect_viewers
from shopfloor.kernel.database import Database
from shopfloor.kernel.values import now

# After its end: most is undone in the first night, and most of what comes back in a month.
LOOK_AGAIN: Final = (
    timedelta(hours=1), timedelta(hours=13), timedelta(hours=36), timedelta(days=3), timedelta(days=7),
    timedelta(days=15), timedelta(days=30),
)  # fmt: skip


async def look(db: Database, lake: Path, *, shop_id: int, show_id: int) -> datetime:
    """Bring cases and figures of a show up to date; as of when.  Raises metrics.UnknownShow, metrics.MixedCurrencies."""
    as_of = now()
    async with db.transaction() as tx:
        show = await sign_queries.show(tx, shop_id=shop_id, show_id=show_id)
        if show is None:
            raise metrics.UnknownShow(show_id=show_id)
        ended = show.ended_at or as_of
        read = await sensing.read_orders(
            tx, shop_id=shop_id, show_id=show_id, started=show.started_at, ended=ended, as_of=as_of
        )
    view, watched, found = await asyncio.to_thread(_look, lake, shop_id, show_id, read)
    async with db.transaction() as tx:
        await service.keep(tx, shop_id=shop_id, show_id=show_id, found=found, at=as_of)
    async with db.transaction() as tx:
        invalid = await service.invalid(tx, shop_id=shop_id, show_id=show_id)
    figures, currency = await asyncio.to_thread(_figures, view, shop_id, show_id, as_of, invalid, watched)
    async with db.transaction() as tx:
        await service.judge(
            tx, shop_id=shop_id, show_id=show_id, figures=figures, currency=currency, as_of=as_of
        )
        again = (
            None
            if show.ended_at is None
            else next((at for after in LOOK_AGAIN if (at := show.ended_at + after) > as_of), None)
        )
        await look_queries.set_look(tx, shop_id=shop_id, show_id=show_id, looked_at=as_of, look_at=again)
    return as_of


async def invalid_of(db: Database, lake: Path, *, shop_id: int, show_id: int) -> metrics.Without:
    """What is not real of a show, for whoever computes on; a show that is over is looked at first, once.

    Raises metrics.UnknownShow, metrics.MixedCurrencies.
    """
    async with db.transaction() as tx:
        show = await sign_queries.show(tx, shop_id=shop_id, show_id=show_id)
        looked = await look_queries.looked_at(tx, shop_id=shop_id, show_id=show_id)
    if show is not None and show.ended_at is not None and (looked is None or looked < show.ended_at):
        await look(db, lake, shop_id=shop_id, show_id=show_id)
    async with db.transaction() as tx:
        return (await service.invalid(tx, shop_id=shop_id, show_id=show_id)).both


def _look(
    lake: Path, shop_id: int, show_id: int, read: sensing.Read
) -> tuple[collector.Lake, sensing.Watched, list[service.Noticed]]:
    view = collector.lake.open(lake)
    watched = sensing.read_audience(
        view, shop_id=shop_id, show_id=show_id, started=read.started, ended=read.ended
    )
    orders = sensing.orders_of(read, watched)
    known = np.array(read.signs.known, bool)
    found = [
        service.Noticed(
            Subject.ORDERS,
            each.reasons,
            each.tagged,
            [read.signs.ids[row] for row in each.orders],
            each.facts,
        )
        for each in detect(orders, seeds=known if known.any() else None)
    ]
    for each in detect_viewers(watched.audience):
        shoppers = sensing.uuids([watched.viewers[row] for row in each.orders])
        if shoppers:
            found.append(service.Noticed(Subject.VIEWERS, each.reasons, each.tagged, shoppers, each.facts))
    return view, watched, found


def _figures(
    view: collector.Lake,
    shop_id: int,
    show_id: int,
    as_of: datetime,
    invalid: service.Invalid,
    watched: sensing.Watched,
) -> tuple[dict[str, tuple[int, int, int]], str | None]:
    """Each figure by its own definition three times: of all, without what is invalid generally, without all of it."""

    def of(without: metrics.Without | None) -> tuple[dict[str, metrics.Figure], str | None]:
        return metrics.show_figures(view, shop_id, show_id, at=as_of, without=without)

    gross, currency = of(None)
    general = of(invalid.general)[0] if invalid.general else gross
    both = of(invalid.both)[0] if invalid.both != invalid.general else general
    found = {
        key: (
            gross[key].numerator,
            gross[key].numerator - general[key].numerator,
            general[key].numerator - both[key].numerator,
        )
        for key in FIGURES
        if key in gross
    }
    likes = (
        _likes(watched, None),
        _likes(watched, invalid.general.viewers),
        _likes(watched, invalid.both.viewers),
    )
    found["likes"] = (likes[0], likes[0] - likes[1], likes[1] - likes[2])
    return found, currency


def _likes(watched: sensing.Watched, without: frozenset[str] | None) -> int:
    if not without:
        return int(watched.likes.sum())
    kept: Any = np.array([name not in without for name in watched.viewers], bool)
    return int(watched.likes[kept].sum())
