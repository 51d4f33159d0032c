"""The pure rules: sums, shares, statuses, forms."""

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.orders.conftest import form

from shopfloor.orders.checkout_form import form_hash, tidy
from shopfloor.orders.models import (
    Delivery,
    FulfilmentStatus,
    Granted,
    Item,
    Order,
    OrderLine,
    Party,
    PaymentStatus,
    Status,
    Why,
    totals,
)
from shopfloor.orders.refund_shares import share
from shopfloor.orders.refusals import FormRefused
from shopfloor.orders.statuses import allot, derive, due, is_late, may_cancel, refund_on_cancel
from shopfloor.policies import ShopTerms
from shopfloor.purchases import BadPurchase
from shopfloor.stock import HoldPolicy

AT = datetime(2026, 5, 1, 20, tzinfo=UTC)
TODAY = AT.date()


def item(
    price: int = 100, quantity: int = 1, ready_on: date | None = None, deposit: int | None = None
) -> Item:
    return Item(
        variant_id=1, product_id=1, offer_id=1, title="Coat", sku="C", options=[], picture_sha=None,
        quantity=quantity, unit_price_minor=price, amount_minor=price * quantity, ready_on=ready_on,
        deposit_percent=deposit,
    )  # fmt: skip


def line(**changes: object) -> OrderLine:
    plain: dict[str, object] = {
        "id": 1, "order_id": uuid4(), "position": 0, "variant_id": 1, "product_id": 1, "offer_id": 1, "title": "Coat",
        "sku": "C", "options": [], "picture_sha": None, "quantity": 2, "unit_price_minor": 50, "amount_minor": 100,
        "first_minor": 100, "ready_on": None, "ready_at": None, "delayed_to": None, "delay_accepted": False,
        "shipped_quantity": 0, "returned_quantity": 0,
    }  # fmt: skip
    return OrderLine(**(plain | changes))  # pyright: ignore[reportArgumentType]


def order(**changes: object) -> Order:
    plain: dict[str, object] = {
        "id": uuid4(), "shop_id": 1, "number": 1001, "checkout_id": uuid4(), "hold_id": uuid4(), "buyer": uuid4(),
        "policy": HoldPolicy.TIMER, "offer_id": 1, "show_id": 1, "pool_id": 1, "host_id": None, "host_name": None,
        "show_ms": 0, "contact_name": "Lin Mei", "contact_phone": "", "contact_email": "", "delivery": Delivery.SHIP,
        "address": None, "provider": "manual", "method": "transfer", "note": "", "locale": "en", "currency": "CNY",
        "goods_minor": 100, "shipping_minor": 0, "total_minor": 100, "first_minor": 100, "charged_minor": 0,
        "refund_granted_minor": 0, "refunded_minor": 0, "status": Status.PLACED,
        "payment_status": PaymentStatus.UNPAID, "fulfilment_status": FulfilmentStatus.READY, "secured": True,
        "form_hash": b"", "key": "k", "tracking": "", "cancelled_by": None, "cancel_why": None, "cancel_note": "",
        "payment_due_at": None, "balance_due_at": None, "created_at": AT, "placed_at": AT, "paid_at": None,
        "shipped_at": None, "delivered_at": None, "cancelled_at": None,
    }  # fmt: skip
    return Order(**(plain | changes))  # pyright: ignore[reportArgumentType]


