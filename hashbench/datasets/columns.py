"""Which class a label column is, told from how often it is positive and what it lies within."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from hashbench.datasets.base import BoolArray
from hashbench.datasets.mirflickr25k.figures import COUNTS, FREQUENT_ITEMS, ITEMS, WITHIN

FloatMatrix = npt.NDArray[np.float64]

FEWEST = 500
"""With fewer items the counts of classes say too little."""

_CLEAR = 12.0
"""Cost by which one reading must beat another; a column's cost is its squared z-score."""

_KICKS = 40

_OUTSIDE = 25.0
"""Cost of a column whose items all lie outside of the class that should hold them."""


@dataclass(frozen=True)
class KnownSet:
    """A published set: its items, the positives of each class, and which classes lie in others."""

    source: str
    items: int
    counts: Mapping[str, int]
    within: tuple[tuple[str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.counts)


@dataclass(frozen=True)
class Named:
    """Names of label columns, in their order, and the set that says so."""

    names: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Reading:
    """The best reading of label columns as the classes of a known set.

    `cost` is that of the reading per column, about 1 for a random part of the set. `unsure` are
    names that could be exchanged with another one at little cost.
    """

    known: KnownSet
    names: tuple[str, ...]
    cost: float
    unsure: frozenset[str]


KNOWN = tuple(
    KnownSet(
        f"MIRFlickr-25K, {items:,} items",
        items,
        {name: counts[which] for name, counts in COUNTS.items()},
        WITHIN,
    )
    for which, items in enumerate((ITEMS, FREQUENT_ITEMS))
)


def names_by_counts(labels: BoolArray) -> Named | None:
    """The names of the columns of (N, C) `labels` where a known set has exactly these counts.

    Needs N items, C classes and C different counts to agree, so that no column is guessed.
    """
    counts = labels.sum(axis=0).tolist()
    for known in KNOWN:
        by_count = {count: name for name, count in known.counts.items()}
        same = len(labels) == known.items and sorted(counts) == sorted(known.counts.values())
        if same and len(by_count) == len(counts):
            return Named(tuple(by_count[count] for count in counts), known.source)
    return None


def same_name(name: str) -> str:
    """A class name without regard to case, underscores and hyphens."""
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


def known_for(names: Sequence[str], labels: BoolArray) -> KnownSet | None:
    """The known set with these class names, in any order, and these items or the nearest counts."""
    wanted = sorted(map(same_name, names))
    sets = [known for known in KNOWN if sorted(map(same_name, known.names)) == wanted]
    whole = [known for known in sets if known.items == len(labels)]
    return (
        whole[0]
        if whole
        else min(sets, key=lambda known: read_columns(labels, known).cost, default=None)
    )


def read_columns(labels: BoolArray, known: KnownSet) -> Reading:
    """The reading of the columns of (N, C) `labels` that fits counts and superset relations best.

    Starts from the counts (an optimal assignment), exchanges two columns while that helps, and
    tries again from disturbed orders, since a class and those within it must move together.
    """
    costs = _Costs(labels, known)
    order = linear_sum_assignment(costs.counts)[1].tolist()
    best = _improve(costs, order)
    rng = np.random.default_rng(0)
    for _ in range(_KICKS):
        other = list(order)
        for i, j in rng.integers(0, len(order), (3, 2)).tolist():
            other[i], other[j] = other[j], other[i]
        cost = _improve(costs, other)
        if cost < best - 1e-9:
            order, best = other, cost
    unsure = set()
    for i, j in itertools.combinations(range(len(order)), 2):
        order[i], order[j] = order[j], order[i]
        if costs.of(order) < best + _CLEAR:
            unsure |= {known.names[order[i]], known.names[order[j]]}
        order[i], order[j] = order[j], order[i]
    names = tuple(known.names[column] for column in order)
    return Reading(known, names, best / len(order), frozenset(unsure))


def _improve(costs: _Costs, order: list[int]) -> float:
    """Exchanges two columns of `order` while that lowers the cost, which it returns."""
    best = costs.of(order)
    improved = True
    while improved:
        improved = False
        for i, j in itertools.combinations(range(len(order)), 2):
            order[i], order[j] = order[j], order[i]
            cost = costs.of(order)
            if cost < best - 1e-9:
                best, improved = cost, True
            else:
                order[i], order[j] = order[j], order[i]
    return best


def cost_of(labels: BoolArray, known: KnownSet, names: Sequence[str]) -> float:
    """The cost per column of reading the columns as `names`, which are those of `known`."""
    position = {same_name(name): column for column, name in enumerate(known.names)}
    return _Costs(labels, known).of([position[same_name(name)] for name in names]) / len(names)


class _Costs:
    """What it costs to read column i of the labels as class order[i] of a known set."""

    def __init__(self, labels: BoolArray, known: KnownSet) -> None:
        n = len(labels)
        matrix = labels.astype(np.float32)
        together = (matrix.T @ matrix).astype(np.float64)
        counts = np.diag(together)
        share = np.array(list(known.counts.values())) / known.items
        spread = np.maximum(n * share * (1 - share), 1.0)
        if n == known.items:
            spread = np.ones_like(spread)  # not a part of the set but all of it
        self.counts: FloatMatrix = (counts[:, None] - n * share) ** 2 / spread
        # (C, C): share of the items of column i that are outside of column j
        outside = 1 - together / np.maximum(counts[:, None], 1)
        outside[counts == 0] = 0
        # a column with hardly any positives, or a skewed part of the set, must not decide alone
        np.minimum(self.counts, 1e4, out=self.counts)
        self._counts: list[list[float]] = self.counts.tolist()
        self._outside: list[list[float]] = outside.tolist()
        position = {name: column for column, name in enumerate(known.names)}
        self._within = [(position[inner], position[outer]) for inner, outer in known.within]

    def of(self, order: Sequence[int]) -> float:
        column = [0] * len(order)
        cost = 0.0
        for position, name in enumerate(order):
            column[name] = position
            cost += self._counts[position][name]
        outside = sum(self._outside[column[a]][column[b]] for a, b in self._within)
        return cost + _OUTSIDE * outside * len(order)
