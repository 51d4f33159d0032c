"""The audit of orders: each invariant with what was looked at and the keys that break it."""

from shopfloor.kernel import invariants
from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import AuditRow, Invariant


async def audit(tx: Tx) -> list[Invariant]:
    """The invariants of orders over all shops."""
    checks = (
        ("orders: lines add up to the order", audit_line_sums),
        ("orders: the lines of a bundle add up to it", audit_bundle_sums),
        ("orders: tax lines add up to the tax of the order", audit_tax_sums),
        ("orders: shares of discounts add up to what was counted", audit_discount_sums),
        ("orders: what was asked is what the order costs", audit_asked),
        ("orders: sums are those of the payment events", audit_payment_sums),
        ("orders: what an edit gives back was granted, or waits for a second person", audit_edit_refunds),
        ("orders: what is reserved is what the payments say", audit_authorised),
        ("orders: what banks took back is what the disputes say", audit_disputed_sums),
        ("orders: a refund that needed a second person has one", audit_confirmed),
        ("orders: nobody paid more than the order", audit_overpaid),
        ("orders: what pays for a replacement was given back by one other order", audit_carried_over),
        ("orders: promised units are allocated in the ledger", audit_secured),
        ("orders: allocated units belong to an order", audit_allocated),
        ("orders: parcels hold no more than was ordered", audit_parcels),
        ("orders: what was shipped left the ledger once", audit_shipped),
        ("orders: the product pages that buyers saw are there", audit_pages),
        ("orders: a purchase of a basket is in one order, with others of its buyer", audit_baskets),
        ("orders: orders in one parcel are of one buyer", audit_together),
    )
    return await invariants.counted(tx, checks)


async def audit_line_sums(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(o.id::text) FILTER (WHERE o.goods_minor <> l.goods OR o.first_minor <> l.first + o.shipping_minor),
                        '{}') AS offending
          FROM orders.orders o
          JOIN (SELECT order_id, sum(amount_minor) AS goods, sum(first_minor) AS first
                  FROM orders.line GROUP BY order_id) l ON l.order_id = o.id
        """,
    )


async def audit_bundle_sums(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(b.order_id || '/' || b.bundle_id)
                        FILTER (WHERE b.amount_minor IS DISTINCT FROM l.amount), '{}') AS offending
          FROM orders.bundle b
          LEFT JOIN (SELECT order_id, bundle_id, sum(amount_minor) AS amount
                       FROM orders.line WHERE bundle_id IS NOT NULL GROUP BY order_id, bundle_id) l USING (order_id, bundle_id)
        """,
    )


async def audit_tax_sums(tx: Tx) -> AuditRow:
    """Of orders from before there was a price function there is nothing to add up."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(o.id::text) FILTER (WHERE o.tax_minor <> coalesce(t.tax, 0)
                 OR o.tax_minor <> coalesce(l.tax, 0) + (o.calculation #>> '{shipping,tax}')::bigint
                 OR o.total_minor <> (o.calculation #>> '{totals,total}')::bigint), '{}') AS offending
          FROM orders.orders o
          LEFT JOIN (SELECT order_id, sum(tax_minor) AS tax FROM orders.tax_line GROUP BY order_id) t ON t.order_id = o.id
          LEFT JOIN (SELECT order_id, sum(tax_minor) AS tax FROM orders.line GROUP BY order_id) l ON l.order_id = o.id
         WHERE o.calculation IS NOT NULL
        """,
    )


async def audit_discount_sums(tx: Tx) -> AuditRow:
    """Lines and shipping have all of it, as many uses are counted as the order has, and none of one that fell."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(o.id::text) FILTER (WHERE
                   (o.calculation #>> '{totals,discount}')::bigint
                     <> coalesce(u.amount, 0) + coalesce((o.calculation #>> '{waived,listed}')::bigint, 0)
                OR (o.calculation #>> '{totals,discount}')::bigint
                     <> l.discount + (o.calculation #>> '{shipping,discount}')::bigint
                OR coalesce(u.counts, 0) <> CASE WHEN o.cancelled_at IS NULL THEN coalesce(u.uses, 0) ELSE 0 END),
                '{}') AS offending
          FROM orders.orders o
          JOIN (SELECT order_id, sum(discount_minor) AS discount FROM orders.line GROUP BY order_id) l ON l.order_id = o.id
          LEFT JOIN (SELECT order_id, sum(amount_minor) AS amount, count(*) AS uses, count(*) FILTER (WHERE counts) AS counts
                       FROM promotions.v_use GROUP BY order_id) u ON u.order_id = o.id
         WHERE o.calculation IS NOT NULL
        """,
    )


