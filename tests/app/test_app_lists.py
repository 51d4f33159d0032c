"""Every list of a shop is longer here than one answer, and is walked to its end: each row is there exactly once.

The lists are not chosen: a JSON route that answers with an array, and a page, stand in one of the tables below or
the test fails.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from tests.app.running import PATIENCE, Owner, Running, place
from tests.app.test_app_borders import routes
from tests.conftest import NewDatabase

ROWS = 230

# By path, how many rows the list has.  `{show}` and the others are ids of the shop that `filled` made.
LISTS = {
    "/v1/me/sessions": "SELECT count(*) FROM accounts.session",
    "/v1/shops": "SELECT count(*) FROM accounts.member WHERE person_id = 1",
    "/v1/{shop}/members": "SELECT count(*) FROM accounts.member WHERE shop_id = 1",
    "/v1/{shop}/invitations": "SELECT count(*) FROM accounts.invitation",
    "/v1/{shop}/products": "SELECT count(*) FROM catalog.product",
    "/v1/{shop}/products/variants/{variant_id}/prices": "SELECT count(*) FROM catalog.price WHERE variant_id = 1",
    "/v1/{shop}/chat/held": "SELECT count(*) FROM chat.line WHERE state = 'held'",
    "/v1/{shop}/chat/log": "SELECT count(*) FROM chat.moderation",
    "/v1/{shop}/chat/words": "SELECT count(*) FROM chat.blocked_word",
    "/v1/{shop}/shows": "SELECT count(*) FROM live.show",
    "/v1/{shop}/shows/{show_id}/featured-intervals": "SELECT count(*) FROM live.explained",
    "/v1/{shop}/shows/{show_id}/flashes": "SELECT count(*) FROM live.flash",
    "/v1/{shop}/shows/{show_id}/auctions": "SELECT count(*) FROM auctions.auction",
    "/v1/{shop}/shows/{show_id}/auctions/{auction_id}/bids": "SELECT count(*) FROM auctions.bid",
    "/v1/{shop}/shows/{show_id}/giveaways": "SELECT count(*) FROM giveaways.giveaway",
    "/v1/{shop}/shows/{show_id}/giveaways/{giveaway_id}/winners": "SELECT count(*) FROM giveaways.winner",
    "/v1/{shop}/shows/{show_id}/polls": "SELECT count(*) FROM polls.poll",
    "/v1/{shop}/shows/{show_id}/offers": "SELECT count(*) FROM live.offer",
    "/v1/{shop}/shows/{show_id}/prices": "SELECT count(*) FROM live.offer_price",
    "/v1/{shop}/shows/{show_id}/slots": "SELECT count(*) FROM live.slot",
    "/v1/{shop}/shows/{show_id}/notices": "SELECT count(*) FROM live.notice",
    "/v1/{shop}/channels": "SELECT count(*) FROM media.channel",
    "/v1/{shop}/channels/{channel_id}/runs": "SELECT count(*) FROM media.run",
    "/v1/{shop}/orders": "SELECT count(*) FROM orders.orders",
    "/v1/{shop}/orders/{order_id}/edits": "SELECT count(*) FROM order_edits.edit",
    "/v1/{shop}/customers": "SELECT count(*) FROM customers.customer",
    "/v1/{shop}/fapiao": "SELECT count(*) FROM fapiao.request",
    "/v1/{shop}/returns": "SELECT count(*) FROM returns.return",
    "/v1/{shop}/discounts": "SELECT count(*) FROM promotions.discount",
    "/v1/{shop}/discounts/{discount_id}/codes": "SELECT count(*) FROM promotions.code WHERE discount_id = 1",
    "/v1/{shop}/discounts/{discount_id}/uses": "SELECT count(*) FROM promotions.use WHERE discount_id = 1",
    "/v1/{shop}/messages": "SELECT count(*) FROM notifications.notice",
    "/v1/{shop}/parcels": "SELECT count(*) FROM fulfilment.parcel",
    "/v1/{shop}/pickups": "SELECT count(*) FROM fulfilment.parcel WHERE delivery = 'pick_up'",
    "/v1/{shop}/dispatch": "SELECT count(*) FROM fulfilment.parcel WHERE delivery = 'ship'",
    "/v1/{shop}/stores": "SELECT count(*) FROM stores.store",
    "/v1/{shop}/routing/changes": "SELECT count(*) FROM routing.change",
    "/v1/{shop}/payments/accounts": "SELECT count(*) FROM payments.connection",
    "/v1/{shop}/payments/differences": "SELECT count(*) FROM payments.difference",
    "/v1/{shop}/integrity/cases": "SELECT count(*) FROM integrity.cases",
    "/v1/{shop}/integrity/cases/{case_id}/orders": "SELECT count(*) FROM orders.orders",
    "/v1/{shop}/disputes": "SELECT count(*) FROM disputes.dispute",
    "/v1/{shop}/orders/policy/pay-to/changes": "SELECT count(*) FROM orders.pay_to_change",
    "/v1/{shop}/stock/locations": "SELECT count(*) FROM stock.location",
    "/v1/{shop}/stock/pools": "SELECT count(*) FROM stock.pool",
    "/v1/{shop}/stock/levels": "SELECT count(*) FROM stock.level",
    "/v1/{shop}/stock/movements/{variant_id}": "SELECT count(*) FROM stock.movement WHERE level_id = 1",
    "/v1/{shop}/stock/shortages": "SELECT count(*) FROM stock.level WHERE shortfall > 0",
    "/v1/{shop}/transfers": "SELECT count(*) FROM stock_control.transfer",
    "/v1/{shop}/stock/safety": "SELECT count(*) FROM stock_control.safety",
    "/v1/{shop}/stock/thresholds": "SELECT count(*) FROM stock_control.threshold",
    "/v1/{shop}/counts": "SELECT count(*) FROM stock_control.count",
    "/v1/{shop}/counts/{count_id}/lines": "SELECT count(*) FROM stock_control.count_line WHERE count_id = 1",
    "/v1/{shop}/tills/registers": "SELECT count(*) FROM tills.register",
    "/v1/{shop}/tills/devices": "SELECT count(*) FROM tills.device",
    "/v1/{shop}/tills/assistants": "SELECT count(*) FROM tills.assistant",
    "/v1/{shop}/tills/shifts": "SELECT count(*) FROM tills.shift",
    "/v1/{shop}/tills/sales": "SELECT count(*) FROM tills.receipt",
    "/v1/{shop}/tills/tasks": "SELECT count(*) FROM tills.task WHERE done_at IS NULL",
    "/v1/{shop}/suppliers": "SELECT count(*) FROM supply.supplier",
    "/v1/{shop}/quotes": "SELECT count(*) FROM supply.quote",
    "/v1/{shop}/statements": "SELECT count(*) FROM statements.statement",
    "/v1/{shop}/purchase-orders": "SELECT count(*) FROM supply.purchase_order",
}
# By page: what names a row in it, and what the rows are.
ROWS_OF = {
    "/s/{shop}": (r'/s/corner/p/(\d+)"', "SELECT id FROM catalog.product"),
    "/s/{shop}/collections/{handle}": (r'/s/corner/p/(\d+)"', "SELECT product_id FROM collections.member"),
    "/console/{shop}/collections/{collection_id}": (r'/products/(\d+)/move"', "SELECT product_id FROM collections.member"),
    "/s/{shop}/replays": (r'/live/(\d+)"', "SELECT id FROM live.show WHERE status = 'ended'"),
    "/s/{shop}/live/{show_id}/chat": (r'id="line-([0-9a-f-]{36})"', "SELECT id FROM chat.line WHERE state = 'shown'"),
    "/s/{shop}/waitlist": (r"/waitlist/([0-9a-f-]{36})/leave", "SELECT id FROM purchases.waiting"),
    "/account": (r'name="session" value="(\w+)"', "SELECT encode(token_hash, 'hex') FROM accounts.session ORDER BY created_at OFFSET 1"),
    "/console/{shop}/products": (r'/products/(\d+)"', "SELECT id FROM catalog.product"),
    "/console/{shop}/orders": (r'/orders/([0-9a-f-]{36})"', "SELECT id FROM orders.orders"),
    "/console/{shop}/customers": (r'/customers/([0-9a-f-]{36})"', "SELECT id FROM customers.customer"),
    "/s/{shop}/orders": (r'/s/corner/orders/([0-9a-f-]{36})"', "SELECT id FROM orders.orders"),
    "/console/{shop}/discounts": (r'/discounts/(\d+)"', "SELECT id FROM promotions.discount"),
    "/console/{shop}/fulfilment": (r'/fulfilment/([0-9a-f-]{36})"', "SELECT id FROM fulfilment.parcel"),
    "/console/{shop}/routing/changes": (r"Never from Shelf (\d+)<", "SELECT substr(name, 7) FROM stock.location WHERE starts_with(name, 'Shelf ')"),
    "/console/{shop}/dispatch": (r'/dispatch/([0-9a-f-]{36})"', "SELECT id FROM fulfilment.parcel WHERE delivery = 'ship'"),
    "/console/{shop}/pickups": (r'/pickups/([0-9a-f-]{36})"', "SELECT id FROM fulfilment.parcel WHERE delivery = 'pick_up'"),
    "/console/{shop}/fapiao": (r'/fapiao/([0-9a-f-]{36})"', "SELECT id FROM fapiao.request"),
    "/console/{shop}/returns": (r'/returns/([0-9a-f-]{36})"', "SELECT id FROM returns.return"),
    "/console/{shop}/messages": (r'/messages/([0-9a-f-]{36})"', "SELECT id FROM notifications.notice"),
    "/console/{shop}/ask": (r'/ask/([0-9a-f-]{36})"', "SELECT id FROM analysis.question"),
    "/console/{shop}/integrity": (r'/integrity/([0-9a-f-]{36})"', "SELECT id FROM integrity.cases"),
    "/console/{shop}/integrity/{case_id}": (r'/orders/([0-9a-f-]{36})"', "SELECT id FROM orders.orders"),
    "/console/{shop}/payments/disputes": (r'/disputes/([0-9a-f-]{36})"', "SELECT id FROM disputes.dispute"),
    "/console/{shop}/statements": (r'id="s-(\d+)"', "SELECT number FROM statements.statement"),
    "/console/{shop}/webhooks/{endpoint_id}": (
        r"/deliveries/([0-9a-f-]{36})/again",
        "SELECT id FROM webhooks.delivery",
    ),
    "/console/{shop}/stock": (r'<h2 id="p-(\d+)"', "SELECT id FROM catalog.product"),
    "/console/{shop}/stock/grid": (r'name="units-(\d+)-', "SELECT id FROM catalog.variant"),
    "/console/{shop}/products/grid": (r'name="title-(\d+)"', "SELECT id FROM catalog.product"),
    "/console/{shop}/stock/{variant_id}": (r">(move \d+)<", "SELECT reason FROM stock.movement WHERE reason LIKE 'move%'"),
    "/console/{shop}/stock/transfers": (r'/stock/transfers/(\d+)"', "SELECT id FROM stock_control.transfer"),
    "/console/{shop}/stock/transfers/{transfer_id}": (r'name="u-(\d+)"', "SELECT id FROM catalog.variant"),
    "/console/{shop}/stock/low": (r'name="variant_id" value="(\d+)"', "SELECT variant_id FROM stock_control.threshold"),
    "/console/{shop}/stock/counts": (r'/stock/counts/(\d+)"', "SELECT id FROM stock_control.count"),
    "/console/{shop}/stock/counts/{count_id}": (r'name="u-(\d+)"', "SELECT variant_id FROM stock_control.count_line WHERE count_id = 1"),
    "/console/{shop}/tills/shifts": (r'/tills/shifts/([0-9a-f-]{36})"', "SELECT id FROM tills.shift"),
    "/console/{shop}/tills/shifts/{shift_id}": (r">(A1-\d+)<", "SELECT 'A1-' || lpad(number::text, 6, '0') FROM tills.receipt"),
    "/console/{shop}/tills/tasks": (r'/tills/tasks/(\d+)/done"', "SELECT id FROM tills.task WHERE done_at IS NULL"),
    "/console/{shop}/shows": (
        r'/shows/(\d+)/report"',
        "SELECT id FROM live.show WHERE status = 'ended'",
    ),
    "/console/{shop}/suppliers": (
        r'/purchase-orders/([0-9a-f-]{36})"',
        "SELECT id FROM supply.purchase_order WHERE state IN ('sent', 'confirmed')",
    ),
    "/console/{shop}/suppliers/{supplier_id}": (
        r'/purchase-orders/([0-9a-f-]{36})"',
        "SELECT id FROM supply.purchase_order",
    ),
    "/console/{shop}/terms": (r"strong class=\"keep-lines\">(Account \d+)<", "SELECT after FROM orders.pay_to_change"),
    "/console/{shop}/media": (r"watch=([0-9a-f-]{36})#", "SELECT id FROM media.run"),
    "/console/{shop}/members": (r"(m\d+@corner\.example)", "SELECT email FROM accounts.person WHERE id > 1"),
    "/supplier/{key}": (
        r'<article [^>]*id="order-([0-9a-f-]{36})"',
        "SELECT id FROM supply.purchase_order WHERE state <> 'sent'",
    ),
}  # fmt: skip
# What stands whole on the first page, whatever else is turned: pattern and rows.
WHOLE = {
    "/s/{shop}": (r'/live/(\d+)"', "SELECT id FROM live.show WHERE status <> 'ended'"),
    "/s/{shop}/calendar.ics": (
        r"URL:.*/live/(\d+)\r",
        "SELECT id FROM live.show WHERE status = 'planned' AND starts_at IS NOT NULL",
    ),
    "/console/{shop}": (r'/shows/(\d+)/studio"', "SELECT id FROM live.show WHERE status = 'live'"),
    "/console/{shop}/shows": (
        r'/shows/(\d+)(?:/studio)?"',
        "SELECT id FROM live.show WHERE status <> 'ended'",
    ),
    "/console/{shop}/collections": (r'/collections/(\d+)"', "SELECT id FROM collections.collection"),
    "/console/{shop}/suppliers": (r'/suppliers/(\d+)"', "SELECT id FROM supply.supplier"),
    "/console/{shop}/shows/{show_id}": (
        r'<option value="(\d+)"',
        "SELECT id FROM catalog.product OFFSET 230",
    ),
    "/console/{shop}/suppliers/{supplier_id}": (r'<option value="(\d+)"', "SELECT id FROM catalog.product"),
    "/supplier/{key}": (
        r'<article [^>]*id="order-([0-9a-f-]{36})"',
        "SELECT id FROM supply.purchase_order WHERE state = 'sent'",
    ),
    "/console/{shop}/routing": (r'<option value="prefer:(\d+)"', "SELECT id FROM stock.location"),
    "/console/{shop}/stores": (r'/stores/(\d+)"', "SELECT id FROM stock.location"),
    "/console/{shop}/tills": (r'aria-labelledby="r-(\d+)"', "SELECT id FROM tills.register"),
    "/console/{shop}/tills/people": (r"/tills/people/(\d+)/end", "SELECT id FROM tills.assistant"),
    "/console/{shop}/shipping": (r"zone_id=(\d+)", "SELECT id FROM pricing.zone"),
    "/console/{shop}/taxes": (r"rate_id=(\d+)", "SELECT id FROM pricing.tax_rate"),
    "/console/{shop}/fulfilment/carriers": (r">(Carrier \d+)<", "SELECT name FROM fulfilment.carrier"),
    "/s/{shop}/giveaways/{giveaway_id}": (r">(N\d{9})<", "SELECT number FROM giveaways.winner"),
    "/console/{shop}/shows/{show_id}/giveaways/{giveaway_id}": (
        r">(N\d{9})<",
        "SELECT number FROM giveaways.winner",
    ),
    "/console/{shop}/webhooks": (r'/webhooks/(\d+)"', "SELECT id FROM webhooks.endpoint"),
    "/sitemap.xml": (r"/sitemap-products-(\d+)\.xml<", "SELECT DISTINCT id / 10000 FROM catalog.product"),
    "/sitemap-shops.xml": (r"/s/([a-z0-9-]+)<", "SELECT slug FROM accounts.shop"),
    "/sitemap-products-{part}.xml": (r"/p/(\d+)<", "SELECT id FROM catalog.product"),
    "/console": (r'href="/console/([a-z0-9-]+)"', "SELECT slug FROM accounts.shop"),
    "/": (r'href="/s/([a-z0-9-]+)"', "SELECT slug FROM accounts.shop"),
}
# Pages about one thing: what they list is bounded by it, or they list nothing.
ONE_THING = {
    "/design", "/design/themes.css", "/e.js", "/s/{shop}/live/{show_id}/calendar.ics",
    "/s/{shop}/p/{product_id}", "/s/{shop}/live/{show_id}", "/s/{shop}/live/{show_id}/overlay", "/s/{shop}/live/{show_id}/chat/lines", "/s/{shop}/live/{show_id}/clip/{interval_id}", "/s/{shop}/checkout/{hold_id}",
    "/embed.js", "/s/{shop}/embed", "/s/{shop}/live/{show_id}/embed", "/console/{shop}/embeds",
    "/s/{shop}/orders/{order_id}", "/reset/{token}", "/claim/{token}", "/join/{token}", "/sign-in", "/robots.txt",
    "/account/second-factor/{name}", "/account/recovery-codes/{name}", "/account/recovery-codes/{name}.txt",
    "/s/{shop}/search", "/s/{shop}/pages/{kind}", "/s/{shop}/accent.css", "/console/{shop}/brand", "/console/{shop}/contact", "/console/{shop}/policies",
    "/till/{shop}", "/till/{shop}/sell", "/till/{shop}/display", "/till/{shop}/worker.js", "/till/{shop}/manifest.webmanifest",
    "/s/{shop}/push", "/push-worker.js", "/trust", "/trust/shopfloor.crt", "/favicon.ico", "/supplier/{key}/orders/{order_id}.csv", "/console/{shop}/orders/{order_id}",
    "/console/{shop}/products/new", "/console/{shop}/products/import", "/console/{shop}/products/import/images", "/console/{shop}/products/export.csv",
    "/console/{shop}/orders/export.csv",
    "/console/{shop}/products/{product_id}", "/console/{shop}/purchase-orders/{order_id}",
    "/console/{shop}/purchase-orders/{order_id}.csv", "/console/{shop}/shows/{show_id}/plan",
    "/console/{shop}/shows/{show_id}/report", "/console/{shop}/shows/{show_id}/report.csv",
    "/console/{shop}/shows/{show_id}/report.parquet", "/console/{shop}/reports", "/console/{shop}/reports.csv",
    "/console/{shop}/ask/{question_id}", "/console/{shop}/ask/{question_id}/rows.csv", "/console/{shop}/ask/{question_id}/rows.parquet",
    "/console/{shop}/reports.parquet", "/console/{shop}/reports/definitions/{metric}",
    "/console/{shop}/discounts/new", "/console/{shop}/discounts/{discount_id}", "/s/{shop}/coupons/{slug}",
    "/console/{shop}/discounts/{discount_id}/codes.csv", "/console/{shop}/shipping/method", "/console/{shop}/shipping/zone", "/console/{shop}/taxes/rate",
    "/console/{shop}/shows/{show_id}/report.json", "/console/{shop}/shows/{show_id}/studio", "/console/{shop}/shows/{show_id}/studio/prompter",
    "/s/{shop}/giveaways/{giveaway_id}/draw.json", "/s/{shop}/auctions/{auction_id}", "/s/{shop}/auctions/{auction_id}/mine",
    "/console/{shop}/shows/{show_id}/auctions/{auction_id}",
    "/console/{shop}/shows/{show_id}/unpaid", "/console/{shop}/fulfilment/{parcel_id}", "/console/{shop}/pickups/{parcel_id}", "/console/{shop}/stores/{location_id}", "/console/{shop}/dispatch/{parcel_id}", "/console/{shop}/routing/what-if", "/console/{shop}/routing/week", "/console/{shop}/fulfilment/prints/{sheet_id}",
    "/console/{shop}/fulfilment/prints/{sheet_id}/file", "/console/{shop}/invoices", "/console/{shop}/payments/account",
    "/console/{shop}/payments/disputes/{dispute_id}", "/console/{shop}/payments/disputes/{dispute_id}/evidence.html",
    "/console/{shop}/payments/disputes/{dispute_id}/evidence.pdf",
    "/console/{shop}/messages/{notice_id}", "/console/{shop}/messages/{notice_id}/view", "/console/{shop}/messages/settings", "/console/{shop}/messages/domain",
    "/console/{shop}/messages/wording", "/console/{shop}/messages/words", "/console/{shop}/messages/sms",
    "/console/{shop}/messages/sms/words", "/t/{code}",
    "/console/{shop}/orders/{order_id}/papers/{document_id}", "/s/{shop}/orders/{order_id}/papers/{document_id}",
    "/s/{shop}/orders/{order_id}/pay", "/s/{shop}/orders/{order_id}/payment", "/s/{shop}/orders/{order_id}/who",
    "/s/{shop}/unsubscribe/{notice_id}", "/forgot", "/s/{shop}/cart", "/console/{shop}/customers/{customer_id}",
    "/s/{shop}/account", "/s/{shop}/account/sign-in", "/s/{shop}/account/code", "/s/{shop}/account/code/{code}",
    "/s/{shop}/account/addresses/new", "/s/{shop}/account/addresses/{address_id}", "/s/{shop}/account/data.json",
    "/s/{shop}/account/erase", "/s/{shop}/account/contact", "/s/{shop}/account/contact/code",
    "/s/{shop}/orders/{order_id}/return", "/console/{shop}/orders/{order_id}/return", "/console/{shop}/orders/{order_id}/edit",
    "/console/{shop}/returns/{return_id}", "/console/{shop}/return-rules",
    "/console/{shop}/fapiao/{fapiao_id}", "/console/{shop}/fapiao/files/{file_id}", "/console/{shop}/fapiao.csv",
    "/s/{shop}/orders/{order_id}/fapiao", "/s/{shop}/orders/{order_id}/fapiao/{file_id}", "/s/{shop}/fapiao",
    "/s/{shop}/receipts/{token}", "/till/{shop}/api/availability", "/till/{shop}/api/sales", "/till/{shop}/api/shift",
    "/till/{shop}/api/snapshot",
    "/s/{shop}/fapiao/{code}",
    "/console/{shop}/statements/{number}/file", "/s/{shop}/verify", "/s/{shop}/verify.html",
    "/console/{shop}/stock/transfers/{transfer_id}/sheet",
    "/console/{shop}/returns/{return_id}/label", "/s/{shop}/orders/{order_id}/returns/{return_id}/label",
}  # fmt: skip

FILL = """
INSERT INTO accounts.person (email, name, password_hash)
SELECT 'm' || n || '@corner.example', 'Member ' || n, '' FROM generate_series(1, %(rows)s) n;
INSERT INTO accounts.member (shop_id, person_id, role) SELECT 1, id, 'host' FROM accounts.person WHERE id > 1;
INSERT INTO accounts.session (token_hash, person_id, expires_at)
SELECT sha256(int4send(n)), 1, now() + interval '1 day' FROM generate_series(1, %(rows)s) n;
INSERT INTO accounts.invitation (shop_id, token_hash, role, invited_by, expires_at)
SELECT 1, sha256(int4send(n)), 'host', 1, now() + interval '1 day' FROM generate_series(1, %(rows)s) n;
INSERT INTO catalog.product (shop_id, handle, title, kind, status)
SELECT 1, 'p' || n, 'Bowl ' || n, 'sized', 'active' FROM generate_series(1, %(rows)s) n;
INSERT INTO catalog.variant (shop_id, product_id, currency, position)
SELECT 1, id, 'CNY', 1 FROM catalog.product WHERE id > 1;
INSERT INTO catalog.price (variant_id, minor, valid_from) SELECT id, 900, now() FROM catalog.variant WHERE id > 1;
INSERT INTO catalog.price (variant_id, minor, valid_from, reason)
SELECT 1, 900 + n, now(), 'p' || n FROM generate_series(1, %(rows)s) n;
INSERT INTO analysis.question (id, shop_id, person_id, sql, days, state)
SELECT gen_random_uuid(), 1, 1, 'SELECT ' || n, 31, 'done' FROM generate_series(1, %(rows)s) n;
INSERT INTO collections.collection (shop_id, handle, title, position)
SELECT 1, n::text, 'Collection ' || n, n FROM generate_series(1, %(rows)s) n;
INSERT INTO collections.member (collection_id, shop_id, product_id, position) SELECT 1, 1, id, id FROM catalog.product;
INSERT INTO live.show (shop_id, title, status, starts_at, started_at, ended_at, channel_id)
SELECT 1, state || ' ' || n, state, now(), CASE WHEN state <> 'planned' THEN now() END,
       CASE WHEN state = 'ended' THEN now() END, CASE WHEN state = 'ended' THEN 1 END
  FROM generate_series(1, %(rows)s) n, unnest('{planned,live,ended}'::text[]) state;
