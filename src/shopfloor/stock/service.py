"""The verbs of the ledger.  Each takes the open transaction first; nothing here commits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.stock.models import (
    Answer,
    Availability,
    Check,
    Hold,
    Level,
    Location,
    LocationKind,
    LotKind,
    Movement,
    Pool,
    PoolKind,
    Request,
    Shortage,
)


@dataclass(frozen=True, slots=True)
class Freed:
    """Units a release or an expiry gave back, to be offered to who waits, in the same transaction."""

    hold_id: UUID
    shop_id: int
    pool_id: int
    show_id: int | None
    offer_id: int | None
    buyer: UUID
    variant_id: int
    quantity: int


async def add_location(tx: Tx, *, shop_id: int, name: str, kind: LocationKind) -> Location:
    """A place where units are.  The first one also makes the shop's open pool."""
    raise NotImplementedError


async def locations(tx: Tx, *, shop_id: int) -> list[Location]:
    raise NotImplementedError


async def open_pool(tx: Tx, *, shop_id: int) -> Pool:
    """The pool of the web shop; made when missing."""
    raise NotImplementedError


async def pools(tx: Tx, *, shop_id: int) -> list[Pool]:
    raise NotImplementedError


async def pool(tx: Tx, *, shop_id: int, pool_id: int) -> Pool:
    raise NotImplementedError


async def reserve(tx: Tx, requests: Sequence[Request]) -> list[Answer]:
    raise NotImplementedError


async def receive(
    tx: Tx, *, shop_id: int, location_id: int, variant_id: int, quantity: int, pool_id: int | None = None, reason: str = "received"
) -> Level:
    """Units came in (pool_id None: the open pool).  They mend a shortfall first."""
    raise NotImplementedError


async def adjust(
    tx: Tx, *, shop_id: int, location_id: int, variant_id: int, by: int, reason: str, pool_id: int | None = None
) -> Level:
    """More (found) or fewer (damaged, lost) units than the books say.  A fact: breaks promises if it must."""
    raise NotImplementedError


async def count(tx: Tx, *, shop_id: int, location_id: int, variant_id: int, seen: int, counted: int) -> int:
    """The shelf was counted.  `seen`: what the books said when counting began; raises CountStale if moved since."""
    raise NotImplementedError


async def transfer(
    tx: Tx,
    *,
    shop_id: int,
    variant_id: int,
    quantity: int,
    from_location: int,
    to_location: int,
    from_pool: int | None = None,
    to_pool: int | None = None,
) -> None:
    """Move free on-hand units between locations and/or pools (None: the open pool).  Raises NotEnough."""
    raise NotImplementedError


async def open_show_pool(
    tx: Tx,
    *,
    shop_id: int,
    show_id: int,
    quotas: Mapping[int, int],
    name: str | None = None,
    location_id: int | None = None,
    borrows_future: bool = True,
) -> Pool:
    """Ring-fence up to `quotas` {variant: units} of the open pool for a show.

    Moves what there is, at most the quota.  Again for the same show: tops the pool up to the quotas.
    """
    raise NotImplementedError


async def close_show_pool(tx: Tx, *, shop_id: int, show_id: int) -> None:
    """Let the rest flow back.  What is promised stays promised; what is released later flows back too."""
    raise NotImplementedError


async def open_till_pool(
    tx: Tx, *, shop_id: int, location_id: int, name: str, quotas: Mapping[int, int], kind: PoolKind = PoolKind.TILL
) -> Pool:
    """An escrow for a till (or a channel) that may go offline."""
    raise NotImplementedError


async def close_pool(tx: Tx, *, shop_id: int, pool_id: int) -> None:
    raise NotImplementedError


async def sold(
    tx: Tx, *, shop_id: int, pool_id: int, location_id: int, variant_id: int, quantity: int, source: str
) -> bool:
    """A till handed units over, perhaps offline.  Never refused; once per `source`; False when known already."""
    raise NotImplementedError


async def confirm(tx: Tx, hold_ids: Sequence[UUID]) -> set[UUID]:
    """held → allocated.  Returns the ids that are allocated now (also those that were before); the others
    expired or were released and need `rehold`."""
    raise NotImplementedError


async def release(tx: Tx, hold_ids: Sequence[UUID], reason: str) -> list[Freed]:
    """held or allocated → released.  Ids in another state are left alone."""
    raise NotImplementedError


async def rehold(tx: Tx, hold_ids: Sequence[UUID], *, hold_seconds: int) -> list[Answer]:
    """Give expired or released holds their units again, not later than promised, or refuse (then refund)."""
    raise NotImplementedError


async def extend(tx: Tx, hold_ids: Sequence[UUID], *, hold_seconds: int) -> set[UUID]:
    """A held hold lasts `hold_seconds` from now.  Returns the ids that are still held."""
    raise NotImplementedError


async def ship(tx: Tx, *, hold_id: UUID, variant_ids: Sequence[int] | None = None) -> Hold:
    """allocated → shipped, all parts or those of `variant_ids`.  Raises WrongState, NotHere."""
    raise NotImplementedError


async def put_back(
    tx: Tx, *, hold_id: UUID, variant_id: int, quantity: int, location_id: int | None = None, resellable: bool = True
) -> Hold:
    """A return: shipped units are on the shelf again (of any location).  Raises TooMuchReturned."""
    raise NotImplementedError


async def expire(tx: Tx, *, limit: int = 1000) -> list[Freed]:
    """Release holds whose time is over, oldest first, skipping those somebody is working on."""
    raise NotImplementedError


async def announce_lot(
    tx: Tx,
    *,
    shop_id: int,
    variant_id: int,
    location_id: int,
    quantity: int,
    ready_on: date,
    kind: LotKind,
    source: str,
) -> Level:
    """Units that will be: from a confirmed purchase order, or makeable.  The same `source` again changes it."""
    raise NotImplementedError


async def lot_arrived(
    tx: Tx, *, shop_id: int, variant_id: int, location_id: int, source: str, quantity: int
) -> list[Level]:
    """An announced lot is here, with so many units.  Fewer than promised raises a shortage."""
    raise NotImplementedError


async def available(
    tx: Tx, *, shop_id: int, variant_ids: Sequence[int], pool_id: int | None = None
) -> dict[int, Availability]:
    """Every asked variant is in the answer; pool_id None: the open pool."""
    raise NotImplementedError


async def levels(tx: Tx, *, shop_id: int, variant_ids: Sequence[int] | None = None) -> list[Level]:
    raise NotImplementedError


async def movements(tx: Tx, *, shop_id: int, variant_id: int, limit: int = 200) -> list[Movement]:
    """Newest first."""
    raise NotImplementedError


async def hold(tx: Tx, *, shop_id: int, hold_id: UUID) -> Hold:
    """Raises UnknownStock."""
    raise NotImplementedError


async def holds_of(tx: Tx, *, shop_id: int, buyer: UUID) -> list[Hold]:
    """Newest first."""
    raise NotImplementedError


async def shortages(tx: Tx, *, shop_id: int) -> list[Shortage]:
    """Promises that facts have broken and nothing has mended yet."""
    raise NotImplementedError


async def audit(tx: Tx) -> list[Check]:
    """The invariants of the ledger over all shops."""
    raise NotImplementedError
