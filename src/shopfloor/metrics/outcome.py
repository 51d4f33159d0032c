"""What became of it: what was kept, what went back, and what a product made of those who saw it."""

from collections.abc import Callable, Sequence
from typing import Final

import ibis

from shopfloor.metrics.audience import pv, uv
from shopfloor.metrics.came_back import units_returned
from shopfloor.metrics.formulas import ALL, MONEY_DAYS, distinct, quotient, rows, summed
from shopfloor.metrics.funnel import clickers, clicks, exposed
from shopfloor.metrics.money import gmv_paid, orders_paid, orders_placed, units_paid
from shopfloor.metrics.registry import Table, Tables, metric
from shopfloor.metrics.tables import CLICKS, MINUTE, SECOND, SHORTEST_VIEW, total, whole_steps

SETTLES: Final = (1, 7, 14, 30)
_NET_DAYS: Final = 14
_NIGHT: Final = 12 * 60 * MINUTE


def _net_after(days: int) -> Callable[[Tables, Sequence[str]], Table]:
    def define(t: Tables, by: Sequence[str]) -> Table:
        lines = t[f"paid_lines_{days}"]
        return summed(lines, by, lines.net)

    return define


def _paid_after(t: Tables, by: Sequence[str], days: int) -> Table:
    lines = t[f"paid_lines_{days}"]
    return summed(lines, by, lines.charged)


def _rate_after(days: int) -> Callable[[Tables, Sequence[str]], Table]:
    def define(t: Tables, by: Sequence[str]) -> Table:
        return quotient(_net_after(days)(t, by), _paid_after(t, by, days))

    return define


for _days in SETTLES:
    _day = "one day" if _days == 1 else f"{_days} days"
    metric(
        f"gmv_net_{_days}",
        version=1,
        unit="minor",
        en=f"What was captured for the goods of paid orders, less what was cancelled or refunded: all as it stood {_day} "
        "after the end of the show.",
        zh=f"直播结束 {_days} 天时的净成交额：已支付订单的商品实收，扣除届时的取消与退款。",
        grains=ALL,
        settles_days=_days,
        basis="orders",
    )(_net_after(_days))
    metric(
        f"settle_rate_{_days}",
        version=1,
        unit="ratio",
        en=f"What was left of the money of paid orders {_day} after the end of the show (gmv_net_{_days} / what had been "
        "paid by then).",
        zh=f"{_days} 天结算率：直播结束 {_days} 天时的净成交额 / 届时的支付成交额。",
        settles_days=_days,
        basis="orders",
    )(_rate_after(_days))


@metric(
    "gpm_net",
    version=1,
    unit="minor",
    en="gmv_net_14 per thousand view sessions (gmv_net_14 * 1000 / pv).",
    zh="千次观看净成交额：gmv_net_14 * 1000 / pv。",
    settles_days=_NET_DAYS,
)
def gpm_net(t: Tables, by: Sequence[str]) -> Table:
    return quotient(_net_after(_NET_DAYS)(t, by), pv(t, by), times=1000)


@metric(
    "gpm_product",
    version=1,
    unit="minor",
    en="gmv_paid of the product per thousand viewers who were watching while it was on screen.",
    zh="商品千次曝光成交额：该商品 gmv_paid * 1000 / 讲解期间在看的观众数。",
    grains=("product",),
    settles_days=MONEY_DAYS,
)
def gpm_product(t: Tables, by: Sequence[str]) -> Table:
    return quotient(gmv_paid(t, by), exposed(t, by), times=1000, by=by)


@metric(
    "uv_value_net",
    version=1,
    unit="minor",
    en="gmv_net_14 per viewer (gmv_net_14 / uv).",
    zh="净 UV 价值：gmv_net_14 / uv。",
    settles_days=_NET_DAYS,
)
def uv_value_net(t: Tables, by: Sequence[str]) -> Table:
    return quotient(_net_after(_NET_DAYS)(t, by), uv(t, by))


@metric(
    "watch_pay_cvr",
    version=1,
    unit="ratio",
    en="Viewers of uv with a paid order, of all viewers (uv).",
    zh="看播成交率（仅观众）：uv 中有支付订单的观众占 uv 的比例。",
    settles_days=MONEY_DAYS,
)
def watch_pay_cvr(t: Tables, by: Sequence[str]) -> Table:
    sessions, paid = t["views"], t["paid_lines"].drop("source").rename(viewer="buyer")
    watched = sessions.filter(sessions.watched >= SHORTEST_VIEW).select("show_id", "viewer").distinct()
    return quotient(distinct(paid.inner_join(watched, ["show_id", "viewer"]), by, "viewer"), uv(t, by))


