"""From a purchase to an order, in two transactions with the payment between them.

`begin_checkout` freezes what the buyer saw.  `prepare` turns it and the form into a draft order, or finds the order
that the same form made before.  Then the provider is asked, with nothing locked.  `placing.finalise` makes the
draft an order; `reports.apply_report` leads there.  `complete` is the three together.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from shopfloor import live, payment_providers, payments, policies, purchases, stock, stores
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.orders import (
    authorising,
    baskets,
    checkout_queries,
    discounts,
    drafts,
    keeping,
    page_texts,
    queries,
    quoting,
    together,
)
from shopfloor.orders.checkout_form import (
    JOIN,
    Address,
    Form,
    contact_keys,
    form_hash,
    tidy,
)
from shopfloor.orders.models import Bundle, Delivery, Item, Order, Status, Why
from shopfloor.orders.placing import finalise, is_online
from shopfloor.orders.presentation import Shown, shown
from shopfloor.orders.refusals import CheckoutNotFound, KeyReused
from shopfloor.orders.reports import apply_report, label_of
from shopfloor.policies import ShopTerms


@dataclass(frozen=True, slots=True)
class AtEnd:
    """What is kept until `latest` is paid so many minutes after the show, which is not over yet."""

    minutes: int
    latest: datetime


@dataclass(frozen=True, slots=True)
class Checkout:
    """A purchase on its way to an order, frozen as the buyer saw it.

    `id` is the id the buyer's page made; `hold_id` the hold behind it now (another one after a re-hold, None
    where nothing is held before payment).  `show_ms` is the time of the tap on the clock of the show.
    """

    id: UUID
    shop_id: int
    buyer: UUID
    hold_id: UUID | None
    policy: stock.HoldPolicy
    offer_id: int | None
    show_id: int | None
    pool_id: int
    host_id: int | None
    host_name: str | None
    show_ms: int | None
    currency: str
    items: list[Item]
    bundles: list[Bundle]
    page: dict[str, Any]
    expires_at: datetime | None
    renewals: int
    order_id: UUID | None
    shop_terms: ShopTerms
    shown: Sequence[Shown[Item]]
    quote: quoting.Quote
    promised: policies.return_rules.Promised
    """What of it may be given back."""
    lines: Sequence[baskets.BasketLine] = ()
    """The purchases that are checked out together, each with its own clock."""
    at_end: AtEnd | None = None
    """Where its show is on air and some of it is to be paid when that is over."""

    def may_wait(self, authorise: timedelta | None, delivery: Delivery) -> bool:
        """Whether its money is only reserved, and taken when it ships, by a way to pay that can do so this long."""
        in_full = all(each.totals.balance.minor == 0 for each in self.quote.ways)
        return authorising.may_wait(
            authorise,
            delivery=delivery,
            ready_on=[item.ready_on for item in self.items],
            in_full=in_full,
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """A draft (or an order made by the same form before) and the attempt to be paid for it."""

    order: Order
    payment: payments.Payment
    terms: ShopTerms | None = None
    """Those it was prepared under, where it was prepared just now."""


async def begin_checkout(
    tx: Tx,
    *,
    shop_id: int,
    hold_id: UUID,
    shopper: UUID,
    address: Address | None = None,
    codes: Sequence[str] = (),
    email: str = "",
    phone: str = "",
    also: Sequence[UUID] | None = (),
    others: Sequence[UUID] = (),
) -> Checkout:
    """The purchase as its buyer saw it, frozen by the first look.  Looking renews nothing.

    `expires_at` in the past: the time is over; sending the form tries to get the same units again.
    `address`, `codes` and who asks, as far as it is known, are for the `quote`.  `also`: what is checked out with it
    (`baskets.look`); its `id` is then one that is kept.  `others`: other browsers of the same person, whose purchases
    and orders count as this one's.  `order_id` is set once it has become an order.  Raises CheckoutNotFound, also for
    another buyer's.
    """
    basket = await baskets.look(
        tx, shop_id=shop_id, hold_id=hold_id, shopper=shopper, others=others, also=also
    )
    asked = _asked(basket.row, codes, email=email, phone=phone)
    return await _checkout(tx, basket.row, basket, address=address, asked=asked, others=others)


def _asked(
    row: checkout_queries.CheckoutRow, codes: Sequence[str], *, email: str, phone: str
) -> discounts.Asked:
    mail, number = contact_keys(email=email, phone=phone)
    return discounts.Asked(row.buyer, row.show_id, tuple(codes), mail, number)


async def _checkout(
    tx: Tx,
    row: checkout_queries.CheckoutRow,
    basket: baskets.Basket | None = None,
    *,
    asked: discounts.Asked,
    address: Address | None = None,
    lock: bool = False,
    others: Sequence[UUID] = (),
) -> Checkout:
    """With `lock` the order whose parcel this one may join stays as it is.  Without the `basket` nothing is said of the time that is left."""
    expires_at = None
    hold = None if basket is None else basket.hold
    if hold is not None and row.held:
        lapsed = hold.state in {stock.HoldState.RELEASED, stock.HoldState.EXPIRED}
        expires_at = min(hold.expires_at, now()) if lapsed else hold.expires_at
    items = msgspec.convert(row.items, list[Item])
    bundles = msgspec.convert(row.bundles, list[Bundle])
    terms, promised = await policies.promised(
        tx, shop_id=row.shop_id, product_ids=sorted({item.product_id for item in items})
    )
    units: dict[int, int] = {}
    for item in items:
        units[item.variant_id] = units.get(item.variant_id, 0) + item.quantity
    others_held = [] if basket is None else [line.id for line in basket.lines]
    places = await stores.offered(
        tx,
        shop_id=row.shop_id,
        pool_id=row.pool_id,
        hold_ids=[row.id, *others_held],
        units=units,
        later=any(item.ready_on is not None for item in items),
    )
    return Checkout(
        id=row.id,
        shop_id=row.shop_id,
        buyer=row.buyer,
        hold_id=row.id if row.held else None,
        policy=stock.HoldPolicy(row.policy),
        offer_id=row.offer_id,
        show_id=row.show_id,
        pool_id=row.pool_id,
        host_id=row.host_id,
        host_name=row.host_name,
        show_ms=row.show_ms,
        currency=row.currency,
        items=items,
        bundles=bundles,
        # Who does not look at it again has no use for its texts.
        page=row.page
        if basket is None
        else await page_texts.take_out(tx, shop_id=row.shop_id, page=row.page),
        expires_at=expires_at,
        renewals=row.renewals,
        order_id=await checkout_queries.order_of_checkout(tx, checkout_id=row.id)
        if basket is None
        else basket.order_id,
        shop_terms=terms,
        shown=shown(items, bundles),
        at_end=None if basket is None else await _at_end(tx, row),
        lines=[] if basket is None else basket.lines,
        quote=await quoting.quote(
            tx,
            shop_id=row.shop_id,
            currency=row.currency,
            items=items,
            bundles=bundles,
            terms=terms,
            asked=asked,
            address=address,
            joins=await together.earlier(
                tx, shop_id=row.shop_id, buyers=[row.buyer, *others], terms=terms, lock=lock
            ),
            places=places,
        ),
        promised=promised,
    )


async def _at_end(tx: Tx, row: checkout_queries.CheckoutRow) -> AtEnd | None:
    if row.show_id is None or not row.held:
        return None
    show = await live.show(tx, shop_id=row.shop_id, show_id=row.show_id)
    if show.status != live.ShowStatus.LIVE or show.pay_after_minutes is None or show.keep_until is None:
        return None
    return AtEnd(show.pay_after_minutes, show.keep_until)


async def prepare(
    tx: Tx,
    *,
    shop_id: int,
    hold_id: UUID,
    shopper: UUID,
    form: Form,
    providers: payment_providers.Providers | None = None,
    network: int | None = None,
    return_to: drafts.ReturnTo | None = None,
    also: Sequence[UUID] = (),
    others: Sequence[UUID] = (),
    address: str = "",
    authorise: timedelta | None = None,
) -> Prepared:
    """Check everything, keep the units, write the draft.  The same form again finds the same order.

    `also`: purchases that are ordered with this one, all of them or none.  `others`: other browsers of the same person;
    what was taken there becomes this one's (`baskets.adopt`).

    `return_to` makes the address to which a provider sends the buyer back; `address` is where the form came from;
    `authorise`: so long the way to pay reserves money, where the shop takes it when orders ship.

    Raises BasketChanged, CheckoutNotFound, ContactLimit, FormRefused, KeyReused (sent before with other content), TotalChanged,
    promotions.DiscountGone (the last of it was used meanwhile), purchases.HoldExpired (the facts say what to wait
    for), payments.ProviderUnknown for one that is not among `providers`.
    """
    clean = tidy(form)
    if others:
        await baskets.adopt(tx, shop_id=shop_id, shopper=shopper, others=others, hold_ids=[hold_id, *also])
    row = await _locked(
        tx, shop_id=shop_id, hold_id=hold_id, shopper=shopper, also=also, others=others, network=network
    )
    asked = _asked(row, clean.codes, email=clean.email, phone=clean.phone)
    joining = clean.shipping_method == JOIN
    checkout = await _checkout(tx, row, address=clean.address, asked=asked, lock=joining, others=others)
    if checkout.order_id is not None:
        return await _again(tx, checkout.order_id, clean)
    await keeping.within_contact_limit(tx, checkout, clean)
    kept_row = await keeping.keep_units(tx, row, network)
    kept = checkout
    if kept_row is not row:
        kept = await _checkout(tx, kept_row, address=clean.address, asked=asked, lock=joining, others=others)
    way = drafts.chosen(kept.quote, clean)
    if way.store is not None and kept_row.held:
        await keeping.at_store(tx, kept_row, way.store.store.location_id)
    draft = drafts.Draft(
        row=kept_row,
        form=clean,
        bundles=kept.bundles,
        promised=kept.promised,
        quote=kept.quote,
        way=way,
        asked=asked,
        providers=providers,
        return_to=return_to,
        address=address,
        authorise=authorise,
    )
    [written] = await drafts.write(tx, [draft], shop_id=shop_id)
    if isinstance(written, Refusal):
        raise written
    return Prepared(written.order, written.payment, checkout.shop_terms)


async def _locked(
    tx: Tx,
    *,
    shop_id: int,
    hold_id: UUID,
    shopper: UUID,
    also: Sequence[UUID],
    others: Sequence[UUID],
    network: int | None,
) -> checkout_queries.CheckoutRow:
    if also:
        return await baskets.gather(
            tx, shop_id=shop_id, shopper=shopper, hold_ids=[hold_id, *also], network=network, others=others
        )
    row = await checkout_queries.lock_checkout(tx, id=hold_id)
    if row is None:
        await baskets.begin(tx, shop_id=shop_id, hold_id=hold_id, shopper=shopper, others=others)
        row = await checkout_queries.lock_checkout(tx, id=hold_id)
    if row is not None and row.joined_to is not None:
        # It was ordered with another while this waited.
        row = await checkout_queries.lock_checkout(tx, id=hold_id)
    if row is None or not baskets.is_of(row, shop_id, shopper, others):
        raise CheckoutNotFound(hold_id=str(hold_id))
    return row


async def _again(tx: Tx, order_id: UUID, form: Form) -> Prepared:
    order = await queries.order(tx, order_id=order_id)
    assert order is not None, "the index that named it says so"
    if order.form_hash != form_hash(form):
        raise KeyReused(
            "This purchase was ordered already, with other details.",
            order_id=str(order_id),
            number=order.number,
        )
    return Prepared(order, (await payments.payments_for(tx, subject_id=order_id))[0])


async def complete(
    db: Database,
    *,
    shop_id: int,
    hold_id: UUID,
    shopper: UUID,
    form: Form,
    providers: payment_providers.Providers = payment_providers.MANUAL_ONLY,
    network: int | None = None,
    return_to: drafts.ReturnTo | None = None,
    payer: payments.attempts.Payer = payments.attempts.NOBODY,
    also: Sequence[UUID] = (),
    others: Sequence[UUID] = (),
    authorise: timedelta | None = None,
) -> Order:
    """A purchase and a form become an order; the same form again gives the same order.

    Raises what `prepare` raises, and payments.PaymentDeclined, payments.ProviderAway (the draft stays and is finished later, or
    by the same form again), purchases.HoldExpired, payments.ProviderUnknown.
    """
    async with db.transaction() as tx:
        prepared = await prepare(
            tx,
            shop_id=shop_id,
            hold_id=hold_id,
            shopper=shopper,
            form=form,
            providers=providers,
            network=network,
            return_to=return_to,
            also=also,
            others=others,
            address=payer.client_address,
            authorise=authorise,
        )
    if prepared.order.status is not Status.DRAFT:
        return told(prepared.order)
    return told(
        await pay_and_finish(
            db, providers, prepared.order, prepared.payment, payer=payer, terms=prepared.terms
        )
    )


def told(order: Order) -> Order:
    """An order that never came to be is a refusal; one that fell after it was paid is shown as what it is."""
    if order.number is None and order.cancel_why is Why.DECLINED:
        raise payments.PaymentDeclined(reason=order.cancel_note)
    if order.number is None and order.cancel_why is Why.SOLD_OUT:
        raise purchases.HoldExpired(hold_id=str(order.hold_id), show_id=order.show_id)
    return order


async def pay_and_finish(
    db: Database,
    providers: payment_providers.Providers,
    order: Order,
    payment: payments.Payment,
    *,
    payer: payments.attempts.Payer = payments.attempts.NOBODY,
    terms: ShopTerms | None = None,
) -> Order:
    """Phases two and three.  `start` with the same attempt asks for the money once, however often we come."""
    if payment.amount_minor == 0:
        outcome = payment_providers.Awaiting()
    else:
        outcome = await payments.start(providers, payment, label=label_of(order.id), payer=payer)
    async with db.transaction() as tx:
        return await finish(tx, payment, outcome, terms=terms)


async def finish(
    tx: Tx,
    payment: payments.Payment,
    outcome: payment_providers.Outcome,
    *,
    terms: ShopTerms | None = None,
) -> Order:
    """Phase three: what was answered, applied to the draft."""
    if not is_online(payment):
        return await finalise(tx, payment, outcome, terms=terms)
    return await apply_report(tx, payment=payment, outcome=outcome, terms=terms)
