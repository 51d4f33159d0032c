"""Whether the lake is what it says it is."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from shopfloor.collector import facts, lake, manifest
from shopfloor.collector.models import SERVER, Check
from shopfloor.collector.vocabulary import PRESENCE
from shopfloor.kernel import late

if TYPE_CHECKING:
    import pyarrow.parquet as pq
else:
    pq = late.module("pyarrow.parquet")


def audit(directory: Path, fact_ids: Iterable[UUID] | None = None) -> list[Check]:
    """Check the files against the manifest, the books against the files, and the outbox against the lake.

    `fact_ids` are those the collector's consumer has been given; without them the outbox is not compared.
    The order matters to the caller: read the ids first, then call, so that what arrives meanwhile is no
    complaint; a fact that is delivered but not among `fact_ids` counts as `without_a_fact`.
    """
    view = lake.open(directory)
    damaged = lake.damaged_files(directory, view.lines)
    checks = [*_files(view, damaged), _books(view)]
    if damaged:
        # What is in a damaged file cannot be told; the check on the files says which.
        return checks
    checks.append(_once(view))
    if fact_ids is not None:
        checks.append(facts.compare(fact_ids, fact_ids_in(view)))
    return checks


def fact_ids_in(view: lake.Lake) -> list[str]:
    """The ids of all events that are facts of ours: not presence, not what the collector says of itself."""
    rows = view.table(names=["id", "source", "type"])
    return [
        identity
        for identity, source, kind in zip(*(column.to_pylist() for column in rows.columns), strict=True)
        if source.startswith(SERVER)
        and source.removeprefix(SERVER).isdigit()
        and kind not in PRESENCE
        and not kind.startswith("collector.")
    ]


def _files(view: lake.Lake, damaged: list[str]) -> list[Check]:
    broken = manifest.verify_chain(view.directory)
    rows: list[str] = []
    for line in view.lines:
        for file in line.events:
            if file.path in damaged:
                continue
            if pq.read_metadata(view.directory / file.path).num_rows != file.rows:
                rows.append(file.path)
    count = sum(len(line.events) + len(line.bad_files) for line in view.lines)
    return [
        Check(
            "every file of the lake is the one that was sealed",
            not damaged,
            {"files": count, "damaged": len(damaged)},
            tuple(damaged[:100]),
        ),
        Check(
            "no line of the manifest was changed, moved or removed",
            not broken,
            {"lines": len(view.lines), "broken": len(broken)},
            tuple(broken[:100]),
        ),
        Check(
            "files hold the rows they say", not rows, {"files": count, "wrong": len(rows)}, tuple(rows[:100])
        ),
    ]


def _books(view: lake.Lake) -> Check:
    """The counts of each seal add up, and what was accepted is in its files."""
    wrong = [
        str(line.id)
        for line in view.lines
        if line.received != line.accepted + line.duplicate + line.bad
        or line.accepted != sum(file.rows for file in line.events)
        or line.bad != sum(file.rows for file in line.bad_files)
    ]
    figures = {
        "received": sum(line.received for line in view.lines),
        "accepted": sum(line.accepted for line in view.lines),
        "duplicate": sum(line.duplicate for line in view.lines),
        "bad": sum(line.bad for line in view.lines),
        "unsealed": view.as_of.unsealed_events,
        "torn_bytes": sum(line.torn_bytes for line in view.lines),
    }
    return Check(
        "received = accepted + duplicate + bad at every seal", not wrong, figures, tuple(wrong[:100])
    )


def _once(view: lake.Lake) -> Check:
    """No event is in the lake twice within the window of deduplication."""
    rows = view.table(names=["source", "id", "received_at"])
    last: dict[tuple[str, str], date] = {}
    repeated: list[str] = []
    for source, identity, received in zip(
        rows["source"].to_pylist(), rows["id"].to_pylist(), rows["received_at"].to_pylist(), strict=True
    ):
        key = (source, identity)
        earlier = last.get(key)
        if earlier is not None and abs((received.date() - earlier).days) < 7:
            repeated.append(f"{source} {identity}")
        last[key] = received.date()
    return Check(
        "no event is in the lake twice",
        not repeated,
        {"events": rows.num_rows, "repeated": len(repeated)},
        tuple(repeated[:100]),
    )
