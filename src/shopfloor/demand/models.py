"""What demand is learnt from and what is foreseen: plain values, and this module's refusals.  No I/O here.

Exposure is measured in viewer-seconds: one viewer who has the product on screen for one second.  It counts as
*in stock* while a unit could be bought (from the shelf or from a lot with a date), and stops when none could.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Final

from shopfloor.kernel.errors import Conflict, Invalid
from shopfloor.kernel.records import dataclass

# A distribution is kept as this many equally likely numbers of units, in rising order.
POINTS: Final = 40


class UnknownForecast(Conflict):
    """There is no forecast for this show."""

    code = "demand.unknown"


class BadSignal(Invalid):
    """A signal contradicts itself: negative, more in stock than in all, or twice the same variant."""

    code = "demand.bad_signal"


class BadHorizon(Invalid):
    """The exposure to foresee must be between a hundredth and a hundred times that of the show."""

    code = "demand.bad_horizon"


@dataclass(frozen=True, slots=True)
class Signal:
    """What one show says about one variant.

    `units_held` are units granted to buyers, those sold against a later lot included.  `units_given_up` are
    those that were let go again (expired, cancelled); None: all that are not paid.  `refused_buyers` are
    distinct people who were told "sold out" and came away with nothing; `waitlist_units` are units they then
    asked to be told of.  The two are evidence of the same people and are never added up.
    `presale_units` are units promised to buyers that no lot covers: what was sold from an announced lot is not
    among them.
    `left_out`, `moved_out` and `moved_in`: units that came back, are in `units_held` and `units_paid` no more, or are
    now where they came back of the size beside this one (`came_back.net`).
    """

    variant_id: int
    product_id: int
    options: Mapping[str, str]
    exposure_in_stock: float
    exposure_total: float
    units_held: int
    units_paid: int
    refused_buyers: int = 0
    waitlist_units: int = 0
    asks: int = 0
    stocked_out_at: datetime | None = None
    presale_units: int = 0
    units_given_up: int | None = None
    left_out: int = 0
    moved_out: int = 0
    moved_in: int = 0

    @property
    def units_had(self) -> int:
        """Units that were there to be taken, and were, whatever came back of them."""
        return self.units_held + self.left_out + self.moved_out - self.moved_in

    @property
    def unmet(self) -> int:
        """Units wanted and not to be had: a person refused who then joined the waitlist counts once."""
        return max(self.refused_buyers, self.waitlist_units)

    @property
    def exposure_out_of_stock(self) -> float:
        return self.exposure_total - self.exposure_in_stock


@dataclass(frozen=True, slots=True)
class CameBack:
    """Units of one variant that came back from one show, or that nobody wanted back, for one reason ('' for none);
    `exchanged_for`: the variant that was sent instead.
    """

    show_id: int
    variant_id: int
    reason: str
    units: int
    exchanged_for: int | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """What an earlier show saw of one variant; `age` 1 is the show before this one."""

    show_id: int
    age: int
    variant_id: int
    product_id: int
    units: int
    exposure: float


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier shows of the shop said about one variant, weighed down by age and without returns already."""

    variant_id: int
    product_id: int
    units: float
    exposure: float


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What is assumed, with its value; each is shown beside the forecast.

    ask_weight          a question in chat counts as this many units in the split over variants (never in the level)
    pay_rate, pay_weight  share of granted units that get paid, and how many units that prior is worth
    show_variation      squared coefficient of variation of a rate from one show to the next
    refusal_visibility  how likely a wish shows up as a refusal when the variant is sold out, before seeing any
    visibility_weight   how many refusals that prior is worth
    option_weight       how many expected units the shop-wide effect of a size or colour is shrunk by
    critical            the quantile of demand a buyer wants to reach (for the flag of what cannot be known)
    history_weight      what a unit or a second of an earlier show counts, beside one of this show
    """

    ask_weight: float = 0.3
    pay_rate: float = 0.85
    pay_weight: float = 20.0
    show_variation: float = 0.06
    refusal_visibility: float = 0.5
    visibility_weight: float = 10.0
    option_weight: float = 10.0
    critical: float = 0.7
    history_weight: float = 0.5


class Reason(StrEnum):
    """Why the data cannot know."""

    NEVER_EXPOSED = "demand.never_exposed"
    NEVER_IN_STOCK = "demand.never_in_stock"
    STOCK_BELOW_CRITICAL = "demand.stock_below_critical"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sentence about a figure: a stable code and the facts it needs; `say` puts it into words."""

    code: str
    facts: Mapping[str, int | float | str] = field(default_factory=dict[str, int | float | str])


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What is expected of one variant over the horizon, in units that will be paid for.

    `hard` units wait already (waitlist at the pay rate, presales without a lot); they are part of `mean`, `low`,
    `high` and of every point.  `low` and `high` hold 80 % of the probability between them (10 % below, 10 % above).
    `rate_per_hour`: units per viewer-hour in stock.  `identifiable` False: the number rests on
    other variants and on assumptions, and `reason` says why.
    """

    variant_id: int
    product_id: int
    mean: float
    low: int
    high: int
    points: tuple[int, ...]
    hard: int
    rate_per_hour: float
    exposure: float
    identifiable: bool
    reason: Reason | None
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Forecast:
    """The foreseen demand of a show's variants, as stored: a later version never changes an earlier one."""

    id: int
    shop_id: int
    show_id: int
    version: int
    as_of: datetime
    horizon: float
    lines: tuple[Foreseen, ...]


