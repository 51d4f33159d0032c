"""What is due of auctions: each is closed at its second, and who was asked and does not pay is passed over at theirs."""

from typing import Final

from shopfloor.auctions import queries, settling
from shopfloor.kernel import logs
from shopfloor.kernel.database import Database, DatabaseAway

# In a round, what is due next is not looked at anew before.
SOONEST: Final = 0.1
# What could not be done is tried again after so many seconds; the others do not wait for it.
AGAIN: Final = 5.0

_log = logs.get("auctions")


async def work(db: Database) -> float | None:
    """One round; seconds until it is worth another, None while nothing waits.

    Any number of processes may do it at once, and one may die at it: each step is a transaction that looks, with the
    auction locked, whether it is still to be done.
    """
    async with db.transaction() as tx:
        due = await queries.due(tx)
    pause = [max(SOONEST, each.seconds) for each in due if each.seconds > 0]
    for each in due:
        if each.seconds > 0:
            break
        act = settling.close if each.step == "close" else settling.look
        try:
            async with db.transaction() as tx:
                await act(tx, shop_id=each.shop_id, auction_id=each.auction_id)
        except DatabaseAway:
            raise
        except Exception as problem:  # noqa: BLE001 -- one auction must not keep the others from their end
            _log.error("auctions.not_ended", auction_id=each.auction_id, step=each.step, exc_info=problem)
            pause.append(AGAIN)
        else:
            pause.append(SOONEST)
    return min(pause, default=None)
