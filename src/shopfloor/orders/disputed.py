"""What a provider says of a dispute, applied to the order whose money it is about.

Messages come late and in disorder, and get lost: what counts is how the dispute stands now, so the provider is asked,
on a message, every few hours while it is not over, and for those of which no message came.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from shopfloor import disputes, payment_accounts, payment_providers, reconciliation
from shopfloor.kernel import logs
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import now
from shopfloor.orders import lifecycle

# How far back those are asked for of which no message came.
BACK: Final = timedelta(days=7)
_DEADLINE: Final = 60.0

_log = logs.get("orders")


async def hear(
    db: Database,
    providers: payment_providers.Providers,
    letter: payment_accounts.inbox.Letter,
    dispute: payment_providers.Dispute,
) -> str:
    """A message about a dispute.  Raises ProviderAway, so that it is read again."""
    provider = payment_providers.provider(providers, f"{letter.provider}/{letter.connection_id}")
    if provider.abilities.disputes:
        async with asyncio.timeout(_DEADLINE):
            dispute = await provider.look_up_dispute(dispute.reference) or dispute
    async with db.transaction() as tx:
        found = await apply(
            tx,
            shop_id=letter.shop_id,
            connection_id=letter.connection_id,
            provider_name=letter.provider,
            dispute=dispute,
        )
    return f"dispute_{found.state}"


async def apply(
    tx: Tx, *, shop_id: int, connection_id: int, provider_name: str, dispute: payment_providers.Dispute
) -> disputes.Dispute:
    """Under the lock of the order, whose sums it changes.  The same again changes nothing."""
    payment = await reconciliation.of_charge(
        tx, shop_id=shop_id, connection_id=connection_id, reference=dispute.charge
    )
    if payment is not None:
        await lifecycle.lock(tx, shop_id=shop_id, order_id=payment.subject_id)
    found = await disputes.hear(
        tx,
        shop_id=shop_id,
        connection_id=connection_id,
        provider_name=provider_name,
        payment_id=None if payment is None else payment.id,
        reported=dispute,
    )
    if payment is not None:
        await lifecycle.settle(tx, order_id=payment.subject_id)
    return found


async def ask(
    db: Database, providers: payment_providers.Source, accounts: Sequence[payment_accounts.Connection]
) -> int:
    """Ask about those that are not over and for those that nobody told of; remind of deadlines.

    Returns how many were heard of.
    """
    heard = 0
    async with db.transaction() as tx:
        waiting = await disputes.take_due(tx)
    for each in waiting:
        try:
            known = await providers(each.shop_id)
            provider = payment_providers.provider(known, f"{each.provider}/{each.connection_id}")
            async with asyncio.timeout(_DEADLINE):
                dispute = await provider.look_up_dispute(each.reference)
            if dispute is not None:
                heard += await _apply(db, each.shop_id, each.connection_id, each.provider, [dispute])
        except (TimeoutError, Refusal) as problem:
            _log.warning("orders.dispute_not_asked", dispute_id=str(each.id), why=type(problem).__name__)
    for account in accounts:
        try:
            provider = (await providers(account.shop_id)).get(f"{account.provider}/{account.id}")
            if provider is None or not provider.abilities.disputes:
                continue
            async with asyncio.timeout(_DEADLINE):
                found = await provider.disputes(now() - BACK)
            heard += await _apply(db, account.shop_id, account.id, account.provider, found)
        except (TimeoutError, Refusal) as problem:
            _log.warning("orders.disputes_not_read", connection_id=account.id, why=type(problem).__name__)
    async with db.transaction() as tx:
        await disputes.remind(tx)
    return heard


async def _apply(
    db: Database,
    shop_id: int,
    connection_id: int,
    provider_name: str,
    reported: Sequence[payment_providers.Dispute],
) -> int:
    for each in reported:
        async with db.transaction() as tx:
            await apply(
                tx, shop_id=shop_id, connection_id=connection_id, provider_name=provider_name, dispute=each
            )
    return len(reported)
