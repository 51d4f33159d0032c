"""Alipay's adapter against a gateway that behaves as the documents say, and against one that lies."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from tests.payments.bills import alipay_bill
from tests.payments.fakes.alipay import MUTATIONS, SHANGHAI, FakeAlipay
from tests.payments.fakes.keys import certificate, key, pem, private_pem, public_pem

from shopfloor.kernel.values import Money, new_id, now
from shopfloor.payment_providers import (
    Account,
    AccountRefused,
    Action,
    ActionKind,
    Attempt,
    BillNotReady,
    Charged,
    Checked,
    Closed,
    ConnectionRefused,
    Declined,
    Forged,
    GivenBack,
    Message,
    ProviderAway,
    RefundFailed,
    RefundPending,
)
from shopfloor.payment_providers.alipay.kind import GATEWAYS, KIND
from shopfloor.payment_providers.alipay.messages import MessageUnreadable, fen_of, yuan
from shopfloor.payment_providers.alipay.provider import Alipay, build
from shopfloor.payment_providers.alipay.signing import answer_parts, certificate_number, root_number

ENTERED = {
    "app_id": "2021000000000001",
    "seller_id": "2088000000000001",
    "app_private_key": private_pem("alipay app"),
    "alipay_public_key": public_pem("alipay"),
}
YUAN_129 = Money(12_900, "CNY")


def built(http: httpx.AsyncClient, **entered: str) -> Alipay:
    found = ENTERED | entered
    secret = {"app_private_key"}
    account = Account(
        id=7,
        shop_id=1,
        mode="test",
        fields={name: value for name, value in found.items() if name not in secret},
        secrets={name: value for name, value in found.items() if name in secret},
        notify_url="https://shop.example/payments/alipay/7/notify",
        http=http,
    )
    return build(account, gateway="http://alipay.fake/gateway.do")


@dataclass
class Desk:
    fake: FakeAlipay
    provider: Alipay
    http: httpx.AsyncClient


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    fake = FakeAlipay(key("alipay"), key("alipay app").public_key())
    async with fake.client() as http:
        yield Desk(fake, built(http), http)


def attempt(device: str = "wechat", amount: Money = YUAN_129, **more: Any) -> Attempt:
    """By default one that is paid with a code, of which the gateway learns at once."""
    return Attempt(
        new_id(),
        "online",
        amount,
        "青瓷碗 A/1 & B=2",
        return_url="https://shop.example/o/1",
        device=device,
        expires_at=now() + timedelta(minutes=10),
        **more,
    )


def message(body: bytes, *, trusted: bool = False) -> Message:
    return Message("POST", "/payments/alipay/7/notify", {}, body, datetime.now(UTC), trusted=trusted)


async def paid(desk: Desk, one: Attempt) -> Attempt:
    await desk.provider.start(one)
    assert desk.fake.pay(one.id.hex)
    return one


# ── paying ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("device", "method", "product"),
    [
        ("desktop", "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
        ("phone", "alipay.trade.wap.pay", "QUICK_WAP_WAY"),
    ],
)
async def test_a_page_is_opened_by_an_address_that_the_gateway_accepts(
    desk: Desk, device: str, method: str, product: str
) -> None:
    one = attempt(device)
    action = await desk.provider.start(one)
    assert isinstance(action, Action)
    assert (action.kind, action.expires_at) == (ActionKind.REDIRECT, one.expires_at)
    known = replace(one, reference=action.reference)

    opened = await desk.http.get(action.url)

    assert (opened.status_code, opened.headers["location"]) == (
        302,
        f"http://alipay.fake/cashier/{one.id.hex}",
    )
    assert one.expires_at is not None
    said = {
        "out_trade_no": one.id.hex,
        "total_amount": "129.00",
        "subject": "青瓷碗 A 1   B 2",
        "product_code": product,
        "time_expire": one.expires_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S"),
        "seller_id": "2088000000000001",
    }
    if device == "phone":
        said["quit_url"] = "https://shop.example/o/1"
    assert desk.fake.calls == [(method, said)]
    # Asked without knowing who is in front of the page, it is the same page still.
    waiting = await desk.provider.look_up(replace(known, device="desktop"))
    assert isinstance(waiting, Action)
    query = parse_qs(urlsplit(action.url).query)
    assert parse_qs(urlsplit(waiting.url).query)["method"] == query["method"] == [method]
    assert query["notify_url"] == ["https://shop.example/payments/alipay/7/notify"]
    assert query["return_url"] == ["https://shop.example/o/1"]


async def test_a_computer_is_shown_a_code_where_the_account_says_so(desk: Desk) -> None:
    provider = built(desk.http, desktop="qr")
    one = attempt("desktop")

    action = await provider.start(one)

    assert isinstance(action, Action)
    code = f"http://alipay.fake/cashier/{one.id.hex}"
    assert (action.kind, action.url, action.reference) == (ActionKind.QR, code, code)
    assert desk.fake.calls[0][0] == "alipay.trade.precreate"
    assert (
        desk.fake.calls[0][1]["timeout_express"] == desk.fake.calls[0][1]["qr_code_timeout_express"] == "9m"
    )
    assert await provider.start(one) == action


async def test_an_attempt_is_looked_up_before_and_after_it_is_paid(desk: Desk) -> None:
    one = attempt()
    assert await desk.provider.look_up(one) is None
    action = await desk.provider.start(one)
    assert isinstance(action, Action)
    known = replace(one, reference=action.reference)
    assert await desk.provider.look_up(known) == action

    desk.fake.pay(one.id.hex)

    trade = desk.fake.trades[one.id.hex]
    assert await desk.provider.look_up(known) == Charged(trade.trade_no, YUAN_129)
    assert await desk.provider.start(one) == Charged(trade.trade_no, YUAN_129)


async def test_a_closed_trade_is_closed_and_one_that_was_given_back_in_full_is_paid(desk: Desk) -> None:
    unpaid, back = attempt(), await paid(desk, attempt())
    await desk.provider.start(unpaid)
    assert await desk.provider.close(unpaid) == Closed()
    assert await desk.provider.give_back(back, refund_id=new_id(), amount=YUAN_129) != RefundFailed("")

    states = [desk.fake.trades[each.id.hex].status for each in (unpaid, back)]

    assert states == ["TRADE_CLOSED", "TRADE_CLOSED"]
    assert await desk.provider.look_up(unpaid) == Closed()
    assert await desk.provider.look_up(back) == Charged(desk.fake.trades[back.id.hex].trade_no, YUAN_129)
    assert await desk.provider.close(unpaid) == Closed()


async def test_closing_what_is_paid_says_that_it_is_paid_and_what_nobody_opened_is_not_known(
    desk: Desk,
) -> None:
    one = await paid(desk, attempt())

    assert await desk.provider.close(one) == Charged(desk.fake.trades[one.id.hex].trade_no, YUAN_129)
    assert await desk.provider.close(attempt("desktop")) is None
    assert desk.fake.trades[one.id.hex].status == "TRADE_SUCCESS"


async def test_a_finished_trade_is_a_paid_one(desk: Desk) -> None:
    one = await paid(desk, attempt())
    desk.fake.trades[one.id.hex].status = "TRADE_FINISHED"

    assert await desk.provider.look_up(one) == Charged(desk.fake.trades[one.id.hex].trade_no, YUAN_129)
    refused = await desk.provider.give_back(one, refund_id=new_id(), amount=YUAN_129)
    assert refused == RefundFailed("ACQ.TRADE_HAS_FINISHED: ACQ.TRADE_HAS_FINISHED")


async def test_only_yuan_are_taken(desk: Desk) -> None:
    assert await desk.provider.start(attempt(amount=Money(12_900, "USD"))) == Declined("currency")
    assert desk.fake.calls == []
    assert desk.provider.abilities.currencies == frozenset({"CNY"})


# ── answers that are none ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("what", ["lost", "busy", "away", "unsigned", "ACQ.SYSTEM_ERROR"])
async def test_a_result_that_is_not_known_is_asked_for_again(desk: Desk, what: str) -> None:
    one = attempt()
    desk.fake.script["alipay.trade.precreate"] = [what]

    with pytest.raises(ProviderAway) as away:
        await desk.provider.start(one)
    again = await desk.provider.start(one)

    assert away.value.code == "orders.provider_away"
    assert isinstance(again, Action)
    assert len(desk.fake.trades) == 1


async def test_an_answer_with_a_wrong_signature_is_not_believed(desk: Desk) -> None:
    one = await paid(desk, attempt())
    desk.fake.script["alipay.trade.query"] = ["forged"]

    with pytest.raises(AccountRefused) as refused:
        await desk.provider.look_up(one)

    assert (refused.value.code, refused.value.facts) == ("payments.account_refused", {"answer": "signature"})
    assert isinstance(refused.value, ProviderAway)


async def test_a_server_that_does_not_answer_is_away() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("no answer", request=request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(broken)) as http:
        with pytest.raises(ProviderAway):
            await built(http).look_up(attempt())


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "null",
        "[]",
        "<html>",
        '{"a":1',
        '{"alipay_trade_query_response":{}}',
        "[" * 100_000,
        '{"a":1,"a":2}',
    ],
)
async def test_an_answer_that_is_none_is_away(raw: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text=raw))
    async with httpx.AsyncClient(transport=transport) as http:
        with pytest.raises(ProviderAway):
            await built(http).look_up(attempt())


def test_the_text_that_is_signed_is_cut_out_as_it_came() -> None:
    text = ' { "x_response" : {"a":"\\u9752\\/","sign":"}"} , "sign":"s=" } '

    assert answer_parts(text.strip()) == {"x_response": '{"a":"\\u9752\\/","sign":"}"}', "sign": '"s="'}


# ── money back ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_refund_in_parts_is_made_once_each_and_never_more_than_was_paid(desk: Desk) -> None:
    one = await paid(desk, attempt())
    first, second = new_id(), new_id()

    assert await desk.provider.give_back(one, refund_id=first, amount=Money(2_900, "CNY")) == GivenBack(
        first.hex
    )
    assert await desk.provider.give_back(one, refund_id=first, amount=Money(2_900, "CNY")) == GivenBack(
        first.hex
    )
    assert await desk.provider.look_up_refund(one, refund_id=first, amount=Money(2_900, "CNY")) == GivenBack(
        first.hex
    )
    too_much = await desk.provider.give_back(one, refund_id=second, amount=Money(10_001, "CNY"))

    assert too_much == RefundFailed("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL: ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")
    assert await desk.provider.look_up_refund(one, refund_id=second, amount=Money(10_001, "CNY")) is None
    assert desk.fake.trades[one.id.hex].refunded * 100 == 2_900
    asked = [said["refund_amount"] for method, said in desk.fake.calls if method == "alipay.trade.refund"]
    assert asked == ["29.00", "29.00", "100.01"]


async def test_10000_proves_no_refund(desk: Desk) -> None:
    one, refund_id = await paid(desk, attempt()), new_id()
    desk.fake.script["alipay.trade.refund"] = ["slow refund"]
    desk.fake.script["alipay.trade.fastpay.refund.query"] = ["nothing yet"]

    assert await desk.provider.give_back(one, refund_id=refund_id, amount=YUAN_129) == RefundPending(
        refund_id.hex
    )
    assert await desk.provider.look_up_refund(one, refund_id=refund_id, amount=YUAN_129) == GivenBack(
        refund_id.hex
    )


async def test_a_refund_whose_answer_is_lost_is_found_again_and_not_made_twice(desk: Desk) -> None:
    one, refund_id, part = await paid(desk, attempt()), new_id(), Money(5_000, "CNY")
    desk.fake.script["alipay.trade.refund"] = ["lost"]
    with pytest.raises(ProviderAway):
        await desk.provider.give_back(one, refund_id=refund_id, amount=part)

    await desk.provider.give_back(one, refund_id=refund_id, amount=part)

    assert await desk.provider.look_up_refund(one, refund_id=refund_id, amount=part) == GivenBack(
        refund_id.hex
    )
    assert desk.fake.trades[one.id.hex].refunded * 100 == 5_000


# ── notifications ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_notification_says_what_came_and_is_acknowledged_with_the_one_word(desk: Desk) -> None:
    one = await paid(desk, attempt())

    received = desk.provider.receive(message(desk.fake.notice(one.id.hex)))

    (report,) = received.reports
    assert (report.attempt_id, report.reference) == (one.id, desk.fake.trades[one.id.hex].trade_no)
    assert (report.outcome, report.refund) == (Charged(report.reference, YUAN_129), None)
    assert (received.acknowledgement.status, received.acknowledgement.body) == (200, b"success")


# What is believed, because it is signed and of now, with what it says; everything else is refused.
BELIEVED = {
    "another order": ("f" * 32, 12_900),
    "no order of ours": (None, 12_900),
    "amount differs": ("", 13_000),
    "another charset": ("", 12_900),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_each_mutation_of_a_notification_is_refused_or_told_as_it_is(desk: Desk, mutation: str) -> None:
    one = await paid(desk, attempt())
    body = desk.fake.notice(one.id.hex, mutation)
    if mutation not in BELIEVED:
        with pytest.raises(Forged) as refused:
            desk.provider.receive(message(body))
        assert refused.value.code == "payments.forged"
        return

    (report,) = desk.provider.receive(message(body)).reports

    number, amount = BELIEVED[mutation]
    expected = one.id if number == "" else None if number is None else UUID(number)
    assert (report.attempt_id, report.outcome) == (expected, Charged(report.reference, Money(amount, "CNY")))


async def test_a_message_that_was_taken_is_read_again_whenever_that_is(desk: Desk) -> None:
    one = await paid(desk, attempt())
    stale = desk.fake.notice(one.id.hex, "stale")

    with pytest.raises(Forged):
        desk.provider.receive(message(stale))
    assert len(desk.provider.receive(message(stale, trusted=True)).reports) == 1
    with pytest.raises(Forged):
        desk.provider.receive(message(desk.fake.notice(one.id.hex, "wrong signature"), trusted=True))


async def test_the_notice_of_a_part_given_back_says_paid_and_names_the_refund(desk: Desk) -> None:
    one, part, rest = await paid(desk, attempt()), new_id(), new_id()
    trade = desk.fake.trades[one.id.hex]
    await desk.provider.give_back(one, refund_id=part, amount=Money(2_900, "CNY"))
    after_part = desk.provider.receive(message(desk.fake.notice(one.id.hex, refund_number=part.hex))).reports[
        0
    ]
    await desk.provider.give_back(one, refund_id=rest, amount=Money(10_000, "CNY"))
    after_all = desk.provider.receive(message(desk.fake.notice(one.id.hex, refund_number=rest.hex))).reports[
        0
    ]

    assert (after_part.outcome, after_part.refund_id) == (Charged(trade.trade_no, YUAN_129), part)
    assert after_part.refund == GivenBack(part.hex)
    # TRADE_CLOSED now, and still paid.
    assert trade.status == "TRADE_CLOSED"
    assert (after_all.outcome, after_all.refund_id) == (Charged(trade.trade_no, YUAN_129), rest)


async def test_the_notice_of_a_trade_closed_unpaid_says_closed_and_one_of_waiting_says_nothing(
    desk: Desk,
) -> None:
    one = attempt()
    await desk.provider.start(one)
    assert desk.provider.receive(message(desk.fake.notice(one.id.hex))).reports == []
    await desk.provider.close(one)

    assert desk.provider.receive(message(desk.fake.notice(one.id.hex))).reports[0].outcome == Closed()


async def test_a_notice_sent_again_has_the_same_key_and_another_one_has_not(desk: Desk) -> None:
    one = await paid(desk, attempt())
    body = desk.fake.notice(one.id.hex)

    keys = {desk.provider.receive(message(each)).key for each in (body, body, desk.fake.notice(one.id.hex))}

    assert len(keys) == 2


@pytest.mark.parametrize(
    "body", [b"", b"&", b"sign=x", b"charset=utf-7", b"\xff", b"a=%FF&sign_type=RSA2", b"=" * 5000]
)
def test_rubbish_is_refused(body: bytes) -> None:
    with pytest.raises(Forged):
        built(httpx.AsyncClient()).receive(message(body))


# ── amounts ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("0.01", 1),
        ("129.00", 12_900),
        ("129.9", 12_990),
        ("129", 12_900),
        ("0.00", 0),
        ("100000000.00", 10_000_000_000),
    ],
)
def test_yuan_are_read_exactly(text: str, fen: int) -> None:
    assert fen_of(text) == fen


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.001",
        "1e2",
        "-1.00",
        "+1.00",
        "１.00",
        "1,00",
        " 1.00",
        "NaN",
        "1.",
        ".5",
        None,
        1.5,
        12900,
        "9999999999",
    ],
)
def test_what_is_no_amount_in_yuan_is_not_guessed(text: object) -> None:
    with pytest.raises(MessageUnreadable):
        fen_of(text)


@pytest.mark.parametrize(
    ("fen", "text"), [(1, "0.01"), (10, "0.10"), (12_900, "129.00"), (10_000_000_000, "100000000.00")]
)
def test_yuan_are_written_with_two_decimals(fen: int, text: str) -> None:
    assert yuan(fen) == text
    assert fen_of(text) == fen


@pytest.mark.parametrize("fen", [0, -1, 10_000_000_001])
def test_amounts_that_alipay_does_not_take_are_not_written(fen: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        yuan(fen)


# ── the account ───────────────────────────────────────────────────────────────────────────────────────────


async def test_a_connection_is_checked_with_a_harmless_question(desk: Desk) -> None:
    assert await desk.provider.check() == Checked(ok=True, said="2021000000000001")
    wrong_key = built(desk.http, app_private_key=private_pem("somebody"))
    assert await wrong_key.check() == Checked(ok=False, said="isv.invalid-signature")
    wrong_app = built(desk.http, app_id="2021000000000009")
    assert await wrong_app.check() == Checked(ok=False, said="isv.invalid-app-id")
    not_theirs = built(desk.http, alipay_public_key=public_pem("somebody"))
    assert await not_theirs.check() == Checked(
        ok=False, said="The answer is not signed by the Alipay key that was pasted here."
    )
    assert desk.fake.trades == {}


async def test_an_account_with_certificates_names_them_and_notices_that_alipays_changed(desk: Desk) -> None:
    mine, theirs = certificate("alipay app", serial=2**150 + 7), certificate("alipay", serial=77)
    roots = [certificate("root 1", serial=5), certificate("root 2", serial=6)]
    provider = built(
        desk.http,
        alipay_public_key="",
        app_certificate=pem(mine),
        alipay_certificate=pem(theirs),
        alipay_root_certificate="".join(map(pem, roots)),
    )
    desk.fake.certificates = (certificate_number(mine), root_number(roots))
    desk.fake.alipay_cert_sn = certificate_number(theirs)
    assert await provider.check() == Checked(ok=True, said="2021000000000001")

    desk.fake.key, desk.fake.alipay_cert_sn = key("alipay, renewed"), "0" * 32

    checked = await provider.check()
    assert (checked.ok, checked.said.startswith("Alipay signs with another certificate now")) == (False, True)


@pytest.mark.parametrize(
    ("entered", "fields"),
    [
        ({"app_id": "2021"}, {"app_id": "not_16_digits"}),
        ({"seller_id": "２０８８０００００００００００１"}, {"seller_id": "not_16_digits"}),
        ({"app_private_key": public_pem("alipay app")}, {"app_private_key": "is_public_key"}),
        ({"alipay_public_key": private_pem("alipay")}, {"alipay_public_key": "is_private_key"}),
        ({"alipay_public_key": ""}, {"alipay_public_key": "missing"}),
        ({"alipay_public_key": public_pem("alipay app")}, {"alipay_public_key": "own_public_key"}),
        (
            {"app_certificate": pem(certificate("somebody"))},
            {
                "app_certificate": "keys_differ",
                "alipay_certificate": "missing",
                "alipay_root_certificate": "missing",
            },
        ),
        (
            {"app_id": "x", "app_private_key": "y"},
            {"app_id": "not_16_digits", "app_private_key": "key_unreadable"},
        ),
    ],
)
def test_what_cannot_be_right_is_said_beside_its_field(
    entered: dict[str, str], fields: dict[str, str]
) -> None:
    with pytest.raises(ConnectionRefused) as refused:
        built(httpx.AsyncClient(), **entered)

    assert refused.value.facts == {"fields": fields}


# ── bills ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_bill_is_asked_for_by_its_day_and_read(desk: Desk) -> None:
    one, refund = new_id(), new_id()
    desk.fake.bills["trade", "2026-11-29"] = alipay_bill(one, refund)

    rows = await desk.provider.bill(date(2026, 11, 29))

    assert [(row.kind, row.amount.minor, row.attempt_id, row.refund_id) for row in rows] == [
        ("charge", 12_900, one, None),
        ("refund", 2_900, one, refund),
    ]
    with pytest.raises(BillNotReady):
        await desk.provider.bill(date(2026, 11, 30))


def test_an_account_is_asked_at_the_gateway_of_its_mode_and_shows_no_key() -> None:
    fields = {each.name: ENTERED.get(each.name, "") for each in KIND.fields}
    for mode, gateway in GATEWAYS.items():
        built_ = KIND.build(
            Account(
                7, 1, mode, fields, {"app_private_key": ENTERED["app_private_key"]}, "", httpx.AsyncClient()
            )
        )
        assert isinstance(built_, Alipay)
        assert built_.account.gateway == gateway
    assert [each.name for each in KIND.fields if each.secret] == ["app_private_key"]
