"""Which viewers of a show are not what they seem, and why.

What a page's timer sends is regular by itself: only acts that people make are looked at, and how many at a time.
"""

from typing import Any

import numpy as np

from shopfloor.integrity import thresholds as t
from shopfloor.integrity.columns import Audience
from shopfloor.integrity.detecting import Found, cadence
from shopfloor.integrity.models import Reason


def detect_viewers(audience: Audience) -> list[Found]:
    """`Found.orders` are row numbers of viewers here."""
    if len(audience) == 0:
        return []
    found = [*_machines(audience), *_no_video(audience), *_lockstep(audience)]
    taken = np.zeros(len(audience), bool)
    kept: list[Found] = []
    for each in found:
        rows = each.orders[~taken[each.orders]]
        if len(rows):
            taken[rows] = True
            kept.append(Found(each.reasons, each.tagged, rows, each.facts))
    return kept


def _machines(audience: Audience) -> list[Found]:
    """Acts like clockwork, always as many; or more than a hand can do."""
    viewers = len(audience)
    spread = cadence(audience.act_at, audience.act_viewer, viewers)
    n = np.bincount(audience.act_viewer, minlength=viewers)
    sums = np.bincount(audience.act_viewer, audience.act_count, viewers)
    most = np.zeros(viewers)
    np.maximum.at(most, audience.act_viewer, audience.act_count)
    # Whoever taps as fast as they can sends by the page's timer, but never as many each time.
    steady = (n >= t.LEAST_ACTS) & (spread < t.CADENCE) & (sums == most * n)
    first, last = np.full(viewers, np.inf), np.full(viewers, -np.inf)
    np.minimum.at(first, audience.act_viewer, audience.act_at)
    np.maximum.at(last, audience.act_viewer, audience.act_at)
    long = last - first >= 600.0
    minutes = np.where(long, last - first, 1.0) / 60.0
    superhuman = long & (sums / minutes > t.MACHINE_PER_MINUTE)
    rows = np.flatnonzero(steady | superhuman)
    if len(rows) == 0:
        return []
    facts = {"viewers": len(rows), "steady": int(steady.sum()), "too_many": int(superhuman.sum())}
    return [Found((Reason.MACHINE,), True, rows, facts)]


def _no_video(audience: Audience) -> list[Found]:
    """Watched long, by their own account, and fetched hardly any video."""
    known = ~np.isnan(audience.served)
    empty = known & (audience.claimed >= t.CLAIMED) & (audience.served < t.SERVED_SHARE * audience.claimed)
    rows = np.flatnonzero(empty)
    # Where hardly anybody fetches video from us, it comes from somewhere else.
    if len(rows) < t.LEAST_PEOPLE or len(rows) > 0.9 * known.sum():
        return []
    facts = {"viewers": len(rows), "claimed_minutes": round(float(audience.claimed[rows].sum()) / 60)}
    return [Found((Reason.NO_VIDEO,), True, rows, facts)]


def _lockstep(audience: Audience) -> list[Found]:
    """Many who came together and, long before the end, left together."""
    width = int(audience.seen.max() / t.LOCKSTEP_SECONDS) + 3
    stayed = (audience.seen < audience.ended - 60) & (audience.seen - audience.came >= 60)
    out = np.zeros(len(audience), bool)
    # Two grids, half a step apart in both: no group is cut by both.
    for shift in (0.0, t.LOCKSTEP_SECONDS / 2):
        a = np.floor((audience.came + shift) / t.LOCKSTEP_SECONDS).astype(np.int64)
        b = np.floor((audience.seen + shift) / t.LOCKSTEP_SECONDS).astype(np.int64)
        pair = np.where(stayed, a * width + b, -1)
        _, place, count = np.unique(pair, return_inverse=True, return_counts=True)
        together = count[place]
        came, left = _frequency(a[stayed], a), _frequency(b[stayed], b)
        expected = came * left / max(1, int(stayed.sum()))
        out |= stayed & (together >= t.LOCKSTEP_VIEWERS) & (together >= t.LOCKSTEP_TIMES * expected)
    rows = np.flatnonzero(out)
    if len(rows) == 0:
        return []
    return [
        Found(
            (Reason.LOCKSTEP,), True, rows, {"viewers": len(rows), "within_seconds": t.LOCKSTEP_SECONDS * 1.5}
        )
    ]


def _frequency(values: Any, asked: Any) -> Any:
    """How often each of `asked` is among `values`."""
    turn = np.sort(values)
    return np.searchsorted(turn, asked, "right") - np.searchsorted(turn, asked, "left")
