"""Pages that are made once and sent to many: storefront, product and room.

A page is made for a shop, an address and a language, never for a person.  What is a reader's own stands in slots that
are filled for each: the id that makes a form one purchase, the clock, whether the reader waits for something.
`Frame` is such a page, as text and compressed; `SharedPages` keeps frames for a second and drops those of a shop when
a fact says that something must show at once.

`SharedPagesMiddleware` answers the plain requests for these pages (no query, no message to be shown once) in front of
the routing.  All others, and those that end in a refusal, take the long way to the same pages: `own_page`.
"""

import asyncio
import hashlib
import os
import re
import secrets
import time
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import field
from enum import Enum
from typing import Any, Final
from uuid import UUID

import msgspec
from fastapi import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shopfloor import accounts, embeds, policies, pricing, purchases
from shopfloor.accounts import Shop
from shopfloor.kernel.database import Database, DatabaseAway, Tx
from shopfloor.kernel.encodings import choose
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.keyring import Keyring
from shopfloor.kernel.origin import is_asked_for_from_elsewhere
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.services import services_in
from shopfloor.kernel.values import now
from shopfloor.rooms import Rooms
from shopfloor.shoppers import cookie_header, issue_shopper, shopper_of
from shopfloor.web import languages
from shopfloor.web.languages import Language
from shopfloor.web.templating import FLASH_COOKIE, flashes_of

SECONDS: Final = 1.0
# Addresses are made by whoever asks: so many bytes of pages are kept at most, and the terms of so many shops.
MOST_BYTES: Final = 32 << 20
MOST_SHOPS: Final = 1_000
# A page above this size is compressed beside the loop that serves everybody.
_LARGE: Final = 1 << 17
_LEVEL: Final = 6
_VARY: Final = b"cookie, accept-language, accept-encoding"


# What is a reader's own


class Slot(Enum):
    """The value is its length: all that ever fills a slot is equally long."""

    WISH_ID = 36
    NOW = 13
    WAITS = 5

    @property
    def mark(self) -> str:
        """Stands in a page that is made; `Frame` finds it there."""
        return _MARKS[self]

    @property
    def json(self) -> msgspec.Raw:
        """The same as a value of a JSON document."""
        return msgspec.Raw(self.mark.encode())


# No text of a merchant or a viewer can hold one: they are never sent to anybody.
_MARKS: Final = {slot: secrets.token_hex(16) for slot in Slot}
_SLOTS: Final = {mark.encode(): slot for slot, mark in _MARKS.items()}
_ANY_MARK: Final = re.compile(b"(" + b"|".join(_SLOTS) + b")")


def _values(slots: Sequence[Slot], *, waits: bool) -> list[bytes]:
    """What fills `slots` for one reader."""
    at = b"%013d" % int(now().timestamp() * 1000)
    place = b"true " if waits else b"false"
    random = os.urandom(16 * len(slots))
    return [
        str(UUID(bytes=random[16 * turn : 16 * turn + 16], version=4)).encode()
        if slot is Slot.WISH_ID
        else at
        if slot is Slot.NOW
        else place
        for turn, slot in enumerate(slots)
    ]


