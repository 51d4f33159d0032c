"""`shopfloor loadtest` against a running shop: what it says, and what it says when it cannot."""

import json
from typing import Any

import pytest
from rich.console import Console
from tests.app.running import Owner, Running

from shopfloor.loadtest import Latency, Options, Report, show


def load(node: Running, *arguments: str) -> tuple[int, dict[str, Any]]:
    ran = node.command("loadtest", node.address, *arguments, "--json")
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout)


@pytest.fixture(scope="module")
def sale(owner: Owner) -> int:
    """A show on air with ten shirts in two sizes, nobody limited."""
    product = owner.product("Load shirt", {"M": 6, "L": 4})
    show_id = owner.show("Load show")
    owner.offer(show_id, product, {"M": 6, "L": 4}, limit=None)
    owner.shop("POST", f"/shows/{show_id}/start")
    return show_id


def test_a_sale_is_driven_to_its_end_and_audited(node: Running, sale: int) -> None:
    status, told = load(
        node, str(sale), "--seconds", "3", "--watchers", "3", "--buyers", "3", "--socket-buyers", "3",
        "--carts", "0.5", "--taps-twice", "1",
    )  # fmt: skip

    assert status == 0, told
    assert told["passed"] is True
    assert (told["on_sale"], told["granted"]) == (10, 10)
    assert told["sold_out_after"] is not None
    assert set(told["answers"]) == {"http", "socket"}
    outcomes = {outcome for door in told["answers"].values() for outcome in door}
    assert {"held", "stock.sold_out"} <= outcomes
    assert {"http refused", "socket refused"} <= set(told["latency"])
    assert told["tapped_twice"] >= told["granted"] // 2
    assert told["options"]["carts"] == 0.5
    assert [finding for finding in told["audit"] if not finding["passed"]] == []
    assert len(told["audit"]) > 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("9999",), "There is no show 9999"),
        (("planned",), "is not on yet"),
        (("1", "--seconds", "0"), "not in the range"),
        (("1", "--watchers", "0", "--buyers", "0", "--socket-buyers", "0"), "nothing to do"),
    ],
)
def test_what_cannot_be_driven_is_said_in_words(
    node: Running, owner: Owner, arguments: tuple[str, ...], words: str
) -> None:
    given = [str(owner.show("Not yet")) if each == "planned" else each for each in arguments]
    ran = node.command("loadtest", node.address, *given)

    assert ran.returncode in {1, 2}
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("address", "words"),
    [("127.0.0.1:1", "begins with http://"), ("http://127.0.0.1:1", "Nobody answers at")],
)
def test_an_address_where_no_shop_is_is_said_in_words(node: Running, address: str, words: str) -> None:
    ran = node.command("loadtest", address, "1")

    assert ran.returncode in {1, 2}
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr


def test_what_does_not_fit_is_shown_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(
        options=Options(show_id=1), seconds=2.0, answers={"http": {"held": 4}}, per_second={"http": 2.0},
        latency={"http held": Latency(4, 1.0, 2.0, 3.0, 4.0)}, frames=0, chat_sent=0, asked_again=1, tapped_twice=0,
        on_sale=3, granted=4, sold_out_after=None, problems={"units granted beyond what was on sale": 1},
    )  # fmt: skip
    show(report, Console(width=200))

    said = capsys.readouterr().out
    assert not report.passed
    assert "4 of 3 units granted: not all fit" in said
    assert "1 × units granted beyond what was on sale" in said
    assert "100 watchers, 2 chat lines a second" in said
