"""The loss of DNpH: quadratic mutual information of codes and similarity, on the sphere."""

from __future__ import annotations

from torch import Tensor

from hashbench.nn.pairwise_losses import Similarity, cosines, pair_mean


def quadratic_information(h: Tensor, other: Tensor, similar: Similarity) -> Tensor:
    """mean_ij (S_ij Y_ij - 1)^2 + Y_ij^2 / M, Y = (cos + 1) / 2, M = #pairs / sum S.

    h and other (n, K). For a pair with S_ij = 0 the first square is the constant 1, in release and
    here: the second one alone drives it apart, and that acts on similar pairs, too.
    """
    Y = 0.5 * (cosines(h, other) + 1.0)
    share = pair_mean(similar.S, similar.weight)  # 1 / M
    return pair_mean((similar.S * Y - 1.0).square() + Y.square() * share, similar.weight)
