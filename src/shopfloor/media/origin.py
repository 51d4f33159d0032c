"""The Low-Latency HLS origin: playlists, parts and recordings over HTTP, as a raw ASGI application.

Mounted at /media:

    /{channel_id}/live.m3u8                     the live playlist, with delivery directives
    /{channel_id}/{name}                        init sections, parts and segments it names
    /{channel_id}/runs/{run_id}/replay.m3u8     a recorded run
    /{channel_id}/runs/{run_id}.mp4             its file, whole or by byte range
    /{channel_id}/replay.m3u8?runs=a,b          several runs as one, with discontinuities between them

Whoever asks for what does not exist yet waits on a future that the part itself resolves; nothing is polled.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import UUID

from shopfloor.kernel import logs
from shopfloor.kernel.errors import Refusal
from shopfloor.media.models import Moment, Run, Segment
from shopfloor.media.playlist import Answer, Piece, Reload, Window, replay
from shopfloor.media.recorder import Files

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Elsewhere = Callable[[Scope, Send], Awaitable[bool]]
Library = Callable[[int, tuple[UUID, ...]], Awaitable[tuple[list[tuple[Run, list[Segment]]], list[Moment]]]]

# Blocked requests of one channel; beyond it a player is told to come back.
MAX_WAITING: Final = 20_000
MAX_RUNS: Final = 100
SLICE: Final = 1 << 20

_PLAYLIST: Final = "application/vnd.apple.mpegurl"
_FOREVER: Final = "public, max-age=31536000, immutable"
_DIRECTED: Final = "public, max-age=4"
_BARE: Final = "public, max-age=0, must-revalidate"
_NO_STORE: Final = "no-store"
_COMMON: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"content-length, content-range"),
    (b"x-content-type-options", b"nosniff"),
    (b"timing-allow-origin", b"*"),
)
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"range"),
    (b"access-control-max-age", b"86400"),
)
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)$")

_log = logs.get("media")


class Feed:
    """A channel's window, and those who wait for what comes next."""

    def __init__(self, *, first_msn: int) -> None:
        self.window = Window(first_msn=first_msn)
        self._reloads: defaultdict[tuple[int, int | None], list[asyncio.Future[None]]] = defaultdict(list)
        self._hinted: defaultdict[str, list[asyncio.Future[None]]] = defaultdict(list)
        self.waiting = 0

    def open_run(self) -> Window:
        """The window a new run goes into: the same within a broadcast, a fresh one after its end."""
        if self.window.ended:
            moments = self.window.moments_open()
            self.window = Window(first_msn=self.window.next_msn)
            for moment in moments:
                self.window.moment(moment)
        return self.window

    def part_ready(self, name: str) -> None:
        _wake(self._hinted.pop(name, ()))
        self._wake_reloads()

    def segment_closed(self, piece: Piece) -> None:
        self._wake_reloads()
        # A hint of this segment that did not come true never will.
        prefix = piece.name.removesuffix("m4s")
        for name in [name for name in self._hinted if name.startswith(prefix)]:
            _wake(self._hinted.pop(name))

    def run_closed(self) -> None:
        for futures in self._hinted.values():
            _wake(futures)
        self._hinted.clear()

    def wake_all(self) -> None:
        """Answer everybody with what there is: the broadcast is over, or the server stops."""
        self.run_closed()
        for futures in self._reloads.values():
            _wake(futures)
        self._reloads.clear()

    async def until(self, reload: Reload, seconds: float) -> bool:
        return await self._wait(self._reloads[reload.msn, reload.part], seconds)

    async def until_hinted(self, name: str, seconds: float) -> bool:
        return await self._wait(self._hinted[name], seconds)

    async def _wait(self, futures: list[asyncio.Future[None]], seconds: float) -> bool:
        future = asyncio.get_running_loop().create_future()
        futures.append(future)
        self.waiting += 1
        try:
            await asyncio.wait_for(future, seconds)
        except TimeoutError:
            return False
        finally:
            self.waiting -= 1
        return True

    def _wake_reloads(self) -> None:
        for wanted in [wanted for wanted in self._reloads if self.window.has(*wanted)]:
            _wake(self._reloads.pop(wanted))


