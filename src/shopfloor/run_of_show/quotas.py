"""Units set apart for the quotas of a running show."""

from shopfloor import catalog, inventory
from shopfloor.kernel.database import Tx
from shopfloor.kernel.values import MAX_QUANTITY
from shopfloor.run_of_show import offer_queries


async def set_apart(tx: Tx, *, shop_id: int, show_id: int) -> inventory.Pool:
    """Units for the quotas of all offers; of a bundle, units of its parts.

    While a flash runs the show keeps the units it has of it: those beyond wait for its end.
    """
    quotas: dict[int, int] = {}
    lines = await offer_queries.lines(tx, show_id=show_id)
    bundles = await catalog.bundles(tx, shop_id=shop_id, variant_ids=[line.variant_id for line in lines])
    for line in lines:
        if line.quota is None:
            continue
        bundle = bundles.get(line.variant_id)
        units = {line.variant_id: 1}
        if bundle is not None:
            units = {part.variant_id: part.quantity for part in bundle.parts}
        for variant_id, each in units.items():
            quotas[variant_id] = min(MAX_QUANTITY, quotas.get(variant_id, 0) + line.quota * each)
    for variant_id in await offer_queries.variants_in_flash(tx, show_id=show_id):
        quotas.pop(variant_id, None)
    return await inventory.open_show_pool(tx, shop_id=shop_id, show_id=show_id, quotas=quotas)
