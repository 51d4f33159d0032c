"""/v1/{shop}/products/import and /export: products taken from sheets, and written to them."""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar

from fastapi import Depends, Request
from pydantic import BaseModel, field_validator
from starlette.responses import Response

from shopfloor import accounts, auth, catalog
from shopfloor.auth.api import allowed
from shopfloor.catalog.models import (
    PriceDecimals,
    PriceUnreadable,
    Status,
    format_price,
)
from shopfloor.catalog.numbers import Basis
from shopfloor.catalog.uploads import IMPORT_REFUSALS, opened_import
from shopfloor.kernel.amounts import AmountAmbiguous, DecimalSign
from shopfloor.kernel.charsets import Charset
from shopfloor.kernel.database import Rollback, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import FILE_AS_BODY, Csv, Db, public_link, refusals
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import Money

router = Router(prefix="/v1/{shop}/products", tags=["catalog"])

Viewer = Annotated[accounts.Actor, Depends(allowed(accounts.Permission.CATALOG_VIEW))]
Editor = Annotated[accounts.Actor, Depends(allowed(accounts.Permission.CATALOG_EDIT))]

_SHARED = (auth.SignInNeeded, accounts.NotAllowed, accounts.UnknownShop, catalog.UnknownProduct)

_PRICE = (
    PriceUnreadable, catalog.PriceNegative, PriceDecimals, catalog.PriceTooLarge, AmountAmbiguous,
)  # fmt: skip


class RemarkOut(BaseModel):
    """`facts` are those of the refusal with this code."""

    row: int
    column: str
    code: str
    message: str
    facts: dict[str, Any]


class CellOut(BaseModel):
    row: int
    column: str
    text: str


class ExampleOut(BaseModel):
    """`value`: what `text` was understood as, a price written as in 129.00."""

    row: int
    column: str
    text: str
    value: str

    @field_validator("value", mode="before")
    @classmethod
    def _written(cls, value: object) -> object:
        return format_price(Money(**value)) if isinstance(value, dict) else str(value)


class NumbersOut(BaseModel):
    """By which decimal sign the numbers of the file were read, and what that rests on.

    `chosen`: the request said so; `proven`: by cells of the file, and none says otherwise; `contradictory`: cells
    prove both, and numbers with either were refused; `separator`: no cell proves one, and commas separate
    the cells; `open`: nothing tells, and numbers that can be read in two
    ways were refused.  `points` and `commas` are the first cells that prove a sign.
    """

    decimal_sign: DecimalSign | None
    basis: Basis
    points: list[CellOut]
    commas: list[CellOut]
    examples: list[ExampleOut]


class ReportOut(BaseModel):
    REFUSALS: ClassVar[tuple[type[Refusal], ...]] = IMPORT_REFUSALS

    rows: int
    created: int
    updated: int
    refused: int
    errors: list[RemarkOut]
    notes: list[RemarkOut]
    ignored_columns: list[str]
    pictures: int
    """How many pictures will be fetched now; `GET …/products/import` says how far that is."""
    numbers: NumbersOut
    charset: Charset
    """The encoding by which the file was read."""


class FailedPictureOut(BaseModel):
    """`code` says why, as a refusal does."""

    product_id: int
    address: str
    code: str


class PictureProgressOut(BaseModel):
    """Pictures named in imported files: here, still waited for, given up."""

    fetched: int
    waiting: int
    failed: int
    failures: list[FailedPictureOut]


@router.post(
    "/import",
    responses=refusals(*_SHARED, *IMPORT_REFUSALS),
    openapi_extra=FILE_AS_BODY,
)
async def import_products(
    request: Request,
    actor: Editor,
    db: Db,
    new_status: Status = Status.DRAFT,
    decimal_sign: DecimalSign | None = None,
    check: bool = False,
) -> ReportOut:
    """Take a Shopify product CSV, sent as the body, or a ZIP with it and its pictures; `POST …/stock/import` its stock too.

    Faulty products are told row by row, the others taken.  Pictures are fetched afterwards.  New products get the
    status that the file names in `Status` or `Published`, else `new_status`.  All numbers are read by one decimal
    sign: that of `decimal_sign`, else the one that cells of the file prove; `numbers` in the answer says which.  With
    `check` nothing is changed: the answer says what would be.
    """
    directory = services_of(request).given.pictures_dir
    async with (
        opened_import(request.stream(), None, directory) as found,
        db.transaction() as tx,
    ):
        report = await catalog.import_shopify_csv(
            tx,
            shop_id=actor.shop_id,
            stream=found.stream,
            actor=actor,
            archive=found.archive,
            is_trial=check,
            new_status=new_status,
            decimal_sign=decimal_sign,
        )
        if check:
            raise Rollback
    return ReportOut.model_validate(asdict(report))


@router.get("/import", responses=refusals(*_SHARED))
async def get_import(actor: Viewer, db: Db) -> PictureProgressOut:
    """How far the pictures of imported files are, with the latest of those given up."""
    async with db.transaction() as tx:
        return await _picture_progress(tx, actor.shop_id)


@router.post("/import/pictures", responses=refusals(*_SHARED))
async def retry_pictures(actor: Editor, db: Db) -> PictureProgressOut:
    """Try the pictures again that were given up."""
    async with db.transaction() as tx:
        await catalog.retry_pictures(tx, shop_id=actor.shop_id)
        return await _picture_progress(tx, actor.shop_id)


async def _picture_progress(tx: Tx, shop_id: int) -> PictureProgressOut:
    found = await catalog.picture_progress(tx, shop_id=shop_id)
    return PictureProgressOut(
        fetched=found.fetched,
        waiting=found.waiting,
        failed=found.failed,
        failures=[
            FailedPictureOut(product_id=each.product_id, address=each.url, code=each.reason)
            for each in found.failures
        ],
    )


@router.get("/export", response_class=Csv, responses=refusals(*_SHARED))
async def export_products(actor: Viewer, db: Db, request: Request) -> Response:
    """All products as a CSV that `import` and Shopify read."""
    async with db.transaction() as tx:
        text = await catalog.export_shopify_csv(tx, shop_id=actor.shop_id, base_url=public_link(request, ""))
    # The mark at the start makes spreadsheets read UTF-8.
    return Response(
        text.encode("utf-8-sig"),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="products.csv"'},
    )
