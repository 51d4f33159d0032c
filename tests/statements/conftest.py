"""A shop whose show has ended, and the lake that knows it."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.metrics.conftest import SHOP, SHOW, small_show

from shopfloor import collector, statements
from shopfloor.kernel.database import Database
from shopfloor.kernel.secrets import Box
from shopfloor.kernel.values import now
from shopfloor.statements import drawing

__all__ = ["small_show"]

BOX = Box((bytes(32),))


@dataclass(frozen=True)
class Stage:
    db: Database
    lake: Path

    def drawn(self, *, as_of: datetime | None = None) -> drawing.Drawn:
        return drawing.drawn(collector.lake.open(self.lake), shop_id=SHOP, show_id=SHOW, as_of=as_of or now())

    async def draw_up(
        self, drawn: drawing.Drawn | None = None, box: Box = BOX, **more: Any
    ) -> statements.Listed | None:
        async with self.db.transaction() as tx:
            return await statements.draw_up(
                tx, box=box, shop_id=SHOP, show_id=SHOW, drawn=drawn or self.drawn(), **more
            )

    async def sign(self, box: Box = BOX) -> None:
        async with self.db.transaction() as tx:
            await statements.log.sign_checkpoint(tx, box=box, shop_id=SHOP)

    async def file(self, number: int = 1) -> bytes:
        async with self.db.transaction() as tx:
            listed = await statements.one(tx, shop_id=SHOP, number=number)
            return await statements.file_of(tx, listed, shop_id=SHOP)

    async def fill(self, count: int) -> None:
        """Entries of nothing in particular."""
        async with self.db.transaction() as tx:
            log = (await statements.log.opened(tx, box=BOX, shop_id=SHOP)).log
            for number in range(count):
                log = await statements.log.append(tx, log, "statement", {"document": number})

    async def key(self) -> str:
        """The key that signs now."""
        async with self.db.transaction() as tx:
            opened = await statements.log.opened(tx, box=BOX, shop_id=SHOP)
        return str(opened.signer.public)


async def add_shop(db: Database, *, shop_id: int, slug: str) -> None:
    async with db.transaction() as tx:
        await tx.run(
            """
            INSERT INTO accounts.shop (id, slug, name, currency, locale, timezone) OVERRIDING SYSTEM VALUE
            VALUES (%(shop_id)s, %(slug)s, 'Dawn', 'CNY', 'en', 'Asia/Shanghai')
            """,
            shop_id=shop_id,
            slug=slug,
        )


@pytest.fixture
async def stage(database: Database, small_show: Path) -> Stage:
    await add_shop(database, shop_id=SHOP, slug="dawn")
    async with database.transaction() as tx:
        await tx.run(
            """
            INSERT INTO live.show (id, shop_id, title, status, started_at, ended_at) OVERRIDING SYSTEM VALUE
            VALUES (%(show_id)s, %(shop_id)s, 'Friday', 'ended', '2026-11-22 20:00Z', '2026-11-22 20:05Z')
            """,
            shop_id=SHOP,
            show_id=SHOW,
        )
    return Stage(database, small_show)
