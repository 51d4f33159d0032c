"""SQL of lists of orders.  One function, one statement.

A list is found in two steps: which orders, by an index of its own, and then what a line of the list shows.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Final, LiteralString
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.orders.models import Counts, OrderSummary

# Among so many of the newest orders, what is common enough to fill a page is found without the index of pieces.
_NEWEST: Final = 2000


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed down to; None: everything.  A page begins `after` an order or ends `before` one."""

    status: str | None
    payment_status: str | None
    show_id: int | None
    after: UUID | None
    before: UUID | None


_FILTERS: Final = """
    (%(status)s::text IS NULL OR o.status = %(status)s)
    AND (%(payment_status)s::text IS NULL OR o.payment_status = %(payment_status)s)
    AND (%(show_id)s::bigint IS NULL OR o.show_id = %(show_id)s)
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
    ("{order_of_orders}", _order("o.placed_at", "o.id")),
    ("{order_of_search}", _order("placed_at", "order_id")),
    ("{order_of_found}", _order("s.placed_at", "s.order_id")),
)


async def _ids(tx: Tx, sql: LiteralString, **values: object) -> list[UUID]:
    """Planned anew each time: which index serves a list depends on what is asked for."""
    for name, part in _PARTS:
        sql = sql.replace(name, part)
    cursor = await tx.connection.execute(sql, values, prepare=False)
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
         CROSS JOIN LATERAL (SELECT id, status, payment_status, show_id
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
    """Part of a name, phone or e-mail, wherever it is."""
    return await _ids(
        tx,
        """
        WITH found AS MATERIALIZED (
            SELECT order_id, placed_at FROM orders.search
             WHERE orders.search_pieces(shop_id, text) @> orders.search_keys(%(shop_id)s::bigint, %(search)s)
               AND shop_id = %(shop_id)s AND strpos(text, lower(%(search)s)) > 0
               AND {page_of_search}
        )
        SELECT o.id FROM found s JOIN orders.orders o ON o.id = s.order_id
         WHERE {filters}
         {order_of_found} LIMIT %(limit)s
        """,
        shop_id=shop_id,
        search=search,
        limit=limit,
        **asdict(filters),
    )


async def count(
    tx: Tx, *, shop_id: int, search: str, number: int | None, filters: Filters, most: int
) -> tuple[int, bool]:
    """How many fit among the newest `most` orders of the status, and whether there are more of these.

    Nobody waits for a total: what is rare is not looked for behind them.
    """
    sql = """
        SELECT count(*) FILTER (WHERE o.place <= %(most)s
                 AND (%(payment_status)s::text IS NULL OR o.payment_status = %(payment_status)s)
                 AND (%(show_id)s::bigint IS NULL OR o.show_id = %(show_id)s)
                 AND (%(search)s::text = '' OR o.number = %(number)s::bigint
                      OR EXISTS (SELECT FROM orders.search s
                                  WHERE s.order_id = o.id AND strpos(s.text, lower(%(search)s)) > 0))),
               count(*) > %(most)s
          FROM (SELECT o.id, o.number, o.payment_status, o.show_id,
                       row_number() OVER (ORDER BY o.placed_at DESC, o.id DESC) AS place
                  FROM orders.orders o
                 WHERE o.shop_id = %(shop_id)s AND o.placed_at IS NOT NULL
                   AND (%(status)s::text IS NULL OR o.status = %(status)s)
                   AND {page_of_orders}
                 ORDER BY o.placed_at DESC, o.id DESC LIMIT %(most)s + 1) AS o
        """
    for name, part in _PARTS:
        sql = sql.replace(name, part)
    values = asdict(filters) | {"shop_id": shop_id, "search": search, "number": number, "most": most}
    cursor = await tx.connection.execute(sql, values, prepare=False)
    row = await cursor.fetchone()
    assert row is not None, "of an aggregate"
    return row[0], row[1]


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
                            UNION SELECT title FROM orders.line WHERE order_id = o.id AND bundle_id IS NULL) AS named
                   ) AS titles,
                   coalesce(bool_or(o.status IN ('placed', 'paid', 'partly_shipped')
                     AND shipped_quantity < quantity AND ready_on IS NOT NULL
                     AND ((delayed_to IS NOT NULL AND NOT delay_accepted)
                       OR (ready_at IS NULL AND coalesce(delayed_to, ready_on) < %(today)s::date))), false) AS late
              FROM orders.line WHERE order_id = o.id) l
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
