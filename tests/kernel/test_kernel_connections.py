"""How many connections are kept, whose go first, and how long a client may owe us something; over real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from tests.waiting import PATIENCE
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shopfloor.kernel.client_address import networks
from shopfloor.kernel.connections import CallbackCount, Connections, room_for
from shopfloor.kernel.edge import MAX_BODY, Edge
from shopfloor.kernel.http_protocol import make_guarded_protocol, sweep


@dataclass(eq=False)
class Line:
    aborted: bool = False
    is_gone: bool = field(default=False)

    def abort(self) -> None:
        self.aborted = True


def test_two_thousand_behind_one_address_are_served_while_there_is_room() -> None:
    connections = Connections(3_000)
    assert all(connections.enter(Line(), "198.51.100.7") for _ in range(2_000))
    assert connections.figures.refused == 0


def test_above_seventy_per_cent_the_greediest_gives_up_its_newest() -> None:
    connections = Connections(100)
    flood = [Line() for _ in range(100)]
    entered = [connections.enter(line, "198.51.100.7") for line in flood]
    assert (sum(entered), len(connections)) == (70, 70)

    others = [Line() for _ in range(20)]
    assert all(connections.enter(line, f"203.0.113.{n}") for n, line in enumerate(others))
    # Each newcomer took the place of the newest of the flood; the oldest stay.
    gone = [n for n, line in enumerate(flood) if line.aborted]
    assert gone == list(range(50, 70))
    assert not any(line.aborted for line in others)


def test_when_nobody_is_greedy_the_total_binds() -> None:
    connections = Connections(50)
    assert [connections.enter(Line(), f"203.0.113.{n}") for n in range(60)] == [True] * 50 + [False] * 10


def test_ipv6_is_counted_by_prefix_and_a_proxy_is_nobody() -> None:
    connections = Connections(1_000, proxies=networks("127.0.0.1"))
    for n in range(30):
        connections.enter(Line(), f"2001:db8:1:{n:x}::1")
    assert connections.of("2001:db8:1:ffff::1") == 30
    proxied = Line()
    connections.enter(proxied, "127.0.0.1")
    connections.move(proxied, "203.0.113.9")
    assert connections.of("203.0.113.9") == 1
    connections.left(proxied)
    connections.left(proxied)
    assert (connections.of("203.0.113.9"), len(connections)) == (0, 30)


def test_a_camera_counts_like_any_other_connection() -> None:
    connections = Connections(100)
    cameras = CallbackCount(connections)
    gone: list[int] = []
    left = [cameras.enter("198.51.100.7", lambda n=n: gone.append(n)) for n in range(70)]
    assert cameras.enter("198.51.100.7", lambda: gone.append(-1)) is None
    assert connections.enter(Line(), "203.0.113.9")
    assert gone == [69]
    for each in left:
        assert each is not None
        each()
    assert len(connections) == 1


def test_the_total_stays_below_the_file_limit() -> None:
    assert room_for(1_024) == 768
    assert room_for(20_000) == 19_744
    assert room_for(10_000_000) == 60_000


@dataclass
class Server:
    port: int
    connections: Connections
    read: list[int]


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/broken":
        raise RuntimeError("as it happens")
    size = 0
    more = scope["method"] == "POST"
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    READ.append(size)
    body = f"{scope['client'][0]} {scope['scheme']}".encode()
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


READ: list[int] = []


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    READ.clear()
    proxies = networks("127.0.0.1")
    connections = Connections(40)

    async def may_be_large(scope: Any) -> int:
        return 3 * MAX_BODY if (b"x-editor", b"yes") in scope["headers"] else 0

    config = uvicorn.Config(
        Edge(application, proxies=proxies, may_be_large=may_be_large),
        port=0, lifespan="off", log_config=None, access_log=False, proxy_headers=False, ws="none",
        http=make_guarded_protocol(
            HttpToolsProtocol, connections, head_seconds=0.3, idle_seconds=1.0, body_grace=0.3
        ),
    )  # fmt: skip
    running = uvicorn.Server(config)
    tasks = [asyncio.create_task(running.serve()), asyncio.create_task(sweep(connections, every=0.05))]
    while not running.started:
        await asyncio.sleep(0.01)
    yield Server(running.servers[0].sockets[0].getsockname()[1], connections, READ)
    running.should_exit = True
    await tasks[0]
    tasks[1].cancel()


async def said(server: Server, data: bytes) -> bytes:
    """All that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "owed",
    [
        b"",
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HT",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n",
    ],
)
async def test_who_never_finishes_a_request_is_let_go(server: Server, owed: bytes) -> None:
    await said(server, owed)

    async with asyncio.timeout(PATIENCE):
        while len(server.connections):
            await asyncio.sleep(0.01)


async def test_a_head_that_is_too_large_is_not_served(server: Server) -> None:
    line = b"X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"
    head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + line * 40_000
    answer = await said(server, head + b"\r\n")

    # The answer is lost where the connection is reset below what the client still sends.
    assert answer.startswith(b"HTTP/1.1 400 ") or answer == b""
    assert server.read == []


async def test_a_large_body_is_refused_before_it_is_read(server: Server) -> None:
    answer = await said(server, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 157286400\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"request.too_large"' in answer
    assert server.read == []


async def test_a_body_of_unknown_length_is_refused_when_it_is_too_much(server: Server) -> None:
    chunk = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
    answer = await said(
        server, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 20
    )

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer
    assert answer.endswith(b"}")
    assert server.read == []


async def test_a_large_body_is_refused_whatever_the_method(server: Server) -> None:
    answer = await said(server, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 4294967296\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert server.read == []


@pytest.mark.parametrize(
    ("chunk", "pause"), [(b"10000\r\n" + b"a" * 65_536 + b"\r\n", 0.0), (b"1\r\na\r\n", 0.05)]
)
async def test_a_body_goes_on_only_for_a_moment_after_its_answer(
    server: Server, chunk: bytes, pause: float
) -> None:
    """The application answers a GET without reading: what comes then is neither read for ever nor as fast as it can."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)
    sent = 0
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE):
            assert (await reader.read(9)) == b"HTTP/1.1 "
            while True:
                writer.write(chunk)
                await writer.drain()
                sent += len(chunk)
                await asyncio.sleep(pause)
    writer.close()

    # What the two ends keep for each other in between is some megabytes, too.
    assert sent < 24 << 20
    assert server.read == [0]


async def test_who_may_sends_more(server: Server) -> None:
    body = b"a" * (2 * MAX_BODY)
    head = (
        b"POST / HTTP/1.1\r\nHost: a\r\nX-Editor: yes\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        % len(body)
    )
    answer = await said(server, head + body)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert server.read == [2 * MAX_BODY]


async def test_every_answer_is_safe_and_a_broken_one_closes(server: Server) -> None:
    answer = await said(server, b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"connection: close" in answer
    assert b"content-security-policy: " in answer
    assert b'"code":"bug"' in answer


@pytest.mark.parametrize(
    ("header", "seen"),
    [
        (b"X-Forwarded-For: unknown\r\n", b"unknown http"),
        (b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n", b"203.0.113.9 https"),
        (b"", b"127.0.0.1 http"),
    ],
)
async def test_what_a_proxy_says_never_breaks(server: Server, header: bytes, seen: bytes) -> None:
    answer = await said(server, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + header + b"\r\n")

    assert answer.endswith(b"\r\n\r\n" + seen)
