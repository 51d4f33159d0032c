"""From what a show saw to what will be wanted.  Pure: numbers in, numbers out.

The model, per variant v of product p:

    units taken in an exposure E while in stock  ~  Poisson(rate_v · E)
    rate of the product                          ~  Gamma(a, a / m)        m: pooled over the show, a: by likelihood
    share of v in its product                    ~  Dirichlet(c · parent + weight · asks)
    refusals while sold out                      ~  Poisson(rate_v · θ · E_out)

`parent` is the product of shop-wide effects of the option values (a size, a colour), each corrected for the
exposure its variants had in stock.  What the rest of a product says about one variant is a Gamma with the mean
and the variance of rate times share; its own sales then update it by exact arithmetic.  Exposure stops when
stock does, so a sold-out variant is not mistaken for an unwanted one.
The units of a next show are NegBin: the uncertainty of the rate, plus the variation from show to show.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shopfloor.demand.models import (
    POINTS,
    Assumptions,
    BadHorizon,
    BadSignal,
    Evidence,
    Foreseen,
    Past,
    Reason,
    Signal,
)
from shopfloor.kernel.records import dataclass

SHAPES: Final = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
CONCENTRATIONS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
# Without enough products to learn the spread of rates from: as wide as its own mean.
DEFAULT_SHAPE: Final = 1.0
DEFAULT_CONCENTRATION: Final = 8.0
ENOUGH: Final = 4
# Above this mean the NegBin is read off its Gamma limit: the difference is far below one part in a hundred.
EXACT_UP_TO: Final = 20_000.0
# A rate below this (units per viewer-second) is nothing: one unit in thirty years of watching.
FLOOR: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Gamma:
    """A belief about a rate: mean `shape / rate`; `rate` is in viewer-seconds."""

    shape: float
    rate: float

    @property
    def mean(self) -> float:
        return self.shape / self.rate

    def seen(self, units: float, exposure: float) -> "Gamma":
        """The belief after `units` were taken in `exposure`: exact."""
        return Gamma(self.shape + units, self.rate + exposure)


@dataclass(frozen=True, slots=True)
class Predictive:
    """NegBin with this mean and shape (variance `mean + mean² / shape`)."""

    mean: float
    shape: float

    def quantiles(self, levels: Sequence[float]) -> list[int]:
        """The smallest n with P(N ≤ n) ≥ level, for each of the rising `levels`."""
        if self.mean <= 0.0:
            return [0] * len(levels)
        if self.mean > EXACT_UP_TO:
            return [max(0, round(_gamma_quantile(self.mean, self.variance, level))) for level in levels]
        return np.searchsorted(self._cumulative(), levels, side="left").tolist()

    @property
    def variance(self) -> float:
        return self.mean + self.mean * self.mean / self.shape

    def _cumulative(self) -> NDArray[np.float64]:
        reach = 64
        while True:
            n = np.arange(1, reach, dtype=np.float64)
            chance = self.mean / (self.mean + self.shape)
            steps = np.log(n - 1 + self.shape) - np.log(n) + math.log(chance)
            first = self.shape * math.log1p(-chance)
            mass = np.exp(first + np.concatenate(([0.0], np.cumsum(steps))))
            cumulative = np.cumsum(mass)
            if cumulative[-1] > 0.99999 or reach > 4_000_000:
                cumulative[-1] = 1.0
                return cumulative
            reach *= 2


def _gamma_quantile(mean: float, variance: float, level: float) -> float:
    """Wilson and Hilferty's cube root."""
    shape = mean * mean / variance
    third = 1.0 / (9.0 * shape)
    return mean * max(0.0, 1.0 - third + NormalDist().inv_cdf(level) * math.sqrt(third)) ** 3


def predictive(belief: Gamma, exposure: float, *, variation: float) -> Predictive:
    """Units in a further `exposure`, when rates vary from show to show by `variation` (squared coefficient).

    The show the belief was learnt from was one draw of that variation and the next is another.
    """
    spread = (1.0 + 1.0 / belief.shape) * (1.0 + variation) ** 2 - 1.0
    return Predictive(mean=belief.mean * exposure, shape=1.0 / spread)


