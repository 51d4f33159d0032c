"""The mail about a shop's week: when, to whom, once, and what it says."""

import html
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.jobs import drain
from tests.web.conftest import Stage
from tests.web.test_web_console_terms import member

from shopfloor import accounts, letters, metrics, notices, reports
from shopfloor.accounts import PERMISSIONS
from shopfloor.kernel import jobs
from shopfloor.notices import Kind, State
from shopfloor.notifications import weekly
from shopfloor.reports import ShopReport, ShowLine

# 2026-11-23 is a Monday; a week later, 9:00 in Shanghai.
WEEK = date(2026, 11, 23)
SHANGHAI = ZoneInfo("Asia/Shanghai")
MORNING = datetime(2026, 11, 30, 9, 0, tzinfo=SHANGHAI)
THURSDAY = datetime(2026, 11, 26, 20, 0, tzinfo=SHANGHAI)


def line(show_id: int, started_at: datetime, *, paid: int, net: int, products: Any = ()) -> ShowLine:
    def figure(name: str, value: int, unit: str = "minor") -> metrics.Figure:
        return metrics.Figure(name, 1, unit, value, None, MORNING, "final")

    day = started_at.astimezone(SHANGHAI).date()
    figures = {
        "gmv_paid": figure("gmv_paid", paid),
        "gmv_net": figure("gmv_net", net),
        "units_paid": figure("units_paid", 30, "count"),
        "units_returned": figure("units_returned", 2, "count"),
    }
    return ShowLine(
        show_id, started_at, started_at + timedelta(hours=2), day, day - timedelta(days=day.weekday()),
        day.weekday(), 7200.0, None, "CNY", figures, tuple(products), (),
    )  # fmt: skip


def product(product_id: int, units: int, paid: int) -> metrics.ProductRow:
    return metrics.ProductRow(product_id, 0, 0, 0, 0, 0, 0, 0, units, paid, paid, paid)


def report(stage: Stage, *, as_of: datetime = MORNING, missing: Sequence[int] = ()) -> ShopReport:
    """The show of this week, and five earlier ones on Thursdays that always brought the same."""
    shows = [
        line(
            stage.show.id,
            THURSDAY,
            paid=300_000,
            net=280_000,
            products=[product(stage.shirt.id, 30, 300_000)],
        )
    ]
    shows += [line(1000 + n, THURSDAY - timedelta(weeks=n), paid=100_000, net=90_000) for n in range(1, 6)]
    return ShopReport(stage.shop.id, as_of, "CNY", tuple(shows), tuple(missing), None)