class Frame:
    """A page with its slots open; `plain` and `packed` fill them."""

    def __init__(self, shop_id: int, html: str, language: Language, *, cache_control: str) -> None:
        found = _ANY_MARK.split(html.encode())
        self.shop_id = shop_id
        self.language = language
        self.cache_control = cache_control
        self.parts = found[::2]
        self.slots = tuple(_SLOTS[mark] for mark in found[1::2])
        # Only a page without slots is the same bytes for two readers.
        self.etag = None if self.slots else f'W/"{hashlib.sha256(found[0]).hexdigest()[:32]}"'.encode()
        self.size = len(html)
        self.headers: list[tuple[bytes, bytes]] = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-language", language.tag.encode()),
            (b"cache-control", cache_control.encode()),
            (b"vary", _VARY),
            *([] if self.etag is None else [(b"etag", self.etag)]),
        ]
        self._packed: list[bytes] = []

    @property
    def has_own(self) -> bool:
        """Whether the database is to be asked for the reader."""
        return Slot.WAITS in self.slots

    def plain(self, *, waits: bool) -> bytes:
        if not self.slots:
            return self.parts[0]
        return b"".join(_woven(self.parts, _values(self.slots, waits=waits)))

    def pack(self) -> None:
        """Compress the parts, once.

        They are one gzip stream: what a slot holds is put into it uncompressed, as a block of its own.  Nothing after
        a slot may refer back into it; the bytes that stand in for it here occur in no text.
        """
        packing = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed: list[bytes] = []
        for part, slot in zip(self.parts, self.slots, strict=False):
            packed.append(packing.compress(part) + packing.flush(zlib.Z_SYNC_FLUSH))
            packing.compress(b"\xff" * slot.value)
            packing.flush(zlib.Z_SYNC_FLUSH)
        packed.append(packing.compress(self.parts[-1]) + packing.flush())
        if not self.slots:
            packed = [_GZIP_HEAD + packed[0] + _gzip_end(self.parts)]
        self._packed = packed
        self.size += sum(len(part) for part in packed)

    def packed(self, *, waits: bool) -> bytes:
        """The page in gzip."""
        if not self.slots:
            return self._packed[0]
        values = _values(self.slots, waits=waits)
        stored = [_STORED[len(value)] + value for value in values]
        end = _gzip_end(_woven(self.parts, values))
        return b"".join((_GZIP_HEAD, *_woven(self._packed, stored), end))


_GZIP_HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_STORED: Final = {
    slot.value: b"\x00" + slot.value.to_bytes(2, "little") + (0xFFFF ^ slot.value).to_bytes(2, "little")
    for slot in Slot
}


def _woven(parts: Sequence[bytes], between: Sequence[bytes]) -> list[bytes]:
    woven = [b""] * (len(parts) + len(between))
    woven[::2] = parts
    woven[1::2] = between
    return woven


def _gzip_end(plain: Iterable[bytes]) -> bytes:
    check = size = 0
    for part in plain:
        check = zlib.crc32(part, check)
        size += len(part)
    return check.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


# Who asks, and where pages come from


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a page is made.  Only a page that is nobody else's has messages, or says why a form came back."""

    language: Language | None
    path: str
    flashes: Sequence[tuple[str, str]] = ()
    refused: "Callable[[Tx, Shop, Language], Awaitable[Mapping[str, str] | None]] | None" = None
    # Which part of a list: after this row of it, or before.
    after: int | None = None
    before: int | None = None
    # Where a recording begins, in seconds.
    at: int = 0

    def speaks(self, shop: Shop) -> Language:
        """What was asked for; where it was no language that we have, the shop's own."""
        return self.language or languages.fitting(shop.locale) or languages.LANGUAGES[0]


@dataclass(frozen=True, slots=True)
class Sources:
    """What pages are made from."""

    db: Database
    rooms: Rooms
    pages: "SharedPages"
    origin: str
    """Where the site is, for addresses that leave it."""


@dataclass(frozen=True, slots=True)
class ShopFacts:
    shop: Shop
    terms: policies.ShopTerms
    sites: Sequence[str]
    """Origins that may show a room in a frame."""
    shipping_at_checkout: bool
    """What shipping costs depends on the order and where it goes; the terms do not say."""


Make = Callable[[Sources, Reader, str, int], Awaitable[Frame]]


def sources_of(app: Any) -> Sources:
    services = services_in(app)
    return Sources(services.db, services.part(Rooms), services.part(SharedPages), services.public.origin)


async def own_page(
    request: Request, shopper: UUID, make: Make, reader: Reader, shop: str, number: int = 0
) -> Response:
    """The page for one reader alone, with messages and all."""  # fmt: skip
    sources = sources_of(request.app)
    frame = await make(sources, reader, shop, number)
    waits = frame.has_own and await sources.pages.waits(sources.db, frame.shop_id, shopper)
    response = HTMLResponse(frame.plain(waits=waits))
    response.headers["content-language"] = frame.language.tag
    response.headers["cache-control"] = frame.cache_control
    response.headers["vary"] = "cookie, accept-language"
    if FLASH_COOKIE in request.cookies:
        response.delete_cookie(FLASH_COOKIE, path="/")
    return response


