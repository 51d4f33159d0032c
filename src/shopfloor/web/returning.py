"""Giving back as its buyer does it: what and why, then a second page that says it once more and has the button.

Whoever may open the order may do it: with the cookie that bought, or the key of the link.  No script is needed.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import field, replace
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import File, Form, Request, UploadFile
from starlette.responses import RedirectResponse, Response

from shopfloor import accounts, documents, orders, picture_files, returns
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import Db
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import Money, new_id, whole_number
from shopfloor.returns import Journey, Reason
from shopfloor.shoppers.api import Shopper
from shopfloor.web.languages import N_, Language, language_of
from shopfloor.web.order_links import Key, open_order, order_path
from shopfloor.web.papers import pdf
from shopfloor.web.parts import EXCEPTED, texts_sold
from shopfloor.web.paying import connections_of
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash, money_text, render

router = Router(include_in_schema=False)

Text = Annotated[str, Form(max_length=4000)]
_HASH: Final = re.compile("[0-9a-f]{64}")
_PART: Final = 64 * 1024

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
# Of who left no address to write to.
DONE_UNWRITTEN: Final = N_("We received your withdrawal. The time stands below.")
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
    pictures: tuple[str, ...] = ()
    swaps: dict[int, int] = field(default_factory=dict[int, int])
    """The variant that is wanted instead, by line."""


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
        found, view = await open_order(tx, shop, order_id, shopper=shopper, key=key)
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
    instead = {} if offer.unsent else await swap_choices(tx, view, language, asked.journey)
    if not offer.may(asked.journey):
        response = RedirectResponse(
            order_path(shop.slug, view.order.id, key, place="#returns"), status_code=303
        )
        flash(
            response,
            "wait",
            language.words.gettext(N_("Nothing in this order can be returned this way now.")),
        )
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
        instead=instead,
        instead_words={
            line_id: dict(titles).get(asked.swaps.get(line_id, 0), "") for line_id, titles in instead.items()
        },
        reasons=choices(asked.journey, language),
        reason_words=reason_words(asked.reason, language),
        texts=texts_sold(view.page, language),
        money=lambda minor: Money(minor, view.order.currency),
        trouble=None if refusal is None else message_of(refusal, language),
        confirms=confirms,
        most_pictures=returns.MOST_PICTURES,
        # With the key: a body as large as a picture is taken from nobody else.
        action=order_path(shop.slug, view.order.id, view.order.key, "/return"),
        back=order_path(shop.slug, view.order.id, key),
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
    picture: Annotated[list[UploadFile] | None, File()] = None,
    kept: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """First shown once more; with the second button it is done.  The same form again is the same return.

    Pictures are stored with the first; the second names them (`kept`).
    """
    form = await request.form()
    units, swaps = numbers_of(form, "units-"), numbers_of(form, "swap-")
    asked = Asked(
        journey,
        units,
        reason,
        note,
        return_id or new_id(),
        swaps={line_id: variant_id for line_id, variant_id in swaps.items() if line_id in units},
    )
    async with db.transaction() as tx:
        found, view = await open_order(tx, shop, order_id, shopper=shopper, key=key)
    try:
        asked = replace(asked, pictures=await _pictures(request, picture or [], kept or []))
    except Refusal as refusal:
        async with db.transaction() as tx:
            return await _page(tx, request, found, view, asked, key, refusal=refusal)
    async with db.transaction() as tx:
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
                pictures=asked.pictures,
                swaps=asked.swaps,
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
    response = RedirectResponse(order_path(found.slug, order_id, key, place="#returns"), status_code=303)
    language = language_of(request, found.locale)
    written = journey is not Journey.WITHDRAWAL or view.order.contact_email
    flash(response, "good", language.words.gettext(DONE[journey] if written else DONE_UNWRITTEN))
    return response


async def _pictures(request: Request, sent: Sequence[UploadFile], kept: Sequence[str]) -> tuple[str, ...]:
    """What was shown before and is still there, and what is shown now, decoded and encoded by us.

    Raises catalog's refusals of what is no picture, or too large.
    """
    directory = services_of(request).given.pictures_dir
    known = [each for each in kept[: returns.MOST_PICTURES] if _HASH.fullmatch(each)]
    found = [each for each in known if await asyncio.to_thread((directory / each).is_dir)]
    for file in sent:
        if file.filename and len(found) < returns.MOST_PICTURES:
            found.append((await picture_files.receive_picture(_parts(file), directory)).sha256)
    return tuple(dict.fromkeys(found))


async def _parts(file: UploadFile) -> AsyncGenerator[bytes]:
    while part := await file.read(_PART):
        yield part


def numbers_of(form: Mapping[str, Any], prefix: str) -> dict[int, int]:
    """By line id, what the fields with this prefix say; what is no number, or zero, is none."""
    found: dict[int, int] = {}
    for name, value in form.items():
        line, number = whole_number(name.removeprefix(prefix)), whole_number(str(value))
        if name.startswith(prefix) and line is not None and number is not None:
            found[line] = number
    return {line_id: number for line_id, number in found.items() if number}


async def swap_choices(
    tx: Tx, view: orders.OrderView, language: Language, journey: Journey
) -> dict[int, list[tuple[int, str]]]:
    """By line, what one may have instead, in words with its difference; the same again only for a fault."""
    own = {line.id: line.variant_id for line in view.lines}
    found: dict[int, list[tuple[int, str]]] = {}
    for line_id, offered in (await returns.exchanges.choices(tx, view)).items():
        options = [
            (each.variant_id, _choice_words(each, view.order.currency, language))
            for each in offered
            if each.variant_id != own[line_id] or journey is Journey.CLAIM
        ]
        if options:
            found[line_id] = options
    return found


def _choice_words(each: returns.exchanges.Choice, currency: str, language: Language) -> str:
    words = " · ".join(option for option in each.options if option != "Default Title")
    words = words or language.words.gettext(N_("The same again"))
    if not each.difference_minor:
        return words
    sign = "+" if each.difference_minor > 0 else "−"
    return f"{words} ({sign}{money_text(Money(abs(each.difference_minor), currency), language)})"


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
        await _own(tx, found, order_id, return_id, shopper, key)
    language = language_of(request, found.locale)
    response = RedirectResponse(order_path(found.slug, order_id, key, place="#returns"), status_code=303)
    try:
        async with db.transaction() as tx:
            await returns.close(tx, shop_id=found.id, return_id=return_id, actor="buyer")
    except returns.WrongState as refusal:
        flash(response, "wait", message_of(refusal, language))
        return response
    flash(response, "good", language.words.gettext(N_("You keep it. The return is closed.")))
    return response


@router.post("/s/{shop}/orders/{order_id}/returns/{return_id}/label")
@public
async def ask_label(
    shop: str, order_id: UUID, return_id: UUID, shopper: Shopper, db: Db, key: Key = None
) -> Response:
    """A label and a slip for the parcel, made in a moment."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        await _own(tx, found, order_id, return_id, shopper, key)
        await returns.papers.ask(tx, shop_id=found.id, return_id=return_id)
    return RedirectResponse(
        order_path(found.slug, order_id, key, f"/returns/{return_id}/label"), status_code=303
    )


