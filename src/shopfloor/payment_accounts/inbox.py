"""What providers send: kept raw once, answered at once, worked off in the order in which it came."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec
from psycopg.types.json import Json

from shopfloor.kernel import logs
from shopfloor.kernel.batches import Batches
from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id, now
from shopfloor.payment_providers import Message

if TYPE_CHECKING:
    from shopfloor.payment_accounts.connections import Connection

# What rings where somebody works off what is due: what was written here, and what is to be given back.
CHANNEL: Final = "shopfloor_payments"
# Of headers, what a signature is made of and what says which message it is; never cookies or a proxy's own.
_KEPT: Final = 40
_LONGEST_HEADER: Final = 4_000
# Seconds until what failed is tried again.
_PAUSES: Final = (5, 30, 120, 600, 3600)
_MOST_TRIES: Final = 12
# That are kept in one transaction.
_AT_ONCE: Final = 100

_log = logs.get("payments")


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that was kept.  `done_at` None: still to be worked off."""

    id: UUID
    shop_id: int
    connection_id: int
    provider: str
    key: str
    method: str
    path: str
    headers: dict[str, Any]
    body: bytes
    received_at: datetime
    done_at: datetime | None
    tries: int
    said: str

    @property
    def message(self) -> Message:
        """As the provider's adapter reads it: it was verified when it came."""
        return Message(self.method, self.path, self.headers, bytes(self.body), self.received_at, trusted=True)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A verified message of an account; `key` names it among the account's."""

    connection: "Connection"
    message: Message
    key: str


async def keep(tx: Tx, *arrived: Arrived) -> int:
    """How many of them were not known: a message that is sent again is one message."""
    rows = [
        {
            "id": new_id(),
            "shop_id": each.connection.shop_id,
            "connection_id": each.connection.id,
            "key": each.key[:255],
            "method": each.message.method,
            "path": each.message.path[:500],
            "headers": {
                name: value[:_LONGEST_HEADER]
                for name, value in list(each.message.headers.items())[:_KEPT]
                if name not in {"cookie", "authorization"} and not name.startswith("x-forwarded")
            },
            "body": f"\\x{each.message.body.hex()}",
            "received_at": each.message.received_at,
        }
        for each in arrived
    ]
    inserted = await tx.run(
        """
        INSERT INTO payments.inbox (id, shop_id, connection_id, key, method, path, headers, body, received_at)
        SELECT id, shop_id, connection_id, key, method, path, headers, body, received_at
          FROM jsonb_populate_recordset(NULL::payments.inbox, %(rows)s::jsonb)
         ORDER BY connection_id, key
            ON CONFLICT (connection_id, key) DO NOTHING
        """,
        rows=Json(rows, dumps=msgspec.json.encode),
    )
    if inserted:
        await ring(tx)
    return inserted


