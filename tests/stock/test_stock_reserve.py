"""Reserve: who gets what, and that a refusal changes nothing."""

from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from shopfloor import inventory, stock

HANFU, SHOES, BOWL = 101, 102, 103
THIRD, TWELFTH = date(2030, 12, 3), date(2030, 12, 12)


async def test_arrival_order_decides(ledger: Any) -> None:
    await ledger.receive(HANFU, 2)
    wants = [ledger.want({HANFU: 1}) for _ in range(4)]

    assert await ledger.outcomes(*wants) == ["held", "held", "stock.sold_out", "stock.sold_out"]
    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (2, 2, 0, 0)}
    assert await ledger.audit() == []


async def test_a_large_wish_does_not_stand_in_the_way_of_a_small_one(ledger: Any) -> None:
    await ledger.receive(HANFU, 3)

    answers = await ledger.reserve(ledger.want({HANFU: 2}), ledger.want({HANFU: 2}), ledger.want({HANFU: 1}))

    assert [type(answer).__name__ for answer in answers] == ["Held", "Refused", "Held"]
    assert answers[1].facts == {"variant_id": HANFU, "wanted": 2, "left": 1}


async def test_duplicate_lines_are_summed_before_the_check(ledger: Any) -> None:
    await ledger.receive(HANFU, 3)

    assert await ledger.outcomes(ledger.want([(HANFU, 2), (HANFU, 2)])) == ["stock.sold_out"]
    (held,) = await ledger.reserve(ledger.want([(HANFU, 2), (HANFU, 1)]))

    assert held.lots == (stock.Part(HANFU, 3, None, inventory.LotKind.ON_HAND),)
    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (3, 3, 0, 0)}


async def test_a_cart_is_all_or_nothing(ledger: Any) -> None:
    await ledger.receive(HANFU, 5)
    await ledger.receive(SHOES, 1)

    cart = ledger.want({HANFU: 2, SHOES: 2})
    assert await ledger.outcomes(cart, ledger.want({SHOES: 1})) == ["stock.sold_out", "held"]

    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (5, 0, 0, 0)}
    assert await ledger.numbers(SHOES) == {(ledger.open_pool, ""): (1, 1, 0, 0)}


async def test_lots_are_taken_by_the_day_they_are_ready(ledger: Any) -> None:
    await ledger.receive(BOWL, 2)
    await ledger.announce(BOWL, 3, TWELFTH, "make-1", inventory.LotKind.MAKEABLE)
    await ledger.announce(BOWL, 1, THIRD, "po-1")

    (held,) = await ledger.reserve(ledger.want({BOWL: 5}))

    assert held.lots == (
        stock.Part(BOWL, 2, None, inventory.LotKind.ON_HAND),
        stock.Part(BOWL, 1, THIRD, inventory.LotKind.INCOMING),
        stock.Part(BOWL, 2, TWELFTH, inventory.LotKind.MAKEABLE),
    )
    assert (await ledger.hold(held.id)).ready_on == TWELFTH
    assert await ledger.left(BOWL) == stock.Availability(0, ((TWELFTH, 1),))
    assert await ledger.audit() == []


async def test_a_buyer_may_refuse_a_later_date(ledger: Any) -> None:
    await ledger.receive(BOWL, 1)
    await ledger.announce(BOWL, 5, TWELFTH, "po-1")
    before = await ledger.numbers(BOWL)

    (refused,) = await ledger.reserve(ledger.want({BOWL: 2}, latest_ready=THIRD))

    assert (refused.code, refused.facts) == (
        "stock.too_late",
        {"variant_id": BOWL, "wanted": 2, "left": 1, "ready_on": "2030-12-12"},
    )
    assert await ledger.numbers(BOWL) == before
    assert await ledger.outcomes(ledger.want({BOWL: 2}, latest_ready=TWELFTH)) == ["held"]


