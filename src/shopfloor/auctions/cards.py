"""The card of an auction in the room, always as the auction stands."""

from typing import Final

from shopfloor import rooms
from shopfloor.auctions import queries
from shopfloor.auctions.models import STANDING, Auction, WinState
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import video_ms

KIND: Final = "auction"


async def card_of(tx: Tx, found: Auction) -> rooms.AuctionState:
    """Once it is over, who leads is who may have the lot, at the price that holds for them."""
    win = next((each for each in await queries.wins(tx, auction_id=found.id) if each.state in STANDING), None)
    leader = found.leader if win is None else win.paddle
    name = "" if leader is None else (await queries.bidder(tx, auction_id=found.id, paddle=leader)).name
    return rooms.AuctionState(
        id=found.id,
        offer_id=found.offer_id,
        title=found.title,
        titles=found.titles,
        options=tuple(found.options),
        picture=found.picture,
        quantity=found.quantity,
        currency=found.currency,
        price_minor=found.price_minor if win is None else win.price_minor,
        asked_minor=found.asked_minor,
        bids=found.bids,
        bidders=await queries.last_paddle(tx, auction_id=found.id),
        leader=leader,
        leader_name=name,
        state=found.state.value,
        ends_at=video_ms(found.ends_at),
        extend_seconds=found.extend_seconds,
        latest_end=video_ms(found.latest_end),
        reserve_met=found.reserve_met,
        why=None if found.why is None else found.why.value,
        paid=win is not None and win.state is WinState.PAID,
        passed=win is not None and win.place > 1,
    )


async def show_card(tx: Tx, found: Auction) -> None:
    """In the room, unless it was taken off or another took its place."""
    await rooms.change_card(tx, shop_id=found.shop_id, show_id=found.show_id, card=await card_of(tx, found))
