"""Proxy bidding: exact values, and against a model that is plain and slow."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopfloor.auctions.bidding import LEADS, OUTBID, RAISED, Rules, Standing, Taken, TooLow, end_after
from shopfloor.auctions.models import shares, usual_steps

STEPS = ((0, 50), (1_000, 100), (10_000, 500))
RULES = Rules(1_000, None, STEPS)
RESERVED = Rules(1_000, 5_000, STEPS)


@pytest.mark.parametrize(
    ("rules", "before", "bidder", "most", "after"),
    [
        # The first bid stands at the start, whatever its maximum is.
        (RULES, None, 1, 1_000, Taken(Standing(1_000, 1, 1_000), LEADS)),
        (RULES, None, 1, 9_000, Taken(Standing(1_000, 1, 9_000), LEADS)),
        (RULES, None, 1, 999, TooLow(1_000)),
        # Below the next step nothing is taken.
        (RULES, Standing(1_000, 1, 9_000), 2, 1_099, TooLow(1_100)),
        # A lower maximum lifts the price by one step above it, and never above the leader's.
        (RULES, Standing(1_000, 1, 9_000), 2, 2_000, Taken(Standing(2_100, 1, 9_000), OUTBID)),
        (RULES, Standing(1_000, 1, 9_000), 2, 8_950, Taken(Standing(9_000, 1, 9_000), OUTBID)),
        # The same maximum: the earlier one leads, at that amount.
        (RULES, Standing(1_000, 1, 9_000), 2, 9_000, Taken(Standing(9_000, 1, 9_000), OUTBID)),
        # A higher maximum leads at one step above the other, and never above its own.
        (RULES, Standing(1_000, 1, 9_000), 2, 20_000, Taken(Standing(9_100, 2, 20_000), LEADS)),
        (RULES, Standing(1_000, 1, 9_000), 2, 9_030, Taken(Standing(9_030, 2, 9_030), LEADS)),
        # Which step is said by the maximum that is beaten.
        (RULES, Standing(1_000, 1, 9_999), 2, 20_000, Taken(Standing(10_099, 2, 20_000), LEADS)),
        (RULES, Standing(1_000, 1, 10_000), 2, 20_000, Taken(Standing(10_500, 2, 20_000), LEADS)),
        # Who leads may raise the maximum, and pays nothing for it.
        (RULES, Standing(1_000, 1, 9_000), 1, 12_000, Taken(Standing(1_000, 1, 12_000), RAISED)),
        (RULES, Standing(9_030, 2, 9_030), 2, 9_500, Taken(Standing(9_030, 2, 9_500), RAISED)),
        (RULES, Standing(1_000, 1, 9_000), 1, 9_000, TooLow(9_001)),
        (RULES, Standing(1_000, 1, 9_000), 1, 1_100, TooLow(9_001)),
        # Once a maximum reaches the reserve, that is the price.
        (RESERVED, None, 1, 4_999, Taken(Standing(1_000, 1, 4_999), LEADS)),
        (RESERVED, None, 1, 5_000, Taken(Standing(5_000, 1, 5_000), LEADS)),
        (RESERVED, Standing(1_000, 1, 4_999), 2, 6_000, Taken(Standing(5_099, 2, 6_000), LEADS)),
        (RESERVED, Standing(1_000, 1, 2_000), 2, 6_000, Taken(Standing(5_000, 2, 6_000), LEADS)),
        (RESERVED, Standing(1_000, 1, 2_000), 1, 6_000, Taken(Standing(5_000, 1, 6_000), RAISED)),
        (RESERVED, Standing(5_000, 1, 6_000), 2, 5_100, Taken(Standing(5_200, 1, 6_000), OUTBID)),
    ],
)
def test_what_a_bid_does(
    rules: Rules, before: Standing | None, bidder: int, most: int, after: Taken | TooLow
) -> None:
    assert rules.take(before, bidder, most) == after


def at(second: float) -> datetime:
    return datetime(2026, 1, 1, 20, 0, tzinfo=UTC) + timedelta(seconds=second)


@pytest.mark.parametrize(
    ("bid", "end", "window", "latest", "after"),
    [
        (49.9, 60, 10, 660, 60),
        (50, 60, 10, 660, 60),
        (50.001, 60, 10, 660, 60.001),
        (59.999, 60, 10, 660, 69.999),
        (655, 660, 10, 660, 660),
        (59.999, 60, 0, 60, 60),
    ],
)
def test_a_bid_at_the_end_moves_it(bid: float, end: float, window: int, latest: float, after: float) -> None:
    assert end_after(at(bid), at(end), extend_seconds=window, latest=at(latest)) == at(after)


@given(
    st.integers(1, 400),
    st.one_of(st.none(), st.integers(0, 600)),
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 1_000)), max_size=30),
)
def test_who_leads_and_what_they_pay_is_what_a_plain_model_says(
    start: int, more: int | None, bids: list[tuple[int, int]]
) -> None:
    """The model keeps each bidder's highest maximum with its turn, and looks at the two highest."""
    reserve = None if more is None else start + more
    rules = Rules(start, reserve, ((0, 7), (300, 20)))
    standing: Standing | None = None
    maxima: dict[int, tuple[int, int]] = {}
    for turn, (bidder, most) in enumerate(bids):
        taken = rules.take(standing, bidder, most)
        if isinstance(taken, TooLow):
            assert most < taken.asked
            continue
        before, standing = standing, taken.standing
        maxima[bidder] = max(maxima.get(bidder, (0, 0)), (most, -turn))
        best = sorted(maxima.items(), key=lambda each: each[1], reverse=True)
        leader, (highest, _) = best[0]
        assert (standing.leader, standing.most) == (leader, highest)
        # Never above the own maximum, nor more than a step above the second, the start or the reserve.
        second = best[1][1][0] if len(best) > 1 else None
        floor = start if second is None else min(highest, second + rules.step(second))
        plain = max(floor, reserve) if reserve is not None and highest >= reserve else floor
        assert standing.price <= standing.most
        if bidder == leader and before is not None and before.leader == leader:
            # Raising the own maximum costs nothing, also where the last one left no room for a whole step.
            met = reserve is not None and before.price < reserve <= most
            assert standing.price == (reserve if met else before.price)
        else:
            assert standing.price == max(plain, 0 if before is None else before.price)
        assert before is None or standing.price >= before.price


@given(st.integers(1, 10**12), st.integers(1, 1_000))
def test_the_price_of_a_lot_is_shared_over_its_units_to_the_last_cent(price: int, quantity: int) -> None:
    price = max(price, quantity)
    parts = shares(price, quantity)
    assert sum(units * each for units, each in parts) == price
    assert sum(units for units, _ in parts) == quantity


@pytest.mark.parametrize(
    ("currency", "steps"),
    [
        ("EUR", ((0, 50), (1_000, 100), (10_000, 500), (50_000, 1_000), (100_000, 5_000), (500_000, 10_000))),
        ("JPY", ((0, 50), (1_000, 100), (10_000, 500), (50_000, 1_000), (100_000, 5_000), (500_000, 10_000))),
        ("KWD", ((0, 500), (10_000, 1_000), (100_000, 5_000), (500_000, 10_000), (1_000_000, 50_000), (5_000_000, 100_000))),
    ],
)  # fmt: skip
def test_the_usual_steps(currency: str, steps: object) -> None:
    assert usual_steps(currency) == steps
