"""What of a location is for sale and what stands beside it for a purpose: in transit, kept back, damaged, on display.

Each purpose is a pool of the shop from which nobody sells, so that a purchase never has to look at it.  Units between two
shelves are a movement that sums to nothing: what all shelves hold together changes with what comes and goes alone.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import ClassVar, Final

from shopfloor.inventory import pool_queries, queries, safety
from shopfloor.inventory.ledger import LedgerSession, ensure_level, tell, tell_arrived
from shopfloor.inventory.models import BadQuantity, Level, LotKind, NotEnough, Pool, UnknownStock
from shopfloor.inventory.places import check_location, open_pool
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import MAX_QUANTITY

PURPOSES: Final = ("transit", "safety", "damaged", "display", "repair")
# Put away where a count of the shelves does not look.
NOT_COUNTED: Final = ("damaged", "repair")
Applied = dict[int, int]
"""By variant: how many units more, or fewer, the books have."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Units at a location: open stock, or what is there for one of PURPOSES.

    Units in transit are at the location they go to: a lot of their own by `source`, expected there on `ready_on`.
    """

    shop_id: int
    location_id: int
    purpose: str | None = None
    source: str = ""
    ready_on: date | None = None

    REFUSALS: ClassVar = (UnknownStock, BadQuantity, NotEnough)
    """What `move` raises."""

    @property
    def kind(self) -> LotKind:
        return LotKind.INCOMING if self.purpose == "transit" else LotKind.ON_HAND

    async def pool(self, tx: Tx) -> Pool:
        """The pool of its units, made when missing."""
        lender = await open_pool(tx, shop_id=self.shop_id)
        if self.purpose is None:
            return lender
        return await pool_queries.purpose_pool(tx, shop_id=self.shop_id, purpose=self.purpose)

    async def move(self, tx: Tx, units: Mapping[int, int], *, to: "Shelf | None", reason: str) -> None:
        """Free units, by variant, to another shelf (None: they are gone).  Units for open stock mend what is short first.

        Raises UnknownStock, BadQuantity, and NotEnough with the variant, in which case nothing may be kept.
        """
        wanted = _checked(units)
        if not wanted:
            return
        await check_location(tx, shop_id=self.shop_id, location_id=self.location_id)
        own = await self.pool(tx)
        target = None if to is None else await to.pool(tx)
        plain: dict[int, int] = {}
        if to is not None and target is not None:
            await check_location(tx, shop_id=self.shop_id, location_id=to.location_id)
            for variant_id in wanted:
                plain[variant_id] = await ensure_level(
                    tx, shop_id=self.shop_id, variant_id=variant_id, location_id=to.location_id, pool_id=target.id,
                    kind=to.kind, ready_on=to.ready_on, source=to.source,
                )  # fmt: skip
        mends = to is not None and to.purpose is None
        pools = None if mends or target is None else sorted({own.id, target.id})
        if target is None:
            pools = [own.id]
        levels = await queries.lock_levels_of(
            tx, shop_id=self.shop_id, pool_ids=pools, variant_ids=sorted(wanted)
        )
        ledger = LedgerSession(levels)
        for variant_id, quantity in wanted.items():
            sources = [level for level in levels if level.variant_id == variant_id and self._has(level, own)]
            missing = quantity
            for level in sources:
                taken = min(missing, level.free)
                ledger.change(level.id, quantity=-taken)
                missing -= taken
            if missing:
                raise NotEnough(variant_id=variant_id, wanted=quantity, left=quantity - missing)
            if to is not None:
                rest = (
                    _mend(ledger, quantity, variant_id, to.location_id, plain[variant_id])
                    if mends
                    else quantity
                )
                ledger.change(plain[variant_id], quantity=rest)
        await ledger.write(tx, kind="adjusted" if to is None else "moved", reason=reason)
        await tell(tx, shop_id=self.shop_id, variant_ids=wanted)
        if mends and target is not None:
            await tell_arrived(tx, shop_id=self.shop_id, pool_id=target.id, variant_ids=wanted)

    def _has(self, level: Level, own: Pool) -> bool:
        return (
            level.pool_id == own.id
            and level.location_id == self.location_id
            and level.kind is self.kind
            and self.source in {"", level.source}
        )

    async def correct(self, tx: Tx, units: Mapping[int, int], *, kind: str, reason: str) -> Applied:
        """There are so many units more (or, negative, fewer) of each variant on the shelves of this location than the books say.

        More go where promises were broken, then to open stock; fewer are taken from free units first, those of open
        stock before others, then from promised ones.  Books cannot say less than nothing: returns what was changed.
        """
        changes = {variant_id: by for variant_id, by in sorted(units.items()) if by}
        _checked({variant_id: abs(by) for variant_id, by in changes.items()})
        if not changes:
            return {}
        await check_location(tx, shop_id=self.shop_id, location_id=self.location_id)
        open_id = (await open_pool(tx, shop_id=self.shop_id)).id
        plain = {
            variant_id: await ensure_level(
                tx, shop_id=self.shop_id, variant_id=variant_id, location_id=self.location_id, pool_id=open_id
            )
            for variant_id in changes
        }
        elsewhere = {
            pool.id
            for pool in await pool_queries.pools(tx, shop_id=self.shop_id)
            if pool.purpose in NOT_COUNTED
        }
        locked = await queries.lock_levels_of(
            tx, shop_id=self.shop_id, pool_ids=None, variant_ids=sorted(changes)
        )
        here = [
            level
            for level in locked
            if level.location_id == self.location_id
            and level.kind is LotKind.ON_HAND
            and level.pool_id not in elsewhere
        ]
        ledger = LedgerSession(here)
        applied: Applied = {}
        for variant_id, by in changes.items():
            if by > 0:
                rest = _mend(ledger, by, variant_id, self.location_id, plain[variant_id])
                ledger.change(plain[variant_id], quantity=rest)
                applied[variant_id] = by
            else:
                own = [level for level in here if level.variant_id == variant_id]
                applied[variant_id] = -_take(ledger, own, -by, open_id)
        await ledger.write(tx, kind=kind, reason=reason)
        await tell(tx, shop_id=self.shop_id, variant_ids=changes)
        more = [variant_id for variant_id, by in changes.items() if by > 0]
        await tell_arrived(tx, shop_id=self.shop_id, pool_id=open_id, variant_ids=more)
        return applied

    @staticmethod
    async def keep_back(tx: Tx, *, shop_id: int, targets: Mapping[tuple[int, int], int]) -> int:
        """Keep so many units of (location, variant) from online, as far as they are free.  As `safety.keep_back`."""
        return await safety.keep_back(tx, shop_id=shop_id, targets=targets)

    async def counted(
        self, tx: Tx, *, variant_ids: Sequence[int] | None = None, at: datetime | None = None
    ) -> dict[int, int]:
        """What the books say is on the shelves of this location, all pools together, now or as of a moment ago.

        Without what is damaged, in repair or in transit.  Variants of which there is nothing may be missing.
        """
        return await queries.on_shelves(
            tx,
            shop_id=self.shop_id,
            location_id=self.location_id,
            variant_ids=variant_ids,
            at=at,
            without=NOT_COUNTED,
        )


def _checked(units: Mapping[int, int]) -> dict[int, int]:
    """By variant, in order.  Raises BadQuantity."""
    for quantity in units.values():
        if not 0 <= quantity <= MAX_QUANTITY:
            raise BadQuantity(quantity=quantity)
    return {variant_id: units[variant_id] for variant_id in sorted(units) if units[variant_id]}


def _mend(ledger: LedgerSession, units: int, variant_id: int, location_id: int, first: int) -> int:
    """Put units where promises at this location were broken, on the level `first` before others; returns what is left."""
    broken = [
        level
        for level in ledger
        if level.shortfall
        and level.variant_id == variant_id
        and level.location_id == location_id
        and level.kind is LotKind.ON_HAND
    ]
    for level in sorted(broken, key=lambda level: (level.id != first, level.id)):
        mended = min(units, level.shortfall)
        ledger.change(level.id, quantity=mended)
        units -= mended
    return units


def _take(ledger: LedgerSession, levels: Sequence[Level], units: int, open_id: int) -> int:
    """Take units off: free ones first, of the open pool before others; then promises are broken.  Returns how many."""
    gone = units
    for level in sorted(levels, key=lambda level: (level.pool_id != open_id, level.pool_id, level.id)):
        taken = min(gone, level.free)
        ledger.change(level.id, quantity=-taken)
        gone -= taken
    for level in [ledger.level(level.id) for level in levels]:
        taken = min(gone, level.quantity)
        ledger.change(level.id, quantity=-taken, fact=True)
        gone -= taken
    return units - gone
