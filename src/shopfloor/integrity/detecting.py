"""Which orders of a show are not what they seem, and why.

People are put into groups by what they share (device, card, telephone, mail).  A group is looked at in several ways;
each way is evidence and none of them alone is proof: a group is raised, for a person to look at, by one, and tagged
by two that do not follow from each other.  What buyers keep lifts a suspicion again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Final

import numpy as np

from shopfloor.integrity import graph
from shopfloor.integrity import thresholds as t
from shopfloor.integrity.columns import Orders
from shopfloor.integrity.models import Reason
from shopfloor.kernel.records import dataclass

_STRONG: Final = ("device", "payer", "phone", "mail")
_HOUR: Final = 3600.0
# Seconds between two orders that cannot be the same person's hands at a checkout.
_MACHINE_GAP: Final = 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """Orders that belong together, why they were noticed, and the numbers that say so.  `orders` are row numbers."""

    reasons: tuple[Reason, ...]
    tagged: bool
    orders: Any
    facts: Mapping[str, float] = field(default_factory=dict[str, float])


def people_of(orders: Orders) -> tuple[Any, int]:
    """Who placed each order: the account, else the telephone, the mail, the browser.  -1 where nothing is known."""
    person = np.full(len(orders), -1, np.int64)
    base = 0
    for name in ("account", "phone", "mail", "device"):
        places, distinct = graph.codes(getattr(orders, name))
        usable = (person < 0) & (places >= 0)
        if name == "device":
            # A till is nobody: it rings up strangers.
            usable &= ~orders.staff
        person = np.where(usable, base + places, person)
        base += distinct
    return graph.codes(person)


def detect(orders: Orders, *, seeds: Any | None = None) -> list[Found]:
    """`seeds`: of each order, whether it shares a card, a device or a contact with orders ruled invalid before."""
    if len(orders) == 0:
        return []
    person, people = people_of(orders)
    if people == 0:
        return _host_linked(orders, person, people)
    found: list[Found] = []
    taken = np.zeros(len(orders), bool)
    columns = [
        np.where(orders.staff, -1, orders.device), orders.payer, orders.phone, orders.mail,
    ]  # fmt: skip
    for each in _of_groups(orders, person, people, columns):
        found.append(each)
        taken[each.orders] |= each.tagged
    for find in (_same_basket, _undone_together, _host_linked):
        found += [each for each in find(orders, person, people) if not taken[each.orders].all()]
    if seeds is not None:
        found += _known_before(orders, person, people, columns, seeds)
    found += _top_buyers(orders, person, people, found)
    return _merged(found, len(orders))


def _merged(found: list[Found], count: int) -> list[Found]:
    """An order belongs to one finding: to one that is tagged before one that is raised, to the larger before the smaller."""
    owner = np.zeros(count, bool)
    kept: list[Found] = []
    for each in sorted(found, key=lambda candidate: (not candidate.tagged, -len(candidate.orders))):
        rows = each.orders[~owner[each.orders]]
        if len(rows) == 0 or (len(rows) < t.LEAST_ORDERS and len(rows) < len(each.orders)):
            continue
        owner[rows] = True
        kept.append(Found(each.reasons, each.tagged, rows, each.facts))
    return kept


# Groups by what they share.


def _of_groups(orders: Orders, person: Any, people: int, columns: list[Any]) -> Iterator[Found]:
    known = person >= 0
    # Of people who order again and again a common place says as much as a common card; of others it says nothing.
    often = known & (_count(person, people)[np.maximum(person, 0)] >= t.HEAVY_ORDERS)
    weak = [np.where(often, getattr(orders, name), -1) for name in ("address", "network")]
    root = graph.linked(person, people, [*columns, *weak])
    group = np.full(len(orders), -1)
    group[known] = root[person[known]]
    group, groups = graph.codes(group)
    n = _count(group, groups)
    members = _distinct(group, groups, person)
    each = n / np.maximum(members, 1)
    # Groups that are only one household or one faithful customer are the rule: most of a million orders end here.
    heavy = (n >= t.HEAVY_ORDERS) & (each >= np.where(members == 1, t.HEAVY_ORDERS, t.HEAVY_EACH))
    crowd = members >= t.LEAST_ACCOUNTS
    looked = np.flatnonzero((n >= t.LEAST_ORDERS) & (heavy | crowd))
    if len(looked) == 0:
        return
    kinds = {
        name: members / np.maximum(1, _distinct(group, groups, getattr(orders, name)))
        for name in (*_STRONG, "address")
        if (getattr(orders, name) >= 0).any()
    }
    known_share = {name: _share(group, groups, getattr(orders, name) >= 0) for name in kinds}
    undone, kept = _outcomes(orders, group, groups)
    unlikely = _unlikely(orders, group, n, undone, looked)
    unwatched = _unwatched(orders, group, groups)
    beat = cadence(orders.placed, group, groups)
    own = _share(group, groups, orders.staff)
    counter = _share(group, groups, orders.staff & _is_sale(orders))
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(groups + 1))
    for at_group in looked:
        rows = np.sort(order[starts[at_group] : starts[at_group + 1]])
        shared = [
            name
            for name in kinds
            if kinds[name][at_group] >= min(t.PER_KEY, max(2.0, members[at_group] / 2))
            and known_share[name][at_group] > 0.5
        ]
        reasons: list[Reason] = []
        proof = 0.0
        if heavy[at_group]:
            reasons.append(Reason.CONCENTRATION)
        if shared and members[at_group] > 1:
            reasons.append(Reason.SHARED)
            # With many accounts on the same few things it is evidence twice over when two things say so.
            proof += 1.0 if len(shared) >= 2 else 0.5
        if undone[at_group] >= t.UNDONE_SHARE * n[at_group] and unlikely[at_group] >= t.UNDONE_SIGMAS:
            reasons.append(Reason.UNDONE)
            proof += 1.0
        if beat[at_group] < t.CADENCE and n[at_group] >= t.LEAST_ACTS:
            reasons.append(Reason.CADENCE)
            proof += 1.0
        # Somebody who comes for one thing has seen nothing: of one person it says nothing.
        # Nor of customers of a shop, who order at its tablet.
        if unwatched[at_group] >= t.UNWATCHED_SHARE and members[at_group] > 1 and shared != ["device"]:
            reasons.append(Reason.UNWATCHED)
            proof += 0.5
        if own[at_group] >= 0.3:
            if counter[at_group] > 0.5:
                # Rung up at the counter, paid and taken along: there is no buyer to be counted.
                continue
            reasons.append(Reason.HOST)
            proof += 0.5
        if not reasons or reasons == [Reason.UNDONE]:
            continue
        is_kept = kept[at_group] >= t.KEPT_SHARE * n[at_group]
        tagged = proof >= 1.0 and not is_kept
        if not heavy[at_group] and not (shared and len(shared) >= 2) and not tagged:
            # Many who share one thing and keep what they bought are neighbours, or colleagues.
            continue
        if is_kept:
            continue
        yield Found(
            tuple(reasons),
            tagged,
            rows,
            {
                "orders": int(n[at_group]),
                "accounts": int(members[at_group]),
                "share": float(n[at_group] / len(orders)),
                **{f"per_{name}": round(float(kinds[name][at_group]), 1) for name in shared},
                "undone": int(undone[at_group]),
                "kept": int(kept[at_group]),
                "unwatched": round(float(unwatched[at_group]), 3),
            },
        )


def _top_buyers(orders: Orders, person: Any, people: int, found: list[Found]) -> list[Found]:
    """A few buyers have much of the show, whether or not anything else is odd about them."""
    if len(orders) < t.TOP_LEAST or people == 0:
        return []
    n = _count(person, people)
    top = np.argsort(-n, kind="stable")[: t.TOP]
    top = top[n[top] >= t.HEAVY_ORDERS]
    share = float(n[top].sum()) / len(orders)
    if share < t.TOP_SHARE:
        return []
    rows = np.flatnonzero(np.isin(person, top))
    # What staff ring up at the counter, paid and taken along, has no buyer to be counted.
    counter = orders.staff & _is_sale(orders)
    if counter[rows].mean() > 0.5:
        return []
    _, kept = _outcomes(orders, np.zeros(len(orders), int), 1, rows)
    if kept[0] >= t.KEPT_SHARE * len(rows):
        return []
    covered = np.zeros(len(orders), bool)
    for each in found:
        covered[each.orders] = True
    if covered[rows].all():
        return []
    return [
        Found(
            (Reason.CONCENTRATION,),
            False,
            rows,
            {"orders": len(rows), "accounts": len(top), "share": round(share, 4)},
        )
    ]


# Blocks of people and products.


def _same_basket(orders: Orders, person: Any, people: int) -> list[Found]:
    row = person[orders.line_order]
    product, products = graph.codes(orders.line_product)
    usable = (row >= 0) & (product >= 0)
    row, product = row[usable], product[usable]
    # Who bought fewer different things than a block is wide cannot be in one.
    pairs = np.unique(row.astype(np.int64) * max(products, 1) + product)
    different = np.bincount(pairs // max(products, 1), minlength=people)
    if (different >= t.BLOCK_PRODUCTS).sum() < t.BLOCK_PEOPLE:
        return []
    block = graph.densest(row, product, people, products)
    null = graph.null_scores(row, product, people, products, times=5)
    ratio = block.score / max(float(null.max()), 1e-9)
    if ratio < t.BLOCK_RAISED:
        return []
    inside = np.zeros(products, bool)
    inside[block.columns] = True
    r, c = pairs // products, pairs % products
    filled = np.bincount(r[inside[c]], minlength=people)
    # The block's edge is ragged: whoever has as much of its columns as those inside belongs to it.
    members = (filled >= max(t.BLOCK_PRODUCTS, t.BLOCK_FILLED * len(block.columns))) & (
        filled >= t.BLOCK_OF_OWN * different
    )
    if members.sum() < t.BLOCK_PEOPLE or len(block.columns) < t.BLOCK_PRODUCTS:
        return []
    rows = np.flatnonzero((person >= 0) & members[np.maximum(person, 0)])
    _, kept = _outcomes(orders, np.zeros(len(orders), int), 1, rows)
    if kept[0] >= t.KEPT_SHARE * len(rows):
        return []
    return [
        Found(
            (Reason.BASKET,),
            ratio >= t.BLOCK_TAGGED,
            rows,
            {
                "orders": len(rows),
                "accounts": int(members.sum()),
                "products": len(block.columns),
                "denser": round(ratio, 2),
            },
        )
    ]


# What was undone together.


def _undone_together(orders: Orders, person: Any, people: int) -> list[Found]:
    """People all of whose orders were undone the same night, where that happens far oftener than to those with one order.

    What a person undoes, they may undo all of: so at most as many as of the people with one order do so honestly.
    """
    if orders.as_of < orders.ended:
        return []
    soon = orders.undone <= t.SAME_NIGHT_HOURS * _HOUR
    n = _count(person, people)
    gone = np.bincount(person[person >= 0], soon[person >= 0], people)
    single = n == 1
    several = n >= 2
    all_gone = several & (gone == n)
    if all_gone.sum() < t.LEAST_PEOPLE:
        return []
    # Add one: of nobody seen, something is still possible.
    rate = min(0.9, (gone[single].sum() + 1) / (single.sum() + 2))
    honest = float((several & ~all_gone).sum()) * rate / (1 - rate)
    if honest > t.FALSE_SHARE * float(all_gone.sum()):
        return []
    rows = np.flatnonzero((person >= 0) & all_gone[np.maximum(person, 0)])
    return [
        Found(
            (Reason.SAME_NIGHT,),
            True,
            rows,
            {
                "orders": len(rows),
                "accounts": int(all_gone.sum()),
                "usual": round(float(rate), 4),
                "hours": t.SAME_NIGHT_HOURS,
            },
        )
    ]


def _host_linked(orders: Orders, person: Any, people: int) -> list[Found]:
    """Orders in the hands of the shop's own people that were not sales at the counter."""
    by_staff = np.flatnonzero(orders.staff & ~_is_sale(orders))
    of_staff = max(1, int(orders.staff.sum()))
    if (
        len(by_staff) < t.STAFF_ORDERS
        or len(by_staff) < t.STAFF_SHARE * len(orders)
        or len(by_staff) < 0.5 * of_staff
    ):
        return []
    gone = int((~np.isnan(orders.undone[by_staff])).sum())
    return [
        Found(
            (Reason.HOST, Reason.UNDONE) if gone >= t.UNDONE_SHARE * len(by_staff) else (Reason.HOST,),
            gone >= t.UNDONE_SHARE * len(by_staff),
            by_staff,
            {"orders": len(by_staff), "share": round(len(by_staff) / len(orders), 4), "undone": gone},
        )
    ]


