"""WeChat Pay's adapter against a server that behaves as the documents say, and against one that lies."""

from base64 import b64decode
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from tests.payments.bills import wechat_bill
from tests.payments.fakes.keys import certificate, key, pem, private_pem, public_pem
from tests.payments.fakes.wechat import MUTATIONS, FakeWechat

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
from shopfloor.payment_providers.wechat.addresses import Addresses
from shopfloor.payment_providers.wechat.kind import KIND
from shopfloor.payment_providers.wechat.messages import MessageUnreadable, read_transaction, refund_of
from shopfloor.payment_providers.wechat.provider import WechatPay, build
from shopfloor.payment_providers.wechat.signing import serial_of

API_KEY = "0123456789abcdef0123456789abcdef"
MERCHANT = certificate("merchant", serial=0x3775B6A45ACD588826D15E583A95F5DD01)
PLATFORM = certificate("platform", serial=0x7132D72A03E93CDDF8C03BBD1F37EEDF02)
RENEWED = certificate("platform, renewed", serial=0x5157F09EFDC096DE15EBE81A47057A7203)
KEY_ID = "PUB_KEY_ID_0114232134912410000000000000"
ENTERED = {
    "mchid": "1900000001",
    "appid": "wx0000000000000001",
    "api_certificate": pem(MERCHANT),
    "api_private_key": private_pem("merchant"),
    "api_v3_key": API_KEY,
    "public_key_id": KEY_ID,
    "public_key": public_pem("wechat"),
    "h5": "yes",
}
NOTIFY = "https://shop.example/payments/wechat/9/notify"
YUAN_129 = Money(12_900, "CNY")


def built(http: httpx.AsyncClient, **entered: str) -> WechatPay:
    found = ENTERED | entered
    secret = {"api_private_key", "api_v3_key", "app_secret"}
    return build(
        Account(
            id=9,
            shop_id=1,
            mode="live",
            fields={name: value for name, value in found.items() if name not in secret},
            secrets={name: value for name, value in found.items() if name in secret},
            notify_url=NOTIFY,
            http=http,
        ),
        addresses=Addresses("http://wechat.fake", "http://wechat.fake", "http://wechat.fake"),
    )


@dataclass
class Desk:
    fake: FakeWechat
    provider: WechatPay
    http: httpx.AsyncClient

    def with_certificates(self, *pasted: str) -> WechatPay:
        """The account as one is that has no public key yet."""
        self.fake.serial = serial_of(PLATFORM)
        self.fake.certificates = {serial_of(PLATFORM): PLATFORM}
        return built(
            self.http, public_key_id="", public_key="", platform_certificates="\n".join(pasted), h5=""
        )


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    fake = FakeWechat(
        keys={
            KEY_ID: key("wechat"),
            serial_of(PLATFORM): key("platform"),
            serial_of(RENEWED): key("platform, renewed"),
        },
        serial=KEY_ID,
        merchant_key=key("merchant").public_key(),
        merchant_serial="3775B6A45ACD588826D15E583A95F5DD01",
        api_key=API_KEY.encode(),
    )
    async with fake.client() as http:
        yield Desk(fake, built(http), http)


def attempt(device: str = "desktop", amount: Money = YUAN_129, **more: Any) -> Attempt:
    return Attempt(
        new_id(),
        "online",
        amount,
        "青瓷碗",
        return_url="https://shop.example/o/1?a=b",
        device=device,
        expires_at=now() + timedelta(minutes=10),
        **more,
    )


def message(sent: tuple[bytes, dict[str, str]], *, trusted: bool = False) -> Message:
    body, headers = sent
    return Message("POST", "/payments/wechat/9/notify", headers, body, datetime.now(UTC), trusted=trusted)


async def paid(desk: Desk, one: Attempt) -> Attempt:
    await desk.provider.start(one)
    assert desk.fake.pay(one.id.hex)
    return one


# ── paying ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_computer_is_shown_a_code(desk: Desk) -> None:
    one = attempt()

    action = await desk.provider.start(one)

    code = f"weixin://wxpay/bizpayurl?pr={one.id.hex}"
    assert action == Action(ActionKind.QR, code, reference=code, expires_at=one.expires_at)
    ((method, path, said),) = desk.fake.calls
    assert (method, path) == ("POST", "/v3/pay/transactions/native")
    assert one.expires_at is not None
    assert datetime.fromisoformat(said.pop("time_expire")) == one.expires_at.replace(microsecond=0)
    assert said == {
        "appid": "wx0000000000000001",
        "mchid": "1900000001",
        "description": "青瓷碗",
        "out_trade_no": one.id.hex,
        "notify_url": NOTIFY,
        "amount": {"total": 12_900, "currency": "CNY"},
    }
    assert await desk.provider.start(one) == action


