"""What the room stream calls: everything above this module comes in here."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from uuid import UUID

from shopfloor.kernel.records import dataclass
from shopfloor.rooms import wire
from shopfloor.rooms.presence import Beat
from shopfloor.rooms.room import ChatLine

Answer = Callable[[bytes], None]


class BuyHandler(Protocol):
    """Takes a purchase and answers it once, from the loop, with an encoded `answer` message.

    It may also return an awaitable of that message.  A Refusal raised by either becomes an `error`.
    """

    def __call__(
        self, buy: wire.Buy, /, *, show_id: int, shopper: UUID, answer: Answer, address: str
    ) -> Awaitable[bytes] | None: ...


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody wants to say.  `role` is what this socket proved to be: viewer, host or moderator."""

    shop_id: int
    show_id: int
    shopper: UUID
    role: str
    name: str | None
    text: str


ChatHandler = Callable[[Said], Awaitable[ChatLine | None]]
PresenceHandler = Callable[[Sequence[Beat]], Awaitable[None] | None]
LikeHandler = Callable[[int, UUID, int], None]
StaffRole = Callable[[str, int], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class RoomHandlers:
    """What the room stream calls; everything above this module comes in here.

    `chat` returns the line, or None when it is held for review, or raises a Refusal.  `beat` takes who came,
    watched and left (for the collector).  `like` hears of likes (show, shopper, how many).  `staff` says what
    the owner of a session token is in a shop: host, moderator or None.  `posted` hears of a line that came by a form:
    its sender gets the page again, and looks for it (shop).
    """

    buy: BuyHandler | None = None
    chat: ChatHandler | None = None
    like: LikeHandler | None = None
    beat: PresenceHandler | None = None
    staff: StaffRole | None = None
    posted: Callable[[int], None] | None = None
