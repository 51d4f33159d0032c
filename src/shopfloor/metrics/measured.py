"""How much of a show the page's own events tell of, and how many of them never arrived."""

from collections.abc import Sequence
from typing import Final

from shopfloor.metrics.formulas import quotient, rows
from shopfloor.metrics.registry import Table, Tables, metric
from shopfloor.metrics.tables import total

# A page that is open for a day sends less; a larger number was made up.
MOST_EVENTS: Final = 100_000


@metric(
    "events_lost",
    version=1,
    unit="ratio",
    en="Events that pages numbered and that never arrived, of all they numbered; what was lost after the last one "
    "that arrived is not seen.",
    zh="事件丢失率：页面已编号但未送达的事件占已编号事件的比例；最后一条送达之后的丢失无法得知。",
    basis="browser",
)
def events_lost(t: Tables, by: Sequence[str]) -> Table:
    events = t["events"]
    numbered = events.filter(
        events.ours == 0,
        events.session_id.notnull(),
        events.sequence >= 1,
        events.sequence <= MOST_EVENTS,
    )
    arrived = numbered.select("show_id", "viewer", "session_id", "sequence").distinct()
    pages = arrived.group_by("show_id", "viewer", "session_id").agg(
        last=arrived.sequence.max(), found=arrived.count()
    )
    return pages.group_by(list(by)).agg(n=total(pages.last - pages.found), d=total(pages.last))


@metric(
    "unmeasured",
    version=1,
    unit="ratio",
    en="Visits of people whose page reported nothing, of all visits (live_views): they refuse it, or something blocks it.",
    zh="未测量占比：页面未上报任何事件的进入次数（拒绝测量或被拦截）占 live_views 的比例。",
    basis="browser",
)
def unmeasured(t: Tables, by: Sequence[str]) -> Table:
    events = t["events"]
    enters = events.filter(events.type == "live.enter", events.ours == 1)
    reporting = (
        events.filter(events.ours == 0, events.viewer.notnull()).select("show_id", "viewer").distinct()
    )
    silent = enters.anti_join(reporting, ["show_id", "viewer"])
    return quotient(rows(silent, by), rows(enters, by))
