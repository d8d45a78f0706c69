"""CVH (Kumar and Udupa, IJCAI 2011) for pairs without labels, where it is CCA."""

from __future__ import annotations

import torch
from torch import Tensor

from hashbench.methods.context import MethodContext
from hashbench.methods.linear import LinearCodes
from hashbench.nn.projections import canonical, regularised, signed


class Cvh(LinearCodes):
    """The K first pairs of canonical directions; K <= min(d_v, d_t).

    Widely copied code (CVHtrainCCA.m) departs from that: see `released_directions`.
    """

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        self.centred = context.text("solver") == "cca"

    def fit(self, V: Tensor, T: Tensor) -> tuple[Tensor, Tensor]:
        """One projection for each modality."""
        self.refuse_more_bits_than(min(V.shape[1], T.shape[1]))
        ridge = self.context.real("ridge")
        if not self.centred:
            return released_directions(V, T, self.K, ridge)
        W_v, W_t, _ = canonical(V, T, ridge)
        return W_v[:, : self.K], W_t[:, : self.K]


def released_directions(V: Tensor, T: Tensor, K: int, ridge: float) -> tuple[Tensor, Tensor]:
    """The K first w of C_vt C_tt C_vt^T w = lambda C_vv w, where CCA has C_tt^-1 on the left.

    The texts' directions are those of CCA for given ones of images, C_tt^-1 C_vt^T w.
    """
    n = len(V)
    C_vv, C_tt = (regularised(x.T @ x / n, ridge) for x in (V, T))
    C_vt = V.T @ T / n
    # with C_vv = L L^T and u = L^T w it is an ordinary symmetric problem
    L = torch.linalg.cholesky(C_vv)
    half = torch.linalg.solve_triangular(L, C_vt, upper=False)
    _, u = torch.linalg.eigh(half @ C_tt @ half.T)
    W_v = signed(torch.linalg.solve_triangular(L.T, u.flip(1)[:, :K], upper=True))
    return W_v, torch.linalg.solve(C_tt, C_vt.T @ W_v)
