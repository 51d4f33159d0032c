"""Calls to Alipay's gateway: each returns what Alipay signed, or raises.

Result codes: doc 291/105806 (common) and each method's own list.  10000 done, 40004 a business answer with a
`sub_code`, 20000 not now; the others are about the connection.  A result that is not known is asked for, never
guessed: ProviderAway.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import urlencode
from uuid import UUID

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa

from shopfloor.kernel.records import dataclass
from shopfloor.payment_providers.alipay.messages import (
    MessageUnreadable,
    Trade,
    fen_of,
    moment,
    number_of,
    read_trade,
    yuan,
)
from shopfloor.payment_providers.alipay.signing import answer_parts, signed
from shopfloor.payment_providers.keys import verifies
from shopfloor.payment_providers.models import AccountRefused, ProviderAway

PRODUCTS: Final = {
    "page": ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    "wap": ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
}
_LARGEST_ANSWER: Final = 1_000_000
# Business answers that say "ask again" instead of yes or no.
_UNDECIDED: Final = frozenset({"ACQ.SYSTEM_ERROR", "SYSTEM_ERROR", "ACQ.ACCESS_FORBIDDEN_TEMPORARY"})
_NOT_THERE: Final = frozenset({"ACQ.TRADE_NOT_EXIST", "TRADE_NOT_EXIST"})


@dataclass(frozen=True, slots=True)
class Account:
    """`certificate` and `root`: the numbers of the certificates, where the account signs with certificates."""

    app_id: str
    seller_id: str
    key: rsa.RSAPrivateKey
    alipay_key: rsa.RSAPublicKey
    gateway: str
    certificate: str = ""
    root: str = ""
    alipay_certificate: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    code: str
    sub_code: str
    reason: str
    fields: Mapping[str, Any]

    @property
    def done(self) -> bool:
        return self.code == "10000"


@dataclass(frozen=True, slots=True)
class Refund:
    """`done` False: accepted, or not known yet.  `failed`: why there will be none, in Alipay's words."""

    done: bool
    failed: str = ""


def _parameters(
    account: Account, method: str, content: Mapping[str, Any], *, at: datetime, **more: str
) -> dict[str, str]:
    return signed(
        {
            "app_id": account.app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": moment(at),
            "version": "1.0",
            "app_cert_sn": account.certificate,
            "alipay_root_cert_sn": account.root,
            "biz_content": json.dumps(content, ensure_ascii=False, separators=(",", ":")),
            **more,
        },
        account.key,
    )


def page_address(
    account: Account,
    product: Literal["page", "wap"],
    *,
    payment_id: UUID,
    fen: int,
    label: str,
    expires_at: datetime,
    notify_url: str,
    return_url: str,
    at: datetime | None = None,
) -> str:
    """Where the buyer pays.  Nothing is sent: Alipay learns of the trade when the buyer comes there.

    doc 270/105900 (page) and 203/107090 (wap).
    """
    method, product_code = PRODUCTS[product]
    content = {
        "out_trade_no": number_of(payment_id),
        "total_amount": yuan(fen),
        "subject": subject(label),
        "product_code": product_code,
        "time_expire": moment(expires_at),
        "seller_id": account.seller_id,
    }
    if product == "wap":
        content["quit_url"] = return_url
    sent = _parameters(
        account, method, content, at=at or datetime.now(UTC), notify_url=notify_url, return_url=return_url
    )
    return f"{account.gateway}?{urlencode(sent)}"


def subject(label: str) -> str:
    """At most 256 characters, without those that the documents exclude (`/`, `=`, `&`)."""
    return label.translate(str.maketrans("/=&", "   "))[:256]


async def precreate(
    http: httpx.AsyncClient,
    account: Account,
    *,
    payment_id: UUID,
    fen: int,
    label: str,
    minutes: int,
    notify_url: str,
) -> Answer:
    """A code to scan in `qr_code` (doc api_1/alipay.trade.precreate); it lives two hours at most."""
    content = {
        "out_trade_no": number_of(payment_id),
        "total_amount": yuan(fen),
        "subject": subject(label),
        "seller_id": account.seller_id,
        "timeout_express": f"{minutes}m",
        "qr_code_timeout_express": f"{min(minutes, 120)}m",
    }
    return await call(http, account, "alipay.trade.precreate", content, notify_url=notify_url)


async def query(http: httpx.AsyncClient, account: Account, payment_id: UUID) -> Trade | None:
    """None: Alipay knows no such trade; of a page that nobody has opened yet it says the same."""
    answer = await call(http, account, "alipay.trade.query", {"out_trade_no": number_of(payment_id)})
    if answer.sub_code in _NOT_THERE:
        return None
    if not answer.done:
        raise ProviderAway(answer=answer.sub_code)
    trade = _read(answer.fields)
    if trade.payment_id != payment_id:
        raise ProviderAway(answer="of another trade")
    return trade


def _read(fields: Mapping[str, Any]) -> Trade:
    try:
        return read_trade(fields)
    except MessageUnreadable as problem:
        raise ProviderAway(answer=str(problem)) from problem


async def close(http: httpx.AsyncClient, account: Account, payment_id: UUID) -> Answer:
    """`done`, or a sub_code: ACQ.TRADE_HAS_SUCCESS is paid, ACQ.TRADE_NOT_EXIST was never opened
    (doc api_1/alipay.trade.close).
    """
    return await call(http, account, "alipay.trade.close", {"out_trade_no": number_of(payment_id)})


