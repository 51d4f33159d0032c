"""Returns: what shall come back, what came, what was paid back for it; and the rules for new orders."""

from dataclasses import asdict
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Form, Query
from starlette.responses import Response

from shopfloor import documents, inventory, orders, policies, returns
from shopfloor.accounts import Permission
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import MAX_QUANTITY, new_id, whole_number
from shopfloor.returns import Arrived, Condition, Journey, State
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.making import making
from shopfloor.web.console.state_tabs import listed
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_
from shopfloor.web.papers import pdf
from shopfloor.web.paying import connections_of
from shopfloor.web.refusals import message_of
from shopfloor.web.returning import REASONS, numbers_of, reason_words, swap_choices

router = Router(prefix="/console/{shop}", include_in_schema=False)

Viewer = Annotated[Desk, at_page("returns")]
RulesViewer = Annotated[Desk, at_page("return_rules")]
Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]
CatalogEditor = Annotated[Desk, at(Permission.CATALOG_EDIT)]
Text = Annotated[str, Form(max_length=4000)]
WHY: Final = policies.return_rules.Why
TABS: Final = (State.REQUESTED, State.APPROVED, State.RECEIVED, State.REFUNDED, State.REFUSED, State.CLOSED)


@router.get("/returns")
async def listing(
    desk: Viewer,
    state: Annotated[str | None, Query(max_length=20)] = None,
    search: Annotated[str | None, Query(max_length=100)] = None,
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    async with desk.db.transaction() as tx:
        found = await listed(
            tx, desk, returns.listing, returns.counts,
            states=tuple(State), state=state, search=search, after=after, before=before,
        )  # fmt: skip
    return desk.page(
        "returns.html",
        active="returns",
        returns=found["page"].items,
        tabs=TABS,
        reasons={each.value: reason_words(each.value, desk.language) for each in REASONS},
        **found,
    )


@router.get("/orders/{order_id}/return")
async def new(desk: Manager, order_id: UUID) -> Response:
    """A return that somebody of the shop opens for a customer."""
    return await _new_page(desk, order_id)


async def _new_page(desk: Desk, order_id: UUID, refusal: Refusal | None = None) -> Response:
    async with desk.db.transaction() as tx:
        view = await orders.order(tx, shop_id=desk.shop.id, order_id=order_id)
        offer = await returns.offer(tx, view)
        instead = await swap_choices(tx, view, desk.language, Journey.CLAIM)
    return desk.page(
        "return_new.html",
        active="returns",
        status=200 if refusal is None else refusal.status,
        view=view,
        standing={line.line_id: line for line in offer.lines},
        reasons=[(each.value, reason_words(each.value, desk.language)) for each in REASONS],
        trouble=None if refusal is None else message_of(refusal, desk.language),
        return_id=new_id(),
        instead=instead,
    )


@router.post("/orders/{order_id}/return")
async def open_one(
    desk: Manager,
    order_id: UUID,
    journey: Annotated[Journey, Form()] = Journey.GOODWILL,
    reason: Text = "",
    note: Text = "",
    return_id: Annotated[UUID | None, Form()] = None,
) -> Response:
    form = await desk.request.form()
    try:
        units: dict[int, int] = {}
        for name, value in form.items():
            line = name.removeprefix("units-")
            line_id = whole_number(line)
            if name.startswith("units-") and line_id is not None:
                units[line_id] = desk.quantity(str(value), least=0)
        async with desk.work() as tx:
            opened = await returns.ask(
                tx,
                shop_id=desk.shop.id,
                order_id=order_id,
                return_id=return_id or new_id(),
                journey=journey,
                units={line_id: quantity for line_id, quantity in units.items() if quantity},
                reason=reason,
                note=note,
                actor=f"person:{desk.actor.person_id}",
                swaps={
                    line_id: variant_id
                    for line_id, variant_id in numbers_of(form, "swap-").items()
                    if units.get(line_id)
                },
            )
    except Refusal as refusal:
        return await _new_page(desk, order_id, refusal)
    return desk.back(f"/returns/{opened.id}", desk.say(N_("Return opened.")))


@router.get("/returns/{return_id}")
async def one(desk: Viewer, return_id: UUID) -> Response:
    shop_id = desk.shop.id
    async with desk.db.transaction() as tx:
        found = await returns.get(tx, shop_id=shop_id, return_id=return_id)
        view = await orders.order(tx, shop_id=shop_id, order_id=found.order_id)
        offer = await returns.offer(tx, view)
        details = await returns.details(tx, found)
        places = await inventory.locations(tx, shop_id=shop_id)
        send_to = await returns.send_to(tx, shop_id=shop_id)
    lines = {line.id: line for line in view.lines}
    return desk.page(
        "return.html",
        active="returns",
        ret=found,
        view=view,
        order=view.order,
        lines=lines,
        terms=offer.terms,
        draft=details.draft,
        parts=[
            (line, details.draft.parts[place])
            for place, line in enumerate(view.lines)
            if line.id in details.draft.units
        ],
        receipts=details.receipts,
        history=details.history,
        pictures=details.pictures,
        locations=places,
        location_choices=[(place.id, place.name) for place in places],
        place_names={place.id: place.name for place in places},
        conditions=tuple(Condition),
        send_to=send_to,
        reason=reason_words(found.reason, desk.language),
        owed=found.refund in view.refunds_owed,
        waits=details.waiting,
        exchange=details.exchange,
        settled=details.settlement,
        swaps={each.line_id: each for each in details.exchange.lines} if details.exchange else {},
    )


def _actor(desk: Desk) -> str:
    return f"person:{desk.actor.person_id}"


@router.post("/returns/{return_id}/approve")
async def approve(desk: Manager, return_id: UUID, answer: Text = "", goods: Text = "back") -> Response:
    path = f"/returns/{return_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            desk.actor.check_told(answer)
            await returns.approve(
                tx,
                shop_id=desk.shop.id,
                return_id=return_id,
                actor=_actor(desk),
                keeps_goods=goods == "keep",
                answer=answer,
            )
    return desk.back(path, desk.say(N_("Approved. The customer is told.")))


@router.post("/returns/{return_id}/refuse")
async def refuse(desk: Manager, return_id: UUID, answer: Text = "") -> Response:
    path = f"/returns/{return_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            desk.actor.check_told(answer)
            await returns.refuse(
                tx, shop_id=desk.shop.id, return_id=return_id, actor=_actor(desk), answer=answer
            )
    return desk.back(path, desk.say(N_("Declined. The customer is told why.")))


@router.post("/returns/{return_id}/close")
async def close(desk: Manager, return_id: UUID, answer: Text = "") -> Response:
    path = f"/returns/{return_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            desk.actor.check_told(answer)
            await returns.close(
                tx, shop_id=desk.shop.id, return_id=return_id, actor=_actor(desk), answer=answer
            )
    return desk.back(path, desk.say(N_("Closed. The items stay with the customer.")))


@router.post("/returns/{return_id}/receive")
async def receive(desk: Manager, return_id: UUID, location: Text = "") -> Response:
    """So many of each line, in which state."""
    path = f"/returns/{return_id}"
    form = await desk.request.form()
    with desk.back_if_refused(path):
        arrived: list[Arrived] = []
        async with desk.db.transaction() as tx:
            found = await returns.get(tx, shop_id=desk.shop.id, return_id=return_id)
        for line in found.lines:
            for condition in Condition:
                name = f"{condition.value}-{line.line_id}"
                typed = str(form.get(name, "")).strip()
                quantity = desk.quantity(typed, least=0, most=MAX_QUANTITY) if typed else 0
                if quantity:
                    arrived.append(Arrived(line.line_id, quantity, condition))
        async with desk.work() as tx:
            await returns.receive(
                tx,
                shop_id=desk.shop.id,
                return_id=return_id,
                arrived=arrived,
                location_id=whole_number(location),
                actor=_actor(desk),
            )
    return desk.back(path, desk.say(N_("Recorded. Sellable items are back in stock.")))


@router.post("/returns/{return_id}/refund")
async def refund(desk: Manager, return_id: UUID, deduct: Text = "", note: Text = "") -> Response:
    """Decide the refund and send it; pressed twice, by whomever, it goes once."""
    path = f"/returns/{return_id}"
    with desk.back_if_refused(path):
        minor = desk.minor(deduct) if deduct.strip() else 0
        async with desk.work() as tx:
            done = await returns.refund(
                tx,
                shop_id=desk.shop.id,
                return_id=return_id,
                actor=_actor(desk),
                deduct_minor=minor,
                note=note,
            )
        async with desk.db.transaction() as tx:
            waits = await returns.refund_waiting(tx, done)
    return await _refund_sent(desk, done, waits=waits is not None)


@router.post("/returns/{return_id}/exchange")
async def exchange(desk: Manager, return_id: UUID) -> Response:
    """Send what is wanted instead, and give back what is left over; pressed twice it is one order."""
    path = f"/returns/{return_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            done = await returns.exchanges.send(
                tx, shop_id=desk.shop.id, return_id=return_id, actor=_actor(desk)
            )
            waits = await returns.refund_waiting(tx, done)
            known = await returns.exchanges.of_returns(tx, shop_id=desk.shop.id, returns=[done])
    sent = known[return_id]
    if sent.order_id is None:
        return desk.back(path, desk.say(N_("It has sold out meanwhile. Refund it instead.")))
    if waits is not None or done.refund_minor:
        return await _refund_sent(desk, done, waits=waits is not None)
    return desk.back(path, desk.say(N_("The exchange is an order now. The customer is told.")))


