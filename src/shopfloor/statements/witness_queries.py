"""SQL of witnesses: those a shop shows its log, and the logs it is a witness of."""

from collections.abc import Sequence
from datetime import datetime

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Witness:
    """`seen`: the size of the largest checkpoint it signed; `problem`: what it said last instead."""

    id: int
    key: str
    url: str
    seen: int
    problem: str
    tried_at: datetime | None
    added_at: datetime

    @property
    def name(self) -> str:
        return self.key.partition("+")[0]


async def witnesses(tx: Tx, *, shop_id: int) -> list[Witness]:
    """Those that are asked."""
    return await tx.every(
        Witness,
        """
        SELECT id, key, url, seen, problem, tried_at, added_at FROM statements.witness
         WHERE shop_id = %(shop_id)s AND ended_at IS NULL ORDER BY id
        """,
        shop_id=shop_id,
    )


async def insert_witness_once(tx: Tx, *, shop_id: int, key: str, url: str) -> int | None:
    """None where it is asked already."""
    return await tx.value(
        """
        INSERT INTO statements.witness (shop_id, key, url) VALUES (%(shop_id)s, %(key)s, %(url)s)
        ON CONFLICT (shop_id, key) WHERE ended_at IS NULL DO NOTHING RETURNING id
        """,
        shop_id=shop_id,
        key=key,
        url=url,
    )


async def end_witness(tx: Tx, *, shop_id: int, witness_id: int) -> bool:
    """What it signed stays."""
    return bool(
        await tx.run(
            """
            UPDATE statements.witness SET ended_at = now()
             WHERE shop_id = %(shop_id)s AND id = %(witness_id)s AND ended_at IS NULL
            """,
            shop_id=shop_id,
            witness_id=witness_id,
        )
    )


async def note_problem(tx: Tx, *, witness_id: int, problem: str) -> None:
    await tx.run(
        "UPDATE statements.witness SET problem = %(problem)s, tried_at = now() WHERE id = %(witness_id)s",
        witness_id=witness_id,
        problem=problem,
    )


async def note_seen(tx: Tx, *, witness_id: int, size: int) -> None:
    await tx.run(
        """
        UPDATE statements.witness SET seen = greatest(seen, %(size)s), problem = '', tried_at = now()
         WHERE id = %(witness_id)s
        """,
        witness_id=witness_id,
        size=size,
    )


async def keep_cosignature(tx: Tx, *, shop_id: int, size: int, witness_id: int, line: str) -> None:
    await tx.run(
        """
        INSERT INTO statements.cosignature (shop_id, size, witness_id, line)
        VALUES (%(shop_id)s, %(size)s, %(witness_id)s, %(line)s) ON CONFLICT DO NOTHING
        """,
        shop_id=shop_id,
        size=size,
        witness_id=witness_id,
        line=line,
    )


@dataclass(frozen=True, slots=True)
class Watched:
    """A log of somebody else, and the last this shop saw of it."""

    id: int
    origin: str
    keys: list[str]
    size: int
    root: bytes | None
    seen_at: datetime | None


async def watched(tx: Tx, *, shop_id: int) -> list[Watched]:
    return await tx.every(
        Watched,
        """
        SELECT id, origin, keys, size, root, seen_at FROM statements.watched
         WHERE shop_id = %(shop_id)s ORDER BY id
        """,
        shop_id=shop_id,
    )


async def lock_watched(tx: Tx, *, shop_id: int, origin: str) -> Watched | None:
    return await tx.first(
        Watched,
        """
        SELECT id, origin, keys, size, root, seen_at FROM statements.watched
         WHERE shop_id = %(shop_id)s AND origin = %(origin)s FOR UPDATE
        """,
        shop_id=shop_id,
        origin=origin,
    )


async def put_watched(tx: Tx, *, shop_id: int, origin: str, keys: Sequence[str]) -> None:
    """What was seen of it stays."""
    await tx.run(
        """
        INSERT INTO statements.watched (shop_id, origin, keys) VALUES (%(shop_id)s, %(origin)s, %(keys)s)
        ON CONFLICT (shop_id, origin) DO UPDATE SET keys = excluded.keys
        """,
        shop_id=shop_id,
        origin=origin,
        keys=list(keys),
    )


async def delete_watched(tx: Tx, *, shop_id: int, watched_id: int) -> bool:
    return bool(
        await tx.run(
            "DELETE FROM statements.watched WHERE shop_id = %(shop_id)s AND id = %(watched_id)s",
            shop_id=shop_id,
            watched_id=watched_id,
        )
    )


async def note_watched(tx: Tx, *, watched_id: int, size: int, root: bytes, note: str) -> None:
    await tx.run(
        """
        UPDATE statements.watched SET size = %(size)s, root = %(root)s, note = %(note)s, seen_at = now()
         WHERE id = %(watched_id)s
        """,
        watched_id=watched_id,
        size=size,
        root=root,
        note=note,
    )


@dataclass(frozen=True, slots=True)
class WitnessKey:
    name: str
    public_key: bytes
    secret: bytes


async def witness_key(tx: Tx, *, shop_id: int) -> WitnessKey | None:
    return await tx.first(
        WitnessKey,
        "SELECT name, public_key, secret FROM statements.witness_key WHERE shop_id = %(shop_id)s",
        shop_id=shop_id,
    )


async def insert_witness_key_once(
    tx: Tx, *, shop_id: int, name: str, public_key: bytes, secret: bytes
) -> None:
    await tx.run(
        """
        INSERT INTO statements.witness_key (shop_id, name, public_key, secret)
        VALUES (%(shop_id)s, %(name)s, %(public_key)s, %(secret)s) ON CONFLICT DO NOTHING
        """,
        shop_id=shop_id,
        name=name,
        public_key=public_key,
        secret=secret,
    )
