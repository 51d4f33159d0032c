"""Looking at one order, with everything a page shows."""

from datetime import date
from hmac import compare_digest
from typing import Any
from uuid import UUID

from shopfloor import accounts, payments
from shopfloor.kernel.database import Tx
from shopfloor.orders import (
    checkout_queries,
    edit_queries,
    money_queries,
    page_texts,
    queries,
    refund_shares,
    together,
)
from shopfloor.orders.models import Due, Granted, Order, Party, Status
from shopfloor.orders.order_view import OrderView
from shopfloor.orders.refusals import OrderNotFound
from shopfloor.orders.statuses import due, is_late, may_cancel
from shopfloor.policies import shop_terms


async def today(tx: Tx, *, shop_id: int) -> date:
    """The day it is where the shop is."""
    return (await accounts.shop(tx, shop_id)).today


async def order(tx: Tx, *, shop_id: int, order_id: UUID) -> OrderView:
    """For the merchant.  Raises OrderNotFound."""
    found = await queries.order(tx, order_id=order_id)
    if found is None or found.shop_id != shop_id or found.placed_at is None:
        raise OrderNotFound(order_id=str(order_id))
    return await _view(tx, found)


async def order_for_shopper(
    tx: Tx, *, shop_id: int, order_id: UUID, shopper: UUID | None = None, key: str | None = None
) -> OrderView:
    """For the buyer: with the cookie that bought, or the key from the confirmation.  Raises OrderNotFound."""
    found = await queries.order(tx, order_id=order_id)
    if found is None or found.shop_id != shop_id or found.placed_at is None:
        raise OrderNotFound(order_id=str(order_id))
    has_key = key is not None and compare_digest(found.key.encode(), key.encode())
    if found.buyer != shopper and not has_key:
        raise OrderNotFound(order_id=str(order_id))
    return await _view(tx, found)


async def _view(tx: Tx, found: Order) -> OrderView:
    lines = await queries.lines(tx, order_id=found.id)
    checkout = await checkout_queries.checkout(tx, id=found.checkout_id)
    assert checkout is not None, "an order has a checkout by foreign key"
    owed = due(found)
    day = await today(tx, shop_id=found.shop_id)
    events = await payments.events_for(tx, subject_id=found.id)
    refunds: list[Granted] = []
    if found.refund_granted_minor:
        named = await money_queries.refund_shares(tx, order_id=found.id)
        refunds = refund_shares.granted(
            events,
            named,
            lines,
            shipping_minor=found.shipping_minor,
            apart=await edit_queries.refunds_of(tx, order_id=found.id),
        )
    open_order = found.status in {Status.PLACED, Status.PAID, Status.PARTLY_SHIPPED}
    return OrderView(
        order=found,
        lines=lines,
        payments=events,
        due=owed,
        buyer_may_cancel=may_cancel(found, lines, by=Party.BUYER, today=day),
        is_late=open_order and is_late(lines, today=day),
        page=await page_texts.take_out(tx, shop_id=found.shop_id, page=checkout.page),
        instructions=await _instructions(tx, found, owed),
        bundles=await queries.bundles(tx, order_id=found.id),
        together=await together.companions(tx, shop_id=found.shop_id, order_id=found.id),
        refunds=refunds,
    )


async def _instructions(tx: Tx, found: Order, owed: Due | None) -> dict[str, Any]:
    """How to bring the money: what the page prints."""
    rules = await shop_terms(tx, shop_id=found.shop_id)
    instructions: dict[str, Any] = {"pick_up_at": rules.pick_up_at} if found.delivery == "pick_up" else {}
    if owed is not None:
        instructions |= {
            "method": found.method,
            "label": str(found.number),
            "amount_minor": owed.amount.minor,
        }
        instructions |= {"pay_to": rules.pay_to} if found.method == "transfer" else {}
    return instructions
