"""The studio: the page beside the camera.  Every act is a plain form; a script keeps the same page up to date."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import Form
from starlette.responses import Response

from shopfloor import catalog, chat, inventory, live, live_counters, media, rooms, run_of_show, stock
from shopfloor.accounts import Permission
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import Money, now
from shopfloor.shoppers.api import Shopper
from shopfloor.web import https
from shopfloor.web.chat_reasons import REASONS
from shopfloor.web.console import auctions, giveaways, room_cards, unpaid
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.form_values import check_variants, id_of
from shopfloor.web.console.networks import crowds
from shopfloor.web.console.offers import (
    OfferRow,
    SlotRow,
    checklist,
    offer_rows,
    set_offer_prices,
    timed_slots,
    variant_label,
    warnings,
)
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_
from shopfloor.web.replays import Interval

router = Router(prefix="/console/{shop}/shows/{show_id}/studio", include_in_schema=False)

Viewer = Annotated[Desk, at_page("studio")]
Runner = Annotated[Desk, at(Permission.SHOW_RUN)]
Moderator = Annotated[Desk, at(Permission.CHAT_MODERATE)]
Text = Annotated[str, Form(max_length=2000)]

MUTE_MINUTES: Final = 10
# How long a flash may be started for, and how many units it has unless another number is typed.
FLASH_SECONDS: Final = (30, 60, 120, 300, 600)
FLASH_UNITS: Final = 10
# Seconds between two lines of one shopper.
SLOW_MODES: Final = (0, 5, 10, 30, 60)
# How many lines to review the page shows at once.
HELD: Final = 20
# What the script of the page says; everything else it takes from the page itself.
WORDS: Final = {
    "answered": N_("answered"),
    "buyer": N_("bought"),
    "guest": N_("Guest"),
    "hide": N_("Hide"),
    "host": N_("host"),
    "lost": N_("Connection lost. Figures and chat may be out of date; reconnecting automatically."),
    "moderator": N_("shop"),
    "nobody": N_("No messages yet."),
    "no_answer": N_("No response. Check whether it went through before you try again."),
    "not_sent": N_("Not connected. Try again in a moment."),
    "no_video": N_("This browser can't play the video."),
    "quiet": N_("No video from the camera."),
    "coming": N_("Video is loading"),
}
# What the script of the camera says.
CAMERA_WORDS: Final = {
    "badge_off": N_("Off"),
    "badge_preview": N_("Preview: not sent"),
    "badge_connecting": N_("Connecting"),
    "badge_rehearsal": N_("Rehearsal: only the studio sees it"),
    "badge_on_air": N_("On air"),
    "busy": N_("Another camera or encoder is sending on this channel."),
    "camera_lost": N_(
        "The camera was unplugged or taken by another program. Choose a camera below to go on."
    ),
    "camera_n": N_("Camera %(n)s"),
    "denied": N_(
        "The browser was not allowed to use camera and microphone. Tap the camera or lock symbol in the address bar, "
        "allow both, then try again."
    ),
    "encoder": N_("The browser stopped encoding video. Start the camera again."),
    "failed": N_("The camera did not start. Reload the page and try again."),
    "figures": N_("%(mbit)s Mbit/s · %(fps)s frames/s · %(lost)s left out · delay %(delay)s s"),
    "in_use": N_("Another program is using the camera. Close it, then try again."),
    "insecure": N_("Browsers allow a camera only over HTTPS, or on the computer that runs the shop."),
    "line_lost": N_("Connection lost; reconnecting. The show goes on."),
    "may_not": N_("You may not run this shop’s shows, or you were signed out. Sign in again."),
    "microphone_lost": N_("The microphone is gone. Choose one below."),
    "microphone_n": N_("Microphone %(n)s"),
    "moment": N_("One moment, please"),
    "no_camera": N_("No camera was found, so a test picture is shown. Connect one and choose it below."),
    "no_microphone": N_("No microphone"),
    "not_found": N_("This camera or microphone is gone. Connect it, or choose another."),
    "paused": N_(
        "The device has paused the camera: a call, a lock screen or another app. It goes on by itself."
    ),
    "quiet": N_("The microphone hears nothing. Check that it is the right one and not muted."),
    "replaced": N_("Another camera has taken over. This one is no longer sent."),
    "revoked": N_(
        "The permission to use camera or microphone was withdrawn. Allow it in the address bar, then choose it below."
    ),
    "screen": N_("Share the screen"),
    "slow_device": N_(
        "This device is too slow for this picture: it sends fewer frames. Choose 480p under “Picture”, or close other programs."
    ),
    "slow_network": N_(
        "The network is too slow: the picture was reduced to %(mbit)s Mbit/s. Move closer to the Wi-Fi, use a cable, "
        "or choose 480p under “Picture”."
    ),
    "test_picture": N_("Test picture"),
    "unsupported": N_(
        "This browser cannot encode video for a show. Update it, use Chrome, Edge or Safari, or use OBS."
    ),
}


@dataclass(frozen=True, slots=True)
class Count:
    """Of one variant, in this show: what can be bought, what is in checkouts, what is ordered, who waits."""

    left: int
    later: int
    held: int
    sold: int
    waiting: int


@router.get("")
async def studio(desk: Viewer, show_id: Id, shopper: Shopper) -> Response:
    """`shopper` gives the browser the cookie by which the room stream knows it."""
    shop_id = desk.shop.id
    async with desk.work() as tx:
        show = await live.show(tx, shop_id=shop_id, show_id=show_id)
        rows = await offer_rows(tx, show)
        slots = await run_of_show.slots(tx, shop_id=shop_id, show_id=show_id)
        state = await rooms.room_state(tx, show_id)
        counts = await _counts(tx, show, rows, state)
        intervals = await run_of_show.featured_intervals(tx, shop_id=shop_id, show_id=show_id)
        flashes = await run_of_show.flashes(tx, shop_id=shop_id, show_id=show_id)
        said = await chat.recent(tx, show_id=show_id, limit=60)
        asked = await chat.questions(tx, shop_id=shop_id, show_id=show_id, limit=60)
        held = await chat.held(tx, shop_id=shop_id, show_id=show_id, limit=HELD + 1)
        crowded = await crowds(tx, desk)
        basket = await unpaid.of_show(tx, desk, show)
        corrections = await rooms.notices(tx, shop_id=shop_id, show_id=show_id)
        sales = await _sales(tx, desk, show)
        prize = await giveaways.shown(tx, desk, show_id)
        cards = await room_cards.shown(tx, desk, show_id)
        shown_now = state.featured_id
        lot = await auctions.shown(tx, desk, show_id, rows.get(shown_now) if shown_now else None)
    camera = (
        services_of(desk.request).part(media.MediaServer).status(show.channel_id) if show.channel_id else None
    )
    featured = state.featured_id
    current = rows.get(featured) if featured else None
    running = {each.offer_id: each for each in flashes if each.ended_at is None}
    run, minutes = timed_slots(slots, rows, show.started_at or show.starts_at)
    used = {slot.offer_id for slot in slots}
    checks = checklist(desk, show, rows, camera)
    return desk.page(
        "studio.html",
        active="shows",
        show=show,
        state=state,
        run=run,
        minutes=minutes,
        loose=[row for row in rows.values() if row.offer.id not in used],
        rows=rows,
        counts=counts,
        current=current,
        flash=None if current is None else running.get(current.offer.id),
        proposal=None if current is None else _proposal(current),
        flash_seconds=FLASH_SECONDS,
        slot_until=_slot_ends(run, featured, intervals),
        current_since=intervals[-1].began_at if featured and intervals else None,
        following=_following(run, featured),
        turns=_turns(intervals),
        said=said,
        questions=_by_product(asked, intervals, rows),
        slow_modes=SLOW_MODES,
        held=held[:HELD],
        more_held=len(held) > HELD,
        corrections=[notice for notice in corrections if notice.kind == rooms.NoticeKind.CORRECTION],
        camera=camera,
        crowds=crowded,
        basket=basket,
        sales=sales,
        prize=prize,
        lot=lot,
        cards=cards,
        warnings=warnings(desk, camera) if camera is not None else [],
        checks=checks,
        ready=not any(check.kind == "bad" for check in checks),
        reasons={str(reason): desk.say(words) for reason, words in REASONS.items()},
        elapsed=(now() - show.started_at).total_seconds() if show.started_at else 0,
        words={key: desk.say(text) for key, text in WORDS.items()},
        camera_off=https.why_off(desk.request, https.Feature.CAMERA),
        camera_words={key: desk.say(text) for key, text in CAMERA_WORDS.items()},
    )


async def _sales(tx: Tx, desk: Desk, show: live.Show) -> live_counters.Totals | None:
    """What the show has sold so far, for who may see money."""
    if show.started_at is None or Permission.REPORT_VIEW not in desk.actor.permissions:
        return None
    return await live_counters.totals(tx, shop_id=show.shop_id, show_id=show.id)


@router.get("/prompter")
async def prompter(desk: Viewer, show_id: Id, shopper: Shopper) -> Response:
    """What the host says of what is featured, large, for a tablet beside the camera; the studio's script keeps it true."""
    shop_id = desk.shop.id
    async with desk.work() as tx:
        show = await live.show(tx, shop_id=shop_id, show_id=show_id)
        rows = await offer_rows(tx, show)
        slots = await run_of_show.slots(tx, shop_id=shop_id, show_id=show_id)
        state = await rooms.room_state(tx, show_id)
        intervals = await run_of_show.featured_intervals(tx, shop_id=shop_id, show_id=show_id)
        flashes = await run_of_show.flashes(tx, shop_id=shop_id, show_id=show_id)
    featured = state.featured_id
    run, _ = timed_slots(slots, rows, show.started_at or show.starts_at)
    return desk.page(
        "prompter.html",
        active="shows",
        show=show,
        state=state,
        rows=rows,
        current=rows.get(featured) if featured else None,
        slot=next((row.slot for row in run if row.offer and row.offer.offer.id == featured), None),
        until=_slot_ends(run, featured, intervals),
        following=_following(run, featured),
        flash=next((each for each in flashes if each.offer_id == featured and each.ended_at is None), None),
        words={key: desk.say(text) for key, text in WORDS.items()},
    )


