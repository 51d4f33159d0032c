"""Calls to WeChat Pay: each returns what WeChat Pay signed, or raises.

Error codes: each call's own list in the documents; older ones come without the underscores and mean
the same.  An error is not signed and decides nothing about money: what became of a payment, a signed answer says.
"""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa

from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id, now
from shopfloor.payment_providers.keys import key_of, read_certificates
from shopfloor.payment_providers.models import AccountRefused, ProviderAway
from shopfloor.payment_providers.wechat.addresses import Addresses
from shopfloor.payment_providers.wechat.messages import (
    MessageUnreadable,
    Refund,
    Transaction,
    number_of,
    read_refund,
    read_transaction,
    refund_number,
)
from shopfloor.payment_providers.wechat.signing import (
    Doubt,
    Keys,
    MessageRefused,
    authorization,
    check,
    object_of,
    opened,
)

_OPENID: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")
_LARGEST_ANSWER: Final = 1_000_000
# The connection: nothing a buyer or a repetition can change.
_MISCONFIGURED: Final = frozenset(
    {"SIGNERROR", "NOAUTH", "APPIDMCHIDNOTMATCH", "MCHNOTEXISTS", "APPIDNOTEXISTS", "MCHNOTEXIST"}
)


@dataclass(slots=True)
class Account:
    """`keys`: those of WeChat Pay that were pasted or, in certificate mode, fetched; they grow at a change of
    certificates.  `asked`: the one that answers are to be signed with, where it is not the merchant's choice: none.
    `secret`: of the official account, for asking who is in front of a page inside WeChat.
    """

    mchid: str
    appid: str
    serial: str
    key: rsa.RSAPrivateKey
    api_key: bytes
    keys: Keys
    addresses: Addresses = field(default_factory=Addresses)
    asked: str = ""
    secret: str = ""
    fetched: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Answer:
    """`code` is empty where WeChat Pay did it."""

    status: int
    code: str
    reason: str
    fields: Mapping[str, Any]

    @property
    def done(self) -> bool:
        return self.status in {200, 202, 204}


async def order(
    http: httpx.AsyncClient,
    account: Account,
    kind: str,
    *,
    payment_id: UUID,
    fen: int,
    label: str,
    expires_at: datetime,
    notify_url: str,
    openid: str = "",
    address_of_buyer: str = "",
) -> Answer:
    """`kind`: jsapi (needs `openid`; answers `prepay_id`), h5 (needs the buyer's network address; answers `h5_url`)
    or native (answers `code_url`).  Docs "JSAPI下单", "H5下单", "Native下单".
    """
    content: dict[str, Any] = {
        "appid": account.appid,
        "mchid": account.mchid,
        "description": label[:127] or "-",
        "out_trade_no": number_of(payment_id),
        "time_expire": expires_at.astimezone().isoformat(timespec="seconds"),
        "notify_url": notify_url,
        "amount": {"total": fen, "currency": "CNY"},
    }
    if kind == "jsapi":
        content["payer"] = {"openid": openid}
    elif kind == "h5":
        content["scene_info"] = {"payer_client_ip": address_of_buyer, "h5_info": {"type": "Wap"}}
    return await call(http, account, "POST", f"/v3/pay/transactions/{kind}", content)


def who_address(account: Account, *, back: str, state: str) -> str:
    """Where WeChat tells who is in front of its browser, without asking him (doc "网页授权", snsapi_base): it comes back
    to `back` with a `code` and our `state`.
    """
    asked = urlencode(
        {
            "appid": account.appid,
            "redirect_uri": back,
            "response_type": "code",
            "scope": "snsapi_base",
            "state": state,
        }
    )
    return f"{account.addresses.open}/connect/oauth2/authorize?{asked}#wechat_redirect"


async def openid_of(http: httpx.AsyncClient, account: Account, code: str) -> str | None:
    """Who that was; None for a code that is used up, or none at all.  Raises ProviderAway."""
    asked = urlencode(
        {"appid": account.appid, "secret": account.secret, "code": code, "grant_type": "authorization_code"}
    )
    try:
        response = await http.get(f"{account.addresses.api}/sns/oauth2/access_token?{asked}")
        said = object_of(response.content)
    except (httpx.HTTPError, MessageRefused) as problem:
        raise ProviderAway(problem=type(problem).__name__) from problem
    found = said.get("openid")
    return found if isinstance(found, str) and _OPENID.fullmatch(found) else None


