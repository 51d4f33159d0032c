"""What is kept for a shopper: places in line as scripts ask for them, and the purchase a refusal leads back to."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from fastapi import Request

from shopfloor import catalog, inventory, live, policies, purchases, stock
from shopfloor.accounts import Shop
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import Money
from shopfloor.web.languages import N_, Language
from shopfloor.web.parts import option_words, refused_by
from shopfloor.web.refusals import refused_text
from shopfloor.web.templating import money_text

# Seconds until another look is worth it.  Who stands far back looks less often, so that a long line costs little.
SOONEST: Final = 5
LATEST: Final = 60
# A page asks after so many of its purchases at once.
MOST_HOLDS: Final = 100
PLACES_A_SECOND: Final = 20


async def in_line(tx: Tx, shop: Shop, shopper: UUID, language: Language) -> dict[str, Any]:
    """`places` with what is kept for the shopper, and `again_in` seconds to ask anew."""
    places = await purchases.places(tx, buyer=shopper, shop_id=shop.id)
    ids = [place.variant_id for place in places]
    variants = {row.id: row for row in await catalog.variants(tx, shop_id=shop.id, ids=ids)} if ids else {}
    products = (
        await catalog.products_by_id(
            tx, shop_id=shop.id, ids=sorted({variant.product_id for variant in variants.values()})
        )
        if variants
        else {}
    )
    return {
        "places": [
            _told(place, shop, variants, products, language)
            | {"ready_on": None if (day := await kept_for(tx, place)) is None else day.isoformat()}
            for place in places
        ],
        "again_in": again_in(
            places, (await policies.shop_terms(tx, shop_id=shop.id)).claim_seconds if places else 0
        ),
    }


async def in_basket(
    tx: Tx, shop: Shop, show_id: int, shopper: UUID, others: Sequence[UUID], language: Language
) -> dict[str, Any]:
    """What is reserved for the shopper in a show, as the room keeps it (`purchases.ts`), also in their other browsers, and how they stand where it is paid at
    the end: whether the shop knows them, and how many units they hold unpaid.
    """
    show = await live.show(tx, shop_id=shop.id, show_id=show_id)
    if show.pool_id is None:
        return {}
    held = await stock.held_by(tx, shop_id=shop.id, buyer=shopper, others=others, pool_id=show.pool_id)
    held = [each for each in held if each.show_id == show_id]
    return {
        "reserved": await _reserved(tx, shop, held, language),
        "known": await stock.has_paid(tx, shop_id=shop.id, buyer=shopper),
        "unpaid": sum(part.quantity for each in held if each.buyer == shopper for part in each.parts),
    }


async def _reserved(
    tx: Tx, shop: Shop, held: Sequence[stock.Hold], language: Language
) -> list[dict[str, Any]]:
    if not held:
        return []
    bundles = await catalog.bundles_by_id(
        tx,
        shop_id=shop.id,
        ids=sorted({part.bundle_id for each in held for part in each.parts if part.bundle_id is not None}),
    )
    ids = {each.id: _sold(each, bundles) for each in held}
    variants = {
        each.id: each for each in await catalog.variants(tx, shop_id=shop.id, ids=sorted({*_firsts(ids)}))
    }
    products = await catalog.products_by_id(
        tx, shop_id=shop.id, ids=sorted({each.product_id for each in variants.values()})
    )
    reserved: list[dict[str, Any]] = []
    for each in held:
        variant_id, quantity = ids[each.id]
        variant = variants.get(variant_id)
        minor = sum(part.unit_price * part.quantity for part in each.parts)
        currency = shop.currency if variant is None else variant.currency
        days = [part.ready_on for part in each.parts if part.ready_on is not None]
        reserved.append({
            "id": str(each.id),
            "line": variant_id,
            "title": _title(variant, products, language),
            "quantity": quantity,
            "total": money_text(Money(minor, currency), language),
            "minor": minor,
            "currency": currency,
            "expires_at": each.expires_at.isoformat(),
            "ready_on": max(days).isoformat() if days else None,
            "later": False,
            "url": f"/s/{shop.slug}/checkout/{each.id}",
        })  # fmt: skip
    return reserved


def _firsts(sold: Mapping[UUID, tuple[int, int]]) -> list[int]:
    return [variant_id for variant_id, _ in sold.values()]


def _sold(hold: stock.Hold, bundles: Mapping[int, catalog.Bundle]) -> tuple[int, int]:
    """The variant as it was bought, a bundle as itself, and how many."""
    first = hold.parts[0]
    bundle = None if first.bundle_id is None else bundles.get(first.bundle_id)
    if bundle is None:
        return first.variant_id, sum(part.quantity for part in hold.parts)
    pieces = sum(part.quantity for part in hold.parts if part.bundle_id == first.bundle_id)
    return bundle.variant_id, max(1, pieces // bundle.units)


def _title(
    variant: catalog.Variant | None, products: Mapping[int, catalog.Product], language: Language
) -> str:
    product = products.get(variant.product_id) if variant else None
    words = [language.localised(product.titles, product.title)] if product else []
    if product and variant:
        options = option_words(variant.options, language.words_of(product.option_texts))
        words += [options] if options else []
    return " · ".join(words)


async def settled(
    tx: Tx, shop: Shop, shopper: UUID, holds: Sequence[str], others: Sequence[UUID] = ()
) -> dict[str, list[str]]:
    """`settled`: those of the shopper's `holds` that wait for no checkout any longer: ordered, given back or run out;
    `ordered`: the first of these.
    """
    found: list[str] = []
    ordered: list[str] = []
    for text in holds[:MOST_HOLDS]:
        try:
            hold = await stock.hold(tx, shop_id=shop.id, hold_id=UUID(text))
        except (ValueError, inventory.UnknownStock):
            continue
        if hold.buyer in {shopper, *others} and hold.state is not stock.HoldState.HELD:
            found.append(text)
            if hold.state not in {stock.HoldState.RELEASED, stock.HoldState.EXPIRED}:
                ordered.append(text)
    return {"settled": found, "ordered": ordered}


async def kept_for(tx: Tx, place: purchases.Waiting) -> date | None:
    """The day on which all that is kept for this place is ready; None when it is on the shelf, or nothing is kept."""
    if place.state != purchases.WaitingState.OFFERED or place.hold_id is None:
        return None
    hold = await stock.hold(tx, shop_id=place.shop_id, hold_id=place.hold_id)
    return max((part.ready_on for part in hold.parts if part.ready_on is not None), default=None)


def again_in(places: list[purchases.Waiting], claim_seconds: int) -> int:
    """Soon for the head of the line, and several times within the time to claim."""
    position = min((place.position for place in places), default=0)
    latest = max(SOONEST, min(LATEST, claim_seconds // 4))
    return min(latest, SOONEST + position // PLACES_A_SECOND)


def _told(
    place: purchases.Waiting,
    shop: Shop,
    variants: dict[int, catalog.Variant],
    products: dict[int, catalog.Product],
    language: Language,
) -> dict[str, Any]:
    variant = variants.get(place.variant_id)
    offered = place.state == purchases.WaitingState.OFFERED and place.hold_id is not None
    return {
        "id": str(place.id),
        "variant_id": place.variant_id,
        "state": str(place.state),
        "position": place.position,
        "title": _title(variant, products, language),
        "quantity": place.quantity,
        "total_minor": place.quantity * place.unit_price_minor,
        "currency": place.currency,
        "hold_id": str(place.hold_id) if offered else None,
        "claim_until": place.claim_until.isoformat() if offered and place.claim_until else None,
        "url": f"/s/{shop.slug}/checkout/{place.hold_id}" if offered else f"/s/{shop.slug}/waitlist",
    }


OWN: Final = N_("You already have the last units reserved. Check out before the time runs out.")


def why_refused(
    request: Request, shopper: UUID
) -> Callable[[Tx, Shop, Language], Awaitable[dict[str, str] | None]] | None:
    """What to say to a reader whose form came back to this page, led to the checkout of their own where that is what
    stands in the way; None where nothing came back.
    """
    refusal = refused_by(request.query_params)
    if refusal is None:
        return None
    kept = request.cookies.get(purchases.HELD_COOKIE, "")

    async def why(tx: Tx, shop: Shop, language: Language) -> dict[str, str] | None:
        refused = refused_text(refusal, language)
        return None if refused is None else await _or_own(tx, shop, shopper, refused, kept, language)

    return why


async def _or_own(
    tx: Tx, shop: Shop, shopper: UUID, refused: dict[str, str], kept: str, language: Language
) -> dict[str, str]:
    if refused["code"] not in {stock.Code.SOLD_OUT, stock.Code.LIMIT, stock.Code.TOO_LATE} or len(
        kept
    ) != len(str(shopper)):
        return refused
    try:
        hold = await stock.hold(tx, shop_id=shop.id, hold_id=UUID(kept))
    except (ValueError, inventory.UnknownStock):
        return refused
    variants = {str(part.variant_id) for part in hold.parts}
    is_own = hold.buyer == shopper and hold.state is stock.HoldState.HELD
    if not is_own or refused.get("variant") not in variants:
        return refused
    own = f"/s/{shop.slug}/checkout/{hold.id}"
    return {**refused, "text": language.words.gettext(OWN), "own": own}
