"""The shop's terms as a merchant sets them."""

import pytest

from shopfloor.kernel.values import MAX_MINOR
from shopfloor.web.console.form_values import (
    NotAnAmount,
    NotAQuantity,
    day_of,
    minor_of,
    moment_of,
    quantity_of,
)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("129", "CNY", 12_900),
        ("¥1,290.50", "CNY", 129_050),
        ("500", "JPY", 500),
        ("0", "EUR", 0),
        (" 1 000 ", "EUR", 100_000),
    ],
)
def test_amounts_as_people_type_them(text: str, currency: str, minor: int) -> None:
    assert minor_of(text, currency) == minor


@pytest.mark.parametrize(
    "text", ["", "abc", "1.005", "-1", "NaN", "Infinity", "1e30", str(MAX_MINOR), "١٢٣x"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(NotAnAmount) as refused:
        minor_of(text, "CNY")
    assert refused.value.code == "form.not_an_amount"


@pytest.mark.parametrize("text", ["", "0", "-3", "2.5", "9999999", "٣", "1e3", "--1"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(NotAQuantity):
        quantity_of(text)


def test_times_are_the_shops() -> None:
    moment = moment_of("2026-12-03T20:00", "Asia/Shanghai")
    assert moment is not None
    assert moment.isoformat() == "2026-12-03T12:00:00+00:00"
    assert moment_of(" ", "UTC") is None
    assert day_of("") is None
