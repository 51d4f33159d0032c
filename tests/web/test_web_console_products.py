"""Products in the console: made with their variants, changed, refused beside the field, brought in as a sheet."""

import html
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote
from zipfile import ZipFile

import httpx
import pytest
from PIL import Image
from tests.web.conftest import Stage
from tests.web.signed import signed_in
from tests.web.test_web_brand import png

from shopfloor import catalog, inventory, picture_files
from shopfloor.web.console.products import split_values

HERE = "/console/harbour/products"


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def products(stage: Stage) -> list[catalog.Product]:
    async with stage.db.transaction() as tx:
        return await catalog.products(tx, shop_id=stage.shop.id)


async def variants(stage: Stage, product_id: int) -> list[catalog.Variant]:
    async with stage.db.transaction() as tx:
        return await catalog.variants(tx, shop_id=stage.shop.id, product_ids=[product_id])


def test_values_are_split_however_they_are_typed() -> None:
    assert split_values(" S, M，L、M\nXL; ") == ["S", "M", "L", "XL"]
    assert split_values("  ") == []
    assert split_values("S M L XL") == ["S", "M", "L", "XL"]
    assert split_values("xs  3XL 38.5 36/38") == ["xs", "3XL", "38.5", "36/38"]
    assert split_values("S/M/L") == split_values("Ｓ／Ｍ／Ｌ") == split_values("S-M-L") == ["S", "M", "L"]
    assert split_values("36/38/40/42") == ["36", "38", "40", "42"]
    assert split_values("S/M L/XL") == ["S/M", "L/XL"]
    assert split_values("92-98 104-110") == ["92-98", "104-110"]
    assert split_values("S/M") == ["S/M"]
    assert split_values("38,5 39,5 40") == split_values("38,5; 39,5, 40") == ["38,5", "39,5", "40"]
    assert split_values("35,36,5,37") == ["35", "36,5", "37"]
    assert split_values("4,5,6") == ["4", "5", "6"]
    assert split_values("36,37,50,55") == ["36", "37", "50", "55"]
    assert split_values("S–M–L") == ["S", "M", "L"]
    assert split_values("92–98 104–110") == ["92–98", "104–110"]
    assert split_values("Black/White/Red") == ["Black/White/Red"]
    assert split_values("Sky blue") == ["Sky blue"]
    assert split_values("Sky  blue, M | L / XL；均码") == ["Sky blue", "M", "L", "XL", "均码"]


def test_each_combination_is_a_variant() -> None:
    made = catalog.NewVariant.of_each([["S", "M"], ["Blue"]], 500, "T")
    assert [(one.options, one.sku, one.price_minor) for one in made] == [
        (["S", "Blue"], "T-S-Blue", 500),
        (["M", "Blue"], "T-M-Blue", 500),
    ]
    assert [(one.options, one.sku) for one in catalog.NewVariant.of_each([], 500, "T")] == [([], "T")]


def test_too_many_combinations_are_refused_before_they_are_made() -> None:
    values = [str(n) for n in range(100)]
    with pytest.raises(catalog.TooManyVariants):
        catalog.NewVariant.of_each([values, values, values], 500, "")


async def test_nobody_sees_it_without_signing_in(stage: Stage) -> None:
    answer = await stage.client.get(HERE)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


async def test_the_list_says_prices_and_what_is_left(client: httpx.AsyncClient) -> None:
    page = (await client.get(HERE)).text
    assert "Shirt" in page
    assert "CN¥129" in page
    assert "<b>3</b>" in page
    assert "Shirt" in (await client.get(f"{HERE}?search=indigo-m")).text
    assert "No results" in (await client.get(f"{HERE}?search=teapot")).text


