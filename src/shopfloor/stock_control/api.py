"""Transfers between locations and counts as JSON, for scanners and other programs."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial
from operator import attrgetter
from typing import Annotated, Literal
from uuid import UUID

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
from shopfloor.kernel.text import UnusableText
from shopfloor.kernel.values import MAX_QUANTITY
from shopfloor.stock_control import counts, low, transfers
from shopfloor.stock_control.conditions import Condition, change
from shopfloor.stock_control.models import (
    MOST_LINES,
    Count,
    CountLine,
    CountListed,
    CountState,
    Difference,
    KeyReused,
    Listed,
    MovedMeanwhile,
    NothingCounted,
    NothingListed,
    NotInTransit,
    SameCondition,
    SamePlace,
    Threshold,
    TooManyLines,
    Transfer,
    TransferState,
    UnknownCode,
    UnknownPaper,
    Variance,
    WrongState,
)

router = Router(prefix="/v1/{shop}", tags=["stock"])

Viewer = Annotated[Actor, Depends(allowed(Permission.STOCK_VIEW))]
Counter = Annotated[Actor, Depends(allowed(Permission.STOCK_COUNT))]
Editor = Annotated[Actor, Depends(allowed(Permission.STOCK_EDIT))]
Limit = Annotated[int, Query(ge=1, le=200)]


class UnitsIn(BaseModel):
    variant_id: Id
    quantity: int = Field(ge=1, le=MAX_QUANTITY)


Lines = Annotated[list[UnitsIn], Field(max_length=MOST_LINES)]


class TransferIn(BaseModel):
    """`key`: your own, so that asking again is the same transfer."""

    key: UUID
    source_location: Id
    target_location: Id
    lines: Lines = Field(default_factory=list[UnitsIn])
    expected_on: date | None = None
    note: str = Field("", max_length=500)


class LinesIn(BaseModel):
    lines: Lines


class StepIn(BaseModel):
    """`key`: your own; the same step with the same key happens once."""

    key: UUID


class ReceiveIn(StepIn):
    """Units that are here now, beside those that were received before; `more`: also beyond what was sent."""

    lines: Lines
    more: bool = False


class ExplainIn(StepIn):
    """What became of units that were sent and did not come."""

    reason: Difference
    lines: Lines


class CountIn(BaseModel):
    """Of all that the books have at a location, or of these products."""

    location_id: Id
    product_ids: list[Id] | None = Field(None, min_length=1, max_length=1000)
    name: str = Field("", max_length=120)
    is_blind: bool = False


class ScanIn(BaseModel):
    """A code that was scanned, or a variant; `quantity` more units were seen (fewer take back a scan).  `entered`: so many
    there are in all.  `ago_ms`: how long ago it was scanned, where it waited for a network.
    """

    key: UUID
    code: str | None = Field(None, max_length=100)
    variant_id: Id | None = None
    quantity: int = Field(1, ge=-MAX_QUANTITY, le=MAX_QUANTITY)
    entered: bool = False
    ago_ms: int = Field(0, ge=0, le=86_400_000)


class RecountIn(BaseModel):
    """Without variants: all lines that differ, or that moved while they were counted."""

    variant_ids: list[Id] | None = Field(None, max_length=1000)


class LeaveOutIn(BaseModel):
    left_out: bool


class ConditionIn(BaseModel):
    """Units of a location from one condition to another; `gone`: thrown away or sent off."""

    location_id: Id
    variant_id: Id
    quantity: int = Field(ge=1, le=MAX_QUANTITY)
    from_condition: Literal["for_sale", "damaged", "display", "repair"] = "for_sale"
    to_condition: Condition
    reason: str = Field(min_length=1, max_length=200)


class ThresholdIn(BaseModel):
    """Warn when so many units or fewer can be sold at the location; None: never."""

    location_id: Id
    variant_id: Id
    units: int | None = Field(ge=0, le=MAX_QUANTITY)


class PostIn(BaseModel):
    reason: str = Field(min_length=1, max_length=200)


@dataclass(frozen=True, slots=True)
class CountLineTold:
    """`seen` and `difference` are None where whoever counts is not to know what is expected."""

    variant_id: int
    round: int
    counted: int | None
    seen: int | None
    difference: int | None
    moved: bool
    left_out: bool
    applied: int | None


@dataclass(frozen=True, slots=True)
class CountTold:
    """A count and what it comes to so far."""

    count: Count
    variance: Variance | None


def _units(lines: Sequence[UnitsIn]) -> dict[int, int]:
    units: dict[int, int] = {}
    for line in lines:
        units[line.variant_id] = units.get(line.variant_id, 0) + line.quantity
    return units


def _line(line: CountLine, *, hidden: bool) -> CountLineTold:
    return CountLineTold(
        line.variant_id, line.round, line.counted, None if hidden else line.seen,
        None if hidden else line.difference, line.moved, line.left_out, line.applied,
    )  # fmt: skip


@router.get("/transfers")
async def all_transfers(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    state: TransferState | Literal["open"] | None = None,
    location_id: Id | None = None,
    after: Id | None = None,
    before: Id | None = None,
    limit: Limit = 50,
) -> list[Listed]:
    """Newest first; state `open` is what is under way.  The header `Link` leads to the next page."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(
                transfers.listing,
                tx,
                shop_id=actor.shop_id,
                state=state,
                location_id=location_id,
            ),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
    return with_links(request, response, found)


