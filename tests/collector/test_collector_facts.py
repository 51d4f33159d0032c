"""Facts of the outbox in the lake: every one exactly once."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from shopfloor import collector
from shopfloor.collector import compare, from_fact

Make = Callable[..., Awaitable[collector.Collector]]


AT = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
FACT = UUID("01a20534-843c-7048-a382-0513e297f183")
BUYER, ORDER, HOLD = (str(UUID(int=n)) for n in (1, 2, 3))


def rows(kind: str, **body: Any) -> list[collector.Event]:
    return from_fact(kind, {"shop_id": 4, **body}, FACT, 4, AT)


def test_a_fact_without_a_list_is_one_event_under_its_own_id() -> None:
    (event,) = rows("live.show_started", show_id=7, pool_id=3, host_id=None, at=12)

    assert event == collector.Event(
        id=str(FACT),
        source="shopfloor/4",
        type="live.show_started",
        event_time=AT,
        shop_id=4,
        show_id=7,
        actor_kind="system",
        extra={"pool_id": 3, "at": 12},
    )


def test_holds_become_one_event_each() -> None:
    first, second = rows(
        "stock.holds_granted",
        pool_id=3,
        show_id=7,
        holds=[
            {
                "id": HOLD,
                "buyer": BUYER,
                "variant_id": 9,
                "quantity": 2,
                "offer_id": 5,
                "ready_on": "2026-12-03",
            },
            {"id": ORDER, "buyer": BUYER, "variant_id": 8, "quantity": 1, "offer_id": None, "ready_on": None},
        ],
    )

    assert (first.id, second.id) == (f"{FACT}:0/2", f"{FACT}:1/2")
    assert (first.hold_id, first.viewer, first.variant_id, first.quantity, first.offer_id) == (
        HOLD,
        BUYER,
        9,
        2,
        5,
    )
    assert first.extra == {"pool_id": 3, "ready_on": "2026-12-03"}
    assert (second.hold_id, second.show_id, second.offer_id) == (ORDER, 7, None)


def test_the_lines_of_an_order_carry_their_own_amounts() -> None:
    (one, _) = rows(
        "orders.order_paid",
        order_id=ORDER,
        buyer=BUYER,
        show_id=None,
        purpose="deposit",
        paid_in_full=False,
        currency="CNY",
        amount_minor=900,
        shipping_minor=100,
        lines=[
            {
                "line_id": 1,
                "variant_id": 9,
                "product_id": 2,
                "quantity": 2,
                "unit_price_minor": 300,
                "amount_minor": 500,
            },
            {
                "line_id": 2,
                "variant_id": 8,
                "product_id": 2,
                "quantity": 1,
                "unit_price_minor": 300,
                "amount_minor": 300,
            },
        ],
    )

    assert (one.order_id, one.viewer, one.amount_minor, one.currency, one.code) == (
        ORDER,
        BUYER,
        500,
        "CNY",
        "deposit",
    )
    assert one.extra == {
        "order_amount_minor": 900,
        "shipping_minor": 100,
        "paid_in_full": False,
        "line_id": 1,
        "unit_price_minor": 300,
    }


def test_amounts_are_found_in_whatever_shape() -> None:
    (money,) = rows("orders.refund_paid", order_id=ORDER, amount={"minor": 5, "currency": "JPY"})
    (unit,) = rows("x.bought", price={"minor": 5, "currency": "JPY"}, quantity=3)
    (plain,) = rows("x.bought", price_minor=7, quantity=3, currency="CNY")

    assert [(one.amount_minor, one.currency) for one in (money, unit, plain)] == [
        (5, "JPY"),
        (15, "JPY"),
        (21, "CNY"),
    ]


def test_stock_left_is_the_quantity_and_plain_ids_are_variants() -> None:
    (left,) = rows(
        "stock.stock_changed", variants=[{"variant_id": 9, "left": 0, "later": [["2026-12-03", 4]]}]
    )
    one, two = rows("live.offer_shown", variants=[9, 8])

    assert (left.variant_id, left.quantity, left.extra) == (9, 0, {"later": [["2026-12-03", 4]]})
    assert (one.variant_id, two.variant_id) == (9, 8)


def test_the_same_fact_gives_the_same_ids_and_an_empty_list_one_event() -> None:
    (empty,) = rows("stock.holds_granted", holds=[])

    assert empty.id == str(FACT)
    assert rows("stock.holds_granted", holds=[{"id": HOLD}] * 3) == rows(
        "stock.holds_granted", holds=[{"id": HOLD}] * 3
    )


def test_holds_that_are_alike_become_one_event_each() -> None:
    """What they have in common stands once in the fact, and in each of the events."""
    pair = {
        "variant_id": 9,
        "quantity": 2,
        "offer_id": 5,
        "ready_on": None,
        "ids": [HOLD, ORDER],
        "buyers": [BUYER, HOLD],
    }
    one, two, other = rows(
        "stock.holds_granted",
        show_id=7,
        holds=[pair, {**pair, "variant_id": 8, "ids": [FACT], "buyers": [BUYER]}],
    )

    assert [event.id for event in (one, two, other)] == [f"{FACT}:{index}/3" for index in range(3)]
    assert [(event.hold_id, event.viewer, event.variant_id) for event in (one, two, other)] == [
        (HOLD, BUYER, 9),
        (ORDER, HOLD, 9),
        (str(FACT), BUYER, 8),
    ]
    assert {(event.quantity, event.offer_id, event.show_id) for event in (one, two, other)} == {(2, 5, 7)}


def test_places_in_the_line_become_one_event_each() -> None:
    (one,) = rows(
        "orders.waitlist_joined",
        show_id=7,
        places=[
            {"waiting_id": HOLD, "buyer": BUYER, "variant_id": 9, "quantity": 2, "offer_id": 5, "position": 1}
        ],
        waiting=[{"variant_id": 9, "units": 2}],
    )

    assert (one.id, one.viewer, one.variant_id, one.quantity, one.offer_id) == (f"{FACT}:0/1", BUYER, 9, 2, 5)
    assert one.extra == {"waiting": [{"variant_id": 9, "units": 2}], "waiting_id": HOLD, "position": 1}


def test_compare_finds_what_is_missing_incomplete_repeated_or_invented() -> None:
    whole, split, missing, incomplete, repeated, invented = (UUID(int=n) for n in range(1, 7))
    lake = [
        str(whole),
        f"{split}:1/2",
        f"{split}:0/2",
        f"{incomplete}:0/2",
        str(repeated),
        str(repeated),
        str(invented),
    ]
    good = compare([whole, split], lake[:3])
    bad = compare([whole, split, missing, incomplete, repeated], lake)

    assert (good.passed, good.offending) == (True, ())
    assert good.figures == {"facts": 2, "missing": 0, "incomplete_or_repeated": 0, "without_a_fact": 0}
    assert not bad.passed
    assert bad.figures == {"facts": 5, "missing": 1, "incomplete_or_repeated": 2, "without_a_fact": 1}
    assert set(bad.offending) == {str(one) for one in (missing, incomplete, repeated, invented)}


def test_compare_sees_a_split_fact_beside_its_whole() -> None:
    fact = UUID(int=1)

    assert not compare([fact], [str(fact), f"{fact}:0/1"]).passed
    assert not compare([fact], [f"{fact}:0/1", f"{fact}:0/2", f"{fact}:1/2"]).passed
    assert not compare([fact], [f"{fact}:x/y"]).passed


async def test_the_audit_compares_the_outbox_with_the_lake(make: Make, directory: Path) -> None:
    one = await make()
    events = rows("stock.holds_granted", holds=[{"id": HOLD}, {"id": ORDER}])
    beat = collector.Event(
        id=str(UUID(int=9)), source="shopfloor/4/room", type="live.heartbeat", event_time=AT, viewer=BUYER
    )
    await one.append([*events, beat])
    await one.append(events)
    await one.seal()

    assert all(check.passed for check in collector.audit(directory, [FACT]))
    (failed,) = [check for check in collector.audit(directory, [FACT, UUID(int=8)]) if not check.passed]
    assert failed.offending == (str(UUID(int=8)),)