# English, then Chinese.  Facts are named as in `Evidence.facts`.
SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "demand.sold_in_stock": (
        "{units} units were taken while it could be bought, in {hours} viewer-hours.",
        "有货期间共 {hours} 观看小时，被拍下 {units} 件。",
    ),
    "demand.left_out": (
        "{units} of them came back and count no more.",
        "其中 {units} 件已退回，不再计入。",
    ),
    "demand.other_size": (
        "{units} of them came back for their size and count for the next size instead.",
        "其中 {units} 件因尺码不合退回，改计入相邻尺码。",
    ),
    "demand.from_other_size": (
        "{units} units that came back from another size, too small or too large, count here as well.",
        "另有 {units} 件从其他尺码因偏大或偏小退回，计入此尺码。",
    ),
    "demand.sold_out": (
        "It could be bought for {percent} % of its time on screen; after that, sales say nothing about demand.",
        "展示时间中只有 {percent}% 有货；售罄之后的销量不代表需求。",
    ),
    "demand.unmet": (
        "{unmet} units were wanted and not to be had (refused buyers and waitlist, each person once).",
        "另有 {unmet} 件想买未买到（被拒买家与候补，每人只计一次）。",
    ),
    "demand.waiting": (
        "{waiting} units wait already; {hard} of them count as certain, at a pay rate of {percent} %.",
        "已有 {waiting} 件在候补，按 {percent}% 的付款率计入 {hard} 件。",
    ),
    "demand.presale": (
        "{presale} units are promised and not covered by any lot yet.",
        "{presale} 件已预售，尚无货批覆盖。",
    ),
    "demand.asked": (
        "{asks} questions in chat asked for it; each counts as {weight} of a unit in the split over variants.",
        "弹幕中有 {asks} 次询问；在规格分配中每次折算 {weight} 件。",
    ),
    "demand.shrunk": (
        "Own sales carry {percent} % of the estimate; the rest comes from the product and its sizes and colours.",
        "估计中自身销量占 {percent}%，其余来自同款及其尺码颜色。",
    ),
    "demand.history": (
        "Earlier shows count for {units} units in {hours} viewer-hours, at half weight.",
        "以往直播按一半权重计入：{hours} 观看小时 {units} 件。",
    ),
    "demand.substitution": (
        "Other variants of it were sold out meanwhile: part of these sales may have been meant for them.",
        "期间同款其他规格售罄，部分销量可能由其转来。",
    ),
    "demand.never_exposed": (
        "It was never shown, so the show cannot tell what is wanted; the number comes from its product.",
        "从未展示，本场无法判断需求；数字来自同款。",
    ),
    "demand.never_in_stock": (
        "It was never in stock while shown; only refusals and the product speak for it.",
        "展示期间从未有货，只有被拒次数和同款可作参考。",
    ),
    "demand.stock_below_critical": (
        "Its stock of {stock} was gone early; a buyer would plan for {wanted}. Show it with more stock to know.",
        "库存 {stock} 件过早售罄，低于应备的 {wanted} 件：数字为外推，备足货再播一次才能知道。",
    ),
}


def say(evidence: Evidence, locale: str) -> str:
    """The sentence of `evidence` in English, or in Chinese for locales that start with "zh"."""
    english, chinese = SENTENCES[evidence.code]
    return (chinese if locale.startswith("zh") else english).format(**evidence.facts)
