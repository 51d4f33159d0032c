"""The one call that changes an order; what it would come to tells `orders.editing.look`."""

from typing import Any, Protocol
from uuid import UUID

from shopfloor import fapiao, invoicing, orders, payment_providers
from shopfloor.kernel import text
from shopfloor.kernel.database import Database, Tx
from shopfloor.order_edits import queries
from shopfloor.order_edits.models import LONGEST_REASON, Change, Edit, IdReused, ReasonNeeded, Target


class _Done(Protocol):
    """What an edit came to, as far as it is kept."""

    @property
    def order(self) -> orders.Order: ...
    @property
    def before_minor(self) -> int: ...
    @property
    def after_minor(self) -> int: ...
    @property
    def refund_id(self) -> UUID | None: ...
    @property
    def refund_minor(self) -> int: ...
    @property
    def due_minor(self) -> int: ...
    @property
    def waived_minor(self) -> int: ...
    @property
    def changes(self) -> list[dict[str, Any]]: ...


async def listing(tx: Tx, *, shop_id: int, order_id: UUID) -> list[Edit]:
    """What was changed on an order, the oldest first."""
    return await queries.of_order(tx, shop_id=shop_id, order_id=order_id)


async def save(
    db: Database,
    providers: payment_providers.Providers | payment_providers.Source,
    *,
    shop_id: int,
    target: Target,
    actor: str,
) -> Edit:
    """Change an order; with the same id again it is the same edit.

    An invoice that was issued is cancelled by a credit note, and issued anew once the order is paid; a fapiao that was
    issued needs a red one for what the order costs less.  Raises orders.edit_models.REFUSALS, ReasonNeeded, IdReused, UnusableText.
    """
    reason = text.line(target.reason, field="reason", longest=LONGEST_REASON)
    if text.is_blank(reason):
        raise ReasonNeeded
    order_id, digest = target.order_id, target.hash()

    async def first_time(tx: Tx) -> bool:
        known = await queries.known(tx, edit_id=target.id)
        if known is not None and known != digest:
            raise IdReused(edit_id=str(target.id))
        return known is None

    async def first(tx: Tx) -> bool:
        fresh = await first_time(tx)
        if fresh:
            await invoicing.cancel_invoice(tx, shop_id=shop_id, order_id=order_id)
        return fresh

    async def last(tx: Tx, done: _Done) -> None:
        await queries.insert(
            tx,
            id=target.id,
            shop_id=shop_id,
            order_id=order_id,
            hash=digest,
            actor=actor,
            reason=reason,
            is_told=target.tell,
            currency=done.order.currency,
            before_minor=done.before_minor,
            after_minor=done.after_minor,
            refund=done.refund_id,
            refund_minor=done.refund_minor,
            due_minor=done.due_minor,
            waived_minor=done.waived_minor,
            changes=done.changes,
        )
        await invoicing.invoice_again(tx, shop_id=shop_id, order_id=order_id)
        if done.before_minor > done.after_minor:
            await fapiao.follow(
                tx, shop_id=shop_id, order_id=order_id, less=(target.id, done.before_minor - done.after_minor)
            )

    async with db.transaction() as tx:
        # Asked again, it closes no attempt that somebody began meanwhile.
        again = not await first_time(tx)
    if again:
        return await _edit(db, shop_id, target)
    await orders.editing.save(
        db,
        providers,
        shop_id=shop_id,
        order_id=order_id,
        edit_id=target.id,
        change=target.change,
        seen=target.version,
        reason=reason,
        tell=target.tell,
        actor=actor,
        first=first,
        last=last,
    )
    return await _edit(db, shop_id, target)


async def _edit(db: Database, shop_id: int, target: Target) -> Edit:
    async with db.transaction() as tx:
        edits = await queries.of_order(tx, shop_id=shop_id, order_id=target.order_id)
    found = next((each for each in edits if each.id == target.id), None)
    if found is None:
        # Another shop's.
        raise IdReused(edit_id=str(target.id))
    return found


async def waive(
    db: Database,
    providers: payment_providers.Providers | payment_providers.Source,
    *,
    shop_id: int,
    order_id: UUID,
    edit_id: UUID,
    reason: str,
    actor: str,
) -> Edit:
    """What is due of an order after an edit is forgiven: it may leave.  Raises what `save` raises."""
    target = Target(edit_id, order_id, Change(waive=True), reason, tell=False)
    return await save(db, providers, shop_id=shop_id, target=target, actor=actor)
