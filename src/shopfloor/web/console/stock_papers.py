"""Transfers between locations and counts: lists, and one paper each with its lines, filled by scanner."""

from collections.abc import Mapping
from datetime import timedelta
from operator import attrgetter
from typing import Annotated, Any, Final
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

from fastapi import Form, Query
from starlette.responses import Response

from shopfloor import catalog, inventory, stock_control
from shopfloor.accounts import Permission
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import MAX_QUANTITY, whole_number
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.form_values import choice_of, day_of, id_of
from shopfloor.web.forms import FIELD, Tick
from shopfloor.web.languages import N_

router = Router(prefix="/console/{shop}/stock", include_in_schema=False)

TransferViewer = Annotated[Desk, at_page("transfers")]
LowViewer = Annotated[Desk, at_page("low_stock")]
CountViewer = Annotated[Desk, at_page("counts")]
Counter = Annotated[Desk, at(Permission.STOCK_COUNT)]
Editor = Annotated[Desk, at(Permission.STOCK_EDIT)]
Text = Annotated[str, Form(max_length=500)]

PAGE: Final = 40
PRODUCTS: Final = 20
LAST: Final = 8
MOST_PRODUCTS: Final = 1000
STATES: Final[Mapping[str, str]] = {
    "open": N_("In transit"),
    "draft": N_("Draft"),
    "closed": N_("Received"),
    "cancelled": N_("Cancelled"),
}
COUNT_STATES: Final[Mapping[str, str]] = {
    "open": N_("Counting"),
    "posted": N_("Posted"),
    "cancelled": N_("Cancelled"),
}
SHOWN: Final[Mapping[str, str]] = {
    "all": N_("All lines"),
    "open": N_("Not counted"),
    "differing": N_("Differences"),
    "moved": N_("Count again"),
}


async def _key(desk: Desk) -> UUID:
    """What a scan is known by however often it is sent; how long it waited for a network is no part of it."""
    sent = await desk.request.form()
    given = sent.get(FIELD)
    if not isinstance(given, str) or not given:
        return uuid4()
    parts = (desk.actor.person_id, desk.request.url.path, given, sent.get("code"), sent.get("units"))
    return uuid5(NAMESPACE_OID, "/".join(map(str, parts)))


# ── transfers ─────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/transfers")
async def listing(
    desk: TransferViewer,
    state: Annotated[str, Query(max_length=20)] = "",
    place: Id | None = None,
    after: Id | None = None,
    before: Id | None = None,
) -> Response:
    wanted = state if state in STATES else ""
    async with desk.db.transaction() as tx:
        page = await paging.numbered(
            stock_control.transfers.listing,
            tx,
            shop_id=desk.shop.id,
            state=wanted or None,
            location_id=place,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        )
        places = await inventory.locations(tx, shop_id=desk.shop.id)
    return desk.page(
        "transfers.html",
        active="stock",
        page=page,
        transfers=page.items,
        state_now=wanted,
        states=STATES,
        place_now=place,
        locations={each.id: each for each in places},
        stands=[(each.id, each.name) for each in places],
    )


@router.post("/transfers")
async def create(
    desk: Editor,
    source_id: Annotated[Id, Form()],
    target_id: Annotated[Id, Form()],
    expected_on: Text = "",
    note: Text = "",
) -> Response:
    """An empty draft: its page fills it."""
    with desk.back_if_refused("/stock/transfers"):
        day = day_of(expected_on)
        async with desk.work() as tx:
            created = await stock_control.transfers.create(
                tx,
                shop_id=desk.shop.id,
                key=uuid4(),
                source_id=source_id,
                target_id=target_id,
                units={},
                expected_on=day,
                note=note,
                person_id=desk.actor.person_id,
            )
    return desk.back(f"/stock/transfers/{created.id}")