async def test_a_product_with_its_variants(client: httpx.AsyncClient, stage: Stage) -> None:
    answer = await client.post(
        f"{HERE}/new",
        data={
            "title": "Coat", "other_title": "大衣", "kind": "sized", "price": "1,299.5", "sku": "C",
            "option1": "Size", "values1": "M, L", "option2": "Colour", "values2": "Sand", "option3": "", "values3": "",
        },
    )  # fmt: skip
    assert answer.status_code == 303
    coat = (await products(stage))[-1]
    assert answer.headers["location"] == f"{HERE}/{coat.id}"
    assert (coat.title, coat.titles, coat.option_names) == ("Coat", {"zh_CN": "大衣"}, ["Size", "Colour"])
    assert [(one.options, one.sku, one.price_minor) for one in await variants(stage, coat.id)] == [
        (["M", "Sand"], "C-M-Sand", 129_950),
        (["L", "Sand"], "C-L-Sand", 129_950),
    ]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"title": "", "price": "5"}, "e-title"),
        ({"title": "Coat", "price": "a lot"}, "e-price"),
        ({"title": "Coat", "price": "-1"}, "e-price"),
        ({"title": "Coat", "price": "5", "option1": "Size", "values1": "x" * 101}, "e-values1"),
    ],
)
async def test_a_refused_product_keeps_what_was_typed(
    client: httpx.AsyncClient, stage: Stage, typed: dict[str, str], field: str
) -> None:
    answer = await client.post(f"{HERE}/new", data={**typed, "vendor": "Old Mill"})
    assert answer.status_code == 422
    assert f'id="{field}"' in answer.text
    assert 'value="Old Mill"' in answer.text
    assert [one.title for one in await products(stage)] == ["Shirt"]


async def test_prices_of_the_whole_table(client: httpx.AsyncClient, stage: Stage) -> None:
    first, second, third = stage.variants
    typed = {f"price-{first.id}": "99", f"price-{second.id}": "129.00", f"sku-{third.id}": "NEW"}
    answer = await client.post(f"{HERE}/{stage.shirt.id}/variants", data=typed)
    assert answer.status_code == 303
    assert [(one.price_minor, one.sku) for one in await variants(stage, stage.shirt.id)] == [
        (9_900, "Indigo-M"),
        (12_900, "Indigo-L"),
        (12_900, "NEW"),
    ]
    page = (await client.get(f"{HERE}/{stage.shirt.id}")).text
    assert "2 prices" in page


async def test_one_wrong_price_changes_none(client: httpx.AsyncClient, stage: Stage) -> None:
    first, second, _ = stage.variants
    typed = {f"price-{first.id}": "99", f"price-{second.id}": "12.345"}
    answer = await client.post(f"{HERE}/{stage.shirt.id}/variants", data=typed)
    assert answer.status_code == 422
    assert f'id="e-price-{second.id}"' in answer.text
    assert 'value="99"' in answer.text
    assert [one.price_minor for one in await variants(stage, stage.shirt.id)] == [12_900] * 3