async def _refund_sent(desk: Desk, done: returns.Return, *, waits: bool) -> Response:
    path = f"/returns/{done.id}"
    if waits:
        said = N_("Another member has to confirm this refund. They were told by mail.")
        return desk.back(path, desk.say(said))
    if not done.refund_minor or done.refund is None:
        return desk.back(path, desk.say(N_("Done. There is nothing to pay back.")))
    known = connections_of(desk.request)
    left = known is not None and await orders.send_refund(
        desk.db,
        shop_id=desk.shop.id,
        order_id=done.order_id,
        refund_id=done.refund,
        actor=_actor(desk),
        providers=known.of,
    )
    if left:
        return desk.back(path, desk.say(N_("Refunded to where the money came from.")))
    return desk.back(path, desk.say(N_("Refund approved.")))


@router.post("/returns/{return_id}/label")
async def ask_label(desk: Manager, return_id: UUID) -> Response:
    path = f"/returns/{return_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await returns.papers.ask(tx, shop_id=desk.shop.id, return_id=return_id)
    return desk.back(f"{path}/label?wait=1")


@router.get("/returns/{return_id}/label")
async def label(desk: Viewer, return_id: UUID) -> Response:
    """The file once it is there; until then how far it is."""
    async with desk.db.transaction() as tx:
        found = await returns.get(tx, shop_id=desk.shop.id, return_id=return_id)
        state = await returns.papers.state(tx, return_id=return_id)
        try:
            sheet_id = returns.papers.label_id(return_id)
            sheet = await documents.sheet_file(tx, shop_id=desk.shop.id, sheet_id=sheet_id)
        except documents.NotMadeYet:
            return desk.page(
                "return_label.html", active="returns", ret=found, making=making(desk, state, missing=True)
            )
        except documents.DocumentNotFound:
            return desk.page("return_label.html", active="returns", ret=found, making=None)
    return pdf(sheet.name, sheet.content)


