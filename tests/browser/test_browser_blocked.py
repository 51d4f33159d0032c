"""The room behind a network that lets no WebSocket by: events, chat and purchases go on over plain HTTP."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from tests.app.running import Owner
from tests.browser.blocking_proxy import BlockingProxy
from tests.browser.conftest import STEP, MakeStall, People, enter
from tests.waiting import until

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)


def blocked_page(people: People, path: str, proxy: BlockingProxy) -> Page:
    people.troubles.expected = True  # a browser whose sockets are refused complains in its console
    people.troubles.at_home.add(urlsplit(proxy.address).netloc)
    context = people.phone()
    page = context.new_page()
    page.goto(f"{proxy.address}{path}")
    page.wait_for_selector(".room[data-connection='open']")
    assert proxy.refused >= 2
    return page


def test_chat_prices_stock_and_buying_without_a_socket(
    people: People, owner: Owner, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 2})
    watching = enter(people.phone(), stall)
    with BlockingProxy(people.shop.address) as proxy:
        page = blocked_page(people, stall.path, proxy)
        ticket = page.get_by_role("region", name="Featured now")
        expect(ticket).to_contain_text("2 left")
        watching.get_by_label("Say something").fill("Does it come in indigo?")
        watching.get_by_role("button", name="Send").tap()
        expect(page.get_by_role("log", name="Chat").get_by_text("Does it come in indigo?")).to_be_visible()
        page.get_by_label("Say something").fill("I would like one, too")
        page.get_by_role("button", name="Send").tap()
        for each in (page, watching):
            expect(each.get_by_role("log", name="Chat").get_by_text("I would like one, too")).to_have_count(1)
        expect(page.get_by_label("Say something")).to_have_value("")

        page.get_by_role("button", name=re.compile("Like")).tap()
        expect(watching.get_by_role("button", name=re.compile("Like"))).to_contain_text("1")

        owner.shop(
            "POST", f"/shows/{stall.show_id}/offers/{stall.offer_id}/price",
            json={"variant_id": stall.variant("M"), "price_minor": 7_900},
        )  # fmt: skip
        expect(ticket.locator(".price")).to_have_text(re.compile(r"79$"))

        ticket.get_by_role("button", name="Buy").tap()
        page.get_by_role("dialog").get_by_role("button", name="One more").tap()
        page.get_by_role("dialog").get_by_role("button", name=re.compile(r"^Buy for .*158$")).tap()
        expect(page.get_by_role("dialog", name="Reserved for you")).to_be_visible()
        expect(ticket).to_contain_text("Sold out")
        expect(watching.get_by_role("region", name="Featured now")).to_contain_text("Sold out")
        assert proxy.passed == 0

        # The network lets sockets by again: the page takes one, and says what it says over it.
        proxy.blocks = False
        page.evaluate("dispatchEvent(new Event('online'))")
        until("the page has a socket again", lambda: proxy.passed)
        watching.get_by_label("Say something").fill("Welcome back")
        watching.get_by_role("button", name="Send").tap()
        expect(page.get_by_role("log", name="Chat").get_by_text("Welcome back")).to_have_count(1)
        expect(page.locator(".room")).to_have_attribute("data-connection", "open")


def test_a_show_that_ends_is_heard_without_a_socket(
    people: People, owner: Owner, make_stall: MakeStall
) -> None:
    stall = make_stall({"M": 2})
    with BlockingProxy(people.shop.address) as proxy:
        page = blocked_page(people, stall.path, proxy)
        owner.shop("POST", f"/shows/{stall.show_id}/end")
        expect(page.get_by_text("This show has ended")).to_be_visible()
