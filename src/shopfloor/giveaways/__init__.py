"""Giveaways: a prize drawn among those who entered for nothing, by a draw that anyone can compute again.

Promise: the rules never change once they are open; nobody enters twice; who wins follows from three things none of which
anybody could choose knowing the others: the shop's secret, whose hash the rules name, the list of entries, whose root is
known before the round of the beacon, and that round.  A draw that is not revealed in time is void.
"""

from shopfloor.giveaways import beacon, verifying
from shopfloor.giveaways.audit import audit
from shopfloor.giveaways.entering import Entering, Entries
from shopfloor.giveaways.models import Giveaway, Place, Winner
from shopfloor.giveaways.refusals import (
    BadGiveaway,
    ClaimOver,
    EntryClosed,
    NotAWinner,
    PrizeTooHigh,
    ProofNeeded,
    Running,
    StaffExcluded,
    StillOpen,
    TooManyHere,
    UnknownGiveaway,
)
from shopfloor.giveaways.service import (
    call_off,
    claim,
    close,
    draw_file,
    entry_of,
    forget_buyers,
    giveaway,
    giveaways,
    mark_sent,
    open_giveaway,
    prize_limit,
    take_off,
    winners,
)
from shopfloor.giveaways.working import work

__all__ = [
    "BadGiveaway",
    "ClaimOver",
    "Entering",
    "Entries",
    "EntryClosed",
    "Giveaway",
    "NotAWinner",
    "Place",
    "PrizeTooHigh",
    "ProofNeeded",
    "Running",
    "StaffExcluded",
    "StillOpen",
    "TooManyHere",
    "UnknownGiveaway",
    "Winner",
    "audit",
    "beacon",
    "call_off",
    "claim",
    "close",
    "draw_file",
    "entry_of",
    "forget_buyers",
    "giveaway",
    "giveaways",
    "mark_sent",
    "open_giveaway",
    "prize_limit",
    "take_off",
    "verifying",
    "winners",
    "work",
]
