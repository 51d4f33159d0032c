"""Stripe, by its hosted page (Checkout Sessions): no card and no foreign script touches ours.

Not yet tried against the live provider.  What is said of Stripe here is from its documentation: Checkout Sessions
(create, retrieve, expire), PaymentIntents (capture, cancel), Refunds, Disputes, Balance transactions, Idempotent requests, Verify
webhook signatures manually, Supported currencies: special cases.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec
from typing_extensions import override

from shopfloor.kernel import late, logs
from shopfloor.kernel.values import Money, made_at, now
from shopfloor.payment_providers.kind import Account, Field, Kind
from shopfloor.payment_providers.models import Forged, ProviderAway
from shopfloor.payment_providers.port import (
    Abilities,
    Acknowledgement,
    Action,
    ActionKind,
    Attempt,
    Authorised,
    BillRow,
    Charged,
    Checked,
    Closed,
    Declined,
    Dispute,
    GivenBack,
    Message,
    Outcome,
    Pending,
    Provider,
    Received,
    RefundFailed,
    RefundOutcome,
    RefundPending,
    Report,
    Withdrawal,
)

if TYPE_CHECKING:
    import httpx
else:
    httpx = late.module("httpx")

API: Final = "https://api.stripe.com"
VERSION: Final = "2024-06-20"
# A session cannot be made to end sooner; `close` ends it at once.
_SHORTEST: Final = timedelta(minutes=31)
# An uncaptured payment intent is cancelled after seven days; some cards say that theirs ends sooner.
AUTHORISES_FOR: Final = timedelta(days=7)
# Seconds by which the clock of a message may differ.
TOLERANCE: Final = 300
# What Stripe counts in other units than ISO 4217 does, as ten to this power of ours.
_SCALE: Final = {"ISK": 2, "UGX": 2, "MGA": -2}
_ABOUT_PAYMENT: Final = ("payment_intent", "payment_intent.latest_charge.balance_transaction")
_BILL_KINDS: Final = {
    "charge": "charge", "payment": "charge", "refund": "refund", "payment_refund": "refund",
    "stripe_fee": "fee", "payout": "payout", "adjustment": "dispute",
}  # fmt: skip

_log = logs.get("payments")


def to_theirs(amount: Money) -> int:
    """In Stripe's smallest unit.  Raises ValueError for what that cannot say."""
    power = _SCALE.get(amount.currency, 0)
    if power >= 0:
        return amount.minor * 10**power
    whole, rest = divmod(amount.minor, 10**-power)
    if rest:
        raise ValueError(amount.currency)
    return whole


