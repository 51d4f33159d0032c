"""Giving back as its buyer does it: what and why, then a second page that says it once more and has the button.

Whoever may open the order may do it: with the cookie that bought, or the key of the link.  No script is needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from shopfloor import accounts, orders, returns
from shopfloor.accounts.api import Shopper, public
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import Db
from shopfloor.kernel.values import Money, new_id
from shopfloor.returns import Journey, Reason
from shopfloor.web.languages import N_, Language, language_of
from shopfloor.web.parts import EXCEPTED, texts_sold
from shopfloor.web.paying import connections_of
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash, render

router = APIRouter(include_in_schema=False)

Key = Annotated[str | None, Query(max_length=200)]
Text = Annotated[str, Form(max_length=4000)]

REASONS: Final = {
    Reason.TOO_SMALL: N_("Too small"),
    Reason.TOO_LARGE: N_("Too large"),
    Reason.CHANGED_MIND: N_("Changed my mind"),
    Reason.ARRIVED_LATE: N_("Arrived too late"),
    Reason.NOT_AS_DESCRIBED: N_("Not as described"),
    Reason.DEFECTIVE: N_("Defective"),
    Reason.DAMAGED_IN_TRANSIT: N_("Arrived damaged"),
    Reason.WRONG_ITEM: N_("Wrong item"),
    Reason.PARTS_MISSING: N_("Parts are missing"),
    Reason.OTHER: N_("Another reason"),
}
# What a confirmed form says, by journey.
DONE: Final = {
    Journey.WITHDRAWAL: N_(
        "We received your withdrawal. A confirmation with the time is on its way by email."
    ),
    Journey.CLAIM: N_("We received your claim. The seller will answer it."),
    Journey.GOODWILL: N_("We received your request. The seller will answer it."),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form says, as far as it can be read."""

    journey: Journey
    units: dict[int, int] = field(default_factory=dict[int, int])
    reason: str = ""
    note: str = ""
    return_id: UUID | None = None


def _why_not(sent: int, standing: returns.Standing, journey: Journey) -> str:
    """Why none of a line can be given back this way."""
    if not sent:
        return N_("Not sent yet.")
    if not standing.left:
        return N_("All of it is being returned.")
    if journey is not Journey.CLAIM and standing.excepted is not None:
        return EXCEPTED.get(standing.excepted, EXCEPTED["agreed"])
    return N_("The return period has ended.")


def reason_words(reason: str, language: Language) -> str:
    return language.words.gettext(REASONS[Reason(reason)]) if reason in set(Reason) else ""


def choices(journey: Journey, language: Language) -> list[tuple[str, str]]:
    """(value, words) of the reasons one may give."""
    offered = returns.FAULTS if journey is Journey.CLAIM else tuple(Reason)
    return [(each.value, language.words.gettext(REASONS[each])) for each in offered]


def _path(shop: str, order_id: UUID, key: str | None, rest: str = "", place: str = "", **more: str) -> str:
    query = {**({"key": key} if key else {}), **more}
    return f"/s/{shop}/orders/{order_id}{rest}{'?' + urlencode(query) if query else ''}{place}"


