"""Tax and shipping in an order: what the buyer sees is what is charged, to the cent."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import TypeAdapter
from tests.orders.conftest import PRICE, Market

from shopfloor import catalog, orders, payments, pricing
from shopfloor.fulfilment import Delivery
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import Money
from shopfloor.orders import Address
from shopfloor.orders.quoting import Quote
from shopfloor.pricing.models import DeliveryKind, PriceBy, Rounding, TaxPlace
from shopfloor.pricing.records import Method, TaxRate, TaxSettings, Zone

GERMANY = Address(street="Torstraße 1", city="Berlin", postcode="10115", country="DE")


async def tax(market: Market, *, included: bool = True, **changes: Any) -> None:
    async with market.db.transaction() as tx:
        await pricing.service.set_taxes(
            tx,
            shop_id=market.shop_id,
            wanted=TaxSettings(origin_country="CN", included=included, **changes),
        )
        for country, percent, name in (("CN", "13", "VAT"), ("DE", "19", "USt")):
            await pricing.service.save_tax_rate(
                tx, shop_id=market.shop_id, rate=TaxRate(0, country, percent, name=name)
            )


async def deliver(market: Market) -> dict[str, int]:
    """By name: a parcel within China by weight, one abroad, local delivery and a place to pick up."""
    async with market.db.transaction() as tx:
        home = await pricing.service.save_zone(
            tx, shop_id=market.shop_id, zone=Zone(0, 1, "Home", ["CN"], except_regions=["Xinjiang", "新疆"])
        )
        world = await pricing.service.save_zone(tx, shop_id=market.shop_id, zone=Zone(0, 2, "World", ["*"]))
        steps = [{"up_to": 1000, "amount": 900}, {"up_to": 5000, "amount": 1500}]
        methods = [
            Method(0, 1, DeliveryKind.SHIP, "Parcel", home.id, price_by=PriceBy.WEIGHT, steps=steps),
            Method(0, 2, DeliveryKind.SHIP, "Air", world.id, amount_minor=12_000, free_from_minor=100_000),
            Method(0, 3, DeliveryKind.LOCAL, "Bike", country="CN", postcodes=["3100*"], amount_minor=500),
            Method(0, 4, DeliveryKind.PICK_UP, "Store", note="1 Lake Road"),
        ]
        for variant_id in market.variants:
            await catalog.update_variant(tx, shop_id=market.shop_id, variant_id=variant_id, grams=800)
        saved = [
            await pricing.service.save_method(tx, shop_id=market.shop_id, method=method) for method in methods
        ]
    return {method.name: method.id for method in saved}


async def quoted(market: Market, hold: UUID, buyer: UUID, address: Address | None = None) -> Quote:
    async with market.db.transaction() as tx:
        begun = await orders.begin_checkout(
            tx, shop_id=market.shop_id, hold_id=hold, shopper=buyer, address=address
        )
        return begun.quote


async def view_of(market: Market, order: orders.Order) -> orders.OrderView:
    async with market.db.transaction() as tx:
        return await orders.order(tx, shop_id=market.shop_id, order_id=order.id)


async def sound(market: Market) -> None:
    async with market.db.transaction() as tx:
        assert [check for check in await orders.audit(tx) if check.offending] == []


async def refused(
    market: Market, hold: UUID, buyer: UUID, **changes: object
) -> tuple[str, dict[str, object]]:
    with pytest.raises(Refusal) as refusal:
        await market.complete(hold, buyer, **changes)
    async with market.db.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM orders.orders") == 0
    return refusal.value.code, refusal.value.facts


async def test_a_shop_without_settings_charges_what_it_charged(market: Market) -> None:
    hold, buyer = await market.hold(quantity=2)
    ways = (await quoted(market, hold, buyer)).ways

    assert [(way.id, way.name, way.totals.total) for way in ways] == [
        ("ship", "", Money(2 * PRICE, "CNY")),
        ("pick_up", "", Money(2 * PRICE, "CNY")),
    ]
    order = await market.complete(hold, buyer)
    assert (order.total_minor, order.tax_minor, order.shipping_name) == (2 * PRICE, 0, "")
    await sound(market)


async def test_tax_in_the_price_is_told_and_changes_no_total(market: Market) -> None:
    await tax(market)
    hold, buyer = await market.hold(quantity=2)

    order = await market.complete(hold, buyer)

    view = await view_of(market, order)
    told = order.calculation
    assert told is not None
    assert (order.total_minor, order.goods_minor, order.tax_minor) == (25_800, 25_800, 2_968)
    assert [(each["name"], each["rate"], each["net"], each["tax"]) for each in told["taxes"]] == [
        ("VAT", "13", 22_832, 2_968)
    ]
    assert [(line.amount_minor, line.tax_minor, line.tax_included) for line in view.lines] == [
        (25_800, 2_968, True)
    ]
    async with market.db.transaction() as tx:
        rows = await tx.value(
            "SELECT array_agg(country || name || percent || ':' || net_minor || '+' || tax_minor) FROM orders.tax_line"
        )
    assert rows == ["CNVAT13:22832+2968"]
    await sound(market)


async def test_tax_on_top_is_asked_for_and_paid(market: Market) -> None:
    await tax(market, included=False)
    hold, buyer = await market.hold(quantity=3)
    [ship, _] = (await quoted(market, hold, buyer, GERMANY)).ways
    assert ship.totals.total == Money(38_700 + 7_353, "CNY")

    order = await market.complete(hold, buyer, address=GERMANY, expected_total_minor=46_053)
    assert (order.total_minor, order.goods_minor, order.tax_minor) == (46_053, 46_053, 7_353)
    [line] = (await view_of(market, order)).lines
    assert (line.unit_price_minor, line.amount_minor, line.tax_minor) == (PRICE, 46_053, 7_353)
    async with market.db.transaction() as tx:
        asked = (await payments.payments_for(tx, subject_id=order.id))[0]
        assert (asked.amount_minor, asked.currency) == (46_053, "CNY")
        paid = await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=order.id, amount=Money(46_053, "CNY"), actor="test"
        )
    assert paid.status == "paid"
    await sound(market)


async def test_ways_of_delivery_and_prices_follow_the_address(market: Market) -> None:
    ids = await deliver(market)
    hold, buyer = await market.hold(quantity=2)

    async def told(**address: str) -> list[tuple[str, int]]:
        found = await quoted(market, hold, buyer, Address("", "", **address))
        return [(way.name, way.totals.shipping.minor) for way in found.ways]

    assert await told(country="CN", postcode="310000") == [("Parcel", 1500), ("Bike", 500), ("Store", 0)]
    assert await told(country="CN", region="新疆") == [("Air", 12_000), ("Store", 0)]
    assert await told(country="DE") == [("Air", 12_000), ("Store", 0)]
    assert (await quoted(market, hold, buyer)).place.country == "CN"

    order = await market.complete(hold, buyer, shipping_method=str(ids["Bike"]))
    assert (order.shipping_minor, order.shipping_name, order.delivery) == (500, "Bike", "ship")
    await sound(market)


async def test_what_is_heavier_than_the_last_step_goes_another_way_or_none(market: Market) -> None:
    await deliver(market)
    hold, buyer = await market.hold(quantity=7)

    found = await quoted(market, hold, buyer, Address("", "", country="CN", postcode="200000"))

    assert [way.name for way in found.ways] == ["Store"]
    code, facts = await refused(
        market, hold, buyer, address=Address("1 Road", "Shanghai", "200000", country="CN")
    )
    assert (code, facts) == ("orders.form", {"fields": {"delivery": "not_to_this_place"}})


async def test_an_order_needs_a_country_that_something_goes_to(market: Market) -> None:
    ids = await deliver(market)
    hold, buyer = await market.hold()

    for country in ("", "Germany", "ZZ"):
        code, facts = await refused(market, hold, buyer, address=replace(GERMANY, country=country))
        assert (code, facts) == ("orders.form", {"fields": {"country": "missing"}})
    for wrong in (ids["Parcel"], ids["Store"], 999_999):
        code, facts = await refused(market, hold, buyer, address=GERMANY, shipping_method=str(wrong))
        assert (code, facts) == ("orders.form", {"fields": {"delivery": "not_to_this_place"}})


async def test_a_price_list_that_changed_is_shown_before_anything_is_ordered(market: Market) -> None:
    ids = await deliver(market)
    await tax(market, included=False)
    hold, buyer = await market.hold()
    [seen, *_] = (await quoted(market, hold, buyer, GERMANY)).ways
    async with market.db.transaction() as tx:
        [zone] = [
            each for each in (await pricing.rules(tx, shop_id=market.shop_id)).zones if each.name == "World"
        ]
        await pricing.service.save_method(
            tx,
            shop_id=market.shop_id,
            method=Method(ids["Air"], 2, DeliveryKind.SHIP, "Air", zone.id, amount_minor=13_000),
        )

    total = seen.totals.total.minor
    code, facts = await refused(market, hold, buyer, address=GERMANY, expected_total_minor=total)

    assert total == 24_900 + 4_731
    assert (code, facts) == (
        "orders.total_changed",
        {"expected_minor": total, "total_minor": 25_900 + 4_921, "currency": "CNY"},
    )
    order = await market.complete(hold, buyer, address=GERMANY, expected_total_minor=30_821)
    assert (order.total_minor, order.goods_minor, order.shipping_minor) == (30_821, 15_351, 15_470)
    await sound(market)


async def test_an_order_keeps_its_calculation_when_the_rules_change(market: Market) -> None:
    ids = await deliver(market)
    await tax(market)
    hold, buyer = await market.hold()
    order = await market.complete(hold, buyer)
    async with market.db.transaction() as tx:
        for rate in await pricing.service.tax_rates(tx, shop_id=market.shop_id):
            await pricing.service.remove_tax_rate(tx, shop_id=market.shop_id, rate_id=rate.id)
        for method_id in ids.values():
            await pricing.service.remove_method(tx, shop_id=market.shop_id, method_id=method_id)

    after = (await view_of(market, order)).order

    assert after.calculation == order.calculation
    assert (after.total_minor, after.tax_minor, after.shipping_name) == (13_800, 1_588, "Parcel")
    await sound(market)


@pytest.mark.filterwarnings("error")
async def test_what_is_kept_comes_back_as_what_it_is(market: Market) -> None:
    await deliver(market)
    await tax(market, rounding=Rounding.ORDER)
    async with market.db.transaction() as tx:
        found = await pricing.rules(tx, shop_id=market.shop_id)
    settings = found.settings
    assert settings is not None
    assert (settings.rounding, type(settings.rounding)) == (Rounding.ORDER, Rounding)
    assert (settings.place, type(settings.place)) == (TaxPlace.DESTINATION, TaxPlace)
    assert [type(method.kind) for method in found.methods] == [DeliveryKind] * 4
    assert [method.price_by.name for method in found.methods] == ["WEIGHT", "FLAT", "FLAT", "FLAT"]
    # Where a word stands in place of an enum this warns.
    told = TypeAdapter(list[Method]).dump_python(found.methods, mode="json")
    assert [method["kind"] for method in told] == ["ship", "ship", "local", "pick_up"]
    assert TypeAdapter(TaxSettings).dump_python(settings, mode="json")["rounding"] == "order"


async def test_classes_of_products_and_rounding_by_order(market: Market) -> None:
    await tax(market, included=False, rounding=Rounding.ORDER)
    async with market.db.transaction() as tx:
        await pricing.service.save_tax_rate(
            tx, shop_id=market.shop_id, rate=TaxRate(0, "CN", "9", tax_class="reduced", name="VAT")
        )
        await catalog.update_product(
            tx, shop_id=market.shop_id, product_id=market.product_id, tax_class="reduced"
        )
    hold, buyer = await market.hold(lines={market.variants[0]: 1, market.variants[1]: 1})

    order = await market.complete(hold, buyer)

    assert order.tax_minor == round(2 * PRICE * 0.09)
    async with market.db.transaction() as tx:
        await catalog.update_product(
            tx, shop_id=market.shop_id, product_id=market.product_id, tax_class="none"
        )
    other, somebody = await market.hold()
    assert [way.breakdown.totals.tax for way in (await quoted(market, other, somebody)).ways] == [0, 0]
    await sound(market)


async def test_refunds_in_parts_give_each_line_back_exactly_what_was_paid(market: Market) -> None:
    await tax(market, included=False)
    await deliver(market)
    hold, buyer = await market.hold(lines={market.variants[0]: 1, market.variants[1]: 2})
    order = await market.complete(hold, buyer)
    total = Money(order.total_minor, "CNY")
    async with market.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=market.shop_id, order_id=order.id, amount=total, actor="test")
    left = order.total_minor
    for wanted in (1, 3_333, 7_777, 1, 10**9):
        amount = min(wanted, left)
        async with market.db.transaction() as tx:
            await orders.refund(
                tx, shop_id=market.shop_id, order_id=order.id, amount=Money(amount, "CNY"), refund_id=uuid4(),
                note="", actor="test",
            )  # fmt: skip
        left -= amount
    view = await view_of(market, order)

    async with market.db.transaction() as tx:
        back = await tx.value(
            """
            SELECT array_agg(sum ORDER BY position) FROM (
              SELECT l.position, sum((e ->> 'amount_minor')::bigint)
                FROM kernel.outbox o, json_array_elements(o.body -> 'lines') e
                JOIN orders.line l ON l.id = (e ->> 'line_id')::bigint
               WHERE o.name = 'orders.order_refunded' GROUP BY l.position) s
            """
        )
    assert back == [line.amount_minor for line in view.lines]
    await sound(market)


async def test_the_audit_names_an_order_whose_tax_lines_do_not_add_up(market: Market) -> None:
    """The audit finds what does not add up: broken by hand, it is named."""
    await tax(market)
    hold, buyer = await market.hold()
    order = await market.complete(hold, buyer)
    async with market.db.transaction() as tx:
        await tx.run("UPDATE orders.tax_line SET tax_minor = tax_minor + 1")
        found = {check.name: check.offending for check in await orders.audit(tx)}
    assert found["orders: tax lines add up to the tax of the order"] == (str(order.id),)


async def test_pick_up_is_taxed_where_it_is_picked_up(market: Market) -> None:
    await tax(market)
    await deliver(market)
    hold, buyer = await market.hold()

    order = await market.complete(hold, buyer, delivery=Delivery.PICK_UP, method="cash", address=None)

    assert (order.shipping_name, order.total_minor, order.tax_minor) == ("Store", PRICE, 1_484)
    await sound(market)
