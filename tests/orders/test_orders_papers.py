"""Invoices, credit notes and receipts: numbers without gaps, sums to the last minor unit, and what stands on paper."""

import asyncio
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import pypdfium2
import pytest
import zxingcpp
from tests.jobs import drain
from tests.orders.conftest import MakeMarket, Market
from tests.orders.test_orders_pricing import GERMANY, deliver, tax

from shopfloor import documents, invoicing, orders, returns, warehouse
from shopfloor.documents import Document, Kind, Seller, SellerMissing, SheetKind, code128, typesetting
from shopfloor.documents.words import WORDS, money
from shopfloor.invoicing.refusals import InvoiceOfCancelled, NothingPaid, NotPaidYet
from shopfloor.job_handlers import handlers
from shopfloor.kernel import outbox
from shopfloor.kernel.outbox import each
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.values import Money
from shopfloor.orders import packing
from shopfloor.pricing.models import Rounding
from shopfloor.returns import Journey, WrongState
from shopfloor.wiring import WRITES_PAPERS

ME = "person:1"
GARDEN = Seller(
    "Garden GmbH", "Gartenweg 12\n1010 Wien", "ATU12345678", footer="FN 123456a", invoice_prefix="R"
)


def read(pdf: bytes, page: int = 0) -> str:
    return pypdfium2.PdfDocument(pdf)[page].get_textpage().get_text_range().replace("\r\n", "\n")


async def sells(market: Market, seller: Seller = GARDEN) -> None:
    async with market.db.transaction() as tx:
        await documents.set_seller(tx, shop_id=market.shop_id, wanted=seller)


async def pays(market: Market, order: orders.Order) -> None:
    async with market.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=market.shop_id, order_id=order.id, amount=order.total, actor=ME)


async def invoice(market: Market, order_id: UUID) -> Document:
    async with market.db.transaction() as tx:
        return await invoicing.invoice(tx, shop_id=market.shop_id, order_id=order_id)


async def refund(market: Market, order_id: UUID, minor: int) -> None:
    async with market.db.transaction() as tx:
        await orders.refund(
            tx, shop_id=market.shop_id, order_id=order_id, amount=Money(minor, "CNY"), refund_id=uuid4(),
            note="our words", actor=ME,
        )  # fmt: skip


async def papers(market: Market, order_id: UUID) -> list[Document]:
    async with market.db.transaction() as tx:
        return await documents.of_subject(tx, shop_id=market.shop_id, subject_id=order_id)


async def files(market: Market, order_id: UUID) -> list[str]:
    """What stands on each paper of an order."""
    await documents.make_files(market.db, shop_id=market.shop_id, subject_id=order_id)
    async with market.db.transaction() as tx:
        return [
            read((await documents.file(tx, shop_id=market.shop_id, document_id=paper.id)).content)
            for paper in await documents.of_subject(tx, shop_id=market.shop_id, subject_id=order_id)
        ]


async def test_an_invoice_says_what_was_bought_and_stays(market: Market) -> None:
    await sells(market)
    await tax(market)
    order, _ = await market.order(quantity=2, name="王小明 *b* #x[1]", locale="en")
    await pays(market, order)

    first, again = await invoice(market, order.id), await invoice(market, order.id)
    await sells(market, Seller("Another", "Elsewhere"))
    [told] = await files(market, order.id)

    assert first.id == again.id
    assert (first.number, first.serial, first.total_minor) == (f"R{first.year}-00001", 1, order.total_minor)
    assert (first.tax_minor, order.tax_minor) == (2968, 2968)
    for line in (
        "Garden GmbH", "Gartenweg 12", "Tax number ATU12345678", "王小明 *b* #x[1]", "310000 Hangzhou", "China",
        first.number, f"#{order.number}", "Linen coat", "M · COAT-M", "CN¥258.00", "including VAT 13% CN¥29.68", "FN 123456a",
    ):  # fmt: skip
        assert line in told, told
    await market.assert_sound()


async def test_numbers_have_no_gaps_whoever_asks_at_once_and_whatever_fails(make_market: MakeMarket) -> None:
    market = await make_market(units=30)
    await sells(market)
    bought = [(await market.paid())[0].id for _ in range(8)]

    class Broken(Exception):
        """Thrown after a number was taken."""

    async def ask(order_id: UUID, *, breaks: bool) -> None:
        try:
            async with market.db.transaction() as tx:
                await invoicing.invoice(tx, shop_id=market.shop_id, order_id=order_id)
                if breaks:
                    raise Broken
        except Broken:
            await invoice(market, order_id)

    await asyncio.gather(*(ask(order_id, breaks=at % 3 == 0) for at, order_id in enumerate(bought * 2)))

    serials = sorted([(await papers(market, order_id))[0].serial or 0 for order_id in bought])
    assert serials == list(range(1, 9))
    await market.assert_sound()


