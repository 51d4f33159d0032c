"""The room stream's WebSocket: one for each open page, written to without any server in between.

uvicorn hands the connection of a WebSocket request to the class named as its `ws` protocol; here that is
`make_protocol(gateway)`.  The handshake, and every incoming frame that is not a plain small one, is done by
the sans-I/O protocol of `websockets`.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Mapping
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from websockets.http11 import Request

from shopfloor.kernel import strict_json
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import log_incident
from shopfloor.live import UnknownShow
from shopfloor.rooms import wire
from shopfloor.rooms.admission import cookie
from shopfloor.rooms.channel import RoomChannel
from shopfloor.rooms.gateway import POLICY, Gateway
from shopfloor.rooms.handlers import ChatHandler, Said
from shopfloor.rooms.presence import may_measure
from shopfloor.rooms.websocket import WebSocket

CUT_ABOVE: Final = 256 * 1024
GOING_AWAY_SOON: Final = 1012
NO_ROOM: Final = 4404
_PATH: Final = re.compile(r"^/room/(\d{1,18})/socket$")


class Socket(WebSocket):
    """One page.  Constructed by uvicorn through the class that `make_protocol` returns."""

    def __init__(self, gateway: Gateway, connections: set[Any]) -> None:
        super().__init__(connections)
        self.gateway = gateway
        self.show_id = 0
        self.shopper: UUID = cast("UUID", None)
        self.may_measure = True
        self.address: str | None = None
        # The whole address, where `address` is the group that is counted.
        self.came_from = ""
        self.session_token: str | None = None
        self.role = "viewer"
        self.channel: RoomChannel | None = None
        self.since = gateway.now
        self.seen = gateway.now
        self.greeted = False
        self.waiting = 0
        self.retry_after_ms: int | None = None
        # What came while the room was being opened.
        self._early: list[wire.Message] = []
        self._out: list[bytes] = []
        self._buys_whole_at = 0.0
        self._messages_whole_at = 0.0

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        gateway = self.gateway
        gateway.sockets.discard(self)
        gateway.waits_for_hello(self, False)
        self.closing = True
        if self.channel is not None:
            self._leave(self.channel)
        if self.address is not None:
            gateway.left(self.shopper, self.address)
            self.address = None

    def _leave(self, channel: RoomChannel) -> None:
        for group in (channel.plain, channel.deflate, channel.slow):
            group.pop(self, None)
        self.gateway.remember(channel.audience.gone(self.shopper, self, time.time()))

    def pause_writing(self) -> None:
        """The reader is behind: no ticks for it until it has caught up."""
        channel = self.channel
        if channel is not None:
            channel.plain.pop(self, None)
            channel.deflate.pop(self, None)
            channel.slow[self] = time.time()

    def resume_writing(self) -> None:
        channel = self.channel
        if channel is not None and channel.slow.pop(self, None) is not None and not self.closing:
            self._join(channel)
            self.transport.write(channel.snapshot(self.gateway.now)[1 if self.deflate else 0])

    # uvicorn

    def shutdown(self, retry_after_ms: int = 10_000) -> None:
        """The process is about to stop: answer what was asked, then say when to come back."""
        if self.closing:
            return
        if not self.open:
            self.closing = True
            self.transport.close()
            return
        if self.waiting:
            self.retry_after_ms = retry_after_ms
            return
        self.write_now(wire.frame(wire.encode({"t": "bye", "retry_after_ms": retry_after_ms})))
        self.close(GOING_AWAY_SOON, "restart")

    # Handshake

    def clock(self) -> float:
        return self.gateway.now

    def opened(self) -> None:
        self.since = time.time()
        self.gateway.sockets.add(self)
        self.gateway.waits_for_hello(self, True)

    def received_binary(self) -> None:
        self.complain("room.bad_message", "Messages are JSON text.")

    def refusal_of(self, request: Request) -> tuple[int, str] | None:
        """Status and code of the reason why this page gets no stream, or None."""
        gateway = self.gateway
        matched = _PATH.match(request.path.partition("?")[0])
        if matched is None:
            return 404, "room.no_such_address"
        headers = request.headers
        raw = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.raw_items()
        ]
        if not gateway.is_same_site(raw):
            return 403, "room.foreign_origin"
        cookies = headers.get("Cookie")
        shopper = gateway.read_shopper(cookie(cookies, "shopper") or "")
        if shopper is None:
            return 401, "room.no_session"
        peer = self.transport.get_extra_info("peername")
        peer_address = str(peer[0]) if isinstance(peer, tuple | list) and peer else "unix"
        address = gateway.address_of(peer_address, raw)
        self.came_from = gateway.whole_address_of(peer_address, raw)
        reason = gateway.admit(shopper, address)
        if reason is not None:
            return (503 if reason == "room.full" else 429), reason
        self.shopper, self.address = shopper, address
        self.may_measure = may_measure(raw)
        self.show_id = int(matched[1])
        self.session_token = cookie(cookies, "session")
        return None

    # Incoming

    def received(self, payload: bytes | bytearray) -> None:
        try:
            message = wire.decode(payload)
            strict_json.check_names(payload, wire.NAMES)
        except (msgspec.DecodeError, RecursionError) as problem:
            if self._within_rate():
                self.complain("room.bad_message", str(problem)[:200], ref=wire.reference(payload))
            return
        except Refusal as refusal:
            if self._within_rate():
                self.refuse(refusal, ref=wire.reference(payload))
            return
        if type(message) is wire.Buy:
            self._buy(message)
        elif self._within_rate():
            self._other(message)

    def _within_rate(self) -> bool:
        """Count a message; who sends far too many is cut, who sends too many is told."""
        limits = self.gateway.limits
        now = time.monotonic()
        whole_at = max(self._messages_whole_at, now)
        if whole_at - now > (limits.message_burst - 1) / limits.messages_per_second:
            self._messages_whole_at = whole_at + 0.2 / limits.messages_per_second
            if whole_at - now > 4 * limits.message_burst / limits.messages_per_second:
                self.close(POLICY, "far too many messages")
            else:
                self.complain("room.too_fast", "Slow down.")
            return False
        self._messages_whole_at = whole_at + 1 / limits.messages_per_second
        return True

    def _buy(self, buy: wire.Buy) -> None:
        gateway = self.gateway
        limits = gateway.limits
        now = time.monotonic()
        whole_at = max(self._buys_whole_at, now)
        if (whole_at - now) * limits.buys_per_second > limits.buy_burst - 1:
            self.complain("room.too_fast", "Slow down; ask again with the same id.", ref=str(buy.id))
            return
        self._buys_whole_at = whole_at + 1 / limits.buys_per_second
        if not self.greeted:
            self.complain("room.hello_first", "Say hello first.", ref=str(buy.id))
            return
        handler = gateway.handlers.buy
        if handler is None or self.retry_after_ms is not None:
            self.complain("room.not_here", "Buying is not possible here; use the form.", ref=str(buy.id))
            return
        self.waiting += 1
        try:
            result = handler(
                buy, show_id=self.show_id, shopper=self.shopper, answer=self.answer, address=self.came_from
            )
        except Refusal as refusal:
            self.waiting -= 1
            self.refuse(refusal, ref=str(buy.id))
            return
        except Exception as problem:  # noqa: BLE001 -- the buyer must hear that it broke, the socket goes on
            self.waiting -= 1
            self._broke(problem, str(buy.id))
            return
        if result is not None:
            gateway.spawn(self._answer_later(result, str(buy.id)))

    async def _answer_later(self, result: Awaitable[bytes], ref: str) -> None:
        try:
            self.answer(await result)
        except Refusal as refusal:
            self.waiting -= 1
            self.refuse(refusal, ref=ref)
        except Exception as problem:  # noqa: BLE001 -- as above
            self.waiting -= 1
            self._broke(problem, ref)

    def answer(self, message: bytes) -> None:
        """Answer a purchase, with the encoded message.  Nothing happens when the page is gone."""
        self.waiting -= 1
        self.send(wire.frame(message))
        if self.retry_after_ms is not None and not self.waiting:
            retry_after_ms, self.retry_after_ms = self.retry_after_ms, None
            self.flush()
            self.shutdown(retry_after_ms)

    def _other(self, message: wire.Message) -> None:
        if isinstance(message, wire.Hello):
            self._hello(message)
            return
        channel = self.channel
        if channel is None:
            if not self.greeted:
                self.complain("room.hello_first", "Say hello first.", ref=getattr(message, "ref", ""))
            elif len(self._early) < self.gateway.limits.message_burst:
                self._early.append(message)
            return
        match message:
            case wire.Say():
                self._chat(message, channel)
            case wire.Likes(n):
                self.gateway.like(channel, self.shopper, n)
            case wire.Playing(playing, position):
                named = self.may_measure
                self.gateway.beat(
                    channel, self.shopper, self, playing=playing, position=position, named=named
                )
            case _:
                pass

    def _hello(self, hello: wire.Hello) -> None:
        if self.greeted:
            self.complain("room.hello_twice", "Hello was said already.")
            return
        self.greeted = True
        self.gateway.waits_for_hello(self, False)
        channel = self.gateway.open_channel(self.show_id)
        if channel is not None:
            self._enter(channel, hello)
            return
        self.gateway.spawn(self._enter_later(hello))

    async def _enter_later(self, hello: wire.Hello) -> None:
        try:
            channel = await self.gateway.channel(self.show_id)
        except UnknownShow as refusal:
            self.refuse(refusal)
            self.close(NO_ROOM, "no such show")
        except Refusal as refusal:
            self.refuse(refusal)
            self.close(GOING_AWAY_SOON, refusal.code)
        except Exception as problem:  # noqa: BLE001 -- a socket has nobody above it to tell
            self._broke(problem, "")
            self.close(1011, "broken")
        else:
            if not self.closing:
                self._enter(channel, hello)

    def _enter(self, channel: RoomChannel, hello: wire.Hello) -> None:
        self.channel = channel
        self._join(channel)
        missed = None
        if hello.epoch is not None and hello.seq is not None:
            missed = channel.opened.room.since(hello.epoch, hello.seq)
        if missed is None or len(missed) > len(channel.frames):
            self.write_now(channel.snapshot(self.gateway.now)[1 if self.deflate else 0])
        elif missed:
            self.write_now(b"".join(list(channel.frames)[-len(missed) :]))
        if self.session_token is not None and self.gateway.handlers.staff is not None:
            self.gateway.spawn(self._learn_role(channel, self.session_token))
        early, self._early = self._early, []
        for message in early:
            self._other(message)

    async def _learn_role(self, channel: RoomChannel, token: str) -> None:
        staff = self.gateway.handlers.staff
        assert staff is not None, "asked for only where there is one"
        with contextlib.suppress(Refusal):
            self.role = await staff(token, channel.opened.shop_id) or "viewer"
            if self.role != "viewer":
                # Their page offers what they may do.
                self.send(wire.frame(wire.encode({"t": "role", "role": self.role})))

    def _join(self, channel: RoomChannel) -> None:
        (channel.deflate if self.deflate else channel.plain)[self] = self.transport.write

    def _chat(self, say: wire.Say, channel: RoomChannel) -> None:
        handler = self.gateway.handlers.chat
        if handler is None:
            self.complain("room.not_here", "There is no chat here.", ref=say.ref)
            return
        viewer = self.role == "viewer"
        wait = self.gateway.wait_to_chat(self.shopper, self.address or "") if viewer else 0.0
        if wait:
            facts: dict[str, object] = {"wait_ms": int(wait * 1000) + 1}
            self.complain("chat.too_fast", "Slow down.", ref=say.ref, facts=facts)
            return
        said = Said(channel.opened.shop_id, self.show_id, self.shopper, self.role, say.name, say.text)
        self.gateway.spawn(self._chat_later(handler, said, say.ref))

    async def _chat_later(self, handler: ChatHandler, said: Said, ref: str) -> None:
        try:
            line = await handler(said)
        except Refusal as refusal:
            self.refuse(refusal, ref=ref)
        except Exception as problem:  # noqa: BLE001 -- the writer must hear that it broke, the socket goes on
            self._broke(problem, ref)
        else:
            # The writer's own line is always shown to the writer, also when a tick has no room for it.
            shown: Mapping[str, object] = {"held": True} if line is None else {"line": line.as_json()}
            self.send(wire.frame(wire.encode({"t": "ack", "ref": ref, **shown})))

    # Outgoing

    def send(self, data: bytes) -> None:
        """Write with whatever else this turn of the loop brings."""
        if self.closing:
            return
        if not self._out:
            self.gateway.dirty(self)
        self._out.append(data)

    def flush(self) -> None:
        out = self._out
        if not out:
            return
        self._out = []
        if self.transport.is_closing():
            return
        self.transport.write(out[0] if len(out) == 1 else b"".join(out))
        if (
            self.channel is not None
            and self in self.channel.slow
            and self.transport.get_write_buffer_size() > CUT_ABOVE
        ):
            self.abort()

    def write_now(self, data: bytes) -> None:
        self.flush()
        if not self.transport.is_closing():
            self.transport.write(data)

    def complain(
        self, code: str, message: str, *, ref: str = "", facts: dict[str, object] | None = None
    ) -> None:
        self.send(wire.frame(wire.error(code, message, ref=ref, facts=facts)))

    def refuse(self, refusal: Refusal, *, ref: str = "") -> None:
        self.complain(refusal.code, refusal.message, ref=ref, facts=refusal.facts)

    def _broke(self, problem: Exception, ref: str) -> None:
        incident = log_incident(problem, show_id=self.show_id)
        self.complain("bug", "Something broke on our side.", ref=ref, facts={"incident": incident})


def make_protocol(gateway: Gateway) -> type[asyncio.Protocol]:
    """The class for uvicorn's `ws` setting, bound to this gateway."""

    class RoomSocket(Socket):
        def __init__(
            self,
            config: Any,
            server_state: Any,
            app_state: dict[str, Any] | None = None,
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(gateway, server_state.connections)

    return RoomSocket
