"""SQL of messages by SMS.  One function, one statement."""

from collections.abc import Sequence
from typing import Final, LiteralString
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.sms.models import Gateway

_GATEWAY: Final[LiteralString] = """
    SELECT shop_id, url, method, format, body, header_names, has_secret, ok_field, ok_value, reference_field, report_key,
           report_id, report_status, delivered, undelivered, region, countries, kinds, most_a_day, changed_at
      FROM notifications.sms_gateway
    """


async def gateway(tx: Tx, *, shop_id: int) -> Gateway | None:
    return await tx.first(Gateway, _GATEWAY + "WHERE shop_id = %(shop_id)s", shop_id=shop_id)


async def gateway_of_reports(tx: Tx, *, key: str) -> Gateway | None:
    return await tx.first(Gateway, _GATEWAY + "WHERE report_key = %(key)s", key=key)


async def sealed(tx: Tx, *, shop_id: int) -> bytes | None:
    return await tx.value(
        "SELECT sealed FROM notifications.sms_gateway WHERE shop_id = %(shop_id)s", shop_id=shop_id
    )


async def save_gateway(tx: Tx, *, gateway: Gateway, sealed: bytes | None) -> None:
    """The key of its reports stays."""
    await tx.run(
        """
        INSERT INTO notifications.sms_gateway
               (shop_id, url, method, format, body, sealed, header_names, has_secret, ok_field, ok_value, reference_field,
                report_key, report_id, report_status, delivered, undelivered, region, countries, kinds, most_a_day)
        VALUES (%(shop_id)s, %(url)s, %(method)s, %(format)s, %(body)s, %(sealed)s, %(header_names)s, %(has_secret)s,
                %(ok_field)s, %(ok_value)s, %(reference_field)s, %(report_key)s, %(report_id)s, %(report_status)s,
                %(delivered)s, %(undelivered)s, %(region)s, %(countries)s, %(kinds)s, %(most_a_day)s)
        ON CONFLICT (shop_id) DO UPDATE
           SET url = excluded.url, method = excluded.method, format = excluded.format, body = excluded.body,
               sealed = excluded.sealed, header_names = excluded.header_names, has_secret = excluded.has_secret,
               ok_field = excluded.ok_field, ok_value = excluded.ok_value, reference_field = excluded.reference_field,
               report_id = excluded.report_id, report_status = excluded.report_status, delivered = excluded.delivered,
               undelivered = excluded.undelivered, region = excluded.region, countries = excluded.countries,
               kinds = excluded.kinds, most_a_day = excluded.most_a_day, changed_at = now()
        """,
        shop_id=gateway.shop_id,
        url=gateway.url,
        method=gateway.method,
        format=gateway.format,
        body=gateway.body,
        sealed=sealed,
        header_names=list(gateway.header_names),
        has_secret=gateway.has_secret,
        ok_field=gateway.ok_field,
        ok_value=gateway.ok_value,
        reference_field=gateway.reference_field,
        report_key=gateway.report_key,
        report_id=gateway.report_id,
        report_status=gateway.report_status,
        delivered=gateway.delivered,
        undelivered=gateway.undelivered,
        region=gateway.region,
        countries=list(gateway.countries),
        kinds=list(gateway.kinds),
        most_a_day=gateway.most_a_day,
    )


async def delete_gateway(tx: Tx, *, shop_id: int) -> None:
    await tx.run("DELETE FROM notifications.sms_gateway WHERE shop_id = %(shop_id)s", shop_id=shop_id)


# Words


@dataclass(frozen=True, slots=True)
class Words:
    shop_id: int
    kind: str
    locale: str
    words: str


async def words(tx: Tx, *, shop_ids: Sequence[int]) -> list[Words]:
    return await tx.every(
        Words,
        "SELECT shop_id, kind, locale, words FROM notifications.sms_wording WHERE shop_id = ANY(%(shop_ids)s)",
        shop_ids=list(shop_ids),
    )


async def save_words(tx: Tx, *, shop_id: int, kind: str, locale: str, words: str) -> None:
    await tx.run(
        """
        INSERT INTO notifications.sms_wording (shop_id, kind, locale, words)
        VALUES (%(shop_id)s, %(kind)s, %(locale)s, %(words)s)
        ON CONFLICT (shop_id, kind, locale) DO UPDATE SET words = excluded.words
        """,
        shop_id=shop_id,
        kind=kind,
        locale=locale,
        words=words,
    )


async def delete_words(tx: Tx, *, shop_id: int, kind: str, locale: str) -> None:
    await tx.run(
        """
        DELETE FROM notifications.sms_wording
         WHERE shop_id = %(shop_id)s AND kind = %(kind)s AND locale = %(locale)s
        """,
        shop_id=shop_id,
        kind=kind,
        locale=locale,
    )


