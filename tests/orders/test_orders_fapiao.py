"""Fapiao: asked for once for each order, issued elsewhere, red after a refund; never in the way of either."""

import csv
import io
from datetime import date, timedelta
from uuid import UUID, uuid4
from zipfile import ZipFile

import pypdfium2
import pytest
import zxingcpp
from tests.orders.conftest import MakeMarket, Market

from shopfloor import documents, fapiao, invoicing, orders
from shopfloor.erasure import BuyerErased
from shopfloor.fapiao import Request, Settings, State, TitleKind, Via, Wanted
from shopfloor.fapiao.models import (
    AlreadyIssued,
    BadDate,
    BadFile,
    BadNumber,
    FormRefused,
    IssuedAnew,
    NothingToInvoice,
    NotIssuedYet,
    NotOffered,
    NotPaidYet,
    NotRequested,
    NumberTaken,
    SheetUnreadable,
    WrongAmount,
    tidied_tax_id,
    wrong_tax_id,
)
from shopfloor.kernel import outbox
from shopfloor.kernel.outbox import each
from shopfloor.kernel.values import Money, now
from shopfloor.wiring import FORGETS_PEOPLE, WRITES_PAPERS

ME = "person:1"
# The standard's own example of a unified social credit code.
TAX_ID = "91350100M000100Y43"
COMPANY = Wanted(TitleKind.COMPANY, "杭州春风贸易有限公司", TAX_ID, "books@example.com", "开明细")
NUMBER = "25332000000000000001"
PDF = b"%PDF-1.7\n%fapiao"


def ofd() -> bytes:
    made = io.BytesIO()
    with ZipFile(made, "w") as archive:
        archive.writestr("OFD.xml", "<ofd:OFD/>")
    return made.getvalue()


def today() -> date:
    return (now() + timedelta(hours=8)).date()


async def ask(market: Market, order_id: UUID, wanted: Wanted = COMPANY, via: Via = Via.ORDER) -> Request:
    async with market.db.transaction() as tx:
        return await fapiao.ask(tx, shop_id=market.shop_id, order_id=order_id, wanted=wanted, via=via)


async def issue(
    market: Market,
    asked: Request,
    number: str = NUMBER,
    amount: int | None = None,
    files: tuple[bytes, ...] = (),
) -> Request:
    async with market.db.transaction() as tx:
        return await fapiao.issue(
            tx, shop_id=market.shop_id, request_id=asked.id, number=number, issued_on=today(), amount_minor=amount,
            files=files, actor=ME,
        )  # fmt: skip


async def issue_red(market: Market, paper_id: UUID, number: str) -> Request:
    async with market.db.transaction() as tx:
        return await fapiao.issue_red(
            tx, shop_id=market.shop_id, paper_id=paper_id, number=number, issued_on=today(), actor=ME
        )


async def of(market: Market, order_id: UUID) -> Request | None:
    async with market.db.transaction() as tx:
        return await fapiao.of_order(tx, shop_id=market.shop_id, order_id=order_id)


async def refund(market: Market, order_id: UUID, minor: int) -> None:
    """As the shop does it, with what hears of it."""
    async with market.db.transaction() as tx:
        await orders.refund(
            tx, shop_id=market.shop_id, order_id=order_id, amount=Money(minor, "CNY"), refund_id=uuid4(), note="",
            actor=ME,
        )  # fmt: skip
    await hears(market)


async def hears(market: Market) -> None:
    await outbox.drain(market.db, [each("papers", WRITES_PAPERS)])