@router.get("/transfers/{transfer_id}")
async def transfer(
    desk: TransferViewer,
    transfer_id: Id,
    search: Annotated[str, Query(max_length=200)] = "",
    after: Id | None = None,
    before: Id | None = None,
) -> Response:
    """A draft with the goods that can be added to it, or what became of what was sent."""
    async with desk.db.transaction() as tx:
        whole = await stock_control.transfers.read(tx, shop_id=desk.shop.id, transfer_id=transfer_id)
        places = await inventory.locations(tx, shop_id=desk.shop.id)
        page = None
        offered: list[int] = []
        if whole.transfer.state == "draft" and Permission.STOCK_EDIT in desk.actor.permissions:
            page = await paging.numbered(
                catalog.products,
                tx,
                shop_id=desk.shop.id,
                search=search,
                after=after,
                before=before,
                limit=PRODUCTS,
                key=attrgetter("id"),
            )
            offered = await stock_control.goods_queries.variants_of(
                tx, shop_id=desk.shop.id, product_ids=[each.id for each in page.items]
            )
        listed = {line.variant_id for line in whole.lines}
        goods = await stock_control.goods_queries.goods(
            tx, shop_id=desk.shop.id, variant_ids=sorted({*listed, *offered})
        )
        free = await _free(tx, desk.shop.id, whole.transfer.source_id, [*listed, *offered])
    return desk.page(
        "transfer.html",
        active="stock",
        transfer=whole.transfer,
        lines=whole.lines,
        steps=whole.steps,
        in_transit=whole.in_transit,
        locations={each.id: each for each in places},
        goods=goods,
        offered=offered,
        asked={line.variant_id: line.asked for line in whole.lines},
        free=free,
        page=page,
        search=search,
    )


async def _free(tx: Tx, shop_id: int, location_id: int, variant_ids: list[int]) -> dict[int, int]:
    """Units of open stock at a location that nobody holds."""
    pool = await inventory.open_pool(tx, shop_id=shop_id)
    free: dict[int, int] = {}
    for level in await inventory.levels(tx, shop_id=shop_id, variant_ids=sorted(set(variant_ids))):
        if (level.pool_id, level.location_id, level.kind) == (
            pool.id,
            location_id,
            inventory.LotKind.ON_HAND,
        ):
            free[level.variant_id] = free.get(level.variant_id, 0) + level.free
    return free


@router.post("/transfers/{transfer_id}/add")
async def add(desk: Editor, transfer_id: Id, code: Text = "", units: Text = "1") -> Response:
    """What was scanned or typed joins the draft."""
    path = f"/stock/transfers/{transfer_id}"
    with desk.back_if_refused(path):
        quantity = desk.quantity(units or "1")
        async with desk.work() as tx:
            variant_id = await stock_control.transfers.variant_of(tx, shop_id=desk.shop.id, code=code)
            await stock_control.transfers.change(
                tx, shop_id=desk.shop.id, transfer_id=transfer_id, units={variant_id: quantity}, how="more"
            )
    return desk.back(path)


@router.post("/transfers/{transfer_id}/lines")
async def save_lines(desk: Editor, transfer_id: Id, way: Text = "") -> Response:
    """Units that were typed; what this page of the grid does not show stays as it is."""
    path = f"/stock/transfers/{transfer_id}"
    with desk.back_if_refused(path):
        typed = _typed(desk, least=0)
        async with desk.work() as tx:
            await stock_control.transfers.change(
                tx, shop_id=desk.shop.id, transfer_id=transfer_id, units=typed, how="some"
            )
            if way == "send":
                await stock_control.transfers.send(
                    tx,
                    shop_id=desk.shop.id,
                    transfer_id=transfer_id,
                    key=uuid4(),
                    person_id=desk.actor.person_id,
                )
    said = N_("Sent. The units are in transit.") if way == "send" else N_("Saved.")
    return desk.back(path, desk.say(said))


def _typed(desk: Desk, *, least: int) -> dict[int, int]:
    """Fields `u-<variant>`; empty ones are left out."""
    return {
        id_of(name.removeprefix("u-")): desk.quantity(text, least=least, most=MAX_QUANTITY)
        for name, text in desk.sent.fields
        if name.startswith("u-") and text.strip()
    }


