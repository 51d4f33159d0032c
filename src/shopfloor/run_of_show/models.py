"""What a show sells and in which order, and this module's refusals.  No I/O here."""

from datetime import datetime
from enum import StrEnum

from shopfloor.kernel.errors import Conflict, Invalid, NotFound
from shopfloor.kernel.records import dataclass
from shopfloor.live import ShowStatus
from shopfloor.stock import HoldPolicy


class SlotRole(StrEnum):
    """What a slot is for: bring people in, treat them, sell, earn, test, talk."""

    TRAFFIC = "traffic"
    TREAT = "treat"
    HERO = "hero"
    PROFIT = "profit"
    TEST = "test"
    TALK = "talk"


@dataclass(frozen=True, slots=True)
class OfferLine:
    """A variant at a price.  `quota` units are set apart for the show when it starts; None: none are."""

    variant_id: int
    price_minor: int
    quota: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    id: int
    show_id: int
    product_id: int
    policy: HoldPolicy
    hold_seconds: int
    limit_per_buyer: int | None
    deposit_percent: int | None
    currency: str
    lines: tuple[OfferLine, ...]

    def line(self, variant_id: int) -> OfferLine:
        """Raises UnknownOffer when the variant is not offered."""
        for line in self.lines:
            if line.variant_id == variant_id:
                return line
        raise UnknownOffer(offer_id=self.id, variant_id=variant_id)


@dataclass(frozen=True, slots=True)
class Slot:
    """A piece of the run of show; without an offer it is talk."""

    id: int
    show_id: int
    offer_id: int | None
    position: int
    minutes: int
    role: SlotRole
    title: str
    script: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", SlotRole(self.role))


@dataclass(frozen=True, slots=True)
class FeaturedInterval:
    """An interval in which an offer was featured; open while `ended_at` is None."""

    id: int
    show_id: int
    offer_id: int
    began_at: datetime
    began_video: int
    ended_at: datetime | None
    ended_video: int | None


@dataclass(frozen=True, slots=True)
class Price:
    """One entry of the price history of an offer's line."""

    offer_id: int
    variant_id: int
    price_minor: int
    currency: str
    at: datetime
    reason: str


class FlashEnd(StrEnum):
    """Why a flash is over."""

    TIME = "time"
    SOLD_OUT = "sold_out"
    STOPPED = "stopped"
    SHOW_ENDED = "show_ended"


@dataclass(frozen=True, slots=True)
class FlashLine:
    """A variant in a flash: its share of the units, its price before, and the price that may be struck through."""

    flash_id: int
    variant_id: int
    units: int
    before_minor: int
    struck_minor: int | None


@dataclass(frozen=True, slots=True)
class Flash:
    """An offer at `price_minor` for so many `units` and `seconds`; it runs while `ended_at` is None.

    Prices that are struck through are the lowest of `reference_days` days.  `pool_id`: where the rest of the show's
    units waits for its end.
    """

    id: int
    offer_id: int
    price_minor: int
    currency: str
    units: int
    seconds: int
    began_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    ended_by: FlashEnd | None
    reference_days: int
    pool_id: int
    lines: tuple[FlashLine, ...]

    def __post_init__(self) -> None:
        if self.ended_by is not None:
            object.__setattr__(self, "ended_by", FlashEnd(self.ended_by))

    @property
    def struck(self) -> dict[int, int]:
        """By variant, the price that may be struck through."""
        return {line.variant_id: line.struck_minor for line in self.lines if line.struck_minor is not None}


@dataclass(frozen=True, slots=True)
class OfferTerms:
    """All an intake must know to sell a variant in a show.  Prices in minor units."""

    offer_id: int
    show_id: int
    shop_id: int
    product_id: int
    variant_id: int
    price_minor: int
    currency: str
    policy: HoldPolicy
    hold_seconds: int
    limit_per_buyer: int | None
    limit_per_show: int | None
    deposit_percent: int | None
    pool_id: int | None
    show_status: ShowStatus

    def __post_init__(self) -> None:
        object.__setattr__(self, "policy", HoldPolicy(self.policy))
        object.__setattr__(self, "show_status", ShowStatus(self.show_status))


class UnknownOffer(NotFound):
    """There is no such offer in this show."""

    code = "live.unknown_offer"


class UnknownSlot(NotFound):
    """There is no such slot in this show."""

    code = "live.unknown_slot"


class NothingToSell(Conflict):
    """A show needs at least one offer of an active product before it starts."""

    code = "live.nothing_to_sell"


class ChannelBusy(Conflict):
    """Another show is on air on this camera channel."""

    code = "live.channel_busy"


class OfferedAlready(Conflict):
    """The product is in the show already; change that offer."""

    code = "live.offered_already"


class ProductNotActive(Conflict):
    """The product is a draft or archived: publish it before it is shown or sold."""

    code = "live.product_not_active"


class BadOffer(Invalid):
    """The offer is invalid: see the facts."""

    code = "live.bad_offer"


class BadFlash(Invalid):
    """A flash sale needs a price below the present one, units and seconds: see the facts."""

    code = "live.bad_flash"


class FlashOfBundle(Invalid):
    """A bundle has no units of its own: a flash sale can have one of its products."""

    code = "live.flash_of_bundle"


class FlashRunning(Conflict):
    """A flash sale of this product is running: it ends by itself, or stop it first."""

    code = "live.flash_running"


class FlashTooLarge(Conflict):
    """The show has fewer units on hand than the flash sale asks for."""

    code = "live.flash_too_large"


class UnknownFlash(NotFound):
    """No flash sale of this product is running."""

    code = "live.unknown_flash"


class LimitBelowBundle(Invalid):
    """Limits per buyer count pieces, and this one is below the pieces of one bundle."""

    code = "live.limit_below_bundle"