def _wake(futures: Iterable[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


class Origin:
    """ASGI application.  `feeds` are the channels that are or were on air; `library` reads recordings.

    `elsewhere` is asked for live channels that are not ours; it says whether it answered.
    """

    def __init__(
        self, feeds: Mapping[int, Feed], files: Files, library: Library, elsewhere: Elsewhere | None = None
    ) -> None:
        self._feeds = feeds
        self._files = files
        self._library = library
        self._elsewhere = elsewhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        method = scope["method"]
        if method == "OPTIONS":
            await _respond(send, 204, headers=_PREFLIGHT)
        elif method not in {"GET", "HEAD"}:
            await _respond(send, 405, headers=((b"allow", b"GET, HEAD, OPTIONS"),))
        else:
            try:
                await self._get(scope, _Head(send) if method == "HEAD" else send)
            except Refusal as refusal:
                await _respond(send, refusal.status, refusal.message.encode(), cache=_NO_STORE)

    async def _get(self, scope: Scope, send: Send) -> None:
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        match path.strip("/").split("/"):
            case [channel, "live.m3u8"] if (feed := self._feed(channel)) is not None:
                await self._live(feed, scope, send)
            case [channel, "replay.m3u8"] if channel.isascii() and channel.isdigit():
                wanted = _query(scope).get("runs", "").split(",")[:MAX_RUNS]
                await self._replay(int(channel[:18]), wanted, "runs/{run}.mp4", scope, send)
            case [channel, "runs", run, "replay.m3u8"] if channel.isascii() and channel.isdigit():
                await self._replay(int(channel[:18]), [run], "../{run}.mp4", scope, send)
            case [channel, "runs", name] if name.endswith(".mp4"):
                await self._file(channel, name.removesuffix(".mp4"), scope, send)
            case [channel, name] if (feed := self._feed(channel)) is not None:
                await self._media(feed, name, send)
            case [channel, _] if re.fullmatch(r"[0-9]{1,18}", channel) and self._elsewhere is not None:
                if not await self._elsewhere(scope, send):
                    await _missing(send)
            case _:
                await _missing(send)

    def _feed(self, channel: str) -> Feed | None:
        return self._feeds.get(int(channel)) if re.fullmatch(r"[0-9]{1,18}", channel) else None

    async def _live(self, feed: Feed, scope: Scope, send: Send) -> None:
        window = feed.window
        if not window.published or window.cadence is None:
            await _missing(send)
            return
        query = _query(scope)
        reload = window.reload(query.get("_HLS_msn"), query.get("_HLS_part"))
        if reload.answer is Answer.BAD:
            await _respond(send, 400, cache=_NO_STORE)
            return
        if reload.answer is Answer.WAIT:
            if feed.waiting >= MAX_WAITING:
                await _respond(send, 503, headers=((b"retry-after", b"2"),), cache=_NO_STORE)
                return
            came = await feed.until(reload, 3 * window.cadence.target_duration)
            # Between two runs nothing can come; a player must not give up on a camera that reconnects.
            if not came and feed.window.on_air:
                await _respond(send, 503, headers=((b"retry-after", b"1"),), cache=_NO_STORE)
                return
        directed = "_HLS_msn" in query and feed.window.on_air
        rendered = feed.window.render()
        await _respond_text(
            scope, send, rendered.plain, rendered.packed, cache=_DIRECTED if directed else _BARE
        )

    async def _media(self, feed: Feed, name: str, send: Send) -> None:
        found = feed.window.find(name)
        if found is None and name == feed.window.hint and feed.window.cadence is not None:
            await feed.until_hinted(name, 3 * feed.window.cadence.target_duration)
            found = feed.window.find(name)
        if found is None:
            await _missing(send)
            return
        length = sum(map(len, found))
        await send(_start(200, (*_typed("video/mp4", length), (b"cache-control", _FOREVER.encode()))))
        for i, piece in enumerate(found):
            await send({"type": "http.response.body", "body": piece, "more_body": i + 1 < len(found)})

    async def _replay(self, channel_id: int, runs: list[str], uri: str, scope: Scope, send: Send) -> None:
        ids = tuple(run for run in map(_uuid, runs) if run is not None)
        recordings, moments = await self._library(channel_id, ids) if ids else ([], [])
        if not recordings:
            await _missing(send)
            return
        text = replay(recordings, moments, uri=uri).encode()
        over = recordings[-1][0].ended_at is not None
        await _respond(send, 200, text, kind=_PLAYLIST, cache="public, max-age=60" if over else _BARE)

    async def _file(self, channel: str, name: str, scope: Scope, send: Send) -> None:
        run = _uuid(name)
        path = self._files.find(channel, run) if run is not None else None
        if path is None:
            await _missing(send)
            return
        with path.open("rb") as file:
            size = await asyncio.to_thread(file.seek, 0, 2)
            asked = next(
                (value.decode("latin-1") for key, value in scope["headers"] if key == b"range"), None
            )
            span = (0, size) if asked is None else _span(asked, size)
            if span is None:
                await _respond(send, 416, headers=((b"content-range", f"bytes */{size}".encode()),))
                return
            at, end = span
            headers = [
                *_typed("video/mp4", end - at),
                (b"accept-ranges", b"bytes"),
                (b"cache-control", b"public, max-age=60"),
            ]
            if asked is not None:
                headers.append((b"content-range", f"bytes {at}-{end - 1}/{size}".encode()))
            await send(_start(200 if asked is None else 206, headers))
            await asyncio.to_thread(file.seek, at)
            while at < end:
                piece = await asyncio.to_thread(file.read, min(SLICE, end - at))
                if not piece:
                    break
                at += len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": at < end})
            if span[0] == end:
                await send({"type": "http.response.body", "body": b""})


class _Head:
    """Lets the start of an answer through and keeps the body back."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def __call__(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            await self._send(message)
        elif not message.get("more_body"):
            await self._send({"type": "http.response.body", "body": b""})


def _query(scope: Scope) -> dict[str, str]:
    text = scope.get("query_string", b"").decode("latin-1")[:8_192]
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _span(asked: str, size: int) -> tuple[int, int] | None:
    """The first and the one-past-last byte of a Range header with one range; None when it cannot be met."""
    found = _RANGE.match(asked.strip())
    if found is None or found[0] == "bytes=-":
        return None
    first, last = found[1][:18], found[2][:18]
    if not first:
        return (max(size - int(last), 0), size) if int(last) and size else None
    start, end = int(first), min(int(last) + 1, size) if last else size
    return (start, end) if start < end else None


def _typed(kind: str, length: int) -> tuple[tuple[bytes, bytes], ...]:
    return (b"content-type", kind.encode()), (b"content-length", str(length).encode())


def _start(status: int, headers: Iterable[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": [*headers, *_COMMON]}


async def _respond(
    send: Send,
    status: int,
    body: bytes = b"",
    *,
    kind: str = "text/plain; charset=utf-8",
    headers: Iterable[tuple[bytes, bytes]] = (),
    cache: str = _NO_STORE,
) -> None:
    extra = ((b"cache-control", cache.encode()), *headers)
    typed = _typed(kind, len(body)) if status != 204 else ()
    await send(_start(status, (*typed, *extra)))
    await send({"type": "http.response.body", "body": body})


async def _respond_text(scope: Scope, send: Send, plain: bytes, packed: bytes, *, cache: str) -> None:
    accepts = any(key == b"accept-encoding" and b"gzip" in value for key, value in scope["headers"])
    vary: list[tuple[bytes, bytes]] = [(b"vary", b"accept-encoding")]
    if accepts:
        vary.append((b"content-encoding", b"gzip"))
    await _respond(send, 200, packed if accepts else plain, kind=_PLAYLIST, headers=vary, cache=cache)


async def _missing(send: Send) -> None:
    await _respond(send, 404, cache=_NO_STORE)
