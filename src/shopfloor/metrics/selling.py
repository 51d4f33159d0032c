"""What a shop sold: in shows, in the web shop and at tills, by week; who came back, and what they were worth.

Days are those of the shop's own zone, as whole numbers since 1970; a week is the day number of its Monday, a month
the number of months since year 0.
"""

from collections.abc import Sequence

import ibis

from shopfloor.metrics.formulas import MONEY_DAYS, distinct, rows, summed
from shopfloor.metrics.registry import Table, Tables, derived_of_shop, metric, source
from shopfloor.metrics.tables import lines_of, orders_of, paid_lines_of, total

source(
    "sales",
    id="string",
    type="string",
    shop_id="int64",
    day="int64",
    order_id="string",
    show_id="int64",
    product_id="int64",
    variant_id="int64",
    viewer="string",
    quantity="int64",
    amount_minor="int64",
    full="int64",
    moved="int64",
    till="int64",
)
source("days", shop_id="int64", day="int64", week="int64", weekday="int64", month="int64")

GRAINS = ("shop", "week", "channel")


@derived_of_shop
def sold_lines(t: Tables) -> Table:
    """The lines of paid orders of a shop, of a show (or 0), by the day on which nothing was left to pay."""
    sales = t["sales"]
    return paid_lines_of(lines_of(sales, "day"), orders_of(sales, "day"), "day")


@derived_of_shop
def sold(t: Tables) -> Table:
    """Paid orders of a shop: what was charged for their goods and what is left of it, with week, month and channel."""
    lines, sales, days = t["sold_lines"], t["sales"], t["days"]
    whole = lines.group_by("order_id").agg(
        show_id=lines.show_id.max(),
        buyer=lines.buyer.max(),
        day=lines.day.max(),
        units=total(lines.units),
        charged=total(lines.charged),
        net=total(lines.net),
    )
    tills = sales.filter(sales.till == 1).select("order_id").distinct()
    at_till = tills.select("order_id", till=ibis.literal(1, type="int64"))
    joined = whole.left_join(at_till, "order_id").inner_join(days, "day")
    return joined.select(
        joined.shop_id,
        joined.order_id,
        joined.buyer,
        joined.day,
        joined.week,
        joined.weekday,
        joined.month,
        joined.units,
        joined.charged,
        net=joined.net,
        channel=ibis.cases((joined.till == 1, "till"), (joined.show_id > 0, "show"), else_="web"),
    )


@derived_of_shop
def customers_first(t: Tables) -> Table:
    """The day, week and month of each buyer's first paid order."""
    sold = t["sold"]
    known = sold.filter(sold.buyer.notnull())
    return known.group_by("shop_id", "buyer").agg(
        day=known.day.min(), week=known.week.min(), month=known.month.min()
    )


@metric(
    "sales_orders",
    version=1,
    unit="orders",
    en="Orders paid in full, in shows, in the web shop and at tills, by the day on which nothing was left to pay.",
    zh="全渠道（直播、网店、门店）全额支付订单数，按付清日归属。",
    grains=GRAINS,
    settles_days=MONEY_DAYS,
    basis="orders",
)
def sales_orders(t: Tables, by: Sequence[str]) -> Table:
    return rows(t["sold"], by)


@metric(
    "sales_units",
    version=1,
    unit="units",
    en="Units in the orders of sales_orders.",
    zh="sales_orders 中的件数。",
    grains=GRAINS,
    settles_days=MONEY_DAYS,
    basis="orders",
)
def sales_units(t: Tables, by: Sequence[str]) -> Table:
    return summed(t["sold"], by, t["sold"].units)


@metric(
    "sales_gmv_paid",
    version=1,
    unit="minor",
    en="What was captured for the goods of the orders of sales_orders, before refunds.",
    zh="sales_orders 的商品实收金额，未扣退款。",
    grains=GRAINS,
    settles_days=MONEY_DAYS,
    basis="orders",
)
def sales_gmv_paid(t: Tables, by: Sequence[str]) -> Table:
    return summed(t["sold"], by, t["sold"].charged)


@metric(
    "sales_gmv_net",
    version=1,
    unit="minor",
    en="sales_gmv_paid less what is known so far to be cancelled or refunded.",
    zh="sales_gmv_paid 扣除目前已知的取消与退款。",
    grains=GRAINS,
    settles_days=MONEY_DAYS,
    basis="orders",
)
def sales_gmv_net(t: Tables, by: Sequence[str]) -> Table:
    return summed(t["sold"], by, t["sold"].net)


