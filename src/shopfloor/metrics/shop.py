"""What a shop sold, computed from the lake.  Computes for a while and waits for nothing: call it in a thread."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute

from shopfloor import collector
from shopfloor.metrics.engine import computing
from shopfloor.metrics.models import GroupFigure, MixedCurrencies, Sales
from shopfloor.metrics.registry import inputs, metrics
from shopfloor.metrics.tables import MONEY_FACTS

# Its functions are made at import from what the library holds; no checker can see them.
pc: Any = pyarrow.compute

_EPOCH: Final = date(1970, 1, 1)
_TILL: Final = ("till.sale_taken", "till.return_taken")
_SHOP_GRAINS: Final = ("shop", "week", "channel", "cohort")


def sales(source: Path | collector.Lake, shop_id: int, *, zone: str, at: datetime | None = None) -> Sales:
    """What was sold until now, or `at`, in days of `zone` (IANA).  Raises MixedCurrencies."""
    view = source if isinstance(source, collector.Lake) else collector.lake.open(source)
    as_of = at or view.as_of.at
    rows = view.table(shop_id=shop_id, types=[*MONEY_FACTS, *_TILL])
    ours = pc.and_(pc.starts_with(rows["source"], collector.SERVER), pc.less_equal(rows["event_time"], as_of))
    rows = rows.filter(ours)
    currencies = sorted(set(rows["currency"].drop_null().unique().to_pylist()))
    if len(currencies) > 1:
        raise MixedCurrencies(currencies=currencies)
    found: list[GroupFigure] = []
    with computing(_tables(rows, shop_id, zone), "shop") as engine:
        for metric in metrics().values():
            for grain in (each for each in _SHOP_GRAINS if each in metric.grains):
                for key, (n, d) in sorted(engine.values(metric.id, grain).items()):
                    name = "/".join(map(str, key))
                    found.append(
                        GroupFigure(grain, name, metric.id, metric.version, metric.unit, n, d, "provisional")
                    )
    return Sales(
        shop_id,
        as_of,
        currencies[0] if currencies else None,
        tuple(each for each in found if each.grain == "shop"),
        tuple(each for each in found if each.grain != "shop"),
    )


def _tables(rows: Any, shop_id: int, zone: str) -> dict[str, Any]:
    local = pc.local_timestamp(pc.assume_timezone(pc.cast(rows["event_time"], pa.timestamp("us")), "UTC").cast(
        pa.timestamp("us", tz=zone)
    ))  # fmt: skip
    day = pc.cast(pc.cast(pc.cast(local, pa.date32()), pa.int32()), pa.int64())
    kind = rows["type"]
    taken = pc.equal(kind, "till.sale_taken")
    # Quotes within a value are escaped, so these find nothing that only looks like the field.
    in_full = pc.match_substring_regex(rows["extra"], '"paid_in_full": ?false')
    moved = pc.struct_field(pc.extract_regex(rows["extra"], '"paid_minor": ?(?P<minor>-?[0-9]+)'), "minor")
    tells = pc.is_in(kind, pa.array(["orders.order_paid", "orders.order_edited"]))
    full = pc.if_else(pc.and_(tells, pc.invert(pc.fill_null(in_full, fill_value=False))), 1, 0)
    columns: dict[str, Any] = {
        "id": rows["id"],
        "type": kind,
        "shop_id": pa.repeat(pa.scalar(shop_id, pa.int64()), rows.num_rows),
        "day": day,
        "order_id": rows["order_id"],
        "show_id": pc.fill_null(rows["show_id"], 0),
        "product_id": rows["product_id"],
        "variant_id": rows["variant_id"],
        # An order of a till is its own buyer: nobody known.
        "viewer": pc.if_else(
            pc.fill_null(pc.equal(rows["viewer"], rows["order_id"]), fill_value=False), None, rows["viewer"]
        ),
        "quantity": rows["quantity"],
        "amount_minor": rows["amount_minor"],
        "full": pc.cast(full, pa.int64()),
        "moved": pc.cast(pc.if_else(pc.equal(kind, "orders.order_edited"), moved, None), pa.int64()),
        "till": pc.cast(taken, pa.int64()),
    }
    known = pa.table({name: columns[name] for name in inputs()["sales"].columns})
    known = known.filter(pc.is_valid(known["order_id"]))
    return {"sales": known, "days": _days(day, shop_id)}


def _days(day: Any, shop_id: int) -> Any:
    """The calendar of all days between the first sale and the last: one row a day."""
    bounds = pc.min_max(day).as_py()
    first, last = bounds["min"], bounds["max"]
    numbers = [] if first is None else range(first, last + 1)
    days = [(number, _EPOCH + timedelta(days=number)) for number in numbers]
    columns: dict[str, list[int]] = {
        "shop_id": [shop_id] * len(days),
        "day": [number for number, _ in days],
        "week": [number - each.weekday() for number, each in days],
        "weekday": [each.weekday() for _, each in days],
        "month": [each.year * 12 + each.month - 1 for _, each in days],
    }
    return pa.table({name: pa.array(values, pa.int64()) for name, values in columns.items()})


def local_day(moment: datetime, zone: str) -> int:
    """The day number of a moment on the clocks of `zone`."""
    return (moment.astimezone(ZoneInfo(zone)).date() - _EPOCH).days
