"""Storefront, product and room are made once for all who ask within a second, and hold nothing of anybody."""

import asyncio
import json
import re
import zlib
from dataclasses import dataclass
from itertools import cycle
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from tests.web.conftest import Stage

from shopfloor import (
    accounts,
    catalog,
    chat,
    inventory,
    live,
    policies,
    pricing,
    purchases,
    rooms,
    run_of_show,
    stock,
)
from shopfloor.kernel.database import Database, DatabaseAway
from shopfloor.kernel.edge import Edge
from shopfloor.kernel.keyring import Keyring
from shopfloor.kernel.services import services_in
from shopfloor.shoppers import issue_shopper
from shopfloor.web.languages import LANGUAGES
from shopfloor.web.shared_pages import Frame, SharedPages, Slot

ENGLISH, CHINESE = LANGUAGES


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Maker:
    def __init__(self, shop_id: int = 1, text: str = "") -> None:
        self.made = 0
        self.shop_id = shop_id
        self.text = text
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self) -> Frame:
        self.made += 1
        text = str(self.made) + self.text
        await self.go.wait()
        return Frame(self.shop_id, text, ENGLISH, cache_control="private")


def unpacked(body: bytes) -> bytes:
    """As browsers do, who read one member and no more."""
    reading = zlib.decompressobj(16 + zlib.MAX_WBITS)
    plain = reading.decompress(body) + reading.flush()
    assert reading.eof
    assert reading.unused_data == b""
    return plain


# Frames


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing of anybody",
        "<p>{id}</p>",
        "{id}",
        "{id}{id}{now}{waits}",
        "same words {id} same words {now} same words {id} same words",
        "衬衫 {waits} 衬衫 ÿþ 衬衫 {id} 衬衫",
        "a long one " * 9_000 + "{id}" + "a long one " * 9_000 + "{now}" + "a long one " * 90,
    ],
    ids=range(8),
)
@pytest.mark.parametrize("waits", [True, False])
def test_compressed_page_is_the_same_text_and_its_slots_are_filled_anew(text: str, *, waits: bool) -> None:
    filled = text.format(id=Slot.WISH_ID.mark, now=Slot.NOW.mark, waits=Slot.WAITS.mark)
    frame = Frame(1, filled, CHINESE, cache_control="private")
    frame.pack()
    shape = re.escape(text).replace(r"\{id\}", "(?P<id>[0-9a-f-]{36})", 1)
    shape = shape.replace(r"\{id\}", "[0-9a-f-]{36}").replace(r"\{now\}", "[0-9]{13}")
    shape = shape.replace(r"\{waits\}", "true " if waits else "false")

    pages = [frame.plain(waits=waits).decode(), unpacked(frame.packed(waits=waits)).decode()]
    pages.append(unpacked(frame.packed(waits=waits)).decode())

    found = [re.fullmatch(shape, page) for page in pages]
    assert all(found)
    ids = [match["id"] for match in found if match is not None and "{id}" in text]
    assert len({*ids}) == len(ids) == (3 if "{id}" in text else 0)
    assert all(UUID(each).version == 4 for each in ids)
    assert (frame.etag is None) == ("{" in text)


# Keeping


async def test_page_is_made_once_a_second() -> None:
    clock, make = Clock(), Maker()
    pages = SharedPages(clock)

    async def shown(key: str) -> bytes:
        return (await pages.frame(key, make)).plain(waits=False)

    assert [await shown("a") for _ in range(3)] == [b"1"] * 3
    clock.now += 0.99
    assert await shown("a") == b"1"
    clock.now += 0.02
    assert await shown("a") == b"2"
    assert await shown("b") == b"3"


async def test_page_is_made_once_for_all_who_wait_and_not_taken_away_by_one_who_leaves() -> None:
    make = Maker()
    pages = SharedPages()
    make.go.clear()
    asking = [asyncio.create_task(pages.frame("a", make)) for _ in range(10)]
    await asyncio.sleep(0)
    asking[0].cancel()
    make.go.set()
    assert [frame.parts for frame in await asyncio.gather(*asking[1:])] == [[b"1"]] * 9


