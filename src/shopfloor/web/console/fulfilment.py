"""Fulfilment: what is to pick, pack and send, one parcel, what is printed, and lists for carriers and back."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Final
from uuid import UUID

from fastapi import Form, Query, UploadFile
from starlette.responses import Response

from shopfloor import documents, fulfilment, inventory, live, orders, pickups, routing, warehouse
from shopfloor.accounts import Permission
from shopfloor.documents import SheetKind
from shopfloor.fulfilment import State
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Invalid, Refusal
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import now, whole_number
from shopfloor.web.console import routing_words
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.making import making
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_
from shopfloor.web.papers import pdf
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash

router = Router(prefix="/console/{shop}/fulfilment", include_in_schema=False)

Viewer = Annotated[Desk, at_page("fulfilment")]
Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]
Text = Annotated[str, Form(max_length=500)]
PAGE: Final = 50
TABS: Final = (
    State.TO_PICK,
    State.PICKED,
    State.PACKED,
    State.READY_TO_COLLECT,
    State.SHIPPED,
    State.DELIVERED,
    State.COLLECTED,
)
STEPS: Final = frozenset({State.PICKED, State.PACKED, State.READY_TO_COLLECT})
SHEETS: Final = frozenset(SheetKind)
# What a press of a button did, by what it is called.
SAID: Final = {
    "picked": N_("%(n)s picked."),
    "packed": N_("%(n)s packed."),
    "ready_to_collect": N_("%(n)s ready for pickup."),
    "send": N_("%(n)s shipped or handed over."),
    "delivered": N_("%(n)s delivered."),
}
_SHOWN: Final = 5


class NoParcels(Invalid):
    """Choose parcels first."""

    code = "fulfilment.none_chosen"


@router.get("")
async def listing(
    desk: Viewer,
    state: Annotated[str, Query(max_length=20)] = State.TO_PICK.value,
    show: Id | None = None,
    location: Id | None = None,
    search: Annotated[str | None, Query(max_length=100)] = None,
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    shop_id = desk.shop.id
    async with desk.work() as tx:
        page = await warehouse.listing(
            tx,
            shop_id=shop_id,
            state=state if state in TABS else State.TO_PICK.value,
            show_id=show,
            location_id=location,
            search=search,
            after=after,
            before=before,
            limit=PAGE,
        )
        counts = await warehouse.counts(tx, shop_id=shop_id, show_id=show, location_id=location)
        shows = [
            (each.show_id, each.title, each.parcels) for each in await warehouse.shows(tx, shop_id=shop_id)
        ]
        if show is not None and show not in [show_id for show_id, _, _ in shows]:
            with suppress(live.UnknownShow):
                shows.append((show, (await live.show(tx, shop_id=shop_id, show_id=show)).title, 0))
        places = await inventory.locations(tx, shop_id=shop_id)
        carriers = await fulfilment.carriers.of_shop(tx, shop_id=shop_id)
    return desk.page(
        "fulfilment.html",
        active="fulfilment",
        parcels=page.items,
        page=page,
        counts=counts,
        tabs=TABS,
        state_now=state,
        show_now=show,
        location_now=location,
        search=search or "",
        shows=shows,
        locations=places,
        place_names={place.id: place.name for place in places},
        carriers=carriers,
        at_once=warehouse.AT_ONCE,
    )


@router.post("/scan")
async def find(desk: Manager, code: Text = "") -> Response:
    """A label was scanned: on to its parcel."""
    async with desk.db.transaction() as tx:
        found = await warehouse.by_code(tx, shop_id=desk.shop.id, code=code)
    if found is None:
        return desk.refused("/fulfilment", fulfilment.ParcelNotFound(code=code))
    return desk.back(f"/fulfilment/{found}")


@router.post("/act")
async def act(
    desk: Manager,
    parcels: Annotated[list[UUID] | None, Form(max_length=500)] = None,
    every: Tick = False,
    state: Text = "",
    show: Text = "",
    location: Text = "",
    action: Text = "",
    carrier: Text = "",
    encoding: Text = "utf-8",
) -> Response:
    """One button for many parcels: those that are ticked, or all of the list."""
    query = "&".join(
        f"{name}={value}"
        for name, value in (("state", state), ("show", show), ("location", location))
        if value.isascii() and value.replace("_", "").isalnum()
    )
    back = f"/fulfilment?{query}" if query else "/fulfilment"
    try:
        async with desk.db.transaction() as tx:
            ids = await _chosen(tx, desk, parcels or [], every, state, show, location)
        if action in SHEETS:
            async with desk.work() as tx:
                sheet_id = await warehouse.sheets.ask(
                    tx, shop_id=desk.shop.id, kind=SheetKind(action), parcel_ids=ids
                )
            return desk.back(f"/fulfilment/prints/{sheet_id}?wait=1")
        if action == "csv":
            return await _list_for_carrier(desk, ids, encoding)
        await desk.claim()
        done, stayed = await _carry_out(desk, action, ids, carrier.strip(), state)
    except Refusal as refusal:
        return desk.refused(back, refusal)
    if not stayed:
        return desk.back(back, desk.say(SAID[action], n=done))
    response = desk.back(back)
    flash(response, "bad", f"{desk.say(SAID[action], n=done)} {await _why(desk, stayed)}")
    return response


async def _chosen(
    tx: Tx, desk: Desk, ticked: list[UUID], every: bool, state: str, show: str, location: str
) -> list[UUID]:
    """Raises NoParcels."""
    if every and state in TABS:
        return await warehouse.matching(
            tx,
            shop_id=desk.shop.id,
            state=state,
            show_id=whole_number(show),
            location_id=whole_number(location),
        )
    if not ticked:
        raise NoParcels
    return ticked


async def _list_for_carrier(desk: Desk, ids: list[UUID], encoding: str) -> Response:
    chosen = encoding if encoding in fulfilment.sheet.ENCODINGS else "utf-8"
    async with desk.db.transaction() as tx:
        content = await warehouse.carrier_list(tx, shop_id=desk.shop.id, ids=ids, encoding=chosen)
    return Response(
        content,
        media_type=f"text/csv; charset={chosen}",
        headers={"content-disposition": f'attachment; filename="parcels-{now():%Y-%m-%d}.csv"'},
    )


async def _carry_out(
    desk: Desk, action: str, ids: list[UUID], carrier: str, state: str
) -> tuple[int, Mapping[UUID, Refusal]]:
    """How many did it, and why the others did not.  Raises fulfilment.WrongStep for what is no step."""
    actor = f"person:{desk.actor.person_id}"
    if action in STEPS:
        async with desk.db.transaction() as tx:
            moved, left = await fulfilment.step_able(
                tx, shop_id=desk.shop.id, parcel_ids=ids, to=State(action), actor=actor
            )
        return len(moved), left
    if action == "send":
        # Many at once are given to a carrier; what is picked up is handed over from its own list, to who is there.
        waiting = (
            await _in_stores(desk, ids) if state == State.READY_TO_COLLECT else await _for_pickup(desk, ids)
        )
        stayed = waiting | await warehouse.send_parcels(
            desk.db,
            shop_id=desk.shop.id,
            parcel_ids=[each for each in ids if each not in waiting],
            actor=actor,
            carrier=carrier,
        )
    elif action == "delivered":
        stayed = await warehouse.arrived_parcels(desk.db, shop_id=desk.shop.id, parcel_ids=ids, actor=actor)
    else:
        raise fulfilment.WrongStep(step=action)
    return len(ids) - len(stayed), stayed


async def _in_stores(desk: Desk, ids: list[UUID]) -> dict[UUID, Refusal]:
    """What waits in a store is handed over on its own page, to who shows the code."""
    async with desk.db.transaction() as tx:
        found = await pickups.ready_among(tx, shop_id=desk.shop.id, parcel_ids=ids)
    return {each: pickups.ProofNeeded() for each in found}


async def _for_pickup(desk: Desk, ids: list[UUID]) -> dict[UUID, Refusal]:
    async with desk.db.transaction() as tx:
        found = await fulfilment.parcels(tx, shop_id=desk.shop.id, ids=ids)
    return {
        each.id: fulfilment.WrongStep(parcel=each.number, state=each.state, field=str(each.delivery))
        for each in found
        if each.delivery is fulfilment.Delivery.PICK_UP
    }


async def _why(desk: Desk, stayed: Mapping[UUID, Refusal]) -> str:
    async with desk.db.transaction() as tx:
        known = {
            each.id: each.number
            for each in await fulfilment.parcels(tx, shop_id=desk.shop.id, ids=list(stayed))
        }
    reasons = [
        f"{known.get(parcel_id, '?')}: {message_of(refusal, desk.language)}"
        for parcel_id, refusal in list(stayed.items())[:_SHOWN]
    ]
    head = desk.say(N_("%(n)s could not."), n=len(stayed))
    return " ".join([head, *reasons, *(["…"] if len(stayed) > _SHOWN else [])])


@router.post("/tracking")
async def tracking(
    desk: Manager, file: UploadFile | None = None, carrier: Text = "", ship: Tick = False
) -> Response:
    """A carrier's list with tracking numbers."""
    try:
        await desk.claim()
        data = b"" if file is None else await file.read(fulfilment.sheet.MAX_BYTES + 1)
        done = await warehouse.import_tracking(
            desk.db,
            shop_id=desk.shop.id,
            data=data,
            carrier=carrier.strip(),
            ship=ship,
            actor=f"person:{desk.actor.person_id}",
        )
    except Refusal as refusal:
        return desk.refused("/fulfilment", refusal)
    said = desk.say(
        N_("%(shipped)s shipped, %(tracked)s got a number, %(unchanged)s had it already."),
        shipped=done.shipped,
        tracked=done.tracked,
        unchanged=done.unchanged,
    )
    path = "/fulfilment?state=shipped" if done.shipped else "/fulfilment"
    if not done.refused:
        return desk.back(path, said)
    rows = [
        desk.say(N_("row %(row)s: %(why)s"), row=row, why=message_of(refusal, desk.language))
        for row, refusal in done.refused[:_SHOWN]
    ]
    head = desk.say(N_("%(n)s could not."), n=len(done.refused))
    response = desk.back(path)
    flash(response, "bad", " ".join([said, head, *rows, *(["…"] if len(done.refused) > _SHOWN else [])]))
    return response


