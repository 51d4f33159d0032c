"""Every id that can be sent, from one shop, of a thing of another shop and of nothing at all: refused, nothing changed.

What can be sent is read from the running application: each id of each body of its document (also lists of ids, and
ids that are keys), each id in each path and each query, each field of each form of the console, as the pages
themselves show them.
"""

import json
import re
import uuid
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import ndiff
from html.parser import HTMLParser
from typing import Any, Final, Self
from urllib.parse import unquote

import httpx
import psycopg
import pytest
from fastapi.routing import APIRoute
from psycopg import sql
from tests.app.running import PASSWORD, PATIENCE, Owner, Running, variant_of
from tests.app.test_app_borders import as_documented, routes
from tests.app.test_app_inputs import UUIDS, body_of, operations, resolved
from tests.waiting import until

from shopfloor import web

# What a name must have in it to be that of an id: `location_id`, `from_location`, `slot_ids`, `price-17`.
NOUNS: Final = frozenset({
    "assistant", "auction", "camera", "channel", "collection", "device", "register", "shift", "task", "discount", "giveaway", "host", "line", "location", "offer", "order", "parcel", "person", "plan", "poll", "pool", "product", "quote",
    "show", "slot", "source", "supplier", "target", "variant",
})  # fmt: skip
# With a noun in their name and no id in them.
# A tax number is written on a document; it names no row.
# "report_id" is the name of a field in the reports of a gateway.
NO_IDS: Final = frozenset({"limit_per_show", "report_id", "tax_id"})
# What tells whose turn it was, and what goes on by itself.
LOGS: Final = frozenset({
    "accounts.attempt", "accounts.form_answer", "accounts.session", "kernel.consumer", "live.presence_lease",
    "kernel.job", "kernel.job_clock", "notifications.notice",
    # What jobs write by themselves.
    "analysis.answer", "analysis.question",
    "integrity.judgement", "integrity.look", "integrity.order_line", "integrity.viewer",
    "statements.asked", "statements.checkpoint", "statements.cosignature", "statements.key", "statements.leaf", "statements.log",
    "statements.node", "statements.statement", "statements.watched", "statements.witness_key",
})  # fmt: skip
UNKNOWN: Final = 987_654_321
NO_ONE: Final = "00000000-0000-4000-8000-00000000dead"


@dataclass(slots=True)
class Tenant:
    """A shop with one of everything; `ids` by the name that paths and bodies have for them."""

    owner: Owner
    http: httpx.Client
    ids: dict[str, str]

    def path(self, template: str, **ids: str) -> str:
        # What a store sends is another parcel than what is collected there.
        sent = {"parcel_id": self.ids["sent_parcel"]} if "/dispatch/" in template else {}
        known = self.ids | sent | ids
        return re.sub(r"\{(\w+)\}", lambda gap: known.get(gap[1], "1"), template)


@dataclass(slots=True)
class Two:
    node: Running
    one: Tenant
    other: Tenant
    document: dict[str, Any]
    database: "psycopg.Connection[Any]"
    tables: list[str] = field(default_factory=list[str])

    def digest(self) -> dict[str, str]:
        """A hash of the rows of each table; of facts only how many there are, but for those of jobs: they are
        given their place later."""
        if not self.tables:
            self.tables = [
                row[0]
                for row in self.database.execute(
                    """
                    SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^(pg_|information|public|procrastinate)'
                    """
                )
                if row[0] not in LOGS
            ]
        parts = [
            sql.SQL("SELECT {name}, {what} FROM {table} AS each").format(
                name=sql.Literal(name),
                what=sql.SQL(
                    "(count(*) FILTER (WHERE each.name !~ '^(integrity|statements)[.]'))::text"
                    if name == "kernel.outbox"
                    else "md5(string_agg(each::text, '|' ORDER BY each::text))"
                ),
                table=sql.Identifier(*name.split(".")),
            )
            for name in self.tables
        ]
        return dict(self.database.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall())


@pytest.fixture(scope="module")
def two(node: Running, owner: Owner) -> Iterator[Two]:
    yield from tenants(node, owner)


def tenants(node: Running, owner: Owner) -> Iterator[Two]:
    """A second shop beside the owner's, and both filled."""
    owner.call("POST", "/v1/shops", json={"name": "Second", "slug": "second", "currency": "CNY"})
    invited = owner.call("POST", "/v1/second/invitations", json={"role": "owner", "email": None})
    stranger = Owner(node, "second")
    stranger.call(
        "POST", "/v1/invitations/join",
        json={"token": invited["token"], "email": "other@second.example", "password": PASSWORD, "name": "Otto"},
    )  # fmt: skip
    clients: list[httpx.Client] = []
    with psycopg.connect(node.database_url, autocommit=True) as database:
        both: list[Tenant] = []
        for person in (owner, stranger):
            client = httpx.Client(
                base_url=node.address, timeout=PATIENCE, trust_env=False, headers={"origin": node.address},
                cookies={"session": person.cookie("session")},
            )  # fmt: skip
            clients.append(client)
            both.append(Tenant(person, client, fill(node, person, database)))
        yield Two(node, both[0], both[1], clients[0].get("/v1/openapi.json").json(), database)
    for client in clients:
        client.close()
    stranger.close()


