"""/v1/{shop}/parcels: what is to pick, what was packed, what is on its way, and what is printed for it.

Whatever is asked again is done once: parcels that took a step stay where they are, a sheet has an id of yours.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor import documents, fulfilment, orders
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.kernel.text import UnusableText
from shopfloor.warehouse import service, sheets
from shopfloor.warehouse.queries import ParcelSummary, ShowToPack

router = Router(prefix="/v1/{shop}/parcels", tags=["parcels"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.ORDERS_MANAGE))]


class Tracked(BaseModel):
    """Empty: what the parcel has stays."""

    carrier: str = Field("", max_length=60)
    tracking: str = Field("", max_length=200)


@router.get("")
async def parcels(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    state: fulfilment.State | None = None,
    show_id: Id | None = None,
    location_id: Id | None = None,
    search: Annotated[str | None, Query(max_length=100)] = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[ParcelSummary]:
    """Oldest first.  `search`: an order's or a parcel's number, or a tracking number, in all states.  The header `Link`
    leads to the next page.
    """
    async with db.transaction() as tx:
        found = await service.listing(
            tx,
            shop_id=actor.shop_id,
            state=None if state is None else state.value,
            show_id=show_id,
            location_id=location_id,
            search=search,
            after=after,
            before=before,
            limit=limit,
        )
    return with_links(request, response, found)


async def _told(db: Db, actor: Actor, parcel_id: UUID) -> dict[str, Any]:
    async with db.transaction() as tx:
        parcel = await fulfilment.parcel(tx, shop_id=actor.shop_id, parcel_id=parcel_id)
        [packed] = await service.packed(tx, shop_id=actor.shop_id, ids=[parcel_id])
        history = await fulfilment.history(tx, parcel_id=parcel_id)
    shown: dict[str, Any] = msgspec.to_builtins(
        {"parcel": parcel, "recipient": packed.recipient, "items": packed.items, "history": history}
    )
    shown["parcel"]["number"] = parcel.number
    shown["grams"] = packed.grams
    return shown


@router.get("/{parcel_id:uuid}", responses=refusals(fulfilment.ParcelNotFound))
async def parcel(parcel_id: UUID, actor: Viewer, db: Db) -> dict[str, Any]:
    """One parcel with where it goes, what is in it and what happened to it."""
    return await _told(db, actor, parcel_id)


@router.post(
    "/{parcel_id:uuid}/track",
    responses=refusals(fulfilment.ParcelNotFound, fulfilment.WrongStep, UnusableText),
)
async def track(parcel_id: UUID, body: Tracked, actor: Manager, db: Db) -> dict[str, Any]:
    """Its number at its carrier, before it leaves or after."""
    async with db.transaction() as tx:
        await orders.shipping.track_parcel(
            tx,
            shop_id=actor.shop_id,
            parcel_id=parcel_id,
            carrier=body.carrier,
            tracking=body.tracking,
            actor=f"person:{actor.person_id}",
        )
    return await _told(db, actor, parcel_id)


class Chosen(BaseModel):
    """Parcels by id; what was done to some of them already is not done again."""

    parcel_ids: list[UUID] = Field(min_length=1, max_length=500)


class StepIn(Chosen):
    """`to`: picked, packed or ready_to_collect."""

    to: Literal["picked", "packed", "ready_to_collect"]


class SendIn(Chosen):
    """`carrier`: of those that have none yet."""

    carrier: str = Field("", max_length=60)


class SheetIn(Chosen):
    """`sheet_id`: your own, so that asking again prints it once."""

    kind: documents.SheetKind
    sheet_id: UUID | None = None


class ScanIn(BaseModel):
    """`code`: the barcode or SKU of the unit in your hand.  `unit`: the how-manieth of the parcel it is, from 1, so that
    asking again counts it once.
    """

    code: str = Field(min_length=1, max_length=100)
    unit: int | None = Field(None, ge=1, le=1_000_000)


class Stayed(BaseModel):
    parcel_id: UUID
    code: str
    message: str


class Outcome(BaseModel):
    """`stayed`: parcels that could not, and why; the others did, now or before."""

    done: int
    stayed: list[Stayed]


class ToDo(BaseModel):
    """How many parcels are at each step, counted up to 10,000, and the shows that have some to pack."""

    states: dict[str, int]
    shows: list[ShowToPack]


class Printed(BaseModel):
    """`made`: whether its file is there."""

    id: UUID
    kind: documents.SheetKind
    parcels: int
    made: bool


class SheetFile(Response):
    # Made clients know bytes by this name, and drop what has another.
    media_type = "application/octet-stream"


def _outcome(ids: Sequence[UUID], stayed: Mapping[UUID, Refusal]) -> Outcome:
    return Outcome(
        done=len(set(ids)) - len(stayed),
        stayed=[
            Stayed(parcel_id=parcel_id, code=refusal.code, message=refusal.message)
            for parcel_id, refusal in stayed.items()
        ],
    )


@router.get("/to-do")
async def to_do(actor: Viewer, db: Db, *, show_id: Id | None = None, location_id: Id | None = None) -> ToDo:
    async with db.transaction() as tx:
        counts = await service.counts(tx, shop_id=actor.shop_id, show_id=show_id, location_id=location_id)
        return ToDo(states=counts, shows=await service.shows(tx, shop_id=actor.shop_id))


@router.post("/step", responses=refusals(fulfilment.ParcelNotFound))
async def step(body: StepIn, actor: Manager, db: Db) -> Outcome:
    """Many at once: they are picked, packed, or ready to be collected."""
    async with db.transaction() as tx:
        _, stayed = await fulfilment.step_able(
            tx,
            shop_id=actor.shop_id,
            parcel_ids=body.parcel_ids,
            to=fulfilment.State(body.to),
            actor=f"person:{actor.person_id}",
        )
    return _outcome(body.parcel_ids, stayed)


@router.post("/send")
async def send(body: SendIn, actor: Manager, db: Db) -> Outcome:
    """They leave, or are handed over where they are collected.  Each for itself: one that stays keeps no other."""
    stayed = await service.send_parcels(
        db,
        shop_id=actor.shop_id,
        parcel_ids=body.parcel_ids,
        carrier=body.carrier,
        actor=f"person:{actor.person_id}",
    )
    return _outcome(body.parcel_ids, stayed)


@router.post("/delivered")
async def delivered(body: Chosen, actor: Manager, db: Db) -> Outcome:
    """Their buyers have them."""
    stayed = await service.arrived_parcels(
        db, shop_id=actor.shop_id, parcel_ids=body.parcel_ids, actor=f"person:{actor.person_id}"
    )
    return _outcome(body.parcel_ids, stayed)


@router.post(
    "/{parcel_id:uuid}/scan",
    responses=refusals(fulfilment.ParcelNotFound, fulfilment.WrongStep),
)
async def scan(parcel_id: UUID, body: ScanIn, actor: Manager, db: Db) -> dict[str, Any]:
    """One unit more is in the box; with the last one the parcel is picked."""
    async with db.transaction() as tx:
        [known] = await fulfilment.lock(tx, shop_id=actor.shop_id, parcel_ids=[parcel_id])
        if body.unit is None or sum(line.picked for line in known.lines) < body.unit:
            await service.scan(
                tx,
                shop_id=actor.shop_id,
                parcel_id=parcel_id,
                code=body.code,
                actor=f"person:{actor.person_id}",
            )
    return await _told(db, actor, parcel_id)


@router.post("/sheets", status_code=201, responses=refusals(fulfilment.ParcelNotFound))
async def ask_sheet(body: SheetIn, actor: Manager, db: Db) -> Printed:
    """A pick list, packing slips or labels of these parcels, made in a moment."""
    async with db.transaction() as tx:
        sheet_id = await sheets.ask(
            tx, shop_id=actor.shop_id, kind=body.kind, parcel_ids=body.parcel_ids, sheet_id=body.sheet_id
        )
        return _printed(await documents.sheet(tx, shop_id=actor.shop_id, sheet_id=sheet_id))


def _printed(sheet: documents.Sheet) -> Printed:
    return Printed(id=sheet.id, kind=sheet.kind, parcels=len(sheet.asked), made=sheet.made_at is not None)


@router.get("/sheets/{sheet_id:uuid}", responses=refusals(documents.DocumentNotFound))
async def sheet(sheet_id: UUID, actor: Viewer, db: Db) -> Printed:
    """Sheets carry addresses: they are forgotten after a week."""
    async with db.transaction() as tx:
        return _printed(await documents.sheet(tx, shop_id=actor.shop_id, sheet_id=sheet_id))


@router.get(
    "/sheets/{sheet_id:uuid}/file",
    response_class=SheetFile,
    responses=refusals(documents.DocumentNotFound, documents.NotMadeYet),
)
async def sheet_file(sheet_id: UUID, actor: Viewer, db: Db) -> Response:
    """The PDF as bytes."""
    async with db.transaction() as tx:
        found = await documents.sheet_file(tx, shop_id=actor.shop_id, sheet_id=sheet_id)
    return SheetFile(found.content, headers={"content-disposition": f'attachment; filename="{found.name}"'})
