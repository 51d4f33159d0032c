"""What an endpoint is, how a message to it is signed, when it is tried again.  No I/O here."""

import base64
import hmac
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec

from shopfloor.kernel.errors import Invalid, NotFound
from shopfloor.kernel.records import dataclass

# Facts that others may build on: their fields are in docs/events.md, and only grow.
EVENTS: Final = (
    "orders.order_placed", "orders.order_paid", "orders.order_cancelled", "orders.order_reinstated",
    "orders.order_edited", "orders.order_refunded", "orders.refund_paid", "orders.order_shipped", "orders.order_delivered",
    "fulfilment.parcel_shipped", "fulfilment.ready_to_collect", "fulfilment.parcel_delivered",
    "pickups.pickup_ready", "pickups.pickup_handed_over", "pickups.pickup_released",
    "returns.return_asked", "returns.return_approved", "returns.return_refused", "returns.return_received",
    "returns.return_refunded", "returns.return_exchanged", "returns.return_closed",
    "fapiao.requested", "fapiao.red_requested", "fapiao.recorded",
    "orders.balance_requested", "orders.delivery_delayed", "catalog.product_changed", "catalog.price_changed",
    "stock.stock_changed", "stock.units_arrived", "live.show_started", "live.show_ended",
    "supply.purchase_order_sent", "supply.purchase_order_confirmed", "supply.purchase_order_received",
    "statements.statement_made", "statements.checkpoint_signed", "statements.key_rotated",
)  # fmt: skip
TRIAL: Final = "shopfloor.trial"
MOST_ENDPOINTS: Final = 20
# Seconds after each attempt until the next; about three days in all.
WAITS: Final = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
GIVES_UP_AFTER: Final = timedelta(days=5)
KEPT_FOR: Final = timedelta(days=30)
# How long a secret that was rolled signs beside the new one.
PREVIOUS_FOR: Final = timedelta(hours=24)
PREFIX: Final = "whsec_"


class NotAnEndpoint(Invalid):
    """Name an https address without user name or fragment."""

    code = "webhooks.not_an_endpoint"


class NoEvents(Invalid):
    """Choose at least one event."""

    code = "webhooks.no_events"


class TooManyEndpoints(Invalid):
    """A shop can have at most twenty webhooks."""

    code = "webhooks.too_many_endpoints"


class UnknownEndpoint(NotFound):
    """There is no such webhook."""

    code = "webhooks.unknown_endpoint"


@dataclass(frozen=True, slots=True)
class Made:
    """A new endpoint; `secret` is shown now and never again."""

    id: int
    secret: str


def about_secret(shop_id: int, endpoint_id: int, url: str) -> str:
    return f"notifications.endpoint {shop_id} {endpoint_id} {url}"


def sign(secret: str, *, message: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = hmac.new(key, f"{message}.{timestamp}.".encode() + body, sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def payload(event: str, timestamp: str, data: Any) -> str:
    return msgspec.json.encode({"type": event, "timestamp": timestamp, "data": data}).decode()
