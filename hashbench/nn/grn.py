"""Global response normalisation (ConvNeXt V2, Woo et al., arXiv 2301.00808, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GlobalResponseNorm(nn.Module):
    """x -> gamma (x N(x)) + beta + x, N(x) = |x| over positions / its mean over channels.

    (n, L, d) -> (n, L, d). The release of PromptHash takes the mean over an axis of length one,
    which makes N(x) = 1 and leaves x (1 + gamma) + beta; `as_released` does that.
    """

    def __init__(self, width: int, *, as_released: bool = False) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(width))
        self.beta = nn.Parameter(torch.zeros(width))
        self.as_released = as_released

    def forward(self, x: Tensor) -> Tensor:
        """(n, L, d) -> (n, L, d)."""
        if self.as_released:
            return self.gamma * x + self.beta + x
        size = x.square().sum(dim=1, keepdim=True).add(1e-12).sqrt()
        return self.gamma * (x * (size / (size.mean(dim=2, keepdim=True) + 1e-6))) + self.beta + x