@router.get("/s/{shop}/orders/{order_id}/returns/{return_id}/label")
@public
async def label(
    request: Request, shop: str, order_id: UUID, return_id: UUID, shopper: Shopper, db: Db, key: Key = None
) -> Response:
    """The file once it is there; until then a page that comes again by itself."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        asked = await _own(tx, found, order_id, return_id, shopper, key)
        try:
            sheet_id = returns.papers.label_id(return_id)
            sheet = await documents.sheet_file(tx, shop_id=found.id, sheet_id=sheet_id)
        except documents.DocumentNotFound:
            # Nobody asked for it, or it was forgotten since.
            return RedirectResponse(order_path(found.slug, order_id, key, place="#returns"), status_code=303)
        except documents.NotMadeYet:
            response = render(
                request,
                "shop/label.html",
                shop=found,
                asked=asked,
                back=order_path(found.slug, order_id, key),
            )
            response.headers["cache-control"] = "private, no-store"
            return response
    return pdf(sheet.name, sheet.content)


async def _own(
    tx: Tx, shop: accounts.Shop, order_id: UUID, return_id: UUID, shopper: UUID, key: str | None
) -> returns.Return:
    """A return of an order that this reader may open.  Raises OrderNotFound, ReturnNotFound."""
    await orders.order_for_shopper(tx, shop_id=shop.id, order_id=order_id, shopper=shopper, key=key)
    for each in await returns.of_order(tx, shop_id=shop.id, order_id=order_id):
        if each.id == return_id:
            return each
    raise returns.ReturnNotFound(return_id=str(return_id))
