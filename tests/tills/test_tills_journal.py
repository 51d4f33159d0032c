"""The journal of a till: sent twice, in pieces, out of order, by two devices, with a wrong clock; never refused."""

import random
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from tests.tills.conftest import PRICE, Store

from shopfloor import stock, tills
from shopfloor.kernel.values import new_id, now
from shopfloor.tills.models import NotBookable


async def test_a_sale_is_an_order_that_is_paid_and_handed_over(store: Store) -> None:
    till = await store.till()
    till.open_shift()
    sale = till.sell(2)
    assert await till.send() == tills.journal.Taken(2, [])

    view = await store.order(sale)
    assert (view.order.status, view.order.payment_status, view.order.fulfilment_status) == (
        "delivered", "paid", "delivered",
    )  # fmt: skip
    assert (view.order.total_minor, view.order.charged_minor, view.order.method) == (
        2 * PRICE,
        2 * PRICE,
        "cash",
    )
    assert [(line.quantity, line.shipped_quantity, line.amount_minor) for line in view.lines] == [
        (2, 2, 2 * PRICE)
    ]
    assert await store.here() == 8
    assert await store.value("SELECT channel FROM orders.orders WHERE id = %(id)s", id=sale) == "till"
    assert await store.tasks() == []
    await store.assert_sound()


async def test_a_journal_sent_twice_and_in_any_pieces_counts_once(store: Store) -> None:
    till = await store.till()
    till.open_shift()
    for _ in range(4):
        till.sell(1)
    dice = random.Random(4)
    for _ in range(12):
        start = dice.randrange(len(till.facts))
        await till.send(dice.sample(till.facts[start : start + 3], k=len(till.facts[start : start + 3])))
    assert (await till.send()).taken_to == 5
    assert (await till.send()).taken_to == 5
    assert await store.here() == 6
    assert await store.value("SELECT count(*) FROM orders.orders") == 4
    assert await store.value("SELECT count(*) FROM payments.event WHERE kind = 'charged'") == 4
    assert await store.tasks() == []
    await store.assert_sound()


async def test_facts_are_taken_up_to_the_first_gap(store: Store) -> None:
    till = await store.till()
    till.open_shift()
    till.sell(1)
    till.sell(1)
    assert (await till.send(till.facts[2:])).taken_to == 0
    assert (await till.send([till.facts[0], till.facts[2]])).taken_to == 1
    assert await store.here() == 10
    assert (await till.send([till.facts[2], till.facts[1]])).taken_to == 3
    assert await store.here() == 8


async def test_what_was_sold_beyond_stock_stands_and_is_a_task(store: Store) -> None:
    """Nine of ten are promised to viewers; the till sells three, and later more than there ever were."""
    assert isinstance(await store.hold(9), stock.Held)
    till = await store.till()
    till.open_shift()
    first = till.sell(3)
    assert [each.code for each in (await till.send()).tasks] == ["shortfall"]
    assert (await store.order(first)).order.status == "delivered"
    assert await store.here() == 7
    assert await store.value("SELECT shortfall FROM stock.level WHERE held > 0") == 2
    till.sell(9)
    assert [each.code for each in (await till.send()).tasks] == ["shortfall", "beyond_books"]
    assert await store.here() == 0
    await store.assert_sound()


async def test_facts_that_cannot_be_understood_are_kept_and_the_next_ones_count(store: Store) -> None:
    till = await store.till()
    till.open_shift()
    till.add("sale", {"id": "no id", "lines": [], "number": 1})
    till.add("dance", {"steps": 3})
    till.add("sale", {"id": str(uuid4()), "lines": [{"quantity": -1, "amount": 5}]})
    till.add("cash.in", {"amount": "much", "reason": "\x00"})
    till.add("receipt.reprinted", {"number": 1})
    till.number = 0
    sale = till.sell(1)
    taken = await till.send()
    assert taken.taken_to == 7
    assert [(each.sequence, each.code) for each in taken.tasks] == [
        (2, "unreadable"), (3, "unreadable"), (4, "unreadable"), (5, "unreadable"),
    ]  # fmt: skip
    assert (await store.order(sale)).order.payment_status == "paid"
    assert await store.value("SELECT string_agg(state, ' ' ORDER BY sequence) FROM tills.fact") == (
        "applied review kept review review kept applied"
    )
    await store.assert_sound()


