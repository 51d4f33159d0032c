"""Bundles and loose units after the same last units, from several processes: whole bundles, exact counts."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from uuid import uuid4

from shopfloor import inventory, stock
from shopfloor.kernel.database import Database
from shopfloor.stock import Intake

SHOP = 1
POT, CUP = 101, 102
# What each kind of wish asks for: (variant, units, unit price, bundle).  A tea set costs 7,951.
WISHES = {
    "tea set": ((POT, 1, 6_000, 7), (CUP, 1, 976, 7), (CUP, 1, 975, 7)),
    "three cups": ((CUP, 3, 900, 8),),
    "a cup": ((CUP, 1, 1_500, None),),
}
CUPS, POTS = 70, 12
EACH = 40


def wish(pool: int, kind: str) -> stock.Request:
    return stock.Request(
        id=uuid4(),
        shop_id=SHOP,
        pool_id=pool,
        buyer=uuid4(),
        lines=tuple(stock.Line(variant, units, bundle) for variant, units, _, bundle in WISHES[kind]),
        hold_seconds=300,
        unit_prices=tuple(price for _, _, price, _ in WISHES[kind]),
    )


async def a_process_of_buyers(dsn: str, pool: int) -> dict[str, int]:
    """So many wishes of each kind, mixed; how many of each were held, and why the others were not."""
    intake = Intake(dsn)
    await intake.open()
    kinds = [kind for _ in range(EACH) for kind in WISHES]
    answers = await asyncio.gather(*[intake.submit(wish(pool, kind)) for kind in kinds])
    await intake.close()
    return Counter(
        f"{kind} held" if isinstance(answer, stock.Held) else answer.code
        for kind, answer in zip(kinds, answers, strict=True)
    )


def processes(number: int, dsn: str, pool: int) -> Counter[str]:
    running = [
        subprocess.Popen([sys.executable, str(Path(__file__)), dsn, str(pool)], stdout=subprocess.PIPE)
        for _ in range(number)
    ]
    total: Counter[str] = Counter()
    for process in running:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        total += Counter(json.loads(output))
    return total


async def test_bundles_and_loose_units_compete_for_the_last_ones(database: Database, dsn: str) -> None:
    async with database.transaction() as tx:
        place = await inventory.add_location(
            tx, shop_id=SHOP, name="warehouse", kind=inventory.LocationKind.WAREHOUSE
        )
        for variant_id, units in ((POT, POTS), (CUP, CUPS)):
            await inventory.receive(
                tx, shop_id=SHOP, location_id=place.id, variant_id=variant_id, quantity=units
            )
        pool = (await inventory.open_pool(tx, shop_id=SHOP)).id

    outcomes = await asyncio.to_thread(processes, 3, dsn, pool)

    sets, threes, ones = (outcomes[f"{kind} held"] for kind in WISHES)
    assert outcomes["stock.sold_out"] == 3 * EACH * len(WISHES) - sets - threes - ones
    # 120 single cups were asked for: whatever the order of arrival, the last cup is sold.
    assert 2 * sets + 3 * threes + ones == CUPS
    assert sets <= POTS
    async with database.transaction() as tx:
        levels = {
            level.variant_id: level
            for level in await inventory.levels(tx, shop_id=SHOP, variant_ids=[POT, CUP])
        }
        cursor = await tx.connection.execute(
            """
            SELECT count(*), min(pots), max(pots), min(cups), max(cups), min(price), max(price)
              FROM (SELECT sum(quantity) FILTER (WHERE variant_id = %(pot)s) AS pots,
                           sum(quantity) FILTER (WHERE variant_id = %(cup)s) AS cups,
                           sum(quantity * unit_price) AS price
                      FROM stock.hold WHERE bundle_id = 7 GROUP BY id) AS sold
            """,
            {"pot": POT, "cup": CUP},
        )
        whole = await cursor.fetchone()
        broken = [check.name for check in await stock.audit(tx) if not check.passed]
    assert (levels[POT].held, levels[CUP].held) == (sets, CUPS)
    assert whole == (sets, 1, 1, 2, 2, 7_951, 7_951)
    assert broken == []


if __name__ == "__main__":
    print(json.dumps(asyncio.run(a_process_of_buyers(sys.argv[1], int(sys.argv[2])))))
