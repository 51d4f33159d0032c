"""Files from other people's servers: the one guarded client for addresses that somebody typed.

An address of a merchant or a stranger must not become a way into the network this process stands in.  A name is
resolved once, only public addresses are connected to, and the connection goes to the address that was checked: a
name that changes its mind between the check and the connection gains nothing.  Every redirect is checked anew.
Networks that an operator names in the settings may be private.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, cast
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from shopfloor.kernel.client_address import Network
from shopfloor.kernel.errors import Invalid
from shopfloor.kernel.records import dataclass

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[list[Address]]]

MAX_REDIRECTS: Final = 5
MAX_URL: Final = 2_000
# Other ports are where databases, mail and consoles listen.
PORTS: Final = frozenset({80, 443})
_HEADERS: Final = [
    (b"user-agent", b"Shopfloor (picture import)"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"identity"),
    (b"connection", b"keep-alive"),
]
# Seconds for a step that brings nothing.
_PATIENCE: Final = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), 5.0)}
_TROUBLE: Final = (
    httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.UnsupportedProtocol,
)  # fmt: skip
# Before a byte of the request has left.
_UNSENT: Final = (
    httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout, httpcore.UnsupportedProtocol,
)  # fmt: skip
_NAT64: Final = IPv6Network("64:ff9b::/96")
# Of protocols, not of servers (RFC 6890); the interpreter's tables have only parts of them.
_OF_PROTOCOLS: Final = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"))
_UNICAST: Final = IPv6Network("2000::/3")
_ADDRESSES_TRIED: Final = 3


class AddressRefused(Invalid):
    """The address does not lead to a public web server."""

    code = "outbound.address_refused"


class FileTooLarge(Invalid):
    """The file behind the address is too large."""

    code = "outbound.too_large"


class WrongType(Invalid):
    """What is behind the address is another kind of file."""

    code = "outbound.wrong_type"


class NotThere(Invalid):
    """The server has no such file, or does not give it to us."""

    code = "outbound.not_there"


class Unreachable(Invalid):
    """The server cannot be reached, is too slow, or is in trouble: later may help."""

    code = "outbound.unreachable"


def is_public(address: Address) -> bool:
    """Whether it is an address of the internet at large, also inside of what carries IPv4 in IPv6."""
    if isinstance(address, IPv4Address):
        return (
            address.is_global
            and not address.is_multicast
            and not any(address in network for network in _OF_PROTOCOLS)
        )
    teredo = address.teredo
    for inner in (address.ipv4_mapped, address.sixtofour, None if teredo is None else teredo[1]):
        if inner is not None:
            return is_public(inner)
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _UNICAST and address.is_global


async def _resolved(host: str, port: int) -> list[Address]:
    """Raises OSError where the name leads nowhere."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A scope (fe80::1%eth0) is no part of the address.
    return list(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))


async def permitted(
    host: str, port: int, *, ports: Container[int], allowed: Sequence[Network], resolve: Resolve = _resolved
) -> list[str]:
    """The addresses of a server that somebody typed, for protocols other than HTTP: connect to these and no others.

    Public ones at `ports`; those in `allowed` networks at any.  Raises AddressRefused, Unreachable.
    """
    try:
        found = await resolve(host, port)
    except OSError as problem:
        raise Unreachable("The name of the server is not known.", host=host) from problem
    kept = [
        str(address)
        for address in found
        if any(address in network for network in allowed if network.version == address.version)
        or (port in ports and is_public(address))
    ]
    if not kept:
        raise AddressRefused(host=host)
    return kept


