"""What may come in at all: one rule for everything the pages and the JSON interface are sent.

A path, a query, a cookie, a form and a JSON body may hold no characters that PostgreSQL cannot keep (NUL, half a
surrogate pair) nor control characters, and no number beyond 64 bits.  `kernel.http` puts this before every route,
so that no route can forget it; what a text or number means, and how long it may be, its own type says.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import AfterValidator, Field
from starlette.datastructures import UploadFile

from shopfloor.kernel.errors import Invalid, NotFound
from shopfloor.kernel.text import UnusableText, storable

LARGEST_ID: Final = 2**63 - 1

# An id of the database, in a path, a query, a form or a body.
Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]


def _in_the_calendar(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time has a time zone, as in 2026-08-01T20:00:00Z")
    if not 2000 <= moment.year < 2200:
        raise ValueError("a time lies between the years 2000 and 2199")
    return moment.astimezone(UTC)


# A time that any database and time zone can hold.
Moment = Annotated[datetime, AfterValidator(_in_the_calendar)]


class NumberTooLarge(Invalid):
    """A number is beyond what can be counted here."""

    code = "number.too_large"


_LONG_NUMBER: Final = re.compile(r"[+-]?[0-9_]{19,}")


async def check(request: Request) -> None:
    """For `Depends`, before every route.

    Raises UnusableText or NumberTooLarge; NotFound for a path, where nothing of that name can be.
    """
    for name, value in request.path_params.items():
        try:
            _check_text(name, str(value))
            _check_number(name, str(value))
        except Invalid:
            raise NotFound from None
    for name, value in request.query_params.multi_items():
        _check_text("query", name)
        _check_text(name, value)
        if name.endswith(("_id", "id")):
            _check_number(name, value)
    for name, value in request.cookies.items():
        _check_text(name, value)
    form = await _form(request)
    for name, value in form:
        _check_text("form", name)
        _check_text(name, value)
        if name.endswith(("_id", "id")):
            _check_number(name, value)
    for at, value in _leaves(getattr(request, "_json", None), "body"):
        if isinstance(value, str):
            _check_text(at, value)
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise NumberTooLarge(field=at)


async def _form(request: Request) -> Iterable[tuple[str, str]]:
    """The fields of a form.  Files are looked at by those who read them; under /v1/ there are no forms."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if request.method != "POST" or request.url.path.startswith("/v1/"):
        return ()
    if kind not in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        return ()
    fields: list[tuple[str, str]] = []
    for name, value in (await request.form()).multi_items():
        fields.append((name, (value.filename or "") if isinstance(value, UploadFile) else value))
    return fields


def _leaves(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    """Names and plain values of a JSON document, with where they stand."""
    waiting = [(at, value)]
    while waiting:
        place, found = waiting.pop()
        if isinstance(found, dict):
            for name, inner in found.items():
                yield place, name
                waiting.append((f"{place}.{name}"[:200], inner))
        elif isinstance(found, list):
            waiting += [(place, inner) for inner in found]
        else:
            yield place, found


def _check_text(field: str, text: str) -> None:
    # Line breaks and tabs are text; what a single line may hold, the field itself says.
    if not storable(text):
        name = field if storable(field) else "body"
        raise UnusableText(f"'{name}' contains characters that are not text.", field=name)


def _check_number(field: str, text: str) -> None:
    if _LONG_NUMBER.fullmatch(text) and not -(2**63) <= int(text[:40]) < 2**63:
        raise NumberTooLarge(field=field)
