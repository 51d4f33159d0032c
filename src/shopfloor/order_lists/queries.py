"""SQL of lists of orders.  One function, one statement.

A list is found in two steps: which orders, by an index of its own, and then what a line of the list shows.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

from shopfloor.kernel import text
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.order_lists.models import Counts, OrderSummary

# Among so many of the newest orders, what is common enough to fill a page is found without the index of pieces.
NEWEST: Final = 2000
# What is common enough is counted among so many.
COUNTED_NEAR: Final = 10_000
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
    at_tills: bool | None = None

    @property
    def narrows(self) -> bool:
        """Something but the page is asked for."""
        return any(
            value is not None for name, value in asdict(self).items() if name not in {"after", "before"}
        )


# Goods that are ready stand as that, whether or not they are paid: what is not is on hold (`orders.Order.named_fulfilment`).
# Nothing is to do for the goods of an order that is cancelled.
_FILTERS: Final = """
    (%(status)s::text IS NULL OR o.status = %(status)s)
    AND (%(payment_status)s::text IS NULL OR o.payment_status = %(payment_status)s)
    AND (%(show_id)s::bigint IS NULL OR o.show_id = %(show_id)s)
    AND (%(fulfilment_status)s::text IS NULL
         OR o.fulfilment_status = CASE %(fulfilment_status)s WHEN 'on_hold' THEN 'ready' ELSE %(fulfilment_status)s END
        AND o.status <> 'cancelled')
    AND (%(fulfilment_status)s::text IS NULL OR %(fulfilment_status)s::text NOT IN ('ready', 'on_hold')
         OR (o.payment_status IN ('unpaid', 'deposit_paid') OR o.status = 'placed' AND o.payment_status <> 'authorised')
            = (%(fulfilment_status)s::text = 'on_hold'))
    AND (%(since)s::timestamptz IS NULL OR o.placed_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR o.placed_at < %(until)s)
    AND (%(outside_shows)s::boolean IS NULL OR (o.show_id IS NULL) = %(outside_shows)s)
    AND (%(at_tills)s::boolean IS NULL OR (o.channel IS NOT NULL AND o.channel = 'till') = %(at_tills)s)
    """


def _page(placed_at: LiteralString, order_id: LiteralString) -> LiteralString:
    """After one order, or before another, newest first."""
    return """
        (%(after)s::uuid IS NULL OR ({placed_at}, {id}) <
            (SELECT placed_at, id FROM orders.v_listed WHERE id = %(after)s))
        AND (%(before)s::uuid IS NULL OR ({placed_at}, {id}) >
            (SELECT placed_at, id FROM orders.v_listed WHERE id = %(before)s))
        """.replace("{placed_at}", placed_at).replace("{id}", order_id)


def _order(placed_at: LiteralString, order_id: LiteralString) -> LiteralString:
    """Newest first; a page before an order is read from its end."""
    return """
        ORDER BY CASE WHEN %(before)s::uuid IS NULL THEN {placed_at} END DESC,
                 CASE WHEN %(before)s::uuid IS NULL THEN {id} END DESC, {placed_at}, {id}
        """.replace("{placed_at}", placed_at).replace("{id}", order_id)


# Orders with one of these variants: all of them, or more than `most`.  The first rows tell mostly; where orders have many of
# the variants, so many of each do.
_OF_EACH: Final = """
    SELECT f.order_id, f.placed_at
      FROM unnest(%(variants)s::bigint[]) AS v (id)
     CROSS JOIN LATERAL (
        SELECT s.order_id, s.placed_at FROM orders.v_sold s
         WHERE s.shop_id = %(shop_id)s AND s.variant_id = v.id
           {and_fits}
         ORDER BY s.placed_at DESC, s.order_id DESC LIMIT %(most)s + 1) f
    """
_SOLD: Final = """
    of_any AS MATERIALIZED ({of_each} LIMIT 2 * (%(most)s + 1)),
    of_each AS MATERIALIZED (
        {of_each}
         WHERE (SELECT count(*) > 2 * %(most)s AND count(DISTINCT order_id) <= %(most)s FROM of_any)
    ), sold AS (SELECT order_id, placed_at FROM of_any UNION SELECT order_id, placed_at FROM of_each)
    """.replace("{of_each}", _OF_EACH)

# What the statements below have in common, by the columns that it is said of.
_PARTS: Final[Sequence[tuple[LiteralString, LiteralString]]] = (
    ("{filters}", _FILTERS),
    ("{page_of_orders}", _page("o.placed_at", "o.id")),
    ("{page_of_search}", _page("placed_at", "order_id")),
    ("{page_of_found}", _page("s.placed_at", "s.order_id")),
    ("{order_of_orders}", _order("o.placed_at", "o.id")),
    ("{order_of_search}", _order("placed_at", "order_id")),
    ("{order_of_found}", _order("s.placed_at", "s.order_id")),
)


# Looks at no order where nothing is asked of it.  OFFSET 0 keeps the planner to one look by key for each that is found: it
# thinks of far more.
_FITS: Final = "AND EXISTS (SELECT FROM orders.v_listed o WHERE o.id = s.order_id AND {filters} OFFSET 0)"


def _whole(sql: LiteralString, *, narrows: bool = True) -> LiteralString:
    fits: LiteralString = _FITS if narrows else ""
    sql = sql.replace("{sold}", _SOLD).replace("{and_fits}", fits)
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
        SELECT o.id FROM orders.v_listed o
         WHERE o.shop_id = %(shop_id)s AND o.placed_at IS NOT NULL
           AND {filters}
           AND {page_of_orders}
         {order_of_orders} LIMIT %(limit)s
        """,
        shop_id=shop_id,
        limit=limit,
        **asdict(filters),
    )


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what a search finds, newest first or, before an order, from its end.

    `of_newest`: there is so much of it that the page was found among the newest orders; how many there are was not
    asked then.  Otherwise `total` of them are found, or more than `most`; where they are no more, `places` has for each
    row of the page its position among all, from 1.
    """

    ids: list[UUID]
    of_newest: bool
    total: int
    places: list[int]


async def search(
    tx: Tx,
    *,
    shop_id: int,
    wanted: str,
    number: int | None,
    variants: Sequence[int],
    filters: Filters,
    limit: int,
    most: int,
    everywhere: bool = False,
) -> Found:
    """By number, by part of a name, phone or e-mail, and by what was bought, in one look.

    A text is looked for where most searches end, in the newest orders of the page; only where they do not fill it, or
    it is to be `everywhere`, in all orders.  The order of that number stands before all others, on the first page, and on no other.
    """
    cursor = await tx.connection.execute(
        _whole(
            """
            WITH near AS MATERIALIZED (
                SELECT s.order_id, s.placed_at
                  FROM (SELECT order_id, placed_at, text FROM orders.v_search
                         WHERE shop_id = %(shop_id)s
                           AND {page_of_search}
                         {order_of_search} LIMIT %(newest)s) s
                 WHERE strpos(s.text, orders.search_folded(%(wanted)s)) > 0
                   {and_fits}
            ), anywhere AS MATERIALIZED (
                SELECT s.order_id, s.placed_at FROM orders.v_search s
                 WHERE (SELECT count(*) FROM near) <= %(enough)s
                   AND orders.search_pieces(s.shop_id, s.text)
                       @> orders.search_keys(%(shop_id)s::bigint, orders.search_folded(%(wanted)s))
                   AND s.shop_id = %(shop_id)s AND strpos(s.text, orders.search_folded(%(wanted)s)) > 0
                   {and_fits}
            ), bought AS MATERIALIZED (
                SELECT DISTINCT f.order_id, f.placed_at
                  FROM unnest(%(variants)s::bigint[]) AS v (id)
                 CROSS JOIN LATERAL (
                    SELECT s.order_id, s.placed_at FROM orders.v_sold s
                     WHERE s.shop_id = %(shop_id)s AND s.variant_id = v.id
                       AND {page_of_found}
                       {and_fits}
                     {order_of_found} LIMIT %(limit)s) f
            ), {sold}, numbered AS MATERIALIZED (
                SELECT o.id AS order_id, o.placed_at FROM orders.v_listed o
                 WHERE o.shop_id = %(shop_id)s AND o.number = %(number)s
                   AND {filters}
            ), whole AS MATERIALIZED (
                SELECT order_id, row_number() OVER (
                    ORDER BY (order_id = (SELECT order_id FROM numbered)) DESC NULLS LAST,
                             placed_at DESC, order_id DESC) AS place
                  FROM (SELECT order_id, placed_at FROM anywhere
                         UNION SELECT order_id, placed_at FROM sold
                         UNION SELECT order_id, placed_at FROM numbered) u
                 WHERE (SELECT count(*) FROM near) <= %(enough)s
            ), page AS MATERIALIZED (
                SELECT order_id, row_number() OVER ({order_of_search}) AS position
                  FROM (SELECT order_id, placed_at FROM near
                         UNION SELECT order_id, placed_at FROM anywhere WHERE {page_of_search}
                         UNION SELECT order_id, placed_at FROM bought) u
                 WHERE NOT EXISTS (SELECT FROM numbered n WHERE n.order_id = u.order_id)
                 {order_of_search} LIMIT %(limit)s
            ), shown AS (
                SELECT order_id, 0::bigint AS position FROM numbered
                 WHERE %(after)s::uuid IS NULL AND %(before)s::uuid IS NULL
                 UNION ALL SELECT order_id, position FROM page ORDER BY position LIMIT %(limit)s
            )
            SELECT array(SELECT order_id FROM shown ORDER BY position),
                   (SELECT count(*) FROM near) > %(enough)s,
                   (SELECT count(*) FROM whole),
                   array(SELECT w.place FROM shown s JOIN whole w USING (order_id) ORDER BY s.position)
            """,
            narrows=filters.narrows,
        ),
        {
            "shop_id": shop_id,
            "wanted": wanted,
            "number": number,
            "variants": list(variants),
            "newest": NEWEST,
            "limit": limit,
            "enough": NEWEST if everywhere else limit,
            "most": most,
            **asdict(filters),
        },
        prepare=False,
    )
    row = await cursor.fetchone()
    assert row is not None, "of a statement without a table"
    return Found(*row)


async def variants_named(tx: Tx, *, shop_id: int, search: str) -> list[int]:
    """What has this in its title, in any language, or in its SKU; the newest, where it is very many."""
    cursor = await tx.connection.execute(
        """
        SELECT id FROM catalog.v_named
         WHERE shop_id = %(shop_id)s
           AND (strpos(lower(normalize(title, NFKC)), lower(%(search)s)) > 0
                OR strpos(lower(normalize(sku, NFKC)), lower(%(search)s)) > 0
                OR EXISTS (SELECT FROM jsonb_each_text(titles) AS t
                            WHERE strpos(lower(normalize(t.value, NFKC)), lower(%(search)s)) > 0))
         ORDER BY id DESC LIMIT %(most)s
        """,
        {"shop_id": shop_id, "search": text.looked_for(search), "most": _MOST_VARIANTS},
    )
    return [row[0] for row in await cursor.fetchall()]


async def count(tx: Tx, *, shop_id: int, filters: Filters, most: int) -> int:
    """How many fit, one more than `most` at most; from the newest, so that what stands before a page is near."""
    return await _count(
        tx,
        """
        SELECT count(*)
          FROM (SELECT FROM orders.v_listed o
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
    wanted: str,
    number: int | None,
    variants: Sequence[int],
    filters: Filters,
    most: int,
) -> int:
    """How many a search finds; where it is more than `most`, some number above it: nobody waits for a total.

    What is common is counted among the newest orders, without the index of pieces, which would read all that have it.
    """
    return await _count(
        tx,
        """
        WITH near AS MATERIALIZED (
            SELECT s.order_id
              FROM (SELECT order_id, placed_at, text FROM orders.v_search
                     WHERE shop_id = %(shop_id)s
                       AND {page_of_search}
                     ORDER BY placed_at DESC, order_id DESC LIMIT %(counted_near)s) s
             WHERE strpos(s.text, orders.search_folded(%(wanted)s)) > 0
               {and_fits}
             LIMIT %(most)s + 1
        ), anywhere AS MATERIALIZED (
            SELECT s.order_id FROM orders.v_search s
             WHERE (SELECT count(*) FROM near) <= %(most)s
               AND orders.search_pieces(s.shop_id, s.text)
                   @> orders.search_keys(%(shop_id)s::bigint, orders.search_folded(%(wanted)s))
               AND s.shop_id = %(shop_id)s AND strpos(s.text, orders.search_folded(%(wanted)s)) > 0
               AND {page_of_found}
               {and_fits}
             LIMIT %(most)s + 1
        ), {sold}
        SELECT count(*)
          FROM (SELECT order_id FROM near
                 UNION SELECT order_id FROM anywhere
                 UNION SELECT order_id FROM sold s WHERE {page_of_found}
                 UNION SELECT o.id FROM orders.v_listed o
                        WHERE o.shop_id = %(shop_id)s AND o.number = %(number)s
                          AND {filters}) AS counted
        """,
        narrows=filters.narrows,
        shop_id=shop_id,
        wanted=wanted,
        number=number,
        variants=list(variants),
        counted_near=COUNTED_NEAR,
        most=most,
        **asdict(filters),
    )