# Who wants them


async def want(tx: Tx, *, shop_id: int, order_id: UUID, wording: str) -> None:
    await tx.run(
        """
        INSERT INTO notifications.sms_wanted (order_id, shop_id, wording)
        VALUES (%(order_id)s, %(shop_id)s, %(wording)s) ON CONFLICT (order_id) DO NOTHING
        """,
        order_id=order_id,
        shop_id=shop_id,
        wording=wording,
    )


async def want_no_more(tx: Tx, *, shop_id: int, order_id: UUID) -> None:
    await tx.run(
        "DELETE FROM notifications.sms_wanted WHERE shop_id = %(shop_id)s AND order_id = %(order_id)s",
        shop_id=shop_id,
        order_id=order_id,
    )


async def is_wanted(tx: Tx, *, shop_id: int, order_id: UUID) -> bool:
    return await tx.value(
        """
        SELECT EXISTS (SELECT FROM notifications.sms_wanted
                        WHERE shop_id = %(shop_id)s AND order_id = %(order_id)s)
        """,
        shop_id=shop_id,
        order_id=order_id,
    )


async def save_place(tx: Tx, *, waiting: UUID, shop_id: int, buyer: UUID, phone: str, locale: str) -> None:
    await tx.run(
        """
        INSERT INTO notifications.place_phone (waiting, shop_id, buyer, phone, locale)
        VALUES (%(waiting)s, %(shop_id)s, %(buyer)s, %(phone)s, %(locale)s)
        ON CONFLICT (waiting) DO UPDATE SET phone = excluded.phone, locale = excluded.locale
        """,
        waiting=waiting,
        shop_id=shop_id,
        buyer=buyer,
        phone=phone,
        locale=locale,
    )


@dataclass(frozen=True, slots=True)
class Place:
    phone: str
    locale: str


async def place(tx: Tx, *, waiting: UUID) -> Place | None:
    return await tx.first(
        Place,
        "SELECT phone, locale FROM notifications.place_phone WHERE waiting = %(waiting)s",
        waiting=waiting,
    )


async def delete_places(tx: Tx, *, waiting: Sequence[UUID]) -> None:
    await tx.run(
        "DELETE FROM notifications.place_phone WHERE waiting = ANY(%(waiting)s)", waiting=list(waiting)
    )


async def forget_places(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> None:
    await tx.run(
        "DELETE FROM notifications.place_phone WHERE shop_id = %(shop_id)s AND buyer = ANY(%(buyers)s)",
        shop_id=shop_id,
        buyers=list(buyers),
    )


async def forget_number(tx: Tx, *, shop_id: int, phone: str) -> None:
    await tx.run(
        "DELETE FROM notifications.place_phone WHERE shop_id = %(shop_id)s AND phone = %(phone)s",
        shop_id=shop_id,
        phone=phone,
    )


# Limits


async def use(tx: Tx, *, shop_id: int, what: bytes, units: int, most: int) -> bool:
    """Count it, where it fits into today's."""
    return bool(
        await tx.run(
            """
            INSERT INTO notifications.sms_used AS u (shop_id, day, what, units)
            SELECT %(shop_id)s, (now() AT TIME ZONE 'UTC')::date, %(what)s, %(units)s::int WHERE %(units)s::int <= %(most)s::int
            ON CONFLICT (shop_id, day, what) DO UPDATE SET units = u.units + excluded.units
             WHERE u.units + excluded.units <= %(most)s::int
            """,
            shop_id=shop_id,
            what=what,
            units=units,
            most=most,
        )
    )


async def give_back(tx: Tx, *, shop_id: int, what: bytes, units: int) -> None:
    await tx.run(
        """
        UPDATE notifications.sms_used SET units = greatest(units - %(units)s, 0)
         WHERE shop_id = %(shop_id)s AND day = (now() AT TIME ZONE 'UTC')::date AND what = %(what)s
        """,
        shop_id=shop_id,
        what=what,
        units=units,
    )


async def used(tx: Tx, *, shop_id: int, what: bytes) -> int:
    return (
        await tx.value(
            """
            SELECT coalesce((SELECT units FROM notifications.sms_used
                              WHERE shop_id = %(shop_id)s AND day = (now() AT TIME ZONE 'UTC')::date
                                AND what = %(what)s), 0)
            """,
            shop_id=shop_id,
            what=what,
        )
        or 0
    )


async def forget_used(tx: Tx) -> int:
    """Days that no limit counts."""
    return await tx.run("DELETE FROM notifications.sms_used WHERE day < (now() AT TIME ZONE 'UTC')::date - 1")