async def query(http: httpx.AsyncClient, account: Account, payment_id: UUID) -> Transaction | None:
    """None: there is no such order."""
    path = f"/v3/pay/transactions/out-trade-no/{number_of(payment_id)}?{urlencode({'mchid': account.mchid})}"
    answer = await call(http, account, "GET", path)
    if answer.code in {"ORDERNOTEXIST", "RESOURCENOTEXISTS"}:
        return None
    if not answer.done:
        raise ProviderAway(answer=answer.code)
    try:
        transaction = read_transaction(answer.fields)
    except MessageUnreadable as problem:
        raise ProviderAway(answer=str(problem)) from problem
    if transaction.payment_id != payment_id or transaction.mchid != account.mchid:
        raise ProviderAway(answer="of another order")
    return transaction


async def close(http: httpx.AsyncClient, account: Account, payment_id: UUID) -> Answer:
    """204, also for an order that is closed already; ORDERPAID otherwise (doc v3/merchant/4013070360)."""
    path = f"/v3/pay/transactions/out-trade-no/{number_of(payment_id)}/close"
    return await call(http, account, "POST", path, {"mchid": account.mchid})


async def refund(
    http: httpx.AsyncClient,
    account: Account,
    payment_id: UUID,
    *,
    refund_id: UUID,
    nth: int,
    fen: int,
    total: int,
    reason: str,
    notify_url: str,
) -> Refund | str:
    """The refund, or the code why there is none.  The same number pays once (doc v3/merchant/4013071031)."""
    content = {
        "out_trade_no": number_of(payment_id),
        "out_refund_no": refund_number(refund_id, nth),
        "reason": reason[:80],
        "notify_url": notify_url,
        "amount": {"refund": fen, "total": total, "currency": "CNY"},
    }
    answer = await call(
        http, account, "POST", "/v3/refund/domestic/refunds", {k: v for k, v in content.items() if v}
    )
    return _refund(answer, refund_id, fen) if answer.done else answer.code


async def query_refund(
    http: httpx.AsyncClient, account: Account, *, refund_id: UUID, nth: int, fen: int
) -> Refund | None:
    """None: there is no such refund (doc v3/merchant/4013071041)."""
    answer = await call(http, account, "GET", f"/v3/refund/domestic/refunds/{refund_number(refund_id, nth)}")
    if answer.code in {"RESOURCENOTEXISTS", "REFUNDNOTEXISTS"}:
        return None
    if not answer.done:
        raise ProviderAway(answer=answer.code)
    return _refund(answer, refund_id, fen)


def _refund(answer: Answer, refund_id: UUID, fen: int) -> Refund:
    try:
        found = read_refund(answer.fields)
    except MessageUnreadable as problem:
        raise ProviderAway(answer=str(problem)) from problem
    if found.refund_id != refund_id or found.amount != fen:
        raise ProviderAway(answer="of another refund")
    return found


async def bill_address(
    http: httpx.AsyncClient, account: Account, *, kind: str, day: str
) -> tuple[str, str] | None:
    """Where the bill of a day lies and the SHA-1 of the unpacked file ("申请交易账单"); None: none yet.

    `kind`: tradebill or fundflowbill.  `day`: 2026-11-30.
    """
    answer = await call(http, account, "GET", f"/v3/bill/{kind}?{urlencode({'bill_date': day})}")
    address, digest = answer.fields.get("download_url"), answer.fields.get("hash_value")
    if not answer.done or not isinstance(address, str) or not isinstance(digest, str):
        return None
    return address, digest


async def download(http: httpx.AsyncClient, account: Account, address: str, *, most: int) -> bytes:
    """A file that WeChat Pay announced in a signed answer; it is not signed itself.  Raises ProviderAway."""
    target = address.removeprefix(account.addresses.pay)
    if target == address or not target.startswith("/"):
        raise ProviderAway(problem="the file lies elsewhere")
    response = await _send(http, account, "GET", target, "", most=most)
    if response.status_code != 200:
        raise ProviderAway(status=response.status_code)
    return response.content


async def check_connection(http: httpx.AsyncClient, account: Account, *, notify_url: str) -> None:
    """Orders something for one fen and closes it at once: the signed answer says that keys, numbers and products fit.

    A question for an order that is not there would be cheaper, but its answer is an error, and errors are not signed.
    In certificate mode the certificates are fetched first, which proves the APIv3 key too.
    Raises AccountRefused or ProviderAway.
    """
    if not account.asked:
        await fetch_certificates(http, account)
    trial = new_id()
    answer = await order(
        http,
        account,
        "native",
        payment_id=trial,
        fen=1,
        label="-",
        expires_at=now() + timedelta(minutes=2),
        notify_url=notify_url,
    )
    if not answer.done:
        raise AccountRefused(answer=answer.code, reason=answer.reason)
    await close(http, account, trial)


