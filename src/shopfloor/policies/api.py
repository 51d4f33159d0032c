"""/v1/{shop}/orders/policy: a shop's policies as JSON."""

from functools import partial
from operator import attrgetter
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor.accounts import Actor, NotAllowed, Permission
from shopfloor.auth.api import allowed
from shopfloor.catalog import UnknownProduct
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.kernel.text import UnusableText
from shopfloor.kernel.values import MAX_MINOR
from shopfloor.policies import bank_details, return_rules, service
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
    pay_after_minutes: int | None = Field(
        None,
        ge=ShopTerms.LEAST_PAY_AFTER_MINUTES,
        le=ShopTerms.MOST_PAY_AFTER_MINUTES,
        description="Paid at the end: so long after a show.  Null: as they go.  For shows that start from now on.",
    )
    unpaid_units: int = Field(10, ge=1, le=ShopTerms.MOST_UNPAID_UNITS)


class ReturnRulesBody(BaseModel):
    """Days of zero: not granted.  Where the law of the buyer's country grants more, the law holds."""

    withdrawal_days: int = Field(14, ge=0, le=return_rules.ReturnRules.MOST_DAYS)
    goodwill_days: int = Field(0, ge=0, le=return_rules.ReturnRules.MOST_DAYS)
    claim_days: int = Field(730, ge=0, le=return_rules.ReturnRules.MOST_CLAIM_DAYS)
    seller_pays: bool = False
    address: str = Field("", max_length=return_rules.LONGEST_ADDRESS)
    note: str = Field("", max_length=return_rules.LONGEST_NOTE)


class ExceptionBody(BaseModel):
    """`why` null: it may be given back like any other."""

    why: return_rules.Why | None


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


@router.get("/policy/returns")
async def returns_policy(actor: Viewer, db: Db) -> return_rules.ReturnRules:
    """What buyers may give back, beside what the law grants them."""
    async with db.transaction() as tx:
        return await return_rules.of_shop(tx, shop_id=actor.shop_id)


@router.put("/policy/returns", responses=refusals(UnusableText, NotAllowed))
async def set_returns_policy(body: ReturnRulesBody, actor: Manager, db: Db) -> return_rules.ReturnRules:
    """For orders that are placed from now on."""
    rules = return_rules.ReturnRules(**body.model_dump())
    async with db.transaction() as tx:
        return await return_rules.set_rules(tx, actor=actor, rules=rules)


@router.put("/policy/returns/exceptions/{product_id}", responses=refusals(UnknownProduct))
async def set_return_exception(product_id: Id, body: ExceptionBody, actor: Manager, db: Db) -> ExceptionBody:
    """A product that nobody may give back without a fault, and why."""
    async with db.transaction() as tx:
        await return_rules.set_exception(tx, shop_id=actor.shop_id, product_id=product_id, why=body.why)
    return body


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
