"""CSV files as spreadsheets and other programs write them, whole and torn."""

import csv
import io
from typing import Protocol

import pytest

from shopfloor import accounts, catalog
from shopfloor.catalog import exchange, numbers, sheet
from shopfloor.kernel.amounts import DecimalSign
from shopfloor.kernel.charsets import Charset
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import Money


class Shops(Protocol):
    mine: accounts.Shop


HEAD = ["Handle", "Title", "Body (HTML)", "Tags", "Variant SKU", "Variant Barcode", "Variant Price"]
MUG = ["mug", "Blue Mug", "<p>Nice, warm</p>", "a; b", "00123", "0012345678905", "12.50"]


def table(separator: str, *rows: list[str]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows(rows)
    return out.getvalue()


async def take(
    database: Database, shops: Shops, data: bytes, decimal_sign: DecimalSign | None = None
) -> catalog.Report:
    async with database.transaction() as tx:
        return await catalog.import_shopify_csv(
            tx, shop_id=shops.mine.id, stream=io.BytesIO(data), decimal_sign=decimal_sign
        )


async def kept(database: Database, shops: Shops) -> list[tuple[str, str, str, str, int]]:
    """Title, description, SKU, barcode and price of every variant."""
    async with database.transaction() as tx:
        products = {each.id: each for each in await catalog.products(tx, shop_id=shops.mine.id)}
        variants = await catalog.variants(tx, shop_id=shops.mine.id, product_ids=list(products))
    return [
        (products[v.product_id].title, products[v.product_id].description, v.sku, v.barcode, v.price_minor)
        for v in variants
    ]


@pytest.mark.parametrize(
    ("before", "separator", "encoding"),
    [
        ("", ",", "utf-8"), ("", ";", "utf-8"), ("", "\t", "utf-8"), ("", "|", "utf-8"), ("", "\uff0c", "utf-8"), ("\ufeff", ";", "utf-8"),
        ("\ufeff\ufeff", ",", "utf-8"), ("sep=,\r\n", ",", "utf-8"), ("sep=;\n", ";", "utf-8"), ("\ufeffSEP=\t\r\n", "\t", "utf-8"),
        ('"sep=;"\r\n', ";", "utf-8"), ("", "\t", "utf-16"), ("", ",", "utf-16"),
    ],
)  # fmt: skip
async def test_a_file_is_read_however_its_program_writes_tables(
    database: Database, shops: Shops, before: str, separator: str, encoding: str
) -> None:
    report = await take(database, shops, (before + table(separator, HEAD, MUG)).encode(encoding))

    assert (report.rows, report.created, report.errors, report.notes) == (1, 1, [], [])
    assert report.ignored_columns == []
    assert await kept(database, shops) == [("Blue Mug", "<p>Nice, warm</p>", "00123", "0012345678905", 1250)]


CUPS = [
    ["cup", "青花茶杯，手绘", "<p>景德镇烧制</p>", "茶具", "茶-1", "", "12.50"],
    ["shirt", "亚麻衬衫（大号）€", "", "服装; 夏", "", "", "99"],
]


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [
        ("gbk", "GB18030"), ("gb18030", "GB18030"), ("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16LE"), ("utf-16-be", "UTF-16BE"),
    ],
)  # fmt: skip
async def test_the_encodings_of_spreadsheets_are_read_and_told(
    database: Database, shops: Shops, encoding: str, charset: str
) -> None:
    # Python's GBK has no euro sign, which Windows' has.
    text = table(";" if encoding == "utf-16" else ",", HEAD, *CUPS)
    report = await take(
        database, shops, (text.replace("€", "") if encoding == "gbk" else text).encode(encoding)
    )

    assert (report.charset, report.created, report.errors, report.notes) == (charset, 2, [], [])
    titles = [row[:3] for row in await kept(database, shops)]
    assert titles == [
        ("青花茶杯，手绘", "<p>景德镇烧制</p>", "茶-1"),
        ("亚麻衬衫（大号）" + "€" * (encoding != "gbk"), "", ""),
    ]


