"""SQL of documents.  One function, one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.documents.models import Document, NewDocument, Seller, Sheet
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


async def seller(tx: Tx, *, shop_id: int) -> Seller | None:
    return await tx.first(
        Seller,
        """
        SELECT name, address, tax_number, registration, email, footer, invoice_prefix, credit_prefix, automatic
          FROM documents.seller WHERE shop_id = %(shop_id)s
        """,
        shop_id=shop_id,
    )


async def save_seller(tx: Tx, *, shop_id: int, wanted: Seller) -> None:
    await tx.run(
        """
        INSERT INTO documents.seller (shop_id, name, address, tax_number, registration, email, footer, invoice_prefix,
                                      credit_prefix, automatic)
        VALUES (%(shop_id)s, %(name)s, %(address)s, %(tax_number)s, %(registration)s, %(email)s, %(footer)s,
                %(invoice_prefix)s, %(credit_prefix)s, %(automatic)s)
        ON CONFLICT (shop_id) DO UPDATE
          SET name = excluded.name, address = excluded.address, tax_number = excluded.tax_number,
              registration = excluded.registration, email = excluded.email, footer = excluded.footer,
              invoice_prefix = excluded.invoice_prefix, credit_prefix = excluded.credit_prefix,
              automatic = excluded.automatic
        """,
        shop_id=shop_id,
        **asdict(wanted),
    )


async def lock(tx: Tx, *, subject_id: UUID) -> None:
    await tx.value(
        "SELECT pg_advisory_xact_lock(hashtextextended('documents.subject/' || %(subject_id)s::text, 0))",
        subject_id=subject_id,
    )


async def begin_series(tx: Tx, *, shop_id: int, kind: str, year: int) -> None:
    await tx.run(
        """
        INSERT INTO documents.series (shop_id, kind, year, last) VALUES (%(shop_id)s, %(kind)s, %(year)s, 0)
        ON CONFLICT DO NOTHING
        """,
        shop_id=shop_id,
        kind=kind,
        year=year,
    )


async def next_serial(tx: Tx, *, shop_id: int, kind: str, year: int) -> int:
    """The next number; others wait until this transaction ends, and get it if it fails."""
    return await tx.value(
        """
        UPDATE documents.series SET last = last + 1
         WHERE shop_id = %(shop_id)s AND kind = %(kind)s AND year = %(year)s RETURNING last
        """,
        shop_id=shop_id,
        kind=kind,
        year=year,
    )


async def insert_document(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    shop_id: int,
    wanted: NewDocument,
    serial: int | None,
    number: str,
    content: Mapping[str, Any],
) -> None:
    await tx.run(
        """
        INSERT INTO documents.document (id, shop_id, kind, subject_id, source, year, serial, number, currency,
                                        total_minor, tax_minor, content)
        VALUES (%(id)s, %(shop_id)s, %(kind)s, %(subject_id)s, %(source)s, %(year)s, %(serial)s, %(number)s,
                %(currency)s, %(total_minor)s, %(tax_minor)s, %(content)s)
        """,
        id=id,
        shop_id=shop_id,
        kind=wanted.kind,
        subject_id=wanted.subject_id,
        source=wanted.source,
        year=wanted.issued_on.year,
        serial=serial,
        number=number,
        currency=wanted.currency,
        total_minor=wanted.total_minor,
        tax_minor=wanted.tax_minor,
        content=Jsonb(dict(content)),
    )


async def of_source(tx: Tx, *, shop_id: int, kind: str, source: UUID) -> Document | None:
    return await tx.first(
        Document,
        """
        SELECT id, shop_id, kind, subject_id, source, year, serial, number, currency, total_minor, tax_minor, issued_at,
               made_at
          FROM documents.document WHERE shop_id = %(shop_id)s AND kind = %(kind)s AND source = %(source)s
        """,
        shop_id=shop_id,
        kind=kind,
        source=source,
    )


async def of_subject(tx: Tx, *, shop_id: int, subject_id: UUID) -> list[Document]:
    return await tx.every(
        Document,
        """
        SELECT id, shop_id, kind, subject_id, source, year, serial, number, currency, total_minor, tax_minor, issued_at,
               made_at
          FROM documents.document WHERE subject_id = %(subject_id)s AND shop_id = %(shop_id)s ORDER BY issued_at, id
        """,
        shop_id=shop_id,
        subject_id=subject_id,
    )


@dataclass(frozen=True, slots=True)
class Stored:
    id: UUID
    kind: str
    number: str
    content: dict[str, Any]
    file: bytes | None


async def stored(tx: Tx, *, shop_id: int, document_id: UUID, subject_id: UUID | None) -> Stored | None:
    return await tx.first(
        Stored,
        """
        SELECT id, kind, number, content, file FROM documents.document
         WHERE id = %(id)s AND shop_id = %(shop_id)s
           AND (%(subject_id)s::uuid IS NULL OR subject_id = %(subject_id)s)
        """,
        id=document_id,
        shop_id=shop_id,
        subject_id=subject_id,
    )


async def unmade(tx: Tx, *, shop_id: int, subject_id: UUID) -> list[Stored]:
    return await tx.every(
        Stored,
        """
        SELECT id, kind, number, content, file FROM documents.document
         WHERE shop_id = %(shop_id)s AND subject_id = %(subject_id)s AND file IS NULL ORDER BY issued_at, id
        """,
        shop_id=shop_id,
        subject_id=subject_id,
    )


async def keep_file(tx: Tx, *, document_id: UUID, file: bytes) -> int:
    """Once: what is there stays."""
    return await tx.run(
        """
        UPDATE documents.document SET file = %(file)s, sha256 = sha256(%(file)s), made_at = now()
         WHERE id = %(id)s AND file IS NULL
        """,
        id=document_id,
        file=file,
    )


async def insert_sheet(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    shop_id: int,
    kind: str,
    asked: Sequence[str],
) -> None:
    await tx.run(
        """
        INSERT INTO documents.sheet (id, shop_id, kind, asked) VALUES (%(id)s, %(shop_id)s, %(kind)s, %(asked)s::text[])
        ON CONFLICT (id) DO NOTHING
        """,
        id=id,
        shop_id=shop_id,
        kind=kind,
        asked=list(asked),
    )


async def sheet(tx: Tx, *, shop_id: int, sheet_id: UUID) -> Sheet | None:
    return await tx.first(
        Sheet,
        """
        SELECT id, shop_id, kind, asked, created_at, made_at FROM documents.sheet
         WHERE id = %(id)s AND shop_id = %(shop_id)s
        """,
        id=sheet_id,
        shop_id=shop_id,
    )


async def sheet_file(tx: Tx, *, shop_id: int, sheet_id: UUID) -> bytes | None:
    return await tx.value(
        "SELECT file FROM documents.sheet WHERE id = %(id)s AND shop_id = %(shop_id)s",
        id=sheet_id,
        shop_id=shop_id,
    )


async def keep_sheet(tx: Tx, *, sheet_id: UUID, file: bytes) -> None:
    await tx.run(
        "UPDATE documents.sheet SET file = %(file)s, made_at = now() WHERE id = %(id)s AND file IS NULL",
        id=sheet_id,
        file=file,
    )


async def forget_sheets(tx: Tx, *, before: datetime, limit: int) -> int:
    return await tx.run(
        """
        DELETE FROM documents.sheet WHERE id IN (
          SELECT id FROM documents.sheet WHERE created_at < %(before)s ORDER BY created_at LIMIT %(limit)s)
        """,
        before=before,
        limit=limit,
    )


@dataclass(frozen=True, slots=True)
class Series:
    shop_id: int
    kind: str
    year: int
    last: int
    documents: int
    lowest: int | None
    highest: int | None


async def series_with_documents(tx: Tx) -> list[Series]:
    return await tx.every(
        Series,
        """
        SELECT coalesce(s.shop_id, d.shop_id) AS shop_id, coalesce(s.kind, d.kind) AS kind,
               coalesce(s.year, d.year) AS year, coalesce(s.last, 0) AS last, coalesce(d.documents, 0)::int AS documents,
               d.lowest, d.highest
          FROM documents.series s
          FULL JOIN (SELECT shop_id, kind, year, count(*) AS documents, min(serial) AS lowest, max(serial) AS highest
                       FROM documents.document WHERE serial IS NOT NULL GROUP BY shop_id, kind, year) d
            ON (d.shop_id, d.kind, d.year) = (s.shop_id, s.kind, s.year)
        """,
    )


async def damaged(tx: Tx) -> list[str]:
    cursor = await tx.connection.execute(
        "SELECT id::text FROM documents.document WHERE file IS NOT NULL AND sha256(file) <> sha256 ORDER BY id LIMIT 100"
    )
    return [row[0] for row in await cursor.fetchall()]


async def count(tx: Tx) -> int:
    return await tx.value("SELECT count(*) FROM documents.document")
