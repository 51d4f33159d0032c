"""Kinds of messages, one message, and what becomes of it.  No I/O here."""

import re
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from shopfloor.kernel.errors import Invalid, NotFound
from shopfloor.kernel.records import dataclass


class Kind(StrEnum):
    """What is told.  A value never changes its meaning."""

    ORDER_PLACED = "order_placed"
    ORDER_PAID = "order_paid"
    PAY_REMINDER = "pay_reminder"
    BALANCE_DUE = "balance_due"
    PLACE_OFFERED = "place_offered"
    BASKET_DUE = "basket_due"
    DATE_CHANGED = "date_changed"
    SHIPPED = "shipped"
    READY_TO_COLLECT = "ready_to_collect"
    COLLECT_REMINDER = "collect_reminder"
    DELIVERED = "delivered"
    WITHDRAWAL = "withdrawal"
    RETURN_ASKED = "return_asked"
    RETURN_APPROVED = "return_approved"
    RETURN_REFUSED = "return_refused"
    RETURNED = "returned"
    EXCHANGED = "exchanged"
    EDITED = "edited"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"
    REINSTATED = "reinstated"
    FAPIAO = "fapiao"
    SHOW_STARTS = "show_starts"
    GIVEAWAY_WON = "giveaway_won"
    AUCTION_WON = "auction_won"
    INVITATION = "invitation"
    PASSWORD_FORGOTTEN = "password_forgotten"  # noqa: S105 -- what the message is about
    SIGN_IN_CODE = "sign_in_code"
    CONTACT_CODE = "contact_code"
    CONTACT_CHANGED = "contact_changed"
    PURCHASE_ORDER = "purchase_order"
    WEBHOOK_STOPPED = "webhook_stopped"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_DUE = "dispute_due"
    DISPUTE_ENDED = "dispute_ended"
    REFUND_FAILED = "refund_failed"
    CAPTURE_FAILED = "capture_failed"
    AUTHORISATION_ENDING = "authorisation_ending"
    DIFFERENCE_OPENED = "difference_opened"
    PROVIDER_SILENT = "provider_silent"
    PAYMENTS_PAUSED = "payments_paused"
    REFUND_ASKED = "refund_asked"
    WEEK_REPORT = "week_report"
    TEST = "test"

    @property
    def own_words(self) -> bool:
        """Whether a shop may word it itself."""
        return TRAITS[self].own_words

    @property
    def is_about_payment(self) -> bool:
        """Whether buyers read it when they are about to pay, have paid, or get money back."""
        return self in _ABOUT_PAYMENT

    @property
    def placeholders(self) -> tuple[str, ...]:
        """What its words may name."""
        return TRAITS[self].placeholders


class Channel(StrEnum):
    MAIL = "mail"
    SMS = "sms"
    PUSH = "push"


