"""Orders that are collected in stores: made ready, handed over against a proof, released when nobody comes.

Promise: an order is handed over once, to whoever has its code or whose name and order number somebody checked, and who
did it and when is written down; what nobody collects is free again, and its buyer is told and refunded.
"""

from shopfloor.pickups.audit import audit
from shopfloor.pickups.hearing import HEARD
from shopfloor.pickups.models import (
    MOST_TRIES,
    NotWaiting,
    Pickup,
    Proof,
    ProofNeeded,
    State,
    TooManyTries,
    UnknownPickup,
    WrongCode,
    read_code,
)
from shopfloor.pickups.service import (
    TABS,
    accept,
    counts,
    find,
    forget_buyers,
    hand_over,
    listing,
    make_ready,
    of_order,
    ready_among,
    release,
    remind,
    waiting,
)

__all__ = [
    "HEARD",
    "MOST_TRIES",
    "TABS",
    "NotWaiting",
    "Pickup",
    "Proof",
    "ProofNeeded",
    "State",
    "TooManyTries",
    "UnknownPickup",
    "WrongCode",
    "accept",
    "audit",
    "counts",
    "find",
    "forget_buyers",
    "hand_over",
    "listing",
    "make_ready",
    "of_order",
    "read_code",
    "ready_among",
    "release",
    "remind",
    "waiting",
]
