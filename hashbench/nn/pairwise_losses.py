"""Pairwise similarity from labels, and the likelihood loss over codes that DCMH introduced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Similarity:
    """`S` (N, n) in [0, 1], and `weight` (N, n): 1 where a pair counts; None when all do."""

    S: Tensor
    weight: Tensor | None = None

    def rows(self, index: Tensor) -> Similarity:
        """The pairs of some of the N rows only."""
        weight = None if self.weight is None else self.weight[index]
        return Similarity(self.S[index], weight)


def similarity(
    labels: Tensor, known: Tensor, other_labels: Tensor, other_known: Tensor, unknown: str
) -> Similarity:
    """S_ij = 1 iff items i (of N) and j (of n) share a known positive label.

    Labels are (., C) floats of 0 and 1, `known` bools of the same shape. `unknown` says what
    becomes of pairs that incomplete labels leave open: `negative` takes them as S = 0 (PCRIL's
    AN), `ignore` leaves them out (PCRIL's IU).
    """
    S = (labels @ other_labels.T > 0).to(labels.dtype)
    if unknown == "negative" or (bool(known.all()) and bool(other_known.all())):
        return Similarity(S)
    return Similarity(S, ternary_known(labels, known, other_labels, other_known, S))


def ternary_known(
    labels: Tensor, known: Tensor, other_labels: Tensor, other_known: Tensor, S: Tensor
) -> Tensor:
    """(N, n) floats, 1 where a pair's similarity is certain (PCRIL, section 3.3).

    Certain is a shared positive, and a pair in which every class is a known negative of at least
    one of the two.
    """
    zero, other_zero = (
        (k & (y == 0)).to(S.dtype) for k, y in ((known, labels), (other_known, other_labels))
    )
    either = zero.sum(1)[:, None] + other_zero.sum(1)[None, :] - zero @ other_zero.T
    return torch.maximum(S, (either >= labels.shape[1]).to(S.dtype))


def likelihood(A: Tensor, h: Tensor, similar: Similarity) -> Tensor:
    """J(A, h) = mean_ij [softplus(theta_ij) - S_ij theta_ij], theta = 1/2 A h^T (DCMH, eq. 1).

    A (N, K) are codes that get no gradient, usually a memory of the training set, h (n, K) those
    of the batch. The sum over the pairs that count, divided by all N n pairs: its ratio to other
    terms is then that of the paper's sums, however many pairs are left out.
    """
    # similarities may depend on mixing coefficients that are learned
    if similar.S.requires_grad or A.requires_grad:
        return _plain_likelihood(A, h, similar)
    value: Tensor = _Likelihood.apply(A, h, similar.S, similar.weight)  # type: ignore[no-untyped-call]
    return value


def _plain_likelihood(A: Tensor, h: Tensor, similar: Similarity) -> Tensor:
    theta = 0.5 * A @ h.T
    each = F.softplus(theta) - similar.S * theta
    if similar.weight is not None:
        each = each * similar.weight
    return each.mean()


ROWS = 1024
"""Rows of a memory whose pairs with a batch are in the processor's cache at once."""


class _Likelihood(torch.autograd.Function):
    """J(A, h) with its gradient dJ/dh = 1/2 (sigmoid(theta) - S)^T A / (N n), made in one go.

    Of the N n pairs a few rows at a time are ever in memory: with autograd's own steps some ten
    matrices of that size would be written and read again, which takes twice as long.
    """

    @staticmethod
    def forward(ctx: Any, A: Tensor, h: Tensor, S: Tensor, weight: Tensor | None) -> Tensor:
        """The value; the gradient waits in `ctx`."""
        step = ROWS if A.device.type == "cpu" else max(1, len(A))
        half, gradient = 0.5 * h.T, torch.zeros_like(h)
        total = h.new_zeros(())
        for start in range(0, len(A), step):
            rows = slice(start, start + step)
            theta, similar = A[rows] @ half, S[rows]
            each = F.softplus(theta)
            if weight is None:
                total += each.sum() - torch.dot(similar.flatten(), theta.flatten())
                slope = theta.sigmoid_().sub_(similar)
            else:
                total += each.sub_(similar * theta).mul_(weight[rows]).sum()
                slope = theta.sigmoid_().sub_(similar).mul_(weight[rows])
            gradient.addmm_(slope.T, A[rows])
        pairs = max(1, len(A) * len(h))
        ctx.save_for_backward(gradient.mul_(0.5 / pairs))
        return total / pairs

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, None, None]:
        """For h alone."""
        (gradient,) = ctx.saved_tensors
        return None, grad * gradient, None, None


def cosines(x: Tensor, y: Tensor) -> Tensor:
    """(n, K) and (m, K) -> (n, m)."""
    return F.normalize(x, dim=1) @ F.normalize(y, dim=1).T


def pair_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """The mean of `values` (N, n) over the pairs that count, 0 where none does."""
    if weight is None:
        return values.mean()
    return (values * weight).sum() / weight.sum().clamp_min(1.0)


def per_pair(K: int, N: int) -> float:
    """What a mean over n K bits must be weighted with to be a sum divided by N n pairs: K / N.

    Papers add sums over pairs and sums over bits (DCMH, PCRIL); here both are means.
    """
    return K / N