@metric(
    "ctor",
    version=1,
    unit="ratio",
    en="Paid orders per product click (CTOR): an order counts once for each of its products.",
    zh="点击成交率（CTOR）：支付的商品订单数 / 商品点击次数。",
    grains=("show", "product"),
    settles_days=MONEY_DAYS,
    basis="browser",
)
def ctor(t: Tables, by: Sequence[str]) -> Table:
    bought = t["paid_lines"].select("show_id", "product_id", "order_id").distinct()
    return quotient(rows(bought, by), clicks(t, by), by=by)


@metric(
    "product_ctr",
    version=1,
    unit="ratio",
    en="Of the viewers who were watching while the product was on screen, those who opened or chose it.",
    zh="商品点击率：商品讲解期间在看的观众中，点击该商品的比例。",
    grains=("product",),
    basis="browser",
)
def product_ctr(t: Tables, by: Sequence[str]) -> Table:
    seen = t["exposures"].select("show_id", "product_id", "viewer").distinct()
    both = _clicked(t).inner_join(seen, ["show_id", "product_id", "viewer"])
    return quotient(distinct(both, by, "viewer"), exposed(t, by), by=by)


def _clicked(t: Tables) -> Table:
    acts = t["acts"]
    found = acts.filter(acts.type.isin(CLICKS), acts.viewer.notnull(), acts.product_id.notnull())
    return found.select("show_id", "product_id", "viewer").distinct()


@metric(
    "click_pay_cvr",
    version=1,
    unit="ratio",
    en="Of those who opened or chose a product, those who paid: for the same product, where it is one product's.",
    zh="点击支付转化率：点击商品的观众中，支付的比例；按商品时为同一商品。",
    grains=("show", "product"),
    settles_days=MONEY_DAYS,
    basis="browser",
)
def click_pay_cvr(t: Tables, by: Sequence[str]) -> Table:
    acts, paid = t["acts"], t["paid_lines"]
    clicked = acts.filter(acts.type.isin(CLICKS), acts.viewer.notnull()).select(*by, "viewer").distinct()
    bought = paid.select(*by, viewer="buyer").distinct()
    return quotient(rows(clicked.inner_join(bought, [*by, "viewer"]), by), clickers(t, by), by=by)


@metric(
    "pitch_yield",
    version=1,
    unit="minor",
    en="What was kept after 14 days of the product's sales to those who clicked it while it was on screen, per 1,000 "
    "viewer-minutes on screen: fair between products shown to few and to many.",
    zh="讲解产出：讲解期间点击该商品者的 14 天净成交额，每千观看分钟；不同流量下可比。",
    grains=("product",),
    settles_days=_NET_DAYS,
    basis="browser",
)
def pitch_yield(t: Tables, by: Sequence[str]) -> Table:
    acts, shown, seen = t["acts"], t["features"], t["exposures"]
    clicks_ = acts.filter(acts.type.isin(CLICKS), acts.viewer.notnull(), acts.product_id.notnull())
    during = clicks_.inner_join(
        shown,
        [
            clicks_.show_id == shown.show_id,
            clicks_.product_id == shown.product_id,
            shown.begin <= clicks_.at,
            clicks_.at < shown.end,
        ],
    ).select(clicks_.show_id, clicks_.product_id, buyer=clicks_.viewer)
    kept = t[f"paid_lines_{_NET_DAYS}"].inner_join(during.distinct(), ["show_id", "product_id", "buyer"])
    areas = seen.group_by(list(by)).agg(n=total(seen.end - seen.begin))
    seconds = areas.select(*by, n=whole_steps(areas.n, SECOND))
    return quotient(summed(kept, by, kept.net), seconds.filter(seconds.n > 0), times=60_000, by=by)


@metric(
    "sell_through",
    version=1,
    unit="ratio",
    en="Variants with a paid order, of all variants offered in the show.",
    zh="动销率：有支付订单的规格数 / 直播中上架的规格数。",
    settles_days=MONEY_DAYS,
    basis="orders",
)
def sell_through(t: Tables, by: Sequence[str]) -> Table:
    offered = t["offer_variants"].select("show_id", "variant_id").distinct()
    sold = t["paid_lines"].select("show_id", "variant_id").distinct()
    return quotient(rows(offered.inner_join(sold, ["show_id", "variant_id"]), by), rows(offered, by))


@metric(
    "return_rate",
    version=1,
    unit="ratio",
    en="Units that came back so far per unit paid (units_returned / units_paid).",
    zh="退货率：目前已退回件数 / 支付件数。",
    grains=("show", "product"),
    settles_days=MONEY_DAYS,
    basis="orders",
)
def return_rate(t: Tables, by: Sequence[str]) -> Table:
    return quotient(units_returned(t, by), units_paid(t, by), by=by)