async def sound(market: Market) -> None:
    async with market.db.transaction() as tx:
        assert [check for check in await fapiao.audit(tx) if not check.passed] == []
    await market.assert_sound()


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        (TAX_ID, None),
        ("９１３５０１００ｍ０００１００ｙ４３", None),
        (" 9135-0100 M000100Y43 ", None),
        ("91350100M000100Y44", "bad_check_digit"),
        ("91350100M000100Z43", "bad_form"),
        ("91350100M0001O0Y43", "bad_form"),
        # Identity numbers of people in business, with GB 11643's check.
        ("11010519491231002X", None),
        ("110105194912310021", "bad_check_digit"),
        ("11010519491231002X01", None),
        ("330100123456789", None),
        ("33010012345678A", None),
        ("33010012345678901", None),
        ("33010O123456789", "bad_form"),
        ("3301001234567890", "bad_form"),
        ("9135010", "bad_form"),
        ("9135010000000000000000", "bad_form"),
        ("", "missing"),
        ("九一三五〇一〇〇M000100Y43", "bad_form"),
    ],
)
def test_a_tax_number_is_checked_by_its_form_and_its_check_digit(typed: str, wrong: str | None) -> None:
    assert wrong_tax_id(tidied_tax_id(typed)) == wrong


async def test_one_request_for_each_order_changes_until_it_was_issued(make_market: MakeMarket) -> None:
    market, other = await make_market(), await make_market()
    order, _ = await market.order()
    for bad, fields in (
        (
            Wanted(TitleKind.COMPANY, "", "91350100M000100Y44"),
            {"title": "missing", "tax_id": "bad_check_digit"},
        ),
        (
            Wanted(TitleKind.PERSON, "x" * 101, email="nobody"),
            {"title": "too_long", "email": "not_an_address"},
        ),
    ):
        with pytest.raises(FormRefused) as refused:
            await ask(market, order.id, bad)
        assert refused.value.facts == {"fields": fields}
    assert await of(market, order.id) is None

    person = await ask(market, order.id, Wanted(TitleKind.PERSON, " 林 梅 ", "123", "mei@example.com"))
    assert (person.title, person.tax_id, person.state, person.amount_minor) == (
        "林 梅",
        "",
        State.OPEN,
        order.total_minor,
    )
    changed = await ask(market, order.id)
    assert (changed.id, changed.kind, changed.tax_id) == (person.id, TitleKind.COMPANY, TAX_ID)
    assert len(await market.facts("fapiao.requested")) == 1
    with pytest.raises(NotPaidYet):
        await issue(market, changed)
    async with market.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=market.shop_id, order_id=order.id, amount=order.total, actor=ME)

    # Nothing of it is another shop's.
    with pytest.raises(NotRequested):
        await issue(other, changed)
    for number in ("", "2533200000000000000", "2533200000000000000A", "123456789"):
        with pytest.raises(BadNumber):
            await issue(market, changed, number)
    async with market.db.transaction() as tx:
        for day in (today() + timedelta(days=1), today() - timedelta(days=3)):
            with pytest.raises(BadDate):
                await fapiao.issue(
                    tx, shop_id=market.shop_id, request_id=changed.id, number=NUMBER, issued_on=day, actor=ME
                )
    done = await issue(market, changed, "2533 2000 0000 0000 0001", files=(PDF,))
    again = await issue(market, changed, files=(PDF,))
    assert done.papers == again.papers
    assert done.blue is not None
    assert (done.state, done.blue.number, done.blue.amount_minor) == (State.ISSUED, NUMBER, order.total_minor)
    assert [(file.format, file.size) for file in done.blue.files] == [("pdf", len(PDF))]
    assert len(await market.facts("fapiao.recorded")) == 1
    with pytest.raises(AlreadyIssued):
        await ask(market, order.id, Wanted(TitleKind.PERSON, "林梅"))
    with pytest.raises(AlreadyIssued):
        await issue(market, changed, "25332000000000000002")
    # Who asks for what was issued gets what there is.
    assert (await ask(market, order.id)).state is State.ISSUED
    second, _ = await market.paid()
    with pytest.raises(NumberTaken):
        await issue(market, await ask(market, second.id))
    theirs, _ = await other.paid()
    assert (await issue(other, await ask(other, theirs.id))).state is State.ISSUED
    await sound(market)


