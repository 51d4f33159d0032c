"""/v1/{shop}/discounts: the discounts of a shop, their codes and what was used of them."""

from functools import partial
from operator import attrgetter
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor import pricing
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id, Moment
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.kernel.text import UnusableText
from shopfloor.kernel.values import MAX_MINOR
from shopfloor.live import UnknownShow, WrongStatus
from shopfloor.promotions import cards, service
from shopfloor.promotions.models import Code, Discount, Method, State, Use
from shopfloor.promotions.refusals import (
    BadCode,
    BelowUsage,
    CodeTaken,
    DiscountIncomplete,
    DiscountInUse,
    NotClaimable,
    NotThere,
    TooManyCodes,
    UnknownDiscount,
)

router = Router(prefix="/v1/{shop}/discounts", tags=["discounts"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.ORDERS_MANAGE))]
Runner = Annotated[Actor, Depends(allowed(Permission.SHOW_RUN))]
Minor = Annotated[int, Field(ge=0, le=MAX_MINOR)]
Some = Annotated[int, Field(ge=1, le=MAX_MINOR)]
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]


class DiscountStepBody(BaseModel):
    from_amount: Some
    amount: Some


class DiscountBody(BaseModel):
    """`code` brings a discount whose method is `code`; more of them under `/codes`.  Amounts in minor units."""

    title: str = Field(max_length=100)
    method: Method
    kind: pricing.DiscountKind
    level: pricing.DiscountLevel = pricing.DiscountLevel.ORDER
    code: str = Field("", max_length=40)
    percent: str = Field("0", max_length=20)
    amount_minor: Minor = 0
    every_minor: Some | None = None
    steps: list[DiscountStepBody] = Field(default_factory=list[DiscountStepBody], max_length=50)
    minimum_minor: Minor = 0
    minimum_quantity: int = Field(0, ge=0, le=1_000_000)
    cap_minor: Some | None = None
    product_ids: list[Id] = Field(default_factory=list[Id], max_length=1000)
    show_id: Id | None = None
    first_order: bool = False
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    priority: int = Field(0, ge=0, le=1_000_000)
    combines: bool = False
    paused: bool = False
    per_buyer: int | None = Field(None, ge=1, le=1_000_000)
    slug: str | None = Field(None, max_length=60, description="Of the page where a coupon is claimed.")
    most_uses: Count | None = None
    budget_minor: Some | None = None
    most_claims: Count | None = None


class CardBody(BaseModel):
    show_id: Id


class PauseBody(BaseModel):
    paused: bool


class CodesBody(BaseModel):
    """Either `codes` of your own, or `count` that are made, with a `prefix` if you like."""

    codes: list[Annotated[str, Field(max_length=40)]] = Field(default_factory=list[str], max_length=1000)
    count: int = Field(0, ge=0, le=10_000)
    prefix: str = Field("", max_length=20)
    most_uses: Count | None = Field(None, description="Of each code. Of codes that are made: 1.")


def _record(body: DiscountBody, discount_id: int) -> Discount:
    return Discount(id=discount_id, currency="", **body.model_dump(exclude={"code"}))


_SAVE = (
    UnknownDiscount, NotThere, DiscountIncomplete, BelowUsage, CodeTaken, BadCode, TooManyCodes, DiscountInUse, UnusableText,
    pricing.RateUnreadable, pricing.Negative, pricing.TooLarge,
)  # fmt: skip


