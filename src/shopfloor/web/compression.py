"""Answers of text, made small on their way out.

Only whole answers: what comes in parts (events, video, files) is sent as it comes.  Built files are compressed at
build time, playlists when they are made.

Compression shows in the length of an encrypted answer whether a guess an attacker put into a page repeats a secret
that stands in it (the attack called BREACH).  That takes many requests with ever new guesses, made by the victim's
browser from a page of the attacker: what another site makes a browser ask for is therefore not compressed.  Browsers
say so in a header; to older ones the cookies, which are `SameSite=Lax`, leave nothing but pages opened in
the open.  Keys of forms and ids of purchases are random in each answer as well, so there is nothing to be guessed
over several.
"""

import asyncio
import zlib
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shopfloor.kernel.encodings import accepted, choose
from shopfloor.kernel.origin import is_asked_for_from_elsewhere

SMALLEST: Final = 600
# Beyond this many bytes the loop that serves everybody would feel it.
_LARGE: Final = 1 << 17
_LEVEL: Final = 4
_GZIP: Final = 16 + zlib.MAX_WBITS
_OFFERED: Final = ("gzip",)
_KINDS: Final = frozenset({
    "application/javascript", "application/json", "application/manifest+json", "application/problem+json",
    "application/xml", "image/svg+xml", "text/css", "text/csv", "text/html", "text/javascript", "text/plain", "text/xml",
})  # fmt: skip


class Compress:
    """ASGI middleware: gzip for those who want it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message | None = None

        async def compressing(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _may_be_compressed(message):
                start = message
            elif start is None:
                await send(message)
            else:
                begun, start = start, None
                body: bytes = message.get("body", b"")
                if not message.get("more_body") and len(body) >= SMALLEST:
                    headers = MutableHeaders(raw=list(begun["headers"]))
                    headers.add_vary_header("accept-encoding")
                    begun = {**begun, "headers": headers.raw}
                    if _is_wanted(scope):
                        body = await _packed(body)
                        headers["content-encoding"] = "gzip"
                        headers["content-length"] = str(len(body))
                        if headers.get("etag", "").startswith('"'):
                            headers["etag"] = "W/" + headers["etag"]
                        message = {**message, "body": body}
                await send(begun)
                await send(message)

        await self._app(scope, receive, compressing)


def _may_be_compressed(start: Message) -> bool:
    """Not what chose its coding already."""
    headers = Headers(raw=list(start["headers"]))
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return (
        kind in _KINDS
        and start["status"] not in {204, 206, 304}
        and "content-encoding" not in headers
        and "accept-encoding" not in headers.get("vary", "").lower()
        and "no-transform" not in headers.get("cache-control", "")
    )


def _is_wanted(scope: Scope) -> bool:
    return (
        not is_asked_for_from_elsewhere(scope["headers"])
        and choose(accepted(scope["headers"]), _OFFERED) == "gzip"
    )


async def _packed(body: bytes) -> bytes:
    return await asyncio.to_thread(_pack, body) if len(body) > _LARGE else _pack(body)


def _pack(body: bytes) -> bytes:
    packing = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return packing.compress(body) + packing.flush()
