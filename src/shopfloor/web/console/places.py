"""The pages of the console and the permission each needs: one table for what opens a page and what leads to it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from shopfloor.accounts import Permission
from shopfloor.kernel.records import dataclass
from shopfloor.web.languages import N_


@dataclass(frozen=True, slots=True)
class Place:
    """`path` is below `/console/{shop}`.  Without `icon` the navigation does not name it: other pages lead to it."""

    path: str
    permission: Permission
    label: str
    icon: str | None = None


_P = Permission

PLACES: Final[Mapping[str, Place]] = MappingProxyType(
    {
        "overview": Place("", _P.CATALOG_VIEW, N_("Overview"), "home"),
        "shows": Place("/shows", _P.SHOW_VIEW, N_("Shows"), "camera"),
        "orders": Place("/orders", _P.ORDERS_VIEW, N_("Orders"), "receipt"),
        "customers": Place("/customers", _P.ORDERS_VIEW, N_("Customers"), "heart"),
        "fulfilment": Place("/fulfilment", _P.ORDERS_VIEW, N_("Fulfilment"), "box"),
        "returns": Place("/returns", _P.ORDERS_VIEW, N_("Returns"), "return"),
        "pickups": Place("/pickups", _P.ORDERS_VIEW, N_("To collect"), "bag"),
        "dispatch": Place("/dispatch", _P.ORDERS_VIEW, N_("Ship from store"), "truck"),
        "stores": Place("/stores", _P.STOCK_VIEW, N_("Stores")),
        "products": Place("/products", _P.CATALOG_VIEW, N_("Products"), "tag"),
        "collections": Place("/collections", _P.CATALOG_VIEW, N_("Collections")),
        "stock": Place("/stock", _P.STOCK_VIEW, N_("Stock"), "shelf"),
        "transfers": Place("/stock/transfers", _P.STOCK_VIEW, N_("Transfers")),
        "low_stock": Place("/stock/low", _P.STOCK_VIEW, N_("Low stock")),
        "counts": Place("/stock/counts", _P.STOCK_VIEW, N_("Counts")),
        "tills": Place("/tills", _P.TILL_SELL, N_("Tills"), "store"),
        "till_people": Place("/tills/people", _P.TILL_SELL, N_("Assistants")),
        "till_shifts": Place("/tills/shifts", _P.TILL_SELL, N_("Shifts")),
        "till_tasks": Place("/tills/tasks", _P.TILL_SELL, N_("Tasks")),
        "suppliers": Place("/suppliers", _P.SUPPLIERS_VIEW, N_("Suppliers"), "factory"),
        "media": Place("/media", _P.SHOW_VIEW, N_("Cameras"), "wifi"),
        "terms": Place("/terms", _P.ORDERS_VIEW, N_("Settings"), "money"),
        "discounts": Place("/discounts", _P.ORDERS_VIEW, N_("Discounts"), "percent"),
        "messages": Place("/messages", _P.ORDERS_VIEW, N_("Messages"), "send"),
        "webhooks": Place("/webhooks", _P.MEMBERS_VIEW, N_("Webhooks")),
        "brand": Place("/brand", _P.ORDERS_VIEW, N_("Brand")),
        "embeds": Place("/embeds", _P.ORDERS_VIEW, N_("Your website")),
        "contact": Place("/contact", _P.ORDERS_VIEW, N_("Contact")),
        "policies": Place("/policies", _P.ORDERS_VIEW, N_("Policies")),
        "taxes": Place("/taxes", _P.ORDERS_VIEW, N_("Taxes")),
        "invoices": Place("/invoices", _P.ORDERS_VIEW, N_("Invoices")),
        "fapiao": Place("/fapiao", _P.ORDERS_VIEW, N_("Fapiao")),
        "return_rules": Place("/return-rules", _P.ORDERS_VIEW, N_("Returns")),
        "shipping": Place("/shipping", _P.ORDERS_VIEW, N_("Shipping and pickup")),
        "routing": Place("/routing", _P.ORDERS_VIEW, N_("Order routing")),
        "payments": Place("/payments", _P.MONEY_VIEW, N_("Payments")),
        "members": Place("/members", _P.MEMBERS_VIEW, N_("Members"), "people"),
        "studio": Place("/shows/{show_id}/studio", _P.SHOW_VIEW, N_("Studio")),
        "report": Place("/shows/{show_id}/report", _P.REPORT_VIEW, N_("Report")),
        "reports": Place("/reports", _P.REPORT_VIEW, N_("Reports"), "chart"),
        "ask": Place("/ask", _P.LAKE_QUERY, N_("Ask in SQL")),
        "statements": Place("/statements", _P.REPORT_VIEW, N_("Signed statements")),
        "integrity": Place("/integrity", _P.INTEGRITY_VIEW, N_("Invalid traffic"), "shield"),
        "plan": Place("/shows/{show_id}/plan", _P.PLAN_VIEW, N_("Plan")),
    }
)
