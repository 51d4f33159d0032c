"""The three phases put together, and the sweeper that finishes what a crash left.

No transaction is open while a provider is asked.  A process that dies after `prepare` leaves a draft; the
sweeper asks the provider what became of the attempt and finalises it.  Money that was taken is never given
back because of a failure of ours on the way: the order is finished instead.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from shopfloor import payment_providers, payments
from shopfloor.kernel import logs
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.orders import cancellation, lifecycle, paying, queries, sweep_queries
from shopfloor.orders.checkout import pay_and_finish
from shopfloor.orders.models import Party, Status, Why
from shopfloor.orders.reports import apply_report, label_of

# A draft younger than this is being worked on by the request that made it.
ABANDONED: Final = timedelta(seconds=30)
# So many attempts of one provider are asked about at once.
AT_ONCE: Final = 8
# Seconds after which a provider that is merely slow has had its turn in a round.
ROUND: Final = 30.0

_log = logs.get("orders")


@dataclass(frozen=True, slots=True)
class Swept:
    resumed: int
    unpaid: int
    balances: int


async def sweep(
    db: Database,
    *,
    providers: payment_providers.Providers | payment_providers.Source = payment_providers.MANUAL_ONLY,
    limit: int = 200,
    abandoned: timedelta = ABANDONED,
) -> Swept:
    """Finish drafts that a crash left, and let orders fall whose payment or balance never came.

    Providers are asked side by side, each about a few attempts at once; one that does not answer is left alone for
    this round and keeps nobody from the others.  Safe to run anywhere and at once: each order is handled under its own lock in its own transaction.
    """
    at = now()
    async with db.transaction() as tx:
        drafts = await sweep_queries.unfinished(tx, before=at - abandoned, limit=limit)
        unpaid = await sweep_queries.payment_overdue(tx, at=at, limit=limit)
        balances = await sweep_queries.balance_overdue(tx, at=at, limit=limit)
    unpaid_fallen = await _let_fall(db, providers, unpaid, Why.UNPAID)
    balances_fallen = await _let_fall(db, providers, balances, Why.BALANCE_UNPAID)
    by_provider: dict[str, list[sweep_queries.Draft]] = {}
    for draft in drafts:
        by_provider.setdefault(draft.provider, []).append(draft)
    resumed = await asyncio.gather(*(_resume_all(db, providers, waiting) for waiting in by_provider.values()))
    return Swept(resumed=sum(resumed), unpaid=unpaid_fallen, balances=balances_fallen)


async def _resume_all(
    db: Database,
    providers: payment_providers.Providers | payment_providers.Source,
    drafts: Sequence[sweep_queries.Draft],
) -> int:
    """The drafts of one provider, in order, a few at once, until it turns out to be away."""
    waiting = iter(drafts)
    away = False
    until = asyncio.get_running_loop().time() + ROUND

    async def work() -> int:
        nonlocal away
        resumed = 0
        for draft in waiting:
            if away or asyncio.get_running_loop().time() > until:
                break
            try:
                resumed += await _resume(db, await payment_providers.of_shop(providers, draft.shop_id), draft)
            except payment_providers.ProviderAway as refusal:
                away = True
                _log.warning("orders.not_resumed", order_id=str(draft.id), code=refusal.code)
            except Exception as problem:  # noqa: BLE001 -- a provider that breaks must not keep others from theirs
                _log.error("orders.not_resumed", order_id=str(draft.id), exc_info=problem)
        return resumed

    return sum(await asyncio.gather(*(work() for _ in range(min(AT_ONCE, len(drafts))))))


async def _resume(db: Database, providers: payment_providers.Providers, draft: sweep_queries.Draft) -> bool:
    """Raises ProviderAway."""
    async with db.transaction() as tx:
        order = await queries.order(tx, order_id=draft.id)
        attempts = await payments.payments_for(tx, subject_id=draft.id)
    if order is None or order.status is not Status.DRAFT or not attempts:
        return False
    payment = attempts[0]
    try:
        known = None
        if payment.amount_minor:
            known = await payments.look_up(providers, payment, label=label_of(order.id))
        if known is None:
            await pay_and_finish(db, providers, order, payment)
        else:
            async with db.transaction() as tx:
                await apply_report(tx, payment=payment, outcome=known)
    except payment_providers.ProviderAway:
        raise
    except Refusal as refusal:
        # Its answer does not fit: the draft stays for the next round and for people.
        _log.warning("orders.not_resumed", order_id=str(draft.id), code=refusal.code)
        return False
    _log.info("orders.resumed", order_id=str(draft.id))
    return True


async def _let_fall(
    db: Database,
    providers: payment_providers.Providers | payment_providers.Source,
    keys: list[sweep_queries.Key],
    why: Why,
) -> int:
    fallen = 0
    for key in keys:
        if await paying.close_all(db, providers, shop_id=key.shop_id, order_id=key.id):
            async with db.transaction() as tx:
                fallen += await _fall_if_overdue(tx, key, why)
    return fallen


async def _fall_if_overdue(tx: Tx, key: sweep_queries.Key, why: Why) -> bool:
    """Looked at again under the lock: the money may have come between, or somebody begun to pay."""
    order, lines = await lifecycle.lock(tx, shop_id=key.shop_id, order_id=key.id)
    if why is Why.UNPAID:
        over = order.payment_due_at is not None and order.payment_due_at < now()
        over = over and order.charged_minor + order.authorised_minor < order.first_minor
    else:
        over = order.balance_due_at is not None and order.balance_due_at < now()
        over = over and order.charged_minor + order.authorised_minor < order.total_minor
    if not over or order.status is not Status.PLACED:
        return False
    if any(each.is_payable for each in await payments.payments_for(tx, subject_id=order.id)):
        return False
    await cancellation.fall(tx, order, lines, by=Party.SYSTEM, why=why, note="", actor="shopfloor")
    return True
