"""/v1/{shop}/shows/{show_id}/giveaways: prizes drawn among those who entered, by a draw that anyone can compute again."""

from typing import Annotated

from fastapi import Depends, Request, Response
from pydantic import BaseModel, Field

from shopfloor import giveaways
from shopfloor.accounts import Actor, NotAllowed, Permission
from shopfloor.auth.api import allowed
from shopfloor.giveaways.models import (
    CLAIM_HOURS,
    LONGEST,
    MOST_CLAIM_HOURS,
    MOST_WINNERS,
    SHORTEST,
    Giveaway,
    Winner,
)
from shopfloor.giveaways.refusals import (
    BadGiveaway,
    EntryClosed,
    NotAWinner,
    PrizeTooHigh,
    Running,
    StillOpen,
    UnknownGiveaway,
)
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.text import UnusableText
from shopfloor.kernel.values import MAX_MINOR
from shopfloor.live import UnknownShow, WrongStatus

router = Router(prefix="/v1/{shop}/shows/{show_id}/giveaways", tags=["giveaways"])

Viewer = Annotated[Actor, Depends(allowed(Permission.SHOW_VIEW))]
Runner = Annotated[Actor, Depends(allowed(Permission.SHOW_RUN))]
OrderViewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.ORDERS_MANAGE))]


class GiveawayIn(BaseModel):
    """`value_minor`: what one prize is worth, in the currency of the limit of the shop's country, else in the shop's own."""

    prize: str = Field(min_length=1, max_length=120)
    value_minor: int = Field(ge=1, le=MAX_MINOR)
    seconds: int = Field(ge=SHORTEST, le=LONGEST, description="How long entries are taken.")
    winners: int = Field(1, ge=1, le=MOST_WINNERS)
    proven_only: bool = Field(default=False, description="Only shoppers who are signed in to an account.")
    claim_hours: int = Field(CLAIM_HOURS, ge=1, le=MOST_CLAIM_HOURS)


@router.get("", responses=refusals(UnknownShow))
async def list_giveaways(show_id: Id, actor: Viewer, db: Db) -> list[Giveaway]:
    """Every giveaway of the show, oldest first."""
    async with db.transaction() as tx:
        return await giveaways.giveaways(tx, shop_id=actor.shop_id, show_id=show_id)


@router.post(
    "",
    status_code=201,
    responses=refusals(
        UnknownShow, WrongStatus, BadGiveaway, PrizeTooHigh, Running, UnusableText, NotAllowed
    ),
)
async def open_giveaway(show_id: Id, body: GiveawayIn, actor: Runner, db: Db, request: Request) -> Giveaway:
    """Publish the rules and take entries.  The running one, asked for again alike, is that one."""
    actor.check_told(body.prize)
    async with db.transaction() as tx:
        return await giveaways.open_giveaway(
            tx,
            shop_id=actor.shop_id,
            show_id=show_id,
            chain=giveaways.beacon.chain_of(services_of(request).given),
            by=actor.person_id,
            **body.model_dump(),
        )


async def _of_show(db: Db, actor: Actor, show_id: int, giveaway_id: int) -> Giveaway:
    """Raises UnknownGiveaway, also for one of another show."""
    async with db.transaction() as tx:
        found = await giveaways.giveaway(tx, shop_id=actor.shop_id, giveaway_id=giveaway_id)
    if found.show_id != show_id:
        raise UnknownGiveaway(giveaway_id=giveaway_id)
    return found


@router.post("/{giveaway_id}/close", responses=refusals(UnknownGiveaway, StillOpen))
async def close(show_id: Id, giveaway_id: Id, actor: Runner, db: Db) -> Giveaway:
    """Close a list whose time has come, as happens by itself; the draw still waits for its round of the beacon."""
    found = await _of_show(db, actor, show_id, giveaway_id)
    async with db.transaction() as tx:
        return await giveaways.close(tx, shop_id=actor.shop_id, giveaway_id=found.id)


@router.post("/{giveaway_id}/call-off", responses=refusals(UnknownGiveaway, EntryClosed))
async def call_off(show_id: Id, giveaway_id: Id, actor: Runner, db: Db) -> Giveaway:
    """No draw, as long as entries are taken; everybody sees that it is void."""
    found = await _of_show(db, actor, show_id, giveaway_id)
    async with db.transaction() as tx:
        return await giveaways.call_off(tx, shop_id=actor.shop_id, giveaway_id=found.id)


@router.get("/{giveaway_id}/winners", responses=refusals(UnknownGiveaway))
async def list_winners(show_id: Id, giveaway_id: Id, actor: OrderViewer, db: Db) -> list[Winner]:
    """Everybody who was drawn, in the order of the draw, with where the prize goes."""
    found = await _of_show(db, actor, show_id, giveaway_id)
    async with db.transaction() as tx:
        return await giveaways.winners(tx, shop_id=actor.shop_id, giveaway_id=found.id)


@router.post(
    "/{giveaway_id}/winners/{place}/sent", status_code=204, responses=refusals(UnknownGiveaway, NotAWinner)
)
async def mark_sent(show_id: Id, giveaway_id: Id, place: Id, actor: Manager, db: Db) -> Response:
    """The prize is on its way."""
    found = await _of_show(db, actor, show_id, giveaway_id)
    async with db.transaction() as tx:
        await giveaways.mark_sent(tx, shop_id=actor.shop_id, giveaway_id=found.id, place=place)
    return Response(status_code=204)