def _known_before(orders: Orders, person: Any, people: int, columns: list[Any], seeds: Any) -> list[Found]:
    marked = np.bincount(person[person >= 0], seeds[person >= 0], people) > 0
    score = graph.spread(person, people, columns, marked)
    bad = np.flatnonzero((person >= 0) & (score[np.maximum(person, 0)] >= 0.5))
    if len(bad) == 0:
        return []
    return [
        Found(
            (Reason.KNOWN,),
            False,
            bad,
            {"orders": len(bad), "accounts": int((score >= 0.5).sum())},
        )
    ]


# Sums by group.


def _is_sale(orders: Orders) -> Any:
    """Paid, handed over and kept: whoever rang it up, it was sold."""
    return ~np.isnan(orders.paid) & ~np.isnan(orders.handed) & np.isnan(orders.undone)


def _count(group: Any, groups: int) -> Any:
    return np.bincount(group[group >= 0], minlength=groups)


def _share(group: Any, groups: int, mask: Any) -> Any:
    inside = group >= 0
    return np.bincount(group[inside], mask[inside], groups) / np.maximum(1, _count(group, groups))


def _distinct(group: Any, groups: int, column: Any) -> Any:
    """How many different values each group has."""
    places, count = graph.codes(column)
    known = (places >= 0) & (group >= 0)
    pairs = np.unique(group[known].astype(np.int64) * max(count, 1) + places[known])
    return np.bincount(pairs // max(count, 1), minlength=groups)


def _outcomes(orders: Orders, group: Any, groups: int, rows: Any | None = None) -> tuple[Any, Any]:
    """Of each group: orders undone, and orders kept (handed over and not undone)."""
    picked = np.flatnonzero(group >= 0) if rows is None else rows
    gone = ~np.isnan(orders.undone[picked])
    kept = ~np.isnan(orders.handed[picked]) & ~gone
    return np.bincount(group[picked], gone, groups), np.bincount(group[picked], kept, groups)


def _unlikely(orders: Orders, group: Any, n: Any, undone: Any, looked: Any) -> Any:
    """How many standard deviations more of each group is undone than of the rest of the show: where clothes are sold,
    two orders in three come back of everybody.
    """
    rest = ~np.isin(group, looked)
    gone = ~np.isnan(orders.undone)
    # Add one of each: of few people, much is possible.
    rate = (float((gone & rest).sum()) + 1) / (float(rest.sum()) + 2)
    return (undone - n * rate) / np.sqrt(np.maximum(n, 1) * rate * (1 - rate))


def _unwatched(orders: Orders, group: Any, groups: int) -> Any:
    """The share of each group's orders by somebody who had not watched; 0 where that is not known, or nobody watches."""
    known = ~np.isnan(orders.watched)
    if not known.any():
        return np.zeros(groups)
    blind = known & (orders.watched < t.UNWATCHED)
    whole = float(blind.sum()) / float(known.sum())
    if whole > 0.5:
        # In this show most buy at first sight (a clip, a raid).
        return np.zeros(groups)
    return _share(group, groups, blind)


def cadence(at: Any, group: Any, groups: int) -> Any:
    """The coefficient of variation of the time between the acts of each group; infinite where there are too few."""
    turn = np.lexsort((at, group))
    g, when = group[turn], at[turn]
    same = (g[1:] == g[:-1]) & (g[1:] >= 0)
    gap, of = (when[1:] - when[:-1])[same], g[1:][same]
    n = np.bincount(of, minlength=groups)
    mean = np.bincount(of, gap, groups) / np.maximum(n, 1)
    square = np.bincount(of, gap * gap, groups) / np.maximum(n, 1)
    spread = np.sqrt(np.maximum(0.0, square - mean * mean))
    return np.where((n >= t.LEAST_ACTS - 1) & (mean > 0), spread / np.maximum(mean, 1e-9), np.inf)
