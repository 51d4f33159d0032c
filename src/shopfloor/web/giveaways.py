"""A giveaway as anybody sees it: its rules and what they commit to, the way in, the draw, and the prize for who won."""

from collections.abc import Mapping
from typing import Annotated, Final
from uuid import UUID

from fastapi import Form, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from shopfloor import accounts, chat, customers, embeds, giveaways, live, purchases
from shopfloor.accounts import Shop
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import Db
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import Money, now
from shopfloor.shoppers.api import Shopper
from shopfloor.web.customers import customer_of, network_of, private_page
from shopfloor.web.languages import N_, language_of, speak
from shopfloor.web.refusals import message_of
from shopfloor.web.staff import is_staff
from shopfloor.web.templating import flash

router = Router(prefix="/s/{shop}/giveaways", include_in_schema=False)

ENTERED: Final = N_("You're in. Your entry number is %(number)s.")
CLAIMED: Final = N_("Thank you. The shop has your address and sends the prize.")
WHY: Final[Mapping[str, str]] = {
    "called_off": N_("The shop called it off before the list was closed. Nobody won."),
    "no_entries": N_("Nobody entered."),
    "closed_late": N_("The list was closed too late: by then the public random value could be known. Nobody won."),
    "not_revealed": N_("The draw wasn't revealed in time. Nobody won."),
}  # fmt: skip


def _path(shop: Shop, giveaway_id: int) -> str:
    return f"/s/{shop.slug}/giveaways/{giveaway_id}"


async def _account(tx: Tx, request: Request, shop: Shop, shopper: UUID) -> customers.Customer | None:
    """Who is signed in, with an address or number that was proved."""
    found = await customer_of(tx, request, shop, shopper)
    return None if found is None or found.account_since is None else found


@router.get("/{giveaway_id}")
@public
async def page(request: Request, shop: str, giveaway_id: Id, shopper: Shopper, db: Db) -> Response:
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        giveaway = await giveaways.giveaway(tx, shop_id=found.id, giveaway_id=giveaway_id)
        customer = await _account(tx, request, found, shopper)
        entry = await giveaways.entry_of(
            tx,
            shop_id=found.id,
            giveaway_id=giveaway_id,
            shoppers=await embeds.same_person(tx, shop_id=found.id, shopper=shopper),
            customer=None if customer is None else customer.id,
        )
        winners = await giveaways.winners(tx, shop_id=found.id, giveaway_id=giveaway_id)
        show = await live.show(tx, shop_id=found.id, show_id=giveaway.show_id)
    won = next((each for each in winners if entry is not None and each.number == entry.number), None)
    return private_page(
        request,
        "giveaway.html",
        shop=found,
        giveaway=giveaway,
        show=show,
        entry=entry,
        mine=won,
        winners=[each for each in winners if each.state is not giveaways.Place.LAPSED],
        passed_over=sum(each.state is giveaways.Place.LAPSED for each in winners),
        worth=Money(giveaway.value_minor, giveaway.currency),
        takes_entries=giveaway.state == "open" and now() < giveaway.closes_at,
        may_claim=won is not None
        and won.sent_at is None
        and (won.state == "claimed" or (won.state == "asked" and now() < won.deadline)),
        signed_in=customer is not None,
        fingerprint=giveaways.verifying.fingerprint(giveaway.rules),
        is_drand=giveaway.rules["beacon"]["chain"] == giveaways.beacon.QUICKNET.hash,
        why=None if giveaway.why is None else speak(request).gettext(WHY[giveaway.why]),
    )


@router.post("/{giveaway_id}/enter")
@public
async def enter(request: Request, shop: str, giveaway_id: Id, shopper: Shopper, db: Db) -> Response:
    """Enter it; entering again is the same entry.  A script that asks for JSON gets the number."""
    if getattr(request.state, "new_shopper", None) is not None:
        # It would be the entry of a browser that may refuse the cookie by which it wins.
        again = purchases.asked_again(request.url.path, request.url.query)
        if again is None:
            raise purchases.CookieNeeded
        return RedirectResponse(again, status_code=307)
    as_json = "application/json" in request.headers.get("accept", "")
    try:
        found, number = await _entered(request, shop, giveaway_id, shopper, db)
    except Refusal as refusal:
        if as_json:
            raise
        async with db.transaction() as tx:
            found = await accounts.shop_by_slug(tx, shop)
            await giveaways.giveaway(tx, shop_id=found.id, giveaway_id=giveaway_id)
        response = RedirectResponse(_path(found, giveaway_id), status_code=303)
        flash(response, "bad", message_of(refusal, language_of(request, found.locale)))
        return response
    if as_json:
        return JSONResponse({"number": number}, headers={"cache-control": "no-store"})
    response = RedirectResponse(_path(found, giveaway_id), status_code=303)
    flash(response, "good", speak(request).gettext(ENTERED) % {"number": number})
    return response


async def _entered(request: Request, shop: str, giveaway_id: int, shopper: UUID, db: Db) -> tuple[Shop, str]:
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        giveaway = await giveaways.giveaway(tx, shop_id=found.id, giveaway_id=giveaway_id)
        customer = await _account(tx, request, found, shopper)
        if await is_staff(tx, request, found, customer):
            raise giveaways.StaffExcluded
        name = await chat.public_name(tx, show_id=giveaway.show_id, shopper=shopper)
        [_, *others] = await embeds.same_person(tx, shop_id=found.id, shopper=shopper)
    entering = giveaways.Entering(
        shopper,
        others=tuple(others),
        customer=None if customer is None else customer.id,
        name=name,
        network=network_of(request),
    )
    entries = services_of(request).part(giveaways.Entries)
    return found, await entries.enter(entering, shop_id=found.id, giveaway_id=giveaway_id)


@router.post("/{giveaway_id}/claim")
@public
async def claim(
    request: Request,
    shop: str,
    giveaway_id: Id,
    shopper: Shopper,
    db: Db,
    recipient: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Say where the prize goes."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        await giveaways.giveaway(tx, shop_id=found.id, giveaway_id=giveaway_id)
    response = RedirectResponse(_path(found, giveaway_id), status_code=303)
    try:
        async with db.transaction() as tx:
            customer = await _account(tx, request, found, shopper)
            if await is_staff(tx, request, found, customer):
                # In a frame of another site nobody is signed in to the console: they may have entered there.
                raise giveaways.StaffExcluded
            await giveaways.claim(
                tx,
                shop_id=found.id,
                giveaway_id=giveaway_id,
                shoppers=await embeds.same_person(tx, shop_id=found.id, shopper=shopper),
                customer=None if customer is None else customer.id,
                recipient=recipient,
            )
    except Refusal as refusal:
        flash(response, "bad", message_of(refusal, language_of(request, found.locale)))
    else:
        flash(response, "good", speak(request).gettext(CLAIMED))
    return response


@router.get("/{giveaway_id}/draw.json")
@public
async def draw(shop: str, giveaway_id: Id, db: Db) -> Response:
    """The file with which anybody computes the draw again."""
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        data = await giveaways.draw_file(tx, shop_id=found.id, giveaway_id=giveaway_id)
    return Response(
        data,
        media_type="application/json",
        headers={
            "content-disposition": f'attachment; filename="{found.slug}-draw-{giveaway_id}.json"',
            "cache-control": "public, max-age=3600",
        },
    )
