"""What an account keeps: addresses, consents, notes of the shop; and what other modules keep of it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shopfloor.customers.models import (
    Address,
    AddressForm,
    Consent,
    Note,
)
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


async def addresses(tx: Tx, *, shop_id: int, customer_id: UUID) -> list[Address]:
    """The default first."""
    return await tx.every(
        Address,
        """
        SELECT id, name, phone, street, city, region, postcode, country, is_default, changed_at
          FROM customers.address WHERE shop_id = %(shop_id)s AND customer_id = %(customer_id)s
         ORDER BY is_default DESC, id
        """,
        shop_id=shop_id,
        customer_id=customer_id,
    )


async def lock_customer(tx: Tx, *, shop_id: int, customer_id: UUID) -> bool:
    return bool(
        await tx.value(
            "SELECT true FROM customers.customer WHERE shop_id = %(shop_id)s AND id = %(customer_id)s FOR UPDATE",
            shop_id=shop_id,
            customer_id=customer_id,
        )
    )


async def insert_address(
    tx: Tx, *, address_id: UUID, shop_id: int, customer_id: UUID, form: AddressForm, is_default: bool
) -> None:
    await tx.run(
        """
        INSERT INTO customers.address
               (id, shop_id, customer_id, name, phone, street, city, region, postcode, country, is_default)
        VALUES (%(address_id)s, %(shop_id)s, %(customer_id)s, %(name)s, %(phone)s, %(street)s, %(city)s, %(region)s,
                %(postcode)s, %(country)s, %(is_default)s)
        """,
        address_id=address_id,
        shop_id=shop_id,
        customer_id=customer_id,
        name=form.name,
        phone=form.phone,
        street=form.street,
        city=form.city,
        region=form.region,
        postcode=form.postcode,
        country=form.country,
        is_default=is_default,
    )


async def update_address(
    tx: Tx, *, address_id: UUID, shop_id: int, customer_id: UUID, form: AddressForm
) -> bool:
    return bool(
        await tx.run(
            """
            UPDATE customers.address
               SET name = %(name)s, phone = %(phone)s, street = %(street)s, city = %(city)s, region = %(region)s,
                   postcode = %(postcode)s, country = %(country)s, changed_at = now()
             WHERE id = %(address_id)s AND shop_id = %(shop_id)s AND customer_id = %(customer_id)s
            """,
            address_id=address_id,
            shop_id=shop_id,
            customer_id=customer_id,
            name=form.name,
            phone=form.phone,
            street=form.street,
            city=form.city,
            region=form.region,
            postcode=form.postcode,
            country=form.country,
        )
    )


async def clear_default(tx: Tx, *, shop_id: int, customer_id: UUID) -> None:
    await tx.run(
        """
        UPDATE customers.address SET is_default = false
         WHERE shop_id = %(shop_id)s AND customer_id = %(customer_id)s AND is_default
        """,
        shop_id=shop_id,
        customer_id=customer_id,
    )


async def set_default(tx: Tx, *, address_id: UUID, shop_id: int, customer_id: UUID) -> bool:
    return bool(
        await tx.run(
            """
            UPDATE customers.address SET is_default = true
             WHERE id = %(address_id)s AND shop_id = %(shop_id)s AND customer_id = %(customer_id)s
            """,
            address_id=address_id,
            shop_id=shop_id,
            customer_id=customer_id,
        )
    )


async def delete_address(tx: Tx, *, address_id: UUID, shop_id: int, customer_id: UUID) -> bool | None:
    """Whether it was the default; None when there was none."""
    return await tx.value(
        """
        DELETE FROM customers.address
         WHERE id = %(address_id)s AND shop_id = %(shop_id)s AND customer_id = %(customer_id)s RETURNING is_default
        """,
        address_id=address_id,
        shop_id=shop_id,
        customer_id=customer_id,
    )


# Consents and notes


async def consents(tx: Tx, *, shop_id: int, customer_id: UUID) -> list[Consent]:
    """Newest first."""
    return await tx.every(
        Consent,
        """
        SELECT purpose, channel, granted, source, wording, at FROM customers.consent
         WHERE shop_id = %(shop_id)s AND customer_id = %(customer_id)s ORDER BY id DESC
        """,
        shop_id=shop_id,
        customer_id=customer_id,
    )


async def insert_consent(
    tx: Tx,
    *,
    consent_id: UUID,
    shop_id: int,
    customer_id: UUID,
    granted: bool,
    source: str,
    wording: str,
) -> None:
    await tx.run(
        """
        INSERT INTO customers.consent (id, shop_id, customer_id, purpose, channel, granted, source, wording)
        VALUES (%(consent_id)s, %(shop_id)s, %(customer_id)s, 'marketing', 'mail', %(granted)s, %(source)s, %(wording)s)
        """,
        consent_id=consent_id,
        shop_id=shop_id,
        customer_id=customer_id,
        granted=granted,
        source=source,
        wording=wording,
    )


async def notes(tx: Tx, *, shop_id: int, customer_id: UUID) -> list[Note]:
    return await tx.every(
        Note,
        """
        SELECT id, person_id, text, at FROM customers.note
         WHERE shop_id = %(shop_id)s AND customer_id = %(customer_id)s ORDER BY id DESC
        """,
        shop_id=shop_id,
        customer_id=customer_id,
    )


async def insert_note(
    tx: Tx, *, note_id: UUID, shop_id: int, customer_id: UUID, person_id: int, text: str
) -> None:
    await tx.run(
        """
        INSERT INTO customers.note (id, shop_id, customer_id, person_id, text)
        VALUES (%(note_id)s, %(shop_id)s, %(customer_id)s, %(person_id)s, %(text)s)
        """,
        note_id=note_id,
        shop_id=shop_id,
        customer_id=customer_id,
        person_id=person_id,
        text=text,
    )


# What other modules keep, for who asks what is kept


@dataclass(frozen=True, slots=True)
class Said:
    show_id: int
    name: str
    text: str
    at: datetime


async def said(tx: Tx, *, shop_id: int, shoppers: Sequence[UUID]) -> list[Said]:
    return await tx.every(
        Said,
        """
        SELECT show_id, name, text, at FROM chat.v_line
         WHERE shop_id = %(shop_id)s AND shopper = ANY(%(shoppers)s::uuid[]) ORDER BY at
        """,
        shop_id=shop_id,
        shoppers=list(shoppers),
    )


@dataclass(frozen=True, slots=True)
class Entered:
    """A giveaway; `state` and `recipient` of who won in it."""

    prize: str
    number: str
    name: str
    entered_at: datetime
    state: str | None
    recipient: str


async def entered(tx: Tx, *, shop_id: int, customer_id: UUID, shoppers: Sequence[UUID]) -> list[Entered]:
    return await tx.every(
        Entered,
        """
        SELECT prize, number, name, entered_at, state, recipient FROM giveaways.v_entry
         WHERE shop_id = %(shop_id)s AND (customer = %(customer_id)s OR shopper = ANY(%(shoppers)s::uuid[]))
         ORDER BY entered_at, number
        """,
        shop_id=shop_id,
        customer_id=customer_id,
        shoppers=list(shoppers),
    )


@dataclass(frozen=True, slots=True)
class BidMade:
    """A bid in an auction, the most that was offered, in minor units."""

    title: str
    name: str
    max_minor: int
    currency: str
    at: datetime


async def bids(tx: Tx, *, shop_id: int, customer_id: UUID, shoppers: Sequence[UUID]) -> list[BidMade]:
    return await tx.every(
        BidMade,
        """
        SELECT title, name, max_minor, currency, at FROM auctions.v_bid
         WHERE shop_id = %(shop_id)s AND (customer = %(customer_id)s OR shopper = ANY(%(shoppers)s::uuid[]))
         ORDER BY at, auction_id, seq
        """,
        shop_id=shop_id,
        customer_id=customer_id,
        shoppers=list(shoppers),
    )
