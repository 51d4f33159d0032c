"""Tills as JSON: registers and their devices, shifts with X and Z, sales, and what is left for people to do."""

from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import now
from shopfloor.tills import assistants, journal, journal_queries, queries, registers, service, shifts
from shopfloor.tills.models import (
    PAIRING_MINUTES,
    BadPin,
    BadRegister,
    CodeTaken,
    Device,
    NotSetApart,
    Receipt,
    Register,
    Right,
    Shift,
    Task,
    TaskDone,
    UnknownRegister,
    UnknownStore,
)

router = Router(prefix="/v1/{shop}/tills", tags=["tills"])

Viewer = Annotated[Actor, Depends(allowed(Permission.TILL_SELL))]
Manager = Annotated[Actor, Depends(allowed(Permission.TILL_MANAGE))]
Limit = Annotated[int, Query(ge=1, le=200)]


class NewRegister(BaseModel):
    """`code`: one to four letters or digits, with which the series of its receipts begin."""

    location_id: Id
    code: str = Field(max_length=20)
    name: str = Field(max_length=200)


class PairingCode(BaseModel):
    """What a device is paired with, once, within so many minutes."""

    code: str
    minutes: int


class EscrowIn(BaseModel):
    """So many units of a variant are kept for a device; 0: none."""

    variant_id: Id
    quantity: int = Field(ge=0, le=1_000_000)


class Escrow(BaseModel):
    """What is set apart now."""

    variant_id: int
    quantity: int


class NewAssistant(BaseModel):
    """Who sells; the PIN has four to eight digits."""

    name: str = Field(max_length=200)
    pin: str = Field(max_length=40)
    rights: list[Right] = Field(max_length=20)
    is_manager: bool = False


class AssistantTold(BaseModel):
    """Without the PIN, which nobody is told."""

    id: int
    name: str
    rights: list[str]
    is_manager: bool


class DoneIn(BaseModel):
    note: str = Field("", max_length=500)


class Decided(BaseModel):
    """Whether a fact of a device that was locked out, or that could not be carried out, counts after all."""

    counts: bool


@dataclass(frozen=True, slots=True)
class ShiftTold:
    """A shift, and its X as of now; `z` is what was frozen when it was closed."""

    shift: Shift
    x: dict[str, Any]
    read_at: datetime


@router.get("/registers")
async def all_registers(actor: Viewer, db: Db) -> list[Register]:
    """All of the shop."""
    async with db.transaction() as tx:
        return await queries.registers(tx, shop_id=actor.shop_id)


@router.post("/registers", status_code=201, responses=refusals(BadRegister, CodeTaken, UnknownStore))
async def add_register(body: NewRegister, actor: Manager, db: Db) -> Register:
    """A place to sell at a location of the shop."""
    async with db.transaction() as tx:
        return await registers.add_register(
            tx, shop_id=actor.shop_id, location_id=body.location_id, code=body.code, name=body.name
        )


@router.post("/registers/{register_id}/codes", status_code=201, responses=refusals(UnknownRegister))
async def new_code(register_id: Id, actor: Manager, db: Db) -> PairingCode:
    """A code with which one device is paired with this register."""
    async with db.transaction() as tx:
        code = await registers.new_code(
            tx, shop_id=actor.shop_id, register_id=register_id, person_id=actor.person_id
        )
    return PairingCode(code=code, minutes=PAIRING_MINUTES)


@router.get("/assistants")
async def all_assistants(actor: Viewer, db: Db) -> list[AssistantTold]:
    """Those who sell now."""
    async with db.transaction() as tx:
        known = await assistants.all_of(tx, shop_id=actor.shop_id)
    return [
        AssistantTold(id=each.id, name=each.name, rights=each.rights, is_manager=each.is_manager)
        for each in known
    ]


