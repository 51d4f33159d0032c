"""SQL of browsers that allow notifications, and of what they are told.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.push.models import Kind, Subscription


@dataclass(frozen=True, slots=True)
class Key:
    public: bytes
    private: bytes


async def key(tx: Tx) -> Key | None:
    return await tx.first(Key, "SELECT public, private FROM push.key")


async def save_key(tx: Tx, *, public: bytes, private: bytes) -> Key:
    """What is there then: another process may have been first."""
    await tx.run(
        "INSERT INTO push.key (public, private) VALUES (%(public)s, %(private)s) ON CONFLICT DO NOTHING",
        public=public,
        private=private,
    )
    return await tx.one(Key, "SELECT public, private FROM push.key")


async def drop_key(tx: Tx, *, public: bytes) -> bool:
    return bool(await tx.run("DELETE FROM push.key WHERE public = %(public)s", public=public))


async def drop_subscriptions(tx: Tx) -> int:
    return await tx.run("DELETE FROM push.subscription")


async def save_subscription(
    tx: Tx, *, subscription_id: UUID, shop_id: int, shopper: UUID, given: Subscription, locale: str
) -> UUID:
    """A browser that is known belongs to whoever uses it now."""
    return await tx.value(
        """
        INSERT INTO push.subscription (id, shop_id, shopper, endpoint, public, auth, locale)
        VALUES (%(id)s, %(shop_id)s, %(shopper)s, %(endpoint)s, %(public)s, %(auth)s, %(locale)s)
        ON CONFLICT (shop_id, endpoint) DO UPDATE
           SET shopper = excluded.shopper, public = excluded.public, auth = excluded.auth, locale = excluded.locale,
               seen_at = now()
        RETURNING id
        """,
        id=subscription_id,
        shop_id=shop_id,
        shopper=shopper,
        endpoint=given.endpoint,
        public=given.public,
        auth=given.auth,
        locale=locale,
    )


async def drop_beyond(tx: Tx, *, shop_id: int, shopper: UUID, most: int) -> int:
    return await tx.run(
        """
        DELETE FROM push.subscription
         WHERE id IN (SELECT id FROM push.subscription WHERE shop_id = %(shop_id)s AND shopper = %(shopper)s
                       ORDER BY seen_at DESC, id DESC OFFSET %(most)s)
        """,
        shop_id=shop_id,
        shopper=shopper,
        most=most,
    )


async def add_show_reminder(tx: Tx, *, shop_id: int, show_id: int, subscription_id: UUID) -> None:
    await tx.run(
        """
        INSERT INTO push.show_reminder (shop_id, show_id, subscription_id)
        VALUES (%(shop_id)s, %(show_id)s, %(subscription_id)s) ON CONFLICT DO NOTHING
        """,
        shop_id=shop_id,
        show_id=show_id,
        subscription_id=subscription_id,
    )


async def unsubscribe(tx: Tx, *, shop_id: int, shopper: UUID, endpoint: str) -> int:
    return await tx.run(
        """
        DELETE FROM push.subscription
         WHERE shop_id = %(shop_id)s AND shopper = %(shopper)s AND endpoint = %(endpoint)s
        """,
        shop_id=shop_id,
        shopper=shopper,
        endpoint=endpoint,
    )


async def drop_subscription(tx: Tx, *, subscription_id: UUID) -> None:
    """With what is queued for it."""
    await tx.run("DELETE FROM push.subscription WHERE id = %(id)s", id=subscription_id)


async def forget_shoppers(tx: Tx, *, shop_id: int, shoppers: Sequence[UUID]) -> int:
    return await tx.run(
        "DELETE FROM push.subscription WHERE shop_id = %(shop_id)s AND shopper = ANY(%(shoppers)s)",
        shop_id=shop_id,
        shoppers=list(shoppers),
    )


# What is told


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser to be told something.  `shop`: the name, `slug`: the address of its shop."""

    id: UUID
    shopper: UUID
    locale: str
    shop: str
    slug: str


async def of_shoppers(tx: Tx, *, shop_id: int, shoppers: Sequence[UUID]) -> list[Browser]:
    return await tx.every(
        Browser,
        """
        SELECT s.id, s.shopper, s.locale, shop.name AS shop, shop.slug
          FROM push.subscription s JOIN accounts.v_shop shop ON shop.id = s.shop_id
         WHERE s.shop_id = %(shop_id)s AND s.shopper = ANY(%(shoppers)s) ORDER BY s.id
        """,
        shop_id=shop_id,
        shoppers=list(shoppers),
    )


