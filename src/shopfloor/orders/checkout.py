"""From a purchase to an order, in two transactions with the payment between them.

`begin` freezes what the buyer saw.  `prepare` turns it and the form into a draft order, or finds the order
that the same form made before.  Then the provider is asked, with nothing locked (completion.py).  `finalise`
makes the draft an order; every step of it may be repeated.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from shopfloor import catalog, stock
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import Money, new_id, now
from shopfloor.orders import queries, service, waitlist
from shopfloor.orders.events import OrderPlaced
from shopfloor.orders.models import (
    Bundle,
    Checkout,
    CheckoutNotFound,
    Form,
    HoldExpired,
    HoldPolicy,
    Item,
    KeyReused,
    Order,
    OrderLine,
    OrderNotFound,
    Party,
    Payment,
    PaymentEventKind,
    Purpose,
    Status,
    TotalChanged,
    Why,
    WrongAmount,
    form_hash,
    payment_deadline,
    tidy,
)
from shopfloor.orders.payments import Awaiting, Charged, Declined, Outcome

# A hold lasts at least this long once its buyer has sent the form: the provider needs time to answer.
_PAYMENT_SECONDS: Final = 180
_OURS: Final = "shopfloor"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A draft (or an order made by the same form before) and the attempt to be paid for it."""

    order: Order
    payment: Payment


async def begin_checkout(tx: Tx, *, shop_id: int, hold_id: UUID, shopper: UUID) -> Checkout:
    """The purchase as its buyer saw it, frozen by the first look.  Looking renews nothing.

    `expires_at` in the past: the time is over; sending the form tries to get the same units again.
    `order_id` is set once it has become an order.  Raises CheckoutNotFound, also for another buyer's.
    """
    row = await queries.checkout(tx, id=hold_id)
    if row is None:
        fresh = await _from_hold(tx, shop_id=shop_id, hold_id=hold_id) or await _from_intent(
            tx, hold_id=hold_id
        )
        if fresh is None or fresh.shop_id != shop_id or fresh.buyer != shopper:
            raise CheckoutNotFound(hold_id=str(hold_id))
        await queries.insert_checkout(tx, fresh)
        row = await queries.checkout(tx, id=hold_id)
    if row is None or row.shop_id != shop_id or row.buyer != shopper:
        raise CheckoutNotFound(hold_id=str(hold_id))
    return await _checkout(tx, row)


async def _checkout(tx: Tx, row: queries.CheckoutRow) -> Checkout:
    expires_at = None
    if row.held:
        hold = await stock.hold(tx, shop_id=row.shop_id, hold_id=row.id)
        lapsed = hold.state in {stock.HoldState.RELEASED, stock.HoldState.EXPIRED}
        expires_at = min(hold.expires_at, now()) if lapsed else hold.expires_at
    return Checkout(
        id=row.id,
        shop_id=row.shop_id,
        buyer=row.buyer,
        hold_id=row.id if row.held else None,
        policy=HoldPolicy(row.policy),
        offer_id=row.offer_id,
        show_id=row.show_id,
        pool_id=row.pool_id,
        host_id=row.host_id,
        host_name=row.host_name,
        show_ms=row.show_ms,
        currency=row.currency,
        items=msgspec.convert(row.items, list[Item]),
        bundles=msgspec.convert(row.bundles, list[Bundle]),
        page=row.page,
        expires_at=expires_at,
        renewals=row.renewals,
        order_id=await queries.order_of_checkout(tx, checkout_id=row.id),
        shop_terms=await service.policy(tx, shop_id=row.shop_id),
    )


# ── freezing what the buyer saw ───────────────────────────────────────────────────────────────────────────


