"""The audit of papers: each invariant with what was looked at and the keys that break it."""

from shopfloor import documents
from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import Invariant
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class _Looked:
    looked_at: int
    offending: list[str]


async def audit(tx: Tx) -> list[Invariant]:
    """The invariants of papers over all shops."""
    numbers, gaps = await documents.audit.gaps(tx)
    files, damaged = await documents.audit.damaged(tx)
    papers = await _unlike_orders(tx)
    return [
        Invariant.counted("numbers of invoices and credit notes run without gaps", numbers, tuple(gaps)),
        Invariant.counted("the files of documents are as they were kept", files, tuple(damaged)),
        Invariant.counted(
            "invoices are of what was ordered, credit notes of no more than was refunded",
            papers.looked_at,
            tuple(papers.offending),
        ),
    ]


async def _unlike_orders(tx: Tx) -> _Looked:
    """Of an order that was changed, the invoices that were cancelled are balanced by their credit notes: what is left is
    of the order as it is, or of nothing while it is not paid.
    """
    return await tx.one(
        _Looked,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(o.id::text)
                        FILTER (WHERE CASE WHEN e.edits = 0
                                  THEN d.invoiced <> o.total_minor OR d.taxed > o.total_minor
                                    OR d.credited > CASE WHEN d.invoiced IS NULL THEN 0 ELSE o.refund_granted_minor END
                                  ELSE coalesce(d.invoiced, 0) <> d.credited
                                   AND coalesce(d.invoiced, 0) - d.credited
                                       NOT BETWEEN o.total_minor - o.refund_granted_minor AND o.total_minor END
                                OR d.credited_tax > d.taxed), '{}') AS offending
          FROM (SELECT subject_id, sum(total_minor) FILTER (WHERE kind = 'invoice') AS invoiced,
                       sum(tax_minor) FILTER (WHERE kind = 'invoice') AS taxed,
                       coalesce(sum(total_minor) FILTER (WHERE kind = 'credit_note'), 0) AS credited,
                       coalesce(sum(tax_minor) FILTER (WHERE kind = 'credit_note'), 0) AS credited_tax
                  FROM documents.v_document GROUP BY subject_id) d
          JOIN orders.v_order o ON o.id = d.subject_id
          JOIN orders.v_edited e ON e.id = d.subject_id
        """,
    )
