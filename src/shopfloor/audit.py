"""`shopfloor audit`: the invariants of a whole installation, each with its figures and the keys that break it.

Every module audits what it owns; here they are set beside each other and the outbox beside the lake.
"""

import asyncio
import json
from collections.abc import Iterable
from typing import Any, Final

from rich.console import Console

from shopfloor import (
    auctions,
    collector,
    disputes,
    fapiao,
    giveaways,
    integrity,
    inventory,
    invoicing,
    live_counters,
    media,
    order_edits,
    orders,
    pickups,
    polls,
    promotions,
    reconciliation,
    returns,
    shop_borders,
    statements,
    stock,
    stock_control,
    supply,
    tills,
)
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.invariants import Invariant
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.startup import prepared_database

FACTS_AT_ONCE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant: whether it holds, the figures behind it, and at most a hundred keys that break it."""

    area: str
    name: str
    passed: bool
    figures: dict[str, int]
    offending: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "area": self.area,
            "name": self.name,
            "passed": self.passed,
            "figures": self.figures,
            "offending": list(self.offending),
        }


def of_installation(settings: Settings) -> list[Finding]:
    """All checks of the installation that the settings name, with its database started when it must be."""

    async def check(dsn: str) -> list[Finding]:
        db = Database(dsn, settings.database_pool)
        await db.open()
        try:
            return await run(db, settings)
        finally:
            await db.close()

    with prepared_database(settings) as dsn:
        return asyncio.run(check(dsn))


def as_json(findings: list[Finding]) -> str:
    return json.dumps([finding.as_dict() for finding in findings], ensure_ascii=False)


async def run(db: Database, settings: Settings) -> list[Finding]:
    """All checks.  The database is looked at in one snapshot; files afterwards, so that what arrives meanwhile
    is no complaint.
    """
    with collector.FactIds(settings.lake_dir) as delivered:
        return await _run(db, settings, delivered)


async def _run(db: Database, settings: Settings, delivered: collector.FactIds) -> list[Finding]:
    async with db.transaction() as tx:
        await tx.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        ledger = await stock.audit(tx)
        books = await inventory.books(tx)
        worked_on = await stock_control.audit(tx)
        ordered = await orders.audit(tx)
        discounted = await promotions.audit(tx)
        drawn = await giveaways.audit(tx)
        voted = await polls.audit(tx)
        auctioned = await auctions.audit(tx)
        papers = await invoicing.audit(tx)
        asked_for = await fapiao.audit(tx)
        paid = await reconciliation.audit(tx)
        contested = await disputes.audit(tx)
        counted = await live_counters.audit(tx)
        judged = await integrity.audit(tx)
        came_back = await returns.audit(tx)
        edited = await order_edits.audit(tx)
        sold_in_stores = await tills.audit(tx)
        collected = await pickups.audit(tx)
        proven = await statements.audit(tx)
        delivery = await _outbox(tx, delivered)
        plans = await _plans(tx)
        kept = await paid_at_the_end(tx)
        borders = await _borders(tx)
        forgotten = await outbox.forgotten_until(tx)
    ledger.append(await asyncio.to_thread(books.audit, settings.archive_dir))
    lake = collector.audit(settings.lake_dir, delivered, since=forgotten)
    video = await media.audit(db, settings.recordings_dir)
    return [
        *of_area("stock", ledger),
        *of_area("stock_control", worked_on),
        *of_area("orders", ordered),
        *of_area("promotions", discounted),
        *of_area("giveaways", drawn),
        *of_area("polls", voted),
        *of_area("auctions", auctioned),
        *of_area("documents", papers),
        *of_area("fapiao", asked_for),
        *of_area("payments", paid),
        *of_area("disputes", contested),
        *of_area("live_counters", counted),
        *of_area("integrity", judged),
        *of_area("order_edits", edited),
        *of_area("returns", came_back),
        *of_area("tills", sold_in_stores),
        *of_area("pickups", collected),
        *of_area("statements", proven),
        plans,
        *kept,
        *borders,
        *delivery,
        *of_area("lake", lake),
        *of_area("media", video),
    ]


def of_area(area: str, invariants: Iterable[Invariant]) -> list[Finding]:
    """What one module says of itself."""
    return [
        Finding(area, each.name.removeprefix(f"{area}: "), each.passed, dict(each.figures), each.offending)
        for each in invariants
    ]


def _counted(area: str, name: str, looked_at: int, offending: tuple[str, ...]) -> Finding:
    [found] = of_area(area, [Invariant.counted(name, looked_at, offending)])
    return found


async def _plans(tx: Tx) -> Finding:
    """Cost, feasibility and bound of every stored plan, computed again from its order lines."""
    rows = await (await tx.connection.execute("SELECT shop_id, id FROM supply.plan ORDER BY id")).fetchall()
    wrong = [
        f"plan {plan_id}"
        for shop_id, plan_id in rows
        if not (await supply.recheck(tx, shop_id=shop_id, plan_id=plan_id)).holds
    ]
    return _counted("supply", "plans cost what they say and keep every term", len(rows), tuple(wrong[:100]))


async def paid_at_the_end(tx: Tx) -> list[Finding]:
    """What shows keep unpaid (`live.Show.keep_until`): for whom, how much, and not longer than they said.

    The ceiling is that of a browser; what somebody moved to another one of theirs is not counted against it.
    """
    cursor = await tx.connection.execute(
        """
        WITH kept AS (
            SELECT h.id, h.buyer, h.quantity, h.shop_id, s.id AS show_id, s.status, s.ended_at, s.keep_until,
                   s.unpaid_units
              FROM live.show s JOIN stock.hold h ON h.pool_id = s.pool_id
             WHERE h.limited AND h.state = 'held' AND h.expires_at = s.keep_until
        )
        SELECT (SELECT count(DISTINCT id) FROM kept),
               ARRAY(SELECT DISTINCT k.id::text FROM kept k
                      WHERE NOT EXISTS (SELECT FROM stock.proven p WHERE p.shop_id = k.shop_id AND p.buyer = k.buyer)
                      LIMIT 100),
               ARRAY(SELECT k.show_id || ' ' || k.buyer FROM kept k
                      WHERE NOT EXISTS (SELECT FROM customers.browser b
                                          JOIN customers.browser o
                                            ON o.shop_id = b.shop_id AND o.customer_id = b.customer_id
                                         WHERE b.shop_id = k.shop_id AND b.shopper = k.buyer AND o.shopper <> b.shopper)
                      GROUP BY k.show_id, k.buyer HAVING sum(k.quantity) > min(k.unpaid_units) LIMIT 100),
               ARRAY(SELECT DISTINCT k.id::text FROM kept k
                      WHERE k.status = 'ended' AND k.ended_at < k.keep_until LIMIT 100)
        """
    )
    looked_at, unknown, above, late = await cursor.fetchone() or (0, [], [], [])
    return [
        _counted(
            "live", "what is kept for the end is kept for buyers the shop knows", looked_at, tuple(unknown)
        ),
        _counted(
            "live", "what is kept for the end stays within the ceiling of its show", looked_at, tuple(above)
        ),
        _counted("live", "nothing is kept for the end of a show that is over", looked_at, tuple(late)),
    ]


async def _borders(tx: Tx) -> list[Finding]:
    """By module: rows that name a row of another shop."""
    schemas = sorted({reference.table.split(".")[0] for reference in await shop_borders.references(tx)})
    found = [(schema, await shop_borders.crossed(tx, schema=schema)) for schema in schemas]
    return [
        _counted(schema, "no row names a row of another shop", each.looked_at, each.offending)
        for schema, each in found
    ]


async def _outbox(tx: Tx, delivered: collector.FactIds) -> list[Finding]:
    """What no consumer could take; the facts that the lake's consumer has been given go to `delivered`, some at a
    time, so that the memory this takes does not grow with the shop.
    """
    cursor = await tx.value("SELECT position FROM kernel.consumer WHERE name = 'lake'") or 0
    async with tx.connection.cursor(name="facts") as facts:
        await facts.execute("SELECT fact_id FROM kernel.outbox WHERE position <= %s", (cursor,))
        while rows := await facts.fetchmany(FACTS_AT_ONCE):
            delivered.add(fact_id for (fact_id,) in rows)
    parked = await (
        await tx.connection.execute("SELECT consumer || ' ' || fact_id || ' ' || error FROM kernel.parked")
    ).fetchall()
    waiting = await tx.value(
        "SELECT count(*) FROM kernel.outbox WHERE position IS NULL OR position > %(at)s", at=cursor
    )
    found = Finding(
        "outbox",
        "every fact was taken by every consumer",
        not parked,
        {"delivered": len(delivered), "waiting": waiting, "parked": len(parked)},
        tuple(str(row[0]) for row in parked[:100]),
    )
    return [found]


def show(findings: list[Finding]) -> None:
    """A line for each check, and under a failed one the keys that break it."""
    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        mark = "[green]holds[/green]" if finding.passed else "[bold red]FAILS[/bold red]"
        figures = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in finding.figures.items())
        console.print(f"{mark}  {finding.area}: {finding.name} ({figures})")
        for key in finding.offending:
            console.print(f"         {key}", style="red")
    failed = sum(not finding.passed for finding in findings)
    verdict = "all hold" if not failed else f"{failed} FAIL"
    console.print(f"\n{len(findings)} invariants checked, {verdict}.")
