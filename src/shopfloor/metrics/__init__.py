"""The figures, each defined once.

Promise: a number has one definition with a version and a unit, in words of two languages, says as of when it
is and whether it may still change; the same events give the same figure to the last bit.  Everything is
computed from the lake, from whole files and the unsealed end of the log, so a report is never behind.

    report = await metrics.report_of(db, shop_id=shop.id, show_id=show.id)    # made by a worker process
    report.value("gmv_paid"), report.funnel, report.minutes, report.to_csv()
"""

from typing import TYPE_CHECKING

from shopfloor.kernel import late
from shopfloor.metrics.jobs import ask_report, report_of, report_state, stored_report
from shopfloor.metrics.models import (
    Figure,
    MinuteRow,
    MixedCurrencies,
    Refused,
    ShowReport,
    UnknownShow,
    VariantSignal,
    Without,
)

if TYPE_CHECKING:
    from shopfloor.metrics.registry import metrics as every_metric
    from shopfloor.metrics.service import show_figures, show_report, shows, signals
else:
    __getattr__ = late.names(
        __name__,
        {
            "every_metric": "registry:metrics",
            "show_figures": "service",
            "show_report": "service",
            "shows": "service",
            "signals": "service",
        },
    )

__all__ = [
    "Figure",
    "MinuteRow",
    "MixedCurrencies",
    "Refused",
    "ShowReport",
    "UnknownShow",
    "VariantSignal",
    "Without",
    "ask_report",
    "every_metric",
    "report_of",
    "report_state",
    "show_figures",
    "show_report",
    "shows",
    "signals",
    "stored_report",
]
