"""SQL of notices.  One function, one statement."""

from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.notices.models import Kind, NewNotice, Notice, State

LISTED: Final[LiteralString] = """
    SELECT n.id, n.shop_id, n.kind, n.channel, n.recipient, n.name, n.locale, n.order_id, n.state, n.attempts, n.subject,
           n.code, n.reply, n.facts, n.created_at, n.due_at, n.expires_at, n.ended_at, o.number AS order_number,
           n.segments, n.delivery, n.delivery_at
      FROM notifications.notice n LEFT JOIN orders.v_told o ON o.id = n.order_id
    """


async def insert_notice(
    tx: Tx, *, notice_id: UUID, notice: NewNotice, urgency: int, expires_at: datetime, state: State, code: str
) -> bool:
    """False where it exists already."""
    return bool(
        await tx.run(
            """
            INSERT INTO notifications.notice
                   (id, shop_id, fact_id, kind, channel, recipient, name, locale, order_id, buyer, facts, sealed,
                    urgency, expires_at, state, code, again_by, ended_at)
            VALUES (%(notice_id)s, %(shop_id)s, %(fact_id)s, %(kind)s, %(channel)s, %(recipient)s, %(name)s, %(locale)s,
                    %(order_id)s, %(buyer)s, %(facts)s, %(sealed)s, %(urgency)s, %(expires_at)s, %(state)s, %(code)s,
                    %(again_by)s, CASE WHEN %(state)s = 'queued' THEN NULL ELSE now() END)
            ON CONFLICT (fact_id, kind, channel, recipient) DO NOTHING
            """,
            notice_id=notice_id,
            shop_id=notice.shop_id,
            fact_id=notice.fact_id,
            kind=notice.kind,
            channel=notice.channel,
            recipient=notice.recipient,
            name=notice.name[:200],
            locale=notice.locale[:16],
            order_id=notice.order_id,
            buyer=notice.buyer,
            facts=Jsonb(notice.facts),
            sealed=notice.sealed,
            urgency=urgency,
            expires_at=expires_at,
            state=state,
            code=code,
            again_by=notice.again_by,
        )
    )


async def notice(tx: Tx, *, shop_id: int, notice_id: UUID) -> Notice | None:
    return await tx.first(
        Notice,
        LISTED + "WHERE n.shop_id = %(shop_id)s AND n.id = %(notice_id)s",
        shop_id=shop_id,
        notice_id=notice_id,
    )


async def newest(
    tx: Tx,
    *,
    shop_id: int,
    state: str | None,
    kind: str | None,
    channel: str | None,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> list[Notice]:
    return await tx.every(
        Notice,
        LISTED  # noqa: S608 -- constants, both
        + """
         WHERE n.shop_id = %(shop_id)s
           AND (%(state)s::text IS NULL OR n.state = %(state)s) AND (%(kind)s::text IS NULL OR n.kind = %(kind)s)
           AND (%(channel)s::text IS NULL OR n.channel = %(channel)s)
           AND (%(after)s::uuid IS NULL OR (n.created_at, n.id) <
                (SELECT created_at, id FROM notifications.notice WHERE id = %(after)s))
           AND (%(before)s::uuid IS NULL OR (n.created_at, n.id) >
                (SELECT created_at, id FROM notifications.notice WHERE id = %(before)s))
         ORDER BY CASE WHEN %(before)s::uuid IS NULL THEN NULL ELSE n.created_at END,
                  CASE WHEN %(before)s::uuid IS NULL THEN NULL ELSE n.id END, n.created_at DESC, n.id DESC
         LIMIT %(limit)s
        """,
        shop_id=shop_id,
        state=state,
        kind=kind,
        channel=channel,
        after=after,
        before=before,
        limit=limit,
    )


async def found(
    tx: Tx,
    *,
    shop_id: int,
    wanted: str,
    number: int | None,
    state: str | None,
    kind: str | None,
    channel: str | None,
    limit: int,
) -> list[Notice]:
    """By the number of an order, or the beginning of a recipient."""
    return await tx.every(
        Notice,
        LISTED  # noqa: S608 -- constants, both
        + """
         WHERE n.shop_id = %(shop_id)s
           AND (lower(n.recipient) LIKE %(like)s
                OR n.order_id IN (SELECT id FROM orders.v_told WHERE shop_id = %(shop_id)s AND number = %(number)s::bigint))
           AND (%(state)s::text IS NULL OR n.state = %(state)s) AND (%(kind)s::text IS NULL OR n.kind = %(kind)s)
           AND (%(channel)s::text IS NULL OR n.channel = %(channel)s)
         ORDER BY n.created_at DESC, n.id DESC LIMIT %(limit)s
        """,
        shop_id=shop_id,
        like=wanted.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%",
        number=number,
        state=state,
        kind=kind,
        channel=channel,
        limit=limit,
    )


async def of_fact(tx: Tx, *, shop_id: int, fact_id: UUID) -> UUID | None:
    """What was told of a fact that is one message."""
    return await tx.value(
        "SELECT id FROM notifications.notice WHERE fact_id = %(fact_id)s AND shop_id = %(shop_id)s LIMIT 1",
        fact_id=fact_id,
        shop_id=shop_id,
    )


async def of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> list[Notice]:
    return await tx.every(
        Notice,
        LISTED
        + "WHERE n.shop_id = %(shop_id)s AND n.order_id = %(order_id)s ORDER BY n.created_at, n.id LIMIT 200",
        shop_id=shop_id,
        order_id=order_id,
    )


@dataclass(frozen=True, slots=True)
class Counted:
    state: str
    count: int


async def counts(tx: Tx, *, shop_id: int, since: datetime) -> list[Counted]:
    return await tx.every(
        Counted,
        """
        SELECT state, count(*) AS count FROM notifications.notice
         WHERE shop_id = %(shop_id)s AND created_at >= %(since)s GROUP BY state
        """,
        shop_id=shop_id,
        since=since,
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


# Reports and links


async def note_report(
    tx: Tx, *, shop_id: int, reference: str, delivered: bool, notice_id: UUID | None
) -> bool:
    """By our id or by what the gateway calls it.  The first yes stands; a report that comes again changes nothing."""
    return bool(
        await tx.run(
            """
            UPDATE notifications.notice
               SET delivery = CASE WHEN %(delivered)s THEN 'delivered' ELSE 'failed' END, delivery_at = now()
             WHERE shop_id = %(shop_id)s AND channel = 'sms' AND state IN ('sent', 'unknown', 'sending')
               AND (id = %(notice_id)s::uuid OR (reference <> '' AND reference = %(reference)s))
               AND (delivery = '' OR (delivery = 'failed' AND %(delivered)s))
            """,
            shop_id=shop_id,
            delivered=delivered,
            reference=reference,
            notice_id=notice_id,
        )
    )


@dataclass(frozen=True, slots=True)
class Linked:
    """What a short link stands for."""

    shop_id: int
    kind: str
    order_id: UUID | None
    key: str | None
    hold_id: str | None
    created_at: datetime


async def linked(tx: Tx, *, notice_id: UUID) -> Linked | None:
    return await tx.first(
        Linked,
        """
        SELECT n.shop_id, n.kind, n.order_id, o.key, n.facts->>'hold_id' AS hold_id, n.created_at
          FROM notifications.notice n LEFT JOIN orders.v_told o ON o.id = n.order_id AND o.contact_phone <> ''
         WHERE n.id = %(notice_id)s AND n.channel = 'sms' AND n.recipient <> ''
        """,
        notice_id=notice_id,
    )
