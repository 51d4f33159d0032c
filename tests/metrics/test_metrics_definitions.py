"""The registry: one definition each, portable, in words of both languages."""

import subprocess
import sys
from typing import Any

import ibis
import pytest

from shopfloor import metrics
from shopfloor.metrics import registry
from shopfloor.metrics.engine import metric_sql

EVERY = sorted(metrics.every_metric().values(), key=lambda metric: metric.id)
GRAINS = [(metric.id, grain) for metric in EVERY for grain in metric.grains]


@pytest.mark.parametrize("table", registry.derived_tables(), ids=lambda table: table.name)
def test_derived_tables_use_the_portable_subset(table: registry.Derived) -> None:
    assert registry.complaints(table.expression) == []
    assert table.doc


@pytest.mark.parametrize(("metric", "grain"), GRAINS)
def test_metrics_use_the_portable_subset_and_return_their_keys(metric: str, grain: str) -> None:
    expression = metrics.every_metric()[metric].expression(grain)

    assert registry.complaints(expression) == []
    assert set(expression.columns) - {"n", "d"} == set(registry.GRAINS[grain])
    assert "n" in expression.columns


@pytest.mark.parametrize("metric", EVERY, ids=lambda metric: metric.id)
def test_a_metric_says_what_it_is(metric: registry.Metric) -> None:
    assert metric.version >= 1
    assert metric.unit
    assert metric.en.endswith(".")
    assert metric.zh.endswith("。")
    assert metric.exact


def test_there_is_no_bare_gmv() -> None:
    assert "gmv" not in metrics.every_metric()
    assert {one.id for one in EVERY if one.id.startswith("gmv")} == {
        "gmv_placed", "gmv_paid", "gmv_net", "gmv_net_1", "gmv_net_7", "gmv_net_14", "gmv_net_30",
    }  # fmt: skip


def test_an_id_is_defined_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        registry.metric("uv", version=2, unit="", en="", zh="")(lambda t, _: t["views"])


T: Any = ibis.table({"id": "string", "n": "int64", "f": "float64", "t": "timestamp"}, name="t")


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        (T.agg(n=T.id.nunique()), "CountDistinct"),
        (T.agg(n=T.id.approx_nunique()), "ApproxCountDistinct"),
        (T.agg(n=T.n.median()), "Median"),
        (T.agg(n=T.n.quantile(0.5)), "Quantile"),
        (T.agg(n=T.n.mean()), "Mean"),
        (T.agg(n=T.id.first()), "First"),
        (T.agg(n=T.id.arbitrary()), "Arbitrary"),
        (T.select(n=T.t.epoch_seconds()), "ExtractEpochSeconds"),
        (T.select(n=T.id.hash()), "Hash"),
        (T.select(n=T.n / 2), "Divide"),
        (T.agg(n=T.f.sum()), "whole numbers"),
        (T.select(n=ibis.row_number().over(ibis.window(order_by=T.n))), "unique column"),
        (T.select(n=ibis.row_number()), "unique column"),
    ],
)
def test_what_engines_do_differently_is_banned(expression: Any, complaint: str) -> None:
    assert any(complaint in one for one in registry.complaints(expression))


def test_texts_are_the_same_in_every_process() -> None:
    code = "from shopfloor.metrics.engine import metric_sql; print(metric_sql('acu', 'show'), end='')"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert ran.stdout == metric_sql("acu", "show")
