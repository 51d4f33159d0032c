"""One order with everything a page shows.  No I/O here."""

from dataclasses import field
from typing import Any
from uuid import UUID

from shopfloor import payments
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import Money
from shopfloor.orders.models import Bundle, Companion, Due, Granted, Order, OrderLine
from shopfloor.orders.presentation import Shown, shown


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order with everything a page shows."""

    order: Order
    lines: list[OrderLine]
    payments: list[payments.PaymentEvent]
    due: Due | None
    buyer_may_cancel: bool
    is_late: bool
    """A date that the buyer was promised was missed, or is announced to be."""
    page: dict[str, Any]
    """Products, prices and terms as the buyer saw them, frozen when the checkout was opened first."""
    instructions: dict[str, Any] = field(default_factory=dict[str, Any])
    bundles: list[Bundle] = field(default_factory=list[Bundle])
    together: list[Companion] = field(default_factory=list[Companion])
    """Other orders that leave in the same parcel."""
    refunds: list[Granted] = field(default_factory=list[Granted])
    """In the order in which they were decided."""

    @property
    def awaits_goods(self) -> bool:
        """Some of it was sold before it was there, and is not there yet."""
        return any(not line.is_ready for line in self.lines)

    @property
    def balance_later(self) -> bool:
        """The deposit is in; the rest is asked for when the goods are ready."""
        return self.due is not None and self.due.purpose is payments.Purpose.BALANCE and self.awaits_goods

    @property
    def shown(self) -> list[Shown[OrderLine]]:
        """The lines as people read them: a bundle is one thing."""
        return shown(self.lines, self.bundles)

    @property
    def refunds_owed(self) -> dict[UUID, Money]:
        """Refunds decided and not sent yet, by refund id."""
        sent = {each.reference for each in self.payments if each.kind is payments.PaymentEventKind.REFUNDED}
        owed: dict[UUID, int] = {}
        for event in self.payments:
            if event.kind is payments.PaymentEventKind.REFUND_GRANTED and event.reference not in sent:
                refund_id = UUID(event.reference.split("/")[0])
                owed[refund_id] = owed.get(refund_id, 0) + event.amount_minor
        return {refund_id: Money(minor, self.order.currency) for refund_id, minor in owed.items()}
