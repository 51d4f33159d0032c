"""Who asked to be written to, who does not want to, and who belongs to a shop."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.notifications.models import (
    Kind,
)


@dataclass(frozen=True, slots=True)
class Reminder:
    id: UUID
    shop_id: int
    show_id: int
    email: str
    locale: str


async def add_reminder(
    tx: Tx, *, reminder_id: UUID, shop_id: int, show_id: int, email: str, locale: str
) -> bool:
    return bool(
        await tx.run(
            """
            INSERT INTO notifications.reminder (id, shop_id, show_id, email, locale)
            VALUES (%(reminder_id)s, %(shop_id)s, %(show_id)s, %(email)s, %(locale)s)
            ON CONFLICT (show_id, lower(email)) DO NOTHING
            """,
            reminder_id=reminder_id,
            shop_id=shop_id,
            show_id=show_id,
            email=email,
            locale=locale,
        )
    )


async def reminders_waiting(tx: Tx) -> list[int]:
    """Shows that somebody wants to be reminded of."""
    rows = await tx.every(_Show, "SELECT DISTINCT show_id FROM notifications.reminder")
    return [row.show_id for row in rows]


@dataclass(frozen=True, slots=True)
class _Show:
    show_id: int


async def take_reminders(tx: Tx, *, show_id: int) -> list[Reminder]:
    return await tx.every(
        Reminder,
        """
        DELETE FROM notifications.reminder WHERE show_id = %(show_id)s RETURNING id, shop_id, show_id, email, locale
        """,
        show_id=show_id,
    )


async def save_place_contact(
    tx: Tx, *, waiting: UUID, shop_id: int, buyer: UUID, email: str, locale: str
) -> None:
    await tx.run(
        """
        INSERT INTO notifications.place_contact (waiting, shop_id, buyer, email, locale)
        VALUES (%(waiting)s, %(shop_id)s, %(buyer)s, %(email)s, %(locale)s)
        ON CONFLICT (waiting) DO UPDATE SET email = excluded.email, locale = excluded.locale
        """,
        waiting=waiting,
        shop_id=shop_id,
        buyer=buyer,
        email=email,
        locale=locale,
    )


@dataclass(frozen=True, slots=True)
class PlaceContact:
    email: str
    locale: str


async def place_contact(tx: Tx, *, waiting: UUID) -> PlaceContact | None:
    return await tx.first(
        PlaceContact,
        "SELECT email, locale FROM notifications.place_contact WHERE waiting = %(waiting)s",
        waiting=waiting,
    )


async def delete_place_contacts(tx: Tx, *, waiting: Sequence[UUID]) -> None:
    await tx.run(
        "DELETE FROM notifications.place_contact WHERE waiting = ANY(%(waiting)s)", waiting=list(waiting)
    )


async def unsubscribe(tx: Tx, *, shop_id: int, address: bytes) -> None:
    await tx.run(
        """
        INSERT INTO notifications.unsubscribed (shop_id, address) VALUES (%(shop_id)s, %(address)s)
        ON CONFLICT (shop_id, address) DO NOTHING
        """,
        shop_id=shop_id,
        address=address,
    )


async def subscribe_again(tx: Tx, *, shop_id: int, address: bytes) -> None:
    await tx.run(
        "DELETE FROM notifications.unsubscribed WHERE shop_id = %(shop_id)s AND address = %(address)s",
        shop_id=shop_id,
        address=address,
    )


async def is_unsubscribed(tx: Tx, *, shop_id: int, address: bytes) -> bool:
    return await tx.value(
        """
        SELECT EXISTS (SELECT FROM notifications.unsubscribed WHERE shop_id = %(shop_id)s AND address = %(address)s)
        """,
        shop_id=shop_id,
        address=address,
    )


async def drop_queued_to(tx: Tx, *, shop_id: int, recipient: str, kinds: Sequence[str]) -> int:
    return await tx.run(
        """
        UPDATE notifications.notice SET state = 'dropped', code = 'unsubscribed', ended_at = now(), sealed = NULL
         WHERE shop_id = %(shop_id)s AND lower(recipient) = lower(%(recipient)s) AND state = 'queued' AND kind = ANY(%(kinds)s)
        """,
        shop_id=shop_id,
        recipient=recipient,
        kinds=list(kinds),
    )


async def forget_people(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> int:
    """Addresses of people who are to be forgotten, but on orders that still need their contact."""
    return await tx.run(
        """
        UPDATE notifications.notice n
           SET recipient = '', name = '', reply = '', sealed = NULL,
               state = CASE WHEN state IN ('queued', 'sending') THEN 'dropped' ELSE state END,
               code = CASE WHEN state IN ('queued', 'sending') THEN 'erased' ELSE code END,
               ended_at = coalesce(ended_at, now()), claim = NULL, claimed_until = NULL, handed_at = NULL,
               fact_id = n.id
         WHERE shop_id = %(shop_id)s AND buyer = ANY(%(buyers)s) AND recipient <> ''
           AND NOT EXISTS (SELECT FROM orders.v_told o WHERE o.id = n.order_id
                              AND CASE n.channel WHEN 'sms' THEN o.contact_phone ELSE o.contact_email END <> '')
        """,
        shop_id=shop_id,
        buyers=list(buyers),
    )


async def forget_address(tx: Tx, *, shop_id: int, email: str) -> int:
    """An address that is to be forgotten, but on orders that still need their contact."""
    return await tx.run(
        """
        UPDATE notifications.notice n
           SET recipient = '', name = '', reply = '', sealed = NULL,
               state = CASE WHEN state IN ('queued', 'sending') THEN 'dropped' ELSE state END,
               code = CASE WHEN state IN ('queued', 'sending') THEN 'erased' ELSE code END,
               ended_at = coalesce(ended_at, now()), claim = NULL, claimed_until = NULL, handed_at = NULL,
               fact_id = n.id
         WHERE shop_id = %(shop_id)s AND lower(recipient) = lower(%(email)s)
           AND NOT EXISTS (SELECT FROM orders.v_told o WHERE o.id = n.order_id
                              AND CASE n.channel WHEN 'sms' THEN o.contact_phone ELSE o.contact_email END <> '')
        """,
        shop_id=shop_id,
        email=email,
    )


async def forget_waiting_address(tx: Tx, *, shop_id: int, email: str) -> int:
    return await tx.run(
        "DELETE FROM notifications.place_contact WHERE shop_id = %(shop_id)s AND lower(email) = lower(%(email)s)",
        shop_id=shop_id,
        email=email,
    )


async def forget_reminders(tx: Tx, *, shop_id: int, email: str) -> int:
    return await tx.run(
        "DELETE FROM notifications.reminder WHERE shop_id = %(shop_id)s AND lower(email) = lower(%(email)s)",
        shop_id=shop_id,
        email=email,
    )


async def forget_place_contacts(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> int:
    return await tx.run(
        "DELETE FROM notifications.place_contact WHERE shop_id = %(shop_id)s AND buyer = ANY(%(buyers)s)",
        shop_id=shop_id,
        buyers=list(buyers),
    )


async def forget_finished(tx: Tx, *, limit: int) -> int:
    """Addresses on notices whose order has lost its contact."""
    return await tx.run(
        """
        UPDATE notifications.notice n SET recipient = '', name = '', reply = '', fact_id = n.id
         WHERE id IN (SELECT n.id FROM notifications.notice n JOIN orders.v_told o ON o.id = n.order_id
                       WHERE n.recipient <> '' AND n.kind <> 'purchase_order'
                         AND CASE n.channel WHEN 'sms' THEN o.contact_phone ELSE o.contact_email END = ''
                         AND n.state NOT IN ('queued', 'sending') LIMIT %(limit)s)
        """,
        limit=limit,
    )


# Forgotten passwords


async def ask_reset(tx: Tx, *, address: str, locale: str) -> None:
    await tx.run(
        """
        INSERT INTO notifications.reset_request (address, locale) VALUES (%(address)s, %(locale)s)
        ON CONFLICT (address) DO NOTHING
        """,
        address=address,
        locale=locale,
    )


@dataclass(frozen=True, slots=True)
class ResetRequest:
    address: str
    locale: str


async def take_resets(tx: Tx, *, limit: int) -> list[ResetRequest]:
    return await tx.every(
        ResetRequest,
        """
        DELETE FROM notifications.reset_request
         WHERE address IN (SELECT address FROM notifications.reset_request ORDER BY asked_at LIMIT %(limit)s
                              FOR UPDATE SKIP LOCKED)
        RETURNING address, locale
        """,
        limit=limit,
    )


@dataclass(frozen=True, slots=True)
class Membership:
    shop_id: int
    name: str
    email: str


async def membership_of(tx: Tx, *, address: str) -> Membership | None:
    """A shop of the person with this address: its mail server carries what is about the account."""
    return await tx.first(
        Membership,
        """
        SELECT shop_id, name, email FROM accounts.v_member WHERE lower(email) = lower(%(address)s)
         ORDER BY shop_id LIMIT 1
        """,
        address=address,
    )


async def told_lately(tx: Tx, *, shop_id: int, recipient: str, kind: Kind, since: datetime) -> bool:
    return await tx.value(
        """
        SELECT EXISTS (SELECT FROM notifications.notice
                        WHERE shop_id = %(shop_id)s AND lower(recipient) = lower(%(recipient)s) AND kind = %(kind)s
                          AND created_at >= %(since)s)
        """,
        shop_id=shop_id,
        recipient=recipient,
        kind=kind,
        since=since,
    )


@dataclass(frozen=True, slots=True)
class Member:
    person_id: int
    name: str
    email: str


async def members(tx: Tx, *, shop_id: int, roles: Sequence[str]) -> list[Member]:
    return await tx.every(
        Member,
        """
        SELECT person_id, name, email FROM accounts.v_member
         WHERE shop_id = %(shop_id)s AND role = ANY(%(roles)s) ORDER BY person_id
        """,
        shop_id=shop_id,
        roles=[str(role) for role in roles],
    )
