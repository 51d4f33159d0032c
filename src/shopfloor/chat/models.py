"""What chat is made of: lines, reasons, and this module's refusals.  No I/O here."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from shopfloor.kernel.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from shopfloor.kernel.records import dataclass


class Role(StrEnum):
    """What a line's writer is in the room."""

    VIEWER = "viewer"
    HOST = "host"
    MODERATOR = "moderator"
    BUYER = "buyer"
    SYSTEM = "system"


class State(StrEnum):
    SHOWN = "shown"
    HELD = "held"
    HIDDEN = "hidden"


class Reason(StrEnum):
    """Why a line is held or hidden, or somebody muted.

    There is no reason for "negative": what people do not like about goods or shop stays where it is.
    """

    SPAM = "spam"
    LINK = "link"
    BLOCKED_WORD = "blocked_word"
    REPEATED = "repeated"
    INSULT = "insult"
    HATE = "hate"
    ILLEGAL = "illegal"
    PERSONAL_DATA = "personal_data"
    IMPERSONATION = "impersonation"
    OFF_PLATFORM = "off_platform"


@dataclass(frozen=True, slots=True)
class Line:
    """Something that was said.  `reason` says why it is not shown; `answered`: when it was answered, on the clock of the
    video, in milliseconds since 1970.
    """

    id: UUID
    shop_id: int
    show_id: int
    shopper: UUID
    name: str
    text: str
    role: Role
    state: State
    reason: str | None
    at: datetime
    answered: int | None = None

    def __post_init__(self) -> None:
        # From the database they come as plain strings.
        object.__setattr__(self, "role", Role(self.role))
        object.__setattr__(self, "state", State(self.state))


@dataclass(frozen=True, slots=True)
class Moderation:
    """One entry of the moderation log."""

    id: int
    show_id: int | None
    line_id: UUID | None
    shopper: UUID | None
    action: str
    reason: str
    note: str
    by_person: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Mute:
    shopper: UUID
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Writer:
    """What is known of somebody who wants to say something, over all their sockets and processes."""

    said_lately: int
    first_said_at: datetime | None
    has_bought: bool
    muted_until: datetime | None
    mute_reason: str | None
    same_by_writer: bool
    same_by_others: int
    last_said_at: datetime | None


class UnknownLine(NotFound):
    """There is no such line."""

    code = "chat.unknown_line"


class NotShown(Conflict):
    """This line is hidden or held: nobody in the room sees it."""

    code = "chat.not_shown"


class BadText(Invalid):
    """A line has 1 to 200 characters that can be seen."""

    code = "chat.bad_text"


class BadName(Invalid):
    """A name has 1 to 24 characters and does not claim to be somebody of the shop."""

    code = "chat.bad_name"


class TooFast(TooMany):
    """Slow down."""

    code = "chat.too_fast"


class SlowMode(TooMany):
    """The show is in slow mode: so many seconds between two lines of one shopper."""

    code = "chat.slow_mode"


class Repeated(TooMany):
    """You said that a moment ago."""

    code = "chat.repeated"


class Muted(Forbidden):
    """You cannot write here for a while."""

    code = "chat.muted"


class ChatClosed(Conflict):
    """Nobody can write in a show that is over."""

    code = "chat.closed"


class NoReason(Invalid):
    """Moderation needs one of the known reasons."""

    code = "chat.no_reason"


class WordProtected(Conflict):
    """Words for dissatisfaction cannot be blocked: complaints may not be removed as a class."""

    code = "chat.word_protected"


class BadWord(Invalid):
    """A blocked word has 2 to 40 characters."""

    code = "chat.bad_word"