@router.post("/transfers/{transfer_id}/receive")
async def receive(
    desk: Counter, transfer_id: Id, way: Text = "received", code: Text = "", more: Tick = False
) -> Response:
    """Units that are here, by scan or typed; or what became of those that are not."""
    path = f"/stock/transfers/{transfer_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            if way in {"all", "scan"}:
                whole = await stock_control.transfers.read(tx, shop_id=desk.shop.id, transfer_id=transfer_id)
                units = {line.variant_id: line.in_transit for line in whole.lines if line.in_transit}
                if way == "scan":
                    units = {await stock_control.transfers.variant_of(tx, shop_id=desk.shop.id, code=code): 1}
            else:
                units = {each: quantity for each, quantity in _typed(desk, least=0).items() if quantity}
            given: dict[str, Any] = {
                "shop_id": desk.shop.id, "transfer_id": transfer_id, "key": uuid4(), "units": units,
                "person_id": desk.actor.person_id,
            }  # fmt: skip
            if way in {"received", "all", "scan"}:
                done = await stock_control.transfers.receive(tx, more=more, **given)
            else:
                done = await stock_control.transfers.explain(
                    tx, reason=choice_of(stock_control.Difference, way, field="way"), **given
                )
    if done.state == stock_control.TransferState.CLOSED:
        return desk.back(path, desk.say(N_("Done: nothing is in transit any longer.")))
    return desk.back(path, None if way == "scan" else desk.say(N_("Saved.")))


@router.post("/transfers/{transfer_id}/cancel")
async def cancel(desk: Editor, transfer_id: Id) -> Response:
    path = f"/stock/transfers/{transfer_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await stock_control.transfers.cancel(
                tx,
                shop_id=desk.shop.id,
                transfer_id=transfer_id,
                key=uuid4(),
                person_id=desk.actor.person_id,
            )
    return desk.back(path, desk.say(N_("Cancelled. The units are where they came from.")))


@router.get("/transfers/{transfer_id}/sheet")
async def sheet(desk: TransferViewer, transfer_id: Id) -> Response:
    """To be printed and go along: what is in the parcel, with a column to tick."""
    async with desk.db.transaction() as tx:
        whole = await stock_control.transfers.read(tx, shop_id=desk.shop.id, transfer_id=transfer_id)
        places = await inventory.locations(tx, shop_id=desk.shop.id)
        goods = await stock_control.goods_queries.goods(
            tx, shop_id=desk.shop.id, variant_ids=[line.variant_id for line in whole.lines]
        )
    return desk.page(
        "transfer_sheet.html",
        active="stock",
        transfer=whole.transfer,
        lines=whole.lines,
        locations={each.id: each for each in places},
        goods=goods,
    )


# ── counts ────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/counts")
async def count_list(
    desk: CountViewer,
    state: Annotated[str, Query(max_length=20)] = "",
    place: Id | None = None,
    after: Id | None = None,
    before: Id | None = None,
) -> Response:
    wanted = state if state in COUNT_STATES else ""
    async with desk.db.transaction() as tx:
        page = await paging.numbered(
            stock_control.counts.listing,
            tx,
            shop_id=desk.shop.id,
            state=wanted or None,
            location_id=place,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        )
        places = await inventory.locations(tx, shop_id=desk.shop.id)
    return desk.page(
        "counts.html",
        active="stock",
        page=page,
        counts=page.items,
        state_now=wanted,
        states=COUNT_STATES,
        place_now=place,
        locations={each.id: each for each in places},
        stands=[(each.id, each.name) for each in places],
        hides=Permission.STOCK_EDIT not in desk.actor.permissions,
    )


@router.post("/counts")
async def create_count(
    desk: Editor,
    location_id: Annotated[Id, Form()],
    name: Text = "",
    search: Text = "",
    is_blind: Tick = False,
) -> Response:
    """Of all that is there, or of the products that a search finds."""
    with desk.back_if_refused("/stock/counts"):
        async with desk.work() as tx:
            chosen = None
            if search.strip():
                found = await catalog.products(
                    tx, shop_id=desk.shop.id, search=search, limit=MOST_PRODUCTS + 1
                )
                if len(found) > MOST_PRODUCTS:
                    raise stock_control.TooManyLines(most=MOST_PRODUCTS)
                chosen = [each.id for each in found]
            created = await stock_control.counts.create(
                tx,
                shop_id=desk.shop.id,
                location_id=location_id,
                product_ids=chosen,
                name=name or search,
                is_blind=is_blind,
                person_id=desk.actor.person_id,
            )
    return desk.back(f"/stock/counts/{created.id}")


