"""An auction on the pages: opened in the studio, bid in the room with and without a script, checked out by who won."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from tests.auctions.hall import later
from tests.web.conftest import Stage
from tests.web.test_web_customers import Browser, browser
from tests.web.test_web_giveaways import sign_in

from shopfloor import auctions, customers, run_of_show, wiring
from shopfloor.auctions.events import BuyerAsked
from shopfloor.web.customers import COOKIE

JSON = {"accept": "application/json"}


@pytest.fixture
async def found(stage: Stage) -> auctions.Auction:
    async with stage.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=stage.show.id)
        [offer, *_] = await run_of_show.offers(tx, shop_id=stage.shop.id, show_id=stage.show.id)
        return await auctions.open_auction(
            tx, shop_id=stage.shop.id, show_id=stage.show.id, offer_id=offer.id, variant_id=offer.lines[0].variant_id,
            start_minor=2_000, steps=((0, 100),), seconds=60,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bidder:
    browser: Browser
    page: str

    async def bids(self, **fields: Any) -> Any:
        return await self.browser.client.post(
            f"{self.page}/bid", data={"accept": "yes"} | fields, headers=JSON
        )

    async def taps(self, **fields: Any) -> str:
        """Without a script: what the page says then."""
        answer = await self.browser.client.post(f"{self.page}/bid", data=fields, follow_redirects=True)
        return answer.text


async def bidder(stage: Stage, found: auctions.Auction, email: str = "mei@example.com") -> Bidder:
    """Somebody with a proven address."""
    someone = browser(stage)
    async with stage.db.transaction() as tx:
        opened = await customers.signing_in.sign_in(
            tx, shop_id=stage.shop.id, contact=email, shopper=someone.shopper
        )
    someone.client.cookies.set(COOKIE, opened.token, domain="shop.test")
    return Bidder(someone, f"/s/harbour/auctions/{found.id}")


async def test_bid_and_won_without_a_script(stage: Stage, found: auctions.Auction) -> None:
    lin = await bidder(stage, found)
    room = await lin.browser.client.get(f"/s/harbour/live/{stage.show.id}")
    assert f'href="{lin.page}"' in room.text
    page = (await lin.browser.client.get(lin.page)).text
    assert "Right of withdrawal" in page
    assert "Bid CN¥20" in page
    key = re.search(r'name="key" value="([0-9a-f-]{36})"', page)
    assert key is not None
    assert "Accept the terms before your first bid." in await lin.taps(key=key[1], amount_minor="2000")
    asked = await lin.taps(key=key[1], amount="61", accept="yes")
    assert "more than three times" in asked
    taken = await lin.taps(key=key[1], amount_minor="6100", confirm="yes", accept="yes")
    assert "You lead at CN¥20." in taken
    assert "You bid up to CN¥61" in taken
    ada = await bidder(stage, found, "ada@example.com")
    assert "Bid at least CN¥32" in await ada.taps(amount="30", accept="yes")
    assert "¥61" not in (await ada.browser.client.get(ada.page)).text

    await later(stage.db, found, 61)
    assert "This auction is over." in await ada.taps(amount="99")
    await auctions.work(stage.db)
    won = (await lin.browser.client.get(lin.page)).text
    link = re.search(r'href="(/s/harbour/checkout/[0-9a-f-]{36})"', won)
    assert link is not None
    assert "Check out for CN¥31" in won
    checkout = await lin.browser.client.get(link[1])
    assert checkout.status_code == 200
    assert "¥31" in checkout.text
    # It is the winner's alone.
    assert (await ada.browser.client.get(link[1])).status_code == 404
    assert link[1] not in (await ada.browser.client.get(ada.page)).text


async def test_a_script_bids_and_a_second_tap_is_one_bid(stage: Stage, found: auctions.Auction) -> None:
    lin = await bidder(stage, found)
    before = (await lin.browser.client.get(f"{lin.page}/mine")).json()
    assert (before["signed_in"], before["accepted"], before["words"]["auction"]) == (True, False, "Auction")
    key = str(uuid4())
    first = await lin.bids(key=key, amount_minor="2500")
    again = await lin.bids(key=key, amount_minor="2500")
    assert first.json() == again.json()
    assert {k: v for k, v in first.json().items() if k != "ends_at"} == {
        "paddle": 1, "leads": True, "price_minor": 2_000, "max_minor": 2_500, "asked_minor": 2_100,
    }  # fmt: skip
    own = (await lin.browser.client.get(f"{lin.page}/mine")).json()
    assert (own["paddle"], own["max_minor"], own["accepted"]) == (1, 2_500, True)
    leap = await lin.bids(amount_minor="99000")
    assert (leap.status_code, leap.json()["code"], leap.json()["facts"]["bid_minor"]) == (
        409, "auctions.leap", 99_000,
    )  # fmt: skip
    async with stage.db.transaction() as tx:
        assert (await auctions.auction(tx, shop_id=stage.shop.id, auction_id=found.id)).bids == 1


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"amount": ""}, 422, "amount.unreadable"),
        ({"amount": "-5"}, 422, "amount.negative"),
        ({"amount": "1e9"}, 422, "amount.unreadable"),
        ({"amount": "25.123"}, 422, "amount.decimals"),
        ({"amount": "9" * 39}, 422, "amount.too_large"),
        ({"amount_minor": "9007199254740992"}, 422, "auctions.bad_bid"),
        ({"amount": "5"}, 409, "auctions.too_low"),
    ],
)
async def test_what_is_typed_badly_is_no_bid(
    stage: Stage, found: auctions.Auction, fields: dict[str, str], status: int, code: str
) -> None:
    lin = await bidder(stage, found)
    answer = await lin.bids(**fields)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    async with stage.db.transaction() as tx:
        assert (await auctions.auction(tx, shop_id=stage.shop.id, auction_id=found.id)).bids == 0


async def test_nobody_bids_without_a_proven_contact_nor_for_the_shop(
    stage: Stage, found: auctions.Auction
) -> None:
    guest = Bidder(browser(stage), f"/s/harbour/auctions/{found.id}")
    answer = await guest.bids(amount_minor="2000")
    assert (answer.status_code, answer.json()["code"]) == (403, "auctions.sign_in")
    assert "/s/harbour/account/sign-in?next=" in (await guest.browser.client.get(guest.page)).text
    # An account with the address of somebody who works there, in another browser.
    owner = await bidder(stage, found, "owner@example.com")
    answer = await owner.bids(amount_minor="2000")
    assert (answer.status_code, answer.json()["code"]) == (403, "auctions.staff")
    async with stage.db.transaction() as tx:
        [refused] = await auctions.refused_bids(tx, shop_id=stage.shop.id, auction_id=found.id)
        assert await tx.value("SELECT count(*) FROM kernel.outbox WHERE name = 'auctions.shill_refused'") == 1
    assert (refused.reason, refused.bids) == ("staff", 1)


async def test_opened_and_called_off_in_the_studio(stage: Stage) -> None:
    await sign_in(stage)
    async with stage.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=stage.show.id)
        [offer, *_] = await run_of_show.offers(tx, shop_id=stage.shop.id, show_id=stage.show.id)
        await run_of_show.feature(tx, shop_id=stage.shop.id, show_id=stage.show.id, offer_id=offer.id)
    studio = f"/console/harbour/shows/{stage.show.id}/studio"
    page = (await stage.client.get(studio)).text
    key = re.search(r'name="key" value="([0-9a-f-]{36})"', page)
    assert key is not None
    asked = {
        "offer_id": str(offer.id), "variant_id": str(offer.lines[0].variant_id), "key": key[1], "start": "20", "seconds": "60",
        "quantity": "2", "reserve": "50", "step": "1", "extend": "5", "pay": "15",
    }  # fmt: skip
    low = await stage.client.post(f"{studio}/auction", data=asked | {"reserve": "19"}, follow_redirects=True)
    assert "reserve can&#39;t be below the start price" in low.text
    for _ in range(2):
        opened = await stage.client.post(f"{studio}/auction", data=asked, follow_redirects=True)
        assert "The auction is on." in opened.text
    async with stage.db.transaction() as tx:
        [found] = await auctions.auctions(tx, shop_id=stage.shop.id, show_id=stage.show.id)
    assert (found.start_minor, found.reserve_minor, found.quantity, found.steps, found.extend_seconds, found.pay_minutes) == (
        2_000, 5_000, 2, [[0, 100]], 5, 15,
    )  # fmt: skip
    lin = await bidder(stage, found)
    assert (await lin.bids(amount_minor="3000")).status_code == 200
    desk = f"/console/harbour/shows/{stage.show.id}/auctions/{found.id}"
    running = await stage.client.get(desk)
    # The shop sees no maximum that is not shown.
    assert "¥30.00" not in running.text
    off = {"auction_id": str(found.id), "why": "damaged"}
    bad = await stage.client.post(
        f"{studio}/auction/call-off", data=off | {"why": "unpaid"}, follow_redirects=True
    )
    assert "Called off" not in bad.text
    done = await stage.client.post(f"{studio}/auction/call-off", data=off, follow_redirects=True)
    assert "Everyone sees why" in done.text
    assert "The goods are damaged." in (await lin.browser.client.get(lin.page)).text
    assert "¥30.00" in (await stage.client.get(desk)).text
    gone = await stage.client.post(
        f"{studio}/auction/take-off", data={"auction_id": str(found.id)}, follow_redirects=True
    )
    assert "Take the card off" not in gone.text


async def test_a_strike_is_seen_and_taken_back_at_the_desk(stage: Stage, found: auctions.Auction) -> None:
    lin = await bidder(stage, found)
    await lin.bids(amount_minor="2000")
    for seconds in (61, 1_801):
        await later(stage.db, found, seconds)
        await auctions.work(stage.db)
    assert "it wasn't paid in time" in (await lin.browser.client.get(lin.page)).text
    await sign_in(stage)
    desk = f"/console/harbour/shows/{stage.show.id}/auctions/{found.id}"
    assert "Take the strike back" in (await stage.client.get(desk)).text
    lifted = await stage.client.post(f"{desk}/strike/lift", follow_redirects=True)
    assert "The strike is taken back." in lifted.text


async def test_who_may_buy_gets_a_message_once(stage: Stage, found: auctions.Auction) -> None:
    lin, ada = await bidder(stage, found), await bidder(stage, found, "ada@example.com")
    await lin.bids(amount_minor="3000", confirm="yes")
    await ada.bids(amount_minor="2500", confirm="yes")
    await later(stage.db, found, 61)
    await auctions.work(stage.db)
    await later(stage.db, found, 1_801)
    await auctions.work(stage.db)
    async with stage.db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT body FROM kernel.outbox WHERE name = 'auctions.buyer_asked' ORDER BY id"
        )
        asked = [msgspec.convert(body, BuyerAsked) for (body,) in await cursor.fetchall()]
        for fact in [*asked, *asked]:
            await wiring.KNOWS_CUSTOMERS[BuyerAsked](tx, fact)
        cursor = await tx.connection.execute(
            "SELECT recipient, facts->>'prize' FROM notifications.notice WHERE kind = 'auction_won' ORDER BY created_at, id"
        )
        told = await cursor.fetchall()
    assert sorted(told) == [("ada@example.com", "Shirt"), ("mei@example.com", "Shirt")]
    assert [each.price_minor for each in asked] == [2_600, 2_500]
    # What is kept of a person has their bids.
    data = (await lin.browser.client.get("/s/harbour/account/data.json")).json()
    assert [(each["title"], each["max_minor"]) for each in data["bids"]] == [("Shirt", 3_000)]
