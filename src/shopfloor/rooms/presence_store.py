"""The counters of a show that all processes share: viewers, likes, orders, units waited for."""

from collections.abc import Mapping

from shopfloor import live
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.rooms import presence_queries
from shopfloor.rooms.events import ShowCounted, WaitingChanged
from shopfloor.rooms.models import Watching

LEASE_SECONDS = 6.0


async def count_order(tx: Tx, *, shop_id: int, show_id: int) -> None:
    """An order was placed in this show; it counts whatever becomes of it, as in the figures."""
    orders = await presence_queries.add_orders(tx, show_id=show_id, by=1)
    await outbox.record(tx, ShowCounted(shop_id, show_id, orders))


async def counts(tx: Tx, *, show_id: int) -> presence_queries.Counts:
    """What the room of a show counts just now."""
    return await presence_queries.counts(tx, show_id=show_id)


async def count_waiting(tx: Tx, *, shop_id: int, show_id: int, variant_id: int, units: int) -> None:
    """So many units of a variant are waited for in this show now."""
    await presence_queries.set_waiting(tx, show_id=show_id, variant_id=variant_id, units=units)
    await outbox.record(tx, WaitingChanged(shop_id, show_id, variant_id, units))


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
    await live.set_peaks(tx, peaks={total.show_id: total.viewers for total in totals if total.viewers})
    return totals


async def drop_presence(tx: Tx, *, process: str) -> None:
    """Count nobody in `process` from now on."""
    await presence_queries.drop_leases(tx, process=process)