@router.get("/counts/{count_id}")
async def count(
    desk: CountViewer,
    count_id: Id,
    show: Annotated[str, Query(max_length=20)] = "all",
    after: Id | None = None,
    before: Id | None = None,
) -> Response:
    async with desk.db.transaction() as tx:
        found = await stock_control.counts.read(tx, shop_id=desk.shop.id, count_id=count_id)
        hidden = stock_control.counts.hides(found, desk.actor)
        shown = show if show in SHOWN and not (hidden and show == "differing") else "all"
        page = await paging.numbered(
            stock_control.counts.lines,
            tx,
            shop_id=desk.shop.id,
            count_id=count_id,
            show=shown,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("variant_id"),
        )
        last = await stock_control.counts.last_scanned(tx, count_id=count_id, limit=LAST)
        comes_to = await stock_control.counts.variance(tx, shop_id=desk.shop.id, count_id=count_id)
        places = await inventory.locations(tx, shop_id=desk.shop.id)
        goods = await stock_control.goods_queries.goods(
            tx,
            shop_id=desk.shop.id,
            variant_ids=sorted({line.variant_id for line in [*page.items, *last]}),
        )
    return desk.page(
        "count.html",
        active="stock",
        count=found,
        hidden=hidden,
        page=page,
        lines=page.items,
        last=last,
        variance=comes_to,
        show_now=shown,
        shown={name: words for name, words in SHOWN.items() if not (hidden and name == "differing")},
        locations={each.id: each for each in places},
        goods=goods,
    )


@router.post("/counts/{count_id}/scan")
async def scan(desk: Counter, count_id: Id, code: Text = "", units: Text = "1", ago: Text = "") -> Response:
    """One more unit of what was scanned, or as many as were typed beside it; `ago`: milliseconds it waited."""
    path = f"/stock/counts/{count_id}"
    with desk.back_if_refused(path):
        quantity = desk.quantity(units or "1")
        async with desk.work() as tx:
            variant_id = await stock_control.transfers.variant_of(tx, shop_id=desk.shop.id, code=code)
            await stock_control.counts.scan(
                tx,
                shop_id=desk.shop.id,
                count_id=count_id,
                variant_id=variant_id,
                key=await _key(desk),
                units=quantity,
                ago=timedelta(milliseconds=min(whole_number(ago) or 0, 86_400_000)),
                person_id=desk.actor.person_id,
            )
    return desk.back(path)


@router.post("/counts/{count_id}/enter")
async def enter(desk: Counter, count_id: Id) -> Response:
    """Totals that were typed; each replaces what was scanned of its line."""
    path = f"/stock/counts/{count_id}"
    with desk.back_if_refused(path):
        typed = _typed(desk, least=0)
        async with desk.work() as tx:
            await stock_control.counts.read(tx, shop_id=desk.shop.id, count_id=count_id)
            for variant_id, units in sorted(typed.items()):
                await stock_control.counts.enter(
                    tx,
                    shop_id=desk.shop.id,
                    count_id=count_id,
                    variant_id=variant_id,
                    key=uuid4(),
                    units=units,
                    person_id=desk.actor.person_id,
                )
    return desk.back(path, desk.say(N_("Saved.") if typed else N_("Nothing was changed.")))


@router.post("/counts/{count_id}/recount")
async def recount(desk: Editor, count_id: Id, variant: Text = "") -> Response:
    """One line, or all that differ."""
    path = f"/stock/counts/{count_id}?show=open"
    with desk.back_if_refused(f"/stock/counts/{count_id}"):
        async with desk.work() as tx:
            await stock_control.counts.recount(
                tx,
                shop_id=desk.shop.id,
                count_id=count_id,
                variant_ids=[id_of(variant)] if variant else None,
            )
    return desk.back(path, desk.say(N_("Count these lines again.")))


