"""The metrics.  `docs/metrics.md` is generated from here; a changed formula is a new version.

Money counts in orders' own currency, minor units, without any bare "GMV": placed, paid and net are different
things.  Deposits of orders that are not paid in full are in `deposits`, never in `gmv_paid`.
"""

from collections.abc import Sequence
from typing import Any

import ibis

from shopfloor.metrics.registry import Table, Tables, metric
from shopfloor.metrics.tables import DENSITY_MINUTES, MINUTE, SECOND, SHORTEST_VIEW, or_zero, total

_ALL = ("show", "product", "variant")
_SERIES = (*_ALL, "minute")
# Refunds and cancellations change money for a month after a show.
_MONEY_DAYS = 30


def _rows(table: Table, by: Sequence[str]) -> Table:
    return table.group_by(list(by)).agg(n=table.count())


def _distinct(table: Table, by: Sequence[str], what: str) -> Table:
    """How many different `what` there are, by counting rows of distinct keys: exact on every engine."""
    known = table.filter(table[what].notnull())
    keys = known.select(*by, what).distinct()
    return keys.group_by(list(by)).agg(n=keys.count())


def _sum(table: Table, by: Sequence[str], column: Any) -> Table:
    return table.group_by(list(by)).agg(n=total(column))


def _quotient(over: Table, under: Table, *, times: int = 1, per: int = 1) -> Table:
    """`n` of one over `n` of the other, per show; both stay whole numbers."""
    below = under.select(below_id=under.show_id, below=under.n)
    return below.left_join(over, [below.below_id == over.show_id]).select(
        show_id=below.below_id, n=or_zero(over.n) * times, d=below.below * per
    )


# ---- the audience ----------------------------------------------------------------------------------------


@metric(
    "live_views",
    version=1,
    unit="views",
    en="Times somebody entered the room; coming back counts again. Gross.",
    zh="进入直播间的次数，重复进入重复计算。未过滤。",
    grains=("show", "minute"),
)
def live_views(t: Tables, by: Sequence[str]) -> Table:
    acts = t["acts"]
    return _rows(acts.filter(acts.type == "live.enter", acts.ours == 1), by)


@metric(
    "pv",
    version=1,
    unit="views",
    en="View sessions of at least 3 seconds; a session ends when three beats in a row are missing.",
    zh="时长不少于 3 秒的观看会话数；连续缺三次心跳即视为会话结束。",
)
def pv(t: Tables, by: Sequence[str]) -> Table:
    views = t["views"]
    return _rows(views.filter(views.watched >= SHORTEST_VIEW), by)


@metric(
    "uv",
    version=1,
    unit="viewers",
    en="Distinct viewers with at least one view session of 3 seconds. Gross: no traffic is filtered.",
    zh="至少有一次 3 秒以上观看会话的去重观众数。未过滤流量。",
)
def uv(t: Tables, by: Sequence[str]) -> Table:
    views = t["views"]
    return _distinct(views.filter(views.watched >= SHORTEST_VIEW), by, "viewer")


def _watched_at_least(t: Tables, by: Sequence[str], seconds: int) -> Table:
    viewers = t["viewers"]
    return _rows(viewers.filter(viewers.watched >= seconds * SECOND), by)


@metric(
    "uv_10s",
    version=1,
    unit="viewers",
    en="Distinct viewers who watched at least 10 seconds of the show in all.",
    zh="累计观看不少于 10 秒的去重观众数。",
)
def uv_10s(t: Tables, by: Sequence[str]) -> Table:
    return _watched_at_least(t, by, 10)


@metric(
    "uv_60s",
    version=1,
    unit="viewers",
    en="Distinct viewers who watched at least 60 seconds of the show in all.",
    zh="累计观看不少于 60 秒的去重观众数。",
)
def uv_60s(t: Tables, by: Sequence[str]) -> Table:
    return _watched_at_least(t, by, 60)


