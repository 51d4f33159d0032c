"""What rooms tell the rest of the product."""

from typing import Any, ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class NoticePosted:
    """A notice or a correction stands on top of the room; without text it was taken away."""

    name: ClassVar[str] = "live.notice_posted"

    shop_id: int
    show_id: int
    kind: str
    text: str
    texts: dict[str, str]
    offer_id: int | None
    at: int


@dataclass(frozen=True, slots=True)
class CardChanged:
    """A card of the room as it stands now, or nothing where it was taken away.  `subject`: what it tells of."""

    name: ClassVar[str] = "live.card_changed"

    shop_id: int
    show_id: int
    kind: str
    subject: int
    card: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ShowCounted:
    """Counters of a show, absolute."""

    name: ClassVar[str] = "live.show_counted"

    shop_id: int
    show_id: int
    orders: int


@dataclass(frozen=True, slots=True)
class WaitingChanged:
    """Units people wait for of a variant in a show, absolute."""

    name: ClassVar[str] = "live.waiting_changed"

    shop_id: int
    show_id: int
    variant_id: int
    waiting: int
