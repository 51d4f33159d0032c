"""Stores: what buyers are told of a location, and whether orders are collected there."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

from fastapi import Form
from starlette.responses import Response

from shopfloor import inventory, stores
from shopfloor.accounts import Permission
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.routes import Router
from shopfloor.web import regions, store_words
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.form_values import choice_of
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of

router = Router(prefix="/console/{shop}/stores", include_in_schema=False)

Viewer = Annotated[Desk, at_page("stores")]
Manager = Annotated[Desk, at(Permission.TILL_MANAGE)]
Text = Annotated[str, Form(max_length=4000)]


@router.get("")
async def listing(desk: Viewer) -> Response:
    async with desk.db.transaction() as tx:
        places = await inventory.locations(tx, shop_id=desk.shop.id)
        known = {each.location_id: each for each in await stores.all_of(tx, shop_id=desk.shop.id)}
    return desk.page(
        "stores.html",
        active="pickups",
        locations=[each for each in places if each.kind is not inventory.LocationKind.VIRTUAL],
        known=known,
        told={each: store_words.told(store, desk.language) for each, store in known.items()},
    )


def _page(
    desk: Desk, location_id: int, name: str, values: Mapping[str, Any], refusal: Refusal | None = None
) -> Response:
    errors: dict[str, str] = {}
    if refusal is not None:
        field = str(refusal.facts.get("field") or "")
        errors[field if field in values else ""] = message_of(refusal, desk.language)
    return desk.page(
        "store.html",
        active="pickups",
        status=200 if refusal is None else refusal.status,
        location_id=location_id,
        name=name,
        values=values,
        errors=errors,
        days=list(zip(stores.hours.DAYS, store_words.day_names(desk.language), strict=True)),
        countries=regions.countries(desk.language),
        zones=regions.zone_groups(desk.language),
    )


@router.get("/{location_id:id}")
async def one(desk: Manager, location_id: Id) -> Response:
    async with desk.db.transaction() as tx:
        found = await stores.store(
            tx, shop_id=desk.shop.id, location_id=location_id, timezone=desk.shop.timezone
        )
    values = asdict(found) | {
        day: stores.hours.written(spans) for day, spans in zip(stores.hours.DAYS, found.hours, strict=True)
    }
    values["closed_on"] = ", ".join(each.isoformat() for each in found.closed_on)
    return _page(desk, location_id, found.name, values)


@router.post("/{location_id:id}")
async def save(
    desk: Manager,
    location_id: Id,
    street: Text = "",
    city: Text = "",
    postcode: Text = "",
    region: Text = "",
    country: Text = "",
    phone: Text = "",
    note: Text = "",
    timezone: Text = "",
    mon: Text = "",
    tue: Text = "",
    wed: Text = "",
    thu: Text = "",
    fri: Text = "",
    sat: Text = "",
    sun: Text = "",
    closed_on: Text = "",
    collects: Text = "",
    ready_minutes: Text = "120",
    keep_days: Text = "7",
    after_keeping: Text = "release",
) -> Response:
    days = dict(zip(stores.hours.DAYS, (mon, tue, wed, thu, fri, sat, sun), strict=True))
    values = days | {
        "street": street, "city": city, "postcode": postcode, "region": region, "country": country, "phone": phone,
        "note": note, "timezone": timezone, "closed_on": closed_on, "collects": collects, "ready_minutes": ready_minutes,
        "keep_days": keep_days, "after_keeping": after_keeping,
    }  # fmt: skip
    async with desk.db.transaction() as tx:
        before = await stores.store(
            tx, shop_id=desk.shop.id, location_id=location_id, timezone=desk.shop.timezone
        )
    try:
        desk.actor.check_told(note, street)
        wanted = stores.Store(
            location_id=location_id,
            shop_id=desk.shop.id,
            name=before.name,
            street=street,
            city=city,
            postcode=postcode,
            region=region,
            country=country,
            phone=phone,
            note=note,
            timezone=timezone or desk.shop.timezone,
            hours=[stores.hours.read(typed, field=day) for day, typed in days.items()],
            closed_on=_dates(closed_on),
            collects=bool(collects),
            ready_minutes=desk.quantity(ready_minutes, least=0, most=10_080),
            keep_days=desk.quantity(keep_days, least=1, most=90),
            after_keeping=choice_of(stores.AfterKeeping, after_keeping, field="after_keeping"),
        )
        async with desk.work() as tx:
            await stores.save(tx, wanted)
    except Refusal as refusal:
        return _page(desk, location_id, before.name, values, refusal)
    return desk.back("/stores", desk.say(N_("Store saved.")))


def _dates(typed: str) -> list[date]:
    """Days with commas between them.  Raises BadStore."""
    try:
        return [date.fromisoformat(each) for each in typed.replace("，", ",").replace(",", " ").split()]
    except ValueError:
        raise stores.BadStore(field="closed_on") from None
