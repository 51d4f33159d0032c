"""SQL of promotions.  One function, one statement; rows come back as the dataclass they fill."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.promotions.models import Code, Discount

_DISCOUNT: Final[LiteralString] = """
    SELECT d.id, d.title, d.method, d.kind, d.currency, d.level, d.percent, d.amount_minor, d.every_minor, d.steps,
           d.minimum_minor, d.minimum_quantity, d.cap_minor,
           ARRAY(SELECT p.product_id FROM promotions.discount_product p
                  WHERE p.shop_id = d.shop_id AND p.discount_id = d.id ORDER BY p.product_id) AS product_ids,
           d.show_id, d.first_order, d.starts_at, d.ends_at, d.priority, d.combines, d.paused, d.per_buyer, d.slug,
           a.most_uses, a.uses, a.budget_minor, a.spent_minor, a.most_claims, a.claims
      FROM promotions.discount d JOIN promotions.allowance a ON a.discount_id = d.id
"""


async def lock(tx: Tx, *, shop_id: int) -> None:
    """Changes to the discounts of one shop come one after the other; orders use them meanwhile."""
    await tx.value(
        "SELECT pg_advisory_xact_lock(hashtextextended('promotions.discounts', %(shop_id)s))", shop_id=shop_id
    )


async def count(tx: Tx, *, shop_id: int) -> int:
    return await tx.value(
        "SELECT count(*)::int FROM promotions.discount WHERE shop_id = %(shop_id)s", shop_id=shop_id
    )


async def insert(tx: Tx, *, shop_id: int, wanted: Discount) -> int:
    return await tx.value(
        """
        INSERT INTO promotions.discount (shop_id, title, method, kind, level, percent, amount_minor, every_minor, steps,
                                         minimum_minor, minimum_quantity, cap_minor, show_id, first_order, starts_at,
                                         ends_at, priority, combines, paused, per_buyer, currency, slug)
        VALUES (%(shop_id)s, %(title)s, %(method)s, %(kind)s, %(level)s, %(percent)s, %(amount)s, %(every)s, %(steps)s,
                %(minimum)s, %(minimum_quantity)s, %(cap)s, %(show_id)s, %(first_order)s, %(starts_at)s, %(ends_at)s,
                %(priority)s, %(combines)s, %(paused)s, %(per_buyer)s, %(currency)s, %(slug)s)
        RETURNING id
        """,
        **_values(shop_id, wanted),
    )


async def update(tx: Tx, *, shop_id: int, wanted: Discount) -> bool:
    return bool(
        await tx.run(
            """
            UPDATE promotions.discount
               SET title = %(title)s, method = %(method)s, kind = %(kind)s, level = %(level)s, percent = %(percent)s,
                   amount_minor = %(amount)s, every_minor = %(every)s, steps = %(steps)s, minimum_minor = %(minimum)s,
                   minimum_quantity = %(minimum_quantity)s, cap_minor = %(cap)s, show_id = %(show_id)s,
                   first_order = %(first_order)s, starts_at = %(starts_at)s, ends_at = %(ends_at)s,
                   priority = %(priority)s, combines = %(combines)s, paused = %(paused)s, per_buyer = %(per_buyer)s,
                   currency = %(currency)s, slug = %(slug)s
             WHERE shop_id = %(shop_id)s AND id = %(id)s
            """,
            id=wanted.id,
            **_values(shop_id, wanted),
        )
    )


def _values(shop_id: int, wanted: Discount) -> dict[str, object]:
    return {
        "shop_id": shop_id,
        "title": wanted.title,
        "method": wanted.method,
        "kind": wanted.kind,
        "level": wanted.level,
        "percent": wanted.percent,
        "amount": wanted.amount_minor,
        "every": wanted.every_minor,
        "steps": Jsonb(wanted.steps),
        "minimum": wanted.minimum_minor,
        "minimum_quantity": wanted.minimum_quantity,
        "cap": wanted.cap_minor,
        "show_id": wanted.show_id,
        "first_order": wanted.first_order,
        "starts_at": wanted.starts_at,
        "ends_at": wanted.ends_at,
        "priority": wanted.priority,
        "combines": wanted.combines,
        "paused": wanted.paused,
        "per_buyer": wanted.per_buyer,
        "currency": wanted.currency,
        "slug": wanted.slug,
    }


async def save_limits(tx: Tx, *, shop_id: int, wanted: Discount) -> None:
    """Violates a CHECK where more was used already."""
    await tx.run(
        """
        INSERT INTO promotions.allowance (shop_id, discount_id, most_uses, budget_minor, most_claims)
        VALUES (%(shop_id)s, %(id)s, %(most_uses)s, %(budget)s, %(most_claims)s)
        ON CONFLICT (discount_id) DO UPDATE
          SET most_uses = excluded.most_uses, budget_minor = excluded.budget_minor, most_claims = excluded.most_claims
        """,
        shop_id=shop_id,
        id=wanted.id,
        most_uses=wanted.most_uses,
        budget=wanted.budget_minor,
        most_claims=wanted.most_claims,
    )


async def drop_products(tx: Tx, *, shop_id: int, discount_id: int) -> None:
    await tx.run(
        "DELETE FROM promotions.discount_product WHERE shop_id = %(shop_id)s AND discount_id = %(id)s",
        shop_id=shop_id,
        id=discount_id,
    )


async def insert_products(tx: Tx, *, shop_id: int, discount_id: int, product_ids: Sequence[int]) -> None:
    await tx.run(
        """
        INSERT INTO promotions.discount_product (shop_id, discount_id, product_id)
        SELECT %(shop_id)s, %(id)s, unnest(%(products)s::bigint[])
        """,
        shop_id=shop_id,
        id=discount_id,
        products=list(product_ids),
    )


async def set_paused(tx: Tx, *, shop_id: int, discount_id: int, paused: bool) -> bool:
    return bool(
        await tx.run(
            "UPDATE promotions.discount SET paused = %(paused)s WHERE shop_id = %(shop_id)s AND id = %(id)s",
            shop_id=shop_id,
            id=discount_id,
            paused=paused,
        )
    )


async def has_history(tx: Tx, *, discount_id: int) -> bool:
    return await tx.value(
        """
        SELECT EXISTS (SELECT FROM promotions.use WHERE discount_id = %(id)s)
            OR EXISTS (SELECT FROM promotions.claim WHERE discount_id = %(id)s)
        """,
        id=discount_id,
    )


async def drop_codes(tx: Tx, *, shop_id: int, discount_id: int) -> None:
    await tx.run(
        "DELETE FROM promotions.code WHERE shop_id = %(shop_id)s AND discount_id = %(id)s",
        shop_id=shop_id,
        id=discount_id,
    )


async def drop_allowance(tx: Tx, *, discount_id: int) -> None:
    await tx.run("DELETE FROM promotions.allowance WHERE discount_id = %(id)s", id=discount_id)


async def drop(tx: Tx, *, shop_id: int, discount_id: int) -> None:
    await tx.run(
        "DELETE FROM promotions.discount WHERE shop_id = %(shop_id)s AND id = %(id)s",
        shop_id=shop_id,
        id=discount_id,
    )


async def discount(tx: Tx, *, shop_id: int, discount_id: int) -> Discount | None:
    return await tx.first(
        Discount,
        _DISCOUNT + " WHERE d.shop_id = %(shop_id)s AND d.id = %(id)s",
        shop_id=shop_id,
        id=discount_id,
    )


async def by_slug(tx: Tx, *, shop_id: int, slug: str) -> Discount | None:
    return await tx.first(
        Discount,
        _DISCOUNT + " WHERE d.shop_id = %(shop_id)s AND d.slug = %(slug)s",
        shop_id=shop_id,
        slug=slug,
    )


async def discounts(
    tx: Tx,
    *,
    shop_id: int,
    pattern: str,
    key: str,
    state: str | None,
    at: datetime,
    after: int | None,
    before: int | None,
    limit: int,
) -> list[Discount]:
    """Newest first; `pattern` of its title (for ILIKE), or the `key` of one of its codes."""
    return await tx.every(
        Discount,
        _DISCOUNT
        + """
         WHERE d.shop_id = %(shop_id)s
           AND (%(pattern)s::text = '' OR normalize(d.title, NFKC) ILIKE %(pattern)s
                OR EXISTS (SELECT FROM promotions.code c
                            WHERE c.shop_id = d.shop_id AND c.discount_id = d.id AND starts_with(c.key, %(key)s)))
           AND (%(state)s::text IS NULL OR %(state)s = CASE
                 WHEN d.paused THEN 'paused' WHEN d.ends_at <= %(at)s THEN 'ended'
                 WHEN a.uses >= a.most_uses OR a.spent_minor >= a.budget_minor THEN 'used_up'
                 WHEN d.starts_at > %(at)s THEN 'scheduled' ELSE 'active' END)
           AND (%(after)s::bigint IS NULL OR d.id < %(after)s) AND (%(before)s::bigint IS NULL OR d.id > %(before)s)
         ORDER BY CASE WHEN %(before)s::bigint IS NULL THEN -d.id ELSE d.id END LIMIT %(limit)s
        """,
        shop_id=shop_id,
        pattern=pattern,
        key=key,
        state=state,
        at=at,
        after=after,
        before=before,
        limit=limit,
    )


@dataclass(frozen=True, slots=True)
class CodesOf:
    discount_id: int
    codes: int
    code: str


async def codes_of(tx: Tx, *, shop_id: int, ids: Sequence[int]) -> dict[int, CodesOf]:
    """By discount, how many codes it has and one of them."""
    found = await tx.every(
        CodesOf,
        """
        SELECT discount_id, count(*)::int AS codes, (array_agg(written ORDER BY key))[1] AS code FROM promotions.code
         WHERE shop_id = %(shop_id)s AND discount_id = ANY(%(ids)s::bigint[]) GROUP BY discount_id
        """,
        shop_id=shop_id,
        ids=list(ids),
    )
    return {each.discount_id: each for each in found}


# ── codes ─────────────────────────────────────────────────────────────────────────────────────────────────


async def insert_codes(
    tx: Tx, *, shop_id: int, discount_id: int, codes: Mapping[str, str], most_uses: int | None
) -> list[str]:
    """Codes by their key; returns the keys that were free."""
    cursor = await tx.connection.execute(
        """
        INSERT INTO promotions.code (shop_id, key, written, discount_id, most_uses)
        SELECT %(shop_id)s, key, written, %(id)s, %(most_uses)s
          FROM unnest(%(keys)s::text[], %(written)s::text[]) AS u (key, written)
        ON CONFLICT (shop_id, key) DO NOTHING RETURNING key
        """,
        {
            "shop_id": shop_id,
            "id": discount_id,
            "most_uses": most_uses,
            "keys": list(codes),
            "written": list(codes.values()),
        },
    )
    return [row[0] for row in await cursor.fetchall()]


async def drop_code(tx: Tx, *, shop_id: int, discount_id: int, key: str) -> bool:
    """Not one that an order has used."""
    return bool(
        await tx.run(
            """
            DELETE FROM promotions.code c
             WHERE c.shop_id = %(shop_id)s AND c.discount_id = %(id)s AND c.key = %(key)s
               AND NOT EXISTS (SELECT FROM promotions.use u WHERE u.shop_id = c.shop_id AND u.code_key = c.key)
            """,
            shop_id=shop_id,
            id=discount_id,
            key=key,
        )
    )


async def codes(
    tx: Tx, *, shop_id: int, discount_id: int, after: str | None, before: str | None, limit: int
) -> list[Code]:
    if before is not None:
        return await tx.every(
            Code,
            """
            SELECT key, written, most_uses, uses FROM promotions.code
             WHERE shop_id = %(shop_id)s AND discount_id = %(id)s AND key < %(before)s ORDER BY key DESC LIMIT %(limit)s
            """,
            shop_id=shop_id,
            id=discount_id,
            before=before,
            limit=limit,
        )
    return await tx.every(
        Code,
        """
        SELECT key, written, most_uses, uses FROM promotions.code
         WHERE shop_id = %(shop_id)s AND discount_id = %(id)s AND key > %(after)s ORDER BY key LIMIT %(limit)s
        """,
        shop_id=shop_id,
        id=discount_id,
        after=after or "",
        limit=limit,
    )


# ── what an order may have ────────────────────────────────────────────────────────────────────────────────


async def automatic(tx: Tx, *, shop_id: int, buyers: Sequence[UUID], at: datetime) -> list[Discount]:
    """Those that need no code: for everybody, and of coupons those that one of these has claimed and not used."""
    return await tx.every(
        Discount,
        _DISCOUNT
        + """
         WHERE d.shop_id = %(shop_id)s AND NOT d.paused
           AND (d.starts_at IS NULL OR d.starts_at <= %(at)s) AND (d.ends_at IS NULL OR d.ends_at > %(at)s)
           AND (d.method = 'automatic' OR (d.method = 'coupon' AND EXISTS (
                 SELECT FROM promotions.claim c
                  WHERE c.discount_id = d.id AND c.buyer = ANY(%(buyers)s::uuid[]) AND c.used_by IS NULL)))
         ORDER BY d.id
        """,
        shop_id=shop_id,
        buyers=list(buyers),
        at=at,
    )


async def unused_claims(tx: Tx, *, ids: Sequence[int], buyers: Sequence[UUID]) -> set[tuple[UUID, int]]:
    """(buyer, coupon) of those that these have claimed and not used."""
    cursor = await tx.connection.execute(
        """
        SELECT buyer, discount_id FROM promotions.claim
         WHERE discount_id = ANY(%(ids)s::bigint[]) AND buyer = ANY(%(buyers)s::uuid[]) AND used_by IS NULL
        """,
        {"ids": list(ids), "buyers": list(buyers)},
    )
    return set(await cursor.fetchall())


@dataclass(frozen=True, slots=True)
class CodeOf:
    key: str
    written: str
    discount_id: int
    is_used_up: bool


async def codes_by_key(tx: Tx, *, shop_id: int, keys: Sequence[str]) -> list[CodeOf]:
    return await tx.every(
        CodeOf,
        """
        SELECT key, written, discount_id, coalesce(uses >= most_uses, false) AS is_used_up FROM promotions.code
         WHERE shop_id = %(shop_id)s AND key = ANY(%(keys)s::text[])
        """,
        shop_id=shop_id,
        keys=list(keys),
    )


async def by_ids(tx: Tx, *, shop_id: int, ids: Sequence[int]) -> list[Discount]:
    return await tx.every(
        Discount,
        _DISCOUNT
        + """
         WHERE d.shop_id = %(shop_id)s AND d.id = ANY(%(ids)s::bigint[]) ORDER BY d.id
        """,
        shop_id=shop_id,
        ids=list(ids),
    )


async def uses_of_orders(tx: Tx, *, discount_ids: Sequence[int], order_ids: Sequence[UUID]) -> dict[int, int]:
    """By discount, in how many of these orders it counts."""
    cursor = await tx.connection.execute(
        """
        SELECT discount_id, count(*)::int FROM promotions.use
         WHERE discount_id = ANY(%(discounts)s::bigint[]) AND order_id = ANY(%(orders)s::uuid[])
           AND returned_at IS NULL
         GROUP BY discount_id
        """,
        {"discounts": list(discount_ids), "orders": list(order_ids)},
    )
    return dict(await cursor.fetchall())


# ── using ─────────────────────────────────────────────────────────────────────────────────────────────────


# ── claiming ──────────────────────────────────────────────────────────────────────────────────────────────
