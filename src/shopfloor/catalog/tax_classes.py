"""What a product is taxed as."""

from shopfloor import pricing
from shopfloor.catalog.models import UnknownProduct
from shopfloor.kernel.database import Tx


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
