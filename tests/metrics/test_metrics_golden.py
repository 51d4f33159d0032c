"""A hand-made show with figures computed by hand."""

import asyncio
import shutil
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
from tests.metrics.conftest import SHOW, Script, write_lake

from shopfloor import collector, metrics
from shopfloor.kernel.values import now
from shopfloor.metrics import loader

AS_OF = timedelta(days=2)


@pytest.fixture(scope="module")
def report(small_show: Path) -> metrics.ShowReport:
    return metrics.show_report(small_show, 1, 7)


def seconds(moments: Any, start: Any) -> list[float]:
    return [(moment - start).total_seconds() for moment in moments]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("live_views", 6),
        ("pv", 5),
        ("uv", 3),
        ("uv_10s", 3),
        ("uv_60s", 3),
        ("watch_s", 462),
        ("pcu", 3),
        ("acu", 462 / 300),
        ("acu_legacy", 2.0),
        ("dwell_mean", 154),
        ("dwell_median", 90),
        ("interactions", 5),
        ("interact_rate", 1),
        ("asks", 1),
        ("clicks", 5),
        ("clickers", 3),
        ("holders", 3),
        ("units_held", 5),
        ("orders_placed", 5),
        ("orders_paid", 3),
        ("pay_rate", 3 / 5),
        ("reached_show", 3),
        ("reached_product", 3),
        ("reached_hold", 3),
        ("buyers", 3),
        ("conversion", 1),
        ("units_paid", 5),
        ("gmv_placed", 58000),
        ("gmv_paid", 45000),
        ("gmv_net", 40000),
        ("units_returned", 3),
        ("units_returned_size", 1),
        ("units_returned_fault", 1),
        ("deposits", 1600),
        ("gpm", 9_000_000),
        ("uv_value", 15000),
        ("aov", 15000),
        ("asp", 9000),
        ("attach", 5 / 3),
        ("density", 3 / 5),
        ("density_k", 3 * 1000 * 60 / 462),
        ("refusals", 2),
        ("refused_buyers", 2),
        ("refused_units", 3),
        ("waitlist_joins", 2),
        ("waitlist_units", 3),
        ("events_lost", 2 / 7),
        ("unmeasured", 1 / 6),
        ("comment_rate", 1 / 3),
        ("like_rate", 1 / 3),
        ("follow_rate_all", 0),
        ("watch_pay_cvr", 1),
        ("ctor", 4 / 5),
        ("click_pay_cvr", 1),
        ("sell_through", 1),
        *((f"gmv_net_{days}", 40000) for days in (1, 7, 14, 30)),
        *((f"settle_rate_{days}", 40000 / 45000) for days in (1, 7, 14, 30)),
        ("gpm_net", 8_000_000),
        ("uv_value_net", 40000 / 3),
        ("return_rate", 3 / 5),
        ("refund_rate_pre", 1 / 3),
        ("refund_rate_post", 0),
        ("same_night_cancel", 2 / 5),
        ("settled_to_shown", 3 / 5),
        ("buyer_top_4", 1),
        ("stockout_loss", 3),
    ],
)
def test_a_figure_of_the_show_is_what_the_hand_says(
    report: metrics.ShowReport, metric: str, expected: float
) -> None:
    assert report.value(metric) == expected


def test_every_show_metric_has_a_golden_value(report: metrics.ShowReport) -> None:
    golden = {
        mark.args[1][i][0]
        for mark in test_a_figure_of_the_show_is_what_the_hand_says.pytestmark  # pyright: ignore[reportFunctionMemberAccess]
        for i in range(len(mark.args[1]))
    }

    assert golden == set(report.figures)


def test_acu_times_length_is_exactly_the_seconds_watched(report: metrics.ShowReport) -> None:
    acu, watched = report.figures["acu"], report.figures["watch_s"]

    assert acu.numerator == watched.numerator == 462_000_000
    assert acu.denominator == 300_000_000
    assert all(report.checks.values())


def test_the_funnel_counts_people(report: metrics.ShowReport) -> None:
    assert report.funnel == (("exposure", 3), ("click", 3), ("hold", 3), ("paid", 3))


def test_products(report: metrics.ShowReport) -> None:
    assert [asdict(row) for row in report.products] == [
        {
            "product_id": 101,
            "exposed": 3,
            "reached": 3,
            "clicked": 3,
            "held": 3,
            "paid": 3,
            "orders_placed": 3,
            "orders_paid": 3,
            "units_paid": 4,
            "gmv_placed": 40000,
            "gmv_paid": 40000,
            "gmv_net": 40000,
        },
        {
            "product_id": 102,
            "exposed": 4,
            "reached": 4,
            "clicked": 1,
            "held": 1,
            "paid": 1,
            "orders_placed": 3,
            "orders_paid": 1,
            "units_paid": 1,
            "gmv_placed": 18000,
            "gmv_paid": 5000,
            "gmv_net": 0,
        },
    ]


def test_variants_show_what_was_refused(report: metrics.ShowReport) -> None:
    first = next(row for row in report.variants if row.variant_id == 1001)

    assert asdict(first) == {
        "variant_id": 1001,
        "product_id": 101,
        "exposed": 3,
        "reached": 3,
        "clicked": 2,
        "held": 1,
        "paid": 1,
        "orders_placed": 1,
        "orders_paid": 1,
        "units_held": 1,
        "units_paid": 1,
        "gmv_placed": 10000,
        "gmv_paid": 10000,
        "gmv_net": 10000,
        "refusals": 2,
        "refused_buyers": 2,
        "waitlist_joins": 2,
        "waitlist_units": 3,
    }


