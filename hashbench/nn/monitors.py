"""What can be read off relaxed codes while training goes on."""

from __future__ import annotations

import torch
from torch import Tensor


def bit_balance(codes: Tensor) -> float:
    """Mean over bits of |mean sign|: 0 is perfect balance, 1 means every bit is constant."""
    return float(signs(codes).mean(0).abs().mean())


def distinct_codes(codes: Tensor) -> float:
    """Number of different sign patterns among the rows."""
    return float(len(torch.unique(codes >= 0, dim=0)))


def sign_disagreement(codes: Tensor, target: Tensor) -> float:
    """Share of bits in which the sign of `codes` differs from that of `target`."""
    return float((signs(codes) != signs(target)).float().mean())


def signs(codes: Tensor) -> Tensor:
    """+1 where at least 0, else -1: unlike torch.sign, never 0."""
    return torch.where(codes >= 0, 1.0, -1.0)
