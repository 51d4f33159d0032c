"""SQL of lists of orders.  One function, one statement.

A list is found in two steps: which orders, by an index of its own, and then what a line of the list shows.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.orders.models import Counts, OrderSummary

# Among so many of the newest orders, what is common enough to fill a page is found without the index of pieces.
_NEWEST: Final = 2000
# Of so many variants that are called alike orders are looked for.
_MOST_VARIANTS: Final = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed down to; None: everything.  A page begins `after` an order or ends `before` one."""

    status: str | None
    payment_status: str | None
    show_id: int | None
    after: UUID | None
    before: UUID | None
    fulfilment_status: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    outside_shows: bool | None = None

    @property
    def narrows(self) -> bool:
        """Something but the page is asked for."""
        return any(
            value is not None for name, value in asdict(self).items() if name not in {"after", "before"}
        )


# Goods that are ready stand as that, whether or not they are paid: what is not is on hold (`models.fulfilment_for`).
# Nothing is to do for the goods of an order that is cancelled.
_FILTERS: Final = """
    (%(status)s::text IS NULL OR o.status = %(status)s)
    AND (%(payment_status)s::text IS NULL OR o.payment_status = %(payment_status)s)
    AND (%(show_id)s::bigint IS NULL OR o.show_id = %(show_id)s)
    AND (%(fulfilment_status)s::text IS NULL
         OR o.fulfilment_status = CASE %(fulfilment_status)s WHEN 'on_hold' THEN 'ready' ELSE %(fulfilment_status)s END
        AND o.status <> 'cancelled')
    AND (%(fulfilment_status)s::text IS NULL OR %(fulfilment_status)s::text NOT IN ('ready', 'on_hold')
         OR (o.payment_status IN ('unpaid', 'deposit_paid')) = (%(fulfilment_status)s::text = 'on_hold'))
    AND (%(since)s::timestamptz IS NULL OR o.placed_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR o.placed_at < %(until)s)
    AND (%(outside_shows)s::boolean IS NULL OR (o.show_id IS NULL) = %(outside_shows)s)
    """


def _page(placed_at: LiteralString, order_id: LiteralString) -> LiteralString:
    """After one order, or before another, newest first."""
    return """
        (%(after)s::uuid IS NULL OR ({placed_at}, {id}) <
            (SELECT placed_at, id FROM orders.orders WHERE id = %(after)s))
        AND (%(before)s::uuid IS NULL OR ({placed_at}, {id}) >
            (SELECT placed_at, id FROM orders.orders WHERE id = %(before)s))
        """.replace("{placed_at}", placed_at).replace("{id}", order_id)


def _order(placed_at: LiteralString, order_id: LiteralString) -> LiteralString:
    """Newest first; a page before an order is read from its end."""
    return """
        ORDER BY CASE WHEN %(before)s::uuid IS NULL THEN {placed_at} END DESC,
                 CASE WHEN %(before)s::uuid IS NULL THEN {id} END DESC, {placed_at}, {id}
        """.replace("{placed_at}", placed_at).replace("{id}", order_id)


# What the statements below have in common, by the columns that it is said of.
_PARTS: Final[Sequence[tuple[LiteralString, LiteralString]]] = (
    ("{filters}", _FILTERS),
    ("{page_of_orders}", _page("o.placed_at", "o.id")),
    ("{page_of_search}", _page("placed_at", "order_id")),
    ("{page_of_found}", _page("s.placed_at", "s.order_id")),
    ("{page_of_sold}", _page("s.placed_at", "s.order_id")),
    ("{order_of_orders}", _order("o.placed_at", "o.id")),
    ("{order_of_search}", _order("placed_at", "order_id")),
    ("{order_of_found}", _order("s.placed_at", "s.order_id")),
    ("{order_of_sold}", _order("s.placed_at", "s.order_id")),
)


def _whole(sql: LiteralString) -> LiteralString:
    for name, part in _PARTS:
        sql = sql.replace(name, part)
    return sql


async def _ids(tx: Tx, sql: LiteralString, **values: object) -> list[UUID]:
    """Planned anew each time: which index serves a list depends on what is asked for."""
    cursor = await tx.connection.execute(_whole(sql), values, prepare=False)
    return [row[0] for row in await cursor.fetchall()]


async def newest(tx: Tx, *, shop_id: int, filters: Filters, limit: int) -> list[UUID]:
    return await _ids(
        tx,
        """
        SELECT o.id FROM orders.orders o
         WHERE o.shop_id = %(shop_id)s AND o.placed_at IS NOT NULL
           AND {filters}
           AND {page_of_orders}
         {order_of_orders} LIMIT %(limit)s
        """,
        shop_id=shop_id,
        limit=limit,
        **asdict(filters),
    )


