"""How good a plan is, and how long it takes: 10, 100 and 500 styles that share suppliers at capacity.

Workload: styles of 4 to 8 variants in sizes and colours, demand skewed and uncertain (40 scenarios), two quotes
each from 6 suppliers, two or three price tiers, minimums per style and colour, lots; weekly capacity for about
70 % of what would be ordered without it.  The limit each plan is held against is its own certified bound; the
baseline is the same purchase without a plan: each style ordered from its cheaper supplier at the mean forecast,
rounded up to lots and minimums, until capacity is gone.

    python bench/plan.py            all three sizes
    python bench/plan.py 100        one
"""

import json
import sys
from collections import defaultdict

import numpy as np

from shopfloor.demand.learner import Predictive
from shopfloor.demand.models import POINTS
from shopfloor.supply.models import Tier
from shopfloor.supply.solver.matching import SOLVER, SolverLimits, solve
from shopfloor.supply.solver.problem import Buy, Capacity, Need, Offer, Problem, Style, judge

SUPPLIERS = 6
SECONDS = {10: 10.0, 100: 25.0, 500: 45.0}


def instance(styles: int, seed: int = 1) -> Problem:
    rng = np.random.default_rng(seed)
    levels = [(2 * k + 1) / (2 * POINTS) for k in range(POINTS)]
    made: list[Style] = []
    offers: list[Offer] = []
    load: dict[int, int] = defaultdict(int)
    for product_id in range(1, styles + 1):
        price = int(rng.integers(40, 300)) * 100 - 1
        colours = int(rng.integers(1, 3))
        sizes = 4
        level = float(np.exp(rng.normal(3.2, 0.7)))
        cost = int(price * rng.uniform(0.3, 0.5))
        needs = [
            Need(
                variant_id=product_id * 100 + at,
                colour=f"c{at // sizes}",
                price_minor=price,
                salvage_minor=int(cost * 0.4),
                late_minor=price // 2,
                available=int(rng.integers(0, 6)),
                hard=0,
                demand=tuple(Predictive(level * float(share), float(rng.uniform(2, 8))).quantiles(levels)),
            )
            for at, share in enumerate(rng.dirichlet(np.full(colours * sizes, 5.0)) * colours * 2)
        ]
        made.append(Style(product_id, tuple(needs)))
        both = rng.choice(SUPPLIERS, 2, replace=False).tolist()
        for supplier in both:
            start = int(rng.choice([20, 30, 50]))
            tiers = [Tier(start, cost), Tier(start * 3, int(cost * 0.92)), Tier(start * 8, int(cost * 0.85))]
            use = int(rng.integers(1, 4))
            offers.append(
                Offer(
                    quote_id=len(offers) + 1, supplier_id=supplier + 1, product_id=product_id,
                    tiers=tuple(tiers[: int(rng.integers(2, 4))]), lot=int(rng.choice([1, 5, 10])),
                    colour_minimum=int(rng.choice([0, 10, 20])), capacity_use=use,
                    setup_minor=int(rng.choice([0, 20_000])), weeks=int(rng.integers(1, 4)),
                )
            )  # fmt: skip
            mean = sum(sum(need.demand) for need in needs) / POINTS
            load[supplier + 1] += int(use * mean / 2)
    capacities = tuple(Capacity(s, max(1, int(0.7 * load[s] / 2))) for s in range(1, SUPPLIERS + 1))
    return Problem(POINTS, tuple(made), tuple(offers), capacities)


def unplanned(problem: Problem) -> int:
    """The cost, scaled, of buying each style at its mean from its cheaper supplier, first come first served."""
    buys: list[Buy] = []
    for style in problem.styles:
        theirs = [offer for offer in problem.offers if offer.product_id == style.product_id]
        for offer in sorted(theirs, key=lambda offer: offer.tiers[0].unit_minor):
            fresh = [
                Buy(offer.quote_id, need.variant_id, wanted)
                for need in style.needs
                if (wanted := _up(max(0, round(sum(need.demand) / POINTS) - need.available), offer.lot))
            ]
            if not judge(problem, [*buys, *fresh]).broken:
                buys += fresh
                break
    return judge(problem, buys).cost_scaled


def _up(quantity: int, lot: int) -> int:
    return -(-quantity // lot) * lot


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:]] or [10, 100, 500]
    results: dict[str, dict[str, float | int]] = {}
    print(f"{SOLVER}, one thread; costs in minor units")
    print(
        f"{'styles':>7} {'variants':>9} {'cost':>14} {'bound':>14} {'gap %':>8} {'seconds':>8} {'unplanned':>10}"
    )
    for styles in sizes:
        problem = instance(styles)
        found = solve(problem, SolverLimits(seconds=SECONDS.get(styles, 60.0), gap=1e-4))
        plain = unplanned(problem)
        ratio = plain / found.verdict.cost_scaled
        variants = sum(len(style.needs) for style in problem.styles)
        print(
            f"{styles:7d} {variants:9d} {found.verdict.cost_scaled // POINTS:14,d} {found.bound_scaled // POINTS:14,d}"
            f" {100 * found.gap:8.3f} {found.seconds:8.1f} {ratio:9.2f}x"
        )
        results[str(styles)] = {
            "gap": round(found.gap, 6),
            "seconds": round(found.seconds, 2),
            "variants": variants,
            "unplanned_to_planned": round(ratio, 4),
        }
    print(json.dumps({"bench": "plan", "solver": SOLVER, "sizes": results}))


if __name__ == "__main__":
    main()
