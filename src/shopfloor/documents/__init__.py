"""Papers: invoices, credit notes and receipts, kept for good; pick lists, packing slips and labels, for the day.

Promise: numbers run without gaps, by shop, kind and year, and are given outside of the sale; what was issued never
changes, in content or bytes; texts are text, in any script that the fonts have.
"""

from shopfloor.documents import audit, code128, typesetting, words
from shopfloor.documents.models import (
    Document,
    DocumentNotFound,
    Kind,
    NewDocument,
    NotMadeYet,
    Paper,
    Row,
    Seller,
    SellerMissing,
    Sheet,
    SheetKind,
    Sum,
    TaxRow,
)
from shopfloor.documents.service import (
    ask_sheet,
    file,
    find,
    forget_sheets,
    issue,
    lock,
    make_files,
    make_sheet,
    of_subject,
    seller,
    set_seller,
    sheet,
    sheet_file,
)

__all__ = [
    "Document",
    "DocumentNotFound",
    "Kind",
    "NewDocument",
    "NotMadeYet",
    "Paper",
    "Row",
    "Seller",
    "SellerMissing",
    "Sheet",
    "SheetKind",
    "Sum",
    "TaxRow",
    "ask_sheet",
    "audit",
    "code128",
    "file",
    "find",
    "forget_sheets",
    "issue",
    "lock",
    "make_files",
    "make_sheet",
    "of_subject",
    "seller",
    "set_seller",
    "sheet",
    "sheet_file",
    "typesetting",
    "words",
]
