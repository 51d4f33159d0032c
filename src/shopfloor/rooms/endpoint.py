"""The room for those without a socket: its state, a form for chat, and events.  Raw ASGI.

GET  /room/{show_id}/state    the snapshot, as the socket gives it
POST /room/{show_id}/chat     a line of chat, from a form (answered with a redirect) or as JSON
POST /room/{show_id}/like     likes, as JSON
POST /room/{show_id}/beat     where the player is, as JSON: who watches on is counted among the viewers
GET  /room/{show_id}/events   server-sent events: a snapshot, then every tick
"""

import asyncio
import re
import time
from typing import Final, Generic, TypeVar
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import msgspec

from shopfloor.kernel import strict_json
from shopfloor.kernel.asgi import Application, CutOffError, Receive, Scope, Send, read_body
from shopfloor.kernel.client_address import address_group
from shopfloor.kernel.errors import (
    Forbidden,
    Invalid,
    MethodNotAllowed,
    NotFound,
    Refusal,
    TooMany,
    Unauthenticated,
)
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.strict_json import Int64
from shopfloor.rooms import wire
from shopfloor.rooms.admission import cookie
from shopfloor.rooms.channel import RoomChannel
from shopfloor.rooms.gateway import Gateway
from shopfloor.rooms.handlers import Said
from shopfloor.rooms.presence import WITHOUT_A_SOCKET, may_measure
from shopfloor.rooms.room import Room

B = TypeVar("B", bound=msgspec.Struct)

MAX_BODY: Final = 16 * 1024
QUEUE: Final = 64
STILL_HERE: Final = 15.0
_PATH: Final = re.compile(r"/room/(\d{1,18})/(state|chat|like|beat|events)$")
_POSTED: Final = frozenset({"chat", "like", "beat"})
_STREAM: Final = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    # Proxies hand each event on at once instead of gathering some kilobytes.
    (b"x-accel-buffering", b"no"),
]


class NoSuchAddress(NotFound):
    """There is nothing at this address."""

    code = "room.no_such_address"


class NoSession(Unauthenticated):
    """Only for those with the cookie that every page of the shop sets."""

    code = "room.no_session"


class ForeignOrigin(Forbidden):
    """The page that sent it is not one of ours."""

    code = "room.foreign_origin"


class BadMessage(Invalid):
    """A line of chat needs a text."""

    code = "room.bad_message"


class ChatTooFast(TooMany):
    """Slow down."""

    code = "chat.too_fast"


class TooFast(TooMany):
    """Slow down."""

    code = "room.too_fast"


class LikesBody(msgspec.Struct, forbid_unknown_fields=True):
    n: Int64 = 1


class BeatBody(msgspec.Struct, forbid_unknown_fields=True):
    playing: bool
    position: float


