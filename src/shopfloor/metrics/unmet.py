"""What could not be sold: refusals, the waitlist, and the time on show with and without stock."""

from collections.abc import Sequence

import ibis

from shopfloor.metrics.formulas import ALL, SERIES, constant, distinct, rows, summed
from shopfloor.metrics.registry import Table, Tables, metric
from shopfloor.metrics.tables import SECOND, total


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
    grains=SERIES,
)
def refusals(t: Tables, by: Sequence[str]) -> Table:
    return distinct(_refusals(t), by, "hold_id")


@metric(
    "refused_buyers",
    version=1,
    unit="buyers",
    en="Distinct buyers with such a refusal.",
    zh="遇到无货拒绝的去重买家数。",
    grains=ALL,
)
def refused_buyers(t: Tables, by: Sequence[str]) -> Table:
    return distinct(_refusals(t), by, "viewer")


def _waiting(t: Tables) -> Table:
    acts = t["acts"]
    return acts.filter(acts.type == "orders.waitlist_joined", acts.ours == 1)


@metric(
    "waitlist_joins",
    version=1,
    unit="joins",
    en="Times somebody joined the waitlist of a sold-out variant.",
    zh="加入售罄规格候补名单的次数。",
    grains=SERIES,
)
def waitlist_joins(t: Tables, by: Sequence[str]) -> Table:
    return rows(_waiting(t), by)


@metric(
    "waitlist_units",
    version=1,
    unit="units",
    en="Units asked for on the waitlist.",
    zh="候补名单登记的件数。",
    grains=ALL,
)
def waitlist_units(t: Tables, by: Sequence[str]) -> Table:
    waiting = _waiting(t)
    return summed(waiting, by, waiting.quantity)


@metric(
    "refused_units",
    version=1,
    unit="units",
    en="Units of refused purchases; a request that was repeated counts once.",
    zh="被拒绝购买请求的件数；重复请求只算一次。",
    grains=ALL,
)
def refused_units(t: Tables, by: Sequence[str]) -> Table:
    rows = _refusals(t)
    keys = [*by, *(key for key in ("hold_id", "variant_id") if key not in by)]
    once = rows.group_by(keys).agg(units=ibis.coalesce(rows.quantity.max(), 0))
    return summed(once, by, once.units)


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
    return joined.group_by(list(by)).agg(n=total(joined.end - joined.begin), d=constant(joined, SECOND))


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
    return both.group_by(list(by)).agg(n=total(both.end - both.begin), d=constant(both, SECOND))
