"""The selective scan against a plain recurrence, and the block around it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hashbench.nn.state_space import StateSpace, positions_last, scan_for, selective_scan

SHAPES = st.tuples(
    st.integers(1, 3), st.integers(1, 5), st.integers(1, 33), st.integers(1, 4)
)  # items, channels, length, state


def one_after_the_other(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor
) -> Tensor:
    """The recurrence as the paper writes it, a step at a time."""
    h = torch.zeros(len(u), *A.shape, dtype=u.dtype)
    out = []
    for t in range(u.shape[1]):
        step = delta[:, t, :, None]
        h = torch.exp(step * A) * h + step * B[:, t, None] * u[:, t, :, None]
        out.append((h * C[:, t, None]).sum(-1) + D * u[:, t])
    return torch.stack(out, dim=1)


def drawn(shape: tuple[int, int, int, int], seed: int) -> list[Tensor]:
    n, d, length, s = shape
    g = torch.Generator().manual_seed(seed)

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=g, dtype=torch.float64)

    inputs = [
        normal(n, length, d),
        normal(n, length, d).exp(),  # steps from tiny to so large that the state is forgotten
        -normal(d, s).exp(),
        normal(n, length, s),
        normal(n, length, s),
        normal(d),
    ]
    return [each.requires_grad_() for each in inputs]


@given(shape=SHAPES, seed=st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_scan_equals_the_recurrence_in_values_and_gradients(
    shape: tuple[int, int, int, int], seed: int
) -> None:
    inputs = drawn(shape, seed)
    fast, slow = selective_scan(*inputs), one_after_the_other(*inputs)
    torch.testing.assert_close(fast, slow)
    weight = torch.randn(fast.shape, dtype=torch.float64)
    for ours, theirs in zip(
        # with one step alone, A has no part in the result
        torch.autograd.grad(
            (fast * weight).sum(), inputs, materialize_grads=True, allow_unused=True
        ),
        torch.autograd.grad(
            (slow * weight).sum(), inputs, materialize_grads=True, allow_unused=True
        ),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_a_long_scan_forgets_and_stays_finite() -> None:
    n, d, length, s = 2, 3, 300, 4
    u, delta = torch.randn(n, length, d), torch.full((n, length, d), 50.0)
    B, C = torch.randn(n, length, s), torch.randn(n, length, s)
    y = selective_scan(u, delta, -torch.ones(d, s), B, C, torch.zeros(d))
    # exp(-50) is nothing: what remains is the present input alone
    now = 50.0 * u * (B * C).sum(2, keepdim=True)
    torch.testing.assert_close(y, now, rtol=1e-4, atol=1e-3)


def test_scan_equals_the_reference_of_mamba_ssm() -> None:
    interface = pytest.importorskip(
        "mamba_ssm.ops.selective_scan_interface", reason="mamba-ssm is not installed"
    )
    inputs = [each.float() for each in drawn((2, 5, 19, 4), 0)]
    reference = positions_last(interface.selective_scan_ref, *inputs)
    torch.testing.assert_close(selective_scan(*inputs), reference)


@pytest.mark.gpu
def test_kernel_equals_our_scan() -> None:
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    scan, name = scan_for(torch.device("cuda"))
    if name == "hashbench":
        pytest.skip("mamba-ssm is not installed")
    inputs = [each.detach().float().cuda().requires_grad_() for each in drawn((2, 8, 64, 16), 0)]
    ours, theirs = selective_scan(*inputs), scan(*inputs)
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
    for mine, its in zip(
        torch.autograd.grad(ours.square().mean(), inputs),
        torch.autograd.grad(theirs.square().mean(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(mine, its, rtol=1e-2, atol=1e-3)


def test_the_own_scan_runs_on_cpu_and_says_so() -> None:
    scan, name = scan_for(torch.device("cpu"))
    assert scan is selective_scan
    assert name == "hashbench"


def test_block_looks_back_only_and_learns_everywhere() -> None:
    torch.manual_seed(0)
    block = StateSpace(8)
    x = torch.randn(2, 6, 8)
    y = block(x)
    assert y.shape == x.shape
    later = x.clone()
    later[:, 4:] += 1.0
    changed = (block(later) - y).abs().amax(dim=(0, 2))
    assert torch.all(changed[:4] == 0)
    assert torch.all(changed[4:] > 0)
    y.square().sum().backward()
    for name, parameter in block.named_parameters():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().sum()) > 0, name


def test_the_shifted_products_are_a_causal_convolution() -> None:
    torch.manual_seed(0)
    block = StateSpace(3, reach=4)
    for length in (1, 2, 3, 9):
        u = torch.randn(2, length, 6)
        padded = torch.nn.functional.pad(u.transpose(1, 2), (3, 0))
        expected = torch.nn.functional.conv1d(
            padded, block.taps[:, None], block.taps_bias, groups=6
        )
        torch.testing.assert_close(block._convolved(u), expected.transpose(1, 2))
