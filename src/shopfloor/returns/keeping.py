"""Units that are kept for an exchange while the goods come back."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final
from uuid import UUID, uuid5

from shopfloor import catalog, inventory, purchases, stock
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import now
from shopfloor.returns import exchange_queries
from shopfloor.returns.events import KeptInstead
from shopfloor.returns.exchange_queries import Exchange, ExchangeState
from shopfloor.returns.models import Return
from shopfloor.returns.steps import add_event

DAYS_KEPT: Final = 21
_FIRST_SECONDS: Final = 3600


async def of_returns(tx: Tx, *, shop_id: int, returns: Sequence[Return]) -> dict[UUID, Exchange]:
    return await exchange_queries.of_returns(tx, shop_id=shop_id, return_ids=[each.id for each in returns])


async def keep(tx: Tx, found: Return) -> bool:
    """Keep the units of an approved return; False, and noted, where they are gone.  True where there are none to keep."""
    exchange = (await of_returns(tx, shop_id=found.shop_id, returns=[found])).get(found.id)
    if exchange is None or exchange.state is not ExchangeState.ASKED:
        return True
    units = {line.line_id: line.quantity for line in found.lines}
    prices = await catalog.variants(
        tx, shop_id=found.shop_id, ids=sorted({each.variant_id for each in exchange.lines})
    )
    price_of = {each.id: each.price_minor for each in prices}
    wanted: dict[int, int] = {}
    for each in exchange.lines:
        wanted[each.variant_id] = wanted.get(each.variant_id, 0) + units[each.line_id]
    request = stock.Request(
        id=exchange.hold_id,
        shop_id=found.shop_id,
        pool_id=(await inventory.open_pool(tx, shop_id=found.shop_id)).id,
        buyer=found.buyer,
        lines=tuple(stock.Line(variant_id, quantity) for variant_id, quantity in wanted.items()),
        hold_seconds=_FIRST_SECONDS,
        # What is on the shelf: nobody waits a second time.
        latest_ready=date.min,
        unit_prices=tuple(price_of.get(variant_id, 0) for variant_id in wanted),
    )
    [answer] = await stock.reserve(tx, [request])
    if isinstance(answer, stock.Refused):
        await exchange_queries.set_state(tx, return_id=found.id, state=ExchangeState.SOLD_OUT)
        await add_event(tx, found, "exchange_sold_out", "shopfloor", {})
        return False
    await stock.extend(tx, [exchange.hold_id], hold_seconds=DAYS_KEPT * 86_400)
    until = now() + timedelta(days=DAYS_KEPT)
    await exchange_queries.set_state(tx, return_id=found.id, state=ExchangeState.KEPT, kept_until=until)
    return True


async def drop(tx: Tx, found: Return, *, actor: str) -> None:
    """Nothing is sent instead: what was kept can be sold.  Once or often."""
    exchange = (await of_returns(tx, shop_id=found.shop_id, returns=[found])).get(found.id)
    if exchange is None or not exchange.is_open:
        return
    await exchange_queries.set_state(tx, return_id=found.id, state=ExchangeState.DROPPED)
    if exchange.state is ExchangeState.KEPT:
        await purchases.hand_over(tx, await stock.release(tx, [exchange.hold_id], "cancelled"))
    await add_event(tx, found, "exchange_dropped", actor, {})


def paid_with(return_id: UUID) -> UUID:
    """The refund of the old order that pays for the new one."""
    return uuid5(return_id, "exchange")


async def instead(tx: Tx, found: Return) -> KeptInstead | None:
    """What is sent for a return instead of the money, in words; None where it is money."""
    exchange = (await of_returns(tx, shop_id=found.shop_id, returns=[found])).get(found.id)
    if exchange is None:
        return None
    units = {line.line_id: line.quantity for line in found.lines}
    return KeptInstead(
        state=exchange.state,
        kept_until=exchange.kept_until,
        items=[
            f"{units[each.line_id]} × {' · '.join([each.title, *each.options])}" for each in exchange.lines
        ],
    )
