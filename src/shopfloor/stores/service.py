"""The verbs of stores: what buyers are told of a location, and what can be collected where."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID
from zoneinfo import available_timezones

from shopfloor import inventory, stock
from shopfloor.kernel import outbox, text
from shopfloor.kernel.countries import COUNTRIES
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now
from shopfloor.stores import hours, queries
from shopfloor.stores.events import StoreChanged
from shopfloor.stores.models import (
    MOST_CLOSED,
    MOST_KEEP_DAYS,
    MOST_READY_MINUTES,
    AfterKeeping,
    BadHours,
    BadStore,
    Missing,
    NoAddress,
    Offered,
    Store,
    UnknownStore,
)


async def all_of(tx: Tx, *, shop_id: int) -> list[Store]:
    """Those of which buyers know something."""
    return await queries.stores(tx, shop_id=shop_id)


async def find(tx: Tx, *, shop_id: int, location_id: int) -> Store | None:
    return await queries.store(tx, shop_id=shop_id, location_id=location_id)


async def store(tx: Tx, *, shop_id: int, location_id: int, timezone: str = "UTC") -> Store:
    """What is set, or what holds until something is set, on this clock.  Raises UnknownStore."""
    found = await queries.store(tx, shop_id=shop_id, location_id=location_id)
    if found is not None:
        return found
    place = next(
        (each for each in await inventory.locations(tx, shop_id=shop_id) if each.id == location_id), None
    )
    if place is None:
        raise UnknownStore(location_id=location_id)
    return Store(
        location_id, shop_id, place.name, "", "", "", "", "", "", "", timezone, [[] for _ in hours.DAYS], [],
        collects=False, ready_minutes=120, keep_days=7, after_keeping=AfterKeeping.RELEASE,
    )  # fmt: skip


async def save(tx: Tx, wanted: Store) -> Store:
    """Raises UnknownStore, NoAddress, BadHours, BadStore with its field, UnusableText."""
    places = {each.id: each.name for each in await inventory.locations(tx, shop_id=wanted.shop_id)}
    if wanted.location_id not in places:
        raise UnknownStore(location_id=wanted.location_id)
    clean = replace(
        wanted,
        name=places[wanted.location_id],
        street=text.line(wanted.street, field="street", longest=200),
        city=text.line(wanted.city, field="city", longest=100),
        postcode=text.line(wanted.postcode, field="postcode", longest=20),
        region=text.line(wanted.region, field="region", longest=100),
        country=wanted.country.strip().upper(),
        phone=text.line(wanted.phone, field="phone", longest=40),
        note=text.prose(wanted.note, field="note", longest=500),
        closed_on=sorted(set(wanted.closed_on)),
    )
    _check(clean)
    await queries.save(tx, clean)
    await outbox.record(tx, StoreChanged(clean.shop_id, clean.location_id, clean.collects))
    return clean


def _check(wanted: Store) -> None:
    if wanted.country and wanted.country not in COUNTRIES:
        raise BadStore(field="country")
    if wanted.timezone not in available_timezones():
        raise BadStore(field="timezone")
    if not 0 <= wanted.ready_minutes <= MOST_READY_MINUTES:
        raise BadStore(field="ready_minutes", most=MOST_READY_MINUTES)
    if not 1 <= wanted.keep_days <= MOST_KEEP_DAYS:
        raise BadStore(field="keep_days", most=MOST_KEEP_DAYS)
    if len(wanted.closed_on) > MOST_CLOSED:
        raise BadStore(field="closed_on", most=MOST_CLOSED)
    if len(wanted.hours) != len(hours.DAYS):
        raise BadHours(field="hours")
    for day, spans in zip(hours.DAYS, wanted.hours, strict=True):
        hours.check(spans, field=day)
    if wanted.collects and not (wanted.street and wanted.city and any(wanted.hours)):
        raise NoAddress(field="street" if not wanted.street else "city" if not wanted.city else hours.DAYS[0])


async def offered(
    tx: Tx,
    *,
    shop_id: int,
    pool_id: int,
    hold_ids: Sequence[UUID],
    units: Mapping[int, int],
    later: bool = False,
    at: datetime | None = None,
) -> list[Offered]:
    """The shop's stores where orders are collected, by name: with all of these units {variant: so many}, or what is
    missing there.  `later`: some of it is not on hand anywhere yet, so that no store can have it now.
    """
    stores = [each for each in await queries.stores(tx, shop_id=shop_id) if each.collects]
    if not stores or later:
        return []
    there = {
        (each.location_id, each.variant_id): each.units
        for each in await stock.at_places(
            tx, shop_id=shop_id, pool_id=pool_id, hold_ids=hold_ids, variant_ids=sorted(units)
        )
    }
    moment = at or now()
    return [
        Offered(
            each,
            hours.ready_at(each, moment),
            [
                Missing(variant_id, wanted, here)
                for variant_id, wanted in sorted(units.items())
                if (here := there.get((each.location_id, variant_id), 0)) < wanted
            ],
        )
        for each in stores
    ]
