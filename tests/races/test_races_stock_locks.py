"""Levels are locked in one order, whatever the ids of pools are and in whatever order they are named."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from psycopg import errors
from tests.waiting import PATIENCE

from shopfloor.inventory import pool_queries
from shopfloor.inventory import queries as levels_sql
from shopfloor.inventory.models import LotKind
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.values import new_id
from shopfloor.stock import batch_sql, queries
from shopfloor.stock.batch import Decision

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
        # The level that is locked last lies first on the disk.
        for pool, kind, ready_on, source in (
            (open_pool, "incoming", "2026-12-24", "po"),
            (show, "on_hand", None, ""),
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
    async with asyncio.timeout(PATIENCE):
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
            levels = await levels_sql.lock_levels_of(
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
    locked = await asyncio.wait_for(other, PATIENCE)

    assert ([shelf.pool_id for shelf in first], [shelf.pool_id for shelf in lent]) == ([show], [open_pool])
    assert locked == [show, open_pool]


async def moved(tx: Tx, level_ids: list[int]) -> None:
    nothing = [0, 0]
    written = await levels_sql.move(
        tx, kind="adjusted", reason="", level_ids=level_ids, quantity=[1, 1], held=nothing, allocated=nothing,
        shortfall=nothing,
    )  # fmt: skip
    assert written == 2


async def dated(tx: Tx, level_ids: list[int]) -> None:
    await levels_sql.set_lot(tx, level_ids=level_ids, kind=LotKind.INCOMING, ready_on=date(2027, 1, 2))


async def granted(tx: Tx, level_ids: list[int]) -> None:
    nobody = batch_sql.grants(
        Decision(answers=[]), taken=[(level_id, 0) for level_id in level_ids], at=datetime.now(UTC)
    )
    await batch_sql.write_grants(tx, nobody)


@pytest.mark.parametrize("write", [moved, dated, granted])
async def test_what_writes_several_levels_locks_them_in_the_one_order_by_itself(
    database: Database, write: Callable[[Tx, list[int]], Awaitable[None]]
) -> None:
    """Where its caller's locks are gone (each statement a transaction of its own), it waits for the first of them
    and has none of the others meanwhile.
    """
    show, open_pool = await a_shop_whose_open_pool_is_younger(database)
    async with database.transaction() as tx:
        by_pool = {
            level.pool_id: level.id for level in await levels_sql.levels(tx, shop_id=SHOP, variant_ids=None)
        }
    first, last = by_pool[show], by_pool[open_pool]
    assert last < first
    pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def the_other() -> None:
        async with database.transaction() as tx:
            pid.set_result(await tx.value("SELECT pg_backend_pid()"))
            await write(tx, [last, first])

    async with database.transaction() as tx:
        await levels_sql.levels_by_id(tx, level_ids=[first], lock=True)
        other = asyncio.ensure_future(the_other())
        await waits(database, await pid, other)
        assert not other.done()
        await tx.run("SELECT FROM stock.level WHERE id = %(last)s FOR NO KEY UPDATE NOWAIT", last=last)
    await asyncio.wait_for(other, PATIENCE)


async def test_what_lengthens_several_holds_locks_them_in_the_order_of_their_ids(database: Database) -> None:
    show, _ = await a_shop_whose_open_pool_is_younger(database)
    first, last = sorted((new_id(), new_id()))
    async with database.transaction() as tx:
        (level_id,) = [
            level.id
            for level in await levels_sql.levels(tx, shop_id=SHOP, variant_ids=None)
            if level.pool_id == show
        ]
        # The last one lies first on the disk.
        for hold_id in (last, first):
            await tx.run(
                """
                INSERT INTO stock.hold (id, part, lot_kind, quantity, shop_id, pool_id, level_id, variant_id, unit_price,
                                        limited, buyer, granted_at, expires_at)
                VALUES (%(id)s, 0, 'on_hand', 1, 1, %(pool)s, %(level)s, 101, 100, false, %(id)s, now(), now())
                """,
                id=hold_id, pool=show, level=level_id,
            )  # fmt: skip
    pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def the_other() -> list[UUID]:
        async with database.transaction() as tx:
            # However few rows the planner thinks there are.
            await tx.run("SET LOCAL enable_indexscan = off")
            await tx.run("SET LOCAL enable_bitmapscan = off")
            pid.set_result(await tx.value("SELECT pg_backend_pid()"))
            return await queries.set_expiry(tx, ids=[last, first], seconds=60)

    async with database.transaction() as tx:
        await queries.lock_rows(tx, ids=[first])
        other = asyncio.ensure_future(the_other())
        await waits(database, await pid, other)
        assert not other.done()
        await tx.run("SELECT FROM stock.hold WHERE id = %(last)s FOR UPDATE NOWAIT", last=last)
    assert set(await asyncio.wait_for(other, PATIENCE)) == {first, last}


@pytest.mark.parametrize("lock", ["of the show", "by its id"])
async def test_who_ends_a_show_keeps_out_decisions_but_not_what_was_decided_ahead(
    database: Database, lock: str
) -> None:
    """A purchase that was decided ahead has its level when its foreign key asks for the pool; who ends the show has the
    pool when it asks for the level.  So the foreign key must not wait; who decides under the lock does.
    """
    show, _ = await a_shop_whose_open_pool_is_younger(database)
    async with database.transaction() as ending:
        if lock == "of the show":
            await pool_queries.lock_pool_of_show(ending, shop_id=SHOP, show_id=1)
        else:
            await pool_queries.lock_pool(ending, shop_id=SHOP, pool_id=show)
        async with database.transaction() as tx:
            await tx.run("SELECT FROM stock.pool WHERE id = %(id)s FOR KEY SHARE NOWAIT", id=show)
        with pytest.raises(errors.LockNotAvailable):
            async with database.transaction() as tx:
                await tx.run("SELECT FROM stock.pool WHERE id = %(id)s FOR SHARE NOWAIT", id=show)
