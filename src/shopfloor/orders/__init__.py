"""From a hold to "delivered" and back.

Promise: a repeated form or message gives the first answer; an order's lines are what its buyer saw and add up to
its total; units are an order's own before its buyer is told so; money that came in for goods that cannot be had is
owed back.
"""

from shopfloor.orders import (
    authorising,
    capturing,
    edit_models,
    editing,
    paying,
    reconciling,
    replacing,
    shipping,
)
from shopfloor.orders.audit import audit
from shopfloor.orders.cancellation import cancel
from shopfloor.orders.charges import mark_paid
from shopfloor.orders.checkout import Checkout, begin_checkout, complete, prepare
from shopfloor.orders.checkout_form import Address, Form
from shopfloor.orders.checkouts import Checkouts
from shopfloor.orders.counter import Counter
from shopfloor.orders.events import OrderPlaced
from shopfloor.orders.hearing import HEARD
from shopfloor.orders.models import (
    Order,
    Party,
    Status,
)
from shopfloor.orders.order_view import OrderView
from shopfloor.orders.presale import answer_delay, delay, lot_delayed, lot_ready, mark_ready
from shopfloor.orders.queries import forget_contacts
from shopfloor.orders.refunds import confirm as confirm_refund
from shopfloor.orders.refunds import mark_refunded, refund, send_refund
from shopfloor.orders.refusals import CheckoutNotFound, NoDelay, OrderNotFound
from shopfloor.orders.sweeper import sweep
from shopfloor.orders.unpaid import release_network
from shopfloor.orders.views import order, order_for_shopper

__all__ = [
    "HEARD",
    "Address",
    "Checkout",
    "CheckoutNotFound",
    "Checkouts",
    "Counter",
    "Form",
    "NoDelay",
    "Order",
    "OrderNotFound",
    "OrderPlaced",
    "OrderView",
    "Party",
    "Status",
    "answer_delay",
    "audit",
    "authorising",
    "begin_checkout",
    "cancel",
    "capturing",
    "complete",
    "confirm_refund",
    "delay",
    "edit_models",
    "editing",
    "forget_contacts",
    "lot_delayed",
    "lot_ready",
    "mark_paid",
    "mark_ready",
    "mark_refunded",
    "order",
    "order_for_shopper",
    "paying",
    "prepare",
    "reconciling",
    "refund",
    "release_network",
    "replacing",
    "send_refund",
    "shipping",
    "sweep",
]