@metric(
    "watch_s",
    version=1,
    unit="seconds",
    en="Seconds watched by all viewers; two tabs of one viewer count once, nobody exceeds the show's length.",
    zh="全体观众观看秒数；同一观众多个页面只算一次，任何人不超过直播时长。",
)
def watch_s(t: Tables, by: Sequence[str]) -> Table:
    viewers = t["viewers"]
    return viewers.group_by(list(by)).agg(n=total(viewers.watched), d=_constant(viewers, SECOND))


def _constant(table: Table, value: int) -> Any:
    """`value` as an aggregate, so that it can stand beside a sum."""
    return or_zero(table.count()) * 0 + value


@metric(
    "pcu",
    version=1,
    unit="viewers",
    en="Peak concurrent viewers: the largest number of distinct viewers watching at any whole second.",
    zh="最高在线人数：按整秒网格统计的去重在看人数最大值。",
    grains=("show", "minute"),
)
def pcu(t: Tables, by: Sequence[str]) -> Table:
    seconds = t["concurrency"]
    return seconds.group_by(list(by)).agg(n=seconds.viewers_then.max())


@metric(
    "acu",
    version=1,
    unit="viewers",
    en="Average concurrent viewers: the integral of viewers over the show divided by its length, which "
    "equals watch_s / length exactly.",
    zh="平均在线人数：在看人数对直播时长的积分除以时长，与 watch_s / 时长严格相等。",
)
def acu(t: Tables, by: Sequence[str]) -> Table:
    steps, shows = t["steps"], t["shows"]
    area = steps.group_by("show_id").agg(area=total(steps.viewers_then * (steps.until - steps.at)))
    return shows.left_join(area, "show_id").select(
        shows.show_id, n=ibis.coalesce(area.area, 0), d=shows.ended - shows.started
    )


@metric(
    "acu_legacy",
    version=1,
    unit="viewers",
    en="Mean over minutes of the highest number of viewers in each: biased upward; for comparison with "
    "other dashboards.",
    zh="每分钟最高在线人数的平均值：偏高，仅用于与其他看板对比。",
)
def acu_legacy(t: Tables, by: Sequence[str]) -> Table:
    seconds = t["concurrency"]
    peaks = seconds.group_by("show_id", "minute").agg(peak=seconds.viewers_then.max())
    return peaks.group_by(list(by)).agg(n=total(peaks.peak), d=peaks.count())


@metric(
    "dwell_mean",
    version=1,
    unit="seconds",
    en="Seconds watched per viewer (watch_s / uv).",
    zh="人均停留秒数（watch_s / uv）。",
)
def dwell_mean(t: Tables, by: Sequence[str]) -> Table:
    viewers = t["viewers"]
    return _quotient(_sum(viewers, by, viewers.watched), uv(t, by), per=SECOND)


@metric(
    "dwell_median",
    version=1,
    unit="seconds",
    en="Median over the viewers of uv of the seconds each watched; of an even number the mean of the middle two.",
    zh="uv 中每位观众观看秒数的中位数；偶数人时取中间两人的平均。",
)
def dwell_median(t: Tables, by: Sequence[str]) -> Table:
    sessions, everybody = t["views"], t["viewers"]
    counted = sessions.filter(sessions.watched >= SHORTEST_VIEW).select("show_id", "viewer").distinct()
    viewers = everybody.inner_join(counted, ["show_id", "viewer"]).select("show_id", "viewer", "watched")
    ranked = viewers.mutate(
        place=ibis.row_number()
        .over(ibis.window(group_by=viewers.show_id, order_by=[viewers.watched, viewers.viewer]))
        .cast("int64")
    )
    sizes = viewers.group_by("show_id").agg(size=viewers.count())
    both = ranked.inner_join(sizes, "show_id")
    # Places count from 0: of 5 the one in place 2, of 4 those in places 1 and 2.
    twice = (both.place + 1) * 2
    middle = both.filter(twice >= both.size, twice <= both.size + 2)
    return middle.group_by(list(by)).agg(n=total(middle.watched), d=middle.count() * SECOND)


