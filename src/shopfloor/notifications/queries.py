"""SQL of notices, servers, wording and reminders.  One function, one statement."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.notifications.models import (
    Kind,
    MailServer,
    NewNotice,
    Notice,
    Security,
    ShopMail,
    State,
    Trouble,
    Wording,
)

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
        after=after,
        before=before,
        limit=limit,
    )


async def found(
    tx: Tx, *, shop_id: int, wanted: str, number: int | None, state: str | None, kind: str | None, limit: int
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
         ORDER BY n.created_at DESC, n.id DESC LIMIT %(limit)s
        """,
        shop_id=shop_id,
        like=wanted.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%",
        number=number,
        state=state,
        kind=kind,
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


# Sending


async def shops_due(tx: Tx, *, channel: str) -> list[int]:
    """Shops with something to send now."""
    rows = await tx.every(
        _Shop,
        """
        SELECT s.id AS shop_id FROM accounts.v_shop s
         WHERE EXISTS (SELECT FROM notifications.notice n
                        WHERE n.shop_id = s.id AND n.state = 'queued' AND n.due_at <= now() AND n.channel = %(channel)s)
         ORDER BY s.id
        """,
        channel=channel,
    )
    return [row.shop_id for row in rows]


@dataclass(frozen=True, slots=True)
class _Shop:
    shop_id: int


async def keep_without_server(tx: Tx) -> int:
    """Where neither the installation nor the shop has a mail server, messages are kept to be read in the console."""
    return await tx.run(
        """
        UPDATE notifications.notice n
           SET state = 'kept', code = 'no_server', ended_at = now(), sealed = NULL
         WHERE state = 'queued' AND channel = 'mail'
           AND NOT EXISTS (SELECT FROM notifications.mail_server s WHERE s.shop_id = n.shop_id)
        """
    )


