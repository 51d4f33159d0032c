"""/v1/{shop}/orders: the list of orders, and its export."""

from functools import partial
from operator import attrgetter
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Request
from starlette.responses import Response

from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel import paging
from shopfloor.kernel.border import Day, Id
from shopfloor.kernel.http import Csv, Db, as_download, with_links
from shopfloor.kernel.routes import Router
from shopfloor.order_lists import export, listing
from shopfloor.order_lists.models import OrderSummary

router = Router(prefix="/v1/{shop}/orders", tags=["orders"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]


async def _narrowing(
    *,
    status: str | None = None,
    payment_status: str | None = None,
    fulfilment_status: str | None = None,
    show_id: Id | None = None,
    channel: Literal["show", "shop", "till"] | None = None,
    since: Day | None = None,
    until: Day | None = None,
    search: Annotated[str | None, Query(max_length=100)] = None,
) -> listing.Narrowed:
    return listing.Narrowed(
        status=status,
        payment_status=payment_status,
        fulfilment_status=fulfilment_status,
        show_id=show_id,
        channel=channel,
        since=since,
        until=until,
        search=search,
    )


Narrowing = Annotated[listing.Narrowed, Depends(_narrowing)]


@router.get("")
async def orders(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    narrowed: Narrowing,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[OrderSummary]:
    """Newest first.  The header `Link` leads to the next page, which starts `after` an id."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(
                listing.orders,
                tx,
                shop_id=actor.shop_id,
                **narrowed,
            ),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
    return with_links(request, response, found)


@router.get("/export", response_class=Csv)
async def export_orders(
    actor: Viewer,
    db: Db,
    narrowed: Narrowing,
) -> Response:
    """The orders as a spreadsheet, a row for each line, narrowed down as the list is."""
    pieces = export.sheet(
        db,
        shop_id=actor.shop_id,
        **narrowed,
    )
    return await as_download(pieces, "orders.csv")