INSERT INTO live.offer (show_id, product_id, policy, hold_seconds)
SELECT 1, product_id, 'timer', 300 FROM catalog.variant WHERE product_id > 1;
INSERT INTO live.offer_line (offer_id, variant_id, price_minor, currency, position)
SELECT o.id, v.id, 900, 'CNY', 1 FROM live.offer o JOIN catalog.variant v USING (product_id) WHERE o.id > 1;
INSERT INTO live.offer_price (offer_id, variant_id, price_minor, currency, reason)
SELECT offer_id, variant_id, 900, 'CNY', 'p' || offer_id FROM live.offer_line WHERE offer_id > 1;
INSERT INTO live.flash (shop_id, show_id, offer_id, pool_id, price_minor, currency, units, seconds, began_at, ends_at,
                        began_video, ended_at, ended_video, ended_by, reference_days)
SELECT 1, show_id, id, (SELECT id FROM stock.pool WHERE kind = 'open'), 800, 'CNY', 1, 60, now(), now(), 1, now(), 1, 'time', 30
  FROM live.offer WHERE id > 1;
INSERT INTO giveaways.giveaway (shop_id, show_id, prize, value_minor, currency, winners, proven_only, claim_hours, opened_at,
                                closes_at, round, round_at, reveal_by, rules, secret, state, entries, closing, closed_at,
                                signature, drawn_at)
