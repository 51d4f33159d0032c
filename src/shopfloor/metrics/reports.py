"""A show's report as pages, JSON and CSV give it."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from shopfloor import accounts, live
from shopfloor.kernel import late
from shopfloor.kernel.database import Database
from shopfloor.metrics.models import ShowReport

if TYPE_CHECKING:
    from shopfloor.metrics import service
else:
    service = late.module("shopfloor.metrics.service")


async def report_of(db: Database, lake: Path, *, shop_id: int, show_id: int) -> ShowReport:
    """On the clocks of the shop.  Its peak of viewers is what the show's own pages say from now on.

    Raises UnknownShow, MixedCurrencies.
    """
    report = await asyncio.to_thread(service.show_report, lake, shop_id, show_id)
    async with db.transaction() as tx:
        shop = await accounts.shop(tx, shop_id)
        await live.counters.set_peak(
            tx, shop_id=shop_id, show_id=show_id, viewers=report.figures["pcu"].numerator
        )
    return report.in_zone(ZoneInfo(shop.timezone))
