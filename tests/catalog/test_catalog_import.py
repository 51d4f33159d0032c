"""The Shopify product CSV, in good and in bad state."""

import csv
import io
import re
from pathlib import Path
from typing import Any, Protocol

import pytest

from shopfloor import accounts, catalog, picture_files
from shopfloor.catalog import dialect
from shopfloor.kernel.database import Database


class Shops(Protocol):
    mine: accounts.Shop
    other: accounts.Shop


HEAD = "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Grams,Variant Price,Variant Barcode,Image Src,Image Position,Image Alt Text,Status\n"
SHIRT = """\
shirt,Linen Shirt,<p>Soft</p>,Mill,Shirts,"linen, summer",TRUE,Size,M,Colour,Indigo,S-M,240,129.00,4006381333931,https://cdn.example/1.jpg,1,Front,active
shirt,,,,,,,,L,,Indigo,S-L,,139.5,,https://cdn.example/2.jpg,2,,
shirt,,,,,,,,,,,,,,,https://cdn.example/3.jpg,3,Back,
"""
CUP = "cup,Cup,,,,,TRUE,Title,Default Title,,,CUP,,18,,,,,active\n"


async def take(database: Database, shop: accounts.Shop, text: str | bytes) -> catalog.Report:
    data = text.encode() if isinstance(text, str) else text
    async with database.transaction() as tx:
        return await catalog.import_shopify_csv(tx, shop_id=shop.id, stream=io.BytesIO(data))


async def export(database: Database, shop: accounts.Shop, base_url: str | None = None) -> str:
    async with database.transaction() as tx:
        return await catalog.export_shopify_csv(tx, shop_id=shop.id, base_url=base_url)


async def kept(database: Database, shop: accounts.Shop) -> list[tuple[str, list[tuple[list[str], str, int]]]]:
    """Handle, and options, SKU and price of each variant."""
    async with database.transaction() as tx:
        products = await catalog.products(tx, shop_id=shop.id)
        variants = await catalog.variants(tx, shop_id=shop.id, product_ids=[each.id for each in products])
    return [
        (p.handle, [(v.options, v.sku, v.price_minor) for v in variants if v.product_id == p.id])
        for p in products
    ]


def told(report: catalog.Report) -> list[tuple[int, str, str]]:
    return [(each.row, each.column.lower(), each.code) for each in report.errors]


SHIRT_KEPT = ("shirt", [(["M", "Indigo"], "S-M", 12900), (["L", "Indigo"], "S-L", 13950)])
CUP_KEPT = ("cup", [([], "CUP", 1800)])


@pytest.mark.parametrize("prefix", ["", "\ufeff"])
async def test_products_variants_and_addresses_are_taken(
    database: Database, shops: Shops, prefix: str
) -> None:
    report = await take(database, shops.mine, prefix + HEAD + SHIRT + CUP)

    assert (report.rows, report.created, report.updated, report.refused, report.errors) == (4, 2, 0, 0, [])
    assert (report.notes, report.pictures) == ([], 3)
    assert await kept(database, shops.mine) == [SHIRT_KEPT, CUP_KEPT]
    async with database.transaction() as tx:
        shirt, cup = await catalog.products(tx, shop_id=shops.mine.id)
        variants = await catalog.variants(tx, shop_id=shops.mine.id, product_ids=[shirt.id])
    assert (shirt.title, shirt.description, shirt.vendor, shirt.product_type, shirt.tags, shirt.kind, shirt.status) == (
        "Linen Shirt", "<p>Soft</p>", "Mill", "Shirts", ["linen", "summer"], "sized", "active",
    )  # fmt: skip
    assert (shirt.option_names, cup.option_names, cup.kind) == (["Size", "Colour"], [], "piece")
    assert [(each.grams, each.barcode) for each in variants] == [(240, "4006381333931"), (0, "")]


