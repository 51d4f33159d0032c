"""A forecast as a job: made by a worker process, kept as the newest version of its show."""

from pathlib import Path
from typing import Final

from shopfloor import metrics
from shopfloor.demand import sensing
from shopfloor.demand.models import Forecast
from shopfloor.kernel import jobs
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class OfShow:
    shop_id: int
    show_id: int
    horizon: float = 1.0


FORECAST: Final = jobs.Job("demand.forecast", asked=OfShow)
PATIENCE: Final = 60.0


def _key(shop_id: int, show_id: int) -> str:
    return f"{shop_id}/{show_id}"


async def ask_forecast(
    tx: Tx, *, shop_id: int, show_id: int, horizon: float | None = None, urgent: bool = False
) -> jobs.Ticket:
    """`horizon` None: as it was asked for last, at first 1.0."""
    asked = OfShow(shop_id, show_id) if horizon is None else OfShow(shop_id, show_id, horizon)
    return await jobs.ask(
        tx,
        FORECAST,
        asked,
        key=_key(shop_id, show_id),
        shop_id=shop_id,
        urgent=urgent,
        as_before=horizon is None,
    )


async def make_forecast(
    run: jobs.Run, asked: OfShow, *, lake: Path, without: metrics.Without | None = None
) -> None:
    """`without`: what is known not to be real.  Raises metrics.UnknownShow, BadHorizon."""

    async def keep(tx: Tx, forecast: Forecast) -> None:
        await run.done(tx, as_of=forecast.as_of, result={"version": forecast.version})

    await run.progress(0.1, "reading")
    await sensing.foresee(
        run.db,
        lake,
        shop_id=asked.shop_id,
        show_id=asked.show_id,
        horizon=asked.horizon,
        without=without,
        keep=keep,
    )


async def forecast_state(tx: Tx, *, shop_id: int, show_id: int) -> jobs.State | None:
    return await jobs.state(tx, FORECAST, _key(shop_id, show_id))
