"""A room as the database has it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from shopfloor import accounts, catalog, media, run_of_show, stock
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import video_ms
from shopfloor.live import Show, ShowStatus, public_show
from shopfloor.rooms import presence_queries
from shopfloor.rooms.cards import cards
from shopfloor.rooms.events import NoticePosted
from shopfloor.rooms.room import left_state
from shopfloor.rooms.state import (
    BundlePart,
    FeaturedState,
    FlashState,
    LeftState,
    LineState,
    NoticeState,
    OfferState,
    PayAtEndState,
    PinnedState,
    RoomState,
    ShowState,
)
from shopfloor.run_of_show import FlashStarted, Offer, OfferLine


async def room_state(tx: Tx, show_id: int) -> RoomState:
    """A fresh snapshot of a room from the database.  Raises UnknownShow."""
    found = await public_show(tx, show_id)
    shop = await accounts.shop(tx, found.shop_id)
    counts = await presence_queries.counts(tx, show_id=show_id)
    current = await presence_queries.featured_now(tx, show_id=show_id)
    listed, offered, parts = await _on_sale(tx, found)
    visible = {each.id for each in listed}
    return RoomState(
        show=show_state(found, shop.slug),
        featured=None
        if current is None or current.offer_id not in visible
        else FeaturedState(offer_id=current.offer_id, at=current.began_video),
        order=tuple(each.id for each in listed),
        offers={str(each.id): each for each in offered},
        parts=parts,
        viewers=counts.viewers,
        likes=counts.likes,
        orders=counts.orders,
        notice=None if found.notice is None else msgspec.convert(found.notice, NoticeState),
        pinned=None if found.pinned is None else msgspec.convert(found.pinned, PinnedState),
        **await cards(tx, show_id=show_id),
    )


async def lefts(tx: Tx, *, show: Show, variant_ids: Sequence[int]) -> dict[int, stock.Availability]:
    """What visitors of a show can buy: from its own pool while it runs, from the open pool before and after."""
    pool_id = show.pool_id if show.status == ShowStatus.LIVE else None
    return await stock.available(tx, shop_id=show.shop_id, variant_ids=variant_ids, pool_id=pool_id)


def show_state(show: Show, slug: str) -> ShowState:
    return ShowState(
        id=show.id,
        shop=slug,
        title=show.title,
        titles=show.titles,
        status=show.status.value,
        started_at=None if show.started_at is None else show.started_at.isoformat(),
        channel_id=show.channel_id,
        playback=None if show.channel_id is None else media.playback_url(show.channel_id),
        pay_at_end=_pay_at_end(show),
        slow_seconds=show.slow_seconds,
    )


def _pay_at_end(show: Show) -> PayAtEndState | None:
    until = show.kept_until
    if until is None or show.pay_after_minutes is None:
        return None
    return PayAtEndState(
        until=until.isoformat(), minutes=show.pay_after_minutes, units=show.unpaid_units or 0
    )


def notice_state(fact: NoticePosted) -> NoticeState | None:
    """The notice as rooms show it; None when it was taken down."""
    if not fact.text:
        return None
    return NoticeState(kind=fact.kind, text=fact.text, texts=fact.texts, offer_id=fact.offer_id, at=fact.at)


def flash_state(fact: FlashStarted) -> FlashState:
    return FlashState(
        ends_at=fact.ends_at,
        units=fact.units,
        days=fact.days,
        struck={str(variant_id): minor for variant_id, minor in fact.struck.items()},
    )


def _running(flash: run_of_show.Flash) -> FlashState:
    return FlashState(
        ends_at=video_ms(flash.ends_at),
        units=flash.units,
        days=flash.reference_days,
        struck={str(variant_id): minor for variant_id, minor in flash.struck.items()},
    )


async def _on_sale(tx: Tx, show: Show) -> tuple[list[Offer], list[OfferState], dict[str, LeftState]]:
    """The offers whose products are active, as they are kept and as the room shows them; where some are bundles,
    also what is left of what they consist of.
    """
    planned = await run_of_show.offers(tx, shop_id=show.shop_id, show_id=show.id)
    products = await catalog.products_by_id(
        tx, shop_id=show.shop_id, ids=[each.product_id for each in planned]
    )
    ids = sorted({line.variant_id for each in planned for line in each.lines})
    variants = {
        each.id: each
        for each in await catalog.variants(tx, shop_id=show.shop_id, ids=ids)
        if not each.is_archived
    }
    listed = [
        replace(each, lines=lines)
        for each in planned
        if products[each.product_id].status == catalog.Status.ACTIVE
        and (lines := tuple(line for line in each.lines if line.variant_id in variants))
    ]
    variant_ids = sorted({line.variant_id for each in listed for line in each.lines})
    bundles = await catalog.bundles(tx, shop_id=show.shop_id, variant_ids=variant_ids)
    inside = {part.product_id for bundle in bundles.values() for part in bundle.parts} - products.keys()
    if inside:
        products |= await catalog.products_by_id(tx, shop_id=show.shop_id, ids=sorted(inside))
    texts = {product.id: product.option_texts for product in products.values()}
    part_ids = sorted({part.variant_id for bundle in bundles.values() for part in bundle.parts})
    left = await lefts(tx, show=show, variant_ids=sorted({*variant_ids, *part_ids}))
    flashes = {
        each.offer_id: _running(each)
        for each in await run_of_show.flashes(tx, shop_id=show.shop_id, show_id=show.id)
        if each.ended_at is None
    }
    waiting = {row.variant_id: row.units for row in await presence_queries.waiting(tx, show_id=show.id)}

    def line_state(line: OfferLine, currency: str) -> LineState:
        found = left_state(left[line.variant_id])
        return LineState(
            id=line.variant_id,
            sku=variants[line.variant_id].sku,
            options=tuple(variants[line.variant_id].options),
            price_minor=line.price_minor,
            currency=currency,
            left=found.left,
            ready_on=found.ready_on,
            later=found.later,
            waiting=waiting.get(line.variant_id, 0),
            parts=_parts_of(bundles.get(line.variant_id), texts),
        )

    def offer_state(offer: Offer, product: catalog.Product) -> OfferState:
        return OfferState(
            id=offer.id,
            product_id=offer.product_id,
            title=product.title,
            titles=product.titles,
            picture=product.picture_sha,
            kind=str(product.kind),
            option_names=tuple(product.option_names),
            option_texts=product.option_texts,
            policy=offer.policy.value,
            limit=offer.limit_per_buyer,
            hold_seconds=offer.hold_seconds,
            deposit_percent=offer.deposit_percent,
            lines={str(line.variant_id): line_state(line, offer.currency) for line in offer.lines},
            flash=flashes.get(offer.id),
        )

    return (
        listed,
        [offer_state(each, products[each.product_id]) for each in listed],
        {str(part_id): left_state(left[part_id]) for part_id in part_ids},
    )


def _parts_of(
    bundle: catalog.Bundle | None, texts: Mapping[int, dict[str, dict[str, str]]]
) -> tuple[BundlePart, ...]:
    """What one of a line consists of; nothing for a plain variant."""
    if bundle is None:
        return ()
    return tuple(
        BundlePart(
            id=part.variant_id,
            quantity=part.quantity,
            title=part.title,
            titles=part.titles,
            options=tuple(part.options),
            option_texts=texts.get(part.product_id, {}),
        )
        for part in bundle.parts
    )
