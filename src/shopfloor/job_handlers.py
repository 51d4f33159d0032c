"""Which job is done by what, and what is asked for without anybody's asking.

A worker process does what `handlers` maps; the process beside the shop only knows the names.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from shopfloor import (
    analysis,
    collector,
    integrity,
    invoicing,
    replays,
    reports,
    retention,
    returns,
    statements,
    stock_control,
    tills,
    warehouse,
    wiring,
)
from shopfloor.demand import jobs as demand_jobs
from shopfloor.kernel import jobs, secrets
from shopfloor.kernel.database import Tx
from shopfloor.kernel.jobs.service import Handlers, Periodic
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.values import now
from shopfloor.metrics import jobs as metrics_jobs
from shopfloor.supply import jobs as supply_jobs

COMPACT_EVERY: Final = 3600.0
RETAIN_EVERY: Final = 3600.0
READ_SHOWS_EVERY: Final = 120.0
REMIND_EVERY: Final = 60.0
LOOK_AGAIN_EVERY: Final = 600.0
WEEKLY_EVERY: Final = 300.0
DROP_BASKETS_EVERY: Final = 60.0
POST_COUNTS_EVERY: Final = 30.0
LOOK_FOR_LOW_EVERY: Final = 60.0


@dataclass(frozen=True, slots=True)
class Nothing:
    """A job that needs to be told nothing."""


COMPACT: Final = jobs.Job("lake.compact", asked=Nothing)
RETAIN: Final = jobs.Job("retention.round", asked=Nothing)


def handlers(settings: Settings) -> Handlers:
    async def compact(run: jobs.Run, _: Nothing) -> None:
        """It takes the memory of a million events for a moment, and may be killed at any point."""
        done = await asyncio.to_thread(collector.compact, settings.lake_dir)
        await run.progress(0.9, "forget_writers")
        await asyncio.to_thread(collector.forget_writers, settings.lake_dir)
        async with run.db.transaction() as tx:
            await run.done(tx, as_of=now(), result={"files": done.files_before, "merged": done.files_after})

    async def retain(run: jobs.Run, _: Nothing) -> None:
        done = await retention.run(run.db, archive=settings.archive_dir, consumers=wiring.CONSUMERS)
        async with run.db.transaction() as tx:
            await run.done(tx, as_of=now(), result=done.as_dict())

    async def report(run: jobs.Run, asked: metrics_jobs.OfShow) -> None:
        await metrics_jobs.make_report(run, asked, lake=settings.lake_dir)

    async def shop_report(run: jobs.Run, asked: reports.jobs.OfShop) -> None:
        await reports.jobs.make_shop_report(run, asked, lake=settings.lake_dir)

    async def make_statement(run: jobs.Run, asked: statements.jobs.OfShow) -> None:
        await statements.jobs.make(run, asked, lake=settings.lake_dir, box=secrets.box(settings))

    async def publish_log(run: jobs.Run, asked: statements.jobs.OfShop) -> None:
        await statements.jobs.publish(
            run,
            asked,
            box=secrets.box(settings),
            directory=settings.statements_dir,
            allowed=settings.fetchable,
        )

    async def answer(run: jobs.Run, asked: analysis.OfShop) -> None:
        await analysis.answer_next(run, asked, lake=settings.lake_dir)

    async def forecast(run: jobs.Run, asked: demand_jobs.OfShow) -> None:
        without = await integrity.invalid_of(
            run.db, settings.lake_dir, shop_id=asked.shop_id, show_id=asked.show_id
        )
        await demand_jobs.make_forecast(run, asked, lake=settings.lake_dir, without=without)

    async def judge(run: jobs.Run, asked: integrity.OfShow) -> None:
        await integrity.make_judgement(run, asked, lake=settings.lake_dir)
        async with run.db.transaction() as tx:
            await statements.jobs.ask_again(tx, shop_id=asked.shop_id, show_id=asked.show_id)

    async def cut(run: jobs.Run, asked: replays.OfShow) -> None:
        await replays.make_clips(run, asked, recordings=settings.recordings_dir)

    return {
        COMPACT: compact,
        RETAIN: retain,
        metrics_jobs.REPORT: report,
        reports.jobs.REPORT: shop_report,
        analysis.ANSWER: answer,
        demand_jobs.FORECAST: forecast,
        statements.jobs.MAKE: make_statement,
        statements.jobs.PUBLISH: publish_log,
        integrity.JUDGE: judge,
        supply_jobs.PLAN: supply_jobs.make,
        replays.CUT: cut,
        invoicing.FILES: invoicing.make_files,
        warehouse.sheets.SHEET: warehouse.sheets.make,
        returns.papers.LABEL: returns.papers.make,
    }


async def ask_to_compact(tx: Tx) -> None:
    await jobs.ask(tx, COMPACT, Nothing(), key="")


async def ask_to_retain(tx: Tx) -> None:
    await jobs.ask(tx, RETAIN, Nothing(), key="")


def periodic(
    read_shows_on_air: Callable[[Tx], Awaitable[None]],
    remind: Callable[[Tx], Awaitable[object]],
    tell_of_weeks: Callable[[Tx], Awaitable[object]],
) -> Sequence[Periodic]:
    return [
        Periodic("messages.remind", REMIND_EVERY, remind),
        Periodic("messages.weekly", WEEKLY_EVERY, tell_of_weeks),
        Periodic("tills.baskets", DROP_BASKETS_EVERY, tills.registers.drop_lapsed),
        Periodic("stock_control.post", POST_COUNTS_EVERY, stock_control.counts.resume),
        Periodic("stock_control.low", LOOK_FOR_LOW_EVERY, stock_control.low.look_at_all),
        Periodic("stock_control.safety", LOOK_FOR_LOW_EVERY, stock_control.safety.fill_all),
        Periodic("lake.compact", COMPACT_EVERY, ask_to_compact),
        Periodic("retention.round", RETAIN_EVERY, ask_to_retain),
        Periodic("shows.read", READ_SHOWS_EVERY, read_shows_on_air),
        Periodic("statements.due", statements.jobs.LOOK_EVERY, statements.jobs.ask_for_due),
        Periodic("statements.publish", statements.jobs.PUBLISH_EVERY, statements.jobs.ask_to_publish),
        Periodic("integrity.look", LOOK_AGAIN_EVERY, integrity.ask_due),
    ]
