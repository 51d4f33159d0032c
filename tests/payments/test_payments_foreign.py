"""What keeps the fakes true: clients that others wrote talk to them, and read what they send; and the same clients
hold our own signatures, numbers and bills against theirs.
"""

import base64
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from tests.payments import vectors
from tests.payments.bills import wechat_bill
from tests.payments.fakes import foreign
from tests.payments.fakes.alipay import SHANGHAI, FakeAlipay
from tests.payments.fakes.keys import certificate, key, pem, private_pem, public_pem
from tests.payments.fakes.serving import served
from tests.payments.fakes.wechat import FakeWechat

from shopfloor.kernel.values import new_id
from shopfloor.payment_providers.alipay.signing import certificate_number, root_number, signed
from shopfloor.payment_providers.wechat.bills import read_bill
from shopfloor.payment_providers.wechat.signing import authorization, bridge_parameters, opened

pytestmark = pytest.mark.skipif(
    not foreign.is_here(), reason="the clients of others are not here: make foreign"
)

API_KEY = "0123456789abcdef0123456789abcdef"
KEY_ID = "PUB_KEY_ID_0114232134912410000000000000"
SERIAL = "3775B6A45ACD588826D15E583A95F5DD01"
NOW = datetime(2026, 11, 30, 12, 0, 0, tzinfo=SHANGHAI)


@contextmanager
def gateway(**more: Any) -> Generator[tuple[FakeAlipay, dict[str, Any]]]:
    """The fake, and how the foreign client is set up for it."""
    fake = FakeAlipay(key("alipay"), key("alipay app").public_key(), **more)
    with served(fake.app) as address:
        fake.address = address
        yield (
            fake,
            {
                "appId": fake.app_id,
                "privateKey": private_pem("alipay app"),
                "keyType": "PKCS8",
                "alipayPublicKey": public_pem("alipay"),
                "gateway": f"{address}/gateway.do",
                "camelcase": False,
            },
        )


# ── Alipay ────────────────────────────────────────────────────────────────────────────────────────────────


def test_their_client_pays_and_gives_back_at_our_gateway_and_believes_its_signatures() -> None:
    number, refund = new_id().hex, new_id().hex
    part = {"out_trade_no": number, "refund_amount": "29.00", "out_request_no": refund}
    with gateway() as (fake, config):
        opened_ = foreign.did(
            "alipayCalls",
            config=config,
            calls=[
                ["alipay.trade.query", {"out_trade_no": number}, {}],
                [
                    "alipay.trade.precreate",
                    {"out_trade_no": number, "total_amount": "129.00", "subject": "青瓷碗 / 大"},
                    {"notify_url": "https://shop.example/n"},
                ],
                ["alipay.trade.query", {"out_trade_no": number}, {}],
            ],
        )
        fake.pay(number)
        fake.script["alipay.trade.query"] = ["", "forged"]
        paid = foreign.did(
            "alipayCalls",
            config=config,
            calls=[
                ["alipay.trade.query", {"out_trade_no": number}, {}],
                ["alipay.trade.query", {"out_trade_no": number}, {}],
                ["alipay.trade.close", {"out_trade_no": number}, {}],
                ["alipay.trade.refund", part, {}],
                ["alipay.trade.fastpay.refund.query", part, {}],
            ],
        )
        fake.app_key = key("somebody").public_key()
        (refused,) = foreign.did(
            "alipayCalls", config=config, calls=[["alipay.trade.query", {"out_trade_no": number}, {}]]
        )

    assert [each.get("sub_code") for each in opened_] == ["ACQ.TRADE_NOT_EXIST", None, None]
    assert opened_[1]["qr_code"] == f"{fake.address}/cashier/{number}"
    assert opened_[2]["trade_status"] == "WAIT_BUYER_PAY"
    assert (paid[0]["trade_status"], paid[0]["total_amount"]) == ("TRADE_SUCCESS", "129.00")
    assert "验签失败" in paid[1]["error"]
    assert paid[2]["sub_code"] == "ACQ.TRADE_HAS_SUCCESS"
    assert (paid[3]["fund_change"], paid[3]["refund_fee"]) == ("Y", "29.00")
    assert (paid[4]["refund_status"], paid[4]["refund_amount"]) == ("REFUND_SUCCESS", "29.00")
    assert "error" in refused


def test_their_address_of_a_page_opens_at_our_gateway_and_a_buyer_pays_there() -> None:
    number = new_id().hex
    with gateway() as (fake, config):
        address = foreign.did(
            "alipayPage",
            config=config,
            method="alipay.trade.page.pay",
            parameters={
                "notify_url": f"{fake.address}/cashier/nobody",
                "bizContent": {
                    "out_trade_no": number, "total_amount": "129.00", "subject": "青瓷碗", "product_code": "FAST_INSTANT_TRADE_PAY",
                },
            },
        )  # fmt: skip
        with httpx.Client(trust_env=False) as buyer:
            page = buyer.get(address, follow_redirects=True)
            after = buyer.post(str(page.url), data={"what": "pay"})

    assert ("青瓷碗" in page.text, "¥129.00" in page.text) == (True, True)
    assert (after.status_code, fake.trades[number].status) == (200, "TRADE_SUCCESS")


