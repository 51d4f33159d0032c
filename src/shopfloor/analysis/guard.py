"""What a question may say: one SELECT, over tables that are there, with functions that only compute.

The engine is locked and the process can open nothing, so this is not the wall; it is what says plainly why not, and a
second wall where a function should ever be found to reach further than it says.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from shopfloor.kernel.records import dataclass

# Functions that make tables.  All others read files, other catalogues or the engine itself.
TABLE_FUNCTIONS: Final = frozenset(
    {
        "generate_series",
        "range",
        "unnest",
        "json_each",
        "json_tree",
        "repeat",
        "histogram",
        "histogram_values",
    }
)
# Functions of a value that tell of the engine, wait, write or parse statements.
SCALARS_REFUSED: Final = frozenset(
    {
        "current_setting", "getvariable", "getenv", "write_log", "sleep_ms", "json_serialize_sql", "json_serialize_plan",
        "json_deserialize_sql", "parse_duckdb_log_message", "nextval", "currval", "setval", "setseed", "current_query",
        "which_secret", "in_search_path",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refused:
    """`kind` as in `models.Problem`; `at`: where in the text, as a number of bytes, or None."""

    kind: str
    message: str
    at: int | None = None


def look_at(parsed: str) -> Refused | None:
    """`parsed`: what DuckDB's `json_serialize_sql` says of a text."""
    said: dict[str, Any] = json.loads(parsed)
    if said.get("error"):
        if said.get("error_type") == "not implemented":
            return Refused("statement", "")
        at = str(said.get("position", ""))
        return Refused("sql", str(said.get("error_message", "")), int(at) if at.isdigit() else None)
    if len(said.get("statements", [])) != 1:
        return Refused("statement", "")
    for name, of_table in _functions(said):
        if name not in TABLE_FUNCTIONS if of_table else _is_refused(name):
            return Refused("function", name)
    return None


def _is_refused(name: str) -> bool:
    return name in SCALARS_REFUSED or name.startswith(("__internal", "pragma_", "duckdb_"))


def _functions(node: Any) -> Iterator[tuple[str, bool]]:
    """The name of each function and whether it stands where a table stands."""
    waiting: list[Any] = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, list):
            waiting.extend(here)
            continue
        if not isinstance(here, dict):
            continue
        if here.get("type") == "TABLE_FUNCTION":
            called: dict[str, Any] = here["function"]
            yield str(called["function_name"]).lower(), True
            waiting.append({key: value for key, value in called.items() if key != "function_name"})
            waiting.extend(value for key, value in here.items() if key != "function")
            continue
        if "function_name" in here:
            yield str(here["function_name"]).lower(), False
        waiting.extend(here.values())


def line_and_column(text: str, at: int | None) -> tuple[int, int]:
    """From 1; (0, 0) where nobody can say.  `at` counts bytes of UTF-8."""
    if at is None:
        return 0, 0
    before = text.encode()[:at].decode(errors="ignore")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
