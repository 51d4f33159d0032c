"""What demand tells the rest of the product."""

from typing import ClassVar

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class DemandForecast:
    """A new version of a show's forecast is there.  `expected` maps variant ids to units, rounded."""

    name: ClassVar[str] = "demand.demand_forecast"

    shop_id: int
    show_id: int
    forecast_id: int
    version: int
    expected: dict[int, int]
    unknowable: list[int]