async def test_each_shop_and_each_kind_counts_for_itself(make_market: MakeMarket) -> None:
    mine, other = await make_market(), await make_market()
    for market in (mine, other):
        await sells(market)
        order, _ = await market.paid(quantity=2)
        assert (await invoice(market, order.id)).serial == 1
        await refund(market, order.id, 100)
        async with market.db.transaction() as tx:
            await invoicing.credit(tx, shop_id=market.shop_id, order_id=order.id)
            await invoicing.credit(tx, shop_id=market.shop_id, order_id=order.id)
        assert [(paper.kind, paper.serial, paper.number[0]) for paper in await papers(market, order.id)] == [
            (Kind.INVOICE, 1, "R"),
            (Kind.CREDIT_NOTE, 1, "C"),
        ]


@pytest.mark.parametrize("rounding", Rounding)
@pytest.mark.parametrize("included", [True, False])
async def test_credit_notes_together_are_the_invoice(
    market: Market, rounding: Rounding, included: bool
) -> None:
    await sells(market)
    await tax(market, included=included, rounding=rounding)
    ways = await deliver(market)
    hold_id, shopper = await market.hold(lines={market.variants[0]: 1, market.variants[1]: 2})
    order = await market.complete(
        hold_id, shopper, address=GERMANY, shipping_method=str(ways["Air"]), locale="zh-CN"
    )
    await pays(market, order)
    await refund(market, order.id, 1)
    await invoice(market, order.id)
    for minor in (777, 10_001, order.total_minor - 10_779):
        await refund(market, order.id, minor)
        async with market.db.transaction() as tx:
            await invoicing.credit(tx, shop_id=market.shop_id, order_id=order.id)

    found = await papers(market, order.id)
    whole, notes = found[0], found[1:]
    assert [note.total_minor for note in notes] == [1, 777, 10_001, order.total_minor - 10_779]
    assert sum(note.total_minor for note in notes) == whole.total_minor == order.total_minor
    assert sum(note.tax_minor for note in notes) == whole.tax_minor == order.tax_minor > 0
    told = await files(market, order.id)
    assert "红字账单" in told[1]
    assert f"对应账单\n{whole.number}" in told[1].replace(
        f"对应账单 {whole.number}", f"对应账单\n{whole.number}"
    )
    assert all("our words" not in each for each in told)
    await market.assert_sound()


async def test_who_gets_no_invoice(market: Market) -> None:
    placed, _ = await market.order()
    with pytest.raises(NotPaidYet) as unpaid:
        await invoice(market, placed.id)
    await pays(market, placed)
    with pytest.raises(SellerMissing):
        await invoice(market, placed.id)
    with pytest.raises(SellerMissing):
        await sells(market, Seller(automatic=True))
    await sells(market)
    async with market.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=market.shop_id, order_id=placed.id, by=orders.Party.MERCHANT, actor=ME
        )
    with pytest.raises(InvoiceOfCancelled):
        await invoice(market, placed.id)

    assert unpaid.value.facts["due_minor"] == placed.total_minor
    assert await papers(market, placed.id) == []
    async with market.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM documents.series") == 0


async def test_papers_come_by_themselves_where_the_shop_wants_it(
    market: Market, dsn: str, settings_of: Settings
) -> None:
    await sells(market, Seller("Garden", "Street 1", automatic=True))
    order, _ = await market.paid(quantity=2)
    consumer = each("papers", WRITES_PAPERS)
    await outbox.drain(market.db, [consumer])
    await refund(market, order.id, 5_000)
    await outbox.drain(market.db, [consumer])
    await drain(dsn, market.db, handlers(settings_of))

    made = await papers(market, order.id)
    assert [(paper.kind, paper.total_minor) for paper in made] == [
        (Kind.INVOICE, order.total_minor),
        (Kind.CREDIT_NOTE, 5_000),
    ]
    assert all(paper.made_at is not None for paper in made)


@pytest.fixture
def settings_of(dsn: str, tmp_path: Any) -> Settings:
    return Settings(data_dir=tmp_path, database_url=dsn)  # pyright: ignore[reportCallIssue]


async def test_a_receipt_says_what_was_paid_so_far(market: Market) -> None:
    placed, _ = await market.order()
    async with market.db.transaction() as tx:
        with pytest.raises(NothingPaid):
            await invoicing.receipt(tx, shop_id=market.shop_id, order_id=placed.id)
    await pays(market, placed)

    async def receipt() -> Document:
        async with market.db.transaction() as tx:
            return await invoicing.receipt(tx, shop_id=market.shop_id, order_id=placed.id)

    first, again = await receipt(), await receipt()
    assert (first.id, first.serial, first.number) == (again.id, None, "")
    [told] = await files(market, placed.id)
    assert "Receipt" in told
    assert f"Paid {money(placed.total_minor, 'CNY', 'en')}" in told


