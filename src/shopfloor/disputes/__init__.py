"""What buyers asked their banks to take back: deadline, reason, money held and returned, what the merchant did.

Promise: a dispute is one however often it is told; its money is appended and never changed; what a bank holds is not
refunded a second time; somebody is told in time.
"""

from shopfloor.disputes.audit import audit
from shopfloor.disputes.models import Answer, Dispute, DisputeNotFound, DisputeOver
from shopfloor.disputes.service import (
    answer,
    case,
    hear,
    of_subject,
    page_of,
    remind,
    take_due,
    waiting,
    withdrawn,
)

__all__ = [
    "Answer",
    "Dispute",
    "DisputeNotFound",
    "DisputeOver",
    "answer",
    "audit",
    "case",
    "hear",
    "of_subject",
    "page_of",
    "remind",
    "take_due",
    "waiting",
    "withdrawn",
]
