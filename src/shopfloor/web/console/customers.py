"""Customers: the list, and one customer with everything that customer service is asked for."""

from operator import attrgetter
from typing import Annotated, Final
from uuid import UUID

from fastapi import Form, Query
from starlette.responses import Response

from shopfloor import accounts, customers
from shopfloor.accounts import Permission
from shopfloor.kernel import paging
from shopfloor.kernel.routes import Router
from shopfloor.kernel.values import Money
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.languages import N_

router = Router(prefix="/console/{shop}/customers", include_in_schema=False)

Viewer = Annotated[Desk, at_page("customers")]
Manager = Annotated[Desk, at(Permission.ORDERS_MANAGE)]
Keeper = Annotated[Desk, at(Permission.MEMBERS_MANAGE)]
PAGE: Final = 50


@router.get("")
async def listing(
    desk: Viewer,
    search: Annotated[str, Query(max_length=100)] = "",
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    async with desk.work() as tx:
        found = await paging.numbered(
            customers.customers,
            tx,
            shop_id=desk.shop.id,
            search=search,
            after=after,
            before=before,
            limit=PAGE,
            key=attrgetter("id"),
        )
    return desk.page("customers.html", active="customers", customers=found.items, page=found, search=search)


@router.get("/{customer_id}")
async def one(desk: Viewer, customer_id: UUID) -> Response:
    async with desk.work() as tx:
        found = await customers.profile(tx, shop_id=desk.shop.id, customer_id=customer_id)
        members = await accounts.members(tx, shop_id=desk.shop.id)
    return desk.page(
        "customer.html",
        active="customers",
        customer=found.customer,
        orders=found.orders,
        spent=found.spent,
        consents=found.consents,
        notes=found.notes,
        addresses=found.addresses,
        names={each.person_id: each.name or each.email for each in members},
        amount=Money,
    )


@router.post("/{customer_id}/notes")
async def add_note(
    desk: Manager, customer_id: UUID, note: Annotated[str, Form(max_length=8000)] = ""
) -> Response:
    path = f"/customers/{customer_id}"
    with desk.back_if_refused(path):
        async with desk.work() as tx:
            await customers.add_note(tx, actor=desk.actor, customer_id=customer_id, words=note)
    return desk.back(f"{path}#notes", desk.say(N_("Note saved.")))


@router.post("/{customer_id}/erase")
async def erase(desk: Keeper, customer_id: UUID) -> Response:
    with desk.back_if_refused(f"/customers/{customer_id}"):
        async with desk.work() as tx:
            done = await customers.erase(tx, actor=desk.actor, customer_id=customer_id)
    if done.waiting:
        return desk.back(
            "/customers",
            desk.say(N_("Erased. Orders in progress keep the contact details until they're complete.")),
        )
    return desk.back("/customers", desk.say(N_("The customer's details were erased.")))
