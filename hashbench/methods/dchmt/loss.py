"""The loss of DCHMT: squared distances of similar pairs, and what others lack of a distance."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hashbench.nn.pairwise_losses import Similarity, pair_mean

_EPS = 1e-12  # the root's slope at 0, where an item meets itself, is not defined


def distance_loss(c: Tensor, other: Tensor, similar: Similarity, theta: float) -> Tensor:
    """P + Q: mean_ij (S_ij d_ij)^2 + mean_ij ((1 - S_ij) (D - min(d_ij, D)))^2.

    d_ij = |c_i - c'_j| and D = sqrt(2 K theta); `c` and `other` (n, 2K) are K pairs that add up to
    1, so that sqrt(2 K) is the largest distance. Pairs that do not count are in neither mean.
    """
    d = distances(c, other)
    D = math.sqrt(c.shape[1] * theta)
    S = similar.S
    attract = (S * d).square()
    repel = ((1.0 - S) * (D - d.clamp_max(D))).square()
    return pair_mean(attract + repel, similar.weight)


def distances(c: Tensor, other: Tensor) -> Tensor:
    """(n, n) Euclidean distances of (n, k) and (n, k), by one matrix product."""
    squares = c.square().sum(1)[:, None] + other.square().sum(1)[None, :] - 2.0 * c @ other.T
    if c is other:
        # exactly 0 and without a gradient, where rounding would be blown up by the root
        squares = squares.masked_fill(torch.eye(len(c), dtype=torch.bool, device=c.device), 0.0)
    return (squares.clamp_min(0.0) + _EPS).sqrt()


def quantisation(c: Tensor) -> Tensor:
    """1 - mean (2 c - 1)^2: 0 where one of each pair is 1 (the newer repository alone has it)."""
    return 1.0 - (2.0 * c - 1.0).square().mean()
