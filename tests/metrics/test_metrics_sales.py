"""What a shop sold over all channels and weeks, held against a plain reading of random months."""

import asyncio
import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import pytest
from tests.metrics.conftest import write_lake

from shopfloor import collector, metrics

SHOP = 1
ZONE = "Asia/Shanghai"
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
END = BEGIN + timedelta(days=300)
SPACE = UUID(int=8)


def fact(n: int, kind: str, at: datetime, **body: object) -> list[collector.Event]:
    return collector.from_fact(
        kind, {"shop_id": SHOP, "currency": "CNY", **body}, uuid5(SPACE, str(n)), SHOP, at
    )


def line(amount: int, units: int, variant: int = 1) -> dict[str, object]:
    return {
        "line_id": variant,
        "variant_id": variant,
        "product_id": 9,
        "quantity": units,
        "amount_minor": amount,
    }


def sold(seed: int) -> list[collector.Event]:
    r = random.Random(seed)
    told: list[collector.Event] = []
    for n in range(r.randint(20, 60)):
        # Around midnight of the shop, where the day of UTC is another.
        at = BEGIN + timedelta(days=r.randint(0, 150), hours=r.choice((0, 3, 4, 5)), minutes=r.randint(0, 59))
        order, buyer = str(uuid5(SPACE, f"o{n}")), str(uuid5(SPACE, f"b{r.randint(0, 9)}"))
        lines = [line(r.randint(1, 900), r.randint(1, 3), variant) for variant in range(1, r.randint(2, 4))]
        whole: dict[str, object] = {"order_id": order, "amount_minor": 0, "number": n}
        if r.random() < 0.2:
            # A sale of a till is an order of nobody known, and the register's own fact beside it.
            sale = {**whole, "buyer": order, "show_id": None}
            told += fact(9 * n, "orders.order_placed", at, **sale, lines=lines)
            told += fact(9 * n + 2, "orders.order_paid", at, **sale, lines=lines, paid_in_full=True)
            told += fact(9 * n + 4, "till.sale_taken", at, **whole, receipt="1", register_id=1, location_id=1, lines=lines,
                         shift_id=None, assistant_id=None, state="online")  # fmt: skip
            if r.random() < 0.4:
                told += _back_at_a_till(n, sale, lines[:1], at + timedelta(days=2))
            continue
        order_of = {**whole, "buyer": buyer, "show_id": r.choice((None, 7, 8))}
        told += fact(9 * n, "orders.order_placed", at, **order_of, lines=lines)
        if r.random() < 0.2:
            continue
        paid = at + timedelta(days=r.choice((0, 1, 9)))
        told += fact(9 * n + 2, "orders.order_paid", paid, **order_of, lines=lines, paid_in_full=True)
        if r.random() < 0.3:
            told += fact(
                9 * n + 3, "orders.order_refunded", paid + timedelta(days=1), **order_of, lines=lines[:1]
            )
        elif r.random() < 0.2:
            told += _back_at_a_till(n, order_of, lines[:1], paid + timedelta(days=1))
    return told


def _back_at_a_till(
    n: int, order: dict[str, object], lines: list[dict[str, object]], at: datetime
) -> list[collector.Event]:
    """Any order may come back at a till: it is refunded, and the register says so, too."""
    back = {
        "receipt": "2",
        "units": 1,
        "order_id": order["order_id"],
        "amount_minor": lines[0]["amount_minor"],
    }
    return [
        *fact(9 * n + 3, "orders.order_refunded", at, **order, lines=lines),
        *fact(9 * n + 5, "till.return_taken", at, **back),
    ]


