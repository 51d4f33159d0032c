"""What WeChat Pay says of a transaction and a refund, in our words.  Pure.

Transactions: doc v3/merchant/4013070356 (`trade_state`).  REFUND is said of a paid order as soon as any part went
back; NOTPAY is never final, also not after `time_expire`.  Refunds: doc v3/merchant/4013071031.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import MAX_MINOR

_NUMBER: Final = re.compile(r"[0-9a-f]{32}")
_AGAIN: Final = re.compile(r"-[0-9]{1,2}\Z")


class MessageUnreadable(ValueError):
    """Signed, but not what the documents promise."""


class TradeState(StrEnum):
    WAITING = "waiting"
    PAID = "paid"
    CLOSED = "closed"
    DECLINED = "declined"


class RefundState(StrEnum):
    """`REFUSED`: a new number is needed.  `STUCK`: the money waits between; a person sends it on."""

    ACCEPTED = "accepted"
    DONE = "done"
    REFUSED = "refused"
    STUCK = "stuck"


_TRADES: Final = {
    "SUCCESS": TradeState.PAID,
    "REFUND": TradeState.PAID,
    "NOTPAY": TradeState.WAITING,
    "USERPAYING": TradeState.WAITING,
    "ACCEPT": TradeState.WAITING,
    "CLOSED": TradeState.CLOSED,
    "REVOKED": TradeState.CLOSED,
    "PAYERROR": TradeState.DECLINED,
}
_REFUNDS: Final = {
    "PROCESSING": RefundState.ACCEPTED,
    "SUCCESS": RefundState.DONE,
    "CLOSED": RefundState.REFUSED,
    "ABNORMAL": RefundState.STUCK,
}


@dataclass(frozen=True, slots=True)
class Transaction:
    """`payment_id` is None where the number is none of ours.  `number`: WeChat's, once it is paid.

    `total` is the order in fen; None as long as it is not said.  `payer_total` is less where a coupon of the platform
    paid a part.  `refunded`: some of it went back; how much, the refunds say.
    """

    payment_id: UUID | None
    appid: str
    mchid: str
    number: str
    state: TradeState
    total: int | None
    payer_total: int | None
    currency: str
    refunded: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Refund:
    payment_id: UUID | None
    refund_id: UUID | None
    mchid: str
    number: str
    state: RefundState
    amount: int
    total: int


def number_of(id: UUID) -> str:  # noqa: A002 -- what it is called
    """The `out_trade_no` and the `out_refund_no`: at most 32 characters."""
    return id.hex


def id_of(number: object) -> UUID | None:
    return UUID(number) if isinstance(number, str) and _NUMBER.fullmatch(number) else None


def read_transaction(said: Mapping[str, Any]) -> Transaction:
    """Raises MessageUnreadable."""
    state = _TRADES.get(str(said.get("trade_state")))
    if state is None:
        raise MessageUnreadable(f"no state of a transaction: {str(said.get('trade_state'))[:40]}")
    amount = said.get("amount")
    amounts = amount if isinstance(amount, dict) else {}
    total = _fen(amounts["total"]) if "total" in amounts else None
    number = str(said.get("transaction_id") or "")
    if state is TradeState.PAID and (total is None or not number):
        raise MessageUnreadable("paid, but not how much or under which number")
    return Transaction(
        payment_id=id_of(said.get("out_trade_no")),
        appid=str(said.get("appid", "")),
        mchid=str(said.get("mchid", "")),
        number=number,
        state=state,
        total=total,
        payer_total=_fen(amounts["payer_total"]) if "payer_total" in amounts else None,
        currency=str(amounts.get("currency") or "CNY"),
        refunded=said.get("trade_state") == "REFUND",
        reason=str(said.get("trade_state_desc") or "")[:500],
    )


def refund_number(refund_id: UUID, nth: int) -> str:
    """The `out_refund_no` of the nth time that a refund is asked for, counted from 0.  One that was closed stays closed
    under its number; to try again takes a new one.
    """
    return number_of(refund_id) + (f"-{nth + 1}" if nth else "")


def refund_of(number: object) -> UUID | None:
    """Whose number that is, the how-manieth ever."""
    return id_of(_AGAIN.sub("", number) if isinstance(number, str) else number)


def read_refund(said: Mapping[str, Any]) -> Refund:
    """An answer names its state `status`, a notification `refund_status`.  Raises MessageUnreadable."""
    name = said.get("status") or said.get("refund_status")
    state = _REFUNDS.get(str(name))
    amounts = said.get("amount")
    if state is None or not isinstance(amounts, dict):
        raise MessageUnreadable(f"no state of a refund: {str(name)[:40]}")
    return Refund(
        payment_id=id_of(said.get("out_trade_no")),
        refund_id=refund_of(said.get("out_refund_no")),
        mchid=str(said.get("mchid", "")),
        number=str(said.get("refund_id") or ""),
        state=state,
        amount=_fen(amounts.get("refund")),
        total=_fen(amounts.get("total")),
    )


def _fen(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_MINOR:
        raise MessageUnreadable(f"no amount in fen: {str(value)[:40]}")
    return value
