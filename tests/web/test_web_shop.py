"""Storefront, product and room as a visitor without scripts gets them."""

import gzip
import json
import re
from datetime import timedelta
from uuid import uuid4

import segno
from tests.web.conftest import Stage

from shopfloor import catalog, inventory, live, run_of_show, shoppers, stock
from shopfloor.kernel.keyring import Keyring
from shopfloor.kernel.services import services_in
from shopfloor.kernel.values import now
from shopfloor.web.shared_pages import SharedPages
from shopfloor.web.static import asset


def inputs(html: str) -> list[dict[str, str]]:
    return [dict(re.findall(r'(\w+)="([^"]*)"', tag)) for tag in re.findall(r"<input[^>]*>", html)]


async def test_the_front_page_of_a_node_with_one_shop_is_that_shop(stage: Stage) -> None:
    answer = await stage.client.get("/")

    assert (answer.status_code, answer.headers["location"]) == (303, "/s/harbour")


async def test_the_storefront_shows_goods_and_coming_shows(stage: Stage) -> None:
    html = (await stage.client.get("/s/harbour")).text

    assert f'href="/s/harbour/p/{stage.shirt.id}"' in html
    assert f'href="/s/harbour/live/{stage.show.id}"' in html
    assert "CN¥129" in html
    assert "3 left" in html


async def test_the_product_form_carries_price_and_a_fresh_id_and_only_what_can_be_had(stage: Stage) -> None:
    first = (await stage.client.get(f"/s/harbour/p/{stage.shirt.id}")).text
    second = (await stage.client.get(f"/s/harbour/p/{stage.shirt.id}")).text
    fields = inputs(first)
    ids = [field["value"] for html in (first, second) for field in inputs(html) if field.get("name") == "id"]

    assert 'action="/buy"' in first
    assert [field["value"] for field in fields if field.get("name") == "price_minor"] == ["12900"]
    chosen = [
        field["value"] for field in fields if field.get("name") == "variant_id" and field["type"] == "radio"
    ]
    assert chosen == [str(stage.variants[0].id), str(stage.variants[1].id)]
    assert len(ids) == 2
    assert len(set(ids)) == 2
    assert "Join the waitlist" in first
    assert "By buying you agree to that date." in first


async def test_a_description_is_text_never_markup(stage: Stage) -> None:
    html = (await stage.client.get(f"/s/harbour/p/{stage.shirt.id}")).text

    assert "Linen" in html
    assert "alert(1)" not in html


