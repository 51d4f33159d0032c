"""What became of a purchase: whether it is being paid, ordered, or neither.  For who asks before they give its units away."""

from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.orders.models import Party, Status


@dataclass(frozen=True, slots=True)
class PurchaseStanding:
    """`root`: the purchase with which it is checked out, itself where it is alone.  Without an order: nobody has sent its
    form, or the payment was declined.  `cancelled_by` says who called the order off.
    """

    root: UUID
    order_id: UUID | None
    status: Status | None
    cancelled_by: Party | None
    is_paid: bool

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "status", None if self.status is None else Status(self.status))
        put(self, "cancelled_by", None if self.cancelled_by is None else Party(self.cancelled_by))


async def purchase_standing(tx: Tx, *, shop_id: int, hold_id: UUID) -> PurchaseStanding:
    found = await tx.first(
        PurchaseStanding,
        """
        SELECT r.root, o.id AS order_id, o.status, o.cancelled_by, coalesce(o.payment_status <> 'unpaid', false)
               AS is_paid
          FROM (SELECT coalesce(joined_to, id) AS root FROM orders.checkout
                 WHERE id = %(hold_id)s AND shop_id = %(shop_id)s) AS r
          LEFT JOIN orders.orders o ON o.checkout_id = r.root AND o.cancel_why IS DISTINCT FROM 'declined'
         ORDER BY o.created_at DESC NULLS LAST LIMIT 1
        """,
        shop_id=shop_id,
        hold_id=hold_id,
    )
    return found or PurchaseStanding(hold_id, None, None, None, is_paid=False)


async def purchases_of(tx: Tx, *, shop_id: int, order_id: UUID) -> list[UUID]:
    """The purchases that were ordered with this order."""
    cursor = await tx.connection.execute(
        """
        SELECT c.id FROM orders.orders o JOIN orders.checkout c ON c.id = o.checkout_id OR c.joined_to = o.checkout_id
         WHERE o.id = %(order_id)s AND o.shop_id = %(shop_id)s ORDER BY c.id
        """,
        {"order_id": order_id, "shop_id": shop_id},
    )
    return [row[0] for row in await cursor.fetchall()]