SELECT 1, 1, 'Prize ' || n, 1, 'CNY', 1, false, 48, now() - interval '3 minutes', now() - interval '2 minutes', 1,
       now() - interval '1 minute', now() + interval '1 hour', '{"entry": {"without_account_per_network": 5}, "beacon": {"chain": "", "name": "", "round": 1}, "commitment": ""}',
       sha256(''), 'drawn', %(rows)s, '{"root": ""}', now() - interval '2 minutes', '', now() FROM generate_series(1, %(rows)s) n;
INSERT INTO polls.poll (shop_id, show_id, question, answers, counts, opened_at, closes_at, closed_at)
SELECT 1, 1, 'Question ' || n, '{A,B}', '{0,0}', now(), now() + interval '1 minute', now() FROM generate_series(1, %(rows)s) n;
INSERT INTO giveaways.entry (giveaway_id, number, shop_id, shopper)
SELECT 1, 'N' || lpad(n::text, 9, '0'), 1, gen_random_uuid() FROM generate_series(1, %(rows)s) n;
INSERT INTO giveaways.winner (giveaway_id, place, shop_id, number, asked_at, deadline)
SELECT 1, n, 1, 'N' || lpad(n::text, 9, '0'), now(), now() + interval '2 days' FROM generate_series(1, %(rows)s) n;
INSERT INTO auctions.auction (shop_id, show_id, offer_id, variant_id, key, title, titles, options, quantity, currency, start_minor,
                              steps, seconds, extend_seconds, pay_minutes, opened_at, ends_at, latest_end, house, hold_id,
                              state, why, closed_at, bids, price_minor, leader, leader_max_minor)
