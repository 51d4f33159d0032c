"""Against those who try out stolen cards: declines are counted by contact, network and shop.

A contact or a network that is declined too often asks for money no more for an hour; when the shop as a whole sees far
more declines than people who mistype, online payment pauses for half an hour and the merchant is told.  Orders have a
limit of attempts of their own.  Contacts and networks are kept as hashes, for a day.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from shopfloor.kernel import outbox
from shopfloor.kernel.client_address import address_group
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.payments.events import PaymentsPaused as Paused
from shopfloor.payments.models import Payment, PaymentsPaused, TooManyAttempts

WITHIN: Final = timedelta(hours=1)
MOST_OF_CONTACT: Final = 10
# Many people share the address of a mobile network: more than any of them mistypes.
MOST_OF_NETWORK: Final = 30
ALARM_WITHIN: Final = timedelta(minutes=10)
ALARM_AT: Final = 40
PAUSE: Final = timedelta(minutes=30)
# The shop as a whole.
_ALL: Final = b""
_NETWORK: Final = b"n"


def who_of(shop_id: int, *, contact: Sequence[str], address: str) -> list[bytes]:
    """Contacts (mail, phone) and network as hashes; the first byte says which they are."""
    found: list[bytes] = []
    for kind, text in (
        *((b"c", each) for each in contact),
        (_NETWORK, address_group(address) if address else ""),
    ):
        if text.strip():
            said = f"{shop_id} {text.strip().casefold()}".encode()
            found.append(kind + hashlib.sha256(said).digest()[:15])
    return found


@dataclass(frozen=True, slots=True)
class Stopped:
    """Until when nobody asks for money, and who of those that were asked about has had too many declines."""

    until: datetime | None
    most: Mapping[bytes, int]

    def check(self, who: Sequence[bytes]) -> None:
        """Whether these may ask for money now.  Raises PaymentsPaused, TooManyAttempts."""
        if self.until is not None:
            raise PaymentsPaused(until=self.until.isoformat())
        for each in who:
            if each in self.most:
                raise TooManyAttempts(limit=self.most[each], minutes=int(WITHIN.total_seconds() // 60))


NOTHING: Final = Stopped(None, {})


async def stopped(tx: Tx, *, shop_id: int, who: Sequence[Sequence[bytes]]) -> Stopped:
    """What stops any of these."""
    at = now()
    until = await paused_until(tx, shop_id=shop_id, at=at)
    known = sorted({each for those in who for each in those})
    if until is not None or not known:
        return Stopped(until, {})
    cursor = await tx.connection.execute(
        """
        SELECT who, count(*)::int FROM payments.decline
         WHERE shop_id = %(shop_id)s AND who = ANY(%(who)s) AND at > %(since)s GROUP BY who
        """,
        {"shop_id": shop_id, "who": known, "since": at - WITHIN},
    )
    declines = {bytes(each): count for each, count in await cursor.fetchall()}
    most = {each: MOST_OF_NETWORK if each.startswith(_NETWORK) else MOST_OF_CONTACT for each in declines}
    return Stopped(None, {each: most[each] for each, count in declines.items() if count >= most[each]})


async def declined(tx: Tx, payment: Payment) -> None:
    """A card was refused, on our side or on the provider's page."""
    at = now()
    await tx.run(
        """
        INSERT INTO payments.decline (shop_id, payment_id, who, at)
        SELECT shop_id, id, w, %(at)s
          FROM payments.payment, unnest(array_append(coalesce(who, '{}'), %(all)s::bytea)) AS w
         WHERE id = %(id)s
        """,
        at=at,
        all=_ALL,
        id=payment.id,
    )
    seen: int = await tx.value(
        """
        SELECT count(*) FROM payments.decline
         WHERE shop_id = %(shop_id)s AND who = %(all)s AND at > %(since)s
        """,
        shop_id=payment.shop_id,
        all=_ALL,
        since=at - ALARM_WITHIN,
    )
    if seen >= ALARM_AT:
        await _pause(tx, shop_id=payment.shop_id, declines=seen, at=at)


async def _pause(tx: Tx, *, shop_id: int, declines: int, at: datetime) -> None:
    """Once, until it is over; who ended one is not overruled by the declines that made it."""
    is_new = await tx.run(
        """
        INSERT INTO payments.pause (shop_id, until, declines, paused_at)
        VALUES (%(shop_id)s, %(until)s, %(declines)s, %(at)s)
        ON CONFLICT (shop_id) DO UPDATE
           SET until = excluded.until, declines = excluded.declines, paused_at = excluded.paused_at, ended_by = NULL
         WHERE pause.until <= %(at)s AND pause.paused_at <= %(before)s
        """,
        shop_id=shop_id,
        until=at + PAUSE,
        declines=declines,
        at=at,
        before=at - ALARM_WITHIN,
    )
    if is_new:
        await outbox.record(tx, Paused(shop_id=shop_id, declines=declines, until=at + PAUSE))


async def paused_until(tx: Tx, *, shop_id: int, at: datetime | None = None) -> datetime | None:
    found: datetime | None = await tx.value(
        "SELECT (SELECT until FROM payments.pause WHERE shop_id = %(shop_id)s AND until > %(at)s)",
        shop_id=shop_id,
        at=now() if at is None else at,
    )
    return found


async def resume(tx: Tx, *, shop_id: int, person_id: int) -> None:
    """Buyers may pay online again at once."""
    await tx.run(
        """
        UPDATE payments.pause SET until = %(at)s, ended_by = %(person_id)s
         WHERE shop_id = %(shop_id)s AND until > %(at)s
        """,
        at=now(),
        person_id=person_id,
        shop_id=shop_id,
    )


async def forget(tx: Tx, *, before: datetime, limit: int) -> int:
    """What was counted is no longer of use, and neither is who it was."""
    await tx.run(
        """
        UPDATE payments.payment SET who = NULL
         WHERE id IN (SELECT id FROM payments.payment
                       WHERE who IS NOT NULL AND created_at < %(before)s ORDER BY created_at LIMIT %(limit)s)
        """,
        before=before,
        limit=limit,
    )
    return await tx.run(
        """
        DELETE FROM payments.decline
         WHERE ctid IN (SELECT ctid FROM payments.decline WHERE at < %(before)s ORDER BY at LIMIT %(limit)s)
        """,
        before=before,
        limit=limit,
    )