async def test_the_same_id_gets_the_same_answer(ledger: Any) -> None:
    await ledger.receive(HANFU, 5)
    want = ledger.want({HANFU: 2})

    first, twin = await ledger.reserve(want, want)
    (again,) = await ledger.reserve(want)

    assert (twin.id, twin.lots, twin.expires_at, twin.replayed) == (
        first.id,
        first.lots,
        first.expires_at,
        True,
    )
    assert (again.lots, again.expires_at, again.replayed) == (first.lots, first.expires_at, True)
    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (5, 2, 0, 0)}


async def test_a_replay_says_what_became_of_the_hold(ledger: Any) -> None:
    await ledger.receive(HANFU, 1)
    want = ledger.want({HANFU: 1})
    await ledger.reserve(want)
    await ledger.let_time_pass(want.id)
    await ledger.expire()

    (again,) = await ledger.reserve(want)

    assert (again.state, again.replayed) == (stock.HoldState.EXPIRED, True)
    assert await ledger.left(HANFU) == stock.Availability(1, ())


@pytest.mark.parametrize("together", [True, False])
async def test_the_same_id_with_other_content_is_a_mismatch(ledger: Any, together: bool) -> None:
    await ledger.receive(HANFU, 9)
    await ledger.receive(SHOES, 9)
    first = ledger.want({HANFU: 1})
    others = [
        ledger.want({HANFU: 2}, id=first.id, buyer=first.buyer),
        ledger.want({SHOES: 1}, id=first.id, buyer=first.buyer),
        ledger.want({HANFU: 1}, id=first.id),
        ledger.want({HANFU: 1}, id=first.id, buyer=first.buyer, offer_id=7),
    ]
    if together:
        outcomes = await ledger.outcomes(first, *others)
    else:
        outcomes = await ledger.outcomes(first)
        for other in others:
            outcomes += await ledger.outcomes(other)

    assert outcomes == ["held"] + ["stock.mismatch"] * 4
    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (9, 1, 0, 0)}
    assert await ledger.numbers(SHOES) == {(ledger.open_pool, ""): (9, 0, 0, 0)}


async def test_a_limit_counts_what_is_paid_and_what_came_back(ledger: Any) -> None:
    await ledger.receive(HANFU, 9)
    buyer = uuid4()
    rule = {"buyer": buyer, "offer_id": 7, "limit_per_buyer": 2}
    paid = ledger.want({HANFU: 2}, **rule)
    await ledger.reserve(paid)
    async with ledger.db.transaction() as tx:
        await stock.confirm(tx, [paid.id])

    (refused,) = await ledger.reserve(ledger.want({HANFU: 1}, **rule))

    assert (refused.code, refused.facts) == (
        "stock.limit",
        {"offer_id": 7, "limit": 2, "already": 2, "wanted": 1},
    )
    assert await ledger.outcomes(ledger.want({HANFU: 1}, offer_id=7, limit_per_buyer=2)) == ["held"]
    assert await ledger.outcomes(ledger.want({HANFU: 1}, **{**rule, "offer_id": 8})) == ["held"]

    async with ledger.db.transaction() as tx:
        await stock.ship(tx, hold_id=paid.id)
        await stock.put_back(tx, hold_id=paid.id, variant_id=HANFU, quantity=1)
    assert await ledger.outcomes(ledger.want({HANFU: 1}, **rule)) == ["held"]
    assert await ledger.audit() == []


async def test_a_limit_per_show_counts_all_its_offers(ledger: Any) -> None:
    await ledger.receive(HANFU, 9)
    await ledger.receive(SHOES, 9)
    rule = {"buyer": uuid4(), "show_id": 3, "limit_per_show": 2}
    first = ledger.want({HANFU: 1}, offer_id=1, **rule)
    await ledger.reserve(first)
    async with ledger.db.transaction() as tx:
        await stock.confirm(tx, [first.id])

    answers = await ledger.outcomes(
        ledger.want({SHOES: 2}, offer_id=2, **rule), ledger.want({SHOES: 1}, offer_id=2, **rule)
    )

    assert answers == ["stock.limit", "held"]