@pytest.mark.parametrize(("encoding", "whole"), [("gb18030", 1), ("utf-8", 2)])
async def test_a_file_that_ends_in_the_middle_of_a_character_is_read_up_to_there(
    database: Database, shops: Shops, encoding: str, whole: int
) -> None:
    """Where not even the handle of the last row is left, it may have been a row of the product before."""
    rows = [[f"cup-{n}", "青花茶杯手绘", "", "", "", "", "5.00"] for n in (1, 2)]
    data = table(",", HEAD, *rows).encode(encoding) + "last,杯".encode(encoding)[:-1]
    report = await take(database, shops, data)

    assert [(each.row, each.code) for each in report.errors] == [(4, "catalog.csv_encoding")]
    assert [row[0] for row in await kept(database, shops)] == ["青花茶杯手绘"] * whole


@pytest.mark.parametrize(
    ("encoding", "title"),
    [
        ("cp1252", "Größe L, für Müller: schön weiß"), ("cp1252", "Größe"), ("cp1251", "Чашка льняная"), ("shift_jis", "リネンシャツ 大"),
        ("euc_jp", "リネンシャツ 大きいサイズ"), ("euc_kr", "린넨 셔츠 대형 찻잔 대나무 바구니 반팔"), ("big5", "亞麻襯衫 竹編收納籃"),
        ("utf-32", "Cup"),
    ],
)  # fmt: skip
async def test_a_file_in_another_encoding_is_refused_as_a_whole(
    database: Database, shops: Shops, encoding: str, title: str
) -> None:
    plain = ["plate", "Plate", "", "", "", "", "5.00"]
    data = table(",", HEAD, plain, ["cup", title, "", "", "", "", "5.00"]).encode(encoding)
    with pytest.raises(Refusal) as refused:
        await take(database, shops, data)
    assert (refused.value.code, refused.value.facts["why"]) == ("catalog.sheet_unreadable", "encoding")
    assert await kept(database, shops) == []


POINT, COMMA = DecimalSign.POINT, DecimalSign.COMMA


def priced(separator: str, *prices: str) -> bytes:
    rows = [[f"mug-{n}", "Mug", price] for n, price in enumerate(prices, 2)]
    return table(separator, ["Handle", "Title", "Variant Price"], *rows).encode()


async def prices_of(
    data: bytes, currency: str, chosen: DecimalSign | None
) -> tuple[list[int | None], list[sheet.Remark], numbers.NumbersRead]:
    """The prices that are taken, what is refused, and how that was decided, as an import does."""
    stream = io.BytesIO(data)
    evidence, _ = await exchange.first_look(stream, Charset.UTF_8, currency)
    reader = numbers.Numbers(currency, evidence, chosen)
    found = list(sheet.drafts(sheet.Sheet(stream, Charset.UTF_8), reader))
    return (
        [each.variants[0].price_minor for each in found if isinstance(each, sheet.ProductDraft)],
        [fault for each in found if isinstance(each, sheet.Broken) for fault in each.faults],
        reader.read,
    )