@router.get("/prints/{sheet_id}")
async def prints(desk: Viewer, sheet_id: UUID) -> Response:
    """How far a sheet is, and where its file is."""
    async with desk.db.transaction() as tx:
        sheet = await documents.sheet(tx, shop_id=desk.shop.id, sheet_id=sheet_id)
        state = await warehouse.sheets.state(tx, sheet_id=sheet_id)
    return desk.page(
        "prints.html",
        active="fulfilment",
        sheet=sheet,
        making=making(desk, state, missing=sheet.made_at is None),
    )


@router.get("/prints/{sheet_id}/file")
async def print_file(desk: Viewer, sheet_id: UUID) -> Response:
    async with desk.db.transaction() as tx:
        found = await documents.sheet_file(tx, shop_id=desk.shop.id, sheet_id=sheet_id)
    return pdf(found.name, found.content)


@router.get("/carriers")
async def carriers(desk: Viewer) -> Response:
    return await _carriers_page(desk, {}, {})


async def _carriers_page(
    desk: Desk, values: Mapping[str, str], errors: Mapping[str, str], status: int = 200
) -> Response:
    async with desk.db.transaction() as tx:
        known = await fulfilment.carriers.of_shop(tx, shop_id=desk.shop.id)
    return desk.page(
        "carriers.html", active="fulfilment", status=status, carriers=known, values=values, errors=errors
    )


