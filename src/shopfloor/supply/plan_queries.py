"""SQL of plans.  One function, one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.supply.models import (
    Plan,
    PlanLine,
    PlanState,
)
from shopfloor.supply.solver.problem import Problem


@dataclass(frozen=True, slots=True)
class PlanHead:
    id: int
    shop_id: int
    show_id: int
    version: int
    state: str
    as_of: datetime
    forecast_id: int
    location_id: int
    needed_by: date
    currency: str
    scale: int
    cost_scaled: int
    bound_scaled: int
    purchase_minor: int
    lost_scaled: int
    left_scaled: int
    revenue_scaled: int
    digest: str
    solver: str
    seconds: float
    remarks: Any


async def lock_show(tx: Tx, *, show_id: int) -> None:
    """Plans of one show are stored and accepted one after another."""
    await tx.value(
        "SELECT pg_advisory_xact_lock(hashtextextended('supply.show', %(show_id)s))", show_id=show_id
    )


async def last_accepted(tx: Tx, *, shop_id: int, show_id: int) -> int | None:
    return await tx.value(
        """
        SELECT max(id) FROM supply.plan
         WHERE shop_id = %(shop_id)s AND show_id = %(show_id)s AND state = 'accepted'
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


async def replace_proposed(tx: Tx, *, shop_id: int, show_id: int) -> None:
    await tx.run(
        """
        UPDATE supply.plan SET state = 'replaced'
         WHERE shop_id = %(shop_id)s AND show_id = %(show_id)s AND state = 'proposed'
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


async def insert_plan(tx: Tx, *, plan: Plan, problem: Problem) -> PlanHead:
    return await tx.one(
        PlanHead,
        """
        INSERT INTO supply.plan (shop_id, show_id, version, state, as_of, forecast_id, location_id, needed_by, currency,
                                 scale, cost_scaled, bound_scaled, purchase_minor, lost_scaled, left_scaled,
                                 revenue_scaled, digest, problem, solver, seconds, remarks)
        SELECT %(shop_id)s, %(show_id)s, coalesce(max(version), 0) + 1, 'proposed', %(as_of)s, %(forecast_id)s,
               %(location_id)s, %(needed_by)s, %(currency)s, %(scale)s, %(cost_scaled)s, %(bound_scaled)s,
               %(purchase_minor)s, %(lost_scaled)s, %(left_scaled)s, %(revenue_scaled)s, %(digest)s, %(problem)s,
               %(solver)s, %(seconds)s, %(remarks)s
          FROM supply.plan WHERE show_id = %(show_id)s
        RETURNING id, shop_id, show_id, version, state, as_of, forecast_id, location_id, needed_by, currency, scale,
                  cost_scaled, bound_scaled, purchase_minor, lost_scaled, left_scaled, revenue_scaled, digest, solver,
                  seconds, remarks
        """,
        shop_id=plan.shop_id,
        show_id=plan.show_id,
        as_of=plan.as_of,
        forecast_id=plan.forecast_id,
        location_id=plan.location_id,
        needed_by=plan.needed_by,
        currency=plan.currency,
        scale=plan.scale,
        cost_scaled=plan.cost_scaled,
        bound_scaled=plan.bound_scaled,
        purchase_minor=plan.purchase_minor,
        lost_scaled=plan.lost_scaled,
        left_scaled=plan.left_scaled,
        revenue_scaled=plan.revenue_scaled,
        digest=plan.digest,
        problem=Jsonb(problem, dumps=msgspec.json.encode),
        solver=plan.solver,
        seconds=plan.seconds,
        remarks=Jsonb(dict(plan.remarks)),
    )


async def insert_plan_lines(
    tx: Tx, *, plan_id: int, lines: Sequence[PlanLine], setups: Mapping[int, int]
) -> None:
    """`setups`: what each quote costs once per order."""
    await tx.many(
        """
        INSERT INTO supply.plan_line (plan_id, quote_id, supplier_id, product_id, variant_id, quantity, unit_minor,
                                      setup_minor, expected_on, available, hard, mean, low, high, identifiable)
        VALUES (%(plan_id)s, %(quote_id)s, %(supplier_id)s, %(product_id)s, %(variant_id)s, %(quantity)s,
                %(unit_minor)s, %(setup_minor)s, %(expected_on)s, %(available)s, %(hard)s, %(mean)s, %(low)s, %(high)s,
                %(identifiable)s)
        """,
        [
            {
                "plan_id": plan_id,
                "setup_minor": setups[line.quote_id],
                **{each.name: getattr(line, each.name) for each in fields(line)},
            }
            for line in lines
        ],
    )


async def latest_plan(tx: Tx, *, shop_id: int, show_id: int) -> PlanHead | None:
    return await tx.first(
        PlanHead,
        """
        SELECT id, shop_id, show_id, version, state, as_of, forecast_id, location_id, needed_by, currency, scale,
               cost_scaled, bound_scaled, purchase_minor, lost_scaled, left_scaled, revenue_scaled, digest, solver,
               seconds, remarks
          FROM supply.plan WHERE shop_id = %(shop_id)s AND show_id = %(show_id)s ORDER BY version DESC LIMIT 1
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


async def plan(tx: Tx, *, shop_id: int, plan_id: int) -> PlanHead | None:
    return await tx.first(
        PlanHead,
        """
        SELECT id, shop_id, show_id, version, state, as_of, forecast_id, location_id, needed_by, currency, scale,
               cost_scaled, bound_scaled, purchase_minor, lost_scaled, left_scaled, revenue_scaled, digest, solver,
               seconds, remarks
          FROM supply.plan WHERE shop_id = %(shop_id)s AND id = %(plan_id)s
        """,
        shop_id=shop_id,
        plan_id=plan_id,
    )


async def plan_lines(tx: Tx, *, plan_id: int) -> list[PlanLine]:
    return await tx.every(
        PlanLine,
        """
        SELECT quote_id, supplier_id, product_id, variant_id, quantity, unit_minor, expected_on, available, hard, mean,
               low, high, identifiable
          FROM supply.plan_line WHERE plan_id = %(plan_id)s ORDER BY supplier_id, product_id, variant_id, quote_id
        """,
        plan_id=plan_id,
    )


@dataclass(frozen=True, slots=True)
class StoredProblem:
    problem: Any
    digest: str


async def problem(tx: Tx, *, shop_id: int, plan_id: int) -> StoredProblem | None:
    return await tx.first(
        StoredProblem,
        "SELECT problem, digest FROM supply.plan WHERE shop_id = %(shop_id)s AND id = %(plan_id)s",
        shop_id=shop_id,
        plan_id=plan_id,
    )


async def accept_plan(tx: Tx, *, shop_id: int, plan_id: int) -> int:
    """Proposed → accepted; 0 when it was not proposed."""
    return await tx.run(
        """
        UPDATE supply.plan SET state = 'accepted'
         WHERE id = %(plan_id)s AND shop_id = %(shop_id)s AND state = 'proposed'
        """,
        shop_id=shop_id,
        plan_id=plan_id,
    )


@dataclass(frozen=True, slots=True)
class Setup:
    """What one quote of a plan adds to an order once, and how much capacity its units take."""

    quote_id: int
    setup_minor: int
    capacity_use: int


async def setups(tx: Tx, *, plan_id: int) -> list[Setup]:
    return await tx.every(
        Setup,
        """
        SELECT DISTINCT l.quote_id, l.setup_minor, q.capacity_use
          FROM supply.plan_line AS l JOIN supply.quote AS q ON q.id = l.quote_id
         WHERE l.plan_id = %(plan_id)s ORDER BY l.quote_id
        """,
        plan_id=plan_id,
    )


def stored_plan(head: PlanHead, lines: Sequence[PlanLine]) -> Plan:
    values: dict[str, Any] = {each.name: getattr(head, each.name) for each in fields(head)}
    values["state"] = PlanState(head.state)
    return Plan(**values, lines=tuple(lines))
