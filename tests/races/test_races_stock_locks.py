"""Levels are locked in one order, whatever the ids of pools are."""

import asyncio
from typing import Any

import pytest

from shopfloor.kernel.database import Database
from shopfloor.stock import batch_sql, queries

SHOP, HANFU = 1, 101


async def a_shop_whose_open_pool_is_younger(db: Database) -> tuple[int, int]:
    """(show pool, open pool): a restored or imported shop need not have made them in the usual order."""
    async with db.transaction() as tx:
        place = await tx.value(
            "INSERT INTO stock.location (shop_id, name, kind) VALUES (1, 'warehouse', 'warehouse') RETURNING id"
        )
        show = await tx.value(
            "INSERT INTO stock.pool (shop_id, name, kind, show_id) VALUES (1, 'show', 'show', 1) RETURNING id"
        )
        open_pool = await tx.value(
            "INSERT INTO stock.pool (shop_id, name, kind) VALUES (1, 'open', 'open') RETURNING id"
        )
        await tx.run(
            "UPDATE stock.pool SET lender_id = %(lender)s WHERE id = %(show)s", lender=open_pool, show=show
        )
        for pool, kind, ready_on, source in (
            (show, "on_hand", None, ""),
            (open_pool, "incoming", "2026-12-24", "po"),
        ):
            await tx.run(
                """
                INSERT INTO stock.level (shop_id, variant_id, location_id, pool_id, kind, ready_on, source)
                VALUES (1, 101, %(place)s, %(pool)s, %(kind)s::text::stock.lot_kind, %(ready_on)s::text::date, %(source)s)
                """,
                place=place, pool=pool, kind=kind, ready_on=ready_on, source=source,
            )  # fmt: skip
    return show, open_pool


async def waits(db: Database, pid: int, work: "asyncio.Future[Any]") -> None:
    """Until that connection waits for a lock, or has done its work without."""
    async with asyncio.timeout(20):
        while not work.done():
            async with db.transaction() as tx:
                if await tx.value("SELECT cardinality(pg_blocking_pids(%(pid)s)) > 0", pid=pid):
                    return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("everything", [True, False], ids=["both pools", "all of the variant"])
async def test_a_purchase_that_borrows_and_a_transfer_do_not_lock_each_other_out(
    database: Database, everything: bool
) -> None:
    """The purchase locks the pool of its show, finds it short and goes on to the lender; the other wants both."""
    show, open_pool = await a_shop_whose_open_pool_is_younger(database)
    assert show < open_pool
    pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def the_other() -> list[int]:
        async with database.transaction() as tx:
            pid.set_result(await tx.value("SELECT pg_backend_pid()"))
            levels = await queries.lock_levels_of(
                tx, shop_id=SHOP, pool_ids=[show, open_pool] if everything else None, variant_ids=[HANFU]
            )
            return [level.pool_id for level in levels]

    async with database.transaction() as tx:
        first = await (
            await batch_sql.lock_levels(tx, pool_ids=[show], lenders_too=False, variant_ids=[HANFU])
        ).fetchall()
        other = asyncio.ensure_future(the_other())
        await waits(database, await pid, other)
        lent = await (await batch_sql.lock_lent(tx, pool_ids=[show], variant_ids=[HANFU])).fetchall()
    locked = await asyncio.wait_for(other, 20)

    assert ([shelf.pool_id for shelf in first], [shelf.pool_id for shelf in lent]) == ([show], [open_pool])
    assert locked == [show, open_pool]
