"""What is noise, and sums over shows."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from shopfloor.metrics import Figure, GroupFigure, ProductRow
from shopfloor.reports import ShowLine, Verdict, compared, parts, products_of, sources_of
from shopfloor.reports.comparing import compare, is_comparable
from shopfloor.reports.models import NetMoney

MONDAY = datetime(2026, 9, 7, 12, tzinfo=UTC)


def test_of_few_shows_nothing_is_said() -> None:
    found = compare(100, [90, 95, 105, 110])

    assert (found.verdict, found.shows, found.usual, found.low, found.high) == (
        Verdict.TOO_FEW,
        4,
        100,
        None,
        None,
    )
    assert compare(None, [1, 2, 3, 4, 5]).verdict is Verdict.TOO_FEW


def test_what_never_varied_is_told_at_once_and_what_varies_is_not() -> None:
    assert compare(100, [100] * 6).verdict is Verdict.USUAL
    assert compare(101, [100] * 6).verdict is Verdict.HIGHER
    assert compare(140, [60, 80, 100, 120, 150, 90]).verdict is Verdict.USUAL
    assert compare(0, [60, 80, 100, 120, 150, 90]).verdict is Verdict.LOWER
    assert compare(900, [60, 80, 100, 120, 150, 90]).verdict is Verdict.HIGHER


@pytest.mark.parametrize("shows", [5, 12, 40])
def test_where_nothing_changed_one_in_ten_is_called_unusual(shows: int) -> None:
    r = random.Random(shows)
    told = [
        compare(r.lognormvariate(8, 0.5), [r.lognormvariate(8, 0.5) for _ in range(shows)]).verdict
        for _ in range(4_000)
    ]

    # Of 4,000 with one in ten: 400, and hardly ever more than 76 (four standard deviations) from that.
    assert 324 < len(told) - told.count(Verdict.USUAL) < 476


def test_about_as_long_is_neither_half_as_long_again() -> None:
    assert is_comparable(3_600, 5_400)
    assert is_comparable(5_400, 3_600)
    assert not is_comparable(3_600, 5_401)
    assert not is_comparable(0, 0)


def show(number: int, days: int, *, minutes: int = 60, **figures: int) -> ShowLine:
    began = MONDAY + timedelta(days=days)

    def figure(metric: str, n: int) -> Figure:
        return Figure(metric, 1, "", n, None, began, "final")

    return ShowLine(
        number, began, began + timedelta(minutes=minutes), began.date(),
        began.date() - timedelta(days=began.weekday()), began.weekday(), minutes * 60.0, None, "EUR",
        {metric: figure(metric, n) for metric, n in {"gmv_paid": 0, "gmv_net": 0, **figures}.items()},
        (ProductRow(9, 1, 1, 1, 1, 1, 1, 1, 2, figures.get("gmv_paid", 0), figures.get("gmv_paid", 0), figures.get("gmv_net", 0)),),
        (GroupFigure("source", "youtube", "uv", 1, "viewers", 3, None, "final"),),
    )  # fmt: skip


def test_a_show_is_compared_with_earlier_ones_of_its_weekday_and_length() -> None:
    mondays = [show(n, 7 * n, gmv_paid=1000 + n) for n in range(6)]
    others = [show(20, 1, gmv_paid=9), show(21, 7, minutes=200, gmv_paid=9), show(22, 70, gmv_paid=9)]
    newest = show(30, 63, gmv_paid=5000)

    found = compared([newest, *mondays, *others], newest)

    assert (found["gmv_paid"].verdict, found["gmv_paid"].shows) == (Verdict.HIGHER, 6)
    assert found["uv"].verdict is Verdict.TOO_FEW


def test_parts_are_sums_and_quotients_of_sums() -> None:
    one = show(
        1, 0, gmv_paid=600, gmv_net=500, pv=10, buyers=1, reached_show=10, units_paid=4, units_returned=1
    )
    two = show(2, 3, gmv_paid=400, gmv_net=400, pv=90, buyers=9, reached_show=30, units_paid=4)
    nets = {1: NetMoney(paid=200, net=150, invalid=400), 2: NetMoney(paid=400, net=400, invalid=0)}

    [week] = parts([one, two], lambda each: each.week, nets)

    assert (week.shows, week.seconds, week.sums["gmv_paid"], week.sums["gmv_net"]) == (2, 7_200, 1_000, 900)
    assert (week.gpm, week.conversion, week.return_rate) == (10_000, 0.25, 0.125)
    assert (week.judged, week.invalid, week.net_of_both) == (2, 400, 550)
    [half] = parts([one, two], lambda each: each.week, {1: nets[1]})
    assert (half.judged, half.invalid, half.net_of_both) == (1, 400, None)
    [product] = products_of([one, two])
    assert (product.product_id, product.shows, product.units_paid, product.gmv_paid, product.gmv_net) == (
        9,
        2,
        4,
        1000,
        900,
    )
    [source] = sources_of([*one.sources, *two.sources])
    assert (source.source, source.uv, source.buyers) == ("youtube", 6, 0)


def test_what_was_not_sold_has_no_quotient() -> None:
    [part] = parts([show(1, 0)], lambda each: each.show_id, {})

    assert (part.gpm, part.conversion, part.return_rate, part.net_of_both) == (None, None, None, None)
