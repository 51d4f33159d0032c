"""Auctions at the desk: opened in the studio in two taps, followed while they run, and what happened afterwards."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import Form
from starlette.responses import Response

from shopfloor import auctions, live
from shopfloor.accounts import Permission
from shopfloor.auctions import CALLED_OFF, EXTENDS, PAY_MINUTES
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import Money, new_id
from shopfloor.web.auctions import WHY
from shopfloor.web.console.desk import Desk, at
from shopfloor.web.console.form_values import choice_of, id_of
from shopfloor.web.console.offers import OfferRow
from shopfloor.web.languages import N_

router = Router(prefix="/console/{shop}/shows/{show_id}", include_in_schema=False)

Viewer = Annotated[Desk, at(Permission.SHOW_VIEW)]
Runner = Annotated[Desk, at(Permission.SHOW_RUN)]
Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]

SECONDS: Final = (30, 60, 120, 300)
PAY: Final = (15, PAY_MINUTES, 60, 1_440)
EXTENSIONS: Final = (0, 5, EXTENDS, 30)
LATEST: Final = 4
REASONS: Final = {
    "over": N_("after the end"),
    "too_low": N_("too low"),
    "staff": N_("by people of the shop"),
    "barred": N_("by barred bidders"),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """The newest auction of a show with its latest bids and wins, and what the form of a new one begins with."""

    auction: auctions.Auction | None
    bids: list[auctions.Bid]
    wins: list[auctions.Win]
    key: UUID
    start_minor: int | None
    why: dict[str, str]
    called_off: tuple[str, ...] = tuple(CALLED_OFF)
    seconds: tuple[int, ...] = SECONDS
    pay: tuple[int, ...] = PAY
    extensions: tuple[int, ...] = EXTENSIONS


async def shown(tx: Tx, desk: Desk, show_id: int, current: OfferRow | None) -> Shown:
    """`current`: what is featured, whose lowest price a third of is proposed as the start."""
    found = await auctions.newest(tx, shop_id=desk.shop.id, show_id=show_id)
    bids: list[auctions.Bid] = []
    wins: list[auctions.Win] = []
    if found is not None:
        bids = await auctions.bids(tx, shop_id=desk.shop.id, auction_id=found.id, limit=LATEST)
        wins = await auctions.wins(tx, shop_id=desk.shop.id, auction_id=found.id)
    start = None if current is None else _proposed(current.prices[0])
    return Shown(found, bids, wins, new_id(), start, {key: desk.say(words) for key, words in WHY.items()})


def _proposed(price_minor: int) -> int:
    """A third of a price, to one digit that counts."""
    third = max(1, price_minor // 3)
    return max(1, third // (whole := 10 ** (len(str(third)) - 1)) * whole)


def _studio(show_id: int) -> str:
    return f"/shows/{show_id}/studio"


@router.post("/studio/auction")
async def open_auction(
    desk: Runner,
    show_id: Id,
    offer_id: Annotated[Id, Form()],
    variant_id: Annotated[str, Form(max_length=19)] = "",
    key: Annotated[UUID | None, Form()] = None,
    start: Annotated[str, Form(max_length=40)] = "",
    reserve: Annotated[str, Form(max_length=40)] = "",
    step: Annotated[str, Form(max_length=40)] = "",
    quantity: Annotated[str, Form(max_length=10)] = "1",
    seconds: Annotated[str, Form(max_length=10)] = "",
    extend: Annotated[str, Form(max_length=10)] = str(EXTENDS),
    pay: Annotated[str, Form(max_length=10)] = str(PAY_MINUTES),
) -> Response:
    """Hold the units and take bids."""
    with desk.back_if_refused(_studio(show_id)):
        start_minor = desk.minor(start)
        reserve_minor = desk.minor(reserve) if reserve.strip() else None
        steps = ((0, desk.minor(step)),) if step.strip() else None
        async with desk.work() as tx:
            await auctions.open_auction(
                tx,
                shop_id=desk.shop.id,
                show_id=show_id,
                offer_id=offer_id,
                variant_id=id_of(variant_id),
                start_minor=start_minor,
                reserve_minor=reserve_minor,
                steps=steps,
                quantity=desk.quantity(quantity),
                seconds=desk.quantity(seconds),
                extend_seconds=id_of(extend),
                pay_minutes=desk.quantity(pay),
                key=key,
                by=desk.actor.person_id,
            )
    return desk.back(_studio(show_id), desk.say(N_("The auction is on. It closes by itself.")))


@router.post("/studio/auction/call-off")
async def call_off(
    desk: Runner,
    show_id: Id,
    auction_id: Annotated[Id, Form()],
    why: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Nobody gets the lot; everybody sees why."""
    with desk.back_if_refused(_studio(show_id)):
        reason = choice_of(auctions.Why, why, field="why")
        async with desk.work() as tx:
            await _of_show(tx, desk, show_id, auction_id)
            await auctions.call_off(
                tx, shop_id=desk.shop.id, auction_id=auction_id, why=reason, by=desk.actor.person_id
            )
    return desk.back(_studio(show_id), desk.say(N_("Called off. Everyone sees why.")))


@router.post("/studio/auction/take-off")
async def take_off(desk: Runner, show_id: Id, auction_id: Annotated[Id, Form()]) -> Response:
    """Its card leaves the room."""
    with desk.back_if_refused(_studio(show_id)):
        async with desk.work() as tx:
            await _of_show(tx, desk, show_id, auction_id)
            await auctions.take_off(tx, shop_id=desk.shop.id, auction_id=auction_id)
    return desk.back(_studio(show_id))


@router.get("/auctions/{auction_id}")
async def page(desk: Viewer, show_id: Id, auction_id: Id) -> Response:
    """What happened: the result, who was asked, the latest bids, what was not taken."""
    async with desk.work() as tx:
        found = await _of_show(tx, desk, show_id, auction_id)
        ids = {"shop_id": desk.shop.id, "auction_id": auction_id}
        show = await live.show(tx, shop_id=desk.shop.id, show_id=show_id)
        wins = await auctions.wins(tx, **ids)
        bids = await auctions.bids(tx, **ids)
        refused = await auctions.refused_bids(tx, **ids)
        strike = await auctions.strike(tx, **ids)
    return desk.page(
        "auction.html",
        active="shows",
        auction=found,
        show=show,
        wins=wins,
        bids=bids,
        refused=[(desk.say(REASONS[each.reason]), each.bids) for each in refused],
        strike=strike,
        price=None if found.price_minor is None else Money(found.price_minor, found.currency),
        why=None if found.why is None else desk.say(WHY[found.why]),
    )


@router.post("/auctions/{auction_id}/strike/lift")
async def lift_strike(desk: Manager, show_id: Id, auction_id: Id) -> Response:
    """The strike counts no longer."""
    where = f"/shows/{show_id}/auctions/{auction_id}"
    with desk.back_if_refused(where):
        async with desk.work() as tx:
            await _of_show(tx, desk, show_id, auction_id)
            await auctions.lift_strike(
                tx, shop_id=desk.shop.id, auction_id=auction_id, by=desk.actor.person_id
            )
    return desk.back(where, desk.say(N_("The strike is taken back.")))


async def _of_show(tx: Tx, desk: Desk, show_id: int, auction_id: int) -> auctions.Auction:
    """Raises UnknownAuction, also for one of another show."""
    found = await auctions.auction(tx, shop_id=desk.shop.id, auction_id=auction_id)
    if found.show_id != show_id:
        raise auctions.UnknownAuction(auction_id=auction_id)
    return found