@pytest.mark.parametrize(
    ("currency", "prices", "chosen", "minors", "basis"),
    [
        ("EUR", ["12,50"], None, [1250], "proven"),
        ("EUR", ["12.50"], None, [1250], "proven"),
        ("EUR", ["1.290", "1.290,00"], None, [129_000, 129_000], "proven"),
        ("EUR", ["1.290", "129,00"], None, [129_000, 12_900], "proven"),
        ("EUR", ["1.290", "1.290.000"], None, [129_000, 129_000_000], "proven"),
        ("EUR", ["1.290", "12.5"], None, [129, 1250], "proven"),
        ("EUR", ["1,290", "12.5"], None, [129_000, 1250], "proven"),
        ("EUR", ["1,290", "12,5"], None, [129, 1250], "proven"),
        ("EUR", ["1.290", "€1’290.00"], None, [129, 129_000], "proven"),
        ("EUR", ["1.290", "129,-"], None, [129_000, 12_900], "proven"),
        ("EUR", ["1.290", "１．２９０，００"], None, [129_000, 129_000], "proven"),
        ("EUR", ["1.290", "2.490"], COMMA, [129_000, 249_000], "chosen"),
        ("EUR", ["1.290", "2.490"], POINT, [129, 249], "chosen"),
        ("EUR", ["1.299"], COMMA, [129_900], "chosen"),
        ("KWD", ["1.290", "1.290,000"], None, [1_290_000, 1_290_000], "proven"),
        ("KWD", ["1,290", "12,5"], None, [1290, 12_500], "proven"),
        ("KWD", ["1.290"], COMMA, [1_290_000], "chosen"),
        ("JPY", ["1.290", "1.000"], None, [1290, 1000], "proven"),
        ("JPY", ["1,290", "1,000"], None, [1290, 1000], "proven"),
        ("JPY", ["1.000", "1200.00"], None, [1, 1200], "proven"),
        ("JPY", ["1.000"], COMMA, [1000], "chosen"),
    ],
)  # fmt: skip
async def test_all_prices_of_a_file_are_read_by_one_decimal_sign(
    currency: str, prices: list[str], chosen: DecimalSign | None, minors: list[int], basis: str
) -> None:
    for separator in (",", ";"):
        read, errors, found = await prices_of(priced(separator, *prices), currency, chosen)
        assert (read, errors, found.basis) == (minors, [], basis)


@pytest.mark.parametrize(
    ("prices", "chosen", "faults", "kept_minors"),
    [
        (
            ["12.50", "18", "129,00", "1.290"],
            None,
            [(each, "catalog.csv_two_signs") for each in (2, 4, 5)],
            [1800],
        ),
        (["12.50", "129,00", "1.290"], COMMA, [(2, "amount.other_sign")], [12_900, 129_000]),
        (["12.50", "129,00", "1.290"], POINT, [(3, "amount.other_sign")], [1250, 129]),
        (["1,299", "12,50"], None, [(2, "catalog.price_decimals")], [1250]),
    ],
)
async def test_a_price_in_doubt_is_refused_with_its_row(
    prices: list[str],
    chosen: DecimalSign | None,
    faults: list[tuple[int, str]],
    kept_minors: list[int],
) -> None:
    for separator in (",", ";"):
        read, errors, _ = await prices_of(priced(separator, *prices), "EUR", chosen)
        assert ([(each.row, each.code) for each in errors], read) == (faults, kept_minors)
        if faults[0][1] == "catalog.csv_two_signs":
            assert errors[0].facts == {
                "point_row": 2, "point": "12.50", "comma_row": 4, "comma": "129,00",
            }  # fmt: skip


@pytest.mark.parametrize(
    ("currency", "separator", "prices", "minors", "basis"),
    [
        ("EUR", ",", ["1.290", "18"], [129, 1800], "separator"),
        ("EUR", ";", ["1.290", "18"], ["amount.ambiguous", 1800], "open"),
        ("EUR", "\t", ["1.290", "18"], ["amount.ambiguous", 1800], "open"),
        ("EUR", ";", ["129", "18"], [12_900, 1800], "open"),
        ("KWD", ",", ["1.290", "2"], [1290, 2000], "separator"),
        ("KWD", ";", ["1.290", "2"], [1290, 2000], "open"),
    ],
)
async def test_where_no_price_proves_a_sign_commas_between_the_cells_speak_for_the_point(
    currency: str, separator: str, prices: list[str], minors: list[int | str], basis: str
) -> None:
    read, errors, found = await prices_of(priced(separator, *prices), currency, None)
    assert ([each.code for each in errors] + read, found.basis) == (minors, basis)


QUANTITIES = [
    "Handle",
    "Title",
    "Variant Price",
    "Variant Compare At Price",
    "Variant Grams",
    "Variant Inventory Qty",
]


