"""Would I get it, and when: what the intake would answer to a purchase, without holding anything.

A look, not a promise: between a quote and a hold others buy.
"""

from datetime import date

from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.stock.availability import available
from shopfloor.stock.events import PurchaseRefused, RefusedPurchases
from shopfloor.stock.models import Code, Refused, Request
from shopfloor.stock.reserving import within_limits


@dataclass(frozen=True, slots=True)
class Quote:
    """`ready_on` of each line of the request, after the lines before it (None: on hand, or never), or `refused`."""

    ready_on: tuple[date | None, ...]
    refused: Refused | None


async def quote(tx: Tx, request: Request) -> Quote:
    """What this purchase would come to now; a line may be a bundle, which is asked for as its parts."""
    free = await available(
        tx,
        shop_id=request.shop_id,
        variant_ids=list(dict.fromkeys(line.variant_id for line in request.lines)),
        pool_id=request.pool_id,
    )
    wanted = dict.fromkeys(free, 0)
    ready_on: list[date | None] = []
    for line in request.lines:
        wanted[line.variant_id] += line.quantity
        ready_on.append(free[line.variant_id].ready_for(wanted[line.variant_id]))
    for variant_id, quantity in wanted.items():
        left = free[variant_id].by(request.latest_ready)
        if left < quantity:
            facts: dict[str, object] = {"variant_id": variant_id, "wanted": quantity, "left": left}
            day = free[variant_id].ready_for(quantity)
            if day is not None:
                facts["ready_on"] = day.isoformat()
            code = Code.SOLD_OUT if day is None else Code.TOO_LATE
            return Quote(tuple(ready_on), Refused(request.id, code, facts))
    return Quote(tuple(ready_on), await within_limits(tx, request))


async def record_refused(tx: Tx, request: Request, refused: Refused) -> None:
    """A refusal that was answered from a quote, on record like those of the intake: demand is read from them."""
    short = refused.facts.get("variant_id") if refused.code in {Code.SOLD_OUT, Code.TOO_LATE} else None
    units: dict[int, int] = {}
    for line in request.lines:
        if short is None or line.variant_id == short:
            units[line.variant_id] = units.get(line.variant_id, 0) + line.quantity
    refusals = [
        RefusedPurchases(variant_id, quantity, refused.code, [request.id], [request.buyer])
        for variant_id, quantity in units.items()
    ]
    await outbox.record(tx, PurchaseRefused(request.shop_id, request.show_id, request.offer_id, refusals))
