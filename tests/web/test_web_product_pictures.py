"""The pictures of a product: ordered, described, and each of the variants it shows."""

import io
import json
import re
from pathlib import Path

import httpx
import pytest
from PIL import Image
from tests.web.conftest import Stage
from tests.web.signed import signed_in

from shopfloor import catalog
from shopfloor.catalog.models import Picture

HERE = "/console/harbour/products"


def png(colour: str) -> tuple[str, bytes, str]:
    made = io.BytesIO()
    Image.new("RGB", (40, 50), colour).save(made, "PNG")
    return f"{colour}.png", made.getvalue(), "image/png"


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    client = await signed_in(stage, tmp_path)
    answer = await client.post(
        f"{HERE}/{stage.shirt.id}/pictures",
        files=[("picture", png(colour)) for colour in ("navy", "tan", "white")],
    )
    assert answer.status_code == 303
    return client


async def pictures(stage: Stage) -> list[Picture]:
    async with stage.db.transaction() as tx:
        return await catalog.pictures(tx, shop_id=stage.shop.id, product_ids=[stage.shirt.id])


async def arrange(stage: Stage, client: httpx.AsyncClient, **fields: str | list[str]) -> httpx.Response:
    return await client.post(f"{HERE}/{stage.shirt.id}/pictures/arrange", data=fields)


async def test_they_are_ordered_by_buttons_and_by_the_form(stage: Stage, client: httpx.AsyncClient) -> None:
    navy, tan, white = (str(each.id) for each in await pictures(stage))
    page = (await client.get(f"{HERE}/{stage.shirt.id}")).text
    assert re.findall(r'form="arrange" name="picture" value="(\d+)"', page) == [navy, tan, white]

    await arrange(
        stage, client, picture=[navy, tan, white], move=f"earlier-{white}", **{f"alt-{tan}": "Tan shirt"}
    )
    assert [str(each.id) for each in await pictures(stage)] == [navy, white, tan]
    await arrange(stage, client, picture=[tan, navy, white], **{f"alt-{tan}": "Tan shirt"})
    found = await pictures(stage)
    assert [(str(each.id), each.alt, each.position) for each in found] == [
        (tan, "Tan shirt", 1),
        (navy, "", 2),
        (white, "", 3),
    ]
    # The ends stay where they are, and what a form does not name follows.
    await arrange(stage, client, picture=[white], move=f"earlier-{white}")
    assert [str(each.id) for each in await pictures(stage)] == [white, tan, navy]
    async with stage.db.transaction() as tx:
        product = await catalog.product(tx, shop_id=stage.shop.id, product_id=stage.shirt.id)
    assert product.picture_sha == (await pictures(stage))[0].sha256


async def test_a_variant_is_shown_by_the_picture_that_says_most_about_it(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    navy, tan, white = await pictures(stage)
    order = [str(navy.id), str(tan.id), str(white.id)]
    await arrange(
        stage, client, picture=order,
        **{f"shows-{tan.id}": json.dumps(["Indigo"]), f"shows-{white.id}": json.dumps(["Indigo", "L"])},
    )  # fmt: skip
    async with stage.db.transaction() as tx:
        cursor = await tx.connection.execute("SELECT id, picture_sha FROM catalog.v_variant ORDER BY id")
        shas = dict(await cursor.fetchall())
    m, large, oat = (each.id for each in stage.variants)
    assert shas == {m: tan.sha256, large: white.sha256, oat: navy.sha256}

    page = (await stage.client.get(f"/s/harbour/p/{stage.shirt.id}")).text
    assert f'value="{m}" required data-slide="picture-2"' in page
    assert f'class="swatch" src="/pictures/{tan.sha256}/160.webp"' in page
    assert 'id="picture-2"' in page
    desk = (await client.get(f"{HERE}/{stage.shirt.id}")).text
    assert re.findall(r'value="([^"]*)" selected>Indigo · L<', desk) == ["[&#34;Indigo&#34;, &#34;L&#34;]"]


async def test_what_cannot_be_is_refused_and_nothing_changes(stage: Stage, client: httpx.AsyncClient) -> None:
    before = await pictures(stage)
    first = str(before[0].id)
    for fields in (
        {"picture": [first, "999999"]},
        {"picture": [first], f"shows-{first}": json.dumps(["Purple"])},
        {"picture": [first], f"shows-{first}": "Indigo"},
        {"picture": [first], f"shows-{first}": json.dumps([1])},
        {"picture": [first], f"alt-{first}": "x" * 501},
    ):
        answer = await arrange(stage, client, **fields)
        assert answer.status_code in {303, 422}, fields
        assert await pictures(stage) == before
