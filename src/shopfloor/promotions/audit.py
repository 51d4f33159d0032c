"""The audit of promotions: each invariant with what was looked at and the keys that break it."""

from shopfloor.kernel import invariants
from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import AuditRow, Invariant


async def audit(tx: Tx) -> list[Invariant]:
    """The invariants of promotions over all shops."""
    checks = (
        ("promotions: what was used of a discount is what orders use", audit_uses),
        ("promotions: discounts stay within their limits and budget", audit_limits),
        ("promotions: what was used of a code is what orders use", audit_codes),
        (
            "promotions: claims are those that were counted, used by orders that have the discount",
            audit_claims,
        ),
    )
    return await invariants.counted(tx, checks)


async def audit_uses(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(a.discount_id::text) FILTER (WHERE a.uses <> coalesce(u.uses, 0)
                 OR a.spent_minor <> coalesce(u.spent, 0)), '{}') AS offending
          FROM promotions.allowance a
          LEFT JOIN (SELECT discount_id, count(*) AS uses, sum(amount_minor) AS spent
                       FROM promotions.use WHERE returned_at IS NULL GROUP BY discount_id) u USING (discount_id)
        """,
    )


async def audit_limits(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(a.discount_id::text) FILTER (WHERE a.uses > a.most_uses
                 OR a.spent_minor > a.budget_minor OR a.claims > a.most_claims), '{}') AS offending
          FROM promotions.allowance a
        """,
    )


async def audit_codes(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(c.written) FILTER (WHERE c.uses <> coalesce(u.uses, 0)
                 OR c.uses > c.most_uses), '{}') AS offending
          FROM promotions.code c
          LEFT JOIN (SELECT shop_id, code_key, count(*) AS uses FROM promotions.use
                      WHERE returned_at IS NULL AND code_key IS NOT NULL GROUP BY shop_id, code_key) u
            ON u.shop_id = c.shop_id AND u.code_key = c.key
        """,
    )


async def audit_claims(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(a.discount_id::text) FILTER (WHERE a.claims <> coalesce(c.claims, 0)
                 OR coalesce(c.lost, 0) > 0), '{}') AS offending
          FROM promotions.allowance a
          LEFT JOIN (SELECT c.discount_id, count(*) AS claims,
                            count(*) FILTER (WHERE c.used_by IS NOT NULL AND u.order_id IS NULL) AS lost
                       FROM promotions.claim c
                       LEFT JOIN promotions.use u ON u.discount_id = c.discount_id AND u.order_id = c.used_by
                        AND u.returned_at IS NULL
                      GROUP BY c.discount_id) c USING (discount_id)
        """,
    )
