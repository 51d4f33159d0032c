"""CSV files as spreadsheets and other programs write them, whole and torn."""

import csv
import io
from typing import Protocol

import pytest

from shopfloor import accounts, catalog
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal


class Shops(Protocol):
    mine: accounts.Shop


HEAD = ["Handle", "Title", "Body (HTML)", "Tags", "Variant SKU", "Variant Barcode", "Variant Price"]
MUG = ["mug", "Blue Mug", "<p>Nice, warm</p>", "a; b", "00123", "0012345678905", "12.50"]


def table(separator: str, *rows: list[str]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows(rows)
    return out.getvalue()


async def take(database: Database, shops: Shops, data: bytes) -> catalog.Report:
    async with database.transaction() as tx:
        return await catalog.import_shopify_csv(tx, shop_id=shops.mine.id, stream=io.BytesIO(data))


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
        ("", ",", "utf-8"), ("", ";", "utf-8"), ("", "\t", "utf-8"), ("", "|", "utf-8"), ("\ufeff", ";", "utf-8"),
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


@pytest.mark.parametrize(
    ("separator", "price", "minor"),
    [
        (";", "12,50", 1250), (";", "1.290,00", 129_000), (";", "12.50", 1250), (",", "12,50", 1250),
        (",", "1.000", 100), (",", "1.290", 129), (",", "1,290.00", 129_000),
    ],
)  # fmt: skip
async def test_a_price_is_read_by_the_kind_of_the_file(
    database: Database, shops: Shops, separator: str, price: str, minor: int
) -> None:
    report = await take(database, shops, table(separator, HEAD, [*MUG[:-1], price]).encode())

    assert report.errors == []
    assert [row[-1] for row in await kept(database, shops)] == [minor]


async def test_a_price_with_two_meanings_is_refused_where_a_comma_may_be_the_decimal_sign(
    database: Database, shops: Shops
) -> None:
    report = await take(database, shops, table(";", HEAD, [*MUG[:-1], "1.290"]).encode())

    assert [(each.row, each.code) for each in report.errors] == [(2, "amount.ambiguous")]
    assert await kept(database, shops) == []


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


@pytest.mark.parametrize("text", ["", "\n", "sep=;\n", "Name;Price\nA;1\n"])
async def test_a_file_without_a_header_of_products_is_refused(
    database: Database, shops: Shops, text: str
) -> None:
    with pytest.raises(Refusal) as refused:
        await take(database, shops, text.encode())
    assert refused.value.code == "catalog.sheet_unreadable"
