"""Stores as buyers know them: where they are, when they are open, what can be collected there and when it is ready.

Promise: a time that is named is one at which the store is open, on its own clock; what is offered at a store was there
when it was offered, and only the ledger says that it still is.
"""

from shopfloor.stores import hours
from shopfloor.stores.models import (
    METHOD,
    AfterKeeping,
    BadStore,
    Offered,
    Store,
)
from shopfloor.stores.service import all_of, find, offered, save, store

__all__ = [
    "METHOD",
    "AfterKeeping",
    "BadStore",
    "Offered",
    "Store",
    "all_of",
    "find",
    "hours",
    "offered",
    "save",
    "store",
]
