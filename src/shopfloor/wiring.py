"""Which fact calls which function: the only map of who hears whom.

Calls go down, facts go up.  A module records what happened and never knows who listens; where a lower module
must react to a higher one, the fact is translated here into a plain call downward.

* `consumers` have their effects in the database (or the lake) exactly once, whichever process runs them.
* `followers` keep what one process shows in its open pages and remembers of terms.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid5

from starlette.requests import HTTPConnection

from shopfloor import (
    accounts,
    auctions,
    auth,
    catalog,
    chat,
    collections,
    collector,
    customers,
    demand,
    embeds,
    erasure,
    fapiao,
    giveaways,
    integrity,
    inventory,
    invoicing,
    live,
    live_counters,
    media,
    metrics,
    notices,
    notifications,
    orders,
    pickups,
    purchases,
    push,
    replays,
    returns,
    run_of_show,
    stock,
    stock_control,
    supply,
    web,
    webhooks,
)
from shopfloor.auctions.events import BuyerAsked
from shopfloor.auth.api import SESSION_COOKIE
from shopfloor.collector import Collector
from shopfloor.giveaways.events import WinnerAsked
from shopfloor.kernel import secrets
from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.errors import NotFound, Refusal
from shopfloor.kernel.outbox import Consumer, Delivered, decode, each
from shopfloor.kernel.public_address import PublicAddress
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.values import now
from shopfloor.notifications import telling
from shopfloor.payment_accounts import Connections
from shopfloor.payment_providers.kinds import KINDS, sandbox_kind
from shopfloor.payment_providers.sandbox import Sandbox
from shopfloor.policies import ShopTermsChanged
from shopfloor.pricing.events import DeliveryChanged
from shopfloor.rooms import Beat, BuyHandler, ChatLine, RoomHandlers, Rooms, Said, counters


def consumers(lake: Collector, settings: Settings | None = None) -> list[Consumer]:
    """Everything the worker runs.  Without `settings` there is no key for what only the reader of a message may know."""

    async def keep_in_the_lake(tx: Tx, batch: Sequence[Delivered]) -> None:
        facts: list[tuple[int, list[collector.Event]]] = []
        for fact in batch:
            events = collector.from_fact(
                fact.name, fact.body, fact_id=fact.fact_id, shop_id=fact.shop_id, recorded_at=fact.recorded_at
            )
            facts.append((fact.position, events))
            # One fact can be two thousand purchases; where pages are served beside, buyers go first.
            await asyncio.sleep(0)
        await lake.append([event for _, events in facts for event in events])
        await live_counters.count(tx, facts)
        for fact in batch:
            if fact.name == run_of_show.ShowEnded.name:
                # All that the show said is in the lake now.
                await read_the_show(tx, shop_id=fact.shop_id, show_id=fact.body["show_id"])

    return [
        Consumer("lake", keep_in_the_lake, limit=50),
        each("rooms", COUNTED_IN_ROOMS),
        each("safety", KEEPS_SAFETY_STOCK),
        each("waitlist", SERVES_THE_WAITLIST),
        *(each(name, heard) for name, heard in orders.HEARD.items()),
        each("signals", FOLLOWS_SIGNALS),
        each("erasures", FORGETS_PEOPLE),
        each("customers", KNOWS_CUSTOMERS),
        each("papers", WRITES_PAPERS),
        each("returns", ENDS_RETURNS),
        each("pickups", pickups.HEARD),
        each("auctions", auctions.HEARD),
        _tells_people(settings),
        Consumer("webhooks", webhooks.hear, names=frozenset(webhooks.EVENTS)),
        Consumer("push", push.hears, names=push.NAMES),
    ]


CONSUMERS: Sequence[str] = (
    "lake",
    "rooms",
    "safety",
    "waitlist",
    "presales",
    "parcels",
    "signals",
    "erasures",
    "customers",
    "papers",
    "returns",
    "pickups",
    "auctions",
    "messages",
    "webhooks",
    "push",
)
"""Who must have taken a fact before it may be forgotten."""


async def read_the_show(tx: Tx, *, shop_id: int, show_id: int) -> None:
    """At its end, and now and then while it is on air: its figures, and what it says will be wanted."""
    await metrics.ask_report(tx, shop_id=shop_id, show_id=show_id)
    await integrity.ask_judgement(tx, shop_id=shop_id, show_id=show_id)
    await demand.ask_forecast(tx, shop_id=shop_id, show_id=show_id)


async def read_shows_on_air(tx: Tx) -> None:
    for show in await live.on_air(tx):
        await read_the_show(tx, shop_id=show.shop_id, show_id=show.show_id)


async def _foreseen(tx: Tx, fact: demand.DemandForecast) -> None:
    """What is foreseen is planned at once: the merchant only decides.  An older forecast than the newest is history."""
    newest = await demand.forecast(tx, shop_id=fact.shop_id, show_id=fact.show_id)
    if newest.id == fact.forecast_id and now() - newest.as_of < STILL_NEW:
        await supply.follow_forecast(tx, shop_id=fact.shop_id, show_id=fact.show_id)


async def _ruled(tx: Tx, fact: integrity.CaseRuled) -> None:
    """A decision changes what is net at once, and so what is worth making."""
    await integrity.ask_judgement(tx, shop_id=fact.shop_id, show_id=fact.show_id, urgent=True)
    await demand.ask_forecast(tx, shop_id=fact.shop_id, show_id=fact.show_id)


STILL_NEW = timedelta(hours=1)

FOLLOWS_SIGNALS: Mapping[type[Any], Callable[[Tx, Any], Any]] = {
    demand.DemandForecast: _foreseen,
    integrity.CaseRuled: _ruled,
}


async def _placed(tx: Tx, fact: orders.OrderPlaced) -> None:
    if fact.show_id is not None:
        await counters.count_order(tx, shop_id=fact.shop_id, show_id=fact.show_id)
        await chat.mark_buyer(tx, show_id=fact.show_id, shopper=fact.buyer)


async def _line_changed(
    tx: Tx, fact: purchases.WaitlistJoined | purchases.WaitlistOffered | purchases.WaitlistEnded
) -> None:
    if fact.show_id is not None:
        for row in fact.waiting:
            await counters.count_waiting(
                tx, shop_id=fact.shop_id, show_id=fact.show_id, variant_id=row.variant_id, units=row.units
            )


async def _consists_of(tx: Tx, fact: catalog.BundleChanged) -> None:
    await run_of_show.set_parts_apart(tx, shop_id=fact.shop_id, variant_id=fact.variant_id)


COUNTED_IN_ROOMS: Mapping[type[Any], Callable[[Tx, Any], Any]] = {
    catalog.BundleChanged: _consists_of,
    orders.OrderPlaced: _placed,
    purchases.WaitlistJoined: _line_changed,
    purchases.WaitlistOffered: _line_changed,
    purchases.WaitlistEnded: _line_changed,
}


async def _released(tx: Tx, fact: stock.HoldsReleased) -> None:
    """Units returned for any reason are offered to the waitlist."""
    variants = sorted({hold.variant_id for hold in fact.holds})
    await purchases.serve(tx, shop_id=fact.shop_id, pool_id=fact.pool_id, variant_ids=variants)


async def _arrived(tx: Tx, fact: inventory.UnitsArrived) -> None:
    """Units on a shelf or promised by a supplier can be sold: who waits is asked first."""
    await purchases.serve(tx, shop_id=fact.shop_id, pool_id=fact.pool_id, variant_ids=fact.variants)


async def _on_sale_again(tx: Tx, fact: catalog.ProductChanged) -> None:
    if fact.status == catalog.Status.ACTIVE and fact.change == "updated":
        await purchases.serve_again(tx, shop_id=fact.shop_id, product_id=fact.product_id)


async def _kept_back(tx: Tx, fact: inventory.UnitsArrived) -> None:
    await stock_control.safety.fill(tx, shop_id=fact.shop_id, variant_ids=fact.variants)


async def _free_again(tx: Tx, fact: stock.HoldsReleased) -> None:
    variants = sorted({hold.variant_id for hold in fact.holds})
    await stock_control.safety.fill(tx, shop_id=fact.shop_id, variant_ids=variants)


KEEPS_SAFETY_STOCK: Mapping[type[Any], Callable[[Tx, Any], Any]] = {
    inventory.UnitsArrived: _kept_back,
    stock.HoldsReleased: _free_again,
}

SERVES_THE_WAITLIST: Mapping[type[Any], Callable[[Tx, Any], Any]] = {
    catalog.ProductChanged: _on_sale_again,
    stock.HoldsReleased: _released,
    inventory.UnitsArrived: _arrived,
}


async def _paid(tx: Tx, fact: invoicing.heard.Paid) -> None:
    await invoicing.invoice_when_due(tx, shop_id=fact.shop_id, order_id=fact.order_id)
    await fapiao.follow(tx, shop_id=fact.shop_id, order_id=fact.order_id)


async def _given_back(tx: Tx, fact: invoicing.heard.GivenBack) -> None:
    await invoicing.credit(tx, shop_id=fact.shop_id, order_id=fact.order_id)
    await fapiao.follow(tx, shop_id=fact.shop_id, order_id=fact.order_id)


async def _called_off(tx: Tx, fact: fapiao.heard.Cancelled) -> None:
    await fapiao.follow(tx, shop_id=fact.shop_id, order_id=fact.order_id)


async def _granted(tx: Tx, fact: invoicing.heard.GivenBack) -> None:
    """The refund of a return may have waited for a second person."""
    await returns.refund_confirmed(tx, shop_id=fact.shop_id, order_id=fact.order_id, refund_id=fact.refund_id)


ENDS_RETURNS: Mapping[type[Any], Callable[[Tx, Any], Any]] = {invoicing.heard.GivenBack: _granted}

WRITES_PAPERS: Mapping[type[Any], Callable[[Tx, Any], Any]] = {
    invoicing.heard.Paid: _paid,
    invoicing.heard.GivenBack: _given_back,
    fapiao.heard.Cancelled: _called_off,
}


async def _erased(tx: Tx, fact: erasure.BuyerErased) -> None:
    await chat.erase_names(tx, shop_id=fact.shop_id, shoppers=fact.shoppers)
    await notifications.forget_buyers(tx, shop_id=fact.shop_id, buyers=fact.shoppers)
    await customers.forget_erased(tx, shop_id=fact.shop_id, shoppers=fact.shoppers)
    await push.forget_shoppers(tx, shop_id=fact.shop_id, shoppers=fact.shoppers)
    await returns.forget_buyers(tx, shop_id=fact.shop_id, buyers=fact.shoppers)
    await fapiao.forget_buyers(tx, shop_id=fact.shop_id, buyers=fact.shoppers)
    await pickups.forget_buyers(tx, shop_id=fact.shop_id, buyers=fact.shoppers)
    await integrity.forget_buyers(tx, shop_id=fact.shop_id, shoppers=fact.shoppers)
    await giveaways.forget_buyers(tx, shop_id=fact.shop_id, buyers=fact.shoppers)
    await auctions.forget_buyers(tx, shop_id=fact.shop_id, buyers=fact.shoppers)


FORGETS_PEOPLE: Mapping[type[Any], Callable[[Tx, Any], Any]] = {erasure.BuyerErased: _erased}


async def _bought(tx: Tx, fact: orders.OrderPlaced) -> None:
    await customers.note_order(tx, shop_id=fact.shop_id, order_id=fact.order_id)


async def _show_over(tx: Tx, fact: run_of_show.ShowEnded) -> None:
    await customers.baskets.remind(tx, shop_id=fact.shop_id, show_id=fact.show_id)
    await replays.ask_clips(tx, shop_id=fact.shop_id, show_id=fact.show_id)


async def _won(tx: Tx, fact: WinnerAsked) -> None:
    """Whoever entered without an account left no address: their page and the room tell them."""
    await _tell_winner(
        tx,
        fact,
        notices.Kind.GIVEAWAY_WON,
        f"giveaway {fact.giveaway_id} {fact.place}",
        {"prize": fact.prize, "giveaway_id": fact.giveaway_id},
    )


async def _may_buy(tx: Tx, fact: BuyerAsked) -> None:
    """The winner of an auction, or the bidder who is asked next."""
    await _tell_winner(
        tx,
        fact,
        notices.Kind.AUCTION_WON,
        f"auction {fact.auction_id} {fact.place}",
        {"prize": fact.title, "auction_id": fact.auction_id},
    )


async def _tell_winner(
    tx: Tx, fact: WinnerAsked | BuyerAsked, kind: notices.Kind, once: str, facts: dict[str, Any]
) -> None:
    if fact.customer is None:
        return
    try:
        found = (await customers.profile(tx, shop_id=fact.shop_id, customer_id=fact.customer)).customer
    except NotFound:
        return
    contact = found.email if found.proven_at is not None and found.email else found.proven_phone
    if not contact:
        return
    deadline = datetime.fromtimestamp(fact.deadline / 1000, UTC)
    await notices.tell(
        tx,
        notices.NewNotice(
            fact.shop_id,
            uuid5(fact.customer, once),
            kind,
            contact,
            found.locale,
            name=found.name,
            buyer=fact.shopper,
            facts=facts | {"claim_until": deadline.isoformat()},
            expires_at=deadline,
        ),
    )


KNOWS_CUSTOMERS: Mapping[type[Any], Callable[[Tx, Any], Any]] = {
    WinnerAsked: _won,
    BuyerAsked: _may_buy,
    orders.OrderPlaced: _bought,
    run_of_show.ShowEnded: _show_over,
}


def _tells_people(settings: Settings | None) -> Consumer:
    """What happened becomes messages: the id of the fact decides that there is one."""
    heard = {kind.name: (kind, hear) for kind, hear in telling.HEARD.items()}
    sent = telling.heard.PurchaseOrderSent
    names = frozenset(heard) | (frozenset() if settings is None else {sent.name})

    async def tell(tx: Tx, batch: Sequence[Delivered]) -> None:
        for fact in batch:
            if fact.name in heard:
                kind, hear = heard[fact.name]
                await hear(tx, decode(kind, fact), fact.fact_id)
            elif fact.name == sent.name and settings is not None:
                box = secrets.box(settings)
                await telling.purchase_order_sent(tx, decode(sent, fact), fact.fact_id, box=box)

    return Consumer("messages", tell, names=names)


def followers(
    db: Database,
    rooms: Rooms,
    terms: purchases.OfferTermsCache,
    cameras: media.MediaServer,
    pages: web.SharedPages,
    sitemaps: web.Sitemaps,
) -> Mapping[type[Any], Callable[[Any], Any]]:
    """What each process with open pages listens to."""
    shown: dict[type[Any], Callable[[Any], Any]] = dict(rooms.handlers())
    held_up: dict[int, tuple[str, str, int]] = {}

    async def filmed(fact: run_of_show.OfferFeatured) -> None:
        """What the host holds up becomes a moment of the video: of the stream, and of the recording.

        Only where the camera publishes to us; the room may be open on other processes only.
        """
        if not cameras.records:
            return
        async with db.transaction() as tx:
            channel_id = (await live.public_show(tx, fact.show_id)).channel_id
        if channel_id is None or not cameras.live(channel_id):
            return
        before = held_up.pop(channel_id, None)
        if before is not None:
            cameras.moment(channel_id, *before, fact.at)
        if fact.offer_id is not None:
            held_up[channel_id] = (f"{fact.show_id}-{fact.offer_id}-{fact.at}", str(fact.product_id), fact.at)
            cameras.moment(channel_id, *held_up[channel_id])

    def also(kind: type[Any], act: Callable[[Any], Any]) -> None:
        first = shown.get(kind)

        async def both(fact: Any) -> None:
            for hear in (first, act):
                done = None if hear is None else hear(fact)
                if done is not None:
                    await done

        shown[kind] = both

    async def on_air(fact: run_of_show.ShowStarted | run_of_show.ShowEnded) -> None:
        if fact.channel_id is not None:
            held_up.pop(fact.channel_id, None)
            await cameras.shows_changed(fact.channel_id)

    also(run_of_show.OfferFeatured, filmed)
    also(run_of_show.ShowStarted, on_air)
    also(run_of_show.ShowEnded, on_air)

    async def hidden_or_shown(fact: replays.ReplayHidden) -> None:
        if fact.channel_id is not None:
            await cameras.shows_changed(fact.channel_id)

    also(replays.ReplayHidden, hidden_or_shown)
    also(chat.ChatSaid, lambda fact: rooms.say(fact.show_id, chat.said_line(fact)))
    also(chat.ChatHidden, lambda fact: rooms.hide(fact.show_id, str(fact.line_id)))
    also(chat.LinePinned, lambda fact: rooms.pin(fact.show_id, chat.pinned_line(fact)))
    also(chat.LineAnswered, lambda fact: rooms.answer(fact.show_id, str(fact.line_id), fact.answered))
    also(chat.ChatUnnamed, lambda fact: rooms.unname(fact.show_id, [str(each) for each in fact.line_ids]))
    also(catalog.ProductChanged, lambda fact: rooms.reload_shop(fact.shop_id))
    also(catalog.BundleChanged, lambda fact: rooms.reload_shop(fact.shop_id))
    also(catalog.ProductChanged, lambda fact: terms.forget_product(fact.product_id))
    also(catalog.ProductChanged, lambda fact: sitemaps.forget(fact.product_id))
    for kind in (catalog.PriceChanged, catalog.BundleChanged):
        also(kind, lambda fact: terms.forget_variant(fact.variant_id))
    for kind in (run_of_show.OfferAdded, run_of_show.OfferChanged, run_of_show.OfferPriceChanged):
        also(kind, lambda fact: terms.forget(fact.offer_id))
    for kind in (run_of_show.ShowStarted, run_of_show.ShowEnded, live.ShowChanged):
        also(kind, lambda fact: terms.forget_show(fact.show_id))

    def runs_short(fact: inventory.StockChanged) -> None:
        """The last units show at once, and above all that there are none; of more, a page need not be made anew with
        every sale.
        """
        if any(variant.left <= web.FEW for variant in fact.variants):
            pages.forget(fact.shop_id)

    also(inventory.StockChanged, runs_short)
    # After what they change in open rooms: pages are made from those.
    for kind in SHOWN_AT_ONCE:
        also(kind, lambda fact: pages.forget(fact.shop_id))
    also(accounts.shop_settings.ShopChanged, lambda fact: pages.forget_shop(fact.shop_id))
    also(embeds.SitesChanged, lambda fact: pages.forget_shop(fact.shop_id))
    also(ShopTermsChanged, lambda fact: pages.forget_shop(fact.shop_id))
    also(DeliveryChanged, lambda fact: pages.forget_shop(fact.shop_id))
    return shown


# What nobody must see a second longer on a page that is kept.
SHOWN_AT_ONCE: Sequence[type[Any]] = (
    *Rooms.SHOWN_AT_ONCE, live.ShowPlanned, replays.ReplayHidden, collections.CollectionChanged, catalog.ProductChanged,
    catalog.PriceChanged, catalog.BundleChanged, inventory.UnitsArrived, inventory.LotDelayed, chat.ChatHidden,
    chat.ChatUnnamed, chat.LinePinned,
)  # fmt: skip


def payment_accounts(
    db: Database, settings: Settings, public: Callable[[], PublicAddress]
) -> tuple[Connections, Sandbox | None]:
    """The payment accounts of all shops, and payments without money where the operator allows them."""
    sandbox = None
    known = dict(KINDS)
    if settings.test_payments:
        sandbox = Sandbox(
            settings.data_dir / "test-payments.db", address=lambda: public().link("/test-payments")
        )
        known["test"] = sandbox_kind(sandbox)
    return Connections(db, lambda: secrets.box(settings), known, public=public), sandbox


def airtimes(db: Database) -> Callable[[int], Awaitable[Sequence[media.Airtime]]]:
    """When shows had a channel on air: then its video is for everybody."""

    async def read(channel_id: int) -> Sequence[media.Airtime]:
        async with db.transaction() as tx:
            found = await live.airtimes(tx, channel_id=channel_id)
            hidden = set(await replays.hidden_of(tx, show_ids=[each.show_id for each in found]))
            return [replace(each, hidden=each.show_id in hidden) for each in found]

    return read


class StaffOfChannels(media.Staff):
    """Who may watch a camera also before and after a show: whoever may see the shop's shows in the console; who may
    be one: whoever runs them.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def cookie(self, scope: Mapping[str, Any]) -> bytes:
        token = HTTPConnection(dict(scope)).cookies.get(SESSION_COOKIE)
        return b"" if not token else f"{SESSION_COOKIE}={token}".encode("latin-1", "replace")

    async def opens(self, cookie: bytes, channel_id: int) -> bool:
        return await self._may(accounts.Permission.SHOW_VIEW, cookie, channel_id)

    async def films(self, cookie: bytes, channel_id: int) -> bool:
        return await self._may(accounts.Permission.SHOW_RUN, cookie, channel_id)

    async def _may(self, permission: accounts.Permission, cookie: bytes, channel_id: int) -> bool:
        token = cookie.decode("latin-1").partition("=")[2]
        async with self._db.transaction() as tx:
            shop_id = await media.shop_of(tx, channel_id=channel_id)
            if shop_id is None:
                return False
            shop = await accounts.shop(tx, shop_id)
            try:
                actor = await auth.actor(tx, token, shop.slug)
            except DatabaseAway:
                raise
            except Refusal:
                return False
        return actor.may(permission)


