"""An order for what its buyer has instead of goods that came back, paid for with what those had cost."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec

from shopfloor import payment_providers, payments, policies, pricing, stock
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import Money, new_id
from shopfloor.orders import charges, checkout_queries, draft_queries, page_texts, queries, refunds, together
from shopfloor.orders.checkout_form import Address
from shopfloor.orders.checkout_snapshot import from_hold
from shopfloor.orders.drafts import line_rows
from shopfloor.orders.lifecycle import lock, settle
from shopfloor.orders.models import Item, Order
from shopfloor.orders.placing import finalise
from shopfloor.orders.quoting import place_of

EXCHANGE: Final = "exchange"
_SECONDS: Final = 120
_LAPSED: Final = frozenset({stock.HoldState.RELEASED, stock.HoldState.EXPIRED})


class Instead(Protocol):
    """Units of a variant, and what they cost together, with tax."""

    @property
    def variant_id(self) -> int: ...
    @property
    def quantity(self) -> int: ...
    @property
    def amount_minor(self) -> int: ...


async def replacement(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID,
    hold_id: UUID,
    wanted: Sequence[Instead],
    parts: Sequence[int],
    refund_id: UUID,
    note: str,
    actor: str,
) -> Order | None:
    """Order what was kept under `hold_id` for the buyer of an order, to where that one went, free of shipping.

    `parts`: what of each line of that order, and of shipping as the last, pays for it; what is missing is due as for
    any order.  Units that are kept no longer are looked for once more; None where they cannot be had.

    Raises OrderNotFound, payments.OverRefund, stock.UnknownStock.
    """
    found, _ = await lock(tx, shop_id=shop_id, order_id=order_id)
    hold = await stock.hold(tx, shop_id=shop_id, hold_id=hold_id)
    if hold.state in _LAPSED:
        [answer] = await stock.rehold(tx, [hold_id], hold_seconds=_SECONDS)
        if isinstance(answer, stock.Refused):
            return None
        hold = await stock.hold(tx, shop_id=shop_id, hold_id=hold_id)
    row = replace(
        await from_hold(tx, hold),
        show_id=found.show_id,
        host_id=found.host_id,
        host_name=found.host_name,
        show_ms=found.show_ms,
        buyer=found.buyer,
    )
    [page] = await page_texts.put_away(tx, shop_id=shop_id, pages=[row.page])
    row = replace(row, page=page)
    await checkout_queries.insert_checkout(tx, row)
    items, way = await _priced(tx, found, msgspec.convert(row.items, list[Item]), wanted)
    new_order_id = await _insert(tx, found, row, items, way)
    credit = sum(parts)
    payment = await payments.open_payment(
        tx,
        shop_id=shop_id,
        subject_id=new_order_id,
        purpose=payments.Purpose.FULL,
        amount=Money(credit, found.currency),
        provider_name=charges.BY_HAND,
        method=EXCHANGE,
        actor=actor,
    )
    placed = await finalise(tx, payment, payment_providers.Awaiting())
    assert placed.number is not None, "its units are kept"
    if not credit:
        return placed
    await refunds.carry_over(tx, found, parts, refund_id=refund_id, note=note, actor=actor)
    await payments.record(
        tx,
        payments.Happened(
            payment,
            payments.PaymentEventKind.CHARGED,
            credit,
            reference=f"{EXCHANGE}/{refund_id}",
            actor=actor,
            note=note,
        ),
    )
    paid = await settle(tx, order_id=new_order_id)
    lines = await queries.lines(tx, order_id=new_order_id)
    await charges.tell_paid(tx, paid, lines, purpose=payments.Purpose.FULL, amount_minor=credit)
    return paid


async def _priced(
    tx: Tx, found: Order, held: Sequence[Item], wanted: Sequence[Instead]
) -> tuple[list[Item], pricing.PricedWay]:
    """Lines that come to exactly what is asked: units that cost a cent more than others are lines of their own."""
    shown = {item.variant_id: item for item in held}
    items = [
        replace(
            shown[each.variant_id],
            quantity=quantity,
            unit_price_minor=price,
            amount_minor=quantity * price,
            deposit_percent=None,
        )
        for each in wanted
        for quantity, price in _even(each)
    ]
    goods = await checkout_queries.goods(
        tx, shop_id=found.shop_id, variant_ids=sorted({item.variant_id for item in items})
    )
    address = Address(**found.address) if found.address else None
    quoted = (await pricing.Prices.of(tx, shop_id=found.shop_id)).quote(
        currency=found.currency,
        lines=[
            pricing.Line(
                id=f"{number:04}",
                quantity=item.quantity,
                unit_price=item.unit_price_minor,
                tax_class=goods[item.variant_id].tax_class,
                weight=goods[item.variant_id].grams,
            )
            for number, item in enumerate(items)
        ],
        place=place_of(address),
        otherwise=together.FREE,
        instead=together.FREE,
        as_paid=True,
    )
    [way] = quoted.ways
    priced = [
        replace(item, amount_minor=line.gross, tax_minor=line.tax, tax_included=True)
        for item, line in zip(items, way.breakdown.lines, strict=True)
    ]
    return priced, way


def _even(wanted: Instead) -> list[tuple[int, int]]:
    """(units, price of one) that sum to the amount."""
    price, more = divmod(wanted.amount_minor, wanted.quantity)
    return [each for each in ((wanted.quantity - more, price), (more, price + 1)) if each[0]]


async def _insert(
    tx: Tx,
    found: Order,
    row: checkout_queries.CheckoutRow,
    items: Sequence[Item],
    way: pricing.PricedWay,
) -> UUID:
    order_id, sums = new_id(), way.breakdown.totals
    draft = draft_queries.order_row(
        id=order_id,
        checkout=row,
        contact_name=found.contact_name,
        contact_phone=found.contact_phone,
        contact_email=found.contact_email,
        delivery=found.delivery,
        address=found.address,
        provider=charges.BY_HAND,
        method="transfer",
        note="",
        locale=found.locale,
        goods_minor=sums.goods,
        shipping_minor=0,
        total_minor=sums.total,
        first_minor=sums.total,
        form_hash=hashlib.sha256(row.id.bytes).digest(),
        key=secrets.token_urlsafe(18),
        tax_minor=sums.tax,
        shipping_name=found.shipping_name,
        calculation={**way.calculation, "discounts": []},
        return_terms=found.return_terms or _usual_terms(found),
    )
    await draft_queries.insert_orders(tx, [draft])
    await draft_queries.insert_lines(tx, line_rows(order_id, items))
    await draft_queries.insert_tax_lines(tx, {order_id: way.breakdown.taxes})
    return order_id


def _usual_terms(found: Order) -> Mapping[str, Any]:
    """Those of a shop that has set none, for an order from before they were kept."""
    usual = asdict(policies.return_rules.ReturnRules())
    kept = ("withdrawal_days", "goodwill_days", "claim_days", "seller_pays", "note")
    return {
        "country": (found.address or {}).get("country", ""),
        "standard_minor": 0,
        "exceptions": {},
        **{name: usual[name] for name in kept},
    }
