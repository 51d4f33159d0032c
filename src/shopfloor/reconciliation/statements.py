"""The books of a provider beside ours: every line is kept, and what does not agree becomes a difference.

A day is read once.  Lines are compared as sets, so a day of a hundred thousand payments takes as long as a few
statements do.  What is said in one book only is looked for in the days around before it is called missing: midnight is
somewhere else for the provider, and a message may have come late.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from shopfloor import payments
from shopfloor.kernel import logs
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id, now
from shopfloor.payment_accounts import Connection
from shopfloor.payment_providers import BillRow, Providers, Source
from shopfloor.payments import Payment
from shopfloor.reconciliation import differences

# How many days back a day is still asked for.
BACK: Final = 7
# A bill of a hundred thousand lines takes longer than an answer about one payment.
BILL_DEADLINE: Final = 300.0
_A_DAY: Final = timedelta(days=1)

Look = Callable[[Providers, Payment], Awaitable[object]]
"""Asks about an attempt and applies what its provider says; may raise a refusal."""

_log = logs.get("payments")


@dataclass(frozen=True, slots=True)
class Statement:
    """Sums in minor units of `currency`."""

    connection_id: int
    day: date
    read_at: datetime
    currency: str
    lines: int
    charged_minor: int
    refunded_minor: int
    fee_minor: int


@dataclass(frozen=True, slots=True)
class Unbooked:
    """A payment that stands in the provider's books and not in ours, of an attempt of ours."""

    attempt: UUID
    reference: str


async def reconcile(
    db: Database, providers: Source, accounts: Sequence[Connection], *, look: Look, today: date | None = None
) -> int:
    """Read and compare what is there to be read by now.  Returns how many differences are new.

    A payment that only the provider has may be one whose message was lost: `look` is asked about it first.  Sent twice
    at once it does each day once; a day that is not ready is asked for again later.
    """
    at = now().date() if today is None else today
    found = 0
    for account in accounts:
        try:
            found += await _reconcile(db, await providers(account.shop_id), account, look=look, today=at)
        except Refusal as refusal:
            _log.info("payments.books_not_read", connection_id=account.id, code=refusal.code)
        except Exception as problem:  # noqa: BLE001 -- one account that breaks must not keep others from theirs
            _log.error("payments.books_not_read", connection_id=account.id, exc_info=problem)
    return found


async def _reconcile(db: Database, known: Providers, account: Connection, *, look: Look, today: date) -> int:
    provider = known.get(f"{account.provider}/{account.id}")
    if provider is None or not provider.abilities.bills:
        return 0
    async with db.transaction() as tx:
        unread = await unread_days(tx, account, today=today)
    for day in unread:
        try:
            async with asyncio.timeout(BILL_DEADLINE):
                rows = await provider.bill(day)
        except (TimeoutError, Refusal):
            # The days after it are compared with it.
            break
        async with db.transaction() as tx:
            await keep(tx, account, day=day, rows=rows)
    async with db.transaction() as tx:
        days = await uncompared_days(tx, account)
    found = 0
    for day in days:
        async with db.transaction() as tx:
            missing = await unbooked(tx, account, day=day)
        for each in missing:
            await _look_once(db, known, each.attempt, look=look)
        async with db.transaction() as tx:
            found += await compare(tx, account, day=day)
    return found


async def _look_once(db: Database, known: Providers, attempt: UUID, *, look: Look) -> None:
    async with db.transaction() as tx:
        payment = (await payments.payments_by_id(tx, attempt)).get(attempt)
    if payment is None:
        return
    try:
        await look(known, payment)
    except Refusal as refusal:
        _log.warning("payments.not_looked_up", payment_id=str(attempt), code=refusal.code)


async def unread_days(tx: Tx, connection: Connection, *, today: date) -> list[date]:
    """Days since the account was connected whose books were not read yet, oldest first."""
    read = await tx.every(
        _Day, "SELECT day FROM payments.statement WHERE connection_id = %(id)s", id=connection.id
    )
    first = max(connection.created_at.date(), today - BACK * _A_DAY)
    known = {each.day for each in read}
    days = [first + n * _A_DAY for n in range((today - first).days)]
    return [day for day in days if day not in known]


@dataclass(frozen=True, slots=True)
class _Day:
    day: date


