"""What a supplier can make is put on sale before it is made, in the console."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in

from shopfloor import inventory, supply
from shopfloor.kernel.values import now


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def quoted(stage: Stage) -> tuple[int, int, int]:
    """A supplier of ten a week with a quote for the shirt; and where goods go."""
    async with stage.db.transaction() as tx:
        maker = await supply.add_supplier(
            tx, shop_id=stage.shop.id, name="Mill", email="", locale="en", capacity_per_week=10
        )
        quote = await supply.add_quote(
            tx,
            shop_id=stage.shop.id,
            supplier_id=maker.id,
            product_id=stage.shirt.id,
            terms=supply.QuoteTerms(
                currency="CNY", tiers=(supply.Tier(1, 5_000),), lead_days=14, late_days=0
            ),
        )
        (place,) = await inventory.locations(tx, shop_id=stage.shop.id)
    return maker.id, quote.id, place.id


async def makeable(stage: Stage) -> list[tuple[int, int]]:
    async with stage.db.transaction() as tx:
        levels = await inventory.levels(
            tx, shop_id=stage.shop.id, variant_ids=[each.id for each in stage.variants]
        )
    return [
        (level.variant_id, level.quantity)
        for level in levels
        if level.kind is inventory.LotKind.MAKEABLE and level.quantity
    ]


async def test_units_are_sold_before_they_are_made_and_ended(stage: Stage, client: httpx.AsyncClient) -> None:
    maker, quote, place = await quoted(stage)
    oat = stage.variants[2]
    here = f"/console/harbour/suppliers/{maker}"
    assert f'<option value="{quote}-{oat.id}">Shirt · Oat · M</option>' in (await client.get(here)).text
    form = {"item": f"{quote}-{oat.id}", "units": "6", "ready_on": "", "location_id": str(place)}
    page = (await client.post(f"{here}/makeable", data=form, follow_redirects=True)).text
    assert "On sale: 6 units, ready on " in page
    assert await makeable(stage) == [(oat.id, 6)]
    assert "Shirt · Oat · M</th>" in page

    # Ten a week is what the supplier makes.
    page = (await client.post(f"{here}/makeable", data=form | {"units": "11"}, follow_redirects=True)).text
    assert "This is more than the supplier can make by that day." in page
    assert await makeable(stage) == [(oat.id, 6)]

    page = (await client.post(f"{here}/makeable", data=form | {"units": "0"}, follow_redirects=True)).text
    assert "No longer sold before it is made." in page
    assert await makeable(stage) == []


@pytest.mark.parametrize("wrong", ["item", "location_id", "units", "ready_on"])
async def test_what_cannot_be_made_is_refused(stage: Stage, client: httpx.AsyncClient, wrong: str) -> None:
    maker, quote, place = await quoted(stage)
    form = {
        "item": f"{quote}-{stage.variants[2].id}",
        "units": "6",
        "ready_on": "",
        "location_id": str(place),
    }
    soon = str(now().date() + timedelta(days=1))
    form |= {wrong: {"item": f"{quote}-999", "location_id": "999", "units": "-1", "ready_on": soon}[wrong]}
    answer = await client.post(
        f"/console/harbour/suppliers/{maker}/makeable", data=form, follow_redirects=True
    )
    assert 'class="note bad"' in answer.text
    assert await makeable(stage) == []
