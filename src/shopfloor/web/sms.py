"""What readers of messages by SMS do, and what gateways report: the links in them, asking for them, stopping them."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import Form, Path, Request
from starlette.responses import RedirectResponse, Response

from shopfloor import accounts, orders, purchases, sms
from shopfloor.kernel.errors import NotFound
from shopfloor.kernel.http import Db
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.shoppers.api import Shopper
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_, language_of, speak
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash
from shopfloor.web.unsubscribe import TooManyMessages, count_request

router = Router(include_in_schema=False)

Code = Annotated[str, Path(max_length=60)]
ReportKey = Annotated[str, Path(max_length=60)]
# What a buyer says yes to; it is kept with the answer.
WANTED: Final = N_("Text me about this order.")
_MOST_REPORT: Final = 256 * 1024


class NoSuchLink(NotFound):
    """This link leads nowhere: it is incomplete, or what it was about is gone."""

    code = "notifications.no_such_link"


@router.get("/t/{code}")
@public
async def follow(code: Code, db: Db) -> Response:
    """On to the page that a message is about.  Raises NoSuchLink."""
    async with db.transaction() as tx:
        found = await sms.path_of(tx, code=code)
        if found is None:
            raise NoSuchLink
        shop = await accounts.shop(tx, found[0])
    headers = {
        "cache-control": "private, no-store",
        "x-robots-tag": "noindex",
        "referrer-policy": "no-referrer",
    }
    return RedirectResponse(f"/s/{shop.slug}{found[1]}", status_code=303, headers=headers)


@router.post("/sms/{key}/report")
@public
async def report(request: Request, key: ReportKey, db: Db) -> Response:
    """What a gateway says became of messages, as JSON or a form; the address is its password.  Said twice is said once."""
    body = (await request.body())[:_MOST_REPORT].decode("utf-8", "replace")
    async with db.transaction() as tx:
        changed = await sms.note_reports(tx, key=key, body=body)
    if changed is None:
        raise NoSuchLink
    # Gateways repeat what is not answered with 200.
    return Response("OK", media_type="text/plain")


@router.post("/s/{shop}/orders/{order_id}/texts")
@public
async def want_texts(
    request: Request,
    shop: str,
    order_id: UUID,
    shopper: Shopper,
    db: Db,
    key: str | None = None,
    wanted: Tick = False,
) -> Response:
    """The buyer asks for messages about an order by SMS, or wants no more of them from this shop."""
    words = speak(request)
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        view = await orders.order_for_shopper(
            tx, shop_id=found.id, order_id=order_id, shopper=shopper, key=key
        )
        phone = view.order.contact_phone
        if wanted:
            said = words.gettext(WANTED)
            done = await sms.want(tx, shop_id=found.id, order_id=order_id, phone=phone, wording=said)
        else:
            await sms.want_no_more(tx, shop_id=found.id, order_id=order_id, phone=phone)
            done = True
    query = "" if key is None else f"?key={key}"
    response = RedirectResponse(f"/s/{found.slug}/orders/{order_id}{query}#texts", status_code=303)
    if not done:
        flash(response, "bad", message_of(sms.NotAPhone(), language_of(request, found.locale)))
    elif wanted:
        flash(response, "good", words.gettext("We'll text you about this order."))
    else:
        flash(response, "good", words.gettext("This shop won't text you again."))
    return response


@router.post("/s/{shop}/waitlist/{waiting_id}/text")
@public
async def tell_of_place(
    request: Request,
    shop: str,
    waiting_id: UUID,
    shopper: Shopper,
    db: Db,
    phone: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    response = RedirectResponse(f"/s/{shop}/waitlist", status_code=303)
    try:
        count_request(request)
        async with db.transaction() as tx:
            found = await accounts.shop_by_slug(tx, shop)
            places = await purchases.places(tx, buyer=shopper, shop_id=found.id)
            if waiting_id not in {place.id for place in places}:
                raise purchases.WaitingNotFound
            await sms.tell_me_of_place(
                tx,
                shop_id=found.id,
                waiting_id=waiting_id,
                buyer=shopper,
                phone=phone,
                locale=language_of(request, found.locale).tag,
            )
    except (sms.NotAPhone, sms.NoSms, TooManyMessages) as refusal:
        flash(response, "bad", message_of(refusal, language_of(request)))
        return response
    flash(response, "good", speak(request).gettext("We'll text you when it's your turn."))
    return response
