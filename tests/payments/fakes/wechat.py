"""WeChat Pay version 3 as its documents say it behaves, with the page that a buyer sees.

Written apart from the adapter: it signs, verifies and encrypts by itself.  Cited are pay.weixin.qq.com wiki
apiv3/wechatpay4_0 to 5_0 (signatures, encryption, certificates), doc v3/merchant/4013070356 (query), 4013070360
(close), 4013071031 and 4013071041 (refunds), 4013053420 (probes).
`MUTATIONS` are the ways in which a notification is not what it should be; each has its test.
"""

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

MUTATIONS: Final = (
    "wrong signature", "probe", "no signature", "stale", "from the future", "unknown serial", "the other key", "body with a space",
    "another app", "another merchant", "another order", "no order of ours", "amount differs", "amount in yuan", "another currency",
    "another secret", "other associated data", "unknown state", "paid without an amount",
)  # fmt: skip
_AUTHORIZATION: Final = re.compile(r'([a-z_]+)="([^"]*)"')


@dataclass
class Order:
    out_trade_no: str
    total: int
    description: str
    notify_url: str
    appid: str
    state: str = "NOTPAY"
    transaction_id: str = ""
    payer_total: int = 0
    refunds: dict[str, "Refund"] = field(default_factory=dict[str, "Refund"])

    @property
    def refunded(self) -> int:
        return sum(each.amount for each in self.refunds.values() if each.status != "CLOSED")


@dataclass
class Refund:
    refund_id: str
    out_refund_no: str
    amount: int
    status: str = "PROCESSING"


