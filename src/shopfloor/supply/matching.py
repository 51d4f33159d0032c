"""Solve a purchase plan with HiGHS, and say how far from the best plan it can be.  Pure: CPU work only.

Two stages.  Now: how many lots of which variant under which quote, in which price tier.  Later, when demand is
known: what is sold, lost and left.  The later stage needs no decisions of its own, so per variant the expected
sales are a concave function of the quantity, piecewise linear with a corner at each scenario; the solver fills
its segments in order by itself.

Styles meet only in shared rows: the weekly capacity of a supplier, and the budget.  `components` splits a
problem into the parts that share nothing, which are solved one by one; a part that is too large for one model
is where prices on the shared rows (column generation) go.
"""

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

import highspy
import numpy as np

from shopfloor.supply.models import Infeasible, SolverFailed
from shopfloor.supply.problem import Buy, Need, Offer, Problem, Style, Verdict, check_problem, judge

SOLVER: Final = f"HiGHS {highspy.Highs().version()}"
# What the solver's tolerances may be worth, relative to the size of its objective: its bound is moved down by it.
TOLERANCE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to search, and how close is close enough (relative; 0: until proven best)."""

    seconds: float = 20.0
    gap: float = 1e-4


@dataclass(frozen=True, slots=True)
class Solution:
    """Order lines with their judged cost, and a bound that no plan for this problem beats."""

    buys: tuple[Buy, ...]
    verdict: Verdict
    bound_scaled: int
    seconds: float

    @property
    def gap(self) -> float:
        return (self.verdict.cost_scaled - self.bound_scaled) / max(1, abs(self.verdict.cost_scaled))


def solve(problem: Problem, limits: Limits | None = None) -> Solution:
    """The cheapest plan that was found within `limits`, judged, and its bound.

    Raises Infeasible when promised units must be covered and cannot be, SolverFailed when time ran out before
    any plan was found.
    """
    limits = limits or Limits()
    check_problem(problem)
    started = time.monotonic()
    parts = components(problem)
    sizes = [sum(len(style.needs) for style in part.styles) for part in parts]
    buys: list[Buy] = []
    bound = 0
    for at in sorted(range(len(parts)), key=lambda at: sizes[at]):
        # Small parts are done in no time; what they leave of the time goes to the larger ones.
        left = max(0.05 * limits.seconds, limits.seconds - (time.monotonic() - started))
        found, least = _solve_part(parts[at], replace(limits, seconds=left))
        buys.extend(found)
        bound += least
    buys.sort(key=lambda buy: (buy.quote_id, buy.variant_id))
    verdict = judge(problem, buys)
    if verdict.broken:
        raise AssertionError(f"the plan breaks its own rules: {verdict.broken[:3]}")
    return Solution(tuple(buys), verdict, min(bound, verdict.cost_scaled), seconds=time.monotonic() - started)


def components(problem: Problem) -> list[Problem]:
    """The parts of a problem that share no capacity and no budget; their costs and bounds add up."""
    if problem.budget_minor is not None:
        return [problem]
    offers: dict[int, list[Offer]] = defaultdict(list)
    for offer in problem.offers:
        offers[offer.product_id].append(offer)
    scarce = {capacity.supplier_id for capacity in problem.capacities}
    root: dict[int, int] = {}

    def find(node: int) -> int:
        while root.setdefault(node, node) != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    # Products stand as they are, suppliers as -1 - id.
    for style in problem.styles:
        find(style.product_id)
        for offer in offers[style.product_id]:
            if offer.supplier_id in scarce:
                root[find(-1 - offer.supplier_id)] = find(style.product_id)
    groups: dict[int, list[Style]] = defaultdict(list)
    for style in problem.styles:
        groups[find(style.product_id)].append(style)
    return [
        replace(
            problem,
            styles=tuple(styles),
            offers=tuple(offer for style in styles for offer in offers[style.product_id]),
            capacities=tuple(
                capacity
                for capacity in problem.capacities
                if any(o.supplier_id == capacity.supplier_id for s in styles for o in offers[s.product_id])
            ),
        )
        for styles in groups.values()
    ]


@dataclass(slots=True)
class _Model:
    """A mixed-integer programme being written down, column by column and row by row."""

    cost: list[float] = field(default_factory=list[float])
    upper: list[float] = field(default_factory=list[float])
    whole: list[bool] = field(default_factory=list[bool])
    lows: list[float] = field(default_factory=list[float])
    highs: list[float] = field(default_factory=list[float])
    starts: list[int] = field(default_factory=lambda: [0])
    index: list[int] = field(default_factory=list[int])
    value: list[float] = field(default_factory=list[float])

    def column(self, *, cost: float = 0.0, upper: float, whole: bool = False) -> int:
        self.cost.append(cost)
        self.upper.append(upper)
        self.whole.append(whole)
        return len(self.cost) - 1

    def row(
        self, terms: Iterable[tuple[int, float]], *, low: float = -math.inf, high: float = math.inf
    ) -> None:
        for column, value in terms:
            self.index.append(column)
            self.value.append(value)
        self.starts.append(len(self.index))
        self.lows.append(low)
        self.highs.append(high)

    def lp(self) -> Any:
        lp: Any = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(self.cost), len(self.lows)
        lp.col_cost_ = np.array(self.cost, dtype=np.float64)
        lp.col_lower_ = np.zeros(len(self.cost))
        lp.col_upper_ = np.array(self.upper, dtype=np.float64)
        lp.row_lower_ = np.array(self.lows, dtype=np.float64)
        lp.row_upper_ = np.array(self.highs, dtype=np.float64)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.array(self.starts, dtype=np.int32)
        lp.a_matrix_.index_ = np.array(self.index, dtype=np.int32)
        lp.a_matrix_.value_ = np.array(self.value, dtype=np.float64)
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[whole] for whole in self.whole]
        return lp


@dataclass(frozen=True, slots=True)
class _Ordered:
    """The columns of one quote: lots per variant, and the columns whose sum is its total."""

    offer: Offer
    lots: dict[int, int]
    totals: tuple[int, ...]


def _solve_part(problem: Problem, limits: Limits) -> tuple[list[Buy], int]:
    """(order lines, lower bound) of a part, the bound in scaled minor units."""
    model = _Model()
    ordered: list[_Ordered] = []
    offers: dict[int, list[Offer]] = defaultdict(list)
    for offer in problem.offers:
        offers[offer.product_id].append(offer)
    for style in problem.styles:
        ordered += _write_style(model, problem, style, offers[style.product_id])
    _write_shared(model, problem, ordered)
    # What ordering nothing costs; the model counts from there, so that its numbers stay small.
    nothing = judge(replace(problem, must_cover_hard=False), []).cost_scaled
    if not ordered:
        if problem.must_cover_hard and judge(problem, []).broken:
            raise Infeasible
        return [], nothing

    highs: Any = highspy.Highs()
    for option, setting in {
        "output_flag": False,
        "threads": 1,
        "parallel": "off",
        "random_seed": 1,
        "time_limit": limits.seconds,
        "mip_rel_gap": limits.gap,
        "mip_abs_gap": 0.4 / problem.scale,
    }.items():
        highs.setOptionValue(option, setting)
    highs.passModel(model.lp())
    highs.run()
    status, info = highs.getModelStatus(), highs.getInfo()
    if status in {highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible}:
        raise Infeasible
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        raise SolverFailed(seconds=limits.seconds)

    values = highs.getSolution().col_value
    buys = [
        Buy(each.offer.quote_id, variant_id, each.offer.lot * round(values[column]))
        for each in ordered
        for variant_id, column in each.lots.items()
        if round(values[column]) > 0
    ]
    least = info.mip_dual_bound if any(model.whole) else info.objective_function_value
    if not math.isfinite(least):
        least = -problem.revenue_scaled / problem.scale
    margin = TOLERANCE * max(1.0, abs(least))
    # Costs are whole numbers, so what is above this is at least the next one.
    return buys, nothing + math.ceil(problem.scale * (least - margin))


def _write_style(model: _Model, problem: Problem, style: Style, offers: Sequence[Offer]) -> list[_Ordered]:
    """Columns and rows of one product.  Costs are in minor units, relative to ordering nothing."""
    if not offers:
        return []
    ordered = [_write_offer(model, problem, style, offer) for offer in offers]
    for need in style.needs:
        supply = [(each.lots[need.variant_id], float(each.offer.lot)) for each in ordered]
        filled = [
            (model.column(cost=-worth, upper=float(width)), -1.0)
            for width, worth in segments(problem.scale, need)
        ]
        if filled:
            model.row([*supply, *filled], low=0.0)
        missing = need.hard - need.available
        if problem.must_cover_hard and missing > 0:
            model.row(supply, low=float(missing))
    return ordered


def segments(scale: int, need: Need) -> list[tuple[int, float]]:
    """(units, what one of them is worth beyond salvage) for the units after those available, falling in worth.

    A unit that is wanted in `k` of `scale` scenarios is worth the k-th part of price less salvage; a certain
    one also saves what being late costs.
    """
    found: list[tuple[int, float]] = []
    corners = sorted({0, need.hard, *need.demand})
    for low, high in pairwise(corners):
        width = high - max(low, need.available)
        if width > 0:
            wanted = sum(1 for demand in need.demand if demand >= high)
            worth = wanted * (need.price_minor - need.salvage_minor) / scale
            found.append((width, worth + (need.late_minor if high <= need.hard else 0)))
    return found


def _up(quantity: int, lot: int) -> int:
    return -(-quantity // lot) * lot


def _largest_useful(style: Style, offer: Offer) -> int:
    """No plan is made worse by ordering at most this much under `offer` beyond reaching a tier."""
    wanted = sum(_up(max(0, need.demand[-1] - need.available), offer.lot) for need in style.needs)
    colours = {need.colour for need in style.needs}
    return wanted + len(colours) * _up(offer.colour_minimum, offer.lot) + offer.lot


def _write_offer(model: _Model, problem: Problem, style: Style, offer: Offer) -> _Ordered:
    useful = _largest_useful(style, offer)
    ceilings = [later.minimum - 1 for _, later in pairwise(offer.tiers)] + [None]
    most = max(useful, _up(offer.tiers[-1].minimum, offer.lot) + offer.lot)
    # A left-over unit brings its salvage value: counted here for every unit, taken off again when it is sold.
    lots = {
        need.variant_id: model.column(
            cost=-float(offer.lot * need.salvage_minor), upper=float(most // offer.lot), whole=True
        )
        for need in style.needs
    }
    totals: list[int] = []
    chosen: list[int] = []
    for tier, ceiling in zip(offer.tiers, ceilings, strict=True):
        high = max(useful, _up(tier.minimum, offer.lot) + offer.lot)
        high = high if ceiling is None else min(high, ceiling)
        total = model.column(cost=float(tier.unit_minor), upper=float(high))
        choice = model.column(cost=float(offer.setup_minor), upper=1.0, whole=True)
        model.row([(total, 1.0), (choice, -float(tier.minimum))], low=0.0)
        model.row([(total, 1.0), (choice, -float(high))], high=0.0)
        totals.append(total)
        chosen.append(choice)
    model.row([(choice, 1.0) for choice in chosen], high=1.0)
    model.row(
        [*((column, float(offer.lot)) for column in lots.values()), *((total, -1.0) for total in totals)],
        low=0.0,
        high=0.0,
    )
    if offer.colour_minimum > offer.lot:
        _write_colours(model, style, offer, lots, most)
    return _Ordered(offer, lots, tuple(totals))


def _write_colours(model: _Model, style: Style, offer: Offer, lots: dict[int, int], most: int) -> None:
    """A colour is not ordered, or by at least its minimum."""
    for colour in sorted({need.colour for need in style.needs}):
        used = model.column(upper=1.0, whole=True)
        units = [(lots[need.variant_id], float(offer.lot)) for need in style.needs if need.colour == colour]
        model.row([*units, (used, -float(offer.colour_minimum))], low=0.0)
        model.row([*units, (used, -float(most))], high=0.0)


def _write_shared(model: _Model, problem: Problem, ordered: Sequence[_Ordered]) -> None:
    """Capacity, cumulated over weeks: what is due by week w fits into w weeks; and the budget."""
    for capacity in problem.capacities:
        theirs = [each for each in ordered if each.offer.supplier_id == capacity.supplier_id]
        for week in sorted({each.offer.weeks for each in theirs}):
            room = max(0, week * capacity.per_week - capacity.owed)
            model.row(
                [
                    (total, float(each.offer.capacity_use))
                    for each in theirs
                    if each.offer.weeks <= week
                    for total in each.totals
                ],
                high=float(room),
            )
    if problem.budget_minor is not None:
        # The set-up cost stands on the column after each total: the tier's choice.
        model.row(
            [
                term
                for each in ordered
                for total in each.totals
                for term in ((total, model.cost[total]), (total + 1, model.cost[total + 1]))
            ],
            high=float(problem.budget_minor),
        )
