"""SQL of orders.  One function, one statement; rows come back as the dataclass they fill."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.orders.models import (
    Bundle,
    Order,
    OrderLine,
    OrderSummary,
    Payment,
    PaymentEvent,
    Policy,
    Waiting,
)


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


@dataclass(frozen=True, slots=True)
class IntentRow:
    id: UUID
    shop_id: int
    buyer: UUID
    offer_id: int | None
    show_id: int | None
    pool_id: int
    lines: list[dict[str, int]]
    hash: bytes
    created_at: datetime


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
class OfferLineRow:
    """A line of an offer; without offer and show, a variant as the shop sells it on its page."""

    offer_id: int | None
    show_id: int | None
    shop_id: int
    product_id: int
    variant_id: int
    price_minor: int
    currency: str
    policy: str
    hold_seconds: int
    limit_per_buyer: int | None
    limit_per_show: int | None
    deposit_percent: int | None
    pool_id: int | None
    show_status: str


@dataclass(frozen=True, slots=True)
class ShowRow:
    id: int
    title: str
    host_id: int | None
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuditRow:
    looked_at: int
    offending: list[str]


# ── a shop's rules ────────────────────────────────────────────────────────────────────────────────────────


async def policy(tx: Tx, *, shop_id: int) -> Policy | None:
    return await tx.first(
        Policy,
        """
        SELECT shipping_minor, free_shipping_from_minor, pay_within_hours, balance_within_days, keep_deposit,
               claim_seconds, pay_to, pick_up_at
          FROM orders.policy WHERE shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
    )


async def save_policy(tx: Tx, *, shop_id: int, policy: Policy) -> None:
    await tx.run(
        """
        INSERT INTO orders.policy (shop_id, shipping_minor, free_shipping_from_minor, pay_within_hours,
                                   balance_within_days, keep_deposit, claim_seconds, pay_to, pick_up_at)
        VALUES (%(shop_id)s, %(shipping)s, %(free_from)s, %(pay_within)s, %(balance_within)s, %(keep)s,
                %(claim)s, %(pay_to)s, %(pick_up_at)s)
        ON CONFLICT (shop_id) DO UPDATE
          SET shipping_minor = excluded.shipping_minor,
              free_shipping_from_minor = excluded.free_shipping_from_minor,
              pay_within_hours = excluded.pay_within_hours,
              balance_within_days = excluded.balance_within_days,
              keep_deposit = excluded.keep_deposit,
              claim_seconds = excluded.claim_seconds,
              pay_to = excluded.pay_to,
              pick_up_at = excluded.pick_up_at
        """,
        shop_id=shop_id,
        shipping=policy.shipping_minor,
        free_from=policy.free_shipping_from_minor,
        pay_within=policy.pay_within_hours,
        balance_within=policy.balance_within_days,
        keep=policy.keep_deposit,
        claim=policy.claim_seconds,
        pay_to=policy.pay_to,
        pick_up_at=policy.pick_up_at,
    )


# ── what lower modules publish ────────────────────────────────────────────────────────────────────────────


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


async def shop_slug(tx: Tx, *, shop_id: int) -> str | None:
    return await tx.value("SELECT slug FROM accounts.v_shop WHERE id = %(shop_id)s", shop_id=shop_id)


async def host_name(tx: Tx, *, shop_id: int, person_id: int) -> str | None:
    return await tx.value(
        "SELECT name FROM accounts.v_member WHERE shop_id = %(shop_id)s AND person_id = %(person_id)s",
        shop_id=shop_id,
        person_id=person_id,
    )


async def variant_shop(tx: Tx, *, variant_id: int) -> int | None:
    return await tx.value("SELECT shop_id FROM catalog.v_variant WHERE id = %(id)s", id=variant_id)


