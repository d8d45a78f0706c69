"""Contrastive losses between paired sets of features, whole items or their tokens."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

ITEMS = 64
"""Items whose tokens are compared with those of all others at once."""


def info_nce(a: Tensor, b: Tensor, temperature: float | Tensor) -> Tensor:
    """Symmetric cross entropy of matching row i of `a` (n, d) with row i of `b` (n, d).

    Rows are L2-normalised here. `temperature` is a number, or one for each row (n).
    """
    return matching(F.normalize(a, dim=1) @ F.normalize(b, dim=1).T, temperature)


def matching(similarity: Tensor, temperature: float | Tensor) -> Tensor:
    """Symmetric cross entropy of a similarity matrix (n, n) whose diagonal holds the pairs.

    The temperature of item i (n) scales row i in one direction and column i in the other.
    """
    each = torch.as_tensor(temperature, dtype=similarity.dtype, device=similarity.device)
    scale = (1.0 / each).reshape(-1, 1)
    target = torch.arange(len(similarity), device=similarity.device)
    by_row = F.cross_entropy(similarity * scale, target)
    by_column = F.cross_entropy(similarity.T * scale, target)
    return 0.5 * (by_row + by_column)


def jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    """(n) divergences, in nats, of rows that are distributions (n, d): from 0 to log 2."""
    middle = 0.5 * (p + q)

    def relative(x: Tensor) -> Tensor:
        return torch.xlogy(x, x / middle.clamp_min(1e-30)).sum(1)

    return 0.5 * (relative(p) + relative(q))


def adaptive_temperature(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """(n) temperatures tau / (1 + JS_i): pairs that disagree are sharpened (PromptHash, PACL).

    JS_i is the divergence of softmax(sqrt(d) a_i) and softmax(sqrt(d) b_i), rows L2-normalised.
    The release leaves out sqrt(d), which makes the distributions all but uniform: its factor is
    0.9995 whatever the pair. No gradient flows through it.
    """
    with torch.no_grad():
        scale = a.shape[1] ** 0.5
        p, q = (F.softmax(scale * F.normalize(x, dim=1), dim=1) for x in (a, b))
        return temperature / (1.0 + jensen_shannon(p, q))


def token_similarity(tokens: Tensor, others: Tensor, weights: Tensor) -> Tensor:
    """(n, n) similarity of token sets: how well each of j's tokens matches its best one of i's.

    s_ij = sum_q w_jq max_r cos(tokens_ir, others_jq) / sum_q w_jq, the late interaction of FILIP
    (arXiv 2111.07783, eq. 4). `tokens` (n, P, d), `others` (n, m, d), `weights` (n, m).
    """
    n, m, _ = others.shape
    tokens, others = F.normalize(tokens, dim=2), F.normalize(others, dim=2)
    # (n, P, k m) cosines with k items at a time: those with all are the largest array of a step
    best = torch.cat(
        [
            (tokens @ some.flatten(0, 1).T)
            .max(dim=1)
            .values  # whose gradient is cheaper than amax's
            for some in torch.split(others, ITEMS)
        ],
        dim=1,
    ).reshape(n, n, m)
    return (best * weights).sum(2) / weights.sum(1).clamp_min(1e-6)
