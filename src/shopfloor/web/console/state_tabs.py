"""Lists with a tab for each state and a search beside them."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from shopfloor.kernel import paging
from shopfloor.kernel.database import Tx
from shopfloor.web.console.desk import Desk

PAGE: Final = 50


async def listed(
    tx: Tx,
    desk: Desk,
    listing: paging.Listing[..., Any],
    counts: Callable[..., Awaitable[Mapping[str, int]]],
    *,
    states: Collection[str],
    state: str | None,
    search: str | None,
    after: UUID | None,
    before: UUID | None,
) -> dict[str, Any]:
    """What its page is made of: the rows, how many each tab has, and what was asked for; an unknown state asks for all."""
    chosen = state if state in states else None
    return {
        "page": await paging.numbered(
            listing,
            tx,
            shop_id=desk.shop.id,
            state=chosen,
            search=search,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        ),
        "counts": await counts(tx, shop_id=desk.shop.id),
        "state_now": chosen,
        "search": search or "",
    }
