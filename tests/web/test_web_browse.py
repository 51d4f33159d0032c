"""Search, collections, related goods and the head of the storefront, as visitors without scripts get them."""

import asyncio
import re
from datetime import timedelta

from tests.web.conftest import Stage
from tests.web.test_web_brand import signed_in

from shopfloor import catalog, collections, live, picture_files, run_of_show
from shopfloor.accounts import Actor, Permission, Role
from shopfloor.kernel.values import now


async def cup(stage: Stage, title: str = "茶碗", **more: object) -> int:
    async with stage.db.transaction() as tx:
        made = await catalog.create_product(
            tx,
            shop_id=stage.shop.id,
            title=title,
            status=catalog.Status.ACTIVE,
            variants=[catalog.NewVariant(price_minor=4_500, sku="CUP-1")],
            **more,  # pyright: ignore[reportArgumentType]
        )
    return made.id


def goods(html: str) -> list[int]:
    return [int(each) for each in re.findall(r'<h3><a href="/s/harbour/p/(\d+)"', html)]


async def test_a_shopper_searches_in_chinese_pinyin_english_and_by_sku(stage: Stage) -> None:
    cup_id = await cup(stage)
    await cup(stage, "Lamp", vendor="茶厂")
    pages = {
        words: (await stage.client.get("/s/harbour/search", params={"q": words})).text
        for words in ("chawan", "cw", "茶碗", "shirts", "衬衫", "cup-1", "nothing here")
    }
    empty = (await stage.client.get("/s/harbour/search")).text

    assert goods(pages["chawan"]) == goods(pages["cw"]) == goods(pages["茶碗"]) == [cup_id]
    assert goods(pages["shirts"]) == goods(pages["衬衫"]) == [stage.shirt.id]
    assert len(goods(pages["cup-1"])) == 2
    assert "Nothing found" in pages["nothing here"]
    assert 'value="nothing here"' in pages["nothing here"]
    assert "autofocus" in empty
    assert (await stage.client.get("/s/harbour/search", params={"q": "<b>'\\"})).status_code == 200


async def test_a_collection_is_made_in_the_console_and_seen_in_the_shop(stage: Stage) -> None:
    client = stage.client
    await signed_in(stage)
    cup_id, draft = await cup(stage), await cup(stage, "Draft")
    async with stage.db.transaction() as tx:
        await catalog.update_product(tx, shop_id=stage.shop.id, product_id=draft, status=catalog.Status.DRAFT)
    made = await client.post(
        "/console/harbour/collections", data={"title": "New Arrivals", "other_title": "新品"}
    )
    path = made.headers["location"]
    empty = (await client.get("/s/harbour/collections/new-arrivals")).text
    chosen = {"product_id": [str(stage.shirt.id), str(draft), str(cup_id)]}
    await client.post(f"{path}/products", data=chosen)
    await client.post(f"{path}/products/{cup_id}/move", data={"way": "first"})
    shown = (await client.get("/s/harbour/collections/new-arrivals")).text
    front = (await client.get("/s/harbour")).text
    chinese = (await client.get("/s/harbour", headers={"accept-language": "zh"})).text
    console = (await client.get(path)).text

    assert "New products are coming soon" in empty
    assert goods(shown) == [cup_id, stage.shirt.id]
    assert 'href="/s/harbour/collections/new-arrivals"' in front
    assert "New Arrivals" in front
    assert "新品" in chinese
    assert console.index(f"products/{cup_id}/move") < console.index(f"products/{draft}/move")

    await client.post(path, data={"title": "Just in"})
    renamed = (await client.get("/s/harbour/collections/new-arrivals")).text
    assert "<h1>Just in</h1>" in renamed
    # The box was not ticked: it leaves the front page, its address stays.
    assert "collections/new-arrivals" not in (await client.get("/s/harbour")).text

    await client.post(f"{path}/products/{cup_id}/remove")
    assert goods((await client.get("/s/harbour/collections/new-arrivals")).text) == [stage.shirt.id]
    await client.post(f"{path}/delete")
    assert (await client.get("/s/harbour/collections/new-arrivals")).status_code == 404


async def test_collections_of_one_name_have_addresses_of_their_own_and_an_order(stage: Stage) -> None:
    await signed_in(stage)
    for _ in range(2):
        await stage.client.post("/console/harbour/collections", data={"title": "Gifts"})
    refused = await stage.client.post("/console/harbour/collections", data={"title": " "})
    async with stage.db.transaction() as tx:
        first, second = await collections.of_shop(tx, shop_id=stage.shop.id)
    await stage.client.post(f"/console/harbour/collections/{second.id}/move", data={"way": "up"})
    async with stage.db.transaction() as tx:
        order = [each.id for each in await collections.of_shop(tx, shop_id=stage.shop.id)]

    assert refused.status_code == 422
    assert (first.handle, second.handle.startswith("gifts-")) == ("gifts", True)
    assert order == [second.id, first.id]