async def fetch_certificates(http: httpx.AsyncClient, account: Account) -> None:
    """The platform certificates of now, five years each, a new one beside the old one (wiki apiv3/wechatpay5_0).

    They are encrypted with the APIv3 key, which only WeChat Pay and the merchant have; the answer is signed by one of
    them.  Only our own calls come here: a notification with an unknown serial makes nobody call out.
    """
    response = await _send(http, account, "GET", "/v3/certificates", "")
    if response.status_code != 200:
        raise _refused(_error(response))
    try:
        entries = object_of(response.content).get("data")
        found: dict[str, str] = {}
        for entry in entries if isinstance(entries, list) else []:
            found[str(entry["serial_no"])] = opened(entry["encrypt_certificate"], account.api_key).decode()
        keys = {serial: key_of(read_certificates(text)[0]) for serial, text in found.items()}
        check(response.headers, response.content, Keys(keys), at=time.time())
    except (KeyError, TypeError, ValueError) as problem:
        raise AccountRefused(
            "The certificates of WeChat Pay cannot be read: is the APIv3 key right?",
            answer=type(problem).__name__,
        ) from problem
    account.fetched = found
    account.keys = Keys({**account.keys.known, **keys})


async def call(
    http: httpx.AsyncClient,
    account: Account,
    method: str,
    target: str,
    content: Mapping[str, Any] | None = None,
) -> Answer:
    """Raises ProviderAway when the result is not known, AccountRefused when WeChat Pay does not take our word."""
    body = "" if content is None else json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    response = await _send(http, account, method, target, body)
    if response.status_code not in {200, 202, 204}:
        answer = _error(response)
        if answer.status >= 500 or answer.status == 429 or answer.code in {"SYSTEMERROR", "BANKERROR", ""}:
            raise ProviderAway(answer=answer.code, status=answer.status)
        if answer.status == 401 or answer.code in _MISCONFIGURED:
            raise _refused(answer)
        return answer
    try:
        check(response.headers, response.content, account.keys, at=time.time())
    except MessageRefused as refusal:
        if refusal.doubt is not Doubt.UNKNOWN_KEY or account.asked:
            raise AccountRefused(
                "The answer of WeChat Pay is not signed by a key that is known here.",
                answer=refusal.doubt.value,
            ) from refusal
        await fetch_certificates(http, account)
        try:
            check(response.headers, response.content, account.keys, at=time.time())
        except MessageRefused as second:
            raise AccountRefused(answer=second.doubt.value) from second
    try:
        fields = object_of(response.content) if response.content else {}
    except MessageRefused as problem:
        raise ProviderAway(problem="unreadable answer") from problem
    return Answer(response.status_code, "", "", fields)


async def _send(
    http: httpx.AsyncClient,
    account: Account,
    method: str,
    target: str,
    body: str,
    *,
    most: int = _LARGEST_ANSWER,
) -> httpx.Response:
    headers = {
        "Accept": "application/json",
        "Authorization": authorization(
            mchid=account.mchid, serial=account.serial, key=account.key, method=method, target=target, body=body,
            at=int(time.time()),
        ),
    }  # fmt: skip
    if body:
        headers["Content-Type"] = "application/json"
    if account.asked:
        headers["Wechatpay-Serial"] = account.asked
    try:
        response = await http.request(
            method, account.addresses.pay + target, content=body.encode(), headers=headers
        )
    except httpx.HTTPError as problem:
        raise ProviderAway(problem=type(problem).__name__) from problem
    if len(response.content) > most:
        raise ProviderAway(problem="an answer without end")
    return response


def _error(response: httpx.Response) -> Answer:
    try:
        said = object_of(response.content)
    except MessageRefused:
        said = {}
    code = str(said.get("code") or "").replace("_", "")
    return Answer(response.status_code, code, str(said.get("message") or "")[:500], {})


def _refused(answer: Answer) -> ProviderAway:
    if answer.status >= 500 or not answer.code:
        return ProviderAway(status=answer.status)
    return AccountRefused(answer=answer.code, reason=answer.reason)
