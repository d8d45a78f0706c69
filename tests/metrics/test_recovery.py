"""Precision, recall and counts of recovered labels and pairs against loops."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from hashbench.metrics import recovery as module
from hashbench.metrics.recovery import Counts, recovered_pairs, recovery

GRID = hnp.arrays(np.bool_, (6, 3))
NAMES = ("a", "b", "c")


@settings(max_examples=60, deadline=None)
@given(GRID, GRID, GRID)
def test_only_entries_count_that_were_unknown(
    true: np.ndarray, known: np.ndarray, added: np.ndarray
) -> None:
    overall, by_class = recovery(true, known, added, NAMES)
    sums = np.zeros(3, int)
    for c, name in enumerate(NAMES):
        rows = [i for i in range(6) if not known[i, c]]
        counts = by_class[name]
        assert counts.added == sum(added[i, c] for i in rows)
        assert counts.right == sum(added[i, c] and true[i, c] for i in rows)
        assert counts.hidden == sum(true[i, c] for i in rows)
        sums += (counts.added, counts.right, counts.hidden)
    assert (overall.added, overall.right, overall.hidden) == tuple(sums)
    unchanged, _ = recovery(true, known, added & ~known, NAMES)
    assert unchanged == overall


def test_there_is_no_ratio_of_nothing() -> None:
    assert Counts(0, 0, 0).values == {"added": 0, "right": 0, "hidden": 0}
    assert Counts(0, 0, 3).values["recall"] == 0
    assert "precision" not in Counts(0, 0, 3).values
    assert Counts(4, 1, 2).values["precision"] == 0.25
    assert Counts(4, 1, 2).values["recall"] == 0.5


@settings(max_examples=40, deadline=None)
@given(GRID, GRID, GRID)
def test_pairs_count_that_are_similar_through_added_labels_only(
    true: np.ndarray, positive: np.ndarray, added: np.ndarray
) -> None:
    wanted = np.zeros(3, int)
    for i, j in combinations(range(6), 2):
        if (positive[i] & positive[j]).any():
            continue
        now = ((positive | added)[i] & (positive | added)[j]).any()
        really = (true[i] & true[j]).any()
        wanted += (now, now and really, really)
    for block in (1, 12, 10_000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_BLOCK_PAIRS", block)
            pairs = recovered_pairs(true, positive, added)
        assert (pairs.added, pairs.right, pairs.hidden) == tuple(wanted)
