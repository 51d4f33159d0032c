"""A room as the database has it."""

from collections.abc import Sequence
from typing import Any

from shopfloor import accounts, catalog, media, stock
from shopfloor.kernel.database import Tx
from shopfloor.live import queries
from shopfloor.live.events import (
    NoticePosted,
)
from shopfloor.live.models import (
    Offer,
    Show,
    ShowStatus,
)
from shopfloor.live.offers import offers
from shopfloor.live.room import State, left_as_json
from shopfloor.live.shows import public_show


async def room_state(tx: Tx, show_id: int) -> State:
    """A fresh snapshot of a room from the database.  Raises UnknownShow."""
    found = await public_show(tx, show_id)
    shop = await accounts.shop(tx, found.shop_id)
    counts = await queries.counts(tx, show_id=show_id)
    current = await queries.featured_now(tx, show_id=show_id)
    listed = await offers(tx, shop_id=found.shop_id, show_id=show_id)
    return {
        "show": show_as_json(found, shop.slug),
        "featured": None if current is None else {"offer_id": current.offer_id, "at": current.began_video},
        "order": [each.id for each in listed],
        **await _offers_as_json(tx, found, listed),
        "viewers": counts.viewers,
        "likes": counts.likes,
        "orders": counts.orders,
        "notice": found.notice,
    }


async def lefts(tx: Tx, *, show: Show, variant_ids: Sequence[int]) -> dict[int, stock.Availability]:
    """What visitors of a show can buy: from its own pool while it runs, from the open pool before and after."""
    pool_id = show.pool_id if show.status == ShowStatus.LIVE else None
    return await stock.available(tx, shop_id=show.shop_id, variant_ids=variant_ids, pool_id=pool_id)


def show_as_json(show: Show, slug: str) -> dict[str, Any]:
    return {
        "id": show.id,
        "shop": slug,
        "title": show.title,
        "titles": show.titles,
        "status": str(show.status),
        "started_at": None if show.started_at is None else show.started_at.isoformat(),
        "channel_id": show.channel_id,
        "playback": None if show.channel_id is None else media.playback_url(show.channel_id),
    }


def notice_as_json(fact: NoticePosted) -> dict[str, Any] | None:
    """The notice as rooms show it; None when it was taken down."""
    if not fact.text:
        return None
    return {
        "kind": fact.kind,
        "text": fact.text,
        "texts": fact.texts,
        "offer_id": fact.offer_id,
        "at": fact.at,
    }


async def _offers_as_json(tx: Tx, show: Show, listed: Sequence[Offer]) -> dict[str, Any]:
    """`offers`; where some are bundles, `parts`: what is left of what they consist of."""
    variant_ids = sorted({line.variant_id for each in listed for line in each.lines})
    variants = {
        variant.id: variant for variant in await catalog.variants(tx, shop_id=show.shop_id, ids=variant_ids)
    }
    products = await catalog.products_by_id(
        tx, shop_id=show.shop_id, ids=[each.product_id for each in listed]
    )
    bundles = await catalog.bundles(tx, shop_id=show.shop_id, variant_ids=variant_ids)
    part_ids = sorted({part.variant_id for bundle in bundles.values() for part in bundle.parts})
    left = await lefts(tx, show=show, variant_ids=sorted({*variant_ids, *part_ids}))
    waiting = {row.variant_id: row.units for row in await queries.waiting(tx, show_id=show.id)}
    result: dict[str, Any] = {}
    parts = {str(part_id): _left_as_json(left[part_id]) for part_id in part_ids}
    for each in listed:
        product = products[each.product_id]
        result[str(each.id)] = {
            "id": each.id,
            "product_id": each.product_id,
            "title": product.title,
            "titles": product.titles,
            "picture": product.picture_sha,
            "kind": str(product.kind),
            "option_names": list(product.option_names),
            "policy": str(each.policy),
            "limit": each.limit_per_buyer,
            "hold_seconds": each.hold_seconds,
            "deposit_percent": each.deposit_percent,
            "lines": {
                str(line.variant_id): {
                    "id": line.variant_id,
                    "sku": variants[line.variant_id].sku,
                    "options": list(variants[line.variant_id].options),
                    "price_minor": line.price_minor,
                    "currency": each.currency,
                    **_left_as_json(left[line.variant_id]),
                    "waiting": waiting.get(line.variant_id, 0),
                    **_parts_as_json(bundles.get(line.variant_id)),
                }
                for line in each.lines
            },
        }
    return {"offers": result, "parts": parts} if parts else {"offers": result}


def _left_as_json(left: stock.Availability) -> dict[str, Any]:
    return left_as_json(left.left_now, left.ready_on, left.lots)


def _parts_as_json(bundle: catalog.Bundle | None) -> dict[str, Any]:
    """What one of a line consists of; nothing for a plain variant."""
    if bundle is None:
        return {}
    return {
        "parts": [
            {
                "id": part.variant_id,
                "quantity": part.quantity,
                "title": part.title,
                "titles": part.titles,
                "options": part.options,
            }
            for part in bundle.parts
        ]
    }