async def audit_asked(tx: Tx) -> AuditRow:
    """The first attempt asks for what is due at once, the one for the balance for the rest; what an exchanged item has paid
    need not be asked for.  What an edited order asked for before is history; what is open at a provider is what is due.
    """
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(p.id::text) FILTER (WHERE p.currency IS DISTINCT FROM o.currency
                 OR p.amount_minor IS DISTINCT FROM CASE
                      WHEN o.edits > 0 AND p.provider <> 'manual'
                       AND p.state NOT IN ('captured', 'declined', 'closed', 'authorised')
                      THEN CASE WHEN o.charged_minor < o.first_minor THEN o.first_minor ELSE o.total_minor END
                             - o.charged_minor
                      WHEN o.edits > 0 THEN p.amount_minor
                      WHEN p.method = 'exchange' THEN coalesce(x.paid, 0)
                      -- What was given up before it was charged.
                      WHEN p.method = 'let_go' THEN p.amount_minor
                      -- A till splits what is paid over tenders; the audit of tills adds them up.
                      WHEN o.channel = 'till' THEN p.amount_minor
                      WHEN r.taken > 0 AND p.id <> r.payment_id AND p.created_at > r.ended_at THEN o.first_minor - r.taken
                      WHEN p.purpose = 'balance' THEN o.total_minor - o.first_minor
                      ELSE o.first_minor - coalesce(x.paid, 0) END), '{}') AS offending
          FROM payments.v_payment p JOIN orders.orders o ON o.id = p.subject_id
          LEFT JOIN (SELECT p.subject_id, sum(e.amount_minor) AS paid
                       FROM payments.v_payment p JOIN payments.v_event e ON e.payment_id = p.id AND e.kind = 'charged'
                      WHERE p.method = 'exchange' GROUP BY p.subject_id) x ON x.subject_id = o.id
          -- Of what was reserved a part was taken at the provider: the rest is asked for.
          LEFT JOIN LATERAL (SELECT a.payment_id, a.ended_at, e.amount_minor AS taken
                               FROM payments.v_authorisation a
                               JOIN payments.v_event e ON e.payment_id = a.payment_id AND e.kind = 'charged'
                              WHERE a.subject_id = o.id AND e.amount_minor < a.amount_minor LIMIT 1) r ON true
        """,
    )


async def audit_payment_sums(tx: Tx) -> AuditRow:
    """Without what edits gave back, which is no part of what the order costs now."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(o.id::text) FILTER (WHERE
                 (o.charged_minor, o.refund_granted_minor, o.refunded_minor, o.edited_minor, o.edit_owed_minor)
                 IS DISTINCT FROM (coalesce(e.charged, 0) - coalesce(r.edited, 0), coalesce(e.granted, 0),
                                   coalesce(e.refunded, 0), coalesce(r.edited, 0),
                                   coalesce(r.edited, 0) - coalesce(e.edit_sent, 0))), '{}') AS offending
          FROM orders.orders o
          LEFT JOIN (SELECT order_id, sum(amount_minor) AS edited FROM orders.edit_refund GROUP BY order_id) r
            ON r.order_id = o.id
          LEFT JOIN (SELECT e.subject_id, sum(e.amount_minor) FILTER (WHERE kind = 'charged') AS charged,
                            sum(e.amount_minor) FILTER (WHERE kind = 'refund_granted' AND r.refund IS NULL) AS granted,
                            sum(e.amount_minor) FILTER (WHERE kind = 'refunded' AND r.refund IS NULL) AS refunded,
                            sum(e.amount_minor) FILTER (WHERE kind = 'refunded' AND r.refund IS NOT NULL) AS edit_sent
                       FROM payments.v_event e
                       LEFT JOIN orders.edit_refund r ON r.order_id = e.subject_id
                                                     AND r.refund::text = split_part(e.reference, '/', 1)
                      GROUP BY e.subject_id) e ON e.subject_id = o.id
        """,
    )


async def audit_edit_refunds(tx: Tx) -> AuditRow:
    """What an edit gives back is granted, to the cent, or a second person is asked, or said no."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(r.refund::text) FILTER (WHERE coalesce(g.amount, 0) <>
                 CASE WHEN a.refund IS NULL OR a.decision = 'confirmed' THEN r.amount_minor ELSE 0 END), '{}') AS offending
          FROM orders.edit_refund r
          LEFT JOIN approvals.v_request a ON a.refund = r.refund AND a.kind = 'refund'
          LEFT JOIN (SELECT split_part(reference, '/', 1) AS refund, subject_id, sum(amount_minor) AS amount
                       FROM payments.v_event WHERE kind = 'refund_granted' GROUP BY 1, 2) g
            ON g.refund = r.refund::text AND g.subject_id = r.order_id
        """,
    )


async def audit_authorised(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(o.id::text) FILTER (WHERE o.authorised_minor <> coalesce(a.live, 0)), '{}') AS offending
          FROM (SELECT id, authorised_minor FROM orders.orders WHERE authorised_minor <> 0
                UNION SELECT o.id, o.authorised_minor FROM payments.v_authorisation a JOIN orders.orders o ON o.id = a.subject_id) o
          LEFT JOIN (SELECT subject_id, sum(amount_minor) AS live FROM payments.v_authorisation WHERE ended IS NULL
                      GROUP BY subject_id) a ON a.subject_id = o.id
        """,
    )