@dataclass
class FakeWechat:
    """`keys`: those it can sign with, by serial; `serial`: the one of now.  `script`: what happens to the next calls, by
    the end of their path: "lost" (done, and the answer is lost), "away" (502), "unsigned", "forged", "stale",
    "SYSTEM_ERROR" or another code, "slow refund", "abnormal refund", "closed refund".
    """

    keys: dict[str, rsa.RSAPrivateKey]
    serial: str
    merchant_key: rsa.RSAPublicKey
    merchant_serial: str
    api_key: bytes
    mchid: str = "1900000001"
    appid: str = "wx0000000000000001"
    certificates: dict[str, x509.Certificate] = field(default_factory=dict[str, x509.Certificate])
    now: Callable[[], float] = time.time
    orders: dict[str, Order] = field(default_factory=dict[str, Order])
    script: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    calls: list[tuple[str, str, Any]] = field(default_factory=list[tuple[str, str, Any]])
    bills: dict[str, bytes] = field(default_factory=dict[str, bytes])
    address: str = "http://wechat.fake"
    notices: int = 0
    codes: dict[str, str] = field(default_factory=dict[str, str])
    cut_files: bool = False

    @property
    def app(self) -> Starlette:
        order = "/v3/pay/transactions/out-trade-no/{number}"
        return Starlette(
            routes=[
                Route("/v3/pay/transactions/{door:str}", self._guarded(self.order), methods=["POST"]),
                Route(order, self._guarded(self.query)),
                Route(f"{order}/close", self._guarded(self.close), methods=["POST"]),
                Route("/v3/refund/domestic/refunds", self._guarded(self.refund), methods=["POST"]),
                Route("/v3/refund/domestic/refunds/{number}", self._guarded(self.query_refund)),
                Route("/v3/certificates", self._guarded(self.list_certificates)),
                Route("/v3/bill/tradebill", self._guarded(self.bill)),
                Route("/v3/billdownload/file", self._guarded(self.file)),
                Route("/connect/oauth2/authorize", self.authorize),
                Route("/sns/oauth2/access_token", self.access_token),
                Route("/cashier/{number}", self.cashier, methods=["GET", "POST"]),
            ]
        )

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=self.address)

    # ── signatures ────────────────────────────────────────────────────────────────────────────────────────

    def _guarded(self, answer: Callable[[Request, Any], tuple[int, Any]]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            content = json.loads(body) if body else None
            self.calls.append((request.method, request.url.path, content))
            waiting = self.script.get(request.url.path.rsplit("/", 1)[-1]) or [""]
            what = waiting.pop(0)
            if what == "away":
                return PlainTextResponse("Bad Gateway", 502)
            problem = self._problem(request, body)
            if problem:
                return self._signed(*problem)
            if what.isupper():
                status = 500 if what == "SYSTEM_ERROR" else 429 if what == "FREQUENCY_LIMITED" else 403
                return self._signed(status, {"code": what, "message": what})
            request.state.what = what
            status, said = answer(request, content)
            if what == "lost":
                return PlainTextResponse("", 504)
            if isinstance(said, bytes):
                return Response(said)
            # Answers follow the serial that the request names.
            return self._signed(status, said, what, request.headers.get("wechatpay-serial", ""))

        return endpoint

    def _problem(self, request: Request, body: bytes) -> tuple[int, Any] | None:
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        given = dict(_AUTHORIZATION.findall(rest))
        wrong = (401, {"code": "SIGN_ERROR", "message": "签名错误"})
        if scheme != "WECHATPAY2-SHA256-RSA2048" or given.get("serial_no") != self.merchant_serial:
            return wrong
        if abs(self.now() - int(given.get("timestamp", "0"))) > 300:
            return wrong
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        message = (
            f"{request.method}\n{target}\n{given.get('timestamp')}\n{given.get('nonce_str')}\n".encode()
            + body
            + b"\n"
        )
        try:
            self.merchant_key.verify(
                base64.b64decode(given.get("signature", "")), message, padding.PKCS1v15(), hashes.SHA256()
            )
        except (InvalidSignature, ValueError):
            return wrong
        if given.get("mchid") != self.mchid:
            return 400, {"code": "MCH_NOT_EXISTS", "message": "商户号不存在"}
        asked = request.headers.get("wechatpay-serial", "")
        if asked and asked not in self.keys:
            return 400, {"code": "PARAM_ERROR", "message": "Wechatpay-Serial"}
        return None

    def headers(self, body: bytes, serial: str = "", *, at: float | None = None) -> dict[str, str]:
        serial = serial or self.serial
        stamp, nonce = str(int(self.now() if at is None else at)), secrets.token_hex(16)
        signature = self.keys[serial].sign(
            f"{stamp}\n{nonce}\n".encode() + body + b"\n", padding.PKCS1v15(), hashes.SHA256()
        )
        return {
            "Wechatpay-Timestamp": stamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Serial": serial,
            "Wechatpay-Signature": base64.b64encode(signature).decode(),
        }

    def _signed(self, status: int, said: Any, what: str = "", serial: str = "") -> Response:
        body = b"" if said is None else json.dumps(said, ensure_ascii=False).encode()
        headers = self.headers(body, serial, at=self.now() - 900 if what == "stale" else None)
        if what == "unsigned" or status >= 400:
            headers = {}
        if what == "forged":
            body += b" "
        return Response(body, status, headers, "application/json")

    def encrypted(self, text: bytes, associated: str, *, key: bytes = b"") -> dict[str, str]:
        nonce = secrets.token_hex(6)
        sealed = AESGCM(key or self.api_key).encrypt(nonce.encode(), text, associated.encode())
        return {
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": base64.b64encode(sealed).decode(),
            "associated_data": associated,
            "nonce": nonce,
        }

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────────────

    def order(self, request: Request, content: Any) -> tuple[int, Any]:
        door, number = request.path_params["door"], content["out_trade_no"]
        if content["mchid"] != self.mchid or content["appid"] != self.appid:
            return 400, {"code": "APPID_MCHID_NOT_MATCH", "message": "appid和mch_id不匹配"}
        wrong = (
            not re.fullmatch(r"[0-9A-Za-z_\-|*]{6,32}", number)
            or not isinstance(content["amount"]["total"], int)
            or content["amount"]["total"] < 1
            or "?" in content["notify_url"]
            or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", content["time_expire"])
            or (door == "jsapi" and not content["payer"]["openid"])
            or (door == "h5" and not content["scene_info"]["payer_client_ip"])
        )
        if wrong:
            return 400, {"code": "PARAM_ERROR", "message": "参数错误"}
        known = self.orders.get(number)
        if known:
            if known.total != content["amount"]["total"]:
                return 400, {"code": "INVALID_REQUEST", "message": "201 商户订单号重复"}
            if known.state in {"SUCCESS", "REFUND"}:
                return 400, {"code": "ORDERPAID", "message": "该订单已支付"}
            if known.state == "CLOSED":
                return 400, {"code": "ORDER_CLOSED", "message": "该订单已关闭"}
        else:
            self.orders[number] = Order(
                number,
                content["amount"]["total"],
                content["description"],
                content["notify_url"],
                content["appid"],
            )
        name = {"native": "code_url", "h5": "h5_url", "jsapi": "prepay_id"}[door]
        value = {
            # Opened by the app alone; here the page of the same order stands for it.
            "native": f"weixin://wxpay/bizpayurl?pr={number}",
            "h5": f"{self.address}/cashier/{number}?prepay_id=wx{secrets.token_hex(8)}",
            "jsapi": f"wx{secrets.token_hex(16)}",
        }[door]
        return 200, {name: value}

    def _found(self, number: str, mchid: str) -> Order | tuple[int, Any]:
        if mchid != self.mchid:
            return 400, {"code": "PARAM_ERROR", "message": "mchid"}
        return self.orders.get(number) or (404, {"code": "ORDER_NOT_EXIST", "message": "订单不存在"})

    def query(self, request: Request, content: Any) -> tuple[int, Any]:
        found = self._found(request.path_params["number"], request.query_params.get("mchid", ""))
        return found if isinstance(found, tuple) else (200, self.said(found))

    def said(self, order: Order) -> dict[str, Any]:
        """A transaction (doc 4013070356): before it is paid neither a number nor amounts of a payer."""
        said: dict[str, Any] = {
            "appid": order.appid, "mchid": self.mchid, "out_trade_no": order.out_trade_no, "trade_state": order.state,
            "trade_state_desc": order.state, "attach": "",
        }  # fmt: skip
        if order.state in {"SUCCESS", "REFUND"}:
            said |= {
                "transaction_id": order.transaction_id, "trade_type": "NATIVE", "bank_type": "OTHERS",
                "success_time": "2026-11-30T10:34:56+08:00", "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
                "amount": {
                    "total": order.total, "payer_total": order.payer_total, "currency": "CNY", "payer_currency": "CNY",
                },
            }  # fmt: skip
        return said

    def close(self, request: Request, content: Any) -> tuple[int, Any]:
        found = self._found(request.path_params["number"], content["mchid"])
        if isinstance(found, tuple):
            return found
        if found.state in {"SUCCESS", "REFUND"}:
            return 400, {"code": "ORDERPAID", "message": "订单已支付"}
        found.state = "CLOSED"
        return 204, None

    def refund(self, request: Request, content: Any) -> tuple[int, Any]:
        found = self._found(content["out_trade_no"], self.mchid)
        if isinstance(found, tuple):
            return 404, {"code": "RESOURCE_NOT_EXISTS", "message": "订单不存在"}
        number, amount = content["out_refund_no"], content["amount"]
        before = found.refunds.get(number)
        if before and before.amount != amount["refund"]:
            return 400, {"code": "PARAM_ERROR", "message": "与原请求不一致"}
        if not before:
            if found.state not in {"SUCCESS", "REFUND"} or amount["total"] != found.total:
                return 400, {"code": "INVALID_REQUEST", "message": "订单状态错误"}
            if found.refunded + amount["refund"] > found.total:
                return 400, {"code": "INVALID_REQUEST", "message": "申请退款金额大于可退金额"}
            status = {"abnormal refund": "ABNORMAL", "closed refund": "CLOSED"}.get(
                request.state.what, "PROCESSING"
            )
            found.refunds[number] = Refund(
                f"503000{secrets.randbelow(10**20):020d}", number, amount["refund"], status
            )
            found.state = "REFUND" if status != "CLOSED" else found.state
        return 200, self.refund_said(found, found.refunds[number])

    def refund_said(self, order: Order, refund: Refund) -> dict[str, Any]:
        return {
            "refund_id": refund.refund_id, "out_refund_no": refund.out_refund_no, "transaction_id": order.transaction_id,
            "out_trade_no": order.out_trade_no, "channel": "ORIGINAL", "user_received_account": "支付用户零钱",
            "create_time": "2026-11-30T11:00:00+08:00", "status": refund.status,
            "amount": {
                "total": order.total, "refund": refund.amount, "payer_total": order.total, "payer_refund": refund.amount,
                "settlement_refund": refund.amount, "settlement_total": order.total, "discount_refund": 0, "currency": "CNY",
            },
        }  # fmt: skip

    def query_refund(self, request: Request, content: Any) -> tuple[int, Any]:
        for order in self.orders.values():
            refund = order.refunds.get(request.path_params["number"])
            if refund:
                return 200, self.refund_said(order, refund)
        return 404, {"code": "RESOURCE_NOT_EXISTS", "message": "退款单不存在"}

    def settle(self) -> None:
        """Refunds that are under way arrive."""
        for order in self.orders.values():
            for refund in order.refunds.values():
                if refund.status == "PROCESSING":
                    refund.status = "SUCCESS"

    def list_certificates(self, request: Request, content: Any) -> tuple[int, Any]:
        return 200, {
            "data": [
                {
                    "serial_no": serial,
                    "effective_time": "2026-01-01T00:00:00+08:00",
                    "expire_time": "2031-01-01T00:00:00+08:00",
                    "encrypt_certificate": self.encrypted(
                        certificate.public_bytes(serialization.Encoding.PEM), "certificate"
                    ),
                }
                for serial, certificate in self.certificates.items()
            ]
        }

    def bill(self, request: Request, content: Any) -> tuple[int, Any]:
        data = self.bills.get(request.query_params["bill_date"])
        if data is None:
            return 400, {"code": "NO_STATEMENT_EXIST", "message": "账单不存在"}
        return 200, {
            "hash_type": "SHA1",
            "hash_value": hashlib.sha1(data).hexdigest(),
            "download_url": f"{self.address}/v3/billdownload/file?token={request.query_params['bill_date']}",
        }

    def file(self, request: Request, content: Any) -> tuple[int, Any]:
        data = self.bills[request.query_params["token"]]
        return 200, data[:-1] if self.cut_files else data

    # ── who is in front of WeChat's browser ("网页授权") ────────────────────────────────────────────────────

    async def authorize(self, request: Request) -> Response:
        asked = request.query_params
        if (
            asked["appid"] != self.appid
            or asked["scope"] != "snsapi_base"
            or asked["response_type"] != "code"
        ):
            return HTMLResponse("<h1>参数错误</h1>", 400)
        code = secrets.token_hex(16)
        self.codes[code] = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
        sign = "&" if "?" in asked["redirect_uri"] else "?"
        return RedirectResponse(
            f"{asked['redirect_uri']}{sign}{urlencode({'code': code, 'state': asked['state']})}", 302
        )

    async def access_token(self, request: Request) -> Response:
        """A code is good once."""
        asked = request.query_params
        found = self.codes.pop(asked["code"], None)
        if (asked["appid"], asked["secret"]) != (self.appid, "app secret") or found is None:
            return JSONResponse({"errcode": 40029, "errmsg": "invalid code"})
        return JSONResponse(
            {"access_token": "x", "expires_in": 7200, "openid": found, "scope": "snsapi_base"}
        )

    # ── the buyer ─────────────────────────────────────────────────────────────────────────────────────────

    async def cashier(self, request: Request) -> Response:
        order = self.orders.get(request.path_params["number"])
        if order is None:
            return HTMLResponse("<h1>订单不存在</h1>", 404)
        if request.method == "GET":
            return HTMLResponse(
                f"<title>微信支付</title><h1>{escape(order.description)}</h1><p>¥{order.total // 100}.{order.total % 100:02d}</p>"
                "<form method=post><button name=what value=pay>立即支付</button> <button name=what value=leave>取消</button></form>"
            )
        if (await request.form()).get("what") == "pay":
            if not self.pay(order.out_trade_no):
                return HTMLResponse("<h1>订单已关闭</h1>", 409)
            body, headers = self.notice(order.out_trade_no)
            async with httpx.AsyncClient(trust_env=False) as http:
                await http.post(order.notify_url, content=body, headers=headers)
        address = request.query_params.get("redirect_url", "")
        return (
            HTMLResponse("<h1>支付完成</h1>")
            if not address
            else Response(status_code=303, headers={"location": address})
        )

    def pay(self, number: str, *, coupon: int = 0) -> bool:
        """False: it can be paid no more.  `coupon`: what the platform pays of it."""
        order = self.orders[number]
        if order.state == "CLOSED":
            return False
        if order.state == "NOTPAY":
            order.state, order.payer_total = "SUCCESS", order.total - coupon
            order.transaction_id = f"4200{secrets.randbelow(10**24):024d}"
        return True

    # ── notifications ─────────────────────────────────────────────────────────────────────────────────────

    def notice(
        self, number: str, mutation: str = "", *, refund_number: str = ""
    ) -> tuple[bytes, dict[str, str]]:
        """Body and headers of a notification of now ("支付结果通知", "退款结果通知")."""
        order = self.orders[number]
        if refund_number:
            refund = order.refunds[refund_number]
            inner = self.refund_said(order, refund)
            inner |= {"mchid": self.mchid, "refund_status": inner.pop("status")}
            kind, associated = f"REFUND.{refund.status}", "refund"
        else:
            inner, kind, associated = self.said(order), "TRANSACTION.SUCCESS", "transaction"
        inner |= {
            "another app": {"appid": "wx9999999999999999"},
            "another merchant": {"mchid": "1999999999"},
            "another order": {"out_trade_no": "f" * 32},
            "no order of ours": {"out_trade_no": "A-1"},
            "unknown state": {"trade_state": "LIMBO"},
        }.get(mutation, {})
        if mutation in {"amount differs", "amount in yuan", "another currency"}:
            inner["amount"] = {
                "amount differs": {**inner["amount"], "total": order.total - 1},
                "amount in yuan": {**inner["amount"], "total": f"{order.total / 100:.2f}"},
                "another currency": {**inner["amount"], "currency": "USD"},
            }[mutation]
        if mutation == "paid without an amount":
            del inner["amount"]
        resource = self.encrypted(
            json.dumps(inner, ensure_ascii=False).encode(),
            associated,
            key=b"x" * 32 if mutation == "another secret" else b"",
        )
        if mutation == "other associated data":
            resource["associated_data"] = "refund"
        self.notices += 1
        body = json.dumps({
            "id": f"EV-20181125{self.notices:016d}", "create_time": "2026-11-30T10:34:57+08:00", "resource_type": "encrypt-resource",
            "event_type": kind, "summary": "支付成功", "resource": resource | {"original_type": "transaction"},
        }, ensure_ascii=False).encode()  # fmt: skip
        at = self.now() + {"stale": -900, "from the future": 900}.get(mutation, 0)
        serial = (
            next(each for each in self.keys if each != self.serial) if mutation == "the other key" else ""
        )
        headers = {name.lower(): value for name, value in self.headers(body, serial, at=at).items()}
        if mutation == "wrong signature":
            headers["wechatpay-signature"] = headers["wechatpay-signature"][::-1]
        if mutation == "probe":
            headers["wechatpay-signature"] = "WECHATPAY/SIGNTEST/" + headers["wechatpay-signature"]
        if mutation == "no signature":
            del headers["wechatpay-signature"]
        if mutation == "unknown serial":
            headers["wechatpay-serial"] = "5157F09EFDC096DE15EBE81A47057A72FFFFFFFF"
        if mutation == "body with a space":
            body += b" "
        return body, headers
