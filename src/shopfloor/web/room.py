"""The room of a show: a complete page with a buy form, and all that the island needs to make it alive."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import Request
from starlette.responses import Response

from shopfloor import chat, live, replays, rooms, stock
from shopfloor.accounts import Shop
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import Money, now
from shopfloor.shoppers.api import Shopper
from shopfloor.web.chat_reasons import REASONS
from shopfloor.web.languages import N_, Language
from shopfloor.web.messages import MESSAGES
from shopfloor.web.parts import Choice, Content, PriceGroup, grouped, option_words, seller_facts
from shopfloor.web.replays import make_replay, replay_url, seconds_of
from shopfloor.web.shared_pages import (
    Frame,
    Reader,
    ShopFacts,
    Slot,
    Sources,
    own_page,
    reader_of,
)
from shopfloor.web.templating import page_text, when_words, zone_of
from shopfloor.web.waitlist import why_refused

router = Router(include_in_schema=False)

_RECENT: Final = 50

# What the island says.  `%(n)s` and the like are filled in the browser.
WORDS: Final = {
    "add_to_calendar": N_("Add to calendar"),
    "all_offers": N_("All offers (%(n)s)"),
    "act.answered": N_("Answered"),
    "act.hide": N_("Hide"),
    "act.hide_mute": N_("Hide and mute for 10 min"),
    "act.not_answered": N_("Not answered"),
    "act.pin": N_("Pin"),
    "act.title": N_("This message"),
    "act.unpin": N_("Unpin"),
    "act.why": N_("Why"),
    "answered": N_("answered"),
    "asking": N_("Reserving…"),
    "at_end": N_("to pay at the end"),
    "at_end.kept": N_(
        "Reserved until %(minutes)s min after the show. Pay for everything together then, or now."
    ),
    "at_end.may": N_("Reserved until %(minutes)s min after the show. You pay for everything together."),
    "at_end.full": N_(
        "You have %(n)s unpaid items, and up to %(most)s can wait until the end. Pay for this one within %(minutes)s min."
    ),
    "at_end.unknown": N_(
        "Pay within %(minutes)s min. With an account or an earlier paid order you can pay for everything after the show."
    ),
    "at_end.sign_in": N_("Sign in"),
    "basket": N_("Your basket"),
    "buy": N_("Buy"),
    "buy_for": N_("Buy for %(price)s"),
    "buy_later": N_("Buy for %(price)s, ships %(date)s"),
    "chat": N_("Chat"),
    "chat_held": N_("A moderator will review your message first."),
    "check_out": N_("Check out"),
    "check_out_all": N_("Check out %(n)s for %(total)s"),
    "coupon": N_("Coupon"),
    "coupon.collect": N_("Collect"),
    "coupon.ends": N_("Ends %(time)s"),
    "coupon.free_shipping": N_("Free shipping"),
    "coupon.has": N_("It's yours. It's applied at checkout automatically."),
    "coupon.left": N_("%(n)s coupons left"),
    "coupon.off": N_("%(value)s off"),
    "coupon.over": N_("over %(value)s"),
    "coupon.gone": N_("All collected"),
    "coupon.ended": N_("Over"),
    "choose.colour": N_("Choose a colour"),
    "choose.other": N_("Choose: %(name)s"),
    "choose.size": N_("Choose a size"),
    "choice": N_("Choice"),
    "close": N_("Close"),
    "contains": N_("Includes"),
    "consent_later": N_(
        "Not in stock: ready on %(date)s and shipped then. By buying you agree to that date."
    ),
    "fewer": N_("One fewer"),
    "flash": N_("Flash sale"),
    "flash_left": N_("%(n)s of %(all)s left"),
    "flash_struck": N_("Lowest price of the %(days)s days before"),
    "from_price": N_("from %(price)s"),
    "giveaway": N_("Giveaway"),
    "giveaway.check": N_("Check the draw"),
    "giveaway.closed": N_("Entries are closed. Drawing in a moment."),
    "giveaway.drawn": N_("Winners"),
    "giveaway.enter": N_("Enter for free"),
    "giveaway.entries": N_("%(n)s entries"),
    "giveaway.in": N_("You're in: %(number)s"),
    "giveaway.rules": N_("Rules"),
    "giveaway.void": N_("There is no draw: this giveaway is void."),
    "giveaway.waits": N_("The draw waits for the public random value."),
    "giveaway.winners": N_("%(n)s winners"),
    "giveaway.won": N_("You won! Claim your prize"),
    "giveaway.worth": N_("Worth %(value)s"),
    "guest": N_("Guest"),
    "held_for_you": N_("Reserved for you"),
    "hold_left": N_("Time left to check out"),
    "hold_over": N_("Time is up. If units are left, you can still check out."),
    "in_stock": N_("In stock"),
    "join_waitlist": N_("Join the waitlist"),
    "keep_watching": N_("Keep watching"),
    "later_than_seen": N_(
        "Later than shown before: ready on %(date)s. Check out only if that works for you; otherwise the reservation simply expires."
    ),
    "like": N_("Like (%(n)s)"),
    "limit": N_("max. %(n)s per customer"),
    "limit_pieces": N_("max. %(n)s per customer (%(pieces)s pieces each)"),
    "live": N_("Live"),
    "more": N_("One more"),
    "next_show": N_("Next show"),
    "no_answer": N_("No answer yet. Tap again if you like: it still counts as one purchase."),
    "no_offers": N_("No products yet."),
    "no_video": N_("This browser can't play the video. Everything else works."),
    "not_connected": N_("Not connected. Try again in a moment."),
    "not_yet": N_("Not live yet"),
    "offers": N_("In this show"),
    "only_left": N_("%(n)s left"),
    "order": N_("Pre-order"),
    "own_hold": N_("You already have the last units reserved. Check out before the time runs out."),
    "over": N_("This show has ended"),
    "pinned": N_("Pinned"),
    "people_wait": N_("%(n)s on the waitlist"),
    "poll": N_("Poll"),
    "poll.closed": N_("This poll has ended."),
    "poll.votes": N_("%(n)s votes"),
    "poll.yours": N_("your answer"),
    "policy.first_paid": N_("Not reserved: first to pay gets it."),
    "policy.queue": N_("When it's sold out, you can join the waitlist."),
    "policy.timer": N_("Reserved for %(minutes)s min while you check out."),
    "quantity": N_("Quantity"),
    "ready_on": N_("Ready %(date)s"),
    "ready_then": N_("Ready on %(date)s, as shown."),
    "reconnecting": N_("Reconnecting"),
    "refused.other": N_("That didn't work."),
    "replay": N_("Watch replay"),
    "role.buyer": N_("bought"),
    "role.host": N_("host"),
    "role.moderator": N_("shop"),
    "say_something": N_("Say something"),
    "see_place": N_("See my place"),
    "send": N_("Send"),
    "shown_now": N_("Featured now"),
    "slow_mode": N_("Slow mode: one message every %(n)s s"),
    "sold_out": N_("Sold out"),
    "sound_off": N_("Sound off"),
    "sound_on": N_("Sound on"),
    "starts_at": N_("Starts %(time)s"),
    "starts_soon": N_("Starting any moment"),
    "still_asking": N_("Still trying. This stays one purchase."),
    "stay_here": N_("Stay on this page: the show starts here automatically."),
    "tap_for_sound": N_("Tap for sound"),
    "tap_to_play": N_("Tap to play"),
    "thanks": N_("Thank you for watching. Items reserved for you stay reserved until their time runs out."),
    "to_shop": N_("Go to %(shop)s"),
    "too_late_then": N_(
        "Those units are gone. More will be ready on %(date)s: buy again if that works for you."
    ),
    "video_coming": N_("Video is loading"),
    "video_of": N_("Video: %(title)s"),
    "viewers": N_("%(n)s viewers"),
    "wait_for_it": N_("Join the waitlist"),
    "waiting_chip": N_("No. %(n)s on the waitlist"),
    "waiting_how": N_(
        "When units become available, they are reserved for you for a short time, in waitlist order. This page and your waitlist will tell you."
    ),
    "waiting_noted": N_("You're on the waitlist."),
    "waiting_position": N_("You're no. %(n)s on the waitlist."),
    "waiting_title": N_("On the waitlist"),
    "my_orders": N_("My orders"),
    "who_sells": N_("Seller info"),
    "yours_to_pay": N_("Pay first to get it"),
}
# What an ended room says where the shop keeps the recording to itself.
HIDDEN: Final = N_("The shop has hidden the replay of this show.")
# Refusals that a tap in the room can meet.
_REFUSALS: Final = (
    "stock.sold_out", "stock.limit", "stock.network_limit", "stock.too_late", "stock.mismatch", "stock.closed", "stock.unknown", "orders.price_changed",
    "orders.offer_closed", "orders.offer_unknown", "orders.hold_expired", "purchase.expired", "orders.too_fast", "orders.bad_purchase",
    "intake.full", "intake.closed", "intake.unknown", "orders.cookie_needed", "orders.waiting_not_needed", "chat.too_fast", "chat.slow_mode", "chat.muted", "chat.repeated", "chat.bad_text", "chat.closed", "database.away",
    "polls.over", "polls.unknown", "promotions.all_claimed", "promotions.not_claimable", "promotions.claims_full",
    "giveaways.entry_closed", "giveaways.sign_in", "giveaways.staff", "giveaways.too_many_here",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FlashNote:
    """A flash as the page without scripts tells of it.  `struck`: what may be struck through beside its price."""

    ends_at: datetime
    units: int
    left: int
    struck: Money | None
    days: int


@dataclass(frozen=True, slots=True)
class GiveawayNote:
    """A giveaway as the page without scripts tells of it."""

    id: int
    prize: str
    worth: Money
    winners: int
    entries: int
    state: str
    closes_at: datetime
    waits: bool
    drawn: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class AuctionNote:
    """An auction as the page without scripts tells of it.  `price`: the current bid, or the start."""

    id: int
    title: str
    price: Money
    bids: int
    state: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class PollNote:
    """A poll as the page without scripts tells of it; each answer with its votes."""

    id: int
    question: str
    answers: Sequence[tuple[str, int]]
    votes: int
    takes_votes: bool


@dataclass(frozen=True, slots=True)
class CouponNote:
    """A coupon as the page without scripts tells of it."""

    title: str
    slug: str
    percent: str
    amount: Money
    minimum: Money
    left: int | None
    ends_at: datetime | None
    can_be_collected: bool


@dataclass(frozen=True, slots=True)
class OfferForm:
    """An offer as the page without scripts sells it."""

    id: int
    product_id: int
    title: str
    picture: str | None
    policy: str
    minutes: int
    limit: int | None
    option_names: Sequence[str]
    legend: str
    """The names of the options, in the reader's language."""
    left: stock.Availability
    groups: list[PriceGroup]
    flash: FlashNote | None = None

    @property
    def lowest(self) -> Money:
        return self.groups[0].price


