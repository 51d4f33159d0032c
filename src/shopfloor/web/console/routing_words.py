"""Order routing in words: what a rule says, why an order leaves from a location, and what was compared for it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from typing import Any, Final

from shopfloor import routing
from shopfloor.kernel.records import dataclass
from shopfloor.routing import RuleKind, Why
from shopfloor.web.languages import N_, Language

RULES: Final[Mapping[RuleKind, str]] = {
    RuleKind.NEVER: N_("Never from %(place)s"),
    RuleKind.STORE_LIMITS: N_(
        "From a store only while it is below its orders of the day and before its cut-off"
    ),
    RuleKind.WHOLE: N_("From a location that has all of it"),
    RuleKind.PREFER: N_("From %(place)s before others"),
    RuleKind.NEAREST: N_("From the location nearest to the address"),
    RuleKind.FEWEST_PARCELS: N_("In as few parcels as possible"),
}
KINDS: Final[Mapping[str, str]] = {
    "warehouse": N_("From a warehouse before a store"),
    "store": N_("From a store before a warehouse"),
}
CHANGES: Final[Mapping[str, str]] = {
    "added": N_("Rule added: %(rule)s"),
    "removed": N_("Rule removed: %(rule)s"),
    "moved": N_("Rule moved: %(rule)s"),
    "on": N_("Rule switched on: %(rule)s"),
    "off": N_("Rule switched off: %(rule)s"),
    "replaced": N_("Rules replaced"),
    "limit": N_("%(place)s: %(limit)s"),
}
TRIGGERS: Final[Mapping[str, str]] = {
    "passed_on": N_("Passed on by the store"),
    "short": N_("Not found in the store"),
    "not_accepted": N_("Nobody in the store took it on in time"),
}
_NEAR: Final = {
    0: N_("same region"),
    1: N_("same country"),
    2: N_("another country"),
    3: N_("address unknown"),
}
_GONE: Final = N_("a location")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why units leave from a place: one sentence, and below it what each rule compared."""

    location_id: int
    place: str
    units: int
    because: str
    compared: list[str] = field(default_factory=list[str])
    against: bool = False
    """No location fits the rules: it stays where it was reserved."""


def say(language: Language, message: str, **facts: object) -> str:
    words = language.words.gettext(message)
    return words % language.facts(facts) if facts else words


def rule(
    language: Language,
    names: Mapping[int, str],
    kind: RuleKind | str,
    location_id: int | None,
    place_kind: str | None,
) -> str:
    """What a rule says, as a sentence without its full stop."""
    if RuleKind(kind) is RuleKind.PREFER_KIND:
        return say(language, KINDS[place_kind or "warehouse"])
    sentence = RULES[RuleKind(kind)]
    if location_id is None:
        return say(language, sentence)
    return say(language, sentence, place=place(language, names, location_id))


def place(language: Language, names: Mapping[int, str], location_id: int) -> str:
    return names.get(location_id) or say(language, _GONE)


def minutes(value: int) -> str:
    """16:30 from minutes of a day."""
    return f"{value // 60:02}:{value % 60:02}"


def reasons(language: Language, names: Mapping[int, str], legs: Iterable[routing.Leg]) -> list[Reason]:
    return [_reason(language, names, leg) for leg in legs]


def _reason(language: Language, names: Mapping[int, str], leg: routing.Leg) -> Reason:
    decided = leg.decided
    if leg.why is Why.RULE and decided is not None:
        because = rule(language, names, decided.kind, decided.location_id, decided.place_kind)
    else:
        because = say(
            language,
            {
                Why.ONLY: N_("No other location that may send it has any"),
                Why.RESERVED: N_("The rules leave several locations, and it was reserved there"),
                Why.FIRST: N_("The rules leave several locations, and it is the first of them"),
                Why.TOGETHER: N_("It goes in one parcel with another order of the customer"),
                Why.NOTHING_FITS: N_("No location fits the rules, so it stays where it was reserved"),
                Why.RULE: N_("The rules leave several locations, and it is the first of them"),
            }[leg.why],
        )
    return Reason(
        leg.location_id,
        place(language, names, leg.location_id),
        sum(leg.units.values()),
        because,
        [words for step in leg.steps if (words := _compared(language, names, step))],
        leg.why is Why.NOTHING_FITS,
    )