@router.post("/counts/{count_id}/leave-out")
async def leave_out(desk: Editor, count_id: Id, variant: Text = "", left_out: Tick = False) -> Response:
    path = f"/stock/counts/{count_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await stock_control.counts.leave_out(
                tx,
                shop_id=desk.shop.id,
                count_id=count_id,
                variant_id=id_of(variant),
                left_out=left_out,
            )
    return desk.back(path, desk.say(N_("Saved.")))


@router.post("/counts/{count_id}/post")
async def post(desk: Editor, count_id: Id, reason: Text = "") -> Response:
    path = f"/stock/counts/{count_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await stock_control.counts.begin_posting(
                tx,
                shop_id=desk.shop.id,
                count_id=count_id,
                reason=reason.strip() or desk.say(N_("Stock count")),
                person_id=desk.actor.person_id,
            )
        await stock_control.counts.post(desk.db, shop_id=desk.shop.id, count_id=count_id)
    return desk.back(path, desk.say(N_("Posted. The stock is what was counted, less what was sold since.")))


@router.post("/counts/{count_id}/cancel")
async def cancel_count(desk: Editor, count_id: Id) -> Response:
    path = f"/stock/counts/{count_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await stock_control.counts.cancel(tx, shop_id=desk.shop.id, count_id=count_id)
    return desk.back(path, desk.say(N_("Cancelled. The stock is as it was.")))


# ── what runs low, and what is not for sale ───────────────────────────────────────────────────────────────


@router.get("/low")
async def low_stock(
    desk: LowViewer,
    after: Annotated[str | None, Query(max_length=60)] = None,
    before: Annotated[str | None, Query(max_length=60)] = None,
) -> Response:
    async with desk.db.transaction() as tx:
        page = await paging.numbered(
            stock_control.low.listing,
            tx,
            shop_id=desk.shop.id,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("mark"),
        )
        places = await inventory.locations(tx, shop_id=desk.shop.id)
        goods = await stock_control.goods_queries.goods(
            tx, shop_id=desk.shop.id, variant_ids=sorted({each.variant_id for each in page.items})
        )
    return desk.page(
        "low_stock.html",
        active="stock",
        page=page,
        thresholds=page.items,
        goods=goods,
        locations={each.id: each for each in places},
        stands=[(each.id, each.name) for each in places],
    )


@router.post("/low")
async def warn_at(
    desk: Editor, location_id: Annotated[Id, Form()], code: Text = "", units: Text = ""
) -> Response:
    """Without a number the warning goes."""
    with desk.back_if_refused("/stock/low"):
        wanted = desk.quantity(units, least=0) if units.strip() else None
        async with desk.work() as tx:
            variant_id = await stock_control.transfers.variant_of(tx, shop_id=desk.shop.id, code=code)
            await stock_control.low.warn_at(
                tx,
                shop_id=desk.shop.id,
                location_id=location_id,
                variant_id=variant_id,
                units=wanted,
            )
    return desk.back("/stock/low", desk.say(N_("Saved.")))


@router.post("/low/remove")
async def stop_warning(
    desk: Editor, location_id: Annotated[Id, Form()], variant_id: Annotated[Id, Form()]
) -> Response:
    with desk.back_if_refused("/stock/low"):
        async with desk.work() as tx:
            await stock_control.low.warn_at(
                tx, shop_id=desk.shop.id, location_id=location_id, variant_id=variant_id, units=None
            )
    return desk.back("/stock/low", desk.say(N_("Removed.")))


@router.post("/condition")
async def condition(
    desk: Editor,
    location_id: Annotated[Id, Form()],
    variant_id: Annotated[Id, Form()],
    units: Text = "",
    was: Text = "for_sale",
    becomes: Text = "damaged",
    reason: Text = "",
) -> Response:
    """Units of a location that can't be sold for now, or can again."""
    path = f"/stock/{variant_id}"
    with desk.back_if_refused(path):
        quantity = desk.quantity(units)
        async with desk.work() as tx:
            await stock_control.change(
                tx,
                shop_id=desk.shop.id,
                location_id=location_id,
                variant_id=variant_id,
                quantity=quantity,
                source=choice_of(stock_control.Condition, was, field="was"),
                target=choice_of(stock_control.Condition, becomes, field="becomes"),
                reason=reason,
            )
    return desk.back(path, desk.say(N_("Stock updated.")))
