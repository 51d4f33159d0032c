"""What the mail about a shop's week says of it: figures, shows beside their own past, best products.  No I/O here."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from shopfloor.kernel.records import dataclass


class Speech(Protocol):
    """Amounts, times and words as the reader has them."""

    @property
    def words(self) -> Mapping[str, str]: ...
    def money(self, minor: int) -> str: ...
    def day(self, value: date) -> str: ...
    def moment(self, at: datetime) -> str: ...
    def say(self, key: str, **values: object) -> str: ...
    def titled(self, title: str, titles: Any) -> str: ...


@dataclass(frozen=True, slots=True)
class Said:
    label: str
    value: str
    strong: bool = False


def values(facts: Mapping[str, Any], speech: Speech) -> dict[str, str]:
    """What the words may name."""
    monday = date.fromisoformat(facts["week"])
    count = facts["count"]
    return {
        "week": f"{speech.day(monday)} – {speech.day(monday + timedelta(days=6))}",
        "count": speech.words["week_show"] if count == 1 else speech.say("week_shows", n=count),
        "amount": speech.money(facts["paid_minor"]),
    }


def facts(facts: Mapping[str, Any], speech: Speech) -> list[Said]:
    words = speech.words
    judged = facts["judged"] == facts["count"]
    units, returned = facts["units"], facts["returned"]
    found = [
        Said(words["week_paid"], speech.money(facts["paid_minor"]), strong=True),
        Said(
            words["week_invalid"],
            speech.money(facts["invalid_minor"]) if judged else words["week_not_judged"],
        ),
        Said(words["week_net"], speech.money(facts["net_minor"]), strong=True),
    ]
    if judged:
        found.append(Said(words["week_net_of_both"], speech.money(facts["net_of_both_minor"])))
    if units:
        share = f"{100 * returned / units:.1f}".removesuffix(".0")
        found.append(Said(words["week_back"], speech.say("week_back_of", n=returned, of=units, share=share)))
    for show in facts["shows"]:
        label = f"{speech.titled(show['title'], show['titles'])} · {speech.moment(datetime.fromisoformat(show['at']))}"
        paid = speech.say(
            "week_show_money", paid=speech.money(show["paid_minor"]), net=speech.money(show["net_minor"])
        )
        found.append(Said(label, f"{paid}\n{_beside(show, speech)}"))
    if facts["products"]:
        best = "\n".join(
            speech.say(
                "week_product",
                title=speech.titled(each["title"], each["titles"]),
                n=each["units"],
                amount=speech.money(each["paid_minor"]),
            )
            for each in facts["products"]
        )
        found.append(Said(words["week_best"], best))
    return found


def _beside(show: Mapping[str, Any], speech: Speech) -> str:
    """As the page of the reports says it: what is noise is called so."""
    if "low_minor" not in show:
        return speech.say("week_none" if not show["comparable"] else "week_few", n=show["comparable"])
    return speech.say(
        f"week_{show['verdict']}",
        n=show["comparable"],
        low=speech.money(show["low_minor"]),
        high=speech.money(show["high_minor"]),
    )


def notes(facts: Mapping[str, Any], speech: Speech) -> list[str]:
    waiting = facts.get("waiting", 0)
    return [
        speech.words["week_moves"],
        *([speech.say("week_waiting", n=waiting)] if waiting else []),
        speech.words["week_settings"],
    ]


def sample(now: datetime, *, zh: bool, price: int) -> dict[str, Any]:
    """A week as the console shows it."""
    monday = now.date() - timedelta(days=now.weekday() + 7)
    return {
        "week": monday.isoformat(), "count": 2, "paid_minor": 50 * price, "net_minor": 46 * price, "judged": 2,
        "invalid_minor": 2 * price, "net_of_both_minor": 44 * price, "units": 50, "returned": 4, "waiting": 0,
        "path": "/reports?weeks=4",
        "shows": [
            {
                "title": "丰收之夜" if zh else "Harvest evening", "titles": {}, "at": (now - timedelta(days=5)).isoformat(),
                "paid_minor": 35 * price, "net_minor": 32 * price, "verdict": "higher", "comparable": 8,
                "low_minor": 18 * price, "high_minor": 31 * price,
            },
            {
                "title": "周末直播" if zh else "Weekend show", "titles": {}, "at": (now - timedelta(days=3)).isoformat(),
                "paid_minor": 15 * price, "net_minor": 14 * price, "verdict": "too_few", "comparable": 2,
            },
        ],
        "products": [
            {"title": "手作茶碗" if zh else "Tea bowl", "titles": {}, "units": 31, "paid_minor": 31 * price},
        ],
    }  # fmt: skip
