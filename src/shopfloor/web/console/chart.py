"""A show minute by minute, as geometry that a template draws: no script, sharp at any width.

Across, everything is a share of the width in percent, so that text keeps its size on a phone; down, pixels.
"""

import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from shopfloor.kernel.records import dataclass
from shopfloor.metrics import MinuteRow, ShowReport

_STEPS: Final = (1, 2, 5, 10, 15, 20, 30, 60, 120, 240)
_MOST_TICKS: Final = 6
_MOST_LANES: Final = 16
_TITLE: Final = 42
_VIEWERS: Final = 132
_ORDERS: Final = 72
_LANE: Final = 34
_LABEL: Final = 34


@dataclass(frozen=True, slots=True)
class Block:
    """A rectangle: `x` and `width` in percent, `y` and `height` in pixels."""

    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Grid:
    """A horizontal line and the number it stands for."""

    y: float
    value: int


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    minute: int
    anchor: str


@dataclass(frozen=True, slots=True)
class Minute:
    """What is drawn for one minute.  `step` is how far the line of viewers climbs to the next one."""

    row: MinuteRow
    area: Block
    line: Block
    step: Block | None
    placed: Block
    paid: Block
    hit: Block


@dataclass(frozen=True, slots=True)
class Lane:
    """A product and when it was on screen."""

    product_id: int | None
    label: str
    x: float
    anchor: str
    y: float
    bands: list[Block]


@dataclass(frozen=True, slots=True)
class Chart:
    height: int
    viewers_title: int
    viewers_grid: list[Grid]
    orders_title: int
    orders_grid: list[Grid]
    minutes: list[Minute]
    axis: int
    ticks: list[Tick]
    lanes_title: int
    lanes: list[Lane]
    left_out: int


def chart(report: ShowReport, name_of: Callable[[int], str]) -> Chart | None:
    """None where there is nothing to draw yet."""
    if not report.minutes:
        return None
    end = report.ended_at or report.as_of
    minutes = max((end - report.started_at).total_seconds() / 60, 0.1)
    watched = top(max(row.viewers for row in report.minutes))
    bought = top(max(row.orders_placed for row in report.minutes))
    floor = _TITLE + _VIEWERS
    orders_title = floor + 28
    base = orders_title + 26 + _ORDERS
    axis = base + 18
    found = _lanes(report, name_of, minutes, axis + 62)
    lanes = found[:_MOST_LANES]
    return Chart(
        height=axis + 12 if not lanes else int(lanes[-1].y) + 18,
        viewers_title=14,
        viewers_grid=_grid(watched, floor, _VIEWERS),
        orders_title=orders_title,
        orders_grid=_grid(bought, base, _ORDERS),
        minutes=_minutes(report.minutes, minutes, (watched, floor), (bought, base)),
        axis=axis,
        ticks=ticks(minutes),
        lanes_title=axis + 38,
        lanes=lanes,
        left_out=len(found) - len(lanes),
    )


def top(most: int) -> int:
    """The even round number at which an axis ends: its half is a whole number as well."""
    size = 1
    while True:
        for step in (2, 4, 6, 8):
            if most <= step * size:
                return step * size
        size *= 10


def ticks(minutes: float) -> list[Tick]:
    """At most six labels, at round minutes."""
    step = next((step for step in _STEPS if minutes / step <= _MOST_TICKS), _STEPS[-1] * 2)
    places = range(0, int(minutes) + 1, step)
    return [Tick(_share(at, minutes), at, _anchor(_share(at, minutes))) for at in places]


def _grid(highest: int, floor: int, height: int) -> list[Grid]:
    return [Grid(floor, 0), Grid(floor - height / 2, highest // 2), Grid(floor - height, highest)]


def _minutes(
    rows: Sequence[MinuteRow], minutes: float, viewers: tuple[int, int], orders: tuple[int, int]
) -> list[Minute]:
    drawn: list[Minute] = []
    for at, row in enumerate(rows):
        x, until = _share(row.minute, minutes), _share(row.minute + 1, minutes)
        area = _bar(x, until - x, row.viewers, viewers, _VIEWERS)
        following = rows[at + 1].viewers if at + 1 < len(rows) else None
        step = None
        if following is not None:
            ends = _bar(x, 0, following, viewers, _VIEWERS).y
            step = Block(until, 0, min(area.y, ends), abs(area.y - ends))
        inset = min(0.6, (until - x) * 0.14)
        drawn.append(
            Minute(
                row=row,
                area=area,
                line=Block(x, until - x, area.y, 0),
                step=step,
                placed=_bar(x + inset, until - x - 2 * inset, row.orders_placed, orders, _ORDERS),
                paid=_bar(x + inset, until - x - 2 * inset, row.orders_paid, orders, _ORDERS),
                hit=Block(x, until - x, _TITLE, orders[1] - _TITLE),
            )
        )
    return drawn


def _bar(x: float, width: float, value: int, axis: tuple[int, int], height: int) -> Block:
    highest, floor = axis
    tall = round(min(1.0, value / highest) * height, 1)
    return Block(round(x, 3), round(max(0.0, width), 3), round(floor - tall, 1), tall)


def _lanes(report: ShowReport, name_of: Callable[[int], str], minutes: float, first: int) -> list[Lane]:
    shown: dict[int | None, list[tuple[datetime, datetime]]] = {}
    for feature in report.features:
        shown.setdefault(feature.product_id, []).append((feature.starts_at, feature.ends_at))
    lanes: list[Lane] = []
    for product_id, spans in shown.items():
        y = first + _LANE * len(lanes)
        bands = [_band(report.started_at, span, minutes, y) for span in spans]
        starts = bands[0].x <= 100 - bands[0].x - bands[0].width
        lanes.append(
            Lane(
                product_id=product_id,
                label=shortened("" if product_id is None else name_of(product_id)),
                x=bands[0].x if starts else round(bands[0].x + bands[0].width, 3),
                anchor="start" if starts else "end",
                y=y,
                bands=bands,
            )
        )
    return lanes


def _band(started: datetime, span: tuple[datetime, datetime], minutes: float, y: float) -> Block:
    x = _share((span[0] - started).total_seconds() / 60, minutes)
    until = _share((span[1] - started).total_seconds() / 60, minutes)
    return Block(x, max(0.4, round(until - x, 3)), y + 6, 6)


def _share(minute: float, minutes: float) -> float:
    return round(min(100.0, max(0.0, 100 * minute / minutes)), 3)


def _anchor(x: float) -> str:
    return "start" if x < 3 else "end" if x > 97 else "middle"


def shortened(text: str) -> str:
    """As much of it as fits half a phone; a Chinese character is two letters wide."""
    width = 0
    for at, character in enumerate(text):
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if width > _LABEL:
            return f"{text[: at - 1].rstrip()}…"
    return text
