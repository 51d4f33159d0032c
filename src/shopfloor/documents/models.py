"""Papers: numbered documents and printed sheets, and this module's refusals.  No I/O here."""

from dataclasses import field
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from shopfloor.kernel.errors import Conflict, NotFound
from shopfloor.kernel.records import dataclass


class Kind(StrEnum):
    """What is kept for good.  An invoice and a credit note have a number, without gaps; a receipt has none."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    RECEIPT = "receipt"


class SheetKind(StrEnum):
    """What is printed to work with, and forgotten."""

    PICK_LIST = "pick_list"
    PACKING_SLIP = "packing_slip"
    LABEL = "label"


class DocumentNotFound(NotFound):
    """There is no such document here."""

    code = "documents.not_found"


class SellerMissing(Conflict):
    """Invoices need the seller's name and address; enter them in the settings first."""

    code = "documents.seller_missing"


class NotMadeYet(Conflict):
    """The file is still being made; ask again in a moment."""

    code = "documents.not_made_yet"


@dataclass(frozen=True, slots=True)
class Seller:
    """Who invoices are from.  `automatic`: every order gets one when it is paid."""

    name: str = ""
    address: str = ""
    tax_number: str = ""
    registration: str = ""
    email: str = ""
    footer: str = ""
    invoice_prefix: str = ""
    credit_prefix: str = ""
    automatic: bool = False

    @property
    def is_complete(self) -> bool:
        return bool(self.name and self.address)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a paper, as it is read."""

    title: str
    detail: str
    quantity: str
    price: str
    tax: str
    amount: str


@dataclass(frozen=True, slots=True)
class Sum:
    label: str
    amount: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class TaxRow:
    name: str
    net: str
    tax: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A document as it is read, all of it text.  Parties are lines: the first is the name."""

    lang: str
    title: str
    facts: list[tuple[str, str]]
    seller: list[str]
    buyer: list[str]
    rows: list[Row]
    sums: list[Sum]
    taxes: list[TaxRow] = field(default_factory=list[TaxRow])
    notes: list[str] = field(default_factory=list[str])
    footer: str = ""
    code: list[list[int]] = field(default_factory=list[list[int]])
    """A code to scan: where each row is dark."""
    code_note: str = ""


@dataclass(frozen=True, slots=True)
class NewDocument:
    """`source`: what there is one document of this kind for; `subject_id`: the order that it is about."""

    kind: Kind
    subject_id: UUID
    source: UUID
    currency: str
    total_minor: int
    tax_minor: int
    issued_on: date


@dataclass(frozen=True, slots=True)
class Document:
    id: UUID
    shop_id: int
    kind: Kind
    subject_id: UUID
    source: UUID
    year: int
    serial: int | None
    number: str
    currency: str
    total_minor: int
    tax_minor: int
    issued_at: datetime
    made_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", Kind(self.kind))


@dataclass(frozen=True, slots=True)
class Sheet:
    """`asked`: ids of what is printed, as text."""

    id: UUID
    shop_id: int
    kind: SheetKind
    asked: list[str]
    created_at: datetime
    made_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", SheetKind(self.kind))


@dataclass(frozen=True, slots=True)
class File:
    name: str
    content: bytes


def as_data(paper: Paper) -> dict[str, Any]:
    """What the typesetter takes."""
    return {
        "lang": paper.lang,
        "title": paper.title,
        "facts": [list(fact) for fact in paper.facts],
        "seller": paper.seller,
        "buyer": paper.buyer,
        "rows": [[row.title, row.detail, row.quantity, row.price, row.tax, row.amount] for row in paper.rows],
        "sums": [[each.label, each.amount, each.strong] for each in paper.sums],
        "taxes": [[tax.name, tax.net, tax.tax] for tax in paper.taxes],
        "notes": paper.notes,
        "footer": paper.footer,
        "code": paper.code,
        "code_note": paper.code_note,
    }