def reader_of(
    request: Request,
    refused: "Callable[[Tx, Shop, Language], Awaitable[Mapping[str, str] | None]] | None" = None,
) -> Reader:
    query = request.url.query
    return Reader(
        languages.asked_for(
            request.cookies.get(languages.COOKIE, ""), request.headers.get("accept-language", "")
        ),
        request.url.path + (f"?{query}" if query else ""),
        flashes_of(request),
        refused,
    )


# What is kept


@dataclass(slots=True)
class _Kept:
    frame: Frame
    until: float


@dataclass(slots=True)
class _Question:
    """Who of many waits; those who come while one is answered are asked about together."""

    shoppers: set[UUID] = field(default_factory=set[UUID])
    answer: "asyncio.Task[set[tuple[UUID, int]]] | None" = None


class SharedPages:
    """The pages of one process, and what they take from a shop that seldom changes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, most_bytes: int = MOST_BYTES) -> None:
        self._clock = clock
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._bytes = 0
        self._of_shop: dict[int, set[Hashable]] = {}
        self._under_way: dict[Hashable, asyncio.Task[Frame]] = {}
        self._shops: dict[str, ShopFacts] = {}
        self._changes = 0
        self._next: _Question | None = None
        self._asking = asyncio.Lock()

    @property
    def bytes_kept(self) -> int:
        return self._bytes

    async def frame(self, key: Hashable, make: Callable[[], Awaitable[Frame]]) -> Frame:
        """The page of `key`; `make` makes it, once however many ask meanwhile."""
        kept = self._kept.get(key)
        if kept is not None and kept.until > self._clock():
            self._kept.move_to_end(key)
            return kept.frame
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._make(key, make))
        # Who goes away must not take the page from the others.
        return await asyncio.shield(task)

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[Frame]]) -> Frame:
        current = asyncio.current_task()
        try:
            frame = await make()
            await asyncio.to_thread(frame.pack) if frame.size > _LARGE else frame.pack()
            if self._under_way.get(key) is current:
                self._keep(key, frame)
            return frame
        finally:
            if self._under_way.get(key) is current:
                del self._under_way[key]

    def _keep(self, key: Hashable, frame: Frame) -> None:
        self._drop(key)
        self._kept[key] = _Kept(frame, self._clock() + SECONDS)
        self._of_shop.setdefault(frame.shop_id, set()).add(key)
        self._bytes += frame.size
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Hashable) -> None:
        kept = self._kept.pop(key, None)
        if kept is None:
            return
        self._bytes -= kept.frame.size
        keys = self._of_shop[kept.frame.shop_id]
        keys.discard(key)
        if not keys:
            del self._of_shop[kept.frame.shop_id]

    async def shop(self, db: Database, slug: str) -> ShopFacts:
        """A shop with its terms, remembered until they change.  Raises UnknownShop."""
        known = self._shops.get(slug)
        if known is not None:
            return known
        seen = self._changes
        async with db.transaction() as tx:
            shop = await accounts.shop_by_slug(tx, slug)
            found = ShopFacts(
                shop,
                await policies.shop_terms(tx, shop_id=shop.id),
                await embeds.sites(tx, shop_id=shop.id),
                await pricing.has_delivery(tx, shop_id=shop.id),
            )
        # What changed while it was read may be in it or not.
        if seen == self._changes:
            if len(self._shops) >= MOST_SHOPS:
                self._shops.clear()
            self._shops[slug] = found
        return found

    def forget(self, shop_id: int) -> None:
        """Something changed that must show at once."""
        for key in [*self._of_shop.get(shop_id, ())]:
            self._drop(key)
        # Of which shop these will be is not known yet.
        self._under_way.clear()

    def forget_shop(self, shop_id: int) -> None:
        """The shop itself or its terms changed."""
        self._changes += 1
        self._shops = {slug: facts for slug, facts in self._shops.items() if facts.shop.id != shop_id}
        self.forget(shop_id)

    async def waits(self, db: Database, shop_id: int, shopper: UUID) -> bool:
        """Whether the shopper has a place in a line of the shop: one statement for all who ask at the same time.

        Where the database is away the page is told to ask for itself, again and again.
        """
        question = self._next
        if question is None or question.answer is None:
            question = self._next = _Question()
            question.answer = asyncio.create_task(self._ask(db, question))
        question.shoppers.add(shopper)
        assert question.answer is not None
        try:
            return (shopper, shop_id) in await asyncio.shield(question.answer)
        except DatabaseAway:
            return True

    async def _ask(self, db: Database, question: _Question) -> set[tuple[UUID, int]]:
        async with self._asking:
            # From here on who comes is too late for this one.
            self._next = None
            async with db.transaction() as tx:
                return await purchases.who_waits(tx, sorted(question.shoppers))


# In front of the routing

_ADDRESS: Final = re.compile(r"/s/([a-z0-9-]{1,48})(?:/(p|live)/([1-9][0-9]{0,17}))?")
# Quoted cookies and what is no plain text are left to those who can read them.
_PLAIN: Final = re.compile(rb"[ !#-\[\]-~]{0,4096}")
_OFFERED: Final = ("gzip",)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A plain request for a page that is shared."""

    kind: str
    shop: str
    number: int
    reader: Reader
    known: bytes
    packed: bool


