"""JDSH (Liu et al., SIGIR 2020) on frozen features.

The release (github KaiserLew/JDSH) holds thresholds that were fitted to AlexNet features and bags
of words; on other features they mark no pair or all, so that they are fitted to the run's own here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hashbench.methods.base import Batch, Stage, Term
from hashbench.methods.context import MethodContext
from hashbench.methods.frozen import AnnealedHeads
from hashbench.nn.feature_similarity import (
    Thresholds,
    cosines,
    fitted_thresholds,
    jdsh_similarity,
    sharpened,
    structure_loss,
)

FITTED_ON = 32  # batches whose similarities the thresholds are fitted to
RELEASED = Thresholds(-0.52, 0.68, -0.49 - 2.0 * 0.019, -0.49 + 4.0 * 0.088)


class Jdsh(AnnealedHeads):
    """As DJSRH, with another joint similarity, and pairs drawn together besides."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        self.thresholds: Tensor
        self.register_buffer("thresholds", torch.zeros(4, dtype=torch.float64))

    def begin_stage(self, stage: Stage) -> None:
        """Fits the thresholds to similarities within batches drawn at random."""
        train, real = self.context.train, self.context.real
        fitted = RELEASED
        if self.context.text("thresholds") == "fitted":
            size = max(2, min(stage.batch_size, len(train)))
            draws = [torch.randperm(len(train))[:size] for _ in range(FITTED_ON)]
            matrices = [
                self._joint(train.images[rows], train.texts[rows])
                for rows in (draw.to(train.images.device) for draw in draws)
            ]
            fitted = fitted_thresholds(matrices, real("below"), real("above"))
        values = [fitted.low, fitted.high, fitted.left, fitted.right]
        self.thresholds.copy_(torch.tensor(values, dtype=torch.float64))

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """Structure across and within modalities, minus the mean cosine of an item's two codes."""
        real = self.context.real
        at = Thresholds(*self.thresholds.tolist())
        S = self._joint(batch.images, batch.texts)
        S = real("mu") * sharpened(S, at, real("dissimilar"), real("similar"))
        h_v, h_t = self.image_head(batch.images), self.text_head(batch.texts)
        across = structure_loss(h_v, h_t, S) + structure_loss(h_t, h_v, S)
        return {
            "inter": Term(across - cosines(h_v, h_t).diagonal().mean()),
            "image": Term(structure_loss(h_v, h_v, S), real("intra")),
            "text": Term(structure_loss(h_t, h_t, S), real("intra")),
        }

    def _joint(self, images: Tensor, texts: Tensor) -> Tensor:
        real = self.context.real
        return jdsh_similarity(images, texts, (real("images"), real("texts"), real("across")))
