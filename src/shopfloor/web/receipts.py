"""The receipt of an order: where it stands, its papers, and what its buyer can still do."""

from typing import TYPE_CHECKING, Annotated, Final, Literal
from uuid import UUID

from fastapi import Form, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from shopfloor import (
    accounts,
    documents,
    fapiao,
    fulfilment,
    invoicing,
    orders,
    pickups,
    policies,
    returns,
    sms,
    stores,
)
from shopfloor.fulfilment import Delivery
from shopfloor.kernel import late
from shopfloor.kernel.errors import Conflict, Refusal
from shopfloor.kernel.http import Db, public_link
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import Money
from shopfloor.shoppers.api import Shopper
from shopfloor.web import paying, store_words
from shopfloor.web.checkout import Key
from shopfloor.web.languages import N_, language_of, speak
from shopfloor.web.papers import pdf
from shopfloor.web.parts import texts_sold
from shopfloor.web.refusals import message_of
from shopfloor.web.replays import shots_of_page
from shopfloor.web.templating import flash, render

if TYPE_CHECKING:
    import segno
else:
    segno = late.module("segno")

router = Router(include_in_schema=False)


@router.get("/s/{shop}/orders/{order_id}")
@public
async def receipt(
    request: Request, shop: str, order_id: UUID, shopper: Shopper, db: Db, key: Key = None
) -> Response:
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        view = await orders.order_for_shopper(
            tx, shop_id=found.id, order_id=order_id, shopper=shopper, key=key
        )
        policy = await policies.shop_terms(tx, shop_id=found.id)
        parcels = await fulfilment.of_order(tx, shop_id=found.id, order_id=order_id)
        papers = await documents.of_subject(tx, shop_id=found.id, subject_id=order_id)
        seller = await documents.seller(tx, shop_id=found.id)
        online = await paying.payable(tx, request, view)
        offer = await returns.offer(tx, view)
        exchanges = await returns.exchanges.of_returns(tx, shop_id=found.id, returns=offer.returns)
        send_to = await returns.send_to(tx, shop_id=found.id)
        asked_fapiao = await fapiao.of_order(tx, shop_id=found.id, order_id=order_id)
        offers_fapiao = await fapiao.is_offered(tx, shop_id=found.id)
        offers_sms = await sms.offers(tx, shop_id=found.id)
        by_sms = await sms.is_wanted(tx, shop_id=found.id, order_id=order_id)
        shots = await shots_of_page(tx, found, view.page)
        place = view.order.collect_at
        store = None if place is None else await stores.find(tx, shop_id=found.id, location_id=place)
        waits = [
            each
            for each in await pickups.of_order(tx, shop_id=found.id, order_id=order_id)
            if each.state is pickups.State.READY
        ]
    order = view.order
    language = language_of(request, found.locale)
    return render(
        request,
        "shop/order.html",
        shop=found,
        view=view,
        shown=view.shown,
        order=order,
        policy=policy,
        shots=shots,
        parcels=[each for each in parcels if each.state is not fulfilment.State.CANCELLED],
        lines_by_id={line.id: line for line in view.lines},
        papers=papers,
        store=None if store is None else store_words.told(store, language),
        waits=waits[0] if waits and store is not None else None,
        kept_until=store_words.last_day(waits[0].keep_until, store.timezone, language)
        if waits and store is not None
        else "",
        code_drawn=_drawn(request, found.slug, waits[0].code) if waits and store is not None else None,
        offer=offer,
        exchanges=exchanges,
        send_to=send_to,
        fapiao_request=asked_fapiao,
        may_fapiao=offers_fapiao
        and order.cancelled_at is None
        and order.refund_granted_minor < order.total_minor,
        offers_sms=offers_sms and bool(order.contact_phone),
        by_sms=by_sms,
        may_invoice=seller.is_complete
        and view.due is None
        and not order.authorised_minor
        and order.status != orders.Status.CANCELLED,
        money=lambda minor: Money(minor, order.currency),
        steps=steps_of(view),
        texts=texts_sold(view.page, language_of(request, found.locale)),
        link=str(public_link(request, f"/s/{found.slug}/orders/{order.id}?key={order.key}")),
        key=key,
        own=order.buyer == shopper,
        online=paying.choices(online, language_of(request, found.locale), other=False),
        paying_now=order.provider != "manual",
        by_hand=[way.name for way in paying.by_hand(view)],
        events=[("page_view", {"shop_id": found.id, "order_id": str(order.id)})],
    )


def _drawn(request: Request, slug: str, code: str) -> Markup:
    """What an assistant scans: it leads to this order in the console."""
    link = public_link(request, f"/console/{slug}/pickups?code={code}")
    return Markup(segno.make(str(link), error="m").svg_inline(scale=5, border=2))  # noqa: S704 -- made by segno


@dataclass(frozen=True, slots=True)
class Step:
    """`state`: done, now or later."""

    words: str
    state: str


# Each step as it is said when it is done, and before.
PLACED: Final = (N_("Ordered"), N_("Ordered"))


PAID: Final = (N_("Paid"), N_("Payment"))


AUTHORISED: Final = (N_("Authorised"), N_("Payment"))


SENT: Final = (N_("Sent"), N_("Sending"))


FETCHED: Final = (N_("Picked up"), N_("Pickup"))


ARRIVED: Final = (N_("Received"), N_("Receiving"))