async def found_by_number(tx: Tx, *, shop_id: int, number: int, filters: Filters) -> list[UUID]:
    return await _ids(
        tx,
        """
        SELECT o.id FROM orders.orders o
         WHERE o.shop_id = %(shop_id)s AND o.number = %(number)s
           AND {filters}
           AND {page_of_orders}
        """,
        shop_id=shop_id,
        number=number,
        **asdict(filters),
    )


async def found_among_newest(
    tx: Tx, *, shop_id: int, search: str, filters: Filters, limit: int
) -> list[UUID]:
    """Part of a name, phone or e-mail, in the newest orders only.

    OFFSET 0 keeps the planner to one look by key for each that is found: it thinks of far more.
    """
    return await _ids(
        tx,
        """
        WITH newest AS MATERIALIZED (
            SELECT order_id, placed_at, text FROM orders.search
             WHERE shop_id = %(shop_id)s
               AND {page_of_search}
             {order_of_search} LIMIT %(newest)s
        )
        SELECT o.id
          FROM newest s
         CROSS JOIN LATERAL (SELECT id, status, payment_status, fulfilment_status, show_id, placed_at
                               FROM orders.orders WHERE id = s.order_id OFFSET 0) o
         WHERE strpos(s.text, lower(%(search)s)) > 0
           AND {filters}
         {order_of_found} LIMIT %(limit)s
        """,
        shop_id=shop_id,
        search=search,
        newest=_NEWEST,
        limit=limit,
        **asdict(filters),
    )


async def found(tx: Tx, *, shop_id: int, search: str, filters: Filters, limit: int) -> list[UUID]:
    """Part of a name, phone or e-mail, wherever it is: sorted first, so that no more orders are looked at than asked."""
    return await _ids(
        tx,
        """
        WITH found AS MATERIALIZED (
            SELECT order_id, placed_at FROM orders.search
             WHERE orders.search_pieces(shop_id, text) @> orders.search_keys(%(shop_id)s::bigint, %(search)s)
               AND shop_id = %(shop_id)s AND strpos(text, lower(%(search)s)) > 0
               AND {page_of_search}
        )
        SELECT o.id
          FROM (SELECT order_id, placed_at FROM found s {order_of_found} OFFSET 0) s
         CROSS JOIN LATERAL (SELECT id, status, payment_status, fulfilment_status, show_id, placed_at
                               FROM orders.orders WHERE id = s.order_id OFFSET 0) o
         WHERE {filters}
         {order_of_found} LIMIT %(limit)s
        """,
        shop_id=shop_id,
        search=search,
        limit=limit,
        **asdict(filters),
    )


async def variants_named(tx: Tx, *, shop_id: int, search: str) -> list[int]:
    """What has this in its title, in any language, or in its SKU; the newest, where it is very many."""
    cursor = await tx.connection.execute(
        """
        SELECT id FROM catalog.v_named
         WHERE shop_id = %(shop_id)s
           AND (strpos(lower(title), lower(%(search)s)) > 0 OR strpos(lower(titles::text), lower(%(search)s)) > 0
                OR strpos(lower(sku), lower(%(search)s)) > 0)
         ORDER BY id DESC LIMIT %(most)s
        """,
        {"shop_id": shop_id, "search": search, "most": _MOST_VARIANTS},
    )
    return [row[0] for row in await cursor.fetchall()]


async def found_by_variants(
    tx: Tx, *, shop_id: int, variants: Sequence[int], filters: Filters, limit: int
) -> list[UUID]:
    """Of each variant the newest that fit, by an index in that order; then the newest of these."""
    return await _ids(
        tx,
        """
        SELECT order_id
          FROM (SELECT DISTINCT s.order_id, s.placed_at
                  FROM unnest(%(variants)s::bigint[]) AS v (id)
                 CROSS JOIN LATERAL (
                    SELECT s.order_id, s.placed_at
                      FROM orders.sold s
                     CROSS JOIN LATERAL (SELECT id, status, payment_status, fulfilment_status, show_id, placed_at
                                           FROM orders.orders WHERE id = s.order_id OFFSET 0) o
                     WHERE s.shop_id = %(shop_id)s AND s.variant_id = v.id
                       AND {page_of_sold}
                       AND {filters}
                     {order_of_sold} LIMIT %(limit)s) s) AS found
         {order_of_search} LIMIT %(limit)s
        """,
        shop_id=shop_id,
        variants=list(variants),
        limit=limit,
        **asdict(filters),
    )


