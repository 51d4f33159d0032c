"""Attribution, first tier: an accounting rule that puts each order line into one class, so that all of it sums to 100 %.

It says by convention where money is booked, and proves no cause.  The touch of a line is the buyer's first click on its
product in the show before the order, or the order itself where there was none.  The first that holds is its class:

    pitch_open    the product was on screen at the touch
    pitch_recent  it had been on screen at most ten minutes before, while the buyer was watching
    show          the touch was within the show
    post_7        within 7 days after the show
    post_30       within 30 days after the show
    outside       later

One product is on screen at a time, so no line is ever split and no minor unit is rounded.
"""

from collections.abc import Sequence
from typing import Final

import ibis

from shopfloor.metrics.formulas import MONEY_DAYS, summed
from shopfloor.metrics.registry import Table, Tables, derived, metric
from shopfloor.metrics.tables import CLICKS, DAY, MINUTE, SECOND, whole_steps

RECENT: Final = 10 * MINUTE
PITCHED: Final = ["pitch_open", "pitch_recent"]


@derived
def touches(t: Tables) -> Table:
    """Of each line of a paid order, when the buyer first clicked its product before the order, or the order itself."""
    acts, undone, shows = t["acts"], t["undone"], t["shows"]
    lines = (
        t["paid_lines"]
        .select("show_id", "order_id", "product_id", "variant_id", "buyer", "charged", "net")
        .inner_join(undone.select("show_id", "order_id", "placed_at"), ["show_id", "order_id"])
        .inner_join(shows, "show_id")
    )
    known = lines.select(
        "show_id",
        "order_id",
        "product_id",
        "variant_id",
        "buyer",
        "charged",
        "net",
        "placed_at",
        "started",
        "ended",
    )
    clicks = acts.filter(acts.type.isin(CLICKS), acts.viewer.notnull()).select(
        clicked_in="show_id", clicked="product_id", who="viewer", clicked_at="at"
    )
    joined = known.left_join(
        clicks,
        [
            known.show_id == clicks.clicked_in,
            known.product_id == clicks.clicked,
            known.buyer == clicks.who,
            clicks.clicked_at <= known.placed_at,
        ],
    )
    keys = [
        "show_id",
        "order_id",
        "product_id",
        "variant_id",
        "buyer",
        "charged",
        "net",
        "placed_at",
        "started",
        "ended",
    ]
    first = joined.group_by(keys).agg(clicked_at=joined.clicked_at.min())
    return first.mutate(touch=ibis.coalesce(first.clicked_at, first.placed_at)).drop(
        "clicked_at", "placed_at"
    )


@derived
def attributed(t: Tables) -> Table:
    """Each line of a paid order with the class it is booked in, and the second of the show at which its pitch began."""
    lines, shown, seen = t["touches"], t["features"], t["exposures"]
    pitches = shown.select(shown_in="show_id", shown="product_id", begin="begin", end="end")
    keys = ["show_id", "order_id", "product_id", "variant_id"]
    near = lines.inner_join(
        pitches,
        [
            lines.show_id == pitches.shown_in,
            lines.product_id == pitches.shown,
            pitches.begin <= lines.touch,
            lines.touch < pitches.end + RECENT,
        ],
    ).select(*keys, "buyer", "touch", "begin", "end")
    during = near.filter(near.touch < near.end)
    opened = during.group_by(keys).agg(opened=during.begin.max())
    before = near.filter(near.touch >= near.end)
    watched = seen.select(seen_in="show_id", seen="product_id", who="viewer", seen_from="begin")
    watching = before.inner_join(
        watched,
        [
            before.show_id == watched.seen_in,
            before.product_id == watched.seen,
            before.buyer == watched.who,
            before.begin <= watched.seen_from,
            watched.seen_from < before.end,
        ],
    )
    recent = watching.group_by(keys).agg(recent=watching.begin.max())
    joined = lines.left_join(opened, keys).left_join(recent, keys)
    rule = ibis.cases(
        (joined.opened.notnull(), "pitch_open"),
        (joined.recent.notnull(), "pitch_recent"),
        (joined.touch <= joined.ended, "show"),
        (joined.touch <= joined.ended + 7 * DAY, "post_7"),
        (joined.touch <= joined.ended + 30 * DAY, "post_30"),
        else_="outside",
    )
    pitch = ibis.coalesce(joined.opened, joined.recent)
    return joined.select(
        "show_id",
        "order_id",
        "product_id",
        "variant_id",
        "charged",
        "net",
        rule=rule,
        pitch=whole_steps(pitch - joined.started, SECOND),
    )


_RULE_EN: Final = (
    "booked by the accounting rule (tier 1): each line in one class, by the buyer's first click on the product. "
    "Says where money is booked, not what caused it."
)
_RULE_ZH: Final = "按记账规则（第一层归因）归属：每个订单行按买家首次点击该商品的时刻只归入一类；只说明记账口径，不说明因果。"


@metric(
    "attributed_paid",
    version=1,
    unit="minor",
    en=f"gmv_paid, {_RULE_EN}",
    zh=f"gmv_paid，{_RULE_ZH}",
    grains=("rule", "pitch"),
    settles_days=MONEY_DAYS,
    basis="browser",
)
def attributed_paid(t: Tables, by: Sequence[str]) -> Table:
    lines = _booked(t, by)
    return summed(lines, by, lines.charged)


@metric(
    "attributed_net",
    version=1,
    unit="minor",
    en=f"gmv_net, {_RULE_EN}",
    zh=f"gmv_net，{_RULE_ZH}",
    grains=("rule", "pitch"),
    settles_days=MONEY_DAYS,
    basis="browser",
)
def attributed_net(t: Tables, by: Sequence[str]) -> Table:
    lines = _booked(t, by)
    return summed(lines, by, lines.net)


def _booked(t: Tables, by: Sequence[str]) -> Table:
    lines = t["attributed"]
    return lines.filter(lines.rule.isin(PITCHED)) if "pitch" in by else lines
