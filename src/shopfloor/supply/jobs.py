"""A plan as a job: made by a worker process, kept as the newest proposal of its show."""

from typing import Final

from shopfloor.kernel import jobs
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.supply import plans, queries
from shopfloor.supply.models import Plan
from shopfloor.supply.solver.matching import SolverLimits


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a plan is asked for."""

    shop_id: int
    show_id: int
    horizon_days: int = 21
    budget_minor: int | None = None
    must_cover_hard: bool = False
    location_id: int | None = None
    seconds: float = 10.0


PLAN: Final = jobs.Job("supply.plan", asked=Wanted)
PATIENCE: Final = 90.0


def _key(shop_id: int, show_id: int) -> str:
    return f"{shop_id}/{show_id}"


async def ask_plan(tx: Tx, wanted: Wanted) -> jobs.Ticket:
    """What is missing is said at once: raises NoForecast, NoQuotes, BadPlanRequest, stock.UnknownStock."""
    await plans.gather(
        tx,
        shop_id=wanted.shop_id,
        show_id=wanted.show_id,
        horizon_days=wanted.horizon_days,
        budget_minor=wanted.budget_minor,
        must_cover_hard=wanted.must_cover_hard,
        location_id=wanted.location_id,
    )
    return await jobs.ask(
        tx, PLAN, wanted, key=_key(wanted.shop_id, wanted.show_id), shop_id=wanted.shop_id, urgent=True
    )


async def follow_forecast(tx: Tx, *, shop_id: int, show_id: int) -> None:
    """A new forecast makes a new plan, with the days and the budget asked for last; where nobody supplies, none."""
    if any(each.active for each in await queries.suppliers(tx, shop_id=shop_id)):
        wanted = Wanted(shop_id, show_id)
        await jobs.ask(tx, PLAN, wanted, key=_key(shop_id, show_id), shop_id=shop_id, as_before=True)


async def make(run: jobs.Run, wanted: Wanted) -> None:
    """Raises what `plans.make_plan` raises."""

    async def keep(tx: Tx, plan: Plan) -> None:
        await run.done(tx, as_of=plan.as_of, result={"plan_id": plan.id, "version": plan.version})

    await run.progress(0.1, "gathering")
    await plans.make_plan(
        run.db,
        shop_id=wanted.shop_id,
        show_id=wanted.show_id,
        horizon_days=wanted.horizon_days,
        budget_minor=wanted.budget_minor,
        must_cover_hard=wanted.must_cover_hard,
        location_id=wanted.location_id,
        limits=SolverLimits(seconds=wanted.seconds),
        solving=lambda: run.progress(0.3, "solving"),
        keep=keep,
    )


async def plan_state(tx: Tx, *, shop_id: int, show_id: int) -> jobs.State | None:
    return await jobs.state(tx, PLAN, _key(shop_id, show_id))
