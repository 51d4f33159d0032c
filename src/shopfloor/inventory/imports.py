"""Stock from a file of products: what is on hand at one location is set to what the file says."""

from collections import Counter
from collections.abc import Mapping

from shopfloor.inventory import places, service
from shopfloor.inventory.models import UnknownStock
from shopfloor.inventory.shelves import Shelf
from shopfloor.kernel.database import Tx

REASON = "import"


async def count_imported(tx: Tx, *, shop_id: int, location_id: int, units: Mapping[int, int]) -> int:
    """Count each variant of `units` at `location_id`; how many of them had another number before.

    A second import finds the books as the first left them, and writes nothing.  Raises UnknownStock for a location
    that is not the shop's, and CountStale when units come or go meanwhile; then nothing may be kept of it.
    """
    if location_id not in {each.id for each in await places.locations(tx, shop_id=shop_id)}:
        raise UnknownStock(location_id=location_id)
    here = Counter(await Shelf(shop_id, location_id).counted(tx, variant_ids=sorted(units)))
    moved = sorted(variant_id for variant_id, counted in units.items() if counted != here[variant_id])
    for variant_id in moved:
        await service.count(
            tx,
            shop_id=shop_id,
            location_id=location_id,
            variant_id=variant_id,
            seen=here[variant_id],
            counted=units[variant_id],
            reason=REASON,
        )
    return len(moved)