@metric(
    "interactions",
    version=1,
    unit="acts",
    en="Chat lines, likes, shares and follows of viewers.",
    zh="观众的评论、点赞、分享、关注总次数。",
    grains=("show", "minute"),
    basis="browser",
)
def interactions(t: Tables, by: Sequence[str]) -> Table:
    found = _interactions(t)
    return _sum(found, by, (found.type == "live.like").ifelse(ibis.coalesce(found.quantity, 1), 1))


def _interactions(t: Tables) -> Table:
    acts = t["acts"]
    return acts.filter(
        ((acts.type == "chat.chat_said") & (acts.ours == 1))
        | acts.type.isin(["live.like", "share", "follow"]),
        acts.viewer.notnull(),
    )


@metric(
    "interact_rate",
    version=2,
    unit="ratio",
    en="Viewers of uv with at least one chat line, like, share or follow, of all viewers (uv).",
    zh="互动率：uv 中有评论、点赞、分享或关注的观众占 uv 的比例。",
    basis="browser",
)
def interact_rate(t: Tables, by: Sequence[str]) -> Table:
    found, sessions = _interactions(t), t["views"]
    watched = sessions.filter(sessions.watched >= SHORTEST_VIEW).select("show_id", "viewer").distinct()
    return _quotient(_distinct(found.inner_join(watched, ["show_id", "viewer"]), by, "viewer"), uv(t, by))


@metric(
    "asks",
    version=1,
    unit="lines",
    en="Chat lines that ask for a size, a colour or whether something can be had.",
    zh="询问尺码、颜色或是否有货的评论条数。",
)
def asks(t: Tables, by: Sequence[str]) -> Table:
    return _distinct(t["asks"], by, "id")


# ---- the funnel --------------------------------------------------------------------------------------------


@metric(
    "exposed",
    version=1,
    unit="viewers",
    en="Distinct viewers who were watching while the product was on screen.",
    zh="商品讲解期间在看的去重观众数。",
    grains=("product",),
)
def exposed(t: Tables, by: Sequence[str]) -> Table:
    return _distinct(t["exposures"], by, "viewer")


@metric(
    "exposed_variant",
    version=1,
    unit="viewers",
    en="Distinct viewers who were watching while the offer of the variant was on screen.",
    zh="该规格所在商品讲解期间在看的去重观众数。",
    grains=("variant",),
)
def exposed_variant(t: Tables, by: Sequence[str]) -> Table:
    return _distinct(_seen_variants(t), by, "viewer")


def _seen_variants(t: Tables) -> Table:
    """Who watched while which variant's offer was on screen."""
    seen, offers = t["exposures"], t["offer_variants"]
    offered = offers.select("show_id", "offer_id", "variant_id").distinct()
    return seen.inner_join(
        offered, [seen.show_id == offered.show_id, seen.offer_id == offered.offer_id]
    ).select(seen.show_id, seen.viewer, offered.variant_id)


def _clicks(t: Tables) -> Table:
    acts = t["acts"]
    return acts.filter(acts.type.isin(["select_item", "view_item", "add_to_cart"]), acts.viewer.notnull())


@metric(
    "clicks",
    version=1,
    unit="clicks",
    en="Times a product was opened or chosen.",
    zh="商品点击、打开、选购次数。",
    grains=_SERIES,
    basis="browser",
)
def clicks(t: Tables, by: Sequence[str]) -> Table:
    return _rows(_clicks(t), by)


@metric(
    "clickers",
    version=1,
    unit="viewers",
    en="Distinct viewers who opened or chose a product.",
    zh="有商品点击的去重观众数。",
    grains=_ALL,
    basis="browser",
)
def clickers(t: Tables, by: Sequence[str]) -> Table:
    return _distinct(_clicks(t), by, "viewer")


