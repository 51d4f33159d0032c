"""Giveaways at the desk: opened in the studio in two taps, and where the prizes go."""

from dataclasses import replace
from typing import Annotated, Final

from fastapi import Form
from starlette.responses import Response

from shopfloor import giveaways, live
from shopfloor.accounts import Permission
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.kernel.values import Money
from shopfloor.web.console.desk import Desk, at
from shopfloor.web.console.form_values import minor_of
from shopfloor.web.forms import Tick
from shopfloor.web.languages import N_

router = Router(prefix="/console/{shop}/shows/{show_id}", include_in_schema=False)

Runner = Annotated[Desk, at(Permission.SHOW_RUN)]
OrderViewer = Annotated[Desk, at(Permission.ORDERS_VIEW)]
Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]

# How long entries may be taken.
SECONDS: Final = (60, 120, 300, 600)


@dataclass(frozen=True, slots=True)
class Shown:
    """The newest giveaway of a show, who was drawn, and the most that a prize may be worth."""

    giveaway: giveaways.Giveaway | None
    winners: list[giveaways.Winner]
    limit: Money | None
    seconds: tuple[int, ...] = SECONDS


async def shown(tx: Tx, desk: Desk, show_id: int) -> Shown:
    found = await giveaways.giveaways(tx, shop_id=desk.shop.id, show_id=show_id)
    newest = found[-1] if found else None
    drawn = [] if newest is None else await giveaways.winners(tx, shop_id=desk.shop.id, giveaway_id=newest.id)
    return Shown(newest, drawn, await giveaways.prize_limit(tx, shop_id=desk.shop.id))


def _studio(show_id: int) -> str:
    return f"/shows/{show_id}/studio"


@router.post("/studio/giveaway")
async def open_giveaway(
    desk: Runner,
    show_id: Id,
    prize: Annotated[str, Form(max_length=2000)] = "",
    value: Annotated[str, Form(max_length=40)] = "",
    winners: Annotated[str, Form(max_length=10)] = "1",
    seconds: Annotated[str, Form(max_length=10)] = "",
    proven_only: Tick = False,
) -> Response:
    """Publish the rules and take entries."""
    with desk.back_if_refused(_studio(show_id)):
        desk.actor.check_told(prize)
        async with desk.work() as tx:
            limit = await giveaways.prize_limit(tx, shop_id=desk.shop.id)
            same = limit is None or limit.currency == desk.shop.currency
            worth = (
                desk.minor(value)
                if same or limit is None
                else minor_of(value, replace(desk.shop, currency=limit.currency))
            )
            await giveaways.open_giveaway(
                tx,
                shop_id=desk.shop.id,
                show_id=show_id,
                prize=prize,
                value_minor=worth,
                winners=desk.quantity(winners),
                seconds=desk.quantity(seconds),
                proven_only=proven_only,
                chain=giveaways.beacon.chain_of(services_of(desk.request).given),
                by=desk.actor.person_id,
            )
    return desk.back(_studio(show_id), desk.say(N_("The giveaway is open. It closes and draws by itself.")))


@router.post("/studio/giveaway/call-off")
async def call_off(desk: Runner, show_id: Id, giveaway_id: Annotated[Id, Form()]) -> Response:
    """No draw; everybody sees that."""
    with desk.back_if_refused(_studio(show_id)):
        async with desk.work() as tx:
            await giveaways.call_off(tx, shop_id=desk.shop.id, giveaway_id=giveaway_id)
    return desk.back(_studio(show_id), desk.say(N_("Called off. Everyone sees that it is void.")))


@router.post("/studio/giveaway/take-off")
async def take_off(desk: Runner, show_id: Id, giveaway_id: Annotated[Id, Form()]) -> Response:
    """Its card leaves the room."""
    with desk.back_if_refused(_studio(show_id)):
        async with desk.work() as tx:
            await giveaways.take_off(tx, shop_id=desk.shop.id, giveaway_id=giveaway_id)
    return desk.back(_studio(show_id))


@router.get("/giveaways/{giveaway_id}")
async def page(desk: OrderViewer, show_id: Id, giveaway_id: Id) -> Response:
    """Who won, and where the prizes go."""
    async with desk.work() as tx:
        found = await _of_show(tx, desk, show_id, giveaway_id)
        show = await live.show(tx, shop_id=desk.shop.id, show_id=show_id)
        winners = await giveaways.winners(tx, shop_id=desk.shop.id, giveaway_id=giveaway_id)
    return desk.page(
        "giveaway.html",
        active="shows",
        giveaway=found,
        show=show,
        winners=winners,
        worth=Money(found.value_minor, found.currency),
    )


@router.post("/giveaways/{giveaway_id}/sent")
async def mark_sent(desk: Manager, show_id: Id, giveaway_id: Id, place: Annotated[Id, Form()]) -> Response:
    """The prize is on its way."""
    where = f"/shows/{show_id}/giveaways/{giveaway_id}"
    with desk.back_if_refused(where):
        async with desk.work() as tx:
            await _of_show(tx, desk, show_id, giveaway_id)
            await giveaways.mark_sent(tx, shop_id=desk.shop.id, giveaway_id=giveaway_id, place=place)
    return desk.back(where, desk.say(N_("Marked as sent.")))


async def _of_show(tx: Tx, desk: Desk, show_id: int, giveaway_id: int) -> giveaways.Giveaway:
    """Raises UnknownGiveaway, also for one of another show."""
    found = await giveaways.giveaway(tx, shop_id=desk.shop.id, giveaway_id=giveaway_id)
    if found.show_id != show_id:
        raise giveaways.UnknownGiveaway(giveaway_id=giveaway_id)
    return found