async def test_what_was_being_made_when_something_changed_is_given_to_nobody_later() -> None:
    make = Maker()
    pages = SharedPages()
    make.go.clear()
    before = asyncio.create_task(pages.frame("a", make))
    await asyncio.sleep(0)
    pages.forget(1)
    after = asyncio.create_task(pages.frame("a", make))
    await asyncio.sleep(0)
    make.go.set()
    assert ((await before).parts, (await after).parts) == ([b"1"], [b"2"])
    assert (await pages.frame("a", make)).parts == [b"2"]
    pages.forget(2)
    assert (await pages.frame("a", make)).parts == [b"2"]
    pages.forget(1)
    assert (await pages.frame("a", make)).parts == [b"3"]


async def test_so_many_bytes_are_kept_and_those_that_are_asked_for() -> None:
    pages = SharedPages(Clock(), most_bytes=5_000)
    make = Maker(text="x" * 900)
    for number in range(200):
        await pages.frame("often", make)
        await pages.frame(number, make)
        assert pages.bytes_kept <= 5_000
    made = make.made
    await pages.frame("often", make)
    await pages.frame(199, make)
    assert make.made == made == 201
    await pages.frame(0, make)
    assert make.made == 202
    pages.forget(1)
    assert pages.bytes_kept == 0


async def test_page_larger_than_all_that_may_be_kept_is_answered_and_not_kept() -> None:
    pages = SharedPages(Clock(), most_bytes=100)
    make = Maker(text="x" * 200_000)
    assert len((await pages.frame("a", make)).parts[0]) == 200_001
    assert pages.bytes_kept == 0


# Nothing of one reaches another


@dataclass(frozen=True, slots=True)
class Shop:
    """A second shop, which sells another thing at another price."""

    shop: accounts.Shop
    show: live.Show
    product: catalog.Product
    variant: catalog.Variant


async def _meadow(stage: Stage) -> Shop:
    async with stage.db.transaction() as tx:
        owner = await tx.value("SELECT min(id) FROM accounts.person")
        shop = await accounts.create_shop(tx, owner_id=owner, name="Meadow", slug="meadow", currency="EUR")
        place = await inventory.add_location(
            tx, shop_id=shop.id, name="Barn", kind=inventory.LocationKind.STORE
        )
        product = await catalog.create_product(
            tx,
            status=catalog.Status.ACTIVE,
            shop_id=shop.id,
            title="Honey",
            kind=catalog.Kind.PIECE,
            option_names=[],
        )
        variant = await catalog.add_variant(
            tx, shop_id=shop.id, product_id=product.id, variant=catalog.NewVariant(price_minor=777, sku="H")
        )
        await inventory.receive(
            tx, shop_id=shop.id, location_id=place.id, variant_id=variant.id, quantity=900
        )
        show = await live.plan_show(tx, shop_id=shop.id, title="Harvest")
        await run_of_show.add_offer(
            tx,
            shop_id=shop.id,
            show_id=show.id,
            product_id=product.id,
            lines=[run_of_show.OfferLine(variant.id, 666, 400)],
            limit_per_buyer=7,
        )
        await run_of_show.start_show(tx, shop_id=shop.id, show_id=show.id)
    return Shop(shop, show, product, variant)


async def _hold(stage: Stage, shop_id: int, variant_id: int, buyer: UUID) -> UUID:
    async with stage.db.transaction() as tx:
        pools = await inventory.pools(tx, shop_id=shop_id)
        request = stock.Request(
            id=uuid4(),
            shop_id=shop_id,
            pool_id=next(pool.id for pool in pools if pool.kind == inventory.PoolKind.OPEN),
            buyer=buyer,
            lines=(stock.Line(variant_id, 1),),
            hold_seconds=300,
            unit_prices=(100,),
        )
        [answer] = await stock.reserve(tx, [request])
    assert isinstance(answer, stock.Held)
    return request.id


async def _wait(stage: Stage, shop_id: int, variant_id: int, buyer: UUID) -> None:
    async with stage.db.transaction() as tx:
        await purchases.join(tx, shop_id=shop_id, buyer=buyer, variant_id=variant_id, quantity=1)


