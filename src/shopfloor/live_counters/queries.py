"""SQL of the totals.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.live_counters.models import Totals


@dataclass(frozen=True, slots=True)
class OrderRow:
    show_id: int
    order_id: UUID
    buyer: str | None
    is_placed: bool
    is_paid: bool


@dataclass(frozen=True, slots=True)
class LineRow:
    show_id: int
    order_id: UUID
    product_id: int
    variant_id: int
    units: int
    charged: int
    cancelled: int
    refunded: int


@dataclass(frozen=True, slots=True)
class BuyerRow:
    show_id: int
    buyer: str


@dataclass(frozen=True, slots=True)
class Change:
    """What is added to the totals of one show."""

    show_id: int
    position: int
    as_of: datetime
    figures: dict[str, int]


@dataclass(frozen=True, slots=True)
class Followed:
    show_id: int


@dataclass(frozen=True, slots=True)
class Off:
    show_id: int


async def totals(tx: Tx, *, shop_id: int, show_id: int) -> Totals | None:
    return await tx.first(
        Totals,
        """
        SELECT position, as_of, orders_placed, orders_paid, buyers, units_held, units_paid, gmv_placed, gmv_paid,
               gmv_net, deposits
          FROM live_counters.total WHERE shop_id = %(shop_id)s AND show_id = %(show_id)s
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


async def orders(tx: Tx, *, shows: Sequence[int], orders: Sequence[UUID]) -> list[OrderRow]:
    return await tx.every(
        OrderRow,
        """
        SELECT show_id, order_id, buyer, is_placed, is_paid FROM live_counters.counted_order
         WHERE show_id = ANY(%(shows)s::bigint[]) AND order_id = ANY(%(orders)s::uuid[])
        """,
        shows=shows,
        orders=orders,
    )


async def lines(tx: Tx, *, shows: Sequence[int], orders: Sequence[UUID]) -> list[LineRow]:
    return await tx.every(
        LineRow,
        """
        SELECT show_id, order_id, product_id, variant_id, units, charged, cancelled, refunded
          FROM live_counters.counted_line
         WHERE show_id = ANY(%(shows)s::bigint[]) AND order_id = ANY(%(orders)s::uuid[])
        """,
        shows=shows,
        orders=orders,
    )


async def buyers_otherwise(
    tx: Tx, *, shows: Sequence[int], buyers: Sequence[str], orders: Sequence[UUID]
) -> list[BuyerRow]:
    """Which of these buyers have a paid order in one of these shows that is not among `orders`."""
    return await tx.every(
        BuyerRow,
        """
        SELECT DISTINCT show_id, buyer FROM live_counters.counted_order
         WHERE is_paid AND show_id = ANY(%(shows)s::bigint[]) AND buyer = ANY(%(buyers)s::text[])
           AND order_id <> ALL(%(orders)s::uuid[])
        """,
        shows=shows,
        buyers=buyers,
        orders=orders,
    )


async def put_orders(tx: Tx, *, shop_ids: Sequence[int], rows: Sequence[OrderRow]) -> None:
    await tx.run(
        """
        INSERT INTO live_counters.counted_order AS known (shop_id, show_id, order_id, buyer, is_placed, is_paid)
        SELECT * FROM unnest(%(shop_ids)s::bigint[], %(show_ids)s::bigint[], %(order_ids)s::uuid[],
                             %(buyers)s::text[], %(placed)s::boolean[], %(paid)s::boolean[])
        ON CONFLICT (show_id, order_id) DO UPDATE
           SET buyer = excluded.buyer, is_placed = excluded.is_placed, is_paid = excluded.is_paid
        """,
        shop_ids=shop_ids,
        show_ids=[row.show_id for row in rows],
        order_ids=[row.order_id for row in rows],
        buyers=[row.buyer for row in rows],
        placed=[row.is_placed for row in rows],
        paid=[row.is_paid for row in rows],
    )


