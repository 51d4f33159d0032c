"""Shops: opening one, and finding it."""

from shopfloor.accounts import (
    member_queries,
)
from shopfloor.accounts.events import (
    PersonJoined,
    ShopCreated,
)
from shopfloor.accounts.faults import checked_shop
from shopfloor.accounts.models import (
    Role,
    Shop,
    SlugTaken,
    UnknownShop,
    is_slug,
)
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx


async def create_shop(
    tx: Tx,
    *,
    owner_id: int,
    name: str,
    slug: str,
    currency: str,
    locale: str = "en",
    timezone: str = "UTC",
) -> Shop:
    """A new tenant with its first owner.  Raises SlugTaken or BadShop."""
    wanted = checked_shop(name=name, slug=slug, currency=currency, locale=locale, timezone=timezone)
    shop = await member_queries.insert_shop_once(
        tx,
        slug=wanted.slug,
        name=wanted.name,
        currency=wanted.currency,
        locale=wanted.locale,
        timezone=wanted.timezone,
    )
    if shop is None:
        raise SlugTaken(slug=slug)
    await member_queries.insert_member_once(tx, shop_id=shop.id, person_id=owner_id, role=Role.OWNER)
    await outbox.record(tx, ShopCreated(shop.id, shop.slug, shop.currency, owner_id))
    await outbox.record(tx, PersonJoined(shop.id, owner_id, Role.OWNER))
    return shop


async def shop(tx: Tx, shop_id: int) -> Shop:
    """Raises UnknownShop."""
    found = await member_queries.shop(tx, shop_id=shop_id)
    if found is None:
        raise UnknownShop
    return found


async def shop_by_slug(tx: Tx, slug: str) -> Shop:
    """Raises UnknownShop."""
    found = await member_queries.shop_by_slug(tx, slug=slug) if is_slug(slug) else None
    if found is None:
        raise UnknownShop
    return found


async def shops(tx: Tx) -> list[Shop]:
    return await member_queries.shops(tx)
