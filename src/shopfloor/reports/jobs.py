"""The report of a shop as a job: made by a worker process, kept, shown with its as-of."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from shopfloor import accounts, live, metrics
from shopfloor.kernel import jobs
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.reports.models import ShopReport, ShowLine

# Half a year: enough for every weekday to have a past.
SPAN: Final = timedelta(weeks=26)
MOST_SHOWS: Final = 400
PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class OfShop:
    shop_id: int


REPORT: Final = jobs.Job("reports.shop", asked=OfShop)


async def ask_shop_report(tx: Tx, *, shop_id: int, urgent: bool = False) -> jobs.Ticket:
    return await jobs.ask(tx, REPORT, OfShop(shop_id), key=str(shop_id), shop_id=shop_id, urgent=urgent)


async def make_shop_report(run: jobs.Run, asked: OfShop, *, lake: Path) -> None:
    """Raises metrics.MixedCurrencies."""
    await run.progress(0.1, "reading")
    as_of = now()
    async with run.db.transaction() as tx:
        shop = await accounts.shop(tx, asked.shop_id)
        shows, missing = await _shows(tx, shop, since=as_of - SPAN)
    sales = await asyncio.to_thread(metrics.sales, lake, asked.shop_id, zone=shop.timezone, at=as_of)
    report = ShopReport(shop.id, as_of, sales.currency or shop.currency, tuple(shows), tuple(missing), sales)
    async with run.db.transaction() as tx:
        for show_id in missing:
            await metrics.ask_report(tx, shop_id=shop.id, show_id=show_id)
        await run.done(tx, as_of=as_of, result=report)


async def _shows(tx: Tx, shop: accounts.Shop, *, since: datetime) -> tuple[list[ShowLine], list[int]]:
    """Those that ended, with the figures each report of them has; and those whose figures are to be made."""
    found: list[ShowLine] = []
    missing: list[int] = []
    zone = ZoneInfo(shop.timezone)
    for show in await live.shows(tx, shop_id=shop.id, status=live.ShowStatus.ENDED, limit=MOST_SHOWS):
        if show.ended_at is None or show.started_at is None or show.ended_at < since:
            continue
        report = await metrics.stored_report(tx, shop_id=shop.id, show_id=show.id)
        if report is None or "gmv_net_1" not in report.figures or _has_moved_on(report, show.ended_at):
            # None was made, or by a release that knew fewer figures, or what buyers keep was not known yet.
            missing.append(show.id)
        if report is None or report.ended_at is None:
            continue
        day = report.started_at.astimezone(zone).date()
        found.append(
            ShowLine(
                show.id,
                report.started_at,
                report.ended_at,
                day,
                day - timedelta(days=day.weekday()),
                day.weekday(),
                (report.ended_at - report.started_at).total_seconds(),
                show.host_id,
                report.currency,
                report.figures,
                report.products,
                tuple(each for each in report.groups if each.grain == "source"),
            )
        )
    return sorted(found, key=lambda each: each.started_at, reverse=True), missing


def _has_moved_on(report: metrics.ShowReport, ended_at: datetime) -> bool:
    """Whether figures of this report were not final yet, and a day has gone by since."""
    settled = ended_at + timedelta(days=max(each.settles_days for each in metrics.every_metric().values()))
    return report.as_of < min(settled, now() - timedelta(days=1))


async def shop_report_state(tx: Tx, *, shop_id: int) -> jobs.State | None:
    return await jobs.state(tx, REPORT, str(shop_id))


async def stored_shop_report(tx: Tx, *, shop_id: int) -> ShopReport | None:
    """The newest that was made."""
    found = await jobs.result(tx, REPORT, str(shop_id), ShopReport)
    return None if found is None else found.value


async def shop_report_of(db: Database, *, shop_id: int) -> ShopReport:
    """One that is made from now on.  Raises metrics.MixedCurrencies, jobs.NotReadyYet."""
    async with db.transaction() as tx:
        ticket = await ask_shop_report(tx, shop_id=shop_id, urgent=True)
    await jobs.answer(db, ticket, patience=PATIENCE)
    async with db.transaction() as tx:
        report = await stored_shop_report(tx, shop_id=shop_id)
    assert report is not None, "it was answered"
    return report
