"""From the database and the lake to what detectors read."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute

from shopfloor import collector
from shopfloor.integrity import sign_queries
from shopfloor.integrity.columns import UNKNOWN, Audience, Orders
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass

# Its functions are made at import from what the library holds; no checker can see them.
pc: Any = pyarrow.compute

_PRESENCE: Final = ("live.enter", "live.heartbeat", "live.leave")
# What people do by hand; what pages say of themselves (a player, a list that came into view) is none.
_ACTS: Final = ("live.like", "chat.chat_said")
_TYPES: Final = (*_PRESENCE, *_ACTS)
_COLUMNS: Final = ("type", "event_time", "viewer", "seconds", "quantity", "shop_id")


@dataclass(frozen=True, slots=True)
class Read:
    """The orders of a show by their ids, and each one's lines."""

    signs: sign_queries.Signs
    lines: sign_queries.Lines
    started: float
    ended: float
    as_of: float


async def read_orders(
    tx: Tx, *, shop_id: int, show_id: int, started: datetime, ended: datetime, as_of: datetime
) -> Read:
    # Made for this look and kept nowhere: two looks cannot be joined by what they saw.
    seed = secrets.randbits(63)
    return Read(
        await sign_queries.signs(tx, shop_id=shop_id, show_id=show_id, seed=seed),
        await sign_queries.lines(tx, shop_id=shop_id, show_id=show_id),
        started.timestamp(),
        ended.timestamp(),
        as_of.timestamp(),
    )


@dataclass(frozen=True, slots=True)
class Watched:
    """Who was there: viewers by name, the audience, and when each was credited with what (for `watched` of orders)."""

    viewers: list[str]
    audience: Audience
    likes: Any
    beat_viewer: Any
    beat_at: Any
    beat_seconds: Any


def read_audience(
    lake: collector.Lake, *, shop_id: int, show_id: int, started: float, ended: float
) -> Watched:
    """Computes for a while: on a thread."""
    table = lake.table(shop_id=shop_id, show_id=show_id, types=_TYPES, names=_COLUMNS)
    table = table.filter(pc.is_valid(table["viewer"]))
    coded = (
        table["viewer"].combine_chunks().dictionary_encode()
        if len(table)
        else pa.array([], pa.string()).dictionary_encode()
    )
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    viewers: list[str] = coded.dictionary.to_pylist()
    who = coded.indices.to_numpy(zero_copy_only=False)
    at = pc.cast(table["event_time"], pa.int64()).to_numpy() / 1e6 - started
    kind = table["type"]
    present = np.asarray(pc.is_in(kind, pa.array(_PRESENCE)))
    beats = np.asarray(pc.equal(kind, "live.heartbeat"))
    acts = np.asarray(pc.is_in(kind, pa.array(_ACTS)))
    liked = np.asarray(pc.equal(kind, "live.like"))
    seconds = np.nan_to_num(pc.fill_null(table["seconds"], 0.0).to_numpy())
    count = pc.fill_null(table["quantity"], 1).to_numpy()
    size = len(viewers)
    came, seen = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(came, who[present], at[present])
    np.maximum.at(seen, who[present], at[present])
    there = np.isfinite(came)
    audience = Audience(
        came=np.where(there, came, 0.0),
        seen=np.where(there, seen, 0.0),
        claimed=np.bincount(who[beats], seconds[beats], size),
        served=np.full(size, np.nan),
        act_viewer=who[acts],
        act_at=at[acts],
        act_count=np.where(liked[acts], count[acts], 1),
        ended=ended - started,
    )
    likes = np.bincount(who[liked], count[liked], size).astype(np.int64)
    return Watched(viewers, audience, likes, who[beats], at[beats], seconds[beats])


def _floats(values: Sequence[float | None]) -> Any:
    return np.array([np.nan if each is None else each for each in values], float)


def _keys(values: Sequence[int | None]) -> Any:
    """Whole numbers from 0 in the order of their first appearance: nothing depends on the seed."""
    places: dict[int, int] = {}
    return np.array(
        [UNKNOWN if each is None else places.setdefault(each, len(places)) for each in values], np.int64
    )


def orders_of(read: Read, watched: Watched) -> Orders:
    """The orders as detectors read them; row i is `read.signs.ids[i]`."""
    signs = read.signs
    placed = _floats(signs.placed)
    place = {order_id: row for row, order_id in enumerate(signs.ids)}
    line_order = np.array([place.get(each, -1) for each in read.lines.orders], np.int64)
    known = line_order >= 0
    phone, mail = _keys(signs.phones), _keys(signs.mails)
    return Orders(
        placed=placed - read.started,
        paid=_floats(signs.paid) - placed,
        undone=_floats(signs.undone) - placed,
        handed=_floats(signs.handed) - placed,
        amount=np.array(signs.amounts, np.int64),
        units=np.bincount(line_order[known], np.array(read.lines.units, float)[known], len(signs.ids)),
        # A customer of the shop is a contact; who has none is a browser.
        account=np.full(len(signs.ids), UNKNOWN),
        device=_keys(signs.devices),
        network=_keys(signs.networks),
        address=_keys(signs.places),
        # No payment service tells us who paid in a way that could be compared.
        payer=np.full(len(signs.ids), UNKNOWN),
        phone=phone,
        mail=mail,
        staff=np.array(signs.staff, bool),
        watched=_watched(signs.browsers, placed - read.started, watched),
        line_order=line_order[known],
        line_product=np.array(read.lines.products, np.int64)[known],
        ended=read.ended - read.started,
        as_of=read.as_of - read.started,
    )


def _watched(browsers: Sequence[str], placed: Any, watched: Watched) -> Any:
    """Seconds each order's browser had been credited with when it was placed; NaN where nobody watched at all."""
    if len(watched.beat_at) == 0 or not browsers:
        return np.full(len(browsers), np.nan)
    known = {name: row for row, name in enumerate(watched.viewers)}
    who = np.array([known.get(each, -1) for each in browsers], np.int64)
    turn = np.lexsort((watched.beat_at, watched.beat_viewer))
    viewer, at = watched.beat_viewer[turn], watched.beat_at[turn]
    total = np.concatenate([[0.0], np.cumsum(watched.beat_seconds[turn])])
    # One number orders by viewer and then by time: times are within a show, far less than the step.
    step = float(max(np.abs(at).max(), np.abs(placed).max())) * 2 + 1
    keys = viewer * step + at
    until = np.searchsorted(keys, who * step + placed, "right")
    since = np.searchsorted(viewer, who, "left")
    return np.where(who >= 0, total[np.maximum(until, since)] - total[since], 0.0)


def uuids(names: Sequence[str]) -> list[UUID]:
    """Those that are ids of browsers; others are made up by whoever sent them."""
    found: list[UUID] = []
    for name in names:
        try:
            found.append(UUID(name))
        except ValueError:
            continue
    return found
