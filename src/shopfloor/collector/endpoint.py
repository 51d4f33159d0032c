"""`POST /e`: raw ASGI, for it is called more often than anything else.

200  {"results": {"<id>": "ok" | "dup" | "shed" | "bad:<reason>", …}}   everything not bad is on the disk
400  no JSON batch · 403 sent by a page of another site · 413 too large · 415 no JSON · 405 not a POST
429  too fast, with Retry-After: send the same events again later, with the same ids
503  not durable, with Retry-After: send the same events again, with the same ids
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
from shopfloor.kernel.origin import is_same_site
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
_encode: Final = msgspec.json.Encoder().encode


class Endpoint:
    """The ASGI application in front of a collector.

    `viewer` tells from a request who the signed shopper is; what a browser says about itself is not asked.  A page of
    another site could speak in that shopper's name: only our own pages may (`origins` as in `kernel.origin`), and
    programs, which have no shopper's cookie.
    """

    def __init__(
        self,
        collector: Collector,
        *,
        viewer: Callable[[Scope], UUID | None],
        origins: Collection[str] = (),
        quotas: Quotas | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._collector = collector
        self._viewer = viewer
        self._origins = frozenset(origins)
        self._quotas = quotas or Quotas()
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("the event intake speaks HTTP only")
        if scope["method"] != "POST":
            wrong = MethodNotAllowed(method=scope["method"], allow="POST")
            await _answer(send, wrong.status, wrong.body(), (b"allow", b"POST"))
            return
        try:
            if not is_same_site(scope["headers"], self._origins):
                raise CrossSite
            results = await self._take(scope, receive)
        except TooFast as refusal:
            self._collector.counters.refused += 1
            await _answer(send, refusal.status, refusal.body(), (b"retry-after", b"%d" % refusal.seconds))
        except Unavailable as refusal:
            await _answer(send, refusal.status, refusal.body(), (b"retry-after", RETRY_AFTER))
        except Refusal as refusal:
            await _answer(send, refusal.status, refusal.body())
        except CutOffError:
            return
        else:
            await _answer(send, 200, {"results": results})

    async def _take(self, scope: Scope, receive: Receive) -> dict[str, str]:
        headers = dict(scope["headers"])
        media = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
        if media not in _MEDIA:
            raise UnsupportedMedia(media=media[:100])
        address = (scope.get("client") or ("",))[0]
        viewer = self._viewer(scope)
        self._check(self._quotas.request(address, viewer, self._clock()))
        body = await read_body(
            scope,
            receive,
            limit=MAX_BODY,
            too_large=lambda: TooLarge(limit=MAX_BODY),
            pay=lambda length: self._check(self._quotas.body(address, viewer, length, self._clock())),
        )
        try:
            entries = parse(body, received=now(), viewer=None if viewer is None else str(viewer))
        except Malformed:
            # Kept as well: what a broken client sends is the only trace of what it meant to say.
            await self._collector.append([Bad("#body", "malformed", body[:4096], viewer and str(viewer))])
            raise
        results = await self._collector.append(entries) if entries else []
        return {result.id: result.outcome for result in results}

    def _check(self, seconds: float) -> None:
        if seconds:
            raise TooFast(math.ceil(seconds))


async def _answer(send: Send, status: int, body: object, *headers: tuple[bytes, bytes]) -> None:
    content = _encode(body)
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(content)).encode()),
                (b"cache-control", b"no-store"),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": content})
