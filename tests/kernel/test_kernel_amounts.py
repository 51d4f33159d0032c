"""What people type as amounts and quantities, and what is made of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from shopfloor.kernel import amounts
from shopfloor.kernel.currencies import DECIMALS
from shopfloor.kernel.errors import Refusal

VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[1] / "vectors/amounts.json").read_text()
)


@pytest.mark.parametrize("vector", VECTORS["amounts"], ids=lambda each: f"{each['text']} {each['currency']}")
def test_amounts_are_read_as_the_shared_table_says(vector: dict[str, Any]) -> None:
    if "minor" in vector:
        read = amounts.read_minor(vector["text"], vector["currency"], decimal_sign=vector["sign"])
        assert read == vector["minor"]
        return
    with pytest.raises(Refusal) as refused:
        amounts.read_minor(vector["text"], vector["currency"], decimal_sign=vector["sign"])
    assert refused.value.code == vector["refused"]
    if refused.value.code == "amount.ambiguous":
        assert (refused.value.facts["smaller"], refused.value.facts["larger"]) == (
            vector["smaller"],
            vector["larger"],
        )


@pytest.mark.parametrize("vector", VECTORS["quantities"], ids=lambda each: f"{each['text']}")
def test_quantities_are_read_as_the_shared_table_says(vector: dict[str, Any]) -> None:
    sign = vector.get("sign", ".")
    if "quantity" in vector:
        read = amounts.read_quantity(vector["text"], least=vector["least"], decimal_sign=sign)
        assert read == vector["quantity"]
        return
    with pytest.raises(Refusal) as refused:
        amounts.read_quantity(vector["text"], least=vector["least"], decimal_sign=sign)
    assert refused.value.code == vector["refused"]
    for reading in ("smaller", "larger"):
        if reading in vector:
            assert refused.value.facts[reading] == vector[reading]


@pytest.mark.parametrize("minor", [0, 1, 99, 100, 12_345, 1_234_567])
def test_what_is_written_is_read_again(minor: int) -> None:
    read = {code: amounts.read_minor(amounts.written(minor, code), code) for code in DECIMALS}

    assert read == dict.fromkeys(DECIMALS, minor)


def test_a_leap_is_more_than_three_times_up_or_down() -> None:
    assert [amounts.is_leap(100, new) for new in (34, 33, 300, 301, 0)] == [False, True, False, True, True]
    assert not amounts.is_leap(0, 5)
    assert not amounts.is_leap(0, 0)
    with pytest.raises(amounts.PriceLeap) as refused:
        amounts.check_leap(12_900, 1_290_000, "EUR", confirmed=False)
    assert refused.value.facts == {"old": "129.00", "new": "12900.00", "currency": "EUR"}
    amounts.check_leap(12_900, 1_290_000, "EUR", confirmed=True)
