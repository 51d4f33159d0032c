"""POST /buy: the door for pages without a socket, without JavaScript, and for other programs.  Raw ASGI.

A form is answered with 303: to the checkout, or back to where it came from with `?refused=<code>`.  JSON is
answered with the same message as on the room socket.  The same `id` always gets the same answer.

Nothing is held for a browser whose cookie has not come back: the answer sets the cookie and sends the request
here again (307), once; then it says that cookies are needed.
"""

import asyncio
import html
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Final
from urllib.parse import parse_qs, urlencode
from uuid import UUID

import msgspec

from shopfloor import shoppers, stock
from shopfloor.kernel import strict_json
from shopfloor.kernel.amounts import QuantityUnreadable, read_quantity
from shopfloor.kernel.asgi import CutOffError, Receive, Scope, Send, read_body
from shopfloor.kernel.client_address import Network, address_group, client_address, networks
from shopfloor.kernel.database import DatabaseAway
from shopfloor.kernel.errors import MethodNotAllowed, Refusal
from shopfloor.kernel.keyring import Keyring
from shopfloor.kernel.origin import is_same_site
from shopfloor.kernel.rate_limit import Gcra
from shopfloor.kernel.same_site import CrossSite
from shopfloor.purchases.gateway import PurchaseGateway
from shopfloor.purchases.messages import PurchaseReply, PurchaseRequest, encode
from shopfloor.purchases.models import (
    MAX_PER_LINE,
    BadPurchase,
    CookieNeeded,
    HoldExpired,
    OfferClosed,
    OfferUnknown,
    PriceChanged,
    PurchaseExpired,
    TooFast,
    TooLarge,
    asked_again,
)
from shopfloor.purchases.offer_terms import OfferTerms

PATH: Final = "/buy"
# A basket of as many lines as a purchase can have, with the largest numbers in them.
MAX_BODY: Final = 16 * 1024
# Three of each line, and the few of the whole.
_MOST_FIELDS: Final = 3 * stock.MAX_LINES + 10
HELD_COOKIE: Final = "held"
_ON_THE_SHELF: Final = date.min.isoformat()
_REMEMBERED: Final = 50_000

_decoder = msgspec.json.Decoder(PurchaseRequest)
_NAMES: Final = tuple(f'"{name}"'.encode() for name in PurchaseRequest.__struct_fields__)


def _decode(body: bytes) -> PurchaseRequest:
    purchase = _decoder.decode(body)
    strict_json.check_names(body, _NAMES)
    return purchase


# Codes whose answer is not 409.
_STATUS: Final = {
    stock.Code.UNKNOWN: 404,
    stock.Code.MISMATCH: 422,
    stock.Code.INVALID: 422,
    **{kind.code: kind.status for kind in (
        BadPurchase, QuantityUnreadable, strict_json.RepeatedName, strict_json.TooDeep, CookieNeeded, DatabaseAway, HoldExpired, *stock.INTAKE_REFUSALS, OfferClosed,
        OfferUnknown, PriceChanged, PurchaseExpired, TooFast, TooLarge,
    )},
}  # fmt: skip

_JSON: Final = (b"content-type", b"application/json")
_NO_STORE: Final = (b"cache-control", b"no-store")
_RETRY: Final = (b"retry-after", b"1")


