"""The purchase intake: what arrives while one batch commits forms the next.

Many buyers want one row, and a row is locked until its transaction is on disk: one transaction each is a queue
of flushes.  Here whoever waits shares the next transaction.  No timer: an idle intake takes a single request at
once; the busier it is, the larger the batches.

What it promises:

* Answers are given after COMMIT, never before; requests of one pool are decided in the order they arrived.
* A request that breaks its batch is found by halving; the others do not notice.
* A COMMIT whose answer was lost is asked again with the same ids: what was granted is answered as granted.
  Where the database stays away, buyers hear `intake.unknown` and may ask again with the same id.
* At most `capacity` requests wait; the next one hears `intake.full` at once.
* A caller that goes away changes nothing for the others; what it bought lapses when its time is over.
* `close` stops accepting and answers everybody who waits.

Pools are queues of their own: a slow show does not slow the web shop.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.pq import TransactionStatus

from shopfloor import stock
from shopfloor.kernel import logs
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import TooMany, Unavailable

SOLD_OUT_SECONDS: Final = 0.2
DISTRUST_SECONDS: Final = 1.0
REMEMBERED: Final = 20_000
DEADLOCK_ATTEMPTS: Final = 5

_log = logs.get("intake")


class IntakeFull(TooMany):
    """Too many people are buying at this moment; ask again with the same id."""

    code = "intake.full"


class IntakeClosed(Unavailable):
    """The process is about to stop; ask again with the same id."""

    code = "intake.closed"


class IntakeUnknown(Unavailable):
    """The outcome is not known; ask again with the same id and you will get it."""

    code = "intake.unknown"


Outcome = stock.Held | stock.Refused | Unavailable
Answered = Callable[[Outcome], None]
Extra = Callable[[Tx, list[stock.Request], list[stock.Answer]], Awaitable[None]]


_Answers = list[tuple[Answered, Outcome]]


@dataclass(slots=True)
class Figures:
    """What this process's intake has done since it was opened."""

    accepted: int = 0
    turned_away: int = 0
    batches: int = 0
    held: int = 0
    refused: int = 0
    unanswered: int = 0
    halvings: int = 0
    poisoned: int = 0
    asked_again: int = 0
    largest_batch: int = 0


@dataclass(slots=True)
class _Lane:
    """The queue of one pool."""

    waiting: deque[tuple[stock.Request, Answered]] = field(default_factory=deque)
    runs: bool = False


