"""The hash networks of the paper, wider and deeper than the default ones, and a release's detail.

The default is `nn.heads.HashHead`, whose size suits a few thousand items.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

WIDTHS = (1024, 2048, 512)
DEVIATION = 0.01


class PaperHead(nn.Module):
    """d-1024-2048-512-K with ReLU between and tanh at the end, on features as they come.

    Weights and biases start from N(0, 0.01^2) (paper, B.3, and release).
    """

    def __init__(self, width: int, bits: int) -> None:
        super().__init__()
        hidden: list[nn.Module] = []
        for before, after in pairwise((width, *WIDTHS)):
            hidden += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*hidden, nn.Linear(WIDTHS[-1], bits))
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=DEVIATION)

    def forward(self, features: Tensor) -> Tensor:
        """(n, d) -> (n, K)."""
        return torch.tanh(self.layers(features))


class LocalResponseNorm(nn.LocalResponseNorm):
    """Divides each channel by a power of the sum of squares of its neighbours.

    The release does so with texts before the last layer (size 4, alpha 1e-4, beta 0.75, k 2); the
    paper does not mention it.
    """

    def __init__(self) -> None:
        super().__init__(4, alpha=1e-4, beta=0.75, k=2.0)

    def forward(self, channels: Tensor) -> Tensor:
        """(n, d) -> (n, d), read as d channels of signals that are one element long."""
        normalised: Tensor = super().forward(channels[:, :, None])
        return normalised[:, :, 0]
