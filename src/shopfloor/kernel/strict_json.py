"""What JSON may be, beyond what its readers ask: each name once, no NaN, numbers of 64 bits, and no absurd depth.

Pure.  Readers (msgspec, pydantic) take the last of two equal names without a word, and who sent both meant one.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Final, NoReturn

import msgspec

from shopfloor.kernel.errors import Invalid
from shopfloor.kernel.text import storable

# Deeper than any body we ask for.
MOST_DEPTH: Final = 32

# For msgspec: an id of the database, and any number that a column can hold.
RowId = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class NotFinite(Invalid):
    """NaN and Infinity are no numbers of JSON."""

    code = "number.not_finite"


class RepeatedName(Invalid):
    """A name stands twice in one JSON object: which of the two is meant?"""

    code = "json.repeated_name"


class TooDeep(Invalid):
    """The JSON is nested deeper than anything that is asked for."""

    code = "json.too_deep"


def check(body: bytes | bytearray) -> None:
    """Raises RepeatedName, NotFinite or TooDeep.  What is no JSON at all its reader refuses."""
    try:
        found = json.loads(body, object_pairs_hook=_once, parse_constant=_no_number, parse_int=_integer)
    except RecursionError:
        raise TooDeep(most=MOST_DEPTH) from None
    except ValueError:
        return
    if depth(found) > MOST_DEPTH:
        raise TooDeep(most=MOST_DEPTH)


def check_names(body: bytes | bytearray, names: Sequence[bytes]) -> None:
    """`check` for who knows the few names of a message and has no time: looked at only where one may stand twice.

    `names` in their quotes.  A name may be spelled with escapes; then all of it is looked at.
    """
    if b"\\" in body or any(body.count(name) > 1 for name in names):
        check(body)


def depth(value: Any) -> int:
    """How deep lists and objects are nested; 0 for a plain value."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        found, level = waiting.pop()
        if isinstance(found, dict | list):
            deepest = max(deepest, level)
            waiting += [
                (inner, level + 1) for inner in (found.values() if isinstance(found, dict) else found)
            ]
    return deepest


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RepeatedName(name=twice[:100] if storable(twice) else "")
    return found


def _no_number(constant: str) -> NoReturn:
    raise NotFinite(given=constant)


def _integer(digits: str) -> int:
    # Python refuses to read numbers of some thousand digits at all; how large it is, the type of the field says.
    return int(digits[:400])
