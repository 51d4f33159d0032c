"""A later order of the same buyer leaves in the parcel of an earlier one and asks no second shipping.

It may as long as the shop's terms say, and while nothing of the earlier order has been packed.  Both go to the address
of the earlier order, so that nobody has to compare two.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from shopfloor import pricing
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.orders.checkout_form import JOIN, Address
from shopfloor.orders.models import Companion
from shopfloor.policies import ShopTerms


@dataclass(frozen=True, slots=True)
class Earlier:
    """An order whose parcel a later one may join."""

    id: UUID
    number: int
    contact_name: str
    contact_phone: str
    contact_email: str
    address: dict[str, Any]

    @property
    def to(self) -> Address:
        return Address(**{name: str(self.address.get(name) or "") for name in Address.__dataclass_fields__})


FREE = pricing.Shipping(
    zones=[pricing.Zone(id="all", countries=["*"])], methods=[pricing.Method(id=JOIN, zone="all", amount=0)]
)
"""The shipping was paid for with the earlier order."""


async def earlier(
    tx: Tx, *, shop_id: int, buyers: Sequence[UUID], terms: ShopTerms, lock: bool = False
) -> Earlier | None:
    """The latest order of these browsers that is still open to others; with `lock` nobody ships or cancels it meanwhile."""
    if not terms.together_hours:
        return None
    found = await _candidates(
        tx, shop_id=shop_id, buyers=buyers, within=timedelta(hours=terms.together_hours)
    )
    if not lock or not found:
        return found[0] if found else None
    await tx.value("SELECT 1 FROM orders.orders WHERE id = %(id)s FOR SHARE", id=found[0].id)
    still = await _candidates(
        tx, shop_id=shop_id, buyers=buyers, within=timedelta(hours=terms.together_hours)
    )
    return next((each for each in still if each.id == found[0].id), None)


async def _candidates(
    tx: Tx, *, shop_id: int, buyers: Sequence[UUID], within: timedelta
) -> Sequence[Earlier]:
    return await tx.every(
        Earlier,
        """
        SELECT o.id, o.number, o.contact_name, o.contact_phone, o.contact_email, o.address
          FROM orders.orders o
         WHERE o.buyer = ANY(%(buyers)s::uuid[]) AND o.shop_id = %(shop_id)s AND o.status IN ('placed', 'paid')
           AND o.delivery = 'ship' AND o.address IS NOT NULL AND o.joins_order_id IS NULL
           AND (o.placed_at + %(within)s > now()
                OR EXISTS (SELECT FROM live.v_show s
                            WHERE s.id = o.show_id AND s.started_at IS NOT NULL
                              AND (s.ended_at IS NULL OR s.ended_at + %(within)s > now())))
           AND NOT EXISTS (SELECT FROM fulfilment.v_parcel p
                            WHERE p.order_id = o.id AND p.state NOT IN ('to_pick', 'picked', 'cancelled'))
         ORDER BY o.created_at DESC LIMIT 5
        """,
        buyers=list(buyers),
        shop_id=shop_id,
        within=within,
    )


async def companions(tx: Tx, *, shop_id: int, order_id: UUID) -> list[Companion]:
    """Orders that leave in one parcel with this one, by number."""
    return await tx.every(
        Companion,
        """
        WITH root AS (
            SELECT coalesce(joins_order_id, id) AS id FROM orders.orders WHERE id = %(order_id)s AND shop_id = %(shop_id)s
        )
        SELECT o.id, o.number, o.status
          FROM orders.orders o JOIN root r ON o.id = r.id OR o.joins_order_id = r.id
         WHERE o.shop_id = %(shop_id)s AND o.id <> %(order_id)s AND o.number IS NOT NULL
         ORDER BY o.number
        """,
        shop_id=shop_id,
        order_id=order_id,
    )
