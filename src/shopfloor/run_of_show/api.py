"""/v1/{shop}/shows/{show}: what a show sells, and running it from the studio."""

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, Field

from shopfloor import accounts, run_of_show
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel.amounts import PriceLeap
from shopfloor.kernel.border import IDS_AS_NAMES, Id
from shopfloor.kernel.http import Db, refusals
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import MAX_MINOR, MAX_QUANTITY
from shopfloor.live import BadShow, Show, UnknownShow, WrongStatus
from shopfloor.run_of_show.models import (
    BadFlash,
    BadOffer,
    ChannelBusy,
    FeaturedInterval,
    Flash,
    FlashOfBundle,
    FlashRunning,
    FlashTooLarge,
    LimitBelowBundle,
    NothingToSell,
    Offer,
    OfferedAlready,
    OfferLine,
    Price,
    ProductNotActive,
    Slot,
    SlotRole,
    UnknownFlash,
    UnknownOffer,
    UnknownSlot,
)
from shopfloor.stock import HoldPolicy

router = Router(prefix="/v1/{shop}/shows", tags=["shows"])

Viewer = Annotated[Actor, Depends(allowed(Permission.SHOW_VIEW))]
Runner = Annotated[Actor, Depends(allowed(Permission.SHOW_RUN))]

Limit = Annotated[int, Field(ge=1, le=MAX_QUANTITY)]
Minor = Annotated[int, Field(ge=0, le=MAX_MINOR)]
Units = Annotated[int, Field(ge=0, le=MAX_QUANTITY)]
VideoMs = Annotated[int, Field(ge=0, le=10**14, description="Clock of the video, milliseconds since 1970.")]


class LineIn(BaseModel):
    variant_id: Id
    price_minor: Minor
    quota: Units | None = None


class OfferIn(BaseModel):
    product_id: Id
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=200)]
    policy: HoldPolicy = HoldPolicy.TIMER
    hold_seconds: Annotated[int, Field(ge=15, le=86_400)] = 300
    limit_per_buyer: Limit | None = None
    deposit_percent: Annotated[int, Field(ge=1, le=99)] | None = None
    minutes: Annotated[int, Field(ge=0, le=1440)] = 5
    role: SlotRole = SlotRole.HERO
    script: Annotated[str, Field(max_length=20_000)] = ""


class OfferChange(BaseModel):
    """What is missing stays as it is; quotas by variant."""

    policy: HoldPolicy | None = None
    hold_seconds: Annotated[int, Field(ge=15, le=86_400)] | None = None
    limit_per_buyer: Limit | None = None
    deposit_percent: Annotated[int, Field(ge=1, le=99)] | None = None
    quotas: Annotated[dict[int, Units], Field(json_schema_extra=IDS_AS_NAMES)] | None = None


class PriceIn(BaseModel):
    """A price that moves by more than a factor of three is refused with `price.leap` and both prices; `confirm` says
    that it is meant.
    """

    variant_id: Id
    price_minor: Minor
    reason: Annotated[str, Field(max_length=200)] = "changed on air"
    at: VideoMs | None = None
    confirm: bool = False


class FeatureIn(BaseModel):
    """None takes the offer off the screen."""

    offer_id: Id | None
    at: VideoMs | None = None


class SlotIn(BaseModel):
    offer_id: Id | None = None
    minutes: Annotated[int, Field(ge=0, le=1440)] = 5
    role: SlotRole = SlotRole.TALK
    title: Annotated[str, Field(max_length=120)] = ""
    script: Annotated[str, Field(max_length=20_000)] = ""


class SlotChange(BaseModel):
    minutes: Annotated[int, Field(ge=0, le=1440)] | None = None
    role: SlotRole | None = None
    title: Annotated[str, Field(max_length=120)] | None = None
    script: Annotated[str, Field(max_length=20_000)] | None = None


class FlashIn(BaseModel):
    """`confirm`: also a price below a third of the present one."""

    price_minor: Minor
    units: Annotated[int, Field(ge=1, le=MAX_QUANTITY)]
    seconds: Annotated[int, Field(ge=10, le=3600)]
    at: VideoMs | None = None
    confirm: bool = False


