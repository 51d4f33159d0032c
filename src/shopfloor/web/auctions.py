"""An auction as anybody sees it: the lot, how it stands, the terms, the way to bid, and the checkout of who won.

The page works without a script; the room's card asks `/mine` for what only this bidder sees.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Form, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from shopfloor import accounts, auctions, chat, customers, live, policies, run_of_show
from shopfloor.accounts import Shop
from shopfloor.kernel import amounts
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.http import Db
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import Money, new_id, now, video_ms
from shopfloor.shoppers.api import Shopper
from shopfloor.web.customers import customer_of, network_of, private_page
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_, language_of, speak
from shopfloor.web.parts import EXCEPTED
from shopfloor.web.refusals import message_of
from shopfloor.web.staff import is_staff
from shopfloor.web.templating import flash, money_text

router = Router(prefix="/s/{shop}/auctions", include_in_schema=False)

LEADS: Final = N_("You lead at %(price)s.")
OUTBID: Final = N_("Your bid counts, but somebody's maximum is higher. Bid at least %(price)s.")
WHY: Final[Mapping[str, str]] = {
    "no_bids": N_("Nobody bid."),
    "reserve": N_("The reserve price wasn't reached."),
    "unpaid": N_("It wasn't paid in time."),
    "no_units": N_("The goods were no longer there."),
    "show_ended": N_("The show ended."),
    "mistake": N_("There was a mistake in the listing."),
    "damaged": N_("The goods are damaged."),
    "not_available": N_("The goods aren't available."),
    "technical": N_("There was a technical problem."),
    "by_shop": N_("The shop cancelled the order."),
}
"""Why a lot was not sold, or was called off."""
WORDS: Final[Mapping[str, str]] = {
    "auction": N_("Auction"),
    "auction.bid": N_("Bid %(price)s"),
    "auction.bidder": N_("Bidder %(n)s"),
    "auction.bids": N_("%(n)s bids"),
    "auction.cancelled": N_("Called off"),
    "auction.check_out": N_("Check out"),
    "auction.current": N_("Current bid"),
    "auction.lead": N_("%(name)s leads"),
    "auction.leads": N_("You're leading"),
    "auction.leap": N_("Yes, bid %(price)s"),
    "auction.lot": N_("%(n)s units, one lot"),
    "auction.maximum": N_("Your maximum"),
    "auction.over": N_("Ended"),
    "auction.outbid": N_("You've been outbid"),
    "auction.passed": N_("The winner didn't pay. It's offered to the next bidder."),
    "auction.reserve": N_("Reserve not met"),
    "auction.set": N_("Set maximum"),
    "auction.sign_in": N_("Sign in to bid"),
    "auction.sold": N_("Sold to %(name)s"),
    "auction.start": N_("Start price"),
    "auction.terms": N_("I accept the terms"),
    "auction.terms_of": N_("Terms"),
    "auction.unsold": N_("Not sold"),
    "auction.up_to": N_("You bid up to %(price)s"),
    "auction.won": N_("You won! Check out by %(time)s"),
    "guest": N_("Guest"),
    "not_connected": N_("No connection. Try again."),
    **{f"auction.why.{key}": text for key, text in WHY.items()},
}
"""What the card of the room says."""


def _path(shop: Shop, auction_id: int) -> str:
    return f"/s/{shop.slug}/auctions/{auction_id}"


async def _account(tx: Tx, request: Request, shop: Shop, shopper: UUID) -> customers.Customer | None:
    """Who is signed in, with an address or number that was proved."""
    found = await customer_of(tx, request, shop, shopper)
    return None if found is None or found.account_since is None else found


@dataclass(frozen=True, slots=True)
class Seen:
    """An auction with what this visitor may know of it."""

    shop: Shop
    auction: auctions.Auction
    customer: customers.Customer | None
    mine: auctions.Mine | None

    @property
    def leads(self) -> bool:
        return self.mine is not None and self.mine.paddle == self.auction.leader

    @property
    def takes_bids(self) -> bool:
        return self.auction.state == "open" and now() < self.auction.ends_at

    @property
    def may_check_out(self) -> bool:
        win = None if self.mine is None else self.mine.win
        return win is not None and win.state == "asked" and now() < win.deadline


async def _seen(tx: Tx, request: Request, shop: str, auction_id: int, shopper: UUID) -> Seen:
    found = await accounts.shop_by_slug(tx, shop)
    auction = await auctions.auction(tx, shop_id=found.id, auction_id=auction_id)
    customer = await _account(tx, request, found, shopper)
    standing = None
    if customer is not None:
        standing = await auctions.mine(tx, shop_id=found.id, auction_id=auction_id, customer=customer.id)
    return Seen(found, auction, customer, standing)


@router.get("/{auction_id}")
@public
async def page(request: Request, shop: str, auction_id: Id, shopper: Shopper, db: Db) -> Response:
    return await _page(request, shop, auction_id, shopper, db)


async def _page(
    request: Request,
    shop: str,
    auction_id: int,
    shopper: UUID,
    db: Db,
    *,
    leap: auctions.BidLeap | None = None,
) -> Response:
    """`leap`: a bid that is asked about once more."""
    async with db.transaction() as tx:
        seen = await _seen(tx, request, shop, auction_id, shopper)
        auction = seen.auction
        ids = {"shop_id": seen.shop.id, "auction_id": auction_id}
        listed = await auctions.bids(tx, limit=20, **ids)
        wins = await auctions.wins(tx, **ids)
        show = await live.show(tx, shop_id=seen.shop.id, show_id=auction.show_id)
        offer = await run_of_show.offer(
            tx, shop_id=seen.shop.id, show_id=auction.show_id, offer_id=auction.offer_id
        )
        rules = await policies.return_rules.promised(tx, shop_id=seen.shop.id, product_ids=[offer.product_id])
    excepted = rules.exceptions.get(str(offer.product_id))
    standing = next((each for each in wins if each.state in {"asked", "ordered", "paid"}), None)
    return private_page(
        request,
        "auction.html",
        status=200 if leap is None else leap.status,
        shop=seen.shop,
        auction=auction,
        seen=seen,
        show=show,
        bids=listed,
        standing=standing,
        price=None if auction.price_minor is None else Money(auction.price_minor, auction.currency),
        asked=Money(auction.asked_minor, auction.currency),
        start=Money(auction.start_minor, auction.currency),
        mine_max=None if seen.mine is None else Money(seen.mine.max_minor, auction.currency),
        leap=None if leap is None else Money(int(str(leap.facts["bid_minor"])), auction.currency),
        key=new_id(),
        withdrawal_days=rules.rules.withdrawal_days,
        excepted=None if excepted is None else EXCEPTED[excepted],
        why=None if auction.why is None else speak(request).gettext(WHY[auction.why]),
    )


@router.get("/{auction_id}/mine")
@public
async def mine(request: Request, shop: str, auction_id: Id, shopper: Shopper, db: Db) -> Response:
    """For the card of the room: who this is in the auction, and the words it is told in."""
    async with db.transaction() as tx:
        seen = await _seen(tx, request, shop, auction_id, shopper)
    words = speak(request)
    answer: dict[str, Any] = {
        "signed_in": seen.customer is not None,
        "accepted": seen.mine is not None,
        "words": {key: words.gettext(text) for key, text in WORDS.items()},
    }
    return JSONResponse(answer | _mine_of(seen), headers={"cache-control": "private, no-store"})


def _mine_of(seen: Seen) -> dict[str, Any]:
    if seen.mine is None:
        return {}
    win = seen.mine.win
    shown: dict[str, Any] = {"paddle": seen.mine.paddle, "max_minor": seen.mine.max_minor}
    if win is not None and seen.may_check_out:
        shown["win"] = {
            "url": f"/s/{seen.shop.slug}/checkout/{win.hold_id}",
            "deadline": video_ms(win.deadline),
        }
    return shown


@router.post("/{auction_id}/bid")
@public
async def bid(
    request: Request,
    shop: str,
    auction_id: Id,
    shopper: Shopper,
    db: Db,
    amount: Annotated[str, Form(max_length=40)] = "",
    amount_minor: Annotated[int | None, Form(ge=1, le=2**53)] = None,
    key: Annotated[UUID | None, Form()] = None,
    accept: Tick = False,
    confirm: Tick = False,
) -> Response:
    """Bid at most so much: `amount` as somebody types it, or `amount_minor`.  A script that asks for JSON gets how it stands."""
    as_json = "application/json" in request.headers.get("accept", "")
    async with db.transaction() as tx:
        seen = await _seen(tx, request, shop, auction_id, shopper)
    language = language_of(request, seen.shop.locale)
    try:
        placed = await _placed(
            request, db, seen, shopper, amount, amount_minor, key or new_id(), accept=accept, confirm=confirm
        )
    except Refusal as refusal:
        if as_json:
            body = refusal.body() | {"message": message_of(refusal, language)}
            return JSONResponse(body, refusal.status, headers={"cache-control": "no-store"})
        if isinstance(refusal, auctions.BidLeap):
            return await _page(request, shop, auction_id, shopper, db, leap=refusal)
        back = RedirectResponse(_path(seen.shop, auction_id), status_code=303)
        flash(back, "bad", message_of(refusal, language))
        return back
    if as_json:
        answer = {
            "paddle": placed.paddle,
            "leads": placed.leads,
            "price_minor": placed.price_minor,
            "max_minor": placed.max_minor,
            "asked_minor": placed.asked_minor,
            "ends_at": video_ms(placed.ends_at),
        }
        return JSONResponse(answer, headers={"cache-control": "no-store"})
    back = RedirectResponse(_path(seen.shop, auction_id), status_code=303)
    minor = placed.price_minor if placed.leads else placed.asked_minor
    said = language.words.gettext(LEADS if placed.leads else OUTBID)
    price = money_text(Money(minor, seen.auction.currency), language, whole=True)
    flash(back, "good" if placed.leads else "wait", said % {"price": price})
    return back


async def _placed(
    request: Request,
    db: Db,
    seen: Seen,
    shopper: UUID,
    amount: str,
    amount_minor: int | None,
    key: UUID,
    *,
    accept: bool,
    confirm: bool,
) -> auctions.Placed:
    if seen.customer is None:
        raise auctions.BidderUnproven
    minor = amounts.read_minor(amount, seen.auction.currency) if amount_minor is None else amount_minor
    async with db.transaction() as tx:
        name = await chat.public_name(tx, show_id=seen.auction.show_id, shopper=shopper)
        staff = await is_staff(tx, request, seen.shop, seen.customer)
    return (
        await services_of(request)
        .part(auctions.Bids)
        .bid(
            auctions.Bidding(
                seen.customer.id,
                shopper,
                minor,
                key=key,
                name=name,
                accepts=accept,
                confirmed=confirm,
                is_staff=staff,
                network=network_of(request),
            ),
            shop_id=seen.shop.id,
            auction_id=seen.auction.id,
        )
    )
