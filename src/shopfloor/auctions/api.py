"""/v1/{shop}/shows/{show_id}/auctions: lots that go to whoever bids most, the ledger of their bids, and who won."""

from functools import partial
from operator import attrgetter
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field

from shopfloor import auctions
from shopfloor.accounts import Actor, NotAllowed, Permission
from shopfloor.auctions.models import (
    EXTENDS,
    LEAST_PAY,
    LONGEST,
    MOST_EXTENDS,
    MOST_PAY,
    MOST_STEPS,
    MOST_UNITS,
    PAY_MINUTES,
    SHORTEST,
    Auction,
    Bid,
    Refusals,
    Strike,
    Why,
    Win,
)
from shopfloor.auctions.refusals import (
    AuctionOfBundle,
    AuctionOver,
    AuctionRunning,
    AuctionTooLarge,
    BadAuction,
    UnknownAuction,
    UnknownStrike,
)
from shopfloor.auctions.service import MOST_BIDS_LISTED
from shopfloor.auth.api import allowed
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.http import Db, refusals, with_links
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import MAX_MINOR
from shopfloor.live import UnknownShow, WrongStatus
from shopfloor.run_of_show import ProductNotActive, UnknownOffer

router = Router(prefix="/v1/{shop}/shows/{show_id}/auctions", tags=["auctions"])

Viewer = Annotated[Actor, Depends(allowed(Permission.SHOW_VIEW))]
Runner = Annotated[Actor, Depends(allowed(Permission.SHOW_RUN))]
OrderViewer = Annotated[Actor, Depends(allowed(Permission.ORDERS_VIEW))]
Manager = Annotated[Actor, Depends(allowed(Permission.ORDERS_MANAGE))]


class StepIn(BaseModel):
    """From this price on a bid must be so much higher than it."""

    from_minor: int = Field(ge=0, le=MAX_MINOR)
    step_minor: int = Field(ge=1, le=MAX_MINOR)


class AuctionIn(BaseModel):
    """Amounts are for the whole lot, in the currency of the offer.  `steps`: the first from 0, rising; the usual ones without."""

    offer_id: Id
    variant_id: Id
    start_minor: int = Field(ge=1, le=MAX_MINOR)
    seconds: int = Field(ge=SHORTEST, le=LONGEST)
    quantity: int = Field(1, ge=1, le=MOST_UNITS)
    reserve_minor: int | None = Field(
        None,
        ge=1,
        le=MAX_MINOR,
        description="Below it the lot is not sold; bidders see only whether it is met.",
    )
    steps: list[StepIn] | None = Field(None, min_length=1, max_length=MOST_STEPS)
    extend_seconds: int = Field(
        EXTENDS,
        ge=0,
        le=MOST_EXTENDS,
        description="A bid in so many last seconds moves the end to so many seconds from then.",
    )
    pay_minutes: int = Field(PAY_MINUTES, ge=LEAST_PAY, le=MOST_PAY)
    key: UUID | None = Field(None, description="Sent again with the same key, it is the same auction.")


class CallOffIn(BaseModel):
    """Everybody sees the reason."""

    why: Why = Field(description="`mistake`, `damaged`, `not_available` or `technical`.")


class AuctionDetail(BaseModel):
    """`wins`: who may, or might, have the lot: the winner, then the next bidder.  `refused`: bids that were not taken, by
    reason.  `strike`: the one that an unpaid win gave.
    """

    auction: Auction
    wins: list[Win]
    refused: list[Refusals]
    strike: Strike | None


@router.get("", responses=refusals(UnknownShow))
async def list_auctions(show_id: Id, actor: Viewer, db: Db) -> list[Auction]:
    """Every auction of the show, oldest first."""
    async with db.transaction() as tx:
        return await auctions.auctions(tx, shop_id=actor.shop_id, show_id=show_id)


@router.post(
    "",
    status_code=201,
    responses=refusals(
        UnknownShow,
        WrongStatus,
        UnknownOffer,
        ProductNotActive,
        BadAuction,
        AuctionOfBundle,
        AuctionRunning,
        AuctionTooLarge,
        NotAllowed,
    ),
)
async def open_auction(show_id: Id, body: AuctionIn, actor: Runner, db: Db) -> Auction:
    """Hold the units and take bids."""
    steps = None if body.steps is None else tuple((each.from_minor, each.step_minor) for each in body.steps)
    async with db.transaction() as tx:
        return await auctions.open_auction(
            tx,
            shop_id=actor.shop_id,
            show_id=show_id,
            steps=steps,
            by=actor.person_id,
            **body.model_dump(exclude={"steps"}),
        )


async def _of_show(tx: Tx, actor: Actor, show_id: int, auction_id: int) -> Auction:
    """Raises UnknownAuction, also for one of another show."""
    found = await auctions.auction(tx, shop_id=actor.shop_id, auction_id=auction_id)
    if found.show_id != show_id:
        raise UnknownAuction(auction_id=auction_id)
    return found


@router.get("/{auction_id}", responses=refusals(UnknownAuction))
async def get_auction(show_id: Id, auction_id: Id, actor: OrderViewer, db: Db) -> AuctionDetail:
    """The auction with who may have the lot and the bids that were not taken."""
    async with db.transaction() as tx:
        found = await _of_show(tx, actor, show_id, auction_id)
        ids = {"shop_id": actor.shop_id, "auction_id": found.id}
        return AuctionDetail(
            auction=found,
            wins=await auctions.wins(tx, **ids),
            refused=await auctions.refused_bids(tx, **ids),
            strike=await auctions.strike(tx, **ids),
        )


@router.post("/{auction_id}/call-off", responses=refusals(UnknownAuction, AuctionOver, BadAuction))
async def call_off(show_id: Id, auction_id: Id, body: CallOffIn, actor: Runner, db: Db) -> Auction:
    """Nobody gets the lot, as long as bids are taken; its units are free."""
    async with db.transaction() as tx:
        found = await _of_show(tx, actor, show_id, auction_id)
        return await auctions.call_off(
            tx, shop_id=actor.shop_id, auction_id=found.id, why=body.why, by=actor.person_id
        )


@router.get("/{auction_id}/bids", responses=refusals(UnknownAuction))
async def list_bids(
    show_id: Id,
    auction_id: Id,
    request: Request,
    response: Response,
    actor: Viewer,
    db: Db,
    *,
    after: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
    before: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_BIDS_LISTED)] = 50,
) -> list[Bid]:
    """The ledger, newest first; the header `Link` leads to the next page, which starts `after` a number.  While the auction
    runs, maxima above the price stay sealed, from the shop too.
    """
    async with db.transaction() as tx:
        await _of_show(tx, actor, show_id, auction_id)
        found = await paging.page(
            partial(auctions.bids, tx, shop_id=actor.shop_id, auction_id=auction_id),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("seq"),
        )
    return with_links(request, response, found)


@router.post("/{auction_id}/strike/lift", status_code=204, responses=refusals(UnknownAuction, UnknownStrike))
async def lift_strike(show_id: Id, auction_id: Id, actor: Manager, db: Db) -> Response:
    """The strike that was given for this auction counts no longer."""
    async with db.transaction() as tx:
        found = await _of_show(tx, actor, show_id, auction_id)
        await auctions.lift_strike(tx, shop_id=actor.shop_id, auction_id=found.id, by=actor.person_id)
    return Response(status_code=204)
