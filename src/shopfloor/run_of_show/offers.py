"""What a show sells: offers, their prices and terms."""

from collections.abc import Mapping, Sequence

from shopfloor import catalog
from shopfloor.kernel import outbox
from shopfloor.kernel.amounts import check_leap
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import MAX_MINOR, MAX_QUANTITY, now, video_ms
from shopfloor.live import Show, ShowStatus, locked, show
from shopfloor.run_of_show import offer_queries, slot_queries
from shopfloor.run_of_show.events import OfferAdded, OfferChanged, OfferPriceChanged
from shopfloor.run_of_show.models import (
    BadOffer,
    FlashRunning,
    LimitBelowBundle,
    Offer,
    OfferedAlready,
    OfferLine,
    OfferTerms,
    Price,
    ProductNotActive,
    Slot,
    SlotRole,
    UnknownOffer,
)
from shopfloor.run_of_show.quotas import set_apart
from shopfloor.stock import HoldPolicy


async def add_offer(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    product_id: int,
    lines: Sequence[OfferLine],
    policy: HoldPolicy = HoldPolicy.TIMER,
    hold_seconds: int = 300,
    limit_per_buyer: int | None = None,
    deposit_percent: int | None = None,
    minutes: int = 5,
    role: SlotRole = SlotRole.HERO,
    script: str = "",
    by: int | None = None,
) -> Offer:
    """Offer a product in a show, with a slot at the end of the run of show; also on air, where it must be active.

    The quotas of a running show are set apart at once, as far as the open pool has them.
    Raises BadOffer, LimitBelowBundle, OfferedAlready, ProductNotActive, UnknownShow, WrongStatus.
    """
    parent = await locked(tx, shop_id, show_id)
    parent.refuse_ended()
    currency = await _check_lines(tx, shop_id=shop_id, product_id=product_id, lines=lines)
    if parent.status == ShowStatus.LIVE:
        await refuse_inactive(tx, shop_id=shop_id, product_id=product_id)
    _check_terms(policy, hold_seconds, limit_per_buyer, deposit_percent)
    await _check_limits(tx, parent, lines, limit_per_buyer)
    offer_id = await offer_queries.insert_offer(
        tx,
        show_id=show_id,
        product_id=product_id,
        policy=str(policy),
        hold_seconds=hold_seconds,
        limit_per_buyer=limit_per_buyer,
        deposit_percent=deposit_percent,
    )
    if offer_id is None:
        raise OfferedAlready(product_id=product_id)
    rows = [
        {
            "offer_id": offer_id,
            "variant_id": line.variant_id,
            "price_minor": line.price_minor,
            "currency": currency,
            "quota": line.quota,
            "position": position,
            "by": by,
            "reason": "offered",
        }
        for position, line in enumerate(lines)
    ]
    await offer_queries.insert_lines(tx, lines=rows)
    await offer_queries.insert_prices(tx, prices=rows)
    await slot_queries.insert_slot(
        tx, show_id=show_id, offer_id=offer_id, minutes=minutes, role=str(role), title="", script=script
    )
    if parent.status == ShowStatus.LIVE:
        await set_apart(tx, shop_id=shop_id, show_id=show_id)
    await outbox.record(
        tx,
        OfferAdded(
            shop_id,
            show_id,
            offer_id,
            product_id,
            str(policy),
            currency,
            {line.variant_id: line.price_minor for line in lines},
            {line.variant_id: line.quota for line in lines if line.quota is not None},
        ),
    )
    return await offer(tx, shop_id=shop_id, show_id=show_id, offer_id=offer_id)


async def refuse_inactive(tx: Tx, *, shop_id: int, product_id: int) -> None:
    """Raises ProductNotActive for what viewers must not see."""
    product = await catalog.product(tx, shop_id=shop_id, product_id=product_id)
    if product.status != catalog.Status.ACTIVE:
        raise ProductNotActive(product_id=product_id, title=product.title, status=str(product.status))