async def test_another_shops_papers_are_not_there(make_market: MakeMarket) -> None:
    mine, other = await make_market(), await make_market()
    await sells(mine)
    order, _ = await mine.paid()
    paper = await invoice(mine, order.id)
    async with mine.db.transaction() as tx:
        for shop_id, subject in ((other.shop_id, None), (mine.shop_id, uuid4())):
            with pytest.raises(documents.DocumentNotFound):
                await documents.file(tx, shop_id=shop_id, document_id=paper.id, subject_id=subject)
        with pytest.raises(documents.NotMadeYet):
            await documents.file(tx, shop_id=mine.shop_id, document_id=paper.id)


@pytest.mark.parametrize(
    ("break_it", "named"),
    [
        ("DELETE FROM documents.document", "numbers of invoices and credit notes run without gaps"),
        ("UPDATE documents.document SET file = 'x'", "the files of documents are as they were kept"),
        ("UPDATE documents.document SET total_minor = total_minor + 1", "invoices are of what was ordered"),
    ],
)
async def test_the_audit_finds_what_is_wrong(market: Market, break_it: str, named: str) -> None:
    await sells(market)
    order, _ = await market.paid()
    await invoice(market, order.id)
    await files(market, order.id)
    async with market.db.transaction() as tx:
        await tx.connection.execute(break_it)  # pyright: ignore[reportArgumentType,reportCallIssue]
        [broken] = [check.name for check in await invoicing.audit(tx) if not check.passed]
    assert named in broken


async def sheet(market: Market, kind: SheetKind, ids: list[UUID], settings: Settings, dsn: str) -> bytes:
    async with market.db.transaction() as tx:
        sheet_id = await warehouse.sheets.ask(tx, shop_id=market.shop_id, kind=kind, parcel_ids=ids)
    await drain(dsn, market.db, handlers(settings))
    async with market.db.transaction() as tx:
        return (await documents.sheet_file(tx, shop_id=market.shop_id, sheet_id=sheet_id)).content


async def test_a_label_for_what_comes_back(market: Market, dsn: str, settings_of: Settings) -> None:
    order, _ = await market.paid()
    await sells(market)
    async with market.db.transaction() as tx:
        await orders.shipping.ship(tx, shop_id=market.shop_id, order_id=order.id, actor=ME)
        [line] = (await orders.order(tx, shop_id=market.shop_id, order_id=order.id)).lines
        wanted = await returns.ask(
            tx, shop_id=market.shop_id, order_id=order.id, return_id=uuid4(), journey=Journey.WITHDRAWAL,
            units={line.id: 1}, reason="too_small",
        )  # fmt: skip
        sheet_id = await returns.papers.ask(tx, shop_id=market.shop_id, return_id=wanted.id)
        assert await returns.papers.ask(tx, shop_id=market.shop_id, return_id=wanted.id) == sheet_id
    await drain(dsn, market.db, handlers(settings_of))
    async with market.db.transaction() as tx:
        made = await documents.sheet_file(tx, shop_id=market.shop_id, sheet_id=sheet_id)
        await returns.close(tx, shop_id=market.shop_id, return_id=wanted.id, actor=ME)
        with pytest.raises(WrongState):
            await returns.papers.ask(tx, shop_id=market.shop_id, return_id=wanted.id)
    told = read(made.content)
    for words in (
        "Garden GmbH\nGartenweg 12\n1010 Wien",
        "Lin Mei",
        wanted.number,
        "Linen coat",
        "Too small",
    ):
        assert words in told
    picture = pypdfium2.PdfDocument(made.content)[0].render(scale=3).to_pil()
    assert [each.text for each in zxingcpp.read_barcodes(picture)] == [wanted.number]


async def test_sheets_to_work_with(market: Market, dsn: str, settings_of: Settings) -> None:
    ids: list[UUID] = []
    for name in ("王小明", "Żółć " * 12):
        order, _ = await market.order(quantity=2, name=name.strip()[:50])
        await pays(market, order)
        async with market.db.transaction() as tx:
            await packing.plan_order(tx, shop_id=market.shop_id, order_id=order.id)
            ids += [
                row.id
                for row in (
                    await warehouse.listing(tx, shop_id=market.shop_id, search=str(order.number))
                ).items
            ]
    async with market.db.transaction() as tx:
        await orders.shipping.track_parcel(
            tx,
            shop_id=market.shop_id,
            parcel_id=ids[0],
            carrier="顺丰速运",
            tracking="SF1400012345678",
            actor=ME,
        )

    picks = read(await sheet(market, SheetKind.PICK_LIST, ids, settings_of, dsn))
    slips = await sheet(market, SheetKind.PACKING_SLIP, ids, settings_of, dsn)
    labels = await sheet(market, SheetKind.LABEL, ids, settings_of, dsn)

    assert "4" in picks.split()
    assert "Warehouse" in picks
    assert "王小明" in read(slips)
    assert "129" not in read(slips)
    assert len(pypdfium2.PdfDocument(slips)) == len(pypdfium2.PdfDocument(labels)) == 2
    told = read(labels)
    assert "王小明" in told
    assert "顺丰速运" in told
    assert "139 1234" not in told
    assert "5678" in told
    picture = pypdfium2.PdfDocument(labels)[0].render(scale=3).to_pil()
    [first] = [row for row in (await numbers(market, ids)) if row.endswith("-P1")][:1]
    assert {found.text for found in zxingcpp.read_barcodes(picture)} == {"SF1400012345678", first}


