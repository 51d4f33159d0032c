"""SQL of checkouts, and of what lower modules publish that a buyer saw.  One function, one statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class CheckoutRow:
    id: UUID
    shop_id: int
    buyer: UUID
    held: bool
    policy: str
    offer_id: int | None
    show_id: int | None
    pool_id: int
    host_id: int | None
    host_name: str | None
    show_ms: int | None
    currency: str
    items: list[Any]
    bundles: list[Any]
    page: dict[str, Any]
    renewals: int
    joined_to: UUID | None = None
    """The purchase with which it is checked out; that one has its items."""


@dataclass(frozen=True, slots=True)
class VariantRow:
    """A variant as the catalogue shows it now."""

    id: int
    product_id: int
    sku: str
    options: list[str]
    title: str
    price_minor: int
    currency: str
    picture_sha: str | None
    status: str


@dataclass(frozen=True, slots=True)
class ShowRow:
    id: int
    title: str
    host_id: int | None
    started_at: datetime | None


async def variants(tx: Tx, *, shop_id: int, ids: Sequence[int]) -> list[VariantRow]:
    return await tx.every(
        VariantRow,
        """
        SELECT id, product_id, sku, options, title, price_minor, currency, picture_sha, status
          FROM catalog.v_variant WHERE shop_id = %(shop_id)s AND id = ANY(%(ids)s)
        """,
        shop_id=shop_id,
        ids=list(ids),
    )


@dataclass(frozen=True, slots=True)
class GoodsRow:
    """What decides about shipping and tax of a variant, as it is now."""

    id: int
    grams: int
    tax_class: str


async def goods(tx: Tx, *, shop_id: int, variant_ids: Sequence[int]) -> dict[int, GoodsRow]:
    found = await tx.every(
        GoodsRow,
        """
        SELECT id, grams, tax_class FROM catalog.v_goods
         WHERE shop_id = %(shop_id)s AND id = ANY(%(ids)s)
        """,
        shop_id=shop_id,
        ids=list(variant_ids),
    )
    return {row.id: row for row in found}


async def host_name(tx: Tx, *, shop_id: int, person_id: int) -> str | None:
    return await tx.value(
        "SELECT name FROM accounts.v_member WHERE shop_id = %(shop_id)s AND person_id = %(person_id)s",
        shop_id=shop_id,
        person_id=person_id,
    )


async def show(tx: Tx, *, shop_id: int, show_id: int) -> ShowRow | None:
    return await tx.first(
        ShowRow,
        """
        SELECT id, title, host_id, started_at
          FROM live.v_show WHERE shop_id = %(shop_id)s AND id = %(show_id)s
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


async def insert_checkout(tx: Tx, row: CheckoutRow) -> None:
    """Nothing when it has begun already: the first page is the one that counts."""
    await tx.run(
        """
        INSERT INTO orders.checkout (id, shop_id, buyer, held, policy, offer_id, show_id, pool_id, host_id, host_name,
                                     show_ms, currency, items, bundles, page)
        VALUES (%(id)s, %(shop_id)s, %(buyer)s, %(held)s, %(policy)s, %(offer_id)s, %(show_id)s, %(pool_id)s,
                %(host_id)s, %(host_name)s, %(show_ms)s, %(currency)s, %(items)s, %(bundles)s, %(page)s)
        ON CONFLICT (id) DO NOTHING
        """,
        id=row.id,
        shop_id=row.shop_id,
        buyer=row.buyer,
        held=row.held,
        policy=row.policy,
        offer_id=row.offer_id,
        show_id=row.show_id,
        pool_id=row.pool_id,
        host_id=row.host_id,
        host_name=row.host_name,
        show_ms=row.show_ms,
        currency=row.currency,
        items=Jsonb(row.items),
        bundles=Jsonb(row.bundles),
        page=Jsonb(row.page),
    )


async def checkout(tx: Tx, *, id: UUID) -> CheckoutRow | None:  # noqa: A002 -- the column's name
    return await tx.first(
        CheckoutRow,
        """
        SELECT id, shop_id, buyer, held, policy, offer_id, show_id, pool_id, host_id, host_name, show_ms, currency,
               items, bundles, page, renewals, joined_to
          FROM orders.checkout WHERE id = %(id)s
        """,
        id=id,
    )


async def insert_page_texts(tx: Tx, *, shop_id: int, texts: Mapping[str, Mapping[str, Any]]) -> None:
    """By hash, in hexadecimal digits; in one order, so that two who come with the same do not wait for each other."""
    await tx.many(
        """
        INSERT INTO orders.page_text (shop_id, hash, body)
        VALUES (%(shop_id)s, decode(%(hash)s, 'hex'), %(body)s) ON CONFLICT DO NOTHING
        """,
        [
            {"shop_id": shop_id, "hash": digest, "body": Jsonb(dict(body))}
            for digest, body in sorted(texts.items())
        ],
    )


