"""The published JSON Schemas: they only grow, and what is sent and stored fits them."""

import copy
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest

from shopfloor import collector, schemas
from shopfloor.collector.facts import LEFT_OUT
from shopfloor.collector.intake import parse

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import kept_schemas

KEPT = json.loads(kept_schemas.KEPT.read_text())
NOW = schemas.every()
MOMENT = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
BROWSER = jsonschema_rs.validator_for(NOW["browser"])


def test_the_schemas_only_grow() -> None:
    """What is new is kept from the next release on: `python tools/kept_schemas.py --keep`."""
    assert kept_schemas.broken(KEPT, NOW) == []


def test_all_schemas_are_schemas() -> None:
    for schema in NOW.values():
        jsonschema_rs.meta.validate(schema)
    assert {name.partition(".")[0] for name in schemas.fact_types()} >= {
        "catalog", "live", "media", "orders", "payments", "returns", "stock", "supply", "till",
    }  # fmt: skip


def facts(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    changed = copy.deepcopy(NOW)
    change(changed["facts"]["$defs"]["till.sale_taken"])
    return changed


def browser(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    changed = copy.deepcopy(NOW)
    change(changed["browser"]["$defs"])
    return changed


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (facts(lambda sale: sale["properties"].pop("receipt")), "facts: till.sale_taken.receipt is gone"),
        (
            facts(lambda sale: sale["properties"].update(receipt={"type": "integer"})),
            "facts: till.sale_taken.receipt is of another type",
        ),
        (facts(lambda sale: sale["required"].remove("receipt")), "facts: till.sale_taken.receipt may be missing"),
        (facts(lambda sale: sale["properties"].update(more={"type": "string"})), None),
        (browser(lambda defs: defs["event"]["properties"]["type"]["enum"].remove("share")), "browser: share is refused"),
        (browser(lambda defs: defs["event"]["required"].append("time")), "browser: time must be given"),
        (
            browser(lambda defs: defs["data"]["properties"]["text"].update(maxLength=10)),
            "browser: data.text: maxLength 2000 became 10",
        ),
        (browser(lambda defs: defs["data"]["properties"]["text"].update(maxLength=9_000)), None),
        (browser(lambda defs: defs["event"]["properties"]["type"]["enum"].append("search")), None),
    ],
)  # fmt: skip
def test_what_would_break_somebody_is_said(changed: dict[str, Any], said: str | None) -> None:
    assert kept_schemas.broken(NOW, changed) == ([] if said is None else [said])


@pytest.mark.parametrize(
    ("event", "fits"),
    [
        ({"id": "a", "type": "add_to_cart", "data": {"variant_id": 9, "quantity": 1, "colour": "red"}}, True),
        ({"id": "a", "type": "purchase"}, False),
        ({"id": "", "type": "share"}, False),
        ({"type": "share"}, False),
        ({"id": "a", "type": "share", "sequence": "17", "sessionid": "s"}, True),
        ({"id": "a", "type": "share", "sequence": -1}, False),
        ({"id": "a", "type": "live.like", "data": {"quantity": 100}}, True),
        ({"id": "a", "type": "live.like", "data": {"quantity": 101}}, False),
        ({"id": "a", "type": "share", "data": {"quantity": 101}}, True),
        ({"id": "a", "type": "share", "data": {"price": -1}}, False),
        ({"id": "a", "type": "share", "data": {"currency": "EURO"}}, False),
        ({"id": "a", "type": "share", "data": []}, False),
        ({"id": "a", "type": "view_item", "data": {"items": [{"item_id": "1", "price": 9.5}]}}, True),
    ],
)
def test_the_schema_and_the_collector_agree(event: dict[str, Any], *, fits: bool) -> None:
    [judged] = parse(json.dumps([event]).encode(), received=MOMENT, viewer=None)

    assert (BROWSER.is_valid([event]), isinstance(judged, collector.Event)) == (fits, fits)


# Codes, numbers, times and addresses of the shop; and what was said in public, which stays (docs/privacy.md).
NAMES_NOBODY = frozenset({
    "actor", "anchor", "answers", "asked_at", "asks", "at", "by", "capture_before", "carrier", "cause", "change", "claim_until", "code", "commitment",
    "condition", "currency", "digest", "due_at", "due_by", "fapiao", "handle", "items", "journey", "keep_until", "kept_until", "key",
    "kind", "note", "number", "numbers", "origin", "policy", "prize", "proof", "provider", "purpose", "question", "reason", "reasons", "receipt", "role",
    "root", "rule", "rules_hash", "ruling", "send_to", "since", "slug", "source", "state", "status", "subject", "target", "text", "texts", "title", "trigger", "until",
    "valid_from", "was", "why",
})  # fmt: skip


def says_words(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return False
    parts = [*schema.get("anyOf", ()), schema.get("items"), schema.get("additionalProperties")]
    return (schema.get("type") == "string" and "format" not in schema) or any(map(says_words, parts))


def test_what_names_a_person_is_not_taken_into_the_lake() -> None:
    """Its files are never changed, so statements verify for ever: whoever adds words to a fact decides here."""
    found = {
        name
        for schema in NOW["facts"]["$defs"].values()
        for name, each in schema.get("properties", {}).items()
        if says_words(each)
    }
    assert found - LEFT_OUT - NAMES_NOBODY == set()
    body = dict.fromkeys(LEFT_OUT, "Lin Wei, 8 Quay Street") | {"order_id": "o", "number": "1"}
    [made] = collector.from_fact("returns.return_refused", body, UUID(int=1), 1, MOMENT)
    assert (made.order_id, made.extra) == ("o", {"number": "1"})


async def test_rows_of_the_lake_fit(
    make: Callable[..., Any], directory: Path, event: Callable[..., Any]
) -> None:
    one = await make()
    await one.append([event("a"), event("b", shop_id=1, seconds=1.5, extra={"x": [1]})])
    await one.seal()
    row = jsonschema_rs.validator_for(NOW["lake"])
    for found in collector.lake.open(directory).table().to_pylist():
        written = {**found, **{name: found[name].isoformat() for name in ("event_time", "received_at")}}
        assert [problem.message for problem in row.iter_errors(written)] == []