def test_their_client_speaks_with_certificates_and_counts_their_numbers_as_we_do() -> None:
    mine, theirs = certificate("alipay app", serial=2**150 + 7), certificate("alipay", serial=0xFF00)
    roots = [certificate("root 1", serial=5), certificate("root 2", serial=2**80)]
    root_file = "\n".join(map(pem, roots))
    numbers = foreign.did("alipayNumbers", certificate=pem(mine), root=root_file)
    assert numbers == [certificate_number(mine), root_number(roots)]
    with gateway(certificates=(certificate_number(mine), root_number(roots))) as (fake, config):
        fake.alipay_cert_sn = certificate_number(theirs)
        config |= {
            "appCertContent": pem(mine),
            "alipayPublicCertContent": pem(theirs),
            "alipayRootCertContent": root_file,
        }
        del config["alipayPublicKey"]
        (told,) = foreign.did(
            "alipayCalls", config=config, calls=[["alipay.trade.query", {"out_trade_no": "0"}, {}]]
        )

    assert told["sub_code"] == "ACQ.TRADE_NOT_EXIST"


def test_their_client_believes_the_notifications_of_our_gateway_and_none_that_was_changed() -> None:
    number = new_id().hex
    with gateway() as (fake, config):
        foreign.did(
            "alipayCalls",
            config=config,
            calls=[
                [
                    "alipay.trade.precreate",
                    {"out_trade_no": number, "total_amount": "129.00", "subject": "青瓷碗"},
                    {},
                ]
            ],
        )
        fake.pay(number)
        bodies = [
            fake.notice(number, mutation).decode()
            for mutation in ("", "amount differs", "wrong signature", "empty values dropped", "no signature")
        ]

        believed = foreign.did("alipayNotices", config=config, bodies=bodies)

    assert believed == [True, True, False, False, False]


def test_we_sign_a_request_as_they_do() -> None:
    with gateway() as (_, config):
        sent = foreign.did(
            "alipayRequest",
            config=config,
            method="alipay.trade.wap.pay",
            parameters={"bizContent": {"subject": "青瓷碗 & 盖", "total_amount": "129.00"}, "notify_url": "https://shop.example/n", "return_url": ""},
        )  # fmt: skip
    theirs = dict(parse_qsl(sent, keep_blank_values=True))
    # They sign an empty value, where the documents leave it out; we follow the documents, and send none.
    assert theirs.pop("return_url") == ""
    with gateway() as (_, config):
        sent = foreign.did(
            "alipayRequest",
            config=config,
            method="alipay.trade.wap.pay",
            parameters={"bizContent": {"subject": "青瓷碗 & 盖", "total_amount": "129.00"}, "notify_url": "https://shop.example/n"},
        )  # fmt: skip
    theirs = dict(parse_qsl(sent))
    assert signed(theirs, key("alipay app")) == theirs


# ── WeChat Pay ────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def wechat() -> Generator[tuple[FakeWechat, dict[str, Any]]]:
    fake = FakeWechat({KEY_ID: key("wechat")}, KEY_ID, key("merchant").public_key(), SERIAL, API_KEY.encode())
    with served(fake.app) as address:
        fake.address = address
        yield (
            fake,
            {
                "mchid": fake.mchid,
                "serial": SERIAL,
                "privateKey": private_pem("merchant"),
                "certs": {KEY_ID: public_pem("wechat")},
                "baseURL": f"{address}/",
                "proxy": False,
            },
        )


def order(number: str) -> dict[str, Any]:
    return {
        "mchid": "1900000001", "appid": "wx0000000000000001", "out_trade_no": number, "description": "青瓷碗",
        "notify_url": "https://shop.example/n", "time_expire": "2026-11-30T12:10:00+08:00",
        "amount": {"total": 12_900, "currency": "CNY"},
    }  # fmt: skip


def test_their_client_pays_and_gives_back_at_our_server_and_believes_its_signatures() -> None:
    number, refund = new_id().hex, new_id().hex
    path = f"v3/pay/transactions/out-trade-no/{number}"
    mchid = {"mchid": "1900000001"}
    money_back = {
        "out_trade_no": number, "out_refund_no": refund, "amount": {"refund": 2_900, "total": 12_900, "currency": "CNY"},
    }  # fmt: skip
    with wechat() as (fake, config):
        fake.script[number] = ["", "", "forged", "stale"]
        before = foreign.did(
            "wechatCalls",
            config=config,
            calls=[
                ["get", path, None, mchid],
                ["post", "v3/pay/transactions/native", order(number), None],
                ["get", path, None, mchid],
                ["get", path, None, mchid],
                ["get", path, None, mchid],
            ],
        )
        fake.pay(number)
        after = foreign.did(
            "wechatCalls",
            config=config,
            calls=[
                ["post", f"{path}/close", mchid, None],
                ["post", "v3/refund/domestic/refunds", money_back, None],
                ["get", path, None, mchid],
                ["get", f"v3/refund/domestic/refunds/{refund}", None, None],
            ],
        )
        fake.merchant_key = key("somebody").public_key()
        (refused,) = foreign.did("wechatCalls", config=config, calls=[["get", path, None, mchid]])

    assert (before[0]["status"], before[0]["data"]["code"]) == (404, "ORDER_NOT_EXIST")
    assert before[1] == {"status": 200, "data": {"code_url": f"weixin://wxpay/bizpayurl?pr={number}"}}
    assert before[2]["data"]["trade_state"] == "NOTPAY"
    assert [each["error"] for each in before[3:]] == [
        "EV3_RES_HEADER_SIGNATURE_DIGEST",
        "EV3_RES_HEADER_TIMESTAMP_OFFSET",
    ]
    assert (after[0]["status"], after[0]["data"]["code"]) == (400, "ORDERPAID")
    assert (after[1]["data"]["status"], after[1]["data"]["amount"]["refund"]) == ("PROCESSING", 2_900)
    assert after[2]["data"]["trade_state"] == "REFUND"
    assert after[3]["data"]["out_refund_no"] == refund
    assert (refused["status"], refused["data"]["code"]) == (401, "SIGN_ERROR")


