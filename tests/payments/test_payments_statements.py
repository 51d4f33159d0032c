"""The provider's books beside ours: what does not agree is one row each, and what agrees is none."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from typing_extensions import override

from shopfloor import payment_accounts, payment_providers, payments, reconciliation
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.values import Money, new_id
from shopfloor.orders.reconciling import reconcile
from shopfloor.payment_accounts.connections import Connection
from shopfloor.payment_providers import (
    Abilities,
    Attempt,
    BillNotReady,
    BillRow,
    Outcome,
    Provider,
    RefundOutcome,
)
from shopfloor.payments.models import Payment, PaymentEventKind, Purpose
from shopfloor.reconciliation import statements

DAY = date(2026, 11, 29)
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


async def account_in(tx: Tx) -> Connection:
    """A shop with an account at a provider, connected three weeks ago."""
    shop_id = await tx.value(
        """
        INSERT INTO accounts.shop (slug, name, currency, locale, timezone)
        VALUES ('corner', 'Corner', 'CNY', 'zh', 'Asia/Shanghai') RETURNING id
        """
    )
    await tx.run(
        """
        INSERT INTO payments.connection (shop_id, provider, mode, label, fields, sealed, created_at)
        VALUES (%(shop_id)s, 'alipay', 'live', '', '{}', '', %(at)s)
        """,
        shop_id=shop_id,
        at=NOON - timedelta(days=21),
    )
    return (await payment_accounts.every_connection(tx))[0]


async def charged(
    tx: Tx, account: Connection, reference: str, *, minor: int = 12_900, at: datetime = NOON
) -> Payment:
    """A payment that is in our books, as of `at`."""
    payment = await payments.open_payment(
        tx,
        shop_id=account.shop_id,
        subject_id=new_id(),
        purpose=Purpose.FULL,
        amount=Money(minor, "CNY"),
        provider_name=account.provider,
        method="online",
        connection_id=account.id,
    )
    if reference:
        await booked(tx, payment, PaymentEventKind.CHARGED, minor, reference, at)
    return payment


async def booked(
    tx: Tx, payment: Payment, kind: PaymentEventKind, minor: int, reference: str, at: datetime
) -> None:
    await tx.run(
        """
        INSERT INTO payments.event (id, shop_id, payment_id, subject_id, kind, amount_minor, provider, reference, note,
                                    actor, recorded_at)
        VALUES (%(id)s, %(shop)s, %(payment)s, %(subject)s, %(kind)s, %(minor)s, %(provider)s, %(reference)s, '', 'x',
                %(at)s)
        """,
        id=new_id(),
        shop=payment.shop_id,
        payment=payment.id,
        subject=payment.subject_id,
        kind=kind,
        minor=minor,
        provider=payment.provider,
        reference=reference,
        at=at,
    )


async def given_back(tx: Tx, payment: Payment, minor: int, *, at: datetime = NOON) -> UUID:
    refund = new_id()
    await tx.run(
        """
        INSERT INTO payments.refund_try (refund, payment_id, shop_id, amount_minor, state)
        VALUES (%(refund)s, %(payment)s, %(shop)s, %(minor)s, 'done')
        """,
        refund=refund,
        payment=payment.id,
        shop=payment.shop_id,
        minor=minor,
    )
    await booked(tx, payment, PaymentEventKind.REFUNDED, minor, f"{refund}/{payment.id}", at)
    return refund


def line(
    reference: str, attempt: UUID | None, minor: int = 12_900, *, kind: str = "charge", refund: UUID | None = None,
    currency: str = "CNY", fee: int = 77,
) -> BillRow:  # fmt: skip
    return BillRow(
        kind,
        reference,
        Money(minor, currency),
        NOON,
        attempt_id=attempt,
        refund_id=refund,
        fee=Money(fee, currency),
    )


async def compared(
    tx: Tx, account: Connection, rows: Sequence[BillRow], *, day: date = DAY
) -> list[tuple[str, str, int, int | None]]:
    """What is open after this day was compared, as (kind, reference, amount, expected)."""
    await statements.keep(tx, account, day=day, rows=rows)
    await statements.compare(tx, account, day=day)
    found = await reconciliation.differences.differences(tx, shop_id=account.shop_id)
    return [(each.kind.value, each.reference, each.amount_minor, each.expected_minor) for each in found]


async def test_books_that_agree_leave_nothing_to_do(database: Database) -> None:
    async with database.transaction() as tx:
        account = await account_in(tx)
        one = await charged(tx, account, "a1")
        back = await given_back(tx, one, 2_900)
        rows = [
            line("a1", one.id),
            line("a1", one.id, 2_900, kind="refund", refund=back, fee=-17),
            line("f", None, 5, kind="fee"),
        ]

        assert await compared(tx, account, rows) == []
        (told,) = await statements.statements(tx, shop_id=account.shop_id)
        assert (told.day, told.currency, told.lines) == (DAY, "CNY", 3)
        assert (told.charged_minor, told.refunded_minor, told.fee_minor) == (12_900, 2_900, 77 - 17 + 77)


async def test_what_only_the_provider_has_is_missing_here(database: Database) -> None:
    async with database.transaction() as tx:
        account = await account_in(tx)
        lost = await charged(tx, account, "")
        refund = new_id()
        rows = [line("a1", lost.id), line("a2", None), line("a2", None, 100, kind="refund", refund=refund)]
        await statements.keep(tx, account, day=DAY, rows=rows)

        # Of our own attempt the provider is asked first.
        assert await statements.unbooked(tx, account, day=DAY) == [statements.Unbooked(lost.id, "a1")]
        assert sorted(await compared(tx, account, rows)) == [
            ("missing_here", "a1", 12_900, 0),
            ("missing_here", "a2", 12_900, 0),
            ("missing_here", f"refund {refund}", 100, 0),
        ]
        found = await reconciliation.differences.differences(tx, shop_id=account.shop_id)
        assert {each.reference: each.payment_id for each in found}["a1"] == lost.id


async def test_money_that_is_a_difference_already_is_not_another_one(database: Database) -> None:
    async with database.transaction() as tx:
        account = await account_in(tx)
        one = await charged(tx, account, "")
        await reconciliation.differences.open_for(
            tx,
            one,
            reconciliation.DifferenceKind.LATE,
            reference="a1",
            amount=Money(12_900, "CNY"),
            expected_minor=0,
        )

        assert await compared(tx, account, [line("a1", one.id)]) == [("late", "a1", 12_900, 0)]


@pytest.mark.parametrize(
    ("minor", "currency", "kind"),
    [(12_901, "CNY", "amount"), (129, "CNY", "amount"), (12_900, "USD", "currency")],
)
async def test_another_amount_or_currency_is_said_with_ours(
    database: Database, minor: int, currency: str, kind: str
) -> None:
    async with database.transaction() as tx:
        account = await account_in(tx)
        one = await charged(tx, account, "a1")

        assert await compared(tx, account, [line("a1", one.id, minor, currency=currency)]) == [
            (kind, "a1", minor, 12_900)
        ]


async def test_another_amount_of_a_refund_is_said_too(database: Database) -> None:
    async with database.transaction() as tx:
        account = await account_in(tx)
        one = await charged(tx, account, "a1")
        back = await given_back(tx, one, 2_900)
        rows = [line("a1", one.id), line("a1", one.id, 2_901, kind="refund", refund=back)]

        assert await compared(tx, account, rows) == [("amount", f"refund {back}", 2_901, 2_900)]


async def test_the_same_payment_twice_is_one_row_also_across_two_days(database: Database) -> None:
    async with database.transaction() as tx:
        account = await account_in(tx)
        one = await charged(tx, account, "a1")
        assert await compared(tx, account, [line("a1", one.id)]) == []

        assert await compared(tx, account, [line("a1", one.id)], day=DAY + timedelta(days=1)) == [
            ("twice", "a1", 12_900, 0)
        ]


async def test_what_only_we_have_is_missing_there_once_the_days_around_are_read(database: Database) -> None:
    async with database.transaction() as tx:
        account = await account_in(tx)
        gone = await charged(tx, account, "a1", at=NOON)
        seen = await charged(tx, account, "a2", at=NOON)
        back = await given_back(tx, seen, 2_900, at=NOON)
        days = [DAY - timedelta(days=1), DAY, DAY + timedelta(days=1)]

        assert await compared(tx, account, [], day=days[0]) == []
        # Their midnight is not ours: the line may stand in the next day.
        assert await compared(tx, account, [], day=days[1]) == []
        assert sorted(await compared(tx, account, [line("a2", seen.id)], day=days[2])) == [
            ("missing_there", "a1", 0, 12_900),
            ("missing_there", f"refund {back}/{seen.id}", 0, 2_900),
        ]
        assert gone.id != seen.id


async def test_a_day_is_read_once_and_compared_again_without_a_second_row(database: Database) -> None:
    async with database.transaction() as tx:
        account = await account_in(tx)

        assert await statements.keep(tx, account, day=DAY, rows=[line("a1", None)])
        assert not await statements.keep(tx, account, day=DAY, rows=[line("a2", None)])
        assert await statements.uncompared_days(tx, account) == [DAY]
        assert await statements.compare(tx, account, day=DAY) == 1
        assert await statements.compare(tx, account, day=DAY) == 0
        assert await statements.uncompared_days(tx, account) == []
        today = DAY + timedelta(days=2)
        assert await statements.unread_days(tx, account, today=today) == [
            today - timedelta(days=n) for n in (7, 6, 5, 4, 3, 1)
        ]


async def test_another_shop_s_payment_is_none_of_ours(database: Database) -> None:
    async with database.transaction() as tx:
        account = await account_in(tx)
        other_shop = await tx.value(
            """
            INSERT INTO accounts.shop (slug, name, currency, locale, timezone)
            VALUES ('other', 'Other', 'CNY', 'zh', 'Asia/Shanghai') RETURNING id
            """
        )
        theirs = await payments.open_payment(
            tx, shop_id=other_shop, subject_id=new_id(), purpose=Purpose.FULL, amount=Money(12_900, "CNY"),
            provider_name="alipay", method="online",
        )  # fmt: skip
        await booked(tx, theirs, PaymentEventKind.CHARGED, 12_900, "a1", NOON)

        assert await compared(tx, account, [line("a1", theirs.id)]) == [("missing_here", "a1", 12_900, 0)]
        (found,) = await reconciliation.differences.differences(tx, shop_id=account.shop_id)
        assert found.payment_id is None
        assert await reconciliation.differences.differences(tx, shop_id=other_shop) == []


# ── the night's round ─────────────────────────────────────────────────────────────────────────────────────


class Books(Provider):
    """A provider with books: by day its lines, or what it says instead of them."""

    name = "alipay"
    abilities = Abilities(bills=True)

    def __init__(self) -> None:
        self.days: dict[date, Sequence[BillRow] | Exception] = {}
        self.asked: list[date] = []

    @override
    async def start(self, attempt: Attempt) -> Outcome:
        raise NotImplementedError

    @override
    async def look_up(self, attempt: Attempt) -> Outcome | None:
        raise NotImplementedError

    @override
    async def give_back(self, attempt: Attempt, *, refund_id: UUID, amount: Money) -> RefundOutcome:
        raise NotImplementedError

    @override
    async def bill(self, day: date) -> Sequence[BillRow]:
        self.asked.append(day)
        found = self.days.get(day, [])
        if isinstance(found, Exception):
            raise found
        return found


async def test_each_day_is_read_once_in_order_and_one_that_is_not_ready_later(database: Database) -> None:
    async with database.transaction() as tx:
        account = await account_in(tx)
    books = Books()
    today = DAY + timedelta(days=2)
    last = today - timedelta(days=1)
    books.days = {DAY: [line("a1", None)], last: BillNotReady()}

    async def providers(shop_id: int) -> payment_providers.Providers:
        return {f"alipay/{account.id}": books}

    assert await reconcile(database, providers, today=today) == 1
    assert books.asked == [today - timedelta(days=n) for n in (7, 6, 5, 4, 3, 2, 1)]
    books.asked.clear()
    books.days[last] = [line("a2", None)]
    assert await reconcile(database, providers, today=today) == 1
    assert books.asked == [last]
    assert await reconcile(database, providers, today=today) == 0
    async with database.transaction() as tx:
        found = await reconciliation.differences.differences(tx, shop_id=account.shop_id)
    assert [each.reference for each in found] == ["a1", "a2"]


@pytest.mark.parametrize("trouble", [payment_providers.ProviderAway(), TimeoutError(), ValueError("a bug")])
async def test_trouble_with_one_day_loses_none(database: Database, trouble: Exception) -> None:
    async with database.transaction() as tx:
        account = await account_in(tx)
    books = Books()
    books.days = {DAY: trouble}

    async def providers(shop_id: int) -> payment_providers.Providers:
        return {f"alipay/{account.id}": books}

    await reconcile(database, providers, today=DAY + timedelta(days=2))
    books.days = {DAY: [line("a1", None)]}
    assert await reconcile(database, providers, today=DAY + timedelta(days=2)) == 1


async def test_an_account_without_books_or_keys_is_passed_over(database: Database) -> None:
    async with database.transaction() as tx:
        await account_in(tx)

    async def nobody(shop_id: int) -> payment_providers.Providers:
        return payment_providers.MANUAL_ONLY

    assert await reconcile(database, nobody, today=DAY) == 0
    async with database.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM payments.statement") == 0