def room_handlers(
    db: Database, rooms: Rooms, lake: Collector, buy: BuyHandler, pages: web.SharedPages
) -> RoomHandlers:
    """What the pages of a room ask for that lies above the room."""

    async def say(said: Said) -> ChatLine | None:
        async with db.transaction() as tx:
            line = await chat.say(
                tx,
                shop_id=said.shop_id,
                show_id=said.show_id,
                shopper=said.shopper,
                text=said.text,
                name=said.name,
                role=chat.Role(said.role),
                words=vocabulary(said.show_id),
            )
        return chat.room_line(line) if line.state is chat.State.SHOWN else None

    def vocabulary(show_id: int) -> chat.Vocabulary:
        """The sizes and colours of what this show offers, for hearing what people ask for."""
        opened = rooms.opened(show_id)
        return chat.EMPTY if opened is None else chat.vocabulary(opened.room.state.option_values)

    async def keep_presence(beats: Sequence[Beat]) -> None:
        await lake.append([remembered(beat) for beat in beats])

    async def staff_role(token: str, shop_id: int) -> str | None:
        async with db.transaction() as tx:
            shop = await accounts.shop(tx, shop_id)
            try:
                actor = await auth.actor(tx, token, shop.slug)
            except Refusal:
                return None
        if actor.may(accounts.Permission.SHOW_RUN):
            return "host"
        return "moderator" if actor.may(accounts.Permission.CHAT_MODERATE) else None

    return RoomHandlers(buy=buy, chat=say, beat=keep_presence, staff=staff_role, posted=pages.forget)


def remembered(beat: Beat) -> collector.Event:
    """A heartbeat of the room as an event of the lake."""
    at = datetime.fromtimestamp(beat.at, UTC)
    whose = None if beat.shopper is None else str(beat.shopper)
    return collector.Event(
        id=f"{beat.show_id}.{whose or ''}.{beat.session}.{beat.kind.value}.{int(beat.at * 1000)}",
        source=f"shopfloor/{beat.shop_id}",
        type=beat.kind.value,
        event_time=at,
        shop_id=beat.shop_id,
        show_id=beat.show_id,
        session_id=beat.session,
        viewer=whose,
        offer_id=beat.offer_id,
        seconds=beat.seconds,
        actor_kind="viewer",
    )