async def count(tx: Tx, *, shop_id: int, filters: Filters, most: int) -> int:
    """How many fit, one more than `most` at most; from the newest, so that what stands before a page is near."""
    return await _count(
        tx,
        """
        SELECT count(*)
          FROM (SELECT FROM orders.orders o
                 WHERE o.shop_id = %(shop_id)s AND o.placed_at IS NOT NULL
                   AND {filters}
                   AND {page_of_orders}
                 ORDER BY o.placed_at DESC LIMIT %(most)s + 1) AS counted
        """,
        shop_id=shop_id,
        most=most,
        **asdict(filters),
    )


async def count_found(
    tx: Tx,
    *,
    shop_id: int,
    search: str,
    number: int | None,
    variants: Sequence[int],
    filters: Filters,
    most: int,
) -> int:
    """How many a search finds; where it is more than `most`, some number above it: nobody waits for a total."""
    return await _count(
        tx,
        """
        SELECT count(*)
          FROM ((SELECT s.order_id FROM orders.search s
                  WHERE orders.search_pieces(s.shop_id, s.text) @> orders.search_keys(%(shop_id)s::bigint, %(search)s)
                    AND s.shop_id = %(shop_id)s AND strpos(s.text, lower(%(search)s)) > 0
                    AND {page_of_found}
                    AND (NOT %(narrows)s::boolean
                         OR EXISTS (SELECT FROM orders.orders o WHERE o.id = s.order_id AND {filters} OFFSET 0))
                  LIMIT %(most)s + 1)
                UNION
                (SELECT s.order_id FROM orders.sold s
                  WHERE s.shop_id = %(shop_id)s AND s.variant_id = ANY(%(variants)s::bigint[])
                    AND {page_of_sold}
                    AND (NOT %(narrows)s::boolean
                         OR EXISTS (SELECT FROM orders.orders o WHERE o.id = s.order_id AND {filters} OFFSET 0))
                  LIMIT %(most)s + 1)
                UNION
                (SELECT o.id FROM orders.orders o
                  WHERE o.shop_id = %(shop_id)s AND o.number = %(number)s
                    AND {filters})) AS counted
        """,
        shop_id=shop_id,
        search=search,
        number=number,
        variants=list(variants),
        narrows=filters.narrows,
        most=most,
        **asdict(filters),
    )


async def _count(tx: Tx, sql: LiteralString, **values: object) -> int:
    """Planned anew each time, like `_ids`."""
    cursor = await tx.connection.execute(_whole(sql), values, prepare=False)
    row = await cursor.fetchone()
    assert row is not None, "of an aggregate"
    return row[0]


async def summaries(tx: Tx, *, ids: Sequence[UUID], today: date) -> list[OrderSummary]:
    """Newest first."""
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
                            UNION SELECT title FROM orders.line WHERE order_id = o.id AND bundle_id IS NULL AND removed_at IS NULL) AS named
                   ) AS titles,
                   coalesce(bool_or(o.status IN ('placed', 'paid', 'partly_shipped')
                     AND shipped_quantity < quantity AND ready_on IS NOT NULL
                     AND ((delayed_to IS NOT NULL AND NOT delay_accepted)
                       OR (ready_at IS NULL AND coalesce(delayed_to, ready_on) < %(today)s::date))), false) AS late
              FROM orders.line WHERE order_id = o.id AND removed_at IS NULL) l
         WHERE o.id = ANY(%(ids)s::uuid[])
         ORDER BY o.placed_at DESC, o.id DESC
        """,
        ids=list(ids),
        today=today,
    )


async def ids_of_buyer(tx: Tx, *, shop_id: int, buyer: UUID) -> list[UUID]:
    return await _ids(
        tx,
        """
        SELECT id FROM orders.orders
         WHERE shop_id = %(shop_id)s AND buyer = %(buyer)s AND placed_at IS NOT NULL
         ORDER BY placed_at DESC, id DESC
        """,
        shop_id=shop_id,
        buyer=buyer,
    )


async def count_by_status(tx: Tx, *, shop_id: int, statuses: Sequence[str]) -> Counts:
    """Of each status at most `Counts.up_to`."""
    cursor = await tx.connection.execute(
        """
        SELECT s.status, c.orders FROM unnest(%(statuses)s::text[]) AS s (status)
         CROSS JOIN LATERAL (
            SELECT count(*) AS orders
              FROM (SELECT FROM orders.orders o
                     WHERE o.shop_id = %(shop_id)s AND o.status = s.status AND o.placed_at IS NOT NULL
                     ORDER BY o.placed_at DESC LIMIT %(up_to)s) AS counted) AS c
         WHERE c.orders > 0
        """,
        {"shop_id": shop_id, "statuses": list(statuses), "up_to": Counts.up_to},
    )
    return Counts(await cursor.fetchall())
