r"""The draw: a pure function of what the rules name.  `docs/giveaways.md` has it in fifteen lines.

    seed   SHA-256("shopfloor draw\n" ‖ SHA-256(rules) ‖ SHA-256(closing) ‖ secret ‖ SHA-256(signature of the round))
    order  entry numbers by SHA-256(seed ‖ number)

Rules and closing are canonical JSON (RFC 8785).  The first in the order win; the next is asked where one does not claim.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from shopfloor.kernel import canonical, merkle

_SEED: Final = b"shopfloor draw\n"
# Without what is mistaken for another: 0 and O, 1, I and L.
_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_LETTERS: Final = 10


def new_number() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))


def digest(document: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(canonical.encode(document)).digest()


def root(numbers: Sequence[str]) -> bytes:
    """Of the Merkle tree (RFC 6962) whose leaves are the numbers in this order."""
    nodes: dict[merkle.Node, bytes] = {}
    for size, number in enumerate(numbers):
        nodes.update(merkle.appended(size, merkle.leaf_hash(number.encode()), nodes))
    return merkle.root(len(numbers), nodes)


def seed(rules: Mapping[str, Any], closing: Mapping[str, Any], secret: bytes, signature: bytes) -> bytes:
    parts = (digest(rules), digest(closing), secret, hashlib.sha256(signature).digest())
    return hashlib.sha256(_SEED + b"".join(parts)).digest()


def order(numbers: Sequence[str], seed: bytes) -> list[str]:
    return sorted(numbers, key=lambda number: hashlib.sha256(seed + number.encode()).digest())
