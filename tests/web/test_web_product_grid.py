"""Products as one grid: many cells typed, saved once, refused at the cell, undone."""

import re

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.test_web_brand import signed_in
from tests.web.test_web_console_terms import member

from shopfloor import accounts, catalog

GRID = "/console/harbour/products/grid"
UNDO = f"{GRID}/undo"


@pytest.fixture
async def client(stage: Stage) -> httpx.AsyncClient:
    await signed_in(stage)
    return stage.client


def fields(html: str) -> dict[str, str]:
    """The grid as a browser sends it without a script."""
    body = html[html.index("data-grid") :]
    found = dict(
        re.findall(
            r'<input[^>]* name="((?:was-)?(?:title|status|price|compare|sku|barcode)-\d+)"[^>]*? value="([^"]*)"',
            body,
        )
    )
    for name, options in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', body):
        found[name] = re.findall(r'value="([^"]+)" selected', options)[0]
    return found


async def kept(stage: Stage) -> tuple[list[tuple[str, str]], dict[int, tuple[int, int | None, str, str]]]:
    async with stage.db.transaction() as tx:
        goods = await catalog.products(tx, shop_id=stage.shop.id, limit=None)
        ids = [each.id for each in goods]
        variants = await catalog.variants(tx, shop_id=stage.shop.id, product_ids=ids)
    return (
        sorted((each.title, each.status.value) for each in goods),
        {each.id: (each.price_minor, each.compare_at_minor, each.sku, each.barcode) for each in variants},
    )


def cell_of(html: str, name: str) -> str:
    """What is said at a cell."""
    found = re.search(rf'id="e-{name}"><svg.*?</svg><span>(.*?)</span>', html, re.DOTALL)
    return "" if found is None else found[1]


async def test_many_cells_are_saved_at_once_and_undone(stage: Stage, client: httpx.AsyncClient) -> None:
    m, large, oat = (each.id for each in stage.variants)
    before = await kept(stage)
    sent = fields((await client.get(GRID)).text)
    assert (sent[f"price-{m}"], sent[f"was-price-{m}"]) == ("129.00", "129.00")
    assert len(sent) == 2 * (2 + 4 * 3)

    saved = await client.post(
        GRID,
        data=sent
        | {
            f"title-{stage.shirt.id}": " Linen shirt ",
            f"status-{stage.shirt.id}": "draft",
            f"price-{m}": "149",
            f"price-{oat}": "99,50",
            f"compare-{m}": "180.00",
            f"sku-{large}": "SH-L",
            f"barcode-{oat}": "4006381333931",
        },
    )
    assert saved.status_code == 303
    goods, variants = await kept(stage)
    assert goods == [("Linen shirt", "draft")]
    assert variants[m][:2] == (14_900, 18_000)
    assert (variants[oat][0], variants[oat][3]) == (9_950, "4006381333931")
    assert variants[large][2] == "SH-L"
    page = (await client.get(saved.headers["location"])).text
    assert "7 cells saved." in page
    [made] = re.findall(r'name="change" value="([^"]+)"', page)

    await client.post(UNDO, data={"change": made})
    assert await kept(stage) == before
    again = await client.post(UNDO, data={"change": made}, follow_redirects=True)
    assert "This can&#39;t be undone" in again.text


