"""Bad events, one file after the other, and which of them were taken later.

An event that was bad is in a file of `bad/` with the reason and the bytes.  When the rules have changed, or a
mistake of ours is mended, it is judged again; the number of its line is then kept beside the file, so that it is
taken once, also when it is tried again after the week in which sources and ids are compared.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from shopfloor.collector import manifest, sealer
from shopfloor.collector.intake import parse_again
from shopfloor.collector.lake import Lake
from shopfloor.collector.models import Bad, Event
from shopfloor.kernel import storage
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.storage import Missing

_TAKEN: Final = ".taken.json"


@dataclass(frozen=True, slots=True)
class Judged:
    """The bad events of one file by today's rules: what is good now, by line, and what is not, with its reason."""

    file: str
    good: dict[int, Event]
    bad: tuple[Bad, ...]


def judge(directory: Path, reasons: Collection[str] | None = None) -> Iterator[Judged]:
    """All bad events that were not taken later; of `reasons`, those that were refused for one of them."""
    store = storage.of(directory)
    for commit in manifest.load(store).with_bad():
        for file in commit.line.bad_files:
            taken = _taken(directory, file.path)
            good: dict[int, Event] = {}
            bad: list[Bad] = []
            single = msgspec.structs.replace(commit.line, bad_files=[file])
            for place, (kept, raw) in enumerate(sealer.read_bad(store, single)):
                if place in taken or (reasons is not None and kept.reason not in reasons):
                    continue
                entry = parse_again(raw, received=kept.received_at, viewer=kept.viewer, site=kept.site)
                if isinstance(entry, Event):
                    good[place] = entry
                else:
                    bad.append(entry)
            if good or bad:
                yield Judged(file.path, good, tuple(bad))


def bad_events(view: Lake, since: datetime, until: datetime) -> Iterator[Bad]:
    """What was received between the two and is no event to this day, sealed or not."""
    for commit in view.snapshot.with_bad():
        for file in commit.line.bad_files:
            # Files are by the hour: of a year of them only those of the show are read.
            hour = datetime.fromisoformat(file.path.partition("hour=")[2][:13] + ":00+00:00")
            if hour > until or hour + timedelta(hours=1) <= since:
                continue
            taken = _taken(view.directory, file.path)
            single = msgspec.structs.replace(commit.line, bad_files=[file])
            for place, (kept, raw) in enumerate(sealer.read_bad(view.snapshot.store, single)):
                if place not in taken and since <= kept.received_at <= until:
                    yield Bad(kept.id, kept.reason, raw, kept.viewer, kept.site)
    yield from (bad for received, bad in view.bad_tail if since <= received <= until)


def remember(directory: Path, file: str, places: Collection[int]) -> None:
    """These lines of a file of bad events were taken."""
    taken = sorted(_taken(directory, file) | set(places))
    storage.of(directory).put(file + _TAKEN, msgspec.json.encode(taken))


def is_note(name: str) -> bool:
    """Whether an object says what was taken of a file of bad events."""
    return name.endswith(_TAKEN)


def _taken(directory: Path, file: str) -> set[int]:
    try:
        return msgspec.json.decode(storage.of(directory).get(file + _TAKEN), type=set[int])
    except Missing:
        return set()