class SharedPagesMiddleware:
    """ASGI middleware: `pages` by the middle of their address, as in `/s/harbour/live/7`; "" is the shop itself."""

    def __init__(self, app: ASGIApp, *, pages: Mapping[str, Make]) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = _asked(scope)
        if asked is None or not await self._answer(asked, scope, send):
            await self._app(scope, receive, send)

    async def _answer(self, asked: _Asked, scope: Scope, send: Send) -> bool:
        """False, with nothing sent, where the long way has to say why not."""
        services = services_in(scope["app"])
        pages = services.part(SharedPages)
        language = asked.reader.language
        key = (asked.kind, asked.shop, asked.number, None if language is None else language.tag)

        async def make() -> Frame:
            sources = sources_of(scope["app"])
            return await self._pages[asked.kind](sources, asked.reader, asked.shop, asked.number)

        try:
            frame = await pages.frame(key, make)
        except Refusal:
            return False
        headers = [*frame.headers]
        keyring = services.part(Keyring)
        shopper = shopper_of(keyring, scope["headers"])
        if shopper is None:
            cookie = issue_shopper(keyring)
            headers.append(cookie_header(cookie, secure=services.public.is_secure))
        if frame.etag is not None and asked.known and _is_known(asked.known, frame.etag):
            await send({"type": "http.response.start", "status": 304, "headers": headers[1:]})
            await send({"type": "http.response.body", "body": b""})
            return True
        waits = (
            frame.has_own and shopper is not None and await pages.waits(services.db, frame.shop_id, shopper)
        )
        if asked.packed:
            body = frame.packed(waits=waits)
            headers.append((b"content-encoding", b"gzip"))
        else:
            body = frame.plain(waits=waits)
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
        return True


def _asked(scope: Scope) -> _Asked | None:
    """What is asked for, where it is one of these pages and nothing about the request is peculiar."""
    if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"} or scope["query_string"]:
        return None
    address = _ADDRESS.fullmatch(scope["path"])
    if address is None:
        return None
    cookies = encodings = known = b""
    accepts: bytes | None = None
    for name, value in scope["headers"]:
        if name == b"cookie":
            if cookies or _PLAIN.fullmatch(value) is None:
                return None
            cookies = value
        elif name == b"accept-language":
            accepts = value if accepts is None else accepts
        elif name == b"accept-encoding":
            encodings = b"%b,%b" % (encodings, value) if encodings else value
        elif name == b"if-none-match":
            known = value
    chosen = b""
    for part in cookies.split(b";"):
        name, _, value = part.partition(b"=")
        name = name.strip()
        if name == _FLASH:
            return None
        if name == _LANGUAGE:
            chosen = value.strip()
    packed = choose(encodings.decode("latin-1"), _OFFERED) == "gzip" and not is_asked_for_from_elsewhere(
        scope["headers"]
    )
    language = languages.asked_for(chosen.decode("ascii"), (accepts or b"").decode("latin-1"))
    shop, kind, number = address.groups()
    return _Asked(kind or "", shop, int(number or 0), Reader(language, scope["path"]), known, packed)


_FLASH: Final = FLASH_COOKIE.encode()
_LANGUAGE: Final = languages.COOKIE.encode()


def _is_known(tags: bytes, etag: bytes) -> bool:
    """Compared weakly, as for GET."""
    own_tag = etag.removeprefix(b"W/")
    return tags.strip() == b"*" or any(tag.strip().removeprefix(b"W/") == own_tag for tag in tags.split(b","))
