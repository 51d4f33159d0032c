"""Tills: registers and their devices, who sells, shifts with X and Z, and what is left for people to do."""

from collections.abc import Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

from fastapi import Form, Query
from markupsafe import Markup
from starlette.responses import Response

from shopfloor import catalog, inventory, tills
from shopfloor.accounts import Permission
from shopfloor.kernel import late, paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import public_link
from shopfloor.kernel.routes import Router
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of

if TYPE_CHECKING:
    import segno
else:
    segno = late.module("segno")

router = Router(prefix="/console/{shop}/tills", include_in_schema=False)

Viewer = Annotated[Desk, at_page("tills")]
PeopleViewer = Annotated[Desk, at_page("till_people")]
ShiftViewer = Annotated[Desk, at_page("till_shifts")]
TaskViewer = Annotated[Desk, at_page("till_tasks")]
Manager = Annotated[Desk, at(Permission.TILL_MANAGE)]
Text = Annotated[str, Form(max_length=1000)]

PAGE: Final = 50
TASKS_SHOWN: Final = 20

RIGHTS: Final[Mapping[str, str]] = {
    "sell": N_("Sell"),
    "return": N_("Take goods back"),
    "discount": N_("Give discounts"),
    "drawer": N_("Open the drawer"),
    "cash": N_("Pay in and out"),
    "close": N_("Close the shift"),
    "training": N_("Training mode"),
}
# What happened, and what to do about it.
TASKS: Final[Mapping[str, tuple[str, str]]] = {
    "shortfall": (
        N_("Units promised to others were sold"),
        N_(
            "Restock this shelf, or call the buyers whose orders can't be filled and offer another item or their money back."
        ),
    ),
    "beyond_books": (
        N_("More was sold than the stock said"),
        N_("Count this shelf: deliveries or returns weren't entered."),
    ),
    "sums": (
        N_("The sums of a receipt don't agree"),
        N_("Compare the receipt with what was taken. The order shows what was paid."),
    ),
    "unknown_variant": (
        N_("Sold goods aren't in the catalogue"),
        N_("Find out from the receipt what was sold, and correct the stock by hand."),
    ),
    "unreadable": (
        N_("Part of the journal can't be read"),
        N_("Nothing was booked from it. If a sale is missing, enter it by hand."),
    ),
    "token": (
        N_("The code of a receipt was used twice"),
        N_("The code finds the other receipt; find this one by its number. Was the device's storage copied?"),
    ),
    "chain": (
        N_("The journal was changed"),
        N_("An entry doesn't follow from the one before it. Export the journal on the device and compare."),
    ),
    "other_content": (
        N_("An entry was sent twice with different content"),
        N_("The first one counts. Check with the assistant which one is right."),
    ),
    "number": (
        N_("A receipt number is missing or was used twice"),
        N_("Was the device's storage cleared? Note the reason for the tax office."),
    ),
    "clock": (
        N_("The device's clock is wrong"),
        N_("Set the clock of the device. Times were corrected where possible."),
    ),
    "late": (
        N_("Something arrived after its shift was closed"),
        N_("The report stays as it was. Add these amounts when you reconcile the drawer."),
    ),
    "unknown_shift": (N_("An entry belongs to no shift"), N_("Add its amounts to the shift it was made in.")),
    "shift_open": (
        N_("A shift was opened while another was open"),
        N_("Close the earlier one on its device, and count the drawer."),
    ),
    "variance": (
        N_("The drawer was over or short"),
        N_("Look for change given wrongly or a pay-out that wasn't entered, and note what you found."),
    ),
    "locked_out": (
        N_("A locked-out device sent sales"),
        N_(
            "Decide entry by entry whether they count: the goods may have been handed over before it was lost."
        ),
    ),
    "returned_twice": (
        N_("More came back than was sold"),
        N_("The same receipt was used twice, perhaps in two stores. Check both returns."),
    ),
    "refund_beyond": (
        N_("More money was given back than was paid"),
        N_("The order holds only what was left. Settle the rest with the store."),
    ),
    "return_offline": (
        N_("Goods were taken back offline"),
        N_("Check the receipt and the condition of the goods."),
    ),
    "return_unknown": (
        N_("Goods came back, but the sale is unknown"),
        N_("Find the sale and put the goods back into stock by hand."),
    ),
    "unsigned": (N_("A sale has no fiscal signature"), N_("Report the outage as your tax office asks.")),
    "not_applied": (
        N_("An entry couldn't be booked"),
        N_("Try again. If it still can't be booked, enter it by hand."),
    ),
}
# An entry of which nothing was booked can be booked after all.
REVIEWED: Final = frozenset({"locked_out", "not_applied", "unreadable"})