async def test_the_newer_headers_are_read(database: Database, shops: Shops) -> None:
    report = await take(
        database, shops.mine,
        "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Barcode,"
        "Option1 name,Option1 value,Price,Weight value (grams),Product image URL,Image alt text\n"
        "Shirt,shirt,Soft,Mill,Apparel,Shirts,linen,TRUE,Active,S-M,,Size,M,129.00,240,https://cdn.example/1.jpg,x\n",
    )  # fmt: skip

    assert (report.created, report.errors, report.ignored_columns) == (1, [], ["Product category"])
    assert await kept(database, shops.mine) == [("shirt", [(["M"], "S-M", 12900)])]


async def test_a_second_import_updates_by_handle(database: Database, shops: Shops) -> None:
    await take(database, shops.mine, HEAD + SHIRT)
    report = await take(
        database, shops.mine,
        "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant Price\n"
        "Shirt,Linen Shirt II,Size,M,Colour,Indigo,99.00\nshirt,,,XL,,Indigo,149.00\n",
    )  # fmt: skip

    assert (report.created, report.updated, report.errors) == (0, 1, [])
    assert await kept(database, shops.mine) == [
        (
            "shirt",
            [(["M", "Indigo"], "S-M", 9900), (["L", "Indigo"], "S-L", 13950), (["XL", "Indigo"], "", 14900)],
        )
    ]
    async with database.transaction() as tx:
        (shirt,) = await catalog.products(tx, shop_id=shops.mine.id)
        (first, *_) = await catalog.variants(tx, shop_id=shops.mine.id, product_ids=[shirt.id])
        history = await catalog.prices(tx, shop_id=shops.mine.id, variant_id=first.id)
    assert (shirt.title, shirt.description, shirt.tags) == (
        "Linen Shirt II",
        "<p>Soft</p>",
        ["linen", "summer"],
    )
    assert [(each.minor, each.reason) for each in history] == [(12900, ""), (9900, "import")]


async def test_the_same_file_again_changes_nothing(database: Database, shops: Shops) -> None:
    await take(database, shops.mine, HEAD + SHIRT + CUP)
    before = await export(database, shops.mine)
    report = await take(database, shops.mine, HEAD + SHIRT + CUP)
    assert (report.created, report.updated) == (0, 2)
    assert await export(database, shops.mine) == before
    async with database.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM catalog.price") == 3
        assert await tx.value("SELECT count(*) FROM kernel.outbox WHERE name = 'catalog.price_changed'") == 3


def row(**cells: str) -> str:
    """A row of a product 'bad' with the cells given."""
    good = {"Handle": "bad", "Title": "Bad", "Variant Price": "1.00", "Status": "active"}
    return ",".join((good | cells).get(name, "") for name in HEAD.strip().split(",")) + "\n"


