"""The books of the providers beside ours, day by day: read, asked about, compared.

A payment that only the provider has may be one whose message was lost: the provider is asked about the attempt, and
what it says is applied as any report is.  What does not agree after that is a difference for a person.
"""

import asyncio
from datetime import date
from typing import Final

from shopfloor import payment_providers, payments
from shopfloor.kernel import logs
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import now
from shopfloor.orders import capturing, disputed
from shopfloor.orders.paying import look

# A bill of a hundred thousand lines takes longer than an answer about one payment.
BILL_DEADLINE: Final = 300.0

_log = logs.get("orders")


async def reconcile(db: Database, providers: payment_providers.Source, *, today: date | None = None) -> int:
    """Read and compare what is there to be read by now, after a look at what is reserved and ends soon.  Returns how many
    differences are new.

    Sent twice at once it does each day once; a day that is not ready is asked for again later.
    """
    at = now().date() if today is None else today
    await capturing.watch(db)
    async with db.transaction() as tx:
        accounts = await payments.statements.accounts(tx)
    found = 0
    for account in accounts:
        try:
            found += await _account(db, await providers(account.shop_id), account, today=at)
        except Refusal as refusal:
            _log.info("orders.books_not_read", connection_id=account.id, code=refusal.code)
        except Exception as problem:  # noqa: BLE001 -- one account that breaks must not keep others from theirs
            _log.error("orders.books_not_read", connection_id=account.id, exc_info=problem)
    await disputed.ask(db, providers, accounts)
    return found


async def _account(
    db: Database, known: payment_providers.Providers, account: payments.connections.Connection, *, today: date
) -> int:
    provider = known.get(f"{account.provider}/{account.id}")
    if provider is None or not provider.abilities.bills:
        return 0
    async with db.transaction() as tx:
        unread = await payments.statements.unread_days(tx, account, today=today)
    for day in unread:
        try:
            async with asyncio.timeout(BILL_DEADLINE):
                rows = await provider.bill(day)
        except (TimeoutError, Refusal):
            # The days after it are compared with it.
            break
        async with db.transaction() as tx:
            await payments.statements.keep(tx, account, day=day, rows=rows)
    async with db.transaction() as tx:
        days = await payments.statements.uncompared_days(tx, account)
    found = 0
    for day in days:
        await _ask_about_unbooked(db, known, account, day)
        async with db.transaction() as tx:
            found += await payments.statements.compare(tx, account, day=day)
    return found


async def _ask_about_unbooked(
    db: Database, known: payment_providers.Providers, account: payments.connections.Connection, day: date
) -> None:
    async with db.transaction() as tx:
        missing = await payments.statements.unbooked(tx, account, day=day)
    for each in missing:
        async with db.transaction() as tx:
            payment = await payments.payment(tx, payment_id=each.attempt)
        if payment is None:
            continue
        try:
            await look(db, known, payment=payment)
        except Refusal as refusal:
            _log.warning("orders.not_looked_up", payment_id=str(each.attempt), code=refusal.code)
