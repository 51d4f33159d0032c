"""The way of a purchase through the product, as `tools/hops.py` sees it; docs/architecture.md draws it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.app.running import PATIENCE
from tests.conftest import NewDatabase

import shopfloor

ROOT = Path(__file__).parents[2]
SOURCE = Path(shopfloor.__file__).parent
HOPS = ROOT / "tools" / "hops.py"
DOCUMENT = ROOT / "docs" / "architecture.md"

OVER_THE_SOCKET = """
rooms, websocket.py:WebSocket.data_received
rooms, socket.py:Socket.received
kernel, strict_json.py:check_names
purchases, gateway.py:PurchaseGateway.buy
kernel, network.py:Networks.key
purchases, retention.py:age
purchases, offer_terms.py:OfferTermsCache.get
stock, intake.py:Intake.submit_nowait
stock, intake.py:Intake._run
stock, speculation.py:Speculation.is_blank
stock, speculation.py:Speculation.plan
stock, limits.py:limited
stock, limits.py:gives_way
stock, decision.py:decide
stock, limits.py:limited
stock, limits.py:gives_way
stock, limits.py:over_limit
stock, shares.py:Shares.binds
stock, limits.py:limited
stock, limits.py:mine_of
stock, batch.py:told
stock, batch_sql.py:grants
stock, arrays.py:uuids
stock, arrays.py:bigint_array
stock, arrays.py:int_array
stock, speculation.py:carry_out
stock, limit_sql.py:lock_limits
kernel, prepared.py:ask
stock, batch_sql.py:lock_levels
kernel, prepared.py:ask
stock, limit_sql.py:expect_within_bounds
kernel, prepared.py:ask
stock, arrays.py:_UuidArrayDumper.dump
stock, batch_sql.py:write_ahead
kernel, values.py:new_id
kernel, prepared.py:ask
stock, arrays.py:_UuidArrayDumper.dump
stock, speculation.py:answers_of
purchases, gateway.py:PurchaseGateway._submit.<locals>.decided
rooms, socket.py:Socket.answer
rooms, wire.py:frame
rooms, gateway.py:Gateway.dirty
rooms, gateway.py:Gateway._flush
rooms, socket.py:Socket.flush
"""


@pytest.fixture(scope="module")
def purchases(new_database: NewDatabase) -> dict[str, dict[str, Any]]:
    with new_database() as database:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SHOPFLOOR_")}
        environment["SHOPFLOOR_DATABASE_URL"] = database
        done = subprocess.run(
            [sys.executable, HOPS, "--json"],
            check=False, capture_output=True, text=True, timeout=4 * PATIENCE, env=environment,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_a_purchase_over_the_socket_goes_straight_through(purchases: dict[str, dict[str, Any]]) -> None:
    assert purchases["socket, again"]["hops"] == OVER_THE_SOCKET.split("\n")[1:-1]


@pytest.mark.parametrize(
    ("name", "visits"),
    [
        # Only the first one reads the terms of the offer, and what its bundles are made of.
        ("socket", ["rooms", "purchases", "catalog", "stock", "purchases", "rooms"]),
        ("socket, again", ["rooms", "purchases", "stock", "purchases", "rooms"]),
        # The kernel guards the connection, so the way of a POST begins there.
        ("post", ["kernel", "stock", "purchases"]),
        # The first look freezes what the page shows: the offer's terms, and the products with their pictures.
        (
            "checkout",
            [
                "web",
                "accounts",
                "customers",
                "orders",
                "stock",
                "purchases",
                "catalog",
                "policies",
                "pricing",
                "policies",
                "stores",
                "live",
                "promotions",
                "pricing",
                "catalog",
                "payments",
                "payment_accounts",
                "fapiao",
                "sms",
                "web",
            ],
        ),
        # The units are kept while the provider is asked, and then the order's own.
        (
            "order",
            [
                "web",
                "accounts",
                "customers",
                "fapiao",
                "orders",
                "policies",
                "stores",
                "promotions",
                "pricing",
                "stock",
                "payments",
                "payments",
                "payment_providers",
                "stock",
                "stock",
                "inventory",
                "purchases",
                "auth",
                "integrity",
                "web",
            ],
        ),
    ],
)
def test_a_purchase_comes_back_to_a_module_four_times_at_most(
    purchases: dict[str, dict[str, Any]], name: str, visits: list[str]
) -> None:
    assert purchases[name]["visits"] == visits
    assert len(visits) - len(set(visits)) <= 4


def test_a_purchase_meets_no_file_above_five_hundred_lines(purchases: dict[str, dict[str, Any]]) -> None:
    passed = {hop.partition(":")[0] for phase in purchases.values() for hop in phase["hops"]}
    lengths = {
        place: len(SOURCE.joinpath(*place.split(", ")).read_text().splitlines()) for place in sorted(passed)
    }

    assert lengths.keys() >= {"stock, intake.py", "orders, placing.py", "web, checkout.py"}
    assert {place: lines for place, lines in lengths.items() if lines > 500} == {}


def test_the_document_draws_the_way_as_it_is() -> None:
    assert OVER_THE_SOCKET in DOCUMENT.read_text()
