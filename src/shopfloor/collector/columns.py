"""The columns of the lake, and events as a table of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec
import pyarrow as pa

from shopfloor.collector.models import Event

# An Arrow table; pyarrow publishes no types.
ArrowTable: TypeAlias = Any

_UTC: Final = pa.timestamp("us", tz="UTC")

SCHEMA: Final = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("event_time", _UTC, nullable=False),
        pa.field("received_at", _UTC, nullable=False),
        pa.field("shop_id", pa.int64()),
        pa.field("show_id", pa.int64()),
        pa.field("session_id", pa.string()),
        pa.field("viewer", pa.string()),
        pa.field("actor_kind", pa.string()),
        pa.field("product_id", pa.int64()),
        pa.field("variant_id", pa.int64()),
        pa.field("offer_id", pa.int64()),
        pa.field("order_id", pa.string()),
        pa.field("hold_id", pa.string()),
        pa.field("quantity", pa.int64()),
        pa.field("amount_minor", pa.int64()),
        pa.field("currency", pa.string()),
        pa.field("code", pa.string()),
        pa.field("seconds", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("sequence", pa.int64()),
        pa.field("extra", pa.string()),
    ]
)

WORDS: Final = {
    "id": "identity of the event within its source",
    "source": "who says so: `shopfloor/<shop>` for facts, `shopfloor/<shop>/…` for other server events, `browser/…`",
    "type": "what happened",
    "event_time": "when it happened (UTC); for browsers received − (sent − created), within 72 h",
    "received_at": "when the collector received it (UTC); files are partitioned by its hour",
    "shop_id": "the shop",
    "show_id": "the show, if it belongs to one",
    "session_id": "the view session",
    "viewer": "pseudonymous shopper",
    "actor_kind": "viewer, host, merchant, supplier or system",
    "product_id": "the product",
    "variant_id": "the variant",
    "offer_id": "the offer in the show",
    "order_id": "the order",
    "hold_id": "the hold, or the refused request",
    "quantity": "units; for stock.stock_changed the units left",
    "amount_minor": "amount of this row in minor units of `currency`",
    "currency": "ISO 4217",
    "code": "reason or refusal code",
    "seconds": "a length of time",
    "text": "what was said",
    "sequence": "gap-free number within the view session; gaps are losses",
    "extra": "everything else, as a JSON object",
}

_PLAIN: Final = [name for name in SCHEMA.names if name not in {"received_at", "extra"}]


def table(events: Sequence[tuple[datetime, Event]]) -> ArrowTable:
    """Events, each with the time it was received, in the order given."""
    columns = {
        name: pa.array([getattr(event, name) for _, event in events], SCHEMA.field(name).type)
        for name in _PLAIN
    }
    columns["received_at"] = pa.array([received for received, _ in events], _UTC)
    columns["extra"] = pa.array(
        [
            None if event.extra is None else msgspec.json.encode(event.extra, order="sorted").decode()
            for _, event in events
        ],
        pa.string(),
    )
    return pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)