async def change_offer(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    offer_id: int,
    policy: HoldPolicy | None = None,
    hold_seconds: int | None = None,
    limit_per_buyer: int | None = None,
    deposit_percent: int | None = None,
    quotas: Mapping[int, int] | None = None,
) -> Offer:
    """Change the terms given, and top up quotas; on air the units are set apart at once.

    None leaves a term as it is; a limit or deposit of 0 takes it away.
    """
    parent = await locked(tx, shop_id, show_id)
    parent.refuse_ended()
    before = await offer(tx, shop_id=shop_id, show_id=show_id, offer_id=offer_id)
    policy = policy or before.policy
    hold_seconds = hold_seconds or before.hold_seconds
    limit_per_buyer = before.limit_per_buyer if limit_per_buyer is None else limit_per_buyer or None
    deposit_percent = before.deposit_percent if deposit_percent is None else deposit_percent or None
    _check_terms(policy, hold_seconds, limit_per_buyer, deposit_percent)
    await _check_limits(tx, parent, before.lines, limit_per_buyer)
    for variant_id, quota in (quotas or {}).items():
        before.line(variant_id)
        if not 0 <= quota <= MAX_QUANTITY:
            raise BadOffer("A quota is a whole number up to a million.", variant_id=variant_id, quota=quota)
        await offer_queries.set_quota(tx, offer_id=offer_id, variant_id=variant_id, quota=quota)
    await offer_queries.update_offer(
        tx,
        offer_id=offer_id,
        policy=str(policy),
        hold_seconds=hold_seconds,
        limit_per_buyer=limit_per_buyer,
        deposit_percent=deposit_percent,
    )
    if quotas and parent.status == ShowStatus.LIVE:
        await set_apart(tx, shop_id=shop_id, show_id=show_id)
    await outbox.record(tx, OfferChanged(shop_id, show_id, offer_id, before.product_id))
    return await offer(tx, shop_id=shop_id, show_id=show_id, offer_id=offer_id)


async def set_offer_price(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    offer_id: int,
    variant_id: int,
    price_minor: int,
    reason: str = "changed on air",
    by: int | None = None,
    at: int | None = None,
    confirmed: bool = False,
) -> None:
    """A new price from now on; the old ones stay in the history.  Holds keep the price they were made at.

    Raises UnknownShow, WrongStatus, UnknownOffer, BadOffer, FlashRunning, or PriceLeap for a move by more than a factor
    of three that is not `confirmed`.
    """
    parent = await locked(tx, shop_id, show_id)
    parent.refuse_ended()
    parent_offer = await offer(tx, shop_id=shop_id, show_id=show_id, offer_id=offer_id)
    line = parent_offer.line(variant_id)
    _check_price(variant_id, price_minor)
    if line.price_minor == price_minor:
        return
    if await offer_queries.is_in_flash(tx, offer_id=offer_id):
        raise FlashRunning(offer_id=offer_id)
    check_leap(line.price_minor, price_minor, parent_offer.currency, confirmed=confirmed)
    video = video_ms(now()) if at is None else at
    await write_prices(tx, parent, parent_offer, {variant_id: price_minor}, reason=reason, by=by, video=video)


async def write_prices(
    tx: Tx,
    parent: Show,
    parent_offer: Offer,
    prices: Mapping[int, int],
    *,
    reason: str,
    by: int | None,
    video: int,
) -> None:
    """Set prices by variant in a show that is locked, and keep the history.  Prices that stay say nothing."""
    for variant_id, price_minor in prices.items():
        before = parent_offer.line(variant_id).price_minor
        if before == price_minor:
            continue
        await offer_queries.set_price(
            tx, offer_id=parent_offer.id, variant_id=variant_id, price_minor=price_minor
        )
        await offer_queries.insert_prices(
            tx,
            prices=[
                {
                    "offer_id": parent_offer.id,
                    "variant_id": variant_id,
                    "price_minor": price_minor,
                    "currency": parent_offer.currency,
                    "by": by,
                    "reason": reason,
                }
            ],
        )
        await outbox.record(
            tx,
            OfferPriceChanged(
                parent.shop_id,
                parent.id,
                parent_offer.id,
                parent_offer.product_id,
                variant_id,
                price_minor,
                before,
                parent_offer.currency,
                video,
            ),
        )


async def prices(tx: Tx, *, shop_id: int, show_id: int) -> list[Price]:
    """Every price of the show, oldest first."""
    await show(tx, shop_id=shop_id, show_id=show_id)
    return await offer_queries.prices(tx, show_id=show_id)


async def offers(tx: Tx, *, shop_id: int, show_id: int) -> list[Offer]:
    """In the order of the run of show."""
    await show(tx, shop_id=shop_id, show_id=show_id)
    found = {row.id: row for row in await offer_queries.offers(tx, show_id=show_id)}
    lines: dict[int, list[OfferLine]] = {offer_id: [] for offer_id in found}
    currency: dict[int, str] = {}
    for row in await offer_queries.lines(tx, show_id=show_id):
        lines[row.offer_id].append(OfferLine(row.variant_id, row.price_minor, row.quota))
        currency[row.offer_id] = row.currency
    order = _run_of_show(await slot_queries.slots(tx, show_id=show_id), list(found))
    return [
        Offer(
            row.id,
            row.show_id,
            row.product_id,
            HoldPolicy(row.policy),
            row.hold_seconds,
            row.limit_per_buyer,
            row.deposit_percent,
            currency[row.id],
            tuple(lines[row.id]),
        )
        for row in (found[offer_id] for offer_id in order)
    ]


