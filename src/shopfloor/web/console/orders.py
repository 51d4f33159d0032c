"""Orders: the list, one order, and what a merchant does with it."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from operator import attrgetter
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Form, Query
from starlette.responses import Response

from shopfloor import (
    approvals,
    backoffice,
    customers,
    disputes,
    documents,
    erasure,
    fapiao,
    fulfilment,
    inventory,
    live,
    notices,
    order_lists,
    orders,
    payment_authorisations,
    purchases,
    returns,
    routing,
    warehouse,
)
from shopfloor.accounts import Permission
from shopfloor.kernel import paging
from shopfloor.kernel.errors import Invalid, Refusal
from shopfloor.kernel.http import as_download
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import Money, new_id
from shopfloor.web.console import messages, order_history, routing_words, unpaid
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.disputes import words as dispute_words
from shopfloor.web.console.form_values import NotAChoice, NotADate, day_of, id_of
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_
from shopfloor.web.paying import connections_of
from shopfloor.web.refusals import message_of
from shopfloor.web.replays import shots_of_page
from shopfloor.web.templating import flash

router = Router(prefix="/console/{shop}/orders", include_in_schema=False)

Viewer = Annotated[Desk, at_page("orders")]
Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]
Keeper = Annotated[Desk, at(Permission.MEMBERS_MANAGE)]
Text = Annotated[str, Form(max_length=500)]
PAGE = 50
SHOWS_OFFERED: Final = 50
# What a press of a button did to many orders, by what it is called.
DONE: Final = {"paid": N_("%(n)s marked as paid."), "ship": N_("%(n)s marked as shipped.")}
_EXPLAINED: Final = 5


class NoOrders(Invalid):
    """Choose orders first."""

    code = "orders.none_chosen"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the list is narrowed down to, as it stands in its address: an empty field narrows nothing."""

    status: str = ""
    payment: str = ""
    fulfilment: str = ""
    show: str = ""
    channel: str = ""
    since: str = ""
    until: str = ""
    search: str = ""

    def narrowed(self) -> dict[str, Any]:
        """Raises NotADate."""
        return {
            "status": self.status or None,
            "payment_status": self.payment or None,
            "fulfilment_status": self.fulfilment or None,
            "show_id": id_of(self.show) if self.show else None,
            "channel": self.channel or None,
            "since": day_of(self.since),
            "until": day_of(self.until),
            "search": self.search,
        }

    @property
    def path(self) -> str:
        said = {name: value for name, value in asdict(self).items() if value}
        return f"/orders?{urlencode(said)}" if said else "/orders"


Word = Annotated[str, Query(max_length=20)]


async def asked(
    *,
    status: Word = "",
    payment: Word = "",
    fulfilment: Word = "",
    show: Word = "",
    channel: Word = "",
    since: Word = "",
    until: Word = "",
    search: Annotated[str, Query(max_length=100)] = "",
) -> Asked:
    return Asked(status, payment, fulfilment, show, channel, since, until, search)


Narrowing = Annotated[Asked, Depends(asked)]
# What is wrong with the amount of a refund: said beside it, in the form as it was typed.
_OF_AMOUNT: Final = frozenset({
    "amount.decimals", "amount.negative", "amount.too_large", "amount.unreadable", "orders.over_refund",
    "orders.zero_refund",
})  # fmt: skip
# Why a refund needs a second person.
ASKED_WHY: Final = {
    "limit": N_("It is above the limit of your shop."),
    "own_order": N_("It is a member's own order."),
    "other_instrument": N_("It is said to have been sent another way than the money came."),
}


