"""What every verb of returns begins and ends with: the locks, and a word in the history."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from shopfloor import orders
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now
from shopfloor.returns import queries
from shopfloor.returns.events import ReturnedLine
from shopfloor.returns.looking import get
from shopfloor.returns.models import Busy, Return, ReturnNotFound, State

LONGEST: Final = 2000


async def locked(
    tx: Tx, *, shop_id: int, return_id: UUID
) -> tuple[Return, orders.OrderView, dict[int, Busy]]:
    """Raises ReturnNotFound."""
    order_id = await queries.order_of(tx, shop_id=shop_id, return_id=return_id)
    if order_id is None:
        raise ReturnNotFound(return_id=str(return_id))
    view = await orders.order(tx, shop_id=shop_id, order_id=order_id)
    busy = await queries.lock_units(
        tx, shop_id=shop_id, order_id=order_id, line_ids=[line.id for line in view.lines]
    )
    found = await get(tx, shop_id=shop_id, return_id=return_id)
    return found, await orders.order(tx, shop_id=shop_id, order_id=order_id), busy


async def add_event(tx: Tx, found: Return, kind: str, actor: str, facts: Mapping[str, object]) -> None:
    await queries.note(tx, shop_id=found.shop_id, return_id=found.id, kind=kind, actor=actor, facts=facts)


def fact_lines(found: Return) -> list[ReturnedLine]:
    return [
        ReturnedLine(line.line_id, line.variant_id, line.product_id, line.quantity) for line in found.lines
    ]


async def end(tx: Tx, found: Return, state: State, answer: str, actor: str) -> None:
    await queries.decide(
        tx,
        return_id=found.id,
        state=state,
        answer=answer,
        keeps_goods=found.keeps_goods,
        at=now(),
        ended=True,
    )
    await queries.add_units(tx, asked={line.line_id: -line.quantity for line in found.lines})
    await add_event(tx, found, state, actor, {"answer": answer})