def _holds(t: Tables) -> Table:
    acts = t["acts"]
    return acts.filter(acts.type == "stock.holds_granted", acts.ours == 1)


@metric(
    "holders",
    version=1,
    unit="buyers",
    en="Distinct buyers for whom units were held.",
    zh="成功锁定库存的去重买家数。",
    grains=_ALL,
)
def holders(t: Tables, by: Sequence[str]) -> Table:
    return _distinct(_holds(t), by, "viewer")


@metric(
    "units_held",
    version=1,
    unit="units",
    en="Units held for buyers, whether or not they were paid later.",
    zh="为买家锁定的件数，无论之后是否付款。",
    grains=_ALL,
)
def units_held(t: Tables, by: Sequence[str]) -> Table:
    holds = _holds(t)
    return _sum(holds, by, holds.quantity)


@metric(
    "buyers",
    version=1,
    unit="buyers",
    en="Distinct buyers with an order paid in full.",
    zh="有全额支付订单的去重买家数。",
    grains=_ALL,
    settles_days=_MONEY_DAYS,
)
def buyers(t: Tables, by: Sequence[str]) -> Table:
    return _distinct(t["paid_lines"], by, "buyer")


def _people(by: Sequence[str], *found: Table) -> Table:
    """How many different people are in one of the tables, each with its column `person`."""
    return _distinct(ibis.union(*(table.select(*by, "person") for table in found)), by, "person")


def _watched(t: Tables) -> Table:
    sessions = t["views"].rename(person="viewer")
    return sessions.filter(sessions.watched >= SHORTEST_VIEW)


def _opened(t: Tables) -> Table:
    return _clicks(t).rename(person="viewer")


def _held(t: Tables) -> Table:
    return _holds(t).rename(person="viewer")


def _paid(t: Tables) -> Table:
    return t["paid_lines"].rename(person="buyer")


@metric(
    "reached_show",
    version=1,
    unit="people",
    en="Distinct people who watched for 3 seconds or went further: opened a product, had units held or paid. "
    "First step of the funnel.",
    zh="漏斗第一步：观看满 3 秒，或更进一步（点开商品、锁定库存、付款）的去重人数。",
    settles_days=_MONEY_DAYS,
)
def reached_show(t: Tables, by: Sequence[str]) -> Table:
    return _people(by, _watched(t), _opened(t), _held(t), _paid(t))


@metric(
    "reached_product",
    version=1,
    unit="people",
    en="Distinct people who opened a product or went further: had units held or paid. Second step of the funnel.",
    zh="漏斗第二步：点开商品，或更进一步（锁定库存、付款）的去重人数。",
    settles_days=_MONEY_DAYS,
)
def reached_product(t: Tables, by: Sequence[str]) -> Table:
    return _people(by, _opened(t), _held(t), _paid(t))


@metric(
    "reached_hold",
    version=1,
    unit="people",
    en="Distinct people for whom units were held, or who paid without. Third step of the funnel; the last is buyers.",
    zh="漏斗第三步：锁定库存，或未锁定即付款的去重人数；最后一步为支付买家数。",
    settles_days=_MONEY_DAYS,
)
def reached_hold(t: Tables, by: Sequence[str]) -> Table:
    return _people(by, _held(t), _paid(t))


@metric(
    "reached",
    version=1,
    unit="people",
    en="Distinct people who were watching while the product was on screen, opened it, had units of it held or paid "
    "for it.",
    zh="商品讲解期间在看、点开、锁定或购买该商品的去重人数。",
    grains=("product",),
    settles_days=_MONEY_DAYS,
)
def reached(t: Tables, by: Sequence[str]) -> Table:
    return _people(by, t["exposures"].rename(person="viewer"), _opened(t), _held(t), _paid(t))


