"""Ship from store: orders that a store sends, for the phone in an assistant's hand."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final
from uuid import UUID

from fastapi import Form, Query
from starlette.responses import Response

from shopfloor import accounts, dispatch, fulfilment, inventory, routing, warehouse
from shopfloor.accounts import Permission
from shopfloor.documents import SheetKind
from shopfloor.fulfilment import State
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import now, whole_number
from shopfloor.web.console import routing_words
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of

router = Router(prefix="/console/{shop}/dispatch", include_in_schema=False)

Viewer = Annotated[Desk, at_page("dispatch")]
Assistant = Annotated[Desk, at(Permission.TILL_SELL)]
Text = Annotated[str, Form(max_length=400)]
PAGE: Final = 50
REASONS: Final[Mapping[str, str]] = {
    "not_found": N_("It isn't on the shelf"),
    "damaged": N_("It is damaged"),
    "no_time": N_("No time for it today"),
    "closed": N_("The store is closed"),
    "other": N_("Another reason"),
}


def _actor(desk: Desk) -> str:
    return f"person:{desk.actor.person_id}"


async def _names(tx: Tx, desk: Desk, actors: Sequence[str]) -> Mapping[str, str]:
    """Who did it, by name, as far as they are still members."""
    if not any(each.startswith("person:") for each in actors):
        return {}
    return {
        f"person:{each.person_id}": each.name for each in await accounts.members(tx, shop_id=desk.shop.id)
    }


@router.get("")
async def listing(
    desk: Viewer,
    tab: Annotated[str, Query(max_length=20)] = "new",
    location: Id | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    tab = tab if tab in dispatch.TABS else "new"
    async with desk.db.transaction() as tx:
        page = await dispatch.listing(
            tx, shop_id=desk.shop.id, tab=tab, location_id=location, after=after, before=before, limit=PAGE
        )
        new, doing = await dispatch.counts(tx, shop_id=desk.shop.id, location_id=location)
        places = await inventory.locations(tx, shop_id=desk.shop.id)
        names = await _names(tx, desk, [each.accepted_by for each in page.items])
    return desk.page(
        "dispatch.html",
        active="dispatch",
        rows=page.items,
        page=page,
        tab_now=tab,
        counts={"new": new, "doing": doing},
        location_now=location,
        place_names={each.id: each.name for each in places},
        stores=[each for each in places if each.kind is inventory.LocationKind.STORE],
        names=names,
        moment=now(),
    )


async def _page(
    desk: Desk, parcel_id: UUID, *, values: Mapping[str, str] | None = None, refusal: Refusal | None = None
) -> Response:
    async with desk.db.transaction() as tx:
        task = await dispatch.task(tx, shop_id=desk.shop.id, parcel_id=parcel_id)
        parcel = await fulfilment.parcel(tx, shop_id=desk.shop.id, parcel_id=parcel_id)
        [packed] = await warehouse.packed(tx, shop_id=desk.shop.id, ids=[parcel_id])
        carriers = await fulfilment.carriers.of_shop(tx, shop_id=desk.shop.id)
        places = {each.id: each.name for each in await inventory.locations(tx, shop_id=desk.shop.id)}
        decisions = await routing.decisions(tx, shop_id=desk.shop.id, order_id=task.order_id)
        siblings = await fulfilment.of_order(tx, shop_id=desk.shop.id, order_id=task.order_id)
        names = await _names(tx, desk, [task.accepted_by])
    errors = {}
    if refusal is not None:
        errors = {str(refusal.facts.get("field") or "reason"): message_of(refusal, desk.language)}
    return desk.page(
        "dispatch_task.html",
        active="dispatch",
        status=200 if refusal is None else refusal.status,
        task=task,
        packed=packed,
        here=parcel.state in fulfilment.HERE,
        carriers=carriers,
        place=places.get(task.location_id, ""),
        place_names=places,
        others=[each for each in siblings if each.id != parcel_id and each.state is not State.CANCELLED],
        routed=routing_words.why_there(desk.language, places, decisions, task.location_id),
        reasons=[(key, desk.say(words)) for key, words in REASONS.items()],
        names=names,
        values={"reason": "not_found"} | dict(values or {}),
        errors=errors,
        moment=now(),
    )


@router.get("/{parcel_id}")
async def one(desk: Viewer, parcel_id: UUID) -> Response:
    return await _page(desk, parcel_id)


@router.post("/{parcel_id}/accept")
async def accept(desk: Assistant, parcel_id: UUID) -> Response:
    with desk.back_if_refused(f"/dispatch/{parcel_id}"):
        async with desk.work() as tx:
            task = await dispatch.accept(tx, shop_id=desk.shop.id, parcel_id=parcel_id, actor=_actor(desk))
    took_it = task.accepted_by == _actor(desk)
    return desk.back(
        f"/dispatch/{parcel_id}",
        desk.say(N_("It's yours to send.") if took_it else N_("A colleague took it on already.")),
    )


@router.post("/{parcel_id}/step")
async def step(desk: Assistant, parcel_id: UUID, to: Text = "") -> Response:
    """Found, or packed."""
    with desk.back_if_refused(f"/dispatch/{parcel_id}"):
        async with desk.work() as tx:
            await dispatch.step(
                tx,
                shop_id=desk.shop.id,
                parcel_id=parcel_id,
                to=State.PACKED if to == State.PACKED else State.PICKED,
                actor=_actor(desk),
            )
    return desk.back(f"/dispatch/{parcel_id}")


@router.post("/{parcel_id}/label")
async def label(desk: Assistant, parcel_id: UUID) -> Response:
    """On to the file, once it is made."""
    with desk.back_if_refused(f"/dispatch/{parcel_id}"):
        async with desk.work() as tx:
            await dispatch.task(tx, shop_id=desk.shop.id, parcel_id=parcel_id)
            sheet_id = await warehouse.sheets.ask(
                tx, shop_id=desk.shop.id, kind=SheetKind.LABEL, parcel_ids=[parcel_id]
            )
    return desk.back(f"/fulfilment/prints/{sheet_id}?wait=1")


@router.post("/{parcel_id}/send")
async def send(desk: Assistant, parcel_id: UUID, carrier: Text = "", tracking: Text = "") -> Response:
    with desk.back_if_refused(f"/dispatch/{parcel_id}"):
        async with desk.work() as tx:
            await dispatch.send(
                tx,
                shop_id=desk.shop.id,
                parcel_id=parcel_id,
                actor=_actor(desk),
                carrier=carrier.strip(),
                tracking=tracking.strip(),
            )
    return desk.back("/dispatch?tab=doing", desk.say(N_("Sent. The customer is being told.")))


@router.post("/{parcel_id}/pass-on")
async def pass_on(desk: Assistant, parcel_id: UUID, reason: Text = "", note: Text = "") -> Response:
    """All of it, or so many units of each line where some are typed."""
    typed = dict(desk.sent.fields)
    units: dict[int, int] = {}
    try:
        for name, value in typed.items():
            line_id = whole_number(name.removeprefix("units-")) if name.startswith("units-") else None
            if line_id is not None and value.strip() and value.strip() != "0":
                units[line_id] = desk.quantity(value)
        async with desk.work() as tx:
            done = await dispatch.pass_on(
                tx,
                shop_id=desk.shop.id,
                parcel_id=parcel_id,
                actor=_actor(desk),
                reason=reason,
                note=note,
                units=units or None,
            )
    except dispatch.ReasonNeeded as refusal:
        return await _page(desk, parcel_id, values=typed, refusal=refusal)
    except Refusal as refusal:
        return desk.refused(f"/dispatch/{parcel_id}", refusal)
    if done.stayed:
        said = desk.say(
            N_(
                "Passed on: %(moved)s. No other location has the other %(n)s: they stay here, and the merchant sees it."
            ),
            moved=done.moved,
            n=done.stayed,
        )
        return desk.back(f"/dispatch/{parcel_id}", said)
    return desk.back("/dispatch", desk.say(N_("Passed on to another location.")))
