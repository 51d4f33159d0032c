"""What is known of one address: what it was told, what it is reminded of, whether it wants anything; and forgetting it."""

from datetime import datetime
from uuid import UUID

from shopfloor import live, notices
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.notices import is_address
from shopfloor.notifications import reader_queries


@dataclass(frozen=True, slots=True)
class Reminder:
    """What somebody is reminded of."""

    id: UUID
    show_id: int
    title: str
    titles: dict[str, str]
    starts_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Asked:
    id: UUID
    show_id: int


@dataclass(frozen=True, slots=True)
class Reader:
    """Whoever has this address, as one shop knows them."""

    shop_id: int
    email: str

    @property
    def can_be_reached(self) -> bool:
        """Whether mail could be sent to it at all."""
        return is_address(self.email)

    async def told(self, tx: Tx) -> list[notices.readers.Told]:
        """Newest first."""
        return await notices.readers.told(tx, shop_id=self.shop_id, address=self.email)

    async def reminders(self, tx: Tx) -> list[Reminder]:
        if not self.email:
            return []
        asked = await tx.every(
            _Asked,
            """
            SELECT id, show_id FROM notifications.reminder
             WHERE shop_id = %(shop_id)s AND lower(email) = lower(%(email)s) ORDER BY created_at
            """,
            shop_id=self.shop_id,
            email=self.email,
        )
        found: list[Reminder] = []
        for each in asked:
            show = await live.show(tx, shop_id=self.shop_id, show_id=each.show_id)
            found.append(Reminder(each.id, show.id, show.title, show.titles, show.starts_at))
        return found

    async def take_back(self, tx: Tx, reminder_id: UUID) -> None:
        """Nothing happens where there is no such reminder of this address."""
        await tx.run(
            """
            DELETE FROM notifications.reminder
             WHERE shop_id = %(shop_id)s AND lower(email) = lower(%(email)s) AND id = %(reminder_id)s
            """,
            shop_id=self.shop_id,
            email=self.email,
            reminder_id=reminder_id,
        )

    async def has_unsubscribed(self, tx: Tx) -> bool:
        return await notices.readers.is_unsubscribed(tx, shop_id=self.shop_id, address=self.email)

    async def subscribe_again(self, tx: Tx) -> None:
        """Whoever has this address has said so."""
        await notices.readers.subscribe_again(tx, shop_id=self.shop_id, address=self.email)

    async def forget(self, tx: Tx) -> None:
        """The address goes from messages, but those about orders that still need their contact, and from what it waits
        for.  That it has unsubscribed stays, as a hash.
        """
        await notices.readers.forget_address(tx, shop_id=self.shop_id, email=self.email)
        await reader_queries.forget_waiting_address(tx, shop_id=self.shop_id, email=self.email)
        await reader_queries.forget_reminders(tx, shop_id=self.shop_id, email=self.email)
