"""SQL of what is used of discounts: allowances, codes, claims, and uses by orders.  One function, one statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import msgspec
from psycopg.types.json import Json

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.promotions.models import Use


@dataclass(frozen=True, slots=True)
class Allowance:
    discount_id: int
    title: str
    method: str
    first_order: bool
    per_buyer: int | None
    most_uses: int | None
    uses: int
    budget_minor: int | None
    spent_minor: int


async def lock_allowances(tx: Tx, *, shop_id: int, ids: Sequence[int]) -> dict[int, Allowance]:
    """In one order, so that two who use the same do not wait for each other for ever."""
    found = await tx.every(
        Allowance,
        """
        SELECT a.discount_id, d.title, d.method, d.first_order, d.per_buyer, a.most_uses, a.uses, a.budget_minor,
               a.spent_minor
          FROM promotions.allowance a JOIN promotions.discount d ON d.id = a.discount_id
         WHERE a.shop_id = %(shop_id)s AND a.discount_id = ANY(%(ids)s::bigint[])
         ORDER BY a.discount_id FOR NO KEY UPDATE OF a
        """,
        shop_id=shop_id,
        ids=list(ids),
    )
    return {each.discount_id: each for each in found}


async def add_uses(tx: Tx, *, spent: Mapping[int, tuple[int, int]]) -> None:
    """Of locked allowances, by discount: so many uses, that came to so much."""
    await tx.run(
        """
        UPDATE promotions.allowance AS a SET uses = a.uses + u.uses, spent_minor = a.spent_minor + u.amount
          FROM unnest(%(ids)s::bigint[], %(uses)s::int[], %(amounts)s::bigint[]) AS u (id, uses, amount)
         WHERE a.discount_id = u.id
        """,
        ids=list(spent),
        uses=[uses for uses, _ in spent.values()],
        amounts=[minor for _, minor in spent.values()],
    )


async def uses_left(tx: Tx, *, shop_id: int, keys: Sequence[str]) -> dict[str, int | None]:
    """How often these codes can still be used; None for as often as one likes."""
    cursor = await tx.connection.execute(
        """
        SELECT key, CASE WHEN most_uses IS NOT NULL THEN greatest(0, most_uses - uses) END FROM promotions.code
         WHERE shop_id = %(shop_id)s AND key = ANY(%(keys)s::text[])
        """,
        {"shop_id": shop_id, "keys": list(keys)},
    )
    return dict(await cursor.fetchall())


async def use_codes(tx: Tx, *, shop_id: int, uses: Mapping[str, int]) -> int:
    """How many of these codes had so many uses left."""
    return await tx.run(
        """
        UPDATE promotions.code AS c SET uses = c.uses + u.uses
          FROM unnest(%(keys)s::text[], %(uses)s::int[]) AS u (key, uses)
         WHERE c.shop_id = %(shop_id)s AND c.key = u.key AND (c.most_uses IS NULL OR c.uses + u.uses <= c.most_uses)
        """,
        shop_id=shop_id,
        keys=list(uses),
        uses=list(uses.values()),
    )


async def use_claims(tx: Tx, *, claims: Sequence[tuple[int, UUID, UUID]]) -> int:
    """(coupon, buyer, order): how many of these coupons their buyers had, unused."""
    return await tx.run(
        """
        UPDATE promotions.claim AS c SET used_by = u.order_id
          FROM unnest(%(ids)s::bigint[], %(buyers)s::uuid[], %(order_ids)s::uuid[]) AS u (id, buyer, order_id)
         WHERE c.discount_id = u.id AND c.buyer = u.buyer AND c.used_by IS NULL
        """,
        ids=[each[0] for each in claims],
        buyers=[each[1] for each in claims],
        order_ids=[each[2] for each in claims],
    )


async def codes_left(tx: Tx, *, shop_id: int, keys: Sequence[str]) -> int:
    return await tx.value(
        """
        SELECT count(*)::int FROM promotions.code
         WHERE shop_id = %(shop_id)s AND key = ANY(%(keys)s::text[]) AND (most_uses IS NULL OR uses < most_uses)
        """,
        shop_id=shop_id,
        keys=list(keys),
    )


async def claims_left(tx: Tx, *, ids: Sequence[int], buyer: UUID) -> int:
    return await tx.value(
        """
        SELECT count(*)::int FROM promotions.claim
         WHERE discount_id = ANY(%(ids)s::bigint[]) AND buyer = %(buyer)s AND used_by IS NULL
        """,
        ids=list(ids),
        buyer=buyer,
    )


async def insert_uses(tx: Tx, *, shop_id: int, rows: Sequence[Mapping[str, object]]) -> None:
    """`order_id`, `discount_id`, `buyer`, `code_key`, `amount_minor`."""
    await tx.run(
        """
        INSERT INTO promotions.use (order_id, discount_id, shop_id, buyer, code_key, amount_minor)
        SELECT order_id, discount_id, %(shop_id)s, buyer, code_key, amount_minor
          FROM jsonb_to_recordset(%(rows)s::jsonb)
               AS u (order_id uuid, discount_id bigint, buyer uuid, code_key text, amount_minor bigint)
        """,
        shop_id=shop_id,
        rows=Json(rows, dumps=msgspec.json.encode),
    )


@dataclass(frozen=True, slots=True)
class UseRow:
    discount_id: int
    buyer: UUID
    code_key: str | None
    amount_minor: int


async def uses_of(tx: Tx, *, shop_id: int, order_id: UUID, returned: bool) -> list[UseRow]:
    return await tx.every(
        UseRow,
        """
        SELECT discount_id, buyer, code_key, amount_minor FROM promotions.use
         WHERE shop_id = %(shop_id)s AND order_id = %(order_id)s AND (returned_at IS NOT NULL) = %(returned)s
         ORDER BY discount_id
        """,
        shop_id=shop_id,
        order_id=order_id,
        returned=returned,
    )


async def give_back(tx: Tx, *, order_id: UUID) -> None:
    """What was not given back yet: uses, money, codes and coupons, all by the rows that are marked here."""
    await tx.run(
        """
        WITH back AS (
          UPDATE promotions.use SET returned_at = now() WHERE order_id = %(order_id)s AND returned_at IS NULL
          RETURNING shop_id, discount_id, code_key, amount_minor),
        counted AS (
          UPDATE promotions.allowance AS a SET uses = a.uses - 1, spent_minor = a.spent_minor - b.amount_minor
            FROM back b WHERE a.discount_id = b.discount_id),
        unclaimed AS (
          UPDATE promotions.claim AS c SET used_by = NULL
            FROM back b WHERE c.discount_id = b.discount_id AND c.used_by = %(order_id)s)
        UPDATE promotions.code AS c SET uses = c.uses - 1
          FROM back b WHERE c.shop_id = b.shop_id AND c.key = b.code_key
        """,
        order_id=order_id,
    )


async def written(tx: Tx, *, shop_id: int, keys: Sequence[str]) -> dict[str, str]:
    """Codes as they are shown, by key."""
    cursor = await tx.connection.execute(
        "SELECT key, written FROM promotions.code WHERE shop_id = %(shop_id)s AND key = ANY(%(keys)s::text[])",
        {"shop_id": shop_id, "keys": list(keys)},
    )
    return dict(await cursor.fetchall())


async def drop_uses(tx: Tx, *, order_id: UUID, ids: Sequence[int]) -> None:
    """As if these discounts had never been in the order: uses, money, codes and coupons."""
    await tx.run(
        """
        WITH back AS (
          DELETE FROM promotions.use
           WHERE order_id = %(order_id)s AND discount_id = ANY(%(ids)s::bigint[]) AND returned_at IS NULL
          RETURNING shop_id, discount_id, code_key, amount_minor),
        counted AS (
          UPDATE promotions.allowance AS a SET uses = a.uses - 1, spent_minor = a.spent_minor - b.amount_minor
            FROM back b WHERE a.discount_id = b.discount_id),
        unclaimed AS (
          UPDATE promotions.claim AS c SET used_by = NULL
            FROM back b WHERE c.discount_id = b.discount_id AND c.used_by = %(order_id)s)
        UPDATE promotions.code AS c SET uses = c.uses - 1
          FROM back b WHERE c.shop_id = b.shop_id AND c.key = b.code_key
        """,
        order_id=order_id,
        ids=list(ids),
    )


async def change_uses(tx: Tx, *, order_id: UUID, amounts: Mapping[int, int]) -> None:
    """So much of each discount {id: minor units} is used, whatever it was before."""
    await tx.run(
        """
        WITH wanted AS (
          SELECT n.id, n.amount, u.amount_minor AS was
            FROM unnest(%(ids)s::bigint[], %(amounts)s::bigint[]) AS n (id, amount)
            JOIN promotions.use u ON u.discount_id = n.id AND u.order_id = %(order_id)s AND u.returned_at IS NULL),
        spent AS (
          UPDATE promotions.allowance AS a SET spent_minor = a.spent_minor + w.amount - w.was
            FROM wanted w WHERE a.discount_id = w.id)
        UPDATE promotions.use AS u SET amount_minor = w.amount
          FROM wanted w WHERE u.order_id = %(order_id)s AND u.discount_id = w.id
        """,
        order_id=order_id,
        ids=list(amounts),
        amounts=list(amounts.values()),
    )


async def count_again(tx: Tx, *, order_id: UUID) -> None:
    await tx.run(
        "UPDATE promotions.use SET returned_at = NULL WHERE order_id = %(order_id)s AND returned_at IS NOT NULL",
        order_id=order_id,
    )


_USE: Final[LiteralString] = """
    SELECT u.order_id, u.amount_minor, c.written AS code, u.taken_at, u.returned_at
      FROM promotions.use u LEFT JOIN promotions.code c ON c.shop_id = u.shop_id AND c.key = u.code_key
