"""The everyday pages of a merchant read by indexes what they show, however much has gone by."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

from tests.explained import read_whole, scans

from shopfloor import disputes, notices, reconciliation, webhooks
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Database, Tx
from shopfloor.notices import State

# Of the shops 7 and 8, half and half, almost all of it over.
FILL = """
INSERT INTO accounts.shop (id, slug, name, currency, locale, timezone) OVERRIDING SYSTEM VALUE
VALUES (7, 'seven', 'Seven', 'CNY', 'en', 'UTC'), (8, 'eight', 'Eight', 'CNY', 'en', 'UTC');
INSERT INTO notifications.notice (id, shop_id, fact_id, kind, channel, recipient, locale, facts, state, urgency,
                                  expires_at, created_at, ended_at)
SELECT gen_random_uuid(), 7 + mod(n, 2), gen_random_uuid(), 'order_placed', 'mail', md5(n::text) || '@example.com', 'en',
       '{}', CASE WHEN mod(n, 1000) < 2 THEN 'failed' ELSE 'sent' END, 1, now(), now() - n * interval '1 minute', now()
  FROM generate_series(1, 6000) n;
INSERT INTO payments.connection (shop_id, provider, mode, label, fields, sealed)
SELECT s, 'stripe', 'test', 'a', '{}', '' FROM unnest('{7,8}'::bigint[]) s;
INSERT INTO payments.payment (id, shop_id, subject_id, purpose, provider, method, amount_minor, currency)
SELECT gen_random_uuid(), 7 + mod(n, 2), gen_random_uuid(), 'full', 'stripe', '', 900, 'CNY'
  FROM generate_series(1, 6000) n;
INSERT INTO payments.refund_try (refund, payment_id, shop_id, amount_minor, state)
SELECT gen_random_uuid(), id, shop_id, 900, CASE WHEN random() < 0.001 THEN 'failed' ELSE 'done' END
  FROM payments.payment;
INSERT INTO payments.difference (id, shop_id, kind, provider, reference, amount_minor, currency, opened_at, closed_at, how)
SELECT gen_random_uuid(), 7 + mod(n, 2), 'unknown', 'stripe', 'r' || n, 900, 'CNY', now() - n * interval '1 minute',
       CASE WHEN mod(n, 1000) >= 2 THEN now() END, CASE WHEN mod(n, 1000) >= 2 THEN 'settled' END
  FROM generate_series(1, 6000) n;
INSERT INTO payments.inbox (id, shop_id, connection_id, key, method, path, headers, body, received_at, tries, done_at)
SELECT gen_random_uuid(), c.shop_id, c.id, 'k' || n, 'POST', '/', '{}', '', now(), 2,
       CASE WHEN mod(n, 1000) >= 2 THEN now() END
  FROM generate_series(1, 3000) n, payments.connection c;
INSERT INTO disputes.dispute (id, shop_id, connection_id, provider, reference, charge, amount_minor, currency, state,
                              opened_at, ended_at)
SELECT gen_random_uuid(), c.shop_id, c.id, 'stripe', 'd' || n, '', 900, 'CNY', 'lost', now() - n * interval '1 minute', now()
  FROM generate_series(1, 3000) n, payments.connection c;
INSERT INTO webhooks.endpoint (shop_id, url, secret, events)
SELECT s, 'https://n.example', '', '{order.placed}' FROM unnest('{7,8,7,8}'::bigint[]) s;
INSERT INTO webhooks.delivery (id, shop_id, endpoint_id, message, event, body, state, created_at, ended_at)
SELECT gen_random_uuid(), e.shop_id, e.id, 'm' || n, 'order.placed', '{}', 'delivered', now() - n * interval '1 minute', now()
  FROM generate_series(1, 2000) n, webhooks.endpoint e;
INSERT INTO kernel.outbox (fact_id, shop_id, name, body, position)
SELECT gen_random_uuid(), 7, 'orders.order_placed', '{}', n FROM generate_series(1, 6000) n;
ANALYZE notifications.notice, payments.payment, payments.refund_try, payments.difference, payments.inbox,
        disputes.dispute, webhooks.delivery, kernel.outbox
"""


async def test_the_pages_of_a_merchant_read_no_more_than_they_show(database: Database) -> None:
    async with database.transaction() as tx:
        for statement in FILL.strip().split(";\n"):
            await tx.connection.execute(statement.encode())
        endpoint = await tx.value("SELECT min(id) FROM webhooks.endpoint WHERE shop_id = 7")
    asked: dict[str, Callable[[Tx], Awaitable[object]]] = {
        "messages": lambda tx: notices.page_of(tx, shop_id=7),
        "messages that failed": lambda tx: notices.page_of(tx, shop_id=7, state=State.FAILED),
        "messages to somebody": lambda tx: notices.page_of(tx, shop_id=7, search="a1b2c3"),
        "messages about an order": lambda tx: notices.of_order(tx, shop_id=7, order_id=uuid4()),
        "payments": lambda tx: reconciliation.desk(tx, shop_id=7, limit=50),
        "trouble with payments": lambda tx: reconciliation.trouble(tx, shop_id=7),
        "disputes": lambda tx: disputes.page_of(tx, shop_id=7),
        "webhook deliveries": lambda tx: webhooks.deliveries(tx, shop_id=7, endpoint_id=endpoint, limit=50),
        "facts": lambda tx: outbox.read(tx, after=5_500, limit=50),
        "how far facts are": outbox.look,
    }
    large = {"notice", "payment", "refund_try", "difference", "inbox", "dispute", "delivery", "outbox"}
    async with database.transaction() as tx:
        whole = {name: read_whole(await scans(tx, call)) & large for name, call in asked.items()}

    assert {name: tables for name, tables in whole.items() if tables} == {}
