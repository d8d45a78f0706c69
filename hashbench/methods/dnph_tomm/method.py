"""DNPH (Huo et al., TOMM 2024) on frozen features.

The release also trains a classifier of each modality on CLIP's features. On frozen features it
would change no code, so that it is left out.
"""

from __future__ import annotations

import torch
from torch import nn

from hashbench.methods.base import Batch, Stage, Term
from hashbench.methods.context import MethodContext
from hashbench.methods.dnph_tomm.loss import proxy_softmax, uniformity
from hashbench.methods.frozen import FrozenHeads
from hashbench.nn.heads import LinearHashHead
from hashbench.nn.monitors import signs

_PROXY_SCALE = 1 / 8


class Dnph(FrozenHeads):
    """Proxies (C, K) start as normal draws / 8."""

    def __init__(self, context: MethodContext) -> None:
        super().__init__(context)
        drawn = torch.randn(context.train.labels.shape[1], self.K) * _PROXY_SCALE
        self.proxies = nn.Parameter(drawn, requires_grad=context.text("proxies") == "trained")

    def make_head(self, width: int, modality: str) -> nn.Module:  # noqa: ARG002
        """tanh(dropout(W x + b))."""
        return LinearHashHead(width, self.K, self.context.real("dropout"))

    def optimiser(self, stage: Stage) -> torch.optim.Optimizer:  # noqa: ARG002
        """BertAdam for the heads, SGD at a constant rate for proxies that are trained."""
        return self.optimiser_with_proxies(self.proxies, self.context.real("proxy_lr"))

    def losses(self, stage: Stage, batch: Batch) -> dict[str, Term]:  # noqa: ARG002
        """L_p over both modalities stacked, less the alignment with random sign vectors."""
        h_v, h_t = self.image_head(batch.images), self.text_head(batch.texts)
        known = self.counted_labels(batch)
        proxy = proxy_softmax(
            torch.cat([h_v, h_t]),
            self.proxies,
            batch.labels.repeat(2, 1),
            known.repeat(2, 1),
            self.context.real("margin"),
        )
        # both modalities are assigned the same vectors, each in an order of its own
        vectors = signs(torch.randn_like(h_v))
        aligned = uniformity(h_v, vectors) + uniformity(h_t, vectors)
        return {
            "proxies": Term(proxy),
            "uniformity": Term(aligned, -self.context.real("uniformity")),
        }
