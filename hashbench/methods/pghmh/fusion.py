"""Attention among the parts of one item: its image, its text, and the prompt as their anchor."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hashbench.nn.blocks import Attention, Block

HEADS = 4
PARTS = 3


class AnchorFusion(nn.Module):
    """Each part asks the others: image and text each other and the anchor, the anchor both.

    The release asks over sequences of length one, where attention is an affine map of the other
    modality; here the sequence is the item's parts. `guided` lets image and text see the anchor.
    """

    def __init__(self, width: int, *, guided: bool) -> None:
        super().__init__()
        self.straight = nn.Linear(width, width)
        self.cross = Attention(width, HEADS)
        self.leave = nn.Linear(width, width)
        self.joint = Block(width, HEADS)
        asks = ~torch.eye(PARTS, dtype=torch.bool)
        if not guided:
            asks[:2, 2] = False
        self.asks: Tensor
        self.register_buffer("asks", asks, persistent=False)

    def forward(self, parts: Tensor, there: Tensor) -> Tensor:
        """`parts` (n, 3, d) are image, text, prompt; `there` (n, 3) tells which exist.

        Returns (n, 3, d), each item's existing parts of joint length 1, the others zero.
        """
        seen = self.asks & there[:, None, :]
        # a part that nobody else is there for asks itself
        seen = seen | (torch.eye(PARTS, dtype=torch.bool, device=seen.device) & ~seen.any(2, True))
        asked = self.leave(self.cross(parts, parts, _bias(seen)))
        mixed = 0.5 * asked + 0.5 * self.straight(parts)
        mixed = self.joint(mixed, _bias(there[:, None, :])) * there[:, :, None]
        return F.normalize(mixed.flatten(1), dim=1).reshape(parts.shape)


def _bias(seen: Tensor) -> Tensor:
    """(n, q, k) bools -> (n, 1, q, k) to add to logits."""
    return torch.zeros(seen.shape, device=seen.device).masked_fill(~seen, -torch.inf)[:, None]
