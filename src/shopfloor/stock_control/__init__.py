"""Stock control: transfers between locations and counts, in several steps and by several people at once.

Promise: a step with a key happens once; units that were sent are received, explained or still in transit, and together
never more or fewer; a count changes the books by what it found and undoes no sale.
"""

from shopfloor.stock_control import counts, goods_queries, low, safety, transfers
from shopfloor.stock_control.audit import audit
from shopfloor.stock_control.conditions import Condition, change
from shopfloor.stock_control.models import (
    Difference,
    MovedMeanwhile,
    NotInTransit,
    TooManyLines,
    TransferState,
)

__all__ = [
    "Condition",
    "Difference",
    "MovedMeanwhile",
    "NotInTransit",
    "TooManyLines",
    "TransferState",
    "audit",
    "change",
    "counts",
    "goods_queries",
    "low",
    "safety",
    "transfers",
]
