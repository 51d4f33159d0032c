"""An auction in the room: two people bid against each other on their phones, the host follows it in the studio."""

import asyncio
import re
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect
from tests.app.running import Owner, Running
from tests.browser.conftest import STEP, MakeStall, People, enter
from tests.browser.test_browser_console import sign_in

from shopfloor import accounts, customers
from shopfloor.kernel.database import Database
from shopfloor.web.customers import COOKIE

pytestmark = pytest.mark.browser
expect.set_options(timeout=STEP)

Answer = TypeVar("Answer")


def aside(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Playwright has a loop of its own in this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def knows(shop: Running, context: BrowserContext, slug: str, email: str) -> None:
    """This browser is signed in to an account with a proven address."""

    async def token() -> str:
        db = Database(shop.database_url, 1)
        await db.open()
        async with db.transaction() as tx:
            found = await accounts.shop_by_slug(tx, slug)
            opened = await customers.signing_in.sign_in(tx, shop_id=found.id, contact=email, shopper=uuid4())
        await db.close()
        return opened.token

    context.add_cookies([{"name": COOKIE, "value": aside(token()), "url": shop.address}])


def card_of(page: Page) -> Locator:
    return page.get_by_role("region", name="Auction")


def test_two_bid_and_the_host_follows(
    people: People, shop: Running, owner: Owner, make_stall: MakeStall
) -> None:
    people.troubles.expected = True  # the bid that is asked about is a 409
    stall = make_stall({"M": 3})
    lin, ada, host = people.phone(), people.phone(), people.desk()
    knows(shop, lin, owner.slug, "lin@example.com")
    knows(shop, ada, owner.slug, "ada@example.com")
    first, second, guest = enter(lin, stall), enter(ada, stall), enter(people.phone(), stall)
    studio = sign_in(host, f"/console/{owner.slug}/shows/{stall.show_id}/studio")

    # Two taps: open the form, start.
    desk = studio.get_by_role("region", name="Auction")
    desk.locator("summary").first.click()
    desk.get_by_label("Start price").fill("20")
    desk.get_by_label("Lasts").select_option("120")
    desk.get_by_role("button", name="Start").click()
    expect(desk.get_by_text("No bids yet.")).to_be_visible()

    for page in (first, second):
        card = card_of(page)
        expect(card).to_contain_text(stall.title)
        expect(card.get_by_role("button", name=re.compile("^Bid"))).to_be_disabled()
        card.get_by_role("checkbox").tap()
    expect(card_of(guest).get_by_role("link", name="Sign in to bid")).to_be_visible()

    card_of(first).get_by_role("button", name=re.compile(r"^Bid .*20$")).tap()
    expect(card_of(first)).to_contain_text("You're leading")
    # What the others see follows by itself.
    expect(card_of(second).get_by_role("button", name=re.compile(r"^Bid .*21$"))).to_be_enabled()
    card_of(second).get_by_label("Your maximum").fill("90")
    card_of(second).get_by_role("button", name="Set maximum").tap()
    expect(card_of(second)).to_contain_text("more than three times")
    card_of(second).get_by_role("button", name=re.compile("^Yes, bid")).tap()
    expect(card_of(second)).to_contain_text("You're leading")
    expect(card_of(first)).to_contain_text("You've been outbid")
    expect(card_of(first)).not_to_contain_text("90")
    expect(desk).to_contain_text("2 bids")

    # The end comes by itself, and the winner is led to the checkout.
    found = owner.shop("GET", f"/shows/{stall.show_id}/auctions")[0]

    async def end_it() -> None:
        db = Database(shop.database_url, 1)
        await db.open()
        async with db.transaction() as tx:
            await tx.run(
                "UPDATE auctions.auction SET ends_at = clock_timestamp() + interval '1 second' WHERE id = %(id)s",
                id=found["id"],
            )
        await db.close()

    aside(end_it())
    expect(card_of(second)).to_contain_text("You won!")
    expect(card_of(first)).not_to_contain_text("You won!")
    expect(desk).to_contain_text("Sold to")
    card_of(second).get_by_role("link", name="Check out").tap()
    expect(second.locator("main")).to_contain_text(re.compile(r"21\b"))
