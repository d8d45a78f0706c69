"""DNpH (Qin et al., TMM 2024) on frozen features."""

from __future__ import annotations

import torch
from torch import nn

from hashbench.methods.base import Batch, Stage, Term
from hashbench.methods.dnph_tmm.loss import quadratic_information
from hashbench.methods.frozen import FrozenHeads
from hashbench.nn.heads import LinearHashHead


class Dnph(FrozenHeads):
    """One linear head a modality, as DSPH of the same group has it."""

    def make_head(self, width: int, modality: str) -> nn.Module:  # noqa: ARG002
        """tanh(dropout(W x + b))."""
        return LinearHashHead(width, self.K, self.context.real("dropout"))

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """The same term within both modalities and across them."""
        h_v, h_t = self.image_head(batch.images), self.text_head(batch.texts)
        similar = self.batch_similarity(batch)
        pairs = 1 if self.context.text("reduction") == "mean" else len(batch.index) ** 2
        within = [quadratic_information(h, h, similar) for h in (h_v, h_t)]
        return {
            "within modalities": Term(torch.stack(within).sum(), pairs),
            "across modalities": Term(quadratic_information(h_v, h_t, similar), pairs),
        }
