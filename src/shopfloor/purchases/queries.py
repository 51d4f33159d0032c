"""SQL of purchases.  One function, one statement; rows come back as the dataclass they fill."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.purchases.models import Waiting


@dataclass(frozen=True, slots=True)
class VariantRow:
    """A variant as the shop sells it on its page now."""

    id: int
    product_id: int
    price_minor: int
    currency: str
    status: str


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
    product_status: str
    keep_until: datetime | None = None
    unpaid_units: int | None = None


async def shop_slug(tx: Tx, *, shop_id: int) -> str | None:
    return await tx.value("SELECT slug FROM accounts.v_shop WHERE id = %(shop_id)s", shop_id=shop_id)


async def variant_shop(tx: Tx, *, variant_id: int) -> int | None:
    return await tx.value("SELECT shop_id FROM catalog.v_variant WHERE id = %(id)s", id=variant_id)


async def offer_lines(tx: Tx, *, offer_id: int) -> list[OfferLineRow]:
    return await tx.every(
        OfferLineRow,
        """
        SELECT o.offer_id, o.show_id, o.shop_id, o.product_id, o.variant_id, o.price_minor, o.currency, o.policy,
               o.hold_seconds, o.limit_per_buyer, o.limit_per_show, o.deposit_percent, o.pool_id, o.show_status,
               v.status AS product_status, o.keep_until, o.unpaid_units
          FROM live.v_offer_line o JOIN catalog.v_variant v ON v.id = o.variant_id
         WHERE o.offer_id = %(offer_id)s
        """,
        offer_id=offer_id,
    )


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
        INSERT INTO purchases.intent (id, shop_id, buyer, offer_id, show_id, pool_id, lines, hash)
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
          FROM purchases.intent WHERE id = %(id)s
        """,
        id=id,
    )


