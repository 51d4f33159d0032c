"""Who is linked with whom: components, dense blocks, labels that spread.  Whole columns at once, nothing row by row."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from shopfloor.kernel.records import dataclass

# A rare column says more than a common one: 1 / log(degree + 5), as in Hooi et al., FRAUDAR (KDD 2016).
_SMOOTH: Final = 5.0
# Of each round of peeling goes who is at most so much above the average (Bahmani et al., VLDB 2012, epsilon).
_EPSILON: Final = 0.1


def codes(column: Any) -> tuple[Any, int]:
    """The same references as 0, 1, 2…, -1 staying -1; and how many there are."""
    found, places = np.unique(column, return_inverse=True)
    if len(found) and found[0] < 0:
        return places - 1, len(found) - 1
    return places, len(found)


def components(count: int, left: Any, right: Any) -> Any:
    """The smallest member of each node's connected component, by hooking and pointer jumping."""
    root = np.arange(count)
    while len(left):
        a, b = root[left], root[right]
        apart = a != b
        if not apart.any():
            break
        left, right, a, b = left[apart], right[apart], a[apart], b[apart]
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while True:
            above = root[root]
            if (above == root).all():
                break
            root = above
    return root


def linked(owner: Any, count: int, columns: Sequence[Any]) -> Any:
    """Components of `count` owners, of whom those are linked who share a value in any of `columns`."""
    edges: list[tuple[Any, Any]] = []
    base = count
    for column in columns:
        places, distinct = codes(column)
        known = (places >= 0) & (owner >= 0)
        edges.append((owner[known], base + places[known]))
        base += distinct
    left = np.concatenate([a for a, _ in edges]) if edges else np.zeros(0, int)
    right = np.concatenate([b for _, b in edges]) if edges else np.zeros(0, int)
    return components(base, left, right)[:count]


@dataclass(frozen=True, slots=True)
class Block:
    """A dense part of a bipartite graph; `score` is its weight per node."""

    rows: Any
    columns: Any
    score: float


def _pairs(row: Any, column: Any, columns: int) -> tuple[Any, Any]:
    pair = np.unique(row.astype(np.int64) * columns + column)
    return pair // columns, pair % columns


def densest(row: Any, column: Any, rows: int, columns: int) -> Block:
    """The densest block found by peeling in rounds; at most 2 (1 + epsilon) times thinner than the densest there is."""
    row, column = _pairs(row, column, columns)
    weight = 1.0 / np.log(np.bincount(column, minlength=columns)[column] + _SMOOTH)
    live_r, live_c = np.bincount(row, minlength=rows) > 0, np.bincount(column, minlength=columns) > 0
    gone_r, gone_c = np.full(rows, -1), np.full(columns, -1)
    best, best_round, turn = 0.0, 0, 0
    while len(row):
        size = int(live_r.sum() + live_c.sum())
        score = float(weight.sum()) / size
        if score > best:
            best, best_round = score, turn
        bar = 2 * (1 + _EPSILON) * score
        of_r = np.bincount(row, weight, rows)
        of_c = np.bincount(column, weight, columns)
        # Rows first: columns are few, and peeling both at once tears small blocks apart.
        out_r = live_r & (of_r <= bar / 2)
        out_c = live_c & (of_c <= bar / 2)
        if not out_r.any() and not out_c.any():
            least = of_r[live_r].min()
            out_r = live_r & (of_r <= least)
        live_r &= ~out_r
        live_c &= ~out_c
        gone_r[out_r], gone_c[out_c] = turn, turn
        kept = live_r[row] & live_c[column]
        row, column, weight = row[kept], column[kept], weight[kept]
        turn += 1
    inside_r = (gone_r >= best_round) | live_r
    inside_c = (gone_c >= best_round) | live_c
    return Block(np.flatnonzero(inside_r), np.flatnonzero(inside_c), best)


def null_scores(row: Any, column: Any, rows: int, columns: int, *, times: int, seed: int = 1) -> Any:
    """The scores of the densest blocks when who bought what is dealt anew, with as many for each as before."""
    rng = np.random.default_rng(seed)
    row, column = _pairs(row, column, columns)
    return np.array([densest(row, rng.permutation(column), rows, columns).score for _ in range(times)])


def spread(owner: Any, count: int, columns: Sequence[Any], seeds: Any, *, rounds: int = 10) -> Any:
    """Label propagation (Zhu and Ghahramani 2002, damped): how near each owner is to those whom `seeds` marks, 0 to 1."""
    score = seeds.astype(float)
    links = [
        (owner[known], places[known], distinct)
        for places, distinct in map(codes, columns)
        if (known := (places >= 0) & (owner >= 0)).any()
    ]
    for _ in range(rounds):
        reached = np.zeros(count)
        for who, place, distinct in links:
            held = np.bincount(place, minlength=distinct)
            mean = np.bincount(place, score[who], distinct) / np.maximum(held, 1)
            # A value that nobody else has says nothing.
            np.maximum.at(reached, who, np.where(held[place] > 1, mean[place], 0.0))
        score = np.maximum(seeds, 0.85 * reached)
    return score
