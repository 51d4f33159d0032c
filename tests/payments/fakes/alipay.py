"""Alipay's gateway as its documents say it behaves, with the page that a buyer sees.

Written apart from the adapter: it signs and verifies by itself.  Cited are docs.open.alipay.com 270/105902
(notifications), 204/105301 (states), 291/106118 and 291/106074 (signatures) and the page of each method.
`MUTATIONS` are the ways in which a notification is not what it should be; each has its test.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from html import escape
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

SHANGHAI: Final = timezone(timedelta(hours=8))
MUTATIONS: Final = (
    "wrong signature", "no signature", "sign type RSA", "empty values dropped", "another app", "another seller", "another order",
    "no order of ours", "amount in fen", "amount differs", "amount with three decimals", "stale", "from the future",
    "unknown state", "a field twice", "another charset",
)  # fmt: skip


@dataclass
class Trade:
    out_trade_no: str
    total: Decimal
    subject: str
    notify_url: str
    return_url: str = ""
    trade_no: str = ""
    status: str = "WAIT_BUYER_PAY"
    paid_at: datetime | None = None
    expires_at: datetime | None = None
    refunds: dict[str, Decimal] = field(default_factory=dict[str, Decimal])

    @property
    def refunded(self) -> Decimal:
        return sum(self.refunds.values(), Decimal(0))


@dataclass
class FakeAlipay:
    """`script`: what happens to the next calls, by method: "lost" (done, and the answer is lost), "busy" (20000),
    "away" (502), "unsigned", "forged", "slow refund" (10000 without fund_change), "nothing yet" (asked for it too soon).
    """

    key: rsa.RSAPrivateKey
    app_key: rsa.RSAPublicKey
    app_id: str = "2021000000000001"
    seller_id: str = "2088000000000001"
    now: Callable[[], datetime] = lambda: datetime.now(SHANGHAI)
    trades: dict[str, Trade] = field(default_factory=dict[str, Trade])
    script: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    bills: dict[tuple[str, str], bytes] = field(default_factory=dict[tuple[str, str], bytes])
    certificates: tuple[str, str] | None = None
    alipay_cert_sn: str = ""
    notices: int = 0
    address: str = "http://alipay.fake"

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/gateway.do", self.gateway, methods=["GET", "POST"]),
                Route("/cashier/{number}", self.cashier, methods=["GET", "POST"]),
                Route("/bill/{kind}/{day}", self.bill),
            ]
        )

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=self.address)

    # ── the gateway ───────────────────────────────────────────────────────────────────────────────────────

    async def gateway(self, request: Request) -> Response:
        form = await request.form() if request.method == "POST" else {}
        given = {**request.query_params, **{name: str(value) for name, value in form.items()}}
        method = given.get("method", "")
        page = method in {"alipay.trade.page.pay", "alipay.trade.wap.pay"}
        problem = self._problem(given)
        content = json.loads(given.get("biz_content") or "{}")
        self.calls.append((method, content))
        if problem:
            code, sub_code = problem
            if page:
                return HTMLResponse(f"<h1>{sub_code}</h1>", 400)
            return self._answer(
                method, {"code": code, "msg": "refused", "sub_code": sub_code, "sub_msg": sub_code}
            )
        waiting = self.script.get(method) or [""]
        what = waiting.pop(0)
        if what == "away":
            return PlainTextResponse("Bad Gateway", 502)
        if what == "busy":
            return self._answer(
                method,
                {"code": "20000", "msg": "Service Currently Unavailable", "sub_code": "isp.unknow-error"},
            )
        if what.startswith("ACQ."):
            return self._answer(method, _failure(what))
        if page:
            trade = self._trade(given, content)
            return RedirectResponse(f"{self.address}/cashier/{trade.out_trade_no}", 302)
        answer = self._answer(method, self._do(method, given, content, what), forged=what == "forged")
        if what == "lost":
            return PlainTextResponse("", 504)
        if what == "unsigned":
            return Response(
                json.dumps({k: v for k, v in json.loads(bytes(answer.body)).items() if k != "sign"})
            )
        return answer

    def _problem(self, given: dict[str, str]) -> tuple[str, str] | None:
        """doc 291/105806."""
        if given.get("app_id") != self.app_id:
            return "40002", "isv.invalid-app-id"
        if (
            given.get("sign_type") != "RSA2"
            or given.get("charset") != "utf-8"
            or given.get("version") != "1.0"
        ):
            return "40002", "isv.invalid-arguments"
        if self.certificates and self.certificates != (
            given.get("app_cert_sn", ""),
            given.get("alipay_root_cert_sn", ""),
        ):
            return "40002", "isv.invalid-app-cert-sn"
        text = "&".join(f"{k}={v}" for k, v in sorted(given.items()) if k != "sign" and v)
        try:
            self.app_key.verify(
                base64.b64decode(given.get("sign", "")), text.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            datetime.strptime(given.get("timestamp", ""), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 -- only its form
        except (InvalidSignature, ValueError):
            return "40002", "isv.invalid-signature"
        return None

    def _answer(self, method: str, fields: dict[str, Any], *, forged: bool = False) -> Response:
        # As the gateway writes: without spaces, slashes escaped; the signature covers exactly that text.
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")
        signature = self.signature((text + (" " if forged else "")).encode())
        unsigned = fields.get("code") in {"40001", "40002", "40006"}
        parts = [f'"{method.replace(".", "_")}_response":{text}']
        if self.alipay_cert_sn:
            parts.append(f'"alipay_cert_sn":"{self.alipay_cert_sn}"')
        if not unsigned:
            parts.append(f'"sign":"{signature}"')
        return Response("{" + ",".join(parts) + "}", media_type="text/html;charset=utf-8")

    def signature(self, message: bytes) -> str:
        return base64.b64encode(self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()

    def _trade(self, given: dict[str, str], content: dict[str, Any]) -> Trade:
        return self.trades.setdefault(
            content["out_trade_no"],
            Trade(
                out_trade_no=content["out_trade_no"],
                total=Decimal(content["total_amount"]),
                subject=content["subject"],
                notify_url=given.get("notify_url", ""),
                return_url=given.get("return_url", ""),
                trade_no=f"2026113022001{len(self.trades):015d}",
                expires_at=datetime.strptime(content["time_expire"], "%Y-%m-%d %H:%M:%S").replace(
                    tzinfo=SHANGHAI
                )
                if "time_expire" in content
                else None,
            ),
        )

    def _do(self, method: str, given: dict[str, str], content: dict[str, Any], what: str) -> dict[str, Any]:
        if method == "alipay.trade.precreate":
            known = self.trades.get(content["out_trade_no"])
            if known and known.status != "WAIT_BUYER_PAY":
                return _failure("ACQ.TRADE_HAS_SUCCESS" if known.paid_at else "ACQ.TRADE_HAS_CLOSE")
            if known and known.total != Decimal(content["total_amount"]):
                return _failure("ACQ.CONTEXT_INCONSISTENT")
            trade = self._trade(given, content)
            return _success(
                out_trade_no=trade.out_trade_no, qr_code=f"{self.address}/cashier/{trade.out_trade_no}"
            )
        if method == "alipay.data.dataservice.bill.downloadurl.query":
            if (content["bill_type"], content["bill_date"]) not in self.bills:
                return _failure("isp.bill_not_exist")
            return _success(
                bill_download_url=f"{self.address}/bill/{content['bill_type']}/{content['bill_date']}"
            )
        found = self.trades.get(content.get("out_trade_no", ""))
        if found is None:
            return _failure("ACQ.TRADE_NOT_EXIST")
        if method == "alipay.trade.query":
            return _success(**self._queried(found))
        if method == "alipay.trade.close":
            if found.paid_at:
                return _failure("ACQ.TRADE_HAS_SUCCESS")
            found.status = "TRADE_CLOSED"
            return _success(out_trade_no=found.out_trade_no, trade_no=found.trade_no)
        if method == "alipay.trade.refund":
            return self._refund(found, content, slow=what == "slow refund")
        if method == "alipay.trade.fastpay.refund.query":
            amount = found.refunds.get(content["out_request_no"])
            if amount is None or what == "nothing yet":
                return _success()
            return _success(
                out_trade_no=found.out_trade_no, trade_no=found.trade_no, out_request_no=content["out_request_no"],
                refund_amount=f"{amount:.2f}", total_amount=f"{found.total:.2f}", refund_status="REFUND_SUCCESS",
            )  # fmt: skip
        return _failure("isv.method-not-exist")

    def _queried(self, trade: Trade) -> dict[str, Any]:
        said: dict[str, Any] = {
            "out_trade_no": trade.out_trade_no,
            "trade_no": trade.trade_no,
            "trade_status": trade.status,
            "total_amount": f"{trade.total:.2f}",
            "buyer_logon_id": "159****5620",
            "buyer_pay_amount": "0.00",
            "receipt_amount": "0.00",
            "invoice_amount": "0.00",
        }
        if trade.paid_at:
            said["send_pay_date"] = f"{trade.paid_at:%Y-%m-%d %H:%M:%S}"
        return said

    def _refund(self, trade: Trade, content: dict[str, Any], *, slow: bool) -> dict[str, Any]:
        """doc alipay.trade.refund: the same number and amount again is the same refund."""
        number, amount = content["out_request_no"], Decimal(content["refund_amount"])
        before = trade.refunds.get(number)
        if before is None:
            if not trade.paid_at:
                return _failure("ACQ.TRADE_STATUS_ERROR")
            if trade.status == "TRADE_FINISHED":
                return _failure("ACQ.TRADE_HAS_FINISHED")
            if trade.refunded + amount > trade.total:
                return _failure("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")
            trade.refunds[number] = amount
            if trade.refunded == trade.total:
                trade.status = "TRADE_CLOSED"
        elif before != amount:
            return _failure("ACQ.DISCORDANT_REPEAT_REQUEST")
        changed = "Y" if before is None and not slow else "N"
        return _success(
            out_trade_no=trade.out_trade_no, trade_no=trade.trade_no, fund_change=changed, refund_fee=f"{trade.refunded:.2f}"
        )  # fmt: skip

    # ── the buyer ─────────────────────────────────────────────────────────────────────────────────────────

    async def cashier(self, request: Request) -> Response:
        trade = self.trades.get(request.path_params["number"])
        if trade is None:
            return HTMLResponse("<h1>订单不存在</h1>", 404)
        if request.method == "GET":
            return HTMLResponse(
                f"<title>支付宝</title><h1>{escape(trade.subject)}</h1><p>¥{trade.total:.2f}</p><form method=post>"
                "<button name=what value=pay>确认付款</button> <button name=what value=leave>返回商家</button></form>"
            )
        if (await request.form()).get("what") == "pay":
            if not self.pay(trade.out_trade_no):
                return HTMLResponse("<h1>交易已关闭</h1>", 409)
            async with httpx.AsyncClient(trust_env=False) as http:
                await http.post(
                    trade.notify_url, content=self.notice(trade.out_trade_no),
                    headers={"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
                )  # fmt: skip
        return (
            RedirectResponse(trade.return_url, 303) if trade.return_url else HTMLResponse("<h1>付款成功</h1>")
        )

    def pay(self, number: str) -> bool:
        """False: it can be paid no more."""
        trade = self.trades[number]
        if trade.status == "TRADE_CLOSED" or (trade.expires_at and self.now() > trade.expires_at):
            return False
        if trade.paid_at is None:
            trade.paid_at, trade.status = self.now(), "TRADE_SUCCESS"
        return True

    # ── notifications ─────────────────────────────────────────────────────────────────────────────────────

    def notice(self, number: str, mutation: str = "", *, refund_number: str = "") -> bytes:
        """The body of a notification of now (doc 270/105902)."""
        trade, sent_at = self.trades[number], self.now()
        if mutation == "stale":
            sent_at -= timedelta(days=2)
        if mutation == "from the future":
            sent_at += timedelta(hours=1)
        self.notices += 1
        total = trade.total + (1 if mutation == "amount differs" else 0)
        fields = {
            "gmt_create": "2026-11-30 10:00:00",
            "charset": "utf-8",
            "seller_email": "",
            "subject": trade.subject,
            "sign_type": "RSA2",
            "seller_id": "2088999999999999" if mutation == "another seller" else self.seller_id,
            "notify_id": f"2026113000222{self.notices:021d}",
            "notify_type": "trade_status_sync",
            "notify_time": f"{sent_at:%Y-%m-%d %H:%M:%S}",
            "version": "1.0",
            "app_id": "2021999999999999" if mutation == "another app" else self.app_id,
            "auth_app_id": self.app_id,
            "trade_no": trade.trade_no,
            "out_trade_no": {"another order": "f" * 32, "no order of ours": "A-1"}.get(mutation, number),
            "trade_status": "TRADE_LIMBO" if mutation == "unknown state" else trade.status,
            "total_amount": {
                "amount in fen": str(int(total * 100) * 10**6),
                "amount with three decimals": f"{total:.2f}0",
            }.get(mutation, f"{total:.2f}"),
            "receipt_amount": f"{trade.total:.2f}",
            "invoice_amount": f"{trade.total:.2f}",
            "buyer_pay_amount": f"{trade.total:.2f}",
            "point_amount": "0.00",
            "body": "",
        }
        if refund_number:
            fields |= {
                "refund_fee": f"{trade.refunded:.2f}",
                "gmt_refund": f"{self.now():%Y-%m-%d %H:%M:%S}.000",
                "out_biz_no": refund_number,
            }
        charset = "gbk" if mutation == "another charset" else "utf-8"
        fields["charset"] = charset
        if mutation == "sign type RSA":
            fields["sign_type"] = "RSA"
        signed = {k: v for k, v in fields.items() if v or mutation != "empty values dropped"}
        text = "&".join(f"{k}={v}" for k, v in sorted(signed.items()) if k != "sign_type")
        fields["sign"] = self.signature(text.encode(charset))
        if mutation == "wrong signature":
            fields["total_amount"] = "0.01"
        if mutation == "no signature":
            del fields["sign"]
        pairs = list(fields.items())
        if mutation == "a field twice":
            pairs.append(("total_amount", "0.01"))
        return urlencode(pairs, encoding=charset).encode()

    async def bill(self, request: Request) -> Response:
        return Response(self.bills[request.path_params["kind"], request.path_params["day"]])


def _success(**fields: Any) -> dict[str, Any]:
    return {"code": "10000", "msg": "Success", **fields}


def _failure(sub_code: str) -> dict[str, Any]:
    return {"code": "40004", "msg": "Business Failed", "sub_code": sub_code, "sub_msg": sub_code}