async def test_a_phone_is_led_to_the_h5_page_and_back(desk: Desk) -> None:
    one = attempt("phone", client_address="2001:db8::7")

    action = await desk.provider.start(one)

    assert isinstance(action, Action)
    assert action.kind is ActionKind.REDIRECT
    assert action.url == f"{action.reference}&redirect_url=https%3A%2F%2Fshop.example%2Fo%2F1%3Fa%3Db"
    assert desk.fake.calls[0][2]["scene_info"] == {
        "payer_client_ip": "2001:db8::7",
        "h5_info": {"type": "Wap"},
    }
    # An address of it lives five minutes.
    assert action.expires_at is not None
    assert timedelta(minutes=4) < action.expires_at - now() <= timedelta(minutes=5)


async def test_inside_of_wechat_the_page_is_given_what_the_app_asks_for(desk: Desk) -> None:
    one = attempt("wechat", payer="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")

    action = await desk.provider.start(one)

    assert isinstance(action, Action)
    assert (action.kind, action.url) == (ActionKind.JSAPI, "")
    handed = dict(action.fields)
    text = "\n".join([handed["appId"], handed["timeStamp"], handed["nonceStr"], handed["package"], ""])
    assert (handed["appId"], handed["package"], handed["signType"]) == (
        "wx0000000000000001",
        f"prepay_id={action.reference}",
        "RSA",
    )
    key("merchant").public_key().verify(
        b64decode(handed["paySign"]), text.encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    assert desk.fake.calls[0][2]["payer"] == {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}


@pytest.mark.parametrize(
    ("device", "payer", "address", "door"),
    [
        ("desktop", "", "203.0.113.9", "native"),
        ("phone", "", "203.0.113.9", "h5"),
        ("phone", "", "", "native"),
        ("wechat", "", "203.0.113.9", "native"),
        ("wechat", "o1", "203.0.113.9", "jsapi"),
    ],
)
async def test_the_door_fits_what_the_buyer_has_in_the_hand(
    desk: Desk, device: str, payer: str, address: str, door: str
) -> None:
    await desk.provider.start(attempt(device, payer=payer, client_address=address))

    assert desk.fake.calls[0][1] == f"/v3/pay/transactions/{door}"


@pytest.mark.parametrize(
    "who", [{"device": "phone", "client_address": "203.0.113.9"}, {"device": "wechat", "payer": "o1"}]
)
async def test_an_attempt_is_the_same_door_for_who_asks_without_knowing_the_buyer(
    desk: Desk, who: dict[str, Any]
) -> None:
    one = attempt(**who)
    action = await desk.provider.start(one)
    assert isinstance(action, Action)

    again = await desk.provider.look_up(
        replace(one, reference=action.reference, device="desktop", payer="", client_address="")
    )

    assert isinstance(again, Action)
    assert (again.kind, again.url, again.reference) == (action.kind, action.url, action.reference)
    assert again.fields.get("package") == action.fields.get("package")


async def test_without_the_h5_product_a_phone_is_shown_a_code(desk: Desk) -> None:
    await built(desk.http, h5="").start(attempt("phone", client_address="203.0.113.9"))

    assert desk.fake.calls[0][1] == "/v3/pay/transactions/native"


async def test_an_order_is_looked_up_before_and_after_it_is_paid(desk: Desk) -> None:
    one = attempt()
    assert await desk.provider.look_up(one) is None
    action = await desk.provider.start(one)
    assert isinstance(action, Action)
    known = Attempt(
        one.id, one.method, one.amount, one.label, reference=action.reference, expires_at=one.expires_at
    )
    assert await desk.provider.look_up(known) == action

    desk.fake.pay(one.id.hex, coupon=1_000)

    number = desk.fake.orders[one.id.hex].transaction_id
    # What the order came to, though a coupon of the platform paid a part of it.
    assert await desk.provider.look_up(known) == Charged(number, YUAN_129)
    assert await desk.provider.start(one) == Charged(number, YUAN_129)


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("CLOSED", Closed()),
        ("REVOKED", Closed()),
        ("PAYERROR", Declined("PAYERROR")),
    ],
)
async def test_how_an_order_ended_is_told(desk: Desk, state: str, outcome: Closed | Declined) -> None:
    one = attempt()
    await desk.provider.start(one)
    desk.fake.orders[one.id.hex].state = state

    assert await desk.provider.look_up(one) == outcome


