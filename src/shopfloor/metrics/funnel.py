"""From seeing to holding to paying: how many came how far."""

from collections.abc import Sequence

import ibis

from shopfloor.metrics.formulas import ALL, MONEY_DAYS, SERIES, distinct, quotient, rows, summed
from shopfloor.metrics.registry import Table, Tables, metric
from shopfloor.metrics.tables import SHORTEST_VIEW


@metric(
    "exposed",
    version=1,
    unit="viewers",
    en="Distinct viewers who were watching while the product was on screen.",
    zh="商品讲解期间在看的去重观众数。",
    grains=("product",),
)
def exposed(t: Tables, by: Sequence[str]) -> Table:
    return distinct(t["exposures"], by, "viewer")


@metric(
    "exposed_variant",
    version=1,
    unit="viewers",
    en="Distinct viewers who were watching while the offer of the variant was on screen.",
    zh="该规格所在商品讲解期间在看的去重观众数。",
    grains=("variant",),
)
def exposed_variant(t: Tables, by: Sequence[str]) -> Table:
    return distinct(_seen_variants(t), by, "viewer")


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
    grains=SERIES,
    basis="browser",
)
def clicks(t: Tables, by: Sequence[str]) -> Table:
    return rows(_clicks(t), by)


@metric(
    "clickers",
    version=1,
    unit="viewers",
    en="Distinct viewers who opened or chose a product.",
    zh="有商品点击的去重观众数。",
    grains=ALL,
    basis="browser",
)
def clickers(t: Tables, by: Sequence[str]) -> Table:
    return distinct(_clicks(t), by, "viewer")


def _holds(t: Tables) -> Table:
    acts = t["acts"]
    return acts.filter(acts.type == "stock.holds_granted", acts.ours == 1)


@metric(
    "holders",
    version=1,
    unit="buyers",
    en="Distinct buyers for whom units were held.",
    zh="成功锁定库存的去重买家数。",
    grains=ALL,
)
def holders(t: Tables, by: Sequence[str]) -> Table:
    return distinct(_holds(t), by, "viewer")


@metric(
    "units_held",
    version=1,
    unit="units",
    en="Units held for buyers, whether or not they were paid later.",
    zh="为买家锁定的件数，无论之后是否付款。",
    grains=ALL,
)
def units_held(t: Tables, by: Sequence[str]) -> Table:
    holds = _holds(t)
    return summed(holds, by, holds.quantity)


@metric(
    "buyers",
    version=1,
    unit="buyers",
    en="Distinct buyers with an order paid in full.",
    zh="有全额支付订单的去重买家数。",
    grains=(*ALL, "source"),
    settles_days=MONEY_DAYS,
    basis="orders",
)
def buyers(t: Tables, by: Sequence[str]) -> Table:
    return distinct(t["paid_lines"], by, "buyer")


def _people(by: Sequence[str], *found: Table) -> Table:
    """How many different people are in one of the tables, each with its column `person`."""
    return distinct(ibis.union(*(table.select(*by, "person") for table in found)), by, "person")


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
    settles_days=MONEY_DAYS,
    basis="browser",
)
def reached_show(t: Tables, by: Sequence[str]) -> Table:
    return _people(by, _watched(t), _opened(t), _held(t), _paid(t))


@metric(
    "reached_product",
    version=1,
    unit="people",
    en="Distinct people who opened a product or went further: had units held or paid. Second step of the funnel.",
    zh="漏斗第二步：点开商品，或更进一步（锁定库存、付款）的去重人数。",
    settles_days=MONEY_DAYS,
    basis="browser",
)
def reached_product(t: Tables, by: Sequence[str]) -> Table:
    return _people(by, _opened(t), _held(t), _paid(t))


@metric(
    "reached_hold",
    version=1,
    unit="people",
    en="Distinct people for whom units were held, or who paid without. Third step of the funnel; the last is buyers.",
    zh="漏斗第三步：锁定库存，或未锁定即付款的去重人数；最后一步为支付买家数。",
    settles_days=MONEY_DAYS,
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
    settles_days=MONEY_DAYS,
    basis="browser",
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
    settles_days=MONEY_DAYS,
    basis="browser",
)
def reached_variant(t: Tables, by: Sequence[str]) -> Table:
    return _people(by, _seen_variants(t).rename(person="viewer"), _opened(t), _held(t), _paid(t))


@metric(
    "conversion",
    version=2,
    unit="ratio",
    en="Buyers with a paid order, of everybody who reached the show (buyers / reached_show).",
    zh="看播成交率：支付买家数 / reached_show。",
    settles_days=MONEY_DAYS,
    basis="browser",
)
def conversion(t: Tables, by: Sequence[str]) -> Table:
    return quotient(buyers(t, by), reached_show(t, by))
