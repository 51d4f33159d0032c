"""The one client that fetches what somebody typed: it reaches public web servers and nothing else."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest

from shopfloor.kernel import outbound
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.outbound import Outbound, is_public

LOOPBACK = (IPv4Network("127.0.0.0/8"),)
Answer = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def server(answer: Answer) -> AsyncGenerator[tuple[int, list[str]]]:
    """A web server of a few lines: its port, and the request heads it has seen."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            seen.append(head)
            await answer(head.split()[1], writer)
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], seen


def says(body: bytes, *headers: str, status: str = "200 OK") -> Answer:
    async def answer(_path: str, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", *headers, "connection: close", "", ""]
        writer.write("\r\n".join(lines).encode() + body)

    return answer


async def fetch(
    url: str,
    *,
    most: int = 1_000,
    seconds: float = 5.0,
    allowed: tuple[IPv4Network, ...] = LOOPBACK,
    names: dict[str, list[str]] | None = None,
) -> outbound.Fetched:
    async def resolve(host: str, _port: int) -> list[IPv4Address | IPv6Address]:
        if names is not None and host in names:
            return [ip_address(each) for each in names[host]]
        try:
            return [ip_address(host)]
        except ValueError:
            raise OSError("no such name") from None

    client = Outbound(allowed=allowed, resolve=resolve)
    try:
        return await client.get(url, most_bytes=most, types=("image/",), seconds=seconds)
    finally:
        await client.close()


async def refusal(url: str, **how: object) -> str:
    with pytest.raises(Refusal) as told:
        await fetch(url, **how)  # pyright: ignore[reportArgumentType]
    return told.value.code


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True), ("2606:2800:220:1::1", True), ("64:ff9b::5db8:d822", True),
        ("127.0.0.1", False), ("127.8.8.8", False), ("0.0.0.0", False), ("10.1.2.3", False), ("172.16.0.1", False),
        ("192.168.1.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("192.0.0.8", False),
        ("198.18.0.1", False), ("224.0.0.1", False), ("255.255.255.255", False), ("240.0.0.1", False),
        ("::", False), ("::1", False), ("fe80::1", False), ("fc00::1", False), ("fd00:ec2::254", False),
        ("fec0::1", False), ("ff02::1", False), ("2001:db8::1", False),
        ("::ffff:127.0.0.1", False), ("::ffff:10.0.0.1", False), ("::7f00:1", False),
        ("2002:7f00:1::", False), ("64:ff9b::7f00:1", False), ("64:ff9b::a9fe:a9fe", False),
    ],
)  # fmt: skip
def test_what_is_a_public_address(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


async def test_a_file_comes_whole_with_its_type() -> None:
    async with server(says(b"pixels", "content-type: Image/PNG; x=1", "content-length: 6")) as (port, seen):
        found = await fetch(f"http://127.0.0.1:{port}/a%20b.png?v=1")

    assert (found.data, found.content_type) == (b"pixels", "image/png")
    head = seen[0].lower()
    assert head.startswith("get /a%20b.png?v=1 http/1.1\r\n")
    assert "accept-encoding: identity\r\n" in head
    assert "cookie" not in head


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://shop.example/a.png", "gopher://127.0.0.1/", "http://", "http:///a.png", "//a/b.png",
     "http://user:secret@shop.example/a.png", "http://shop.example:0/a.png", "http://shop.example:99999/a.png",
     "http://[::1/a.png", "http://shop.example/\x00.png", "http://shop.example/" + "a" * 2_000, "", "a.png"],
)  # fmt: skip
async def test_only_plain_addresses_of_web_servers(url: str) -> None:
    assert await refusal(url) == "outbound.address_refused"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_nothing_private_is_connected_to(host: str, scheme: str) -> None:
    assert await refusal(f"{scheme}://{host}/a.png", allowed=()) == "outbound.address_refused"


@pytest.mark.parametrize("port", [22, 25, 5432, 8080])
async def test_other_ports_are_not_web_servers(port: int) -> None:
    names = {"shop.example": ["93.184.216.34"]}
    assert (
        await refusal(f"http://shop.example:{port}/a.png", allowed=(), names=names)
        == "outbound.address_refused"
    )


