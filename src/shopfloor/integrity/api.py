"""/v1/{shop}/integrity and /v1/{shop}/shows/{show_id}/integrity: cases, rulings, and figures from gross to net."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor import live
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.integrity import service
from shopfloor.integrity.models import (
    Case,
    CaseMoved,
    CaseNotFound,
    CaseOrder,
    NoteMissing,
    NothingToAppeal,
    NotJudged,
    Ruling,
)
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router

router = Router(prefix="/v1/{shop}", tags=["integrity"])

Viewer = Annotated[Actor, Depends(allowed(Permission.INTEGRITY_VIEW))]
Judge = Annotated[Actor, Depends(allowed(Permission.INTEGRITY_RULE))]


class Ruled(BaseModel):
    """What is decided, and why.  `open` takes a decision back."""

    ruling: Ruling
    note: str = Field(max_length=service.NOTE)
    seen: str | None = Field(
        default=None,
        max_length=60,
        pattern=r"^(open|lifted|invalid|genuine)\.[0-9]{1,17}$",
        description="The `seen` of the case file you decided by. Needed to change a ruling: who decides on what was "
        "ruled meanwhile is refused.",
    )


class Appealed(BaseModel):
    """Who objects, and why."""

    note: str = Field(max_length=service.NOTE)


@router.get("/shows/{show_id}/integrity", responses=refusals(live.UnknownShow, NotJudged))
async def summary(show_id: Id, actor: Viewer, db: Db) -> dict[str, Any]:
    """A show's figures: gross, general invalid, sophisticated invalid, net."""
    async with db.transaction() as tx:
        await live.show(tx, shop_id=actor.shop_id, show_id=show_id)
        found = await service.summary(tx, shop_id=actor.shop_id, show_id=show_id)
    if found is None:
        raise NotJudged(show_id=show_id)
    summary_out = msgspec.to_builtins(found)
    for each in found.figures.values():
        summary_out["figures"][each.id]["net"] = each.net
    return summary_out


@router.get("/integrity/cases")
async def cases(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    show_id: Id | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Case]:
    """All of the shop, or of a show, the newest first.  The header `Link` leads on."""
    async with db.transaction() as tx:
        found = await service.page_of(
            tx, shop_id=actor.shop_id, show_id=show_id, after=after, before=before, limit=limit
        )
    return with_links(request, response, found)


@router.get("/integrity/cases/{case_id:uuid}", responses=refusals(CaseNotFound))
async def case(case_id: UUID, actor: Viewer, db: Db) -> service.CaseFile:
    """One, with all that happened in it."""
    async with db.transaction() as tx:
        return await service.case_file(tx, shop_id=actor.shop_id, case_id=case_id)


@router.get("/integrity/cases/{case_id:uuid}/orders", responses=refusals(CaseNotFound))
async def case_orders(
    case_id: UUID,
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[CaseOrder]:
    """The orders it is about, the oldest first.  The header `Link` leads on."""
    async with db.transaction() as tx:
        found = await service.orders_of(
            tx, shop_id=actor.shop_id, case_id=case_id, after=after, before=before, limit=limit
        )
    return with_links(request, response, found)


@router.post(
    "/integrity/cases/{case_id:uuid}/rulings", responses=refusals(CaseNotFound, NoteMissing, CaseMoved)
)
async def rule(case_id: UUID, body: Ruled, actor: Judge, db: Db) -> Case:
    """Decide; the net figures change from then on.  By whom, when and why is kept."""
    async with db.transaction() as tx:
        return await service.rule(
            tx,
            shop_id=actor.shop_id,
            case_id=case_id,
            ruling=body.ruling,
            note=body.note,
            person_id=actor.person_id,
            seen=None if body.seen is None else service.Seen.read(body.seen),
            unless_ruled=body.seen is None,
        )


@router.post(
    "/integrity/cases/{case_id:uuid}/appeals", responses=refusals(CaseNotFound, NoteMissing, NothingToAppeal)
)
async def appeal(case_id: UUID, body: Appealed, actor: Viewer, db: Db) -> Case:
    """Write down an objection: the case waits for a decision again, and counts as before until then."""
    async with db.transaction() as tx:
        return await service.appeal(
            tx, shop_id=actor.shop_id, case_id=case_id, note=body.note, person_id=actor.person_id
        )
