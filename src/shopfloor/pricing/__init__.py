"""What an order costs: discounts, shipping and tax, worked out in one place by one pure function.

Promise: lines and shipping sum to the total, net and tax to gross, shares to what was shared, in every currency and to
the last minor unit; the same question has the same answer; refunds in parts give back exactly what was paid.
"""

from shopfloor.pricing.models import Breakdown, Option, Question, plain, read
from shopfloor.pricing.price import options, price
from shopfloor.pricing.rationals import of_units, refund_parts
from shopfloor.pricing.refusals import NoSuchDelivery

__all__ = [
    "Breakdown",
    "NoSuchDelivery",
    "Option",
    "Question",
    "of_units",
    "options",
    "plain",
    "price",
    "read",
    "refund_parts",
]
