"""The audit of giveaways: each invariant with what was looked at and the keys that break it."""

import hashlib

from shopfloor.giveaways import drawing, queries
from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import AuditRow, Invariant, counted
from shopfloor.kernel.records import dataclass


async def audit(tx: Tx) -> list[Invariant]:
    """The invariants of giveaways over all shops."""
    return [
        *await counted(tx, (("giveaways: entries are those that were counted", audit_entries),)),
        await audit_draws(tx),
    ]


async def audit_entries(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(g.id::text) FILTER (WHERE g.entries <> coalesce(e.entries, 0)), '{}') AS offending
          FROM giveaways.giveaway g
          LEFT JOIN (SELECT giveaway_id, count(*) AS entries FROM giveaways.entry GROUP BY giveaway_id) e
            ON e.giveaway_id = g.id
        """,
    )


@dataclass(frozen=True, slots=True)
class _Drawn:
    id: int
    shop_id: int
    commitment: str


async def audit_draws(tx: Tx) -> Invariant:
    """Every draw, computed again from what is kept, has the winners that were asked."""
    found = await tx.every(
        _Drawn,
        """
        SELECT id, shop_id, rules->>'commitment' AS commitment FROM giveaways.giveaway WHERE state = 'drawn' ORDER BY id
        """,
    )
    wrong: list[str] = []
    for each in found:
        kept = await queries.giveaway(tx, shop_id=each.shop_id, giveaway_id=each.id)
        sealed = await queries.sealed(tx, giveaway_id=each.id)
        numbers = await queries.numbers(tx, giveaway_id=each.id)
        asked = [winner.number for winner in await queries.winners(tx, giveaway_id=each.id)]
        assert kept is not None
        assert kept.closing is not None
        assert sealed.signature is not None
        order = drawing.order(
            numbers, drawing.seed(kept.rules, kept.closing, sealed.secret, sealed.signature)
        )
        holds = (
            hashlib.sha256(sealed.secret).hexdigest() == each.commitment
            and drawing.root(numbers).hex() == kept.closing["root"]
            and order[: len(asked)] == asked
        )
        if not holds:
            wrong.append(str(each.id))
    return Invariant(
        "giveaways: draws computed again have the winners that were asked",
        not wrong,
        {"looked_at": len(found), "wrong": len(wrong)},
        tuple(wrong[:100]),
    )