_OWN = re.compile(
    r'(?<=name="id" value=")[0-9a-f-]{36}(?=")|(?<="now":)[0-9]{13}(?=,)|(?<="waits":)(?:true |false)(?=,)'
)


async def test_nothing_of_one_shopper_or_shop_reaches_another(stage: Stage) -> None:
    """Two shops, two languages, newcomers, shoppers with units kept, some who wait, and staff, one after the other."""
    meadow = await _meadow(stage)
    async with stage.db.transaction() as tx:
        [place] = await inventory.locations(tx, shop_id=stage.shop.id)
        await inventory.receive(
            tx,
            shop_id=stage.shop.id,
            location_id=place.id,
            variant_id=stage.variants[0].id,
            quantity=500,
        )
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=stage.show.id)
    keyring = services_in(stage.app).part(Keyring)
    staff = (
        await stage.client.post(
            "/sign-in", data={"email": "owner@example.com", "password": "a long enough one"}
        )
    ).cookies["session"]
    secrets: set[str] = {staff}
    people: list[tuple[dict[str, str], set[str]]] = []
    for number in range(60):
        shopper = uuid4()
        mine = {"shopper": issue_shopper(keyring, shopper)}
        waits: set[str] = set()
        if number % 3 == 0:
            kept = await _hold(stage, *((stage.shop.id, stage.variants[0].id), (meadow.shop.id, meadow.variant.id))[number % 2], shopper)  # fmt: skip
            mine["held"] = str(kept)
            secrets.add(str(kept))
        if number % 4 == 0:
            await _wait(stage, stage.shop.id, stage.variants[2].id, shopper)
            waits.add("harbour")
        if number % 10 == 0:
            mine |= {"session": staff}
        secrets |= {mine["shopper"], shopper.hex, str(shopper)}
        people += [(mine, waits), ({}, set())]
    addresses = {
        "harbour": ["/s/harbour", f"/s/harbour/p/{stage.shirt.id}", f"/s/harbour/live/{stage.show.id}"],
        "meadow": ["/s/meadow", f"/s/meadow/p/{meadow.product.id}", f"/s/meadow/live/{meadow.show.id}"],
    }
    foreign = {
        "harbour": ("Meadow", "meadow", "Honey", "Harvest", "€", ":666,", '"666"', '"777"', "EUR"),
        "meadow": (
            "Harbour",
            "harbour",
            "Shirt",
            "Autumn",
            "衬衫",
            "¥",
            ":9900,",
            '"9900"',
            '"12900"',
            "CNY",
            "Old Pier",
        ),
    }
    texts: dict[tuple[str, str], set[str]] = {}
    ids: list[str] = []
    given: list[str] = []
    transport = httpx.ASGITransport(Edge(stage.app))
    turns = cycle([(lang, coding) for lang in ("en", "zh-CN") for coding in ("gzip", "identity", "gzip")])
    for mine, waits in people:
        for shop in ("harbour", "meadow", "harbour"):
            for address in addresses[shop]:
                language, coding = next(turns)
                async with httpx.AsyncClient(
                    transport=transport, base_url="http://shop.test", cookies=mine
                ) as client:
                    answer = await client.get(
                        address, headers={"accept-language": language, "accept-encoding": coding}
                    )
                assert answer.status_code == 200
                assert answer.headers["content-language"] == language
                assert answer.headers.get("content-encoding") == ("gzip" if coding == "gzip" else None)
                assert answer.headers["cache-control"].startswith("private")
                assert "cookie" in answer.headers["vary"]
                cookies = answer.headers.get_list("set-cookie")
                assert len(cookies) == (0 if mine else 1)
                given += cookies
                html = answer.text
                ids += re.findall(r'name="id" value="([^"]*)"', html)
                if "/live/" in address:
                    data = json.loads(re.findall(r'id="room-data">(.*?)</script>', html)[0])
                    assert data["waits"] == (shop in waits)
                    assert data["shop"]["slug"] == shop
                assert [word for word in foreign[shop] if word in html] == []
                texts.setdefault((address, language), set()).add(_OWN.sub("", html))
    whole = "".join(text for found in texts.values() for text in found)
    assert not any(secret in whole for secret in secrets)
    assert len(given) == len({*given}) == 60 * 9
    assert len(ids) == len({*ids}) == 120 * 3 * 2
    # What is left without slots is the same for everybody.
    assert len(texts) == 12
    assert all(len(found) == 1 for found in texts.values())
    assert not any(mark in whole for mark in (slot.mark for slot in Slot))


