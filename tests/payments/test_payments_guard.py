"""Who tries out stolen cards is stopped, and who mistypes is not; the shop that is used for it pauses and is told."""

from datetime import timedelta

import pytest
from tests.payments.test_payments_statements import account_in

from shopfloor import payments, reconciliation
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.values import Money, new_id, now
from shopfloor.payment_accounts.connections import Connection
from shopfloor.payment_providers import Declined
from shopfloor.payments import guard
from shopfloor.payments.models import PaymentsPaused, TooManyAttempts

KEPT = timedelta(days=1)
MAIL = ("mei@example.com", "391234567")


async def tried(
    tx: Tx, account: Connection, *, contact: tuple[str, ...] = MAIL, address: str = "203.0.113.7"
) -> payments.Payment:
    """One attempt of somebody."""
    return await payments.open_payment(
        tx,
        shop_id=account.shop_id,
        subject_id=new_id(),
        purpose=payments.Purpose.FULL,
        amount=Money(100, "CNY"),
        provider_name=account.provider,
        method="card",
        connection_id=account.id,
        contact=contact,
        address=address,
    )


async def decline(tx: Tx, account: Connection, **who: object) -> None:
    payment = await tried(tx, account, **who)  # pyright: ignore[reportArgumentType]
    await payments.attempts.move(tx, (payment, Declined("card_declined")))


async def facts(tx: Tx) -> int:
    return await tx.value("SELECT count(*) FROM kernel.outbox WHERE name = 'payments.paused'")


async def test_a_contact_is_stopped_after_ten_declines_wherever_it_writes_from(database: Database) -> None:
    async with database.transaction() as tx:
        account = await account_in(tx)
        for n in range(guard.MOST_OF_CONTACT):
            await decline(tx, account, address=f"198.51.100.{n}")
        before = await tx.value("SELECT count(*) FROM payments.payment")

        with pytest.raises(TooManyAttempts):
            await tried(tx, account, contact=("MEI@example.com ",), address="198.51.100.99")

        assert await tx.value("SELECT count(*) FROM payments.payment") == before
        # Others go on.
        await tried(tx, account, contact=("ann@example.com", ""))


async def test_a_network_is_stopped_after_thirty_and_a_whole_48_is_one(database: Database) -> None:
    async with database.transaction() as tx:
        account = await account_in(tx)
        for n in range(guard.MOST_OF_NETWORK):
            await decline(tx, account, contact=(f"m{n}@example.com",), address=f"2001:db8:1:{n}::1")

        with pytest.raises(TooManyAttempts) as refused:
            await tried(tx, account, contact=("new@example.com",), address="2001:db8:1:ffff::9")
        assert refused.value.facts["limit"] == guard.MOST_OF_NETWORK
        await tried(tx, account, contact=("new@example.com",), address="2001:db8:2::9")


async def test_an_hour_later_it_may_be_tried_again_and_nothing_is_kept_after_a_day(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        account = await account_in(tx)
        for _ in range(guard.MOST_OF_CONTACT):
            await decline(tx, account)
        await tx.run("UPDATE payments.decline SET at = at - interval '61 minutes'")
        await tried(tx, account)

        assert await guard.forget(tx, before=now() - KEPT, limit=1000) == 0
        await tx.run("UPDATE payments.decline SET at = at - interval '1 day'")
        await tx.run("UPDATE payments.payment SET created_at = created_at - interval '2 days'")
        assert await guard.forget(tx, before=now() - KEPT, limit=1000) == 3 * guard.MOST_OF_CONTACT + (
            guard.MOST_OF_CONTACT
        )
        assert await tx.value("SELECT count(*) FROM payments.payment WHERE who IS NOT NULL") == 0


async def test_a_shop_with_far_too_many_declines_pauses_once_and_somebody_may_end_it(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        account = await account_in(tx)
        for n in range(guard.ALARM_AT - 1):
            await decline(tx, account, contact=(f"m{n}@example.com",), address=f"198.51.100.{n}")
        assert await facts(tx) == 0
        last = await tried(tx, account, contact=("last@example.com",), address="192.0.2.1")
        under_way = await tried(tx, account, contact=("other@example.com",), address="192.0.2.2")

        await payments.attempts.move(tx, (last, Declined("card_declined")))

        until = await guard.paused_until(tx, shop_id=account.shop_id)
        assert until is not None
        assert timedelta(minutes=29) < until - now() <= guard.PAUSE
        assert await facts(tx) == 1
        assert (await reconciliation.trouble(tx, shop_id=account.shop_id)).paused_until == until
        assert await payments.ways(tx, shop_id=account.shop_id, kinds={}, currency="CNY") == []
        with pytest.raises(PaymentsPaused):
            await tried(tx, account, contact=("good@example.com",), address="192.0.2.3")
        # By hand is not online, and what is under way goes on; one more decline tells nobody again.
        await payments.open_payment(
            tx, shop_id=account.shop_id, subject_id=new_id(), purpose=payments.Purpose.FULL, amount=Money(1, "CNY"),
            provider_name="manual", method="transfer",
        )  # fmt: skip
        await payments.attempts.move(tx, (under_way, Declined("card_declined")))
        assert await facts(tx) == 1

        await guard.resume(tx, shop_id=account.shop_id, person_id=7)
        another = await tried(tx, account, contact=("good@example.com",), address="192.0.2.3")
        await payments.attempts.move(tx, (another, Declined("card_declined")))
        assert await guard.paused_until(tx, shop_id=account.shop_id) is None, "who ended it is not overruled"
        assert await facts(tx) == 1


async def test_money_is_no_decline(database: Database) -> None:
    async with database.transaction() as tx:
        account = await account_in(tx)
        for _ in range(guard.MOST_OF_CONTACT + 1):
            payment = await tried(tx, account)
            await payments.record(
                tx,
                payments.Happened(
                    payment, payments.PaymentEventKind.CHARGED, 100, reference=str(payment.id), actor="stripe"
                ),
            )
        assert await tx.value("SELECT count(*) FROM payments.decline") == 0


def test_hashes_differ_by_shop_and_say_which_they_are() -> None:
    one, other = (guard.who_of(shop, contact=("a@b.c", ""), address="203.0.113.7") for shop in (1, 2))

    assert [each[:1] for each in one] == [b"c", b"n"]
    assert not set(one) & set(other)
    assert guard.who_of(1, contact=("", " "), address="") == []