class Postbox:
    """Keeps what arrives together in one transaction: one for each process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._batches: Batches[None, Arrived, bool] = Batches(self._keep, most=_AT_ONCE)

    async def keep(self, arrived: Arrived) -> None:
        """It is kept when this returns.  Raises DatabaseAway, Unstorable."""
        if not await self._batches.ask(None, arrived):
            async with self._db.transaction() as tx:
                await keep(tx, arrived)

    async def _keep(self, _: None, arrived: Sequence[Arrived]) -> list[bool]:
        """False: alone, which says what is wrong with it."""
        try:
            async with self._db.transaction() as tx:
                await keep(tx, *arrived)
        except DatabaseAway:
            raise
        except Exception as problem:  # noqa: BLE001 -- one that breaks must not keep others out
            _log.warning("payments.not_kept_together", messages=len(arrived), exc_info=problem)
            return [False for _ in arrived]
        return [True for _ in arrived]


async def ring(tx: Tx) -> None:
    """Something is due: whoever works it off wakes when this is committed."""
    await tx.value("SELECT pg_notify(%(channel)s, '')", channel=CHANNEL)


async def take_due(tx: Tx, *, at: datetime | None = None, limit: int = 100) -> list[Letter]:
    """What is to be worked off now, oldest first; each comes again later, whatever becomes of this process."""
    at = now() if at is None else at
    due = await tx.every(
        Letter,
        """
        SELECT i.id, i.shop_id, i.connection_id, c.provider, i.key, i.method, i.path, i.headers, i.body, i.received_at,
               i.done_at, i.tries, i.said
          FROM payments.inbox i JOIN payments.connection c ON c.id = i.connection_id
         WHERE i.done_at IS NULL AND i.next_at <= %(at)s AND i.tries < %(most)s
         ORDER BY i.id LIMIT %(limit)s FOR UPDATE OF i SKIP LOCKED
        """,
        at=at,
        most=_MOST_TRIES,
        limit=limit,
    )
    await tx.run(
        """
        UPDATE payments.inbox AS i SET tries = tries + 1, next_at = n.next_at
          FROM unnest(%(ids)s::uuid[], %(next_at)s::timestamptz[]) AS n (id, next_at) WHERE i.id = n.id
        """,
        ids=[each.id for each in due],
        next_at=[at + timedelta(seconds=_PAUSES[min(each.tries, len(_PAUSES) - 1)]) for each in due],
    )
    return due


async def said(tx: Tx, outcomes: Mapping[UUID, str], *, done: bool) -> None:
    """What became of messages, by id; those that are not `done` come again."""
    await tx.run(
        """
        UPDATE payments.inbox AS i SET done_at = coalesce(%(at)s::timestamptz, i.done_at), said = t.said
          FROM unnest(%(ids)s::uuid[], %(said)s::text[]) AS t (id, said) WHERE i.id = t.id
        """,
        at=now() if done else None,
        ids=list(outcomes),
        said=[each[:300] for each in outcomes.values()],
    )


async def replay(tx: Tx, *, shop_id: int, letter_id: UUID | None = None) -> int:
    """Work off again: one message, or all that were given up.  What was applied before changes nothing."""
    await ring(tx)
    return await tx.run(
        """
        UPDATE payments.inbox SET done_at = NULL, tries = 0, next_at = %(at)s, said = ''
         WHERE shop_id = %(shop_id)s
           AND CASE WHEN %(id)s::uuid IS NULL THEN done_at IS NULL AND tries >= %(most)s ELSE id = %(id)s END
           AND emptied_at IS NULL
        """,
        at=now(),
        shop_id=shop_id,
        id=letter_id,
        most=_MOST_TRIES,
    )


async def stuck(
    tx: Tx, *, shop_id: int, after: UUID | None = None, before: UUID | None = None, limit: int = 50
) -> list[Letter]:
    """Messages that could not be worked off, for `kernel.paging`; the newest first."""
    return await tx.every(
        Letter,
        """
        SELECT i.id, i.shop_id, i.connection_id, c.provider, i.key, i.method, i.path, i.headers, i.body, i.received_at,
               i.done_at, i.tries, i.said
          FROM payments.inbox i JOIN payments.connection c ON c.id = i.connection_id
         WHERE i.shop_id = %(shop_id)s AND i.done_at IS NULL AND i.tries > 1
           AND (%(after)s::uuid IS NULL OR i.id < %(after)s) AND (%(before)s::uuid IS NULL OR i.id > %(before)s)
         ORDER BY CASE WHEN %(before)s::uuid IS NOT NULL THEN i.id END, i.id DESC LIMIT %(limit)s
        """,
        shop_id=shop_id,
        after=after,
        before=before,
        limit=limit,
    )


async def empty(tx: Tx, *, before: datetime, limit: int) -> int:
    """Empty what providers sent and was worked off long ago: it may name the payer.  That it came, and what was done
    with it, stays.
    """
    return await tx.run(
        """
        UPDATE payments.inbox SET headers = '{}', body = '', emptied_at = now()
         WHERE id IN (SELECT id FROM payments.inbox
                       WHERE done_at < %(before)s AND emptied_at IS NULL
                       ORDER BY done_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
        """,
        before=before,
        limit=limit,
    )
