"""/v1/{shop}/taxes and /v1/{shop}/shipping: what a shop adds to its prices."""

from typing import Annotated

from fastapi import Depends, Response
from pydantic import BaseModel, Field

from shopfloor.accounts import Actor, NotAllowed, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel.border import Day, Id
from shopfloor.kernel.http import Db, refusals
from shopfloor.kernel.routes import Router
from shopfloor.kernel.text import UnusableText
from shopfloor.kernel.values import MAX_MINOR
from shopfloor.pricing import service
from shopfloor.pricing.models import STANDARD, DeliveryKind, PriceBy, Rounding, TaxPlace
from shopfloor.pricing.records import Method, TaxClass, TaxRate, TaxSettings, Zone
from shopfloor.pricing.refusals import (
    BadPeriod,
    BadSteps,
    BadTaxClass,
    BadTaxNumber,
    DeliveryIncomplete,
    Negative,
    RateUnreadable,
    RuleInUse,
    TooLarge,
    TooMany,
    UnknownCountry,
    UnknownRule,
)

router = Router(prefix="/v1/{shop}", tags=["tax and shipping"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.ORDERS_MANAGE))]
Minor = Annotated[int, Field(ge=0, le=MAX_MINOR)]
Word = Annotated[str, Field(max_length=100)]


class TaxSettingsBody(BaseModel):
    origin_country: str = Field(max_length=2)
    included: bool = True
    rounding: Rounding = Rounding.LINE
    place: TaxPlace = TaxPlace.DESTINATION
    origin_region: Word = ""
    shipping_class: str | None = Field(None, max_length=40)
    tax_number: str = Field("", max_length=30)
    reference_days: int | None = Field(
        None,
        ge=1,
        le=365,
        description="A reduction is shown against the lowest price of so many days before it.",
    )


class TaxClassBody(BaseModel):
    name: Word


class TaxRateBody(BaseModel):
    """`percent`: a decimal string such as `9.975`.  `adds`: beside the rate of the country instead of in its place."""

    country: str = Field(max_length=2)
    percent: str = Field(max_length=20)
    tax_class: str = Field(STANDARD, max_length=40)
    name: str = Field("", max_length=40)
    regions: list[Word] = Field(default_factory=list[Word], max_length=20)
    postcodes: list[Word] = Field(default_factory=list[Word], max_length=200)
    valid_from: Day | None = None
    valid_until: Day | None = None
    adds: bool = False


class TaxesOut(BaseModel):
    settings: TaxSettings | None
    classes: list[TaxClass]
    rates: list[TaxRate]


class ZoneBody(BaseModel):
    name: Word
    countries: list[Annotated[str, Field(max_length=2)]] = Field(max_length=300)
    position: int = Field(0, ge=0, le=100_000)
    regions: list[Word] = Field(default_factory=list[Word], max_length=200)
    postcodes: list[Word] = Field(default_factory=list[Word], max_length=1000)
    except_regions: list[Word] = Field(default_factory=list[Word], max_length=200)
    except_postcodes: list[Word] = Field(default_factory=list[Word], max_length=1000)


class StepBody(BaseModel):
    """Up to and with so many grams or minor units; null in the last: without end."""

    amount: Minor
    up_to: Minor | None = None


class MethodBody(BaseModel):
    kind: DeliveryKind
    name: Word
    position: int = Field(0, ge=0, le=100_000)
    zone_id: Id | None = None
    note: str = Field("", max_length=2000)
    price_by: PriceBy = PriceBy.FLAT
    amount_minor: Minor = 0
    steps: list[StepBody] = Field(default_factory=list[StepBody], max_length=50)
    free_from_minor: Minor | None = None
    country: str = Field("", max_length=2)
    region: Word = ""
    postcodes: list[Word] = Field(default_factory=list[Word], max_length=1000)


class ShippingOut(BaseModel):
    zones: list[Zone]
    methods: list[Method]


@router.get("/taxes")
async def taxes(actor: Viewer, db: Db) -> TaxesOut:
    """Settings, classes and rates."""
    async with db.transaction() as tx:
        found = await service.rules(tx, shop_id=actor.shop_id)
        return TaxesOut(
            settings=found.settings,
            classes=await service.tax_classes(tx, shop_id=actor.shop_id),
            rates=await service.tax_rates(tx, shop_id=actor.shop_id),
        )


@router.put("/taxes", responses=refusals(UnknownCountry, BadTaxNumber, UnknownRule, UnusableText))
async def set_taxes(body: TaxSettingsBody, actor: Manager, db: Db) -> TaxSettings:
    async with db.transaction() as tx:
        return await service.set_taxes(tx, shop_id=actor.shop_id, wanted=TaxSettings(**body.model_dump()))


