"""Endpoints of a shop, what is queued for them, and their log."""

import base64
import os
import re
from collections.abc import Sequence
from functools import partial
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from shopfloor import notices
from shopfloor.kernel import paging, text
from shopfloor.kernel.client_address import Network
from shopfloor.kernel.database import Tx
from shopfloor.kernel.outbox import Delivered
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.values import new_id, now
from shopfloor.webhooks import queries
from shopfloor.webhooks.models import (
    EVENTS,
    KEPT_FOR,
    MOST_ENDPOINTS,
    PREFIX,
    PREVIOUS_FOR,
    TRIAL,
    Made,
    NoEvents,
    NotAnEndpoint,
    TooManyEndpoints,
    UnknownEndpoint,
    about_secret,
    payload,
)
from shopfloor.webhooks.queries import Delivery, Endpoint

# A name, or the inside of the brackets of an IPv6 address.
_HOST: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9])?|[0-9a-f:.]+")


async def add_endpoint(
    tx: Tx, *, box: Box, shop_id: int, url: str, events: Sequence[str], private: Sequence[Network] = ()
) -> Made:
    """`private`: networks that an operator allows, where an address may go without https.

    Raises NotAnEndpoint, NoEvents, TooManyEndpoints.
    """
    address = text.line(url, field="url", longest=2000).strip()
    try:
        parts = urlsplit(address)
        is_address = parts.port != 0 and _HOST.fullmatch(parts.hostname or "") is not None
    except ValueError:
        raise NotAnEndpoint(field="url") from None
    plain = parts.scheme == "http" and bool(private)
    if (
        not is_address
        or (parts.scheme != "https" and not plain)
        or "@" in parts.netloc
        or parts.fragment
        or not address.isascii()
        or re.search(r"\s|#", address)
    ):
        raise NotAnEndpoint(field="url")
    wanted = [name for name in EVENTS if name in events]
    if not wanted:
        raise NoEvents(field="events")
    if len(await queries.endpoints(tx, shop_id=shop_id)) >= MOST_ENDPOINTS:
        raise TooManyEndpoints
    secret = _new_secret()
    endpoint_id = await queries.insert_endpoint(tx, shop_id=shop_id, url=address, secret=b"", events=wanted)
    sealed = box.seal(secret, about=about_secret(shop_id, endpoint_id, address))
    await queries.set_secret(tx, endpoint_id=endpoint_id, secret=sealed)
    return Made(endpoint_id, secret)


def _new_secret() -> str:
    return PREFIX + base64.b64encode(os.urandom(24)).decode()


async def roll_secret(tx: Tx, *, box: Box, shop_id: int, endpoint_id: int) -> Made:
    """A new secret.  The one before signs beside it for PREVIOUS_FOR; one that nobody can read is gone at once, and what
    was turned off because of it is turned on.

    Raises UnknownEndpoint.
    """
    found = await endpoint(tx, shop_id=shop_id, endpoint_id=endpoint_id)
    readable = found.disabled_why != "key"
    secret = _new_secret()
    await queries.roll_secret(
        tx,
        endpoint_id=endpoint_id,
        secret=box.seal(secret, about=about_secret(shop_id, endpoint_id, found.url)),
        previous_until=now() + PREVIOUS_FOR if readable else None,
    )
    if not readable:
        await queries.enable(tx, shop_id=shop_id, endpoint_id=endpoint_id)
    return Made(endpoint_id, secret)


async def endpoints(tx: Tx, *, shop_id: int) -> list[Endpoint]:
    return await queries.endpoints(tx, shop_id=shop_id)


async def endpoint(tx: Tx, *, shop_id: int, endpoint_id: int) -> Endpoint:
    """Raises UnknownEndpoint."""
    found = await queries.endpoint(tx, shop_id=shop_id, endpoint_id=endpoint_id)
    if found is None:
        raise UnknownEndpoint
    return found


async def remove_endpoint(tx: Tx, *, shop_id: int, endpoint_id: int) -> None:
    """With its log.  Raises UnknownEndpoint."""
    if not await queries.delete_endpoint(tx, shop_id=shop_id, endpoint_id=endpoint_id):
        raise UnknownEndpoint


async def switch(tx: Tx, *, shop_id: int, endpoint_id: int, on: bool) -> None:
    """Raises UnknownEndpoint."""
    await endpoint(tx, shop_id=shop_id, endpoint_id=endpoint_id)
    if on:
        await queries.enable(tx, shop_id=shop_id, endpoint_id=endpoint_id)
    else:
        await queries.disable(tx, endpoint_id=endpoint_id, why="by_hand")


async def deliveries(
    tx: Tx,
    *,
    shop_id: int,
    endpoint_id: int,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> paging.Page[Delivery]:
    return await paging.page(
        partial(queries.deliveries, tx, shop_id=shop_id, endpoint_id=endpoint_id),
        after=after,
        before=before,
        limit=limit,
        key=_id,
    )


def _id(each: Delivery) -> UUID:
    return each.id


async def deliver_again(tx: Tx, *, shop_id: int, endpoint_id: int, delivery_id: UUID) -> None:
    """The same event under the same id, now.  Raises UnknownEndpoint where it is not there or on its way."""
    if not await queries.again(tx, shop_id=shop_id, endpoint_id=endpoint_id, delivery_id=delivery_id):
        raise UnknownEndpoint


async def send_trial(tx: Tx, *, shop_id: int, endpoint_id: int) -> None:
    """An event that means nothing.  Raises UnknownEndpoint."""
    await endpoint(tx, shop_id=shop_id, endpoint_id=endpoint_id)
    delivery_id = new_id()
    await queries.insert_delivery(
        tx,
        delivery_id=delivery_id,
        shop_id=shop_id,
        endpoint_id=endpoint_id,
        message=f"msg_{delivery_id.hex}",
        event=TRIAL,
        body=payload(TRIAL, now().isoformat(), {"shop_id": shop_id}),
    )


async def hear(tx: Tx, batch: Sequence[Delivered]) -> None:
    """Facts become deliveries, for whoever wants them; the id of the fact decides that there is one."""
    facts = [fact for fact in batch if fact.name in EVENTS]
    shop_ids = sorted({fact.shop_id for fact in facts})
    if not facts or not await queries.shops_with_endpoints(tx, shop_ids=shop_ids):
        return
    await queries.insert_deliveries(
        tx,
        ids=[fact.fact_id for fact in facts],
        shop_ids=[fact.shop_id for fact in facts],
        messages=[f"msg_{fact.fact_id.hex}" for fact in facts],
        events=[fact.name for fact in facts],
        bodies=[payload(fact.name, fact.recorded_at.isoformat(), fact.body) for fact in facts],
    )


async def stop(tx: Tx, *, shop_id: int, endpoint_id: int, url: str, why: str, days: int) -> None:
    """Turn it off, and tell the owners; once."""
    if not await queries.disable(tx, endpoint_id=endpoint_id, why=why):
        return
    fact_id = new_id()
    for owner in await queries.owners(tx, shop_id=shop_id):
        await notices.tell(
            tx,
            notices.NewNotice(
                shop_id,
                fact_id,
                notices.Kind.WEBHOOK_STOPPED,
                owner.email,
                "",
                name=owner.name,
                facts={"address": url, "days": days},
            ),
        )


async def forget(tx: Tx) -> int:
    return await queries.forget(tx, before=now() - KEPT_FOR, limit=10_000)


async def something_due(tx: Tx) -> bool:
    return await queries.something_due(tx)
