"""The JSON Schemas that are published in docs/schemas, made from the code; and what of them may change.

    python tools/schemas.py --keep     take the schemas of now as those that no later release may break

`browser.json` is what `POST /e` takes, `facts.json` each fact as the outbox and webhooks have it, `lake.json` a row of
the lake.  They only grow: `broken` says what a reader, or a page that sends, of the kept ones would stumble over.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import msgspec

from shopfloor import collector
from shopfloor.collector import intake
from shopfloor.collector.models import MAX_BATCH
from shopfloor.collector.vocabulary import MOST, MOST_UNITS
from shopfloor.kernel.values import MAX_MINOR

ROOT: Final = Path(__file__).resolve().parent.parent
KEPT: Final = ROOT / "tests/vectors/schemas.json"
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
    for file in sorted((ROOT / "src/shopfloor").glob("*/events.py")):
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


def every() -> dict[str, dict[str, Any]]:
    return {"browser": browser(), "facts": facts(), "lake": lake()}


def written(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


# Words and titles may change.
_WORDS: Final = frozenset({"title", "description", "x-class", "$schema"})


def broken(kept: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What in the schemas of now would break whoever relies on the kept ones, as paths; empty: they only grew."""
    return [
        *(f"facts: {each}" for each in _for_readers(kept["facts"]["$defs"], now["facts"]["$defs"])),
        *(f"lake: {each}" for each in _of_object(kept["lake"], now["lake"], "row")),
        *(f"browser: {each}" for each in _for_senders(kept["browser"], now["browser"])),
    ]


def _for_readers(kept: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in kept.items():
        if name not in now:
            yield f"{name} is gone"
        else:
            yield from _of_object(schema, now[name], name)


def _of_object(kept: Mapping[str, Any], now: Mapping[str, Any], path: str) -> Iterator[str]:
    """A reader finds every field it knows, as the type it knows, and always where it always was."""
    for name, schema in kept.get("properties", {}).items():
        found = now.get("properties", {}).get(name)
        if found is None:
            yield f"{path}.{name} is gone"
        elif _plain(schema) != _plain(found):
            yield f"{path}.{name} is of another type"
    for name in kept.get("required", ()):
        if name not in now.get("required", ()) and name in now.get("properties", {}):
            yield f"{path}.{name} may be missing"


def _plain(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _plain(value) for name, value in schema.items() if name not in _WORDS}
    return [_plain(each) for each in schema] if isinstance(schema, list) else schema


def _for_senders(kept: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What a page was allowed to send it may send for ever."""
    event, event_now = kept["$defs"]["event"], now["$defs"]["event"]
    for kind in event["properties"]["type"]["enum"]:
        if kind not in event_now["properties"]["type"]["enum"]:
            yield f"{kind} is refused"
    for name in event_now["required"]:
        if name not in event["required"]:
            yield f"{name} must be given"
    for where in ("event", "data"):
        for name, schema in now["$defs"][where]["properties"].items():
            before = kept["$defs"][where]["properties"].get(name)
            # A field that was kept whatever it said is checked from now on.
            yield from _narrower(before if before is not None else {}, schema, f"{where}.{name}")
    if now["maxItems"] < kept["maxItems"]:
        yield "fewer events in a batch"


def _narrower(kept: Mapping[str, Any], now: Mapping[str, Any], path: str) -> Iterator[str]:
    for limit, sign in (("maximum", 1), ("maxLength", 1), ("minimum", -1), ("minLength", -1)):
        if limit in now and (limit not in kept or sign * now[limit] < sign * kept[limit]):
            yield f"{path}: {limit} {kept.get(limit)} became {now[limit]}"
    for part in ("type", "pattern", "const", "format", "anyOf"):
        if part in now and _plain(now[part]) != _plain(kept.get(part)):
            yield f"{path}: other {part}"


def main() -> int:
    if "--keep" in sys.argv:
        if KEPT.exists() and (wrong := broken(json.loads(KEPT.read_text()), every())):
            print("\n".join(wrong))
            return 1
        KEPT.write_text(json.dumps(every(), indent=0, ensure_ascii=False, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
