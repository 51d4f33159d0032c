"""Invoices: who they are from, and the papers of an order."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import Form
from starlette.responses import Response

from shopfloor import documents, fapiao, invoicing
from shopfloor.accounts import Permission
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import public_link
from shopfloor.kernel.routes import Router
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_
from shopfloor.web.papers import pdf
from shopfloor.web.refusals import message_of

router = Router(prefix="/console/{shop}", include_in_schema=False)

Viewer = Annotated[Desk, at_page("invoices")]
Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]
MoneyManager = Annotated[Desk, at(Permission.MONEY_MANAGE)]
Text = Annotated[str, Form(max_length=1000)]


async def _page(
    desk: Desk, values: Mapping[str, Any], errors: Mapping[str, str], status: int = 200
) -> Response:
    async with desk.db.transaction() as tx:
        known = await fapiao.settings(tx, shop_id=desk.shop.id)
        by_place = await fapiao.is_in_china(tx, shop_id=desk.shop.id)
    return desk.page(
        "invoices.html",
        active="terms",
        status=status,
        values=values,
        errors=errors,
        fapiao=known,
        offered_by_place=by_place,
    )


@router.get("/invoices")
async def seller(desk: Viewer) -> Response:
    async with desk.db.transaction() as tx:
        known = await documents.seller(tx, shop_id=desk.shop.id)
    return await _page(desk, asdict(known), {})


@router.post("/invoices")
async def set_seller(
    desk: MoneyManager,
    name: Text = "",
    address: Text = "",
    tax_number: Text = "",
    registration: Text = "",
    email: Text = "",
    footer: Text = "",
    invoice_prefix: Text = "",
    credit_prefix: Text = "",
    automatic: Tick = False,
) -> Response:
    wanted = documents.Seller(
        name.strip(), address.strip(), tax_number, registration, email, footer, invoice_prefix, credit_prefix,
        automatic=automatic,
    )  # fmt: skip
    try:
        async with desk.work() as tx:
            await documents.set_seller(tx, shop_id=desk.shop.id, wanted=wanted)
    except Refusal as refusal:
        field = str(refusal.facts.get("field", "name"))
        return await _page(desk, asdict(wanted), {field: message_of(refusal, desk.language)}, refusal.status)
    return desk.back("/invoices", desk.say(N_("Saved.")))


@router.post("/orders/{order_id}/papers")
async def issue(desk: Manager, order_id: UUID, kind: Text = "") -> Response:
    path = f"/orders/{order_id}"
    try:
        async with desk.work() as tx:
            if kind == "invoice":
                await invoicing.invoice(tx, shop_id=desk.shop.id, order_id=order_id)
            else:
                site = str(public_link(desk.request, "")).rstrip("/")
                await invoicing.receipt(tx, shop_id=desk.shop.id, order_id=order_id, site=site)
    except Refusal as refusal:
        return desk.refused(path, refusal)
    return desk.back(f"{path}#papers", desk.say(N_("Issued. The PDF is ready in a moment.")))


@router.get("/orders/{order_id}/papers/{document_id}")
async def download(desk: Viewer, order_id: UUID, document_id: UUID) -> Response:
    async with desk.db.transaction() as tx:
        found = await documents.file(tx, shop_id=desk.shop.id, document_id=document_id, subject_id=order_id)
    return pdf(found.name, found.content)
