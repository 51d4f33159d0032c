"""Tax and shipping on pages: set in the console, seen before ordering, charged as seen; without JavaScript."""

import re
from dataclasses import replace
from typing import Any

import pytest
from tests.web.conftest import Stage

from shopfloor import policies, pricing, web
from shopfloor.kernel.countries import COUNTRIES
from shopfloor.pricing.models import DeliveryKind
from shopfloor.pricing.records import Method, TaxRate, TaxSettings, Zone

FORM = {
    "name": "Lin Yue", "phone": "+86 139 1234 5678", "street": "1 Pier Road", "city": "Ningbo", "method": "transfer",
}  # fmt: skip


async def rules(stage: Stage, *, included: bool) -> None:
    async with stage.db.transaction() as tx:
        shop_id = stage.shop.id
        await pricing.service.set_taxes(
            tx, shop_id=shop_id, wanted=TaxSettings(origin_country="CN", included=included)
        )
        for country, percent in (("CN", "13"), ("DE", "19")):
            await pricing.service.save_tax_rate(
                tx, shop_id=shop_id, rate=TaxRate(0, country, percent, name="VAT")
            )
        for position, (name, countries, amount) in enumerate(
            (("Home", ["CN"], 800), ("World", ["DE", "FR"], 9_900))
        ):
            zone = await pricing.service.save_zone(
                tx, shop_id=shop_id, zone=Zone(0, position, name, countries)
            )
            await pricing.service.save_method(
                tx,
                shop_id=shop_id,
                method=Method(0, position, DeliveryKind.SHIP, f"{name} parcel", zone.id, amount_minor=amount),
            )
        await pricing.service.save_method(
            tx, shop_id=shop_id, method=Method(0, 9, DeliveryKind.PICK_UP, "Old Pier", note="9 to 18")
        )


def seen(page: str) -> dict[str, str]:
    return dict(re.findall(r'name="(total_\w+)" value="(\d+)"', page))


def ways(page: str) -> list[str]:
    return re.findall(r'name="delivery" value="(\w+)"', page)


async def placed(stage: Stage) -> list[tuple[int, int, str]]:
    async with stage.db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT total_minor, tax_minor, shipping_name FROM orders.orders WHERE number IS NOT NULL"
        )
        return [tuple(row) for row in await cursor.fetchall()]


async def test_what_is_shown_for_an_address_is_what_is_charged(stage: Stage) -> None:
    await rules(stage, included=False)
    hold = await stage.hold()
    address = f"/s/harbour/checkout/{hold}"
    first = (await stage.client.get(address)).text
    assert "Home parcel" in first
    assert re.search(r'<option value="CN" selected>China</option>', first)
    assert {*re.findall(r'<option value="(\w\w)"', first)} == {"CN", "DE", "FR"}

    looked = await stage.client.post(address, data=FORM | {"country": "DE", "look": "1"})
    assert looked.status_code == 200
    [parcel, store] = ways(looked.text)
    totals = seen(looked.text)
    # 129.00 and 99.00, each with 19 % on top.
    assert totals == {f"total_{parcel}": "27132", f"total_{store}": "14577"}
    assert "World parcel" in looked.text
    assert 'value="Lin Yue"' in looked.text
    assert await placed(stage) == []

    sent = await stage.client.post(address, data=FORM | totals | {"country": "DE", "delivery": parcel})
    assert sent.status_code == 303
    assert await placed(stage) == [(27_132, 4_332, "World parcel")]
    receipt = (await stage.client.get(sent.headers["location"])).text
    for words in ("World parcel", "CN¥271.32", "plus VAT 19%", "CN¥43.32", "Germany"):
        assert words in receipt


async def test_another_address_than_the_shown_one_is_asked_about_and_not_ordered(stage: Stage) -> None:
    await rules(stage, included=True)
    hold = await stage.hold()
    address = f"/s/harbour/checkout/{hold}"
    page = (await stage.client.get(address)).text
    [parcel, store] = ways(page)

    elsewhere = await stage.client.post(
        address, data=FORM | seen(page) | {"country": "DE", "delivery": parcel}
    )
    assert elsewhere.status_code == 422
    assert "isn&#39;t available for your address" in elsewhere.text
    [other, _] = ways(elsewhere.text)
    assert other != parcel
    stale = await stage.client.post(
        address, data=FORM | {f"total_{other}": "1", "country": "DE", "delivery": other}
    )
    assert stale.status_code == 409
    assert await placed(stage) == []

    fetched = await stage.client.post(
        address, data=FORM | seen(page) | {"country": "CN", "delivery": store, "method": "cash"}
    )
    assert fetched.status_code == 303
    assert await placed(stage) == [(12_900, 1_484, "Old Pier")]
    assert "including VAT 13%" in (await stage.client.get(fetched.headers["location"])).text