@router.get("")
async def listing(desk: Viewer, search: Annotated[str, Query(max_length=120)] = "") -> Response:
    return await _list(desk, search=search)


async def _list(
    desk: Desk,
    *,
    search: str = "",
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    async with desk.db.transaction() as tx:
        shown = await tills.service.desk(tx, shop_id=desk.shop.id)
        places = await inventory.locations(tx, shop_id=desk.shop.id)
        found = await tills.finding.sales(tx, shop_id=desk.shop.id, find=search) if search.strip() else []
        escrow = await tills.service.escrow(tx, shop_id=desk.shop.id)
        settings = await tills.registers.settings(tx, shop_id=desk.shop.id)
    code = (await desk.revealed()).get("code", "")
    link = public_link(desk.request, f"/till/{desk.shop.slug}#pair={code}")
    return desk.page(
        "tills.html",
        active="tills",
        shown=shown,
        stands=[(each.id, each.name) for each in places],
        found=found,
        search=search,
        escrow=escrow,
        settings=settings,
        code=code,
        link=link,
        drawing=_drawn(link) if code else "",
        values=values or {"name": "", "code": "", "location_id": places[0].id if places else ""},
        errors=errors or {},
        status=status,
    )


def _drawn(address: str) -> Markup:
    return Markup(  # noqa: S704 -- made by segno
        segno.make(address, error="m", micro=False).svg_inline(
            scale=5, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None
        )
    )


@router.post("")
async def add(
    desk: Manager, location_id: Annotated[Id, Form()], name: Text = "", code: Text = ""
) -> Response:
    try:
        async with desk.work() as tx:
            await tills.registers.add_register(
                tx, shop_id=desk.shop.id, location_id=location_id, code=code, name=name
            )
    except Refusal as refusal:
        field = "code" if refusal.code in {"tills.code_taken", "tills.bad_register"} else "name"
        return await _list(
            desk,
            values={"name": name, "code": code, "location_id": str(location_id)},
            errors={field: message_of(refusal, desk.language)},
            status=refusal.status,
        )
    return desk.back("/tills", desk.say(N_("Register added. Pair a device with it.")))


@router.post("/{register_id}/code")
async def new_code(desk: Manager, register_id: Id) -> Response:
    with desk.back_if_refused("/tills"):
        async with desk.work() as tx:
            code = await tills.registers.new_code(
                tx, shop_id=desk.shop.id, register_id=register_id, person_id=desk.actor.person_id
            )
        return await desk.reveal("/tills#pair", {"code": code})
    raise AssertionError("sent back")


@router.post("/devices/{device_id}/lock")
async def lock(desk: Manager, device_id: UUID) -> Response:
    with desk.back_if_refused("/tills"):
        async with desk.work() as tx:
            await tills.registers.lock_out(
                tx, shop_id=desk.shop.id, device_id=device_id, person_id=desk.actor.person_id
            )
    return desk.back("/tills", desk.say(N_("Locked out. Its reserved units are on sale again.")))


@router.post("/devices/{device_id}/escrow")
async def set_apart(desk: Manager, device_id: UUID, sku: Text = "", quantity: Text = "") -> Response:
    """A variant by its SKU or barcode, and how many units are kept for this device."""
    with desk.back_if_refused("/tills"):
        units = desk.quantity(quantity, least=0)
        async with desk.work() as tx:
            variant_id = await tills.service.variant_of(tx, shop_id=desk.shop.id, code=sku)
            if variant_id is None:
                raise catalog.UnknownVariant(sku=sku[:100])
            kept = await tills.registers.set_escrow(
                tx, shop_id=desk.shop.id, device_id=device_id, variant_id=variant_id, quantity=units
            )
    if kept < units:
        said = N_("Only %(n)s of %(asked)s units were free. They are reserved for this till now.")
        return desk.back("/tills", desk.say(said, n=kept, asked=units))
    return desk.back("/tills", desk.say(N_("%(n)s units are reserved for this till now."), n=kept))


@router.post("/settings")
async def settings(
    desk: Manager, offline_cash_return: Text = "", discount_percent: Text = "", patterns: Text = ""
) -> Response:
    with desk.back_if_refused("/tills"):
        cash = desk.minor(offline_cash_return) if offline_cash_return.strip() else 0
        percent = desk.quantity(discount_percent or "0", least=0, most=100)
        async with desk.work() as tx:
            await tills.registers.save_settings(
                tx,
                shop_id=desk.shop.id,
                offline_cash_return=cash,
                discount_percent=percent,
                patterns=patterns,
            )
    return desk.back("/tills", desk.say(N_("Saved.")))


# ── who sells ─────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/people")
async def people(desk: PeopleViewer) -> Response:
    return await _people(desk)


async def _people(
    desk: Desk,
    *,
    values: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    async with desk.db.transaction() as tx:
        known = await tills.assistants.all_of(tx, shop_id=desk.shop.id)
    return desk.page(
        "till_people.html",
        active="tills",
        people=known,
        rights=RIGHTS,
        values=values or {"name": "", "rights": ["sell", "return"], "is_manager": ""},
        errors=errors or {},
        status=status,
    )


async def _rights(desk: Desk) -> list[tills.Right]:
    chosen = {str(each) for each in (await desk.request.form()).getlist("rights")}
    return [each for each in tills.Right if each.value in chosen]


@router.post("/people")
async def add_person(desk: Manager, name: Text = "", pin: Text = "", is_manager: Text = "") -> Response:
    rights = await _rights(desk)
    try:
        async with desk.work() as tx:
            await tills.assistants.add(
                tx, shop_id=desk.shop.id, name=name, pin=pin, rights=rights, is_manager=bool(is_manager)
            )
    except Refusal as refusal:
        field = "pin" if refusal.code == "tills.bad_pin" else "name"
        return await _people(
            desk,
            values={"name": name, "rights": [each.value for each in rights], "is_manager": is_manager},
            errors={field: message_of(refusal, desk.language)},
            status=refusal.status,
        )
    return desk.back(
        "/tills/people", desk.say(N_("Assistant added. Tills know the PIN when they are online next."))
    )


@router.post("/people/{assistant_id}")
async def change_person(
    desk: Manager, assistant_id: Id, name: Text = "", pin: Text = "", is_manager: Text = ""
) -> Response:
    rights = await _rights(desk)
    with desk.back_if_refused("/tills/people"):
        async with desk.work() as tx:
            await tills.assistants.change(
                tx,
                shop_id=desk.shop.id,
                assistant_id=assistant_id,
                name=name,
                rights=rights,
                is_manager=bool(is_manager),
                pin=pin,
            )
    return desk.back("/tills/people", desk.say(N_("Saved.")))


@router.post("/people/{assistant_id}/end")
async def end_person(desk: Manager, assistant_id: Id) -> Response:
    with desk.back_if_refused("/tills/people"):
        async with desk.work() as tx:
            await tills.assistants.end(tx, shop_id=desk.shop.id, assistant_id=assistant_id)
    return desk.back("/tills/people", desk.say(N_("Removed. Sales keep the name.")))


# ── shifts ────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/shifts")
async def shifts(desk: ShiftViewer, after: UUID | None = None, before: UUID | None = None) -> Response:
    async with desk.db.transaction() as tx:
        page = await paging.numbered(
            tills.service.shifts,
            tx,
            shop_id=desk.shop.id,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        )
        shown = await tills.service.desk(tx, shop_id=desk.shop.id)
    return desk.page(
        "till_shifts.html",
        active="tills",
        page=page,
        shifts=page.items,
        registers={each.id: each for each in shown.registers},
    )


@router.get("/shifts/{shift_id}")
async def shift(
    desk: ShiftViewer, shift_id: UUID, after: UUID | None = None, before: UUID | None = None
) -> Response:
    """X while it is open, Z when it is closed."""
    async with desk.db.transaction() as tx:
        found = await tills.service.shift(tx, shop_id=desk.shop.id, shift_id=shift_id)
        x = await tills.shifts.report(tx, found)
        shown = await tills.service.desk(tx, shop_id=desk.shop.id)
        known = await tills.assistants.all_of(tx, shop_id=desk.shop.id, gone=True)
        page = await paging.numbered(
            tills.service.receipts,
            tx,
            shop_id=desk.shop.id,
            shift_id=shift_id,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        )
    return desk.page(
        "till_shift.html",
        active="tills",
        shift=found,
        told=found.z or x,
        now_told=x,
        register=next(each for each in shown.registers if each.id == found.register_id),
        names={each.id: each.name for each in known},
        page=page,
        receipts=page.items,
    )


# ── tasks ─────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/tasks")
async def tasks(
    desk: TaskViewer,
    done: Annotated[str, Query(max_length=10)] = "",
    after: Id | None = None,
    before: Id | None = None,
) -> Response:
    async with desk.db.transaction() as tx:
        page = await paging.numbered(
            tills.service.tasks,
            tx,
            shop_id=desk.shop.id,
            is_open=not done,
            after=after,
            before=before,
            limit=TASKS_SHOWN,
            key=attrgetter("id"),
        )
        shown = await tills.service.desk(tx, shop_id=desk.shop.id)
        waiting = await tills.service.in_review(tx, shop_id=desk.shop.id, tasks=page.items)
        goods = await tills.service.goods_of(tx, shop_id=desk.shop.id, tasks=page.items)
        entries = await tills.service.told_in(tx, shop_id=desk.shop.id, tasks=page.items)
    return desk.page(
        "till_tasks.html",
        active="tills",
        page=page,
        tasks=page.items,
        is_open=not done,
        devices={each.id: each for each in shown.devices},
        words=TASKS,
        waiting=waiting,
        goods=goods,
        told=entries,
    )


@router.post("/tasks/{task_id}/done")
async def finish(desk: Manager, task_id: Id, note: Text = "") -> Response:
    with desk.back_if_refused("/tills/tasks"):
        async with desk.work() as tx:
            await tills.journal.finish(
                tx, shop_id=desk.shop.id, task_id=task_id, person_id=desk.actor.person_id, note=note[:500]
            )
    return desk.back("/tills/tasks", desk.say(N_("Done.")))


@router.post("/tasks/{task_id}/book")
async def book(desk: Manager, task_id: Id, counts: Text = "") -> Response:
    """Whether an entry of which nothing was booked counts after all; the task is done with it."""
    with desk.back_if_refused("/tills/tasks"):
        async with desk.work() as tx:
            task = await tills.journal.finish(
                tx, shop_id=desk.shop.id, task_id=task_id, person_id=desk.actor.person_id, note=""
            )
            await tills.journal.review(
                tx,
                shop_id=desk.shop.id,
                device_id=task.device_id,
                sequence=task.sequence,
                counts=bool(counts),
            )
    said = N_("Booked.") if counts else N_("Kept in the journal; nothing was booked.")
    return desk.back("/tills/tasks", desk.say(said))
