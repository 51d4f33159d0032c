"""What the sandbox knows: objects by account and kind, in one file for as many processes as there are."""

import json
import secrets
import sqlite3
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shopfloor.kernel.records import dataclass


class Problem(Exception):
    def __init__(
        self, status: int, message: str, *, code: str = "", kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "message": message, **({"code": code} if code else {})}}


@dataclass(frozen=True, slots=True)
class SandboxStore:
    """What it knows, by account: the secret key that asked."""

    path: Path

    @contextmanager
    def open(self) -> Generator["OpenStore"]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # Nothing here is worth waiting for a disk: it is asked beside a shop that sells.
            connection.execute("PRAGMA synchronous = OFF")
            connection.executescript(
                """
                CREATE TABLE IF NOT EXISTS object (
                  id TEXT PRIMARY KEY, account TEXT, kind TEXT, body TEXT, made INTEGER);
                CREATE TABLE IF NOT EXISTS answer (
                  account TEXT, key TEXT, path TEXT, form TEXT, status INTEGER, body TEXT, PRIMARY KEY (account, key));
                CREATE TABLE IF NOT EXISTS listener (account TEXT, url TEXT, PRIMARY KEY (account, url));
                """
            )
            connection.execute("BEGIN IMMEDIATE")
            yield OpenStore(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class OpenStore:
    """The books under their lock."""

    rows: sqlite3.Connection

    def put(self, account: str, thing: Mapping[str, Any]) -> None:
        self.rows.execute(
            "INSERT INTO object VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (thing["id"], account, thing["object"], json.dumps(thing), int(time.time())),
        )

    def get(self, kind: str, name: str, account: str | None = None) -> dict[str, Any]:
        row = self.rows.execute(
            "SELECT body FROM object WHERE id = ? AND kind = ? AND (? IS NULL OR account = ?)",
            (name, kind, account, account),
        ).fetchone()
        if row is None:
            raise Problem(404, f"No such {kind}: '{name}'", code="resource_missing")
        found: dict[str, Any] = json.loads(row[0])
        return found

    def account_of(self, name: str) -> str:
        row = self.rows.execute("SELECT account FROM object WHERE id = ?", (name,)).fetchone()
        return "" if row is None else str(row[0])

    def every(self, kind: str, account: str) -> list[dict[str, Any]]:
        found = self.rows.execute(
            "SELECT body FROM object WHERE kind = ? AND account = ? ORDER BY rowid DESC", (kind, account)
        )
        return [json.loads(row[0]) for row in found]


def new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(12)}"
