"""What the price function refuses, each with a stable code."""

from shopfloor.kernel.errors import Conflict, Invalid, NotFound


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


class UnknownRule(NotFound):
    """This shop has no such tax rate, class, zone or way of delivery."""

    code = "pricing.unknown"


class RuleInUse(Conflict):
    """Something still refers to it; change that first."""

    code = "pricing.in_use"


class UnknownCountry(Invalid):
    """Countries are given by their two letters, such as DE or CN."""

    code = "pricing.country"


class BadTaxNumber(Invalid):
    """This cannot be a tax number of that country."""

    code = "pricing.tax_number"


class BadTaxClass(Invalid):
    """A tax class has a code of lowercase letters, digits and hyphens, and a name."""

    code = "pricing.tax_class"


class BadPeriod(Invalid):
    """The last day is before the first."""

    code = "pricing.period"


class BadSteps(Invalid):
    """Each step goes further than the one before; only the last may be without end."""

    code = "pricing.steps"


class DeliveryIncomplete(Invalid):
    """What is shipped needs a zone, and local delivery a country and postal codes."""

    code = "pricing.delivery"


class TooMany(Invalid):
    """These are more entries than a list may have."""

    code = "pricing.too_many"