async def _from_hold(tx: Tx, *, shop_id: int, hold_id: UUID) -> queries.CheckoutRow | None:
    try:
        hold = await stock.hold(tx, shop_id=shop_id, hold_id=hold_id)
    except stock.UnknownStock:
        return None
    return await _freeze(
        tx,
        id=hold_id,
        shop_id=hold.shop_id,
        buyer=hold.buyer,
        held=True,
        offer_id=hold.offer_id,
        show_id=hold.show_id,
        pool_id=hold.pool_id,
        tapped_at=hold.granted_at,
        wanted=_by_lot(hold),
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Units of one variant that are ready on one day, at one price, in one bundle or none."""

    variant_id: int
    quantity: int
    unit_price_minor: int
    ready_on: date | None
    bundle_id: int | None


def _by_lot(hold: stock.Hold) -> list[_Wanted]:
    """What comes from one shelf or on one day is one line."""
    units: dict[tuple[int, int, date | None, int | None], int] = {}
    for part in hold.parts:
        key = (part.variant_id, part.unit_price, part.ready_on, part.bundle_id)
        units[key] = units.get(key, 0) + part.quantity
    return [
        _Wanted(variant_id, quantity, price, ready_on, bundle_id)
        for (variant_id, price, ready_on, bundle_id), quantity in units.items()
    ]


async def _from_intent(tx: Tx, *, hold_id: UUID) -> queries.CheckoutRow | None:
    intent = await queries.intent(tx, id=hold_id)
    if intent is None:
        return None
    variant_ids = [line["variant_id"] for line in intent.lines]
    free = await stock.available(tx, shop_id=intent.shop_id, variant_ids=variant_ids, pool_id=intent.pool_id)
    wanted: list[_Wanted] = []
    already = dict.fromkeys(variant_ids, 0)
    for line in intent.lines:
        variant_id = line["variant_id"]
        already[variant_id] += line["quantity"]
        expected_on = _expected_on(free[variant_id], already[variant_id])
        wanted.append(
            _Wanted(
                variant_id, line["quantity"], line["unit_price_minor"], expected_on, line.get("bundle_id")
            )
        )
    return await _freeze(
        tx,
        id=hold_id,
        shop_id=intent.shop_id,
        buyer=intent.buyer,
        held=False,
        offer_id=intent.offer_id,
        show_id=intent.show_id,
        pool_id=intent.pool_id,
        tapped_at=intent.created_at,
        wanted=wanted,
    )


def _expected_on(free: stock.Availability, quantity: int) -> date | None:
    """The day by which so many units will be there; None when they are on the shelf, or nowhere."""
    left = free.left_now
    for day, units in free.lots:
        if left >= quantity:
            break
        left += units
        if left >= quantity:
            return day
    return None


async def _freeze(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    shop_id: int,
    buyer: UUID,
    held: bool,
    offer_id: int | None,
    show_id: int | None,
    pool_id: int,
    tapped_at: datetime,
    wanted: Sequence[_Wanted],
) -> queries.CheckoutRow:
    compositions = await catalog.bundles_by_id(
        tx, shop_id=shop_id, ids=[line.bundle_id for line in wanted if line.bundle_id is not None]
    )
    ids = [line.variant_id for line in wanted] + [bundle.variant_id for bundle in compositions.values()]
    variants = {row.id: row for row in await queries.variants(tx, shop_id=shop_id, ids=ids)}
    offered = await queries.offer_lines(tx, offer_id=offer_id) if offer_id is not None else []
    terms = offered[0] if offered else None
    show = await queries.show(tx, shop_id=shop_id, show_id=show_id) if show_id is not None else None
    items = [
        Item(
            variant_id=line.variant_id,
            product_id=variants[line.variant_id].product_id,
            offer_id=offer_id,
            title=variants[line.variant_id].title,
            sku=variants[line.variant_id].sku,
            options=variants[line.variant_id].options,
            picture_sha=variants[line.variant_id].picture_sha,
            quantity=line.quantity,
            unit_price_minor=line.unit_price_minor,
            amount_minor=line.unit_price_minor * line.quantity,
            ready_on=line.ready_on,
            deposit_percent=terms.deposit_percent if terms and held and line.ready_on else None,
            bundle_id=line.bundle_id,
        )
        for line in wanted
    ]
    bundles = [_whole(bundle, variants[bundle.variant_id], items) for bundle in compositions.values()]
    currency = terms.currency if terms else variants[wanted[0].variant_id].currency
    started = show.started_at if show else None
    host = None
    if show and show.host_id is not None:
        host = await queries.host_name(tx, shop_id=shop_id, person_id=show.host_id)
    return queries.CheckoutRow(
        id=id,
        shop_id=shop_id,
        buyer=buyer,
        held=held,
        policy=terms.policy if terms else HoldPolicy.TIMER,
        offer_id=offer_id,
        show_id=show_id,
        pool_id=pool_id,
        host_id=show.host_id if show else None,
        host_name=host,
        show_ms=None if started is None else int((tapped_at - started).total_seconds() * 1000),
        currency=currency,
        items=_plain(items),
        bundles=_plain(bundles),
        page={
            "seen_at": tapped_at.isoformat(),
            "show": None if show is None else {"id": show.id, "title": show.title, "host": host},
            "offer": None if terms is None else msgspec.to_builtins(asdict(terms)),
            "items": _plain(items),
            "bundles": _plain(bundles),
            "products": await _products(tx, shop_id=shop_id, ids=sorted({item.product_id for item in items})),
            "terms": asdict(await service.policy(tx, shop_id=shop_id)),
        },
        renewals=0,
    )


def _whole(bundle: catalog.Bundle, variant: queries.VariantRow, items: Sequence[Item]) -> Bundle:
    """What these items come to as one thing."""
    mine = [item for item in items if item.bundle_id == bundle.id]
    quantity = sum(item.quantity for item in mine) // bundle.units
    amount_minor = sum(item.amount_minor for item in mine)
    return Bundle(
        id=bundle.id,
        variant_id=variant.id,
        product_id=variant.product_id,
        title=variant.title,
        sku=variant.sku,
        options=variant.options,
        picture_sha=variant.picture_sha,
        quantity=quantity,
        unit_price_minor=amount_minor // quantity,
        amount_minor=amount_minor,
    )


async def _products(tx: Tx, *, shop_id: int, ids: Sequence[int]) -> list[dict[str, Any]]:
    """The product pages as they are at this moment, in all languages."""
    shown = await catalog.pictures(tx, shop_id=shop_id, product_ids=ids)
    return [
        {
            "id": product.id,
            "title": product.title,
            "titles": product.titles,
            "description": catalog.plain_text(product.description),
            "descriptions": {key: catalog.plain_text(text) for key, text in product.descriptions.items()},
            "option_names": product.option_names,
            "pictures": [picture.sha256 for picture in shown if picture.product_id == product.id],
        }
        for product in (await catalog.products_by_id(tx, shop_id=shop_id, ids=ids)).values()
    ]


def _plain(items: Sequence[Item | Bundle]) -> list[dict[str, Any]]:
    return msgspec.to_builtins([asdict(item) for item in items])


# ── phase one ─────────────────────────────────────────────────────────────────────────────────────────────


async def prepare(tx: Tx, *, shop_id: int, hold_id: UUID, shopper: UUID, form: Form) -> Prepared:
    """Check everything, keep the units, write the draft.  The same form again finds the same order.

    Raises CheckoutNotFound, FormRefused, KeyReused (sent before with other content), TotalChanged, HoldExpired
    (the facts say what to wait for).
    """
    clean = tidy(form)
    await begin_checkout(tx, shop_id=shop_id, hold_id=hold_id, shopper=shopper)
    await queries.lock_checkout(tx, id=hold_id)
    checkout = await begin_checkout(tx, shop_id=shop_id, hold_id=hold_id, shopper=shopper)
    if checkout.order_id is not None:
        return await _again(tx, checkout.order_id, clean)
    kept = await _keep_units(tx, checkout)
    sums = kept.totals(clean.delivery)
    if clean.expected_total_minor is not None and clean.expected_total_minor != sums.total.minor:
        raise TotalChanged(
            expected_minor=clean.expected_total_minor,
            total_minor=sums.total.minor,
            currency=sums.total.currency,
        )
    row = await queries.checkout(tx, id=hold_id)
    assert row is not None, "it is locked"
    order_id = new_id()
    await queries.insert_order(
        tx,
        id=order_id,
        checkout=row,
        contact_name=clean.name,
        contact_phone=clean.phone,
        contact_email=clean.email,
        delivery=clean.delivery,
        address=None if clean.address is None else asdict(clean.address),
        provider=clean.provider,
        method=clean.method,
        note=clean.note,
        locale=clean.locale,
        goods_minor=sums.goods.minor,
        shipping_minor=sums.shipping.minor,
        total_minor=sums.total.minor,
        first_minor=sums.first.minor,
        form_hash=form_hash(clean),
        key=secrets.token_urlsafe(18),
    )
    await queries.insert_bundles(tx, order_id=order_id, bundles=kept.bundles)
    await queries.insert_lines(tx, _rows(order_id, kept.items))
    payment = Payment(
        id=new_id(),
        order_id=order_id,
        purpose=Purpose.FULL if sums.balance.minor == 0 else Purpose.DEPOSIT,
        provider=clean.provider,
        method=clean.method,
        amount_minor=sums.first.minor,
        currency=sums.first.currency,
    )
    await queries.insert_payment(tx, payment)
    await service.add_event(
        tx,
        payment,
        PaymentEventKind.REQUESTED,
        payment.amount_minor,
        reference=str(payment.id),
        actor="buyer",
    )
    return Prepared(await service.settle(tx, order_id=order_id), payment)


async def _again(tx: Tx, order_id: UUID, form: Form) -> Prepared:
    order = await queries.order(tx, order_id=order_id)
    assert order is not None, "the index that named it says so"
    if order.form_hash != form_hash(form):
        raise KeyReused(
            "This purchase was ordered already, with other details.",
            order_id=str(order_id),
            number=order.number,
        )
    return Prepared(order, (await queries.payments(tx, order_id=order_id))[0])


async def _keep_units(tx: Tx, checkout: Checkout) -> Checkout:
    """The hold lasts until the provider has answered; a lapsed one is taken again if the units can be had."""
    if checkout.hold_id is None:
        await _still_there(tx, checkout)
        return checkout
    if checkout.hold_id in await stock.extend(tx, [checkout.hold_id], hold_seconds=_PAYMENT_SECONDS):
        return checkout
    [answer] = await stock.rehold(tx, [checkout.hold_id], hold_seconds=_PAYMENT_SECONDS)
    if isinstance(answer, stock.Refused):
        raise _gone(checkout, answer.code)
    hold = await stock.hold(tx, shop_id=checkout.shop_id, hold_id=checkout.hold_id)
    items = _from_lots(checkout.items, hold)
    await queries.set_items(tx, id=checkout.id, items=_plain(items), renewed=True)
    row = await queries.checkout(tx, id=checkout.id)
    assert row is not None, "it is locked"
    return await _checkout(tx, row)


def _from_lots(items: Sequence[Item], hold: stock.Hold) -> list[Item]:
    """The same goods at the same prices, by the lots they come from now."""
    seen = {item.variant_id: item for item in items}
    deposit = next((item.deposit_percent for item in items if item.deposit_percent), None)
    return [
        Item(
            variant_id=line.variant_id,
            product_id=seen[line.variant_id].product_id,
            offer_id=seen[line.variant_id].offer_id,
            title=seen[line.variant_id].title,
            sku=seen[line.variant_id].sku,
            options=seen[line.variant_id].options,
            picture_sha=seen[line.variant_id].picture_sha,
            quantity=line.quantity,
            unit_price_minor=line.unit_price_minor,
            amount_minor=line.unit_price_minor * line.quantity,
            ready_on=line.ready_on,
            deposit_percent=deposit if line.ready_on else None,
            bundle_id=line.bundle_id,
        )
        for line in _by_lot(hold)
    ]


async def _still_there(tx: Tx, checkout: Checkout) -> None:
    """Where nothing is held: say now, rather than after the payment, that somebody else was faster."""
    wanted: dict[int, int] = {}
    for item in checkout.items:
        wanted[item.variant_id] = wanted.get(item.variant_id, 0) + item.quantity
    free = await stock.available(
        tx, shop_id=checkout.shop_id, variant_ids=list(wanted), pool_id=checkout.pool_id
    )
    if any(free[variant_id].left < quantity for variant_id, quantity in wanted.items()):
        raise _gone(checkout, stock.SOLD_OUT)


def _gone(checkout: Checkout, code: str) -> HoldExpired:
    return HoldExpired(
        reason=code,
        hold_id=str(checkout.id),
        show_id=checkout.show_id,
        wait_for=[
            {"variant_id": each.variant_id, "offer_id": checkout.offer_id, "quantity": each.quantity}
            for each in [
                *checkout.bundles,
                *(item for item in checkout.items if item.bundle_id is None),
            ]
        ],
    )


def _rows(order_id: UUID, items: Sequence[Item]) -> list[Mapping[str, object]]:
    return [
        {
            "order_id": order_id,
            "position": position,
            "variant_id": item.variant_id,
            "product_id": item.product_id,
            "offer_id": item.offer_id,
            "title": item.title,
            "sku": item.sku,
            "options": item.options,
            "picture_sha": item.picture_sha,
            "quantity": item.quantity,
            "unit_price_minor": item.unit_price_minor,
            "amount_minor": item.amount_minor,
            "first_minor": item.first_minor,
            "ready_on": item.ready_on,
            "bundle_id": item.bundle_id,
        }
        for position, item in enumerate(items)
    ]


# ── phase three ───────────────────────────────────────────────────────────────────────────────────────────


async def finalise(tx: Tx, *, shop_id: int, payment_id: UUID, outcome: Outcome) -> Order:
    """Make the draft an order, as the provider's answer has it.  A second call finds it done.

    Units that cannot be had any more: the order falls, and what was charged is owed back.
    """
    payment = await queries.payment(tx, id=payment_id)
    assert payment is not None, "prepare wrote it"
    order, lines = await service.lock(tx, shop_id=shop_id, order_id=payment.order_id)
    if order.status is not Status.DRAFT:
        return order
    if isinstance(outcome, Declined):
        await service.add_event(
            tx,
            payment,
            PaymentEventKind.FAILED,
            payment.amount_minor,
            reference=str(payment.id),
            actor=payment.provider,
            note=outcome.reason,
        )
        await queries.mark_cancelled(
            tx, order_id=order.id, at=now(), by=Party.SYSTEM, why=Why.DECLINED, note=outcome.reason[:1000]
        )
        return await service.settle(tx, order_id=order.id)
    return await _place(tx, order, lines, payment, outcome)


async def record_charge(
    tx: Tx, *, shop_id: int, payment_id: UUID, reference: str, amount: Money, actor: str
) -> Order:
    """A provider says that the money of this attempt is there; the same message twice is one charge.

    It may come before the provider's own answer: then it makes the draft an order.  Raises OrderNotFound,
    WrongAmount, WrongCurrency.
    """
    payment = await queries.payment(tx, id=payment_id)
    if payment is None:
        raise OrderNotFound(payment_id=str(payment_id))
    order, _ = await service.lock(tx, shop_id=shop_id, order_id=payment.order_id)
    known = await queries.payment_event_of(
        tx, provider=payment.provider, kind=PaymentEventKind.CHARGED, reference=reference
    )
    if known is not None:
        return order
    if order.status is Status.DRAFT:
        charged = Charged(reference, amount)
        return await finalise(tx, shop_id=shop_id, payment_id=payment_id, outcome=charged)
    return await service.take_charge(
        tx, order, payment, reference=reference, amount=amount, actor=actor, note=""
    )


async def _place(
    tx: Tx, order: Order, lines: Sequence[OrderLine], payment: Payment, outcome: Awaiting | Charged
) -> Order:
    needs_units = order.policy is not HoldPolicy.FIRST_PAID or isinstance(outcome, Charged)
    secured = needs_units and await service.secure(tx, order, lines)
    if needs_units and not secured and isinstance(outcome, Awaiting):
        await queries.mark_cancelled(
            tx, order_id=order.id, at=now(), by=Party.SYSTEM, why=Why.SOLD_OUT, note=""
        )
        return await service.settle(tx, order_id=order.id)
    rules = await service.policy(tx, shop_id=order.shop_id)
    at = now()
    deadline = payment_deadline(at, rules, method=order.method)
    await queries.mark_placed(tx, order_id=order.id, at=at, payment_due_at=deadline, secured=secured)
    if secured:
        await service.note_arrivals(tx, order)
    placed = await service.settle(tx, order_id=order.id)
    await _tell_placed(tx, placed, lines)
    await waitlist.claimed(tx, hold_id=order.hold_id)
    if isinstance(outcome, Charged):
        _same_amount(outcome, payment)
        await service.add_event(
            tx,
            payment,
            PaymentEventKind.CHARGED,
            outcome.amount.minor,
            reference=outcome.reference,
            actor=payment.provider,
        )
        placed = await service.settle(tx, order_id=order.id)
        await service.tell_paid(tx, placed, lines, purpose=payment.purpose, amount_minor=payment.amount_minor)
        if not secured:
            return await service.fall(
                tx, placed, lines, by=Party.SYSTEM, why=Why.SOLD_OUT, note="", actor=_OURS
            )
    return placed


def _same_amount(outcome: Charged, payment: Payment) -> None:
    if outcome.amount != Money(payment.amount_minor, payment.currency):
        raise WrongAmount(
            due_minor=payment.amount_minor,
            given_minor=outcome.amount.minor,
            currency=outcome.amount.currency,
        )


async def _tell_placed(tx: Tx, order: Order, lines: Sequence[OrderLine]) -> None:
    await outbox.record(
        tx,
        OrderPlaced(
            shop_id=order.shop_id,
            order_id=order.id,
            number=service.number_of(order),
            hold_id=order.hold_id,
            buyer=order.buyer,
            show_id=order.show_id,
            host_id=order.host_id,
            show_ms=order.show_ms,
            currency=order.currency,
            goods_minor=order.goods_minor,
            shipping_minor=order.shipping_minor,
            amount_minor=order.total_minor,
            lines=service.fact_lines(lines),
        ),
    )