async def test_price_and_limit_of_a_show_stay_in_its_room(stage: Stage) -> None:
    """Two shows of one shop, the shop's own page, and a presale beside: each says its own terms to everybody."""
    async with stage.db.transaction() as tx:
        other = await live.plan_show(tx, shop_id=stage.shop.id, title="Other")
        await run_of_show.add_offer(
            tx,
            shop_id=stage.shop.id,
            show_id=other.id,
            product_id=stage.shirt.id,
            lines=[run_of_show.OfferLine(stage.variants[0].id, 8_800, 2)],
            limit_per_buyer=3,
        )
        for each in (stage.show, other):
            await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=each.id)
    pages = {
        f"/s/harbour/live/{stage.show.id}": ({"9900"}, set[str]()),
        f"/s/harbour/live/{other.id}": ({"8800"}, {"3"}),
        f"/s/harbour/p/{stage.shirt.id}": ({"12900"}, set[str]()),
    }
    for _ in range(5):
        for address, (prices, limits) in pages.items():
            html = (await stage.client.get(address)).text
            assert {*re.findall(r'name="price_minor" value="(\d+)"', html)} == prices
            assert {*re.findall(r"max\. (\d+) per customer", html)} == limits


async def test_message_query_and_cookies_that_are_peculiar_are_answered_for_their_reader_alone(
    stage: Stage,
) -> None:
    shopper = f"shopper={stage.client.cookies['shopper']}"
    for address in ("/s/harbour", f"/s/harbour/p/{stage.shirt.id}", f"/s/harbour/live/{stage.show.id}"):
        plain = _OWN.sub("", (await stage.client.get(address)).text)
        asked = (await stage.client.get(f"{address}?from=mine")).text
        assert f'value="{address}?from=mine"' in asked
        assert _OWN.sub("", asked).replace("?from=mine", "") == plain
        if address.endswith("harbour"):
            told = await stage.client.get(
                address, headers={"cookie": f"flash=%5B%22good%22%2C%20%22Only%20you%22%5D; {shopper}"}
            )
            assert "Only you" in told.text
            assert "flash=" in told.headers["set-cookie"]
        quoted = await stage.client.get(address, headers={"cookie": f'language="zh-CN"; {shopper}'})
        assert quoted.headers["content-language"] == "zh-CN"
        twice = [("cookie", "language=zh-CN"), ("cookie", shopper), ("accept-language", "en")]
        assert (await stage.client.get(address, headers=twice)).status_code == 200
        bad = await stage.client.get(address, headers=[("cookie", b"language=\x01")])  # type: ignore[list-item]
        assert bad.status_code == 422
        assert _OWN.sub("", (await stage.client.get(address)).text) == plain


async def test_what_is_not_there_is_said_in_the_readers_language(stage: Stage) -> None:
    meadow = await _meadow(stage)
    await stage.client.get(f"/s/meadow/live/{meadow.show.id}")
    for address in (
        "/s/nobody",
        f"/s/nobody/live/{stage.show.id}",
        f"/s/harbour/live/{meadow.show.id}",
        f"/s/harbour/p/{meadow.product.id}",
        f"/s/meadow/live/{stage.show.id}",
        "/s/harbour/live/0",
        "/s/harbour/p/007",
    ):
        answer = await stage.client.get(address, headers={"accept-language": "zh"})
        assert (address, answer.status_code) == (address, 404)
        assert '<html lang="zh-CN"' in answer.text


# What is asked of the database


class Statements:
    def __init__(self) -> None:
        self.sql: list[tuple[Any, Any]] = []


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Statements:
    found = Statements()
    execute = psycopg.AsyncCursor.execute

    async def counting(self: Any, query: Any, params: Any = None, **kwargs: Any) -> Any:
        if query and "kernel.outbox" not in str(query):
            found.sql.append((query, params))
        return await execute(self, query, params, **kwargs)

    monkeypatch.setattr(psycopg.AsyncCursor, "execute", counting)
    return found