def pay_rate(signals: Sequence[Signal], assumed: Assumptions) -> float:
    """Share of granted units that get paid (Beta–binomial over the show; open ones say nothing yet)."""
    paid = sum(signal.units_paid for signal in signals)
    lost = sum(
        signal.units_held - signal.units_paid if signal.units_given_up is None else signal.units_given_up
        for signal in signals
    )
    return (assumed.pay_rate * assumed.pay_weight + paid) / (assumed.pay_weight + paid + max(0, lost))


def _log_negbin(units: float, exposure: float, shape: float, mean_rate: float) -> float:
    """Log likelihood of `units` in `exposure` under Gamma(shape, shape / mean_rate), without what does not vary."""
    rate = shape / mean_rate
    return (
        math.lgamma(shape + units)
        - math.lgamma(shape)
        + shape * math.log(rate / (rate + exposure))
        - (units * math.log(rate + exposure) if units else 0.0)
    )


def product_prior(observed: Sequence[tuple[float, float]]) -> Gamma:
    """The spread of rates over products, by likelihood on a grid, from (units, exposure) per product.

    Its mean is pooled; nothing sold at all counts as half a unit, so that the answer is small and not zero.
    """
    informative = [(units, exposure) for units, exposure in observed if exposure > 0]
    exposure = sum(exposure for _, exposure in informative)
    if exposure == 0:
        return Gamma(DEFAULT_SHAPE, DEFAULT_SHAPE / FLOOR)
    mean = max(sum(units for units, _ in informative), 0.5) / exposure
    shape = DEFAULT_SHAPE
    if len(informative) >= ENOUGH:
        shape = max(
            SHAPES, key=lambda a: sum(_log_negbin(units, seen, a, mean) for units, seen in informative)
        )
    return Gamma(shape, shape / mean)


def option_effects(signals: Sequence[Signal], *, weight: float) -> dict[tuple[str, str], float]:
    """How much more, or less, a size or colour is wanted than its neighbours on the same product.

    Taken over expected, with both sides shrunk by `weight`; expected from the exposure each variant had in
    stock, so a size that was soon gone is not counted as unpopular.
    """
    taken: dict[tuple[str, str], float] = defaultdict(float)
    expected: dict[tuple[str, str], float] = defaultdict(float)
    for group in _by_product(signals).values():
        exposure = sum(signal.exposure_in_stock for signal in group)
        if exposure <= 0:
            continue
        rate = sum(signal.units_held for signal in group) / exposure
        for signal in group:
            for option in signal.options.items():
                taken[option] += signal.units_held
                expected[option] += rate * signal.exposure_in_stock
    return {option: (weight + taken[option]) / (weight + expected[option]) for option in taken}


def shares(
    group: Sequence[Signal],
    effects: Mapping[tuple[str, str], float],
    *,
    concentration: float,
    ask_weight: float,
) -> tuple[list[float], float]:
    """The split of a product's demand over its variants before their own sales, and what it is worth in units.

    Questions in chat move the split (they survive a sold-out variant), never the level.
    """
    raw = [math.prod(effects.get(option, 1.0) for option in signal.options.items()) for signal in group]
    whole = sum(raw)
    alpha = [
        concentration * part / whole + ask_weight * signal.asks
        for part, signal in zip(raw, group, strict=True)
    ]
    total = sum(alpha)
    return [part / total for part in alpha], total


def _by_product(signals: Sequence[Signal]) -> dict[int, list[Signal]]:
    groups: dict[int, list[Signal]] = defaultdict(list)
    for signal in signals:
        groups[signal.product_id].append(signal)
    return dict(groups)


