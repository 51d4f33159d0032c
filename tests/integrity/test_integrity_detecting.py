"""Detectors before attacks and innocent crowds, with seeds of their own; `bench/integrity.py` has the whole tables."""

from typing import Any

import numpy as np
import pytest
from tests.integrity import crowds
from tests.integrity.crowds import DAY, HOUR, Show

from shopfloor.integrity import Reason, graph
from shopfloor.integrity.detecting import Found, detect
from shopfloor.integrity.watching import detect_viewers

MINUTES = 300.0


def looked(show: Show, after: float) -> tuple[Any, Any, Any, list[Found]]:
    orders = show.orders.known_at(show.orders.ended + after)
    tagged, noticed = np.zeros(len(orders), bool), np.zeros(len(orders), bool)
    found = detect(orders)
    for each in found:
        noticed[each.orders] = True
        tagged[each.orders] |= each.tagged
    return tagged, noticed, show.fake[: len(orders)], found


@pytest.mark.parametrize("careful", [False, True])
def test_four_accounts_with_586_of_599_orders_are_raised_within_five_minutes(careful: bool) -> None:
    show = crowds.brushing(301, orders=599, counts=(141, 165, 135, 145), settled=0.007, careful=careful)

    _, noticed, fake, found = looked(show, MINUTES)
    tagged, _, _, _ = looked(show, 14 * HOUR)

    assert len(fake) == 599
    assert noticed.tolist() == fake.tolist()
    assert all(Reason.CONCENTRATION in each.reasons for each in found)
    assert tagged.tolist() == fake.tolist()


@pytest.mark.parametrize("accounts", [8, 12, 40])
def test_the_same_share_over_more_accounts(accounts: int) -> None:
    show = crowds.brushing(302, orders=599, share=586 / 599, accounts=accounts)

    _, noticed, fake, _ = looked(show, MINUTES)

    assert noticed[fake].mean() == 1.0
    assert not noticed[~fake].any()


@pytest.mark.parametrize("camouflage", [0.0, 1.0])
def test_a_dense_ring_is_tagged_at_the_end_of_the_show(camouflage: float) -> None:
    hit = wrong = fakes = 0
    for seed in (311, 312):
        tagged, _, fake, _ = looked(crowds.ring(seed, orders=2_000, camouflage=camouflage), MINUTES)
        hit, wrong, fakes = hit + (tagged & fake).sum(), wrong + (tagged & ~fake).sum(), fakes + fake.sum()

    assert hit >= 0.9 * fakes
    assert hit >= 0.95 * (hit + wrong)


def test_a_ring_that_shares_nothing_but_its_basket() -> None:
    tagged, _, fake, found = looked(crowds.ring(313, orders=3_000, phones=120, cards=120), MINUTES)

    assert Reason.BASKET in found[0].reasons
    assert (tagged & fake).sum() >= 0.9 * fake.sum()
    assert (tagged & ~fake).sum() <= 0.05 * tagged.sum()


def test_a_host_who_orders_through_staff_is_raised_and_in_the_morning_tagged() -> None:
    show = crowds.collusive_host(314)

    _, noticed, fake, _ = looked(show, MINUTES)
    tagged, _, _, found = looked(show, 14 * HOUR)

    assert noticed.tolist() == fake.tolist()
    assert tagged.tolist() == fake.tolist()
    assert Reason.HOST in found[0].reasons


def test_two_hundred_accounts_that_undo_everything_the_same_night() -> None:
    show = crowds.brushing(315, orders=600, share=0.9, accounts=200, delay=6 * HOUR, careful=True)

    tagged, _, fake, found = looked(show, 14 * HOUR)

    assert found[0].reasons == (Reason.SAME_NIGHT,)
    assert (tagged & fake).sum() >= 0.9 * fake.sum()
    # Honest customers, too, cancel all of an evening now and then.
    assert (tagged & ~fake).sum() <= 0.02 * tagged.sum()


@pytest.mark.parametrize(
    "crowd",
    [
        crowds.clean, crowds.flash_sale, crowds.raid, crowds.campus, crowds.viral_clip, crowds.organiser, crowds.families,
        crowds.store_sales, crowds.staff_test,
    ],
)  # fmt: skip
@pytest.mark.parametrize("after", [MINUTES, 20 * DAY])
def test_an_innocent_crowd_is_not_tagged(crowd: Any, after: float) -> None:
    made = crowd(316)
    show = made[0] if isinstance(made, tuple) else made

    tagged, _, _, _ = looked(show, after)

    assert not tagged.any()


