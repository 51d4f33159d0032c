"""Matching demand with supply: quotes, the plan with its bound, purchase orders, what suppliers promise.

Promise: a plan is judged from its order lines alone, in integers, before it is stored, and says how far from
the best plan it can be; what a supplier confirms becomes a lot that can be sold, with its day, in the same
transaction.
"""

from shopfloor.supply.jobs import Wanted, ask_plan, follow_forecast, plan_state
from shopfloor.supply.models import (
    BadQuantity,
    BadQuote,
    NoPlan,
    OrderState,
    Plan,
    PlanLine,
    Promise,
    PurchaseLine,
    PurchaseOrder,
    Quote,
    QuoteTerms,
    Sent,
    Supplier,
    Tier,
    UnknownPlan,
    UnknownPurchaseOrder,
    UnknownSupplier,
    check_promises,
)
from shopfloor.supply.plans import make_plan, outlook, plan, recheck
from shopfloor.supply.purchasing import (
    OPEN_STATES,
    Desk,
    accept,
    confirm,
    desk,
    open_order_counts,
    purchase_order,
    purchase_order_for_key,
    purchase_orders,
    receive,
)
from shopfloor.supply.quotes import add_quote, announce_makeable, quotes, withdraw_quote
from shopfloor.supply.sheet import export_csv
from shopfloor.supply.suppliers import add_supplier, supplier, supplier_key, suppliers, update_supplier

__all__ = [
    "OPEN_STATES",
    "BadQuantity",
    "BadQuote",
    "Desk",
    "NoPlan",
    "OrderState",
    "Plan",
    "PlanLine",
    "Promise",
    "PurchaseLine",
    "PurchaseOrder",
    "Quote",
    "QuoteTerms",
    "Sent",
    "Supplier",
    "Tier",
    "UnknownPlan",
    "UnknownPurchaseOrder",
    "UnknownSupplier",
    "Wanted",
    "accept",
    "add_quote",
    "add_supplier",
    "announce_makeable",
    "ask_plan",
    "check_promises",
    "confirm",
    "desk",
    "export_csv",
    "follow_forecast",
    "make_plan",
    "open_order_counts",
    "outlook",
    "plan",
    "plan_state",
    "purchase_order",
    "purchase_order_for_key",
    "purchase_orders",
    "quotes",
    "receive",
    "recheck",
    "supplier",
    "supplier_key",
    "suppliers",
    "update_supplier",
    "withdraw_quote",
]
