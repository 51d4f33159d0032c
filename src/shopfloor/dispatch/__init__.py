"""Orders that stores send: taken on, passed on to the next location, sent; and what other rules would have done.

Promise: what a store passes on is promised by another location in the same moment, or stays where it is and says so; of two
who take an order on, or pass it on, at once one does.
"""

from shopfloor.dispatch.models import REASONS, TABS, NotHere, ReasonNeeded, Task, UnknownTask
from shopfloor.dispatch.replay import MOST_REPLAYED, Replayed, Week, week
from shopfloor.dispatch.service import (
    accept,
    counts,
    escalate,
    listing,
    pass_on,
    send,
    step,
    task,
)

__all__ = [
    "MOST_REPLAYED",
    "REASONS",
    "TABS",
    "NotHere",
    "ReasonNeeded",
    "Replayed",
    "Task",
    "UnknownTask",
    "Week",
    "accept",
    "counts",
    "escalate",
    "listing",
    "pass_on",
    "send",
    "step",
    "task",
    "week",
]
