"""Projections with closed forms: principal directions, canonical correlations, ITQ's rotation.

All work in double precision. Singular and eigenvectors are only defined up to their sign; here the
entry of largest magnitude is positive, so that codes do not depend on the library that solved.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hashbench.nn.monitors import signs


def signed(vectors: Tensor) -> Tensor:
    """(d, K) columns, each turned so that its entry of largest magnitude is positive."""
    return vectors * _column_signs(vectors)


def _column_signs(vectors: Tensor) -> Tensor:
    largest = vectors.abs().argmax(0, keepdim=True)
    return signs(vectors.gather(0, largest)).to(vectors.dtype)


def principal_directions(covariance: Tensor, K: int) -> Tensor:
    """(d, d) -> (d, K): eigenvectors of the K largest eigenvalues, the largest first; K <= d."""
    _, vectors = torch.linalg.eigh(covariance)
    return signed(vectors.flip(1)[:, :K])


def regularised(covariance: Tensor, ridge: float) -> Tensor:
    """C + r I with r = ridge tr(C) / d."""
    d = len(covariance)
    r = ridge * covariance.trace() / d
    return covariance + r * torch.eye(d, dtype=covariance.dtype, device=covariance.device)


def inverse_root(covariance: Tensor) -> Tensor:
    """C^-1/2 (d, d) of a positive definite C; directions without variance are left out."""
    values, vectors = torch.linalg.eigh(covariance)
    least = values.max().clamp_min(0.0) * 1e-12
    roots = torch.where(values > least, values.clamp_min(1e-300).rsqrt(), 0.0)
    root: Tensor = (vectors * roots) @ vectors.T
    return root


def canonical(X: Tensor, Y: Tensor, ridge: float) -> tuple[Tensor, Tensor, Tensor]:
    """Canonical correlation analysis of centred X (n, p) and Y (n, q), r = min(p, q).

    svd(C_xx^-1/2 C_xy C_yy^-1/2) = U diag(s) V^T. Returns W_x = C_xx^-1/2 U (p, r),
    W_y = C_yy^-1/2 V (q, r) and the correlations s (r), the largest first. Hotelling 1936; `ridge`
    is that of `regularised`, for both covariances.
    """
    n = len(X)
    root_x = inverse_root(regularised(X.T @ X / n, ridge))
    root_y = inverse_root(regularised(Y.T @ Y / n, ridge))
    U, s, Vt = torch.linalg.svd(root_x @ (X.T @ Y / n) @ root_y, full_matrices=False)
    turn = _column_signs(U)
    return root_x @ (U * turn), root_y @ (Vt.T * turn), s


def whitened_regression(X: Tensor, L: Tensor, ridge: float) -> Tensor:
    """C_xx^-1 C_xl C_ll^-1/2 (p, C): the least squares prediction of whitened labels L (n, C).

    With svd(C_xx^-1/2 C_xl C_ll^-1/2) = U diag(s) Z^T it is C_xx^-1/2 U diag(s) Z^T: the canonical
    directions of X and L, scaled by their correlations, turned into the labels' space.
    """
    n = len(X)
    C_xx = regularised(X.T @ X / n, ridge)
    root_l = inverse_root(regularised(L.T @ L / n, ridge))
    W: Tensor = torch.linalg.solve(C_xx, X.T @ L / n) @ root_l
    return W


def itq_rotation(V: Tensor, K: int, rounds: int, seed: int) -> Tensor:
    """R (c, K) with orthonormal rows that draws V R to its signs; V (n, c) is centred, c <= K.

    Iterative quantisation (Gong and Lazebnik, CVPR 2011, section 2.2): from a random rotation on,
    B = sign(V R), then svd(B^T V) = U S W^T and R = W U^T, which minimises |B - V R|. For c = K it
    is a rotation; with fewer dimensions than bits the same steps give a tight frame.
    """
    drawn = torch.randn(K, K, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    R: Tensor = torch.linalg.qr(drawn)[0][: V.shape[1]].to(V.device)
    for _ in range(rounds):
        B = signs(V @ R).to(V.dtype)
        U, _, Wt = torch.linalg.svd(B.T @ V, full_matrices=False)
        R = (U @ Wt).T
    return R
