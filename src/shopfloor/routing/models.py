"""Rules by which an order finds the location it leaves from, and how they decide.  No I/O here.

The rules of a shop have an order.  Each keeps, of the locations that are left, those that it prefers; the first after
which one is left has decided.  Rules that exclude hold wherever they stand.  What the location lacks is decided again,
by the same rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from itertools import combinations
from typing import Any, Final
from uuid import UUID

from shopfloor.kernel.errors import Conflict, Invalid, NotFound
from shopfloor.kernel.records import dataclass
from shopfloor.routing.distance import Spot, distance

MOST_RULES: Final = 30
_MOST_COMPARED: Final = 12
_MOST_PARCELS: Final = 4


class RuleKind(StrEnum):
    NEVER = "never"
    STORE_LIMITS = "store_limits"
    WHOLE = "whole"
    PREFER = "prefer"
    PREFER_KIND = "prefer_kind"
    NEAREST = "nearest"
    FEWEST_PARCELS = "fewest_parcels"


EXCLUDES: Final = frozenset({RuleKind.NEVER, RuleKind.STORE_LIMITS})
NAMES_LOCATION: Final = frozenset({RuleKind.NEVER, RuleKind.PREFER})


class Why(StrEnum):
    """`rule`: it was the first that left one; `only`: no other location has any of it; `reserved`: the rules left
    several, among them where the units were reserved; `first`: they left several others; `together`: it goes with
    another order; `nothing_fits`: what excludes left none, and it stays where it is reserved.
    """

    RULE = "rule"
    ONLY = "only"
    RESERVED = "reserved"
    FIRST = "first"
    TOGETHER = "together"
    NOTHING_FITS = "nothing_fits"


class UnknownRule(NotFound):
    """There is no such rule in this shop."""

    code = "routing.unknown_rule"


class BadRule(Invalid):
    """This rule lacks its location or kind of location, has one that it can't use, or is in the list already."""

    code = "routing.bad_rule"


class TooManyRules(Invalid):
    """A shop has 30 rules at most."""

    code = "routing.too_many_rules"


class RulesChanged(Conflict):
    """Somebody else changed the rules meanwhile. Look at them again."""

    code = "routing.rules_changed"


class BadLimit(Invalid):
    """A day has 0 to 100,000 orders, a time of day is written like 16:30, and somebody has 1 to 720 hours to accept."""

    code = "routing.bad_limit"


@dataclass(frozen=True, slots=True)
class Rule:
    """`location_id` for never and prefer, `place_kind` (warehouse, store) for prefer_kind."""

    kind: RuleKind
    is_on: bool = True
    location_id: int | None = None
    place_kind: str | None = None
    id: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", RuleKind(self.kind))

    @property
    def same(self) -> tuple[RuleKind, int | None, str | None]:
        """What it says, without where it stands."""
        return self.kind, self.location_id, self.place_kind

    def check(self) -> None:
        """Raises BadRule."""
        if (self.location_id is not None) is not (self.kind in NAMES_LOCATION):
            raise BadRule(kind=self.kind, field="location_id")
        if (self.place_kind is not None) is not (self.kind is RuleKind.PREFER_KIND):
            raise BadRule(kind=self.kind, field="place_kind")
        if self.place_kind not in {None, "warehouse", "store"}:
            raise BadRule(kind=self.kind, field="place_kind")


USUAL: Final = (
    Rule(RuleKind.STORE_LIMITS),
    Rule(RuleKind.WHOLE),
    Rule(RuleKind.PREFER_KIND, place_kind="warehouse"),
    Rule(RuleKind.NEAREST),
    Rule(RuleKind.FEWEST_PARCELS),
)
"""What a shop can begin with."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a location sends: `per_day` orders (None: any number), until `cut_off` in minutes of its day (None: all day).

    `accept_hours`: so long somebody in a store has to take an order on before the next location gets it (None: for ever).
    """

    location_id: int
    per_day: int | None = None
    cut_off: int | None = None
    accept_hours: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A location as the rules see it now.  `minute`: of its own day; `sent`: orders that leave from there today."""

    location_id: int
    kind: str
    spot: Spot = field(default_factory=Spot)
    limit: Limit | None = None
    sent: int = 0
    minute: int = 0

    @property
    def is_full(self) -> bool:
        return self.limit is not None and self.limit.per_day is not None and self.sent >= self.limit.per_day

    @property
    def is_late(self) -> bool:
        return self.limit is not None and self.limit.cut_off is not None and self.minute >= self.limit.cut_off


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule did: the locations it kept, and what it compared, by location; `decided` is on the one that did."""

    kind: RuleKind
    kept: list[int]
    compared: dict[int, Any]
    location_id: int | None = None
    place_kind: str | None = None
    decided: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", RuleKind(self.kind))


