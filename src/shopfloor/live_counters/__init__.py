"""What a show has sold so far, while it runs.

Promise: the totals of a show are those that the lake's figures of the same names say of the same facts, at every
position of the outbox, also after a crash: they are written in the transaction that moves the reader of the lake
(`count`).  They cost one row to read.

    totals = await live_counters.totals(tx, shop_id=shop.id, show_id=show.id)
    totals.gmv_paid, totals.position
"""

from shopfloor.live_counters.audit import audit
from shopfloor.live_counters.models import Totals
from shopfloor.live_counters.service import count, totals

__all__ = ["Totals", "audit", "count", "totals"]