async def insert_waiting(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> list[Waiting]:
    """One place per buyer and variant; who stands there already keeps the place.  Returns the new ones."""
    return await tx.every(
        Waiting,
        """
        INSERT INTO purchases.waiting (id, shop_id, variant_id, offer_id, show_id, buyer, quantity, unit_price_minor, currency, network)
        SELECT id, shop_id, variant_id, offer_id, show_id, buyer, quantity, price, currency, network
          FROM unnest(%(ids)s::uuid[], %(shops)s::bigint[], %(variants)s::bigint[], %(offers)s::bigint[],
                      %(shows)s::bigint[], %(buyers)s::uuid[], %(quantities)s::int[], %(prices)s::bigint[],
                      %(currencies)s::text[], %(networks)s::bigint[]) WITH ORDINALITY
            AS w(id, shop_id, variant_id, offer_id, show_id, buyer, quantity, price, currency, network, asked)
         ORDER BY asked
        ON CONFLICT DO NOTHING
        RETURNING id, shop_id, variant_id, offer_id, show_id, buyer, quantity, unit_price_minor, currency, state, hold_id,
                  claim_until, joined_at, 0 AS position, turn
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
        networks=[row.get("network") for row in rows],
    )


async def positions(
    tx: Tx, *, buyers: Sequence[UUID], variants: Sequence[int]
) -> dict[tuple[UUID, int], int]:
    """Places in line, by buyer and variant, of those who are waiting: the buckets of turns before one's own, and a
    look into that one.  What it costs does not depend on how long the line is.
    """
    cursor = await tx.connection.execute(
        """
        WITH asked AS (SELECT DISTINCT * FROM unnest(%(buyers)s::uuid[], %(variants)s::bigint[]) AS a(buyer, variant_id)),
             own AS MATERIALIZED (
               SELECT w.shop_id, w.variant_id, w.buyer, w.turn >> 8 AS bucket
                 FROM asked JOIN purchases.waiting w ON w.buyer = asked.buyer AND w.variant_id = asked.variant_id
                WHERE w.state = 'waiting'),
             bucket AS MATERIALIZED (
               SELECT o.shop_id, o.variant_id, o.bucket,
                      (SELECT coalesce(sum(c.waiting), 0) FROM generate_series(1, 5) AS l (level)
                        CROSS JOIN LATERAL (
                          SELECT waiting FROM purchases.waiting_count
                           WHERE shop_id = o.shop_id AND variant_id = o.variant_id AND level = l.level
                             AND bucket >= (o.bucket >> (8 * l.level)) << 8
                             AND bucket < o.bucket >> (8 * (l.level - 1))) AS c) AS ahead
                 FROM (SELECT DISTINCT shop_id, variant_id, bucket FROM own) AS o),
             placed AS (
               SELECT w.shop_id, w.variant_id, w.buyer,
                      b.ahead + row_number() OVER (PARTITION BY b.shop_id, b.variant_id, b.bucket ORDER BY w.turn) AS position
                 FROM bucket b
                CROSS JOIN LATERAL (
                  SELECT shop_id, variant_id, buyer, turn FROM purchases.waiting
                   WHERE shop_id = b.shop_id AND variant_id = b.variant_id AND state = 'waiting'
                     AND turn >= b.bucket << 8 AND turn < (b.bucket + 1) << 8) AS w)
        SELECT buyer, variant_id, position::int FROM placed JOIN own USING (shop_id, variant_id, buyer)
        """,
        {"buyers": list(buyers), "variants": list(variants)},
    )
    return {(buyer, variant_id): position for buyer, variant_id, position in await cursor.fetchall()}


async def waiting_of(tx: Tx, *, buyer: UUID, shop_id: int | None, variant_id: int | None) -> list[Waiting]:
    """Where this buyer stands now, newest first; positions are looked up by `positions`."""
    return await tx.every(
        Waiting,
        """
        SELECT id, shop_id, variant_id, offer_id, show_id, buyer, quantity, unit_price_minor, currency, state, hold_id,
               claim_until, joined_at, 0 AS position, turn
          FROM purchases.waiting
         WHERE buyer = %(buyer)s AND (%(shop_id)s::bigint IS NULL OR shop_id = %(shop_id)s)
           AND (%(variant_id)s::bigint IS NULL OR variant_id = %(variant_id)s)
           AND state IN ('waiting', 'offered')
         ORDER BY turn DESC
        """,
        buyer=buyer,
        shop_id=shop_id,
        variant_id=variant_id,
    )


@dataclass(frozen=True, slots=True)
class Waiter:
    buyer: UUID
    shop_id: int


async def waiters(tx: Tx, *, buyers: Sequence[UUID]) -> list[Waiter]:
    return await tx.every(
        Waiter,
        """
        SELECT DISTINCT buyer, shop_id FROM purchases.waiting
         WHERE buyer = ANY(%(buyers)s::uuid[]) AND state IN ('waiting', 'offered')
        """,
        buyers=list(buyers),
    )


async def waiting(tx: Tx, *, id: UUID) -> Waiting | None:  # noqa: A002 -- the column's name
    return await tx.first(
        Waiting,
        """
        SELECT id, shop_id, variant_id, offer_id, show_id, buyer, quantity, unit_price_minor, currency, state, hold_id,
               claim_until, joined_at, 0 AS position, turn
          FROM purchases.waiting WHERE id = %(id)s
        """,
        id=id,
    )


async def lock_waiting(
    tx: Tx, *, shop_id: int, variant_id: int, limit: int, without: Sequence[int] = ()
) -> list[Waiting]:
    """The head of the line, in order, passing over whom another transaction is just serving, and these networks."""
    return await tx.every(
        Waiting,
        """
        SELECT id, shop_id, variant_id, offer_id, show_id, buyer, quantity, unit_price_minor, currency, state, hold_id,
               claim_until, joined_at, 0 AS position, turn, network
          FROM purchases.waiting
         WHERE shop_id = %(shop_id)s AND variant_id = %(variant_id)s AND state = 'waiting'
           AND (network IS NULL OR network <> ALL(%(without)s::bigint[]))
         ORDER BY turn LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        """,
        shop_id=shop_id,
        variant_id=variant_id,
        limit=limit,
        without=list(without),
    )


async def mark_offered(tx: Tx, *, id: UUID, hold_id: UUID, until: datetime) -> None:  # noqa: A002
    await tx.run(
        """
        UPDATE purchases.waiting SET state = 'offered', hold_id = %(hold_id)s, claim_until = %(until)s
         WHERE id = %(id)s AND state = 'waiting'
        """,
        id=id,
        hold_id=hold_id,
        until=until,
    )


async def end_waiting(tx: Tx, *, id: UUID, state: str) -> bool:  # noqa: A002 -- the column's name
    ended = await tx.run(
        """
        UPDATE purchases.waiting SET state = %(state)s, ended_at = now(), network = NULL
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
          FROM purchases.waiting WHERE hold_id = ANY(%(hold_ids)s) AND state = 'offered'
        """,
        hold_ids=list(hold_ids),
    )


async def lapsed_offers(tx: Tx, *, before: datetime, limit: int) -> list[Waiting]:
    """Offers whose hold has gone another way (it gave way to another purchase of the same buyer)."""
    return await tx.every(
        Waiting,
        """
        SELECT id, shop_id, variant_id, offer_id, show_id, buyer, quantity, unit_price_minor, currency, state, hold_id,
               claim_until, joined_at, 0 AS position
          FROM purchases.waiting WHERE state = 'offered' AND claim_until < %(before)s
         ORDER BY claim_until LIMIT %(limit)s
        """,
        before=before,
        limit=limit,
    )


async def variants_waited_for(tx: Tx, *, shop_id: int, variant_ids: Sequence[int]) -> list[int]:
    cursor = await tx.connection.execute(
        """
        SELECT variant_id FROM unnest(%(variant_ids)s::bigint[]) AS v (variant_id)
         WHERE EXISTS (SELECT FROM purchases.waiting AS w
                        WHERE w.shop_id = %(shop_id)s AND w.variant_id = v.variant_id AND w.state = 'waiting')
         ORDER BY variant_id
        """,
        {"shop_id": shop_id, "variant_ids": sorted(set(variant_ids))},
    )
    return [row[0] for row in await cursor.fetchall()]


async def units_waiting(
    tx: Tx, *, shop_id: int, show_id: int | None, variant_ids: Sequence[int]
) -> dict[int, int]:
    """Units in line now, per variant, of those who joined in this show (None: outside any show)."""
    cursor = await tx.connection.execute(
        """
        SELECT variant_id, units FROM purchases.waiting_units
         WHERE shop_id = %(shop_id)s AND show_id = coalesce(%(show_id)s::bigint, 0)
           AND variant_id = ANY(%(variant_ids)s)
        """,
        {"shop_id": shop_id, "show_id": show_id, "variant_ids": list(variant_ids)},
    )
    units = dict(await cursor.fetchall())
    return {variant_id: units.get(variant_id, 0) for variant_id in variant_ids}


async def variants(tx: Tx, *, shop_id: int, ids: Sequence[int]) -> list[VariantRow]:
    return await tx.every(
        VariantRow,
        """
        SELECT id, product_id, price_minor, currency, status
          FROM catalog.v_variant WHERE shop_id = %(shop_id)s AND id = ANY(%(ids)s)
        """,
        shop_id=shop_id,
        ids=list(ids),
    )


async def claim_seconds(tx: Tx, *, shop_id: int) -> int | None:
    return await tx.value(
        "SELECT claim_seconds FROM purchases.waitlist_terms WHERE shop_id = %(shop_id)s", shop_id=shop_id
    )


async def save_claim_seconds(tx: Tx, *, shop_id: int, seconds: int) -> None:
    await tx.run(
        """
        INSERT INTO purchases.waitlist_terms (shop_id, claim_seconds) VALUES (%(shop_id)s, %(seconds)s)
        ON CONFLICT (shop_id) DO UPDATE SET claim_seconds = excluded.claim_seconds
        """,
        shop_id=shop_id,
        seconds=seconds,
    )


async def most_per_buyer(tx: Tx, *, shop_id: int) -> int | None:
    return await tx.value(
        "SELECT units FROM purchases.most_per_buyer WHERE shop_id = %(shop_id)s", shop_id=shop_id
    )


async def save_most_per_buyer(tx: Tx, *, shop_id: int, units: int) -> None:
    await tx.run(
        """
        INSERT INTO purchases.most_per_buyer (shop_id, units) VALUES (%(shop_id)s, %(units)s)
        ON CONFLICT (shop_id) DO UPDATE SET units = excluded.units
        """,
        shop_id=shop_id,
        units=units,
    )
