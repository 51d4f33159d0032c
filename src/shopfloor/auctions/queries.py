"""SQL of auctions.  One function, one statement; rows come back as the dataclass they fill."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from shopfloor.auctions.models import Auction, Bid, Bidder, Purchase, Refusals, Sealed, Strike, Win
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass

_AUCTION: Final[LiteralString] = """
    SELECT a.id, a.shop_id, a.show_id, a.offer_id, a.variant_id, a.title, a.titles, a.options, a.picture, a.quantity,
           a.currency, a.start_minor, a.reserve_minor, a.steps, a.seconds, a.extend_seconds, a.pay_minutes, a.opened_at,
           a.ends_at, a.latest_end, a.state, a.why, a.bids, a.price_minor, a.leader, a.one_network, a.closed_at
      FROM auctions.auction a
"""
_WIN: Final[LiteralString] = """
    SELECT w.auction_id, w.place, w.paddle, r.name, w.price_minor, w.hold_id, w.state, w.asked_at, w.deadline, w.order_id
      FROM auctions.win w JOIN auctions.bidder r ON r.auction_id = w.auction_id AND r.paddle = w.paddle
"""
_BIDDER: Final[LiteralString] = "SELECT paddle, customer, shopper, name, accepted_at FROM auctions.bidder"


async def clock(tx: Tx) -> datetime:
    """The one clock of all processes; asked for after a lock was waited for, and not with it."""
    return await tx.value("SELECT clock_timestamp()")


async def insert(tx: Tx, *, values: Mapping[str, Any]) -> int:
    return await tx.value(
        """
        INSERT INTO auctions.auction (shop_id, show_id, offer_id, variant_id, key, title, titles, options, picture,
                                      quantity, currency, start_minor, reserve_minor, steps, seconds, extend_seconds,
                                      pay_minutes, opened_at, ends_at, latest_end, house, hold_id, by_person)
        VALUES (%(shop_id)s, %(show_id)s, %(offer_id)s, %(variant_id)s, %(key)s, %(title)s, %(titles)s, %(options)s,
                %(picture)s, %(quantity)s, %(currency)s, %(start_minor)s, %(reserve_minor)s, %(steps)s, %(seconds)s,
                %(extend_seconds)s, %(pay_minutes)s, %(opened_at)s, %(ends_at)s, %(latest_end)s, %(house)s, %(hold_id)s,
                %(by)s)
        RETURNING id
        """,
        **{
            **values,
            "titles": Jsonb(values["titles"]),
            "steps": Jsonb(values["steps"]),
            "options": list(values["options"]),
        },
    )


async def auction(tx: Tx, *, shop_id: int, auction_id: int) -> Auction | None:
    return await tx.first(
        Auction,
        _AUCTION + " WHERE a.shop_id = %(shop_id)s AND a.id = %(id)s",
        shop_id=shop_id,
        id=auction_id,
    )


async def locked(tx: Tx, *, shop_id: int, auction_id: int) -> Auction | None:
    """All that happens to an auction comes one after the other, whichever process does it."""
    return await tx.first(
        Auction,
        _AUCTION + " WHERE a.shop_id = %(shop_id)s AND a.id = %(id)s FOR NO KEY UPDATE OF a",
        shop_id=shop_id,
        id=auction_id,
    )


async def by_key(tx: Tx, *, shop_id: int, key: UUID) -> Auction | None:
    return await tx.first(
        Auction,
        _AUCTION + " WHERE a.shop_id = %(shop_id)s AND a.key = %(key)s",
        shop_id=shop_id,
        key=key,
    )


async def sealed(tx: Tx, *, auction_id: int) -> Sealed:
    return await tx.one(
        Sealed,
        "SELECT house, hold_id, leader_max_minor FROM auctions.auction WHERE id = %(id)s",
        id=auction_id,
    )


async def of_show(tx: Tx, *, shop_id: int, show_id: int) -> list[Auction]:
    """Oldest first; a show has some hundreds at most."""
    return await tx.every(
        Auction,
        _AUCTION + " WHERE a.shop_id = %(shop_id)s AND a.show_id = %(show_id)s ORDER BY a.id",
        shop_id=shop_id,
        show_id=show_id,
    )


async def newest(tx: Tx, *, shop_id: int, show_id: int) -> Auction | None:
    return await tx.first(
        Auction,
        _AUCTION + " WHERE a.shop_id = %(shop_id)s AND a.show_id = %(show_id)s ORDER BY a.id DESC LIMIT 1",
        shop_id=shop_id,
        show_id=show_id,
    )


@dataclass(frozen=True, slots=True)
class Due:
    """`step`: close or lapse; `seconds` until it is due, below zero where it is."""

    shop_id: int
    auction_id: int
    step: str
    seconds: float


async def due(tx: Tx) -> list[Due]:
    """What has to be done of auctions of all shops, now and next."""
    return await tx.every(
        Due,
        """
        SELECT shop_id, id AS auction_id, 'close' AS step,
               extract(epoch FROM ends_at - clock_timestamp())::float8 AS seconds
          FROM auctions.auction WHERE state = 'open'
        UNION ALL
        SELECT shop_id, auction_id, 'lapse', extract(epoch FROM look_at - clock_timestamp())::float8
          FROM auctions.win WHERE state = 'asked'
         ORDER BY seconds, auction_id
        """,
    )


async def set_closed(
    tx: Tx, *, auction_id: int, state: str, why: str | None, at: datetime, by: int | None
) -> None:
    """Over, with what bidders' networks say; what they were is forgotten."""
    await tx.run(
        """
        WITH shared AS (
            SELECT count(DISTINCT o.paddle)::int AS bidders
              FROM auctions.origin o
             WHERE o.auction_id = %(id)s
               AND EXISTS (SELECT FROM auctions.origin x
                            WHERE x.auction_id = o.auction_id AND x.network = o.network AND x.paddle <> o.paddle)),
        gone AS (DELETE FROM auctions.origin WHERE auction_id = %(id)s)
        UPDATE auctions.auction
           SET state = %(state)s, why = %(why)s, closed_at = %(at)s, closed_by = %(by)s,
               one_network = (SELECT bidders FROM shared)
         WHERE id = %(id)s
        """,
        id=auction_id,
        state=state,
        why=why,
        at=at,
        by=by,
    )


