"""Questions that wait while others are worked off, answered together: as many as have come meanwhile, in one go.

Nobody waits for others to come: a batch is whoever is there when the one before is done.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
Q = TypeVar("Q")
A = TypeVar("A")


class Batches(Generic[K, Q, A]):
    """One batch for each key is under way at a time, of at most `most` questions, in the order in which they came.

    `work` answers the questions of a batch in their order.  What it raises is raised to each who asked.
    """

    def __init__(self, work: Callable[[K, Sequence[Q]], Awaitable[Sequence[A]]], *, most: int) -> None:
        self._work = work
        self._most = most
        self._waiting: dict[K, deque[tuple[Q, asyncio.Future[A]]]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, key: K, question: Q) -> A:
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        if key in self._waiting:
            self._waiting[key].append((question, answer))
        else:
            self._waiting[key] = deque([(question, answer)])
            # A task of its own: who asked first may go away, and the others still wait.
            task = asyncio.create_task(self._run(key))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return await answer

    async def _run(self, key: K) -> None:
        waiting = self._waiting[key]
        while waiting:
            batch = [waiting.popleft() for _ in range(min(self._most, len(waiting)))]
            try:
                answers = await self._work(key, [question for question, _ in batch])
            except BaseException as problem:
                self._fail(batch, problem)
                if not isinstance(problem, Exception):
                    # This process ends; nobody is left behind without an answer.
                    self._fail(self._waiting.pop(key), problem)
                    raise
                continue
            for (_, answer), result in zip(batch, answers, strict=True):
                if not answer.done():
                    answer.set_result(result)
        del self._waiting[key]

    @staticmethod
    def _fail(batch: Sequence[tuple[Q, asyncio.Future[A]]], problem: BaseException) -> None:
        for _, answer in batch:
            if answer.done():
                continue
            if isinstance(problem, asyncio.CancelledError):
                answer.cancel()
            else:
                answer.set_exception(problem)
