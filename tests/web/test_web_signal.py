"""The way of a signal: browser → collector → lake → figures → demand → plan → purchase order → lot → card.

Real parts, one process, and every call out of one module into another written down while they work.  There is one
hand on the way: the merchant's, who accepts the plan.  docs/architecture.md draws it.
"""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from uuid import UUID, uuid4

import httpx
import pytest
from tests.jobs import PATIENCE, drain
from tests.waiting import soon
from tests.web.conftest import Stage

import shopfloor
from shopfloor import auth, collector, inventory, job_handlers, live, run_of_show, stock, supply, wiring
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Database
from shopfloor.kernel.services import services_in
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.values import now
from shopfloor.rooms import Beat, Rooms
from shopfloor.rooms.presence import BeatKind

SOURCE = str(Path(shopfloor.__file__).parent) + os.sep
DOCUMENT = Path(__file__).parents[2] / "docs" / "architecture.md"


class Borders:
    """Which function of which module was entered from which other one, in each stage."""

    def __init__(self) -> None:
        self.stages: dict[str, set[str]] = {}
        self._found: set[str] = set()

    @contextmanager
    def stage(self, name: str) -> Generator[None]:
        self._found = self.stages.setdefault(name, set())
        threading.setprofile(self)
        sys.setprofile(self)
        # Threads that are there already are not listened to.
        loop, own = asyncio.get_running_loop(), ThreadPoolExecutor()
        loop.set_default_executor(own)
        try:
            yield
        finally:
            loop.set_default_executor(ThreadPoolExecutor())
            own.shutdown()
            sys.setprofile(None)
            threading.setprofile(None)  # pyright: ignore[reportArgumentType]

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(SOURCE):
            return
        holder, _, last = code.co_qualname.rpartition(".")
        if last.startswith("<") or (last.startswith("_") and last != "__call__"):
            return
        # Reading what a value says of itself is no way.
        if holder and isinstance(vars(type(frame.f_locals.get("self"))).get(last), property):
            return
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(SOURCE):
            caller = caller.f_back
        file = code.co_filename.removeprefix(SOURCE)
        here = _module(file)
        there = "" if caller is None else _module(caller.f_code.co_filename.removeprefix(SOURCE))
        if not there and last == "__call__":
            there = "browser"
        # Every look at stock reads its books, sooner or later.
        if (
            there
            and there != here
            and "kernel" not in {here, there}
            and (there, here) != ("stock", "inventory")
        ):
            self._found.add(f"{there} → {here}, {file.partition(os.sep)[2]}:{code.co_qualname}")

    def __str__(self) -> str:
        return "\n".join(
            line
            for name, found in self.stages.items()
            for line in (name, *(f"    {each}" for each in sorted(found)))
        )


def _module(file: str) -> str:
    return file.partition(os.sep)[0].removesuffix(".py")


async def deliver(db: Database, lake: collector.Collector) -> None:
    await outbox.drain(db, wiring.consumers(lake))


