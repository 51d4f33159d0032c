"""Ways to be paid: the port that providers fill, and the one that needs no provider.

A provider is called with no transaction open, and only reports: what follows from a report is decided in one place,
under the payment's lock, whether the buyer's page or the provider's notification brought it.  `Attempt.id` never
changes for one attempt to be paid, and an attempt is never used for a second try of the buyer; a provider treats a
repeated call with the same id as the same call.  That is what the contract test asks of every provider.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from typing_extensions import override

from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import Money
from shopfloor.payment_providers.models import NotAble, ProviderUnknown


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to be paid.  `id.hex` is 32 characters, which every provider takes as a reference.

    `label` is what the payer reads on the statement.  `reference` and `charge` are the provider's own ids of what
    `start` made and of the money that came, '' as long as there are none.  `device`: "phone", "desktop" or "wechat".
    """

    id: UUID
    method: str
    amount: Money
    label: str
    reference: str = ""
    charge: str = ""
    description: str = ""
    return_url: str = ""
    expires_at: datetime | None = None
    locale: str = "en"
    device: str = "desktop"
    client_address: str = ""
    payer: str = ""
    """Who pays, where the provider must know: the openid inside WeChat."""
    capture_later: bool = False
    """Reserve the money only."""


# ── what becomes of an attempt ────────────────────────────────────────────────────────────────────────────


class ActionKind(StrEnum):
    REDIRECT = "redirect"
    """`url` is the page on which the buyer pays."""
    FORM = "form"
    """`fields` are posted to `url`."""
    QR = "qr"
    """`url` is what the code says."""
    JSAPI = "jsapi"
    """`fields` are handed to the app that the page is open in."""


@dataclass(frozen=True, slots=True)
class Action:
    """The buyer has something to do.  `declined`: why the last card was refused on the provider's page."""

    kind: ActionKind
    url: str
    reference: str = ""
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    expires_at: datetime | None = None
    declined: str = ""


@dataclass(frozen=True, slots=True)
class Awaiting:
    """The money will be brought; the order is placed and waits for it."""

    instructions: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Pending:
    """The buyer has done his part and the provider is at work, perhaps for days."""

    reference: str = ""


@dataclass(frozen=True, slots=True)
class Authorised:
    """The money is reserved until `capture_before` and not taken."""

    reference: str
    amount: Money
    capture_before: datetime


@dataclass(frozen=True, slots=True)
class Charged:
    """The money is here.  `reference` is the provider's id of this charge; `fee` what it kept of it, if it says so."""

    reference: str
    amount: Money
    fee: Money | None = None


@dataclass(frozen=True, slots=True)
class Declined:
    """It is over, and nothing was charged."""

    reason: str


@dataclass(frozen=True, slots=True)
class Closed:
    """It can no longer be paid, and nobody has paid it."""

    reason: str = ""


Outcome = Action | Awaiting | Pending | Authorised | Charged | Declined | Closed


# ── money back ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class GivenBack:
    """`reference` None: the merchant sends the money by hand and says so when it is done."""

    reference: str | None


@dataclass(frozen=True, slots=True)
class RefundPending:
    """Accepted, which proves nothing yet: `look_up_refund` tells how it ended.

    `stuck`: the money is neither here nor there until a person sends it on at the provider.
    """

    reference: str = ""
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class RefundFailed:
    """The money stays here, and is still owed."""

    reason: str


RefundOutcome = GivenBack | RefundPending | RefundFailed


# ── what a provider sends by itself ───────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Message:
    """A request to our address, as it came.  `trusted`: verified when it was taken; its time is not looked at again."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    received_at: datetime
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Money of a dispute.  `kind`: "withdrawn", "reinstated", "fee" or "fee_returned"; `reference` names it for good."""

    kind: str
    reference: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Dispute:
    """The buyer asked the bank for the money of a charge.

    `state`: "needs_answer", "under_review", "won", "lost", or "closed" for one that ended without a decision.
    """

    reference: str
    charge: str
    amount: Money
    state: str
    reason: str = ""
    due_by: datetime | None = None
    opened_at: datetime | None = None
    movements: Sequence[Withdrawal] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What a message says of one attempt.  `outcome` None: it only says that something happened, so ask; so does a
    `refund_id` without its `refund`.
    """

    attempt_id: UUID | None
    reference: str = ""
    outcome: Outcome | None = None
    refund_id: UUID | None = None
    refund: RefundOutcome | None = None
    dispute: Dispute | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The exact answer that the provider wants."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Received:
    """`key` is the same for a message that is sent again."""

    key: str
    reports: Sequence[Report]
    acknowledgement: Acknowledgement = Acknowledgement()


# ── the provider's books, and what it can do ──────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class BillRow:
    """One movement on the provider's account.  `kind`: "charge", "refund", "fee", "dispute", "payout" or "other".

    `amount` is what the buyer paid or got back, never negative; `fee` what the provider kept of it, negative where it
    came back.
    """

    kind: str
    reference: str
    amount: Money
    at: datetime
    attempt_id: UUID | None = None
    refund_id: UUID | None = None
    fee: Money | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether a connection works.  `said` is the account's name, or what is wrong in the provider's words."""

    ok: bool
    said: str


