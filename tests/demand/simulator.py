"""A show from another family than the learner's: choice with substitution, bursts, heavy tails.

Buyers come in bursts (the host shouts), decide among the variants of a product by utility, and one who finds
the favourite gone takes another with some probability or is refused.  Rates vary from show to show by a
lognormal factor that all variants of a product share.
"""

import math
from dataclasses import dataclass

import numpy as np

from shopfloor.demand import Signal


@dataclass(frozen=True, slots=True)
class Style:
    product_id: int
    rate: float  # buyers per viewer-second
    tastes: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    signals: list[Signal]
    wanted: dict[int, int]  # what people came for, sold or not


def styles(rng: np.random.Generator, count: int, variants: int) -> list[Style]:
    return [
        Style(
            product_id=p + 1,
            rate=float(math.exp(rng.normal(math.log(0.004), 0.8))),
            tastes=tuple(rng.dirichlet(np.full(variants, 6.0)).tolist()),
        )
        for p in range(count)
    ]


def show(
    rng: np.random.Generator,
    goods: list[Style],
    *,
    stock: int | None,
    substitution: float = 0.3,
    variation: float = 0.22,
    viewers: int = 120,
    seconds: int = 300,
) -> Seen:
    """One show; `stock` per variant, None for plenty.  Time runs second by second."""
    signals: list[Signal] = []
    wanted: dict[int, int] = {}
    for style in goods:
        size = len(style.tastes)
        left = [stock if stock is not None else 1_000_000] * size
        taken, refused, came = [0] * size, [0] * size, [0] * size
        exposure = [0.0] * size
        factor = math.exp(rng.normal(-(variation**2) / 2, variation))
        burst = 1.0
        for _ in range(seconds):
            if rng.random() < 0.03:
                burst = 3.0
            elif rng.random() < 0.12:
                burst = 1.0
            exposure = [e + viewers * (n > 0) for e, n in zip(exposure, left, strict=True)]
            # 3 / 0.03 against 1 / 0.12 in the long run: the mean of `burst` is 1.4.
            for _ in range(rng.poisson(style.rate * viewers * factor * burst / 1.4)):
                favourite = int(rng.choice(size, p=style.tastes))
                came[favourite] += 1
                if left[favourite] > 0:
                    left[favourite] -= 1
                    taken[favourite] += 1
                    continue
                others = [v for v in range(size) if left[v] > 0]
                if others and rng.random() < substitution:
                    other = int(rng.choice(others))
                    left[other] -= 1
                    taken[other] += 1
                elif rng.random() < 0.6:
                    refused[favourite] += 1
        for v in range(size):
            variant_id = style.product_id * 100 + v
            wanted[variant_id] = came[v]
            signals.append(
                Signal(
                    variant_id=variant_id,
                    product_id=style.product_id,
                    options={"Size": "SMLX"[v % 4]},
                    exposure_in_stock=exposure[v],
                    exposure_total=float(viewers * seconds),
                    units_held=taken[v],
                    units_paid=taken[v],
                    refused_buyers=refused[v],
                    waitlist_units=0,
                )
            )
    return Seen(signals, wanted)
