"""/v1/{shop}/shows/{show_id}/totals: what a show has sold so far."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel

from shopfloor import accounts, live
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import NotFound
from shopfloor.kernel.http import Db, refusals
from shopfloor.kernel.routes import Router
from shopfloor.live_counters import service

router = Router(prefix="/v1/{shop}/shows/{show_id}", tags=["metrics"])

Viewer = Annotated[Actor, Depends(allowed(Permission.REPORT_VIEW))]


class NotCounted(NotFound):
    """The show was planned before shows were counted: its report has the figures."""

    code = "live_counters.not_counted"


class TotalsOut(BaseModel):
    """The show's figures so far, by the names and definitions of the metrics; amounts in minor units of `currency`.

    `position` is that of the last fact counted: at the same position the lake says the same.
    """

    show_id: int
    currency: str
    position: int
    as_of: datetime
    orders_placed: int
    orders_paid: int
    buyers: int
    units_held: int
    units_paid: int
    gmv_placed: int
    gmv_paid: int
    gmv_net: int
    deposits: int


@router.get("/totals", responses=refusals(live.UnknownShow, NotCounted))
async def get_totals(show_id: Id, actor: Viewer, db: Db) -> TotalsOut:
    """What the show has sold so far, as of now: cheap, ask as often as you like."""
    async with db.transaction() as tx:
        await live.show(tx, shop_id=actor.shop_id, show_id=show_id)
        found = await service.totals(tx, shop_id=actor.shop_id, show_id=show_id)
        shop = await accounts.shop(tx, actor.shop_id)
    if found is None:
        raise NotCounted(show_id=show_id)
    return TotalsOut.model_validate({**asdict(found), "show_id": show_id, "currency": shop.currency})
