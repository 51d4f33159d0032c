"""The line for what is sold out: one place per buyer and variant, served in the order of joining.

Released units are offered in the transaction that releases them, so nobody who comes later can slip in
between.  An offer is a hold made for that buyer, with a short time to claim it; when it lapses, the next in
line is served.  Who wants more units than are free keeps the place while smaller wishes behind are served.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from shopfloor import catalog, inventory, stock
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import new_id, now
from shopfloor.purchases import queries
from shopfloor.purchases.bundles import composed, expanded
from shopfloor.purchases.events import Place, UnitsWaiting, WaitlistEnded, WaitlistJoined, WaitlistOffered
from shopfloor.purchases.models import (
    CLAIM_SECONDS,
    MAX_PER_LINE,
    BadPurchase,
    OfferClosed,
    OfferUnknown,
    Waiting,
    WaitingNotFound,
    WaitingNotNeeded,
    WaitingState,
)

_AT_ONCE = 200
# So many networks in a row may be passed over for their shares before the rest of a line waits for the next release.
_MOST_NETWORKS = 20


async def claim_seconds(tx: Tx, *, shop_id: int) -> int:
    """How long an offered place can be claimed in this shop."""
    return await queries.claim_seconds(tx, shop_id=shop_id) or CLAIM_SECONDS


async def set_claim_seconds(tx: Tx, *, shop_id: int, seconds: int) -> None:
    await queries.save_claim_seconds(tx, shop_id=shop_id, seconds=seconds)


async def join(
    tx: Tx,
    *,
    shop_id: int,
    variant_id: int,
    buyer: UUID,
    quantity: int = 1,
    offer_id: int | None = None,
    network: int | None = None,
) -> Waiting:
    """Stand in line.  Who stands there already gets the same place back.  `network`: where the buyer asks from.

    Raises WaitingNotNeeded when enough units are free, OfferUnknown, BadPurchase.
    """
    if not 1 <= quantity <= MAX_PER_LINE:
        raise BadPurchase(quantity=quantity, largest=MAX_PER_LINE)
    standing = await queries.waiting_of(tx, buyer=buyer, shop_id=shop_id, variant_id=variant_id)
    if standing and not _is_over(standing[0]):
        return (await _placed(tx, standing[:1]))[0]
    await _end(tx, standing, WaitingState.LAPSED)
    wish = await _wish(tx, shop_id=shop_id, variant_id=variant_id, offer_id=offer_id)
    free = await stock.available(tx, shop_id=shop_id, variant_ids=[variant_id], pool_id=wish.pool_id)
    if free[variant_id].total >= quantity:
        raise WaitingNotNeeded(variant_id=variant_id, left=free[variant_id].total)
    row = {
        "id": new_id(),
        "shop_id": shop_id,
        "variant_id": variant_id,
        "offer_id": offer_id,
        "show_id": wish.show_id,
        "buyer": buyer,
        "quantity": quantity,
        "unit_price_minor": wish.price_minor,
        "currency": wish.currency,
        "network": network,
    }
    joined = await join_all(tx, [row])
    if joined:
        return joined[0]
    # Another request of the same buyer was faster; by now it has committed.
    standing = await queries.waiting_of(tx, buyer=buyer, shop_id=shop_id, variant_id=variant_id)
    if not standing:
        raise WaitingNotFound(variant_id=variant_id)
    return (await _placed(tx, standing[:1]))[0]


def _is_over(place: Waiting) -> bool:
    return place.claim_until is not None and place.claim_until < now()


async def _wish(tx: Tx, *, shop_id: int, variant_id: int, offer_id: int | None) -> queries.OfferLineRow:
    """What the buyer looked at: the line of the offer, or the product page."""
    if offer_id is not None:
        for line in await queries.offer_lines(tx, offer_id=offer_id):
            if line.shop_id == shop_id and line.variant_id == variant_id:
                return _on_sale(line)
        raise OfferUnknown(offer_id=offer_id, variant_id=variant_id)
    for variant in await queries.variants(tx, shop_id=shop_id, ids=[variant_id]):
        line = queries.OfferLineRow(
            offer_id=None,
            show_id=None,
            shop_id=shop_id,
            product_id=variant.product_id,
            variant_id=variant_id,
            price_minor=variant.price_minor,
            currency=variant.currency,
            policy="timer",
            hold_seconds=0,
            limit_per_buyer=None,
            limit_per_show=None,
            deposit_percent=None,
            pool_id=None,
            show_status="",
            product_status=variant.status,
        )
        return _on_sale(line)
    raise OfferUnknown(variant_id=variant_id)


def _on_sale(line: queries.OfferLineRow) -> queries.OfferLineRow:
    """Raises OfferClosed for a product that is a draft or archived."""
    if line.product_status != catalog.Status.ACTIVE:
        raise OfferClosed(offer_id=line.offer_id, variant_id=line.variant_id)
    return line


async def _placed(tx: Tx, places: Sequence[Waiting]) -> list[Waiting]:
    """With their positions, where they are waiting."""
    standing = [place for place in places if place.state is WaitingState.WAITING]
    if not standing:
        return list(places)
    positions = await queries.positions(
        tx,
        buyers=[place.buyer for place in standing],
        variants=[place.variant_id for place in standing],
    )
    return [
        replace(place, position=positions.get((place.buyer, place.variant_id), 0))
        if place.state is WaitingState.WAITING
        else place
        for place in places
    ]


async def stand_in_line(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Join, or stay where one stands; the position of each row's buyer in the line for its variant."""
    await join_all(tx, rows)
    positions = await queries.positions(
        tx, buyers=[row["buyer"] for row in rows], variants=[row["variant_id"] for row in rows]
    )
    return [positions.get((row["buyer"], row["variant_id"]), 0) for row in rows]