def test_minutes(report: metrics.ShowReport) -> None:
    columns = [
        (
            row.minute,
            row.viewers,
            row.orders_placed,
            row.orders_paid,
            row.gmv_placed,
            row.gmv_paid,
            row.featured,
        )
        for row in report.minutes
    ]

    assert columns == [
        (0, 1, 0, 0, 0, 0, (101,)),
        (1, 3, 0, 0, 0, 0, (101,)),
        (2, 2, 3, 1, 35000, 10000, (101, 102)),
        (3, 2, 0, 1, 0, 20000, (102,)),
        (4, 2, 2, 1, 23000, 15000, (102,)),
    ]
    assert [row.density for row in report.minutes] == [0, 0, 0.2, 0.4, 0.6]


def test_features_and_asks(report: metrics.ShowReport) -> None:
    start = report.started_at

    assert [
        (one.offer_id, one.product_id, *seconds((one.starts_at, one.ends_at), start))
        for one in report.features
    ] == [(11, 101, 30, 150), (12, 102, 150, 270)]
    assert [asdict(ask) for ask in report.asks] == [
        {"product_id": 101, "kind": "intents", "value": "size", "lines": 1},
        {"product_id": 101, "kind": "sizes", "value": "M", "lines": 1},
    ]


def test_signals_stop_the_exposure_where_stock_stopped(small_show: Path, report: metrics.ShowReport) -> None:
    found = {
        one.variant_id: one
        for one in metrics.signals(
            small_show, 1, 7, options={1001: ["M", "Indigo"], 1002: ["L", "Indigo"], 1003: ["M"]}
        )
    }
    first = asdict(found[1001])
    first["sold_out_at"] = seconds(first["sold_out_at"], report.started_at)

    assert first == {
        "variant_id": 1001,
        "product_id": 101,
        "exposure": 130.0,
        "exposure_total": 230.0,
        "clicks": 2,
        "holds": 1,
        "units_held": 1,
        "units_paid": 1,
        "refused_buyers": 2,
        "refused_units": 3,
        "waitlist_units": 3,
        "asks": 1,
        "questions": {"m": 1},
        "sold_out_at": [100.0, 140.0],
    }
    assert (found[1002].exposure, found[1002].exposure_total, found[1002].asks) == (230.0, 230.0, 0)
    # Nothing on hand, but it could be bought against supply all the time.
    assert (found[1003].exposure, found[1003].exposure_total) == (172.0, 172.0)


def test_the_same_show_from_sealed_files_gives_the_same_figures(small_show: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(small_show, copy)
    before = metrics.show_report(copy, 1, 7, at=now())
    unsealed = collector.lake.open(copy).as_of.unsealed_events
    collector.seal_everything(copy)
    after = metrics.show_report(copy, 1, 7, at=before.as_of)

    assert unsealed > 0
    assert collector.lake.open(copy).as_of.unsealed_events == 0
    assert after == before


def test_figures_are_provisional_until_they_settle(small_show: Path, report: metrics.ShowReport) -> None:
    assert report.ended_at is not None
    after_a_day = metrics.show_report(small_show, 1, 7, at=report.ended_at + timedelta(days=1))
    after_a_month = metrics.show_report(small_show, 1, 7, at=report.ended_at + timedelta(days=30))

    assert after_a_day.figures["acu"].state == "final"
    assert after_a_day.figures["gmv_net"].state == "provisional"
    assert after_a_day.state == "provisional"
    assert {figure.state for figure in after_a_month.figures.values()} == {"final"}


def test_another_shop_does_not_see_the_show(small_show: Path) -> None:
    with pytest.raises(metrics.UnknownShow) as refusal:
        metrics.show_report(small_show, 2, 7)

    assert refusal.value.code == "metrics.unknown_show"
    assert metrics.shows(small_show, 1) == [7]
    assert metrics.shows(small_show, 2) == []


def test_stock_that_says_nothing_of_later_lots_leaves_them_as_they_were(tmp_path: Path) -> None:
    """The last unit on hand is sold while four are on their way: it could be bought all along."""
    script = Script()
    script.fact(-60, "live.offer_added", show_id=SHOW, offer_id=11, product_id=101, prices={"1001": 10000})
    script.fact(0, "live.show_started", show_id=SHOW, pool_id=3, channel_id=None, host_id=None, at=0)
    for second, variant in (
        (10, {"variant_id": 1001, "left": 1, "ready_on": None, "later": [["2026-12-03", 4]]}),
        (20, {"variant_id": 1001, "left": 0, "ready_on": None}),
        (30, {"variant_id": 1001, "left": 0, "ready_on": None, "later": []}),
        (40, {"variant_id": 1001, "left": 2, "ready_on": None}),
    ):
        script.fact(second, "stock.stock_changed", show_id=SHOW, pool_id=3, variants=[variant])
    script.fact(300, "live.show_ended", show_id=SHOW, pool_id=3, channel_id=None, host_id=None, at=300_000)
    asyncio.run(write_lake(tmp_path / "lake", script.events))

    loaded = loader.load(collector.lake.open(tmp_path / "lake"), shop_id=1, show_id=SHOW, at=now())

    said = loaded.tables["events"].filter(pc.field("type") == "stock.stock_changed")
    assert said.sort_by("at")["left"].to_pylist() == [5, 4, 0, 2]