@metric(
    "reached_variant",
    version=1,
    unit="people",
    en="Distinct people who were watching while the offer of the variant was on screen, chose it, had units of it "
    "held or paid for it.",
    zh="该规格所在商品讲解期间在看，或选择、锁定、购买该规格的去重人数。",
    grains=("variant",),
    settles_days=_MONEY_DAYS,
)
def reached_variant(t: Tables, by: Sequence[str]) -> Table:
    return _people(by, _seen_variants(t).rename(person="viewer"), _opened(t), _held(t), _paid(t))


@metric(
    "conversion",
    version=2,
    unit="ratio",
    en="Buyers with a paid order, of everybody who reached the show (buyers / reached_show).",
    zh="看播成交率：支付买家数 / reached_show。",
    settles_days=_MONEY_DAYS,
)
def conversion(t: Tables, by: Sequence[str]) -> Table:
    return _quotient(buyers(t, by), reached_show(t, by))


# ---- orders and money -------------------------------------------------------------------------------------


def _placed(t: Tables) -> Table:
    acts = t["acts"]
    return acts.filter(acts.type == "orders.order_placed", acts.ours == 1)


@metric(
    "orders_placed",
    version=1,
    unit="orders",
    en="Orders created, paid or not.",
    zh="创建的订单数，无论是否支付。",
    grains=_SERIES,
)
def orders_placed(t: Tables, by: Sequence[str]) -> Table:
    return _distinct(_placed(t), by, "order_id")


@metric(
    "orders_paid",
    version=1,
    unit="orders",
    en="Orders on which nothing is left to pay, by the minute in which that was reached.",
    zh="全额支付的订单数，按付清的分钟归属。",
    grains=_SERIES,
    settles_days=_MONEY_DAYS,
)
def orders_paid(t: Tables, by: Sequence[str]) -> Table:
    return _distinct(t["paid_lines"], by, "order_id")


@metric(
    "pay_rate",
    version=1,
    unit="ratio",
    en="Paid orders of created orders.",
    zh="支付率：已支付订单数 / 创建订单数。",
    settles_days=_MONEY_DAYS,
)
def pay_rate(t: Tables, by: Sequence[str]) -> Table:
    return _quotient(orders_paid(t, by), orders_placed(t, by))


@metric(
    "units_paid",
    version=1,
    unit="units",
    en="Units in orders paid in full.",
    zh="已全额支付订单中的件数。",
    grains=_SERIES,
    settles_days=_MONEY_DAYS,
)
def units_paid(t: Tables, by: Sequence[str]) -> Table:
    lines = t["paid_lines"]
    return _sum(lines, by, lines.units)


@metric(
    "gmv_placed",
    version=1,
    unit="minor",
    en="Value of the goods in created orders, paid or not.",
    zh="创建订单的商品金额，无论是否支付。",
    grains=_SERIES,
)
def gmv_placed(t: Tables, by: Sequence[str]) -> Table:
    placed = _placed(t)
    return _sum(placed, by, placed.amount_minor)


@metric(
    "gmv_paid",
    version=1,
    unit="minor",
    en="What was captured for the goods of orders paid in full, before refunds.",
    zh="全额支付订单的商品实收金额，未扣退款。",
    grains=_SERIES,
    settles_days=_MONEY_DAYS,
)
def gmv_paid(t: Tables, by: Sequence[str]) -> Table:
    lines = t["paid_lines"]
    return _sum(lines, by, lines.charged)


@metric(
    "gmv_net",
    version=1,
    unit="minor",
    en="gmv_paid less what is known so far to be cancelled or refunded; it moves until it is final.",
    zh="gmv_paid 扣除目前已知的取消与退款；定稿前会变动。",
    grains=_SERIES,
    settles_days=_MONEY_DAYS,
)
def gmv_net(t: Tables, by: Sequence[str]) -> Table:
    lines = t["paid_lines"]
    return _sum(lines, by, lines.net)


