"""What readers of messages do: unsubscribe, ask to be reminded of a show, say where they are told of their turn.

A mail program may unsubscribe by itself (RFC 8058): a POST without cookies or a page, to the address in the message.
"""

from time import monotonic
from typing import Annotated, Final
from uuid import UUID

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from shopfloor import accounts, notices, notifications, purchases
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import TooMany
from shopfloor.kernel.http import Db, client_address
from shopfloor.kernel.rate_limit import Gcra
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.shoppers.api import Shopper
from shopfloor.web.languages import language_of, speak
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash, render

router = Router(include_in_schema=False)

Email = Annotated[str, Form(max_length=320)]


class TooManyMessages(TooMany):
    """Too many messages were asked for from here. Try again later."""

    code = "notifications.too_many"


# What somebody may have sent to addresses that need not be theirs: a few at once, then one in a minute.
_ASKED: Final = Gcra(every=60.0, burst=10)


def count_request(request: Request) -> None:
    """Raises TooManyMessages."""
    wait = _ASKED.wait(client_address(request), monotonic())
    if wait:
        raise TooManyMessages(again_in=int(wait) + 1)


@router.get("/s/{shop}/unsubscribe/{notice_id}")
@public
async def unsubscribe_page(request: Request, shop: str, notice_id: UUID, db: Db) -> Response:
    """Changes nothing: programs that check mail open its links."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        message = await notices.notice(tx, shop_id=found.id, notice_id=notice_id)
    weekly = message.kind is notices.Kind.WEEK_REPORT
    return render(
        request, "shop/unsubscribe.html", shop=found, notice_id=notice_id, weekly=weekly, done=False
    )


@router.post("/s/{shop}/unsubscribe/{notice_id}")
@public
async def unsubscribe(request: Request, shop: str, notice_id: UUID, db: Db) -> Response:
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        await notifications.unsubscribe(tx, shop_id=found.id, notice_id=notice_id)
        message = await notices.notice(tx, shop_id=found.id, notice_id=notice_id)
    weekly = message.kind is notices.Kind.WEEK_REPORT
    return render(request, "shop/unsubscribe.html", shop=found, notice_id=notice_id, weekly=weekly, done=True)


@router.post("/s/{shop}/live/{show_id:id}/remind")
@public
async def remind(request: Request, shop: str, show_id: Id, db: Db, email: Email = "") -> Response:
    words = speak(request)
    response = RedirectResponse(f"/s/{shop}", status_code=303)
    try:
        count_request(request)
        async with db.transaction() as tx:
            found = await accounts.shop_by_slug(tx, shop)
            await notifications.remind(
                tx,
                shop_id=found.id,
                show_id=show_id,
                email=email,
                locale=language_of(request, found.locale).tag,
            )
    except (notices.NotAnAddress, notifications.ShowIsOver, TooManyMessages) as refusal:
        flash(response, "bad", message_of(refusal, language_of(request)))
        return response
    flash(response, "good", words.gettext("We'll remind you shortly before the show starts."))
    return response


@router.post("/s/{shop}/waitlist/{waiting_id}/mail")
@public
async def tell_of_place(
    request: Request, shop: str, waiting_id: UUID, shopper: Shopper, db: Db, email: Email = ""
) -> Response:
    words = speak(request)
    response = RedirectResponse(f"/s/{shop}/waitlist", status_code=303)
    try:
        count_request(request)
        async with db.transaction() as tx:
            found = await accounts.shop_by_slug(tx, shop)
            places = await purchases.places(tx, buyer=shopper, shop_id=found.id)
            if waiting_id not in {place.id for place in places}:
                raise purchases.WaitingNotFound
            await notifications.tell_of_place(
                tx,
                shop_id=found.id,
                waiting_id=waiting_id,
                buyer=shopper,
                email=email,
                locale=language_of(request, found.locale).tag,
            )
    except (notices.NotAnAddress, TooManyMessages) as refusal:
        flash(response, "bad", message_of(refusal, language_of(request)))
        return response
    flash(response, "good", words.gettext("We'll email you when it's your turn."))
    return response