async def test_goods_unknown_to_the_catalogue_and_open_amounts_are_sold(store: Store) -> None:
    till = await store.till()
    till.open_shift()
    unknown = till.sell(1, variant=999_999)
    till.sell(1)
    till.facts[-1]["body"]["lines"][0]["variant"] = None
    till.facts[-1] = tills.journal.chain(
        {name: value for name, value in till.facts[-1].items() if name != "hash"}, till.facts[-2]["hash"]
    )
    taken = await till.send()
    assert [each.code for each in taken.tasks] == ["unknown_variant"]
    view = await store.order(unknown)
    assert [line.title for line in view.lines] == ["Longjing 50 g"]
    assert await store.here() == 10
    await store.assert_sound()


async def test_sums_that_do_not_agree_are_kept_as_they_were_paid(store: Store) -> None:
    till = await store.till()
    till.open_shift()
    sale = till.sell(2, total=5000)
    short = till.sell(1, tenders=[{"kind": "cash", "amount": 1000}], change=0)
    taken = await till.send()
    assert [each.code for each in taken.tasks] == ["sums", "sums"]
    assert (await store.order(sale)).order.charged_minor == 2 * PRICE
    assert (await store.order(short)).order.charged_minor == 1000
    await store.assert_sound()


async def test_tenders_are_split_and_cash_is_rounded(store: Store) -> None:
    till = await store.till()
    shift = till.open_shift(0)
    both = [{"kind": "cash", "amount": 1000}, {"kind": "card_terminal", "amount": 988, "slip": "4"}]
    down = till.sell(1, total=PRICE - 2, rounding=-2, tenders=both, change=0)
    up = till.sell(1, total=PRICE + 5, rounding=5, tenders=[{"kind": "cash", "amount": 2000}], change=5)
    till.close_shift(1000 + 1995)
    assert (await till.send()).tasks == []
    assert [(await store.order(each)).order.charged_minor for each in (down, up)] == [PRICE, PRICE]
    assert await store.value("SELECT z -> 'by_tender' FROM tills.shift WHERE id = %(id)s", id=shift) == {
        "card_terminal": 988,
        "cash": 2995,
    }
    assert await store.value("SELECT z -> 'variance' FROM tills.shift") == 0
    await store.assert_sound()


async def test_a_chain_that_was_broken_is_a_task_and_the_next_link_holds(store: Store) -> None:
    till = await store.till()
    till.open_shift()
    till.sell(1)
    till.facts[1]["body"]["total"] += 1
    till.facts[1]["body"]["rounding"] = 1
    till.facts[1]["body"]["change"] = 9
    till.sell(1)
    assert [(each.sequence, each.code) for each in (await till.send()).tasks] == [(2, "chain")]
    await store.assert_sound()


async def test_one_sequence_with_two_contents_keeps_the_first(store: Store) -> None:
    till = await store.till()
    till.open_shift()
    till.sell(1)
    await till.send()
    other = dict(till.facts[1], body={**till.facts[1]["body"], "total": 1})
    assert [each.code for each in (await till.send([other])).tasks] == ["other_content"]
    assert (await till.send([other])).tasks == []
    assert await store.here() == 9
    await store.assert_sound()


async def test_numbers_without_gaps_and_each_once(store: Store) -> None:
    till = await store.till()
    till.open_shift()
    till.sell(1)
    till.number = 0
    till.sell(1)
    till.number = 7
    till.sell(1)
    taken = await till.send()
    assert [(each.sequence, each.code) for each in taken.tasks] == [(3, "number"), (4, "number")]
    assert await store.here() == 7
    await store.assert_sound()


