"""What bundles consist of."""

from collections.abc import Sequence

from shopfloor.catalog import bundle_queries, queries
from shopfloor.catalog.events import BundleChanged, BundledUnits
from shopfloor.catalog.models import (
    BadBundle,
    Bundle,
    BundlePart,
    NestedBundle,
    NewPart,
    UnknownVariant,
    checked_parts,
)
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx


async def set_parts(tx: Tx, *, shop_id: int, variant_id: int, parts: Sequence[NewPart]) -> Bundle | None:
    """From now on one `variant_id` consists of these units; of none: it is no longer a bundle.

    Purchases made before keep what they were made from.  Nothing is recorded when nothing changes.
    Raises UnknownVariant, BadBundle, or NestedBundle: a part is a bundle, or the variant a part of one.
    """
    if parts and variant_id in {part.variant_id for part in checked_parts(parts)}:
        raise BadBundle("A bundle is no part of itself.", variant_id=variant_id)
    part_ids = [part.variant_id for part in parts]
    if await queries.lock_variants(tx, shop_id=shop_id, ids=[variant_id, *part_ids]) != 1 + len(parts):
        raise UnknownVariant
    before = (await bundles(tx, shop_id=shop_id, variant_ids=[variant_id])).get(variant_id)
    wanted = [(part.variant_id, part.quantity) for part in parts]
    if wanted == ([] if before is None else [(part.variant_id, part.quantity) for part in before.parts]):
        return before
    if parts:
        nested = sorted(await bundles(tx, shop_id=shop_id, variant_ids=part_ids))
        if nested:
            raise NestedBundle(variant_id=nested[0])
        if await bundles(tx, shop_id=shop_id, part_ids=[variant_id]):
            raise NestedBundle("The variant is a part of another bundle.", variant_id=variant_id)
    await bundle_queries.end_bundle(tx, variant_id=variant_id)
    bundle_id = None
    if parts:
        bundle_id = await bundle_queries.insert_bundle(tx, shop_id=shop_id, variant_id=variant_id)
        await bundle_queries.insert_parts(
            tx,
            shop_id=shop_id,
            bundle_id=bundle_id,
            variant_ids=part_ids,
            quantities=[part.quantity for part in parts],
        )
    product_id = (await queries.variant_in_force(tx, variant_id=variant_id)).product_id
    units = [BundledUnits(part.variant_id, part.quantity) for part in parts]
    await outbox.record(tx, BundleChanged(shop_id, product_id, variant_id, bundle_id, units))
    return (await bundles(tx, shop_id=shop_id, variant_ids=[variant_id])).get(variant_id)


async def bundles(
    tx: Tx, *, shop_id: int, variant_ids: Sequence[int] = (), part_ids: Sequence[int] = ()
) -> dict[int, Bundle]:
    """By variant, what those of `variant_ids` that are bundles consist of now; and the bundles that have one of
    `part_ids` in them.
    """
    parts = await bundle_queries.bundle_parts(tx, shop_id=shop_id, variant_ids=variant_ids, part_ids=part_ids)
    return {bundle.variant_id: bundle for bundle in _whole(parts)}


async def bundles_by_id(tx: Tx, *, shop_id: int, ids: Sequence[int]) -> dict[int, Bundle]:
    """Compositions by their id, also those that others have taken the place of."""
    parts = await bundle_queries.bundle_parts(tx, shop_id=shop_id, bundle_ids=ids)
    return {bundle.id: bundle for bundle in _whole(parts)}


def _whole(parts: Sequence[BundlePart]) -> list[Bundle]:
    found: dict[int, list[BundlePart]] = {}
    for part in parts:
        found.setdefault(part.bundle_id, []).append(part)
    return [Bundle(bundle_id, group[0].bundle_variant_id, tuple(group)) for bundle_id, group in found.items()]
