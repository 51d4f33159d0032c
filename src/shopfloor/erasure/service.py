"""Forgetting a person: name and contact go from orders, and by a fact from chat; what was bought, paid and said stays.

Orders that are not over need their contact: they keep it until they are, and lose it then (`finish`).
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from shopfloor import orders
from shopfloor.accounts import Actor, NotAllowed, Permission
from shopfloor.erasure import queries
from shopfloor.erasure.events import BuyerErased
from shopfloor.erasure.models import Erasure, NobodyToErase, Subject
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import new_id

# Shorter numbers are no telephone numbers, and could be many people's.
_SHORTEST_PHONE: Final = 6


async def erase(tx: Tx, *, actor: Actor | None, subject: Subject, shop_id: int | None = None) -> Erasure:
    """`actor` None, with `shop_id`: a customer asks for the own orders, and has proved that they are.

    Raises NotAllowed, NobodyToErase.
    """
    if actor is None:
        assert shop_id is not None, "a customer is one of a shop"
        assert subject.exactly is not None, "of others' orders nobody decides for them"
    else:
        shop_id = actor.shop_id
        if not actor.may(Permission.MEMBERS_MANAGE):
            raise NotAllowed(permission=Permission.MEMBERS_MANAGE)
    if subject.exactly is None:
        found = await _orders_of(tx, shop_id=shop_id, subject=subject)
        shoppers = sorted({each.buyer for each in found} | ({subject.shopper} if subject.shopper else set()))
        if not shoppers:
            raise NobodyToErase
    else:
        found = await queries.by_ids(tx, shop_id=shop_id, ids=list(subject.exactly))
        shoppers = sorted(subject.browsers)
    erasure = Erasure(
        new_id(),
        await orders.forget_contacts(tx, shop_id=shop_id, ids=[each.id for each in found if each.is_over]),
        sorted(each.number for each in found if not each.is_over),
    )
    await queries.insert_erasure(
        tx,
        id=erasure.id,
        shop_id=shop_id,
        person_id=None if actor is None else actor.person_id,
        erased=erasure.erased,
        waiting=[each.id for each in found if not each.is_over],
    )
    await outbox.record(tx, BuyerErased(shop_id, erasure.id, shoppers, erasure.erased))
    return erasure


async def _orders_of(tx: Tx, *, shop_id: int, subject: Subject) -> list[queries.Found]:
    """The orders that are named, and all of the same browsers, telephone numbers and e-mail addresses."""
    digits = "".join(sign for sign in subject.phone or "" if sign in "0123456789")
    email = (subject.email or "").strip()
    known: dict[UUID, queries.Found] = {}
    buyers = {subject.shopper} if subject.shopper else set[UUID]()
    emails = {email.lower()} if "@" in email else set[str]()
    phones = {digits} if len(digits) >= _SHORTEST_PHONE else set[str]()
    if subject.order_id is not None:
        known |= {
            each.id: each for each in await queries.by_id(tx, shop_id=shop_id, order_id=subject.order_id)
        }
    while True:
        for each in known.values():
            buyers.add(each.buyer)
            emails |= {each.contact_email.lower()} - {""}
            phone = "".join(sign for sign in each.contact_phone if sign in "0123456789")
            phones |= {phone} if len(phone) >= _SHORTEST_PHONE else set()
        more = await queries.by_buyers(tx, shop_id=shop_id, buyers=sorted(buyers))
        for wanted in sorted(emails | phones):
            more += await queries.by_contact(tx, shop_id=shop_id, wanted=wanted)
        fresh = {each.id: each for each in more if each.id not in known}
        if not fresh:
            return list(known.values())
        known |= fresh


async def finish(tx: Tx, *, limit: int = 100) -> int:
    """Contacts of orders that were not over when their erasure was asked for, and are by now.  Returns how many."""
    erased = 0
    for erasure_id, shop_id, ids in await queries.lock_waiting(tx, limit=limit):
        over = await queries.those_over(tx, shop_id=shop_id, ids=ids)
        if over:
            erased += await orders.forget_contacts(tx, shop_id=shop_id, ids=over)
            await queries.set_waiting(
                tx, id=erasure_id, waiting=[each for each in ids if each not in over], more=len(over)
            )
    return erased


async def waits_since(tx: Tx, *, shop_id: int, order_id: UUID) -> datetime | None:
    """When the erasure was asked for that this order waits for; None where there is none."""
    return await queries.waits_since(tx, shop_id=shop_id, order_id=order_id)
