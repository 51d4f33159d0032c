"""What products are taxed as."""

from collections.abc import Sequence

from shopfloor import pricing
from shopfloor.catalog.models import UnknownProduct
from shopfloor.kernel.database import Tx


async def of_products(tx: Tx, *, shop_id: int, product_ids: Sequence[int]) -> dict[int, str]:
    """By product; those taxed as usual are left out."""
    cursor = await tx.connection.execute(
        """
        SELECT id, tax_class FROM catalog.product
         WHERE shop_id = %(shop_id)s AND id = ANY(%(ids)s) AND tax_class IS NOT NULL
        """,
        {"shop_id": shop_id, "ids": list(product_ids)},
    )
    return dict(await cursor.fetchall())


async def set_class(tx: Tx, *, shop_id: int, product_id: int, tax_class: str) -> None:
    """Raises UnknownProduct, pricing.UnknownRule (no such class)."""
    await pricing.know_tax_class(tx, shop_id=shop_id, code=tax_class)
    changed = await tx.run(
        """
        UPDATE catalog.product SET tax_class = nullif(%(tax_class)s, 'standard')
         WHERE shop_id = %(shop_id)s AND id = %(id)s
        """,
        shop_id=shop_id,
        id=product_id,
        tax_class=tax_class,
    )
    if not changed:
        raise UnknownProduct
