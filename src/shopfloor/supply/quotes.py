"""Quotes of suppliers, and what they can make to order."""

from collections.abc import Sequence
from datetime import date, timedelta

from shopfloor import accounts, catalog, inventory
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import MAX_QUANTITY, now
from shopfloor.supply import queries
from shopfloor.supply.events import CapacityAnnounced, QuoteAdded, QuoteWithdrawn
from shopfloor.supply.models import (
    BadQuantity,
    BadQuote,
    NotQuoted,
    OtherCurrency,
    OverCapacity,
    Quote,
    QuoteTerms,
    UnknownQuote,
    check_terms,
)
from shopfloor.supply.suppliers import supplier


async def add_quote(tx: Tx, *, shop_id: int, supplier_id: int, product_id: int, terms: QuoteTerms) -> Quote:
    """Raises UnknownSupplier, catalog.UnknownProduct, BadQuote, OtherCurrency."""
    check_terms(terms)
    await supplier(tx, shop_id=shop_id, supplier_id=supplier_id)
    product = await catalog.product(tx, shop_id=shop_id, product_id=product_id)
    shop = await accounts.shop(tx, shop_id)
    if terms.currency != shop.currency:
        raise OtherCurrency(currency=terms.currency, shop_currency=shop.currency)
    if terms.colour_option:
        if terms.colour_option not in product.option_names:
            raise BadQuote("The product has no such option.", field="colour_option")
        others = await queries.quotes(tx, shop_id=shop_id, product_ids=[product_id])
        if any(other.terms.colour_option not in {"", terms.colour_option} for other in others):
            raise BadQuote("Another quote takes a different option for the colour.", field="colour_option")
    quote = await queries.insert_quote(
        tx, shop_id=shop_id, supplier_id=supplier_id, product_id=product_id, terms=terms
    )
    await outbox.record(tx, QuoteAdded(shop_id, quote.id, supplier_id, product_id))
    return quote


async def withdraw_quote(tx: Tx, *, shop_id: int, quote_id: int, supplier_id: int | None = None) -> None:
    """The quote is not used in new plans; plans and orders made with it stay.

    Raises UnknownQuote, also for a quote of another supplier than `supplier_id`.
    """
    if not await queries.withdraw_quote(tx, shop_id=shop_id, quote_id=quote_id, supplier_id=supplier_id):
        raise UnknownQuote(quote_id=quote_id)
    await outbox.record(tx, QuoteWithdrawn(shop_id, quote_id))


async def quotes(
    tx: Tx, *, shop_id: int, supplier_id: int | None = None, product_ids: Sequence[int] | None = None
) -> list[Quote]:
    """Those in force."""
    return await queries.quotes(tx, shop_id=shop_id, supplier_id=supplier_id, product_ids=product_ids)


async def announce_makeable(
    tx: Tx,
    *,
    shop_id: int,
    quote_id: int,
    variant_id: int,
    quantity: int,
    ready_on: date | None = None,
    location_id: int,
    today: date | None = None,
) -> inventory.Level:
    """Sell a made-to-order variant against what its supplier can make by `ready_on` (None: its lead time).

    The same quote, variant and day again changes the quantity; units sold as makeable enter the next plan as
    certain demand.  All that is announced under a quote is bounded by the supplier's capacity up to the day.
    Raises UnknownQuote, NotQuoted, BadQuantity, OverCapacity.
    """
    found = await queries.quotes(tx, shop_id=shop_id, quote_id=quote_id)
    if not found:
        raise UnknownQuote(quote_id=quote_id)
    quote, today = found[0], today or now().date()
    [variant] = await catalog.variants(tx, shop_id=shop_id, ids=[variant_id]) or [None]
    if variant is None or variant.product_id != quote.product_id:
        raise NotQuoted(variant_id=variant_id, quote_id=quote_id)
    if not 0 <= quantity <= MAX_QUANTITY:
        raise BadQuantity(variant_id=variant_id)
    earliest = today + timedelta(days=quote.terms.lead_days + quote.terms.late_days)
    ready_on = ready_on or earliest
    if ready_on < earliest:
        raise OverCapacity("It cannot be made that soon.", earliest=earliest.isoformat())
    source = f"quote:{quote_id}:{ready_on.isoformat()}"
    maker = await supplier(tx, shop_id=shop_id, supplier_id=quote.supplier_id)
    if maker.capacity_per_week is not None:
        weeks = 1 + (ready_on - earliest).days // 7
        room = weeks * maker.capacity_per_week // quote.terms.capacity_use
        announced = await _announced(tx, quote, besides=(variant_id, source), until=ready_on)
        if quantity > room - announced:
            raise OverCapacity(most=max(0, room - announced))
    level = await inventory.announce_lot(
        tx,
        shop_id=shop_id,
        variant_id=variant_id,
        location_id=location_id,
        quantity=quantity,
        ready_on=ready_on,
        kind=inventory.LotKind.MAKEABLE,
        source=source,
    )
    await outbox.record(
        tx, CapacityAnnounced(shop_id, quote_id, quote.supplier_id, variant_id, quantity, ready_on)
    )
    return level


async def _announced(tx: Tx, quote: Quote, *, besides: tuple[int, str], until: date) -> int:
    """Makeable units announced under `quote` for days up to `until`, without the one lot `besides`."""
    variants = await catalog.variants(tx, shop_id=quote.shop_id, product_ids=[quote.product_id])
    levels = await inventory.levels(tx, shop_id=quote.shop_id, variant_ids=[each.id for each in variants])
    return sum(
        level.quantity
        for level in levels
        if level.kind is inventory.LotKind.MAKEABLE
        and level.source.startswith(f"quote:{quote.id}:")
        and (level.variant_id, level.source) != besides
        and level.ready_on is not None
        and level.ready_on <= until
    )
