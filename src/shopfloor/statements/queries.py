"""SQL of logs and statements.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from shopfloor.kernel import paging
from shopfloor.kernel.database import Tx
from shopfloor.kernel.merkle import Node
from shopfloor.kernel.records import dataclass
from shopfloor.statements.models import Listed, Log, Signed, SigningKey


async def insert_log_once(tx: Tx, *, shop_id: int, origin: str) -> bool:
    """False where there is one, also of a transaction that ran beside this one."""
    return bool(
        await tx.run(
            "INSERT INTO statements.log (shop_id, origin) VALUES (%(shop_id)s, %(origin)s) ON CONFLICT DO NOTHING",
            shop_id=shop_id,
            origin=origin,
        )
    )


async def log(tx: Tx, *, shop_id: int) -> Log | None:
    return await tx.first(
        Log, "SELECT shop_id, origin, size FROM statements.log WHERE shop_id = %(shop_id)s", shop_id=shop_id
    )


async def lock_log(tx: Tx, *, shop_id: int) -> Log | None:
    """Nobody else appends or signs until this transaction ends."""
    return await tx.first(
        Log,
        "SELECT shop_id, origin, size FROM statements.log WHERE shop_id = %(shop_id)s FOR UPDATE",
        shop_id=shop_id,
    )


async def set_size(tx: Tx, *, shop_id: int, size: int) -> None:
    await tx.run(
        "UPDATE statements.log SET size = %(size)s WHERE shop_id = %(shop_id)s", shop_id=shop_id, size=size
    )


async def keys(tx: Tx, *, shop_id: int) -> list[SigningKey]:
    """All there were, in order."""
    return await tx.every(
        SigningKey,
        """
        SELECT number, public_key, secret, created_at, retired_at
          FROM statements.key WHERE shop_id = %(shop_id)s ORDER BY number
        """,
        shop_id=shop_id,
    )


async def retire_keys(tx: Tx, *, shop_id: int) -> None:
    await tx.run(
        "UPDATE statements.key SET retired_at = now() WHERE shop_id = %(shop_id)s AND retired_at IS NULL",
        shop_id=shop_id,
    )


async def insert_key(tx: Tx, *, shop_id: int, number: int, public_key: bytes, secret: bytes) -> None:
    await tx.run(
        """
        INSERT INTO statements.key (shop_id, number, public_key, secret)
        VALUES (%(shop_id)s, %(number)s, %(public_key)s, %(secret)s)
        """,
        shop_id=shop_id,
        number=number,
        public_key=public_key,
        secret=secret,
    )


async def insert_leaf(tx: Tx, *, shop_id: int, position: int, kind: str, body: bytes) -> None:
    await tx.run(
        """
        INSERT INTO statements.leaf (shop_id, position, kind, body)
        VALUES (%(shop_id)s, %(position)s, %(kind)s, %(body)s)
        """,
        shop_id=shop_id,
        position=position,
        kind=kind,
        body=body,
    )


@dataclass(frozen=True, slots=True)
class Leaf:
    position: int
    kind: str
    body: bytes


async def key_leaves(tx: Tx, *, shop_id: int, until: int) -> list[Leaf]:
    """Those that announce keys, before position `until`, in order."""
    return await tx.every(
        Leaf,
        """
        SELECT position, kind, body FROM statements.leaf
         WHERE shop_id = %(shop_id)s AND kind = 'key' AND position < %(until)s ORDER BY position
        """,
        shop_id=shop_id,
        until=until,
    )


async def leaf(tx: Tx, *, shop_id: int, position: int) -> Leaf | None:
    return await tx.first(
        Leaf,
        "SELECT position, kind, body FROM statements.leaf WHERE shop_id = %(shop_id)s AND position = %(position)s",
        shop_id=shop_id,
        position=position,
    )


@dataclass(frozen=True, slots=True)
class _Hashed:
    level: int
    place: int
    hash: bytes


async def insert_nodes(tx: Tx, *, shop_id: int, nodes: Sequence[tuple[Node, bytes]]) -> None:
    await tx.run(
        """
        INSERT INTO statements.node (shop_id, level, place, hash)
        SELECT %(shop_id)s, level, place, hash
          FROM unnest(%(levels)s::bigint[], %(places)s::bigint[], %(hashes)s::bytea[]) AS node (level, place, hash)
        """,
        shop_id=shop_id,
        levels=[level for (level, _), _ in nodes],
        places=[place for (_, place), _ in nodes],
        hashes=[value for _, value in nodes],
    )


async def nodes(tx: Tx, *, shop_id: int, wanted: Sequence[Node]) -> dict[Node, bytes]:
    if not wanted:
        return {}
    rows = await tx.every(
        _Hashed,
        """
        SELECT node.level, node.place, node.hash
          FROM unnest(%(levels)s::bigint[], %(places)s::bigint[]) AS wanted (level, place)
          JOIN statements.node
            ON node.shop_id = %(shop_id)s AND node.level = wanted.level AND node.place = wanted.place
        """,
        shop_id=shop_id,
        levels=[level for level, _ in wanted],
        places=[place for _, place in wanted],
    )
    return {(row.level, row.place): row.hash for row in rows}


async def insert_statement(
    tx: Tx,
    *,
    shop_id: int,
    number: int,
    show_id: int,
    version: int,
    position: int,
    state: str,
    access: str,
    made_at: datetime,
) -> None:
    await tx.run(
        """
        INSERT INTO statements.statement (shop_id, number, show_id, version, position, state, access, made_at)
        VALUES (%(shop_id)s, %(number)s, %(show_id)s, %(version)s, %(position)s, %(state)s, %(access)s, %(made_at)s)
        """,
        shop_id=shop_id,
        number=number,
        show_id=show_id,
        version=version,
        position=position,
        state=state,
        access=access,
        made_at=made_at,
    )


SELECT_STATEMENTS: Final = """
SELECT s.number, s.show_id, s.version::int AS version, s.position, s.state, s.made_at, s.access,
       (SELECT min(c.size) FROM statements.checkpoint c
         WHERE c.shop_id = s.shop_id AND c.size > s.position) AS checkpoint,
       ARRAY(SELECT DISTINCT split_part(w.key, '+', 1) FROM statements.witness w
              WHERE w.shop_id = s.shop_id
                AND EXISTS (SELECT FROM statements.cosignature g
                             WHERE g.shop_id = w.shop_id AND g.witness_id = w.id AND g.size > s.position)
              ORDER BY 1) AS cosigned
  FROM statements.statement s
