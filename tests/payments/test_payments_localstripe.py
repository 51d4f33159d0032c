"""A stand-in for Stripe that others wrote, where it answers: it has payments and refunds, and no Checkout, which is why
the whole way is driven against our own (`test_payments_stripe.py`).
"""

import shutil
import socket
import subprocess
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest
from tests.waiting import PATIENCE, until

from shopfloor.kernel.values import Money, new_id
from shopfloor.payment_providers import Account, Attempt, GivenBack
from shopfloor.payment_providers.stripe import Stripe

PROGRAM = shutil.which("localstripe")
KEY = "sk_test_12345"

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="localstripe is not here: make foreign")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert PROGRAM is not None
    place: Path = tmp_path_factory.mktemp("localstripe")
    child = subprocess.Popen([PROGRAM, "--port", str(port), "--from-scratch"], cwd=place)
    try:

        def answers() -> bool:
            assert child.poll() is None
            with socket.socket() as line:
                return line.connect_ex(("127.0.0.1", port)) == 0

        until("localstripe listens", answers)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.kill()
        child.wait()


async def test_money_goes_back_in_parts_each_of_which_is_found_again(address: str) -> None:
    async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
        paid = await http.post(
            f"{address}/v1/payment_intents",
            auth=(KEY, ""),
            data={"amount": "1200", "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"},
        )
        assert paid.status_code == 200, paid.text
        ours = Stripe(Account(1, 1, "test", {}, {"secret_key": KEY}, "", http), base=address)
        attempt = Attempt(new_id(), "card", Money(1_200, "EUR"), "Harbour", charge=paid.json()["id"])
        first, second = new_id(), new_id()

        assert await ours.look_up_refund(attempt, refund_id=first, amount=Money(300, "EUR")) is None
        given = await ours.give_back(attempt, refund_id=first, amount=Money(300, "EUR"))
        assert isinstance(given, GivenBack)
        assert await ours.look_up_refund(attempt, refund_id=first, amount=Money(300, "EUR")) == given
        rest = await ours.give_back(attempt, refund_id=second, amount=Money(900, "EUR"))
        assert isinstance(rest, GivenBack)
        assert rest.reference != given.reference
