"""SQL of bundles and what they consist of.  One function, one statement."""

from collections.abc import Sequence

from shopfloor.catalog.models import BundlePart
from shopfloor.kernel.database import Tx


async def end_bundle(tx: Tx, *, variant_id: int) -> bool:
    """False when the variant was no bundle."""
    return (
        await tx.run(
            """
            UPDATE catalog.bundle SET ended_at = greatest(clock_timestamp(), made_at)
             WHERE variant_id = %(variant_id)s AND ended_at IS NULL
            """,
            variant_id=variant_id,
        )
        == 1
    )


async def insert_bundle(tx: Tx, *, shop_id: int, variant_id: int) -> int:
    return await tx.value(
        """
        INSERT INTO catalog.bundle (shop_id, variant_id) VALUES (%(shop_id)s, %(variant_id)s) RETURNING id
        """,
        shop_id=shop_id,
        variant_id=variant_id,
    )


async def insert_parts(
    tx: Tx, *, shop_id: int, bundle_id: int, variant_ids: Sequence[int], quantities: Sequence[int]
) -> None:
    await tx.run(
        """
        INSERT INTO catalog.bundle_part (bundle_id, shop_id, variant_id, quantity, position)
        SELECT %(bundle_id)s, %(shop_id)s, variant_id, quantity, position
          FROM unnest(%(variant_ids)s::bigint[], %(quantities)s::int[]) WITH ORDINALITY
               AS part (variant_id, quantity, position)
        """,
        shop_id=shop_id,
        bundle_id=bundle_id,
        variant_ids=list(variant_ids),
        quantities=list(quantities),
    )


async def bundle_parts(
    tx: Tx,
    *,
    shop_id: int,
    variant_ids: Sequence[int] | None = None,
    part_ids: Sequence[int] | None = None,
    bundle_ids: Sequence[int] | None = None,
) -> list[BundlePart]:
    """Compositions whole, part by part: those in force of these variants, those in force that have one of these
    parts, or by id, in force or not.
    """
    return await tx.every(
        BundlePart,
        """
        SELECT p.bundle_id, p.bundle_variant_id, p.variant_id, p.quantity, v.product_id, v.title, v.titles, v.options,
               v.sku, v.price_minor
          FROM catalog.v_bundle_part p JOIN catalog.v_variant v ON v.id = p.variant_id
         WHERE p.shop_id = %(shop_id)s
           AND ((p.in_force AND p.bundle_variant_id = ANY(%(variant_ids)s::bigint[]))
             OR (p.in_force AND p.bundle_id IN (SELECT bundle_id FROM catalog.v_bundle_part
                                                 WHERE in_force AND variant_id = ANY(%(part_ids)s::bigint[])))
             OR p.bundle_id = ANY(%(bundle_ids)s::bigint[]))
         ORDER BY p.bundle_variant_id, p.bundle_id, p.position
        """,
        shop_id=shop_id,
        variant_ids=list(variant_ids or ()),
        part_ids=list(part_ids or ()),
        bundle_ids=list(bundle_ids or ()),
    )
