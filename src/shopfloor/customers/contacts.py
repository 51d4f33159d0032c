"""The addresses and numbers of accounts: what a proven number joins, changing one for another, removing one.

A contact becomes an account's when a code sent to it was entered in a browser that is signed in to the account.  Another
account's is never taken: who has proved it has it.  What a guest ordered with it comes along.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from shopfloor import notices
from shopfloor.accounts import Shop
from shopfloor.customers import account_queries, order_queries, queries, signing_in_queries
from shopfloor.customers.models import (
    ContactTaken,
    Customer,
    LastContact,
    Way,
    digits_of,
    hashed,
    way_of,
)
from shopfloor.kernel import phones
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import new_id, now

_TRUNKS: Final = ("", "0", "00")


async def with_phone(tx: Tx, *, shop_id: int, phone: str, locale: str) -> Customer:
    """Whoever has just proved this number, with what was ordered with it."""
    customer = await queries.prove_phone(
        tx, customer_id=new_id(), shop_id=shop_id, phone=phone, digits=digits_of(phone), locale=locale
    )
    await join_by_phone(tx, shop_id=shop_id, customer_id=customer.id, phone=phone)
    return customer


async def join_by_phone(tx: Tx, *, shop_id: int, customer_id: UUID, phone: str) -> None:
    """Orders with this number, however it was written, that nobody has proved to be theirs by another contact."""
    region = phones.country_of(phone)
    found = await queries.unclaimed_by_phone(tx, shop_id=shop_id, ending=phones.ending(phone))
    same = phones.same([each.contact_phone for each in found], phone, region=region)
    if same:
        own_ids = [found[place].id for place in same]
        await order_queries.claim_orders(tx, shop_id=shop_id, customer_id=customer_id, order_ids=own_ids)
    guests = await order_queries.guests_by_phone(tx, shop_id=shop_id, forms=_forms(phone), but=customer_id)
    await _absorb(tx, shop_id=shop_id, guests=guests, customer_id=customer_id)


def _forms(phone: str) -> list[str]:
    """The digits of a number as people write it: with its country, after two zeros, and at home with or without one."""
    full, home = digits_of(phone), phones.at_home(phone)
    return sorted({full, f"00{full}", *(f"{trunk}{home}" for trunk in _TRUNKS)})


async def _absorb(tx: Tx, *, shop_id: int, guests: Sequence[UUID], customer_id: UUID) -> None:
    if guests:
        await order_queries.move_orders(tx, shop_id=shop_id, guests=guests, customer_id=customer_id)
        await queries.move_notes(tx, shop_id=shop_id, guests=guests, customer_id=customer_id)
        await queries.delete_guests(tx, shop_id=shop_id, guests=guests)


async def change(tx: Tx, *, shop: Shop, customer: Customer, contact: str, token: str) -> Refusal | None:
    """The contact, just proved, becomes the account's, in place of the one before, whose reader is told; other devices are
    signed out.  Returns ContactTaken.
    """
    await account_queries.lock_customer(tx, shop_id=shop.id, customer_id=customer.id)
    by_mail = way_of(contact) is Way.MAIL
    if by_mail:
        other = await queries.with_email(tx, shop_id=shop.id, email=contact)
    else:
        other = await queries.with_phone(tx, shop_id=shop.id, phone=contact)
    if other is not None and other.id != customer.id:
        if other.account_since is not None:
            return ContactTaken(field="contact")
        await _absorb(tx, shop_id=shop.id, guests=[other.id], customer_id=customer.id)
    at = now()
    await queries.set_contacts(
        tx,
        shop_id=shop.id,
        customer_id=customer.id,
        email=contact if by_mail else customer.email,
        proven_at=at if by_mail else customer.proven_at,
        phone=customer.proven_phone if by_mail else contact,
        digits=customer.phone if by_mail else digits_of(contact),
        phone_proven_at=customer.phone_proven_at if by_mail else at,
    )
    if not by_mail:
        await join_by_phone(tx, shop_id=shop.id, customer_id=customer.id, phone=contact)
    await signing_in_queries.delete_other_sessions(
        tx, shop_id=shop.id, customer_id=customer.id, token=hashed(token)
    )
    before = customer.email if by_mail else customer.proven_phone or ""
    if before != contact:
        await _notice(tx, shop, customer, before or customer.email or customer.proven_phone or "")
    return None


async def remove(tx: Tx, *, shop: Shop, customer: Customer, way: str, token: str) -> None:
    """`way`: "mail" or "phone".  Raises LastContact."""
    await account_queries.lock_customer(tx, shop_id=shop.id, customer_id=customer.id)
    found = await queries.customer(tx, shop_id=shop.id, customer_id=customer.id)
    assert found is not None, "locked"
    if not found.proven_phone or not found.email or found.proven_at is None:
        raise LastContact
    by_mail = way == Way.MAIL
    if by_mail:
        guests = await order_queries.guests_by_phone(
            tx, shop_id=shop.id, forms=_forms(found.proven_phone), but=found.id
        )
        await _absorb(tx, shop_id=shop.id, guests=guests, customer_id=found.id)
    await queries.set_contacts(
        tx,
        shop_id=shop.id,
        customer_id=found.id,
        email="" if by_mail else found.email,
        proven_at=None if by_mail else found.proven_at,
        phone=found.proven_phone if by_mail else None,
        digits=digits_of(found.proven_phone) if by_mail else "",
        phone_proven_at=found.phone_proven_at if by_mail else None,
    )
    await signing_in_queries.delete_other_sessions(
        tx, shop_id=shop.id, customer_id=found.id, token=hashed(token)
    )
    await _notice(tx, shop, found, found.email if by_mail else found.proven_phone)


async def _notice(tx: Tx, shop: Shop, customer: Customer, contact: str) -> None:
    """To where the account was reached until now."""
    if not contact:
        return
    await notices.tell(
        tx,
        notices.NewNotice(
            shop.id,
            new_id(),
            notices.Kind.CONTACT_CHANGED,
            contact,
            customer.locale or shop.locale,
            name=customer.name,
        ),
    )
