"""What holds for every question: sums, shares, order, monotony, refunds."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopfloor import pricing
from shopfloor.pricing.models import Breakdown

PERCENT = st.sampled_from(["0", "3", "4.9", "5.5", "9.975", "13", "19", "33.333333", "100"])
CLASSES = st.sampled_from(["standard", "reduced", "none", "books"])
LINE = st.fixed_dictionaries(
    {
        "quantity": st.integers(1, 50),
        "unit_price": st.one_of(st.integers(0, 20), st.integers(0, 10**6)),
        "tax_class": CLASSES,
        "weight": st.integers(0, 5000),
    }
)
LINES = st.lists(LINE, min_size=1, max_size=12).map(
    lambda lines: [{"id": f"{number:02}", **line} for number, line in enumerate(lines)]
)
DISCOUNT = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["percentage", "amount", "free_shipping"]),
        "level": st.sampled_from(["lines", "order"]),
        "percent": PERCENT,
        "amount": st.integers(0, 5000),
        "combines": st.booleans(),
        "priority": st.integers(0, 2),
        "minimum": st.sampled_from([0, 1000]),
        "cap": st.one_of(st.none(), st.integers(0, 2000)),
    }
)
DISCOUNTS = st.lists(DISCOUNT, max_size=5).map(
    lambda rules: [{"id": f"d{number}", **rule} for number, rule in enumerate(rules)]
)
QUESTION = st.fixed_dictionaries(
    {
        "currency": st.sampled_from(["EUR", "JPY", "KWD", "CNY"]),
        "date": st.just("2026-11-29"),
        "lines": LINES,
        "destination": st.just({"country": "DE"}),
        "method": st.sampled_from([None, "parcel"]),
        "discounts": DISCOUNTS,
        "taxes": st.fixed_dictionaries(
            {
                "included": st.booleans(),
                "rounding": st.sampled_from(["line", "order"]),
                "shipping_class": st.sampled_from([None, "standard", "none"]),
                "rates": st.tuples(PERCENT, PERCENT, PERCENT).map(
                    lambda rates: [
                        {"country": "DE", "rate": rates[0], "name": "A"},
                        {"country": "DE", "rate": rates[1], "name": "B", "tax_class": "reduced"},
                        {"country": "DE", "rate": rates[2], "name": "C", "adds": True},
                    ]
                ),
            }
        ),
        "shipping": st.integers(0, 5000).map(
            lambda amount: {
                "zones": [{"id": "de", "countries": ["DE"]}],
                "methods": [{"id": "parcel", "zone": "de", "amount": amount}],
            }
        ),
    }
)


def priced(question: dict[str, Any]) -> Breakdown:
    return pricing.price(pricing.read(question))


@settings(max_examples=400, deadline=None)
@given(QUESTION)
def test_no_cent_is_lost_or_made(question: dict[str, Any]) -> None:
    told = priced(question)

    parts = [*told.lines, told.shipping]
    for part in parts:
        assert part.amount == part.listed - part.discount
        assert part.discount == sum(share.amount for share in part.discounts)
        assert part.tax == sum(share.tax for share in part.taxes)
        assert part.gross == part.net + part.tax
        assert part.amount == (part.gross if told.included else part.net)
        assert min(part.net, part.tax, part.amount, part.discount) >= 0
    assert told.totals.total == sum(part.gross for part in parts) == told.totals.net + told.totals.tax
    assert told.totals.total == told.totals.goods + told.totals.shipping
    assert told.totals.tax == sum(line.tax for line in told.taxes)
    assert told.totals.discount == sum(each.amount for each in told.discounts)
    assert told.totals.listed - told.totals.discount == sum(part.amount for part in parts)
    for each in told.discounts:
        shares = [share.amount for part in parts for share in part.discounts if share.id == each.id]
        assert each.amount == sum(shares)
        assert (each.amount == 0) == (each.why is not None)


@settings(max_examples=200, deadline=None)
@given(QUESTION, st.randoms(use_true_random=False))
def test_the_order_of_lines_and_rules_moves_no_cent(question: dict[str, Any], chance: Any) -> None:
    mixed: dict[str, Any] = {
        **question,
        "lines": list(question["lines"]),
        "discounts": list(question["discounts"]),
    }
    chance.shuffle(mixed["lines"])
    chance.shuffle(mixed["discounts"])

    before, after = priced(question), priced(mixed)

    assert {line.id: line for line in before.lines} == {line.id: line for line in after.lines}
    assert [line.id for line in after.lines] == [line["id"] for line in mixed["lines"]]
    assert (before.shipping, before.discounts, before.taxes, before.totals) == (
        after.shipping,
        after.discounts,
        after.taxes,
        after.totals,
    )


@settings(max_examples=200, deadline=None)
@given(QUESTION, st.integers(0, 11), st.integers(1, 500))
def test_a_dearer_line_never_makes_a_cheaper_order(question: dict[str, Any], which: int, more: int) -> None:
    plain: dict[str, Any] = {**question, "discounts": [], "taxes": {**question["taxes"], "rounding": "line"}}
    plain["taxes"]["shipping_class"] = "standard"
    dearer: dict[str, Any] = {**plain, "lines": [dict(line) for line in plain["lines"]]}
    dearer["lines"][which % len(dearer["lines"])]["unit_price"] += more

    assert priced(dearer).totals.total >= priced(plain).totals.total


@settings(max_examples=200, deadline=None)
@given(QUESTION)
def test_lines_that_are_paid_by_order_or_by_line_differ_by_less_than_a_unit_each(
    question: dict[str, Any],
) -> None:
    by_line = priced({**question, "taxes": {**question["taxes"], "rounding": "line"}})
    by_order = priced({**question, "taxes": {**question["taxes"], "rounding": "order"}})

    roundings = sum(max(1, len(part.taxes)) for part in [*by_line.lines, by_line.shipping])
    assert abs(by_line.totals.tax - by_order.totals.tax) <= roundings
    if by_line.included:
        assert by_line.totals.total == by_order.totals.total


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=9), st.lists(st.integers(1, 10**5), max_size=40))
def test_refunds_never_take_more_than_was_paid_and_end_at_nothing(
    paid: list[int], amounts: list[int]
) -> None:
    back = [0] * len(paid)
    for wanted in [*amounts, sum(paid)]:
        amount = min(wanted, sum(paid) - sum(back))
        parts = pricing.refund_parts(paid, back, amount)
        assert sum(parts) == amount
        back = [gone + part for gone, part in zip(back, parts, strict=True)]
        assert all(0 <= gone <= have for gone, have in zip(back, paid, strict=True))
    assert back == paid


@given(st.integers(0, 10**9), st.integers(1, 500))
def test_units_given_back_one_by_one_are_what_was_paid(paid: int, quantity: int) -> None:
    each = [
        pricing.of_units(paid, quantity, units) - pricing.of_units(paid, quantity, units - 1)
        for units in range(1, quantity + 1)
    ]

    assert sum(each) == paid
    assert max(each) - min(each) <= 1


def test_more_than_was_paid_is_never_given_back() -> None:
    for paid, refunded, amount in (([5, 5], [0, 0], 11), ([5], [0], -1), ([5], [6], 0), ([], [], 1)):
        with pytest.raises(ValueError, match="more than was paid"):
            pricing.refund_parts(paid, refunded, amount)
    for units in (-1, 4):
        with pytest.raises(ValueError, match="not so many units"):
            pricing.of_units(100, 3, units)
