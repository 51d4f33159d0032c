"""Facts of giveaways."""

from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class GiveawayOpened:
    """The rules are public from now on.  `rules_hash`: SHA-256 of their canonical JSON; `commitment`: that of the secret."""

    name: ClassVar[str] = "giveaways.opened"

    shop_id: int
    show_id: int
    giveaway_id: int
    rules_hash: str
    commitment: str
    round: int
    closes_at: int


@dataclass(frozen=True, slots=True)
class GiveawayEntered:
    """These shoppers entered: one fact a batch."""

    name: ClassVar[str] = "giveaways.entered"

    shop_id: int
    show_id: int
    giveaway_id: int
    shoppers: list[UUID]


@dataclass(frozen=True, slots=True)
class GiveawayClosed:
    """The list of entries is closed.  `root`: that of the Merkle tree of their numbers."""

    name: ClassVar[str] = "giveaways.closed"

    shop_id: int
    show_id: int
    giveaway_id: int
    entries: int
    root: str


@dataclass(frozen=True, slots=True)
class GiveawayDrawn:
    """`numbers` of the winners, in the order of the draw."""

    name: ClassVar[str] = "giveaways.drawn"

    shop_id: int
    show_id: int
    giveaway_id: int
    numbers: list[str]


@dataclass(frozen=True, slots=True)
class GiveawayVoid:
    """There is no draw: it was called off, nobody entered, or it was closed or revealed too late."""

    name: ClassVar[str] = "giveaways.void"

    shop_id: int
    show_id: int
    giveaway_id: int
    why: str


@dataclass(frozen=True, slots=True)
class WinnerAsked:
    """Somebody was drawn and has until `deadline`, in milliseconds since 1970, to say where the prize goes.

    `customer`: the account they entered with, where they had one.
    """

    name: ClassVar[str] = "giveaways.winner_asked"

    shop_id: int
    show_id: int
    giveaway_id: int
    place: int
    shopper: UUID
    customer: UUID | None
    prize: str
    deadline: int


@dataclass(frozen=True, slots=True)
class PrizeClaimed:
    name: ClassVar[str] = "giveaways.prize_claimed"

    shop_id: int
    show_id: int
    giveaway_id: int
    place: int


@dataclass(frozen=True, slots=True)
class PrizeLapsed:
    """Nobody claimed it in time; the next in the draw is asked, where there is one."""

    name: ClassVar[str] = "giveaways.prize_lapsed"

    shop_id: int
    show_id: int
    giveaway_id: int
    place: int
