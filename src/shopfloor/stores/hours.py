"""When a store is open: from what people write to moments, on its own clock and across its time changes.  No I/O here."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from shopfloor.kernel.text import narrow
from shopfloor.stores.models import BadHours, Store

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = 24 * 60
_SPAN: Final = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*[-–—~至]\s*(\d{1,2})(?::(\d{2}))?", re.ASCII)
_LOOK_DAYS: Final = 120
_STEP: Final = timedelta(minutes=5)


def read(text: str, *, field: str) -> list[list[int]]:
    """Spans of one day, as people write them: `10:00-13:00, 14-19`; nothing for a day on which it is closed.

    Raises BadHours with the field.
    """
    spans: list[list[int]] = []
    for piece in re.split(r"[,;、]", narrow(text).replace("：", ":")):
        if not piece.strip():
            continue
        found = _SPAN.fullmatch(piece.strip())
        if found is None:
            raise BadHours(field=field, given=piece.strip()[:40])
        opens, closes = (int(found[hour]) * 60 + int(found[minute] or 0) for hour, minute in ((1, 2), (3, 4)))
        spans.append([opens, closes])
    check(spans, field=field)
    return spans


def check(spans: Sequence[Sequence[int]], *, field: str) -> None:
    """Raises BadHours where a span is none, or they are not one after another."""
    before = 0
    for span in spans:
        if len(span) != 2 or not before <= span[0] < span[1] <= _DAY:
            raise BadHours(field=field, given=written([list(span)]) if len(span) == 2 else str(span)[:40])
        before = span[1]


def written(spans: Sequence[Sequence[int]]) -> str:
    return ", ".join("–".join(f"{each // 60:02}:{each % 60:02}" for each in span) for span in spans)


def grouped(hours: Sequence[Sequence[Sequence[int]]]) -> list[tuple[int, int, str]]:
    """(first day, last day, hours) of days that follow one another and are alike; closed days are left out."""
    groups: list[tuple[int, int, str]] = []
    for day, spans in enumerate(hours):
        words = written(spans)
        if groups and groups[-1][1] == day - 1 and groups[-1][2] == words:
            groups[-1] = (groups[-1][0], day, words)
        else:
            groups.append((day, day, words))
    return [each for each in groups if each[2]]


def open_spans(store: Store, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When it is open from this moment on, as moments, for some months."""
    zone = ZoneInfo(store.timezone)
    first = at.astimezone(zone).date()
    for offset in range(_LOOK_DAYS):
        day = first + timedelta(days=offset)
        if day in store.closed_on:
            continue
        for opens, closes in store.hours[day.weekday()]:
            begins, ends = _moment(day, opens, zone), _moment(day, closes, zone)
            if ends > max(begins, at):
                yield max(begins, at), ends


def ready_at(store: Store, at: datetime) -> datetime | None:
    """When an order placed now can be collected: after so many minutes of being open, at the next full five minutes.

    None where it isn't open in the next months.
    """
    needed = timedelta(minutes=store.ready_minutes)
    for begins, ends in open_spans(store, at):
        if needed <= ends - begins:
            return min(_rounded(begins + needed), ends)
        needed -= ends - begins
    return None


def keep_until(store: Store, ready: datetime) -> datetime:
    """The end of the last day on which it waits, there."""
    zone = ZoneInfo(store.timezone)
    last = ready.astimezone(zone).date() + timedelta(days=store.keep_days)
    return _moment(last, _DAY, zone)


def _moment(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """A time on the clock of the store as a moment.  One that a time change left out is an hour later."""
    over, minutes = divmod(minutes, _DAY)
    local = datetime.combine(day + timedelta(days=over), time(minutes // 60, minutes % 60), zone)
    return local.astimezone(_UTC)


_UTC: Final = ZoneInfo("UTC")


def _rounded(at: datetime) -> datetime:
    over = timedelta(minutes=at.minute % 5, seconds=at.second, microseconds=at.microsecond)
    return at if not over else at - over + _STEP
