"""Hash heads: from a feature to a relaxed code in (-1, 1)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class HashHead(nn.Module):
    """h = tanh(W2 ReLU(W1 x)), with as many hidden layers as `hidden` has widths.

    The input (n, d) is L2-normalised and scaled by sqrt(d), so that a head meets features of unit
    size whatever the backbone.
    """

    def __init__(self, width: int, hidden: tuple[int, ...], bits: int) -> None:
        super().__init__()
        widths = [width, *hidden]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], bits))

    def forward(self, features: Tensor) -> Tensor:
        """(n, d) -> (n, K)."""
        scaled = F.normalize(features, dim=1) * features.shape[1] ** 0.5
        return torch.tanh(self.layers(scaled))
