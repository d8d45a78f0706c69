"""Contrastive losses against loops that follow their definitions."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from hashbench.nn import contrastive_losses
from hashbench.nn.contrastive_losses import (
    adaptive_temperature,
    info_nce,
    jensen_shannon,
    matching,
    token_similarity,
)


def test_info_nce_is_the_mean_of_two_cross_entropies() -> None:
    a, b = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    expected = 0.0
    for x, y in ((a, b), (b, a)):
        for i in range(4):
            cos = [float(F.cosine_similarity(x[i], y[j], dim=0)) / 0.1 for j in range(4)]
            expected -= (cos[i] - math.log(sum(map(math.exp, cos)))) / 8
    assert math.isclose(float(info_nce(a, b, 0.1)), expected, rel_tol=1e-9)


def test_matching_takes_a_temperature_for_each_item() -> None:
    similarity = torch.randn(5, 5)
    same = matching(similarity, torch.full((5,), 0.2))
    torch.testing.assert_close(same, matching(similarity, 0.2))
    assert float(matching(similarity, torch.linspace(0.05, 1, 5))) != float(same)


def test_jensen_shannon_bounds() -> None:
    p = torch.tensor([[1.0, 0.0], [0.5, 0.5], [1.0, 0.0]])
    q = torch.tensor([[0.0, 1.0], [0.5, 0.5], [0.5, 0.5]])
    divergence = jensen_shannon(p, q)
    expected = [
        math.log(2),
        0.0,
        0.5 * (math.log(4 / 3) + 0.5 * math.log(2 / 3) + 0.5 * math.log(2)),
    ]
    torch.testing.assert_close(divergence, torch.tensor(expected))


def test_disagreement_lowers_the_temperature() -> None:
    a = torch.randn(6, 64)
    near, far = adaptive_temperature(a, a, 0.07), adaptive_temperature(a, -a, 0.07)
    torch.testing.assert_close(near, torch.full((6,), 0.07))
    assert torch.all(far < 0.065)
    assert torch.all(far > 0.07 / (1 + math.log(2)))


@pytest.mark.parametrize("at_once", [2, 64])
def test_token_similarity_follows_its_definition(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contrastive_losses, "ITEMS", at_once)
    tokens, others = torch.randn(3, 5, 4), torch.randn(3, 2, 4)
    weights = torch.rand(3, 2)
    similarity = token_similarity(tokens, others, weights)
    for i in range(3):
        for j in range(3):
            best = [
                max(float(F.cosine_similarity(tokens[i, r], others[j, q], dim=0)) for r in range(5))
                for q in range(2)
            ]
            expected = sum(w * s for w, s in zip(weights[j].tolist(), best, strict=True))
            expected /= float(weights[j].sum())
            assert math.isclose(float(similarity[i, j]), expected, rel_tol=1e-4, abs_tol=1e-5)
