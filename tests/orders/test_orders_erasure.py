"""Forgetting a person: what goes, what stays, and what waits until an order is over."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.orders.conftest import MakeMarket, Market

from shopfloor import chat, collector, erasure, order_lists, orders, retention, wiring
from shopfloor.accounts import Actor, NotAllowed, Role
from shopfloor.accounts.models import PERMISSIONS
from shopfloor.erasure import NobodyToErase, Subject
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Database
from shopfloor.orders import page_texts


def owner(market: Market, role: Role = Role.OWNER) -> Actor:
    return Actor(shop_id=market.shop_id, person_id=1, role=role, permissions=PERMISSIONS[role])


async def delivered(market: Market, **changes: object) -> tuple[orders.Order, UUID]:
    hold_id, shopper = await market.hold()
    placed = await market.complete(hold_id, shopper, **changes)
    async with market.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=placed.id, amount=placed.total, actor="person:1"
        )
        await orders.shipping.ship(tx, shop_id=market.shop_id, order_id=placed.id, actor="person:1")
        return await orders.shipping.deliver(
            tx, shop_id=market.shop_id, order_id=placed.id, actor="person:1"
        ), shopper


async def contacts(market: Market) -> dict[int, tuple[Any, ...]]:
    async with market.db.transaction() as tx:
        cursor = await tx.connection.execute(
            """
            SELECT number, contact_name, contact_phone, contact_email, address IS NULL, note, form_hash = ''
              FROM orders.orders ORDER BY number
            """
        )
        return {row[0]: row[1:] for row in await cursor.fetchall()}


async def said(market: Market, shopper: UUID, name: str) -> None:
    async with market.db.transaction() as tx:
        await chat.say(
            tx, shop_id=market.shop_id, show_id=market.show_id, shopper=shopper, text="lovely coat", name=name,
            role=chat.Role.VIEWER, words=chat.EMPTY,
        )  # fmt: skip


async def lines(db: Database) -> list[tuple[str, str]]:
    async with db.transaction() as tx:
        cursor = await tx.connection.execute("SELECT name, text FROM chat.line ORDER BY at, id")
        return await cursor.fetchall()


async def hear(market: Market) -> None:
    await outbox.drain(market.db, [outbox.each("erasures", wiring.FORGETS_PEOPLE)])


GONE = ("", "", "", True, "", True)


async def test_name_and_contact_go_and_the_rest_stays(market: Market) -> None:
    mine, shopper = await delivered(market, note="ring twice, Lin")
    _, stranger = await delivered(market, name="Bo", phone="+49 170 7654321", email="bo@example.com")
    await said(market, shopper, "Mei")
    await said(market, stranger, "Bo")

    async with market.db.transaction() as tx:
        done = await erasure.erase(tx, actor=owner(market), subject=Subject(order_id=mine.id))
    await hear(market)

    found = await contacts(market)
    assert (done.erased, done.waiting) == (1, [])
    assert found[1001] == GONE
    assert found[1002][:3] == ("Bo", "+49 170 7654321", "bo@example.com")
    assert await lines(market.db) == [("", "lovely coat"), ("Bo", "lovely coat")]
    async with market.db.transaction() as tx:
        view = await orders.order(tx, shop_id=market.shop_id, order_id=mine.id)
        assert await order_lists.orders(tx, shop_id=market.shop_id, search="Lin Mei") == []
        assert [
            each.number for each in await order_lists.orders(tx, shop_id=market.shop_id, search="Bo")
        ] == [1002]
        kept = await tx.value("SELECT count(*) FROM orders.search WHERE text ILIKE '%%mei%%'")
    assert (view.order.total_minor, len(view.lines), view.order.status) == (mine.total_minor, 1, "delivered")
    assert view.page["products"][0]["title"] == "Linen coat"
    assert kept == 0
    await market.assert_sound()


@pytest.mark.parametrize(
    "subject",
    [Subject(email="MEI@example.com"), Subject(phone="+86 (139) 1234-5678")],
)
async def test_all_orders_of_a_person_are_found(market: Market, subject: Subject) -> None:
    """By e-mail or number; and from there by the browser, and by what else was written from it."""
    await delivered(market)
    _, shopper = await delivered(market, phone="+86 138 0000 1111")
    hold_id, _ = await market.hold(buyer=shopper)
    third = await market.complete(
        hold_id, shopper, name="L. M.", phone="+86 137 2222 3333", email="lin@example.org"
    )
    await delivered(market, name="Bo", phone="+49 170 7654321", email="bo@example.com")

    async with market.db.transaction() as tx:
        done = await erasure.erase(tx, actor=owner(market), subject=subject)

    found = await contacts(market)
    assert (done.erased, done.waiting) == (2, [third.number])
    assert [found[number] for number in (1001, 1002)] == [GONE, GONE]
    assert found[1003][0] == "L. M."
    assert found[1004][0] == "Bo"


async def test_an_order_in_progress_keeps_its_contact_until_it_is_over(
    market: Market, tmp_path: Path
) -> None:
    placed, _ = await market.order()

    async with market.db.transaction() as tx:
        done = await erasure.erase(tx, actor=owner(market), subject=Subject(order_id=placed.id))
    assert (done.erased, done.waiting) == (0, [1001])
    early = await retention.run(market.db, archive=tmp_path, consumers=["nobody"])
    async with market.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=market.shop_id, order_id=placed.id, by=orders.Party.MERCHANT, actor="person:1"
        )
    late = await retention.run(market.db, archive=tmp_path, consumers=["nobody"])
    again = await retention.run(market.db, archive=tmp_path, consumers=["nobody"])

    assert (early.contacts, late.contacts, again.contacts) == (0, 1, 0)
    assert (await contacts(market))[1001] == GONE
    await market.assert_sound()


async def test_only_who_manages_people_may_and_nothing_changes(market: Market) -> None:
    mine, _ = await delivered(market)
    before = await contacts(market)

    async with market.db.transaction() as tx:
        with pytest.raises(NotAllowed) as refusal:
            await erasure.erase(tx, actor=owner(market, Role.MERCHANDISER), subject=Subject(order_id=mine.id))

    assert refusal.value.facts == {"permission": "members.manage"}
    assert await contacts(market) == before
    assert await market.facts("orders.buyer_erased") == []


async def test_nobody_of_another_shop_is_found(make_market: MakeMarket) -> None:
    market, elsewhere = await make_market(), await make_market()
    mine, _ = await delivered(market)
    before = await contacts(market)

    for subject in (
        Subject(order_id=mine.id), Subject(email="mei@example.com"), Subject(phone="8613912345678"), Subject(order_id=uuid4()),
        Subject(email="@example.com"), Subject(phone="139"), Subject(),
    ):  # fmt: skip
        async with market.db.transaction() as tx:
            with pytest.raises(NobodyToErase):
                await erasure.erase(tx, actor=owner(elsewhere), subject=subject)

    assert await contacts(market) == before


async def test_who_only_said_something_is_erased_too(market: Market) -> None:
    shopper = uuid4()
    await said(market, shopper, "Mei")

    async with market.db.transaction() as tx:
        done = await erasure.erase(tx, actor=owner(market), subject=Subject(shopper=shopper))
    await hear(market)

    assert (done.erased, done.waiting) == (0, [])
    assert await lines(market.db) == [("", "lovely coat")]
    assert [fact["shoppers"] for fact in await market.facts("orders.buyer_erased")] == [[str(shopper)]]


async def test_names_of_people_do_not_enter_the_lake(market: Market) -> None:
    await said(market, uuid4(), "Mei")
    [fact] = await market.facts("chat.chat_said")
    async with market.db.transaction() as tx:
        [row] = await tx.every(
            outbox.Delivered,
            "SELECT 1::bigint AS position, fact_id, shop_id, name, body, recorded_at FROM kernel.outbox WHERE name = 'chat.chat_said'",
        )

    [event] = collector.from_fact(
        row.name, fact, fact_id=row.fact_id, shop_id=row.shop_id, recorded_at=row.recorded_at
    )

    assert fact["author"] == "Mei"
    assert "Mei" not in repr(event)
    assert event.text == "lovely coat"


# Product pages.


async def test_a_product_page_is_kept_once_however_many_buy_from_it(market: Market) -> None:
    first, _ = await market.order()
    await market.order()
    async with market.db.transaction() as tx:
        await tx.run(
            "UPDATE catalog.product SET title = 'Linen coat, new cut' WHERE id = %(id)s", id=market.product_id
        )
    third, _ = await market.order()

    async with market.db.transaction() as tx:
        texts = await tx.value("SELECT count(*) FROM orders.page_text")
        stored = await tx.value("SELECT count(*) FROM orders.checkout WHERE page ? 'products'")
        seen = [
            (await orders.order(tx, shop_id=market.shop_id, order_id=order.id)).page["products"][0]["title"]
            for order in (first, third)
        ]
    assert (texts, stored) == (2, 0)
    assert seen == ["Linen coat", "Linen coat, new cut"]
    await market.assert_sound()


async def test_a_page_from_before_is_read_as_it_is(market: Market) -> None:
    page = {"seen_at": "2026-01-01T00:00:00+00:00", "items": [], "products": [{"id": 1, "title": "Old"}]}

    async with market.db.transaction() as tx:
        assert await page_texts.take_out(tx, shop_id=market.shop_id, page=page) == page


async def test_the_audit_finds_a_page_that_is_gone(market: Market) -> None:
    placed, _ = await market.order()
    async with market.db.transaction() as tx:
        await tx.run("DELETE FROM orders.page_text")
        broken = [check for check in await orders.audit(tx) if not check.passed]

    assert [(check.name, check.offending) for check in broken] == [
        ("orders: the product pages that buyers saw are there", (str(placed.checkout_id),))
    ]
