"""/v1/{shop}/orders/{order}/edits: what an order would come to, and changing it in one call."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import Depends, Request
from pydantic import BaseModel, Field

from shopfloor import orders, payment_accounts, payment_providers
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.text import UnusableText
from shopfloor.kernel.values import MAX_MINOR, MAX_QUANTITY, new_id
from shopfloor.order_edits import service
from shopfloor.order_edits.models import (
    LONGEST_REASON,
    Added,
    Change,
    Edit,
    IdReused,
    LineChange,
    ReasonNeeded,
    Target,
)

router = Router(prefix="/v1/{shop}/orders", tags=["orders"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.ORDERS_MANAGE))]
Minor = Annotated[int, Field(ge=0, le=MAX_MINOR)]
Reason = Annotated[str, Field(max_length=LONGEST_REASON)]


class EditedLineIn(BaseModel):
    """`quantity` 0 takes the line out.  `unit_price_minor` only with another variant: lines that stay keep their price."""

    line_id: Id
    quantity: Annotated[int, Field(ge=0, le=MAX_QUANTITY)] | None = None
    variant_id: Id | None = None
    unit_price_minor: Minor | None = None


class AddedLineIn(BaseModel):
    """Without `unit_price_minor` at today's price."""

    variant_id: Id
    quantity: Annotated[int, Field(ge=1, le=MAX_QUANTITY)] = 1
    unit_price_minor: Minor | None = None


class AddressIn(BaseModel):
    street: str = Field(max_length=200)
    city: str = Field(max_length=200)
    postcode: str = Field("", max_length=200)
    region: str = Field("", max_length=200)
    country: str = Field("", max_length=200)


class ChangeIn(BaseModel):
    """What is to be different.  `shipping_method`: one of the `ways` that a preview tells; `waive`: what would be due is
    forgiven.
    """

    lines: list[EditedLineIn] = Field(default_factory=list, max_length=100)
    added: list[AddedLineIn] = Field(default_factory=list, max_length=100)
    address: AddressIn | None = None
    shipping_method: str = Field("", max_length=40)
    waive: bool = False

    def read(self) -> Change:
        return Change(
            lines=tuple(
                LineChange(each.line_id, each.quantity, each.variant_id, each.unit_price_minor)
                for each in self.lines
            ),
            added=tuple(Added(each.variant_id, each.quantity, each.unit_price_minor) for each in self.added),
            address=None if self.address is None else self.address.model_dump(),
            shipping_method=self.shipping_method,
            waive=self.waive,
        )


class EditIn(ChangeIn):
    """`edit_id`: your own, so that saving again is the same edit.  `version`: of the order that a preview looked at; with
    it nobody saves over what another changed.  `tell`: the customer gets a message.
    """

    reason: Reason
    tell: bool = True
    version: str | None = Field(None, max_length=64)
    edit_id: UUID | None = None


@router.get("/{order_id}/edits", responses=refusals(orders.OrderNotFound))
async def edits(order_id: UUID, actor: Viewer, db: Db) -> list[Edit]:
    """What was changed on an order, the oldest first."""
    async with db.transaction() as tx:
        await orders.order(tx, shop_id=actor.shop_id, order_id=order_id)
        return await service.listing(tx, shop_id=actor.shop_id, order_id=order_id)


@router.post("/{order_id}/edits/preview", responses=refusals(*orders.edit_models.REFUSALS))
async def preview(order_id: UUID, body: ChangeIn, actor: Viewer, db: Db) -> dict[str, Any]:
    """What the order would come to: lines, ways of delivery, tax, and what goes back or is due.  Nothing is changed."""
    async with db.transaction() as tx:
        quote = await orders.editing.look(tx, shop_id=actor.shop_id, order_id=order_id, change=body.read())
    plain: dict[str, Any] = msgspec.to_builtins(quote)
    del plain["order"], plain["refund_id"], plain["is_granted"]
    return plain


@router.post(
    "/{order_id}/edits",
    status_code=201,
    responses=refusals(*orders.edit_models.REFUSALS, ReasonNeeded, IdReused, UnusableText),
)
async def save(request: Request, order_id: UUID, body: EditIn, actor: Manager, db: Db) -> Edit:
    """Change the order; units, money and papers follow.  What goes back is sent at once, or waits for a second person."""
    known = services_of(request).find(payment_accounts.Connections)
    return await service.save(
        db,
        payment_providers.MANUAL_ONLY if known is None else known.of,
        shop_id=actor.shop_id,
        target=Target(body.edit_id or new_id(), order_id, body.read(), body.reason, body.tell, body.version),
        actor=f"person:{actor.person_id}",
    )