@dataclass(frozen=True, slots=True)
class PageText:
    hash: str
    body: dict[str, Any]


async def page_texts(tx: Tx, *, shop_id: int, hashes: Sequence[str]) -> dict[str, dict[str, Any]]:
    rows = await tx.every(
        PageText,
        """
        SELECT encode(hash, 'hex') AS hash, body FROM orders.page_text
         WHERE shop_id = %(shop_id)s
           AND hash = ANY(ARRAY(SELECT decode(h, 'hex') FROM unnest(%(hashes)s::text[]) AS u (h)))
        """,
        shop_id=shop_id,
        hashes=list(hashes),
    )
    return {row.hash: row.body for row in rows}


async def lock_checkout(tx: Tx, *, id: UUID) -> CheckoutRow | None:  # noqa: A002 -- the column's name
    """The purchase, or the one with which it is checked out."""
    return await tx.first(
        CheckoutRow,
        """
        SELECT id, shop_id, buyer, held, policy, offer_id, show_id, pool_id, host_id, host_name, show_ms, currency,
               items, bundles, page, renewals, joined_to
          FROM orders.checkout
         WHERE id = coalesce((SELECT joined_to FROM orders.checkout WHERE id = %(id)s), %(id)s) FOR UPDATE
        """,
        id=id,
    )


async def lock_checkouts(tx: Tx, *, ids: Sequence[UUID]) -> list[CheckoutRow]:
    """Those of them that have begun, in the order of their ids, so that two who lock the same do not wait for each other
    for ever.
    """
    return await tx.every(
        CheckoutRow,
        """
        SELECT id, shop_id, buyer, held, policy, offer_id, show_id, pool_id, host_id, host_name, show_ms, currency,
               items, bundles, '{}'::jsonb AS page, renewals, joined_to
          FROM orders.checkout WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id FOR UPDATE
        """,
        ids=list(ids),
    )


async def ordered_checkouts(tx: Tx, *, ids: Sequence[UUID]) -> set[UUID]:
    """Those of locked checkouts that have become an order."""
    cursor = await tx.connection.execute(
        """
        SELECT checkout_id FROM orders.orders
         WHERE checkout_id = ANY(%(ids)s::uuid[]) AND cancel_why IS DISTINCT FROM 'declined'
        """,
        {"ids": list(ids)},
    )
    return {row[0] for row in await cursor.fetchall()}


async def lock_contacts(tx: Tx, *, shop_id: int, contacts: Sequence[str]) -> None:
    """Nobody else counts what these owe, or orders as one of them, until this transaction ends; in one order, so that two
    who lock the same do not wait for each other for ever.
    """
    await tx.run(
        """
        SELECT pg_advisory_xact_lock(key)
          FROM (SELECT DISTINCT hashtextextended('orders.contact/' || c, %(shop_id)s) AS key
                  FROM unnest(%(contacts)s::text[]) AS c WHERE c <> '' ORDER BY 1) AS k
        """,
        shop_id=shop_id,
        contacts=list(contacts),
    )


# Orders that nobody has paid anything for, and drafts.  Each is asked for as an index by contact says it: among all
# drafts, or all orders of a product, the few of a contact are far.
_OWED_BY_MAIL: Final = """
    SELECT o.id FROM orders.orders o
     WHERE o.shop_id = %(shop_id)s AND o.status = 'placed' AND o.charged_minor = 0 AND o.authorised_minor = 0
       AND o.total_minor > 0 AND {mail} <> '' AND orders.mail_key(o.contact_email) = {mail}
     UNION ALL
    SELECT o.id FROM orders.orders o
     WHERE o.shop_id = %(shop_id)s AND o.placed_at IS NULL AND o.cancelled_at IS NULL AND o.total_minor > 0
       AND o.contact_email <> '' AND {mail} <> '' AND orders.mail_key(o.contact_email) = {mail}
    """
_OWED_BY_PHONE: Final = """
    SELECT o.id FROM orders.orders o
     WHERE o.shop_id = %(shop_id)s AND o.status = 'placed' AND o.charged_minor = 0 AND o.authorised_minor = 0
       AND o.total_minor > 0 AND {phone} <> '' AND orders.phone_key(o.contact_phone) = {phone}
     UNION ALL
    SELECT o.id FROM orders.orders o
     WHERE o.shop_id = %(shop_id)s AND o.placed_at IS NULL AND o.cancelled_at IS NULL AND o.total_minor > 0
       AND o.contact_phone <> '' AND {phone} <> '' AND orders.phone_key(o.contact_phone) = {phone}
    """
