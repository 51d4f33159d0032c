"""What a shop sets: tax and ways of delivery.  Changes reach new orders only; orders keep their calculation."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from psycopg.errors import ForeignKeyViolation

from shopfloor.kernel import amounts, outbox, text
from shopfloor.kernel.countries import COUNTRIES
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import MAX_MINOR
from shopfloor.pricing import queries, tax_numbers
from shopfloor.pricing.events import DeliveryChanged, TaxesChanged
from shopfloor.pricing.models import STANDARD, UNTAXED, DeliveryKind, PriceBy, check_percentage
from shopfloor.pricing.places import ANYWHERE
from shopfloor.pricing.records import Method, Rules, TaxClass, TaxRate, TaxSettings, Zone, taxes_of
from shopfloor.pricing.refusals import (
    BadPeriod,
    BadSteps,
    BadTaxClass,
    BadTaxNumber,
    DeliveryIncomplete,
    Negative,
    RuleInUse,
    TooLarge,
    TooMany,
    UnknownCountry,
    UnknownRule,
)

MOST_RULES: Final = 500
"""Rates, zones and ways of delivery that a shop may have of each."""

_CODE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
_BUILT_IN: Final = (STANDARD, "reduced", UNTAXED)


async def rules(tx: Tx, *, shop_id: int) -> Rules:
    """All that the shop has set, as the price function takes it."""
    settings = await queries.settings(tx, shop_id=shop_id)
    rates = await queries.rates(tx, shop_id=shop_id) if settings is not None else []
    return Rules(
        settings=settings,
        taxes=taxes_of(settings, rates),
        zones=await queries.zones(tx, shop_id=shop_id),
        methods=await queries.methods(tx, shop_id=shop_id),
    )


async def has_delivery(tx: Tx, *, shop_id: int) -> bool:
    """Whether the shop has ways of delivery of its own, so that shipping depends on the order and its address."""
    return await queries.has_methods(tx, shop_id=shop_id)


async def tax_classes(tx: Tx, *, shop_id: int) -> list[TaxClass]:
    """The classes of a shop; `standard`, `reduced` and `none` are always there."""
    kept = {each.code: each for each in await queries.classes(tx, shop_id=shop_id)}
    return [kept.pop(code, TaxClass(code, "")) for code in _BUILT_IN] + list(kept.values())


async def tax_rates(tx: Tx, *, shop_id: int) -> list[TaxRate]:
    return await queries.rates(tx, shop_id=shop_id)


async def set_taxes(tx: Tx, *, shop_id: int, wanted: TaxSettings) -> TaxSettings:
    """Raises UnknownCountry, BadTaxNumber, UnknownRule (no such class)."""
    await queries.lock(tx, shop_id=shop_id)
    if wanted.reference_days is not None and not 1 <= wanted.reference_days <= 365:
        raise Negative(field="reference_days", least=1, most=365)
    number = text.line(wanted.tax_number, field="tax_number", longest=30)
    clean = replace(
        wanted,
        origin_country=_country(wanted.origin_country),
        origin_region=text.line(wanted.origin_region, field="origin_region", longest=100),
        tax_number=number,
    )
    if number and not tax_numbers.is_plausible(number, clean.origin_country):
        raise BadTaxNumber(given=number, country=clean.origin_country)
    if clean.shipping_class is not None:
        await _know_class(tx, shop_id, clean.shipping_class)
    await queries.save_settings(tx, shop_id=shop_id, wanted=clean)
    await outbox.record(tx, TaxesChanged(shop_id))
    return clean


async def save_tax_class(tx: Tx, *, shop_id: int, code: str, name: str) -> TaxClass:
    """Make a class, or name it otherwise.  Raises BadTaxClass, TooMany."""
    await queries.lock(tx, shop_id=shop_id)
    if _CODE.fullmatch(code) is None:
        raise BadTaxClass(given=code[:40])
    named = text.line(name, field="name", longest=100)
    if len(await queries.classes(tx, shop_id=shop_id)) >= MOST_RULES:
        raise TooMany(most=MOST_RULES)
    await queries.save_class(tx, shop_id=shop_id, code=code, name=named, rename=True)
    await outbox.record(tx, TaxesChanged(shop_id))
    return TaxClass(code, named)


async def remove_tax_class(tx: Tx, *, shop_id: int, code: str) -> None:
    """Raises UnknownRule, and RuleInUse while a product, a rate or shipping is taxed so, or where it is always there."""
    await queries.lock(tx, shop_id=shop_id)
    if code in _BUILT_IN:
        raise RuleInUse(tax_class=code)
    try:
        async with tx.connection.transaction():
            removed = await queries.remove_class(tx, shop_id=shop_id, code=code)
    except ForeignKeyViolation:
        raise RuleInUse(tax_class=code) from None
    if not removed:
        raise UnknownRule(tax_class=code[:40])
    await outbox.record(tx, TaxesChanged(shop_id))


async def save_tax_rate(tx: Tx, *, shop_id: int, rate: TaxRate) -> TaxRate:
    """Make a rate (`id` 0) or change one.

    Raises UnknownRule, UnknownCountry, BadPeriod, TooMany, RateUnreadable, Negative, TooLarge.
    """
    await queries.lock(tx, shop_id=shop_id)
    rate = replace(rate, percent=amounts.percentage(rate.percent))
    check_percentage("percent", rate.percent, most=1000)
    if rate.valid_from is not None and rate.valid_until is not None and rate.valid_until < rate.valid_from:
        raise BadPeriod(valid_from=str(rate.valid_from), valid_until=str(rate.valid_until))
    clean = replace(
        rate,
        country=rate.country if rate.country == ANYWHERE else _country(rate.country),
        name=text.line(rate.name, field="name", longest=40),
        regions=_entries(rate.regions, "regions", most=20),
        postcodes=_entries(rate.postcodes, "postcodes", most=200),
    )
    await _know_class(tx, shop_id, clean.tax_class)
    if clean.id:
        if not await queries.update_rate(tx, shop_id=shop_id, rate=clean):
            raise UnknownRule(rate_id=clean.id)
    else:
        if len(await queries.rates(tx, shop_id=shop_id)) >= MOST_RULES:
            raise TooMany(most=MOST_RULES)
        clean = replace(clean, id=await queries.insert_rate(tx, shop_id=shop_id, rate=clean))
    await outbox.record(tx, TaxesChanged(shop_id))
    return clean


async def remove_tax_rate(tx: Tx, *, shop_id: int, rate_id: int) -> None:
    """Raises UnknownRule."""
    if not await queries.remove_rate(tx, shop_id=shop_id, rate_id=rate_id):
        raise UnknownRule(rate_id=rate_id)
    await outbox.record(tx, TaxesChanged(shop_id))


async def save_zone(tx: Tx, *, shop_id: int, zone: Zone) -> Zone:
    """Make a zone (`id` 0) or change one.  Raises UnknownRule, UnknownCountry, TooMany, text.UnusableText."""
    await queries.lock(tx, shop_id=shop_id)
    countries = [each if each == ANYWHERE else _country(each) for each in zone.countries]
    if not countries:
        raise UnknownCountry(given="")
    clean = replace(
        zone,
        name=text.name(zone.name, field="name", longest=100),
        countries=list(dict.fromkeys(countries)),
        regions=_entries(zone.regions, "regions", most=200),
        postcodes=_entries(zone.postcodes, "postcodes"),
        except_regions=_entries(zone.except_regions, "except_regions", most=200),
        except_postcodes=_entries(zone.except_postcodes, "except_postcodes"),
    )
    if clean.id:
        if not await queries.update_zone(tx, shop_id=shop_id, zone=clean):
            raise UnknownRule(zone_id=clean.id)
    else:
        if len(await queries.zones(tx, shop_id=shop_id)) >= MOST_RULES:
            raise TooMany(most=MOST_RULES)
        clean = replace(clean, id=await queries.insert_zone(tx, shop_id=shop_id, zone=clean))
    await outbox.record(tx, DeliveryChanged(shop_id))
    return clean


async def remove_zone(tx: Tx, *, shop_id: int, zone_id: int) -> None:
    """Raises UnknownRule, and RuleInUse while something is shipped there."""
    await queries.lock(tx, shop_id=shop_id)
    if any(method.zone_id == zone_id for method in await queries.methods(tx, shop_id=shop_id)):
        raise RuleInUse(zone_id=zone_id)
    if not await queries.remove_zone(tx, shop_id=shop_id, zone_id=zone_id):
        raise UnknownRule(zone_id=zone_id)
    await outbox.record(tx, DeliveryChanged(shop_id))


async def save_method(tx: Tx, *, shop_id: int, method: Method) -> Method:
    """Make a way of delivery (`id` 0) or change one.

    Raises UnknownRule (also for the zone), UnknownCountry, DeliveryIncomplete, BadSteps, TooMany, Negative, TooLarge,
    text.UnusableText.
    """
    await queries.lock(tx, shop_id=shop_id)
    shipped, local = method.kind is DeliveryKind.SHIP, method.kind is DeliveryKind.LOCAL
    clean = replace(
        method,
        name=text.name(method.name, field="name", longest=100),
        note=text.prose(method.note, field="note", longest=2000),
        zone_id=method.zone_id if shipped else None,
        country="" if shipped or not method.country else _country(method.country),
        region="" if shipped else text.line(method.region, field="region", longest=100),
        postcodes=_entries(method.postcodes, "postcodes") if local else [],
        steps=[] if method.price_by is PriceBy.FLAT else _steps(method.steps),
    )
    for amount in (clean.amount_minor, clean.free_from_minor or 0):
        _amount(amount)
    if (shipped and clean.zone_id is None) or (local and not (clean.country and clean.postcodes)):
        raise DeliveryIncomplete(kind=method.kind)
    if shipped and clean.zone_id not in {zone.id for zone in await queries.zones(tx, shop_id=shop_id)}:
        raise UnknownRule(zone_id=clean.zone_id)
    if clean.id:
        if not await queries.update_method(tx, shop_id=shop_id, method=clean):
            raise UnknownRule(method_id=clean.id)
    else:
        if len(await queries.methods(tx, shop_id=shop_id)) >= MOST_RULES:
            raise TooMany(most=MOST_RULES)
        clean = replace(clean, id=await queries.insert_method(tx, shop_id=shop_id, method=clean))
    await outbox.record(tx, DeliveryChanged(shop_id))
    return clean


async def remove_method(tx: Tx, *, shop_id: int, method_id: int) -> None:
    """Raises UnknownRule.  Orders keep what they were promised."""
    if not await queries.remove_method(tx, shop_id=shop_id, method_id=method_id):
        raise UnknownRule(method_id=method_id)
    await outbox.record(tx, DeliveryChanged(shop_id))


async def know_tax_class(tx: Tx, *, shop_id: int, code: str) -> None:
    """Before something is taxed so.  Raises UnknownRule."""
    await _know_class(tx, shop_id, code)


async def _know_class(tx: Tx, shop_id: int, code: str) -> None:
    """The classes that are always there are written down when something refers to them first."""
    if code in _BUILT_IN:
        await queries.save_class(tx, shop_id=shop_id, code=code, name="", rename=False)
    elif code not in {each.code for each in await queries.classes(tx, shop_id=shop_id)}:
        raise UnknownRule(tax_class=code[:40])


def _country(code: str) -> str:
    tidied = code.strip().upper()
    if tidied not in COUNTRIES:
        raise UnknownCountry(given=code[:40])
    return tidied


def _entries(given: Sequence[str], field: str, *, most: int = 1000) -> list[str]:
    """Tidied, without blanks and repetitions."""
    tidied = [text.line(each, field=field, longest=100) for each in given if each.strip()]
    unique = list(dict.fromkeys(tidied))
    if len(unique) > most:
        raise TooMany(field=field, most=most)
    return unique


def _steps(steps: Sequence[dict[str, int | None]]) -> list[dict[str, int | None]]:
    last = -1
    for number, step in enumerate(steps, start=1):
        up_to, amount = step["up_to"], step["amount"]
        _amount(amount or 0)
        if up_to is None and number < len(steps):
            raise BadSteps(step=number)
        if up_to is not None:
            _amount(up_to)
            if up_to <= last:
                raise BadSteps(step=number)
            last = up_to
    if not steps or len(steps) > 50:
        raise BadSteps(step=len(steps))
    return [{"up_to": step["up_to"], "amount": step["amount"] or 0} for step in steps]


def _amount(minor: int) -> None:
    if minor < 0:
        raise Negative(given=minor, least=0)
    if minor > MAX_MINOR:
        raise TooLarge(most=MAX_MINOR)
