"""The recordings of shows that are over."""

from uuid import UUID

from shopfloor import live, media
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now


async def replay_url(tx: Tx, show: live.Show) -> str | None:
    """The recording of an ended show as one playlist; None while it runs or when nothing was recorded."""
    if show.status != live.ShowStatus.ENDED or show.channel_id is None or show.started_at is None:
        return None
    until = show.ended_at or now()
    runs: list[UUID] = [
        run.id
        for run in await media.runs(tx, shop_id=show.shop_id, channel_id=show.channel_id)
        if run.anchor < until and (run.ended_at is None or run.ended_at > show.started_at)
    ]
    if not runs:
        return None
    return f"/media/{show.channel_id}/replay.m3u8?runs={','.join(str(run) for run in runs)}"