@router.get("/s/{shop}/live/{show_id}")
@public
async def room(request: Request, shop: str, show_id: Id, shopper: Shopper, t: str = "") -> Response:
    reader = replace(reader_of(request, why_refused(request, shopper)), at=seconds_of(t))
    return await own_page(request, shopper, make_room, reader, shop, show_id)


async def make_room(sources: Sources, reader: Reader, shop: str, show_id: int) -> Frame:
    """From memory; what is read is whether the show is over, once, and then what there is of it."""
    facts = await sources.pages.shop(sources.db, shop)
    found = facts.shop
    language = reader.speaks(found)
    seen = await seen_room(sources, found, show_id)
    if seen.replay is not None:
        return await make_replay(sources, reader, facts, seen.show, seen.next)
    refused = None
    if reader.refused is not None:
        async with sources.db.transaction() as tx:
            refused = await reader.refused(tx, found, language)
    show, state, lines = seen.show, seen.state, [line.as_json() for line in seen.lines]
    offers = offer_forms(state, language)
    shown = next((offer for offer in offers if offer.id == state.featured_id), None)
    data = island_data(facts, seen, offers, language)
    html = page_text(
        "shop/room.html",
        origin=sources.origin,
        language=language,
        path=reader.path,
        flashes=reader.flashes,
        shop=found,
        show=show,
        state=state,
        title=language.localised(show.titles, show.title),
        offers=offers,
        wish_id=Slot.WISH_ID.mark,
        featured=shown,
        giveaway=None if state.giveaway is None else _giveaway_note(state.giveaway),
        auction=None if state.auction is None else _auction_note(state.auction, language),
        poll=None if state.poll is None else _poll_note(state.poll),
        coupon=None if state.coupon is None else _coupon_note(state.coupon),
        poster=data["poster"],
        next_show=data["next"],
        chat=lines,
        seller=data["seller"],
        refused=refused,
        at_end=state.show.pay_at_end if state.show.status == "live" else None,
        is_hidden=seen.is_hidden,
        words=room_words(language, is_hidden=seen.is_hidden),
        island_data=data,
    )
    return Frame(found.id, html, language, cache_control="private, no-store")


