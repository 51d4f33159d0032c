"""Units that are promised are promised from another location: the same variants, under the same hold.

Nothing is counted twice on the way: what one level promises less another promises more, in one statement, and a level
that has not so many free units gives none.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from shopfloor import inventory
from shopfloor.inventory import LedgerSession, LotKind, UnitsArrived, tell
from shopfloor.kernel import outbox
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.stock import queries
from shopfloor.stock.batch import Row
from shopfloor.stock.holds import rows_of
from shopfloor.stock.models import HoldState

_MOVABLE = frozenset({HoldState.HELD, HoldState.ALLOCATED})


@dataclass(frozen=True, slots=True)
class AtPlace:
    """Units of a variant on hand at a location that a purchase may have: free ones, and those it has already."""

    location_id: int
    variant_id: int
    units: int


async def at_places(
    tx: Tx, *, shop_id: int, pool_id: int, hold_ids: Sequence[UUID], variant_ids: Sequence[int]
) -> list[AtPlace]:
    """What these holds could be moved to, of the open pool and of their own; a look, which promises nothing."""
    return await tx.every(
        AtPlace,
        """
        WITH may_have AS (
            SELECT l.location_id, l.variant_id, greatest(0, l.quantity - l.held - l.allocated) AS units
              FROM stock.v_level l JOIN stock.v_pool p ON p.id = l.pool_id
             WHERE l.shop_id = %(shop_id)s AND l.variant_id = ANY(%(variant_ids)s::bigint[]) AND l.kind = 'on_hand'
               AND p.is_open AND (p.kind = 'open' OR p.id = %(pool_id)s)
            UNION ALL
            SELECT l.location_id, h.variant_id, h.quantity
              FROM stock.v_hold h JOIN stock.v_level l ON l.id = h.level_id
             WHERE h.id = ANY(%(hold_ids)s::uuid[]) AND h.variant_id = ANY(%(variant_ids)s::bigint[])
               AND h.state IN ('held', 'allocated') AND l.kind = 'on_hand'
        )
        SELECT location_id, variant_id, sum(units)::int AS units FROM may_have
         GROUP BY location_id, variant_id HAVING sum(units) > 0 ORDER BY location_id, variant_id
        """,
        shop_id=shop_id,
        pool_id=pool_id,
        hold_ids=list(hold_ids),
        variant_ids=list(variant_ids),
    )


async def to_location(tx: Tx, *, hold_id: UUID, location_id: int, reason: str) -> bool:
    """All that this hold has on hand is promised from this location; as `move`."""
    rows = [row for row in await rows_of(tx, hold_id=hold_id) if row.state in _MOVABLE]
    wanted: dict[int, int] = {}
    for row in rows:
        if row.lot_kind is LotKind.ON_HAND:
            wanted[row.variant_id] = wanted.get(row.variant_id, 0) + row.quantity
    if not wanted:
        return True
    known = await inventory.levels(tx, shop_id=rows[0].shop_id, variant_ids=sorted(wanted))
    here = {level.id for level in known if level.location_id == location_id}
    if all(row.level_id in here for row in rows if row.variant_id in wanted):
        # They stand there already: no level has to be locked, least of all after some of them were.
        return True
    return await move(
        tx,
        hold_id=hold_id,
        to={variant_id: [(location_id, units)] for variant_id, units in wanted.items()},
        reason=reason,
    )


async def move(tx: Tx, *, hold_id: UUID, to: Mapping[int, Sequence[tuple[int, int]]], reason: str) -> bool:
    """Held and allocated units are promised from these locations: {variant: [(location, units)]}.

    Where some are there already, those stay; the others are taken from free units of the hold's own pool, then of the
    open one.  Doing it again changes nothing.  False where a location has not so many: then nothing moved.  Raises
    UnknownStock for a hold that is not there.
    """
    rows = [
        row
        for row in await rows_of(tx, hold_id=hold_id)
        if row.state in _MOVABLE and row.variant_id in to and not row.returned
    ]
    if not rows:
        return True
    shop_id = rows[0].shop_id
    open_pool = await inventory.open_pool(tx, shop_id=shop_id)
    ledger = await LedgerSession.of_pools(
        tx,
        shop_id=shop_id,
        pool_ids={open_pool.id, *(row.pool_id for row in rows)},
        variant_ids={row.variant_id for row in rows},
    )
    everything = await queries.parts_of(tx, ids=[hold_id])
    going = _Going(ledger, open_pool.id, everything[hold_id])
    for variant_id, places in sorted(to.items()):
        if not going.plan([row for row in rows if row.variant_id == variant_id], places):
            return False
    if not going.moved:
        return True
    for part, keeps, new_part, level_id in going.cuts:
        if new_part != part:
            await queries.split(tx, hold_id=hold_id, part=part, keeps=keeps, new_part=new_part)
        await queries.set_level(tx, hold_id=hold_id, part=new_part, level_id=level_id)
    variants = await ledger.write(tx, kind="relocated", reason=reason)
    await inventory.flow_back_from_closed(tx, ledger, going.left)
    await tell(tx, shop_id=shop_id, variant_ids=variants)
    for pool_id, gained in sorted(going.gained.items()):
        await outbox.record(tx, UnitsArrived(shop_id, pool_id, sorted(gained)))
    return True


class _Going:
    """Which units go where, on the locked levels."""

    def __init__(self, ledger: LedgerSession, open_pool: int, parts: int) -> None:
        self._ledger = ledger
        self._open = open_pool
        self._parts = parts
        self.cuts: list[tuple[int, int, int, int]] = []
        """Part, how many units it keeps, the part that goes (itself where all of it goes), and to which level."""
        self.left: set[int] = set()
        self.gained: dict[int, set[int]] = {}
        self.moved = 0

    def plan(self, rows: Sequence[Row], places: Sequence[tuple[int, int]]) -> bool:
        """False where there are not so many."""
        missing = {location_id: 0 for location_id, _ in places}
        for location_id, units in places:
            missing[location_id] += units
        moving: list[list[int]] = []
        by_part: dict[int, Row] = {row.part: row for row in rows}
        for row in rows:
            level = self._ledger.level(row.level_id)
            if level.kind is not LotKind.ON_HAND:
                continue
            stays = min(row.quantity, missing.get(level.location_id, 0))
            if stays:
                missing[level.location_id] -= stays
            if stays < row.quantity:
                moving.append([row.part, row.quantity, row.quantity - stays])
        return all(self._fill(location_id, units, moving, by_part) for location_id, units in missing.items())

    def _fill(
        self, location_id: int, missing: int, moving: list[list[int]], by_part: Mapping[int, Row]
    ) -> bool:
        for entry in moving:
            part, has, may_go = entry
            row = by_part[part]
            while missing and may_go:
                target = self._target(row, location_id)
                if target is None:
                    break
                units = min(missing, may_go, self._ledger.level(target).free)
                self._shift(row, target, units)
                if units == has:
                    self.cuts.append((part, 0, part, target))
                else:
                    self.cuts.append((part, has - units, self._parts, target))
                    self._parts += 1
                has, may_go, missing = has - units, may_go - units, missing - units
            entry[1:] = [has, may_go]
        return not missing or not any(may_go for _, _, may_go in moving)

    def _target(self, row: Row, location_id: int) -> int | None:
        """A level there with free units: of the hold's own pool, or else of the open one."""
        found = [
            level
            for level in self._ledger
            if level.variant_id == row.variant_id
            and level.location_id == location_id
            and level.kind is LotKind.ON_HAND
            and level.pool_id in {row.pool_id, self._open}
            and level.free
        ]
        found.sort(key=lambda level: (level.pool_id != row.pool_id, level.id))
        return found[0].id if found else None

    def _shift(self, row: Row, target: int, units: int) -> None:
        held = row.state is HoldState.HELD
        was, becomes = self._ledger.level(row.level_id), self._ledger.level(target)
        for level, by in ((was, -units), (becomes, units)):
            self._ledger.change(level.id, held=by if held else 0, allocated=0 if held else by)
        self.left.add(was.id)
        self.moved += units
        if was.pool_id != becomes.pool_id:
            self.gained.setdefault(was.pool_id, set()).add(row.variant_id)
