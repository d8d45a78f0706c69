"""Similarity of pairs when labels are incomplete: continuous, ternary, and masked negatives."""

from __future__ import annotations

import torch
from torch import Tensor

_LEAST = 1e-12  # 1 - l of a certain label, so that its logarithm exists


def continuous_similarity(labels: Tensor, others: Tensor) -> Tensor:
    """S_ij = 1 - prod_c (1 - l_ic l_jc): (N, C) and (n, C) in [0, 1] -> (N, n) (PCRIL)."""
    if bool(((labels == 0) | (labels == 1)).all()):
        # the product is over the classes of i alone: a matrix product of logarithms, much faster
        return 1.0 - torch.exp(labels @ _log_of_rest(others).T)
    none_shared = torch.ones(len(labels), len(others), dtype=labels.dtype, device=labels.device)
    for c in range(labels.shape[1]):
        none_shared *= 1.0 - torch.outer(labels[:, c], others[:, c])
    return 1.0 - none_shared


def mixed_similarity(labels: Tensor, own: Tensor, partner: Tensor, share: Tensor) -> Tensor:
    """The same of labels (N, C) with mixed ones, l_j = lambda own_j + (1 - lambda) partner_j.

    `own` and `partner` (n, C) are 0 and 1, so that l_jc has three values but 0, and the logarithm
    of the product is three matrix products. Gradients reach `share`, which is lambda.
    """
    both, alone, partners = own * partner, own * (1.0 - partner), partner * (1.0 - own)
    none_shared = (
        _log_of_rest(labels) @ both.T
        + _log_of_rest(share * labels) @ alone.T
        + _log_of_rest((1.0 - share) * labels) @ partners.T
    )
    return 1.0 - torch.exp(none_shared)


def _log_of_rest(labels: Tensor) -> Tensor:
    return torch.log((1.0 - labels).clamp_min(_LEAST))


def known_dissimilar(negative: Tensor, others: Tensor) -> Tensor:
    """(N, n) bool: every class is a known negative of at least one of the two (ternary s_ij = 0).

    `negative` (N, C) and `others` (n, C) say which labels are known to be 0.
    """
    zero, other = negative.float(), others.float()
    # |A or B| = |A| + |B| - |A and B|, for all pairs at once
    either = zero.sum(1)[:, None] + other.sum(1)[None, :] - zero @ other.T
    return either >= zero.shape[1]


def pair_mask(similar: Tensor, dissimilar: Tensor, unknown: str, ratio: float) -> Tensor | None:
    """Which pairs enter the loss: (N, n) of 0 and 1, or None where all do.

    A pair with S > 0 (`similar`, (N, n) bool) does, and so does one that is known to be
    `dissimilar`. The others, the unknown pairs, are left out (`ignore`, the paper's IU), all taken
    as dissimilar (`negative`, AN), or, by adaptive negative masking (`anm`), so many of them at
    random that there are `ratio` times as many negative pairs as positive ones (PCRIL).
    """
    if unknown == "negative":
        return None
    mask = similar | dissimilar
    if unknown == "anm":
        unknown_pairs = (~mask).flatten().nonzero()[:, 0]
        missing = int(ratio * int(similar.sum())) - int((dissimilar & ~similar).sum())
        if missing > 0 and len(unknown_pairs):
            order = torch.randperm(len(unknown_pairs), device=mask.device)[:missing]
            mask.view(-1)[unknown_pairs[order]] = True
    return mask.to(torch.get_default_dtype())


def uncertain_share(positive: Tensor, negative: Tensor, block: int = 1024) -> float:
    """The share of pairs of n items whose ternary similarity is unknown, each with itself too.

    `positive` and `negative` (n, C) bool are what is known of the labels. PCRIL, Fig. 6d compares
    it before and after recovery.
    """
    n = len(positive)
    uncertain = 0
    for first in range(0, n, block):
        rows = slice(first, first + block)
        similar = positive[rows].float() @ positive.float().T > 0
        uncertain += int((~similar & ~known_dissimilar(negative[rows], negative)).sum())
    return uncertain / max(1, n * n)
