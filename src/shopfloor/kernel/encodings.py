"""Which coding of an answer a client wants (RFC 9110, 12.5.3)."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

IDENTITY: Final = "identity"


def accepted(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The Accept-Encoding of a request; several lines are one list."""
    return ",".join(value.decode("latin-1") for name, value in headers if name == b"accept-encoding")


@lru_cache(512)
def choose(wanted: str, offered: Sequence[str]) -> str:
    """The coding of `offered` (best first) that the client ranks highest, else "identity".

    What a client does not name it does not get; identity it gets unless it prefers something that we have.  Even a
    client that forbids identity gets it when nothing else is left: an answer is worth more than a 406.
    """
    ranks: dict[str, float] = {}
    for part in wanted.lower().split(","):
        coding, *parameters = (each.strip() for each in part.split(";"))
        if coding:
            ranks["gzip" if coding == "x-gzip" else coding] = _rank(parameters)
    anything = ranks.get("*", 0.0)
    best = max(offered, key=lambda coding: ranks.get(coding, anything), default=IDENTITY)
    rank = ranks.get(best, anything)
    return best if rank > 0 and rank >= ranks.get(IDENTITY, 0.0) else IDENTITY


def _rank(parameters: Sequence[str]) -> float:
    """The `q` among the parameters: 1 where there is none, 0 where it is none that the standard knows."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                rank = float(value)
            except ValueError:
                return 0.0
            return rank if 0 <= rank <= 1 else 0.0
    return 1.0
