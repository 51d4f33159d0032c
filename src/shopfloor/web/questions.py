"""What a form asks back before anything changes: which of two readings is meant, and whether a price may move so far.

The answer is the same form sent again, so it works without a script: everything typed goes along unseen, with a
`reading` for what could be read in two ways and a `confirm` that names the very prices that are confirmed.  Whatever
changes in between is asked again.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import field
from enum import StrEnum
from typing import Final, Protocol
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from shopfloor.kernel import amounts
from shopfloor.kernel.amounts import AmountAmbiguous, PriceLeap
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import Money
from shopfloor.web import forms

READING: Final = "reading"
CONFIRM: Final = "confirm"


class Kind(StrEnum):
    """What a text is read as: `1.000` is one thousand grams, and one dinar."""

    AMOUNT = "a"
    QUANTITY = "q"


class Question(Exception):
    """Leaves the work undone; `page` asks."""

    def __init__(self, page: Response) -> None:
        super().__init__("asked back")
        self.page = page


@dataclass(frozen=True, slots=True)
class Sent:
    """What a form sent, with the answers to what was asked before."""

    fields: tuple[tuple[str, str], ...] = ()
    readings: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    """What was chosen, by kind and text."""
    confirmed: frozenset[str] = frozenset()

    def has(self, name: str) -> bool:
        return any(known == name for known, _ in self.fields)

    def typed(self, name: str, otherwise: str) -> str:
        """A field as it was sent, also where it was emptied; `otherwise` where the form had no such field."""
        return next((value for known, value in self.fields if known == name), otherwise)

    def meant(self, kind: Kind, text: str, read: Callable[[str], int]) -> int:
        """What `read` makes of `text`, or of the reading that was chosen where it has two.

        Raises what `read` raises; AmountAmbiguous as long as neither was chosen.
        """
        try:
            return read(text)
        except AmountAmbiguous as refusal:
            chosen = self.readings.get((kind, text.strip()))
            if chosen is None or chosen not in {refusal.facts["smaller"], refusal.facts["larger"]}:
                raise
        return read(chosen)


def sent(form: FormData) -> Sent:
    fields = tuple(
        (name, value) for name, value in form.multi_items() if isinstance(value, str) and name != forms.FIELD
    )
    readings: dict[tuple[str, str], str] = {}
    for name, value in fields:
        if name == READING:
            kind, _, answer = value.partition(":")
            given, _, meant = answer.rpartition("=")
            readings[kind, given] = meant
    return Sent(
        fields,
        readings,
        frozenset(value for name, value in fields if name == CONFIRM),
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """One of two readings: what its button sends, and what it shows."""

    value: str
    shown: Money | int


def choices(refusal: AmountAmbiguous, text: str, currency: str | None) -> list[Choice]:
    """The readings of `text`, as amounts of `currency` or as quantities."""
    kind = Kind.QUANTITY if currency is None else Kind.AMOUNT
    return [
        Choice(
            f"{kind}:{text.strip()}={meant}",
            int(meant) if currency is None else Money(amounts.read_minor(meant, currency), currency),
        )
        for meant in (str(refusal.facts["smaller"]), str(refusal.facts["larger"]))
    ]


@dataclass(frozen=True, slots=True)
class Leap:
    """A price that moves far.  `key` is what its confirmation is known by."""

    key: str
    label: str
    old: Money
    new: Money


class Setting(Protocol):
    def __call__(self, *, confirmed: bool) -> Awaitable[object]: ...


@dataclass(frozen=True, slots=True)
class Leaps:
    """Sets prices, and notes those that move too far to be set unasked."""

    confirmed: frozenset[str]
    found: list[Leap] = field(default_factory=list[Leap])

    async def set(self, variant_id: int, label: str, act: Setting) -> None:
        """`act` sets the price of one variant."""
        try:
            await act(confirmed=False)
        except PriceLeap as leap:
            old, new, currency = (str(leap.facts[name]) for name in ("old", "new", "currency"))
            key = f"{variant_id}:{old}>{new}"
            if key in self.confirmed:
                await act(confirmed=True)
                return
            moved = (Money(amounts.read_minor(amount, currency), currency) for amount in (old, new))
            self.found.append(Leap(key, label, *moved))

    def check(self, variant_id: int, label: str, old: Money, new_minor: int) -> None:
        """Note a price that is about to be set beside `old` where it is far from it."""
        key = f"{variant_id}:{amounts.written(old.minor, old.currency)}>{amounts.written(new_minor, old.currency)}"
        if amounts.is_leap(old.minor, new_minor) and key not in self.confirmed:
            self.found.append(Leap(key, label, old, Money(new_minor, old.currency)))


def way_back(request: Request, otherwise: str) -> str:
    """The page that the form stood on."""
    came = urlsplit(request.headers.get("referer", ""))
    if came.netloc != request.headers.get("host", "") or not came.path.startswith("/"):
        return otherwise
    return came.path + (f"?{came.query}" if came.query else "")


def unanswered(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What goes along with an answer.  Confirmations of before are given anew."""
    return [(name, value) for name, value in fields if name != CONFIRM]


async def ask(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Question)
    return problem.page


def install(app: FastAPI) -> None:
    app.add_exception_handler(Question, ask)