def fill(node: Running, person: Owner, database: "psycopg.Connection[Any]") -> dict[str, str]:
    """One of everything in this shop."""
    channel = person.shop("POST", "/channels", json={"name": "Front"})
    products = [person.product(title, {"S": 9, "M": 9}) for title in ("Bowl", "Cup")]
    place, second = person.warehouse(), person.shop(
        "POST", "/stock/locations", json={"name": "Shop", "kind": "store"}
    )["id"]  # fmt: skip
    pool = person.shop("POST", "/stock/pools", json={"name": "Till", "location_id": second})
    show, planned = person.show("Evening", channel_id=channel["id"]), person.show("Later")
    offer = person.offer(show, products[0], {"S": 4, "M": 4})
    person.offer(planned, products[0], {"S": 1, "M": 1})
    slot = person.shop("POST", f"/shows/{show}/slots", json={"title": "Talk", "minutes": 5})
    person.shop("POST", f"/shows/{show}/start")
    giveaway = person.shop(
        "POST", f"/shows/{show}/giveaways", json={"prize": "Bowl", "value_minor": 100, "seconds": 86_400}
    )
    auction = person.shop(
        "POST", f"/shows/{show}/auctions",
        json={"offer_id": offer, "variant_id": variant_of(products[0], "M"), "start_minor": 100, "seconds": 3_600},
    )  # fmt: skip
    poll = person.shop(
        "POST", f"/shows/{show}/polls", json={"question": "Which?", "answers": ["A", "B"], "seconds": 3_600}
    )
    supplier = person.shop("POST", "/suppliers", json={"name": "Kiln"})
    quote = person.shop(
        "POST", f"/suppliers/{supplier['id']}/quotes", json=QUOTE | {"product_id": products[0]["id"]}
    )
    invitation = person.shop("POST", "/invitations", json={"role": "host", "email": None})
    picture = person.shop("GET", f"/products/{products[0]['id']}")["pictures"][0]
    order = bought(node, person.slug, show, offer, variant_of(products[0], "S"))
    lines = person.shop("GET", f"/orders/{order}")["lines"]
    me = person.call("GET", "/v1/me")
    person.shop("PUT", "/taxes", json={"origin_country": "DE"})
    rate = person.shop("POST", "/taxes/rates", json={"country": "DE", "percent": "19"})
    zone = person.shop("POST", "/shipping/zones", json={"name": "Home", "countries": ["DE"]})
    method = person.shop(
        "POST",
        "/shipping/methods",
        json={"kind": "ship", "name": "Parcel", "zone_id": zone["id"], "amount_minor": 100},
    )
    discount = person.shop(
        "POST", "/discounts",
        json={"title": "Ten", "method": "code", "code": "TEN", "kind": "amount", "amount_minor": 1000},
    )  # fmt: skip
    ids = {
        "discount_id": discount["id"], "rate_id": rate["id"], "zone_id": zone["id"], "method_id": method["id"],
        "shop": person.slug, "metric": "uv", "channel_id": channel["id"], "product_id": products[0]["id"], "show_id": show,
        "variant_id": variant_of(products[0], "S"), "offer_id": offer, "slot_id": slot["id"],
        "giveaway_id": giveaway["id"], "poll_id": poll["id"], "auction_id": auction["id"],
        "supplier_id": supplier["id"], "quote_id": quote["id"], "invitation_id": invitation["id"],
        "picture_id": picture["id"], "pool_id": pool["id"], "location_id": place, "person_id": me["person"]["id"],
        "host_id": me["person"]["id"], "order_id": order, "line_id": lines[0]["id"], "refund_id": uuid.uuid4(),
        "edit_id": uuid.uuid4(),
    }  # fmt: skip
    shop_id = database.execute("SELECT id FROM accounts.shop WHERE slug = %s", [person.slug]).fetchone()
    assert shop_id is not None
    collection = database.execute(
        "INSERT INTO collections.collection (shop_id, handle, title, position) VALUES (%s, 'new', 'New', 1) RETURNING id",
        shop_id,
    ).fetchone()
    assert collection is not None
    database.execute(
        "INSERT INTO collections.member (collection_id, shop_id, product_id, position) VALUES (%s, %s, %s, 1)",
        [collection[0], shop_id[0], products[0]["id"]],
    )
    ids["collection_id"] = collection[0]
    ids |= supplies(database, shop_id[0], ids | {"show_id": planned})
    ids |= owed(database, shop_id[0])
    ids |= packed(database, shop_id[0], ids)
    said = uuid.uuid4()
    database.execute(
        """
        INSERT INTO chat.line (id, shop_id, show_id, shopper, name, text, fingerprint, role, state, asks, at)
        VALUES (%s, %s, %s, %s, 'Ann', 'hello', 'hello', 'viewer', 'shown', '[]', now())
        """,
        [said, shop_id[0], show, uuid.uuid4()],
    )
    run = uuid.uuid4()
    database.execute(
        """
        INSERT INTO media.run (id, channel_id, shop_id, anchor, ended_at, end_cause, codecs, width, height,
               target_duration, init_sha256, init_length, file, chain)
        VALUES (%s, %s, %s, now(), now(), 'ended', '', 0, 0, 2, %s, 1, '', %s)
        """,
        [run, channel["id"], shop_id[0], bytes(32), bytes(32)],
    )
    ids |= sold_in_a_store(person, database, second, shop_id[0])
    ids |= transferred(person, place, second, int(variant_of(products[0], "S")))
    ids |= told(database, shop_id[0])
    ids |= signed(database, shop_id[0], planned)
    ids |= known(database, shop_id[0], order)
    return {name: str(value) for name, value in (ids | {"chat_line": said, "run_id": run}).items()}


def sold_in_a_store(
    person: Owner, database: "psycopg.Connection[Any]", location_id: int, shop_id: int
) -> dict[str, Any]:
    """A register with a device, an assistant, a shift and a task."""
    register = person.shop(
        "POST", "/tills/registers", json={"location_id": location_id, "code": "A", "name": "Counter"}
    )
    assistant = person.shop(
        "POST", "/tills/assistants", json={"name": "Ann", "pin": "2468", "rights": ["sell"]}
    )
    code = person.shop("POST", f"/tills/registers/{register['id']}/codes")["code"]
    device = person.call("POST", f"/till/{person.slug}/api/pair", json={"code": code, "name": "Tablet"})[
        "device"
    ]
    shift = uuid.uuid4()
    database.execute(
        "INSERT INTO tills.shift (id, shop_id, register_id, number) VALUES (%s, %s, %s, 1)",
        [shift, shop_id, register["id"]],
    )
    task = database.execute(
        """
        INSERT INTO tills.task (shop_id, device_id, sequence, code, facts) VALUES (%s, %s, 1, 'clock', '{}') RETURNING id
        """,
        [shop_id, device],
    ).fetchone()
    assert task is not None
    return {
        "register_id": register["id"], "assistant_id": assistant["id"], "device_id": device, "shift_id": shift,
        "task_id": task[0],
    }  # fmt: skip