"""


async def statement(tx: Tx, *, shop_id: int, number: int) -> Listed | None:
    return await tx.first(
        Listed, SELECT_STATEMENTS + "WHERE s.shop_id = %(shop_id)s AND s.number = %(number)s", shop_id=shop_id, number=number
    )  # fmt: skip


async def of_show(tx: Tx, *, shop_id: int, show_id: int) -> list[Listed]:
    """All versions, the newest first."""
    return await tx.every(
        Listed,
        SELECT_STATEMENTS
        + "WHERE s.shop_id = %(shop_id)s AND s.show_id = %(show_id)s ORDER BY s.version DESC",
        shop_id=shop_id,
        show_id=show_id,
    )


async def count_statements(tx: Tx, *, shop_id: int, before: int | None = None) -> paging.Counted:
    """Those that stand above the one of number `before`, which the newest begin."""
    rows = await tx.value(
        """
        SELECT count(*) FROM (SELECT FROM statements.statement
                               WHERE shop_id = %(shop_id)s AND (%(before)s::bigint IS NULL OR number >= %(before)s)
                               LIMIT %(most)s) counted
        """,
        shop_id=shop_id,
        before=before,
        most=paging.MOST_COUNTED + 1,
    )
    return paging.capped(rows)


@paging.counted_by(count_statements)
async def statements(
    tx: Tx, *, shop_id: int, after: int | None = None, before: int | None = None, limit: int
) -> list[Listed]:
    """Newest first; `after` and `before` are numbers.  Before a number: the nearest first."""
    if before is not None:
        return await tx.every(
            Listed,
            SELECT_STATEMENTS
            + "WHERE s.shop_id = %(shop_id)s AND s.number > %(before)s ORDER BY s.number LIMIT %(limit)s",
            shop_id=shop_id,
            before=before,
            limit=limit,
        )
    return await tx.every(
        Listed,
        SELECT_STATEMENTS
        + "WHERE s.shop_id = %(shop_id)s AND (%(after)s::bigint IS NULL OR s.number < %(after)s) ORDER BY s.number DESC LIMIT %(limit)s",
        shop_id=shop_id,
        after=after,
        limit=limit,
    )


async def last_number(tx: Tx, *, shop_id: int) -> int:
    return await tx.value(
        "SELECT coalesce(max(number), 0) FROM statements.statement WHERE shop_id = %(shop_id)s", shop_id=shop_id
    )  # fmt: skip


async def insert_checkpoint(tx: Tx, *, shop_id: int, size: int, root: bytes, note: str) -> None:
    await tx.run(
        """
        INSERT INTO statements.checkpoint (shop_id, size, root, note)
        VALUES (%(shop_id)s, %(size)s, %(root)s, %(note)s)
        """,
        shop_id=shop_id,
        size=size,
        root=root,
        note=note,
    )


SELECT_CHECKPOINTS: Final = """
SELECT c.size, c.root, c.note, c.signed_at,
       ARRAY(SELECT g.line FROM statements.cosignature g
              WHERE g.shop_id = c.shop_id AND g.size = c.size ORDER BY g.witness_id) AS lines,
       ARRAY(SELECT w.key FROM statements.cosignature g JOIN statements.witness w ON w.id = g.witness_id
              WHERE g.shop_id = c.shop_id AND g.size = c.size ORDER BY g.witness_id) AS witnesses
  FROM statements.checkpoint c
