"""What came back of what was sold, and why."""

from collections.abc import Sequence

from shopfloor.metrics.formulas import ALL, MONEY_DAYS, summed
from shopfloor.metrics.registry import Table, Tables, metric

_SIZES = ["too_small", "too_large"]
_FAULTS = ["defective", "damaged_in_transit", "wrong_item", "parts_missing", "not_as_described"]


def _came_back(t: Tables) -> Table:
    acts = t["acts"]
    return acts.filter(acts.type == "returns.return_received", acts.ours == 1)


@metric(
    "units_returned",
    version=1,
    unit="units",
    en="Units that came back to the shop so far.",
    zh="目前已退回店铺的件数。",
    grains=ALL,
    settles_days=MONEY_DAYS,
    basis="orders",
)
def units_returned(t: Tables, by: Sequence[str]) -> Table:
    back = _came_back(t)
    return summed(back, by, back.quantity)


@metric(
    "units_returned_size",
    version=1,
    unit="units",
    en="Units that came back because they were too small or too large.",
    zh="因尺码偏小或偏大而退回的件数。",
    grains=ALL,
    settles_days=MONEY_DAYS,
    basis="orders",
)
def units_returned_size(t: Tables, by: Sequence[str]) -> Table:
    back = _came_back(t)
    wrong = back.filter(back.code.isin(_SIZES))
    return summed(wrong, by, wrong.quantity)


@metric(
    "units_returned_fault",
    version=1,
    unit="units",
    en="Units that came back for a fault: defective, damaged, wrong, incomplete or not as described.",
    zh="因质量问题、损坏、发错、缺件或与描述不符而退回的件数。",
    grains=ALL,
    settles_days=MONEY_DAYS,
    basis="orders",
)
def units_returned_fault(t: Tables, by: Sequence[str]) -> Table:
    back = _came_back(t)
    wrong = back.filter(back.code.isin(_FAULTS))
    return summed(wrong, by, wrong.quantity)
