"""/v1/{shop}/stock/safety: units that are not sold online, by location and variant."""

from functools import partial
from operator import attrgetter
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor import inventory
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import MAX_QUANTITY
from shopfloor.stock_control import safety
from shopfloor.stock_control.models import Safety

router = Router(prefix="/v1/{shop}", tags=["stock"])

Viewer = Annotated[Actor, Depends(allowed(Permission.STOCK_VIEW))]
Editor = Annotated[Actor, Depends(allowed(Permission.STOCK_EDIT))]


class SafetyIn(BaseModel):
    """`units` 0: everything there may be sold online."""

    location_id: Id
    variant_id: Id
    units: int = Field(ge=0, le=MAX_QUANTITY)


@router.get("/stock/safety")
async def safety_stock(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    after: Annotated[str | None, Query(max_length=60)] = None,
    before: Annotated[str | None, Query(max_length=60)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Safety]:
    """By variant and location.  The header `Link` leads to the next page, which starts `after` a mark."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(safety.listing, tx, shop_id=actor.shop_id),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("mark"),
        )
    return with_links(request, response, found)


@router.put(
    "/stock/safety", status_code=204, responses=refusals(inventory.UnknownStock, inventory.BadQuantity)
)
async def keep_safety_stock(body: SafetyIn, actor: Editor, db: Db) -> None:
    """What is free is kept at once; what is promised stays promised, and the rest is kept as soon as it is there."""
    async with db.transaction() as tx:
        await safety.keep(
            tx,
            shop_id=actor.shop_id,
            location_id=body.location_id,
            variant_id=body.variant_id,
            units=body.units,
        )
