"""/v1/{shop}/shows/{show_id}/report and /v1/{shop}/reports: the report of a show and of all shows, JSON, CSV and Parquet."""

from typing import Annotated

import msgspec
from fastapi import Depends, Query
from starlette.responses import Response

from shopfloor import live, metrics
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel import jobs
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Database
from shopfloor.kernel.http import Csv, Db, refusals
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import now
from shopfloor.metrics import ShowReport, UnknownShow
from shopfloor.reports import exports
from shopfloor.reports.jobs import shop_report_of, shop_report_state, stored_shop_report
from shopfloor.reports.models import ShopReport
from shopfloor.reports.nets import net_money, net_of_show

router = Router(prefix="/v1/{shop}", tags=["metrics"])

Viewer = Annotated[Actor, Depends(allowed(Permission.REPORT_VIEW))]


class Parquet(Response):
    """A file of columns, named as one in the document."""

    media_type = "application/octet-stream"


async def _report(
    db: Database, actor: Actor, show_id: int, max_age: float
) -> tuple[ShowReport, dict[str, metrics.sheets.NetOf]]:
    async with db.transaction() as tx:
        show = await live.show(tx, shop_id=actor.shop_id, show_id=show_id)
        if show.status is live.ShowStatus.PLANNED:
            raise UnknownShow(show_id=show_id)
        stored = await metrics.stored_report(tx, shop_id=actor.shop_id, show_id=show_id)
    if stored is None or (now() - stored.as_of).total_seconds() > max_age:
        stored = await metrics.report_of(db, shop_id=actor.shop_id, show_id=show_id)
    async with db.transaction() as tx:
        return stored, await net_of_show(tx, shop_id=actor.shop_id, show_id=show_id)


# Of a report that is made anew for everybody who asks, or kept from the end of the show.
MaxAge = Annotated[float, Query(ge=0, description="Seconds; an older report is made anew, which takes some.")]
REFUSALS = refusals(live.UnknownShow, UnknownShow, jobs.NotReadyYet)


@router.get("/shows/{show_id}/report/progress", responses=refusals(live.UnknownShow, jobs.NotAsked))
async def progress(show_id: Id, actor: Viewer, db: Db) -> jobs.Progress:
    """How far the newest report is that was asked for, by the end of the show or by somebody."""
    async with db.transaction() as tx:
        await live.show(tx, shop_id=actor.shop_id, show_id=show_id)
        return jobs.progress_of(await metrics.report_state(tx, shop_id=actor.shop_id, show_id=show_id))


@router.get("/shows/{show_id}/report", responses=REFUSALS)
@router.get("/shows/{show_id}/report.json", include_in_schema=False)
async def report(show_id: Id, actor: Viewer, db: Db, max_age: MaxAge = 0.0) -> Response:
    """All figures; `invalid` has what of one is invalid and what is left, where somebody judged."""
    found, net = await _report(db, actor, show_id, max_age)
    return Response(metrics.sheets.json_of(found, net), media_type="application/json")


@router.get("/shows/{show_id}/report.csv", response_class=Csv, responses=REFUSALS)
async def report_csv(show_id: Id, actor: Viewer, db: Db, max_age: MaxAge = 0.0) -> Response:
    found, net = await _report(db, actor, show_id, max_age)
    return exports.as_csv(metrics.sheets.rows_of(found, net), f"show-{show_id}")


@router.get("/shows/{show_id}/report.parquet", response_class=Parquet, responses=REFUSALS)
async def report_parquet(show_id: Id, actor: Viewer, db: Db, max_age: MaxAge = 0.0) -> Response:
    """The rows of the CSV with their types; `text` has what is no number."""
    found, net = await _report(db, actor, show_id, max_age)
    return await exports.as_parquet(metrics.sheets.rows_of(found, net), f"show-{show_id}")


async def _shop_report(db: Database, actor: Actor, max_age: float) -> ShopReport:
    async with db.transaction() as tx:
        stored = await stored_shop_report(tx, shop_id=actor.shop_id)
    if stored is not None and (now() - stored.as_of).total_seconds() <= max_age:
        return stored
    return await shop_report_of(db, shop_id=actor.shop_id)


# A week changes slowly.
HALF_AN_HOUR = 1800.0
SHOP_REFUSALS = refusals(metrics.MixedCurrencies, jobs.NotReadyYet)


@router.get("/reports/progress", responses=refusals(jobs.NotAsked))
async def shop_progress(actor: Viewer, db: Db) -> jobs.Progress:
    """How far the newest report of the shop is that was asked for."""
    async with db.transaction() as tx:
        return jobs.progress_of(await shop_report_state(tx, shop_id=actor.shop_id))


@router.get("/reports", responses=SHOP_REFUSALS)
async def shop_report(actor: Viewer, db: Db, max_age: MaxAge = HALF_AN_HOUR) -> Response:
    """The shows of the last 26 weeks with all figures, what was sold in all channels by week, and cohorts of buyers."""
    found = await _shop_report(db, actor, max_age)
    async with db.transaction() as tx:
        nets = await net_money(tx, shop_id=actor.shop_id, show_ids=[each.show_id for each in found.shows])
    body = msgspec.to_builtins(found)
    for show in body["shows"]:
        net = nets.get(show["show_id"])
        show["net_of_invalid"] = None if net is None else {"gmv_paid": net.paid, "gmv_net": net.net}
    return Response(msgspec.json.encode(body), media_type="application/json")


@router.get("/reports.csv", response_class=Csv, responses=SHOP_REFUSALS)
async def shop_report_csv(actor: Viewer, db: Db, max_age: MaxAge = HALF_AN_HOUR) -> Response:
    """One row for each number of each show, week, channel and cohort."""
    found = await _shop_report(db, actor, max_age)
    async with db.transaction() as tx:
        return exports.as_csv(await exports.shop_rows(tx, found), "shows")


@router.get("/reports.parquet", response_class=Parquet, responses=SHOP_REFUSALS)
async def shop_report_parquet(actor: Viewer, db: Db, max_age: MaxAge = HALF_AN_HOUR) -> Response:
    """The rows of the CSV with their types."""
    found = await _shop_report(db, actor, max_age)
    async with db.transaction() as tx:
        rows = await exports.shop_rows(tx, found)
    return await exports.as_parquet(rows, "shows")