@dataclass(frozen=True, slots=True)
class Abilities:
    """What pages and policies read; nobody asks for the provider's name."""

    online: bool = True
    """The provider brings the money; else the merchant says when it is there."""
    authorise: timedelta | None = None
    """So long it reserves money before it is taken; None where it cannot."""
    refund_parts: bool = True
    refund_age: timedelta | None = None
    most_refunds: int | None = None
    refund_spacing: timedelta = timedelta(0)
    smallest_life: timedelta = timedelta(0)
    """The shortest time after which an attempt can end by itself; `close` ends it at any time."""
    currencies: frozenset[str] | None = None
    """None for all."""
    bills: bool = False
    disputes: bool = False
    """It tells of disputes, and can be asked about them."""


class Provider(Protocol):
    """Each call may raise ProviderAway; asking again with the same ids is always safe.

    Inherit from it to have the calls refused that a provider does not offer.
    """

    name: str
    abilities: Abilities = Abilities()

    async def start(self, attempt: Attempt) -> Outcome:
        """Ask for the money.  The same attempt has the same action while that lives."""
        ...

    async def look_up(self, attempt: Attempt) -> Outcome | None:
        """What became of an attempt; None when the provider never heard of it."""
        ...

    async def give_back(self, attempt: Attempt, *, refund_id: UUID, amount: Money) -> RefundOutcome:
        """Send money back; the same `refund_id` again sends it once."""
        ...

    async def look_up_refund(
        self, attempt: Attempt, *, refund_id: UUID, amount: Money
    ) -> RefundOutcome | None:
        """What became of a refund; None when the provider never heard of it."""
        raise NotAble

    async def close(self, attempt: Attempt) -> Outcome | None:
        """End it, so that nobody pays it later: Closed, or what was faster; None when nobody ever heard of it."""
        raise NotAble

    async def void(self, attempt: Attempt) -> Outcome:
        """Let go of what is reserved: Closed, or the money where it was taken before."""
        raise NotAble

    async def capture(self, attempt: Attempt, *, capture_id: UUID, amount: Money) -> Outcome:
        """Take the money that is reserved, all or part of it; what is left is let go.  With the same `capture_id` again
        it is taken once: Charged, Closed where it is reserved no longer, Declined where it cannot be taken now.
        """
        raise NotAble

    def receive(self, message: Message) -> Received:
        """Read a message.  Raises Forged when it is not the provider's, or not of now."""
        raise NotAble

    async def bill(self, day: date) -> Sequence[BillRow]:
        """What moved on a day of the provider's calendar.  Raises BillNotReady."""
        raise NotAble

    async def look_up_dispute(self, reference: str) -> Dispute | None:
        """How a dispute stands now; None when the provider does not know it."""
        raise NotAble

    async def disputes(self, since: datetime) -> Sequence[Dispute]:
        """Those that were opened since then, as they stand now: for messages that never came."""
        raise NotAble

    async def check(self) -> Checked:
        """Ask something harmless, to see that the connection works."""
        return Checked(ok=True, said="")


@runtime_checkable
class AsksWho(Protocol):
    """A provider that must know who pays before it is asked for the money, and lets the buyer's app say it."""

    @property
    def asks_who(self) -> bool: ...

    def who_address(self, *, back: str, state: str) -> str:
        """Where that is said; it comes back to `back` with a code."""
        ...

    async def who(self, code: str) -> str | None:
        """Who it was; None for a code that is none, or used up."""
        ...


class Manual(Provider):
    """Bank transfer, or cash when the goods are picked up.  The merchant says when the money is there."""

    name = "manual"
    abilities = Abilities(online=False)

    @override
    async def start(self, attempt: Attempt) -> Outcome:
        return Awaiting({"method": attempt.method, "label": attempt.label})

    @override
    async def look_up(self, attempt: Attempt) -> Outcome | None:
        return Awaiting()

    @override
    async def give_back(self, attempt: Attempt, *, refund_id: UUID, amount: Money) -> RefundOutcome:
        return GivenBack(reference=None)

    @override
    async def look_up_refund(
        self, attempt: Attempt, *, refund_id: UUID, amount: Money
    ) -> RefundOutcome | None:
        return GivenBack(reference=None)

    @override
    async def close(self, attempt: Attempt) -> Outcome | None:
        return Closed()


Providers = Mapping[str, Provider]
"""By `Payment.account`: the name of a provider, for a connection with its number behind it (`stripe/7`)."""

Source = Callable[[int], Awaitable[Providers]]
"""The providers of a shop."""

MANUAL_ONLY: Providers = {"manual": Manual()}


async def of_shop(providers: Providers | Source, shop_id: int) -> Providers:
    return await providers(shop_id) if callable(providers) else providers


def provider(providers: Providers, account: str) -> Provider:
    """Raises ProviderUnknown."""
    if account not in providers:
        raise ProviderUnknown(provider=account, known=sorted(providers))
    return providers[account]


async def start(providers: Providers, account: str, attempt: Attempt) -> Outcome:
    """Ask for the money there.  Raises ProviderUnknown."""
    return await provider(providers, account).start(attempt)
