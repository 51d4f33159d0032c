"""Polls: a question of the host with two to four answers, and what the room said.

Promise: a browser has one vote, however often it taps; the bars are what is kept; a poll ends at its second, by hand or
with the show, and its result stays.
"""

from shopfloor.polls.audit import audit
from shopfloor.polls.models import Poll
from shopfloor.polls.refusals import AnotherPoll, BadPoll, PollOver, UnknownPoll
from shopfloor.polls.service import ask, close, close_due, poll, polls, take_off
from shopfloor.polls.voting import Votes

__all__ = [
    "AnotherPoll",
    "BadPoll",
    "Poll",
    "PollOver",
    "UnknownPoll",
    "Votes",
    "ask",
    "audit",
    "close",
    "close_due",
    "poll",
    "polls",
    "take_off",
]
