"""Shows: the list, and the run of show of one, with all that must stand before it goes on air."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import Form, Query
from starlette.responses import Response

from shopfloor import catalog, live, media, replays, run_of_show, stock
from shopfloor.accounts import Permission
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.form_values import check_variants, id_of, moment_of
from shopfloor.web.console.languages import other_language
from shopfloor.web.console.offers import (
    checklist,
    offer_rows,
    set_offer_prices,
    timed_slots,
    variant_label,
)
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of
from shopfloor.web.replays import is_recorded

router = Router(prefix="/console/{shop}/shows", include_in_schema=False)

Viewer = Annotated[Desk, at_page("shows")]
Runner = Annotated[Desk, at(Permission.SHOW_RUN)]
Text = Annotated[str, Form()]

# How many ended shows one page lists.
PAGE: Final = 50


@router.get("")
async def listing(desk: Viewer, after: Id | None = None, before: Id | None = None) -> Response:
    return await _list(desk, {}, {}, after=after, before=before)


async def _list(
    desk: Desk,
    values: Mapping[str, str],
    errors: Mapping[str, str],
    status: int = 200,
    *,
    after: int | None = None,
    before: int | None = None,
) -> Response:
    shop_id = desk.shop.id
    async with desk.work() as tx:
        # Every show on air or to come, however many ended since; those that ended are turned page by page.
        on_air = await live.shows(tx, shop_id=shop_id, status=live.ShowStatus.LIVE)
        planned = await live.shows(tx, shop_id=shop_id, status=live.ShowStatus.PLANNED)
        ended = await paging.numbered(
            live.shows,
            tx,
            shop_id=shop_id,
            status=live.ShowStatus.ENDED,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        )
        channels = await media.channels(tx, shop_id=shop_id)
        offered = await run_of_show.count_offers(tx, shop_id=shop_id)
    chosen = {"channel_id": str(channels[0].id)} if channels else {}
    return desk.page(
        "shows.html",
        active="shows",
        on_air=on_air,
        planned=sorted(planned, key=lambda show: (show.starts_at is None, show.starts_at, show.id)),
        ended=ended.items,
        page=ended,
        channels=channels,
        cameras={channel.id: channel.name for channel in channels},
        counts={show.id: offered.get(show.id, 0) for show in [*on_air, *planned]},
        values={**chosen, **values},
        errors=errors,
        other=other_language(desk),
        status=status,
    )


@router.post("")
async def plan(
    desk: Runner,
    title: Text = "",
    other_title: Text = "",
    starts_at: Text = "",
    channel_id: Text = "",
    limit_per_show: Text = "",
) -> Response:
    values = {
        "title": title, "other_title": other_title, "starts_at": starts_at, "channel_id": channel_id,
        "limit_per_show": limit_per_show,
    }  # fmt: skip
    try:
        desk.actor.check_told(title, other_title)
        async with desk.work() as tx:
            show = await live.plan_show(
                tx,
                shop_id=desk.shop.id,
                title=title,
                titles={other_language(desk): other_title} if other_title.strip() else {},
                starts_at=moment_of(starts_at, desk.shop.timezone),
                channel_id=await _camera(tx, desk, channel_id),
                host_id=desk.actor.person_id,
                limit_per_show=desk.quantity(limit_per_show) if limit_per_show.strip() else None,
            )
    except Refusal as refusal:
        return await _list(desk, values, _field_of(desk, refusal), refusal.status)
    return desk.back(f"/shows/{show.id}", desk.say(N_("Show planned. Now add products.")))


def _field_of(desk: Desk, refusal: Refusal) -> dict[str, str]:
    field = {
        "form.not_a_date": "starts_at",
        "quantity.unreadable": "limit_per_show",
        "media.channel_unknown": "channel_id",
        "accounts.account_named": "title",
        "live.bad_show": "title" if "length" in refusal.facts else "limit_per_show",
    }.get(refusal.code, "")
    if refusal.code == "live.bad_show" and field == "title":
        return {"title": desk.say(N_("Use 1 to 120 characters for the title."))}
    return {field: message_of(refusal, desk.language)}


async def _camera(tx: Tx, desk: Desk, typed: str) -> int | None:
    """The camera chosen, when it is one of this shop's.  Raises ChannelUnknown."""
    if not typed.strip():
        return None
    return (await media.channel(tx, shop_id=desk.shop.id, channel_id=id_of(typed))).id


# One show


