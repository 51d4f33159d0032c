"""What people say in a show, what they ask for, and what moderators do about it.

Promise: nothing said is lost and nothing is dropped in silence: a line is shown, held or hidden, each with a
reason on record.  Complaints cannot be removed as a class.
"""

from shopfloor.chat.asks import EMPTY, Asks, Vocabulary, asks, vocabulary
from shopfloor.chat.events import ChatHidden, ChatSaid, ChatUnnamed
from shopfloor.chat.models import BadName, BadText, BadWord, Line, Muted, Reason, Role, State, WordProtected
from shopfloor.chat.rules import name_of
from shopfloor.chat.service import (
    allow_word,
    approve,
    block_word,
    blocked_words,
    erase_names,
    held,
    hide,
    mark_buyer,
    moderations,
    mute,
    recent,
    recent_lines,
    room_line,
    said_line,
    say,
    unmute,
)

__all__ = [
    "EMPTY",
    "Asks",
    "BadName",
    "BadText",
    "BadWord",
    "ChatHidden",
    "ChatSaid",
    "ChatUnnamed",
    "Line",
    "Muted",
    "Reason",
    "Role",
    "State",
    "Vocabulary",
    "WordProtected",
    "allow_word",
    "approve",
    "asks",
    "block_word",
    "blocked_words",
    "erase_names",
    "held",
    "hide",
    "mark_buyer",
    "moderations",
    "mute",
    "name_of",
    "recent",
    "recent_lines",
    "room_line",
    "said_line",
    "say",
    "unmute",
    "vocabulary",
]
