"""Connections that outlive the pool of a test.

Each new backend of PostgreSQL reads the catalogue anew, which costs most tests more than what they ask of it.
"""

from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import psycopg
import pytest
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg_pool import AsyncConnectionPool

from shopfloor.kernel import database


class Kept(psycopg.AsyncConnection[Any]):
    """Given back instead of closed; whoever comes next gets it as it was when it was made."""

    _idle: ClassVar[defaultdict[str, list[psycopg.pq.abc.PGconn]]] = defaultdict(list)
    _kind = ""
    _given_back = False

    @property
    def closed(self) -> bool:
        return self._given_back or super().closed

    @classmethod
    async def connect(cls, conninfo: str = "", **options: Any) -> Self:  # pyright: ignore[reportIncompatibleMethodOverride]
        kind = f"{conninfo} {options}"
        while cls._idle[kind]:
            kept = cls._idle[kind].pop()
            # A test may have ended it, or the server.
            if kept.exec_(b"DISCARD ALL").status == ExecStatus.COMMAND_OK:
                made = cls(kept)
                break
            kept.finish()
        else:
            made = await super().connect(conninfo, **options)
        made._kind = kind
        return made

    async def close(self) -> None:
        if self.closed or self.info.transaction_status is not TransactionStatus.IDLE:
            await super().close()
            return
        self._given_back = True
        self._idle[self._kind].append(self.pgconn)


class Pool(AsyncConnectionPool[Kept]):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, connection_class=Kept, **options)


@contextmanager
def kept_connections() -> Generator[None]:
    """What is made in the block has kept connections."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "AsyncConnectionPool", Pool)
        yield