async def test_an_order_of_which_a_part_was_given_back_is_a_paid_one(desk: Desk) -> None:
    one = await paid(desk, attempt())
    await desk.provider.give_back(one, refund_id=new_id(), amount=Money(100, "CNY"))

    assert desk.fake.orders[one.id.hex].state == "REFUND"
    assert await desk.provider.look_up(one) == Charged(desk.fake.orders[one.id.hex].transaction_id, YUAN_129)
    assert await desk.provider.close(one) == Charged(desk.fake.orders[one.id.hex].transaction_id, YUAN_129)


async def test_only_a_confirmed_close_is_one(desk: Desk) -> None:
    open_, gone = attempt(), await paid(desk, attempt())
    await desk.provider.start(open_)
    desk.fake.script["close"] = ["lost"]
    with pytest.raises(ProviderAway):
        await desk.provider.close(open_)

    assert await desk.provider.close(open_) == Closed()
    assert await desk.provider.close(open_) == Closed()
    assert await desk.provider.close(gone) == Charged(desk.fake.orders[gone.id.hex].transaction_id, YUAN_129)
    assert await desk.provider.close(attempt()) is None
    # A number that was closed is never paid again.
    assert await desk.provider.start(open_) == Closed()


async def test_only_yuan_are_taken(desk: Desk) -> None:
    assert await desk.provider.start(attempt(amount=Money(12_900, "HKD"))) == Declined("currency")
    assert desk.fake.calls == []


async def test_who_is_in_front_of_the_page_is_told_once_for_each_code(desk: Desk) -> None:
    provider = built(desk.http, app_secret="app secret")
    back = "https://shop.example/pay/1?x=y"
    address = provider.who_address(back=back, state="s1")
    assert (provider.asks_who, desk.provider.asks_who) == (True, False)

    told = (await desk.http.get(address)).headers["location"]

    assert told.startswith(f"{back}&code=")
    query = parse_qs(urlsplit(told).query)
    assert query["state"] == ["s1"]
    assert await provider.who(query["code"][0]) == "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
    assert await provider.who(query["code"][0]) is None
    assert await provider.who("x&appid=other") is None
    assert await built(desk.http, app_secret="wrong").who(query["code"][0]) is None


async def test_inside_of_wechat_nothing_is_ordered_before_it_is_known_for_whom(desk: Desk) -> None:
    provider, one = built(desk.http, app_secret="app secret"), attempt("wechat")

    before = await provider.start(one)
    assert before == Action(ActionKind.JSAPI, "", expires_at=one.expires_at)
    assert desk.fake.calls == []
    assert await provider.look_up(one) is None
    known = await provider.start(replace(one, payer="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"))

    assert isinstance(known, Action)
    assert (known.kind, bool(known.fields), len(desk.fake.orders)) == (ActionKind.JSAPI, True, 1)


# ── answers that are none ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("what", ["lost", "away", "SYSTEM_ERROR", "FREQUENCY_LIMITED"])
async def test_a_result_that_is_not_known_is_asked_for_again(desk: Desk, what: str) -> None:
    one = attempt()
    desk.fake.script["native"] = [what]

    with pytest.raises(ProviderAway) as away:
        await desk.provider.start(one)
    again = await desk.provider.start(one)

    assert away.value.code == "orders.provider_away"
    assert isinstance(again, Action)
    assert len(desk.fake.orders) == 1


@pytest.mark.parametrize("what", ["unsigned", "forged", "stale"])
async def test_an_answer_that_is_not_signed_or_not_of_now_is_not_believed(desk: Desk, what: str) -> None:
    one = await paid(desk, attempt())
    desk.fake.script[one.id.hex] = [what]

    with pytest.raises(AccountRefused) as refused:
        await desk.provider.look_up(one)

    reasons = {
        "unsigned": "headers are missing",
        "forged": "the signature is wrong",
        "stale": "the time is off by more than five minutes",
    }
    assert refused.value.facts == {"answer": reasons[what]}


