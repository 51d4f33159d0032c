"""What Alipay says of a trade, in our words.  Pure.

States: doc 270/105902 "交易状态说明" and doc 204/105301.  TRADE_CLOSED is said of a trade that was never paid *and* of
one that was paid and given back in full; TRADE_FINISHED is paid, and can only be refunded no more.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from shopfloor.kernel.records import dataclass

CHINA: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
MOST_FEN: Final = 100_000_000_00
_YUAN: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,2}))?")
_NUMBER: Final = re.compile(r"[0-9a-f]{32}")


class MessageUnreadable(ValueError):
    """Signed, but not what Alipay's documents promise."""


class TradeState(StrEnum):
    WAITING = "waiting"
    PAID = "paid"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Trade:
    """`payment_id` is None where the number is none of ours.  Amounts in fen; those not said are None.

    `refunded`: what went back so far.  `refundable` False: paid, and refunds are no longer taken.
    """

    payment_id: UUID | None
    number: str
    state: TradeState
    amount: int
    received: int | None = None
    buyer_paid: int | None = None
    invoiced: int | None = None
    refunded: int = 0
    refundable: bool = True


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification; `id` is the same in each of its repetitions.  `refund_number` is ours, of the refund it tells."""

    id: str
    app_id: str
    seller_id: str
    trade: Trade
    refund_number: str


def yuan(fen: int) -> str:
    """`88.80`.  Raises ValueError for what Alipay takes no payment of."""
    if not 0 < fen <= MOST_FEN:
        raise ValueError("the amount is outside of what Alipay takes")
    return f"{fen // 100}.{fen % 100:02d}"


def fen_of(text: object) -> int:
    """Raises MessageUnreadable."""
    found = _YUAN.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise MessageUnreadable(f"no amount in yuan: {str(text)[:40]}")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _optional_fen(fields: Mapping[str, Any], name: str) -> int | None:
    return fen_of(fields[name]) if fields.get(name) else None


def number_of(payment_id: UUID) -> str:
    """The `out_trade_no`."""
    return payment_id.hex


def payment_of(number: object) -> UUID | None:
    return UUID(number) if isinstance(number, str) and _NUMBER.fullmatch(number) else None


def moment(at: datetime) -> str:
    """As Alipay writes times, in its own zone."""
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def read_notice(fields: Mapping[str, str]) -> Notice:
    """The fields of a verified notification (doc 270/105902 "异步返回结果的验签", parameters).  Raises MessageUnreadable."""
    amount = fen_of(fields.get("total_amount"))
    refunded = _optional_fen(fields, "refund_fee") or 0
    status = fields.get("trade_status", "")
    # Only the notice of a refund names an amount and a time of it.
    given_back = refunded > 0 and bool(fields.get("gmt_refund"))
    state = _state(status, was_paid=given_back)
    return Notice(
        id=_said(fields, "notify_id"),
        app_id=_said(fields, "app_id"),
        seller_id=fields.get("seller_id", ""),
        trade=Trade(
            payment_id=payment_of(fields.get("out_trade_no")),
            number=_said(fields, "trade_no"),
            state=state,
            amount=amount,
            received=_optional_fen(fields, "receipt_amount"),
            buyer_paid=_optional_fen(fields, "buyer_pay_amount"),
            invoiced=_optional_fen(fields, "invoice_amount"),
            refunded=refunded,
            refundable=state is TradeState.PAID and status == "TRADE_SUCCESS",
        ),
        refund_number=fields.get("out_biz_no", "") if given_back else "",
    )


def read_trade(fields: Mapping[str, Any]) -> Trade:
    """The answer of alipay.trade.query (doc api_1/alipay.trade.query).  Raises MessageUnreadable."""
    amount = fen_of(fields.get("total_amount"))
    status = str(fields.get("trade_status", ""))
    state = _state(status, was_paid=bool(fields.get("send_pay_date")))
    return Trade(
        payment_id=payment_of(fields.get("out_trade_no")),
        number=_said(fields, "trade_no"),
        state=state,
        amount=amount,
        received=_optional_fen(fields, "receipt_amount"),
        buyer_paid=_optional_fen(fields, "buyer_pay_amount"),
        invoiced=_optional_fen(fields, "invoice_amount"),
        # Parts that went back are asked for by their own numbers; only the whole shows in the state.
        refunded=amount if status == "TRADE_CLOSED" and state is TradeState.PAID else 0,
        refundable=status == "TRADE_SUCCESS",
    )


def _state(status: str, *, was_paid: bool) -> TradeState:
    match status:
        case "WAIT_BUYER_PAY":
            return TradeState.WAITING
        case "TRADE_SUCCESS" | "TRADE_FINISHED":
            return TradeState.PAID
        case "TRADE_CLOSED":
            return TradeState.PAID if was_paid else TradeState.CLOSED
        case _:
            raise MessageUnreadable(f"no state of a trade: {status[:40]}")


def _said(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise MessageUnreadable(f"{name} is missing")
    return value
