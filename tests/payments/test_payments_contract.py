"""What every provider must do, whoever it is: money asked for once, given back once, closed for good."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from tests.orders.bank import Bank
from tests.payments.fakes import accounts as fakes
from tests.payments.sandboxes import Served, serving

from shopfloor.kernel.values import Money, new_id, now
from shopfloor.payment_providers import (
    Action,
    Attempt,
    Authorised,
    Charged,
    Closed,
    Declined,
    GivenBack,
    Manual,
    NotAble,
    Provider,
    RefundFailed,
    RefundOutcome,
    RefundPending,
)

pytestmark = pytest.mark.xdist_group("payments_contract")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    with serving(tmp_path_factory.mktemp("sandbox") / "books.db") as found:
        yield found


@dataclass(frozen=True)
class Case:
    """A provider, and how its buyer pays; None where nobody brings money over it."""

    provider: Provider
    pay: Callable[[Attempt], Awaitable[None]] | None
    opens: Callable[[Action], Awaitable[object]] | None = None
    """The provider hears of the attempt when the buyer comes to its page."""
    settle: Callable[[], None] = lambda: None
    """Refunds that were accepted are made."""


@pytest.fixture(params=["manual", "bank", "stripe", "alipay", "alipay page", "wechat"])
async def case(request: pytest.FixtureRequest, tmp_path: Path, served: Served) -> AsyncGenerator[Case]:
    async with httpx.AsyncClient() as http:

        async def pay(attempt: Attempt) -> None:
            served.sandbox.decide(attempt.reference, "pay")

        async def paid_at_once(attempt: Attempt) -> None:
            pass

        alipay, wechat = fakes.alipay(), fakes.wechat()

        async def paid_with_alipay(attempt: Attempt) -> None:
            alipay.pay(attempt.id.hex)

        async def paid_with_wechat(attempt: Attempt) -> None:
            wechat.pay(attempt.id.hex)

        async def opened(action: Action) -> object:
            return await alipay.client().get(action.url)

        known = {
            "alipay": Case(fakes.alipay_adapter(alipay, desktop="qr"), paid_with_alipay),
            "alipay page": Case(fakes.alipay_adapter(alipay), paid_with_alipay, opens=opened),
            "wechat": Case(fakes.wechat_adapter(wechat), paid_with_wechat, settle=wechat.settle),
            "manual": Case(Manual(), None),
            "bank": Case(Bank(tmp_path / "bank"), paid_at_once),
            "stripe": Case(served.adapter(http), pay),
        }
        yield known[request.param]


def an_attempt(minor: int = 500) -> Attempt:
    return Attempt(
        id=new_id(),
        method="card",
        amount=Money(minor, "CNY"),
        label="1001",
        return_url="http://shop.test/back",
    )


async def begun(case: Case, attempt: Attempt) -> Attempt:
    started = await case.provider.start(attempt)
    if isinstance(started, Action) and case.opens is not None:
        await case.opens(started)
    return replace(attempt, reference=started.reference) if isinstance(started, Action) else attempt


async def given_back(case: Case, attempt: Attempt, refund_id: UUID, amount: Money) -> RefundOutcome | None:
    """How a refund ends."""
    outcome: RefundOutcome | None = await case.provider.give_back(attempt, refund_id=refund_id, amount=amount)
    if isinstance(outcome, RefundPending):
        case.settle()
        outcome = await case.provider.look_up_refund(attempt, refund_id=refund_id, amount=amount)
    return outcome


async def paid(case: Case, minor: int = 500) -> Attempt:
    """An attempt whose money is here."""
    attempt = await begun(case, an_attempt(minor))
    if case.pay is None:
        return attempt
    await case.pay(attempt)
    charged = await case.provider.look_up(attempt)
    assert isinstance(charged, Charged)
    assert charged.amount == attempt.amount
    return replace(attempt, charge=charged.reference)


async def test_asking_again_is_the_same_action(case: Case) -> None:
    attempt = an_attempt()

    assert await case.provider.start(attempt) == await case.provider.start(attempt)


async def test_a_lookup_tells_of_the_money_and_tells_it_again(case: Case) -> None:
    attempt = await paid(case)

    assert await case.provider.look_up(attempt) == await case.provider.look_up(attempt)


async def test_money_is_given_back_in_parts_each_once_and_never_more_than_came(case: Case) -> None:
    attempt = await paid(case)
    first, second = new_id(), new_id()

    one = await given_back(case, attempt, first, Money(200, "CNY"))
    again = await given_back(case, attempt, first, Money(200, "CNY"))
    rest = await given_back(case, attempt, second, Money(300, "CNY"))

    assert one == again
    assert isinstance(one, GivenBack)
    assert isinstance(rest, GivenBack)
    if case.pay is not None and not isinstance(case.provider, Bank):
        assert one != rest
        assert await case.provider.look_up_refund(attempt, refund_id=first, amount=Money(200, "CNY")) == one
        assert await case.provider.look_up_refund(attempt, refund_id=new_id(), amount=Money(1, "CNY")) is None
        more = await case.provider.give_back(attempt, refund_id=new_id(), amount=Money(1, "CNY"))
        assert isinstance(more, RefundFailed)


async def test_what_is_closed_cannot_be_paid_and_what_is_paid_cannot_be_closed(case: Case) -> None:
    if isinstance(case.provider, Bank):
        pytest.skip("this bank takes the money at once")
    attempt = await begun(case, an_attempt())

    assert isinstance(await case.provider.close(attempt), Closed)
    if case.pay is not None:
        await case.pay(attempt)
        assert isinstance(await case.provider.look_up(attempt), Closed)
        done = await paid(case)
        charged = await case.provider.look_up(done)
        assert isinstance(charged, Charged)
        assert await case.provider.close(done) == Charged(done.charge, done.amount, charged.fee)


async def test_what_is_reserved_is_taken_once_and_the_rest_let_go_or_let_go_whole(case: Case) -> None:
    """Who cannot reserve says so, and refuses to be asked."""
    if case.provider.abilities.authorise is None:
        attempt = an_attempt()
        for asked in (
            case.provider.void(attempt),
            case.provider.capture(attempt, capture_id=new_id(), amount=attempt.amount),
        ):
            with pytest.raises(NotAble):
                await asked
        return
    assert case.pay is not None
    taken, gone = [await begun(case, replace(an_attempt(), capture_later=True)) for _ in range(2)]
    for attempt in (taken, gone):
        await case.pay(attempt)
        told = await case.provider.look_up(attempt)
        assert isinstance(told, Authorised)
        assert (told.amount, told.capture_before > now()) == (attempt.amount, True)
    capture_id = new_id()

    charged = await case.provider.capture(taken, capture_id=capture_id, amount=Money(300, "CNY"))

    assert isinstance(charged, Charged)
    assert charged.amount == Money(300, "CNY")
    for more in (capture_id, new_id()):
        assert await case.provider.capture(taken, capture_id=more, amount=Money(300, "CNY")) == charged
    assert await case.provider.look_up(taken) == charged
    assert await case.provider.void(taken) == charged
    for _ in range(2):
        assert isinstance(await case.provider.void(gone), Closed)
    assert isinstance(await case.provider.capture(gone, capture_id=new_id(), amount=gone.amount), Closed)
    paid = replace(taken, charge=charged.reference)
    assert isinstance(await given_back(case, paid, new_id(), Money(301, "CNY")), RefundFailed)
    assert isinstance(await given_back(case, paid, new_id(), Money(300, "CNY")), GivenBack)


async def test_a_question_whose_answer_was_lost_can_be_closed(case: Case) -> None:
    """The attempt has no reference of the provider: only the provider knows what it made."""
    if isinstance(case.provider, Bank):
        pytest.skip("this bank takes the money at once")
    attempt = an_attempt()
    started = await case.provider.start(attempt)
    if isinstance(started, Action) and case.opens is not None:
        await case.opens(started)

    assert isinstance(await case.provider.close(attempt), Closed)
    if isinstance(started, Action):
        known = await case.provider.look_up(replace(attempt, reference=started.reference))
        assert isinstance(known, Closed | Declined)
