"""Similarities of features against loops over pairs that follow the papers."""

from __future__ import annotations

import math

import pytest
import torch

from hashbench.nn.feature_similarity import (
    Thresholds,
    djsrh_similarity,
    fitted_thresholds,
    jdsh_similarity,
    sharpened,
    structure_loss,
)
from tests.methods.stages import cosine

N = 6
G = torch.Generator().manual_seed(0)
V = torch.randn(N, 5, generator=G, dtype=torch.float64)
T = torch.randn(N, 4, generator=G, dtype=torch.float64)


def double_cosine(x: torch.Tensor, i: int, j: int) -> float:
    return 2.0 * cosine(x[i], x[j]) - 1.0


def test_djsrh_adds_what_two_items_share_with_all_others() -> None:
    S = djsrh_similarity(V, T, beta=0.7, eta=0.4, mu=1.5)
    mixed = [
        [0.7 * double_cosine(V, i, j) + 0.3 * double_cosine(T, i, j) for j in range(N)]
        for i in range(N)
    ]
    for i in range(N):
        for j in range(N):
            common = sum(mixed[i][k] * mixed[j][k] for k in range(N)) / N
            assert float(S[i, j]) == pytest.approx(1.5 * (0.6 * mixed[i][j] + 0.4 * common))


def test_jdsh_adds_how_alike_rows_of_the_two_modalities_are() -> None:
    S = jdsh_similarity(V, T, (0.5, 0.1, 0.4))
    rows_v = torch.tensor([[double_cosine(V, i, j) for j in range(N)] for i in range(N)])
    rows_t = torch.tensor([[double_cosine(T, i, j) for j in range(N)] for i in range(N)])
    for i in range(N):
        for j in range(N):
            across = cosine(rows_v[i], rows_t[j]) + cosine(rows_v[j], rows_t[i])
            expected = 0.5 * rows_v[i, j] + 0.1 * rows_t[i, j] + 0.4 * across / 2
            assert float(S[i, j]) == pytest.approx(float(expected), abs=1e-6)


def test_pairs_that_stand_out_are_moved_further_out_and_the_others_stay() -> None:
    at = Thresholds(low=-1.0, high=1.0, left=-0.5, right=0.5)
    S = torch.tensor([[-0.8, -0.5, 0.0, 0.5, 0.8]])
    moved = sharpened(S, at, dissimilar=0.1, similar=0.2)[0].tolist()
    assert moved[1:4] == [-0.5, 0.0, 0.5]
    assert moved[0] == pytest.approx(-0.8 * (1 + 0.1 * math.exp(-(-0.8 + 1.0))))
    assert moved[4] == pytest.approx(0.8 * (1 + 0.2 * math.exp(0.8 - 1.0)))


def test_thresholds_are_deviations_from_the_median_of_different_items() -> None:
    S = torch.tensor([[9.0, 0.0, 1.0], [0.0, 9.0, 3.0], [1.0, 3.0, 9.0]])
    at = fitted_thresholds([S], below=2.0, above=1.0)
    # off the diagonal: 0, 0, 1, 1, 3, 3, whose lower median is 1
    assert (at.low, at.high) == (0.0, 3.0)
    assert at.left == pytest.approx(1.0 - 2.0 * 1.0)
    assert at.right == pytest.approx(1.0 + 2.0)


def test_structure_loss_is_the_mean_over_all_pairs() -> None:
    S = torch.randn(N, N, generator=G, dtype=torch.float64)
    total = sum((cosine(V[i, :4], T[j]) - float(S[i, j])) ** 2 for i in range(N) for j in range(N))
    assert float(structure_loss(V[:, :4], T, S)) == pytest.approx(total / N**2)
