"""The books of the providers beside ours, and what they say of disputes: asked for day by day, applied to orders."""

from datetime import date
from functools import partial

from shopfloor import payment_accounts, payment_providers, payments, reconciliation
from shopfloor.kernel.database import Database
from shopfloor.orders import capturing, disputed
from shopfloor.orders.paying import look


async def reconcile(db: Database, providers: payment_providers.Source, *, today: date | None = None) -> int:
    """Read and compare what is there to be read by now, after a look at what is reserved and ends soon.  Returns how many
    differences are new.

    What a provider says of an attempt that only it has booked is applied as any report is.
    """
    await capturing.watch(db)
    async with db.transaction() as tx:
        accounts = await payment_accounts.every_connection(tx)
    found = await reconciliation.statements.reconcile(
        db, providers, accounts, look=partial(_look, db), today=today
    )
    await disputed.ask(db, providers, accounts)
    return found


async def _look(db: Database, known: payment_providers.Providers, payment: payments.Payment) -> None:
    await look(db, known, payment=payment)
