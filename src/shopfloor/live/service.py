"""The verbs of a show: plan it, start it, show things, change prices, end it.

Times of the video are milliseconds since 1970 on the clock of the stream (its programme time); when the
caller does not know better they are taken from the wall clock.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from shopfloor import accounts, catalog, media, stock
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import MAX_MINOR, MAX_QUANTITY, now
from shopfloor.live import queries
from shopfloor.live.events import (
    NoticePosted,
    OfferAdded,
    OfferChanged,
    OfferFeatured,
    OfferPriceChanged,
    ShowChanged,
    ShowCounted,
    ShowEnded,
    ShowPlanned,
    ShowStarted,
    WaitingChanged,
)
from shopfloor.live.models import (
    BadOffer,
    BadShow,
    ChannelBusy,
    Explained,
    LimitBelowBundle,
    NothingToSell,
    Notice,
    NoticeKind,
    Offer,
    OfferedAlready,
    OfferLine,
    OfferTerms,
    Policy,
    Price,
    Show,
    ShowStatus,
    Slot,
    SlotRole,
    UnknownOffer,
    UnknownShow,
    UnknownSlot,
    Watching,
    WrongStatus,
    check_move,
)
from shopfloor.live.room import State, left_as_json

MAX_TITLE = 120
LEASE_SECONDS = 6.0


def video_ms(at: datetime) -> int:
    """A moment as the clock of the video counts it."""
    return int(at.timestamp() * 1000)


async def plan_show(
    tx: Tx,
    *,
    shop_id: int,
    title: str,
    titles: Mapping[str, str] | None = None,
    starts_at: datetime | None = None,
    channel_id: int | None = None,
    host_id: int | None = None,
    limit_per_show: int | None = None,
) -> Show:
    """A new show, not yet on air.  `limit_per_show` is how many units one buyer may take in all of it."""
    _check_show(title, titles, limit_per_show)
    show = await queries.insert_show(
        tx,
        shop_id=shop_id,
        title=title.strip(),
        titles=titles or {},
        starts_at=starts_at,
        channel_id=channel_id,
        host_id=host_id,
        limit_per_show=limit_per_show,
    )
    await outbox.record(tx, ShowPlanned(shop_id, show.id, show.title))
    return show


async def change_show(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    title: str | None = None,
    titles: Mapping[str, str] | None = None,
    starts_at: datetime | None = None,
    channel_id: int | None = None,
    host_id: int | None = None,
    limit_per_show: int | None = None,
) -> Show:
    """Change what is given; None leaves a thing as it is, a limit of 0 takes it away.  A show that ended stays as it was."""
    before = await _locked(tx, shop_id, show_id)
    _refuse_ended(before)
    limit_per_show = before.limit_per_show if limit_per_show is None else limit_per_show or None
    _check_show(title if title is not None else before.title, titles, limit_per_show)
    if before.status == ShowStatus.LIVE and channel_id not in {None, before.channel_id}:
        raise WrongStatus("The camera of a running show cannot be changed.", status=str(before.status))
    await queries.update_show(
        tx,
        show_id=show_id,
        title=before.title if title is None else title.strip(),
        titles=before.titles if titles is None else titles,
        starts_at=starts_at or before.starts_at,
        channel_id=channel_id or before.channel_id,
        host_id=host_id or before.host_id,
        limit_per_show=limit_per_show,
    )
    await outbox.record(tx, ShowChanged(shop_id, show_id))
    return await show(tx, shop_id=shop_id, show_id=show_id)


async def show(tx: Tx, *, shop_id: int, show_id: int) -> Show:
    """Raises UnknownShow, also for a show of another shop."""
    found = await queries.show(tx, show_id=show_id)
    if found is None or found.shop_id != shop_id:
        raise UnknownShow(show_id=show_id)
    return found


async def public_show(tx: Tx, show_id: int) -> Show:
    """The show behind a room's address, whichever shop it belongs to.  Raises UnknownShow."""
    found = await queries.show(tx, show_id=show_id)
    if found is None:
        raise UnknownShow(show_id=show_id)
    return found


async def shows(tx: Tx, *, shop_id: int, status: ShowStatus | None = None, limit: int = 100) -> list[Show]:
    """Newest first."""
    return await queries.shows(
        tx, shop_id=shop_id, status=None if status is None else str(status), limit=limit
    )


