"""Rows that name a row of another shop: the audit finds them in every column that can, in a shop full of data."""

from collections.abc import AsyncIterator

import pytest
from psycopg import sql
from tests.upgrade.conftest import Left

from shopfloor import audit, shop_borders
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.migrations import MIGRATIONS, migrate
from shopfloor.kernel.settings import Settings


@pytest.fixture
async def db(left: Left) -> AsyncIterator[Database]:
    migrate(left.dsn)
    db = Database(left.dsn)
    await db.open()
    yield db
    await db.close()


class _Undone(Exception):
    """Takes back what was only done to be found."""


async def carry_over(tx: Tx, reference: shop_borders.Reference) -> bool:
    """Give what some row names to another shop, past every key and trigger; False when no row names anything."""
    await tx.run("SET LOCAL session_replication_role = replica")
    table, target, column = reference.target, reference.target, sql.Identifier("row", reference.column)
    row = await (
        await tx.connection.execute(
            sql.SQL('SELECT {} FROM {} AS "row" JOIN {} AS target ON target.id = {} LIMIT 1').format(
                column, sql.Identifier(*reference.table.split(".")), sql.Identifier(*table.split(".")), column
            )
        )
    ).fetchone()
    if row is None:
        return False
    await tx.connection.execute(
        sql.SQL("UPDATE {} SET shop_id = 2 WHERE id = %s").format(sql.Identifier(*target.split("."))), row
    )
    return True


async def test_every_row_that_crosses_shops_is_found(db: Database) -> None:
    async with db.transaction() as tx:
        every = await shop_borders.references(tx)
    carried: set[str] = set()
    found: set[str] = set()
    for reference in every:
        try:
            async with db.transaction() as tx:
                if await carry_over(tx, reference):
                    carried.add(reference.name)
                    crossed = await shop_borders.crossed(tx, schema=reference.table.split(".")[0])
                    found |= {
                        reference.name for each in crossed.offending if each.startswith(f"{reference.name} ")
                    }
                raise _Undone
        except _Undone:
            pass

    assert carried - found == set()
    # Of the others the filled shop has no row.
    assert len(carried) > 45


async def test_the_audit_says_so(left: Left, db: Database) -> None:
    settings = Settings(data_dir=left.data_dir, database_url=left.dsn)
    async with db.transaction() as tx:
        await tx.run("SET LOCAL session_replication_role = replica")
        await tx.run("UPDATE catalog.product SET shop_id = 2 WHERE id = 1")

    findings = await audit.run(db, settings)

    wrong = [finding for finding in findings if not finding.passed]
    assert {(finding.area, finding.name) for finding in wrong} >= {
        ("live", "no row names a row of another shop")
    }
    [live] = [finding for finding in wrong if finding.area == "live"]
    assert live.offending[0] == "live.offer.product_id 1 of shop 2 named in shop 1"


async def test_a_column_that_nothing_knows_is_no_silence(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.run("ALTER TABLE live.slot ADD COLUMN sofa_id bigint")
    async with db.transaction() as tx:
        with pytest.raises(shop_borders.Undeclared, match=r"live\.slot\.sofa_id"):
            await shop_borders.references(tx)


async def unproven(tx: Tx) -> list[tuple[str, str]]:
    cursor = await tx.connection.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE NOT convalidated ORDER BY 1, 2"
    )
    return await cursor.fetchall()


async def test_every_key_is_proven_and_a_row_that_breaks_one_stops_no_upgrade(db: Database) -> None:
    [step] = MIGRATIONS.glob("*.orders.in_shop_valid.sql")
    proving = step.read_bytes()
    async with db.transaction() as tx:
        assert await unproven(tx) == []
        # A note of one shop at an order of another, from before the key that refuses it.
        await tx.run("SET LOCAL session_replication_role = replica")
        await tx.run(
            """
            INSERT INTO backoffice.note (id, shop_id, order_id, text, actor)
            SELECT gen_random_uuid(), 2, id, 'Call first', 'person:1' FROM orders.orders LIMIT 1
            """
        )
        await tx.run("SET LOCAL session_replication_role = origin")
        for table, key in [
            ("backoffice.note", "note_order_in_shop"),
            ("returns.units", "units_order_in_shop"),
        ]:
            name, constraint = sql.Identifier(*table.split(".")), sql.Identifier(key)
            await tx.connection.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(name, constraint))
            await tx.connection.execute(
                sql.SQL(
                    "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY (shop_id, order_id)"
                    " REFERENCES orders.orders (shop_id, id) NOT VALID"
                ).format(name, constraint)
            )

    async with db.transaction() as tx:
        await tx.connection.execute(proving)
        assert await unproven(tx) == [("backoffice.note", "note_order_in_shop")]
        crossed = await shop_borders.crossed(tx, schema="backoffice")
        assert [each.split()[0] for each in crossed.offending] == ["backoffice.note.order_id"]
        cursor = await tx.connection.execute(
            "SELECT DISTINCT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'returns.units'::regclass"
        )
        assert set(await cursor.fetchall()) <= {("ShareUpdateExclusiveLock",), ("AccessShareLock",)}

        # Notes are never deleted otherwise.
        await tx.run("SET LOCAL session_replication_role = replica")
        await tx.run("DELETE FROM backoffice.note")
        await tx.connection.execute(proving)
        assert await unproven(tx) == []
