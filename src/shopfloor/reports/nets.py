"""What of figures is invalid, from where it was judged."""

from collections.abc import Sequence

from shopfloor import integrity, metrics
from shopfloor.kernel.database import Tx
from shopfloor.reports.models import NetMoney


async def net_of_show(tx: Tx, *, shop_id: int, show_id: int) -> dict[str, metrics.sheets.NetOf]:
    """By the id of each figure that is told from gross to net; empty where nobody judged."""
    found = await integrity.summaries(tx, shop_id=shop_id, show_ids=[show_id])
    return {
        each.id: metrics.sheets.NetOf(each.general, each.sophisticated, each.net, judged.policy, judged.as_of)
        for judged in found
        for each in judged.figures.values()
    }


async def net_money(tx: Tx, *, shop_id: int, show_ids: Sequence[int]) -> dict[int, NetMoney]:
    """By show; those are missing that nobody judged."""
    found = await integrity.summaries(tx, shop_id=shop_id, show_ids=show_ids)
    return {
        each.show_id: NetMoney(
            each.figures["gmv_paid"].net,
            each.figures["gmv_net"].net,
            each.figures["gmv_paid"].gross - each.figures["gmv_paid"].net,
        )
        for each in found
        if {"gmv_paid", "gmv_net"} <= set(each.figures)
    }
