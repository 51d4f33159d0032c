"""SQL of fapiao.  One function, one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from uuid import UUID

from shopfloor.fapiao.models import Paper, PaperKind, Request, Settings, State, StoredFile, Via, Wanted
from shopfloor.kernel import paging
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Filters:
    state: str | None = None
    number: int | None = None
    after: UUID | None = None
    before: UUID | None = None


async def settings(tx: Tx, *, shop_id: int) -> Settings | None:
    return await tx.first(
        Settings,
        "SELECT offered, goods_name, goods_code FROM fapiao.settings WHERE shop_id = %(shop_id)s",
        shop_id=shop_id,
    )


async def save_settings(tx: Tx, *, shop_id: int, wanted: Settings) -> None:
    await tx.run(
        """
        INSERT INTO fapiao.settings (shop_id, offered, goods_name, goods_code)
        VALUES (%(shop_id)s, %(offered)s, %(goods_name)s, %(goods_code)s)
        ON CONFLICT (shop_id) DO UPDATE
          SET offered = excluded.offered, goods_name = excluded.goods_name, goods_code = excluded.goods_code
        """,
        shop_id=shop_id,
        **asdict(wanted),
    )


async def is_offered(tx: Tx, *, shop_id: int) -> bool:
    """One statement: whoever checks out asks it."""
    return await tx.value(
        """
        SELECT coalesce(f.offered, p.origin_country = 'CN', s.currency = 'CNY')
          FROM accounts.v_shop s
          LEFT JOIN pricing.v_origin p ON p.shop_id = s.id
          LEFT JOIN fapiao.settings f ON f.shop_id = s.id
         WHERE s.id = %(shop_id)s
        """,
        shop_id=shop_id,
    )


async def is_in_china(tx: Tx, *, shop_id: int) -> bool:
    return await tx.value(
        """
        SELECT coalesce(p.origin_country = 'CN', s.currency = 'CNY')
          FROM accounts.v_shop s LEFT JOIN pricing.v_origin p ON p.shop_id = s.id
         WHERE s.id = %(shop_id)s
        """,
        shop_id=shop_id,
    )


async def lock(tx: Tx, *, order_id: UUID) -> None:
    """Whoever asks, records and follows refunds of one order does it one after the other."""
    await tx.value(
        "SELECT pg_advisory_xact_lock(hashtextextended('fapiao.order/' || %(order_id)s::text, 0))",
        order_id=order_id,
    )


async def save_request(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    shop_id: int,
    order_id: UUID,
    order_number: int,
    buyer: UUID,
    wanted: Wanted,
    via: Via,
    locale: str,
) -> None:
    """A new one, or other words on the one there is."""
    await tx.run(
        """
        INSERT INTO fapiao.request (id, shop_id, order_id, order_number, buyer, kind, title, tax_id, email, note, via, locale,
                                    state)
        VALUES (%(id)s, %(shop_id)s, %(order_id)s, %(order_number)s, %(buyer)s, %(kind)s, %(title)s, %(tax_id)s, %(email)s,
                %(note)s, %(via)s, %(locale)s, 'open')
        ON CONFLICT (order_id) DO UPDATE
          SET kind = excluded.kind, title = excluded.title, tax_id = excluded.tax_id, email = excluded.email,
              note = excluded.note, via = excluded.via, locale = excluded.locale, state = 'open', why = '', answer = '',
              changed_at = now()
        """,
        id=id,
        shop_id=shop_id,
        order_id=order_id,
        order_number=order_number,
        buyer=buyer,
        via=via,
        locale=locale,
        **asdict(wanted),
    )


async def set_state(
    tx: Tx,
    *,
    request_id: UUID,
    state: State,
    why: str = "",
    answer: str = "",
    deducted: Sequence[UUID] | None = None,
) -> None:
    await tx.run(
        """
        UPDATE fapiao.request
           SET state = %(state)s, why = %(why)s, answer = %(answer)s, changed_at = now(),
               deducted = coalesce(%(deducted)s::uuid[], deducted)
         WHERE id = %(id)s
        """,
        id=request_id,
        state=state,
        why=why,
        answer=answer,
        deducted=None if deducted is None else list(deducted),
    )


async def set_edition(tx: Tx, *, request_id: UUID, edition: int) -> None:
    await tx.run(
        "UPDATE fapiao.request SET edition = %(edition)s, deducted = '{}', changed_at = now() WHERE id = %(id)s",
        id=request_id,
        edition=edition,
    )


@dataclass(frozen=True, slots=True)
class _File:
    id: UUID
    paper_id: UUID
    format: str
    size: int
    added_at: datetime


async def requests(tx: Tx, *, shop_id: int, ids: Sequence[UUID]) -> list[Request]:
    """In the order of their ids, with their papers and the files of those."""
    found = await tx.every(
        Request,
        """
        SELECT r.id, r.shop_id, r.order_id, r.order_number, r.kind, r.title, r.tax_id, r.email, r.note, r.via, r.locale,
               r.state, r.why, r.answer, r.deducted, r.edition, r.asked_at, r.changed_at, o.currency,
               coalesce(b.amount_minor, greatest(o.total_minor - o.refund_granted_minor, 0)) AS amount_minor,
               o.charged_minor >= o.total_minor AND o.status <> 'cancelled' AS is_paid
          FROM fapiao.request r
          JOIN orders.v_order o ON o.id = r.order_id
          LEFT JOIN fapiao.paper b ON b.request_id = r.id AND b.kind = 'blue' AND b.edition = r.edition
         WHERE r.shop_id = %(shop_id)s AND r.id = ANY(%(ids)s::uuid[])
        """,
        shop_id=shop_id,
        ids=list(ids),
    )
    papers = await tx.every(
        Paper,
        """
        SELECT id, request_id, edition, kind, source, currency, amount_minor, number, issued_on, wanted_at, recorded_at
          FROM fapiao.paper WHERE shop_id = %(shop_id)s AND request_id = ANY(%(ids)s::uuid[])
         ORDER BY edition, kind, wanted_at, id
        """,
        shop_id=shop_id,
        ids=list(ids),
    )
    files = await _files(tx, shop_id=shop_id, paper_ids=[each.id for each in papers])
    by_paper: dict[UUID, list[StoredFile]] = {}
    for file in files:
        by_paper.setdefault(file.paper_id, []).append(
            StoredFile(file.id, file.format, file.size, file.added_at)
        )
    of_request: dict[UUID, list[Paper]] = {}
    for paper in papers:
        of_request.setdefault(paper.request_id, []).append(replace(paper, files=by_paper.get(paper.id, [])))
    turn = {request_id: at for at, request_id in enumerate(ids)}
    found.sort(key=lambda each: turn[each.id])
    return [replace(each, papers=of_request.get(each.id, [])) for each in found]


async def _files(tx: Tx, *, shop_id: int, paper_ids: Sequence[UUID]) -> list[_File]:
    if not paper_ids:
        return []
    return await tx.every(
        _File,
        """
        SELECT id, paper_id, format, length(content) AS size, added_at FROM fapiao.file
         WHERE shop_id = %(shop_id)s AND paper_id = ANY(%(ids)s::uuid[]) ORDER BY added_at, id
        """,
        shop_id=shop_id,
        ids=list(paper_ids),
    )


async def id_of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> UUID | None:
    return await tx.value(
        "SELECT id FROM fapiao.request WHERE shop_id = %(shop_id)s AND order_id = %(order_id)s",
        shop_id=shop_id,
        order_id=order_id,
    )


async def order_of(tx: Tx, *, shop_id: int, request_id: UUID) -> UUID | None:
    return await tx.value(
        "SELECT order_id FROM fapiao.request WHERE shop_id = %(shop_id)s AND id = %(id)s",
        shop_id=shop_id,
        id=request_id,
    )


async def request_of_paper(tx: Tx, *, shop_id: int, paper_id: UUID) -> UUID | None:
    return await tx.value(
        "SELECT request_id FROM fapiao.paper WHERE shop_id = %(shop_id)s AND id = %(id)s",
        shop_id=shop_id,
        id=paper_id,
    )


async def ids_of_orders(tx: Tx, *, shop_id: int, numbers: Sequence[int]) -> dict[int, UUID]:
    cursor = await tx.connection.execute(
        "SELECT order_number, id FROM fapiao.request WHERE shop_id = %(shop_id)s AND order_number = ANY(%(numbers)s)",
        {"shop_id": shop_id, "numbers": list(numbers)},
    )
    return dict(await cursor.fetchall())


async def insert_paper(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    shop_id: int,
    request_id: UUID,
    edition: int,
    kind: PaperKind,
    source: UUID,
    currency: str,
    amount_minor: int,
    number: str | None = None,
    issued_on: date | None = None,
    actor: str = "",
) -> None:
    await tx.run(
        """
        INSERT INTO fapiao.paper (id, shop_id, request_id, edition, kind, source, currency, amount_minor, number, issued_on,
                                  actor, recorded_at)
        VALUES (%(id)s, %(shop_id)s, %(request_id)s, %(edition)s, %(kind)s, %(source)s, %(currency)s, %(amount_minor)s, %(number)s,
                %(issued_on)s, %(actor)s, CASE WHEN %(number)s::text IS NOT NULL THEN now() END)
        """,
        id=id,
        shop_id=shop_id,
        request_id=request_id,
        edition=edition,
        kind=kind,
        source=source,
        currency=currency,
        amount_minor=amount_minor,
        number=number,
        issued_on=issued_on,
        actor=actor,
    )


async def record_red(tx: Tx, *, paper_id: UUID, number: str, issued_on: date, actor: str) -> None:
    await tx.run(
        """
        UPDATE fapiao.paper SET number = %(number)s, issued_on = %(issued_on)s, actor = %(actor)s, recorded_at = now()
         WHERE id = %(id)s AND number IS NULL
        """,
        id=paper_id,
        number=number,
        issued_on=issued_on,
        actor=actor,
    )


async def lock_numbers(tx: Tx, *, shop_id: int) -> None:
    """So that who says the same number at once is refused and does not wait for a key."""
    await tx.value(
        "SELECT pg_advisory_xact_lock(hashtextextended('fapiao.numbers', %(shop_id)s))", shop_id=shop_id
    )


async def paper_with(tx: Tx, *, shop_id: int, number: str) -> UUID | None:
    return await tx.value(
        "SELECT id FROM fapiao.paper WHERE shop_id = %(shop_id)s AND number = %(number)s",
        shop_id=shop_id,
        number=number,
    )


async def insert_file(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    shop_id: int,
    paper_id: UUID,
    format: str,  # noqa: A002 -- the column's name
    content: bytes,
) -> int:
    """Nothing for a file that is there already."""
    return await tx.run(
        """
        INSERT INTO fapiao.file (id, shop_id, paper_id, format, content, sha256)
        VALUES (%(id)s, %(shop_id)s, %(paper_id)s, %(format)s, %(content)s, sha256(%(content)s))
        ON CONFLICT (paper_id, sha256) DO NOTHING
        """,
        id=id,
        shop_id=shop_id,
        paper_id=paper_id,
        format=format,
        content=content,
    )


@dataclass(frozen=True, slots=True)
class Content:
    id: UUID
    order_id: UUID
    number: str
    format: str
    content: bytes


async def contents(
    tx: Tx, *, shop_id: int, paper_id: UUID | None = None, file_id: UUID | None = None
) -> list[Content]:
    """The files of a paper, or one file."""
    return await tx.every(
        Content,
        """
        SELECT f.id, r.order_id, p.number, f.format, f.content
          FROM fapiao.file f
          JOIN fapiao.paper p ON p.id = f.paper_id
          JOIN fapiao.request r ON r.id = p.request_id
         WHERE f.shop_id = %(shop_id)s
           AND (f.paper_id = %(paper_id)s::uuid OR f.id = %(file_id)s::uuid) ORDER BY f.added_at, f.id
        """,
        shop_id=shop_id,
        paper_id=paper_id,
        file_id=file_id,
    )


async def page(tx: Tx, *, shop_id: int, filters: Filters, limit: int) -> list[UUID]:
    cursor = await tx.connection.execute(
        """
        SELECT id FROM fapiao.request
         WHERE shop_id = %(shop_id)s AND (%(state)s::text IS NULL OR state = %(state)s)
           AND (%(number)s::bigint IS NULL OR order_number = %(number)s)
           AND (%(after)s::uuid IS NULL OR id < %(after)s) AND (%(before)s::uuid IS NULL OR id > %(before)s)
         ORDER BY CASE WHEN %(before)s::uuid IS NOT NULL THEN id END, id DESC LIMIT %(limit)s
        """,
        {"shop_id": shop_id, "limit": limit, **asdict(filters)},
    )
    return [row[0] for row in await cursor.fetchall()]


async def count(tx: Tx, *, shop_id: int, filters: Filters) -> paging.Counted:
    rows = await tx.value(
        """
        SELECT count(*) FROM (
          SELECT FROM fapiao.request
           WHERE shop_id = %(shop_id)s AND (%(state)s::text IS NULL OR state = %(state)s)
             AND (%(number)s::bigint IS NULL OR order_number = %(number)s)
             AND (%(before)s::uuid IS NULL OR id > %(before)s) LIMIT %(most)s) t
        """,
        shop_id=shop_id,
        state=filters.state,
        number=filters.number,
        before=filters.before,
        most=paging.MOST_COUNTED + 1,
    )
    return paging.capped(rows)


async def counts(tx: Tx, *, shop_id: int) -> Mapping[str, int]:
    """What is to do, counted up to 1,000 each."""
    cursor = await tx.connection.execute(
        """
        SELECT s.state, (SELECT count(*) FROM (SELECT FROM fapiao.request r
                                                WHERE r.shop_id = %(shop_id)s AND r.state = s.state LIMIT 1000) t)::int
          FROM unnest(ARRAY['open', 'red_requested']) AS s (state)
        """,
        {"shop_id": shop_id},
    )
    return dict(await cursor.fetchall())


async def keep_code(tx: Tx, *, shop_id: int, order_id: UUID, code: str) -> str:
    """The code of the order: the one there is, or this."""
    await tx.run(
        """
        INSERT INTO fapiao.code (shop_id, order_id, code) VALUES (%(shop_id)s, %(order_id)s, %(code)s)
        ON CONFLICT (order_id) DO NOTHING
        """,
        shop_id=shop_id,
        order_id=order_id,
        code=code,
    )
    return await tx.value("SELECT code FROM fapiao.code WHERE order_id = %(order_id)s", order_id=order_id)


async def order_of_code(tx: Tx, *, shop_id: int, code: str) -> UUID | None:
    return await tx.value(
        "SELECT order_id FROM fapiao.code WHERE shop_id = %(shop_id)s AND code = %(code)s",
        shop_id=shop_id,
        code=code,
    )


async def forget_buyers(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> int:
    """Who asked and got none goes; of what was issued stays what stands on it, without where it was sent."""
    return await tx.run(
        """
        UPDATE fapiao.request r
           SET email = '', note = '', locale = '',
               title = CASE WHEN p.issued THEN title ELSE '' END,
               tax_id = CASE WHEN p.issued THEN tax_id ELSE '' END,
               answer = CASE WHEN p.issued THEN answer ELSE '' END,
               state = CASE WHEN p.issued THEN state ELSE 'withdrawn' END,
               why = CASE WHEN p.issued THEN why WHEN why = '' THEN 'erased' ELSE why END
          FROM (SELECT id, EXISTS (SELECT FROM fapiao.paper WHERE request_id = q.id) AS issued
                  FROM fapiao.request q WHERE shop_id = %(shop_id)s AND buyer = ANY(%(buyers)s::uuid[])) p
         WHERE r.id = p.id
        """,
        shop_id=shop_id,
        buyers=list(buyers),
    )
