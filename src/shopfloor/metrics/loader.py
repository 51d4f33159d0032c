"""From a show's events in the lake to the input tables of the figures.

What engines would read differently is settled here, once: times become whole microseconds, JSON becomes
columns.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute

from shopfloor.collector import SERVER, Lake
from shopfloor.kernel.records import dataclass
from shopfloor.metrics.models import MixedCurrencies, UnknownShow, Without
from shopfloor.metrics.registry import inputs
from shopfloor.metrics.tables import GAP, MINUTE, SECOND

# Its functions are made at import from what the library holds; no checker can see them.
pc: Any = pyarrow.compute

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_ARROW: Final = {"int64": pa.int64(), "string": pa.string()}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A show's input tables, and what is known of the show itself.  Times in microseconds since 1970."""

    show_id: int
    shop_id: int
    started: int
    ended: int | None
    until: int
    currency: str | None
    tables: dict[str, Any]


def micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def load(lake: Lake, *, shop_id: int, show_id: int, at: datetime, without: Without | None = None) -> Loaded:
    """Read one show as of `at`.  Raises UnknownShow when this shop never started it."""
    rows = lake.table(show_id=show_id)
    same_shop = pc.fill_null(pc.equal(rows["shop_id"], shop_id), fill_value=True)
    rows = rows.filter(same_shop).sort_by([("event_time", "ascending"), ("id", "ascending")])
    if without:
        rows = _left_out(rows, without)
    ours = pc.starts_with(rows["source"], SERVER)
    when = pc.cast(rows["event_time"], pa.int64())

    facts = rows.filter(ours)
    starts = _times(facts, "live.show_started")
    if not starts:
        raise UnknownShow(show_id=show_id)
    started = starts[0]
    ends = [end for end in _times(facts, "live.show_ended") if end >= started]
    ended = ends[-1] if ends else None
    until = ended if ended is not None else max(micros(at), started)

    full, left, moved = _from_extra(rows)
    columns: dict[str, Any] = {
        name: rows[name] for name in inputs()["events"].columns if name in rows.schema.names
    }
    columns |= {
        "ours": pc.cast(ours, pa.int64()),
        "at": when,
        "span": _spans(rows["seconds"]),
        "full": full,
        "left": left,
        "moved": moved,
        "campaign": _campaigns(rows),
    }
    length = until - started
    return Loaded(
        show_id=show_id,
        shop_id=shop_id,
        started=started,
        ended=ended,
        until=until,
        currency=_currency(facts),
        tables={
            "events": pa.table({name: columns[name] for name in inputs()["events"].columns}),
            "shows": _table("shows", [(show_id, started, until)]),
            "seconds": _table("seconds", ((show_id, second) for second in range(-(-length // SECOND)))),
            "minutes": _table("minutes", ((show_id, minute) for minute in range(-(-length // MINUTE)))),
            "offer_variants": _table("offer_variants", _offer_variants(facts, show_id)),
            "asks": _table("asks", _asks(facts, show_id)),
        },
    )


def _left_out(rows: Any, without: Without) -> Any:
    """All but the events of these orders, of what was held for them, and of these viewers."""
    ordered = pc.is_in(rows["order_id"], pa.array(sorted(without.orders), pa.string()))
    holds = pc.drop_null(rows["hold_id"].filter(ordered)).unique()
    held = pc.is_in(rows["hold_id"], holds)
    seen = pc.is_in(rows["viewer"], pa.array(sorted(without.viewers), pa.string()))
    return rows.filter(pc.invert(pc.or_(pc.or_(ordered, held), seen)))


def _times(facts: Any, kind: str) -> list[int]:
    found = facts.filter(pc.equal(facts["type"], kind))["event_time"]
    return sorted(pc.cast(found, pa.int64()).to_pylist())


def _spans(seconds: Any) -> Any:
    """Reported seconds as microseconds; nobody can claim more than a beat may cover."""
    scaled = pc.round(pc.multiply(seconds, float(SECOND)))
    return pc.cast(pc.min_element_wise(scaled, float(GAP), skip_nulls=False), pa.int64())


def _campaigns(rows: Any) -> Any:
    """The code of the link that led to the room, as the room's page reports it."""
    reported = pc.if_else(pc.equal(rows["type"], "page_view"), rows["extra"], pa.scalar(None, pa.string()))
    # Quotes within a value are escaped, so this finds nothing that only looks like the field.
    found = pc.extract_regex(reported, '"campaign_source": ?"(?P<code>[a-z0-9-]{1,32})"')
    return pc.struct_field(found, "code")


def _from_extra(rows: Any) -> tuple[Any, Any, Any]:
    """Whether a payment completed its order, what an edit moved of what was paid, and how much of a variant can be bought, on hand and against supply
    together, from `extra`.  Rows come in the order of time.

    Stock that says nothing of later lots has not looked at them: they are what it said of them last.
    """
    full: list[int | None] = []
    left: list[int | None] = []
    moved: list[int | None] = []
    later: dict[int | None, int] = {}
    for kind, variant_id, quantity, extra in zip(
        rows["type"].to_pylist(),
        rows["variant_id"].to_pylist(),
        rows["quantity"].to_pylist(),
        rows["extra"].to_pylist(),
        strict=True,
    ):
        edited = kind == "orders.order_edited"
        tells = edited or kind == "orders.order_paid"
        full.append(int(_decode(extra).get("paid_in_full", True)) if tells else None)
        moved.append(_decode(extra).get("paid_minor") if edited else None)
        if kind != "stock.stock_changed" or quantity is None:
            left.append(None)
            continue
        lots = _decode(extra).get("later")
        if lots is not None:
            later[variant_id] = sum(units for _, units in lots)
        left.append(quantity + later.get(variant_id, 0))
    return pa.array(full, pa.int64()), pa.array(left, pa.int64()), pa.array(moved, pa.int64())


def _currency(facts: Any) -> str | None:
    orders = facts.filter(pc.starts_with(facts["type"], "orders.order_"))
    found = sorted(set(orders["currency"].drop_null().to_pylist()))
    if len(found) > 1:
        raise MixedCurrencies(currencies=found)
    return found[0] if found else None


def _offer_variants(facts: Any, show_id: int) -> Iterable[tuple[int, ...]]:
    """Which variants belong to which offer: as the offer was announced, or as it was held and ordered."""
    with_offer = facts.filter(pc.is_valid(facts["offer_id"]))
    products: dict[int, int] = {}
    pairs: dict[tuple[int, int], int | None] = {}
    for kind, offer, product, variant, extra in zip(
        *(with_offer[name].to_pylist() for name in ("type", "offer_id", "product_id", "variant_id", "extra")),
        strict=True,
    ):
        if product is not None and kind.startswith("live.offer_"):
            products[offer] = product
        announced = _decode(extra).get("prices") if kind == "live.offer_added" else None
        variants = [int(key) for key in announced or ()] + ([variant] if variant is not None else [])
        for variant_id in variants:
            pairs[offer, variant_id] = pairs.get((offer, variant_id)) or product
    for (offer, variant), product in sorted(pairs.items()):
        known = products.get(offer, product)
        if known is not None:
            yield show_id, offer, known, variant


def _asks(facts: Any, show_id: int) -> Iterable[tuple[object, ...]]:
    """One row for each thing a chat line asks for."""
    said = facts.filter(pc.equal(facts["type"], "chat.chat_said"))
    when = pc.cast(said["event_time"], pa.int64()).to_pylist()
    for identity, at, viewer, extra in zip(
        said["id"].to_pylist(), when, said["viewer"].to_pylist(), said["extra"].to_pylist(), strict=True
    ):
        asks = _decode(extra).get("asks")
        if not isinstance(asks, dict):
            continue
        for kind, values in sorted(asks.items()):
            for value in values if isinstance(values, list) else [values]:
                if value not in (None, False, ""):
                    yield show_id, identity, at, viewer, kind, str(value)


def _decode(extra: str | None) -> dict[str, Any]:
    return msgspec.json.decode(extra) if extra else {}


def _table(name: str, rows: Iterable[Sequence[object]]) -> Any:
    schema = inputs()[name].schema()
    columns: list[Sequence[object]] = list(zip(*rows, strict=True)) or [() for _ in schema]
    return pa.table(
        {
            column: pa.array(values, _ARROW[str(kind)])
            for (column, kind), values in zip(schema.items(), columns, strict=True)
        }
    )