def test_their_client_closes_what_nobody_paid() -> None:
    number = new_id().hex
    with wechat() as (fake, config):
        told = foreign.did(
            "wechatCalls",
            config=config,
            calls=[
                ["post", "v3/pay/transactions/native", order(number), None],
                ["post", f"v3/pay/transactions/out-trade-no/{number}/close", {"mchid": "1900000001"}, None],
            ],
        )

    assert (told[1]["status"], fake.orders[number].state) == (204, "CLOSED")


def test_their_client_reads_the_notifications_of_our_server_and_none_that_was_changed() -> None:
    number = new_id().hex
    with wechat() as (fake, config):
        foreign.did(
            "wechatCalls", config=config, calls=[["post", "v3/pay/transactions/native", order(number), None]]
        )
        fake.pay(number)
        sent = [
            fake.notice(number, mutation)
            for mutation in (
                "",
                "wrong signature",
                "body with a space",
                "another secret",
                "other associated data",
            )
        ]
    read = foreign.did(
        "wechatNotices",
        key=public_pem("wechat"),
        apiKey=API_KEY,
        notices=[{"body": body.decode(), "headers": headers} for body, headers in sent],
    )

    assert (read[0]["out_trade_no"], read[0]["amount"]["total"]) == (number, 12_900)
    assert read[1:] == [None, None, None, None]


def test_we_sign_and_open_as_they_do() -> None:
    body = '{"description":"青瓷碗"}'
    ours = authorization(
        mchid="1900000001", serial=SERIAL, key=key("merchant"), method="POST", target="/v3/pay/transactions/native?a=b%20c",
        body=body, at=1_764_475_200, nonce="593BEC0C930BF1AFEB40B4A08C8FB242",
    )  # fmt: skip
    theirs = foreign.did(
        "wechatSign",
        key=private_pem("merchant"),
        lines=[
            "POST",
            "/v3/pay/transactions/native?a=b%20c",
            1_764_475_200,
            "593BEC0C930BF1AFEB40B4A08C8FB242",
            body,
        ],
    )
    assert f'signature="{theirs}"' in ours
    handed = bridge_parameters(
        appid="wx1", prepay_id="wx201410272009395522657a690389285100", key=key("merchant"), at=1, nonce="n"
    )
    assert handed["paySign"] == foreign.did(
        "wechatSign",
        key=private_pem("merchant"),
        lines=["wx1", 1, "n", "prepay_id=wx201410272009395522657a690389285100"],
    )
    sealed = foreign.did(
        "wechatEncrypt", apiKey=API_KEY, nonce="61f9c719728a", associated="certificate", text="青瓷碗"
    )
    resource = {
        "algorithm": "AEAD_AES_256_GCM", "nonce": "61f9c719728a", "associated_data": "certificate", "ciphertext": sealed,
    }  # fmt: skip
    assert opened(resource, API_KEY.encode()).decode() == "青瓷碗"


def test_they_read_a_bill_as_we_do() -> None:
    data = wechat_bill(new_id(), new_id())

    theirs = foreign.did("wechatBill", base64=base64.b64encode(data).decode())["rows"]

    ours = read_bill(data)
    assert [row["商户订单号"] for row in theirs] == [row.attempt_id.hex for row in ours if row.attempt_id]
    assert [theirs[0]["订单金额"], theirs[1]["申请退款金额"]] == ["129.00", "29.00"]
    assert [row.amount.minor for row in ours] == [12_900, 2_900]


# ── what was recorded ─────────────────────────────────────────────────────────────────────────────────────


def test_the_recorded_vectors_are_what_they_say_today() -> None:
    assert vectors.recorded() == vectors.read()


def test_an_address_is_written_as_they_read_it() -> None:
    """Of what is signed nothing is lost on the way through an address."""
    sent = signed({"subject": "青瓷碗 +&=%", "app_id": "1"}, key("alipay app"))

    assert dict(parse_qsl(urlsplit(f"http://x/?{urlencode(sent)}").query)) == sent
