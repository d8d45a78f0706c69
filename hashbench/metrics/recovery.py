"""How good recovered labels are: precision, recall and counts, over all entries and by class.

Only entries count that were unknown and were added; what was known before is no achievement. A
ratio whose denominator is 0 does not exist and is left out, neither 0 nor 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]

_BLOCK_PAIRS = 20_000_000


@dataclass(frozen=True)
class Counts:
    """Entries `added` to the labels, how many of them are `right`, and how many were `hidden`:
    true, but unknown before."""

    added: int
    right: int
    hidden: int

    @property
    def values(self) -> dict[str, float]:
        """The counts, and precision and recall where they exist."""
        values = {
            "added": float(self.added),
            "right": float(self.right),
            "hidden": float(self.hidden),
        }
        if self.added:
            values["precision"] = self.right / self.added
        if self.hidden:
            values["recall"] = self.right / self.hidden
        return values


def recovery(
    true: BoolArray, known: BoolArray, added: BoolArray, class_names: Sequence[str]
) -> tuple[Counts, dict[str, Counts]]:
    """Counts over all entries, and by class. All arrays are (n, C) bool.

    `true` are the full labels, `known` says which entries were known; `added` entries that were
    known are not counted.
    """
    unknown = ~known
    columns = [(part & unknown).sum(axis=0) for part in (added, added & true, true)]
    by_class = {
        name: Counts(*(int(column[c]) for column in columns)) for c, name in enumerate(class_names)
    }
    return Counts(*(int(column.sum()) for column in columns)), by_class


def recovered_pairs(true: BoolArray, positive: BoolArray, added: BoolArray) -> Counts:
    """The same for pairs of two items: a pair is positive when the two share a positive label.

    `positive` (n, C) are the labels known to be positive, `added` (n, C) what came to them.
    Counted are the pairs i < j that are positive through added labels only; hidden are those that
    truly are and were not known to be.
    """
    before, after, truth = (part.astype(np.float32) for part in (positive, positive | added, true))
    n = len(true)
    step = max(1, _BLOCK_PAIRS // max(1, n))
    totals = np.zeros(3, dtype=np.int64)
    for first in range(0, n, step):
        rows = slice(first, first + step)
        later = np.arange(n)[None, :] > np.arange(n)[rows, None]
        was, now, really = (part[rows] @ part.T > 0 for part in (before, after, truth))
        fresh = later & ~was
        totals += [int((fresh & part).sum()) for part in (now, now & really, really)]
    return Counts(*(int(total) for total in totals))
