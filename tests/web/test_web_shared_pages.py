"""The storefront is made once for all who ask within a second, and holds nothing of anybody."""

import asyncio
import json
import re
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from starlette.responses import HTMLResponse, Response
from tests.web.conftest import Stage

from shopfloor import accounts, live, stock, wiring
from shopfloor.web.shared_pages import SharedPages


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Maker:
    def __init__(self) -> None:
        self.made = 0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self) -> tuple[int, Response]:
        self.made += 1
        text = str(self.made)
        await self.go.wait()
        return 1, HTMLResponse(text)


async def test_page_is_made_once_a_second() -> None:
    clock, make = Clock(), Maker()
    pages = SharedPages(clock)
    assert [(await pages.answer("a", make)).body for _ in range(3)] == [b"1"] * 3
    clock.now += 0.99
    assert (await pages.answer("a", make)).body == b"1"
    clock.now += 0.02
    assert (await pages.answer("a", make)).body == b"2"
    assert (await pages.answer("b", make)).body == b"3"


async def test_page_is_made_once_for_all_who_wait_and_not_taken_away_by_one_who_leaves() -> None:
    make = Maker()
    pages = SharedPages()
    make.go.clear()
    asking = [asyncio.create_task(pages.answer("a", make)) for _ in range(10)]
    await asyncio.sleep(0)
    asking[0].cancel()
    make.go.set()
    assert [answer.body for answer in await asyncio.gather(*asking[1:])] == [b"1"] * 9


async def test_what_was_being_made_when_something_changed_is_given_to_nobody_later() -> None:
    make = Maker()
    pages = SharedPages()
    make.go.clear()
    before = asyncio.create_task(pages.answer("a", make))
    await asyncio.sleep(0)
    pages.forget(1)
    after = asyncio.create_task(pages.answer("a", make))
    await asyncio.sleep(0)
    make.go.set()
    assert ((await before).body, (await after).body) == (b"1", b"2")
    assert (await pages.answer("a", make)).body == b"2"
    pages.forget(2)
    assert (await pages.answer("a", make)).body == b"2"
    pages.forget(1)
    assert (await pages.answer("a", make)).body == b"3"


async def test_nothing_of_one_shopper_reaches_another(stage: Stage) -> None:
    """A thousand newcomers in both languages, every tenth with a unit kept for them."""
    kept = [str(uuid4()) for _ in range(100)]
    keyring = stage.app.state.keyring
    cookies: set[str] = set()
    bodies: dict[str, set[str]] = {"en": set(), "zh-CN": set()}
    transport = httpx.ASGITransport(stage.app)
    for number in range(1_000):
        language = ("en", "zh-CN")[number % 2]
        mine: dict[str, str] = {}
        if number % 10 == 0:
            mine = {"shopper": accounts.issue_shopper(keyring, uuid4()), "held": kept[number // 10]}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://shop.test", cookies=mine
        ) as client:
            answer = await client.get("/s/harbour", headers={"accept-language": language})
        assert answer.status_code == 200
        assert answer.headers["content-language"] == language
        given = answer.headers.get_list("set-cookie")
        assert len(given) == (0 if mine else 1)
        cookies |= set(given)
        bodies[language].add(answer.text)
        assert not any(value in answer.text for value in mine.values())
    assert len(cookies) == 900
    for language, texts in bodies.items():
        for text in texts:
            assert f'<html lang="{language}"' in text
            assert not any(one in text for one in kept)
            [events] = re.findall(r'id="events">(.*?)</script>', text)
            assert json.loads(events) == [["page_view", {"shop_id": stage.shop.id}]]


async def test_page_with_a_query_or_a_message_is_made_for_its_reader_alone(stage: Stage) -> None:
    plain = (await stage.client.get("/s/harbour")).text
    asked = (await stage.client.get("/s/harbour?from=mine")).text
    assert 'value="/s/harbour?from=mine"' in asked
    told = await stage.client.get(
        "/s/harbour", headers={"cookie": "flash=%5B%22good%22%2C%20%22Only%20you%22%5D"}
    )
    assert "Only you" in told.text
    assert (await stage.client.get("/s/harbour")).text == plain


async def test_storefront_asks_as_often_however_many_shows_were_and_not_at_all_when_it_is_kept(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0
    execute = psycopg.AsyncCursor.execute

    async def counting(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        return await execute(self, *args, **kwargs)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counting)

    async def statements() -> int:
        nonlocal count
        count = 0
        assert (await stage.client.get("/s/harbour")).status_code == 200
        return count

    await _over(stage, shows=7)
    stage.app.state.shared_pages.forget(stage.shop.id)
    few = await statements()
    await _over(stage, shows=30)
    stage.app.state.shared_pages.forget(stage.shop.id)
    assert await statements() == few > 0
    assert await statements() == 0


async def _over(stage: Stage, *, shows: int) -> None:
    async with stage.db.transaction() as tx:
        for number in range(shows):
            show = await live.plan_show(tx, shop_id=stage.shop.id, title=f"Past {number}")
            await live.add_offer(
                tx,
                shop_id=stage.shop.id,
                show_id=show.id,
                product_id=stage.shirt.id,
                lines=[live.OfferLine(stage.variants[0].id, 9_900)],
            )
            await live.start_show(tx, shop_id=stage.shop.id, show_id=show.id)
            await live.end_show(tx, shop_id=stage.shop.id, show_id=show.id)


async def test_sold_out_shows_at_once(stage: Stage) -> None:
    """By the fact that says so; the second is not waited for."""
    pages: SharedPages = stage.app.state.shared_pages
    unused: Any = object()
    handlers = wiring.followers(stage.db, live.Rooms(stage.db), unused, unused, pages)
    assert "Sold out" not in (await stage.client.get("/s/harbour")).text
    await stage.hold(quantity=3)
    await stage.hold(variant=1, quantity=5)
    assert "Sold out" not in (await stage.client.get("/s/harbour")).text

    variants = [stock.VariantLeft(stage.variants[0].id, 0, None)]
    await handlers[stock.StockChanged](stock.StockChanged(stage.shop.id, 1, None, variants))

    assert "Sold out" in (await stage.client.get("/s/harbour")).text
