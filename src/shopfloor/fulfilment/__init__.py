"""Parcels: what is to be picked where, packed, on its way, and with its buyer.

Promise: a parcel never has more units than were ordered; its units leave the books once, when it is said to have left,
and are in them again when that was a mistake; what happened to it is written down with who did it.
"""

from shopfloor.fulfilment import carriers, sheet
from shopfloor.fulfilment.models import (
    GONE,
    HERE,
    AmbiguousParcel,
    Delivery,
    NotInParcel,
    Parcel,
    ParcelNotFound,
    Planned,
    State,
    WrongStep,
    parcel_number,
)
from shopfloor.fulfilment.queries import history, ids_by_number
from shopfloor.fulfilment.service import (
    arrive,
    cancel_order,
    lock,
    of_order,
    parcel,
    parcels,
    pick,
    plan,
    send,
    split,
    step,
    take_out,
    track,
    undo,
)

__all__ = [
    "GONE",
    "HERE",
    "AmbiguousParcel",
    "Delivery",
    "NotInParcel",
    "Parcel",
    "ParcelNotFound",
    "Planned",
    "State",
    "WrongStep",
    "arrive",
    "cancel_order",
    "carriers",
    "history",
    "ids_by_number",
    "lock",
    "of_order",
    "parcel",
    "parcel_number",
    "parcels",
    "pick",
    "plan",
    "send",
    "sheet",
    "split",
    "step",
    "take_out",
    "track",
    "undo",
]