@router.post("/carriers")
async def add_carrier(desk: Manager, name: Text = "", tracking_url: Text = "") -> Response:
    try:
        async with desk.work() as tx:
            await fulfilment.carriers.add(tx, shop_id=desk.shop.id, name=name, tracking_url=tracking_url)
    except Refusal as refusal:
        at_field = "tracking_url" if refusal.code == "fulfilment.tracking_link" else "name"
        return await _carriers_page(
            desk,
            {"name": name, "tracking_url": tracking_url},
            {at_field: message_of(refusal, desk.language)},
            refusal.status,
        )
    return desk.back("/fulfilment/carriers", desk.say(N_("Carrier added.")))


@router.post("/carriers/{carrier_id:id}/remove")
async def remove_carrier(desk: Manager, carrier_id: Id) -> Response:
    try:
        async with desk.work() as tx:
            await fulfilment.carriers.remove(tx, shop_id=desk.shop.id, carrier_id=carrier_id)
    except Refusal as refusal:
        return desk.refused("/fulfilment/carriers", refusal)
    return desk.back("/fulfilment/carriers", desk.say(N_("Carrier removed.")))


@router.get("/{parcel_id}")
async def one(desk: Viewer, parcel_id: UUID) -> Response:
    shop_id = desk.shop.id
    async with desk.db.transaction() as tx:
        parcel = await fulfilment.parcel(tx, shop_id=shop_id, parcel_id=parcel_id)
        [packed] = await warehouse.packed(tx, shop_id=shop_id, ids=[parcel_id])
        history = await fulfilment.history(tx, parcel_id=parcel_id)
        siblings = await fulfilment.of_order(tx, shop_id=shop_id, order_id=parcel.order_id)
        box = await fulfilment.boxes.members(tx, shop_id=shop_id, parcel_id=parcel_id)
        fitting = await warehouse.may_go_with(tx, shop_id=shop_id, parcel_id=parcel_id)
        carriers = await fulfilment.carriers.of_shop(tx, shop_id=shop_id)
        names = {place.id: place.name for place in await inventory.locations(tx, shop_id=shop_id)}
        decisions = await routing.decisions(tx, shop_id=shop_id, order_id=parcel.order_id)
    return desk.page(
        "parcel.html",
        active="fulfilment",
        parcel=parcel,
        packed=packed,
        history=history,
        siblings=[each for each in siblings if each.id != parcel_id and each.state is not State.CANCELLED],
        box=[each for each in box if each.id != parcel_id],
        fitting=fitting,
        carriers=carriers,
        place=names.get(parcel.location_id, ""),
        routed=routing_words.why_there(desk.language, names, decisions, parcel.location_id),
        here=parcel.state in fulfilment.HERE,
        gone=parcel.state in fulfilment.GONE,
    )