async def test_first_page_of_a_flash_sale_comes_from_memory(stage: Stage, statements: Statements) -> None:
    """Nobody has asked for this page yet; the room is open.  At most one statement, for whoever asks."""
    async with stage.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=stage.show.id)
    address = f"/s/harbour/live/{stage.show.id}"
    assert (await stage.client.get(address)).status_code == 200
    held = await stage.hold()
    await _wait(stage, stage.shop.id, stage.variants[2].id, stage.shopper)
    pages: SharedPages = services_in(stage.app).part(SharedPages)
    mine = f"shopper={stage.client.cookies['shopper']}; held={held}"
    asked: dict[str, int] = {}
    for name, cookie in {"buyer": mine, "newcomer": "", "unknown": "shopper=1.2.3"}.items():
        for language in ("en", "zh-CN"):
            pages.forget(stage.shop.id)
            transport = httpx.ASGITransport(Edge(stage.app))
            async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
                statements.sql.clear()
                answer = await client.get(address, headers={"cookie": cookie, "accept-language": language})
            assert answer.status_code == 200
            assert ('"waits":true ' in answer.text) == (name == "buyer")
            asked[f"{name} {language}"] = len(statements.sql)
    assert asked == {
        "buyer en": 1, "buyer zh-CN": 1, "newcomer en": 0, "newcomer zh-CN": 0, "unknown en": 0, "unknown zh-CN": 0,
    }  # fmt: skip


async def test_those_who_ask_together_are_one_statement(stage: Stage, statements: Statements) -> None:
    pages: SharedPages = services_in(stage.app).part(SharedPages)
    shoppers = [uuid4() for _ in range(200)]
    for shopper in shoppers[::50]:
        await _wait(stage, stage.shop.id, stage.variants[2].id, shopper)
    statements.sql.clear()
    asked = [
        pages.waits(stage.db, stage.shop.id + turn % 2, shopper) for turn, shopper in enumerate(shoppers)
    ]
    assert [turn for turn, waits in enumerate(await asyncio.gather(*asked)) if waits] == [0, 50, 100, 150]
    assert len(statements.sql) == 1


async def test_who_asks_while_others_are_answered_hears_what_happened_since(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: SharedPages = services_in(stage.app).part(SharedPages)
    reading, go = asyncio.Event(), asyncio.Event()
    read = purchases.who_waits

    async def slow(*arguments: Any) -> Any:
        found = await read(*arguments)
        reading.set()
        await go.wait()
        return found

    monkeypatch.setattr(purchases, "who_waits", slow)
    before = asyncio.create_task(pages.waits(stage.db, stage.shop.id, stage.shopper))
    await reading.wait()
    await _wait(stage, stage.shop.id, stage.variants[2].id, stage.shopper)
    after = asyncio.create_task(pages.waits(stage.db, stage.shop.id, stage.shopper))
    await asyncio.sleep(0)
    go.set()
    assert (await before, await after) == (False, True)


async def test_room_stays_while_the_database_is_away(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=stage.show.id)
    address = f"/s/harbour/live/{stage.show.id}"
    assert '"waits":false' in (await stage.client.get(address)).text
    services_in(stage.app).part(SharedPages).forget(stage.shop.id)

    def away(_: Database) -> Any:
        raise DatabaseAway

    monkeypatch.setattr(Database, "transaction", away)
    transport = httpx.ASGITransport(Edge(stage.app))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://shop.test", cookies=stage.client.cookies
    ) as client:
        answer = await client.get(address)
    # The page then asks by itself.
    assert (answer.status_code, '"waits":true ' in answer.text) == (200, True)


