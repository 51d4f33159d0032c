"""What an order costs: discounts, shipping and tax, worked out in one place by one pure function.

Promise: lines and shipping sum to the total, net and tax to gross, shares to what was shared, in every currency and to
the last minor unit; the same question has the same answer; refunds in parts give back exactly what was paid.
"""

from shopfloor.pricing import records, service
from shopfloor.pricing.models import (
    Breakdown,
    DeliveryKind,
    Discount,
    DiscountKind,
    DiscountLevel,
    DiscountStep,
    Line,
    Method,
    Place,
    PriceBy,
    Rounding,
    Shipping,
    TaxLine,
    TaxPlace,
    WhyNot,
    Zone,
    check_percentage,
    plain,
    read,
)
from shopfloor.pricing.price import options, price
from shopfloor.pricing.quotes import PricedWay, Prices
from shopfloor.pricing.rationals import of_units, refund_parts
from shopfloor.pricing.refusals import BadSteps, Negative, RateUnreadable, TooLarge, UnknownRule
from shopfloor.pricing.service import has_delivery, know_tax_class, rules

__all__ = [
    "BadSteps",
    "Breakdown",
    "DeliveryKind",
    "Discount",
    "DiscountKind",
    "DiscountLevel",
    "DiscountStep",
    "Line",
    "Method",
    "Negative",
    "Place",
    "PriceBy",
    "PricedWay",
    "Prices",
    "RateUnreadable",
    "Rounding",
    "Shipping",
    "TaxLine",
    "TaxPlace",
    "TooLarge",
    "UnknownRule",
    "WhyNot",
    "Zone",
    "check_percentage",
    "has_delivery",
    "know_tax_class",
    "of_units",
    "options",
    "plain",
    "price",
    "read",
    "records",
    "refund_parts",
    "rules",
    "service",
]
