"""How a shop taxes: settings, classes and rates."""

from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import Form
from starlette.responses import Response

from shopfloor import pricing
from shopfloor.accounts import Permission
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.routes import Router
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.form_values import choice_of, day_of, id_of
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of
from shopfloor.web.regions import countries, country_name

STANDARD = "standard"

router = Router(prefix="/console/{shop}/taxes", include_in_schema=False)

Viewer = Annotated[Desk, at_page("taxes")]
Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]
Text = Annotated[str, Form(max_length=5000)]


async def taxes_page(
    desk: Desk, values: Mapping[str, Any] | None = None, refusal: Refusal | None = None
) -> Response:
    async with desk.db.transaction() as tx:
        rules = await pricing.rules(tx, shop_id=desk.shop.id)
        classes = await pricing.service.tax_classes(tx, shop_id=desk.shop.id)
        rates = await pricing.service.tax_rates(tx, shop_id=desk.shop.id)
    kept = (
        asdict(rules.settings)
        if rules.settings
        else {"included": True, "rounding": "line", "place": "destination"}
    )
    errors = {} if refusal is None else {"": message_of(refusal, desk.language)}
    return desk.page(
        "taxes.html",
        active="terms",
        status=200 if refusal is None else refusal.status,
        settings=rules.settings,
        values=kept | {"shipping_class": kept.get("shipping_class") or ""} | dict(values or {}),
        errors=errors,
        classes=classes,
        rates=rates,
        countries=countries(desk.language),
        country_name=lambda code: country_name(desk.language, code),
    )


@router.get("")
async def taxes(desk: Viewer) -> Response:
    return await taxes_page(desk)


@router.post("")
async def change(
    desk: Manager,
    origin_country: Text = "",
    origin_region: Text = "",
    included: Tick = True,
    rounding: Text = "line",
    place: Text = "destination",
    shipping_class: Text = "",
    tax_number: Text = "",
    reference_days: Text = "",
) -> Response:
    typed = {
        "origin_country": origin_country, "origin_region": origin_region, "included": included,
        "rounding": rounding, "place": place, "shipping_class": shipping_class, "tax_number": tax_number,
        "reference_days": reference_days,
    }  # fmt: skip
    try:
        async with desk.work() as tx:
            with about("reference_days"):
                days = desk.quantity(reference_days, most=365) if reference_days.strip() else None
            await pricing.service.set_taxes(
                tx,
                shop_id=desk.shop.id,
                wanted=pricing.records.TaxSettings(
                    origin_country=origin_country,
                    included=included,
                    rounding=choice_of(pricing.Rounding, rounding, field="rounding"),
                    place=choice_of(pricing.TaxPlace, place, field="place"),
                    origin_region=origin_region,
                    shipping_class=shipping_class or None,
                    tax_number=tax_number,
                    reference_days=days,
                ),
            )
    except Refusal as refusal:
        return await taxes_page(desk, typed, refusal)
    return desk.back("/taxes", desk.say(N_("Settings saved. They apply to new orders.")))


@router.post("/classes")
async def save_class(desk: Manager, code: Text = "", name: Text = "") -> Response:
    try:
        async with desk.work() as tx:
            await pricing.service.save_tax_class(tx, shop_id=desk.shop.id, code=code.strip(), name=name)
    except Refusal as refusal:
        return await taxes_page(desk, {"code": code, "class_name": name}, refusal)
    return desk.back("/taxes#classes", desk.say(N_("Tax class saved.")))


@router.post("/classes/remove")
async def remove_class(desk: Manager, code: Text) -> Response:
    with desk.back_if_refused("/taxes"):
        async with desk.work() as tx:
            await pricing.service.remove_tax_class(tx, shop_id=desk.shop.id, code=code)
    return desk.back("/taxes#classes", desk.say(N_("Tax class deleted.")))


# What is refused of a rate without naming its field.
_RATE_FIELDS: Final = {
    "pricing.country": "country", "pricing.rate": "percent", "pricing.negative": "percent",
    "pricing.too_large": "percent", "pricing.period": "valid_until",
}  # fmt: skip