async def test_words_of_another_language_stay(client: httpx.AsyncClient, stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        await catalog.update_product(
            tx, shop_id=stage.shop.id, product_id=stage.shirt.id, titles={"zh_CN": "衬衫", "fr": "Chemise"}
        )
    typed = {
        "title": "Linen shirt",
        "other_title": "亚麻衬衫",
        "kind": "sized",
        "option1": "Colour",
        "option2": "Size",
    }
    assert (await client.post(f"{HERE}/{stage.shirt.id}", data=typed)).status_code == 303
    [shirt] = await products(stage)
    assert (shirt.title, shirt.titles) == ("Linen shirt", {"zh_CN": "亚麻衬衫", "fr": "Chemise"})


async def test_archive_and_bring_back(client: httpx.AsyncClient, stage: Stage) -> None:
    path = f"{HERE}/{stage.shirt.id}/status"
    assert (await client.post(path, data={"status": "archived"})).status_code == 303
    assert (await products(stage))[0].status == catalog.Status.ARCHIVED
    assert (await client.post(path, data={"status": "active"})).status_code == 303
    assert (await products(stage))[0].status == catalog.Status.ACTIVE
    assert (await client.post(path, data={"status": "gone"})).status_code == 422


async def test_a_picture_and_what_is_none(client: httpx.AsyncClient, stage: Stage, tmp_path: Path) -> None:
    path = f"{HERE}/{stage.shirt.id}/pictures"
    answer = await client.post(path, files={"picture": ("shirt.png", b"not a picture", "image/png")})
    assert answer.status_code == 422
    assert 'id="e-picture"' in answer.text
    answer = await client.post(path, data={"alt": "x"})
    assert 'id="e-picture"' in answer.text
    drawn = BytesIO()
    Image.new("RGB", (64, 64), "navy").save(drawn, "PNG")
    answer = await client.post(
        path, files={"picture": ("shirt.png", drawn.getvalue())}, data={"alt": "A shirt"}
    )
    assert answer.status_code == 303
    async with stage.db.transaction() as tx:
        [picture] = await catalog.pictures(tx, shop_id=stage.shop.id, product_ids=[stage.shirt.id])
    assert picture.alt == "A shirt"
    assert (await client.post(f"{path}/{picture.id}/remove")).status_code == 303
    async with stage.db.transaction() as tx:
        assert await catalog.pictures(tx, shop_id=stage.shop.id, product_ids=[stage.shirt.id]) == []


async def test_a_sheet_with_a_faulty_row(client: httpx.AsyncClient, stage: Stage) -> None:
    sheet = "Handle,Title,Variant Price\nbowl,Bowl,25.00\ncup,Cup,cheap\n"
    answer = await client.post(f"{HERE}/import", files={"file": ("goods.csv", sheet.encode())})
    assert answer.status_code == 200
    assert '<td class="num">3</td><td>Variant Price</td>' in answer.text
    assert "Enter a price" in answer.text
    assert [one.title for one in await products(stage)] == ["Shirt", "Bowl"]
    answer = await client.post(f"{HERE}/import", files={"file": ("goods.csv", b"\x00\x01")})
    assert answer.status_code == 422
    assert 'id="e-file"' in answer.text


async def test_the_import_says_why_a_file_is_no_sheet_and_what_it_made_of_codes(
    client: httpx.AsyncClient,
) -> None:
    async def answer(sheet: str) -> str:
        answer = await client.post(f"{HERE}/import", files={"file": ("goods.csv", sheet.encode())})
        return html.unescape(answer.text)

    assert "The file has no column Handle. The first row names the columns" in await answer(
        "Name,Price\nCup,1\n"
    )
    assert "Each row stands in quotation marks" in await answer('"Handle,Title"\n"cup,Cup"\n')
    noted = await answer('Handle,Title,Variant Price,Variant Barcode\ncup,Cup,1.00,"4,006,381,333,931"\n')
    assert "1 note about what was read" in noted
    assert "The signs between them were removed." in noted


async def test_the_export_is_what_the_import_reads(client: httpx.AsyncClient, stage: Stage) -> None:
    sheet = (await client.get(f"{HERE}/export.csv")).content
    assert sheet.startswith("\ufeff".encode())
    answer = await client.post(f"{HERE}/import", files={"file": ("goods.csv", sheet)})
    assert "All rows are valid." in answer.text
    assert len(await products(stage)) == 1


async def test_a_product_that_is_not_there(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{HERE}/999")).status_code == 404
    assert (await client.get(f"{HERE}/shirt")).status_code == 404


STOCKED = "Handle,Title,Variant Price,Variant Inventory Qty\nbowl,Bowl,25.00,12\ncup,Cup,8.00,-3\nplate,Plate,9.00,\n"


async def on_hand(stage: Stage) -> dict[str, int]:
    """Units on hand by title."""
    async with stage.db.transaction() as tx:
        found = {each.id: each.title for each in await catalog.products(tx, shop_id=stage.shop.id)}
        variants = await catalog.variants(tx, shop_id=stage.shop.id, product_ids=list(found))
        levels = await inventory.levels(tx, shop_id=stage.shop.id, variant_ids=[each.id for each in variants])
    units = {each.id: 0 for each in variants}
    for level in levels:
        units[level.variant_id] += level.quantity
    return {found[each.product_id]: units[each.id] for each in variants if found[each.product_id] != "Shirt"}


async def test_stock_of_a_sheet_is_set_at_the_chosen_location_once(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    async with stage.db.transaction() as tx:
        place, *_ = await inventory.locations(tx, shop_id=stage.shop.id)
    files, chosen = {"file": ("goods.csv", STOCKED.encode())}, {"location": str(place.id)}
    first = await client.post(f"{HERE}/import", files=files, data=chosen)
    assert first.status_code == 200
    assert await on_hand(stage) == {"Bowl": 12, "Cup": 0, "Plate": 0}
    async with stage.db.transaction() as tx:
        moved = await tx.value("SELECT count(*) FROM stock.movement WHERE kind = 'counted'")
    second = await client.post(f"{HERE}/import", files=files, data=chosen)
    assert second.status_code == 200
    assert await on_hand(stage) == {"Bowl": 12, "Cup": 0, "Plate": 0}
    async with stage.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM stock.movement WHERE kind = 'counted'") == moved == 1


def drawn() -> bytes:
    out = BytesIO()
    Image.new("RGB", (20, 20), "teal").save(out, "PNG")
    return out.getvalue()


async def test_images_come_from_the_zip_beside_the_sheet(
    client: httpx.AsyncClient, stage: Stage, tmp_path: Path
) -> None:
    sheet = b"Handle,Title,Variant Price,Image Src\nbowl,Bowl,25.00,bowl.png\ncup,Cup,8.00,http://127.0.0.1:9/c.png\n"
    packed = BytesIO()
    with ZipFile(packed, "w") as file:
        file.writestr("images/bowl.png", drawn())
    files = {"file": ("goods.csv", sheet), "images": ("images.zip", packed.getvalue())}

    checked = await client.post(f"{HERE}/import", files=files, data={"check": "yes"})
    assert "Images to fetch" in checked.text
    assert "Export what you have as a pattern" in (await client.get(f"{HERE}/import")).text
    assert "No imported images yet." in (await client.get(f"{HERE}/import/images")).text
    assert (await client.post(f"{HERE}/import", files=files)).status_code == 200
    page = (await client.get(f"{HERE}/import/images")).text
    assert '<meta http-equiv="refresh"' in page
    assert '<progress class="wide" max="2" value="0"' in page

    assert await catalog.fetch_pictures(stage.db, tmp_path / "pictures") == 1
    page = (await client.get(f"{HERE}/import/images")).text
    assert "http-equiv" not in page
    assert "This address doesn&#39;t lead to a public web server." in page
    assert (
        (await client.post(f"{HERE}/import/images")).headers["location"].endswith("/products/import/images")
    )
    assert '<progress class="wide" max="2" value="1"' in (await client.get(f"{HERE}/import/images")).text
    again = await client.post(f"{HERE}/import", files=files)
    assert again.status_code == 200
    assert len(await products(stage)) == 3


async def test_a_broken_zip_is_told_beside_its_field(client: httpx.AsyncClient, stage: Stage) -> None:
    files = {"file": ("goods.csv", STOCKED.encode()), "images": ("images.zip", b"nothing")}
    answer = await client.post(f"{HERE}/import", files=files)
    assert answer.status_code == 422
    assert 'id="e-images"' in answer.text
    assert [one.title for one in await products(stage)] == ["Shirt"]


async def test_a_list_price_is_shown_once_somebody_stands_for_it(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    async with stage.db.transaction() as tx:
        variants = await catalog.variants(tx, shop_id=stage.shop.id, product_ids=[stage.shirt.id])
    cheapest = min(variants, key=lambda each: each.price_minor)
    path, field = f"{HERE}/{stage.shirt.id}/variants", f"compare-{cheapest.id}"
    page = f"/s/{stage.shop.slug}/p/{stage.shirt.id}"
    assert (await client.post(path, data={field: "1,2,3"})).status_code == 422
    assert "List price" not in (await client.get(page)).text
    assert (await client.post(path, data={field: "1999.00"})).status_code == 303
    assert "1,999" not in (await client.get(page)).text
    unproven = await client.post(path, data={"set_by": "Maker"})
    assert (unproven.status_code, 'id="e-evidence"' in unproven.text) == (422, True)
    assert "1,999" not in (await client.get(page)).text
    proven = {"set_by": "Maker", "evidence": "maker.example/prices"}
    assert (await client.post(path, data=proven)).status_code == 303
    shown = '<s class="num">CN¥1,999</s> list price of Maker'
    assert shown in (await client.get(page)).text
    assert 'value="maker.example/prices"' in (await client.get(f"{HERE}/{stage.shirt.id}")).text
    assert (await client.post(path, data={f"sku-{cheapest.id}": "NEW"})).status_code == 303
    assert shown in (await client.get(page)).text
    assert (await client.post(path, data={field: "1998.00"})).status_code == 303
    assert "1,99" not in (await client.get(page)).text
    # An earlier price of the shop's own goes before what anybody else says.
    assert (await client.post(path, data={field: "1999.00", **proven})).status_code == 303
    assert (await client.post(path, data={f"price-{cheapest.id}": "99.00"})).status_code == 303
    assert '<s class="num">CN¥129</s> lowest price of the 7 days before' in (await client.get(page)).text
    assert (await client.post(path, data={field: ""})).status_code == 303
    assert '<s class="num">CN¥129</s>' in (await client.get(page)).text


async def test_a_checked_sheet_changes_nothing(client: httpx.AsyncClient, stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        place, *_ = await inventory.locations(tx, shop_id=stage.shop.id)
    answer = await client.post(
        f"{HERE}/import",
        files={"file": ("goods.csv", STOCKED.encode())},
        data={"location": str(place.id), "check": "yes"},
    )
    assert answer.status_code == 200
    assert "Nothing has been changed yet." in answer.text
    assert [one.title for one in await products(stage)] == ["Shirt"]


async def test_stock_is_not_taken_without_a_location_nor_at_one_of_another_shop(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    files = {"file": ("goods.csv", STOCKED.encode())}
    refused = await client.post(f"{HERE}/import", files=files, data={"location": "999999"})
    assert refused.status_code == 404
    assert [one.title for one in await products(stage)] == ["Shirt"]
    taken = await client.post(f"{HERE}/import", files=files)
    assert "Stock was left out" in taken.text
    assert await on_hand(stage) == {"Bowl": 0, "Cup": 0, "Plate": 0}


@pytest.mark.parametrize("product_id", [999_999, 2**62])
async def test_variants_of_a_product_that_is_not_this_shops_are_not_saved(
    client: httpx.AsyncClient, stage: Stage, product_id: int
) -> None:
    answer = await client.post(f"/console/harbour/products/{product_id}/variants", data={"reason": "x"})

    assert answer.status_code == 404


async def test_many_pictures_are_added_at_once_and_what_cannot_be_used_is_named(
    client: httpx.AsyncClient, stage: Stage
) -> None:
    path = f"{HERE}/{stage.shirt.id}/pictures"
    several = [("picture", (f"{n}.png", png(40 + n, 40), "image/png")) for n in range(3)]
    broken = ("picture", ("notes.txt", b"no picture", "text/plain"))
    added = await client.post(path, files=several)
    partly = await client.post(path, files=[("picture", ("4.png", png(60, 40), "image/png")), broken])
    too_many = await client.post(path, files=[broken] * 21)
    async with stage.db.transaction() as tx:
        kept = await catalog.pictures(tx, shop_id=stage.shop.id, product_ids=[stage.shirt.id])

    assert added.status_code == 303
    assert [picture.width for picture in kept] == [40, 41, 42, 60]
    assert partly.status_code == 422
    assert "1 image added." in partly.text
    assert "notes.txt: " in partly.text
    assert "Choose at most 20 images at a time." in too_many.text

    again = await client.post(path, files=[*several[:2], ("picture", ("5.png", png(70, 40), "image/png"))])
    said = unquote(again.cookies["flash"]) if "flash" in again.cookies else (await client.get(path[:-9])).text
    assert "1 image added. 2 images were there already." in said


async def test_a_product_has_at_most_a_hundred_pictures(client: httpx.AsyncClient, stage: Stage) -> None:
    path = f"{HERE}/{stage.shirt.id}/pictures"
    first = ("picture", ("first.png", png(30, 40), "image/png"))
    await client.post(path, files=[first])
    async with stage.db.transaction() as tx:
        for n in range(99):
            await catalog.add_picture(
                tx,
                shop_id=stage.shop.id,
                product_id=stage.shirt.id,
                picture=picture_files.ProcessedPicture(f"{n:064x}", 1, 1, {}),
            )
    one_more = await client.post(path, files=[("picture", ("more.png", png(31, 40), "image/png"))])
    known = await client.post(path, files=[first], data={"alt": "The front"})
    async with stage.db.transaction() as tx:
        kept = await catalog.pictures(tx, shop_id=stage.shop.id, product_ids=[stage.shirt.id])

    assert one_more.status_code == 422
    assert "A product can have at most 100 images." in one_more.text
    assert known.status_code == 303
    assert len(kept) == 100
    assert kept[0].alt == "The front"