@metric(
    "deposits",
    version=1,
    unit="minor",
    en="Captured on orders that are not paid in full yet; no part of gmv_paid.",
    zh="尚未付清订单的已收定金，不计入 gmv_paid。",
    settles_days=_MONEY_DAYS,
)
def deposits(t: Tables, by: Sequence[str]) -> Table:
    lines, orders = t["order_lines"], t["orders"]
    unpaid = orders.filter(orders.paid == 0).select("show_id", "order_id")
    open_lines = lines.inner_join(unpaid, ["show_id", "order_id"])
    return _sum(open_lines, by, open_lines.charged)


@metric(
    "gpm",
    version=1,
    unit="minor",
    en="gmv_paid per thousand view sessions (gmv_paid * 1000 / pv).",
    zh="千次观看成交额：gmv_paid * 1000 / pv。",
    settles_days=_MONEY_DAYS,
)
def gpm(t: Tables, by: Sequence[str]) -> Table:
    return _quotient(gmv_paid(t, by), pv(t, by), times=1000)


@metric(
    "uv_value",
    version=1,
    unit="minor",
    en="gmv_paid per viewer (gmv_paid / uv).",
    zh="UV 价值：gmv_paid / uv。",
    settles_days=_MONEY_DAYS,
)
def uv_value(t: Tables, by: Sequence[str]) -> Table:
    return _quotient(gmv_paid(t, by), uv(t, by))


@metric(
    "aov",
    version=1,
    unit="minor",
    en="gmv_paid per buyer (gmv_paid / buyers).",
    zh="客单价：gmv_paid / 支付买家数。",
    settles_days=_MONEY_DAYS,
)
def aov(t: Tables, by: Sequence[str]) -> Table:
    return _quotient(gmv_paid(t, by), buyers(t, by))


@metric(
    "asp",
    version=1,
    unit="minor",
    en="gmv_paid per unit (gmv_paid / units_paid).",
    zh="件单价：gmv_paid / 支付件数。",
    settles_days=_MONEY_DAYS,
)
def asp(t: Tables, by: Sequence[str]) -> Table:
    return _quotient(gmv_paid(t, by), units_paid(t, by))


@metric(
    "attach",
    version=1,
    unit="units",
    en="Units per buyer (units_paid / buyers).",
    zh="连带率：支付件数 / 支付买家数。",
    settles_days=_MONEY_DAYS,
)
def attach(t: Tables, by: Sequence[str]) -> Table:
    return _quotient(units_paid(t, by), buyers(t, by))


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
    settles_days=_MONEY_DAYS,
)
def density(t: Tables, by: Sequence[str]) -> Table:
    sliding = _density(t)
    return sliding.group_by(list(by)).agg(n=sliding.lately.max(), d=_constant(sliding, DENSITY_MINUTES))


@metric(
    "density_k",
    version=1,
    unit="orders",
    en="Orders paid per thousand minutes watched.",
    zh="每千观看分钟的支付订单数。",
    settles_days=_MONEY_DAYS,
)
def density_k(t: Tables, by: Sequence[str]) -> Table:
    viewers = t["viewers"]
    return _quotient(orders_paid(t, by), _sum(viewers, by, viewers.watched), times=1000 * MINUTE)


# ---- what could not be sold --------------------------------------------------------------------------------


def _refusals(t: Tables) -> Table:
    acts = t["acts"]
    return acts.filter(
        acts.type == "stock.purchase_refused",
        acts.ours == 1,
        acts.code.isin(["stock.sold_out", "stock.too_late"]),
    )


@metric(
    "refusals",
    version=1,
    unit="requests",
    en="Purchases refused because nothing, or nothing early enough, was left.",
    zh="因无货或无法按期供货而被拒绝的购买请求数。",
    grains=_SERIES,
)
def refusals(t: Tables, by: Sequence[str]) -> Table:
    return _distinct(_refusals(t), by, "hold_id")