async def test_training_counts_nowhere(store: Store) -> None:
    till = await store.till()
    shift = till.open_shift(0)
    till.sell(3, training=True, number=None)
    till.close_shift(0)
    assert (await till.send()).tasks == []
    assert await store.here() == 10
    assert await store.value("SELECT count(*) FROM orders.orders") == 0
    assert (
        await store.value("SELECT z -> 'sales' ->> 'total' FROM tills.shift WHERE id = %(id)s", id=shift)
        == "0"
    )
    await store.assert_sound()


async def test_two_devices_in_one_shift_and_late_facts(store: Store) -> None:
    first, second = await store.till(), await store.till("Phone")
    shift = first.open_shift(10_000)
    second.shift = shift
    second.sell(1)
    second.sell(2, cash=False)
    first.sell(1)
    first.add("cash.drop", {"amount": 5000, "reason": "safe"})
    # The second one's journal arrives first; its shift is not known yet.
    assert (await second.send(second.facts[:1])).tasks == []
    first.close_shift(10_000 + 2 * PRICE - 5000 - 100)
    assert [each.code for each in (await first.send()).tasks] == ["variance"]
    z = await store.value("SELECT z FROM tills.shift WHERE id = %(id)s", id=shift)
    assert (z["drawer"], z["variance"], z["number"], z["ever_sold"]) == (8980, -100, 1, 2 * PRICE)
    assert [each.code for each in (await second.send()).tasks] == ["late"]
    assert await store.value("SELECT late FROM tills.shift") == 1
    assert await store.value("SELECT z FROM tills.shift WHERE id = %(id)s", id=shift) == z
    assert (first.device.series, second.device.series) == ("A1", "A2")
    await store.assert_sound()


async def test_z_are_numbered_and_chained_over_midnight_and_daylight_saving(store: Store) -> None:
    """A shift from before midnight to after, in the night in which an hour comes twice, sold in that order."""
    till = await store.till()
    await store.value("UPDATE tills.device SET paired_at = '2026-10-01' RETURNING 1")
    for evening in (datetime(2026, 10, 24, 21, 30, tzinfo=UTC), datetime(2026, 10, 25, 21, 30, tzinfo=UTC)):
        till.shift = uuid4()
        till.add("shift.opened", {"id": str(till.shift), "float": 0}, at=evening)
        for hour in range(5):
            till.sell(1, at=evening + timedelta(hours=hour))
        till.add(
            "shift.closed", {"id": str(till.shift), "counted": 5 * PRICE}, at=evening + timedelta(hours=6)
        )
    assert (await till.send()).tasks == []
    assert await store.value("SELECT array_agg(z_number ORDER BY number) FROM tills.shift") == [1, 2]
    assert (
        await store.value(
            "SELECT count(DISTINCT happened_at) FROM tills.receipt WHERE happened_at < '2026-10-25 02:00Z'"
        )
        == 5
    )
    await store.assert_sound()


@pytest.mark.parametrize("wrong", [timedelta(days=-9000), timedelta(hours=3), timedelta(minutes=-40)])
async def test_a_wrong_clock_is_put_right_and_a_task(store: Store, wrong: timedelta) -> None:
    till = await store.till()
    till.shift = uuid4()
    began = now()
    till.add("shift.opened", {"id": str(till.shift), "float": 0}, at=began + wrong)
    till.sell(1, at=began + wrong)
    taken = await till.send(told_at=now() + wrong)
    assert [each.code for each in taken.tasks] == ["clock", "clock"]
    assert abs(await store.value("SELECT happened_at FROM tills.receipt") - began) < timedelta(minutes=1)


