"""SQL of edits.  One function, one statement."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.order_edits.models import Edit


async def known(tx: Tx, *, edit_id: UUID) -> bytes | None:
    """The hash of what was saved under this id."""
    found: bytes | None = await tx.value(
        "SELECT (SELECT hash FROM order_edits.edit WHERE id = %(id)s)", id=edit_id
    )
    return found


async def insert(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    shop_id: int,
    order_id: UUID,
    hash: bytes,  # noqa: A002 -- the column's name
    actor: str,
    reason: str,
    is_told: bool,
    currency: str,
    before_minor: int,
    after_minor: int,
    refund: UUID | None,
    refund_minor: int,
    due_minor: int,
    waived_minor: int,
    changes: Sequence[dict[str, Any]],
) -> None:
    await tx.run(
        """
        INSERT INTO order_edits.edit (id, shop_id, order_id, number, hash, actor, reason, told, currency, before_minor,
                                      after_minor, refund, refund_minor, due_minor, waived_minor, changes)
        SELECT %(id)s, %(shop_id)s, %(order_id)s, coalesce(max(number), 0) + 1, %(hash)s, %(actor)s, %(reason)s,
               %(is_told)s, %(currency)s, %(before)s, %(after)s, %(refund)s, %(refund_minor)s, %(due)s, %(waived)s,
               %(changes)s
          FROM order_edits.edit WHERE order_id = %(order_id)s
        """,
        id=id,
        shop_id=shop_id,
        order_id=order_id,
        hash=hash,
        actor=actor,
        reason=reason,
        is_told=is_told,
        currency=currency,
        before=before_minor,
        after=after_minor,
        refund=refund,
        refund_minor=refund_minor,
        due=due_minor,
        waived=waived_minor,
        changes=Jsonb(list(changes)),
    )


async def of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> list[Edit]:
    """The oldest first."""
    return await tx.every(
        Edit,
        """
        SELECT id, shop_id, order_id, number, actor, reason, told, currency, before_minor, after_minor, refund,
               refund_minor, due_minor, waived_minor, changes, at
          FROM order_edits.edit WHERE order_id = %(order_id)s AND shop_id = %(shop_id)s ORDER BY number
        """,
        order_id=order_id,
        shop_id=shop_id,
    )
