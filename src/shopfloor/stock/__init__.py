"""What buyers are promised of the stock: nothing is sold twice, and what is promised has a date.

Promise: at every commit, for every level, `held + allocated <= quantity + shortfall`, and only facts from
the physical world may raise `shortfall`.  It is kept by the decision under the row lock, by a CHECK
constraint, and by the races and properties under tests/.
"""

from shopfloor.stock import retention
from shopfloor.stock.audit import audit
from shopfloor.stock.availability import Availability, assembled, available, units_in_bundles
from shopfloor.stock.decision import MAX_LINES
from shopfloor.stock.events import HoldsReleased
from shopfloor.stock.holds import (
    close_show_pool,
    confirm,
    crowded_networks,
    expire,
    extend,
    has_paid,
    held_by,
    hold,
    holds_of,
    paid,
    rehold,
    release,
    seconds_to_next_expiry,
    unpaid_of_network,
    unpaid_until,
)
from shopfloor.stock.intake import INTAKE_REFUSALS, Intake, IntakeClosed, IntakeFull, IntakeUnknown
from shopfloor.stock.models import (
    Answer,
    Code,
    Freed,
    Held,
    Hold,
    HoldPolicy,
    HoldState,
    Line,
    NotHere,
    Part,
    Refused,
    Request,
    TooMuchReturned,
)
from shopfloor.stock.promised import Promised
from shopfloor.stock.quoting import Quote, quote, record_refused
from shopfloor.stock.relocating import at_places
from shopfloor.stock.reserving import reserve
from shopfloor.stock.shipping import put_back, ship

__all__ = [
    "INTAKE_REFUSALS",
    "MAX_LINES",
    "Answer",
    "Availability",
    "Code",
    "Freed",
    "Held",
    "Hold",
    "HoldPolicy",
    "HoldState",
    "HoldsReleased",
    "Intake",
    "IntakeClosed",
    "IntakeFull",
    "IntakeUnknown",
    "Line",
    "NotHere",
    "Part",
    "Promised",
    "Quote",
    "Refused",
    "Request",
    "TooMuchReturned",
    "assembled",
    "at_places",
    "audit",
    "available",
    "close_show_pool",
    "confirm",
    "crowded_networks",
    "expire",
    "extend",
    "has_paid",
    "held_by",
    "hold",
    "holds_of",
    "paid",
    "put_back",
    "quote",
    "record_refused",
    "rehold",
    "release",
    "reserve",
    "retention",
    "seconds_to_next_expiry",
    "ship",
    "units_in_bundles",
    "unpaid_of_network",
    "unpaid_until",
]
