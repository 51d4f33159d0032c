"""What must hold of the totals."""

from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import Invariant
from shopfloor.live_counters import queries


async def audit(tx: Tx) -> list[Invariant]:
    off = await queries.off(tx)
    return [
        Invariant(
            "the totals of every show are the sum of its orders",
            not off,
            {"shows": await queries.count_totals(tx), "off": len(off)},
            tuple(str(row.show_id) for row in off[:100]),
        )
    ]
