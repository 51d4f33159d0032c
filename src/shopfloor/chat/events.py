"""What chat tells the rest of the product."""

from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class ChatSaid:
    """A line everybody may see.  `at` in ms since 1970; `asks`: the sizes, colours and intents found in it."""

    name: ClassVar[str] = "chat.chat_said"

    shop_id: int
    show_id: int
    line_id: UUID
    shopper: UUID
    author: str
    role: str
    text: str
    at: int
    asks: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class ChatHeld:
    """A line waits for a moderator; nobody but its writer knows of it."""

    name: ClassVar[str] = "chat.chat_held"

    shop_id: int
    show_id: int
    line_id: UUID
    shopper: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class ChatHidden:
    """A line was taken out of every page and of the replay.  It stays in the archive and the figures."""

    name: ClassVar[str] = "chat.chat_hidden"

    shop_id: int
    show_id: int
    line_id: UUID
    shopper: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class ChatUnnamed:
    """Lines lost the name of who wrote them, who was erased: the last of a show, as many as rooms may still know."""

    name: ClassVar[str] = "chat.chat_unnamed"

    shop_id: int
    show_id: int
    line_ids: list[UUID]


@dataclass(frozen=True, slots=True)
class ShopperMuted:
    name: ClassVar[str] = "chat.shopper_muted"

    shop_id: int
    show_id: int | None
    shopper: UUID
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class LinePinned:
    """A line stands above the others, as it was said; without `line_id` none does any longer."""

    name: ClassVar[str] = "chat.line_pinned"

    shop_id: int
    show_id: int
    line_id: UUID | None
    author: str
    role: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class LineAnswered:
    """The question in a line was answered at this moment of the video (ms since 1970); None: it was not, after all."""

    name: ClassVar[str] = "chat.line_answered"

    shop_id: int
    show_id: int
    line_id: UUID
    shopper: UUID
    answered: int | None