@router.post("/assistants", status_code=201, responses=refusals(BadPin))
async def add_assistant(body: NewAssistant, actor: Manager, db: Db) -> AssistantTold:
    """Tills know the PIN when they are online next."""
    async with db.transaction() as tx:
        assistant_id = await assistants.add(
            tx,
            shop_id=actor.shop_id,
            name=body.name,
            pin=body.pin,
            rights=body.rights,
            is_manager=body.is_manager,
        )
        known = await assistants.all_of(tx, shop_id=actor.shop_id)
    [added] = [each for each in known if each.id == assistant_id]
    return AssistantTold(id=added.id, name=added.name, rights=added.rights, is_manager=added.is_manager)


@router.get("/devices")
async def devices(actor: Viewer, db: Db) -> list[Device]:
    """All that were ever paired."""
    async with db.transaction() as tx:
        return await queries.devices(tx, shop_id=actor.shop_id)


@router.post("/devices/{device_id:uuid}/lock-out", responses=refusals(UnknownRegister))
async def lock_out(device_id: UUID, actor: Manager, db: Db) -> Device:
    """A device is lost: it sells nothing any longer, and its units are on sale again."""
    async with db.transaction() as tx:
        return await registers.lock_out(
            tx, shop_id=actor.shop_id, device_id=device_id, person_id=actor.person_id
        )


@router.put("/devices/{device_id:uuid}/escrow", responses=refusals(UnknownRegister, NotSetApart))
async def set_escrow(device_id: UUID, body: EscrowIn, actor: Manager, db: Db) -> Escrow:
    """Set units apart for a device that may be offline."""
    async with db.transaction() as tx:
        kept = await registers.set_escrow(
            tx,
            shop_id=actor.shop_id,
            device_id=device_id,
            variant_id=body.variant_id,
            quantity=body.quantity,
        )
    return Escrow(variant_id=body.variant_id, quantity=kept)


@router.get("/shifts")
async def all_shifts(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Limit = 50,
) -> list[Shift]:
    """All of the shop, the newest first.  The header `Link` leads on."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(journal_queries.shifts, tx, shop_id=actor.shop_id),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
    return with_links(request, response, found)


@router.get("/shifts/{shift_id:uuid}", responses=refusals(UnknownRegister))
async def one_shift(shift_id: UUID, actor: Viewer, db: Db) -> ShiftTold:
    """One, with its X."""
    async with db.transaction() as tx:
        found = await service.shift(tx, shop_id=actor.shop_id, shift_id=shift_id)
        return ShiftTold(found, await shifts.report(tx, found), now())


@router.get("/sales")
async def sales(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Limit = 50,
) -> list[Receipt]:
    """Sales and returns of all tills, the newest first.  The header `Link` leads on."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(journal_queries.receipts, tx, shop_id=actor.shop_id),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
    return with_links(request, response, found)


@router.get("/tasks")
async def tasks(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    is_open: Annotated[bool, Query(alias="open")] = True,
    after: Id | None = None,
    before: Id | None = None,
    limit: Limit = 50,
) -> list[Task]:
    """What is left for people to do, the newest first.  The header `Link` leads on."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(journal_queries.tasks, tx, shop_id=actor.shop_id, is_open=is_open),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
    return with_links(request, response, found)


@router.post("/tasks/{task_id}/done", status_code=204, responses=refusals(UnknownRegister, TaskDone))
async def done(task_id: Id, body: DoneIn, actor: Manager, db: Db) -> Response:
    """Somebody has seen to it."""
    async with db.transaction() as tx:
        await journal.finish(
            tx, shop_id=actor.shop_id, task_id=task_id, person_id=actor.person_id, note=body.note
        )
    return Response(status_code=204)


@router.post(
    "/devices/{device_id:uuid}/facts/{sequence}",
    status_code=204,
    responses=refusals(UnknownRegister, TaskDone),
)
async def decide(device_id: UUID, sequence: Id, body: Decided, actor: Manager, db: Db) -> Response:
    """Say whether a fact that waits for a person counts."""
    async with db.transaction() as tx:
        await journal.review(
            tx, shop_id=actor.shop_id, device_id=device_id, sequence=sequence, counts=body.counts
        )
    return Response(status_code=204)