async def test_an_error_is_not_signed_and_decides_nothing(desk: Desk) -> None:
    """ORDERPAID is a reason to ask, and the answer to that is signed."""
    one = attempt()
    await desk.provider.start(one)
    desk.fake.script["close"] = ["ORDERPAID"]

    with pytest.raises(ProviderAway):
        await desk.provider.close(one)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"<html>", b"{", b"[" * 100_000])
async def test_an_answer_that_is_none_is_away(desk: Desk, body: bytes) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=body, headers=desk.fake.headers(body))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(ProviderAway):
            await built(http).look_up(attempt())


# ── money back ────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_refund_is_accepted_and_done_later_once_each_and_never_more_than_was_paid(desk: Desk) -> None:
    one, first, second = await paid(desk, attempt()), new_id(), new_id()
    part = Money(2_900, "CNY")

    accepted = await desk.provider.give_back(one, refund_id=first, amount=part)
    again = await desk.provider.give_back(one, refund_id=first, amount=part)
    too_much = await desk.provider.give_back(one, refund_id=second, amount=Money(10_001, "CNY"))
    desk.fake.settle()

    number = desk.fake.orders[one.id.hex].refunds[first.hex].refund_id
    assert (accepted, again, too_much) == (
        RefundPending(number),
        RefundPending(number),
        RefundFailed("INVALIDREQUEST"),
    )
    assert await desk.provider.look_up_refund(one, refund_id=first, amount=part) == GivenBack(number)
    assert await desk.provider.look_up_refund(one, refund_id=second, amount=part) is None
    assert desk.fake.orders[one.id.hex].refunded == 2_900
    asked = [content for _, _, content in desk.fake.calls if content and "out_refund_no" in content]
    assert asked[0]["amount"] == {"refund": 2_900, "total": 12_900, "currency": "CNY"}


async def test_a_refund_whose_answer_is_lost_is_found_again_and_not_made_twice(desk: Desk) -> None:
    one, refund_id = await paid(desk, attempt()), new_id()
    desk.fake.script["refunds"] = ["lost"]
    with pytest.raises(ProviderAway):
        await desk.provider.give_back(one, refund_id=refund_id, amount=YUAN_129)

    await desk.provider.give_back(one, refund_id=refund_id, amount=YUAN_129)

    assert desk.fake.orders[one.id.hex].refunded == 12_900


async def test_a_refund_without_funds_needs_a_new_number_and_one_to_a_dead_card_is_not_over(
    desk: Desk,
) -> None:
    one, closed, abnormal = await paid(desk, attempt()), new_id(), new_id()
    part = Money(100, "CNY")
    desk.fake.script["refunds"] = ["closed refund", "abnormal refund"]

    assert await desk.provider.give_back(one, refund_id=closed, amount=part) == RefundFailed("CLOSED")
    assert await desk.provider.look_up_refund(one, refund_id=closed, amount=part) == RefundFailed("CLOSED")
    stuck = await desk.provider.give_back(one, refund_id=abnormal, amount=part)
    again = await desk.provider.give_back(one, refund_id=closed, amount=part)
    third = await desk.provider.give_back(one, refund_id=closed, amount=part)

    numbers = desk.fake.orders[one.id.hex].refunds
    assert list(numbers) == [closed.hex, abnormal.hex, f"{closed.hex}-2"], "what was closed stays closed"
    assert again == third == RefundPending(numbers[f"{closed.hex}-2"].refund_id), "asked for twice, it is one"
    assert desk.fake.orders[one.id.hex].refunded == 200
    desk.fake.settle()
    assert await desk.provider.look_up_refund(one, refund_id=closed, amount=part) == GivenBack(
        numbers[f"{closed.hex}-2"].refund_id
    )
    assert isinstance(stuck, RefundPending)
    assert stuck.stuck, "a person sends it on"
    assert await desk.provider.look_up_refund(one, refund_id=abnormal, amount=part) == stuck


@pytest.mark.parametrize("what", ["NOT_ENOUGH", "RULE_LIMIT"])
async def test_a_refund_that_is_refused_says_why(desk: Desk, what: str) -> None:
    one = await paid(desk, attempt())
    desk.fake.script["refunds"] = [what]

    refused = await desk.provider.give_back(one, refund_id=new_id(), amount=YUAN_129)

    assert refused == RefundFailed(what.replace("_", ""))


