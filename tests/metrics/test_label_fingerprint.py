"""Labels are the same where every score by them is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hashbench.metrics.codes import LabelMasks
from hashbench.metrics.label_fingerprint import label_fingerprint


def fingerprint(query: np.ndarray, database: np.ndarray) -> str:
    return label_fingerprint(LabelMasks.from_multi_hot(query), LabelMasks.from_multi_hot(database))


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 64, 70]))
def test_the_order_of_classes_and_unused_ones_do_not_matter(seed: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    query, database = (rng.random((rows, classes)) < 0.4 for rows in (5, 21))
    same = fingerprint(query, database)
    order = rng.permutation(classes)
    assert fingerprint(query[:, order], database[:, order]) == same
    padded = (np.pad(part, ((0, 0), (2, 1))) for part in (query, database))
    assert fingerprint(*padded) == same
    flipped = database.copy()
    flipped[3, 0] = ~flipped[3, 0]
    assert fingerprint(query, flipped) != same
    assert fingerprint(query, database[::-1]) != same or np.array_equal(database, database[::-1])


def test_items_do_not_move_between_the_sides() -> None:
    labels = np.ones((6, 1), bool)
    assert fingerprint(labels[:2], labels[:4]) != fingerprint(labels[:4], labels[:2])


def test_blocks_join(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    query, database = (rng.random((rows, 4)) < 0.4 for rows in (30, 100))
    whole = fingerprint(query, database)
    monkeypatch.setattr("hashbench.metrics.label_fingerprint._ROWS_AT_ONCE", 16)
    assert fingerprint(query, database) == whole