@pytest.mark.parametrize(
    ("broken", "column", "code"),
    [
        (row(**{"Variant Price": "NaN"}), "variant price", "catalog.price_unreadable"),
        (row(**{"Variant Price": "free"}), "variant price", "catalog.price_unreadable"),
        (row(**{"Variant Price": '"1,29.00"'}), "variant price", "catalog.price_unreadable"),
        (row(**{"Variant Price": "-5"}), "variant price", "catalog.price_negative"),
        (row(**{"Variant Price": "1e9"}), "variant price", "catalog.price_unreadable"),
        (row(**{"Variant Price": "9" * 15}), "variant price", "catalog.price_too_large"),
        (row(**{"Variant Price": "1.005"}), "variant price", "catalog.price_decimals"),
        (row(**{"Variant Price": ""}), "variant price", "catalog.csv_no_price"),
        (row(Handle=""), "handle", "catalog.csv_no_handle"),
        (row(Handle="a/b"), "handle", "catalog.bad_handle"),
        (row(Title=""), "handle", "catalog.sheet_incomplete"),
        (row(Title="x" * 256), "title", "text.unusable"),
        (row(Title="a\x07b"), "title", "text.unusable"),
        (row(Title="a\0b"), "title", "catalog.csv_encoding"),
        (row(Status="sold"), "status", "catalog.csv_bad_status"),
        (row(Published="maybe"), "published", "catalog.csv_bad_published"),
        (row(**{"Variant Grams": "-1"}), "variant grams", "catalog.bad_weight"),
        (row(**{"Variant Grams": "1.5"}), "variant grams", "catalog.bad_weight"),
        (row(**{"Variant Grams": "9" * 11}), "variant grams", "catalog.bad_weight"),
        (row(**{"Variant SKU": "x" * 101}), "variant sku", "text.unusable"),
        (row(**{"Option2 Name": "Size", "Option2 Value": "M"}), "option1 name", "catalog.bad_options"),
        (row(**{"Option1 Name": "Size", "Option2 Name": "size"}), "option1 name", "catalog.bad_options"),
        (row(**{"Option1 Name": "Size", "Option1 Value": ""}), "option1 value", "text.unusable"),
        (row(**{"Option1 Value": "M"}), "option1 value", "catalog.bad_options"),
        (row(**{"Image Src": "javascript:alert(1)"}), "image src", "catalog.csv_bad_address"),
        (row(**{"Image Src": "file:///etc/passwd"}), "image src", "catalog.csv_bad_address"),
        (row().rstrip("\n") + ",too,many\n", "", "catalog.csv_too_many_cells"),
        (row(**{"Body (HTML)": "x" * 140_000}), "", "catalog.csv_malformed"),
        (row(**{"Body (HTML)": "x" * 65_001}), "body (html)", "text.unusable"),
    ],
)  # fmt: skip
async def test_a_broken_row_is_told_and_the_others_are_taken(
    database: Database, shops: Shops, broken: str, column: str, code: str
) -> None:
    report = await take(database, shops.mine, HEAD + CUP + broken + "\n\n" + SHIRT)

    assert told(report)[0] == (3, column, code)
    assert report.refused == 1
    assert (report.created, await kept(database, shops.mine)) == (2, [CUP_KEPT, SHIRT_KEPT])


async def test_bytes_that_are_not_utf8_spoil_their_row_only(database: Database, shops: Shops) -> None:
    tea = row(Handle="tea", Title="Thé vert à la menthe infusé très légèrement")
    data = (HEAD + CUP + tea).encode() + row(Title="Maté").encode("latin-1") + SHIRT.encode()
    report = await take(database, shops.mine, data)
    assert told(report) == [(4, "title", "catalog.csv_encoding")]
    assert await kept(database, shops.mine) == [CUP_KEPT, ("tea", [([], "", 100)]), SHIRT_KEPT]


async def test_a_product_is_taken_whole_or_not_at_all(database: Database, shops: Shops) -> None:
    broken = SHIRT.replace("139.5", "much").replace("https://cdn.example/3.jpg", "nowhere")
    report = await take(database, shops.mine, HEAD + broken + CUP)
    assert told(report) == [
        (3, "variant price", "catalog.price_unreadable"), (4, "image src", "catalog.csv_bad_address"),
    ]  # fmt: skip
    assert await kept(database, shops.mine) == [CUP_KEPT]

    await take(database, shops.mine, HEAD + SHIRT)
    before = await export(database, shops.mine)
    # The fault is in the last row: what came before it is undone.
    late = "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU\n"
    late += "shirt,Changed,Size,M,Colour,Indigo,NEW\nshirt,,,XXL,,Indigo,NEW-2\n"
    report = await take(database, shops.mine, late)
    assert told(report) == [(3, "variant price", "catalog.sheet_incomplete")]
    assert await export(database, shops.mine) == before


async def test_variants_and_options_of_one_product(database: Database, shops: Shops) -> None:
    twice = SHIRT.replace(",L,,Indigo", ",M,,Indigo")
    assert told(await take(database, shops.mine, HEAD + twice)) == [
        (3, "option1 value", "catalog.options_taken")
    ]
    many = SHIRT.splitlines()[0] + "\n" + "".join(f"shirt,,,,,,,,{n},,I,,,1,,,,,\n" for n in range(200))
    assert told(await take(database, shops.mine, HEAD + many)) == [
        (202, "handle", "catalog.too_many_variants")
    ]
    apart = HEAD + SHIRT + CUP + "shirt,,,,,,,,XL,,Indigo,,,1,,,,,\n"
    assert told(await take(database, shops.mine, apart)) == [(6, "handle", "catalog.csv_handle_repeated")]
    fewer = "Handle,Title,Option1 Name,Option1 Value,Variant Price\nshirt,x,Size,M,1\n"
    assert told(await take(database, shops.mine, fewer)) == [(2, "handle", "catalog.bad_options")]
    assert await kept(database, shops.mine) == [SHIRT_KEPT, CUP_KEPT]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\n", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"Title,Price\na,1\n",
        b"Handle,Title,title\na,b,c\n", b"Variant Price,Handle,Price\n1,a,2\n", ("H," * 600).encode(), b"\0" * 1000,
        b'"' + b"x" * 200_000,
    ],
)  # fmt: skip
async def test_a_file_without_a_usable_header_is_refused(
    database: Database, shops: Shops, data: bytes
) -> None:
    with pytest.raises(catalog.SheetUnreadable):
        await take(database, shops.mine, data)


