"""What methods share whose codes are signs of one linear projection a modality, without training.

Features are brought to unit length and centred by the mean of their modality over the training
items: otherwise the gap between image and text features fixes most bits.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from hashbench.errors import InputError
from hashbench.methods.base import Method, Stage
from hashbench.methods.context import MethodContext


class LinearCodes(Method):
    """sign(W_v^T (v - mean)) and sign(W_t^T (t - mean)); `fit` finds the projections."""

    centred = True

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        (self.K,) = context.bits
        widths = {"image": context.train.images.shape[1], "text": context.train.texts.shape[1]}
        self.image_mean: Tensor
        self.text_mean: Tensor
        self.image_projection: Tensor
        self.text_projection: Tensor
        for modality, width in widths.items():
            self.register_buffer(f"{modality}_mean", torch.zeros(width))
            self.register_buffer(f"{modality}_projection", torch.zeros(width, self.K))

    @abstractmethod
    def fit(self, V: Tensor, T: Tensor) -> tuple[Tensor, Tensor]:
        """W_v (d_v, K) and W_t (d_t, K) of the training items' V (n, d_v) and T (n, d_t).

        Both are float64, of unit length before they were centred.
        """

    def stages(self) -> Sequence[Stage]:
        """One stage without epochs: means and projections."""
        return [Stage("fit", "Projection", epochs=0, batch_size=1)]

    def begin_stage(self, stage: Stage) -> None:  # noqa: ARG002
        """Takes the means and solves for the projections."""
        train = self.context.train
        V, T = (F.normalize(x.double(), dim=1) for x in (train.images, train.texts))
        if self.centred:
            self.image_mean.copy_(V.mean(0))
            self.text_mean.copy_(T.mean(0))
            V, T = V - V.mean(0), T - T.mean(0)
        W_v, W_t = self.fit(V, T)
        self.image_projection.copy_(W_v)
        self.text_projection.copy_(W_t)

    def refuse_more_bits_than(self, dimensions: int) -> None:
        """Raises InputError where there are fewer directions than bits."""
        if dimensions < self.K:
            raise InputError(
                f"these features have {dimensions} directions, which are fewer than {self.K} bits",
                where="--bits",
                remedy=f"--bits of {dimensions} at most, or lsh",
            )

    def encode_image(self, images: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self.K: (F.normalize(images, dim=1) - self.image_mean) @ self.image_projection}

    def encode_text(self, texts: Tensor) -> dict[int, Tensor]:
        """(n, d) -> {K: (n, K)}."""
        return {self.K: (F.normalize(texts, dim=1) - self.text_mean) @ self.text_projection}
