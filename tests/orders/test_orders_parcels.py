"""Parcels of orders: what is to be picked, what leaves and when, what is missing, and what was a mistake."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market

from shopfloor import fulfilment, inventory, orders, stock, warehouse
from shopfloor.fulfilment import Delivery, Parcel, State
from shopfloor.fulfilment.models import (
    AllPicked,
    BadTrackingLink,
    CarrierExists,
    NothingToUndo,
    NotInParcel,
    OtherTracking,
    WrongItem,
    WrongStep,
)
from shopfloor.kernel.database import Database
from shopfloor.kernel.outbox import Consumer, drain, each
from shopfloor.kernel.values import Money
from shopfloor.orders import Status, packing
from shopfloor.orders.refusals import NotPaid, OrderClosed

ME = "person:1"


def consumer() -> Consumer:
    return each("parcels", orders.HEARD["parcels"])


async def planned(market: Market, order_id: UUID) -> list[Parcel]:
    async with market.db.transaction() as tx:
        await packing.plan_order(tx, shop_id=market.shop_id, order_id=order_id)
        return await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=order_id)


async def to_pick(market: Market, *, quantity: int = 1) -> tuple[orders.Order, Parcel]:
    """(order, its one parcel) of a paid order."""
    order, _ = await market.paid(quantity=quantity)
    [parcel] = await planned(market, order.id)
    return order, parcel


async def both(market: Market, *, medium: int = 1, large: int = 1) -> orders.Order:
    """A paid order of two lines."""
    hold_id, shopper = await market.hold(lines={market.variants[0]: medium, market.variants[1]: large})
    order = await market.complete(hold_id, shopper)
    async with market.db.transaction() as tx:
        return await orders.mark_paid(
            tx, shop_id=market.shop_id, order_id=order.id, amount=order.total, actor=ME
        )


async def view(market: Market, order_id: UUID) -> orders.OrderView:
    async with market.db.transaction() as tx:
        return await orders.order(tx, shop_id=market.shop_id, order_id=order_id)


async def again(market: Market, parcel: Parcel) -> Parcel:
    async with market.db.transaction() as tx:
        return await fulfilment.parcel(tx, shop_id=market.shop_id, parcel_id=parcel.id)


async def step(market: Market, to: State, *parcels: Parcel) -> list[Parcel]:
    async with market.db.transaction() as tx:
        return await fulfilment.step(
            tx, shop_id=market.shop_id, parcel_ids=[each.id for each in parcels], to=to, actor=ME
        )


async def send(market: Market, parcel: Parcel, *, carrier: str = "", tracking: str = "") -> Parcel:
    async with market.db.transaction() as tx:
        return await orders.shipping.send_parcel(
            tx, shop_id=market.shop_id, parcel_id=parcel.id, actor=ME, carrier=carrier, tracking=tracking
        )


async def undo(market: Market, parcel: Parcel) -> Parcel:
    async with market.db.transaction() as tx:
        return await orders.shipping.undo_step(tx, shop_id=market.shop_id, parcel_id=parcel.id, actor=ME)


async def on_shelf(market: Market, variant: int = 0) -> tuple[int, int, int]:
    """(quantity, allocated, shortfall) of a variant over all pools."""
    async with market.db.transaction() as tx:
        cursor = await tx.connection.execute(
            "SELECT sum(quantity)::int, sum(allocated)::int, sum(shortfall)::int FROM stock.level WHERE variant_id = %s",
            (market.variants[variant],),
        )
        return (await cursor.fetchall())[0]


@pytest.fixture
async def sound(market: Market) -> AsyncIterator[Market]:
    """The market, whose audit passes at the end."""
    yield market
    await market.assert_sound()


async def test_money_that_arrives_puts_an_order_on_the_to_do_list(sound: Market) -> None:
    placed, _ = await sound.order(quantity=2)
    await drain(sound.db, [consumer()])
    async with sound.db.transaction() as tx:
        unpaid = await fulfilment.of_order(tx, shop_id=sound.shop_id, order_id=placed.id)
        await orders.mark_paid(tx, shop_id=sound.shop_id, order_id=placed.id, amount=placed.total, actor=ME)
    await drain(sound.db, [consumer()])
    await drain(sound.db, [consumer()])

    async with sound.db.transaction() as tx:
        page = await warehouse.listing(tx, shop_id=sound.shop_id, state="to_pick")
        counted = await warehouse.counts(tx, shop_id=sound.shop_id, show_id=sound.show_id)
        shows = await warehouse.shows(tx, shop_id=sound.shop_id)
    assert unpaid == []
    [row] = page.items
    assert (row.number, row.units, row.titles, row.contact_name, row.paid) == (
        f"{placed.number}-P1",
        2,
        "2 × Linen coat · M",
        "Lin Mei",
        True,
    )
    assert counted["to_pick"] == 1
    assert [(each.show_id, each.parcels) for each in shows] == [(sound.show_id, 1)]


async def test_steps_in_the_house_and_out_of_it(sound: Market) -> None:
    order, parcel = await to_pick(sound, quantity=2)

    assert [each.number for each in await step(sound, State.PICKED, parcel)] == [parcel.number]
    assert await step(sound, State.PICKED, parcel) == []
    await step(sound, State.PACKED, parcel)
    assert await step(sound, State.PICKED, parcel) == []
    sent = await send(sound, parcel, carrier="DHL", tracking="JD 014/6")
    assert (sent.state, sent.tracking_url) == (
        State.SHIPPED,
        "https://www.dhl.com/global-en/home/tracking.html?tracking-id=JD%20014%2F6",
    )
    assert (await send(sound, parcel)).state is State.SHIPPED
    found = await view(sound, order.id)
    assert (found.order.status, found.order.tracking) == (Status.SHIPPED, "JD 014/6")
    assert await on_shelf(sound) == (8, 0, 0)
    async with sound.db.transaction() as tx:
        await orders.shipping.parcel_arrived(tx, shop_id=sound.shop_id, parcel_id=parcel.id, actor=ME)
        await orders.shipping.parcel_arrived(tx, shop_id=sound.shop_id, parcel_id=parcel.id, actor=ME)
        told = [event.kind for event in await fulfilment.history(tx, parcel_id=parcel.id)]
    assert (await view(sound, order.id)).order.status is Status.DELIVERED
    assert told == ["made", "picked", "packed", "tracked", "shipped", "delivered"]
    assert len(await sound.facts("fulfilment.parcel_shipped")) == 1
    assert len(await sound.facts("fulfilment.parcel_delivered")) == 1
    assert len(await sound.facts("orders.order_shipped")) == 1
    assert len(await sound.facts("orders.order_delivered")) == 1


async def test_every_step_back(sound: Market) -> None:
    order, parcel = await to_pick(sound, quantity=2)
    await send(sound, parcel, tracking="A1")
    async with sound.db.transaction() as tx:
        await orders.shipping.deliver(tx, shop_id=sound.shop_id, order_id=order.id, actor=ME)

    steps = [await undo(sound, parcel) for _ in range(4)]

    assert [each.state for each in steps] == [State.SHIPPED, State.PACKED, State.PICKED, State.TO_PICK]
    assert await on_shelf(sound) == (10, 2, 0)
    found = await view(sound, order.id)
    assert (found.order.status, found.order.tracking, found.order.shipped_at) == (Status.PAID, "", None)
    assert [line.shipped_quantity for line in found.lines] == [0]
    with pytest.raises(NothingToUndo):
        await undo(sound, parcel)
    assert (await send(sound, parcel)).state is State.SHIPPED
    assert await on_shelf(sound) == (8, 0, 0)


async def test_what_came_back_keeps_its_parcel_shipped(sound: Market) -> None:
    order, parcel = await to_pick(sound)
    await send(sound, parcel)
    line = (await view(sound, order.id)).lines[0]
    async with sound.db.transaction() as tx:
        await orders.refund(
            tx, shop_id=sound.shop_id, order_id=order.id, amount=Money(0, "CNY"), refund_id=UUID(int=7), note="",
            actor=ME, put_back={line.id: 1},
        )  # fmt: skip

    with pytest.raises(OrderClosed):
        await undo(sound, parcel)
    assert (await again(sound, parcel)).state is State.SHIPPED


async def test_two_parcels_of_one_order(sound: Market) -> None:
    order = await both(sound, medium=3)
    [whole] = await planned(sound, order.id)
    first, second = sorted(line.line_id for line in whole.lines)
    async with sound.db.transaction() as tx:
        other = await fulfilment.split(
            tx, shop_id=sound.shop_id, parcel_id=whole.id, units={first: 2}, actor=ME
        )
    assert other.number == f"{order.number}-P2"
    await send(sound, other, tracking="T1")

    found = await view(sound, order.id)
    assert found.order.status is Status.PARTLY_SHIPPED
    assert [line.shipped_quantity for line in found.lines] == [2, 0]
    [fact] = await sound.facts("orders.order_shipped")
    assert [(line["quantity"], line["amount_minor"]) for line in fact["lines"]] == [(2, 2 * PRICE)]  # pyright: ignore[reportIndexIssue,reportGeneralTypeIssues]
    assert [(line.line_id, line.quantity) for line in (await again(sound, whole)).lines] == [
        (first, 1),
        (second, 1),
    ]
    await planned(sound, order.id)
    await send(sound, whole, tracking="T2")
    found = await view(sound, order.id)
    assert (found.order.status, found.order.tracking) == (Status.SHIPPED, "T1 T2")
    assert await on_shelf(sound) == (7, 0, 0)
    async with sound.db.transaction() as tx:
        await orders.shipping.parcel_arrived(tx, shop_id=sound.shop_id, parcel_id=whole.id, actor=ME)
    assert (await view(sound, order.id)).order.status is Status.SHIPPED
    async with sound.db.transaction() as tx:
        await orders.shipping.parcel_arrived(tx, shop_id=sound.shop_id, parcel_id=other.id, actor=ME)
    assert (await view(sound, order.id)).order.status is Status.DELIVERED


@pytest.mark.parametrize("units", [{}, {0: 3}, {0: 4}, {0: 0}, {99: 1}])
async def test_a_parcel_is_not_split_into_nothing_or_more(sound: Market, units: dict[int, int]) -> None:
    _, parcel = await to_pick(sound, quantity=3)
    wanted = {parcel.lines[0].line_id if line == 0 else line: count for line, count in units.items()}

    async with sound.db.transaction() as tx:
        with pytest.raises(NotInParcel):
            await fulfilment.split(tx, shop_id=sound.shop_id, parcel_id=parcel.id, units=wanted, actor=ME)
    assert [each.units for each in await planned(sound, parcel.order_id)] == [parcel.units]


async def short(market: Market, parcel: Parcel, quantity: int, then: str, line: int = 0) -> orders.Order:
    async with market.db.transaction() as tx:
        return await orders.shipping.short(
            tx,
            shop_id=market.shop_id,
            parcel_id=parcel.id,
            line_id=parcel.lines[line].line_id,
            quantity=quantity,
            then="refund" if then == "refund" else "wait",
            actor=ME,
        )


async def test_missing_units_are_paid_back_and_the_rest_leaves(sound: Market) -> None:
    order, parcel = await to_pick(sound, quantity=3)

    changed = await short(sound, parcel, 1, "refund")
    await send(sound, parcel)

    assert changed.refund_granted_minor == PRICE
    found = await view(sound, order.id)
    assert (found.order.status, found.lines[0].shipped_quantity, found.lines[0].cancelled_quantity) == (
        Status.SHIPPED,
        2,
        1,
    )
    assert await on_shelf(sound) == (7, 0, 0)
    assert await sound.left() == 7


async def test_an_order_of_which_nothing_is_found_is_cancelled_and_paid_back(sound: Market) -> None:
    order, parcel = await to_pick(sound, quantity=2)

    changed = await short(sound, parcel, 2, "refund")

    assert (changed.status, changed.cancel_why, changed.refund_granted_minor) == (
        Status.CANCELLED,
        "sold_out",
        order.total_minor,
    )
    assert (await again(sound, parcel)).state is State.CANCELLED
    assert await on_shelf(sound) == (8, 0, 0)


async def test_missing_units_wait_for_the_next_that_arrive(sound: Market) -> None:
    order, parcel = await to_pick(sound, quantity=3)

    await short(sound, parcel, 1, "wait")
    await send(sound, parcel)

    first, second = await planned(sound, order.id)
    assert (first.state, second.state, second.units) == (
        State.SHIPPED,
        State.TO_PICK,
        {sound.variants[0]: 1},
    )
    assert await on_shelf(sound) == (7, 1, 0)
    assert (await view(sound, order.id)).order.status is Status.PARTLY_SHIPPED
    await send(sound, second)
    assert (await view(sound, order.id)).order.status is Status.SHIPPED


async def test_what_is_not_there_at_all_does_not_leave_before_it_is(make_market: MakeMarket) -> None:
    market = await make_market(units=2)
    _, parcel = await to_pick(market, quantity=2)
    await short(market, parcel, 2, "wait")

    with pytest.raises(stock.NotHere):
        await send(market, parcel)
    assert (await again(market, parcel)).state is State.TO_PICK
    assert await on_shelf(market) == (0, 2, 2)
    async with market.db.transaction() as tx:
        await inventory.receive(
            tx,
            shop_id=market.shop_id,
            location_id=market.location_id,
            variant_id=market.variants[0],
            quantity=2,
        )
    assert (await send(market, parcel)).state is State.SHIPPED
    await market.assert_sound()


@pytest.mark.parametrize("quantity", [0, 3, -1])
async def test_more_than_is_inside_is_not_missing(sound: Market, quantity: int) -> None:
    order, parcel = await to_pick(sound, quantity=2)

    with pytest.raises(NotInParcel):
        await short(sound, parcel, quantity, "refund")
    assert (await view(sound, order.id)).order.refund_granted_minor == 0
    assert await on_shelf(sound) == (10, 2, 0)


async def test_a_cancelled_order_takes_its_parcel_along(sound: Market) -> None:
    order, parcel = await to_pick(sound)
    await step(sound, State.PACKED, parcel)
    async with sound.db.transaction() as tx:
        await orders.cancel(tx, shop_id=sound.shop_id, order_id=order.id, by=orders.Party.MERCHANT, actor=ME)

    assert (await again(sound, parcel)).state is State.CANCELLED
    for attempt in (send(sound, parcel), step(sound, State.PACKED, parcel)):
        with pytest.raises((OrderClosed, WrongStep)):
            await attempt
    assert await planned(sound, order.id) == [await again(sound, parcel)]


async def test_who_packs_is_told_that_the_money_has_gone_back(sound: Market) -> None:
    order, parcel = await to_pick(sound)

    async def told() -> tuple[str, str]:
        async with sound.db.transaction() as tx:
            page = await warehouse.listing(tx, shop_id=sound.shop_id, state="to_pick")
            [packed] = await warehouse.packed(tx, shop_id=sound.shop_id, ids=[parcel.id])
        return page.items[0].money_back, packed.recipient.money_back

    async def give_back(minor: int) -> None:
        async with sound.db.transaction() as tx:
            await orders.refund(
                tx, shop_id=sound.shop_id, order_id=order.id, amount=Money(minor, order.currency), refund_id=uuid4(),
                note="", actor=ME,
            )  # fmt: skip

    await give_back(1)
    assert await told() == ("", "")
    await give_back(order.total_minor - 1)
    assert await told() == ("refunded", "refunded")


async def test_a_pick_up_is_handed_over_against_its_money(sound: Market) -> None:
    placed, _ = await sound.order(delivery=Delivery.PICK_UP, address=None, method="cash")
    [parcel] = await planned(sound, placed.id)
    await step(sound, State.READY_TO_COLLECT, parcel)
    [ready] = await sound.facts("fulfilment.ready_to_collect")

    with pytest.raises(NotPaid) as refused:
        await send(sound, parcel)
    assert refused.value.facts["due_minor"] == placed.total_minor
    assert ready["number"] == parcel.number
    async with sound.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=sound.shop_id, order_id=placed.id, amount=placed.total, actor=ME)
    assert (await send(sound, parcel)).state is State.COLLECTED
    assert (await view(sound, placed.id)).order.status is Status.DELIVERED
    assert (await undo(sound, parcel)).state is State.READY_TO_COLLECT
    assert (await view(sound, placed.id)).order.status is Status.PAID


async def test_steps_of_another_course_are_refused_for_all(sound: Market) -> None:
    _, parcel = await to_pick(sound)
    _, other = await to_pick(sound)

    for to in (State.READY_TO_COLLECT, State.SHIPPED, State.CANCELLED):
        with pytest.raises(WrongStep):
            await step(sound, to, other, parcel)
    assert [(await again(sound, each)).state for each in (parcel, other)] == [State.TO_PICK] * 2


async def test_what_is_awaited_stays_until_it_is_there(make_market: MakeMarket) -> None:
    market = await make_market(units=1, later={date.today() + timedelta(days=9): 5})  # noqa: DTZ011 -- a day
    hold_id, shopper = await market.hold(lines={market.variants[0]: 2, market.variants[1]: 1})
    order = await market.complete(hold_id, shopper)
    async with market.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=market.shop_id, order_id=order.id, amount=order.total, actor=ME)

    [first] = await planned(market, order.id)
    assert first.units == {market.variants[1]: 1}
    await send(market, first)
    async with market.db.transaction() as tx:
        await inventory.lot_arrived(
            tx,
            shop_id=market.shop_id,
            variant_id=market.variants[0],
            location_id=market.location_id,
            source=f"po/{date.today() + timedelta(days=9)}",  # noqa: DTZ011
            quantity=5,
        )
        await orders.lot_ready(tx, shop_id=market.shop_id, variant_id=market.variants[0])
        parcels = await fulfilment.of_order(tx, shop_id=market.shop_id, order_id=order.id)
    assert [(each.state, each.units) for each in parcels] == [
        (State.SHIPPED, {market.variants[1]: 1}),
        (State.TO_PICK, {market.variants[0]: 2}),
    ]
    await send(market, parcels[1])
    await market.assert_sound()


async def test_scans_pick_unit_by_unit(sound: Market) -> None:
    order = await both(sound, medium=2)
    [parcel] = await planned(sound, order.id)

    async def scan(code: str) -> State:
        async with sound.db.transaction() as tx:
            return (
                await warehouse.scan(tx, shop_id=sound.shop_id, parcel_id=parcel.id, code=code, actor=ME)
            ).state

    assert await scan(" coat-m ") is State.TO_PICK
    assert await scan("ＣＯＡＴ－Ｌ") is State.TO_PICK
    with pytest.raises(AllPicked):
        await scan("COAT-L")
    for stranger in ("COAT-X", "", "COAT"):
        with pytest.raises(WrongItem):
            await scan(stranger)
    assert await scan("COAT-M") is State.PICKED


async def test_the_label_of_a_parcel_leads_to_it(sound: Market) -> None:
    order, parcel = await to_pick(sound)
    await send(sound, parcel, tracking="SF1400")

    async with sound.db.transaction() as tx:
        found = [
            await warehouse.by_code(tx, shop_id=sound.shop_id, code=code)
            for code in (parcel.number, parcel.number.lower(), "SF1400", f"{order.number}-P9", "SF", "")
        ]
    assert found == [parcel.id, parcel.id, parcel.id, None, None, None]


async def test_many_leave_and_who_may_not_stays(sound: Market) -> None:
    parcels = [(await to_pick(sound))[1] for _ in range(3)]
    async with sound.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=sound.shop_id, order_id=parcels[1].order_id, by=orders.Party.MERCHANT, actor=ME
        )
    ids = [each.id for each in parcels]

    # Two people press at once.
    first, second = await asyncio.gather(
        *(
            warehouse.send_parcels(sound.db, shop_id=sound.shop_id, parcel_ids=ids, actor=ME, carrier="DHL")
            for _ in range(2)
        )
    )

    assert {key: value.code for key, value in first.items()} == {ids[1]: "orders.closed"}
    assert first.keys() == second.keys()
    assert len(await sound.facts("fulfilment.parcel_shipped")) == 2
    assert await on_shelf(sound) == (8, 0, 0)


async def test_the_list_for_a_carrier_goes_out_and_comes_back(sound: Market) -> None:
    order, _ = await sound.order(name="=HYPERLINK(1)", note='门口, "左"边')
    async with sound.db.transaction() as tx:
        await orders.mark_paid(tx, shop_id=sound.shop_id, order_id=order.id, amount=order.total, actor=ME)
    [first] = await planned(sound, order.id)
    _, second = await to_pick(sound)
    async with sound.db.transaction() as tx:
        out = await warehouse.carrier_list(
            tx, shop_id=sound.shop_id, ids=[first.id, second.id], encoding="gb18030"
        )
    told = out.decode("gb18030").splitlines()
    assert told[1].startswith(f'"{first.number}","{order.number}","\'=HYPERLINK(1)"')
    assert '"门口, ""左""边"' in told[1]

    sheet = (
        "包裹号;运单号;快递公司\r\n"
        f'{first.number};="0012345";顺丰速运\r\n'
        f"{second.number};;\r\n"
        "999999-P1;X1;\r\n"
        f"{first.number};OTHER;\r\n"
    ).encode("gb18030")

    async def take() -> warehouse.Imported:
        return await warehouse.import_tracking(
            sound.db, shop_id=sound.shop_id, data=sheet, carrier="", ship=True, actor=ME
        )

    done, twice = await take(), await take()

    assert (done.shipped, done.unchanged, done.empty) == (1, 0, 1)
    assert [(row, refusal.code) for row, refusal in done.refused] == [
        (4, "fulfilment.parcel_not_found"),
        (5, "fulfilment.other_tracking"),
    ]
    assert (twice.shipped, twice.unchanged) == (0, 1)
    sent = await again(sound, first)
    assert (sent.state, sent.tracking, sent.carrier) == (State.SHIPPED, "0012345", "顺丰速运")
    assert sent.tracking_url.endswith("/0012345")
    assert len(await sound.facts("fulfilment.parcel_shipped")) == 1
    assert (await again(sound, second)).state is State.TO_PICK


async def test_a_tracking_number_is_set_right(sound: Market) -> None:
    order, parcel = await to_pick(sound)
    await send(sound, parcel, tracking="WRONG")

    async def track(tracking: str, *, replaces: bool = True) -> None:
        async with sound.db.transaction() as tx:
            await orders.shipping.track_parcel(
                tx, shop_id=sound.shop_id, parcel_id=parcel.id, carrier="Ours", tracking=tracking, actor=ME,
                replaces=replaces,
            )  # fmt: skip

    async with sound.db.transaction() as tx:
        for bad in (
            "http://t.example/{number}",
            "https://t.example/",
            "https://{number}.example/",
            "javascript:{number}",
        ):
            with pytest.raises(BadTrackingLink):
                await fulfilment.carriers.add(tx, shop_id=sound.shop_id, name="Bad", tracking_url=bad)
        ours = "https://t.example/?n={number}"
        await fulfilment.carriers.add(tx, shop_id=sound.shop_id, name="Ours", tracking_url=ours)
        with pytest.raises(CarrierExists):
            await fulfilment.carriers.add(tx, shop_id=sound.shop_id, name="Ours", tracking_url="")
    with pytest.raises(OtherTracking):
        await track("RIGHT", replaces=False)
    await track("RIGHT")
    await track("RIGHT")

    assert (await again(sound, parcel)).tracking_url == "https://t.example/?n=RIGHT"
    assert (await view(sound, order.id)).order.tracking == "RIGHT"
    assert len(await sound.facts("fulfilment.parcel_tracked")) == 1


async def test_parcels_of_another_shop_are_not_there(make_market: MakeMarket, database: Database) -> None:
    mine, other = await make_market(), await make_market()
    _, parcel = await to_pick(mine)
    calls = [
        lambda tx: fulfilment.step(
            tx, shop_id=other.shop_id, parcel_ids=[parcel.id], to=State.PICKED, actor=ME
        ),
        lambda tx: orders.shipping.send_parcel(tx, shop_id=other.shop_id, parcel_id=parcel.id, actor=ME),
        lambda tx: orders.shipping.undo_step(tx, shop_id=other.shop_id, parcel_id=parcel.id, actor=ME),
        lambda tx: warehouse.scan(tx, shop_id=other.shop_id, parcel_id=parcel.id, code="COAT-M", actor=ME),
    ]

    for call in calls:
        with pytest.raises(fulfilment.ParcelNotFound):
            async with database.transaction() as tx:
                await call(tx)
    async with database.transaction() as tx:
        assert await warehouse.packed(tx, shop_id=other.shop_id, ids=[parcel.id]) == []
    assert await again(mine, parcel) == parcel


async def test_the_audit_finds_a_parcel_of_more_than_was_ordered(market: Market) -> None:
    _, parcel = await to_pick(market)
    async with market.db.transaction() as tx:
        await tx.run("UPDATE fulfilment.parcel_line SET quantity = 2 WHERE parcel_id = %(id)s", id=parcel.id)
        broken = {check.name for check in await orders.audit(tx) if not check.passed}
    assert broken == {"orders: parcels hold no more than was ordered"}