async def test_nothing_goes_to_a_country_that_is_not_served(stage: Stage) -> None:
    await rules(stage, included=True)
    hold = await stage.hold()
    for country in ("US", "", "China"):
        answer = await stage.client.post(
            f"/s/harbour/checkout/{hold}", data=FORM | {"country": country, "delivery": "ship"}
        )
        assert answer.status_code == 422
    assert await placed(stage) == []


async def test_a_merchant_sets_tax_and_shipping(stage: Stage) -> None:
    client, base = stage.client, "/console/harbour"
    await sign_in(stage)
    empty = (await client.get(f"{base}/taxes")).text
    assert "No rates yet." in empty
    wrong = await client.post(
        f"{base}/taxes", data={"origin_country": "DE", "tax_number": "DE136695977", "included": "yes"}
    )
    assert wrong.status_code == 422
    assert "can&#39;t be a tax number" in wrong.text
    assert 'value="DE136695977"' in wrong.text

    await client.post(
        f"{base}/taxes", data={"origin_country": "DE", "tax_number": "DE 136 695 976", "included": "no"}
    )
    assert "No tax is charged yet" in (await client.get(f"{base}/taxes")).text
    bad = await client.post(f"{base}/taxes/rate", data={"country": "DE", "percent": "nineteen"})
    assert (bad.status_code, "at most six decimals" in bad.text) == (422, True)
    await client.post(
        f"{base}/taxes/rate",
        data={
            "country": "DE",
            "percent": "19,5 %",
            "name": "USt",
            "postcodes": "1*，2*",
            "valid_from": "2026-01-01",
        },
    )
    await client.post(f"{base}/taxes/classes", data={"code": "books", "name": "Books"})
    assert "No zones yet." in (await client.get(f"{base}/shipping")).text
    await client.post(
        f"{base}/shipping/zone", data={"name": "EU", "countries": ["DE", "FR"], "position": "1"}
    )
    async with stage.db.transaction() as tx:
        [zone] = (await pricing.rules(tx, shop_id=stage.shop.id)).zones
    for text, status in (("1000 4.90\n500 6.90", 422), ("1000", 422), ("1000 4.90\n* 9,90", 303)):
        saved = await client.post(
            f"{base}/shipping/method",
            data={"name": "Parcel", "zone_id": zone.id, "price_by": "weight", "steps": text, "position": "1"},
        )
        assert saved.status_code == status
    removed = await client.post(f"{base}/shipping/zone/{zone.id}/remove")
    assert removed.headers["location"].endswith("/shipping")
    await client.post(
        f"{base}/shipping/product/{stage.shirt.id}",
        data={"tax_class": "books", f"grams-{stage.variants[0].id}": "450"},
    )

    # Nothing is saved, and nobody is told so, of a form that names a variant of another product.
    for unknown in ("999999", "0", "x"):
        foreign = await client.post(
            f"{base}/shipping/product/{stage.shirt.id}",
            data={"tax_class": "standard", f"grams-{unknown}": "7"},
            follow_redirects=True,
        )
        assert "Variant not found." in foreign.text
        assert "Tax class and weights saved." not in foreign.text

    async with stage.db.transaction() as tx:
        found = await pricing.rules(tx, shop_id=stage.shop.id)
        [rate] = await pricing.service.tax_rates(tx, shop_id=stage.shop.id)
        told = await tx.value("SELECT tax_class FROM catalog.product WHERE id = %(id)s", id=stage.shirt.id)
        grams = await tx.value("SELECT grams FROM catalog.variant WHERE id = %(id)s", id=stage.variants[0].id)
    assert found.settings is not None
    assert (found.settings.included, found.settings.tax_number) == (False, "DE 136 695 976")
    assert (rate.percent, rate.postcodes, str(rate.valid_from)) == ("19.5", ["1*", "2*"], "2026-01-01")
    assert [each.name for each in found.zones] == ["EU"]
    assert [each.steps for each in found.methods] == [
        [{"up_to": 1000, "amount": 490}, {"up_to": None, "amount": 990}]
    ]
    assert (told, grams) == ("books", 450)
    for page in ("/taxes", f"/taxes/rate?rate_id={rate.id}", "/shipping", f"/shipping/zone?zone_id={zone.id}",
                 f"/shipping/method?method_id={found.methods[0].id}", f"/products/{stage.shirt.id}"):  # fmt: skip
        assert (await client.get(base + page)).status_code == 200, page


