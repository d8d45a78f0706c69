"""The loss of DNPH: a proxy softmax with a margin, and an assignment to uniform sign vectors."""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from hashbench.nn.pairwise_losses import cosines


def proxy_softmax(
    h: Tensor, proxies: Tensor, labels: Tensor, known: Tensor, margin: float
) -> Tensor:
    """L_p = mean_i sum_c -L_ic log softmax_c(-D_i.), D_ic = |h_i - p_c|^2 + margin L_ic.

    h (n, K) and p (C, K) are brought to unit length, so that |h_i - p_c|^2 = 2 - 2 cos. L and
    `known` (n, C): classes that are not known are in no item's softmax.
    """
    D = 2.0 - 2.0 * cosines(h, proxies) + margin * labels
    log_shares = torch.log_softmax((-D).masked_fill(~known, -torch.inf), dim=1)
    # a class of weight 0 may be -inf, and 0 times that is no number
    return -torch.where(labels > 0, labels * log_shares, 0.0).sum(1).mean()


def uniformity(h: Tensor, vectors: Tensor) -> Tensor:
    """L_u = mean_i <h_i, e_i>, in which e are the sign `vectors` (n, K), assigned to codes h (n, K)
    so that the sum of their distances is least (Hungarian method).
    """
    _, chosen = linear_sum_assignment(torch.cdist(h.detach(), vectors).cpu().numpy())
    return (h * vectors[torch.from_numpy(chosen).to(h.device)]).sum(1).mean()
