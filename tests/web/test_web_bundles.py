"""Bundles on the pages, without a script, in both languages: the shop's, the room's, the console's."""

import re
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in

from shopfloor import catalog, fulfilment, inventory, live, orders, run_of_show, stock
from shopfloor.kernel.values import now
from shopfloor.purchases.bundles import composed, expanded

CHINESE = {"accept-language": "zh"}


@dataclass(frozen=True)
class Tea:
    """A tea set (one pot, four cups) for 99.00; `variants`: pot, cup and set."""

    stage: Stage
    products: list[int]
    variants: list[int]

    @property
    def pot(self) -> int:
        return self.variants[0]

    @property
    def cup(self) -> int:
        return self.variants[1]

    @property
    def tea_set(self) -> int:
        return self.variants[2]

    async def receive(self, variant_id: int, units: int) -> None:
        async with self.stage.db.transaction() as tx:
            [place] = await inventory.locations(tx, shop_id=self.stage.shop.id)
            await inventory.receive(
                tx,
                shop_id=self.stage.shop.id,
                location_id=place.id,
                variant_id=variant_id,
                quantity=units,
            )

    async def hold(self, quantity: int = 1) -> UUID:
        """What the door does when the shopper buys sets from the shelf."""
        async with self.stage.db.transaction() as tx:
            bundles = await catalog.bundles(tx, shop_id=self.stage.shop.id, variant_ids=[self.tea_set])
            made = {self.tea_set: composed(bundles[self.tea_set], 9_900)}
            lines, prices = expanded([(self.tea_set, quantity, 9_900)], made)
            pool = await inventory.open_pool(tx, shop_id=self.stage.shop.id)
            request = stock.Request(
                id=uuid4(), shop_id=self.stage.shop.id, pool_id=pool.id, buyer=self.stage.shopper, lines=lines,
                hold_seconds=300, unit_prices=prices,
            )  # fmt: skip
            [answer] = await stock.reserve(tx, [request])
        assert isinstance(answer, stock.Held)
        return request.id


@pytest.fixture
async def tea(stage: Stage) -> Tea:
    products: list[int] = []
    variants: list[int] = []
    async with stage.db.transaction() as tx:
        for title, chinese, minor in (
            ("Pot", "茶壶", 6_000),
            ("Cup", "茶杯", 1_500),
            ("Tea set", "茶具套装", 9_900),
        ):
            made = await catalog.create_product(
                tx, status=catalog.Status.ACTIVE, shop_id=stage.shop.id, title=title, titles={"zh_CN": chinese},
                variants=[catalog.NewVariant(minor, sku=title.upper().replace(" ", "-"))],
            )  # fmt: skip
            [variant] = await catalog.variants(tx, shop_id=stage.shop.id, product_ids=[made.id])
            products.append(made.id)
            variants.append(variant.id)
        await catalog.set_parts(
            tx,
            shop_id=stage.shop.id,
            variant_id=variants[2],
            parts=[catalog.NewPart(variants[0], 1), catalog.NewPart(variants[1], 4)],
        )
    found = Tea(stage, products, variants)
    await found.receive(found.pot, 5)
    await found.receive(found.cup, 11)
    return found


