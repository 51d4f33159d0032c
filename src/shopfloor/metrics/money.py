"""Orders and money.

Money counts in orders' own currency, minor units, without any bare "GMV": placed, paid and net are different
things.  Deposits of orders that are not paid in full are in `deposits`, never in `gmv_paid`.
"""

from collections.abc import Sequence

import ibis

from shopfloor.metrics.audience import pv, uv
from shopfloor.metrics.formulas import MONEY_DAYS, SERIES, SOURCED, constant, distinct, quotient, summed
from shopfloor.metrics.funnel import buyers
from shopfloor.metrics.registry import Table, Tables, metric
from shopfloor.metrics.tables import DENSITY_MINUTES, MINUTE


def _placed(t: Tables) -> Table:
    acts = t["acts"]
    return acts.filter(acts.type == "orders.order_placed", acts.ours == 1)


@metric(
    "orders_placed",
    version=1,
    unit="orders",
    en="Orders created, paid or not.",
    zh="创建的订单数，无论是否支付。",
    grains=SERIES,
    basis="orders",
)
def orders_placed(t: Tables, by: Sequence[str]) -> Table:
    return distinct(_placed(t), by, "order_id")


@metric(
    "orders_paid",
    version=1,
    unit="orders",
    en="Orders on which nothing is left to pay, by the minute in which that was reached.",
    zh="全额支付的订单数，按付清的分钟归属。",
    grains=SOURCED,
    settles_days=MONEY_DAYS,
    basis="orders",
)
def orders_paid(t: Tables, by: Sequence[str]) -> Table:
    return distinct(t["paid_lines"], by, "order_id")


@metric(
    "pay_rate",
    version=1,
    unit="ratio",
    en="Paid orders of created orders.",
    zh="支付率：已支付订单数 / 创建订单数。",
    settles_days=MONEY_DAYS,
    basis="orders",
)
def pay_rate(t: Tables, by: Sequence[str]) -> Table:
    return quotient(orders_paid(t, by), orders_placed(t, by))


@metric(
    "units_paid",
    version=1,
    unit="units",
    en="Units in orders paid in full.",
    zh="已全额支付订单中的件数。",
    grains=SOURCED,
    settles_days=MONEY_DAYS,
    basis="orders",
)
def units_paid(t: Tables, by: Sequence[str]) -> Table:
    lines = t["paid_lines"]
    return summed(lines, by, lines.units)


@metric(
    "gmv_placed",
    version=1,
    unit="minor",
    en="Value of the goods in created orders, paid or not.",
    zh="创建订单的商品金额，无论是否支付。",
    grains=SERIES,
    basis="orders",
)
def gmv_placed(t: Tables, by: Sequence[str]) -> Table:
    placed = _placed(t)
    return summed(placed, by, placed.amount_minor)


@metric(
    "gmv_paid",
    version=1,
    unit="minor",
    en="What was captured for the goods of orders paid in full, before refunds.",
    zh="全额支付订单的商品实收金额，未扣退款。",
    grains=SOURCED,
    settles_days=MONEY_DAYS,
    basis="orders",
)
def gmv_paid(t: Tables, by: Sequence[str]) -> Table:
    lines = t["paid_lines"]
    return summed(lines, by, lines.charged)


@metric(
    "gmv_net",
    version=1,
    unit="minor",
    en="gmv_paid less what is known so far to be cancelled or refunded; it moves until it is final.",
    zh="gmv_paid 扣除目前已知的取消与退款；定稿前会变动。",
    grains=SOURCED,
    settles_days=MONEY_DAYS,
    basis="orders",
)
def gmv_net(t: Tables, by: Sequence[str]) -> Table:
    lines = t["paid_lines"]
    return summed(lines, by, lines.net)


