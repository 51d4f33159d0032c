"""Where an order came from, for whoever looks later whether it was real."""

from uuid import UUID

from fastapi import Request

from shopfloor import accounts, integrity
from shopfloor.accounts import Shop
from shopfloor.auth.api import person_if_signed_in
from shopfloor.kernel.database import Database


async def note_origin(
    request: Request, db: Database, shop: Shop, order_id: UUID, network: int | None
) -> None:
    """The key of its network, and whether the browser is signed in to this shop's console."""
    person = await person_if_signed_in(request, db)
    async with db.transaction() as tx:
        staff = person is not None and any(
            each.shop.id == shop.id for each in await accounts.memberships(tx, person.id)
        )
        await integrity.note_origin(tx, shop_id=shop.id, order_id=order_id, network=network, staff=staff)