@router.put("/taxes/classes/{code}", responses=refusals(BadTaxClass, TooMany, UnusableText))
async def save_tax_class(code: str, body: TaxClassBody, actor: Manager, db: Db) -> TaxClass:
    async with db.transaction() as tx:
        return await service.save_tax_class(tx, shop_id=actor.shop_id, code=code, name=body.name)


@router.delete("/taxes/classes/{code}", status_code=204, responses=refusals(UnknownRule, RuleInUse))
async def remove_tax_class(code: str, actor: Manager, db: Db) -> Response:
    async with db.transaction() as tx:
        await service.remove_tax_class(tx, shop_id=actor.shop_id, code=code)
    return Response(status_code=204)


_RATE = (UnknownRule, UnknownCountry, BadPeriod, TooMany, RateUnreadable, Negative, TooLarge, UnusableText)


@router.post("/taxes/rates", status_code=201, responses=refusals(*_RATE))
async def add_tax_rate(body: TaxRateBody, actor: Manager, db: Db) -> TaxRate:
    async with db.transaction() as tx:
        return await service.save_tax_rate(tx, shop_id=actor.shop_id, rate=TaxRate(id=0, **body.model_dump()))


@router.put("/taxes/rates/{rate_id}", responses=refusals(*_RATE))
async def change_tax_rate(rate_id: Id, body: TaxRateBody, actor: Manager, db: Db) -> TaxRate:
    async with db.transaction() as tx:
        return await service.save_tax_rate(
            tx, shop_id=actor.shop_id, rate=TaxRate(id=rate_id, **body.model_dump())
        )


@router.delete("/taxes/rates/{rate_id}", status_code=204, responses=refusals(UnknownRule))
async def remove_tax_rate(rate_id: Id, actor: Manager, db: Db) -> Response:
    async with db.transaction() as tx:
        await service.remove_tax_rate(tx, shop_id=actor.shop_id, rate_id=rate_id)
    return Response(status_code=204)


@router.get("/shipping")
async def shipping(actor: Viewer, db: Db) -> ShippingOut:
    """Zones and ways of delivery, each in the order in which they are asked and shown."""
    async with db.transaction() as tx:
        found = await service.rules(tx, shop_id=actor.shop_id)
    return ShippingOut(zones=found.zones, methods=found.methods)


_ZONE = (UnknownRule, UnknownCountry, TooMany, UnusableText)


@router.post("/shipping/zones", status_code=201, responses=refusals(*_ZONE))
async def add_zone(body: ZoneBody, actor: Manager, db: Db) -> Zone:
    async with db.transaction() as tx:
        return await service.save_zone(tx, shop_id=actor.shop_id, zone=Zone(id=0, **body.model_dump()))


@router.put("/shipping/zones/{zone_id}", responses=refusals(*_ZONE))
async def change_zone(zone_id: Id, body: ZoneBody, actor: Manager, db: Db) -> Zone:
    async with db.transaction() as tx:
        return await service.save_zone(tx, shop_id=actor.shop_id, zone=Zone(id=zone_id, **body.model_dump()))


@router.delete("/shipping/zones/{zone_id}", status_code=204, responses=refusals(UnknownRule, RuleInUse))
async def remove_zone(zone_id: Id, actor: Manager, db: Db) -> Response:
    async with db.transaction() as tx:
        await service.remove_zone(tx, shop_id=actor.shop_id, zone_id=zone_id)
    return Response(status_code=204)


_METHOD = (
    UnknownRule, UnknownCountry, DeliveryIncomplete, BadSteps, TooMany, Negative, TooLarge, UnusableText, NotAllowed,
)  # fmt: skip


@router.post("/shipping/methods", status_code=201, responses=refusals(*_METHOD))
async def add_method(body: MethodBody, actor: Manager, db: Db) -> Method:
    actor.check_told(body.name, body.note)
    async with db.transaction() as tx:
        return await service.save_method(tx, shop_id=actor.shop_id, method=Method(id=0, **body.model_dump()))


@router.put("/shipping/methods/{method_id}", responses=refusals(*_METHOD))
async def change_method(method_id: Id, body: MethodBody, actor: Manager, db: Db) -> Method:
    actor.check_told(body.name, body.note)
    async with db.transaction() as tx:
        return await service.save_method(
            tx, shop_id=actor.shop_id, method=Method(id=method_id, **body.model_dump())
        )


@router.delete("/shipping/methods/{method_id}", status_code=204, responses=refusals(UnknownRule))
async def remove_method(method_id: Id, actor: Manager, db: Db) -> Response:
    async with db.transaction() as tx:
        await service.remove_method(tx, shop_id=actor.shop_id, method_id=method_id)
    return Response(status_code=204)
