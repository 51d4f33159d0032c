"""Prices, and the history of each."""

from datetime import datetime

from shopfloor.catalog import price_queries, queries
from shopfloor.catalog.events import PriceChanged
from shopfloor.catalog.models import (
    Price,
    PricePast,
    UnknownVariant,
    checked_minor,
)
from shopfloor.kernel import outbox
from shopfloor.kernel.amounts import check_leap
from shopfloor.kernel.database import Tx
from shopfloor.kernel.text import line
from shopfloor.kernel.values import Money


async def set_price(
    tx: Tx,
    *,
    shop_id: int,
    variant_id: int,
    amount: int,
    at: datetime | None = None,
    reason: str = "",
    confirmed: bool = False,
) -> Money:
    """From `at` (from now) on, the variant costs `amount` minor units of its currency.

    Nothing is recorded when that is the price in force and no time is given.
    Raises UnknownVariant, PriceNegative, PriceTooLarge, PricePast for a time that has passed, or PriceLeap for a move
    by more than a factor of three that is not `confirmed`.
    """
    minor = checked_minor(amount)
    reason = line(reason, field="reason", longest=200)
    if not await queries.lock_variant(tx, shop_id=shop_id, variant_id=variant_id):
        raise UnknownVariant
    before = await queries.variant_in_force(tx, variant_id=variant_id)
    money = Money(minor, before.currency)
    if at is None and before.price_minor == minor:
        return money
    check_leap(before.price_minor, minor, before.currency, confirmed=confirmed)
    valid_from = await price_queries.insert_price(
        tx, variant_id=variant_id, minor=minor, at=at, reason=reason
    )
    if valid_from is None:
        raise PricePast
    await outbox.record(
        tx,
        PriceChanged(
            shop_id=shop_id,
            product_id=before.product_id,
            variant_id=variant_id,
            price_minor=minor,
            before_minor=before.price_minor,
            currency=before.currency,
            valid_from=valid_from,
            reason=reason,
        ),
    )
    return money


async def prices(tx: Tx, *, shop_id: int, variant_id: int) -> list[Price]:
    """The whole history, oldest first, with what is set for later.  Raises UnknownVariant."""
    found = await price_queries.prices(tx, shop_id=shop_id, variant_id=variant_id)
    if not found:
        raise UnknownVariant
    return found
