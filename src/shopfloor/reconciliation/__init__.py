"""The books of the providers beside ours, and money that fits no order.

Promise: every line of a statement is in our books or is a difference; a difference stays open until a person closes it.
"""

from shopfloor.reconciliation import differences, statements
from shopfloor.reconciliation.audit import audit
from shopfloor.reconciliation.differences import of_charge
from shopfloor.reconciliation.models import DifferenceKind
from shopfloor.reconciliation.silence import notice_silence
from shopfloor.reconciliation.troubles import desk, trouble

__all__ = [
    "DifferenceKind",
    "audit",
    "desk",
    "differences",
    "notice_silence",
    "of_charge",
    "statements",
    "trouble",
]
