"""The plan against the truth: enumeration, the newsvendor's closed form, and the corners of tiers and minimums."""

import itertools
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from statistics import NormalDist

import pytest

from shopfloor.supply.models import Infeasible, Tier
from shopfloor.supply.solver.columns import solve_columns
from shopfloor.supply.solver.matching import SolverLimits, components, solve
from shopfloor.supply.solver.problem import Buy, Capacity, Need, Offer, Problem, Style, judge
from shopfloor.supply.solver.response import menu, respond

EXACT = SolverLimits(seconds=30.0, gap=0.0)


def need(variant_id: int, demand: tuple[int, ...], **other: int | str) -> Need:
    fields: dict[str, object] = {
        "colour": "", "price_minor": 1000, "salvage_minor": 100, "late_minor": 0, "available": 0, "hard": 0,
    }  # fmt: skip
    return Need(variant_id=variant_id, demand=demand, **{**fields, **other})  # pyright: ignore[reportArgumentType]


def offer(quote_id: int, product_id: int, *tiers: tuple[int, int], **other: int) -> Offer:
    fields = {
        "supplier_id": quote_id,
        "lot": 1,
        "colour_minimum": 0,
        "capacity_use": 1,
        "setup_minor": 0,
        "weeks": 1,
    }
    return Offer(
        quote_id=quote_id,
        product_id=product_id,
        tiers=tuple(Tier(*tier) for tier in tiers),
        **{**fields, **other},
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


def test_the_solver_says_nothing_where_a_process_writes_its_log(capfd: pytest.CaptureFixture[str]) -> None:
    for seed in range(4):
        with suppress(Infeasible):
            solve(random_problem(random.Random(seed)), EXACT)
    assert capfd.readouterr() == ("", "")


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
    assert (
        truth - found.bound_scaled
        <= 3e-6 * sum(n.price_minor * sum(n.demand) for s in problem.styles for n in s.needs) + 2
    )


@pytest.mark.parametrize("seed", range(100, 160))
def test_prices_on_shared_rows_bound_every_plan_and_give_a_feasible_one(seed: int) -> None:
    problem = random_problem(random.Random(seed))
    truth = cheapest(problem, most=7)
    if truth is None:
        return
    buys, bound = solve_columns(problem, seconds=1.0, gap=0.0)

    assert bound <= truth
    if buys is not None:
        verdict = judge(problem, buys)
        assert verdict.broken == ()
        assert verdict.cost_scaled >= truth


def test_without_shared_rows_one_product_is_solved_and_proven_in_integers() -> None:
    """Nothing shared, one quote: the response is the plan and its own proof."""
    for seed in range(200, 230):
        problem = random_problem(random.Random(seed))
        alone = replace(
            problem, styles=problem.styles[:1], capacities=(), budget_minor=None, must_cover_hard=False,
            offers=tuple(o for o in problem.offers if o.product_id == problem.styles[0].product_id)[:1],
        )  # fmt: skip
        truth = cheapest(alone, most=9)
        buys, bound = solve_columns(alone, seconds=2.0, gap=0.0)
        assert buys is not None
        assert (judge(alone, buys).cost_scaled, bound) == (truth, truth)


@pytest.mark.parametrize(
    ("wanted", "ordered"), [(19, 20), (20, 20), (21, 21), (18, 20), (17, 17), (10, 10), (9, 10)]
)
def test_all_units_tiers_at_their_jump_points(wanted: int, ordered: int) -> None:
    """10 at 500, 20 at 450: from 18 wanted units (9000) twenty cost less or the same, with what is left over."""
    problem = one((wanted,), offer(1, 1, (10, 500), (20, 450)), salvage_minor=100)
    found = solve(problem, EXACT)

    assert [buy.quantity for buy in found.buys] == [ordered]
    assert found.verdict.purchase_minor == ordered * (450 if ordered >= 20 else 500)
    assert found.bound_scaled == found.verdict.cost_scaled


def test_a_minimum_that_does_not_pay_orders_nothing() -> None:
    found = solve(one((1,), offer(1, 1, (50, 400)), price_minor=1000), EXACT)

    assert (found.buys, found.verdict.cost_scaled, found.bound_scaled) == ((), 1000, 1000)


def test_lots_are_whole_and_stay_within_capacity() -> None:
    """Lots of six, capacity for 20 of 23 wanted: 18 units, not 24 and not 20."""
    problem = replace(one((23,), offer(1, 1, (1, 300), lot=6)), capacities=(Capacity(1, 20),))
    found = solve(problem, EXACT)

    assert found.buys == (Buy(1, 1, 18),)
    assert found.bound_scaled == found.verdict.cost_scaled


def test_the_minimum_of_a_product_met_by_one_colour_still_needs_each_colours_own() -> None:
    style = Style(1, (need(1, (30,), colour="red"), need(2, (3,), colour="blue")))
    problem = Problem(1, (style,), (offer(1, 1, (20, 400), colour_minimum=10),))
    found = solve(problem, EXACT)

    # Ten blues cost 4000 and bring 3000 and 700 for what is left: they are not made.
    assert found.buys == (Buy(1, 1, 30),)
    assert judge(problem, [Buy(1, 1, 30), Buy(1, 2, 3)]).broken == (
        "quote 1: 3 of colour 'blue' is below the minimum",
    )


def test_capacity_is_cumulated_over_weeks() -> None:
    """Two products of one supplier, 10 a week: the one due in week 1 can have 10, both together 20."""
    problem = Problem(
        1,
        (Style(1, (need(1, (15,)),)), Style(2, (need(2, (15,)),))),
        (offer(1, 1, (1, 400), supplier_id=5, weeks=1), offer(2, 2, (1, 400), supplier_id=5, weeks=2)),
        (Capacity(5, 10),),
    )
    found = solve(problem, EXACT)

    assert sum(buy.quantity for buy in found.buys) == 20
    assert next(buy.quantity for buy in found.buys if buy.quote_id == 1) <= 10
    assert judge(problem, [Buy(1, 1, 11)]).broken == ("quote 1: done in week 2, needed in week 1",)


def test_work_that_is_owed_comes_first() -> None:
    problem = replace(one((15,), offer(1, 1, (1, 400), weeks=2)), capacities=(Capacity(1, 10, owed=8),))

    assert solve(problem, EXACT).buys == (Buy(1, 1, 12),)


def test_the_newsvendor_orders_its_critical_quantile() -> None:
    """Price 1000, cost 400, salvage 100: the critical ratio is 600 / 900, against the closed form of the Normal."""
    scale = 2000
    normal = NormalDist(100, 20)
    demand = tuple(round(normal.inv_cdf((2 * k + 1) / (2 * scale))) for k in range(scale))
    [buy] = solve(one(demand, offer(1, 1, (1, 400))), EXACT).buys

    assert buy.quantity == pytest.approx(normal.inv_cdf(2 / 3), abs=1)


def test_the_judge_finds_every_rule_that_is_broken() -> None:
    problem = replace(
        one((5,), offer(1, 1, (3, 400), lot=2), hard=1), must_cover_hard=True, budget_minor=1000
    )

    assert judge(problem, [Buy(9, 1, 2)]).broken[0] == "quote 9 does not offer variant 1"
    assert judge(problem, [Buy(1, 1, 5)]).broken[0] == "5 of variant 1 is not a multiple of 2"
    assert judge(problem, [Buy(1, 1, 2)]).broken == ("quote 1: 2 is below the minimum",)
    assert judge(problem, [Buy(1, 1, 4)]).broken == ("1600 is over the budget of 1000",)
    assert judge(problem, []).broken == ("variant 1: 1 promised units are not covered",)
    assert judge(problem, [Buy(1, 1, 4), Buy(1, 1, 4)]).broken[0] == "quote 1 names variant 1 twice"


def test_cost_is_exact_to_the_last_minor_unit() -> None:
    """Demand 0, 2 or 5, three ordered at 7 with 11 set-up: 3 x 32 + lost 2 x 1000 - left (3 + 1) x 100."""
    problem = one((0, 2, 5), offer(1, 1, (1, 7), setup_minor=11), salvage_minor=3, price_minor=1000)
    verdict = judge(problem, [Buy(1, 1, 3)])

    assert verdict.purchase_minor == 32
    assert (verdict.lost_scaled, verdict.left_scaled) == (2, 4)
    assert verdict.cost_scaled == 3 * 32 + 2 * 1000 - 4 * 3


def test_parts_that_share_nothing_are_solved_apart() -> None:
    problem = Problem(
        1,
        tuple(Style(p, (need(p, (5,)),)) for p in (1, 2, 3)),
        (
            offer(1, 1, (1, 400), supplier_id=7),
            offer(2, 2, (1, 400), supplier_id=7),
            offer(3, 3, (1, 400), supplier_id=8),
        ),
        (Capacity(7, 6),),
    )

    assert [[style.product_id for style in part.styles] for part in components(problem)] == [[1, 2], [3]]
    assert len(components(replace(problem, budget_minor=10**6))) == 1


def test_the_digest_names_the_input() -> None:
    problem = one((5,), offer(1, 1, (1, 400)))

    assert problem.digest == one((5,), offer(1, 1, (1, 400))).digest
    assert problem.digest != one((6,), offer(1, 1, (1, 400))).digest


def test_a_problem_that_is_none_is_a_bug() -> None:
    for bad in (
        one((5, 4), offer(1, 1, (1, 400))),
        one((5,), offer(1, 1, (1, 400)), hard=6),
        one((5,), offer(1, 1, (1, 400)), salvage_minor=400),
        one((5,), offer(1, 1, (1, 400)), price_minor=90),
    ):
        with pytest.raises(ValueError, match="variant 1"):
            solve(bad)


def test_many_products_on_tight_capacity_come_with_a_small_certified_gap() -> None:
    """Thirty products, one supplier at about half of what is wanted: prices, not one programme, find the plan."""
    rng = random.Random(5)
    styles, offers = [], []
    for p in range(1, 31):
        demand = sorted(rng.randint(0, 40) for _ in range(10))
        styles.append(Style(p, (need(p, tuple(demand), price_minor=rng.randint(700, 2000)),)))
        offers.append(offer(p, p, (5, 500), (20, 450), supplier_id=1, capacity_use=rng.randint(1, 3)))
    problem = Problem(10, tuple(styles), tuple(offers), (Capacity(1, 500),))
    buys, bound = solve_columns(problem, seconds=8.0, gap=1e-3)
    assert buys is not None
    verdict = judge(problem, buys)

    assert verdict.broken == ()
    assert verdict.cost_scaled - bound <= 0.005 * verdict.cost_scaled


def test_a_product_that_is_best_bought_from_two_quotes() -> None:
    """Five at 100 and dearer beyond, or any number at 200: ten wanted units cost 5 x 100 + 5 x 200."""
    problem = one((10,), offer(1, 1, (1, 100), (6, 900)), offer(2, 1, (1, 200)), salvage_minor=0)
    answer = respond(
        1, menu(1, problem.styles[0], problem.offers, must_cover_hard=False), work={1: 0, 2: 0}, cash=0
    )

    assert (answer.priced, answer.bound) == (2000 - 10_000, 1500 - 10_000)
    buys, bound = solve_columns(problem, seconds=2.0, gap=0.0)
    assert buys is not None
    assert sorted((buy.quote_id, buy.quantity) for buy in buys) == [(1, 5), (2, 5)]
    assert (judge(problem, buys).cost_scaled, bound) == (1500, 1500)
