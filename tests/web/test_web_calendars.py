"""Coming shows in the calendar of a phone."""

from datetime import UTC, datetime, timedelta

import icalendar
from tests.web.conftest import Stage

from shopfloor import live

STARTS = datetime(2031, 3, 30, 0, 30, tzinfo=UTC)
TITLE = "Tea, silk; and “quotes”\\ " + "長い題" * 30


async def planned(stage: Stage, *, title: str = TITLE, starts_at: datetime | None = STARTS) -> live.Show:
    async with stage.db.transaction() as tx:
        return await live.plan_show(tx, shop_id=stage.shop.id, title=title, starts_at=starts_at)


def events(text: str) -> list[icalendar.Event]:
    calendar = icalendar.Calendar.from_ical(text)
    assert calendar["version"] == "2.0"
    return [each for each in calendar.walk("VEVENT") if isinstance(each, icalendar.Event)]


async def test_a_show_goes_into_a_calendar_with_its_time_and_the_way_back(stage: Stage) -> None:
    show = await planned(stage)
    answer = await stage.client.get(f"/s/harbour/live/{show.id}/calendar.ics")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="harbour-show-{show.id}.ics"'
    [event] = events(answer.text)
    assert event.decoded("dtstart") == STARTS
    assert event.decoded("duration") == timedelta(hours=1)
    assert str(event["summary"]) == f"{TITLE} · Harbour"
    assert str(event["url"]) == f"http://shop.test/s/harbour/live/{show.id}"
    assert str(event["uid"]) == f"shop.test/s/harbour/live/{show.id}"
    [alarm] = event.walk("VALARM")
    assert alarm.decoded("trigger") == timedelta(minutes=-10)
    # No line is longer than readers must take, and none ends but as the standard says.
    assert max(len(line) for line in answer.content.split(b"\r\n")) <= 75
    assert b"\n" not in answer.content.replace(b"\r\n", b"")


async def test_a_calendar_follows_a_shop_and_a_show_that_moves(stage: Stage) -> None:
    show = await planned(stage)
    await planned(stage, title="Some day", starts_at=None)
    [before] = events((await stage.client.get("/s/harbour/calendar.ics")).text)
    async with stage.db.transaction() as tx:
        await live.change_show(
            tx, shop_id=stage.shop.id, show_id=show.id, starts_at=STARTS + timedelta(days=1)
        )
    [after] = events((await stage.client.get("/s/harbour/calendar.ics")).text)

    assert before["uid"] == after["uid"]
    assert after.decoded("dtstart") - before.decoded("dtstart") == timedelta(days=1)


async def test_what_has_no_time_or_is_of_another_shop_is_not_found(stage: Stage) -> None:
    timeless = await planned(stage, starts_at=None)

    assert (await stage.client.get(f"/s/harbour/live/{timeless.id}/calendar.ics")).status_code == 404
    assert (await stage.client.get("/s/harbour/live/999999/calendar.ics")).status_code == 404
    assert (await stage.client.get("/s/nowhere/calendar.ics")).status_code == 404


async def test_pages_of_a_planned_show_offer_its_file(stage: Stage) -> None:
    show = await planned(stage, title="Tea")
    link = f"live/{show.id}/calendar.ics"

    assert link in (await stage.client.get("/s/harbour")).text
    assert f'href="{show.id}/calendar.ics"' in (await stage.client.get(f"/s/harbour/live/{show.id}")).text
