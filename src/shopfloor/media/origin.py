"""The Low-Latency HLS origin: playlists, parts and recordings over HTTP, as a raw ASGI application.

Mounted at /media:

    /{channel_id}/live.m3u8                      the live playlist of a show, with delivery directives
    /{channel_id}/preview.m3u8                   what the camera sends, show or not; for staff
    /{channel_id}/{name}                         init sections, parts and segments they name
    /{channel_id}/shows/{show_id}/replay.m3u8    what is recorded of a show
    /{channel_id}/shows/{show_id}/clips/{n}.mp4  the film of a moment of it
    /{channel_id}/runs/{run_id}/replay.m3u8      a recorded run; for staff
    /{channel_id}/runs/{run_id}.mp4              its file, whole or by byte range

Everybody gets what was on air in a show, from its start to its end, and nothing else; staff of the shop get all
of it.  Whoever is not allowed hears the same as of what does not exist.

Whoever asks for what does not exist yet waits on a future that the part itself resolves; nothing is polled.
"""

import asyncio
import hashlib
import re
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol
from urllib.parse import parse_qs
from uuid import UUID

from shopfloor.kernel import logs
from shopfloor.kernel.encodings import accepted, choose
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.media.access import Access, Airtime
from shopfloor.media.films import clip_name
from shopfloor.media.models import Moment, Run, Segment
from shopfloor.media.playlist import Answer, Piece, Reload, Rendered, Window, replay
from shopfloor.media.ranges import headers_of, not_modified, wanted
from shopfloor.media.recorder import Files

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Elsewhere = Callable[[Scope, Send], Awaitable[bool]]
Recorded = tuple[list[tuple[Run, list[Segment]]], list[Moment]]


class Library(Protocol):
    """Reads recordings: runs with their segments, and the product moments within them."""

    async def of_run(self, channel_id: int, run_id: UUID) -> Recorded: ...

    async def of_show(self, channel_id: int, airtime: Airtime) -> Recorded:
        """Of the runs, only those segments that lie within the show."""
        ...


# Blocked requests of one channel; beyond it a player is told to come back.
MAX_WAITING: Final = 20_000
MAX_RUNS: Final = 100
SLICE: Final = 1 << 20

_PLAYLIST: Final = "application/vnd.apple.mpegurl"
_FOREVER: Final = "public, max-age=31536000, immutable"
_PRIVATE: Final = "private, no-store"
_DIRECTED: Final = "public, max-age=4"
_BARE: Final = "public, max-age=0, must-revalidate"
_NO_STORE: Final = "no-store"
_COMMON: Final = ((b"x-content-type-options", b"nosniff"),)
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
# Byte ranges of a recording that everybody may see are worked out anew after so many seconds.
SPANS_SECONDS: Final = 15.0
MOST_SPANS: Final = 500

