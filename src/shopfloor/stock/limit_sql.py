"""SQL of limits and shares: what a buyer has bought, what networks hold unpaid.  One function, one statement."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncCursor
from psycopg.types.json import Json

from shopfloor.kernel.database import Tx
from shopfloor.kernel.prepared import ask, nothing
from shopfloor.kernel.records import dataclass
from shopfloor.stock.arrays import BigintArray, IntArray, UuidArray, bigint_array
from shopfloor.stock.batch import Row
from shopfloor.stock.rows import SELECT_HOLDS, hold_row
from shopfloor.stock.shares import FEWEST, FEWEST_ALTOGETHER


async def lock_limits(tx: Tx, *, pool_ids: Sequence[int]) -> AsyncCursor[Any]:
    """One queue per pool for whoever counts what a buyer has bought in it.  Before the levels, in one order."""
    return await ask(
        tx,
        nothing,
        """
        SELECT pg_advisory_xact_lock(6008270000000000000 + pool_id)
          FROM (SELECT pool_id FROM unnest(%(pool_ids)s::bigint[]) AS p (pool_id) ORDER BY pool_id) AS sorted
        """,
        {"pool_ids": list(pool_ids)},
    )


async def rows_of_buyers(tx: Tx, *, pool_ids: Sequence[int], buyers: UuidArray) -> AsyncCursor[Row]:
    """What these buyers got under a limit in these pools and has not lapsed: what limits count."""
    return await ask(
        tx,
        hold_row,
        SELECT_HOLDS
        + """
         WHERE h.limited AND h.pool_id = ANY(%(pool_ids)s::bigint[]) AND h.buyer = ANY(%(buyers)s::uuid[])
           AND h.state IN ('held', 'allocated', 'shipped')
        """,
        {"pool_ids": list(pool_ids), "buyers": buyers},
    )


@dataclass(frozen=True, slots=True)
class Unpaid:
    """Units of a variant in a pool that a buyer behind a network holds unpaid."""

    pool_id: int
    variant_id: int
    network: int
    buyer: UUID
    units: int


async def unpaid_of_networks(
    tx: Tx, *, pool_ids: Sequence[int], variant_ids: Sequence[int], networks: Sequence[int]
) -> AsyncCursor[Unpaid]:
    """Units of these variants in these pools that are open and unpaid, by network and buyer."""
    return await ask(
        tx,
        Unpaid,
        """
        SELECT h.pool_id, h.variant_id, h.network, h.buyer, sum(h.quantity)::bigint
          FROM stock.hold AS h
         WHERE h.network IS NOT NULL AND h.network = ANY(%(networks)s::bigint[])
           AND h.pool_id = ANY(%(pool_ids)s::bigint[]) AND h.variant_id = ANY(%(variant_ids)s::bigint[])
           AND (h.state = 'allocated' OR (h.state = 'held' AND h.expires_at > clock_timestamp()))
         GROUP BY h.pool_id, h.variant_id, h.network, h.buyer
        """,
        {"pool_ids": list(pool_ids), "variant_ids": list(variant_ids), "networks": bigint_array(networks)},
    )


async def unpaid_altogether(
    tx: Tx, *, pool_ids: Sequence[int], variant_ids: Sequence[int]
) -> AsyncCursor[tuple[tuple[int, int], int]]:
    """The same of all networks."""

    def make(pool_id: int, variant_id: int, units: int) -> tuple[tuple[int, int], int]:
        return (pool_id, variant_id), units

    return await ask(
        tx,
        make,
        """
        SELECT h.pool_id, h.variant_id, sum(h.quantity)::bigint
          FROM stock.hold AS h
         WHERE h.network IS NOT NULL
           AND h.pool_id = ANY(%(pool_ids)s::bigint[]) AND h.variant_id = ANY(%(variant_ids)s::bigint[])
           AND (h.state = 'allocated' OR (h.state = 'held' AND h.expires_at > clock_timestamp()))
         GROUP BY h.pool_id, h.variant_id
        """,
        {"pool_ids": list(pool_ids), "variant_ids": list(variant_ids)},
    )


async def proven(tx: Tx, *, shop_ids: Sequence[int], buyers: UuidArray) -> AsyncCursor[UUID]:
    """Those of these buyers who have paid in these shops."""

    def make(buyer: UUID) -> UUID:
        return buyer

    return await ask(
        tx,
        make,
        "SELECT buyer FROM stock.proven WHERE shop_id = ANY(%(shop_ids)s::bigint[]) AND buyer = ANY(%(buyers)s::uuid[])",
        {"shop_ids": list(shop_ids), "buyers": buyers},
    )


async def of_one_account(
    tx: Tx, *, shop_ids: Sequence[int], buyers: UuidArray
) -> AsyncCursor[tuple[UUID, UUID]]:
    """Each of these buyers with each other buyer of the same account."""

    def make(buyer: UUID, other: UUID) -> tuple[UUID, UUID]:
        return buyer, other

    return await ask(
        tx,
        make,
        """
        SELECT p.buyer, o.buyer
          FROM stock.proven AS p
          JOIN stock.proven AS o ON o.shop_id = p.shop_id AND o.account = p.account AND o.buyer <> p.buyer
         WHERE p.shop_id = ANY(%(shop_ids)s::bigint[]) AND p.buyer = ANY(%(buyers)s::uuid[]) AND p.account IS NOT NULL
        """,
        {"shop_ids": list(shop_ids), "buyers": buyers},
    )


async def lock_own(tx: Tx, *, pool_ids: Sequence[int], buyers: UuidArray) -> AsyncCursor[Row]:
    """Holds of these buyers that may give way: those nobody is working on just now."""
    return await ask(
        tx,
        hold_row,
        SELECT_HOLDS
        + """
         WHERE h.limited AND h.pool_id = ANY(%(pool_ids)s::bigint[]) AND h.buyer = ANY(%(buyers)s::uuid[])
           AND h.state = 'held'
           FOR NO KEY UPDATE SKIP LOCKED
        """,
        {"pool_ids": list(pool_ids), "buyers": buyers},
    )


class Bound(msgspec.Struct, frozen=True, gc=False):
    """Wishes of a batch that are alike, by their `turn` in it, and what limits say of their buyers: so many of the
    offer, of the show, of the variant (where the purchase is of no offer); None where nothing is said.
    """

    turn: int
    variant_id: int
    quantity: int
    offer_id: int | None
    show_id: int | None
    of_offer: int | None
    of_show: int | None
    of_variant: int | None


async def expect_within_bounds(
    tx: Tx,
    *,
    shop_id: int,
    pool_id: int,
    variant_ids: Sequence[int],
    buyers: UuidArray,
    networks: BigintArray,
    turns: IntArray,
    bounds: Sequence[Bound],
    keep_most: int | None,
) -> AsyncCursor[list[UUID]]:
    """That a whole batch stays within all limits and shares (and, with `keep_most`, what those who have paid here hold
    in the pool within that, all browsers of one account together), or the statement fails with a SerializationFailure.
    Returns those of its buyers who have paid in this shop: no share binds them.

    To be asked after `lock_limits` and `lock_levels` have been waited for: it must see what whoever had those locks
    before has written.  (What is asked for and what there is are added up, not joined: the planner cannot know how
    many there are of either.)  It may say no where `limits` and `shares` would not (a buyer who is alone in a network), and
    then the batch is decided by them.  That buyers stay within their limits among the wishes of the batch itself is
    not looked at: who decided it has.
    """

    def make(_: bool, payers: list[UUID]) -> list[UUID]:
        return payers

    return await ask(
        tx,
        make,
        """
        WITH asked AS MATERIALIZED (
            SELECT h.buyer, nullif(h.network, 0) AS network, g.*
              FROM json_to_recordset(%(bounds)s::json) AS g (
                       turn int, variant_id bigint, quantity int, offer_id bigint, show_id bigint, of_offer int,
                       of_show int, of_variant int)
              JOIN unnest(%(buyers)s::uuid[], %(networks)s::bigint[], %(turns)s::int[]) AS h (buyer, network, turn)
                ON g.turn = h.turn
        ), bought AS MATERIALIZED (
            SELECT h.buyer, h.offer_id, h.show_id, h.variant_id, sum(h.quantity - h.returned) AS units,
                   coalesce(sum(h.quantity) FILTER (WHERE h.state <> 'shipped'), 0) AS open,
                   coalesce(sum(h.quantity) FILTER (WHERE h.state = 'held'), 0) AS held
              FROM stock.hold AS h
             WHERE h.limited AND h.pool_id = %(pool_id)s::bigint AND h.buyer = ANY(%(buyers)s::uuid[])
               AND h.state IN ('held', 'allocated', 'shipped')
             GROUP BY h.buyer, h.offer_id, h.show_id, h.variant_id
        ), payers AS MATERIALIZED (
            SELECT p.buyer, p.account FROM stock.proven AS p
             WHERE p.shop_id = %(shop_id)s::bigint AND p.buyer = ANY(%(buyers)s::uuid[])
        ), elsewhere AS MATERIALIZED (
            SELECT o.account, sum(h.quantity) AS units
              FROM stock.proven AS o
              JOIN stock.hold AS h ON h.limited AND h.buyer = o.buyer AND h.pool_id = %(pool_id)s::bigint
                                  AND h.state = 'held'
             WHERE %(keep_most)s::int IS NOT NULL AND o.shop_id = %(shop_id)s::bigint
               AND o.account = ANY(ARRAY(SELECT account FROM payers WHERE account IS NOT NULL))
               AND o.buyer <> ALL(%(buyers)s::uuid[])
             GROUP BY o.account
        ), shelf AS MATERIALIZED (
            SELECT l.variant_id, sum(l.quantity) AS size, sum(greatest(0, l.quantity - l.held - l.allocated)) AS free,
                   greatest(%(fewest)s::bigint, sum(l.quantity) / 10) AS share
              FROM stock.level AS l
             WHERE l.pool_id = %(pool_id)s::bigint AND l.variant_id = ANY(%(variant_ids)s::bigint[])
             GROUP BY l.variant_id
        ), broken AS (
            SELECT 1 AS one
              FROM (SELECT buyer, offer_id, quantity AS units, of_offer AS most FROM asked WHERE of_offer IS NOT NULL
                    UNION ALL
                    SELECT buyer, offer_id, units, NULL FROM bought) AS w
             GROUP BY buyer, offer_id HAVING sum(units) > min(most)
            UNION ALL
            SELECT 1
              FROM (SELECT buyer, show_id, quantity AS units, of_show AS most FROM asked WHERE of_show IS NOT NULL
                    UNION ALL
                    SELECT buyer, show_id, units, NULL FROM bought) AS w
             GROUP BY buyer, show_id HAVING sum(units) > min(most)
            UNION ALL
            SELECT 1
              FROM (SELECT buyer, variant_id, quantity AS units, of_variant AS most
                      FROM asked WHERE of_variant IS NOT NULL
                    UNION ALL
                    SELECT buyer, variant_id, open, NULL FROM bought) AS w
             GROUP BY buyer, variant_id HAVING sum(units) > min(most)
            UNION ALL
            SELECT 1
              FROM (SELECT coalesce(p.account, p.buyer) AS who, w.units
                      FROM (SELECT buyer, quantity AS units FROM asked WHERE network IS NOT NULL
                            UNION ALL
                            SELECT buyer, held FROM bought) AS w
                      JOIN payers AS p USING (buyer)
                    UNION ALL
                    SELECT account, units FROM elsewhere) AS w
             WHERE %(keep_most)s::int IS NOT NULL
             GROUP BY who HAVING sum(units) > %(keep_most)s::int
            UNION ALL
            SELECT 1
              FROM (SELECT network, variant_id, quantity AS units, true AS is_asked
                      FROM asked WHERE network IS NOT NULL AND buyer NOT IN (SELECT buyer FROM payers)
                    UNION ALL
                    SELECT h.network, h.variant_id, h.quantity, false
                      FROM stock.hold AS h
                     WHERE h.network IS NOT NULL AND h.network = ANY(%(networks)s::bigint[])
                       AND h.pool_id = %(pool_id)s::bigint AND h.variant_id = ANY(%(variant_ids)s::bigint[])
                       AND (h.state = 'allocated' OR (h.state = 'held' AND h.expires_at > clock_timestamp()))) AS w
             GROUP BY network, variant_id
            HAVING bool_or(is_asked) AND sum(units) > (SELECT min(share) FROM shelf)
               AND sum(units) > (SELECT share FROM shelf WHERE shelf.variant_id = w.variant_id)
            UNION ALL
            SELECT 1
              FROM (SELECT variant_id, sum(quantity) AS units, count(network) AS counted
                      FROM asked GROUP BY variant_id) AS w
              JOIN shelf AS s USING (variant_id)
             WHERE w.counted > 0
               AND s.free - w.units < s.size - greatest(%(fewest_altogether)s::bigint, s.size - s.size / 10)
        )
        SELECT stock.expect(NOT EXISTS (SELECT FROM broken)),
               coalesce((SELECT array_agg(buyer) FROM payers), '{}'::uuid[])
        """,
        {
            "shop_id": shop_id,
            "pool_id": pool_id,
            "variant_ids": list(variant_ids),
            "buyers": buyers,
            "networks": networks,
            "turns": turns,
            "bounds": Json(bounds, dumps=msgspec.json.encode),
            "keep_most": keep_most,
            "fewest": FEWEST,
            "fewest_altogether": FEWEST_ALTOGETHER,
        },
    )
