"""The plan: which quotes, in which price tier, how many of each variant, and how far from the best it can be.

Two stages.  Now: how many lots of which variant under which quote.  Later, when demand is known: what is sold,
lost and left.  The later stage needs no decisions of its own, so a further unit of a variant is always worth a
known amount, and less than the one before.

Products meet only in shared rows: the weekly capacity of a supplier, and the budget.  `components` splits a
problem into the parts that share nothing; their costs and bounds add up.  Parts of a few products are solved
as one mixed-integer programme (`direct`), larger ones by prices on the shared rows (`columns`).  Pure: CPU
work only, to be run on a thread.
"""

import time
from collections import defaultdict
from dataclasses import replace
from importlib import metadata
from typing import Final

from shopfloor.kernel.records import dataclass
from shopfloor.supply.models import SolverFailed
from shopfloor.supply.solver.columns import solve_columns
from shopfloor.supply.solver.direct import solve_direct
from shopfloor.supply.solver.problem import Buy, Offer, Problem, Style, Verdict, check_problem, judge

SOLVER: Final = f"HiGHS {metadata.version('highspy')}"
# Up to so many variants a part is given to the mixed-integer programme first.
SMALL: Final = 24
# With more products than this one programme for all of them has nothing to add.
LARGE: Final = 60


@dataclass(frozen=True, slots=True)
class SolverLimits:
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


def solve(problem: Problem, limits: SolverLimits | None = None) -> Solution:
    """The cheapest plan that was found within `limits`, judged, and its bound.

    Raises Infeasible when promised units must be covered and cannot be, SolverFailed when time ran out before
    any plan was found.
    """
    limits = limits or SolverLimits()
    check_problem(problem)
    started = time.monotonic()
    parts = sorted(components(problem), key=_variants)
    buys: list[Buy] = []
    bound = 0
    for at, part in enumerate(parts):
        # What small parts leave of their share of the time goes to the larger ones behind them.
        ahead = sum(map(_variants, parts[at:]))
        share = max(1, _variants(part)) / max(1, ahead)
        left = max(0.0, limits.seconds - (time.monotonic() - started))
        found, least = _solve_part(part, replace(limits, seconds=max(0.5, share * left)))
        buys.extend(found)
        bound += least
    buys.sort(key=lambda buy: (buy.quote_id, buy.variant_id))
    verdict = judge(problem, buys)
    if verdict.broken:
        raise AssertionError(f"the plan breaks its own rules: {verdict.broken[:3]}")
    return Solution(tuple(buys), verdict, min(bound, verdict.cost_scaled), seconds=time.monotonic() - started)


def _variants(problem: Problem) -> int:
    return sum(len(style.needs) for style in problem.styles)


def _solve_part(problem: Problem, limits: SolverLimits) -> tuple[list[Buy], int]:
    """(order lines, lower bound in scaled minor units): the better of what the two ways give."""
    started = time.monotonic()
    small = _variants(problem) <= SMALL and len(problem.styles) > 1
    best: list[Buy] | None = None
    bound: int | None = None
    if not small:
        large = len(problem.styles) > LARGE
        best, bound = solve_columns(problem, seconds=(1.0 if large else 0.5) * limits.seconds, gap=limits.gap)
        if best is not None and (large or _close(judge(problem, best).cost_scaled, bound, limits.gap)):
            return best, bound
    left = max(0.5, limits.seconds - (time.monotonic() - started))
    try:
        found, least = solve_direct(problem, seconds=left, gap=limits.gap)
    except SolverFailed:
        if best is None or bound is None:
            raise
        return best, bound
    if best is None or judge(problem, found).cost_scaled < judge(problem, best).cost_scaled:
        best = found
    return best, least if bound is None else max(bound, least)


def _close(cost: int, bound: int, gap: float) -> bool:
    return cost - bound <= gap * max(1, abs(cost))


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
    return [_part(problem, styles, offers) for styles in groups.values()]


def _part(problem: Problem, styles: list[Style], offers: dict[int, list[Offer]]) -> Problem:
    theirs = tuple(offer for style in styles for offer in offers[style.product_id])
    makers = {offer.supplier_id for offer in theirs}
    return replace(
        problem,
        styles=tuple(styles),
        offers=theirs,
        capacities=tuple(capacity for capacity in problem.capacities if capacity.supplier_id in makers),
    )
