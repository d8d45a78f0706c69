"""Pairwise similarity and likelihood against loops that follow the definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hashbench.nn import monitors
from hashbench.nn.heads import HashHead
from hashbench.nn.pairwise_losses import Similarity, likelihood, similarity

LABELS = hnp.arrays(np.int8, (5, 4), elements=st.sampled_from([-1, 0, 1]))  # -1: unknown


def naive(a: np.ndarray, b: np.ndarray) -> int | None:
    """1 for a shared positive, 0 if every class is a known negative of one, else None."""
    if any(x == 1 and y == 1 for x, y in zip(a, b, strict=True)):
        return 1
    if all(0 in (x, y) for x, y in zip(a, b, strict=True)):
        return 0
    return None


@settings(max_examples=50)
@given(LABELS, LABELS)
def test_similarity_is_what_labels_leave_certain(left: np.ndarray, right: np.ndarray) -> None:
    sides = [
        (torch.from_numpy((side == 1).astype(np.float32)), torch.from_numpy(side >= 0))
        for side in (left, right)
    ]
    ignoring = similarity(*sides[0], *sides[1], "ignore")
    negative = similarity(*sides[0], *sides[1], "negative")
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            wanted = naive(a, b)
            assert negative.S[i, j] == (wanted == 1)
            weight = 1.0 if ignoring.weight is None else ignoring.weight[i, j]
            assert weight == (wanted is not None)
    assert negative.weight is None


def test_likelihood_sums_the_pairs_that_count_and_divides_by_all() -> None:
    torch.manual_seed(0)
    A, h = torch.randn(6, 8), torch.randn(3, 8)
    S, weight = (torch.rand(6, 3) > 0.5).float(), (torch.rand(6, 3) > 0.3).float()
    total = 0.0
    for i in range(6):
        for j in range(3):
            theta = 0.5 * float(A[i] @ h[j])
            if weight[i, j]:
                total += math.log1p(math.exp(theta)) - float(S[i, j]) * theta
    assert float(likelihood(A, h, Similarity(S, weight))) == pytest.approx(total / 18, rel=1e-5)


def test_likelihood_of_no_certain_pair_is_zero_and_not_nan() -> None:
    A, h = torch.ones(2, 4), torch.ones(2, 4)
    assert float(likelihood(A, h, Similarity(torch.zeros(2, 2), torch.zeros(2, 2)))) == 0.0


def test_likelihood_pulls_similar_pairs_together_and_others_apart() -> None:
    A = torch.tensor([[1.0, 1.0]])
    for S, direction in ((1.0, 1), (0.0, -1)):
        h = torch.zeros(1, 2, requires_grad=True)
        likelihood(A, h, Similarity(torch.tensor([[S]]))).backward()
        assert h.grad is not None
        assert torch.all(-h.grad * direction > 0)


def test_a_head_does_not_care_for_the_size_of_a_feature() -> None:
    head = HashHead(8, (16,), 4)
    x = torch.randn(3, 8)
    torch.testing.assert_close(head(x), head(1000 * x))
    assert head(x).abs().max() < 1


def test_monitors_read_signs_where_zero_is_plus() -> None:
    codes = torch.tensor([[0.0, -1.0], [0.5, -0.1], [2.0, 3.0]])
    assert monitors.signs(codes).tolist() == [[1, -1], [1, -1], [1, 1]]
    assert monitors.distinct_codes(codes) == 2
    assert monitors.bit_balance(codes) == pytest.approx((1 + 1 / 3) / 2)
    assert monitors.sign_disagreement(codes, -codes) == pytest.approx(5 / 6)  # -0 stays plus
