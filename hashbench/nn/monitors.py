"""Quantities watched while training goes on."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

WORD = 32
"""Bits that are packed into one number where codes are counted."""


def bit_balance(codes: Tensor) -> float:
    """Mean over bits of |mean sign|: 0 is perfect balance, 1 means every bit is constant."""
    return float(signs(codes).mean(0).abs().mean())


def distinct_codes(codes: Tensor) -> float:
    """Number of different sign patterns among the rows."""
    bits = (codes >= 0).long()
    places = torch.arange(bits.shape[1], device=bits.device)
    words = [  # of 32 bits each: one word is counted far faster than rows of bits
        (part << place % WORD).sum(1)
        for part, place in zip(
            torch.split(bits, WORD, dim=1), torch.split(places, WORD), strict=True
        )
    ]
    if len(words) == 1:
        return float(len(torch.unique(words[0])))
    return float(len(torch.unique(torch.stack(words, dim=1), dim=0)))


def sign_disagreement(codes: Tensor, target: Tensor) -> float:
    """Share of bits in which the sign of `codes` differs from that of `target`."""
    return float((signs(codes) != signs(target)).float().mean())


def signs(codes: Tensor) -> Tensor:
    """+1 where at least 0, else -1: unlike torch.sign, never 0."""
    return torch.where(codes >= 0, 1.0, -1.0)


def gradient_norm(parameters: Iterable[nn.Parameter]) -> float:
    """The norm of the gradients that the last step left, over all parameters; 0 without any."""
    squares = [p.grad.square().sum() for p in parameters if p.grad is not None]
    return float(torch.stack(squares).sum().sqrt()) if squares else 0.0


class Running(nn.Module):
    """Means over an epoch of per-item values of each batch, and the number of batches.

    Buffers, so that a resumed run goes on counting.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self.names = names
        self.sums: Tensor
        self.counts: Tensor
        self.register_buffer("sums", torch.zeros(len(names), dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(2, dtype=torch.int64))

    @torch.no_grad()
    def add(self, *values: Tensor) -> None:
        """One batch: for each name the values (n) of its items."""
        self.sums += torch.stack([value.double().sum() for value in values])
        self.counts += torch.tensor([len(values[0]), 1], device=self.counts.device)

    @property
    def steps(self) -> int:
        """Batches since the epoch began."""
        return int(self.counts[1])

    def means(self) -> dict[str, float]:
        """The means since the last call; a new epoch begins."""
        means = (self.sums / self.counts[0].clamp_min(1)).tolist()
        self.sums.zero_()
        self.counts.zero_()
        return dict(zip(self.names, means, strict=True))