async def test_a_device_that_is_locked_out_is_heard_and_reviewed(store: Store) -> None:
    till = await store.till()
    till.open_shift()
    till.sell(1)
    await till.send()
    sale = till.sell(2)
    async with store.db.transaction() as tx:
        await tills.registers.set_escrow(
            tx, shop_id=store.shop_id, device_id=till.device.id, variant_id=store.variants[0], quantity=4
        )
        await tills.registers.lock_out(tx, shop_id=store.shop_id, device_id=till.device.id, person_id=1)
    assert isinstance(await store.hold(9), stock.Held)
    taken = await till.send()
    assert (taken.taken_to, [each.code for each in taken.tasks]) == (3, ["locked_out"])
    assert await store.here() == 9
    async with store.db.transaction() as tx:
        await tills.journal.review(
            tx, shop_id=store.shop_id, device_id=till.device.id, sequence=3, counts=True
        )
    assert (await store.order(sale)).order.payment_status == "paid"
    assert await store.here() == 7
    await store.assert_sound()


async def test_returns_of_any_order_over_the_counter(store: Store) -> None:
    till = await store.till()
    shift = till.open_shift(10_000)
    sale = till.sell(3)
    till.take_back(sale, quantity=2, amount=2 * PRICE)
    assert (await till.send()).tasks == []
    view = await store.order(sale)
    assert (view.order.refunded_minor, view.lines[0].returned_quantity) == (2 * PRICE, 2)
    assert await store.here() == 9
    # One unit is left: two stores take it back.
    other = await store.till("Second")
    other.shift = shift
    till.take_back(sale)
    other.take_back(sale, offline=True)
    assert (await till.send()).tasks == []
    assert [each.code for each in (await other.send()).tasks] == [
        "returned_twice", "refund_beyond", "return_offline",
    ]  # fmt: skip
    till.close_shift(10_000 + 3 * PRICE - 4 * PRICE)
    assert (await till.send()).tasks == []
    assert await store.here() == 11
    assert (await store.order(sale)).order.payment_status == "refunded"
    await store.assert_sound()


async def test_a_return_of_a_sale_nobody_knows_is_a_task(store: Store) -> None:
    till = await store.till()
    till.open_shift(5000)
    till.take_back(new_id(), of={"receipt": "A1-000099"})
    assert [each.code for each in (await till.send()).tasks] == ["return_unknown"]
    assert await store.value("SELECT amount_minor FROM tills.entry") == -PRICE
    await store.assert_sound()


@pytest.mark.parametrize("variant", ["13", 2**62, True, 987_654])
async def test_goods_nobody_knows_are_a_task_and_an_open_amount(store: Store, variant: object) -> None:
    till = await store.till()
    till.open_shift()
    till.sell(1, variant=variant)  # pyright: ignore[reportArgumentType]
    assert [each.code for each in (await till.send()).tasks] == ["unknown_variant"]
    assert await store.here() == 10
    await store.assert_sound()


async def test_a_number_far_ahead_of_its_series_is_not_followed(store: Store) -> None:
    till = await store.till()
    till.open_shift()
    till.sell(1, number=2**53)
    till.sell(1, number=1)
    till.sell(1, number=2)
    taken = await till.send()
    assert [(each.sequence, each.code) for each in taken.tasks] == [(2, "number")]
    assert await store.value("SELECT last_number FROM tills.device") == 2


@pytest.mark.parametrize(
    ("kind", "body"),
    [("sale", {"lines": 5}), ("sale", {"id": str(new_id()), "lines": [{"quantity": -1}]}), ("return", {})],
)
async def test_what_nothing_can_follow_from_is_kept_and_never_booked(
    store: Store, kind: str, body: dict[str, object]
) -> None:
    till = await store.till()
    till.open_shift()
    till.add(kind, body)
    assert [each.code for each in (await till.send()).tasks] == ["unreadable"]
    async with store.db.transaction() as tx:
        with pytest.raises(NotBookable):
            await tills.journal.review(
                tx, shop_id=store.shop_id, device_id=till.device.id, sequence=2, counts=True
            )
    async with store.db.transaction() as tx:
        await tills.journal.review(
            tx, shop_id=store.shop_id, device_id=till.device.id, sequence=2, counts=False
        )
    assert await store.value("SELECT state FROM tills.fact WHERE sequence = 2") == "kept"
    assert await store.value("SELECT count(*) FROM orders.orders") == 0
    await store.assert_sound()
