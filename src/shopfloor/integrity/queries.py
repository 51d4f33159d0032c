"""SQL of integrity: cases and what is in them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.integrity.models import Case, CaseOrder, Class, Entry, Reason, State, Subject
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id


async def note_origin(tx: Tx, *, shop_id: int, order_id: UUID, network: int | None, staff: bool) -> None:
    await tx.run(
        """
        INSERT INTO integrity.origin (order_id, shop_id, network, staff)
        VALUES (%(order_id)s, %(shop_id)s, %(network)s, %(staff)s) ON CONFLICT (order_id) DO NOTHING
        """,
        order_id=order_id,
        shop_id=shop_id,
        network=network,
        staff=staff,
    )


async def forget_origins_of(tx: Tx, *, shop_id: int, shoppers: Sequence[UUID]) -> None:
    await tx.run(
        """
        DELETE FROM integrity.origin o USING orders.v_order v
         WHERE v.id = o.order_id AND v.shop_id = %(shop_id)s AND v.buyer = ANY(%(shoppers)s::uuid[])
        """,
        shop_id=shop_id,
        shoppers=list(shoppers),
    )


async def forget_viewers(tx: Tx, *, shop_id: int, shoppers: Sequence[UUID]) -> None:
    await tx.run(
        "DELETE FROM integrity.viewer WHERE shop_id = %(shop_id)s AND shopper = ANY(%(shoppers)s::uuid[])",
        shop_id=shop_id,
        shoppers=list(shoppers),
    )


async def forget_origins(tx: Tx, *, before: datetime, limit: int) -> int:
    return await tx.run(
        """
        DELETE FROM integrity.origin WHERE order_id IN (
            SELECT order_id FROM integrity.origin WHERE noted_at < %(before)s ORDER BY noted_at LIMIT %(limit)s)
        """,
        before=before,
        limit=limit,
    )


async def lock_show(tx: Tx, *, show_id: int) -> None:
    """A show is judged by one process at a time."""
    await tx.value(
        "SELECT pg_advisory_xact_lock(hashtextextended('integrity.show', %(show_id)s))", show_id=show_id
    )


@dataclass(frozen=True, slots=True)
class Known:
    """A case with what is in it, as far as the next look needs it."""

    id: UUID
    subject: Subject
    state: State
    tagged: bool
    members: list[UUID]


async def known(tx: Tx, *, shop_id: int, show_id: int) -> list[Known]:
    """The oldest first."""
    rows = await tx.every(
        Known,
        """
        SELECT c.id, c.subject, c.state, c.tagged,
               CASE WHEN c.subject = 'orders'
                    THEN ARRAY(SELECT DISTINCT order_id FROM integrity.order_line l WHERE l.case_id = c.id)
                    ELSE ARRAY(SELECT shopper FROM integrity.viewer v WHERE v.case_id = c.id) END AS members
          FROM integrity.cases c WHERE c.shop_id = %(shop_id)s AND c.show_id = %(show_id)s ORDER BY c.id
        """,
        shop_id=shop_id,
        show_id=show_id,
    )
    return [
        Known(each.id, Subject(each.subject), State(each.state), each.tagged, each.members) for each in rows
    ]


async def insert(
    tx: Tx,
    *,
    case_id: UUID,
    shop_id: int,
    show_id: int,
    subject: Subject,
    class_: Class,
    reasons: Sequence[Reason],
    facts: Mapping[str, float],
    tagged: bool,
    policy: str,
    at: datetime,
) -> None:
    await tx.run(
        """
        INSERT INTO integrity.cases (id, shop_id, show_id, subject, class, reasons, facts, tagged, policy, raised_at,
                                     looked_at)
        VALUES (%(case_id)s, %(shop_id)s, %(show_id)s, %(subject)s, %(class)s, %(reasons)s, %(facts)s, %(tagged)s, %(policy)s,
                %(at)s, %(at)s)
        """,
        **{"class": class_},
        case_id=case_id,
        shop_id=shop_id,
        show_id=show_id,
        subject=subject,
        reasons=[str(each) for each in reasons],
        facts=Jsonb(dict(facts)),
        tagged=tagged,
        policy=policy,
        at=at,
    )


async def look_again(
    tx: Tx,
    *,
    case_id: UUID,
    class_: Class,
    reasons: Sequence[Reason],
    facts: Mapping[str, float],
    tagged: bool,
    policy: str,
    at: datetime,
) -> None:
    """What is noticed now, of a case that nobody has decided."""
    await tx.run(
        """
        UPDATE integrity.cases SET class = %(class)s, reasons = %(reasons)s, facts = %(facts)s, tagged = %(tagged)s,
               policy = %(policy)s, looked_at = %(at)s, state = 'open'
         WHERE id = %(case_id)s AND state IN ('open', 'lifted')
        """,
        **{"class": class_},
        case_id=case_id,
        reasons=[str(each) for each in reasons],
        facts=Jsonb(dict(facts)),
        tagged=tagged,
        policy=policy,
        at=at,
    )


async def lift(tx: Tx, *, case_id: UUID, at: datetime) -> None:
    await tx.run(
        "UPDATE integrity.cases SET state = 'lifted', looked_at = %(at)s WHERE id = %(case_id)s AND state = 'open'",
        case_id=case_id,
        at=at,
    )


async def leave_orders(tx: Tx, *, case_id: UUID, order_ids: Sequence[UUID]) -> None:
    """Orders that are not among these are no longer in the case."""
    await tx.run(
        "DELETE FROM integrity.order_line WHERE case_id = %(case_id)s AND NOT order_id = ANY(%(orders)s::uuid[])",
        case_id=case_id,
        orders=list(order_ids),
    )


async def put_orders(tx: Tx, *, shop_id: int, case_id: UUID, order_ids: Sequence[UUID]) -> None:
    """All lines of these orders are what the case is about."""
    await tx.run(
        """
        INSERT INTO integrity.order_line (case_id, line_id, shop_id, order_id)
        SELECT %(case_id)s, id, shop_id, order_id FROM orders.v_line
         WHERE shop_id = %(shop_id)s AND order_id = ANY(%(orders)s::uuid[])
            ON CONFLICT DO NOTHING
        """,
        case_id=case_id,
        shop_id=shop_id,
        orders=list(order_ids),
    )


async def leave_viewers(tx: Tx, *, case_id: UUID, shoppers: Sequence[UUID]) -> None:
    await tx.run(
        "DELETE FROM integrity.viewer WHERE case_id = %(case_id)s AND NOT shopper = ANY(%(shoppers)s::uuid[])",
        case_id=case_id,
        shoppers=list(shoppers),
    )


async def put_viewers(tx: Tx, *, shop_id: int, case_id: UUID, shoppers: Sequence[UUID]) -> None:
    await tx.run(
        """
        INSERT INTO integrity.viewer (case_id, shopper, shop_id)
        SELECT %(case_id)s, shopper, %(shop_id)s FROM unnest(%(shoppers)s::uuid[]) AS s (shopper) ON CONFLICT DO NOTHING
        """,
        case_id=case_id,
        shop_id=shop_id,
        shoppers=list(shoppers),
    )


async def write_entry(
    tx: Tx, *, shop_id: int, case_id: UUID, kind: str, note: str = "", person_id: int | None = None
) -> None:
    await tx.run(
        """
        INSERT INTO integrity.entry (id, shop_id, case_id, kind, note, person_id, at)
        VALUES (%(id)s, %(shop_id)s, %(case_id)s, %(kind)s, %(note)s, %(person_id)s, clock_timestamp())
        """,
        id=new_id(),
        shop_id=shop_id,
        case_id=case_id,
        kind=kind,
        note=note,
        person_id=person_id,
    )


async def entries(tx: Tx, *, case_id: UUID) -> list[Entry]:
    return await tx.every(
        Entry,
        """
        SELECT e.id, e.kind, e.note, e.person_id, p.name, e.at
          FROM integrity.entry e LEFT JOIN accounts.v_person p ON p.id = e.person_id
         WHERE e.case_id = %(case_id)s ORDER BY e.at, e.id
        """,
        case_id=case_id,
    )


async def set_ruling(tx: Tx, *, case_id: UUID, state: State, ruled_at: datetime | None) -> None:
    await tx.run(
        """
        UPDATE integrity.cases SET state = %(state)s, ruled_at = %(ruled_at)s, appealed_at = NULL WHERE id = %(case_id)s
        """,
        case_id=case_id,
        state=state,
        ruled_at=ruled_at,
    )


async def set_appealed(tx: Tx, *, case_id: UUID, at: datetime) -> None:
    await tx.run(
        "UPDATE integrity.cases SET appealed_at = %(at)s WHERE id = %(case_id)s", case_id=case_id, at=at
    )


async def lock_case(tx: Tx, *, case_id: UUID) -> None:
    await tx.value("SELECT 1 FROM integrity.cases WHERE id = %(case_id)s FOR UPDATE", case_id=case_id)


async def case(tx: Tx, *, shop_id: int, case_id: UUID) -> Case | None:
    return await tx.first(
        Case,
        """
        SELECT c.id, c.shop_id, c.show_id, c.subject, c.class AS class_, c.reasons, c.facts, c.state, c.tagged, c.policy,
               c.raised_at, c.looked_at, c.ruled_at, c.appealed_at,
               (CASE WHEN c.subject = 'orders'
                     THEN (SELECT count(DISTINCT order_id) FROM integrity.order_line l WHERE l.case_id = c.id)
                     ELSE (SELECT count(*) FROM integrity.viewer v WHERE v.case_id = c.id) END)::int AS size
          FROM integrity.cases c WHERE c.shop_id = %(shop_id)s AND c.id = %(case_id)s
        """,
        shop_id=shop_id,
        case_id=case_id,
    )


async def cases(
    tx: Tx, *, shop_id: int, show_id: int | None, after: UUID | None, before: UUID | None, limit: int
) -> list[Case]:
    """The newest first; of a page that ends `before` one, the nearest first."""
    return await tx.every(
        Case,
        """
        SELECT c.id, c.shop_id, c.show_id, c.subject, c.class AS class_, c.reasons, c.facts, c.state, c.tagged, c.policy,
               c.raised_at, c.looked_at, c.ruled_at, c.appealed_at,
               (CASE WHEN c.subject = 'orders'
                     THEN (SELECT count(DISTINCT order_id) FROM integrity.order_line l WHERE l.case_id = c.id)
                     ELSE (SELECT count(*) FROM integrity.viewer v WHERE v.case_id = c.id) END)::int AS size
          FROM integrity.cases c
         WHERE c.shop_id = %(shop_id)s AND (%(show_id)s::bigint IS NULL OR c.show_id = %(show_id)s)
           AND (%(after)s::uuid IS NULL OR c.id < %(after)s) AND (%(before)s::uuid IS NULL OR c.id > %(before)s)
         ORDER BY CASE WHEN %(before)s::uuid IS NOT NULL THEN c.id END, c.id DESC
         LIMIT %(limit)s
        """,
        shop_id=shop_id,
        show_id=show_id,
        after=after,
        before=before,
        limit=limit,
    )


async def orders_of(
    tx: Tx, *, shop_id: int, case_id: UUID, after: UUID | None, before: UUID | None, limit: int
) -> list[CaseOrder]:
    """The oldest first."""
    return await tx.every(
        CaseOrder,
        """
        SELECT o.id AS order_id, o.number, o.placed_at, o.total_minor AS amount_minor, o.currency, o.status,
               o.payment_status
          FROM orders.v_order o
         WHERE o.shop_id = %(shop_id)s
           AND o.id IN (SELECT order_id FROM integrity.order_line WHERE case_id = %(case_id)s)
           AND (%(after)s::uuid IS NULL OR (o.placed_at, o.id) >
                (SELECT a.placed_at, a.id FROM orders.v_order a WHERE a.id = %(after)s))
           AND (%(before)s::uuid IS NULL OR (o.placed_at, o.id) <
                (SELECT a.placed_at, a.id FROM orders.v_order a WHERE a.id = %(before)s))
         ORDER BY CASE WHEN %(before)s::uuid IS NOT NULL THEN o.placed_at END DESC,
                  CASE WHEN %(before)s::uuid IS NOT NULL THEN o.id END DESC, o.placed_at, o.id
         LIMIT %(limit)s
        """,
        shop_id=shop_id,
        case_id=case_id,
        after=after,
        before=before,
        limit=limit,
    )


@dataclass(frozen=True, slots=True)
class Marked:
    """An order or a viewer that counts as invalid, and of which class."""

    id: UUID
    class_: str


async def invalid_orders(tx: Tx, *, shop_id: int, show_id: int) -> list[Marked]:
    """What a person decided goes before what is tagged, and the newest decision before older ones."""
    return await tx.every(
        Marked,
        """
        SELECT id, class_ FROM (
            SELECT DISTINCT ON (l.order_id) l.order_id AS id, c.class AS class_, c.state, c.tagged
              FROM integrity.cases c JOIN integrity.order_line l ON l.case_id = c.id
             WHERE c.shop_id = %(shop_id)s AND c.show_id = %(show_id)s AND c.state <> 'lifted'
             ORDER BY l.order_id, c.ruled_at DESC NULLS LAST, c.tagged DESC, c.id) AS decided
         WHERE state = 'invalid' OR (state = 'open' AND tagged) ORDER BY id
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