class Intake:
    """`extra` runs in the transaction of each batch, once, after the decision: with the requests and their
    answers, to write rows that belong to them.  Answers with `replayed` were written by an earlier batch.
    It runs inside an open pipeline: statements are sent at once and waited for when something is fetched,
    so row counts are not known there.
    """

    def __init__(
        self,
        dsn: str,
        *,
        extra: Extra | None = None,
        capacity: int = 10_000,
        largest_batch: int = 2_000,
        connections: int = 4,
        patience: float = 5.0,
    ) -> None:
        self._dsn = dsn
        self._extra = extra
        self._capacity = capacity
        self._largest_batch = largest_batch
        self._patience = patience
        self._free = asyncio.Semaphore(connections)
        self._idle: list[AsyncConnection[Any]] = []
        self._lanes: dict[int, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._recent: set[int] = set()
        self._older: set[int] = set()
        self._sold_out: dict[tuple[int, int], float] = {}
        self._distrust_until = 0.0
        self.waiting = 0
        self.figures = Figures()

    async def open(self) -> None:
        """Have one connection ready.  Raises psycopg.OperationalError when the database is away."""
        self._idle.append(await self._connect())

    async def close(self) -> None:
        """Stop accepting, answer everybody who waits, then close."""
        self._closing = True
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        while self._idle:
            await self._idle.pop().close()

    async def submit(self, request: stock.Request) -> stock.Answer:
        """Raises IntakeFull and IntakeClosed at once, IntakeUnknown when nobody can say.

        A caller that is cancelled may still have bought.
        """
        future: asyncio.Future[stock.Answer] = asyncio.get_running_loop().create_future()
        self.submit_nowait(request, partial(_settle, future))
        return await future

    def submit_nowait(self, request: stock.Request, callback: Answered) -> None:
        """`callback` is called once, from the loop, after COMMIT: with the answer, or with an Unavailable.

        Raises IntakeFull and IntakeClosed at once.  It must not raise; what it raises is logged and dropped.
        """
        if self._closing:
            raise IntakeClosed
        if self.waiting >= self._capacity:
            self.figures.turned_away += 1
            raise IntakeFull
        lane = self._lanes.get(request.pool_id)
        if lane is None:
            lane = self._lanes[request.pool_id] = _Lane()
        lane.waiting.append((request, callback))
        self.waiting += 1
        if not lane.runs:
            lane.runs = True
            task = asyncio.get_running_loop().create_task(self._run(request.pool_id, lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # One lane --------------------------------------------------------------------------------------------

    async def _run(self, pool_id: int, lane: _Lane) -> None:
        """Batch after batch until nobody waits.  While the database writes one, the one before is answered."""
        answered: _Answers = []
        while lane.waiting:
            count = min(len(lane.waiting), self._largest_batch)
            taken = [lane.waiting.popleft() for _ in range(count)]
            requests = [request for request, _ in taken]
            outcomes = await self._answer(
                requests, look_up=self._seen_before(requests), meanwhile=partial(_tell, answered)
            )
            _tell(answered)
            self.waiting -= count
            answered = list(zip([callback for _, callback in taken], outcomes, strict=True))
            if not lane.waiting:
                _tell(answered)
        lane.runs = False
        if self._lanes.get(pool_id) is lane:
            del self._lanes[pool_id]

    async def _answer(
        self, requests: list[stock.Request], *, look_up: bool, meanwhile: Callable[[], None]
    ) -> list[Outcome]:
        outcomes = await self._settle_batch(requests, look_up=look_up, meanwhile=meanwhile)
        figures = self.figures
        figures.accepted += len(requests)
        figures.batches += 1
        figures.largest_batch = max(figures.largest_batch, len(requests))
        held = list(map(type, outcomes)).count(stock.Held)
        figures.held += held
        if held < len(outcomes):
            self._note_refusals(requests, outcomes)
        return outcomes

    def _seen_before(self, requests: list[stock.Request]) -> bool:
        """Whether an id of the batch was in an earlier one: then they must be looked up, not only inserted.

        Only this process's last ids are remembered; of others' the primary key tells.
        """
        ids = {request.id.int for request in requests}
        known = not (ids.isdisjoint(self._recent) and ids.isdisjoint(self._older))
        self._recent |= ids
        if len(self._recent) > REMEMBERED:
            self._older = self._recent
            self._recent = set()
        return known

    def _note_refusals(self, requests: list[stock.Request], outcomes: Sequence[Outcome]) -> None:
        """Remember for a moment what is sold out.  It is a hint where to look first, never an answer."""
        until = asyncio.get_running_loop().time() + SOLD_OUT_SECONDS
        for request, outcome in zip(requests, outcomes, strict=True):
            if isinstance(outcome, stock.Refused):
                self.figures.refused += 1
                if outcome.code == stock.SOLD_OUT and len(request.lines) == 1:
                    self._sold_out[request.pool_id, request.lines[0].variant_id] = until
            elif isinstance(outcome, Unavailable):
                self.figures.unanswered += 1

    def _looks_sold_out(self, requests: list[stock.Request]) -> bool:
        if not self._sold_out:
            return False
        now = asyncio.get_running_loop().time()
        for key in [key for key, until in self._sold_out.items() if until < now]:
            del self._sold_out[key]
        known = self._sold_out
        return bool(known) and all(
            len(request.lines) == 1 and (request.pool_id, request.lines[0].variant_id) in known
            for request in requests
        )

    async def _settle_batch(
        self, requests: list[stock.Request], *, look_up: bool, meanwhile: Callable[[], None]
    ) -> list[Outcome]:
        """The outcome of each request, whatever happens to the batch as a whole."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        look_up = look_up or loop.time() < self._distrust_until
        deadlocks = 0
        pause = 0.02
        while True:
            try:
                return [*await self._attempt(requests, look_up=look_up, meanwhile=meanwhile)]
            except errors.UniqueViolation:
                # Granted by another process, or before we remember: now we ask.  Asking again can only
                # meet it when another process grants the same id at this moment.
                deadlocks += 1
                if deadlocks > DEADLOCK_ATTEMPTS:
                    return await self._halve(requests, meanwhile=meanwhile)
                look_up = True
                self._distrust_until = loop.time() + DISTRUST_SECONDS
            except (errors.DeadlockDetected, errors.SerializationFailure):
                deadlocks += 1
                look_up = True
                if deadlocks > DEADLOCK_ATTEMPTS:
                    return await self._halve(requests, meanwhile=meanwhile)
            except (errors.LockNotAvailable, errors.QueryCanceled):
                _log.warning("intake.row_is_locked", requests=len(requests))
                return [IntakeUnknown() for _ in requests]
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as problem:
                # Nobody knows whether the COMMIT arrived.  The same ids asked again give the truth: what the
                # old transaction still holds locked makes us wait for its end.
                self.figures.asked_again += 1
                look_up = True
                if loop.time() + pause > deadline:
                    _log.warning("intake.database_away", requests=len(requests), error=str(problem)[:200])
                    return [IntakeUnknown() for _ in requests]
                await asyncio.sleep(pause)
                pause = min(pause * 2, 0.5)
            except Exception as problem:  # noqa: BLE001 -- one request must not take its batch with it
                if len(requests) > 1:
                    return await self._halve(requests, meanwhile=meanwhile)
                self.figures.poisoned += 1
                return [_refuse_alone(requests[0], problem)]

    async def _halve(self, requests: list[stock.Request], *, meanwhile: Callable[[], None]) -> list[Outcome]:
        if len(requests) == 1:
            return [IntakeUnknown()]
        self.figures.halvings += 1
        middle = len(requests) // 2
        first = await self._settle_batch(requests[:middle], look_up=True, meanwhile=meanwhile)
        return first + await self._settle_batch(requests[middle:], look_up=True, meanwhile=meanwhile)

    async def _attempt(
        self, requests: list[stock.Request], *, look_up: bool, meanwhile: Callable[[], None]
    ) -> list[stock.Answer]:
        """One transaction in two round trips: lock and read; write and COMMIT.  BEGIN goes ahead by itself.

        `meanwhile` is called while the database writes: the time is there, and no lock waits for it.
        """
        async with self._free:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                async with connection.pipeline():
                    tx = Tx(connection)
                    answers = await stock.reserve(
                        tx,
                        requests,
                        trust_new=not look_up,
                        expect_refusals=self._looks_sold_out(requests),
                    )
                    if self._extra is not None:
                        await self._extra(tx, requests, answers)
                    await connection.execute("COMMIT")
                    meanwhile()
            except BaseException:
                await self._put_away(connection)
                raise
            self._idle.append(connection)
            return answers

    async def _put_away(self, connection: AsyncConnection[Any]) -> None:
        """After an error: back to the others if it can be rolled back, else closed."""
        if not connection.closed and connection.info.transaction_status is TransactionStatus.INERROR:
            try:
                await connection.rollback()
            except psycopg.Error:
                await connection.close()
        if connection.info.transaction_status is TransactionStatus.IDLE:
            self._idle.append(connection)
        else:
            await connection.close()

    async def _connect(self) -> AsyncConnection[Any]:
        return await AsyncConnection.connect(
            self._dsn,
            application_name="shopfloor intake",
            connect_timeout=3,
            # Each statement is always the same: planning it again for every batch costs more than it saves.
            options="-c lock_timeout=3000 -c statement_timeout=15000 -c idle_in_transaction_session_timeout=15000"
            " -c plan_cache_mode=force_generic_plan",
        )


def _settle(future: "asyncio.Future[stock.Answer]", outcome: Outcome) -> None:
    if future.done():
        return
    if isinstance(outcome, Unavailable):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def _tell(answered: _Answers) -> None:
    """Answer each once: what is answered leaves the list."""
    telling = answered.copy()
    answered.clear()
    for callback, outcome in telling:
        try:
            callback(outcome)
        except Exception:  # noqa: BLE001 -- one door must not keep the others from their answers
            _log.exception("intake.callback_failed", request=str(getattr(outcome, "id", "")))


def _refuse_alone(request: stock.Request, problem: Exception) -> Outcome:
    """A request that fails all by itself: nonsense is refused, our own mistakes are not the buyer's fault."""
    _log.error("intake.poison", request=str(request.id), error=f"{type(problem).__name__}: {problem}"[:500])
    if isinstance(problem, psycopg.DataError | TypeError | ValueError | OverflowError | AttributeError):
        return stock.Refused(request.id, stock.INVALID, {})
    return IntakeUnknown()
