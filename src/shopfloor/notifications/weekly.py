"""The mail about a shop's week: on Monday morning of its zone, once, to members who may see reports and want it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from shopfloor import accounts, catalog, live, notices, reports
from shopfloor.accounts import Role, Shop
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.notices import Kind, NewNotice, tell
from shopfloor.notifications import reader_queries, weekly_queries
from shopfloor.reports import ShopReport, ShowLine

FROM: Final = time(8, 0)
# How long figures that are still being made are waited for, and how long a week is told of at all.
PATIENCE: Final = timedelta(hours=6)
LATEST: Final = timedelta(days=3)
ASK_AGAIN_AFTER: Final = timedelta(minutes=10)
BEST: Final = 5
MOST_SHOWS: Final = 30
_WEEKS: Final = UUID("5b9d1d0a-6f0e-4d5e-9a51-6d8f3c2b7e11")
# Those whose role lets them see reports, which a test holds.
SEE_REPORTS: Final = (Role.OWNER, Role.MERCHANDISER, Role.HOST, Role.FINANCE, Role.ANALYST)


@dataclass(frozen=True, slots=True)
class Due:
    """A week that may be told of: its Monday, when it ended, and since when by the clock on the wall it is due."""

    week: date
    ended_at: datetime
    waited: timedelta


def due(at: datetime, timezone: str) -> Due | None:
    """By the clock on the wall, so that a night of 23 or 25 hours changes nothing."""
    zone = ZoneInfo(timezone)
    there = at.astimezone(zone).replace(tzinfo=None)
    monday = there.date() - timedelta(days=there.weekday())
    waited = there - datetime.combine(monday, FROM)
    if not timedelta() <= waited < LATEST:
        return None
    return Due(monday - timedelta(days=7), datetime.combine(monday, time(), zone), waited)


async def look(tx: Tx) -> int:
    """Tell of each week that is due and whose figures are there, and ask for those that are not.

    Returns how many were told.
    """
    at, count = now(), 0
    known: dict[date, set[int]] = {}
    for shop in await accounts.shops(tx):
        wanted = due(at, shop.timezone)
        if wanted is None:
            continue
        if wanted.week not in known:
            known[wanted.week] = await weekly_queries.told_of(tx, week=wanted.week)
        if shop.id not in known[wanted.week]:
            count += await _tell(tx, shop, wanted, at)
    return count


async def _tell(tx: Tx, shop: Shop, wanted: Due, at: datetime) -> int:
    if not await _has_show(tx, shop, wanted.week):
        await weekly_queries.take_week(tx, shop_id=shop.id, week=wanted.week)
        return 0
    report = await reports.stored_shop_report(tx, shop_id=shop.id)
    if report is None or report.as_of < wanted.ended_at:
        await reports.ask_shop_report(tx, shop_id=shop.id)
        return 0
    waiting = [show_id for show_id in report.missing if await _is_of(tx, shop, show_id, wanted.week)]
    if waiting and wanted.waited < PATIENCE:
        if at - report.as_of > ASK_AGAIN_AFTER:
            await reports.ask_shop_report(tx, shop_id=shop.id)
        return 0
    shows = [show for show in report.shows if show.week == wanted.week]
    if not shows:
        return 0
    if not await weekly_queries.take_week(tx, shop_id=shop.id, week=wanted.week):
        return 0
    facts = await facts_of(
        tx, shop, report, shows, waiting=len(set(waiting) - {each.show_id for each in shows})
    )
    return await _to_members(tx, shop, wanted.week, facts)


async def _to_members(tx: Tx, shop: Shop, week: date, facts: Mapping[str, Any]) -> int:
    unwanted = await weekly_queries.off(tx, shop_id=shop.id)
    count = 0
    for member in await reader_queries.members(tx, shop_id=shop.id, roles=SEE_REPORTS):
        if member.person_id in unwanted:
            continue
        notice = NewNotice(
            shop_id=shop.id,
            fact_id=uuid5(_WEEKS, f"{shop.id} {week} {member.person_id}"),
            kind=Kind.WEEK_REPORT,
            recipient=member.email,
            locale="",
            name=member.name,
            facts={**facts, "person_id": member.person_id},
        )
        count += await tell(tx, notice) is not None
    await weekly_queries.note_readers(tx, shop_id=shop.id, week=week, readers=count)
    return count


def _week_of(moment: datetime, shop: Shop) -> date:
    day = moment.astimezone(ZoneInfo(shop.timezone)).date()
    return day - timedelta(days=day.weekday())


async def _has_show(tx: Tx, shop: Shop, week: date) -> bool:
    shows = await live.shows(tx, shop_id=shop.id, status=live.ShowStatus.ENDED, limit=100)
    return any(show.started_at is not None and _week_of(show.started_at, shop) == week for show in shows)


async def _is_of(tx: Tx, shop: Shop, show_id: int, week: date) -> bool:
    show = await live.show(tx, shop_id=shop.id, show_id=show_id)
    return show.started_at is not None and _week_of(show.started_at, shop) == week


async def facts_of(
    tx: Tx, shop: Shop, report: ShopReport, shows: Sequence[ShowLine], *, waiting: int
) -> dict[str, Any]:
    """What the letter is made of, as the page of the reports has it.  Amounts are minor units."""
    nets = await reports.net_money(tx, shop_id=shop.id, show_ids=[each.show_id for each in shows])
    [whole] = reports.parts(shows, lambda _: None, nets)
    best = [each for each in reports.products_of(shows) if each.gmv_paid > 0][:BEST]
    products = await catalog.products_by_id(tx, shop_id=shop.id, ids=[each.product_id for each in best])
    lines: list[dict[str, Any]] = []
    for each in sorted(shows, key=lambda each: each.started_at)[:MOST_SHOWS]:
        show = await live.show(tx, shop_id=shop.id, show_id=each.show_id)
        [line] = reports.parts([each], lambda _: None, nets)
        beside = reports.compared(report.shows, each)["gmv_paid"]
        lines.append(
            {
                "title": show.title,
                "titles": dict(show.titles),
                "at": each.started_at.isoformat(),
                "paid_minor": line.sums["gmv_paid"],
                "net_minor": line.sums["gmv_net"],
                "verdict": str(beside.verdict),
                "comparable": beside.shows,
                **(
                    {}
                    if beside.low is None or beside.high is None
                    else {"low_minor": round(beside.low), "high_minor": round(beside.high)}
                ),
            }
        )
    return {
        "week": shows[0].week.isoformat(),
        "currency": report.currency or shop.currency,
        "count": len(shows),
        "paid_minor": whole.sums["gmv_paid"],
        "net_minor": whole.sums["gmv_net"],
        "judged": whole.judged,
        "invalid_minor": whole.invalid,
        "net_of_both_minor": whole.net_of_both,
        "units": whole.sums["units_paid"],
        "returned": whole.sums["units_returned"],
        "shows": lines,
        "products": [
            {
                "title": products[each.product_id].title,
                "titles": dict(products[each.product_id].titles),
                "units": each.units_paid,
                "paid_minor": each.gmv_paid,
            }
            for each in best
            if each.product_id in products
        ],
        "waiting": waiting,
        "path": "/reports?weeks=4",
    }


async def unwanted_of(tx: Tx, *, person_id: int) -> set[int]:
    """The shops of which this person wants none."""
    return await weekly_queries.off_of(tx, person_id=person_id)


async def turn_off(tx: Tx, *, shop_id: int, person_id: int, email: str) -> None:
    """None goes to this person from now on, also none that waits to leave."""
    await weekly_queries.turn_off(tx, shop_id=shop_id, person_id=person_id)
    await notices.readers.drop_queued_to(tx, shop_id=shop_id, recipient=email, kinds=[Kind.WEEK_REPORT])


async def turn_on(tx: Tx, *, shop_id: int, person_id: int) -> None:
    await weekly_queries.turn_on(tx, shop_id=shop_id, person_id=person_id)