"""


async def uses(
    tx: Tx, *, shop_id: int, discount_id: int, after: UUID | None, before: UUID | None, limit: int
) -> list[Use]:
    """The newest first: ids of orders say when they were made."""
    if before is not None:
        return await tx.every(
            Use,
            _USE
            + """
             WHERE u.shop_id = %(shop_id)s AND u.discount_id = %(id)s AND u.order_id > %(before)s
             ORDER BY u.order_id LIMIT %(limit)s
            """,
            shop_id=shop_id,
            id=discount_id,
            before=before,
            limit=limit,
        )
    return await tx.every(
        Use,
        _USE
        + """
         WHERE u.shop_id = %(shop_id)s AND u.discount_id = %(id)s
           AND (%(after)s::uuid IS NULL OR u.order_id < %(after)s::uuid)
         ORDER BY u.order_id DESC LIMIT %(limit)s
        """,
        shop_id=shop_id,
        id=discount_id,
        after=after,
        limit=limit,
    )


async def lock_claims(tx: Tx, *, discount_id: int) -> tuple[int | None, int] | None:
    """How many may be claimed, and how many were."""
    cursor = await tx.connection.execute(
        """
        SELECT most_claims, claims FROM promotions.allowance WHERE discount_id = %(id)s FOR NO KEY UPDATE
        """,
        {"id": discount_id},
    )
    return await cursor.fetchone()


async def claimed_by(tx: Tx, *, discount_id: int, buyers: Sequence[UUID]) -> set[UUID]:
    cursor = await tx.connection.execute(
        """
        SELECT buyer FROM promotions.claim WHERE discount_id = %(id)s AND buyer = ANY(%(buyers)s::uuid[])
        """,
        {"id": discount_id, "buyers": list(buyers)},
    )
    return {row[0] for row in await cursor.fetchall()}


async def insert_claims(tx: Tx, *, shop_id: int, discount_id: int, buyers: Sequence[UUID]) -> None:
    """And count them."""
    await tx.run(
        """
        WITH claimed AS (
          INSERT INTO promotions.claim (shop_id, discount_id, buyer)
          SELECT %(shop_id)s, %(id)s, unnest(%(buyers)s::uuid[]) RETURNING 1)
        UPDATE promotions.allowance SET claims = claims + (SELECT count(*) FROM claimed) WHERE discount_id = %(id)s
        """,
        shop_id=shop_id,
        id=discount_id,
        buyers=list(buyers),
    )


async def lock_allowances_of(tx: Tx, *, shop_id: int, buyer: UUID) -> None:
    """Of the coupons this buyer has claimed and not used: nobody claims one of them meanwhile."""
    await tx.run(
        """
        SELECT FROM promotions.allowance
         WHERE discount_id IN (SELECT discount_id FROM promotions.claim
                                WHERE shop_id = %(shop_id)s AND buyer = %(buyer)s AND used_by IS NULL)
         ORDER BY discount_id FOR NO KEY UPDATE
        """,
        shop_id=shop_id,
        buyer=buyer,
    )


async def give_claims(tx: Tx, *, shop_id: int, buyer: UUID, to: UUID) -> int:
    return await tx.run(
        """
        UPDATE promotions.claim AS c SET buyer = %(to)s
         WHERE c.shop_id = %(shop_id)s AND c.buyer = %(buyer)s AND c.used_by IS NULL
           AND NOT EXISTS (SELECT FROM promotions.claim AS own
                            WHERE own.discount_id = c.discount_id AND own.buyer = %(to)s)
        """,
        shop_id=shop_id,
        buyer=buyer,
        to=to,
    )


@dataclass(frozen=True, slots=True)
class Claim:
    claimed_at: datetime
    used_by: UUID | None


async def claim_of(tx: Tx, *, discount_id: int, buyer: UUID) -> Claim | None:
    return await tx.first(
        Claim,
        """
        SELECT claimed_at, used_by FROM promotions.claim WHERE discount_id = %(id)s AND buyer = %(buyer)s
        """,
        id=discount_id,
        buyer=buyer,
    )
