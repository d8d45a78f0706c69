"""Attention among the parts of one item: its image, its text, and the prompt as their anchor."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hashbench.nn.blocks import Attention, Block

HEADS = 4
PARTS = 3


class AnchorFusion(nn.Module):
    """Each part attends to the others: image and text to each other and the anchor, the anchor to
    both.

    The release attends over sequences of length one, where attention is an affine map of the other
    modality; here the sequence is the item's parts. `guided` lets image and text see the anchor.
    """

    def __init__(self, width: int, *, guided: bool) -> None:
        super().__init__()
        self.shortcut = nn.Linear(width, width)
        self.cross = Attention(width, HEADS)
        self.out = nn.Linear(width, width)
        self.joint = Block(width, HEADS)
        others = ~torch.eye(PARTS, dtype=torch.bool)
        if not guided:
            others[:2, 2] = False
        self.others: Tensor
        self.register_buffer("others", others, persistent=False)

    def forward(self, parts: Tensor, available: Tensor) -> Tensor:
        """`parts` (n, 3, d) are image, text, prompt; `available` (n, 3) says which exist.

        Returns (n, 3, d), each item's existing parts of joint length 1, the others zero.
        """
        mask = self.others & available[:, None, :]
        # a part without any other to attend to attends to itself
        itself = torch.eye(PARTS, dtype=torch.bool, device=mask.device)
        mask = mask | (itself & ~mask.any(2, True))
        attended = self.out(self.cross(parts, parts, _bias(mask)))
        mixed = 0.5 * attended + 0.5 * self.shortcut(parts)
        mixed = self.joint(mixed, _bias(available[:, None, :])) * available[:, :, None]
        return F.normalize(mixed.flatten(1), dim=1).reshape(parts.shape)


def _bias(mask: Tensor) -> Tensor:
    """(n, q, k) bools -> (n, 1, q, k) to add to logits: 0 where true, else -inf."""
    return torch.zeros(mask.shape, device=mask.device).masked_fill(~mask, -torch.inf)[:, None]
