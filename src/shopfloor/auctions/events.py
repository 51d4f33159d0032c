"""Facts of auctions.  Moments are milliseconds since 1970; amounts minor units of `currency`, for the whole lot."""

from typing import ClassVar
from uuid import UUID

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class AuctionOpened:
    """Bids are taken until `ends_at`, or later where somebody bids at the end."""

    name: ClassVar[str] = "auctions.opened"

    shop_id: int
    show_id: int
    auction_id: int
    offer_id: int
    variant_id: int
    quantity: int
    currency: str
    start_minor: int
    has_reserve: bool
    ends_at: int


@dataclass(frozen=True, slots=True)
class BidsPlaced:
    """Bids that were taken together, in their order: who bid, and the price that each led to.  Maxima stay sealed."""

    name: ClassVar[str] = "auctions.bids_placed"

    shop_id: int
    show_id: int
    auction_id: int
    currency: str
    seqs: list[int]
    paddles: list[int]
    shoppers: list[UUID]
    prices_minor: list[int]
    ends_at: int


@dataclass(frozen=True, slots=True)
class ShillRefused:
    """Somebody of the shop tried to bid in its own auction."""

    name: ClassVar[str] = "auctions.shill_refused"

    shop_id: int
    show_id: int
    auction_id: int
    shopper: UUID
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class AuctionClosed:
    """It is over: sold, unsold or cancelled.  `price_minor` is 0 where nobody bid; `one_network`: how many of the bidders
    shared a network with another bidder.
    """

    name: ClassVar[str] = "auctions.closed"

    shop_id: int
    show_id: int
    auction_id: int
    state: str
    why: str | None
    currency: str
    price_minor: int
    quantity: int
    bids: int
    bidders: int
    one_network: int


@dataclass(frozen=True, slots=True)
class BuyerAsked:
    """The winner (`place` 1) or the next bidder (2) may check out until `deadline`."""

    name: ClassVar[str] = "auctions.buyer_asked"

    shop_id: int
    show_id: int
    auction_id: int
    place: int
    shopper: UUID
    customer: UUID | None
    hold_id: UUID
    title: str
    currency: str
    price_minor: int
    deadline: int


@dataclass(frozen=True, slots=True)
class WinLapsed:
    """Who was asked didn't pay.  `struck`: a strike was given for it."""

    name: ClassVar[str] = "auctions.win_lapsed"

    shop_id: int
    show_id: int
    auction_id: int
    place: int
    struck: bool


@dataclass(frozen=True, slots=True)
class WinPaid:
    """The lot is paid."""

    name: ClassVar[str] = "auctions.win_paid"

    shop_id: int
    show_id: int
    auction_id: int
    place: int
    order_id: UUID
    currency: str
    price_minor: int
