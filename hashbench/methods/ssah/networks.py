"""SSAH's networks: from a label vector or a feature to a shared feature, a code and labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Outputs:
    """`feature` (n, f) at least 0, relaxed `code` (n, K), and `classes` (n, C) in (0, 1)."""

    feature: Tensor
    code: Tensor
    classes: Tensor


class SemanticNetwork(nn.Module):
    """x -> ReLU(W2 ReLU(W1 x)), of which code and classes are linear."""

    def __init__(self, width: int, hidden: int, feature: int, bits: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, feature), nn.ReLU()
        )
        self.code = nn.Linear(feature, bits)
        self.classes = nn.Linear(feature, classes)

    def forward(self, x: Tensor) -> Outputs:
        """(n, d)."""
        feature = self.layers(x)
        code, classes = torch.tanh(self.code(feature)), torch.sigmoid(self.classes(feature))
        return Outputs(feature, code, classes)


class Discriminator(nn.Module):
    """(n, f) features -> (n) logits, high for those of the label network."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 1)
        )

    def forward(self, features: Tensor) -> Tensor:
        """(n, f) -> (n)."""
        logits: Tensor = self.layers(features)
        return logits.squeeze(1)


def reversed_gradient(x: Tensor) -> Tensor:
    """x itself, with the negative of its gradient (Ganin and Lempitsky, ICML 2015)."""
    return 2.0 * x.detach() - x