async def test_a_name_that_leads_inside_reaches_nothing() -> None:
    async with server(says(b"secret", "content-type: image/png")) as (port, seen):
        names = {"shop.example": ["127.0.0.1"]}
        assert (
            await refusal(f"http://shop.example:{port}/", allowed=(), names=names)
            == "outbound.address_refused"
        )
    assert seen == []


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """Resolved once for each connection: a name that says another thing the second time is never asked again."""
    async with server(says(b"pixels", "content-type: image/png")) as (port, seen):
        asked: list[str] = []

        async def resolve(host: str, _port: int) -> list[IPv4Address | IPv6Address]:
            asked.append(host)
            return [ip_address("127.0.0.1" if len(asked) == 1 else "127.0.0.2")]

        client = Outbound(allowed=LOOPBACK, resolve=resolve)
        found = await client.get(f"http://shop.example:{port}/a.png", most_bytes=10, types=("image/",))
        await client.close()
    assert (found.data, asked) == (b"pixels", ["shop.example"])
    assert f"host: shop.example:{port}\r\n" in seen[0].lower()


async def test_redirects_are_followed_and_checked_anew() -> None:
    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        if path == "/a":
            writer.write(
                b"HTTP/1.1 302 Found\r\nlocation: b.png\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        elif path == "/inside":
            writer.write(
                b"HTTP/1.1 301 Gone\r\nlocation: http://10.0.0.1/x.png\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        elif path == "/file":
            writer.write(
                b"HTTP/1.1 307 See\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        elif path == "/loop":
            writer.write(
                b"HTTP/1.1 302 Found\r\nlocation: /loop\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        else:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\nconnection: close\r\n\r\npixels")

    async with server(answer) as (port, seen):
        root = f"http://127.0.0.1:{port}"
        assert (await fetch(f"{root}/a")).data == b"pixels"
        assert [head.split()[1] for head in seen] == ["/a", "/b.png"]
        assert await refusal(f"{root}/inside") == "outbound.address_refused"
        assert await refusal(f"{root}/file") == "outbound.address_refused"
        assert await refusal(f"{root}/loop") == "outbound.not_there"
        assert len(seen) == 2 + 1 + 1 + 1 + outbound.MAX_REDIRECTS


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        (["content-type: text/html"], "200 OK", "outbound.wrong_type"),
        ([], "200 OK", "outbound.wrong_type"),
        (["content-type: image/png", "content-encoding: gzip"], "200 OK", "outbound.wrong_type"),
        (["content-type: image/png", "content-length: 1001"], "200 OK", "outbound.too_large"),
        (["content-type: image/png"], "404 Not Found", "outbound.not_there"),
        (["content-type: image/png"], "403 Forbidden", "outbound.not_there"),
        (["content-type: image/png"], "206 Partial", "outbound.not_there"),
        (["content-type: image/png"], "429 Slow", "outbound.unreachable"),
        (["content-type: image/png"], "503 Busy", "outbound.unreachable"),
    ],
)
async def test_what_is_not_the_file_is_refused(headers: list[str], status: str, code: str) -> None:
    async with server(says(b"", *headers, status=status)) as (port, _):
        assert await refusal(f"http://127.0.0.1:{port}/a.png") == code


@pytest.mark.parametrize(("size", "fits"), [(1_000, True), (1_001, False)])
async def test_the_size_is_bounded_whatever_was_announced(size: int, fits: bool) -> None:
    async with server(says(b"x" * size, "content-type: image/png")) as (port, _):
        url = f"http://127.0.0.1:{port}/a.png"
        if fits:
            assert len((await fetch(url)).data) == size
        else:
            assert await refusal(url) == "outbound.too_large"


async def test_a_server_that_never_ends_is_left() -> None:
    async def drip(_path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with server(drip) as (port, _):
        began = asyncio.get_running_loop().time()
        assert (
            await refusal(f"http://127.0.0.1:{port}/a.png", most=10**9, seconds=0.3) == "outbound.unreachable"
        )
        assert asyncio.get_running_loop().time() - began < 3


async def test_a_server_that_is_not_there_may_be_later() -> None:
    async with server(says(b"")) as (port, _):
        pass
    assert await refusal(f"http://127.0.0.1:{port}/a.png") == "outbound.unreachable"
    assert await refusal("http://nowhere.example/a.png") == "outbound.unreachable"
    async with server(says(b"", status="nonsense")) as (port, _):
        assert await refusal(f"http://127.0.0.1:{port}/a.png") == "outbound.unreachable"
