"""Many products that share capacity and cash: priced apart, joined by a master programme.

A price on each shared row (a supplier's weeks, the budget) splits the problem into its products, whose best
responses are exact and fast (`response`).  Column generation: the master LP mixes the responses found so far
and says what the rows are worth; new responses to these prices are added until no price brings a better one.
A small MIP over the collected responses then makes the plan.

The bound is the Lagrangian one, computed in integers for integer prices: for any prices at all, the sum of the
products' bounds less what the rows offer is below the cost of every plan.  Only for a product that is best
bought from several quotes at once does a solver's bound enter, with a margin for its tolerances.
"""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any, Final

from shopfloor.kernel import late
from shopfloor.kernel.records import dataclass
from shopfloor.supply.models import Infeasible, SolverFailed
from shopfloor.supply.solver.direct import Model, Prices, quiet_solver, solve_direct
from shopfloor.supply.solver.problem import Buy, Offer, Problem, SharedRow, judge, shared_rows
from shopfloor.supply.solver.response import Answer, Menu, Response, menu, nearly_best, respond

if TYPE_CHECKING:
    import highspy
else:
    highspy = late.module("highspy")

ROUNDS: Final = 60
VARIATIONS: Final = 20
FEWEST_WAYS: Final = 8
MANY_WAYS: Final = 2000
NEIGHBOURS: Final = 6


def _use(row: SharedRow, response: Response) -> int:
    if row.supplier_id is None:
        return response.purchase_minor
    return sum(row.use(offer, units) for offer, units in response.units)


class Pool:
    """The responses collected so far, per product, each once."""

    def __init__(self, products: int) -> None:
        self.columns: list[tuple[int, Response]] = []
        self._seen: list[set[tuple[Buy, ...]]] = [set() for _ in range(products)]

    def add(self, at: int, response: Response) -> bool:
        if response.buys in self._seen[at]:
            return False
        self._seen[at].add(response.buys)
        self.columns.append((at, response))
        return True


@dataclass(frozen=True, slots=True)
class _Part:
    """The problem at hand, with all that does not change from round to round."""

    problem: Problem
    rows: list[SharedRow]
    menus: list[Menu]
    alone: list[Problem]


def _prepared(problem: Problem) -> _Part:
    offers: dict[int, list[Offer]] = defaultdict(list)
    for offer in problem.offers:
        offers[offer.product_id].append(offer)
    return _Part(
        problem,
        shared_rows(problem),
        [
            menu(problem.scale, style, offers[style.product_id], must_cover_hard=problem.must_cover_hard)
            for style in problem.styles
        ],
        [
            replace(
                problem,
                styles=(style,),
                offers=tuple(offers[style.product_id]),
                capacities=(),
                budget_minor=None,
            )
            for style in problem.styles
        ],
    )


