"""What may become of units that are promised: they never left, they are not there, another location gives them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.stock import mending, relocating


@dataclass(frozen=True, slots=True)
class Promised:
    """The units of one hold that are held or allocated, within a transaction."""

    tx: Tx
    hold_id: UUID

    async def to_location(self, location_id: int, *, reason: str) -> bool:
        """As `stock.relocating.to_location`."""
        return await relocating.to_location(
            self.tx, hold_id=self.hold_id, location_id=location_id, reason=reason
        )

    async def move(self, to: Mapping[int, Sequence[tuple[int, int]]], *, reason: str) -> bool:
        """As `stock.relocating.move`: {variant: [(location, units)]}."""
        return await relocating.move(self.tx, hold_id=self.hold_id, to=to, reason=reason)

    async def miss(self, units: Mapping[int, int], *, wait: bool, reason: str, at: int | None = None) -> None:
        """As `stock.mending.miss`: {variant: units}, those at a location before others."""
        await mending.miss(self.tx, hold_id=self.hold_id, units=units, wait=wait, reason=reason, at=at)

    async def take_back(self, units: Mapping[int, int], *, at: int | None = None) -> None:
        """As `stock.mending.take_back`: {variant: units}, those of a location before others."""
        await mending.take_back(self.tx, hold_id=self.hold_id, units=units, at=at)