SELECT 1, 1, 1, 1, gen_random_uuid(), 'Lot ' || n, '{}', '{}', 1, 'CNY', 100, '[[0, 1]]', 60, 10, 30, now() - interval '3 minutes',
       now() - interval '2 minutes', now(), gen_random_uuid(), gen_random_uuid(), 'unsold', 'reserve', now(), 1, 100, 1, 100
  FROM generate_series(1, %(rows)s) n;
INSERT INTO auctions.bidder (auction_id, paddle, shop_id, shopper, accepted_at) VALUES (1, 1, 1, gen_random_uuid(), now());
INSERT INTO auctions.bid (auction_id, seq, shop_id, key, paddle, max_minor, price_minor, leader, at, ends_at)
SELECT 1, n, 1, gen_random_uuid(), 1, 99 + n, 100, 1, now() - interval '1 minute', now() FROM generate_series(1, %(rows)s) n;
INSERT INTO live.slot (show_id, position, minutes, title)
SELECT 1, 100 + n, 5, 'Talk ' || n FROM generate_series(1, %(rows)s) n;
INSERT INTO live.notice (show_id, kind, text, video)
SELECT 1, 'notice', 'Notice ' || n, n FROM generate_series(1, %(rows)s) n;
INSERT INTO live.explained (show_id, offer_id, began_at, began_video, ended_at, ended_video)
SELECT 1, 1, now(), n, now(), n + 1 FROM generate_series(1, %(rows)s) n;
INSERT INTO chat.line (id, shop_id, show_id, shopper, name, text, fingerprint, role, state, reason, asks, at)
SELECT gen_random_uuid(), 1, 1, gen_random_uuid(), 'Ann', 'Line ' || n, 'f', 'viewer', 'held', 'spam', '[]', now()
  FROM generate_series(1, %(rows)s) n;
INSERT INTO chat.line (id, shop_id, show_id, shopper, name, text, fingerprint, role, state, asks, at)
SELECT gen_random_uuid(), 1, s.id, gen_random_uuid(), 'Ann', 'Line ' || n, 'f', 'viewer', 'shown', '[]', now()
  FROM generate_series(1, %(rows)s) n, live.show s WHERE s.title = 'ended 7';
INSERT INTO chat.moderation (shop_id, action, reason, note)
SELECT 1, 'mute', 'spam', 'n' || n FROM generate_series(1, %(rows)s) n;
INSERT INTO chat.blocked_word (shop_id, word) SELECT 1, 'word' || n FROM generate_series(1, %(rows)s) n;
INSERT INTO media.channel (shop_id, name, key_hash)
SELECT 1, 'Camera ' || n, sha256(int4send(n)) FROM generate_series(1, %(rows)s) n;
INSERT INTO media.run (id, channel_id, shop_id, anchor, ended_at, end_cause, codecs, width, height, target_duration,
                       init_sha256, init_length, file, chain)