@router.get("")
async def listing(
    desk: Viewer,
    asked: Narrowing,
    find_show: Annotated[str, Query(max_length=200)] = "",
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    """`find_show`: which shows the filter offers; without it, the last ones."""
    refused = ""
    try:
        narrowed = asked.narrowed()
    except NotADate as refusal:
        refused = message_of(refusal, desk.language)
        asked = replace(asked, since="", until="")
        narrowed = asked.narrowed()
    async with desk.work() as tx:
        found = await paging.numbered(
            order_lists.orders,
            tx,
            shop_id=desk.shop.id,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
            **narrowed,
        )
        counts = await order_lists.counts(tx, shop_id=desk.shop.id)
        baskets = await unpaid.of_shop(tx, desk)
        offered = await live.shows(tx, shop_id=desk.shop.id, search=find_show, limit=SHOWS_OFFERED + 1)
        shows = [(show.id, show.title) for show in offered[:SHOWS_OFFERED]]
        chosen = narrowed["show_id"]
        if chosen and chosen not in dict(shows):
            shows.append((chosen, (await live.show(tx, shop_id=desk.shop.id, show_id=chosen)).title))
    return desk.page(
        "orders.html",
        active="orders",
        orders=found.items,
        page=found,
        counts=counts,
        baskets=baskets,
        asked=asked,
        refused=refused,
        shows=shows,
        more_shows=len(offered) > SHOWS_OFFERED,
        find_show=find_show,
        show_titles=dict(shows),
        at_once=backoffice.bulk.AT_ONCE,
    )


@router.get("/export.csv")
async def exported(desk: Viewer, asked: Narrowing) -> Response:
    """What the list is narrowed down to, all of it, as a spreadsheet."""
    try:
        narrowed = asked.narrowed()
    except NotADate as refusal:
        return desk.refused("/orders", refusal)
    pieces = order_lists.sheet(desk.db, shop_id=desk.shop.id, **narrowed)
    return await as_download(pieces, f"{desk.shop.slug}-orders.csv")


@router.post("/act")
async def act(
    desk: Manager,
    asked: Narrowing,
    ticked: Annotated[list[UUID] | None, Form(alias="orders", max_length=500)] = None,
    every: Tick = False,
    action: Text = "",
) -> Response:
    """One button for many orders: those that are ticked, or all of the list that the address narrows down to."""
    actor = f"person:{desk.actor.person_id}"
    try:
        ids = ticked or []
        if every:
            async with desk.db.transaction() as tx:
                ids = await backoffice.bulk.matching(tx, shop_id=desk.shop.id, **asked.narrowed())
        if not ids:
            raise NoOrders
        if action == "slips":
            return await _slips(desk, ids)
        if action not in DONE:
            raise NotAChoice(field="action", given=action[:40])
        await desk.claim()
        do = backoffice.bulk.pay if action == "paid" else backoffice.bulk.ship
        stayed = await do(desk.db, shop_id=desk.shop.id, order_ids=ids, actor=actor)
    except Refusal as refusal:
        return desk.refused(asked.path, refusal)
    said = desk.say(DONE[action], n=len(ids) - len(stayed))
    if not stayed:
        return desk.back(asked.path, said)
    response = desk.back(asked.path)
    flash(response, "bad", f"{said} {await _why(desk, stayed)}")
    return response


async def _slips(desk: Desk, ids: list[UUID]) -> Response:
    """Packing slips of all parcels of these orders that are in the house.  Raises ParcelNotFound where there is none."""
    async with desk.work() as tx:
        parcels = await fulfilment.of_orders(tx, shop_id=desk.shop.id, order_ids=ids)
        sheet_id = await warehouse.sheets.ask(
            tx,
            shop_id=desk.shop.id,
            kind=documents.SheetKind.PACKING_SLIP,
            parcel_ids=[each.id for each in parcels if each.state in fulfilment.HERE],
        )
    return desk.back(f"/fulfilment/prints/{sheet_id}?wait=1")


async def _why(desk: Desk, stayed: Mapping[UUID, Refusal]) -> str:
    few = list(stayed.items())[:_EXPLAINED]
    reasons: list[str] = []
    async with desk.db.transaction() as tx:
        for order_id, refusal in few:
            why = message_of(refusal, desk.language)
            try:
                number = (await orders.order(tx, shop_id=desk.shop.id, order_id=order_id)).order.number
            except Refusal:
                reasons.append(why)
            else:
                reasons.append(f"#{number}: {why}")
    head = desk.say(N_("%(n)s could not."), n=len(stayed))
    return " ".join([head, *reasons, *(["…"] if len(stayed) > len(few) else [])])


@router.get("/{order_id}")
async def one(desk: Viewer, order_id: UUID) -> Response:
    return await _order_page(desk, order_id)


async def _order_page(
    desk: Desk,
    order_id: UUID,
    *,
    refund: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    """The order; `refund` and `errors`: its form for refunds as it was typed, and what was refused in it."""
    async with desk.db.transaction() as tx:
        view = await orders.order(tx, shop_id=desk.shop.id, order_id=order_id)
        erasure_since = await erasure.waits_since(tx, shop_id=desk.shop.id, order_id=order_id)
        parcels = await fulfilment.of_order(tx, shop_id=desk.shop.id, order_id=order_id)
        papers = await documents.of_subject(tx, shop_id=desk.shop.id, subject_id=order_id)
        seller = await documents.seller(tx, shop_id=desk.shop.id)
        sent = await notices.of_order(tx, shop_id=desk.shop.id, order_id=order_id)
        customer_id = await customers.of_order(tx, shop_id=desk.shop.id, order_id=order_id)
        history = await order_history.of_order(tx, desk, view, parcels=parcels, papers=papers, sent=sent)
        requests = await approvals.of_order(tx, order_id=order_id)
        decisions = await routing.decisions(tx, shop_id=desk.shop.id, order_id=order_id)
        names = {each.id: each.name for each in await inventory.locations(tx, shop_id=desk.shop.id)}
        contested = await disputes.of_subject(tx, subject_id=order_id)
        came_back = await returns.of_order(tx, shop_id=desk.shop.id, order_id=order_id)
        asked_fapiao = await fapiao.of_order(tx, shop_id=desk.shop.id, order_id=order_id)
        offers_fapiao = await fapiao.is_offered(tx, shop_id=desk.shop.id)
        shots = await shots_of_page(tx, desk.shop, view.page, hidden=True)
        authorised = (
            await payment_authorisations.live(tx, subject_id=order_id) if view.order.authorised_minor else []
        )
    return desk.page(
        "order.html",
        active="orders",
        view=view,
        shown=view.shown,
        order=view.order,
        shots={number: replace(each, page=each.file) for number, each in shots.items()},
        refunds_owed=view.refunds_owed,
        authorised=authorised,
        erasure_since=erasure_since,
        customer_id=customer_id,
        history=history,
        messages=list({each.kind: each for each in sent if each.may_go_again}.values())[::-1],
        message_labels=messages.labels(desk),
        pay_link=f"{messages.origin_of(desk)}/s/{desk.shop.slug}/orders/{order_id}?key={view.order.key}",
        refund_key=new_id(),
        refund=refund or {},
        refund_errors=errors or {},
        status=status,
        parcels=parcels,
        routed=routing_words.of_order(desk.language, names, decisions),
        place_names=names,
        papers=papers,
        came_back=came_back,
        fapiao_request=asked_fapiao,
        may_fapiao=offers_fapiao
        and desk.actor.may(Permission.ORDERS_MANAGE)
        and (asked_fapiao is None or asked_fapiao.may_change)
        and view.order.cancelled_at is None
        and view.order.refund_granted_minor < view.order.total_minor,
        seller=seller,
        disputes=contested,
        asked=[each for each in requests if each.decision is None],
        asked_why=ASKED_WHY,
        **dispute_words(desk),
    )


@router.post("/{order_id}/capture")
async def capture(desk: Manager, order_id: UUID) -> Response:
    """What is authorised is charged before it ships."""
    path = f"/orders/{order_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await orders.authorising.capture(
                tx, shop_id=desk.shop.id, order_id=order_id, actor=f"person:{desk.actor.person_id}"
            )
    return desk.back(path, desk.say(N_("The payment service is asked to charge it.")))


@router.post("/{order_id}/paid")
async def paid(desk: Manager, order_id: UUID, amount: Text = "", note: Text = "", key: Text = "") -> Response:
    path = f"/orders/{order_id}"
    with desk.back_if_refused(path):
        minor = desk.minor(amount)
        async with desk.work() as tx:
            await orders.mark_paid(
                tx,
                shop_id=desk.shop.id,
                order_id=order_id,
                amount=Money(minor, desk.shop.currency),
                actor=f"person:{desk.actor.person_id}",
                note=note,
                key=key or None,
            )
    return desk.back(path, desk.say(N_("Marked as paid.")))


@router.post("/{order_id}/notes")
async def note(
    desk: Manager, order_id: UUID, words: Annotated[str, Form(alias="text", max_length=4000)] = ""
) -> Response:
    path = f"/orders/{order_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await backoffice.notes.write(
                tx,
                shop_id=desk.shop.id,
                order_id=order_id,
                words=words,
                actor=f"person:{desk.actor.person_id}",
            )
    return desk.back(f"{path}#history", desk.say(N_("Note added.")))


