"""The supplier's page: one tap, part of it, none of it, later; and links that no longer open anything."""

import re
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from tests.web.conftest import Stage

from shopfloor import access_keys, accounts, auth, demand, inventory, supply
from shopfloor.kernel.values import now


@dataclass(frozen=True, slots=True)
class Workshop:
    """`order` asks for some of the three shirts; `key` opens the page of whoever makes them."""

    stage: Stage
    actor: accounts.Actor
    supplier: supply.Supplier
    order: supply.PurchaseOrder
    key: str

    @property
    def address(self) -> str:
        return f"/supplier/{self.key}"

    async def answer(self, language: str = "en", **fields: str) -> tuple[int, str]:
        """Status and page after the answer, where it leads on."""
        response = await self.stage.client.post(
            f"{self.address}/orders/{self.order.id}", data=fields, headers={"accept-language": language}
        )
        if response.status_code == 303:
            page = await self.stage.client.get(response.headers["location"])
            return 303, page.text
        return response.status_code, response.text

    async def now(self) -> supply.PurchaseOrder:
        async with self.stage.db.transaction() as tx:
            return await supply.purchase_order(
                tx, shop_id=self.stage.shop.id, purchase_order_id=self.order.id
            )

    def lines(self, **changed: str) -> dict[str, str]:
        """The form as it comes, every quantity and day as asked, but for `changed`."""
        fields = {"answer": "lines"}
        for line in self.order.lines:
            fields[f"q-{line.variant_id}"] = str(line.quantity)
            fields[f"d-{line.variant_id}"] = line.expected_on.isoformat()
        return fields | {name.replace("_", "-"): value for name, value in changed.items()}


@pytest.fixture
async def workshop(stage: Stage) -> Workshop:
    shop_id = stage.shop.id
    token = await auth.sign_in(
        stage.db, email="owner@example.com", password="a long enough one", address="127.0.0.1"
    )
    async with stage.db.transaction() as tx:
        actor = await auth.actor(tx, token, "harbour")
        supplier = await supply.add_supplier(tx, shop_id=shop_id, name="七山针织", locale="zh_CN")
        await supply.add_quote(
            tx,
            shop_id=shop_id,
            supplier_id=supplier.id,
            product_id=stage.shirt.id,
            terms=supply.QuoteTerms(currency="CNY", tiers=(supply.Tier(1, 4_000),), lead_days=7),
        )
        signals = [
            demand.Signal(variant.id, stage.shirt.id, {}, 9000.0, 9000.0, 40, 40)
            for variant in stage.variants
        ]
        await demand.forecast_show(tx, shop_id=shop_id, show_id=stage.show.id, signals=signals)
    plan = await supply.make_plan(stage.db, shop_id=shop_id, show_id=stage.show.id)
    async with stage.db.transaction() as tx:
        [sent] = await supply.accept(tx, actor=actor, plan_id=plan.id)
    return Workshop(stage, actor, supplier, sent.order, sent.key)


async def test_the_page_speaks_the_suppliers_language_and_keeps_its_address_to_itself(
    workshop: Workshop,
) -> None:
    page = await workshop.stage.client.get(workshop.address, headers={"accept-language": ""})

    assert page.status_code == 200
    assert page.headers["content-language"] == "zh-CN"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "private, no-store"
    assert "全部按要求确认" in page.text
    assert "衬衫" in page.text
    assert workshop.order.number in page.text


async def test_one_tap_confirms_all_as_asked(workshop: Workshop) -> None:
    status, page = await workshop.answer(answer="all")
    order = await workshop.now()

    assert status == 303
    assert "Thank you. The shop now sells on your promise." in page
    assert order.state == supply.OrderState.CONFIRMED
    assert [(line.confirmed, line.ready_on) for line in order.lines] == [
        (line.quantity, line.expected_on) for line in workshop.order.lines
    ]
    async with workshop.stage.db.transaction() as tx:
        levels = await inventory.levels(
            tx, shop_id=workshop.stage.shop.id, variant_ids=[workshop.order.lines[0].variant_id]
        )
    assert any(
        level.kind is inventory.LotKind.INCOMING and level.quantity == workshop.order.lines[0].quantity
        for level in levels
    )


async def test_part_of_it_then_later_still(workshop: Workshop) -> None:
    first = workshop.order.lines[0]
    await workshop.answer(**workshop.lines(**{f"q_{first.variant_id}": "1"}))
    partly = await workshop.now()
    slipped = (first.expected_on + timedelta(days=5)).isoformat()
    await workshop.answer(
        **workshop.lines(**{f"q_{first.variant_id}": "1", f"d_{first.variant_id}": slipped})
    )
    later = await workshop.now()

    assert partly.state == supply.OrderState.PARTIALLY
    assert (partly.lines[0].confirmed, partly.lines[0].ready_on) == (1, first.expected_on)
    assert later.lines[0].ready_on is not None
    assert later.lines[0].ready_on.isoformat() == slipped
    assert [line.confirmed for line in later.lines[1:]] == [
        line.quantity for line in workshop.order.lines[1:]
    ]


async def test_declining_takes_every_line(workshop: Workshop) -> None:
    status, page = await workshop.answer(answer="none")

    assert status == 303
    assert "The shop now knows you can&#39;t make it." in page
    assert (await workshop.now()).state == supply.OrderState.DECLINED


async def test_what_cannot_be_is_said_beside_its_field_and_nothing_changes(workshop: Workshop) -> None:
    first, second = workshop.order.lines[:2]
    status, page = await workshop.answer(
        **workshop.lines(**{
            f"q_{first.variant_id}": str(first.quantity + 1), f"d_{second.variant_id}": "2020-01-01",
        })
    )  # fmt: skip

    assert status == 422
    assert re.search(rf'id="e-q-{first.variant_id}">.*This is more than was ordered\.', page)
    assert re.search(rf'id="e-d-{second.variant_id}">.*This date has passed\.', page)
    assert f'value="{first.quantity + 1}"' in page
    assert "Check the 2 marked fields." in page
    assert await workshop.now() == workshop.order