async def test_a_file_that_is_too_long_is_refused_and_nothing_is_taken(
    database: Database, shops: Shops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialect, "MAX_ROWS", 3)
    with pytest.raises(catalog.SheetTooLarge):
        await take(database, shops.mine, HEAD + SHIRT + CUP)
    monkeypatch.undo()
    monkeypatch.setattr(dialect, "MAX_CSV_BYTES", 500)
    with pytest.raises(catalog.SheetTooLarge):
        await take(database, shops.mine, HEAD + SHIRT + CUP)
    assert await kept(database, shops.mine) == []


async def test_an_unclosed_quote_takes_down_only_what_follows_it(database: Database, shops: Shops) -> None:
    report = await take(database, shops.mine, HEAD + CUP + row(Title='"open') + SHIRT)
    assert (report.created, report.refused) == (1, 2)
    assert await kept(database, shops.mine) == [CUP_KEPT]


async def test_a_price_that_moves_far_is_taken_and_noted_with_its_row(
    database: Database, shops: Shops
) -> None:
    await take(database, shops.mine, HEAD + CUP)
    report = await take(database, shops.mine, HEAD + CUP.replace(",18,", ",1800,"))
    assert [(each.row, each.column, each.code) for each in report.notes] == [
        (2, "variant price", "catalog.csv_price_leap")
    ]
    assert await kept(database, shops.mine) == [("cup", [([], "CUP", 180_000)])]
    assert (await take(database, shops.mine, HEAD + CUP.replace(",18,", ",1500,"))).notes == []


async def test_two_shops_import_the_same_file_apart(database: Database, shops: Shops) -> None:
    await take(database, shops.mine, HEAD + CUP)
    report = await take(database, shops.other, HEAD + CUP)
    assert (report.created, report.updated) == (1, 0)
    assert await kept(database, shops.other) == [("cup", [([], "CUP", 18)])]  # yen
    assert await kept(database, shops.mine) == [CUP_KEPT]
    report = await take(database, shops.other, HEAD + row(**{"Variant Price": "12.50"}))
    assert told(report) == [(2, "variant price", "catalog.price_decimals")]


async def full(database: Database, shop: accounts.Shop) -> None:
    """Everything an export must bring back, with cells that spreadsheets would run."""
    more: dict[str, Any] = {"titles": {"zh_CN": "=危险", "de": "Hemd"}, "descriptions": {"zh_CN": "软\n轻"}}
    async with database.transaction() as tx:
        await catalog.create_product(
            tx, shop_id=shop.id, title='=HYPERLINK("http://evil")', handle="formula", description='-1\n+2, "q"',
            kind=catalog.Kind.MADE_TO_ORDER, status=catalog.Status.DRAFT, vendor="@sum", product_type="'=x",
            tags=["+a", "b c"], option_names=["Größe"], **more,
            variants=[catalog.NewVariant(5, ("=1",), sku="-12", barcode="+49", grams=7),
                      catalog.NewVariant(12345, ("'L",), sku="'=sku")],
        )  # fmt: skip
        await catalog.create_product(tx, shop_id=shop.id, title="Bare", status=catalog.Status.ARCHIVED)


