"""The reports of a shop: its shows side by side and put together, and what it sold.  No I/O here."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from shopfloor.kernel.records import dataclass
from shopfloor.metrics import Figure, GroupFigure, ProductRow, Sales
from shopfloor.reports.comparing import Comparison, compare, is_comparable

# What adds up over shows.  Viewers of two shows are counted in each.
ADDED: Final = (
    "uv", "pv", "watch_s", "reached_show", "buyers", "orders_placed", "orders_paid", "units_paid", "gmv_placed", "gmv_paid",
    "gmv_net", "units_returned", "stockout_loss", "refused_units",
)  # fmt: skip
# What is compared with a shop's own past: all settle within the night or are money as it was paid, so that an old
# show, of which everything has come back, and a new one can stand beside each other.
COMPARED: Final = ("uv", "pcu", "dwell_mean", "conversion", "orders_paid", "gmv_paid", "gmv_net_1", "gpm")


@dataclass(frozen=True, slots=True)
class ShowLine:
    """A show that has ended, in the days of the shop's zone; `seconds` is its length, weekdays count from Monday, 0."""

    show_id: int
    started_at: datetime
    ended_at: datetime
    day: date
    week: date
    weekday: int
    seconds: float
    host_id: int | None
    currency: str | None
    figures: dict[str, Figure]
    products: tuple[ProductRow, ...]
    sources: tuple[GroupFigure, ...]

    def value(self, metric: str) -> float | None:
        figure = self.figures.get(metric)
        return None if figure is None else figure.value


@dataclass(frozen=True, slots=True)
class ShopReport:
    """`shows`: the newest first; `missing`: shows of which no figures are there yet, and are being made."""

    shop_id: int
    as_of: datetime
    currency: str | None
    shows: tuple[ShowLine, ...]
    missing: tuple[int, ...]
    sales: Sales | None


@dataclass(frozen=True, slots=True)
class NetMoney:
    """What of a show's gmv_paid and gmv_net is left without what is invalid."""

    paid: int
    net: int
    invalid: int
    """What of gmv_paid is invalid, by the count that was judged."""


@dataclass(frozen=True, slots=True)
class Part:
    """Several shows as one: sums, and quotients of sums.  `judged` of its shows are judged; only then is there a net.

    Amounts are minor units.
    """

    key: object
    shows: int
    seconds: float
    sums: dict[str, int]
    judged: int
    invalid: int
    net_of_both: int | None

    @property
    def gpm(self) -> float | None:
        return _over(self.sums["gmv_paid"] * 1000, self.sums["pv"])

    @property
    def conversion(self) -> float | None:
        return _over(self.sums["buyers"], self.sums["reached_show"])

    @property
    def return_rate(self) -> float | None:
        return _over(self.sums["units_returned"], self.sums["units_paid"])


def _over(n: int, d: int) -> float | None:
    return n / d if d else None


def part_of(key: object, shows: Sequence[ShowLine], nets: Mapping[int, NetMoney]) -> Part:
    sums: dict[str, int] = dict.fromkeys(ADDED, 0)
    for show in shows:
        for metric in ADDED:
            figure = show.figures.get(metric)
            if figure is not None:
                # Seconds are kept in millionths.
                sums[metric] += (
                    figure.numerator // (figure.denominator or 1) if metric == "watch_s" else figure.numerator
                )
    judged = [(show, nets[show.show_id]) for show in shows if show.show_id in nets]
    return Part(
        key,
        len(shows),
        sum(show.seconds for show in shows),
        sums,
        len(judged),
        sum(net.invalid for _, net in judged),
        sum(net.net for _, net in judged) if len(judged) == len(shows) else None,
    )


def parts(
    shows: Sequence[ShowLine], by: Callable[[ShowLine], object], nets: Mapping[int, NetMoney]
) -> list[Part]:
    """In the order of their first show."""
    grouped: dict[object, list[ShowLine]] = {}
    for show in shows:
        grouped.setdefault(by(show), []).append(show)
    return [part_of(key, each, nets) for key, each in grouped.items()]


@dataclass(frozen=True, slots=True)
class ProductPart:
    product_id: int
    shows: int
    units_paid: int
    gmv_paid: int
    gmv_net: int


def products_of(shows: Sequence[ShowLine]) -> list[ProductPart]:
    """What each product brought over these shows, the largest first."""
    found: dict[int, list[ProductRow]] = {}
    for show in shows:
        for row in show.products:
            found.setdefault(row.product_id, []).append(row)
    every = [
        ProductPart(
            product_id,
            len(rows),
            sum(row.units_paid for row in rows),
            sum(row.gmv_paid for row in rows),
            sum(row.gmv_net for row in rows),
        )
        for product_id, rows in found.items()
    ]
    return sorted(every, key=lambda each: (-each.gmv_paid, each.product_id))


@dataclass(frozen=True, slots=True)
class SourcePart:
    """Who came over one link: `source` is its code, `none` where there was none."""

    source: str
    uv: int
    buyers: int
    gmv_paid: int
    gmv_net: int


def sources_of(groups: Sequence[GroupFigure]) -> list[SourcePart]:
    """The groups of one show, or of many, by where viewers came from; most viewers first."""
    found: dict[str, dict[str, int]] = {}
    for each in groups:
        if each.grain == "source":
            sums = found.setdefault(each.key, {})
            sums[each.id] = sums.get(each.id, 0) + each.numerator
    every = [
        SourcePart(source, *(sums.get(name, 0) for name in ("uv", "buyers", "gmv_paid", "gmv_net")))
        for source, sums in found.items()
    ]
    return sorted(every, key=lambda each: (-each.uv, each.source))


def comparable(shows: Sequence[ShowLine], newest: ShowLine) -> list[ShowLine]:
    """Earlier shows of the same weekday, about as long."""
    return [
        show
        for show in shows
        if show.started_at < newest.started_at
        and show.weekday == newest.weekday
        and is_comparable(show.seconds, newest.seconds)
    ]


def compared(shows: Sequence[ShowLine], newest: ShowLine) -> dict[str, Comparison]:
    """By figure, against the shop's own past."""
    before = comparable(shows, newest)
    return {
        metric: compare(
            newest.value(metric), [value for show in before if (value := show.value(metric)) is not None]
        )
        for metric in COMPARED
    }
