"""SQL of products and variants that go for good.  One function, one statement."""

from collections.abc import Sequence

from shopfloor.catalog.queries import Id
from shopfloor.kernel.database import Tx


async def lock_to_delete(tx: Tx, *, shop_id: int, product_id: int) -> bool:
    """False when the shop has no such product.  Nothing that is kept by a key comes to name it, or its variants."""
    found = await tx.every(
        Id,
        "SELECT id FROM catalog.product WHERE shop_id = %(shop_id)s AND id = %(product_id)s FOR UPDATE",
        shop_id=shop_id,
        product_id=product_id,
    )
    await tx.every(
        Id,
        """
        SELECT id FROM catalog.variant WHERE shop_id = %(shop_id)s AND product_id = %(product_id)s
         ORDER BY id FOR UPDATE
        """,
        shop_id=shop_id,
        product_id=product_id,
    )
    return bool(found)


async def bundle_ids(tx: Tx, *, variant_ids: Sequence[int]) -> list[int]:
    """All that these variants ever consisted of."""
    found = await tx.every(
        Id,
        "SELECT id FROM catalog.bundle WHERE variant_id = ANY(%(variant_ids)s::bigint[]) ORDER BY id",
        variant_ids=list(variant_ids),
    )
    return [each.id for each in found]


async def parts_of_others(tx: Tx, *, variant_ids: Sequence[int]) -> bool:
    """Whether one of these is, or was, a part of a bundle that is none of these."""
    return await tx.value(
        """
        SELECT EXISTS (SELECT FROM catalog.bundle_part p JOIN catalog.bundle b ON b.id = p.bundle_id
                        WHERE p.variant_id = ANY(%(variant_ids)s::bigint[])
                          AND b.variant_id <> ALL(%(variant_ids)s::bigint[]))
        """,
        variant_ids=list(variant_ids),
    )


async def allow_deletion(tx: Tx, *, shop_id: int, variant_ids: Sequence[int]) -> None:
    """The history of these variants may go, in this transaction."""
    await tx.value(
        """
        SELECT set_config('catalog.deleting', coalesce(string_agg(id::text, ','), ''), true) FROM catalog.variant
         WHERE shop_id = %(shop_id)s AND id = ANY(%(variant_ids)s::bigint[])
        """,
        shop_id=shop_id,
        variant_ids=list(variant_ids),
    )


async def delete_compositions(tx: Tx, *, variant_ids: Sequence[int]) -> None:
    await tx.run(
        """
        DELETE FROM catalog.bundle_part
         WHERE bundle_id IN (SELECT id FROM catalog.bundle WHERE variant_id = ANY(%(variant_ids)s::bigint[]))
        """,
        variant_ids=list(variant_ids),
    )


async def delete_bundles(tx: Tx, *, variant_ids: Sequence[int]) -> None:
    await tx.run(
        "DELETE FROM catalog.bundle WHERE variant_id = ANY(%(variant_ids)s::bigint[])",
        variant_ids=list(variant_ids),
    )


async def delete_prices(tx: Tx, *, variant_ids: Sequence[int]) -> None:
    await tx.run(
        "DELETE FROM catalog.price WHERE variant_id = ANY(%(variant_ids)s::bigint[])",
        variant_ids=list(variant_ids),
    )


async def delete_variants(tx: Tx, *, variant_ids: Sequence[int]) -> None:
    await tx.run(
        "DELETE FROM catalog.variant WHERE id = ANY(%(variant_ids)s::bigint[])", variant_ids=list(variant_ids)
    )


async def delete_pictures(tx: Tx, *, product_id: int) -> None:
    """And where pictures were to be had."""
    await tx.run("DELETE FROM catalog.picture_source WHERE product_id = %(id)s", id=product_id)
    await tx.run("DELETE FROM catalog.picture WHERE product_id = %(id)s", id=product_id)


async def delete_product(tx: Tx, *, product_id: int) -> None:
    await tx.run("DELETE FROM catalog.product WHERE id = %(id)s", id=product_id)
