"""Voting in a poll of the room: a form for each answer, or a script that asks for JSON."""

from typing import Annotated, Final

from fastapi import Form, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from shopfloor import accounts, polls, purchases
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import Db
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.shoppers.api import Shopper
from shopfloor.web.languages import N_, language_of, speak
from shopfloor.web.refusals import message_of
from shopfloor.web.templating import flash

router = Router(include_in_schema=False)

VOTED: Final = N_("Your answer counts: %(answer)s")


@router.post("/s/{shop}/polls/{poll_id}/vote")
@public
async def vote(
    request: Request,
    shop: str,
    poll_id: Id,
    shopper: Shopper,
    db: Db,
    answer: Annotated[int, Form(ge=0, le=3)],
) -> Response:
    """The place of the answer, from 0; the first one counts, and voting again is the same vote."""
    if getattr(request.state, "new_shopper", None) is not None:
        # It would be the vote of a browser that may refuse the cookie by which it counts once.
        again = purchases.asked_again(request.url.path, request.url.query)
        if again is None:
            raise purchases.CookieNeeded
        return RedirectResponse(again, status_code=307)
    as_json = "application/json" in request.headers.get("accept", "")
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        asked = await polls.poll(tx, shop_id=found.id, poll_id=poll_id)
    votes = services_of(request).part(polls.Votes)
    response: Response = RedirectResponse(f"/s/{found.slug}/live/{asked.show_id}", status_code=303)
    try:
        chosen = await votes.vote(shopper, answer, shop_id=found.id, poll_id=poll_id)
    except Refusal as refusal:
        if as_json:
            raise
        flash(response, "bad", message_of(refusal, language_of(request, found.locale)))
        return response
    if as_json:
        return JSONResponse({"answer": chosen}, headers={"cache-control": "no-store"})
    flash(response, "good", speak(request).gettext(VOTED) % {"answer": asked.answers[chosen]})
    return response
