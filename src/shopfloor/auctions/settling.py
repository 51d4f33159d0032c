"""How an auction ends: the winner's units are held, who doesn't pay is passed over once, and the rest is free again."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from msgspec import structs

from shopfloor import inventory, purchases, run_of_show, stock
from shopfloor.auctions import cards, queries
from shopfloor.auctions.events import AuctionClosed, BuyerAsked, WinLapsed, WinPaid
from shopfloor.auctions.models import (
    GRACE_SECONDS,
    LOOK_AGAIN,
    Auction,
    Bid,
    State,
    Why,
    Win,
    WinState,
    shares,
)
from shopfloor.auctions.refusals import UnknownAuction
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import new_id, video_ms
from shopfloor.orders import Party, Status


async def locked(tx: Tx, shop_id: int, auction_id: int) -> Auction:
    """Raises UnknownAuction."""
    found = await queries.locked(tx, shop_id=shop_id, auction_id=auction_id)
    if found is None:
        raise UnknownAuction(auction_id=auction_id)
    return found


def sealed(bid: Bid) -> Bid:
    """As everybody may see it while the auction runs: never more than the price that shows."""
    return replace(bid, max_minor=min(bid.max_minor, bid.price_minor))


async def close(tx: Tx, *, shop_id: int, auction_id: int) -> Auction:
    """Sold to whoever leads, where the reserve is met; a second time, and before its end, it is as it is.

    The end is on the clock of the database, looked at with the auction locked: a bid was before it or after.
    Raises UnknownAuction.
    """
    found = await locked(tx, shop_id, auction_id)
    at = await queries.clock(tx)
    if found.state is not State.OPEN or at < found.ends_at:
        return found
    if found.leader is None or found.price_minor is None:
        return await end_unsold(tx, found, State.UNSOLD, Why.NO_BIDS)
    if not found.reserve_met:
        return await end_unsold(tx, found, State.UNSOLD, Why.RESERVE)
    house = await queries.sealed(tx, auction_id=found.id)
    request = await _request(tx, found, paddle=found.leader, price=found.price_minor, instead=house.hold_id)
    freed = await stock.release(tx, [house.hold_id], "auction sold", wanted=[request], for_good=True)
    if not await _ask(tx, found, request, place=1, paddle=found.leader, price=found.price_minor):
        await purchases.hand_over(tx, freed)
        return await end_unsold(tx, found, State.UNSOLD, Why.NO_UNITS)
    await queries.set_closed(tx, auction_id=found.id, state=State.SOLD, why=None, at=at, by=None)
    return await _over(tx, found)


async def end_unsold(tx: Tx, found: Auction, state: State, why: Why, *, by: int | None = None) -> Auction:
    """Of a locked one that is open: nobody has it, its units are free, and offered to the waitlist."""
    house = await queries.sealed(tx, auction_id=found.id)
    freed = await stock.release(tx, [house.hold_id], f"auction {state.value}", for_good=True)
    await purchases.hand_over(tx, freed)
    at = await queries.clock(tx)
    await queries.set_closed(tx, auction_id=found.id, state=state, why=why, at=at, by=by)
    return await _over(tx, found)


async def _over(tx: Tx, before: Auction) -> Auction:
    """As it stands now, in the room too."""
    found = await locked(tx, before.shop_id, before.id)
    await outbox.record(
        tx,
        AuctionClosed(
            found.shop_id,
            found.show_id,
            found.id,
            found.state,
            found.why,
            found.currency,
            found.price_minor or 0,
            found.quantity,
            found.bids,
            await queries.last_paddle(tx, auction_id=found.id),
            found.one_network,
        ),
    )
    await cards.show_card(tx, found)
    return found


async def _pool_of(tx: Tx, found: Auction, hold_id: UUID) -> int:
    """Where its units are: where they are held so far, or in open stock once that pool is closed."""
    held = await stock.hold(tx, shop_id=found.shop_id, hold_id=hold_id)
    known = await inventory.pools(tx, shop_id=found.shop_id)
    if any(pool.id == held.pool_id and pool.is_open for pool in known):
        return held.pool_id
    return (await inventory.open_pool(tx, shop_id=found.shop_id)).id


async def _request(tx: Tx, found: Auction, *, paddle: int, price: int, instead: UUID) -> stock.Request:
    """The units for this bidder, at this price, until a little after their deadline, in place of
    another hold.
    """
    bidder = await queries.bidder(tx, auction_id=found.id, paddle=paddle)
    offer = await run_of_show.offer(tx, shop_id=found.shop_id, show_id=found.show_id, offer_id=found.offer_id)
    parts = shares(price, found.quantity)
    return stock.Request(
        new_id(),
        found.shop_id,
        await _pool_of(tx, found, instead),
        bidder.shopper,
        tuple(stock.Line(found.variant_id, units) for units, _ in parts),
        found.pay_minutes * 60 + GRACE_SECONDS,
        # Where the offer keeps nothing for who taps, the lot is kept all the same.
        offer_id=None if offer.policy is stock.HoldPolicy.FIRST_PAID else offer.id,
        show_id=found.show_id,
        unit_prices=tuple(price for _, price in parts),
    )


async def _ask(
    tx: Tx, found: Auction, request: stock.Request, *, place: int, paddle: int, price: int
) -> bool:
    """This bidder may have it now.  False where the units cannot be had."""
    [held] = await stock.reserve(tx, [request])
    if isinstance(held, stock.Refused) and held.code == stock.Code.CLOSED:
        # The show ended just now, and its units flowed back.
        open_pool = await inventory.open_pool(tx, shop_id=found.shop_id)
        request = structs.replace(request, pool_id=open_pool.id)
        [held] = await stock.reserve(tx, [request])
    if isinstance(held, stock.Refused):
        return False
    bidder = await queries.bidder(tx, auction_id=found.id, paddle=paddle)
    at = await queries.clock(tx)
    deadline = at + timedelta(minutes=found.pay_minutes)
    await queries.insert_win(
        tx,
        shop_id=found.shop_id,
        auction_id=found.id,
        place=place,
        paddle=paddle,
        price=price,
        hold_id=request.id,
        at=at,
        deadline=deadline,
    )
    await outbox.record(
        tx,
        BuyerAsked(
            found.shop_id,
            found.show_id,
            found.id,
            place,
            bidder.shopper,
            bidder.customer,
            request.id,
            found.title,
            found.currency,
            price,
            video_ms(deadline),
        ),
    )
    return True


# ── what becomes of a win ─────────────────────────────────────────────────────────────────────────────────


async def look(tx: Tx, *, shop_id: int, auction_id: int) -> None:
    """At the deadline: who has not ordered is passed over; a payment that is under way is waited for.

    Raises UnknownAuction.
    """
    found = await locked(tx, shop_id, auction_id)
    at = await queries.clock(tx)
    for win in await queries.wins(tx, auction_id=found.id):
        if win.state is WinState.ASKED and win.deadline <= at:
            await _settle(tx, found, win, is_over=True)


async def order_changed(tx: Tx, *, shop_id: int, order_id: UUID) -> None:
    """An order was placed, paid or cancelled: so was a win, where it is one's."""
    for win in await queries.wins_of_order(tx, shop_id=shop_id, order_id=order_id):
        found = await locked(tx, shop_id, win.auction_id)
        for each in await queries.wins(tx, auction_id=found.id):
            if each.place == win.place and each.state in {WinState.ASKED, WinState.ORDERED}:
                await _settle(tx, found, each, is_over=False)


