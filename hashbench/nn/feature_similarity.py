"""How similar items are by their features alone: the targets of unsupervised hashing.

DJSRH: Su, Zhong, Zhang, ICCV 2019. JDSH: Liu, Qian, Guan, Zhan, Ying, SIGIR 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def cosines(a: Tensor, b: Tensor) -> Tensor:
    """(n, d), (m, d) -> (n, m) cosines of all rows."""
    return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T


def structure_loss(a: Tensor, b: Tensor, S: Tensor) -> Tensor:
    """mean_ij (cos(a_i, b_j) - S_ij)^2 of relaxed codes (n, K), S (n, n)."""
    return F.mse_loss(cosines(a, b), S)


def djsrh_similarity(images: Tensor, texts: Tensor, beta: float, eta: float, mu: float) -> Tensor:
    """S = mu [(1 - eta) S~ + eta S~ S~^T / n], S~ = beta S_V + (1 - beta) S_T (DJSRH, eq. 1-4).

    S_V and S_T are 2 cos - 1 among the n images (n, d) and texts (n, e) of a batch. Two items are
    alike that are alike to the same others, which is what S~ S~^T adds.
    """
    S = beta * (2.0 * cosines(images, images) - 1.0)
    S = S + (1.0 - beta) * (2.0 * cosines(texts, texts) - 1.0)
    return mu * ((1.0 - eta) * S + eta * (S @ S.T) / len(S))


def jdsh_similarity(images: Tensor, texts: Tensor, shares: tuple[float, float, float]) -> Tensor:
    """S~ = a S_V + b S_T + c sym(unit(S_V) unit(S_T)^T), (n, n), with `shares` a, b, c (JDSH).

    S_V and S_T are 2 cos - 1; unit() scales rows to length 1, sym(X) = (X + X^T) / 2.
    """
    a, b, c = shares
    S_V, S_T = (2.0 * cosines(x, x) - 1.0 for x in (images, texts))
    across = cosines(S_V, S_T)
    return a * S_V + b * S_T + c * 0.5 * (across + across.T)


@dataclass(frozen=True)
class Thresholds:
    """Where similarities stand out (JDSH): dissimilar below `left`, similar above `right`.

    `low` and `high` are the extremes from which weights are counted.
    """

    low: float
    high: float
    left: float
    right: float


def fitted_thresholds(matrices: Sequence[Tensor], below: float, above: float) -> Thresholds:
    """Thresholds from similarities between different items, those of batches (n, n).

    Each side of the median is taken for half a normal distribution around it, with deviations s_l
    and s_r: left = median - `below` s_l, right = median + `above` s_r.
    """
    values = torch.cat([S[~torch.eye(len(S), dtype=torch.bool, device=S.device)] for S in matrices])
    # torch.median is not deterministic on GPUs; sorting is
    median = values.sort().values[(len(values) - 1) // 2]
    deviations = values - median
    spread_left, spread_right = (
        deviations[side].square().mean().sqrt() if bool(side.any()) else deviations.new_zeros(())
        for side in (deviations < 0, deviations > 0)
    )
    return Thresholds(
        float(values.min()),
        float(values.max()),
        float(median - below * spread_left),
        float(median + above * spread_right),
    )


def sharpened(S: Tensor, at: Thresholds, dissimilar: float, similar: float) -> Tensor:
    """JDSH's weighting by distribution: what stands out is moved further out.

    S (1 + l1 exp(-(S - low))) below `left`, S (1 + l2 exp(S - high)) above `right`, S between.
    """
    further_left = S * (1.0 + dissimilar * torch.exp(at.low - S))
    further_right = S * (1.0 + similar * torch.exp(S - at.high))
    return torch.where(at.left > S, further_left, torch.where(at.right < S, further_right, S))