async def test_an_own_unpaid_hold_gives_way_under_a_limit(ledger: Any) -> None:
    await ledger.receive(HANFU, 9)
    await ledger.receive(SHOES, 9)
    rule = {"buyer": uuid4(), "offer_id": 7, "limit_per_buyer": 1}
    medium, large = ledger.want({HANFU: 1}, **rule), ledger.want({SHOES: 1}, **rule)
    await ledger.reserve(medium)

    (answer,) = await ledger.reserve(large)

    assert (type(answer), answer.replaced) == (stock.Held, (medium.id,))
    assert (await ledger.hold(medium.id)).state is stock.HoldState.RELEASED
    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (9, 0, 0, 0)}
    assert await ledger.numbers(SHOES) == {(ledger.open_pool, ""): (9, 1, 0, 0)}
    assert await ledger.audit() == []


async def test_an_own_unpaid_hold_of_the_last_unit_gives_way(ledger: Any) -> None:
    await ledger.receive(HANFU, 1)
    rule = {"buyer": uuid4(), "offer_id": 7, "limit_per_buyer": 5}
    lost_tab, new_tab = ledger.want({HANFU: 1}, **rule), ledger.want({HANFU: 1}, **rule)
    stranger = ledger.want({HANFU: 1}, offer_id=7, limit_per_buyer=5)
    await ledger.reserve(lost_tab)

    assert await ledger.outcomes(stranger, new_tab) == ["stock.sold_out", "held"]
    assert (await ledger.hold(lost_tab.id)).state is stock.HoldState.RELEASED
    assert await ledger.audit() == []


async def test_two_taps_with_two_ids_in_one_batch_leave_one_hold(ledger: Any) -> None:
    await ledger.receive(HANFU, 9)
    rule = {"buyer": uuid4(), "offer_id": 7, "limit_per_buyer": 1}
    taps = [ledger.want({HANFU: 1}, **rule) for _ in range(3)]

    answers = await ledger.reserve(*taps)

    assert [type(answer).__name__ for answer in answers] == ["Held", "Held", "Refused"]
    assert answers[1].replaced == (taps[0].id,)
    assert answers[2].code == "stock.limit"
    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (9, 1, 0, 0)}
    assert await ledger.audit() == []


async def test_what_is_not_there_is_unknown(ledger: Any) -> None:
    await ledger.receive(HANFU, 1)

    assert (
        await ledger.outcomes(
            ledger.want({999: 1}),
            ledger.want({HANFU: 1}, pool=999),
            ledger.want({HANFU: 1}, shop_id=2),
            ledger.want({HANFU: 1, 999: 1}),
        )
        == ["stock.unknown"] * 4
    )
    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (1, 0, 0, 0)}


@pytest.mark.parametrize("quantity", [0, -1, 1_000_001])
async def test_nonsense_is_refused(ledger: Any, quantity: int) -> None:
    await ledger.receive(HANFU, 5)

    assert await ledger.outcomes(ledger.want({HANFU: quantity}), ledger.want([])) == ["stock.invalid"] * 2
    assert await ledger.numbers(HANFU) == {(ledger.open_pool, ""): (5, 0, 0, 0)}


async def test_a_show_sells_its_quota_then_against_supply(ledger: Any) -> None:
    await ledger.receive(HANFU, 10)
    show = await ledger.show(3, {HANFU: 2})
    await ledger.announce(HANFU, 2, THIRD, "po-1")

    answers = await ledger.reserve(
        *[ledger.want({HANFU: 1}, pool=show) for _ in range(5)],
        ledger.want({HANFU: 1}, pool=show, latest_ready=date(2030, 1, 1)),
    )

    dates = [a.lots[0].ready_on if isinstance(a, stock.Held) else a.code for a in answers]
    assert dates == [None, None, THIRD, THIRD, "stock.sold_out", "stock.sold_out"]
    assert await ledger.left(HANFU) == stock.Availability(8, ())
    assert await ledger.left(HANFU, show) == stock.Availability(0, ())
    assert await ledger.audit() == []


async def test_a_show_sells_later_units_of_what_was_never_set_apart_for_it(ledger: Any) -> None:
    await ledger.receive(HANFU, 10)
    show = await ledger.show(3, {})
    await ledger.announce(HANFU, 2, THIRD, "po-1")

    # Each alone, as they come when it is quiet.
    answers = [(await ledger.reserve(ledger.want({HANFU: 1}, pool=show)))[0] for _ in range(3)]

    assert [a.lots[0].ready_on if isinstance(a, stock.Held) else a.code for a in answers] == [
        THIRD, THIRD, "stock.sold_out"
    ]  # fmt: skip
    assert await ledger.left(HANFU) == stock.Availability(10, ())
    assert await ledger.audit() == []


