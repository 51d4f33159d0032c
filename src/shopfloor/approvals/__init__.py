"""What needs a second person: refunds above a shop's limit, of a member's own order, or sent another way.

Promise: nothing that waits has left; one person decides once, and never over their own request.
"""

from shopfloor.approvals.models import AlreadyDecided, Kind, OwnRequest, Request, RequestNotFound
from shopfloor.approvals.service import (
    ask,
    confirm,
    decline,
    known,
    needed,
    of_order,
    refund_limit,
    request,
    set_refund_limit,
    waiting,
)

__all__ = [
    "AlreadyDecided",
    "Kind",
    "OwnRequest",
    "Request",
    "RequestNotFound",
    "ask",
    "confirm",
    "decline",
    "known",
    "needed",
    "of_order",
    "refund_limit",
    "request",
    "set_refund_limit",
    "waiting",
]
