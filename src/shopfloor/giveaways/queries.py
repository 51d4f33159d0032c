"""SQL of giveaways.  One function, one statement; rows come back as the dataclass they fill."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.giveaways.models import Entry, Giveaway, Winner
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass

_GIVEAWAY: Final[LiteralString] = """
    SELECT g.id, g.shop_id, g.show_id, g.prize, g.value_minor, g.currency, g.winners, g.proven_only, g.claim_hours,
           g.opened_at, g.closes_at, g.round, g.round_at, g.reveal_by, g.rules, g.state, g.why, g.entries, g.closing,
           g.closed_at, g.drawn_at, g.problem
      FROM giveaways.giveaway g
"""
_WINNER: Final[LiteralString] = """
    SELECT w.place, w.number, e.name, e.shopper, e.customer, w.state, w.asked_at, w.deadline, w.claimed_at, w.recipient,
           w.sent_at
      FROM giveaways.winner w JOIN giveaways.entry e ON e.giveaway_id = w.giveaway_id AND e.number = w.number
"""


async def next_number(tx: Tx) -> int:
    """The rules name the giveaway, so its number comes first."""
    return await tx.value("SELECT nextval(pg_get_serial_sequence('giveaways.giveaway', 'id'))")


async def insert(tx: Tx, *, found: Giveaway, secret: bytes, by: int | None) -> None:
    await tx.run(
        """
        INSERT INTO giveaways.giveaway (id, shop_id, show_id, prize, value_minor, currency, winners, proven_only,
                                        claim_hours, opened_at, closes_at, round, round_at, reveal_by, rules, secret,
                                        by_person)
        OVERRIDING SYSTEM VALUE
        VALUES (%(id)s, %(shop_id)s, %(show_id)s, %(prize)s, %(value)s, %(currency)s, %(winners)s, %(proven_only)s,
                %(claim_hours)s, %(opened_at)s, %(closes_at)s, %(round)s, %(round_at)s, %(reveal_by)s, %(rules)s,
                %(secret)s, %(by)s)
        """,
        id=found.id,
        shop_id=found.shop_id,
        show_id=found.show_id,
        prize=found.prize,
        value=found.value_minor,
        currency=found.currency,
        winners=found.winners,
        proven_only=found.proven_only,
        claim_hours=found.claim_hours,
        opened_at=found.opened_at,
        closes_at=found.closes_at,
        round=found.round,
        round_at=found.round_at,
        reveal_by=found.reveal_by,
        rules=Jsonb(found.rules),
        secret=secret,
        by=by,
    )


async def giveaway(tx: Tx, *, shop_id: int, giveaway_id: int) -> Giveaway | None:
    return await tx.first(
        Giveaway,
        _GIVEAWAY + " WHERE g.shop_id = %(shop_id)s AND g.id = %(id)s",
        shop_id=shop_id,
        id=giveaway_id,
    )


async def locked(tx: Tx, *, shop_id: int, giveaway_id: int) -> Giveaway | None:
    """All that changes a giveaway comes one after the other, whichever process does it."""
    return await tx.first(
        Giveaway,
        _GIVEAWAY + " WHERE g.shop_id = %(shop_id)s AND g.id = %(id)s FOR NO KEY UPDATE OF g",
        shop_id=shop_id,
        id=giveaway_id,
    )


async def of_show(tx: Tx, *, shop_id: int, show_id: int) -> list[Giveaway]:
    return await tx.every(
        Giveaway,
        _GIVEAWAY + " WHERE g.shop_id = %(shop_id)s AND g.show_id = %(show_id)s ORDER BY g.id",
        shop_id=shop_id,
        show_id=show_id,
    )


@dataclass(frozen=True, slots=True)
class Due:
    """`step`: close, reveal or lapse; `seconds` until it is due, below zero where it is."""

    shop_id: int
    giveaway_id: int
    step: str
    seconds: float


async def due(tx: Tx) -> list[Due]:
    """What has to be done of giveaways of all shops, now and next."""
    return await tx.every(
        Due,
        """
        SELECT shop_id, id AS giveaway_id, CASE state WHEN 'open' THEN 'close' ELSE 'reveal' END AS step,
               extract(epoch FROM (CASE state WHEN 'open' THEN closes_at ELSE round_at END) - now())::float8 AS seconds
          FROM giveaways.giveaway WHERE state IN ('open', 'closed')
        UNION ALL
        SELECT shop_id, giveaway_id, 'lapse', extract(epoch FROM min(deadline) - now())::float8
          FROM giveaways.winner WHERE state = 'asked' GROUP BY shop_id, giveaway_id
         ORDER BY seconds, giveaway_id
        """,
    )


# ── entries ───────────────────────────────────────────────────────────────────────────────────────────────


async def entries_of(
    tx: Tx, *, giveaway_id: int, shoppers: Sequence[UUID], customers: Sequence[UUID]
) -> list[Entry]:
    return await tx.every(
        Entry,
        """
        SELECT number, shopper, customer, name FROM giveaways.entry
         WHERE giveaway_id = %(id)s AND (shopper = ANY(%(shoppers)s::uuid[]) OR customer = ANY(%(customers)s::uuid[]))
        """,
        id=giveaway_id,
        shoppers=list(shoppers),
        customers=list(customers),
    )


async def from_networks(tx: Tx, *, giveaway_id: int, networks: Sequence[int]) -> dict[int, int]:
    """How many entries without an account came from each."""
    cursor = await tx.connection.execute(
        """
        SELECT network, count(*)::int FROM giveaways.entry
         WHERE giveaway_id = %(id)s AND customer IS NULL AND network = ANY(%(networks)s::bigint[]) GROUP BY network
        """,
        {"id": giveaway_id, "networks": list(networks)},
    )
    return dict(await cursor.fetchall())


async def insert_entries(
    tx: Tx, *, shop_id: int, giveaway_id: int, rows: Sequence[Mapping[str, Any]]
) -> None:
    """`number`, `shopper`, `customer`, `name`, `network`; and count them."""
    await tx.run(
        """
        WITH entered AS (
          INSERT INTO giveaways.entry (giveaway_id, shop_id, number, shopper, customer, name, network)
          SELECT %(id)s, %(shop_id)s, number, shopper, customer, name, network
            FROM jsonb_to_recordset(%(rows)s::jsonb)
                 AS u (number text, shopper uuid, customer uuid, name text, network bigint)
          RETURNING 1)
        UPDATE giveaways.giveaway SET entries = entries + (SELECT count(*) FROM entered) WHERE id = %(id)s
        """,
        id=giveaway_id,
        shop_id=shop_id,
        rows=Jsonb([{name: _plain(value) for name, value in row.items()} for row in rows]),
    )


def _plain(value: object) -> object:
    return str(value) if isinstance(value, UUID) else value


async def numbers(tx: Tx, *, giveaway_id: int) -> list[str]:
    """Sorted by their characters."""
    cursor = await tx.connection.execute(
        'SELECT number FROM giveaways.entry WHERE giveaway_id = %(id)s ORDER BY number COLLATE "C"',
        {"id": giveaway_id},
    )
    return [row[0] for row in await cursor.fetchall()]


async def forget_networks(tx: Tx, *, giveaway_id: int) -> None:
    await tx.run(
        "UPDATE giveaways.entry SET network = NULL WHERE giveaway_id = %(id)s AND network IS NOT NULL",
        id=giveaway_id,
    )


async def forget_buyers(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> list[int]:
    """Their names, accounts and addresses; their numbers stay in the lists that were drawn from.

    Returns the giveaways in which one of them was drawn.
    """
    cursor = await tx.connection.execute(
        """
        WITH entry AS (
          UPDATE giveaways.entry SET name = '', customer = NULL, network = NULL
           WHERE shop_id = %(shop_id)s AND shopper = ANY(%(buyers)s::uuid[]) RETURNING giveaway_id, number)
        UPDATE giveaways.winner w SET recipient = ''
          FROM entry e WHERE w.giveaway_id = e.giveaway_id AND w.number = e.number RETURNING w.giveaway_id
        """,
        {"shop_id": shop_id, "buyers": list(buyers)},
    )
    return sorted({row[0] for row in await cursor.fetchall()})


# ── the draw ──────────────────────────────────────────────────────────────────────────────────────────────


async def set_closed(tx: Tx, *, giveaway_id: int, closing: Mapping[str, Any], at: datetime) -> None:
    await tx.run(
        """
        UPDATE giveaways.giveaway SET state = 'closed', closing = %(closing)s, closed_at = %(at)s WHERE id = %(id)s
        """,
        id=giveaway_id,
        closing=Jsonb(dict(closing)),
        at=at,
    )


async def set_void(tx: Tx, *, giveaway_id: int, why: str) -> None:
    await tx.run(
        "UPDATE giveaways.giveaway SET state = 'void', why = %(why)s, problem = NULL WHERE id = %(id)s",
        id=giveaway_id,
        why=why,
    )


async def set_problem(tx: Tx, *, giveaway_id: int, problem: str) -> None:
    await tx.run(
        "UPDATE giveaways.giveaway SET problem = %(problem)s WHERE id = %(id)s AND state = 'closed'",
        id=giveaway_id,
        problem=problem,
    )


@dataclass(frozen=True, slots=True)
class Sealed:
    secret: bytes
    signature: bytes | None


async def sealed(tx: Tx, *, giveaway_id: int) -> Sealed:
    """What is public only once it is drawn."""
    return await tx.one(
        Sealed, "SELECT secret, signature FROM giveaways.giveaway WHERE id = %(id)s", id=giveaway_id
    )


async def set_drawn(tx: Tx, *, giveaway_id: int, signature: bytes, at: datetime) -> None:
    await tx.run(
        """
        UPDATE giveaways.giveaway SET state = 'drawn', signature = %(signature)s, drawn_at = %(at)s, problem = NULL
         WHERE id = %(id)s
        """,
        id=giveaway_id,
        signature=signature,
        at=at,
    )


async def insert_winner(
    tx: Tx, *, shop_id: int, giveaway_id: int, place: int, number: str, at: datetime, deadline: datetime
) -> None:
    await tx.run(
        """
        INSERT INTO giveaways.winner (giveaway_id, shop_id, place, number, asked_at, deadline)
        VALUES (%(id)s, %(shop_id)s, %(place)s, %(number)s, %(at)s, %(deadline)s)
        """,
        id=giveaway_id,
        shop_id=shop_id,
        place=place,
        number=number,
        at=at,
        deadline=deadline,
    )


async def winners(tx: Tx, *, giveaway_id: int) -> list[Winner]:
    """In the order in which they were drawn."""
    return await tx.every(Winner, _WINNER + " WHERE w.giveaway_id = %(id)s ORDER BY w.place", id=giveaway_id)


async def set_claimed(tx: Tx, *, giveaway_id: int, place: int, recipient: str, at: datetime) -> None:
    await tx.run(
        """
        UPDATE giveaways.winner
           SET state = 'claimed', claimed_at = coalesce(claimed_at, %(at)s), recipient = %(recipient)s
         WHERE giveaway_id = %(id)s AND place = %(place)s
        """,
        id=giveaway_id,
        place=place,
        recipient=recipient,
        at=at,
    )


async def set_lapsed(tx: Tx, *, giveaway_id: int, place: int) -> None:
    await tx.run(
        "UPDATE giveaways.winner SET state = 'lapsed' WHERE giveaway_id = %(id)s AND place = %(place)s",
        id=giveaway_id,
        place=place,
    )


async def set_sent(tx: Tx, *, giveaway_id: int, place: int, at: datetime) -> bool:
    return bool(
        await tx.run(
            """
            UPDATE giveaways.winner SET sent_at = coalesce(sent_at, %(at)s)
             WHERE giveaway_id = %(id)s AND place = %(place)s AND state = 'claimed'
            """,
            id=giveaway_id,
            place=place,
            at=at,
        )
    )


async def origin(tx: Tx, *, shop_id: int) -> str:
    """The country that the shop sells from."""
    return await tx.value(
        """
        SELECT coalesce(p.origin_country, CASE s.currency WHEN 'CNY' THEN 'CN' ELSE '' END)
          FROM accounts.v_shop s LEFT JOIN pricing.v_origin p ON p.shop_id = s.id
         WHERE s.id = %(shop_id)s
        """,
        shop_id=shop_id,
    )