SELECT gen_random_uuid(), 1, 1, now() - n / 3 * interval '1 minute', now(), 'finished', 'avc1', 2, 2, 1, sha256(''), 1,
       'f' || n, sha256('') FROM generate_series(1, %(rows)s) n;
INSERT INTO stock.location (shop_id, name, kind)
SELECT 1, 'Shelf ' || n, 'store' FROM generate_series(1, %(rows)s) n;
INSERT INTO stock.pool (shop_id, name, kind, location_id)
SELECT 1, 'Till ' || n, 'till', 1 FROM generate_series(1, %(rows)s) n;
INSERT INTO stock.level (shop_id, variant_id, location_id, pool_id, kind, allocated, shortfall)
SELECT 1, id, 1, (SELECT id FROM stock.pool WHERE kind = 'open'), 'on_hand', 1, 1 FROM catalog.variant WHERE id > 1;
INSERT INTO stock.movement (level_id, kind, shortfall, allocated, reason)
SELECT id, 'adjusted', 1, 1, 'lost' FROM stock.level WHERE shortfall > 0;
INSERT INTO stock.movement (level_id, kind, quantity, reason)
SELECT 1, 'adjusted', 1 - 2 * (n %% 2), 'move ' || n FROM generate_series(1, %(rows)s) n;
INSERT INTO stock_control.transfer (shop_id, number, source_id, target_id)
SELECT 1, n, 1, 2 FROM generate_series(1, %(rows)s) n;
INSERT INTO stock_control.safety (shop_id, location_id, variant_id, units)
SELECT 1, (SELECT max(id) FROM stock.location), id, 5 FROM catalog.variant;
INSERT INTO stock_control.threshold (shop_id, location_id, variant_id, units) SELECT 1, 1, id, 5 FROM catalog.variant;
INSERT INTO stock_control.count (shop_id, number, location_id) SELECT 1, n, 1 FROM generate_series(1, %(rows)s) n;
INSERT INTO stock_control.count_line (count_id, shop_id, variant_id) SELECT 1, 1, id FROM catalog.variant;
INSERT INTO tills.register (shop_id, location_id, code, name)
SELECT 1, 1, n::text, 'Counter ' || n FROM generate_series(1, %(rows)s) n;
INSERT INTO tills.device (id, shop_id, register_id, pool_id, name, series, secret_hash, last_hash)
SELECT gen_random_uuid(), 1, 1, (SELECT id FROM stock.pool WHERE kind = 'till' LIMIT 1), 'Tablet ' || n, 'A' || n, sha256(int4send(n)),
       repeat('0', 64) FROM generate_series(1, %(rows)s) n;
INSERT INTO tills.assistant (shop_id, name, rights, pin_salt, pin_hash, iterations)
SELECT 1, 'Ann ' || n, '{sell}', '', '', 1 FROM generate_series(1, %(rows)s) n;
INSERT INTO tills.shift (id, shop_id, register_id, number)
SELECT CASE n WHEN 1 THEN '00000000-0000-4000-8000-000000000001' ELSE gen_random_uuid() END, 1, 1, n
  FROM generate_series(1, %(rows)s) n;
INSERT INTO tills.fact (device_id, sequence, shop_id, kind, raw, hash, chained, without_buyer, state)
SELECT (SELECT id FROM tills.device WHERE series = 'A1'), n, 1, 'sale', '', '', true, false, 'applied'
  FROM generate_series(1, %(rows)s) n;
INSERT INTO tills.receipt (id, device_id, sequence, shop_id, register_id, location_id, shift_id, kind, series, number,
                           is_training, is_offline, total_minor, happened_at)
SELECT gen_random_uuid(), device_id, sequence, 1, 1, 1, '00000000-0000-4000-8000-000000000001', 'sale', 'A1', sequence,
       false, false, 900, now() FROM tills.fact;
INSERT INTO tills.task (shop_id, device_id, sequence, code, facts) SELECT 1, device_id, sequence, 'clock', '{}' FROM tills.fact;
INSERT INTO supply.supplier (shop_id, name) SELECT 1, 'Kiln ' || n FROM generate_series(1, %(rows)s) n;
INSERT INTO supply.quote (shop_id, supplier_id, product_id, currency, minimums, prices, lead_days, late_days, lot,
                          colour_minimum, colour_option, capacity_use, setup_minor)
SELECT 1, 1, id, 'CNY', '{1}', '{100}', 7, 1, 1, 0, '', 1, 0 FROM catalog.product;
INSERT INTO supply.purchase_order (id, shop_id, supplier_id, location_id, state, currency, setup_minor, cost_minor,
                                   created_at, sent_at)
SELECT gen_random_uuid(), 1, 1, 1, state, 'CNY', 0, 1, now() - n / 3 * interval '1 minute', now()
  FROM generate_series(1, %(rows)s) n, unnest('{sent,confirmed,received}'::text[]) state;
INSERT INTO orders.checkout (id, shop_id, buyer, held, policy, pool_id, currency, items, page)
SELECT gen_random_uuid(), 1, %(buyer)s, true, 'timer', 1, 'CNY', '[]', '{}' FROM generate_series(1, %(rows)s);
INSERT INTO orders.orders (id, shop_id, number, checkout_id, hold_id, buyer, policy, pool_id, contact_name,
                           contact_phone, contact_email, delivery, provider, method, note, locale, currency,
                           goods_minor, shipping_minor, total_minor, first_minor, status, payment_status,
                           fulfilment_status, form_hash, key, placed_at)
SELECT gen_random_uuid(), 1, n, id, id, buyer, 'timer', 1, 'Ann', '', '', 'ship', 'manual', '', '', 'en', 'CNY',
       900, 0, 900, 900, 'placed', 'unpaid', 'ready', '', 'k', now() - n / 3 * interval '1 minute'
  FROM (SELECT id, buyer, row_number() OVER () AS n FROM orders.checkout) c;
INSERT INTO customers.customer (id, shop_id, email, name, created_at)
SELECT gen_random_uuid(), 1, 'c' || n || '@corner.example', 'Ann', now() - n / 3 * interval '1 minute'
  FROM generate_series(1, %(rows)s) n;
INSERT INTO orders.pay_to_change (shop_id, before, after)
SELECT 1, '', 'Account ' || n FROM generate_series(1, %(rows)s) n;
INSERT INTO purchases.waiting (id, shop_id, variant_id, buyer, quantity, unit_price_minor, currency)
SELECT gen_random_uuid(), 1, id, %(buyer)s, 1, 900, 'CNY' FROM catalog.variant;
INSERT INTO promotions.discount (shop_id, title, method, kind, level, percent, amount_minor, steps, minimum_minor,
                                 minimum_quantity, first_order, priority, combines, paused, currency)
SELECT 1, 'Discount ' || n, 'code', 'amount', 'order', '0', 100, '[]', 0, 0, false, 0, false, false, 'CNY'
  FROM generate_series(1, %(rows)s) n;
