"""The short way for a plain purchase through uvicorn: the same answers, in the order of asking, over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
import uvicorn
from tests.waiting import PATIENCE, soon

from shopfloor import shoppers
from shopfloor.kernel.keyring import Keyring
from shopfloor.purchases import PurchaseEndpoint, PurchaseRequest, make_http_protocol
from shopfloor.purchases.messages import OnReply, PurchaseReply

KEYRING = Keyring(current=1, keys={1: b"k" * 32})


class SlowDoor:
    """A door that answers when told to: what is behind it is tested elsewhere."""

    def __init__(self) -> None:
        self.asked: list[tuple[PurchaseRequest, UUID, OnReply]] = []
        self.addresses: list[str] = []
        self.hold_back = False

    def ask(self, wish: PurchaseRequest, *, shopper: UUID, reply: OnReply, address: str = "") -> None:
        self.addresses.append(address)
        self.asked.append((wish, shopper, reply))
        if not self.hold_back:
            self.answer(len(self.asked) - 1)

    def answer(self, number: int) -> None:
        wish, _, reply = self.asked[number]
        reply(PurchaseReply(wish.id, "held", url=f"/{number}"))

    def where(self, wish: PurchaseRequest) -> None:
        return None


@dataclass
class Server:
    port: int
    door: SlowDoor
    endpoint: PurchaseEndpoint
    server: uvicorn.Server
    tasks_started: list[str]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    door = SlowDoor()
    endpoint = PurchaseEndpoint(door, KEYRING)  # pyright: ignore[reportArgumentType]
    started: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        started.append(scope["path"])
        if scope["path"] == "/buy":
            await endpoint(scope, receive, send)
            return
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"page"})

    config = uvicorn.Config(
        application,
        port=0,
        http=make_http_protocol(endpoint),
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve())
    while not running.started:
        await asyncio.sleep(0.01)
    port = running.servers[0].sockets[0].getsockname()[1]
    yield Server(port, door, endpoint, running, started)
    running.should_exit = True
    await task


COOKIE = f"shopper={shoppers.issue_shopper(KEYRING)}"


def request(body: bytes | None = None, *, extra: str = "", cookie: str = COOKIE) -> bytes:
    payload = body if body is not None else wish()
    return (
        f"POST /buy HTTP/1.1\r\nHost: shop\r\nCookie: {cookie}\r\nContent-Type: application/json\r\n{extra}"
        f"Content-Length: {len(payload)}\r\n\r\n"
    ).encode() + payload


def wish(**changes: object) -> bytes:
    plain: dict[str, object] = {
        "id": str(uuid4()), "offer_id": 1, "variant_id": 1, "quantity": 1, "price_minor": 1,
    }  # fmt: skip
    return json.dumps(plain | changes).encode()


PAGE = b"GET /page HTTP/1.1\r\nHost: shop\r\n\r\n"


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def receive(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:-2])
            body = await self.reader.readexactly(int(headers["content-length"]))
        return int(head[0].split()[1]), headers, body


async def connect(server: Server, *, known: bool = True) -> Client:
    """`known`: this cookie has bought before, so that the short way is open to it."""
    client = Client(*await asyncio.open_connection("127.0.0.1", server.port))
    if known:
        hold_back, server.door.hold_back = server.door.hold_back, False
        client.send(request())
        await client.receive()
        server.door.hold_back = hold_back
        server.tasks_started.clear()
        server.door.asked.clear()
    return client


async def test_a_plain_purchase_takes_the_short_way(server: Server) -> None:
    client = await connect(server)

    client.send(request())
    status, headers, body = await client.receive()

    assert server.tasks_started == []
    assert (status, json.loads(body)["outcome"]) == (200, "held")
    assert (headers["content-type"], headers["cache-control"]) == ("application/json", "no-store")
    assert "date" in headers


async def test_a_shopper_without_a_cookie_takes_the_long_way_and_gets_one_first(server: Server) -> None:
    client = await connect(server, known=False)

    client.send(request(cookie="shopper=forged"))
    status, headers, _ = await client.receive()

    assert (status, server.tasks_started) == (307, ["/buy"])
    assert headers["set-cookie"].startswith("shopper=1.")
    assert server.door.asked == []


async def test_answers_leave_in_the_order_of_asking(server: Server) -> None:
    client = await connect(server)
    server.door.hold_back = True
    client.send(request() + request() + PAGE + request())
    await soon("all are asked", lambda: len(server.door.asked) >= 2)

    server.door.answer(1)
    await asyncio.sleep(0.05)
    server.door.answer(0)
    first, second, page = [await client.receive() for _ in range(3)]
    await soon("all are asked", lambda: len(server.door.asked) >= 3)
    server.door.answer(2)
    fourth = await client.receive()

    assert [json.loads(answer[2])["url"] for answer in (first, second, fourth)] == ["/0", "/1", "/2"]
    assert page[2] == b"page"


async def test_pages_and_purchases_share_a_connection(server: Server) -> None:
    client = await connect(server)

    for _ in range(3):
        client.send(PAGE)
        assert (await client.receive())[2] == b"page"
        client.send(request())
        assert (await client.receive())[0] == 200

    assert server.tasks_started == ["/page"] * 3


async def test_a_request_in_single_bytes(server: Server) -> None:
    client = await connect(server)

    for byte in request():
        client.send(bytes([byte]))
        await asyncio.sleep(0)
    status, _, _ = await client.receive()

    assert status == 200
    assert len(server.door.asked) == 1


async def test_chunked_bodies_are_understood(server: Server) -> None:
    client = await connect(server)
    payload = wish()
    halves = payload[:40], payload[40:]

    client.send(
        f"POST /buy HTTP/1.1\r\nHost: shop\r\nCookie: {COOKIE}\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n".encode()
        + b"".join(b"%x\r\n%b\r\n" % (len(half), half) for half in halves)
        + b"0\r\n\r\n"
    )

    assert (await client.receive())[0] == 200


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (request(b"{"), 422, "orders.bad_purchase"),
        (request(wish(quantity=-1)), 422, "orders.bad_purchase"),
        (request(b" " * 17_000), 413, "orders.too_large"),
        (request(b"[" * 8000), 422, "orders.bad_purchase"),
        (request(extra="Origin: https://evil.example\r\n"), 403, "accounts.cross_site"),
    ],
)
async def test_nonsense_gets_its_answer_and_the_connection_lives_on(
    server: Server, sent: bytes, status: int, code: str
) -> None:
    client = await connect(server)

    client.send(sent)
    told, _, body = await client.receive()
    client.send(request())
    after, _, _ = await client.receive()

    assert (told, json.loads(body)["code"]) == (status, code)
    assert after == 200


async def test_a_connection_that_shall_close_is_closed(server: Server) -> None:
    client = await connect(server)

    client.send(request(extra="Connection: close\r\n"))

    assert (await client.receive())[0] == 200
    assert await client.reader.read() == b""


async def test_two_lengths_are_refused(server: Server) -> None:
    client = await connect(server)

    client.send(request(extra="Content-Length: 3\r\n"))

    assert (await client.reader.readline()).startswith(b"HTTP/1.1 400")
    assert server.door.asked == []


async def test_who_waits_is_answered_before_the_server_stops(server: Server) -> None:
    client = await connect(server)
    server.door.hold_back = True
    client.send(request())
    await soon("it is asked", lambda: server.door.asked)

    server.server.should_exit = True
    await soon("nobody new is let in", lambda: not server.server.servers[0].is_serving())
    server.door.answer(0)

    assert (await client.receive())[0] == 200
    assert await client.reader.read() == b""


async def test_a_buyer_who_has_gone_breaks_nothing(server: Server) -> None:
    client = await connect(server)
    server.door.hold_back = True
    client.send(request() + request())
    await soon("all are asked", lambda: len(server.door.asked) >= 2)
    client.writer.transport.abort()
    await soon("the server has seen it", lambda: not server.server.server_state.connections)

    server.door.answer(1)
    server.door.answer(0)

    server.door.hold_back = False
    other = await connect(server)
    other.send(request())
    assert (await other.receive())[0] == 200


async def test_a_flood_on_one_connection_is_read_no_further(server: Server) -> None:
    client = await connect(server)
    server.door.hold_back = True

    client.send(b"".join(request() for _ in range(1500)))
    await asyncio.sleep(0.3)
    asked = len(server.door.asked)
    server.door.hold_back = False
    for number in range(asked):
        server.door.answer(number)

    assert asked < 1500
    answers = [await client.receive() for _ in range(1500)]
    assert {status for status, _, _ in answers} == {200, 429}