@router.post(
    "/transfers",
    status_code=201,
    responses=refusals(
        SamePlace, inventory.UnknownStock, TooManyLines, inventory.BadQuantity, KeyReused, UnusableText
    ),
)
async def create_transfer(body: TransferIn, actor: Editor, db: Db) -> transfers.Whole:
    """A draft; nothing moves until it is sent."""
    async with db.transaction() as tx:
        created = await transfers.create(
            tx,
            shop_id=actor.shop_id,
            key=body.key,
            source_id=body.source_location,
            target_id=body.target_location,
            units=_units(body.lines),
            expected_on=body.expected_on,
            note=body.note,
            person_id=actor.person_id,
        )
        return await transfers.read(tx, shop_id=actor.shop_id, transfer_id=created.id)


@router.get("/transfers/{transfer_id}", responses=refusals(UnknownPaper))
async def one_transfer(transfer_id: Id, actor: Viewer, db: Db) -> transfers.Whole:
    async with db.transaction() as tx:
        return await transfers.read(tx, shop_id=actor.shop_id, transfer_id=transfer_id)


@router.put(
    "/transfers/{transfer_id}/lines",
    responses=refusals(UnknownPaper, WrongState, TooManyLines, inventory.UnknownStock, inventory.BadQuantity),
)
async def set_lines(transfer_id: Id, body: LinesIn, actor: Editor, db: Db) -> transfers.Whole:
    """The lines of a draft, all of them."""
    async with db.transaction() as tx:
        await transfers.change(tx, shop_id=actor.shop_id, transfer_id=transfer_id, units=_units(body.lines))
        return await transfers.read(tx, shop_id=actor.shop_id, transfer_id=transfer_id)


@router.post(
    "/transfers/{transfer_id}/send",
    responses=refusals(UnknownPaper, WrongState, NothingListed, *inventory.Shelf.REFUSALS, KeyReused),
)
async def send_transfer(transfer_id: Id, body: StepIn, actor: Editor, db: Db) -> Transfer:
    """All units leave the source at once and are in transit."""
    async with db.transaction() as tx:
        return await transfers.send(
            tx, shop_id=actor.shop_id, transfer_id=transfer_id, key=body.key, person_id=actor.person_id
        )


@router.post(
    "/transfers/{transfer_id}/receive",
    responses=refusals(
        UnknownPaper, WrongState, NothingListed, NotInTransit, inventory.BadQuantity, inventory.UnknownStock,
        KeyReused, TooManyLines,
    ),
)  # fmt: skip
async def receive_transfer(transfer_id: Id, body: ReceiveIn, actor: Counter, db: Db) -> Transfer:
    """Units are on the shelf from now; when nothing is in transit the transfer is closed."""
    async with db.transaction() as tx:
        return await transfers.receive(
            tx,
            shop_id=actor.shop_id,
            transfer_id=transfer_id,
            key=body.key,
            units=_units(body.lines),
            more=body.more,
            person_id=actor.person_id,
        )


