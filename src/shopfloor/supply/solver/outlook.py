"""What an order is expected to bring, beside ordering nothing.  Pure."""

from collections import Counter
from collections.abc import Sequence

from shopfloor.kernel.records import dataclass
from shopfloor.supply.solver.problem import Buy, Problem, judge


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a merchant wants to know of a plan.  Amounts are minor units.

    spend_minor   what the order costs, set-up included
    brings_minor  sales that only the order makes possible, promises it keeps, and what is left of it at its
                  salvage value, in expectation, rounded down; units that are there without it count for nothing
    enough        probability that a variant does not run out, averaged over variants by expected demand, 0 to 1
    lost_units    expected sales that are still missed
    left_units    expected units of the order that are left over
    gap_minor     no plan for the same input is better by more than this, rounded up
    """

    spend_minor: int
    brings_minor: int
    enough: float
    lost_units: float
    left_units: float
    gap_minor: int

    @property
    def profit_minor(self) -> int:
        return self.brings_minor - self.spend_minor


def outlook(problem: Problem, buys: Sequence[Buy], bound_scaled: int) -> Outlook:
    """Both the order and ordering nothing are judged by `judge`, so what is owned already cancels out."""
    ordered, nothing = judge(problem, buys), judge(problem, ())
    scale = problem.scale
    saved_scaled = nothing.cost_scaled - (ordered.cost_scaled - scale * ordered.purchase_minor)
    bought: Counter[int] = Counter()
    for buy in buys:
        bought[buy.variant_id] += buy.quantity
    wanted = covered = 0
    for style in problem.styles:
        for need in style.needs:
            supply = need.available + bought[need.variant_id]
            wanted += sum(need.demand) * scale
            covered += sum(need.demand) * sum(1 for demand in need.demand if demand <= supply)
    return Outlook(
        spend_minor=ordered.purchase_minor,
        brings_minor=saved_scaled // scale,
        enough=covered / wanted if wanted else 1.0,
        lost_units=ordered.lost_scaled / scale,
        left_units=(ordered.left_scaled - nothing.left_scaled) / scale,
        gap_minor=-(-(ordered.cost_scaled - bound_scaled) // scale),
    )
