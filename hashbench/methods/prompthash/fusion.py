"""Adaptive gated state space fusion (AGSF) of two features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hashbench.nn.blocks import Block
from hashbench.nn.grn import GlobalResponseNorm
from hashbench.nn.state_space import StateSpace

STATE = 16
HEADS = 4
FLIPS: tuple[tuple[int, ...], ...] = ((), (2,), (1,), (1, 2))
"""Axes that are reversed: nothing, channels, sequence, both."""


class FourDirections(nn.Module):
    """One state space block that reads a sequence forwards and backwards, each with its channels
    in both orders; the four results are summed and scaled by a learned number.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = StateSpace(width, STATE)
        self.scale = nn.Parameter(torch.randn(()).abs())

    def forward(self, x: Tensor) -> Tensor:
        """(n, L, d) -> (n, L, d)."""
        outputs = self.block(torch.cat([x.flip(axes) for axes in FLIPS])).chunk(len(FLIPS))
        parts = [y.flip(axes) for y, axes in zip(outputs, FLIPS, strict=True)]
        return self.scale * torch.stack(parts).sum(0)


class AttentionMixer(nn.Module):
    """The transformer variant: one attention block over the sequence in place of the scan."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block = Block(width, HEADS)

    def forward(self, x: Tensor) -> Tensor:
        """(n, L, d) -> (n, L, d)."""
        out: Tensor = self.block(x)
        return out


@dataclass(frozen=True)
class Fused:
    """Both features after fusion, (n, d) each, and the gate of each item (n)."""

    first: Tensor
    second: Tensor
    gate: Tensor


class Fusion(nn.Module):
    """F(a, b): two features (n, d) in, two fused ones out, of joint length 1.

    The sequence that the block reads is the sample's own (a, b). With `over_batch` it is the batch,
    scrambled, as in the release, and the transformer after it attends across the batch: a code then
    depends on the items encoded with it. Both have the same tensors, so that the difference between
    the strict and the published protocol is what is read, not the size of the network. `variant` is
    ssm, transformer or gate (no mixing before the gate).
    """

    def __init__(
        self, width: int, variant: str, *, over_batch: bool, released_norm: bool, dropout: float
    ) -> None:
        super().__init__()
        self.over_batch = over_batch
        self.shortcut = nn.Linear(width, width)
        self.narrow = nn.Linear(width, width)
        mixers = {"ssm": FourDirections, "transformer": AttentionMixer, "gate": _linear}
        self.mix: nn.Module = mixers[variant](width)
        self.gain = nn.Parameter(torch.randn(()).abs())
        self.widen = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.norms = nn.ModuleList(
            GlobalResponseNorm(width, as_released=released_norm) for _ in range(4)
        )
        joint = 2 * width
        self.attend = nn.TransformerEncoderLayer(joint, HEADS, 2 * joint, dropout, batch_first=True)

    def forward(self, a: Tensor, b: Tensor) -> Fused:
        """(n, d), (n, d) -> (n, d), (n, d)."""
        pair = torch.stack([a, b], dim=1)  # (n, 2, d)
        shortcut = self.shortcut(pair)
        inner = F.silu(self.norms[0](self.narrow(pair)))
        mixed = self._over_batch(inner) if self.over_batch else self.mix(inner)
        # what the mixer confirms passes through it, what it contradicts goes round it
        gate = torch.sigmoid(F.cosine_similarity(mixed, inner, dim=2).mean(1))
        w = gate[:, None, None]
        y = self.gain * w * mixed + (1.0 - w) * inner
        y = self.out(self.norms[2](F.silu(self.norms[1](self.widen(y)))))
        joint = self.norms[3](0.5 * y + 0.5 * shortcut).flatten(1)  # (n, 2 d)
        # the release's transformer takes the batch for the sequence; strictly each item is its own
        joint = (
            self.attend(joint[None])[0] if self.over_batch else self.attend(joint[:, None])[:, 0]
        )
        first, second = F.normalize(joint, dim=1).chunk(2, dim=1)
        return Fused(first, second, gate)

    def _over_batch(self, inner: Tensor) -> Tensor:
        """The release's reshape where a transpose was meant: sequences of length n over items."""
        n, _, width = inner.shape
        scrambled = inner.transpose(0, 1).reshape(2, width, n).transpose(1, 2)
        mixed: Tensor = self.mix(scrambled)
        return mixed.transpose(1, 2).reshape(2, n, width).transpose(0, 1)


def _linear(width: int) -> nn.Module:
    return nn.Linear(width, width)