@router.post("/{parcel_id}/scan")
async def scan(desk: Manager, parcel_id: UUID, code: Text = "") -> Response:
    """One unit, scanned or typed; with the last one the parcel is picked."""
    path = f"/fulfilment/{parcel_id}"
    try:
        async with desk.work() as tx:
            await warehouse.scan(
                tx,
                shop_id=desk.shop.id,
                parcel_id=parcel_id,
                code=code,
                actor=f"person:{desk.actor.person_id}",
            )
    except Refusal as refusal:
        return desk.refused(path, refusal)
    return desk.back(path, desk.say(N_("Scanned: %(code)s"), code=code.strip()))


@router.post("/{parcel_id}/undo")
async def undo(desk: Manager, parcel_id: UUID) -> Response:
    path = f"/fulfilment/{parcel_id}"
    try:
        async with desk.work() as tx:
            await orders.shipping.undo_step(
                tx, shop_id=desk.shop.id, parcel_id=parcel_id, actor=f"person:{desk.actor.person_id}"
            )
    except Refusal as refusal:
        return desk.refused(path, refusal)
    return desk.back(path, desk.say(N_("Step undone.")))


@router.post("/{parcel_id}/track")
async def track(desk: Manager, parcel_id: UUID, carrier: Text = "", tracking: Text = "") -> Response:
    path = f"/fulfilment/{parcel_id}"
    try:
        async with desk.work() as tx:
            await orders.shipping.track_parcel(
                tx,
                shop_id=desk.shop.id,
                parcel_id=parcel_id,
                carrier=carrier,
                tracking=tracking,
                actor=f"person:{desk.actor.person_id}",
            )
    except Refusal as refusal:
        return desk.refused(path, refusal)
    return desk.back(path, desk.say(N_("Tracking number saved.")))