def transferred(person: Owner, source: int, target: int, variant_id: int) -> dict[str, Any]:
    """A transfer that is still a draft, and a count."""
    transfer = person.shop(
        "POST", "/transfers",
        json={
            "key": str(uuid.uuid4()), "source_location": source, "target_location": target,
            "lines": [{"variant_id": variant_id, "quantity": 1}],
        },
    )  # fmt: skip
    count = person.shop("POST", "/counts", json={"location_id": source})
    return {
        "transfer_id": transfer["transfer"]["id"], "count_id": count["id"], "source_id": source, "target_id": target,
    }  # fmt: skip


def known(database: "psycopg.Connection[Any]", shop_id: int, order: str) -> dict[str, Any]:
    """Who bought, once everybody has heard of the order."""

    def customer() -> Any:
        return database.execute(
            "SELECT customer_id FROM customers.order_of WHERE shop_id = %s AND order_id = %s",
            [shop_id, order],
        ).fetchone()

    return {"customer_id": until("the order is a customer's", customer)[0]}


def owed(database: "psycopg.Connection[Any]", shop_id: int) -> dict[str, Any]:
    """An account with a provider whose secrets nobody can open, and money of it that fits no order."""
    account = database.execute(
        """
        INSERT INTO payments.connection (shop_id, provider, mode, label, fields, sealed)
        VALUES (%s, 'stripe', 'test', '', '{}', '') RETURNING id
        """,
        [shop_id],
    ).fetchone()
    assert account is not None
    difference = uuid.uuid4()
    database.execute(
        """
        INSERT INTO payments.difference (id, shop_id, connection_id, kind, provider, reference, amount_minor, currency)
        VALUES (%s, %s, %s, 'unknown', 'stripe', %s, 100, 'CNY')
        """,
        [difference, shop_id, account[0], str(difference)],
    )
    dispute = uuid.uuid4()
    database.execute(
        """
        INSERT INTO disputes.dispute (id, shop_id, connection_id, provider, reference, charge, amount_minor, currency,
                                      state, opened_at)
        VALUES (%s, %s, %s, 'stripe', %s, '', 100, 'CNY', 'needs_answer', now())
        """,
        [dispute, shop_id, account[0], str(dispute)],
    )
    case = uuid.uuid4()
    database.execute(
        """
        INSERT INTO integrity.cases (id, shop_id, show_id, subject, class, reasons, facts, tagged, policy, raised_at,
                                     looked_at)
        SELECT %s, shop_id, id, 'orders', 'sophisticated', '{shared}', '{}', true, 'p', now(), now() FROM live.show
         WHERE shop_id = %s LIMIT 1
        """,
        [case, shop_id],
    )
    request = uuid.uuid4()
    database.execute(
        """
        INSERT INTO approvals.request (id, shop_id, order_id, refund, kind, why, amount_minor, currency, asked_by)
        SELECT %s, shop_id, id, %s, 'refund', 'limit', 1, 'CNY', 1 FROM orders.orders WHERE shop_id = %s LIMIT 1
        """,
        [request, request, shop_id],
    )
    reserved = uuid.uuid4()
    database.execute(
        """
        INSERT INTO payments.payment (id, shop_id, subject_id, purpose, provider, method, amount_minor, currency,
                                      connection_id, state)
        SELECT %s, shop_id, id, 'full', 'stripe', 'card', first_minor, currency, %s, 'closed' FROM orders.orders
         WHERE shop_id = %s LIMIT 1
        """,
        [reserved, account[0], shop_id],
    )
    database.execute(
        """
        INSERT INTO payments.authorisation (payment_id, shop_id, amount_minor, capture_before, ended, ended_at)
        SELECT id, shop_id, 100, now(), 'voided', now() FROM payments.payment WHERE id = %s
        """,
        [reserved],
    )
    return {
        "payment_id": reserved,
        "account_id": account[0],
        "difference_id": difference,
        "case_id": case,
        "dispute_id": dispute,
        "request_id": request,
    }


def signed(database: "psycopg.Connection[Any]", shop_id: int, show: int) -> dict[str, Any]:
    """A statement, number 1 of each shop; a witness, and a log that is witnessed."""
    database.execute(
        "INSERT INTO statements.log (shop_id, origin, size) VALUES (%s, %s, 1)", [shop_id, f"l/{shop_id}"]
    )
    database.execute(
        "INSERT INTO statements.leaf (shop_id, position, kind, body) VALUES (%s, 0, 'statement', %s)",
        [shop_id, b'{"document":{},"signature":""}'],
    )
    database.execute(
        "INSERT INTO statements.node (shop_id, level, place, hash) VALUES (%s, 0, 0, %s)",
        [shop_id, bytes(32)],
    )
    database.execute(
        """
        INSERT INTO statements.statement (shop_id, number, show_id, version, position, state, access, made_at)
        VALUES (%s, 1, %s, 1, 0, 'final', %s, now())
        """,
        [shop_id, show, "x" * 43],
    )
    witness = database.execute(
        "INSERT INTO statements.witness (shop_id, key, url) VALUES (%s, 'w+0+0', 'https://w.example') RETURNING id",
        [shop_id],
    ).fetchone()
    watched = database.execute(
        "INSERT INTO statements.watched (shop_id, origin, keys) VALUES (%s, 'l', '{k}') RETURNING id",
        [shop_id],
    ).fetchone()
    assert witness is not None
    assert watched is not None
    return {"witness_id": witness[0], "watched_id": watched[0]}


def told(database: "psycopg.Connection[Any]", shop_id: int) -> dict[str, Any]:
    """A message that was sent, and a webhook with something in its log."""
    notice, delivery = uuid.uuid4(), uuid.uuid4()
    database.execute(
        """
        INSERT INTO notifications.notice (id, shop_id, fact_id, kind, channel, recipient, locale, facts, state, urgency,
               expires_at, ended_at)
        VALUES (%s, %s, %s, 'test', 'mail', 'mei@example.com', 'en', '{}', 'kept', 0, now(), now())
        """,
        [notice, shop_id, notice],
    )
    endpoint = database.execute(
        """
        INSERT INTO webhooks.endpoint (shop_id, url, secret, events, disabled_at, disabled_why)
        VALUES (%s, 'https://erp.example.com/', '', '{orders.order_paid}', now(), 'by_hand') RETURNING id
        """,
        [shop_id],
    ).fetchone()
    assert endpoint is not None
    database.execute(
        """
        INSERT INTO webhooks.delivery (id, shop_id, endpoint_id, message, event, body, state, ended_at)
        VALUES (%s, %s, %s, 'msg', 'orders.order_paid', '{}', 'failed', now())
        """,
        [delivery, shop_id, endpoint[0]],
    )
    return {"notice_id": notice, "endpoint_id": endpoint[0], "delivery_id": delivery}


