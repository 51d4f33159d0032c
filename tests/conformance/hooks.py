"""Loaded by schemathesis (SCHEMATHESIS_HOOKS): real ids into what it makes, and a tally of what was answered."""

import atexit
import json
import os
import re
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import Any, Final

import schemathesis
from hypothesis import strategies
from tests.app.running import picture
from tests.conformance.makers import ASKED_AS, MAKERS, Shop

FACTS: Final[dict[str, Any]] = json.loads(Path(os.environ["SHOPFLOOR_CONFORMANCE_FACTS"]).read_text())
IDS: Final[dict[str, list[Any]]] = FACTS["ids"]
# Bodies mean something else by these names: their own key, not that of a supplier.
IN_PATHS: Final = frozenset({"key"})
TALLY: Final = Path(os.environ["SHOPFLOOR_CONFORMANCE_TALLY"])


def _with_real(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    real = IDS.get(name)
    if not real:
        return schema
    if name == "shop":
        if "$ref" in schema:
            return schema
        return {"enum": real, "type": "string"}
    kinds = schema.get("anyOf", [schema])
    if not any(kind.get("type") in {"integer", "string"} for kind in kinds):
        return schema
    named = {key: schema[key] for key in ("title", "description") if key in schema}
    return {
        **named,
        "anyOf": [{"enum": real, "type": "integer" if isinstance(real[0], int) else "string"}, *kinds],
    }


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Every id may be a real one: half of what is made is."""
    for path, operations in raw_schema["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                name = parameter["name"]
                if path.startswith("/v1/{shop}/orders") and name == "line_id":
                    name = "order_line_id"
                parameter["schema"] = _with_real(name, parameter["schema"])
    for schema in raw_schema["components"]["schemas"].values():
        for name, inner in schema.get("properties", {}).items():
            # Lines of chat have an id of another kind.
            of_order = name == "line_id" and inner.get("type") == "integer"
            if name not in IN_PATHS:
                schema["properties"][name] = _with_real("order_line_id" if of_order else name, inner)


# Bodies that are files.
SHEETS: Final = ("Handle,Title\nbowl,Bowl\n", "Handle;Title\n", "", "\ufeffHandle,Title\nbowl,")
schemathesis.openapi.media_type(
    "application/octet-stream",
    strategies.one_of(
        strategies.sampled_from(SHEETS).map(str.encode),
        strategies.integers(0, 9).map(str).map(picture),
        strategies.binary(max_size=99),
    ),
)

# Dates of the calendar that a shop lives in: at random, nearly all would be of other millennia.
_DAYS: Final = strategies.dates(date(2000, 1, 2), date(2199, 12, 30))
schemathesis.openapi.format("date", _DAYS.map(date.isoformat))
schemathesis.openapi.format("date-time", _DAYS.map(lambda day: f"{day.isoformat()}T20:15:00Z"))

# What ends the session it comes with, or others of the same person: these come from somebody else each time.
ENDS_SESSIONS: Final = frozenset(
    {
        "DELETE /v1/session",
        "DELETE /v1/sessions",
        "DELETE /v1/me/sessions",
        "DELETE /v1/me/sessions/{session_id}",
        "POST /v1/me/password",
        "POST /v1/password-reset",
    }
)
WITHOUT_SESSION: Final = frozenset(
    {"POST /v1/session", "POST /v1/claim", "POST /v1/invitations/join", "POST /v1/password-reset"}
)
ASKED: Final[set[str]] = set()
MEMBERS: Final = frozenset({"DELETE /v1/{shop}/members/{person_id}", "PUT /v1/{shop}/members/{person_id}"})
SHOP: Final = Shop(FACTS)


MAY_BE_NONE: Final = frozenset({"host_id", "channel_id", "offer_id"})


def _named(body: Any) -> Any:
    """The body of a request that fits the document, with ids that somebody has.

    What a body names and nobody has is answered with 404, which says nothing of what the address names.
    """
    if isinstance(body, list):
        return [_named(each) for each in body]
    if not isinstance(body, dict):
        return body
    return {
        name: IDS[name][0]
        if name in IDS.keys() - IN_PATHS and isinstance(value, type(IDS[name][0])) and value not in IDS[name]
        else _named(value)
        for name, value in body.items()
    }


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    label = case.operation.label
    if case.method != case.operation.method.upper():
        return
    if label == "POST /v1/invitations/accept" and case.cookies.get("session") == FACTS["session"]:
        case.cookies["session"] = SHOP.somebodys_session(member=False)
    if label in ENDS_SESSIONS and case.cookies.get("session") == FACTS["session"]:
        case.cookies["session"] = SHOP.somebodys_session()
    meta = case.meta
    mode = None if meta is None else meta.generation.mode
    first = mode is not None and mode.is_positive and label not in ASKED
    if first:
        # Once at least with nothing but real ids.
        ASKED.add(label)
        case.path_parameters.update({name: IDS[name][0] for name in case.path_parameters if IDS.get(name)})
    if meta is not None and meta.generation.mode.is_positive:
        named = _named(case.body)
        # A body that is set anew is judged anew, and a file does not fit what the document says of text.
        if named != case.body:
            case.body = named
        if meta.phase.name.name == "STATEFUL" and isinstance(case.body, dict):
            # Links lead to what was just made: it has nothing of what a body may name yet.
            case.body |= dict.fromkeys(MAY_BE_NONE & case.body.keys())
    ask = ASKED_AS.get(label)
    if ask is not None and mode is not None and mode.is_positive and (first or SHOP.dice.random() < 0.3):
        # Each costs some requests of its own, and what it proves may be tried a few times only.
        case.cookies["session"], case.body = ask(SHOP)
        return
    make = MAKERS.get(label)
    if make is None or not (case.cookies.get("session") or label in WITHOUT_SESSION):
        return
    if mode is not None and mode.is_positive:
        path, body = make(SHOP)
        case.path_parameters.update(
            {name: value for name, value in path.items() if name in case.path_parameters}
        )
        if body is not None and (first or SHOP.dice.random() < 0.3):
            case.body = body
    elif label in MEMBERS and mode is not None:
        # Wrong elsewhere, but it may still be carried out; the owner is not to be sent away.
        given = case.path_parameters.get("person_id")
        if str(given) in map(str, IDS["person_id"]):
            fresh = make(SHOP)[0]["person_id"]
            case.path_parameters["person_id"] = fresh if isinstance(given, int) else str(fresh)


@schemathesis.check
def what_fits_the_document_is_never_malformed(ctx: Any, response: Any, case: Any) -> None:
    """A refusal of what the document allows names a rule of the trade, never the shape of the request."""
    if _fits(case) and response.status_code in {400, 413, 415, 422}:
        code = response.json()["code"]
        assert code not in {"invalid", "number.too_large", "json.too_deep"}, response.text


def _fits(case: Any) -> bool:
    """Whether it was made to fit the document; a link may put the null of an answer into an address."""
    meta = case.meta
    mode = None if meta is None else meta.generation.mode
    return mode is not None and mode.is_positive and "/None" not in case.formatted_path


# Said of any request, and documented for all of them at once.
ALWAYS: Final = frozenset({401, 403, 429})
SAID_OF_THE_SHOP: Final = "accounts.unknown_shop"


@schemathesis.check
def the_document_says_why_it_is_refused(ctx: Any, response: Any, case: Any) -> None:
    """What fits the document is carried out, or refused with a code that the document has for this operation."""
    if not _fits(case) or response.status_code < 400 or response.status_code in ALWAYS:
        return
    code = response.json()["code"]
    said = (
        case.operation.definition.raw["responses"].get(str(response.status_code), {}).get("description", "")
    )
    assert code == SAID_OF_THE_SHOP or code in re.split(r"[,\s]+", said), f"{code} is not documented: {said}"


ANSWERED: Final[defaultdict[str, Counter[str]]] = defaultdict(Counter)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    mode = "?" if case.meta is None else case.meta.generation.mode.name.lower()
    status = str(response.status_code)
    if mode == "positive" and status in {"400", "409", "413", "415", "422"}:
        status += " " + str(response.json().get("code"))
    ANSWERED[case.operation.label][f"{mode} {status}"] += 1


@atexit.register
def write() -> None:
    TALLY.write_text(json.dumps(ANSWERED, indent=1, sort_keys=True))
