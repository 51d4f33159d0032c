"""SQL of chat.  One function, one statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.chat.models import Line, Moderation, Mute, Writer
from shopfloor.kernel.database import Tx
from shopfloor.kernel.paging import MOST_COUNTED
from shopfloor.kernel.records import dataclass


async def writer(
    tx: Tx, *, shop_id: int, show_id: int, shopper: UUID, fingerprint: str, lately: datetime, same: datetime
) -> Writer:
    """All that decides whether a line may be said, in one look."""
    return await tx.one(
        Writer,
        """
        SELECT (SELECT count(*) FROM chat.line
                 WHERE show_id = %(show_id)s AND shopper = %(shopper)s AND at > %(lately)s) AS said_lately,
               (SELECT min(at) FROM chat.line
                 WHERE show_id = %(show_id)s AND shopper = %(shopper)s AND state = 'shown') AS first_said_at,
               (SELECT max(at) FROM chat.line
                 WHERE show_id = %(show_id)s AND shopper = %(shopper)s) AS last_said_at,
               EXISTS (SELECT 1 FROM chat.buyer
                        WHERE show_id = %(show_id)s AND shopper = %(shopper)s) AS has_bought,
               mute.until AS muted_until, mute.reason AS mute_reason,
               EXISTS (SELECT 1 FROM chat.line
                        WHERE show_id = %(show_id)s AND shopper = %(shopper)s AND fingerprint = %(fingerprint)s
                          AND at > %(same)s) AS same_by_writer,
               (SELECT count(DISTINCT shopper) FROM chat.line
                 WHERE show_id = %(show_id)s AND fingerprint = %(fingerprint)s AND at > %(same)s
                   AND shopper <> %(shopper)s) AS same_by_others
          FROM (SELECT 1) AS one
          LEFT JOIN LATERAL (SELECT until, reason FROM chat.mute
                              WHERE shop_id = %(shop_id)s AND shopper = %(shopper)s AND lifted_at IS NULL
                                AND until > clock_timestamp()
                              ORDER BY until DESC LIMIT 1) AS mute ON true
        """,
        shop_id=shop_id,
        show_id=show_id,
        shopper=shopper,
        fingerprint=fingerprint,
        lately=lately,
        same=same,
    )


async def insert_line(
    tx: Tx,
    *,
    id: UUID,  # noqa: A002 -- the column's name
    shop_id: int,
    show_id: int,
    shopper: UUID,
    name: str,
    text: str,
    fingerprint: str,
    role: str,
    state: str,
    reason: str | None,
    asks: Mapping[str, Any],
    at: datetime,
) -> Line:
    return await tx.one(
        Line,
        """
        INSERT INTO chat.line (id, shop_id, show_id, shopper, name, text, fingerprint, role, state, reason, asks, at)
        VALUES (%(id)s, %(shop_id)s, %(show_id)s, %(shopper)s, %(name)s, %(text)s, %(fingerprint)s, %(role)s,
                %(state)s, %(reason)s, %(asks)s, %(at)s)
        RETURNING id, shop_id, show_id, shopper, name, text, role, state, reason, at, answered
        """,
        id=id,
        shop_id=shop_id,
        show_id=show_id,
        shopper=shopper,
        name=name,
        text=text,
        fingerprint=fingerprint,
        role=role,
        state=state,
        reason=reason,
        asks=Jsonb(dict(asks)),
        at=at,
    )


async def locked_line(tx: Tx, *, shop_id: int, line_id: UUID) -> Line | None:
    return await tx.first(
        Line,
        """
        SELECT id, shop_id, show_id, shopper, name, text, role, state, reason, at, answered
          FROM chat.line WHERE id = %(line_id)s AND shop_id = %(shop_id)s FOR UPDATE
        """,
        shop_id=shop_id,
        line_id=line_id,
    )


async def line_asks(tx: Tx, *, line_id: UUID) -> dict[str, list[str]]:
    return await tx.value("SELECT asks FROM chat.line WHERE id = %(line_id)s", line_id=line_id)


async def set_state(tx: Tx, *, line_id: UUID, state: str, reason: str | None) -> None:
    await tx.run(
        "UPDATE chat.line SET state = %(state)s, reason = %(reason)s WHERE id = %(line_id)s",
        line_id=line_id,
        state=state,
        reason=reason,
    )


async def name_of(tx: Tx, *, show_id: int, shopper: UUID) -> str | None:
    cursor = await tx.connection.execute(
        """
        SELECT name FROM chat.line
         WHERE show_id = %(show_id)s AND shopper = %(shopper)s AND state = 'shown' ORDER BY at DESC, id DESC LIMIT 1
        """,
        {"show_id": show_id, "shopper": shopper},
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def recent(tx: Tx, *, show_id: int, limit: int) -> list[Line]:
    """Newest first."""
    return await tx.every(
        Line,
        """
        SELECT id, shop_id, show_id, shopper, name, text, role, state, reason, at, answered
          FROM chat.line WHERE show_id = %(show_id)s AND state = 'shown' ORDER BY at DESC, id DESC LIMIT %(limit)s
        """,
        show_id=show_id,
        limit=limit,
    )


async def set_answered(tx: Tx, *, line_id: UUID, at: int | None) -> None:
    await tx.run("UPDATE chat.line SET answered = %(at)s WHERE id = %(line_id)s", line_id=line_id, at=at)


async def questions(tx: Tx, *, show_id: int, limit: int) -> list[Line]:
    """The last lines of shoppers that ask for something and were not answered, newest first."""
    return await tx.every(
        Line,
        """
        SELECT id, shop_id, show_id, shopper, name, text, role, state, reason, at, answered
          FROM chat.line
         WHERE show_id = %(show_id)s AND state = 'shown' AND role IN ('viewer', 'buyer') AND answered IS NULL
           AND (asks->'intents' <> '[]' OR asks->'sizes' <> '[]' OR asks->'colours' <> '[]' OR text ~ '[?？吗]\\s*$')
         ORDER BY at DESC, id DESC LIMIT %(limit)s
        """,
        show_id=show_id,
        limit=limit,
    )


async def shown_since(tx: Tx, *, show_id: int, since: datetime, after: UUID | None, limit: int) -> list[Line]:
    """Oldest first, from `since` on, or after a line."""
    return await tx.every(
        Line,
        """
        SELECT id, shop_id, show_id, shopper, name, text, role, state, reason, at, answered
          FROM chat.line
         WHERE show_id = %(show_id)s AND state = 'shown' AND at >= %(since)s
           AND (%(after)s::uuid IS NULL OR (at, id) >
                (SELECT at, id FROM chat.line WHERE id = %(after)s AND show_id = %(show_id)s))
         ORDER BY at, id LIMIT %(limit)s
        """,
        show_id=show_id,
        since=since,
        after=after,
        limit=limit,
    )


@dataclass(frozen=True, slots=True)
class HiddenFor:
    """So many lines of a show are hidden for this reason."""

    reason: str
    lines: int


async def hidden_for(tx: Tx, *, show_id: int) -> list[HiddenFor]:
    return await tx.every(
        HiddenFor,
        """
        SELECT reason, count(*) AS lines FROM chat.line WHERE show_id = %(show_id)s AND state = 'hidden'
         GROUP BY reason ORDER BY lines DESC, reason
        """,
        show_id=show_id,
    )


_KEPT: Final = """show_id = %(show_id)s AND state = 'shown'
           AND (%(before)s::uuid IS NULL OR (at, id) <
                (SELECT at, id FROM chat.line WHERE id = %(before)s AND show_id = %(show_id)s))"""


async def count_shown(tx: Tx, *, show_id: int, before: UUID | None) -> int:
    """At most one more than is counted (`kernel.paging`)."""
    return await tx.value(
        "SELECT count(*) FROM (SELECT FROM chat.line WHERE {kept} LIMIT %(most)s + 1) AS counted".replace(
            "{kept}", _KEPT
        ),
        show_id=show_id,
        before=before,
        most=MOST_COUNTED,
    )


async def shown(tx: Tx, *, show_id: int, after: UUID | None, before: UUID | None, limit: int) -> list[Line]:
    """Oldest first, for `kernel.paging`."""
    return await tx.every(
        Line,
        """
        SELECT id, shop_id, show_id, shopper, name, text, role, state, reason, at, answered
          FROM chat.line
         WHERE {kept}
           AND (%(after)s::uuid IS NULL OR (at, id) >
                (SELECT at, id FROM chat.line WHERE id = %(after)s AND show_id = %(show_id)s))
         ORDER BY CASE WHEN %(before)s::uuid IS NULL THEN at END, CASE WHEN %(before)s::uuid IS NULL THEN id END,
                  at DESC, id DESC
         LIMIT %(limit)s
        """.replace("{kept}", _KEPT),
        show_id=show_id,
        after=after,
        before=before,
        limit=limit,
    )


async def held(
    tx: Tx, *, shop_id: int, show_id: int | None, after: UUID | None, before: UUID | None, limit: int
) -> list[Line]:
    """Oldest first, for `kernel.paging`."""
    return await tx.every(
        Line,
        """
        SELECT id, shop_id, show_id, shopper, name, text, role, state, reason, at, answered
          FROM chat.line
         WHERE shop_id = %(shop_id)s AND state = 'held'
           AND (%(show_id)s::bigint IS NULL OR show_id = %(show_id)s::bigint)
           AND (%(after)s::uuid IS NULL OR (at, id) > (SELECT at, id FROM chat.line WHERE id = %(after)s))
           AND (%(before)s::uuid IS NULL OR (at, id) < (SELECT at, id FROM chat.line WHERE id = %(before)s))
         ORDER BY CASE WHEN %(before)s::uuid IS NULL THEN at END, CASE WHEN %(before)s::uuid IS NULL THEN id END,
                  at DESC, id DESC
         LIMIT %(limit)s
        """,
        shop_id=shop_id,
        show_id=show_id,
        after=after,
        before=before,
        limit=limit,
    )


async def insert_moderation(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int | None,
    line_id: UUID | None,
    shopper: UUID | None,
    action: str,
    reason: str,
    note: str,
    by: int | None,
) -> None:
    await tx.run(
        """
        INSERT INTO chat.moderation (shop_id, show_id, line_id, shopper, action, reason, note, by_person)
        VALUES (%(shop_id)s, %(show_id)s, %(line_id)s, %(shopper)s, %(action)s, %(reason)s, %(note)s, %(by)s)
        """,
        shop_id=shop_id,
        show_id=show_id,
        line_id=line_id,
        shopper=shopper,
        action=action,
        reason=reason,
        note=note,
        by=by,
    )


async def moderations(
    tx: Tx, *, shop_id: int, show_id: int | None, after: int | None, before: int | None, limit: int
) -> list[Moderation]:
    """Newest first, for `kernel.paging`."""
    return await tx.every(
        Moderation,
        """
        SELECT id, show_id, line_id, shopper, action, reason, note, by_person, at
          FROM chat.moderation
         WHERE shop_id = %(shop_id)s AND (%(show_id)s::bigint IS NULL OR show_id = %(show_id)s::bigint)
           AND (%(after)s::bigint IS NULL OR id < %(after)s)
           AND (%(before)s::bigint IS NULL OR id > %(before)s)
         ORDER BY CASE WHEN %(before)s::bigint IS NULL THEN id END DESC, id LIMIT %(limit)s
        """,
        shop_id=shop_id,
        show_id=show_id,
        after=after,
        before=before,
        limit=limit,
    )


async def insert_mute(tx: Tx, *, shop_id: int, shopper: UUID, until: datetime, reason: str) -> Mute:
    return await tx.one(
        Mute,
        """
        INSERT INTO chat.mute (shop_id, shopper, until, reason)
        VALUES (%(shop_id)s, %(shopper)s, %(until)s, %(reason)s)
        RETURNING shopper, until, reason
        """,
        shop_id=shop_id,
        shopper=shopper,
        until=until,
        reason=reason,
    )


async def lift_mutes(tx: Tx, *, shop_id: int, shopper: UUID) -> int:
    return await tx.run(
        """
        UPDATE chat.mute SET lifted_at = clock_timestamp()
         WHERE shop_id = %(shop_id)s AND shopper = %(shopper)s AND lifted_at IS NULL AND until > clock_timestamp()
        """,
        shop_id=shop_id,
        shopper=shopper,
    )


async def add_buyer(tx: Tx, *, show_id: int, shopper: UUID) -> None:
    await tx.run(
        "INSERT INTO chat.buyer (show_id, shopper) VALUES (%(show_id)s, %(shopper)s) ON CONFLICT DO NOTHING",
        show_id=show_id,
        shopper=shopper,
    )


async def blocked_words(tx: Tx, *, shop_id: int) -> list[str]:
    cursor = await tx.connection.execute(
        "SELECT word FROM chat.blocked_word WHERE shop_id = %(shop_id)s ORDER BY word", {"shop_id": shop_id}
    )
    return [row[0] for row in await cursor.fetchall()]


async def add_blocked_word(tx: Tx, *, shop_id: int, word: str) -> int:
    return await tx.run(
        "INSERT INTO chat.blocked_word (shop_id, word) VALUES (%(shop_id)s, %(word)s) ON CONFLICT DO NOTHING",
        shop_id=shop_id,
        word=word,
    )


async def remove_blocked_word(tx: Tx, *, shop_id: int, word: str) -> int:
    return await tx.run(
        "DELETE FROM chat.blocked_word WHERE shop_id = %(shop_id)s AND word = %(word)s",
        shop_id=shop_id,
        word=word,
    )


@dataclass(frozen=True, slots=True)
class Unnamed:
    """A line that lost its name."""

    id: UUID
    show_id: int
    is_shown: bool


async def erase_names(tx: Tx, *, shop_id: int, shoppers: Sequence[UUID]) -> list[Unnamed]:
    """Oldest first."""
    return await tx.every(
        Unnamed,
        """
        WITH changed AS (
            UPDATE chat.line SET name = ''
             WHERE shop_id = %(shop_id)s AND shopper = ANY(%(shoppers)s::uuid[]) AND name <> ''
            RETURNING id, show_id, state = 'shown' AS is_shown, at
        )
        SELECT id, show_id, is_shown FROM changed ORDER BY at, id
        """,
        shop_id=shop_id,
        shoppers=list(shoppers),
    )