async def set_state(tx: Tx, *, auction_id: int, state: str, why: str | None) -> None:
    """What became of one that was sold."""
    await tx.run(
        "UPDATE auctions.auction SET state = %(state)s, why = %(why)s WHERE id = %(id)s AND state <> 'open'",
        id=auction_id,
        state=state,
        why=why,
    )


# ── bids ──────────────────────────────────────────────────────────────────────────────────────────────────


async def bidders(tx: Tx, *, auction_id: int) -> list[Bidder]:
    return await tx.every(Bidder, _BIDDER + " WHERE auction_id = %(id)s ORDER BY paddle", id=auction_id)


async def bidders_of(tx: Tx, *, auction_id: int, customers: Sequence[UUID]) -> dict[UUID, Bidder]:
    found = await tx.every(
        Bidder,
        _BIDDER + " WHERE auction_id = %(id)s AND customer = ANY(%(customers)s::uuid[])",
        id=auction_id,
        customers=list(customers),
    )
    return {each.customer: each for each in found if each.customer is not None}


async def bidder(tx: Tx, *, auction_id: int, paddle: int) -> Bidder:
    return await tx.one(
        Bidder,
        _BIDDER + " WHERE auction_id = %(id)s AND paddle = %(paddle)s",
        id=auction_id,
        paddle=paddle,
    )


async def last_paddle(tx: Tx, *, auction_id: int) -> int:
    return await tx.value(
        "SELECT coalesce(max(paddle), 0) FROM auctions.bidder WHERE auction_id = %(id)s", id=auction_id
    )


async def save_bidder(
    tx: Tx,
    *,
    shop_id: int,
    auction_id: int,
    paddle: int,
    customer: UUID,
    shopper: UUID,
    name: str,
    at: datetime,
) -> None:
    """New, or from another browser: the last one is where a win goes."""
    await tx.run(
        """
        INSERT INTO auctions.bidder (auction_id, paddle, shop_id, customer, shopper, name, accepted_at)
        VALUES (%(auction_id)s, %(paddle)s, %(shop_id)s, %(customer)s, %(shopper)s, %(name)s, %(at)s)
        ON CONFLICT (auction_id, paddle) DO UPDATE SET shopper = excluded.shopper, name = excluded.name
        """,
        auction_id=auction_id,
        paddle=paddle,
        shop_id=shop_id,
        customer=customer,
        shopper=shopper,
        name=name,
        at=at,
    )


