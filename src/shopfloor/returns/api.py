"""/v1/{shop}/returns: what the console and other programs do with returns."""

from functools import partial
from operator import attrgetter
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor import orders, payment_accounts, payment_providers
from shopfloor.accounts import Actor, NotAllowed, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Database
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.text import UnusableText
from shopfloor.kernel.values import MAX_MINOR, new_id
from shopfloor.returns import asking, deciding, exchanges, keeping, looking, queries, receiving, refunding
from shopfloor.returns.models import (
    AnswerNeeded,
    Arrived,
    Condition,
    IdReused,
    Journey,
    NothingChosen,
    NothingReceived,
    NotInOrder,
    NotSentYet,
    Reason,
    ReasonNeeded,
    RefundWaits,
    Return,
    ReturnNotFound,
    ReturnSummary,
    State,
    TooManyUnits,
    TooMuchDeducted,
    WrongState,
)

router = Router(prefix="/v1/{shop}/returns", tags=["returns"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.ORDERS_MANAGE))]
Units = Annotated[int, Field(ge=1, le=1_000_000)]
Words = Annotated[str, Field(max_length=2000)]


class AskedLine(BaseModel):
    """`variant_id`: what is wanted instead of the money, another variant of the same product."""

    line_id: Id
    quantity: Units
    variant_id: Id | None = None


class AskIn(BaseModel):
    """`return_id`: your own, so that asking again is the same return."""

    order_id: UUID
    journey: Journey
    lines: list[AskedLine] = Field(min_length=1, max_length=100)
    reason: Reason | None = None
    note: Words = ""
    return_id: UUID | None = None


class ApproveIn(BaseModel):
    """`keeps_goods`: nobody wants them back; the money can go at once."""

    keeps_goods: bool = False
    answer: Words = ""


class AnswerIn(BaseModel):
    answer: Words = ""


class ArrivedLine(BaseModel):
    line_id: Id
    quantity: Units
    condition: Condition = Condition.SELLABLE


class ReceiveIn(BaseModel):
    """Without `location_id` sellable units go on the shelf of where they left."""

    lines: list[ArrivedLine] = Field(min_length=1, max_length=100)
    location_id: Id | None = None


class RefundIn(BaseModel):
    """`deduct_minor`: what the use of the goods has cost; `note` says why."""

    deduct_minor: int = Field(0, ge=0, le=MAX_MINOR)
    note: Words = ""


def _actor(actor: Actor) -> str:
    return f"person:{actor.person_id}"