async def something_due(tx: Tx) -> bool:
    return await tx.value(
        """
        SELECT EXISTS (SELECT FROM notifications.notice WHERE state = 'queued' AND due_at <= now())
            OR EXISTS (SELECT FROM notifications.notice WHERE state = 'sending' AND claimed_until < now())
        """
    )


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notice in the hands of who sends it."""

    id: UUID
    shop_id: int
    kind: Kind
    channel: str
    recipient: str
    name: str
    locale: str
    order_id: UUID | None
    facts: dict[str, Any]
    sealed: bytes | None
    attempts: int
    uncertain: int
    created_at: datetime
    expires_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", Kind(self.kind))


async def claim(
    tx: Tx, *, shop_ids: Sequence[int], claim: UUID, seconds: float, limit: int, channel: str = "mail"
) -> list[Claimed]:
    return await tx.every(
        Claimed,
        """
        WITH due AS (
            SELECT id FROM notifications.notice
             WHERE state = 'queued' AND due_at <= now() AND shop_id = ANY(%(shop_ids)s) AND channel = %(channel)s
             ORDER BY urgency, due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
        UPDATE notifications.notice n
           SET state = 'sending', claim = %(claim)s, claimed_until = now() + make_interval(secs => %(seconds)s)
          FROM due WHERE n.id = due.id
        RETURNING n.id, n.shop_id, n.kind, n.channel, n.recipient, n.name, n.locale, n.order_id, n.facts, n.sealed,
                  n.attempts, n.uncertain, n.created_at, n.expires_at
        """,
        shop_ids=list(shop_ids),
        claim=claim,
        seconds=seconds,
        limit=limit,
        channel=channel,
    )


async def hand(tx: Tx, *, ids: Sequence[UUID], claim: UUID, seconds: float) -> list[UUID]:
    """Say that the bytes of these are about to leave, and keep all of the claim.  Those that are still ours."""
    rows = await tx.every(
        _Id,
        """
        WITH kept AS (
            UPDATE notifications.notice SET claimed_until = now() + make_interval(secs => %(seconds)s)
             WHERE claim = %(claim)s AND NOT id = ANY(%(ids)s))
        UPDATE notifications.notice
           SET handed_at = now(), claimed_until = now() + make_interval(secs => %(seconds)s)
         WHERE claim = %(claim)s AND id = ANY(%(ids)s) RETURNING id
        """,
        ids=list(ids),
        claim=claim,
        seconds=seconds,
    )
    return [row.id for row in rows]


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of one attempt.  `due_in` seconds for what is queued again."""

    id: UUID
    state: State
    subject: str
    code: str = ""
    reply: str = ""
    due_in: float = 0.0
    counted: bool = True
    uncertain: bool = False
    segments: int = 0
    reference: str = ""


async def end(tx: Tx, *, claim: UUID, endings: Sequence[Ending]) -> int:
    """Write down what became of them; of those that are still ours."""
    return await tx.run(
        """
        UPDATE notifications.notice n
           SET state = e.state,
               subject = CASE WHEN e.subject = '' THEN n.subject ELSE e.subject END,
               code = e.code, reply = e.reply,
               attempts = n.attempts + e.counted,
               uncertain = n.uncertain + e.uncertain,
               due_at = CASE WHEN e.state = 'queued' THEN now() + make_interval(secs => e.due_in) ELSE n.due_at END,
               ended_at = CASE WHEN e.state = 'queued' THEN NULL ELSE now() END,
               sealed = CASE WHEN e.state = 'queued' THEN n.sealed END,
               segments = CASE WHEN e.segments = 0 THEN n.segments ELSE e.segments END,
               reference = CASE WHEN e.reference = '' THEN n.reference ELSE e.reference END,
               claim = NULL, claimed_until = NULL, handed_at = NULL
          FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(subjects)s::text[], %(codes)s::text[], %(replies)s::text[],
                      %(due)s::float8[], %(counted)s::int[], %(uncertain)s::int[], %(segments)s::int[],
                      %(references)s::text[])
               AS e (id, state, subject, code, reply, due_in, counted, uncertain, segments, reference)
         WHERE n.id = e.id AND n.claim = %(claim)s
        """,
        claim=claim,
        ids=[each.id for each in endings],
        states=[str(each.state) for each in endings],
        subjects=[each.subject[:500] for each in endings],
        codes=[each.code for each in endings],
        replies=[each.reply[:500] for each in endings],
        due=[each.due_in for each in endings],
        counted=[int(each.counted) for each in endings],
        uncertain=[int(each.uncertain) for each in endings],
        segments=[each.segments for each in endings],
        references=[each.reference for each in endings],
    )


async def take_back(tx: Tx) -> int:
    """Notices whose sender is gone.  Whose bytes had not begun to leave are simply queued; the others may have arrived:
    they are sent once more, under the same Message-ID, and never a third time.
    """
    return await tx.run(
        """
        WITH gone AS (
            SELECT id FROM notifications.notice WHERE state = 'sending' AND claimed_until < now()
             LIMIT 1000 FOR UPDATE SKIP LOCKED)
        UPDATE notifications.notice n
           SET state = CASE WHEN handed_at IS NOT NULL AND uncertain >= 1 THEN 'unknown' ELSE 'queued' END,
               ended_at = CASE WHEN handed_at IS NOT NULL AND uncertain >= 1 THEN now() END,
               sealed = CASE WHEN handed_at IS NOT NULL AND uncertain >= 1 THEN NULL ELSE sealed END,
               code = CASE WHEN handed_at IS NULL THEN code ELSE 'no_answer' END,
               uncertain = uncertain + CASE WHEN handed_at IS NULL THEN 0 ELSE 1 END,
               attempts = attempts + CASE WHEN handed_at IS NULL THEN 0 ELSE 1 END,
               claim = NULL, claimed_until = NULL, handed_at = NULL
          FROM gone WHERE n.id = gone.id
        """
    )


# What a message says of an order


@dataclass(frozen=True, slots=True)
class Told:
    id: UUID
    shop_id: int
    number: int
    buyer: UUID
    contact_name: str
    contact_email: str
    contact_phone: str
    delivery: str
    address: dict[str, Any] | None
    method: str
    locale: str
    currency: str
    goods_minor: int
    shipping_minor: int
    shipping_name: str
    tax_minor: int
    total_minor: int
    first_minor: int
    charged_minor: int
    key: str
    tracking: str
    status: str
    payment_status: str
    cancel_why: str | None
    cancel_note: str
    payment_due_at: datetime | None
    balance_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class ToldLine:
    id: int
    order_id: UUID
    position: int
    product_id: int
    variant_id: int
    title: str
    options: list[str]
    quantity: int
    listed_minor: int
    ready_on: date | None
    delayed_to: date | None
    bundle_id: int | None


@dataclass(frozen=True, slots=True)
class ToldBundle:
    bundle_id: int
    order_id: UUID
    product_id: int
    title: str
    options: list[str]
    quantity: int
    amount_minor: int


_TOLD: Final[LiteralString] = """
    SELECT id, shop_id, number, buyer, contact_name, contact_email, contact_phone, delivery, address, method, locale,
           currency, goods_minor, shipping_minor, shipping_name, tax_minor, total_minor, first_minor, charged_minor, key,
           tracking, status, payment_status, cancel_why, cancel_note, payment_due_at, balance_due_at
      FROM orders.v_told
    """


async def told(tx: Tx, *, ids: Sequence[UUID]) -> list[Told]:
    return await tx.every(Told, _TOLD + "WHERE id = ANY(%(ids)s)", ids=list(ids))


async def told_lines(tx: Tx, *, ids: Sequence[UUID]) -> list[ToldLine]:
    return await tx.every(
        ToldLine,
        """
        SELECT id, order_id, position, product_id, variant_id, title, options, quantity, listed_minor, ready_on, delayed_to,
               bundle_id
          FROM orders.v_told_line WHERE order_id = ANY(%(ids)s) ORDER BY order_id, position
        """,
        ids=list(ids),
    )


async def told_bundles(tx: Tx, *, ids: Sequence[UUID]) -> list[ToldBundle]:
    return await tx.every(
        ToldBundle,
        """
        SELECT bundle_id, order_id, product_id, title, options, quantity, amount_minor
          FROM orders.v_told_bundle WHERE order_id = ANY(%(ids)s) ORDER BY bundle_id
        """,
        ids=list(ids),
    )


async def newest_told_of_buyer(tx: Tx, *, shop_id: int, buyer: UUID) -> Told | None:
    return await tx.first(
        Told,
        _TOLD
        + """
         WHERE buyer = %(buyer)s AND shop_id = %(shop_id)s AND contact_email <> '' ORDER BY placed_at DESC LIMIT 1
        """,
        shop_id=shop_id,
        buyer=buyer,
    )


async def to_be_reminded(tx: Tx, *, lead_hours: int, limit: int) -> list[Told]:
    """Unpaid orders whose time is nearly over: a day before, or at half of the time where that is shorter.  Who has
    less than two hours in all is not reminded.
    """
    return await tx.every(
        Told,
        _TOLD
        + """
         WHERE status = 'placed' AND contact_email <> '' AND charged_minor < first_minor
           AND payment_due_at BETWEEN now() AND now() + make_interval(hours => %(lead)s)
           AND payment_due_at - placed_at >= interval '2 hours'
           AND now() >= payment_due_at - least(make_interval(hours => %(lead)s), (payment_due_at - placed_at) / 2)
           AND NOT EXISTS (SELECT FROM notifications.notice n
                            WHERE n.order_id = v_told.id AND n.kind = 'pay_reminder' AND n.again_by IS NULL
                              AND n.facts->>'due_at' = to_char(payment_due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
         ORDER BY payment_due_at LIMIT %(limit)s
        """,
        lead=lead_hours,
        limit=limit,
    )


async def balances_to_be_reminded(tx: Tx, *, lead_hours: int, limit: int) -> list[Told]:
    return await tx.every(
        Told,
        _TOLD
        + """
         WHERE status = 'placed' AND contact_email <> ''
           AND charged_minor >= first_minor AND charged_minor < total_minor
           AND balance_due_at BETWEEN now() AND now() + make_interval(hours => %(lead)s)
           AND NOT EXISTS (SELECT FROM notifications.notice n
                            WHERE n.order_id = v_told.id AND n.kind = 'pay_reminder' AND n.again_by IS NULL
                              AND n.facts->>'due_at' = to_char(balance_due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
         ORDER BY balance_due_at LIMIT %(limit)s
        """,
        lead=lead_hours,
        limit=limit,
    )


# Servers


@dataclass(frozen=True, slots=True)
class ServerRow:
    shop_id: int
    host: str
    port: int
    security: str
    username: str
    password: bytes | None
    sender: str
    reply_to: str
    changed_at: datetime


async def servers(tx: Tx, *, shop_ids: Sequence[int]) -> list[ServerRow]:
    return await tx.every(
        ServerRow,
        """
        SELECT shop_id, host, port, security, username, password, sender, reply_to, changed_at
          FROM notifications.mail_server WHERE shop_id = ANY(%(shop_ids)s)
        """,
        shop_ids=list(shop_ids),
    )


async def save_server(tx: Tx, *, shop_id: int, server: MailServer, password: bytes | None) -> None:
    await tx.run(
        """
        INSERT INTO notifications.mail_server AS s
               (shop_id, host, port, security, username, password, sender, reply_to)
        VALUES (%(shop_id)s, %(host)s, %(port)s, %(security)s, %(username)s, %(password)s, %(sender)s, %(reply_to)s)
        ON CONFLICT (shop_id) DO UPDATE
           SET host = excluded.host, port = excluded.port, security = excluded.security, username = excluded.username,
               password = excluded.password, sender = excluded.sender, reply_to = excluded.reply_to, changed_at = now()
        """,
        shop_id=shop_id,
        host=server.host,
        port=server.port,
        security=server.security,
        username=server.username,
        password=password,
        sender=server.sender,
        reply_to=server.reply_to,
    )


async def delete_server(tx: Tx, *, shop_id: int) -> None:
    await tx.run("DELETE FROM notifications.mail_server WHERE shop_id = %(shop_id)s", shop_id=shop_id)


def shown(row: ServerRow) -> ShopMail:
    return ShopMail(
        row.host,
        row.port,
        Security(row.security),
        row.username,
        row.sender,
        row.reply_to,
        row.password is not None,
        row.changed_at,
    )


async def trouble(tx: Tx, *, target: str) -> Trouble | None:
    return await tx.first(
        Trouble,
        "SELECT since, reason, next_at FROM notifications.server_trouble WHERE target = %(target)s",
        target=target[:700],
    )


async def note_trouble(tx: Tx, *, target: str, reason: str, seconds: float) -> None:
    await tx.run(
        """
        INSERT INTO notifications.server_trouble (target, reason, next_at)
        VALUES (%(target)s, %(reason)s, now() + make_interval(secs => %(seconds)s))
        ON CONFLICT (target) DO UPDATE SET reason = excluded.reason, next_at = excluded.next_at
        """,
        target=target[:700],
        reason=reason[:500],
        seconds=seconds,
    )


async def forget_trouble(tx: Tx, *, target: str) -> None:
    await tx.run("DELETE FROM notifications.server_trouble WHERE target = %(target)s", target=target[:700])


# Wording


async def wordings(tx: Tx, *, shop_ids: Sequence[int]) -> list["ShopWording"]:
    return await tx.every(
        ShopWording,
        "SELECT shop_id, kind, locale, subject, intro FROM notifications.wording WHERE shop_id = ANY(%(shop_ids)s)",
        shop_ids=list(shop_ids),
    )


@dataclass(frozen=True, slots=True)
class ShopWording:
    shop_id: int
    kind: str
    locale: str
    subject: str
    intro: str


async def save_wording(tx: Tx, *, shop_id: int, wording: Wording) -> None:
    await tx.run(
        """
        INSERT INTO notifications.wording (shop_id, kind, locale, subject, intro)
        VALUES (%(shop_id)s, %(kind)s, %(locale)s, %(subject)s, %(intro)s)
        ON CONFLICT (shop_id, kind, locale) DO UPDATE SET subject = excluded.subject, intro = excluded.intro
        """,
        shop_id=shop_id,
        kind=wording.kind,
        locale=wording.locale,
        subject=wording.subject,
        intro=wording.intro,
    )


async def delete_wording(tx: Tx, *, shop_id: int, kind: str, locale: str) -> None:
    await tx.run(
        """
        DELETE FROM notifications.wording
         WHERE shop_id = %(shop_id)s AND kind = %(kind)s AND locale = %(locale)s
        """,
        shop_id=shop_id,
        kind=kind,
        locale=locale,
    )


# Who asked, and who does not want


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


async def paid_by_exchange(tx: Tx, *, order_id: UUID) -> int | None:
    """What goods that came back have paid of an order that is sent for them; None for any other order."""
    return await tx.value(
        """
        SELECT max(amount_minor) FROM payments.v_payment WHERE subject_id = %(order_id)s AND method = 'exchange'
        """,
        order_id=order_id,
    )
