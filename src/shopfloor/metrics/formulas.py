"""What the definitions of metrics are made of."""

from collections.abc import Sequence
from typing import Any

from shopfloor.metrics.registry import Table
from shopfloor.metrics.tables import or_zero, total

ALL = ("show", "product", "variant")
SERIES = (*ALL, "minute")
SOURCED = (*SERIES, "source")
# Refunds and cancellations change money for a month after a show.
MONEY_DAYS = 30


def rows(table: Table, by: Sequence[str]) -> Table:
    return table.group_by(list(by)).agg(n=table.count())


def distinct(table: Table, by: Sequence[str], what: str) -> Table:
    """How many different `what` there are, by counting rows of distinct keys: exact on every engine."""
    known = table.filter(table[what].notnull())
    keys = known.select(*by, what).distinct()
    return keys.group_by(list(by)).agg(n=keys.count())


def summed(table: Table, by: Sequence[str], column: Any) -> Table:
    return table.group_by(list(by)).agg(n=total(column))


def quotient(
    over: Table, under: Table, *, times: int = 1, per: int = 1, by: Sequence[str] = ("show_id",)
) -> Table:
    """`n` of one over `n` of the other, for each key of `by`; both stay whole numbers."""
    below = under.select(**{f"below_{key}": under[key] for key in by}, below=under.n)
    return below.left_join(over, [below[f"below_{key}"] == over[key] for key in by]).select(
        **{key: below[f"below_{key}"] for key in by}, n=or_zero(over.n) * times, d=below.below * per
    )


def constant(table: Table, value: int) -> Any:
    """`value` as an aggregate, so that it can stand beside a sum."""
    return or_zero(table.count()) * 0 + value
