"""/v1/{shop}/orders/policy: a shop's policies as JSON."""

from functools import partial
from operator import attrgetter
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor.accounts import Actor, NotAllowed, Permission
from shopfloor.accounts.api import allowed
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.kernel.text import UnusableText
from shopfloor.kernel.values import MAX_MINOR
from shopfloor.policies import bank_details, service
from shopfloor.policies.models import ShopTerms

router = Router(prefix="/v1/{shop}/orders", tags=["orders"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.ORDERS_MANAGE))]
MoneyViewer = Annotated[Actor, Depends(allowed(Permission.MONEY_VIEW))]
MoneyManager = Annotated[Actor, Depends(allowed(Permission.MONEY_MANAGE))]
Minor = Annotated[int, Field(ge=0, le=MAX_MINOR)]


class PolicyBody(BaseModel):
    shipping_minor: Minor = 0
    free_shipping_from_minor: Minor | None = None
    pay_within_hours: int = Field(48, ge=1, le=ShopTerms.MOST_PAY_WITHIN_HOURS)
    balance_within_days: int = Field(7, ge=1, le=ShopTerms.MOST_BALANCE_WITHIN_DAYS)
    keep_deposit: bool = True
    claim_seconds: int = Field(300, ge=10, le=ShopTerms.MOST_CLAIM_SECONDS)
    pay_to: str | None = Field(None, max_length=2000, description="Left out: as it is. Needs `money.manage`.")
    pick_up_at: str = Field("", max_length=2000)
    together_hours: int = Field(24, ge=0, le=ShopTerms.MOST_TOGETHER_HOURS)


class PayToBody(BaseModel):
    pay_to: str = Field(max_length=2000)


@router.get("/policy")
async def policy(actor: Viewer, db: Db) -> ShopTerms:
    """What the shop asks for shipping, payment and presale."""
    async with db.transaction() as tx:
        return await service.shop_terms(tx, shop_id=actor.shop_id)


@router.put("/policy", responses=refusals(NotAllowed, UnusableText))
async def set_policy(body: PolicyBody, actor: Manager, db: Db) -> ShopTerms:
    terms = ShopTerms(**body.model_dump(exclude={"pay_to"}))
    async with db.transaction() as tx:
        return await bank_details.change_terms(tx, actor=actor, terms=terms, pay_to=body.pay_to)


@router.put("/policy/pay-to", responses=refusals(NotAllowed, UnusableText))
async def set_pay_to(body: PayToBody, actor: MoneyManager, db: Db) -> ShopTerms:
    """Where buyers send money, and nothing else.  Goes on record and is told to the owners."""
    async with db.transaction() as tx:
        return await bank_details.change(tx, actor=actor, pay_to=body.pay_to)


@router.get("/policy/pay-to/changes")
async def list_pay_to_changes(
    request: Request,
    response: Response,
    actor: MoneyViewer,
    db: Db,
    after: Id | None = None,
    before: Id | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[bank_details.PayToChange]:
    """Who changed where buyers send money, newest first.  The header `Link` leads to the next page."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(bank_details.changes, tx, shop_id=actor.shop_id),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
    return with_links(request, response, found)
