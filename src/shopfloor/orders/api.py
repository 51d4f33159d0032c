"""/v1/{shop}/orders: what the console and other programs do with orders."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import Depends, Request
from pydantic import BaseModel, Field

from shopfloor import approvals, payment_accounts, payment_providers, payment_refunds, purchases
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel.border import IDS_AS_NAMES, Day, Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.http import Db, refusals
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import MAX_MINOR, Money, new_id
from shopfloor.orders import (
    authorising,
    cancellation,
    charges,
    presale,
    refunds,
    shipping,
    views,
)
from shopfloor.orders.models import Order, Party
from shopfloor.orders.order_view import OrderView
from shopfloor.orders.refusals import (
    AlreadyPaid,
    CannotCancel,
    KeyReused,
    NoDelay,
    NothingAuthorised,
    NotPaid,
    NotReady,
    NotShipped,
    OrderClosed,
    OrderNotFound,
    RefundNotFound,
    WrongAmount,
    WrongCurrency,
    ZeroRefund,
)

router = Router(prefix="/v1/{shop}/orders", tags=["orders"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.ORDERS_MANAGE))]
MoneyViewer = Annotated[Actor, Depends(allowed(Permission.MONEY_VIEW))]
MoneyManager = Annotated[Actor, Depends(allowed(Permission.MONEY_MANAGE))]
Minor = Annotated[int, Field(ge=0, le=MAX_MINOR)]


class Paid(BaseModel):
    """`key`: the bank's or your own reference; sending it again is saying it again, not paying again."""

    amount_minor: Minor
    currency: str
    note: str = Field("", max_length=500)
    key: str | None = Field(None, min_length=1, max_length=200)


class Shipped(BaseModel):
    """Without `line_ids` everything that is ready and paid."""

    line_ids: list[Id] | None = Field(None, max_length=100)
    tracking: str = Field("", max_length=200)


class Cancelled(BaseModel):
    note: str = Field("", max_length=500)


class Refunded(BaseModel):
    """`put_back` {line id: units} takes shipped units back on the shelf."""

    amount_minor: Minor
    currency: str
    note: str = Field("", max_length=500)
    refund_id: UUID | None = None
    put_back: dict[int, Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        default_factory=dict, json_schema_extra=IDS_AS_NAMES
    )


class Delayed(BaseModel):
    delayed_to: Day


def _actor(actor: Actor) -> str:
    return f"person:{actor.person_id}"


def shown(view: OrderView) -> dict[str, Any]:
    """An order as JSON.  The buyer's key and the hash of the form stay inside."""
    shown_order: dict[str, Any] = msgspec.to_builtins(view)
    for name in ("key", "form_hash"):
        shown_order["order"].pop(name, None)
    return shown_order


async def _told(db: Db, actor: Actor, order: Order) -> dict[str, Any]:
    async with db.transaction() as tx:
        return await _with_requests(tx, actor, order.id)


async def _with_requests(tx: Tx, actor: Actor, order_id: UUID) -> dict[str, Any]:
    """An order, with the refunds of it that wait for a second person or waited for one."""
    shown_order = shown(await views.order(tx, shop_id=actor.shop_id, order_id=order_id))
    asked = await approvals.of_order(tx, order_id=order_id)
    return {**shown_order, "refund_requests": msgspec.to_builtins(asked)}


@router.get("/{order_id:uuid}", responses=refusals(OrderNotFound))
async def order(order_id: UUID, actor: Viewer, db: Db) -> dict[str, Any]:
    async with db.transaction() as tx:
        return await _with_requests(tx, actor, order_id)


@router.post(
    "/{order_id:uuid}/paid",
    responses=refusals(OrderNotFound, WrongAmount, WrongCurrency, AlreadyPaid, KeyReused),
)
async def mark_paid(order_id: UUID, body: Paid, actor: Manager, db: Db) -> dict[str, Any]:
    """The money is here: exactly what is due."""
    async with db.transaction() as tx:
        changed = await charges.mark_paid(
            tx,
            shop_id=actor.shop_id,
            order_id=order_id,
            amount=Money(body.amount_minor, body.currency),
            actor=_actor(actor),
            note=body.note,
            key=body.key,
        )
    return await _told(db, actor, changed)


@router.post(
    "/{order_id:uuid}/ship",
    responses=refusals(OrderNotFound, NotPaid, NotReady, OrderClosed, purchases.BadPurchase),
)
async def ship(order_id: UUID, body: Shipped, actor: Manager, db: Db) -> dict[str, Any]:
    async with db.transaction() as tx:
        changed = await shipping.ship(
            tx,
            shop_id=actor.shop_id,
            order_id=order_id,
            actor=_actor(actor),
            line_ids=body.line_ids,
            tracking=body.tracking,
        )
    return await _told(db, actor, changed)


@router.post("/{order_id:uuid}/deliver", responses=refusals(OrderNotFound, NotShipped))
async def deliver(order_id: UUID, actor: Manager, db: Db) -> dict[str, Any]:
    async with db.transaction() as tx:
        changed = await shipping.deliver(tx, shop_id=actor.shop_id, order_id=order_id, actor=_actor(actor))
    return await _told(db, actor, changed)


