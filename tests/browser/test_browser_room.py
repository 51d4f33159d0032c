"""The room on a phone: the video runs, people talk, the card follows the host, a lost connection is taken up again."""

import re

import pytest
from playwright.sync_api import expect
from tests.app.running import Owner
from tests.browser.conftest import STEP, MakeStall, People, enter, video_reaches

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)


def test_the_clock_of_the_video_advances(
    people: People, channel: int, owner: Owner, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 3}, channel_id=channel)
    page = enter(people.phone(), stall)
    video = page.get_by_label("Video: Evening show")

    first = video_reaches(page, 0)
    video_reaches(page, first + 2)

    assert video.evaluate("video => [video.videoWidth, video.videoHeight, video.paused]") == [360, 640, False]
    assert page.locator(".room").get_attribute("data-shape") == "tall"
    owner.shop("POST", f"/shows/{stall.show_id}/end")
    expect(page.get_by_text("This show has ended")).to_be_visible()


def test_a_line_of_chat_appears_in_the_other_page(people: People, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 3})
    first, second = enter(people.phone(), stall), enter(people.phone(), stall)

    first.get_by_label("Say something").fill("Does it come in indigo?")
    first.get_by_role("button", name="Send").tap()

    expect(second.get_by_role("log", name="Chat").get_by_text("Does it come in indigo?")).to_be_visible()
    expect(first.get_by_role("log", name="Chat").get_by_text("Does it come in indigo?")).to_be_visible()
    expect(first.get_by_label("Say something")).to_have_value("")


def test_a_line_sent_without_a_script_appears_too(people: People, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 3})
    watching = enter(people.phone(), stall)
    plain = people.phone(script=False).new_page()
    plain.goto(stall.path)

    plain.get_by_label("Say something").fill("I have no script")
    plain.get_by_role("button", name="Send").click()

    expect(watching.get_by_role("log", name="Chat").get_by_text("I have no script")).to_be_visible()
    expect(plain.get_by_text("I have no script")).to_be_visible()


def test_card_price_and_stock_follow_the_host(people: People, owner: Owner, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 2})
    other = owner.product("Tea bowl", {"One": 5})
    second = owner.offer(stall.show_id, other, {"One": 5}, price_minor=4_500)
    page = enter(people.phone(), stall)
    ticket = page.get_by_role("region", name="Featured now")
    expect(ticket.get_by_role("heading")).to_have_text(stall.title)
    expect(ticket).to_contain_text("2 left")

    owner.shop(
        "POST", f"/shows/{stall.show_id}/offers/{stall.offer_id}/price",
        json={"variant_id": stall.variant("M"), "price_minor": 7_900},
    )  # fmt: skip
    expect(ticket.locator(".price")).to_have_text(re.compile(r"79$"))

    owner.feature(stall.show_id, second)
    expect(ticket.get_by_role("heading")).to_have_text("Tea bowl")
    expect(ticket.locator(".price")).to_have_text(re.compile(r"45$"))

    owner.feature(stall.show_id, stall.offer_id)
    expect(ticket.get_by_role("heading")).to_have_text(stall.title)
    buyer = enter(people.phone(), stall)
    buyer.get_by_role("region", name="Featured now").get_by_role("button", name="Buy").tap()
    buyer.get_by_role("dialog").get_by_role("button", name="One more").tap()
    buyer.get_by_role("dialog").get_by_role("button", name=re.compile(r"^Buy for .*158$")).tap()
    expect(buyer.get_by_role("dialog", name="Reserved for you")).to_be_visible()
    expect(ticket).to_contain_text("Sold out")
    expect(ticket.get_by_role("button")).to_have_text("Join the waitlist")

    owner.feature(stall.show_id, None)
    expect(ticket).to_have_count(0)


def test_the_room_speaks_chinese(people: People, make_stall: MakeStall) -> None:
    stall = make_stall({"M": 3})
    page = enter(people.phone(locale="zh-CN"), stall)

    assert page.locator("html").get_attribute("lang") == "zh-CN"
    expect(page.get_by_role("heading", name="晚间直播")).to_be_visible()
    ticket = page.get_by_role("region", name="讲解中")
    expect(ticket.get_by_role("heading")).to_have_text("亚麻衬衫")
    ticket.get_by_role("button").tap()
    sheet = page.get_by_role("dialog", name="亚麻衬衫")
    expect(sheet.get_by_role("button", name=re.compile("购买|下单|抢|买"))).to_be_visible()
    words = page.locator("body").inner_text()
    left_over = [
        word for word in ("Buy", "left", "Quantity", "Seller info", "watching", "Sold") if word in words
    ]
    assert left_over == []


def test_a_lost_connection_is_taken_up_again(people: People, owner: Owner, make_stall: MakeStall) -> None:
    people.troubles.expected = True  # a browser without a network complains in its console
    stall = make_stall({"M": 3})
    context = people.phone()
    # Cutting the network in the browser does not cut a socket that is open: this page's goes through here.
    cut: list[object] = []
    context.route_web_socket(
        re.compile(r"/room/\d+/socket"), lambda route: cut.append((route, route.connect_to_server()))
    )
    page = enter(context, stall)
    context.set_offline(True)
    route, server = cut[-1]  # pyright: ignore[reportGeneralTypeIssues]
    route.close()
    server.close()
    expect(page.get_by_role("status").filter(has_text="Reconnecting")).to_be_visible()
    owner.shop(
        "POST", f"/shows/{stall.show_id}/offers/{stall.offer_id}/price",
        json={"variant_id": stall.variant("M"), "price_minor": 8_800},
    )  # fmt: skip

    context.set_offline(False)

    page.wait_for_selector(".room[data-connection='open']")
    expect(page.get_by_role("region", name="Featured now").locator(".price")).to_have_text(re.compile(r"88$"))
    page.get_by_label("Say something").fill("back again")
    page.get_by_role("button", name="Send").tap()
    expect(page.get_by_role("log", name="Chat").get_by_text("back again")).to_be_visible()
