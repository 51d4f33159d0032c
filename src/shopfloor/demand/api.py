"""/v1/{shop}/shows/{show_id}/forecast: what will be wanted."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from shopfloor import live, metrics
from shopfloor.accounts import Actor, Permission
from shopfloor.accounts.api import allowed
from shopfloor.demand import sensing, service
from shopfloor.demand.models import BadHorizon, UnknownForecast
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals

router = APIRouter(prefix="/v1/{shop}/shows/{show_id}/forecast", tags=["demand"])

Viewer = Annotated[Actor, Depends(allowed(Permission.PLAN_VIEW))]


class Horizon(BaseModel):
    """1.0: as much exposure as the show gave, in stock throughout."""

    horizon: float = Field(1.0, gt=0, le=1000)


@router.get("", responses=refusals(live.UnknownShow, UnknownForecast))
async def newest(show_id: Id, actor: Viewer, db: Db) -> dict[str, Any]:
    async with db.transaction() as tx:
        await live.show(tx, shop_id=actor.shop_id, show_id=show_id)
        return msgspec.to_builtins(await service.forecast(tx, shop_id=actor.shop_id, show_id=show_id))


@router.post("", status_code=201, responses=refusals(live.UnknownShow, metrics.UnknownShow, BadHorizon))
async def foresee(show_id: Id, body: Horizon, request: Request, actor: Viewer, db: Db) -> dict[str, Any]:
    """Learn from all that the show has said so far."""
    async with db.transaction() as tx:
        await live.show(tx, shop_id=actor.shop_id, show_id=show_id)
    lake = request.app.state.settings.lake_dir
    forecast = await sensing.foresee(db, lake, shop_id=actor.shop_id, show_id=show_id, horizon=body.horizon)
    return msgspec.to_builtins(forecast)
