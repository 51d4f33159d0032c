"""What stands before and beside the pages where this process serves https itself.

`PlainPort` is what the port without TLS answers: the authority's challenge, probes of the machine itself, the page on
which a device learns to trust a local authority, and for all the rest where https is.  `SecurePort` is around
everything that is served over TLS.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shopfloor.certificates.keeper import Keeper
from shopfloor.kernel.client_address import is_own_machine
from shopfloor.kernel.headers import RAW_HEADERS
from shopfloor.kernel.public_address import PublicAddress

CHALLENGE: Final = "/.well-known/acme-challenge/"
# A process of this machine may ask these without TLS: probes, and the video of a neighbour.
PROBES: Final = ("/healthz", "/metrics", "/media/")
TRUST: Final = "/trust"
# What the page about trust consists of.
_SEEN_WITHOUT_TLS: Final = (TRUST, "/static/", "/favicon.ico", "/language")


class PlainPort:
    def __init__(
        self, application: ASGIApp, keeper: Keeper, public: PublicAddress, *, explains_trust: bool
    ) -> None:
        """`explains_trust`: devices have to be told to trust our authority first."""
        self._application = application
        self._keeper = keeper
        self._public = public
        self._passes = _SEEN_WITHOUT_TLS if explains_trust else ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        peer = (scope.get("client") or ("", 0))[0]
        if path.startswith(CHALLENGE):
            answer = self._keeper.store.answer(path.removeprefix(CHALLENGE))
            await _say(send, 404 if answer is None else 200, answer or b"There is no such challenge.\n")
        elif _is_below(path, self._passes) or (is_own_machine(peer) and _is_below(path, PROBES)):
            await self._application(scope, receive, send)
        elif not self._keeper.state.is_serving:
            problem = self._keeper.state.problem
            why = "" if problem is None or not is_own_machine(peer) else f" {problem.message}"
            text = f"This shop is waiting for its certificate. Please try again in a minute.{why}\n"
            await _say(send, 503, text.encode(), [(b"retry-after", b"60")])
        else:
            # Permanent only where browsers may be told to stay on https, too.
            sure = self._keeper.state.hsts_seconds(datetime.now(UTC)) > 0
            location = self._origin(scope) + _target(scope)
            await _say(
                send, 308 if sure else 307, b"", [(b"location", location.encode("latin-1", "replace"))]
            )

    def _origin(self, scope: Scope) -> str:
        """Where the same is over https: at the address that was asked for where the certificate covers it."""
        host = host_of(scope)
        held = self._keeper.state.certificate
        if self._passes and held is not None and host in {*held.names, *held.addresses}:
            return PublicAddress("https", host, self._public.port).origin
        return self._public.origin


class SecurePort:
    """Says HSTS where that is safe, and sends who came by another of the shop's names to the first."""

    def __init__(
        self, application: ASGIApp, keeper: Keeper, public: PublicAddress, aliases: Iterable[str]
    ) -> None:
        self._application = application
        self._keeper = keeper
        self._public = public
        self._aliases = frozenset(aliases)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        seconds = self._keeper.state.hsts_seconds(datetime.now(UTC))
        stays = [(b"strict-transport-security", b"max-age=%d" % seconds)] if seconds else []
        if self._aliases and host_of(scope) in self._aliases:
            location = self._public.origin + _target(scope)
            await _say(send, 308, b"", [(b"location", location.encode("latin-1", "replace")), *stays])
            return
        if not stays:
            await self._application(scope, receive, send)
            return

        async def also(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *stays]}
            await send(message)

        await self._application(scope, receive, also)


def host_of(scope: Scope) -> str:
    """The host that was asked for, in lower case and without its port."""
    said = Headers(scope=scope).get("host", "").lower()
    if said.startswith("["):
        return said[1:].partition("]")[0]
    return said.rpartition(":")[0] if said.count(":") == 1 else said


def _is_below(path: str, places: Iterable[str]) -> bool:
    return any(
        path == place or path.startswith(place if place.endswith("/") else f"{place}/") for place in places
    )


def _target(scope: Scope) -> str:
    """Path and query as they were asked for; always one slash first, so that it stays at our host."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    path = "/" + raw.partition(b"?")[0].decode("latin-1").lstrip("/\\")
    return path + (f"?{query.decode('latin-1')}" if query else "")


async def _say(send: Send, status: int, body: bytes, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    sent_headers = [
        *RAW_HEADERS, (b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"), *headers,
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": sent_headers})
    await send({"type": "http.response.body", "body": body})