async def shows_on_air(tx: Tx, *, channel_id: int) -> list[Show]:
    """The show this camera channel films just now: none or one."""
    return await queries.shows_on_air(tx, channel_id=channel_id)


async def add_offer(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    product_id: int,
    lines: Sequence[OfferLine],
    policy: Policy = Policy.TIMER,
    hold_seconds: int = 300,
    limit_per_buyer: int | None = None,
    deposit_percent: int | None = None,
    minutes: int = 5,
    role: SlotRole = SlotRole.HERO,
    script: str = "",
    by: int | None = None,
) -> Offer:
    """Offer a product in a show, with a slot at the end of the run of show; also on air.

    The quotas of a running show are set apart at once, as far as the open pool has them.
    Raises BadOffer, LimitBelowBundle, OfferedAlready, UnknownShow, WrongStatus.
    """
    parent = await _locked(tx, shop_id, show_id)
    _refuse_ended(parent)
    currency = await _check_lines(tx, shop_id=shop_id, product_id=product_id, lines=lines)
    _check_terms(policy, hold_seconds, limit_per_buyer, deposit_percent)
    await _check_limits(tx, parent, lines, limit_per_buyer)
    offer_id = await queries.insert_offer(
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
    await queries.insert_lines(tx, lines=rows)
    await queries.insert_prices(tx, prices=rows)
    await queries.insert_slot(
        tx, show_id=show_id, offer_id=offer_id, minutes=minutes, role=str(role), title="", script=script
    )
    if parent.status == ShowStatus.LIVE:
        await _set_apart(tx, shop_id=shop_id, show_id=show_id)
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


async def change_offer(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    offer_id: int,
    policy: Policy | None = None,
    hold_seconds: int | None = None,
    limit_per_buyer: int | None = None,
    deposit_percent: int | None = None,
    quotas: Mapping[int, int] | None = None,
) -> Offer:
    """Change the terms given, and top up quotas; on air the units are set apart at once.

    None leaves a term as it is; a limit or deposit of 0 takes it away.
    """
    parent = await _locked(tx, shop_id, show_id)
    _refuse_ended(parent)
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
        await queries.set_quota(tx, offer_id=offer_id, variant_id=variant_id, quota=quota)
    await queries.update_offer(
        tx,
        offer_id=offer_id,
        policy=str(policy),
        hold_seconds=hold_seconds,
        limit_per_buyer=limit_per_buyer,
        deposit_percent=deposit_percent,
    )
    if quotas and parent.status == ShowStatus.LIVE:
        await _set_apart(tx, shop_id=shop_id, show_id=show_id)
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
) -> None:
    """A new price from now on; the old ones stay in the history.  Holds keep the price they were made at."""
    parent = await _locked(tx, shop_id, show_id)
    _refuse_ended(parent)
    parent_offer = await offer(tx, shop_id=shop_id, show_id=show_id, offer_id=offer_id)
    line = parent_offer.line(variant_id)
    _check_price(variant_id, price_minor)
    if line.price_minor == price_minor:
        return
    await queries.set_price(tx, offer_id=offer_id, variant_id=variant_id, price_minor=price_minor)
    await queries.insert_prices(
        tx,
        prices=[
            {
                "offer_id": offer_id,
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
            shop_id,
            show_id,
            offer_id,
            parent_offer.product_id,
            variant_id,
            price_minor,
            line.price_minor,
            parent_offer.currency,
            video_ms(now()) if at is None else at,
        ),
    )


async def prices(tx: Tx, *, shop_id: int, show_id: int) -> list[Price]:
    """Every price of the show, oldest first."""
    await show(tx, shop_id=shop_id, show_id=show_id)
    return await queries.prices(tx, show_id=show_id)


async def offers(tx: Tx, *, shop_id: int, show_id: int) -> list[Offer]:
    """In the order of the run of show."""
    await show(tx, shop_id=shop_id, show_id=show_id)
    found = {row.id: row for row in await queries.offers(tx, show_id=show_id)}
    lines: dict[int, list[OfferLine]] = {offer_id: [] for offer_id in found}
    currency: dict[int, str] = {}
    for row in await queries.lines(tx, show_id=show_id):
        lines[row.offer_id].append(OfferLine(row.variant_id, row.price_minor, row.quota))
        currency[row.offer_id] = row.currency
    order = _run_of_show(await queries.slots(tx, show_id=show_id), list(found))
    return [
        Offer(
            row.id,
            row.show_id,
            row.product_id,
            Policy(row.policy),
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


async def offer_terms(tx: Tx, offer_id: int) -> dict[int, OfferTerms]:
    """All that an intake must know of an offer, by variant; empty when there is no such offer."""
    return {terms.variant_id: terms for terms in await queries.offer_terms(tx, offer_id=offer_id)}


async def show_terms(tx: Tx, show_id: int) -> list[OfferTerms]:
    """The same for every offer of a show."""
    return await queries.show_terms(tx, show_id=show_id)


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
    _refuse_ended(await _locked(tx, shop_id, show_id))
    _check_slot(minutes, title, script)
    if offer_id is not None:
        await offer(tx, shop_id=shop_id, show_id=show_id, offer_id=offer_id)
    slot = await queries.insert_slot(
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
    _refuse_ended(await _locked(tx, shop_id, show_id))
    before = await _slot(tx, show_id=show_id, slot_id=slot_id)
    after = (
        before.minutes if minutes is None else minutes,
        before.title if title is None else title,
        before.script if script is None else script,
    )
    _check_slot(*after)
    await queries.update_slot(
        tx, slot_id=slot_id, minutes=after[0], role=str(role or before.role), title=after[1], script=after[2]
    )
    return await _slot(tx, show_id=show_id, slot_id=slot_id)


async def remove_slot(tx: Tx, *, shop_id: int, show_id: int, slot_id: int) -> None:
    """Take a slot out of the run of show; the offer itself stays."""
    _refuse_ended(await _locked(tx, shop_id, show_id))
    await _slot(tx, show_id=show_id, slot_id=slot_id)
    await queries.delete_slot(tx, slot_id=slot_id)
    await outbox.record(tx, ShowChanged(shop_id, show_id))


async def order_slots(tx: Tx, *, shop_id: int, show_id: int, slot_ids: Sequence[int]) -> list[Slot]:
    """Put the run of show in this order.  Raises BadShow unless exactly its slots are named."""
    _refuse_ended(await _locked(tx, shop_id, show_id))
    known = await queries.slots(tx, show_id=show_id)
    if sorted(slot_ids) != sorted(slot.id for slot in known):
        raise BadShow("Name every slot of the show once.", slots=[slot.id for slot in known])
    await queries.place_slots(
        tx, places=[{"slot_id": slot_id, "position": turn} for turn, slot_id in enumerate(slot_ids, 1)]
    )
    await outbox.record(tx, ShowChanged(shop_id, show_id))
    return await queries.slots(tx, show_id=show_id)


async def slots(tx: Tx, *, shop_id: int, show_id: int) -> list[Slot]:
    await show(tx, shop_id=shop_id, show_id=show_id)
    return await queries.slots(tx, show_id=show_id)


async def start_show(tx: Tx, *, shop_id: int, show_id: int, by: int | None = None) -> Show:
    """On air: the quotas move into the show's own pool, as far as there are units.

    Raises WrongStatus, NothingToSell, ChannelBusy.
    """
    before = await _locked(tx, shop_id, show_id)
    check_move(before, ShowStatus.LIVE)
    if not await queries.offers(tx, show_id=show_id):
        raise NothingToSell
    if before.channel_id is not None:
        others = await queries.shows_on_air(tx, channel_id=before.channel_id)
        if others:
            raise ChannelBusy(channel_id=before.channel_id)
    pool = await _set_apart(tx, shop_id=shop_id, show_id=show_id)
    at = now()
    await queries.set_live(tx, show_id=show_id, pool_id=pool.id, at=at)
    host_id = before.host_id if before.host_id is not None else by
    await outbox.record(tx, ShowStarted(shop_id, show_id, pool.id, before.channel_id, host_id, video_ms(at)))
    return await show(tx, shop_id=shop_id, show_id=show_id)


async def set_parts_apart(tx: Tx, *, shop_id: int, variant_id: int) -> None:
    """A variant consists of other parts from now on: running shows that offer it set those apart."""
    for show_id in await queries.shows_offering(tx, shop_id=shop_id, variant_id=variant_id):
        if (await _locked(tx, shop_id, show_id)).status == ShowStatus.LIVE:
            await _set_apart(tx, shop_id=shop_id, show_id=show_id)


async def feature(
    tx: Tx, *, shop_id: int, show_id: int, offer_id: int | None, at: int | None = None, by: int | None = None
) -> None:
    """Show an offer (None: none) from `at` on.  What was shown before stops there; the interval is kept."""
    parent = await _locked(tx, shop_id, show_id)
    if parent.status != ShowStatus.LIVE:
        raise WrongStatus("Only a running show shows something.", status=str(parent.status))
    product_id = None
    if offer_id is not None:
        found = await offer(tx, shop_id=shop_id, show_id=show_id, offer_id=offer_id)
        product_id = found.product_id
    current = await queries.explained_now(tx, show_id=show_id)
    if (None if current is None else current.offer_id) == offer_id:
        return
    moment = now()
    video = video_ms(moment) if at is None else at
    await queries.close_explained(tx, show_id=show_id, at=moment, video=video)
    if offer_id is not None:
        await queries.open_explained(tx, show_id=show_id, offer_id=offer_id, at=moment, video=video, by=by)
    await outbox.record(tx, OfferFeatured(shop_id, show_id, offer_id, product_id, video))


async def explained(tx: Tx, *, shop_id: int, show_id: int) -> list[Explained]:
    """When what was shown, in order."""
    await show(tx, shop_id=shop_id, show_id=show_id)
    return await queries.explained(tx, show_id=show_id)


async def end_show(tx: Tx, *, shop_id: int, show_id: int, by: int | None = None) -> Show:
    """Off air: what was shown is closed, what is left of the quotas flows back.  Holds stay as they are."""
    before = await _locked(tx, shop_id, show_id)
    check_move(before, ShowStatus.ENDED)
    assert before.pool_id is not None, "a running show has a pool"
    at = now()
    video = video_ms(at)
    if await queries.close_explained(tx, show_id=show_id, at=at, video=video) is not None:
        await outbox.record(tx, OfferFeatured(shop_id, show_id, None, None, video))
    await queries.set_ended(tx, show_id=show_id, at=at)
    await stock.close_show_pool(tx, shop_id=shop_id, show_id=show_id)
    host_id = before.host_id if before.host_id is not None else by
    await outbox.record(tx, ShowEnded(shop_id, show_id, before.pool_id, before.channel_id, host_id, video))
    return await show(tx, shop_id=shop_id, show_id=show_id)


async def post_notice(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    text: str,
    texts: Mapping[str, str] | None = None,
    kind: NoticeKind = NoticeKind.NOTICE,
    offer_id: int | None = None,
    by: int | None = None,
    at: int | None = None,
) -> Notice:
    """A notice, or the correction of something said, on top of the room and in the show's record."""
    parent = await _locked(tx, shop_id, show_id)
    _refuse_ended(parent)
    if not 1 <= len(text.strip()) <= 500:
        raise BadShow("A notice has 1 to 500 characters.", length=len(text))
    if offer_id is not None:
        await offer(tx, shop_id=shop_id, show_id=show_id, offer_id=offer_id)
    video = video_ms(now()) if at is None else at
    notice = await queries.insert_notice(
        tx,
        show_id=show_id,
        kind=str(kind),
        text=text.strip(),
        texts=texts or {},
        offer_id=offer_id,
        video=video,
        by=by,
    )
    fact = NoticePosted(shop_id, show_id, str(kind), notice.text, notice.texts, offer_id, video)
    await queries.set_notice(tx, show_id=show_id, notice=notice_as_json(fact))
    await outbox.record(tx, fact)
    return notice


async def clear_notice(tx: Tx, *, shop_id: int, show_id: int) -> None:
    """Take the notice down; the record keeps it."""
    parent = await _locked(tx, shop_id, show_id)
    if parent.notice is not None:
        await queries.set_notice(tx, show_id=show_id, notice=None)
        fact = NoticePosted(shop_id, show_id, "notice", "", {}, None, video_ms(now()))
        await outbox.record(tx, fact)


async def notices(tx: Tx, *, shop_id: int, show_id: int) -> list[Notice]:
    await show(tx, shop_id=shop_id, show_id=show_id)
    return await queries.notices(tx, show_id=show_id)


async def count_order(tx: Tx, *, shop_id: int, show_id: int, by: int = 1) -> None:
    """An order was placed in this show (by=-1: it does not count after all)."""
    orders = await queries.add_orders(tx, show_id=show_id, by=by)
    await outbox.record(tx, ShowCounted(shop_id, show_id, orders))


async def count_waiting(tx: Tx, *, shop_id: int, show_id: int, variant_id: int, units: int) -> None:
    """So many units of a variant are waited for in this show now."""
    await queries.set_waiting(tx, show_id=show_id, variant_id=variant_id, units=units)
    await outbox.record(tx, WaitingChanged(shop_id, show_id, variant_id, units))


async def share_presence(
    tx: Tx, *, process: str, viewers: Mapping[int, int], likes: Mapping[int, int]
) -> list[Watching]:
    """Tell the viewers this process counts in each show, and the likes since last time; learn the totals.

    The viewers of a process that stops telling are gone after six seconds.
    """
    await queries.add_likes(
        tx, likes=[{"show_id": show_id, "likes": count} for show_id, count in sorted(likes.items()) if count]
    )
    await queries.renew_leases(
        tx,
        leases=[
            {"process": process, "show_id": show_id, "viewers": count, "seconds": LEASE_SECONDS}
            for show_id, count in sorted(viewers.items())
        ],
    )
    totals = await queries.watching(tx, show_ids=sorted({*viewers, *likes}))
    await queries.raise_peaks(
        tx, peaks=[{"show_id": total.show_id, "viewers": total.viewers} for total in totals if total.viewers]
    )
    return totals


async def drop_presence(tx: Tx, *, process: str) -> None:
    """Count nobody in `process` any more."""
    await queries.drop_leases(tx, process=process)


async def room_state(tx: Tx, show_id: int) -> State:
    """A fresh snapshot of a room from the database.  Raises UnknownShow."""
    found = await public_show(tx, show_id)
    shop = await accounts.shop(tx, found.shop_id)
    counts = await queries.counts(tx, show_id=show_id)
    current = await queries.explained_now(tx, show_id=show_id)
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


async def _set_apart(tx: Tx, *, shop_id: int, show_id: int) -> stock.Pool:
    """Units for the quotas of all offers; of a bundle, units of its parts."""
    quotas: dict[int, int] = {}
    lines = await queries.lines(tx, show_id=show_id)
    bundles = await catalog.bundles(tx, shop_id=shop_id, variant_ids=[line.variant_id for line in lines])
    for line in lines:
        if line.quota is None:
            continue
        bundle = bundles.get(line.variant_id)
        units = {line.variant_id: 1}
        if bundle is not None:
            units = {part.variant_id: part.quantity for part in bundle.parts}
        for variant_id, each in units.items():
            quotas[variant_id] = min(MAX_QUANTITY, quotas.get(variant_id, 0) + line.quota * each)
    return await stock.open_show_pool(tx, shop_id=shop_id, show_id=show_id, quotas=quotas)


def _run_of_show(slots: Sequence[Slot], offer_ids: Sequence[int]) -> list[int]:
    """Offers by their first slot; those without one at the end."""
    placed = dict.fromkeys(slot.offer_id for slot in slots if slot.offer_id is not None)
    return [*placed, *(offer_id for offer_id in offer_ids if offer_id not in placed)]


async def _locked(tx: Tx, shop_id: int, show_id: int) -> Show:
    found = await queries.locked_show(tx, shop_id=shop_id, show_id=show_id)
    if found is None:
        raise UnknownShow(show_id=show_id)
    return found


async def _slot(tx: Tx, *, show_id: int, slot_id: int) -> Slot:
    for slot in await queries.slots(tx, show_id=show_id):
        if slot.id == slot_id:
            return slot
    raise UnknownSlot(slot_id=slot_id)


def _refuse_ended(show: Show) -> None:
    if show.status == ShowStatus.ENDED:
        raise WrongStatus("The show is over.", status=str(show.status))


def _check_show(title: str, titles: Mapping[str, str] | None, limit_per_show: int | None) -> None:
    for each in (title, *(titles or {}).values()):
        if not 1 <= len(each.strip()) <= MAX_TITLE:
            raise BadShow(f"A title has 1 to {MAX_TITLE} characters.", length=len(each))
    if limit_per_show is not None and not 1 <= limit_per_show <= MAX_QUANTITY:
        raise BadShow("A limit is a whole number from 1.", limit_per_show=limit_per_show)


def _check_slot(minutes: int, title: str, script: str) -> None:
    if not 0 <= minutes <= 1440:
        raise BadShow("A slot lasts up to 1440 minutes.", minutes=minutes)
    if len(title) > MAX_TITLE or len(script) > 20_000:
        raise BadShow("The title or script of the slot is too long.")


def _check_terms(
    policy: Policy, hold_seconds: int, limit_per_buyer: int | None, deposit_percent: int | None
) -> None:
    if policy not in set(Policy):
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
