"""Suppliers, what they quote, what was ordered from them, and the goods when they come."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from operator import attrgetter
from typing import Annotated, Final
from uuid import UUID

from babel.dates import format_date
from fastapi import Form
from starlette.datastructures import FormData
from starlette.responses import Response

from shopfloor import access_keys, catalog, inventory, supply
from shopfloor.accounts import Permission
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import public_link
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import now, whole_number
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.form_values import day_of, id_of
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_
from shopfloor.web.parts import option_words
from shopfloor.web.purchase_orders import csv_of, named
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import zone_of

router = Router(prefix="/console/{shop}", include_in_schema=False)

Viewer = Annotated[Desk, at_page("suppliers")]
Editor = Annotated[Desk, at(Permission.SUPPLIERS_EDIT)]
Receiver = Annotated[Desk, at(Permission.STOCK_EDIT)]
Text = Annotated[str, Form(max_length=300)]

KEY_PURPOSE: Final = "supplier"
# How many purchase orders one page lists.
PAGE: Final = 20
# A quote's form has this many rows for tiers; empty ones are left out.
TIER_ROWS: Final = 4
_NEW_QUOTE: Final = {"tier_1": "1", "lead_days": "14", "late_days": "2", "lot": "1", "capacity_use": "1"}


@dataclass(slots=True)
class Reading:
    """What was typed into a form: values as far as they could be read, and what to say about the others."""

    desk: Desk
    errors: dict[str, str] = field(default_factory=dict[str, str])

    def quantity(self, name: str, text: str, *, otherwise: int = 0, least: int = 0) -> int:
        """A whole number; an empty field is `otherwise`."""
        if not text.strip():
            return otherwise
        try:
            return self.desk.quantity(text, least=least)
        except Refusal as refusal:
            self.errors[name] = message_of(refusal, self.desk.language)
            return otherwise

    def refused(self, refusal: Refusal, known: Mapping[str, str], *, otherwise: str = "") -> None:
        """Beside the field that the refusal names, where the form has it."""
        name = known.get(str(refusal.facts.get("field", "")), otherwise)
        self.errors[name] = message_of(refusal, self.desk.language)


@router.get("/suppliers")
async def listing(desk: Viewer, after: UUID | None = None, before: UUID | None = None) -> Response:
    return await _listing(desk, {}, {}, after=after, before=before)


async def _listing(
    desk: Desk,
    values: dict[str, str],
    errors: dict[str, str],
    status: int = 200,
    *,
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    async with desk.work() as tx:
        suppliers = await supply.suppliers(tx, shop_id=desk.shop.id)
        quotes = await supply.quotes(tx, shop_id=desk.shop.id)
        open_orders = await supply.open_order_counts(tx, shop_id=desk.shop.id)
        orders = await paging.numbered(
            supply.purchase_orders,
            tx,
            shop_id=desk.shop.id,
            states=supply.OPEN_STATES,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        )
    return desk.page(
        "suppliers.html",
        active="suppliers",
        status=status,
        suppliers=sorted(suppliers, key=lambda supplier: (not supplier.active, supplier.name.casefold())),
        quoted={
            supplier.id: sum(quote.supplier_id == supplier.id for quote in quotes) for supplier in suppliers
        },
        open_orders={supplier.id: open_orders.get(supplier.id, 0) for supplier in suppliers},
        names={supplier.id: supplier.name for supplier in suppliers},
        orders=orders.items,
        page=orders,
        values=values or {"locale": desk.shop.locale},
        errors=errors,
    )


@router.post("/suppliers")
async def add(
    desk: Editor, name: Text = "", email: Text = "", locale: Text = "en", capacity: Text = ""
) -> Response:
    values = {"name": name, "email": email, "locale": locale, "capacity": capacity}
    reading = Reading(desk)
    per_week = reading.quantity("capacity", capacity, least=1) or None
    if not reading.errors:
        try:
            async with desk.work() as tx:
                added = await supply.add_supplier(
                    tx,
                    shop_id=desk.shop.id,
                    name=name,
                    email=email,
                    locale=locale,
                    capacity_per_week=per_week,
                )
            return desk.back(f"/suppliers/{added.id}", desk.say(N_("Supplier added. Now add their quotes.")))
        except Refusal as refusal:
            reading.refused(refusal, _SUPPLIER_FIELDS, otherwise="name")
    return await _listing(desk, values, reading.errors, status=422)


_SUPPLIER_FIELDS: Final = {
    "name": "name",
    "email": "email",
    "capacity_per_week": "capacity",
    "locale": "locale",
}


@router.get("/suppliers/{supplier_id}")
async def one(
    desk: Viewer, supplier_id: Id, after: UUID | None = None, before: UUID | None = None
) -> Response:
    """`?made=` shows a link that was just made: we keep its hash."""
    link = (await desk.revealed()).get("link")
    return await _one(desk, supplier_id, link=link, after=after, before=before)


async def _one(
    desk: Desk,
    supplier_id: int,
    *,
    link: str | None = None,
    changed: tuple[dict[str, str], dict[str, str]] | None = None,
    quoted: tuple[dict[str, str], dict[str, str]] | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    async with desk.work() as tx:
        supplier = await supply.supplier(tx, shop_id=desk.shop.id, supplier_id=supplier_id)
        quotes = await supply.quotes(tx, shop_id=desk.shop.id, supplier_id=supplier_id)
        orders = await paging.numbered(
            supply.purchase_orders,
            tx,
            shop_id=desk.shop.id,
            supplier_id=supplier_id,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        )
        products = await catalog.products(tx, shop_id=desk.shop.id, limit=None)
        keys = await access_keys.keys(tx, shop_id=desk.shop.id, purpose=KEY_PURPOSE, subject_id=supplier_id)
        known = await catalog.products_by_id(
            tx, shop_id=desk.shop.id, ids=sorted({quote.product_id for quote in quotes})
        )
        to_order = await _made_to_order(tx, desk, quotes, known)
        locations = await inventory.locations(tx, shop_id=desk.shop.id)
    values, errors = changed or ({}, {})
    quote_values, quote_errors = quoted or ({}, {})
    return desk.page(
        "supplier.html",
        active="suppliers",
        status=422 if errors or quote_errors else 200,
        supplier=supplier,
        quotes=quotes,
        orders=orders.items,
        page=orders,
        products=products,
        known=known,
        made=to_order,
        locations=locations,
        keys=keys,
        link=link,
        values=values
        or {
            "name": supplier.name,
            "email": supplier.email,
            "locale": supplier.locale,
            "capacity": "" if supplier.capacity_per_week is None else str(supplier.capacity_per_week),
            "active": "yes" if supplier.active else "",
        },
        errors=errors,
        quote_values=quote_values or _NEW_QUOTE,
        quote_errors=quote_errors,
        tier_rows=range(1, TIER_ROWS + 1),
        option_names=sorted(
            {name for product in products for name in product.option_names if name != "Title"}
        ),
    )


@router.post("/suppliers/{supplier_id}")
async def change(
    desk: Editor,
    supplier_id: Id,
    name: Text = "",
    email: Text = "",
    locale: Text = "en",
    capacity: Text = "",
    active: Tick = False,
) -> Response:
    values = {
        "name": name,
        "email": email,
        "locale": locale,
        "capacity": capacity,
        "active": "yes" if active else "",
    }
    reading = Reading(desk)
    per_week = reading.quantity("capacity", capacity, least=1) or None
    if not reading.errors:
        try:
            async with desk.work() as tx:
                await supply.update_supplier(
                    tx,
                    shop_id=desk.shop.id,
                    supplier_id=supplier_id,
                    name=name,
                    email=email,
                    locale=locale,
                    capacity_per_week=per_week,
                    active=active,
                )
            return desk.back(f"/suppliers/{supplier_id}", desk.say(N_("Saved.")))
        except supply.UnknownSupplier:
            raise
        except Refusal as refusal:
            reading.refused(refusal, _SUPPLIER_FIELDS, otherwise="name")
    return await _one(desk, supplier_id, changed=(values, reading.errors))


@router.post("/suppliers/{supplier_id}/key")
async def new_key(desk: Editor, supplier_id: Id) -> Response:
    async with desk.work() as tx:
        key = await supply.supplier_key(tx, shop_id=desk.shop.id, supplier_id=supplier_id)
    link = public_link(desk.request, f"/supplier/{key}")
    return await desk.reveal(f"/suppliers/{supplier_id}", {"link": link})


@router.post("/suppliers/{supplier_id}/keys/revoke")
async def revoke_keys(desk: Editor, supplier_id: Id) -> Response:
    """All links that were given out stop working."""
    async with desk.work() as tx:
        await supply.supplier(tx, shop_id=desk.shop.id, supplier_id=supplier_id)
        for key in await access_keys.keys(
            tx, shop_id=desk.shop.id, purpose=KEY_PURPOSE, subject_id=supplier_id
        ):
            await access_keys.revoke_key(tx, shop_id=desk.shop.id, key_id=key.id)
    return desk.back(
        f"/suppliers/{supplier_id}", desk.say(N_("Earlier links of this supplier no longer work."))
    )


@router.post("/suppliers/{supplier_id}/quotes")
async def quote(desk: Editor, supplier_id: Id) -> Response:
    typed = await desk.request.form()
    values = {name: str(value)[:40] for name, value in typed.items()}
    reading = Reading(desk)
    terms = _terms(reading, values)
    product_id = reading.quantity("product_id", values.get("product_id", ""), least=1)
    if not product_id:
        reading.errors["product_id"] = desk.say(N_("Choose a product."))
    if terms is not None and not reading.errors:
        try:
            async with desk.work() as tx:
                await supply.add_quote(
                    tx, shop_id=desk.shop.id, supplier_id=supplier_id, product_id=product_id, terms=terms
                )
            return desk.back(
                f"/suppliers/{supplier_id}", desk.say(N_("Quote added; plans use it from now on."))
            )
        except supply.UnknownSupplier:
            raise
        except supply.BadQuote as refusal:
            reading.refused(refusal, _QUOTE_FIELDS, otherwise="tier_1")
        except catalog.UnknownProduct as refusal:
            reading.errors["product_id"] = message_of(refusal, desk.language)
    return await _one(desk, supplier_id, quoted=(values, reading.errors))


@dataclass(frozen=True, slots=True)
class MadeToOrder:
    """A variant that a quote can make, and what of it is on sale before it is made."""

    quote_id: int
    variant: catalog.Variant
    words: str
    announced: Sequence[inventory.Level]

    @property
    def choice(self) -> str:
        return f"{self.quote_id}-{self.variant.id}"


async def _made_to_order(
    tx: Tx, desk: Desk, quotes: Sequence[supply.Quote], known: Mapping[int, catalog.Product]
) -> list[MadeToOrder]:
    every = await catalog.variants(
        tx, shop_id=desk.shop.id, product_ids=sorted({quote.product_id for quote in quotes})
    )
    variants = [variant for variant in every if not variant.is_archived]
    levels = [
        level
        for level in await inventory.levels(
            tx, shop_id=desk.shop.id, variant_ids=[variant.id for variant in variants]
        )
        if level.kind is inventory.LotKind.MAKEABLE and level.quantity
    ]
    found: list[MadeToOrder] = []
    for quote in quotes:
        product = known[quote.product_id]
        title = desk.language.localised(product.titles, product.title)
        for variant in variants:
            if variant.product_id == quote.product_id:
                words = " · ".join(filter(None, (title, option_words(variant.options))))
                lots = [
                    level
                    for level in levels
                    if level.variant_id == variant.id and level.source.startswith(f"quote:{quote.id}:")
                ]
                found.append(MadeToOrder(quote.id, variant, words, lots))
    return found


@router.post("/suppliers/{supplier_id}/makeable")
async def announce_makeable(
    desk: Editor,
    supplier_id: Id,
    item: Text = "",
    units: Text = "",
    ready_on: Text = "",
    location_id: Text = "",
) -> Response:
    """Sell a variant before it is made, against what its supplier can make by a day; 0 units end it."""
    back = f"/suppliers/{supplier_id}#makeable"
    quote_id, _, variant_id = item.partition("-")
    with desk.back_if_refused(back):
        async with desk.work() as tx:
            await supply.supplier(tx, shop_id=desk.shop.id, supplier_id=supplier_id)
            level = await supply.announce_makeable(
                tx,
                shop_id=desk.shop.id,
                quote_id=id_of(quote_id),
                variant_id=id_of(variant_id),
                quantity=desk.quantity(units, least=0),
                ready_on=day_of(ready_on),
                location_id=id_of(location_id),
                today=now().astimezone(zone_of(desk.shop.timezone)).date(),
            )
    if not level.quantity:
        return desk.back(back, desk.say(N_("No longer sold before it is made.")))
    day = "" if level.ready_on is None else format_date(level.ready_on, "long", desk.language.locale)
    said = N_("On sale: %(n)s units, ready on %(day)s.")
    return desk.back(back, desk.say(said, n=level.quantity, day=day))


# What `supply` calls a field, and what the form calls it.
_QUOTE_FIELDS: Final = {
    "tiers": "tier_1", "lot": "lot", "lead_days": "lead_days", "late_days": "late_days",
    "colour_minimum": "colour_minimum", "colour_option": "colour_option", "capacity_use": "capacity_use",
    "setup_minor": "setup", "valid_until": "valid_until",
}  # fmt: skip


def _terms(reading: Reading, values: Mapping[str, str]) -> supply.QuoteTerms | None:
    """The quote that was typed; None, with errors, when a field cannot be read."""
    desk = reading.desk

    def number(name: str, otherwise: int) -> int:
        return reading.quantity(name, values.get(name, ""), otherwise=otherwise)

    def money(name: str) -> int:
        try:
            return desk.minor(values.get(name, "") or "0")
        except Refusal as refusal:
            reading.errors[name] = message_of(refusal, desk.language)
            return 0

    tiers: list[supply.Tier] = []
    for row in range(1, TIER_ROWS + 1):
        minimum, price = values.get(f"tier_{row}", "").strip(), values.get(f"price_{row}", "").strip()
        if not price and (row > 1 or not minimum):
            continue
        if not price:
            reading.errors["price_1"] = desk.say(N_("Enter the price per unit."))
            continue
        tiers.append(supply.Tier(number(f"tier_{row}", 1), money(f"price_{row}")))
    if not tiers and "price_1" not in reading.errors:
        reading.errors["price_1"] = desk.say(N_("Enter the price per unit."))
    lead, late, lot = number("lead_days", 0), number("late_days", 0), number("lot", 1)
    least, use, setup = number("colour_minimum", 0), number("capacity_use", 1), money("setup")
    until = None
    try:
        until = day_of(values.get("valid_until", ""))
    except Refusal as refusal:
        reading.errors["valid_until"] = message_of(refusal, desk.language)
    if reading.errors:
        return None
    return supply.QuoteTerms(
        currency=desk.shop.currency,
        tiers=tuple(tiers),
        lead_days=lead,
        late_days=late,
        lot=lot,
        colour_minimum=least,
        colour_option=values.get("colour_option", "") if least else "",
        capacity_use=use,
        setup_minor=setup,
        valid_until=until,
    )


@router.post("/suppliers/{supplier_id}/quotes/{quote_id}/withdraw")
async def withdraw(desk: Editor, supplier_id: Id, quote_id: Id) -> Response:
    with desk.back_if_refused(f"/suppliers/{supplier_id}"):
        async with desk.work() as tx:
            await supply.withdraw_quote(tx, shop_id=desk.shop.id, quote_id=quote_id, supplier_id=supplier_id)
    return desk.back(
        f"/suppliers/{supplier_id}", desk.say(N_("Quote withdrawn; existing orders aren't affected."))
    )


# Purchase orders


@router.get("/purchase-orders/{order_id}.csv")
async def sheet(desk: Viewer, order_id: UUID) -> Response:
    async with desk.work() as tx:
        order = await supply.purchase_order(tx, shop_id=desk.shop.id, purchase_order_id=order_id)
        text = await supply.export_csv(tx, shop_id=desk.shop.id, purchase_order_id=order_id)
    return csv_of(order, text)


@router.get("/purchase-orders/{order_id}")
async def purchase_order(desk: Viewer, order_id: UUID) -> Response:
    return await _purchase_order(desk, order_id, {}, {})


async def _purchase_order(
    desk: Desk, order_id: UUID, values: Mapping[str, str], errors: Mapping[str, str]
) -> Response:
    async with desk.work() as tx:
        order = await supply.purchase_order(tx, shop_id=desk.shop.id, purchase_order_id=order_id)
        supplier = await supply.supplier(tx, shop_id=desk.shop.id, supplier_id=order.supplier_id)
        lines = (await named(tx, shop_id=desk.shop.id, orders=[order]))[order.id]
    return desk.page(
        "purchase_order.html",
        active="suppliers",
        status=422 if errors else 200,
        order=order,
        supplier=supplier,
        lines=lines,
        values=values,
        errors=errors,
    )


@router.post("/purchase-orders/{order_id}/receive")
async def receive(desk: Receiver, order_id: UUID) -> Response:
    """Goods came: for each line, how many in all so far."""
    values = _plain(await desk.request.form())
    reading = Reading(desk)
    totals: dict[int, int] = {}
    for name, text in values.items():
        variant_id = whole_number(name.removeprefix("r-"))
        if name.startswith("r-") and variant_id is not None:
            total = reading.quantity(name, text, otherwise=-1)
            if total >= 0:
                totals[variant_id] = total
    if not reading.errors:
        try:
            async with desk.work() as tx:
                order = await supply.receive(
                    tx, actor=desk.actor, purchase_order_id=order_id, quantities=totals
                )
            done = order.state == supply.OrderState.RECEIVED
            said = (
                N_("Everything has been received and is in stock.")
                if done
                else N_("Received goods are in stock.")
            )
            return desk.back(f"/purchase-orders/{order_id}", desk.say(said))
        except supply.UnknownPurchaseOrder:
            raise
        except Refusal as refusal:
            variant_id = refusal.facts.get("variant_id")
            words = message_of(refusal, desk.language)
            if isinstance(refusal, supply.BadQuantity):
                words = desk.say(N_("Received quantities can't go down. Adjust stock instead."))
            reading.errors[f"r-{variant_id}" if f"r-{variant_id}" in values else ""] = words
    return await _purchase_order(desk, order_id, values, reading.errors)


def _plain(typed: FormData) -> dict[str, str]:
    return {name: str(value)[:40] for name, value in typed.items()}
