"""Deleting in the console: what was never sold goes, what was is kept, with the reason and what to do instead."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in
from tests.web.test_web_checkout import FORM

from shopfloor import catalog, inventory, rooms, run_of_show

HERE = "/console/harbour/products"


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def everything(stage: Stage) -> list[Any]:
    rows: list[Any] = []
    async with stage.db.transaction() as tx:
        for table in (
            "catalog.product",
            "catalog.variant",
            "catalog.price",
            "stock.level",
            "orders.line",
            "live.offer",
        ):
            cursor = await tx.connection.execute(f"SELECT * FROM {table} AS t ORDER BY t::text")  # pyright: ignore[reportArgumentType]
            rows.append(await cursor.fetchall())
    return rows


def said(page: str) -> str:
    found = re.search(r'class="note bad"[^>]*>.*?<p>(.*?)</p>', page, re.DOTALL)
    assert found is not None, page[:3000]
    return found[1]


async def test_what_was_ordered_stays_with_the_reasons(stage: Stage, client: httpx.AsyncClient) -> None:
    hold = await stage.hold()
    total = {"total_ship": "14100", "total_pick_up": "12900"}
    placed = await client.post(f"/s/harbour/checkout/{hold}", data=FORM | total)
    assert placed.status_code == 303
    before = await everything(stage)
    answer = await client.post(f"{HERE}/{stage.shirt.id}/delete", follow_redirects=True)
    assert said(answer.text) == (
        "This product can&#39;t be deleted: it&#39;s in a show; it was ordered; it has stock, or had. Archive it "
        "instead; it then disappears from the shop."
    )
    answer = await client.post(
        f"{HERE}/{stage.shirt.id}/variants/delete",
        data={"variant_id": [str(each.id) for each in stage.variants]},
        follow_redirects=True,
    )
    assert said(answer.text).startswith("Nothing was deleted: it&#39;s in a show; it was ordered;")
    # Neither of the two ways out makes it deletable, and the words do not say so.
    assert said(answer.text).endswith(". Archive such a variant instead; it then disappears from the shop.")
    assert await everything(stage) == before


@pytest.mark.parametrize("kept_by", ["stock", "held"])
async def test_what_has_stock_or_is_in_a_checkout_stays(
    stage: Stage, client: httpx.AsyncClient, kept_by: str
) -> None:
    async with stage.db.transaction() as tx:
        jug = await catalog.create_product(
            tx, shop_id=stage.shop.id, title="Jug", variants=[catalog.NewVariant(3_000)]
        )
        (variant,) = await catalog.variants(tx, shop_id=stage.shop.id, product_ids=[jug.id])
        (place,) = await inventory.locations(tx, shop_id=stage.shop.id)
        await inventory.receive(
            tx, shop_id=stage.shop.id, location_id=place.id, variant_id=variant.id, quantity=1
        )
    if kept_by == "held":
        stage.variants.append(variant)
        await stage.hold(3)
    before = await everything(stage)
    answer = await client.post(f"{HERE}/{jug.id}/delete", follow_redirects=True)
    reasons = {"stock": "it has stock, or had", "held": "it was in a checkout; it has stock, or had"}[kept_by]
    assert said(answer.text).startswith(f"This product can&#39;t be deleted: {reasons}. Archive it")
    assert await everything(stage) == before


async def test_what_nobody_bought_goes(stage: Stage, client: httpx.AsyncClient) -> None:
    before = await everything(stage)
    form = {"title": "Jug", "price": "30", "option1": "Size", "values1": "S, M, L", "kind": "sized"}
    page = (await client.post(f"{HERE}/new", data=form, follow_redirects=True)).text
    ids = re.findall(r'name="variant_id" value="(\d+)"> [SML]<', page)
    assert len(ids) == 3
    jug = re.search(r'action="(/console/harbour/products/\d+)/delete"', page)
    assert jug is not None
    page = (
        await client.post(f"{jug[1]}/variants/delete", data={"variant_id": ids[:2]}, follow_redirects=True)
    ).text
    assert re.findall(r'name="variant_id" value="(\d+)"> [SML]<', page) == ids[2:]
    answer = await client.post(f"{jug[1]}/delete", follow_redirects=True)
    assert "Product deleted." in answer.text
    assert (await client.get(jug[1])).status_code == 404
    assert await everything(stage) == before


async def test_one_size_is_archived_with_its_stock_and_comes_back(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    """What never can be deleted leaves the shop, the rooms and new offers, and nothing of its record is touched."""
    gone, stays = stage.variants[0], stage.variants[1]
    async with stage.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=stage.show.id)
    product, room = f"/s/harbour/p/{stage.shirt.id}", f"/s/harbour/live/{stage.show.id}"

    async def sold() -> dict[str, list[bool]]:
        """Whether each of the two is there for shoppers, on the page and in the room."""
        page = (await client.get(product)).text
        async with stage.db.transaction() as tx:
            state = await rooms.room_state(tx, stage.show.id)
        lines = {key for offer in state.offers.values() for key in offer.lines}
        return {
            "page": [f'name="variant_id" value="{each.id}"' in page for each in (gone, stays)],
            "room": [str(each.id) in lines for each in (gone, stays)],
        }

    assert await sold() == {"page": [True, True], "room": [True, True]}
    assert (await client.get(room)).status_code == 200
    kept = await everything(stage)
    answer = await client.post(
        f"{HERE}/{stage.shirt.id}/variants/archive", data={"variant_id": str(gone.id)}, follow_redirects=True
    )
    assert "Archived: shoppers no longer see it." in answer.text
    assert "Its units stay in stock: 3." in answer.text
    assert "Archived variants" in answer.text
    assert await sold() == {"page": [False, True], "room": [False, True]}
    # Its place in orders, prices, stock and offers is as it was.
    after = await everything(stage)
    assert [after[n] for n in (0, 2, 3, 4, 5)] == [kept[n] for n in (0, 2, 3, 4, 5)]
    refused = await client.post(
        "/s/harbour/waitlist", data={"variant_id": str(gone.id)}, headers={"accept": "application/json"}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "orders.offer_closed")
    assert (
        f'name="price-{gone.id}"'
        not in (await client.get(f"/console/harbour/shows/{stage.show.id}?add={stage.shirt.id}")).text
    )
    answer = await client.post(
        f"{HERE}/{stage.shirt.id}/variants/archive",
        data={"variant_id": str(gone.id), "archived": "no"},
        follow_redirects=True,
    )
    assert "On sale again." in answer.text
    assert await sold() == {"page": [True, True], "room": [True, True]}
    assert await everything(stage) == kept


async def test_the_last_size_stays_and_the_words_say_what_to_do(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    before = await everything(stage)
    answer = await client.post(
        f"{HERE}/{stage.shirt.id}/variants/archive",
        data={"variant_id": [str(each.id) for each in stage.variants]},
        follow_redirects=True,
    )
    assert said(answer.text) == (
        "At least one variant stays on sale. To take all of them off sale, archive the product."
    )
    assert await everything(stage) == before


async def test_what_was_deleted_while_a_form_was_filled_in_costs_nothing_that_was_typed(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    """The form comes back with what was typed, and says what is gone beside its field."""
    gone, desk = "987654321", "/console/harbour"
    shirt = str(stage.shirt.id)
    coupon = {
        "title": "Ten off",
        "method": "code",
        "code": "TEN",
        "kind": "amount",
        "level": "order",
        "amount": "10,50",
    }

    async def discount(**more: str | list[str]) -> httpx.Response:
        answer = await client.post(f"{desk}/discounts", data=coupon | more)
        assert all(f'value="{text}"' in answer.text for text in ("Ten off", "TEN", "10,50"))
        return answer

    answer = await discount(product_ids=[shirt, gone])
    assert answer.status_code == 422
    assert 'id="e-product_ids"' in answer.text
    assert "A product you chose has been deleted and taken off the list." in answer.text
    assert f'name="product_ids" value="{shirt}" checked' in answer.text
    assert gone not in answer.text
    answer = await discount(product_ids=gone)
    assert "All products you chose have been deleted. Choose others" in answer.text
    answer = await discount(show_id=gone)
    assert (answer.status_code, 'id="e-show_id"' in answer.text) == (422, True)
    answer = await discount(discount_id=gone)
    assert (answer.status_code, "This discount has been deleted." in answer.text) == (404, True)
    assert 'name="discount_id"' not in answer.text

    prices = {f"price-{stage.variants[0].id}": "131,50", f"price-{gone}": "9"}
    answer = await client.post(f"{HERE}/{shirt}/variants", data=prices)
    assert (answer.status_code, said(answer.text)) == (
        404, "A variant was deleted in the meantime. Check the others, and save again.",
    )  # fmt: skip
    assert 'value="131,50"' in answer.text

    # Where the product itself is gone there is no form to come back to: what was written stands there to be copied.
    wrote = {
        "title": "Tea bowl",
        "description": "Thrown by hand\nin <two> sizes",
        "password": "hidden, and long enough to be a text",
    }
    for signed in (True, False):
        if not signed:
            client.cookies.clear()
        lost = await client.post(f"{HERE}/{gone}", data=wrote)
        assert lost.status_code == (404 if signed else 401)
        texts = re.findall(
            r'<label for="t-\d">([^<]+)</label><textarea[^>]* readonly[^>]*>([^<]*)<', lost.text
        )
        assert texts == [("Title", "Tea bowl"), ("Description", "Thrown by hand\nin &lt;two&gt; sizes")]


async def test_a_product_that_was_deleted_is_not_offered(stage: Stage, client: httpx.AsyncClient) -> None:
    gone, desk = "987654321", "/console/harbour"
    offered = await client.post(f"{desk}/shows/{stage.show.id}/offers", data={"product_id": gone})
    assert (offered.status_code, said(offered.text)) == (404, "Product not found.")
    assert 'action="/console/harbour/shows/' in offered.text
