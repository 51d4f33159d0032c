"""What an owner changes about the shop itself.  Its address stays: links that were given out lead there."""

from typing import ClassVar

from shopfloor.accounts import member_queries as queries
from shopfloor.accounts.faults import checked_shop
from shopfloor.accounts.models import Actor, Shop, UnknownShop
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class ShopChanged:
    """Its name, language, time zone or currency are these now."""

    name: ClassVar[str] = "accounts.shop_changed"

    shop_id: int
    shop_name: str
    locale: str
    timezone: str
    currency: str
    changed_by: int


async def change(
    tx: Tx, *, actor: Actor, name: str, locale: str, timezone: str, currency: str | None = None
) -> Shop:
    """The shop as it is now; nothing is recorded when nothing changes.

    `currency` is for shops without prices: whoever gives one sees to it that there are none.
    Raises UnknownShop, BadShop, or UnusableText.
    """
    before = await queries.shop(tx, shop_id=actor.shop_id)
    if before is None:
        raise UnknownShop
    wanted = checked_shop(
        name=name, slug=before.slug, currency=currency or before.currency, locale=locale, timezone=timezone
    )
    after = Shop(before.id, before.slug, wanted.name, wanted.currency, wanted.locale, wanted.timezone)
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