def supplies(
    database: "psycopg.Connection[Any]",
    shop_id: int,
    ids: dict[str, Any],
    *,
    currency: str = "CNY",
    quantity: int = 5,
    unit_minor: int = 100,
) -> dict[str, Any]:
    """A plan and a purchase order on its way, written as a plan that was accepted leaves them.

    Far above the versions of the forecasts and plans that the shop makes itself, which may be under way.
    """
    forecast = database.execute(
        "INSERT INTO demand.forecast (shop_id, show_id, version, as_of, horizon) VALUES (%s, %s, 1000, now(), 1) RETURNING id",
        [shop_id, ids["show_id"]],
    ).fetchone()
    assert forecast is not None
    plan = database.execute(
        """
        INSERT INTO supply.plan (shop_id, show_id, version, state, as_of, forecast_id, location_id, needed_by, currency,
               scale, cost_scaled, bound_scaled, purchase_minor, lost_scaled, left_scaled, revenue_scaled, digest, problem,
               solver, seconds, remarks)
        VALUES (%s, %s, 1000, 'accepted', now(), %s, %s, '2030-01-01', %s, 1, 0, 0, 0, 0, 0, 0, '', '{}', '', 0, '[]')
        RETURNING id
        """,
        [shop_id, ids["show_id"], forecast[0], ids["location_id"], currency],
    ).fetchone()
    assert plan is not None
    order = uuid.uuid4()
    database.execute(
        """
        INSERT INTO supply.purchase_order (id, shop_id, supplier_id, plan_id, show_id, location_id, state, currency,
               setup_minor, cost_minor, created_at, sent_at)
        VALUES (%s, %s, %s, %s, %s, %s, 'sent', %s, 0, %s, now(), now())
        """,
        [
            order,
            shop_id,
            ids["supplier_id"],
            plan[0],
            ids["show_id"],
            ids["location_id"],
            currency,
            quantity * unit_minor,
        ],
    )
    database.execute(
        """
        INSERT INTO supply.purchase_line (order_id, position, product_id, variant_id, quantity, unit_minor, capacity_use,
               expected_on)
        VALUES (%s, 1, %s, %s, %s, %s, 1, '2030-01-01')
        """,
        [order, ids["product_id"], ids["variant_id"], quantity, unit_minor],
    )
    return {"plan_id": plan[0], "purchase_order_id": order}


QUOTE: Final[dict[str, Any]] = {
    "currency": "CNY", "tiers": [{"minimum": 1, "unit_minor": 100}], "lead_days": 3, "late_days": 1,
}  # fmt: skip


def bought(node: Running, shop: str, show: int, offer: int, variant: int) -> str:
    """Somebody bought one: the id of the order."""
    with httpx.Client(
        base_url=node.address, timeout=PATIENCE, trust_env=False, headers={"origin": node.address}
    ) as http:
        http.get(f"/s/{shop}/live/{show}").raise_for_status()
        held = http.post(
            "/buy",
            json={
                "id": str(uuid.uuid4()), "offer_id": offer, "variant_id": variant, "quantity": 1,
                "price_minor": 9_900,
            },
        ).json()  # fmt: skip
        assert held["outcome"] == "held", held
        page = http.get(held["url"])
        shown = dict(re.findall(r'name="(total_\w+)" value="(\d+)"', page.text))
        filled = {
            "name": "Ann", "phone": "+86 138 0000 1111", "delivery": "ship", "street": "Pier 3", "city": "Ningbo",
            "method": "transfer",
        }  # fmt: skip
        answer = http.post(held["url"].split("?")[0], data=filled | shown)
        assert answer.status_code == 303, answer.text[:300]
        return answer.headers["location"].split("/orders/")[1].split("?")[0]


