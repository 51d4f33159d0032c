"""Orders that are changed before they are sent.

Promise: who saves has seen what the order will come to; what it costs is what the edits say, one after the other; units
and money follow in the same transaction, and what was changed, by whom and why stays.
"""

from shopfloor.order_edits.audit import audit
from shopfloor.order_edits.models import Added, Change, Edit, LineChange, Target
from shopfloor.order_edits.service import listing, save, waive

__all__ = [
    "Added",
    "Change",
    "Edit",
    "LineChange",
    "Target",
    "audit",
    "listing",
    "save",
    "waive",
]
