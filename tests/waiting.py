"""The one way in which a test waits for something: for a condition, with a deadline that says what did not come."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

# How long a slow machine with much else to do may take for what takes it a second.
PATIENCE: Final = 90.0

Answer = TypeVar("Answer")


def until(
    what: str, true: Callable[[], Answer | None], *, patience: float = PATIENCE, every: float = 0.1
) -> Answer:
    """Ask until there is an answer that counts as true; fail with `what` when there is none in time."""
    end = time.monotonic() + patience
    while True:
        answer = true()
        if answer:
            return answer
        assert time.monotonic() < end, f"waited {patience:.0f} s in vain: {what}"
        time.sleep(every)


async def soon(
    what: str,
    true: Callable[[], Any],
    *,
    patience: float = PATIENCE,
    every: float = 0.01,
) -> Any:
    """As `until`, while the loop goes on; `true` may be a coroutine function."""
    end = time.monotonic() + patience
    while True:
        found = true()
        answer = await found if isinstance(found, Awaitable) else found
        if answer:
            return answer
        assert time.monotonic() < end, f"waited {patience:.0f} s in vain: {what}"
        await asyncio.sleep(every)