async def _rate_page(desk: Desk, values: Mapping[str, Any], refusal: Refusal | None = None) -> Response:
    async with desk.db.transaction() as tx:
        classes = await pricing.service.tax_classes(tx, shop_id=desk.shop.id)
    return desk.page(
        "tax_rate.html",
        active="terms",
        status=200 if refusal is None else refusal.status,
        values=values,
        errors=errors_of(desk, refusal, values, _RATE_FIELDS),
        classes=classes,
        countries=countries(desk.language),
    )


@router.get("/rate")
async def rate(desk: Manager, rate_id: Id | None = None) -> Response:
    async with desk.db.transaction() as tx:
        known = {each.id: each for each in await pricing.service.tax_rates(tx, shop_id=desk.shop.id)}
    if rate_id is None:
        return await _rate_page(desk, {"country": "", "tax_class": STANDARD})
    if rate_id not in known:
        raise pricing.UnknownRule
    found = known[rate_id]
    return await _rate_page(
        desk,
        asdict(found) | {"regions": ", ".join(found.regions), "postcodes": ", ".join(found.postcodes)},
    )


@router.post("/rate")
async def save_rate(
    desk: Manager,
    rate_id: Text = "",
    country: Text = "",
    percent: Text = "",
    tax_class: Text = STANDARD,
    name: Text = "",
    regions: Text = "",
    postcodes: Text = "",
    valid_from: Text = "",
    valid_until: Text = "",
    adds: Tick = False,
) -> Response:
    typed = {
        "id": rate_id, "country": country, "percent": percent, "tax_class": tax_class, "name": name, "regions": regions,
        "postcodes": postcodes, "valid_from": valid_from, "valid_until": valid_until, "adds": adds,
    }  # fmt: skip
    try:
        async with desk.work() as tx:
            with about("valid_from"):
                first = day_of(valid_from)
            with about("valid_until"):
                last = day_of(valid_until)
            await pricing.service.save_tax_rate(
                tx,
                shop_id=desk.shop.id,
                rate=pricing.records.TaxRate(
                    id=rule_id(rate_id),
                    country=country,
                    percent=percent,
                    tax_class=tax_class,
                    name=name,
                    regions=entries(regions),
                    postcodes=entries(postcodes),
                    valid_from=first,
                    valid_until=last,
                    adds=adds,
                ),
            )
    except Refusal as refusal:
        return await _rate_page(desk, typed, refusal)
    return desk.back("/taxes#rates", desk.say(N_("Tax rate saved.")))


@router.post("/rate/{rate_id:id}/remove")
async def remove_rate(desk: Manager, rate_id: Id) -> Response:
    with desk.back_if_refused("/taxes"):
        async with desk.work() as tx:
            await pricing.service.remove_tax_rate(tx, shop_id=desk.shop.id, rate_id=rate_id)
    return desk.back("/taxes#rates", desk.say(N_("Tax rate deleted.")))


def entries(typed: str) -> list[str]:
    """A list that was typed: by comma, also the Chinese one, by semicolon or by line."""
    for sign in "，、;；\n\r":
        typed = typed.replace(sign, ",")
    return [each.strip() for each in typed.split(",") if each.strip()]


def rule_id(typed: str) -> int:
    """The id that a form carries unseen; 0, for a new rule, where it carries none.  Raises pricing.UnknownRule."""
    if not typed:
        return 0
    found = id_of(typed)
    if not found:
        raise pricing.UnknownRule(given=typed[:20])
    return found


@contextmanager
def about(field: str) -> Generator[None]:
    """What is refused meanwhile is about this field of the form."""
    try:
        yield
    except Refusal as refusal:
        refusal.facts.setdefault("field", field)
        raise


def errors_of(
    desk: Desk, refusal: Refusal | None, fields: Collection[str], usual: Mapping[str, str]
) -> dict[str, str]:
    """Why a form is refused, by the field it is about; by none where it is about all of it.

    That is the field that the refusal names, or has a fact of, or what is `usual` for its code.
    """
    if refusal is None:
        return {}
    keys = [str(refusal.facts.get("field", "")), usual.get(refusal.code, ""), *refusal.facts]
    name = next((name for name in keys if name in fields), "")
    return {name: message_of(refusal, desk.language)}