@router.get("/{show_id}")
async def one(
    desk: Viewer,
    show_id: Id,
    add: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
    search: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    return await _page(desk, show_id, add=add, search=search)


async def _page(
    desk: Desk,
    show_id: int,
    *,
    add: int | None = None,
    search: str = "",
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    """The page of a show; `add` opens the form that offers this product."""
    shop_id = desk.shop.id
    async with desk.work() as tx:
        show = await live.show(tx, shop_id=shop_id, show_id=show_id)
        channels = await media.channels(tx, shop_id=shop_id)
        rows = await offer_rows(tx, show)
        slots = await run_of_show.slots(tx, shop_id=shop_id, show_id=show_id)
        recorded = await is_recorded(tx, show)
        hidden_since = await replays.hidden_since(tx, show_id=show_id) if recorded else None
        offered = {row.product.id for row in rows.values()}
        products = [
            product
            for product in await catalog.products(tx, shop_id=shop_id, search=search, limit=None)
            if product.id not in offered and _may_be_offered(product, show)
        ]
        adding = await _adding(tx, desk, add) if add is not None else None
    camera = (
        services_of(desk.request).part(media.MediaServer).status(show.channel_id) if show.channel_id else None
    )
    values = {
        "title": show.title,
        "other_title": show.titles.get(other_language(desk), ""),
        "starts_at": local_input(show.starts_at, desk.shop.timezone),
        "channel_id": str(show.channel_id or ""),
        "limit_per_show": str(show.limit_per_show or ""),
    }
    run, minutes = timed_slots(slots, rows, show.started_at or show.starts_at)
    used = {slot.offer_id for slot in slots}
    checks = checklist(desk, show, rows, camera)
    return desk.page(
        "show.html",
        active="shows",
        show=show,
        overlay_url=services_of(desk.request).public.link(f"/s/{desk.shop.slug}/live/{show.id}/overlay"),
        channels=channels,
        camera=camera,
        run=run,
        minutes=minutes,
        loose=[row for row in rows.values() if row.offer.id not in used],
        rows=rows,
        products=products,
        adding=adding,
        search=search,
        checks=checks,
        ready=not any(check.kind == "bad" for check in checks),
        recorded=recorded,
        hidden_since=hidden_since,
        roles=list(run_of_show.SlotRole),
        policies=list(stock.HoldPolicy),
        values={**values, **(typed or {})},
        errors=errors or {},
        other=other_language(desk),
        status=status,
    )


def _may_be_offered(product: catalog.Product, show: live.Show) -> bool:
    """On air only what viewers can see; a show that is planned may be prepared with drafts."""
    if product.status == catalog.Status.DRAFT:
        return show.status == live.ShowStatus.PLANNED
    return product.status == catalog.Status.ACTIVE


@dataclass(frozen=True, slots=True)
class Adding:
    """A product about to be offered, with what its form begins with."""

    product: catalog.Product
    variants: Sequence[catalog.Variant]
    lefts: Mapping[int, stock.Availability]


async def _adding(tx: Tx, desk: Desk, product_id: int) -> Adding:
    product = await catalog.product(tx, shop_id=desk.shop.id, product_id=product_id)
    every = await catalog.variants(tx, shop_id=desk.shop.id, product_ids=[product_id])
    variants = [variant for variant in every if not variant.is_archived]
    found = await stock.available(tx, shop_id=desk.shop.id, variant_ids=[variant.id for variant in variants])
    return Adding(product, variants, found)


def local_input(moment: datetime | None, zone: str) -> str:
    """A moment as a `datetime-local` input wants it, in the shop's time zone."""
    return "" if moment is None else f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%dT%H:%M}"


@router.post("/{show_id}")
async def change(
    desk: Runner,
    show_id: Id,
    title: Text = "",
    other_title: Text = "",
    starts_at: Text = "",
    channel_id: Text = "",
    limit_per_show: Text = "",
) -> Response:
    typed = {
        "title": title, "other_title": other_title, "starts_at": starts_at, "channel_id": channel_id,
        "limit_per_show": limit_per_show,
    }  # fmt: skip
    try:
        desk.actor.check_told(title, other_title)
        async with desk.work() as tx:
            before = await live.show(tx, shop_id=desk.shop.id, show_id=show_id)
            other = other_language(desk)
            titles = {key: text for key, text in before.titles.items() if key != other}
            await live.change_show(
                tx,
                shop_id=desk.shop.id,
                show_id=show_id,
                title=title,
                titles={**titles, other: other_title} if other_title.strip() else titles,
                starts_at=moment_of(starts_at, desk.shop.timezone),
                channel_id=await _camera(tx, desk, channel_id),
                limit_per_show=desk.quantity(limit_per_show) if limit_per_show.strip() else 0,
            )
    except Refusal as refusal:
        errors = _field_of(desk, refusal)
        return await _page(desk, show_id, typed=typed, errors=errors, status=refusal.status)
    return desk.back(f"/shows/{show_id}", desk.say(N_("Saved.")))


@router.post("/{show_id}/replay")
async def change_replay(desk: Runner, show_id: Id, hidden: Tick) -> Response:
    """Hide the replay of an ended show, or show it again; the recording stays."""
    here = f"/shows/{show_id}#replay"
    with desk.back_if_refused(here):
        async with desk.work() as tx:
            await replays.hide(
                tx, shop_id=desk.shop.id, show_id=show_id, hidden=hidden, by=desk.actor.person_id
            )
    return desk.back(
        here,
        desk.say(
            N_("Hidden. The recording is kept; only your shop can watch it.")
            if hidden
            else N_("Everyone can watch the replay again.")
        ),
    )


# Offers


@router.post("/{show_id}/offers")
async def add_offer(desk: Runner, show_id: Id, product_id: Annotated[Id, Form()]) -> Response:
    """Offer a product, at prices and quotas by variant; a variant left without a price is not offered."""
    form = await desk.request.form()
    typed = {name: value for name, value in form.items() if isinstance(value, str)}
    try:
        async with desk.work() as tx:
            variants = await catalog.variants(tx, shop_id=desk.shop.id, product_ids=[product_id])
            check_variants(typed, "price", "quota", known={variant.id for variant in variants})
            lines = [
                run_of_show.OfferLine(
                    variant.id,
                    desk.minor(typed[f"price-{variant.id}"]),
                    _quota(desk, typed.get(f"quota-{variant.id}", "")),
                )
                for variant in variants
                if typed.get(f"price-{variant.id}", "").strip()
            ]
            known = {variant.id: variant for variant in variants}
            leaps = desk.leaps()
            for line in lines:
                variant = known[line.variant_id]
                leaps.check(variant.id, variant_label(desk, variant), variant.price, line.price_minor)
            desk.ask(leaps)
            terms = _terms(desk, typed)
            await run_of_show.add_offer(
                tx,
                shop_id=desk.shop.id,
                show_id=show_id,
                product_id=product_id,
                lines=lines,
                policy=terms.policy,
                hold_seconds=terms.hold_seconds,
                limit_per_buyer=terms.limit or None,
                deposit_percent=terms.deposit or None,
                minutes=_minutes(desk, typed.get("minutes", "5")),
                role=_role(typed.get("role", "")),
                script=typed.get("script", ""),
                by=desk.actor.person_id,
            )
    except Refusal as refusal:
        errors = {"offer": message_of(refusal, desk.language)}
        try:
            return await _page(
                desk, show_id, add=product_id, typed=typed, errors=errors, status=refusal.status
            )
        except catalog.UnknownProduct as gone:
            # Deleted while its prices were typed: another product can be chosen.
            errors = {"offer": message_of(gone, desk.language)}
            return await _page(desk, show_id, errors=errors, status=gone.status)
    return desk.back(f"/shows/{show_id}#add", desk.say(N_("Added at the end of the run of show.")))


@dataclass(frozen=True, slots=True)
class _TypedTerms:
    """`limit` and `deposit` are 0 where there is none."""

    policy: stock.HoldPolicy
    hold_seconds: int
    limit: int
    deposit: int


def _terms(desk: Desk, typed: Mapping[str, str]) -> _TypedTerms:
    policy = typed.get("policy", "")
    return _TypedTerms(
        stock.HoldPolicy(policy) if policy in set(stock.HoldPolicy) else stock.HoldPolicy.TIMER,
        desk.quantity(typed.get("hold_minutes") or "5") * 60,
        desk.quantity(typed["limit"]) if typed.get("limit", "").strip() else 0,
        desk.quantity(typed["deposit"], most=99) if typed.get("deposit", "").strip() else 0,
    )


def _quota(desk: Desk, text: str) -> int | None:
    return desk.quantity(text, least=0) if text.strip() else None


def _minutes(desk: Desk, text: str) -> int:
    return desk.quantity(text or "0", least=0)


def _role(text: str) -> run_of_show.SlotRole:
    return run_of_show.SlotRole(text) if text in set(run_of_show.SlotRole) else run_of_show.SlotRole.HERO


@router.post("/{show_id}/offers/{offer_id}")
async def change_offer(desk: Runner, show_id: Id, offer_id: Id) -> Response:
    """Terms, quotas and prices of an offer; prices on air take effect at once."""
    form = await desk.request.form()
    typed = {name: value for name, value in form.items() if isinstance(value, str)}
    path = f"/shows/{show_id}#offer-{offer_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            offer = await run_of_show.offer(tx, shop_id=desk.shop.id, show_id=show_id, offer_id=offer_id)
            check_variants(typed, "price", "quota", known={line.variant_id for line in offer.lines})
            terms = _terms(desk, typed)
            quotas = {
                line.variant_id: _quota(desk, typed.get(f"quota-{line.variant_id}", ""))
                for line in offer.lines
            }
            await run_of_show.change_offer(
                tx,
                shop_id=desk.shop.id,
                show_id=show_id,
                offer_id=offer_id,
                policy=terms.policy,
                hold_seconds=terms.hold_seconds,
                limit_per_buyer=terms.limit,
                deposit_percent=terms.deposit,
                quotas={variant_id: quota for variant_id, quota in quotas.items() if quota is not None},
            )
            prices = {
                line.variant_id: desk.minor(typed[f"price-{line.variant_id}"])
                for line in offer.lines
                if typed.get(f"price-{line.variant_id}", "").strip()
            }
            await set_offer_prices(tx, desk, offer, prices, reason="changed in the console")
    return desk.back(path, desk.say(N_("Saved.")))


# Slots


@router.post("/{show_id}/slots")
async def add_slot(
    desk: Runner, show_id: Id, title: Text = "", minutes: Text = "", offer_id: Text = "", script: Text = ""
) -> Response:
    """Talk, or another turn of an offer."""
    with desk.back_if_refused(f"/shows/{show_id}#run"):
        desk.actor.check_told(title)
        number = id_of(offer_id) if offer_id else None
        async with desk.work() as tx:
            await run_of_show.add_slot(
                tx,
                shop_id=desk.shop.id,
                show_id=show_id,
                offer_id=number,
                minutes=_minutes(desk, minutes),
                role=run_of_show.SlotRole.TALK if number is None else run_of_show.SlotRole.HERO,
                title=title.strip(),
                script=script,
            )
    return desk.back(f"/shows/{show_id}#run", desk.say(N_("Added at the end of the run of show.")))


@router.post("/{show_id}/slots/{slot_id}")
async def change_slot(
    desk: Runner,
    show_id: Id,
    slot_id: Id,
    minutes: Text = "",
    role: Text = "",
    title: Text = "",
    script: Text = "",
) -> Response:
    path = f"/shows/{show_id}#slot-{slot_id}"
    with desk.back_if_refused(path):
        desk.actor.check_told(title)
        async with desk.work() as tx:
            await run_of_show.change_slot(
                tx,
                shop_id=desk.shop.id,
                show_id=show_id,
                slot_id=slot_id,
                minutes=_minutes(desk, minutes),
                role=_role(role),
                title=title.strip(),
                script=script,
            )
    return desk.back(path, desk.say(N_("Saved.")))


@router.post("/{show_id}/slots/{slot_id}/move")
async def move_slot(
    desk: Runner, show_id: Id, slot_id: Id, to: Annotated[str, Form(max_length=4)]
) -> Response:
    """One place up or down; at the end of the list nothing happens."""
    with desk.back_if_refused(f"/shows/{show_id}#run"):
        async with desk.work() as tx:
            await run_of_show.move_slot(
                tx, shop_id=desk.shop.id, show_id=show_id, slot_id=slot_id, by=-1 if to == "up" else 1
            )
    return desk.back(f"/shows/{show_id}#slot-{slot_id}")


@router.post("/{show_id}/slots/{slot_id}/remove")
async def remove_slot(desk: Runner, show_id: Id, slot_id: Id) -> Response:
    """Out of the run; what it offered can still be bought."""
    with desk.back_if_refused(f"/shows/{show_id}#run"):
        async with desk.work() as tx:
            await run_of_show.remove_slot(tx, shop_id=desk.shop.id, show_id=show_id, slot_id=slot_id)
    return desk.back(f"/shows/{show_id}#run", desk.say(N_("Slot removed from the run of show.")))


@router.post("/{show_id}/start")
async def start(desk: Runner, show_id: Id) -> Response:
    """On air, and to the studio."""
    with desk.back_if_refused(f"/shows/{show_id}"):
        async with desk.work() as tx:
            await run_of_show.start_show(tx, shop_id=desk.shop.id, show_id=show_id, by=desk.actor.person_id)
    return desk.back(f"/shows/{show_id}/studio", desk.say(N_("You're live.")))
