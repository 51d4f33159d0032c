"""Bids, as they arrive: many at once, each once, in their order.

The first that is taken is the first in the ledger, whichever process it came to: all of them wait for the lock of the
auction.  Whether a bid is in time is said by the database's clock, read once the lock is there.
"""

import time
from collections.abc import Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from shopfloor.auctions import bidding, cards, queries
from shopfloor.auctions.events import BidsPlaced, ShillRefused
from shopfloor.auctions.models import (
    BARRED_DAYS,
    REFUSED_KEPT,
    STRIKE_DAYS,
    STRIKES,
    Auction,
    Bidder,
    State,
)
from shopfloor.auctions.refusals import (
    AlreadyLeading,
    AuctionOver,
    BadBid,
    BidderBarred,
    BidLeap,
    BidTooFast,
    BidTooLow,
    OtherBid,
    SellerExcluded,
    TermsNotAccepted,
    UnknownAuction,
)
from shopfloor.kernel import outbox
from shopfloor.kernel.amounts import is_leap
from shopfloor.kernel.batches import Batches
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.rate_limit import Gcra
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import MAX_MINOR, new_id, video_ms

_LARGEST_BATCH: Final = 200
MOST_NAME: Final = 40
# One bidder: a bid each second, ten at once.
_EVERY: Final = 1.0
_BURST: Final = 10


@dataclass(frozen=True, slots=True)
class Bidding:
    """A bid of at most `most_minor` by an account with a proven contact.

    `key`: sent again it is the same bid.  `accepts`: the terms.  `confirmed`: it is meant, though it is more than three times what is
    asked.  `is_staff`: of somebody who works for the shop.  `network`: a salted key; None where it is not counted.
    """

    customer: UUID
    shopper: UUID
    most_minor: int
    key: UUID = field(default_factory=new_id)
    name: str = ""
    accepts: bool = False
    confirmed: bool = False
    is_staff: bool = False
    network: int | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """The bid stands.  `leads`: whether its bidder leads now, under the number `paddle`; `asked_minor`: the next bid."""

    paddle: int
    leads: bool
    price_minor: int
    max_minor: int
    asked_minor: int
    ends_at: datetime