# ── notifications ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_notification_says_what_came_and_is_acknowledged_without_a_word(desk: Desk) -> None:
    one = await paid(desk, attempt())

    received = desk.provider.receive(message(desk.fake.notice(one.id.hex)))

    (report,) = received.reports
    number = desk.fake.orders[one.id.hex].transaction_id
    assert (report.attempt_id, report.reference, report.outcome) == (
        one.id,
        number,
        Charged(number, YUAN_129),
    )
    assert (received.acknowledgement.status, received.acknowledgement.body) == (204, b"")


# What is believed, because it is signed and of now, with what it says; everything else is refused.
BELIEVED = {
    "another order": ("f" * 32, 12_900, "CNY"),
    "no order of ours": (None, 12_900, "CNY"),
    "amount differs": ("", 12_899, "CNY"),
    "another currency": ("", 12_900, "USD"),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_each_mutation_of_a_notification_is_refused_or_told_as_it_is(desk: Desk, mutation: str) -> None:
    one = await paid(desk, attempt())
    sent = desk.fake.notice(one.id.hex, mutation)
    calls = len(desk.fake.calls)
    if mutation not in BELIEVED:
        with pytest.raises(Forged) as refused:
            desk.provider.receive(message(sent))
        assert refused.value.code == "payments.forged"
        # Not even an unknown key makes it call out: anybody could.
        assert len(desk.fake.calls) == calls
        return

    (report,) = desk.provider.receive(message(sent)).reports

    number, amount, currency = BELIEVED[mutation]
    expected = one.id if number == "" else None if number is None else UUID(number)
    assert (report.attempt_id, report.outcome) == (
        expected,
        Charged(report.reference, Money(amount, currency)),
    )


async def test_a_message_that_was_taken_is_read_again_whenever_that_is(desk: Desk) -> None:
    one = await paid(desk, attempt())
    stale = desk.fake.notice(one.id.hex, "stale")

    with pytest.raises(Forged):
        desk.provider.receive(message(stale))
    assert len(desk.provider.receive(message(stale, trusted=True)).reports) == 1
    with pytest.raises(Forged):
        desk.provider.receive(message(desk.fake.notice(one.id.hex, "wrong signature"), trusted=True))


async def test_a_refund_is_told_by_its_own_notification(desk: Desk) -> None:
    one, refund_id = await paid(desk, attempt()), new_id()
    await desk.provider.give_back(one, refund_id=refund_id, amount=YUAN_129)
    desk.fake.settle()

    (report,) = desk.provider.receive(
        message(desk.fake.notice(one.id.hex, refund_number=refund_id.hex))
    ).reports

    number = desk.fake.orders[one.id.hex].refunds[refund_id.hex].refund_id
    assert (report.attempt_id, report.refund_id, report.refund) == (one.id, refund_id, GivenBack(number))
    assert report.outcome is None


async def test_that_a_refund_was_closed_is_asked_about_whichever_number_is_told_of(desk: Desk) -> None:
    one, refund_id = await paid(desk, attempt()), new_id()
    part = Money(100, "CNY")
    desk.fake.script["refunds"] = ["closed refund"]
    for _ in range(2):
        await desk.provider.give_back(one, refund_id=refund_id, amount=part)

    told = [
        desk.provider.receive(message(desk.fake.notice(one.id.hex, refund_number=number))).reports
        for number in desk.fake.orders[one.id.hex].refunds
    ]

    second = desk.fake.orders[one.id.hex].refunds[f"{refund_id.hex}-2"].refund_id
    assert [(each.attempt_id, each.refund_id, each.refund) for [each] in told] == [
        (one.id, refund_id, None),
        (one.id, refund_id, RefundPending(second)),
    ]


@pytest.mark.parametrize("mutation", sorted(set(MUTATIONS[:8]) | {"another merchant", "another secret"}))
async def test_each_mutation_of_the_notification_of_a_refund_is_refused(desk: Desk, mutation: str) -> None:
    one, refund_id = await paid(desk, attempt()), new_id()
    desk.fake.script["refunds"] = ["closed refund"]
    await desk.provider.give_back(one, refund_id=refund_id, amount=YUAN_129)

    with pytest.raises(Forged) as refused:
        desk.provider.receive(message(desk.fake.notice(one.id.hex, mutation, refund_number=refund_id.hex)))
    assert refused.value.code == "payments.forged"


@pytest.mark.parametrize(
    ("tail", "is_ours"),
    [("", True), ("-2", True), ("-20", True), ("-100", False), ("-", False), ("-x", False), ("-2-2", False), ("2", False)],
)  # fmt: skip
def test_a_refund_is_known_by_each_of_its_numbers(tail: str, is_ours: bool) -> None:
    refund_id = new_id()

    assert refund_of(refund_id.hex + tail) == (refund_id if is_ours else None)
    assert refund_of({"-2": 2}) is None


async def test_a_notice_sent_again_has_the_same_key(desk: Desk) -> None:
    one = await paid(desk, attempt())
    sent = desk.fake.notice(one.id.hex)

    keys = {desk.provider.receive(message(each)).key for each in (sent, sent, desk.fake.notice(one.id.hex))}

    assert len(keys) == 2


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'"x"', b"{}", b'{"id":1,"resource":[]}', b"\xff", b"[" * 100_000]
)
def test_rubbish_is_refused_also_when_it_is_signed(body: bytes) -> None:
    fake = FakeWechat({KEY_ID: key("wechat")}, KEY_ID, key("merchant").public_key(), "", API_KEY.encode())
    headers = {name.lower(): value for name, value in fake.headers(body).items()}

    with pytest.raises(Forged):
        built(httpx.AsyncClient()).receive(message((body, headers)))


