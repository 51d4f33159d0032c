"""What a shop does with auctions, and how they end.  Whatever changes one locks it first, so it happens once.

Locks: the auction, then limits and levels of stock, then the card of the room.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from msgspec import structs
from psycopg.errors import UniqueViolation

from shopfloor import catalog, inventory, live, rooms, run_of_show, stock
from shopfloor.auctions import cards, queries, settling
from shopfloor.auctions.bidding import Steps
from shopfloor.auctions.events import AuctionOpened
from shopfloor.auctions.models import (
    CALLED_OFF,
    EXTENDS,
    LEAST_PAY,
    LONGEST,
    MOST_EXTENDS,
    MOST_EXTENSION,
    MOST_PAY,
    MOST_STEPS,
    MOST_UNITS,
    PAY_MINUTES,
    SHORTEST,
    Auction,
    Bid,
    Mine,
    Refusals,
    State,
    Strike,
    Why,
    Win,
    usual_steps,
)
from shopfloor.auctions.refusals import (
    AuctionOfBundle,
    AuctionOver,
    AuctionRunning,
    AuctionTooLarge,
    BadAuction,
    UnknownAuction,
    UnknownStrike,
)
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import MAX_MINOR, new_id, video_ms

HELD_LONGER: Final = 86_400
"""Seconds that the units are held beyond the latest end: should every process be away at the end, they are still there."""
MOST_BIDS_LISTED: Final = 200


async def open_auction(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    offer_id: int,
    variant_id: int,
    start_minor: int,
    seconds: int,
    quantity: int = 1,
    reserve_minor: int | None = None,
    steps: Steps | None = None,
    extend_seconds: int = EXTENDS,
    pay_minutes: int = PAY_MINUTES,
    key: UUID | None = None,
    by: int | None = None,
) -> Auction:
    """Take bids for `quantity` units of an offer's variant as one lot, for `seconds` from now; the units are held.

    Amounts are for the whole lot.  `steps`: (from price, step), the usual ones without.  Opened again with the same
    `key`, it is that auction.

    Raises UnknownShow, WrongStatus, UnknownOffer, ProductNotActive, BadAuction, AuctionOfBundle, AuctionRunning,
    AuctionTooLarge.
    """
    parent = await live.locked(tx, shop_id, show_id)
    if key is not None and (before := await queries.by_key(tx, shop_id=shop_id, key=key)) is not None:
        return before
    if parent.status != live.ShowStatus.LIVE or parent.pool_id is None:
        raise live.WrongStatus("Only a running show has an auction.", status=str(parent.status))
    offer = await run_of_show.offer(tx, shop_id=shop_id, show_id=show_id, offer_id=offer_id)
    currency = offer.currency
    offer.line(variant_id)
    product = await catalog.product(tx, shop_id=shop_id, product_id=offer.product_id)
    [variant] = await catalog.variants(tx, shop_id=shop_id, ids=[variant_id])
    if product.status != catalog.Status.ACTIVE or variant.is_archived:
        raise run_of_show.ProductNotActive(product_id=product.id)
    if await catalog.bundles(tx, shop_id=shop_id, variant_ids=[variant_id]):
        raise AuctionOfBundle(variant_id=variant_id)
    rising = usual_steps(currency) if steps is None else tuple(steps)
    _check("quantity", quantity, 1, MOST_UNITS)
    _check("start", start_minor, quantity, MAX_MINOR)
    if reserve_minor is not None:
        _check("reserve", reserve_minor, start_minor, MAX_MINOR)
    _check("seconds", seconds, SHORTEST, LONGEST)
    _check("extend_seconds", extend_seconds, 0, MOST_EXTENDS)
    _check("pay_minutes", pay_minutes, LEAST_PAY, MOST_PAY)
    _check_steps(rising)
    running = await queries.newest(tx, shop_id=shop_id, show_id=show_id)
    if running is not None and running.state is State.OPEN:
        raise AuctionRunning(auction_id=running.id)
    at = await queries.clock(tx)
    ends_at = at + timedelta(seconds=seconds)
    latest_end = ends_at + timedelta(seconds=MOST_EXTENSION if extend_seconds else 0)
    house, hold_id = new_id(), new_id()
    request = stock.Request(
        hold_id,
        shop_id,
        parent.pool_id,
        house,
        (stock.Line(variant_id, quantity),),
        int((latest_end - at).total_seconds()) + HELD_LONGER,
        # Of no show and no offer: no buyer holds it, so no figure of the show counts it.
        unit_prices=(0,),
    )
    [held] = await stock.reserve(tx, [request])
    if isinstance(held, stock.Refused):
        # Not reserved for the show: from open stock.
        left = held.facts.get("left", 0)
        open_pool = await inventory.open_pool(tx, shop_id=shop_id)
        [held] = await stock.reserve(tx, [structs.replace(request, pool_id=open_pool.id)])
        if isinstance(held, stock.Refused):
            raise AuctionTooLarge(
                quantity=quantity, left=max(int(str(left)), int(str(held.facts.get("left", 0))))
            )
    values = {
        "shop_id": shop_id, "show_id": show_id, "offer_id": offer_id, "variant_id": variant_id, "key": key or new_id(),
        "title": product.title, "titles": product.titles, "options": variant.options, "picture": product.picture_sha,
        "quantity": quantity, "currency": currency, "start_minor": start_minor, "reserve_minor": reserve_minor,
        "steps": [list(step) for step in rising], "seconds": seconds, "extend_seconds": extend_seconds,
        "pay_minutes": pay_minutes, "opened_at": at, "ends_at": ends_at, "latest_end": latest_end, "house": house,
        "hold_id": hold_id, "by": by,
    }  # fmt: skip
    try:
        auction_id = await queries.insert(tx, values=values)
    except UniqueViolation:
        raise AuctionRunning from None
    found = await auction(tx, shop_id=shop_id, auction_id=auction_id)
    await rooms.put_card(tx, shop_id=shop_id, show_id=show_id, card=await cards.card_of(tx, found))
    await outbox.record(
        tx,
        AuctionOpened(
            shop_id,
            show_id,
            auction_id,
            offer_id,
            variant_id,
            quantity,
            currency,
            start_minor,
            reserve_minor is not None,
            video_ms(ends_at),
        ),
    )
    return found


def _check(field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise BadAuction(field=field, least=least, most=most)


def _check_steps(steps: Steps) -> None:
    """The first from 0, rising, each of something."""
    lows = [low for low, _ in steps]
    fits = 1 <= len(steps) <= MOST_STEPS and lows[0] == 0 and lows == sorted(set(lows))
    if not fits or any(not 1 <= step <= MAX_MINOR or low > MAX_MINOR for low, step in steps):
        raise BadAuction(field="steps", most=MOST_STEPS)


async def auction(tx: Tx, *, shop_id: int, auction_id: int) -> Auction:
    """Raises UnknownAuction."""
    found = await queries.auction(tx, shop_id=shop_id, auction_id=auction_id)
    if found is None:
        raise UnknownAuction(auction_id=auction_id)
    return found


async def auctions(tx: Tx, *, shop_id: int, show_id: int) -> list[Auction]:
    """Of a show, oldest first.  Raises UnknownShow."""
    await live.show(tx, shop_id=shop_id, show_id=show_id)
    return await queries.of_show(tx, shop_id=shop_id, show_id=show_id)


async def newest(tx: Tx, *, shop_id: int, show_id: int) -> Auction | None:
    """That of a show which runs, or was the last."""
    return await queries.newest(tx, shop_id=shop_id, show_id=show_id)


async def bids(
    tx: Tx,
    *,
    shop_id: int,
    auction_id: int,
    after: int | None = None,
    before: int | None = None,
    limit: int = MOST_BIDS_LISTED,
) -> list[Bid]:
    """The ledger, newest first, a page of it (`kernel.paging`).  While the auction runs, a maximum above the price is not
    told: it is the price that shows.  Raises UnknownAuction.
    """
    found = await auction(tx, shop_id=shop_id, auction_id=auction_id)
    listed = await queries.bids(tx, auction_id=auction_id, after=after, before=before, limit=limit)
    return listed if found.state is not State.OPEN else [settling.sealed(each) for each in listed]


async def wins(tx: Tx, *, shop_id: int, auction_id: int) -> list[Win]:
    """Who was asked, in this order.  Raises UnknownAuction."""
    await auction(tx, shop_id=shop_id, auction_id=auction_id)
    return await queries.wins(tx, auction_id=auction_id)


async def refused_bids(tx: Tx, *, shop_id: int, auction_id: int) -> list[Refusals]:
    """How many bids were not taken, by reason.  Raises UnknownAuction."""
    await auction(tx, shop_id=shop_id, auction_id=auction_id)
    return await queries.refused(tx, auction_id=auction_id)


async def mine(tx: Tx, *, shop_id: int, auction_id: int, customer: UUID) -> Mine | None:
    """The auction as this bidder sees it; None for who has not bid.  Raises UnknownAuction."""
    await auction(tx, shop_id=shop_id, auction_id=auction_id)
    bidder = (await queries.bidders_of(tx, auction_id=auction_id, customers=[customer])).get(customer)
    if bidder is None:
        return None
    most = await queries.most_of(tx, auction_id=auction_id, paddle=bidder.paddle)
    asked = [each for each in await queries.wins(tx, auction_id=auction_id) if each.paddle == bidder.paddle]
    return Mine(bidder.paddle, most, asked[-1] if asked else None)


async def call_off(tx: Tx, *, shop_id: int, auction_id: int, why: Why, by: int | None = None) -> Auction:
    """Nobody gets the lot, and everybody sees why; its units are free.  A second time it is called off already.

    Raises UnknownAuction, AuctionOver, and BadAuction for a reason that is none of CALLED_OFF.
    """
    if why not in CALLED_OFF:
        raise BadAuction(field="why")
    found = await settling.locked(tx, shop_id, auction_id)
    if found.state is State.CANCELLED:
        return found
    if found.state is not State.OPEN:
        raise AuctionOver(auction_id=auction_id)
    return await settling.end_unsold(tx, found, State.CANCELLED, why, by=by)


async def show_ended(tx: Tx, *, shop_id: int, show_id: int) -> None:
    """One that nobody has bid in ends with its show; the others go on, on their own pages, to their end."""
    running = await queries.newest(tx, shop_id=shop_id, show_id=show_id)
    if running is None or running.state is not State.OPEN:
        return
    found = await settling.locked(tx, shop_id, running.id)
    if found.state is State.OPEN and not found.bids:
        await settling.end_unsold(tx, found, State.CANCELLED, Why.SHOW_ENDED)


async def take_off(tx: Tx, *, shop_id: int, auction_id: int) -> None:
    """Take its card out of the room, once it is over.  Raises UnknownAuction, AuctionRunning."""
    found = await settling.locked(tx, shop_id, auction_id)
    if found.state is State.OPEN:
        raise AuctionRunning(auction_id=auction_id)
    await rooms.take_card(tx, shop_id=shop_id, show_id=found.show_id, kind=cards.KIND, subject=found.id)


async def strike(tx: Tx, *, shop_id: int, auction_id: int) -> Strike | None:
    """The one that was given for it.  Raises UnknownAuction."""
    await auction(tx, shop_id=shop_id, auction_id=auction_id)
    return await queries.strike(tx, shop_id=shop_id, auction_id=auction_id)


async def lift_strike(tx: Tx, *, shop_id: int, auction_id: int, by: int | None = None) -> None:
    """It counts no longer; once or often.  Raises UnknownStrike."""
    if not await queries.lift_strike(tx, shop_id=shop_id, auction_id=auction_id, by=by):
        raise UnknownStrike(auction_id=auction_id)


async def forget_buyers(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> None:
    """Names and accounts; the numbers they bid under, and the bids, stay in the ledger."""
    await queries.forget_buyers(tx, shop_id=shop_id, buyers=buyers)
