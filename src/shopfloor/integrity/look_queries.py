"""SQL of what is kept of a look at a show: its figures, and when to look again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Judgement:
    version: int
    policy: str
    as_of: datetime
    currency: str | None
    figures: Any


async def judgement(tx: Tx, *, shop_id: int, show_id: int) -> Judgement | None:
    return await tx.first(
        Judgement,
        """
        SELECT version, policy, as_of, currency, figures FROM integrity.judgement
         WHERE shop_id = %(shop_id)s AND show_id = %(show_id)s ORDER BY version DESC LIMIT 1
        """,
        shop_id=shop_id,
        show_id=show_id,
    )


@dataclass(frozen=True, slots=True)
class JudgementOf:
    show_id: int
    version: int
    policy: str
    as_of: datetime
    currency: str | None
    figures: Any


async def judgements(tx: Tx, *, shop_id: int, show_ids: Sequence[int]) -> list[JudgementOf]:
    """The newest of each show."""
    return await tx.every(
        JudgementOf,
        """
        SELECT DISTINCT ON (show_id) show_id, version, policy, as_of, currency, figures FROM integrity.judgement
         WHERE shop_id = %(shop_id)s AND show_id = ANY(%(show_ids)s::bigint[]) ORDER BY show_id, version DESC
        """,
        shop_id=shop_id,
        show_ids=list(show_ids),
    )


async def insert_judgement(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    policy: str,
    as_of: datetime,
    currency: str | None,
    figures: Mapping[str, Sequence[int]],
) -> int:
    return await tx.value(
        """
        INSERT INTO integrity.judgement (shop_id, show_id, version, policy, as_of, currency, figures)
        SELECT %(shop_id)s, %(show_id)s, coalesce(max(version), 0) + 1, %(policy)s, %(as_of)s, %(currency)s, %(figures)s
          FROM integrity.judgement WHERE show_id = %(show_id)s
        RETURNING version
        """,
        shop_id=shop_id,
        show_id=show_id,
        policy=policy,
        as_of=as_of,
        currency=currency,
        figures=Jsonb({key: list(values) for key, values in figures.items()}),
    )


async def set_look(
    tx: Tx, *, shop_id: int, show_id: int, looked_at: datetime, look_at: datetime | None
) -> None:
    """`look_at` None: nobody need look again."""
    await tx.run(
        """
        INSERT INTO integrity.look (show_id, shop_id, looked_at, look_at)
        VALUES (%(show_id)s, %(shop_id)s, %(looked_at)s, %(look_at)s)
            ON CONFLICT (show_id) DO UPDATE SET looked_at = excluded.looked_at, look_at = excluded.look_at
        """,
        show_id=show_id,
        shop_id=shop_id,
        looked_at=looked_at,
        look_at=look_at,
    )


async def looked_at(tx: Tx, *, shop_id: int, show_id: int) -> datetime | None:
    return await tx.value(
        "SELECT looked_at FROM integrity.look WHERE shop_id = %(shop_id)s AND show_id = %(show_id)s",
        shop_id=shop_id,
        show_id=show_id,
    )


@dataclass(frozen=True, slots=True)
class Due:
    shop_id: int
    show_id: int


async def due(tx: Tx, *, at: datetime, limit: int) -> list[Due]:
    return await tx.every(
        Due,
        "SELECT shop_id, show_id FROM integrity.look WHERE look_at <= %(at)s ORDER BY look_at LIMIT %(limit)s",
        at=at,
        limit=limit,
    )