class ChatBody(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    name: str | None = None


def room_endpoint(gateway: Gateway) -> Application:
    """The ASGI application; mount it, or route `/room/` to it."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            await _dispatch(gateway, scope, headers, receive, send)
        except Refusal as refusal:
            await _reply(send, refusal.status, wire.encode(refusal.body()))
        except CutOffError:
            return

    return application


async def _dispatch(
    gateway: Gateway, scope: Scope, headers: dict[str, str], receive: Receive, send: Send
) -> None:
    matched = _PATH.search(scope["path"])
    if matched is None:
        raise NoSuchAddress
    show_id, what = int(matched[1]), matched[2]
    match scope["method"], what:
        case (("GET" | "HEAD"), "state"):
            channel = await gateway.channel(show_id)
            await _reply(send, 200, wire.encode(channel.opened.room.snapshot(int(time.time() * 1000))))
        case "HEAD", "events":
            # What a stream would begin with, and none begun: nobody is counted and nothing is held.
            await gateway.channel(show_id)
            await send({"type": "http.response.start", "status": 200, "headers": _STREAM})
            await send({"type": "http.response.body", "body": b""})
        case "GET", "events":
            await _events(gateway, show_id, headers.get("last-event-id", ""), receive, send)
        case "POST", "chat":
            await _chat(gateway, show_id, scope, headers, receive, send)
        case "POST", "like":
            asked = await _asked(gateway, show_id, scope, headers, receive, LikesBody)
            gateway.like(asked.channel, asked.shopper, asked.body.n)
            await _reply(send, 204, b"")
        case "POST", "beat":
            beat = await _asked(gateway, show_id, scope, headers, receive, BeatBody)
            gateway.beat(
                beat.channel,
                beat.shopper,
                WITHOUT_A_SOCKET,
                playing=beat.body.playing,
                position=beat.body.position,
                named=may_measure(scope["headers"]),
            )
            await _reply(send, 204, b"")
        case method, _:
            allow = "POST" if what in _POSTED else "GET, HEAD"
            refusal = MethodNotAllowed(method=method, allow=allow)
            extra = [(b"allow", allow.encode())]
            await _reply(send, refusal.status, wire.encode(refusal.body()), extra=extra)


def _shopper(gateway: Gateway, scope: Scope, headers: dict[str, str]) -> UUID:
    if not gateway.is_same_site(scope["headers"]):
        raise ForeignOrigin
    shopper = gateway.read_shopper(cookie(headers.get("cookie"), "shopper") or "")
    if shopper is None:
        raise NoSession
    return shopper


@dataclass(frozen=True, slots=True)
class _Posted(Generic[B]):
    channel: RoomChannel
    shopper: UUID
    body: B


async def _asked(
    gateway: Gateway, show_id: int, scope: Scope, headers: dict[str, str], receive: Receive, kind: type[B]
) -> _Posted[B]:
    """What a page without a socket tells of itself, within the limits."""
    shopper = _shopper(gateway, scope, headers)
    body = _decoded(await read_body(scope, receive, limit=MAX_BODY), kind)
    address = address_group((scope.get("client") or ("",))[0])
    wait = gateway.wait_to_post(shopper, address)
    if wait:
        raise TooFast(wait_ms=int(wait * 1000) + 1)
    return _Posted(await gateway.channel(show_id), shopper, body)


async def _chat(
    gateway: Gateway, show_id: int, scope: Scope, headers: dict[str, str], receive: Receive, send: Send
) -> None:
    shopper = _shopper(gateway, scope, headers)
    if gateway.handlers.chat is None:
        raise NoSuchAddress
    as_json = headers.get("content-type", "").startswith("application/json")
    body = _chat_body(await read_body(scope, receive, limit=MAX_BODY), as_json=as_json)
    channel = await gateway.channel(show_id)
    role = "viewer"
    token = cookie(headers.get("cookie"), "session")
    if token is not None and gateway.handlers.staff is not None:
        role = await gateway.handlers.staff(token, channel.opened.shop_id) or "viewer"
    address = address_group((scope.get("client") or ("",))[0])
    wait = 0.0 if role != "viewer" else gateway.wait_to_chat(shopper, address)
    if wait:
        raise ChatTooFast(wait_ms=int(wait * 1000) + 1)
    said = Said(channel.opened.shop_id, show_id, shopper, role, body.name, body.text)
    line = await gateway.handlers.chat(said)
    if as_json:
        shown = {"held": True} if line is None else {"line": line.as_json()}
        await _reply(send, 202 if line is None else 201, wire.encode(shown))
        return
    if line is not None:
        channel.opened.room.say(line)
    if gateway.handlers.posted is not None:
        gateway.handlers.posted(channel.opened.shop_id)
    back = _own_path(headers.get("referer")) or f"/s/{channel.opened.room.state.show.shop}/live/{show_id}"
    await _reply(send, 303, b"", extra=[(b"location", back.encode())])


def _own_path(address: str | None) -> str | None:
    """Path and query of where the form stood; never another host."""
    if not address:
        return None
    parts = urlsplit(address)
    if not parts.path.startswith("/") or parts.path.startswith("//") or not address.isascii():
        return None
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _chat_body(body: bytes, *, as_json: bool) -> ChatBody:
    if as_json:
        return _decoded(body, ChatBody)
    try:
        fields = parse_qs(body.decode(), max_num_fields=10, errors="strict")
    except ValueError as problem:
        raise BadMessage from problem
    if "text" not in fields:
        raise BadMessage
    return ChatBody(fields["text"][0], fields.get("name", [None])[0])


def _decoded(body: bytes, kind: type[B]) -> B:
    try:
        found = msgspec.json.decode(body, type=kind)
        strict_json.check(body)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise BadMessage(str(problem)[:200]) from problem
    return found


async def _events(gateway: Gateway, show_id: int, last_id: str, receive: Receive, send: Send) -> None:
    channel = await gateway.channel(show_id)
    queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE)

    def listen(payload: bytes) -> None:
        if not queue.full():
            queue.put_nowait(_event(channel.opened.room, payload))
        else:
            channel.listeners.discard(listen)

    channel.listeners.add(listen)
    gone = asyncio.create_task(_until_gone(receive))
    try:
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": _STREAM,
            }
        )
        await send(
            {
                "type": "http.response.body",
                "body": _beginning(channel.opened.room, last_id),
                "more_body": True,
            }
        )
        # Who is dropped for being slow gets an end of stream, comes back, and goes on where it was.
        while not gone.done() and not gateway.draining and (listen in channel.listeners or not queue.empty()):
            try:
                payload = await asyncio.wait_for(queue.get(), STILL_HERE)
            except TimeoutError:
                payload = b": still here\n\n"
            await send({"type": "http.response.body", "body": payload, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        channel.listeners.discard(listen)


def _beginning(room: Room, last_id: str) -> bytes:
    """What a page missed since the event `last_id`, or all there is."""
    epoch, _, seq = last_id.rpartition(".")
    missed = (
        room.since(epoch, int(seq)) if epoch and seq.isascii() and seq.isdecimal() and len(seq) < 16 else None
    )
    if missed is None:
        return _event(room, wire.encode(room.snapshot(int(time.time() * 1000))))
    events = [
        b"id: %s.%d\ndata: %s\n\n" % (room.epoch.encode(), tick.seq, wire.encode(tick.as_json()))
        for tick in missed
    ]
    return b"".join(events) or b": nothing missed\n\n"


def _event(room: Room, payload: bytes) -> bytes:
    return b"id: %s.%d\ndata: %s\n\n" % (room.epoch.encode(), room.seq, payload)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _reply(
    send: Send, status: int, body: bytes, *, extra: list[tuple[bytes, bytes]] | None = None
) -> None:
    headers = [(b"cache-control", b"no-store"), *(extra or [])]
    if status != 204:
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
