"""SQL of approvals.  One function, one statement; rows come back as the dataclass they fill."""

from uuid import UUID

from shopfloor.approvals.models import Member, Request
from shopfloor.kernel.database import Tx


async def limit(tx: Tx, *, shop_id: int) -> int | None:
    found: int | None = await tx.value(
        "SELECT (SELECT refund_limit_minor FROM approvals.rule WHERE shop_id = %(shop_id)s)", shop_id=shop_id
    )
    return found


async def set_limit(tx: Tx, *, shop_id: int, limit_minor: int | None, person_id: int) -> None:
    await tx.run(
        """
        INSERT INTO approvals.rule (shop_id, refund_limit_minor, changed_by)
        VALUES (%(shop_id)s, %(limit)s, %(person_id)s)
        ON CONFLICT (shop_id) DO UPDATE
           SET refund_limit_minor = excluded.refund_limit_minor, changed_by = excluded.changed_by, changed_at = now()
        """,
        shop_id=shop_id,
        limit=limit_minor,
        person_id=person_id,
    )


async def members(tx: Tx, *, shop_id: int) -> list[Member]:
    return await tx.every(
        Member,
        "SELECT person_id, role, email FROM accounts.v_member WHERE shop_id = %(shop_id)s ORDER BY person_id",
        shop_id=shop_id,
    )


async def waiting_minor(tx: Tx, *, order_id: UUID) -> int:
    found: int = await tx.value(
        """
        SELECT coalesce(sum(amount_minor), 0)::bigint FROM approvals.request
         WHERE order_id = %(order_id)s AND kind = 'refund' AND decision IS NULL
        """,
        order_id=order_id,
    )
    return found


async def insert(tx: Tx, request: Request) -> bool:
    inserted = await tx.run(
        """
        INSERT INTO approvals.request (id, shop_id, order_id, refund, kind, why, amount_minor, currency, note, asked_by,
                                       asked_at)
        VALUES (%(id)s, %(shop_id)s, %(order_id)s, %(refund)s, %(kind)s, %(why)s, %(amount)s, %(currency)s, %(note)s,
                %(asked_by)s, %(asked_at)s)
        ON CONFLICT (shop_id, refund, kind) DO NOTHING
        """,
        id=request.id,
        shop_id=request.shop_id,
        order_id=request.order_id,
        refund=request.refund,
        kind=request.kind,
        why=request.why,
        amount=request.amount_minor,
        currency=request.currency,
        note=request.note,
        asked_by=request.asked_by,
        asked_at=request.asked_at,
    )
    return inserted == 1


async def by_refund(tx: Tx, *, shop_id: int, refund_id: UUID, kind: str) -> Request | None:
    return await tx.first(
        Request,
        """
        SELECT id, shop_id, order_id, refund, kind, why, amount_minor, currency, note, asked_by, asked_at, decision,
               decided_by, decided_at
          FROM approvals.request WHERE shop_id = %(shop_id)s AND refund = %(refund)s AND kind = %(kind)s
        """,
        shop_id=shop_id,
        refund=refund_id,
        kind=kind,
    )


async def request(tx: Tx, *, shop_id: int, request_id: UUID) -> Request | None:
    return await tx.first(
        Request,
        """
        SELECT id, shop_id, order_id, refund, kind, why, amount_minor, currency, note, asked_by, asked_at, decision,
               decided_by, decided_at
          FROM approvals.request WHERE shop_id = %(shop_id)s AND id = %(id)s
        """,
        shop_id=shop_id,
        id=request_id,
    )


async def decide(tx: Tx, *, request_id: UUID, decision: str, person_id: int) -> bool:
    """False when somebody was faster."""
    changed = await tx.run(
        """
        UPDATE approvals.request SET decision = %(decision)s, decided_by = %(person_id)s, decided_at = now()
         WHERE id = %(id)s AND decision IS NULL
        """,
        decision=decision,
        person_id=person_id,
        id=request_id,
    )
    return changed == 1


async def of_order(tx: Tx, *, order_id: UUID) -> list[Request]:
    """Newest first, with who asked."""
    return await tx.every(
        Request,
        """
        SELECT r.id, r.shop_id, r.order_id, r.refund, r.kind, r.why, r.amount_minor, r.currency, r.note, r.asked_by,
               r.asked_at, r.decision, r.decided_by, r.decided_at, coalesce(m.name, '') AS asked_by_name
          FROM approvals.request r
          LEFT JOIN accounts.v_member m ON m.shop_id = r.shop_id AND m.person_id = r.asked_by
         WHERE r.order_id = %(order_id)s ORDER BY r.asked_at DESC, r.id DESC
        """,
        order_id=order_id,
    )


async def waiting(
    tx: Tx, *, shop_id: int, after: UUID | None, before: UUID | None, limit: int
) -> list[Request]:
    """Oldest first, with who asked; for `kernel.paging`."""
    return await tx.every(
        Request,
        """
        SELECT r.id, r.shop_id, r.order_id, r.refund, r.kind, r.why, r.amount_minor, r.currency, r.note, r.asked_by,
               r.asked_at, r.decision, r.decided_by, r.decided_at, coalesce(m.name, '') AS asked_by_name
          FROM approvals.request r
          LEFT JOIN accounts.v_member m ON m.shop_id = r.shop_id AND m.person_id = r.asked_by
         WHERE r.shop_id = %(shop_id)s AND r.decision IS NULL
           AND (%(after)s::uuid IS NULL OR (r.asked_at, r.id) >
                (SELECT m.asked_at, m.id FROM approvals.request m WHERE m.id = %(after)s))
           AND (%(before)s::uuid IS NULL OR (r.asked_at, r.id) <
                (SELECT m.asked_at, m.id FROM approvals.request m WHERE m.id = %(before)s))
         ORDER BY CASE WHEN %(before)s::uuid IS NOT NULL THEN r.asked_at END DESC,
                  CASE WHEN %(before)s::uuid IS NOT NULL THEN r.id END DESC, r.asked_at, r.id
         LIMIT %(limit)s
        """,
        shop_id=shop_id,
        after=after,
        before=before,
        limit=limit,
    )
