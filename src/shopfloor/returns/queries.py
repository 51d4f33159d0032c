"""SQL of returns.  One function, one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.kernel import paging
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.returns.models import Busy, Receipt, Return, ReturnEvent, ReturnLine, ReturnSummary


@dataclass(frozen=True, slots=True)
class Filters:
    state: str | None = None
    number: int | None = None
    after: UUID | None = None
    before: UUID | None = None


async def lock_units(tx: Tx, *, shop_id: int, order_id: UUID, line_ids: Sequence[int]) -> dict[int, Busy]:
    """What is in returns of each line, locked in their order; who changes a return of the order takes this first."""
    cursor = await tx.connection.execute(
        """
        INSERT INTO returns.units AS u (line_id, order_id, shop_id)
        SELECT line_id, %(order_id)s, %(shop_id)s FROM unnest(%(line_ids)s::bigint[]) AS t (line_id) ORDER BY line_id
        ON CONFLICT (line_id) DO UPDATE SET asked = u.asked
        RETURNING line_id, asked, received, refunded
        """,
        {"order_id": order_id, "shop_id": shop_id, "line_ids": sorted(line_ids)},
    )
    return {line_id: Busy(*rest) for line_id, *rest in await cursor.fetchall()}


async def units(tx: Tx, *, order_id: UUID) -> dict[int, Busy]:
    cursor = await tx.connection.execute(
        "SELECT line_id, asked, received, refunded FROM returns.units WHERE order_id = %(order_id)s",
        {"order_id": order_id},
    )
    return {line_id: Busy(*rest) for line_id, *rest in await cursor.fetchall()}


async def add_units(
    tx: Tx,
    *,
    asked: Mapping[int, int] | None = None,
    received: Mapping[int, int] | None = None,
    refunded: Mapping[int, int] | None = None,
) -> None:
    """So many more of each line that is locked; fewer where it is negative."""
    asked, received, refunded = asked or {}, received or {}, refunded or {}
    line_ids: set[int] = {*asked, *received, *refunded}
    changes = [
        {
            "line_id": line_id,
            "asked": asked.get(line_id, 0),
            "received": received.get(line_id, 0),
            "refunded": refunded.get(line_id, 0),
        }
        for line_id in sorted(line_ids)
    ]
    await tx.many(
        """
        UPDATE returns.units
           SET asked = asked + %(asked)s, received = received + %(received)s, refunded = refunded + %(refunded)s
         WHERE line_id = %(line_id)s
        """,
        changes,
    )


async def insert_return(tx: Tx, wanted: Return) -> int:
    """Returns its position among those of the order, whose lines are locked."""
    position = await tx.value(
        """
        INSERT INTO returns.return (id, shop_id, order_id, order_number, position, buyer, show_id, journey, state, reason,
                                    note, answer, keeps_goods, unsent, asked_by, refund_due_on, refund, refund_minor,
                                    asked_at, decided_at, received_at, ended_at)
        SELECT %(id)s, %(shop_id)s, %(order_id)s, %(order_number)s, coalesce(max(position), 0) + 1, %(buyer)s, %(show_id)s,
               %(journey)s, %(state)s, %(reason)s, %(note)s, '', false, %(unsent)s, %(asked_by)s, %(refund_due_on)s,
               %(refund)s, %(refund_minor)s, %(asked_at)s, %(decided_at)s, NULL, %(ended_at)s
          FROM returns.return WHERE order_id = %(order_id)s
        RETURNING position
        """,
        id=wanted.id,
        shop_id=wanted.shop_id,
        order_id=wanted.order_id,
        order_number=wanted.order_number,
        buyer=wanted.buyer,
        show_id=wanted.show_id,
        journey=wanted.journey,
        state=wanted.state,
        reason=wanted.reason,
        note=wanted.note,
        unsent=wanted.unsent,
        asked_by=wanted.asked_by,
        refund_due_on=wanted.refund_due_on,
        refund=wanted.refund,
        refund_minor=wanted.refund_minor,
        asked_at=wanted.asked_at,
        decided_at=wanted.decided_at,
        ended_at=wanted.ended_at,
    )
    assert isinstance(position, int), "it was just made"
    return position


async def insert_lines(tx: Tx, *, return_id: UUID, lines: Sequence[ReturnLine]) -> None:
    await tx.many(
        """
        INSERT INTO returns.line (return_id, line_id, variant_id, product_id, quantity)
        VALUES (%(return_id)s, %(line_id)s, %(variant_id)s, %(product_id)s, %(quantity)s)
        """,
        [
            {
                "return_id": return_id,
                "line_id": line.line_id,
                "variant_id": line.variant_id,
                "product_id": line.product_id,
                "quantity": line.quantity,
            }
            for line in lines
        ],
    )


async def order_of(tx: Tx, *, shop_id: int, return_id: UUID) -> UUID | None:
    return await tx.value(
        "SELECT order_id FROM returns.return WHERE id = %(id)s AND shop_id = %(shop_id)s",
        id=return_id,
        shop_id=shop_id,
    )


async def returns(tx: Tx, *, shop_id: int, ids: Sequence[UUID]) -> list[Return]:
    """With their lines, oldest first."""
    found = await tx.every(
        Return,
        """
        SELECT id, shop_id, order_id, order_number, position, buyer, show_id, journey, state, reason, note, answer,
               keeps_goods, unsent, asked_by, refund_due_on, refund, refund_minor, deduct_minor, asked_at, decided_at,
               received_at, ended_at
          FROM returns.return WHERE shop_id = %(shop_id)s AND id = ANY(%(ids)s::uuid[]) ORDER BY position
        """,
        shop_id=shop_id,
        ids=list(ids),
    )
    inside = await _lines(tx, ids=[each.id for each in found])
    return [replace(each, lines=inside.get(each.id, [])) for each in found]


async def _lines(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, list[ReturnLine]]:
    cursor = await tx.connection.execute(
        """
        SELECT return_id, line_id, variant_id, product_id, quantity, received FROM returns.line
         WHERE return_id = ANY(%(ids)s::uuid[]) ORDER BY return_id, line_id
        """,
        {"ids": list(ids)},
    )
    found: dict[UUID, list[ReturnLine]] = {}
    for return_id, *rest in await cursor.fetchall():
        found.setdefault(return_id, []).append(ReturnLine(*rest))
    return found


async def ids_of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> list[UUID]:
    cursor = await tx.connection.execute(
        "SELECT id FROM returns.return WHERE order_id = %(order_id)s AND shop_id = %(shop_id)s ORDER BY position",
        {"order_id": order_id, "shop_id": shop_id},
    )
    return [row[0] for row in await cursor.fetchall()]


async def decide(
    tx: Tx, *, return_id: UUID, state: str, answer: str, keeps_goods: bool, at: datetime, ended: bool
) -> None:
    await tx.run(
        """
        UPDATE returns.return
           SET state = %(state)s, answer = %(answer)s, keeps_goods = %(keeps_goods)s,
               decided_at = coalesce(decided_at, %(at)s), ended_at = CASE WHEN %(ended)s THEN %(at)s END
         WHERE id = %(id)s
        """,
        id=return_id,
        state=state,
        answer=answer,
        keeps_goods=keeps_goods,
        at=at,
        ended=ended,
    )


async def insert_pictures(tx: Tx, *, shop_id: int, return_id: UUID, pictures: Sequence[str]) -> None:
    await tx.many(
        """
        INSERT INTO returns.picture (shop_id, return_id, position, sha256)
        VALUES (%(shop_id)s, %(return_id)s, %(position)s, %(sha256)s)
        """,
        [
            {"shop_id": shop_id, "return_id": return_id, "position": position, "sha256": sha256}
            for position, sha256 in enumerate(pictures)
        ],
    )


async def pictures(tx: Tx, *, return_id: UUID) -> list[str]:
    """The hashes by which their files are named."""
    cursor = await tx.connection.execute(
        "SELECT sha256 FROM returns.picture WHERE return_id = %(id)s ORDER BY position", {"id": return_id}
    )
    return [row[0] for row in await cursor.fetchall()]


async def forget_pictures(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> None:
    await tx.run(
        """
        DELETE FROM returns.picture p USING returns.return r
         WHERE r.id = p.return_id AND r.shop_id = %(shop_id)s AND r.buyer = ANY(%(buyers)s::uuid[])
        """,
        shop_id=shop_id,
        buyers=list(buyers),
    )


async def left_from(tx: Tx, *, hold_id: UUID, variant_id: int) -> int:
    """The location that units of a hold left from: where they go when nobody says where."""
    found = await tx.value(
        """
        SELECT l.location_id FROM stock.v_hold h JOIN stock.v_level l ON l.id = h.level_id
         WHERE h.id = %(hold_id)s AND h.variant_id = %(variant_id)s ORDER BY h.part LIMIT 1
        """,
        hold_id=hold_id,
        variant_id=variant_id,
    )
    assert isinstance(found, int), "what was sent was held"
    return found


async def forget_words(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> None:
    await tx.run(
        """
        UPDATE returns.return SET note = '', answer = '' WHERE shop_id = %(shop_id)s AND buyer = ANY(%(buyers)s::uuid[])
        """,
        shop_id=shop_id,
        buyers=list(buyers),
    )


async def forget_words_of_events(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> None:
    await tx.run(
        """
        UPDATE returns.event e SET facts = e.facts - 'answer' - 'note'
          FROM returns.return r
         WHERE r.id = e.return_id AND r.shop_id = %(shop_id)s AND r.buyer = ANY(%(buyers)s::uuid[])
        """,
        shop_id=shop_id,
        buyers=list(buyers),
    )


async def add_received(tx: Tx, *, return_id: UUID, line_id: int, quantity: int) -> None:
    await tx.run(
        """
        UPDATE returns.line SET received = received + %(quantity)s
         WHERE return_id = %(return_id)s AND line_id = %(line_id)s
        """,
        return_id=return_id,
        line_id=line_id,
        quantity=quantity,
    )


async def insert_receipt(
    tx: Tx,
    *,
    shop_id: int,
    return_id: UUID,
    line_id: int,
    variant_id: int,
    quantity: int,
    condition: str,
    location_id: int | None,
    actor: str,
    at: datetime,
) -> None:
    """`location_id`: of the shelf it went on; None where it went on none."""
    await tx.run(
        """
        INSERT INTO returns.receipt (shop_id, return_id, line_id, variant_id, quantity, condition, restocked, location_id,
                                     actor, at)
        VALUES (%(shop_id)s, %(return_id)s, %(line_id)s, %(variant_id)s, %(quantity)s, %(condition)s,
                %(location_id)s::bigint IS NOT NULL, %(location_id)s, %(actor)s, %(at)s)
        """,
        shop_id=shop_id,
        return_id=return_id,
        line_id=line_id,
        variant_id=variant_id,
        quantity=quantity,
        condition=condition,
        location_id=location_id,
        actor=actor,
        at=at,
    )


async def receipts(tx: Tx, *, return_id: UUID) -> list[Receipt]:
    return await tx.every(
        Receipt,
        """
        SELECT line_id, quantity, condition, restocked, location_id, actor, at FROM returns.receipt
         WHERE return_id = %(id)s ORDER BY id
        """,
        id=return_id,
    )


async def mark_received(
    tx: Tx, *, return_id: UUID, state: str, at: datetime, refund_due_on: date | None
) -> None:
    await tx.run(
        """
        UPDATE returns.return
           SET state = %(state)s, received_at = %(at)s, refund_due_on = coalesce(refund_due_on, %(refund_due_on)s)
         WHERE id = %(id)s
        """,
        id=return_id,
        state=state,
        at=at,
        refund_due_on=refund_due_on,
    )


async def mark_refunded(
    tx: Tx, *, return_id: UUID, refund_id: UUID, refund_minor: int, deduct_minor: int, at: datetime
) -> None:
    await tx.run(
        """
        UPDATE returns.return
           SET state = 'refunded', refund = %(refund)s, refund_minor = %(refund_minor)s, deduct_minor = %(deduct_minor)s,
               ended_at = %(at)s
         WHERE id = %(id)s
        """,
        id=return_id,
        refund=refund_id,
        refund_minor=refund_minor,
        deduct_minor=deduct_minor,
        at=at,
    )


async def note(
    tx: Tx, *, shop_id: int, return_id: UUID, kind: str, actor: str, facts: Mapping[str, object]
) -> None:
    await tx.run(
        """
        INSERT INTO returns.event (shop_id, return_id, kind, actor, facts)
        VALUES (%(shop_id)s, %(return_id)s, %(kind)s, %(actor)s, %(facts)s)
        """,
        shop_id=shop_id,
        return_id=return_id,
        kind=kind,
        actor=actor,
        facts=Jsonb(dict(facts)),
    )


async def newest_asked(tx: Tx, *, return_id: UUID) -> dict[str, Any] | None:
    """The facts of the refund that was asked for last."""
    return await tx.value(
        """
        SELECT (SELECT facts FROM returns.event WHERE return_id = %(id)s AND kind = 'refund_asked'
                 ORDER BY id DESC LIMIT 1)
        """,
        id=return_id,
    )


async def unrefunded_of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> list[UUID]:
    rows = await tx.every(
        _Id,
        """
        SELECT id FROM returns.return
         WHERE shop_id = %(shop_id)s AND order_id = %(order_id)s AND state IN ('approved', 'received')
        """,
        shop_id=shop_id,
        order_id=order_id,
    )
    return [row.id for row in rows]


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID


async def history(tx: Tx, *, return_id: UUID) -> list[ReturnEvent]:
    return await tx.every(
        ReturnEvent,
        "SELECT at, kind, actor, facts FROM returns.event WHERE return_id = %(id)s ORDER BY id",
        id=return_id,
    )


async def counts(tx: Tx, *, shop_id: int, states: Sequence[str], most: int) -> dict[str, int]:
    """How many are at which point, counted up to `most`."""
    cursor = await tx.connection.execute(
        """
        SELECT s.state, (SELECT count(*)::int FROM (SELECT FROM returns.return r
                          WHERE r.shop_id = %(shop_id)s AND r.state = s.state LIMIT %(most)s) AS counted)
          FROM unnest(%(states)s::text[]) AS s (state)
        """,
        {"shop_id": shop_id, "states": list(states), "most": most},
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}


async def count(tx: Tx, *, shop_id: int, filters: Filters) -> paging.Counted:
    counted = await tx.value(
        """
        SELECT count(*) FROM (
            SELECT FROM returns.return
             WHERE shop_id = %(shop_id)s
               AND (%(state)s::text IS NULL OR state = %(state)s)
               AND (%(number)s::bigint IS NULL OR order_number = %(number)s)
               AND (%(before)s::uuid IS NULL OR id > %(before)s)
             LIMIT %(most)s + 1) AS counted
        """,
        shop_id=shop_id,
        state=filters.state,
        number=filters.number,
        before=filters.before,
        most=paging.MOST_COUNTED,
    )
    return paging.capped(counted)


async def page(tx: Tx, *, shop_id: int, filters: Filters, limit: int) -> list[ReturnSummary]:
    """Newest first, a page of them (`kernel.paging`)."""
    return await tx.every(
        ReturnSummary,
        """
        SELECT r.id, r.order_id, r.order_number, r.position, r.journey, r.state, r.reason, n.units, n.received, n.titles,
               p.contact_name, o.currency, r.refund_minor, r.refund_due_on, r.asked_at
          FROM (SELECT id, order_id, order_number, position, journey, state, reason, refund_minor, refund_due_on, asked_at
                  FROM returns.return
                 WHERE shop_id = %(shop_id)s
                   AND (%(state)s::text IS NULL OR state = %(state)s)
                   AND (%(number)s::bigint IS NULL OR order_number = %(number)s)
                   AND (%(after)s::uuid IS NULL OR id < %(after)s)
                   AND (%(before)s::uuid IS NULL OR id > %(before)s)
                 ORDER BY CASE WHEN %(before)s::uuid IS NULL THEN id END DESC, id LIMIT %(limit)s) AS r
          JOIN orders.v_told o ON o.id = r.order_id
          JOIN orders.v_recipient p ON p.order_id = r.order_id
          JOIN LATERAL (SELECT coalesce(sum(l.quantity), 0)::int AS units, coalesce(sum(l.received), 0)::int AS received,
                               coalesce(string_agg(DISTINCT g.title, ', '), '') AS titles
                          FROM returns.line l JOIN orders.v_goods g ON g.line_id = l.line_id
                         WHERE l.return_id = r.id) n ON true
         ORDER BY CASE WHEN %(before)s::uuid IS NULL THEN r.id END DESC, r.id
        """,
        shop_id=shop_id,
        state=filters.state,
        number=filters.number,
        after=filters.after,
        before=filters.before,
        limit=limit,
    )
