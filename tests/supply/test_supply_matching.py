"""The plan against the truth: enumeration, the newsvendor's closed form, and the corners of tiers and minimums."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace
from statistics import NormalDist

import pytest

from shopfloor.supply.matching import Limits, components, segments, solve
from shopfloor.supply.models import Infeasible, Tier
from shopfloor.supply.problem import Buy, Capacity, Need, Offer, Problem, Style, judge

EXACT = Limits(seconds=30.0, gap=0.0)


def need(variant_id: int, demand: tuple[int, ...], **other: int | str) -> Need:
    fields: dict[str, object] = {
        "colour": "", "price_minor": 1000, "salvage_minor": 100, "late_minor": 0, "available": 0, "hard": 0,
    }  # fmt: skip
    return Need(variant_id=variant_id, demand=demand, **{**fields, **other})  # pyright: ignore[reportArgumentType]


def offer(quote_id: int, product_id: int, *tiers: tuple[int, int], **other: int) -> Offer:
    fields = {"supplier_id": quote_id, "lot": 1, "colour_minimum": 0, "capacity_use": 1, "setup_minor": 0, "weeks": 1}
    return Offer(
        quote_id=quote_id, product_id=product_id, tiers=tuple(Tier(*tier) for tier in tiers), **{**fields, **other}
    )


def one(demand: tuple[int, ...], *offers: Offer, **other: int | str) -> Problem:
    return Problem(len(demand), (Style(1, (need(1, demand, **other),)),), offers)


def plans(problem: Problem, most: int) -> Iterator[list[Buy]]:
    """Every plan with at most `most` units of each variant under each quote."""
    cells = [
        [Buy(o.quote_id, n.variant_id, q) for q in range(0, most + 1, o.lot)]
        for o in problem.offers
        for s in problem.styles
        if s.product_id == o.product_id
        for n in s.needs
    ]
    for chosen in itertools.product(*cells):
        yield [buy for buy in chosen if buy.quantity]


def cheapest(problem: Problem, most: int) -> int | None:
    verdicts = (judge(problem, plan) for plan in plans(problem, most))
    return min((verdict.cost_scaled for verdict in verdicts if not verdict.broken), default=None)


def random_problem(rng: random.Random) -> Problem:
    """Small enough to enumerate, with everything in it that makes a plan hard."""
    scale = rng.choice([3, 4])
    styles: list[Style] = []
    offers: list[Offer] = []
    for product_id in range(1, rng.choice([1, 2, 2]) + 1):
        width = rng.choice([1, 2]) if product_id == 1 else 1
        needs: list[Need] = []
        for v in range(width):
            hard = rng.choice([0, 0, 1])
            demand = tuple(sorted(hard + rng.randint(0, 4) for _ in range(scale)))
            needs.append(
                need(
                    product_id * 10 + v, demand, hard=hard, colour=rng.choice("ab"), available=rng.choice([0, 0, 1]),
                    price_minor=rng.randint(500, 1500), salvage_minor=rng.randint(0, 99), late_minor=rng.choice([0, 700]),
                )
            )  # fmt: skip
        styles.append(Style(product_id, tuple(needs)))
        for _ in range(rng.choice([1, 2]) if width == 1 else 1):
            starts = sorted(rng.sample([1, 2, 3, 4, 5], rng.choice([1, 2, 3])))
            prices = sorted((rng.randint(100, 900) for _ in starts), reverse=True)
            offers.append(
                offer(
                    len(offers) + 1, product_id, *zip(starts, prices, strict=True), supplier_id=rng.choice([1, 2]),
                    lot=rng.choice([1, 1, 2]), colour_minimum=rng.choice([0, 0, 3]), capacity_use=rng.choice([1, 2]),
                    setup_minor=rng.choice([0, 0, 300]), weeks=rng.choice([1, 2]),
                )
            )  # fmt: skip
    return Problem(
        scale, tuple(styles), tuple(offers),
        capacities=tuple(Capacity(s, rng.randint(2, 6), rng.choice([0, 1])) for s in (1, 2) if rng.random() < 0.6),
        budget_minor=rng.choice([None, rng.randint(500, 5000)]),
        must_cover_hard=rng.random() < 0.3,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_no_plan_is_better_than_the_one_found(seed: int) -> None:
    problem = random_problem(random.Random(seed))
    truth = cheapest(problem, most=7)
    if truth is None:
        with pytest.raises(Infeasible):
            solve(problem, EXACT)
        return
    found = solve(problem, EXACT)

    assert found.verdict.cost_scaled == truth
    assert found.bound_scaled <= truth
    assert truth - found.bound_scaled <= 3e-6 * sum(n.price_minor * sum(n.demand) for s in problem.styles for n in s.needs) + 2
