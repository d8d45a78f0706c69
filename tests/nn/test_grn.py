"""Global response normalisation: the paper's, and what the release makes of it."""

from __future__ import annotations

import torch

from hashbench.nn.grn import GlobalResponseNorm


def test_it_starts_as_the_identity() -> None:
    x = torch.randn(3, 4, 5)
    assert torch.equal(GlobalResponseNorm(5)(x), x)


def test_channels_compete_by_their_size_over_positions() -> None:
    norm = GlobalResponseNorm(3)
    with torch.no_grad():
        norm.gamma.fill_(2.0)
        norm.beta.fill_(0.5)
    x = torch.randn(2, 4, 3, dtype=torch.float64)
    size = x.norm(dim=1, keepdim=True)
    expected = 2.0 * x * size / size.mean(dim=2, keepdim=True) + 0.5 + x
    torch.testing.assert_close(norm.double()(x), expected, rtol=1e-5, atol=1e-5)


def test_as_released_nothing_competes() -> None:
    norm = GlobalResponseNorm(3, as_released=True)
    with torch.no_grad():
        norm.gamma.fill_(2.0)
    x = torch.randn(2, 4, 3)
    torch.testing.assert_close(norm(x), 3.0 * x)


def test_an_item_of_zeros_has_finite_gradients() -> None:
    x = torch.zeros(1, 2, 3, requires_grad=True)
    norm = GlobalResponseNorm(3)
    with torch.no_grad():
        norm.gamma.fill_(1.0)
    norm(x).sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())