# ── keys and certificates ─────────────────────────────────────────────────────────────────────────────────


async def test_certificates_are_fetched_when_none_was_pasted_and_prove_the_secret(desk: Desk) -> None:
    provider = desk.with_certificates()

    assert await provider.check() == Checked(ok=True, said="1900000001")
    assert [path for _, path, _ in desk.fake.calls] == [
        "/v3/certificates",
        "/v3/pay/transactions/native",
        f"/v3/pay/transactions/out-trade-no/{next(iter(desk.fake.orders))}/close",
    ]

    desk.fake.api_key = b"another secret of 32 characters!"
    assert await desk.with_certificates().check() == Checked(
        ok=False, said="The certificates of WeChat Pay cannot be read: is the APIv3 key right?"
    )


async def test_a_new_certificate_is_learnt_from_our_own_call_and_never_from_a_notification(
    desk: Desk,
) -> None:
    provider = desk.with_certificates(pem(PLATFORM))
    one = attempt()
    await provider.start(one)
    desk.fake.pay(one.id.hex)
    assert len(provider.receive(message(desk.fake.notice(one.id.hex))).reports) == 1

    desk.fake.serial = serial_of(RENEWED)
    desk.fake.certificates[serial_of(RENEWED)] = RENEWED
    calls = len(desk.fake.calls)
    with pytest.raises(Forged):
        provider.receive(message(desk.fake.notice(one.id.hex)))
    assert len(desk.fake.calls) == calls

    assert isinstance(await provider.look_up(one), Charged)
    assert len(provider.receive(message(desk.fake.notice(one.id.hex))).reports) == 1
    # The old one still holds: both are used for days.
    desk.fake.serial = serial_of(PLATFORM)
    assert len(provider.receive(message(desk.fake.notice(one.id.hex))).reports) == 1
    assert [path for _, path, _ in desk.fake.calls].count("/v3/certificates") == 1


async def test_an_account_on_its_way_to_the_public_key_believes_both(desk: Desk) -> None:
    provider = built(desk.http, platform_certificates=pem(PLATFORM))
    one = attempt()
    await provider.start(one)
    desk.fake.pay(one.id.hex)

    for serial in (KEY_ID, serial_of(PLATFORM)):
        desk.fake.serial = serial
        assert len(provider.receive(message(desk.fake.notice(one.id.hex))).reports) == 1
    # Answers follow the serial that we name.
    assert isinstance(await provider.look_up(one), Charged)


async def test_a_fake_list_of_certificates_is_not_believed(desk: Desk) -> None:
    """Encrypted with the secret, and yet not signed by one of them."""
    provider = desk.with_certificates()
    desk.fake.certificates = {serial_of(RENEWED): RENEWED}

    assert (await provider.check()).ok is False


