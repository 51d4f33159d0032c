"""The event intake and the lake.

Promise: an event that was answered `ok` is on the disk and is in the lake exactly once, however often it was
sent, whichever process took it, and whenever that process was killed.  received = accepted + duplicate + bad,
exactly, at every seal.  Money, stock and supplier events come only from our own outbox, through `from_fact`.

    collector = Collector(data_dir / "lake", writer="web-1")
    await collector.start()
    await collector.append(events)
    view = lake.open(data_dir / "lake")
    view.table(show_id=7)
"""

from typing import TYPE_CHECKING

from shopfloor.collector import lake
from shopfloor.collector.audit import audit
from shopfloor.collector.compaction import compact, forget_writers, hour_of
from shopfloor.collector.copying import begin_copy, facts_in
from shopfloor.collector.endpoint import Endpoint
from shopfloor.collector.exporting import Wanted, export
from shopfloor.collector.facts import compare, from_fact
from shopfloor.collector.lake import Lake
from shopfloor.collector.models import (
    REFUSED,
    SERVER,
    Bad,
    Closing,
    Event,
    LakeDamaged,
    NotDurable,
    Sealed,
    WriterTaken,
)
from shopfloor.collector.replay import bad_events, judge
from shopfloor.collector.sealer import rebuild_index, seal_everything
from shopfloor.collector.sealing_process import SealingProcess
from shopfloor.collector.service import Collector
from shopfloor.collector.spill import FactIds
from shopfloor.collector.vocabulary import BROWSER, SHEDDING_ORDER
from shopfloor.kernel import late

if TYPE_CHECKING:
    from shopfloor.collector.columns import SCHEMA, WORDS
else:
    __getattr__ = late.names(__name__, {"SCHEMA": "columns", "WORDS": "columns"})

__all__ = [
    "BROWSER",
    "REFUSED",
    "SCHEMA",
    "SERVER",
    "SHEDDING_ORDER",
    "WORDS",
    "Bad",
    "Closing",
    "Collector",
    "Endpoint",
    "Event",
    "FactIds",
    "Lake",
    "LakeDamaged",
    "NotDurable",
    "Sealed",
    "SealingProcess",
    "Wanted",
    "WriterTaken",
    "audit",
    "bad_events",
    "begin_copy",
    "compact",
    "compare",
    "export",
    "facts_in",
    "forget_writers",
    "from_fact",
    "hour_of",
    "judge",
    "lake",
    "rebuild_index",
    "seal_everything",
]
