"""JSON Schemas of what comes in and what is kept, made from the code; every shop serves them under `/schemas/`.

`browser.json` is what `POST /e` takes, `facts.json` each fact as the outbox and webhooks have it, `lake.json` a row of
the lake.  They only grow: a test holds them against those of the last release (`tools/kept_schemas.py`).
"""

import json
from asyncio import to_thread
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import msgspec
from fastapi import Response

from shopfloor import collector
from shopfloor.collector import intake
from shopfloor.collector.models import MAX_BATCH
from shopfloor.collector.vocabulary import MOST, MOST_UNITS
from shopfloor.kernel import route_access
from shopfloor.kernel.errors import NotFound
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import MAX_MINOR

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REF: Final = "#/$defs/"
# How the lake's columns read in JSON.
_JSON: Final[Mapping[str, dict[str, Any]]] = {
    "string": {"type": "string"},
    "int64": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "double": {"type": "number"},
    "timestamp[us, tz=UTC]": {"type": "string", "format": "date-time"},
}


def fact_types() -> dict[str, type]:
    """Every fact a module can record, by name."""
    found: dict[str, type] = {}
    for file in sorted(Path(__file__).parent.glob("*/events.py")):
        module = import_module(f"shopfloor.{file.parent.name}.events")
        for kind in vars(module).values():
            if isinstance(kind, type) and kind.__module__ == module.__name__:
                name = getattr(kind, "name", None)
                if isinstance(name, str):
                    found[name] = kind
    return dict(sorted(found.items()))


def facts() -> dict[str, Any]:
    kinds = fact_types()
    whole, parts = msgspec.json.schema_components(list(kinds.values()))
    defs: dict[str, Any] = {}
    own: set[str] = set()
    for name, reference in zip(kinds, whole, strict=True):
        key = str(reference["$ref"]).removeprefix(_REF)
        own.add(key)
        defs[name] = {**parts[key], "title": name}
    defs |= {key: part for key, part in sorted(parts.items()) if key not in own}
    return {
        "$schema": _DIALECT,
        "title": "The facts of a shop",
        "description": "Each is $defs/<name>: the body in the outbox and in webhooks. Readers ignore what they do not know.",
        "$defs": defs,
    }


def browser() -> dict[str, Any]:
    """The batch of CloudEvents that `POST /e` takes."""
    words = {
        name: {"type": "string", "minLength": 1, "maxLength": most} for name, most in intake.WORDS.items()
    }
    keys: dict[str, Any] = {
        name: {"type": "integer", "minimum": 1, "maximum": intake.INT64} for name in intake.KEYS
    }
    money = {"type": "number", "minimum": 0}
    data: dict[str, Any] = {
        **keys,
        **words,
        "quantity": {"type": "integer", "minimum": 0, "maximum": MOST_UNITS},
        "amount_minor": {"type": "integer", "minimum": 0, "maximum": MAX_MINOR},
        "seconds": {"type": "number", "minimum": 0, "maximum": intake.MOST_SECONDS},
        **dict.fromkeys(intake.AMOUNTS_IN_EXTRA, money),
        "items": {
            "type": "array",
            "description": "As in GA4: item_id, item_name, price, quantity, …; kept in `extra`.",
            "items": {"type": "object"},
        },
    }
    event: dict[str, Any] = {
        "type": "object",
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1, "maxLength": 128},
            "source": {"type": "string", "minLength": 1, "maxLength": 256},
            "type": {"enum": sorted(collector.BROWSER)},
            "time": {"type": "string", "format": "date-time", "maxLength": 40},
            "sentat": {"type": "string", "format": "date-time", "maxLength": 40},
            "sessionid": words["session_id"],
            "sequence": {
                "anyOf": [
                    {"type": "integer", "minimum": 0, "maximum": intake.INT64},
                    {"type": "string", "pattern": "^[0-9]{1,19}$"},
                ]
            },
            "datacontenttype": {"type": "string"},
            "data": {"$ref": _REF + "data"},
        },
        "required": ["id", "type"],
        "allOf": [
            {
                "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
                "then": {"properties": {"data": {"properties": {"quantity": {"maximum": most}}}}},
            }
            for kind, most in sorted(MOST.items())
        ],
    }
    return {
        "$schema": _DIALECT,
        "title": "What POST /e takes",
        "description": "A batch of CloudEvents 1.0. Commerce names are those of GA4. Other fields of `data` are kept.",
        "type": "array",
        "maxItems": MAX_BATCH,
        "items": {"$ref": _REF + "event"},
        "$defs": {
            "event": event,
            "data": {"type": "object", "properties": data},
            "types": {
                kind: {"title": kind, "description": words_, "x-class": group}
                for kind, (group, words_) in sorted(collector.BROWSER.items())
            },
        },
    }


def lake() -> dict[str, Any]:
    """A row of the lake, as JSON."""
    return {
        "$schema": _DIALECT,
        "title": "A row of the lake",
        "type": "object",
        "properties": {
            column.name: {
                **(
                    {"anyOf": [_JSON[str(column.type)], {"type": "null"}]}
                    if column.nullable
                    else _JSON[str(column.type)]
                ),
                "description": collector.WORDS[column.name],
            }
            for column in collector.SCHEMA
        },
        "required": list(collector.SCHEMA.names),
    }


SCHEMAS: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "browser": browser,
    "facts": facts,
    "lake": lake,
}


def every() -> dict[str, dict[str, Any]]:
    return {name: schema() for name, schema in SCHEMAS.items()}


def written(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


router = Router(include_in_schema=False)


@router.get("/schemas/{name}.json")
@route_access.public
async def published(name: str) -> Response:
    """One of them, readable from any site: it is the same for every shop of this release."""
    if name not in SCHEMAS:
        raise NotFound
    # Some two hundred types are described: beside the loop that serves everybody.
    text = await to_thread(lambda: written(SCHEMAS[name]()))
    return Response(
        text,
        media_type="application/schema+json",
        headers={"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=3600"},
    )