@router.get("/s/{shop}/orders/{order_id}/return")
@public
async def begin(
    request: Request,
    shop: str,
    order_id: UUID,
    shopper: Shopper,
    db: Db,
    key: Key = None,
    journey: Journey = Journey.WITHDRAWAL,
) -> Response:
    """What goes back, and why where one likes to say it."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        view = await orders.order_for_shopper(
            tx, shop_id=found.id, order_id=order_id, shopper=shopper, key=key
        )
        return await _page(tx, request, found, view, Asked(journey, return_id=new_id()), key)


async def _page(
    tx: Tx,
    request: Request,
    shop: accounts.Shop,
    view: orders.OrderView,
    asked: Asked,
    key: str | None,
    *,
    refusal: Refusal | None = None,
    confirms: bool = False,
) -> Response:
    language = language_of(request, shop.locale)
    offer = await returns.offer(tx, view)
    if not offer.may(asked.journey):
        response = RedirectResponse(_path(shop.slug, view.order.id, key, place="#returns"), status_code=303)
        flash(response, "wait", language.words.gettext(N_("There is nothing left to give back this way.")))
        return response
    standing = {line.line_id: line for line in offer.lines}
    response = render(
        request,
        "shop/return.html",
        status=200 if refusal is None else refusal.status,
        shop=shop,
        order=view.order,
        lines=view.lines,
        standing=standing,
        why_not={
            line.id: language.words.gettext(_why_not(line.shipped_quantity, standing[line.id], asked.journey))
            for line in view.lines
        },
        offer=offer,
        asked=asked,
        unsent=offer.unsent and asked.journey is Journey.WITHDRAWAL,
        reasons=choices(asked.journey, language),
        reason_words=reason_words(asked.reason, language),
        texts=texts_sold(view.page, language),
        money=lambda minor: Money(minor, view.order.currency),
        trouble=None if refusal is None else message_of(refusal, language),
        confirms=confirms,
        action=_path(shop.slug, view.order.id, key, "/return"),
        back=_path(shop.slug, view.order.id, key),
    )
    response.headers["cache-control"] = "private, no-store"
    return response


@router.post("/s/{shop}/orders/{order_id}/return")
@public
async def send(
    request: Request,
    shop: str,
    order_id: UUID,
    shopper: Shopper,
    db: Db,
    key: Key = None,
    journey: Annotated[Journey, Form()] = Journey.WITHDRAWAL,
    reason: Annotated[str, Form(max_length=40)] = "",
    note: Text = "",
    return_id: Annotated[UUID | None, Form()] = None,
    step: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """First shown once more; with the second button it is done.  The same form again is the same return."""
    form = await request.form()
    asked = Asked(journey, _units(form), reason, note, return_id or new_id())
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        view = await orders.order_for_shopper(
            tx, shop_id=found.id, order_id=order_id, shopper=shopper, key=key
        )
        if step != "confirm":
            offer = await returns.offer(tx, view)
            refusal = _trouble(offer, asked)
            again = step == "change"
            return await _page(
                tx, request, found, view, asked, key, refusal=refusal if not again else None,
                confirms=refusal is None and not again,
            )  # fmt: skip
    try:
        async with db.transaction() as tx:
            done = await returns.ask(
                tx,
                shop_id=found.id,
                order_id=order_id,
                return_id=asked.return_id or new_id(),
                journey=journey,
                units=asked.units,
                reason=reason,
                note=note,
            )
    except Refusal as refusal:
        async with db.transaction() as tx:
            return await _page(tx, request, found, view, asked, key, refusal=refusal)
    if done.unsent and done.refund is not None:
        known = connections_of(request)
        if known is not None:
            await orders.send_refund(
                db,
                shop_id=found.id,
                order_id=order_id,
                refund_id=done.refund,
                actor="buyer",
                providers=known.of,
            )
    response = RedirectResponse(_path(found.slug, order_id, key, place="#returns"), status_code=303)
    language = language_of(request, found.locale)
    flash(response, "good", language.words.gettext(DONE[journey]))
    return response


def _units(form: Mapping[str, Any]) -> dict[int, int]:
    """So many of each line; what is no number is none."""
    found: dict[int, int] = {}
    for name, value in form.items():
        line, text = name.removeprefix("units-"), str(value)
        if name.startswith("units-") and all(
            part.isascii() and part.isdigit() and len(part) <= 15 for part in (line, text)
        ):
            found[int(line)] = int(text)
    return {line_id: quantity for line_id, quantity in found.items() if quantity}


def _trouble(offer: returns.Offer, asked: Asked) -> Refusal | None:
    """What would keep the second button from working, said before it is shown."""
    if asked.journey is Journey.CLAIM and asked.reason not in set(returns.FAULTS):
        return returns.ReasonNeeded()
    if offer.unsent and asked.journey is Journey.WITHDRAWAL:
        return None
    if not asked.units:
        return returns.NothingChosen()
    standing = {line.line_id: line for line in offer.lines}
    for line_id, quantity in asked.units.items():
        line = standing.get(line_id)
        if line is None:
            return returns.NotInOrder(line_id=line_id, quantity=quantity)
        left = line.of(asked.journey)
        if quantity > left:
            return returns.TooManyUnits(line_id=line_id, wanted=quantity, left=left)
    return None


@router.post("/s/{shop}/orders/{order_id}/returns/{return_id}/close")
@public
async def give_up(
    request: Request, shop: str, order_id: UUID, return_id: UUID, shopper: Shopper, db: Db, key: Key = None
) -> Response:
    """The buyer keeps it after all."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        await orders.order_for_shopper(tx, shop_id=found.id, order_id=order_id, shopper=shopper, key=key)
    language = language_of(request, found.locale)
    response = RedirectResponse(_path(found.slug, order_id, key, place="#returns"), status_code=303)
    try:
        async with db.transaction() as tx:
            known = await returns.of_order(tx, shop_id=found.id, order_id=order_id)
            if return_id not in {each.id for each in known}:
                # One of another order is none of this one's.
                raise returns.ReturnNotFound(return_id=str(return_id))
            await returns.close(tx, shop_id=found.id, return_id=return_id, actor="buyer")
    except returns.WrongState as refusal:
        flash(response, "wait", message_of(refusal, language))
        return response
    flash(response, "good", language.words.gettext(N_("You keep it. The return is closed.")))
    return response
