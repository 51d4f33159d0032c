"""/v1/{shop}/shows/{show_id}: what the room shows, and the notices on top of it."""

from typing import Annotated, Any

import msgspec
from fastapi import Depends
from pydantic import BaseModel, Field

from shopfloor import live, rooms
from shopfloor.accounts import Actor, NotAllowed, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals
from shopfloor.kernel.routes import Router
from shopfloor.live import BadShow, UnknownShow, WrongStatus
from shopfloor.rooms.models import Notice, NoticeKind
from shopfloor.run_of_show import UnknownOffer

router = Router(prefix="/v1/{shop}/shows", tags=["shows"])

Viewer = Annotated[Actor, Depends(allowed(Permission.SHOW_VIEW))]
Runner = Annotated[Actor, Depends(allowed(Permission.SHOW_RUN))]
VideoMs = Annotated[int, Field(ge=0, le=10**14, description="Clock of the video, milliseconds since 1970.")]


class NoticeIn(BaseModel):
    text: Annotated[str, Field(min_length=1, max_length=500)]
    texts: dict[str, str] = {}
    kind: NoticeKind = NoticeKind.NOTICE
    offer_id: Id | None = None
    at: VideoMs | None = None


@router.get("/{show_id}/state", responses=refusals(UnknownShow))
async def state(show_id: Id, actor: Viewer, db: Db) -> dict[str, Any]:
    """What the room shows, fresh from the database."""
    async with db.transaction() as tx:
        await live.show(tx, shop_id=actor.shop_id, show_id=show_id)
        return msgspec.to_builtins(await rooms.room_state(tx, show_id))


@router.get("/{show_id}/notices", responses=refusals(UnknownShow))
async def notices(show_id: Id, actor: Viewer, db: Db) -> list[Notice]:
    """Notices and corrections of the show, oldest first."""
    async with db.transaction() as tx:
        return await rooms.notices(tx, shop_id=actor.shop_id, show_id=show_id)


@router.post(
    "/{show_id}/notices",
    status_code=201,
    responses=refusals(UnknownShow, UnknownOffer, WrongStatus, BadShow, NotAllowed),
)
async def post_notice(show_id: Id, body: NoticeIn, actor: Runner, db: Db) -> Notice:
    """Put a notice or a correction on top of the room."""
    actor.check_told(body.text, *body.texts.values())
    async with db.transaction() as tx:
        return await rooms.post_notice(
            tx, shop_id=actor.shop_id, show_id=show_id, by=actor.person_id, **body.model_dump()
        )


@router.delete("/{show_id}/notices", status_code=204, responses=refusals(UnknownShow))
async def clear_notice(show_id: Id, actor: Runner, db: Db) -> None:
    """Take the notice down; the record keeps it."""
    async with db.transaction() as tx:
        await rooms.clear_notice(tx, shop_id=actor.shop_id, show_id=show_id)