async def audit_disputed_sums(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(o.id::text) FILTER (WHERE o.disputed_minor <> greatest(0, w.amount)), '{}') AS offending
          FROM orders.orders o
          JOIN (SELECT id, coalesce(sum(amount_minor), 0) AS amount
                  FROM (SELECT id, 0 AS amount_minor FROM orders.orders WHERE disputed_minor <> 0
                        UNION ALL SELECT subject_id, amount_minor FROM disputes.v_withdrawn) both_sides
                 GROUP BY id) w ON w.id = o.id
        """,
    )


async def audit_confirmed(tx: Tx) -> AuditRow:
    """What was confirmed is granted, of that amount; what was not is not."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(r.id::text) FILTER (WHERE coalesce(g.amount, 0) <>
                 CASE WHEN r.decision = 'confirmed' THEN r.amount_minor ELSE 0 END), '{}') AS offending
          FROM approvals.v_request r
          LEFT JOIN (SELECT split_part(reference, '/', 1) AS refund, shop_id, sum(amount_minor) AS amount
                       FROM payments.v_event WHERE kind = 'refund_granted' GROUP BY 1, 2) g
            ON g.refund = r.refund::text AND g.shop_id = r.shop_id
         WHERE r.kind = 'refund'
        """,
    )


async def audit_overpaid(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(id::text) FILTER (WHERE charged_minor > total_minor), '{}') AS offending
          FROM orders.orders
        """,
    )


async def audit_carried_over(tx: Tx) -> AuditRow:
    """To the cent, and in the same currency."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(c.id::text) FILTER (WHERE g.amount IS DISTINCT FROM c.amount_minor
                                                         OR g.orders IS DISTINCT FROM 1 OR g.currency <> p.currency), '{}')
                 AS offending
          FROM payments.v_payment p JOIN payments.v_event c ON c.payment_id = p.id AND c.kind = 'charged'
          LEFT JOIN (SELECT e.shop_id, split_part(e.reference, '/', 1) AS refund, sum(e.amount_minor) AS amount,
                            count(DISTINCT e.subject_id) AS orders, min(o.currency) AS currency
                       FROM payments.v_event e JOIN orders.orders o ON o.id = e.subject_id
                      WHERE e.kind = 'refunded' GROUP BY 1, 2) g
            ON g.shop_id = c.shop_id AND 'exchange/' || g.refund = c.reference
         WHERE p.method = 'exchange'
        """,
    )


async def audit_secured(tx: Tx) -> AuditRow:
    """An order that says its units are promised has an allocated or shipped hold of exactly these units."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(l.order_id || '/' || l.variant_id)
                        FILTER (WHERE coalesce(h.units, 0) <> l.units), '{}') AS offending
          FROM (SELECT o.id AS order_id, o.hold_id, l.variant_id, sum(l.quantity - l.cancelled_quantity) AS units
                  FROM orders.orders o JOIN orders.line l ON l.order_id = o.id
                 WHERE o.secured GROUP BY o.id, o.hold_id, l.variant_id) l
          LEFT JOIN (SELECT id, variant_id, sum(quantity) AS units FROM stock.v_hold
                      WHERE state IN ('allocated', 'shipped', 'returned') GROUP BY id, variant_id) h
            ON h.id = l.hold_id AND h.variant_id = l.variant_id
        """,
    )


