"""Draft orders: written with the attempt to be paid and the discounts they use, as many at once as there are.

Who may not pay now, or comes too late for the last use of a discount, has no draft, and no other fails for it.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from shopfloor import payment_providers, payments, policies, promotions
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id, now
from shopfloor.orders import authorising, discounts, draft_queries, lifecycle, quoting
from shopfloor.orders.checkout_form import PAY_ONLINE_WITHIN, Form, contact_keys, form_hash
from shopfloor.orders.checkout_queries import CheckoutRow
from shopfloor.orders.models import Bundle, Item, Order
from shopfloor.orders.refusals import TotalChanged

# From the id of an order and its key.
ReturnTo = Callable[[UUID, str], str]


@dataclass(frozen=True, slots=True)
class Draft:
    """A locked checkout whose units are kept, and the way of delivery that its tidied form chose.

    `authorise`: so long the way to pay reserves money.
    """

    row: CheckoutRow
    form: Form
    bundles: Sequence[Bundle]
    promised: policies.return_rules.Promised
    quote: quoting.Quote
    way: quoting.Way
    asked: discounts.Asked
    providers: payment_providers.Providers | None
    return_to: ReturnTo | None
    address: str
    authorise: timedelta | None


@dataclass(frozen=True, slots=True)
class Written:
    """A draft order and the attempt to be paid for it."""

    order: Order
    payment: payments.Payment


def chosen(quote: quoting.Quote, form: Form) -> quoting.Way:
    """The way that the form asks for, as its buyer saw it.  Raises FormRefused, TotalChanged."""
    way = quoting.chosen(quote, form)
    discounts.check_codes(way.codes)
    total = way.totals.total
    if form.expected_total_minor is not None and form.expected_total_minor != total.minor:
        raise TotalChanged(
            expected_minor=form.expected_total_minor, total_minor=total.minor, currency=total.currency
        )
    return way


async def write(tx: Tx, drafts: Sequence[Draft], *, shop_id: int) -> list[Written | Refusal]:
    """For each draft, in this order, what was written, or why nothing was: payments.ProviderUnknown, PaymentsPaused,
    TooManyAttempts, promotions.DiscountGone.
    """
    ids = [new_id() for _ in drafts]
    keys = [secrets.token_urlsafe(18) for _ in drafts]
    has_discounts = any(each.way.taken for each in drafts)
    opening = await payments.opening(
        tx,
        [_asked(each, order_id, key) for each, order_id, key in zip(drafts, ids, keys, strict=True)],
        shop_id=shop_id,
        actor="buyer",
        # Where nothing else can refuse a draft.
        keep=not has_discounts,
    )
    answers: dict[int, Written | Refusal] = {
        number: refused for number, refused in enumerate(opening.refused) if refused is not None
    }
    going = [number for number in range(len(drafts)) if number not in answers]
    # After all that may be refused for other reasons: others who use the same discounts wait from here on.
    wanted = {number: use for number in going if (use := _use(tx, drafts[number], ids[number])) is not None}
    gone = await promotions.take(tx, list(wanted.values()), shop_id=shop_id) if wanted else []
    answers |= {number: why for number, why in zip(wanted, gone, strict=True) if why is not None}
    going = [number for number in going if number not in answers]
    if going:
        ways = {ids[number]: drafts[number].way for number in going}
        fresh = await draft_queries.insert_orders(
            tx, [_row(drafts[number], ids[number], keys[number]) for number in going]
        )
        await draft_queries.insert_bundles(
            tx,
            {
                ids[number]: quoting.whole(drafts[number].bundles, drafts[number].way.items)
                for number in going
            },
        )
        lines = await draft_queries.insert_lines(
            tx, [row for order_id, way in ways.items() for row in line_rows(order_id, way.items)]
        )
        await draft_queries.insert_tax_lines(
            tx, {order_id: way.breakdown.taxes for order_id, way in ways.items()}
        )
        if has_discounts:
            await opening.keep(tx, going)
        # Nothing has been paid for them, so their sums are right.
        named = await lifecycle.name_all(tx, fresh, lines)
        for number in going:
            answers[number] = Written(named[ids[number]], opening.payments[number])
    return [answers[number] for number in range(len(drafts))]


def _asked(draft: Draft, order_id: UUID, key: str) -> payments.Asked:
    form, sums = draft.form, draft.way.totals
    by_hand = form.provider == "manual"
    return payments.Asked(
        subject_id=order_id,
        purpose=payments.Purpose.FULL if sums.balance.minor == 0 else payments.Purpose.DEPOSIT,
        amount=sums.first,
        provider_name=form.provider,
        method=form.method,
        connection_id=form.connection_id,
        return_url="" if draft.return_to is None or by_hand else draft.return_to(order_id, key),
        expires_at=None if by_hand else now() + PAY_ONLINE_WITHIN,
        capture_later=authorising.may_wait(
            draft.authorise,
            delivery=form.delivery,
            ready_on=[item.ready_on for item in draft.way.items],
            in_full=sums.balance.minor == 0,
        ),
        among=draft.providers,
        contact=contact_keys(email=form.email, phone=form.phone),
        address=draft.address,
    )


def _use(tx: Tx, draft: Draft, order_id: UUID) -> promotions.Use | None:
    """The discounts of its price, as its order is to have them."""
    if not draft.way.taken:
        return None
    earlier = partial(
        discounts.earlier_orders, tx, shop_id=draft.row.shop_id, asked=draft.asked, but=order_id
    )
    return promotions.Use(order_id, draft.asked.buyer, draft.way.taken, earlier)


def _row(draft: Draft, order_id: UUID, key: str) -> Mapping[str, object]:
    form, way = draft.form, draft.way
    return draft_queries.order_row(
        id=order_id,
        checkout=draft.row,
        contact_name=form.name,
        contact_phone=form.phone,
        contact_email=form.email,
        delivery=form.delivery,
        address=_where(form, way),
        provider=form.provider,
        method=form.method,
        note=form.note,
        locale=form.locale,
        goods_minor=way.totals.goods.minor,
        shipping_minor=way.totals.shipping.minor,
        total_minor=way.totals.total.minor,
        first_minor=way.totals.first.minor,
        tax_minor=way.breakdown.totals.tax,
        shipping_name=way.name,
        calculation=way.calculation,
        return_terms=quoting.return_terms(draft.promised, draft.quote, way, form),
        form_hash=form_hash(form),
        key=key,
        joins_order_id=None if way.joins is None else way.joins.id,
        location_id=None if way.store is None else way.store.store.location_id,
    )


def _where(form: Form, way: quoting.Way) -> dict[str, Any] | None:
    """The address it goes to: that of the order whose parcel it joins, or the form's."""
    if way.joins is not None:
        return way.joins.address
    return None if form.address is None else asdict(form.address)


def line_rows(order_id: UUID, items: Sequence[Item]) -> list[Mapping[str, object]]:
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
            "discount_minor": item.discount_minor,
            "tax_minor": item.tax_minor,
            "tax_included": item.tax_included,
        }
        for position, item in enumerate(items)
    ]