def packed(database: "psycopg.Connection[Any]", shop_id: int, ids: Mapping[str, Any]) -> dict[str, str]:
    """A parcel of the order, a carrier, a receipt, a sheet and a return."""
    parcel, document, sheet, back = uuid.uuid4(), uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    order = ids["order_id"]
    database.execute(
        """
        INSERT INTO fulfilment.parcel (id, shop_id, order_id, order_number, position, hold_id, location_id, delivery, state)
        SELECT %s, shop_id, id, number, 1, hold_id, %s, 'pick_up', 'to_pick' FROM orders.orders WHERE id = %s
        """,
        [parcel, ids["location_id"], order],
    )
    database.execute(
        "INSERT INTO fulfilment.parcel_line (parcel_id, line_id, variant_id, quantity) VALUES (%s, %s, %s, 1)",
        [parcel, ids["line_id"], ids["variant_id"]],
    )
    task = uuid.uuid4()
    database.execute(
        """
        INSERT INTO fulfilment.parcel (id, shop_id, order_id, order_number, position, hold_id, location_id, delivery, state)
        SELECT %s, o.shop_id, o.id, o.number, 2, o.hold_id, l.id, 'ship', 'to_pick'
          FROM orders.orders o JOIN stock.location l ON l.shop_id = o.shop_id AND l.kind = 'store'
         WHERE o.id = %s ORDER BY l.id LIMIT 1
        """,
        [task, order],
    )
    database.execute(
        "INSERT INTO fulfilment.parcel_line (parcel_id, line_id, variant_id, quantity) VALUES (%s, %s, %s, 1)",
        [task, ids["line_id"], ids["variant_id"]],
    )
    carrier = database.execute(
        "INSERT INTO fulfilment.carrier (shop_id, name, tracking_url) VALUES (%s, 'Ours', '') RETURNING id",
        [shop_id],
    ).fetchone()
    database.execute(
        """
        INSERT INTO documents.document (id, shop_id, kind, subject_id, source, year, number, currency, total_minor,
                                        tax_minor, content, file, sha256, made_at)
        VALUES (%s, %s, 'receipt', %s, %s, 2026, '', 'CNY', 0, 0, '{}', 'x', sha256('x'), now())
        """,
        [document, shop_id, order, order],
    )
    database.execute(
        "INSERT INTO documents.sheet (id, shop_id, kind, asked, file, made_at) VALUES (%s, %s, 'label', %s, 'x', now())",
        [sheet, shop_id, [str(parcel)]],
    )
    database.execute(
        """
        INSERT INTO returns.return (id, shop_id, order_id, order_number, position, buyer, journey, state, reason, note,
                                    asked_by)
        SELECT %s, shop_id, id, number, 1, buyer, 'claim', 'requested', 'defective', '', 'buyer'
          FROM orders.orders WHERE id = %s
        """,
        [back, order],
    )
    database.execute(
        """
        INSERT INTO returns.line (return_id, line_id, variant_id, product_id, quantity)
        SELECT %s, id, variant_id, product_id, 1 FROM orders.line WHERE id = %s
        """,
        [back, ids["line_id"]],
    )
    database.execute(
        "INSERT INTO returns.units (line_id, order_id, shop_id, asked) VALUES (%s, %s, %s, 1)",
        [ids["line_id"], order, shop_id],
    )
    asked, paper, file = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    database.execute(
        """
        INSERT INTO fapiao.request (id, shop_id, order_id, order_number, buyer, kind, title, tax_id, email, note, via, locale,
                                    state)
        SELECT %s, shop_id, id, number, buyer, 'person', 'Ann', '', '', '', 'order', '', 'issued'
          FROM orders.orders WHERE id = %s
        """,
        [asked, order],
    )
    database.execute(
        """
        INSERT INTO fapiao.paper (id, shop_id, request_id, kind, source, currency, amount_minor, number, issued_on,
                                  recorded_at)
        VALUES (%s, %s, %s, 'blue', %s, 'CNY', 1, '12345678', now()::date, now())
        """,
        [paper, shop_id, asked, order],
    )
    database.execute(
        "INSERT INTO fapiao.file (id, shop_id, paper_id, format, content, sha256) VALUES (%s, %s, %s, 'pdf', 'x', sha256('x'))",
        [file, shop_id, paper],
    )
    question = uuid.uuid4()
    database.execute(
        """
        INSERT INTO analysis.question (id, shop_id, person_id, sql, days, state)
        SELECT %s, shop_id, min(person_id), 'SELECT 1', 31, 'done' FROM accounts.member WHERE shop_id = %s GROUP BY shop_id
        """,
        [question, shop_id],
    )
    database.execute(
        "INSERT INTO analysis.answer (question_id, shop_id, content, parquet) VALUES (%s, %s, %s, 'x')",
        [question, shop_id, zlib.compress(b'{"columns":[["one","INTEGER"]],"rows":[[1]]}')],
    )
    assert carrier is not None
    return {
        "question_id": str(question),
        "parcel_id": str(parcel), "sent_parcel": str(task), "carrier_id": str(carrier[0]), "document_id": str(document), "sheet_id": str(sheet),
        "return_id": str(back), "fapiao_id": str(asked), "paper_id": str(paper), "file_id": str(file),
    }  # fmt: skip


# What can be sent


def is_id(name: str) -> bool:
    last = re.sub(r"s$", "", name.rsplit("_", maxsplit=1)[-1])
    return name not in NO_IDS and (last == "id" or last in NOUNS)


def value_for(tenant: Tenant, name: str, path: str) -> str | None:
    """The id of this tenant that a field of this name is for."""
    ids = tenant.ids
    stem = re.sub(r"s$", "", name)
    for known in (stem, f"{stem}_id", f"{stem.split('_')[-1]}_id"):
        if known == "line_id" and not any(
            part in path for part in ("/orders/", "/fulfilment/", "/returns", "/dispatch/")
        ):
            return ids["chat_line"]
        if known == "order_id" and "purchase" in path:
            return ids["purchase_order_id"]
        if known in ids:
            return ids[known]
    return None


Place = tuple[Any, ...]
FITTING: Final[dict[str, Any]] = QUOTE | {
    "price": "100", "price_minor": 9_900, "reason": "count", "quota": 1, "quantity": 1, "by": 1, "units": 1, "kind": None,
    "minimum": 1, "limit_per_buyer": 4, "limit_per_show": None, "deposit_percent": None, "hold_seconds": 600, "at": None,
    "seen": 9, "counted": 9, "email": None, "amount_minor": 100, "budget_minor": None, "pool_id": None, "from_pool": None,
    "to_pool": None, "handle": None, "horizon_days": 28, "seconds": 1.0, "script": "", "valid_from": None, "valid_until": None,
    "shopper": "11111111-1111-4111-8111-111111111111", "country": "DE", "origin_country": "DE", "countries": ["DE"],
    "percent": "19", "tax_class": "standard", "shipping_class": None, "tax_number": "", "steps": [], "postcodes": ["1*"],
    "ends_at": None, "level": "order", "method": "automatic",
}  # fmt: skip


def fine(document: dict[str, Any], schema: dict[str, Any], tenant: Tenant, path: str, name: str = "") -> Any:
    """A body of this shape that this shop could send."""
    schema = resolved(document, schema)
    kinds = [resolved(document, each) for each in schema.get("anyOf", [])]
    if name in FITTING and not (name == "kind" and FITTING[name] is None):
        return FITTING[name]
    if is_id(name) and schema.get("type") not in {"array", "object"} and not any(
        each.get("type") in {"array", "object"} for each in kinds
    ):  # fmt: skip
        known = value_for(tenant, name, path)
        assert known is not None, f"{path}: whose is {name}?"
        return int(known) if known.isdecimal() else known
    for each in kinds:
        return fine(document, each, tenant, path, name)
    if schema.get("enum"):
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "object" if schema.get("properties"):
            return {
                key: fine(document, inner, tenant, path, key) for key, inner in schema["properties"].items()
            }
        case "object" if _keyed_by_ids(schema):
            return {str(value_for(tenant, "line_id" if name == "put_back" else "variant_id", path)): 1}
        case "object":
            return {}
        case "array":
            return [fine(document, schema.get("items", {}), tenant, path, name)]
        case "integer":
            return max(1, schema.get("minimum", 1))
        case "number":
            return 1.0
        case "boolean":
            return False
        case _ if schema.get("format") in {"date-time", "date"}:
            return "2030-01-01T10:00:00Z" if schema["format"] == "date-time" else "2030-01-01"
        case _:
            return "abc"


