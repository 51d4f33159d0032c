"""Alipay as a way to be paid: what the port asks, in Alipay's words, and back."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa
from typing_extensions import override

from shopfloor.kernel.values import Money, made_at, now
from shopfloor.payment_providers.alipay import client
from shopfloor.payment_providers.alipay.bills import read_bill
from shopfloor.payment_providers.alipay.messages import (
    CHINA,
    Notice,
    Trade,
    TradeState,
    read_notice,
)
from shopfloor.payment_providers.alipay.signing import certificate_number, read_notification, root_number
from shopfloor.payment_providers.entries import Entries
from shopfloor.payment_providers.keys import (
    Problem,
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

# Eight tries in 25 hours (doc 270/105902): nothing older is the provider's own.
OLDEST_NOTICE: Final = timedelta(hours=26)
CLOCK: Final = timedelta(minutes=10)
# Where none is said.
LIFE: Final = timedelta(minutes=30)
_BILLS: Final = ("trade",)


class Alipay(Provider):
    """Phones are led to the wap page, computers to the page with Alipay's own code, and where the account has the
    product for it, to a code on our page; inside WeChat, which does not open Alipay's pages, always to a code.
    """

    name = "alipay"
    abilities = Abilities(
        refund_spacing=timedelta(seconds=3),
        smallest_life=timedelta(minutes=1),
        currencies=frozenset({"CNY"}),
        bills=True,
    )

    def __init__(
        self, http: httpx.AsyncClient, account: client.Account, *, notify_url: str, qr: bool
    ) -> None:
        self._http = http
        self.account = account
        self._notify_url = notify_url
        self._qr = qr

    @override
    async def start(self, attempt: Attempt) -> Outcome:
        if attempt.amount.currency != "CNY":
            return Declined("currency")
        product = self._product(attempt)
        return await self._code(attempt) if product == "qr" else self._page(attempt, product)

    def _product(self, attempt: Attempt) -> Literal["page", "wap", "qr"]:
        if attempt.device == "wechat" or (attempt.device == "desktop" and self._qr):
            return "qr"
        return "wap" if attempt.device == "phone" else "page"

    def _page(self, attempt: Attempt, product: Literal["page", "wap"]) -> Action:
        expires_at = _end(attempt)
        return Action(
            ActionKind.REDIRECT,
            client.page_address(
                self.account,
                product,
                payment_id=attempt.id,
                fen=attempt.amount.minor,
                label=attempt.label,
                expires_at=expires_at,
                notify_url=self._notify_url,
                return_url=attempt.return_url,
                # The same attempt is the same page, however often it is asked for.
                at=made_at(attempt.id),
            ),
            # Alipay has no number of its own before the buyer comes; which page it is, has to be known later.
            reference=product,
            expires_at=expires_at,
        )

    async def _code(self, attempt: Attempt) -> Outcome:
        expires_at = min(_end(attempt), now() + timedelta(hours=2))
        answer = await client.precreate(
            self._http,
            self.account,
            payment_id=attempt.id,
            fen=attempt.amount.minor,
            label=attempt.label,
            minutes=max(1, int((expires_at - now()).total_seconds() // 60)),
            notify_url=self._notify_url,
        )
        code = answer.fields.get("qr_code")
        if answer.done and isinstance(code, str) and code:
            return Action(ActionKind.QR, code, reference=code, expires_at=expires_at)
        if answer.sub_code in {"ACQ.TRADE_HAS_SUCCESS", "ACQ.TRADE_HAS_CLOSE"}:
            found = await self.look_up(attempt)
            if found is not None:
                return found
        if answer.done:
            raise ProviderAway(answer="no code")
        return Declined(answer.sub_code)

    @override
    async def look_up(self, attempt: Attempt) -> Outcome | None:
        trade = await client.query(self._http, self.account, attempt.id)
        return None if trade is None else self._outcome(attempt, trade)

    def _outcome(self, attempt: Attempt, trade: Trade) -> Outcome:
        if trade.state is not TradeState.WAITING:
            return _over(trade)
        if attempt.reference in {"", "page", "wap"}:
            return self._page(attempt, "wap" if attempt.reference == "wap" else "page")
        return Action(
            ActionKind.QR, attempt.reference, reference=attempt.reference, expires_at=attempt.expires_at
        )

    @override
    async def close(self, attempt: Attempt) -> Outcome | None:
        answer = await client.close(self._http, self.account, attempt.id)
        if answer.done:
            return Closed()
        # Paid, closed before, or never opened: what it is, the query says.
        found = await self.look_up(attempt)
        if isinstance(found, Action):
            raise ProviderAway(answer=answer.sub_code)
        return found

    @override
    async def give_back(self, attempt: Attempt, *, refund_id: UUID, amount: Money) -> RefundOutcome:
        refund = await client.refund(
            self._http, self.account, attempt.id, refund_id=refund_id, fen=amount.minor, reason=attempt.label
        )
        if refund.failed:
            return RefundFailed(refund.failed)
        if not refund.done:
            # Asked for before, or not through yet: 10000 is said of both.
            found = await self.look_up_refund(attempt, refund_id=refund_id, amount=amount)
            return found or RefundPending(refund_id.hex)
        return GivenBack(refund_id.hex)

    @override
    async def look_up_refund(
        self, attempt: Attempt, *, refund_id: UUID, amount: Money
    ) -> RefundOutcome | None:
        refund = await client.query_refund(
            self._http, self.account, attempt.id, refund_id=refund_id, fen=amount.minor
        )
        if refund is None:
            return None
        return GivenBack(refund_id.hex) if refund.done else RefundPending(refund_id.hex)

    @override
    def receive(self, message: Message) -> Received:
        fields = read_notification(message.body, self.account.alipay_key)
        if fields is None:
            raise Forged
        try:
            notice = read_notice(fields)
            sent_at = datetime.strptime(fields.get("notify_time", ""), "%Y-%m-%d %H:%M:%S").replace(
                tzinfo=CHINA
            )
        except ValueError as problem:
            raise Forged(problem=str(problem)) from problem
        if notice.app_id != self.account.app_id or notice.seller_id != self.account.seller_id:
            raise Forged(problem="of another account")
        if not message.trusted and not -CLOCK <= message.received_at - sent_at <= OLDEST_NOTICE:
            raise Forged(problem="not of now")
        return Received(
            key=notice.id,
            reports=_reports(notice),
            # Exactly this, or it is sent again (doc 270/105902).
            acknowledgement=Acknowledgement(200, b"success", "text/plain"),
        )

    @override
    async def bill(self, day: date) -> Sequence[BillRow]:
        rows: list[BillRow] = []
        for kind in _BILLS:
            address = await client.bill_address(self._http, self.account, kind=kind, day=day.isoformat())
            if address is None:
                raise BillNotReady(day=day.isoformat())
            try:
                response = await self._http.get(address)
            except httpx.HTTPError as problem:
                raise ProviderAway(problem=type(problem).__name__) from problem
            if response.status_code != 200:
                raise ProviderAway(status=response.status_code)
            try:
                rows += read_bill(response.content)
            except ValueError as problem:
                raise ProviderAway(problem=str(problem)) from problem
        return rows

    @override
    async def check(self) -> Checked:
        try:
            await client.check(self._http, self.account)
        except AccountRefused as refusal:
            return Checked(ok=False, said=str(refusal.facts.get("reason") or refusal.message))
        return Checked(ok=True, said=self.account.app_id)


def _end(attempt: Attempt) -> datetime:
    return attempt.expires_at or (made_at(attempt.id) or now()) + LIFE


def _over(trade: Trade) -> Outcome:
    if trade.state is TradeState.PAID:
        return Charged(trade.number, Money(trade.amount, "CNY"))
    return Closed()


def _reports(notice: Notice) -> list[Report]:
    trade = notice.trade
    if trade.state is TradeState.WAITING:
        return []
    refunded = _refund_of(notice.refund_number)
    return [
        Report(
            attempt_id=trade.payment_id,
            reference=trade.number,
            outcome=_over(trade),
            refund_id=refunded,
            refund=None if refunded is None else GivenBack(refunded.hex),
        )
    ]


def _refund_of(number: str) -> UUID | None:
    try:
        return UUID(hex=number) if len(number) == 32 else None
    except ValueError:
        return None


# ── the account, as the merchant enters it ────────────────────────────────────────────────────────────────


def build(account: Account, *, gateway: str) -> Alipay:
    """With the public key, or with the three certificates.  Raises ConnectionRefused."""
    entries = Entries(account)
    app_id = entries.digits("app_id", least=16, most=16, word="not_16_digits")
    seller_id = entries.digits("seller_id", least=16, most=16, word="not_16_digits")
    key = entries.read("app_private_key", read_private_key)
    with_certificates = any(
        entries.text(name) for name in ("app_certificate", "alipay_certificate", "alipay_root_certificate")
    )
    app_number = alipay_number = root = ""
    alipay_key: rsa.RSAPublicKey | None = None
    if with_certificates:
        own = entries.read("app_certificate", read_certificates)
        theirs = entries.read("alipay_certificate", read_certificates)
        roots = entries.read("alipay_root_certificate", read_certificates)
        if own and key:
            entries.try_("app_certificate", lambda: check_pair(own[0], key))
            app_number = certificate_number(own[0])
        if theirs:
            alipay_key = entries.read("alipay_certificate", lambda _: key_of(theirs[0]))
            alipay_number = certificate_number(theirs[0])
        if roots:
            root = root_number(roots)
            if not root:
                entries.wrong["alipay_root_certificate"] = Problem.NOT_RSA
    else:
        alipay_key = entries.read("alipay_public_key", read_public_key)
        if key and alipay_key and alipay_key.public_numbers() == key.public_key().public_numbers():
            # The page of the keys shows the application's public key beside Alipay's.
            entries.wrong["alipay_public_key"] = "own_public_key"
    entries.check()
    assert key is not None
    assert alipay_key is not None
    return Alipay(
        account.http,
        client.Account(
            app_id=app_id,
            seller_id=seller_id,
            key=key,
            alipay_key=alipay_key,
            gateway=gateway,
            certificate=app_number,
            alipay_certificate=alipay_number,
            root=root,
        ),
        notify_url=account.notify_url,
        qr=entries.text("desktop") == "qr",
    )