async def test_storefront_asks_as_often_however_many_shows_were_and_not_at_all_when_it_is_kept(
    stage: Stage, statements: Statements
) -> None:
    async def asked() -> int:
        services_in(stage.app).part(SharedPages).forget(stage.shop.id)
        assert (await stage.client.get("/s/harbour")).status_code == 200
        statements.sql.clear()
        services_in(stage.app).part(SharedPages).forget(stage.shop.id)
        assert (await stage.client.get("/s/harbour")).status_code == 200
        return len(statements.sql)

    await _over(stage, shows=7)
    few = await asked()
    await _over(stage, shows=30)
    assert await asked() == few > 0
    statements.sql.clear()
    assert (await stage.client.get("/s/harbour")).status_code == 200
    assert statements.sql == []


async def test_storefront_reads_no_row_of_shows_that_it_does_not_show(
    stage: Stage, statements: Statements
) -> None:
    await _over(stage, shows=1)
    async with stage.db.transaction() as tx:
        await tx.run(
            """
            INSERT INTO live.show (shop_id, title, titles, status, started_at, ended_at)
            SELECT shop_id, 'Past ' || n, '{}', 'ended', started_at - n * interval '1 day', ended_at - n * interval '1 day'
              FROM live.show, generate_series(1, 3000) AS n WHERE status = 'ended'
            """
        )
    async with await psycopg.AsyncConnection.connect(stage.db.dsn, autocommit=True) as connection:
        await connection.execute("ANALYZE live.show")
    statements.sql.clear()
    html = (await stage.client.get("/s/harbour")).text
    assert html.count('class="when"') == 6
    asked = [(str(query), params) for query, params in statements.sql if "FROM live.show\n" in str(query)]
    assert len(asked) == 3
    read = 0
    async with await psycopg.AsyncConnection.connect(stage.db.dsn) as connection:
        for query, params in asked:
            cursor = await connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}".encode(), params)
            [row] = await cursor.fetchall()
            read += sum(_rows_read(row[0][0]["Plan"]))
    # One to come, six that were, and one that says there are more.
    assert read == 8


def _rows_read(plan: dict[str, Any]) -> list[int]:
    own = (
        [int(plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0))] if "Relation Name" in plan else []
    )
    return own + [rows for inner in plan.get("Plans", ()) for rows in _rows_read(inner)]


async def _over(stage: Stage, *, shows: int) -> None:
    async with stage.db.transaction() as tx:
        for number in range(shows):
            show = await live.plan_show(tx, shop_id=stage.shop.id, title=f"Past {number}")
            await run_of_show.add_offer(
                tx,
                shop_id=stage.shop.id,
                show_id=show.id,
                product_id=stage.shirt.id,
                lines=[run_of_show.OfferLine(stage.variants[0].id, 9_900)],
            )
            await run_of_show.start_show(tx, shop_id=stage.shop.id, show_id=show.id)
            await run_of_show.end_show(tx, shop_id=stage.shop.id, show_id=show.id)


# What must show at once: pages are kept for an hour here, so nothing is made anew because time has passed.


