"""Webhooks: which programs of the shop are told what happens, and what they answered."""

from collections.abc import Mapping
from typing import Annotated, Final
from uuid import UUID

from fastapi import Form
from starlette.responses import Response

from shopfloor import webhooks
from shopfloor.accounts import Permission
from shopfloor.kernel import secrets
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of

router = Router(prefix="/console/{shop}/webhooks", include_in_schema=False)

Viewer = Annotated[Desk, at_page("webhooks")]
Owner = Annotated[Desk, at(Permission.MEMBERS_MANAGE)]
Text = Annotated[str, Form(max_length=3000)]

WHY_OFF: Final[Mapping[str, str]] = {
    "by_hand": N_("Turned off"),
    "failing": N_("Turned off: it accepted nothing for days"),
    "gone": N_("Turned off: it answered that it is gone (410)"),
    "key": N_("Turned off: its secret can no longer be read. Roll the secret."),
}
STATES: Final[Mapping[str, tuple[str, str]]] = {
    "queued": (N_("Queued"), "wait"),
    "sending": (N_("Queued"), "wait"),
    "delivered": (N_("Accepted"), "good"),
    "failed": (N_("Failed"), "bad"),
}


@router.get("")
async def listing(desk: Viewer) -> Response:
    return await _list(desk)


async def _list(
    desk: Desk, typed: Mapping[str, object] | None = None, refusal: Refusal | None = None
) -> Response:
    async with desk.db.transaction() as tx:
        found = await webhooks.endpoints(tx, shop_id=desk.shop.id)
    errors: dict[str, str] = {}
    if refusal is not None:
        errors[str(refusal.facts.get("field", ""))] = message_of(refusal, desk.language)
    return desk.page(
        "webhooks.html",
        active="messages",
        status=200 if refusal is None else refusal.status,
        endpoints=found,
        events=webhooks.EVENTS,
        values={"url": "", "events": list(webhooks.EVENTS[:8]), **(typed or {})},
        errors=errors,
        why_off=WHY_OFF,
    )


@router.post("")
async def add(
    desk: Owner, url: Text = "", events: Annotated[list[str] | None, Form(max_length=100)] = None
) -> Response:
    settings = services_of(desk.request).given
    try:
        async with desk.work() as tx:
            endpoint = await webhooks.add_endpoint(
                tx,
                box=secrets.box(settings),
                shop_id=desk.shop.id,
                url=url,
                events=events or [],
                private=settings.fetchable,
            )
    except Refusal as refusal:
        return await _list(desk, {"url": url, "events": events or []}, refusal)
    return await desk.reveal(f"/webhooks/{endpoint.id}", {"secret": endpoint.secret})


@router.get("/{endpoint_id:id}")
async def one(
    desk: Viewer, endpoint_id: Id, after: UUID | None = None, before: UUID | None = None
) -> Response:
    """`?made=` shows the secret of a webhook that was just added."""
    secret = (await desk.revealed()).get("secret")
    async with desk.db.transaction() as tx:
        found = await webhooks.endpoint(tx, shop_id=desk.shop.id, endpoint_id=endpoint_id)
        page = await webhooks.deliveries(
            tx, shop_id=desk.shop.id, endpoint_id=endpoint_id, after=after, before=before
        )
    return desk.page(
        "webhook.html",
        active="messages",
        endpoint=found,
        deliveries=page.items,
        page=page,
        secret=secret,
        states=STATES,
        why_off=WHY_OFF,
    )


@router.post("/{endpoint_id:id}/trial")
async def trial(desk: Owner, endpoint_id: Id) -> Response:
    async with desk.work() as tx:
        await webhooks.send_trial(tx, shop_id=desk.shop.id, endpoint_id=endpoint_id)
    return desk.back(
        f"/webhooks/{endpoint_id}", desk.say(N_("Trial event queued. Reload this page to see the answer."))
    )


@router.post("/{endpoint_id:id}/deliveries/{delivery_id}/again")
async def again(desk: Owner, endpoint_id: Id, delivery_id: UUID) -> Response:
    async with desk.work() as tx:
        await webhooks.deliver_again(
            tx, shop_id=desk.shop.id, endpoint_id=endpoint_id, delivery_id=delivery_id
        )
    return desk.back(f"/webhooks/{endpoint_id}", desk.say(N_("It will be sent again.")))


@router.post("/{endpoint_id:id}/secret")
async def roll_secret(desk: Owner, endpoint_id: Id) -> Response:
    async with desk.work() as tx:
        endpoint = await webhooks.roll_secret(
            tx,
            box=secrets.box(services_of(desk.request).given),
            shop_id=desk.shop.id,
            endpoint_id=endpoint_id,
        )
    return await desk.reveal(f"/webhooks/{endpoint_id}", {"secret": endpoint.secret})


@router.post("/{endpoint_id:id}/on")
async def turn_on(desk: Owner, endpoint_id: Id) -> Response:
    async with desk.work() as tx:
        await webhooks.switch(tx, shop_id=desk.shop.id, endpoint_id=endpoint_id, on=True)
    return desk.back(f"/webhooks/{endpoint_id}", desk.say(N_("Webhook turned on.")))


@router.post("/{endpoint_id:id}/off")
async def turn_off(desk: Owner, endpoint_id: Id) -> Response:
    async with desk.work() as tx:
        await webhooks.switch(tx, shop_id=desk.shop.id, endpoint_id=endpoint_id, on=False)
    return desk.back(f"/webhooks/{endpoint_id}", desk.say(N_("Webhook turned off.")))


@router.post("/{endpoint_id:id}/remove")
async def remove(desk: Owner, endpoint_id: Id) -> Response:
    async with desk.work() as tx:
        await webhooks.remove_endpoint(tx, shop_id=desk.shop.id, endpoint_id=endpoint_id)
    return desk.back("/webhooks", desk.say(N_("Webhook deleted.")))
