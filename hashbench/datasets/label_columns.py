"""Which class a label column is, inferred from its frequency and from superset relations."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from hashbench.datasets.base import BoolArray, IntArray
from hashbench.plan import catalog
from hashbench.plan.card import ReferenceLabels

FloatMatrix = npt.NDArray[np.float64]

FEWEST = 500
"""With fewer items the counts of classes are too uncertain."""

_CLEAR = 20.0
"""Cost by which one reading must beat another; a column's cost is its squared z-score. The right
reading of a random part costs up to 7 more than the best one (600 parts of MIRFlickr-25K)."""

_KICKS = 20

_NEVER = 1e9
"""A cost that no reading reaches."""

_OUTSIDE = 25.0
"""Cost of a column whose items all lie outside of the class that should hold them."""


@dataclass(frozen=True)
class Named:
    """Names of label columns, in their order, and the set that they are from."""

    names: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Reading:
    """The best reading of label columns as the classes of a known set.

    `cost` is that of the reading per column, about 1 for a random part of the set. `unsure` are
    names that could be exchanged with another one at little cost.
    """

    known: ReferenceLabels
    names: tuple[str, ...]
    cost: float
    unsure: frozenset[str]


def known_sets() -> list[ReferenceLabels]:
    """The label matrices that the datasets' cards publish."""
    cards = dict.fromkeys(card.name for card in catalog.datasets().values())
    return [known for name in cards for known in catalog.datasets()[name].reference_labels]


def names_by_counts(labels: BoolArray) -> Named | None:
    """The names of the columns of (N, C) `labels` where a known set has exactly these counts.

    Needs N items, C classes and C different counts to agree, so that no column is guessed.
    """
    counts = labels.sum(axis=0).tolist()
    for known in known_sets():
        by_count = {count: name for name, count in known.counts.items()}
        same = len(labels) == known.items and sorted(counts) == sorted(known.counts.values())
        if same and len(by_count) == len(counts):
            return Named(tuple(by_count[count] for count in counts), known.source)
    return None


def same_name(name: str) -> str:
    """A class name without regard to case, underscores and hyphens."""
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


def known_for(names: Sequence[str], labels: BoolArray) -> ReferenceLabels | None:
    """The known set with these class names, in any order, and these items or the nearest counts."""
    wanted = sorted(map(same_name, names))
    sets = [known for known in known_sets() if sorted(map(same_name, known.names)) == wanted]
    whole = [known for known in sets if known.items == len(labels)]
    return (
        whole[0]
        if whole
        else min(sets, key=lambda known: read_columns(labels, known).cost, default=None)
    )


def read_columns(labels: BoolArray, known: ReferenceLabels) -> Reading:
    """The reading of the columns of (N, C) `labels` that fits counts and superset relations best.

    A name is unsure where a reading that gives its column another one costs hardly more.
    """
    costs = _Costs(labels, known)
    best, order = costs.search()
    unsure = set()
    for column, name in enumerate(order):
        other, _ = costs.without(column, name).search(order)
        if other < best + _CLEAR:
            unsure.add(known.names[name])
    names = tuple(known.names[column] for column in order)
    return Reading(known, names, best / len(order), frozenset(unsure))


def cost_of(labels: BoolArray, known: ReferenceLabels, names: Sequence[str]) -> float:
    """The cost per column of reading the columns as `names`, which are those of `known`."""
    position = {same_name(name): column for column, name in enumerate(known.names)}
    return _Costs(labels, known).of([position[same_name(name)] for name in names]) / len(names)