async def take_show_reminders(tx: Tx, *, shop_id: int, show_id: int) -> list[Browser]:
    return await tx.every(
        Browser,
        """
        WITH wanted AS (
            DELETE FROM push.show_reminder WHERE shop_id = %(shop_id)s AND show_id = %(show_id)s
            RETURNING subscription_id)
        SELECT s.id, s.shopper, s.locale, shop.name AS shop, shop.slug
          FROM wanted JOIN push.subscription s ON s.id = wanted.subscription_id
          JOIN accounts.v_shop shop ON shop.id = s.shop_id ORDER BY s.id
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


@dataclass(frozen=True, slots=True)
class Order:
    id: UUID
    number: int
    buyer: UUID


async def order(tx: Tx, *, shop_id: int, order_id: UUID) -> Order | None:
    return await tx.first(
        Order,
        "SELECT id, number, buyer FROM orders.v_told WHERE shop_id = %(shop_id)s AND id = %(order_id)s",
        shop_id=shop_id,
        order_id=order_id,
    )


async def insert_messages(
    tx: Tx,
    *,
    ids: Sequence[UUID],
    shop_id: int,
    subscriptions: Sequence[UUID],
    fact_id: UUID,
    kind: Kind,
    contents: Sequence[dict[str, Any]],
    expires_at: datetime,
) -> int:
    """Those that exist stay: a fact is told once."""
    return await tx.run(
        """
        INSERT INTO push.message (id, shop_id, subscription_id, fact_id, kind, content, expires_at)
        SELECT m.id, %(shop_id)s, m.subscription_id, %(fact_id)s, %(kind)s, m.content, %(expires_at)s
          FROM unnest(%(ids)s::uuid[], %(subscriptions)s::uuid[], %(contents)s::jsonb[])
               AS m (id, subscription_id, content)
        ON CONFLICT (fact_id, kind, subscription_id) DO NOTHING
        """,
        ids=list(ids),
        shop_id=shop_id,
        subscriptions=list(subscriptions),
        fact_id=fact_id,
        kind=kind,
        contents=[Jsonb(each) for each in contents],
        expires_at=expires_at,
    )


# Sending


async def something_due(tx: Tx) -> bool:
    return await tx.value(
        """
        SELECT EXISTS (SELECT FROM push.message WHERE state = 'queued' AND due_at <= now())
            OR EXISTS (SELECT FROM push.message WHERE state = 'sending' AND claimed_until < now())
        """
    )


@dataclass(frozen=True, slots=True)
class Claimed:
    id: UUID
    subscription_id: UUID
    kind: Kind
    content: dict[str, Any]
    attempts: int
    expires_at: datetime
    endpoint: str
    public: bytes
    auth: bytes

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", Kind(self.kind))


async def claim(tx: Tx, *, claim: UUID, seconds: float, limit: int) -> list[Claimed]:
    return await tx.every(
        Claimed,
        """
        WITH due AS (
            SELECT id FROM push.message WHERE state = 'queued' AND due_at <= now()
             ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
        UPDATE push.message m
           SET state = 'sending', claim = %(claim)s, claimed_until = now() + make_interval(secs => %(seconds)s)
          FROM due, push.subscription s
         WHERE m.id = due.id AND s.id = m.subscription_id
        RETURNING m.id, m.subscription_id, m.kind, m.content, m.attempts, m.expires_at, s.endpoint, s.public, s.auth
        """,
        claim=claim,
        seconds=seconds,
        limit=limit,
    )


async def take_back(tx: Tx) -> int:
    """Messages whose sender is gone: one that arrived replaces itself, for it has the same tag."""
    return await tx.run(
        """
        UPDATE push.message SET state = 'queued', claim = NULL, claimed_until = NULL, attempts = attempts + 1
         WHERE id IN (SELECT id FROM push.message WHERE state = 'sending' AND claimed_until < now()
                       LIMIT 1000 FOR UPDATE SKIP LOCKED)
        """
    )


async def end(
    tx: Tx, *, claim: UUID, message_id: UUID, state: str, status: int | None, due_in: float = 0.0
) -> int:
    return await tx.run(
        """
        UPDATE push.message
           SET state = %(state)s, status = %(status)s, attempts = attempts + 1, claim = NULL, claimed_until = NULL,
               due_at = CASE WHEN %(state)s = 'queued' THEN now() + make_interval(secs => %(due_in)s) ELSE due_at END,
               ended_at = CASE WHEN %(state)s = 'queued' THEN NULL ELSE now() END
         WHERE id = %(message_id)s AND claim = %(claim)s
        """,
        claim=claim,
        message_id=message_id,
        state=state,
        status=status,
        due_in=due_in,
    )


async def forget_messages(tx: Tx, *, before: datetime, limit: int) -> int:
    return await tx.run(
        """
        DELETE FROM push.message
         WHERE id IN (SELECT id FROM push.message WHERE ended_at < %(before)s LIMIT %(limit)s)
        """,
        before=before,
        limit=limit,
    )


async def forget_unseen(tx: Tx, *, before: datetime, limit: int) -> int:
    return await tx.run(
        """
        DELETE FROM push.subscription
         WHERE id IN (SELECT id FROM push.subscription WHERE seen_at < %(before)s LIMIT %(limit)s)
        """,
        before=before,
        limit=limit,
    )