class Bids:
    """The bids that arrive at this process: whoever comes while a batch commits is in the next one."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._fast = Gcra(every=_EVERY, burst=_BURST)
        self._batches: Batches[tuple[int, int], Bidding, Placed | Refusal] = Batches(
            self._commit, most=_LARGEST_BATCH
        )

    async def bid(self, bidding: Bidding, *, shop_id: int, auction_id: int) -> Placed:
        """Answered after it is on disk.  Raises BidTooFast, what `place` answers, and DatabaseAway."""
        wait = self._fast.wait((shop_id, bidding.customer), time.monotonic())
        if wait:
            raise BidTooFast(wait_ms=int(wait * 1000) + 1)
        found = await self._batches.ask((shop_id, auction_id), bidding)
        if isinstance(found, Refusal):
            raise found
        return found

    async def _commit(self, key: tuple[int, int], asking: Sequence[Bidding]) -> list[Placed | Refusal]:
        async with self._db.transaction() as tx:
            return await place(tx, shop_id=key[0], auction_id=key[1], asking=asking)


@dataclass(slots=True)
class _Batch:
    """The auction as it stands after the bids of the batch that were decided."""

    found: Auction
    at: datetime
    standing: bidding.Standing | None
    ends_at: datetime
    bids: int
    last_paddle: int
    bidders: dict[UUID, Bidder]
    rows: list[dict[str, object]]
    placed: list[Bidding]


async def place(
    tx: Tx, *, shop_id: int, auction_id: int, asking: Sequence[Bidding]
) -> list[Placed | Refusal]:
    """For each bid how it stands, or why it was not taken: AuctionOver, BidTooLow, AlreadyLeading, BadBid, BidLeap,
    OtherBid, SellerExcluded, BidderBarred, TermsNotAccepted.  Raises UnknownAuction.
    """
    found = await queries.locked(tx, shop_id=shop_id, auction_id=auction_id)
    if found is None:
        raise UnknownAuction(auction_id=auction_id)
    at = await queries.clock(tx)
    customers = [each.customer for each in asking]
    sealed = await queries.sealed(tx, auction_id=auction_id)
    known = await queries.known(tx, auction_id=auction_id, keys=[each.key for each in asking])
    batch = _Batch(
        found,
        at,
        sealed.standing(found),
        found.ends_at,
        found.bids,
        await queries.last_paddle(tx, auction_id=auction_id),
        await queries.bidders_of(tx, auction_id=auction_id, customers=customers),
        [],
        [],
    )
    struck = await queries.struck(
        tx, shop_id=shop_id, customers=customers, since=at - timedelta(days=STRIKE_DAYS)
    )
    answers: list[Placed | Refusal] = []
    for each in asking:
        before = known.get(each.key)
        if before is not None:
            answers.append(_again(batch, each, before))
            continue
        refusal = _barred(struck.get(each.customer), at) or _decide(batch, each)
        if refusal is None:
            known[each.key] = queries.Known(each.key, batch.bidders[each.customer].paddle, each.most_minor)
            answers.append(_placed(batch, each))
            continue
        answers.append(refusal)
        await _note(tx, batch, each, refusal)
    if batch.rows:
        await _write(tx, batch)
    return answers


def _barred(struck: queries.Struck | None, at: datetime) -> Refusal | None:
    if struck is None or struck.strikes < STRIKES:
        return None
    until = struck.last_at + timedelta(days=BARRED_DAYS)
    return BidderBarred(until=until.date().isoformat()) if at < until else None


def _decide(batch: _Batch, each: Bidding) -> Refusal | None:
    """Why it is not taken; else it is, and the batch stands as it does after it."""
    found = batch.found
    if each.is_staff:
        return SellerExcluded()
    if found.state is not State.OPEN or batch.at >= batch.ends_at:
        return AuctionOver(auction_id=found.id)
    if not 1 <= each.most_minor <= MAX_MINOR:
        return BadBid(currency=found.currency)
    bidder = batch.bidders.get(each.customer)
    if bidder is None and not each.accepts:
        return TermsNotAccepted()
    paddle = batch.last_paddle + 1 if bidder is None else bidder.paddle
    taken = found.rules.take(batch.standing, paddle, each.most_minor)
    asked = found.rules.asked(None if batch.standing is None else batch.standing.price)
    if isinstance(taken, bidding.TooLow):
        if batch.standing is not None and batch.standing.leader == paddle:
            return AlreadyLeading(max_minor=batch.standing.most, currency=found.currency)
        return BidTooLow(asked_minor=taken.asked, currency=found.currency)
    if each.most_minor > asked and is_leap(asked, each.most_minor) and not each.confirmed:
        return BidLeap(asked_minor=asked, bid_minor=each.most_minor, currency=found.currency)
    before = batch.standing
    if before is None or (taken.standing.price, taken.standing.leader) != (before.price, before.leader):
        batch.ends_at = bidding.end_after(
            batch.at, batch.ends_at, extend_seconds=found.extend_seconds, latest=found.latest_end
        )
    batch.standing = taken.standing
    batch.bids += 1
    batch.last_paddle = max(batch.last_paddle, paddle)
    accepted_at = batch.at if bidder is None else bidder.accepted_at
    batch.bidders[each.customer] = Bidder(
        paddle, each.customer, each.shopper, each.name[:MOST_NAME], accepted_at
    )
    batch.placed.append(each)
    batch.rows.append(
        {
            "auction_id": found.id,
            "seq": batch.bids,
            "shop_id": found.shop_id,
            "key": each.key,
            "paddle": paddle,
            "max_minor": each.most_minor,
            "price_minor": taken.standing.price,
            "leader": taken.standing.leader,
            "at": batch.at,
            "ends_at": batch.ends_at,
        }
    )
    return None


def _placed(batch: _Batch, each: Bidding) -> Placed:
    standing = batch.standing
    assert standing is not None, "there is a bid"
    paddle = batch.bidders[each.customer].paddle
    return Placed(
        paddle,
        standing.leader == paddle,
        standing.price,
        each.most_minor,
        batch.found.rules.asked(standing.price),
        batch.ends_at,
    )


def _again(batch: _Batch, each: Bidding, before: queries.Known) -> Placed | Refusal:
    """The same key: how that bid stands now."""
    bidder = batch.bidders.get(each.customer)
    if bidder is None or bidder.paddle != before.paddle or before.max_minor != each.most_minor:
        return OtherBid()
    return _placed(batch, each)


async def _note(tx: Tx, batch: _Batch, each: Bidding, refusal: Refusal) -> None:
    """What somebody may ask about later is kept."""
    reasons: dict[type[Refusal], str] = {
        AuctionOver: "over",
        BidTooLow: "too_low",
        SellerExcluded: "staff",
        BidderBarred: "barred",
    }
    reason = reasons.get(type(refusal))
    if reason is None or not 0 <= each.most_minor <= MAX_MINOR:
        return
    found = batch.found
    await queries.insert_refused(
        tx,
        shop_id=found.shop_id,
        auction_id=found.id,
        customer=each.customer,
        max_minor=each.most_minor,
        reason=reason,
        at=batch.at,
        most=REFUSED_KEPT,
    )
    if reason == "staff":
        await outbox.record(
            tx,
            ShillRefused(
                found.shop_id, found.show_id, found.id, each.shopper, each.most_minor, found.currency
            ),
        )


async def _write(tx: Tx, batch: _Batch) -> None:
    found, standing = batch.found, batch.standing
    assert standing is not None, "there are bids"
    for customer in dict.fromkeys(each.customer for each in batch.placed):
        bidder = batch.bidders[customer]
        await queries.save_bidder(
            tx,
            shop_id=found.shop_id,
            auction_id=found.id,
            paddle=bidder.paddle,
            customer=customer,
            shopper=bidder.shopper,
            name=bidder.name,
            at=bidder.accepted_at,
        )
    await queries.insert_bids(tx, rows=batch.rows)
    origins = {
        (batch.bidders[each.customer].paddle, each.network)
        for each in batch.placed
        if each.network is not None
    }
    await queries.insert_origins(tx, shop_id=found.shop_id, auction_id=found.id, origins=sorted(origins))
    await queries.set_standing(
        tx,
        auction_id=found.id,
        bids=batch.bids,
        price=standing.price,
        leader=standing.leader,
        most=standing.most,
        ends_at=batch.ends_at,
    )
    after = await queries.auction(tx, shop_id=found.shop_id, auction_id=found.id)
    assert after is not None, "locked"
    await cards.show_card(tx, after)
    await outbox.record(
        tx,
        BidsPlaced(
            found.shop_id,
            found.show_id,
            found.id,
            found.currency,
            [batch.bids - len(batch.rows) + number for number in range(1, len(batch.rows) + 1)],
            [batch.bidders[each.customer].paddle for each in batch.placed],
            [each.shopper for each in batch.placed],
            [int(str(row["price_minor"])) for row in batch.rows],
            video_ms(batch.ends_at),
        ),
    )
