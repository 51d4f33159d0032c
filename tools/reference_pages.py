"""Write the reference pages that come from the code: docs/events.md, docs/metrics.md and docs/schemas.

    python tools/reference_pages.py            write them
    python tools/reference_pages.py --check    exit 1 when one is out of date

Facts are read from the modules' events.py as text, so a page can be made without starting anything.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shopfloor import collector, metrics, schemas
from shopfloor.collector.facts import EXPLODED, LEFT_OUT
from shopfloor.collector.vocabulary import SERVER_ONLY
from shopfloor.metrics.engine import metric_sql
from shopfloor.metrics.registry import derived_tables

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class FactPage:
    """A fact as its module describes it."""

    name: str
    doc: str
    fields: tuple[tuple[str, str], ...]


def facts() -> Iterator[FactPage]:
    """Every fact a module can record, by name."""
    found: list[FactPage] = []
    for file in sorted((ROOT / "src/shopfloor").glob("*/events.py")):
        for node in ast.parse(file.read_text()).body:
            if not isinstance(node, ast.ClassDef):
                continue
            name = None
            fields: list[tuple[str, str]] = []
            for item in node.body:
                if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
                    continue
                if item.target.id == "name" and isinstance(item.value, ast.Constant):
                    name = str(item.value.value)
                elif item.target.id != "name":
                    fields.append((item.target.id, ast.unparse(item.annotation)))
            if name:
                found.append(FactPage(name, _sentence(ast.get_docstring(node)), tuple(fields)))
    yield from sorted(found, key=lambda fact: fact.name)


def _sentence(doc: str | None) -> str:
    return " ".join((doc or "").split("\n\n")[0].split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def events_page() -> str:
    """The columns of the lake, what browsers may send, what the server tells."""
    lines = [
        "# Events",
        "",
        "Everything that happens becomes an event in the lake, exactly once. This page is made from the code",
        "by `tools/reference_pages.py`; a test holds them equal. As JSON Schema (2020-12): [what `POST /e`",
        "takes](schemas/browser.json), [every fact](schemas/facts.json), [a row of the lake](schemas/lake.json); a shop",
        "serves those of its release under `/schemas/`. They only grow: a later release adds fields and events, and takes none",
        "away; readers ignore what they do not know.",
        "",
        "## Columns",
        "",
        "One row for each event, in zstd Parquet files under `lake/events/hour=…`. The files that count are",
        "those the manifest names ([the lake](lake.md)); `shopfloor.collector.lake.open` reads them together with what",
        "is not sealed yet.",
        "",
        "| column | type | holds |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{column.name}` | {column.type}{'' if column.nullable else ', never null'} | {collector.WORDS[column.name]} |"
        for column in collector.SCHEMA
    ]
    lines += [
        "",
        "## From browsers",
        "",
        "`POST /e` takes a CloudEvents JSON batch (an array of events, at most 1 MiB, 1,000 events, 64 KiB each)",
        "as `application/cloudevents-batch+json`, `application/json` or `text/plain`:",
        "",
        "```json",
        '[{"specversion": "1.0", "id": "0192…", "source": "room", "type": "add_to_cart",',
        '  "time": "2026-11-22T20:00:03Z", "sentat": "2026-11-22T20:00:05Z", "sessionid": "s1", "sequence": "17",',
        '  "data": {"shop_id": 1, "show_id": 7, "variant_id": 9, "quantity": 1}}]',
        "```",
        "",
        'The answer comes when the events are on the disk: `200` with `{"results": {"<id>": …}}`, each `ok`, `dup`',
        "(known already), `shed` (not kept, the disk is nearly full) or `bad:<reason>`; `503` with `Retry-After`",
        "when they could not be made durable: send the same events again, with the same ids. An id is made once",
        "and kept on every retry. Who is watching is known from the signed cookie; what an event says about its",
        "viewer, its actor or the time of receipt is not asked. Pages use [the script](collecting.md). `event_time` is received − (`sentat` − `time`),",
        "within the 72 hours before it was received; `extra.clock_jump` marks those that had to be moved, and",
        "`extra.site` those that another site of yours sent.",
        "",
        "Types with these beginnings come from the server alone and are refused here (`bad:server_only`):",
        f"{', '.join(f'`{prefix}*`' for prefix in SERVER_ONLY)}, `purchase`, `refund`; the exceptions are",
        "listed below. Any other type is refused (`bad:unknown_type`). Fields that are no columns go to `extra`.",
        "",
        f"When the disk fills, events of browsers are given up in this order: {', '.join(collector.SHEDDING_ORDER)}.",
        "Facts of the server are never given up.",
        "",
        "| type | class | meaning |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{kind}` | {group} | {words} |" for kind, (group, words) in sorted(collector.BROWSER.items())
    ]
    lines += [
        "",
        "## From the room gateway",
        "",
        "`live.enter`, `live.heartbeat` and `live.leave`, with source `shopfloor/<shop>/room`, `viewer`,",
        "`session_id` (one stay) and `seconds` (what a heartbeat vouches for, ending at its `event_time`); without",
        "`viewer` where the browser says that nobody shall measure it.",
        "",
        "## From the outbox",
        "",
        "Facts have source `shopfloor/<shop>` and the id of the fact. A fact with a list",
        f"({', '.join(f'`{name}`' for name in EXPLODED)}) becomes one event for each element, with the ids",
        "`<fact id>:<i>/<n>` for i from 0; without one, or with an empty one, it is one event under its own id.",
        "A fact is in the lake exactly once when its ids are complete in one of these two forms, and",
        "`shopfloor audit` checks that. Fields with the name of a column, and these, are put there: `buyer`,",
        "`shopper` → `viewer`; `left` → `quantity`; `reason`, `why`, `purpose`, `state` → `code`; `id` of a hold",
        "or refusal → `hold_id`; amounts (`amount_minor`, a money value, or unit price × quantity) →",
        "`amount_minor`. On the events of an order's lines the total of the order is `extra.order_amount_minor`.",
        f"What names a person stays outside: {', '.join(f'`{name}`' for name in sorted(LEFT_OUT))}.",
        "",
    ]
    for fact in facts():
        lines += [f"### {fact.name}", ""]
        if fact.doc:
            lines += [fact.doc, ""]
        lines += [", ".join(f"`{field}`: {_cell(kind)}" for field, kind in fact.fields) + ".", ""]
    return "\n".join(lines).rstrip() + "\n"


def metrics_page() -> str:
    """Every figure with its version, unit and words in both languages, and the text it is computed by."""
    lines = [
        "# Metrics",
        "",
        "Every figure is defined once, in `shopfloor.metrics`. This page is made from the registry by",
        "`tools/reference_pages.py`; a test holds them equal. A figure is published as `id@version` with its unit,",
        "the time it is as of, and its state: *provisional* until it settles, *final* after.",
        "",
        "All are gross: no traffic is filtered. Amounts are minor units of the orders' currency. Quotients are kept",
        "as two whole numbers and divided at the very end, so every engine gives the same figure to the last bit.",
        "",
        "A figure rests on orders and payments alone, also on what the server saw or did itself (who watched, said and",
        "had units held), or also on what browsers report, which anybody can invent",
        "within the limits of the collector.",
        "",
        "| metric | unit | by | rests on | final after | meaning | 含义 |",
        "|---|---|---|---|---|---|---|",
    ]
    every = sorted(metrics.every_metric().values(), key=lambda one: one.id)
    lines += [
        f"| `{one.name}` | {one.unit} | {', '.join(one.grains)} | {one.basis} | {one.settles_days} d | {_cell(one.en)} | {_cell(one.zh)} |"
        for one in every
    ]
    lines += [
        "",
        "## Tables they are computed from",
        "",
        "| table | holds |",
        "|---|---|",
        *(f"| `{table.name}` | {_cell(_sentence(table.doc))} |" for table in derived_tables()),
        "",
        "## As SQL",
        "",
        "What each is computed by, for DuckDB, at its first grain.",
        "",
    ]
    for one in every:
        lines += [f"### {one.name}", "", "```sql", metric_sql(one.id, one.grains[0]), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "docs/events.md": events_page,
    "docs/metrics.md": metrics_page,
    **{
        f"docs/schemas/{name}.json": partial(schemas.written, schema)
        for name, schema in schemas.every().items()
    },
}


def main() -> int:
    """Write the pages, or with --check say which differ."""
    stale: list[str] = []
    for name, page in PAGES.items():
        path = ROOT / name
        text = page()
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(name)
    for name in stale:
        print(f"{name} is out of date: run python tools/reference_pages.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
