"""Random codes, which depend on the item alone: not on its batch, and not on the machine."""

from __future__ import annotations

import torch
from torch import Tensor

from hashbench.methods.base import Method, Stage
from hashbench.methods.context import MethodContext


class RandomCodes(Method):
    """Bit k of an item is a pseudo-random function of (run's seed, the item's feature, k)."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        (self.K,) = context.bits
        self.key: Tensor
        self.register_buffer("key", torch.tensor(context.seed))

    def stages(self) -> list[Stage]:
        """One stage without epochs, in which nothing happens."""
        return [Stage("fit", "Nothing to fit", epochs=0, batch_size=1)]

    def encode_image(self, images: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)} of +1 and -1."""
        return {self.K: self._bits(images)}

    def encode_text(self, texts: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)} of +1 and -1."""
        return {self.K: self._bits(texts)}

    def _bits(self, features: Tensor) -> Tensor:
        """A hash of the float's own bits: integers that overflow alike on every device."""
        words = features.float().contiguous().view(torch.int32).long()
        places = _mixed(torch.arange(words.shape[1], device=words.device) + self.key)
        item = (_mixed(words) * (2 * places + 1)).sum(1)
        each = torch.arange(self.K, device=words.device)
        hashed = _mixed(_mixed(item)[:, None] + _mixed(each + self.key + (1 << 32)))
        return (hashed & 1).float() * 2.0 - 1.0


def _mixed(z: Tensor) -> Tensor:
    """The finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014), on int64 that overflows."""
    z = z * -7046029254386353131  # 0x9E3779B97F4A7C15
    z = (z ^ _shifted(z, 30)) * -4658895280553007687  # 0xBF58476D1CE4E5B9
    z = (z ^ _shifted(z, 27)) * -7723592293110705685  # 0x94D049BB133111EB
    return z ^ _shifted(z, 31)


def _shifted(z: Tensor, by: int) -> Tensor:
    """Logical shift to the right; torch's own keeps the sign."""
    return (z >> by) & ((1 << (64 - by)) - 1)
