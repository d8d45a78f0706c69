"""The residual attention block: what it keeps for its gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hashbench.nn import blocks
from hashbench.nn.blocks import Block


@pytest.mark.parametrize("activation", ["gelu", "quickgelu"])
def test_what_is_computed_again_changes_no_gradient_and_takes_less_memory(
    activation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    block, x = Block(32, 4, activation), torch.randn(3, 7, 32)

    def gradients() -> tuple[list[Tensor], int]:
        """Of all weights, and how many numbers of the widest shape are kept."""
        kept: dict[int, Tensor] = {}

        def keep(value: Tensor) -> Tensor:
            kept[value.untyped_storage().data_ptr()] = value
            return value

        block.zero_grad()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
            loss = block(x).square().sum()
        wide = sum(value.numel() for value in kept.values() if value.numel() == 3 * 7 * 128)
        loss.backward()
        return [
            weight.grad.clone() for weight in block.parameters() if weight.grad is not None
        ], wide

    ours, less = gradients()
    monkeypatch.setattr(blocks, "checkpoint", lambda function, value, **_: function(value))
    plain, more = gradients()
    assert len(ours) == len(list(block.parameters()))
    assert all(torch.equal(one, other) for one, other in zip(ours, plain, strict=True))
    assert less < more


@pytest.mark.parametrize("count", [blocks.LARGE_ITEMS, blocks.LARGE_ITEMS + 5])
@pytest.mark.parametrize("biased", ["not", "alike", "by item"])
def test_large_inputs_keep_nothing_but_themselves(
    count: int, biased: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    block, x = Block(32, 4), torch.randn(count, 7, 32)
    bias = {
        "not": None,
        "alike": torch.full((7, 7), -torch.inf).triu(1),
        "by item": torch.randn(count, 1, 1, 7),
    }[biased]
    at = torch.randint(7, (count, 2)) if biased == "by item" else None

    def gradients() -> tuple[list[Tensor], int]:
        """Of input and weights, and how many numbers are kept."""
        kept: dict[int, int] = {}

        def keep(value: Tensor) -> Tensor:
            kept[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes() // 4
            return value

        start = x.clone().requires_grad_()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
            loss = block(start, bias, at).square().sum()
        return list(torch.autograd.grad(loss, [start, *block.parameters()])), sum(kept.values())

    plain, more = gradients()
    monkeypatch.setattr(blocks, "LARGE", 1)
    ours, less = gradients()
    for one, other in zip(ours, plain, strict=True):
        if count <= blocks.LARGE_ITEMS:
            assert torch.equal(one, other)
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert less < more / 4
