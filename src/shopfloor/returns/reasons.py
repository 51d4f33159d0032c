"""Why units of a product came back."""

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class CameBack:
    """`reason` is empty where none was given."""

    variant_id: int
    reason: str
    units: int


async def of_product(tx: Tx, *, shop_id: int, product_id: int) -> list[CameBack]:
    """Of each variant, the most frequent reason first; with what nobody wanted back."""
    return await tx.every(
        CameBack,
        """
        SELECT variant_id, reason, sum(units)::int AS units FROM returns.v_came_back
         WHERE shop_id = %(shop_id)s AND product_id = %(product_id)s
         GROUP BY variant_id, reason ORDER BY variant_id, sum(units) DESC, reason
        """,
        shop_id=shop_id,
        product_id=product_id,
    )
