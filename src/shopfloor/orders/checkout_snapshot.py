"""A purchase frozen as its buyer saw it: lines, prices, product pages, terms."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from shopfloor import catalog, policies, pricing, purchases, stock
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.orders import checkout_queries
from shopfloor.orders.models import Bundle, Item


async def from_hold(tx: Tx, hold: stock.Hold) -> checkout_queries.CheckoutRow:
    return await _freeze(
        tx,
        id=hold.id,
        shop_id=hold.shop_id,
        buyer=hold.buyer,
        held=True,
        offer_id=hold.offer_id,
        show_id=hold.show_id,
        pool_id=hold.pool_id,
        tapped_at=hold.granted_at,
        wanted=_by_lot(hold),
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Units of one variant that are ready on one day, at one price, in one bundle or none."""

    variant_id: int
    quantity: int
    unit_price_minor: int
    ready_on: date | None
    bundle_id: int | None


def _by_lot(hold: stock.Hold) -> list[_Wanted]:
    """What comes from one shelf or on one day is one line."""
    units: dict[tuple[int, int, date | None, int | None], int] = {}
    for part in hold.parts:
        key = (part.variant_id, part.unit_price, part.ready_on, part.bundle_id)
        units[key] = units.get(key, 0) + part.quantity
    return [
        _Wanted(variant_id, quantity, price, ready_on, bundle_id)
        for (variant_id, price, ready_on, bundle_id), quantity in units.items()
    ]


async def from_intent(tx: Tx, *, hold_id: UUID) -> checkout_queries.CheckoutRow | None:
    intent = await purchases.intent(tx, intent_id=hold_id)
    if intent is None:
        return None
    request = stock.Request(
        id=hold_id,
        shop_id=intent.shop_id,
        pool_id=intent.pool_id,
        buyer=intent.buyer,
        lines=tuple(
            stock.Line(line["variant_id"], line["quantity"], line.get("bundle_id")) for line in intent.lines
        ),
        hold_seconds=0,
    )
    quote = await stock.quote(tx, request)
    wanted = [
        _Wanted(line.variant_id, line.quantity, kept["unit_price_minor"], ready_on, line.bundle_id)
        for line, kept, ready_on in zip(request.lines, intent.lines, quote.ready_on, strict=True)
    ]
    return await _freeze(
        tx,
        id=hold_id,
        shop_id=intent.shop_id,
        buyer=intent.buyer,
        held=False,
        offer_id=intent.offer_id,
        show_id=intent.show_id,
        pool_id=intent.pool_id,
        tapped_at=intent.created_at,
        wanted=wanted,
    )


async def _freeze(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    shop_id: int,
    buyer: UUID,
    held: bool,
    offer_id: int | None,
    show_id: int | None,
    pool_id: int,
    tapped_at: datetime,
    wanted: Sequence[_Wanted],
) -> checkout_queries.CheckoutRow:
    bundle_ids = [line.bundle_id for line in wanted if line.bundle_id is not None]
    compositions = await catalog.bundles_by_id(tx, shop_id=shop_id, ids=bundle_ids) if bundle_ids else {}
    ids = [line.variant_id for line in wanted] + [bundle.variant_id for bundle in compositions.values()]
    variants = {row.id: row for row in await checkout_queries.variants(tx, shop_id=shop_id, ids=ids)}
    offered = await purchases.offer_lines(tx, offer_id=offer_id) if offer_id is not None else []
    terms = offered[0] if offered else None
    show = await checkout_queries.show(tx, shop_id=shop_id, show_id=show_id) if show_id is not None else None
    items = [
        Item(
            variant_id=line.variant_id,
            product_id=variants[line.variant_id].product_id,
            offer_id=offer_id,
            title=variants[line.variant_id].title,
            sku=variants[line.variant_id].sku,
            options=variants[line.variant_id].options,
            picture_sha=variants[line.variant_id].picture_sha,
            quantity=line.quantity,
            unit_price_minor=line.unit_price_minor,
            amount_minor=line.unit_price_minor * line.quantity,
            ready_on=line.ready_on,
            deposit_percent=terms.deposit_percent if terms and held and line.ready_on else None,
            bundle_id=line.bundle_id,
        )
        for line in wanted
    ]
    bundles = [_whole(bundle, variants[bundle.variant_id], items) for bundle in compositions.values()]
    currency = terms.currency if terms else variants[wanted[0].variant_id].currency
    started = show.started_at if show else None
    host = None
    if show and show.host_id is not None:
        host = await checkout_queries.host_name(tx, shop_id=shop_id, person_id=show.host_id)
    return checkout_queries.CheckoutRow(
        id=id,
        shop_id=shop_id,
        buyer=buyer,
        held=held,
        policy=(terms.policy if terms else stock.HoldPolicy.TIMER) if held else stock.HoldPolicy.FIRST_PAID,
        offer_id=offer_id,
        show_id=show_id,
        pool_id=pool_id,
        host_id=show.host_id if show else None,
        host_name=host,
        show_ms=None if started is None else int((tapped_at - started).total_seconds() * 1000),
        currency=currency,
        items=plain(items),
        bundles=plain(bundles),
        page={
            "seen_at": tapped_at.isoformat(),
            "show": None if show is None else {"id": show.id, "title": show.title, "host": host},
            "offer": None if terms is None else msgspec.to_builtins(asdict(terms)),
            "items": plain(items),
            "bundles": plain(bundles),
            "products": [
                asdict(page)
                for page in await catalog.product_pages(
                    tx, shop_id=shop_id, ids=sorted({each.product_id for each in [*items, *bundles]})
                )
            ],
            "terms": asdict(await policies.shop_terms(tx, shop_id=shop_id)),
            "shipping_at_checkout": await pricing.has_delivery(tx, shop_id=shop_id),
        },
        renewals=0,
    )


def _whole(bundle: catalog.Bundle, variant: checkout_queries.VariantRow, items: Sequence[Item]) -> Bundle:
    """What these items come to as one thing."""
    parts = [item for item in items if item.bundle_id == bundle.id]
    quantity = sum(item.quantity for item in parts) // bundle.units
    amount_minor = sum(item.amount_minor for item in parts)
    return Bundle(
        id=bundle.id,
        variant_id=variant.id,
        product_id=variant.product_id,
        title=variant.title,
        sku=variant.sku,
        options=variant.options,
        picture_sha=variant.picture_sha,
        quantity=quantity,
        unit_price_minor=amount_minor // quantity,
        amount_minor=amount_minor,
    )


def plain(items: Sequence[Item | Bundle]) -> list[dict[str, Any]]:
    return msgspec.to_builtins([asdict(item) for item in items])


def from_lots(items: Sequence[Item], hold: stock.Hold) -> list[Item]:
    """The same goods at the same prices, by the lots they come from now."""
    seen = {item.variant_id: item for item in items}
    deposits = {item.offer_id: item.deposit_percent for item in items if item.deposit_percent}
    return [
        Item(
            variant_id=line.variant_id,
            product_id=seen[line.variant_id].product_id,
            offer_id=seen[line.variant_id].offer_id,
            title=seen[line.variant_id].title,
            sku=seen[line.variant_id].sku,
            options=seen[line.variant_id].options,
            picture_sha=seen[line.variant_id].picture_sha,
            quantity=line.quantity,
            unit_price_minor=line.unit_price_minor,
            amount_minor=line.unit_price_minor * line.quantity,
            ready_on=line.ready_on,
            deposit_percent=deposits.get(seen[line.variant_id].offer_id) if line.ready_on else None,
            bundle_id=line.bundle_id,
        )
        for line in _by_lot(hold)
    ]
