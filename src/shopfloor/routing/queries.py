"""SQL of routing.  One function, one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.routing.models import Change, Decision, Leg, Limit, Rule


async def rules(tx: Tx, *, shop_id: int) -> list[Rule]:
    """In their order."""
    return await tx.every(
        Rule,
        """
        SELECT kind, is_on, location_id, place_kind, id FROM routing.rule WHERE shop_id = %(shop_id)s ORDER BY rank
        """,
        shop_id=shop_id,
    )


async def version(tx: Tx, *, shop_id: int) -> int:
    found = await tx.value("SELECT version FROM routing.setup WHERE shop_id = %(shop_id)s", shop_id=shop_id)
    return 0 if found is None else found


async def lock_setup(tx: Tx, *, shop_id: int) -> int:
    """Nobody else changes the rules of this shop before this transaction ends.  Returns their version."""
    return await tx.value(
        """
        INSERT INTO routing.setup AS s (shop_id) VALUES (%(shop_id)s)
        ON CONFLICT (shop_id) DO UPDATE SET version = s.version RETURNING version
        """,
        shop_id=shop_id,
    )


async def next_version(tx: Tx, *, shop_id: int) -> None:
    await tx.run(
        "UPDATE routing.setup SET version = version + 1 WHERE shop_id = %(shop_id)s", shop_id=shop_id
    )


async def save_rules(tx: Tx, *, shop_id: int, rules: Sequence[Rule]) -> None:
    """These, in this order: those with an id stay who they are, the others are new, what is missing goes."""
    await tx.run(
        "DELETE FROM routing.rule WHERE shop_id = %(shop_id)s AND id <> ALL(%(ids)s::bigint[])",
        shop_id=shop_id,
        ids=[rule.id for rule in rules if rule.id is not None],
    )
    await tx.run(
        """
        UPDATE routing.rule AS r SET rank = n.rank, is_on = n.is_on
          FROM unnest(%(ids)s::bigint[], %(ranks)s::int[], %(on)s::boolean[]) AS n (id, rank, is_on)
         WHERE r.shop_id = %(shop_id)s AND r.id = n.id
        """,
        shop_id=shop_id,
        ids=[rule.id for rule in rules if rule.id is not None],
        ranks=[rank for rank, rule in enumerate(rules) if rule.id is not None],
        on=[rule.is_on for rule in rules if rule.id is not None],
    )
    await tx.many(
        """
        INSERT INTO routing.rule (shop_id, rank, kind, is_on, location_id, place_kind)
        VALUES (%(shop_id)s, %(rank)s, %(kind)s, %(is_on)s, %(location_id)s, %(place_kind)s)
        """,
        [
            {
                "shop_id": shop_id,
                "rank": rank,
                "kind": rule.kind.value,
                "is_on": rule.is_on,
                "location_id": rule.location_id,
                "place_kind": rule.place_kind,
            }
            for rank, rule in enumerate(rules)
            if rule.id is None
        ],
    )


async def limits(tx: Tx, *, shop_id: int) -> list[Limit]:
    return await tx.every(
        Limit,
        """
        SELECT location_id, per_day, cut_off, accept_hours FROM routing.place WHERE shop_id = %(shop_id)s ORDER BY location_id
        """,
        shop_id=shop_id,
    )


async def lock_limits(tx: Tx, *, shop_id: int) -> None:
    """Who counts what leaves from places that are limited counts alone."""
    await tx.every(
        _Locked,
        """
        SELECT location_id FROM routing.place WHERE shop_id = %(shop_id)s AND per_day IS NOT NULL
         ORDER BY location_id FOR UPDATE
        """,
        shop_id=shop_id,
    )


@dataclass(frozen=True, slots=True)
class _Locked:
    location_id: int


async def save_limit(tx: Tx, *, shop_id: int, limit: Limit) -> None:
    await tx.run(
        """
        INSERT INTO routing.place (location_id, shop_id, per_day, cut_off, accept_hours)
        VALUES (%(location_id)s, %(shop_id)s, %(per_day)s, %(cut_off)s, %(accept_hours)s)
        ON CONFLICT (location_id) DO UPDATE
           SET per_day = excluded.per_day, cut_off = excluded.cut_off, accept_hours = excluded.accept_hours
        """,
        shop_id=shop_id,
        location_id=limit.location_id,
        per_day=limit.per_day,
        cut_off=limit.cut_off,
        accept_hours=limit.accept_hours,
    )


@dataclass(frozen=True, slots=True)
class Sent:
    location_id: int
    orders: int


async def sent_since(
    tx: Tx, *, shop_id: int, location_ids: Sequence[int], since: Sequence[datetime]
) -> list[Sent]:
    """Orders with a parcel to be shipped from each of these, made since its own moment."""
    return await tx.every(
        Sent,
        """
        SELECT w.location_id, count(DISTINCT p.order_id)::int AS orders
          FROM unnest(%(ids)s::bigint[], %(since)s::timestamptz[]) AS w (location_id, since)
          JOIN fulfilment.v_parcel p ON p.shop_id = %(shop_id)s AND p.location_id = w.location_id
                                    AND p.created_at >= w.since AND p.delivery = 'ship' AND p.state <> 'cancelled'
         GROUP BY w.location_id
        """,
        shop_id=shop_id,
        ids=list(location_ids),
        since=list(since),
    )


async def add_change(tx: Tx, *, shop_id: int, actor: str, what: str, facts: dict[str, Any]) -> None:
    await tx.run(
        """
        INSERT INTO routing.change (shop_id, actor, what, facts)
        VALUES (%(shop_id)s, %(actor)s, %(what)s, %(facts)s)
        """,
        shop_id=shop_id,
        actor=actor,
        what=what,
        facts=Jsonb(facts),
    )


async def changes(tx: Tx, *, shop_id: int, after: int | None, before: int | None, limit: int) -> list[Change]:
    """Newest first, for `kernel.paging`."""
    return await tx.every(
        Change,
        """
        SELECT id, at, actor, what, facts FROM routing.change
         WHERE shop_id = %(shop_id)s
           AND (%(after)s::bigint IS NULL OR id < %(after)s)
           AND (%(before)s::bigint IS NULL OR id > %(before)s)
         ORDER BY CASE WHEN %(before)s::bigint IS NOT NULL THEN id END, id DESC LIMIT %(limit)s
        """,
        shop_id=shop_id,
        after=after,
        before=before,
        limit=limit,
    )


async def add_decision(
    tx: Tx, *, shop_id: int, order_id: UUID, trigger: str, actor: str, note: str, legs: Sequence[Leg]
) -> None:
    await tx.run(
        """
        INSERT INTO routing.decision (shop_id, order_id, trigger, actor, note, legs)
        VALUES (%(shop_id)s, %(order_id)s, %(trigger)s, %(actor)s, %(note)s, %(legs)s)
        """,
        shop_id=shop_id,
        order_id=order_id,
        trigger=trigger,
        actor=actor,
        note=note,
        legs=Jsonb(msgspec.to_builtins(list(legs), str_keys=True)),
    )


async def decisions(tx: Tx, *, shop_id: int, order_id: UUID) -> list[Decision]:
    """In the order in which they were made."""
    cursor = await tx.connection.execute(
        """
        SELECT id, order_id, at, trigger, actor, note, legs FROM routing.decision
         WHERE shop_id = %(shop_id)s AND order_id = %(order_id)s ORDER BY id
        """,
        {"shop_id": shop_id, "order_id": order_id},
    )
    return [
        Decision(decision_id, order, at, trigger, actor, note, msgspec.convert(legs, list[Leg], strict=False))
        for decision_id, order, at, trigger, actor, note, legs in await cursor.fetchall()
    ]
