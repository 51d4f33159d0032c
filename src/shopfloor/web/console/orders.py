"""Orders: the list, one order, and what a merchant does with it."""

from operator import attrgetter
from typing import Annotated
from uuid import UUID

from fastapi import Form, Query
from starlette.responses import Response

from shopfloor import documents, fulfilment, notifications, orders, purchases
from shopfloor.accounts import Permission
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import as_download
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import Money, new_id
from shopfloor.web.console import messages
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.form_values import NotADate, day_of
from shopfloor.web.languages import N_
from shopfloor.web.paying import connections_of

router = Router(prefix="/console/{shop}/orders", include_in_schema=False)

Viewer = Annotated[Desk, at_page("orders")]
Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]
Keeper = Annotated[Desk, at(Permission.MEMBERS_MANAGE)]
Text = Annotated[str, Form(max_length=500)]
PAGE = 50


@router.get("")
async def listing(
    desk: Viewer,
    status: Annotated[str | None, Query(max_length=20)] = None,
    payment: Annotated[str | None, Query(max_length=20)] = None,
    show: Id | None = None,
    search: Annotated[str | None, Query(max_length=100)] = None,
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    async with desk.work() as tx:
        found = await paging.numbered(
            orders.orders,
            tx,
            shop_id=desk.shop.id,
            status=status or None,
            payment_status=payment or None,
            show_id=show,
            search=search,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        )
        counts = await orders.counts(tx, shop_id=desk.shop.id)
    return desk.page(
        "orders.html",
        active="orders",
        orders=found.items,
        page=found,
        counts=counts,
        status_now=status,
        payment_now=payment,
        show_now=show,
        search=search or "",
    )


@router.get("/export.csv")
async def exported(
    desk: Viewer,
    status: Annotated[str | None, Query(max_length=20)] = None,
    payment: Annotated[str | None, Query(max_length=20)] = None,
    show: Id | None = None,
    search: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """What the list is narrowed down to, all of it, as a spreadsheet."""
    pieces = orders.export.sheet(
        desk.db,
        shop_id=desk.shop.id,
        status=status or None,
        payment_status=payment or None,
        show_id=show,
        search=search,
    )
    return await as_download(pieces, f"{desk.shop.slug}-orders.csv")


@router.get("/{order_id}")
async def one(desk: Viewer, order_id: UUID) -> Response:
    async with desk.work() as tx:
        view = await orders.order(tx, shop_id=desk.shop.id, order_id=order_id)
        owed = await orders.refunds_owed(tx, shop_id=desk.shop.id, order_id=order_id)
        erasure_since = await orders.erasure.waits_since(tx, shop_id=desk.shop.id, order_id=order_id)
        parcels = await fulfilment.of_order(tx, shop_id=desk.shop.id, order_id=order_id)
        papers = await documents.of_subject(tx, shop_id=desk.shop.id, subject_id=order_id)
        seller = await documents.seller(tx, shop_id=desk.shop.id)
        sent = await notifications.of_order(tx, shop_id=desk.shop.id, order_id=order_id)
    return desk.page(
        "order.html",
        active="orders",
        view=view,
        shown=orders.shown(view.lines, view.bundles),
        order=view.order,
        refunds_owed=owed,
        erasure_since=erasure_since,
        messages=sent,
        message_labels=messages.labels(desk),
        message_states=messages.STATES,
        refund_key=new_id(),
        parcels=parcels,
        papers=papers,
        seller=seller,
    )


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


@router.post("/{order_id}/erase")
async def erase(desk: Keeper, order_id: UUID) -> Response:
    """Whoever ordered this is forgotten, on all of their orders and in chat."""
    path = f"/orders/{order_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            done = await orders.erasure.erase(
                tx, actor=desk.actor, subject=orders.erasure.Subject(order_id=order_id)
            )
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
    except (Refusal, ValueError) as refusal:
        return desk.refused(path, refusal if isinstance(refusal, Refusal) else purchases.BadPurchase())
    if left:
        return desk.back(path, desk.say(N_("Refunded to where the money came from.")))
    if order.provider != "manual":
        return desk.back(
            path, desk.say(N_("Refund approved. It is being sent to where the money came from."))
        )
    return desk.back(path, desk.say(N_("Refund approved. Send the money, then record it here.")))


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
    return desk.back(path, desk.say(N_("Marked as refunded.")))
