"""The figures, each defined once.

Promise: a number has one definition with a version and a unit, in words of two languages, says as of when it
is and whether it may still change; the same events give the same figure to the last bit.  Everything is
computed from the lake, from whole files and the unsealed end of the log, so a report is never behind.

    report = await metrics.report_of(db, shop_id=shop.id, show_id=show.id)    # made by a worker process
    report.value("gmv_paid"), report.funnel, report.minutes, sheets.rows_of(report)
"""

from typing import TYPE_CHECKING

from shopfloor.kernel import late
from shopfloor.metrics import parquet, sheets
from shopfloor.metrics.jobs import ask_report, report_of, report_state, stored_report
from shopfloor.metrics.models import (
    Figure,
    GroupFigure,
    MinuteRow,
    MixedCurrencies,
    ProductRow,
    Refused,
    Sales,
    ShowReport,
    UnknownMetric,
    UnknownShow,
    VariantSignal,
    Without,
)

if TYPE_CHECKING:
    from shopfloor.metrics.engine import metric_sql, steps_of
    from shopfloor.metrics.registry import metrics as every_metric
    from shopfloor.metrics.service import show_figures, show_report, shows, signals
    from shopfloor.metrics.shop import sales
else:
    __getattr__ = late.names(
        __name__,
        {
            "every_metric": "registry:metrics",
            "metric_sql": "engine",
            "steps_of": "engine",
            "sales": "shop",
            "show_figures": "service",
            "show_report": "service",
            "shows": "service",
            "signals": "service",
        },
    )

__all__ = [
    "Figure",
    "GroupFigure",
    "MinuteRow",
    "MixedCurrencies",
    "ProductRow",
    "Refused",
    "Sales",
    "ShowReport",
    "UnknownMetric",
    "UnknownShow",
    "VariantSignal",
    "Without",
    "ask_report",
    "every_metric",
    "metric_sql",
    "parquet",
    "report_of",
    "report_state",
    "sales",
    "sheets",
    "show_figures",
    "show_report",
    "shows",
    "signals",
    "steps_of",
    "stored_report",
]
