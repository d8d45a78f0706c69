"""BertAdam and its schedule against plain loops over single numbers."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from hashbench.nn.optim import BertAdam, ClippedAdamW, grouped, warm_cosine

SHAPES = ((3, 2), (4,), ())


def naive(start: Tensor, gradients: list[Tensor], lr: float, decay: float) -> Tensor:
    """One tensor under BertAdam, number by number, as the equations have it."""
    p = start.flatten().tolist()
    m, v = [0.0] * len(p), [0.0] * len(p)
    for gradient in gradients:
        g = gradient.flatten().tolist()
        norm = math.sqrt(sum(x * x for x in g))
        clipped = [x * min(1.0, 1.0 / (norm + 1e-6)) for x in g]
        for i, x in enumerate(clipped):
            m[i] = 0.9 * m[i] + 0.1 * x
            v[i] = 0.98 * v[i] + 0.02 * x * x
            p[i] -= lr * (m[i] / (math.sqrt(v[i]) + 1e-6) + decay * p[i])
    return torch.tensor(p, dtype=start.dtype).reshape(start.shape)


@pytest.mark.parametrize("size", [0.01, 5.0])  # below and above the norm that is clipped
def test_bertadam_is_the_equations(size: float) -> None:
    g = torch.Generator().manual_seed(0)
    starts = [torch.randn(shape, generator=g, dtype=torch.float64) for shape in SHAPES]
    steps = [[size * torch.randn(s.shape, generator=g).double() for s in starts] for _ in range(6)]
    params = [nn.Parameter(start.clone()) for start in starts]
    optimiser = BertAdam(params, lr=0.01, weight_decay=0.1)
    for gradients in steps:
        for p, gradient in zip(params, gradients, strict=True):
            p.grad = gradient.clone()
        optimiser.step()
    for i, p in enumerate(params):
        expected = naive(starts[i], [gradients[i] for gradients in steps], 0.01, 0.1)
        torch.testing.assert_close(p.detach(), expected)


def test_the_bias_of_the_first_steps_is_what_tells_it_from_adamw() -> None:
    """m / sqrt(v) begins at 0.1 / sqrt(0.02) of the gradient's sign, where AdamW begins at 1."""
    moved = {}
    for kind in ("adamw", "bertadam"):
        module = nn.Linear(1, 1, bias=False)
        before = module.weight.detach().clone()
        optimiser = grouped(module, [], lr=1e-3, decay=0.0, kind=kind)
        module.weight.grad = torch.full((1, 1), 0.5)
        optimiser.step()
        moved[kind] = float((before - module.weight.detach()).item())
    assert moved["adamw"] == pytest.approx(1e-3, rel=1e-3)
    assert moved["bertadam"] == pytest.approx(1e-3 * 0.1 / math.sqrt(0.02), rel=1e-3)


def test_a_reloaded_bertadam_goes_on_as_it_would_have() -> None:
    def trained(optimiser: BertAdam, p: nn.Parameter, seed: int) -> None:
        p.grad = torch.randn(p.shape, generator=torch.Generator().manual_seed(seed))
        optimiser.step()

    first = nn.Parameter(torch.ones(3))
    optimiser = BertAdam([first], lr=0.1, weight_decay=0.01)
    trained(optimiser, first, 0)
    second = nn.Parameter(first.detach().clone())
    resumed = BertAdam([second], lr=0.7)
    resumed.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    trained(optimiser, first, 1)
    trained(resumed, second, 1)
    assert torch.equal(first, second)


def test_tensors_without_a_gradient_stay_and_frozen_ones_are_left_out() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    module[0].weight.requires_grad_(requires_grad=False)
    for kind, expected in (("adamw", ClippedAdamW), ("bertadam", BertAdam)):
        optimiser = grouped(module, [(list(module[1].parameters()), 0.5)], 0.1, 0.0, kind)
        assert isinstance(optimiser, expected)
        own, rest = optimiser.param_groups
        assert (own["lr"], len(own["params"])) == (0.5, 2)
        assert (rest["lr"], rest["params"]) == (0.1, [module[0].bias])
        before = [p.detach().clone() for p in module.parameters()]
        optimiser.step()
        assert all(torch.equal(p, b) for p, b in zip(module.parameters(), before, strict=True))


@given(st.floats(0.0, 1.0))
def test_the_schedule_warms_up_and_then_follows_a_cosine_that_is_not_shifted(x: float) -> None:
    expected = x / 0.05 if x < 0.05 else (1.0 + math.cos(math.pi * x)) / 2.0
    assert warm_cosine(2.0, x) == pytest.approx(2.0 * expected)
    assert 0.0 <= warm_cosine(1.0, x) <= 1.0
