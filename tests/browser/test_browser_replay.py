"""A show that is over plays again at once: the product in view is marked, a tap leads to its moment, the chat follows."""

import pytest
from playwright.sync_api import expect
from tests.app.running import Owner
from tests.browser.conftest import STEP, MakeStall, People, enter, video_reaches
from tests.waiting import until

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)


def test_a_show_is_watched_again(people: People, owner: Owner, make_stall: MakeStall, channel: int) -> None:
    stall = make_stall({"M": 3}, channel_id=channel)
    bowl = owner.product("Tea bowl", {"S": 2}, titles={"zh_CN": "茶碗"})
    second = owner.offer(stall.show_id, bowl, {"S": 2}, price_minor=6_600)
    room = enter(people.phone(), stall)
    began = video_reaches(room, 0)
    room.get_by_label("Say something").fill("Is it warm?")
    room.get_by_role("button", name="Send").click()
    expect(room.get_by_role("log", name="Chat")).to_contain_text("Is it warm?")
    # What is in view for less than two seconds is no chapter.
    video_reaches(room, began + 4)
    owner.feature(stall.show_id, second)
    video_reaches(room, began + 8)
    room.close()
    owner.shop("POST", f"/shows/{stall.show_id}/end")

    phone = people.phone()
    until(
        "the show can be watched again",
        lambda: 'id="replay"' in phone.request.get(stall.path).text() or None,
    )
    page = phone.new_page()
    page.goto(stall.path)
    chapters = page.locator("ol.chapters > .chapter")
    expect(chapters).to_have_count(2)
    expect(chapters.nth(0)).to_contain_text("In the show: CN¥99")
    expect(chapters.nth(0).get_by_role("link", name="Buy for CN¥129")).to_have_attribute(
        "href", f"/s/{owner.slug}/p/{stall.product['id']}"
    )
    # It begins by itself, without a sound.
    video_reaches(page, 0.1)
    assert page.locator("video").evaluate("video => video.muted")
    expect(page.get_by_role("button", name="Tap for sound")).to_be_visible()
    begins = float(chapters.nth(1).locator("a[data-at]").get_attribute("data-at") or 0) / 1000
    chapters.nth(1).locator("a[data-at]").click()
    expect(chapters.nth(1)).to_have_attribute("aria-current", "true")
    expect(chapters.nth(0)).not_to_have_attribute("aria-current", "true")
    assert video_reaches(page, begins + 0.1) >= begins
    assert page.url.endswith(f"?t={int(begins)}")
    expect(page.get_by_role("log", name="Chat")).to_contain_text("Is it warm?")

    plain = people.phone(script=False, locale="zh-CN").new_page()
    plain.goto(stall.path)
    expect(plain.locator("ol.chapters > .chapter").nth(1)).to_contain_text("茶碗")
    plain.locator("ol.chapters > .chapter").nth(1).locator("a[data-at]").click()
    expect(plain.locator("video")).to_have_attribute(
        "src", f"/media/{channel}/shows/{stall.show_id}/replay.m3u8#t={int(begins)}"
    )
    plain.get_by_role("link", name="查看全部聊天").click()
    expect(plain.locator(".chat-archive")).to_contain_text("Is it warm?")