async def _settle(tx: Tx, found: Auction, win: Win, *, is_over: bool) -> None:
    """What its order says.  `is_over`: its time is up, so that without an order it lapses."""
    standing = await queries.purchase(tx, shop_id=found.shop_id, hold_id=win.hold_id)
    if standing.status is None:
        if is_over:
            await _lapse(tx, found, win, standing.root)
    elif standing.status is Status.DRAFT:
        await queries.look_again(tx, auction_id=found.id, place=win.place, seconds=LOOK_AGAIN)
    elif standing.status is Status.CANCELLED and standing.cancelled_by is Party.MERCHANT:
        await _set_win(tx, found, win, WinState.CALLED_OFF, standing.order_id)
        await _changed(tx, found, State.CANCELLED, Why.BY_SHOP)
    elif standing.status is Status.CANCELLED and not standing.is_paid:
        await _lapse(tx, found, win, standing.root)
    elif standing.is_paid:
        await _set_win(tx, found, win, WinState.PAID, standing.order_id)
        assert standing.order_id is not None, "it has a status"
        await outbox.record(
            tx,
            WinPaid(
                found.shop_id,
                found.show_id,
                found.id,
                win.place,
                standing.order_id,
                found.currency,
                win.price_minor,
            ),
        )
        await cards.show_card(tx, found)
    elif win.state is WinState.ASKED:
        await _set_win(tx, found, win, WinState.ORDERED, standing.order_id)


async def _set_win(tx: Tx, found: Auction, win: Win, state: WinState, order_id: UUID | None) -> None:
    await queries.set_win(tx, auction_id=found.id, place=win.place, state=state, order_id=order_id)


async def _changed(tx: Tx, found: Auction, state: State, why: Why) -> None:
    await queries.set_state(tx, auction_id=found.id, state=state, why=why)
    await cards.show_card(tx, await locked(tx, found.shop_id, found.id))


async def _lapse(tx: Tx, found: Auction, win: Win, root: UUID) -> None:
    """A strike for the winner, and the next bidder is asked, once, at their own last bid; nobody is after that one."""
    following = None
    if win.place == 1:
        following = await queries.next_bidder(tx, auction_id=found.id, but=[win.paddle])
    if following is not None and following.max_minor < (found.reserve_minor or 0):
        following = None
    request = None
    if following is not None:
        request = await _request(
            tx, found, paddle=following.paddle, price=following.max_minor, instead=win.hold_id
        )
    try:
        freed = await stock.release(
            tx,
            list(dict.fromkeys([win.hold_id, root])),
            "auction unpaid",
            wanted=[] if request is None else [request],
            for_good=True,
        )
    except inventory.WrongState:
        # Ordered at this very moment: the fact of it comes.
        await queries.look_again(tx, auction_id=found.id, place=win.place, seconds=LOOK_AGAIN)
        return
    await _set_win(tx, found, win, WinState.LAPSED, None)
    bidder = await queries.bidder(tx, auction_id=found.id, paddle=win.paddle)
    struck = win.place == 1 and bidder.customer is not None
    if win.place == 1 and bidder.customer is not None:
        at = await queries.clock(tx)
        await queries.insert_strike(
            tx, shop_id=found.shop_id, auction_id=found.id, customer=bidder.customer, at=at
        )
    await outbox.record(tx, WinLapsed(found.shop_id, found.show_id, found.id, win.place, struck))
    if (
        following is not None
        and request is not None
        and await _ask(tx, found, request, place=2, paddle=following.paddle, price=following.max_minor)
    ):
        await cards.show_card(tx, found)
        return
    await purchases.hand_over(tx, freed)
    await _changed(tx, found, State.UNSOLD, Why.UNPAID)
