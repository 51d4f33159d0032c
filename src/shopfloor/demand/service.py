"""Foresee what a show's variants will sell, and keep it."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from shopfloor.demand import came_back, queries
from shopfloor.demand.events import DemandForecast
from shopfloor.demand.models import Assumptions, Forecast, Signal, UnknownForecast
from shopfloor.kernel import late, outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now

if TYPE_CHECKING:
    from shopfloor.demand import learner
else:
    learner = late.module("shopfloor.demand.learner")

# How many earlier shows still say something about the next one.
HISTORY_SHOWS = 12


async def forecast_show(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    signals: Sequence[Signal],
    horizon: float = 1.0,
    as_of: datetime | None = None,
    assumed: Assumptions | None = None,
) -> Forecast:
    """Learn from `signals` (and the shop's earlier shows) and store a new version of the show's forecast.

    What came back since, of this show and the earlier ones, counts by its reason (`came_back`); what is kept of
    `signals` is what was taken, for more may come back.

    `horizon` 1.0: the next show gives each variant as much exposure as this one, in stock throughout.
    The arithmetic takes milliseconds for hundreds of variants.  Raises BadSignal, BadHorizon.
    """
    assumed = assumed or Assumptions()
    as_of = as_of or now()
    await queries.lock_show(tx, show_id=show_id)
    observed = await queries.observed(tx, shop_id=shop_id, show_id=show_id, shows=HISTORY_SHOWS)
    shows = {show_id, *(each.show_id for each in observed)}
    returned = await queries.came_back(tx, shop_id=shop_id, show_ids=sorted(shows))
    learner.check(signals)
    lines = learner.learn(
        came_back.net(signals, [each for each in returned if each.show_id == show_id]),
        past=came_back.past(
            observed,
            [each for each in returned if each.show_id != show_id],
            signals,
            weight=assumed.history_weight,
        ),
        horizon=horizon,
        assumed=assumed,
    )
    await queries.write_observations(tx, shop_id=shop_id, show_id=show_id, signals=signals, seen_at=as_of)
    head = await queries.insert_forecast(tx, shop_id=shop_id, show_id=show_id, as_of=as_of, horizon=horizon)
    await queries.insert_lines(tx, forecast_id=head.id, lines=lines)
    await outbox.record(
        tx,
        DemandForecast(
            shop_id=shop_id,
            show_id=show_id,
            forecast_id=head.id,
            version=head.version,
            expected={line.variant_id: round(line.mean) for line in lines},
            unknowable=[line.variant_id for line in lines if not line.identifiable],
        ),
    )
    return Forecast(head.id, shop_id, show_id, head.version, as_of, horizon, tuple(lines))


async def forecast(tx: Tx, *, shop_id: int, show_id: int) -> Forecast:
    """The latest version.  Raises UnknownForecast."""
    head = await queries.latest(tx, shop_id=shop_id, show_id=show_id)
    if head is None:
        raise UnknownForecast(show_id=show_id)
    lines = await queries.lines(tx, forecast_id=head.id)
    return Forecast(head.id, head.shop_id, head.show_id, head.version, head.as_of, head.horizon, lines)
