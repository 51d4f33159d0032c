"""Auctions: a lot of a running show goes to whoever bids most, and is theirs to check out for a while.

Promise: the first bid that arrives is the first in the ledger, whichever process takes it, and every price follows from
the ledger; a bid is before the end or after it, by one clock; the units are held from the opening on, by one buyer at a
time; who wins and doesn't pay is passed over once.
"""

from shopfloor.auctions.audit import audit
from shopfloor.auctions.hearing import HEARD
from shopfloor.auctions.models import Auction, Bid, Mine, Refusals, Strike, Why, Win
from shopfloor.auctions.placing import Bidding, Bids, Placed
from shopfloor.auctions.refusals import (
    AlreadyLeading,
    AuctionOfBundle,
    AuctionOver,
    AuctionRunning,
    AuctionTooLarge,
    BadAuction,
    BadBid,
    BidderBarred,
    BidderUnproven,
    BidLeap,
    BidTooFast,
    BidTooLow,
    OtherBid,
    SellerExcluded,
    TermsNotAccepted,
    UnknownAuction,
    UnknownStrike,
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
    "HEARD",
    "AlreadyLeading",
    "Auction",
    "AuctionOfBundle",
    "AuctionOver",
    "AuctionRunning",
    "AuctionTooLarge",
    "BadAuction",
    "BadBid",
    "Bid",
    "BidLeap",
    "BidTooFast",
    "BidTooLow",
    "BidderBarred",
    "BidderUnproven",
    "Bidding",
    "Bids",
    "Mine",
    "OtherBid",
    "Placed",
    "Refusals",
    "SellerExcluded",
    "Strike",
    "TermsNotAccepted",
    "UnknownAuction",
    "UnknownStrike",
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
