"""The desk of those who pick and pack: what is to do, what goes where, sheets to print, lists for carriers and back.

Promise: what a button did stays done when it is pressed again; a parcel that may not leave keeps no other; a carrier's
list taken twice changes nothing the second time.
"""

from shopfloor.warehouse import sheets
from shopfloor.warehouse.service import (
    AT_ONCE,
    Imported,
    arrived_parcels,
    by_code,
    carrier_list,
    counts,
    import_tracking,
    listing,
    matching,
    may_go_with,
    packed,
    put_together,
    scan,
    send_parcels,
    shows,
)

__all__ = [
    "AT_ONCE",
    "Imported",
    "arrived_parcels",
    "by_code",
    "carrier_list",
    "counts",
    "import_tracking",
    "listing",
    "matching",
    "may_go_with",
    "packed",
    "put_together",
    "scan",
    "send_parcels",
    "sheets",
    "shows",
]
