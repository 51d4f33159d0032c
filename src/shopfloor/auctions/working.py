"""What is due of auctions: each is closed at its second, and who was asked and does not pay is passed over at theirs."""

from typing import Final

from shopfloor.auctions import queries, settling
from shopfloor.kernel.database import Database

# In a round, what is due next is not looked at anew before.
SOONEST: Final = 0.1


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
        async with db.transaction() as tx:
            act = settling.close if each.step == "close" else settling.look
            await act(tx, shop_id=each.shop_id, auction_id=each.auction_id)
        pause.append(SOONEST)
    return min(pause, default=None)
