"""A flash: an offer at a lower price for so many units and seconds.

Its units are what the show's own pool has of it while it runs; the rest of the show's units waits in a pool that
nobody sells from.  So the ledger decides that no unit more is sold from the shelf at this price, on the same way as
ever.  It ends by itself, at its second or with its last unit: then the price from before is back, and so are the units.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from shopfloor import catalog, inventory, stock
from shopfloor.kernel import outbox
from shopfloor.kernel.amounts import check_leap
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import MAX_QUANTITY, now, video_ms
from shopfloor.live import Show, ShowStatus, WrongStatus, locked, show
from shopfloor.run_of_show import flash_queries
from shopfloor.run_of_show.events import FlashEnded, FlashStarted
from shopfloor.run_of_show.models import (
    BadFlash,
    Flash,
    FlashEnd,
    FlashOfBundle,
    FlashRunning,
    FlashTooLarge,
    Offer,
    UnknownFlash,
)
from shopfloor.run_of_show.offers import offer, refuse_inactive, write_prices

SHORTEST: Final = 10
LONGEST: Final = 3600
"""Seconds."""


async def start_flash(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    offer_id: int,
    price_minor: int,
    units: int,
    seconds: int,
    by: int | None = None,
    at: int | None = None,
    confirmed: bool = False,
) -> Flash:
    """Sell `units` of an offer's units on hand at `price_minor`, all its variants alike, for `seconds` from now on.

    The units are shared over the variants as the show has them.  The flash that runs already, asked for once more with
    the same price, units and seconds, is that flash.

    Raises UnknownShow, WrongStatus, UnknownOffer, ProductNotActive, BadFlash, FlashOfBundle, FlashRunning, FlashTooLarge, or PriceLeap
    for a price below a third of the one before that is not `confirmed`.
    """
    parent = await locked(tx, shop_id, show_id)
    if parent.status != ShowStatus.LIVE or parent.pool_id is None:
        raise WrongStatus("Only a running show has a flash.", status=str(parent.status))
    found = await offer(tx, shop_id=shop_id, show_id=show_id, offer_id=offer_id)
    await refuse_inactive(tx, shop_id=shop_id, product_id=found.product_id)
    running = await running_flash(tx, shop_id=shop_id, show_id=show_id, offer_id=offer_id)
    if running is not None:
        if (running.price_minor, running.units, running.seconds) == (price_minor, units, seconds):
            return running
        raise FlashRunning(
            price_minor=running.price_minor, units=running.units, ends_at=running.ends_at.isoformat()
        )
    variant_ids = [line.variant_id for line in found.lines]
    await _check(tx, shop_id, found, price_minor=price_minor, units=units, seconds=seconds)
    for line in found.lines:
        check_leap(line.price_minor, price_minor, found.currency, confirmed=confirmed)
    days = await catalog.reference_days(tx, shop_id=shop_id)
    struck = await _struck(tx, shop_id=shop_id, variant_ids=variant_ids, price_minor=price_minor, days=days)
    left = {
        variant_id: each.now
        for variant_id, each in (
            await stock.available(tx, shop_id=shop_id, variant_ids=variant_ids, pool_id=parent.pool_id)
        ).items()
    }
    if sum(left.values()) < units:
        raise FlashTooLarge(units=units, left=sum(left.values()))
    shares = shared(units, left)
    pool = await inventory.set_aside_beyond(tx, shop_id=shop_id, show_id=show_id, keep=shares)
    began = now()
    video = video_ms(began) if at is None else at
    ends_at = began + timedelta(seconds=seconds)
    flash_id = await flash_queries.insert_flash(
        tx,
        shop_id=shop_id,
        show_id=show_id,
        offer_id=offer_id,
        pool_id=pool.id,
        price_minor=price_minor,
        currency=found.currency,
        units=units,
        seconds=seconds,
        began_at=began,
        ends_at=ends_at,
        video=video,
        by=by,
        reference_days=days,
    )
    await flash_queries.insert_lines(
        tx,
        lines=[
            {
                "flash_id": flash_id,
                "variant_id": line.variant_id,
                "units": shares[line.variant_id],
                "before_minor": line.price_minor,
                "struck_minor": struck.get(line.variant_id),
            }
            for line in found.lines
        ],
    )
    prices = dict.fromkeys(variant_ids, price_minor)
    await write_prices(tx, parent, found, prices, reason="flash", by=by, video=video)
    await outbox.record(
        tx,
        FlashStarted(
            shop_id,
            show_id,
            offer_id,
            found.product_id,
            flash_id,
            price_minor,
            found.currency,
            units,
            video_ms(ends_at),
            struck,
            days,
            video,
        ),
    )
    return await _flash(tx, shop_id=shop_id, show_id=show_id, flash_id=flash_id)


async def stop_flash(
    tx: Tx, *, shop_id: int, show_id: int, offer_id: int, by: int | None = None, at: int | None = None
) -> Flash:
    """End the flash of an offer by hand.  Raises UnknownShow, or UnknownFlash where none runs."""
    parent = await locked(tx, shop_id, show_id)
    running = await running_flash(tx, shop_id=shop_id, show_id=show_id, offer_id=offer_id)
    if running is None:
        raise UnknownFlash(offer_id=offer_id)
    await _end(tx, parent, running, FlashEnd.STOPPED, by=by, at=at)
    return await _flash(tx, shop_id=shop_id, show_id=show_id, flash_id=running.id)


async def end_flashes_of(tx: Tx, parent: Show) -> None:
    """The show is about to end, and is locked: so do its flashes."""
    for flash in await flashes(tx, shop_id=parent.shop_id, show_id=parent.id):
        if flash.ended_at is None:
            await _end(tx, parent, flash, FlashEnd.SHOW_ENDED)


async def running_flashes(tx: Tx) -> list[flash_queries.Running]:
    """Those of all shops, with the seconds and the units that are left."""
    return await flash_queries.running(tx)


async def end_when_due(tx: Tx, running: flash_queries.Running) -> bool:
    """End a flash whose time or units are over; False where it had ended already."""
    parent = await locked(tx, running.shop_id, running.show_id)
    flash = await _flash(tx, shop_id=running.shop_id, show_id=running.show_id, flash_id=running.id)
    if flash.ended_at is not None:
        return False
    await _end(tx, parent, flash, FlashEnd.TIME if now() >= flash.ends_at else FlashEnd.SOLD_OUT)
    return True


async def flashes(tx: Tx, *, shop_id: int, show_id: int) -> list[Flash]:
    """Every flash of the show, oldest first.  Raises UnknownShow."""
    await show(tx, shop_id=shop_id, show_id=show_id)
    lines = await flash_queries.lines(tx, show_id=show_id)
    return [
        Flash(
            row.id,
            row.offer_id,
            row.price_minor,
            row.currency,
            row.units,
            row.seconds,
            row.began_at,
            row.ends_at,
            row.ended_at,
            row.ended_by,
            row.reference_days,
            row.pool_id,
            tuple(line for line in lines if line.flash_id == row.id),
        )
        for row in await flash_queries.flashes(tx, show_id=show_id)
    ]


async def running_flash(tx: Tx, *, shop_id: int, show_id: int, offer_id: int) -> Flash | None:
    """The flash of an offer that runs just now."""
    for flash in await flashes(tx, shop_id=shop_id, show_id=show_id):
        if flash.offer_id == offer_id and flash.ended_at is None:
            return flash
    return None


def shared(units: int, left: Mapping[int, int]) -> dict[int, int]:
    """`units` over variants in the proportion of what is `left` of each, and never more than that.

    By largest remainder; of equal ones the variant with the lower id.  There are at least so many units left.
    """
    whole = sum(left.values())
    if not whole:
        return dict.fromkeys(left, 0)
    shares = {variant_id: units * free // whole for variant_id, free in left.items()}
    rest = units - sum(shares.values())
    order = sorted(left, key=lambda variant_id: (-(units * left[variant_id] % whole), variant_id))
    for variant_id in order[:rest]:
        shares[variant_id] += 1
    return shares


async def _end(
    tx: Tx, parent: Show, flash: Flash, why: FlashEnd, *, by: int | None = None, at: int | None = None
) -> None:
    ended = now()
    video = video_ms(ended) if at is None else at
    found = await offer(tx, shop_id=parent.shop_id, show_id=parent.id, offer_id=flash.offer_id)
    await flash_queries.set_ended(tx, flash_id=flash.id, at=ended, video=video, by=str(why))
    before = {line.variant_id: line.before_minor for line in flash.lines}
    await write_prices(tx, parent, found, before, reason="flash ended", by=by, video=video)
    await inventory.give_back_aside(tx, shop_id=parent.shop_id, show_id=parent.id, pool_id=flash.pool_id)
    await outbox.record(
        tx,
        FlashEnded(parent.shop_id, parent.id, flash.offer_id, found.product_id, flash.id, str(why), video),
    )


async def _check(tx: Tx, shop_id: int, found: Offer, *, price_minor: int, units: int, seconds: int) -> None:
    if not SHORTEST <= seconds <= LONGEST:
        raise BadFlash(f"A flash lasts {SHORTEST} to {LONGEST} seconds.", seconds=seconds)
    if not 1 <= units <= MAX_QUANTITY:
        raise BadFlash("A flash has 1 to 1,000,000 units.", units=units)
    lowest = min(line.price_minor for line in found.lines)
    if not 0 <= price_minor < lowest:
        raise BadFlash(
            "The price of a flash is below the present price of every variant.",
            price_minor=price_minor,
            lowest_minor=lowest,
        )
    ids = [line.variant_id for line in found.lines]
    if await catalog.bundles(tx, shop_id=shop_id, variant_ids=ids):
        raise FlashOfBundle(product_id=found.product_id)


async def _struck(
    tx: Tx, *, shop_id: int, variant_ids: Sequence[int], price_minor: int, days: int
) -> dict[int, int]:
    """By variant, the lowest price of the last `days`, in the shop and on air, where the flash is a reduction of it."""
    lowest = {
        variant_id: money.minor
        for variant_id, money in (
            await catalog.lowest_lately(tx, shop_id=shop_id, variant_ids=variant_ids, days=days)
        ).items()
    }
    for row in await flash_queries.lowest_lately(tx, shop_id=shop_id, variant_ids=variant_ids, days=days):
        lowest[row.variant_id] = min(row.minor, lowest.get(row.variant_id, row.minor))
    return {variant_id: minor for variant_id, minor in lowest.items() if minor > price_minor}


async def _flash(tx: Tx, *, shop_id: int, show_id: int, flash_id: int) -> Flash:
    for flash in await flashes(tx, shop_id=shop_id, show_id=show_id):
        if flash.id == flash_id:
            return flash
    raise UnknownFlash(flash_id=flash_id)
