"""Settings of the shop itself: everything in one place, all that is wrong at once, the currency fixed by the first price."""

from pathlib import Path

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in

from shopfloor import accounts, auth

HERE = "/console/harbour/terms"
FORM = {"name": "Harbour & Kiln", "locale": "zh-CN", "timezone": "Asia/Tokyo"}


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def shop(stage: Stage) -> accounts.Shop:
    async with stage.db.transaction() as tx:
        return await accounts.shop(tx, stage.shop.id)


async def test_name_language_and_zone_change_and_the_address_stays(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    page = (await client.get(HERE)).text
    assert 'value="Harbour"' in page
    assert 'value="UTC" selected' in page
    for word in ("/members", "/media", 'name="pay_to"', 'name="most_per_buyer"', 'name="shipping"'):
        assert word in page, word
    assert "Harbour" in (await client.get("/s/harbour")).text
    assert (await client.post(f"{HERE}/shop", data=FORM)).status_code == 303
    before = stage.shop
    assert await shop(stage) == accounts.Shop(
        before.id, "harbour", "Harbour & Kiln", "CNY", "zh_CN", "Asia/Tokyo"
    )
    assert "Harbour &amp; Kiln" in (await client.get("/s/harbour")).text


async def test_all_that_is_wrong_is_said_at_once(stage: Stage, client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{HERE}/shop", data={"name": " ", "locale": "en", "timezone": "Berlin"})
    assert answer.status_code == 422
    assert 'id="e-name"' in answer.text
    assert 'id="e-timezone"' in answer.text
    assert await shop(stage) == stage.shop


async def test_the_currency_is_fixed_by_the_first_product(stage: Stage, client: httpx.AsyncClient) -> None:
    assert 'name="currency"' not in (await client.get(HERE)).text
    answer = await client.post(f"{HERE}/shop", data=FORM | {"currency": "EUR"})
    assert answer.status_code == 409
    assert await shop(stage) == stage.shop
    # Sent along as it is, it is no change.
    assert (await client.post(f"{HERE}/shop", data=FORM | {"currency": "CNY"})).status_code == 303


async def test_a_shop_without_products_takes_another_currency(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    async with stage.db.transaction() as tx:
        person = await auth.signed_in(tx, client.cookies["session"])
        await accounts.create_shop(tx, owner_id=person.id, name="Second", slug="second", currency="EUR")
    here = "/console/second/terms"
    assert 'value="SEK"' in (await client.get(here)).text
    form = {"name": "Second", "locale": "en", "timezone": "Europe/Stockholm", "currency": "SEK"}
    assert (await client.post(f"{here}/shop", data=form)).status_code == 303
    async with stage.db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, "second")
    assert (found.currency, found.timezone) == ("SEK", "Europe/Stockholm")


async def test_only_an_owner_changes_the_shop(stage: Stage, client: httpx.AsyncClient) -> None:
    async with stage.db.transaction() as tx:
        person = await auth.signed_in(tx, client.cookies["session"])
        await tx.run(
            "UPDATE accounts.member SET role = 'merchandiser' WHERE person_id = %(id)s", id=person.id
        )
    page = (await client.get(HERE)).text
    assert "Only an owner changes these." in page
    assert (await client.post(f"{HERE}/shop", data=FORM)).status_code == 403
    assert await shop(stage) == stage.shop