# The rules


async def _rules_page(
    desk: Desk, values: dict[str, Any], errors: dict[str, str], status: int = 200
) -> Response:
    async with desk.db.transaction() as tx:
        seller = await documents.seller(tx, shop_id=desk.shop.id)
    return desk.page(
        "return_rules.html", active="terms", status=status, values=values, errors=errors, seller=seller
    )


@router.get("/return-rules")
async def rules(desk: RulesViewer) -> Response:
    async with desk.db.transaction() as tx:
        known = await policies.return_rules.of_shop(tx, shop_id=desk.shop.id)
    return await _rules_page(desk, asdict(known), {})


@router.post("/return-rules")
async def set_rules(
    desk: Manager,
    withdrawal_days: Text = "",
    goodwill_days: Text = "",
    claim_days: Text = "",
    seller_pays: Tick = False,
    address: Text = "",
    note: Text = "",
) -> Response:
    typed: dict[str, Any] = {
        "withdrawal_days": withdrawal_days,
        "goodwill_days": goodwill_days,
        "claim_days": claim_days,
        "seller_pays": seller_pays,
        "address": address,
        "note": note,
    }
    rules = policies.return_rules.ReturnRules
    most = {
        "withdrawal_days": rules.MOST_DAYS,
        "goodwill_days": rules.MOST_DAYS,
        "claim_days": rules.MOST_CLAIM_DAYS,
    }
    errors: dict[str, str] = {}
    days: dict[str, int] = {}
    for name, limit in most.items():
        try:
            days[name] = desk.quantity(str(typed[name]), least=0, most=limit)
        except Refusal as refusal:
            errors[name] = message_of(refusal, desk.language)
    if errors:
        return await _rules_page(desk, typed, errors, 422)
    try:
        async with desk.work() as tx:
            await policies.return_rules.set_rules(
                tx,
                actor=desk.actor,
                rules=rules(**days, seller_pays=seller_pays, address=address, note=note),
            )
    except Refusal as refusal:
        field = str(refusal.facts.get("field", "note"))
        return await _rules_page(desk, typed, {field: message_of(refusal, desk.language)}, refusal.status)
    return desk.back("/return-rules", desk.say(N_("Saved. It applies to new orders.")))


@router.post("/return-rules/product/{product_id}")
async def set_exception(desk: CatalogEditor, product_id: Id, why: Text = "") -> Response:
    path = f"/products/{product_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await policies.return_rules.set_exception(
                tx,
                shop_id=desk.shop.id,
                product_id=product_id,
                why=WHY(why) if why in set(WHY) else None,
            )
    return desk.back(f"{path}#returns", desk.say(N_("Saved. It applies to new orders.")))
