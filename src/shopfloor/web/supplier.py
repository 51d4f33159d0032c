"""The supplier's own page: what a shop ordered, and the answer to it, with nothing but a link."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Final
from uuid import UUID

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from shopfloor import access_keys, accounts, supply
from shopfloor.accounts import Shop
from shopfloor.kernel.amounts import AmountAmbiguous
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import Db
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import now
from shopfloor.web import questions
from shopfloor.web.console.form_values import day_of, quantity_of
from shopfloor.web.languages import N_, Language, language_of
from shopfloor.web.purchase_orders import Line, csv_of, named
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash, render, zone_of

# Whoever holds the key may do all of this: `supply` reads it in every call, and refuses with UnknownKey.
router = Router(prefix="/supplier/{key}", include_in_schema=False)

_DAY_CODES: Final = frozenset({"supply.date_in_the_past", "supply.date_too_far", "form.not_a_date"})


@dataclass(frozen=True, slots=True)
class Opened:
    """What the key opens.  `shop` speaks the supplier's language where the browser asks for none of ours."""

    shop: Shop
    desk: supply.Desk
    lines: dict[UUID, list[Line]]

    def language(self, request: Request) -> Language:
        return language_of(request, self.shop.locale)


async def _opened(
    tx: Tx,
    key: str,
    *,
    order_id: UUID | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
) -> Opened:
    desk = await supply.desk(tx, key=key, after=after, before=before, purchase_order_id=order_id)
    shop = await accounts.shop(tx, desk.supplier.shop_id)
    lines = await named(tx, shop_id=shop.id, orders=desk.orders)
    return Opened(replace(shop, locale=desk.supplier.locale), desk, lines)


@router.get("")
@public
async def page(
    request: Request, key: str, db: Db, after: UUID | None = None, before: UUID | None = None
) -> Response:
    try:
        async with db.transaction() as tx:
            opened = await _opened(tx, key, after=after, before=before)
    except access_keys.UnknownKey:
        return _closed(request)
    return _page(request, key, opened)


def _closed(request: Request) -> Response:
    response = render(request, "supplier/closed.html", status=404)
    response.headers["cache-control"] = "no-store"
    return response