def text(page: str) -> str:
    """The words of a page, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def look(client: httpx.AsyncClient, path: str, **headers: str) -> str:
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 200, path
    return answer.text


async def test_the_product_page_says_what_it_contains_and_how_many_are_left(tea: Tea) -> None:
    client, page = tea.stage.client, f"/s/harbour/p/{tea.products[2]}"
    english = await look(client, page)
    assert "Includes 1 × Pot 4 × Cup" in text(english)
    assert "2 left" in text(english)
    assert f'href="/s/harbour/p/{tea.products[1]}"' in english
    assert "Buy for CN¥99 each" in text(english)
    chinese = text(await look(client, page, **CHINESE))
    assert "包含 1 × 茶壶 4 × 茶杯" in chinese
    assert "剩 2 件" in chinese
    async with tea.stage.db.transaction() as tx:
        await catalog.update_product(
            tx, shop_id=tea.stage.shop.id, product_id=tea.products[1], status=catalog.Status.DRAFT
        )
    hidden = await look(client, page)
    assert "4 × Cup" in text(hidden)
    assert f'href="/s/harbour/p/{tea.products[1]}"' not in hidden, "a part need not be sold by itself"


async def test_a_part_that_is_gone_sells_the_set_out_and_one_can_wait(tea: Tea) -> None:
    async with tea.stage.db.transaction() as tx:
        pool = await inventory.open_pool(tx, shop_id=tea.stage.shop.id)
        await stock.reserve(
            tx,
            [stock.Request(uuid4(), tea.stage.shop.id, pool.id, uuid4(), (stock.Line(tea.cup, 8),), 300)],
        )
    page = await look(tea.stage.client, f"/s/harbour/p/{tea.products[2]}")
    assert "Sold out" in text(page)
    assert "Buy for" not in text(page)
    storefront = text(await look(tea.stage.client, "/s/harbour"))
    assert "Tea set CN¥99 Sold out" in storefront
    answer = await tea.stage.client.post("/s/harbour/waitlist", data={"variant_id": str(tea.tea_set)})
    assert answer.status_code == 303
    assert "Tea set" in text(await look(tea.stage.client, "/s/harbour/waitlist"))


async def test_the_date_of_a_set_is_that_of_its_last_part(tea: Tea) -> None:
    ready = now().date() + timedelta(days=20)
    async with tea.stage.db.transaction() as tx:
        pool = await inventory.open_pool(tx, shop_id=tea.stage.shop.id)
        [place] = await inventory.locations(tx, shop_id=tea.stage.shop.id)
        await stock.reserve(
            tx,
            [stock.Request(uuid4(), tea.stage.shop.id, pool.id, uuid4(), (stock.Line(tea.pot, 5),), 300)],
        )
        await inventory.announce_lot(
            tx, shop_id=tea.stage.shop.id, variant_id=tea.pot, location_id=place.id, quantity=9, ready_on=ready,
            kind=inventory.LotKind.INCOMING, source="po-9",
        )  # fmt: skip
    page = text(await look(tea.stage.client, f"/s/harbour/p/{tea.products[2]}"))
    assert re.search(rf"Ready .{{0,8}}{ready.day}", page)
    hold = await tea.hold()
    checkout = text(await look(tea.stage.client, f"/s/harbour/checkout/{hold}"))
    assert "Ready and shipped on" in checkout
    assert re.search(r"1 × Pot Ready .{0,12}\d", checkout), "the part that is awaited says its own date"
    assert re.search(r"4 × Cup Ready and shipped on .{0,14}", checkout), "then the date of the whole"


async def test_the_buyer_sees_one_price_from_checkout_to_receipt(tea: Tea) -> None:
    client, hold = tea.stage.client, await tea.hold(2)
    page = await look(client, f"/s/harbour/checkout/{hold}")
    assert "Tea set 2 × Pot 8 × Cup In stock CN¥198.00 2 × CN¥99.00" in text(page)
    assert "CN¥43.00" not in text(page), "no share of a part is shown"
    chinese = text(await look(client, f"/s/harbour/checkout/{hold}", **CHINESE))
    assert "茶具套装 2 × 茶壶 8 × 茶杯" in chinese
    totals = dict(re.findall(r'name="(total_\w+)" value="(\d+)"', page))
    assert totals == {"total_ship": "21000", "total_pick_up": "19800"}
    form = {"name": "Lin", "phone": "+86 138 0000 1111", "street": "Pier 3", "city": "Ningbo"} | totals
    answer = await client.post(f"/s/harbour/checkout/{hold}", data=form)
    assert answer.status_code == 303
    receipt = text(await look(client, answer.headers["location"]))
    assert "Tea set 2 × Pot 8 × Cup In stock CN¥198.00 2 × CN¥99.00" in receipt


async def test_the_room_sells_sets_without_a_script(tea: Tea) -> None:
    async with tea.stage.db.transaction() as tx:
        show = await live.plan_show(tx, shop_id=tea.stage.shop.id, title="Tea time")
        await run_of_show.add_offer(
            tx,
            shop_id=tea.stage.shop.id,
            show_id=show.id,
            product_id=tea.products[2],
            lines=[run_of_show.OfferLine(tea.tea_set, 8_800, 2)],
            limit_per_buyer=11,
        )
        await run_of_show.start_show(tx, shop_id=tea.stage.shop.id, show_id=show.id)
    page = await look(tea.stage.client, f"/s/harbour/live/{show.id}")
    assert "Includes 1 × Pot 4 × Cup" in text(page)
    assert "max. 2 per customer (5 pieces each)" in text(page)
    assert re.search(r'name="quantity" value="1" inputmode="numeric"', page)
    assert "2 left" in text(page)
    chinese = text(await look(tea.stage.client, f"/s/harbour/live/{show.id}", **CHINESE))
    assert "包含 1 × 茶壶 4 × 茶杯" in chinese
    assert "每人限购 2 套（每套 5 件）" in chinese


# ── the console ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def desk(tea: Tea, tmp_path: Path) -> httpx.AsyncClient:
    return await signed_in(tea.stage, tmp_path)


async def parts(tea: Tea, variant_id: int) -> list[tuple[int, int]]:
    async with tea.stage.db.transaction() as tx:
        bundles = await catalog.bundles(tx, shop_id=tea.stage.shop.id, variant_ids=[variant_id])
    return [(part.variant_id, part.quantity) for bundle in bundles.values() for part in bundle.parts]


def typed(variant_id: int, *rows: tuple[str, str]) -> dict[str, str]:
    form = {"variant_id": str(variant_id)}
    for n, (name, units) in enumerate(rows, 1):
        form |= {f"part-{variant_id}-{n}": name, f"units-{variant_id}-{n}": units}
    return form


async def test_a_merchant_says_what_a_set_consists_of(desk: httpx.AsyncClient, tea: Tea) -> None:
    address = f"/console/harbour/products/{tea.products[2]}"
    page = await look(desk, address)
    assert "consists of 1 × Pot, 4 × Cup" in text(page)
    assert f'value="Cup (#{tea.cup})"' in page
    assert f'<option value="Tea set (#{tea.tea_set})">' not in page, "no bundle within a bundle"

    form = typed(
        tea.tea_set, ("", "1"), ("cup", "6"), (f"Shirt · Indigo · M (#{tea.stage.variants[0].id})", "1")
    )
    answer = await desk.post(f"{address}/parts", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{address}#bundles")
    assert await parts(tea, tea.tea_set) == [(tea.cup, 6), (tea.stage.variants[0].id, 1)]

    answer = await desk.post(f"{address}/parts", data=typed(tea.tea_set, ("", "1")))
    assert answer.status_code == 303
    assert await parts(tea, tea.tea_set) == []
    assert "is sold by itself" in text(await look(desk, address))
    assert "单独出售" in text(await look(desk, address, **CHINESE))


async def test_what_makes_no_set_comes_back_beside_its_field(desk: httpx.AsyncClient, tea: Tea) -> None:
    address = f"/console/harbour/products/{tea.products[2]}"
    before = await parts(tea, tea.tea_set)
    answer = await desk.post(
        f"{address}/parts", data=typed(tea.tea_set, ("no such thing", "1"), ("cup", "none"))
    )
    assert answer.status_code == 422
    assert f'id="e-part-{tea.tea_set}-1"' in answer.text
    assert f'id="e-units-{tea.tea_set}-2"' in answer.text
    assert 'value="no such thing"' in answer.text
    for rows, said in (
        ((("cup", "1"), ("cup", "2")), "up to 10 different products"),
        ((("tea-set", "1"),), "but not itself"),
        ((("cup", "1000"),), "1 to 999 units"),
    ):
        answer = await desk.post(f"{address}/parts", data=typed(tea.tea_set, *rows))
        assert answer.status_code == 422
        assert said in text(answer.text)
    cup = f"/console/harbour/products/{tea.products[1]}"
    answer = await desk.post(f"{cup}/parts", data=typed(tea.cup, (f"(#{tea.tea_set})", "1")))
    assert answer.status_code == 422
    assert "contain another bundle" in text(answer.text)
    foreign = await desk.post(f"{cup}/parts", data=typed(tea.pot, ("cup", "1")))
    assert foreign.status_code == 422
    assert await parts(tea, tea.tea_set) == before
    assert await parts(tea, tea.cup) == []
    assert await parts(tea, tea.pot) == []
    page = text(await look(desk, cup))
    assert f"is a part of Tea set #{tea.tea_set}" in page
    assert "A product that is part of a bundle can't be a bundle itself." in page


async def test_stock_orders_and_studio_show_sets(desk: httpx.AsyncClient, tea: Tea) -> None:
    page = text(await look(desk, "/console/harbour/stock?search=tea"))
    assert "bundle of 1 × Pot, 4 × Cup 2" in page
    assert "Adjust stock" not in page, "nobody counts what has no units"

    hold = await tea.hold(2)
    placed = await orders.complete(
        tea.stage.db,
        shop_id=tea.stage.shop.id,
        hold_id=hold,
        shopper=tea.stage.shopper,
        form=orders.Form(name="Lin", delivery=fulfilment.Delivery.PICK_UP, phone="+86 138 0000 1111"),
    )
    page = text(await look(desk, f"/console/harbour/orders/{placed.id}"))
    assert (
        "Tea set TEA-SET Bundle 2 CN¥99.00 CN¥198.00 Pot POT 2 CN¥99.00 In stock Cup CUP 8 CN¥99.00 In stock"
        in page
    )
    assert "split over its parts" in page
    assert "Tea set" in text(await look(desk, "/console/harbour/orders"))

    await tea.receive(tea.cup, 8)
    async with tea.stage.db.transaction() as tx:
        show = await live.plan_show(tx, shop_id=tea.stage.shop.id, title="Tea time")
        offer = await run_of_show.add_offer(
            tx,
            shop_id=tea.stage.shop.id,
            show_id=show.id,
            product_id=tea.products[2],
            lines=[run_of_show.OfferLine(tea.tea_set, 8_800, 2)],
        )
        show = await run_of_show.start_show(tx, shop_id=tea.stage.shop.id, show_id=show.id)
        bundles = await catalog.bundles(tx, shop_id=tea.stage.shop.id, variant_ids=[tea.tea_set])
        made = {tea.tea_set: composed(bundles[tea.tea_set], 8_800)}
        lines, prices = expanded([(tea.tea_set, 1, 8_800)], made)
        assert show.pool_id is not None
        await stock.reserve(
            tx,
            [
                stock.Request(
                    uuid4(), tea.stage.shop.id, show.pool_id, uuid4(), lines, 300, offer_id=offer.id,
                    show_id=show.id, unit_prices=prices,
                )
            ],
        )  # fmt: skip
    studio = text(await look(desk, f"/console/harbour/shows/{show.id}/studio"))
    assert "1 left · 1 reserved · 0 ordered" in studio
