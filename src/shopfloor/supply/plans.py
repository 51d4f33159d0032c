"""A plan in three steps: gather what it needs, solve it, store it.

    async with db.transaction() as tx:
        gathered = await supply.gather(tx, shop_id=…, show_id=…)
    solution = await asyncio.to_thread(supply.solve, gathered.problem, limits)      # CPU, no transaction open
    async with db.transaction() as tx:
        plan = await supply.store(tx, gathered=gathered, solution=solution)

`make_plan` does the three.  What is stored carries the whole input and its digest, so that `recheck` can
judge the order lines again at any time.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from shopfloor import accounts, catalog, demand, inventory
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import MAX_MINOR, now
from shopfloor.supply import plan_queries, queries
from shopfloor.supply.events import PlanProposed
from shopfloor.supply.inventory_position import on_its_way
from shopfloor.supply.models import (
    BadPlanRequest,
    NoForecast,
    NoPlan,
    NoQuotes,
    Plan,
    PlanLine,
    PlanState,
    Quote,
    Supplier,
    UnknownPlan,
)
from shopfloor.supply.solver import outlook as solver_outlook
from shopfloor.supply.solver.matching import SOLVER, Solution, SolverLimits, solve
from shopfloor.supply.solver.outlook import Outlook
from shopfloor.supply.solver.problem import (
    Buy,
    Capacity,
    Need,
    Offer,
    Problem,
    Style,
    Verdict,
    judge,
    weeks_due,
)


@dataclass(frozen=True, slots=True)
class Economics:
    """What a plan assumes about money, in percent.

    salvage  what a left-over unit is still worth, of the lowest quoted price
    late     what a promised unit that is missing costs on top of the lost sale, of its price
    """

    salvage_percent: int = 50
    late_percent: int = 50


@dataclass(frozen=True, slots=True)
class Gathered:
    """The problem, and what its lines need to be explained and stored."""

    shop_id: int
    show_id: int
    as_of: datetime
    today: date
    forecast: demand.Forecast
    location_id: int
    needed_by: date
    currency: str
    problem: Problem
    quotes: Mapping[int, Quote]
    remarks: Mapping[str, int]
    last_accepted: int | None


async def gather(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    horizon_days: int = 21,
    budget_minor: int | None = None,
    must_cover_hard: bool = False,
    location_id: int | None = None,
    today: date | None = None,
    economics: Economics | None = None,
) -> Gathered:
    """Read the latest forecast of the show, what is there and on its way, and the quotes that can be in time.

    `horizon_days`: goods must be here that many days from `today`.  Lots that are there, or announced, or
    ordered and not answered yet, all count as available; units sold as makeable and not ordered yet are added
    to demand, as certain.  Raises NoForecast, NoQuotes, BadPlanRequest.
    """
    _check_request(horizon_days, budget_minor)
    last_accepted = await plan_queries.last_accepted(tx, shop_id=shop_id, show_id=show_id)
    try:
        forecast = await demand.forecast(tx, shop_id=shop_id, show_id=show_id)
    except demand.UnknownForecast as missing:
        raise NoForecast(show_id=show_id) from missing
    shop = await accounts.shop(tx, shop_id)
    as_of = now()
    today = today or as_of.date()
    suppliers = {each.id: each for each in await queries.suppliers(tx, shop_id=shop_id)}
    product_ids = sorted({line.product_id for line in forecast.lines})
    quotes = await queries.quotes(tx, shop_id=shop_id, product_ids=product_ids)
    usable, remarks = _usable(quotes, suppliers, shop.currency, today, horizon_days)
    if not usable:
        raise NoQuotes(show_id=show_id, why=dict(remarks))
    without = len(set(product_ids) - {quote.product_id for quote in usable})
    if without:
        remarks["products_without_quote"] = without

    styles = await _styles(
        tx, shop_id=shop_id, forecast=forecast, quotes=usable, economics=economics or Economics()
    )
    owed = {each.supplier_id: each.work for each in await queries.workloads(tx, shop_id=shop_id)}
    involved = sorted({quote.supplier_id for quote in usable})
    problem = Problem(
        scale=demand.POINTS,
        styles=styles,
        offers=tuple(_offer(quote, horizon_days) for quote in usable),
        capacities=tuple(
            Capacity(supplier_id, per_week, owed.get(supplier_id, 0))
            for supplier_id in involved
            if (per_week := suppliers[supplier_id].capacity_per_week) is not None
        ),
        budget_minor=budget_minor,
        must_cover_hard=must_cover_hard,
    )
    return Gathered(
        shop_id=shop_id,
        show_id=show_id,
        as_of=as_of,
        today=today,
        forecast=forecast,
        location_id=await _destination(tx, shop_id=shop_id, location_id=location_id),
        needed_by=today + timedelta(days=horizon_days),
        currency=shop.currency,
        problem=problem,
        quotes={quote.id: quote for quote in usable},
        remarks=dict(remarks),
        last_accepted=last_accepted,
    )


def _check_request(horizon_days: int, budget_minor: int | None) -> None:
    if not 1 <= horizon_days <= 365:
        raise BadPlanRequest("Goods are planned for 1 to 365 days ahead.", horizon_days=horizon_days)
    if budget_minor is not None and not 0 <= budget_minor <= MAX_MINOR:
        raise BadPlanRequest("A budget must not be negative or absurd.", budget_minor=budget_minor)


def _usable(
    quotes: Sequence[Quote], suppliers: Mapping[int, Supplier], currency: str, today: date, horizon_days: int
) -> tuple[list[Quote], Counter[str]]:
    """The quotes that can deliver in time, and how many were left out for what."""
    left_out: Counter[str] = Counter()
    usable: list[Quote] = []
    for quote in quotes:
        if not suppliers[quote.supplier_id].active:
            left_out["supplier_inactive"] += 1
        elif not quote.terms.is_valid_on(today):
            left_out["quote_not_valid"] += 1
        elif quote.terms.currency != currency:
            left_out["other_currency"] += 1
        elif quote.terms.lead_days + quote.terms.late_days > horizon_days:
            left_out["too_late"] += 1
        else:
            usable.append(quote)
    return usable, left_out


def _offer(quote: Quote, horizon_days: int) -> Offer:
    terms = quote.terms
    return Offer(
        quote_id=quote.id,
        supplier_id=quote.supplier_id,
        product_id=quote.product_id,
        tiers=terms.tiers,
        lot=terms.lot,
        colour_minimum=terms.colour_minimum,
        capacity_use=terms.capacity_use,
        setup_minor=terms.setup_minor,
        # The lead time holds for what is made in the first week; each further week of slack is one more to make it in.
        weeks=1 + (horizon_days - terms.lead_days - terms.late_days) // 7,
    )


async def _styles(
    tx: Tx, *, shop_id: int, forecast: demand.Forecast, quotes: Sequence[Quote], economics: Economics
) -> tuple[Style, ...]:
    ids = [line.variant_id for line in forecast.lines]
    variants = {each.id: each for each in await catalog.variants(tx, shop_id=shop_id, ids=ids)}
    products = await catalog.products_by_id(
        tx, shop_id=shop_id, ids=sorted({line.product_id for line in forecast.lines})
    )
    there = await on_its_way(tx, shop_id=shop_id, variant_ids=ids)
    cheapest: dict[int, int] = {}
    colour_at: dict[int, int] = {}
    for quote in quotes:
        low = min(tier.unit_minor for tier in quote.terms.tiers)
        cheapest[quote.product_id] = min(low, cheapest.get(quote.product_id, low))
        names = products[quote.product_id].option_names if quote.product_id in products else []
        if quote.terms.colour_option in names:
            colour_at[quote.product_id] = names.index(quote.terms.colour_option)

    needs: dict[int, list[Need]] = defaultdict(list)
    for line in forecast.lines:
        variant = variants.get(line.variant_id)
        if variant is None:
            continue
        price = max(1, variant.price_minor)
        unit = cheapest.get(line.product_id, price)
        here = there[line.variant_id]
        at = colour_at.get(line.product_id)
        needs[line.product_id].append(
            Need(
                variant_id=line.variant_id,
                colour="" if at is None or at >= len(variant.options) else variant.options[at],
                price_minor=price,
                salvage_minor=min(unit * economics.salvage_percent // 100, unit - 1, price - 1),
                late_minor=price * economics.late_percent // 100,
                available=here.available,
                hard=line.hard + here.owed,
                demand=tuple(point + here.owed for point in line.points),
            )
        )
    return tuple(Style(product_id, tuple(group)) for product_id, group in needs.items())


async def _destination(tx: Tx, *, shop_id: int, location_id: int | None) -> int:
    """The named location of the shop, else its first warehouse, else its first location."""
    locations = await inventory.locations(tx, shop_id=shop_id)
    if location_id is not None:
        if all(each.id != location_id for each in locations):
            raise inventory.UnknownStock(location_id=location_id)
        return location_id
    if not locations:
        raise BadPlanRequest("The shop has no location that goods could come to.")
    first = min(locations, key=lambda each: (each.kind is not inventory.LocationKind.WAREHOUSE, each.id))
    return first.id


async def store(tx: Tx, *, gathered: Gathered, solution: Solution) -> Plan:
    """Judge the order lines once more and keep them, with input and bound, as the show's newest plan.

    An earlier plan that was not accepted is replaced.
    """
    problem = gathered.problem
    verdict = judge(problem, solution.buys)
    if verdict.broken or verdict != solution.verdict:
        raise AssertionError(f"a plan that does not hold: {verdict.broken[:3]}")
    await plan_queries.lock_show(tx, show_id=gathered.show_id)
    await plan_queries.replace_proposed(tx, shop_id=gathered.shop_id, show_id=gathered.show_id)
    lines = _lines(gathered, solution.buys)
    proposed = Plan(
        id=0,
        shop_id=gathered.shop_id,
        show_id=gathered.show_id,
        version=0,
        state=PlanState.PROPOSED,
        as_of=gathered.as_of,
        forecast_id=gathered.forecast.id,
        location_id=gathered.location_id,
        needed_by=gathered.needed_by,
        currency=gathered.currency,
        scale=problem.scale,
        cost_scaled=verdict.cost_scaled,
        bound_scaled=solution.bound_scaled,
        purchase_minor=verdict.purchase_minor,
        lost_scaled=verdict.lost_scaled,
        left_scaled=verdict.left_scaled,
        revenue_scaled=problem.revenue_scaled,
        digest=problem.digest,
        solver=SOLVER,
        seconds=solution.seconds,
        remarks=gathered.remarks,
        lines=(),
    )
    head = await plan_queries.insert_plan(tx, plan=proposed, problem=problem)
    setups = {quote.id: quote.terms.setup_minor for quote in gathered.quotes.values()}
    await plan_queries.insert_plan_lines(tx, plan_id=head.id, lines=lines, setups=setups)
    plan = plan_queries.stored_plan(head, lines)
    await outbox.record(
        tx,
        PlanProposed(
            shop_id=plan.shop_id,
            show_id=plan.show_id,
            plan_id=plan.id,
            version=plan.version,
            cost_minor=plan.cost_minor,
            lower_bound_minor=plan.lower_bound_minor,
            purchase_minor=plan.purchase_minor,
            currency=plan.currency,
            digest=plan.digest,
        ),
    )
    return plan


def _lines(gathered: Gathered, buys: Sequence[Buy]) -> list[PlanLine]:
    totals: dict[int, int] = defaultdict(int)
    for buy in buys:
        totals[buy.quote_id] += buy.quantity
    offers = {offer.quote_id: offer for offer in gathered.problem.offers}
    needs = {need.variant_id: need for style in gathered.problem.styles for need in style.needs}
    foreseen = {line.variant_id: line for line in gathered.forecast.lines}
    due = weeks_due(gathered.problem, offers, totals)
    lines: list[PlanLine] = []
    for buy in buys:
        tier = offers[buy.quote_id].tier_at(totals[buy.quote_id])
        assert tier is not None, "judged before"
        terms, line = gathered.quotes[buy.quote_id].terms, foreseen[buy.variant_id]
        days = terms.lead_days + terms.late_days + 7 * (due[buy.quote_id] - 1)
        lines.append(
            PlanLine(
                quote_id=buy.quote_id,
                supplier_id=offers[buy.quote_id].supplier_id,
                product_id=offers[buy.quote_id].product_id,
                variant_id=buy.variant_id,
                quantity=buy.quantity,
                unit_minor=tier.unit_minor,
                expected_on=gathered.today + timedelta(days=days),
                available=needs[buy.variant_id].available,
                hard=needs[buy.variant_id].hard,
                mean=line.mean,
                low=line.low,
                high=line.high,
                identifiable=line.identifiable,
            )
        )
    return sorted(lines, key=lambda line: (line.supplier_id, line.product_id, line.variant_id, line.quote_id))


async def make_plan(
    db: Database,
    *,
    shop_id: int,
    show_id: int,
    horizon_days: int = 21,
    budget_minor: int | None = None,
    must_cover_hard: bool = False,
    location_id: int | None = None,
    today: date | None = None,
    limits: SolverLimits | None = None,
    solving: Callable[[], Awaitable[None]] | None = None,
    keep: Callable[[Tx, Plan], Awaitable[None]] | None = None,
) -> Plan:
    """Gather, solve on a thread with no transaction open, store, with `keep` beside it.  Raises what these raise.

    What was ordered meanwhile was not on its way when the plan was made: then it is made again.
    """
    while True:
        async with db.transaction() as tx:
            gathered = await gather(
                tx,
                shop_id=shop_id,
                show_id=show_id,
                horizon_days=horizon_days,
                budget_minor=budget_minor,
                must_cover_hard=must_cover_hard,
                location_id=location_id,
                today=today,
            )
        if solving is not None:
            await solving()
        solution = await asyncio.to_thread(solve, gathered.problem, limits)
        async with db.transaction() as tx:
            await plan_queries.lock_show(tx, show_id=show_id)
            if (
                await plan_queries.last_accepted(tx, shop_id=shop_id, show_id=show_id)
                != gathered.last_accepted
            ):
                continue
            plan = await store(tx, gathered=gathered, solution=solution)
            if keep is not None:
                await keep(tx, plan)
            return plan


async def plan(tx: Tx, *, shop_id: int, show_id: int) -> Plan:
    """The newest plan of the show.  Raises NoPlan."""
    head = await plan_queries.latest_plan(tx, shop_id=shop_id, show_id=show_id)
    if head is None:
        raise NoPlan(show_id=show_id)
    return plan_queries.stored_plan(head, await plan_queries.plan_lines(tx, plan_id=head.id))


async def plan_by_id(tx: Tx, *, shop_id: int, plan_id: int) -> Plan:
    """Raises UnknownPlan."""
    head = await plan_queries.plan(tx, shop_id=shop_id, plan_id=plan_id)
    if head is None:
        raise UnknownPlan(plan_id=plan_id)
    return plan_queries.stored_plan(head, await plan_queries.plan_lines(tx, plan_id=head.id))


@dataclass(frozen=True, slots=True)
class Recheck:
    """What judging a stored plan again gave: `holds` when input, cost and rules are as they were stored."""

    verdict: Verdict
    digest: str
    holds: bool


async def recheck(tx: Tx, *, shop_id: int, plan_id: int) -> Recheck:
    """Judge a stored plan from its stored input and order lines alone.  Raises UnknownPlan."""
    plan, problem, buys = await _stored(tx, shop_id=shop_id, plan_id=plan_id)
    verdict = judge(problem, buys)
    holds = (
        not verdict.broken
        and problem.digest == plan.digest
        and verdict.cost_scaled == plan.cost_scaled
        and verdict.purchase_minor == plan.purchase_minor
        and plan.bound_scaled <= plan.cost_scaled
    )
    return Recheck(verdict, problem.digest, holds)


async def outlook(tx: Tx, *, shop_id: int, plan_id: int) -> Outlook:
    """What a stored plan is expected to bring, beside ordering nothing.  Raises UnknownPlan."""
    plan, problem, buys = await _stored(tx, shop_id=shop_id, plan_id=plan_id)
    return solver_outlook.outlook(problem, buys, plan.bound_scaled)


async def _stored(tx: Tx, *, shop_id: int, plan_id: int) -> tuple[Plan, Problem, list[Buy]]:
    plan = await plan_by_id(tx, shop_id=shop_id, plan_id=plan_id)
    stored = await plan_queries.problem(tx, shop_id=shop_id, plan_id=plan_id)
    assert stored is not None, "the plan was there"
    problem = msgspec.convert(stored.problem, Problem)
    return plan, problem, [Buy(line.quote_id, line.variant_id, line.quantity) for line in plan.lines]