async def test_each_fault_stands_at_its_cell_and_nothing_is_lost(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    m, large, oat = (each.id for each in stage.variants)
    before = await kept(stage)
    sent = fields((await client.get(GRID)).text)
    refused = await client.post(
        GRID,
        data=sent
        | {
            f"title-{stage.shirt.id}": "",
            f"status-{stage.shirt.id}": "sold",
            f"price-{m}": "cheap",
            f"price-{large}": "-5",
            f"sku-{oat}": "x" * 101,
            f"sku-{m}": "SH-M",
        },
    )
    assert refused.status_code == 422
    wrong = [
        f"title-{stage.shirt.id}",
        f"status-{stage.shirt.id}",
        f"price-{m}",
        f"price-{large}",
        f"sku-{oat}",
    ]
    assert all(cell_of(refused.text, name) for name in wrong)
    assert "Check the 5 marked fields." in refused.text
    assert f'name="price-{m}" value="cheap"' in refused.text
    assert f'name="sku-{m}" value="SH-M"' in refused.text
    assert not cell_of(refused.text, f"sku-{m}")
    assert await kept(stage) == before


async def test_only_what_was_changed_is_written(stage: Stage, client: httpx.AsyncClient) -> None:
    """Of two who type into different cells of one grid, both keep what they typed."""
    m, large, _ = (each.id for each in stage.variants)
    sent = fields((await client.get(GRID)).text)
    await client.post(GRID, data=sent | {f"price-{m}": "139.00"})
    second = await client.post(GRID, data=sent | {f"price-{large}": "119.00"})

    assert second.status_code == 303
    _, variants = await kept(stage)
    assert (variants[m][0], variants[large][0]) == (13_900, 11_900)


async def test_the_second_of_two_who_change_one_cell_is_told(stage: Stage, client: httpx.AsyncClient) -> None:
    m, large, _ = (each.id for each in stage.variants)
    sent = fields((await client.get(GRID)).text)
    await client.post(GRID, data=sent | {f"price-{m}": "139.00"})
    conflict = await client.post(GRID, data=sent | {f"price-{m}": "135.00", f"sku-{large}": "SH-L"})

    assert conflict.status_code == 409
    assert "Somebody changed it to “139.00”" in cell_of(conflict.text, f"price-{m}")
    _, variants = await kept(stage)
    assert variants[m][0] == 13_900
    assert variants[large][2] != "SH-L"
    # The page knows now what it replaces.
    await client.post(GRID, data=fields(conflict.text))
    _, variants = await kept(stage)
    assert (variants[m][0], variants[large][2]) == (13_500, "SH-L")


async def test_a_price_that_leaps_is_asked_about(stage: Stage, client: httpx.AsyncClient) -> None:
    m = stage.variants[0].id
    sent = {
        f"price-{m}": "1290.00",
        f"was-price-{m}": "129.00",
        f"sku-{m}": "X",
        f"was-sku-{m}": stage.variants[0].sku,
    }
    asked = await client.post(GRID, data=sent)
    assert asked.status_code == 409
    [confirm] = re.findall(r'name="confirm" value="([^"]+)"', asked.text)
    assert (await kept(stage))[1][m][0] == 12_900

    answer = await client.post(GRID, data=sent | {"confirm": confirm.replace("&gt;", ">")})
    assert answer.status_code == 303
    assert (await kept(stage))[1][m][:3:2] == (129_000, "X")


async def test_an_undo_that_would_take_back_somebody_elses_change_is_refused(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    m = stage.variants[0].id
    saved = await client.post(GRID, data={f"price-{m}": "139.00", f"was-price-{m}": "129.00"})
    made = saved.headers["location"].partition("made=")[2]
    await client.post(GRID, data={f"price-{m}": "145.00", f"was-price-{m}": "139.00"})
    refused = await client.post(UNDO, data={"change": made}, follow_redirects=True)

    assert "Some of it was changed since then. Nothing was undone." in refused.text
    assert (await kept(stage))[1][m][0] == 14_500


async def test_a_cell_of_which_nobody_knows_what_was_shown_is_refused(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    m = stage.variants[0].id
    before = await kept(stage)
    cell, was = f"price-{m}", f"was-price-{m}"
    for sent in (
        {cell: "9"},
        {cell: "9", was: ["129.00", "9"]},
        {cell: ["9", "5"], was: "129.00"},
        {cell: "130", was: "129.00", f"price-0{m}": "131", f"was-price-0{m}": "129.00"},
        {"price-999999": "9", "was-price-999999": "8"},
        {"title-999999": "x", "was-title-999999": "y"},
    ):
        refused = await client.post(GRID, data=sent)
        assert refused.status_code == 422, sent
    assert await kept(stage) == before


async def test_what_is_refused_elsewhere_is_named_on_top(stage: Stage, client: httpx.AsyncClient) -> None:
    m = stage.variants[0].id
    refused = await client.post(
        GRID, data={f"price-{m}": "cheap", f"was-price-{m}": "129.00", "listed": "search=nothing"}
    )
    assert refused.status_code == 422
    assert "Shirt · Indigo · M:" in refused.text


async def test_who_may_only_look_has_no_fields(stage: Stage, client: httpx.AsyncClient) -> None:
    client.cookies.set("session", await member(stage, accounts.Role.ANALYST, "Ann"), domain="shop.test")
    page = await client.get(GRID)
    m = stage.variants[0].id

    assert page.status_code == 200
    assert "data-grid" not in page.text
    assert (await client.post(GRID, data={f"price-{m}": "1", f"was-price-{m}": "129.00"})).status_code == 403
    assert (await client.post(UNDO, data={"change": "x"})).status_code == 403


async def test_a_page_ends_where_a_form_would(
    stage: Stage, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shopfloor.web.console.product_grid.MOST_ROWS", 4)
    async with stage.db.transaction() as tx:
        for n in range(3):
            await catalog.create_product(
                tx, shop_id=stage.shop.id, title=f"Good {n}", kind=catalog.Kind.PIECE,
                variants=[catalog.NewVariant(900)],
            )  # fmt: skip
    seen: list[str] = []
    address: str | None = GRID
    while address:
        html = (await client.get(address)).text
        seen += re.findall(r'name="title-\d+" value="([^"]+)"', html)
        following = re.search(r'rel="next" href="([^"]+)"', html)
        address = following[1].replace("&amp;", "&") if following else None
    assert sorted(seen) == ["Good 0", "Good 1", "Good 2", "Shirt"]