@dataclass(frozen=True, slots=True)
class Known:
    """A bid that was taken before, by its key."""

    key: UUID
    paddle: int
    max_minor: int


async def known(tx: Tx, *, auction_id: int, keys: Sequence[UUID]) -> dict[UUID, Known]:
    found = await tx.every(
        Known,
        """
        SELECT key, paddle, max_minor FROM auctions.bid
         WHERE auction_id = %(id)s AND key = ANY(%(keys)s::uuid[])
        """,
        id=auction_id,
        keys=list(keys),
    )
    return {each.key: each for each in found}


async def insert_bids(tx: Tx, *, rows: Sequence[Mapping[str, object]]) -> None:
    await tx.many(
        """
        INSERT INTO auctions.bid (auction_id, seq, shop_id, key, paddle, max_minor, price_minor, leader, at, ends_at)
        VALUES (%(auction_id)s, %(seq)s, %(shop_id)s, %(key)s, %(paddle)s, %(max_minor)s, %(price_minor)s, %(leader)s,
                %(at)s, %(ends_at)s)
        """,
        rows,
    )


async def insert_origins(
    tx: Tx, *, shop_id: int, auction_id: int, origins: Sequence[tuple[int, int]]
) -> None:
    """(paddle, network)."""
    await tx.many(
        """
        INSERT INTO auctions.origin (auction_id, paddle, network, shop_id)
        VALUES (%(auction_id)s, %(paddle)s, %(network)s, %(shop_id)s) ON CONFLICT DO NOTHING
        """,
        [
            {"auction_id": auction_id, "shop_id": shop_id, "paddle": paddle, "network": network}
            for paddle, network in origins
        ],
    )


async def insert_refused(
    tx: Tx,
    *,
    shop_id: int,
    auction_id: int,
    customer: UUID | None,
    max_minor: int,
    reason: str,
    at: datetime,
    most: int,
) -> None:
    """Unless there are `most` of this bidder already: nobody fills a table by being refused."""
    await tx.run(
        """
        INSERT INTO auctions.refused (auction_id, shop_id, customer, max_minor, reason, at)
        SELECT %(auction_id)s, %(shop_id)s, %(customer)s, %(max_minor)s, %(reason)s, %(at)s
         WHERE (SELECT count(*) FROM auctions.refused
                 WHERE auction_id = %(auction_id)s AND customer IS NOT DISTINCT FROM %(customer)s::uuid) < %(most)s
        """,
        auction_id=auction_id,
        shop_id=shop_id,
        customer=customer,
        max_minor=max_minor,
        reason=reason,
        at=at,
        most=most,
    )


async def set_standing(
    tx: Tx, *, auction_id: int, bids: int, price: int, leader: int, most: int, ends_at: datetime
) -> None:
    await tx.run(
        """
        UPDATE auctions.auction
           SET bids = %(bids)s, price_minor = %(price)s, leader = %(leader)s, leader_max_minor = %(most)s,
               ends_at = %(ends_at)s
         WHERE id = %(id)s
        """,
        id=auction_id,
        bids=bids,
        price=price,
        leader=leader,
        most=most,
        ends_at=ends_at,
    )


async def bids(tx: Tx, *, auction_id: int, after: int | None, before: int | None, limit: int) -> list[Bid]:
    """Newest first, a page of them (`kernel.paging`)."""
    return await tx.every(
        Bid,
        """
        SELECT b.seq, b.paddle, r.name, b.max_minor, b.price_minor, b.leader, b.at, b.ends_at
          FROM auctions.bid b JOIN auctions.bidder r ON r.auction_id = b.auction_id AND r.paddle = b.paddle
         WHERE b.auction_id = %(id)s AND (%(after)s::int IS NULL OR b.seq < %(after)s)
           AND (%(before)s::int IS NULL OR b.seq > %(before)s)
         ORDER BY CASE WHEN %(before)s::int IS NULL THEN b.seq END DESC, b.seq LIMIT %(limit)s
        """,
        id=auction_id,
        after=after,
        before=before,
        limit=limit,
    )