class State(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    """A server took it."""
    KEPT = "kept"
    """Nothing carries mail here: it can be read in the console, and went nowhere."""
    REFUSED = "refused"
    """A server will never take it."""
    FAILED = "failed"
    """Tried until it was no longer of use."""
    UNKNOWN = "unknown"
    """Handed over twice without an answer: it may have arrived, and is not sent a third time."""
    DROPPED = "dropped"
    """No longer needed, or not wanted."""


@dataclass(frozen=True, slots=True)
class Traits:
    """`urgency`: lower goes first; `lasts`: how long it is of use; `own_words`: whether a shop may word it itself;
    `placeholders`: what its words may name; `about_order`: without it one may unsubscribe, unless it was asked for by
    its reader just now (`asked_for`).
    """

    urgency: int
    lasts: timedelta
    placeholders: tuple[str, ...] = ()
    about_order: bool = False
    asked_for: bool = False
    secret: bool = False

    @property
    def own_words(self) -> bool:
        return bool(self.placeholders)

    @property
    def may_unsubscribe(self) -> bool:
        return not self.about_order and not self.asked_for


_ABOUT_PAYMENT: Final = frozenset({
    Kind.ORDER_PLACED, Kind.ORDER_PAID, Kind.PAY_REMINDER, Kind.BALANCE_DUE, Kind.PLACE_OFFERED, Kind.BASKET_DUE,
    Kind.EXCHANGED, Kind.EDITED, Kind.REFUNDED, Kind.CANCELLED, Kind.REINSTATED,
})  # fmt: skip
# What the merchant is told, not the buyer: it leads into the console.
TO_MERCHANT: Final = frozenset({
    Kind.DISPUTE_OPENED, Kind.DISPUTE_DUE, Kind.DISPUTE_ENDED, Kind.REFUND_FAILED, Kind.DIFFERENCE_OPENED,
    Kind.PROVIDER_SILENT, Kind.PAYMENTS_PAUSED, Kind.REFUND_ASKED, Kind.CAPTURE_FAILED, Kind.AUTHORISATION_ENDING,
    Kind.WEEK_REPORT,
})  # fmt: skip

_DAYS: Final = timedelta(days=4)
_ORDER: Final = ("name", "shop", "number", "total")
TRAITS: Final[Mapping[Kind, Traits]] = {
    Kind.ORDER_PLACED: Traits(2, _DAYS, _ORDER, about_order=True),
    Kind.ORDER_PAID: Traits(2, _DAYS, (*_ORDER, "amount"), about_order=True),
    Kind.PAY_REMINDER: Traits(1, timedelta(days=1), (*_ORDER, "amount", "date"), about_order=True),
    Kind.BALANCE_DUE: Traits(1, _DAYS, (*_ORDER, "amount", "date"), about_order=True),
    Kind.PLACE_OFFERED: Traits(0, timedelta(hours=1), ("shop", "product", "time"), about_order=True),
    Kind.BASKET_DUE: Traits(
        0, timedelta(days=1), ("name", "shop", "show", "count", "amount", "time"), about_order=True
    ),
    Kind.DATE_CHANGED: Traits(2, _DAYS, (*_ORDER, "product", "date"), about_order=True),
    Kind.SHIPPED: Traits(2, _DAYS, (*_ORDER, "tracking"), about_order=True),
    Kind.READY_TO_COLLECT: Traits(2, _DAYS, (*_ORDER, "code", "date"), about_order=True),
    Kind.COLLECT_REMINDER: Traits(1, timedelta(days=1), (*_ORDER, "code", "date"), about_order=True),
    Kind.DELIVERED: Traits(3, _DAYS, _ORDER, about_order=True),
    Kind.WITHDRAWAL: Traits(0, _DAYS, (*_ORDER, "time"), about_order=True),
    Kind.RETURN_ASKED: Traits(1, _DAYS, (*_ORDER, "time"), about_order=True),
    Kind.RETURN_APPROVED: Traits(1, _DAYS, _ORDER, about_order=True),
    Kind.RETURN_REFUSED: Traits(1, _DAYS, _ORDER, about_order=True),
    Kind.RETURNED: Traits(2, _DAYS, _ORDER, about_order=True),
    Kind.EXCHANGED: Traits(1, _DAYS, _ORDER, about_order=True),
    Kind.EDITED: Traits(1, _DAYS, _ORDER, about_order=True),
    Kind.REFUNDED: Traits(2, _DAYS, (*_ORDER, "amount"), about_order=True),
    Kind.CANCELLED: Traits(2, _DAYS, _ORDER, about_order=True),
    Kind.REINSTATED: Traits(2, _DAYS, _ORDER, about_order=True),
    Kind.FAPIAO: Traits(2, _DAYS, (*_ORDER, "amount", "fapiao"), about_order=True),
    Kind.SHOW_STARTS: Traits(1, timedelta(minutes=30), ("shop", "show", "time")),
    Kind.GIVEAWAY_WON: Traits(0, timedelta(days=1), ("name", "shop", "prize", "time"), asked_for=True),
    Kind.AUCTION_WON: Traits(0, timedelta(minutes=20), ("name", "shop", "prize", "time"), asked_for=True),
    Kind.INVITATION: Traits(1, timedelta(days=7), asked_for=True, secret=True),
    Kind.PASSWORD_FORGOTTEN: Traits(0, timedelta(hours=2), asked_for=True, secret=True),
    Kind.SIGN_IN_CODE: Traits(0, timedelta(minutes=15), asked_for=True, secret=True),
    Kind.CONTACT_CODE: Traits(0, timedelta(minutes=15), asked_for=True, secret=True),
    Kind.CONTACT_CHANGED: Traits(0, _DAYS, asked_for=True),
    Kind.PURCHASE_ORDER: Traits(2, _DAYS, ("shop", "number", "supplier"), about_order=True, secret=True),
    Kind.WEBHOOK_STOPPED: Traits(2, _DAYS, asked_for=True),
    Kind.DISPUTE_OPENED: Traits(1, _DAYS, asked_for=True),
    Kind.DISPUTE_DUE: Traits(1, timedelta(days=2), asked_for=True),
    Kind.DISPUTE_ENDED: Traits(3, _DAYS, asked_for=True),
    Kind.REFUND_FAILED: Traits(2, _DAYS, asked_for=True),
    Kind.CAPTURE_FAILED: Traits(1, _DAYS, asked_for=True),
    Kind.AUTHORISATION_ENDING: Traits(1, timedelta(days=2), asked_for=True),
    Kind.DIFFERENCE_OPENED: Traits(2, _DAYS, asked_for=True),
    Kind.PROVIDER_SILENT: Traits(1, timedelta(days=1), asked_for=True),
    Kind.PAYMENTS_PAUSED: Traits(0, timedelta(days=1), asked_for=True),
    Kind.REFUND_ASKED: Traits(2, _DAYS, asked_for=True),
    Kind.WEEK_REPORT: Traits(3, timedelta(days=3)),
    Kind.TEST: Traits(0, timedelta(minutes=10), asked_for=True),
}

# A server that answers "later" is asked again after these times, then with the last, until the notice is of no use.
WAITS: Final = (
    timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=3),
    timedelta(hours=6),
)  # fmt: skip
# What of names no mail can be sent to anywhere: they are in no directory by agreement (RFC 2606).
NOWHERE: Final = (".example", ".invalid")
MOST_UNCERTAIN: Final = 2