async def numbers(market: Market, ids: list[UUID]) -> list[str]:
    async with market.db.transaction() as tx:
        return [each.parcel.number for each in await warehouse.packed(tx, shop_id=market.shop_id, ids=ids)]


@pytest.mark.parametrize(
    "code", ["1042-P1", "1", "12", "123", "1234", "12345", "123456", "A1234", "A12345", "A123456B", "1234A", "12345A",
             "AB12CD", "SF1400012345678", "JD014600003SN123456789", " ~!{}", "0000", "9" * 40],
)  # fmt: skip
def test_bars_are_read_as_what_was_written(code: str) -> None:
    bars = code128.bars(code)
    picture = typesetting.pdf(
        "sheets",
        {
            "lang": "en",
            "kind": "label",
            "title": "",
            "dated": "2026-11-30",
            "parcels": [
                {"carrier": "", "from": [""], "to": ["", ""], "code": {"bars": bars.bars, "modules": bars.modules},
                 "code_text": "", "own": None, "number": "", "part": "", "facts": []}
            ],
        },
    )  # fmt: skip
    shown = pypdfium2.PdfDocument(picture)[0].render(scale=4).to_pil()
    assert [found.text for found in zxingcpp.read_barcodes(shown)] == [code]


@pytest.mark.parametrize("code", ["", "ä", "快", "\n", "9" * 41])
def test_what_bars_cannot_say(code: str) -> None:
    assert not code128.can(code)
    with pytest.raises(ValueError, match="ASCII"):
        code128.bars(code)


@pytest.mark.parametrize(
    ("minor", "currency", "lang", "text"),
    [
        (12_900, "CNY", "zh", "¥129.00"),
        (12_900, "JPY", "en", "¥12,900"),
        (1_234_567, "KWD", "en", "KWD1,234.567"),
        (-5, "EUR", "en", "-€0.05"),
        (0, "USD", "zh", "US$0.00"),
    ],
)
def test_amounts_on_paper(minor: int, currency: str, lang: str, text: str) -> None:
    assert money(minor, currency, lang) == text


def paper(**changes: Any) -> Mapping[str, Any]:
    plain = {
        "lang": "en", "title": "Invoice", "dated": "2026-11-30", "facts": [["Number", "1"]], "seller": ["S"], "buyer": ["B"],
        "rows": [["Coat", "", "1", "1", "", "1"]], "sums": [["Total", "1", True]], "taxes": [], "notes": [], "footer": "",
    }  # fmt: skip
    return plain | changes


@pytest.mark.parametrize(
    "hostile",
    [
        '#read("/etc/passwd")',
        "$x^2$ *b* _i_ = h",
        "<b>x</b> {{7*7}} \\u{1F600} [",
        "`raw` // /* @ref ~ ---",
        "Ω Ж ł ğ ẵ 臺 〇 龘",
    ],
)
def test_texts_are_text(hostile: str) -> None:
    told = read(typesetting.pdf("paper", dict(paper(buyer=[hostile], footer=hostile))))
    assert "".join(told.split()).count("".join(hostile.split())) == 2, told


def test_signs_that_no_font_has_leave_the_rest_readable() -> None:
    told = read(typesetting.pdf("paper", dict(paper(buyer=["한국 😀", "Seoul"]))))
    assert "Seoul" in told


def test_a_long_paper_has_pages_that_repeat_its_head() -> None:
    rows = [[f"Coat {at}", "x" * 200, "1", "1", "", "1"] for at in range(60)]
    made = pypdfium2.PdfDocument(BytesIO(typesetting.pdf("paper", dict(paper(rows=rows)))))
    assert len(made) > 2
    assert all("Unit price" in page.get_textpage().get_text_range() for page in list(made)[:2])


def test_every_word_on_paper_is_in_both_languages() -> None:
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    assert all(word.strip() for lang in WORDS.values() for word in lang.values())