async def most_of(tx: Tx, *, auction_id: int, paddle: int) -> int:
    return await tx.value(
        """
        SELECT coalesce(max(max_minor), 0) FROM auctions.bid WHERE auction_id = %(id)s AND paddle = %(paddle)s
        """,
        id=auction_id,
        paddle=paddle,
    )


@dataclass(frozen=True, slots=True)
class Next:
    paddle: int
    max_minor: int


async def next_bidder(tx: Tx, *, auction_id: int, but: Sequence[int]) -> Next | None:
    """Who bid most among the others; of equal ones the earlier."""
    return await tx.first(
        Next,
        """
        SELECT paddle, max_minor FROM auctions.bid
         WHERE auction_id = %(id)s AND paddle <> ALL(%(but)s::int[])
         ORDER BY max_minor DESC, seq LIMIT 1
        """,
        id=auction_id,
        but=list(but),
    )


async def refused(tx: Tx, *, auction_id: int) -> list[Refusals]:
    return await tx.every(
        Refusals,
        """
        SELECT reason, count(*)::int AS bids FROM auctions.refused WHERE auction_id = %(id)s
         GROUP BY reason ORDER BY reason
        """,
        id=auction_id,
    )


# ── wins ──────────────────────────────────────────────────────────────────────────────────────────────────


async def insert_win(
    tx: Tx,
    *,
    shop_id: int,
    auction_id: int,
    place: int,
    paddle: int,
    price: int,
    hold_id: UUID,
    at: datetime,
    deadline: datetime,
) -> None:
    await tx.run(
        """
        INSERT INTO auctions.win (auction_id, place, shop_id, paddle, price_minor, hold_id, asked_at, deadline, look_at)
        VALUES (%(auction_id)s, %(place)s, %(shop_id)s, %(paddle)s, %(price)s, %(hold_id)s, %(at)s, %(deadline)s,
                %(deadline)s)
        """,
        auction_id=auction_id,
        place=place,
        shop_id=shop_id,
        paddle=paddle,
        price=price,
        hold_id=hold_id,
        at=at,
        deadline=deadline,
    )


async def wins(tx: Tx, *, auction_id: int) -> list[Win]:
    return await tx.every(Win, _WIN + " WHERE w.auction_id = %(id)s ORDER BY w.place", id=auction_id)


async def set_win(tx: Tx, *, auction_id: int, place: int, state: str, order_id: UUID | None) -> None:
    await tx.run(
        """
        UPDATE auctions.win SET state = %(state)s, order_id = coalesce(%(order_id)s, order_id)
         WHERE auction_id = %(id)s AND place = %(place)s
        """,
        id=auction_id,
        place=place,
        state=state,
        order_id=order_id,
    )


async def purchase(tx: Tx, *, shop_id: int, hold_id: UUID) -> Purchase:
    """What became of the purchase that a win is."""
    found = await tx.first(
        Purchase,
        """
        SELECT root, order_id, status, cancelled_by, is_paid FROM orders.v_purchase
         WHERE id = %(hold_id)s AND shop_id = %(shop_id)s ORDER BY order_id DESC NULLS LAST LIMIT 1
        """,
        hold_id=hold_id,
        shop_id=shop_id,
    )
    return found or Purchase(hold_id, None, None, None, is_paid=False)


async def wins_of_order(tx: Tx, *, shop_id: int, order_id: UUID) -> list[Win]:
    return await tx.every(
        Win,
        _WIN  # noqa: S608 -- a constant
        + """
         WHERE w.shop_id = %(shop_id)s
           AND w.hold_id IN (SELECT id FROM orders.v_purchase WHERE order_id = %(order_id)s AND shop_id = %(shop_id)s)
         ORDER BY w.auction_id
        """,
        shop_id=shop_id,
        order_id=order_id,
    )


async def look_again(tx: Tx, *, auction_id: int, place: int, seconds: int) -> None:
    await tx.run(
        """
        UPDATE auctions.win SET look_at = clock_timestamp() + make_interval(secs => %(seconds)s)
         WHERE auction_id = %(id)s AND place = %(place)s
        """,
        id=auction_id,
        place=place,
        seconds=seconds,
    )