def _refunds(t: Tables, *, shipped: bool) -> Table:
    paid = t["paid_lines"].select("show_id", "order_id").distinct()
    found = paid.inner_join(t["undone"], ["show_id", "order_id"])
    known = found.filter(found.undone_at.notnull())
    after = known.shipped_at.notnull() & (known.shipped_at <= known.undone_at)
    return known.filter(after if shipped else ~after)


@metric(
    "refund_rate_pre",
    version=1,
    unit="ratio",
    en="Paid orders that were first refunded or cancelled before anything of them was shipped, of paid orders.",
    zh="发货前退款率：首次退款或取消发生在发货前的支付订单占比。",
    settles_days=MONEY_DAYS,
    basis="orders",
)
def refund_rate_pre(t: Tables, by: Sequence[str]) -> Table:
    return quotient(rows(_refunds(t, shipped=False), by), orders_paid(t, by))


@metric(
    "refund_rate_post",
    version=1,
    unit="ratio",
    en="Paid orders that were first refunded or cancelled after something of them was shipped, of paid orders.",
    zh="发货后退款率：首次退款或取消发生在发货后的支付订单占比。",
    settles_days=MONEY_DAYS,
    basis="orders",
)
def refund_rate_post(t: Tables, by: Sequence[str]) -> Table:
    return quotient(rows(_refunds(t, shipped=True), by), orders_paid(t, by))


@metric(
    "same_night_cancel",
    version=1,
    unit="ratio",
    en="Orders cancelled or refunded within 12 hours of being placed, of all orders placed.",
    zh="当晚取消率：下单后 12 小时内取消或退款的订单占下单数的比例。",
    basis="orders",
)
def same_night_cancel(t: Tables, by: Sequence[str]) -> Table:
    found = t["undone"]
    return quotient(rows(found.filter(found.undone_at <= found.placed_at + _NIGHT), by), orders_placed(t, by))


@metric(
    "settled_to_shown",
    version=1,
    unit="ratio",
    en="Orders of which something is still paid for 14 days after the show, of all orders placed.",
    zh="结算订单占比：直播结束 14 天时仍有实收的订单 / 下单数。",
    settles_days=_NET_DAYS,
    basis="orders",
)
def settled_to_shown(t: Tables, by: Sequence[str]) -> Table:
    lines = t[f"paid_lines_{_NET_DAYS}"]
    kept = lines.filter(lines.net > 0).select("show_id", "order_id").distinct()
    return quotient(rows(kept, by), orders_placed(t, by))


@metric(
    "buyer_top_4",
    version=1,
    unit="ratio",
    en="Share of the four buyers with most orders in the orders placed. Above 30 %, with 30 orders or more, look at them.",
    zh="前四名买家订单占比：下单最多的 4 名买家的订单 / 下单数；30 单以上且超过 30% 时请核查。",
    basis="orders",
)
def buyer_top_4(t: Tables, by: Sequence[str]) -> Table:
    orders = t["orders"]
    placed = orders.filter(orders.placed > 0, orders.buyer.notnull())
    each = placed.group_by("show_id", viewer="buyer").agg(n=placed.count())
    ranked = each.mutate(
        place=ibis.row_number()
        .over(ibis.window(group_by=each.show_id, order_by=[ibis.desc(each.n), each.viewer]))
        .cast("int64")
    )
    top = ranked.filter(ranked.place < 4)
    return quotient(summed(top, by, top.n), orders_placed(t, by))


@metric(
    "stockout_loss",
    version=1,
    unit="units",
    en="Units that buyers wanted and did not get: for each buyer and variant the larger of what was refused as sold out "
    "and what was put on the waitlist. What they got later is not taken off.",
    zh="缺货损失件数：按买家与规格，取缺货拒绝件数与候补件数中的较大者；之后买到的不扣除。",
    grains=ALL,
)
def stockout_loss(t: Tables, by: Sequence[str]) -> Table:
    acts = t["acts"]
    refused = acts.filter(
        acts.type == "stock.purchase_refused",
        acts.ours == 1,
        acts.code.isin(["stock.sold_out", "stock.too_late"]),
        acts.viewer.notnull(),
    )
    keys = ["show_id", "product_id", "variant_id", "viewer"]
    once = refused.group_by(*keys, "hold_id").agg(units=ibis.coalesce(refused.quantity.max(), 0))
    waiting = acts.filter(acts.type == "orders.waitlist_joined", acts.ours == 1, acts.viewer.notnull())
    both = ibis.union(
        once.group_by(*keys).agg(units=total(once.units)),
        waiting.group_by(*keys).agg(units=total(waiting.quantity)),
    )
    most = both.group_by(*keys).agg(units=both.units.max())
    return summed(most, by, most.units)
