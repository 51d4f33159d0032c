"""A copy of the lake as of one moment, while it is written to."""

from collections.abc import Callable, Collection
from pathlib import Path
from uuid import UUID

from shopfloor.collector import lake, log, manifest, replay
from shopfloor.collector.audit import fact_ids_in
from shopfloor.collector.manifest_objects import SealedFile
from shopfloor.kernel import storage


def begin_copy(directory: Path, keep: Callable[[str, bytes], None]) -> list[SealedFile]:
    """Give what may change to `keep`: the manifest and the ends of the logs, of one moment, name by name.

    Returns the sealed files that this manifest names.  They never change and are there for another day: copy them
    afterwards.  Nothing is sealed meanwhile; events are taken on.  The index is not copied: `rebuild_index` makes it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    # What was taken again, before the logs that have it: the other way round an event would be lost.
    for name in storage.of(directory).names("bad/"):
        if replay.is_note(name):
            keep(name, storage.of(directory).get(name))
    with manifest.sealing(directory) as known:
        # A process that ended long ago has its empty logs taken away at any time.
        for segment, path in log.segments(directory):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue
            if not known.is_sealed(segment):
                keep(path.relative_to(directory).as_posix(), data)
        for name, data in manifest.objects(known):
            keep(name, data)
        return [*known.files(), *(file for commit in known.with_bad() for file in commit.line.bad_files)]


def facts_in(directory: Path, wanted: Collection[UUID]) -> set[UUID]:
    """Those of these facts that are in the lake."""
    texts = {str(fact): fact for fact in wanted}
    found: set[UUID] = set()
    for identity in fact_ids_in(lake.open(directory)):
        fact = texts.get(identity.partition(":")[0])
        if fact is not None:
            found.add(fact)
    return found
