"""The alert that one network holds many units unpaid, and the tap that releases them."""

import re
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from tests.web.conftest import Stage
from tests.web.signed import signed_in

from shopfloor import accounts, auth, fulfilment, inventory, orders, stock

RELEASE = "/console/harbour/networks/release"
FORM = orders.Form(
    name="Li Na", email="li.na@example.com", phone="", delivery=fulfilment.Delivery.PICK_UP,

)  # fmt: skip


async def held_behind(stage: Stage, network: int, number: int) -> list[stock.Request]:
    async with stage.db.transaction() as tx:
        pools = await inventory.pools(tx, shop_id=stage.shop.id)
        requests = [
            stock.Request(
                id=uuid4(), shop_id=stage.shop.id, pool_id=pools[0].id, buyer=uuid4(),
                lines=(stock.Line(stage.variants[0].id, 1),), hold_seconds=300,
                unit_prices=(stage.variants[0].price_minor,), network=network,
            )
            for _ in range(number)
        ]  # fmt: skip
        answers = await stock.reserve(tx, requests)
    assert all(isinstance(answer, stock.Held) for answer in answers)
    return requests


async def states(stage: Stage) -> list[tuple[str, int | None]]:
    async with stage.db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT state::text, network FROM stock.hold ORDER BY granted_at, id"
        )
        return [(state, network) for state, network in await cursor.fetchall()]


async def test_a_crowd_is_told_and_one_tap_releases_it(stage: Stage, tmp_path: Path) -> None:
    first, second, third = await held_behind(stage, 4711, 3)
    await orders.complete(stage.db, shop_id=stage.shop.id, hold_id=first.id, shopper=first.buyer, form=FORM)
    paid = await orders.complete(
        stage.db, shop_id=stage.shop.id, hold_id=second.id, shopper=second.buyer,
        form=replace(FORM, email="ann@example.com"),
    )  # fmt: skip
    client = await signed_in(stage, tmp_path)
    for path in ("", f"/shows/{stage.show.id}/studio"):
        page = (await client.get(f"/console/harbour{path}")).text
        assert "One network holds 3 of 3 units unpaid" in page
        assert "3 buyers: " in page
        assert "1 units in checkout, 2 in unpaid orders." in page
    async with stage.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=stage.shop.id, order_id=paid.id, amount=paid.total, actor="person:1"
        )

    key = re.findall(
        r'name="form_key" value="([^"]+)"><input type="hidden" name="network" value="4711"', page
    )
    answers = [
        await client.post(
            RELEASE, data={"network": "4711", "form_key": key[0], "show_id": str(stage.show.id)}
        )
        for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].headers["location"] == f"/console/harbour/shows/{stage.show.id}/studio"
    by_id = {}
    async with stage.db.transaction() as tx:
        for request in (first, second, third):
            by_id[request.id] = (await stock.hold(tx, shop_id=stage.shop.id, hold_id=request.id)).state
    assert by_id == {first.id: "released", second.id: "allocated", third.id: "released"}
    assert {network for _, network in await states(stage)} == {None}
    assert "on one network" not in (await client.get("/console/harbour")).text
    async with stage.db.transaction() as tx:
        assert [check.name for check in await stock.audit(tx) if check.offending] == []


async def test_another_shops_network_and_a_host_release_nothing(stage: Stage, tmp_path: Path) -> None:
    await held_behind(stage, 4711, 3)
    client = await signed_in(stage, tmp_path)
    other = await client.post(RELEASE, data={"network": "4712"})
    async with stage.db.transaction() as tx:
        owner = await auth.actor(tx, client.cookies["session"], "harbour")
        invited = await accounts.invite(tx, actor=owner, role=accounts.Role.HOST, email=None)
        joined = await auth.join(
            tx, token=invited.token, email="host@example.com", password="another long one", name="Ann"
        )
    client.cookies.set("session", joined.session, domain="shop.test")
    refused = await client.post(RELEASE, data={"network": "4711"})

    assert (other.status_code, refused.status_code) == (303, 403)
    assert await states(stage) == [("held", 4711)] * 3


@pytest.mark.parametrize(("typed", "units"), [("3", 3), ("0", 10), ("", 10)])
async def test_the_limit_per_customer_is_set_in_the_settings(
    stage: Stage, tmp_path: Path, typed: str, units: int
) -> None:
    client = await signed_in(stage, tmp_path)

    await client.post("/console/harbour/terms", data={"shipping": "12.00", "most_per_buyer": typed})

    async with stage.db.transaction() as tx:
        found = await tx.value(
            "SELECT coalesce((SELECT units FROM purchases.most_per_buyer WHERE shop_id = %(id)s), 10)",
            id=stage.shop.id,
        )
    assert found == units
    page = (await client.get("/console/harbour/terms")).text
    assert re.search(
        rf'value="{units}"[^>]*\bname="most_per_buyer"|name="most_per_buyer"[^>]*value="{units}"', page
    )
