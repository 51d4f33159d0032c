"""WeChat Pay as a way to be paid: what the port asks, in WeChat Pay's words, and back."""

import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import httpx
from typing_extensions import override

from shopfloor.kernel.values import Money, made_at, now
from shopfloor.payment_providers.entries import Entries
from shopfloor.payment_providers.keys import (
    check_pair,
    key_of,
    read_certificates,
    read_private_key,
    read_public_key,
)
from shopfloor.payment_providers.kind import Account
from shopfloor.payment_providers.models import AccountRefused, BillNotReady, Forged, ProviderAway
from shopfloor.payment_providers.port import (
    Abilities,
    Acknowledgement,
    Action,
    ActionKind,
    Attempt,
    BillRow,
    Charged,
    Checked,
    Closed,
    Declined,
    GivenBack,
    Message,
    Outcome,
    Provider,
    Received,
    RefundFailed,
    RefundOutcome,
    RefundPending,
    Report,
)
from shopfloor.payment_providers.wechat import client
from shopfloor.payment_providers.wechat.addresses import Addresses
from shopfloor.payment_providers.wechat.bills import check_digest, read_bill
from shopfloor.payment_providers.wechat.messages import (
    Refund,
    RefundState,
    TradeState,
    Transaction,
    read_refund,
    read_transaction,
)
from shopfloor.payment_providers.wechat.signing import (
    Keys,
    MessageRefused,
    bridge_parameters,
    check,
    object_of,
    opened_json,
    serial_of,
)

# The order can be paid for seven days, but a code or a `prepay_id` lives two hours and an `h5_url` five minutes; the
# same order asked again has a new one.
LIFE: Final = timedelta(minutes=30)
LIVES: Final = {
    "native": timedelta(hours=2),
    "jsapi": timedelta(hours=2),
    "h5": timedelta(minutes=5),
}
_LARGEST_BILL: Final = 200_000_000
# How often a refund that was closed is asked for under a new number.
_MOST_REFUND_NUMBERS: Final = 20