def _slot_ends(
    run: Sequence[SlotRow], featured: int | None, intervals: Sequence[Interval]
) -> datetime | None:
    """When the time of the featured product is over, by its slot in the run of show."""
    minutes = next(
        (row.slot.minutes for row in run if row.offer is not None and row.offer.offer.id == featured), 0
    )
    if featured is None or not minutes or not intervals:
        return None
    return intervals[-1].began_at + timedelta(minutes=minutes)


async def _counts(
    tx: Tx, show: live.Show, rows: Mapping[int, OfferRow], state: rooms.RoomState
) -> dict[int, Count]:
    """By variant.  Held and sold are of the units set apart for this show; later units are not split by show.

    A bundle is counted whole, also where units of its parts are counted with the parts.
    """
    ids = sorted({variant_id for row in rows.values() for variant_id in row.variants})
    levels = await inventory.levels(tx, shop_id=show.shop_id, variant_ids=ids)
    own = [level for level in levels if show.pool_id is not None and level.pool_id == show.pool_id]
    whole = await _whole_bundles(tx, show)
    waiting = state.waiting
    counts: dict[int, Count] = {}
    for row in rows.values():
        for variant_id, left in row.lefts.items():
            of_variant = [level for level in own if level.variant_id == variant_id]
            held, sold = whole.get(variant_id, (0, 0))
            counts[variant_id] = Count(
                left.now,
                left.total - left.now,
                held + sum(level.held for level in of_variant),
                sold + sum(level.allocated for level in of_variant),
                waiting.get(variant_id, 0),
            )
    return counts