async def put_lines(tx: Tx, *, rows: Sequence[LineRow]) -> None:
    await tx.run(
        """
        INSERT INTO live_counters.counted_line AS known
               (show_id, order_id, product_id, variant_id, units, charged, cancelled, refunded)
        SELECT * FROM unnest(%(show_ids)s::bigint[], %(order_ids)s::uuid[], %(products)s::bigint[],
                             %(variants)s::bigint[], %(units)s::bigint[], %(charged)s::bigint[],
                             %(cancelled)s::bigint[], %(refunded)s::bigint[])
        ON CONFLICT (show_id, order_id, product_id, variant_id) DO UPDATE
           SET units = excluded.units, charged = excluded.charged, cancelled = excluded.cancelled,
               refunded = excluded.refunded
        """,
        show_ids=[row.show_id for row in rows],
        order_ids=[row.order_id for row in rows],
        products=[row.product_id for row in rows],
        variants=[row.variant_id for row in rows],
        units=[row.units for row in rows],
        charged=[row.charged for row in rows],
        cancelled=[row.cancelled for row in rows],
        refunded=[row.refunded for row in rows],
    )


async def begin(tx: Tx, *, shop_id: int, show_id: int, position: int, as_of: datetime) -> None:
    await tx.run(
        """
        INSERT INTO live_counters.total (shop_id, show_id, position, as_of)
        VALUES (%(shop_id)s, %(show_id)s, %(position)s, %(as_of)s) ON CONFLICT DO NOTHING
        """,
        shop_id=shop_id,
        show_id=show_id,
        position=position,
        as_of=as_of,
    )


async def followed(tx: Tx, *, shows: Sequence[int]) -> list[Followed]:
    """Those of these shows whose facts were counted from the first one on."""
    return await tx.every(
        Followed,
        "SELECT show_id FROM live_counters.total WHERE show_id = ANY(%(shows)s::bigint[])",
        shows=shows,
    )


async def add(tx: Tx, change: Change) -> None:
    await tx.run(
        """
        UPDATE live_counters.total
           SET position = %(position)s, as_of = %(as_of)s,
               orders_placed = orders_placed + %(orders_placed)s,
               orders_paid = orders_paid + %(orders_paid)s,
               buyers = buyers + %(buyers)s,
               units_held = units_held + %(units_held)s,
               units_paid = units_paid + %(units_paid)s,
               gmv_placed = gmv_placed + %(gmv_placed)s,
               gmv_paid = gmv_paid + %(gmv_paid)s,
               gmv_net = gmv_net + %(gmv_net)s,
               deposits = deposits + %(deposits)s
         WHERE show_id = %(show_id)s
        """,
        show_id=change.show_id,
        position=change.position,
        as_of=change.as_of,
        **change.figures,
    )


async def off(tx: Tx) -> list[Off]:
    """Shows whose totals are not the sum of their orders."""
    return await tx.every(
        Off,
        """
        WITH line AS (
            SELECT show_id, order_id, sum(units) AS units, sum(charged) AS charged,
                   sum(charged - least(charged, greatest(refunded, cancelled, 0))) AS net
              FROM live_counters.counted_line GROUP BY show_id, order_id
        ), added AS (
            SELECT show_id, count(*) FILTER (WHERE is_placed) AS orders_placed,
                   count(*) FILTER (WHERE is_paid) AS orders_paid,
                   count(DISTINCT buyer) FILTER (WHERE is_paid) AS buyers,
                   coalesce(sum(units) FILTER (WHERE is_paid), 0) AS units_paid,
                   coalesce(sum(charged) FILTER (WHERE is_paid), 0) AS gmv_paid,
                   coalesce(sum(net) FILTER (WHERE is_paid), 0) AS gmv_net,
                   coalesce(sum(charged) FILTER (WHERE NOT is_paid), 0) AS deposits
              FROM live_counters.counted_order LEFT JOIN line USING (show_id, order_id) GROUP BY show_id
        )
        SELECT total.show_id
          FROM live_counters.total LEFT JOIN added USING (show_id)
         WHERE (total.orders_placed, total.orders_paid, total.buyers, total.units_paid, total.gmv_paid, total.gmv_net,
                total.deposits)
               IS DISTINCT FROM
               (coalesce(added.orders_placed, 0), coalesce(added.orders_paid, 0), coalesce(added.buyers, 0),
                coalesce(added.units_paid, 0), coalesce(added.gmv_paid, 0), coalesce(added.gmv_net, 0),
                coalesce(added.deposits, 0))
         ORDER BY total.show_id
        """,
    )


async def count_totals(tx: Tx) -> int:
    return await tx.value("SELECT count(*) FROM live_counters.total")
