"""UCCH: the contrast with a memory of signs, the ranking, and the memory itself."""

from __future__ import annotations

import math
from typing import cast

import pytest
import torch
import torch.nn.functional as F

from hashbench.methods.ucch.method import Ucch, memory_contrast, ranking_loss
from hashbench.nn.monitors import signs
from tests.methods.stages import begun, made, trained, values

G = torch.Generator().manual_seed(0)


def test_the_contrast_is_over_an_item_s_candidates_with_repetitions() -> None:
    h = F.normalize(torch.randn(3, 4, generator=G, dtype=torch.float64), dim=1)
    M = torch.randn(7, 4, generator=G, dtype=torch.float64)
    candidates = torch.tensor([[2, 5, 5, 0], [6, 6, 1, 3], [0, 4, 2, 1]])
    expected = 0.0
    for i in range(3):
        dots = [float(signs(M[j]).double() @ h[i]) / 1.8 for j in candidates[i].tolist()]
        expected -= (dots[0] - math.log(sum(math.exp(dot) for dot in dots))) / 3
    contrast = memory_contrast(h.float(), M.float(), candidates, 1.8)
    assert float(contrast) == pytest.approx(expected, rel=1e-5)


def test_the_ranking_shifts_what_keeps_the_margin_both_ways() -> None:
    s = 2.0 * torch.rand(5, 5, generator=G, dtype=torch.float64) - 1.0
    expected = 0.0
    for matrix in (s, s.T):
        for i in range(5):
            row = [float(x) if x >= matrix[i, i] - 0.2 else float(x) - 0.1 for x in matrix[i]]
            expected += (-row[i] + math.log(sum(math.exp(x) for x in row)) + 0.2) / 5
    assert float(ranking_loss(s, 0.2, 0.1)) == pytest.approx(expected)


def test_in_the_warm_up_the_batch_is_told_apart_and_the_memory_overwritten() -> None:
    model = cast("Ucch", begun("ucch"))
    rows = torch.tensor([3, 1, 4, 7])
    before = model.M.clone()
    assert set(before.abs().unique().tolist()) == {torch.tensor(8**-0.5).item()}
    terms = values(model, rows)
    v, t = (
        F.normalize(h[8].detach(), dim=1)
        for h in (
            model.encode_image(model.context.train.images[rows]),
            model.encode_text(model.context.train.texts[rows]),
        )
    )
    middle, tau = signs(v + t), 0.9 * 8**0.5
    expected = 0.0
    for h in (v, t):
        for i in range(4):
            dots = [float(middle[j] @ h[i]) / tau for j in range(4)]
            expected -= (dots[i] - math.log(sum(map(math.exp, dots)))) / 4
    assert terms["contrast"] == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(model.M[rows], F.normalize(v + t, dim=1))
    others = torch.ones(len(before), dtype=torch.bool).index_fill(0, rows, value=False)
    torch.testing.assert_close(model.M[others], before[others])


def test_later_the_memory_keeps_a_share_of_what_it_was() -> None:
    model = cast("Ucch", begun("ucch"))
    model.end_epoch(model.stages()[0])
    rows = torch.tensor([0, 2])
    before, train = model.M[rows].clone(), model.context.train
    terms = values(model, rows)
    v, t = (
        F.normalize(h[8].detach(), dim=1)
        for h in (model.encode_image(train.images[rows]), model.encode_text(train.texts[rows]))
    )
    torch.testing.assert_close(
        model.M[rows], F.normalize(0.4 * before + 0.6 * F.normalize(v + t, dim=1), dim=1)
    )
    # 4,096 candidates besides its own, of which even a uniform softmax gives log 4,097
    assert 2 * math.log(4097) - 2.5 < terms["contrast"] < 2 * math.log(4097) + 2.5


def test_training_lowers_the_loss_of_the_warm_up() -> None:
    totals = trained(made("ucch", lr=1e-3), steps=60)
    assert totals[-1] < 0.95 * totals[0]