@dataclass(frozen=True, slots=True)
class Leg:
    """These units {variant: so many} leave from this location, and why."""

    location_id: int
    units: dict[int, int]
    why: Why
    steps: list[Step] = field(default_factory=list[Step])

    def __post_init__(self) -> None:
        object.__setattr__(self, "why", Why(self.why))

    @property
    def decided(self) -> Step | None:
        """The rule that decided, where one did."""
        return next((step for step in self.steps if step.decided), None)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to leave, {variant: units}, and where to.  `with_location`: from where another order of the same buyer leaves."""

    units: Mapping[int, int]
    to: Spot
    with_location: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """`trigger`: paid, or why it was decided again (`passed_on`, `short`, `not_accepted`)."""

    id: int
    order_id: UUID
    at: datetime
    trigger: str
    actor: str
    note: str
    legs: list[Leg]


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody did to the rules: added, removed, moved, on, off, replaced, limit."""

    id: int
    at: datetime
    actor: str
    what: str
    facts: dict[str, Any]


Stands = Mapping[tuple[int, int], int]
"""Units by (location, variant)."""


def choose(
    rules: Sequence[Rule],
    places: Mapping[int, Place],
    there: Stands,
    wish: Wish,
    *,
    reserved: Stands,
    without: frozenset[int] = frozenset(),
) -> list[Leg]:
    """From where these units leave.  `there`: what the order may have at each location, what is `reserved` for it included.

    `without`: locations that do not send it, whatever the rules say.  What is nowhere is in no leg.
    """
    active = [rule for rule in rules if rule.is_on]
    allowed, excluding = _allowed(active, places, without)
    left = {variant_id: units for variant_id, units in sorted(wish.units.items()) if units > 0}
    stock = dict(there)
    legs: list[Leg] = []
    while left:
        candidates = [
            each
            for each in sorted(allowed)
            if any(stock.get((each, variant_id), 0) > 0 for variant_id in left)
        ]
        if not candidates:
            break
        leg = _leg(active, places, stock, candidates, left, wish, reserved, excluding)
        legs.append(leg)
        _take(leg, stock, left)
    # What excludes never keeps an order from leaving: it stays where it is, and says so.
    for location_id in sorted({place for place, _ in reserved} - set(allowed) - without):
        units = {
            variant_id: min(units, reserved.get((location_id, variant_id), 0))
            for variant_id, units in left.items()
            if reserved.get((location_id, variant_id), 0)
        }
        if units:
            leg = Leg(location_id, units, Why.NOTHING_FITS, excluding)
            legs.append(leg)
            _take(leg, stock, left)
    return legs


def _take(leg: Leg, stock: dict[tuple[int, int], int], left: dict[int, int]) -> None:
    for variant_id, units in leg.units.items():
        stock[leg.location_id, variant_id] = stock.get((leg.location_id, variant_id), 0) - units
        left[variant_id] -= units
        if not left[variant_id]:
            del left[variant_id]


def _allowed(
    rules: Sequence[Rule], places: Mapping[int, Place], without: frozenset[int]
) -> tuple[list[int], list[Step]]:
    """The locations that may send, and what each excluding rule did."""
    allowed = [each for each in sorted(places) if each not in without]
    steps: list[Step] = []
    for rule in rules:
        if rule.kind is RuleKind.NEVER:
            compared: dict[int, Any] = {each: "never" for each in allowed if each == rule.location_id}
        elif rule.kind is RuleKind.STORE_LIMITS:
            compared = {}
            for each in allowed:
                place = places[each]
                if place.kind == "store" and place.is_full:
                    compared[each] = {
                        "sent": place.sent,
                        "per_day": place.limit.per_day if place.limit else 0,
                    }
                elif place.kind == "store" and place.is_late:
                    compared[each] = {"cut_off": place.limit.cut_off if place.limit else 0}
        else:
            continue
        allowed = [each for each in allowed if each not in compared]
        if compared:
            steps.append(Step(rule.kind, allowed, compared, rule.location_id))
    return allowed, steps


