"""Discount codes: how they are written, compared and made.  No I/O here."""

import re
import secrets
import unicodedata
from typing import Final

from shopfloor.kernel.rate_limit import Gcra
from shopfloor.kernel.text import cleaned, is_blank
from shopfloor.promotions.refusals import BadCode, TooManyTries

SHORTEST: Final = 3
LONGEST: Final = 40
MOST_AT_ONCE: Final = 5
"""So many codes one order may be given."""

# Without what is mistaken for another: 0 and O, 1, I and L.
_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_MADE_OF: Final = 10
_APART: Final = re.compile(r"[\s,;，、；]+")


def written(text: str) -> str:
    """A code as it is kept to be shown.  Raises BadCode."""
    if len(text) > 4 * LONGEST:
        raise BadCode(field="code", longest=LONGEST)
    tidy = cleaned(unicodedata.normalize("NFKC", text), one_line=True)
    if is_blank(tidy) or not SHORTEST <= len(tidy) <= LONGEST or _APART.search(tidy):
        raise BadCode(field="code", given=tidy[:LONGEST], shortest=SHORTEST, longest=LONGEST)
    return tidy


def key(text: str) -> str:
    """A code as it is compared: capitals and full-width letters are the same letters.  '' for none that can be."""
    folded = cleaned(unicodedata.normalize("NFKC", text[: 4 * LONGEST]), one_line=True).casefold()
    folded = unicodedata.normalize("NFKC", folded)
    return folded if 0 < len(folded) <= 2 * LONGEST else ""


def apart(typed: str, *, most: int = MOST_AT_ONCE) -> list[str]:
    """The codes in a field where several may stand, each once, as they were typed; of many the first `most`."""
    found: dict[str, str] = {}
    for each in _APART.split(unicodedata.normalize("NFKC", typed[: 100 * most])):
        if key(each):
            found.setdefault(key(each), each[:LONGEST])
    return list(found.values())[:most]


def made(prefix: str = "") -> str:
    """A code that nobody guesses."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_MADE_OF))


class CodeGuard:
    """Who has tried many codes that do not exist waits: by shopper, and by network, behind which may be many."""

    def __init__(self) -> None:
        self._by_shopper = Gcra(every=30, burst=10)
        self._by_network = Gcra(every=3, burst=200)

    def check(self, *, shopper: object, network: int | None, now: float) -> None:
        """Raises TooManyTries."""
        waits = [self._by_shopper.short(shopper, now)]
        if network is not None:
            waits.append(self._by_network.short(network, now))
        if max(waits) > 0:
            raise TooManyTries(wait_seconds=int(max(waits)) + 1)

    def missed(self, *, shopper: object, network: int | None, now: float) -> None:
        """A code that was tried does not exist."""
        self._by_shopper.wait(shopper, now)
        if network is not None:
            self._by_network.wait(network, now)