async def test_an_export_is_read_back_as_it_was(database: Database, shops: Shops) -> None:
    await full(database, shops.mine)
    await take(database, shops.mine, HEAD + SHIRT)
    text = await export(database, shops.mine)
    cells = [cell for cells in csv.reader(io.StringIO(text, newline="")) for cell in cells]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    assert '\'=HYPERLINK("http://evil")' in cells
    report = await take(database, shops.mine, text)
    assert (report.created, report.updated, told(report)) == (
        0,
        2,
        [(4, "variant price", "catalog.csv_no_price")],
    )
    assert await export(database, shops.mine) == text

    async with database.transaction() as tx:
        twin = await accounts.create_shop(tx, owner_id=1, name="Twin", slug="twin", currency="EUR")
    await take(database, twin, text)
    without_bare = "\r\n".join(line for line in text.split("\r\n") if not line.startswith("bare,"))
    assert await export(database, twin) == without_bare


async def test_our_own_pictures_are_named_and_not_taken_for_strangers(
    database: Database, shops: Shops
) -> None:
    await take(database, shops.mine, HEAD + CUP)
    async with database.transaction() as tx:
        (cup,) = await catalog.products(tx, shop_id=shops.mine.id)
        await catalog.add_picture(
            tx, shop_id=shops.mine.id, product_id=cup.id, alt="Cup",
            picture=picture_files.ProcessedPicture("a" * 64, 30, 40, {}),
        )  # fmt: skip
    text = await export(database, shops.mine, "https://shop.example/")
    assert f",https://shop.example/pictures/{'a' * 64}/2048.webp,1,Cup," in text
    await take(database, shops.mine, text)
    async with database.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM catalog.picture_source") == 0


def test_every_code_of_an_import_is_in_the_docs() -> None:
    root = Path(__file__).parents[2]
    text = (root / "docs/import.md").read_text()
    source = "".join(
        (root / f"src/shopfloor/catalog/{each}.py").read_text() for each in ("dialect", "numbers", "sheet")
    )
    told = set(re.findall(r'"(catalog\.csv_[a-z_]+)"', source))
    raised = {"catalog.csv_bad_status", "catalog.csv_bad_kind", *told}

    assert len(raised) > 8
    assert {code for code in raised if f"`{code}`" not in text} == set()


TRANSLATED = (
    "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant Price,"
    "Option1 Name [zh_CN],Option1 Value [zh_CN],Option2 Name [zh_cn],Option2 Value [zh_CN],Option1 Value [de]\n"
    "hat,Hat,Colour,Red,Size,S,10,颜色,红,尺码,小,Rot\n"
    "hat,,,Red,,L,10,,,,大,\n"
    "hat,,,Blue,,L,10,,蓝,,,Blau\n"
)


async def test_options_are_called_in_other_languages_as_the_file_says(
    database: Database, shops: Shops
) -> None:
    report = await take(database, shops.mine, TRANSLATED)
    assert (report.created, report.ignored_columns, told(report)) == (1, [], [])
    async with database.transaction() as tx:
        (hat,) = await catalog.products(tx, shop_id=shops.mine.id)
    assert hat.option_texts == {
        "de": {"Red": "Rot", "Blue": "Blau"},
        "zh_CN": {"Colour": "颜色", "Red": "红", "Blue": "蓝", "Size": "尺码", "S": "小", "L": "大"},
    }

    # Written, read back in another shop, and written again: the same.
    text = await export(database, shops.mine)
    async with database.transaction() as tx:
        twin = await accounts.create_shop(tx, owner_id=1, name="Twin", slug="twin", currency="EUR")
    await take(database, twin, text)
    assert await export(database, twin) == text

    # A file without these columns leaves them; an empty cell takes one away; what is not named stays.
    await take(
        database,
        shops.mine,
        "Handle,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant Price\nhat,Colour,Red,Size,S,10\n",
    )
    await take(
        database, shops.mine, TRANSLATED.replace(",Rot\n", ",\n").replace("hat,,,Blue,,L,10,,蓝,,,Blau\n", "")
    )
    async with database.transaction() as tx:
        (after,) = await catalog.products(tx, shop_id=shops.mine.id)
    assert after.option_texts == {"de": {"Blue": "Blau"}, "zh_CN": hat.option_texts["zh_CN"]}
