"""An order is changed before it is sent: what it costs, its units and its money follow, and what was changed stays."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market
from tests.orders.test_orders_bundles import MakePairs, make_pairs
from tests.orders.test_orders_discounts import PERCENT, coded, used
from tests.orders.test_orders_fapiao import ask, hears, issue, of
from tests.orders.test_orders_papers import sells
from tests.orders.test_orders_pricing import deliver
from tests.orders.test_orders_second_person import limit, member

from shopfloor import (
    approvals,
    collector,
    documents,
    fapiao,
    fulfilment,
    inventory,
    invoicing,
    metrics,
    order_edits,
    order_lists,
    orders,
    payment_providers,
    promotions,
)
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import Money, now
from shopfloor.order_edits import Added, Change, LineChange, Target
from shopfloor.orders import Address, editing, packing

__all__ = ["make_pairs"]
ME = "person:1"


@pytest.fixture
async def sound(make_market: MakeMarket) -> AsyncIterator[Market]:
    """A market with five more of each on the shelf outside of the show, whose audits pass at the end."""
    market = await make_market()
    async with market.db.transaction() as tx:
        for variant_id in market.variants:
            await inventory.receive(
                tx, shop_id=market.shop_id, location_id=market.location_id, variant_id=variant_id, quantity=5
            )
    yield market
    await market.assert_sound()
    async with market.db.transaction() as tx:
        assert [
            each for each in [*await order_edits.audit(tx), *await invoicing.audit(tx)] if not each.passed
        ] == []


async def view(market: Market, order: orders.Order) -> orders.OrderView:
    async with market.db.transaction() as tx:
        return await orders.order(tx, shop_id=market.shop_id, order_id=order.id)


async def line_of(market: Market, order: orders.Order) -> int:
    return (await view(market, order)).lines[0].id


async def preview(market: Market, order: orders.Order, change: Change) -> Any:
    async with market.db.transaction() as tx:
        return await editing.look(tx, shop_id=market.shop_id, order_id=order.id, change=change)


async def save(
    market: Market,
    order: orders.Order,
    change: Change,
    *,
    edit_id: UUID | None = None,
    version: str | None = None,
    tell: bool = True,
    reason: str = "Wrong size",
    providers: Any = payment_providers.MANUAL_ONLY,
    actor: str = ME,
) -> order_edits.Edit:
    return await order_edits.save(
        market.db,
        providers,
        shop_id=market.shop_id,
        target=Target(edit_id or uuid4(), order.id, change, reason, tell, version),
        actor=actor,
    )


async def refused(market: Market, order: orders.Order, change: Change, **more: Any) -> str:
    """The code, and nothing is different."""
    before, left = await view(market, order), [await market.left(0), await market.left(1)]
    with pytest.raises(Refusal) as caught:
        await save(market, order, change, **more)
    after = await view(market, order)
    assert (after.order, after.lines, after.payments) == (before.order, before.lines, before.payments)
    assert [await market.left(0), await market.left(1)] == left
    return caught.value.code


async def parcels(market: Market, order: orders.Order) -> list[tuple[str, dict[int, int]]]:
    async with market.db.transaction() as tx:
        found = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=order.id)
    return [(each.state.value, {line.variant_id: line.quantity for line in each.lines}) for each in found]


async def plan(market: Market, order: orders.Order) -> None:
    async with market.db.transaction() as tx:
        await packing.plan_order(tx, shop_id=market.shop_id, order_id=order.id)


async def test_another_size_is_another_line_and_the_units_follow(sound: Market) -> None:
    order, _ = await sound.paid()
    before = [await sound.left(0), await sound.left(1)]
    line = await line_of(sound, order)
    change = Change(lines=(LineChange(line, variant_id=sound.variants[1]),))

    told = await preview(sound, order, change)
    assert (told.before_minor, told.after_minor, told.refund_minor, told.due_minor) == (
        order.total_minor, order.total_minor, 0, 0,
    )  # fmt: skip
    assert [await sound.left(0), await sound.left(1)] == before
    made = await save(sound, order, change, version=told.version)

    seen = await view(sound, order)
    assert [(each.variant_id, each.quantity, each.options) for each in seen.lines] == [
        (sound.variants[1], 1, ["L"])
    ]
    assert (seen.order.status, seen.order.total_minor) == (orders.Status.PAID, order.total_minor)
    assert [await sound.left(0), await sound.left(1)] == [before[0] + 1, before[1] - 1]
    assert (made.number, made.reason, made.actor) == (1, "Wrong size", ME)
    assert [(each["kind"], each["options"], each["was"], each["now"]) for each in made.changes] == [
        ("added", ["L"], 0, 1), ("removed", ["M"], 1, 0),
    ]  # fmt: skip
    [fact] = await sound.facts("orders.order_edited")
    assert sorted(
        (each["variant_id"], each["quantity"], each["amount_minor"], each["paid_minor"])
        for each in fact["lines"]  # type: ignore[attr-defined]
    ) == [(sound.variants[0], -1, -PRICE, -PRICE), (sound.variants[1], 1, PRICE, PRICE)]
    # It leaves like any other.
    async with sound.db.transaction() as tx:
        shipped = await orders.shipping.ship(tx, shop_id=sound.shop_id, order_id=order.id, actor=ME)
    assert shipped.status is orders.Status.SHIPPED
    assert await parcels(sound, order) == [("shipped", {sound.variants[1]: 1})]
    assert (
        await refused(sound, order, Change(lines=(LineChange(seen.lines[0].id, quantity=2),)))
        == "orders.closed"
    )


async def test_fewer_units_of_a_paid_order_give_the_money_back(sound: Market) -> None:
    order, _ = await sound.paid(quantity=3)
    await plan(sound, order)
    left = await sound.left()

    made = await save(sound, order, Change(lines=(LineChange(await line_of(sound, order), quantity=1),)))

    seen = await view(sound, order)
    assert (made.refund_minor, made.due_minor, made.difference_minor) == (2 * PRICE, 0, -2 * PRICE)
    assert (seen.order.total_minor, seen.order.charged_minor, seen.order.refund_granted_minor) == (
        order.total_minor - 2 * PRICE, order.total_minor - 2 * PRICE, 0,
    )  # fmt: skip
    assert seen.order.payment_status == "refund_due"
    assert await sound.left() == left + 2
    assert await parcels(sound, order) == [
        ("cancelled", {sound.variants[0]: 3}), ("to_pick", {sound.variants[0]: 1}),
    ]  # fmt: skip
    async with sound.db.transaction() as tx:
        owed = (await orders.order(tx, shop_id=sound.shop_id, order_id=order.id)).refunds_owed
    assert made.refund is not None
    assert owed == {made.refund: Money(2 * PRICE, order.currency)}
    async with sound.db.transaction() as tx:
        gone = await orders.mark_refunded(
            tx, shop_id=sound.shop_id, order_id=order.id, refund_id=made.refund, actor=ME
        )
    assert (gone.payment_status, gone.charged_minor, gone.refunded_minor) == (
        "paid",
        order.total_minor - 2 * PRICE,
        0,
    )
    # What is left can be given back, and no more.
    assert gone.refundable_minor == order.total_minor - 2 * PRICE
    async with sound.db.transaction() as tx:
        fallen = await orders.cancel(
            tx, shop_id=sound.shop_id, order_id=order.id, by=orders.Party.MERCHANT, actor=ME
        )
    assert fallen.refund_granted_minor == order.total_minor - 2 * PRICE
    assert await sound.left() == left + 3


async def test_what_costs_more_after_a_refund_waits_for_the_difference(sound: Market) -> None:
    order, _ = await sound.paid()
    async with sound.db.transaction() as tx:
        refund_id = uuid4()
        await orders.refund(
            tx,
            shop_id=sound.shop_id,
            order_id=order.id,
            amount=Money(100, order.currency),
            refund_id=refund_id,
            note="",
            actor=ME,
        )
        await orders.mark_refunded(
            tx, shop_id=sound.shop_id, order_id=order.id, refund_id=refund_id, actor=ME
        )

    await save(sound, order, Change(lines=(LineChange(await line_of(sound, order), quantity=2),)))

    seen = (await view(sound, order)).order
    assert (seen.status, seen.payment_status, seen.fulfilment_status) == (
        "placed",
        "partly_refunded",
        "on_hold",
    )
    async with sound.db.transaction() as tx:
        found = {
            state: [
                each.id
                for each in await order_lists.orders(tx, shop_id=sound.shop_id, fulfilment_status=state)
            ]
            for state in ("ready", "on_hold")
        }
    assert found == {"ready": [], "on_hold": [order.id]}


async def test_an_order_that_costs_more_waits_for_the_difference(sound: Market) -> None:
    order, _ = await sound.paid()
    await plan(sound, order)

    made = await save(sound, order, Change(lines=(LineChange(await line_of(sound, order), quantity=2),)))

    seen = await view(sound, order)
    assert (made.due_minor, seen.order.status, seen.order.fulfilment_status) == (
        PRICE, orders.Status.PLACED, "on_hold",
    )  # fmt: skip
    assert seen.due is not None
    assert (seen.due.amount, seen.due.by) == (Money(PRICE, order.currency), None)
    assert await parcels(sound, order) == [("cancelled", {sound.variants[0]: 1})]
    async with sound.db.transaction() as tx:
        with pytest.raises(Refusal) as caught:
            await orders.shipping.ship(tx, shop_id=sound.shop_id, order_id=order.id, actor=ME)
    assert caught.value.code == "orders.not_paid"
    async with sound.db.transaction() as tx:
        paid = await orders.mark_paid(
            tx, shop_id=sound.shop_id, order_id=order.id, amount=seen.due.amount, actor=ME
        )
    assert (paid.status, paid.charged_minor) == (orders.Status.PAID, order.total_minor + PRICE)
    await plan(sound, order)
    assert (await parcels(sound, order))[1:] == [("to_pick", {sound.variants[0]: 2})]


async def test_the_merchant_forgives_the_difference(sound: Market) -> None:
    order, _ = await sound.paid()
    await save(sound, order, Change(added=(Added(sound.variants[1], 1, 777),)))
    assert (await view(sound, order)).due is not None

    made = await order_edits.waive(
        sound.db, payment_providers.MANUAL_ONLY, shop_id=sound.shop_id, order_id=order.id, edit_id=uuid4(), reason="Our fault",
        actor=ME,
    )  # fmt: skip

    seen = await view(sound, order)
    assert (made.waived_minor, made.due_minor, seen.due) == (777, 0, None)
    assert (seen.order.total_minor, seen.order.waived_minor, seen.order.status) == (
        order.total_minor, 777, orders.Status.PAID,
    )  # fmt: skip
    assert sum(line.amount_minor for line in seen.lines) + seen.order.shipping_minor == order.total_minor
    # What was forgiven is no money: without the goods nothing of it is given back.
    line = seen.lines[1].id
    without = await save(sound, order, Change(lines=(LineChange(line, quantity=0),)))
    assert (without.refund_minor, without.waived_minor) == (0, 0)
    assert (await view(sound, order)).order.total_minor == order.total_minor


async def test_an_unpaid_order_simply_costs_something_else(sound: Market) -> None:
    order, _ = await sound.order(quantity=2)
    line = await line_of(sound, order)

    made = await save(
        sound, order, Change(lines=(LineChange(line, quantity=1),), added=(Added(sound.variants[1], 1),))
    )

    seen = await view(sound, order)
    assert (made.refund_minor, made.due_minor, made.after_minor) == (0, order.total_minor, order.total_minor)
    assert seen.order.payment_due_at == order.payment_due_at
    less = await save(sound, order, Change(lines=(LineChange(line, quantity=0),)))
    assert (less.after_minor, less.due_minor, less.number) == (
        order.total_minor - PRICE,
        order.total_minor - PRICE,
        2,
    )
    async with sound.db.transaction() as tx:
        paid = await orders.mark_paid(
            tx,
            shop_id=sound.shop_id,
            order_id=order.id,
            amount=Money(less.due_minor, order.currency),
            actor=ME,
        )
    assert paid.status is orders.Status.PAID


async def test_what_falls_unpaid_comes_back_with_what_it_had_last(sound: Market) -> None:
    order, _ = await sound.order(quantity=2)
    await save(sound, order, Change(lines=(LineChange(await line_of(sound, order), quantity=1),)))
    async with sound.db.transaction() as tx:
        await orders.cancel(
            tx,
            shop_id=sound.shop_id,
            order_id=order.id,
            by=orders.Party.SYSTEM,
            actor="shopfloor",
            why="unpaid",  # type: ignore[arg-type]
        )
    left = await sound.left()
    async with sound.db.transaction() as tx:
        back = await orders.mark_paid(
            tx, shop_id=sound.shop_id, order_id=order.id, amount=Money(order.total_minor - PRICE, order.currency),
            actor=ME,
        )  # fmt: skip
    assert back.status is orders.Status.PAID
    assert await sound.left() == left - 1


async def test_what_is_not_there_is_refused_and_nothing_changes(sound: Market) -> None:
    order, _ = await sound.paid()
    line = await line_of(sound, order)

    for change, code in (
        (Change(added=(Added(sound.variants[1], 6),)), "orders.edit_sold_out"),
        (
            Change(lines=(LineChange(line, quantity=2),), added=(Added(sound.variants[1], 6),)),
            "orders.edit_sold_out",
        ),
        (Change(lines=(LineChange(line, quantity=11),)), "orders.edit_limit"),
        (Change(lines=(LineChange(line, quantity=0),)), "orders.edit_empties"),
        (Change(), "orders.edit_nothing"),
        (Change(lines=(LineChange(line + 1000, quantity=1),)), "orders.edit_line"),
        (Change(lines=(LineChange(line, quantity=1, unit_price_minor=1),)), "orders.edit_line"),
        (Change(lines=(LineChange(line, variant_id=999_999),)), "orders.edit_variant"),
        (Change(shipping_method="elsewhere"), "orders.edit_delivery"),
        (Change(address={"street": "", "city": ""}), "orders.form"),
    ):
        assert await refused(sound, order, change) == code
    # Whoever looks is told before: how many more of which variant, and what is left.
    seen = await preview(
        sound, order, Change(lines=(LineChange(line, quantity=2),), added=(Added(sound.variants[1], 6),))
    )
    assert [(each.variant_id, each.wanted, each.left) for each in seen.short] == [(sound.variants[1], 6, 5)]
    more = Change(lines=(LineChange(line, quantity=2),))
    assert (await preview(sound, order, more)).short == []
    assert await refused(sound, order, more, reason="  ") == "order_edits.reason_needed"
    assert await refused(sound, order, more, version="0" * 24) == "orders.edit_stale"


async def test_saved_twice_is_once_and_two_at_once_are_one(sound: Market) -> None:
    order, _ = await sound.paid(quantity=2)
    line = await line_of(sound, order)
    change, edit_id = Change(lines=(LineChange(line, quantity=1),)), uuid4()
    told = await preview(sound, order, change)

    first, second = await asyncio.gather(
        *(save(sound, order, change, edit_id=edit_id, version=told.version) for _ in range(2))
    )
    assert first == second
    with pytest.raises(Refusal) as caught:
        await save(sound, order, Change(lines=(LineChange(line, quantity=2),)), edit_id=edit_id)
    assert caught.value.code == "order_edits.id_reused"
    seen = await view(sound, order)
    assert (seen.order.total_minor, len(await sound.facts("orders.order_edited"))) == (
        order.total_minor - PRICE,
        1,
    )
    # Two people, who looked at the same order.
    again = await preview(sound, order, Change(lines=(LineChange(line, quantity=3),)))
    done = await asyncio.gather(
        *(
            save(sound, order, Change(lines=(LineChange(line, quantity=units),)), version=again.version)
            for units in (3, 4)
        ),
        return_exceptions=True,
    )
    assert [getattr(each, "code", "saved") for each in done].count("orders.edit_stale") == 1
    async with sound.db.transaction() as tx:
        assert len(await order_edits.listing(tx, shop_id=sound.shop_id, order_id=order.id)) == 2


async def test_a_parcel_in_somebodys_hands_is_put_back_first(sound: Market) -> None:
    order, _ = await sound.paid(quantity=2)
    await plan(sound, order)
    change = Change(lines=(LineChange(await line_of(sound, order), quantity=1),))
    async with sound.db.transaction() as tx:
        [parcel] = await fulfilment.of_order(tx, shop_id=sound.shop_id, order_id=order.id)
        await fulfilment.step(
            tx, shop_id=sound.shop_id, parcel_ids=[parcel.id], to=fulfilment.State.PICKED, actor=ME
        )
    assert await refused(sound, order, change) == "orders.edit_being_packed"
    async with sound.db.transaction() as tx:
        await orders.shipping.undo_step(tx, shop_id=sound.shop_id, parcel_id=parcel.id, actor=ME)
    await save(sound, order, change)
    assert (await parcels(sound, order))[-1] == ("to_pick", {sound.variants[0]: 1})


async def test_an_address_and_what_it_is_sent_by_are_changed(sound: Market) -> None:
    order, _ = await sound.paid()
    street = {"street": "5 Lake Street", "city": "Suzhou", "postcode": "215000", "country": "CN"}

    made = await save(sound, order, Change(address=street))
    assert made.changes == [{"kind": "address"}]
    assert Address(**((await view(sound, order)).order.address or {})).street == "5 Lake Street"
    picked = await save(sound, order, Change(shipping_method="pick_up"))
    seen = await view(sound, order)
    assert (seen.order.delivery, seen.order.address) == (fulfilment.Delivery.PICK_UP, None)
    assert picked.refund_minor == order.shipping_minor


@pytest.mark.parametrize("country", ["", "ZZ", "<b>", "Germany"])
async def test_a_new_address_names_a_country_where_prices_go_by_it(sound: Market, country: str) -> None:
    """As at the checkout: else it would go abroad for what it costs at home."""
    await deliver(sound)
    order, _ = await sound.paid()

    abroad = {"street": "1 Road", "city": "Berlin", "postcode": "10119", "country": country}
    assert await refused(sound, order, Change(address=abroad)) == "orders.form"


async def test_an_invoice_is_cancelled_and_issued_anew(sound: Market) -> None:
    order, _ = await sound.paid(quantity=2)
    await sells(sound)
    async with sound.db.transaction() as tx:
        await invoicing.invoice(tx, shop_id=sound.shop_id, order_id=order.id)

    await save(sound, order, Change(lines=(LineChange(await line_of(sound, order), quantity=1),)))

    async with sound.db.transaction() as tx:
        papers = await documents.of_subject(tx, shop_id=sound.shop_id, subject_id=order.id)
        again = await invoicing.invoice(tx, shop_id=sound.shop_id, order_id=order.id)
    assert sorted((each.kind.value, each.total_minor) for each in papers) == [
        ("credit_note", order.total_minor), ("invoice", order.total_minor - PRICE), ("invoice", order.total_minor),
    ]  # fmt: skip
    assert again.total_minor == order.total_minor - PRICE
    # What costs more is invoiced once it is paid.
    await save(sound, order, Change(lines=(LineChange(await line_of(sound, order), quantity=2),)))
    async with sound.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=sound.shop_id, order_id=order.id, amount=Money(PRICE, order.currency), actor=ME
        )
        await invoicing.invoice_when_due(tx, shop_id=sound.shop_id, order_id=order.id)
        papers = await documents.of_subject(tx, shop_id=sound.shop_id, subject_id=order.id)
    net = sum(each.total_minor if each.kind.value == "invoice" else -each.total_minor for each in papers)
    assert (len(papers), net) == (5, order.total_minor)


async def test_what_goes_back_above_the_limit_waits_for_a_second_person(sound: Market) -> None:
    ann, ben = await member(sound, "ann"), await member(sound, "ben")
    await limit(sound, 100)
    order, _ = await sound.paid(quantity=2)

    made = await save(
        sound,
        order,
        Change(lines=(LineChange(await line_of(sound, order), quantity=1),)),
        actor=f"person:{ann}",
    )

    async with sound.db.transaction() as tx:
        [asked] = await approvals.of_order(tx, order_id=order.id)
        assert (await orders.order(tx, shop_id=sound.shop_id, order_id=order.id)).refunds_owed == {}
    assert (asked.refund, asked.amount_minor, (await view(sound, order)).order.payment_status) == (
        made.refund, PRICE, "refund_due",
    )  # fmt: skip
    await sound.assert_sound()
    async with sound.db.transaction() as tx:
        await approvals.decline(tx, shop_id=sound.shop_id, request_id=asked.id, person_id=ben)
    # It is here still: what comes instead is paid for with it.
    back = await save(sound, order, Change(lines=(LineChange(await line_of(sound, order), quantity=2),)))
    assert (back.due_minor, back.refund_minor) == (0, 0)
    assert (await view(sound, order)).order.status is orders.Status.PAID


async def ship(market: Market, order: orders.Order, *line_ids: int) -> orders.Order:
    async with market.db.transaction() as tx:
        return await orders.shipping.ship(
            tx, shop_id=market.shop_id, order_id=order.id, actor=ME, line_ids=list(line_ids) or None
        )


async def test_of_an_order_of_which_part_has_left_only_the_rest_changes(sound: Market) -> None:
    hold, buyer = await sound.hold(lines={sound.variants[0]: 2, sound.variants[1]: 2})
    order = await sound.complete(hold, buyer)
    async with sound.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=sound.shop_id, order_id=order.id, amount=order.total, actor=ME)
    coat, other = [line.id for line in (await view(sound, order)).lines]
    await ship(sound, order, coat)
    left = [await sound.left(0), await sound.left(1)]

    for change, code in (
        (Change(lines=(LineChange(coat, quantity=1),)), "orders.edit_line"),
        (Change(lines=(LineChange(coat, quantity=0),)), "orders.edit_line"),
        (Change(lines=(LineChange(coat, variant_id=sound.variants[1]),)), "orders.edit_line"),
        (
            Change(address={"street": "5 Lake Street", "city": "Suzhou", "country": "CN"}),
            "orders.edit_delivery",
        ),
        (Change(shipping_method="pick_up"), "orders.edit_delivery"),
    ):
        assert await refused(sound, order, change) == code
    # The last that has not left is not wanted: then everything has left.
    made = await save(sound, order, Change(lines=(LineChange(other, quantity=0),)))

    seen = await view(sound, order)
    assert (made.refund_minor, seen.order.status, seen.order.fulfilment_status) == (
        2 * PRICE, orders.Status.SHIPPED, "shipped",
    )  # fmt: skip
    assert [(line.id, line.quantity, line.shipped_quantity) for line in seen.lines] == [(coat, 2, 2)]
    assert [await sound.left(0), await sound.left(1)] == [left[0], left[1] + 2]


async def test_more_of_what_has_left_in_part_leaves_in_a_parcel_of_its_own(sound: Market) -> None:
    hold, buyer = await sound.hold(lines={sound.variants[0]: 1, sound.variants[1]: 1})
    order = await sound.complete(hold, buyer)
    async with sound.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=sound.shop_id, order_id=order.id, amount=order.total, actor=ME)
    coat, other = [line.id for line in (await view(sound, order)).lines]
    await ship(sound, order, coat)

    made = await save(
        sound,
        order,
        Change(lines=(LineChange(coat, quantity=3), LineChange(other, variant_id=sound.variants[0]))),
    )

    assert (made.due_minor, [(each["kind"], each["was"], each["now"]) for each in made.changes]) == (
        2 * PRICE, [("quantity", 1, 3), ("added", 0, 1), ("removed", 1, 0)],
    )  # fmt: skip
    async with sound.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=sound.shop_id, order_id=order.id, amount=Money(2 * PRICE, order.currency), actor=ME
        )
    done = await ship(sound, order)
    assert (done.status, done.fulfilment_status) == (orders.Status.SHIPPED, "shipped")
    async with sound.db.transaction() as tx:
        found = await fulfilment.of_order(tx, shop_id=sound.shop_id, order_id=order.id)
    assert [
        [line.quantity for line in each.lines] for each in found if each.state is fulfilment.State.SHIPPED
    ] == [[1], [2, 1]]


async def test_a_deposit_stays_the_part_that_it_was(make_market: MakeMarket) -> None:
    """30 % of three was paid; two of them ask for 30 % of two, and what was paid beyond it counts for the balance."""
    soon = now().date() + timedelta(days=10)
    market = await make_market(0, later={soon: 5}, deposit_percent=30)
    order, _ = await market.order(quantity=3)
    deposit = order.first_minor
    async with market.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=order.id, amount=Money(deposit, order.currency), actor=ME
        )
    line = await line_of(market, order)

    less = await save(market, order, Change(lines=(LineChange(line, quantity=2),)))
    seen = await view(market, order)
    share = 3 * PRICE * 30 // 100
    assert (deposit, seen.order.first_minor) == (
        share + order.shipping_minor, share * 2 // 3 + order.shipping_minor,
    )  # fmt: skip
    assert (less.refund_minor, seen.order.charged_minor, seen.order.status) == (
        0, deposit, orders.Status.PLACED,
    )  # fmt: skip
    assert await market.left() == 3
    # What comes is asked for at once, in full where it is there, as a line of its own.
    async with market.db.transaction() as tx:
        await inventory.lot_arrived(
            tx, shop_id=market.shop_id, variant_id=market.variants[0], location_id=market.location_id,
            source=f"po/{soon}", quantity=5,
        )  # fmt: skip
        await orders.lot_ready(tx, shop_id=market.shop_id, variant_id=market.variants[0])
    owed = (await view(market, order)).due
    assert owed is not None
    assert owed.amount.minor == 2 * PRICE + order.shipping_minor - deposit
    await save(market, order, Change(lines=(LineChange(line, quantity=1),)))
    owed = (await view(market, order)).due
    # 11,610 of 12,900 and the shipping were paid.
    assert owed is not None
    assert owed.amount.minor == PRICE + order.shipping_minor - deposit
    async with market.db.transaction() as tx:
        paid = await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=order.id, amount=owed.amount, actor=ME
        )
    assert paid.status is orders.Status.PAID
    await market.assert_sound()


async def test_a_discount_is_shared_again_to_the_cent(sound: Market) -> None:
    """7 % of one, of three and of what is left; what is given back is what was paid."""
    discount = await coded(sound, "SEVEN", PERCENT, percent="7")
    hold, buyer = await sound.hold(lines={sound.variants[0]: 1, sound.variants[1]: 2})
    order = await sound.complete(hold, buyer, codes=("SEVEN",))
    async with sound.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=sound.shop_id, order_id=order.id, amount=order.total, actor=ME)
    one, two = (await view(sound, order)).lines
    assert [(each.amount_minor, each.discount_minor) for each in (one, two)] == [
        (11_997, 903),
        (23_994, 1_806),
    ]

    # At a price of which 7 % is no whole number of cents.
    made = await save(sound, order, Change(added=(Added(sound.variants[1], 1, 1_111),)))
    seen = await view(sound, order)
    assert [(line.amount_minor, line.discount_minor) for line in seen.lines] == [
        (11_997, 903), (23_994, 1_806), (1_033, 78),
    ]  # fmt: skip
    assert (made.due_minor, seen.order.goods_minor) == (1_033, 37_024)
    assert (await used(sound, discount)) == (1, 2_787)
    fewer = await save(
        sound, order, Change(lines=(LineChange(seen.lines[2].id, quantity=0), LineChange(two.id, quantity=1)))
    )
    assert (fewer.refund_minor, fewer.after_minor) == (11_997, 2 * 11_997 + order.shipping_minor)
    assert (await used(sound, discount)) == (1, 1_806)
    async with sound.db.transaction() as tx:
        assert [each for each in await promotions.audit(tx) if not each.passed] == []


async def test_a_discount_that_no_longer_applies_is_given_back(sound: Market) -> None:
    discount = await coded(sound, "FROM300", amount_minor=3_000, minimum_minor=2 * PRICE)
    hold, buyer = await sound.hold(quantity=2)
    order = await sound.complete(hold, buyer, codes=("FROM300",))
    async with sound.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=sound.shop_id, order_id=order.id, amount=order.total, actor=ME)
    line = await line_of(sound, order)
    assert (order.goods_minor, await used(sound, discount)) == (2 * PRICE - 3_000, (1, 3_000))

    made = await save(sound, order, Change(lines=(LineChange(line, quantity=1),)))

    assert (made.refund_minor, await used(sound, discount)) == (PRICE - 3_000, (0, 0))
    back = await save(sound, order, Change(lines=(LineChange(line, quantity=2),)))
    assert (back.due_minor, await used(sound, discount)) == (PRICE, (0, 0))


async def test_a_fapiao_that_was_issued_needs_a_red_one_for_what_the_order_costs_less(sound: Market) -> None:
    order, _ = await sound.paid(quantity=3)
    asked = await issue(sound, await ask(sound, order.id))
    line = await line_of(sound, order)

    made = await save(sound, order, Change(lines=(LineChange(line, quantity=2),)))

    assert made.refund_minor == PRICE
    found = await of(sound, order.id)
    assert found is not None
    assert (found.state, [(red.amount_minor, red.number) for red in found.reds]) == (
        fapiao.State.RED_REQUESTED, [(PRICE, None)],
    )  # fmt: skip
    # The money that the edit gave back asks for no second one.
    assert made.refund is not None
    async with sound.db.transaction() as tx:
        await orders.mark_refunded(
            tx, shop_id=sound.shop_id, order_id=order.id, refund_id=made.refund, actor=ME
        )
        await fapiao.follow(tx, shop_id=sound.shop_id, order_id=order.id)
    again = await of(sound, order.id)
    assert again is not None
    assert [(red.amount_minor, red.number) for red in again.reds] == [(PRICE, None)]
    assert again.blue == asked.blue
    async with sound.db.transaction() as tx:
        assert [each for each in await fapiao.audit(tx) if not each.passed] == []


async def test_the_figures_of_the_show_count_what_the_order_has_now(sound: Market, tmp_path: Path) -> None:
    order, _ = await sound.paid(quantity=3)
    line = await line_of(sound, order)
    await save(
        sound, order, Change(lines=(LineChange(line, quantity=1),), added=(Added(sound.variants[1], 1, 900),))
    )

    lake = collector.Collector(tmp_path, "test")
    await lake.start()
    async with sound.db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT fact_id, name, body, shop_id, recorded_at FROM kernel.outbox ORDER BY id"
        )
        facts = await cursor.fetchall()
    for fact_id, name, body, shop_id, at in facts:
        await lake.append(collector.from_fact(name, body, fact_id, shop_id, at))
    await lake.close()
    report = metrics.show_report(tmp_path, sound.shop_id, sound.show_id)
    names = ("gmv_placed", "gmv_paid", "gmv_net", "units_paid", "orders_paid")
    # "Placed" is what was placed; what was paid and kept is what there is now.
    assert [report.value(name) for name in names] == [3 * PRICE, PRICE + 900, PRICE + 900, 2, 1]


async def test_an_edit_of_one_shop_names_no_order_of_another(make_market: MakeMarket) -> None:
    market, other = await make_market(), await make_market()
    order, _ = await market.paid(quantity=2)
    async with other.db.transaction() as tx:
        with pytest.raises(Refusal) as caught:
            await editing.look(tx, shop_id=other.shop_id, order_id=order.id, change=Change())
    assert caught.value.code == "orders.not_found"
    await save(market, order, Change(lines=(LineChange(await line_of(market, order), quantity=1),)))
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        async with market.db.transaction() as tx:
            await tx.run(
                """
                INSERT INTO order_edits.edit (id, shop_id, order_id, number, hash, actor, reason, told, currency,
                                              before_minor, after_minor, refund_minor, due_minor, waived_minor, changes)
                SELECT gen_random_uuid(), %(other)s, order_id, 2, hash, actor, reason, told, currency, after_minor,
                       after_minor, 0, 0, 0, changes
                  FROM order_edits.edit
                """,
                other=other.shop_id,
            )


async def test_a_fapiao_of_an_order_that_costs_more_is_issued_anew_once_that_is_paid(sound: Market) -> None:
    order, _ = await sound.paid()
    await issue(sound, await ask(sound, order.id))
    line = await line_of(sound, order)

    async def stands() -> tuple[fapiao.State, list[tuple[str, int]], int]:
        await hears(sound)
        found = await of(sound, order.id)
        assert found is not None
        return (
            found.state,
            [(each.kind.value, each.amount_minor) for each in found.papers],
            found.amount_minor,
        )

    blue = ("blue", order.total_minor)
    await save(sound, order, Change(lines=(LineChange(line, quantity=2),)))
    assert await stands() == (fapiao.State.ISSUED, [blue], order.total_minor)
    # Taken back before it was paid: what was issued is still right.
    await save(sound, order, Change(lines=(LineChange(line, quantity=1),)))
    assert await stands() == (fapiao.State.ISSUED, [blue], order.total_minor)
    await save(sound, order, Change(lines=(LineChange(line, quantity=2),)))
    async with sound.db.transaction() as tx:
        await orders.mark_paid(
            tx, shop_id=sound.shop_id, order_id=order.id, amount=Money(PRICE, order.currency), actor=ME
        )
    assert await stands() == (
        fapiao.State.RED_REQUESTED, [blue, ("red", order.total_minor)], order.total_minor + PRICE,
    )  # fmt: skip
    async with sound.db.transaction() as tx:
        assert [each for each in await fapiao.audit(tx) if not each.passed] == []


async def test_a_bundle_stays_as_it_was_bought(make_pairs: MakePairs) -> None:
    pairs = await make_pairs()
    market = pairs.market
    order = await pairs.order()
    before = await pairs.view(order)
    part = before.lines[0]

    for change in (
        Change(lines=(LineChange(part.id, quantity=0),)),
        Change(lines=(LineChange(part.id, variant_id=market.variants[1]),)),
        Change(added=(Added(pairs.pair, 1),)),
    ):
        assert await refused(market, order, change) == "orders.edit_bundle"
    async with market.db.transaction() as tx:
        await inventory.receive(
            tx,
            shop_id=market.shop_id,
            location_id=market.location_id,
            variant_id=market.variants[1],
            quantity=5,
        )
    made = await save(market, order, Change(added=(Added(market.variants[1], 1),)))
    after = await pairs.view(order)
    assert (made.after_minor - made.before_minor, after.bundles) == (PRICE, before.bundles)
    assert after.lines[:-1] == before.lines
    # The same product by itself is a line like any other.
    loose = after.lines[-1].id
    await save(market, order, Change(lines=(LineChange(loose, quantity=0),)))
    assert (await pairs.view(order)).lines == before.lines
    await market.assert_sound()