async def _whole_bundles(tx: Tx, show: live.Show) -> dict[int, tuple[int, int]]:
    """(held, sold) bundles of this show by variant, whatever they consisted of when they were bought."""
    if show.pool_id is None:
        return {}
    units = await stock.units_in_bundles(tx, shop_id=show.shop_id, pool_id=show.pool_id)
    counts: dict[int, tuple[int, int]] = {}
    for bundle in (await catalog.bundles_by_id(tx, shop_id=show.shop_id, ids=list(units))).values():
        held, sold = counts.get(bundle.variant_id, (0, 0))
        more_held, more_sold = (pieces // bundle.units for pieces in units[bundle.id])
        counts[bundle.variant_id] = held + more_held, sold + more_sold
    return counts


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the form of a flash begins with: two taps suffice."""

    price_minor: int
    units: int


def _proposal(row: OfferRow) -> Proposal | None:
    """A fifth off, to two digits that count, for the first ten units; None where nothing is on hand or dear enough."""
    lowest = row.prices[0]
    off = lowest * 4 // 5
    whole = 10 ** max(0, len(str(off)) - 2)
    price = off // whole * whole
    return (
        None
        if not row.left.now or not 0 < price < lowest
        else Proposal(price, min(FLASH_UNITS, row.left.now))
    )


def _following(run: Sequence[SlotRow], featured: int | None) -> int | None:
    """The offer that the run of show has after the one shown now; the first one when none is."""
    ids = [
        row.offer.offer.id
        for row in run
        if row.offer is not None and (row.offer.is_active or row.offer.offer.id == featured)
    ]
    if featured not in ids:
        return ids[0] if ids else None
    after = [offer_id for offer_id in ids[ids.index(featured) + 1 :] if offer_id != featured]
    return after[0] if after else None


def _by_product(
    lines: Sequence[chat.Line], intervals: Sequence[Interval], rows: Mapping[int, OfferRow]
) -> list[tuple[OfferRow | None, list[chat.Line]]]:
    """Open questions by what was featured when they were asked, as they came; the newest group first."""
    found: dict[int | None, list[chat.Line]] = {}
    for line in lines:
        about = next(
            (
                interval.offer_id
                for interval in reversed(intervals)
                if interval.began_at <= line.at and (interval.ended_at is None or line.at < interval.ended_at)
            ),
            None,
        )
        found.setdefault(about if about in rows else None, []).append(line)
    return [(None if about is None else rows[about], each[::-1]) for about, each in found.items()]


def _turns(intervals: Sequence[Interval]) -> dict[int, float]:
    """Seconds that each offer was shown so far."""
    seconds: dict[int, float] = {}
    for interval in intervals:
        length = ((interval.ended_at or now()) - interval.began_at).total_seconds()
        seconds[interval.offer_id] = seconds.get(interval.offer_id, 0.0) + length
    return seconds


def _back(desk: Desk, show_id: int, said: str | None = None, *, at: str = "") -> Response:
    return desk.back(f"/shows/{show_id}/studio{at}", said)


@router.post("/feature")
async def feature(desk: Runner, show_id: Id, offer_id: Annotated[str, Form(max_length=19)] = "") -> Response:
    """Show this offer; none when empty."""
    with desk.back_if_refused(f"/shows/{show_id}/studio"):
        number = id_of(offer_id) if offer_id else None
        async with desk.work() as tx:
            await run_of_show.feature(
                tx, shop_id=desk.shop.id, show_id=show_id, offer_id=number, by=desk.actor.person_id
            )
    return _back(desk, show_id)


@router.post("/price")
async def price(desk: Runner, show_id: Id, offer_id: Annotated[Id, Form()]) -> Response:
    """New prices of an offer from now on; `price` stands for all of its variants, `price-ID` for one."""
    form = await desk.request.form()
    typed = {name: value.strip() for name, value in form.items() if isinstance(value, str)}
    with desk.back_if_refused(f"/shows/{show_id}/studio"):
        async with desk.work() as tx:
            offer = await run_of_show.offer(tx, shop_id=desk.shop.id, show_id=show_id, offer_id=offer_id)
            check_variants(typed, "price", known={line.variant_id for line in offer.lines})
            texts = {
                line.variant_id: typed.get("price") or typed.get(f"price-{line.variant_id}", "")
                for line in offer.lines
            }
            # Where none was typed the first is read, to say that an amount is missing.
            asked = {key: text for key, text in texts.items() if text} or dict([*texts.items()][:1])
            prices = {variant_id: desk.minor(text) for variant_id, text in asked.items()}
            await set_offer_prices(tx, desk, offer, prices, reason="changed on air")
    return _back(
        desk, show_id, desk.say(N_("The new price is live on every page. Reserved items keep their price."))
    )


@router.post("/flash")
async def flash(
    desk: Runner,
    show_id: Id,
    offer_id: Annotated[Id, Form()],
    price: Annotated[str, Form(max_length=40)] = "",
    units: Annotated[str, Form(max_length=20)] = "",
    seconds: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """So many units of an offer at a lower price, for so many seconds."""
    with desk.back_if_refused(f"/shows/{show_id}/studio"):
        async with desk.work() as tx:
            offer = await run_of_show.offer(tx, shop_id=desk.shop.id, show_id=show_id, offer_id=offer_id)
            minor, wanted = desk.minor(price), desk.quantity(units)
            variants = await catalog.variants(
                tx, shop_id=desk.shop.id, ids=[line.variant_id for line in offer.lines]
            )
            leaps = desk.leaps()
            for variant in variants:
                old = Money(offer.line(variant.id).price_minor, offer.currency)
                leaps.check(variant.id, variant_label(desk, variant), old, minor)
            await run_of_show.start_flash(
                tx,
                shop_id=desk.shop.id,
                show_id=show_id,
                offer_id=offer_id,
                price_minor=minor,
                units=wanted,
                seconds=desk.quantity(seconds),
                by=desk.actor.person_id,
                confirmed=True,
            )
            # Asked last: what would be refused is refused without a question, and a question takes all of it back.
            desk.ask(leaps)
    return _back(desk, show_id, desk.say(N_("The flash sale is on. It ends by itself.")))


@router.post("/flash/stop")
async def stop_flash(desk: Runner, show_id: Id, offer_id: Annotated[Id, Form()]) -> Response:
    with desk.back_if_refused(f"/shows/{show_id}/studio"):
        async with desk.work() as tx:
            await run_of_show.stop_flash(
                tx, shop_id=desk.shop.id, show_id=show_id, offer_id=offer_id, by=desk.actor.person_id
            )
    return _back(desk, show_id, desk.say(N_("Flash sale ended; the price from before is back.")))


@router.post("/notice")
async def notice(
    desk: Runner,
    show_id: Id,
    text: Text = "",
    kind: Annotated[rooms.NoticeKind, Form()] = rooms.NoticeKind.NOTICE,
) -> Response:
    """A notice on top of the room, or the correction of something said."""
    with desk.back_if_refused(f"/shows/{show_id}/studio"):
        desk.actor.check_told(text)
        async with desk.work() as tx:
            state = await rooms.room_state(tx, show_id)
            await rooms.post_notice(
                tx,
                shop_id=desk.shop.id,
                show_id=show_id,
                text=text,
                kind=kind,
                offer_id=state.featured_id if kind is rooms.NoticeKind.CORRECTION else None,
                by=desk.actor.person_id,
            )
    return _back(desk, show_id, desk.say(N_("Everyone in the room sees it.")))


@router.post("/notice/clear")
async def clear_notice(desk: Runner, show_id: Id) -> Response:
    with desk.back_if_refused(f"/shows/{show_id}/studio"):
        async with desk.work() as tx:
            await rooms.clear_notice(tx, shop_id=desk.shop.id, show_id=show_id)
    return _back(desk, show_id, desk.say(N_("Notice removed; it stays on record.")))


@router.post("/start")
async def start(desk: Runner, show_id: Id) -> Response:
    with desk.back_if_refused(f"/shows/{show_id}/studio"):
        async with desk.work() as tx:
            await run_of_show.start_show(tx, shop_id=desk.shop.id, show_id=show_id, by=desk.actor.person_id)
    return _back(desk, show_id, desk.say(N_("You're live.")))


@router.post("/end")
async def end(desk: Runner, show_id: Id) -> Response:
    with desk.back_if_refused(f"/shows/{show_id}/studio"):
        async with desk.work() as tx:
            await run_of_show.end_show(tx, shop_id=desk.shop.id, show_id=show_id, by=desk.actor.person_id)
    return _back(desk, show_id, desk.say(N_("The show has ended. Remaining units returned to open stock.")))


@router.post("/camera")
async def camera(desk: Runner, show_id: Id) -> Response:
    """A channel for a show that has none, so that it can be filmed from this page: one that is free, else a new one."""
    server = services_of(desk.request).part(media.MediaServer)
    with desk.back_if_refused(f"/shows/{show_id}/studio"):
        async with desk.work() as tx:
            on_air = {
                each.channel_id
                for each in await live.shows(tx, shop_id=desk.shop.id)
                if each.status == live.ShowStatus.LIVE
            }
            free = [
                each
                for each in await media.channels(tx, shop_id=desk.shop.id)
                if each.id not in on_air and not server.status(each.id).live
            ]
            if free:
                chosen = free[0]
            else:
                # Its key is shown to nobody: who wants to film with OBS, too, has a new one made.
                name = desk.say(N_("Studio camera"))
                chosen, _ = await media.create_channel(tx, shop_id=desk.shop.id, name=name)
            await live.change_show(tx, shop_id=desk.shop.id, show_id=show_id, channel_id=chosen.id)
    return _back(desk, show_id, at="#own-camera")


# Chat


@router.post("/hide")
async def hide(
    desk: Moderator,
    show_id: Id,
    line_id: Annotated[UUID, Form()],
    reason: Annotated[chat.Reason, Form()],
    mute: Tick = False,
) -> Response:
    """Take a line out, with a reason; with `mute` its writer only reads for a while."""
    with desk.back_if_refused(f"/shows/{show_id}/studio"):
        async with desk.work() as tx:
            line = await chat.hide(
                tx,
                shop_id=desk.shop.id,
                show_id=show_id,
                line_id=line_id,
                reason=reason,
                by=desk.actor.person_id,
            )
            if mute:
                await chat.mute(
                    tx,
                    shop_id=desk.shop.id,
                    shopper=line.shopper,
                    reason=reason,
                    minutes=MUTE_MINUTES,
                    show_id=show_id,
                    by=desk.actor.person_id,
                )
    said = N_("Message hidden; its author is muted for 10 minutes.") if mute else N_("Message hidden.")
    return _back(desk, show_id, desk.say(said), at="#chat")


@router.post("/approve")
async def approve(desk: Moderator, show_id: Id, line_id: Annotated[UUID, Form()]) -> Response:
    with desk.back_if_refused(f"/shows/{show_id}/studio"):
        async with desk.work() as tx:
            line = await chat.approve(
                tx, shop_id=desk.shop.id, show_id=show_id, line_id=line_id, by=desk.actor.person_id
            )
            desk.actor.check_told(line.text)
    return _back(desk, show_id, at="#chat")


@router.post("/pin")
async def pin(desk: Moderator, show_id: Id, line_id: Annotated[UUID, Form()]) -> Response:
    """Put a line above all others."""
    with desk.back_if_refused(f"/shows/{show_id}/studio"):
        async with desk.work() as tx:
            await chat.pin(tx, shop_id=desk.shop.id, show_id=show_id, line_id=line_id)
    return _back(desk, show_id, desk.say(N_("Pinned above the chat.")), at="#chat")


@router.post("/unpin")
async def unpin(desk: Moderator, show_id: Id) -> Response:
    with desk.back_if_refused(f"/shows/{show_id}/studio"):
        async with desk.work() as tx:
            await chat.unpin(tx, shop_id=desk.shop.id, show_id=show_id)
    return _back(desk, show_id, at="#chat")


@router.post("/answered")
async def answered(desk: Moderator, show_id: Id, line_id: Annotated[UUID, Form()]) -> Response:
    """The question in a line was answered just now."""
    with desk.back_if_refused(f"/shows/{show_id}/studio"):
        async with desk.work() as tx:
            await chat.answer(tx, shop_id=desk.shop.id, show_id=show_id, line_id=line_id)
    return _back(desk, show_id, at="#chat")


@router.post("/slow-mode")
async def slow_mode(
    desk: Moderator, show_id: Id, seconds: Annotated[str, Form(max_length=10)] = ""
) -> Response:
    """So many seconds between two lines of one shopper."""
    with desk.back_if_refused(f"/shows/{show_id}/studio"):
        async with desk.work() as tx:
            pause = desk.quantity(seconds, least=0)
            await live.set_slow_mode(tx, shop_id=desk.shop.id, show_id=show_id, seconds=pause)
    return _back(desk, show_id, desk.say(N_("Slow mode is set.")), at="#chat")