class WechatPay(Provider):
    """In WeChat's own browser JSAPI, in that of a phone H5, on a computer a code (Native)."""

    name = "wechat"
    abilities = Abilities(
        refund_age=timedelta(days=365),
        most_refunds=50,
        refund_spacing=timedelta(minutes=1),
        smallest_life=timedelta(minutes=1),
        currencies=frozenset({"CNY"}),
        bills=True,
    )

    def __init__(
        self, http: httpx.AsyncClient, account: client.Account, *, notify_url: str, h5: bool
    ) -> None:
        self._http = http
        self.account = account
        self._notify_url = notify_url
        self._h5 = h5

    def _door(self, attempt: Attempt) -> str:
        # Without the openid JSAPI is refused, and H5 is refused inside of WeChat.
        if attempt.device == "wechat":
            return "jsapi" if attempt.payer else "native"
        return "h5" if attempt.device == "phone" and self._h5 and attempt.client_address else "native"

    @property
    def asks_who(self) -> bool:
        """Whether inside WeChat the payer can be known, without which JSAPI is refused."""
        return bool(self.account.secret)

    def who_address(self, *, back: str, state: str) -> str:
        return client.who_address(self.account, back=back, state=state)

    async def who(self, code: str) -> str | None:
        return await client.openid_of(self._http, self.account, code)

    @override
    async def start(self, attempt: Attempt) -> Outcome:
        if attempt.amount.currency != "CNY":
            return Declined("currency")
        if attempt.device == "wechat" and not attempt.payer and self.asks_who:
            # Nothing is ordered before it is known for whom: an order once made for a code is for a code only.
            return Action(ActionKind.JSAPI, "", expires_at=attempt.expires_at)
        door = self._door(attempt)
        expires_at = _end(attempt)
        answer = await client.order(
            self._http,
            self.account,
            door,
            payment_id=attempt.id,
            fen=attempt.amount.minor,
            label=attempt.label,
            # Less than a minute is refused.
            expires_at=max(expires_at, now() + timedelta(seconds=70)),
            notify_url=self._notify_url,
            openid=attempt.payer,
            address_of_buyer=attempt.client_address,
        )
        if answer.done:
            return self._action(attempt, door, answer.fields)
        if answer.code in {"ORDERPAID", "ORDERCLOSED", "OUTTRADENOUSED", "OUTTRADEIDUSED"}:
            found = await self.look_up(attempt)
            if found is not None:
                return found
        return Declined(answer.code)

    def _action(self, attempt: Attempt, door: str, fields: Mapping[str, object]) -> Action:
        name = {"native": "code_url", "h5": "h5_url", "jsapi": "prepay_id"}[door]
        found = fields.get(name)
        if not isinstance(found, str) or not found:
            raise ProviderAway(answer=f"no {name}")
        until = min(_end(attempt), now() + LIVES[door])
        if door == "native":
            return Action(ActionKind.QR, found, reference=found, expires_at=until)
        if door == "jsapi":
            handed = bridge_parameters(
                appid=self.account.appid, prepay_id=found, key=self.account.key, at=int(time.time())
            )
            return Action(ActionKind.JSAPI, "", reference=found, fields=handed, expires_at=until)
        address = found
        if attempt.return_url:
            address += (
                f"{'&' if urlsplit(found).query else '?'}{urlencode({'redirect_url': attempt.return_url})}"
            )
        return Action(ActionKind.REDIRECT, address, reference=found, expires_at=until)

    @override
    async def look_up(self, attempt: Attempt) -> Outcome | None:
        found = await client.query(self._http, self.account, attempt.id)
        if found is None:
            return None
        if found.state is not TradeState.WAITING:
            return _over(found)
        return self._waiting(attempt)

    def _waiting(self, attempt: Attempt) -> Action:
        """What the buyer was given says by its form what it was."""
        if attempt.reference.startswith(("http://", "https://")):
            return self._action(attempt, "h5", {"h5_url": attempt.reference})
        if attempt.reference and not attempt.reference.startswith("weixin:"):
            return self._action(attempt, "jsapi", {"prepay_id": attempt.reference})
        return Action(
            ActionKind.QR, attempt.reference, reference=attempt.reference, expires_at=attempt.expires_at
        )

    @override
    async def close(self, attempt: Attempt) -> Outcome | None:
        answer = await client.close(self._http, self.account, attempt.id)
        if answer.done:
            return Closed()
        # Paid, closed before, or never ordered: what it is, the query says.
        found = await self.look_up(attempt)
        if isinstance(found, Action):
            raise ProviderAway(answer=answer.code)
        return found

    @override
    async def give_back(self, attempt: Attempt, *, refund_id: UUID, amount: Money) -> RefundOutcome:
        nth, known = await self._last_refund(refund_id, amount)
        if known is not None and known.state is not RefundState.REFUSED:
            return _refunded(known)
        answer = await client.refund(
            self._http,
            self.account,
            attempt.id,
            refund_id=refund_id,
            nth=nth,
            fen=amount.minor,
            total=attempt.amount.minor,
            reason="",
            notify_url=self._notify_url,
        )
        return RefundFailed(answer) if isinstance(answer, str) else _refunded(answer)

    @override
    async def look_up_refund(
        self, attempt: Attempt, *, refund_id: UUID, amount: Money
    ) -> RefundOutcome | None:
        _, found = await self._last_refund(refund_id, amount)
        return None if found is None else _refunded(found)

    async def _last_refund(self, refund_id: UUID, amount: Money) -> tuple[int, Refund | None]:
        """What became of a refund the last time it was asked for, and which time the next one is where that was closed.

        Closed is for good under its number (it lacked money, for one); the merchant fills the account and sends it again.
        """
        last: Refund | None = None
        for nth in range(_MOST_REFUND_NUMBERS):
            found = await client.query_refund(
                self._http, self.account, refund_id=refund_id, nth=nth, fen=amount.minor
            )
            if found is None:
                return nth, last
            if found.state is not RefundState.REFUSED:
                return nth, found
            last = found
        return _MOST_REFUND_NUMBERS - 1, last

    @override
    def receive(self, message: Message) -> Received:
        """An unknown key is refused and nobody is asked for it: whoever knows our address could make us ask.  WeChat
        Pay sends again, and the next answer to a call of ours brings the new certificate.
        """
        try:
            # What was taken once is read again without looking at the clock.
            at = (
                float(message.headers.get("wechatpay-timestamp", "0"))
                if message.trusted
                else message.received_at.timestamp()
            )
            check(message.headers, message.body, self.account.keys, at=at)
            said = object_of(message.body)
            inner = opened_json(said.get("resource"), self.account.api_key)
            key, kind = str(said["id"]), str(said.get("event_type"))
            reports = self._reports(kind, inner)
        except (MessageRefused, ValueError, KeyError) as refusal:
            raise Forged(problem=str(refusal)) from refusal
        return Received(
            key=key, reports=reports, acknowledgement=Acknowledgement(204, b"", "application/json")
        )

    def _reports(self, kind: str, inner: Mapping[str, object]) -> list[Report]:
        if str(inner.get("mchid", "")) != self.account.mchid:
            raise ValueError("of another merchant")
        if kind.startswith("REFUND."):
            refund = read_refund(inner)
            # That one was closed is told again for a day, and it may have been asked for under a new number since.
            outcome = None if refund.state is RefundState.REFUSED else _refunded(refund)
            return [
                Report(
                    attempt_id=refund.payment_id,
                    reference=refund.number,
                    refund_id=refund.refund_id,
                    refund=outcome,
                )
            ]
        transaction = read_transaction(inner)
        if transaction.appid != self.account.appid:
            raise ValueError("of another app")
        if transaction.state is TradeState.WAITING:
            return []
        return [Report(transaction.payment_id, transaction.number, _over(transaction))]

    @override
    async def bill(self, day: date) -> Sequence[BillRow]:
        found = await client.bill_address(self._http, self.account, kind="tradebill", day=day.isoformat())
        if found is None:
            raise BillNotReady(day=day.isoformat())
        address, digest = found
        try:
            data = await client.download(self._http, self.account, address, most=_LARGEST_BILL)
            check_digest(data, digest)
            return read_bill(data)
        except ValueError as problem:
            raise ProviderAway(problem=str(problem)) from problem

    @override
    async def check(self) -> Checked:
        try:
            await client.check_connection(self._http, self.account, notify_url=self._notify_url)
        except AccountRefused as refusal:
            return Checked(ok=False, said=str(refusal.facts.get("reason") or refusal.message))
        return Checked(ok=True, said=self.account.mchid)