async def audit_allocated(tx: Tx) -> AuditRow:
    """A hold that is allocated belongs to an order that counts on it."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(h.id::text) FILTER (WHERE o.id IS NULL), '{}') AS offending
          FROM (SELECT DISTINCT id FROM stock.v_hold WHERE state = 'allocated') h
          LEFT JOIN orders.orders o ON o.hold_id = h.id AND o.secured
        """,
    )


async def audit_parcels(tx: Tx) -> AuditRow:
    """Of each line: what is in parcels was ordered, and what left in them counts as shipped."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(l.order_id || '/' || l.id)
                        FILTER (WHERE p.units > l.quantity - l.cancelled_quantity OR p.gone > l.shipped_quantity), '{}')
                 AS offending
          FROM (SELECT n.line_id, sum(n.quantity) AS units,
                       coalesce(sum(n.quantity) FILTER (WHERE p.left_at IS NOT NULL), 0) AS gone
                  FROM fulfilment.v_parcel_line n JOIN fulfilment.v_parcel p ON p.id = n.parcel_id
                 WHERE p.state <> 'cancelled' GROUP BY n.line_id) p
          JOIN orders.line l ON l.id = p.line_id
        """,
    )


async def audit_shipped(tx: Tx) -> AuditRow:
    """Per order and variant: units that lines say left, and those that the ledger let go."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(l.order_id || '/' || l.variant_id)
                        FILTER (WHERE coalesce(h.units, 0) <> l.units), '{}') AS offending
          FROM (SELECT o.id AS order_id, o.hold_id, l.variant_id, sum(l.shipped_quantity) AS units
                  FROM orders.orders o JOIN orders.line l ON l.order_id = o.id
                 WHERE o.shipped_at IS NOT NULL GROUP BY o.id, o.hold_id, l.variant_id) l
          LEFT JOIN (SELECT id, variant_id, sum(quantity) AS units FROM stock.v_hold
                      WHERE state IN ('shipped', 'returned') GROUP BY id, variant_id) h
            ON h.id = l.hold_id AND h.variant_id = l.variant_id
        """,
    )


async def audit_pages(tx: Tx) -> AuditRow:
    """Every product page that a checkout names is kept."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(DISTINCT c.id::text) FILTER (WHERE t.hash IS NULL), '{}') AS offending
          FROM orders.checkout c
         CROSS JOIN jsonb_array_elements_text(c.page -> 'product_hashes') AS n (hash)
          LEFT JOIN orders.page_text t ON t.shop_id = c.shop_id AND t.hash = decode(n.hash, 'hex')
        """,
    )


async def audit_baskets(tx: Tx) -> AuditRow:
    """What is checked out with another purchase is of the same buyer, ordered there and nowhere else, and holds nothing."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(c.id::text)
                        FILTER (WHERE r.id IS NULL OR r.joined_to IS NOT NULL OR r.buyer <> c.buyer OR r.shop_id <> c.shop_id
                                   OR EXISTS (SELECT FROM orders.orders o WHERE o.checkout_id = c.id
                                                 AND o.cancel_why IS DISTINCT FROM 'declined')
                                   OR EXISTS (SELECT FROM stock.v_hold h WHERE h.id = c.id
                                                 AND h.state IN ('held', 'allocated', 'shipped'))), '{}') AS offending
          FROM orders.checkout c
          LEFT JOIN orders.checkout r ON r.id = c.joined_to
         WHERE c.joined_to IS NOT NULL
        """,
    )


async def audit_together(tx: Tx) -> AuditRow:
    """An order that leaves in the parcel of another is of its buyer; that one joins none itself, and is shipped."""
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(o.id::text)
                        FILTER (WHERE e.id IS NULL OR e.buyer <> o.buyer OR e.shop_id <> o.shop_id
                                   OR e.joins_order_id IS NOT NULL OR e.delivery <> 'ship'), '{}') AS offending
          FROM orders.orders o
          LEFT JOIN orders.orders e ON e.id = o.joins_order_id
         WHERE o.joins_order_id IS NOT NULL
        """,
    )