class OrderIn(BaseModel):
    slot_ids: list[Id]


@router.post("/{show_id}/start", responses=refusals(UnknownShow, WrongStatus, NothingToSell, ChannelBusy))
async def start(show_id: Id, actor: Runner, db: Db) -> Show:
    """Go on air."""
    async with db.transaction() as tx:
        return await run_of_show.start_show(tx, shop_id=actor.shop_id, show_id=show_id, by=actor.person_id)


@router.post("/{show_id}/end", responses=refusals(UnknownShow, WrongStatus))
async def end(show_id: Id, actor: Runner, db: Db) -> Show:
    """Go off air; what is left of the quotas flows back."""
    async with db.transaction() as tx:
        return await run_of_show.end_show(tx, shop_id=actor.shop_id, show_id=show_id, by=actor.person_id)


@router.post(
    "/{show_id}/feature",
    status_code=204,
    responses=refusals(UnknownShow, UnknownOffer, WrongStatus, ProductNotActive),
)
async def feature(show_id: Id, body: FeatureIn, actor: Runner, db: Db) -> None:
    """Show an offer, or none."""
    async with db.transaction() as tx:
        await run_of_show.feature(
            tx, shop_id=actor.shop_id, show_id=show_id, offer_id=body.offer_id, at=body.at, by=actor.person_id
        )


@router.get("/{show_id}/featured-intervals", responses=refusals(UnknownShow))
async def featured_intervals(show_id: Id, actor: Viewer, db: Db) -> list[FeaturedInterval]:
    """When what was shown."""
    async with db.transaction() as tx:
        return await run_of_show.featured_intervals(tx, shop_id=actor.shop_id, show_id=show_id)


@router.get("/{show_id}/offers", responses=refusals(UnknownShow))
async def offers(show_id: Id, actor: Viewer, db: Db) -> list[Offer]:
    """In the order of the run of show."""
    async with db.transaction() as tx:
        return await run_of_show.offers(tx, shop_id=actor.shop_id, show_id=show_id)


@router.post(
    "/{show_id}/offers",
    status_code=201,
    responses=refusals(
        UnknownShow, WrongStatus, BadOffer, LimitBelowBundle, OfferedAlready, ProductNotActive
    ),
)
async def add_offer(show_id: Id, body: OfferIn, actor: Runner, db: Db) -> Offer:
    """Offer a product, also on air; there it must be active."""
    lines = [OfferLine(line.variant_id, line.price_minor, line.quota) for line in body.lines]
    async with db.transaction() as tx:
        return await run_of_show.add_offer(
            tx,
            shop_id=actor.shop_id,
            show_id=show_id,
            lines=lines,
            by=actor.person_id,
            **body.model_dump(exclude={"lines"}),
        )


@router.patch(
    "/{show_id}/offers/{offer_id}",
    responses=refusals(UnknownShow, UnknownOffer, WrongStatus, BadOffer, LimitBelowBundle),
)
async def change_offer(show_id: Id, offer_id: Id, body: OfferChange, actor: Runner, db: Db) -> Offer:
    """Change terms, top up quotas."""
    async with db.transaction() as tx:
        return await run_of_show.change_offer(
            tx, shop_id=actor.shop_id, show_id=show_id, offer_id=offer_id, **body.model_dump()
        )


@router.post(
    "/{show_id}/offers/{offer_id}/price",
    status_code=204,
    responses=refusals(UnknownShow, UnknownOffer, WrongStatus, BadOffer, FlashRunning, PriceLeap),
)
async def set_price(show_id: Id, offer_id: Id, body: PriceIn, actor: Runner, db: Db) -> None:
    """A new price from now on."""
    async with db.transaction() as tx:
        await run_of_show.set_offer_price(
            tx,
            shop_id=actor.shop_id,
            show_id=show_id,
            offer_id=offer_id,
            by=actor.person_id,
            confirmed=body.confirm,
            **body.model_dump(exclude={"confirm"}),
        )


