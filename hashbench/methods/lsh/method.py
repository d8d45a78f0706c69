"""b = sign(R (x - mean)), one R ~ N(0, 1)^{K x d} for both modalities.

Features of different widths, as sets of precomputed ones have, meet the first rows of R each;
their codes then have nothing to do with each other, which is the floor of such a set.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from hashbench.methods.base import Method, Stage
from hashbench.methods.context import MethodContext


class Lsh(Method):
    """Sign random projection of L2-normalised, centred features. Uses no label."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        image_width, text_width = context.train.images.shape[1], context.train.texts.shape[1]
        (self._bits,) = context.bits
        self.image_mean: Tensor
        self.text_mean: Tensor
        self.R: Tensor
        self.register_buffer("image_mean", torch.zeros(image_width))
        self.register_buffer("text_mean", torch.zeros(text_width))
        self.register_buffer("R", torch.zeros(max(image_width, text_width), self._bits))

    def stages(self) -> Sequence[Stage]:
        """One stage without epochs: draw the projection, take the means."""
        return [Stage("fit", "Projection", epochs=0, batch_size=1)]

    def begin_stage(self, stage: Stage) -> None:  # noqa: ARG002
        """Draws R from the run's seed; the draw is the same on every device."""
        self.R.copy_(torch.randn(self.R.shape, generator=_cpu_generator(self.context.seed)))
        if self.context.flag("centre"):
            self.image_mean.copy_(F.normalize(self.context.train.images, dim=1).mean(0))
            self.text_mean.copy_(F.normalize(self.context.train.texts, dim=1).mean(0))

    def encode_image(self, images: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {
            self._bits: (F.normalize(images, dim=1) - self.image_mean) @ self.R[: images.shape[1]]
        }

    def encode_text(self, texts: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self._bits: (F.normalize(texts, dim=1) - self.text_mean) @ self.R[: texts.shape[1]]}


def _cpu_generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
