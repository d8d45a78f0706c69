"""How tuned towers and new layers are optimised together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn


class ClippedAdamW(torch.optim.AdamW):
    """AdamW that first clips the gradient of each tensor to norm 1, as BertAdam does."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Clips, then steps."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    torch.nn.utils.clip_grad_norm_([parameter], 1.0)
        return super().step(closure)


def grouped(
    module: nn.Module,
    apart: Sequence[tuple[Sequence[nn.Parameter], float]],
    lr: float,
    decay: float,
) -> ClippedAdamW:
    """An optimiser over what a module trains: some tensors at rates of their own, the rest at `lr`.

    Frozen tensors are in no group.
    """
    taken = {id(p) for tensors, _ in apart for p in tensors}
    rest = [p for p in module.parameters() if id(p) not in taken]
    groups = [
        {"params": [p for p in tensors if p.requires_grad], "lr": rate}
        for tensors, rate in (*apart, (rest, lr))
        if tensors
    ]
    return ClippedAdamW(groups, betas=(0.9, 0.98), eps=1e-6, weight_decay=decay, fused=True)


WARM_UP = 0.05


def warm_cosine(initial: float, progress: float) -> float:
    """Rises linearly over the first twentieth, then falls along half a cosine to zero."""
    if progress < WARM_UP:
        return initial * progress / WARM_UP
    return initial * 0.5 * (1.0 + math.cos(math.pi * progress))
