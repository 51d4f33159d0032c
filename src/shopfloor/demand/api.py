"""/v1/{shop}/shows/{show_id}/forecast: what will be wanted."""

from typing import Annotated, Any

import msgspec
from fastapi import Depends
from pydantic import BaseModel, Field

from shopfloor import live, metrics
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.demand import service
from shopfloor.demand.jobs import PATIENCE, ask_forecast, forecast_state
from shopfloor.demand.models import BadHorizon, UnknownForecast
from shopfloor.kernel import jobs
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals
from shopfloor.kernel.routes import Router

router = Router(prefix="/v1/{shop}/shows/{show_id}/forecast", tags=["demand"])

Viewer = Annotated[Actor, Depends(allowed(Permission.PLAN_VIEW))]


class Horizon(BaseModel):
    """1.0: as much exposure as the show gave, in stock throughout."""

    horizon: float = Field(1.0, gt=0, le=1000)


@router.get("", responses=refusals(live.UnknownShow, UnknownForecast))
async def newest(show_id: Id, actor: Viewer, db: Db) -> dict[str, Any]:
    async with db.transaction() as tx:
        await live.show(tx, shop_id=actor.shop_id, show_id=show_id)
        return msgspec.to_builtins(await service.forecast(tx, shop_id=actor.shop_id, show_id=show_id))


@router.post(
    "",
    status_code=201,
    responses=refusals(live.UnknownShow, metrics.UnknownShow, BadHorizon, jobs.NotReadyYet),
)
async def foresee(show_id: Id, body: Horizon, actor: Viewer, db: Db) -> dict[str, Any]:
    """Learn from all that the show has said so far; wait for it as long as a request may."""
    async with db.transaction() as tx:
        show = await live.show(tx, shop_id=actor.shop_id, show_id=show_id)
        if show.status is live.ShowStatus.PLANNED:
            raise metrics.UnknownShow(show_id=show_id)
        ticket = await ask_forecast(
            tx, shop_id=actor.shop_id, show_id=show_id, horizon=body.horizon, urgent=True
        )
    await jobs.answer(db, ticket, patience=PATIENCE)
    async with db.transaction() as tx:
        return msgspec.to_builtins(await service.forecast(tx, shop_id=actor.shop_id, show_id=show_id))


@router.get("/progress", responses=refusals(live.UnknownShow, jobs.NotAsked))
async def progress(show_id: Id, actor: Viewer, db: Db) -> jobs.Progress:
    """How far the newest forecast is that was asked for, by the end of the show or by somebody."""
    async with db.transaction() as tx:
        await live.show(tx, shop_id=actor.shop_id, show_id=show_id)
        return jobs.progress_of(await forecast_state(tx, shop_id=actor.shop_id, show_id=show_id))