def _keyed_by_ids(schema: dict[str, Any]) -> bool:
    return (schema.get("additionalProperties") or {}).get("type") == "integer"


def id_places(document: dict[str, Any], schema: dict[str, Any], at: Place = ()) -> Iterator[Place]:
    """Where ids stand in a body: by name, in lists, and as keys (`{}`)."""
    schema = resolved(document, schema)
    name = next((part for part in reversed(at) if isinstance(part, str)), "")
    for each in schema.get("anyOf", []):
        yield from id_places(document, each, at)
    match schema.get("type"):
        case "object" if schema.get("properties"):
            for key, inner in schema["properties"].items():
                yield from id_places(document, inner, (*at, key))
        case "object" if _keyed_by_ids(schema):
            yield (*at, "{}")
        case "array":
            yield from id_places(document, schema.get("items", {}), (*at, 0))
        case "integer" | "string" if name and is_id(name):
            yield at
        case _:
            return


def with_id(value: Any, at: Place, new: str) -> Any:
    if not at:
        return int(new) if new.isdecimal() else new
    if at == ("{}",):
        return {new: 1}
    if isinstance(at[0], int):
        return [with_id(value[0] if value else None, at[1:], new)]
    return {**(value or {}), at[0]: with_id((value or {}).get(at[0]), at[1:], new)}


@dataclass(frozen=True, slots=True)
class Try:
    what: str
    method: str
    path: str
    options: dict[str, Any]


def bodies(two: Two) -> Iterator[Try]:
    for method, path, operation in operations(two.document):
        schema = body_of(two.document, operation)
        if schema is None or "{shop}" not in path:
            continue
        body = fine(two.document, schema, two.one, path)
        for at in dict.fromkeys(id_places(two.document, schema)):
            names = [part for part in at if isinstance(part, str) and part != "{}"]
            name = ("line_id" if names[-1] == "put_back" else "variant_id") if at[-1] == "{}" else names[-1]
            theirs = value_for(two.other, name, path)
            assert theirs is not None, f"{path}: whose is {name}?"
            if name in {"refund_id", "edit_id"}:
                continue  # made by the client: an id that nobody has yet is a new refund, a new edit
            # The id of a sheet is made by the client, too; that of another shop's sheet is refused.
            nobodys = () if name == "sheet_id" else (str(UNKNOWN) if theirs.isdecimal() else NO_ONE,)
            for new in (theirs, *nobodys):
                yield Try(
                    f"{method} {path} {'.'.join(map(str, at))}={new}",
                    method,
                    two.one.path(path),
                    {"json": with_id(body, at, new)},
                )


def paths(two: Two) -> Iterator[Try]:
    for method, path in routes():
        if "{shop}" not in path or path.startswith("/s/"):
            continue
        for name in re.findall(r"\{(\w+)\}", path):
            theirs = value_for(two.other, name, path)
            if name in {"shop", "word", "key", "token", "metric"} or theirs is None:
                continue
            unknown = NO_ONE if not theirs.isdecimal() or name in UUIDS else str(UNKNOWN)
            for new in (theirs, unknown):
                known: dict[str, str] = {}
                if "/purchase-orders/" in path:
                    known["order_id"] = two.one.ids["purchase_order_id"]
                if "/chat/" in path:
                    known["line_id"] = two.one.ids["chat_line"]
                filled = two.one.path(path, **known | {name: new})
                options: dict[str, Any] = {}
                if method in {"POST", "PUT", "PATCH"}:
                    options = (
                        {"json": sample(two, method, path)}
                        if path.startswith("/v1/")
                        else {"data": {"text": "x"}}
                    )
                yield Try(f"{method} {path} {name}={new}", method, filled, options)


def sample(two: Two, method: str, path: str) -> Any:
    for each, template, operation in operations(two.document):
        if (each, template) == (method, path):
            schema = body_of(two.document, operation)
            return None if schema is None else fine(two.document, schema, two.one, path)
    return None