def _page(
    request: Request,
    key: str,
    opened: Opened,
    *,
    at: UUID | None = None,
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response:
    """`values` and `errors` belong to the form of the order `at`, which came back."""
    waiting = [order for order in opened.desk.orders if order.state == supply.OrderState.SENT]
    response = render(
        request,
        "supplier/desk.html",
        status=422 if errors else 200,
        shop=opened.shop,
        supplier=opened.desk.supplier,
        waiting=waiting,
        answered=[order for order in opened.desk.orders if order not in waiting],
        page=opened.desk.page,
        lines=opened.lines,
        answerable=[order.id for order in opened.desk.orders if _answerable(order)],
        address=f"/supplier/{key}",
        at=at,
        values=values or {},
        errors=errors or {},
        today=today_of(opened.shop),
    )
    return _unseen(response)


def _unseen(response: Response) -> Response:
    """The address is the secret: it must not reach another site, nor stay in a shared cache."""
    response.headers["referrer-policy"] = "no-referrer"
    response.headers["cache-control"] = "private, no-store"
    return response


def _answerable(order: supply.PurchaseOrder) -> bool:
    return order.state != supply.OrderState.RECEIVED and not all(line.received for line in order.lines)


@router.get("/orders/{order_id}.csv")
@public
async def sheet(request: Request, key: str, order_id: UUID, db: Db) -> Response:
    try:
        async with db.transaction() as tx:
            order = await supply.purchase_order_for_key(tx, key=key, purchase_order_id=order_id)
            return csv_of(
                order, await supply.export_csv(tx, shop_id=order.shop_id, purchase_order_id=order.id)
            )
    except access_keys.UnknownKey:
        return _closed(request)


@router.post("/orders/{order_id}")
@public
async def answer(request: Request, key: str, order_id: UUID, db: Db) -> Response:
    """`answer`: all (as asked, one tap), none (decline), or lines (as typed)."""
    typed = await request.form()
    values = {name: str(value)[:40] for name, value in typed.items()}
    try:
        async with db.transaction() as tx:
            opened = await _opened(tx, key, order_id=order_id)
    except access_keys.UnknownKey:
        return _closed(request)
    order = next((order for order in opened.desk.orders if order.id == order_id), None)
    if order is None:
        raise supply.UnknownPurchaseOrder(purchase_order_id=str(order_id))
    language = opened.language(request)
    values = _understood(request, key, opened, values, questions.sent(typed))
    today = today_of(opened.shop)
    promises, errors = promised(order, values, opened.shop, language, today=today)
    if not errors:
        try:
            async with db.transaction() as tx:
                order = await supply.confirm(
                    tx, key=key, purchase_order_id=order_id, lines=promises, today=today
                )
        except Refusal as refusal:
            errors = {_field(refusal): message_of(refusal, language)}
    if errors:
        return _page(request, key, opened, at=order_id, values=values, errors=errors)
    response = RedirectResponse(f"/supplier/{key}#order-{order_id}", status_code=303)
    said = {
        supply.OrderState.DECLINED: N_("The shop now knows you can't make it."),
        supply.OrderState.PARTIALLY: N_("Thank you. The shop now knows what you can make and when."),
    }.get(order.state, N_("Thank you. The shop now sells on your promise."))
    flash(response, "good", language.words.gettext(said))
    return response


def today_of(shop: Shop) -> date:
    """The day it is in the shop, by which dates are promised; the foot of the page names its zone."""
    return now().astimezone(zone_of(shop.timezone)).date()


def _understood(
    request: Request, key: str, opened: Opened, values: Mapping[str, str], sent: questions.Sent
) -> dict[str, str]:
    """`values` with the readings that were chosen.  Raises Question for a quantity that can be read in two ways."""
    found = dict(values)
    for name, text in values.items():
        if not name.startswith("q-"):
            continue
        try:
            found[name] = str(
                sent.meant(
                    questions.Kind.QUANTITY, text, lambda typed: quantity_of(typed, opened.shop, least=0)
                )
            )
        except AmountAmbiguous as refusal:
            page = render(
                request,
                "question.html",
                status=refusal.status,
                frame="base.html",
                shop=opened.shop,
                action=request.url.path,
                back=f"/supplier/{key}",
                given=text.strip(),
                readings=questions.choices(refusal, text, None),
                is_quantity=True,
                on_air=False,
                fields=sent.fields,
            )
            raise questions.Question(_unseen(page)) from None
        except Refusal:
            # Said beside its field.
            continue
    return found


def promised(
    order: supply.PurchaseOrder, values: Mapping[str, str], shop: Shop, language: Language, *, today: date
) -> tuple[list[supply.Promise], dict[str, str]]:
    """The answer that was given, and what is wrong with it by field.  Lines that have come are left alone."""
    open_lines = [line for line in order.lines if not line.received]
    match values.get("answer"):
        case "all":
            return [
                supply.Promise(line.variant_id, line.quantity, max(line.expected_on, today))
                for line in open_lines
            ], {}
        case "none":
            return [supply.Promise(line.variant_id, 0, None) for line in open_lines], {}
        case _:
            pass
    found: list[supply.Promise] = []
    errors: dict[str, str] = {}
    for line in open_lines:
        number, day = f"q-{line.variant_id}", f"d-{line.variant_id}"
        if number not in values:
            continue
        try:
            quantity = quantity_of(values[number], shop, least=0)
            ready_on = day_of(values.get(day, ""))
            promise = supply.Promise(line.variant_id, quantity, ready_on if quantity else None)
            supply.check_promises(order, [promise], today=today)
            found.append(promise)
        except Refusal as refusal:
            errors[day if refusal.code in _DAY_CODES else number] = message_of(refusal, language)
    return found, errors


def _field(refusal: Refusal) -> str:
    variant_id = refusal.facts.get("variant_id")
    if variant_id is None:
        return ""
    return f"{'d' if refusal.code in _DAY_CODES else 'q'}-{variant_id}"
