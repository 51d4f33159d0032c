"""A payment provider of the outside world: what it knows stands in a file and outlives whoever asks it."""

import os
import signal
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from shopfloor.kernel.values import Money
from shopfloor.payment_providers import Attempt, Charged, GivenBack, Provider


class Bank(Provider):
    """Takes the money at once.  `dies`: whoever asks is killed "before" or "after" the money is taken."""

    name = "bank"

    def __init__(self, path: Path, *, dies: str = "") -> None:
        self._path = path
        self._dies = dies
        with self._book() as book:
            book.execute(
                "CREATE TABLE IF NOT EXISTS charge (attempt TEXT PRIMARY KEY, minor INTEGER, currency TEXT)"
            )
            book.execute(
                "CREATE TABLE IF NOT EXISTS refund (id TEXT PRIMARY KEY, attempt TEXT, minor INTEGER)"
            )

    @contextmanager
    def _book(self) -> Generator[sqlite3.Connection]:
        book = sqlite3.connect(self._path, timeout=30)
        try:
            with book:
                yield book
        finally:
            book.close()

    async def start(self, attempt: Attempt) -> Charged:
        if self._dies == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        with self._book() as book:
            book.execute(
                "INSERT OR IGNORE INTO charge VALUES (?, ?, ?)",
                (str(attempt.id), attempt.amount.minor, attempt.amount.currency),
            )
        if self._dies == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        charged = await self.look_up(attempt)
        assert charged is not None, "it was just taken"
        return charged

    async def look_up(self, attempt: Attempt) -> Charged | None:
        with self._book() as book:
            row = book.execute(
                "SELECT minor, currency FROM charge WHERE attempt = ?", (str(attempt.id),)
            ).fetchone()
        return None if row is None else Charged(f"bank/{attempt.id}", Money(*row))

    async def give_back(self, attempt: Attempt, *, refund_id: UUID, amount: Money) -> GivenBack:
        with self._book() as book:
            book.execute(
                "INSERT OR IGNORE INTO refund VALUES (?, ?, ?)",
                (str(refund_id), str(attempt.id), amount.minor),
            )
        return GivenBack(f"bank-refund/{refund_id}")

    def taken(self) -> list[int]:
        """Each charge in minor units."""
        with self._book() as book:
            return [minor for (minor,) in book.execute("SELECT minor FROM charge")]

    def sent_back(self) -> list[int]:
        with self._book() as book:
            return [minor for (minor,) in book.execute("SELECT minor FROM refund")]
