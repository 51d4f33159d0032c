"""To collect: what a store prepares, what waits in it, and who handed over what to whom."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final
from uuid import UUID

from fastapi import Form, Query
from starlette.responses import Response

from shopfloor import accounts, fulfilment, inventory, pickups, stores
from shopfloor.accounts import Permission
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.routes import Router
from shopfloor.web import store_words
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of

router = Router(prefix="/console/{shop}/pickups", include_in_schema=False)

Viewer = Annotated[Desk, at_page("pickups")]
Assistant = Annotated[Desk, at(Permission.TILL_SELL)]
Text = Annotated[str, Form(max_length=400)]
PAGE: Final = 50


async def _names(tx: Tx, desk: Desk, actors: Sequence[str | None]) -> Mapping[str, str]:
    """Who did it, by name, as far as they are still members."""
    if not any(each and each.startswith("person:") for each in actors):
        return {}
    return {
        f"person:{each.person_id}": each.name for each in await accounts.members(tx, shop_id=desk.shop.id)
    }


@router.get("")
async def listing(
    desk: Viewer,
    tab: Annotated[str, Query(max_length=20)] = "prepare",
    location: Id | None = None,
    code: Annotated[str, Query(max_length=200)] = "",
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    """With `code`: what has this code, order number or name; alone, on to it."""
    tab = tab if tab in pickups.TABS else "prepare"
    async with desk.db.transaction() as tx:
        found = await pickups.find(tx, shop_id=desk.shop.id, typed=code) if code.strip() else []
        page = await pickups.listing(
            tx, shop_id=desk.shop.id, tab=tab, location_id=location, after=after, before=before, limit=PAGE
        )
        counts = await pickups.counts(tx, shop_id=desk.shop.id, location_id=location)
        places = await inventory.locations(tx, shop_id=desk.shop.id)
        known = {each.location_id: each for each in await stores.all_of(tx, shop_id=desk.shop.id)}
        rows = found if code.strip() else page.items
        names = await _names(tx, desk, [each.ended_by or each.accepted_by for each in rows])
    if len(found) == 1 and found[0].ready_at is not None:
        waits = found[0].state == fulfilment.State.READY_TO_COLLECT
        typed = code if waits and not code.strip().lstrip("#").isdigit() else ""
        return desk.back(
            f"/pickups/{found[0].parcel_id}" + (f"?code={pickups.read_code(typed)}" if typed else "")
        )
    return desk.page(
        "pickups.html",
        active="pickups",
        rows=rows,
        page=page,
        tab_now=tab,
        counts=counts,
        search=code,
        location_now=location,
        place_names={each.id: each.name for each in places},
        stores_known=[each for each in known.values() if each.collects],
        names=names,
        last_day={
            each.parcel_id: store_words.last_day(
                each.keep_until, known[each.location_id].timezone, desk.language
            )
            for each in rows
            if each.keep_until is not None and each.location_id in known
        },
    )


async def _page(desk: Desk, parcel_id: UUID, *, code: str = "", refusal: Refusal | None = None) -> Response:
    async with desk.db.transaction() as tx:
        waits = await pickups.waiting(tx, shop_id=desk.shop.id, parcel_id=parcel_id)
        store = await stores.find(tx, shop_id=desk.shop.id, location_id=waits.location_id)
        places = await inventory.locations(tx, shop_id=desk.shop.id)
        history = await fulfilment.history(tx, parcel_id=parcel_id)
        names = await _names(tx, desk, [waits.ended_by, waits.accepted_by, *(each.actor for each in history)])
    errors = {}
    if refusal is not None:
        field = "reason" if refusal.code == "pickups.proof_needed" else "code"
        errors = {field: message_of(refusal, desk.language)}
    return desk.page(
        "pickup.html",
        active="pickups",
        status=200 if refusal is None else refusal.status,
        waits=waits,
        place=next((each.name for each in places if each.id == waits.location_id), ""),
        names=names,
        history=history,
        values={"code": code},
        errors=errors,
        last_day=None
        if store is None or waits.keep_until is None
        else store_words.last_day(waits.keep_until, store.timezone, desk.language),
    )


@router.get("/{parcel_id}")
async def one(desk: Viewer, parcel_id: UUID, code: Annotated[str, Query(max_length=200)] = "") -> Response:
    return await _page(desk, parcel_id, code=code)


@router.post("/{parcel_id}/accept")
async def accept(desk: Assistant, parcel_id: UUID) -> Response:
    with desk.back_if_refused(f"/pickups/{parcel_id}"):
        async with desk.work() as tx:
            await pickups.accept(
                tx, shop_id=desk.shop.id, parcel_id=parcel_id, actor=f"person:{desk.actor.person_id}"
            )
    return desk.back(f"/pickups/{parcel_id}", desk.say(N_("It's yours to prepare.")))


@router.post("/{parcel_id}/ready")
async def ready(desk: Assistant, parcel_id: UUID) -> Response:
    with desk.back_if_refused(f"/pickups/{parcel_id}"):
        async with desk.work() as tx:
            await pickups.make_ready(
                tx, shop_id=desk.shop.id, parcel_id=parcel_id, actor=f"person:{desk.actor.person_id}"
            )
    return desk.back(f"/pickups/{parcel_id}", desk.say(N_("Ready. The customer is being told.")))


@router.post("/{parcel_id}/hand-over")
async def hand_over(desk: Assistant, parcel_id: UUID, code: Text = "", reason: Text = "") -> Response:
    """By the code, or with a reason where there is none."""
    try:
        await desk.claim()
        await pickups.hand_over(
            desk.db,
            shop_id=desk.shop.id,
            parcel_id=parcel_id,
            code=code,
            reason=reason,
            actor=f"person:{desk.actor.person_id}",
        )
    except (pickups.WrongCode, pickups.TooManyTries, pickups.ProofNeeded) as refusal:
        return await _page(desk, parcel_id, code=code, refusal=refusal)
    except Refusal as refusal:
        return desk.refused(f"/pickups/{parcel_id}", refusal)
    return desk.back(f"/pickups/{parcel_id}", desk.say(N_("Handed over.")))