async def test_no_quantity_but_a_whole_number_is_taken(workshop: Workshop) -> None:
    first = workshop.order.lines[0]
    for typed in ("-1", "many", "1e3", "", "9" * 30, "<script>alert(1)</script>"):
        status, page = await workshop.answer(**workshop.lines(**{f"q_{first.variant_id}": typed}))

        assert status == 422, typed
        assert f'id="e-q-{first.variant_id}"' in page, typed
        assert "<script>alert" not in page
    assert await workshop.now() == workshop.order


async def test_a_promise_needs_a_day(workshop: Workshop) -> None:
    first = workshop.order.lines[0]
    for typed in ("", "tomorrow", "2026-02-31", "9999-01-01"):
        status, page = await workshop.answer(**workshop.lines(**{f"d_{first.variant_id}": typed}))

        assert status == 422, typed
        assert f'id="e-d-{first.variant_id}"' in page, typed
    assert await workshop.now() == workshop.order


async def test_the_same_answer_twice_is_one_answer(workshop: Workshop) -> None:
    await workshop.answer(answer="all")
    once = await workshop.now()
    status, _ = await workshop.answer(answer="all")

    assert status == 303
    assert await workshop.now() == once


async def test_after_the_goods_came_nothing_can_be_answered(workshop: Workshop) -> None:
    await workshop.answer(answer="all")
    async with workshop.stage.db.transaction() as tx:
        await supply.receive(
            tx,
            actor=workshop.actor,
            purchase_order_id=workshop.order.id,
            quantities={line.variant_id: line.quantity for line in workshop.order.lines},
        )
    page = (await workshop.stage.client.get(workshop.address)).text

    assert "Received by the shop" in page
    assert 'name="answer"' not in page


async def test_a_link_that_was_stopped_or_never_was_says_so_in_plain_words(workshop: Workshop) -> None:
    async with workshop.stage.db.transaction() as tx:
        [key] = await access_keys.keys(
            tx, shop_id=workshop.stage.shop.id, purpose="supplier", subject_id=workshop.supplier.id
        )
        await access_keys.revoke_key(tx, shop_id=workshop.stage.shop.id, key_id=key.id)
    client = workshop.stage.client
    pages = [await client.get(workshop.address), await client.get("/supplier/nonsense")]
    posted = await client.post(f"{workshop.address}/orders/{workshop.order.id}", data={"answer": "all"})

    assert [page.status_code for page in [*pages, posted]] == [404, 404, 404]
    assert all("This link no longer works" in page.text for page in [*pages, posted])
    assert (await client.get(f"{workshop.address}/orders/{workshop.order.id}.csv")).status_code == 404
    assert await workshop.now() == workshop.order


async def test_a_key_opens_the_orders_of_its_supplier_only(workshop: Workshop) -> None:
    async with workshop.stage.db.transaction() as tx:
        other = await supply.add_supplier(tx, shop_id=workshop.stage.shop.id, name="Kiln")
        key = await supply.supplier_key(tx, shop_id=workshop.actor.shop_id, supplier_id=other.id)
    client = workshop.stage.client
    page = await client.get(f"/supplier/{key}")
    posted = await client.post(f"/supplier/{key}/orders/{workshop.order.id}", data={"answer": "all"})
    sheet = await client.get(f"/supplier/{key}/orders/{workshop.order.id}.csv")
    unknown = await client.post(f"{workshop.address}/orders/{uuid4()}", data={"answer": "all"})

    assert page.status_code == 200
    assert workshop.order.number not in page.text
    assert [posted.status_code, sheet.status_code, unknown.status_code] == [404, 404, 404]
    assert await workshop.now() == workshop.order


async def test_the_order_as_a_spreadsheet(workshop: Workshop) -> None:
    sheet = await workshop.stage.client.get(f"{workshop.address}/orders/{workshop.order.id}.csv")

    assert sheet.headers["content-disposition"] == f'attachment; filename="{workshop.order.number}.csv"'
    assert sheet.text.startswith("\N{ZERO WIDTH NO-BREAK SPACE}order,supplier,line,sku")
    assert len(sheet.text.splitlines()) == 1 + len(workshop.order.lines)


async def test_a_day_that_has_passed_is_confirmed_for_today(workshop: Workshop) -> None:
    late = now().date() - timedelta(days=3)
    async with workshop.stage.db.transaction() as tx:
        await tx.run("UPDATE supply.purchase_line SET expected_on = %(late)s", late=late)
    await workshop.answer(answer="all")

    assert {line.ready_on for line in (await workshop.now()).lines} == {now().date()}


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_days_are_those_of_the_shop_and_its_zone_is_named(workshop: Workshop, zone: str) -> None:
    """Of these two, at least one has another day than UTC, whatever the time is."""
    async with workshop.stage.db.transaction() as tx:
        await tx.run("UPDATE accounts.shop SET timezone = %(zone)s", zone=zone)
    today = now().astimezone(ZoneInfo(zone)).date()
    page = (await workshop.stage.client.get(workshop.address)).text
    assert f"Times: {zone}." in page
    assert f'min="{today}"' in page
    days = {f"d-{line.variant_id}": str(today) for line in workshop.order.lines}
    status, _ = await workshop.answer(**workshop.lines() | days)
    assert status == 303
    assert {line.ready_on for line in (await workshop.now()).lines} == {today}
