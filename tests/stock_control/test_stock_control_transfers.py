"""Transfers: what leaves one shelf is on another, in transit or explained, whoever does it how often."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from tests.stock_control.conftest import Stores

from shopfloor import inventory, stock_control
from shopfloor.stock_control.models import KeyReused, NothingListed, SamePlace, WrongState


async def test_what_is_sent_is_for_nobody_until_it_is_received(stores: Stores) -> None:
    store, warehouse = stores.shop.location_id, stores.shop.other
    draft = await stores.draft(8)
    assert (draft.name, draft.state, await stores.units(warehouse)) == ("T1", "draft", 20)
    sent = await stores.do("send", draft)
    assert sent.state == "sent"
    assert (await stores.units(warehouse), await stores.units(store)) == (12, 20)
    assert await stores.units(store, "transit") == 8
    # A viewer may have what is on the shelves, not what is on a truck.
    assert (await stores.shop.hold(33)).code == "stock.sold_out"
    partly = await stores.do("receive", sent, units={stores.tea: 5})
    assert partly.state == "partly_received"
    assert (await stores.units(store), await stores.units(store, "transit")) == (25, 3)
    whole = await stores.do("receive", partly, units={stores.tea: 3})
    assert (whole.state, await stores.units(store), await stores.units(store, "transit")) == ("closed", 28, 0)
    kinds = await stores.shop.value("SELECT array_agg(DISTINCT kind) FROM stock.movement WHERE reason = 'T1'")
    assert kinds == ["moved"]
    await stores.assert_sound()


async def test_every_step_happens_once_per_key(stores: Stores) -> None:
    key = uuid4()
    first, second = await stores.draft(6, key=key), await stores.draft(6, key=key)
    assert first.id == second.id
    for verb, more in (("send", {}), ("receive", {"units": {stores.tea: 2}})):
        key = uuid4()
        for _ in range(3):
            await stores.do(verb, first, key=key, **more)
    assert [(line.sent, line.received) for line in (await stores.read(first)).lines] == [(6, 2)]
    with pytest.raises(KeyReused):
        await stores.do("receive", first, key=key, units={stores.tea: 3})
    assert await stores.units(stores.shop.location_id, "transit") == 4
    await stores.assert_sound()


async def test_two_who_receive_at_once_share_what_was_sent(stores: Stores) -> None:
    sent = await stores.sent(10)
    both = await asyncio.gather(
        *(stores.do("receive", sent, units={stores.tea: 6}) for _ in range(2)), return_exceptions=True
    )
    [refused] = [each for each in both if isinstance(each, Exception)]
    assert isinstance(refused, stock_control.NotInTransit)
    assert refused.facts == {"variant_id": stores.tea, "wanted": 6, "left": 4}
    assert await stores.units(stores.shop.location_id) == 26
    # The same parcel, scanned by both with one key, is there once.
    key = uuid4()
    await asyncio.gather(*(stores.do("receive", sent, key=key, units={stores.tea: 4}) for _ in range(3)))
    assert await stores.units(stores.shop.location_id) == 30
    await stores.assert_sound()


async def test_differences_are_explained(stores: Stores) -> None:
    store, warehouse = stores.shop.location_id, stores.shop.other
    sent = await stores.sent(10)
    await stores.do("receive", sent, units={stores.tea: 4})
    for reason, units in (("lost", 1), ("damaged", 2), ("miscounted", 3)):
        done = await stores.do(
            "explain", sent, reason=stock_control.Difference(reason), units={stores.tea: units}
        )
    assert done.state == "closed"
    assert (await stores.units(store), await stores.units(store, "damaged")) == (24, 2)
    assert (await stores.units(warehouse), await stores.units(store, "transit")) == (13, 0)
    [line] = (await stores.read(sent)).lines
    assert (line.received, line.lost, line.damaged, line.miscounted, line.in_transit) == (4, 1, 2, 3, 0)
    assert [step.kind for step in (await stores.read(sent)).steps] == [
        "created", "sent", "received", "lost", "damaged", "miscounted",
    ]  # fmt: skip
    await stores.assert_sound()


async def test_more_than_was_sent_is_taken_in_when_somebody_says_so(stores: Stores) -> None:
    sent = await stores.sent(3)
    [other] = stores.shop.variants[1:]
    with pytest.raises(stock_control.NotInTransit):
        await stores.do("receive", sent, units={stores.tea: 5})
    done = await stores.do("receive", sent, units={stores.tea: 5, other: 1}, more=True)
    assert done.state == "closed"
    assert await stores.units(stores.shop.location_id) == 25
    assert await stores.units(stores.shop.location_id, variant=other) == 21
    assert {line.variant_id: line.found for line in (await stores.read(sent)).lines} == {
        stores.tea: 2,
        other: 1,
    }
    await stores.assert_sound()


async def test_a_transfer_is_cancelled_before_anything_came(stores: Stores) -> None:
    sent = await stores.sent(5)
    assert (await stores.do("cancel", sent)).state == "cancelled"
    assert await stores.units(stores.shop.other) == 20
    again = await stores.sent(5)
    await stores.do("receive", again, units={stores.tea: 1})
    with pytest.raises(WrongState):
        await stores.do("cancel", again)
    with pytest.raises(WrongState):
        await stores.do("send", again)
    await stores.assert_sound()


async def test_what_is_promised_stays_and_nothing_is_sent_in_part(stores: Stores) -> None:
    [other] = stores.shop.variants[1:]
    for _ in range(3):
        # From both shelves: the books give what is free, wherever it is.
        await stores.shop.hold(10)
    with pytest.raises(inventory.NotEnough) as refused:
        await stores.sent({other: 5, stores.tea: 15})
    assert refused.value.facts["variant_id"] == stores.tea
    assert await stores.units(stores.shop.other, variant=other) == 20
    assert await stores.units(stores.shop.location_id, "transit", variant=other) == 0


async def test_a_draft_names_other_places_and_goods(stores: Stores) -> None:
    tx_of, shop = stores.db.transaction, stores.shop
    cases: tuple[tuple[type[Exception], dict[str, Any]], ...] = (
        (SamePlace, {"target_id": shop.other}),
        (inventory.UnknownStock, {"target_id": 987_654}),
        (inventory.UnknownStock, {"units": {987_654: 1}}),
        (inventory.BadQuantity, {"units": {stores.tea: 1_000_001}}),
    )
    for refusal, more in cases:
        given: dict[str, Any] = {
            "source_id": shop.other,
            "target_id": shop.location_id,
            "units": {stores.tea: 1},
        } | more
        with pytest.raises(refusal):
            async with tx_of() as tx:
                await stock_control.transfers.create(tx, shop_id=shop.shop_id, key=uuid4(), **given)
    assert await shop.value("SELECT count(*) FROM stock_control.transfer") == 0
    with pytest.raises(NothingListed):
        await stores.sent(0)


async def test_units_that_arrive_keep_broken_promises_first(stores: Stores) -> None:
    sent = await stores.sent(6)
    for _ in range(2):
        await stores.shop.hold(15)
    # A fact of the physical world: five of the promised ones are gone.
    async with stores.db.transaction() as tx:
        await inventory.adjust(
            tx, shop_id=stores.shop.shop_id, location_id=stores.shop.location_id, variant_id=stores.tea, by=-20,
            reason="lost",
        )  # fmt: skip
    short = await stores.shop.value("SELECT sum(shortfall)::int FROM stock.level")
    assert short > 0
    await stores.do("receive", sent, units={stores.tea: 6})
    assert await stores.shop.value("SELECT sum(shortfall)::int FROM stock.level") == max(0, short - 6)
    await stores.assert_sound()