@pytest.mark.parametrize(
    ("row", "read"),
    [
        (["12,5", "", "1.000", "1.000"], (1250, None, 1000, 1000)),
        (["12.5", "", "1.000", "1.000"], (1250, None, 1, 1)),
        (["1.290", "1.490,00", "250", "7"], (129_000, 149_000, 250, 7)),
        (["1.290", "", "250.0", "'7.0"], (129, None, 250, 7)),
        # A piece is whole: its number can only be grouped.
        (["1.290", "", "1.500", "1.290"], (129_000, None, 1500, 1290)),
        (["'1.290", "", "", "1,290"], (129, None, 0, 1290)),
    ],
)
async def test_weights_and_units_are_read_by_the_sign_of_the_prices(
    database: Database, shops: Shops, row: list[str], read: tuple[int, int | None, int, int]
) -> None:
    data = table(",", QUANTITIES, ["mug", "Mug", *row]).encode()
    report = await take(database, shops, data)

    assert report.errors == []
    async with database.transaction() as tx:
        (mug,) = await catalog.products(tx, shop_id=shops.mine.id)
        (variant,) = await catalog.variants(tx, shop_id=shops.mine.id, product_ids=[mug.id])
    assert (variant.price_minor, variant.compare_at_minor, variant.grams, *report.units.values()) == read


async def test_a_report_shows_how_numbers_were_understood(database: Database, shops: Shops) -> None:
    data = table(",", QUANTITIES, ["mug", "Mug", "1.290,00", "", "300", "1.000"]).encode()
    found = (await take(database, shops, data)).numbers

    assert (found.decimal_sign, found.basis, found.points) == (COMMA, "proven", [])
    assert [(each.row, each.column, each.text) for each in found.commas] == [(2, "variant price", "1.290,00")]
    assert [(each.row, each.column, each.text, each.value) for each in found.examples] == [
        (2, "variant inventory qty", "1.000", 1000),
        (2, "variant price", "1.290,00", Money(129_000, "EUR")),
        (2, "variant grams", "300", 300),
    ]


async def test_a_stray_quotation_mark_is_a_fault_of_its_row(database: Database, shops: Shops) -> None:
    rows = 'Handle,Title,Variant Price\nframe,"Frame 12" oak",15.00\ncup,Cup,5.00\n'
    report = await take(database, shops, rows.encode())

    assert [(each.row, each.code) for each in report.errors] == [(2, "catalog.csv_quote_stray")]
    assert (report.created, report.refused) == (1, 1)
    assert [row[0] for row in await kept(database, shops)] == ["Cup"]


async def test_quotation_marks_in_plain_and_doubled_cells_are_text(database: Database, shops: Shops) -> None:
    rows = 'Handle,Title,Variant Price\nframe,Frame 12" oak,15.00\nother,"Frame 14"" oak",16.00\n'
    report = await take(database, shops, rows.encode())

    assert report.errors == []
    assert [row[0] for row in await kept(database, shops)] == ['Frame 12" oak', 'Frame 14" oak']


async def test_a_quotation_mark_that_is_never_closed_names_the_lines_it_took(
    database: Database, shops: Shops
) -> None:
    rows = 'Handle,Variant Price,Title,Body (HTML)\nlamp,19.00,Lamp,"<p>Warm\nvase,49.00,Vase,<p>Tall</p>\nbowl,9.00,Bowl,<p>Round</p>\n'
    report = await take(database, shops, rows.encode())

    assert [(each.row, each.code) for each in report.errors] == [(2, "catalog.csv_quote_open")]
    assert "lines 2 to 4" in report.errors[0].message
    assert (report.created, report.refused) == (0, 1)
    assert await kept(database, shops) == []


