"""/v1/{shop}/shows/{show_id}/report: the show report, as JSON and as CSV."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from shopfloor import live
from shopfloor.accounts import Actor, Permission
from shopfloor.accounts.api import allowed
from shopfloor.kernel import http
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Csv, refusals
from shopfloor.metrics.models import ShowReport, UnknownShow
from shopfloor.metrics.reports import report_of

router = APIRouter(prefix="/v1/{shop}/shows/{show_id}", tags=["metrics"])

Viewer = Annotated[Actor, Depends(allowed(Permission.REPORT_VIEW))]


async def _report(request: Request, actor: Actor, show_id: int) -> ShowReport:
    db = http.database(request)
    async with db.transaction() as tx:
        await live.show(tx, shop_id=actor.shop_id, show_id=show_id)
    lake = request.app.state.settings.lake_dir
    return await report_of(db, lake, shop_id=actor.shop_id, show_id=show_id)


@router.get("/report", responses=refusals(live.UnknownShow, UnknownShow))
@router.get("/report.json", include_in_schema=False)
async def report(show_id: Id, request: Request, actor: Viewer) -> Response:
    found = await _report(request, actor, show_id)
    return Response(found.to_json(), media_type="application/json")


@router.get("/report.csv", response_class=Csv, responses=refusals(live.UnknownShow, UnknownShow))
async def report_csv(show_id: Id, request: Request, actor: Viewer) -> Response:
    found = await _report(request, actor, show_id)
    return Response(
        found.to_csv(),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="show-{show_id}.csv"'},
    )
