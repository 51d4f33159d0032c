"""Units that are there and not for sale: damaged, on display, in repair.  Moved in and out with a reason."""

from enum import StrEnum

from shopfloor import inventory
from shopfloor.kernel import outbox, text
from shopfloor.kernel.database import Tx
from shopfloor.stock_control import goods_queries
from shopfloor.stock_control.events import ConditionChanged
from shopfloor.stock_control.models import SameCondition


class Condition(StrEnum):
    FOR_SALE = "for_sale"
    DAMAGED = "damaged"
    DISPLAY = "display"
    REPAIR = "repair"
    GONE = "gone"


def _shelf(shop_id: int, location_id: int, condition: Condition) -> inventory.Shelf:
    return inventory.Shelf(shop_id, location_id, None if condition is Condition.FOR_SALE else condition.value)


async def change(
    tx: Tx,
    *,
    shop_id: int,
    location_id: int,
    variant_id: int,
    quantity: int,
    source: Condition,
    target: Condition,
    reason: str,
) -> None:
    """Units of a location from one condition to another; `gone`: thrown away or sent off.

    Raises UnknownStock, BadQuantity, SameCondition, UnusableText, and NotEnough when fewer are free there.
    """
    if source is target or source is Condition.GONE:
        raise SameCondition
    reason = text.line(reason, field="reason", longest=200, shortest=1)
    if quantity < 1:
        raise inventory.BadQuantity(quantity=quantity)
    if variant_id not in await goods_queries.countable(tx, shop_id=shop_id, variant_ids=[variant_id]):
        raise inventory.UnknownStock(variant_id=variant_id)
    to = None if target is Condition.GONE else _shelf(shop_id, location_id, target)
    await _shelf(shop_id, location_id, source).move(tx, {variant_id: quantity}, to=to, reason=reason)
    await outbox.record(
        tx,
        ConditionChanged(shop_id, location_id, variant_id, quantity, source.value, target.value, reason),
    )
