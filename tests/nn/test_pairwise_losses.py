"""Pairwise similarity and likelihood against loops that follow the definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hashbench.nn import monitors, pairwise_losses
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


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 1024])
def test_the_gradient_made_along_with_the_likelihood_is_autograd_s(
    *, weighted: bool, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairwise_losses, "ROWS", rows)
    g = torch.Generator().manual_seed(1)
    A = torch.randn(7, 8, generator=g, dtype=torch.float64)
    S = torch.rand(7, 4, generator=g, dtype=torch.float64)
    weight = (S > 0.3).double() if weighted else None
    h, same, soft = (torch.full((4, 8), 0.3, dtype=torch.float64) for _ in range(3))
    h += torch.randn(4, 8, generator=g, dtype=torch.float64)
    same.copy_(h)
    soft.copy_(h)
    for each in (h, same, soft):
        each.requires_grad_()
    value = 3.0 * likelihood(A, h, Similarity(S, weight))
    value.backward()  # type: ignore[no-untyped-call]
    theta = 0.5 * A @ same.T
    each = torch.log1p(torch.exp(theta)) - S * theta
    expected = 3.0 * (each if weight is None else each * weight).mean()
    expected.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(value, expected)
    assert h.grad is not None
    torch.testing.assert_close(h.grad, same.grad)
    # a similarity that is learned gets its gradient, too
    learned = S.clone().requires_grad_()
    likelihood(A, soft, Similarity(learned, weight)).backward()
    slope = -theta.detach() / theta.numel()
    assert learned.grad is not None
    torch.testing.assert_close(learned.grad, slope if weight is None else slope * weight)
    torch.testing.assert_close(3.0 * soft.grad, same.grad)  # type: ignore[operator]


@pytest.mark.parametrize("bits", [1, 31, 32, 33, 70])
def test_codes_are_counted_whatever_their_length(bits: int) -> None:
    codes = torch.randn(40, bits, generator=torch.Generator().manual_seed(bits))
    codes[20:30] = codes[:10]
    codes[30] = codes[31]
    codes[30, bits - 1] *= -1  # the last bit counts as well
    expected = {tuple(row) for row in (codes >= 0).tolist()}
    assert monitors.distinct_codes(codes) == len(expected)


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
