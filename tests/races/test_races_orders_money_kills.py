"""Whoever starts a payment, reads that it was paid, takes what is reserved or lets go of it, or refunds it is killed where each of its transactions begins and ends.

What is said in between is rolled back together, so it makes no other case: killed where it begins, nothing of it was
done; where it ends, the COMMIT still arrives and all of it was.

The provider is asked between two of those words, so it is asked by a process that dies before it has written down what
it heard.  What was begun is finished by who comes next: nothing is charged twice, nothing that was paid is forgotten,
nothing is refunded twice.  Killed while the provider is asked, before it did and after: the same.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from tests.orders.bank import Bank
from tests.orders.conftest import PRICE, MakeMarket, Market, make_market
from tests.races.test_races_orders_kills import CLEAN, completing, nobody_is_in_a_transaction
from tests.races.test_races_stock_intake import Proxy
from tests.waiting import PATIENCE, soon
from typing_extensions import override

from shopfloor import orders, payment_accounts, payment_authorisations, payment_providers, payments
from shopfloor.kernel.database import Database
from shopfloor.kernel.values import Money, new_id, now
from shopfloor.orders import Status, refunds
from shopfloor.payment_providers import (
    Action,
    ActionKind,
    Attempt,
    Authorised,
    Closed,
    GivenBack,
    Message,
    Outcome,
    Received,
    Report,
)
from shopfloor.payments.ways import Way

__all__ = ["make_market"]

_WEEK = timedelta(days=7)
CLEAN.set_forkserver_preload([completing.__module__, __name__])


class Counter(Bank):
    """A bank with a page: whoever stands at it pays what was asked for; messages say that somebody has.

    `dies`: whoever asks it is killed "before" it has done so, or "after".
    """

    def __init__(self, path: Path, *, dies: str = "") -> None:
        super().__init__(path)
        self._when = dies
        with self._book() as book:
            book.execute(
                "CREATE TABLE IF NOT EXISTS asked (attempt TEXT PRIMARY KEY, minor INTEGER, currency TEXT)"
            )
            book.execute(
                "CREATE TABLE IF NOT EXISTS reserved (attempt TEXT PRIMARY KEY, minor INTEGER, currency TEXT)"
            )
            book.execute("CREATE TABLE IF NOT EXISTS voided (attempt TEXT)")

    def _die(self, when: str) -> None:
        if self._when == when:
            os.kill(os.getpid(), signal.SIGKILL)

    @override
    async def start(self, attempt: Attempt) -> Outcome:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._die("before")
        with self._book() as book:
            book.execute(
                "INSERT OR IGNORE INTO asked VALUES (?, ?, ?)",
                (str(attempt.id), attempt.amount.minor, attempt.amount.currency),
            )
        self._die("after")
        return Action(ActionKind.REDIRECT, "https://bank.example/pay", reference=str(attempt.id))

    @override
    async def look_up(self, attempt: Attempt) -> Outcome | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self._die("before")
        found = await super().look_up(attempt)
        self._die("after")
        if found is None:
            with self._book() as book:
                row = book.execute(
                    "SELECT minor, currency FROM reserved WHERE attempt = ?", (str(attempt.id),)
                ).fetchone()
                let_go = book.execute("SELECT 1 FROM voided WHERE attempt = ?", (str(attempt.id),)).fetchone()
            if let_go is not None:
                return Closed("voided")
            return None if row is None else Authorised(str(attempt.id), Money(*row), now() + _WEEK)
        return found

    @override
    async def void(self, attempt: Attempt) -> Outcome:
        self._die("before")
        with self._book() as book:
            book.execute("INSERT INTO voided VALUES (?)", (str(attempt.id),))
        self._die("after")
        return Closed("voided")

    def let_go(self) -> int:
        """How many attempts; asked again is once."""
        with self._book() as book:
            [(number,)] = book.execute("SELECT count(DISTINCT attempt) FROM voided").fetchall()
        return number

    @override
    async def capture(self, attempt: Attempt, *, capture_id: UUID, amount: Money) -> Outcome:
        self._die("before")
        with self._book() as book:
            book.execute(
                "INSERT OR IGNORE INTO charge SELECT attempt, ?, currency FROM reserved WHERE attempt = ?",
                (amount.minor, str(attempt.id)),
            )
        self._die("after")
        return await super().look_up(attempt) or Closed()

    @override
    async def close(self, attempt: Attempt) -> Outcome | None:
        return await super().look_up(attempt) or Closed()

    @override
    async def give_back(self, attempt: Attempt, *, refund_id: UUID, amount: Money) -> GivenBack:
        self._die("before")
        done = await super().give_back(attempt, refund_id=refund_id, amount=amount)
        self._die("after")
        return done

    @override
    async def look_up_refund(self, attempt: Attempt, *, refund_id: UUID, amount: Money) -> GivenBack | None:
        with self._book() as book:
            known = book.execute("SELECT 1 FROM refund WHERE id = ?", (str(refund_id),)).fetchone()
        return None if known is None else GivenBack(f"bank-refund/{refund_id}")

    @override
    def receive(self, message: Message) -> Received:
        return Received("1", [Report(UUID(message.body.decode()))])

    def pays(self) -> None:
        """Who stands at the page pays, for each attempt that was asked for."""
        with self._book() as book:
            book.execute("INSERT OR IGNORE INTO charge SELECT * FROM asked")

    def reserves(self) -> None:
        """Who stands at the page has the money reserved."""
        with self._book() as book:
            book.execute("INSERT OR IGNORE INTO reserved SELECT * FROM asked")

    def asked(self) -> int:
        with self._book() as book:
            [(number,)] = book.execute("SELECT count(*) FROM asked").fetchall()
        return number


@dataclass(frozen=True)
class Job:
    """What the process does that is killed."""

    kind: str
    shop_id: int
    order_id: UUID
    connection_id: int
    refund_id: UUID


def providers_of(job: Job, bank: Counter) -> payment_providers.Providers:
    return {**payment_providers.MANUAL_ONLY, f"bank/{job.connection_id}": bank}


async def begin(db: Database, job: Job, bank: Counter) -> payments.Payment:
    later = _WEEK if job.kind in RESERVED else None
    way = Way(job.connection_id, "bank", "card", "", is_test=False, authorise=later)
    return await orders.paying.begin(
        db, providers_of(job, bank), shop_id=job.shop_id, order_id=job.order_id, way=way, return_url="x"
    )


async def hear(db: Database, job: Job, bank: Counter) -> None:
    async def source(_: int) -> payment_providers.Providers:
        return providers_of(job, bank)

    await orders.paying.work_inbox(db, source)


async def capture(db: Database, job: Job, bank: Counter) -> None:
    """As it leaves: decided in the transaction in which it ships, then taken."""
    async with db.transaction() as tx:
        found = (await orders.order(tx, shop_id=job.shop_id, order_id=job.order_id)).order
        if found.shipped_at is None:
            await orders.shipping.ship(tx, shop_id=job.shop_id, order_id=job.order_id, actor="person:1")
    await orders.capturing.send_due(db, providers_of(job, bank))


async def void(db: Database, job: Job, bank: Counter) -> None:
    """The order is cancelled before it has left: decided in that transaction, then let go."""
    async with db.transaction() as tx:
        found = (await orders.order(tx, shop_id=job.shop_id, order_id=job.order_id)).order
        if found.cancelled_at is None:
            await orders.cancel(
                tx, shop_id=job.shop_id, order_id=job.order_id, by=orders.Party.MERCHANT, actor="person:1"
            )
    await orders.capturing.send_due(db, providers_of(job, bank))


async def refund(db: Database, job: Job, bank: Counter) -> None:
    """As the console does: decided in one transaction, then sent."""
    async with db.transaction() as tx:
        await orders.refund(
            tx, shop_id=job.shop_id, order_id=job.order_id, amount=Money(PRICE, "CNY"), refund_id=job.refund_id,
            note="", actor="person:1",
        )  # fmt: skip
    await orders.send_refund(
        db, shop_id=job.shop_id, order_id=job.order_id, refund_id=job.refund_id, actor="person:1",
        providers=providers_of(job, bank),
    )  # fmt: skip


WORK: dict[str, Callable[[Database, Job, Counter], Awaitable[object]]] = {
    "begin": begin,
    "hear": hear,
    "capture": capture,
    "refund": refund,
    "void": void,
}
RESERVED = frozenset({"capture", "void"})


def working(dsn: str, job: Job, bank: Counter) -> None:
    async def run() -> None:
        db = Database(dsn, 1)
        await db.open()
        await WORK[job.kind](db, job, bank)
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(run())


async def killed_at(number: int | None, line: Proxy, job: Job, bank: Counter) -> bool:
    """Whether it came so far.  None: the bank kills it."""
    messages = count()
    begun = reached = False

    def cut(data: bytes) -> bool:
        nonlocal begun, reached
        begun = begun or b"BEGIN" in data
        is_border = b"BEGIN" in data or b"COMMIT" in data
        if not begun or not is_border or next(messages) != number:
            return False
        reached = True
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        return True

    line.cut = cut
    process = CLEAN.Process(target=working, args=(line.dsn, job, bank))
    process.start()
    await asyncio.to_thread(process.join, PATIENCE)
    assert process.exitcode == -signal.SIGKILL
    await soon("the line of the dead is closed", lambda: line.serving == 0)
    return reached


async def prepared(market: Market, kind: str, bank: Counter) -> Job:
    """An order as it is before the work: to be paid online; paid at the bank, with its message here; or paid."""
    async with market.db.transaction() as tx:
        account = await tx.value(
            """
            INSERT INTO payments.connection (shop_id, provider, mode, label, fields, sealed, is_on)
            VALUES (%(shop_id)s, 'bank', 'live', '', '{}', '', true) RETURNING id
            """,
            shop_id=market.shop_id,
        )
    order, _ = await market.order()
    job = Job(kind, market.shop_id, order.id, account, new_id())
    async with market.db.transaction() as tx:
        await tx.run(
            "UPDATE orders.orders SET provider = 'bank', method = 'card' WHERE id = %(id)s", id=order.id
        )
    if kind == "begin":
        return job
    payment = await begin(market.db, job, bank)
    if kind in RESERVED:
        bank.reserves()
    else:
        bank.pays()
    if kind == "hear":
        async with market.db.transaction() as tx:
            connection = await payment_accounts.connection(tx, shop_id=market.shop_id, connection_id=account)
            message = Message("POST", "/", {}, str(payment.id).encode(), now())
            await payment_accounts.inbox.keep(tx, payment_accounts.inbox.Arrived(connection, message, "1"))
        return job
    await orders.paying.look(market.db, providers_of(job, bank), payment=payment)
    return job


async def finished(market: Market, job: Job, bank: Counter) -> None:
    """Who comes next: the buyer presses again and pays; the worker reads what is left, and sends what is owed."""
    await nobody_is_in_a_transaction(market.db)
    async with market.db.transaction() as tx:
        await tx.run("UPDATE payments.inbox SET next_at = now() WHERE done_at IS NULL")
        await tx.run("UPDATE payments.authorisation SET next_at = now() WHERE next_at IS NOT NULL")
        await tx.run("UPDATE payments.refund_try SET next_at = now() WHERE next_at IS NOT NULL")
    if job.kind == "begin":
        payment = await begin(market.db, job, bank)
        bank.pays()
        await orders.paying.look(market.db, providers_of(job, bank), payment=payment)
    elif job.kind in {"hear", *RESERVED}:
        await WORK[job.kind](market.db, job, bank)
    else:

        async def source(_: int) -> payment_providers.Providers:
            return providers_of(job, bank)

        await refunds.send_due(market.db, source)
        # The merchant sees no answer and presses again.
        await refund(market.db, job, bank)


async def check(market: Market, job: Job, bank: Counter) -> None:
    async with market.db.transaction() as tx:
        order = (await orders.order(tx, shop_id=job.shop_id, order_id=job.order_id)).order
        waiting = await tx.value("SELECT count(*) FROM payments.inbox WHERE done_at IS NULL")
    back = PRICE if job.kind == "refund" else 0
    taken = 0 if job.kind == "void" else PRICE
    assert (bank.asked(), bank.taken(), waiting) == (1, [taken] if taken else [], 0)
    assert (bank.sent_back(), bank.let_go()) == ([PRICE] if back else [], int(job.kind == "void"))
    assert (order.charged_minor, order.refund_granted_minor, order.refunded_minor) == (taken, back, back)
    expected = {"capture": Status.SHIPPED, "void": Status.CANCELLED}
    assert order.status is expected.get(job.kind, Status.PAID)
    assert order.authorised_minor == 0
    if job.kind in RESERVED:
        async with market.db.transaction() as tx:
            assert await payment_authorisations.live(tx, subject_id=job.order_id) == []
    for name, times in (
        ("orders.order_paid", taken // PRICE),
        ("orders.order_refunded", back // PRICE),
        ("orders.refund_paid", back // PRICE),
    ):
        facts = [fact for fact in await market.facts(name) if fact["order_id"] == str(job.order_id)]
        assert len(facts) == times, name


@pytest.mark.parametrize("kind", sorted(WORK))
async def test_killed_between_any_two_transactions_money_is_moved_once(
    make_market: MakeMarket, dsn: str, tmp_path: Path, kind: str
) -> None:
    market = await make_market(100)
    number = 0
    async with Proxy(dsn, tmp_path) as line:
        line.moment = 0.02
        for number in count():
            bank = Counter(tmp_path / f"bank-{number}")
            job = await prepared(market, kind, bank)
            reached = await killed_at(number, line, job, bank)
            await finished(market, job, bank)
            await check(market, job, bank)
            if not reached:
                break
    await market.assert_sound()
    assert number >= 4, "it has more to say than that"


@pytest.mark.parametrize("dies", ["before", "after"])
@pytest.mark.parametrize("kind", sorted(WORK))
async def test_killed_while_the_provider_is_asked_money_is_moved_once(
    make_market: MakeMarket, dsn: str, tmp_path: Path, kind: str, dies: str
) -> None:
    market = await make_market(1)
    bank = Counter(tmp_path / "bank")
    job = await prepared(market, kind, bank)
    async with Proxy(dsn, tmp_path) as line:
        await killed_at(None, line, job, Counter(tmp_path / "bank", dies=dies))

    await finished(market, job, bank)

    await check(market, job, bank)
    await market.assert_sound()
