"""What promotions refuse, each with a stable code."""

from shopfloor.kernel.errors import Conflict, Invalid, NotFound, TooMany


class UnknownDiscount(NotFound):
    """There is no such discount here."""

    code = "promotions.unknown"


class NotThere(Invalid):
    """A product or the show of the discount is not there; it may have been deleted."""

    code = "promotions.not_there"


class DiscountIncomplete(Invalid):
    """A field of the discount is missing, or does not go with its kind."""

    code = "promotions.incomplete"


class BadCode(Invalid):
    """A discount code has 3 to 40 visible characters, without spaces or commas."""

    code = "promotions.code"


class CodeTaken(Conflict):
    """Another discount of this shop has this code, or this address."""

    code = "promotions.code_taken"


class TooManyCodes(Invalid):
    """These are more codes or steps than a discount may have, or more discounts than a shop may have."""

    code = "promotions.too_many"


class BelowUsage(Conflict):
    """A limit cannot be lower than what has been used of it."""

    code = "promotions.below_usage"


class DiscountInUse(Conflict):
    """It has been used or claimed, so it stays; pause it instead."""

    code = "promotions.in_use"


class DiscountGone(Conflict):
    """The last of a discount was used by somebody else meanwhile."""

    code = "promotions.gone"


class NotClaimable(Conflict):
    """This coupon cannot be claimed now: it has not begun, is paused or over."""

    code = "promotions.not_claimable"


class AllClaimed(Conflict):
    """All of these coupons have been claimed."""

    code = "promotions.all_claimed"


class TooManyTries(TooMany):
    """Too many codes that do not exist were tried; wait a little."""

    code = "promotions.too_many_tries"
