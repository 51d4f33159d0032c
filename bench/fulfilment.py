"""Two hundred parcels after a show: picked, listed, labelled, packed and shipped by the buttons of the console.

Everything is committed (fsync is real).  Beside it stands what the least could be: one statement and one commit for
each parcel and step, which books no units, writes no history and tells nobody.  The ratio is what all of that costs.
PDFs are made in this process; in a shop a worker makes them.

The last line is JSON.  Exit status 1 when all of it takes more than ten seconds.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from uuid import UUID

import click

from shopfloor import catalog, documents, fulfilment, inventory, orders, stock, warehouse
from shopfloor.documents import SheetKind
from shopfloor.fulfilment import State
from shopfloor.kernel.database import Database
from shopfloor.kernel.jobs import queries
from shopfloor.kernel.jobs.service import Run
from shopfloor.kernel.migrations import migrate
from shopfloor.kernel.outbox import drain, each
from shopfloor.kernel.postgres import EmbeddedPostgres
from shopfloor.kernel.values import new_id
from shopfloor.warehouse.sheets import SHEET, OfSheet

ME = "person:1"
MOST = 10.0


async def sold(db: Database, count: int) -> int:
    """A shop with so many paid orders of one or two things.  Returns the shop."""
    async with db.transaction() as tx:
        shop_id = await tx.value(
            """
            INSERT INTO accounts.shop (slug, name, currency, locale, timezone)
            VALUES ('bench', 'Bench', 'CNY', 'zh-CN', 'Asia/Shanghai') RETURNING id
            """
        )
        coat = await catalog.create_product(
            tx,
            status=catalog.Status.ACTIVE,
            shop_id=shop_id,
            title="亚麻外套",
            kind=catalog.Kind.SIZED,
            option_names=["Size"],
        )
        variants = [
            await catalog.add_variant(
                tx, shop_id=shop_id, product_id=coat.id,
                variant=catalog.NewVariant(price_minor=12_900, options=[size], sku=f"COAT-{size}"),
            )
            for size in ("S", "M", "L")
        ]  # fmt: skip
        place = await inventory.add_location(
            tx, shop_id=shop_id, name="Warehouse", kind=inventory.LocationKind.WAREHOUSE
        )
        for variant in variants:
            await inventory.receive(
                tx, shop_id=shop_id, location_id=place.id, variant_id=variant.id, quantity=2 * count
            )
        pool = next(
            pool
            for pool in await inventory.pools(tx, shop_id=shop_id)
            if pool.kind == inventory.PoolKind.OPEN
        )
    for number in range(count):
        chosen = [variants[number % 3], variants[(number + 1) % 3]][: 1 + number % 2]
        request = stock.Request(
            id=new_id(), shop_id=shop_id, pool_id=pool.id, buyer=new_id(),
            lines=tuple(stock.Line(variant.id, 1) for variant in chosen), hold_seconds=600,
            unit_prices=tuple(variant.price_minor for variant in chosen),
        )  # fmt: skip
        async with db.transaction() as tx:
            await stock.reserve(tx, [request])
        form = orders.Form(
            name=f"王小明 {number}", phone="+86 139 1234 5678", delivery=fulfilment.Delivery.SHIP,
            address=orders.Address("文三路 123 号 5 幢 602", "杭州", "310000", "浙江", "CN"),
        )  # fmt: skip
        order = await orders.complete(
            db, shop_id=shop_id, hold_id=request.id, shopper=request.buyer, form=form
        )
        async with db.transaction() as tx:
            await orders.mark_paid(tx, shop_id=shop_id, order_id=order.id, amount=order.total, actor=ME)
    await drain(db, [each("parcels", orders.HEARD["parcels"])])
    return shop_id


async def step(db: Database, shop_id: int, ids: list[UUID], to: State) -> None:
    async with db.transaction() as tx:
        await fulfilment.step(tx, shop_id=shop_id, parcel_ids=ids, to=to, actor=ME)


async def printed(db: Database, shop_id: int, ids: list[UUID], kind: SheetKind) -> int:
    """Bytes of the PDF."""
    async with db.transaction() as tx:
        sheet_id = await warehouse.sheets.ask(tx, shop_id=shop_id, kind=kind, parcel_ids=ids)
        await queries.begin(tx, name=SHEET.name, key=str(sheet_id), run=(run := new_id()), attempt=0)
    await warehouse.sheets.make(Run(db, SHEET, str(sheet_id), run), OfSheet(shop_id, sheet_id))
    async with db.transaction() as tx:
        return len((await documents.sheet_file(tx, shop_id=shop_id, sheet_id=sheet_id)).content)


async def naive(db: Database, ids: list[UUID]) -> None:
    async with db.transaction() as tx:
        await tx.run("CREATE TABLE IF NOT EXISTS public.naive (id uuid PRIMARY KEY, state text)")
        await tx.many(
            "INSERT INTO public.naive VALUES (%(id)s, 'to_pick')", [{"id": each_id} for each_id in ids]
        )
    for state in ("picked", "packed", "shipped"):
        for parcel_id in ids:
            async with db.transaction() as tx:
                await tx.run(
                    "UPDATE public.naive SET state = %(state)s WHERE id = %(id)s", state=state, id=parcel_id
                )


async def timed(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return round(time.perf_counter() - began, 3)


async def measure(dsn: str, count: int) -> dict[str, float]:
    db = Database(dsn)
    await db.open()
    try:
        shop_id = await sold(db, count)
        async with db.transaction() as tx:
            ids = await warehouse.matching(tx, shop_id=shop_id, state="to_pick")
        assert len(ids) == count, f"{len(ids)} parcels"
        found = {
            "pick list": await timed(printed(db, shop_id, ids, SheetKind.PICK_LIST)),
            "picked": await timed(step(db, shop_id, ids, State.PICKED)),
            "packing slips": await timed(printed(db, shop_id, ids, SheetKind.PACKING_SLIP)),
            "labels": await timed(printed(db, shop_id, ids, SheetKind.LABEL)),
            "packed": await timed(step(db, shop_id, ids, State.PACKED)),
            "shipped": await timed(
                warehouse.send_parcels(db, shop_id=shop_id, parcel_ids=ids, actor=ME, carrier="DHL")
            ),
        }
        found["all"] = round(sum(found.values()), 3)
        least = await timed(naive(db, ids))
        async with db.transaction() as tx:
            broken = [
                check.name for check in [*await orders.audit(tx), *await stock.audit(tx)] if not check.passed
            ]
        assert not broken, broken
        buttons = found["picked"] + found["packed"] + found["shipped"]
        return found | {
            "one statement and commit a step": least,
            "ratio of the buttons to it": round(buttons / least, 2),
        }
    finally:
        await db.close()


@click.command()
@click.option("--parcels", default=200, show_default=True)
def main(parcels: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o711)
        with EmbeddedPostgres(Path(place)) as server:
            migrate(server.dsn)
            found = asyncio.run(measure(server.dsn, parcels))
    for name, value in found.items():
        print(f"{name:<34} {value:8.3f}")
    broken = ["all"] if found["all"] > MOST else []
    print(json.dumps({"bench": "fulfilment", "parcels": parcels, **found, "broken": broken}))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