async def refund(
    http: httpx.AsyncClient, account: Account, payment_id: UUID, *, refund_id: UUID, fen: int, reason: str
) -> Refund:
    """Repeatable with the same number and amount (doc api_1/alipay.trade.refund).

    10000 alone proves nothing: `fund_change` Y does, or what `query_refund` says later.
    """
    content = {
        "out_trade_no": number_of(payment_id),
        "refund_amount": yuan(fen),
        "out_request_no": refund_id.hex,
        "refund_reason": reason[:256],
    }
    answer = await call(http, account, "alipay.trade.refund", content)
    if answer.done:
        return Refund(done=answer.fields.get("fund_change") == "Y")
    return Refund(done=False, failed=f"{answer.sub_code}: {answer.reason}"[:500])


async def query_refund(
    http: httpx.AsyncClient, account: Account, payment_id: UUID, *, refund_id: UUID, fen: int
) -> Refund | None:
    """None: no such refund (doc api_1/alipay.trade.fastpay.refund.query); asked sooner than ten seconds after the
    request, it may still come.
    """
    content = {"out_trade_no": number_of(payment_id), "out_request_no": refund_id.hex}
    answer = await call(http, account, "alipay.trade.fastpay.refund.query", content)
    if answer.sub_code in _NOT_THERE:
        return None
    if not answer.done:
        raise ProviderAway(answer=answer.sub_code)
    said = answer.fields.get("refund_amount")
    if not said:
        # The older form of the answer: 10000 and no amount is "there is none".
        return None
    try:
        amount = fen_of(said)
    except MessageUnreadable as problem:
        raise ProviderAway(answer=str(problem)) from problem
    if answer.fields.get("out_request_no", refund_id.hex) != refund_id.hex or amount != fen:
        raise ProviderAway(answer="of another refund")
    # `refund_status` is said by newer versions; where it is, only REFUND_SUCCESS is money.
    return Refund(done=answer.fields.get("refund_status", "REFUND_SUCCESS") == "REFUND_SUCCESS")


async def bill_address(http: httpx.AsyncClient, account: Account, *, kind: str, day: str) -> str | None:
    """Where the bill of a day lies for half a minute; None when there is none yet
    (doc api_15/alipay.data.dataservice.bill.downloadurl.query).
    """
    content = {"bill_type": kind, "bill_date": day}
    answer = await call(http, account, "alipay.data.dataservice.bill.downloadurl.query", content)
    address = answer.fields.get("bill_download_url")
    return address if answer.done and isinstance(address, str) and address else None


async def check(http: httpx.AsyncClient, account: Account) -> None:
    """Asks for a trade that cannot be there: the answer says whether keys and numbers fit.

    Raises AccountRefused or ProviderAway.
    """
    answer = await call(http, account, "alipay.trade.query", {"out_trade_no": "0" * 32})
    if answer.sub_code not in _NOT_THERE:
        raise AccountRefused(answer=answer.sub_code or answer.code, reason=answer.reason)


async def call(
    http: httpx.AsyncClient, account: Account, method: str, content: Mapping[str, Any], **more: str
) -> Answer:
    """Raises ProviderAway when the result is not known, AccountRefused when Alipay does not take our word."""
    sent = _parameters(account, method, content, at=datetime.now(UTC), **more)
    try:
        response = await http.post(account.gateway, data=sent)
    except httpx.HTTPError as problem:
        raise ProviderAway(problem=type(problem).__name__) from problem
    if response.status_code != 200 or len(response.content) > _LARGEST_ANSWER:
        raise ProviderAway(status=response.status_code)
    answer = _verified(account, method, response.content)
    if answer.code in {"10000", "40004"} and answer.sub_code not in _UNDECIDED:
        return answer
    if answer.code in {"40004", "20000"} or answer.sub_code.startswith(("aop.", "isp.")):
        raise ProviderAway(answer=answer.sub_code)
    raise AccountRefused(answer=answer.sub_code or answer.code, reason=answer.reason)


def _verified(account: Account, method: str, raw: bytes) -> Answer:
    """Only what is signed decides about money; without a signature an answer can say that we are not known, no more."""
    try:
        parts = answer_parts(raw.decode())
        name = f"{method.replace('.', '_')}_response"
        text = parts.get(name) or parts["error_response"]
        fields, signature = json.loads(text), json.loads(parts.get("sign", '""'))
    except (ValueError, KeyError, RecursionError) as problem:
        raise ProviderAway(problem="unreadable answer") from problem
    if not isinstance(fields, dict) or not isinstance(signature, str):
        raise ProviderAway(problem="unreadable answer")
    code, sub_code = str(fields.get("code", "")), str(fields.get("sub_code", ""))
    answer = Answer(code, sub_code, str(fields.get("sub_msg") or fields.get("msg") or "")[:500], fields)
    if verifies(account.alipay_key, text.encode(), signature):
        return answer
    named = json.loads(parts.get("alipay_cert_sn", '""'))
    if account.alipay_certificate and named and named != account.alipay_certificate:
        raise AccountRefused(
            "Alipay signs with another certificate now: download it again and paste it here.",
            answer="alipay_cert_sn",
        )
    if not signature and code not in {"10000", "40004", "20000", ""}:
        raise AccountRefused(answer=sub_code or code, reason=answer.reason)
    if signature and code in {"10000", "40004"}:
        raise AccountRefused(
            "The answer is not signed by the Alipay key that was pasted here.", answer="signature"
        )
    raise ProviderAway(problem="unsigned answer")
