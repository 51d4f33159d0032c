"""What a program sets through the JSON interface, and what an order then costs: exact in currencies of any decimals."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from tests.orders.conftest import PRICE, MakeMarket, Market
from tests.orders.test_orders_api import member

from shopfloor import accounts, inventory, orders, promotions
from shopfloor.kernel import http
from shopfloor.kernel.services import Services
from shopfloor.kernel.values import Money, now
from shopfloor.orders import Address
from shopfloor.payments import Purpose
from shopfloor.pricing import api as pricing_api
from shopfloor.promotions import api as promotions_api

SOON = now().date() + timedelta(days=10)


async def signed_in(market: Market) -> httpx.AsyncClient:
    app = FastAPI()
    http.install(app, Services(market.db))
    app.include_router(pricing_api.router)
    app.include_router(promotions_api.router)
    async with market.db.transaction() as tx:
        slug = (await accounts.shop(tx, market.shop_id)).slug
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url=f"http://shop/v1/{slug}",
        cookies={"session": await member(market, accounts.Role.OWNER)},
    )


@pytest.fixture
async def client(market: Market) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in as the owner."""
    async with await signed_in(market) as client:
        yield client


async def in_currency(market: Market, currency: str) -> None:
    async with market.db.transaction() as tx:
        await tx.run("UPDATE accounts.shop SET currency = %(currency)s", currency=currency)
        await tx.run("UPDATE catalog.variant SET currency = %(currency)s", currency=currency)
        await tx.run("UPDATE live.offer_line SET currency = %(currency)s", currency=currency)


async def made(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def sound(market: Market) -> None:
    async with market.db.transaction() as tx:
        checks = [*await orders.audit(tx), *await promotions.audit(tx)]
    assert [check for check in checks if check.offending] == []


async def pay(market: Market, order: orders.Order, minor: int) -> orders.Order:
    async with market.db.transaction() as tx:
        return await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=order.id, amount=Money(minor, order.currency), actor="test"
        )


