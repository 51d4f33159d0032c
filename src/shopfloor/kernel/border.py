"""What may come in at all: one rule for everything the pages and the JSON interface are sent.

A path, a query, a cookie, a form and a JSON body may hold no characters that PostgreSQL cannot keep (NUL, half a
surrogate pair) nor control characters, and no number beyond 64 bits.  JSON says each name once, knows no NaN, is
not deeper than anybody needs, and holds what its description says and nothing else: `"1"` is no number, `0` is no truth
and no date, and a field that nobody reads is refused.
`kernel.http` puts this before every route, so that no route can forget it; what a text or number means, and how long
it may be, its own type says.  The endpoints that do without routes (`/buy`, `/e`, the room) have typed readers and ask
`kernel.strict_json` what those do not.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Any, Final, NoReturn

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter
from starlette.convertors import Convertor, register_url_convertor
from starlette.datastructures import UploadFile

from shopfloor.kernel import form_data, strict_json
from shopfloor.kernel.errors import Invalid, NotFound
from shopfloor.kernel.text import UnusableText, storable

LARGEST_ID: Final = 2**63 - 1

# An id of the database, in a path, a query, a form or a body.
Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
# For `Field(json_schema_extra=…)` of a dictionary whose keys are ids: in JSON, names are strings.
IDS_AS_NAMES: Final[dict[str, Any]] = {"propertyNames": {"pattern": "^[1-9][0-9]{0,17}$"}}


class _IdConvertor(Convertor[str]):
    """`{product_id:id}`: digits only, so that a path of words beside it keeps its own methods."""

    regex = "[0-9]{1,19}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return str(value)


register_url_convertor("id", _IdConvertor())


_A_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _written_out(value: Any) -> Any:
    """Not as a number of seconds, which a reader of dates would take as well."""
    if isinstance(value, str) and _A_DAY.match(value) is None:
        raise ValueError("a date is written as in 2026-08-01")
    return value


def _in_the_calendar(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a time has a time zone, as in 2026-08-01T20:00:00Z")
    if not 2000 <= moment.year < 2200:
        raise ValueError("a time lies between the years 2000 and 2199")
    return moment.astimezone(UTC)


def _day_in_the_calendar(day: date) -> date:
    if not 2000 <= day.year < 2200:
        raise ValueError("a day lies between the years 2000 and 2199")
    return day


def read_day(text: str) -> date:
    """A day as it is written in a request.  Raises ValueError."""
    return _day_in_the_calendar(date.fromisoformat(_written_out(text)))


_CALENDAR: Final[dict[str, Any]] = {"pattern": "^2[01][0-9]{2}-"}
# A time, and a day, that any database and time zone can hold.
Moment = Annotated[
    datetime,
    BeforeValidator(_written_out),
    AfterValidator(_in_the_calendar),
    Field(json_schema_extra=_CALENDAR),
]
Day = Annotated[
    date,
    BeforeValidator(_written_out),
    AfterValidator(_day_in_the_calendar),
    Field(json_schema_extra=_CALENDAR),
]


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
    document = getattr(request, "_json", _NOTHING)
    if document is _NOTHING:
        return
    strict_json.check(await request.body())
    _walk(document, _schema_of(getattr(request.scope.get("route"), "body_field", None)), "body")


_NOTHING: Final = object()


async def _form(request: Request) -> Iterable[tuple[str, str]]:
    """The fields of a form.  Files are looked at by those who read them; what other services post under /payments/ and
    /sms/ has ids that may be longer than ours.
    """
    if not form_data.is_form(request):
        return ()
    fields: list[tuple[str, str]] = []
    for name, value in (await request.form()).multi_items():
        fields.append((name, (value.filename or "") if isinstance(value, UploadFile) else value))
    return fields


@lru_cache(maxsize=1_000)
def _schema_of(field: Any) -> Mapping[str, Any]:
    """What a route says of its body, as JSON Schema; nothing where it takes any."""
    if field is None:
        return {}
    return TypeAdapter(field.field_info.annotation).json_schema()


_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int, float), "number": (int, float),
    "boolean": (bool,), "null": (type(None),),
}  # fmt: skip


def _is_a(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS[kind])


def _walk(value: Any, schema: Mapping[str, Any], at: str, defs: Mapping[str, Any] | None = None) -> None:
    """Hold a JSON value to the names and types of its schema.  A field that is not named there was meant for something:
    refused, where dropping it without a word would say that it was taken.
    """
    known: Mapping[str, Any] = schema.get("$defs", {}) if defs is None else defs
    while "$ref" in schema:
        schema = known[schema["$ref"].rsplit("/", 1)[1]]
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        _walk_any(value, choices, at, known)
        return
    kind = schema.get("type")
    if kind is not None and not _is_a(kind, value):
        _refuse(at, f"Input should be {kind}")
    match value:
        case str():
            _check_text(at, value)
        case bool():
            pass
        case int():
            if not -(2**63) <= value < 2**63:
                raise NumberTooLarge(field=at)
        case list():
            for inner in value:
                _walk(inner, schema.get("items", {}), at, known)
        case dict():
            named = schema.get("properties", {})
            others = schema.get("additionalProperties", True if "properties" not in schema else None)
            names = schema.get("propertyNames", {}).get("pattern", "")
            for name, inner in value.items():
                if name in named:
                    _walk(inner, named[name], f"{at}.{name}", known)
                elif others:
                    _check_text(at, name)
                    if re.search(names, name) is None:
                        _refuse(at, f"No such name: {name[:40]}")
                    _walk(inner, others if isinstance(others, dict) else {}, f"{at}.{name}"[:200], known)
                else:
                    _refuse_name(at, name, named)
        case _:
            pass


def _refuse(at: str, why: str) -> NoReturn:
    raise RequestValidationError([{"type": "json", "loc": tuple(at.split(".")), "msg": why}])


def _refuse_name(at: str, name: str, known: Iterable[str]) -> NoReturn:
    shown = name[:60] if storable(name) else "?"
    close = difflib.get_close_matches(shown, known, 1)
    _refuse(f"{at}.{shown}", f"Unknown field; do you mean '{close[0]}'?" if close else "Unknown field")


def _walk_any(value: Any, choices: list[Mapping[str, Any]], at: str, defs: Mapping[str, Any]) -> None:
    wrong: Exception | None = None
    for choice in choices:
        try:
            _walk(value, choice, at, defs)
        except (RequestValidationError, Invalid) as problem:
            # What fits the type and is refused for what it is says more than that another type does not fit.
            wrong = problem if wrong is None or isinstance(problem, Invalid) else wrong
        else:
            return
    if wrong is not None:
        raise wrong


def _check_text(field: str, text: str) -> None:
    # Line breaks and tabs are text; what a single line may hold, the field itself says.
    if not storable(text):
        name = field if storable(field) else "body"
        raise UnusableText(f"'{name}' contains characters that are not text.", field=name)


def _check_number(field: str, text: str) -> None:
    if _LONG_NUMBER.fullmatch(text) and not -(2**63) <= int(text[:40]) < 2**63:
        raise NumberTooLarge(field=field)