async def test_a_refund_is_less_on_what_is_to_be_issued_and_red_on_what_was(market: Market) -> None:
    order, _ = await market.paid(quantity=2)
    total = order.total_minor
    asked = await ask(market, order.id)
    await refund(market, order.id, 1_000)
    found = await of(market, order.id)
    assert found is not None
    assert (found.state, found.amount_minor) == (State.OPEN, total - 1_000)

    # Exported before the second refund, and issued of what stood there then.
    await refund(market, order.id, 500)
    with pytest.raises(WrongAmount) as refused:
        await issue(market, asked, amount=total - 999)
    assert refused.value.facts["expected_minor"] == total - 1_500
    done = await issue(market, asked, amount=total - 1_000)
    assert (done.state, [red.amount_minor for red in done.reds]) == (State.RED_REQUESTED, [500])

    await refund(market, order.id, 700)
    await hears(market)
    found = await of(market, order.id)
    assert found is not None
    assert [red.amount_minor for red in found.reds] == [500, 700]
    assert len(await market.facts("fapiao.red_requested")) == 2
    async with market.db.transaction() as tx:
        with pytest.raises(NotIssuedYet):
            await fapiao.add_files(tx, shop_id=market.shop_id, paper_id=found.reds[0].id, files=[PDF])
    with pytest.raises(NumberTaken):
        await issue_red(market, found.reds[0].id, NUMBER)
    first = await issue_red(market, found.reds[0].id, "25332000000000000002")
    assert first.state is State.RED_REQUESTED
    last = await issue_red(market, found.reds[1].id, "25332000000000000003")
    assert (last.state, await issue_red(market, found.reds[1].id, "25332000000000000003")) == (
        State.DONE,
        last,
    )
    await refund(market, order.id, total - 2_200)
    found = await of(market, order.id)
    assert found is not None
    assert found.state is State.RED_REQUESTED
    assert sum(red.amount_minor for red in found.reds) == total - 1_000
    await sound(market)


async def test_what_is_refunded_or_cancelled_before_needs_none(make_market: MakeMarket) -> None:
    market = await make_market()
    paid, _ = await market.paid()
    await ask(market, paid.id)
    await refund(market, paid.id, paid.total_minor)
    placed, _ = await market.order()
    await ask(market, placed.id)
    async with market.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=market.shop_id, order_id=placed.id, by=orders.Party.MERCHANT, actor=ME
        )
    await hears(market)
    for order, why in ((paid, "refunded"), (placed, "cancelled")):
        found = await of(market, order.id)
        assert found is not None
        assert (found.state, found.why) == (State.WITHDRAWN, why)
        with pytest.raises(NothingToInvoice):
            await ask(market, order.id)
    await sound(market)


async def test_a_shop_in_china_takes_requests_and_any_other_that_says_so(make_market: MakeMarket) -> None:
    market = await make_market()
    order, _ = await market.paid()

    async def offers(wanted: Settings) -> bool:
        async with market.db.transaction() as tx:
            await fapiao.set_settings(tx, shop_id=market.shop_id, wanted=wanted)
            return await fapiao.is_offered(tx, shop_id=market.shop_id)

    async def moves(country: str) -> None:
        async with market.db.transaction() as tx:
            await tx.run(
                """
                INSERT INTO pricing.tax_settings (shop_id, origin_country, origin_region, tax_number, included, rounding, place)
                VALUES (%(shop_id)s, %(country)s, '', '', true, 'line', 'origin')
                ON CONFLICT (shop_id) DO UPDATE SET origin_country = excluded.origin_country
                """,
                shop_id=market.shop_id,
                country=country,
            )

    assert await offers(Settings())
    await moves("DE")
    assert not await offers(Settings())
    with pytest.raises(NotOffered):
        await ask(market, order.id)
    assert (await ask(market, order.id, via=Via.STAFF)).state is State.OPEN
    assert await offers(Settings(offered=True))
    await moves("CN")
    assert await offers(Settings())
    assert not await offers(Settings(offered=False))


