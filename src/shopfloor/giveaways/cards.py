"""The card of a giveaway in the room, always as the giveaway stands."""

from collections.abc import Sequence
from typing import Final

from shopfloor import rooms
from shopfloor.giveaways.models import Giveaway, Place, State, Winner
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import video_ms

KIND: Final = "giveaway"


def card_of(found: Giveaway, winners: Sequence[Winner] = ()) -> rooms.GiveawayState:
    """Who let the prize lapse is not shown."""
    return rooms.GiveawayState(
        id=found.id,
        prize=found.prize,
        value_minor=found.value_minor,
        currency=found.currency,
        winners=found.winners,
        entries=found.entries,
        state=found.state.value,
        closes_at=video_ms(found.closes_at),
        draws_at=video_ms(found.round_at),
        proven_only=found.proven_only,
        waits=found.state is State.CLOSED and found.problem is not None,
        drawn=tuple((each.name, each.number) for each in winners if each.state is not Place.LAPSED),
    )


async def show_card(tx: Tx, found: Giveaway, winners: Sequence[Winner] = ()) -> None:
    """In the room, unless it was taken off or another took its place."""
    await rooms.change_card(tx, shop_id=found.shop_id, show_id=found.show_id, card=card_of(found, winners))
