"""A shop that the previous release filled, brought to today's schema."""

from collections import Counter

import psycopg
from tests.upgrade.conftest import Left

from shopfloor import accounts, audit, catalog, inventory, order_lists
from shopfloor.kernel.database import Database
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.settings import Settings

# The three movements of a ledger, the facts, the events of money: what must not change by an upgrade.
BOOKS = (
    "SELECT variant_id, quantity, held, allocated FROM stock.level ORDER BY 1, 2, 3, 4",
    "SELECT id, state, quantity FROM stock.hold ORDER BY id",
    "SELECT fact_id, name, position FROM kernel.outbox ORDER BY position",
)


async def test_the_books_are_what_they_were_and_the_audit_passes(left: Left) -> None:
    with psycopg.connect(left.dsn) as connection:
        before = [connection.execute(query).fetchall() for query in BOOKS]
    assert [len(rows) for rows in before] == [15, 11, 129]

    migrate(left.dsn)
    again = migrate(left.dsn)

    assert again == []
    with psycopg.connect(left.dsn) as connection:
        assert [connection.execute(query).fetchall() for query in BOOKS] == before
    db = Database(left.dsn)
    await db.open()
    try:
        findings = await audit.run(db, Settings(data_dir=left.data_dir, database_url=left.dsn))
    finally:
        await db.close()
    assert [
        (finding.area, finding.name, finding.offending) for finding in findings if not finding.passed
    ] == []
    figures = {finding.name: finding.figures for finding in findings}
    assert figures["every outbox fact is in the lake exactly once"]["facts"] == 129
    assert figures["every recorded segment matches its hash"]["segments"] == 6


async def test_todays_code_reads_what_was_written(left: Left) -> None:
    migrate(left.dsn)
    db = Database(left.dsn)
    await db.open()
    try:
        async with db.transaction() as tx:
            shop = await accounts.shop_by_slug(tx, "harbour")
            second = await accounts.shop_by_slug(tx, "second")
            goods = await catalog.products(tx, shop_id=shop.id)
            sold = await order_lists.orders(tx, shop_id=shop.id)
            levels = await inventory.levels(tx, shop_id=shop.id)
    finally:
        await db.close()
    assert (shop.name, shop.currency, second.currency) == ("Harbour & Kiln 港口窑", "CNY", "JPY")
    assert [product.title for product in goods] == ["Linen shirt", "Tea bowl", "Gift set"]
    assert Counter(str(order.status) for order in sold) == {
        "paid": 2, "shipped": 2, "delivered": 1, "placed": 1, "cancelled": 1,
    }  # fmt: skip
    assert len(levels) == 15
