"""Whether the lake is what it says it is.  However large it is, what is held of it in memory is bounded."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from shopfloor.collector import facts, index, lake, manifest
from shopfloor.collector.models import DEDUP_DAYS, SERVER
from shopfloor.collector.spill import Spill
from shopfloor.collector.vocabulary import PRESENCE
from shopfloor.kernel import late
from shopfloor.kernel.invariants import Invariant

if TYPE_CHECKING:
    import pyarrow.parquet as pq
else:
    pq = late.module("pyarrow.parquet")

_KEY: Final = 16
_MOST: Final = 100


def audit(
    directory: Path, fact_ids: Iterable[UUID] | None = None, *, since: datetime | None = None
) -> list[Invariant]:
    """Check the files against the manifest, the books against the files, and the outbox against the lake.

    `fact_ids` are those the collector's consumer has been given; without them the outbox is not compared.
    The order matters to the caller: read the ids first, then call, so that what arrives meanwhile is no
    complaint; a fact that is delivered but not among `fact_ids` counts as `without_a_fact`.  `since`: the outbox has
    forgotten its facts from before; what the lake has of them is all there is.
    """
    view = lake.open(directory)
    damaged, count = lake.damaged_files(view.snapshot)
    checks = [*_files(view, damaged, count), _books(view)]
    if damaged:
        # What is in a damaged file cannot be told; the check on the files says which.
        return checks
    checks.append(_once(view, directory))
    if fact_ids is not None:
        checks.append(_facts(directory, fact_ids, fact_ids_in(view), since=since))
    return checks


def fact_ids_in(view: lake.Lake) -> Iterator[str]:
    """The ids of all events that are facts of ours: not presence, not what the collector says of itself."""
    for rows in view.batches(["id", "source", "type"]):
        for identity, source, kind in zip(*(column.to_pylist() for column in rows.columns), strict=True):
            if (
                source.startswith(SERVER)
                and source.removeprefix(SERVER).isdigit()
                and kind not in PRESENCE
                and not kind.startswith("collector.")
            ):
                yield identity


def _facts(
    directory: Path, fact_ids: Iterable[UUID], lake_ids: Iterable[str], *, since: datetime | None
) -> Invariant:
    """`facts.compare`, one part of all ids at a time: what belongs to a fact is in the part of its id."""
    with Spill(directory) as outbox, Spill(directory) as found:
        for fact in fact_ids:
            outbox.add(str(fact).encode(), fact.bytes)
        for identity in lake_ids:
            found.add(identity.partition(":")[0].encode(), identity.encode())
        whole: Invariant | None = None
        for wanted, there in zip(outbox.parts(), found.parts(), strict=True):
            part = facts.compare(
                (UUID(bytes=each) for each in wanted), (each.decode() for each in there), since=since
            )
            whole = part if whole is None else _joined(whole, part)
    assert whole is not None
    return whole


def _joined(first: Invariant, other: Invariant) -> Invariant:
    figures = {name: value + other.figures[name] for name, value in first.figures.items()}
    offending = (*first.offending, *other.offending)[:_MOST]
    return Invariant(first.name, first.passed and other.passed, figures, offending)


def _files(view: lake.Lake, damaged: list[str], count: int) -> list[Invariant]:
    broken = manifest.verify_chain(view.directory)
    wrong = set(damaged)
    store = view.snapshot.store
    rows = [
        file.path
        for file in view.snapshot.files()
        if file.path not in wrong and pq.read_metadata(store.location(file.path)).num_rows != file.rows
    ]
    return [
        Invariant(
            "every file of the lake is the one that was sealed",
            not damaged,
            {"files": count, "damaged": len(damaged)},
            tuple(damaged[:_MOST]),
        ),
        Invariant(
            "no line of the manifest was changed, moved or removed",
            not broken,
            {"lines": view.snapshot.commits + len(view.snapshot.foreign), "broken": len(broken)},
            tuple(broken[:_MOST]),
        ),
        Invariant(
            "files hold the rows they say",
            not rows,
            {"files": count, "wrong": len(rows)},
            tuple(rows[:_MOST]),
        ),
    ]


def _books(view: lake.Lake) -> Invariant:
    """The counts of each seal add up, what was accepted is in its files, and a compaction kept every row."""
    wrong: list[str] = []
    figures = dict.fromkeys(("received", "accepted", "duplicate", "bad"), 0)
    torn = 0
    rows = array("q")
    for commit in view.snapshot.history():
        line = commit.line
        rows.append(sum(file.rows for file in line.events))
        if line.is_seal:
            kept = line.received == line.accepted + line.duplicate + line.bad
            kept = kept and line.accepted == rows[-1] and line.bad == sum(f.rows for f in line.bad_files)
        else:
            kept = all(number < commit.number for number in line.replaced)
            kept = kept and rows[-1] == sum(rows[number] for number in line.replaced)
        if not kept:
            wrong.append(commit.label)
        for name in figures:
            figures[name] += getattr(line, name)
        torn += line.torn_bytes
    figures |= {"unsealed": view.as_of.unsealed_events, "torn_bytes": torn}
    return Invariant(
        "received = accepted + duplicate + bad at every seal", not wrong, figures, tuple(wrong[:_MOST])
    )


def _once(view: lake.Lake, directory: Path) -> Invariant:
    """No event is in the lake twice within the window of deduplication."""
    events = 0
    repeated: set[bytes] = set()
    with Spill(directory) as spill:
        for rows in view.batches(["source", "id", "received_at"]):
            events += rows.num_rows
            for source, identity, received in zip(
                *(rows[name].to_pylist() for name in ("source", "id", "received_at")), strict=True
            ):
                key = index.key(source, identity)
                spill.add(key, key + received.toordinal().to_bytes(4, "little"))
        count = 0
        for part in spill.parts():
            for key in _repeated(part):
                count += 1
                if len(repeated) < _MOST:
                    repeated.add(key)
    return Invariant(
        "no event is in the lake twice",
        not count,
        {"events": events, "repeated": count},
        tuple(_named(view, repeated)) if repeated else (),
    )


def _repeated(rows: Sequence[bytes]) -> Iterator[bytes]:
    days: dict[bytes, list[int]] = {}
    for row in rows:
        days.setdefault(row[:_KEY], []).append(int.from_bytes(row[_KEY:], "little"))
    for key, seen in days.items():
        seen.sort()
        yield from (key for earlier, next_ in pairwise(seen) if next_ - earlier < DEDUP_DAYS)


def _named(view: lake.Lake, keys: set[bytes]) -> Iterator[str]:
    """Source and id of events of which only the key is known."""
    left = set(keys)
    for rows in view.batches(["source", "id"]):
        for source, identity in zip(*(column.to_pylist() for column in rows.columns), strict=True):
            if (key := index.key(source, identity)) in left:
                left.discard(key)
                yield f"{source} {identity}"