class Plain:
    """Orders with their charge, what is left of it, their local day and their channel."""

    def __init__(self, events: list[collector.Event]) -> None:
        rows: dict[str, dict[str, Any]] = {}
        for e in sorted(events, key=lambda each: each.event_time):
            row = rows.setdefault(
                str(e.order_id), {"day": None, "lines": defaultdict(lambda: [0, 0, 0]), "buyer": None,
                                  "channel": "web"}
            )  # fmt: skip
            line = row["lines"][e.variant_id]
            if e.show_id:
                row["channel"] = "show"
            if e.viewer != e.order_id:
                row["buyer"] = e.viewer or row["buyer"]
            day = e.event_time.astimezone(ZoneInfo(ZONE)).date()
            match e.type:
                case "orders.order_placed":
                    line[2] += e.quantity
                case "orders.order_paid":
                    line[0] += e.amount_minor
                    row["day"] = row["day"] or day
                case "orders.order_refunded":
                    line[1] += e.amount_minor
                case "till.sale_taken":
                    row["channel"] = "till"
                case _:
                    pass
        self.orders: list[tuple[date, str, str | None, int, int]] = []
        for row in rows.values():
            if row["day"] is None:
                continue
            charged = sum(line[0] for line in row["lines"].values())
            net = sum(line[0] - min(line[0], line[1]) for line in row["lines"].values())
            self.orders.append((row["day"], row["channel"], row["buyer"], charged, net))

    def figures(self) -> dict[tuple[str, str, str], int | Fraction]:
        found: dict[tuple[str, str, str], int | Fraction] = defaultdict(int)
        buyers: dict[tuple[str, str], set[str]] = defaultdict(set)
        first: dict[str, date] = {}
        days: dict[str, set[date]] = defaultdict(set)
        for day, _, buyer, *_ in sorted(self.orders, key=lambda each: each[0]):
            if buyer:
                first.setdefault(buyer, day)
                days[buyer].add(day)
        cohorts: dict[int, int] = defaultdict(int)
        for day in first.values():
            cohorts[month(day)] += 1
        came: dict[tuple[int, int], set[str]] = defaultdict(set)
        left: dict[tuple[int, int], int] = defaultdict(int)
        for day, channel, buyer, charged, net in self.orders:
            for grain, key in (("shop", ""), ("week", str(week(day))), ("channel", channel)):
                found["sales_orders", grain, key] += 1
                found["sales_gmv_paid", grain, key] += charged
                found["sales_gmv_net", grain, key] += net
                buyers[grain, key] |= {buyer} if buyer else set()
            if buyer:
                cohort = month(first[buyer])
                came[cohort, month(day) - cohort].add(buyer)
                left[cohort, month(day) - cohort] += net
        for (grain, key), each in buyers.items():
            if each:
                found["sales_buyers", grain, key] = len(each)
        for day in first.values():
            found["new_buyers", "week", str(week(day))] += 1
        found["new_buyers", "shop", ""] = len(first)
        found["repeat_rate", "shop", ""] = Fraction(sum(len(each) > 1 for each in days.values()), len(days))
        for (cohort, age), people in came.items():
            found["retention", "cohort", f"{cohort}/{age}"] = Fraction(len(people), cohorts[cohort])
            brought = sum(net for (of, at), net in left.items() if of == cohort and at <= age)
            found["ltv", "cohort", f"{cohort}/{age}"] = Fraction(brought, cohorts[cohort])
        return dict(found)


def week(day: date) -> int:
    return (day - timedelta(days=day.weekday()) - date(1970, 1, 1)).days


def month(day: date) -> int:
    return day.year * 12 + day.month - 1


@pytest.mark.parametrize("seed", range(4))
async def test_sales_are_what_a_plain_reading_says(tmp_path: Path, seed: int) -> None:
    events = sold(seed)
    await write_lake(tmp_path / "lake", events)

    found = await asyncio.to_thread(metrics.sales, tmp_path / "lake", SHOP, zone=ZONE, at=END)

    told = {
        (each.id, each.grain, each.key): each.numerator
        if each.denominator is None
        else Fraction(each.numerator, each.denominator)
        for each in (*found.figures, *found.groups)
        if each.id != "sales_units"
    }
    assert told == Plain(events).figures()
    assert found.currency == "CNY"


async def test_a_shop_that_sold_nothing_has_no_figures(tmp_path: Path) -> None:
    await write_lake(tmp_path / "lake", fact(1, "live.show_started", BEGIN, show_id=7))

    found = await asyncio.to_thread(metrics.sales, tmp_path / "lake", SHOP, zone=ZONE, at=END)

    assert (found.figures, found.groups, found.currency) == ((), (), None)


async def test_two_currencies_are_no_sum_of_a_shop(tmp_path: Path) -> None:
    events = sold(1)
    other = fact(
        9_999, "orders.order_placed", BEGIN, order_id="x", show_id=None, currency="JPY", lines=[line(5, 1)]
    )
    await write_lake(tmp_path / "lake", [*events, *other])

    with pytest.raises(metrics.MixedCurrencies):
        await asyncio.to_thread(metrics.sales, tmp_path / "lake", SHOP, zone=ZONE, at=END)
