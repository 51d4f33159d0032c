"""/v1/{shop}/shows/{show_id}/report: the show report, as JSON and as CSV."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from shopfloor import live
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel import jobs
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Database
from shopfloor.kernel.http import Csv, Db, refusals
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import now
from shopfloor.metrics.jobs import report_of, report_state, stored_report
from shopfloor.metrics.models import ShowReport, UnknownShow

router = Router(prefix="/v1/{shop}/shows/{show_id}", tags=["metrics"])

Viewer = Annotated[Actor, Depends(allowed(Permission.REPORT_VIEW))]


async def _report(db: Database, actor: Actor, show_id: int, max_age: float) -> ShowReport:
    async with db.transaction() as tx:
        show = await live.show(tx, shop_id=actor.shop_id, show_id=show_id)
        if show.status is live.ShowStatus.PLANNED:
            raise UnknownShow(show_id=show_id)
        stored = await stored_report(tx, shop_id=actor.shop_id, show_id=show_id)
    if stored is not None and (now() - stored.as_of).total_seconds() <= max_age:
        return stored
    return await report_of(db, shop_id=actor.shop_id, show_id=show_id)


# Of a report that is made anew for everybody who asks, or kept from the end of the show.
MaxAge = Annotated[float, Query(ge=0, description="Seconds; an older report is made anew, which takes some.")]
REFUSALS = refusals(live.UnknownShow, UnknownShow, jobs.NotReadyYet)


@router.get("/report/progress", responses=refusals(live.UnknownShow, jobs.NotAsked))
async def progress(show_id: Id, actor: Viewer, db: Db) -> jobs.Progress:
    """How far the newest report is that was asked for, by the end of the show or by somebody."""
    async with db.transaction() as tx:
        await live.show(tx, shop_id=actor.shop_id, show_id=show_id)
        return jobs.progress_of(await report_state(tx, shop_id=actor.shop_id, show_id=show_id))


@router.get("/report", responses=REFUSALS)
@router.get("/report.json", include_in_schema=False)
async def report(show_id: Id, actor: Viewer, db: Db, max_age: MaxAge = 0.0) -> Response:
    found = await _report(db, actor, show_id, max_age)
    return Response(found.to_json(), media_type="application/json")


@router.get("/report.csv", response_class=Csv, responses=REFUSALS)
async def report_csv(show_id: Id, actor: Viewer, db: Db, max_age: MaxAge = 0.0) -> Response:
    found = await _report(db, actor, show_id, max_age)
    return Response(
        found.to_csv(),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="show-{show_id}.csv"'},
    )