@router.get("")
async def discounts(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    search: Annotated[str, Query(max_length=100)] = "",
    state: State | None = None,
    after: Id | None = None,
    before: Id | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Discount]:
    """Newest first; `search` in titles and codes.  The header `Link` leads to the next page."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(service.discounts, tx, shop_id=actor.shop_id, search=search, state=state),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
    return with_links(request, response, found)


@router.post("", status_code=201, responses=refusals(*_SAVE))
async def add(body: DiscountBody, actor: Manager, db: Db) -> Discount:
    actor.check_told(body.title)
    async with db.transaction() as tx:
        return await service.save(tx, shop_id=actor.shop_id, wanted=_record(body, 0), code=body.code)


@router.get("/{discount_id}", responses=refusals(UnknownDiscount))
async def discount(discount_id: Id, actor: Viewer, db: Db) -> Discount:
    async with db.transaction() as tx:
        return await service.discount(tx, shop_id=actor.shop_id, discount_id=discount_id)


@router.put("/{discount_id}", responses=refusals(*_SAVE))
async def change(discount_id: Id, body: DiscountBody, actor: Manager, db: Db) -> Discount:
    """For new orders; orders keep what they were promised."""
    actor.check_told(body.title)
    async with db.transaction() as tx:
        return await service.save(
            tx, shop_id=actor.shop_id, wanted=_record(body, discount_id), code=body.code
        )


@router.post("/{discount_id}/pause", responses=refusals(UnknownDiscount))
async def pause(discount_id: Id, body: PauseBody, actor: Manager, db: Db) -> Discount:
    async with db.transaction() as tx:
        return await service.pause(tx, shop_id=actor.shop_id, discount_id=discount_id, paused=body.paused)


@router.delete("/{discount_id}", status_code=204, responses=refusals(UnknownDiscount, DiscountInUse))
async def remove(discount_id: Id, actor: Manager, db: Db) -> Response:
    async with db.transaction() as tx:
        await service.remove(tx, shop_id=actor.shop_id, discount_id=discount_id)
    return Response(status_code=204)


@router.post(
    "/{discount_id}/card",
    status_code=204,
    responses=refusals(UnknownDiscount, NotClaimable, UnknownShow, WrongStatus),
)
async def show_card(discount_id: Id, body: CardBody, actor: Runner, db: Db) -> Response:
    """The coupon as a card in the room of a running show, in place of another coupon's."""
    async with db.transaction() as tx:
        await cards.show_coupon(tx, shop_id=actor.shop_id, show_id=body.show_id, discount_id=discount_id)
    return Response(status_code=204)


@router.delete("/{discount_id}/card", status_code=204, responses=refusals(UnknownDiscount, UnknownShow))
async def take_card_off(discount_id: Id, show_id: Annotated[Id, Query()], actor: Runner, db: Db) -> Response:
    """The card leaves the room; what was collected stays."""
    async with db.transaction() as tx:
        await cards.take_off(tx, shop_id=actor.shop_id, show_id=show_id, discount_id=discount_id)
    return Response(status_code=204)


@router.get("/{discount_id}/codes", responses=refusals(UnknownDiscount))
async def list_codes(
    request: Request,
    response: Response,
    discount_id: Id,
    actor: Viewer,
    db: Db,
    after: Annotated[str | None, Query(max_length=80)] = None,
    before: Annotated[str | None, Query(max_length=80)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[Code]:
    """By `key`.  The header `Link` leads to the next page."""
    async with db.transaction() as tx:
        await service.discount(tx, shop_id=actor.shop_id, discount_id=discount_id)
        found = await paging.page(
            partial(service.codes_of, tx, shop_id=actor.shop_id, discount_id=discount_id),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("key"),
        )
    return with_links(request, response, found)


@router.post(
    "/{discount_id}/codes",
    status_code=201,
    responses=refusals(UnknownDiscount, DiscountIncomplete, BadCode, CodeTaken, TooManyCodes),
)
async def add_codes(discount_id: Id, body: CodesBody, actor: Manager, db: Db) -> list[str]:
    """The codes that were added."""
    async with db.transaction() as tx:
        if body.codes:
            await service.add_codes(
                tx,
                shop_id=actor.shop_id,
                discount_id=discount_id,
                given=body.codes,
                most_uses=body.most_uses,
            )
            return body.codes
        return await service.make_codes(
            tx,
            shop_id=actor.shop_id,
            discount_id=discount_id,
            count=body.count,
            prefix=body.prefix,
            most_uses=body.most_uses or 1,
        )


@router.get("/{discount_id}/uses", responses=refusals(UnknownDiscount))
async def list_uses(
    request: Request,
    response: Response,
    discount_id: Id,
    actor: Viewer,
    db: Db,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Use]:
    """The newest orders that used it; `returned_at` of those that were cancelled."""
    async with db.transaction() as tx:
        await service.discount(tx, shop_id=actor.shop_id, discount_id=discount_id)
        found = await paging.page(
            partial(service.uses, tx, shop_id=actor.shop_id, discount_id=discount_id),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("order_id"),
        )
    return with_links(request, response, found)
