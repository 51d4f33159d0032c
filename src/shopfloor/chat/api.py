"""/v1/{shop}/chat: what moderators see and do."""

from functools import partial
from operator import attrgetter
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor import chat, live
from shopfloor.accounts import Actor, NotAllowed, Permission
from shopfloor.auth.api import allowed
from shopfloor.chat.models import (
    BadWord,
    Line,
    Moderation,
    Mute,
    NotShown,
    Reason,
    UnknownLine,
    WordProtected,
)
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router

router = Router(prefix="/v1/{shop}/chat", tags=["chat"])

Moderator = Annotated[Actor, Depends(allowed(Permission.CHAT_MODERATE))]
Note = Annotated[str, Field(max_length=500)]


class HideIn(BaseModel):
    """`mute_minutes`: for so long its writer only reads, too."""

    reason: Reason
    mute_minutes: Annotated[int, Field(ge=1, le=525_600)] | None = None
    note: Note = ""


class AnsweredIn(BaseModel):
    at: (
        Annotated[int, Field(ge=0, le=10**14, description="Clock of the video, milliseconds since 1970.")]
        | None
    ) = None


class SlowModeIn(BaseModel):
    seconds: Annotated[int, Field(ge=0, le=300)]


class ApproveIn(BaseModel):
    note: Note = ""


class MuteIn(BaseModel):
    shopper: UUID
    reason: Reason
    minutes: Annotated[int, Field(ge=1, le=525_600)] = 10
    show_id: Id | None = None
    note: Note = ""


class UnmuteIn(BaseModel):
    shopper: UUID
    note: Note = ""


class WordIn(BaseModel):
    word: Annotated[str, Field(min_length=2, max_length=40)]


@router.get("/held")
async def held(
    request: Request,
    response: Response,
    actor: Moderator,
    db: Db,
    show_id: Id | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> list[Line]:
    """Lines that wait for a moderator, oldest first.  The header `Link` leads to the next page."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(chat.held, tx, shop_id=actor.shop_id, show_id=show_id),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
    return with_links(request, response, found)


@router.post("/lines/{line_id}/approve", responses=refusals(UnknownLine, NotAllowed))
async def approve(line_id: UUID, body: ApproveIn, actor: Moderator, db: Db) -> Line:
    """Show a line that was held or hidden."""
    async with db.transaction() as tx:
        line = await chat.approve(
            tx, shop_id=actor.shop_id, line_id=line_id, note=body.note, by=actor.person_id
        )
        actor.check_told(line.text)
        return line


@router.post("/lines/{line_id}/hide", responses=refusals(UnknownLine))
async def hide(line_id: UUID, body: HideIn, actor: Moderator, db: Db) -> Line:
    """Take a line out of every page; it stays in the archive."""
    async with db.transaction() as tx:
        line = await chat.hide(
            tx, shop_id=actor.shop_id, line_id=line_id, reason=body.reason, note=body.note, by=actor.person_id
        )
        if body.mute_minutes is not None:
            await chat.mute(
                tx, shop_id=actor.shop_id, shopper=line.shopper, reason=body.reason, minutes=body.mute_minutes,
                show_id=line.show_id, note=body.note, by=actor.person_id,
            )  # fmt: skip
        return line


@router.post("/lines/{line_id}/pin", responses=refusals(UnknownLine, live.WrongStatus))
async def pin(line_id: UUID, actor: Moderator, db: Db) -> Line:
    """Put a line above all others of its show, in the place of the one that stood there."""
    async with db.transaction() as tx:
        return await chat.pin(tx, shop_id=actor.shop_id, line_id=line_id)


@router.delete("/shows/{show_id}/pinned", status_code=204, responses=refusals(live.UnknownShow))
async def unpin(show_id: Id, actor: Moderator, db: Db) -> None:
    """No line stands above the others."""
    async with db.transaction() as tx:
        await chat.unpin(tx, shop_id=actor.shop_id, show_id=show_id)


@router.post("/lines/{line_id}/answered", responses=refusals(UnknownLine, NotShown))
async def answered(line_id: UUID, body: AnsweredIn, actor: Moderator, db: Db) -> Line:
    """The question in a line was answered, now or at this moment of the video."""
    async with db.transaction() as tx:
        return await chat.answer(tx, shop_id=actor.shop_id, line_id=line_id, at=body.at)


@router.delete("/lines/{line_id}/answered", responses=refusals(UnknownLine))
async def not_answered(line_id: UUID, actor: Moderator, db: Db) -> Line:
    """It was not, after all."""
    async with db.transaction() as tx:
        return await chat.take_answer_back(tx, shop_id=actor.shop_id, line_id=line_id)


@router.put(
    "/shows/{show_id}/slow-mode",
    status_code=204,
    responses=refusals(live.UnknownShow, live.WrongStatus, live.BadShow),
)
async def slow_mode(show_id: Id, body: SlowModeIn, actor: Moderator, db: Db) -> None:
    """So many seconds between two lines of one shopper; 0 ends it."""
    async with db.transaction() as tx:
        await live.set_slow_mode(tx, shop_id=actor.shop_id, show_id=show_id, seconds=body.seconds)


@router.post("/mutes", status_code=201)
async def mute(body: MuteIn, actor: Moderator, db: Db) -> Mute:
    """Let somebody only read for a while."""
    async with db.transaction() as tx:
        return await chat.mute(tx, shop_id=actor.shop_id, by=actor.person_id, **body.model_dump())


@router.post("/mutes/lift", status_code=204)
async def unmute(body: UnmuteIn, actor: Moderator, db: Db) -> None:
    """Let somebody write again."""
    async with db.transaction() as tx:
        await chat.unmute(tx, shop_id=actor.shop_id, shopper=body.shopper, note=body.note, by=actor.person_id)


@router.get("/log")
async def log(
    request: Request,
    response: Response,
    actor: Moderator,
    db: Db,
    show_id: Id | None = None,
    after: Id | None = None,
    before: Id | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 200,
) -> list[Moderation]:
    """Who did what to whom, and why; newest first.  The header `Link` leads to the next page."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(chat.moderations, tx, shop_id=actor.shop_id, show_id=show_id),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
    return with_links(request, response, found)


@router.get("/words")
async def words(actor: Moderator, db: Db) -> list[str]:
    """Words that hold a line for a moderator."""
    async with db.transaction() as tx:
        return await chat.blocked_words(tx, shop_id=actor.shop_id)


@router.post("/words", status_code=201, responses=refusals(BadWord, WordProtected))
async def block_word(body: WordIn, actor: Moderator, db: Db) -> str:
    """Hold lines with this word from now on."""
    async with db.transaction() as tx:
        return await chat.block_word(tx, shop_id=actor.shop_id, word=body.word, by=actor.person_id)


@router.delete("/words/{word}", status_code=204, responses=refusals(BadWord, WordProtected))
async def allow_word(word: str, actor: Moderator, db: Db) -> None:
    """Stop holding lines with this word."""
    async with db.transaction() as tx:
        await chat.allow_word(tx, shop_id=actor.shop_id, word=word, by=actor.person_id)
