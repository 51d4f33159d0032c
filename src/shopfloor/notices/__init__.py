"""Messages: what is to be told to whom, and what became of it.

Promise: a fact is told once to each person, however often it is delivered and whoever dies meanwhile (a message of which
nobody knows whether it left is sent once more, under the same id); what became of each is in the log.
"""

from shopfloor.notices import queue, readers, troubles
from shopfloor.notices.models import (
    MOST_UNCERTAIN,
    TO_MERCHANT,
    TRAITS,
    Channel,
    Kind,
    NewNotice,
    NotAnAddress,
    Notice,
    State,
    Trouble,
    UnknownNotice,
    is_address,
    wait_after,
)
from shopfloor.notices.queries import linked, note_report, of_fact, told_lately
from shopfloor.notices.service import about_secret, counts, notice, of_order, page_of, tell

__all__ = [
    "MOST_UNCERTAIN",
    "TO_MERCHANT",
    "TRAITS",
    "Channel",
    "Kind",
    "NewNotice",
    "NotAnAddress",
    "Notice",
    "State",
    "Trouble",
    "UnknownNotice",
    "about_secret",
    "counts",
    "is_address",
    "linked",
    "note_report",
    "notice",
    "of_fact",
    "of_order",
    "page_of",
    "queue",
    "readers",
    "tell",
    "told_lately",
    "troubles",
    "wait_after",
]
