"""How a show ends."""

from shopfloor import stock
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now, video_ms
from shopfloor.live import queries, run_of_show_queries
from shopfloor.live.events import OfferFeatured, ShowEnded
from shopfloor.live.flashes import end_flashes_of
from shopfloor.live.models import Show, ShowStatus, check_move
from shopfloor.live.shows import locked, show


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
    if await run_of_show_queries.close_featured_interval(tx, show_id=show_id, at=at, video=video) is not None:
        await outbox.record(tx, OfferFeatured(shop_id, show_id, None, None, video))
    await queries.set_ended(tx, show_id=show_id, at=at)
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
