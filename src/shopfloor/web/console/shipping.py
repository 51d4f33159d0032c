"""Where a shop delivers, how, and what it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Form
from starlette.responses import Response

from shopfloor import catalog, policies, pricing
from shopfloor.accounts import Permission
from shopfloor.kernel import amounts
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.routes import Router
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.form_values import check_variants, choice_of
from shopfloor.web.console.taxes import about, entries, errors_of, rule_id
from shopfloor.web.languages import N_
from shopfloor.web.regions import countries, countries_in, country_groups, country_name

router = Router(prefix="/console/{shop}/shipping", include_in_schema=False)

Viewer = Annotated[Desk, at_page("shipping")]
Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]
CatalogEditor = Annotated[Desk, at(Permission.CATALOG_EDIT)]
Text = Annotated[str, Form(max_length=20_000)]


@router.get("")
async def shipping(desk: Viewer) -> Response:
    async with desk.db.transaction() as tx:
        rules = await pricing.rules(tx, shop_id=desk.shop.id)
        policy = await policies.shop_terms(tx, shop_id=desk.shop.id)
    return desk.page(
        "shipping.html",
        active="terms",
        zones=rules.zones,
        methods=rules.methods,
        zone_names={zone.id: zone.name for zone in rules.zones},
        policy=policy,
        country_name=lambda code: country_name(desk.language, code),
    )


async def _zone_page(desk: Desk, values: Mapping[str, Any], refusal: Refusal | None = None) -> Response:
    return desk.page(
        "shipping_zone.html",
        active="terms",
        status=200 if refusal is None else refusal.status,
        values=values,
        errors=errors_of(desk, refusal, values, {"pricing.country": "countries"}),
        groups=country_groups(desk.language),
    )


@router.get("/zone")
async def zone(desk: Manager, zone_id: Id | None = None) -> Response:
    async with desk.db.transaction() as tx:
        known = {each.id: each for each in (await pricing.rules(tx, shop_id=desk.shop.id)).zones}
    if zone_id is None:
        return await _zone_page(desk, {"position": len(known) + 1, "countries": []})
    if zone_id not in known:
        raise pricing.UnknownRule
    lists = ("regions", "postcodes", "except_regions", "except_postcodes")
    found = asdict(known[zone_id])
    return await _zone_page(desk, found | {name: ", ".join(found[name]) for name in lists})


@router.post("/zone")
async def save_zone(
    desk: Manager,
    countries: Annotated[list[str] | None, Form(max_length=300)] = None,
    country_groups: Annotated[list[str] | None, Form(max_length=10)] = None,
    zone_id: Text = "",
    name: Text = "",
    regions: Text = "",
    postcodes: Text = "",
    except_regions: Text = "",
    except_postcodes: Text = "",
) -> Response:
    chosen: list[str] = list(dict.fromkeys([*(countries or []), *countries_in(country_groups or [])]))
    typed = {
        "id": zone_id, "position": desk.sent.typed("position", "1"), "name": name, "countries": chosen, "regions": regions,
        "postcodes": postcodes, "except_regions": except_regions, "except_postcodes": except_postcodes,
    }  # fmt: skip
    try:
        async with desk.work() as tx:
            with about("position"):
                place = desk.quantity(desk.sent.typed("position", "1"))
            await pricing.service.save_zone(
                tx,
                shop_id=desk.shop.id,
                zone=pricing.records.Zone(
                    id=rule_id(zone_id),
                    position=place,
                    name=name,
                    countries=chosen,
                    regions=entries(regions),
                    postcodes=entries(postcodes),
                    except_regions=entries(except_regions),
                    except_postcodes=entries(except_postcodes),
                ),
            )
    except Refusal as refusal:
        return await _zone_page(desk, typed, refusal)
    return desk.back("/shipping", desk.say(N_("Zone saved.")))


@router.post("/zone/{zone_id:id}/remove")
async def remove_zone(desk: Manager, zone_id: Id) -> Response:
    with desk.back_if_refused("/shipping"):
        async with desk.work() as tx:
            await pricing.service.remove_zone(tx, shop_id=desk.shop.id, zone_id=zone_id)
    return desk.back("/shipping", desk.say(N_("Zone deleted.")))


def _method_fields(values: Mapping[str, Any]) -> Mapping[str, str]:
    """What is refused of a method without naming its field."""
    lacks = "zone_id" if values.get("kind") == "ship" else "postcodes" if values.get("country") else "country"
    return {"pricing.country": "country", "pricing.steps": "steps", "pricing.delivery": lacks}


async def _method_page(desk: Desk, values: Mapping[str, Any], refusal: Refusal | None = None) -> Response:
    async with desk.db.transaction() as tx:
        zones = (await pricing.rules(tx, shop_id=desk.shop.id)).zones
    return desk.page(
        "shipping_method.html",
        active="terms",
        status=200 if refusal is None else refusal.status,
        values=values,
        errors=errors_of(desk, refusal, values, _method_fields(values)),
        zones=zones,
        countries=countries(desk.language),
    )


@router.get("/method")
async def method(desk: Manager, method_id: Id | None = None) -> Response:
    async with desk.db.transaction() as tx:
        known = {each.id: each for each in (await pricing.rules(tx, shop_id=desk.shop.id)).methods}
    if method_id is None:
        return await _method_page(desk, {"position": len(known) + 1, "kind": "ship", "price_by": "flat"})
    if method_id not in known:
        raise pricing.UnknownRule
    found = known[method_id]
    currency = desk.shop.currency
    return await _method_page(
        desk,
        asdict(found)
        | {
            "amount": amounts.written(found.amount_minor, currency),
            "free_from": ""
            if found.free_from_minor is None
            else amounts.written(found.free_from_minor, currency),
            "postcodes": ", ".join(found.postcodes),
            "steps": _written(found, currency),
        },
    )


@router.post("/method")
async def save_method(
    desk: Manager,
    method_id: Text = "",
    kind: Text = "ship",
    zone_id: Text = "",
    name: Text = "",
    note: Text = "",
    price_by: Text = "flat",
    amount: Text = "",
    steps: Text = "",
    free_from: Text = "",
    country: Text = "",
    region: Text = "",
    postcodes: Text = "",
) -> Response:
    typed = {
        "id": method_id, "position": desk.sent.typed("position", "1"), "kind": kind, "zone_id": zone_id, "name": name, "note": note,
        "price_by": price_by, "amount": amount, "steps": steps, "free_from": free_from, "country": country,
        "region": region, "postcodes": postcodes,
    }  # fmt: skip
    try:
        desk.actor.check_told(name, note)
        async with desk.work() as tx:
            by = choice_of(pricing.PriceBy, price_by, field="price_by")
            with about("position"):
                place = desk.quantity(desk.sent.typed("position", "1"))
            with about("amount"):
                flat = desk.minor(amount) if by is pricing.PriceBy.FLAT and amount.strip() else 0
            with about("steps"):
                staged = _steps(desk, steps, by)
            with about("free_from"):
                free = desk.minor(free_from) if free_from.strip() else None
            with about("zone_id"):
                zone = rule_id(zone_id) or None
            await pricing.service.save_method(
                tx,
                shop_id=desk.shop.id,
                method=pricing.records.Method(
                    id=rule_id(method_id),
                    position=place,
                    kind=choice_of(pricing.DeliveryKind, kind, field="kind"),
                    name=name,
                    zone_id=zone,
                    note=note,
                    price_by=by,
                    amount_minor=flat,
                    steps=staged,
                    free_from_minor=free,
                    country=country,
                    region=region,
                    postcodes=entries(postcodes),
                ),
            )
    except Refusal as refusal:
        return await _method_page(desk, typed, refusal)
    return desk.back("/shipping", desk.say(N_("Delivery method saved.")))


@router.post("/method/{method_id:id}/remove")
async def remove_method(desk: Manager, method_id: Id) -> Response:
    with desk.back_if_refused("/shipping"):
        async with desk.work() as tx:
            await pricing.service.remove_method(tx, shop_id=desk.shop.id, method_id=method_id)
    return desk.back("/shipping", desk.say(N_("Delivery method deleted.")))


@router.post("/product/{product_id:id}")
async def product(desk: CatalogEditor, product_id: Id, tax_class: Text = "standard") -> Response:
    """What a product is taxed as, and what its variants weigh."""
    typed = await desk.request.form()
    with desk.back_if_refused(f"/products/{product_id}"):
        async with desk.work() as tx:
            await catalog.update_product(tx, shop_id=desk.shop.id, product_id=product_id, tax_class=tax_class)
            variants = await catalog.variants(tx, shop_id=desk.shop.id, product_ids=[product_id])
            check_variants(typed, "grams", known={variant.id for variant in variants})
            for variant in variants:
                given = typed.get(f"grams-{variant.id}")
                if isinstance(given, str) and given.strip():
                    grams = desk.quantity(given, least=0)
                    await catalog.update_variant(tx, shop_id=desk.shop.id, variant_id=variant.id, grams=grams)
    return desk.back(f"/products/{product_id}#delivery", desk.say(N_("Tax class and weights saved.")))


def _steps(desk: Desk, typed: str, by: pricing.PriceBy) -> list[dict[str, int | None]]:
    """One step a line: up to how much, and the price; `*` for what is beyond.  Raises pricing.BadSteps and what is
    refused of amounts and quantities.
    """
    if by is pricing.PriceBy.FLAT:
        return []
    found: list[dict[str, int | None]] = []
    for line in typed.splitlines():
        words = line.replace("=", " ").replace("：", " ").replace(":", " ").split()
        if not words:
            continue
        if len(words) != 2:
            raise pricing.BadSteps(step=len(found) + 1)
        size, price = words
        up_to = None
        if size != "*":
            up_to = desk.minor(size) if by is pricing.PriceBy.VALUE else desk.quantity(size)
        found.append({"up_to": up_to, "amount": desk.minor(price)})
    return found


def _written(method: pricing.records.Method, currency: str) -> str:
    def size(up_to: int | None) -> str:
        if up_to is None:
            return "*"
        return amounts.written(up_to, currency) if method.price_by == pricing.PriceBy.VALUE else str(up_to)

    steps: Sequence[Mapping[str, Any]] = method.steps
    return "\n".join(f"{size(step['up_to'])} {amounts.written(step['amount'], currency)}" for step in steps)
