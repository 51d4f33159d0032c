"""What customers hold of shows that are paid at the end, and have not paid."""

from datetime import datetime
from typing import Final

from shopfloor import live, stock
from shopfloor.accounts import Permission
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import Money, now
from shopfloor.web.console.desk import Desk

# Shows are paid within a day of their end: no shop has so many of them.
ENDED: Final = 200


@dataclass(frozen=True, slots=True)
class Unpaid:
    """Of one show.  `until`: when it goes back on sale; None while the show is on air."""

    show_id: int
    title: str
    buyers: int
    units: int
    total: Money
    until: datetime | None


async def of_show(tx: Tx, desk: Desk, show: live.Show) -> Unpaid | None:
    """None where buyers pay as they go, nothing is unpaid or its time is over, or the member may not see it."""
    until = show.kept_until
    if until is None or until <= now() or not desk.actor.may(Permission.ORDERS_VIEW):
        return None
    held = await stock.held_by(tx, shop_id=desk.shop.id, buyer=None, pool_id=show.pool_id)
    kept = [each for each in held if each.expires_at >= until]
    if not kept:
        return None
    parts = [part for each in kept for part in each.parts]
    return Unpaid(
        show.id,
        desk.language.localised(show.titles, show.title),
        len({each.buyer for each in kept}),
        sum(part.quantity for part in parts),
        Money(sum(part.quantity * part.unit_price for part in parts), desk.shop.currency),
        until if show.status == live.ShowStatus.ENDED else None,
    )


async def of_shop(tx: Tx, desk: Desk) -> list[Unpaid]:
    """Of the shows on air, and of those that ended within the time to pay."""
    shows = await live.shows(tx, shop_id=desk.shop.id, status=live.ShowStatus.LIVE)
    shows += await live.shows(tx, shop_id=desk.shop.id, status=live.ShowStatus.ENDED, limit=ENDED)
    return [unpaid for show in shows if (unpaid := await of_show(tx, desk, show)) is not None]
