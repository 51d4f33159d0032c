"""What will be wanted, with intervals, also of what sold out; and an honest "cannot be known".

Promise: a forecast is a distribution per variant (forty equally likely numbers, and the bounds of the middle
80 %), of units that will be paid for, learnt from exposure in stock; every figure carries its evidence, and
where the data cannot know, the line says so and why.
"""

from typing import TYPE_CHECKING

from shopfloor.demand.events import DemandForecast
from shopfloor.demand.jobs import ask_forecast, forecast_state
from shopfloor.demand.models import (
    POINTS,
    Assumptions,
    BadHorizon,
    BadSignal,
    Forecast,
    Foreseen,
    Past,
    Reason,
    Signal,
    UnknownForecast,
    say,
)
from shopfloor.demand.service import forecast, forecast_show
from shopfloor.kernel import late

if TYPE_CHECKING:
    from shopfloor.demand.learner import learn
else:
    __getattr__ = late.names(__name__, {"learn": "learner"})

__all__ = [
    "POINTS",
    "Assumptions",
    "BadHorizon",
    "BadSignal",
    "DemandForecast",
    "Forecast",
    "Foreseen",
    "Past",
    "Reason",
    "Signal",
    "UnknownForecast",
    "ask_forecast",
    "forecast",
    "forecast_show",
    "forecast_state",
    "learn",
    "say",
]
