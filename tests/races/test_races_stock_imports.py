"""Two files with counts at the same moment: the books are as one of them says, whole, and the other is told."""

import asyncio
from collections import Counter

from tests.waiting import soon

from shopfloor import inventory, stock
from shopfloor.inventory import CountStale, imports
from shopfloor.kernel.database import Database

SHOP = 1
VARIANTS = range(301, 306)
FIRST, OTHER = dict.fromkeys(VARIANTS, 10), dict.fromkeys(VARIANTS, 7)


async def a_place(db: Database) -> int:
    async with db.transaction() as tx:
        place = await inventory.add_location(
            tx, shop_id=SHOP, name="warehouse", kind=inventory.LocationKind.WAREHOUSE
        )
        # On some shelves there is something already, on others nothing ever was.
        for variant in list(VARIANTS)[:2]:
            await inventory.receive(tx, shop_id=SHOP, location_id=place.id, variant_id=variant, quantity=4)
        return place.id


async def take(db: Database, place: int, units: dict[int, int]) -> int | None:
    """How many numbers it changed; None where units came or went meanwhile."""
    try:
        async with db.transaction() as tx:
            return await imports.count_imported(tx, shop_id=SHOP, location_id=place, units=units)
    except CountStale:
        return None


async def books(db: Database) -> tuple[dict[int, int], int]:
    """Units by variant, and how many counts are on record; every level is the sum of its movements."""
    async with db.transaction() as tx:
        levels = await inventory.levels(tx, shop_id=SHOP)
        counts = await tx.value("SELECT count(*) FROM stock.movement WHERE reason = 'import'")
        assert [check for check in await stock.audit(tx) if not check.passed] == []
    found: Counter[int] = Counter()
    for level in levels:
        found[level.variant_id] += level.quantity
    return dict(found), counts


async def waits_for_a_lock(db: Database) -> bool | None:
    async with db.transaction() as tx:
        waiting = await tx.value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    return waiting > 0 or None


async def test_who_read_before_the_other_committed_writes_nothing(database: Database) -> None:
    place = await a_place(database)
    async with database.transaction() as tx:
        assert await imports.count_imported(tx, shop_id=SHOP, location_id=place, units=FIRST) == 5
        late = asyncio.create_task(take(database, place, OTHER))
        await soon("the other waits", lambda: waits_for_a_lock(database))

    assert await late is None
    assert await books(database) == (FIRST, 5)
    # Asked again, it counts what is there now.
    assert await take(database, place, OTHER) == 5
    assert await books(database) == (OTHER, 10)


async def test_the_same_file_at_once_is_counted_once_and_two_files_never_mix(database: Database) -> None:
    place = await a_place(database)
    told = await asyncio.gather(*(take(database, place, FIRST) for _ in range(6)))
    assert sorted(each for each in told if each) == [5]
    assert await books(database) == (FIRST, 5)

    for _ in range(5):
        done = await asyncio.gather(*(take(database, place, units) for units in (FIRST, OTHER, FIRST, OTHER)))
        found, _ = await books(database)
        assert found in (FIRST, OTHER), done
        assert any(each is not None for each in done)
