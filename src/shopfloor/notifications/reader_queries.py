"""Who asked to be reminded, and who belongs to a shop."""

from collections.abc import Sequence
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


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