async def test_rows_inside_a_quoted_cell_are_no_description(database: Database, shops: Shops) -> None:
    """The closing mark of the first row is missing, and a later one closes it by chance."""
    rows = 'Handle,Variant Price,Title,Body (HTML)\nlamp,19.00,Lamp,"Warm\nvase,49.00,Vase,Tall\nbowl,9.00,Bowl,"\ncup,5.00,Cup,Round\n'
    report = await take(database, shops, rows.encode())

    assert [(each.row, each.code) for each in report.errors] == [(2, "catalog.csv_quote_missing")]
    assert [row[0] for row in await kept(database, shops)] == ["Cup"]


async def test_a_description_of_several_lines_stays_whole(database: Database, shops: Shops) -> None:
    text = "Soft, warm, and red.\nMade of wool, silk, linen and hope, by hand, here.\n\nWash cold, please"
    report = await take(
        database, shops, table(",", HEAD, ["scarf", "Scarf", text, "", "", "", "9.00"]).encode()
    )

    assert report.errors == []
    assert [row[1] for row in await kept(database, shops)] == [text]


@pytest.mark.parametrize(
    ("sku", "barcode", "kept_sku", "kept_barcode", "notes"),
    [
        ('="00077"', '="0012345678905"', "00077", "0012345678905", []),
        ("A1", "1.23457E+12", "A1", "", [("variant barcode", "catalog.csv_code_lost")]),
        ("A1", "1,23457E+12", "A1", "", [("variant barcode", "catalog.csv_code_lost")]),
        ("A1", "4E+12", "A1", "", [("variant barcode", "catalog.csv_code_lost")]),
        ("1.5E+07", "", "", "", [("variant sku", "catalog.csv_code_lost")]),
        ("1E5", "", "1E5", "", []),
        (
            "A1",
            "4006381333931.0",
            "A1",
            "4006381333931",
            [("variant barcode", "catalog.csv_code_with_decimals")],
        ),
        ("A1", "12345678905", "A1", "12345678905", [("variant barcode", "catalog.csv_code_shortened")]),
        ("A1", "4006381333932", "A1", "4006381333932", [("variant barcode", "catalog.csv_code_check_digit")]),
        ("A1", "12345", "A1", "12345", []),
        (
            "A1",
            "340123450000012000",
            "A1",
            "340123450000012000",
            [("variant barcode", "catalog.csv_code_rounded")],
        ),
        (
            "34012345000001200000",
            "",
            "34012345000001200000",
            "",
            [("variant sku", "catalog.csv_code_rounded")],
        ),
        ("A1", "4006381333931", "A1", "4006381333931", []),
        ("A1", "SHELF-7", "A1", "SHELF-7", []),
        ("A1", "036000291452", "A1", "036000291452", [("variant barcode", "catalog.csv_code_twelve_digits")]),
        ("'0123", "", "0123", "", [("variant sku", "catalog.csv_code_apostrophe")]),
        ("'tis", "", "'tis", "", []),
        (
            "#REF!",
            "########",
            "",
            "",
            [("variant sku", "catalog.csv_code_error"), ("variant barcode", "catalog.csv_code_error")],
        ),
        (
            "12-Mar",
            "3月5日",
            "12-Mar",
            "3月5日",
            [("variant sku", "catalog.csv_code_date"), ("variant barcode", "catalog.csv_code_date")],
        ),
        ("05.Mrz", "", "05.Mrz", "", [("variant sku", "catalog.csv_code_date")]),
        ("MAR-12-XL", "", "MAR-12-XL", "", []),
        (
            "1,234,567",
            "4,006,381,333,931",
            "1,234,567",
            "4006381333931",
            [("variant barcode", "catalog.csv_code_grouped")],
        ),
        (
            "Ａ－１",
            "４００６３８１３３３９３１",
            "A-1",
            "4006381333931",
            [
                ("variant sku", "catalog.csv_code_full_width"),
                ("variant barcode", "catalog.csv_code_full_width"),
            ],
        ),
    ],
)
async def test_numbers_that_a_spreadsheet_damaged_are_told(
    database: Database, shops: Shops, sku: str, barcode: str, kept_sku: str, kept_barcode: str,
    notes: list[tuple[str, str]],
) -> None:  # fmt: skip
    row = ["tin", "Tin", "", "", sku, barcode, "5.00"]
    report = await take(database, shops, table(",", HEAD, row).encode())

    assert report.errors == []
    assert [(each.column, each.code) for each in report.notes] == notes
    assert [(row[2], row[3]) for row in await kept(database, shops)] == [(kept_sku, kept_barcode)]


