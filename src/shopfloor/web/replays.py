"""The recordings of shows that are over."""

from shopfloor import live, media
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now


async def replay_url(tx: Tx, show: live.Show) -> str | None:
    """The recording of an ended show as one playlist; None while it runs or when nothing was recorded."""
    if show.status != live.ShowStatus.ENDED or show.channel_id is None or show.started_at is None:
        return None
    airtime = media.Airtime(show.id, show.shop_id, show.started_at, show.ended_at or now())
    if not await media.is_recorded(tx, channel_id=show.channel_id, airtime=airtime):
        return None
    return media.replay_url(show.channel_id, show.id)