class _Guarded(httpcore.AsyncNetworkBackend):
    """Connects to nothing that was not checked a moment before."""

    def __init__(self, allowed: Sequence[Network], resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._inner = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    def _may_connect(self, address: Address, port: int) -> bool:
        if any(address in network for network in self._allowed if network.version == address.version):
            return True
        return port in PORTS and is_public(address)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            found = await self._resolve(host, port)
        except OSError as problem:
            raise Unreachable("The name of the server is not known.", host=host) from problem
        permitted = [address for address in found if self._may_connect(address, port)]
        if not permitted:
            raise AddressRefused(host=host)
        for address in permitted[:_ADDRESSES_TRIED]:
            try:
                return await self._inner.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        raise Unreachable(host=host)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Fetched:
    """`content_type` without its parameters, in lower case."""

    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Posted:
    """What a server answered; `text` is the beginning of it, as far as it is text."""

    status: int
    text: str


_MOST_ANSWER: Final = 2_000


class Outbound:
    """Keeps a few connections; close it."""

    def __init__(self, *, allowed: Sequence[Network] = (), resolve: Resolve = _resolved) -> None:
        """`allowed`: networks that may be connected to though they are private, at any port."""
        self._connections = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=16,
            max_keepalive_connections=4,
            keepalive_expiry=5.0,
            network_backend=_Guarded(allowed, resolve),
        )

    async def close(self) -> None:
        await self._connections.aclose()

    async def get(self, url: str, *, most_bytes: int, types: Sequence[str], seconds: float = 20.0) -> Fetched:
        """The file at `url`, after redirects, whole.

        `types` are beginnings of content types that are taken; `seconds` bounds everything together.

        Raises AddressRefused, FileTooLarge, WrongType and NotThere, which stay so, and Unreachable.
        """
        try:
            async with asyncio.timeout(seconds):
                for _ in range(MAX_REDIRECTS + 1):
                    found = await self._one(_checked(url), most_bytes, types)
                    if isinstance(found, Fetched):
                        return found
                    url = urljoin(url, found)
        except TimeoutError:
            raise Unreachable("The server was too slow.") from None
        except (httpx.InvalidURL, *_TROUBLE, OSError) as problem:
            raise Unreachable(problem=type(problem).__name__) from problem
        raise NotThere("The address leads from one address to the next without end.")

    async def post(
        self, url: str, *, body: bytes, headers: Mapping[str, str], seconds: float = 20.0
    ) -> Posted:
        """What the server at `url` says to this.  Redirects are answers like any other: nothing is sent elsewhere.

        Raises AddressRefused, which stays so, and Unreachable.
        """
        return await self.ask("POST", url, body=body, headers=headers, seconds=seconds)

    async def ask(
        self, method: str, url: str, *, body: bytes, headers: Mapping[str, str], seconds: float = 20.0
    ) -> Posted:
        """As `post`, by another method.  Unreachable has `sent` where the server may have got it before it was lost."""
        asked = httpx.URL(_checked(url))
        address = httpcore.URL(
            scheme=asked.raw_scheme, host=asked.raw_host, port=asked.port, target=asked.raw_path
        )
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        sent += [(b"content-length", b"%d" % len(body))] if body or method != "GET" else []
        sent += [(b"accept-encoding", b"identity")]
        try:
            async with (
                asyncio.timeout(seconds),
                self._connections.stream(
                    method, address, headers=sent, content=body, extensions=_PATIENCE
                ) as answer,
            ):
                data = bytearray()
                async for part in answer.aiter_stream():
                    data += part
                    if len(data) > _MOST_ANSWER:
                        break
                # A zero could not be kept.
                return Posted(
                    answer.status, data[:_MOST_ANSWER].decode("utf-8", "replace").replace("\0", "\ufffd")
                )
        except TimeoutError:
            raise Unreachable("The server was too slow.", sent=True, slow=True) from None
        except _UNSENT as problem:
            raise Unreachable(problem=type(problem).__name__) from problem
        except (httpx.InvalidURL, *_TROUBLE, OSError) as problem:
            raise Unreachable(problem=type(problem).__name__, sent=True) from problem

    async def _one(self, url: str, most_bytes: int, types: Sequence[str]) -> Fetched | str:
        """The file, or the address that the server points to."""
        asked = httpx.URL(url)
        address = httpcore.URL(
            scheme=asked.raw_scheme, host=asked.raw_host, port=asked.port, target=asked.raw_path
        )
        async with self._connections.stream("GET", address, headers=_HEADERS, extensions=_PATIENCE) as answer:
            headers = httpx.Headers(answer.headers)
            if 300 <= answer.status < 400:
                return headers.get("location", "")
            if answer.status in {408, 425, 429} or answer.status >= 500:
                raise Unreachable(status=answer.status)
            if answer.status != 200:
                raise NotThere(status=answer.status)
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if not kind.startswith(tuple(types)) or headers.get("content-encoding", "identity") != "identity":
                raise WrongType(content_type=kind[:100])
            announced = headers.get("content-length", "")
            if announced.isdecimal() and int(announced[:18]) > most_bytes:
                raise FileTooLarge(largest=most_bytes)
            data = bytearray()
            async for part in answer.aiter_stream():
                data += part
                if len(data) > most_bytes:
                    raise FileTooLarge(largest=most_bytes)
            return Fetched(bytes(data), kind)


def _checked(url: str) -> str:
    """Raises AddressRefused for what is no plain address of a web server."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    else:
        usable = usable and parts.username is None and parts.password is None
    if not usable or len(url) > MAX_URL or not url.isprintable():
        raise AddressRefused
    return url
