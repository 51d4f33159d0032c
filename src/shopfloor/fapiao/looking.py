"""What a shop says of fapiao, and its requests as they are looked at: who asked, what was issued, the files."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from shopfloor.fapiao import queries
from shopfloor.fapiao.models import (
    CODE_SIGNS,
    BadGoodsCode,
    CodeNotFound,
    NotRequested,
    Request,
    Settings,
    tidied_code,
)
from shopfloor.fapiao.queries import Content
from shopfloor.kernel import paging, text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import whole_number

_GOODS_CODE: Final = re.compile(r"([0-9]{19})?", re.ASCII)


async def settings(tx: Tx, *, shop_id: int) -> Settings:
    return await queries.settings(tx, shop_id=shop_id) or Settings()


async def set_settings(tx: Tx, *, shop_id: int, wanted: Settings) -> Settings:
    """Raises BadGoodsCode, UnusableText."""
    code = wanted.goods_code.strip()
    if _GOODS_CODE.fullmatch(code) is None:
        raise BadGoodsCode(field="goods_code")
    clean = Settings(wanted.offered, text.line(wanted.goods_name, field="goods_name", longest=100), code)
    await queries.save_settings(tx, shop_id=shop_id, wanted=clean)
    return clean


async def is_offered(tx: Tx, *, shop_id: int) -> bool:
    """What the shop has set; else whether it is in China."""
    return await queries.is_offered(tx, shop_id=shop_id)


async def is_in_china(tx: Tx, *, shop_id: int) -> bool:
    """As it says for tax; where it says nothing, as its currency does."""
    return await queries.is_in_china(tx, shop_id=shop_id)


async def get(tx: Tx, *, shop_id: int, request_id: UUID) -> Request:
    """Raises NotRequested."""
    found = await queries.requests(tx, shop_id=shop_id, ids=[request_id])
    if not found:
        raise NotRequested(request_id=str(request_id))
    return found[0]


async def of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> Request | None:
    known = await queries.id_of_order(tx, shop_id=shop_id, order_id=order_id)
    return None if known is None else await get(tx, shop_id=shop_id, request_id=known)


async def of_paper(tx: Tx, *, shop_id: int, paper_id: UUID) -> Request:
    """Raises NotRequested."""
    request_id = await queries.request_of_paper(tx, shop_id=shop_id, paper_id=paper_id)
    if request_id is None:
        raise NotRequested(paper_id=str(paper_id))
    return await get(tx, shop_id=shop_id, request_id=request_id)


def _filters(state: str | None, search: str | None) -> queries.Filters:
    wanted = text.looked_for(search or "").removeprefix("#")
    if not wanted:
        return queries.Filters(state)
    number = whole_number(wanted)
    return queries.Filters(None, -1 if number is None else number)


async def _count(
    tx: Tx, *, shop_id: int, state: str | None = None, search: str | None = None, before: UUID | None = None
) -> paging.Counted:
    return await queries.count(tx, shop_id=shop_id, filters=replace(_filters(state, search), before=before))


@paging.counted_by(_count)
async def listing(
    tx: Tx,
    *,
    shop_id: int,
    state: str | None = None,
    search: str | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[Request]:
    """Newest first, a page of them (`kernel.paging`).  `search`: the number of an order, in all states."""
    filters = replace(_filters(state, search), after=after, before=before)
    ids = await queries.page(tx, shop_id=shop_id, filters=filters, limit=max(1, min(limit, 201)))
    return await queries.requests(tx, shop_id=shop_id, ids=ids)


async def counts(tx: Tx, *, shop_id: int) -> dict[str, int]:
    """How many are to be issued, and how many red ones are wanted; counted up to 1,000 each."""
    return dict(await queries.counts(tx, shop_id=shop_id))


async def code(tx: Tx, *, shop_id: int, order_id: UUID) -> str:
    """What stands on a receipt: 60 bits, so that nobody guesses one."""
    drawn = "".join(secrets.choice(CODE_SIGNS) for _ in range(12))
    return await queries.keep_code(tx, shop_id=shop_id, order_id=order_id, code=drawn)


async def order_of_code(tx: Tx, *, shop_id: int, code: str) -> UUID:
    """Raises CodeNotFound."""
    found = await queries.order_of_code(tx, shop_id=shop_id, code=tidied_code(code))
    if found is None:
        raise CodeNotFound
    return found


async def contents(tx: Tx, *, shop_id: int, paper_id: UUID) -> list[Content]:
    """The files of a fapiao, oldest first."""
    return await queries.contents(tx, shop_id=shop_id, paper_id=paper_id)


async def content(tx: Tx, *, shop_id: int, file_id: UUID, order_id: UUID | None = None) -> Content:
    """Raises NotRequested, also for a file of another order."""
    found = await queries.contents(tx, shop_id=shop_id, file_id=file_id)
    if not found or (order_id is not None and found[0].order_id != order_id):
        raise NotRequested(file_id=str(file_id))
    return found[0]


def file_name(found: Content) -> str:
    return f"fapiao-{found.number}.{found.format}"


async def forget_buyers(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> None:
    """A request that came to nothing loses who asked; what was issued keeps what stands on it, as tax law wants."""
    await queries.forget_buyers(tx, shop_id=shop_id, buyers=buyers)
