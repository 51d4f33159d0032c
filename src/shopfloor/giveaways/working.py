"""What is due of giveaways: lists are closed at their second, draws made when the beacon has spoken, prizes passed on."""

from typing import Final

from shopfloor.giveaways import queries, service
from shopfloor.giveaways.beacon import Beacon, BeaconAway
from shopfloor.kernel.database import Database
from shopfloor.kernel.values import now

# Between two questions to a beacon that does not answer.
ASK_AGAIN: Final = 5.0
# In a round, what is due next is not looked at anew before.
SOONEST: Final = 0.2


async def work(db: Database, beacon: Beacon) -> float | None:
    """One round; seconds until it is worth another, None while nothing waits.

    Any number of processes may do it at once: each step looks, with the giveaway locked, whether it is still to be done.
    """
    async with db.transaction() as tx:
        due = await queries.due(tx)
    pause = [max(SOONEST, each.seconds) for each in due if each.seconds > 0]
    for each in due:
        if each.seconds > 0:
            break
        ids = {"shop_id": each.shop_id, "giveaway_id": each.giveaway_id}
        if each.step == "close":
            async with db.transaction() as tx:
                await service.close(tx, **ids)
            pause.append(SOONEST)
        elif each.step == "lapse":
            async with db.transaction() as tx:
                await service.lapse(tx, **ids)
            pause.append(SOONEST)
        elif not await _reveal(db, beacon, **ids):
            pause.append(ASK_AGAIN)
        else:
            pause.append(SOONEST)
    return min(pause, default=None)


async def _reveal(db: Database, beacon: Beacon, *, shop_id: int, giveaway_id: int) -> bool:
    """False while the value is not there: then the draw waits, and says so."""
    async with db.transaction() as tx:
        found = await service.giveaway(tx, shop_id=shop_id, giveaway_id=giveaway_id)
    signature = b""
    if now() <= found.reveal_by:
        try:
            # Outside of any transaction: it is somebody else's server.
            if found.rules["beacon"]["chain"] != beacon.chain.hash:
                raise BeaconAway("the settings name another beacon than the rules")
            signature = await beacon.signature(found.round)
        except BeaconAway as problem:
            async with db.transaction() as tx:
                await service.note_problem(tx, shop_id=shop_id, giveaway_id=giveaway_id, problem=str(problem))
            return False
    async with db.transaction() as tx:
        await service.reveal(tx, shop_id=shop_id, giveaway_id=giveaway_id, signature=signature)
    return True