def check(signals: Sequence[Signal]) -> None:
    """Raises BadSignal for what cannot be."""
    seen: set[int] = set()
    for signal in signals:
        counts = (
            signal.units_held, signal.units_paid, signal.refused_buyers, signal.waitlist_units,
            signal.asks, signal.presale_units, signal.units_given_up or 0,
        )  # fmt: skip
        exposures = (signal.exposure_in_stock, signal.exposure_total)
        if min(counts) < 0 or min(exposures) < 0 or not all(map(math.isfinite, exposures)):
            raise BadSignal("A signal is negative or not a number.", variant_id=signal.variant_id)
        if signal.exposure_in_stock > signal.exposure_total * (1 + 1e-9):
            raise BadSignal("More exposure in stock than in all.", variant_id=signal.variant_id)
        if signal.variant_id in seen:
            raise BadSignal("Two signals for one variant.", variant_id=signal.variant_id)
        seen.add(signal.variant_id)


@dataclass(frozen=True, slots=True)
class _Product:
    """A product's variants with the beliefs about them, before and after their own sales."""

    group: list[Signal]
    priors: list[Gamma]
    beliefs: list[Gamma]


def variant_prior(product: Gamma, portion: float, worth: float) -> Gamma:
    """The belief about one variant, from a belief about the rest of its product and its portion of it.

    Uncertain by the product's rate and by the split, whose concentration is `worth` units: the product of the
    two has exactly this mean and variance.
    """
    split = (1.0 - portion) / (portion * (worth + 1.0))
    spread = (1.0 + split) * (1.0 + 1.0 / product.shape) - 1.0
    shape = 1.0 / spread
    return Gamma(shape, shape / (product.mean * portion))


def _priors(
    group: Sequence[Signal],
    past: Mapping[int, Past],
    prior: Gamma,
    portions: Sequence[float],
    worth: float,
) -> list[Gamma]:
    """For each variant what the rest of the product says, its own sales left out (they come after, once)."""
    units = [signal.units_held + _past_units(past, signal) for signal in group]
    seen = [
        portion * (signal.exposure_in_stock + _past_exposure(past, signal))
        for signal, portion in zip(group, portions, strict=True)
    ]
    return [
        variant_prior(prior.seen(sum(units) - own, max(0.0, sum(seen) - exposure)), portion, worth)
        for own, exposure, portion in zip(units, seen, portions, strict=True)
    ]


def _past_units(past: Mapping[int, Past], signal: Signal) -> float:
    return past[signal.variant_id].units if signal.variant_id in past else 0.0


def _past_exposure(past: Mapping[int, Past], signal: Signal) -> float:
    return past[signal.variant_id].exposure if signal.variant_id in past else 0.0


def _learn_product(
    group: list[Signal],
    past: Mapping[int, Past],
    prior: Gamma,
    effects: Mapping[tuple[str, str], float],
    concentration: float,
    assumed: Assumptions,
) -> _Product:
    portions, worth = shares(group, effects, concentration=concentration, ask_weight=assumed.ask_weight)
    priors = _priors(group, past, prior, portions, worth)
    beliefs = [
        before.seen(_past_units(past, signal), _past_exposure(past, signal)).seen(
            signal.units_held, signal.exposure_in_stock
        )
        for before, signal in zip(priors, group, strict=True)
    ]
    return _Product(group, priors, beliefs)


def _best_concentration(
    groups: Sequence[list[Signal]],
    past: Mapping[int, Past],
    prior: Gamma,
    effects: Mapping[tuple[str, str], float],
) -> float:
    """How alike the variants of a product are, beyond their sizes and colours: by likelihood on a grid.

    A mild belief in the default keeps a handful of variants from choosing an end of the grid.
    """
    many = [group for group in groups if len(group) > 1]
    if sum(len(group) for group in many) < 2 * ENOUGH:
        return DEFAULT_CONCENTRATION

    def fit(concentration: float) -> float:
        score = -(math.log(concentration / DEFAULT_CONCENTRATION) ** 2) / 8.0
        for group in many:
            portions, worth = shares(group, effects, concentration=concentration, ask_weight=0.0)
            for signal, before in zip(group, _priors(group, past, prior, portions, worth), strict=True):
                score += _log_negbin(signal.units_held, signal.exposure_in_stock, before.shape, before.mean)
        return score

    return max(CONCENTRATIONS, key=fit)