_log = logs.get("media")


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What was on air of a show that is over: its last playlist, and what that lists."""

    since: int
    playlist: Rendered
    files: Mapping[str, bytes]


class Feed:
    """A channel's window, and those who wait for what comes next.

    What is for everybody begins at `since` (ms UTC), the start of the show that is on air; None while none is.
    """

    def __init__(self, *, first_msn: int) -> None:
        self.window = Window(first_msn=first_msn)
        self.since: int | None = None
        self.over: Broadcast | None = None
        self._reloads: defaultdict[tuple[int, int | None], list[asyncio.Future[None]]] = defaultdict(list)
        self._hinted: defaultdict[str, list[asyncio.Future[None]]] = defaultdict(list)
        self.waiting = 0

    def begin(self, since: int) -> None:
        """A show is on air from `since` on."""
        self.since, self.over = since, None

    def finish(self) -> None:
        """It is over: what it showed stays as it is, and says so."""
        since, window = self.since, self.window
        self.since = None
        if since is not None and window.cadence is not None and window.published_since(since):
            self.over = Broadcast(since, window.final(since=since), window.files(since))
        self.wake_all()

    def forget(self, over: Broadcast) -> None:
        """Players have had time to finish: the replay takes its place."""
        if self.over is over:
            self.over = None

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

    async def until_published(self, since: int) -> bool:
        """Whether a segment from `since` on is complete, after waiting for it while the camera sends."""
        seconds = 3.0 * (self.window.cadence.target_duration if self.window.cadence is not None else 2)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.window.published_since(since) and self.window.on_air:
                    await self.until(Reload(Answer.WAIT, self.window.open_msn), seconds)
        return self.window.published_since(since)

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
        for reload in [reload for reload in self._reloads if self.window.has(*reload)]:
            _wake(self._reloads.pop(reload))


def _wake(futures: Iterable[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


class Origin:
    """ASGI application.  `feeds` are the channels that are or were on air; `library` reads recordings.

    `elsewhere` is asked for live channels that are not ours; it says whether it answered.  `airing` hears, before
    a live channel is answered for, what show has it on air.
    """

    def __init__(
        self,
        feeds: Mapping[int, Feed],
        files: Files,
        library: Library,
        access: Access,
        *,
        airing: Callable[[int, Airtime | None], None],
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._feeds = feeds
        self._files = files
        self._library = library
        self._access = access
        self._airing = airing
        self._elsewhere = elsewhere
        self._spans: dict[UUID, tuple[float, list[Airtime], _Spans]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        method = scope["method"]
        if method not in {"GET", "HEAD"}:
            await _respond(send, 405, headers=((b"allow", b"GET, HEAD"),))
        else:
            try:
                await self._get(scope, _Head(send) if method == "HEAD" else send)
            except Refusal as refusal:
                await _respond(send, refusal.status, refusal.message.encode(), cache=_NO_STORE)

    async def _get(self, scope: Scope, send: Send) -> None:
        path: str = scope["path"].removeprefix(scope.get("root_path", ""))
        number, *rest = path.strip("/").split("/")
        if not _NUMBER.fullmatch(number):
            await _missing(send)
            return
        channel_id = int(number)
        feed = self._feeds.get(channel_id)
        match rest:
            case ["shows", show, "replay.m3u8"] if _NUMBER.fullmatch(show):
                await self._replay_of_show(channel_id, int(show), scope, send)
            case ["shows", show, "clips", name] if _NUMBER.fullmatch(show) and name.endswith(
                (".mp4", ".jpg")
            ):
                await self._clip(channel_id, int(show), name, scope, send)
            case ["runs", run, "replay.m3u8"]:
                await self._replay_of_run(channel_id, run, scope, send)
            case ["runs", name] if name.endswith(".mp4"):
                await self._file(channel_id, name.removesuffix(".mp4"), scope, send)
            case [name] if feed is not None:
                await self._of_feed(channel_id, feed, name, scope, send)
            case [_] if self._elsewhere is not None and await self._elsewhere(scope, send):
                pass
            case _:
                await _missing(send)

    async def _of_feed(self, channel_id: int, feed: Feed, name: str, scope: Scope, send: Send) -> None:
        if name == "live.m3u8":
            await self._live(channel_id, feed, scope, send)
        elif name != "preview.m3u8":
            await self._media(channel_id, feed, name, scope, send)
        elif await self._access.is_staff(scope, channel_id):
            await self._window(feed, 0, scope, send)
        else:
            await _missing(send)

    async def _live(self, channel_id: int, feed: Feed, scope: Scope, send: Send) -> None:
        self._airing(channel_id, await self._access.latest(channel_id))
        if feed.over is not None:
            await _respond_text(scope, send, feed.over.playlist, cache=_BARE)
        elif feed.since is not None:
            await self._window(feed, feed.since, scope, send)
        elif await self._access.is_staff(scope, channel_id):
            await self._window(feed, 0, scope, send)
        else:
            await _missing(send)

    async def _window(self, feed: Feed, since: int, scope: Scope, send: Send) -> None:
        """The playlist from `since` on, when it is what the directives ask for; 0 is for staff."""
        # Who is there when the show begins has its first picture when there is one.
        if feed.waiting < MAX_WAITING:
            await feed.until_published(since)
        window = feed.window
        if not window.published_since(since) or window.cadence is None:
            await _missing(send)
            return
        query = _query(scope)
        reload = window.reload(query.get("_HLS_msn"), query.get("_HLS_part"), since=since)
        if reload.answer is Answer.BAD:
            await _respond(send, 400, cache=_NO_STORE)
            return
        if reload.answer is Answer.WAIT:
            if feed.waiting >= MAX_WAITING:
                await _respond(send, 503, headers=((b"retry-after", b"2"),), cache=_NO_STORE)
                return
            came = await feed.until(reload, 3 * window.cadence.target_duration)
            if since and feed.over is not None and feed.over.since == since:
                # The show ended meanwhile.
                await _respond_text(scope, send, feed.over.playlist, cache=_BARE)
                return
            # Between two runs nothing can come; a player must not give up on a camera that reconnects.
            if not came and feed.window.on_air:
                await _respond(send, 503, headers=((b"retry-after", b"1"),), cache=_NO_STORE)
                return
        if not feed.window.published_since(since):
            await _missing(send)
            return
        directed = _DIRECTED if "_HLS_msn" in query and feed.window.on_air else _BARE
        await _respond_text(
            scope, send, feed.window.render(since=since), cache=directed if since else _PRIVATE
        )

    async def _media(self, channel_id: int, feed: Feed, name: str, scope: Scope, send: Send) -> None:
        self._airing(channel_id, await self._access.latest(channel_id))
        public = self._is_public(feed, name)
        if not public and not await self._access.is_staff(scope, channel_id):
            await _missing(send)
            return
        found = feed.window.find(name)
        if found is None and feed.over is not None and (data := feed.over.files.get(name)) is not None:
            found = (data,)
        if found is None and name == feed.window.hint and feed.window.cadence is not None:
            await feed.until_hinted(name, 3 * feed.window.cadence.target_duration)
            found = feed.window.find(name)
        if found is None:
            await _missing(send)
            return
        # A name stands for the same bytes for ever.
        etag = f'"{name}"'
        cache = (b"cache-control", (_FOREVER if public else _PRIVATE).encode())
        if not_modified(headers_of(scope["headers"]), etag):
            await _not_modified(send, etag, cache)
            return
        length = sum(map(len, found))
        await send(_start(200, (*_typed("video/mp4", length), cache, (b"etag", etag.encode()))))
        for i, piece in enumerate(found):
            await send({"type": "http.response.body", "body": piece, "more_body": i + 1 < len(found)})

    def _is_public(self, feed: Feed, name: str) -> bool:
        if feed.over is not None:
            return name in feed.over.files
        return feed.since is not None and feed.window.shows(name, feed.since)

    # ── recordings ────────────────────────────────────────────────────────────────────────────────────

    async def _replay_of_show(self, channel_id: int, show_id: int, scope: Scope, send: Send) -> None:
        airtimes = await self._access.airtimes(channel_id)
        airtime = next((each for each in airtimes if each.show_id == show_id), None)
        hidden = airtime is not None and airtime.hidden
        if hidden and not await self._access.is_staff(scope, channel_id):
            airtime = None
        recordings, moments = (
            ([], []) if airtime is None else await self._library.of_show(channel_id, airtime)
        )
        if airtime is None or not recordings:
            await _missing(send)
            return
        over = airtime.end is not None and all(run.ended_at is not None for run, _ in recordings)
        text = replay(recordings, moments, uri="../../runs/{run}.mp4", over=over)
        cache = _PRIVATE if hidden else "public, max-age=60" if over else _BARE
        await self._vod(text, scope, send, cache=cache)

    async def _replay_of_run(self, channel_id: int, name: str, scope: Scope, send: Send) -> None:
        run_id = _uuid(name)
        allowed = run_id is not None and await self._access.is_staff(scope, channel_id)
        if run_id is None or not allowed:
            await _missing(send)
            return
        recordings, moments = await self._library.of_run(channel_id, run_id)
        if not recordings:
            await _missing(send)
            return
        await self._vod(replay(recordings, moments, uri="../{run}.mp4"), scope, send, cache=_PRIVATE)

    async def _vod(self, text: str, scope: Scope, send: Send, *, cache: str) -> None:
        body = text.encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
        if not_modified(headers_of(scope["headers"]), etag):
            await _not_modified(send, etag, (b"cache-control", cache.encode()))
            return
        await _respond(send, 200, body, kind=_PLAYLIST, headers=((b"etag", etag.encode()),), cache=cache)

    async def _file(self, channel_id: int, name: str, scope: Scope, send: Send) -> None:
        run = _uuid(name)
        path = self._files.find(str(channel_id), run) if run is not None else None
        staff = path is not None and await self._access.is_staff(scope, channel_id)
        spans = None
        if path is not None and run is not None and not staff:
            spans = await self._spans_of(channel_id, run)
        if path is None or run is None or not (staff or spans):
            await _missing(send)
            return
        # A recording only grows: its length names the version.
        cache = "private, no-store" if staff else "public, max-age=60"
        await self._ranged(path, run.hex, spans, scope, send, cache=cache)

    async def _clip(self, channel_id: int, show_id: int, name: str, scope: Scope, send: Send) -> None:
        """The film of a moment, or its picture."""
        moment, dot, kind = name.partition(".")
        airtimes = await self._access.airtimes(channel_id)
        airtime = next((each for each in airtimes if each.show_id == show_id), None)
        path = None
        if airtime is not None and _NUMBER.fullmatch(moment):
            path = (self._files.directory / clip_name(channel_id, show_id, int(moment))).with_suffix(
                dot + kind
            )
        hidden = airtime is not None and airtime.hidden
        if (
            path is None
            or not path.is_file()
            or (hidden and not await self._access.is_staff(scope, channel_id))
        ):
            await _missing(send)
            return
        cache = "private, no-store" if hidden else "public, max-age=300"
        tag, typed = f"clip-{show_id}-{int(moment)}-{kind}", "image/jpeg" if kind == "jpg" else "video/mp4"
        await self._ranged(path, tag, None, scope, send, cache=cache, kind=typed)

    async def _ranged(
        self,
        path: Path,
        tag: str,
        spans: "_Spans | None",
        scope: Scope,
        send: Send,
        *,
        cache: str,
        kind: str = "video/mp4",
    ) -> None:
        """A file, whole or by ranges; only `spans` of it, where they are given."""
        with path.open("rb") as file:
            size = await asyncio.to_thread(file.seek, 0, 2)
            etag = f'"{tag}-{size}"'
            headers = headers_of(scope["headers"])
            ranges = wanted(headers, size=size, etag=etag) if scope["method"] == "GET" else None
            if spans is not None and ranges is not None and len(ranges) == 1:
                # Players that read ahead ask beyond the segment: they get what is for them, and ask for the rest.
                ranges = [_clamped(ranges[0], spans)]
            asked = [(0, size)] if ranges is None else ranges
            if spans is not None and not all(_within(span, spans, size) for span in asked):
                await _missing(send)
                return
            told_cache = (b"cache-control", cache.encode())
            common = ((b"etag", etag.encode()), (b"accept-ranges", b"bytes"), told_cache)
            if not_modified(headers, etag):
                await _not_modified(send, etag, told_cache)
            elif ranges == []:
                unmet = (b"content-range", f"bytes */{size}".encode())
                await _respond(send, 416, headers=(unmet, common[0]))
            elif ranges is None:
                await send(_start(200, (*_typed(kind, size), *common)))
                await _send_file(send, file, [(b"", (0, size))], b"")
            elif len(ranges) == 1:
                at, end = ranges[0]
                content_range = (b"content-range", f"bytes {at}-{end - 1}/{size}".encode())
                await send(_start(206, (*_typed(kind, end - at), *common, content_range)))
                await _send_file(send, file, [(b"", ranges[0])], b"")
            else:
                pieces, tail, apart = _multipart(ranges, size, tag)
                length = sum(len(head) + end - at for head, (at, end) in pieces) + len(tail)
                await send(_start(206, (*_typed(apart, length), *common)))
                await _send_file(send, file, pieces, tail)

    async def _spans_of(self, channel_id: int, run_id: UUID) -> "_Spans":
        """Which bytes of a recording everybody may have."""
        airtimes = [each for each in await self._access.airtimes(channel_id) if not each.hidden]
        known = self._spans.get(run_id)
        if known is not None and known[1] == airtimes and time.monotonic() - known[0] < SPANS_SECONDS:
            return known[2]
        recordings, _ = await self._library.of_run(channel_id, run_id) if airtimes else ([], [])
        spans: list[tuple[int, int]] = []
        whole = False
        for run, segments in recordings:
            shown = [
                segment
                for segment in segments
                if any(each.shop_id == run.shop_id and each.covers(segment) for each in airtimes)
            ]
            if shown:
                spans = _joined([(0, run.init_length), *((s.position, s.position + s.length) for s in shown)])
                whole = run.ended_at is not None and len(shown) == len(segments)
        if len(self._spans) >= MOST_SPANS:
            self._spans.clear()
        found = _Spans(tuple(spans), whole=whole)
        self._spans[run_id] = time.monotonic(), airtimes, found
        return found


@dataclass(frozen=True, slots=True)
class _Spans:
    """Stretches of a file that are for everybody; `whole` where all of it is."""

    spans: tuple[tuple[int, int], ...]
    whole: bool

    def __bool__(self) -> bool:
        return bool(self.spans)


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def _within(span: tuple[int, int], spans: _Spans, size: int) -> bool:
    if spans.whole and span[1] <= size:
        return True
    return any(start <= span[0] and span[1] <= end for start, end in spans.spans)


def _clamped(span: tuple[int, int], spans: _Spans) -> tuple[int, int]:
    """A range up to the end of the stretch it begins in; as it is where it begins in none."""
    if spans.whole:
        return span
    ends = [end for start, end in spans.spans if start <= span[0] < end]
    return (span[0], min(span[1], ends[0])) if ends else span


def _multipart(
    ranges: list[tuple[int, int]], size: int, boundary: str
) -> tuple[list[tuple[bytes, tuple[int, int]]], bytes, str]:
    """The head of each part with its bytes, what comes after the last, and the type of the whole."""
    pieces = [
        (
            f"\r\n--{boundary}\r\nContent-Type: video/mp4\r\n"
            f"Content-Range: bytes {at}-{end - 1}/{size}\r\n\r\n".encode(),
            (at, end),
        )
        for at, end in ranges
    ]
    return pieces, f"\r\n--{boundary}--\r\n".encode(), f"multipart/byteranges; boundary={boundary}"


async def _send_file(
    send: Send, file: BinaryIO, pieces: list[tuple[bytes, tuple[int, int]]], tail: bytes
) -> None:
    for head, (start, end) in pieces:
        if head:
            await send({"type": "http.response.body", "body": head, "more_body": True})
        await asyncio.to_thread(file.seek, start)
        left = end - start
        while left and (piece := await asyncio.to_thread(file.read, min(SLICE, left))):
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": tail})


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
    typed = _typed(kind, len(body))
    await send(_start(status, (*typed, *extra)))
    await send({"type": "http.response.body", "body": body})


async def _not_modified(send: Send, etag: str, cache: tuple[bytes, bytes]) -> None:
    await send(_start(304, ((b"etag", etag.encode()), cache)))
    await send({"type": "http.response.body", "body": b""})


async def _respond_text(scope: Scope, send: Send, playlist: Rendered, *, cache: str) -> None:
    accepts = choose(accepted(scope["headers"]), ("gzip",)) == "gzip"
    vary: list[tuple[bytes, bytes]] = [(b"vary", b"accept-encoding")]
    if accepts:
        vary.append((b"content-encoding", b"gzip"))
    body = playlist.packed if accepts else playlist.plain
    await _respond(send, 200, body, kind=_PLAYLIST, headers=vary, cache=cache)


async def _missing(send: Send) -> None:
    await _respond(send, 404, cache=_NO_STORE)
