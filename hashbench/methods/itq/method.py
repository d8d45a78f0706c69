"""ITQ (Gong and Lazebnik, CVPR 2011), over both modalities stacked."""

from __future__ import annotations

import torch
from torch import Tensor

from hashbench.methods.linear import LinearCodes
from hashbench.nn.projections import itq_rotation, principal_directions


class Itq(LinearCodes):
    """W R: the K first principal directions W (d, K), and the rotation R of |sign(XWR) - XWR|."""

    def fit(self, V: Tensor, T: Tensor) -> tuple[Tensor, Tensor]:
        """One projection for both modalities."""
        self.refuse_more_bits_than(V.shape[1])
        X = torch.cat([V, T])
        W = principal_directions(X.T @ X / len(X), self.K)
        R = itq_rotation(X @ W, self.K, self.context.whole("rounds"), self.context.seed)
        return W @ R, W @ R
