"""How a show goes on air, and how it ends."""

from datetime import timedelta
from typing import Final

from shopfloor import catalog, live, stock
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now, video_ms
from shopfloor.live import Show, ShowStatus, check_move, locked, show
from shopfloor.run_of_show import offer_queries, slot_queries
from shopfloor.run_of_show.events import OfferFeatured, ShowEnded, ShowStarted
from shopfloor.run_of_show.flashes import end_flashes_of
from shopfloor.run_of_show.models import ChannelBusy, NothingToSell
from shopfloor.run_of_show.quotas import set_apart

KEPT_ON_AIR: Final = timedelta(hours=12)
"""The longest that units are kept unpaid while a show goes on."""


async def start_show(tx: Tx, *, shop_id: int, show_id: int, by: int | None = None) -> Show:
    """On air: the quotas move into the show's own pool, as far as there are units.

    Offers of drafts stay out of sight until their products are published.
    Raises WrongStatus, NothingToSell, ChannelBusy.
    """
    before = await locked(tx, shop_id, show_id)
    check_move(before, ShowStatus.LIVE)
    offered = [each.product_id for each in await offer_queries.offers(tx, show_id=show_id)]
    if not offered:
        raise NothingToSell
    products = await catalog.products_by_id(tx, shop_id=shop_id, ids=offered)
    if all(product.status != catalog.Status.ACTIVE for product in products.values()):
        raise NothingToSell("None of the show's products is published.", products=offered)
    if before.channel_id is not None:
        others = await live.shows_on_air(tx, channel_id=before.channel_id)
        if others:
            raise ChannelBusy(channel_id=before.channel_id)
    pool = await set_apart(tx, shop_id=shop_id, show_id=show_id)
    at = now()
    await live.set_live(tx, show_id=show_id, pool_id=pool.id, at=at, keep_until=at + KEPT_ON_AIR)
    host_id = before.host_id if before.host_id is not None else by
    await outbox.record(tx, ShowStarted(shop_id, show_id, pool.id, before.channel_id, host_id, video_ms(at)))
    return await show(tx, shop_id=shop_id, show_id=show_id)


async def end_show(tx: Tx, *, shop_id: int, show_id: int, by: int | None = None) -> Show:
    """Off air: flashes and what was shown are closed, what is left of the quotas flows back.  Holds stay as they are; those that
    are paid at the end know from now on when that is.
    """
    before = await locked(tx, shop_id, show_id)
    check_move(before, ShowStatus.ENDED)
    assert before.pool_id is not None, "a running show has a pool"
    await end_flashes_of(tx, before)
    at = now()
    video = video_ms(at)
    if await slot_queries.close_featured_interval(tx, show_id=show_id, at=at, video=video) is not None:
        await outbox.record(tx, OfferFeatured(shop_id, show_id, None, None, video))
    await live.set_ended(tx, show_id=show_id, at=at)
    ended = await show(tx, shop_id=shop_id, show_id=show_id)
    await stock.close_show_pool(
        tx,
        shop_id=shop_id,
        show_id=show_id,
        was=ended.keep_until,
        until=ended.kept_until,
    )
    host_id = before.host_id if before.host_id is not None else by
    await outbox.record(tx, ShowEnded(shop_id, show_id, before.pool_id, before.channel_id, host_id, video))
    return ended