@router.post("/{order_id}/erase")
async def erase(desk: Keeper, order_id: UUID) -> Response:
    """Whoever ordered this is forgotten, on all of their orders and in chat."""
    path = f"/orders/{order_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            done = await erasure.erase(tx, actor=desk.actor, subject=erasure.Subject(order_id=order_id))
    if done.waiting:
        return desk.back(
            path, desk.say(N_("Erased. Orders in progress keep the contact details until they're complete."))
        )
    return desk.back(path, desk.say(N_("The customer's details were erased.")))


@router.post("/{order_id}/ready")
async def ready(desk: Manager, order_id: UUID) -> Response:
    """What was sold before it was there is there now; the buyer is asked for the balance."""
    path = f"/orders/{order_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            changed = await orders.mark_ready(
                tx, shop_id=desk.shop.id, order_id=order_id, actor=f"person:{desk.actor.person_id}"
            )
    asked = changed.balance_due_at is not None and changed.charged_minor < changed.total_minor
    said = N_("Goods received. The customer is asked to pay the balance.") if asked else N_("Goods received.")
    return desk.back(path, desk.say(said))


@router.post("/{order_id}/delay")
async def delay(desk: Manager, order_id: UUID, delayed_to: Text = "") -> Response:
    """It comes later than promised: the buyer may take the new date, or everything back."""
    path = f"/orders/{order_id}"
    with desk.back_if_refused(path):
        day = day_of(delayed_to)
        if day is None:
            raise NotADate(given="")
        async with desk.work() as tx:
            await orders.delay(
                tx,
                shop_id=desk.shop.id,
                order_id=order_id,
                delayed_to=day,
                actor=f"person:{desk.actor.person_id}",
            )
    return desk.back(path, desk.say(N_("The customer is asked to accept the new date or get a full refund.")))


