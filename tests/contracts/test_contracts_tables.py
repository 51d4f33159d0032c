"""A module writes only its own tables, and reads others only downward and through a published view.

One PostgreSQL schema per module: `stock.level`, `orders.orders`; a view offered to others is `stock.v_...`.  A table
whose module was divided stays in its schema, and is named here with the module that has it now.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import shopfloor

SOURCE = Path(shopfloor.__file__).parent
ORDER = [
    "kernel", "access_keys", "forms", "accounts", "auth", "approvals", "mail_signing", "pricing", "brand", "embeds", "catalog", "collector", "inventory", "collections", "stock", "stock_control", "media", "live", "run_of_show", "replays", "rooms", "promotions", "giveaways", "polls", "payment_accounts", "payments", "payment_authorisations", "payment_refunds", "reconciliation", "disputes", "purchases", "policies", "stores", "routing",
    "orders", "chat", "fapiao", "order_lists", "erasure", "returns", "related", "tills", "pickups", "auctions", "order_edits", "dispatch",
    "live_counters", "metrics", "demand", "supply", "integrity", "reports", "analysis", "statements", "notices", "letters", "sms", "notifications", "customers", "webhooks", "push", "settlement", "federation",
]  # fmt: skip
OWNERS = {
    "accounts.access_key": "access_keys",
    "accounts.attempt": "auth",
    "accounts.claim": "auth",
    "accounts.form_answer": "forms",
    "accounts.password_reset": "auth",
    "accounts.recovery_code": "auth",
    "accounts.second_factor": "auth",
    "accounts.secret": "kernel",
    "accounts.session": "auth",
    "accounts.sign_in_challenge": "auth",
    "live.card": "rooms",
    "live.counter": "rooms",
    "live.explained": "run_of_show",
    "live.flash": "run_of_show",
    "live.flash_line": "run_of_show",
    "live.notice": "rooms",
    "live.offer": "run_of_show",
    "live.offer_line": "run_of_show",
    "live.offer_price": "run_of_show",
    "live.presence_lease": "rooms",
    "live.slot": "run_of_show",
    "live.v_explained": "run_of_show",
    "live.v_offer_line": "run_of_show",
    "live.waiting": "rooms",
    "notifications.notice": "notices",
    "notifications.place_phone": "sms",
    "notifications.server_trouble": "notices",
    "notifications.sms_gateway": "sms",
    "notifications.sms_used": "sms",
    "notifications.sms_wanted": "sms",
    "notifications.sms_wording": "sms",
    "notifications.unsubscribed": "notices",
    "notifications.v_reminded": "notices",
    "notifications.wording": "letters",
    "orders.erasure": "erasure",
    "orders.policy": "policies",
    "orders.pay_to_change": "policies",
    "orders.pay_to_seen": "policies",
    "payments.authorisation": "payment_authorisations",
    "payments.connection": "payment_accounts",
    "payments.difference": "reconciliation",
    "payments.inbox": "payment_accounts",
    "payments.refund_try": "payment_refunds",
    "payments.statement": "reconciliation",
    "payments.statement_line": "reconciliation",
    "payments.v_authorisation": "payment_authorisations",
    "payments.v_refund_try": "payment_refunds",
    "stock.closed_month": "inventory",
    "stock.level": "inventory",
    "stock.location": "inventory",
    "stock.movement": "inventory",
    "stock.pool": "inventory",
    "stock.sale": "inventory",
    "stock.v_left": "inventory",
    "stock.v_level": "inventory",
    "stock.v_movement": "inventory",
    "stock.v_pool": "inventory",
}
# A batch of purchases reads pools and writes holds, levels and the journal in one statement (decision 910).
ONE_STATEMENT = {("stock", f"stock.{table}") for table in ("level", "location", "movement", "pool")}
WRITES = re.compile(r"\b(?:INSERT\s+INTO|(?<!FOR )UPDATE|DELETE\s+FROM)\s+(?:ONLY\s+)?(\w+)\.(\w+)")
READS = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)\.(\w+)")
# The composition level may look into every table: the audit compares them with each other.
COMPOSITION = {"audit.py"}


def complaints(module: str, sql: str) -> Iterator[str]:
    for schema, table in WRITES.findall(sql):
        owner = OWNERS.get(f"{schema}.{table}", schema)
        if owner in ORDER and owner != module and (module, f"{schema}.{table}") not in ONE_STATEMENT:
            yield f"{module} writes {owner}"
    for schema, table in READS.findall(WRITES.sub("", sql)):
        owner = OWNERS.get(f"{schema}.{table}", schema)
        if owner == module or owner not in ORDER or (module, f"{schema}.{table}") in ONE_STATEMENT:
            continue
        if ORDER.index(owner) > ORDER.index(module):
            yield f"{module} reads upward: {schema}.{table}"
        elif not table.startswith("v_"):
            yield f"{module} reads {schema}.{table}, which is not a published view"


def statements() -> Iterator[tuple[str, str]]:
    for module in ORDER:
        for file in sorted((SOURCE / module).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield module, node.value


def test_tables_have_one_owner() -> None:
    assert [complaint for module, sql in statements() for complaint in complaints(module, sql)] == []


@pytest.mark.parametrize(
    ("module", "sql", "expected"),
    [
        ("stock", "UPDATE stock.level SET reserved = 1", []),
        ("inventory", "UPDATE stock.level SET reserved = 1", []),
        ("inventory", "SELECT 1 FROM stock.hold", ["inventory reads upward: stock.hold"]),
        ("stock", "UPDATE stock.sale SET source = ''", ["stock writes inventory"]),
        ("orders", "UPDATE stock.level SET reserved = 1", ["orders writes inventory"]),
        ("orders", "SELECT 1 FROM stock.level", ["orders reads stock.level, which is not a published view"]),
        ("metrics", "SELECT 1 FROM orders.v_sales JOIN metrics.day USING (day)", []),
        ("stock", "SELECT 1 FROM orders.v_sales", ["stock reads upward: orders.v_sales"]),
        ("policies", "UPDATE orders.policy SET pay_to = ''", []),
        ("policies", "SELECT 1 FROM orders.orders", ["policies reads upward: orders.orders"]),
        (
            "orders",
            "SELECT 1 FROM orders.policy",
            ["orders reads orders.policy, which is not a published view"],
        ),
        ("orders", "UPDATE orders.policy SET pay_to = ''", ["orders writes policies"]),
    ],
)
def test_the_rule_itself(module: str, sql: str, expected: list[str]) -> None:
    assert list(complaints(module, sql)) == expected
