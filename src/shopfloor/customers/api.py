"""/v1/{shop}/customers: who buys in a shop."""

from functools import partial
from operator import attrgetter
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import Depends, Query, Request, Response

from shopfloor.accounts import Actor, NotAllowed, Permission
from shopfloor.auth.api import allowed
from shopfloor.customers import service
from shopfloor.customers.models import Erased, Listed, UnknownCustomer
from shopfloor.kernel import paging
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.kernel.text import UnusableText

router = Router(prefix="/v1/{shop}/customers", tags=["customers"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]
MembersManager = Annotated[Actor, Depends(allowed(Permission.MEMBERS_MANAGE))]


@router.get("", responses=refusals(UnusableText))
async def customers(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    search: Annotated[str, Query(max_length=100)] = "",
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Listed]:
    """Newest first; `search` in names and e-mail addresses, and by digits of telephone numbers.  The header `Link`
    leads to the next page.
    """
    async with db.transaction() as tx:
        found = await paging.page(
            partial(service.customers, tx, shop_id=actor.shop_id, search=search),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
    return with_links(request, response, found)


@router.get("/{customer_id:uuid}", responses=refusals(UnknownCustomer))
async def customer(customer_id: UUID, actor: Viewer, db: Db) -> dict[str, Any]:
    """A customer with the last hundred orders, what was spent by currency, and each yes and no to mail."""
    async with db.transaction() as tx:
        found = await service.customer(tx, shop_id=actor.shop_id, customer_id=customer_id)
        bought = msgspec.to_builtins(
            await service.orders_of(tx, shop_id=actor.shop_id, customer_id=customer_id)
        )
        spent = await service.spent(tx, shop_id=actor.shop_id, customer_id=customer_id)
        consents = msgspec.to_builtins(
            await service.consents(tx, shop_id=actor.shop_id, customer_id=customer_id)
        )
    for each in bought:
        # It opens the order to whoever has it.
        del each["key"], each["is_joined"]
    return {
        **service.as_json(found),
        "orders": bought,
        "spent": [{**msgspec.to_builtins(each), "net_minor": each.net_minor} for each in spent],
        "consents": consents,
    }


@router.delete("/{customer_id:uuid}", responses=refusals(UnknownCustomer, NotAllowed))
async def erase(customer_id: UUID, actor: MembersManager, db: Db) -> Erased:
    """Forget a customer, for good: account, addresses, consents and notes go, and name and contact on their orders.

    Orders that are not over keep their contact until they are (`waiting`).
    """
    async with db.transaction() as tx:
        return await service.erase(tx, actor=actor, customer_id=customer_id)
