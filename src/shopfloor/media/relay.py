"""Several processes on one recordings directory: one records, the others hand live requests on to it.

The one that records holds the lock of the directory and keeps a record there that says where it serves and what
its cameras send.  The others read the record.  Recordings are files of the directory, which anybody serves.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from shopfloor.kernel import late, logs
from shopfloor.kernel.encodings import accepted, choose
from shopfloor.media.models import Status

if TYPE_CHECKING:
    import httpx
else:
    httpx = late.module("httpx")

TOLD_EVERY: Final = 1.0
STALE: Final = 10.0
# A blocked playlist request is answered within three target durations.
PATIENCE: Final = {"connect": 2.0, "read": 30.0, "write": 5.0, "pool": 30.0}
KEPT: Final = (
    b"content-type",
    b"content-encoding",
    b"cache-control",
    b"vary",
    b"retry-after",
    b"etag",
    b"x-content-type-options",
)

_log = logs.get("media")


class LeaderRecord(msgspec.Struct, frozen=True):
    """What the process that records tells the others.  `written_at` in seconds since 1970."""

    address: str
    camera_port: int
    written_at: float
    statuses: dict[int, Status]


def _file(directory: Path) -> Path:
    return directory / ".recorder.json"


def publish_record(directory: Path, record: LeaderRecord) -> None:
    """Raises OSError where the directory cannot be written to."""
    unfinished = directory / f".recorder.{os.getpid()}"
    unfinished.write_bytes(msgspec.json.encode(record))
    unfinished.replace(_file(directory))


def withdraw_record(directory: Path) -> None:
    with suppress(OSError):
        _file(directory).unlink()


class LeaderWatch:
    """What another process on the directory says of itself, as read within the last second."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._read_at = float("-inf")
        self._record: LeaderRecord | None = None

    def record(self) -> LeaderRecord | None:
        """None while nobody records, or whoever did has been silent for ten seconds."""
        now = time.monotonic()
        if now - self._read_at >= TOLD_EVERY:
            self._read_at = now
            try:
                self._record = msgspec.json.decode(_file(self._directory).read_bytes(), type=LeaderRecord)
            except (OSError, msgspec.DecodeError):
                self._record = None
        found = self._record
        if found is None or abs(time.time() - found.written_at) > STALE:
            return None
        return found


_Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class RelayClient:
    """Live playlists and parts of another process.

    Viewers ask for the same part at the same moment: equal requests under way are one request to the other
    process, and its answer goes to all of them.
    """

    def __init__(self, leader: LeaderWatch, cookie: Callable[[Mapping[str, Any]], bytes]) -> None:
        self._leader = leader
        self._cookie = cookie
        self._under_way: dict[tuple[str, bool, bytes], asyncio.Task[_Answer]] = {}
        self._http: httpx.AsyncClient | None = None

    async def close(self) -> None:
        for task in self._under_way.values():
            task.cancel()
        if self._http is not None:
            await self._http.aclose()

    async def __call__(self, scope: Mapping[str, Any], send: Send) -> bool:
        """Answer with what the other process answers; False where there is none."""
        record = self._leader.record()
        if record is None:
            return False
        query = scope.get("query_string", b"").decode("latin-1")
        url = f"{record.address}{quote(scope['path'])}{'?' if query else ''}{query}"
        packed = choose(accepted(scope["headers"]), ("gzip",)) == "gzip"
        # Who may see what is decided where it is recorded: the session goes along, and nothing else.
        cookie = self._cookie(scope)
        key = (url, packed, cookie)
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._fetch(url, cookie, packed=packed))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        # One viewer who leaves must not take the answer from the others.
        status, headers, body = await asyncio.shield(task)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return True

    async def _fetch(self, url: str, cookie: bytes, *, packed: bool) -> _Answer:
        if self._http is None:
            self._http = httpx.AsyncClient(
                timeout=httpx.Timeout(**PATIENCE), trust_env=False, limits=httpx.Limits(max_connections=None)
            )
        headers = {"accept-encoding": "gzip" if packed else "identity"}
        if cookie:
            headers["cookie"] = cookie.decode("latin-1")
        request = self._http.build_request("GET", url, headers=headers)
        try:
            answer = await self._http.send(request, stream=True)
            try:
                body = b"".join([piece async for piece in answer.aiter_raw()])
            finally:
                await answer.aclose()
        except httpx.HTTPError as problem:
            _log.warning("media.leader_silent", why=f"{type(problem).__name__}: {problem}"[:200])
            body = b""
            return 503, _with_length([(b"retry-after", b"1"), (b"cache-control", b"no-store")], body), body
        raw = [(name.lower(), value) for name, value in answer.headers.raw]
        passed = [(name, value) for name, value in raw if name in KEPT]
        return answer.status_code, _with_length(passed, body), body


def _with_length(headers: list[tuple[bytes, bytes]], body: bytes) -> list[tuple[bytes, bytes]]:
    return [*headers, (b"content-length", b"%d" % len(body))]
