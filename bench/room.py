"""The room stream: frames out per core, purchases in and answers out, and what a resume costs.

Everything goes over loopback TCP to clients in another process on the same machine.  `per_core` is deliveries
divided by the processor time of the server process, so that it does not depend on what else the machine does.

    fan-out    one tick of ~600 bytes to all sockets, 40 times a second, four seconds per contender:
               product     this repository's stream under uvicorn
               bare        the limit: a plain asyncio protocol that writes the same frame to its transports
               asgi        the baseline: the same frames through uvicorn's own WebSocket protocol and an ASGI app
    purchases  `buy` frames on 100 sockets with 64 under way each, a door that answers in the next turn of the loop
    resume     reconnects with a sequence number 20 ticks ago, each answered with 20 ticks
"""

import asyncio
import json
import multiprocessing
import os
import platform
import resource
import socket
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from multiprocessing.connection import Connection
from typing import Any, cast
from uuid import UUID, uuid4

import msgspec
import uvicorn
import uvloop

from shopfloor.kernel.database import Database
from shopfloor.live.models import Show, ShowStatus
from shopfloor.rooms import (
    AdmissionLimits,
    Buy,
    Gateway,
    RoomHandlers,
    Rooms,
    make_protocol,
    room_endpoint,
    wire,
)
from shopfloor.rooms.room import ChatLine, Room
from shopfloor.rooms.rooms import OpenRoom
from shopfloor.rooms.state import LineState, OfferState, RoomState, ShowState

SOCKETS = int(os.environ.get("SOCKETS", "1000"))
SECONDS = 4.0
HERTZ = 40
BUYERS = 100
WINDOW = 64
RESUMES = 1000
SHOW = Show(
    7, 1, "T", {}, ShowStatus.LIVE, None, None, 5, None, None, datetime(2026, 1, 1, tzinfo=UTC), None, 0, None
)
LIMITS = AdmissionLimits(
    sockets_per_shopper=100_000, buys_per_second=1e6, buy_burst=10_000, message_burst=1000
)


class OpenRooms(Rooms):
    """One room without a database behind it."""

    def __init__(self) -> None:
        super().__init__(Database("host=/nowhere"))
        lines = {
            str(n): LineState(
                id=n,
                sku=f"V{n}",
                options=("M",),
                price_minor=100,
                currency="CNY",
                left=12,
                ready_on=None,
                later=(),
                waiting=0,
            )
            for n in range(40)
        }
        offer = OfferState(
            id=3, product_id=1, title="Coat", titles={}, picture=None, kind="goods", option_names=("Size",), policy="timer",
            limit=None, hold_seconds=300, deposit_percent=None, lines=lines,
        )  # fmt: skip
        show = ShowState(
            id=7,
            shop="a",
            title="T",
            titles={},
            status="live",
            started_at=None,
            channel_id=None,
            playback=None,
        )
        state = RoomState(
            show=show,
            featured=None,
            order=(3,),
            offers={"3": offer},
            viewers=0,
            likes=0,
            orders=0,
            notice=None,
        )
        self._open[7] = OpenRoom(Room("e", state), SHOW, lambda: None)

    async def share(self, *, viewers: Any, likes: Any) -> None: ...

    async def leave(self) -> None: ...


