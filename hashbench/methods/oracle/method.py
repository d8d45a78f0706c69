"""Codes of the true labels: sign((L - mean) G)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hashbench.methods.base import Method, MethodContext, Stage
from hashbench.nn.class_codes import class_projection


class Oracle(Method):
    """Image and text of an item get one code, that of its label set. It encodes nothing else."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        (self.K,) = context.bits
        C = context.train.labels.shape[1]
        self.mean: Tensor
        self.G: Tensor
        self.register_buffer("mean", torch.zeros(C))
        self.register_buffer("G", torch.zeros(C, self.K))

    def stages(self) -> list[Stage]:
        """One stage without epochs: the classes' means and the projection."""
        return [Stage("fit", "Label codes", epochs=0, batch_size=1)]

    def begin_stage(self, stage: Stage) -> None:  # noqa: ARG002
        """Takes both from the known labels of the training items."""
        labels = self.context.train.labels
        self.mean.copy_(labels.mean(0))
        kind, seed = self.context.text("codes"), self.context.seed
        self.G.copy_(class_projection(kind, labels - self.mean, self.K, seed))

    def encode_published(
        self,
        images: Any,  # noqa: ARG002
        texts: Any,  # noqa: ARG002
        labels: Tensor,
    ) -> dict[str, dict[int, Tensor]]:
        """Labels (n, C) -> one code for both modalities."""
        codes = {self.K: (labels.to(self.G) - self.mean) @ self.G}
        return {"image": codes, "text": codes}