INSERT INTO promotions.allowance (shop_id, discount_id) SELECT 1, id FROM promotions.discount;
INSERT INTO promotions.code (shop_id, key, written, discount_id)
SELECT 1, 'code' || n, 'CODE' || n, 1 FROM generate_series(1, %(rows)s) n;
INSERT INTO promotions.use (order_id, discount_id, shop_id, buyer, amount_minor)
SELECT id, 1, 1, buyer, 100 FROM orders.orders;
INSERT INTO pricing.zone (shop_id, position, name, countries, regions, postcodes, except_regions, except_postcodes)
SELECT 1, 100 + n, 'Zone ' || n, '{DE}', '{}', '{}', '{}', '{}' FROM generate_series(1, %(rows)s) n;
INSERT INTO pricing.tax_class (shop_id, code, name) VALUES (1, 'lists', 'Lists');
INSERT INTO pricing.tax_settings (shop_id, included, rounding, place, origin_country, origin_region, tax_number)
VALUES (1, true, 'line', 'destination', 'DE', '', '') ON CONFLICT DO NOTHING;
INSERT INTO pricing.tax_rate (shop_id, country, regions, postcodes, tax_class, name, percent, adds)
SELECT 1, 'DE', '{}', ARRAY[n::text], 'lists', 'Rate ' || n, '19', false FROM generate_series(1, %(rows)s) n;
INSERT INTO fulfilment.parcel (id, shop_id, order_id, order_number, position, hold_id, location_id, delivery, state)
SELECT gen_random_uuid(), 1, id, number, 1, hold_id, 1, 'ship', 'to_pick' FROM orders.orders;
UPDATE fulfilment.parcel SET delivery = 'pick_up';
INSERT INTO fulfilment.parcel (id, shop_id, order_id, order_number, position, hold_id, location_id, delivery, state)
SELECT gen_random_uuid(), 1, id, number, 2, hold_id, (SELECT min(id) FROM stock.location WHERE kind = 'store'), 'ship',
       'to_pick' FROM orders.orders;
INSERT INTO routing.change (shop_id, actor, what, facts)
SELECT 1, 'person:1', 'added', jsonb_build_object('kind', 'never', 'location_id', id, 'place_kind', null, 'is_on', true)
  FROM stock.location WHERE starts_with(name, 'Shelf ');
INSERT INTO stores.store (shop_id, location_id, timezone, hours) SELECT 1, id, 'UTC', '[[],[],[],[],[],[],[]]' FROM stock.location;
INSERT INTO returns.return (id, shop_id, order_id, order_number, position, buyer, journey, state, reason, note, asked_by)
SELECT gen_random_uuid(), 1, id, number, 1, buyer, 'claim', 'requested', 'defective', '', 'buyer' FROM orders.orders;
INSERT INTO fapiao.request (id, shop_id, order_id, order_number, buyer, kind, title, tax_id, email, note, via, locale, state)
SELECT gen_random_uuid(), 1, id, number, buyer, 'person', 'Ann', '', '', '', 'order', '', 'open' FROM orders.orders;
INSERT INTO order_edits.edit (id, shop_id, order_id, number, hash, actor, reason, told, currency, before_minor, after_minor,
                              refund_minor, due_minor, waived_minor, changes)
SELECT gen_random_uuid(), 1, (SELECT id FROM orders.orders ORDER BY number LIMIT 1), n, sha256('x'), 'person:1', 'Edit ' || n,
       false, 'CNY', 100, 100, 0, 0, 0, '[]' FROM generate_series(1, %(rows)s) n;
INSERT INTO fulfilment.carrier (shop_id, name, tracking_url)
SELECT 1, 'Carrier ' || n, '' FROM generate_series(1, %(rows)s) n;
INSERT INTO notifications.notice (id, shop_id, fact_id, kind, channel, recipient, locale, facts, state, urgency,
                                  expires_at, created_at, ended_at)
SELECT gen_random_uuid(), 1, gen_random_uuid(), 'order_placed', 'mail', 'ann@corner.example', 'en', '{}', 'kept', 1,
       now(), now() - n / 3 * interval '1 minute', now() FROM generate_series(1, %(rows)s) n;
INSERT INTO payments.difference (id, shop_id, kind, provider, reference, amount_minor, currency, opened_at)
SELECT gen_random_uuid(), 1, 'unknown', 'test', 'r' || n, 900, 'CNY', now() - n / 3 * interval '1 minute'
  FROM generate_series(1, %(rows)s) n;
INSERT INTO payments.payment (id, shop_id, subject_id, purpose, provider, method, amount_minor, currency)
SELECT gen_random_uuid(), 1, id, 'full', 'stripe', '', 900, 'CNY' FROM orders.orders;
INSERT INTO payments.authorisation (payment_id, shop_id, amount_minor, capture_before, wanted, wanted_id)
SELECT id, 1, 900, now() + interval '9 days', 'capture', gen_random_uuid() FROM payments.payment;
INSERT INTO payments.refund_try (refund, payment_id, shop_id, amount_minor, state)
SELECT gen_random_uuid(), id, 1, 900, 'failed' FROM payments.payment;
INSERT INTO approvals.request (id, shop_id, order_id, refund, kind, why, amount_minor, currency, asked_by, asked_at)
SELECT gen_random_uuid(), 1, id, gen_random_uuid(), 'refund', 'limit', 900, 'CNY', 2, placed_at FROM orders.orders;
INSERT INTO payments.connection (shop_id, provider, mode, label, fields, sealed)
SELECT 1, 'stripe', 'test', 'a' || n, '{}', '' FROM generate_series(1, %(rows)s) n;
INSERT INTO payments.inbox (id, shop_id, connection_id, key, method, path, headers, body, received_at, tries, next_at, said)
SELECT gen_random_uuid(), 1, c.id, 'k' || n, 'POST', '/', '{}', '', now(), 99, 'infinity', 'letter ' || n
  FROM generate_series(1, %(rows)s) n, (SELECT min(id) AS id FROM payments.connection) c;
INSERT INTO disputes.dispute (id, shop_id, connection_id, provider, reference, charge, amount_minor, currency, state,
                              opened_at, ended_at)
SELECT gen_random_uuid(), 1, c.id, 'stripe', 'd' || n, '', 900, 'CNY', 'lost', now() - n / 3 * interval '1 minute', now()
  FROM generate_series(1, %(rows)s) n, (SELECT min(id) AS id FROM payments.connection) c;
INSERT INTO statements.log (shop_id, origin, size) VALUES (1, 'shopfloor/corner/1', %(rows)s);
INSERT INTO statements.leaf (shop_id, position, kind, body)
SELECT 1, n - 1, 'statement', '{}' FROM generate_series(1, %(rows)s) n;
INSERT INTO statements.statement (shop_id, number, show_id, version, position, state, access, made_at)
SELECT 1, n, 1, n, n - 1, 'final', repeat('x', 43), now() FROM generate_series(1, %(rows)s) n;
INSERT INTO integrity.cases (id, shop_id, show_id, subject, class, reasons, facts, tagged, policy, raised_at, looked_at)
SELECT gen_random_uuid(), 1, 1, 'orders', 'sophisticated', '{shared}', '{}', true, 'p', now(), now()
  FROM generate_series(1, %(rows)s);
INSERT INTO integrity.order_line (case_id, line_id, shop_id, order_id)
SELECT (SELECT id FROM integrity.cases ORDER BY id LIMIT 1), number, 1, id FROM orders.orders;
INSERT INTO webhooks.endpoint (shop_id, url, secret, events, disabled_at, disabled_why)
SELECT 1, 'https://n' || n || '.example', '', '{order.placed}', now(), 'by_hand' FROM generate_series(1, 20) n;
INSERT INTO webhooks.delivery (id, shop_id, endpoint_id, message, event, body, state, created_at, ended_at)
SELECT gen_random_uuid(), 1, 1, 'm' || n, 'order.placed', '{}', 'delivered', now() - n / 3 * interval '1 minute', now()
  FROM generate_series(1, %(rows)s) n;
