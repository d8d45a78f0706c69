"""Two heads under one name: that of the paper's repository, and of a later one of its author."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from hashbench.nn.heads import scaled

_SHARED = 128  # width of the original head's shared layer


class OriginalHead(nn.Module):
    """ReLU(W x) of width 128, then for each bit a linear layer to two logits.

    Kaiming-uniform by fan-out and no bias at the start, as released; the K layers are one matrix.
    """

    def __init__(self, width: int, bits: int) -> None:
        super().__init__()
        self.shared = nn.Linear(width, _SHARED)
        self.bits = nn.Linear(_SHARED, 2 * bits)
        for layer, fan_out in ((self.shared, _SHARED), (self.bits, 2)):
            bound = math.sqrt(6.0 / fan_out)
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(n, d) -> (n, K, 2) logits."""
        logits: Tensor = self.bits(torch.relu(self.shared(scaled(features))))
        return logits.reshape(len(logits), -1, 2)


class NewerHead(nn.Module):
    """Attention over one token, a norm (batch for images, layer for texts), ReLU(W x), in pairs.

    Attention over a single token attends to it alone: its values and output are two linear layers.
    """

    def __init__(self, width: int, bits: int, modality: str) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.Linear(width, width), nn.Linear(width, width))
        self.norm = nn.BatchNorm1d(width) if modality == "image" else nn.LayerNorm(width)
        self.bits = nn.Linear(width, 2 * bits)

    def forward(self, features: Tensor) -> Tensor:
        """(n, d) -> (n, K, 2) logits, at least 0."""
        self.norm.train(self.training and len(features) > 1)  # one item has no variance
        normed = self.norm(self.attention(scaled(features)))
        return torch.relu(self.bits(normed)).reshape(len(normed), -1, 2)