@router.post("/{order_id}/ship")
async def ship(desk: Manager, order_id: UUID, tracking: Text = "") -> Response:
    path = f"/orders/{order_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await orders.shipping.ship(
                tx,
                shop_id=desk.shop.id,
                order_id=order_id,
                actor=f"person:{desk.actor.person_id}",
                tracking=tracking,
            )
    return desk.back(path, desk.say(N_("Marked as shipped.")))


@router.post("/{order_id}/deliver")
async def deliver(desk: Manager, order_id: UUID) -> Response:
    path = f"/orders/{order_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await orders.shipping.deliver(
                tx, shop_id=desk.shop.id, order_id=order_id, actor=f"person:{desk.actor.person_id}"
            )
    return desk.back(path, desk.say(N_("Marked as delivered.")))


@router.post("/{order_id}/cancel")
async def cancel(desk: Manager, order_id: UUID, note: Text = "") -> Response:
    path = f"/orders/{order_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await orders.cancel(
                tx,
                shop_id=desk.shop.id,
                order_id=order_id,
                by=orders.Party.MERCHANT,
                actor=f"person:{desk.actor.person_id}",
                note=note,
            )
    return desk.back(path, desk.say(N_("Order cancelled; its units are back on sale.")))


@router.post("/{order_id}/refund")
async def refund(
    desk: Manager, order_id: UUID, amount: Text = "", note: Text = "", key: Text = ""
) -> Response:
    path = f"/orders/{order_id}"
    try:
        minor = desk.minor(amount)
        refund_id = UUID(key) if key else new_id()
        async with desk.work() as tx:
            order = await orders.refund(
                tx,
                shop_id=desk.shop.id,
                order_id=order_id,
                amount=Money(minor, desk.shop.currency),
                actor=f"person:{desk.actor.person_id}",
                note=note,
                refund_id=refund_id,
            )
        known = connections_of(desk.request)
        left = known is not None and await orders.send_refund(
            desk.db,
            shop_id=desk.shop.id,
            order_id=order_id,
            refund_id=refund_id,
            actor=f"person:{desk.actor.person_id}",
            providers=known.of,
        )
    except Refusal as refusal:
        if refusal.code not in _OF_AMOUNT:
            return desk.refused(path, refusal)
        typed = {"amount": amount, "note": note}
        errors = {"amount": message_of(refusal, desk.language)}
        return await _order_page(desk, order_id, refund=typed, errors=errors, status=refusal.status)
    except ValueError:
        return desk.refused(path, purchases.BadPurchase())
    return desk.back(path, await _said_of_refund(desk, order, refund_id, left=left))