@metric(
    "refused_buyers",
    version=1,
    unit="buyers",
    en="Distinct buyers with such a refusal.",
    zh="遇到无货拒绝的去重买家数。",
    grains=_ALL,
)
def refused_buyers(t: Tables, by: Sequence[str]) -> Table:
    return _distinct(_refusals(t), by, "viewer")


def _waiting(t: Tables) -> Table:
    acts = t["acts"]
    return acts.filter(acts.type == "orders.waitlist_joined", acts.ours == 1)


@metric(
    "waitlist_joins",
    version=1,
    unit="joins",
    en="Times somebody joined the waitlist of a sold-out variant.",
    zh="加入售罄规格候补名单的次数。",
    grains=_SERIES,
)
def waitlist_joins(t: Tables, by: Sequence[str]) -> Table:
    return _rows(_waiting(t), by)


@metric(
    "waitlist_units",
    version=1,
    unit="units",
    en="Units asked for on the waitlist.",
    zh="候补名单登记的件数。",
    grains=_ALL,
)
def waitlist_units(t: Tables, by: Sequence[str]) -> Table:
    waiting = _waiting(t)
    return _sum(waiting, by, waiting.quantity)


@metric(
    "refused_units",
    version=1,
    unit="units",
    en="Units of refused purchases; a request that was repeated counts once.",
    zh="被拒绝购买请求的件数；重复请求只算一次。",
    grains=_ALL,
)
def refused_units(t: Tables, by: Sequence[str]) -> Table:
    rows = _refusals(t)
    keys = [*by, *(key for key in ("hold_id", "variant_id") if key not in by)]
    once = rows.group_by(keys).agg(units=ibis.coalesce(rows.quantity.max(), 0))
    return _sum(once, by, once.units)


@metric(
    "exposure_s",
    version=1,
    unit="viewer-seconds",
    en="Seconds watched, over all viewers, while the offer of the variant was on screen.",
    zh="该规格所在商品讲解期间的全体观看秒数。",
    grains=("variant",),
)
def exposure_s(t: Tables, by: Sequence[str]) -> Table:
    seen, offers = t["exposures"], t["offer_variants"]
    offered = offers.select("show_id", "offer_id", "variant_id").distinct()
    joined = seen.inner_join(
        offered, [seen.show_id == offered.show_id, seen.offer_id == offered.offer_id]
    ).select(seen.show_id, offered.variant_id, seen.begin, seen.end)
    return joined.group_by(list(by)).agg(n=total(joined.end - joined.begin), d=_constant(joined, SECOND))


@metric(
    "exposure_buyable_s",
    version=1,
    unit="viewer-seconds",
    en="Of exposure_s, the seconds in which the variant could be bought, on hand or against supply.",
    zh="exposure_s 中该规格可购买（现货或可供货）的部分。",
    grains=("variant",),
)
def exposure_buyable_s(t: Tables, by: Sequence[str]) -> Table:
    seen, offers, buyable = t["exposures"], t["offer_variants"], t["buyable"]
    offered = offers.select("show_id", "offer_id", "variant_id").distinct()
    joined = seen.inner_join(
        offered, [seen.show_id == offered.show_id, seen.offer_id == offered.offer_id]
    ).select(seen.show_id, offered.variant_id, seen.begin, seen.end)
    both = joined.inner_join(
        buyable,
        [
            joined.show_id == buyable.show_id,
            joined.variant_id == buyable.variant_id,
            joined.begin < buyable.end,
            buyable.begin < joined.end,
        ],
    ).select(
        joined.show_id,
        joined.variant_id,
        begin=ibis.greatest(joined.begin, buyable.begin),
        end=ibis.least(joined.end, buyable.end),
    )
    return both.group_by(list(by)).agg(n=total(both.end - both.begin), d=_constant(both, SECOND))
