"""Orders whose buyers are to be reminded or told."""

from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.letters import TOLD, Told


async def sold_at_a_till(tx: Tx, *, order_id: UUID) -> bool:
    return bool(
        await tx.value(
            "SELECT channel = 'till' FROM orders.v_at_counter WHERE order_id = %(order_id)s",
            order_id=order_id,
        )
    )


async def to_be_reminded(tx: Tx, *, lead_hours: int, limit: int) -> list[Told]:
    """Unpaid orders whose time is nearly over: a day before, or at half of the time where that is shorter.  Who has
    less than two hours in all is not reminded.
    """
    return await tx.every(
        Told,
        TOLD
        + """
         WHERE status = 'placed' AND contact_email <> '' AND charged_minor + authorised_minor < first_minor
           AND payment_due_at BETWEEN now() AND now() + make_interval(hours => %(lead)s)
           AND payment_due_at - placed_at >= interval '2 hours'
           AND now() >= payment_due_at - least(make_interval(hours => %(lead)s), (payment_due_at - placed_at) / 2)
           AND NOT EXISTS (SELECT FROM notifications.v_reminded r
                            WHERE r.order_id = v_told.id
                              AND r.due_at = to_char(payment_due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
         ORDER BY payment_due_at LIMIT %(limit)s
        """,
        lead=lead_hours,
        limit=limit,
    )


async def balances_to_be_reminded(tx: Tx, *, lead_hours: int, limit: int) -> list[Told]:
    return await tx.every(
        Told,
        TOLD
        + """
         WHERE status = 'placed' AND contact_email <> ''
           AND charged_minor >= first_minor AND charged_minor < total_minor
           AND balance_due_at BETWEEN now() AND now() + make_interval(hours => %(lead)s)
           AND NOT EXISTS (SELECT FROM notifications.v_reminded r
                            WHERE r.order_id = v_told.id
                              AND r.due_at = to_char(balance_due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
         ORDER BY balance_due_at LIMIT %(limit)s
        """,
        lead=lead_hours,
        limit=limit,
    )


async def paid_by_exchange(tx: Tx, *, order_id: UUID) -> int | None:
    """What goods that came back have paid of an order that is sent for them; None for any other order."""
    return await tx.value(
        """
        SELECT max(amount_minor) FROM payments.v_payment WHERE subject_id = %(order_id)s AND method = 'exchange'
        """,
        order_id=order_id,
    )