def visibility(products: Sequence[_Product], assumed: Assumptions) -> float:
    """θ: how many of the wishes for a sold-out variant show up as refusals, over the whole show.

    At most 1; shrunk towards the assumption by `visibility_weight` expected refusals.
    """
    wished = unmet = 0.0
    for product in products:
        for signal, belief in zip(product.group, product.beliefs, strict=True):
            if signal.exposure_in_stock > 0:
                wished += belief.mean * signal.exposure_out_of_stock
                unmet += signal.unmet
    weight = assumed.visibility_weight
    return min(1.0, (weight + unmet) / (weight / assumed.refusal_visibility + wished))


def learn(
    signals: Sequence[Signal],
    *,
    past: Sequence[Past] = (),
    horizon: float = 1.0,
    assumed: Assumptions | None = None,
) -> list[Foreseen]:
    """Foresee the units that will be paid for when each variant is shown `horizon` times as much, in stock.

    `past` also teaches the spread between products.  Raises BadSignal, BadHorizon.
    """
    if not 0.01 <= horizon <= 100.0:
        raise BadHorizon(horizon=horizon)
    check(signals)
    assumed = assumed or Assumptions()
    groups = _by_product(signals)
    shown = {signal.variant_id for signal in signals}
    known = {each.variant_id: each for each in past if each.variant_id in shown}

    prior = product_prior(_observed(groups, past))
    effects = option_effects(signals, weight=assumed.option_weight)
    concentration = _best_concentration(list(groups.values()), known, prior, effects)
    products = [
        _learn_product(group, known, prior, effects, concentration, assumed) for group in groups.values()
    ]
    theta = visibility(products, assumed)
    paying = pay_rate(signals, assumed)
    usual = _usual_exposure(signals)

    foreseen = [
        _foresee(product, at, known.get(signal.variant_id), theta, paying, usual, horizon, assumed)
        for product in products
        for at, signal in enumerate(product.group)
    ]
    order = {signal.variant_id: at for at, signal in enumerate(signals)}
    return sorted(foreseen, key=lambda each: order[each.variant_id])


def _observed(groups: Mapping[int, Sequence[Signal]], past: Sequence[Past]) -> list[tuple[float, float]]:
    """(units, exposure) per product: its variants' exposures averaged, its units summed."""
    totals: dict[int, tuple[float, float, set[int]]] = {}

    def add(product_id: int, variant_id: int, units: float, exposure: float) -> None:
        before_units, before_exposure, variants = totals.get(product_id, (0.0, 0.0, set[int]()))
        totals[product_id] = (before_units + units, before_exposure + exposure, variants | {variant_id})

    for product_id, group in groups.items():
        for signal in group:
            add(product_id, signal.variant_id, signal.units_held, signal.exposure_in_stock)
    for each in past:
        add(each.product_id, each.variant_id, each.units, each.exposure)
    return [(units, exposure / len(variants)) for units, exposure, variants in totals.values()]


def _usual_exposure(signals: Sequence[Signal]) -> float:
    """What a variant of this show was exposed on average: the horizon of one that never was."""
    exposed = [signal.exposure_total for signal in signals if signal.exposure_total > 0]
    return sum(exposed) / len(exposed) if exposed else 0.0


