"""What a show does in which order: slots, what is shown just now, notices."""

from collections.abc import Sequence

from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.text import UnusableText, line, prose
from shopfloor.kernel.values import now, video_ms
from shopfloor.live import (
    MAX_TITLE,
    BadShow,
    ShowChanged,
    ShowStatus,
    WrongStatus,
    locked,
    show,
)
from shopfloor.run_of_show import slot_queries
from shopfloor.run_of_show.events import OfferFeatured
from shopfloor.run_of_show.models import FeaturedInterval, Slot, SlotRole, UnknownSlot
from shopfloor.run_of_show.offers import offer, refuse_inactive

MAX_SCRIPT = 20_000


async def add_slot(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    offer_id: int | None = None,
    minutes: int = 5,
    role: SlotRole = SlotRole.TALK,
    title: str = "",
    script: str = "",
) -> Slot:
    """A slot at the end of the run of show: talk, or another turn of an offer."""
    (await locked(tx, shop_id, show_id)).refuse_ended()
    title, script = _checked_slot(minutes, title, script)
    if offer_id is not None:
        await offer(tx, shop_id=shop_id, show_id=show_id, offer_id=offer_id)
    slot = await slot_queries.insert_slot(
        tx, show_id=show_id, offer_id=offer_id, minutes=minutes, role=str(role), title=title, script=script
    )
    await outbox.record(tx, ShowChanged(shop_id, show_id))
    return slot


async def change_slot(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    slot_id: int,
    minutes: int | None = None,
    role: SlotRole | None = None,
    title: str | None = None,
    script: str | None = None,
) -> Slot:
    (await locked(tx, shop_id, show_id)).refuse_ended()
    before = await _slot(tx, show_id=show_id, slot_id=slot_id)
    minutes = before.minutes if minutes is None else minutes
    title, script = _checked_slot(
        minutes, before.title if title is None else title, before.script if script is None else script
    )
    await slot_queries.update_slot(
        tx, slot_id=slot_id, minutes=minutes, role=str(role or before.role), title=title, script=script
    )
    return await _slot(tx, show_id=show_id, slot_id=slot_id)


async def remove_slot(tx: Tx, *, shop_id: int, show_id: int, slot_id: int) -> None:
    """Take a slot out of the run of show; the offer itself stays."""
    (await locked(tx, shop_id, show_id)).refuse_ended()
    await _slot(tx, show_id=show_id, slot_id=slot_id)
    await slot_queries.delete_slot(tx, slot_id=slot_id)
    await outbox.record(tx, ShowChanged(shop_id, show_id))


async def order_slots(tx: Tx, *, shop_id: int, show_id: int, slot_ids: Sequence[int]) -> list[Slot]:
    """Put the run of show in this order.  Raises BadShow unless exactly its slots are named."""
    (await locked(tx, shop_id, show_id)).refuse_ended()
    known = await slot_queries.slots(tx, show_id=show_id)
    if sorted(slot_ids) != sorted(slot.id for slot in known):
        raise BadShow("Name every slot of the show once.", slots=[slot.id for slot in known])
    await slot_queries.place_slots(
        tx, places=[{"slot_id": slot_id, "position": turn} for turn, slot_id in enumerate(slot_ids, 1)]
    )
    await outbox.record(tx, ShowChanged(shop_id, show_id))
    return await slot_queries.slots(tx, show_id=show_id)


async def move_slot(tx: Tx, *, shop_id: int, show_id: int, slot_id: int, by: int) -> None:
    """So many places further down, or up; ends stop it.  Raises UnknownSlot."""
    ids = [slot.id for slot in await slots(tx, shop_id=shop_id, show_id=show_id)]
    await order_slots(tx, shop_id=shop_id, show_id=show_id, slot_ids=moved(ids, slot_id, by))


def moved(ids: Sequence[int], which: int, by: int) -> list[int]:
    """`ids` with one of them `by` places further down; ends stop it.  Raises UnknownSlot."""
    if which not in ids:
        raise UnknownSlot(slot_id=which)
    order = list(ids)
    place = order.index(which)
    order.insert(max(0, min(len(order) - 1, place + by)), order.pop(place))
    return order


async def slots(tx: Tx, *, shop_id: int, show_id: int) -> list[Slot]:
    await show(tx, shop_id=shop_id, show_id=show_id)
    return await slot_queries.slots(tx, show_id=show_id)


async def feature(
    tx: Tx, *, shop_id: int, show_id: int, offer_id: int | None, at: int | None = None, by: int | None = None
) -> None:
    """Show an offer (None: none) from `at` on.  What was shown before stops there; the interval is kept.

    Raises UnknownShow, WrongStatus, UnknownOffer, or ProductNotActive for a draft.
    """
    parent = await locked(tx, shop_id, show_id)
    if parent.status != ShowStatus.LIVE:
        raise WrongStatus("Only a running show shows something.", status=str(parent.status))
    product_id = None
    if offer_id is not None:
        found = await offer(tx, shop_id=shop_id, show_id=show_id, offer_id=offer_id)
        product_id = found.product_id
        await refuse_inactive(tx, shop_id=shop_id, product_id=product_id)
    current = await slot_queries.featured_now(tx, show_id=show_id)
    if (None if current is None else current.offer_id) == offer_id:
        return
    moment = now()
    video = video_ms(moment) if at is None else at
    await slot_queries.close_featured_interval(tx, show_id=show_id, at=moment, video=video)
    if offer_id is not None:
        await slot_queries.open_featured_interval(
            tx, show_id=show_id, offer_id=offer_id, at=moment, video=video, by=by
        )
    await outbox.record(tx, OfferFeatured(shop_id, show_id, offer_id, product_id, video))


async def featured_intervals(tx: Tx, *, shop_id: int, show_id: int) -> list[FeaturedInterval]:
    """When what was shown, in order."""
    await show(tx, shop_id=shop_id, show_id=show_id)
    return await slot_queries.featured_intervals(tx, show_id=show_id)


async def _slot(tx: Tx, *, show_id: int, slot_id: int) -> Slot:
    for slot in await slot_queries.slots(tx, show_id=show_id):
        if slot.id == slot_id:
            return slot
    raise UnknownSlot(slot_id=slot_id)


def _checked_slot(minutes: int, title: str, script: str) -> tuple[str, str]:
    """Title and script as they are kept.  Raises BadShow."""
    if not 0 <= minutes <= 1440:
        raise BadShow("A slot lasts up to 1440 minutes.", minutes=minutes)
    try:
        return line(title, field="title", longest=MAX_TITLE), prose(
            script, field="script", longest=MAX_SCRIPT
        )
    except UnusableText as problem:
        raise BadShow("The title or script of the slot is too long.") from problem