def solve_columns(problem: Problem, *, seconds: float, gap: float) -> tuple[list[Buy] | None, int]:
    """(order lines or None when none were found, lower bound in scaled minor units).

    Half of `seconds` is for prices and bound, the rest for variety in the pool, the choice, and its polish.
    """
    started = time.monotonic()

    def left(share: float) -> float:
        return started + share * seconds - time.monotonic()

    part = _prepared(problem)
    nothing = judge(problem, []).cost_scaled
    pool = Pool(len(part.menus))
    for at, offered in enumerate(part.menus):
        if not offered.needs_order:
            pool.add(at, Response())
    best = [0] * len(part.rows)
    bound, answers = _dual(part, best)
    _collect(pool, answers)

    for _ in range(ROUNDS):
        if left(0.5) < 0.0:
            break
        found = _master(part, pool, seconds=max(0.5, left(0.6)))
        if found is None:
            break
        value, fresh = found
        if value - bound <= gap / 4 * max(1.0, abs(nothing + value)):
            break
        new = False
        # Halfway to the best prices so far damps the master's swings from one corner to another.
        for prices in ([(a + b) // 2 for a, b in zip(fresh, best, strict=True)], fresh):
            value_at, answers = _dual(part, prices)
            new |= _collect(pool, answers)
            if value_at > bound:
                bound, best = value_at, prices
        if not new:
            bound, more = _open_splits(part, pool, best, bound, until=left, gap=gap)
            if not more:
                break
    _vary(part, pool, best, until=left)
    chosen = _choose(part, pool, seconds=max(0.5, left(0.7)), gap=gap / 4)
    if chosen is None:
        return None, nothing + bound
    chosen = _polish(part, chosen, target=nothing + bound, until=left, gap=gap)
    buys = [buy for response in chosen for buy in response.buys]
    return None if judge(problem, buys).broken else buys, nothing + bound


def _open_splits(
    part: _Part, pool: Pool, prices: list[int], bound: int, *, until: Callable[[float], float], gap: float
) -> tuple[int, bool]:
    """Products that may be bought best from several quotes at once: solved exactly at `prices`.

    Returns the bound, raised by what is known of them now, and whether the pool has grown.
    """
    new = False
    _, answers = _dual(part, prices)
    at_prices = _prices(part, prices)
    raised = 0
    for at, answer in enumerate(answers):
        if answer.bound >= answer.priced or until(0.6) < 0.2:
            continue
        alone = part.alone[at]
        empty = judge(alone, []).cost_scaled
        try:
            buys, least = solve_direct(alone, seconds=max(0.2, until(0.6)), gap=gap / 10, prices=at_prices)
        except (Infeasible, SolverFailed):
            # Nothing better is known of this product, so its old bound stands.
            continue
        raised += max(0, min(least - empty, answer.priced) - answer.bound)
        if buys:
            new |= pool.add(at, _response(alone, buys, empty))
    return max(bound, _bound(part, answers, prices) + raised), new


def _response(alone: Problem, buys: list[Buy], empty: int) -> Response:
    verdict = judge(alone, buys)
    totals: dict[int, int] = defaultdict(int)
    for buy in buys:
        totals[buy.quote_id] += buy.quantity
    units = tuple((offer, totals[offer.quote_id]) for offer in alone.offers if totals[offer.quote_id])
    ordered = tuple(sorted(buys, key=lambda buy: (buy.quote_id, buy.variant_id)))
    return Response(ordered, units, verdict.purchase_minor, verdict.cost_scaled - empty)


def _vary(part: _Part, pool: Pool, prices: list[int], *, until: Callable[[float], float]) -> None:
    """Responses to prices near the best ones: what the choice needs to fit products into the rows.

    Each product hears prices of its own, drawn from a fixed seed.
    """
    rng = Random(1)
    for turn in range(VARIATIONS):
        if until(0.75) < 0.0:
            return
        spread = 0.1 + 0.9 * turn / VARIATIONS
        _, answers = _dual(part, [round(price * rng.uniform(1 - spread, 1 + spread)) for price in prices])
        _collect(pool, answers)
    # The fewer products there are, the more the last one matters: more ways to order each.
    at = _prices(part, prices)
    count = max(FEWEST_WAYS, MANY_WAYS // len(part.menus))
    for product, offered in enumerate(part.menus):
        if until(0.8) < 0.0:
            return
        for response in nearly_best(part.problem.scale, offered, work=at.work, cash=at.cash, count=count):
            pool.add(product, response)


def _prices(part: _Part, prices: Sequence[int]) -> Prices:
    """What prices on the rows mean for a unit under each quote, and for each minor unit spent."""
    priced = list(zip(part.rows, prices, strict=True))
    return Prices(
        work={
            offer.quote_id: offer.capacity_use
            * sum(
                price
                for row, price in priced
                if row.supplier_id == offer.supplier_id and offer.weeks <= row.week
            )
            for offer in part.problem.offers
        },
        cash=sum(price for row, price in priced if row.supplier_id is None),
    )


def _dual(part: _Part, prices: Sequence[int]) -> tuple[int, list[Answer]]:
    """The Lagrangian bound at integer prices (per unit of each row, scaled minor), and the responses."""
    at = _prices(part, prices)
    answers = [respond(part.problem.scale, offered, work=at.work, cash=at.cash) for offered in part.menus]
    return _bound(part, answers, prices), answers


def _bound(part: _Part, answers: Sequence[Answer], prices: Sequence[int]) -> int:
    offered = sum(row.room * price for row, price in zip(part.rows, prices, strict=True))
    return sum(answer.bound for answer in answers) - offered


def _collect(pool: Pool, answers: Sequence[Answer]) -> bool:
    new = False
    for at, answer in enumerate(answers):
        for response in (answer.best, *answer.others):
            if response.buys:
                new |= pool.add(at, response)
    return new


def _written(part: _Part, pool: Pool, *, whole: bool) -> Model:
    """Mix (or choose) one response per product within the rows.  Costs in minor units.

    A product without an empty response may stay unanswered at a price that nothing else reaches.
    """
    problem, rows = part.problem, part.rows
    model = Model()
    uses: Mapping[int, list[tuple[int, float]]] = defaultdict(list)
    ones: list[list[tuple[int, float]]] = [[] for _ in part.menus]
    for at, response in pool.columns:
        column = model.column(cost=response.cost / problem.scale, upper=1.0, whole=whole)
        ones[at].append((column, 1.0))
        for r, row in enumerate(rows):
            used = _use(row, response)
            if used:
                uses[r].append((column, float(used)))
    worst = 10.0 * problem.revenue_scaled / problem.scale + 1.0
    for terms in ones:
        terms.append((model.column(cost=worst, upper=1.0, whole=whole), 1.0))
        model.row(terms, low=1.0, high=1.0)
    for r, row in enumerate(rows):
        model.row(uses[r], high=float(row.room))
    return model


def _master(part: _Part, pool: Pool, *, seconds: float) -> tuple[int, list[int]] | None:
    """(value in scaled minor units, prices of the rows) of the best mix; None when time ran out."""
    highs: Any = quiet_solver(seconds=seconds, gap=0.0)
    highs.passModel(_written(part, pool, whole=False).lp())
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    duals = highs.getSolution().row_dual[len(part.menus) :]
    prices = [max(0, round(-dual * part.problem.scale)) for dual in duals]
    return math.ceil(highs.getInfo().objective_function_value * part.problem.scale), prices


def _choose(part: _Part, pool: Pool, *, seconds: float, gap: float) -> list[Response] | None:
    """One response per product, within the rows; None when none were found."""
    highs: Any = quiet_solver(seconds=seconds, gap=gap)
    highs.passModel(_written(part, pool, whole=True).lp())
    highs.run()
    if highs.getInfo().primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    values = highs.getSolution().col_value
    chosen = [Response() for _ in part.menus]
    for (at, response), value in zip(pool.columns, values, strict=False):
        if value > 0.5:
            chosen[at] = response
    return chosen


def _polish(
    part: _Part, chosen: list[Response], *, target: int, until: Callable[[float], float], gap: float
) -> list[Response]:
    """Solve a few products anew, exactly and together, while the others stand; again with others while time is.

    This is what finds a product split over suppliers to fill the room that whole responses leave.
    """
    rng = Random(2)
    chosen = list(chosen)
    cost = _cost(part, chosen)
    stale = 0
    while until(1.0) > 0.3 and stale < 3 * len(part.menus) and not _near(cost, target, gap):
        few = _neighbours(part, rng)
        rest = [response for at, response in enumerate(chosen) if at not in few]
        rows = [
            replace(row, room=row.room - sum(_use(row, response) for response in rest)) for row in part.rows
        ]
        several = replace(
            part.problem,
            styles=tuple(part.problem.styles[at] for at in few),
            offers=tuple(offer for at in few for offer in part.alone[at].offers),
        )
        try:
            found, _ = solve_direct(several, seconds=min(3.0, until(1.0)), gap=gap / 2, rows=rows)
        except (Infeasible, SolverFailed):
            # What stands is feasible; it is kept.
            stale += 1
            continue
        fresh = list(chosen)
        for at in few:
            alone = part.alone[at]
            quotes = {offer.quote_id for offer in alone.offers}
            theirs = [buy for buy in found if buy.quote_id in quotes]
            fresh[at] = _response(alone, theirs, judge(alone, []).cost_scaled)
        fresh_cost = _cost(part, fresh)
        stale = 0 if fresh_cost < cost else stale + 1
        if fresh_cost < cost:
            chosen, cost = fresh, fresh_cost
    return chosen


def _cost(part: _Part, chosen: Sequence[Response]) -> int:
    return judge(part.problem, []).cost_scaled + sum(response.cost for response in chosen)


def _near(cost: int, target: int, gap: float) -> bool:
    return cost - target <= gap * max(1, abs(cost))


def _neighbours(part: _Part, rng: Random) -> list[int]:
    """A few products, most of them from one pair of suppliers."""
    makers = sorted({offer.supplier_id for offer in part.problem.offers})
    pair = set(rng.sample(makers, min(2, len(makers))))
    near = [
        at for at, alone in enumerate(part.alone) if any(offer.supplier_id in pair for offer in alone.offers)
    ]
    rng.shuffle(near)
    return sorted(near[:NEIGHBOURS])