def amounts_of(page: str, of: str) -> list[str]:
    """The amounts on a page after the first place that says `of`."""
    text = re.sub(r"<[^>]+>", " ", page[page.index(of) :])
    return re.findall(r"CN¥[\d,.]+", text)


async def test_tax_on_top_stands_apart_on_every_page_of_an_order(stage: Stage) -> None:
    await rules(stage, included=False)
    hold = await stage.hold()
    address = f"/s/harbour/checkout/{hold}"
    page = (await stage.client.get(address)).text
    # 13 % on top of 129.00 and 8.00.
    assert amounts_of(page, "<small")[0] == "CN¥8.00"
    [parcel, _] = ways(page)
    assert amounts_of(page, 'class="sum num way way-1"')[:4] == [
        "CN¥129.00",
        "CN¥8.00",
        "CN¥17.81",
        "CN¥154.81",
    ]
    sent = await stage.client.post(address, data=FORM | seen(page) | {"country": "CN", "delivery": parcel})
    assert sent.status_code == 303
    receipt = (await stage.client.get(sent.headers["location"])).text
    # The line, each unit, and then the sum: goods, shipping, tax, total.
    told = ["CN¥129.00", "CN¥129.00", "CN¥129.00", "CN¥8.00", "CN¥17.81", "CN¥154.81"]
    assert amounts_of(receipt, 'id="lines"')[:6] == told
    await sign_in(stage)
    async with stage.db.transaction() as tx:
        order_id = await tx.value("SELECT id FROM orders.orders WHERE number IS NOT NULL")
    console = (await stage.client.get(f"/console/harbour/orders/{order_id}")).text
    assert amounts_of(console, "<table")[:6] == told


async def test_tax_in_the_price_is_in_the_lines_and_the_shipping(stage: Stage) -> None:
    await rules(stage, included=True)
    hold = await stage.hold()
    address = f"/s/harbour/checkout/{hold}"
    page = (await stage.client.get(address)).text
    assert amounts_of(page, "<small")[0] == "CN¥8.00"
    [parcel, _] = ways(page)
    sent = await stage.client.post(address, data=FORM | seen(page) | {"country": "CN", "delivery": parcel})
    receipt = (await stage.client.get(sent.headers["location"])).text
    told = ["CN¥129.00", "CN¥129.00", "CN¥129.00", "CN¥8.00", "CN¥137.00", "CN¥15.76"]
    assert amounts_of(receipt, 'id="lines"')[:6] == told