def _leg(
    rules: Sequence[Rule],
    places: Mapping[int, Place],
    stock: Stands,
    candidates: list[int],
    left: Mapping[int, int],
    wish: Wish,
    reserved: Stands,
    excluding: list[Step],
) -> Leg:
    def to(location_id: int, why: Why, steps: list[Step]) -> Leg:
        units = {
            variant_id: min(wanted, stock.get((location_id, variant_id), 0))
            for variant_id, wanted in left.items()
            if stock.get((location_id, variant_id), 0) > 0
        }
        return Leg(location_id, units, why, steps)

    def has_all(location_id: int) -> bool:
        return all(stock.get((location_id, variant_id), 0) >= wanted for variant_id, wanted in left.items())

    if wish.with_location in candidates and has_all(wish.with_location):
        return to(wish.with_location, Why.TOGETHER, excluding)
    steps = list(excluding)
    if len(candidates) == 1:
        return to(candidates[0], Why.ONLY, steps)
    everywhere = list(candidates)
    for rule in rules:
        if rule.kind in EXCLUDES:
            continue
        compared, kept = _compare(rule, places, stock, candidates, everywhere, left, wish)
        if not kept or len(kept) == len(candidates):
            steps.append(Step(rule.kind, candidates, compared, rule.location_id, rule.place_kind))
            continue
        decided = len(kept) == 1
        steps.append(Step(rule.kind, kept, compared, rule.location_id, rule.place_kind, decided))
        candidates = kept
        if decided:
            return to(kept[0], Why.RULE, steps)
    standing = sorted(candidates, key=lambda each: (-_reserved_there(each, left, reserved), each))
    why = Why.RESERVED if _reserved_there(standing[0], left, reserved) else Why.FIRST
    return to(standing[0], why, steps)


def _reserved_there(location_id: int, left: Mapping[int, int], reserved: Stands) -> int:
    return sum(min(units, reserved.get((location_id, variant_id), 0)) for variant_id, units in left.items())


def _compare(
    rule: Rule,
    places: Mapping[int, Place],
    stock: Stands,
    candidates: Sequence[int],
    everywhere: Sequence[int],
    left: Mapping[int, int],
    wish: Wish,
) -> tuple[dict[int, Any], list[int]]:
    """What it compares, and which it keeps: none where it says nothing of these."""
    if rule.kind is RuleKind.PREFER:
        return {}, [each for each in candidates if each == rule.location_id]
    if rule.kind is RuleKind.PREFER_KIND:
        kinds: dict[int, Any] = {each: places[each].kind for each in candidates}
        return kinds, [each for each in candidates if kinds[each] == rule.place_kind]
    if rule.kind is RuleKind.WHOLE:
        has: dict[int, Any] = {
            each: sum(min(units, stock.get((each, variant_id), 0)) for variant_id, units in left.items())
            for each in candidates
        }
        return has, [each for each in candidates if has[each] == sum(left.values())]
    if rule.kind is RuleKind.NEAREST:
        found = {each: distance(places[each].spot, wish.to) for each in candidates}
        nearest = min(found.values())
        return (
            {each: {"near": far.near, "km": far.km} for each, far in found.items()},
            [each for each in candidates if found[each] == nearest],
        )
    counts = {each: _parcels_from(each, stock, everywhere, left) for each in candidates}
    fewest = min(counts.values())
    return dict(counts), [each for each in candidates if counts[each] == fewest]


def _parcels_from(first: int, stock: Stands, everywhere: Sequence[int], left: Mapping[int, int]) -> int:
    """How many locations it takes at least when this one gives what it has; exact up to four, then by taking the largest."""
    rest = {
        variant_id: missing
        for variant_id, units in left.items()
        if (missing := units - stock.get((first, variant_id), 0)) > 0
    }
    others = [each for each in everywhere if each != first]

    def gives(location_id: int) -> int:
        return sum(min(units, stock.get((location_id, variant_id), 0)) for variant_id, units in rest.items())

    others.sort(key=lambda each: (-gives(each), each))
    others = [each for each in others[:_MOST_COMPARED] if gives(each)]
    for more in range(_MOST_PARCELS):
        for chosen in combinations(others, more):
            if all(
                sum(stock.get((each, variant_id), 0) for each in chosen) >= units
                for variant_id, units in rest.items()
            ):
                return 1 + more
    return 1 + len(others)
