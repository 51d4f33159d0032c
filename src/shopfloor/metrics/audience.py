"""Who watched, for how long, and what they did."""

from collections.abc import Sequence

import ibis

from shopfloor.metrics.formulas import constant, distinct, quotient, rows, summed
from shopfloor.metrics.registry import Table, Tables, metric
from shopfloor.metrics.tables import SECOND, SHORTEST_VIEW, total, with_source


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
    return rows(acts.filter(acts.type == "live.enter", acts.ours == 1), by)


@metric(
    "pv",
    version=1,
    unit="views",
    en="View sessions of at least 3 seconds; a session ends when three beats in a row are missing.",
    zh="时长不少于 3 秒的观看会话数；连续缺三次心跳即视为会话结束。",
)
def pv(t: Tables, by: Sequence[str]) -> Table:
    views = t["views"]
    return rows(views.filter(views.watched >= SHORTEST_VIEW), by)


@metric(
    "uv",
    version=1,
    unit="viewers",
    en="Distinct viewers with at least one view session of 3 seconds. Gross: no traffic is filtered.",
    zh="至少有一次 3 秒以上观看会话的去重观众数。未过滤流量。",
    grains=("show", "source"),
)
def uv(t: Tables, by: Sequence[str]) -> Table:
    views = t["views"].filter(t["views"].watched >= SHORTEST_VIEW)
    return distinct(with_source(t, views, "viewer") if "source" in by else views, by, "viewer")


def _watched_at_least(t: Tables, by: Sequence[str], seconds: int) -> Table:
    viewers = t["viewers"]
    return rows(viewers.filter(viewers.watched >= seconds * SECOND), by)


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
    return viewers.group_by(list(by)).agg(n=total(viewers.watched), d=constant(viewers, SECOND))


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
    return quotient(summed(viewers, by, viewers.watched), uv(t, by), per=SECOND)


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
    return summed(found, by, (found.type == "live.like").ifelse(ibis.coalesce(found.quantity, 1), 1))


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
    return _share(t, by, _interactions(t))


def _share(t: Tables, by: Sequence[str], found: Table) -> Table:
    """Viewers of uv who are in `found`, of all of uv."""
    sessions = t["views"]
    watched = sessions.filter(sessions.watched >= SHORTEST_VIEW).select("show_id", "viewer").distinct()
    return quotient(distinct(found.inner_join(watched, ["show_id", "viewer"]), by, "viewer"), uv(t, by))


@metric(
    "comment_rate",
    version=1,
    unit="ratio",
    en="Viewers of uv with at least one chat line, of all viewers (uv).",
    zh="评论率：uv 中有评论的观众占 uv 的比例。",
)
def comment_rate(t: Tables, by: Sequence[str]) -> Table:
    acts = t["acts"]
    said = acts.filter(acts.type == "chat.chat_said", acts.ours == 1, acts.viewer.notnull())
    return _share(t, by, said)


@metric(
    "like_rate",
    version=1,
    unit="ratio",
    en="Viewers of uv with at least one like, of all viewers (uv).",
    zh="点赞率：uv 中有点赞的观众占 uv 的比例。",
    basis="browser",
)
def like_rate(t: Tables, by: Sequence[str]) -> Table:
    acts = t["acts"]
    return _share(t, by, acts.filter(acts.type == "live.like", acts.viewer.notnull()))


@metric(
    "follow_rate_all",
    version=1,
    unit="ratio",
    en="Viewers of uv who followed the shop during the show, of all viewers (uv), also of those who did before.",
    zh="转粉率（全体）：uv 中在直播期间关注店铺的观众占 uv 的比例，含此前已关注者。",
    basis="browser",
)
def follow_rate_all(t: Tables, by: Sequence[str]) -> Table:
    acts = t["acts"]
    return _share(t, by, acts.filter(acts.type == "follow", acts.viewer.notnull()))


@metric(
    "asks",
    version=1,
    unit="lines",
    en="Chat lines that ask for a size, a colour or whether something can be had.",
    zh="询问尺码、颜色或是否有货的评论条数。",
)
def asks(t: Tables, by: Sequence[str]) -> Table:
    return distinct(t["asks"], by, "id")
