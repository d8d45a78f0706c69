"""The loss of DHaPH: a contrast of sums over positives and negatives with self-paced weights."""

from __future__ import annotations

import torch
from torch import Tensor

from hashbench.nn.pairwise_losses import Similarity, cosines


def self_paced_contrast(
    h: Tensor, other: Tensor, similar: Similarity, temperature: float, delta: float
) -> Tensor:
    """-mean_i log(P_i / (P_i + N_i)) of codes h and other (n, K).

    P_i = sum_{j: S_ij = 1} exp(-1 - cos_ij)^(delta / 4) exp(cos_ij / tau) and
    N_i = sum_{j: S_ij = 0} exp(-1 + cos_ij)^delta exp(cos_ij / tau): the larger delta, the more the
    far positives and the near negatives count. No gradient flows through these weights. Items
    without a positive have no ratio and are left out; so are pairs that do not count.
    """
    cos = cosines(h, other)
    fixed = cos.detach()
    e = torch.exp(cos / temperature)
    counts = 1.0 if similar.weight is None else similar.weight
    hard_positive = torch.exp((-1.0 - fixed) * (0.25 * delta))
    hard_negative = torch.exp((fixed - 1.0) * delta)
    P = (similar.S * counts * hard_positive * e).sum(1)
    N = ((1.0 - similar.S) * counts * hard_negative * e).sum(1)
    some = P > 0
    ratios = torch.where(some, P, 1.0) / torch.where(some, P + N, 1.0)  # log 1 = 0 for the others
    return -torch.log(ratios).sum() / some.sum().clamp_min(1)
