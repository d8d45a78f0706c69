"""The confusion of classes against a loop that draws every order of ties."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashbench.errors import InputError
from hashbench.metrics.class_confusion import class_confusion
from hashbench.metrics.codes import Codes, LabelMasks


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7))
def test_shares_are_means_over_all_orders_of_ties(seed: int, top: int) -> None:
    draw = np.random.default_rng(seed)
    query, database = draw.random((4, 3)) < 0.5, draw.random((5, 3)) < 0.5
    asked, held = draw.random((4, 3)) < 0.5, draw.random((5, 3)) < 0.5
    found = class_confusion(
        Codes.from_signs(query), Codes.from_signs(database),
        LabelMasks.from_multi_hot(asked), LabelMasks.from_multi_hot(held), top,
    )  # fmt: skip
    depth = min(top, 5)
    expected = np.full((3, 3), np.nan)
    for a in range(3):
        rows = np.flatnonzero(asked[:, a])
        if len(rows):
            expected[a] = np.mean([_naive(query[row], database, held, depth) for row in rows], 0)
    np.testing.assert_allclose(found.shares, expected, atol=1e-6)
    assert found.top == depth
    assert found.queries.tolist() == asked.sum(axis=0).tolist()
    np.testing.assert_allclose(found.database, held.mean(axis=0))


def _naive(query: np.ndarray, database: np.ndarray, held: np.ndarray, depth: int) -> np.ndarray:
    distance = (query != database).sum(axis=1)
    orders = [
        order
        for order in itertools.permutations(range(len(database)))
        if all(distance[a] <= distance[b] for a, b in itertools.pairwise(order))
    ]
    means = [held[list(order[:depth])].mean(axis=0) for order in orders]
    return np.asarray(np.mean(means, axis=0))


def test_no_hits_are_refused() -> None:
    codes, labels = Codes.from_signs([[1, 0]]), LabelMasks.from_multi_hot([[1]])
    with pytest.raises(InputError, match="0 hits are none"):
        class_confusion(codes, codes, labels, labels, 0)
