"""Reports over shows and weeks: the shop's own past beside each figure, what is net, and files to take away.

Promise: a part is the sum of the shows in it, and a quotient is made of sums; what is compared is told with the range in
which it would fall anyway; every number has its definition.

    report = await reports.shop_report_of(db, shop_id=shop.id)    # made by a worker process
    reports.parts(report.shows, lambda show: show.weekday, nets)
"""

from shopfloor.reports import comparing, exports, jobs
from shopfloor.reports.comparing import Comparison, Verdict
from shopfloor.reports.jobs import (
    ask_shop_report,
    shop_report_of,
    shop_report_state,
    stored_shop_report,
)
from shopfloor.reports.models import (
    Part,
    ShopReport,
    ShowLine,
    compared,
    parts,
    products_of,
    sources_of,
)
from shopfloor.reports.nets import net_money, net_of_show

__all__ = [
    "Comparison",
    "Part",
    "ShopReport",
    "ShowLine",
    "Verdict",
    "ask_shop_report",
    "compared",
    "comparing",
    "exports",
    "jobs",
    "net_money",
    "net_of_show",
    "parts",
    "products_of",
    "shop_report_of",
    "shop_report_state",
    "sources_of",
    "stored_shop_report",
]
