"""What of each line, and of shipping, a refund gives back.  No I/O here.

A refund of certain lines says so itself; any other is of the order as a whole, and is shared over what earlier ones
left of each.  All of them together give back exactly what each cost.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from shopfloor import payments, pricing
from shopfloor.orders.models import Granted


class _Line(Protocol):
    @property
    def amount_minor(self) -> int: ...


def granted(
    events: Sequence[payments.PaymentEvent],
    named: Mapping[UUID, Sequence[int]],
    lines: Sequence[_Line],
    *,
    shipping_minor: int,
    apart: Collection[UUID] = (),
) -> list[Granted]:
    """The refunds of an order in the order in which they were decided; `named`: those of certain lines, `apart`: those
    of goods that were taken out of it.
    """
    amounts: dict[UUID, int] = {}
    for event in events:
        if event.kind is payments.PaymentEventKind.REFUND_GRANTED:
            refund_id = UUID(event.reference.split("/")[0])
            if refund_id in apart:
                continue
            amounts[refund_id] = amounts.get(refund_id, 0) + event.amount_minor
    found: list[Granted] = []
    for refund_id, amount in amounts.items():
        parts = named.get(refund_id) or share(amount, found, lines, shipping_minor=shipping_minor)
        found.append(Granted(refund_id, amount, list(parts[:-1]), parts[-1]))
    return found


def share(
    amount_minor: int, before: Sequence[Granted], lines: Sequence[_Line], *, shipping_minor: int
) -> list[int]:
    """Of a refund of the order as a whole, what each line gets, and shipping as the last.

    Raises ValueError for more than is left.
    """
    return pricing.refund_parts(
        [*(line.amount_minor for line in lines), shipping_minor], _gone(before, len(lines)), amount_minor
    )


def left(before: Sequence[Granted], lines: Sequence[_Line], *, shipping_minor: int) -> list[int]:
    """What earlier refunds left of each line, and of shipping as the last."""
    costs = [*(line.amount_minor for line in lines), shipping_minor]
    return [cost - gone for cost, gone in zip(costs, _gone(before, len(lines)), strict=True)]


def _gone(before: Sequence[Granted], lines: int) -> list[int]:
    gone = [0] * (lines + 1)
    for each in before:
        parts = [*each.lines, each.shipping_minor]
        gone = [sum_so_far + part for sum_so_far, part in zip(gone, parts, strict=True)]
    return gone