def island_data(
    facts: ShopFacts, seen: "Seen", offers: Sequence[OfferForm], language: Language
) -> dict[str, Any]:
    """What the page's script begins with (`RoomData` in the front end)."""
    shop, show = facts.shop, seen.show
    next_show = None
    if seen.next is not None:
        next_show = {
            "title": language.localised(seen.next.titles, seen.next.title),
            "url": f"/s/{shop.slug}/live/{seen.next.id}",
            "starts": None if seen.next.starts_at is None else _when(seen.next.starts_at, shop, language),
        }
    return {
        "state": seen.state,
        "chat": [line.as_json() for line in seen.lines],
        "now": Slot.NOW.json,
        "shop": {"id": shop.id, "slug": shop.slug, "name": shop.name},
        "seller": seller_facts(shop.name, pick_up_at=facts.terms.pick_up_at, language=language),
        "starts": None
        if show.starts_at is None
        else {"words": _when(show.starts_at, shop, language), "at": show.starts_at.isoformat()},
        "next": next_show,
        "replay": seen.replay,
        "waits": Slot.WAITS.json,
        "poster": poster_of(
            show, offers, next((offer for offer in offers if offer.id == seen.state.featured_id), None)
        ),
    }


@dataclass(frozen=True, slots=True)
class Seen:
    """A room, and where its show is over what there is of it."""

    show: live.Show
    state: rooms.RoomState
    lines: Sequence[rooms.ChatLine]
    replay: str | None = None
    is_hidden: bool = False
    next: live.Show | None = None