@pytest.fixture
async def ended(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A shop in Shanghai whose show was on Thursday; it is Monday, 9:00."""
    monkeypatch.setattr(weekly, "now", lambda: MORNING)
    async with stage.db.transaction() as tx:
        await tx.run("UPDATE accounts.shop SET timezone = 'Asia/Shanghai'")
        await tx.run(
            "UPDATE live.show SET status = 'ended', started_at = %(at)s, ended_at = %(over)s",
            at=THURSDAY,
            over=THURSDAY + timedelta(hours=2),
        )
    return stage


async def keep(stage: Stage, dsn: str, found: ShopReport) -> None:
    """As the job of the reports keeps it."""

    async def make(run: jobs.Run, _: reports.jobs.OfShop) -> None:
        async with run.db.transaction() as tx:
            await run.done(tx, as_of=found.as_of, result=found)

    async with stage.db.transaction() as tx:
        await reports.ask_shop_report(tx, shop_id=stage.shop.id)
    await drain(dsn, stage.db, {reports.jobs.REPORT: make})


async def look(stage: Stage) -> int:
    async with stage.db.transaction() as tx:
        return await weekly.look(tx)


async def sent(stage: Stage) -> list[tuple[str, str]]:
    async with stage.db.transaction() as tx:
        page = await notices.page_of(tx, shop_id=stage.shop.id, kind=Kind.WEEK_REPORT, limit=50)
    return sorted((each.recipient, str(each.state)) for each in page.items)


async def letter(stage: Stage) -> letters.Letter:
    async with stage.db.transaction() as tx:
        page = await notices.page_of(tx, shop_id=stage.shop.id, kind=Kind.WEEK_REPORT, limit=1)
        found = await letters.compose(tx, page.items, origin="https://shop.test")
    return found[page.items[0].id].letter


def test_who_is_told_may_see_reports() -> None:
    assert set(weekly.SEE_REPORTS) == {
        role for role, may in PERMISSIONS.items() if accounts.Permission.REPORT_VIEW in may
    }


async def test_members_who_may_see_reports_are_told_once(ended: Stage, dsn: str) -> None:
    for role, name in (
        (accounts.Role.ANALYST, "ana"), (accounts.Role.HOST, "hope"), (accounts.Role.MODERATOR, "mo"),
        (accounts.Role.SUPPLIER, "sue"),
    ):  # fmt: skip
        await member(ended, role, name)
    await keep(ended, dsn, report(ended))

    assert [await look(ended), await look(ended)] == [3, 0]
    assert await sent(ended) == [
        ("ana@example.com", "queued"), ("hope@example.com", "queued"), ("owner@example.com", "queued"),
    ]  # fmt: skip


async def test_it_says_what_the_reports_say(ended: Stage, dsn: str) -> None:
    await keep(ended, dsn, report(ended))
    await look(ended)
    said = await letter(ended)

    assert (said.subject, said.intro) == (
        "Harbour: your week, Nov 23, 2026 – Nov 29, 2026",
        ["1 show in the week of Nov 23, 2026 – Nov 29, 2026, CN¥3,000.00 paid."],
    )
    assert [(each.label, each.value) for each in said.facts] == [
        ("Paid", "CN¥3,000.00"),
        ("of it invalid", "Not every show has been judged yet"),
        ("Net of returns so far", "CN¥2,800.00"),
        ("What came back", "2 of 30 units (6.7 %)"),
        (
            "Autumn · Thu, Nov 26 20:00 CST",
            "CN¥3,000.00 paid, CN¥2,800.00 net of returns\nHigher than usual: 5 comparable shows suggest CN¥1,000.00 to CN¥1,000.00.",
        ),
        ("Best products", "Shirt: 30 sold, CN¥3,000.00"),
    ]
    assert said.link == "https://shop.test/console/harbour/reports?weeks=4"
    assert re.fullmatch(r"https://shop\.test/s/harbour/unsubscribe/[0-9a-f-]{36}", said.unsubscribe)


async def test_it_speaks_the_language_of_the_shop(ended: Stage, dsn: str) -> None:
    async with ended.db.transaction() as tx:
        await tx.run("UPDATE accounts.shop SET locale = 'zh_CN'")
    await keep(ended, dsn, report(ended))
    await look(ended)
    said = await letter(ended)

    assert said.subject == "Harbour：2026年11月23日 – 2026年11月29日 周报"
    assert [(each.label, each.value) for each in said.facts][-2:] == [
        (
            "秋天 · 11月26日周四 20:00 CST",
            "已支付 ¥3,000.00，净额 ¥2,800.00\n高于往常：按 5 场可比直播推算，应在 ¥1,000.00 至 ¥1,000.00 之间。",
        ),
        ("热销商品", "衬衫：售出 30 件，¥3,000.00"),
    ]


async def test_nothing_goes_before_the_figures_hold_the_whole_week(ended: Stage, dsn: str) -> None:
    async def asked() -> bool:
        async with ended.db.transaction() as tx:
            state = await reports.shop_report_state(tx, shop_id=ended.shop.id)
        return state is not None and state.is_under_way

    assert (await look(ended), await asked()) == (0, True)
    await keep(ended, dsn, report(ended, as_of=datetime(2026, 11, 29, 23, 59, tzinfo=SHANGHAI)))
    assert (await look(ended), await asked()) == (0, True)
    await keep(ended, dsn, report(ended, as_of=datetime(2026, 11, 30, 0, 0, tzinfo=SHANGHAI)))
    assert (await look(ended), await sent(ended)) == (1, [("owner@example.com", "queued")])


async def test_figures_that_are_being_made_are_waited_for_until_the_afternoon(
    ended: Stage, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ended.db.transaction() as tx:
        other = await tx.value(
            """
            INSERT INTO live.show (shop_id, title, status, started_at, ended_at)
            SELECT shop_id, 'Late', status, started_at, ended_at FROM live.show RETURNING id
            """
        )
    await keep(ended, dsn, report(ended, missing=[other]))
    assert await look(ended) == 0
    monkeypatch.setattr(weekly, "now", lambda: MORNING.replace(hour=14))
    assert await look(ended) == 1
    assert "Shows whose figures are not ready yet, and not included: 1." in (await letter(ended)).notes


async def test_a_week_without_a_show_is_not_told_of(ended: Stage, dsn: str) -> None:
    await keep(ended, dsn, report(ended))
    async with ended.db.transaction() as tx:
        await tx.run("UPDATE live.show SET started_at = started_at - interval '7 days'")

    assert (await look(ended), await sent(ended)) == (0, [])
    async with ended.db.transaction() as tx:
        assert (
            await tx.value("SELECT readers FROM notifications.weekly WHERE week = %(week)s", week=WEEK) == 0
        )


@pytest.mark.parametrize(
    ("zone", "at", "week"),
    [
        ("Asia/Shanghai", "2026-11-30T07:59:59+08:00", None),
        ("Asia/Shanghai", "2026-11-30T08:00:00+08:00", "2026-11-23"),
        ("Asia/Shanghai", "2026-12-03T07:59:59+08:00", "2026-11-23"),
        ("Asia/Shanghai", "2026-12-03T08:00:00+08:00", None),
        ("America/New_York", "2026-11-30T08:00:00+08:00", None),
        # The nights in which clocks change: Sunday has 25 hours, then 23.
        ("Europe/Berlin", "2026-10-26T07:59:59+01:00", None),
        ("Europe/Berlin", "2026-10-26T08:00:00+01:00", "2026-10-19"),
        ("Europe/Berlin", "2026-03-30T07:59:59+02:00", None),
        ("Europe/Berlin", "2026-03-30T08:00:00+02:00", "2026-03-23"),
        # Where they change on a Monday at midnight, the morning is where it was.
        ("Africa/Cairo", "2026-11-30T08:00:00+02:00", "2026-11-23"),
    ],
)
def test_it_is_due_on_monday_morning_by_the_clock_on_the_wall(zone: str, at: str, week: str | None) -> None:
    found = weekly.due(datetime.fromisoformat(at), zone)

    assert (None if found is None else found.week.isoformat()) == week


def test_a_week_ends_at_midnight_also_when_clocks_change() -> None:
    found = weekly.due(datetime(2026, 10, 26, 8, 0, tzinfo=UTC), "Europe/Berlin")

    assert found is not None
    assert found.ended_at.astimezone(UTC) == datetime(2026, 10, 25, 23, 0, tzinfo=UTC)
    assert found.waited == timedelta(hours=1)


async def test_a_shop_that_moves_is_told_of_a_week_once(
    ended: Stage, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(ended, dsn, report(ended))
    assert await look(ended) == 1
    async with ended.db.transaction() as tx:
        await tx.run("UPDATE accounts.shop SET timezone = 'America/New_York'")
    monkeypatch.setattr(weekly, "now", lambda: MORNING + timedelta(hours=13))

    assert (await look(ended), len(await sent(ended))) == (0, 1)


async def test_a_member_turns_it_off_and_on_for_one_shop(ended: Stage, dsn: str) -> None:
    await keep(ended, dsn, report(ended))
    await look(ended)
    ended.client.cookies.set("session", await member(ended, accounts.Role.ANALYST, "ana"))
    page = html.unescape((await ended.client.get("/account")).text)
    assert 'action="/account/weekly"' in page
    for _ in range(2):
        off = await ended.client.post("/account/weekly", data={"shop": "harbour"})
        assert off.status_code == 303
    strange = await ended.client.post("/account/weekly", data={"shop": "corner"})
    assert strange.status_code == 404
    async with ended.db.transaction() as tx:
        await tx.run("DELETE FROM notifications.weekly")
    assert await look(ended) == 0, "the owner was told, ana wants none"

    on = await ended.client.post("/account/weekly", data={"shop": "harbour", "wanted": "yes"})
    assert on.status_code == 303
    async with ended.db.transaction() as tx:
        await tx.run("DELETE FROM notifications.weekly")
    assert await look(ended) == 1
    assert await sent(ended) == [("ana@example.com", "queued"), ("owner@example.com", "queued")]


async def test_the_link_in_the_mail_turns_it_off_and_nothing_else(ended: Stage, dsn: str) -> None:
    await keep(ended, dsn, report(ended))
    await look(ended)
    at = (await letter(ended)).unsubscribe.removeprefix("https://shop.test")
    ended.client.cookies.clear()
    page = await ended.client.get(at)
    assert "weekly mail" in page.text
    assert (await ended.client.post(at, data={"List-Unsubscribe": "One-Click"})).status_code == 200

    assert await sent(ended) == [("owner@example.com", str(State.DROPPED))]
    async with ended.db.transaction() as tx:
        owner = await tx.value("SELECT id FROM accounts.person WHERE email = 'owner@example.com'")
        assert await weekly.unwanted_of(tx, person_id=owner) == {ended.shop.id}
        assert not await notices.readers.is_unsubscribed(
            tx, shop_id=ended.shop.id, address="owner@example.com"
        )


async def test_who_cannot_see_reports_has_nothing_to_turn_off(stage: Stage) -> None:
    stage.client.cookies.set("session", await member(stage, accounts.Role.MODERATOR, "mo"))

    assert "/account/weekly" not in (await stage.client.get("/account")).text


def test_what_is_judged_is_told_net_of_both() -> None:
    shop = accounts.Shop(1, "harbour", "Harbour", "CNY", "en", "Asia/Shanghai")
    shown = letters.preview(shop, letters.Wording(Kind.WEEK_REPORT, "en"), origin="https://shop.test")

    assert re.search(r"of it invalid:\n\S+\d", shown.text)
    assert re.search(r"Net of both:\n\S+\d", shown.text)
    assert "8 comparable shows suggest" in shown.text
    assert "Too few comparable shows to say (2, at least 5 are needed)." in shown.text