def _foresee(
    product: _Product,
    at: int,
    before: Past | None,
    theta: float,
    paying: float,
    usual: float,
    horizon: float,
    assumed: Assumptions,
) -> Foreseen:
    signal, belief = product.group[at], product.beliefs[at]
    if signal.exposure_out_of_stock > 0:
        belief = belief.seen(signal.unmet, theta * signal.exposure_out_of_stock)

    exposure = horizon * (signal.exposure_total or usual)
    paid = Gamma(belief.shape, belief.rate / paying)
    units = predictive(paid, exposure, variation=assumed.show_variation)
    expected_waiting = math.ceil(signal.waitlist_units * paying - 1e-9)
    hard = expected_waiting + signal.presale_units
    levels = [(2 * k + 1) / (2 * POINTS) for k in range(POINTS)]
    low, high = units.quantiles((0.1, 0.9))

    reason, wanted = _cannot_be_known(signal, belief, assumed)
    evidence = _evidence(
        product, signal, before, own=1.0 - product.priors[at].rate / belief.rate,
        paying=paying, waiting=expected_waiting, assumed=assumed,
    )  # fmt: skip
    if reason is not None:
        facts: dict[str, int | float | str] = (
            {"stock": signal.units_had, "wanted": wanted} if reason is Reason.STOCK_BELOW_CRITICAL else {}
        )
        evidence.insert(0, Evidence(reason.value, facts))
    return Foreseen(
        variant_id=signal.variant_id,
        product_id=signal.product_id,
        mean=units.mean + hard,
        low=low + hard,
        high=high + hard,
        points=tuple(point + hard for point in units.quantiles(levels)),
        hard=hard,
        rate_per_hour=belief.mean * 3600.0,
        exposure=exposure,
        identifiable=reason is None,
        reason=reason,
        evidence=tuple(evidence),
    )


def _cannot_be_known(signal: Signal, belief: Gamma, assumed: Assumptions) -> tuple[Reason | None, int]:
    """A sold-out variant is known by its rate, unless so little of its time on screen was in stock that the
    level of a whole show is mostly extrapolation and its stock lay below what a buyer would plan for.
    """
    if signal.exposure_total <= 0:
        return Reason.NEVER_EXPOSED, 0
    if signal.exposure_in_stock <= 0:
        return Reason.NEVER_IN_STOCK, 0
    if signal.exposure_in_stock < 0.25 * signal.exposure_total:
        whole = predictive(belief, signal.exposure_total, variation=assumed.show_variation)
        wanted = whole.quantiles((assumed.critical,))[0]
        if signal.units_had < wanted:
            return Reason.STOCK_BELOW_CRITICAL, wanted
    return None, 0


def _evidence(
    product: _Product,
    signal: Signal,
    before: Past | None,
    *,
    own: float,
    paying: float,
    waiting: int,
    assumed: Assumptions,
) -> list[Evidence]:
    found: list[Evidence] = []
    if signal.exposure_in_stock > 0:
        hours = round(signal.exposure_in_stock / 3600.0, 2)
        found.append(Evidence("demand.sold_in_stock", {"units": signal.units_had, "hours": hours}))
    found += [
        Evidence(code, {"units": units})
        for code, units in (
            ("demand.left_out", signal.left_out),
            ("demand.other_size", signal.moved_out),
            ("demand.from_other_size", signal.moved_in),
        )
        if units
    ]
    if 0 < signal.exposure_in_stock < 0.999 * signal.exposure_total:
        percent = round(100 * signal.exposure_in_stock / signal.exposure_total)
        found.append(Evidence("demand.sold_out", {"percent": percent}))
    if signal.unmet:
        found.append(Evidence("demand.unmet", {"unmet": signal.unmet}))
    if signal.waitlist_units:
        facts = {"waiting": signal.waitlist_units, "hard": waiting, "percent": round(100 * paying)}
        found.append(Evidence("demand.waiting", facts))
    if signal.presale_units:
        found.append(Evidence("demand.presale", {"presale": signal.presale_units}))
    if signal.asks:
        found.append(Evidence("demand.asked", {"asks": signal.asks, "weight": assumed.ask_weight}))
    if before is not None:
        hours = round(before.exposure / 3600.0, 2)
        found.append(Evidence("demand.history", {"units": round(before.units, 1), "hours": hours}))
    found.append(Evidence("demand.shrunk", {"percent": round(100 * own)}))
    neighbours_out = any(
        other.variant_id != signal.variant_id and other.exposure_in_stock < 0.8 * other.exposure_total
        for other in product.group
    )
    if neighbours_out and signal.units_held and signal.exposure_in_stock > 0.9 * signal.exposure_total:
        found.append(Evidence("demand.substitution", {}))
    return found
