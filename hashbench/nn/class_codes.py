"""From scores of classes to bits: a fixed projection of C scores to K bits."""

from __future__ import annotations

import torch
from scipy.linalg import hadamard
from torch import Tensor

from hashbench.nn.projections import itq_rotation, principal_directions

ITQ_ROUNDS = 50


def class_projection(kind: str, scores: Tensor, K: int, seed: int) -> Tensor:
    """G (C, K), such that sign(scores G) are codes; `scores` (n, C) are centred.

    `hadamard` gives each class a row of +1 and -1 that differs from any other's in half of the
    bits (see `hadamard_codes`) and does not look at the scores; `itq` rotates their min(C, K)
    principal directions to the signs that they are nearest to.
    """
    if kind == "hadamard":
        return hadamard_codes(scores.shape[1], K, seed).to(scores)
    exact = scores.double()
    W = principal_directions(exact.T @ exact / len(exact), min(K, exact.shape[1]))
    return (W @ itq_rotation(exact @ W, K, ITQ_ROUNDS, seed)).to(scores)


def hadamard_codes(classes: int, K: int, seed: int) -> Tensor:
    """(C, K) of +1 and -1: columns and rows, drawn by the seed, of a Hadamard matrix.

    Its order is the least power of 2 that has K rows and C columns besides the constant one.
    """
    order = 1 << (max(K, classes + 1) - 1).bit_length()
    matrix = torch.from_numpy(hadamard(order)).float()
    generator = torch.Generator().manual_seed(seed)
    columns = 1 + torch.randperm(order - 1, generator=generator)[:classes]
    rows = torch.randperm(order, generator=generator)[:K]
    return matrix[rows][:, columns].T.contiguous()