DEPOSIT: Final = (N_("Deposit paid"), N_("Deposit"))


READY: Final = (N_("Ready"), N_("Preparing"))


REST: Final = (N_("Balance paid"), N_("Pay the balance"))


def steps_of(view: orders.OrderView) -> list[Step]:
    """Where an order stands, as steps; none for a cancelled one."""
    order = view.order
    if order.status == orders.Status.CANCELLED:
        return []
    paid = order.charged_minor >= order.total_minor
    authorised = view.order.authorised_minor > 0 and view.due is None
    sent = order.shipped_at is not None
    later = any(line.ready_on is not None for line in view.lines)
    if later and order.method != "cash":
        last = (FETCHED, sent) if order.delivery == Delivery.PICK_UP else (SENT, sent)
        ready = (READY, not view.awaits_goods)
        if order.first_minor == order.total_minor:
            course = [(PLACED, True), (PAID, paid), ready, last]
        else:
            deposit = (DEPOSIT, order.charged_minor >= order.first_minor)
            course = [(PLACED, True), deposit, ready, (REST, paid), last]
    elif order.method == "cash":
        course = [(PLACED, True), (FETCHED, sent), (PAID, paid)]
    elif order.delivery == Delivery.PICK_UP:
        course = [(PLACED, True), (PAID, paid), (FETCHED, sent)]
    else:
        course = [(PLACED, True), (PAID, paid), (SENT, sent), (ARRIVED, order.delivered_at is not None)]
    if authorised:
        course = [(AUTHORISED, True) if words == PAID else (words, is_done) for words, is_done in course]
    following = next((i for i, (_, is_done) in enumerate(course) if not is_done), len(course))
    return [
        Step(words[0], "done") if is_done else Step(words[1], "now" if i == following else "later")
        for i, (words, is_done) in enumerate(course)
    ]


@router.post("/s/{shop}/orders/{order_id}/papers")
@public
async def ask_paper(
    request: Request,
    shop: str,
    order_id: UUID,
    shopper: Shopper,
    db: Db,
    key: Key = None,
    kind: Annotated[str, Form(max_length=20)] = "receipt",
) -> Response:
    """A receipt of what was paid, or the invoice; its file comes in a moment."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        await orders.order_for_shopper(tx, shop_id=found.id, order_id=order_id, shopper=shopper, key=key)
    words = language_of(request, found.locale).words
    query = f"?key={key}" if key else ""
    response = RedirectResponse(f"/s/{found.slug}/orders/{order_id}{query}#papers", status_code=303)
    try:
        async with db.transaction() as tx:
            if kind == "invoice":
                await invoicing.invoice(tx, shop_id=found.id, order_id=order_id)
            else:
                await invoicing.receipt(
                    tx, shop_id=found.id, order_id=order_id, site=str(public_link(request, "")).rstrip("/")
                )
    except Refusal as refusal:
        flash(response, "bad", message_of(refusal, language_of(request, found.locale)))
        return response
    flash(response, "good", words.gettext(N_("Your document is being made. Reload this page in a moment.")))
    return response


@router.get("/s/{shop}/orders/{order_id}/papers/{document_id}")
@public
async def paper(
    shop: str, order_id: UUID, document_id: UUID, shopper: Shopper, db: Db, key: Key = None
) -> Response:
    """To whoever may open the order."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        await orders.order_for_shopper(tx, shop_id=found.id, order_id=order_id, shopper=shopper, key=key)
        file = await documents.file(tx, shop_id=found.id, document_id=document_id, subject_id=order_id)
    return pdf(file.name, file.content)


@router.post("/s/{shop}/orders/{order_id}/cancel")
@public
async def cancel(
    request: Request, shop: str, order_id: UUID, shopper: Shopper, db: Db, key: Key = None
) -> Response:
    words = speak(request)
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        await orders.order_for_shopper(tx, shop_id=found.id, order_id=order_id, shopper=shopper, key=key)
        await orders.cancel(tx, shop_id=found.id, order_id=order_id, by=orders.Party.BUYER, actor="buyer")
    query = "" if key is None else f"?key={key}"
    response = RedirectResponse(f"/s/{found.slug}/orders/{order_id}{query}", status_code=303)
    flash(response, "good", words.gettext("The order is cancelled."))
    return response


@router.post("/s/{shop}/orders/{order_id}/delay")
@public
async def answer_delay(
    request: Request,
    shop: str,
    order_id: UUID,
    shopper: Shopper,
    db: Db,
    answer: Annotated[Literal["accept", "cancel"], Form()],
    key: Key = None,
) -> Response:
    """The goods come later than promised: take the new date, or cancel with everything back."""
    words = speak(request)
    query = "" if key is None else f"?key={key}"
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
    response = RedirectResponse(f"/s/{found.slug}/orders/{order_id}{query}", status_code=303)
    try:
        async with db.transaction() as tx:
            await orders.answer_delay(
                tx, shop_id=found.id, order_id=order_id, accept=answer == "accept", shopper=shopper, key=key
            )
    except Conflict as refusal:
        # A second tap, or another device: the page shows what became of it.
        flash(response, "wait", message_of(refusal, language_of(request, found.locale)))
        return response
    done = N_("You accepted the new date.") if answer == "accept" else N_("The order is cancelled.")
    flash(response, "good", words.gettext(done))
    return response
