"""Auctions: a lot of a running show goes to whoever bids most, and is theirs to check out for a while.

Promise: the first bid that arrives is the first in the ledger, whichever process takes it, and every price follows from
the ledger; a bid is before the end or after it, by one clock; the units are held from the opening on, by one buyer at a
time; who wins and doesn't pay is passed over once.
"""

from shopfloor.auctions.audit import audit
from shopfloor.auctions.hearing import HEARD
from shopfloor.auctions.models import (
    CALLED_OFF,
    EXTENDS,
    PAY_MINUTES,
    Auction,
    Bid,
    Mine,
    Why,
    Win,
)
from shopfloor.auctions.placing import Bidding, Bids, Placed
from shopfloor.auctions.refusals import (
    BidderUnproven,
    BidLeap,
    UnknownAuction,
)
from shopfloor.auctions.service import (
    auction,
    auctions,
    bids,
    call_off,
    forget_buyers,
    lift_strike,
    mine,
    newest,
    open_auction,
    refused_bids,
    strike,
    take_off,
    wins,
)
from shopfloor.auctions.working import work

__all__ = [
    "CALLED_OFF",
    "EXTENDS",
    "HEARD",
    "PAY_MINUTES",
    "Auction",
    "Bid",
    "BidLeap",
    "BidderUnproven",
    "Bidding",
    "Bids",
    "Mine",
    "Placed",
    "UnknownAuction",
    "Why",
    "Win",
    "auction",
    "auctions",
    "audit",
    "bids",
    "call_off",
    "forget_buyers",
    "lift_strike",
    "mine",
    "newest",
    "open_auction",
    "refused_bids",
    "strike",
    "take_off",
    "wins",
    "work",
]
