"""A draft is made, prepared and published; until then nobody but the shop sees it, and nobody can buy it anywhere."""

import re
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in

from shopfloor import catalog, live, purchases, rooms, run_of_show
from shopfloor.kernel.errors import Refusal

HERE = "/console/harbour/products"
NEW = {"title": "Jug", "price": "30.00", "option1": "", "values1": "", "kind": "piece"}


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def product(stage: Stage, product_id: int) -> catalog.Product:
    async with stage.db.transaction() as tx:
        return await catalog.product(tx, shop_id=stage.shop.id, product_id=product_id)


async def set_status(stage: Stage, product_id: int, status: catalog.Status) -> None:
    async with stage.db.transaction() as tx:
        await catalog.update_product(tx, shop_id=stage.shop.id, product_id=product_id, status=status)


async def on_air(stage: Stage) -> run_of_show.Offer:
    async with stage.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=stage.show.id)
        return (await run_of_show.offers(tx, shop_id=stage.shop.id, show_id=stage.show.id))[0]


async def is_open(stage: Stage, key: int) -> bool:
    """Whether a purchase under this key (an offer, or minus a variant) is taken."""
    terms = await purchases.loader(stage.db)(key)
    assert terms is not None
    return terms.is_open


async def newest(stage: Stage) -> catalog.Product:
    async with stage.db.transaction() as tx:
        return (await catalog.products(tx, shop_id=stage.shop.id))[-1]


