"""Whole sheets of products in and out, and their images."""

from collections.abc import Mapping
from typing import IO, Annotated, Final

from fastapi import Form, UploadFile
from starlette.responses import Response

from shopfloor import accounts, catalog, inventory
from shopfloor.accounts import Permission
from shopfloor.kernel.amounts import DecimalSign
from shopfloor.kernel.database import Rollback
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import public_link
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.web.console.desk import Desk
from shopfloor.web.console.products import Editor, Viewer, status_of
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of, sentence

_SIGNS: Final = {each.value: each for each in DecimalSign}
# The faults that a choice of the decimal sign settles.
_ASKED: Final = {
    "amount.ambiguous": N_(
        "Nothing in the file shows its decimal sign. Choose it, and import the file again."
    ),
    "amount.other_sign": N_(
        "Some numbers have the other decimal sign. Correct those rows, or choose the other sign."
    ),
    "catalog.csv_two_signs": N_(
        "The file has numbers with a decimal point and numbers with a decimal comma. Correct it, or choose the sign by which it is to be read."
    ),
}

router = Router(prefix="/console/{shop}/products", include_in_schema=False)


@router.get("/import")
async def sheet(desk: Editor) -> Response:
    return await _import_page(desk)


@router.post("/import")
async def take_sheet(
    desk: Editor,
    file: UploadFile | None = None,
    images: UploadFile | None = None,
    location: Annotated[str, Form(max_length=20)] = "",
    new_status: Annotated[str, Form(max_length=20)] = "",
    decimal_sign: Annotated[str, Form(max_length=20)] = "",
    check: Tick = False,
) -> Response:
    """Products without fault are taken, the others are told row by row.  `check`: say what would happen, take nothing."""
    report: catalog.Report | None = None
    counted = 0
    chosen = {"location": location, "new_status": status_of(new_status), "decimal_sign": decimal_sign}
    try:
        location_id = await _chosen_location(desk, location)
        directory = services_of(desk.request).given.pictures_dir
        async with (
            catalog.opened_import(_sent(file), _sent(images), directory) as found,
            desk.work() as tx,
        ):
            report = await catalog.import_shopify_csv(
                tx,
                shop_id=desk.shop.id,
                stream=found.stream,
                actor=desk.actor,
                archive=found.archive,
                stock_is_taken=location_id is not None,
                is_trial=check,
                new_status=status_of(new_status),
                decimal_sign=_SIGNS.get(decimal_sign),
            )
            if location_id is not None:
                counted = await inventory.count_imported(
                    tx, shop_id=desk.shop.id, location_id=location_id, units=report.units
                )
            if check:
                raise Rollback
    except Refusal as refusal:
        field = "images" if refusal.code.startswith("catalog.zip_") else "file"
        return await _import_page(
            desk,
            chosen=chosen,
            errors={field: message_of(refusal, desk.language)},
            status=refusal.status,
        )
    return await _import_page(desk, report=report, counted=counted, checked=check, chosen=chosen)


def _sent(file: UploadFile | None) -> IO[bytes] | None:
    return None if file is None or not file.size else file.file


@router.get("/import/images")
async def image_progress(desk: Editor) -> Response:
    """How far the pictures of imported files are."""
    async with desk.work() as tx:
        found = await catalog.picture_progress(tx, shop_id=desk.shop.id)
    return desk.page(
        "import_images.html",
        active="products",
        progress=found,
        failures=[(each, sentence(each.reason, "", {}, desk.language)) for each in found.failures],
    )


@router.post("/import/images")
async def retry_images(desk: Editor) -> Response:
    """Try those again that were given up."""
    async with desk.work() as tx:
        await catalog.retry_pictures(tx, shop_id=desk.shop.id)
    return desk.back("/products/import/images")


async def _chosen_location(desk: Desk, location: str) -> int | None:
    """Raises NotAllowed without the right to change stock, stock.UnknownStock for a location of another shop."""
    if not location:
        return None
    if not desk.actor.may(Permission.STOCK_EDIT):
        raise accounts.NotAllowed(permission=Permission.STOCK_EDIT)
    async with desk.db.transaction() as tx:
        known = {str(each.id): each.id for each in await inventory.locations(tx, shop_id=desk.shop.id)}
    if location not in known:
        raise inventory.UnknownStock(location_id=location[:20])
    return known[location]


async def _import_page(
    desk: Desk,
    *,
    report: catalog.Report | None = None,
    counted: int = 0,
    checked: bool = False,
    chosen: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    locations: list[inventory.Location] = []
    if desk.actor.may(Permission.STOCK_EDIT):
        async with desk.db.transaction() as tx:
            locations = await inventory.locations(tx, shop_id=desk.shop.id)
    return desk.page(
        "import.html",
        active="products",
        status=status,
        report=report,
        counted=counted,
        checked=checked,
        values={"location": "", "new_status": "", "decimal_sign": ""} | dict(chosen or {}),
        locations=locations,
        errors=dict(errors or {}) | _asked(desk, report),
        **_told(desk, report),
    )


def _told(desk: Desk, report: catalog.Report | None) -> dict[str, list[tuple[int, str, str]]]:
    """What is wrong in which row, and what else there is to say of one."""
    found = {} if report is None else {"remarks": report.errors, "notes": report.notes}
    return {"remarks": [], "notes": []} | {
        name: [
            (remark.row, remark.column, sentence(remark.code, remark.message, remark.facts, desk.language))
            for remark in remarks
        ]
        for name, remarks in found.items()
    }


def _asked(desk: Desk, report: catalog.Report | None) -> dict[str, str]:
    """Beside the choice of the decimal sign: that numbers wait for it."""
    waiting = () if report is None else [each for each in report.errors if each.code in _ASKED]
    if not waiting:
        return {}
    return {"decimal_sign": desk.language.words.gettext(_ASKED[waiting[0].code])}


@router.get("/export.csv")
async def export(desk: Viewer) -> Response:
    """All products as a CSV that the import and Shopify read."""
    async with desk.work() as tx:
        text = await catalog.export_shopify_csv(
            tx, shop_id=desk.shop.id, base_url=public_link(desk.request, "")
        )
    # The mark at the start makes spreadsheets read UTF-8.
    return Response(
        text.encode("utf-8-sig"),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{desk.shop.slug}-products.csv"'},
    )