async def keep(tx: Tx, connection: Connection, *, day: date, rows: Sequence[BillRow]) -> bool:
    """Keep the lines of a day; False when somebody did before."""
    inserted = await tx.run(
        """
        INSERT INTO payments.statement (shop_id, connection_id, day) VALUES (%(shop_id)s, %(connection_id)s, %(day)s)
        ON CONFLICT (connection_id, day) DO NOTHING
        """,
        shop_id=connection.shop_id,
        connection_id=connection.id,
        day=day,
    )
    if inserted != 1:
        return False
    await tx.run(
        """
        INSERT INTO payments.statement_line (id, shop_id, connection_id, day, kind, reference, amount_minor, currency,
                                             fee_minor, happened_at, attempt, refund)
        SELECT id, %(shop_id)s, %(connection_id)s, %(day)s, kind, reference, amount, currency, fee, at, attempt, refund
          FROM unnest(%(ids)s::uuid[], %(kinds)s::text[], %(references)s::text[], %(amounts)s::bigint[],
                      %(currencies)s::text[], %(fees)s::bigint[], %(ats)s::timestamptz[], %(attempts)s::uuid[],
                      %(refunds)s::uuid[])
            AS line (id, kind, reference, amount, currency, fee, at, attempt, refund)
        """,
        shop_id=connection.shop_id,
        connection_id=connection.id,
        day=day,
        ids=[new_id() for _ in rows],
        kinds=[each.kind for each in rows],
        references=[each.reference for each in rows],
        amounts=[each.amount.minor for each in rows],
        currencies=[each.amount.currency for each in rows],
        fees=[0 if each.fee is None else each.fee.minor for each in rows],
        ats=[each.at for each in rows],
        attempts=[each.attempt_id for each in rows],
        refunds=[each.refund_id for each in rows],
    )
    return True


async def uncompared_days(tx: Tx, connection: Connection) -> list[date]:
    """Days that were read and not compared yet, oldest first."""
    found = await tx.every(
        _Day,
        "SELECT day FROM payments.statement WHERE connection_id = %(id)s AND compared_at IS NULL ORDER BY day",
        id=connection.id,
    )
    return [each.day for each in found]


async def unbooked(tx: Tx, connection: Connection, *, day: date) -> list[Unbooked]:
    """Payments of a day that our own attempts do not know of: each is asked about before it is a difference."""
    return await tx.every(
        Unbooked,
        """
        SELECT DISTINCT l.attempt, l.reference
          FROM payments.statement_line l
          JOIN payments.v_payment p ON p.id = l.attempt AND p.shop_id = l.shop_id AND p.connection_id = l.connection_id
         WHERE l.connection_id = %(connection_id)s AND l.day = %(day)s AND l.kind = 'charge'
           AND NOT EXISTS (SELECT FROM payments.v_event e
                            WHERE e.shop_id = l.shop_id AND e.provider = %(provider)s AND e.kind = 'charged'
                              AND e.reference = l.reference)
        """,
        connection_id=connection.id,
        day=day,
        provider=connection.provider,
    )


async def compare(tx: Tx, connection: Connection, *, day: date) -> int:
    """Open a difference for each line of `day` that does not agree, and for what the day before has not and we have.

    Returns how many are new.
    """
    found = 0
    for statement in (_MISSING_CHARGES, _MISSING_REFUNDS, _OTHER_CHARGES, _OTHER_REFUNDS, _TWICE):
        found += await tx.run(
            statement,
            shop_id=connection.shop_id,
            connection_id=connection.id,
            provider=connection.provider,
            day=day,
        )
    settled = datetime.combine(day, time(), UTC)
    if await _are_read(tx, connection, days=[day - 2 * _A_DAY, day - _A_DAY, day]):
        for statement in (_CHARGES_NOT_THERE, _REFUNDS_NOT_THERE):
            found += await tx.run(
                statement,
                shop_id=connection.shop_id,
                connection_id=connection.id,
                provider=connection.provider,
                since=settled - _A_DAY,
                until=settled,
            )
    await tx.run(
        "UPDATE payments.statement SET compared_at = %(at)s WHERE connection_id = %(id)s AND day = %(day)s",
        at=now(),
        id=connection.id,
        day=day,
    )
    if found:
        await differences.say(tx, shop_id=connection.shop_id, kind="statement", count=found)
    return found


async def _are_read(tx: Tx, connection: Connection, *, days: Sequence[date]) -> bool:
    read = await tx.value(
        "SELECT count(*) FROM payments.statement WHERE connection_id = %(id)s AND day = ANY(%(days)s)",
        id=connection.id,
        days=list(days),
    )
    return read == len(days)