class Door:
    """Answers everything that came in one turn of the loop in the next, as an intake does after a commit."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Buy, Callable[[bytes], None]]] = []
        self.answered = 0

    def __call__(
        self, buy: Buy, /, *, show_id: int, shopper: UUID, answer: Callable[[bytes], None], address: str
    ) -> Awaitable[bytes] | None:
        if not self.waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self.waiting.append((buy, answer))
        return None

    def flush(self) -> None:
        waiting, self.waiting = self.waiting, []
        for buy, answer in waiting:
            answer(
                wire.encode(
                    {
                        "t": "answer",
                        "id": buy.id,
                        "outcome": "held",
                        "url": f"/s/a/checkout/{buy.id}",
                        "hold": {
                            "id": buy.id,
                            "parts": [{"variant_id": buy.variant_id, "quantity": 1, "ready_on": None}],
                        },
                    }
                )
            )
        self.answered += len(waiting)


class Bare(asyncio.Protocol):
    """The limit: what must be done in Python to write a frame to a socket, and nothing else."""

    writes: dict["Bare", Callable[[bytes], None]]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET"):
            self.transport.write(
                b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + wire.frame(b'{"t":"snapshot"}')
            )
            self.writes[self] = self.transport.write

    def connection_lost(self, exc: Exception | None) -> None:
        self.writes.pop(self, None)


# The other process: sockets that read, count and, for purchases, ask again.


class Client(asyncio.Protocol):
    def __init__(self, count: "Count", hello: bytes, buyer: bool) -> None:
        self.count, self.hello, self.buyer = count, hello, buyer
        self.shaken = False
        self.rest = b""
        self.number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(
            b"GET /room/7/socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Cookie: shopper=" + uuid4().hex.encode() + b"\r\n\r\n"
        )

    def data_received(self, data: bytes) -> None:
        if not self.shaken:
            self.rest += data
            at = self.rest.find(b"\r\n\r\n")
            if at < 0:
                return
            self.shaken = True
            data, self.rest = self.rest[at + 4 :], b""
            self.transport.write(self.hello)
        self.count.bytes += len(data)
        if self.buyer:
            self.answers(data)
        else:
            self.count.frames += data.count(b'"t":"tick"')
            self.count.snapshots += data.count(b'"t":"snapshot"')

    def answers(self, data: bytes) -> None:
        if b'"t":"snapshot"' in data:
            self.buy(WINDOW)
            return
        answered = data.count(b'"t":"answer"')
        self.count.frames += answered
        if answered and not self.count.stopped:
            self.buy(answered)

    def buy(self, count: int) -> None:
        out: list[bytes] = []
        for _ in range(count):
            self.number += 1
            out.append(BUY % ((id(self) << 64) | self.number))
        self.transport.write(b"".join(out))


class Count:
    bytes = frames = snapshots = 0
    stopped = False


def masked(payload: bytes) -> bytes:
    """A mask of zeros leaves the payload as it is, so that the generator need not spend time on it."""
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2)
    return head + bytes(4) + payload


BUY_BODY = b'{"t":"buy","id":"%032x","offer_id":3,"variant_id":9,"quantity":1,"price_minor":12900}'
BUY = masked(BUY_BODY % 0).replace(b"0" * 32, b"%032x")


def client_process(port: int, sockets: int, hello: bytes, buyer: bool, pipe: Connection) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        count = Count()
        clients: list[asyncio.BaseTransport] = []
        for begin in range(0, sockets, 100):
            made = [
                loop.create_connection(lambda: Client(count, hello, buyer), "127.0.0.1", port)
                for _ in range(begin, min(begin + 100, sockets))
            ]
            clients += [transport for transport, _ in await asyncio.gather(*made)]
        pipe.send("ready")
        while True:
            while not pipe.poll():
                await asyncio.sleep(0.005)
            order = pipe.recv()
            if order == "stop":
                count.stopped = True
            if order == "end":
                break
            pipe.send((count.frames, count.snapshots, count.bytes))
        for transport in clients:
            transport.close()
        await asyncio.sleep(0.1)

    uvloop.run(main())


class Clients:
    def __init__(
        self, port: int, sockets: int, *, hello: bytes = b'{"t":"hello"}', buyer: bool = False
    ) -> None:
        self.pipe, far = multiprocessing.Pipe()
        arguments = (port, sockets, masked(hello), buyer, far)
        self.process = multiprocessing.get_context("spawn").Process(
            target=client_process, args=arguments, daemon=True
        )
        self.process.start()

    async def answer(self, order: str | None = None) -> Any:
        if order is not None:
            self.pipe.send(order)
        while not self.pipe.poll():
            await asyncio.sleep(0.002)
        return self.pipe.recv()

    async def end(self) -> None:
        self.pipe.send("end")
        while self.process.is_alive():
            await asyncio.sleep(0.01)


@contextmanager
def no_signals() -> Any:
    yield


async def serve(app: Any, ws: Any) -> tuple[uvicorn.Server, "asyncio.Task[None]", int]:
    config = uvicorn.Config(
        app, port=0, ws=ws, lifespan="off", log_level="error", timeout_graceful_shutdown=1,
        ws_per_message_deflate=False, backlog=4096, ws_ping_interval=None,
    )  # fmt: skip
    server = uvicorn.Server(config)
    server.capture_signals = no_signals  # pyright: ignore[reportAttributeAccessIssue]
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    return server, task, server.servers[0].sockets[0].getsockname()[1]


def tick_payload(number: int) -> list[ChatLine]:
    return [
        ChatLine(f"{number:08x}{line:08x}", "Guest 1234", "do you have M in indigo?", "viewer", 1)
        for line in range(5)
    ]


async def measure(send: Callable[[int], None], clients: Clients) -> dict[str, float]:
    """Send `HERTZ` times a second; deliveries are what the clients really read."""
    before, _, _ = await clients.answer("count")
    cpu, wall = time.process_time(), time.perf_counter()
    sent = 0
    while time.perf_counter() - wall < SECONDS:
        send(sent)
        sent += 1
        await asyncio.sleep(max(0.0, wall + sent / HERTZ - time.perf_counter()))
    spent, took = time.process_time() - cpu, time.perf_counter() - wall
    await asyncio.sleep(0.3)
    after, _, _ = await clients.answer("count")
    delivered = after - before
    assert delivered == sent * SOCKETS, (delivered, sent * SOCKETS)
    return {
        "per_core": round(delivered / spent),
        "delivered_per_second": round(delivered / took),
        "us_each": round(spent / delivered * 1e6, 2),
    }


async def product() -> dict[str, dict[str, float]]:
    door = Door()
    gateway = Gateway(OpenRooms(), read_shopper=UUID, handlers=RoomHandlers(buy=door), limits=LIMITS)
    server, serving, port = await serve(room_endpoint(gateway), make_protocol(gateway))
    channel = await gateway.channel(7)
    room = channel.opened.room

    def send(number: int) -> None:
        for line in tick_payload(number):
            room.say(line)
        channel.ticked_at = 0.0
        gateway.tick(channel)

    fan = Clients(port, SOCKETS)
    await fan.answer()
    await asyncio.sleep(0.5)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    out = {"fan_out": await measure(send, fan)}
    out["fan_out"]["bytes"] = len(channel.frames[-1])
    out["fan_out"]["rss_mb"] = round(before / 1024)
    await fan.end()

    resume = Clients(port, RESUMES, hello=b'{"t":"hello","epoch":"e","seq":%d}' % (room.seq - 20))
    cpu, wall = time.process_time(), time.perf_counter()
    await resume.answer()
    while (await resume.answer("count"))[0] < RESUMES * 20:
        await asyncio.sleep(0.02)
    spent, took = time.process_time() - cpu, time.perf_counter() - wall
    _, snapshots, _ = await resume.answer("count")
    assert snapshots == 0, snapshots
    out["resume"] = {"per_core": round(RESUMES / spent), "per_second": round(RESUMES / took)}
    await resume.end()

    buyers = Clients(port, BUYERS, buyer=True)
    await buyers.answer()
    rates: list[float] = []
    spent_each: list[float] = []
    for _ in range(4):
        cpu, wall, answered = time.process_time(), time.perf_counter(), door.answered
        await asyncio.sleep(1.5)
        done = door.answered - answered
        rates.append(done / (time.perf_counter() - wall))
        spent_each.append(done / (time.process_time() - cpu))
    await buyers.answer("stop")
    await buyers.end()
    out["purchases"] = {
        "per_second": round(statistics.median(rates)),
        "per_core": round(statistics.median(spent_each)),
        "us_each": round(1e6 / statistics.median(spent_each), 2),
    }
    await gateway.drain(patience=1)
    server.should_exit = True
    await serving
    return out


async def bare() -> dict[str, float]:
    Bare.writes = {}
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", 0, backlog=4096)
    clients = Clients(server.sockets[0].getsockname()[1], SOCKETS)
    await clients.answer()
    await asyncio.sleep(0.5)

    def send(number: int) -> None:
        frame = wire.frame(
            wire.encode(
                {"t": "tick", "seq": number, "now": 1, "chat": [x.as_json() for x in tick_payload(number)]}
            )
        )
        for write in list(Bare.writes.values()):
            write(frame)

    result = await measure(send, clients)
    await clients.end()
    server.close()
    return result


async def asgi() -> dict[str, float]:
    sends: dict[int, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": '{"t":"snapshot"}'})
        sends[id(send)] = send
        while (await receive())["type"] != "websocket.disconnect":
            pass
        sends.pop(id(send), None)

    server, serving, port = await serve(app, "websockets-sansio")
    clients = Clients(port, SOCKETS)
    await clients.answer()
    await asyncio.sleep(0.5)
    tasks: set[asyncio.Task[None]] = set()

    async def to_all(text: str) -> None:
        for send in list(sends.values()):
            await send({"type": "websocket.send", "text": text})

    def send_all(number: int) -> None:
        chat = [line.as_json() for line in tick_payload(number)]
        text = msgspec.json.encode({"t": "tick", "seq": number, "now": 1, "chat": chat}).decode()
        task = asyncio.get_running_loop().create_task(to_all(text))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    result = await measure(send_all, clients)
    await clients.end()
    server.should_exit = True
    server.force_exit = True
    await serving
    return result


async def main() -> None:
    parts = await product()
    limit = await bare()
    baseline = await asgi()
    print(
        f"{SOCKETS} sockets, frames of {parts['fan_out']['bytes']} bytes, {HERTZ} ticks a second, {os.cpu_count()} cores"
    )
    print(f"{'fan-out':<12}{'per core':>12}{'µs each':>10}")
    for name, row in (("product", parts["fan_out"]), ("bare", limit), ("asgi", baseline)):
        print(f"{name:<12}{row['per_core']:>12,.0f}{row['us_each']:>10}")
    print(
        f"purchases   {parts['purchases']['per_second']:>12,.0f}/s with the generator on the same machine, {parts['purchases']['us_each']} µs each in the server"
    )
    print(f"resume      {parts['resume']['per_core']:>12,.0f} per core, 20 ticks each")
    versions = {name: metadata.version(name) for name in ("uvicorn", "uvloop", "websockets", "msgspec")}
    print(
        json.dumps(
            {
                "bench": "room", "sockets": SOCKETS, "python": platform.python_version(), **versions, **parts,
                "bare": limit, "asgi": baseline,
                "ratio_to_bare": round(parts["fan_out"]["per_core"] / limit["per_core"], 2),
                "ratio_to_asgi": round(parts["fan_out"]["per_core"] / baseline["per_core"], 2),
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    wanted = SOCKETS * 2 + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    socket.setdefaulttimeout(None)
    sys.setswitchinterval(0.05)
    uvloop.run(main())
