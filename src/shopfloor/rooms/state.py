"""The state of a room, as pages get it: the one description of it, in Python here and in TypeScript made from it.

`room.py` says how it changes and travels.  Members that are null and members that are absent mean the same.
Amounts are in minor units, `at` is in milliseconds since 1970 on the clock of the video, keys are ids.
"""

from datetime import date
from typing import Literal

import msgspec


class BundlePart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """So many units of a variant in one bundle."""

    id: int
    quantity: int
    title: str
    titles: dict[str, str]
    options: tuple[str, ...]
    option_texts: dict[str, dict[str, str]] = {}


class LeftState(msgspec.Struct, frozen=True, kw_only=True):
    """What can be bought: now, and later by the day it is ready."""

    left: int
    ready_on: date | None
    later: tuple[tuple[date, int], ...]


class LineState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A variant of an offer: its price, what is left of it and how many units are waited for."""

    id: int
    sku: str
    options: tuple[str, ...]
    price_minor: int
    currency: str
    left: int
    ready_on: date | None
    later: tuple[tuple[date, int], ...]
    waiting: int
    parts: tuple[BundlePart, ...] = ()


class FlashState(msgspec.Struct, frozen=True, kw_only=True):
    """The offer's prices are those of a flash, until `ends_at` at the latest, for so many `units`; what is left of
    these is what is left of its lines.

    `struck`: by variant id, the lowest price of the last `days` days, where it may be struck through.
    """

    ends_at: int
    units: int
    days: int
    struck: dict[str, int]


class OfferState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A product on offer; `lines` by variant id.  `option_texts`: its options in other languages, by locale."""

    id: int
    product_id: int
    title: str
    titles: dict[str, str]
    picture: str | None
    kind: str
    option_names: tuple[str, ...]
    policy: Literal["timer", "first_paid", "queue"]
    limit: int | None
    hold_seconds: int
    deposit_percent: int | None
    lines: dict[str, LineState]
    option_texts: dict[str, dict[str, str]] = {}
    flash: FlashState | None = None


class FeaturedState(msgspec.Struct, frozen=True, kw_only=True):
    """The offer that is shown now, and since when."""

    offer_id: int
    at: int


class NoticeState(msgspec.Struct, frozen=True, kw_only=True):
    """A notice on top of the room, or the correction of something said about an offer."""

    kind: str
    text: str
    texts: dict[str, str]
    offer_id: int | None
    at: int


class PinnedState(msgspec.Struct, frozen=True, kw_only=True):
    """A line of chat that stands above the others."""

    id: str
    name: str
    text: str
    role: str
    at: int


class GiveawayState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A prize that is drawn among those who entered.  Entries are taken until `closes_at` while it is open, and it is
    drawn at `draws_at`, both in milliseconds since 1970.

    `drawn`: the public names and entry numbers of the winners; `waits`: the public random value is not there yet.
    """

    id: int
    prize: str
    value_minor: int
    currency: str
    winners: int
    entries: int
    state: Literal["open", "closed", "drawn", "void"]
    closes_at: int
    draws_at: int
    proven_only: bool = False
    waits: bool = False
    drawn: tuple[tuple[str, str], ...] = ()


class PollState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question with its answers and the votes for each, in their order; it takes votes until `closes_at`, in milliseconds
    since 1970, or until it is `closed`.
    """

    id: int
    question: str
    answers: tuple[str, ...]
    counts: tuple[int, ...]
    closes_at: int
    closed: bool = False


class CouponState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A coupon that is collected in the room, at `/s/{shop}/coupons/{slug}`: so many `percent`, or so much, off orders of
    at least `minimum_minor`.

    `left`: how many can still be collected, null for as many as one likes; `ends_at` in milliseconds since 1970.
    """

    id: int
    title: str
    slug: str
    kind: Literal["percentage", "amount", "free_shipping"]
    percent: str
    amount_minor: int
    minimum_minor: int
    currency: str
    left: int | None
    ends_at: int | None
    open: bool


class AuctionState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A lot that goes to whoever bids most; amounts are for all `quantity` of it.  Bids of at least `asked_minor` are taken
    while it is open, until `ends_at`, in milliseconds since 1970: one in the last `extend_seconds` moves that, to `latest_end`
    at most.

    `leader`: the number of the bidder who leads, and, once it is over, of who may have it.  `why` it was not sold, or
    called off; `passed`: the winner didn't pay, and the next bidder is asked.
    """

    id: int
    offer_id: int
    title: str
    titles: dict[str, str]
    options: tuple[str, ...]
    picture: str | None
    quantity: int
    currency: str
    price_minor: int | None
    asked_minor: int
    bids: int
    bidders: int
    leader: int | None
    leader_name: str
    state: Literal["open", "sold", "unsold", "cancelled"]
    ends_at: int
    extend_seconds: int
    latest_end: int
    reserve_met: bool
    why: str | None = None
    paid: bool = False
    passed: bool = False


class PayAtEndState(msgspec.Struct, frozen=True, kw_only=True):
    """What is bought in the show is paid so many `minutes` after it by who may, up to so many unpaid `units`.

    `until`: for how long it is kept as far as that is known, as ISO 8601.
    """

    until: str
    minutes: int
    units: int


class ShowState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The show itself; `started_at` as ISO 8601, `playback` the address of its playlist.

    `slow_seconds`: how many seconds one shopper waits between two lines of chat.
    """

    id: int
    shop: str
    title: str
    titles: dict[str, str]
    status: Literal["planned", "live", "ended"]
    started_at: str | None
    channel_id: int | None
    playback: str | None
    pay_at_end: PayAtEndState | None = None
    slow_seconds: int = 0


class RoomState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything a room shows besides the talk.

    `order` is the run of show, `offers` by offer id; `parts` says what is left of what bundles consist of, by
    variant id.
    """

    show: ShowState
    featured: FeaturedState | None
    order: tuple[int, ...]
    offers: dict[str, OfferState]
    parts: dict[str, LeftState] = {}
    viewers: int
    likes: int
    orders: int
    notice: NoticeState | None
    pinned: PinnedState | None = None
    giveaway: GiveawayState | None = None
    poll: PollState | None = None
    coupon: CouponState | None = None
    auction: AuctionState | None = None

    def offer(self, offer_id: int) -> OfferState | None:
        """The offer of this id; None when the room does not have it."""
        return self.offers.get(str(offer_id))

    def sells(self, product_id: int) -> bool:
        """Whether the product is on offer here."""
        return any(offer.product_id == product_id for offer in self.offers.values())

    def in_order(self) -> list[OfferState]:
        """The offers in the order of the run of show."""
        return [self.offers[str(offer_id)] for offer_id in self.order if str(offer_id) in self.offers]

    @property
    def featured_id(self) -> int | None:
        """The offer that is shown now."""
        return None if self.featured is None else self.featured.offer_id

    @property
    def pictures(self) -> list[str]:
        """Pictures that stand for the show, the one of what is shown now first."""
        shown = sorted(self.in_order(), key=lambda offer: offer.id != self.featured_id)
        return [offer.picture for offer in shown if offer.picture]

    @property
    def option_values(self) -> set[tuple[str, str]]:
        """Every option of every variant: ("Size", "M")."""
        return {
            pair
            for offer in self.offers.values()
            for line in offer.lines.values()
            for pair in zip(offer.option_names, line.options, strict=False)
        }

    @property
    def waiting(self) -> dict[int, int]:
        """By variant, how many units are waited for."""
        return {line.id: line.waiting for offer in self.offers.values() for line in offer.lines.values()}
