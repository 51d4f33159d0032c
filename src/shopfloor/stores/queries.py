"""SQL of stores.  One function, one statement."""

from typing import Final, LiteralString

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.stores.models import Store

_STORE: Final[LiteralString] = """
        SELECT s.location_id, s.shop_id, l.name, s.street, s.city, s.postcode, s.region, s.country, s.phone, s.note,
               s.timezone, s.hours, s.closed_on, s.collects, s.ready_minutes, s.keep_days, s.after_keeping
          FROM stores.store s JOIN stock.v_location l ON l.id = s.location_id
"""


async def stores(tx: Tx, *, shop_id: int) -> list[Store]:
    return await tx.every(
        Store,
        _STORE
        + """
         WHERE s.shop_id = %(shop_id)s ORDER BY l.name, s.location_id
        """,
        shop_id=shop_id,
    )


async def store(tx: Tx, *, shop_id: int, location_id: int) -> Store | None:
    return await tx.first(
        Store,
        _STORE
        + """
         WHERE s.shop_id = %(shop_id)s AND s.location_id = %(location_id)s
        """,
        shop_id=shop_id,
        location_id=location_id,
    )


async def save(tx: Tx, store: Store) -> None:
    await tx.run(
        """
        INSERT INTO stores.store (location_id, shop_id, street, city, postcode, region, country, phone, note, timezone,
                                  hours, closed_on, collects, ready_minutes, keep_days, after_keeping)
        VALUES (%(location_id)s, %(shop_id)s, %(street)s, %(city)s, %(postcode)s, %(region)s, %(country)s, %(phone)s,
                %(note)s, %(timezone)s, %(hours)s, %(closed_on)s::date[], %(collects)s, %(ready_minutes)s, %(keep_days)s,
                %(after_keeping)s)
        ON CONFLICT (location_id) DO UPDATE
           SET street = excluded.street, city = excluded.city, postcode = excluded.postcode, region = excluded.region,
               country = excluded.country, phone = excluded.phone, note = excluded.note, timezone = excluded.timezone,
               hours = excluded.hours, closed_on = excluded.closed_on, collects = excluded.collects,
               ready_minutes = excluded.ready_minutes, keep_days = excluded.keep_days,
               after_keeping = excluded.after_keeping, changed_at = now()
        """,
        location_id=store.location_id,
        shop_id=store.shop_id,
        street=store.street,
        city=store.city,
        postcode=store.postcode,
        region=store.region,
        country=store.country,
        phone=store.phone,
        note=store.note,
        timezone=store.timezone,
        hours=Jsonb(store.hours),
        closed_on=store.closed_on,
        collects=store.collects,
        ready_minutes=store.ready_minutes,
        keep_days=store.keep_days,
        after_keeping=store.after_keeping.value,
    )
