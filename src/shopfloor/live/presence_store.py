"""The counters of a show that all processes share: viewers, likes, orders, units waited for, products offered."""

from collections.abc import Mapping

from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.live import offer_queries, presence_queries, queries
from shopfloor.live.events import (
    ShowCounted,
    WaitingChanged,
)
from shopfloor.live.models import (
    Watching,
)

LEASE_SECONDS = 6.0


async def count_order(tx: Tx, *, shop_id: int, show_id: int) -> None:
    """An order was placed in this show; it counts whatever becomes of it, as in the figures."""
    orders = await presence_queries.add_orders(tx, show_id=show_id, by=1)
    await outbox.record(tx, ShowCounted(shop_id, show_id, orders))


async def count_waiting(tx: Tx, *, shop_id: int, show_id: int, variant_id: int, units: int) -> None:
    """So many units of a variant are waited for in this show now."""
    await presence_queries.set_waiting(tx, show_id=show_id, variant_id=variant_id, units=units)
    await outbox.record(tx, WaitingChanged(shop_id, show_id, variant_id, units))


async def count_offers(tx: Tx, *, shop_id: int) -> dict[int, int]:
    """By show, how many products it offers; shows without one are missing."""
    return await offer_queries.offer_counts(tx, shop_id=shop_id)


async def share_presence(
    tx: Tx, *, process: str, viewers: Mapping[int, int], likes: Mapping[int, int]
) -> list[Watching]:
    """Tell the viewers this process counts in each show, and the likes since last time; learn the totals.

    The viewers of a process that stops telling are gone after six seconds.
    """
    await presence_queries.add_likes(
        tx, likes=[{"show_id": show_id, "likes": count} for show_id, count in sorted(likes.items()) if count]
    )
    await presence_queries.renew_leases(
        tx,
        leases=[
            {"process": process, "show_id": show_id, "viewers": count, "seconds": LEASE_SECONDS}
            for show_id, count in sorted(viewers.items())
        ],
    )
    totals = await presence_queries.watching(tx, show_ids=sorted({*viewers, *likes}))
    await presence_queries.raise_peaks(
        tx, peaks=[{"show_id": total.show_id, "viewers": total.viewers} for total in totals if total.viewers]
    )
    return totals


async def drop_presence(tx: Tx, *, process: str) -> None:
    """Count nobody in `process` from now on."""
    await presence_queries.drop_leases(tx, process=process)


async def set_peak(tx: Tx, *, shop_id: int, show_id: int, viewers: int) -> None:
    """The peak of viewers as the figures have it, to the second; the room's own count is a sample."""
    await presence_queries.set_peak(tx, shop_id=shop_id, show_id=show_id, viewers=viewers)


async def on_air(tx: Tx) -> list[queries.OnAir]:
    """The shows of all shops that run just now."""
    return await queries.on_air(tx)
