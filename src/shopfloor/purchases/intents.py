"""Taps where nothing is held before payment: kept as intents; whoever pays first gets the units."""

import hashlib
from uuid import UUID

import msgspec

from shopfloor import stock
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.purchases import queries


async def intent(tx: Tx, *, intent_id: UUID) -> queries.IntentRow | None:
    """A tap that was kept, with its lines as they were then."""
    return await queries.intent(tx, id=intent_id)


async def open_intent(tx: Tx, request: stock.Request) -> stock.Refused | None:
    """Keep the tap and hold nothing; a refusal when so many could not be had now.  The same id again is the same tap."""
    lines = [
        {"variant_id": line.variant_id, "quantity": line.quantity, "unit_price_minor": price}
        | ({} if line.bundle_id is None else {"bundle_id": line.bundle_id})
        for line, price in zip(request.lines, request.unit_prices, strict=True)
    ]
    content = hashlib.sha256(msgspec.json.encode([str(request.buyer), request.offer_id, lines])).digest()
    short = await _short(tx, request) or await _over(tx, request)
    if short is None and not await queries.insert_intent(
        tx,
        id=request.id,
        shop_id=request.shop_id,
        buyer=request.buyer,
        offer_id=request.offer_id,
        show_id=request.show_id,
        pool_id=request.pool_id,
        lines=lines,
        hash=content,
    ):
        known = await queries.intent(tx, id=request.id)
        if known is None or known.hash != content:
            short = stock.Refused(request.id, stock.MISMATCH, {})
    return short


async def _short(tx: Tx, request: stock.Request) -> stock.Refused | None:
    """A refusal when fewer units are free than asked for, recorded as any other refused purchase."""
    wanted: dict[int, int] = {}
    for line in request.lines:
        wanted[line.variant_id] = wanted.get(line.variant_id, 0) + line.quantity
    free = await stock.available(
        tx, shop_id=request.shop_id, variant_ids=list(wanted), pool_id=request.pool_id
    )
    for variant_id, quantity in wanted.items():
        left = free[variant_id].by(request.latest_ready)
        if left < quantity:
            day = free[variant_id].ready_for(quantity)
            code = stock.SOLD_OUT if day is None else stock.TOO_LATE
            refused = stock.RefusedPurchases(variant_id, quantity, code, [request.id], [request.buyer])
            await outbox.record(
                tx, stock.PurchaseRefused(request.shop_id, request.show_id, request.offer_id, [refused])
            )
            facts: dict[str, object] = {"variant_id": variant_id, "wanted": quantity, "left": left}
            if day is not None:
                facts["ready_on"] = day.isoformat()
            return stock.Refused(request.id, code, facts)
    return None


async def _over(tx: Tx, request: stock.Request) -> stock.Refused | None:
    """A refusal for a buyer who has all that the limits allow; paying for more would end the same way."""
    refused = await stock.within_limits(tx, request)
    if refused is not None:
        each = [
            stock.RefusedPurchases(
                line.variant_id, line.quantity, refused.code, [request.id], [request.buyer]
            )
            for line in request.lines
        ]
        await outbox.record(
            tx, stock.PurchaseRefused(request.shop_id, request.show_id, request.offer_id, each)
        )
    return refused
