"""SQL of limits and shares: what a buyer has bought, what networks hold unpaid.  One function, one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncCursor

from shopfloor.kernel.database import Tx
from shopfloor.stock.arrays import UuidArray, bigint_array
from shopfloor.stock.batch import Row
from shopfloor.stock.rows import ask, hold_row, nothing


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
        """
        SELECT h.id, h.part, h.shop_id, h.pool_id, h.buyer, h.offer_id, h.show_id, h.level_id, h.variant_id,
               h.quantity, h.returned, h.unit_price, h.limited, h.ready_on, h.lot_kind::text, h.state::text,
               h.granted_at, h.expires_at, h.bundle_id
          FROM stock.hold AS h
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


async def lock_own(tx: Tx, *, pool_ids: Sequence[int], buyers: UuidArray) -> AsyncCursor[Row]:
    """Holds of these buyers that may give way: those nobody is working on just now."""
    return await ask(
        tx,
        hold_row,
        """
        SELECT h.id, h.part, h.shop_id, h.pool_id, h.buyer, h.offer_id, h.show_id, h.level_id, h.variant_id,
               h.quantity, h.returned, h.unit_price, h.limited, h.ready_on, h.lot_kind::text, h.state::text,
               h.granted_at, h.expires_at, h.bundle_id
          FROM stock.hold AS h
         WHERE h.limited AND h.pool_id = ANY(%(pool_ids)s::bigint[]) AND h.buyer = ANY(%(buyers)s::uuid[])
           AND h.state = 'held'
           FOR NO KEY UPDATE SKIP LOCKED
        """,
        {"pool_ids": list(pool_ids), "buyers": buyers},
    )
