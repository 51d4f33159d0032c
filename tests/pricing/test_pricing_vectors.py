"""The golden vectors: what a second, naive price function and published results say."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shopfloor import pricing
from shopfloor.kernel.errors import Refusal

ROOT = Path(__file__).parents[2]
VECTORS: dict[str, list[dict[str, Any]]] = json.loads((ROOT / "tests/vectors/pricing.json").read_text())


def answered(question: object) -> object:
    try:
        return pricing.plain(pricing.price(pricing.read(question)))
    except Refusal as refusal:
        return refusal.code


def test_there_are_enough_of_them() -> None:
    assert len(VECTORS["price"]) >= 200
    assert len({case["name"] for case in VECTORS["price"]}) == len(VECTORS["price"])
    assert sum("refused" in case for case in VECTORS["price"]) >= 27


@pytest.mark.parametrize("case", VECTORS["price"], ids=lambda case: case["name"])
def test_a_price(case: dict[str, Any]) -> None:
    assert answered(case["question"]) == case.get("answer", case.get("refused"))


def test_the_ways_of_delivery() -> None:
    told = [pricing.plain(pricing.options(pricing.read(case["question"]))) for case in VECTORS["options"]]

    assert told == [case["options"] for case in VECTORS["options"]]


@pytest.mark.parametrize("case", VECTORS["refund_parts"], ids=lambda case: f"{len(case['paid'])} parts")
def test_refunds_in_parts_give_back_exactly_what_was_paid(case: dict[str, Any]) -> None:
    back = [0] * len(case["paid"])
    for step in case["steps"]:
        assert back == step["refunded"]
        parts = pricing.refund_parts(case["paid"], back, step["amount"])
        assert parts == step["parts"]
        back = [gone + part for gone, part in zip(back, parts, strict=True)]
    assert back == case["paid"]


@pytest.mark.parametrize(
    "case", VECTORS["of_units"], ids=lambda case: f"{case['paid']} of {case['quantity']}"
)
def test_what_units_cost(case: dict[str, Any]) -> None:
    told = [[units, pricing.of_units(case["paid"], case["quantity"], units)] for units, _ in case["of"]]

    assert told == case["of"]


def test_the_file_is_what_its_tool_writes(tmp_path: Path) -> None:
    tool = (ROOT / "tools/pricing_vectors.py").read_text()
    copy = tmp_path / "tools" / "pricing_vectors.py"
    copy.parent.mkdir()
    copy.write_text(tool)
    (tmp_path / "tests" / "vectors").mkdir(parents=True)
    subprocess.run([sys.executable, str(copy)], check=True, capture_output=True)

    assert (tmp_path / "tests/vectors/pricing.json").read_text() == (
        ROOT / "tests/vectors/pricing.json"
    ).read_text()
