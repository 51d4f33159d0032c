"""Who has something to pay after a show is told, with a link that leads to it from any browser."""

import secrets
from uuid import UUID, uuid5

from shopfloor import accounts, live, notifications, stock
from shopfloor.customers import basket_queries
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now


async def remind(tx: Tx, *, shop_id: int, show_id: int) -> int:
    """A show that is paid at the end is over: who has something to pay is told, once.  Returns how many."""
    show = await live.show(tx, shop_id=shop_id, show_id=show_id)
    until = show.kept_until
    if until is None or show.status != live.ShowStatus.ENDED or until <= now():
        return 0
    kept: dict[UUID, list[stock.Hold]] = {}
    for each in await stock.held_by(tx, shop_id=shop_id, buyer=None, pool_id=show.pool_id):
        if each.expires_at >= until:
            kept.setdefault(each.buyer, []).append(each)
    told = 0
    currency = (await accounts.shop(tx, shop_id)).currency
    for contact in await basket_queries.contacts(tx, shop_id=shop_id, buyers=list(kept)) if kept else []:
        key = secrets.token_urlsafe(18)
        if not contact.email or not await basket_queries.insert_basket(
            tx, shop_id=shop_id, show_id=show_id, buyer=contact.buyer, key=key, until=until
        ):
            continue
        parts = [part for each in kept[contact.buyer] for part in each.parts]
        await notifications.tell(
            tx,
            notifications.NewNotice(
                shop_id,
                uuid5(contact.buyer, f"basket_due {show_id}"),
                notifications.Kind.BASKET_DUE,
                contact.email,
                contact.locale,
                name=contact.name,
                buyer=contact.buyer,
                facts={
                    "key": key,
                    "title": show.title,
                    "titles": dict(show.titles),
                    "count": sum(part.quantity for part in parts),
                    "amount_minor": sum(part.quantity * part.unit_price for part in parts),
                    "currency": currency,
                    "due_at": until.isoformat(),
                },
                expires_at=until,
            ),
        )
        told += 1
    return told
