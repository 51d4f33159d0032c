"""What was sold and taken back over the counter of a store: orders that are paid and handed over when they are heard of.

These are facts: nothing is refused here for lack of goods or money.  What a fact says that cannot be so is for whoever
reads it to find out; the books here follow what was handed over, taken and given back.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from shopfloor import inventory, payments, pricing, stock
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import Money
from shopfloor.orders import charges, checkout_queries, draft_queries, queries, refund_shares, refunds
from shopfloor.orders.drafts import line_rows
from shopfloor.orders.events import OrderDelivered, OrderPlaced, RefundPaid
from shopfloor.orders.lifecycle import fact_lines, lock, number_of, settle
from shopfloor.orders.models import Item, Order

CHANNEL: Final = "till"


class Left(Protocol):
    """What a sale broke, by variant: promises to others, and what the books knew."""

    @property
    def broken(self) -> dict[int, int]: ...
    @property
    def found(self) -> dict[int, int]: ...


class Tender(Protocol):
    """How much was paid by `kind` (cash, card_terminal…); `slip` names it there."""

    @property
    def kind(self) -> str: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def slip(self) -> str: ...


class Goods(Protocol):
    """A line of a receipt; `amount_minor` is what was paid for it, with tax."""

    @property
    def variant_id(self) -> int: ...
    @property
    def product_id(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def sku(self) -> str: ...
    @property
    def options(self) -> Sequence[str]: ...
    @property
    def quantity(self) -> int: ...
    @property
    def unit_price_minor(self) -> int: ...
    @property
    def discount_minor(self) -> int: ...
    @property
    def tax_minor(self) -> int: ...
    @property
    def tax_included(self) -> bool: ...
    @property
    def amount_minor(self) -> int: ...


class Sale(Protocol):
    """`tenders` sum to no more than the lines cost, change and rounding aside; `at` is when it was sold."""

    @property
    def id(self) -> UUID: ...
    @property
    def shop_id(self) -> int: ...
    @property
    def pool_id(self) -> int: ...
    @property
    def location_id(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def currency(self) -> str: ...
    @property
    def lines(self) -> Sequence[Goods]: ...
    @property
    def tenders(self) -> Sequence[Tender]: ...
    @property
    def name(self) -> str: ...
    @property
    def phone(self) -> str: ...
    @property
    def locale(self) -> str: ...
    @property
    def note(self) -> str: ...


async def _sell(tx: Tx, sale: Sale, *, actor: str) -> tuple[Order, Left | None]:
    goods = sum(line.amount_minor for line in sale.lines)
    left = await stock.Intake.handed_over(
        tx,
        hold_id=sale.id,
        shop_id=sale.shop_id,
        pool_id=sale.pool_id,
        location_id=sale.location_id,
        sold=sale.lines,
        at=sale.at,
        source=f"till/{sale.id}",
    )
    pictures = {
        each.id: each.picture_sha
        for each in await checkout_queries.variants(
            tx, shop_id=sale.shop_id, ids=[line.variant_id for line in sale.lines]
        )
    }
    row = checkout_queries.CheckoutRow(
        id=sale.id,
        shop_id=sale.shop_id,
        buyer=sale.id,
        held=True,
        policy=stock.HoldPolicy.TIMER,
        offer_id=None,
        show_id=None,
        pool_id=sale.pool_id,
        host_id=None,
        host_name=None,
        show_ms=None,
        currency=sale.currency,
        items=[],
        bundles=[],
        page={"product_hashes": []},
        renewals=0,
    )
    await checkout_queries.insert_checkout(tx, row)
    items = [
        Item(
            variant_id=line.variant_id,
            product_id=line.product_id,
            offer_id=None,
            title=line.title,
            sku=line.sku,
            options=list(line.options),
            picture_sha=pictures.get(line.variant_id),
            quantity=line.quantity,
            unit_price_minor=line.unit_price_minor,
            amount_minor=line.amount_minor,
            discount_minor=line.discount_minor,
            tax_minor=line.tax_minor,
            tax_included=line.tax_included,
        )
        for line in sale.lines
    ]
    draft = draft_queries.order_row(
        id=sale.id,
        checkout=row,
        contact_name=sale.name,
        contact_phone=sale.phone,
        contact_email="",
        delivery="pick_up",
        address=None,
        provider=charges.BY_HAND,
        method=sale.tenders[0].kind if sale.tenders else "cash",
        note=sale.note,
        locale=sale.locale,
        goods_minor=goods,
        shipping_minor=0,
        total_minor=goods,
        first_minor=goods,
        tax_minor=sum(line.tax_minor for line in sale.lines),
        shipping_name="",
        # The till's own answer is in its journal, in the form the page knows.
        calculation=None,
        return_terms=None,
        form_hash=hashlib.sha256(sale.id.bytes).digest(),
        key=secrets.token_urlsafe(18),
    )
    await draft_queries.insert_orders(tx, [draft])
    lines = (await draft_queries.insert_lines(tx, line_rows(sale.id, items)))[sale.id]
    await _place(tx, sale, {line.id: line.quantity for line in lines})
    paid = 0
    for tender in sale.tenders:
        if tender.amount_minor <= 0:
            continue
        payment = await payments.open_payment(
            tx,
            shop_id=sale.shop_id,
            subject_id=sale.id,
            purpose=payments.Purpose.FULL,
            amount=Money(tender.amount_minor, sale.currency),
            provider_name=charges.BY_HAND,
            method=tender.kind,
            actor=actor,
        )
        charge = payments.Happened(
            payment,
            payments.PaymentEventKind.CHARGED,
            tender.amount_minor,
            reference=str(payment.id),
            actor=actor,
            note=tender.slip,
        )
        await payments.record(tx, charge)
        paid += tender.amount_minor
    placed = await settle(tx, order_id=sale.id)
    lines = await queries.lines(tx, order_id=sale.id)
    await outbox.record(
        tx,
        OrderPlaced(
            shop_id=sale.shop_id,
            order_id=sale.id,
            number=number_of(placed),
            hold_id=placed.hold_id,
            buyer=placed.buyer,
            show_id=None,
            host_id=None,
            show_ms=None,
            currency=placed.currency,
            goods_minor=goods,
            shipping_minor=0,
            amount_minor=goods,
            lines=fact_lines(lines),
        ),
    )
    if paid:
        await charges.tell_paid(tx, placed, lines, purpose=payments.Purpose.FULL, amount_minor=paid)
    await outbox.record(
        tx,
        OrderDelivered(
            shop_id=sale.shop_id,
            order_id=sale.id,
            number=number_of(placed),
            buyer=placed.buyer,
            show_id=None,
        ),
    )
    return placed, left


async def _place(tx: Tx, sale: Sale, units: dict[int, int]) -> None:
    """Numbered and handed over at the time of the sale; statuses follow when it is settled."""
    await queries.mark_placed(tx, {sale.id: None}, at=sale.at, secured=True)
    await queries.add_shipped(tx, units=units)
    await queries.note_shipment(tx, order_id=sale.id, at=sale.at, tracking="")
    await queries.mark_delivered(tx, order_id=sale.id, at=sale.at)
    await queries.mark_sold_at(tx, order_id=sale.id, channel=CHANNEL, location_id=sale.location_id)


class Back(Protocol):
    """Units of a line (by its position, from 0) that were taken back, and what was given for them, in minor units."""

    @property
    def position(self) -> int: ...
    @property
    def quantity(self) -> int: ...
    @property
    def amount_minor(self) -> int: ...
    @property
    def resellable(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class TakenBack:
    """`units` and `given_minor` are what the order had left of it; what was beyond is in `units_beyond` {position: units}
    and `minor_beyond`.  `tax_minor` is the tax in what those units had cost; `shelved`: units by variant that are on the
    shelf again.
    """

    order: Order
    units: int
    given_minor: int
    units_beyond: dict[int, int]
    minor_beyond: int
    tax_minor: int
    shelved: dict[int, int]


async def _take_back(
    tx: Tx,
    *,
    shop_id: int,
    order_id: UUID,
    refund_id: UUID,
    back: Sequence[Back],
    location_id: int,
    note: str,
    actor: str,
) -> TakenBack:
    found, lines = await lock(tx, shop_id=shop_id, order_id=order_id)
    number_of(found)
    by_position = {line.position: line for line in lines}
    # Variants come back one after the other: their books in the one order, before any of them.
    await inventory.LedgerSession.of_variants(
        tx,
        shop_id=shop_id,
        variant_ids={by_position[each.position].variant_id for each in back if each.position in by_position},
    )
    taken = beyond = tax = 0
    units_beyond: dict[int, int] = {}
    shelved: dict[int, int] = {}
    returned = {line.position: line.returned_quantity for line in lines}
    left = refund_shares.left(
        await refunds.granted_before(tx, found, lines), lines, shipping_minor=found.shipping_minor
    )
    place = {line.position: number for number, line in enumerate(lines)}
    parts = [0] * (len(lines) + 1)
    may = found.refundable_minor
    for each in back:
        line = by_position.get(each.position)
        if line is None:
            units_beyond[each.position] = units_beyond.get(each.position, 0) + each.quantity
            beyond += each.amount_minor
            continue
        units = min(each.quantity, line.shipped_quantity - returned[line.position])
        if units:
            before = returned[line.position]
            returned[line.position] += units
            taken += units
            tax += pricing.of_units(line.tax_minor, line.quantity, before + units) - pricing.of_units(
                line.tax_minor, line.quantity, before
            )
            await stock.put_back(
                tx,
                hold_id=found.hold_id,
                variant_id=line.variant_id,
                quantity=units,
                location_id=location_id,
                resellable=each.resellable,
            )
            await queries.add_returned(tx, line_id=line.id, quantity=units)
        if units < each.quantity:
            extra = each.quantity - units
            units_beyond[line.position] = units_beyond.get(line.position, 0) + extra
            if each.resellable:
                await inventory.put_back(
                    tx,
                    shop_id=shop_id,
                    variant_id=line.variant_id,
                    quantity=extra,
                    left_from=0,
                    location_id=location_id,
                    reason=f"till/{refund_id}",
                )
        if each.resellable:
            shelved[line.variant_id] = shelved.get(line.variant_id, 0) + each.quantity
        number = place[line.position]
        given = max(0, min(each.amount_minor, left[number] - parts[number], may - sum(parts)))
        parts[number] += given
        beyond += each.amount_minor - given
    if sum(parts):
        await refunds.carry_over(tx, found, parts, refund_id=refund_id, note=note, actor=actor)
        await outbox.record(
            tx,
            RefundPaid(
                shop_id=shop_id,
                order_id=order_id,
                refund_id=refund_id,
                currency=found.currency,
                amount_minor=sum(parts),
            ),
        )
    settled = await settle(tx, order_id=order_id)
    return TakenBack(settled, taken, sum(parts), units_beyond, beyond, tax, shelved)


@dataclass(frozen=True, slots=True)
class Counter:
    """The counter of a store: what is said to have happened there is booked as it was.  `actor`: who books."""

    shop_id: int
    location_id: int
    actor: str

    async def sell(self, tx: Tx, sale: Sale) -> tuple[Order, Left | None]:
        """The order of a sale, numbered, paid, handed over and out of the books, and what that broke.

        `sale.id` is the order's.  Its units leave once, whatever happens to its order.
        """
        return await _sell(tx, sale, actor=self.actor)

    async def take_back(
        self, tx: Tx, *, order_id: UUID, refund_id: UUID, back: Sequence[Back], note: str
    ) -> TakenBack:
        """Units of any order came back over this counter and their money was given back there, whichever way it had come.

        The lock on the order keeps two stores from taking one unit back: the second finds it returned.  Goods of either
        go on the shelf of this location, where they are resellable.  The same `refund_id` again must not be asked for.
        Raises OrderNotFound.
        """
        return await _take_back(
            tx,
            shop_id=self.shop_id,
            order_id=order_id,
            refund_id=refund_id,
            back=back,
            location_id=self.location_id,
            note=note,
            actor=self.actor,
        )
