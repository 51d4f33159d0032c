"""Which sites may show a room of a shop in a frame, and the ways out of such frames."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from shopfloor.accounts import Actor
from shopfloor.embeds import queries
from shopfloor.embeds.events import SitesChanged
from shopfloor.embeds.models import MOST_SITES, TooManySites, checked_origin
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now

LASTS: Final = timedelta(days=1)


async def sites(tx: Tx, *, shop_id: int) -> list[str]:
    """Their origins, in the order in which they were named."""
    return await queries.sites(tx, shop_id=shop_id)


async def add_site(tx: Tx, *, actor: Actor, address: str) -> str:
    """The origin that may frame rooms from now on; named already, nothing changes.  Raises BadSite, TooManySites."""
    origin = checked_origin(address)
    await queries.lock(tx, shop_id=actor.shop_id)
    known = await queries.sites(tx, shop_id=actor.shop_id)
    if origin in known:
        return origin
    if len(known) >= MOST_SITES:
        raise TooManySites(most=MOST_SITES)
    await queries.insert_site(tx, shop_id=actor.shop_id, origin=origin)
    await outbox.record(tx, SitesChanged(actor.shop_id, origin, True, actor.person_id))
    return origin


async def remove_site(tx: Tx, *, actor: Actor, origin: str) -> None:
    """It may no longer; one that is gone already stays so."""
    if await queries.delete_site(tx, shop_id=actor.shop_id, origin=origin):
        await outbox.record(tx, SitesChanged(actor.shop_id, origin, False, actor.person_id))


async def leave_frame(tx: Tx, *, shop_id: int, framed: UUID, shopper: UUID) -> None:
    """What `framed` has reserved in a frame of another site may be paid by `shopper` for a day: the same person, in a page
    of the shop's own.  Nothing changes where the browser keeps no cookies apart.
    """
    if framed != shopper:
        await queries.insert_framed(
            tx, shop_id=shop_id, framed=framed, opened_by=shopper, until=now() + LASTS
        )


async def openers(tx: Tx, *, shop_id: int, framed: UUID) -> list[UUID]:
    """Those for whom `leave_frame` was called with this shopper."""
    return await queries.openers(tx, shop_id=shop_id, framed=framed)


async def same_person(tx: Tx, *, shop_id: int, shopper: UUID) -> list[UUID]:
    """This shopper, and all others that `leave_frame` has shown to be the same person, in frames or out of them."""
    found = [
        shopper,
        *await queries.opened(tx, shop_id=shop_id, opened_by=shopper),
        *await queries.openers(tx, shop_id=shop_id, framed=shopper),
    ]
    return list(dict.fromkeys(found))


async def forget_ways_out(tx: Tx) -> None:
    await queries.delete_framed(tx)
