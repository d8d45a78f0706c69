"""DHaPH (Huo et al., TKDE 2024) on frozen features: its self-paced contrast.

The paper's hyperbolic proxies are left out: in both releases their loss is computed on detached
codes, so that it trains its own layers and changes no code.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hashbench.methods.base import Batch, Stage, Term
from hashbench.methods.context import MethodContext
from hashbench.methods.dhaph.loss import self_paced_contrast
from hashbench.methods.frozen import FrozenHeads
from hashbench.nn.heads import LinearHashHead


class Dhaph(FrozenHeads):
    """One linear head a modality; the epoch sets how much hard pairs count."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        self.epoch: Tensor
        self.register_buffer("epoch", torch.tensor(0))

    def make_head(self, width: int, modality: str) -> nn.Module:  # noqa: ARG002
        """tanh(dropout(W x + b))."""
        return LinearHashHead(width, self.K, self.context.real("dropout"))

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:
        """The contrast within both modalities and across them."""
        h_v, h_t = self.image_head(batch.images), self.text_head(batch.texts)
        similar, temperature = self.batch_similarity(batch), self.context.real("temperature")
        delta = min(1.0, self.context.real("pace") * int(self.epoch) / stage.epochs)
        image, text, across = (
            self_paced_contrast(x, y, similar, temperature, delta)
            for x, y in ((h_v, h_v), (h_t, h_t), (h_v, h_t))
        )
        return {"within modalities": Term(image + text), "across modalities": Term(across)}

    def end_epoch(self, stage: Stage) -> Mapping[str, float]:
        """Counts the epoch."""
        self.epoch += 1
        return super().end_epoch(stage)
