"""What a question finds: the tables beside `events`, by name, with their columns."""

from typing import Any, Final, TypeAlias

from shopfloor.kernel.records import dataclass

# Columns by name with the type they have in DuckDB.
Columns: TypeAlias = dict[str, str]

SHOWS: Final[Columns] = {
    "show_id": "BIGINT",
    "title": "VARCHAR",
    "status": "VARCHAR",
    "started_at": "TIMESTAMPTZ",
    "ended_at": "TIMESTAMPTZ",
}
PRODUCTS: Final[Columns] = {"product_id": "BIGINT", "title": "VARCHAR", "status": "VARCHAR"}
VARIANTS: Final[Columns] = {
    "variant_id": "BIGINT",
    "product_id": "BIGINT",
    "sku": "VARCHAR",
    "options": "VARCHAR",
}
# As the files of the reports have them: `figure` is the id, `metric` the id with its version.
FIGURES: Final[Columns] = {
    "section": "VARCHAR",
    "key": "VARCHAR",
    "show_id": "BIGINT",
    "figure": "VARCHAR",
    "metric": "VARCHAR",
    "value": "DOUBLE",
    "unit": "VARCHAR",
    "state": "VARCHAR",
    "as_of": "VARCHAR",
    "numerator": "HUGEINT",
    "denominator": "HUGEINT",
    "net_of_invalid": "HUGEINT",
}
TABLES: Final[dict[str, Columns]] = {
    "shows": SHOWS,
    "products": PRODUCTS,
    "variants": VARIANTS,
    "figures": FIGURES,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the process is told.  `tables`: rows by the name of the table; times as ISO texts; `since` in microseconds
    since 1970; `figures`: the ids of which there is a macro.
    """

    lake: str
    shop_id: int
    show_ids: list[int]
    since: int
    timezone: str
    tables: dict[str, list[list[Any]]]
    figures: list[str]
    sql: str
    most_events: int
    most_rows: int
    most_bytes: int
    memory_mb: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Found:
    """What it answers.  `content` as in `analysis.answer`, with `problem` empty; else `message` says why."""

    problem: str = ""
    message: str = ""
    line: int = 0
    col: int = 0
    rows: int = 0
    truncated: bool = False
    events: int = 0
    content: bytes = b""
    parquet: bytes = b""
