"""/v1/{shop}/fapiao: what buyers ask for, and numbers and files back; /v1/{shop}/orders/{order_id}/fapiao: of one order."""

from datetime import date
from functools import partial
from operator import attrgetter
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor import orders
from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.fapiao import looking, models, service, sheet
from shopfloor.fapiao.models import State, TitleKind, Via, Wanted, Why
from shopfloor.kernel import paging
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import FILE_AS_BODY, Csv, Db, as_download, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.kernel.text import UnusableText
from shopfloor.kernel.values import MAX_MINOR

router = Router(prefix="/v1/{shop}", tags=["fapiao"])

Viewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.ORDERS_MANAGE))]
MoneyManager = Annotated[Actor, Depends(allowed(Permission.MONEY_MANAGE))]


class File(Response):
    # Made clients know bytes by this name, and drop what has another.
    media_type = "application/octet-stream"


class SettingsIn(BaseModel):
    """`offered` null: where the shop is in China."""

    offered: bool | None = None
    goods_name: str = Field("", max_length=100)
    goods_code: str = Field("", max_length=19)


class WantedIn(BaseModel):
    """`tax_id`: of a company; `email`: where the file goes, else to the order's own."""

    kind: TitleKind
    title: str = Field(min_length=1, max_length=models.LONGEST_TITLE)
    tax_id: str = Field("", max_length=40)
    email: str = Field("", max_length=254)
    note: str = Field("", max_length=models.LONGEST_NOTE)


class IssuedIn(BaseModel):
    """`number` as the tax authority's platform gave it.  `amount_minor`: what stands on it, where refunds were decided
    since; without it, what the order comes to now.
    """

    number: str = Field(max_length=40)
    issued_on: date
    amount_minor: Annotated[int, Field(ge=1, le=MAX_MINOR)] | None = None


class RedIn(BaseModel):
    number: str = Field(max_length=40)
    issued_on: date


class DeclineIn(BaseModel):
    """`answer`: why, for the buyer to read."""

    answer: str = Field("", max_length=models.LONGEST_NOTE)


class RowRefused(BaseModel):
    """`row`: its number in the file; the header is 1."""

    row: int
    code: str
    message: str


class Imported(BaseModel):
    recorded: int
    unchanged: int
    refused: list[RowRefused]


def _actor(actor: Actor) -> str:
    return f"person:{actor.person_id}"


