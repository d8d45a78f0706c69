"""Tokens on their way through a tower: what methods that tune its last blocks begin with."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SHORT = 32
"""Texts up to this many tokens run apart from longer ones, so that a few long ones do not make a
whole batch long."""


@dataclass(frozen=True)
class Tokens:
    """n items of one modality as inputs of the first tuned block of their tower.

    `values` (n, L, w) is padded with zeros behind each item's `lengths` (n) tokens; the first token
    of a picture is its class token, the last one of a text its end token. `pooled` (n, d) are the
    features of the whole frozen tower.
    """

    pooled: Tensor
    values: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.pooled)

    def __getitem__(self, rows: Tensor | slice) -> Tokens:
        """Some of the items."""
        return Tokens(self.pooled[rows], self.values[rows], self.lengths[rows])

    def cut(self) -> Tokens:
        """Without the padding that all items share."""
        longest = int(self.lengths.max()) if len(self) else 0
        return Tokens(self.pooled, self.values[:, :longest], self.lengths)

    def by_length(self) -> list[Tensor]:
        """Row numbers of the short items and of the long ones, as far as there are any."""
        short = self.lengths <= SHORT
        groups = [torch.nonzero(mask).squeeze(1) for mask in (short, ~short)]
        return [rows for rows in groups if len(rows)]


def padding_bias(lengths: Tensor, longest: int) -> Tensor:
    """(n, L) to add to attention logits: 0 for an item's tokens, -inf for what is behind them."""
    behind = torch.arange(longest, device=lengths.device)[None, :] >= lengths[:, None]
    return torch.zeros(behind.shape, device=lengths.device).masked_fill(behind, -torch.inf)