async def invalid_viewers(tx: Tx, *, shop_id: int, show_id: int) -> list[Marked]:
    return await tx.every(
        Marked,
        """
        SELECT id, class_ FROM (
            SELECT DISTINCT ON (v.shopper) v.shopper AS id, c.class AS class_, c.state, c.tagged
              FROM integrity.cases c JOIN integrity.viewer v ON v.case_id = c.id
             WHERE c.shop_id = %(shop_id)s AND c.show_id = %(show_id)s AND c.state <> 'lifted'
             ORDER BY v.shopper, c.ruled_at DESC NULLS LAST, c.tagged DESC, c.id) AS decided
         WHERE state = 'invalid' OR (state = 'open' AND tagged) ORDER BY id
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


@dataclass(frozen=True, slots=True)
class Counts:
    cases: int
    open_cases: int
    review_orders: int


async def counts(tx: Tx, *, shop_id: int, show_id: int) -> Counts:
    return await tx.one(
        Counts,
        """
        SELECT count(*) FILTER (WHERE state <> 'lifted')::int AS cases,
               count(*) FILTER (WHERE state = 'open')::int AS open_cases,
               coalesce(sum((SELECT count(DISTINCT l.order_id) FROM integrity.order_line l WHERE l.case_id = c.id))
                        FILTER (WHERE state = 'open' AND NOT tagged), 0)::int AS review_orders
          FROM integrity.cases c WHERE c.shop_id = %(shop_id)s AND c.show_id = %(show_id)s
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


@dataclass(frozen=True, slots=True)
class HeldLine:
    line_id: int
    case_id: UUID


async def held_back(tx: Tx, *, shop_id: int, line_ids: Sequence[int]) -> list[HeldLine]:
    return await tx.every(
        HeldLine,
        """
        SELECT line_id, case_id FROM integrity.v_held_back
         WHERE shop_id = %(shop_id)s AND line_id = ANY(%(lines)s::bigint[]) AND state IN ('open', 'invalid')
         ORDER BY line_id
        """,
        shop_id=shop_id,
        lines=list(line_ids),
    )
