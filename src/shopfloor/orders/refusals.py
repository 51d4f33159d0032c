"""What orders refuse, each with a stable code."""

from shopfloor.kernel.errors import Conflict, Invalid, NotFound


class OrderNotFound(NotFound):
    """There is no such order here."""

    code = "orders.not_found"


class RefundNotFound(NotFound):
    """The order has no such refund."""

    code = "orders.refund_not_found"


class CheckoutNotFound(NotFound):
    """There is no such purchase here, or it is somebody else's."""

    code = "orders.checkout_not_found"


class TotalChanged(Conflict):
    """The total has changed since you saw it; look again before you order."""

    code = "orders.total_changed"


class BasketChanged(Conflict):
    """Part of this basket has been ordered, or can no longer be ordered together; look again before you order."""

    code = "orders.basket_changed"


class FormRefused(Invalid):
    """Something in the form is missing or cannot be right."""

    code = "orders.form"


class KeyReused(Invalid):
    """The same id was sent before with other content; a new request needs a new id."""

    code = "orders.key_reused"


class ZeroRefund(Invalid):
    """A refund of nothing gives nothing back: the amount is above zero, unless goods come back with it."""

    code = "orders.zero_refund"


class WrongAmount(Conflict):
    """The amount is not what is due."""

    code = "orders.wrong_amount"


class WrongCurrency(Conflict):
    """The payment is in another currency than the order."""

    code = "orders.wrong_currency"


class AlreadyPaid(Conflict):
    """Nothing is due on this order."""

    code = "orders.already_paid"


class NothingAuthorised(Conflict):
    """Nothing is authorised for this order that could be charged."""

    code = "orders.nothing_authorised"


class NotPaid(Conflict):
    """The order is not paid in full yet."""

    code = "orders.not_paid"


class NotReady(Conflict):
    """Some of these units have not arrived yet."""

    code = "orders.not_ready"


class NotShipped(Conflict):
    """The order has not been shipped in full yet."""

    code = "orders.not_shipped"


class CannotCancel(Conflict):
    """The order can no longer be cancelled."""

    code = "orders.cannot_cancel"


class OrderClosed(Conflict):
    """The order is cancelled, or not placed yet."""

    code = "orders.closed"


class NoDelay(Conflict):
    """There is no new date to answer."""

    code = "orders.no_delay"


class ContactLimit(Conflict):
    """This contact has unpaid orders for as many units as one buyer may have; pay for them first, or wait until they are cancelled."""

    code = "orders.contact_limit"


class EditStale(Conflict):
    """The order has changed since you looked at it; look again before you save."""

    code = "orders.edit_stale"


class EditNothing(Invalid):
    """Nothing would be different."""

    code = "orders.edit_nothing"


class EditEmpties(Invalid):
    """Nothing would be left of the order; cancel it instead."""

    code = "orders.edit_empties"


class EditLine(Invalid):
    """This can't be changed so: there is no such line, it keeps its price, or more of it has left than would stay."""

    code = "orders.edit_line"


class EditBundle(Conflict):
    """A bundle is bought and priced as a whole.  Refund units of it or cancel the order; instead of adding one, add what
    it consists of.
    """

    code = "orders.edit_bundle"


class EditVariant(Invalid):
    """This can't be added: it isn't on sale, is another product, or has its price in another currency."""

    code = "orders.edit_variant"


class EditSoldOut(Conflict):
    """There aren't enough units left of what would be added."""

    code = "orders.edit_sold_out"


class EditLimit(Conflict):
    """The customer would have more of this than one buyer may have."""

    code = "orders.edit_limit"


class EditBeingPacked(Conflict):
    """A parcel of this order is being packed.  Put it back on the list to pick first."""

    code = "orders.edit_being_packed"


class EditDelivery(Invalid):
    """It can't be delivered this way; choose another."""

    code = "orders.edit_delivery"


class EditOneParcel(Conflict):
    """This order leaves in one parcel with another, to the same address."""

    code = "orders.edit_one_parcel"


class EditRefunded(Conflict):
    """More has been given back of this order already than would be left of it."""

    code = "orders.edit_refunded"
