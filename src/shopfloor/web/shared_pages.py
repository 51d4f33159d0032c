"""Pages that are the same for everybody, kept for a second.

Only what depends on nothing but its key is kept here: never an answer to a request with a query, with a message to
be shown once, or to somebody whose page says something of their own.  Cookies are set outside of it.

What sells out shows at once: a fact that says so drops the pages of its shop, and one that is being made just then
is given to nobody who asks later.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from shopfloor.web.templating import FLASH_COOKIE

SECONDS: Final = 1.0
# Addresses are made by whoever asks: so many pages are kept at most.
MOST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Made:
    """A page, ready to be sent again: `headers` without anybody's cookie."""

    shop_id: int
    body: bytes
    headers: list[tuple[bytes, bytes]]
    until: float


class SharedPages:
    """The pages of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._made: dict[Hashable, Made] = {}
        self._under_way: dict[Hashable, asyncio.Task[Made]] = {}

    async def answer(self, key: Hashable, make: Callable[[], Awaitable[tuple[int, Response]]]) -> Response:
        """The page of `key`; `make` renders it and says of which shop it is, once however many ask meanwhile."""
        made = self._made.get(key)
        if made is None or made.until <= self._clock():
            task = self._under_way.get(key)
            if task is None:
                task = self._under_way[key] = asyncio.create_task(self._make(key, make))
            # Who goes away must not take the page from the others.
            made = await asyncio.shield(task)
        response = Response(made.body)
        response.raw_headers = [*made.headers]
        return response

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[tuple[int, Response]]]) -> Made:
        current = asyncio.current_task()
        try:
            shop_id, response = await make()
            assert response.status_code == 200
            assert "set-cookie" not in response.headers
            made = Made(shop_id, bytes(response.body), response.raw_headers, self._clock() + SECONDS)
            if self._under_way.get(key) is current:
                if len(self._made) >= MOST:
                    self._made.clear()
                self._made[key] = made
            return made
        finally:
            if self._under_way.get(key) is current:
                del self._under_way[key]

    def forget(self, shop_id: int) -> None:
        """Something changed that must show at once."""
        self._made = {key: made for key, made in self._made.items() if made.shop_id != shop_id}
        # Of which shop these will be is not known yet.
        self._under_way.clear()


def is_everybodys(request: Request) -> bool:
    """Whether a page may be answered with one that was made for somebody else."""
    return not request.url.query and FLASH_COOKIE not in request.cookies