@pytest.mark.parametrize(
    ("currency", "country", "included", "rate", "shipping", "discount", "expected"),
    [
        # 387.00 less 10 %: 348.30, with 45.28 on top; 8.00 with 1.04.
        ("CNY", "CN", False, "13", 800, {"kind": "percentage", "percent": "10"}, (39_358, 904, 40_262, 4_632)),
        # 38,700 yen less 3,871, with 3,483 on top; 500 with 50.  There is nothing below a yen.
        ("JPY", "JP", False, "10", 500, {"kind": "amount", "amount_minor": 3_871}, (38_312, 550, 38_862, 3_533)),
        # 38.700 dinars less 33.333333 % are 25.800, of which 1.229 is tax; 1.250 have 0.060 in them.
        (
            "KWD", "KW", True, "5", 1_250, {"kind": "percentage", "percent": "33.333333"},
            (25_800, 1_250, 27_050, 1_289),
        ),
        # 1.001 off for every full 10.000: 3.003.
        (
            "TND", "TN", True, "19", 7_000, {"kind": "amount", "amount_minor": 1_001, "every_minor": 10_000},
            (35_697, 7_000, 42_697, 6_818),
        ),
    ],
)  # fmt: skip
async def test_tax_shipping_and_a_discount_are_set_seen_charged_and_given_back(
    market: Market,
    client: httpx.AsyncClient,
    currency: str,
    country: str,
    included: bool,
    rate: str,
    shipping: int,
    discount: dict[str, Any],
    expected: tuple[int, int, int, int],
) -> None:
    await in_currency(market, currency)
    kept = await client.put("/taxes", json={"origin_country": country, "included": included})
    assert kept.json()["included"] is included
    await made(client, "/taxes/rates", country=country, percent=rate, name="Tax")
    zone = await made(client, "/shipping/zones", name="Home", countries=[country])
    method = await made(
        client, "/shipping/methods", kind="ship", name="Parcel", zone_id=zone["id"], amount_minor=shipping
    )
    code = await made(client, "/discounts", title="Code", method="code", code="TRY", **discount)
    told = (await client.get("/taxes")).json()
    assert [(each["country"], each["percent"], each["name"]) for each in told["rates"]] == [
        (country, rate, "Tax")
    ]
    assert (await client.get("/shipping")).json()["methods"] == [method]
    assert code["currency"] == currency

    hold, buyer = await market.hold(quantity=3)
    sent, total = expected[1:3]
    order = await market.complete(
        hold,
        buyer,
        codes=("try",),
        address=Address("1 Road", "City", country=country),
        shipping_method=str(method["id"]),
        expected_total_minor=total,
    )
    assert (order.goods_minor, order.shipping_minor, order.total_minor, order.tax_minor) == expected
    assert (order.currency, order.shipping_name) == (currency, "Parcel")
    paid = await pay(market, order, total)
    assert paid.status == "paid"
    assert order.calculation is not None
    [used] = (await client.get(f"/discounts/{code['id']}/uses")).json()
    assert (used["order_id"], used["amount_minor"], used["code"]) == (
        str(order.id),
        order.calculation["totals"]["discount"],
        "TRY",
    )
    for part in (1, total // 3, total - 1 - total // 3):
        async with market.db.transaction() as tx:
            left = await orders.refund(
                tx, shop_id=market.shop_id, order_id=order.id, amount=Money(part, currency), refund_id=uuid4(),
                note="", actor="test",
            )  # fmt: skip
    assert left.refundable_minor == 0
    back = await market.facts("orders.order_refunded")
    assert sum(int(str(fact["shipping_minor"])) for fact in back) == sent
    await sound(market)


async def test_a_deposit_and_its_balance_with_tax_on_top_shipping_and_a_discount(
    make_market: MakeMarket,
) -> None:
    market = await make_market(0, later={SOON: 5}, deposit_percent=30)
    async with await signed_in(market) as client:
        await client.put("/taxes", json={"origin_country": "CN", "included": False})
        await made(client, "/taxes/rates", country="CN", percent="13", name="VAT")
        zone = await made(client, "/shipping/zones", name="Home", countries=["CN"])
        method = await made(
            client, "/shipping/methods", kind="ship", name="Parcel", zone_id=zone["id"], amount_minor=1_000
        )
        await made(client, "/discounts", title="Early", method="automatic", kind="amount", amount_minor=1_901)
    hold, buyer = await market.hold(quantity=2)
    order = await market.complete(hold, buyer, shipping_method=str(method["id"]))

    # 258.00 less 19.01: 238.99 with 31.07 on top; 10.00 with 1.30.  30 % of 270.06 now, with the shipping.
    assert (order.goods_minor, order.shipping_minor, order.total_minor) == (27_006, 1_130, 28_136)
    assert order.first_minor == 8_102 + 1_130
    deposit = await pay(market, order, 9_232)
    assert (deposit.status, deposit.payment_status) == ("placed", "deposit_paid")
    async with market.db.transaction() as tx:
        await inventory.lot_arrived(
            tx, shop_id=market.shop_id, variant_id=market.variants[0], location_id=market.location_id,
            source=f"po/{SOON}", quantity=5,
        )  # fmt: skip
        await orders.lot_ready(tx, shop_id=market.shop_id, variant_id=market.variants[0])
        view = await orders.order(tx, shop_id=market.shop_id, order_id=order.id)
    assert view.due is not None
    assert (view.due.purpose, view.due.amount) == (Purpose.BALANCE, Money(18_904, "CNY"))
    paid = await pay(market, order, 18_904)
    assert (paid.status, paid.charged_minor) == ("paid", 28_136)
    await sound(market)


async def test_discounts_are_made_changed_paused_and_deleted(
    market: Market, client: httpx.AsyncClient
) -> None:
    body = {"title": "Ten", "method": "code", "code": "ten", "kind": "percentage", "percent": "10"}
    ten = await made(client, "/discounts", **body)
    assert (ten["code"], ten["codes"], ten["uses"], ten["spent_minor"]) == ("ten", 1, 0, 0)
    address = f"/discounts/{ten['id']}"

    wrong = await client.put(address, json=body | {"percent": "0"})
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["facts"]) == (
        422,
        "promotions.incomplete",
        {"field": "percent"},
    )
    twice = await client.post("/discounts", json=body | {"title": "Again", "code": "TEN"})
    assert (twice.status_code, twice.json()["code"]) == (409, "promotions.code_taken")
    listed = await client.get("/discounts")
    assert listed.status_code == 200, listed.text
    assert [each["title"] for each in listed.json()] == ["Ten"]
    changed = await client.put(address, json=body | {"percent": "12.5", "product_ids": [market.product_id]})
    assert (changed.json()["percent"], changed.json()["product_ids"]) == ("12.5", [market.product_id])
    paused = await client.post(f"{address}/pause", json={"paused": True})
    assert paused.json()["paused"] is True
    assert (await client.get("/discounts", params={"state": "paused"})).json() == [paused.json()]
    assert (await client.get("/discounts", params={"state": "active"})).json() == []

    codes = await client.post(f"{address}/codes", json={"count": 3, "prefix": "VIP-"})
    assert (codes.status_code, len(codes.json())) == (201, 3)
    listed = await client.get(f"{address}/codes", params={"limit": 2})
    assert "next" in listed.links
    rest = await client.get(f"{address}/codes", params={"after": listed.json()[-1]["key"]})
    assert [each["written"] for each in [*listed.json(), *rest.json()]] == [
        "ten",
        *sorted(codes.json(), key=str.lower),
    ]
    assert (await client.delete(address)).status_code == 204
    assert (await client.get(address)).json()["code"] == "promotions.unknown"
    await made(client, "/discounts", **body)


async def test_what_an_order_used_is_not_deleted_through_the_interface(
    market: Market, client: httpx.AsyncClient
) -> None:
    used = await made(
        client, "/discounts", title="Off", method="automatic", kind="amount", amount_minor=100, most_uses=5
    )
    hold, buyer = await market.hold()
    order = await market.complete(hold, buyer)
    assert order.total_minor == PRICE - 100
    kept = await client.delete(f"/discounts/{used['id']}")
    assert (kept.status_code, kept.json()["code"]) == (409, "promotions.in_use")
    assert (await client.get(f"/discounts/{used['id']}")).json() == used | {"uses": 1, "spent_minor": 100}