def wait_after(attempts: int) -> timedelta:
    return WAITS[min(max(attempts, 1), len(WAITS)) - 1]


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to somebody, and what became of it."""

    id: UUID
    shop_id: int
    kind: Kind
    channel: Channel
    recipient: str
    name: str
    locale: str
    order_id: UUID | None
    state: State
    attempts: int
    subject: str
    code: str
    reply: str
    facts: dict[str, Any]
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    order_number: int | None = None
    segments: int = 0
    delivery: str = ""
    delivery_at: datetime | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "kind", Kind(self.kind))
        put(self, "channel", Channel(self.channel))
        put(self, "state", State(self.state))

    @property
    def may_go_again(self) -> bool:
        """A link of one use is not sent again: ask for a new one."""
        ended = self.state not in {State.QUEUED, State.SENDING}
        return ended and self.recipient != "" and not TRAITS[self.kind].secret


@dataclass(frozen=True, slots=True)
class NewNotice:
    """What is to be told to one person.  The same (fact, kind, channel, recipient) again is the same notice."""

    shop_id: int
    fact_id: UUID
    kind: Kind
    recipient: str
    locale: str
    name: str = ""
    order_id: UUID | None = None
    buyer: UUID | None = None
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    sealed: bytes | None = None
    expires_at: datetime | None = None
    again_by: int | None = None

    @property
    def channel(self) -> Channel:
        """A number is told by SMS."""
        return Channel.SMS if _NUMBER.fullmatch(self.recipient) else Channel.MAIL


_NUMBER: Final = re.compile(r"\+[0-9]{6,15}")


_ADDRESS: Final = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}@[^\s@<>()\[\],;:\\\"]{1,253}")


def is_address(text: str) -> bool:
    """Whether mail could be sent to it at all: one address, without a name, comment or list around it."""
    if len(text) > 254 or not text.isprintable() or _ADDRESS.fullmatch(text) is None:
        return False
    domain = text.rpartition("@")[2]
    labels = domain.split(".")
    return len(labels) > 1 and all(
        0 < len(label) <= 63 and not label.startswith("-") and not label.endswith("-") for label in labels
    )


def is_nowhere(address: str) -> bool:
    return address.lower().endswith(NOWHERE)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a server takes nothing just now."""

    since: datetime
    reason: str
    next_at: datetime


class UnknownNotice(NotFound):
    """There is no such message."""

    code = "notifications.unknown_notice"


class NotAnAddress(Invalid):
    """This is no address that mail could be sent to."""

    code = "notifications.not_an_address"
