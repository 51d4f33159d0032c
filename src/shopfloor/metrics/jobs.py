"""The report of a show as a job: made by a worker process, kept, shown with its as-of."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from shopfloor import accounts, live
from shopfloor.kernel import jobs, late
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.records import dataclass
from shopfloor.metrics.models import ShowReport

if TYPE_CHECKING:
    from shopfloor.metrics import service
else:
    service = late.module("shopfloor.metrics.service")


@dataclass(frozen=True, slots=True)
class OfShow:
    shop_id: int
    show_id: int


REPORT: Final = jobs.Job("metrics.report", asked=OfShow)
# A request waits so long for a report; a show of a million events takes some seconds.
PATIENCE: Final = 60.0


def _key(shop_id: int, show_id: int) -> str:
    return f"{shop_id}/{show_id}"


async def ask_report(tx: Tx, *, shop_id: int, show_id: int, urgent: bool = False) -> jobs.Ticket:
    return await jobs.ask(
        tx, REPORT, OfShow(shop_id, show_id), key=_key(shop_id, show_id), shop_id=shop_id, urgent=urgent
    )


async def make_report(run: jobs.Run, asked: OfShow, *, lake: Path) -> None:
    """Its peak of viewers is what the show's own pages say from now on.  Raises UnknownShow, MixedCurrencies."""
    await run.progress(0.1, "reading")
    report = await asyncio.to_thread(service.show_report, lake, asked.shop_id, asked.show_id)
    async with run.db.transaction() as tx:
        await live.set_peaks(
            tx, peaks={asked.show_id: report.figures["pcu"].numerator}, shop_id=asked.shop_id
        )
        await run.done(tx, as_of=report.as_of, result=report)


async def report_state(tx: Tx, *, shop_id: int, show_id: int) -> jobs.State | None:
    return await jobs.state(tx, REPORT, _key(shop_id, show_id))


async def stored_report(tx: Tx, *, shop_id: int, show_id: int) -> ShowReport | None:
    """The newest that was made, on the clocks of the shop."""
    found = await jobs.result(tx, REPORT, _key(shop_id, show_id), ShowReport)
    if found is None:
        return None
    shop = await accounts.shop(tx, shop_id)
    return found.value.in_zone(ZoneInfo(shop.timezone))


async def report_of(db: Database, *, shop_id: int, show_id: int) -> ShowReport:
    """One that is made from now on.  Raises UnknownShow, MixedCurrencies, jobs.NotReadyYet."""
    async with db.transaction() as tx:
        ticket = await ask_report(tx, shop_id=shop_id, show_id=show_id, urgent=True)
    await jobs.answer(db, ticket, patience=PATIENCE)
    async with db.transaction() as tx:
        report = await stored_report(tx, shop_id=shop_id, show_id=show_id)
    assert report is not None, "it was answered"
    return report
