"""Letters of a provider that bring money for many orders are booked together, and one that breaks breaks no other."""

from dataclasses import dataclass, field
from uuid import UUID

from tests.orders.conftest import PRICE, Market, form
from typing_extensions import override

from shopfloor import orders, payment_accounts, payment_providers, payments
from shopfloor.kernel.values import Money, now
from shopfloor.orders import Party
from shopfloor.payment_providers import (
    Action,
    ActionKind,
    Attempt,
    Charged,
    GivenBack,
    Message,
    Outcome,
    Provider,
    Received,
    Report,
)


@dataclass
class Desk(Provider):
    """Asks buyers to a page, and says of an attempt what it was told to."""

    name: str = "desk"
    says: dict[UUID, Charged] = field(default_factory=dict[UUID, Charged])

    @override
    async def start(self, attempt: Attempt) -> Outcome:
        return Action(ActionKind.REDIRECT, "https://desk.example", reference=attempt.id.hex)

    @override
    async def look_up(self, attempt: Attempt) -> Outcome | None:
        return self.says.get(attempt.id)

    @override
    async def give_back(self, attempt: Attempt, *, refund_id: UUID, amount: Money) -> GivenBack:
        raise NotImplementedError

    @override
    def receive(self, message: Message) -> Received:
        attempt = UUID(message.body.decode())
        return Received(str(attempt), [Report(attempt)])


@dataclass
class Counter:
    """A shop whose orders wait for the money of `desk`."""

    market: Market
    connection_id: int
    desk: Desk

    @property
    def providers(self) -> payment_providers.Providers:
        return {**payment_providers.MANUAL_ONLY, f"desk/{self.connection_id}": self.desk}

    async def ordered(self) -> tuple[UUID, UUID]:
        """(order, attempt) of one coat."""
        hold_id, shopper = await self.market.hold()
        order = await orders.complete(
            self.market.db, shop_id=self.market.shop_id, hold_id=hold_id, shopper=shopper,
            form=form(provider="desk", method="card", connection_id=self.connection_id),
            providers=self.providers, return_to=lambda *_: "https://shop.example/back",
        )  # fmt: skip
        async with self.market.db.transaction() as tx:
            [attempt] = await payments.payments_for(tx, subject_id=order.id)
        return order.id, attempt.id

    async def write(self, key: str, body: str) -> None:
        async with self.market.db.transaction() as tx:
            account = await payment_accounts.connection(
                tx, shop_id=self.market.shop_id, connection_id=self.connection_id
            )
            message = Message("POST", "/", {}, body.encode(), now())
            await payment_accounts.inbox.keep(tx, payment_accounts.inbox.Arrived(account, message, key))

    async def work(self) -> int:
        async def source(_: int) -> payment_providers.Providers:
            return self.providers

        return await orders.paying.work_inbox(self.market.db, source)

    async def state(self, order_id: UUID) -> tuple[str, int]:
        async with self.market.db.transaction() as tx:
            found = (await orders.order(tx, shop_id=self.market.shop_id, order_id=order_id)).order
        return found.payment_status, found.charged_minor

    async def said(self) -> dict[str, tuple[str, bool]]:
        async with self.market.db.transaction() as tx:
            cursor = await tx.connection.execute("SELECT key, said, done_at IS NOT NULL FROM payments.inbox")
            return {key: (said, done) for key, said, done in await cursor.fetchall()}

    async def transactions_of_charges(self) -> int:
        async with self.market.db.transaction() as tx:
            return await tx.value(
                "SELECT count(DISTINCT xmin::text) FROM payments.event WHERE kind = 'charged'"
            )


async def opened(market: Market) -> Counter:
    async with market.db.transaction() as tx:
        connection_id = await tx.value(
            """
            INSERT INTO payments.connection (shop_id, provider, mode, label, fields, sealed, is_on)
            VALUES (%(shop_id)s, 'desk', 'test', '', '{}', '', true) RETURNING id
            """,
            shop_id=market.shop_id,
        )
    return Counter(market, connection_id, Desk())


def pays(attempt: UUID, minor: int = PRICE) -> Charged:
    return Charged(f"pi_{attempt.hex}", Money(minor, "CNY"))


async def test_money_for_many_orders_is_booked_at_once_and_what_is_more_in_its_turn(market: Market) -> None:
    counter = await opened(market)
    one, short, two, fallen, last = [await counter.ordered() for _ in range(5)]
    async with market.db.transaction() as tx:
        await orders.cancel(
            tx, shop_id=market.shop_id, order_id=fallen[0], by=Party.MERCHANT, actor="person:1"
        )
    counter.desk.says = {
        attempt: pays(attempt, PRICE - 1 if attempt == short[1] else PRICE)
        for _, attempt in (one, short, two, fallen, last)
    }
    for key, body in (
        ("one", one[1]), ("short", short[1]), ("two", two[1]), ("fallen", fallen[1]), ("one again", one[1]),
        ("broken", "no attempt"), ("last", last[1]),
    ):  # fmt: skip
        await counter.write(key, str(body))

    assert await counter.work() == 7

    assert await counter.said() == {
        "one": ("captured", True), "short": ("captured", True), "two": ("captured", True), "fallen": ("captured", True),
        "one again": ("captured", True), "broken": ("ValueError", False), "last": ("captured", True),
    }  # fmt: skip
    assert [await counter.state(order_id) for order_id, _ in (one, short, two, fallen, last)] == [
        ("paid", PRICE), ("unpaid", 0), ("paid", PRICE), ("refund_due", PRICE), ("paid", PRICE),
    ]  # fmt: skip
    # The first two together, the one that fell, and the last behind what is broken.
    assert await counter.transactions_of_charges() == 3
    paid = [UUID(str(fact["order_id"])) for fact in await market.facts("orders.order_paid")]
    assert paid == [one[0], two[0], fallen[0], last[0]]
    await market.assert_sound()


async def test_a_charge_that_cannot_be_kept_keeps_no_other_from_being_booked(market: Market) -> None:
    counter = await opened(market)
    one, broken, two = [await counter.ordered() for _ in range(3)]
    counter.desk.says = {
        one[1]: pays(one[1]),
        broken[1]: Charged("pi_\x00", Money(PRICE, "CNY")),
        two[1]: pays(two[1]),
    }
    for key, (_, attempt) in (("one", one), ("broken", broken), ("two", two)):
        await counter.write(key, str(attempt))

    assert await counter.work() == 3

    assert await counter.said() == {
        "one": ("captured", True), "broken": ("database.unstorable", False), "two": ("captured", True),
    }  # fmt: skip
    assert [await counter.state(order_id) for order_id, _ in (one, broken, two)] == [
        ("paid", PRICE), ("unpaid", 0), ("paid", PRICE),
    ]  # fmt: skip
    await market.assert_sound()
