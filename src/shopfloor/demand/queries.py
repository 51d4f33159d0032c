"""SQL of demand.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from shopfloor.demand.models import CameBack, Evidence, Foreseen, Observed, Reason, Signal
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Head:
    id: int
    shop_id: int
    show_id: int
    version: int
    as_of: datetime
    horizon: float


@dataclass(frozen=True, slots=True)
class _Row:
    variant_id: int
    product_id: int
    mean: float
    low: int
    high: int
    points: list[int]
    hard: int
    rate_per_hour: float
    exposure: float
    identifiable: bool
    reason: str | None
    evidence: Any


async def lock_show(tx: Tx, *, show_id: int) -> None:
    """Forecasts of one show are written one after another, so that versions count up without a gap."""
    await tx.value(
        "SELECT pg_advisory_xact_lock(hashtextextended('demand.show', %(show_id)s))", show_id=show_id
    )


async def write_observations(
    tx: Tx, *, shop_id: int, show_id: int, signals: Sequence[Signal], seen_at: datetime
) -> None:
    await tx.run(
        """
        INSERT INTO demand.observation (shop_id, show_id, variant_id, product_id, units, exposure, seen_at)
        SELECT %(shop_id)s, %(show_id)s, variant_id, product_id, units, exposure, %(seen_at)s
          FROM unnest(%(variants)s::bigint[], %(products)s::bigint[], %(units)s::int[], %(exposures)s::float8[])
            AS seen (variant_id, product_id, units, exposure)
        ON CONFLICT (show_id, variant_id) DO UPDATE
           SET units = excluded.units, exposure = excluded.exposure, product_id = excluded.product_id
        """,
        shop_id=shop_id,
        show_id=show_id,
        seen_at=seen_at,
        variants=[signal.variant_id for signal in signals],
        products=[signal.product_id for signal in signals],
        units=[signal.units_held for signal in signals],
        exposures=[float(signal.exposure_in_stock) for signal in signals],
    )


async def observed(tx: Tx, *, shop_id: int, show_id: int, shows: int) -> list[Observed]:
    """What the last `shows` other shows of the shop saw, the newest of them of age 1."""
    return await tx.every(
        Observed,
        """
        WITH earlier AS (
            SELECT show_id, row_number() OVER (ORDER BY max(seen_at) DESC, show_id DESC)::int AS age
              FROM demand.observation
             WHERE shop_id = %(shop_id)s AND show_id <> %(show_id)s
             GROUP BY show_id
             ORDER BY age LIMIT %(shows)s
        )
        SELECT o.show_id, e.age, o.variant_id, o.product_id, o.units, o.exposure
          FROM demand.observation AS o JOIN earlier AS e USING (show_id)
         ORDER BY e.age, o.variant_id
        """,
        shop_id=shop_id,
        show_id=show_id,
        shows=shows,
    )


async def came_back(tx: Tx, *, shop_id: int, show_ids: Sequence[int]) -> list[CameBack]:
    """What came back so far of what was sold in these shows."""
    return await tx.every(
        CameBack,
        """
        SELECT show_id, variant_id, reason, units, exchanged_for FROM returns.v_came_back
         WHERE shop_id = %(shop_id)s AND show_id = ANY(%(show_ids)s::bigint[])
         ORDER BY show_id, variant_id, reason, exchanged_for
        """,
        shop_id=shop_id,
        show_ids=list(show_ids),
    )


async def insert_forecast(tx: Tx, *, shop_id: int, show_id: int, as_of: datetime, horizon: float) -> Head:
    return await tx.one(
        Head,
        """
        INSERT INTO demand.forecast (shop_id, show_id, version, as_of, horizon)
        SELECT %(shop_id)s, %(show_id)s, coalesce(max(version), 0) + 1, %(as_of)s, %(horizon)s
          FROM demand.forecast WHERE show_id = %(show_id)s
        RETURNING id, shop_id, show_id, version, as_of, horizon
        """,
        shop_id=shop_id,
        show_id=show_id,
        as_of=as_of,
        horizon=horizon,
    )


async def insert_lines(tx: Tx, *, forecast_id: int, lines: Sequence[Foreseen]) -> None:
    await tx.many(
        """
        INSERT INTO demand.line (forecast_id, position, variant_id, product_id, mean, low, high, points, hard,
                                 rate_per_hour, exposure, identifiable, reason, evidence)
        VALUES (%(forecast_id)s, %(position)s, %(variant_id)s, %(product_id)s, %(mean)s, %(low)s, %(high)s,
                %(points)s, %(hard)s, %(rate_per_hour)s, %(exposure)s, %(identifiable)s, %(reason)s, %(evidence)s)
        """,
        [
            {
                "forecast_id": forecast_id,
                "position": position,
                "variant_id": line.variant_id,
                "product_id": line.product_id,
                "mean": line.mean,
                "low": line.low,
                "high": line.high,
                "points": list(line.points),
                "hard": line.hard,
                "rate_per_hour": line.rate_per_hour,
                "exposure": line.exposure,
                "identifiable": line.identifiable,
                "reason": line.reason,
                "evidence": Jsonb(line.evidence, dumps=msgspec.json.encode),
            }
            for position, line in enumerate(lines)
        ],
    )


async def latest(tx: Tx, *, shop_id: int, show_id: int) -> Head | None:
    return await tx.first(
        Head,
        """
        SELECT id, shop_id, show_id, version, as_of, horizon FROM demand.forecast
         WHERE shop_id = %(shop_id)s AND show_id = %(show_id)s
         ORDER BY version DESC LIMIT 1
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


async def lines(tx: Tx, *, forecast_id: int) -> tuple[Foreseen, ...]:
    rows = await tx.every(
        _Row,
        """
        SELECT variant_id, product_id, mean, low, high, points, hard, rate_per_hour, exposure, identifiable, reason,
               evidence
          FROM demand.line WHERE forecast_id = %(forecast_id)s ORDER BY position
        """,
        forecast_id=forecast_id,
    )
    return tuple(
        Foreseen(
            variant_id=row.variant_id,
            product_id=row.product_id,
            mean=row.mean,
            low=row.low,
            high=row.high,
            points=tuple(row.points),
            hard=row.hard,
            rate_per_hour=row.rate_per_hour,
            exposure=row.exposure,
            identifiable=row.identifiable,
            reason=None if row.reason is None else Reason(row.reason),
            evidence=tuple(Evidence(each["code"], each["facts"]) for each in row.evidence),
        )
        for row in rows
    )
