"""Stock as one grid: typed, saved once, undone."""

import re

from tests.web.conftest import Stage
from tests.web.test_web_brand import signed_in
from tests.web.test_web_console_terms import member

from shopfloor import accounts, inventory


async def shelf(stage: Stage) -> dict[tuple[int, int], int]:
    """Units of open stock on the shelf, by variant and place."""
    async with stage.db.transaction() as tx:
        pool = await inventory.open_pool(tx, shop_id=stage.shop.id)
        return {
            (each.variant_id, each.location_id): each.quantity
            for each in await inventory.levels(tx, shop_id=stage.shop.id)
            if each.pool_id == pool.id and each.kind == inventory.LotKind.ON_HAND and each.quantity
        }


def fields(html: str) -> dict[str, str]:
    found = re.findall(r'<input[^>]* name="((?:units|was)-\d+-\d+)"[^>]*?value="(\d+)"', html)
    return dict(found)


async def second_place(stage: Stage) -> tuple[int, int]:
    async with stage.db.transaction() as tx:
        made = await inventory.add_location(
            tx, shop_id=stage.shop.id, name="Shop", kind=inventory.LocationKind.STORE
        )
        [first, _] = await inventory.locations(tx, shop_id=stage.shop.id)
    return first.id, made.id


async def test_many_cells_are_saved_at_once_and_undone(stage: Stage) -> None:
    first, second = await second_place(stage)
    m, large, oat = (variant.id for variant in stage.variants)
    await signed_in(stage)
    page = await stage.client.get("/console/harbour/stock/grid")
    sent = fields(page.text)

    assert sent[f"units-{m}-{first}"] == sent[f"was-{m}-{first}"] == "3"
    assert len(sent) == 12
    saved = await stage.client.post(
        "/console/harbour/stock/grid",
        data=sent | {f"units-{m}-{first}": "1", f"units-{large}-{second}": "7", f"units-{oat}-{first}": "4"},
    )
    assert await shelf(stage) == {(m, first): 1, (large, second): 7, (oat, first): 4}
    after = (await stage.client.get(saved.headers["location"])).text
    assert "3 cells saved." in after
    [undo] = re.findall(r'name="changes" value="([^"]+)"', after)

    await stage.client.post("/console/harbour/stock/grid/undo", data={"changes": undo})
    assert await shelf(stage) == {(m, first): 3}


async def test_what_is_saved_is_the_difference_so_units_sold_meanwhile_stay_sold(stage: Stage) -> None:
    m = stage.variants[0].id
    await signed_in(stage)
    sent = fields((await stage.client.get("/console/harbour/stock/grid")).text)
    [field] = [name for name in sent if name.startswith(f"units-{m}-")]
    async with stage.db.transaction() as tx:
        [(_, place)] = await shelf(stage)
        await inventory.adjust(
            tx, shop_id=stage.shop.id, location_id=place, variant_id=m, by=-2, reason="lost"
        )
    await stage.client.post("/console/harbour/stock/grid", data=sent | {field: "13", "why": "received"})

    assert await shelf(stage) == {(m, place): 11}


async def test_a_wrong_cell_is_marked_and_nothing_is_saved(stage: Stage) -> None:
    m, large, _ = (variant.id for variant in stage.variants)
    await signed_in(stage)
    sent = fields((await stage.client.get("/console/harbour/stock/grid")).text)
    before = await shelf(stage)
    [(_, place)] = before
    wrong = await stage.client.post(
        "/console/harbour/stock/grid",
        data=sent | {f"units-{m}-{place}": "9", f"units-{large}-{place}": "many"},
    )
    fewer = await stage.client.post(
        "/console/harbour/stock/grid", data=sent | {f"units-{m}-{place}": "1", "why": "received"}
    )
    unknown = await stage.client.post(
        "/console/harbour/stock/grid", data={f"units-987654-{place}": "4", f"was-987654-{place}": "0"}
    )

    assert (wrong.status_code, fewer.status_code, unknown.status_code) == (422, 422, 404)
    assert f'id="e-units-{large}-{place}"' in wrong.text
    assert f'id="e-units-{m}-{place}"' not in wrong.text
    assert 'value="many"' in wrong.text
    assert f'id="e-units-{m}-{place}"' in fewer.text
    assert await shelf(stage) == before


async def test_who_may_only_look_sees_numbers(stage: Stage) -> None:
    stage.client.cookies.set("session", await member(stage, accounts.Role.HOST, "Hanna"))
    page = await stage.client.get("/console/harbour/stock/grid")
    refused = await stage.client.post("/console/harbour/stock/grid", data={})

    assert fields(page.text) == {}
    assert "Save all" not in page.text
    assert refused.status_code == 403