def _when(moment: datetime, shop: Shop, language: Language) -> str:
    return when_words(moment.astimezone(zone_of(shop.timezone)), language)


def poster_of(show: live.Show, offers: Sequence[OfferForm], shown: OfferForm | None) -> str | None:
    """Behind the video: what is shown; before and after the show, one of its goods."""
    candidates = [shown] if show.status == live.ShowStatus.LIVE else [shown, *offers]
    picture = next((offer.picture for offer in candidates if offer is not None and offer.picture), None)
    return None if picture is None else f"/pictures/{picture}/960.webp"


async def _after(tx: Tx, shop: Shop, show: live.Show) -> tuple[str | None, bool, live.Show | None]:
    """What there is when a show is over: its replay, whether that is hidden, and the show that comes next."""
    coming = await live.shows(tx, shop_id=shop.id, status=live.ShowStatus.PLANNED)
    known = [each for each in coming if each.starts_at is not None and each.starts_at > now()]
    hidden = await replays.hidden_since(tx, show_id=show.id) is not None
    return (
        await replay_url(tx, show),
        hidden,
        min(known, key=lambda each: (each.starts_at, each.id), default=None),
    )


async def seen_room(sources: Sources, shop: Shop, show_id: int) -> Seen:
    """A room as it is now.  Raises UnknownShow, also for a show of another shop.

    That of a show to come or on air is opened, and stays in memory while it is asked for.
    """
    if sources.rooms.opened(show_id) is None:
        async with sources.db.transaction() as tx:
            show = await live.show(tx, shop_id=shop.id, show_id=show_id)
            if show.status == live.ShowStatus.ENDED:
                lines = (await chat.recent_lines(tx, show_id))[-_RECENT:]
                return Seen(show, await rooms.room_state(tx, show_id), lines, *await _after(tx, shop, show))
    opened = await sources.rooms.current(show_id, shop_id=shop.id)
    after: tuple[str | None, bool, live.Show | None] = (None, False, None)
    if opened.show.status == live.ShowStatus.ENDED:
        async with sources.db.transaction() as tx:
            after = await _after(tx, shop, opened.show)
    return Seen(opened.show, opened.room.state, opened.room.lines(), *after)


