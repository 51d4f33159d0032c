"""The purchase plan as a problem of integers, and the judge of its solutions.  Pure; no solver here.

Everything is exact: quantities and money are integers, an expectation is a sum over `scale` equally likely
scenarios.  `judge` recomputes cost and feasibility from the order lines alone and knows nothing of how they
were found.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from shopfloor.kernel.records import dataclass
from shopfloor.supply.models import Tier


@dataclass(frozen=True, slots=True)
class Need:
    """One variant: what may be wanted of it, and what is there already.

    `demand` are `scale` equally likely numbers of units in rising order, `hard` of them certain; a certain
    unit that is missing costs `late_minor` on top of the lost sale.  What is left over is worth
    `salvage_minor`, less than any quote asks for it.
    """

    variant_id: int
    colour: str
    price_minor: int
    salvage_minor: int
    late_minor: int
    available: int
    hard: int
    demand: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Style:
    """A product with its variants: the part of the problem that price tiers and minimums tie together."""

    product_id: int
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """A quote that can deliver in time.  `weeks`: in how many weeks its goods can be made to be in time."""

    quote_id: int
    supplier_id: int
    product_id: int
    tiers: tuple[Tier, ...]
    lot: int
    colour_minimum: int
    capacity_use: int
    setup_minor: int
    weeks: int

    def tier_at(self, total: int) -> Tier | None:
        """The tier an order of `total` units falls into; None below the minimum."""
        reached = [tier for tier in self.tiers if tier.minimum <= total]
        return reached[-1] if reached else None


@dataclass(frozen=True, slots=True)
class Capacity:
    """A supplier's weekly capacity, and the work it owes to earlier orders, done first."""

    supplier_id: int
    per_week: int
    owed: int = 0


@dataclass(frozen=True, slots=True)
class SharedRow:
    """What products share: `room` for a supplier's work that is due by `week`; supplier None: the budget."""

    supplier_id: int | None
    week: int
    room: int

    def use(self, offer: Offer, units: int) -> int:
        """How much of a capacity `units` under `offer` take; of the budget, cash is counted elsewhere."""
        counts = offer.supplier_id == self.supplier_id and offer.weeks <= self.week
        return offer.capacity_use * units if counts else 0


@dataclass(frozen=True, slots=True)
class Problem:
    scale: int
    styles: tuple[Style, ...]
    offers: tuple[Offer, ...]
    capacities: tuple[Capacity, ...] = ()
    budget_minor: int | None = None
    must_cover_hard: bool = False

    @property
    def digest(self) -> str:
        """Names this input: equal digests, equal problems."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()

    @property
    def revenue_scaled(self) -> int:
        """What serving all demand at full price would bring."""
        return sum(need.price_minor * sum(need.demand) for style in self.styles for need in style.needs)


@dataclass(frozen=True, slots=True)
class Buy:
    """One order line: so many of a variant under a quote."""

    quote_id: int
    variant_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a set of order lines costs, and every rule it breaks (none: feasible)."""

    cost_scaled: int
    purchase_minor: int
    lost_scaled: int
    left_scaled: int
    broken: tuple[str, ...]


def check_problem(problem: Problem) -> None:
    """Raises ValueError where the numbers make no problem: a caller's bug, not a user's."""
    cheapest: dict[int, int] = {}
    for offer in problem.offers:
        low = min(tier.unit_minor for tier in offer.tiers)
        cheapest[offer.product_id] = min(low, cheapest.get(offer.product_id, low))
    for style in problem.styles:
        for need in style.needs:
            if len(need.demand) != problem.scale or list(need.demand) != sorted(need.demand):
                raise ValueError(
                    f"demand of variant {need.variant_id} must be {problem.scale} rising numbers"
                )
            if not 0 <= need.hard <= need.demand[0]:
                raise ValueError(f"hard demand of variant {need.variant_id} must be in every scenario")
            if need.available < 0 or need.late_minor < 0 or not 0 <= need.salvage_minor < need.price_minor:
                raise ValueError(f"amounts of variant {need.variant_id} are invalid")
            if need.salvage_minor >= cheapest.get(style.product_id, need.price_minor):
                raise ValueError(f"left-over units of variant {need.variant_id} would be worth buying")


def shared_rows(problem: Problem) -> list[SharedRow]:
    """Capacity cumulated over weeks (what is due by week w fits into w weeks), and the budget."""
    rows: list[SharedRow] = []
    for capacity in problem.capacities:
        weeks = {offer.weeks for offer in problem.offers if offer.supplier_id == capacity.supplier_id}
        rows += [
            SharedRow(capacity.supplier_id, week, max(0, week * capacity.per_week - capacity.owed))
            for week in sorted(weeks)
        ]
    if problem.budget_minor is not None:
        rows.append(SharedRow(None, 0, problem.budget_minor))
    return rows