async def test_the_first_collections_of_a_shop_made_at_once_are_all_made(stage: Stage) -> None:
    await signed_in(stage)
    answers = await asyncio.gather(
        *(stage.client.post("/console/harbour/collections", data={"title": "Gifts"}) for _ in range(5))
    )
    async with stage.db.transaction() as tx:
        made = await collections.of_shop(tx, shop_id=stage.shop.id)

    assert {answer.status_code for answer in answers} == {303}
    assert [each.position for each in made] == [1, 2, 3, 4, 5]
    assert len({each.handle for each in made}) == 5


async def test_the_name_of_a_collection_leads_no_money_elsewhere_and_comes_back_as_typed(
    stage: Stage,
) -> None:
    await signed_in(stage)
    await stage.client.post("/console/harbour/collections", data={"title": "Gifts"})
    async with stage.db.transaction() as tx:
        [made] = await collections.of_shop(tx, shop_id=stage.shop.id)
        await tx.run("UPDATE accounts.member SET role = 'merchandiser'")
    path = f"/console/harbour/collections/{made.id}"
    account = {"title": "Pay to IBAN DE89370400440532013000"}

    assert (await stage.client.post("/console/harbour/collections", data=account)).status_code == 403
    refused = await stage.client.post(path, data=account | {"other_title": "礼物", "is_shown": "yes"})
    empty = await stage.client.post(path, data={"title": " ", "other_title": "礼物", "is_shown": "yes"})
    async with stage.db.transaction() as tx:
        assert await collections.of_shop(tx, shop_id=stage.shop.id) == [made]
    assert (refused.status_code, empty.status_code) == (403, 422)
    for page in (refused.text, empty.text):
        assert 'value="礼物"' in page
        assert 'name="is_shown" value="yes" checked' in page


async def test_related_goods_are_of_the_same_collection_or_show(stage: Stage) -> None:
    near, shown, none = await cup(stage), await cup(stage, "Shown"), await cup(stage, "Alone")
    async with stage.db.transaction() as tx:
        shop_id = stage.shop.id
        made = await collections.create(
            tx, actor=Actor(1, shop_id, Role.OWNER, frozenset(Permission)), title="Gifts", titles={}
        )
        await collections.add(tx, shop_id=shop_id, collection_id=made.id, product_ids=[stage.shirt.id, near])
        [variant] = await catalog.variants(tx, shop_id=shop_id, product_ids=[shown])
        await run_of_show.add_offer(
            tx,
            shop_id=shop_id,
            show_id=stage.show.id,
            product_id=shown,
            lines=[run_of_show.OfferLine(variant.id, 4_000)],
        )
    html = (await stage.client.get(f"/s/harbour/p/{stage.shirt.id}")).text
    alone = (await stage.client.get(f"/s/harbour/p/{none}")).text

    assert "You may also like" in html
    assert goods(html) == [near, shown]
    assert "You may also like" not in alone


async def test_the_next_show_stands_first_with_its_time_and_a_reminder(stage: Stage) -> None:
    starts = now() + timedelta(days=2)
    async with stage.db.transaction() as tx:
        await live.change_show(tx, shop_id=stage.shop.id, show_id=stage.show.id, starts_at=starts)
    html = (await stage.client.get("/s/harbour")).text

    assert f'data-begins="{starts.isoformat()}"' in html
    assert f'action="/s/harbour/live/{stage.show.id}/remind"' in html
    # It is not said twice.
    assert html.count(f'href="/s/harbour/live/{stage.show.id}"') == 1


async def test_options_stand_in_rows_with_nothing_chosen_and_what_is_gone_in_its_place(stage: Stage) -> None:
    html = (await stage.client.get(f"/s/harbour/p/{stage.shirt.id}")).text
    rows = re.findall(
        r'<div class="option-row"><p class="label with-swatch">(\w+)</p>(.*?)</div></div>', html, re.DOTALL
    )

    assert [value for value, _ in rows] == ["Indigo", "Oat"]
    assert re.findall(r'name="variant_id" value="(\d+)"', rows[0][1]) == [
        str(variant.id) for variant in stage.variants[:2]
    ]
    assert 'class="choice gone"' in rows[1][1]
    assert "<input" not in rows[1][1]
    assert " checked" not in html


async def test_pictures_are_swiped_and_lead_to_one_another_without_a_script(stage: Stage) -> None:
    shas = ["a" * 64, "b" * 64]
    async with stage.db.transaction() as tx:
        for sha in shas:
            made = picture_files.ProcessedPicture(sha, 10, 10, {})
            await catalog.add_picture(
                tx, shop_id=stage.shop.id, product_id=stage.shirt.id, picture=made, alt=f"Shirt {sha[0]}"
            )
    html = (await stage.client.get(f"/s/harbour/p/{stage.shirt.id}")).text

    assert re.findall(r'id="(picture-\d)"', html) == ["picture-1", "picture-2"]
    assert re.findall(r'href="#(picture-\d)"', html) == ["picture-1", "picture-2"]
    assert html.count('alt="Shirt b"') == 2