def to_ours(amount: int, currency: str) -> Money:
    code = currency.upper()
    power = _SCALE.get(code, 0)
    return Money(amount * 10**-power if power < 0 else amount // 10**power, code)


class Refused(Exception):
    """Stripe says no, for good."""

    def __init__(self, status: int, error: Mapping[str, Any]) -> None:
        super().__init__(str(error.get("message") or error.get("code") or status))
        self.status = status
        self.code = str(error.get("code") or "")


class Stripe(Provider):
    """One account.  `base` is another server in tests."""

    abilities = Abilities(authorise=AUTHORISES_FOR, smallest_life=_SHORTEST, bills=True, disputes=True)

    def __init__(self, account: Account, *, base: str = API, name: str = "stripe") -> None:
        self.name = name
        self._account = account
        self._base = base
        self._key = account.secrets["secret_key"]
        self._webhook_secrets = account.secrets.get("webhook_secret", "").replace(",", " ").split()

    async def _ask(
        self, method: str, path: str, form: Sequence[tuple[str, str]] = (), *, key: str = ""
    ) -> dict[str, Any]:
        """Raises Refused, ProviderAway."""
        headers = {"authorization": f"Bearer {self._key}", "stripe-version": VERSION}
        if key:
            headers["idempotency-key"] = key
        encoded = httpx.QueryParams(list(form))
        try:
            answer = await self._account.http.request(
                method,
                self._base + path + (f"?{encoded}" if method == "GET" and form else ""),
                headers=headers
                | ({} if method == "GET" else {"content-type": "application/x-www-form-urlencoded"}),
                content=None if method == "GET" else str(encoded),
            )
            body = msgspec.json.decode(answer.content, type=dict[str, Any])
        except (httpx.HTTPError, msgspec.MsgspecError) as problem:
            raise ProviderAway from problem
        if answer.status_code < 300:
            return body
        error: dict[str, Any] = body.get("error") or {}
        if answer.status_code in {401, 403, 409, 429} or answer.status_code >= 500:
            # A wrong key is no decision about the buyer's money.
            _log.warning("payments.stripe_away", status=answer.status_code, code=error.get("code"))
            raise ProviderAway(status=answer.status_code)
        raise Refused(answer.status_code, error)

    # ── in ────────────────────────────────────────────────────────────────────────────────────────────────

    @override
    async def start(self, attempt: Attempt) -> Outcome:
        back = attempt.return_url
        try:
            amount = to_theirs(attempt.amount)
        except ValueError:
            return Declined("amount_not_possible")
        form = [
            ("mode", "payment"),
            ("client_reference_id", attempt.id.hex),
            ("metadata[attempt]", attempt.id.hex),
            ("payment_intent_data[metadata][attempt]", attempt.id.hex),
            ("line_items[0][quantity]", "1"),
            ("line_items[0][price_data][currency]", attempt.amount.currency.lower()),
            ("line_items[0][price_data][unit_amount]", str(amount)),
            ("line_items[0][price_data][product_data][name]", attempt.description or attempt.label),
            ("success_url", back),
            ("cancel_url", back),
            ("locale", "zh" if attempt.locale.startswith("zh") else "auto"),
            # Our own time runs out sooner; a session cannot be shorter, and is closed when ours is over.
            ("expires_at", str(int(((attempt.expires_at or _by_itself(attempt)) + _SHORTEST).timestamp()))),
        ]
        if attempt.capture_later:
            form.append(("payment_intent_data[capture_method]", "manual"))
        try:
            return self._outcome(
                await self._ask("POST", "/v1/checkout/sessions", form, key=f"{attempt.id}:session")
            )
        except Refused as refusal:
            if refusal.code == "idempotency_key_in_use":
                raise ProviderAway from refusal
            return Declined(str(refusal)[:300])

    @override
    async def look_up(self, attempt: Attempt) -> Outcome | None:
        if not attempt.reference.startswith("cs_"):
            return None
        path = f"/v1/checkout/sessions/{attempt.reference}"
        try:
            return self._outcome(
                await self._ask("GET", path, [("expand[]", each) for each in _ABOUT_PAYMENT])
            )
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise ProviderAway from refusal

    def _outcome(self, session: Mapping[str, Any]) -> Outcome:
        """A session, with its payment intent where that is expanded."""
        reference = str(session["id"])
        intent = session.get("payment_intent")
        status = intent.get("status") if isinstance(intent, Mapping) else ""
        problem = (intent.get("last_payment_error") or {}) if isinstance(intent, Mapping) else {}
        said = str(problem.get("message") or problem.get("code") or "")[:300]
        if session.get("payment_status") == "paid" or status == "succeeded":
            return self._charged(session)
        if status == "requires_capture":
            assert isinstance(intent, Mapping)
            charge = intent.get("latest_charge")
            card = (
                ((charge.get("payment_method_details") or {}).get("card") or {})
                if isinstance(charge, Mapping)
                else {}
            )
            until = card.get("capture_before")
            created = float(intent.get("created") or session.get("created") or now().timestamp())
            return Authorised(
                reference,
                to_ours(int(intent.get("amount_capturable") or session["amount_total"]), session["currency"]),
                datetime.fromtimestamp(int(until), UTC)
                if until is not None
                else datetime.fromtimestamp(created, UTC) + AUTHORISES_FOR,
            )
        if session.get("status") == "expired" or status == "canceled":
            return Closed("expired")
        if session.get("status") == "complete":
            # The bank decides later: a debit that is on its way, or has come back.
            return Declined(said) if status == "requires_payment_method" else Pending(reference)
        ends = session.get("expires_at")
        return Action(
            ActionKind.REDIRECT,
            url=str(session.get("url") or ""),
            reference=reference,
            expires_at=None if ends is None else datetime.fromtimestamp(int(ends), UTC),
            declined=said,
        )

    def _charged(self, session: Mapping[str, Any]) -> Charged:
        intent = session.get("payment_intent")
        fee = None
        amount, currency = session["amount_total"], session["currency"]
        if isinstance(intent, Mapping):
            amount = intent.get("amount_received") or amount
            charge = intent.get("latest_charge")
            row = charge.get("balance_transaction") if isinstance(charge, Mapping) else None
            if isinstance(row, Mapping):
                fee = to_ours(int(row.get("fee") or 0), str(row["currency"]))
            intent = intent["id"]
        return Charged(str(intent or session["id"]), to_ours(int(amount), str(currency)), fee)

    @override
    async def close(self, attempt: Attempt) -> Outcome | None:
        if not attempt.reference.startswith("cs_"):
            # The answer to `start` was lost: the same question finds what it made.
            started = await self.start(attempt)
            if not isinstance(started, Action):
                return started
            reference = started.reference
        else:
            reference = attempt.reference
        try:
            await self._ask("POST", f"/v1/checkout/sessions/{reference}/expire")
        except Refused as refusal:
            _log.info("payments.stripe_not_expired", code=refusal.code)
        return self._outcome(await self._session(reference))

    @override
    async def void(self, attempt: Attempt) -> Outcome:
        session = await self._session(attempt.reference)
        outcome = self._outcome(session)
        if not isinstance(outcome, Authorised):
            return outcome
        try:
            await self._ask("POST", f"/v1/payment_intents/{session['payment_intent']['id']}/cancel")
        except Refused as refusal:
            _log.info("payments.stripe_not_voided", code=refusal.code)
            return self._outcome(await self._session(attempt.reference))
        return Closed("voided")

    async def _session(self, reference: str) -> dict[str, Any]:
        try:
            return await self._ask(
                "GET", f"/v1/checkout/sessions/{reference}", [("expand[]", each) for each in _ABOUT_PAYMENT]
            )
        except Refused as refusal:
            raise ProviderAway from refusal

    @override
    async def capture(self, attempt: Attempt, *, capture_id: UUID, amount: Money) -> Outcome:
        session = await self._session(attempt.reference)
        intent = session.get("payment_intent")
        if not isinstance(intent, Mapping):
            return Closed("nothing_authorised")
        try:
            await self._ask(
                "POST",
                f"/v1/payment_intents/{intent['id']}/capture",
                [("amount_to_capture", str(to_theirs(amount)))],
                key=f"{attempt.id}:capture:{capture_id}",
            )
        except Refused as refusal:
            again = self._outcome(await self._session(attempt.reference))
            return again if isinstance(again, Charged | Closed) else Declined(str(refusal)[:300])
        return self._outcome(await self._session(attempt.reference))

    # ── out ───────────────────────────────────────────────────────────────────────────────────────────────

    @override
    async def give_back(self, attempt: Attempt, *, refund_id: UUID, amount: Money) -> RefundOutcome:
        form = [
            ("payment_intent", attempt.charge),
            ("amount", str(to_theirs(amount))),
            ("metadata[refund]", refund_id.hex),
        ]
        try:
            return _refund(
                await self._ask("POST", "/v1/refunds", form, key=f"{attempt.id}:refund:{refund_id}")
            )
        except Refused as refusal:
            return RefundFailed(str(refusal)[:300])

    @override
    async def look_up_refund(
        self, attempt: Attempt, *, refund_id: UUID, amount: Money
    ) -> RefundOutcome | None:
        form = [("payment_intent", attempt.charge), ("limit", "100")]
        try:
            known = (await self._ask("GET", "/v1/refunds", form)).get("data") or []
        except Refused as refusal:
            raise ProviderAway from refusal
        for each in known:
            if (each.get("metadata") or {}).get("refund") == refund_id.hex:
                return _refund(each)
        return None

    # ── what it sends ─────────────────────────────────────────────────────────────────────────────────────

    @override
    def receive(self, message: Message) -> Received:
        if not message.trusted:
            self._verify(message)
        try:
            event = msgspec.json.decode(message.body, type=dict[str, Any])
            what = event["data"]["object"]
            key, kind = str(event["id"]), str(event["type"])
        except (msgspec.MsgspecError, KeyError, TypeError) as problem:
            raise Forged from problem
        if bool(event.get("livemode")) != (self._account.mode == "live"):
            # Signed with our secret, and of the other half of the account: none of our payments.
            return Received(key, [], _TAKEN)
        attempt = _hex((what.get("metadata") or {}).get("attempt") or what.get("client_reference_id"))
        if kind.startswith("charge.dispute."):
            dispute = _dispute(what)
            return Received(key, [Report(None, dispute.charge, dispute=dispute)], _TAKEN)
        if kind.startswith(("refund.", "charge.refund.")):
            refund = _hex((what.get("metadata") or {}).get("refund"))
            report = Report(
                None, str(what.get("payment_intent") or ""), refund_id=refund, refund=_refund(what)
            )
            return Received(key, [] if refund is None else [report], _TAKEN)
        if kind.startswith(("checkout.session.", "payment_intent.")) and attempt is not None:
            # Messages come late and in disorder: what counts is what the object says now.
            return Received(key, [Report(attempt)], _TAKEN)
        return Received(key, [], _TAKEN)

    def _verify(self, message: Message) -> None:
        header = message.headers.get("stripe-signature", "")
        parts = [part.strip().partition("=") for part in header.split(",")]
        times = [value for name, _, value in parts if name == "t"]
        signatures = [value for name, _, value in parts if name == "v1"]
        if len(times) != 1 or not times[0].isascii() or not times[0].isdecimal() or len(times[0]) > 12:
            raise Forged
        expected = [
            hmac.new(secret.encode(), times[0].encode() + b"." + message.body, hashlib.sha256).hexdigest()
            for secret in self._webhook_secrets
        ]
        if not any(
            hmac.compare_digest(ours.encode(), other.encode()) for ours in expected for other in signatures
        ):
            raise Forged
        if abs(message.received_at.timestamp() - int(times[0])) > TOLERANCE:
            raise Forged

    # ── its books ─────────────────────────────────────────────────────────────────────────────────────────

    @override
    async def bill(self, day: date) -> Sequence[BillRow]:
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
        found: list[BillRow] = []
        after = ""
        while True:
            form = [
                ("created[gte]", str(int(begin.timestamp()))),
                ("created[lt]", str(int((begin + timedelta(days=1)).timestamp()))),
                ("limit", "100"),
                ("expand[]", "data.source"),
            ]
            try:
                page = await self._ask(
                    "GET",
                    "/v1/balance_transactions",
                    [*form, *([("starting_after", after)] if after else [])],
                )
            except Refused as refusal:
                raise ProviderAway from refusal
            rows = page.get("data") or []
            found += [_bill_row(row) for row in rows]
            if not page.get("has_more") or not rows:
                return found
            after = str(rows[-1]["id"])

    @override
    async def look_up_dispute(self, reference: str) -> Dispute | None:
        try:
            return _dispute(await self._ask("GET", f"/v1/disputes/{reference}"))
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise ProviderAway from refusal

    @override
    async def disputes(self, since: datetime) -> Sequence[Dispute]:
        found: list[Dispute] = []
        after = ""
        while True:
            form = [("created[gte]", str(int(since.timestamp()))), ("limit", "100")]
            try:
                page = await self._ask(
                    "GET", "/v1/disputes", [*form, *([("starting_after", after)] if after else [])]
                )
            except Refused as refusal:
                raise ProviderAway from refusal
            rows = page.get("data") or []
            found += [_dispute(row) for row in rows]
            if not page.get("has_more") or not rows:
                return found
            after = str(rows[-1]["id"])

    @override
    async def check(self) -> Checked:
        try:
            account = await self._ask("GET", "/v1/account")
        except ProviderAway as problem:
            is_key = problem.facts.get("status") in {401, 403}
            return Checked(ok=False, said="key_refused" if is_key else "away")
        except Refused as refusal:
            return Checked(ok=False, said=str(refusal))
        if not self._webhook_secrets:
            return Checked(ok=False, said="webhook_secret_missing")
        named = (account.get("settings") or {}).get("dashboard") or {}
        return Checked(ok=True, said=str(named.get("display_name") or account.get("id") or ""))


_TAKEN: Final = Acknowledgement(status=200, body=b"")


def _by_itself(attempt: Attempt) -> datetime:
    """A moment that is the same whenever the same attempt asks: its id says when it was made."""
    return made_at(attempt.id) or now()


def _refund(refund: Mapping[str, Any]) -> RefundOutcome:
    match refund.get("status"):
        case "succeeded":
            return GivenBack(str(refund["id"]))
        case "failed" | "canceled":
            return RefundFailed(str(refund.get("failure_reason") or refund["status"]))
        case _:
            return RefundPending(str(refund["id"]))


# What a status of theirs is here.  An inquiry (`warning_…`) asks for an answer too, and withdraws nothing.
_STATES: Final = {
    "needs_response": "needs_answer", "warning_needs_response": "needs_answer",
    "under_review": "under_review", "warning_under_review": "under_review",
    "won": "won", "lost": "lost",
    "warning_closed": "closed", "charge_refunded": "closed", "prevented": "closed",
}  # fmt: skip


def _dispute(dispute: Mapping[str, Any]) -> Dispute:
    """A dispute carries no metadata of ours: it is of the payment whose charge it names."""
    due = (dispute.get("evidence_details") or {}).get("due_by")
    created = dispute.get("created")
    amount = to_ours(int(dispute["amount"]), str(dispute["currency"]))
    return Dispute(
        reference=str(dispute["id"]),
        charge=str(dispute.get("payment_intent") or dispute.get("charge") or ""),
        amount=amount,
        state=_STATES.get(str(dispute.get("status") or ""), "under_review"),
        reason=str(dispute.get("reason") or ""),
        due_by=None if due is None else datetime.fromtimestamp(int(due), UTC),
        opened_at=None if created is None else datetime.fromtimestamp(int(created), UTC),
        movements=[
            each for row in dispute.get("balance_transactions") or [] for each in _withdrawals(row, amount)
        ],
    )


def _withdrawals(row: Mapping[str, Any], disputed: Money) -> list[Withdrawal]:
    """What a row of the balance says, with its fee apart."""
    reference, currency = str(row["id"]), str(row["currency"])
    moved, fee = int(row.get("amount") or 0), int(row.get("fee") or 0)
    amount = to_ours(abs(moved), currency)
    if amount.currency != disputed.currency:
        # Booked in the account's currency, at the rate of that day: what is held of the buyer's money is this.
        amount = disputed
    found: list[Withdrawal] = []
    if moved:
        found.append(Withdrawal("withdrawn" if moved < 0 else "reinstated", reference, amount))
    if fee:
        found.append(Withdrawal("fee" if fee > 0 else "fee_returned", reference, to_ours(abs(fee), currency)))
    return found


def _bill_row(row: Mapping[str, Any]) -> BillRow:
    source = row.get("source")
    about: Mapping[str, Any] = source if isinstance(source, Mapping) else {}
    metadata = about.get("metadata") or {}
    currency = str(row["currency"])
    return BillRow(
        kind=_BILL_KINDS.get(str(row.get("type")), "other"),
        reference=str(about.get("payment_intent") or about.get("id") or source or row["id"]),
        amount=to_ours(abs(int(row["amount"])), currency),
        at=datetime.fromtimestamp(int(row["created"]), UTC),
        attempt_id=_hex(metadata.get("attempt")),
        refund_id=_hex(metadata.get("refund")),
        fee=to_ours(int(row.get("fee") or 0), currency),
    )


def _hex(value: object) -> UUID | None:
    """The id that a reference of ours is."""
    if isinstance(value, str) and len(value) == 32:
        with suppress(ValueError):
            return UUID(hex=value)
    return None


def _build(account: Account) -> Stripe:
    live = account.mode == "live"
    key = account.secrets["secret_key"]
    if not key.startswith(("sk_live_", "rk_live_") if live else ("sk_test_", "rk_test_")):
        raise ValueError("secret_key")
    secrets = account.secrets.get("webhook_secret", "")
    if secrets and not all(each.startswith("whsec_") for each in secrets.replace(",", " ").split()):
        raise ValueError("webhook_secret")
    return Stripe(account)


KIND: Final = Kind(
    name="stripe",
    fields=(Field("secret_key", secret=True), Field("webhook_secret", secret=True, required=False)),
    build=_build,
    method="card",
    authorise=AUTHORISES_FOR,
)
