"""The loss of DSPH, which is that of HyP^2 (Xu et al., CVPR 2022) for two modalities."""

from __future__ import annotations

import torch
from torch import Tensor

from hashbench.nn.pairwise_losses import Similarity, cosines


def proxy_attraction(h: Tensor, proxies: Tensor, labels: Tensor) -> Tensor:
    """sum_{ic: L_ic = 1} (1 - cos(h_i, P_c)) / #{L_ic = 1}; h (n, K), P (C, K), L (n, C)."""
    return (labels * (1.0 - cosines(h, proxies))).sum() / labels.sum().clamp_min(1.0)


def proxy_repulsion(
    h: Tensor, proxies: Tensor, labels: Tensor, known: Tensor, zeta: float
) -> Tensor:
    """sum_{ic: L_ic = 0} ReLU(cos(h_i, P_c) - zeta) / #{L_ic = 0}, of known L_ic (n, C) alone."""
    negative = known.to(h.dtype) * (1.0 - labels)
    above = torch.relu(cosines(h, proxies) - zeta)
    return (negative * above).sum() / negative.sum().clamp_min(1.0)


def irrelevant_pairs(
    x: Tensor, y: Tensor, similar: Similarity, several: Tensor, zeta: float
) -> Tensor:
    """sum ReLU(cos(x_i, y_j) - zeta) / # over pairs with S_ij = 0, 0 where there is none.

    Both items have `several` (n) labels. x, y (n, K); pairs that do not count are left out.
    """
    chosen = (1.0 - similar.S) * torch.outer(several, several).to(x.dtype)
    if similar.weight is not None:
        chosen = chosen * similar.weight
    return (chosen * torch.relu(cosines(x, y) - zeta)).sum() / chosen.sum().clamp_min(1.0)