def test_what_an_organiser_keeps_lifts_the_suspicion() -> None:
    show, guests = crowds.organiser(317)

    _, first, _, _ = looked(show, MINUTES)
    _, later, _, _ = looked(show, 20 * DAY)

    assert first.tolist() == guests[: len(first)].tolist()
    assert not later.any()


def test_where_two_orders_in_three_come_back_a_faithful_customer_is_not_tagged() -> None:
    rng, faithful = np.random.default_rng(318), 10
    show = crowds.clean(318, orders=300, returned=0.6)
    undone = show.orders.undone.copy()
    show.orders.account[:faithful] = show.orders.device[:faithful] = 7_000_001
    undone[:faithful] = np.where(np.arange(faithful) < 8, rng.uniform(4, 14, faithful) * DAY, np.nan)
    show.orders.undone[:] = undone

    tagged, _, _, _ = looked(show, 20 * DAY)

    assert not tagged.any()


def test_nobody_is_noticed_in_an_empty_show_and_in_one_of_strangers() -> None:
    show = crowds.clean(319, orders=40)

    assert detect(show.orders.known_at(-1.0)) == []
    for name in ("account", "device", "phone", "mail"):
        getattr(show.orders, name)[:] = -1
    assert detect(show.orders.known_at(1e9)) == []


def test_bots_and_silent_viewers_are_tagged_and_fans_are_not() -> None:
    seen, fake = crowds.audience(320, people=800, bots=20, silent=30, arrivals="raid")

    tagged = np.zeros(len(seen), bool)
    reasons: set[Reason] = set()
    for each in detect_viewers(seen):
        tagged[each.orders] = True
        reasons |= set(each.reasons)

    assert tagged.tolist() == fake.tolist()
    assert reasons == {Reason.MACHINE, Reason.NO_VIDEO}


def test_viewers_who_came_and_left_together_are_seen_where_the_server_does_not_know_who_fetched_video() -> (
    None
):
    seen, fake = crowds.audience(321, people=800, silent=30)
    seen.served[:] = np.nan

    [found] = detect_viewers(seen)

    assert found.reasons == (Reason.LOCKSTEP,)
    assert np.flatnonzero(fake).tolist() == found.orders.tolist()


def test_components_are_those_of_a_plain_search() -> None:
    rng = np.random.default_rng(322)
    left, right = rng.integers(0, 300, 220), rng.integers(0, 300, 220)
    neighbours: dict[int, set[int]] = {each: {each} for each in range(300)}
    for a, b in zip(left.tolist(), right.tolist(), strict=True):
        neighbours[a].add(b)
        neighbours[b].add(a)
    expected = [0] * 300
    seen: set[int] = set()
    for start in range(300):
        if start not in seen:
            group, edge = set[int](), {start}
            while edge:
                group |= edge
                edge = set[int]().union(*(neighbours[each] for each in edge)) - group
            seen |= group
            for each in group:
                expected[each] = min(group)

    assert graph.components(300, left, right).tolist() == expected


def test_a_dense_block_is_found_and_shuffled_baskets_have_none() -> None:
    rng = np.random.default_rng(323)
    row, column = rng.integers(0, 3_000, 9_000), rng.integers(0, 400, 9_000)
    ring = np.repeat(np.arange(3_000, 3_060), 8)
    basket = np.concatenate([rng.permutation(10)[:8] + 390 for _ in range(60)])

    block = graph.densest(np.concatenate([row, ring]), np.concatenate([column, basket]), 3_060, 400)
    null = graph.null_scores(row, column, 3_060, 400, times=3)

    assert set(range(3_000, 3_060)) <= set(block.rows.tolist())
    assert len(block.rows) <= 63
    assert block.score > 1.4 * null.max()


def test_labels_spread_along_what_is_shared_and_no_further() -> None:
    owner = np.arange(6)
    phone = np.array([1, 1, 2, 2, 3, -1])
    device = np.array([9, 8, 8, 7, 6, -1])
    seeds = np.array([True, False, False, False, False, False])

    score = graph.spread(owner, 6, [phone, device], seeds)

    assert score[0] == 1.0
    assert score[1] > score[2] > score[3] > 0
    assert score[4:].tolist() == [0.0, 0.0]
