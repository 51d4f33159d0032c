"""Conditional requests and byte ranges, as RFC 9110 has them (13, 14).  Pure."""

import itertools
import re
from collections.abc import Mapping
from typing import Final

# More ranges than any player asks for, or ranges that overlap, are not worth an answer of their own.
MOST_RANGES: Final = 16
_SPEC: Final = re.compile(r"(\d*)-(\d*)$", re.ASCII)


def headers_of(raw: object) -> dict[str, str]:
    """The headers of an ASGI scope by name; the values of one that comes twice are joined."""
    found: dict[str, str] = {}
    for name, value in raw if isinstance(raw, list | tuple) else ():  # pyright: ignore[reportUnknownVariableType]
        key, text = bytes(name).decode("latin-1").lower(), bytes(value).decode("latin-1").strip()  # pyright: ignore[reportUnknownArgumentType]
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def not_modified(headers: Mapping[str, str], etag: str) -> bool:
    """Whether the client has this already: If-None-Match, compared weakly."""
    asked = headers.get("if-none-match")
    if asked is None:
        return False
    return asked == "*" or etag.removeprefix("W/") in {
        each.strip().removeprefix("W/") for each in asked.split(",")
    }


def wanted(headers: Mapping[str, str], *, size: int, etag: str) -> list[tuple[int, int]] | None:
    """The ranges to send, each as first and one past last byte; None for the whole, [] where none can be met.

    A Range that is not understood, or whose If-Range names another version, asks for nothing.
    """
    asked = headers.get("range")
    if asked is None:
        return None
    validator = headers.get("if-range")
    # Strong comparison; a date never matches, for there is none that would be strong enough.
    if validator is not None and (validator != etag or etag.startswith("W/")):
        return None
    unit, equals, listed = asked.partition("=")
    if unit.strip().lower() != "bytes" or not equals:
        return None
    found: list[tuple[int, int]] = []
    specs = [spec.strip() for spec in listed.split(",")]
    specs = [spec for spec in specs if spec]
    if not specs:
        return None
    for spec in specs:
        match = _SPEC.match(spec)
        if match is None or spec == "-" or max(map(len, match.groups())) > 18:
            return None
        first, last = match.groups()
        if not first:
            start, end = max(size - int(last), 0), size
        else:
            if last and int(last) < int(first):
                return None
            start, end = int(first), min(int(last) + 1, size) if last else size
        if start < end:
            found.append((start, end))
    if len(specs) > MOST_RANGES or _overlap(found):
        return None
    return found


def _overlap(found: list[tuple[int, int]]) -> bool:
    ordered = sorted(found)
    return any(after[0] < before[1] for before, after in itertools.pairwise(ordered))