async def _said_of_refund(desk: Desk, order: orders.Order, refund_id: UUID, *, left: bool) -> str:
    if left:
        return desk.say(N_("Refunded to where the money came from."))
    async with desk.db.transaction() as tx:
        asked = await approvals.known(
            tx, shop_id=desk.shop.id, refund_id=refund_id, kind=approvals.Kind.REFUND
        )
    if asked is not None and asked.decision is None:
        return desk.say(N_("Another member has to confirm this refund. They were told by mail."))
    if order.provider != "manual":
        return desk.say(N_("Refund approved. It is being sent to where the money came from."))
    return desk.say(N_("Refund approved. Send the money, then record it here."))


@router.post("/{order_id}/refund-requests/{request_id}/confirm")
async def confirm_refund(desk: Manager, order_id: UUID, request_id: UUID) -> Response:
    """The second person says yes; it is sent at once."""
    path = f"/orders/{order_id}"
    try:
        async with desk.work() as tx:
            order, refund_id = await orders.confirm_refund(
                tx,
                shop_id=desk.shop.id,
                request_id=request_id,
                order_id=order_id,
                person_id=desk.actor.person_id,
            )
        known = connections_of(desk.request)
        left = known is not None and await orders.send_refund(
            desk.db,
            shop_id=desk.shop.id,
            order_id=order.id,
            refund_id=refund_id,
            actor=f"person:{desk.actor.person_id}",
            providers=known.of,
        )
    except Refusal as refusal:
        return desk.refused(path, refusal)
    return desk.back(f"/orders/{order.id}", await _said_of_refund(desk, order, refund_id, left=left))


@router.post("/{order_id}/refund-requests/{request_id}/decline")
async def decline_refund(desk: Manager, order_id: UUID, request_id: UUID) -> Response:
    path = f"/orders/{order_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await approvals.decline(
                tx,
                shop_id=desk.shop.id,
                request_id=request_id,
                order_id=order_id,
                person_id=desk.actor.person_id,
            )
    return desk.back(path, desk.say(N_("Declined. Nothing is refunded.")))


@router.post("/{order_id}/refunded")
async def refunded(desk: Manager, order_id: UUID, refund_id: Annotated[UUID, Form()]) -> Response:
    path = f"/orders/{order_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await orders.mark_refunded(
                tx,
                shop_id=desk.shop.id,
                order_id=order_id,
                refund_id=refund_id,
                actor=f"person:{desk.actor.person_id}",
            )
        asked = await approvals.known(
            tx, shop_id=desk.shop.id, refund_id=refund_id, kind=approvals.Kind.BY_HAND
        )
    if asked is not None and asked.decision is None:
        return desk.back(
            path, desk.say(N_("Another member has to confirm this refund. They were told by mail."))
        )
    return desk.back(path, desk.say(N_("Marked as refunded.")))
