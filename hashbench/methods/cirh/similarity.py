"""CIRH's similarity over the training set, of which a batch's part is made when it is needed."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 1024


def cut_offs(images: Tensor, texts: Tensor, share: float, cut: float) -> Tensor:
    """(N) the similarity below which an item's similarities are 0.

    It lies midway between the (cut N)-th smallest in a row of a1 V V^T + (1 - a1) T T^T and the
    next one, so that rounding does not matter; -inf where nothing is cut. Of the N x N matrix only
    blocks are in memory.
    """
    count = min(round(cut * len(images)), len(images) - 1)
    if not count:
        return torch.full((len(images),), -torch.inf, device=images.device)
    V, T = F.normalize(images, dim=1), F.normalize(texts, dim=1)
    values = []
    for start in range(0, len(V), BLOCK):
        rows = slice(start, start + BLOCK)
        S1 = share * V[rows] @ V.T + (1.0 - share) * T[rows] @ T.T
        # on the CPU, since torch has no order statistic that is deterministic on GPUs
        ordered = np.partition(S1.cpu().numpy(), (count - 1, count), axis=1)
        values.append(torch.from_numpy(ordered[:, count - 1 : count + 1].mean(1)))
    return torch.cat(values).to(images.device)


def joint_similarity(
    images: Tensor, texts: Tensor, cut: Tensor, share: float, direct: float
) -> Tensor:
    """S = a2 S1 + (1 - a2) S2 among n items (n, d) and (n, e), with `share` a1 and `direct` a2.

    S1 = a1 V V^T + (1 - a1) T T^T on unit features, 0 below `cut` (n); S2 is
    2 sigmoid(S1) - 1 + I, symmetrised.
    """
    V, T = F.normalize(images, dim=1), F.normalize(texts, dim=1)
    S1 = share * V @ V.T + (1.0 - share) * T @ T.T
    S1 = S1 * S1.gt(cut[:, None])
    S2 = 2.0 * torch.sigmoid(S1) - 1.0 + torch.eye(len(S1), device=S1.device)
    return direct * S1 + (1.0 - direct) * 0.5 * (S2 + S2.T)


def with_neighbours(features: Tensor, S: Tensor) -> Tensor:
    """0.7 x + 0.2 x_3 + 0.1 x_4 of a batch (n, d): the third and fourth most similar by S (n, n).

    The item itself counts as its first. A batch of fewer items takes the last there is.
    """
    order = S.argsort(dim=1, descending=True, stable=True)
    third, fourth = (order[:, min(place, len(S) - 1)] for place in (2, 3))
    return 0.7 * features + 0.2 * features[third] + 0.1 * features[fourth]
