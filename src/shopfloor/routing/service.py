"""The verbs of routing: the rules of a shop, what they would decide, and what they decide for an order."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from shopfloor import accounts, catalog, inventory, stock, stores
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.routing import queries
from shopfloor.routing.distance import Spot
from shopfloor.routing.events import OrderRouted, RoutedLeg
from shopfloor.routing.models import (
    MOST_RULES,
    BadLimit,
    BadRule,
    Change,
    Decision,
    Leg,
    Limit,
    Place,
    Rule,
    RuleKind,
    RulesChanged,
    TooManyRules,
    UnknownRule,
    Wish,
    choose,
)

_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Rules:
    """In their order.  `version` changes with every change."""

    version: int
    rules: list[Rule]


async def rules(tx: Tx, *, shop_id: int) -> Rules:
    return Rules(await queries.version(tx, shop_id=shop_id), await queries.rules(tx, shop_id=shop_id))


async def save(
    tx: Tx, *, shop_id: int, wanted: Sequence[Rule], actor: str, version: int | None = None
) -> Rules:
    """These rules in this order.  With `version`: only where nobody changed them since.

    Raises RulesChanged, TooManyRules, UnknownRule, BadRule, inventory.UnknownStock.
    """
    known = await _locked(tx, shop_id, version)
    by_id = {rule.id: rule for rule in known}
    kept: list[Rule] = []
    for rule in wanted:
        if rule.id is not None and (rule.id not in by_id or by_id[rule.id].same != rule.same):
            raise UnknownRule(rule_id=rule.id)
        # What is said again is the rule that says it already.
        same = next((each.id for each in known if each.same == rule.same), None)
        kept.append(replace(rule, id=same))
    if len(kept) > MOST_RULES:
        raise TooManyRules(most=MOST_RULES)
    places = {each.id for each in await inventory.locations(tx, shop_id=shop_id)}
    for rule in kept:
        rule.check()
        if rule.location_id is not None and rule.location_id not in places:
            raise inventory.UnknownStock(location_id=rule.location_id)
    if len({rule.same for rule in kept}) < len(kept):
        raise BadRule(field="rules")
    return await _write(tx, shop_id, known, kept, actor, "replaced", None)


async def _locked(tx: Tx, shop_id: int, version: int | None) -> list[Rule]:
    """Raises RulesChanged."""
    stands = await queries.lock_setup(tx, shop_id=shop_id)
    if version is not None and version != stands:
        raise RulesChanged(version=stands)
    return await queries.rules(tx, shop_id=shop_id)


async def _write(
    tx: Tx,
    shop_id: int,
    before: Sequence[Rule],
    after: Sequence[Rule],
    actor: str,
    what: str,
    rule: Rule | None,
) -> Rules:
    if [(each.same, each.is_on) for each in before] != [(each.same, each.is_on) for each in after]:
        await queries.save_rules(tx, shop_id=shop_id, rules=after)
        await queries.next_version(tx, shop_id=shop_id)
        facts: dict[str, Any] = {"rules": [_said(each) for each in after]}
        if rule is not None:
            facts |= _said(rule)
        await queries.add_change(tx, shop_id=shop_id, actor=actor, what=what, facts=facts)
    return await rules(tx, shop_id=shop_id)


def _said(rule: Rule) -> dict[str, Any]:
    return {
        "kind": rule.kind.value,
        "location_id": rule.location_id,
        "place_kind": rule.place_kind,
        "is_on": rule.is_on,
    }


async def add(tx: Tx, *, shop_id: int, wanted: Sequence[Rule], actor: str) -> Rules:
    """At the end of the list; those that are in it already stay where they are.  Raises as `save`."""
    known = await _locked(tx, shop_id, None)
    new = [each for each in wanted if each.same not in {rule.same for rule in known}]
    if not new:
        return await rules(tx, shop_id=shop_id)
    if len(known) + len(new) > MOST_RULES:
        raise TooManyRules(most=MOST_RULES)
    places = {each.id for each in await inventory.locations(tx, shop_id=shop_id)}
    for rule in new:
        rule.check()
        if rule.location_id is not None and rule.location_id not in places:
            raise inventory.UnknownStock(location_id=rule.location_id)
    only = new[0] if len(new) == 1 else None
    return await _write(
        tx, shop_id, known, [*known, *new], actor, "added" if only is not None else "replaced", only
    )


async def move(tx: Tx, *, shop_id: int, rule_id: int, by: int, actor: str) -> Rules:
    """So many places down (negative: up), as far as the list goes.  Raises UnknownRule."""
    known = await _locked(tx, shop_id, None)
    at = _place_of(known, rule_id)
    order = list(known)
    rule = order.pop(at)
    order.insert(max(0, min(len(order), at + by)), rule)
    return await _write(tx, shop_id, known, order, actor, "moved", rule)


async def switch(tx: Tx, *, shop_id: int, rule_id: int, is_on: bool, actor: str) -> Rules:
    """Raises UnknownRule."""
    known = await _locked(tx, shop_id, None)
    at = _place_of(known, rule_id)
    order = list(known)
    order[at] = replace(order[at], is_on=is_on)
    return await _write(tx, shop_id, known, order, actor, "on" if is_on else "off", order[at])


async def remove(tx: Tx, *, shop_id: int, rule_id: int, actor: str) -> Rules:
    """Raises UnknownRule."""
    known = await _locked(tx, shop_id, None)
    at = _place_of(known, rule_id)
    return await _write(tx, shop_id, known, [*known[:at], *known[at + 1 :]], actor, "removed", known[at])


def _place_of(known: Sequence[Rule], rule_id: int) -> int:
    for at, rule in enumerate(known):
        if rule.id == rule_id:
            return at
    raise UnknownRule(rule_id=rule_id)


async def limits(tx: Tx, *, shop_id: int) -> list[Limit]:
    return await queries.limits(tx, shop_id=shop_id)


async def set_limit(tx: Tx, *, shop_id: int, wanted: Limit, actor: str) -> None:
    """What a location sends in a day.  Raises inventory.UnknownStock, BadLimit."""
    if wanted.location_id not in {each.id for each in await inventory.locations(tx, shop_id=shop_id)}:
        raise inventory.UnknownStock(location_id=wanted.location_id)
    if wanted.per_day is not None and not 0 <= wanted.per_day <= 100_000:
        raise BadLimit(field="per_day")
    if wanted.cut_off is not None and not 1 <= wanted.cut_off <= 24 * 60:
        raise BadLimit(field="cut_off")
    if wanted.accept_hours is not None and not 1 <= wanted.accept_hours <= 720:
        raise BadLimit(field="accept_hours")
    await _locked(tx, shop_id, None)
    known = {each.location_id: each for each in await queries.limits(tx, shop_id=shop_id)}
    if known.get(wanted.location_id, Limit(wanted.location_id)) == wanted:
        return
    await queries.save_limit(tx, shop_id=shop_id, limit=wanted)
    await queries.add_change(
        tx,
        shop_id=shop_id,
        actor=actor,
        what="limit",
        facts={
            "location_id": wanted.location_id,
            "per_day": wanted.per_day,
            "cut_off": wanted.cut_off,
            "accept_hours": wanted.accept_hours,
        },
    )


async def changes(
    tx: Tx, *, shop_id: int, after: int | None = None, before: int | None = None, limit: int = 50
) -> list[Change]:
    """What was done to the rules and limits, newest first."""
    return await queries.changes(tx, shop_id=shop_id, after=after, before=before, limit=limit)


async def decisions(tx: Tx, *, shop_id: int, order_id: UUID) -> list[Decision]:
    """From where this order leaves and why, in the order in which it was decided."""
    return await queries.decisions(tx, shop_id=shop_id, order_id=order_id)


async def places(tx: Tx, *, shop_id: int, at: datetime | None = None) -> dict[int, Place]:
    """The locations of a shop as the rules see them now, without virtual ones."""
    moment = at or now()
    usual = (await accounts.shop(tx, shop_id)).timezone
    known = {each.location_id: each for each in await stores.all_of(tx, shop_id=shop_id)}
    limited = {each.location_id: each for each in await queries.limits(tx, shop_id=shop_id)}
    locations = [
        each
        for each in await inventory.locations(tx, shop_id=shop_id)
        if each.kind is not inventory.LocationKind.VIRTUAL
    ]
    local = {
        each.id: moment.astimezone(ZoneInfo(known[each.id].timezone if each.id in known else usual))
        for each in locations
    }
    counting = [
        each for each, limit in sorted(limited.items()) if limit.per_day is not None and each in local
    ]
    sent = (
        {
            each.location_id: each.orders
            for each in await queries.sent_since(
                tx,
                shop_id=shop_id,
                location_ids=counting,
                since=[local[each].replace(hour=0, minute=0, second=0, microsecond=0) for each in counting],
            )
        }
        if counting
        else {}
    )
    return {
        each.id: Place(
            each.id,
            each.kind.value,
            _spot(known.get(each.id)),
            limited.get(each.id),
            sent.get(each.id, 0),
            local[each.id].hour * 60 + local[each.id].minute,
        )
        for each in locations
    }


def _spot(store: stores.Store | None) -> Spot:
    return Spot() if store is None else Spot(store.country, store.region, store.city)


async def what_if(tx: Tx, *, shop_id: int, wish: Wish, at: datetime | None = None) -> list[Leg]:
    """From where an order of these units would leave now.  A look, which promises nothing.

    Raises inventory.UnknownStock for a variant that the shop has not.
    """
    known = {each.id for each in await catalog.variants(tx, shop_id=shop_id, ids=sorted(wish.units))}
    for variant_id in wish.units:
        if variant_id not in known:
            raise inventory.UnknownStock(variant_id=variant_id)
    open_pool = await inventory.open_pool(tx, shop_id=shop_id)
    there = await on_hand(tx, shop_id=shop_id, pool_id=open_pool.id, variant_ids=sorted(wish.units))
    return choose(
        await queries.rules(tx, shop_id=shop_id),
        await places(tx, shop_id=shop_id, at=at),
        there,
        wish,
        reserved={},
    )


async def on_hand(
    tx: Tx, *, shop_id: int, pool_id: int, variant_ids: Sequence[int], hold_ids: Sequence[UUID] = ()
) -> dict[tuple[int, int], int]:
    """Units by (location, variant) that an order of this pool may have: free ones, and those of its holds."""
    found = await stock.at_places(
        tx, shop_id=shop_id, pool_id=pool_id, hold_ids=hold_ids, variant_ids=variant_ids
    )
    return {(each.location_id, each.variant_id): each.units for each in found}


@dataclass(frozen=True, slots=True)
class Routed:
    """An order whose units find their location.  `fixed`: units by (location, variant) that lie in a parcel already."""

    shop_id: int
    order_id: UUID
    hold_id: UUID
    pool_id: int
    wish: Wish
    fixed: Mapping[tuple[int, int], int]


async def has_rules(tx: Tx, *, shop_id: int) -> bool:
    return any(rule.is_on for rule in await queries.rules(tx, shop_id=shop_id))


async def route(
    tx: Tx,
    order: Routed,
    *,
    trigger: str = "paid",
    actor: str = "",
    note: str = "",
    without: frozenset[int] = frozenset(),
) -> list[Leg]:
    """Promise the units of a locked order from where the rules say, and write down why.  None where the shop has no
    rules: they leave from where they were reserved.

    `without`: locations that don't send it.  Who was faster at a location changes what is there: then it is decided anew.
    """
    known = await queries.rules(tx, shop_id=order.shop_id)
    if not any(rule.is_on for rule in known) and not without:
        return []
    if any(rule.kind is RuleKind.STORE_LIMITS and rule.is_on for rule in known):
        await queries.lock_limits(tx, shop_id=order.shop_id)
    where = await places(tx, shop_id=order.shop_id)
    legs: list[Leg] = []
    for _ in range(_TRIES):
        reserved = await _reserved(tx, order)
        there = await on_hand(
            tx,
            shop_id=order.shop_id,
            pool_id=order.pool_id,
            variant_ids=sorted(order.wish.units),
            hold_ids=[order.hold_id],
        )
        for key, units in order.fixed.items():
            there[key] = there.get(key, 0) - units
        legs = choose(known, where, there, order.wish, reserved=reserved, without=without)
        to = _targets(order, legs)
        if await stock.Promised(tx, order.hold_id).move(to, reason=f"routed: {order.order_id}"):
            break
    else:
        return []
    await queries.add_decision(
        tx,
        shop_id=order.shop_id,
        order_id=order.order_id,
        trigger=trigger,
        actor=actor,
        note=note,
        legs=legs,
    )
    await outbox.record(
        tx,
        OrderRouted(
            order.shop_id,
            order.order_id,
            trigger,
            [
                RoutedLeg(
                    leg.location_id,
                    sum(leg.units.values()),
                    leg.why.value,
                    leg.decided.kind.value if leg.decided is not None else "",
                )
                for leg in legs
            ],
        ),
    )
    return legs


async def _reserved(tx: Tx, order: Routed) -> dict[tuple[int, int], int]:
    """Units on hand that are promised to it, without those that lie in a parcel."""
    hold = await stock.hold(tx, shop_id=order.shop_id, hold_id=order.hold_id)
    levels = {
        level.id: level
        for level in await inventory.levels(
            tx, shop_id=order.shop_id, variant_ids=sorted({part.variant_id for part in hold.parts})
        )
    }
    found: dict[tuple[int, int], int] = {}
    for part in hold.parts:
        level = levels.get(part.level_id)
        live = part.state in {stock.HoldState.HELD, stock.HoldState.ALLOCATED}
        if live and level is not None and level.kind is inventory.LotKind.ON_HAND:
            key = (level.location_id, part.variant_id)
            found[key] = found.get(key, 0) + part.quantity
    for key, units in order.fixed.items():
        found[key] = found.get(key, 0) - units
    return {key: units for key, units in found.items() if units > 0}


def _targets(order: Routed, legs: Sequence[Leg]) -> dict[int, list[tuple[int, int]]]:
    """{variant: [(location, units)]}, what lies in parcels where it lies."""
    units: dict[tuple[int, int], int] = {
        (variant_id, location_id): fixed
        for (location_id, variant_id), fixed in order.fixed.items()
        if variant_id in order.wish.units
    }
    for leg in legs:
        for variant_id, quantity in leg.units.items():
            key = (variant_id, leg.location_id)
            units[key] = units.get(key, 0) + quantity
    found: dict[int, list[tuple[int, int]]] = {}
    for (variant_id, location_id), quantity in sorted(units.items()):
        found.setdefault(variant_id, []).append((location_id, quantity))
    return found