LATER = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("changes", "lines", "expected"),
    [
        ({"placed_at": None, "number": None}, [line()], ("draft", "unpaid", "ready")),
        ({}, [line()], ("placed", "unpaid", "ready")),
        ({"secured": False}, [line()], ("placed", "unpaid", "unsecured")),
        ({"charged_minor": 100}, [line()], ("paid", "paid", "ready")),
        (
            {"charged_minor": 30, "first_minor": 30},
            [line(ready_on=LATER)],
            ("placed", "deposit_paid", "waiting"),
        ),
        ({"charged_minor": 100}, [line(ready_on=LATER, ready_at=AT)], ("paid", "paid", "ready")),
        (
            {"charged_minor": 100},
            [line(shipped_quantity=2), line(ready_on=LATER)],
            ("partly_shipped", "paid", "partly_shipped"),
        ),
        ({"charged_minor": 100}, [line(shipped_quantity=2)], ("shipped", "paid", "shipped")),
        (
            {"charged_minor": 100, "delivered_at": AT},
            [line(shipped_quantity=2)],
            ("delivered", "paid", "delivered"),
        ),
        (
            {"charged_minor": 100, "delivered_at": AT, "refund_granted_minor": 100, "refunded_minor": 100},
            [line(shipped_quantity=2, returned_quantity=2)],
            ("delivered", "refunded", "returned"),
        ),
        ({"charged_minor": 100, "refund_granted_minor": 40}, [line()], ("paid", "refund_due", "ready")),
        (
            {"charged_minor": 100, "refund_granted_minor": 40, "refunded_minor": 40},
            [line()],
            ("paid", "partly_refunded", "ready"),
        ),
        (
            {"cancelled_at": AT, "cancel_why": Why.ASKED, "secured": False},
            [line()],
            ("cancelled", "unpaid", "unsecured"),
        ),
        ({"total_minor": 0, "first_minor": 0, "goods_minor": 0}, [line()], ("paid", "paid", "ready")),
    ],
)
def test_statuses_follow_from_what_happened(
    changes: dict[str, object], lines: list[OrderLine], expected: tuple[str, str, str]
) -> None:
    named = derive(order(**changes), lines)

    assert (named.status, named.payment, named.fulfilment) == expected


@given(
    st.lists(
        st.tuples(st.integers(0, 10**7), st.integers(1, 99), st.booleans(), st.integers(1, 99)),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 10**5),
)
def test_first_and_balance_are_the_total(rows: list[tuple[int, int, bool, int]], shipping: int) -> None:
    items = [
        item(price, quantity, LATER if later else None, deposit) for price, quantity, later, deposit in rows
    ]

    sums = totals(items, currency="CNY", shipping_minor=shipping)

    assert sums.goods.minor == sum(price * quantity for price, quantity, _, _ in rows)
    assert sums.goods + sums.shipping == sums.total
    assert sums.first + sums.balance == sums.total
    assert 0 <= sums.first.minor <= sums.total.minor


@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=20), st.integers(0, 10**6), st.integers(0, 10**11)
)
def test_shares_of_an_amount_sum_to_it(amounts: list[int], shipping: int, total: int) -> None:
    lines = [line(amount_minor=amount) for amount in amounts]

    parts, rest = allot(total, lines, shipping_minor=shipping)

    assert sum(parts) + rest == total
    assert min([*parts, rest]) >= 0


@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=20),
    st.integers(0, 10**6),
    st.lists(st.integers(1, 10**9), max_size=10),
)
def test_refunds_in_parts_give_each_line_back_what_it_cost(
    amounts: list[int], shipping: int, wanted: list[int]
) -> None:
    lines = [line(amount_minor=amount) for amount in amounts]
    left, before, back = sum(amounts) + shipping, list[Granted](), [0] * (len(amounts) + 1)
    for most in [*wanted, left]:
        amount = min(most, left)
        parts = share(amount, before, lines, shipping_minor=shipping)
        assert sum(parts) == amount
        back = [gone + part for gone, part in zip(back, parts, strict=True)]
        before.append(Granted(uuid4(), amount, parts[:-1], parts[-1]))
        left -= amount

    assert back == [*amounts, shipping]


def test_a_total_beyond_all_orders_is_refused() -> None:
    with pytest.raises(BadPurchase):
        totals([item(10**12, 2)], currency="CNY", shipping_minor=0)


def test_what_is_due() -> None:
    assert due(order(status=Status.DRAFT)) is None
    assert due(order(charged_minor=100)) is None
    deposit = due(order(first_minor=30))
    balance = due(order(first_minor=30, charged_minor=30))
    assert deposit is not None
    assert balance is not None
    assert (deposit.purpose, deposit.amount.minor) == ("deposit", 30)
    assert (balance.purpose, balance.amount.minor) == ("balance", 70)