_THAT_OWE: Final = (
    """
    SELECT c.place::int - 1
      FROM unnest(%(mails)s::text[], %(phones)s::text[]) WITH ORDINALITY AS c (mail, phone, place)
     WHERE EXISTS ({by_mail}) OR EXISTS ({by_phone})
    """.replace("{by_mail}", _OWED_BY_MAIL)
    .replace("{by_phone}", _OWED_BY_PHONE)
    .replace("{mail}", "c.mail")
    .replace("{phone}", "c.phone")
)
_UNPAID: Final = (
    """
    SELECT l.variant_id, sum(l.quantity)::int
      FROM (({by_mail}) UNION ({by_phone})) AS o
      JOIN orders.line AS l ON l.order_id = o.id AND l.removed_at IS NULL
     WHERE l.variant_id = ANY(%(variant_ids)s::bigint[]) AND l.bundle_id IS NULL
     GROUP BY l.variant_id
    """.replace("{by_mail}", _OWED_BY_MAIL)
    .replace("{by_phone}", _OWED_BY_PHONE)
    .replace("{mail}", "%(mail)s::text")
    .replace("{phone}", "%(phone)s::text")
)


async def contacts_that_owe(tx: Tx, *, shop_id: int, mails: Sequence[str], phones: Sequence[str]) -> set[int]:
    """The places of those contacts (mail and phone side by side, '' for none) with an order that nobody has paid for."""
    cursor = await tx.connection.execute(
        _THAT_OWE, {"shop_id": shop_id, "mails": list(mails), "phones": list(phones)}
    )
    return {row[0] for row in await cursor.fetchall()}


async def set_items(tx: Tx, *, id: UUID, items: Sequence[Mapping[str, Any]], renewed: bool) -> None:  # noqa: A002
    """After a re-hold, or when nothing was held before: the same goods, perhaps from other lots."""
    await tx.run(
        """
        UPDATE orders.checkout SET items = %(items)s, renewals = renewals + %(renewed)s::int WHERE id = %(id)s
        """,
        id=id,
        items=Jsonb(list(items)),
        renewed=int(renewed),
    )


async def order_of_checkout(tx: Tx, *, checkout_id: UUID) -> UUID | None:
    return await tx.value(
        """
        SELECT id FROM orders.orders WHERE checkout_id = %(checkout_id)s AND cancel_why IS DISTINCT FROM 'declined'
        """,
        checkout_id=checkout_id,
    )


async def let_pay_first(tx: Tx, *, id: UUID) -> None:  # noqa: A002 -- the column's name
    await tx.run("UPDATE orders.checkout SET policy = 'first_paid', held = false WHERE id = %(id)s", id=id)


async def unpaid_of_contact(
    tx: Tx, *, shop_id: int, mail: str, phone: str, variant_ids: Sequence[int]
) -> dict[int, int]:
    """Units in orders that nobody has paid anything for, by variant, of whoever gave this address or phone."""
    cursor = await tx.connection.execute(
        _UNPAID, {"shop_id": shop_id, "mail": mail, "phone": phone, "variant_ids": list(variant_ids)}
    )
    return dict(await cursor.fetchall())


async def orders_of_person(
    tx: Tx, *, shop_id: int, buyer: UUID, mail: str, phone: str, but: UUID | None
) -> list[UUID]:
    """Orders that were not cancelled, of this browser or of whoever gave this address or phone; `but` this one."""
    cursor = await tx.connection.execute(
        """
        SELECT id FROM orders.orders
         WHERE buyer = %(buyer)s AND shop_id = %(shop_id)s AND cancelled_at IS NULL AND id IS DISTINCT FROM %(but)s::uuid
        UNION SELECT id FROM orders.orders
         WHERE shop_id = %(shop_id)s AND cancelled_at IS NULL AND contact_email <> '' AND %(mail)s::text <> ''
           AND orders.mail_key(contact_email) = %(mail)s::text AND id IS DISTINCT FROM %(but)s::uuid
        UNION SELECT id FROM orders.orders
         WHERE shop_id = %(shop_id)s AND cancelled_at IS NULL AND contact_phone <> '' AND %(phone)s::text <> ''
           AND orders.phone_key(contact_phone) = %(phone)s::text AND id IS DISTINCT FROM %(but)s::uuid
        """,
        {"shop_id": shop_id, "buyer": buyer, "mail": mail, "phone": phone, "but": but},
    )
    return [row[0] for row in await cursor.fetchall()]


async def order_of_hold(tx: Tx, *, shop_id: int, hold_id: UUID) -> UUID | None:
    """The order that has the units of a hold, where it is not cancelled."""
    return await tx.value(
        """
        SELECT id FROM orders.orders
         WHERE hold_id = %(hold_id)s AND shop_id = %(shop_id)s AND status <> 'cancelled'
         ORDER BY created_at DESC LIMIT 1
        """,
        hold_id=hold_id,
        shop_id=shop_id,
    )
