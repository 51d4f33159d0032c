"""A show that is over, or to come: what can be bought stays, what comes next is said, what goes nowhere is gone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect
from tests.app.running import Owner
from tests.browser.conftest import STEP, MakeStall, People, enter

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)


def test_an_ended_room_offers_neither_chat_nor_likes(
    people: People, owner: Owner, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 3})
    page = enter(people.phone(), stall)
    expect(page.get_by_role("log", name="Chat").locator("ol")).to_have_count(1)
    expect(page.locator("#offers")).to_have_count(1)

    owner.shop("POST", f"/shows/{stall.show_id}/end")

    expect(page.get_by_text("This show has ended")).to_be_visible()
    expect(page.get_by_label("Say something")).to_have_count(0)
    expect(page.get_by_role("log", name="Chat")).to_have_count(0)
    expect(page.get_by_role("button", name="Like")).to_have_count(0)
    assert goods(page) == [(stall.title, f"/s/{owner.slug}/p/{stall.product['id']}")]
    expect(page.locator(".strip").get_by_text("Sold out")).to_have_count(0)
    expect(page.locator(".viewers")).to_have_count(0)


def goods(page: Page) -> list[tuple[str | None, str | None]]:
    """What the room shows of the goods, and where each leads."""
    links = page.locator(".strip a")
    expect(links.first).to_be_visible()
    return [(each.locator("b").text_content(), each.get_attribute("href")) for each in links.all()]


def test_a_room_before_its_show_says_what_will_be_shown_and_when(people: People, owner: Owner) -> None:
    product = owner.product("Tea bowl", {"M": 3}, titles={"zh_CN": "茶碗"})
    begins = datetime.now(UTC) + timedelta(hours=26, minutes=20)
    show = owner.shop(
        "POST", "/shows", json={"title": "At the kiln", "starts_at": begins.isoformat(timespec="seconds")}
    )["id"]
    owner.offer(show, product, {"M": 3})
    path = f"/s/{owner.slug}/live/{show}"

    for script in (True, False):
        page = people.phone(script=script).new_page()
        page.goto(path)
        expect(page.locator(".stage-title")).to_have_text("At the kiln")
        # Of units that its show has not set apart yet nobody says that they are sold out.
        expect(page.get_by_text("Sold out")).to_have_count(0)
        expect(page.locator(".viewers")).to_have_count(0)
        expect(page.locator(f'a[href="/s/{owner.slug}/p/{product["id"]}"]').first).to_be_visible()
        expect(page.locator(".stage-words")).to_contain_text(
            begins.astimezone(ZoneInfo("Asia/Shanghai")).strftime("%H:%M")
        )
        if script:
            expect(page.locator(".until")).to_have_text("in 26 hours")
            expect(page.get_by_role("button", name="Like")).to_have_count(0)
            poster = page.locator("video").get_attribute("poster")
        else:
            poster = page.locator(".poster").get_attribute("src")
        assert poster is not None
        assert page.request.get(poster).ok

    done = owner.show("Over")
    owner.offer(done, product, {"M": 3})
    owner.shop("POST", f"/shows/{done}/start")
    owner.shop("POST", f"/shows/{done}/end")
    after = people.phone(locale="zh-CN").new_page()
    after.goto(f"/s/{owner.slug}/live/{done}")
    expect(after.locator(".stage-words").get_by_role("link", name="At the kiln")).to_have_attribute(
        "href", path
    )
    assert goods(after) == [("茶碗", f"/s/{owner.slug}/p/{product['id']}")]