def test_late_is_what_was_promised_and_is_not_there() -> None:
    due_today = line(ready_on=TODAY)
    assert not is_late([due_today], today=TODAY)
    assert is_late([due_today], today=date(2026, 5, 2))
    assert not is_late([line(ready_on=TODAY, ready_at=AT)], today=date(2026, 5, 9))
    assert is_late([line(ready_on=LATER, delayed_to=date(2026, 7, 1))], today=TODAY)
    accepted = line(ready_on=LATER, delayed_to=date(2026, 7, 1), delay_accepted=True)
    assert not is_late([accepted], today=date(2026, 6, 20))
    assert is_late([accepted], today=date(2026, 7, 2))


@pytest.mark.parametrize(
    ("changes", "by", "allowed"),
    [
        ({}, Party.BUYER, True),
        ({"charged_minor": 30}, Party.BUYER, False),
        ({"charged_minor": 100, "status": Status.PAID}, Party.MERCHANT, True),
        ({"status": Status.SHIPPED}, Party.MERCHANT, False),
        ({"status": Status.DRAFT}, Party.MERCHANT, False),
    ],
)
def test_who_may_cancel(changes: dict[str, object], by: Party, allowed: bool) -> None:
    assert may_cancel(order(**changes), [line()], by=by, today=TODAY) is allowed


def test_a_deposit_is_kept_only_when_the_balance_stays_unpaid() -> None:
    found = order(charged_minor=130, total_minor=200, first_minor=130)
    lines = [line(), line(first_minor=30)]

    def back(why: Why, *, keep: bool = True) -> int:
        return refund_on_cancel(found, lines, why=why, terms=ShopTerms(keep_deposit=keep))

    assert back(Why.ASKED) == 130
    assert back(Why.LATE) == 130
    assert back(Why.BALANCE_UNPAID) == 100
    assert back(Why.BALANCE_UNPAID, keep=False) == 130


def test_a_form_is_tidied() -> None:
    clean = tidy(form(name=" Lin\t Mei\n", note="ring\x00 twice "))

    assert (clean.name, clean.note) == ("Lin Mei", "ring  twice")
    assert tidy(form(delivery=Delivery.PICK_UP)).address is None
    assert form_hash(clean) == form_hash(tidy(form(name="Lin Mei", note="ring\x00 twice", locale="zh_CN")))
    assert form_hash(clean) != form_hash(tidy(form(name="Lin Mei", note="ring once")))


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"phone": "", "email": ""}, {"phone": "phone_or_email"}),
        ({"email": "nobody"}, {"email": "not_an_address"}),
        ({"name": "x" * 121}, {"name": "too_long"}),
        ({"note": "x" * 1001}, {"note": "too_long"}),
    ],
)
def test_what_is_wrong_with_a_form(changes: dict[str, object], wrong: dict[str, str]) -> None:
    with pytest.raises(FormRefused) as refusal:
        tidy(form(**changes))

    assert refusal.value.facts == {"fields": wrong}


@pytest.mark.parametrize("payment", list(PaymentStatus))
def test_what_is_not_paid_in_full_is_on_hold_and_never_ready(payment: PaymentStatus) -> None:
    is_owed = payment in {PaymentStatus.UNPAID, PaymentStatus.DEPOSIT_PAID}
    expected = FulfilmentStatus.ON_HOLD if is_owed else FulfilmentStatus.READY
    paid = order(status="paid", payment_status=payment, fulfilment_status="ready")
    assert paid.fulfilment_status is expected
    # Something is owed still, also where a part of what was paid went back.
    placed = order(status="placed", payment_status=payment, fulfilment_status="ready")
    assert (placed.fulfilment_status is FulfilmentStatus.READY) == (payment is PaymentStatus.AUTHORISED)
    # Goods that are not there, or gone, are said to be that.
    for other in ("unsecured", "waiting", "shipped", "returned"):
        assert order(payment_status=payment, fulfilment_status=other).fulfilment_status == other