@pytest.fixture
def kept(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr("shopfloor.web.shared_pages.SECONDS", 3_600.0)
    return stage


async def _shown(stage: Stage, address: str) -> str:
    answer = await stage.client.get(address)
    assert answer.status_code == 200
    return answer.text


async def test_sold_out_shows_at_once(kept: Stage) -> None:
    storefront, product = "/s/harbour", f"/s/harbour/p/{kept.shirt.id}"
    for address in (storefront, product):
        assert "3 left" in await _shown(kept, address)
    await kept.hold(quantity=2)
    for address in (storefront, product):
        assert "1 left" in await _shown(kept, address)
    await kept.hold(quantity=1)
    for address in (storefront, product):
        html = await _shown(kept, address)
        assert not re.search(r"[0-9] left<", html)
        assert "Ready " in html
    await kept.hold(variant=1, quantity=5)
    for address in (storefront, product):
        assert "Sold out" in re.sub(r"<script.*?</script>", "", await _shown(kept, address), flags=re.DOTALL)


async def test_show_that_sells_out_from_its_own_units_says_so_at_once_and_the_shop_does_not(
    kept: Stage,
) -> None:
    async with kept.db.transaction() as tx:
        show = await live.plan_show(tx, shop_id=kept.shop.id, title="Own")
        await run_of_show.add_offer(
            tx,
            shop_id=kept.shop.id,
            show_id=show.id,
            product_id=kept.shirt.id,
            lines=[run_of_show.OfferLine(kept.variants[0].id, 9_900, 2)],
        )
        await run_of_show.start_show(tx, shop_id=kept.shop.id, show_id=show.id)
        pool = (await live.public_show(tx, show.id)).pool_id
    assert pool is not None
    room, product = f"/s/harbour/live/{show.id}", f"/s/harbour/p/{kept.shirt.id}"
    assert "2 left" in await _shown(kept, room)
    assert "1 left" in await _shown(kept, product)
    async with kept.db.transaction() as tx:
        request = stock.Request(
            id=uuid4(),
            shop_id=kept.shop.id,
            pool_id=pool,
            buyer=kept.shopper,
            lines=(stock.Line(kept.variants[0].id, 2),),
            hold_seconds=300,
            show_id=show.id,
            unit_prices=(9_900,),
        )
        [answer] = await stock.reserve(tx, [request])
    assert isinstance(answer, stock.Held)
    assert "Join the waitlist" in re.sub(
        r"<script.*?</script>", "", await _shown(kept, room), flags=re.DOTALL
    )
    assert "1 left" in await _shown(kept, product)


async def test_what_the_shop_changes_shows_at_once(kept: Stage) -> None:
    shop, room, product = kept.shop.id, f"/s/harbour/live/{kept.show.id}", f"/s/harbour/p/{kept.shirt.id}"
    pages = ("/s/harbour", product, room)

    async def everywhere() -> str:
        return "".join([await _shown(kept, address) for address in pages])

    async def line() -> chat.Line:
        async with kept.db.transaction() as tx:
            return await chat.say(
                tx, shop_id=shop, show_id=kept.show.id, shopper=kept.shopper, text="Rude words"
            )

    before = await everywhere()
    assert await everywhere() != "" and _OWN.sub("", await everywhere()) == _OWN.sub("", before)  # noqa: PT018
    async with kept.db.transaction() as tx:
        await policies.set_shop_terms(
            tx, shop_id=shop, terms=policies.ShopTerms(shipping_minor=4_200, pick_up_at="New Pier")
        )
    assert (await everywhere()).count("New Pier") >= 3
    assert "CN¥42" in await _shown(kept, product)
    async with kept.db.transaction() as tx:
        method = pricing.records.Method(0, 1, pricing.DeliveryKind.PICK_UP, "Old Pier")
        method = await pricing.service.save_method(tx, shop_id=shop, method=method)
    assert "Shipping is worked out at checkout" in await _shown(kept, product)
    async with kept.db.transaction() as tx:
        await pricing.service.remove_method(tx, shop_id=shop, method_id=method.id)
    assert "CN¥42" in await _shown(kept, product)
    async with kept.db.transaction() as tx:
        await catalog.update_product(tx, shop_id=shop, product_id=kept.shirt.id, title="Jacket")
    for address in pages:
        assert "Jacket" in await _shown(kept, address)
        assert "Shirt" not in await _shown(kept, address)
    async with kept.db.transaction() as tx:
        await catalog.set_price(tx, shop_id=shop, variant_id=kept.variants[0].id, amount=15_500)
    assert 'value="15500"' in await _shown(kept, product)
    async with kept.db.transaction() as tx:
        await run_of_show.start_show(tx, shop_id=shop, show_id=kept.show.id)
        [offer] = await run_of_show.offers(tx, shop_id=shop, show_id=kept.show.id)
    assert 'data-status="live"' in await _shown(kept, room)
    assert "Live now" in await _shown(kept, "/s/harbour")
    assert "Shown live" in await _shown(kept, product)
    async with kept.db.transaction() as tx:
        await run_of_show.set_offer_price(
            tx,
            shop_id=shop,
            show_id=kept.show.id,
            offer_id=offer.id,
            variant_id=kept.variants[1].id,
            price_minor=9_100,
        )
        await run_of_show.feature(tx, shop_id=shop, show_id=kept.show.id, offer_id=offer.id)
        await rooms.post_notice(
            tx, shop_id=shop, show_id=kept.show.id, kind=rooms.NoticeKind.NOTICE, text="Rain outside"
        )
    html = await _shown(kept, room)
    assert 'value="9100"' in html
    assert '<section class="ticket"' in html
    assert "Rain outside" in html
    said = await line()
    services_in(kept.app).part(SharedPages).forget(shop)
    assert "Rude words" in await _shown(kept, room)
    async with kept.db.transaction() as tx:
        await chat.hide(tx, shop_id=shop, line_id=said.id, reason=chat.Reason.SPAM)
    assert "Rude words" not in await _shown(kept, room)
    async with kept.db.transaction() as tx:
        await run_of_show.end_show(tx, shop_id=shop, show_id=kept.show.id)
    assert 'data-status="ended"' in await _shown(kept, room)
    assert "Live now" not in await _shown(kept, "/s/harbour")
    assert "Shown live" not in await _shown(kept, product)


async def test_shop_that_changed_while_it_was_read_is_read_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = SharedPages()
    reading, go = asyncio.Event(), asyncio.Event()
    read = policies.shop_terms

    async def slow(*arguments: Any, **named: Any) -> Any:
        found = await read(*arguments, **named)
        reading.set()
        await go.wait()
        return found

    monkeypatch.setattr(policies, "shop_terms", slow)
    before = asyncio.create_task(pages.shop(stage.db, "harbour"))
    await reading.wait()
    async with stage.db.transaction() as tx:
        await policies.set_shop_terms(
            tx, shop_id=stage.shop.id, terms=policies.ShopTerms(pick_up_at="New Pier")
        )
    pages.forget_shop(stage.shop.id)
    go.set()
    assert (await before).terms.pick_up_at == "Old Pier 3"
    assert (await pages.shop(stage.db, "harbour")).terms.pick_up_at == "New Pier"


async def test_who_has_the_storefront_is_not_sent_it_again(kept: Stage) -> None:
    for coding in ("gzip", "identity"):
        first = await kept.client.get("/s/harbour", headers={"accept-encoding": coding})
        tag = first.headers["etag"]
        for known in (tag, tag.removeprefix("W/"), f'"x", {tag}', "*"):
            again = await kept.client.get(
                "/s/harbour", headers={"accept-encoding": coding, "if-none-match": known}
            )
            assert (again.status_code, again.content) == (304, b"")
            for name in ("etag", "cache-control", "vary", "content-language"):
                assert again.headers[name] == first.headers[name]
            assert "content-type" not in again.headers
            assert "content-length" not in again.headers
        other = await kept.client.get("/s/harbour", headers={"if-none-match": tag, "accept-language": "zh"})
        assert other.status_code == 200
        assert other.headers["etag"] != tag
    await kept.hold(quantity=1)
    assert (await kept.client.get("/s/harbour", headers={"if-none-match": tag})).status_code == 200
    for address in (f"/s/harbour/p/{kept.shirt.id}", f"/s/harbour/live/{kept.show.id}"):
        answer = await kept.client.get(address, headers={"if-none-match": "*"})
        assert (answer.status_code, "etag" in answer.headers) == (200, False)


async def test_head_says_what_get_would_and_other_sites_get_nothing_compressed(kept: Stage) -> None:
    for address in ("/s/harbour", f"/s/harbour/p/{kept.shirt.id}", f"/s/harbour/live/{kept.show.id}"):
        asked = {"accept-encoding": "identity"}
        whole = await kept.client.get(address, headers=asked)
        head = await kept.client.head(address, headers=asked)
        assert (head.status_code, head.content) == (200, b"")
        assert dict(head.headers) == dict(whole.headers)
        assert whole.headers["vary"] == "cookie, accept-language, accept-encoding"
        assert int(whole.headers["content-length"]) == len(whole.content)
        for site, coding in (
            ("cross-site", None),
            ("same-site", None),
            ("same-origin", "gzip"),
            ("none", "gzip"),
        ):
            answer = await kept.client.get(
                address, headers={"accept-encoding": "gzip", "sec-fetch-site": site}
            )
            assert answer.headers.get("content-encoding") == coding
            assert _OWN.sub("", answer.text) == _OWN.sub("", whole.text)