async def test_what_a_form_makes_is_a_draft_unless_it_is_to_be_published(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    form = (await client.get(f"{HERE}/new")).text
    assert re.search(r'name="status" value="draft" required checked', form)
    answer = await client.post(f"{HERE}/new", data=NEW)
    assert answer.status_code == 303
    draft = await newest(stage)
    assert (draft.title, draft.status) == ("Jug", catalog.Status.DRAFT)
    assert "Jug" not in (await stage.client.get("/s/harbour")).text

    await client.post(f"{HERE}/new", data=NEW | {"title": "Pan", "status": "active"})
    assert (await newest(stage)).status is catalog.Status.ACTIVE
    assert "Pan" in (await stage.client.get("/s/harbour")).text


async def test_an_import_chooses_and_the_file_decides(stage: Stage, client: httpx.AsyncClient) -> None:
    sheet = "Handle,Title,Variant Price\n{0},{0},5\n"
    said = "Handle,Title,Variant Price,Status\n{0},{0},5,{1}\n"

    async def imported(text: str, **fields: str) -> catalog.Status:
        answer = await client.post(f"{HERE}/import", data=fields, files={"file": ("p.csv", text.encode())})
        assert answer.status_code == 200
        return (await newest(stage)).status

    assert await imported(sheet.format("a")) is catalog.Status.DRAFT
    assert await imported(sheet.format("b"), new_status="active") is catalog.Status.ACTIVE
    assert await imported(said.format("c", "active")) is catalog.Status.ACTIVE
    assert await imported(said.format("d", "draft"), new_status="active") is catalog.Status.DRAFT
    # A second import of what is known leaves its status.
    assert await imported(sheet.format("d"), new_status="active") is catalog.Status.DRAFT


async def test_an_import_asks_for_the_decimal_sign_that_no_number_shows(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    """And the check shows how numbers were understood; what was chosen is still chosen."""
    sheet = b"Handle;Title;Variant Price\nsofa;Sofa;1.290\n"

    async def imported(**fields: str) -> str:
        answer = await client.post(f"{HERE}/import", data=fields, files={"file": ("p.csv", sheet)})
        assert answer.status_code == 200
        return answer.text

    fresh = await client.get(f"{HERE}/import")
    assert (fresh.status_code, "As the file shows" in fresh.text) == (200, True)
    asked = await imported()
    assert "This can be read as two amounts. Write 1.29 or 1290." in asked
    assert re.search(r'id="e-decimal_sign".*?Nothing in the file shows its decimal sign\.', asked, re.DOTALL)
    checked = await imported(decimal_sign="comma", check="yes", new_status="active")
    assert re.search(r'<td class="num">1\.290</td><td class="num">CN¥1,290\.00</td>', checked)
    assert re.search(r'<option value="comma" selected>', checked)
    assert re.search(r'<option value="active" selected>', checked)
    assert (await newest(stage)).title != "Sofa"
    await imported(decimal_sign="comma")
    assert (await newest(stage)).title == "Sofa"


async def test_the_list_filters_publishes_and_unpublishes(stage: Stage, client: httpx.AsyncClient) -> None:
    for title in ("Jug", "Pan"):
        await client.post(f"{HERE}/new", data=NEW | {"title": title})
    pan = await newest(stage)
    jug = await product(stage, pan.id - 1)
    drafts = (await client.get(f"{HERE}?status=draft")).text
    assert "Jug" in drafts
    assert "Shirt" not in drafts

    answer = await client.post(
        f"{HERE}/status",
        data={
            "status": "active",
            "product_id": [str(jug.id), str(pan.id)],
            "listed": "status=draft&next=//x",
        },
    )
    assert answer.headers["location"] == f"{HERE}?status=draft"
    assert {(await product(stage, each.id)).status for each in (jug, pan)} == {catalog.Status.ACTIVE}
    await client.post(f"{HERE}/status", data={"status": "draft", "product_id": str(pan.id)})
    assert (await product(stage, pan.id)).status is catalog.Status.DRAFT
    assert (await product(stage, jug.id)).status is catalog.Status.ACTIVE


async def test_of_several_all_are_published_or_none(stage: Stage, client: httpx.AsyncClient) -> None:
    await client.post(f"{HERE}/new", data=NEW)
    jug = await newest(stage)
    await client.post(f"{HERE}/status", data={"status": "active", "product_id": [str(jug.id), "999999"]})
    assert (await product(stage, jug.id)).status is catalog.Status.DRAFT


async def everywhere(stage: Stage) -> dict[str, bool]:
    """Where a stranger sees the shirt."""
    get = stage.client.get
    async with stage.db.transaction() as tx:
        state = await rooms.room_state(tx, stage.show.id)
    return {
        "storefront": "Shirt" in (await get("/s/harbour")).text,
        "product page": (await get(f"/s/harbour/p/{stage.shirt.id}")).status_code == 200,
        "sitemap": f"/p/{stage.shirt.id}<" in (await get("/sitemap-products-0.xml")).text,
        "room": any(offer.product_id == stage.shirt.id for offer in state.offers.values()),
        "room page": "Shirt" in (await get(f"/s/harbour/live/{stage.show.id}")).text,
    }


@pytest.mark.parametrize("status", [catalog.Status.DRAFT, catalog.Status.ARCHIVED])
async def test_what_is_not_published_is_seen_nowhere_and_sold_nowhere(
    stage: Stage, status: catalog.Status
) -> None:
    offer_id, variant = (await on_air(stage)).id, stage.variants[0]
    assert all((await everywhere(stage)).values())
    assert await is_open(stage, offer_id)
    assert await is_open(stage, -variant.id)

    await set_status(stage, stage.shirt.id, status)
    assert not any((await everywhere(stage)).values())
    assert not await is_open(stage, offer_id)
    assert not await is_open(stage, -variant.id)
    for given in (offer_id, None):
        with pytest.raises(purchases.OfferClosed):
            async with stage.db.transaction() as tx:
                await purchases.join(
                    tx, shop_id=stage.shop.id, variant_id=stage.variants[2].id, buyer=uuid4(), offer_id=given
                )

    await set_status(stage, stage.shirt.id, catalog.Status.ACTIVE)
    assert all((await everywhere(stage)).values())
    assert await is_open(stage, offer_id)


async def test_a_draft_is_not_put_on_air(stage: Stage, client: httpx.AsyncClient) -> None:
    offer = await on_air(stage)
    studio = f"/console/harbour/shows/{stage.show.id}/studio"
    assert '<button class="button">Feature' in (await client.get(studio)).text
    await set_status(stage, stage.shirt.id, catalog.Status.DRAFT)
    with pytest.raises(Refusal) as refusal:
        async with stage.db.transaction() as tx:
            await run_of_show.feature(tx, shop_id=stage.shop.id, show_id=stage.show.id, offer_id=offer.id)
    assert refusal.value.code == "live.product_not_active"
    async with stage.db.transaction() as tx:
        assert (await rooms.room_state(tx, stage.show.id)).featured is None
    assert '<button class="button">Feature' not in (await client.get(studio)).text
    answer = await client.post(f"{studio}/feature", data={"offer_id": str(offer.id)}, follow_redirects=True)
    assert "“Shirt” isn&#39;t published, so viewers can&#39;t see or buy it. Publish it first." in answer.text


async def test_a_draft_is_not_added_on_air_and_a_show_of_drafts_does_not_start(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        jug = await catalog.create_product(
            tx, shop_id=stage.shop.id, title="Jug", variants=[catalog.NewVariant(3_000)]
        )
        (variant,) = await catalog.variants(tx, shop_id=stage.shop.id, product_ids=[jug.id])
        later = await live.plan_show(tx, shop_id=stage.shop.id, title="Later")
    await on_air(stage)
    lines = [run_of_show.OfferLine(variant.id, 3_000, None)]
    with pytest.raises(run_of_show.ProductNotActive):
        async with stage.db.transaction() as tx:
            await run_of_show.add_offer(
                tx, shop_id=stage.shop.id, show_id=stage.show.id, product_id=jug.id, lines=lines
            )
    async with stage.db.transaction() as tx:
        assert len(await run_of_show.offers(tx, shop_id=stage.shop.id, show_id=stage.show.id)) == 1
        await run_of_show.add_offer(
            tx, shop_id=stage.shop.id, show_id=later.id, product_id=jug.id, lines=lines
        )
    with pytest.raises(run_of_show.NothingToSell):
        async with stage.db.transaction() as tx:
            await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=later.id)
    await set_status(stage, jug.id, catalog.Status.ACTIVE)
    async with stage.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=later.id)