@router.get("/fapiao")
async def requests(
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    state: State | None = None,
    search: Annotated[str | None, Query(max_length=100)] = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[models.Request]:
    """Newest first.  The header `Link` leads to the next page, which starts `after` an id."""
    async with db.transaction() as tx:
        found = await paging.page(
            partial(looking.listing, tx, shop_id=actor.shop_id, state=state, search=search),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("id"),
        )
    return with_links(request, response, found)


@router.get("/fapiao/settings")
async def settings(actor: Viewer, db: Db) -> models.Settings:
    async with db.transaction() as tx:
        return await looking.settings(tx, shop_id=actor.shop_id)


@router.put("/fapiao/settings", responses=refusals(models.BadGoodsCode, UnusableText))
async def set_settings(body: SettingsIn, actor: MoneyManager, db: Db) -> models.Settings:
    async with db.transaction() as tx:
        return await looking.set_settings(
            tx, shop_id=actor.shop_id, wanted=models.Settings(body.offered, body.goods_name, body.goods_code)
        )


@router.get("/fapiao/export", response_class=Csv)
async def export(actor: Viewer, db: Db, state: State | None = None) -> Response:
    """A row for each fapiao, red ones too: fill in number and date, and send it back."""
    return await as_download(sheet.written_out(db, shop_id=actor.shop_id, state=state), "fapiao.csv")


@router.post("/fapiao/import", responses=refusals(models.SheetUnreadable), openapi_extra=FILE_AS_BODY)
async def take_in(request: Request, actor: MoneyManager, db: Db) -> Imported:
    """Numbers and dates back.  A row that is refused keeps back no other; the same file again changes nothing."""
    done = await sheet.take_in(db, shop_id=actor.shop_id, data=await request.body(), actor=_actor(actor))
    return Imported(
        recorded=done.recorded,
        unchanged=done.unchanged,
        refused=[_row(row, refusal) for row, refusal in done.refused],
    )


def _row(row: int, refusal: Refusal) -> RowRefused:
    return RowRefused(row=row, code=refusal.code, message=refusal.message)


@router.get("/fapiao/{fapiao_id:uuid}", responses=refusals(models.NotRequested))
async def one(fapiao_id: UUID, actor: Viewer, db: Db) -> models.Request:
    async with db.transaction() as tx:
        return await looking.get(tx, shop_id=actor.shop_id, request_id=fapiao_id)


@router.post(
    "/fapiao/{fapiao_id:uuid}/issue",
    responses=refusals(
        models.NotRequested, models.Withdrawn, models.AlreadyIssued, models.NotPaidYet, models.BadNumber, models.NumberTaken,
        models.BadDate, models.WrongAmount,
    ),
)  # fmt: skip
async def issue(fapiao_id: UUID, body: IssuedIn, actor: MoneyManager, db: Db) -> models.Request:
    """It was issued with this number.  The same again changes nothing."""
    async with db.transaction() as tx:
        return await service.issue(
            tx,
            shop_id=actor.shop_id,
            request_id=fapiao_id,
            number=body.number,
            issued_on=body.issued_on,
            amount_minor=body.amount_minor,
            actor=_actor(actor),
        )


@router.post(
    "/fapiao/{fapiao_id:uuid}/reissue",
    responses=refusals(
        models.NotRequested,
        models.NotIssuedYet,
        models.IssuedAnew,
        models.NothingToInvoice,
        models.FormRefused,
        UnusableText,
    ),
)
async def reissue(
    fapiao_id: UUID,
    actor: MoneyManager,
    db: Db,
    body: WantedIn | None = None,
    edition: Annotated[int | None, Query(ge=1, le=10_000)] = None,
) -> models.Request:
    """It is issued anew, of what the order comes to now, with what the body says on it: a red one is requested for all
    that is left of the first, and a number is waited for.  Asked again before that changes only what it says.
    `edition`: the one that is to be taken back, so that the same request again takes back no later one.
    """
    async with db.transaction() as tx:
        return await service.reissue(
            tx,
            shop_id=actor.shop_id,
            request_id=fapiao_id,
            wanted=None
            if body is None
            else Wanted(body.kind, body.title, body.tax_id, body.email, body.note),
            edition=edition,
        )


@router.post(
    "/fapiao/{fapiao_id:uuid}/decline",
    responses=refusals(models.NotRequested, models.AlreadyIssued, UnusableText),
)
async def decline(fapiao_id: UUID, body: DeclineIn, actor: MoneyManager, db: Db) -> models.Request:
    """None is issued; the buyer reads why."""
    async with db.transaction() as tx:
        found = await looking.get(tx, shop_id=actor.shop_id, request_id=fapiao_id)
        return await service.withdraw(
            tx, shop_id=actor.shop_id, order_id=found.order_id, why=Why.DECLINED, answer=body.answer
        )


@router.post(
    "/fapiao/papers/{paper_id:uuid}/issue",
    responses=refusals(
        models.NotRequested, models.AlreadyIssued, models.BadNumber, models.NumberTaken, models.BadDate
    ),
)
async def issue_red(paper_id: UUID, body: RedIn, actor: MoneyManager, db: Db) -> models.Request:
    """The red one that a refund asked for was issued with this number."""
    async with db.transaction() as tx:
        return await service.issue_red(
            tx,
            shop_id=actor.shop_id,
            paper_id=paper_id,
            number=body.number,
            issued_on=body.issued_on,
            actor=_actor(actor),
        )


@router.post(
    "/fapiao/papers/{paper_id:uuid}/files",
    responses=refusals(models.NotRequested, models.NotIssuedYet, models.BadFile),
    openapi_extra=FILE_AS_BODY,
)
async def add_file(request: Request, paper_id: UUID, actor: MoneyManager, db: Db) -> models.Request:
    """A PDF or OFD file as the body, of at most 1 MB; its buyer gets it by mail.  The same file again is no second."""
    content = await request.body()
    async with db.transaction() as tx:
        return await service.add_files(tx, shop_id=actor.shop_id, paper_id=paper_id, files=[content])


@router.get("/fapiao/files/{file_id:uuid}", response_class=File, responses=refusals(models.NotRequested))
async def file(file_id: UUID, actor: Viewer, db: Db) -> Response:
    """As it was sent, byte by byte."""
    async with db.transaction() as tx:
        found = await looking.content(tx, shop_id=actor.shop_id, file_id=file_id)
    name = looking.file_name(found)
    return File(found.content, headers={"content-disposition": f'attachment; filename="{name}"'})


@router.get("/orders/{order_id:uuid}/fapiao", responses=refusals(models.NotRequested, orders.OrderNotFound))
async def of_order(order_id: UUID, actor: Viewer, db: Db) -> models.Request:
    async with db.transaction() as tx:
        await orders.order(tx, shop_id=actor.shop_id, order_id=order_id)
        found = await looking.of_order(tx, shop_id=actor.shop_id, order_id=order_id)
    if found is None:
        raise models.NotRequested(order_id=str(order_id))
    return found


@router.put(
    "/orders/{order_id:uuid}/fapiao",
    responses=refusals(
        models.FormRefused,
        models.AlreadyIssued,
        models.NothingToInvoice,
        UnusableText,
        orders.OrderNotFound,
    ),
)
async def ask(order_id: UUID, body: WantedIn, actor: Manager, db: Db) -> models.Request:
    """For a buyer who asked the shop.  One for each order: sent again it says something else, until it was issued."""
    async with db.transaction() as tx:
        return await service.ask(
            tx,
            shop_id=actor.shop_id,
            order_id=order_id,
            wanted=Wanted(body.kind, body.title, body.tax_id, body.email, body.note),
            via=Via.STAFF,
        )


@router.delete(
    "/orders/{order_id:uuid}/fapiao", responses=refusals(models.NotRequested, models.AlreadyIssued)
)
async def withdraw(order_id: UUID, actor: Manager, db: Db) -> models.Request:
    """Its buyer wants none."""
    async with db.transaction() as tx:
        return await service.withdraw(tx, shop_id=actor.shop_id, order_id=order_id, why=Why.BUYER)
