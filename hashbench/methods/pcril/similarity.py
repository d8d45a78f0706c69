"""Similarity of pairs when labels are incomplete: continuous, ternary, and masked negatives."""

from __future__ import annotations

import torch
from torch import Tensor

_LEAST = 1e-12  # 1 - l of a certain label, so that its logarithm exists


def continuous(labels: Tensor, others: Tensor) -> Tensor:
    """S_ij = 1 - prod_c (1 - l_ic l_jc): (N, C) and (n, C) in [0, 1] -> (N, n) (PCRIL).

    Gradients reach `others`. For `labels` of 0 and 1 alone, the product is over the classes of i,
    which is a matrix product of logarithms.
    """
    if bool(((labels == 0) | (labels == 1)).all()):
        return 1.0 - torch.exp(labels @ torch.log((1.0 - others).clamp_min(_LEAST)).T)
    missing = torch.ones(len(labels), len(others), dtype=labels.dtype, device=labels.device)
    for c in range(labels.shape[1]):
        missing = missing * (1.0 - labels[:, c, None] * others[None, :, c])
    return 1.0 - missing


def certainly_apart(negative: Tensor, others: Tensor) -> Tensor:
    """(N, n) bool: every class is a known negative of at least one of the two (ternary s_ij = 0).

    `negative` (N, C) and `others` (n, C) say which labels are known to be 0.
    """
    zero, other = negative.float(), others.float()
    either = zero.sum(1)[:, None] + other.sum(1)[None, :] - zero @ other.T
    return either >= zero.shape[1]


def counted(positive: Tensor, apart: Tensor, unknown: str, ratio: float) -> Tensor | None:
    """Which pairs count: (N, n) of 0 and 1, or None where all do.

    A pair with S > 0 (`positive`, (N, n) bool) counts, and so does one that is `apart`, as a
    certain negative. The others, the unknown pairs, are left out (`ignore`, the paper's IU), all
    taken as dissimilar (`negative`, AN), or, by adaptive negative masking (`anm`), so many of them
    at random that there are `ratio` times as many negative pairs as positive ones (PCRIL).
    """
    if unknown == "negative":
        return None
    counts = positive | apart
    if unknown == "anm":
        open_pairs = (~counts).flatten().nonzero()[:, 0]
        wanted = int(ratio * int(positive.sum())) - int((apart & ~positive).sum())
        if wanted > 0 and len(open_pairs):
            order = torch.randperm(len(open_pairs), device=counts.device)[:wanted]
            counts.view(-1)[open_pairs[order]] = True
    return counts.to(torch.get_default_dtype())
