"""Taps where nothing is held before payment: kept as intents; whoever pays first gets the units."""

import hashlib
from uuid import UUID

import msgspec

from shopfloor import stock
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
    refused = (await stock.quote(tx, request)).refused
    if refused is not None:
        await stock.record_refused(tx, request, refused)
        return refused
    if not await queries.insert_intent(
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
            return stock.Refused(request.id, stock.Code.MISMATCH, {})
    return None
