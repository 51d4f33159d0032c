"""The verbs of documents: give numbers, keep files, print sheets."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from shopfloor.documents import queries, typesetting
from shopfloor.documents.models import (
    Document,
    DocumentNotFound,
    File,
    Kind,
    NewDocument,
    NotMadeYet,
    Paper,
    Seller,
    SellerMissing,
    Sheet,
    SheetKind,
    as_data,
)
from shopfloor.documents.words import WORDS
from shopfloor.kernel import text
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.values import new_id


async def seller(tx: Tx, *, shop_id: int) -> Seller:
    return await queries.seller(tx, shop_id=shop_id) or Seller()


async def set_seller(tx: Tx, *, shop_id: int, wanted: Seller) -> Seller:
    """From now on; what was issued stays.  Raises UnusableText, and SellerMissing for automatic invoices from nobody."""
    cleaned = replace(
        wanted,
        name=text.line(wanted.name, field="name", longest=200),
        address=text.prose(wanted.address, field="address", longest=1000),
        tax_number=text.line(wanted.tax_number, field="tax_number", longest=60),
        registration=text.line(wanted.registration, field="registration", longest=200),
        email=text.line(wanted.email, field="email", longest=200),
        footer=text.prose(wanted.footer, field="footer", longest=1000),
        invoice_prefix=text.line(wanted.invoice_prefix, field="invoice_prefix", longest=12),
        credit_prefix=text.line(wanted.credit_prefix, field="credit_prefix", longest=12),
    )
    if cleaned.automatic and not cleaned.is_complete:
        raise SellerMissing
    await queries.save_seller(tx, shop_id=shop_id, wanted=cleaned)
    return cleaned


async def lock(tx: Tx, *, subject_id: UUID) -> None:
    """Papers about one order come one after the other."""
    await queries.lock(tx, subject_id=subject_id)


async def issue(tx: Tx, *, shop_id: int, wanted: NewDocument, paper: Paper) -> Document:
    """The document of this source, with the next number of its series; the one there is where there is one.

    The caller holds the `lock` of its subject.  The number is the last thing taken, and
    is nobody else's unless this transaction fails.
    """
    known = await queries.of_source(tx, shop_id=shop_id, kind=wanted.kind, source=wanted.source)
    if known is not None:
        return known
    serial, number = None, ""
    if wanted.kind is not Kind.RECEIPT:
        year = wanted.issued_on.year
        own = await seller(tx, shop_id=shop_id)
        prefix = own.credit_prefix or "C" if wanted.kind is Kind.CREDIT_NOTE else own.invoice_prefix
        await queries.begin_series(tx, shop_id=shop_id, kind=wanted.kind, year=year)
        serial = await queries.next_serial(tx, shop_id=shop_id, kind=wanted.kind, year=year)
        number = f"{prefix}{year}-{serial:05}"
        paper = replace(paper, facts=[(WORDS[paper.lang]["number"], number), *paper.facts])
    await queries.insert_document(
        tx,
        id=new_id(),
        shop_id=shop_id,
        wanted=wanted,
        serial=serial,
        number=number,
        content={**as_data(paper), "dated": wanted.issued_on.isoformat()},
    )
    issued = await queries.of_source(tx, shop_id=shop_id, kind=wanted.kind, source=wanted.source)
    assert issued is not None, "it was just made"
    return issued


async def find(tx: Tx, *, shop_id: int, kind: Kind, source: UUID) -> Document | None:
    return await queries.of_source(tx, shop_id=shop_id, kind=kind, source=source)


async def of_subject(tx: Tx, *, shop_id: int, subject_id: UUID) -> list[Document]:
    """All papers about an order, oldest first."""
    return await queries.of_subject(tx, shop_id=shop_id, subject_id=subject_id)


async def make_files(db: Database, *, shop_id: int, subject_id: UUID) -> int:
    """The files of documents that have none yet.  Only in worker processes.  Returns how many were made."""
    async with db.transaction() as tx:
        waiting = await queries.unmade(tx, shop_id=shop_id, subject_id=subject_id)
    for each in waiting:
        pdf = await asyncio.to_thread(typesetting.pdf, "paper", each.content)
        async with db.transaction() as tx:
            await queries.keep_file(tx, document_id=each.id, file=pdf)
    return len(waiting)


async def file(tx: Tx, *, shop_id: int, document_id: UUID, subject_id: UUID | None = None) -> File:
    """Raises DocumentNotFound, also where it is about another order; NotMadeYet."""
    found = await queries.stored(tx, shop_id=shop_id, document_id=document_id, subject_id=subject_id)
    if found is None:
        raise DocumentNotFound(document_id=str(document_id))
    if found.file is None:
        raise NotMadeYet(document_id=str(document_id))
    return File(
        f"{found.kind.replace('_', '-')}-{_file_name(found.number) or str(found.id)[-12:]}.pdf", found.file
    )


def _file_name(number: str) -> str:
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "-" for char in number)


async def ask_sheet(
    tx: Tx, *, shop_id: int, kind: SheetKind, asked: Sequence[str], sheet_id: UUID | None = None
) -> UUID:
    """With a `sheet_id` of one's own, asking again is asking for the same."""
    sheet_id = sheet_id or new_id()
    await queries.insert_sheet(tx, id=sheet_id, shop_id=shop_id, kind=kind, asked=asked)
    return sheet_id


async def sheet(tx: Tx, *, shop_id: int, sheet_id: UUID) -> Sheet:
    """Raises DocumentNotFound."""
    found = await queries.sheet(tx, shop_id=shop_id, sheet_id=sheet_id)
    if found is None:
        raise DocumentNotFound(sheet_id=str(sheet_id))
    return found


async def make_sheet(db: Database, wanted: Sheet, data: Mapping[str, Any]) -> None:
    """Only in worker processes."""
    pdf = await asyncio.to_thread(typesetting.pdf, "sheets", dict(data))
    async with db.transaction() as tx:
        await queries.keep_sheet(tx, sheet_id=wanted.id, file=pdf)


async def sheet_file(tx: Tx, *, shop_id: int, sheet_id: UUID) -> File:
    """Raises DocumentNotFound, NotMadeYet."""
    found = await sheet(tx, shop_id=shop_id, sheet_id=sheet_id)
    content = await queries.sheet_file(tx, shop_id=shop_id, sheet_id=sheet_id)
    if content is None:
        raise NotMadeYet(sheet_id=str(sheet_id))
    return File(
        f"{found.kind.replace('_', '-')}-{found.created_at:%Y-%m-%d}-{str(sheet_id)[-6:]}.pdf", content
    )


async def forget_sheets(tx: Tx, *, before: datetime, limit: int) -> int:
    """Printed sheets carry addresses: they are for the day's work only."""
    return await queries.forget_sheets(tx, before=before, limit=limit)
