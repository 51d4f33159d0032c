"""What honest shows look like to the detectors: the numbers that `integrity/thresholds.py` stands on.

    python tools/integrity_thresholds.py [--times 60] [--invoices FILE.parquet]

For each quantity a detector draws a line through, the largest values seen in shows in which everybody is real: clean
ones, flash sales, raids, campuses, clips, families, organisers, and shows whose buyers have tastes.  `--invoices`: also
in real baskets (a table with an invoice, a customer, a stock code and a date), week by week.
"""

import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.integrity import crowds
from tests.integrity.crowds import DAY, Show

from shopfloor.integrity import graph
from shopfloor.integrity.columns import Orders
from shopfloor.integrity.detecting import cadence, people_of

SEED = 100_000


def tastes(seed: int, *, people: int = 1_500, kinds: int = 8) -> tuple[Any, Any, int, int]:
    """Buyers who come for one kind of thing and, some of them, for much of it."""
    rng = np.random.default_rng(seed)
    baskets = 1 + rng.poisson(rng.gamma(0.8, 1.2, people))
    row = np.repeat(np.arange(people), baskets)
    mine = rng.integers(0, kinds, people)[row]
    inside = rng.random(len(row)) < 0.7
    product = np.where(
        inside, mine * 5 + np.minimum(rng.geometric(0.35, len(row)), 5) - 1, rng.integers(0, 40, len(row))
    )
    return row, product, people, kinds * 5


def ratio(row: Any, product: Any, people: int, products: int) -> float:
    block = graph.densest(row, product, people, products)
    null = graph.null_scores(row, product, people, products, times=5)
    return block.score / float(null.max())


def of_show(orders: Orders, told: defaultdict[str, list[float]]) -> None:
    person, people = people_of(orders)
    n = np.bincount(person[person >= 0], minlength=people)
    told["orders of one person, the most"].append(float(n.max()))
    top = float(np.sort(n)[-4:].sum()) / len(orders)
    told[f"share of four buyers, of {'under 100' if len(orders) < 100 else 'more'} orders"].append(top)
    gone = np.bincount(person[person >= 0], ~np.isnan(orders.undone[person >= 0]), people)
    many = n >= 8
    told["share undone of people with 8 orders and more"] += [
        float(each) for each in (gone / np.maximum(n, 1))[many]
    ]
    beat = cadence(orders.placed, person, people)
    told["least variation between a person's orders (12 and more)"] += [
        -float(each) for each in beat[np.isfinite(beat)]
    ]
    row = person[orders.line_order]
    product, products = graph.codes(orders.line_product)
    told["density against shuffled baskets"].append(ratio(row[row >= 0], product[row >= 0], people, products))


def of_invoices(path: Path, told: defaultdict[str, list[float]]) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    names = {name.lower().replace(" ", "").replace("_", ""): name for name in table.schema.names}
    customer = np.asarray(
        table[next(names[n] for n in ("customerid", "customer") if n in names)].to_pylist(), dtype=object
    )
    code = np.asarray(
        table[next(names[n] for n in ("stockcode", "code") if n in names)].to_pylist(), dtype=object
    )
    day = np.asarray(
        table[next(names[n] for n in ("invoicedate", "invoicedat", "date") if n in names)].to_pylist(),
        dtype="datetime64[D]",
    )
    known = np.array([each is not None and each == each for each in customer])  # noqa: PLR0124 (not a number)
    week = (day - day.min()).astype(int) // 7
    for each in np.unique(week):
        mine = known & (week == each)
        if mine.sum() < 200:
            continue
        row, people = graph.codes(np.unique(customer[mine].astype(str), return_inverse=True)[1])
        product, products = graph.codes(np.unique(code[mine].astype(str), return_inverse=True)[1])
        told["density against shuffled baskets, real invoices by week"].append(
            ratio(row, product, people, products)
        )


@click.command()
@click.option("--times", default=60, show_default=True)
@click.option("--invoices", type=click.Path(exists=True, path_type=Path))
def main(times: int, invoices: Path | None) -> None:
    told: defaultdict[str, list[float]] = defaultdict(list)
    for turn in range(times):
        for make in (
            crowds.clean,
            crowds.flash_sale,
            crowds.raid,
            crowds.campus,
            crowds.viral_clip,
            crowds.families,
        ):
            made: Any = make(SEED + turn)
            show: Show = made[0] if isinstance(made, tuple) else made
            of_show(show.orders.known_at(show.orders.ended + 20 * DAY), told)
        small = crowds.clean(SEED + turn, orders=60)
        of_show(small.orders.known_at(small.orders.ended + 20 * DAY), told)
        told["density against shuffled baskets, buyers with tastes"].append(ratio(*tastes(SEED + turn)))
    if invoices is not None:
        of_invoices(invoices, told)
    for name, values in told.items():
        if not values:
            click.echo(f"{name:60} none")
            continue
        sign = -1 if values[0] < 0 else 1
        middle, high, most = np.quantile(values, [0.5, 0.99, 1.0]) * sign
        click.echo(f"{name:60} n {len(values):6}  median {middle:.3f}  99 % {high:.3f}  last {most:.3f}")


if __name__ == "__main__":
    main()
