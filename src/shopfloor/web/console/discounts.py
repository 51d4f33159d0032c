"""Discounts: codes, automatic ones and coupons, with what was used of them."""

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from operator import attrgetter
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Form, Query
from starlette.responses import Response

from shopfloor import catalog, live, order_lists, pricing, promotions
from shopfloor.accounts import Permission
from shopfloor.kernel import amounts, paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import public_link
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import now
from shopfloor.promotions import Discount, Method, State
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.form_values import choice_of, id_of, moment_of
from shopfloor.web.console.shows import local_input
from shopfloor.web.console.taxes import about, errors_of, rule_id
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_

router = Router(prefix="/console/{shop}/discounts", include_in_schema=False)

Viewer = Annotated[Desk, at_page("discounts")]
Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]
Text = Annotated[str, Form(max_length=5000)]
Some = Annotated[list[str] | None, Form(max_length=1000)]

PAGE: Final = 50
# Products that a form lists to choose from, of the shop or of what is searched for.
LISTED: Final = 100
USES: Final = 20
_AMOUNTS: Final = ("amount", "every", "minimum", "cap", "budget")
_COUNTS: Final = ("minimum_quantity", "per_buyer", "most_uses", "most_claims")


@router.get("")
async def discounts(
    desk: Viewer,
    search: Annotated[str, Query(max_length=100)] = "",
    state: State | None = None,
    after: Id | None = None,
    before: Id | None = None,
) -> Response:
    async with desk.db.transaction() as tx:
        page = await paging.page(
            partial(promotions.service.discounts, tx, shop_id=desk.shop.id, search=search, state=state),
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        )
    at_now = now()
    return desk.page(
        "discounts.html",
        active="discounts",
        discounts=page.items,
        page=page,
        search=search,
        state_now=state,
        states={each.id: each.state(at_now) for each in page.items},
        more={"search": search or None, "state": state},
    )


