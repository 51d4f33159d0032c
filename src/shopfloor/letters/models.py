"""A shop's own words, and what they may name.  No I/O here."""

import re
from collections.abc import Mapping
from typing import Final

from shopfloor.kernel.errors import Invalid
from shopfloor.kernel.records import dataclass
from shopfloor.notices import TRAITS, Kind

LONGEST_SUBJECT: Final = 200
LONGEST_INTRO: Final = 4000


@dataclass(frozen=True, slots=True)
class Wording:
    """A shop's words for a kind of message: empty means ours."""

    kind: Kind
    locale: str
    subject: str = ""
    intro: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", Kind(self.kind))


_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


def check_words(kind: Kind, text: str, *, field: str) -> None:
    """Raises UnknownPlaceholder."""
    allowed = TRAITS[kind].placeholders
    for name in _PLACEHOLDER.findall(text):
        if name.strip() not in allowed:
            raise UnknownPlaceholder(field=field, name=name.strip()[:40], allowed=", ".join(allowed))


def placeholders_in(text: str) -> list[str]:
    return [name.strip() for name in _PLACEHOLDER.findall(text)]


def fill(text: str, values: Mapping[str, str]) -> str:
    """Each `{name}` that is known gives way to its value, once: what a value holds is no placeholder."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1].strip(), found[0]), text)


def one_line(text: str) -> str:
    """What may stand in a header."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


class UnknownPlaceholder(Invalid):
    """The text names something that this kind of message does not know."""

    code = "notifications.unknown_placeholder"
