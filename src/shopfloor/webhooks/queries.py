"""SQL of webhooks: endpoints and deliveries.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a program of the merchant listens.  `failing_since`: nothing was accepted since."""

    id: int
    shop_id: int
    url: str
    events: list[str]
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_why: str
    previous_until: datetime | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event for an endpoint, and what became of it.  `status` is what it answered last."""

    id: UUID
    endpoint_id: int
    message: str
    event: str
    body: str
    state: str
    attempts: int
    due_at: datetime
    status: int | None
    reply: str
    created_at: datetime
    ended_at: datetime | None


async def insert_endpoint(tx: Tx, *, shop_id: int, url: str, secret: bytes, events: Sequence[str]) -> int:
    return await tx.value(
        """
        INSERT INTO webhooks.endpoint (shop_id, url, secret, events)
        VALUES (%(shop_id)s, %(url)s, %(secret)s, %(events)s) RETURNING id
        """,
        shop_id=shop_id,
        url=url,
        secret=secret,
        events=list(events),
    )


async def set_secret(tx: Tx, *, endpoint_id: int, secret: bytes) -> None:
    await tx.run(
        "UPDATE webhooks.endpoint SET secret = %(secret)s WHERE id = %(endpoint_id)s",
        endpoint_id=endpoint_id,
        secret=secret,
    )


async def roll_secret(tx: Tx, *, endpoint_id: int, secret: bytes, previous_until: datetime | None) -> None:
    """The secret of now becomes the previous one, where `previous_until` says how long that counts."""
    await tx.run(
        """
        UPDATE webhooks.endpoint
           SET previous_secret = CASE WHEN %(until)s::timestamptz IS NULL THEN NULL ELSE secret END,
               previous_until = %(until)s, secret = %(secret)s
         WHERE id = %(endpoint_id)s
        """,
        endpoint_id=endpoint_id,
        secret=secret,
        until=previous_until,
    )


async def endpoints(tx: Tx, *, shop_id: int) -> list[Endpoint]:
    return await tx.every(
        Endpoint,
        """
        SELECT id, shop_id, url, events, created_at, failing_since, disabled_at, disabled_why,
               CASE WHEN previous_until > now() THEN previous_until END AS previous_until
          FROM webhooks.endpoint WHERE shop_id = %(shop_id)s ORDER BY id LIMIT 100
        """,
        shop_id=shop_id,
    )


async def endpoint(tx: Tx, *, shop_id: int, endpoint_id: int) -> Endpoint | None:
    return await tx.first(
        Endpoint,
        """
        SELECT id, shop_id, url, events, created_at, failing_since, disabled_at, disabled_why,
               CASE WHEN previous_until > now() THEN previous_until END AS previous_until
          FROM webhooks.endpoint WHERE shop_id = %(shop_id)s AND id = %(endpoint_id)s
        """,
        shop_id=shop_id,
        endpoint_id=endpoint_id,
    )


async def delete_endpoint(tx: Tx, *, shop_id: int, endpoint_id: int) -> int:
    return await tx.run(
        "DELETE FROM webhooks.endpoint WHERE shop_id = %(shop_id)s AND id = %(endpoint_id)s",
        shop_id=shop_id,
        endpoint_id=endpoint_id,
    )


async def disable(tx: Tx, *, endpoint_id: int, why: str) -> bool:
    """False where it was off already."""
    return bool(
        await tx.run(
            """
            UPDATE webhooks.endpoint SET disabled_at = now(), disabled_why = %(why)s
             WHERE id = %(endpoint_id)s AND disabled_at IS NULL
            """,
            endpoint_id=endpoint_id,
            why=why,
        )
    )


async def enable(tx: Tx, *, shop_id: int, endpoint_id: int) -> int:
    return await tx.run(
        """
        UPDATE webhooks.endpoint SET disabled_at = NULL, disabled_why = '', failing_since = NULL
         WHERE shop_id = %(shop_id)s AND id = %(endpoint_id)s
        """,
        shop_id=shop_id,
        endpoint_id=endpoint_id,
    )


async def insert_deliveries(
    tx: Tx,
    *,
    ids: Sequence[UUID],
    shop_ids: Sequence[int],
    messages: Sequence[str],
    events: Sequence[str],
    bodies: Sequence[str],
) -> int:
    """For each event and each endpoint of its shop that wants it; once."""
    return await tx.run(
        """
        INSERT INTO webhooks.delivery (id, shop_id, endpoint_id, message, event, body)
        SELECT gen_random_uuid(), e.shop_id, e.id, f.message, f.event, f.body
          FROM unnest(%(ids)s::uuid[], %(shop_ids)s::bigint[], %(messages)s::text[], %(events)s::text[], %(bodies)s::text[])
               AS f (id, shop_id, message, event, body)
          JOIN webhooks.endpoint e ON e.shop_id = f.shop_id AND f.event = ANY(e.events) AND e.disabled_at IS NULL
        ON CONFLICT (endpoint_id, message) DO NOTHING
        """,
        ids=list(ids),
        shop_ids=list(shop_ids),
        messages=list(messages),
        events=list(events),
        bodies=list(bodies),
    )


async def insert_delivery(
    tx: Tx, *, delivery_id: UUID, shop_id: int, endpoint_id: int, message: str, event: str, body: str
) -> None:
    await tx.run(
        """
        INSERT INTO webhooks.delivery (id, shop_id, endpoint_id, message, event, body)
        VALUES (%(delivery_id)s, %(shop_id)s, %(endpoint_id)s, %(message)s, %(event)s, %(body)s)
        """,
        delivery_id=delivery_id,
        shop_id=shop_id,
        endpoint_id=endpoint_id,
        message=message,
        event=event,
        body=body,
    )


async def shops_with_endpoints(tx: Tx, *, shop_ids: Sequence[int]) -> bool:
    return await tx.value(
        """
        SELECT EXISTS (SELECT FROM webhooks.endpoint WHERE shop_id = ANY(%(shop_ids)s) AND disabled_at IS NULL)
        """,
        shop_ids=list(shop_ids),
    )


async def deliveries(
    tx: Tx, *, shop_id: int, endpoint_id: int, after: UUID | None, before: UUID | None, limit: int
) -> list[Delivery]:
    return await tx.every(
        Delivery,
        """
        SELECT id, endpoint_id, message, event, body, state, attempts, due_at, status, reply, created_at, ended_at
          FROM webhooks.delivery d
         WHERE shop_id = %(shop_id)s AND endpoint_id = %(endpoint_id)s
           AND (%(after)s::uuid IS NULL OR (created_at, id) <
                (SELECT created_at, id FROM webhooks.delivery WHERE id = %(after)s))
           AND (%(before)s::uuid IS NULL OR (created_at, id) >
                (SELECT created_at, id FROM webhooks.delivery WHERE id = %(before)s))
         ORDER BY CASE WHEN %(before)s::uuid IS NULL THEN NULL ELSE created_at END,
                  CASE WHEN %(before)s::uuid IS NULL THEN NULL ELSE id END, created_at DESC, id DESC
         LIMIT %(limit)s
        """,
        shop_id=shop_id,
        endpoint_id=endpoint_id,
        after=after,
        before=before,
        limit=limit,
    )


async def again(tx: Tx, *, shop_id: int, endpoint_id: int, delivery_id: UUID) -> int:
    """Only what has ended."""
    return await tx.run(
        """
        UPDATE webhooks.delivery SET state = 'queued', attempts = 0, due_at = now(), ended_at = NULL
         WHERE shop_id = %(shop_id)s AND endpoint_id = %(endpoint_id)s AND id = %(delivery_id)s
           AND state IN ('delivered', 'failed')
        """,
        shop_id=shop_id,
        endpoint_id=endpoint_id,
        delivery_id=delivery_id,
    )


# Delivering


async def something_due(tx: Tx) -> bool:
    return await tx.value(
        """
        SELECT EXISTS (SELECT FROM webhooks.delivery d JOIN webhooks.endpoint e ON e.id = d.endpoint_id
                        WHERE d.state = 'queued' AND d.due_at <= now() AND e.disabled_at IS NULL)
            OR EXISTS (SELECT FROM webhooks.delivery WHERE state = 'sending' AND claimed_until < now())
        """
    )


@dataclass(frozen=True, slots=True)
class Claimed:
    id: UUID
    shop_id: int
    endpoint_id: int
    message: str
    body: str
    attempts: int
    url: str
    secret: bytes
    previous_secret: bytes | None


async def claim(tx: Tx, *, claim: UUID, seconds: float, most_each: int) -> list[Claimed]:
    """Some of each endpoint, so that one which is slow keeps back no other."""
    return await tx.every(
        Claimed,
        """
        WITH due AS (
            SELECT d.id, e.url, e.secret,
                   CASE WHEN e.previous_until > now() THEN e.previous_secret END AS previous_secret
              FROM webhooks.endpoint e
             CROSS JOIN LATERAL (
                   SELECT id FROM webhooks.delivery
                    WHERE endpoint_id = e.id AND state = 'queued' AND due_at <= now()
                    ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED) d
             WHERE e.disabled_at IS NULL)
        UPDATE webhooks.delivery n
           SET state = 'sending', claim = %(claim)s, claimed_until = now() + make_interval(secs => %(seconds)s)
          FROM due WHERE n.id = due.id
        RETURNING n.id, n.shop_id, n.endpoint_id, n.message, n.body, n.attempts, due.url, due.secret,
                  due.previous_secret
        """,
        claim=claim,
        seconds=seconds,
        most=most_each,
    )


async def take_back(tx: Tx) -> int:
    """Deliveries whose sender is gone: they may have arrived, and the receiver knows them by their id."""
    return await tx.run(
        """
        UPDATE webhooks.delivery
           SET state = 'queued', claim = NULL, claimed_until = NULL, attempts = attempts + 1
         WHERE id IN (SELECT id FROM webhooks.delivery WHERE state = 'sending' AND claimed_until < now()
                       LIMIT 1000 FOR UPDATE SKIP LOCKED)
        """
    )


async def end(
    tx: Tx, *, claim: UUID, delivery_id: UUID, state: str, status: int | None, reply: str, due_in: float
) -> int:
    return await tx.run(
        """
        UPDATE webhooks.delivery
           SET state = %(state)s, status = %(status)s, reply = %(reply)s, attempts = attempts + 1,
               due_at = CASE WHEN %(state)s = 'queued' THEN now() + make_interval(secs => %(due_in)s) ELSE due_at END,
               ended_at = CASE WHEN %(state)s = 'queued' THEN NULL ELSE now() END,
               claim = NULL, claimed_until = NULL
         WHERE id = %(delivery_id)s AND claim = %(claim)s
        """,
        claim=claim,
        delivery_id=delivery_id,
        state=state,
        status=status,
        reply=reply[:500],
        due_in=due_in,
    )


async def note_failure(tx: Tx, *, endpoint_id: int) -> datetime | None:
    """Since when it accepts nothing."""
    return await tx.value(
        """
        UPDATE webhooks.endpoint SET failing_since = coalesce(failing_since, now())
         WHERE id = %(endpoint_id)s RETURNING failing_since
        """,
        endpoint_id=endpoint_id,
    )


async def note_success(tx: Tx, *, endpoint_id: int) -> None:
    await tx.run(
        """
        UPDATE webhooks.endpoint SET failing_since = NULL
         WHERE id = %(endpoint_id)s AND failing_since IS NOT NULL
        """,
        endpoint_id=endpoint_id,
    )


async def forget(tx: Tx, *, before: datetime, limit: int) -> int:
    return await tx.run(
        """
        DELETE FROM webhooks.delivery
         WHERE id IN (SELECT id FROM webhooks.delivery WHERE ended_at < %(before)s LIMIT %(limit)s)
        """,
        before=before,
        limit=limit,
    )


@dataclass(frozen=True, slots=True)
class Owner:
    name: str
    email: str


async def owners(tx: Tx, *, shop_id: int) -> list[Owner]:
    return await tx.every(
        Owner,
        """
        SELECT name, email FROM accounts.v_member WHERE shop_id = %(shop_id)s AND role = 'owner' ORDER BY person_id
        """,
        shop_id=shop_id,
    )