async def test_a_draft_is_not_shown(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        await catalog.update_product(
            tx, shop_id=stage.shop.id, product_id=stage.shirt.id, status=catalog.Status.DRAFT
        )

    assert (await stage.client.get(f"/s/harbour/p/{stage.shirt.id}")).status_code == 404


async def test_a_refused_form_says_why_and_offers_the_waitlist(stage: Stage) -> None:
    query = f"refused=stock.sold_out&variant={stage.variants[2].id}&left=0"
    html = (await stage.client.get(f"/s/harbour/p/{stage.shirt.id}?{query}")).text

    assert "Someone was faster" in html
    assert html.count('action="/s/harbour/waitlist"') == 2


async def test_an_invented_refusal_cannot_put_words_on_the_page(stage: Stage) -> None:
    html = (await stage.client.get(f"/s/harbour/p/{stage.shirt.id}?refused=<b>buy%20at%20evil.test")).text

    assert "evil.test" not in html.replace("refused=%3Cb%3Ebuy%20at%20evil.test", "")
    assert "This is no longer possible." in html


async def test_the_room_is_complete_without_scripts(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=stage.show.id)
    html = (await stage.client.get(f"/s/harbour/live/{stage.show.id}")).text
    data = json.loads(re.findall(r'id="room-data">(.*?)</script>', html, re.DOTALL)[0])

    assert f'action="/room/{stage.show.id}/chat"' in html
    assert f'action="/buy?room={stage.show.id}"' in html
    assert 'name="offer_id" value="' in html
    assert [field["value"] for field in inputs(html) if field.get("name") == "price_minor"] == ["9900"]
    assert data["state"]["show"]["status"] == "live"
    assert data["shop"] == {"id": stage.shop.id, "slug": "harbour", "name": "Harbour"}


async def test_an_overlay_shows_what_the_room_shows_and_is_no_room(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=stage.show.id)
    answer = await stage.client.get(f"/s/harbour/live/{stage.show.id}/overlay?lang=zh-CN&side=right")
    html = answer.text
    data = json.loads(re.findall(r'id="overlay-data">(.*?)</script>', html, re.DOTALL)[0])

    assert answer.headers["cache-control"] == "private, no-store"
    assert '<html lang="zh-CN"' in html
    assert 'class="overlay-page at-right"' in html
    assert "扫码购买" in html
    assert set(data) == {"state", "chat", "now"}
    assert data["state"]["show"]["status"] == "live"
    [drawn] = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    code = segno.make(f"http://shop.test/s/harbour/live/{stage.show.id}", error="m")
    assert drawn == code.svg_inline(border=1, omitsize=True)
    assert (await stage.client.get(f"/s/other/live/{stage.show.id}/overlay")).status_code == 404


async def test_the_room_keeps_its_budget(stage: Stage) -> None:
    """HTML and styles of the room, compressed: at most 20 KB."""
    html = (await stage.client.get(f"/s/harbour/live/{stage.show.id}")).content

    assert len(gzip.compress(html)) + asset("site.css").gzip + asset("room.css").gzip <= 20 * 1024


async def test_a_show_of_another_shop_or_none_is_not_found(stage: Stage) -> None:
    assert (await stage.client.get("/s/harbour/live/999")).status_code == 404
    assert (await stage.client.get("/s/nobody")).status_code == 404
    assert (await stage.client.get("/s/harbour/live/99999999999999999999")).status_code == 404


async def test_who_sells_is_one_step_away_without_signing_in(stage: Stage) -> None:
    room = (await stage.client.get(f"/s/harbour/live/{stage.show.id}")).text

    assert 'href="#who-sells"' in room
    assert "Old Pier 3" in room


async def test_pages_speak_the_language_of_the_browser_and_the_chosen_one_before_it(stage: Stage) -> None:
    chinese = await stage.client.get("/s/harbour", headers={"accept-language": "zh-Hans;q=0.9, en;q=0.5"})
    chosen = await stage.client.post("/language", data={"language": "en", "next": "/s/harbour?a=1"})
    english = await stage.client.get("/s/harbour", headers={"accept-language": "zh"})

    assert chinese.headers["content-language"] == "zh-CN"
    assert '<html lang="zh-CN"' in chinese.text
    assert ">商品<" in chinese.text
    assert "衬衫" in chinese.text
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/s/harbour?a=1")
    assert "Products" in english.text


async def test_the_language_form_sends_nobody_elsewhere(stage: Stage) -> None:
    for target in ("https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)"):
        answer = await stage.client.post("/language", data={"language": "en", "next": target})
        assert answer.headers["location"] == "/"


async def test_every_page_allows_only_this_site(stage: Stage) -> None:
    for path in (
        "/s/harbour",
        f"/s/harbour/live/{stage.show.id}",
        f"/s/harbour/p/{stage.shirt.id}",
        "/nothing",
    ):
        answer = await stage.client.get(path)
        assert "script-src 'self';" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert re.findall(r"<script(?![^>]*(?:src=\"/static/|application/json))", answer.text) == []
        assert re.findall(r"\s(?:style|on\w+)=\"", answer.text) == []
        assert re.findall(r"(?:src|href)=\"(?:https?:)?//(?!shop\.test)", answer.text) == []


async def test_the_form_carries_the_days_it_shows(stage: Stage) -> None:
    html = (await stage.client.get(f"/s/harbour/p/{stage.shirt.id}")).text
    day = now().date() + timedelta(days=9)

    assert [field["value"] for field in inputs(html) if field.get("name") == "shown"] == [
        f"{stage.variants[1].id}={day}"
    ]


async def test_a_later_day_than_shown_is_said_with_a_way_on(stage: Stage) -> None:
    query = f"refused=stock.too_late&variant={stage.variants[1].id}&ready_on=2031-01-01"
    html = (await stage.client.get(f"/s/harbour/p/{stage.shirt.id}?{query}")).text

    assert "The form now shows the new date." in html


async def test_nobody_is_sold_out_against_themselves(stage: Stage) -> None:
    hold = await stage.hold(quantity=3)
    other = await stage.hold(variant=1)
    place = f"/s/harbour/p/{stage.shirt.id}?refused=stock.sold_out&variant={stage.variants[0].id}&left=0"

    async def shown(kept: object) -> str:
        return (await stage.client.get(place, headers={"cookie": f"held={kept}; {cookies}"})).text

    cookies = f"shopper={stage.client.cookies['shopper']}"
    assert f'href="/s/harbour/checkout/{hold}"' in await shown(hold)
    assert "already have the last units reserved" in await shown(hold)
    for foreign in (other, uuid4(), "nonsense", "x" * 36):
        assert "already have the last units reserved" not in await shown(foreign)
    cookies = f"shopper={shoppers.issue_shopper(services_in(stage.app).part(Keyring), uuid4())}"
    assert "already have the last units reserved" not in await shown(hold)
    async with stage.db.transaction() as tx:
        await stock.release(tx, [hold], "test")
    cookies = f"shopper={stage.client.cookies['shopper']}"
    assert "Someone was faster" in await shown(hold)


async def test_a_show_on_air_stays_on_the_pages_however_many_are_planned_after_it(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=stage.show.id)
        for number in range(101):
            await live.plan_show(tx, shop_id=stage.shop.id, title=f"Later {number}")
    page = (await stage.client.get("/s/harbour")).text

    assert f'href="/s/harbour/live/{stage.show.id}"' in page
    assert page.count("Later ") >= 101


async def test_nobody_waits_before_the_cookie_came_back(stage: Stage) -> None:
    wish = {"variant_id": str(stage.variants[2].id)}
    stage.client.cookies.clear()

    asked = await stage.client.post("/s/harbour/waitlist", data=wish)
    stage.client.cookies.clear()
    refused = await stage.client.post("/s/harbour/waitlist?cookie=asked", data=wish)

    assert (asked.status_code, asked.headers["location"]) == (307, "/s/harbour/waitlist?cookie=asked")
    assert refused.status_code == 422
    assert "Allow cookies and try again." in refused.text
    async with stage.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM purchases.waiting") == 0
    stage.client.cookies.clear()
    stage.client.cookies.extract_cookies(asked)
    joined = await stage.client.post(asked.headers["location"], data=wish)
    assert (joined.status_code, joined.headers["location"]) == (303, "/s/harbour/waitlist")
    async with stage.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM purchases.waiting") == 1


async def test_what_is_left_in_a_show_only_is_said_to_be_there_and_is_not_sold_out(stage: Stage) -> None:
    shop_id = stage.shop.id
    async with stage.db.transaction() as tx:
        cup = await catalog.create_product(
            tx, shop_id=shop_id, title="Cup", status=catalog.Status.ACTIVE, kind=catalog.Kind.PIECE
        )
        one = await catalog.add_variant(
            tx, shop_id=shop_id, product_id=cup.id, variant=catalog.NewVariant(price_minor=900)
        )
    product = f"/s/harbour/p/{cup.id}"
    gone = [(await stage.client.get(path)).text for path in ("/s/harbour", product)]
    assert ["Sold out" in page for page in gone] == [True, True]

    async with stage.db.transaction() as tx:
        [place, *_] = await inventory.locations(tx, shop_id=shop_id)
        await inventory.receive(tx, shop_id=shop_id, location_id=place.id, variant_id=one.id, quantity=2)
        show = await live.plan_show(tx, shop_id=shop_id, title="Cups", titles={"zh_CN": "杯子"})
        await run_of_show.add_offer(
            tx,
            shop_id=shop_id,
            show_id=show.id,
            product_id=cup.id,
            lines=[run_of_show.OfferLine(one.id, 800, 2)],
        )
        await run_of_show.start_show(tx, shop_id=shop_id, show_id=show.id)
    services_in(stage.app).part(SharedPages).forget(shop_id)
    room = f'href="/s/harbour/live/{show.id}"'
    await stage.client.post("/s/harbour/cart", data={"variant_id": one.id, "quantity": 1, "price_minor": 900})
    for path in ("/s/harbour", product, "/s/harbour/search?q=cup", "/s/harbour/cart"):
        page = (await stage.client.get(path)).text
        assert f"{room}>In the live show</a>" in page, path
        assert ("Sold out" in page, "Join the waitlist" in page) == (False, False), path
    assert "Go to “Cups”" in (await stage.client.get(product)).text
    chinese = await stage.client.get(product, headers={"accept-language": "zh"})
    assert f"{room}>直播间有货</a>" in chinese.text
    assert "前往“杯子”" in chinese.text