@metric(
    "deposits",
    version=1,
    unit="minor",
    en="Captured on orders that are not paid in full yet; no part of gmv_paid.",
    zh="尚未付清订单的已收定金，不计入 gmv_paid。",
    settles_days=MONEY_DAYS,
    basis="orders",
)
def deposits(t: Tables, by: Sequence[str]) -> Table:
    lines, orders = t["order_lines"], t["orders"]
    unpaid = orders.filter(orders.paid == 0).select("show_id", "order_id")
    open_lines = lines.inner_join(unpaid, ["show_id", "order_id"])
    return summed(open_lines, by, open_lines.charged)


@metric(
    "gpm",
    version=1,
    unit="minor",
    en="gmv_paid per thousand view sessions (gmv_paid * 1000 / pv).",
    zh="千次观看成交额：gmv_paid * 1000 / pv。",
    settles_days=MONEY_DAYS,
)
def gpm(t: Tables, by: Sequence[str]) -> Table:
    return quotient(gmv_paid(t, by), pv(t, by), times=1000)


@metric(
    "uv_value",
    version=1,
    unit="minor",
    en="gmv_paid per viewer (gmv_paid / uv).",
    zh="UV 价值：gmv_paid / uv。",
    settles_days=MONEY_DAYS,
)
def uv_value(t: Tables, by: Sequence[str]) -> Table:
    return quotient(gmv_paid(t, by), uv(t, by))


@metric(
    "aov",
    version=1,
    unit="minor",
    en="gmv_paid per buyer (gmv_paid / buyers).",
    zh="客单价：gmv_paid / 支付买家数。",
    settles_days=MONEY_DAYS,
    basis="orders",
)
def aov(t: Tables, by: Sequence[str]) -> Table:
    return quotient(gmv_paid(t, by), buyers(t, by))


@metric(
    "asp",
    version=1,
    unit="minor",
    en="gmv_paid per unit (gmv_paid / units_paid).",
    zh="件单价：gmv_paid / 支付件数。",
    settles_days=MONEY_DAYS,
    basis="orders",
)
def asp(t: Tables, by: Sequence[str]) -> Table:
    return quotient(gmv_paid(t, by), units_paid(t, by))


@metric(
    "attach",
    version=1,
    unit="units",
    en="Units per buyer (units_paid / buyers).",
    zh="连带率：支付件数 / 支付买家数。",
    settles_days=MONEY_DAYS,
    basis="orders",
)
def attach(t: Tables, by: Sequence[str]) -> Table:
    return quotient(units_paid(t, by), buyers(t, by))


def _density(t: Tables) -> Table:
    """Paid orders in each minute and the four before it, for every minute of the show."""
    minutes = t["minutes"]
    orders = t["orders"]
    paid = orders.filter(orders.paid == 1)
    counted = paid.group_by("show_id", minute="paid_minute").agg(orders=paid.count())
    dense = minutes.left_join(
        counted, [minutes.show_id == counted.show_id, minutes.minute == counted.minute]
    ).select(minutes.show_id, minutes.minute, orders=ibis.coalesce(counted.orders, 0))
    return dense.mutate(
        lately=dense.orders.sum().over(
            ibis.window(
                group_by=dense.show_id,
                order_by=[dense.minute],
                preceding=DENSITY_MINUTES - 1,
                following=0,
            )
        )
    )


@metric(
    "density",
    version=1,
    unit="orders/minute",
    en="Orders paid per minute, over the minute and the four before it; of the show, the highest of these.",
    zh="成交密度：含当前分钟在内最近 5 分钟的每分钟支付订单数；整场取最大值。",
    grains=("show", "minute"),
    settles_days=MONEY_DAYS,
    basis="orders",
)
def density(t: Tables, by: Sequence[str]) -> Table:
    sliding = _density(t)
    return sliding.group_by(list(by)).agg(n=sliding.lately.max(), d=constant(sliding, DENSITY_MINUTES))


@metric(
    "density_k",
    version=1,
    unit="orders",
    en="Orders paid per thousand minutes watched.",
    zh="每千观看分钟的支付订单数。",
    settles_days=MONEY_DAYS,
)
def density_k(t: Tables, by: Sequence[str]) -> Table:
    viewers = t["viewers"]
    return quotient(orders_paid(t, by), summed(viewers, by, viewers.watched), times=1000 * MINUTE)
