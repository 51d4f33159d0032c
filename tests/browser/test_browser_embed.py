"""The room inside the merchant's own site, which is another origin: the page of docs/embedding.md, run as it stands there.

The shop is at 127.0.0.1, the site at localhost: to a browser these are two sites.
"""

import re
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from tests.app.running import Owner, Running
from tests.browser.conftest import STEP, MakeStall
from tests.waiting import until

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)

DOCUMENT: Final = Path(__file__).parents[2] / "docs/embedding.md"


class Site:
    """A site of the merchant, with the pages that it was given."""

    def __init__(self, pages: dict[str, str]) -> None:
        class Pages(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = pages.get(self.path, "").encode()
                self.send_response(200 if page else 404)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name it overrides
                del format, args

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        self.origin = f"http://localhost:{self.server.server_port}"


@contextmanager
def site(pages: dict[str, str]) -> Generator[Site]:
    made = Site(pages)
    serving = threading.Thread(target=made.server.serve_forever, daemon=True)
    serving.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        serving.join()


def example(shop: Running, show_id: int, more: str = "") -> str:
    """The whole page of the document, for this shop and show."""
    page = max(re.findall(r"```html\n(.*?)```", DOCUMENT.read_text(), re.DOTALL), key=len)
    assert page.count("https://live.example.com") == 2
    page = page.replace('/s/harbour"', f'/s/corner" data-show="{show_id}"{more}')
    return page.replace("https://live.example.com", shop.address)


def name_site(shop: Running, owner: Owner, origin: str, room: str) -> None:
    answer = httpx.post(
        f"{shop.address}/console/{owner.slug}/embeds", data={"site": origin}, headers={"origin": shop.address},
        cookies={"session": owner.cookie("session")}, trust_env=False,
    )  # fmt: skip
    assert answer.status_code == 303, answer.text

    def is_known() -> bool:
        policy = httpx.get(f"{room}/embed", trust_env=False).headers["content-security-policy"]
        return f"frame-ancestors {origin}" in policy

    until("the room may be framed by the site", is_known)


@pytest.fixture
def visitor(chrome: Browser) -> Iterator[BrowserContext]:
    context = chrome.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(STEP)
    yield context
    context.close()


def visit(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(address)
    return page


def test_a_show_is_watched_and_bought_from_in_another_site(
    shop: Running, owner: Owner, make_stall: MakeStall, visitor: BrowserContext
) -> None:
    stall = make_stall({"M": 4})
    room = f"{shop.address}{stall.path}"
    pages = {
        "/": example(shop, stall.show_id),
        "/own": example(shop, stall.show_id, ' data-cart="site"'),
        "/console": f'<iframe src="{shop.address}/console/corner"></iframe><iframe src="{room}"></iframe>',
    }
    with site(pages) as named, site(pages) as stranger:
        name_site(shop, owner, named.origin, room)
        page = visit(visitor, f"{named.origin}/")
        log, frame = page.locator("#log"), page.frame_locator("iframe")
        expect(log).to_contain_text("Evening show: live")
        expect(log).to_contain_text(f"featured: {stall.title}")

        # Reserved in the frame, paid in a tab of the shop's own.
        frame.get_by_role("region", name="Featured now").get_by_role("button", name="Buy").click()
        frame.get_by_role("dialog").get_by_role("button", name=re.compile("^Buy for")).click()
        expect(frame.get_by_role("dialog", name="Reserved for you")).to_be_visible()
        expect(log).to_contain_text(f"reserved: {stall.title}")
        with visitor.expect_page() as opened:
            frame.get_by_role("dialog").get_by_role("link", name="Check out").click()
        checkout = opened.value
        checkout.wait_for_url(re.compile(r"/s/corner/checkout/"))
        checkout.get_by_label("Name", exact=True).fill("Mei Lin")
        checkout.get_by_label("Phone").fill("+86 138 0013 8000")
        checkout.get_by_label("Street and number").fill("8 Quay Street")
        checkout.get_by_label("City").fill("Xiamen")
        checkout.get_by_role("button", name=re.compile("^Order for")).click()
        checkout.wait_for_url(re.compile(r"/s/corner/orders/"))
        page.bring_to_front()
        page.frames[-1].evaluate("dispatchEvent(new Event('focus'))")
        expect(log).to_contain_text("placed: 9900 CNY")
        assert [
            each.get("sameSite")
            for each in visitor.cookies(shop.address)
            if each.get("name") == "shopper" and not each.get("partitionKey")
        ] == ["Lax"]

        # What others say is not heard: neither the page of itself, nor for the frame.
        before = log.locator("li").count()
        page.evaluate(
            "postMessage({shopfloor: 1, type: 'purchase.placed', total_minor: 1, currency: 'EUR'}, '*')"
        )
        page.evaluate("postMessage({shopfloor: 1, type: 'product', product: {title: 'spoofed'}}, '*')")
        owner.shop("POST", f"/shows/{stall.show_id}/offers/{stall.offer_id}/price",
                   json={"variant_id": stall.variant("M"), "price_minor": 7_900})  # fmt: skip
        expect(log.locator("li")).to_have_count(before + 1)
        expect(log).not_to_contain_text("spoofed")

        # The site's own basket.
        own = visit(visitor, f"{named.origin}/own")
        inside = own.frame_locator("iframe")
        expect(own.locator("#log")).to_contain_text("Evening show: live")
        inside.get_by_role("region", name="Featured now").get_by_role("button", name="Buy").click()
        inside.get_by_role("dialog").get_by_role("button", name=re.compile("^Buy for")).click()
        expect(inside.get_by_role("dialog", name="In your basket")).to_be_visible()
        expect(own.locator("#log")).to_contain_text("basket: 1 x ")

        # Nobody else frames the room, and nobody at all the rest of the shop.
        for address, count in ((f"{stranger.origin}/", 1), (f"{named.origin}/console", 2)):
            other = visit(visitor, address)
            frames = other.locator("iframe")
            expect(frames).to_have_count(count)
            for at in range(count):
                expect(other.frame_locator("iframe").nth(at).locator("#room, main")).to_have_count(0)
            assert all(not each.url.startswith(shop.address) for each in other.frames[1:]), [
                e.url for e in other.frames
            ]
            other.close()

        # A browser that keeps no cookie for the frame: the picture, and the way to a tab of its own.
        def without_cookie(route: Route) -> None:
            answer = route.fetch()
            kept = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
            route.fulfill(response=answer, headers=kept)

        visitor.clear_cookies()
        visitor.route(re.compile(r"/embed(\?.*)?$"), without_cookie)
        refused = visit(visitor, f"{named.origin}/")
        with visitor.expect_page() as opened:
            refused.frame_locator("iframe").get_by_role("link", name="Open the show").click()
        opened.value.wait_for_url(room)
        expect(opened.value.get_by_role("region", name="Featured now")).to_be_visible()