async def join_all(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> list[Waiting]:
    """Many at once, in this order; returns the new ones."""
    joined = await _placed(tx, await queries.insert_waiting(tx, rows))
    for show_id, group in _by_show(joined):
        shop_id = group[0].shop_id
        units = await _units(tx, shop_id=shop_id, show_id=show_id, group=group)
        await outbox.record(
            tx,
            WaitlistJoined(
                shop_id=shop_id, show_id=show_id, places=[_told(place) for place in group], waiting=units
            ),
        )
    return joined


async def places(tx: Tx, *, buyer: UUID, shop_id: int | None = None) -> list[Waiting]:
    """Where this buyer stands, newest first; an offered place carries the hold to claim."""
    return await _placed(tx, await queries.waiting_of(tx, buyer=buyer, shop_id=shop_id, variant_id=None))


async def who_waits(tx: Tx, buyers: Sequence[UUID]) -> set[tuple[UUID, int]]:
    """Those of `buyers` who have a place in a line, each with the shop it is in."""
    return {(row.buyer, row.shop_id) for row in await queries.waiters(tx, buyers=buyers)}


async def leave(tx: Tx, *, shop_id: int, waiting_id: UUID, buyer: UUID) -> None:
    """Give the place up.  An offered unit goes to the next in line.  Leaving twice is leaving once."""
    place = await queries.waiting(tx, id=waiting_id)
    if place is None or place.shop_id != shop_id or place.buyer != buyer:
        raise WaitingNotFound(waiting_id=str(waiting_id))
    [place] = await _placed(tx, [place])
    freed = []
    if place.state is WaitingState.OFFERED and place.hold_id is not None:
        freed = await stock.release(tx, [place.hold_id], "left")
    await _end(tx, [place], WaitingState.LEFT)
    await hand_over(tx, freed)


async def claimed(tx: Tx, *hold_ids: UUID) -> None:
    """The units offered to somebody in line are in an order now."""
    await _end(tx, await queries.offered_by_holds(tx, hold_ids=hold_ids), WaitingState.CLAIMED)


async def hand_over(tx: Tx, freed: Sequence[stock.Freed]) -> list[Waiting]:
    """Offer what a release or an expiry gave back to the waitlist.  Call it in the same transaction."""
    if not freed:
        return []
    lapsed = await queries.offered_by_holds(tx, hold_ids=list({unit.hold_id for unit in freed}))
    await _end(tx, lapsed, WaitingState.LAPSED)
    served: list[Waiting] = []
    for shop_id, pool_id in sorted({(unit.shop_id, unit.pool_id) for unit in freed}):
        variant_ids = {
            unit.variant_id for unit in freed if (unit.shop_id, unit.pool_id) == (shop_id, pool_id)
        }
        served += await serve(tx, shop_id=shop_id, pool_id=pool_id, variant_ids=sorted(variant_ids))
    return served


async def serve(tx: Tx, *, shop_id: int, pool_id: int, variant_ids: Sequence[int]) -> list[Waiting]:
    """Offer free units of these variants in this pool to the head of the line.

    What was released into a show that is over is in the open pool by now, and offered from there.  Who waits for
    a bundle is served when its parts are there; of several lines for the same units, who joined first is.  Networks
    that hold their share of the units unpaid keep their places, and those behind them are served.  While a product is off
    sale its line stands still.
    """
    bundles = await catalog.bundles(tx, shop_id=shop_id, part_ids=variant_ids)
    wanted = await queries.variants_waited_for(tx, shop_id=shop_id, variant_ids=[*variant_ids, *bundles])
    if wanted:
        wanted = await _of_active(tx, shop_id, wanted)
    if not wanted:
        return []
    seconds = await claim_seconds(tx, shop_id=shop_id)
    open_pool = await inventory.open_pool(tx, shop_id=shop_id)
    served: list[Waiting] = []
    for pool in dict.fromkeys([pool_id, open_pool.id]):
        without: set[int] = set()
        for _ in range(_MOST_NETWORKS):
            free = await stock.available(tx, shop_id=shop_id, variant_ids=wanted, pool_id=pool)
            chosen: list[Waiting] = []
            for variant_id in wanted:
                left = free[variant_id].total
                chosen += await _head(tx, shop_id=shop_id, variant_id=variant_id, free=left, without=without)
            chosen.sort(key=lambda place: place.turn)
            offered, bound = await _offer(tx, chosen, pool_id=pool, seconds=seconds)
            served += offered
            if not bound:
                break
            without |= bound
    for show_id, group in _by_show(served):
        units = await _units(tx, shop_id=shop_id, show_id=show_id, group=group)
        await outbox.record(
            tx,
            WaitlistOffered(
                shop_id=shop_id, show_id=show_id, places=[_told(place) for place in group], waiting=units
            ),
        )
    return served


async def serve_again(tx: Tx, *, shop_id: int, product_id: int) -> list[Waiting]:
    """A product is on sale again: its line moves on."""
    variants = await catalog.variants(tx, shop_id=shop_id, product_ids=[product_id])
    pool = await inventory.open_pool(tx, shop_id=shop_id)
    return await serve(tx, shop_id=shop_id, pool_id=pool.id, variant_ids=[each.id for each in variants])


async def _of_active(tx: Tx, shop_id: int, variant_ids: Sequence[int]) -> list[int]:
    known = {each.id: each.status for each in await queries.variants(tx, shop_id=shop_id, ids=variant_ids)}
    return [each for each in variant_ids if known.get(each) == catalog.Status.ACTIVE]


async def expire(tx: Tx, *, limit: int = 1000) -> int:
    """Release holds whose time is over and offer their units to the waitlist; returns how many lines were freed.

    The worker's one call: both happen in one transaction, so nobody slips in between.
    """
    freed = await stock.expire(tx, limit=limit)
    await hand_over(tx, freed)
    await forget_lapsed(tx, limit=limit)
    return len(freed)


async def forget_lapsed(tx: Tx, *, limit: int = 1000) -> None:
    """End places whose offer is over although no expiry told us: the hold had given way to another purchase."""
    grace = timedelta(seconds=60)
    await _end(tx, await queries.lapsed_offers(tx, before=now() - grace, limit=limit), WaitingState.LAPSED)


async def _head(tx: Tx, *, shop_id: int, variant_id: int, free: int, without: set[int]) -> list[Waiting]:
    """Whom `free` units serve, in order, passing over some networks."""
    chosen: list[Waiting] = []
    if free <= 0:
        return chosen
    for place in await queries.lock_waiting(
        tx, shop_id=shop_id, variant_id=variant_id, limit=_AT_ONCE, without=sorted(without)
    ):
        if place.quantity <= free:
            free -= place.quantity
            chosen.append(place)
    return chosen


async def _offer(
    tx: Tx, chosen: Sequence[Waiting], *, pool_id: int, seconds: int
) -> tuple[list[Waiting], set[int]]:
    """One batch of holds, and the networks that may not have more of them.  Who has bought all that is allowed loses
    the place, which would block the line.
    """
    if not chosen:
        return [], set()
    limits = await _limits(tx, chosen)
    bundles = await catalog.bundles(
        tx, shop_id=chosen[0].shop_id, variant_ids=[place.variant_id for place in chosen]
    )
    requests: list[stock.Request] = []
    for place in chosen:
        bundle = bundles.get(place.variant_id)
        lines, prices = expanded(
            [(place.variant_id, place.quantity, place.unit_price_minor)],
            {} if bundle is None else {place.variant_id: composed(bundle, place.unit_price_minor)},
        )
        requests.append(
            stock.Request(
                id=new_id(),
                shop_id=place.shop_id,
                pool_id=pool_id,
                buyer=place.buyer,
                lines=lines,
                hold_seconds=seconds,
                offer_id=place.offer_id,
                limit_per_buyer=limits.get(place.offer_id, (None, None))[0],
                show_id=place.show_id,
                limit_per_show=limits.get(place.offer_id, (None, None))[1],
                unit_prices=prices,
                network=place.network,
            )
        )
    answers = await stock.reserve(tx, requests)
    served: list[Waiting] = []
    bound: set[int] = set()
    barred: list[Waiting] = []
    for place, answer in zip(chosen, answers, strict=True):
        if isinstance(answer, stock.Held):
            await queries.mark_offered(tx, id=place.id, hold_id=answer.id, until=answer.expires_at)
            served.append(
                replace(
                    place,
                    state=WaitingState.OFFERED,
                    hold_id=answer.id,
                    claim_until=answer.expires_at,
                    position=0,
                )
            )
        elif answer.code == stock.Code.LIMIT:
            barred.append(place)
        elif answer.code == stock.Code.NETWORK_LIMIT and place.network is not None:
            bound.add(place.network)
    await _end(tx, barred, WaitingState.LAPSED)
    return served, bound


async def _limits(tx: Tx, chosen: Sequence[Waiting]) -> dict[int | None, tuple[int | None, int | None]]:
    limits: dict[int | None, tuple[int | None, int | None]] = {}
    for offer_id in {place.offer_id for place in chosen if place.offer_id is not None}:
        for line in (await queries.offer_lines(tx, offer_id=offer_id))[:1]:
            limits[offer_id] = (line.limit_per_buyer, line.limit_per_show)
    return limits


async def _end(tx: Tx, ending: Sequence[Waiting], state: WaitingState) -> None:
    ended = [place for place in ending if await queries.end_waiting(tx, id=place.id, state=state)]
    for show_id, group in _by_show(ended):
        shop_id = group[0].shop_id
        units = await _units(tx, shop_id=shop_id, show_id=show_id, group=group)
        await outbox.record(
            tx,
            WaitlistEnded(
                shop_id=shop_id,
                show_id=show_id,
                state=state,
                places=[_told(place) for place in group],
                waiting=units,
            ),
        )


def _by_show(places: Sequence[Waiting]) -> list[tuple[int | None, list[Waiting]]]:
    groups: dict[tuple[int, int | None], list[Waiting]] = {}
    for place in places:
        groups.setdefault((place.shop_id, place.show_id), []).append(place)
    return [(show_id, group) for (_, show_id), group in groups.items()]


def _told(place: Waiting) -> Place:
    return Place(
        waiting_id=place.id,
        buyer=place.buyer,
        variant_id=place.variant_id,
        quantity=place.quantity,
        offer_id=place.offer_id,
        position=place.position,
        hold_id=place.hold_id,
        claim_until=place.claim_until,
    )


async def _units(
    tx: Tx, *, shop_id: int, show_id: int | None, group: Sequence[Waiting]
) -> list[UnitsWaiting]:
    variant_ids = sorted({place.variant_id for place in group})
    units = await queries.units_waiting(tx, shop_id=shop_id, show_id=show_id, variant_ids=variant_ids)
    return [UnitsWaiting(variant_id, units[variant_id]) for variant_id in variant_ids]
