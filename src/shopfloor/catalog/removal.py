"""Products and variants are deleted, as long as nothing anywhere names them: no stock, order, show or quote.

Most of what can name a variant stands above the catalogue.  Whoever composes the process says how to find it, from
the same table of columns by which the audit keeps shops apart, so that nothing new can be forgotten here.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from shopfloor.catalog import reference_queries, removal_queries, service
from shopfloor.catalog.events import ProductChanged
from shopfloor.catalog.models import InUse, UnknownProduct, UnknownVariant
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.services import NamedBy

"""The tables with a row that names one of these rows, given by table and id."""

# Goes with what is deleted.
GOES_ALONG: Final = frozenset(
    {
        "catalog.bundle", "catalog.bundle_part", "catalog.list_price_source", "catalog.picture",
        "catalog.picture_source", "catalog.price",
        "catalog.variant", "collections.member", "policies.no_withdrawal",
    }
)  # fmt: skip
# What keeps it, by the table that names it.
REASONS: Final[Mapping[str, str]] = {
    "auctions.auction": "show",
    "demand.line": "forecast",
    "demand.observation": "forecast",
    "fulfilment.parcel_line": "sold",
    "live.flash_line": "show",
    "live.offer": "show",
    "live.offer_line": "show",
    "live.offer_price": "show",
    "live.waiting": "show",
    "live_counters.counted_line": "sold",
    "orders.bundle": "sold",
    "orders.line": "sold",
    "orders.sold": "sold",
    "promotions.discount_product": "discount",
    "purchases.waiting": "waitlist",
    "purchases.waiting_count": "waitlist",
    "purchases.waiting_units": "waitlist",
    "replays.clip": "show",
    "returns.exchange_line": "sold",
    "returns.line": "sold",
    "returns.receipt": "sold",
    "stock.hold": "held",
    "stock.level": "stock",
    "stock_control.count_entry": "stock",
    "stock_control.count_line": "stock",
    "stock_control.safety": "stock",
    "stock_control.threshold": "stock",
    "stock_control.transfer_line": "stock",
    "supply.plan_line": "plan",
    "supply.purchase_line": "purchase_order",
    "supply.quote": "quote",
    "tills.escrow": "stock",
    "tills.settings": "other",
}
_OTHER: Final = "other"


async def delete_product(tx: Tx, *, shop_id: int, product_id: int, named_by: NamedBy) -> None:
    """Delete a product with its variants, prices and pictures.  Raises UnknownProduct, or InUse: archive it then."""
    if not await removal_queries.lock_to_delete(tx, shop_id=shop_id, product_id=product_id):
        raise UnknownProduct
    product = await service.product(tx, shop_id=shop_id, product_id=product_id)
    variants = await service.variants(tx, shop_id=shop_id, product_ids=[product_id])
    await _delete_variants(tx, shop_id, product_id, [each.id for each in variants], named_by, whole=True)
    await removal_queries.delete_pictures(tx, product_id=product_id)
    await removal_queries.delete_product(tx, product_id=product_id)
    await outbox.record(
        tx,
        ProductChanged(
            shop_id=shop_id,
            product_id=product_id,
            change="deleted",
            handle=product.handle,
            title=product.title,
            kind=product.kind,
            status=product.status,
        ),
    )


async def delete_variants(
    tx: Tx, *, shop_id: int, product_id: int, variant_ids: Sequence[int], named_by: NamedBy
) -> None:
    """Delete these variants of a product, all or none.  Raises UnknownProduct, UnknownVariant, or InUse."""
    if not await removal_queries.lock_to_delete(tx, shop_id=shop_id, product_id=product_id):
        raise UnknownProduct
    known = {each.id for each in await service.variants(tx, shop_id=shop_id, product_ids=[product_id])}
    wanted = sorted(set(variant_ids))
    if not known.issuperset(wanted):
        raise UnknownVariant
    if wanted:
        await _delete_variants(tx, shop_id, product_id, wanted, named_by, whole=False)
        await service.tell_changed(tx, shop_id, product_id, "updated")


async def _delete_variants(
    tx: Tx, shop_id: int, product_id: int, variant_ids: Sequence[int], named_by: NamedBy, *, whole: bool
) -> None:
    named = {"catalog.product": [product_id] if whole else [], "catalog.variant": variant_ids}
    named["catalog.bundle"] = await removal_queries.bundle_ids(tx, variant_ids=variant_ids)
    tables = [table for table in await named_by(tx, named) if table not in GOES_ALONG]
    reasons = {REASONS.get(table, _OTHER) for table in tables}
    if await removal_queries.parts_of_others(tx, variant_ids=variant_ids):
        reasons.add("bundle")
    if "sold" in reasons:
        # Orders and stock are two sides of it.
        reasons -= {"held"}
    if reasons:
        raise InUse(product_id=product_id, variants=list(variant_ids), uses=sorted(reasons))
    await removal_queries.allow_deletion(tx, shop_id=shop_id, variant_ids=variant_ids)
    await removal_queries.delete_compositions(tx, variant_ids=variant_ids)
    await removal_queries.delete_bundles(tx, variant_ids=variant_ids)
    await removal_queries.delete_prices(tx, variant_ids=variant_ids)
    await reference_queries.delete_sources(tx, variant_ids=variant_ids)
    await removal_queries.delete_variants(tx, variant_ids=variant_ids)
