"""/v1/{shop}/shows: plan shows, and look at them."""

from functools import partial
from operator import attrgetter
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor import accounts, live
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id, Moment
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import MAX_QUANTITY
from shopfloor.live.models import BadShow, Show, ShowStatus, UnknownShow, WrongStatus

router = Router(prefix="/v1/{shop}/shows", tags=["shows"])

Viewer = Annotated[Actor, Depends(allowed(Permission.SHOW_VIEW))]
Runner = Annotated[Actor, Depends(allowed(Permission.SHOW_RUN))]

Title = Annotated[str, Field(min_length=1, max_length=120)]
Limit = Annotated[int, Field(ge=1, le=MAX_QUANTITY)]


class ShowIn(BaseModel):
    title: Title
    titles: dict[str, Title] = {}
    starts_at: Moment | None = None
    channel_id: Id | None = None
    host_id: Id | None = None
    limit_per_show: Limit | None = None


class ShowChange(BaseModel):
    """What is missing stays as it is."""

    title: Title | None = None
    titles: dict[str, Title] | None = None
    starts_at: Moment | None = None
    channel_id: Id | None = None
    host_id: Id | None = None
    limit_per_show: Limit | None = None


@router.get("")
async def shows(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    status: ShowStatus | None = None,
    after: Id | None = None,
    before: Id | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> list[Show]:
    """Newest first.  The header `Link` leads to the next page, which starts `after` an id."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(live.shows, tx, shop_id=actor.shop_id, status=status),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
    return with_links(request, response, found)


@router.post("", status_code=201, responses=refusals(BadShow, accounts.UnknownMember, accounts.NotAllowed))
async def plan(body: ShowIn, actor: Runner, db: Db) -> Show:
    """Plan a show."""
    actor.check_told(body.title, *body.titles.values())
    async with db.transaction() as tx:
        return await live.plan_show(tx, shop_id=actor.shop_id, **body.model_dump())


@router.get("/{show_id}", responses=refusals(UnknownShow))
async def show(show_id: Id, actor: Viewer, db: Db) -> Show:
    """One show."""
    async with db.transaction() as tx:
        return await live.show(tx, shop_id=actor.shop_id, show_id=show_id)


@router.patch(
    "/{show_id}",
    responses=refusals(UnknownShow, WrongStatus, BadShow, accounts.UnknownMember, accounts.NotAllowed),
)
async def change(show_id: Id, body: ShowChange, actor: Runner, db: Db) -> Show:
    """Change what is given."""
    actor.check_told(body.title or "", *(body.titles or {}).values())
    async with db.transaction() as tx:
        return await live.change_show(tx, shop_id=actor.shop_id, show_id=show_id, **body.model_dump())