async def test_files_are_what_they_say_and_stay(market: Market) -> None:
    order, _ = await market.paid()
    done = await issue(market, await ask(market, order.id))
    assert done.blue is not None
    paper_id = done.blue.id

    async def add(*files: bytes) -> Request:
        async with market.db.transaction() as tx:
            return await fapiao.add_files(tx, shop_id=market.shop_id, paper_id=paper_id, files=files)

    plain = io.BytesIO()
    with ZipFile(plain, "w") as archive:
        archive.writestr("word/document.xml", "x")
    for bad in (b"", b"<html>", plain.getvalue(), b"PK\x03\x04 broken", PDF + bytes(1024 * 1024)):
        with pytest.raises(BadFile):
            await add(PDF, bad)
    assert (await add(PDF, ofd(), PDF)).blue is not None
    with pytest.raises(BadFile):
        await add(PDF + b"2", PDF + b"3")
    found = await of(market, order.id)
    assert found is not None
    assert found.blue is not None
    assert sorted(file.format for file in found.blue.files) == ["ofd", "pdf"]
    async with market.db.transaction() as tx:
        [first, _] = await fapiao.contents(tx, shop_id=market.shop_id, paper_id=paper_id)
        assert (first.content, fapiao.file_name(first)) in [
            (PDF, f"fapiao-{NUMBER}.pdf"),
            (ofd(), f"fapiao-{NUMBER}.ofd"),
        ]
        with pytest.raises(NotRequested):
            await fapiao.content(tx, shop_id=market.shop_id, file_id=first.id, order_id=uuid4())
        with pytest.raises(NotRequested):
            await fapiao.content(tx, shop_id=market.shop_id + 1, file_id=first.id)
    await sound(market)


async def exported(market: Market, state: str | None = None) -> list[dict[str, str]]:
    data = b"".join(
        [part async for part in fapiao.sheet.written_out(market.db, shop_id=market.shop_id, state=state)]
    )
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


async def test_the_list_goes_out_as_csv_and_comes_back_with_numbers(make_market: MakeMarket) -> None:
    market = await make_market(units=20)
    async with market.db.transaction() as tx:
        await fapiao.set_settings(
            tx, shop_id=market.shop_id, wanted=Settings(goods_name="服装", goods_code="1060101010000000000")
        )
    first, _ = await market.paid()
    second, _ = await market.paid(quantity=2)
    unpaid, _ = await market.order()
    await ask(market, first.id, Wanted(TitleKind.COMPANY, '=HYPERLINK("x")', TAX_ID))
    for order in (second, unpaid):
        await ask(market, order.id)
    rows = await exported(market, "open")
    assert [row["Order 订单号"] for row in rows] == [f"#{each.number}" for each in (unpaid, second, first)]
    row = rows[2]
    assert row["Title 发票抬头"] == '\'=HYPERLINK("x")'
    assert row["Amount 金额"] == f"{first.total_minor / 100:.2f}"
    assert (row["Goods code 税收分类编码"], row["Items 商品明细"]) == (
        '="1060101010000000000"',
        "Linen coat × 1",
    )
    assert [row["Paid 已付款"] for row in rows] == ["no", "yes", "yes"]

    # As a spreadsheet of China gives it back: other columns, other marks, other signs.
    day = today()
    sheet = (
        "订单号;发票号码;开票日期\r\n"
        f'#{first.number};="25332000000000000011";{day.year}年{day.month}月{day.day}日\r\n'
        f"{second.number};25332000000000000012;{day:%Y/%m/%d}\r\n"
        f"{unpaid.number};25332000000000000013;{day:%Y-%m-%d}\r\n"
        f"999999;25332000000000000014;{day:%Y-%m-%d}\r\n"
        f"{second.number};;\r\n"
    ).encode("gb18030")

    async def take(data: bytes) -> fapiao.sheet.Imported:
        return await fapiao.sheet.take_in(market.db, shop_id=market.shop_id, data=data, actor=ME)

    done = await take(sheet)
    assert (done.recorded, done.unchanged) == (2, 0)
    assert [(row, refusal.code) for row, refusal in done.refused] == [
        (4, "fapiao.not_paid"),
        (5, "fapiao.not_requested"),
    ]
    assert (await take(sheet)).unchanged == 2

    # Our own file with a red one.
    await refund(market, second.id, 300)
    rows = await exported(market)
    [red] = [row for row in rows if row["Type 类型"] == "red"]
    assert (red["Amount 金额"], red["Red of 对应蓝票号码"]) == ("-3.00", '="25332000000000000012"')
    red |= {"Number 发票号码": "25332000000000000015", "Issued on 开票日期": day.isoformat()}
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(red))
    writer.writeheader()
    writer.writerows(rows)
    done = await take(b"\xef\xbb\xbf" + out.getvalue().encode())
    assert (done.recorded, done.unchanged, done.refused) == (1, 2, [])
    found = await of(market, second.id)
    assert found is not None
    assert (found.state, found.reds[0].number) == (State.DONE, "25332000000000000015")
    for bad in (b"", b"a,b\r\n1,2\r\n", b"\xff\xfe\x00", b'order,number,issued on\r\n"1,2,3'):
        with pytest.raises(SheetUnreadable):
            await take(bad)
    await sound(market)