_MISSING_CHARGES: Final = """
INSERT INTO payments.difference (id, shop_id, payment_id, connection_id, kind, provider, reference, amount_minor, currency,
                                 expected_minor)
SELECT DISTINCT ON (l.reference) gen_random_uuid(), l.shop_id, p.id, l.connection_id, 'missing_here', %(provider)s::text, l.reference,
       l.amount_minor, l.currency, 0
  FROM payments.statement_line l
  LEFT JOIN payments.v_payment p ON p.id = l.attempt AND p.shop_id = l.shop_id AND p.connection_id = l.connection_id
 WHERE l.connection_id = %(connection_id)s AND l.day = %(day)s AND l.kind = 'charge'
   AND NOT EXISTS (SELECT FROM payments.v_event e
                    WHERE e.shop_id = %(shop_id)s AND e.provider = %(provider)s AND e.kind = 'charged'
                      AND e.reference = l.reference)
   AND NOT EXISTS (SELECT FROM payments.difference d
                    WHERE d.shop_id = %(shop_id)s AND d.provider = %(provider)s AND d.reference = l.reference
                      AND d.kind IN ('amount', 'currency', 'twice', 'late', 'unknown'))
ON CONFLICT (shop_id, provider, kind, reference) DO NOTHING
"""
_MISSING_REFUNDS: Final = """
INSERT INTO payments.difference (id, shop_id, payment_id, connection_id, kind, provider, reference, amount_minor, currency,
                                 expected_minor)
SELECT gen_random_uuid(), l.shop_id, p.id, l.connection_id, 'missing_here', %(provider)s::text,
       'refund ' || coalesce(l.refund::text, l.reference || ' ' || l.happened_at::text), l.amount_minor, l.currency, 0
  FROM payments.statement_line l
  LEFT JOIN payments.v_payment p ON p.id = l.attempt AND p.shop_id = l.shop_id AND p.connection_id = l.connection_id
 WHERE l.connection_id = %(connection_id)s AND l.day = %(day)s AND l.kind = 'refund'
   AND NOT EXISTS (SELECT FROM payments.v_refund_try r
                    WHERE r.shop_id = %(shop_id)s AND r.refund = l.refund AND r.state <> 'failed')
   AND NOT EXISTS (SELECT FROM payments.difference d
                    WHERE d.shop_id = %(shop_id)s AND d.id = l.refund AND d.how = 'sent_back')
ON CONFLICT (shop_id, provider, kind, reference) DO NOTHING
"""
_OTHER_CHARGES: Final = """
INSERT INTO payments.difference (id, shop_id, payment_id, connection_id, kind, provider, reference, amount_minor, currency,
                                 expected_minor)
SELECT DISTINCT ON (l.reference) gen_random_uuid(), l.shop_id, p.id, l.connection_id,
       CASE WHEN p.currency = l.currency THEN 'amount' ELSE 'currency' END, %(provider)s::text, l.reference,
       l.amount_minor, l.currency, e.amount_minor
  FROM payments.statement_line l
  JOIN payments.v_event e ON e.shop_id = %(shop_id)s AND e.provider = %(provider)s AND e.kind = 'charged'
                       AND e.reference = l.reference
  JOIN payments.v_payment p ON p.id = e.payment_id
 WHERE l.connection_id = %(connection_id)s AND l.day = %(day)s AND l.kind = 'charge'
   AND (l.amount_minor, l.currency) IS DISTINCT FROM (e.amount_minor, p.currency)
ON CONFLICT (shop_id, provider, kind, reference) DO NOTHING
"""
_OTHER_REFUNDS: Final = """
INSERT INTO payments.difference (id, shop_id, payment_id, connection_id, kind, provider, reference, amount_minor, currency,
                                 expected_minor)
SELECT DISTINCT ON (l.refund) gen_random_uuid(), l.shop_id, p.id, l.connection_id, 'amount', %(provider)s::text,
       'refund ' || l.refund::text, l.amount_minor, l.currency, r.amount_minor
  FROM payments.statement_line l
  JOIN payments.v_refund_try r ON r.shop_id = %(shop_id)s AND r.refund = l.refund AND r.payment_id = l.attempt
  JOIN payments.v_payment p ON p.id = r.payment_id
 WHERE l.connection_id = %(connection_id)s AND l.day = %(day)s AND l.kind = 'refund'
   AND (l.amount_minor, l.currency) IS DISTINCT FROM (r.amount_minor, p.currency)
ON CONFLICT (shop_id, provider, kind, reference) DO NOTHING
"""
_TWICE: Final = """
INSERT INTO payments.difference (id, shop_id, payment_id, connection_id, kind, provider, reference, amount_minor, currency,
                                 expected_minor)
SELECT DISTINCT ON (l.reference) gen_random_uuid(), l.shop_id, p.id, l.connection_id, 'twice', %(provider)s::text, l.reference,
       l.amount_minor, l.currency, 0
  FROM payments.statement_line l
  JOIN payments.statement_line other
    ON other.connection_id = l.connection_id AND other.reference = l.reference AND other.kind = 'charge' AND other.id < l.id
  LEFT JOIN payments.v_payment p ON p.id = l.attempt AND p.shop_id = l.shop_id AND p.connection_id = l.connection_id
 WHERE l.connection_id = %(connection_id)s AND l.day = %(day)s AND l.kind = 'charge'
ON CONFLICT (shop_id, provider, kind, reference) DO NOTHING
"""
_CHARGES_NOT_THERE: Final = """
INSERT INTO payments.difference (id, shop_id, payment_id, connection_id, kind, provider, reference, amount_minor, currency,
                                 expected_minor)
SELECT gen_random_uuid(), e.shop_id, p.id, p.connection_id, 'missing_there', e.provider, e.reference, 0, p.currency, e.amount_minor
  FROM payments.v_event e JOIN payments.v_payment p ON p.id = e.payment_id
 WHERE e.shop_id = %(shop_id)s AND e.provider = %(provider)s AND e.kind = 'charged'
   AND p.connection_id = %(connection_id)s AND e.recorded_at >= %(since)s AND e.recorded_at < %(until)s
   AND NOT EXISTS (SELECT FROM payments.statement_line l
                    WHERE l.connection_id = %(connection_id)s AND l.reference = e.reference AND l.kind = 'charge')
ON CONFLICT (shop_id, provider, kind, reference) DO NOTHING
"""
_REFUNDS_NOT_THERE: Final = """
INSERT INTO payments.difference (id, shop_id, payment_id, connection_id, kind, provider, reference, amount_minor, currency,
                                 expected_minor)
SELECT gen_random_uuid(), e.shop_id, p.id, p.connection_id, 'missing_there', e.provider, 'refund ' || e.reference, 0, p.currency,
       e.amount_minor
  FROM payments.v_event e JOIN payments.v_payment p ON p.id = e.payment_id
 WHERE e.shop_id = %(shop_id)s AND e.provider = %(provider)s AND e.kind = 'refunded'
   AND p.connection_id = %(connection_id)s AND e.recorded_at >= %(since)s AND e.recorded_at < %(until)s
   AND NOT EXISTS (SELECT FROM payments.statement_line l
                    WHERE l.connection_id = %(connection_id)s AND l.kind = 'refund'
                      AND l.refund = split_part(e.reference, '/', 1)::uuid AND l.attempt = p.id)
   -- What pays for another order never left.
   AND NOT EXISTS (SELECT FROM payments.v_event o
                    WHERE o.shop_id = e.shop_id AND o.provider = 'manual' AND o.kind = 'charged'
                      AND o.reference = 'exchange/' || split_part(e.reference, '/', 1))
ON CONFLICT (shop_id, provider, kind, reference) DO NOTHING
"""


async def statements(tx: Tx, *, shop_id: int, days: int = 14) -> list[Statement]:
    """The last days that were read, newest first, a row for each account and currency."""
    return await tx.every(
        Statement,
        """
        SELECT s.connection_id, s.day, s.read_at, coalesce(min(l.currency), '') AS currency,
               count(l.id)::int AS lines,
               coalesce(sum(l.amount_minor) FILTER (WHERE l.kind = 'charge'), 0)::bigint AS charged_minor,
               coalesce(sum(l.amount_minor) FILTER (WHERE l.kind = 'refund'), 0)::bigint AS refunded_minor,
               coalesce(sum(l.fee_minor), 0)::bigint AS fee_minor
          FROM payments.statement s
          LEFT JOIN payments.statement_line l ON l.connection_id = s.connection_id AND l.day = s.day
         WHERE s.shop_id = %(shop_id)s
           AND s.day > (SELECT max(day) FROM payments.statement WHERE shop_id = %(shop_id)s) - %(days)s::int
         GROUP BY s.connection_id, s.day, s.read_at, l.currency
         ORDER BY s.day DESC, s.connection_id, currency
        """,
        shop_id=shop_id,
        days=days,
    )