def _end(attempt: Attempt) -> datetime:
    return attempt.expires_at or (made_at(attempt.id) or now()) + LIFE


def _over(found: Transaction) -> Outcome:
    if found.state is TradeState.PAID and found.total is not None:
        return Charged(found.number, Money(found.total, found.currency))
    return Declined(found.reason) if found.state is TradeState.DECLINED else Closed()


def _refunded(refund: Refund) -> RefundOutcome:
    match refund.state:
        case RefundState.DONE:
            return GivenBack(refund.number)
        case RefundState.ACCEPTED:
            return RefundPending(refund.number)
        case RefundState.REFUSED:
            return RefundFailed("CLOSED")
        case RefundState.STUCK:
            # Not over: the money waits between, and the merchant sends it on in WeChat Pay's own console.
            return RefundPending(refund.number, stuck=True)


# ── the account, as the merchant enters it ────────────────────────────────────────────────────────────────


def build(account: Account, *, addresses: Addresses) -> WechatPay:
    """With the public key, with platform certificates, with both while an account changes over, or with neither: then
    the certificates are fetched.  Raises ConnectionRefused.
    """
    entries = Entries(account)
    mchid = entries.digits("mchid", least=8, most=10, word="not_8_to_10_digits")
    appid = entries.text("appid")
    if not (appid.startswith("wx") and appid.isascii() and appid.isalnum() and len(appid) == 18):
        entries.wrong["appid"] = "not_an_appid"
    key = entries.read("api_private_key", read_private_key)
    own = entries.read("api_certificate", read_certificates)
    if own and key:
        entries.try_("api_certificate", lambda: check_pair(own[0], key))
    api_key = entries.text("api_v3_key").encode()
    if len(api_key) != 32:
        entries.wrong["api_v3_key"] = "not_32_characters"
    known = {}
    asked = entries.text("public_key_id")
    if asked or entries.text("public_key"):
        public = entries.read("public_key", read_public_key)
        if not (asked.startswith("PUB_KEY_ID_") and asked.isascii()):
            entries.wrong["public_key_id"] = "not_a_key_id"
        if public:
            known[asked] = public
    if entries.text("platform_certificates"):
        for each in entries.read("platform_certificates", read_certificates) or []:
            theirs = entries.read("platform_certificates", lambda _, each=each: key_of(each))
            if theirs:
                known[serial_of(each)] = theirs
    entries.check()
    assert key is not None
    assert own is not None
    return WechatPay(
        account.http,
        client.Account(
            mchid=mchid,
            appid=appid,
            serial=serial_of(own[0]),
            key=key,
            api_key=api_key,
            keys=Keys(known),
            addresses=addresses,
            asked=asked,
            secret=entries.text("app_secret"),
        ),
        notify_url=account.notify_url,
        h5=entries.text("h5") == "yes",
    )
