"""PCA-sign (PCA direct of Gong and Lazebnik, CVPR 2011), over both modalities."""

from __future__ import annotations

from torch import Tensor

from hashbench.methods.linear import LinearCodes
from hashbench.nn.projections import principal_directions


class PcaSign(LinearCodes):
    """The K first eigenvectors of the pooled covariance 1/2 (C_vv + C_tt); K <= d."""

    def fit(self, V: Tensor, T: Tensor) -> tuple[Tensor, Tensor]:
        """One projection for both modalities."""
        self.refuse_more_bits_than(V.shape[1])
        pooled = 0.5 * (V.T @ V + T.T @ T) / len(V)
        W = principal_directions(pooled, self.K)
        return W, W
