"""What the price function refuses, each with a stable code."""

from shopfloor.kernel.errors import Conflict, Invalid


class QuestionMalformed(Invalid):
    """This is not a question that a price can be worked out from."""

    code = "pricing.malformed"


class NothingToPrice(Invalid):
    """There is no line to work out a price for."""

    code = "pricing.empty"


class Negative(Invalid):
    """Quantities are at least one, and amounts, weights and rates are not below zero."""

    code = "pricing.negative"


class TooLarge(Invalid):
    """An amount, a quantity or their sum is larger than any the product accepts."""

    code = "pricing.too_large"


class RateUnreadable(Invalid):
    """This is not a percentage: digits, a decimal point and at most six decimals."""

    code = "pricing.rate"


class NoSuchDelivery(Conflict):
    """The order cannot be delivered this way to this place."""

    code = "pricing.no_delivery"
