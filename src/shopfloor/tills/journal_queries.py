"""SQL of the journal of tills and of what follows from it.  One function, one statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.kernel import paging
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.tills.models import Fact, Receipt, Shift, Task, Tender


@dataclass(frozen=True, slots=True)
class Kept:
    device_id: UUID
    sequence: int
    kind: str
    hash: str
    raw: bytes
    state: str
    happened_at: datetime | None
    recorded_at: datetime


async def insert_fact(
    tx: Tx,
    fact: Fact,
    *,
    device_id: UUID,
    shop_id: int,
    kind: str,
    hash: str,  # noqa: A002 -- the column's name
    chained: bool,
    state: str,
) -> None:
    """`hash`: what the device says it is, where that can be one."""
    await tx.run(
        """
        INSERT INTO tills.fact (device_id, sequence, shop_id, kind, happened_at, raw, hash, chained, without_buyer, state)
        VALUES (%(device_id)s, %(sequence)s, %(shop_id)s, %(kind)s, %(at)s, %(raw)s, %(hash)s, %(chained)s,
                %(without_buyer)s, %(state)s)
        """,
        device_id=device_id,
        sequence=fact.sequence,
        shop_id=shop_id,
        kind=kind,
        at=fact.at,
        raw=fact.kept,
        hash=hash,
        chained=chained,
        without_buyer=fact.kept != fact.raw,
        state=state,
    )


async def hashes(tx: Tx, *, device_id: UUID, sequences: Sequence[int]) -> dict[int, str]:
    cursor = await tx.connection.execute(
        "SELECT sequence, hash FROM tills.fact WHERE device_id = %(id)s AND sequence = ANY(%(sequences)s)",
        {"id": device_id, "sequences": list(sequences)},
    )
    return dict(await cursor.fetchall())


async def fact(tx: Tx, *, shop_id: int, device_id: UUID, sequence: int) -> Kept | None:
    return await tx.first(
        Kept,
        """
        SELECT device_id, sequence, kind, hash, raw, state, happened_at, recorded_at
          FROM tills.fact WHERE shop_id = %(shop_id)s AND device_id = %(device_id)s AND sequence = %(sequence)s
           FOR NO KEY UPDATE
        """,
        shop_id=shop_id,
        device_id=device_id,
        sequence=sequence,
    )


async def set_state(tx: Tx, *, device_id: UUID, sequence: int, state: str) -> None:
    await tx.run(
        "UPDATE tills.fact SET state = %(state)s WHERE device_id = %(device_id)s AND sequence = %(sequence)s",
        device_id=device_id,
        sequence=sequence,
        state=state,
    )


async def insert_entries(
    tx: Tx,
    *,
    device_id: UUID,
    sequence: int,
    shop_id: int,
    shift_id: UUID | None,
    kind: str,
    tenders: Sequence[Tender],
    late: bool,
) -> None:
    """`tenders` with signed amounts."""
    await tx.many(
        """
        INSERT INTO tills.entry (device_id, sequence, position, shop_id, shift_id, kind, tender, amount_minor, late)
        VALUES (%(device_id)s, %(sequence)s, %(position)s, %(shop_id)s, %(shift_id)s, %(kind)s, %(tender)s, %(amount)s,
                %(late)s)
        """,
        [
            {
                "device_id": device_id,
                "sequence": sequence,
                "position": position,
                "shop_id": shop_id,
                "shift_id": shift_id,
                "kind": kind,
                "tender": each.kind,
                "amount": each.amount_minor,
                "late": late,
            }
            for position, each in enumerate(tenders)
        ],
    )


async def insert_receipt(tx: Tx, receipt: Receipt) -> None:
    await tx.run(
        """
        INSERT INTO tills.receipt (id, device_id, sequence, shop_id, register_id, location_id, shift_id, assistant_id, kind,
                                   series, number, token, order_id, is_training, is_offline, total_minor, tax_minor,
                                   price_list, signature, happened_at)
        VALUES (%(id)s, %(device_id)s, %(sequence)s, %(shop_id)s, %(register_id)s, %(location_id)s, %(shift_id)s,
                %(assistant_id)s, %(kind)s, %(series)s, %(number)s, %(token)s, %(order_id)s, %(is_training)s,
                %(is_offline)s, %(total_minor)s, %(tax_minor)s, %(price_list)s, %(signature)s, %(happened_at)s)
        """,
        id=receipt.id,
        device_id=receipt.device_id,
        sequence=receipt.sequence,
        shop_id=receipt.shop_id,
        register_id=receipt.register_id,
        location_id=receipt.location_id,
        shift_id=receipt.shift_id,
        assistant_id=receipt.assistant_id,
        kind=receipt.kind,
        series=receipt.series,
        number=receipt.number,
        token=receipt.token,
        order_id=receipt.order_id,
        is_training=receipt.is_training,
        is_offline=receipt.is_offline,
        total_minor=receipt.total_minor,
        tax_minor=receipt.tax_minor,
        price_list=receipt.price_list,
        signature=receipt.signature,
        happened_at=receipt.happened_at,
    )


async def taken(tx: Tx, *, shop_id: int, series: str, number: int | None, token: str, id: UUID) -> set[str]:  # noqa: A002 -- the column's name
    """Which of these another receipt has already: number, token, id.  An id also where an order has it."""
    cursor = await tx.connection.execute(
        """
        SELECT EXISTS (SELECT FROM tills.receipt WHERE shop_id = %(shop_id)s AND series = %(series)s AND number = %(number)s),
               EXISTS (SELECT FROM tills.receipt WHERE shop_id = %(shop_id)s AND token = %(token)s),
               EXISTS (SELECT FROM tills.receipt WHERE id = %(id)s)
               OR EXISTS (SELECT FROM orders.v_at_counter WHERE order_id = %(id)s)
        """,
        {"shop_id": shop_id, "series": series, "number": number, "token": token, "id": id},
    )
    row = await cursor.fetchone()
    assert row is not None, "one row"
    return {name for name, is_taken in zip(("number", "token", "id"), row, strict=True) if is_taken}


async def insert_task(
    tx: Tx,
    *,
    shop_id: int,
    device_id: UUID,
    sequence: int,
    code: str,
    facts: Mapping[str, Any],
    order_id: UUID | None,
) -> int | None:
    """None where there is this task already."""
    return await tx.value(
        """
        INSERT INTO tills.task (shop_id, device_id, sequence, code, facts, order_id)
        VALUES (%(shop_id)s, %(device_id)s, %(sequence)s, %(code)s, %(facts)s, %(order_id)s)
        ON CONFLICT (device_id, sequence, code) DO NOTHING RETURNING id
        """,
        shop_id=shop_id,
        device_id=device_id,
        sequence=sequence,
        code=code,
        facts=Jsonb(dict(facts)),
        order_id=order_id,
    )


async def task(tx: Tx, *, shop_id: int, task_id: int) -> Task | None:
    return await tx.first(
        Task,
        """
        SELECT id, shop_id, device_id, sequence, code, facts, order_id, opened_at, done_at, person_id, note
          FROM tills.task WHERE shop_id = %(shop_id)s AND id = %(id)s FOR NO KEY UPDATE
        """,
        shop_id=shop_id,
        id=task_id,
    )


async def end_task(tx: Tx, *, task_id: int, at: datetime, person_id: int, note: str) -> None:
    await tx.run(
        "UPDATE tills.task SET done_at = %(at)s, person_id = %(person_id)s, note = %(note)s WHERE id = %(id)s",
        id=task_id,
        at=at,
        person_id=person_id,
        note=note,
    )


async def _count_tasks(tx: Tx, *, shop_id: int, is_open: bool, before: int | None = None) -> paging.Counted:
    return paging.capped(
        await tx.value(
            """
            SELECT count(*) FROM (
                SELECT FROM tills.task
                 WHERE shop_id = %(shop_id)s AND (done_at IS NULL) = %(is_open)s
                   AND (%(before)s::bigint IS NULL OR id > %(before)s) LIMIT %(most)s + 1) AS counted
            """,
            shop_id=shop_id,
            is_open=is_open,
            before=before,
            most=paging.MOST_COUNTED,
        )
    )


@paging.counted_by(_count_tasks)
async def tasks(
    tx: Tx, *, shop_id: int, is_open: bool, after: int | None, before: int | None, limit: int
) -> list[Task]:
    """Newest first, for `kernel.paging`."""
    return await tx.every(
        Task,
        """
        SELECT id, shop_id, device_id, sequence, code, facts, order_id, opened_at, done_at, person_id, note
          FROM tills.task
         WHERE shop_id = %(shop_id)s AND (done_at IS NULL) = %(is_open)s
           AND (%(after)s::bigint IS NULL OR id < %(after)s) AND (%(before)s::bigint IS NULL OR id > %(before)s)
         ORDER BY CASE WHEN %(before)s::bigint IS NULL THEN id END DESC, id LIMIT %(limit)s
        """,
        shop_id=shop_id,
        is_open=is_open,
        after=after,
        before=before,
        limit=limit,
    )


async def count_open_tasks(tx: Tx, *, shop_id: int) -> int:
    return await tx.value(
        "SELECT count(*) FROM tills.task WHERE shop_id = %(shop_id)s AND done_at IS NULL", shop_id=shop_id
    )


@dataclass(frozen=True, slots=True)
class Takings:
    """Of a shift, by what it was and how it was paid; amounts are signed, minor units."""

    kind: str
    tender: str
    entries: int
    amount_minor: int


async def takings(tx: Tx, *, shift_id: UUID, late: bool = True) -> list[Takings]:
    """Without `late`: what was here when it was closed."""
    return await tx.every(
        Takings,
        """
        SELECT kind, tender, count(*)::int AS entries, sum(amount_minor)::bigint AS amount_minor
          FROM tills.entry WHERE shift_id = %(shift_id)s AND (NOT late OR %(late)s)
         GROUP BY kind, tender ORDER BY kind, tender
        """,
        shift_id=shift_id,
        late=late,
    )


@dataclass(frozen=True, slots=True)
class Counted:
    """Receipts of a shift; training and late ones aside."""

    kind: str
    receipts: int
    total_minor: int
    tax_minor: int


async def receipts_counted(tx: Tx, *, shift_id: UUID) -> list[Counted]:
    return await tx.every(
        Counted,
        """
        SELECT kind, count(*)::int AS receipts, sum(total_minor)::bigint AS total_minor,
               sum(tax_minor)::bigint AS tax_minor
          FROM tills.receipt WHERE shift_id = %(shift_id)s AND NOT is_training GROUP BY kind ORDER BY kind
        """,
        shift_id=shift_id,
    )


async def grand_totals(tx: Tx, *, register_id: int) -> tuple[int, int]:
    """(sales, refunds) of a register since it was made: totals that are never reset."""
    cursor = await tx.connection.execute(
        """
        SELECT coalesce(sum(total_minor) FILTER (WHERE kind = 'sale'), 0)::bigint,
               coalesce(sum(total_minor) FILTER (WHERE kind = 'return'), 0)::bigint
          FROM tills.receipt WHERE register_id = %(register_id)s AND NOT is_training
        """,
        {"register_id": register_id},
    )
    row = await cursor.fetchone()
    assert row is not None, "sums"
    return row[0], row[1]


async def last_sales(tx: Tx, *, register_id: int, since: datetime, limit: int) -> list[Receipt]:
    """The newest first; training aside."""
    return await tx.every(
        Receipt,
        """
        SELECT id, device_id, sequence, shop_id, register_id, location_id, shift_id, assistant_id, kind, series, number,
               token, order_id, is_training, is_offline, total_minor, tax_minor, price_list, signature, happened_at
          FROM tills.receipt
         WHERE register_id = %(register_id)s AND kind = 'sale' AND NOT is_training AND happened_at >= %(since)s
         ORDER BY happened_at DESC, id LIMIT %(limit)s
        """,
        register_id=register_id,
        since=since,
        limit=limit,
    )


async def _count_receipts(
    tx: Tx, *, shop_id: int, shift_id: UUID | None = None, before: UUID | None = None
) -> paging.Counted:
    return paging.capped(
        await tx.value(
            """
            SELECT count(*) FROM (
                SELECT FROM tills.receipt
                 WHERE shop_id = %(shop_id)s AND (%(shift_id)s::uuid IS NULL OR shift_id = %(shift_id)s)
                   AND (%(before)s::uuid IS NULL OR id > %(before)s) LIMIT %(most)s + 1) AS counted
            """,
            shop_id=shop_id,
            shift_id=shift_id,
            before=before,
            most=paging.MOST_COUNTED,
        )
    )


@paging.counted_by(_count_receipts)
async def receipts(
    tx: Tx,
    *,
    shop_id: int,
    shift_id: UUID | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[Receipt]:
    """Sales and returns of a shop, or of a shift, the newest first, for `kernel.paging`."""
    return await tx.every(
        Receipt,
        """
        SELECT id, device_id, sequence, shop_id, register_id, location_id, shift_id, assistant_id, kind, series, number,
               token, order_id, is_training, is_offline, total_minor, tax_minor, price_list, signature, happened_at
          FROM tills.receipt
         WHERE shop_id = %(shop_id)s AND (%(shift_id)s::uuid IS NULL OR shift_id = %(shift_id)s)
           AND (%(after)s::uuid IS NULL OR id < %(after)s) AND (%(before)s::uuid IS NULL OR id > %(before)s)
         ORDER BY CASE WHEN %(before)s::uuid IS NULL THEN id END DESC, id LIMIT %(limit)s
        """,
        shop_id=shop_id,
        shift_id=shift_id,
        after=after,
        before=before,
        limit=limit,
    )


async def receipt_by(
    tx: Tx,
    *,
    shop_id: int,
    token: str | None = None,
    id: UUID | None = None,  # noqa: A002 -- the column's name
) -> Receipt | None:
    return await tx.first(
        Receipt,
        """
        SELECT id, device_id, sequence, shop_id, register_id, location_id, shift_id, assistant_id, kind, series, number,
               token, order_id, is_training, is_offline, total_minor, tax_minor, price_list, signature, happened_at
          FROM tills.receipt
         WHERE shop_id = %(shop_id)s AND (token = %(token)s::text OR id = %(id)s::uuid)
        """,
        shop_id=shop_id,
        token=token,
        id=id,
    )


async def _count_shifts(tx: Tx, *, shop_id: int, before: UUID | None = None) -> paging.Counted:
    return paging.capped(
        await tx.value(
            """
            SELECT count(*) FROM (
                SELECT FROM tills.shift
                 WHERE shop_id = %(shop_id)s
                   AND (%(before)s::uuid IS NULL OR turn > (SELECT turn FROM tills.shift WHERE id = %(before)s))
                 LIMIT %(most)s + 1) AS counted
            """,
            shop_id=shop_id,
            before=before,
            most=paging.MOST_COUNTED,
        )
    )


@paging.counted_by(_count_shifts)
async def shifts(
    tx: Tx, *, shop_id: int, after: UUID | None = None, before: UUID | None = None, limit: int = 50
) -> list[Shift]:
    """The newest first, for `kernel.paging`: shifts have ids of their devices, so they are told apart by their order."""
    return await tx.every(
        Shift,
        """
        SELECT id, shop_id, register_id, number, assistant_id, opened_at, float_minor, closed_at, counted_minor, z_number,
               z, z_previous, z_hash, late
          FROM tills.shift
         WHERE shop_id = %(shop_id)s
           AND (%(after)s::uuid IS NULL OR turn < (SELECT turn FROM tills.shift WHERE id = %(after)s))
           AND (%(before)s::uuid IS NULL OR turn > (SELECT turn FROM tills.shift WHERE id = %(before)s))
         ORDER BY CASE WHEN %(before)s::uuid IS NULL THEN turn END DESC, turn LIMIT %(limit)s
        """,
        shop_id=shop_id,
        after=after,
        before=before,
        limit=limit,
    )


async def tenders_of(tx: Tx, *, device_id: UUID, sequence: int) -> list[tuple[str, int]]:
    """(tender, signed amount) of a fact, in its order."""
    cursor = await tx.connection.execute(
        """
        SELECT tender, amount_minor FROM tills.entry
         WHERE device_id = %(device_id)s AND sequence = %(sequence)s ORDER BY position
        """,
        {"device_id": device_id, "sequence": sequence},
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Waiting:
    device_id: UUID
    sequence: int


async def in_review(
    tx: Tx, *, shop_id: int, device_ids: Sequence[UUID], sequences: Sequence[int]
) -> list[Waiting]:
    """Of these facts, those that a person has not decided about."""
    return await tx.every(
        Waiting,
        """
        SELECT f.device_id, f.sequence
          FROM unnest(%(devices)s::uuid[], %(sequences)s::bigint[]) AS w (device_id, sequence)
          JOIN tills.fact f USING (device_id, sequence)
         WHERE f.shop_id = %(shop_id)s AND f.state = 'review'
        """,
        shop_id=shop_id,
        devices=list(device_ids),
        sequences=list(sequences),
    )
