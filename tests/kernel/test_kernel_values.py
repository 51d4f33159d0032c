"""Money splits without losing a cent; ids sort as they were made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopfloor.kernel.values import Money, new_id, split_minor, whole_number


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=40))
def test_the_parts_of_a_split_sum_to_the_whole(total: int, weights: list[int]) -> None:
    parts = split_minor(total, weights)

    assert sum(parts) == total
    assert len(parts) == len(weights)


def test_a_split_gives_the_remainder_to_the_largest_fraction() -> None:
    assert split_minor(100, [1, 1, 1]) == [34, 33, 33]
    assert split_minor(-100, [1, 1, 1]) == [-34, -33, -33]
    assert split_minor(10, [0, 0]) == [5, 5]
    assert split_minor(7, [1, 2]) == [2, 5]


def test_a_split_over_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="weights"):
        split_minor(1, [])
    with pytest.raises(ValueError, match="weights"):
        split_minor(1, [1, -1])


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("0", 0),
        ("007", 7),
        ("9" * 18, 10**18 - 1),
        # More than the column holds, and more than the interpreter reads.
        ("9" * 19, None),
        ("9" * 5000, None),
        # Digits to some, and no number to any column.
        ("\N{SUPERSCRIPT TWO}", None),
        ("\N{ARABIC-INDIC DIGIT FIVE}", None),
        ("-1", None),
        ("+1", None),
        (" 1", None),
        ("1_0", None),
        ("", None),
    ],
)
def test_a_whole_number_is_plain_digits_that_a_column_holds(typed: str, number: int | None) -> None:
    assert whole_number(typed) == number


def test_currencies_do_not_mix() -> None:
    assert Money(5, "EUR") + Money(7, "EUR") == Money(12, "EUR")
    assert Money(5, "EUR") * 3 == Money(15, "EUR")
    with pytest.raises(ValueError, match="EUR and CNY"):
        _ = Money(5, "EUR") - Money(7, "CNY")


def test_ids_are_version_7_and_sort_in_the_order_they_were_made() -> None:
    ids = [new_id() for _ in range(10_000)]

    assert ids == sorted(set(ids))
    assert {(i.version, i.variant) for i in ids} == {(7, "specified in RFC 4122")}
