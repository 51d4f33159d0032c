"""Invoices, credit notes and receipts of orders.

Promise: an order has one invoice, of what its buyer was charged; credit notes are of what was given back and together
never more than the invoice; numbers are given after the sale, and without gaps.
"""

from shopfloor.invoicing.audit import audit
from shopfloor.invoicing.service import FILES, credit, invoice, invoice_when_due, make_files, receipt

__all__ = ["FILES", "audit", "credit", "invoice", "invoice_when_due", "make_files", "receipt"]
