"""The purchase intake: what arrives while one batch commits forms the next.

`await intake.submit(request)` answers after COMMIT; `submit_nowait(request, callback)` is the same for the
raw doors, without a future per request.
"""

from collections.abc import Awaitable, Callable

from shopfloor import stock
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import TooMany, Unavailable

Answered = Callable[["stock.Answer | Unavailable"], None]
Extra = Callable[[Tx, list[stock.Request], list[stock.Answer]], Awaitable[None]]


class IntakeFull(TooMany):
    """Too many people are buying at this moment; ask again with the same id."""

    code = "intake.full"


class IntakeClosed(Unavailable):
    """This process is about to stop; ask again with the same id."""

    code = "intake.closed"


class IntakeUnknown(Unavailable):
    """The outcome is not known; ask again with the same id and you will get it."""

    code = "intake.unknown"


class Intake:
    """`extra` runs in the transaction of each batch, after the decision, once per batch."""

    def __init__(self, dsn: str, *, extra: Extra | None = None, capacity: int = 10_000) -> None:
        self._dsn = dsn

    async def open(self) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        """Stop accepting, answer everybody who waits, then close."""
        raise NotImplementedError

    async def submit(self, request: stock.Request) -> stock.Answer:
        """Raises IntakeFull, IntakeClosed, IntakeUnknown.  A cancelled caller may still have bought."""
        raise NotImplementedError

    def submit_nowait(self, request: stock.Request, callback: Answered) -> None:
        """Calls `callback` once, from the loop, after COMMIT.  Raises IntakeFull, IntakeClosed at once."""
        raise NotImplementedError
