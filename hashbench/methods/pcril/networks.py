"""The hash networks of the paper and of its released code, wider and deeper than the default ones.

The default is `nn.heads.HashHead`, whose size suits a few thousand items.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

WIDTHS = (1024, 2048, 512)
DEVIATION = 0.01


class ReleasedHead(nn.Module):
    """d-1024-2048-512-K with ReLU between and tanh at the end, on features as they come.

    Weights and biases start from N(0, 0.01^2) (paper, B.3, and release). With `normalises`, for
    texts, channels are divided by a power of the sum of squares of their neighbours before the last
    layer (release only: size 4, alpha 1e-4, beta 0.75, k 2).
    """

    def __init__(self, width: int, bits: int, *, normalises: bool) -> None:
        super().__init__()
        hidden: list[nn.Module] = []
        for before, after in pairwise((width, *WIDTHS)):
            hidden += [nn.Linear(before, after), nn.ReLU()]
        self.hidden = nn.Sequential(*hidden)
        self.normalise = (
            nn.LocalResponseNorm(4, alpha=1e-4, beta=0.75, k=2.0) if normalises else nn.Identity()
        )
        self.last = nn.Linear(WIDTHS[-1], bits)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=DEVIATION)

    def forward(self, features: Tensor) -> Tensor:
        """(n, d) -> (n, K)."""
        channels = self.hidden(features)[:, :, None]  # of signals that are one element long
        return torch.tanh(self.last(self.normalise(channels)[:, :, 0]))