# Ids in a query whose name does not say of what.
QUERIED: Final = {"watch": "run_id", "camera": "channel_id", "add": "product_id", "holds": "order_id"}
# Where a page of a list goes on, and what it lists.
CURSORS: Final = frozenset({"after", "before"})
LISTED: Final = {
    "replays": "show_id", "lines": "chat_line", "mutes": "mute_id", "media": "run_id", "terms": "change_id",
    "changes": "change_id", "stock": "variant_id", "movements": "movement_id",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asking:
    """A query with an id of the other shop, and the same with one that nothing has."""

    path: str
    name: str
    foreign: str
    unknown: str

    def address(self, value: str) -> str:
        return f"{self.path}?{self.name}={value}"


def queries(two: Two) -> Iterator[Asking]:
    """Each id of each query, of JSON and of pages."""
    documented = [
        (method, path, [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"])
        for method, path, operation in operations(two.document)
    ]
    pages = [
        ("GET", as_documented(route.path), [each.name for each in route.dependant.query_params])
        for router in web.routers()
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ())
    ]
    for method, path, names in [*documented, *pages]:
        if method != "GET" or "{shop}" not in path:
            continue
        for name in names:
            theirs = value_for(two.other, QUERIED.get(name, name), path)
            if name in CURSORS:
                listed = path.rstrip("/").rsplit("/", 1)[-1]
                theirs = two.other.ids.get(LISTED.get(listed, f"{listed.rstrip('s').replace('-', '_')}_id"))
            elif name not in QUERIED and not is_id(name):
                continue
            theirs = theirs or two.other.ids["show_id"]
            more = {"order_id": two.one.ids["purchase_order_id"]} if "/purchase-orders/" in path else {}
            unknown = str(UNKNOWN) if theirs.isdecimal() else NO_ONE
            yield Asking(two.one.path(path, **more), name, theirs, unknown)


def seen_in(answer: httpx.Response, asked: str) -> str:
    """What an answer says, without what is new in each: keys of forms, nonces, and the id that was asked for."""
    text = re.sub(r'(name="form_key" value|nonce)="[^"]*"', "", answer.text)
    return re.sub(rf'(?<=[=:]){asked}\b|"{asked}"', "·", text)


def test_no_id_of_a_query_shows_or_changes_another_shop(two: Two) -> None:
    asked = list(queries(two))
    before, wrong = two.digest(), list[str]()
    for each in asked:
        # What another shop has is answered as what nobody has: with the same words, and nothing is written.
        foreign, unknown = (two.one.http.get(each.address(value)) for value in (each.foreign, each.unknown))
        told = foreign.status_code, seen_in(foreign, each.foreign)
        if each.name in CURSORS:
            if foreign.status_code not in {200, 404, 422}:
                wrong.append(f"{each.address(each.foreign)}: {foreign.status_code} {foreign.text[:200]}")
        elif told != (unknown.status_code, seen_in(unknown, each.unknown)) or foreign.status_code >= 500:
            lines = ndiff(told[1].splitlines(), seen_in(unknown, each.unknown).splitlines())
            other = "; ".join(line.strip()[:150] for line in lines if line[0] in "+-")
            wrong.append(
                f"{each.address(each.foreign)}: {foreign.status_code}, {unknown.status_code} {other}"
            )
    assert wrong == []
    assert two.digest() == before
    assert len({(each.path, each.name) for each in asked if each.name not in CURSORS}) >= 9
    assert sum(each.name in CURSORS for each in asked) > 20


class Forms(HTMLParser):
    """The forms of a page: where each goes, and its fields as they would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self._by_id: dict[str, dict[str, str]] = {}
        self._late: list[tuple[str, str, str]] = []
        self._open: dict[str, str] | None = None
        self._select: tuple[str, dict[str, str]] | None = None

    @classmethod
    def of(cls, page: str) -> Self:
        parser = cls()
        parser.feed(page)
        for form, name, value in parser._late:
            if form in parser._by_id:
                parser._by_id[form].setdefault(name, value)
        return parser

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._open = {}
            if (given.get("method") or "").lower() == "post":
                self.forms.append((given.get("action") or "", self._open))
            if given.get("id"):
                self._by_id[given["id"] or ""] = self._open
        name = given.get("name") or ""
        if tag in {"input", "select", "textarea", "button"} and name:
            if given.get("form"):
                self._late.append((given["form"] or "", name, given.get("value") or ""))
            elif self._open is not None:
                if tag == "select":
                    self._select = (name, self._open)
                    self._open.setdefault(name, "")
                elif given.get("type") not in {"checkbox", "file"}:
                    self._open.setdefault(name, given.get("value") or "")
        if tag == "option" and self._select is not None:
            name, form = self._select
            if "selected" in given or not form[name]:
                form[name] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = None


# Required by a form and left for people to type.
TYPED: Final = {
    "by": "1", "units": "1", "price": "100", "quantity": "1", "name": "New", "title": "New", "minutes": "5", "amount": "99",
    "note": "x", "text": "x", "new_price": "100", "capacity": "", "lead_days": "3", "late_days": "1", "minimum1": "1",
    "unit1": "1", "delayed_to": "2031-01-01", "tracking": "x", "email": "",
    "country": "DE", "origin_country": "DE", "percent": "19", "position": "1", "tax_class": "standard", "kind": "ship",
}  # fmt: skip


def forms(two: Two) -> Iterator[Try]:
    """Each form that a page of this shop shows, with each of its ids in turn exchanged."""
    seen: set[tuple[str, str]] = set()
    for method, path in routes():
        if (
            method != "GET"
            or not path.startswith("/console/{shop}")
            or path.endswith((".csv", ".xlsx", "/file"))
        ):
            continue
        more = {"order_id": two.one.ids["purchase_order_id"]} if "/purchase-orders/" in path else {}
        page = two.one.http.get(two.one.path(path, **more), headers={"accept": "text/html"})
        assert page.status_code == 200, (path, page.status_code)
        for action, fields in Forms.of(page.text).forms:
            where = action or two.one.path(path)
            if not where.startswith("/console/corner"):
                continue
            template = re.sub(r"/(\d+|[0-9a-f-]{36})(?=/|$)", "/*", where)
            filled = {
                name: value or TYPED.get(name, "") for name, value in fields.items() if name != "form_key"
            }
            for name, value in fields.items():
                for changed, what in exchanged(two, name, value, where):
                    key = (template, re.sub(r"\d+", "*", f"{name}={what}"))
                    if key in seen:
                        continue
                    seen.add(key)
                    kept = {each: text for each, text in filled.items() if each != name}
                    yield Try(f"POST {template} {name}: {what}", "POST", where, {"data": kept | changed})


def declared(two: Two) -> Iterator[Try]:
    """Each id among the fields that a form's route declares, whether or not a page shows such a form just now."""
    for router in web.routers():
        for route in router.routes:
            if not isinstance(route, APIRoute) or not route.path.startswith("/console/{shop}/"):
                continue
            path = as_documented(route.path)
            known = {"order_id": two.one.ids["purchase_order_id"]} if "/purchase-orders/" in path else {}
            names = [each.name for each in route.dependant.body_params]
            own = {
                name: value_for(two.one, name, path) or TYPED.get(name, "")
                for name in names
                if name != "file"
            }
            if "source" in own:
                own |= dict.fromkeys(
                    ("source", "target"), f"{two.one.ids['location_id']}:{two.one.ids['pool_id']}"
                )
            for name in names:
                for changed, what in exchanged(two, name, own.get(name, ""), path):
                    yield Try(
                        f"POST {path} {name}: {what}",
                        "POST",
                        two.one.path(path, **known),
                        {"data": own | changed},
                    )


def exchanged(two: Two, name: str, value: str, path: str) -> Iterator[tuple[dict[str, str], str]]:
    """The field with another shop's id, and with one that nothing has; as its value or as a part of its name."""
    if name.startswith("part-"):
        for new in (two.other.ids["variant_id"], str(UNKNOWN)):
            yield {name: f"Cup (#{new})"}, f"#{new}"
        return
    number = re.fullmatch(r"(price|sku|quota|r|q|d)-(\d+)", name)
    if number is not None:
        for new in (two.other.ids["variant_id"], str(UNKNOWN)):
            yield {f"{number[1]}-{new}": value or "1"}, f"{number[1]}-{new}"
        return
    if name == "change" or not is_id(name):
        return
    if ":" in value or name in {"source", "target"}:
        theirs = two.other.ids
        for location, pool in (
            (theirs["location_id"], value.partition(":")[2]),
            (value.partition(":")[0], theirs["pool_id"]),
            (str(UNKNOWN), value.partition(":")[2]),
        ):
            yield {name: f"{location}:{pool}"}, f"{location}:{pool}"
        return
    theirs = value_for(two.other, name, path)
    assert theirs is not None, f"{path}: whose is {name}?"
    for new in (theirs, str(UNKNOWN) if theirs.isdecimal() else NO_ONE):
        yield {name: new}, new


def is_refused(answer: httpx.Response) -> bool:
    if 400 <= answer.status_code < 500:
        return True
    # What is done to several at once says of each why it could not be.
    if answer.status_code == 200 and "json" in answer.headers.get("content-type", ""):
        said = answer.json()
        return isinstance(said, dict) and said.get("done") == 0 and bool(said.get("stayed"))
    # A form comes back to its page, with what was wrong on top of it.
    return answer.status_code == 303 and '"bad"' in unquote(answer.headers.get("set-cookie", "")).replace(
        "\\", ""
    )


# What a show on air has foreseen every two minutes.  Who writes there by a request does so again when it comes again.
BY_THE_CLOCK: Final = frozenset({"demand.forecast", "demand.line", "demand.observation", "kernel.outbox"})
# To look at every row takes longer than a request: after so many, what none of them may change is looked at once.
AT_ONCE: Final = 25


def carry_out(two: Two, tries: list[Try]) -> list[str]:
    """What was not refused, or changed something all the same."""
    wrong: list[str] = []
    before = two.digest()
    for some in batched(tries, AT_ONCE):
        for each in some:
            answer = two.one.http.request(each.method, each.path, **each.options)
            looks_only = each.method == "GET" and answer.status_code == 200
            if looks_only or not is_refused(answer):
                wrong.append(f"{each.what}: {answer.status_code} {said_in(answer)}")
        after = two.digest()
        if after != before:
            wrong += changing(two, some, touched(before, after))
            after = two.digest()
        before = after
    return wrong


def batched(tries: list[Try], many: int) -> Iterator[list[Try]]:
    for start in range(0, len(tries), many):
        yield tries[start : start + many]


def touched(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return sorted(table for table, rows in after.items() if rows != before[table])


def changing(two: Two, tries: list[Try], tables: list[str]) -> list[str]:
    """Which of these it was: what changed something once does so again, or all of them are named."""
    found: list[str] = []
    before = two.digest()
    for each in tries:
        answer = two.one.http.request(each.method, each.path, **each.options)
        after = two.digest()
        if after != before and BY_THE_CLOCK.issuperset(touched(before, after)):
            before = after
            answer = two.one.http.request(each.method, each.path, **each.options)
            after = two.digest()
        if after != before:
            found.append(f"{each.what}: {answer.status_code} {touched(before, after)} {said_in(answer)}")
        before = after
    if not found and BY_THE_CLOCK.issuperset(tables):
        return []
    return found or [f"one of {[each.what for each in tries]}: {tables}"]


def said_in(answer: httpx.Response) -> str:
    told = answer.text if answer.status_code >= 400 else unquote(answer.headers.get("set-cookie", ""))
    return told[:150]


def test_no_id_of_a_body_leads_into_another_shop(two: Two) -> None:
    tries = list(bodies(two))

    assert carry_out(two, tries) == []
    assert len(tries) > 60


def test_bodies_are_refused_for_their_id_and_not_for_their_shape(two: Two) -> None:
    said = {
        each.what: two.one.http.request(each.method, each.path, **each.options).json() for each in bodies(two)
    }

    assert {
        what: json.dumps(body)[:200] for what, body in said.items() if body.get("code") == "request.invalid"
    } == {}


def test_no_id_of_a_path_leads_into_another_shop(two: Two) -> None:
    tries = list(paths(two))

    assert carry_out(two, tries) == []
    assert len(tries) > 150


def test_no_field_of_a_form_leads_into_another_shop(two: Two) -> None:
    shown, fields = list(forms(two)), list(declared(two))

    assert carry_out(two, [*shown, *fields]) == []
    assert len(shown) > 15
    assert len(fields) > 25


def test_no_purchase_leads_from_one_shop_into_another(two: Two) -> None:
    one, other = two.one.ids, two.other.ids
    with httpx.Client(
        base_url=two.node.address, timeout=PATIENCE, trust_env=False, headers={"origin": two.node.address}
    ) as http:
        http.get(f"/s/corner/live/{one['show_id']}").raise_for_status()
        wish = {
            "offer_id": int(one["offer_id"]), "variant_id": int(one["variant_id"]),
            "quantity": 1, "price_minor": 9_900,
        }  # fmt: skip
        before = two.digest()
        for name in ("offer_id", "variant_id"):
            for new in (int(other[name]), UNKNOWN):
                said = http.post("/buy", json={"id": str(uuid.uuid4())} | wish | {name: new}).json()
                assert said["outcome"] == "refused", (name, new, said)
        for name in ("offer_id", "variant_id"):
            for new in (other[name], str(UNKNOWN)):
                fields = {"offer_id": one["offer_id"], "variant_id": one["variant_id"], "quantity": "1"} | {
                    name: new
                }
                answer = http.post("/s/corner/waitlist", data=fields, headers={"accept": "application/json"})
                assert 400 <= answer.status_code < 500, (name, new, answer.status_code, answer.text[:200])
        for each in (f"/s/corner/live/{other['show_id']}", f"/s/corner/p/{other['product_id']}",
                     f"/s/corner/orders/{other['order_id']}"):  # fmt: skip
            assert http.get(each).status_code == 404, each
        assert two.digest() == before
