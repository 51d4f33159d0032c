"""Stock as one grid: typed, saved once, undone."""

import re

from tests.web.conftest import Stage
from tests.web.test_web_brand import signed_in
from tests.web.test_web_console_terms import member

from shopfloor import accounts, catalog, inventory, stock, stock_control

GRID = "/console/harbour/stock/grid"
UNDO = f"{GRID}/undo"


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
    [undo] = re.findall(r'name="change" value="([^"]+)"', after)

    await stage.client.post(UNDO, data={"change": undo})
    assert await shelf(stage) == {(m, first): 3}
    again = await stage.client.post(UNDO, data={"change": undo}, follow_redirects=True)
    assert "This can&#39;t be undone" in again.text
    assert await shelf(stage) == {(m, first): 3}


async def test_what_is_undone_is_what_was_saved_whatever_the_form_says(stage: Stage) -> None:
    m = stage.variants[0].id
    await signed_in(stage)
    before = await shelf(stage)
    [(_, place)] = before
    made_up = await stage.client.post(UNDO, data={"changes": f"{m}_{place}_-500000", "change": "1"})
    saved = await stage.client.post(
        GRID, data={f"units-{m}-{place}": "9", f"was-{m}-{place}": "3", "listed": "shirt|||"}
    )
    made = saved.headers["location"].partition("made=")[2]
    # Somebody else of the shop who learns the name of a save can't undo it.
    mine = stage.client.cookies["session"]
    stage.client.cookies.set("session", await member(stage, accounts.Role.MERCHANDISER, "Hanna"))
    others = await stage.client.post(UNDO, data={"change": made})
    stage.client.cookies.set("session", mine)

    assert saved.headers["location"].startswith(f"{GRID}?search=shirt&made=")
    assert (made_up.status_code, others.status_code) == (303, 303)
    assert await shelf(stage) == {(m, place): 9}
    undone = await stage.client.post(UNDO, data={"change": made, "listed": "shirt|||"})
    assert undone.headers["location"] == f"{GRID}?search=shirt"
    assert await shelf(stage) == before


async def test_a_cell_of_which_nobody_knows_what_was_shown_is_refused(stage: Stage) -> None:
    m = stage.variants[0].id
    await signed_in(stage)
    before = await shelf(stage)
    [(_, place)] = before
    cell, was = f"units-{m}-{place}", f"was-{m}-{place}"
    for sent in (
        {cell: "9"},
        {cell: "9", was: "three"},
        {cell: "9", was: "-3"},
        {cell: "9", was: ["3", "0"]},
        {cell: ["9", "5"], was: "3"},
        {cell: "9", was: "3", f"units-0{m}-{place}": "9", f"was-0{m}-{place}": "3"},
    ):
        refused = await stage.client.post(GRID, data=sent)
        assert refused.status_code == 422
        assert "We couldn&#39;t read this cell." in refused.text
    assert await shelf(stage) == before


async def test_a_refused_row_that_the_page_does_not_show_is_named_on_top(stage: Stage) -> None:
    m, _, oat = stage.variants
    await signed_in(stage)
    [(_, place)] = await shelf(stage)
    sent = {f"units-{m.id}-{place}": "many", f"was-{m.id}-{place}": "3", "listed": "nothing|||"}
    hidden = await stage.client.post(GRID, data=sent)
    full = await stage.client.post(
        GRID, data={f"units-{oat.id}-{place}": "1000000", f"was-{oat.id}-{place}": "0"}
    )
    over = await stage.client.post(GRID, data={f"units-{oat.id}-{place}": "1", f"was-{oat.id}-{place}": "0"})
    async with stage.db.transaction() as tx:
        await catalog.update_variant(tx, shop_id=stage.shop.id, variant_id=m.id, archived=True)
    gone = await stage.client.post(GRID, data={f"units-{m.id}-{place}": "9", f"was-{m.id}-{place}": "3"})

    assert hidden.status_code == 422
    assert "Shirt · Indigo · M: " in hidden.text
    assert (full.status_code, over.status_code) == (303, 409)
    assert "A location holds at most 1,000,000 units of a variant." in over.text
    assert gone.status_code == 404
    assert "Shirt · Indigo · M was archived. Nothing was saved." in gone.text


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


async def test_safety_stock_is_saved_beside_the_units_and_undone_with_them(stage: Stage) -> None:
    m = stage.variants[0].id
    await signed_in(stage)
    [(_, place)] = await shelf(stage)

    async def kept() -> tuple[dict[tuple[int, int], int], int]:
        async with stage.db.transaction() as tx:
            wanted = await stock_control.safety.targets(tx, shop_id=stage.shop.id, variant_ids=[m])
            free = await stock.available(tx, shop_id=stage.shop.id, variant_ids=[m])
        return wanted, free[m].now

    assert f'name="safety-{m}-{place}" value="0"' in (await stage.client.get(GRID)).text
    saved = await stage.client.post(
        GRID,
        data={
            f"units-{m}-{place}": "5", f"was-{m}-{place}": "3",
            f"safety-{m}-{place}": "9", f"was-safety-{m}-{place}": "0",
        },
    )  # fmt: skip
    assert await kept() == ({(place, m): 9}, 0)
    after = (await stage.client.get(saved.headers["location"])).text
    assert "2 cells saved." in after
    # All that is there is kept, which is less than was wanted.
    assert "5 kept" in after
    [undo] = re.findall(r'name="change" value="([^"]+)"', after)
    wrong = await stage.client.post(GRID, data={f"safety-{m}-{place}": "-1", f"was-safety-{m}-{place}": "9"})
    assert wrong.status_code == 422
    assert await kept() == ({(place, m): 9}, 0)
    await stage.client.post(GRID, data={f"safety-{m}-{place}": "2", f"was-safety-{m}-{place}": "9"})
    assert await kept() == ({(place, m): 2}, 3)
    await stage.client.post(UNDO, data={"change": undo})
    assert await kept() == ({}, 3)