INSERT INTO accounts.shop (slug, name, currency, locale, timezone)
SELECT 'shop' || n, 'Shop ' || n, 'CNY', 'en', 'UTC' FROM generate_series(1, %(rows)s) n;
INSERT INTO accounts.member (shop_id, person_id, role) SELECT id, 1, 'owner' FROM accounts.shop WHERE id > 1;
"""


@dataclass(frozen=True, slots=True)
class Filled:
    http: httpx.Client
    database: psycopg.Connection
    ids: dict[str, str]

    def path(self, path: str) -> str:
        path = path.replace("{order_id}/edits", "{edited}/edits").replace("{show_id}/chat", "{past}/chat")
        return re.sub(r"\{(\w+)\}", lambda gap: self.ids.get(gap[1], "1"), path)

    def rows(self, query: str) -> list[str]:
        return [str(row[0]) for row in self.database.execute(query).fetchall()]  # pyright: ignore[reportArgumentType, reportCallIssue]


@pytest.fixture(scope="module")
def filled(new_database: NewDatabase) -> Iterator[Filled]:
    with place() as data_dir, new_database() as database, Running(data_dir, database=database) as node:
        owner = Owner(node, "corner")
        owner.claim(node.claim)
        product = owner.product("Bowl", {"S": 3})
        channel = owner.shop("POST", "/channels", json={"name": "Front"})
        show = owner.show("Evening", channel_id=channel["id"])
        owner.offer(show, product, {"S": 1})
        supplier = owner.shop("POST", "/suppliers", json={"name": "Kiln"})
        key = owner.shop("POST", f"/suppliers/{supplier['id']}/key")["key"]
        session = owner.cookie("session")
        owner.close()
        with (
            psycopg.connect(database, autocommit=True) as connection,
            httpx.Client(
                base_url=node.address, timeout=PATIENCE, trust_env=False, cookies={"session": session}
            ) as client,
        ):
            client.get("/s/corner")
            buyer = shopper_of(client)
            with connection.transaction():
                for statement in FILL.strip().split(";\n"):
                    values = {"rows": ROWS, "buyer": buyer}
                    connection.execute(statement.removesuffix(";"), values)  # pyright: ignore[reportArgumentType, reportCallIssue]
            [edited] = connection.execute("SELECT DISTINCT order_id FROM order_edits.edit").fetchall()
            [past] = connection.execute("SELECT id FROM live.show WHERE title = 'ended 7'").fetchall()
            [case] = connection.execute("SELECT DISTINCT case_id FROM integrity.order_line").fetchall()
            ids = {
                "case_id": str(case[0]), "shop": "corner", "key": key, "metric": "uv", "edited": str(edited[0]), "past": str(past[0]), "part": "0",
                "shift_id": "00000000-0000-4000-8000-000000000001",
            }  # fmt: skip
            yield Filled(client, connection, ids)


def shopper_of(client: httpx.Client) -> str:
    """The id in the shopper's cookie."""
    found = re.search(
        r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", client.cookies["shopper"]
    )
    return found[0] if found else str(uuid4())


def links(page: str, kind: str) -> str | None:
    found = re.search(f'rel="{kind}" href="([^"]+)"', page)
    return found[1].replace("&amp;", "&") if found else None


def array_paths(document: dict[str, Any]) -> set[str]:
    """The GET operations that answer with an array."""
    return {
        path
        for path, operations in document["paths"].items()
        for name, operation in operations.items()
        if name == "get"
        and operation["responses"]["200"]
        .get("content", {})
        .get("application/json", {})
        .get("schema", {})
        .get("type")
        == "array"
    }


def test_every_list_of_the_interface_is_walked(filled: Filled) -> None:
    assert array_paths(filled.http.get("/v1/openapi.json").json()) == set(LISTS)


def test_every_page_is_walked_or_about_one_thing() -> None:
    pages = {path for method, path in routes() if method == "GET" and not path.startswith("/v1/")}
    assert pages == set(ROWS_OF) | set(WHOLE) | ONE_THING | {path for path, _ in BESIDE}


@pytest.mark.parametrize("path", sorted(LISTS))
def test_a_list_is_walked_to_its_end(filled: Filled, path: str) -> None:
    [expected] = filled.rows(LISTS[path])
    found: list[str] = []
    address: str | None = filled.path(path)
    turns = 0
    while address is not None:
        answer = filled.http.get(address)
        assert answer.status_code == 200, answer.text
        found += [json.dumps(item, sort_keys=True) for item in answer.json()]
        address = answer.links.get("next", {}).get("url")
        turns += 1
        assert turns < 30
        if turns == 2 and path == "/v1/{shop}/shows":
            # A row that is added meanwhile comes first and moves nothing.
            filled.database.execute(
                "INSERT INTO live.show (shop_id, title, starts_at) VALUES (1, 'New', '2090-01-01Z')"
            )
    assert int(expected) >= ROWS
    assert len(found) == int(expected)
    assert [row for row, times in Counter(found).items() if times > 1] == []


@pytest.mark.parametrize("path", ["/v1/{shop}/products", "/v1/{shop}/orders", "/v1/{shop}/purchase-orders"])
def test_the_way_back_leads_over_the_same_pages(filled: Filled, path: str) -> None:
    address: str | None = f"{filled.path(path)}?limit=70"
    there: list[list[Any]] = []
    answer = filled.http.get(address)
    while True:
        there.append(answer.json())
        if "next" not in answer.links:
            break
        answer = filled.http.get(answer.links["next"]["url"])
    back = [answer.json()]
    while "prev" in answer.links:
        answer = filled.http.get(answer.links["prev"]["url"])
        back.append(answer.json())
    assert [len(page) for page in there[:3]] == [70, 70, 70]
    assert back[::-1] == there


@pytest.mark.parametrize("path", sorted(ROWS_OF))
def test_a_page_is_turned_to_its_end(filled: Filled, path: str) -> None:
    pattern, query = ROWS_OF[path]
    expected = filled.rows(query)
    apart = set(filled.rows(WHOLE[path][1])) if WHOLE.get(path, ("",))[0] == pattern else set[str]()
    found: list[str] = []
    address: str | None = filled.path(path)
    turns = 0
    while address is not None:
        page = filled.http.get(address)
        assert page.status_code == 200, page.text[:2000]
        found += [row for row in dict.fromkeys(re.findall(pattern, page.text)) if row not in apart]
        after = re.search(r'rel="next" href="([^"]+)"', page.text)
        address = after[1].replace("&amp;", "&") if after else None
        turns += 1
        assert turns < 60
    assert len(expected) >= ROWS
    assert Counter(found) == Counter(expected)


# Lists that share a page: where each stands in it, what names a row, and what the rows are.
BESIDE = {
    ("/console/{shop}/payments", "differences"): (
        r"/differences/([0-9a-f-]{36})/settle",
        "SELECT id FROM payments.difference",
    ),
    ("/console/{shop}/payments", "refunds"): (
        r"/refunds/([0-9a-f-]{36})/again",
        "SELECT refund FROM payments.refund_try",
    ),
    ("/console/{shop}/payments", "authorised"): (
        r"/authorisations/([0-9a-f-]{36})/again",
        "SELECT payment_id FROM payments.authorisation",
    ),
    ("/console/{shop}/payments", "messages"): (r"(letter \d+)", "SELECT said FROM payments.inbox"),
    ("/console/{shop}/payments", "asked"): (
        r'/orders/([0-9a-f-]{36})"',
        "SELECT order_id FROM approvals.request",
    ),
    ("/console/{shop}/discounts/{discount_id}", "uses"): (r'/orders/([0-9a-f-]{36})"', "SELECT order_id FROM promotions.use"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "place"), sorted(BESIDE))
