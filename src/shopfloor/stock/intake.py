"""The purchase intake: what arrives while one batch commits forms the next.

Many buyers want one row, and a row is locked until its transaction is on disk: one transaction each is a queue
of flushes.  Here whoever waits shares the next transaction.  No timer: an idle intake takes a single request at
once; the busier it is, the larger the batches.  Where plenty is left, or nothing, a batch is decided and encoded
while the one before it is being written (`Speculation`), and is one statement; else it is decided under the
lock.

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
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import field
from functools import partial
from time import monotonic
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.pq import TransactionStatus

from shopfloor.kernel import logs
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import TooMany, Unavailable
from shopfloor.kernel.records import dataclass
from shopfloor.stock import counter
from shopfloor.stock.models import Answer, Code, Held, Refused, Request
from shopfloor.stock.reserving import reserve
from shopfloor.stock.speculation import Speculation, SpeculativeBatch, answers_of, carry_out, warm_up

SOLD_OUT_SECONDS: Final = 0.2
DISTRUST_SECONDS: Final = 1.0
REMEMBERED: Final = 20_000
DEADLOCK_ATTEMPTS: Final = 5
LANES: Final = 1_000
FIRST_BATCH: Final = 250

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


INTAKE_REFUSALS: Final = (IntakeClosed, IntakeFull, IntakeUnknown)
"""What the intake itself says, whatever is asked for."""


Outcome = Held | Refused | Unavailable
OnDecided = Callable[[Outcome], None]
OnRefused = Callable[[Tx, list[Request], list[Answer]], Awaitable[list[Answer]]]


_Answers = list[tuple[OnDecided, Outcome]]


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
    ahead: int = 0
    mistaken: int = 0
    largest_batch: int = 0


_Waiting = tuple[Request, OnDecided]


@dataclass(slots=True)
class _Batch:
    requests: list[Request]
    callbacks: list[OnDecided]
    look_up: bool
    """An id of it was in an earlier batch."""
    plan: SpeculativeBatch | None


@dataclass(slots=True)
class _Lane:
    """The queue of one pool."""

    waiting: deque[_Waiting] = field(default_factory=deque)
    runs: bool = False
    answered: _Answers = field(default_factory=list)
    """Decided and committed, not told yet."""
    next: _Batch | None = None
    """Prepared while the one before it is written."""
    speculation: Speculation = field(default_factory=Speculation)


class Intake:
    """`on_refused` runs in the transaction of each batch in which somebody was refused, once, after the
    decision: with the requests and their answers, to write rows that belong to them; it returns the answers, perhaps with more
    facts.  It runs inside an open
    pipeline: statements are sent at once and waited for when something is fetched, so row counts are not known
    there.
    """

    handed_over = staticmethod(counter.hand_over)
    """What left a store over its counter asks for nothing: it is taken in as it was."""

    def __init__(
        self,
        dsn: str,
        *,
        on_refused: OnRefused | None = None,
        capacity: int = 10_000,
        largest_batch: int = 2_000,
        ahead: int = 256,
        connections: int = 4,
        patience: float = 5.0,
    ) -> None:
        self._dsn = dsn
        self._on_refused = on_refused
        self._capacity = capacity
        self._largest_batch = largest_batch
        self._ahead = ahead
        self._patience = patience
        self._free = asyncio.Semaphore(connections)
        self._idle: list[AsyncConnection[Any]] = []
        self._lanes: dict[int, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self.recent: set[int] = set()
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

    async def submit(self, request: Request) -> Answer:
        """Raises IntakeFull and IntakeClosed at once, IntakeUnknown when nobody can say.

        A caller that is cancelled may still have bought.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.submit_nowait(request, partial(_settle, future))
        return await future

    def submit_nowait(self, request: Request, callback: OnDecided) -> None:
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

    def _tell(self, lane: _Lane) -> None:
        """Answer each once: what is answered leaves the list."""
        telling, lane.answered = lane.answered, []
        for callback, outcome in telling:
            try:
                callback(outcome)
            except Exception:  # noqa: BLE001 -- one door must not keep the others from their answers
                _log.exception("intake.callback_failed", request=str(getattr(outcome, "id", "")))

    # One lane --------------------------------------------------------------------------------------------

    async def _run(self, pool_id: int, lane: _Lane) -> None:
        """Batch after batch until nobody waits.  While the database writes one, the one before is answered and,
        where many wait, the one after is prepared.
        """
        while lane.waiting or lane.next is not None:
            batch = lane.next or self._take(lane)
            lane.next = None
            outcomes = await self._answer(lane, batch)
            self._tell(lane)
            lane.answered = list(zip(batch.callbacks, outcomes, strict=True))
            self.waiting -= len(outcomes)
            if not lane.waiting and lane.next is None:
                self._tell(lane)
        lane.runs = False
        self._rest(pool_id, lane)

    def _rest(self, pool_id: int, lane: _Lane) -> None:
        """A lane nobody waits in is kept for what it remembers, until there are too many."""
        if len(self._lanes) > LANES:
            for known, other in list(self._lanes.items()):
                if not other.runs:
                    del self._lanes[known]

    def _take(self, lane: _Lane) -> _Batch:
        # Nothing is known yet: a small batch finds out, and the next one is decided ahead.
        most = min(self._largest_batch, FIRST_BATCH) if lane.speculation.is_blank else self._largest_batch
        count = min(len(lane.waiting), most)
        taken = [lane.waiting.popleft() for _ in range(count)]
        requests = [request for request, _ in taken]
        look_up = self._seen_before(requests)
        now = monotonic()
        plan = None
        if not look_up and now >= self._distrust_until:
            try:
                plan = lane.speculation.plan(requests, now=now)
            except Exception:  # noqa: BLE001 -- what cannot even be planned is found under the lock, by halving
                lane.speculation.forget()
        return _Batch(requests, [callback for _, callback in taken], look_up, plan)

    def _meanwhile(self, lane: _Lane) -> None:
        """What is done while the database writes: the time is there, and no lock waits for it."""
        self._tell(lane)
        if lane.next is None and len(lane.waiting) >= self._ahead:
            lane.next = self._take(lane)

    async def _answer(self, lane: _Lane, batch: _Batch) -> list[Outcome]:
        outcomes = None if batch.plan is None else await self._carry_out(lane, batch, batch.plan)
        if outcomes is None:
            outcomes = await self._settle_batch(lane, batch.requests, look_up=batch.look_up)
        figures = self.figures
        figures.accepted += len(outcomes)
        figures.batches += 1
        figures.largest_batch = max(figures.largest_batch, len(outcomes))
        held = list(map(type, outcomes)).count(Held)
        figures.held += held
        if held < len(outcomes):
            self._note_refusals(batch.requests, outcomes)
        return outcomes

    async def _carry_out(self, lane: _Lane, batch: _Batch, plan: SpeculativeBatch) -> list[Outcome] | None:
        """The outcomes of a batch decided ahead; None where it is to be decided under the lock.

        Whatever went wrong: its ids are looked up then, so nothing is granted twice.
        """
        beside = self._on_refused if plan.refuses else None
        answers = plan.answers
        try:
            async with self._connection() as connection:
                tx = Tx(connection)
                several = beside is not None or plan.bounds is not None
                if several or lane.answered or len(lane.waiting) >= self._ahead:
                    async with connection.pipeline():
                        await connection.execute("BEGIN")
                        payers = await carry_out(tx, plan)
                        if beside is not None:
                            answers = await beside(tx, batch.requests, plan.answers)
                        await connection.execute("COMMIT")
                        self._meanwhile(lane)
                    if payers is not None:
                        answers = await answers_of(plan, payers)
                else:
                    await carry_out(tx, plan)
        except (errors.LockNotAvailable, errors.QueryCanceled):
            self._forget(lane)
            _log.warning("intake.row_is_locked", requests=len(batch.requests))
            return [IntakeUnknown() for _ in batch.requests]
        except (psycopg.Error, OSError) as problem:
            self._forget(lane)
            if plan.bounds is not None:
                lane.speculation.distrust_bounds(monotonic())
            self.figures.mistaken += 1
            batch.look_up = True
            if isinstance(problem, errors.UniqueViolation):
                self._distrust_until = monotonic() + DISTRUST_SECONDS
            return None
        self.figures.ahead += 1
        return [*answers]

    def _forget(self, lane: _Lane) -> None:
        lane.speculation.forget()
        if lane.next is not None:
            lane.next.plan = None

    def _seen_before(self, requests: list[Request]) -> bool:
        """Whether an id of the batch was in an earlier one: then they must be looked up, not only inserted.

        Only this process's last ids are remembered; of others' the primary key tells.
        """
        ids = {request.id.int for request in requests}
        known = not (ids.isdisjoint(self.recent) and ids.isdisjoint(self._older))
        self.recent |= ids
        if len(self.recent) > REMEMBERED:
            self._older = self.recent
            self.recent = set()
        return known

    def _note_refusals(self, requests: list[Request], outcomes: Sequence[Outcome]) -> None:
        """Remember for a moment what is sold out.  It is a hint where to look first, never an answer."""
        until = monotonic() + SOLD_OUT_SECONDS
        for request, outcome in zip(requests, outcomes, strict=True):
            if isinstance(outcome, Refused):
                self.figures.refused += 1
                if outcome.code == Code.SOLD_OUT and len(request.lines) == 1:
                    self._sold_out[request.pool_id, request.lines[0].variant_id] = until
            elif isinstance(outcome, Unavailable):
                self.figures.unanswered += 1

    def _looks_sold_out(self, requests: list[Request]) -> bool:
        if not self._sold_out:
            return False
        now = monotonic()
        for key in [key for key, until in self._sold_out.items() if until < now]:
            del self._sold_out[key]
        known = self._sold_out
        return bool(known) and all(
            len(request.lines) == 1 and (request.pool_id, request.lines[0].variant_id) in known
            for request in requests
        )

    async def _settle_batch(self, lane: _Lane, requests: list[Request], *, look_up: bool) -> list[Outcome]:
        """The outcome of each request, whatever happens to the batch as a whole."""
        deadline = monotonic() + self._patience
        look_up = look_up or monotonic() < self._distrust_until
        deadlocks = 0
        pause = 0.02
        while True:
            try:
                return [*await self._attempt(lane, requests, look_up=look_up)]
            except errors.UniqueViolation:
                # Granted by another process, or before we remember: now we ask.  Asking again can only
                # meet it when another process grants the same id at this moment.
                deadlocks += 1
                if deadlocks > DEADLOCK_ATTEMPTS:
                    return await self._halve(lane, requests)
                look_up = True
                self._distrust_until = monotonic() + DISTRUST_SECONDS
            except (errors.DeadlockDetected, errors.SerializationFailure):
                deadlocks += 1
                look_up = True
                if deadlocks > DEADLOCK_ATTEMPTS:
                    return await self._halve(lane, requests)
            except (errors.LockNotAvailable, errors.QueryCanceled):
                _log.warning("intake.row_is_locked", requests=len(requests))
                return [IntakeUnknown() for _ in requests]
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as problem:
                # Nobody knows whether the COMMIT arrived.  The same ids asked again give the truth: what the
                # old transaction still holds locked makes us wait for its end.
                self.figures.asked_again += 1
                look_up = True
                if monotonic() + pause > deadline:
                    _log.warning("intake.database_away", requests=len(requests), error=str(problem)[:200])
                    return [IntakeUnknown() for _ in requests]
                await asyncio.sleep(pause)
                pause = min(pause * 2, 0.5)
            except Exception as problem:  # noqa: BLE001 -- one request must not take its batch with it
                if len(requests) > 1:
                    return await self._halve(lane, requests)
                self.figures.poisoned += 1
                return [_refuse_alone(requests[0], problem)]

    async def _halve(self, lane: _Lane, requests: list[Request]) -> list[Outcome]:
        if len(requests) == 1:
            return [IntakeUnknown()]
        self.figures.halvings += 1
        middle = len(requests) // 2
        first = await self._settle_batch(lane, requests[:middle], look_up=True)
        return first + await self._settle_batch(lane, requests[middle:], look_up=True)

    async def _attempt(self, lane: _Lane, requests: list[Request], *, look_up: bool) -> list[Answer]:
        """One transaction in two round trips: lock and read; write and COMMIT.  BEGIN goes ahead by itself."""
        try:
            async with self._connection() as connection, connection.pipeline():
                await connection.execute("BEGIN")
                tx = Tx(connection)
                answers = await reserve(
                    tx,
                    requests,
                    trust_new=not look_up,
                    expect_refusals=self._looks_sold_out(requests),
                    speculation=lane.speculation,
                )
                if self._on_refused is not None and any(type(answer) is Refused for answer in answers):
                    answers = await self._on_refused(tx, requests, answers)
                await connection.execute("COMMIT")
                self._meanwhile(lane)
        except BaseException:
            self._forget(lane)
            raise
        return answers

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[AsyncConnection[Any]]:
        """A connection for one transaction; one that broke is not used again."""
        async with self._free:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                yield connection
            except BaseException:
                await self._put_away(connection)
                raise
            self._idle.append(connection)

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
        """A connection that knows the statements already: the first buyer does not wait for their plans."""
        connection = await AsyncConnection.connect(
            self._dsn,
            autocommit=True,
            application_name="shopfloor intake",
            connect_timeout=3,
            # Each statement is always the same: planning it again for every batch costs more than it saves.
            options="-c lock_timeout=3000 -c statement_timeout=15000 -c idle_in_transaction_session_timeout=15000"
            " -c plan_cache_mode=force_generic_plan",
        )
        await warm_up(Tx(connection))
        return connection


def _settle(future: "asyncio.Future[Answer]", outcome: Outcome) -> None:
    if future.done():
        return
    if isinstance(outcome, Unavailable):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


def _refuse_alone(request: Request, problem: Exception) -> Outcome:
    """A request that fails all by itself: nonsense is refused, our own mistakes are not the buyer's fault."""
    _log.error("intake.poison", request=str(request.id), error=f"{type(problem).__name__}: {problem}"[:500])
    if isinstance(problem, psycopg.DataError | TypeError | ValueError | OverflowError | AttributeError):
        return Refused(request.id, Code.INVALID, {})
    return IntakeUnknown()