@router.post("/{parcel_id}/send")
async def send(desk: Manager, parcel_id: UUID, carrier: Text = "", tracking: Text = "") -> Response:
    """It leaves, with the number that was typed."""
    path = f"/fulfilment/{parcel_id}"
    if await _in_stores(desk, [parcel_id]):
        return desk.back(f"/pickups/{parcel_id}", desk.say(N_("Enter the customer's code to hand it over.")))
    try:
        async with desk.work() as tx:
            await orders.shipping.send_parcel(
                tx,
                shop_id=desk.shop.id,
                parcel_id=parcel_id,
                actor=f"person:{desk.actor.person_id}",
                carrier=carrier,
                tracking=tracking,
            )
    except Refusal as refusal:
        return desk.refused(path, refusal)
    return desk.back(path, desk.say(N_("Shipped or handed over.")))


@router.post("/{parcel_id}/box")
async def box(desk: Manager, parcel_id: UUID, number: Text = "") -> Response:
    """Into one box with another parcel to the same address; without a number out of the box it shares."""
    path, actor = f"/fulfilment/{parcel_id}", f"person:{desk.actor.person_id}"
    try:
        async with desk.work() as tx:
            if number:
                await warehouse.put_together(
                    tx, shop_id=desk.shop.id, parcel_id=parcel_id, number=number, actor=actor
                )
            else:
                await fulfilment.boxes.take_apart(tx, shop_id=desk.shop.id, parcel_id=parcel_id, actor=actor)
    except Refusal as refusal:
        return desk.refused(path, refusal)
    if not number:
        return desk.back(path, desk.say(N_("In a box of its own now.")))
    return desk.back(path, desk.say(N_("In one box now. They get one label and are shipped together.")))


@router.post("/{parcel_id}/short")
async def short(
    desk: Manager, parcel_id: UUID, line_id: Text = "", quantity: Text = "", then: Text = "refund"
) -> Response:
    """Units that are not on the shelf: money back, or they wait for the next that come in."""
    path = f"/fulfilment/{parcel_id}"
    try:
        units = desk.quantity(quantity)
        async with desk.work() as tx:
            parcel = orders.shipping.Unsent(tx, desk.shop.id, parcel_id, f"person:{desk.actor.person_id}")
            await parcel.missing(_line(line_id), units, then="wait" if then == "wait" else "refund")
    except Refusal as refusal:
        return desk.refused(path, refusal)
    said = (
        N_("Noted. They wait in a parcel of their own.")
        if then == "wait"
        else N_("Noted. The refund is approved; send the money from the order's page.")
    )
    return desk.back(path, desk.say(said))


@router.post("/{parcel_id}/split")
async def split(desk: Manager, parcel_id: UUID, line_id: Text = "", quantity: Text = "") -> Response:
    """These units go into a parcel of their own."""
    path = f"/fulfilment/{parcel_id}"
    try:
        units = desk.quantity(quantity)
        async with desk.work() as tx:
            second = await fulfilment.split(
                tx,
                shop_id=desk.shop.id,
                parcel_id=parcel_id,
                units={_line(line_id): units},
                actor=f"person:{desk.actor.person_id}",
            )
    except Refusal as refusal:
        return desk.refused(path, refusal)
    return desk.back(f"/fulfilment/{second.id}", desk.say(N_("Split into a second parcel.")))


def _line(text: str) -> int:
    """Raises fulfilment.NotInParcel."""
    line_id = whole_number(text)
    if line_id is None:
        raise fulfilment.NotInParcel(line_id=text[:20])
    return line_id