# Each call is written down, which takes its time.
@pytest.mark.timeout(2 * PATIENCE + 60)
async def test_a_signal_becomes_a_promise_with_no_hand_but_the_merchants(
    stage: Stage, tmp_path: Path
) -> None:
    db, shop_id, variant = stage.db, stage.shop.id, stage.variants[0]
    settings = Settings.model_validate({"data_dir": tmp_path})
    handlers = job_handlers.handlers(settings)
    rooms = services_in(stage.app).part(Rooms)
    lake = collector.Collector(settings.lake_dir, "test")
    await lake.start()
    async with db.transaction() as tx:
        maker = await supply.add_supplier(tx, shop_id=shop_id, name="Seven Hills")
        await supply.add_quote(
            tx, shop_id=shop_id, supplier_id=maker.id, product_id=stage.shirt.id,
            terms=supply.QuoteTerms(currency="CNY", tiers=(supply.Tier(1, 100),), lead_days=5, late_days=0),
        )  # fmt: skip
        owner = await auth.open_session(tx, person_id=1)
        actor = await auth.actor(tx, owner, stage.shop.slug)
        await run_of_show.start_show(tx, shop_id=shop_id, show_id=stage.show.id)
        [offer] = await run_of_show.offers(tx, shop_id=shop_id, show_id=stage.show.id)
        await run_of_show.feature(tx, shop_id=shop_id, show_id=stage.show.id, offer_id=offer.id)
    async with db.transaction() as tx:
        levels = await inventory.levels(tx, shop_id=shop_id, variant_ids=[variant.id])
        taken = stock.Request(
            id=uuid4(), shop_id=shop_id, pool_id=max(levels, key=lambda level: level.free).pool_id, buyer=stage.shopper, hold_seconds=300,
            lines=(stock.Line(variant.id, 3),), offer_id=offer.id, show_id=stage.show.id, unit_prices=(9_900,),
        )  # fmt: skip
        [kept] = await stock.reserve(tx, [taken])
        assert isinstance(kept, stock.Held), levels
        # The show has run for ten minutes, and five people have watched it.
        await tx.run(
            "UPDATE kernel.outbox SET recorded_at = recorded_at - interval '10 minutes' WHERE name LIKE 'live.%%'"
        )
    await lake.append(
        [
            wiring.remembered(
                Beat(
                    BeatKind.HEARTBEAT, shop_id, stage.show.id, UUID(int=viewer), "1", 15.0,
                    now().timestamp() - 570 + 15 * beat, 15.0 * beat, offer.id,
                )
            )
            for viewer in range(5)
            for beat in range(36)
        ]
    )  # fmt: skip
    await deliver(db, lake)
    borders = Borders()

    endpoint = collector.Endpoint(lake, viewer=lambda _: stage.shopper)
    click = {
        "id": "click-1", "type": "select_item",
        "data": {"shop_id": shop_id, "show_id": stage.show.id, "variant_id": variant.id},
    }  # fmt: skip
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(endpoint),  # pyright: ignore[reportArgumentType]
        base_url="http://shop",
    ) as browser:
        with borders.stage("browser → collector → lake"):
            answer = await browser.post("/e", content=json.dumps([click]))
    assert answer.json() == {"results": {"click-1": "ok"}}
    async with db.transaction() as tx:
        await run_of_show.end_show(tx, shop_id=shop_id, show_id=stage.show.id)
    with borders.stage("the end of the show → lake → jobs are asked for"):
        await deliver(db, lake)
    with borders.stage("lake → figures → demand"):
        await drain(db.dsn, db, handlers)
    with borders.stage("demand → a plan is asked for"):
        await deliver(db, lake)
    with borders.stage("demand → plan"):
        await drain(db.dsn, db, handlers)
    async with db.transaction() as tx:
        plan = await supply.plan(tx, shop_id=shop_id, show_id=stage.show.id)
    assert [line.variant_id for line in plan.lines if line.variant_id == variant.id]

    with borders.stage("plan → purchase order: the merchant decides"):
        async with db.transaction() as tx:
            [sent] = await supply.accept(tx, actor=actor, plan_id=plan.id)
    promised = [
        supply.Promise(line.variant_id, line.quantity, now().date() + timedelta(days=6))
        for line in sent.order.lines
    ]
    async with db.transaction() as tx:
        second = await live.plan_show(tx, shop_id=shop_id, title="Again", titles={})
        again = await run_of_show.add_offer(
            tx, shop_id=shop_id, show_id=second.id, product_id=stage.shirt.id,
            lines=[run_of_show.OfferLine(each.id, 9_900) for each in stage.variants],
        )  # fmt: skip
        await run_of_show.start_show(tx, shop_id=shop_id, show_id=second.id)
    opened = await rooms.get(second.id)
    follower = outbox.Follower(db, rooms.handlers())
    await follower.start()
    with borders.stage("purchase order → lot: the supplier confirms"):
        async with db.transaction() as tx:
            await supply.confirm(tx, key=sent.key, purchase_order_id=sent.order.id, lines=promised)
    with borders.stage("lot → card"):
        while await follower.step():
            pass
        # The room is read anew by itself.
        await soon(
            "the room knows of the lot",
            lambda: opened.room.state.offers[str(again.id)].lines[str(variant.id)].later,
        )
    await lake.close(seal=False)

    line = opened.room.state.offers[str(again.id)].lines[str(variant.id)]
    wanted = next(each for each in promised if each.variant_id == variant.id)
    assert line.later == ((wanted.ready_on, wanted.quantity),)
    assert f"```text\n{borders}\n```" in DOCUMENT.read_text(), f"docs/architecture.md has to say:\n{borders}"
