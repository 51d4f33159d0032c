"""Invoices, credit notes and receipts of orders.

Promise: an order has one invoice that holds, of what its buyer was charged; credit notes are of what was given back and
together never more than the invoice; numbers are given after the sale, and without gaps.
"""

from shopfloor.invoicing import heard
from shopfloor.invoicing.audit import audit
from shopfloor.invoicing.service import (
    FILES,
    cancel_invoice,
    credit,
    invoice,
    invoice_again,
    invoice_when_due,
    make_files,
    receipt,
)

__all__ = [
    "FILES",
    "audit",
    "cancel_invoice",
    "credit",
    "heard",
    "invoice",
    "invoice_again",
    "invoice_when_due",
    "make_files",
    "receipt",
]
