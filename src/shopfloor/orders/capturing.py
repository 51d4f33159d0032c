"""What was decided of reserved money, asked of its provider; and what its time decides."""

from typing import Final

from shopfloor import payment_authorisations, payment_providers, payments
from shopfloor.kernel import logs
from shopfloor.kernel.database import Database
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.values import Money, now
from shopfloor.orders import authorising
from shopfloor.orders.lifecycle import lock
from shopfloor.orders.reports import apply_report

_OURS: Final = "shopfloor"

_log = logs.get("orders")


async def send_due(
    db: Database, providers: payment_providers.Providers | payment_providers.Source, *, limit: int = 50
) -> int:
    """Have captured or let go what was decided; returns how many were tried.  No transaction is open meanwhile."""
    async with db.transaction() as tx:
        waiting = await payment_authorisations.take_due(tx, limit=limit)
        found = await payments.payments_by_id(tx, *(each.payment_id for each in waiting))
    for wanted in waiting:
        payment = found[wanted.payment_id]
        try:
            await _send(db, await payment_providers.of_shop(providers, wanted.shop_id), wanted, payment)
        except payment_providers.ProviderAway as refusal:
            _log.warning("orders.not_captured", payment_id=str(payment.id), code=refusal.code)
        except Refusal as refusal:
            # The account was removed, or cannot do it: a person has to look.
            async with db.transaction() as tx:
                await payment_authorisations.fail(tx, wanted, reason=refusal.code)
        except Exception as problem:  # noqa: BLE001 -- one that breaks must not keep others from theirs
            _log.error("orders.not_captured", payment_id=str(payment.id), exc_info=problem)
    return len(waiting)


async def _send(
    db: Database,
    providers: payment_providers.Providers,
    wanted: payment_authorisations.Authorisation,
    payment: payments.Payment,
) -> None:
    label = payment.subject_id.hex[-8:].upper()
    if wanted.wanted == "void":
        outcome = await payments.void(providers, payment, label=label)
    else:
        assert wanted.wanted_id is not None, "it stands with what is wanted"
        outcome = await payments.capture(
            providers,
            payment,
            label=label,
            capture_id=wanted.wanted_id,
            amount=Money(wanted.wanted_minor or wanted.amount_minor, wanted.currency),
        )
    async with db.transaction() as tx:
        if isinstance(outcome, payment_providers.Declined):
            await lock(tx, shop_id=payment.shop_id, order_id=payment.subject_id)
            await payment_authorisations.fail(tx, wanted, reason=outcome.reason)
            return
        await apply_report(tx, payment=payment, outcome=outcome)


async def watch(db: Database) -> int:
    """Tell merchants of what ends soon; take what would end with a part of its order under way; let go what is over.

    Returns of how many somebody was told or something was asked.
    """
    async with db.transaction() as tx:
        warned = await payment_authorisations.warn(tx)
        ends = await payment_authorisations.ending(tx)
    for each in ends:
        async with db.transaction() as tx:
            order, lines = await lock(tx, shop_id=each.shop_id, order_id=each.subject_id)
            for reserved in await payment_authorisations.live(tx, subject_id=order.id):
                if reserved.payment_id != each.payment_id:
                    continue
                if reserved.capture_before + payment_authorisations.GRACE <= now():
                    await payment_authorisations.ask_void(tx, reserved, actor=authorising.EXPIRED)
                elif reserved.wanted is None and any(line.shipped_quantity for line in lines):
                    await authorising.ask_for(tx, order, actor=_OURS)
    return warned + len(ends)
