"""SQL of what is read of goods: who has a code, what they are called and cost.  One function, one statement."""

from collections.abc import Sequence

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Goods:
    """A variant as lists name it; `titles` are those in other languages."""

    id: int
    product_id: int
    title: str
    titles: dict[str, str]
    options: list[str]
    sku: str
    barcode: str
    price_minor: int
    picture_sha: str | None


async def by_code(tx: Tx, *, shop_id: int, code: str) -> list[int]:
    """Variants with this barcode, or with this SKU where none has it as its barcode; two at most, which is one too many.

    Twelve digits are the thirteen that begin with a 0.
    """
    rows = await tx.connection.execute(
        """
        WITH coded AS (
             SELECT id FROM catalog.v_barcode
              WHERE shop_id = %(shop_id)s AND barcode = ANY(%(codes)s::text[]) LIMIT 2)
        SELECT id FROM coded
        UNION
        (SELECT id FROM catalog.v_named
          WHERE shop_id = %(shop_id)s AND lower(sku) = lower(%(code)s) AND NOT EXISTS (SELECT FROM coded) LIMIT 2)
        """,
        {"shop_id": shop_id, "code": code, "codes": [code, f"0{code}", code.removeprefix("0")]},
    )
    return [row[0] for row in await rows.fetchall()]


async def goods(tx: Tx, *, shop_id: int, variant_ids: Sequence[int]) -> dict[int, Goods]:
    found = await tx.every(
        Goods,
        """
        SELECT v.id, v.product_id, v.title, v.titles, v.options, v.sku, b.barcode, v.price_minor, v.picture_sha
          FROM catalog.v_variant v JOIN catalog.v_barcode b ON b.id = v.id
         WHERE v.shop_id = %(shop_id)s AND v.id = ANY(%(ids)s::bigint[])
        """,
        shop_id=shop_id,
        ids=list(variant_ids),
    )
    return {each.id: each for each in found}


async def countable(tx: Tx, *, shop_id: int, variant_ids: Sequence[int]) -> set[int]:
    """Those of them that the shop has and that are no bundles, which have no units of their own."""
    rows = await tx.connection.execute(
        """
        SELECT v.id FROM catalog.v_named v
         WHERE v.shop_id = %(shop_id)s AND v.id = ANY(%(ids)s::bigint[])
           AND NOT EXISTS (SELECT FROM catalog.v_bundle_part b WHERE b.bundle_variant_id = v.id AND b.in_force)
        """,
        {"shop_id": shop_id, "ids": list(variant_ids)},
    )
    return {row[0] for row in await rows.fetchall()}


async def variants_of(tx: Tx, *, shop_id: int, product_ids: Sequence[int]) -> list[int]:
    """The variants of products that can be counted, archived ones left out."""
    rows = await tx.connection.execute(
        """
        SELECT v.id FROM catalog.v_variant v
         WHERE v.shop_id = %(shop_id)s AND v.product_id = ANY(%(ids)s::bigint[]) AND v.status <> 'archived'
           AND NOT EXISTS (SELECT FROM catalog.v_bundle_part b WHERE b.bundle_variant_id = v.id AND b.in_force)
         ORDER BY v.product_id, v.id
        """,
        {"shop_id": shop_id, "ids": list(product_ids)},
    )
    return [row[0] for row in await rows.fetchall()]