async def offer(tx: Tx, *, shop_id: int, show_id: int, offer_id: int) -> Offer:
    """Raises UnknownOffer."""
    for found in await offers(tx, shop_id=shop_id, show_id=show_id):
        if found.id == offer_id:
            return found
    raise UnknownOffer(offer_id=offer_id)


async def count_offers(tx: Tx, *, shop_id: int) -> dict[int, int]:
    """By show, how many products it offers; shows without one are missing."""
    return await offer_queries.offer_counts(tx, shop_id=shop_id)


async def offer_terms(tx: Tx, offer_id: int) -> dict[int, OfferTerms]:
    """All that an intake must know of an offer, by variant; empty when there is no such offer."""
    return {terms.variant_id: terms for terms in await offer_queries.offer_terms(tx, offer_id=offer_id)}


async def show_terms(tx: Tx, show_id: int) -> list[OfferTerms]:
    """The same for every offer of a show."""
    return await offer_queries.show_terms(tx, show_id=show_id)


async def set_parts_apart(tx: Tx, *, shop_id: int, variant_id: int) -> None:
    """A variant consists of other parts from now on: running shows that offer it set those apart."""
    for show_id in await offer_queries.shows_offering(tx, shop_id=shop_id, variant_id=variant_id):
        if (await locked(tx, shop_id, show_id)).status == ShowStatus.LIVE:
            await set_apart(tx, shop_id=shop_id, show_id=show_id)


def _run_of_show(slots: Sequence[Slot], offer_ids: Sequence[int]) -> list[int]:
    """Offers by their first slot; those without one at the end."""
    placed = dict.fromkeys(slot.offer_id for slot in slots if slot.offer_id is not None)
    return [*placed, *(offer_id for offer_id in offer_ids if offer_id not in placed)]


def _check_terms(
    policy: HoldPolicy, hold_seconds: int, limit_per_buyer: int | None, deposit_percent: int | None
) -> None:
    if policy not in set(HoldPolicy):
        raise BadOffer("There is no such policy.", policy=str(policy))
    if not 15 <= hold_seconds <= 86_400:
        raise BadOffer("A hold lasts from 15 seconds to a day.", hold_seconds=hold_seconds)
    if limit_per_buyer is not None and not 1 <= limit_per_buyer <= MAX_QUANTITY:
        raise BadOffer("A limit is a whole number from 1.", limit_per_buyer=limit_per_buyer)
    if deposit_percent is not None and not 1 <= deposit_percent <= 99:
        raise BadOffer("A deposit is 1 to 99 percent.", deposit_percent=deposit_percent)


async def _check_limits(tx: Tx, show: Show, lines: Sequence[OfferLine], limit_per_buyer: int | None) -> None:
    """Limits count pieces: one below the pieces of a bundle would let nobody buy it."""
    limits = [limit for limit in (limit_per_buyer, show.limit_per_show) if limit is not None]
    if not limits:
        return
    ids = [line.variant_id for line in lines]
    for variant_id, bundle in (await catalog.bundles(tx, shop_id=show.shop_id, variant_ids=ids)).items():
        if min(limits) < bundle.units:
            raise LimitBelowBundle(variant_id=variant_id, limit=min(limits), pieces=bundle.units)


def _check_price(variant_id: int, price_minor: int) -> None:
    if not 0 <= price_minor <= MAX_MINOR:
        raise BadOffer(
            "A price is not negative and not enormous.", variant_id=variant_id, price_minor=price_minor
        )


async def _check_lines(tx: Tx, *, shop_id: int, product_id: int, lines: Sequence[OfferLine]) -> str:
    """The currency of the lines; raises BadOffer unless each is a variant of this product of this shop."""
    wanted = [line.variant_id for line in lines]
    if not wanted or len(set(wanted)) != len(wanted):
        raise BadOffer("An offer names each of its variants once.", variants=wanted)
    variants = await catalog.variants(tx, shop_id=shop_id, ids=wanted)
    known = {variant.id for variant in variants if variant.product_id == product_id}
    strangers = [variant_id for variant_id in wanted if variant_id not in known]
    if strangers:
        raise BadOffer("These are not variants of the product.", product_id=product_id, variants=strangers)
    archived = [variant.id for variant in variants if variant.is_archived]
    if archived:
        raise BadOffer("These variants are archived.", product_id=product_id, variants=archived)
    for line in lines:
        _check_price(line.variant_id, line.price_minor)
        if line.quota is not None and not 0 <= line.quota <= MAX_QUANTITY:
            raise BadOffer(
                "A quota is a whole number up to a million.", variant_id=line.variant_id, quota=line.quota
            )
    currencies = {variant.price.currency for variant in variants}
    if len(currencies) != 1:
        raise BadOffer("All variants of an offer are sold in one currency.", currencies=sorted(currencies))
    return currencies.pop()
