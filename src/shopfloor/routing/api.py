"""/v1/{shop}/routing: from which location orders leave, what the rules would do, and who changed them."""

from typing import Annotated

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor import inventory
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import MAX_QUANTITY
from shopfloor.routing import service
from shopfloor.routing.distance import Spot
from shopfloor.routing.models import (
    BadLimit,
    BadRule,
    Change,
    Leg,
    Limit,
    Rule,
    RuleKind,
    RulesChanged,
    TooManyRules,
    UnknownRule,
    Wish,
)
from shopfloor.routing.service import Rules

router = Router(prefix="/v1/{shop}/routing", tags=["routing"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.ORDERS_MANAGE))]


class RuleIn(BaseModel):
    """`location_id` for `never` and `prefer`; `place_kind` (warehouse, store) for `prefer_kind`."""

    kind: RuleKind
    is_on: bool = True
    location_id: Id | None = None
    place_kind: str | None = Field(None, max_length=20)


class RulesIn(BaseModel):
    """The whole list, in order.  `version`: what you read; where somebody changed the rules since, nothing is changed."""

    rules: list[RuleIn] = Field(max_length=100)
    version: int | None = Field(None, ge=0, le=2_000_000_000)


class LimitIn(BaseModel):
    """`per_day`: orders a day; `cut_off`: in minutes of the location's own day; `accept_hours`: so long somebody there has to
    take an order on before the next location gets it.  None: no limit.
    """

    per_day: int | None = Field(None, ge=0, le=100_000)
    cut_off: int | None = Field(None, ge=1, le=1440)
    accept_hours: int | None = Field(None, ge=1, le=720)


@dataclass(frozen=True, slots=True)
class RoutingLimits:
    limits: list[Limit]


@dataclass(frozen=True, slots=True)
class Answer:
    """`legs`: from where which units would leave; what no location has is in none."""

    legs: list[Leg]


class LineIn(BaseModel):
    variant_id: Id
    quantity: int = Field(1, ge=1, le=MAX_QUANTITY)


class WhatIfIn(BaseModel):
    """An order that nobody has placed: what of, and where to."""

    lines: list[LineIn] = Field(min_length=1, max_length=100)
    country: str = Field("", max_length=2)
    region: str = Field("", max_length=200)
    city: str = Field("", max_length=200)


@router.get("/rules")
async def all_rules(actor: Viewer, db: Db) -> Rules:
    """The rules in their order, with the version of the list."""
    async with db.transaction() as tx:
        return await service.rules(tx, shop_id=actor.shop_id)


@router.put(
    "/rules", responses=refusals(RulesChanged, TooManyRules, BadRule, UnknownRule, inventory.UnknownStock)
)
async def save_rules(body: RulesIn, actor: Manager, db: Db) -> Rules:
    """The whole list at once.  Orders that have parcels stay where they are."""
    async with db.transaction() as tx:
        return await service.save(
            tx,
            shop_id=actor.shop_id,
            wanted=[
                Rule(each.kind, each.is_on, each.location_id, each.place_kind or None) for each in body.rules
            ],
            actor=f"person:{actor.person_id}",
            version=body.version,
        )


@router.get("/limits")
async def all_limits(actor: Viewer, db: Db) -> RoutingLimits:
    """What locations send in a day, and until when; locations without a limit are left out."""
    async with db.transaction() as tx:
        return RoutingLimits(await service.limits(tx, shop_id=actor.shop_id))


@router.put("/limits/{location_id}", responses=refusals(inventory.UnknownStock, BadLimit))
async def save_limit(location_id: Id, body: LimitIn, actor: Manager, db: Db) -> Limit:
    """It counts for stores, while the rule `store_limits` is on."""
    limit = Limit(location_id, body.per_day, body.cut_off, body.accept_hours)
    async with db.transaction() as tx:
        await service.set_limit(tx, shop_id=actor.shop_id, wanted=limit, actor=f"person:{actor.person_id}")
    return limit


@router.post("/what-if", responses=refusals(inventory.UnknownStock))
async def what_if(body: WhatIfIn, actor: Viewer, db: Db) -> Answer:
    """From where this order would leave now, and why.  Nothing is reserved."""
    units: dict[int, int] = {}
    for line in body.lines:
        units[line.variant_id] = min(MAX_QUANTITY, units.get(line.variant_id, 0) + line.quantity)
    async with db.transaction() as tx:
        legs = await service.what_if(
            tx,
            shop_id=actor.shop_id,
            wish=Wish(units, Spot(body.country.upper(), body.region, body.city)),
        )
    return Answer(legs)


@router.get("/changes")
async def all_changes(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    after: Id | None = None,
    before: Id | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[Change]:
    """Who changed rules and limits, newest first."""
    async with db.transaction() as tx:

        async def rows(*, after: int | None, before: int | None, limit: int) -> list[Change]:
            return await service.changes(tx, shop_id=actor.shop_id, after=after, before=before, limit=limit)

        found = await paging.page(rows, after=after, before=before, limit=limit, key=lambda change: change.id)
    return with_links(request, response, found)