def test_lists_that_share_a_page_are_each_turned_to_their_end(filled: Filled, path: str, place: str) -> None:
    pattern, query = BESIDE[path, place]
    address: str | None = filled.path(path)
    pages: list[list[str]] = []
    part = ""
    while address is not None:
        page = filled.http.get(address).text
        part = page[page.index(f'id="{place}"') :].partition("</section>")[0]
        pages.append(re.findall(pattern, part))
        address = links(part, "next")
    back = pages[-1:]
    while (address := links(part, "prev")) is not None:
        page = filled.http.get(address).text
        part = page[page.index(f'id="{place}"') :].partition("</section>")[0]
        back.append(re.findall(pattern, part))

    assert Counter(each for page in pages for each in page) == Counter(filled.rows(query))
    assert back[::-1] == pages


def ticked(page: str) -> dict[str, bool]:
    """The products that a discount offers to choose from, and whether each is chosen."""
    found = re.findall(r'name="product_ids" value="(\d+)"( checked)?', page)
    return {product_id: bool(mark) for product_id, mark in found}


def test_a_discount_is_given_on_any_product_of_a_shop_that_has_more_than_the_form_lists(
    filled: Filled,
) -> None:
    here = filled.path("/console/{shop}/discounts")
    first = filled.http.get(f"{here}/new").text
    sent = {"title": "Two bowls", "method": "code", "code": "BOWLS", "kind": "amount", "amount": "1"}
    chosen = ["5"]
    origin = {"origin": str(filled.http.base_url)}

    def press(**more: Any) -> httpx.Response:
        return filled.http.post(here, data={**sent, "product_ids": chosen, **more}, headers=origin)

    by_button = press(find="Bowl 229", do="find").text
    by_enter = press(find="Bowl 229", found_by="").text
    [last] = filled.rows("SELECT id FROM catalog.product WHERE title = 'Bowl 229'")
    chosen.append(last)
    saved = press(find="Bowl 229", found_by="Bowl 229", do="save")
    kept = filled.http.get(saved.headers["location"]).text

    assert (len(ticked(first)), "The first 100 are listed." in first) == (100, True)
    assert ticked(by_button) == ticked(by_enter) == {last: False, "5": True}
    assert 'value="Two bowls"' in by_button
    assert saved.status_code == 303
    assert [product for product, mark in ticked(kept).items() if mark] == ["5", last]
    assert len(ticked(kept)) == 101


def test_orders_are_narrowed_down_to_any_show(filled: Filled) -> None:
    """Of shows there are more than the filter lists; it finds the others by their titles."""
    here = filled.path("/console/{shop}/orders")
    select = re.compile(r'<select[^>]* name="show".*?</select>', re.DOTALL)

    def offered(query: str) -> list[str]:
        [found] = select.findall(filled.http.get(f"{here}{query}").text)
        return re.findall(r'<option value="(\d+)"', found)

    [wanted] = filled.rows("SELECT id FROM live.show WHERE title = 'ended 7'")
    assert len(offered("")) == 50
    assert wanted in offered("?find_show=ENDED+7")
    assert offered("?find_show=ended+7%25") == []
    assert wanted in offered(f"?show={wanted}")


def test_parcels_are_narrowed_down_to_any_show_that_has_some(filled: Filled) -> None:
    filled.database.execute(
        """
        UPDATE fulfilment.parcel p SET show_id = s.id
          FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM live.show) s
         WHERE s.n = p.order_number AND p.order_number <= 60
        """
    )
    page = filled.http.get(filled.path("/console/{shop}/fulfilment")).text
    [found] = re.findall(r'<select id="f-show".*?</select>', page, re.DOTALL)

    assert sorted(re.findall(r'<option value="(\d+)"', found), key=int) == filled.rows(
        "SELECT DISTINCT show_id FROM fulfilment.parcel WHERE show_id IS NOT NULL ORDER BY show_id"
    )
    assert len(re.findall(r"<option", found)) == 61


@pytest.mark.parametrize("path", sorted(WHOLE))
def test_what_is_not_turned_is_there_whole(filled: Filled, path: str) -> None:
    pattern, query = WHOLE[path]
    page = filled.http.get(filled.path(path))
    assert page.status_code == 200, page.text[:2000]
    assert set(filled.rows(query)) - set(re.findall(pattern, page.text)) == set()


# Pages that say which rows of how many they show, and how many a page has.
NUMBERED = {
    "/s/{shop}": 60,
    "/s/{shop}/replays": 60,
    "/console/{shop}/products": 40,
    "/console/{shop}/orders": 50,
    "/console/{shop}/customers": 50,
    "/console/{shop}/customers?search=Ann": 50,
    "/console/{shop}/orders?payment=unpaid": 50,
    "/console/{shop}/orders?status=placed": 50,
    "/console/{shop}/orders?search=Ann": 50,
    "/console/{shop}/stock": 40,
    "/console/{shop}/shows": 50,
    "/console/{shop}/suppliers": 20,
    "/console/{shop}/suppliers/{supplier_id}": 20,
    "/console/{shop}/media": 12,
    "/console/{shop}/stock/{variant_id}": 100,
    "/console/{shop}/terms": 50,
    "/supplier/{key}": 20,
}

# Rows that carry no name of their own are counted too.
MORE_ROWS = {"/console/{shop}/stock/{variant_id}": "SELECT id FROM stock.movement WHERE level_id = 1"}


@pytest.mark.parametrize("path", sorted(NUMBERED))
def test_a_page_says_which_rows_of_how_many_it_shows(filled: Filled, path: str) -> None:
    size = NUMBERED[path]
    rows = MORE_ROWS.get(path) or ROWS_OF[path.partition("?")[0]][1]
    total = len(filled.rows(rows))
    wanted = [
        f"{first:,}–{min(first + size - 1, total):,} of {total:,}" for first in range(1, total + 1, size)
    ]
    said: list[str] = []
    address: str | None = filled.path(path)
    page = ""
    while address is not None:
        page = filled.http.get(address).text
        said += re.findall(r"[0-9,]+–[0-9,]+ of [0-9,+]+", page)
        address = links(page, "next")
    assert said == wanted

    back = said[-1:]
    while (address := links(page, "prev")) is not None:
        page = filled.http.get(address).text
        back += re.findall(r"[0-9,]+–[0-9,]+ of [0-9,+]+", page)
    assert back == wanted[::-1]


def test_a_page_that_shows_everything_counts_nothing(filled: Filled) -> None:
    page = filled.http.get("/console/corner/products?search=Bowl+229").text

    assert "Bowl 229" in page
    assert re.findall(r"[0-9]+–[0-9]+ of ", page) == []


def test_a_page_counts_in_the_language_it_is_read_in(filled: Filled) -> None:
    page = filled.http.get("/s/corner", headers={"accept-language": "zh-CN"}).text

    assert "第 1–60 条，共 231 条" in page


def test_of_ten_thousand_rows_and_more_nobody_counts_the_rest(filled: Filled) -> None:
    with filled.database.transaction(force_rollback=False):
        filled.database.execute(
            "INSERT INTO catalog.product (shop_id, handle, title, kind, status)"
            " SELECT 2, 'many' || n, 'Plate ' || n, 'sized', 'active' FROM generate_series(1, 10030) n"
        )
        filled.database.execute(
            "INSERT INTO accounts.member (shop_id, person_id, role) VALUES (2, 1, 'owner') ON CONFLICT DO NOTHING"
        )
    ids = [int(one) for one in filled.rows("SELECT id FROM catalog.product WHERE shop_id = 2 ORDER BY id")]
    try:
        here = "/console/shop1/products"
        assert "1–40 of 10,000+" in filled.http.get(here).text
        assert "10,001–10,030 of 10,030" in filled.http.get(f"{here}?after={ids[9999]}").text
        assert "9,961–10,000 of 10,000+" in filled.http.get(f"{here}?after={ids[9959]}").text
        # So far down nobody knows how far.
        assert "10,000+ in all" in filled.http.get(f"{here}?after={ids[10009]}").text
    finally:
        filled.database.execute("DELETE FROM catalog.product WHERE shop_id = 2")
