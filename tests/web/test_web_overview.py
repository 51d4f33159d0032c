"""The first page of the console: what waits, what the day brought, the next show, the first day."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in
from tests.web.test_web_checkout import FORM
from tests.web.test_web_console_terms import member

from shopfloor import accounts, catalog, inventory, live, orders, policies, run_of_show, stock_control
from shopfloor.kernel.values import now

DESK = "/console/harbour"


@pytest.fixture
async def client(stage: Stage, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(stage, tmp_path)


async def page(client: httpx.AsyncClient, language: str = "en") -> str:
    answer = await client.get(DESK, headers={"accept-language": language})
    assert answer.status_code == 200
    return answer.text


def to_do(html: str) -> list[tuple[str, str]]:
    """Each line with where it leads."""
    found = re.findall(
        r'<li[^>]*><svg.*?<div class="words"><span>(.*?)</span>.*?</div>\s*(?:<a class="whole" href="([^"]*)")?',
        html[html.index('id="to-do"') :].partition("</section>")[0],
        re.DOTALL,
    )
    return [(" ".join(words.split()), href.removeprefix(DESK)) for words, href in found]


async def placed(stage: Stage) -> UUID:
    hold = await stage.hold()
    form = FORM | {"total_ship": "14100", "total_pick_up": "12900"}
    answer = await stage.client.post(f"/s/harbour/checkout/{hold}", data=form)
    assert answer.status_code == 303, answer.text
    return UUID(answer.headers["location"].split("/orders/")[1].split("?")[0])


async def pay(stage: Stage, order_id: UUID) -> None:
    async with stage.db.transaction() as tx:
        total = (await orders.order(tx, shop_id=stage.shop.id, order_id=order_id)).order.total
        await orders.mark_paid(tx, shop_id=stage.shop.id, order_id=order_id, amount=total, actor="person:1")


async def test_a_shop_where_nothing_waits_says_so(client: httpx.AsyncClient) -> None:
    html = await page(client)

    assert to_do(html) == []
    assert "Nothing waits for you." in html
    assert "没有待办事项" in await page(client, "zh-CN")


async def test_what_waits_is_a_line_each_with_the_list_behind_it(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    await placed(stage)
    ready = await placed(stage)
    await pay(stage, ready)
    # Two of three were ordered: what is left would not last another week.
    html = await page(client)

    assert to_do(html) == [
        ("1 order is ready to ship", "/orders?fulfilment=ready"),
        ("1 order awaits payment", "/orders?status=placed&amp;payment=unpaid"),
        ("1 variant is sold out or will be within a week", "/stock/grid"),
    ]
    assert "Shirt · Indigo · M" in html
    assert str(ready) in (await client.get(f"{DESK}/orders?fulfilment=ready")).text
    await placed(stage)
    gone = to_do(await page(client))
    # What is sold out is urgent, and two await payment now.
    assert gone[0] == ("1 variant is sold out or will be within a week", "/stock/grid")
    assert ("2 orders await payment", "/orders?status=placed&amp;payment=unpaid") in gone


async def test_what_runs_low_is_one_line(stage: Stage, client: httpx.AsyncClient) -> None:
    async with stage.db.transaction() as tx:
        [location, *_] = await inventory.locations(tx, shop_id=stage.shop.id)
        for variant in stage.variants[:2]:
            await stock_control.low.warn_at(
                tx, shop_id=stage.shop.id, location_id=location.id, variant_id=variant.id, units=1_000
            )

    assert ("2 variants are running low, counted at each location", "/stock/low") in to_do(await page(client))
    assert ("2 个规格库存偏低（按地点分别计）", "/stock/low") in to_do(await page(client, "zh-CN"))


async def test_each_sees_what_is_theirs_to_do(stage: Stage, client: httpx.AsyncClient) -> None:
    await pay(stage, await placed(stage))
    owner = client.cookies["session"]

    seen: dict[str, tuple[bool, bool, bool]] = {}
    for role in (accounts.Role.HOST, accounts.Role.ANALYST):
        client.cookies.set("session", await member(stage, role, str(role)), domain="shop.test")
        html = await page(client)
        seen[str(role)] = (
            "ready to ship" in html,
            "Today's sales" in html.replace("&#39;", "'"),
            "first-day" in html,
        )
    client.cookies.set("session", owner, domain="shop.test")

    assert seen["host"] == (False, False, False)
    assert "ready to ship" in await page(client)


async def test_the_money_of_the_day_is_that_of_its_orders(stage: Stage, client: httpx.AsyncClient) -> None:
    await pay(stage, await placed(stage))
    await placed(stage)
    html = await page(client)
    figures = re.findall(r"<dt>(\w[^<]*)</dt><dd class=\"num\">([^<]*?)\s*<", html)

    assert figures == [("Placed", "CN¥258.00"), ("Net of refunds", "CN¥129.00")]
    assert re.findall(r'class="takings-sum">.*?<b class="num">([^<]*)</b>', html) == ["CN¥129.00"]
    assert "Nothing was paid until this time last" in html
    points = re.findall(r'class="now" points="([^"]*)"', html)[0].split()
    assert points[-1].endswith(",0")


async def test_the_next_show_counts_down_and_says_what_is_missing(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    async with stage.db.transaction() as tx:
        soon = await live.plan_show(
            tx, shop_id=stage.shop.id, title="Supper", starts_at=now() + timedelta(hours=3)
        )
        await live.plan_show(tx, shop_id=stage.shop.id, title="Later", starts_at=now() + timedelta(days=9))
    html = await page(client)
    assert f'id="next-show"><a href="{DESK}/shows/{soon.id}">Supper' in html
    assert f'data-timer="{soon.starts_at.isoformat() if soon.starts_at else ""}"' in html
    assert "No products yet. Add one." in html
    assert "Get it ready" in html
    assert "Later" in html.partition("Upcoming shows")[2]

    async with stage.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=stage.show.id)
    on_air = await page(client)
    assert f'href="{DESK}/shows/{stage.show.id}/studio"' in on_air
    assert "Viewers now" in on_air
    assert 'id="next-show"' not in on_air


async def test_the_first_day_ticks_itself_and_is_put_away(stage: Stage, client: httpx.AsyncClient) -> None:
    def done(html: str) -> list[bool]:
        part = html.partition('class="card first-day"')[2].partition("</section>")[0]
        return ["done" in each for each in re.findall(r"<li([^>]*)>", part)]

    # Face, product, payment, shipping, camera, show: the stage has no logo and no camera.
    assert done(await page(client)) == [False, True, True, True, False, True]
    async with stage.db.transaction() as tx:
        await policies.set_shop_terms(tx, shop_id=stage.shop.id, terms=policies.ShopTerms())
        await catalog.update_product(
            tx, shop_id=stage.shop.id, product_id=stage.shirt.id, status=catalog.Status.DRAFT
        )
    assert done(await page(client)) == [False, False, False, False, False, True]

    await client.post(f"{DESK}/first-day/done")
    assert "Your first day" not in await page(client)
    again = await client.post(f"{DESK}/first-day/done")
    assert again.status_code == 303
    client.cookies.set("session", await member(stage, accounts.Role.HOST, "Hanna"), domain="shop.test")
    assert (await client.post(f"{DESK}/first-day/done")).status_code == 403


@contextmanager
def statements(patch: pytest.MonkeyPatch) -> Generator[list[str]]:
    found: list[str] = []
    before = psycopg.AsyncCursor.execute

    async def execute(self: Any, query: Any, *given: Any, **named: Any) -> Any:
        # What was recorded meanwhile is read by the node, not by the page.
        if "outbox" not in str(query) and "advisory" not in str(query):
            found.append(str(query))
        return await before(self, query, *given, **named)

    with patch.context() as context:
        context.setattr(psycopg.AsyncCursor, "execute", execute)
        yield found


async def test_it_takes_as_many_statements_whatever_a_shop_has(
    stage: Stage, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pay(stage, await placed(stage))
    await page(client)
    with statements(monkeypatch) as few:
        await page(client)
    async with stage.db.transaction() as tx:
        for n in range(12):
            show = await live.plan_show(
                tx, shop_id=stage.shop.id, title=f"Show {n}", starts_at=now() + timedelta(hours=n + 1)
            )
            await run_of_show.add_offer(
                tx, shop_id=stage.shop.id, show_id=show.id, product_id=stage.shirt.id,
                lines=[run_of_show.OfferLine(stage.variants[0].id, 9_900, None)],
            )  # fmt: skip
            await catalog.create_product(
                tx, shop_id=stage.shop.id, title=f"Good {n}", kind=catalog.Kind.PIECE,
                variants=[catalog.NewVariant(900)],
            )  # fmt: skip
    await pay(stage, await placed(stage))
    await placed(stage)
    with statements(monkeypatch) as many:
        await page(client)

    assert few
    assert len(many) - len(few) <= 2, [each for each in many if each not in few]
    assert len(many) <= 70
