"""Disputes: heard once whatever is told how often, kept from being refunded, told to the merchant, decided once."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from tests.orders.conftest import PRICE, Market
from tests.payments.fakes import accounts as fakes
from typing_extensions import override

from shopfloor import (
    disputes,
    orders,
    payment_accounts,
    payment_providers,
    payment_refunds,
    payments,
    reconciliation,
)
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import Money, new_id, now
from shopfloor.orders import disputed, refunds
from shopfloor.orders.reports import apply_report
from shopfloor.payment_providers import Abilities, Charged, Dispute, Manual, Message, Withdrawal

CHARGE = "pi_1"


def told(state: str = "needs_answer", *moved: str, minor: int = PRICE, **changes: object) -> Dispute:
    """As a provider tells it; `moved`: what happened to the money so far."""
    plain = Dispute(
        reference="du_1",
        charge=CHARGE,
        amount=Money(minor, "CNY"),
        state=state,
        reason="fraudulent",
        due_by=now().replace(microsecond=0) + timedelta(days=5),
        movements=[
            Withdrawal(
                kind, f"txn_{kind}", Money(1500, "USD") if kind.startswith("fee") else Money(minor, "CNY")
            )
            for kind in moved
        ],
    )
    return replace(plain, **changes)  # pyright: ignore[reportArgumentType]


async def connected(market: Market, provider: str = "stripe") -> int:
    async with market.db.transaction() as tx:
        return await tx.value(
            """
            INSERT INTO payments.connection (shop_id, provider, mode, label, fields, sealed, is_on)
            VALUES (%(shop_id)s, %(provider)s, 'live', '', '{}', '', true) RETURNING id
            """,
            shop_id=market.shop_id,
            provider=provider,
        )


async def paid_online(market: Market, connection_id: int) -> orders.Order:
    """An order whose money came by a provider."""
    order, _ = await market.order()
    async with market.db.transaction() as tx:
        payment = await payments.open_payment(
            tx,
            shop_id=market.shop_id,
            subject_id=order.id,
            purpose=payments.Purpose.FULL,
            amount=order.total,
            provider_name="stripe",
            method="card",
            connection_id=connection_id,
        )
        return await apply_report(tx, payment=payment, outcome=Charged(CHARGE, order.total))


async def hear(market: Market, connection_id: int, *said: Dispute) -> disputes.Dispute:
    found: list[disputes.Dispute] = []
    for each in said:
        async with market.db.transaction() as tx:
            found.append(
                await disputed.apply(
                    tx,
                    shop_id=market.shop_id,
                    connection_id=connection_id,
                    provider_name="stripe",
                    dispute=each,
                )
            )
    return found[-1]


async def order_now(market: Market, order_id: UUID) -> orders.Order:
    async with market.db.transaction() as tx:
        return (await orders.order(tx, shop_id=market.shop_id, order_id=order_id)).order


async def refund(market: Market, order_id: UUID, minor: int) -> orders.Order:
    async with market.db.transaction() as tx:
        return await orders.refund(
            tx,
            shop_id=market.shop_id,
            order_id=order_id,
            amount=Money(minor, "CNY"),
            refund_id=new_id(),
            note="",
            actor="person:1",
        )


async def test_what_a_bank_holds_is_told_once_and_not_refunded_until_it_comes_back(market: Market) -> None:
    account = await connected(market)
    order = await paid_online(market, account)

    opened = await hear(market, account, *[told("needs_answer", "withdrawn", "fee")] * 2)

    held = await order_now(market, order.id)
    assert (opened.subject_id, held.disputed_minor, held.refundable_minor) == (order.id, PRICE, 0)
    assert (held.charged_minor, held.refund_granted_minor) == (PRICE, 0)
    [fact] = await market.facts("disputes.opened")
    assert (fact["order_id"], fact["amount_minor"], fact["reason"]) == (str(order.id), PRICE, "fraudulent")
    with pytest.raises(payment_refunds.OverRefund) as refused:
        await refund(market, order.id, 1)
    assert refused.value.facts["refundable_minor"] == 0
    assert await order_now(market, order.id) == held
    await market.assert_sound()

    await hear(market, account, *[told("won", "withdrawn", "fee", "reinstated")] * 2)

    back = await order_now(market, order.id)
    assert (back.disputed_minor, back.refundable_minor) == (0, PRICE)
    assert [fact["state"] for fact in await market.facts("disputes.ended")] == ["won"]
    assert (await refund(market, order.id, PRICE)).refund_granted_minor == PRICE
    await market.assert_sound()


async def test_an_older_word_does_not_reopen_what_is_decided(market: Market) -> None:
    account = await connected(market)
    await paid_online(market, account)

    await hear(
        market, account, told("lost", "withdrawn"), told("needs_answer", "withdrawn"), told("under_review")
    )

    async with market.db.transaction() as tx:
        [found] = (await disputes.page_of(tx, shop_id=market.shop_id)).items
        assert found.state == "lost"
        assert await disputes.waiting(tx, shop_id=market.shop_id) == []
        with pytest.raises(disputes.DisputeOver):
            await disputes.answer(
                tx,
                shop_id=market.shop_id,
                dispute_id=found.id,
                kind=disputes.Answer.ACCEPTED,
                note="",
                person_id=1,
            )
        assert (await disputes.case(tx, shop_id=market.shop_id, dispute_id=found.id)).notes == []
    assert await market.facts("disputes.opened") == []
    await market.assert_sound()


async def test_an_inquiry_withdraws_nothing_and_a_part_leaves_the_rest(market: Market) -> None:
    account = await connected(market)
    order = await paid_online(market, account)

    await hear(market, account, told("needs_answer"))
    assert (await order_now(market, order.id)).refundable_minor == PRICE
    await hear(market, account, told("needs_answer", "withdrawn", minor=5_000))

    assert (await order_now(market, order.id)).refundable_minor == PRICE - 5_000
    with pytest.raises(payment_refunds.OverRefund):
        await refund(market, order.id, PRICE - 4_999)
    assert (await refund(market, order.id, PRICE - 5_000)).refundable_minor == 0
    await market.assert_sound()


async def test_an_order_that_is_cancelled_while_disputed_gives_back_only_what_is_here(market: Market) -> None:
    account = await connected(market)
    order = await paid_online(market, account)
    await hear(market, account, told("needs_answer", "withdrawn"))

    async with market.db.transaction() as tx:
        fallen = await orders.cancel(
            tx, shop_id=market.shop_id, order_id=order.id, by=orders.Party.MERCHANT, actor="person:1"
        )

    assert (fallen.status, fallen.refund_granted_minor) == ("cancelled", 0)
    await market.assert_sound()


async def test_a_dispute_that_comes_before_its_payment_is_known_finds_it_later(market: Market) -> None:
    account = await connected(market)
    early = await hear(market, account, told("needs_answer", "withdrawn"))
    assert (early.payment_id, early.subject_id) == (None, None)

    order = await paid_online(market, account)
    await hear(market, account, told("needs_answer", "withdrawn"))

    async with market.db.transaction() as tx:
        [found] = await disputes.of_subject(tx, subject_id=order.id)
    assert found.id == early.id
    assert (await order_now(market, order.id)).disputed_minor == PRICE
    await market.assert_sound()


async def test_a_note_says_who_and_when_and_stays(market: Market) -> None:
    account = await connected(market)
    await paid_online(market, account)
    found = await hear(market, account, told())
    async with market.db.transaction() as tx:
        person = await tx.value(
            "INSERT INTO accounts.person (email, name, password_hash) VALUES ('ann@garden.test', 'Ann', '') RETURNING id"
        )
        await tx.run(
            "INSERT INTO accounts.member (shop_id, person_id, role) VALUES (%(shop)s, %(person)s, 'owner')",
            shop=market.shop_id,
            person=person,
        )
        await disputes.answer(
            tx,
            shop_id=market.shop_id,
            dispute_id=found.id,
            kind=disputes.Answer.EVIDENCE_SENT,
            note="tracking and page",
            person_id=person,
        )
        case = await disputes.case(tx, shop_id=market.shop_id, dispute_id=found.id)

    [note] = case.notes
    assert (note.kind, note.note, note.name) == (disputes.Answer.EVIDENCE_SENT, "tracking and page", "Ann")
    for wrong_shop in (market.shop_id + 1,):
        async with market.db.transaction() as tx:
            with pytest.raises(disputes.DisputeNotFound):
                await disputes.case(tx, shop_id=wrong_shop, dispute_id=found.id)


async def test_a_deadline_that_nobody_answers_is_said_once(market: Market) -> None:
    account = await connected(market)
    await paid_online(market, account)
    await hear(market, account, told(due_by=now() + timedelta(hours=47)))

    for _ in range(2):
        async with market.db.transaction() as tx:
            await disputes.remind(tx)

    assert len(await market.facts("disputes.due")) == 1


class Asked(Manual):
    """A provider that is only asked: `knows` how each dispute stands now, `lists` those it tells of unasked."""

    name = "stripe"
    abilities = Abilities(disputes=True)

    def __init__(self) -> None:
        self.knows: dict[str, Dispute] = {}
        self.lists = True

    @override
    async def look_up_dispute(self, reference: str) -> Dispute | None:
        return self.knows.get(reference)

    @override
    async def disputes(self, since: datetime) -> Sequence[Dispute]:
        return list(self.knows.values()) if self.lists else []


async def test_disputes_of_which_no_message_came_are_asked_for_and_asked_about(market: Market) -> None:
    account = await connected(market)
    order = await paid_online(market, account)
    provider = Asked()
    provider.knows = {"du_1": told("needs_answer", "withdrawn")}

    async def providers(_: int) -> payment_providers.Providers:
        return {f"stripe/{account}": provider}

    async def ask() -> None:
        async with market.db.transaction() as tx:
            accounts = await payment_accounts.every_connection(tx)
        await disputed.ask(market.db, providers, accounts)

    await ask()
    assert (await order_now(market, order.id)).disputed_minor == PRICE

    # Long after it was opened, and nobody told of its end either.
    provider.lists, provider.knows = False, {"du_1": told("lost", "withdrawn")}
    async with market.db.transaction() as tx:
        await make_due(tx)
    await ask()

    async with market.db.transaction() as tx:
        [found] = (await disputes.page_of(tx, shop_id=market.shop_id)).items
    assert found.state == "lost"
    await market.assert_sound()


async def make_due(tx: Tx) -> None:
    await tx.run(
        "UPDATE disputes.dispute SET look_at = now() - interval '1 second' WHERE look_at IS NOT NULL"
    )


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (
            """
            INSERT INTO disputes.movement (id, shop_id, dispute_id, kind, amount_minor, currency, reference)
            SELECT gen_random_uuid(), shop_id, id, 'reinstated', amount_minor, currency, 'x' FROM disputes.dispute
            """,
            "disputes: no more is returned than was withdrawn",
        ),
        (
            """
            INSERT INTO disputes.movement (id, shop_id, dispute_id, kind, amount_minor, currency, reference)
            SELECT gen_random_uuid(), shop_id, id, 'withdrawn', amount_minor + 1, currency, 'x' FROM disputes.dispute
            """,
            "disputes: no more is withdrawn than was disputed",
        ),
        (
            "UPDATE orders.orders SET disputed_minor = 1",
            "orders: what banks took back is what the disputes say",
        ),
    ],
)
async def test_sums_that_do_not_agree_are_found(market: Market, broken: str, check: str) -> None:
    account = await connected(market)
    await paid_online(market, account)
    await hear(market, account, told())

    async with market.db.transaction() as tx:
        await tx.connection.execute(broken.encode())
        found = [*await disputes.audit(tx), *await orders.audit(tx)]

    assert check in [each.name for each in found if not each.passed]


# What is told of money that needs somebody.


async def test_a_refund_that_fails_is_said_once_until_it_is_tried_again(market: Market) -> None:
    account = await connected(market)
    order = await paid_online(market, account)
    await refund(market, order.id, 500)
    async with market.db.transaction() as tx:
        [owed] = await payment_refunds.open_tries(tx, shop_id=market.shop_id)
        failed = payment_providers.RefundFailed("charge_disputed")
        for _ in range(2):
            await payment_refunds.note(tx, refund_id=owed.refund, payment_id=owed.payment_id, outcome=failed)
        assert (await reconciliation.trouble(tx, shop_id=market.shop_id)).refunds_failed == 1

    [fact] = await market.facts("payments.refund_failed")
    assert (fact["order_id"], fact["amount_minor"], fact["reason"]) == (str(order.id), 500, "charge_disputed")
    async with market.db.transaction() as tx:
        await payment_refunds.ask_again(tx, shop_id=market.shop_id, refund_id=owed.refund)
        assert not (await reconciliation.trouble(tx, shop_id=market.shop_id)).is_any
        await payment_refunds.note(tx, refund_id=owed.refund, payment_id=owed.payment_id, outcome=failed)
    assert len(await market.facts("payments.refund_failed")) == 2


async def test_a_refund_that_was_closed_is_sent_again_under_a_new_number_and_once(market: Market) -> None:
    """That the first was closed is told again when the second is on its way, and when it has arrived."""
    fake = fakes.wechat()
    adapter = fakes.wechat_adapter(fake)
    account = await connected(market, "wechat")
    order, _ = await market.order()

    async def source(_: int) -> payment_providers.Providers:
        return {**payment_providers.MANUAL_ONLY, f"wechat/{account}": adapter}

    known = await source(market.shop_id)
    way = payments.Way(account, "wechat", "wechat", "", is_test=False)
    payment = await orders.paying.begin(
        market.db, known, shop_id=market.shop_id, order_id=order.id, way=way, return_url="https://shop.test"
    )
    fake.pay(payment.id.hex)
    await orders.paying.look(market.db, known, payment=payment)
    fake.script["refunds"] = ["closed refund"]
    await refund(market, order.id, 500)

    async def states() -> list[tuple[str, str]]:
        async with market.db.transaction() as tx:
            await tx.run("UPDATE payments.refund_try SET next_at = now() WHERE next_at IS NOT NULL")
            listed = await payment_refunds.open_tries(tx, shop_id=market.shop_id)
        return [(each.state, each.reason) for each in listed]

    async def told_closed(key: str) -> None:
        body, headers = fake.notice(payment.id.hex, refund_number=first)
        async with market.db.transaction() as tx:
            connection = await payment_accounts.connection(tx, shop_id=market.shop_id, connection_id=account)
            await payment_accounts.inbox.keep(
                tx,
                payment_accounts.inbox.Arrived(connection, Message("POST", "/", headers, body, now()), key),
            )
        assert await orders.paying.work_inbox(market.db, source) == 1

    assert await refunds.send_due(market.db, source) == 1
    assert await states() == [("failed", "CLOSED")]
    [first] = fake.orders[payment.id.hex].refunds
    await told_closed("1")
    assert await states() == [("failed", "CLOSED")]
    for _ in range(2):
        async with market.db.transaction() as tx:
            [owed] = await payment_refunds.open_tries(tx, shop_id=market.shop_id)
            with suppress(payment_refunds.NotFailed):
                await payment_refunds.ask_again(tx, shop_id=market.shop_id, refund_id=owed.refund)
        await refunds.send_due(market.db, source)
        assert await states() == [("pending", "")]
    await told_closed("2")
    assert await states() == [("pending", "")], "the one that was closed is not the one that is on its way"
    fake.settle()
    await refunds.send_due(market.db, source)
    assert await states() == []
    await told_closed("3")

    made = fake.orders[payment.id.hex]
    assert (list(made.refunds), made.refunded) == ([first, f"{first}-2"], 500)
    async with market.db.transaction() as tx:
        after = (await orders.order(tx, shop_id=market.shop_id, order_id=order.id)).order
        assert not (await reconciliation.trouble(tx, shop_id=market.shop_id)).is_any, "no money came back"
    assert (after.charged_minor, after.refund_granted_minor, after.refunded_minor) == (PRICE, 500, 500)
    assert len(await market.facts("payments.refund_failed")) == 1
    await market.assert_sound()


async def test_a_refund_that_is_stuck_between_is_said_once_and_ends_well(market: Market) -> None:
    account = await connected(market)
    order = await paid_online(market, account)
    await refund(market, order.id, 500)
    pending = payment_providers.RefundPending
    async with market.db.transaction() as tx:
        [owed] = await payment_refunds.open_tries(tx, shop_id=market.shop_id)
        for outcome in (pending("r1"), pending("r1", stuck=True), pending("r1", stuck=True)):
            await payment_refunds.note(tx, refund_id=owed.refund, payment_id=owed.payment_id, outcome=outcome)
        [waits] = await payment_refunds.open_tries(tx, shop_id=market.shop_id)
        assert (waits.state, waits.reason) == ("pending", "stuck")
        assert (await reconciliation.trouble(tx, shop_id=market.shop_id)).refunds_failed == 1
        done = payment_providers.GivenBack("r1")
        await payment_refunds.note(tx, refund_id=owed.refund, payment_id=owed.payment_id, outcome=done)
        assert not (await reconciliation.trouble(tx, shop_id=market.shop_id)).is_any

    assert [fact["reason"] for fact in await market.facts("payments.refund_failed")] == ["stuck"]


async def test_money_that_fits_no_order_is_said_once(market: Market) -> None:
    account = await connected(market)
    order = await paid_online(market, account)
    async with market.db.transaction() as tx:
        payment = (await payments.payments_for(tx, subject_id=order.id))[-1]
    for _ in range(2):
        async with market.db.transaction() as tx:
            await apply_report(tx, payment=payment, outcome=Charged("pi_2", order.total))

    assert [fact["kind"] for fact in await market.facts("payments.difference_opened")] == ["twice"]
    async with market.db.transaction() as tx:
        assert (await reconciliation.trouble(tx, shop_id=market.shop_id)).differences == 1


@pytest.mark.parametrize(
    ("hours", "message", "on", "silent"),
    [
        # Money came two hours ago: without a word, with one about something older, with one of its own.
        (2, None, True, True),
        (2, 3, True, True),
        (2, 2, True, False),
        (2, 1, True, False),
        # It came just now, or so long ago that it is no news; or nobody pays through the account now.
        (0.5, None, True, False),
        (72, None, True, False),
        (2, None, False, False),
    ],
)
async def test_an_account_is_silent_when_money_comes_and_no_word_of_it(
    market: Market, hours: float, message: float | None, *, on: bool, silent: bool
) -> None:
    account = await connected(market)
    order = await paid_online(market, account)
    async with market.db.transaction() as tx:
        await tx.run("UPDATE payments.connection SET is_on = %(on)s", on=on)
        await tx.run("ALTER TABLE payments.event DISABLE TRIGGER payment_event_is_append_only")
        await tx.run(
            "UPDATE payments.event SET recorded_at = now() - %(ago)s WHERE subject_id = %(order)s",
            ago=timedelta(hours=hours),
            order=order.id,
        )
        await tx.run("ALTER TABLE payments.event ENABLE TRIGGER payment_event_is_append_only")
        await tx.run("UPDATE payments.payment SET created_at = now() - %(ago)s", ago=timedelta(hours=hours))
        if message is not None:
            await tx.run(
                """
                INSERT INTO payments.inbox (id, shop_id, connection_id, key, method, path, headers, body, received_at)
                VALUES (gen_random_uuid(), %(shop)s, %(account)s, 'k', 'POST', '/', '{}', '', now() - %(ago)s)
                """,
                shop=market.shop_id,
                account=account,
                ago=timedelta(hours=message),
            )
    for _ in range(2):
        async with market.db.transaction() as tx:
            await reconciliation.notice_silence(tx)

    async with market.db.transaction() as tx:
        told_of = (await reconciliation.trouble(tx, shop_id=market.shop_id)).silent
    assert told_of == (["stripe"] if silent else [])
    assert len(await market.facts("payments.provider_silent")) == silent


async def test_an_account_that_writes_again_is_silent_no_more(market: Market) -> None:
    account = await connected(market)
    async with market.db.transaction() as tx:
        await tx.run("UPDATE payments.connection SET silent_since = now() - interval '1 hour'")
        await reconciliation.notice_silence(tx)
        assert (await reconciliation.trouble(tx, shop_id=market.shop_id)).silent == []
    assert account
    assert await market.facts("payments.provider_silent") == []