async def test_a_show_that_may_not_borrow_is_sold_out(ledger: Any) -> None:
    await ledger.receive(HANFU, 10)
    await ledger.announce(HANFU, 2, THIRD, "po-1")
    show = await ledger.show(3, {HANFU: 1}, borrows_future=False)

    outcomes = await ledger.outcomes(*[ledger.want({HANFU: 1}, pool=show) for _ in range(2)])

    assert outcomes == ["held", "stock.sold_out"]


async def test_one_batch_records_each_fact_once(ledger: Any) -> None:
    await ledger.receive(HANFU, 3)
    await ledger.receive(SHOES, 1)
    show = await ledger.show(3, {HANFU: 2, SHOES: 1})
    await ledger.forget_facts()
    wants = [
        ledger.want({HANFU: 1}, pool=show, show_id=3, offer_id=7),
        ledger.want({SHOES: 1}, pool=show, show_id=3, offer_id=7),
        ledger.want({SHOES: 1}, pool=show, show_id=3, offer_id=7),
    ]

    await ledger.reserve(*wants)

    assert await ledger.facts("stock.stock_changed") == [
        {
            "shop_id": 1,
            "pool_id": show,
            "show_id": 3,
            "variants": [
                {"variant_id": HANFU, "left": 1, "ready_on": None, "later": []},
                {"variant_id": SHOES, "left": 0, "ready_on": None, "later": []},
            ],
        }
    ]
    assert await ledger.facts("stock.holds_granted") == [
        {
            "shop_id": 1,
            "pool_id": show,
            "show_id": 3,
            "holds": [
                {
                    "variant_id": variant_id,
                    "quantity": 1,
                    "offer_id": 7,
                    "ready_on": None,
                    "ids": [str(want.id)],
                    "buyers": [str(want.buyer)],
                }
                for want, variant_id in ((wants[0], HANFU), (wants[1], SHOES))
            ],
        }
    ]
    assert await ledger.facts("stock.purchase_refused") == [
        {
            "shop_id": 1,
            "show_id": 3,
            "offer_id": 7,
            "refusals": [
                {
                    "variant_id": SHOES,
                    "quantity": 1,
                    "code": "stock.sold_out",
                    "ids": [str(wants[2].id)],
                    "buyers": [str(wants[2].buyer)],
                }
            ],
        }
    ]


async def test_who_sells_the_same_later_lot_hears_of_it(ledger: Any) -> None:
    await ledger.announce(HANFU, 5, THIRD, "po-1")
    show = await ledger.show(3, {HANFU: 0})
    await ledger.forget_facts()

    await ledger.reserve(ledger.want({HANFU: 2}))

    left = {fact["pool_id"]: fact["variants"] for fact in await ledger.facts("stock.stock_changed")}
    later = {"variant_id": HANFU, "left": 0, "ready_on": "2030-12-03", "later": [["2030-12-03", 3]]}
    assert left == {ledger.open_pool: [later], show: [later]}


async def test_looking_without_locks_refuses_and_never_grants_wrongly(ledger: Any) -> None:
    await ledger.receive(HANFU, 1)
    first = ledger.want({HANFU: 1})
    await ledger.reserve(first)

    async with ledger.db.transaction() as tx:
        again, other = await stock.reserve(tx, [first, ledger.want({HANFU: 1})], expect_refusals=True)
    assert isinstance(again, stock.Held)
    assert again.replayed
    assert isinstance(other, stock.Refused)
    assert other.code == "stock.sold_out"

    await ledger.receive(HANFU, 1)
    async with ledger.db.transaction() as tx:
        (granted,) = await stock.reserve(tx, [ledger.want({HANFU: 1})], expect_refusals=True)
    assert isinstance(granted, stock.Held)
    assert await ledger.audit() == []
