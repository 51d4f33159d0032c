"""What an owner changes about the shop itself.  Its address stays: links that were given out lead there."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from shopfloor.accounts import member_queries as queries
from shopfloor.accounts.faults import checked_shop
from shopfloor.accounts.models import Actor, Brand, Shop, UnknownShop
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class ShopChanged:
    """Its name, language, time zone and currency are these now; these, or its face, changed."""

    name: ClassVar[str] = "accounts.shop_changed"

    shop_id: int
    shop_name: str
    locale: str
    timezone: str
    currency: str
    changed_by: int


async def change(
    tx: Tx,
    *,
    actor: Actor,
    name: str | None = None,
    locale: str | None = None,
    timezone: str | None = None,
    currency: str | None = None,
    brand: Callable[[Brand], Brand] | None = None,
    first_day_done: bool = False,
) -> Shop:
    """What is given; the shop as it is now.  Nothing is recorded when nothing changes.

    `currency` is for shops without prices: whoever gives one sees to it that there are none.  `brand` makes the new one
    of the one that is: changes come one after the other.  `first_day_done` puts the list of the first day away.
    Raises UnknownShop, BadShop, or UnusableText.
    """
    await queries.lock_shop(tx, shop_id=actor.shop_id)
    before = await queries.shop(tx, shop_id=actor.shop_id)
    if before is None:
        raise UnknownShop
    wanted = checked_shop(
        name=before.name if name is None else name,
        slug=before.slug,
        currency=currency or before.currency,
        locale=before.locale if locale is None else locale,
        timezone=before.timezone if timezone is None else timezone,
    )
    if first_day_done:
        await queries.end_first_day(tx, shop_id=before.id)
    after = replace(
        wanted,
        id=before.id,
        brand=before.brand if brand is None else brand(before.brand),
        is_first_day=before.is_first_day,
    )
    if after == before:
        return before
    await queries.update_shop(tx, shop=after)
    await outbox.record(
        tx,
        ShopChanged(
            shop_id=after.id,
            shop_name=after.name,
            locale=after.locale,
            timezone=after.timezone,
            currency=after.currency,
            changed_by=actor.person_id,
        ),
    )
    return after