async def test_a_product_page_promises_no_shipping_that_depends_on_the_address(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        terms = await policies.shop_terms(tx, shop_id=stage.shop.id)
        free = replace(terms, shipping_minor=0, pick_up_at="Old Pier")
        await policies.set_shop_terms(tx, shop_id=stage.shop.id, terms=free)
    page = f"/s/harbour/p/{stage.shirt.id}"
    before = (await stage.client.get(page)).text
    assert ("Free shipping" in before, "Pickup: Old Pier" in before) == (True, True)
    earlier = await stage.hold()
    await stage.client.get(f"/s/harbour/checkout/{earlier}")

    await rules(stage, included=True)
    stage.app.state.services.part(web.SharedPages).forget_shop(stage.shop.id)

    now = (await stage.client.get(page)).text
    assert "Shipping is worked out at checkout" in now
    assert ("Free shipping" in now, "Pickup: Old Pier" in now) == (False, False)
    chinese = (await stage.client.get(page, headers={"accept-language": "zh-CN"})).text
    assert "运费在结账时计算" in chinese
    hold = await stage.hold()
    first = (await stage.client.get(f"/s/harbour/checkout/{hold}")).text
    [parcel, _] = ways(first)
    sent = await stage.client.post(
        f"/s/harbour/checkout/{hold}", data=FORM | seen(first) | {"country": "CN", "delivery": parcel}
    )
    receipt = (await stage.client.get(sent.headers["location"])).text
    kept_page = receipt[receipt.index('id="seen"') :]
    assert ("Shipping is worked out at checkout" in kept_page, "Free shipping" in kept_page) == (True, False)


def marked(page: str) -> list[str]:
    """The fields of a form that came back which it finds fault with."""
    return re.findall(r'name="(\w+)" aria-invalid="true"', page)


async def kept(stage: Stage) -> tuple[int, int, int]:
    """How many rates, zones and methods there are."""
    async with stage.db.transaction() as tx:
        rates = await pricing.service.tax_rates(tx, shop_id=stage.shop.id)
        rules = await pricing.rules(tx, shop_id=stage.shop.id)
    return len(rates), len(rules.zones), len(rules.methods)


@pytest.mark.parametrize("hidden", ["abc", "-1", "0", " ", "1.0", "９", str(2**63 - 1), "987654321"])
async def test_only_a_form_without_an_id_makes_a_new_rule(stage: Stage, hidden: str) -> None:
    await rules(stage, included=True)
    await sign_in(stage)
    async with stage.db.transaction() as tx:
        zone = (await pricing.rules(tx, shop_id=stage.shop.id)).zones[0]
    before = await kept(stage)
    for path, data in (
        ("taxes/rate", {"rate_id": hidden, "country": "DE", "percent": "7"}),
        ("shipping/zone", {"zone_id": hidden, "name": "New", "countries": ["US"]}),
        ("shipping/method", {"method_id": hidden, "name": "New", "zone_id": str(zone.id)}),
        ("shipping/method", {"name": "New", "zone_id": hidden}),
    ):
        answer = await stage.client.post(f"/console/harbour/{path}", data=data)
        assert (answer.status_code, "it may have been deleted" in answer.text) == (404, True), path
    assert await kept(stage) == before


@pytest.mark.parametrize(
    ("path", "data", "field"),
    [
        ("taxes/rate", {"percent": "7"}, "country"),
        ("taxes/rate", {"country": "DE", "percent": "seven"}, "percent"),
        ("taxes/rate", {"country": "DE", "percent": "-7"}, "percent"),
        ("taxes/rate", {"country": "DE", "percent": "1001"}, "percent"),
        ("taxes/rate", {"country": "DE", "percent": "7", "tax_class": "nobodys"}, "tax_class"),
        ("taxes/rate", {"country": "DE", "percent": "7", "name": "n" * 41}, "name"),
        ("taxes/rate", {"country": "DE", "percent": "7", "regions": ",".join("abcdefghijklmnopqrstu")}, "regions"),
        ("taxes/rate", {"country": "DE", "percent": "7", "valid_from": "0001-01-01"}, "valid_from"),
        ("taxes/rate", {"country": "DE", "percent": "7", "valid_from": "1999-12-31"}, "valid_from"),
        ("taxes/rate", {"country": "DE", "percent": "7", "valid_until": "2200-01-01"}, "valid_until"),
        ("taxes/rate", {"country": "DE", "percent": "7", "valid_until": "9999-12-31"}, "valid_until"),
        ("taxes/rate", {"country": "DE", "percent": "7", "valid_from": "2026-W05-1"}, "valid_from"),
        ("taxes/rate", {"country": "DE", "percent": "7", "valid_from": "20260101"}, "valid_from"),
        (
            "taxes/rate",
            {"country": "DE", "percent": "7", "valid_from": "2026-02-01", "valid_until": "2026-01-31"},
            "valid_until",
        ),
        ("shipping/zone", {"name": "New"}, "countries"),
        ("shipping/zone", {"countries": ["US"]}, "name"),
        ("shipping/zone", {"name": "New", "countries": ["US"], "position": "first"}, "position"),
        ("shipping/zone", {"name": "New", "countries": ["US"], "postcodes": "1" * 101}, "postcodes"),
        ("shipping/method", {"name": "New"}, "zone_id"),
        ("shipping/method", {"zone_id": "?"}, "name"),
        ("shipping/method", {"name": "New", "zone_id": "?", "kind": "drone"}, "kind"),
        ("shipping/method", {"name": "New", "zone_id": "?", "price_by": "size"}, "price_by"),
        ("shipping/method", {"name": "New", "zone_id": "?", "amount": "much"}, "amount"),
        ("shipping/method", {"name": "New", "zone_id": "?", "free_from": "-1"}, "free_from"),
        ("shipping/method", {"name": "New", "zone_id": "?", "position": "0"}, "position"),
        ("shipping/method", {"name": "New", "zone_id": "?", "price_by": "weight", "steps": "500 x"}, "steps"),
        ("shipping/method", {"name": "New", "zone_id": "?", "price_by": "weight", "steps": "5 1\n4 1"}, "steps"),
        ("shipping/method", {"name": "New", "kind": "local"}, "country"),
        ("shipping/method", {"name": "New", "kind": "local", "country": "DE"}, "postcodes"),
        ("shipping/method", {"name": "New", "kind": "pick_up", "country": "Germany"}, "country"),
    ],
)  # fmt: skip
async def test_what_is_refused_is_said_beside_its_field(
    stage: Stage, path: str, data: dict[str, Any], field: str
) -> None:
    await rules(stage, included=True)
    await sign_in(stage)
    async with stage.db.transaction() as tx:
        zone = (await pricing.rules(tx, shop_id=stage.shop.id)).zones[0]
    before = await kept(stage)
    if data.get("zone_id") == "?":
        data = data | {"zone_id": str(zone.id)}
    answer = await stage.client.post(f"/console/harbour/{path}", data=data)
    assert (answer.status_code, marked(answer.text)) == (404 if field == "tax_class" else 422, [field])
    assert f'id="e-{field}"' in answer.text
    assert await kept(stage) == before


@pytest.mark.parametrize(
    ("typed", "percent"),
    [("１９", "19"), ("７．５％", "7.5"), ("７，５", "7.5"), ("9.975 %", "9.975")],
)
async def test_a_percentage_may_be_typed_on_any_keyboard(stage: Stage, typed: str, percent: str) -> None:
    await sign_in(stage)
    answer = await stage.client.post(
        "/console/harbour/taxes/rate",
        data={"country": "DE", "percent": typed, "valid_from": "2000-01-01", "valid_until": "2199-12-31"},
    )
    assert answer.status_code == 303
    async with stage.db.transaction() as tx:
        [rate] = await pricing.service.tax_rates(tx, shop_id=stage.shop.id)
    assert (rate.percent, str(rate.valid_from), str(rate.valid_until)) == (
        percent,
        "2000-01-01",
        "2199-12-31",
    )


async def sign_in(stage: Stage) -> None:
    """As the owner."""
    answer = await stage.client.post(
        "/sign-in",
        data={"email": "owner@example.com", "password": "a long enough one", "to": "/console/harbour"},
    )
    assert answer.status_code == 303


async def test_countries_are_ticked_by_group_without_a_script(stage: Stage) -> None:
    await sign_in(stage)
    page = (await stage.client.get("/console/harbour/shipping/zone")).text
    boxes = re.findall(r'name="countries" value="(\w\w)"', page)
    assert sorted(boxes) == sorted(COUNTRIES)
    assert "European Union" in page
    saved = await stage.client.post(
        "/console/harbour/shipping/zone",
        data={"name": "Europe", "countries": ["CH", "DE"], "country_groups": ["EU"], "position": "1"},
    )
    assert saved.status_code == 303
    async with stage.db.transaction() as tx:
        [zone] = (await pricing.rules(tx, shop_id=stage.shop.id)).zones
    assert (len(zone.countries), zone.countries[:2], {"AT", "SE", "NO"} & {*zone.countries}) == (
        28, ["CH", "DE"], {"AT", "SE"},
    )  # fmt: skip
    kept = (await stage.client.get(f"/console/harbour/shipping/zone?zone_id={zone.id}")).text
    ticked = re.findall(r'name="countries" value="(\w\w)" checked', kept)
    assert sorted(ticked) == sorted(zone.countries)
