"""Another size instead of the money: kept while the goods come back, and paid for with what they had cost."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.orders.conftest import PRICE, MakeMarket, Market
from tests.orders.test_orders_papers import sells
from tests.orders.test_orders_returns import ME, receive, refund, refusal_of, sent, view

from shopfloor import catalog, demand, documents, fulfilment, inventory, invoicing, orders, returns, stock
from shopfloor.kernel.values import Money
from shopfloor.orders.refusals import NotPaid
from shopfloor.returns.exchange_queries import Exchange, ExchangeState
from shopfloor.returns.models import Journey, Reason, State


@pytest.fixture
async def sound(make_market: MakeMarket) -> AsyncIterator[Market]:
    """A market, whose audits pass at the end."""
    market = await make_market()
    async with market.db.transaction() as tx:
        for variant_id in market.variants:
            await inventory.receive(
                tx, shop_id=market.shop_id, location_id=market.location_id, variant_id=variant_id, quantity=5
            )
    yield market
    await market.assert_sound()
    async with market.db.transaction() as tx:
        assert [check for check in await returns.audit(tx) if not check.passed] == []


async def swap(
    market: Market,
    order: orders.Order,
    units: int = 1,
    *,
    to: int | None = None,
    return_id: UUID | None = None,
    **changes: Any,
) -> returns.Return:
    """M for L, or for what is said."""
    line = (await view(market, order)).lines[0]
    async with market.db.transaction() as tx:
        return await returns.ask(
            tx,
            shop_id=market.shop_id,
            order_id=order.id,
            return_id=return_id or uuid4(),
            journey=changes.pop("journey", Journey.WITHDRAWAL),
            units={line.id: units},
            swaps={line.id: market.variants[1] if to is None else to},
            **changes,
        )


async def send(market: Market, found: returns.Return) -> returns.Return:
    async with market.db.transaction() as tx:
        return await returns.exchanges.send(tx, shop_id=market.shop_id, return_id=found.id, actor=ME)


async def exchange_of(market: Market, found: returns.Return) -> Exchange:
    async with market.db.transaction() as tx:
        return (await returns.exchanges.of_returns(tx, shop_id=market.shop_id, returns=[found]))[found.id]


async def replacement(market: Market, found: returns.Return) -> orders.OrderView:
    order_id = (await exchange_of(market, found)).order_id
    assert order_id is not None
    async with market.db.transaction() as tx:
        return await orders.order(tx, shop_id=market.shop_id, order_id=order_id)


async def price(market: Market, minor: int) -> None:
    """What L costs from now on, where M costs the usual."""
    async with market.db.transaction() as tx:
        for variant_id, amount in zip(market.variants, (PRICE, minor), strict=True):
            await catalog.set_price(
                tx, shop_id=market.shop_id, variant_id=variant_id, amount=amount, confirmed=True
            )


async def free(market: Market) -> list[int]:
    async with market.db.transaction() as tx:
        found = await stock.available(tx, shop_id=market.shop_id, variant_ids=market.variants)
    return [found[variant_id].now for variant_id in market.variants]


async def test_m_for_l_is_kept_and_becomes_an_order_of_its_own(sound: Market) -> None:
    order = await sent(sound)
    before = await free(sound)

    asked = await swap(sound, order, reason=Reason.CHANGED_MIND)

    assert (await exchange_of(sound, asked)).state is ExchangeState.KEPT
    assert await free(sound) == [before[0], before[1] - 1]
    [told] = await sound.facts("returns.return_asked")
    assert told["instead"]["state"] == "kept"  # type: ignore[index]
    assert await refusal_of(send(sound, asked)) == (
        "returns.nothing_received",
        {"line_ids": [asked.lines[0].line_id]},
    )
    got = await receive(sound, asked)
    done = await send(sound, got)
    again = await send(sound, got)

    assert (done.state, done.refund_minor) == (State.REFUNDED, 0)
    assert again == done
    new = await replacement(sound, done)
    assert (new.order.status, new.order.total_minor, new.order.charged_minor) == (
        orders.Status.PAID,
        PRICE,
        PRICE,
    )
    assert [(line.variant_id, line.quantity, line.amount_minor) for line in new.lines] == [
        (sound.variants[1], 1, PRICE)
    ]
    assert (new.order.buyer, new.order.address, new.order.contact_email, new.order.show_id) == (
        order.buyer, order.address, order.contact_email, order.show_id,
    )  # fmt: skip
    old = (await view(sound, order)).order
    assert (old.charged_minor, old.refund_granted_minor, old.refunded_minor) == (
        order.total_minor, PRICE, PRICE,
    )  # fmt: skip
    assert await free(sound) == [before[0] + 1, before[1] - 1]
    [fact] = await sound.facts("returns.return_exchanged")
    assert (fact["new_order_id"], fact["due_minor"], fact["amount_minor"]) == (str(new.order.id), 0, PRICE)
    # No money has left, and so nobody is told that it has.
    assert await sound.facts("orders.refund_paid") == []
    # It leaves like any other order.
    async with sound.db.transaction() as tx:
        await orders.shipping.ship(tx, shop_id=sound.shop_id, order_id=new.order.id, actor=ME)
        [parcel] = await fulfilment.of_order(tx, shop_id=sound.shop_id, order_id=new.order.id)
        assert [line.variant_id for line in parcel.lines] == [sound.variants[1]]


async def test_a_dearer_size_is_paid_for_before_it_leaves(sound: Market) -> None:
    order = await sent(sound, medium=3)
    await price(sound, PRICE + 700)

    asked = await swap(sound, order, 2)
    # What changes later is not the buyer's.
    await price(sound, PRICE + 5_000)
    await send(sound, await receive(sound, asked))
    new = await replacement(sound, asked)

    assert (new.order.total_minor, new.order.charged_minor, new.order.status) == (
        2 * PRICE + 1_400, 2 * PRICE, orders.Status.PLACED,
    )  # fmt: skip
    assert new.due is not None
    assert new.due.amount == Money(1_400, order.currency)
    assert new.due.by is not None
    async with sound.db.transaction() as tx:
        with pytest.raises(NotPaid):
            await orders.shipping.ship(tx, shop_id=sound.shop_id, order_id=new.order.id, actor=ME)
    async with sound.db.transaction() as tx:
        paid = await orders.mark_paid(
            tx, shop_id=sound.shop_id, order_id=new.order.id, amount=new.due.amount, actor=ME
        )
    assert paid.status is orders.Status.PAID


async def test_a_difference_that_is_not_paid_gives_back_what_was(sound: Market) -> None:
    order = await sent(sound)
    await price(sound, PRICE + 700)
    asked = await swap(sound, order)
    await send(sound, await receive(sound, asked))
    new = await replacement(sound, asked)
    kept = await free(sound)

    async with sound.db.transaction() as tx:
        await tx.run(
            "UPDATE orders.orders SET payment_due_at = now() - interval '1 minute' WHERE id = %(id)s",
            id=new.order.id,
        )
    await orders.sweep(sound.db)

    fallen = (await replacement(sound, asked)).order
    assert (fallen.status, fallen.refund_granted_minor) == (orders.Status.CANCELLED, PRICE)
    assert await free(sound) == [kept[0], kept[1] + 1]


async def test_a_cheaper_size_gives_the_difference_back_with_the_rest(sound: Market) -> None:
    order = await sent(sound)
    await price(sound, PRICE - 1_000)
    lines = (await view(sound, order)).lines
    async with sound.db.transaction() as tx:
        asked = await returns.ask(
            tx,
            shop_id=sound.shop_id,
            order_id=order.id,
            return_id=uuid4(),
            journey=Journey.GOODWILL,
            units={lines[0].id: 1, lines[1].id: 1},
            swaps={lines[0].id: sound.variants[1]},
            actor=ME,
        )
    done = await send(sound, await receive(sound, asked))

    # The coat that is not exchanged, and what the other one costs less.
    assert (done.state, done.refund_minor) == (State.REFUNDED, PRICE + 1_000)
    assert (await replacement(sound, done)).order.total_minor == PRICE - 1_000
    old = (await view(sound, order)).order
    assert (old.refund_granted_minor, old.refunded_minor) == (2 * PRICE, PRICE - 1_000)


async def test_what_was_paid_less_a_discount_pays_for_the_same_again(sound: Market) -> None:
    """Three for ten euros: no cent is lost, whichever comes back."""
    order = await sent(sound, medium=3)
    async with sound.db.transaction() as tx:
        await tx.run(
            """
            UPDATE orders.line SET amount_minor = 1000, first_minor = 1000, discount_minor = %(all)s - 1000
             WHERE order_id = %(id)s AND position = 0
            """,
            all=3 * PRICE,
            id=order.id,
        )
    found = (await view(sound, order)).lines[0]
    asked = await swap(
        sound, order, 2, journey=Journey.CLAIM, reason=Reason.DEFECTIVE, actor=ME, to=found.variant_id
    )
    got = await receive(sound, asked, returns.Condition.DAMAGED)
    async with sound.db.transaction() as tx:
        told = await returns.exchanges.settle_draft(tx, got, await exchange_of(sound, got))

    assert (told.wanted[0].amount_minor, told.to_pay_minor, told.refund_minor) == (667, 0, 0)
    async with sound.db.transaction() as tx:
        await tx.run(
            "UPDATE orders.line SET amount_minor = %(all)s, first_minor = %(all)s, discount_minor = 0 WHERE id = %(id)s",
            all=3 * PRICE,
            id=found.id,
        )


async def test_sold_out_is_said_and_the_money_can_go_back(sound: Market) -> None:
    order = await sent(sound)
    left = (await free(sound))[1]
    taken = await swap(sound, order)
    hold, shopper = await sound.hold(lines={sound.variants[1]: left - 1}, open_shop=True)
    assert await free(sound) == [(await free(sound))[0], 0]

    assert await refusal_of(swap(sound, order)) == (
        "returns.exchange_sold_out",
        {"variant_ids": [sound.variants[1]]},
    )
    assert len(await sound.facts("returns.return_asked")) == 1
    # The parcel takes longer than the units are kept, and somebody else buys them.
    async with sound.db.transaction() as tx:
        freed = await stock.release(tx, [(await exchange_of(sound, taken)).hold_id], "expired")
        assert len(freed) == 1
    await sound.hold(lines={sound.variants[1]: 1}, open_shop=True)
    got = await receive(sound, taken)
    still = await send(sound, got)

    assert (still.state, (await exchange_of(sound, taken)).state) == (State.RECEIVED, ExchangeState.SOLD_OUT)
    done = await refund(sound, still)
    assert (done.state, done.refund_minor) == (State.REFUNDED, PRICE)
    assert hold != shopper


async def test_what_lapsed_is_sent_where_it_is_still_there(sound: Market) -> None:
    order = await sent(sound)
    asked = await swap(sound, order)
    async with sound.db.transaction() as tx:
        await stock.release(tx, [(await exchange_of(sound, asked)).hold_id], "expired")

    done = await send(sound, await receive(sound, asked))

    assert (await replacement(sound, done)).order.status is orders.Status.PAID


async def test_the_money_instead_frees_what_was_kept(sound: Market) -> None:
    order = await sent(sound)
    before = await free(sound)
    refunded = await refund(sound, await receive(sound, await swap(sound, order)))
    kept = await swap(sound, order)
    async with sound.db.transaction() as tx:
        await returns.close(tx, shop_id=sound.shop_id, return_id=kept.id, actor="buyer")

    assert (refunded.refund_minor, await free(sound)) == (PRICE, [before[0] + 1, before[1]])
    for each in (refunded, kept):
        assert (await exchange_of(sound, each)).state is ExchangeState.DROPPED
    assert await refusal_of(send(sound, kept)) == ("returns.no_exchange", {"return_id": str(kept.id)})


async def test_a_claim_is_kept_when_it_is_approved_and_may_need_no_return(sound: Market) -> None:
    order = await sent(sound)
    before = await free(sound)
    asked = await swap(sound, order, journey=Journey.CLAIM, reason=Reason.DEFECTIVE, to=sound.variants[0])
    assert ((await exchange_of(sound, asked)).state, await free(sound)) == (ExchangeState.ASKED, before)

    async with sound.db.transaction() as tx:
        await returns.approve(tx, shop_id=sound.shop_id, return_id=asked.id, actor=ME, keeps_goods=True)
    done = await send(sound, asked)

    assert (done.state, done.received, done.refund_minor) == (State.REFUNDED, 0, 0)
    new = await replacement(sound, done)
    assert [line.variant_id for line in new.lines] == [sound.variants[0]]
    assert await free(sound) == [before[0] - 1, before[1]]


async def test_only_what_is_sold_of_the_same_product(sound: Market, make_market: MakeMarket) -> None:
    order = await sent(sound)
    line = (await view(sound, order)).lines[0]
    wrong = {"line_id": line.id, "variant_id": 10**9}

    assert await refusal_of(swap(sound, order, to=10**9)) == ("returns.not_exchangeable", wrong)
    async with sound.db.transaction() as tx:
        await catalog.update_product(
            tx, shop_id=sound.shop_id, product_id=line.product_id, status=catalog.Status.ARCHIVED
        )
        assert (
            await returns.exchanges.choices(
                tx, await orders.order(tx, shop_id=sound.shop_id, order_id=order.id)
            )
        )[line.id] == []
    assert await sound.facts("returns.return_asked") == []


async def test_two_who_press_send_one(sound: Market) -> None:
    order = await sent(sound)
    got = await receive(sound, await swap(sound, order))

    done = await asyncio.gather(*(send(sound, got) for _ in range(3)))

    assert {each.state for each in done} == {State.REFUNDED}
    assert len(await sound.facts("returns.return_exchanged")) == 1
    assert len(await sound.facts("orders.order_placed")) == 2


async def test_a_replacement_has_an_invoice_and_the_first_order_a_credit_note(sound: Market) -> None:
    await sells(sound)
    order = await sent(sound)
    async with sound.db.transaction() as tx:
        await invoicing.invoice(tx, shop_id=sound.shop_id, order_id=order.id)
    done = await send(sound, await receive(sound, await swap(sound, order)))
    new = (await replacement(sound, done)).order
    async with sound.db.transaction() as tx:
        await invoicing.credit(tx, shop_id=sound.shop_id, order_id=order.id)
        made = await invoicing.invoice(tx, shop_id=sound.shop_id, order_id=new.id)
        papers = await documents.of_subject(tx, shop_id=sound.shop_id, subject_id=order.id)

    assert made.total_minor == PRICE
    assert [paper.total_minor for paper in papers if paper.kind is documents.Kind.CREDIT_NOTE] == [PRICE]


async def test_what_was_exchanged_is_foreseen_as_what_was_sent(sound: Market) -> None:
    order = await sent(sound)
    await send(sound, await receive(sound, await swap(sound, order, reason=Reason.DEFECTIVE)))
    medium, large = sound.variants

    async with sound.db.transaction() as tx:
        made = await demand.forecast_show(
            tx,
            shop_id=sound.shop_id,
            show_id=sound.show_id,
            signals=[
                demand.Signal(medium, 1, {"Cut": "wide"}, 900.0, 900.0, 2, 2),
                demand.Signal(large, 1, {"Cut": "slim"}, 900.0, 900.0, 1, 1),
            ],
        )
    told: list[Mapping[str, Any]] = [{each.code: each.facts for each in line.evidence} for line in made.lines]

    assert told[0]["demand.other_size"] == {"units": 1}
    assert told[1]["demand.from_other_size"] == {"units": 1}


async def test_another_shop_finds_no_exchange(make_market: MakeMarket, sound: Market) -> None:
    order = await sent(sound)
    asked = await swap(sound, order)
    async with sound.db.transaction() as tx:
        assert await returns.exchanges.of_returns(tx, shop_id=sound.shop_id + 1, returns=[asked]) == {}

    async def elsewhere() -> None:
        async with sound.db.transaction() as tx:
            await returns.exchanges.send(tx, shop_id=sound.shop_id + 1, return_id=asked.id, actor=ME)

    assert (await refusal_of(elsewhere()))[0] == "returns.not_found"
