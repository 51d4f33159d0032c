"""Stock control: transfers between locations and counts, in several steps and by several people at once.

Promise: a step with a key happens once; units that were sent are received, explained or still in transit, and together
never more or fewer; a count changes the books by what it found and undoes no sale.
"""

from shopfloor.stock_control import counts, goods_queries, transfers
from shopfloor.stock_control.audit import audit
from shopfloor.stock_control.models import (
    Difference,
    MovedMeanwhile,
    NotInTransit,
    TooManyLines,
    TransferState,
)

__all__ = [
    "Difference",
    "MovedMeanwhile",
    "NotInTransit",
    "TooManyLines",
    "TransferState",
    "audit",
    "counts",
    "goods_queries",
    "transfers",
]
