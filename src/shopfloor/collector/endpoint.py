"""`POST /e`: raw ASGI, for it is called more often than anything else.

200  {"results": {"<id>": "ok" | "dup" | "shed" | "bad:<reason>", …}}   everything not bad is on the disk
400  no JSON batch · 403 sent by a page of another site · 413 too large · 415 no JSON · 405 not a POST
429  too fast, with Retry-After: send the same events again later, with the same ids
503  not durable, with Retry-After: send the same events again, with the same ids

Pages of the merchant's other sites may send too, those in `partners`: without a shopper, and the events say which site.
"""

import math
import time
from collections.abc import Callable, Collection
from typing import Final
from uuid import UUID

import msgspec

from shopfloor.collector.intake import parse
from shopfloor.collector.models import MAX_BODY, Bad, Malformed, TooFast, TooLarge, UnsupportedMedia
from shopfloor.collector.quotas import Quotas
from shopfloor.collector.service import Collector
from shopfloor.kernel.asgi import CutOffError, Receive, Scope, Send, read_body
from shopfloor.kernel.errors import MethodNotAllowed, Refusal, Unavailable
from shopfloor.kernel.origin import VARIES, is_same_site, origin_of
from shopfloor.kernel.same_site import CrossSite
from shopfloor.kernel.values import now

RETRY_AFTER: Final = b"2"
# A beacon sent while a page is closed cannot ask leave for application/json; it comes as plain text.
_MEDIA: Final = frozenset(
    {
        "",
        "application/json",
        "application/cloudevents-batch+json",
        "application/cloudevents+json",
        "text/plain",
    }
)
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"content-type"),
    (b"access-control-max-age", b"86400"),
)
_encode: Final = msgspec.json.Encoder().encode


class Endpoint:
    """The ASGI application in front of a collector.

    `viewer` tells from a request who the signed shopper is; what a browser says about itself is not asked.  A page of
    another site could speak in that shopper's name: only our own pages may (`origins` as in `kernel.origin`), and
    programs, which have no shopper's cookie.  `partners` are other sites, as in `https://blog.example`: what they send
    has no shopper, whatever cookies came with it.
    """

    def __init__(
        self,
        collector: Collector,
        *,
        viewer: Callable[[Scope], UUID | None],
        origins: Collection[str] = (),
        partners: Collection[str] = (),
        quotas: Quotas | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._collector = collector
        self._viewer = viewer
        self._origins = frozenset(origins)
        self._partners = frozenset(partners)
        self._quotas = quotas or Quotas()
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("the event intake speaks HTTP only")
        site = self._partner(scope)
        allowed = _allows(site) if site is not None else ()
        if scope["method"] != "POST":
            if site is not None and scope["method"] == "OPTIONS":
                await _answer(send, 204, None, *allowed, *_PREFLIGHT)
                return
            wrong = MethodNotAllowed(method=scope["method"], allow="POST")
            await _answer(send, wrong.status, wrong.body(), (b"allow", b"POST"))
            return
        try:
            if site is None and not is_same_site(scope["headers"], self._origins):
                raise CrossSite
            results = await self._take(scope, receive, site)
        except TooFast as refusal:
            self._collector.counters.refused += 1
            again = (b"retry-after", b"%d" % refusal.seconds)
            await _answer(send, refusal.status, refusal.body(), again, *allowed)
        except Unavailable as refusal:
            await _answer(send, refusal.status, refusal.body(), (b"retry-after", RETRY_AFTER), *allowed)
        except Refusal as refusal:
            await _answer(send, refusal.status, refusal.body(), *allowed)
        except CutOffError:
            return
        else:
            await _answer(send, 200, {"results": results}, *allowed)

    def _partner(self, scope: Scope) -> str | None:
        """The other site whose page sends this, where it may."""
        if not self._partners:
            return None
        origin = origin_of(scope["headers"])
        return origin if origin in self._partners and origin not in self._origins else None

    async def _take(self, scope: Scope, receive: Receive, site: str | None) -> dict[str, str]:
        headers = dict(scope["headers"])
        media = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
        if media not in _MEDIA:
            raise UnsupportedMedia(media=media[:100])
        address = (scope.get("client") or ("",))[0]
        viewer = self._viewer(scope) if site is None else None
        self._check(self._quotas.request(address, viewer, self._clock()))
        body = await read_body(
            scope,
            receive,
            limit=MAX_BODY,
            too_large=lambda: TooLarge(limit=MAX_BODY),
            pay=lambda length: self._check(self._quotas.body(address, viewer, length, self._clock())),
        )
        try:
            entries = parse(body, received=now(), viewer=None if viewer is None else str(viewer), site=site)
        except Malformed:
            # Kept as well: what a broken client sends is the only trace of what it meant to say.
            await self._collector.append(
                [Bad("#body", "malformed", body[:4096], viewer and str(viewer), site)]
            )
            raise
        results = await self._collector.append(entries) if entries else []
        return {result.id: result.outcome for result in results}

    def _check(self, seconds: float) -> None:
        if seconds:
            raise TooFast(math.ceil(seconds))


def _allows(site: str) -> tuple[tuple[bytes, bytes], ...]:
    """What lets a page of that site read the answer; no cookies, for those are never asked for."""
    return (
        (b"access-control-allow-origin", site.encode("latin-1")),
        (b"access-control-expose-headers", b"retry-after"),
        VARIES,
    )


async def _answer(send: Send, status: int, body: object, *headers: tuple[bytes, bytes]) -> None:
    content = b"" if body is None else _encode(body)
    described = (
        ()
        if body is None
        else (
            (b"content-type", b"application/json"),
            (b"content-length", str(len(content)).encode()),
        )
    )
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*described, (b"cache-control", b"no-store"), *headers],
        }
    )
    await send({"type": "http.response.body", "body": content})
