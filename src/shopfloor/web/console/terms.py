"""The shop's terms: how buyers pay, what shipping costs, how long they may take."""

from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from shopfloor import orders, purchases
from shopfloor.accounts import Permission
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.languages import N_

router = APIRouter(prefix="/console/{shop}/terms", include_in_schema=False)

Viewer = Annotated[Desk, at_page("terms")]
Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]
MoneyManager = Annotated[Desk, at(Permission.MONEY_MANAGE)]
Text = Annotated[str, Form(max_length=2000)]


@router.get("")
async def terms(desk: Viewer, after: Id | None = None, before: Id | None = None) -> Response:
    """`after` and `before` turn the history of the bank details."""
    async with desk.work() as tx:
        policy = await orders.shop_terms(tx, shop_id=desk.shop.id)
        sees = desk.actor.may(Permission.MONEY_VIEW)
        page: paging.Page[orders.bank_details.PayToChange] = paging.Page([])
        if sees:
            page = await paging.page(
                partial(orders.bank_details.changes, tx, shop_id=desk.shop.id),
                after=after,
                before=before,
                limit=orders.bank_details.LISTED,
                key=attrgetter("id"),
            )
        most = await purchases.most_per_buyer(tx, shop_id=desk.shop.id)
    return desk.page(
        "terms.html", active="terms", policy=policy, changes=page.items, page=page, most_per_buyer=most
    )


@router.post("/pay-to")
async def change_pay_to(desk: MoneyManager, pay_to: Text = "") -> Response:
    """The bank details have a form of their own: they take another permission than the rest."""
    try:
        async with desk.work() as tx:
            await orders.bank_details.change(tx, actor=desk.actor, pay_to=pay_to)
    except Refusal as refusal:
        return desk.refused("/terms", refusal)
    return desk.back("/terms", desk.say(N_("Bank details saved.")))


@router.post("/pay-to/seen")
async def pay_to_seen(desk: MoneyManager, change: Annotated[Id, Form()]) -> Response:
    async with desk.work() as tx:
        await orders.bank_details.mark_seen(tx, actor=desk.actor, change_id=change)
    return desk.back("")


@router.post("")
async def change(
    desk: Manager,
    pay_to: Annotated[str | None, Form(max_length=2000)] = None,
    pick_up_at: Text = "",
    shipping: Text = "0",
    free_from: Text = "",
    pay_within_hours: Text = "48",
    claim_minutes: Text = "5",
    most_per_buyer: Text = "",
    balance_within_days: Text = "7",
    keep_deposit: Text = "",
) -> Response:
    try:
        async with desk.work() as tx:
            before = await orders.shop_terms(tx, shop_id=desk.shop.id)
            policy = replace(
                before,
                pick_up_at=pick_up_at.strip(),
                shipping_minor=desk.minor(shipping),
                free_shipping_from_minor=desk.minor(free_from) if free_from.strip() else None,
                pay_within_hours=desk.quantity(pay_within_hours),
                claim_seconds=60 * desk.quantity(claim_minutes),
                balance_within_days=desk.quantity(balance_within_days),
                keep_deposit=bool(keep_deposit),
            )
            await orders.bank_details.change_terms(tx, actor=desk.actor, terms=policy, pay_to=pay_to)
            if most_per_buyer.strip():
                units = desk.quantity(most_per_buyer)
                await purchases.set_most_per_buyer(tx, shop_id=desk.shop.id, units=units)
    except Refusal as refusal:
        return desk.refused("/terms", refusal)
    return desk.back("/terms", desk.say(N_("Settings saved. They apply to new orders.")))
