"""SQL of pricing.  One function, one statement; rows come back as the dataclass they fill."""

from collections.abc import Mapping
from dataclasses import asdict, replace

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.pricing.models import DeliveryKind, PriceBy, Rounding, TaxPlace
from shopfloor.pricing.records import Method, TaxClass, TaxRate, TaxSettings, Zone


async def lock(tx: Tx, *, shop_id: int) -> None:
    """Changes to the rules of one shop come one after the other."""
    await tx.value(
        "SELECT pg_advisory_xact_lock(hashtextextended('pricing.rules', %(shop_id)s))", shop_id=shop_id
    )


async def settings(tx: Tx, *, shop_id: int) -> TaxSettings | None:
    found = await tx.first(
        TaxSettings,
        """
        SELECT origin_country, included, rounding, place, origin_region, shipping_class, tax_number, reference_days
          FROM pricing.tax_settings WHERE shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
    )
    if found is None:
        return None
    # Rows have words where records have enums.
    return replace(found, rounding=Rounding(found.rounding), place=TaxPlace(found.place))


async def save_settings(tx: Tx, *, shop_id: int, wanted: TaxSettings) -> None:
    await tx.run(
        """
        INSERT INTO pricing.tax_settings (shop_id, origin_country, included, rounding, place, origin_region,
                                          shipping_class, tax_number, reference_days)
        VALUES (%(shop_id)s, %(origin_country)s, %(included)s, %(rounding)s, %(place)s, %(origin_region)s,
                %(shipping_class)s, %(tax_number)s, %(reference_days)s)
        ON CONFLICT (shop_id) DO UPDATE
          SET origin_country = excluded.origin_country, included = excluded.included,
              rounding = excluded.rounding, place = excluded.place, origin_region = excluded.origin_region,
              shipping_class = excluded.shipping_class, tax_number = excluded.tax_number,
              reference_days = excluded.reference_days
        """,
        shop_id=shop_id,
        **asdict(wanted),
    )


async def classes(tx: Tx, *, shop_id: int) -> list[TaxClass]:
    return await tx.every(
        TaxClass,
        "SELECT code, name FROM pricing.tax_class WHERE shop_id = %(shop_id)s ORDER BY code",
        shop_id=shop_id,
    )


async def save_class(tx: Tx, *, shop_id: int, code: str, name: str, rename: bool) -> None:
    await tx.run(
        """
        INSERT INTO pricing.tax_class AS c (shop_id, code, name) VALUES (%(shop_id)s, %(code)s, %(name)s)
        ON CONFLICT (shop_id, code) DO UPDATE SET name = excluded.name WHERE %(rename)s
        """,
        shop_id=shop_id,
        code=code,
        name=name,
        rename=rename,
    )


async def remove_class(tx: Tx, *, shop_id: int, code: str) -> int:
    return await tx.run(
        "DELETE FROM pricing.tax_class WHERE shop_id = %(shop_id)s AND code = %(code)s",
        shop_id=shop_id,
        code=code,
    )


async def rates(tx: Tx, *, shop_id: int) -> list[TaxRate]:
    return await tx.every(
        TaxRate,
        """
        SELECT id, country, percent, tax_class, name, regions, postcodes, valid_from, valid_until, adds
          FROM pricing.tax_rate WHERE shop_id = %(shop_id)s ORDER BY country, tax_class, regions, valid_from NULLS FIRST, id
        """,
        shop_id=shop_id,
    )


async def insert_rate(tx: Tx, *, shop_id: int, rate: TaxRate) -> int:
    return await tx.value(
        """
        INSERT INTO pricing.tax_rate (shop_id, country, percent, tax_class, name, regions, postcodes, valid_from,
                                      valid_until, adds)
        VALUES (%(shop_id)s, %(country)s, %(percent)s, %(tax_class)s, %(name)s, %(regions)s, %(postcodes)s,
                %(valid_from)s, %(valid_until)s, %(adds)s)
        RETURNING id
        """,
        shop_id=shop_id,
        **_without_id(asdict(rate)),
    )


async def update_rate(tx: Tx, *, shop_id: int, rate: TaxRate) -> int:
    return await tx.run(
        """
        UPDATE pricing.tax_rate
           SET country = %(country)s, percent = %(percent)s, tax_class = %(tax_class)s, name = %(name)s,
               regions = %(regions)s, postcodes = %(postcodes)s, valid_from = %(valid_from)s,
               valid_until = %(valid_until)s, adds = %(adds)s
         WHERE shop_id = %(shop_id)s AND id = %(id)s
        """,
        shop_id=shop_id,
        **asdict(rate),
    )


async def remove_rate(tx: Tx, *, shop_id: int, rate_id: int) -> int:
    return await tx.run(
        "DELETE FROM pricing.tax_rate WHERE shop_id = %(shop_id)s AND id = %(id)s",
        shop_id=shop_id,
        id=rate_id,
    )


async def zones(tx: Tx, *, shop_id: int) -> list[Zone]:
    return await tx.every(
        Zone,
        """
        SELECT id, position, name, countries, regions, postcodes, except_regions, except_postcodes
          FROM pricing.zone WHERE shop_id = %(shop_id)s ORDER BY position, id
        """,
        shop_id=shop_id,
    )


async def insert_zone(tx: Tx, *, shop_id: int, zone: Zone) -> int:
    return await tx.value(
        """
        INSERT INTO pricing.zone (shop_id, position, name, countries, regions, postcodes, except_regions,
                                  except_postcodes)
        VALUES (%(shop_id)s, %(position)s, %(name)s, %(countries)s, %(regions)s, %(postcodes)s,
                %(except_regions)s, %(except_postcodes)s)
        RETURNING id
        """,
        shop_id=shop_id,
        **_without_id(asdict(zone)),
    )


async def update_zone(tx: Tx, *, shop_id: int, zone: Zone) -> int:
    return await tx.run(
        """
        UPDATE pricing.zone
           SET position = %(position)s, name = %(name)s, countries = %(countries)s, regions = %(regions)s,
               postcodes = %(postcodes)s, except_regions = %(except_regions)s,
               except_postcodes = %(except_postcodes)s
         WHERE shop_id = %(shop_id)s AND id = %(id)s
        """,
        shop_id=shop_id,
        **asdict(zone),
    )


async def remove_zone(tx: Tx, *, shop_id: int, zone_id: int) -> int:
    return await tx.run(
        "DELETE FROM pricing.zone WHERE shop_id = %(shop_id)s AND id = %(id)s", shop_id=shop_id, id=zone_id
    )


async def has_methods(tx: Tx, *, shop_id: int) -> bool:
    return await tx.value(
        "SELECT EXISTS (SELECT FROM pricing.method WHERE shop_id = %(shop_id)s)", shop_id=shop_id
    )


async def methods(tx: Tx, *, shop_id: int) -> list[Method]:
    found = await tx.every(
        Method,
        """
        SELECT id, position, kind, name, zone_id, note, price_by, amount_minor, steps, free_from_minor, country,
               region, postcodes
          FROM pricing.method WHERE shop_id = %(shop_id)s ORDER BY position, id
        """,
        shop_id=shop_id,
    )
    return [replace(each, kind=DeliveryKind(each.kind), price_by=PriceBy(each.price_by)) for each in found]


async def insert_method(tx: Tx, *, shop_id: int, method: Method) -> int:
    return await tx.value(
        """
        INSERT INTO pricing.method (shop_id, position, kind, name, zone_id, note, price_by, amount_minor, steps,
                                    free_from_minor, country, region, postcodes)
        VALUES (%(shop_id)s, %(position)s, %(kind)s, %(name)s, %(zone_id)s, %(note)s, %(price_by)s,
                %(amount_minor)s, %(steps)s, %(free_from_minor)s, %(country)s, %(region)s, %(postcodes)s)
        RETURNING id
        """,
        shop_id=shop_id,
        **_without_id(asdict(method) | {"steps": Jsonb(method.steps)}),
    )


async def update_method(tx: Tx, *, shop_id: int, method: Method) -> int:
    return await tx.run(
        """
        UPDATE pricing.method
           SET position = %(position)s, kind = %(kind)s, name = %(name)s, zone_id = %(zone_id)s, note = %(note)s,
               price_by = %(price_by)s, amount_minor = %(amount_minor)s, steps = %(steps)s,
               free_from_minor = %(free_from_minor)s, country = %(country)s, region = %(region)s,
               postcodes = %(postcodes)s
         WHERE shop_id = %(shop_id)s AND id = %(id)s
        """,
        shop_id=shop_id,
        **(asdict(method) | {"steps": Jsonb(method.steps)}),
    )


async def remove_method(tx: Tx, *, shop_id: int, method_id: int) -> int:
    return await tx.run(
        "DELETE FROM pricing.method WHERE shop_id = %(shop_id)s AND id = %(id)s",
        shop_id=shop_id,
        id=method_id,
    )


def _without_id(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name != "id"}
