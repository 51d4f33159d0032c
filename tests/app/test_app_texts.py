"""Every text that can be sent goes through the one cleaner: what only hides or turns is in no row afterwards.

What can be sent is read from the running application: each text of each body of its document.  A text is either
refused or kept clean; the test says how many were kept, so that refusals alone prove nothing.
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from psycopg import sql
from tests.app.running import Owner, Running
from tests.app.test_app_inputs import body_of, operations, resolved
from tests.app.test_app_shop_borders import Place, Two, fine, is_id, tenants

# A direction turned, a blank of no width, a byte-order mark: between letters of Latin they mean nothing.
HIDDEN: Final = ("\u202e", "\u200b", "\ufeff", "\u2066")
# Of these the words are fixed, or made of fewer letters than any text.
FIXED: Final = frozenset({
    "currency", "email", "locale", "timezone", "kind", "status", "role", "policy", "slug", "handle", "token", "password",
    "current", "new", "price", "starts_at", "at", "shopper", "delayed_to", "valid_from", "valid_until",
})  # fmt: skip


@pytest.fixture(scope="module")
def two(node: Running, owner: Owner) -> Iterator[Two]:
    yield from tenants(node, owner)


def text_places(document: dict[str, Any], schema: dict[str, Any], at: Place = ()) -> Iterator[Place]:
    """Where a body has a free text: by name, in lists, and as the values of translations."""
    schema = resolved(document, schema)
    for each in schema.get("anyOf", []):
        yield from text_places(document, each, at)
    name = next((part for part in reversed(at) if isinstance(part, str)), "")
    match schema.get("type"):
        case "object" if schema.get("properties"):
            for key, inner in schema["properties"].items():
                yield from text_places(document, inner, (*at, key))
        case "object" if (schema.get("additionalProperties") or {}).get("type") == "string":
            yield (*at, "zh_CN")
        case "array":
            yield from text_places(document, schema.get("items", {}), (*at, 0))
        case "string" if (
            name
            and not is_id(name)
            and name not in FIXED
            and not schema.get("enum")
            and not schema.get("format")
        ):
            yield at
        case _:
            return


def with_text(value: Any, at: Place, new: str) -> Any:
    if not at:
        return new
    if isinstance(at[0], int):
        return [with_text(value[0] if value else None, at[1:], new)]
    return {**(value or {}), at[0]: with_text((value or {}).get(at[0]), at[1:], new)}


def rows_with(two: Two, hidden: str) -> list[str]:
    """The tables that keep this character, in whatever column."""
    two.digest()
    escaped = f"\\u{ord(hidden):04x}"
    statement = "SELECT EXISTS (SELECT FROM {} AS each WHERE position(%s in each::text) > 0 OR position(%s in each::text) > 0)"
    return [
        table
        for table in two.tables
        if two.database.execute(
            sql.SQL(statement).format(sql.Identifier(*table.split("."))), [hidden, escaped]
        ).fetchone()
        == (True,)
    ]


def test_what_only_hides_is_kept_nowhere(two: Two) -> None:
    kept: list[str] = []
    for number, (method, path, operation) in enumerate(operations(two.document)):
        schema = body_of(two.document, operation)
        if schema is None or "{shop}" not in path:
            continue
        for turn, at in enumerate(dict.fromkeys(text_places(two.document, schema))):
            body = fine(two.document, schema, two.one, path)
            new = f"{HIDDEN[0]}Bo{HIDDEN[1]}wl{HIDDEN[2]} {number}-{turn}{HIDDEN[3]}"
            answer = two.one.http.request(method, two.one.path(path), json=with_text(body, at, new))
            assert answer.status_code < 500, (method, path, at, answer.text[:200])
            if answer.status_code < 400:
                kept.append(f"{method} {path} {'.'.join(map(str, at))}")

    assert [(hex(ord(hidden)), rows_with(two, hidden)) for hidden in HIDDEN if rows_with(two, hidden)] == []
    assert len(kept) > 25, kept
    assert {
        "POST /v1/{shop}/shows title",
        "PATCH /v1/{shop}/products/{product_id} title",
        "POST /v1/{shop}/stock/locations name",
    } <= set(kept)
