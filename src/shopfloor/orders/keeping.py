"""The units of a purchase are kept while it becomes an order, and nobody orders without end and does not pay."""

from typing import Final, Protocol
from uuid import UUID

import msgspec

from shopfloor import purchases, stock
from shopfloor.kernel.database import Tx
from shopfloor.orders import checkout_queries
from shopfloor.orders.checkout_form import Form, contact_keys
from shopfloor.orders.checkout_snapshot import from_lots, plain
from shopfloor.orders.models import Bundle, Item
from shopfloor.orders.quoting import NOT_IN_STORE
from shopfloor.orders.refusals import ContactLimit, FormRefused

# A hold lasts at least this long once its buyer has sent the form: the provider needs time to answer.
PAYMENT_SECONDS: Final = 180


class _Purchase(Protocol):
    @property
    def shop_id(self) -> int: ...
    @property
    def buyer(self) -> UUID: ...
    @property
    def items(self) -> list[Item]: ...


async def keep_units(
    tx: Tx, row: checkout_queries.CheckoutRow, network: int | None
) -> checkout_queries.CheckoutRow:
    """The hold lasts until the provider has answered; a lapsed one is taken again if the units can be had."""
    if not row.held:
        await _still_there(tx, row)
        return row
    if row.id in await stock.extend(tx, [row.id], hold_seconds=PAYMENT_SECONDS):
        return row
    [answer] = await stock.rehold(tx, [row.id], hold_seconds=PAYMENT_SECONDS, network=network)
    if isinstance(answer, stock.Refused) and answer.code == stock.Code.NETWORK_LIMIT:
        # Nothing is kept for who has enough unpaid already, but who pays gets the units.
        await checkout_queries.let_pay_first(tx, id=row.id)
        return await keep_units(tx, await reload(tx, row), network)
    if isinstance(answer, stock.Refused):
        raise gone(row, answer.code)
    hold = await stock.hold(tx, shop_id=row.shop_id, hold_id=row.id)
    items = from_lots(msgspec.convert(row.items, list[Item]), hold)
    await checkout_queries.set_items(tx, id=row.id, items=plain(items), renewed=True)
    return await reload(tx, row)


async def at_store(tx: Tx, row: checkout_queries.CheckoutRow, location_id: int) -> None:
    """What is held for a locked checkout is held at this store.  Raises FormRefused where somebody else was faster."""
    promised = stock.Promised(tx, row.id)
    moved = await promised.to_location(location_id, reason=f"to be collected: {row.id}")
    if not moved:
        raise FormRefused(fields={"delivery": NOT_IN_STORE})


async def reload(tx: Tx, row: checkout_queries.CheckoutRow) -> checkout_queries.CheckoutRow:
    found = await checkout_queries.checkout(tx, id=row.id)
    assert found is not None, "it is locked"
    return found


async def within_contact_limit(tx: Tx, checkout: _Purchase, form: Form) -> None:
    """Unpaid units by mail address and phone: a new cookie does not make a new buyer.  Raises ContactLimit."""
    wanted: dict[int, int] = {}
    offers: dict[int, set[int]] = {}
    for item in checkout.items:
        if item.bundle_id is None:
            wanted[item.variant_id] = wanted.get(item.variant_id, 0) + item.quantity
            offers.setdefault(item.variant_id, set()).update([item.offer_id] if item.offer_id else [])
    mail, phone = contact_keys(email=form.email, phone=form.phone)
    # In many windows at once it is still one contact.
    await checkout_queries.lock_contacts(tx, shop_id=checkout.shop_id, contacts=[mail, phone])
    already = await checkout_queries.unpaid_of_contact(
        tx, shop_id=checkout.shop_id, mail=mail, phone=phone, variant_ids=list(wanted)
    )
    if not any(already.values()) or await stock.has_paid(tx, shop_id=checkout.shop_id, buyer=checkout.buyer):
        return
    most_of = {
        offer_id: await _most_of_offer(tx, offer_id) for offer_id in sorted(set().union(*offers.values()))
    }
    default: int | None = None
    for variant_id, units in wanted.items():
        limits = [most for each in offers[variant_id] if (most := most_of[each]) is not None]
        if not limits and default is None:
            default = await purchases.most_per_buyer(tx, shop_id=checkout.shop_id)
        most = min(limits) if limits else default
        assert most is not None, "asked where there is none"
        if already.get(variant_id, 0) and already[variant_id] + units > most:
            raise ContactLimit(
                variant_id=variant_id,
                limit=most,
                already=already[variant_id],
                wanted=units,
                helps=["pay", "wait"],
            )


async def _most_of_offer(tx: Tx, offer_id: int) -> int | None:
    """What one buyer may have of it, as its merchant set it."""
    offered = await purchases.offer_lines(tx, offer_id=offer_id)
    limits = (offered[0].limit_per_buyer, offered[0].limit_per_show) if offered else ()
    return next((limit for limit in limits if limit is not None), None)


async def _still_there(tx: Tx, row: checkout_queries.CheckoutRow) -> None:
    """Where nothing is held: say now, rather than after the payment, that somebody else was faster."""
    items = msgspec.convert(row.items, list[Item])
    request = stock.Request(
        id=row.id,
        shop_id=row.shop_id,
        pool_id=row.pool_id,
        buyer=row.buyer,
        lines=tuple(stock.Line(item.variant_id, item.quantity, item.bundle_id) for item in items),
        hold_seconds=0,
    )
    refused = (await stock.quote(tx, request)).refused
    if refused is not None:
        raise gone(row, refused.code)


def gone(row: checkout_queries.CheckoutRow, code: str) -> purchases.HoldExpired:
    bundles = msgspec.convert(row.bundles, list[Bundle])
    items = msgspec.convert(row.items, list[Item])
    return purchases.HoldExpired(
        reason=code,
        hold_id=str(row.id),
        show_id=row.show_id,
        wait_for=[
            {"variant_id": each.variant_id, "offer_id": row.offer_id, "quantity": each.quantity}
            for each in [*bundles, *(item for item in items if item.bundle_id is None)]
        ],
    )