class PurchaseEndpoint:
    """The ASGI application for POST /buy.  `origins`: other addresses this shop is reached at; `proxies`: those
    whose word on an address counts.
    """

    def __init__(
        self,
        door: PurchaseGateway,
        keyring: Keyring,
        *,
        secure: bool = False,
        origins: frozenset[str] = frozenset(),
        proxies: Sequence[Network] = networks("127.0.0.1 ::1"),
        per_second: float = 20.0,
        burst: int = 50,
    ) -> None:
        self._door = door
        self._keyring = keyring
        self._secure = secure
        self._origins = frozenset(origins)
        self._rate = Gcra(every=1 / per_second, burst=burst)
        self._proxies = proxies
        self._known: dict[bytes, UUID] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] != "POST":
            wrong = MethodNotAllowed(method=scope["method"], allow="POST")
            headers = [(b"allow", b"POST"), (b"content-type", b"application/json")]
            await _send(send, wrong.status, headers, msgspec.json.encode(wrong.body()))
            return
        content_type, cookie = _of_interest(scope["headers"])
        is_json = content_type.startswith(b"application/json")
        try:
            if not is_same_site(scope["headers"], self._origins):
                raise CrossSite
            shopper = self._known.get(cookie) or self._remember(cookie, scope["headers"])
            asker = shopper or address_group((scope.get("client") or ("",))[0])
            if self._rate.wait(asker, time.monotonic()):
                raise TooFast
            body = await read_body(scope, receive, limit=MAX_BODY, too_large=_too_large)
            purchase, unread = (_decode(body), None) if is_json else _form(content_type, body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
            await self._refuse(send, BadPurchase(why=str(problem)[:300]), is_json=is_json)
            return
        except Refusal as refusal:
            await self._refuse(send, refusal, is_json=is_json)
            return
        except CutOffError:
            # Whoever left in the middle of a wish has not said it.
            return
        if shopper is None:
            await self._ask_for_cookie(scope, send, purchase, is_json=is_json)
            return
        if unread is not None:
            # Back to the page the form came from, which says it beside the form.
            await self._door.find(purchase)
            refused = PurchaseReply(purchase.id, "refused", unread.code, unread.message, unread.facts)
            await self._redirect(send, purchase, refused)
            return
        answered: asyncio.Future[PurchaseReply] = asyncio.get_running_loop().create_future()
        peer = scope.get("client") or ("",)
        self._door.ask(purchase, shopper=shopper, reply=_once(answered), address=str(peer[0]))
        answer = await answered
        if is_json:
            await _send(send, status_of(answer), [_JSON, _NO_STORE], encode(answer))
        else:
            await self._redirect(send, purchase, answer)

    async def _ask_for_cookie(
        self, scope: Scope, send: Send, purchase: PurchaseRequest, *, is_json: bool
    ) -> None:
        needed = CookieNeeded()
        answer = PurchaseReply(purchase.id, "refused", needed.code, needed.message, {})
        cookie = shoppers.cookie_header(shoppers.issue_shopper(self._keyring), secure=self._secure)
        query = scope.get("query_string", b"").decode("latin-1")
        again = asked_again(PATH, query)
        if again is not None:
            headers = [_JSON, _NO_STORE, cookie, (b"location", again.encode("latin-1"))]
            await _send(send, 307, headers, encode(answer))
        elif is_json:
            await _send(send, needed.status, [_JSON, _NO_STORE, cookie], encode(answer))
        else:
            await self._door.find(purchase)
            await self._redirect(send, purchase, answer)

    # The same without ASGI, for `quick.py`.

    def recognise(self, headers: Iterable[tuple[bytes, bytes]]) -> UUID | None:
        """The shopper of a plain purchase: JSON, a cookie of ours, not from a foreign page.

        None: take the long way, which knows what to say.
        """
        content_type, cookie = _of_interest(headers)
        if not content_type.startswith(b"application/json") or not is_same_site(headers, self._origins):
            return None
        return self._known.get(cookie) or self._remember(cookie, headers)

    def address_of(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Where a request came from; what a header says counts only from a proxy that is trusted."""
        return client_address(peer, headers, self._proxies)

    def take(
        self, shopper: UUID, body: bytes, reply: Callable[[int, bytes], None], address: str = ""
    ) -> None:
        """`reply` is called once, from the loop, with a status and a JSON body."""
        try:
            if self._rate.wait(shopper, time.monotonic()):
                raise TooFast
            if len(body) > MAX_BODY:
                raise _too_large()
            purchase = _decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
            refusal = BadPurchase(why=str(problem)[:300])
            reply(refusal.status, encode(_refusal(refusal)))
        except Refusal as refusal:
            reply(refusal.status, encode(_refusal(refusal)))
        else:
            self._door.ask(
                purchase,
                shopper=shopper,
                reply=lambda answer: reply(status_of(answer), encode(answer)),
                address=address,
            )

    def _remember(self, cookie: bytes, headers: Iterable[tuple[bytes, bytes]]) -> UUID | None:
        """Who a cookie of ours names: an HMAC the first time, remembered after it."""
        shopper = shoppers.shopper_of(self._keyring, headers)
        if shopper is not None:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            self._known[cookie] = shopper
        return shopper

    async def _refuse(self, send: Send, refusal: Refusal, *, is_json: bool) -> None:
        answer = _refusal(refusal)
        retry = [_RETRY] if refusal.status in {429, 503} else []
        if is_json:
            await _send(send, refusal.status, [_JSON, _NO_STORE, *retry], encode(answer))
        else:
            await _send(
                send, refusal.status, [_HTML, _NO_STORE, *retry], _page(refusal.code, refusal.message)
            )

    async def _redirect(
        self,
        send: Send,
        purchase: PurchaseRequest,
        answer: PurchaseReply,
    ) -> None:
        terms = self._door.where(purchase)
        if answer.url is not None:
            place = answer.url
        elif terms is not None:
            place = _back(terms, purchase, answer)
        else:
            page = _page(answer.code or "", answer.message or "")
            await _send(send, status_of(answer), [_HTML, _NO_STORE], page)
            return
        kept = [self._keeps(purchase.id)] if answer.outcome == "held" else []
        await _send(send, 303, [(b"location", place.encode("ascii")), _NO_STORE, *kept], b"")

    def _keeps(self, hold_id: UUID) -> tuple[bytes, bytes]:
        """Where no script remembers it: what this browser bought last, to lead back to it from a page."""
        secure = "; Secure" if self._secure else ""
        kept = f"{HELD_COOKIE}={hold_id}; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax{secure}"
        return b"set-cookie", kept.encode("ascii")


def _too_large() -> TooLarge:
    return TooLarge(most_bytes=MAX_BODY)


def _refusal(refusal: Refusal) -> PurchaseReply:
    """For what has no id that we could read."""
    return PurchaseReply("", "refused", refusal.code, refusal.message, refusal.facts)


def _of_interest(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """content-type, cookie."""
    content_type = cookie = b""
    for name, value in headers:
        if name == b"cookie":
            cookie = value
        elif name == b"content-type":
            content_type = value
    return content_type, cookie


def status_of(answer: PurchaseReply) -> int:
    """200 held or open, 202 in line, else what the refusal says (409 where nothing else does)."""
    if answer.code is None or answer.outcome == "open":
        return 200
    if answer.outcome == "queued":
        return 202
    return _STATUS.get(answer.code, 409)


_HTML: Final = (b"content-type", b"text/html; charset=utf-8")


def _page(code: str, message: str) -> bytes:
    """For the rare form that no longer belongs to a page of ours."""
    text, mark = html.escape(message), html.escape(code)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<title>{text}</title><p>{text} <small>{mark}</small></p><p><a href="/">Back to the shop</a></p></html>'
    ).encode()


def _back(terms: OfferTerms, purchase: PurchaseRequest, answer: PurchaseReply) -> str:
    state: dict[str, object] = {
        "refused": answer.code,
        "offer": purchase.offer_id,
        "variant": purchase.variant_id,
    }
    facts = answer.facts or {}
    in_cart = bool(purchase.lines) and terms.show_id is None
    if in_cart:
        state["variant"] = facts.get("variant_id")
    state |= {
        key: facts[key]
        for key in ("left", "price_minor", "position", "ready_on", "least", "most")
        if key in facts
    }
    if answer.outcome == "queued":
        state["outcome"] = "queued"
    query = urlencode({key: value for key, value in state.items() if value is not None})
    page = f"live/{terms.show_id}" if terms.show_id is not None else f"p/{terms.product_id}"
    page = "cart" if in_cart else page
    return f"/s/{terms.shop}/{page}?{query}"


def _once(future: "asyncio.Future[PurchaseReply]") -> Callable[[PurchaseReply], None]:
    def reply(answer: PurchaseReply) -> None:
        if not future.done():
            future.set_result(answer)

    return reply


def _form(content_type: bytes, body: bytes) -> tuple[PurchaseRequest, Refusal | None]:
    """A form's fields; `variant_id`, `quantity` and `price_minor` may come several times, for a small cart.

    Quantities are read as people type them; with the refusal of one that can't be, as if it were 1.

    A form with several variants to choose from says in `shown` of which it shows a later day, as in
    "9=2026-12-03 12=2026-12-09"; of the others it agrees to what is on the shelf.
    """
    if not content_type.startswith(b"application/x-www-form-urlencoded"):
        raise BadPurchase("Send a form or JSON.", content_type=content_type[:60].decode("latin-1"))
    try:
        fields = (
            parse_qs(body.decode(), max_num_fields=_MOST_FIELDS, keep_blank_values=True, errors="strict")
            if body
            else {}
        )
    except ValueError as problem:
        raise BadPurchase(why=str(problem)[:300]) from problem
    plain: dict[str, object] = {
        name: fields[name][0] for name in ("id", "offer_id", "latest_ready") if any(fields.get(name, ()))
    }
    if "latest_ready" not in plain and "shown" in fields:
        pairs = [part.partition("=") for part in fields["shown"][0].split()]
        days = {variant: day for variant, _, day in pairs}
        plain["latest_ready"] = max(
            (days.get(variant, _ON_THE_SHELF) for variant in fields.get("variant_id", ())),
            default=_ON_THE_SHELF,
        )
    unread: Refusal | None = None
    quantities = list(fields.get("quantity", []))
    for n, text in enumerate(quantities):
        try:
            quantities[n] = str(read_quantity(text, most=MAX_PER_LINE))
        except Refusal:
            quantities[n], unread = "1", QuantityUnreadable(given=text[:40], least=1, most=MAX_PER_LINE)
    several = [fields.get("variant_id", []), quantities, fields.get("price_minor", [])]
    if len(several[0]) > 1:
        if len({len(values) for values in several}) > 1:
            raise BadPurchase("Each line needs a variant, a quantity and a price.")
        names = ("variant_id", "quantity", "price_minor")
        plain["lines"] = [dict(zip(names, values, strict=True)) for values in zip(*several, strict=True)]
    else:
        plain |= {
            name: values[0]
            for name, values in zip(("variant_id", "quantity", "price_minor"), several, strict=True)
            if values
        }
    try:
        return msgspec.convert(plain, PurchaseRequest, strict=False), unread
    except ValueError as problem:
        raise BadPurchase(why=str(problem)[:300]) from problem


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers.append((b"content-length", b"%d" % len(body)))
    try:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    except RuntimeError:
        # The buyer has gone (uvloop refuses to write to a closed transport).  What was granted stands, and the
        # same id asked again gets it.
        return
