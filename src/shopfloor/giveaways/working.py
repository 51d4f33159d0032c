"""What is due of giveaways: lists are closed at their second, draws made when the beacon has spoken, prizes passed on."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from shopfloor.giveaways import queries, service
from shopfloor.giveaways.beacon import Beacon, BeaconAway
from shopfloor.kernel import logs
from shopfloor.kernel.database import Database, DatabaseAway
from shopfloor.kernel.values import now

_log = logs.get("giveaways")

# Between two questions to a beacon that does not answer.
ASK_AGAIN: Final = 5.0
# In a round, what is due next is not looked at anew before.
SOONEST: Final = 0.2


async def work(db: Database, beacon: Beacon) -> float | None:
    """One round; seconds until it is worth another, None while nothing waits.

    Any number of processes may do it at once: each step looks, with the giveaway locked, whether it is still to be done.
    Draws wait for the beacon together, after all that needs nobody else; one that fails is logged and tried again.
    """
    async with db.transaction() as tx:
        found = await queries.due(tx)
    pause = [max(SOONEST, each.seconds) for each in found if each.seconds > 0]
    due = [each for each in found if each.seconds <= 0]
    for each in due:
        if each.step != "reveal":
            async with _logged(each.giveaway_id), db.transaction() as tx:
                step = service.close if each.step == "close" else service.lapse
                await step(tx, shop_id=each.shop_id, giveaway_id=each.giveaway_id)
    draws = [each for each in due if each.step == "reveal"]
    drawn = await asyncio.gather(
        *(_reveal(db, beacon, shop_id=each.shop_id, giveaway_id=each.giveaway_id) for each in draws)
    )
    pause += [SOONEST] * (len(due) - len(draws)) + [SOONEST if each else ASK_AGAIN for each in drawn]
    return min(pause, default=None)


@asynccontextmanager
async def _logged(giveaway_id: int) -> AsyncGenerator[None]:
    """What fails at one giveaway holds up no other.  Raises DatabaseAway."""
    try:
        yield
    except DatabaseAway:
        raise
    except Exception as problem:  # noqa: BLE001 -- one of many
        _log.error("giveaways.failed", giveaway_id=giveaway_id, exc_info=problem)


async def _reveal(db: Database, beacon: Beacon, *, shop_id: int, giveaway_id: int) -> bool:
    """False while the value is not there: then the draw waits, and says so."""
    async with _logged(giveaway_id):
        return await _draw(db, beacon, shop_id=shop_id, giveaway_id=giveaway_id)
    return False


async def _draw(db: Database, beacon: Beacon, *, shop_id: int, giveaway_id: int) -> bool:
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
