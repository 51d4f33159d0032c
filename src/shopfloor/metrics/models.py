"""Figures and reports: what a number is made of before anybody may look at it."""

from dataclasses import field, replace
from datetime import datetime, tzinfo
from typing import Literal

from shopfloor.kernel.errors import Conflict, NotFound
from shopfloor.kernel.records import dataclass

State = Literal["provisional", "final"]

Basis = Literal["orders", "server", "browser"]
"""What a figure rests on: orders and payments alone; also what the server saw or did itself, which is who watched,
said and had units held; or also what browsers report, which anybody can invent within limits."""


class UnknownShow(Conflict):
    """The lake knows no start of this show in this shop."""

    code = "metrics.unknown_show"


class UnknownMetric(NotFound):
    """No figure has this id."""

    code = "metrics.unknown_metric"


class MixedCurrencies(Conflict):
    """The orders of the show are in several currencies, which no single sum can hold."""

    code = "metrics.mixed_currencies"


@dataclass(frozen=True, slots=True)
class Without:
    """What is left out when figures are computed net: orders with what was held for them, and viewers."""

    orders: frozenset[str] = frozenset()
    viewers: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.orders or self.viewers)


@dataclass(frozen=True, slots=True)
class Figure:
    """One number, with all it takes to know what it means.

    `value` is `numerator` when there is no denominator, else their quotient, None when that is undefined.
    Both are integers, so every engine gives the same figure to the last bit.
    """

    id: str
    version: int
    unit: str
    numerator: int
    denominator: int | None
    as_of: datetime
    state: State
    # None in reports that were made and kept before figures said it.
    basis: Basis | None = None

    @property
    def value(self) -> float | int | None:
        if self.denominator is None:
            return self.numerator
        return None if self.denominator == 0 else self.numerator / self.denominator

    @property
    def name(self) -> str:
        """The id with its version, as it stands beside every published number."""
        return f"{self.id}@{self.version}"


@dataclass(frozen=True, slots=True)
class GroupFigure:
    """One number of a part: of a product (`grain` product), of those who came from somewhere (source), of a week.

    `key` is the id, the code or the number of the part.  `value` as that of a Figure.
    """

    grain: str
    key: str
    id: str
    version: int
    unit: str
    numerator: int
    denominator: int | None
    state: State

    @property
    def value(self) -> float | int | None:
        if self.denominator is None:
            return self.numerator
        return None if self.denominator == 0 else self.numerator / self.denominator

    @property
    def name(self) -> str:
        return f"{self.id}@{self.version}"


@dataclass(frozen=True, slots=True)
class ProductRow:
    """One product in the show: who saw it, clicked, held, paid; and what it brought (minor units)."""

    product_id: int
    exposed: int
    reached: int
    clicked: int
    held: int
    paid: int
    orders_placed: int
    orders_paid: int
    units_paid: int
    gmv_placed: int
    gmv_paid: int
    gmv_net: int


@dataclass(frozen=True, slots=True)
class VariantRow:
    """One variant in the show: as the product, and what went unsold for lack of it."""

    variant_id: int
    product_id: int | None
    exposed: int
    reached: int
    clicked: int
    held: int
    paid: int
    orders_placed: int
    orders_paid: int
    units_held: int
    units_paid: int
    gmv_placed: int
    gmv_paid: int
    gmv_net: int
    refusals: int
    refused_buyers: int
    waitlist_joins: int
    waitlist_units: int


@dataclass(frozen=True, slots=True)
class MinuteRow:
    """One minute of the show, counted from its start; `featured` are the products shown in it."""

    minute: int
    starts_at: datetime
    viewers: int
    orders_placed: int
    orders_paid: int
    gmv_placed: int
    gmv_paid: int
    density: float
    featured: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Feature:
    """A stretch of the show in which an offer was on screen."""

    offer_id: int
    product_id: int | None
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Ask:
    """What viewers asked for in chat while a product was shown (None: while nothing was)."""

    product_id: int | None
    kind: str
    value: str
    lines: int


@dataclass(frozen=True, slots=True)
class Refused:
    """What browsers sent while the show ran and no figure counts, by reason.

    What can be read names its show, and only that of this show is here: events of a type that browsers may not
    send, those with a quantity no page sends, and all other invalid ones.  What cannot be read is of any
    show: requests that came too fast, which may hold many events, and events that name no show.
    """

    unknown_type: int
    bad_quantity: int
    other: int
    no_show: int
    too_fast: int


@dataclass(frozen=True, slots=True)
class ShowReport:
    """A show in figures, as of a moment.  Amounts are minor units of `currency`."""

    shop_id: int
    show_id: int
    started_at: datetime
    ended_at: datetime | None
    as_of: datetime
    state: State
    currency: str | None
    figures: dict[str, Figure]
    products: tuple[ProductRow, ...]
    variants: tuple[VariantRow, ...]
    minutes: tuple[MinuteRow, ...]
    features: tuple[Feature, ...]
    asks: tuple[Ask, ...]
    checks: dict[str, bool] = field(default_factory=dict[str, bool])
    # None in reports that were made and kept before they said it.
    refused: Refused | None = None
    groups: tuple[GroupFigure, ...] = ()

    @property
    def funnel(self) -> tuple[tuple[str, int], ...]:
        """Distinct people who reached each step or a later one, for the show as a whole: it never widens."""
        steps = ("reached_show", "reached_product", "reached_hold", "buyers")
        names = ("exposure", "click", "hold", "paid")
        return tuple((name, self.figures[step].numerator) for name, step in zip(names, steps, strict=True))

    def in_zone(self, zone: tzinfo) -> "ShowReport":
        """The same moments, on the clocks of `zone`."""
        return replace(
            self,
            started_at=self.started_at.astimezone(zone),
            ended_at=None if self.ended_at is None else self.ended_at.astimezone(zone),
            as_of=self.as_of.astimezone(zone),
            figures={
                key: replace(figure, as_of=figure.as_of.astimezone(zone))
                for key, figure in self.figures.items()
            },
            minutes=tuple(replace(row, starts_at=row.starts_at.astimezone(zone)) for row in self.minutes),
            features=tuple(
                replace(
                    feature,
                    starts_at=feature.starts_at.astimezone(zone),
                    ends_at=feature.ends_at.astimezone(zone),
                )
                for feature in self.features
            ),
        )

    def value(self, metric: str) -> float | int | None:
        return self.figures[metric].value


@dataclass(frozen=True, slots=True)
class VariantSignal:
    """What a show said about one variant, for a forecast.  Exposures are viewer-seconds.

    `exposure` counts while it was featured and could be bought, on hand or against supply; `exposure_total`
    while it was featured.  `questions` are the sizes and colours asked for in chat while its product was shown,
    in lower case, with how many lines; `asks` those that name an option of this variant.  `sold_out_at` are the
    moments when nothing of it could be bought.
    """

    variant_id: int
    product_id: int | None
    exposure: float
    exposure_total: float
    clicks: int
    holds: int
    units_held: int
    units_paid: int
    refused_buyers: int
    refused_units: int
    waitlist_units: int
    asks: int
    questions: dict[str, int]
    sold_out_at: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class Sales:
    """What a shop sold as of a moment, in all channels.  `figures` of the whole; `groups` by week, channel and cohort.

    The key of a week is the day number (since 1970) of its Monday, of a cohort `month/age` with months since year 0.
    """

    shop_id: int
    as_of: datetime
    currency: str | None
    figures: tuple[GroupFigure, ...]
    groups: tuple[GroupFigure, ...]
