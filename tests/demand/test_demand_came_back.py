"""What came back counts by its reason: in the next size, as if nothing had come back, or not at all."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from shopfloor.demand import Past, Signal, learn
from shopfloor.demand.came_back import net, past
from shopfloor.demand.models import CameBack, Observed


def signal(variant_id: int, units: int, options: Mapping[str, str], product_id: int = 1) -> Signal:
    return Signal(variant_id, product_id, options, 3600.0, 3600.0, units, units)


S = signal(1, 10, {"Size": "S", "Color": "red"})
M = signal(2, 20, {"Size": "M", "Color": "red"})
XL = signal(3, 5, {"Size": "XL", "Color": "red"})
BLUE = signal(4, 7, {"Size": "L", "Color": "blue"})
SHIRT = [S, M, XL, BLUE]


def units(found: list[Signal]) -> list[tuple[int, int]]:
    return [(each.units_held, each.units_paid) for each in found]


def back(variant_id: int, reason: str, count: int, show_id: int = 5) -> CameBack:
    return CameBack(show_id, variant_id, reason, count)


def test_too_small_counts_for_the_next_larger_size_of_the_same_colour() -> None:
    found = net(SHIRT, [back(2, "too_small", 4), back(1, "too_small", 1), back(3, "too_large", 2)])

    # Nobody offers L in red: from M the next is XL, and back; four in, two out.
    assert units(found) == [(9, 9), (20 - 4 + 1 + 2,) * 2, (5 + 4 - 2,) * 2, (7, 7)]
    assert sum(each.units_held for each in found) == sum(each.units_held for each in SHIRT)
    assert (found[2].moved_in, found[2].moved_out, found[2].left_out, found[2].units_had) == (4, 2, 0, 5)


def test_where_there_is_no_such_size_nothing_of_the_product_was_wanted() -> None:
    found = net(SHIRT, [back(3, "too_small", 2), back(1, "too_large", 3), back(4, "too_small", 1)])

    assert units(found) == [(7, 7), (20, 20), (3, 3), (6, 6)]
    assert [each.left_out for each in found] == [3, 0, 2, 1]


def test_what_was_faulty_or_late_was_wanted_all_the_same() -> None:
    reasons = ("defective", "damaged_in_transit", "wrong_item", "parts_missing", "arrived_late")

    assert net(SHIRT, [back(2, reason, 3) for reason in reasons]) == SHIRT


@pytest.mark.parametrize("reason", ["changed_mind", "not_as_described", "other", "", "a_reason_of_tomorrow"])
def test_anything_else_was_not_wanted_after_all(reason: str) -> None:
    found = net(SHIRT, [back(2, reason, 6)])

    assert units(found) == [(10, 10), (14, 14), (5, 5), (7, 7)]
    assert (found[1].left_out, found[1].units_had) == (6, 20)


def test_no_more_comes_back_than_was_paid_for() -> None:
    found = net([replace(M, units_held=20, units_paid=4)], [back(2, "changed_mind", 3), back(2, "other", 3)])

    assert (found[0].units_held, found[0].units_paid, found[0].left_out) == (16, 0, 4)


@pytest.mark.parametrize(
    ("name", "sizes", "to"),
    [
        ("Größe", ["36", "37,5", "38"], 1),
        ("鞋码", ["41", "42", "43"], 1),
        ("尺码", ["小号", "中号", "大号"], 1),
        ("Fit", ["2XL", "XXXL", "4XL"], 1),
        ("Fit", ["XS", "XXS", "S"], 2),
        ("Size", ["M", "One size", "L"], 2),
        ("Size", ["M", "S", "XS"], None),
        ("Color", ["red", "green", "blue"], None),
        ("Piece", ["1", "2", "3"], None),
    ],
)
def test_what_a_larger_size_is(name: str, sizes: list[str], to: int | None) -> None:
    goods = [signal(number, 9, {name: size}) for number, size in enumerate(sizes)]

    found = net(goods, [back(0, "too_small", 2)])

    assert [each.moved_in for each in found] == [2 if number == to else 0 for number in range(3)]
    assert found[0].units_held == 7


def test_another_product_is_no_other_size() -> None:
    found = net([M, signal(9, 5, {"Size": "L", "Color": "red"}, product_id=2)], [back(2, "too_small", 1)])

    assert units(found) == [(19, 19), (5, 5)]


def test_earlier_shows_lose_what_came_back_before_they_are_weighed() -> None:
    observed = [
        Observed(4, 1, 1, 1, 10, 100.0),
        Observed(4, 1, 2, 1, 8, 100.0),
        Observed(3, 2, 2, 1, 4, 60.0),
        Observed(3, 2, 3, 1, 2, 0.0),
    ]
    returned = [
        back(1, "too_small", 3, show_id=4),
        back(2, "changed_mind", 2, show_id=4),
        back(2, "defective", 4, show_id=3),
    ]

    found = past(observed, returned, SHIRT, weight=0.5)

    assert found == [Past(1, 1, 3.5, 50.0), Past(2, 1, 0.5 * (8 + 3 - 2) + 0.25 * 4, 65.0)]


def test_the_next_size_is_foreseen_higher_and_the_line_says_why() -> None:
    before = {each.variant_id: each for each in learn(SHIRT)}
    after = {each.variant_id: each for each in learn(net(SHIRT, [back(2, "too_small", 8)]))}

    assert after[2].mean < before[2].mean
    assert after[3].mean > before[3].mean
    told = {each.code: each.facts for each in after[2].evidence}
    assert told["demand.sold_in_stock"] == {"units": 20, "hours": 1.0}
    assert told["demand.other_size"] == {"units": 8}
    assert {each.code: each.facts for each in after[3].evidence}["demand.from_other_size"] == {"units": 8}