@metric(
    "sales_buyers",
    version=1,
    unit="buyers",
    en="Distinct buyers of the orders of sales_orders, by the browser they bought in: who uses two is two. Sales at tills "
    "to nobody known are not among them.",
    zh="sales_orders 的去重买家数，按下单浏览器计：用两个浏览器算两人；门店散客不计。",
    grains=GRAINS,
    settles_days=MONEY_DAYS,
    basis="orders",
)
def sales_buyers(t: Tables, by: Sequence[str]) -> Table:
    return distinct(t["sold"], by, "buyer")


@metric(
    "new_buyers",
    version=1,
    unit="buyers",
    en="Buyers whose first paid order in this shop was in that week.",
    zh="新客数：在本店首次支付订单落在该周的买家。",
    grains=("shop", "week"),
    settles_days=MONEY_DAYS,
    basis="orders",
)
def new_buyers(t: Tables, by: Sequence[str]) -> Table:
    return rows(t["customers_first"], by)


@metric(
    "repeat_rate",
    version=1,
    unit="ratio",
    en="Buyers with paid orders on two days or more, of all buyers.",
    zh="复购率：在两个及以上不同日期有支付订单的买家 / 全部买家。",
    grains=("shop",),
    settles_days=MONEY_DAYS,
    basis="orders",
)
def repeat_rate(t: Tables, by: Sequence[str]) -> Table:
    sold = t["sold"]
    days = sold.filter(sold.buyer.notnull()).select("shop_id", "buyer", "day").distinct()
    each = days.group_by("shop_id", "buyer").agg(days=days.count())
    again = each.mutate(
        more=(each.days >= 2).ifelse(ibis.literal(1, type="int64"), ibis.literal(0, type="int64"))
    )
    return again.group_by(list(by)).agg(n=total(again.more), d=again.count())


def _months(t: Tables) -> Table:
    """What each buyer bought so many months after the month of their first order."""
    sold, first = t["sold"], t["customers_first"]
    began = first.select("shop_id", "buyer", cohort="month")
    joined = sold.inner_join(began, ["shop_id", "buyer"])
    return joined.select("shop_id", "buyer", "cohort", "net", age=joined.month - joined.cohort)


def _sizes(t: Tables) -> Table:
    first = t["customers_first"]
    return first.group_by(size_of="month", size_in="shop_id").agg(size=first.count())


@metric(
    "retention",
    version=1,
    unit="ratio",
    en="Of the buyers whose first paid order was in a month, those with a paid order so many months later.",
    zh="留存率：某月首购的买家中，若干月后再次有支付订单的比例。",
    grains=("cohort",),
    settles_days=MONEY_DAYS,
    basis="orders",
)
def retention(t: Tables, by: Sequence[str]) -> Table:
    bought, sizes = distinct(_months(t), by, "buyer"), _sizes(t)
    joined = bought.inner_join(sizes, [bought.shop_id == sizes.size_in, bought.cohort == sizes.size_of])
    return joined.select(*by, "n", d="size")


@metric(
    "ltv",
    version=1,
    unit="minor",
    en="Lifetime value: what a buyer whose first paid order was in a month had brought, net of cancellations and refunds, so "
    "many months later. Months without any order have no entry of their own: they are as the month before.",
    zh="生命周期价值：某月首购的买家，截至若干月后的人均净成交额；无订单的月份不单列，沿用上月。",
    grains=("cohort",),
    settles_days=MONEY_DAYS,
    basis="orders",
)
def ltv(t: Tables, by: Sequence[str]) -> Table:
    months, sizes = _months(t), _sizes(t)
    each = months.group_by(list(by)).agg(net=total(months.net))
    so_far = each.mutate(
        n=each.net.sum()
        .over(
            ibis.window(
                group_by=[each.shop_id, each.cohort], order_by=[each.age], preceding=None, following=0
            )
        )
        .cast("int64")
    )
    joined = so_far.inner_join(sizes, [so_far.shop_id == sizes.size_in, so_far.cohort == sizes.size_of])
    return joined.select(*by, "n", d="size")
