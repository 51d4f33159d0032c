"""A person asks to be forgotten.

Promise: name and contact go from all of their orders, and by a fact from what else they said and are called; an order
that is not over keeps its contact until it is; what was bought and paid stays.
"""

from shopfloor.erasure.events import BuyerErased
from shopfloor.erasure.models import NobodyToErase, Subject
from shopfloor.erasure.service import erase, finish, waits_since

__all__ = ["BuyerErased", "NobodyToErase", "Subject", "erase", "finish", "waits_since"]
