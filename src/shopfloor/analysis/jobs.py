"""A question as a job: one of a shop at a time, each in a process that ends with it."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from shopfloor import accounts, catalog, live, metrics, reports
from shopfloor.analysis import models, queries
from shopfloor.analysis.models import Question, State
from shopfloor.analysis.tables import Asked, Found
from shopfloor.kernel import jobs, logs
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now

# How soon a cancelled one ends.
LOOK_EVERY: Final = 0.25
OLD: Final = timedelta(minutes=30)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

_log = logs.get("analysis")


@dataclass(frozen=True, slots=True)
class OfShop:
    shop_id: int


ANSWER: Final = jobs.Job("analysis.answer", asked=OfShop)


async def answer_next(run: jobs.Run, asked: OfShop, *, lake: Path) -> None:
    """Answer the question of this shop that waits longest, and ask for another run where more wait."""
    async with run.db.transaction() as tx:
        # A question runs under the lock of this job: what still runs was begun by a worker that is gone.
        await queries.wait_again(tx, shop_id=asked.shop_id)
        question = await queries.next_waiting(tx, shop_id=asked.shop_id)
        wanted = None if question is None else await _wanted(tx, question, lake)
    found = None
    if question is not None and wanted is not None:
        found = await _compute(run.db, question, wanted)
    async with run.db.transaction() as tx:
        if question is not None and found is not None:
            await _keep(tx, question, found)
        if await queries.any_waits(tx, shop_id=asked.shop_id):
            await jobs.ask(tx, ANSWER, asked, key=str(asked.shop_id), shop_id=asked.shop_id, urgent=True)
        await run.done(tx, as_of=now())


async def _wanted(tx: Tx, question: Question, lake: Path) -> Asked:
    shop = await accounts.shop(tx, question.shop_id)
    shows = await live.shows(tx, shop_id=shop.id)
    products = await catalog.products(tx, shop_id=shop.id, limit=None)
    variants = await catalog.variants(tx, shop_id=shop.id, product_ids=[each.id for each in products])
    report = await reports.stored_shop_report(tx, shop_id=shop.id)
    figures = [] if report is None else await reports.exports.shop_rows(tx, report)
    if report is None or now() - report.as_of > OLD:
        await reports.ask_shop_report(tx, shop_id=shop.id)
    return Asked(
        lake=str(lake.absolute()),
        shop_id=shop.id,
        show_ids=[show.id for show in shows],
        since=(question.asked_at - timedelta(days=question.days) - _EPOCH) // _MICROSECOND,
        timezone=shop.timezone,
        tables={
            "shows": [
                [show.id, show.title, str(show.status), show.started_at, show.ended_at] for show in shows
            ],
            "products": [[each.id, each.title, str(each.status)] for each in products],
            "variants": [
                [each.id, each.product_id, each.sku, " / ".join(map(str, each.options))] for each in variants
            ],
            "figures": [_figure(row) for row in figures],
        },
        figures=sorted(
            {row.metric.partition("@")[0] for row in figures if row.section == "show"} | _every_show_figure()
        ),
        sql=question.sql,
        most_events=models.MOST_EVENTS,
        most_rows=models.MOST_ROWS,
        most_bytes=models.MOST_BYTES,
        memory_mb=models.MEMORY_MB,
        seconds=models.SECONDS,
    )


def _figure(row: Any) -> list[Any]:
    show_id = row.key if row.section == "show" else None
    value = row.value if isinstance(row.value, int | float) else None
    return [
        row.section, row.key, show_id, row.metric.partition("@")[0], row.metric, value, row.unit, row.state, row.as_of,
        row.numerator, row.denominator, row.net_of_invalid,
    ]  # fmt: skip


def _every_show_figure() -> set[str]:
    return {each.id for each in metrics.every_metric().values() if "show" in each.grains}


async def _compute(db: Database, question: Question, wanted: Asked) -> Found | None:
    """None where it was cancelled."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "shopfloor.analysis.process",
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        # Of what this process knows from its environment, nothing: no address of a database, no key.
        env={
            name: os.environ[name]
            for name in ("PATH", "LANG", "PYTHONPATH", "VIRTUAL_ENV")
            if name in os.environ
        },
        limit=models.MOST_BYTES * 4,
    )
    working = asyncio.create_task(talk(process, wanted))
    try:
        while not (await asyncio.wait({working}, timeout=LOOK_EVERY))[0]:
            async with db.transaction() as tx:
                if not await queries.is_running(tx, question_id=question.id):
                    return None
        return working.result()
    finally:
        working.cancel()
        with suppress(ProcessLookupError):
            process.kill()
        with suppress(asyncio.CancelledError):
            await working
        await process.wait()


async def talk(process: Process, wanted: Asked) -> Found:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    noise = asyncio.create_task(process.stderr.read())
    try:
        async with asyncio.timeout(models.LOADING_SECONDS):
            with suppress(BrokenPipeError, ConnectionResetError):
                process.stdin.write(msgspec.msgpack.encode(wanted))
                await process.stdin.drain()
                process.stdin.close()
            loaded = await process.stdout.read(1)
        async with asyncio.timeout(models.SECONDS):
            answer = await process.stdout.read() if loaded else b""
        if answer:
            return msgspec.msgpack.decode(answer, type=Found)
        _log.warning("analysis.ended", said=(await noise).decode(errors="replace").strip()[-1000:])
    except TimeoutError:
        return Found("slow")
    except msgspec.MsgspecError:
        return Found("ended")
    finally:
        noise.cancel()
    return Found("ended")


async def _keep(tx: Tx, question: Question, found: Found) -> None:
    """Nothing of one that was cancelled meanwhile."""
    state = State.FAILED if found.problem else State.DONE
    kept = await queries.finish(
        tx,
        question_id=question.id,
        state=state,
        problem=found.problem,
        message=found.message.replace("\0", ""),
        line=found.line,
        col=found.col,
        rows=found.rows,
        truncated=found.truncated,
        events=found.events,
    )
    if kept and not found.problem:
        await queries.keep_answer(
            tx,
            question_id=question.id,
            shop_id=question.shop_id,
            content=found.content,
            parquet=found.parquet,
        )
