"""/v1/{shop}/shows/{show_id}/polls: questions to the room, and what it said."""

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, Field

from shopfloor import polls
from shopfloor.accounts import Actor, NotAllowed, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals
from shopfloor.kernel.routes import Router
from shopfloor.kernel.text import UnusableText
from shopfloor.live import UnknownShow, WrongStatus
from shopfloor.polls.models import FEWEST, LONGEST, MOST, SHORTEST, Poll
from shopfloor.polls.refusals import AnotherPoll, BadPoll, UnknownPoll

router = Router(prefix="/v1/{shop}/shows/{show_id}/polls", tags=["polls"])

Viewer = Annotated[Actor, Depends(allowed(Permission.SHOW_VIEW))]
Runner = Annotated[Actor, Depends(allowed(Permission.SHOW_RUN))]


class PollIn(BaseModel):
    question: str = Field(min_length=1, max_length=120)
    answers: list[Annotated[str, Field(min_length=1, max_length=40)]] = Field(
        min_length=FEWEST, max_length=MOST
    )
    seconds: int = Field(60, ge=SHORTEST, le=LONGEST)


@router.get("", responses=refusals(UnknownShow))
async def list_polls(show_id: Id, actor: Viewer, db: Db) -> list[Poll]:
    """Every poll of the show, oldest first; `counts` are the votes for each answer."""
    async with db.transaction() as tx:
        return await polls.polls(tx, shop_id=actor.shop_id, show_id=show_id)


@router.post(
    "",
    status_code=201,
    responses=refusals(UnknownShow, WrongStatus, BadPoll, AnotherPoll, UnusableText, NotAllowed),
)
async def ask(show_id: Id, body: PollIn, actor: Runner, db: Db) -> Poll:
    """Ask the room.  The running poll, asked for again alike, is that one."""
    actor.check_told(body.question, *body.answers)
    async with db.transaction() as tx:
        return await polls.ask(
            tx, shop_id=actor.shop_id, show_id=show_id, by=actor.person_id, **body.model_dump()
        )


@router.post("/{poll_id}/close", responses=refusals(UnknownPoll))
async def close(show_id: Id, poll_id: Id, actor: Runner, db: Db) -> Poll:
    """Take no more votes."""
    async with db.transaction() as tx:
        found = await polls.poll(tx, shop_id=actor.shop_id, poll_id=poll_id)
        if found.show_id != show_id:
            raise UnknownPoll(poll_id=poll_id)
        return await polls.close(tx, shop_id=actor.shop_id, poll_id=poll_id)
