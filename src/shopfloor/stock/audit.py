"""The audit of the ledger: each invariant with what was looked at and the keys that break it."""

from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import Invariant
from shopfloor.kernel.prepared import every


async def audit(tx: Tx) -> list[Invariant]:
    """The invariants of the ledger over all shops; each with the keys that break it (at most 100)."""
    levels_looked_at = await count_levels(tx)
    holds_looked_at = await count_holds(tx)
    return [
        Invariant.counted(
            "movements sum to levels", levels_looked_at, tuple(await levels_unlike_journal(tx))
        ),
        Invariant.counted("holds sum to levels", levels_looked_at, tuple(await levels_unlike_holds(tx))),
        Invariant.counted("no lot is oversold", levels_looked_at, tuple(await levels_oversold(tx))),
        Invariant.counted("holds are whole", holds_looked_at, tuple(await holds_torn(tx))),
        Invariant.counted(
            "only unpaid units name a network", holds_looked_at, tuple(await networks_kept(tx))
        ),
        Invariant.counted(
            "every held hold has a timer", holds_looked_at, tuple(await holds_without_timer(tx))
        ),
        Invariant.counted(
            "closed pools keep nothing free",
            levels_looked_at,
            tuple(await closed_pools_with_free_units(tx)),
        ),
    ]


async def count_levels(tx: Tx) -> int:
    return await tx.value("SELECT count(*) FROM stock.level")


async def count_holds(tx: Tx) -> int:
    return await tx.value("SELECT count(DISTINCT id) FROM stock.hold")


async def levels_unlike_journal(tx: Tx) -> list[str]:
    return await every(
        tx,
        str,
        """
        SELECT 'level ' || l.id
          FROM stock.level AS l
          LEFT JOIN (SELECT level_id, sum(quantity) AS quantity, sum(held) AS held, sum(allocated) AS allocated,
                            sum(shortfall) AS shortfall
                       FROM stock.movement GROUP BY level_id) AS m ON m.level_id = l.id
         WHERE (l.quantity, l.held, l.allocated, l.shortfall)
               IS DISTINCT FROM (coalesce(m.quantity, 0), coalesce(m.held, 0), coalesce(m.allocated, 0),
                                 coalesce(m.shortfall, 0))
         ORDER BY l.id LIMIT 100
        """,
    )


async def levels_unlike_holds(tx: Tx) -> list[str]:
    return await every(
        tx,
        str,
        """
        SELECT 'level ' || coalesce(l.id, h.level_id)
          FROM stock.level AS l
          FULL JOIN (SELECT level_id, coalesce(sum(quantity) FILTER (WHERE state = 'held'), 0) AS held,
                            coalesce(sum(quantity) FILTER (WHERE state = 'allocated'), 0) AS allocated
                       FROM stock.hold GROUP BY level_id) AS h ON h.level_id = l.id
         WHERE l.id IS NULL OR (l.held, l.allocated) IS DISTINCT FROM (coalesce(h.held, 0), coalesce(h.allocated, 0))
         ORDER BY 1 LIMIT 100
        """,
    )


async def levels_oversold(tx: Tx) -> list[str]:
    """Promised more than there is without a fact that says so, or a shortfall that has been mended."""
    return await every(
        tx,
        str,
        """
        SELECT 'level ' || id FROM stock.level
         WHERE shortfall <> greatest(0, held + allocated - quantity)
         ORDER BY id LIMIT 100
        """,
    )


async def holds_torn(tx: Tx) -> list[str]:
    """Parts of one hold that disagree about whose it is; several of one buyer may have been joined."""
    return await every(
        tx,
        str,
        """
        SELECT 'hold ' || id FROM stock.hold
         GROUP BY id
        HAVING count(DISTINCT (shop_id, buyer)) > 1
            OR min(part) <> 0 OR max(part) <> count(*) - 1
         ORDER BY 1 LIMIT 100
        """,
    )


async def networks_kept(tx: Tx) -> list[str]:
    """What was given back, shipped or returned counts for nobody's share any longer."""
    return await every(
        tx,
        str,
        """
        SELECT DISTINCT 'hold ' || id FROM stock.hold
         WHERE network IS NOT NULL AND state NOT IN ('held', 'allocated')
         ORDER BY 1 LIMIT 100
        """,
    )


async def holds_without_timer(tx: Tx) -> list[str]:
    return await every(
        tx,
        str,
        """
        SELECT DISTINCT 'hold ' || h.id FROM stock.hold AS h
         WHERE h.state = 'held'
           AND NOT EXISTS (SELECT 1 FROM (SELECT unnest(hold_ids) AS id FROM stock.timer) AS t WHERE t.id = h.id)
         ORDER BY 1 LIMIT 100
        """,
    )


async def closed_pools_with_free_units(tx: Tx) -> list[str]:
    return await every(
        tx,
        str,
        """
        SELECT 'level ' || l.id
          FROM stock.level AS l JOIN stock.pool AS p ON p.id = l.pool_id
         WHERE NOT p.is_open AND l.quantity > l.held + l.allocated
         ORDER BY l.id LIMIT 100
        """,
    )