async def test_a_connection_is_checked_with_an_order_that_is_closed_at_once(desk: Desk) -> None:
    assert await desk.provider.check() == Checked(ok=True, said="1900000001")
    assert [(order.total, order.state) for order in desk.fake.orders.values()] == [(1, "CLOSED")]
    somebody = certificate("somebody", serial=0x3775B6A45ACD588826D15E583A95F5DD01)
    wrong_key = built(desk.http, api_private_key=private_pem("somebody"), api_certificate=pem(somebody))
    assert await wrong_key.check() == Checked(ok=False, said="签名错误")
    assert await built(desk.http, mchid="1900000009").check() == Checked(ok=False, said="商户号不存在")
    not_theirs = built(desk.http, public_key=public_pem("somebody"))
    assert (
        await not_theirs.check()
    ).said == "The answer of WeChat Pay is not signed by a key that is known here."
    desk.fake.script["native"] = ["NO_AUTH"]
    assert await desk.provider.check() == Checked(ok=False, said="NO_AUTH")


@pytest.mark.parametrize(
    ("entered", "fields"),
    [
        ({"mchid": "19000000011"}, {"mchid": "not_8_to_10_digits"}),
        ({"appid": "gh_000000000001"}, {"appid": "not_an_appid"}),
        ({"api_v3_key": API_KEY[:-1]}, {"api_v3_key": "not_32_characters"}),
        ({"api_certificate": pem(certificate("somebody"))}, {"api_certificate": "keys_differ"}),
        ({"api_private_key": pem(MERCHANT)}, {"api_private_key": "is_certificate"}),
        ({"public_key_id": ""}, {"public_key_id": "not_a_key_id"}),
        ({"public_key": ""}, {"public_key": "missing"}),
        ({"platform_certificates": public_pem("platform")}, {"platform_certificates": "is_public_key"}),
        ({"mchid": "", "api_v3_key": ""}, {"mchid": "not_8_to_10_digits", "api_v3_key": "not_32_characters"}),
    ],
)
def test_what_cannot_be_right_is_said_beside_its_field(
    entered: dict[str, str], fields: dict[str, str]
) -> None:
    with pytest.raises(ConnectionRefused) as refused:
        built(httpx.AsyncClient(), **entered)

    assert refused.value.facts == {"fields": fields}


def test_a_serial_is_written_as_wechat_pay_writes_it() -> None:
    assert serial_of(certificate("somebody", serial=0xABC)) == "0ABC"
    assert serial_of(MERCHANT) == "3775B6A45ACD588826D15E583A95F5DD01"


# ── what is said of money ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("total", ["12900", "129.00", 129.0, -1, True, None, 10**13])
def test_what_is_no_amount_in_fen_is_not_guessed(total: object) -> None:
    said = {
        "trade_state": "SUCCESS",
        "transaction_id": "4200",
        "out_trade_no": "0" * 32,
        "amount": {"total": total},
    }

    with pytest.raises(MessageUnreadable):
        read_transaction(said)


async def test_a_bill_is_asked_for_by_its_day_and_its_digest_is_checked(desk: Desk) -> None:
    one, refund = new_id(), new_id()
    data = wechat_bill(one, refund)
    desk.fake.bills["2026-11-29"] = data

    rows = await desk.provider.bill(date(2026, 11, 29))

    assert [(row.kind, row.amount.minor, row.attempt_id, row.refund_id) for row in rows] == [
        ("charge", 12_900, one, None),
        ("refund", 2_900, one, refund),
    ]
    with pytest.raises(BillNotReady):
        await desk.provider.bill(date(2026, 11, 30))
    desk.fake.cut_files = True
    with pytest.raises(ProviderAway):
        await desk.provider.bill(date(2026, 11, 29))


def test_an_account_is_asked_at_wechat_pay_itself_and_shows_no_key() -> None:
    secret = {each.name for each in KIND.fields if each.secret}
    built_ = KIND.build(
        Account(
            9, 1, "live", {name: value for name, value in ENTERED.items() if name not in secret},
            {name: value for name, value in ENTERED.items() if name in secret}, "", httpx.AsyncClient(),
        )
    )  # fmt: skip

    assert isinstance(built_, WechatPay)
    assert built_.account.addresses.pay == "https://api.mch.weixin.qq.com"
    assert (KIND.modes, secret) == (("live",), {"api_private_key", "api_v3_key", "app_secret"})