async def _form(
    desk: Desk,
    values: Mapping[str, Any],
    refusal: Refusal | None = None,
    discount_id: int = 0,
    code_errors: Mapping[str, str] | None = None,
    code_values: Mapping[str, str] | None = None,
    find: str = "",
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    """`find`: which products are listed to choose from.  `after`, `before`: a page of the orders that used it."""
    shop_id = desk.shop.id
    async with desk.db.transaction() as tx:
        found = None
        codes, numbers = [], {}
        uses: paging.Page[Any] = paging.Page([])
        if discount_id:
            found = await promotions.service.discount(tx, shop_id=shop_id, discount_id=discount_id)
            codes = await promotions.service.codes_of(tx, shop_id=shop_id, discount_id=discount_id, limit=20)
            uses = await paging.page(
                partial(promotions.service.uses, tx, shop_id=shop_id, discount_id=discount_id),
                after=after,
                before=before,
                limit=USES,
                key=attrgetter("order_id"),
            )
            numbers = await order_lists.numbers(
                tx, shop_id=shop_id, order_ids=[each.order_id for each in uses.items]
            )
        products = await catalog.products(
            tx, shop_id=shop_id, search=find, status=catalog.Status.ACTIVE, limit=LISTED + 1
        )
        more_products = len(products) > LISTED
        products = products[:LISTED]
        chosen = [id_of(str(each)) for each in values.get("products", [])]
        missing = [each for each in chosen if each not in {product.id for product in products}]
        found_too = await catalog.products_by_id(tx, shop_id=shop_id, ids=missing)
        products += found_too.values()
        # What was deleted since is chosen no longer.
        chosen = [each for each in chosen if each not in missing or each in found_too]
        on_air = await live.shows(tx, shop_id=shop_id, status=live.ShowStatus.LIVE)
        planned = await live.shows(tx, shop_id=shop_id, status=live.ShowStatus.PLANNED)
        shows = [*on_air, *planned]
        kept_show = None if found is None else found.show_id
        if kept_show is not None and kept_show not in {show.id for show in shows}:
            shows.append(await live.show(tx, shop_id=shop_id, show_id=kept_show))
    usual = {
        "pricing.rate": "percent", "pricing.negative": "percent", "pricing.too_large": "percent",
        "promotions.below_usage": "most_uses", "form.not_a_date": "starts_at",
    }  # fmt: skip
    errors = errors_of(desk, refusal, values, usual)
    if isinstance(refusal, promotions.NotThere) and "product_ids" in errors and not chosen:
        # Without products it is for all of them: that must be somebody's wish.
        errors["product_ids"] = desk.say(
            N_(
                "All products you chose have been deleted. Choose others: saved like this, it applies to every product."
            )
        )
    return desk.page(
        "discount.html",
        active="discounts",
        status=200 if refusal is None else refusal.status,
        values=values,
        errors=errors,
        code_errors=code_errors or {},
        code_values=code_values or {},
        found=found,
        state=None if found is None else found.state(now()),
        codes=codes,
        uses=uses,
        numbers=numbers,
        products=sorted(products, key=lambda product: product.id not in chosen),
        more_products=more_products,
        find=find,
        chosen=chosen,
        shows=shows,
        claim_link=None
        if found is None or found.slug is None
        else str(public_link(desk.request, f"/s/{desk.shop.slug}/coupons/{found.slug}")),
    )


@router.get("/new")
async def new(desk: Manager, method: Method = Method.CODE) -> Response:
    return await _form(
        desk, {"method": method, "kind": "percentage", "level": "order", "show": "", "products": []}
    )


@router.get("/{discount_id}")
async def discount(
    desk: Viewer, discount_id: Id, after: UUID | None = None, before: UUID | None = None
) -> Response:
    async with desk.db.transaction() as tx:
        found = await promotions.service.discount(tx, shop_id=desk.shop.id, discount_id=discount_id)
    return await _form(desk, _kept(desk, found), discount_id=discount_id, after=after, before=before)


def _kept(desk: Desk, found: Discount) -> dict[str, Any]:
    """A discount as its form has it."""

    def written(minor: int | None) -> str:
        return "" if not minor else amounts.written(minor, desk.shop.currency)

    return asdict(found) | {
        **{name: written(getattr(found, f"{name}_minor")) for name in _AMOUNTS},
        **{name: getattr(found, name) or "" for name in _COUNTS},
        "percent": "" if found.percent == "0" else found.percent,
        "steps": "\n".join(
            f"{written(step['from_amount'])} {written(step['amount'])}" for step in found.steps
        ),
        "products": [str(each) for each in found.product_ids],
        "show": found.show_id or "",
        "starts_at": local_input(found.starts_at, desk.shop.timezone),
        "ends_at": local_input(found.ends_at, desk.shop.timezone),
        "code": "",
        "slug": found.slug or "",
    }


@router.post("")
async def save(
    desk: Manager,
    discount_id: Text = "",
    title: Text = "",
    method: Text = "code",
    code: Text = "",
    slug: Text = "",
    kind: Text = "percentage",
    level: Text = "order",
    percent: Text = "",
    amount: Text = "",
    every: Text = "",
    steps: Text = "",
    minimum: Text = "",
    minimum_quantity: Text = "",
    cap: Text = "",
    product_ids: Some = None,
    show_id: Text = "",
    first_order: Tick = False,
    starts_at: Text = "",
    ends_at: Text = "",
    priority: Text = "",
    combines: Tick = False,
    per_buyer: Text = "",
    most_uses: Text = "",
    most_claims: Text = "",
    budget: Text = "",
    find: Annotated[str, Form(max_length=200)] = "",
    found_by: Annotated[str, Form(max_length=200)] = "",
    do: Text = "",
) -> Response:
    """`do` is "find" to list the products that `find` means, "save" to save; a press of Enter does what was typed last."""
    typed = {
        "title": title, "method": method, "code": code, "slug": slug, "kind": kind, "level": level, "percent": percent,
        "amount": amount, "every": every, "steps": steps, "minimum": minimum, "minimum_quantity": minimum_quantity,
        "cap": cap, "show_id": show_id, "first_order": "yes" if first_order else "",
        "starts_at": starts_at, "ends_at": ends_at, "priority": priority, "combines": "yes" if combines else "",
        "per_buyer": per_buyer, "most_uses": most_uses, "most_claims": most_claims, "budget": budget,
    }  # fmt: skip
    shown = typed | {"show": show_id, "products": product_ids or [], "product_ids": product_ids or []}
    number = 0
    try:
        number = rule_id(discount_id)
        with about("title"):
            desk.actor.check_told(title)
        if do == "find" or (not do and find != found_by):
            return await _form(desk, shown, None, number, find=find)
        async with desk.work() as tx:
            paused = False
            if number:
                kept = await promotions.service.discount(tx, shop_id=desk.shop.id, discount_id=number)
                paused = kept.paused
            wanted = _read(desk, typed, number, paused=paused, product_ids=product_ids or [])
            saved = await promotions.service.save(tx, shop_id=desk.shop.id, wanted=wanted, code=code)
    except promotions.UnknownDiscount as refusal:
        # What was typed can be saved as a new one.
        refusal.facts["field"] = "discount_id"
        return await _form(desk, shown, refusal, find=found_by)
    except Refusal as refusal:
        return await _form(desk, shown, refusal, number, find=found_by)
    return desk.back(f"/discounts/{saved.id}", desk.say(N_("Discount saved. It applies to new orders.")))


def _read(
    desk: Desk, typed: Mapping[str, str], number: int, *, paused: bool, product_ids: list[str]
) -> Discount:
    def minor(name: str) -> int | None:
        with about(name):
            return desk.minor(typed[name]) if typed[name].strip() else None

    def count(name: str) -> int | None:
        with about(name):
            return desk.quantity(typed[name]) if typed[name].strip() else None

    def moment(name: str) -> Any:
        with about(name):
            return moment_of(typed[name], desk.shop.timezone)

    with about("steps"):
        staged = _steps(desk, typed["steps"])
    with about("priority"):
        place = desk.quantity(typed["priority"], least=0) if typed["priority"].strip() else 0
    return Discount(
        id=number,
        title=typed["title"],
        method=choice_of(Method, typed["method"], field="method"),
        kind=choice_of(pricing.DiscountKind, typed["kind"], field="kind"),
        level=choice_of(pricing.DiscountLevel, typed["level"], field="level"),
        currency=desk.shop.currency,
        percent=typed["percent"].strip() or "0",
        amount_minor=minor("amount") or 0,
        every_minor=minor("every"),
        steps=staged,
        minimum_minor=minor("minimum") or 0,
        minimum_quantity=count("minimum_quantity") or 0,
        cap_minor=minor("cap"),
        product_ids=[id_of(each) for each in product_ids],
        show_id=rule_id(typed["show_id"]) or None,
        first_order=bool(typed["first_order"]),
        starts_at=moment("starts_at"),
        ends_at=moment("ends_at"),
        priority=place,
        combines=bool(typed["combines"]),
        paused=paused,
        per_buyer=count("per_buyer"),
        slug=typed["slug"] or None,
        most_uses=count("most_uses"),
        most_claims=count("most_claims"),
        budget_minor=minor("budget"),
    )


def _steps(desk: Desk, typed: str) -> list[dict[str, int]]:
    """One step a line: from how much on, and what is taken off."""
    found: list[dict[str, int]] = []
    for line in typed.splitlines():
        words = line.replace("=", " ").replace("：", " ").replace(":", " ").split()
        if not words:
            continue
        if len(words) != 2:
            raise promotions.DiscountIncomplete(field="steps", step=len(found) + 1)
        found.append({"from_amount": desk.minor(words[0]), "amount": desk.minor(words[1])})
    return found


@router.post("/{discount_id:id}/pause")
async def pause(desk: Manager, discount_id: Id, paused: Tick) -> Response:
    async with desk.work() as tx:
        await promotions.service.pause(tx, shop_id=desk.shop.id, discount_id=discount_id, paused=paused)
    said = N_("Discount paused.") if paused else N_("Discount resumed.")
    return desk.back(f"/discounts/{discount_id}", desk.say(said))


@router.post("/{discount_id:id}/remove")
async def remove(desk: Manager, discount_id: Id) -> Response:
    try:
        async with desk.work() as tx:
            await promotions.service.remove(tx, shop_id=desk.shop.id, discount_id=discount_id)
    except promotions.UnknownDiscount:
        raise
    except Refusal as refusal:
        return desk.refused(f"/discounts/{discount_id}", refusal)
    return desk.back("/discounts", desk.say(N_("Discount deleted.")))


@router.post("/{discount_id:id}/codes")
async def add_codes(
    desk: Manager,
    discount_id: Id,
    count: Text = "",
    prefix: Text = "",
    codes: Text = "",
    code_uses: Text = "",
) -> Response:
    """Codes of one's own, one a line, or so many that are made."""
    typed = {"count": count, "prefix": prefix, "codes": codes, "code_uses": code_uses}
    try:
        async with desk.work() as tx:
            with about("code_uses"):
                most = desk.quantity(code_uses) if code_uses.strip() else None
            own = promotions.apart(codes, most=promotions.service.MOST_CODES + 1)
            if own:
                await promotions.service.add_codes(
                    tx, shop_id=desk.shop.id, discount_id=discount_id, given=own, most_uses=most
                )
            else:
                with about("count"):
                    wanted = desk.quantity(count, most=promotions.service.MOST_CODES)
                await promotions.service.make_codes(
                    tx,
                    shop_id=desk.shop.id,
                    discount_id=discount_id,
                    count=wanted,
                    prefix=prefix,
                    most_uses=most or 1,
                )
    except promotions.UnknownDiscount:
        raise
    except Refusal as refusal:
        async with desk.db.transaction() as tx:
            found = await promotions.service.discount(tx, shop_id=desk.shop.id, discount_id=discount_id)
        errors = errors_of(
            desk, refusal, typed, {"promotions.code": "codes", "promotions.code_taken": "codes"}
        )
        page = await _form(desk, _kept(desk, found), None, discount_id, errors, typed)
        page.status_code = refusal.status
        return page
    return desk.back(f"/discounts/{discount_id}#codes", desk.say(N_("Codes added.")))


@router.get("/{discount_id}/codes.csv")
async def export_codes(desk: Viewer, discount_id: Id) -> Response:
    rows = io.StringIO()
    sheet = csv.writer(rows)
    sheet.writerow(["code", "uses", "most_uses"])
    async with desk.db.transaction() as tx:
        await promotions.service.discount(tx, shop_id=desk.shop.id, discount_id=discount_id)
        after: str | None = None
        while True:
            codes = await promotions.service.codes_of(
                tx, shop_id=desk.shop.id, discount_id=discount_id, after=after, limit=1000
            )
            for each in codes:
                # A spreadsheet would take what begins so for a formula.
                safe = "'" + each.written if each.written[0] in "=+-@" else each.written
                sheet.writerow([safe, each.uses, each.most_uses or ""])
            if len(codes) < 1000:
                break
            after = codes[-1].key
    # The mark at the start tells spreadsheet programs that the text is UTF-8.
    return Response(
        "\N{ZERO WIDTH NO-BREAK SPACE}" + rows.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="discount-{discount_id}-codes.csv"'},
    )