# ── strikes and people ────────────────────────────────────────────────────────────────────────────────────


async def insert_strike(tx: Tx, *, shop_id: int, auction_id: int, customer: UUID, at: datetime) -> None:
    await tx.run(
        """
        INSERT INTO auctions.strike (shop_id, auction_id, customer, at)
        VALUES (%(shop_id)s, %(auction_id)s, %(customer)s, %(at)s) ON CONFLICT (auction_id) DO NOTHING
        """,
        shop_id=shop_id,
        auction_id=auction_id,
        customer=customer,
        at=at,
    )


@dataclass(frozen=True, slots=True)
class Struck:
    customer: UUID
    strikes: int
    last_at: datetime


async def struck(tx: Tx, *, shop_id: int, customers: Sequence[UUID], since: datetime) -> dict[UUID, Struck]:
    found = await tx.every(
        Struck,
        """
        SELECT customer, count(*)::int AS strikes, max(at) AS last_at FROM auctions.strike
         WHERE shop_id = %(shop_id)s AND customer = ANY(%(customers)s::uuid[]) AND lifted_at IS NULL
           AND at > %(since)s
         GROUP BY customer
        """,
        shop_id=shop_id,
        customers=list(customers),
        since=since,
    )
    return {each.customer: each for each in found}


async def strike(tx: Tx, *, shop_id: int, auction_id: int) -> Strike | None:
    return await tx.first(
        Strike,
        """
        SELECT id, auction_id, at, lifted_at FROM auctions.strike
         WHERE shop_id = %(shop_id)s AND auction_id = %(id)s
        """,
        shop_id=shop_id,
        id=auction_id,
    )


async def lift_strike(tx: Tx, *, shop_id: int, auction_id: int, by: int | None) -> bool:
    return bool(
        await tx.run(
            """
            UPDATE auctions.strike SET lifted_at = coalesce(lifted_at, now()), lifted_by = coalesce(lifted_by, %(by)s)
             WHERE shop_id = %(shop_id)s AND auction_id = %(id)s
            """,
            shop_id=shop_id,
            id=auction_id,
            by=by,
        )
    )


async def forget_buyers(tx: Tx, *, shop_id: int, buyers: Sequence[UUID]) -> None:
    """Names and accounts; the numbers they bid under, and the bids, stay in the ledger."""
    await tx.run(
        """
        WITH known AS (
            SELECT DISTINCT customer FROM auctions.bidder
             WHERE shop_id = %(shop_id)s AND shopper = ANY(%(buyers)s::uuid[]) AND customer IS NOT NULL),
        bidder AS (
            UPDATE auctions.bidder SET name = '', customer = NULL
             WHERE shop_id = %(shop_id)s
               AND (shopper = ANY(%(buyers)s::uuid[]) OR customer IN (SELECT customer FROM known))),
        refused AS (
            UPDATE auctions.refused SET customer = NULL
             WHERE shop_id = %(shop_id)s AND customer IN (SELECT customer FROM known))
        UPDATE auctions.strike SET customer = NULL
         WHERE shop_id = %(shop_id)s AND customer IN (SELECT customer FROM known)
        """,
        shop_id=shop_id,
        buyers=list(buyers),
    )


# ── the audit ─────────────────────────────────────────────────────────────────────────────────────────────


async def after(tx: Tx, *, auction_id: int, limit: int) -> list[Auction]:
    """Of all shops, by number."""
    return await tx.every(
        Auction,
        _AUCTION + " WHERE a.id > %(id)s ORDER BY a.id LIMIT %(limit)s",
        id=auction_id,
        limit=limit,
    )


async def ledger(tx: Tx, *, auction_id: int) -> list[Bid]:
    """All of it, in order."""
    return await tx.every(
        Bid,
        """
        SELECT b.seq, b.paddle, r.name, b.max_minor, b.price_minor, b.leader, b.at, b.ends_at
          FROM auctions.bid b JOIN auctions.bidder r ON r.auction_id = b.auction_id AND r.paddle = b.paddle
         WHERE b.auction_id = %(id)s ORDER BY b.seq
        """,
        id=auction_id,
    )
