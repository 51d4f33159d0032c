"""A show in the database and in the lake, from a crowd: as the product would have written both."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import numpy as np
import pytest
from tests.integrity.crowds import Show

from shopfloor import collector
from shopfloor.kernel.database import Database, Tx

SHOP, OTHER, SHOW = 1, 2, 7
NAMESPACE = UUID(int=12)
PRODUCT = 101


@dataclass(frozen=True)
class Evening:
    db: Database
    lake: Path
    order_ids: list[UUID]
    browsers: list[UUID]
    fake: Any

    async def lines(self) -> list[int]:
        """The line of each order, in the order of `order_ids`."""
        async with self.db.transaction() as tx:
            cursor = await tx.connection.execute("SELECT order_id, id FROM orders.line")
            found = dict(await cursor.fetchall())
        return [found[each] for each in self.order_ids]


def name(word: str) -> UUID:
    return uuid5(NAMESPACE, word)


async def _shop(tx: Tx, started: datetime, ended: datetime | None) -> None:
    await tx.run(
        """
        WITH shops AS (
          INSERT INTO accounts.shop (id, slug, name, currency, locale, timezone) OVERRIDING SYSTEM VALUE
          VALUES (1, 'one', 'One', 'CNY', 'en', 'UTC'), (2, 'two', 'Two', 'CNY', 'en', 'UTC')),
        products AS (
          INSERT INTO catalog.product (id, shop_id, handle, title, kind, status) OVERRIDING SYSTEM VALUE
          SELECT 100 + n, 1, 'p' || n, 'Product ' || n, 'piece', 'active' FROM generate_series(1, 60) n),
        variants AS (
          INSERT INTO catalog.variant (id, shop_id, product_id, options, currency, position) OVERRIDING SYSTEM VALUE
          SELECT 100 + n, 1, 100 + n, '{}', 'CNY', 1 FROM generate_series(1, 60) n),
        person AS (
          INSERT INTO accounts.person (id, email, name, password_hash) OVERRIDING SYSTEM VALUE
          VALUES (1, 'host@example.com', 'Ana', 'x'))
        INSERT INTO live.show (id, shop_id, title, status, started_at, ended_at) OVERRIDING SYSTEM VALUE
        VALUES (7, 1, 'Seven', CASE WHEN %(ended)s::timestamptz IS NULL THEN 'live' ELSE 'ended' END, %(started)s, %(ended)s)
        """,
        started=started,
        ended=ended,
    )
    await tx.run("INSERT INTO accounts.member (shop_id, person_id, role) VALUES (1, 1, 'owner')")


async def _orders(tx: Tx, show: Show, ids: list[UUID], browsers: list[UUID], started: datetime) -> None:
    orders = show.orders

    def moment(row: int, after: float) -> datetime | None:
        at = float(orders.placed[row]) + after
        return None if np.isnan(at) else started + timedelta(seconds=at)

    rows = range(len(ids))
    await tx.run(
        """
        WITH made AS (
            SELECT * FROM unnest(%(ids)s::uuid[], %(buyers)s::uuid[], %(phones)s::text[], %(mails)s::text[],
                                 %(streets)s::text[], %(amounts)s::bigint[], %(placed)s::timestamptz[],
                                 %(paid)s::timestamptz[], %(undone)s::timestamptz[], %(products)s::bigint[])
              WITH ORDINALITY AS m (id, buyer, phone, mail, street, amount, placed, paid, undone, product, n)
        ), begun AS (
            INSERT INTO orders.checkout (id, shop_id, buyer, held, policy, pool_id, currency, items, page)
            SELECT id, 1, buyer, true, 'timer', 1, 'CNY', '[]', '{}' FROM made RETURNING id
        ), written AS (
            INSERT INTO orders.orders (
                id, shop_id, number, checkout_id, hold_id, buyer, policy, show_id, pool_id, contact_name, contact_phone,
                contact_email, delivery, address, provider, method, note, locale, currency, goods_minor, shipping_minor,
                total_minor, first_minor, charged_minor, status, payment_status, fulfilment_status, form_hash, key,
                placed_at, paid_at, cancelled_at, cancelled_by, cancel_why)
            SELECT id, 1, 1000 + n, id, id, buyer, 'timer', 7, 1, 'Li', phone, mail, 'ship',
                   jsonb_build_object('street', street, 'city', 'Xiamen', 'postcode', '', 'country', 'CN'),
                   'manual', 'transfer', '', 'en', 'CNY', amount, 0, amount, amount,
                   CASE WHEN paid IS NULL THEN 0 ELSE amount END, CASE WHEN undone IS NULL THEN 'placed' ELSE 'cancelled' END,
                   CASE WHEN paid IS NULL THEN 'unpaid' ELSE 'paid' END, 'unfulfilled', '', md5('k' || n), placed, paid,
                   undone, CASE WHEN undone IS NULL THEN NULL ELSE 'buyer' END,
                   CASE WHEN undone IS NULL THEN NULL ELSE 'asked' END
              FROM made)
        INSERT INTO orders.line (order_id, position, variant_id, product_id, title, sku, options, quantity,
                                 unit_price_minor, amount_minor, first_minor)
        SELECT id, 1, product, product, 'Thing', '', '{}', 1, amount, amount, amount FROM made
        """,
        ids=ids,
        buyers=browsers,
        phones=[f"138{int(each):08d}" if each >= 0 else "" for each in orders.phone],
        mails=[f"m{int(each)}@example.com" if each >= 0 else "" for each in orders.mail],
        streets=[f"{int(each)} Harbour Road" if each >= 0 else "" for each in orders.address],
        amounts=[int(each) for each in orders.amount],
        placed=[moment(row, 0.0) for row in rows],
        paid=[moment(row, float(orders.paid[row])) for row in rows],
        undone=[moment(row, float(orders.undone[row])) for row in rows],
        products=[PRODUCT + int(each) for each in orders.line_product],
    )


def _events(
    show: Show, ids: list[UUID], browsers: list[UUID], started: datetime, ended: datetime | None
) -> Any:
    def fact(word: str, kind: str, told: datetime, **body: object) -> list[collector.Event]:
        return collector.from_fact(kind, {"shop_id": SHOP, "show_id": SHOW, **body}, name(word), SHOP, told)

    events = fact("start", "live.show_started", started, pool_id=1, channel_id=None, host_id=None, at=0)
    if ended is not None:
        events += fact("end", "live.show_ended", ended, pool_id=1, channel_id=None, host_id=None, at=0)
    orders = show.orders
    for row, order_id in enumerate(ids):
        amount = int(orders.amount[row])
        product = PRODUCT + int(orders.line_product[row])
        line = {
            "line_id": row, "variant_id": product, "product_id": product, "offer_id": None, "quantity": 1,
            "unit_price_minor": amount, "amount_minor": amount, "ready_on": None,
        }  # fmt: skip
        shared = {"order_id": str(order_id), "number": row, "buyer": str(browsers[row]), "currency": "CNY"}
        for kind, after, more in (
            ("placed", 0.0, {"hold_id": str(order_id)}),
            ("paid", float(orders.paid[row]), {"purpose": "full", "paid_in_full": True}),
            ("cancelled", float(orders.undone[row]), {"by": "buyer", "why": "asked"}),
        ):
            if not np.isnan(after):
                at = started + timedelta(seconds=float(orders.placed[row]) + after)
                events += fact(
                    f"{kind} {row}", f"orders.order_{kind}", at, lines=[line], amount_minor=amount, **shared, **more
                )  # fmt: skip
    return events


@pytest.fixture
def evening(database: Database, tmp_path: Path) -> Any:
    """`await evening(show)`: it ended six minutes ago, and what is known of it by now is known."""

    async def made(show: Show, *, after: float = 360.0, on_air: bool = False) -> Evening:
        started = datetime.now(UTC) - timedelta(seconds=show.orders.ended + after)
        ended = None if on_air else started + timedelta(seconds=show.orders.ended)
        known = show.orders.known_at(show.orders.ended + after)
        show = Show(known, show.fake[: len(known)])
        ids = [name(f"order {row}") for row in range(len(known))]
        browsers = [name(f"browser {int(each)}") for each in known.device]
        async with database.transaction() as tx:
            await _shop(tx, started, ended)
            await _orders(tx, show, ids, browsers, started)
        writer = collector.Collector(tmp_path / "lake", "test")
        await writer.start()
        await writer.append(_events(show, ids, browsers, started, ended))
        await writer.close(seal=False)
        return Evening(database, tmp_path / "lake", ids, browsers, show.fake)

    return made
