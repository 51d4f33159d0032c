"""Reports and signals of a show, computed from the lake.

These functions compute for a while and wait for nothing: call them in a thread (`asyncio.to_thread`).
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow.compute

from shopfloor import collector
from shopfloor.metrics import definitions
from shopfloor.metrics.engine import Engine, Values, computing, quotients
from shopfloor.metrics.loader import Loaded, load, moment
from shopfloor.metrics.models import (
    Ask,
    Feature,
    Figure,
    GroupFigure,
    MinuteRow,
    ProductRow,
    Refused,
    ShowReport,
    State,
    VariantRow,
    VariantSignal,
    Without,
)
from shopfloor.metrics.registry import metrics
from shopfloor.metrics.tables import DENSITY_MINUTES

# Its functions are made at import from what the library holds; no checker can see them.
pc: Any = pyarrow.compute

assert definitions.__name__, "importing the definitions registers them"

_PRODUCT: Final = {
    "exposed": "exposed",
    "reached": "reached",
    "clicked": "clickers",
    "held": "holders",
    "paid": "buyers",
    "orders_placed": "orders_placed",
    "orders_paid": "orders_paid",
    "units_paid": "units_paid",
    "gmv_placed": "gmv_placed",
    "gmv_paid": "gmv_paid",
    "gmv_net": "gmv_net",
}
_VARIANT: Final = _PRODUCT | {
    "exposed": "exposed_variant",
    "reached": "reached_variant",
    "units_held": "units_held",
    "refusals": "refusals",
    "refused_buyers": "refused_buyers",
    "waitlist_joins": "waitlist_joins",
    "waitlist_units": "waitlist_units",
}
# The reasons of the collector that a report tells by name.
_REASONS: Final = {
    "type": "unknown_type",
    "unknown_type": "unknown_type",
    "server_only": "unknown_type",
    "quantity": "bad_quantity",
    "range:quantity": "bad_quantity",
}
_MINUTE: Final = {
    "viewers": "pcu",
    "orders_placed": "orders_placed",
    "orders_paid": "orders_paid",
    "gmv_placed": "gmv_placed",
    "gmv_paid": "gmv_paid",
}


class _Data(msgspec.Struct):
    show_id: Any = None


class _Named(msgspec.Struct):
    data: _Data


def show_report(
    source: Path | collector.Lake, shop_id: int, show_id: int, *, at: datetime | None = None
) -> ShowReport:
    """Everything the lake tells about a show, as of now or `at`.  Raises UnknownShow, MixedCurrencies."""
    view = source if isinstance(source, collector.Lake) else collector.lake.open(source)
    as_of = at or view.as_of.at
    loaded = load(view, shop_id=shop_id, show_id=show_id, at=as_of)
    with computing(loaded.tables) as engine:
        figures = _figures(engine, loaded, as_of)
        features = _features(engine)
        products = _table(engine, "product", _PRODUCT)
        variants = _table(engine, "variant", _VARIANT)
        product_of = _product_of(engine)
        groups = _groups(engine, loaded, as_of)
        return ShowReport(
            shop_id=shop_id,
            show_id=show_id,
            started_at=moment(loaded.started),
            ended_at=None if loaded.ended is None else moment(loaded.ended),
            as_of=as_of,
            state=_state(loaded, as_of, max(metric.settles_days for metric in metrics().values())),
            currency=loaded.currency,
            figures=figures,
            products=tuple(ProductRow(product_id=key, **row) for key, row in sorted(products.items())),
            variants=tuple(
                VariantRow(variant_id=key, product_id=product_of.get(key), **row)
                for key, row in sorted(variants.items())
            ),
            minutes=_minutes(engine, loaded, features),
            features=features,
            asks=_asks(engine, features),
            checks=_checks(figures, products, groups),
            refused=_refused(view, show_id, moment(loaded.started), moment(loaded.until)),
            groups=groups,
        )


def show_figures(
    source: collector.Lake, shop_id: int, show_id: int, *, at: datetime, without: Without | None = None
) -> tuple[dict[str, Figure], str | None]:
    """The figures of a show as a whole, and their currency.  Raises UnknownShow, MixedCurrencies."""
    loaded = load(source, shop_id=shop_id, show_id=show_id, at=at, without=without)
    with computing(loaded.tables) as engine:
        return _figures(engine, loaded, at), loaded.currency


def signals(
    source: Path | collector.Lake,
    shop_id: int,
    show_id: int,
    *,
    options: Mapping[int, Sequence[str]] | None = None,
    at: datetime | None = None,
    without: Without | None = None,
) -> list[VariantSignal]:
    """What a show said about each of its variants, `without` what is known not to be real.

    `options` are the variants' sizes and colours, by which questions in chat are counted for a variant; who
    knows them only afterwards finds all questions in `questions`.  Raises UnknownShow.
    """
    view = source if isinstance(source, collector.Lake) else collector.lake.open(source)
    loaded = load(view, shop_id=shop_id, show_id=show_id, at=at or view.as_of.at, without=without)
    with computing(loaded.tables) as engine:
        product_of = _product_of(engine)
        offered = {variant for (variant,) in engine.rows("offer_variants", "variant_id")}
        found = {
            name: engine.values(name, "variant")
            for name in (
                "exposure_s",
                "exposure_buyable_s",
                "clicks",
                "holders",
                "units_held",
                "units_paid",
                "refused_buyers",
                "refused_units",
                "waitlist_units",
            )
        }
        sold_out = _sold_out(engine)
        questions = _questions(_asks(engine, _features(engine)))
    variants = offered | {variant for values in found.values() for (variant,) in values}
    return [
        VariantSignal(
            variant_id=variant,
            product_id=product_of.get(variant),
            exposure=_seconds(found["exposure_buyable_s"], variant),
            exposure_total=_seconds(found["exposure_s"], variant),
            clicks=_count(found["clicks"], variant),
            holds=_count(found["holders"], variant),
            units_held=_count(found["units_held"], variant),
            units_paid=_count(found["units_paid"], variant),
            refused_buyers=_count(found["refused_buyers"], variant),
            refused_units=_count(found["refused_units"], variant),
            waitlist_units=_count(found["waitlist_units"], variant),
            asks=sum(
                questions[product_of.get(variant)][option.casefold()]
                for option in set((options or {}).get(variant, ()))
            ),
            questions=dict(questions[product_of.get(variant)]),
            sold_out_at=tuple(sold_out[variant]),
        )
        for variant in sorted(variants)
    ]


def shows(source: Path | collector.Lake, shop_id: int) -> list[int]:
    """The shows this shop started, in order of their start."""
    view = source if isinstance(source, collector.Lake) else collector.lake.open(source)
    rows = view.table(shop_id=shop_id, types=["live.show_started"], names=["event_time", "show_id"])
    found = rows.sort_by("event_time")["show_id"].to_pylist()
    return list(dict.fromkeys(show for show in found if show is not None))


def _figures(engine: Engine, loaded: Loaded, as_of: datetime) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    for metric in metrics().values():
        if "show" not in metric.grains:
            continue
        # Nothing of it happened: a count is 0, a quotient has nothing to divide by.
        missing = (0, 0) if metric.id in quotients() else (0, None)
        numerator, denominator = engine.values(metric.id, "show").get((), missing)
        figures[metric.id] = Figure(
            id=metric.id,
            version=metric.version,
            unit=metric.unit,
            numerator=numerator,
            denominator=denominator,
            as_of=as_of,
            state=_state(loaded, as_of, metric.settles_days),
            basis=metric.basis,
        )
    return figures


def _groups(engine: Engine, loaded: Loaded, as_of: datetime) -> tuple[GroupFigure, ...]:
    """The quotients of products, which rows of whole numbers cannot hold, and what is told of other parts."""
    found: list[GroupFigure] = []
    for metric in metrics().values():
        for grain in ("product", "source", "rule", "pitch"):
            if grain not in metric.grains:
                continue
            state = _state(loaded, as_of, metric.settles_days)
            for key, (n, d) in sorted(engine.values(metric.id, grain).items()):
                if grain != "product" or d is not None:
                    name = "/".join(map(str, key))
                    found.append(
                        GroupFigure(grain, name, metric.id, metric.version, metric.unit, n, d, state)
                    )
    return tuple(found)


def _state(loaded: Loaded, as_of: datetime, settles_days: int) -> State:
    if loaded.ended is None or as_of < moment(loaded.ended) + timedelta(days=settles_days):
        return "provisional"
    return "final"


def _table(engine: Engine, grain: str, names: Mapping[str, str]) -> dict[int, dict[str, int]]:
    """One row for each key that has any value, with 0 where it has none."""
    columns = {name: engine.values(metric, grain) for name, metric in names.items()}
    keys = {key for values in columns.values() for (key,) in values}
    return {key: {name: values.get((key,), (0, None))[0] for name, values in columns.items()} for key in keys}


def _minutes(engine: Engine, loaded: Loaded, features: Sequence[Feature]) -> tuple[MinuteRow, ...]:
    series = _table(engine, "minute", _MINUTE)
    density = engine.values("density", "minute")
    rows: list[MinuteRow] = []
    for (minute,) in engine.rows("minutes", "minute"):
        begin = moment(loaded.started) + timedelta(minutes=minute)
        shown = [
            feature.product_id
            for feature in features
            if feature.starts_at < begin + timedelta(minutes=1) and begin < feature.ends_at
        ]
        values = series.get(minute, dict.fromkeys(_MINUTE, 0))
        numerator, denominator = density.get((minute,), (0, DENSITY_MINUTES))
        rows.append(
            MinuteRow(
                minute=minute,
                starts_at=begin,
                density=numerator / (denominator or DENSITY_MINUTES),
                featured=tuple(dict.fromkeys(product for product in shown if product is not None)),
                **values,
            )
        )
    return tuple(rows)


def _features(engine: Engine) -> tuple[Feature, ...]:
    return tuple(
        Feature(offer, product, moment(begin), moment(end))
        for begin, end, offer, product in engine.rows("features", "begin", "end", "offer_id", "product_id")
    )


def _asks(engine: Engine, features: Sequence[Feature]) -> tuple[Ask, ...]:
    counted: Counter[tuple[int | None, str, str]] = Counter()
    for at, _, kind, value in engine.rows("asks", "at", "id", "kind", "value"):
        asked_at = moment(at)
        shown = next(
            (feature.product_id for feature in features if feature.starts_at <= asked_at < feature.ends_at),
            None,
        )
        counted[shown, kind, value] += 1
    return tuple(
        Ask(product, kind, value, lines)
        for (product, kind, value), lines in sorted(
            counted.items(), key=lambda item: (-item[1], item[0][0] or 0, item[0][1:])
        )
    )


def _questions(asks: Sequence[Ask]) -> defaultdict[int | None, Counter[str]]:
    """Sizes and colours asked for by the product shown at that moment, in lower case."""
    found: defaultdict[int | None, Counter[str]] = defaultdict(Counter)
    for ask in asks:
        if ask.product_id is not None and ask.kind in {"sizes", "colours"}:
            found[ask.product_id][ask.value.casefold()] += ask.lines
    return found


def _sold_out(engine: Engine) -> defaultdict[int, list[datetime]]:
    """When stock told that nothing was left of what could be bought before."""
    found: defaultdict[int, list[datetime]] = defaultdict(list)
    for variant, at, left, before in engine.rows("supplies", "variant_id", "at", "left", "before"):
        if left <= 0 and (before is None or before > 0):
            found[variant].append(moment(at))
    return found


def _product_of(engine: Engine) -> dict[int, int]:
    return dict(engine.rows("variant_products", "variant_id", "product_id"))


def _count(values: Values, key: int) -> int:
    return values.get((key,), (0, None))[0]


def _seconds(values: Values, key: int) -> float:
    numerator, denominator = values.get((key,), (0, 1))
    return numerator / (denominator or 1)


def _refused(view: collector.Lake, show_id: int, since: datetime, until: datetime) -> Refused:
    """What came in while the show ran and is in no figure."""
    refusals = view.table(types=[collector.REFUSED], names=["source", "event_time", "quantity"])
    ours = pc.starts_with(refusals["source"], collector.SERVER)
    within = pc.and_(
        pc.greater_equal(refusals["event_time"], since), pc.less_equal(refusals["event_time"], until)
    )
    found: Counter[str] = Counter()
    for bad in collector.bad_events(view, since, until):
        named = _show_named(bad.raw)
        if named is None:
            found["no_show"] += 1
        elif named == show_id:
            found[_REASONS.get(bad.reason, "other")] += 1
    return Refused(
        unknown_type=found["unknown_type"],
        bad_quantity=found["bad_quantity"],
        other=found["other"],
        no_show=found["no_show"],
        too_fast=sum(refusals.filter(pc.and_(ours, within))["quantity"].to_pylist()),
    )


def _show_named(raw: bytes) -> int | None:
    """The show that what came in says it is of."""
    try:
        named = msgspec.json.decode(raw, type=_Named).data.show_id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return named if isinstance(named, int) and not isinstance(named, bool) else None


def _checks(
    figures: Mapping[str, Figure], products: Mapping[int, Mapping[str, Any]], groups: Sequence[GroupFigure]
) -> dict[str, bool]:
    """Identities that hold for every show; one that does not is a bug, shown with the report."""
    return {
        "acu times length equals watch_s": figures["acu"].numerator == figures["watch_s"].numerator,
        "gmv_paid of products sums to the show's": sum(row["gmv_paid"] for row in products.values())
        == figures["gmv_paid"].numerator,
        "what is attributed sums to gmv_paid": sum(
            each.numerator for each in groups if (each.grain, each.id) == ("rule", "attributed_paid")
        )
        == figures["gmv_paid"].numerator,
        "gmv_net is at most gmv_paid": figures["gmv_net"].numerator <= figures["gmv_paid"].numerator,
    }
