"""SQL of what networks hold unpaid, and of who has paid.  One function, one statement."""

from collections.abc import Sequence
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.prepared import every
from shopfloor.kernel.records import dataclass
from shopfloor.stock.models import UnpaidOfNetwork


async def forget_networks(tx: Tx, *, shop_id: int, hold_ids: Sequence[UUID]) -> None:
    """In one order, so that two who forget the same do not wait for each other for ever."""
    await tx.run(
        """
        WITH counted AS MATERIALIZED (
            SELECT id, part FROM stock.hold
             WHERE id = ANY(%(hold_ids)s::uuid[]) AND shop_id = %(shop_id)s AND network IS NOT NULL
             ORDER BY id, part
               FOR NO KEY UPDATE
        )
        UPDATE stock.hold AS h SET network = NULL FROM counted WHERE h.id = counted.id AND h.part = counted.part
        """,
        hold_ids=list(hold_ids),
        shop_id=shop_id,
    )


async def insert_proven(tx: Tx, *, shop_id: int, buyers: Sequence[UUID], account: UUID | None) -> None:
    """In one order, so that two who prove the same do not wait for each other for ever.  `account`: whose buyers they are
    from now on, None for as it was.
    """
    await tx.run(
        """
        INSERT INTO stock.proven AS p (shop_id, buyer, account)
        SELECT %(shop_id)s, buyer, %(account)s::uuid FROM unnest(%(buyers)s::uuid[]) AS b (buyer) ORDER BY buyer
        ON CONFLICT (shop_id, buyer) DO UPDATE SET account = excluded.account
         WHERE excluded.account IS NOT NULL AND p.account IS DISTINCT FROM excluded.account
        """,
        shop_id=shop_id,
        buyers=list(buyers),
        account=account,
    )


async def is_proven(tx: Tx, *, shop_id: int, buyer: UUID) -> bool:
    return await tx.value(
        "SELECT EXISTS (SELECT FROM stock.proven WHERE shop_id = %(shop_id)s AND buyer = %(buyer)s)",
        shop_id=shop_id,
        buyer=buyer,
    )


@dataclass(frozen=True, slots=True)
class UnpaidPart:
    """Units of a hold that nobody has paid for, of how many there are, and what others of its network hold unpaid."""

    hold_id: UUID
    units: int
    size: int
    others: int


async def unpaid_parts(tx: Tx, *, shop_id: int, hold_ids: Sequence[UUID]) -> list[UnpaidPart]:
    """By hold and variant, while the hold's network is counted and its buyer has never paid here."""
    return await every(
        tx,
        UnpaidPart,
        """
        SELECT h.id, sum(h.quantity)::bigint,
               coalesce((SELECT sum(l.quantity) FROM stock.level AS l
                          WHERE l.pool_id = h.pool_id AND l.variant_id = h.variant_id), 0)::bigint,
               coalesce((SELECT sum(o.quantity) FROM stock.hold AS o
                          WHERE o.network = h.network AND o.pool_id = h.pool_id AND o.variant_id = h.variant_id
                            AND o.network IS NOT NULL AND o.buyer <> h.buyer
                            AND (o.state = 'allocated' OR (o.state = 'held' AND o.expires_at > clock_timestamp()))), 0)::bigint
          FROM stock.hold AS h
         WHERE h.id = ANY(%(hold_ids)s::uuid[]) AND h.shop_id = %(shop_id)s AND h.network IS NOT NULL
           AND NOT EXISTS (SELECT FROM stock.proven AS p WHERE p.shop_id = h.shop_id AND p.buyer = h.buyer)
         GROUP BY h.id, h.pool_id, h.variant_id, h.network, h.buyer
        """,
        hold_ids=list(hold_ids),
        shop_id=shop_id,
    )


async def crowded_networks(tx: Tx, *, shop_id: int, fewest: int) -> list[UnpaidOfNetwork]:
    """Where several buyers behind one network hold at least so many units of a variant unpaid; most first."""
    return await every(
        tx,
        UnpaidOfNetwork,
        """
        SELECT h.network, h.pool_id, h.variant_id, sum(h.quantity)::bigint, count(DISTINCT h.buyer)::bigint,
               count(DISTINCT h.id) FILTER (WHERE h.state = 'held')::bigint,
               count(DISTINCT h.id) FILTER (WHERE h.state = 'allocated')::bigint,
               coalesce((SELECT sum(l.quantity) FROM stock.level AS l
                          WHERE l.pool_id = h.pool_id AND l.variant_id = h.variant_id), 0)::bigint
          FROM stock.pool AS p
          JOIN stock.hold AS h ON h.pool_id = p.id AND h.network IS NOT NULL
         WHERE p.shop_id = %(shop_id)s
           AND (h.state = 'allocated' OR (h.state = 'held' AND h.expires_at > clock_timestamp()))
         GROUP BY h.network, h.pool_id, h.variant_id
        HAVING sum(h.quantity) >= %(fewest)s AND count(DISTINCT h.buyer) > 1
         ORDER BY sum(h.quantity) DESC, h.network LIMIT 20
        """,
        shop_id=shop_id,
        fewest=fewest,
    )


async def unpaid_of_network(tx: Tx, *, shop_id: int, network: int) -> list[tuple[UUID, bool]]:
    """The holds of a network that nobody has paid for, and whether an order has them."""
    return await every(
        tx,
        lambda hold_id, ordered: (hold_id, ordered),
        """
        SELECT h.id, bool_or(h.state = 'allocated')
          FROM stock.pool AS p
          JOIN stock.hold AS h ON h.pool_id = p.id AND h.network = %(network)s AND h.network IS NOT NULL
         WHERE p.shop_id = %(shop_id)s AND h.state IN ('held', 'allocated')
         GROUP BY h.id ORDER BY h.id
        """,
        shop_id=shop_id,
        network=network,
    )