async def _count(tx: Tx, sql: LiteralString, *, narrows: bool = True, **values: object) -> int:
    """Planned anew each time, like `_ids`."""
    cursor = await tx.connection.execute(_whole(sql, narrows=narrows), values, prepare=False)
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
          FROM orders.v_listed o
          CROSS JOIN LATERAL (
            SELECT coalesce(sum(quantity), 0)::int AS units,
                   (SELECT coalesce(string_agg(DISTINCT title, ', '), '')
                      FROM (SELECT title FROM orders.v_listed_bundle WHERE order_id = o.id
                            UNION SELECT title FROM orders.v_listed_line WHERE order_id = o.id AND bundle_id IS NULL) AS named
                   ) AS titles,
                   coalesce(bool_or(o.status IN ('placed', 'paid', 'partly_shipped')
                     AND shipped_quantity < quantity AND ready_on IS NOT NULL
                     AND ((delayed_to IS NOT NULL AND NOT delay_accepted)
                       OR (ready_at IS NULL AND coalesce(delayed_to, ready_on) < %(today)s::date))), false) AS late
              FROM orders.v_listed_line WHERE order_id = o.id) l
         WHERE o.id = ANY(%(ids)s::uuid[])
         ORDER BY o.placed_at DESC, o.id DESC
        """,
        ids=list(ids),
        today=today,
    )


async def count_by_status(tx: Tx, *, shop_id: int, statuses: Sequence[str]) -> Counts:
    """Of each status at most `Counts.up_to`."""
    cursor = await tx.connection.execute(
        """
        SELECT s.status, c.orders FROM unnest(%(statuses)s::text[]) AS s (status)
         CROSS JOIN LATERAL (
            SELECT count(*) AS orders
              FROM (SELECT FROM orders.v_listed o
                     WHERE o.shop_id = %(shop_id)s AND o.status = s.status AND o.placed_at IS NOT NULL
                     ORDER BY o.placed_at DESC LIMIT %(up_to)s) AS counted) AS c
         WHERE c.orders > 0
        """,
        {"shop_id": shop_id, "statuses": list(statuses), "up_to": Counts.up_to},
    )
    return Counts(await cursor.fetchall())


@dataclass(frozen=True, slots=True)
class Numbered:
    id: UUID
    number: int


async def numbers(tx: Tx, *, shop_id: int, order_ids: Sequence[UUID]) -> dict[UUID, int]:
    rows = await tx.every(
        Numbered,
        """
        SELECT id, number FROM orders.v_listed
         WHERE shop_id = %(shop_id)s AND id = ANY(%(ids)s) AND number IS NOT NULL
        """,
        shop_id=shop_id,
        ids=list(order_ids),
    )
    return {row.id: row.number for row in rows}
