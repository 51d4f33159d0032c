"""Asking for a fapiao: on the page of an order, or with the code on a receipt.  No script is needed.

Whoever may open the order may do it and have the files.  The code of a receipt opens neither the order nor the files:
they go by mail to whom the request names.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Form, Query, Request
from starlette.responses import RedirectResponse, Response

from shopfloor import accounts, fapiao, orders
from shopfloor.fapiao import FormRefused, TitleKind, Via, Wanted, Why
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import Db
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import Money
from shopfloor.shoppers.api import Shopper
from shopfloor.web.languages import N_, Language, language_of
from shopfloor.web.order_links import Key, open_order, order_path
from shopfloor.web.papers import as_file
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash, render

router = Router(include_in_schema=False)

Text = Annotated[str, Form(max_length=1000)]

# What is wrong with a field, in words.  The keys are those of `FormRefused`.
FIELD_ERRORS: Final = {
    "missing": N_("Fill this in."),
    "too_long": N_("This is too long."),
    "bad_form": N_("Enter the tax ID as it stands on the business licence: 18 digits and capital letters."),
    "bad_check_digit": N_("This tax ID has a typo. Check it against the business licence."),
    "not_an_address": N_("Enter a valid email address."),
}
WHY: Final = {
    "buyer": N_("You withdrew this request."),
    "declined": N_("The seller declined this request."),
    "cancelled": N_("The order was cancelled."),
    "refunded": N_("The order was refunded in full."),
    "erased": N_("The details were erased."),
}


def kinds(language: Language, *, none: bool = False) -> list[tuple[str, str]]:
    """(value, words) of who a fapiao can be made out to; with `none`, nobody first."""
    say = language.words.gettext
    found = [(TitleKind.PERSON.value, say(N_("A person"))), (TitleKind.COMPANY.value, say(N_("A company")))]
    return [("", say(N_("No fapiao"))), *found] if none else found


def wanted_in(values: Mapping[str, str], *, name: str, prefix: str = "") -> Wanted | None:
    """What a form asks for; None where it asks for no fapiao.  A person without a title is called by `name`."""
    kind = values.get(f"{prefix}kind", "")
    if kind not in set(TitleKind):
        return None
    title = values.get(f"{prefix}title", "").strip()
    if not title and kind == TitleKind.PERSON:
        title = name.strip()
    parts = {part: values.get(f"{prefix}{part}", "") for part in ("tax_id", "email", "note")}
    return Wanted(TitleKind(kind), title, **parts)


def errors_of(refusal: Refusal, language: Language, *, prefix: str = "") -> dict[str, str]:
    """By field of the form, in words; none for what is said above it."""
    fields = refusal.facts.get("fields") if isinstance(refusal, FormRefused) else None
    if not isinstance(fields, Mapping):
        return {}
    return {
        f"{prefix}{name}": language.words.gettext(FIELD_ERRORS.get(str(why), FIELD_ERRORS["missing"]))
        for name, why in fields.items()
    }


@dataclass(frozen=True, slots=True)
class _Way:
    """How somebody came to an order: `path` leads back here, `back` to the order."""

    shop: accounts.Shop
    order: orders.Order
    path: str
    back: str = ""
    query: str = ""

    @property
    def is_receipt(self) -> bool:
        return not self.back


async def _opened(tx: Tx, shop: str, order_id: UUID, shopper: UUID, key: str | None) -> _Way:
    """Raises OrderNotFound."""
    found, view = await open_order(tx, shop, order_id, shopper=shopper, key=key)
    return _Way(
        found,
        view.order,
        order_path(found.slug, order_id, None, "/fapiao"),
        order_path(found.slug, order_id, key),
        f"?key={key}" if key else "",
    )


async def _read_off(tx: Tx, shop: str, code: str) -> _Way:
    """Raises CodeNotFound."""
    found = await accounts.shop_by_slug(tx, shop)
    order_id = await fapiao.order_of_code(tx, shop_id=found.id, code=code)
    view = await orders.order(tx, shop_id=found.id, order_id=order_id)
    return _Way(found, view.order, f"/s/{found.slug}/fapiao/{code}")


async def _page(
    tx: Tx,
    request: Request,
    way: _Way,
    values: Mapping[str, Any] | None = None,
    refusal: Refusal | None = None,
) -> Response:
    language = language_of(request, way.shop.locale)
    order = way.order
    known = await fapiao.of_order(tx, shop_id=way.shop.id, order_id=order.id)
    offered = await fapiao.is_offered(tx, shop_id=way.shop.id)
    if values is None:
        values = {"kind": TitleKind.PERSON.value}
        if not way.is_receipt:
            values |= {"title": order.contact_name, "email": order.contact_email}
            if known is not None and known.title:
                values |= {
                    "kind": known.kind.value, "title": known.title, "tax_id": known.tax_id,
                    "email": known.email or order.contact_email, "note": known.note,
                }  # fmt: skip
    errors = {} if refusal is None else errors_of(refusal, language)
    response = render(
        request,
        "shop/fapiao.html",
        status=200 if refusal is None else refusal.status,
        shop=way.shop,
        order=order,
        way=way,
        known=known,
        may_ask=(known is None or known.may_change)
        and offered
        and order.cancelled_at is None
        and order.refund_granted_minor < order.total_minor,
        kinds=kinds(language),
        kind_words=dict(kinds(language)),
        why=language.words.gettext(WHY[known.why]) if known is not None and known.why else "",
        values=values,
        errors=errors,
        trouble=None if refusal is None or errors else message_of(refusal, language),
        money=lambda minor: Money(minor, order.currency),
    )
    response.headers["cache-control"] = "private, no-store"
    return response


async def _send(request: Request, db: Db, way: _Way, values: Mapping[str, str], via: Via) -> Response:
    language = language_of(request, way.shop.locale)
    wanted = wanted_in(values, name=way.order.contact_name if not way.is_receipt else "")
    try:
        if wanted is None:
            raise FormRefused(fields={"kind": "missing"})
        if way.is_receipt and not wanted.email.strip():
            # Its file goes nowhere else.
            raise FormRefused(fields={"email": "missing"})
        async with db.transaction() as tx:
            await fapiao.ask(
                tx, shop_id=way.shop.id, order_id=way.order.id, wanted=wanted, via=via, locale=language.tag
            )
    except Refusal as refusal:
        async with db.transaction() as tx:
            return await _page(tx, request, way, values, refusal)
    response = RedirectResponse(f"{way.path}{way.query}", status_code=303)
    flash(
        response,
        "good",
        language.words.gettext(N_("The seller has your request. The fapiao comes by email.")),
    )
    return response


@router.get("/s/{shop}/orders/{order_id}/fapiao")
@public
async def of_order(
    request: Request, shop: str, order_id: UUID, shopper: Shopper, db: Db, key: Key = None
) -> Response:
    async with db.transaction() as tx:
        return await _page(tx, request, await _opened(tx, shop, order_id, shopper, key))


@router.post("/s/{shop}/orders/{order_id}/fapiao")
@public
async def ask(
    request: Request,
    shop: str,
    order_id: UUID,
    shopper: Shopper,
    db: Db,
    key: Key = None,
    kind: Text = "",
    title: Text = "",
    tax_id: Text = "",
    email: Text = "",
    note: Text = "",
) -> Response:
    """One for each order; sent again it says something else, until it was issued."""
    values = {"kind": kind, "title": title, "tax_id": tax_id, "email": email, "note": note}
    async with db.transaction() as tx:
        way = await _opened(tx, shop, order_id, shopper, key)
    return await _send(request, db, way, values, Via.ORDER)


@router.post("/s/{shop}/orders/{order_id}/fapiao/withdraw")
@public
async def withdraw(
    request: Request, shop: str, order_id: UUID, shopper: Shopper, db: Db, key: Key = None
) -> Response:
    async with db.transaction() as tx:
        way = await _opened(tx, shop, order_id, shopper, key)
    language = language_of(request, way.shop.locale)
    response = RedirectResponse(f"{way.path}{way.query}", status_code=303)
    try:
        async with db.transaction() as tx:
            await fapiao.withdraw(tx, shop_id=way.shop.id, order_id=order_id, why=Why.BUYER)
    except Refusal as refusal:
        flash(response, "wait", message_of(refusal, language))
        return response
    flash(response, "good", language.words.gettext(N_("You withdrew this request.")))
    return response


@router.get("/s/{shop}/orders/{order_id}/fapiao/{file_id}")
@public
async def file(
    shop: str, order_id: UUID, file_id: UUID, shopper: Shopper, db: Db, key: Key = None
) -> Response:
    """To whoever may open the order."""
    async with db.transaction() as tx:
        way = await _opened(tx, shop, order_id, shopper, key)
        found = await fapiao.content(tx, shop_id=way.shop.id, file_id=file_id, order_id=order_id)
    return as_file(fapiao.file_name(found), found.content, found.format)


@router.get("/s/{shop}/fapiao")
@public
async def enter_code(
    request: Request, shop: str, db: Db, code: Annotated[str, Query(max_length=60)] = ""
) -> Response:
    """Where the code of a receipt is typed."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        language = language_of(request, found.locale)
        errors: dict[str, str] = {}
        status = 200
        if code.strip():
            try:
                await fapiao.order_of_code(tx, shop_id=found.id, code=code)
            except Refusal as refusal:
                errors, status = {"code": message_of(refusal, language)}, refusal.status
            else:
                plain = "".join(sign for sign in code if sign.isalnum())
                return RedirectResponse(f"/s/{found.slug}/fapiao/{plain}", status_code=303)
    return render(
        request, "shop/fapiao_code.html", status=status, shop=found, values={"code": code}, errors=errors
    )


@router.get("/s/{shop}/fapiao/{code}")
@public
async def of_receipt(request: Request, shop: str, code: str, db: Db) -> Response:
    async with db.transaction() as tx:
        return await _page(tx, request, await _read_off(tx, shop, code))


@router.post("/s/{shop}/fapiao/{code}")
@public
async def ask_with_code(
    request: Request,
    shop: str,
    code: str,
    db: Db,
    kind: Text = "",
    title: Text = "",
    tax_id: Text = "",
    email: Text = "",
    note: Text = "",
) -> Response:
    values = {"kind": kind, "title": title, "tax_id": tax_id, "email": email, "note": note}
    async with db.transaction() as tx:
        way = await _read_off(tx, shop, code)
    return await _send(request, db, way, values, Via.RECEIPT)