@router.post(
    "/transfers/{transfer_id}/explain",
    responses=refusals(
        UnknownPaper, WrongState, NothingListed, NotInTransit, inventory.BadQuantity, inventory.UnknownStock,
        KeyReused, TooManyLines,
    ),
)  # fmt: skip
async def explain_transfer(transfer_id: Id, body: ExplainIn, actor: Counter, db: Db) -> Transfer:
    """Lost units are gone, damaged ones are at the target and not for sale, miscounted ones back at the source."""
    async with db.transaction() as tx:
        return await transfers.explain(
            tx,
            shop_id=actor.shop_id,
            transfer_id=transfer_id,
            key=body.key,
            reason=body.reason,
            units=_units(body.lines),
            person_id=actor.person_id,
        )


@router.post("/transfers/{transfer_id}/cancel", responses=refusals(UnknownPaper, WrongState, KeyReused))
async def cancel_transfer(transfer_id: Id, body: StepIn, actor: Editor, db: Db) -> Transfer:
    """Before anything was received: units that were sent are at the source again."""
    async with db.transaction() as tx:
        return await transfers.cancel(
            tx, shop_id=actor.shop_id, transfer_id=transfer_id, key=body.key, person_id=actor.person_id
        )


@router.get("/counts")
async def all_counts(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    state: CountState | None = None,
    location_id: Id | None = None,
    after: Id | None = None,
    before: Id | None = None,
    limit: Limit = 50,
) -> list[CountListed]:
    """Newest first.  The header `Link` leads to the next page."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(counts.listing, tx, shop_id=actor.shop_id, state=state, location_id=location_id),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
    return with_links(request, response, found)


@router.post(
    "/counts", status_code=201, responses=refusals(inventory.UnknownStock, NothingListed, UnusableText)
)
async def create_count(body: CountIn, actor: Editor, db: Db) -> Count:
    async with db.transaction() as tx:
        return await counts.create(
            tx,
            shop_id=actor.shop_id,
            location_id=body.location_id,
            product_ids=body.product_ids,
            name=body.name,
            is_blind=body.is_blind,
            person_id=actor.person_id,
        )


@router.get("/counts/{count_id}", responses=refusals(UnknownPaper))
async def one_count(count_id: Id, actor: Viewer, db: Db) -> CountTold:
    async with db.transaction() as tx:
        found = await counts.read(tx, shop_id=actor.shop_id, count_id=count_id)
        comes_to = await counts.variance(tx, shop_id=actor.shop_id, count_id=count_id)
    return CountTold(found, None if counts.hides(found, actor) else comes_to)


@router.get("/counts/{count_id}/lines", responses=refusals(UnknownPaper))
async def lines_of_count(
    count_id: Id,
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    show: Literal["all", "open", "scanned", "differing", "moved"] = "all",
    after: Id | None = None,
    before: Id | None = None,
    limit: Limit = 50,
) -> list[CountLineTold]:
    """By variant.  A blind count is whole for whoever may change stock."""
    async with db.transaction() as tx:
        found = await counts.read(tx, shop_id=actor.shop_id, count_id=count_id)
        hidden = counts.hides(found, actor)
        page = await paging.page(
            partial(
                counts.lines,
                tx,
                shop_id=actor.shop_id,
                count_id=count_id,
                show="scanned" if hidden and show == "differing" else show,
            ),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("variant_id"),
        )
    return [_line(line, hidden=hidden) for line in with_links(request, response, page)]


@router.post(
    "/counts/{count_id}/scans",
    responses=refusals(
        UnknownPaper, WrongState, UnknownCode, inventory.UnknownStock, inventory.BadQuantity, KeyReused
    ),
)
async def scan(count_id: Id, body: ScanIn, actor: Counter, db: Db) -> CountLineTold:
    """Once per key, however often it is sent."""
    async with db.transaction() as tx:
        found = await counts.read(tx, shop_id=actor.shop_id, count_id=count_id)
        variant_id = body.variant_id
        if variant_id is None:
            variant_id = await transfers.variant_of(tx, shop_id=actor.shop_id, code=body.code or "")
        line = await (counts.enter if body.entered else counts.scan)(
            tx,
            shop_id=actor.shop_id,
            count_id=count_id,
            variant_id=variant_id,
            key=body.key,
            units=body.quantity,
            ago=timedelta(milliseconds=body.ago_ms),
            person_id=actor.person_id,
        )
    return _line(line, hidden=counts.hides(found, actor))


@router.post("/counts/{count_id}/recount", responses=refusals(UnknownPaper, WrongState))
async def recount(count_id: Id, body: RecountIn, actor: Editor, db: Db) -> dict[str, int]:
    """How many lines are to be counted again."""
    async with db.transaction() as tx:
        lines = await counts.recount(
            tx, shop_id=actor.shop_id, count_id=count_id, variant_ids=body.variant_ids
        )
    return {"lines": lines}


@router.post(
    "/counts/{count_id}/lines/{variant_id}/leave-out",
    status_code=204,
    responses=refusals(UnknownPaper, WrongState),
)
async def leave_out(count_id: Id, variant_id: Id, body: LeaveOutIn, actor: Editor, db: Db) -> None:
    """Whether the books keep what they say of this line."""
    async with db.transaction() as tx:
        await counts.leave_out(
            tx,
            shop_id=actor.shop_id,
            count_id=count_id,
            variant_id=variant_id,
            left_out=body.left_out,
        )


@router.post(
    "/counts/{count_id}/post",
    responses=refusals(UnknownPaper, WrongState, NothingCounted, MovedMeanwhile, UnusableText),
)
async def post_count(count_id: Id, body: PostIn, actor: Editor, db: Db) -> CountTold:
    """Lines that were counted are set in the books; twice is once."""
    async with db.transaction() as tx:
        await counts.begin_posting(
            tx,
            shop_id=actor.shop_id,
            count_id=count_id,
            reason=body.reason,
            person_id=actor.person_id,
        )
    await counts.post(db, shop_id=actor.shop_id, count_id=count_id)
    async with db.transaction() as tx:
        found = await counts.read(tx, shop_id=actor.shop_id, count_id=count_id)
        return CountTold(found, await counts.variance(tx, shop_id=actor.shop_id, count_id=count_id))


@router.post("/counts/{count_id}/cancel", status_code=204, responses=refusals(UnknownPaper, WrongState))
async def cancel_count(count_id: Id, actor: Editor, db: Db) -> None:
    async with db.transaction() as tx:
        await counts.cancel(tx, shop_id=actor.shop_id, count_id=count_id)


@router.post(
    "/stock/conditions",
    status_code=204,
    responses=refusals(SameCondition, *inventory.Shelf.REFUSALS, UnusableText),
)
async def change_condition(body: ConditionIn, actor: Editor, db: Db) -> None:
    async with db.transaction() as tx:
        await change(
            tx,
            shop_id=actor.shop_id,
            location_id=body.location_id,
            variant_id=body.variant_id,
            quantity=body.quantity,
            source=Condition(body.from_condition),
            target=body.to_condition,
            reason=body.reason,
        )


@router.get("/stock/thresholds")
async def thresholds(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    low_only: bool = False,
    after: Annotated[str | None, Query(max_length=60)] = None,
    before: Annotated[str | None, Query(max_length=60)] = None,
    limit: Limit = 50,
) -> list[Threshold]:
    """Low ones first.  The header `Link` leads to the next page, which starts `after` a mark."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(low.listing, tx, shop_id=actor.shop_id, low=True if low_only else None),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("mark"),
        )
    return with_links(request, response, found)


@router.put(
    "/stock/thresholds",
    status_code=204,
    responses=refusals(inventory.UnknownStock, inventory.BadQuantity),
)
async def set_threshold(body: ThresholdIn, actor: Editor, db: Db) -> None:
    async with db.transaction() as tx:
        await low.warn_at(
            tx,
            shop_id=actor.shop_id,
            location_id=body.location_id,
            variant_id=body.variant_id,
            units=body.units,
        )
