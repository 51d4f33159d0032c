"""What may change of the JSON Schemas in docs/schemas, which `shopfloor.schemas` makes from the code: they only grow.

    python tools/kept_schemas.py --keep     take the schemas of now as those that no later release may break

`broken` says what a reader, or a page that sends, of the kept ones would stumble over.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from shopfloor.schemas import every

ROOT: Final = Path(__file__).resolve().parent.parent
KEPT: Final = ROOT / "tests/vectors/schemas.json"

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
