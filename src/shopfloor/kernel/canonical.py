"""Canonical JSON (RFC 8785): one value has one text, so that what was signed can be written anew and compared.

Numbers are those of IEEE 754 double precision, as the RFC demands: an integer beyond 2^53 has no canonical text.
"""

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, cast

# Beyond it two integers share one double.
LARGEST: Final = 2**53 - 1
# Python escapes what the RFC does, in the same way.
_quoted: Final = json.JSONEncoder(ensure_ascii=False).encode


def encode(value: object) -> bytes:
    """`value` as canonical JSON in UTF-8.  Raises ValueError for what has none: NaN, large integers, half characters."""
    return _text(value).encode()


def decode(data: bytes) -> Any:
    """The value that `data` is the canonical text of.  Raises ValueError where it is not canonical."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_once)
        same = encode(value) == data
    except (UnicodeDecodeError, RecursionError) as problem:
        raise ValueError("This is no JSON text.") from problem
    if not same:
        raise ValueError("This JSON is not in its canonical form.")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("A name is there twice.")
    return found


def _text(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise ValueError(f"{value} is beyond 2^53.")
        return str(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(_text(each) for each in cast("list[object]", value)) + "]"
    if isinstance(value, Mapping):
        named = cast("Mapping[str, object]", value)
        # By UTF-16 code units, as JavaScript sorts.
        names = sorted(named, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{_text(name)}:{_text(named[name])}" for name in names) + "}"
    raise ValueError(f"{type(value).__name__} has no JSON.")


def number(value: float) -> str:
    """A double as ECMAScript writes it (ECMA-262, Number::toString)."""
    if not math.isfinite(value):
        raise ValueError(f"{value} has no JSON.")
    if value == 0:
        return "0"
    _, digits, exponent = Decimal(repr(abs(value))).normalize().as_tuple()
    assert isinstance(exponent, int), "finite"
    shown = "".join(map(str, digits))
    point = len(shown) + exponent
    sign = "-" if value < 0 else ""
    if len(shown) <= point <= 21:
        return sign + shown + "0" * (point - len(shown))
    if 0 < point <= 21:
        return f"{sign}{shown[:point]}.{shown[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{shown}"
    mantissa = shown[0] + (f".{shown[1:]}" if len(shown) > 1 else "")
    return f"{sign}{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
