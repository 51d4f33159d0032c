"""The way of a purchase through the product, as `tools/hops.py` sees it; docs/architecture.md draws it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.app.running import PATIENCE, database_url

ROOT = Path(__file__).parents[2]
HOPS = ROOT / "tools" / "hops.py"
DOCUMENT = ROOT / "docs" / "architecture.md"

OVER_THE_SOCKET = """
live, websocket.py:WebSocket.data_received
live, socket.py:Socket.received
purchases, gateway.py:PurchaseGateway.buy
purchases, offer_terms.py:OfferTermsCache.get
stock, intake.py:Intake.submit_nowait
stock, intake.py:Intake._run
stock, speculation.py:Speculation.is_blank
stock, speculation.py:Speculation.plan
stock, decision.py:limited
stock, decision.py:decide
stock, batch.py:told
stock, batch_sql.py:grants
stock, arrays.py:uuids
stock, arrays.py:int_array
stock, speculation.py:carry_out
stock, batch_sql.py:write_ahead
kernel, values.py:new_id
stock, rows.py:ask
stock, arrays.py:_UuidArrayDumper.dump
purchases, gateway.py:PurchaseGateway._submit.<locals>.decided
live, socket.py:Socket.answer
live, wire.py:frame
live, gateway.py:Gateway.dirty
live, gateway.py:Gateway._flush
live, socket.py:Socket.flush
"""


@pytest.fixture(scope="module")
def purchases() -> dict[str, dict[str, Any]]:
    with database_url() as database:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SHOPFLOOR_")}
        if database is not None:
            environment["SHOPFLOOR_DATABASE_URL"] = database
        done = subprocess.run(
            [sys.executable, HOPS, "--json"],
            check=False, capture_output=True, text=True, timeout=4 * PATIENCE, env=environment,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_a_purchase_over_the_socket_goes_straight_through(purchases: dict[str, dict[str, Any]]) -> None:
    assert purchases["socket, decided ahead"]["hops"] == OVER_THE_SOCKET.split("\n")[1:-1]


@pytest.mark.parametrize(
    ("name", "visits"),
    [
        # Only the first one reads the terms of the offer, and what its bundles are made of.
        ("socket", ["live", "purchases", "catalog", "stock", "purchases", "live"]),
        ("socket, decided ahead", ["live", "purchases", "stock", "purchases", "live"]),
        # The kernel guards the connection, so the way of a POST begins there.
        ("post", ["kernel", "stock", "purchases"]),
    ],
)
def test_a_purchase_enters_a_module_again_only_with_the_answer(
    purchases: dict[str, dict[str, Any]], name: str, visits: list[str]
) -> None:
    assert purchases[name]["visits"] == visits


def test_the_document_draws_the_way_as_it_is() -> None:
    assert OVER_THE_SOCKET in DOCUMENT.read_text()