@router.get("")
async def returns(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    state: State | None = None,
    search: Annotated[str | None, Query(max_length=100)] = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[ReturnSummary]:
    """Newest first.  The header `Link` leads to the next page, which starts `after` an id."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(looking.listing, tx, shop_id=actor.shop_id, state=state, search=search),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
    return with_links(request, response, found)


@router.post(
    "",
    status_code=201,
    responses=refusals(NothingChosen, NotInOrder, TooManyUnits, NotSentYet, ReasonNeeded, IdReused, UnusableText,
                       exchanges.NotExchangeable, exchanges.ExchangeSoldOut),
)  # fmt: skip
async def ask(body: AskIn, actor: Manager, db: Db) -> Return:
    """Open a return for a customer.  It is approved with that, and periods do not bind the shop itself."""
    units: dict[int, int] = {}
    for line in body.lines:
        units[line.line_id] = units.get(line.line_id, 0) + line.quantity
    swaps = {line.line_id: line.variant_id for line in body.lines if line.variant_id is not None}
    async with db.transaction() as tx:
        return await asking.ask(
            tx,
            shop_id=actor.shop_id,
            order_id=body.order_id,
            return_id=body.return_id or new_id(),
            journey=body.journey,
            units=units,
            reason=body.reason or "",
            note=body.note,
            actor=_actor(actor),
            swaps=swaps,
        )


@router.get("/{return_id}", responses=refusals(ReturnNotFound))
async def one(return_id: UUID, actor: Viewer, db: Db) -> dict[str, Any]:
    """With what arrived of it and its history."""
    async with db.transaction() as tx:
        found = await looking.get(tx, shop_id=actor.shop_id, return_id=return_id)
        shown: dict[str, Any] = msgspec.to_builtins(found)
        shown["number"] = found.number
        shown["receipts"] = msgspec.to_builtins(await queries.receipts(tx, return_id=return_id))
        shown["pictures"] = await queries.pictures(tx, return_id=return_id)
        exchange = (await keeping.of_returns(tx, shop_id=actor.shop_id, returns=[found])).get(return_id)
        shown["exchange"] = None if exchange is None else msgspec.to_builtins(exchange)
        shown["history"] = msgspec.to_builtins(await queries.history(tx, return_id=return_id))
    return shown


@router.post(
    "/{return_id}/approve",
    responses=refusals(ReturnNotFound, WrongState, RefundWaits, UnusableText, NotAllowed),
)
async def approve(return_id: UUID, body: ApproveIn, actor: Manager, db: Db) -> Return:
    async with db.transaction() as tx:
        actor.check_told(body.answer)
        return await deciding.approve(
            tx,
            shop_id=actor.shop_id,
            return_id=return_id,
            actor=_actor(actor),
            keeps_goods=body.keeps_goods,
            answer=body.answer,
        )


@router.post(
    "/{return_id}/refuse",
    responses=refusals(ReturnNotFound, WrongState, AnswerNeeded, UnusableText, NotAllowed),
)
async def refuse(return_id: UUID, body: AnswerIn, actor: Manager, db: Db) -> Return:
    """The answer says why."""
    async with db.transaction() as tx:
        actor.check_told(body.answer)
        return await deciding.refuse(
            tx, shop_id=actor.shop_id, return_id=return_id, actor=_actor(actor), answer=body.answer
        )


@router.post(
    "/{return_id}/close",
    responses=refusals(ReturnNotFound, WrongState, RefundWaits, UnusableText, NotAllowed),
)
async def close(return_id: UUID, body: AnswerIn, actor: Manager, db: Db) -> Return:
    """Nothing of it comes."""
    async with db.transaction() as tx:
        actor.check_told(body.answer)
        return await deciding.close(
            tx, shop_id=actor.shop_id, return_id=return_id, actor=_actor(actor), answer=body.answer
        )


@router.post(
    "/{return_id}/receive",
    responses=refusals(ReturnNotFound, WrongState, RefundWaits, NothingChosen, NotInOrder, TooManyUnits),
)
async def receive(return_id: UUID, body: ReceiveIn, actor: Manager, db: Db) -> Return:
    """These units are here: sellable ones are on the shelf again, others are written off."""
    async with db.transaction() as tx:
        return await receiving.receive(
            tx,
            shop_id=actor.shop_id,
            return_id=return_id,
            arrived=[Arrived(line.line_id, line.quantity, line.condition) for line in body.lines],
            location_id=body.location_id,
            actor=_actor(actor),
        )


@router.post(
    "/{return_id}/exchange",
    responses=refusals(ReturnNotFound, WrongState, exchanges.NoExchange, NothingReceived, RefundWaits),
)
async def exchange(request: Request, return_id: UUID, actor: Manager, db: Db) -> Return:
    """Send what is wanted instead: an order that is paid for with what came back; what is left over is given back.
    Pressed again it is the same order.  Where it has sold out, the return stays as it is.
    """
    async with db.transaction() as tx:
        done = await exchanges.send(tx, shop_id=actor.shop_id, return_id=return_id, actor=_actor(actor))
    return await _sent(request, db, done, actor)


@router.post(
    "/{return_id}/refund",
    responses=refusals(ReturnNotFound, WrongState, NothingReceived, TooMuchDeducted, UnusableText),
)
async def refund(request: Request, return_id: UUID, body: RefundIn, actor: Manager, db: Db) -> Return:
    """Give back what was paid for what came; pressed again it is the same refund.  Where another member has to confirm
    it, the return stays as it is until then.
    """
    async with db.transaction() as tx:
        done = await refunding.refund(
            tx,
            shop_id=actor.shop_id,
            return_id=return_id,
            actor=_actor(actor),
            deduct_minor=body.deduct_minor,
            note=body.note,
        )
    return await _sent(request, db, done, actor)


async def _sent(request: Request, db: Database, done: Return, actor: Actor) -> Return:
    """With its money on the way."""
    if done.refund is not None and done.refund_minor:
        known = services_of(request).find(payment_accounts.Connections)
        await orders.send_refund(
            db,
            shop_id=actor.shop_id,
            order_id=done.order_id,
            refund_id=done.refund,
            actor=_actor(actor),
            providers=payment_providers.MANUAL_ONLY if known is None else known.of,
        )
    return done