async def test_who_is_erased_goes_and_what_was_issued_stays(market: Market) -> None:
    kept, buyer = await market.paid()
    await issue(market, await ask(market, kept.id))
    open_one, other = await market.paid()
    await ask(market, open_one.id)
    async with market.db.transaction() as tx:
        await FORGETS_PEOPLE[BuyerErased](tx, BuyerErased(market.shop_id, uuid4(), [buyer, other], 2))
    issued, gone = await of(market, kept.id), await of(market, open_one.id)
    assert issued is not None
    assert (issued.title, issued.tax_id, issued.email, issued.note) == (COMPANY.title, TAX_ID, "", "")
    assert gone is not None
    assert (gone.state, gone.why, gone.title, gone.tax_id, gone.email) == (
        State.WITHDRAWN,
        "erased",
        "",
        "",
        "",
    )
    await sound(market)


async def test_a_receipt_carries_a_code_that_leads_to_the_request(market: Market) -> None:
    order, _ = await market.paid()
    async with market.db.transaction() as tx:
        made = await invoicing.receipt(
            tx, shop_id=market.shop_id, order_id=order.id, site="https://garden.test"
        )
        code = await fapiao.code(tx, shop_id=market.shop_id, order_id=order.id)
        slug = await tx.value("SELECT slug FROM accounts.shop WHERE id = %(id)s", id=market.shop_id)
    await documents.make_files(market.db, shop_id=market.shop_id, subject_id=order.id)
    async with market.db.transaction() as tx:
        content = (await documents.file(tx, shop_id=market.shop_id, document_id=made.id)).content
        assert (
            await fapiao.order_of_code(tx, shop_id=market.shop_id, code=fapiao.shown_code(code).lower())
            == order.id
        )
        with pytest.raises(fapiao.CodeNotFound):
            await fapiao.order_of_code(
                tx, shop_id=market.shop_id, code=code[:-1] + ("0" if code[-1] != "0" else "1")
            )
    page = pypdfium2.PdfDocument(content)[0]
    assert fapiao.shown_code(code) in page.get_textpage().get_text_range()
    [seen] = zxingcpp.read_barcodes(page.render(scale=3).to_pil())
    assert seen.text == f"https://garden.test/s/{slug}/fapiao/{code}"


async def test_the_audit_finds_what_does_not_add_up(market: Market) -> None:
    order, _ = await market.paid()
    await issue(market, await ask(market, order.id), files=(PDF,))
    async with market.db.transaction() as tx:
        await tx.run("UPDATE fapiao.paper SET amount_minor = amount_minor - 1")
        await tx.run("UPDATE fapiao.request SET state = 'done'")
        await tx.run("UPDATE fapiao.file SET content = content || '\\x00'::bytea")
        assert [check.passed for check in await fapiao.audit(tx)] == [False, False, False]
        assert (await fapiao.counts(tx, shop_id=market.shop_id)) == {"open": 0, "red_requested": 0}