@router.post("/{order_id:uuid}/cancel", responses=refusals(OrderNotFound, CannotCancel))
async def cancel(order_id: UUID, body: Cancelled, actor: Manager, db: Db) -> dict[str, Any]:
    """Units go back, the waitlist first; what was paid is owed back."""
    async with db.transaction() as tx:
        changed = await cancellation.cancel(
            tx,
            shop_id=actor.shop_id,
            order_id=order_id,
            by=Party.MERCHANT,
            actor=_actor(actor),
            note=body.note,
        )
    return await _told(db, actor, changed)


@router.post("/{order_id:uuid}/ready", responses=refusals(OrderNotFound, OrderClosed))
async def ready(order_id: UUID, actor: Manager, db: Db) -> dict[str, Any]:
    """The presale lines are there: asks for the balance."""
    async with db.transaction() as tx:
        changed = await presale.mark_ready(tx, shop_id=actor.shop_id, order_id=order_id, actor=_actor(actor))
    return await _told(db, actor, changed)


@router.post("/{order_id:uuid}/capture", responses=refusals(OrderNotFound, NothingAuthorised))
async def capture(order_id: UUID, actor: Manager, db: Db) -> dict[str, Any]:
    """What is authorised is charged now, before the order ships; twice is once.  Without it, it is when it does."""
    async with db.transaction() as tx:
        changed = await authorising.capture(tx, shop_id=actor.shop_id, order_id=order_id, actor=_actor(actor))
    return await _told(db, actor, changed)


@router.post("/{order_id:uuid}/delay", responses=refusals(OrderNotFound, NoDelay, purchases.BadPurchase))
async def delay(order_id: UUID, body: Delayed, actor: Manager, db: Db) -> dict[str, Any]:
    """It will come later than promised: the buyer may take the new date, or everything back."""
    async with db.transaction() as tx:
        changed = await presale.delay(
            tx,
            shop_id=actor.shop_id,
            order_id=order_id,
            delayed_to=body.delayed_to,
            actor=_actor(actor),
        )
    return await _told(db, actor, changed)


@router.post(
    "/{order_id:uuid}/refunds",
    responses=refusals(
        OrderNotFound, payment_refunds.OverRefund, ZeroRefund, WrongCurrency, KeyReused, purchases.BadPurchase
    ),
)
async def refund(request: Request, order_id: UUID, body: Refunded, actor: Manager, db: Db) -> dict[str, Any]:
    """Decide to give money back.  Providers send it at once; by hand, say so with `/refunds/{refund_id}/sent`.

    Above the shop's limit, of a member's own order, or sent another way than the money came, another member has to
    confirm it first: then nothing is granted yet, and it stands under `refund_requests` of the order.
    """
    refund_id = body.refund_id or new_id()
    async with db.transaction() as tx:
        changed = await refunds.refund(
            tx,
            shop_id=actor.shop_id,
            order_id=order_id,
            amount=Money(body.amount_minor, body.currency),
            refund_id=refund_id,
            note=body.note,
            actor=_actor(actor),
            put_back=body.put_back,
        )
    known = services_of(request).find(payment_accounts.Connections)
    await refunds.send_refund(
        db,
        shop_id=actor.shop_id,
        order_id=order_id,
        refund_id=refund_id,
        actor=_actor(actor),
        providers=payment_providers.MANUAL_ONLY if known is None else known.of,
    )
    return await _told(db, actor, changed)


@router.post(
    "/{order_id:uuid}/refund-requests/{request_id:uuid}/confirm",
    responses=refusals(
        approvals.RequestNotFound, approvals.AlreadyDecided, approvals.OwnRequest, payment_refunds.OverRefund
    ),
)
async def confirm_refund(
    request: Request, order_id: UUID, request_id: UUID, actor: Manager, db: Db
) -> dict[str, Any]:
    """Say yes to a refund that another member asked for; it is sent at once."""
    async with db.transaction() as tx:
        changed, refund_id = await refunds.confirm(
            tx, shop_id=actor.shop_id, request_id=request_id, order_id=order_id, person_id=actor.person_id
        )
    known = services_of(request).find(payment_accounts.Connections)
    await refunds.send_refund(
        db,
        shop_id=actor.shop_id,
        order_id=order_id,
        refund_id=refund_id,
        actor=_actor(actor),
        providers=payment_providers.MANUAL_ONLY if known is None else known.of,
    )
    return await _told(db, actor, changed)


@router.post(
    "/{order_id:uuid}/refund-requests/{request_id:uuid}/decline",
    responses=refusals(approvals.RequestNotFound, approvals.AlreadyDecided),
)
async def decline_refund(order_id: UUID, request_id: UUID, actor: Manager, db: Db) -> dict[str, Any]:
    """Say no to it, or take it back."""
    async with db.transaction() as tx:
        await approvals.decline(
            tx, shop_id=actor.shop_id, request_id=request_id, order_id=order_id, person_id=actor.person_id
        )
        view = await views.order(tx, shop_id=actor.shop_id, order_id=order_id)
    return await _told(db, actor, view.order)


@router.post("/{order_id:uuid}/refunds/{refund_id}/sent", responses=refusals(OrderNotFound, RefundNotFound))
async def refund_sent(order_id: UUID, refund_id: UUID, actor: Manager, db: Db) -> dict[str, Any]:
    async with db.transaction() as tx:
        changed = await refunds.mark_refunded(
            tx, shop_id=actor.shop_id, order_id=order_id, refund_id=refund_id, actor=_actor(actor)
        )
    return await _told(db, actor, changed)
