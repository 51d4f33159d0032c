"""Cards of a room beside the featured product: one of each kind, put there by the module whose matter it is.

What a card says is kept whole with each change, so that a page that comes in sees what the others were told.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.rooms import card_queries
from shopfloor.rooms.events import CardChanged
from shopfloor.rooms.state import AuctionState, CouponState, GiveawayState, PollState

Card = GiveawayState | PollState | CouponState | AuctionState
_KINDS: Final[Mapping[str, type[Card]]] = {
    "giveaway": GiveawayState,
    "poll": PollState,
    "coupon": CouponState,
    "auction": AuctionState,
}
_KIND_OF: Final = {kind: name for name, kind in _KINDS.items()}


async def put_card(tx: Tx, *, shop_id: int, show_id: int, card: Card) -> None:
    """The card as it stands now, in place of the one of its kind.

    Changes to one card come one after the other where the caller has locked what it tells of.
    """
    kind, state = _KIND_OF[type(card)], msgspec.to_builtins(card)
    await card_queries.put(tx, show_id=show_id, kind=kind, subject=card.id, state=state)
    await outbox.record(tx, CardChanged(shop_id, show_id, kind, card.id, state))


async def change_card(tx: Tx, *, shop_id: int, show_id: int, card: Card) -> bool:
    """The same where the card in the room tells of this; False where there is none, or it tells of something else."""
    kind, state = _KIND_OF[type(card)], msgspec.to_builtins(card)
    if not await card_queries.change(tx, show_id=show_id, kind=kind, subject=card.id, state=state):
        return False
    await outbox.record(tx, CardChanged(shop_id, show_id, kind, card.id, state))
    return True


async def take_card(tx: Tx, *, shop_id: int, show_id: int, kind: str, subject: int) -> bool:
    """Take the card that tells of this away; False where it is not there."""
    if not await card_queries.take(tx, show_id=show_id, kind=kind, subject=subject):
        return False
    await outbox.record(tx, CardChanged(shop_id, show_id, kind, subject, None))
    return True


async def shown_in(tx: Tx, *, kind: str, subject: int) -> list[int]:
    """The shows whose room has a card that tells of this."""
    return await card_queries.shown_in(tx, kind=kind, subject=subject)


async def cards(tx: Tx, *, show_id: int) -> dict[str, Any]:
    """Those of a show, by kind, each as the state of its kind."""
    return {row.kind: card_of(row.kind, row.state) for row in await card_queries.cards(tx, show_id=show_id)}


def card_of(kind: str, state: Mapping[str, Any]) -> Card:
    return msgspec.convert(state, _KINDS[kind])