@router.get("/{show_id}/flashes", responses=refusals(UnknownShow))
async def flashes(show_id: Id, actor: Viewer, db: Db) -> list[Flash]:
    """Every flash sale of the show, oldest first."""
    async with db.transaction() as tx:
        return await run_of_show.flashes(tx, shop_id=actor.shop_id, show_id=show_id)


@router.post(
    "/{show_id}/offers/{offer_id}/flash",
    responses=refusals(
        UnknownShow,
        UnknownOffer,
        WrongStatus,
        ProductNotActive,
        BadFlash,
        FlashOfBundle,
        FlashRunning,
        FlashTooLarge,
        PriceLeap,
    ),
)
async def start_flash(show_id: Id, offer_id: Id, body: FlashIn, actor: Runner, db: Db) -> Flash:
    """Sell so many units at a lower price for so many seconds.  The running one, asked for again, is that one."""
    async with db.transaction() as tx:
        return await run_of_show.start_flash(
            tx,
            shop_id=actor.shop_id,
            show_id=show_id,
            offer_id=offer_id,
            by=actor.person_id,
            confirmed=body.confirm,
            **body.model_dump(exclude={"confirm"}),
        )


@router.delete("/{show_id}/offers/{offer_id}/flash", responses=refusals(UnknownShow, UnknownFlash))
async def stop_flash(show_id: Id, offer_id: Id, actor: Runner, db: Db) -> Flash:
    """End it before its time."""
    async with db.transaction() as tx:
        return await run_of_show.stop_flash(
            tx, shop_id=actor.shop_id, show_id=show_id, offer_id=offer_id, by=actor.person_id
        )


@router.get("/{show_id}/prices", responses=refusals(UnknownShow))
async def prices(show_id: Id, actor: Viewer, db: Db) -> list[Price]:
    """Every price of the show, oldest first."""
    async with db.transaction() as tx:
        return await run_of_show.prices(tx, shop_id=actor.shop_id, show_id=show_id)


@router.get("/{show_id}/slots", responses=refusals(UnknownShow))
async def slots(show_id: Id, actor: Viewer, db: Db) -> list[Slot]:
    """The run of show."""
    async with db.transaction() as tx:
        return await run_of_show.slots(tx, shop_id=actor.shop_id, show_id=show_id)


@router.post(
    "/{show_id}/slots",
    status_code=201,
    responses=refusals(UnknownShow, UnknownOffer, WrongStatus, BadShow, accounts.NotAllowed),
)
async def add_slot(show_id: Id, body: SlotIn, actor: Runner, db: Db) -> Slot:
    """A slot at the end."""
    actor.check_told(body.title)
    async with db.transaction() as tx:
        return await run_of_show.add_slot(tx, shop_id=actor.shop_id, show_id=show_id, **body.model_dump())


@router.put("/{show_id}/slots/order", responses=refusals(UnknownShow, WrongStatus, BadShow))
async def order_slots(show_id: Id, body: OrderIn, actor: Runner, db: Db) -> list[Slot]:
    """Put the run of show in this order."""
    async with db.transaction() as tx:
        return await run_of_show.order_slots(
            tx, shop_id=actor.shop_id, show_id=show_id, slot_ids=body.slot_ids
        )


@router.patch(
    "/{show_id}/slots/{slot_id:id}",
    responses=refusals(UnknownShow, UnknownSlot, WrongStatus, BadShow, accounts.NotAllowed),
)
async def change_slot(show_id: Id, slot_id: Id, body: SlotChange, actor: Runner, db: Db) -> Slot:
    """Change what is given."""
    actor.check_told(body.title or "")
    async with db.transaction() as tx:
        return await run_of_show.change_slot(
            tx, shop_id=actor.shop_id, show_id=show_id, slot_id=slot_id, **body.model_dump()
        )


@router.delete(
    "/{show_id}/slots/{slot_id:id}",
    status_code=204,
    responses=refusals(UnknownShow, UnknownSlot, WrongStatus),
)
async def remove_slot(show_id: Id, slot_id: Id, actor: Runner, db: Db) -> None:
    """Take a slot out; its offer stays."""
    async with db.transaction() as tx:
        await run_of_show.remove_slot(tx, shop_id=actor.shop_id, show_id=show_id, slot_id=slot_id)
