"""From the lake to a forecast: what a show said about each variant, in the learner's terms."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from shopfloor import catalog, metrics, run_of_show
from shopfloor.demand import service
from shopfloor.demand.models import Forecast, Signal
from shopfloor.kernel.database import Database, Tx


async def foresee(
    db: Database,
    lake: Path,
    *,
    shop_id: int,
    show_id: int,
    horizon: float = 1.0,
    without: metrics.Without | None = None,
    keep: Callable[[Tx, Forecast], Awaitable[None]],
) -> Forecast:
    """Read the show's signals, learn from them, and store a new version of its forecast, with `keep` beside it.

    `without`: what is known not to be real; nothing is made for orders that nobody wants.
    The lake is read on a thread, with no transaction open.  Raises what `metrics.signals` and
    `forecast_show` raise.
    """
    async with db.transaction() as tx:
        offered = await run_of_show.offers(tx, shop_id=shop_id, show_id=show_id)
        ids = sorted({line.variant_id for offer in offered for line in offer.lines})
        bundles = await catalog.bundles(tx, shop_id=shop_id, variant_ids=ids)
        ids += [part.variant_id for bundle in bundles.values() for part in bundle.parts]
        variants = {each.id: each for each in await catalog.variants(tx, shop_id=shop_id, ids=ids)}
        products = await catalog.products_by_id(
            tx, shop_id=shop_id, ids=sorted({each.product_id for each in variants.values()})
        )
    seen = await asyncio.to_thread(
        metrics.signals,
        lake,
        shop_id,
        show_id,
        options={key: each.options for key, each in variants.items()},
        without=without,
    )
    async with db.transaction() as tx:
        forecast = await service.forecast_show(
            tx,
            shop_id=shop_id,
            show_id=show_id,
            signals=of_parts(as_signals(seen, variants, products), bundles, variants, products),
            horizon=horizon,
        )
        await keep(tx, forecast)
        return forecast


def as_signals(
    seen: Sequence[metrics.VariantSignal],
    variants: Mapping[int, catalog.Variant],
    products: Mapping[int, catalog.Product],
) -> list[Signal]:
    """What metrics saw, with the names of options; variants that left the catalog are left out."""
    return [
        Signal(
            variant_id=each.variant_id,
            product_id=variant.product_id,
            options=_options(variant, products),
            exposure_in_stock=each.exposure,
            exposure_total=each.exposure_total,
            units_held=each.units_held,
            units_paid=each.units_paid,
            refused_buyers=each.refused_buyers,
            waitlist_units=each.waitlist_units,
            asks=each.asks,
            stocked_out_at=each.sold_out_at[0] if each.sold_out_at else None,
        )
        for each in seen
        if (variant := variants.get(each.variant_id)) is not None
    ]


def _options(variant: catalog.Variant, products: Mapping[int, catalog.Product]) -> dict[str, str]:
    return dict(zip(products[variant.product_id].option_names, variant.options, strict=False))


def of_parts(
    signals: Sequence[Signal],
    bundles: Mapping[int, catalog.Bundle],
    variants: Mapping[int, catalog.Variant],
    products: Mapping[int, catalog.Product],
) -> list[Signal]:
    """What was said of bundles, said of their parts: nobody makes or orders a bundle.

    The ledger's facts (units held, paid, refused) speak of parts already.  A part is shown while its bundle is, and
    who waits for a bundle waits for all units in it.
    """
    found = {signal.variant_id: signal for signal in signals if signal.variant_id not in bundles}
    for signal in signals:
        bundle = bundles.get(signal.variant_id)
        for part in () if bundle is None else bundle.parts:
            variant = variants.get(part.variant_id)
            if variant is None:
                continue
            own = found.get(variant.id) or Signal(
                variant.id, variant.product_id, _options(variant, products), 0.0, 0.0, 0, 0
            )
            found[variant.id] = replace(
                own,
                exposure_in_stock=own.exposure_in_stock + signal.exposure_in_stock,
                exposure_total=own.exposure_total + signal.exposure_total,
                waitlist_units=own.waitlist_units + part.quantity * signal.waitlist_units,
            )
    return list(found.values())