async def test_every_column_that_is_not_taken_is_listed(database: Database, shops: Shops) -> None:
    others = ["Metafield: custom.material [single_line_text_field]", "Inventory Qty [Main]", "SEO Title"]
    rows = table(
        ",",
        ["Handle", "Title", "Title [zh_CN]", "Variant Price", *others],
        ["x", "X", "叉", "1.00", "cotton", "5", "y"],
    )
    report = await take(database, shops, rows.encode())

    assert (report.created, report.ignored_columns) == (1, others)


async def test_an_error_of_a_spreadsheet_is_no_title(database: Database, shops: Shops) -> None:
    rows = [["vase", "#N/A", "", "", "A1", "", "5.00"], ["bowl", "No. ##1", "", "", "A2", "", "5.00"]]
    report = await take(database, shops, table(",", HEAD, *rows).encode())

    assert [(each.row, each.column, each.code) for each in report.errors] == [
        (2, "title", "catalog.csv_cell_error")
    ]
    assert [row[0] for row in await kept(database, shops)] == ["No. ##1"]


@pytest.mark.parametrize(
    "before", ["\r\n\r\n", ";;;;;;\n\n", "sep=;\n\n\n", "sep=,\r\n\u200b", "\u2060", "\ufeff\n\ufeff\u00ad\n"]
)
async def test_the_header_is_found_below_empty_rows_and_other_separators_than_named(
    database: Database, shops: Shops, before: str
) -> None:
    data = before + table(";", HEAD, MUG, ["bowl", "Bowl", "", "", "A1", "", "x"])
    report = await take(database, shops, data.encode())

    rows = before.count("\n") - before.count("sep=")
    # What can't be seen before the name of a column makes no row of its own.
    assert [(each.row, each.code) for each in report.errors] == [(3 + rows, "catalog.price_unreadable")]
    assert [row[0] for row in await kept(database, shops)] == ["Blue Mug"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"), ("\n", "empty"), ("sep=;\n", "empty"), ("Name;Price\nA;1\n", "column"),
        ('"Handle,Title,Variant Price"\n"mug,Mug,1.00"\n', "cells"), ("Handle,Title,Title\n", "twice"),
        ('"Handle,"Title"\n', "quotes"),
    ],
)  # fmt: skip
async def test_a_file_without_a_header_of_products_is_refused(
    database: Database, shops: Shops, text: str, why: str
) -> None:
    with pytest.raises(Refusal) as refused:
        await take(database, shops, text.encode())
    assert (refused.value.code, refused.value.facts["why"]) == ("catalog.sheet_unreadable", why)


@pytest.mark.parametrize("title", ["青瓷茶杯", "青瓷茶壶盖"])  # of an even and an odd number of bytes
async def test_a_file_of_two_encodings_is_refused_with_the_row(
    database: Database, shops: Shops, title: str
) -> None:
    lines = [HEAD, *([f"cup{n}", f"{title}{n}号", "手工制作", "杯子", f"C{n}", "", "5"] for n in range(8))]
    whole = [table(",", line).encode("gb18030") for line in lines]
    mixed = [*whole[:5], table(",", lines[5]).encode(), *whole[6:]]
    others = [table(",", lines[0]).encode(), *(table(",", line).encode() for line in lines[1:3]), *whole[3:]]

    for file, row in ((mixed, 6), (others, 2)):
        with pytest.raises(catalog.SheetUnreadable) as refused:
            await take(database, shops, b"".join(file))
        assert (refused.value.facts, await kept(database, shops)) == ({"why": "mixed", "row": row}, [])
    assert (await take(database, shops, b"".join(whole))).created == 8
