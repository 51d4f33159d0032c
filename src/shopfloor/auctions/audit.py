"""The audit of auctions: each invariant with what was looked at and the keys that break it."""

from shopfloor.auctions import queries
from shopfloor.auctions.bidding import Standing, Taken
from shopfloor.auctions.models import Auction
from shopfloor.kernel.database import Tx
from shopfloor.kernel.invariants import AuditRow, Invariant, counted

_AT_ONCE = 500


async def audit(tx: Tx) -> list[Invariant]:
    """The invariants of auctions over all shops."""
    return [
        *await counted(
            tx,
            (
                ("auctions: bids are those that were counted, without a gap", _bids),
                ("auctions: one bidder at a time may have a lot, and only of one that is sold", _wins),
                ("auctions: the units of what runs, and of who is asked, are held", _units),
            ),
        ),
        await _prices(tx),
    ]


async def _bids(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(a.id::text) FILTER (WHERE a.bids <> coalesce(b.bids, 0) OR a.bids <> coalesce(b.last, 0)),
                        '{}') AS offending
          FROM auctions.auction a
          LEFT JOIN (SELECT auction_id, count(*) AS bids, max(seq) AS last FROM auctions.bid GROUP BY auction_id) b
            ON b.auction_id = a.id
        """,
    )


async def _wins(tx: Tx) -> AuditRow:
    return await tx.one(
        AuditRow,
        """
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(a.id::text) FILTER (WHERE (a.state = 'sold') <> (coalesce(w.standing, 0) = 1)
                                                         OR (coalesce(w.wins, 0) > 0 AND a.state = 'open')), '{}')
               AS offending
          FROM auctions.auction a
          LEFT JOIN (SELECT auction_id, count(*) AS wins,
                            count(*) FILTER (WHERE state IN ('asked', 'ordered', 'paid')) AS standing
                       FROM auctions.win GROUP BY auction_id) w ON w.auction_id = a.id
        """,
    )


async def _units(tx: Tx) -> AuditRow:
    """By the books, a lot that runs has its units; who is asked has them until the deadline."""
    return await tx.one(
        AuditRow,
        """
        WITH wanted AS (
            SELECT id AS auction_id, hold_id, quantity FROM auctions.auction
             WHERE state = 'open' AND latest_end > now()
            UNION ALL
            SELECT w.auction_id, coalesce(c.root, w.hold_id), a.quantity
              FROM auctions.win w JOIN auctions.auction a ON a.id = w.auction_id
              LEFT JOIN orders.v_purchase c ON c.id = w.hold_id
             WHERE w.state = 'asked' AND w.deadline > now())
        SELECT count(*)::int AS looked_at,
               coalesce(array_agg(w.auction_id::text) FILTER (WHERE w.quantity > coalesce(
                   (SELECT sum(h.quantity) FROM stock.v_hold h
                     WHERE h.id = w.hold_id AND h.state::text IN ('held', 'allocated', 'shipped')), 0)), '{}') AS offending
          FROM wanted w
        """,
    )


async def _prices(tx: Tx) -> Invariant:
    """Every price follows from the bids, computed again one by one, and the higher price is the winner's."""
    wrong: list[str] = []
    looked_at = 0
    last = 0
    while found := await _some(tx, last):
        for auction in found:
            looked_at += 1
            if not await _follows(tx, auction):
                wrong.append(str(auction.id))
        last = found[-1].id
    return Invariant(
        "auctions: prices computed again from the bids are those that were shown",
        not wrong,
        {"looked_at": looked_at, "wrong": len(wrong)},
        tuple(wrong[:100]),
    )


async def _some(tx: Tx, after: int) -> list[Auction]:
    return await queries.after(tx, auction_id=after, limit=_AT_ONCE)


async def _follows(tx: Tx, auction: Auction) -> bool:
    standing: Standing | None = None
    for bid in await queries.ledger(tx, auction_id=auction.id):
        taken = auction.rules.take(standing, bid.paddle, bid.max_minor)
        if not isinstance(taken, Taken):
            return False
        standing = taken.standing
        if (standing.price, standing.leader) != (bid.price_minor, bid.leader):
            return False
    sealed = await queries.sealed(tx, auction_id=auction.id)
    if sealed.standing(auction) != standing:
        return False
    wins = await queries.wins(tx, auction_id=auction.id)
    if not wins:
        return True
    first = wins[0]
    return standing is not None and (first.paddle, first.price_minor) == (standing.leader, standing.price)