async def reissue(
    market: Market, asked: Request, wanted: Wanted | None = None, edition: int | None = None
) -> Request:
    async with market.db.transaction() as tx:
        return await fapiao.reissue(
            tx, shop_id=market.shop_id, request_id=asked.id, wanted=wanted, edition=edition
        )


async def test_after_a_refund_in_part_one_fapiao_of_what_is_left_is_issued_anew(market: Market) -> None:
    order, _ = await market.paid(quantity=2)
    total = order.total_minor
    asked = await ask(market, order.id)
    with pytest.raises(NotIssuedYet):
        await reissue(market, asked)
    first = await issue(market, asked)
    await refund(market, order.id, 1_000)

    person = Wanted(TitleKind.PERSON, "林梅", email="mei@example.com")
    anew = await reissue(market, asked, person)
    # The refund's own red one, and one of the rest.
    reds = [(paper.amount_minor, paper.number) for paper in anew.papers if paper.kind == "red"]
    assert (anew.state, anew.blue, anew.title, anew.amount_minor, reds) == (
        State.RED_REQUESTED, None, "林梅", total - 1_000, [(1_000, None), (total - 1_000, None)],
    )  # fmt: skip
    assert (await reissue(market, asked, person)).papers == anew.papers
    await sound(market)
    # A refund in between waits for nothing, and what is issued is of less.
    await refund(market, order.id, 200)
    for number, paper in (("25332000000000000002", anew.papers[1]), ("25332000000000000003", anew.papers[2])):
        anew = await issue_red(market, paper.id, number)
    assert (anew.state, anew.amount_minor) == (State.OPEN, total - 1_200)
    await sound(market)
    with pytest.raises(NumberTaken):
        await issue(market, asked, "25332000000000000002")
    # The first one's number again, from a list, changes nothing.
    assert (await issue(market, asked, NUMBER)).blue is None
    done = await issue(market, asked, "25332000000000000004")
    assert done.blue is not None
    assert (done.state, done.blue.amount_minor, done.reds, done.edition) == (
        State.ISSUED, total - 1_200, [], first.edition + 1,
    )  # fmt: skip
    # From a page that still shows the first: the one that was issued since is not taken back.
    with pytest.raises(IssuedAnew) as stale:
        await reissue(market, asked, person, edition=first.edition)
    assert stale.value.facts == {"edition": first.edition + 1}
    assert await of(market, order.id) == done
    await refund(market, order.id, 300)
    found = await of(market, order.id)
    assert found is not None
    assert [red.amount_minor for red in found.reds] == [300]
    await sound(market)
    rows = list(
        csv.reader(
            io.StringIO(
                "".join(
                    [
                        piece.decode()
                        async for piece in fapiao.sheet.written_out(market.db, shop_id=market.shop_id)
                    ]
                )
            )
        )
    )
    assert [(row[2], row[10], row[13]) for row in rows[1:]] == [
        ("blue", f"{total / 100:.2f}", ""),
        ("red", "-10.00", f'="{NUMBER}"'),
        ("red", f"-{(total - 1_000) / 100:.2f}", f'="{NUMBER}"'),
        ("blue", f"{(total - 1_200) / 100:.2f}", ""),
        ("red", "-3.00", '="25332000000000000004"'),
    ]


async def test_what_is_refunded_in_full_is_not_issued_anew(market: Market) -> None:
    order, _ = await market.paid()
    asked = await issue(market, await ask(market, order.id))
    anew = await reissue(market, asked)
    await refund(market, order.id, order.total_minor)
    found = await of(market, order.id)
    assert found is not None
    assert (found.state, [paper.amount_minor for paper in found.papers]) == (
        State.RED_REQUESTED, [order.total_minor, order.total_minor],
    )  # fmt: skip
    done = await issue_red(market, anew.papers[1].id, "25332000000000000002")
    assert done.state is State.DONE
    with pytest.raises(NothingToInvoice):
        await reissue(market, asked)
    await sound(market)
