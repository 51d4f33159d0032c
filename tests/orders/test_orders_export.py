"""Orders as a spreadsheet: what each row says, what it adds up to, and that nothing in it runs."""

import csv
import io
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market

from shopfloor import orders
from shopfloor.kernel import sheets
from shopfloor.order_lists import export


async def exported(market: Market, **wanted: Any) -> list[dict[str, str]]:
    pieces = export.sheet(market.db, shop_id=market.shop_id, **wanted)
    text = b"".join([piece async for piece in pieces]).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_an_order_is_a_row_for_each_line_and_its_money_stands_once(make_market: MakeMarket) -> None:
    market = await make_market()
    hold, buyer = await market.hold(lines={market.variants[0]: 2, market.variants[1]: 1})
    placed = await market.complete(hold, buyer, note="Ring twice")
    paid, _ = await market.paid()

    newest, first, second = await exported(market)

    assert [row["Name"] for row in (newest, first, second)] == [
        f"#{paid.number}", f"#{placed.number}", f"#{placed.number}",
    ]  # fmt: skip
    assert {key: first[key] for key in ("Currency", "Subtotal", "Shipping", "Taxes", "Total", "Received")} == {
        "Currency": "CNY", "Subtotal": "387.00", "Shipping": "0.00", "Taxes": "0.00", "Total": "387.00", "Received": "0.00",
    }  # fmt: skip
    assert (first["Outstanding Balance"], newest["Outstanding Balance"]) == ("387.00", "0.00")
    assert (newest["Received"], newest["Financial Status"], newest["Status"]) == ("129.00", "paid", "paid")
    assert [(row["Lineitem quantity"], row["Lineitem name"], row["Lineitem sku"], row["Lineitem price"], row["Lineitem total"])
            for row in (first, second)] == [
        ("2", "Linen coat - M", "COAT-M", "129.00", "258.00"), ("1", "Linen coat - L", "COAT-L", "129.00", "129.00"),
    ]  # fmt: skip
    assert [(row["Total"], row["Email"], row["Id"]) for row in (second,)] == [("", "", "")]
    assert sum(Decimal(row["Total"] or 0) for row in (newest, first, second)) == Decimal("516.00")
    assert (first["Shipping City"], first["Shipping Zip"], first["Notes"]) == (
        "Hangzhou",
        "310000",
        "Ring twice",
    )
    assert placed.placed_at is not None
    # The shop is in Shanghai.
    assert first["Created at"].endswith(" +0800")


async def test_a_file_is_made_in_pieces_and_has_every_order_once(
    make_market: MakeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    market = await make_market()
    numbers = {f"#{(await market.order())[0].number}" for _ in range(5)}
    monkeypatch.setattr(export, "AT_ONCE", 2)

    pieces = export.sheet(market.db, shop_id=market.shop_id)
    texts = [piece.decode("utf-8-sig") async for piece in pieces]

    assert [len(list(csv.reader(io.StringIO(text)))) for text in texts] == [3, 2, 1]
    assert {row["Name"] for row in await exported(market)} == numbers


async def test_it_has_what_the_list_is_narrowed_down_to(make_market: MakeMarket) -> None:
    market = await make_market()
    paid, _ = await market.paid()
    other, _ = await market.order(name="Ann Lee")

    assert [row["Name"] for row in await exported(market, status="paid")] == [f"#{paid.number}"]
    assert [row["Name"] for row in await exported(market, search="ann l")] == [f"#{other.number}"]
    assert [row["Name"] for row in await exported(market, show_id=market.show_id + 1)] == []


async def test_nothing_that_a_buyer_wrote_is_a_formula(make_market: MakeMarket) -> None:
    market = await make_market()
    await market.order(
        name='=HYPERLINK("http://evil.example")', note="\uff1d1+1",
        address=orders.Address(street="@SUM(A1)", city=" -2", postcode="+3", country="CN"),
    )  # fmt: skip

    [row] = await exported(market)

    cells = {
        key: row[key]
        for key in ("Shipping Name", "Notes", "Shipping Street", "Shipping Zip", "Shipping Phone")
    }
    assert [cell[0] for cell in cells.values()] == ["'"] * 5, cells
    assert sheets.unguarded(cells["Notes"]) == "\uff1d1+1"
    assert [
        key for key, cell in row.items() if cell.lstrip()[:1] in {"=", "+", "-", "@", "\uff1d"} and cell
    ] == []


async def test_no_order_of_another_shop_is_in_it(make_market: MakeMarket) -> None:
    mine, other = await make_market(), await make_market()
    await other.order()

    assert await exported(mine) == []


async def test_a_line_that_comes_later_says_when(make_market: MakeMarket) -> None:
    market = await make_market(0, later={date(2090, 3, 1): 5})
    hold, buyer = await market.hold()
    await market.complete(hold, buyer)

    [row] = await exported(market)

    assert (row["Lineitem ready on"], row["Lineitem total"]) == ("2090-03-01", f"{PRICE / 100:.2f}")


@pytest.mark.parametrize(
    "cell", ["=1", "+1", "-1", "@a", " =1", "\t=1", "\r1", "\n1", "'=1", "''@", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20a", "\u00a0=1"]
)  # fmt: skip
def test_a_cell_that_a_spreadsheet_would_run_is_text_and_comes_back(cell: str) -> None:
    guarded = sheets.guarded(cell)

    assert guarded == "'" + cell
    assert sheets.unguarded(guarded) == cell


@pytest.mark.parametrize("cell", ["", "a=1", "5", "'quoted'", "O'Neil", "１", "−5 °C", "'"])
def test_a_cell_that_is_text_anyway_is_left(cell: str) -> None:
    assert sheets.guarded(cell) == cell
    assert sheets.unguarded(cell) == cell
