"""Options in the reader's language: in the shop, in the room, at the checkout, and on the order as it was sold."""

import re
from pathlib import Path

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in
from tests.web.test_web_checkout import FORM

from shopfloor import catalog, rooms, run_of_show
from shopfloor.kernel.errors import Refusal

CHINESE = {"accept-language": "zh-CN"}
TEXTS = {"zh_CN": {"Colour": "颜色", "Size": "尺码", "Indigo": "靛蓝", "Oat": "燕麦色"}}


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def translate(stage: Stage, texts: dict[str, dict[str, str]]) -> catalog.Product:
    async with stage.db.transaction() as tx:
        return await catalog.update_product(
            tx, shop_id=stage.shop.id, product_id=stage.shirt.id, option_texts=texts
        )


async def test_the_form_takes_names_and_values_and_keeps_other_languages(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    await translate(stage, {"de": {"Colour": "Farbe"}})
    here = f"/console/harbour/products/{stage.shirt.id}"
    page = (await client.get(here)).text
    assert re.findall(r'name="(other_value:[^"]+)"', page) == [
        "other_value:Indigo", "other_value:Oat", "other_value:M", "other_value:L",
    ]  # fmt: skip
    form = {
        "title": "Shirt", "option1": "Color", "option2": "Size", "other_option1": "颜色", "other_option2": "尺码",
        "other_value:Indigo": "靛蓝", "other_value:Oat": " ", "other_value:M": "",
    }  # fmt: skip
    assert (await client.post(here, data=form)).status_code == 303
    async with stage.db.transaction() as tx:
        kept = await catalog.product(tx, shop_id=stage.shop.id, product_id=stage.shirt.id)
    assert kept.option_texts == {
        "de": {"Colour": "Farbe"},
        "zh_CN": {"Color": "颜色", "Size": "尺码", "Indigo": "靛蓝"},
    }
    assert 'value="靛蓝"' in (await client.get(here)).text


@pytest.mark.parametrize(
    "texts", [{"not a locale": {"Size": "尺码"}}, {"zh_CN": {"Size": "x" * 101}}, {"zh_CN": {"": "尺码"}}]
)
async def test_what_cannot_be_one_is_refused(stage: Stage, texts: dict[str, dict[str, str]]) -> None:
    before = await translate(stage, TEXTS)
    with pytest.raises(Refusal):
        await translate(stage, texts)
    async with stage.db.transaction() as tx:
        assert await catalog.product(tx, shop_id=stage.shop.id, product_id=stage.shirt.id) == before


def as_heard(page: str) -> str:
    """The words of a page, whether options stand in one line or in rows."""
    return re.sub(r"<(?!/?script)[^>]+>", "", page).replace(" · ", " ")


async def test_shop_and_room_speak_the_language_of_the_reader(stage: Stage) -> None:
    await translate(stage, TEXTS)
    async with stage.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=stage.show.id)
        state = await rooms.room_state(tx, stage.show.id)
    assert [offer.option_texts for offer in state.in_order()] == [TEXTS]
    for path in (f"/s/harbour/p/{stage.shirt.id}", f"/s/harbour/live/{stage.show.id}"):
        chinese = as_heard((await stage.client.get(path, headers=CHINESE)).text)
        english = as_heard((await stage.client.get(path)).text)
        assert "颜色 尺码" in chinese, path
        assert "靛蓝 M" in chinese, path
        # What has no translation stays as it is.
        assert "燕麦色 M" in chinese, path
        assert "Indigo M" in english, path
        assert "靛蓝" not in re.sub(r"<script.*?</script>", "", english, flags=re.DOTALL), path


async def test_checkout_and_order_do_and_the_order_keeps_what_was_sold(stage: Stage) -> None:
    await translate(stage, TEXTS)
    hold = await stage.hold()
    checkout = f"/s/harbour/checkout/{hold}"
    page = (await stage.client.get(checkout, headers=CHINESE)).text
    assert "衬衫" in page
    assert "靛蓝 · M" in page
    placed = await stage.client.post(checkout, data=FORM | {"total_ship": "14100", "total_pick_up": "12900"})
    order = placed.headers["location"]
    async with stage.db.transaction() as tx:
        await catalog.update_product(
            tx,
            shop_id=stage.shop.id,
            product_id=stage.shirt.id,
            titles={"zh_CN": "外套"},
            option_texts={"zh_CN": {"Indigo": "深蓝"}},
        )
    page = (await stage.client.get(order, headers=CHINESE)).text
    assert "衬衫" in page
    assert "外套" not in page
    assert "靛蓝 · M" in page
    assert "深蓝" not in page
    assert "颜色 靛蓝 · 尺码 M" in page
    assert "Indigo · M" in (await stage.client.get(order)).text
