"""What a show is made of: plain values, the states a show can be in, and this module's refusals.  No I/O here."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from shopfloor.kernel.errors import Conflict, Invalid, NotFound
from shopfloor.kernel.records import dataclass
from shopfloor.stock import HoldPolicy


class ShowStatus(StrEnum):
    PLANNED = "planned"
    LIVE = "live"
    ENDED = "ended"


# Rows come from the database with plain strings where these classes have an enum: `__post_init__` makes them whole.

# A show begins once and ends once.
NEXT: Final[Mapping[ShowStatus, frozenset[ShowStatus]]] = {
    ShowStatus.PLANNED: frozenset({ShowStatus.LIVE}),
    ShowStatus.LIVE: frozenset({ShowStatus.ENDED}),
    ShowStatus.ENDED: frozenset(),
}


class SlotRole(StrEnum):
    """What a slot is for: bring people in, treat them, sell, earn, test, talk."""

    TRAFFIC = "traffic"
    TREAT = "treat"
    HERO = "hero"
    PROFIT = "profit"
    TEST = "test"
    TALK = "talk"


@dataclass(frozen=True, slots=True)
class Show:
    id: int
    shop_id: int
    title: str
    titles: dict[str, str]
    status: ShowStatus
    channel_id: int | None
    host_id: int | None
    pool_id: int | None
    limit_per_show: int | None
    starts_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    viewers_peak: int
    notice: dict[str, Any] | None
    pay_after_minutes: int | None = None
    """At the end: so many minutes after it what was bought in it is paid.  None: as buyers go."""
    unpaid_units: int | None = None
    """What is kept unpaid for one buyer."""
    keep_until: datetime | None = None
    """For how long that is kept while the show goes on: twelve hours from its start."""
    pinned: dict[str, Any] | None = None
    """The line of chat that stands above the others."""
    slow_seconds: int = 0
    """How many seconds one shopper waits between two lines of chat; 0: as ever."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", ShowStatus(self.status))

    @property
    def kept_until(self) -> datetime | None:
        """Until when what is paid at the end is kept, as far as that is known; None where buyers pay as they go."""
        if self.pay_after_minutes is None or self.ended_at is None or self.keep_until is None:
            return self.keep_until
        after = self.ended_at + timedelta(minutes=self.pay_after_minutes)
        return self.keep_until if self.keep_until <= self.ended_at else after

    def refuse_ended(self) -> None:
        """Raises WrongStatus once the show is over: it stays as it was."""
        if self.status == ShowStatus.ENDED:
            raise WrongStatus("The show is over.", status=str(self.status))


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


class UnknownShow(NotFound):
    """There is no such show in this shop."""

    code = "live.unknown_show"


class UnknownOffer(NotFound):
    """There is no such offer in this show."""

    code = "live.unknown_offer"


class UnknownSlot(NotFound):
    """There is no such slot in this show."""

    code = "live.unknown_slot"


class WrongStatus(Conflict):
    """The show is not in a state that allows this."""

    code = "live.wrong_status"


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


class BadShow(Invalid):
    """The show is invalid: see the facts."""

    code = "live.bad_show"


def check_move(show: Show, to: ShowStatus) -> None:
    """Raises WrongStatus unless the show may go to `to` from where it is."""
    if to not in NEXT[show.status]:
        raise WrongStatus(f"The show is {show.status} already.", status=str(show.status), wanted=str(to))
