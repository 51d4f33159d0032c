"""Who has something to pay after a show: shown to the merchant, and told, with a link that leads to it from any browser."""

import secrets
from datetime import datetime
from uuid import UUID, uuid5

from shopfloor import accounts, live, notices, stock
from shopfloor.customers import basket_queries
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now


@dataclass(frozen=True, slots=True)
class Unpaid:
    """What one customer, in all browsers of an account, keeps of a show without having paid.  Without a contact: somebody
    who has paid here before and is known by nothing else.
    """

    contact: basket_queries.Contact | None
    holds: list[stock.Hold]

    @property
    def id(self) -> UUID:
        """The customer's, or of the browser where nobody is known by name."""
        return (self.contact and self.contact.customer_id) or self.holds[0].buyer

    @property
    def units(self) -> int:
        return sum(part.quantity for each in self.holds for part in each.parts)

    @property
    def amount_minor(self) -> int:
        return sum(part.quantity * part.unit_price for each in self.holds for part in each.parts)

    @property
    def since(self) -> datetime:
        return min(each.granted_at for each in self.holds)


async def unpaid(tx: Tx, *, shop_id: int, show: live.Show) -> list[Unpaid]:
    """Who keeps what of a show that is paid at the end, the largest amount first.  Empty when its time is over."""
    until = show.kept_until
    if until is None or until <= now():
        return []
    held = [
        each
        for each in await stock.held_by(tx, shop_id=shop_id, buyer=None, pool_id=show.pool_id)
        if each.expires_at >= until
    ]
    known = await basket_queries.contacts(tx, shop_id=shop_id, buyers=sorted({each.buyer for each in held}))
    contact_of = {each.buyer: each for each in known}
    holds: dict[UUID, list[stock.Hold]] = {}
    for each in held:
        contact = contact_of.get(each.buyer)
        holds.setdefault((contact and contact.customer_id) or each.buyer, []).append(each)
    found = [Unpaid(contact_of.get(theirs[0].buyer), theirs) for theirs in holds.values()]
    return sorted(found, key=lambda each: (-each.amount_minor, each.since))


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
    reminded = 0
    currency = (await accounts.shop(tx, shop_id)).currency
    for contact in await basket_queries.contacts(tx, shop_id=shop_id, buyers=list(kept)) if kept else []:
        key = secrets.token_urlsafe(18)
        if not contact.email or not await basket_queries.insert_basket(
            tx, shop_id=shop_id, show_id=show_id, buyer=contact.buyer, key=key, until=until
        ):
            continue
        parts = [part for each in kept[contact.buyer] for part in each.parts]
        await notices.tell(
            tx,
            notices.NewNotice(
                shop_id,
                uuid5(contact.buyer, f"basket_due {show_id}"),
                notices.Kind.BASKET_DUE,
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
        reminded += 1
    return reminded