def offer_forms(state: rooms.RoomState, language: Language) -> list[OfferForm]:
    """The offers of a room, in the order of its run, ready for forms."""
    forms: list[OfferForm] = []
    for offer in state.in_order():
        words = language.words_of(offer.option_texts)
        choices = [
            Choice(
                line.id,
                option_words(line.options, words),
                Money(line.price_minor, line.currency),
                stock.Availability(line.left, line.later),
                [
                    Content(
                        part.quantity,
                        part.title,
                        part.titles,
                        option_words(part.options, language.words_of(part.option_texts)),
                    )
                    for part in line.parts
                ],
            )
            for line in offer.lines.values()
        ]
        forms.append(
            OfferForm(
                id=offer.id,
                product_id=offer.product_id,
                title=language.localised(offer.titles, offer.title),
                picture=offer.picture,
                policy=offer.policy,
                minutes=max(1, round(offer.hold_seconds / 60)),
                limit=offer.limit,
                option_names=offer.option_names,
                legend=" · ".join(words.get(name, name) for name in offer.option_names),
                left=sum((choice.left for choice in choices), stock.Availability()),
                groups=grouped(choices),
                flash=None if offer.flash is None else _flash_note(offer, offer.flash),
            )
        )
    return forms


def _giveaway_note(found: rooms.GiveawayState) -> GiveawayNote:
    return GiveawayNote(
        found.id,
        found.prize,
        Money(found.value_minor, found.currency),
        found.winners,
        found.entries,
        found.state,
        datetime.fromtimestamp(found.closes_at / 1000, UTC),
        found.waits,
        found.drawn,
    )


def _auction_note(found: rooms.AuctionState, language: Language) -> AuctionNote:
    return AuctionNote(
        found.id,
        language.localised(found.titles, found.title),
        Money(found.asked_minor if found.price_minor is None else found.price_minor, found.currency),
        found.bids,
        found.state,
        datetime.fromtimestamp(found.ends_at / 1000, UTC),
    )


def _poll_note(found: rooms.PollState) -> PollNote:
    return PollNote(
        found.id,
        found.question,
        list(zip(found.answers, found.counts, strict=True)),
        sum(found.counts),
        not found.closed and found.closes_at > now().timestamp() * 1000,
    )


def _coupon_note(found: rooms.CouponState) -> CouponNote:
    ends = None if found.ends_at is None else datetime.fromtimestamp(found.ends_at / 1000, UTC)
    return CouponNote(
        found.title,
        found.slug,
        found.percent if found.kind == "percentage" else "",
        Money(found.amount_minor, found.currency),
        Money(found.minimum_minor, found.currency),
        found.left,
        ends,
        found.open and found.left != 0 and (ends is None or ends > now()),
    )


def _flash_note(offer: rooms.OfferState, flash: rooms.FlashState) -> FlashNote:
    lines = list(offer.lines.values())
    struck = {flash.struck.get(str(line.id)) for line in lines}
    only = next(iter(struck)) if len(struck) == 1 else None
    return FlashNote(
        datetime.fromtimestamp(flash.ends_at / 1000, UTC),
        flash.units,
        sum(line.left for line in lines),
        None if only is None else Money(only, lines[0].currency),
        flash.days,
    )


def room_words(language: Language, *, is_hidden: bool) -> dict[str, str]:
    words = island_words(language)
    if not is_hidden:
        return words
    return words | {"thanks": language.words.gettext(HIDDEN)}


def island_words(language: Language) -> dict[str, str]:
    """Everything the island says, in the reader's language."""
    words = {key: language.words.gettext(text) for key, text in WORDS.items()}
    words |= {f"reason.{reason}": language.words.gettext(text) for reason, text in REASONS.items()}
    refusals = {
        f"refused.{code}": language.words.gettext(MESSAGES[code]) for code in _REFUSALS if code in MESSAGES
    }
    return words | refusals