"""


async def newest_checkpoint(tx: Tx, *, shop_id: int) -> Signed | None:
    return await tx.first(
        Signed,
        SELECT_CHECKPOINTS + "WHERE c.shop_id = %(shop_id)s ORDER BY c.size DESC LIMIT 1",
        shop_id=shop_id,
    )


async def best_size(tx: Tx, *, shop_id: int, position: int) -> int | None:
    """Of the checkpoint that says most of the leaf at `position`: the newest that a witness signed, else the newest."""
    return await tx.value(
        """
        SELECT coalesce((SELECT max(g.size) FROM statements.cosignature g
                          WHERE g.shop_id = %(shop_id)s AND g.size > %(position)s),
                        (SELECT max(c.size) FROM statements.checkpoint c
                          WHERE c.shop_id = %(shop_id)s AND c.size > %(position)s))
        """,
        shop_id=shop_id,
        position=position,
    )


async def checkpoint_at(tx: Tx, *, shop_id: int, size: int) -> Signed | None:
    return await tx.first(
        Signed,
        SELECT_CHECKPOINTS + "WHERE c.shop_id = %(shop_id)s AND c.size = %(size)s",
        shop_id=shop_id,
        size=size,
    )


@dataclass(frozen=True, slots=True)
class Behind:
    shop_id: int


async def logs_behind(tx: Tx) -> list[Behind]:
    """The shops whose log is larger than their newest checkpoint, or whose witnesses have not seen it."""
    return await tx.every(
        Behind,
        """
        SELECT l.shop_id FROM statements.log l
         WHERE l.size > coalesce((SELECT max(c.size) FROM statements.checkpoint c WHERE c.shop_id = l.shop_id), 0)
            OR EXISTS (SELECT FROM statements.witness w
                        WHERE w.shop_id = l.shop_id AND w.ended_at IS NULL AND w.seen < l.size)
         ORDER BY l.shop_id
        """,
    )


@dataclass(frozen=True, slots=True)
class Due:
    shop_id: int
    show_id: int


async def due(tx: Tx, *, ended_before: datetime, ended_after: datetime, tried_before: datetime, again_before: datetime, most: int) -> list[Due]:  # fmt: skip
    """Shows that have ended and no statement yet, and those whose figures may have changed since."""
    return await tx.every(
        Due,
        """
        SELECT show.shop_id, show.id AS show_id
          FROM live.v_show show
          LEFT JOIN statements.asked ON asked.shop_id = show.shop_id AND asked.show_id = show.id
         WHERE show.ended_at BETWEEN %(ended_after)s AND %(ended_before)s
           AND (asked.asked_at IS NULL
                OR asked.asked_at < %(again_before)s
                OR (asked.asked_at < %(tried_before)s
                    AND NOT EXISTS (SELECT FROM statements.statement s
                                     WHERE s.shop_id = show.shop_id AND s.show_id = show.id)))
         ORDER BY asked.asked_at NULLS FIRST, show.ended_at DESC, show.id
         LIMIT %(most)s
        """,
        ended_before=ended_before,
        ended_after=ended_after,
        tried_before=tried_before,
        again_before=again_before,
        most=most,
    )


async def note_asked(tx: Tx, *, shop_id: int, show_id: int) -> None:
    await tx.run(
        """
        INSERT INTO statements.asked (shop_id, show_id, asked_at) VALUES (%(shop_id)s, %(show_id)s, now())
        ON CONFLICT (shop_id, show_id) DO UPDATE SET asked_at = now()
        """,
        shop_id=shop_id,
        show_id=show_id,
    )
