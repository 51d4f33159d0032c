"""Messages on their way: which are due, who sends them, how it ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.notices.models import Kind, State


async def shops_due(tx: Tx, *, channel: str) -> list[int]:
    """Shops with something to send now."""
    rows = await tx.every(
        _Shop,
        """
        SELECT s.id AS shop_id FROM accounts.v_shop s
         WHERE EXISTS (SELECT FROM notifications.notice n
                        WHERE n.shop_id = s.id AND n.state = 'queued' AND n.due_at <= now() AND n.channel = %(channel)s)
         ORDER BY s.id
        """,
        channel=channel,
    )
    return [row.shop_id for row in rows]


@dataclass(frozen=True, slots=True)
class _Shop:
    shop_id: int


async def keep_mail(tx: Tx, *, but: Sequence[int]) -> int:
    """Mail that nothing carries is kept, to be read in the console; `but`: shops with a server of their own."""
    return await tx.run(
        """
        UPDATE notifications.notice n
           SET state = 'kept', code = 'no_server', ended_at = now(), sealed = NULL
         WHERE state = 'queued' AND channel = 'mail' AND shop_id <> ALL(%(but)s::bigint[])
        """,
        but=list(but),
    )


async def something_due(tx: Tx) -> bool:
    return await tx.value(
        """
        SELECT EXISTS (SELECT FROM notifications.notice WHERE state = 'queued' AND due_at <= now())
            OR EXISTS (SELECT FROM notifications.notice WHERE state = 'sending' AND claimed_until < now())
        """
    )


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notice in the hands of who sends it."""

    id: UUID
    shop_id: int
    kind: Kind
    channel: str
    recipient: str
    name: str
    locale: str
    order_id: UUID | None
    facts: dict[str, Any]
    sealed: bytes | None
    attempts: int
    uncertain: int
    created_at: datetime
    expires_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", Kind(self.kind))


async def claim(
    tx: Tx, *, shop_ids: Sequence[int], claim: UUID, seconds: float, limit: int, channel: str = "mail"
) -> list[Claimed]:
    return await tx.every(
        Claimed,
        """
        WITH due AS (
            SELECT id FROM notifications.notice
             WHERE state = 'queued' AND due_at <= now() AND shop_id = ANY(%(shop_ids)s) AND channel = %(channel)s
             ORDER BY urgency, due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
        UPDATE notifications.notice n
           SET state = 'sending', claim = %(claim)s, claimed_until = now() + make_interval(secs => %(seconds)s)
          FROM due WHERE n.id = due.id
        RETURNING n.id, n.shop_id, n.kind, n.channel, n.recipient, n.name, n.locale, n.order_id, n.facts, n.sealed,
                  n.attempts, n.uncertain, n.created_at, n.expires_at
        """,
        shop_ids=list(shop_ids),
        claim=claim,
        seconds=seconds,
        limit=limit,
        channel=channel,
    )


async def hand(tx: Tx, *, ids: Sequence[UUID], claim: UUID, seconds: float) -> list[UUID]:
    """Say that the bytes of these are about to leave, and keep all of the claim.  Those that are still ours."""
    rows = await tx.every(
        _Id,
        """
        WITH kept AS (
            UPDATE notifications.notice SET claimed_until = now() + make_interval(secs => %(seconds)s)
             WHERE claim = %(claim)s AND NOT id = ANY(%(ids)s))
        UPDATE notifications.notice
           SET handed_at = now(), claimed_until = now() + make_interval(secs => %(seconds)s)
         WHERE claim = %(claim)s AND id = ANY(%(ids)s) RETURNING id
        """,
        ids=list(ids),
        claim=claim,
        seconds=seconds,
    )
    return [row.id for row in rows]


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of one attempt.  `due_in` seconds for what is queued again."""

    id: UUID
    state: State
    subject: str
    code: str = ""
    reply: str = ""
    due_in: float = 0.0
    counted: bool = True
    uncertain: bool = False
    segments: int = 0
    reference: str = ""


async def end(tx: Tx, *, claim: UUID, endings: Sequence[Ending]) -> int:
    """Write down what became of them; of those that are still ours."""
    return await tx.run(
        """
        UPDATE notifications.notice n
           SET state = e.state,
               subject = CASE WHEN e.subject = '' THEN n.subject ELSE e.subject END,
               code = e.code, reply = e.reply,
               attempts = n.attempts + e.counted,
               uncertain = n.uncertain + e.uncertain,
               due_at = CASE WHEN e.state = 'queued' THEN now() + make_interval(secs => e.due_in) ELSE n.due_at END,
               ended_at = CASE WHEN e.state = 'queued' THEN NULL ELSE now() END,
               sealed = CASE WHEN e.state = 'queued' THEN n.sealed END,
               segments = CASE WHEN e.segments = 0 THEN n.segments ELSE e.segments END,
               reference = CASE WHEN e.reference = '' THEN n.reference ELSE e.reference END,
               claim = NULL, claimed_until = NULL, handed_at = NULL
          FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(subjects)s::text[], %(codes)s::text[], %(replies)s::text[],
                      %(due)s::float8[], %(counted)s::int[], %(uncertain)s::int[], %(segments)s::int[],
                      %(references)s::text[])
               AS e (id, state, subject, code, reply, due_in, counted, uncertain, segments, reference)
         WHERE n.id = e.id AND n.claim = %(claim)s
        """,
        claim=claim,
        ids=[each.id for each in endings],
        states=[str(each.state) for each in endings],
        subjects=[each.subject[:500] for each in endings],
        codes=[each.code for each in endings],
        replies=[each.reply[:500] for each in endings],
        due=[each.due_in for each in endings],
        counted=[int(each.counted) for each in endings],
        uncertain=[int(each.uncertain) for each in endings],
        segments=[each.segments for each in endings],
        references=[each.reference for each in endings],
    )


async def take_back(tx: Tx) -> int:
    """Notices whose sender is gone.  Whose bytes had not begun to leave are simply queued; the others may have arrived:
    they are sent once more, under the same Message-ID, and never a third time.
    """
    return await tx.run(
        """
        WITH gone AS (
            SELECT id FROM notifications.notice WHERE state = 'sending' AND claimed_until < now()
             LIMIT 1000 FOR UPDATE SKIP LOCKED)
        UPDATE notifications.notice n
           SET state = CASE WHEN handed_at IS NOT NULL AND uncertain >= 1 THEN 'unknown' ELSE 'queued' END,
               ended_at = CASE WHEN handed_at IS NOT NULL AND uncertain >= 1 THEN now() END,
               sealed = CASE WHEN handed_at IS NOT NULL AND uncertain >= 1 THEN NULL ELSE sealed END,
               code = CASE WHEN handed_at IS NULL THEN code ELSE 'no_answer' END,
               uncertain = uncertain + CASE WHEN handed_at IS NULL THEN 0 ELSE 1 END,
               attempts = attempts + CASE WHEN handed_at IS NULL THEN 0 ELSE 1 END,
               claim = NULL, claimed_until = NULL, handed_at = NULL
          FROM gone WHERE n.id = gone.id
        """
    )
