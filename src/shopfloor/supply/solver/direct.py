"""A part of the problem as one mixed-integer programme, solved by HiGHS: exact, for parts of a few products.

Per variant the expected sales are a concave function of the quantity, piecewise linear with a corner at each
scenario; the solver fills its segments in order by itself.  Price tiers, minimums per product and colour are
binary choices, lots are integers.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from shopfloor.kernel import late
from shopfloor.kernel.records import dataclass
from shopfloor.supply.models import Infeasible, SolverFailed
from shopfloor.supply.solver.problem import Buy, Need, Offer, Problem, SharedRow, Style, judge, shared_rows

if TYPE_CHECKING:
    import highspy
    import numpy as np
else:
    highspy = late.module("highspy")
    np = late.module("numpy")

# What the solver's tolerances may be worth, relative to the size of its objective: its bound is moved down by it.
TOLERANCE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Prices:
    """What shared rows are worth, scaled: a unit under quote q costs `work[q]` more, each minor unit spent `cash`."""

    work: Mapping[int, int]
    cash: int


FREE: Final = Prices({}, 0)


@dataclass(slots=True)
class Model:
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


def quiet_solver(*, seconds: float, gap: float) -> Any:
    """HiGHS that says nothing, keeps to one thread and gives the same answer each time it is given the time."""
    highs: Any = highspy.Highs()
    for option, setting in {
        "output_flag": False,
        "threads": 1,
        "parallel": "off",
        "random_seed": 1,
        "time_limit": seconds,
        "mip_rel_gap": gap,
    }.items():
        highs.setOptionValue(option, setting)
    return highs


@dataclass(frozen=True, slots=True)
class _Ordered:
    """The columns of one quote: lots per variant, and the columns whose sum is its total."""

    offer: Offer
    lots: dict[int, int]
    totals: tuple[int, ...]


def solve_direct(
    problem: Problem,
    *,
    seconds: float,
    gap: float,
    prices: Prices = FREE,
    rows: Sequence[SharedRow] | None = None,
) -> tuple[list[Buy], int]:
    """(order lines, lower bound) of a part, the bound in scaled minor units, at `prices`.

    `rows` stand for the problem's own capacities and budget, when others take part of them.

    Raises Infeasible, or SolverFailed when `seconds` ran out before any plan was found.
    """
    model = Model()
    ordered: list[_Ordered] = []
    offers: dict[int, list[Offer]] = defaultdict(list)
    for offer in problem.offers:
        offers[offer.product_id].append(offer)
    for style in problem.styles:
        ordered += _write_style(model, problem, style, offers[style.product_id], prices)
    _write_shared(model, shared_rows(problem) if rows is None else rows, ordered)
    # What ordering nothing costs; the model counts from there, so that its numbers stay small.
    nothing = judge(replace(problem, must_cover_hard=False), []).cost_scaled
    if not ordered:
        if problem.must_cover_hard and judge(problem, []).broken:
            raise Infeasible
        return [], nothing

    highs = quiet_solver(seconds=seconds, gap=gap)
    highs.setOptionValue("mip_abs_gap", 0.4 / problem.scale)
    highs.passModel(model.lp())
    highs.run()
    status, info = highs.getModelStatus(), highs.getInfo()
    if status in {highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible}:
        raise Infeasible
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        raise SolverFailed(seconds=seconds)

    values = highs.getSolution().col_value
    buys = [
        Buy(each.offer.quote_id, variant_id, each.offer.lot * round(values[column]))
        for each in ordered
        for variant_id, column in each.lots.items()
        if round(values[column]) > 0
    ]
    least = info.mip_dual_bound if any(model.whole) else info.objective_function_value
    if not math.isfinite(least):
        # No bought unit is worth more left over than it cost.
        here = sum(need.salvage_minor * need.available for style in problem.styles for need in style.needs)
        least = -nothing / problem.scale - here
    margin = TOLERANCE * max(1.0, abs(least))
    # Costs are whole numbers, so what is above this is at least the next one.
    return buys, nothing + math.ceil(problem.scale * (least - margin))


def _write_style(
    model: Model, problem: Problem, style: Style, offers: Sequence[Offer], prices: Prices
) -> list[_Ordered]:
    """Columns and rows of one product.  Costs are in minor units, relative to ordering nothing."""
    if not offers:
        return []
    ordered = [_write_offer(model, problem, style, offer, prices) for offer in offers]
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


def _write_offer(model: Model, problem: Problem, style: Style, offer: Offer, prices: Prices) -> _Ordered:
    money = (problem.scale + prices.cash) / problem.scale
    work = prices.work.get(offer.quote_id, 0) / problem.scale
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
        total = model.column(cost=money * tier.unit_minor + work, upper=float(high))
        choice = model.column(cost=money * offer.setup_minor, upper=1.0, whole=True)
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


def _write_colours(model: Model, style: Style, offer: Offer, lots: dict[int, int], most: int) -> None:
    """A colour is not ordered, or by at least its minimum."""
    for colour in sorted({need.colour for need in style.needs}):
        used = model.column(upper=1.0, whole=True)
        units = [(lots[need.variant_id], float(offer.lot)) for need in style.needs if need.colour == colour]
        model.row([*units, (used, -float(offer.colour_minimum))], low=0.0)
        model.row([*units, (used, -float(most))], high=0.0)


def _write_shared(model: Model, rows: Sequence[SharedRow], ordered: Sequence[_Ordered]) -> None:
    for row in rows:
        if row.supplier_id is None:
            # Parts with a budget are solved at no prices, so costs are cash.  The set-up cost stands on the
            # column after each total: the tier's choice.
            terms = [
                (column, model.cost[column])
                for each in ordered
                for total in each.totals
                for column in (total, total + 1)
            ]
        else:
            terms = [
                (total, float(use))
                for each in ordered
                if (use := row.use(each.offer, 1))
                for total in each.totals
            ]
        model.row(terms, high=float(row.room))
