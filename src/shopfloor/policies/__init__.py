"""What a shop asks and promises: deadlines, deposits, shipping by hand, where to collect, where to send money, returns.

Promise: bank details change only with `money.manage`, on record, and every owner is told.
"""

from shopfloor.policies import bank_details, return_rules
from shopfloor.policies.events import ShopTermsChanged
from shopfloor.policies.models import ShopTerms
from shopfloor.policies.service import promised, set_shop_terms, shop_terms

__all__ = [
    "ShopTerms",
    "ShopTermsChanged",
    "bank_details",
    "promised",
    "return_rules",
    "set_shop_terms",
    "shop_terms",
]
