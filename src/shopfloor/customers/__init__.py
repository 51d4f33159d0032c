"""Who buys in a shop: guests in their browser, accounts by a mailed code, customers as the shop sees them.

Promise: an order is in an account only when its address was proved or its owner was signed in; a code is good once, for
a short time, in the browser that asked for it; an answer tells nobody who is a customer; what is erased stays erased.
"""

from shopfloor.customers import account, baskets, contacts, signing_in
from shopfloor.customers.chinese_addresses import filled_in
from shopfloor.customers.models import (
    AddressForm,
    AddressRefused,
    Customer,
    NotConfirmed,
    Source,
    TooManyAddresses,
    TooManyCodes,
)
from shopfloor.customers.service import (
    add_note,
    consents,
    customer,
    customers,
    erase,
    forget_erased,
    note_order,
    of_order,
    orders_of,
    profile,
)

__all__ = [
    "AddressForm",
    "AddressRefused",
    "Customer",
    "NotConfirmed",
    "Source",
    "TooManyAddresses",
    "TooManyCodes",
    "account",
    "add_note",
    "baskets",
    "consents",
    "contacts",
    "customer",
    "customers",
    "erase",
    "filled_in",
    "forget_erased",
    "note_order",
    "of_order",
    "orders_of",
    "profile",
    "signing_in",
]