def judge(problem: Problem, buys: Sequence[Buy]) -> Verdict:
    """Recompute cost and feasibility of `buys`, in integers."""
    offers = {offer.quote_id: offer for offer in problem.offers}
    styles = {style.product_id: style for style in problem.styles}
    needs = {need.variant_id: need for style in problem.styles for need in style.needs}
    home = {need.variant_id: style.product_id for style in problem.styles for need in style.needs}
    broken: list[str] = []
    per_offer: dict[int, int] = defaultdict(int)
    per_colour: dict[tuple[int, str], int] = defaultdict(int)
    per_variant: dict[int, int] = defaultdict(int)
    seen: set[tuple[int, int]] = set()

    for buy in buys:
        offer = offers.get(buy.quote_id)
        if offer is None or home.get(buy.variant_id) != offer.product_id:
            broken.append(f"quote {buy.quote_id} does not offer variant {buy.variant_id}")
            continue
        if (buy.quote_id, buy.variant_id) in seen:
            broken.append(f"quote {buy.quote_id} names variant {buy.variant_id} twice")
        seen.add((buy.quote_id, buy.variant_id))
        if buy.quantity <= 0 or buy.quantity % offer.lot:
            broken.append(f"{buy.quantity} of variant {buy.variant_id} is not a multiple of {offer.lot}")
        per_offer[buy.quote_id] += buy.quantity
        per_colour[buy.quote_id, needs[buy.variant_id].colour] += buy.quantity
        per_variant[buy.variant_id] += buy.quantity

    purchase = 0
    for quote_id, total in per_offer.items():
        tier = offers[quote_id].tier_at(total)
        if tier is None:
            broken.append(f"quote {quote_id}: {total} is below the minimum")
            continue
        purchase += tier.unit_minor * total + offers[quote_id].setup_minor
    broken.extend(
        f"quote {quote_id}: {total} of colour {colour!r} is below the minimum"
        for (quote_id, colour), total in per_colour.items()
        if total < offers[quote_id].colour_minimum
    )
    broken.extend(_over_capacity(problem, offers, per_offer))
    if problem.budget_minor is not None and purchase > problem.budget_minor:
        broken.append(f"{purchase} is over the budget of {problem.budget_minor}")

    cost, lost, left = problem.scale * purchase, 0, 0
    for style in styles.values():
        for need in style.needs:
            supply = need.available + per_variant[need.variant_id]
            short = sum(max(0, wanted - supply) for wanted in need.demand)
            over = sum(max(0, supply - wanted) for wanted in need.demand)
            missing = max(0, need.hard - supply)
            if missing and problem.must_cover_hard:
                broken.append(f"variant {need.variant_id}: {missing} promised units are not covered")
            lost += short
            left += over
            cost += need.price_minor * short - need.salvage_minor * over
            cost += problem.scale * need.late_minor * missing
    return Verdict(cost, purchase, lost, left, tuple(broken))


def _over_capacity(problem: Problem, offers: Mapping[int, Offer], per_offer: Mapping[int, int]) -> list[str]:
    due = weeks_due(problem, offers, per_offer)
    return [
        f"quote {quote_id}: done in week {week}, needed in week {offers[quote_id].weeks}"
        for quote_id, week in due.items()
        if week > offers[quote_id].weeks
    ]


def weeks_due(problem: Problem, offers: Mapping[int, Offer], per_offer: Mapping[int, int]) -> dict[int, int]:
    """In which week of production each quote's order is done, most urgent first within a supplier.

    Working in the order of deadlines keeps every deadline whenever some order of work does.
    """
    capacities = {capacity.supplier_id: capacity for capacity in problem.capacities}
    work = {capacity.supplier_id: capacity.owed for capacity in problem.capacities}
    due: dict[int, int] = {}
    for quote_id in sorted(per_offer, key=lambda quote_id: (offers[quote_id].weeks, quote_id)):
        offer = offers[quote_id]
        capacity = capacities.get(offer.supplier_id)
        if capacity is None:
            due[quote_id] = 1
            continue
        work[offer.supplier_id] += offer.capacity_use * per_offer[quote_id]
        due[quote_id] = (
            -(-work[offer.supplier_id] // capacity.per_week) if capacity.per_week else offer.weeks + 1
        )
    return due
