"""Hash heads: from a feature to a relaxed code in (-1, 1)."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def scaled(features: Tensor) -> Tensor:
    """(n, d) -> (n, d) rows of length sqrt(d), so that entries are near 1 whatever the backbone."""
    return F.normalize(features, dim=1) * math.sqrt(features.shape[1])


class UnboundedHead(nn.Module):
    """h = W2 ReLU(W1 x), with as many hidden layers as `hidden` has widths.

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
        out: Tensor = self.layers(scaled(features))
        return out


class HashHead(UnboundedHead):
    """h = tanh(W2 ReLU(W1 x)), see `UnboundedHead`."""

    def forward(self, features: Tensor) -> Tensor:
        """(n, d) -> (n, K)."""
        return torch.tanh(super().forward(features))


class AnnealedHead(HashHead):
    """h = tanh(a W2 ReLU(W1 x)), a = sqrt(1 + epochs passed): relaxed codes become signs in time.

    HashNet's continuation (Cao et al., ICCV 2017) with the steps of DJSRH and JDSH. The signs do
    not depend on a.
    """

    def __init__(self, width: int, hidden: tuple[int, ...], bits: int) -> None:
        super().__init__(width, hidden, bits)
        self.epochs: Tensor
        self.register_buffer("epochs", torch.zeros(()))

    def forward(self, features: Tensor) -> Tensor:
        """(n, d) -> (n, K)."""
        return torch.tanh((1.0 + self.epochs).sqrt() * self.layers(scaled(features)))


class LinearHashHead(nn.Module):
    """h = tanh(dropout(W x + b)): the layer that the DSPH family puts on CLIP's features.

    Dropout acts on the K logits, not on the features, as released.
    """

    def __init__(self, width: int, bits: int, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(width, bits)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """(n, d) -> (n, K)."""
        return torch.tanh(self.dropout(self.linear(scaled(features))))