class _Costs:
    """What it costs to read column i of the labels as class order[i] of a known set.

    A reading costs what its counts cost, and what its classes have outside of those that should
    hold them. Once the columns of the holding classes are fixed, the second part, too, is a sum
    over columns, and the best reading of the others is an assignment.
    """

    def __init__(self, labels: BoolArray, known: ReferenceLabels) -> None:
        n = len(labels)
        matrix = labels.astype(np.float32)
        together = (matrix.T @ matrix).astype(np.float64)
        counts = np.diag(together)
        share = np.array(list(known.counts.values())) / known.items
        spread = np.maximum(n * share * (1 - share), 1.0)
        if n == known.items:
            spread = np.ones_like(spread)  # not a part of the set but all of it
        # a column with hardly any positives, or a skewed part of the set, must not decide alone
        self._counts: FloatMatrix = np.minimum((counts[:, None] - n * share) ** 2 / spread, 1e4)
        # (C, C): what it costs that items of column i are outside of column j
        outside = 1 - together / np.maximum(counts[:, None], 1)
        outside[counts == 0] = 0
        self._outside: FloatMatrix = _OUTSIDE * len(share) * outside
        position = {name: column for column, name in enumerate(known.names)}
        # (C, C): 1 where class j is within class i
        self._within: FloatMatrix = np.zeros_like(outside)
        for inner, outer in known.within:
            self._within[position[outer], position[inner]] = 1
        self._holding = np.flatnonzero(self._within.any(axis=1))

    def without(self, column: int, name: int) -> _Costs:
        """The same, but for a price on that name of that column that no reading pays."""
        other = copy.copy(self)
        other._counts = self._counts.copy()
        other._counts[column, name] = _NEVER
        return other

    def of(self, order: Sequence[int]) -> float:
        """The cost of a reading."""
        column = np.argsort(order)
        outside = (self._outside[np.ix_(column, column)].T * self._within).sum()
        return float(self._counts[column, np.arange(len(column))].sum() + outside)

    def search(self, start: Sequence[int] | None = None) -> tuple[float, list[int]]:
        """(cost, order) of the best reading reached from `start`, else from the counts alone.

        Moves the holding classes, one or two exchanged at a time, while that helps; without a
        start also from disturbed ones.
        """
        by_counts = self._assign(None)[1]
        first = np.argsort(by_counts if start is None else start)[self._holding]
        best, holding = self._descend(first)
        if start is None:
            rng = np.random.default_rng(0)
            for _ in range(_KICKS):
                kicked = holding.copy()
                for which, column in zip(
                    rng.integers(0, len(kicked), 3), rng.integers(0, len(by_counts), 3), strict=True
                ):
                    kicked = _moved(kicked, which, column)
                cost, moved = self._descend(kicked)
                if cost < best - 1e-9:
                    best, holding = cost, moved
        return self._assign(holding)

    def _descend(self, holding: IntArray) -> tuple[float, IntArray]:
        """Moves the columns of the holding classes while that lowers the cost, which it returns."""
        best = self._assign(holding)[0]
        improved = True
        while improved:
            improved = False
            for which, column in itertools.product(range(len(holding)), range(len(self._counts))):
                # cheap bound: what this one column costs alone
                if self._counts[column, self._holding[which]] >= best:
                    continue
                moved = _moved(holding, which, column)
                cost = self._assign(moved)[0]
                if cost < best - 1e-9:
                    best, holding, improved = cost, moved, True
        return best, holding

    def _assign(self, holding: IntArray | None) -> tuple[float, list[int]]:
        """(cost, order) of the best reading with these columns (H) for the holding classes.

        Without them: the best by counts alone.
        """
        costs = self._counts
        if holding is not None:
            costs = costs + self._outside[:, holding] @ self._within[self._holding]
            fixed = costs[holding, self._holding]
            costs[holding] = _NEVER
            costs[holding, self._holding] = fixed
        rows, order = linear_sum_assignment(costs)
        return float(costs[rows, order].sum()), order.tolist()


def _moved(columns: IntArray, which: int, to: int) -> IntArray:
    """`columns` with entry `which` at `to`, exchanged where that is another entry's."""
    moved = columns.copy()
    moved[columns == to] = columns[which]
    moved[which] = to
    return moved
