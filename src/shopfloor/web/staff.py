"""Whether somebody who shops works for the shop: who may not win its giveaways, nor bid in its auctions."""

from fastapi import Request

from shopfloor import accounts, auth, customers
from shopfloor.accounts import Shop
from shopfloor.auth.api import SESSION_COOKIE
from shopfloor.kernel.database import DatabaseAway, Tx
from shopfloor.kernel.errors import Refusal


async def is_staff(tx: Tx, request: Request, shop: Shop, customer: customers.Customer | None) -> bool:
    """Whether this browser is signed in to the console of the shop, or to an account of somebody who works there."""
    token = request.cookies.get(SESSION_COOKIE)
    if token:
        try:
            await auth.actor(tx, token, shop.slug)
        except DatabaseAway:
            raise
        except Refusal:
            pass
        else:
            return True
    if customer is None or not customer.email:
        return False
    staff = {each.email.lower() for each in await accounts.members(tx, shop_id=shop.id)}
    return customer.email.lower() in staff