def _compared(language: Language, names: Mapping[int, str], step: routing.Step) -> str:
    """As in: nearest to the address: Chengdu (same region), Shanghai (1,660 km)."""
    sentence = rule(language, names, step.kind, step.location_id, step.place_kind)
    if not step.compared or step.kind is RuleKind.NEVER:
        return sentence
    pieces = [
        say(
            language,
            N_("%(place)s (%(value)s)"),
            place=place(language, names, location_id),
            value=_value(language, step.kind, value),
        )
        for location_id, value in step.compared.items()
    ]
    return say(
        language,
        N_("%(rule)s: %(compared)s"),
        rule=sentence,
        compared=language.words.gettext(N_(", ")).join(pieces),
    )


def _value(language: Language, kind: RuleKind, value: Any) -> str:
    if kind is RuleKind.NEAREST:
        if value["near"] and value["km"]:
            return say(language, N_("%(km)s km"), km=value["km"])
        return say(language, _NEAR[value["near"]])
    if kind is RuleKind.STORE_LIMITS:
        if "cut_off" in value:
            return say(language, N_("after %(time)s"), time=minutes(value["cut_off"]))
        return say(language, N_("has its orders of the day: %(n)s"), n=value["per_day"])
    if kind is RuleKind.PREFER_KIND:
        return say(language, N_("warehouse") if value == "warehouse" else N_("store"))
    words = language.words
    if kind is RuleKind.FEWEST_PARCELS:
        return words.ngettext("%(num)s parcel", "%(num)s parcels", value) % {"num": language.number(value)}
    return words.ngettext("%(num)s unit", "%(num)s units", value) % {"num": language.number(value)}


def change(language: Language, names: Mapping[int, str], entry: routing.Change) -> str:
    """What somebody did, as one line."""
    facts = entry.facts
    if entry.what == "limit":
        return say(
            language,
            CHANGES["limit"],
            place=place(language, names, facts["location_id"]),
            limit=limit(language, facts["per_day"], facts["cut_off"], facts.get("accept_hours")),
        )
    if entry.what == "replaced":
        return say(language, CHANGES["replaced"])
    return say(
        language,
        CHANGES[entry.what],
        rule=rule(language, names, facts["kind"], facts["location_id"], facts["place_kind"]),
    )


def limit(language: Language, per_day: int | None, cut_off: int | None, accept_hours: int | None) -> str:
    """What a store sends in a day."""
    said: list[str] = []
    if per_day is not None:
        words = language.words.ngettext("%(num)s order a day", "%(num)s orders a day", per_day)
        said.append(words % {"num": language.number(per_day)})
    if cut_off is not None:
        said.append(say(language, N_("until %(time)s"), time=minutes(cut_off)))
    if accept_hours is not None:
        said.append(say(language, N_("accepted within %(n)s h"), n=accept_hours))
    return language.words.gettext(N_(", ")).join(said) or say(language, N_("no limit"))


@dataclass(frozen=True, slots=True)
class Told:
    """A decision as a page shows it: when, why it was decided again (empty: the first), and its reasons."""

    at: datetime
    again: str
    note: str
    reasons: list[Reason]


def of_order(
    language: Language, names: Mapping[int, str], decisions: Sequence[routing.Decision]
) -> list[Told]:
    """Newest first."""
    return [
        Told(
            each.at,
            say(language, TRIGGERS[each.trigger]) if each.trigger in TRIGGERS else "",
            each.note,
            reasons(language, names, each.legs),
        )
        for each in reversed(decisions)
    ]


def why_there(
    language: Language, names: Mapping[int, str], decisions: Sequence[routing.Decision], location_id: int
) -> Reason | None:
    """The newest reason for which something of the order leaves from this location."""
    legs = [leg for each in decisions for leg in each.legs if leg.location_id == location_id]
    return _reason(language, names, legs[-1]) if legs else None
