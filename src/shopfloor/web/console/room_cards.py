"""Polls and coupon cards in the studio: a question in a few taps, a coupon of the shop in one."""

from typing import Annotated, Final

from fastapi import Form
from starlette.responses import Response

from shopfloor import polls, promotions
from shopfloor.accounts import Permission
from shopfloor.kernel.border import Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.web.console.desk import Desk, at
from shopfloor.web.console.form_values import id_of
from shopfloor.web.languages import N_

router = Router(prefix="/console/{shop}/shows/{show_id}/studio", include_in_schema=False)

Runner = Annotated[Desk, at(Permission.SHOW_RUN)]
Answer = Annotated[str, Form(max_length=200)]

# How long a poll may take votes.
SECONDS: Final = (30, 60, 120, 300)
# So many coupons are offered at once; there are rarely more that can be claimed.
COUPONS: Final = 50


@dataclass(frozen=True, slots=True)
class Shown:
    """The newest poll of the show, and the coupons that can stand in its room."""

    poll: polls.Poll | None
    coupons: list[promotions.Discount]
    seconds: tuple[int, ...] = SECONDS


async def shown(tx: Tx, desk: Desk, show_id: int) -> Shown:
    asked = await polls.polls(tx, shop_id=desk.shop.id, show_id=show_id)
    active = await promotions.service.discounts(
        tx, shop_id=desk.shop.id, state=promotions.State.ACTIVE, limit=COUPONS
    )
    return Shown(
        asked[-1] if asked else None,
        [
            each
            for each in active
            if each.method is promotions.Method.COUPON and each.show_id in {None, show_id}
        ],
    )


def _studio(show_id: int) -> str:
    return f"/shows/{show_id}/studio"


@router.post("/poll")
async def ask(
    desk: Runner,
    show_id: Id,
    question: Annotated[str, Form(max_length=2000)] = "",
    answer_1: Answer = "",
    answer_2: Answer = "",
    answer_3: Answer = "",
    answer_4: Answer = "",
    seconds: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Ask the room."""
    answers = [answer_1, answer_2, answer_3, answer_4]
    with desk.back_if_refused(_studio(show_id)):
        desk.actor.check_told(question, *answers)
        async with desk.work() as tx:
            await polls.ask(
                tx,
                shop_id=desk.shop.id,
                show_id=show_id,
                question=question,
                answers=answers,
                seconds=desk.quantity(seconds),
                by=desk.actor.person_id,
            )
    return desk.back(_studio(show_id), desk.say(N_("The poll is on. It ends by itself.")))


@router.post("/poll/close")
async def close(desk: Runner, show_id: Id, poll_id: Annotated[Id, Form()]) -> Response:
    """Take no more votes."""
    with desk.back_if_refused(_studio(show_id)):
        async with desk.work() as tx:
            await polls.close(tx, shop_id=desk.shop.id, poll_id=poll_id)
    return desk.back(_studio(show_id), desk.say(N_("The poll has ended; its result stays on every screen.")))


@router.post("/poll/take-off")
async def take_off(desk: Runner, show_id: Id, poll_id: Annotated[Id, Form()]) -> Response:
    """Its card leaves the room."""
    with desk.back_if_refused(_studio(show_id)):
        async with desk.work() as tx:
            await polls.take_off(tx, shop_id=desk.shop.id, poll_id=poll_id)
    return desk.back(_studio(show_id))


@router.post("/coupon")
async def show_coupon(
    desk: Runner, show_id: Id, discount_id: Annotated[str, Form(max_length=19)] = ""
) -> Response:
    """A coupon of the shop as a card in the room."""
    with desk.back_if_refused(_studio(show_id)):
        number = id_of(discount_id)
        async with desk.work() as tx:
            await promotions.cards.show_coupon(tx, shop_id=desk.shop.id, show_id=show_id, discount_id=number)
    return desk.back(_studio(show_id), desk.say(N_("The coupon is on every screen.")))


@router.post("/coupon/take-off")
async def take_coupon_off(desk: Runner, show_id: Id, discount_id: Annotated[Id, Form()]) -> Response:
    """The card leaves the room; what was collected stays."""
    with desk.back_if_refused(_studio(show_id)):
        async with desk.work() as tx:
            await promotions.cards.take_off(
                tx, shop_id=desk.shop.id, show_id=show_id, discount_id=discount_id
            )
    return desk.back(_studio(show_id))
