"""What auctions refuse, each with a stable code."""

from shopfloor.kernel.errors import Conflict, Forbidden, Invalid, NotFound, TooMany


class UnknownAuction(NotFound):
    """There is no such auction here."""

    code = "auctions.unknown"


class BadAuction(Invalid):
    """An auction needs 1 to 1,000 units, a start price, rising steps, 10 seconds to one hour, and 5 minutes to 3 days to pay."""

    code = "auctions.bad"


class AuctionOfBundle(Conflict):
    """A bundle can't be auctioned: auction one of its products."""

    code = "auctions.bundle"


class AuctionTooLarge(Conflict):
    """The show has fewer units left than the lot has."""

    code = "auctions.too_large"


class AuctionRunning(Conflict):
    """Another auction of this show is running."""

    code = "auctions.running"


class AuctionOver(Conflict):
    """This auction is over."""

    code = "auctions.over"


class BidTooLow(Conflict):
    """Bid at least what is asked."""

    code = "auctions.too_low"


class AlreadyLeading(Conflict):
    """You lead already: a new maximum must be higher than your last one."""

    code = "auctions.leading"


class BadBid(Invalid):
    """A bid is an amount in the currency of the auction."""

    code = "auctions.bad_bid"


class BidLeap(Conflict):
    """The bid is more than three times what is asked: confirm that it is meant."""

    code = "auctions.leap"


class OtherBid(Conflict):
    """This id was used for another bid."""

    code = "auctions.other_bid"


class BidTooFast(TooMany):
    """Too many bids at once."""

    code = "auctions.too_fast"


class BidderUnproven(Forbidden):
    """Prove your email or phone with a code before you bid."""

    code = "auctions.sign_in"


class TermsNotAccepted(Conflict):
    """Accept the terms of the auction before your first bid."""

    code = "auctions.terms"


class SellerExcluded(Forbidden):
    """People who work for the shop can't bid."""

    code = "auctions.staff"


class BidderBarred(Forbidden):
    """You can't bid for a while, because you won before and didn't pay."""

    code = "auctions.barred"


class UnknownStrike(NotFound):
    """There is no such strike."""

    code = "auctions.unknown_strike"