async def offer_lines(tx: Tx, *, offer_id: int) -> list[OfferLineRow]:
    return await tx.every(
        OfferLineRow,
        """
        SELECT offer_id, show_id, shop_id, product_id, variant_id, price_minor, currency, policy, hold_seconds,
               limit_per_buyer, limit_per_show, deposit_percent, pool_id, show_status
          FROM live.v_offer_line WHERE offer_id = %(offer_id)s
        """,
        offer_id=offer_id,
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


# ── purchases on their way ────────────────────────────────────────────────────────────────────────────────


async def insert_intent(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    shop_id: int,
    buyer: UUID,
    offer_id: int | None,
    show_id: int | None,
    pool_id: int,
    lines: Sequence[Mapping[str, int]],
    hash: bytes,  # noqa: A002 -- the column's name
) -> bool:
    """False when the id is known already."""
    inserted = await tx.run(
        """
        INSERT INTO orders.intent (id, shop_id, buyer, offer_id, show_id, pool_id, lines, hash)
        VALUES (%(id)s, %(shop_id)s, %(buyer)s, %(offer_id)s, %(show_id)s, %(pool_id)s, %(lines)s, %(hash)s)
        ON CONFLICT (id) DO NOTHING
        """,
        id=id,
        shop_id=shop_id,
        buyer=buyer,
        offer_id=offer_id,
        show_id=show_id,
        pool_id=pool_id,
        lines=Jsonb(list(lines)),
        hash=hash,
    )
    return inserted == 1


async def intent(tx: Tx, *, id: UUID) -> IntentRow | None:  # noqa: A002 -- the column's name
    return await tx.first(
        IntentRow,
        """
        SELECT id, shop_id, buyer, offer_id, show_id, pool_id, lines, hash, created_at
          FROM orders.intent WHERE id = %(id)s
        """,
        id=id,
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
               items, bundles, page, renewals
          FROM orders.checkout WHERE id = %(id)s
        """,
        id=id,
    )


async def lock_checkout(tx: Tx, *, id: UUID) -> None:  # noqa: A002 -- the column's name
    await tx.run("SELECT 1 FROM orders.checkout WHERE id = %(id)s FOR UPDATE", id=id)


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


# ── orders ────────────────────────────────────────────────────────────────────────────────────────────────


async def insert_order(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    checkout: CheckoutRow,
    contact_name: str,
    contact_phone: str,
    contact_email: str,
    delivery: str,
    address: Mapping[str, Any] | None,
    provider: str,
    method: str,
    note: str,
    locale: str,
    goods_minor: int,
    shipping_minor: int,
    total_minor: int,
    first_minor: int,
    form_hash: bytes,
    key: str,
) -> None:
    await tx.run(
        """
        INSERT INTO orders.orders (
          id, shop_id, checkout_id, hold_id, buyer, policy, offer_id, show_id, pool_id, host_id, host_name, show_ms,
          contact_name, contact_phone, contact_email, delivery, address, provider, method, note, locale, currency,
          goods_minor, shipping_minor, total_minor, first_minor, status, payment_status, fulfilment_status,
          form_hash, key)
        VALUES (
          %(id)s, %(shop_id)s, %(checkout_id)s, %(checkout_id)s, %(buyer)s, %(policy)s, %(offer_id)s, %(show_id)s,
          %(pool_id)s, %(host_id)s, %(host_name)s, %(show_ms)s, %(contact_name)s, %(contact_phone)s,
          %(contact_email)s, %(delivery)s, %(address)s, %(provider)s, %(method)s, %(note)s, %(locale)s,
          %(currency)s, %(goods_minor)s, %(shipping_minor)s, %(total_minor)s, %(first_minor)s, 'draft', 'unpaid',
          'unsecured', %(form_hash)s, %(key)s)
        """,
        id=id,
        shop_id=checkout.shop_id,
        checkout_id=checkout.id,
        buyer=checkout.buyer,
        policy=checkout.policy,
        offer_id=checkout.offer_id,
        show_id=checkout.show_id,
        pool_id=checkout.pool_id,
        host_id=checkout.host_id,
        host_name=checkout.host_name,
        show_ms=checkout.show_ms,
        currency=checkout.currency,
        contact_name=contact_name,
        contact_phone=contact_phone,
        contact_email=contact_email,
        delivery=delivery,
        address=None if address is None else Jsonb(dict(address)),
        provider=provider,
        method=method,
        note=note,
        locale=locale,
        goods_minor=goods_minor,
        shipping_minor=shipping_minor,
        total_minor=total_minor,
        first_minor=first_minor,
        form_hash=form_hash,
        key=key,
    )


async def insert_bundles(tx: Tx, *, order_id: UUID, bundles: Sequence[Bundle]) -> None:
    await tx.many(
        """
        INSERT INTO orders.bundle (order_id, bundle_id, variant_id, product_id, title, sku, options, picture_sha,
                                   quantity, unit_price_minor, amount_minor)
        VALUES (%(order_id)s, %(id)s, %(variant_id)s, %(product_id)s, %(title)s, %(sku)s, %(options)s,
                %(picture_sha)s, %(quantity)s, %(unit_price_minor)s, %(amount_minor)s)
        """,
        [{"order_id": order_id, **asdict(bundle)} for bundle in bundles],
    )


async def bundles(tx: Tx, *, order_id: UUID) -> list[Bundle]:
    return await tx.every(
        Bundle,
        """
        SELECT bundle_id AS id, variant_id, product_id, title, sku, options, picture_sha, quantity, unit_price_minor,
               amount_minor
          FROM orders.bundle WHERE order_id = %(order_id)s ORDER BY bundle_id
        """,
        order_id=order_id,
    )


async def insert_lines(tx: Tx, rows: Sequence[Mapping[str, object]]) -> None:
    await tx.many(
        """
        INSERT INTO orders.line (order_id, position, variant_id, product_id, offer_id, title, sku, options, picture_sha,
                                 quantity, unit_price_minor, amount_minor, first_minor, ready_on, bundle_id)
        VALUES (%(order_id)s, %(position)s, %(variant_id)s, %(product_id)s, %(offer_id)s, %(title)s, %(sku)s,
                %(options)s, %(picture_sha)s, %(quantity)s, %(unit_price_minor)s, %(amount_minor)s,
                %(first_minor)s, %(ready_on)s, %(bundle_id)s)
        """,
        rows,
    )


async def delete_lines(tx: Tx, *, order_id: UUID) -> None:
    """Only before the order is placed, or when its units come from other lots than before."""
    await tx.run("DELETE FROM orders.line WHERE order_id = %(order_id)s", order_id=order_id)


async def lock_order(tx: Tx, *, shop_id: int, order_id: UUID) -> bool:
    """False when this shop has no such order.  Whoever changes an order takes this lock first, stock after it."""
    found = await tx.value(
        "SELECT 1 FROM orders.orders WHERE id = %(order_id)s AND shop_id = %(shop_id)s FOR UPDATE",
        order_id=order_id,
        shop_id=shop_id,
    )
    return found is not None


async def order(tx: Tx, *, order_id: UUID) -> Order | None:
    return await tx.first(
        Order,
        """
        SELECT id, shop_id, number, checkout_id, hold_id, buyer, policy, offer_id, show_id, pool_id, host_id, host_name,
               show_ms, contact_name, contact_phone, contact_email, delivery, address, provider, method, note,
               locale, currency, goods_minor, shipping_minor, total_minor, first_minor, charged_minor,
               refund_granted_minor, refunded_minor, status, payment_status, fulfilment_status, secured,
               form_hash, key, tracking, cancelled_by, cancel_why, cancel_note, payment_due_at, balance_due_at,
               created_at, placed_at, paid_at, shipped_at, delivered_at, cancelled_at
          FROM orders.orders WHERE id = %(order_id)s
        """,
        order_id=order_id,
    )


async def lines(tx: Tx, *, order_id: UUID) -> list[OrderLine]:
    return await tx.every(
        OrderLine,
        """
        SELECT id, order_id, position, variant_id, product_id, offer_id, title, sku, options, picture_sha, quantity,
               unit_price_minor, amount_minor, first_minor, ready_on, ready_at, delayed_to, delay_accepted,
               shipped_quantity, returned_quantity, bundle_id
          FROM orders.line WHERE order_id = %(order_id)s ORDER BY position
        """,
        order_id=order_id,
    )


async def summaries(
    tx: Tx,
    *,
    shop_id: int,
    status: str | None,
    payment_status: str | None,
    show_id: int | None,
    search: str | None,
    before: datetime | None,
    today: date,
    limit: int,
) -> list[OrderSummary]:
    """Newest first.  `search`: a number, or part of a name, phone or e-mail."""
    return await tx.every(
        OrderSummary,
        """
        SELECT o.id, o.number, o.contact_name, o.delivery, o.currency, o.total_minor, o.charged_minor,
               o.refund_granted_minor - o.refunded_minor AS refund_owed_minor,
               o.status, o.payment_status, o.fulfilment_status, o.show_id, l.units, l.titles, l.late, o.placed_at
          FROM orders.orders o
          CROSS JOIN LATERAL (
            SELECT coalesce(sum(quantity), 0)::int AS units,
                   (SELECT coalesce(string_agg(DISTINCT title, ', '), '')
                      FROM (SELECT title FROM orders.bundle WHERE order_id = o.id
                            UNION SELECT title FROM orders.line WHERE order_id = o.id AND bundle_id IS NULL) AS named
                   ) AS titles,
                   coalesce(bool_or(o.status IN ('placed', 'paid', 'partly_shipped')
                     AND shipped_quantity < quantity AND ready_on IS NOT NULL
                     AND ((delayed_to IS NOT NULL AND NOT delay_accepted)
                       OR (ready_at IS NULL AND coalesce(delayed_to, ready_on) < %(today)s::date))), false) AS late
              FROM orders.line WHERE order_id = o.id) l
         WHERE o.shop_id = %(shop_id)s AND o.placed_at IS NOT NULL
           AND (%(status)s::text IS NULL OR o.status = %(status)s)
           AND (%(payment_status)s::text IS NULL OR o.payment_status = %(payment_status)s)
           AND (%(show_id)s::bigint IS NULL OR o.show_id = %(show_id)s)
           AND (%(before)s::timestamptz IS NULL OR o.placed_at < %(before)s)
           AND (%(search)s::text IS NULL OR o.number::text = %(search)s
                OR strpos(lower(o.contact_name || ' ' || o.contact_phone || ' ' || o.contact_email), lower(%(search)s)) > 0)
         ORDER BY o.placed_at DESC, o.id DESC LIMIT %(limit)s
        """,
        shop_id=shop_id,
        status=status,
        payment_status=payment_status,
        show_id=show_id,
        search=search,
        before=before,
        today=today,
        limit=limit,
    )


async def ids_of_buyer(tx: Tx, *, shop_id: int, buyer: UUID) -> list[UUID]:
    cursor = await tx.connection.execute(
        """
        SELECT id FROM orders.orders
         WHERE shop_id = %(shop_id)s AND buyer = %(buyer)s AND placed_at IS NOT NULL
         ORDER BY placed_at DESC LIMIT 100
        """,
        {"shop_id": shop_id, "buyer": buyer},
    )
    return [row[0] for row in await cursor.fetchall()]


async def count_by_status(tx: Tx, *, shop_id: int) -> dict[str, int]:
    cursor = await tx.connection.execute(
        """
        SELECT status, count(*) FROM orders.orders
         WHERE shop_id = %(shop_id)s AND placed_at IS NOT NULL GROUP BY status
        """,
        {"shop_id": shop_id},
    )
    return dict(await cursor.fetchall())


async def mark_placed(
    tx: Tx, *, order_id: UUID, at: datetime, payment_due_at: datetime | None, secured: bool
) -> None:
    await tx.run(
        """
        UPDATE orders.orders
           SET number = coalesce(number, orders.next_number(shop_id)), placed_at = coalesce(placed_at, %(at)s),
               payment_due_at = %(payment_due_at)s, secured = %(secured)s
         WHERE id = %(order_id)s
        """,
        order_id=order_id,
        at=at,
        payment_due_at=payment_due_at,
        secured=secured,
    )


async def mark_secured(tx: Tx, *, order_id: UUID, secured: bool) -> None:
    await tx.run(
        "UPDATE orders.orders SET secured = %(secured)s WHERE id = %(order_id)s",
        order_id=order_id,
        secured=secured,
    )


async def mark_cancelled(tx: Tx, *, order_id: UUID, at: datetime, by: str, why: str, note: str) -> None:
    await tx.run(
        """
        UPDATE orders.orders
           SET cancelled_at = %(at)s, cancelled_by = %(by)s, cancel_why = %(why)s, cancel_note = %(note)s,
               secured = false
         WHERE id = %(order_id)s
        """,
        order_id=order_id,
        at=at,
        by=by,
        why=why,
        note=note,
    )


async def unmark_cancelled(tx: Tx, *, order_id: UUID) -> None:
    await tx.run(
        """
        UPDATE orders.orders
           SET cancelled_at = NULL, cancelled_by = NULL, cancel_why = NULL, cancel_note = '', secured = true
         WHERE id = %(order_id)s
        """,
        order_id=order_id,
    )


async def mark_shipped(tx: Tx, *, line_ids: Sequence[int]) -> None:
    await tx.run(
        "UPDATE orders.line SET shipped_quantity = quantity WHERE id = ANY(%(line_ids)s)",
        line_ids=list(line_ids),
    )


async def note_shipment(tx: Tx, *, order_id: UUID, at: datetime, tracking: str) -> None:
    await tx.run(
        """
        UPDATE orders.orders
           SET shipped_at = %(at)s,
               tracking = concat_ws(' ', nullif(tracking, ''), nullif(%(tracking)s::text, ''))
         WHERE id = %(order_id)s
        """,
        order_id=order_id,
        at=at,
        tracking=tracking,
    )


async def mark_delivered(tx: Tx, *, order_id: UUID, at: datetime) -> None:
    await tx.run(
        "UPDATE orders.orders SET delivered_at = %(at)s WHERE id = %(order_id)s", order_id=order_id, at=at
    )


async def add_returned(tx: Tx, *, line_id: int, quantity: int) -> None:
    await tx.run(
        "UPDATE orders.line SET returned_quantity = returned_quantity + %(quantity)s WHERE id = %(line_id)s",
        line_id=line_id,
        quantity=quantity,
    )


async def save_statuses(tx: Tx, *, order_id: UUID, status: str, payment: str, fulfilment: str) -> None:
    await tx.run(
        """
        UPDATE orders.orders
           SET status = %(status)s, payment_status = %(payment)s, fulfilment_status = %(fulfilment)s
         WHERE id = %(order_id)s
        """,
        order_id=order_id,
        status=status,
        payment=payment,
        fulfilment=fulfilment,
    )


# ── money ─────────────────────────────────────────────────────────────────────────────────────────────────


async def insert_payment(tx: Tx, payment: Payment) -> None:
    await tx.run(
        """
        INSERT INTO orders.payment (id, order_id, purpose, provider, method, amount_minor, currency)
        VALUES (%(id)s, %(order_id)s, %(purpose)s, %(provider)s, %(method)s, %(amount)s, %(currency)s)
        """,
        id=payment.id,
        order_id=payment.order_id,
        purpose=payment.purpose,
        provider=payment.provider,
        method=payment.method,
        amount=payment.amount_minor,
        currency=payment.currency,
    )


async def payments(tx: Tx, *, order_id: UUID) -> list[Payment]:
    """Oldest first."""
    return await tx.every(
        Payment,
        """
        SELECT id, order_id, purpose, provider, method, amount_minor, currency
          FROM orders.payment WHERE order_id = %(order_id)s ORDER BY created_at, id
        """,
        order_id=order_id,
    )


async def payment(tx: Tx, *, id: UUID) -> Payment | None:  # noqa: A002 -- the column's name
    return await tx.first(
        Payment,
        """
        SELECT id, order_id, purpose, provider, method, amount_minor, currency
          FROM orders.payment WHERE id = %(id)s
        """,
        id=id,
    )


async def insert_payment_event(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    payment_id: UUID,
    order_id: UUID,
    kind: str,
    amount_minor: int,
    provider: str,
    reference: str,
    note: str,
    actor: str,
) -> bool:
    """False when the provider's message is known already."""
    inserted = await tx.run(
        """
        INSERT INTO orders.payment_event (id, payment_id, order_id, kind, amount_minor, provider, reference, note, actor)
        VALUES (%(id)s, %(payment_id)s, %(order_id)s, %(kind)s, %(amount)s, %(provider)s, %(reference)s, %(note)s, %(actor)s)
        ON CONFLICT (provider, kind, reference) DO NOTHING
        """,
        id=id,
        payment_id=payment_id,
        order_id=order_id,
        kind=kind,
        amount=amount_minor,
        provider=provider,
        reference=reference,
        note=note,
        actor=actor,
    )
    return inserted == 1


async def payment_events(tx: Tx, *, order_id: UUID) -> list[PaymentEvent]:
    return await tx.every(
        PaymentEvent,
        """
        SELECT e.id, e.payment_id, e.order_id, e.kind, p.purpose, e.amount_minor, e.provider, e.reference, e.note,
               e.actor, e.recorded_at
          FROM orders.payment_event e JOIN orders.payment p ON p.id = e.payment_id
         WHERE e.order_id = %(order_id)s ORDER BY e.recorded_at, e.id
        """,
        order_id=order_id,
    )


async def payment_event_of(tx: Tx, *, provider: str, kind: str, reference: str) -> PaymentEvent | None:
    return await tx.first(
        PaymentEvent,
        """
        SELECT e.id, e.payment_id, e.order_id, e.kind, p.purpose, e.amount_minor, e.provider, e.reference, e.note,
               e.actor, e.recorded_at
          FROM orders.payment_event e JOIN orders.payment p ON p.id = e.payment_id
         WHERE e.provider = %(provider)s AND e.kind = %(kind)s AND e.reference = %(reference)s
        """,
        provider=provider,
        kind=kind,
        reference=reference,
    )


async def recompute_money(tx: Tx, *, order_id: UUID, at: datetime) -> None:
    """The sums on the order are what its payment events say, and `paid_at` when they first covered it."""
    await tx.run(
        """
        UPDATE orders.orders o
           SET charged_minor = s.charged, refund_granted_minor = s.granted, refunded_minor = s.refunded,
               paid_at = CASE WHEN o.paid_at IS NULL AND s.any AND s.charged >= o.total_minor THEN %(at)s
                              ELSE o.paid_at END
          FROM (SELECT coalesce(sum(amount_minor) FILTER (WHERE kind = 'charged'), 0) AS charged,
                       coalesce(sum(amount_minor) FILTER (WHERE kind = 'refund_granted'), 0) AS granted,
                       coalesce(sum(amount_minor) FILTER (WHERE kind = 'refunded'), 0) AS refunded,
                       coalesce(bool_or(kind = 'charged'), false) AS any
                  FROM orders.payment_event WHERE order_id = %(order_id)s) s
         WHERE o.id = %(order_id)s
        """,
        order_id=order_id,
        at=at,
    )


# ── presale ───────────────────────────────────────────────────────────────────────────────────────────────


async def orders_awaiting(
    tx: Tx, *, shop_id: int, variant_id: int, ready_on: date | None, source: str | None = None
) -> list[UUID]:
    """Open orders with lines of this variant that have not arrived.

    `ready_on` None: whatever date they have; `source` None: from whatever lot they come.
    """
    cursor = await tx.connection.execute(
        """
        SELECT o.id FROM orders.orders o
         WHERE o.shop_id = %(shop_id)s AND o.status IN ('placed', 'paid', 'partly_shipped')
           AND EXISTS (SELECT 1 FROM orders.line l
                        WHERE l.order_id = o.id AND l.variant_id = %(variant_id)s AND l.ready_on IS NOT NULL
                          AND l.ready_at IS NULL
                          AND (%(ready_on)s::date IS NULL OR l.ready_on = %(ready_on)s
                               OR l.delayed_to = %(ready_on)s))
           AND (%(source)s::text IS NULL
                OR EXISTS (SELECT 1 FROM stock.v_hold h JOIN stock.v_level v ON v.id = h.level_id
                            WHERE h.id = o.hold_id AND h.variant_id = %(variant_id)s AND v.source = %(source)s))
         ORDER BY o.placed_at, o.id
        """,
        {"shop_id": shop_id, "variant_id": variant_id, "ready_on": ready_on, "source": source},
    )
    return [row[0] for row in await cursor.fetchall()]


async def has_arrived(tx: Tx, *, hold_id: UUID, variant_id: int) -> bool:
    """Whether all units of this variant in this hold stand on a shelf by now.

    Where fewer came than were promised, those who bought first have them.
    """
    return await tx.value(
        """
        SELECT coalesce(bool_and(l.kind = 'on_hand' AND (l.shortfall = 0 OR l.quantity >= (
                 SELECT sum(o.quantity) FROM stock.v_hold o
                  WHERE o.level_id = l.id AND o.state IN ('held', 'allocated')
                    AND (o.granted_at, o.id) <= (h.granted_at, h.id)))), false)
          FROM stock.v_hold h JOIN stock.v_level l ON l.id = h.level_id
         WHERE h.id = %(hold_id)s AND h.variant_id = %(variant_id)s
        """,
        hold_id=hold_id,
        variant_id=variant_id,
    )


async def mark_ready(tx: Tx, *, order_id: UUID, variant_id: int, at: datetime) -> int:
    return await tx.run(
        """
        UPDATE orders.line SET ready_at = %(at)s
         WHERE order_id = %(order_id)s AND variant_id = %(variant_id)s AND ready_on IS NOT NULL AND ready_at IS NULL
        """,
        order_id=order_id,
        variant_id=variant_id,
        at=at,
    )


async def mark_delayed(tx: Tx, *, order_id: UUID, variant_id: int, to: date) -> int:
    return await tx.run(
        """
        UPDATE orders.line SET delayed_to = %(to)s, delay_accepted = false
         WHERE order_id = %(order_id)s AND variant_id = %(variant_id)s AND ready_on IS NOT NULL AND ready_at IS NULL
           AND shipped_quantity < quantity AND %(to)s > ready_on AND delayed_to IS DISTINCT FROM %(to)s
        """,
        order_id=order_id,
        variant_id=variant_id,
        to=to,
    )


async def accept_delays(tx: Tx, *, order_id: UUID) -> int:
    return await tx.run(
        """
        UPDATE orders.line SET delay_accepted = true
         WHERE order_id = %(order_id)s AND delayed_to IS NOT NULL AND NOT delay_accepted
        """,
        order_id=order_id,
    )


async def set_balance_due(tx: Tx, *, order_id: UUID, at: datetime) -> None:
    await tx.run(
        "UPDATE orders.orders SET balance_due_at = %(at)s WHERE id = %(order_id)s AND balance_due_at IS NULL",
        order_id=order_id,
        at=at,
    )


# ── the sweeper ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Key:
    shop_id: int
    id: UUID


async def unfinished(tx: Tx, *, before: datetime, limit: int) -> list[Key]:
    return await tx.every(
        Key,
        """
        SELECT shop_id, id FROM orders.orders
         WHERE status = 'draft' AND created_at < %(before)s ORDER BY created_at LIMIT %(limit)s
        """,
        before=before,
        limit=limit,
    )


async def payment_overdue(tx: Tx, *, at: datetime, limit: int) -> list[Key]:
    return await tx.every(
        Key,
        """
        SELECT shop_id, id FROM orders.orders
         WHERE status = 'placed' AND payment_due_at < %(at)s AND charged_minor < first_minor
         ORDER BY payment_due_at LIMIT %(limit)s
        """,
        at=at,
        limit=limit,
    )


async def balance_overdue(tx: Tx, *, at: datetime, limit: int) -> list[Key]:
    return await tx.every(
        Key,
        """
        SELECT shop_id, id FROM orders.orders
         WHERE status = 'placed' AND balance_due_at < %(at)s AND charged_minor < total_minor
         ORDER BY balance_due_at LIMIT %(limit)s
        """,
        at=at,
        limit=limit,
    )


# ── the line for what is sold out ─────────────────────────────────────────────────────────────────────────


async def insert_waiting(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> list[Waiting]:
    """One place per buyer and variant; who stands there already keeps the place.  Returns the new ones."""
    return await tx.every(
        Waiting,
        """
        WITH wish AS (
          SELECT * FROM unnest(%(ids)s::uuid[], %(shops)s::bigint[], %(variants)s::bigint[], %(offers)s::bigint[],
                               %(shows)s::bigint[], %(buyers)s::uuid[], %(quantities)s::int[], %(prices)s::bigint[],
                               %(currencies)s::text[]) WITH ORDINALITY
                 AS w(id, shop_id, variant_id, offer_id, show_id, buyer, quantity, price, currency, turn)),
        joined AS (
          INSERT INTO orders.waiting (id, shop_id, variant_id, offer_id, show_id, buyer, quantity, unit_price_minor, currency)
          SELECT id, shop_id, variant_id, offer_id, show_id, buyer, quantity, price, currency FROM wish ORDER BY turn
          ON CONFLICT DO NOTHING
          RETURNING *)
        SELECT j.id, j.shop_id, j.variant_id, j.offer_id, j.show_id, j.buyer, j.quantity, j.unit_price_minor,
               j.currency, j.state, j.hold_id, j.claim_until, j.joined_at,
               ((SELECT count(*) FROM orders.waiting w
                  WHERE w.shop_id = j.shop_id AND w.variant_id = j.variant_id AND w.state = 'waiting')
                + row_number() OVER (PARTITION BY j.shop_id, j.variant_id ORDER BY j.turn))::int AS position
          FROM joined j ORDER BY j.turn
        """,
        ids=[row["id"] for row in rows],
        shops=[row["shop_id"] for row in rows],
        variants=[row["variant_id"] for row in rows],
        offers=[row["offer_id"] for row in rows],
        shows=[row["show_id"] for row in rows],
        buyers=[row["buyer"] for row in rows],
        quantities=[row["quantity"] for row in rows],
        prices=[row["unit_price_minor"] for row in rows],
        currencies=[row["currency"] for row in rows],
    )


async def waiting_of(tx: Tx, *, buyer: UUID, shop_id: int | None, variant_id: int | None) -> list[Waiting]:
    """Where this buyer stands now, newest first."""
    return await tx.every(
        Waiting,
        """
        SELECT m.id, m.shop_id, m.variant_id, m.offer_id, m.show_id, m.buyer, m.quantity, m.unit_price_minor, m.currency,
               m.state, m.hold_id, m.claim_until, m.joined_at,
               CASE WHEN m.state = 'waiting' THEN
                 (SELECT count(*) FROM orders.waiting w
                   WHERE w.shop_id = m.shop_id AND w.variant_id = m.variant_id AND w.state = 'waiting'
                     AND w.turn <= m.turn)::int ELSE 0 END AS position
          FROM orders.waiting m
         WHERE m.buyer = %(buyer)s AND (%(shop_id)s::bigint IS NULL OR m.shop_id = %(shop_id)s)
           AND (%(variant_id)s::bigint IS NULL OR m.variant_id = %(variant_id)s)
           AND m.state IN ('waiting', 'offered')
         ORDER BY m.turn DESC LIMIT 100
        """,
        buyer=buyer,
        shop_id=shop_id,
        variant_id=variant_id,
    )


async def waiting(tx: Tx, *, id: UUID) -> Waiting | None:  # noqa: A002 -- the column's name
    return await tx.first(
        Waiting,
        """
        SELECT m.id, m.shop_id, m.variant_id, m.offer_id, m.show_id, m.buyer, m.quantity, m.unit_price_minor, m.currency,
               m.state, m.hold_id, m.claim_until, m.joined_at,
               CASE WHEN m.state = 'waiting' THEN
                 (SELECT count(*) FROM orders.waiting w
                   WHERE w.shop_id = m.shop_id AND w.variant_id = m.variant_id AND w.state = 'waiting'
                     AND w.turn <= m.turn)::int ELSE 0 END AS position
          FROM orders.waiting m WHERE m.id = %(id)s
        """,
        id=id,
    )


async def lock_waiting(tx: Tx, *, shop_id: int, variant_id: int, limit: int) -> list[Waiting]:
    """The head of the line, in order, passing over whom another transaction is just serving."""
    return await tx.every(
        Waiting,
        """
        SELECT id, shop_id, variant_id, offer_id, show_id, buyer, quantity, unit_price_minor, currency, state, hold_id,
               claim_until, joined_at, 0 AS position, turn
          FROM orders.waiting
         WHERE shop_id = %(shop_id)s AND variant_id = %(variant_id)s AND state = 'waiting'
         ORDER BY turn LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        """,
        shop_id=shop_id,
        variant_id=variant_id,
        limit=limit,
    )


async def mark_offered(tx: Tx, *, id: UUID, hold_id: UUID, until: datetime) -> None:  # noqa: A002
    await tx.run(
        """
        UPDATE orders.waiting SET state = 'offered', hold_id = %(hold_id)s, claim_until = %(until)s
         WHERE id = %(id)s AND state = 'waiting'
        """,
        id=id,
        hold_id=hold_id,
        until=until,
    )


async def end_waiting(tx: Tx, *, id: UUID, state: str) -> bool:  # noqa: A002 -- the column's name
    ended = await tx.run(
        """
        UPDATE orders.waiting SET state = %(state)s, ended_at = now()
         WHERE id = %(id)s AND state IN ('waiting', 'offered')
        """,
        id=id,
        state=state,
    )
    return ended == 1


async def offered_by_holds(tx: Tx, *, hold_ids: Sequence[UUID]) -> list[Waiting]:
    return await tx.every(
        Waiting,
        """
        SELECT id, shop_id, variant_id, offer_id, show_id, buyer, quantity, unit_price_minor, currency, state, hold_id,
               claim_until, joined_at, 0 AS position
          FROM orders.waiting WHERE hold_id = ANY(%(hold_ids)s) AND state = 'offered'
        """,
        hold_ids=list(hold_ids),
    )


async def standing(tx: Tx, *, buyers: Sequence[UUID], variants: Sequence[int]) -> dict[tuple[UUID, int], int]:
    """Positions in line, by buyer and variant, of those who are waiting."""
    cursor = await tx.connection.execute(
        """
        WITH asked AS (SELECT DISTINCT * FROM unnest(%(buyers)s::uuid[], %(variants)s::bigint[]) AS a(buyer, variant_id)),
             line AS (SELECT buyer, variant_id, shop_id,
                             row_number() OVER (PARTITION BY shop_id, variant_id ORDER BY turn) AS position
                        FROM orders.waiting
                       WHERE state = 'waiting' AND variant_id IN (SELECT variant_id FROM asked))
        SELECT buyer, variant_id, position::int FROM line JOIN asked USING (buyer, variant_id)
        """,
        {"buyers": list(buyers), "variants": list(variants)},
    )
    return {(buyer, variant_id): position for buyer, variant_id, position in await cursor.fetchall()}


async def lapsed_offers(tx: Tx, *, before: datetime, limit: int) -> list[Waiting]:
    """Offers whose hold has gone another way (it gave way to another purchase of the same buyer)."""
    return await tx.every(
        Waiting,
        """
        SELECT id, shop_id, variant_id, offer_id, show_id, buyer, quantity, unit_price_minor, currency, state, hold_id,
               claim_until, joined_at, 0 AS position
          FROM orders.waiting WHERE state = 'offered' AND claim_until < %(before)s
         ORDER BY claim_until LIMIT %(limit)s
        """,
        before=before,
        limit=limit,
    )


async def variants_waited_for(tx: Tx, *, shop_id: int, variant_ids: Sequence[int]) -> list[int]:
    cursor = await tx.connection.execute(
        """
        SELECT DISTINCT variant_id FROM orders.waiting
         WHERE shop_id = %(shop_id)s AND variant_id = ANY(%(variant_ids)s) AND state = 'waiting' ORDER BY variant_id
        """,
        {"shop_id": shop_id, "variant_ids": list(variant_ids)},
    )
    return [row[0] for row in await cursor.fetchall()]


async def units_waiting(
    tx: Tx, *, shop_id: int, show_id: int | None, variant_ids: Sequence[int]
) -> dict[int, int]:
    """Units in line now, per variant, of those who joined in this show (None: outside any show)."""
    cursor = await tx.connection.execute(
        """
        SELECT variant_id, sum(quantity)::int FROM orders.waiting
         WHERE shop_id = %(shop_id)s AND state = 'waiting' AND variant_id = ANY(%(variant_ids)s)
           AND show_id IS NOT DISTINCT FROM %(show_id)s::bigint
         GROUP BY variant_id
        """,
        {"shop_id": shop_id, "show_id": show_id, "variant_ids": list(variant_ids)},
    )
    found = dict(await cursor.fetchall())
    return {variant_id: found.get(variant_id, 0) for variant_id in variant_ids}


# ── audit ─────────────────────────────────────────────────────────────────────────────────────────────────


async def audit_line_sums(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(o.id::text) FILTER (WHERE o.goods_minor <> l.goods OR o.first_minor <> l.first + o.shipping_minor),
                        '{}') AS offending
          FROM orders.orders o
          JOIN (SELECT order_id, sum(amount_minor) AS goods, sum(first_minor) AS first
                  FROM orders.line GROUP BY order_id) l ON l.order_id = o.id
        """,
    )


async def audit_bundle_sums(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(b.order_id || '/' || b.bundle_id)
                        FILTER (WHERE b.amount_minor IS DISTINCT FROM l.amount), '{}') AS offending
          FROM orders.bundle b
          LEFT JOIN (SELECT order_id, bundle_id, sum(amount_minor) AS amount
                       FROM orders.line WHERE bundle_id IS NOT NULL GROUP BY order_id, bundle_id) l USING (order_id, bundle_id)
        """,
    )


async def audit_payment_sums(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(o.id::text) FILTER (WHERE (o.charged_minor, o.refund_granted_minor, o.refunded_minor)
                 IS DISTINCT FROM (coalesce(e.charged, 0), coalesce(e.granted, 0), coalesce(e.refunded, 0))), '{}') AS offending
          FROM orders.orders o
          LEFT JOIN (SELECT order_id, sum(amount_minor) FILTER (WHERE kind = 'charged') AS charged,
                            sum(amount_minor) FILTER (WHERE kind = 'refund_granted') AS granted,
                            sum(amount_minor) FILTER (WHERE kind = 'refunded') AS refunded
                       FROM orders.payment_event GROUP BY order_id) e ON e.order_id = o.id
        """,
    )


async def audit_overpaid(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(id::text) FILTER (WHERE charged_minor > total_minor), '{}') AS offending
          FROM orders.orders
        """,
    )


async def audit_secured(tx: Tx) -> AuditRow:
    """An order that says its units are promised has an allocated or shipped hold of exactly these units."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(l.order_id || '/' || l.variant_id)
                        FILTER (WHERE h.units IS DISTINCT FROM l.units), '{}') AS offending
          FROM (SELECT o.id AS order_id, o.hold_id, l.variant_id, sum(l.quantity) AS units
                  FROM orders.orders o JOIN orders.line l ON l.order_id = o.id
                 WHERE o.secured GROUP BY o.id, o.hold_id, l.variant_id) l
          LEFT JOIN (SELECT id, variant_id, sum(quantity) AS units FROM stock.v_hold
                      WHERE state IN ('allocated', 'shipped', 'returned') GROUP BY id, variant_id) h
            ON h.id = l.hold_id AND h.variant_id = l.variant_id
        """,
    )


async def audit_allocated(tx: Tx) -> AuditRow:
    """A hold that is allocated belongs to an order that counts on it."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(h.id::text) FILTER (WHERE o.id IS NULL), '{}') AS offending
          FROM (SELECT DISTINCT id FROM stock.v_hold WHERE state = 'allocated') h
          LEFT JOIN orders.orders o ON o.hold_id = h.id AND o.secured
        """,
    )
